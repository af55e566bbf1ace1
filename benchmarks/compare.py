"""Is commit B slower than commit A? ``python -m benchmarks.compare A B``.

Each is built from a git worktree of its own into an environment of its own, both in a temporary
folder; then the two take turns on the workloads. The exit status is 1 when B is slower on one of
them: when even the lower quartile of the rounds' ratios B/A lies above the tolerance. It is 2 when
something could not be built or run.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from benchmarks.console import console_for, progress_console
from benchmarks.machine import describe
from benchmarks.options import parser_for, write_json
from benchmarks.peers import OURS
from benchmarks.processes import ROOT, Turns, end_cleanly, seat
from benchmarks.spread import Spread, figure
from benchmarks.workloads import WORKLOADS, Workload


class CannotCompare(Exception):
    """A commit that is unknown, does not build or does not run."""


@dataclass(frozen=True)
class Comparison:
    """Both commits on one workload, in the workload's unit."""

    workload: str
    unit: str
    a: Spread
    b: Spread
    ratio: Spread  # B/A

    def slower(self, tolerance: float) -> bool:
        """Whether B is slower than A by more than the tolerance, and not by chance."""
        return self.ratio.lower_quartile > 1 + tolerance


def _run(command: Sequence[object], what: str) -> str:
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise CannotCompare(f"{what}: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout.strip()


@contextlib.contextmanager
def built(commit: str, folder: Path) -> Iterator[Path]:
    """Build a commit; yield the interpreter that has it. The worktree is removed afterwards."""
    source, environment = folder / "source", folder / "environment"
    add = ["git", "worktree", "add", "--detach", "--quiet", source, commit]
    _run(add, f"There is no worktree of {commit}")
    try:
        venv.create(environment, with_pip=False, symlinks=True)
        python = environment / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
        _run([*pip, "install", "--quiet", "--no-deps", source], f"{commit} does not build")
        _borrow_packages(python)
        yield python
    finally:
        with contextlib.suppress(CannotCompare):
            _run(["git", "worktree", "remove", "--force", source], "")


def _borrow_packages(python: Path) -> None:
    """Let the new environment see this one's packages, after its own.

    Only now: pip should not find this environment's gatecast and wonder whether to replace it.
    """
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(_run([python, "-c", code], "The new environment does not start"))
    paths = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (site / "borrowed.pth").write_text("\n".join(paths) + "\n")


def compare(w: Workload, pythons: Sequence[Path], rounds: int, threads: int) -> Comparison:
    """Let both take turns on a workload."""
    named = dict(zip("AB", pythons, strict=True))
    with Turns({k: seat(OURS, w, threads, str(python)) for k, python in named.items()}) as turns:
        turns.get_ready()
        for name, python in named.items():
            origin = turns.versions.get(name, {}).get("gatecast from")
            if origin and not Path(origin).is_relative_to(python.parent.parent):
                raise CannotCompare(f"{name} would run {origin}, which is not what was built")
        runs = turns.rounds(rounds)
    for name, error in {**turns.absent, **turns.errors}.items():
        raise CannotCompare(f"{name} on {w.name}: {error}")
    times = {name: Spread.of(run.seconds * w.scale for run in of) for name, of in runs.items()}
    ratio = Spread.ratio(times["B"], times["A"])
    return Comparison(w.name, w.unit, times["A"], times["B"], ratio)


def table(rows: Sequence[Comparison], tolerance: float, title: str) -> Table:
    """Return a row a workload."""
    printed = Table(title=title, title_justify="left")
    printed.add_column("workload")
    for heading in ("A", "B", "B/A", "quartiles", "min … max"):
        printed.add_column(heading, justify="right")
    printed.add_column("")
    for row in rows:
        ratio = row.ratio
        verdict = "[red]slower[/]" if row.slower(tolerance) else ""
        if ratio.upper_quartile < 1 - tolerance:
            verdict = "[green]faster[/]"
        printed.add_row(
            f"{row.workload}, {row.unit}",
            figure(row.a.median),
            figure(row.b.median),
            f"{ratio.median:.3f}",
            f"{ratio.lower_quartile:.3f} … {ratio.upper_quartile:.3f}",
            f"{ratio.lowest:.3f} … {ratio.highest:.3f}",
            verdict,
        )
    return printed


def parsed() -> argparse.Namespace:
    names = [w.name for w in WORKLOADS]
    parser = parser_for(__doc__, rounds=9)
    parser.add_argument("a", metavar="COMMIT_A")
    parser.add_argument("b", metavar="COMMIT_B")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="WORKLOAD")
    parser.add_argument("--tolerance", type=float, default=0.05, help="0.05 is 5 %%")
    return parser.parse_args()


def main() -> int:
    """Build, compare, print; return the exit status."""
    end_cleanly()
    arguments, machine = parsed(), describe()
    rows: list[Comparison] = []
    console, progress = console_for(sys.stdout), progress_console()
    try:
        hashes = [
            _run(["git", "rev-parse", "--verify", f"{commit}^{{commit}}"], f"No commit {commit}")
            for commit in (arguments.a, arguments.b)
        ]
        with contextlib.ExitStack() as stack, progress.status("") as status:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            pythons = []
            for name, commit in zip("AB", hashes, strict=True):
                status.update(f"building {name}, {commit[:10]}")
                (folder / name).mkdir()
                pythons.append(stack.enter_context(built(commit, folder / name)))
            for w in WORKLOADS:
                if w.name in arguments.only:
                    status.update(w.name)
                    rows.append(compare(w, pythons, arguments.rounds, arguments.threads))
    except CannotCompare as error:
        progress.print(str(error), style="red", highlight=False, markup=False)
        return 2
    title = (
        f"A = {hashes[0][:10]}, B = {hashes[1][:10]}; {machine['cpu']}, threads: "
        f"{arguments.threads}; medians of {arguments.rounds} rounds"
    )
    console.print(table(rows, arguments.tolerance, title))
    everything = {
        "machine": machine,
        "threads": arguments.threads,
        "a": hashes[0],
        "b": hashes[1],
        "tolerance": arguments.tolerance,
        "workloads": [{**asdict(row), "slower": row.slower(arguments.tolerance)} for row in rows],
    }
    write_json(arguments.json, everything)
    return int(any(row.slower(arguments.tolerance) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
