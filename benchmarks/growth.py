"""How gatecast's time and memory grow: ``python -m benchmarks.growth``.

Time of an epoch against the number of windows, which should be a straight line; memory that
training adds to the values' own; and the cost of a step against hidden size, length and batch.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.table import Table

from benchmarks.console import console_for, progress_console
from benchmarks.machine import PeakMeter, describe, peak_for
from benchmarks.options import parser_for, write_json
from benchmarks.peers import OURS
from benchmarks.processes import ROOT, Absent, Died, Turns, Worker, end_cleanly
from benchmarks.spread import Spread, figure
from benchmarks.workloads import Workload, global_workload

HIDDEN = (5, 10, 20, 32, 64, 128, 200, 256, 512)
LENGTHS = (16, 48, 96, 256, 1024, 2048)
BATCHES = (8, 32, 256, 1024, 4096)
PARTS = ("time", "memory", "cost")
LINEAR = 0.10  # by how much a window's time may differ from the largest size's
CENTRE = (64, 48, 256)  # W2

# 100,000 series of 100 points. The network is small, so that the 6.5 million windows take seconds:
# what training holds beside the values is per series and per window, not per unit.
MEMORY = replace(
    global_workload("memory", (8,), 24, 1024, 1), n_series=100_000, length=100, unit="ms an epoch"
)


@dataclass(frozen=True)
class Epoch:
    """Time of one epoch over so many windows."""

    windows: int
    seconds: Spread
    microseconds_a_window: float
    relative: float  # to the largest number of windows


@dataclass(frozen=True)
class Cell:
    """The cost of a step at one hidden size (of two layers), length and batch."""

    hidden_size: int
    length: int
    batch_size: int
    ms_a_step: Spread | None
    gflops: float | None
    share_of_peak: float | None
    skipped: str = ""


def epochs(windows: Sequence[int], rounds: int, threads: int) -> list[Epoch]:
    """Time an epoch of W2's network over windows from series of 1,059 points, sizes in turns."""
    w2 = global_workload("growth", (64, 64), 48, 256, 1)
    seats = {
        str(n): Worker(
            OURS, replace(w2, unit="ms an epoch", n_series=n // 1000, length=1059), threads
        )
        for n in windows
    }
    with Turns(seats) as turns:
        turns.get_ready()
        runs = turns.rounds(rounds)
    for name, error in {**turns.absent, **turns.errors}.items():
        raise SystemExit(f"{name} windows: {error}")
    spreads = {n: Spread.of(run.seconds for run in runs[str(n)]) for n in windows}
    largest = max(windows)
    slope = spreads[largest].median / largest
    return [
        Epoch(n, spread, spread.median / n * 1e6, spread.median / n / slope)
        for n, spread in sorted(spreads.items())
    ]


def memory(threads: int) -> dict[str, float]:
    """Train in a fresh process and return what it held at its peak."""
    code = "from benchmarks.growth import train_and_tell; train_and_tell()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(threads)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"The training for memory failed: {done.stderr.strip()[-500:]}")
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def train_and_tell() -> None:
    """In the fresh process: train one epoch and print megabytes before, and at the peak."""
    import numpy as np

    from benchmarks.peers.ours import Job

    threads = int(sys.argv[1])
    # All code and threads are there before the values are, so that only data count as growth.
    Job(replace(MEMORY, n_series=64), threads, "float32").fit(1)
    job = Job(replace(MEMORY, n_series=1), threads, "float32")
    y = np.empty((MEMORY.n_series, MEMORY.length))
    np.random.default_rng(0).standard_normal(out=y)
    _forget_peak()
    before, peak_before = _status("VmRSS"), _status("VmHWM")
    job.fit(1, y)
    peak = _status("VmHWM")
    print(
        json.dumps(
            {
                "values_mb": y.nbytes / 2**20,
                "before_mb": before,
                "peak_mb": peak,
                "added_mb": peak - before,
                "added_over_values": (peak - before) * 2**20 / y.nbytes,
                "peak_was_reached_before": peak <= peak_before,
            }
        )
    )


def _forget_peak() -> None:
    """Set VmHWM back to what is held now, where Linux lets us."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _status(name: str) -> float:
    """Return a line of /proc/self/status in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 2**10
    raise SystemExit(f"/proc/self/status has no {name}")


def cross(full: bool) -> Iterator[tuple[int, int, int]]:
    """Return hidden sizes, lengths and batches: one varied at a time, and corners; or all."""
    if full:
        yield from itertools.product(HIDDEN, LENGTHS, BATCHES)
        return
    h, t, b = CENTRE
    hs, ts, bs = ((axis[0], axis[-1]) for axis in (HIDDEN, LENGTHS, BATCHES))
    yield from dict.fromkeys(
        [
            *((size, t, b) for size in HIDDEN),
            *((h, length, b) for length in LENGTHS),
            *((h, t, batch) for batch in BATCHES),
            *itertools.product(hs, ts, bs),
        ]
    )


def cells(
    which: Sequence[tuple[int, int, int]],
    *,
    budget: float,
    threads: int,
    meter: PeakMeter,
    say: Callable[[str], None],
) -> list[Cell]:
    """Time a step of each; one that would not fit into the budget's seconds is left out."""
    peak = peak_for(meter.measure(), "float32") or 50.0
    return [_cell(*one, budget, peak, threads, meter, say) for one in which]


def _cell(
    hidden: int,
    length: int,
    batch: int,
    budget: float,
    peak: float,
    threads: int,
    meter: PeakMeter,
    say: Callable[[str], None],
) -> Cell:
    say(f"hidden {hidden}, length {length}, batch {batch}")
    one = global_workload("cell", (hidden, hidden), length, batch, 1)
    guess = one.flops / (0.4e9 * peak)
    if 4 * guess > budget:  # a warm-up and a round, each of two epochs of at least one step
        reason = f"about {figure(guess)} s a step"
        return Cell(hidden, length, batch, None, None, None, reason)
    steps = max(1, min(64, int(0.1 / guess)))
    epochs_a_run = max(1, min(20, int(0.05 / (steps * guess))))
    w = replace(overlapping(one, steps), repeats=epochs_a_run)
    rounds = max(1, min(3, int(budget / (2 * guess)) - 1))
    peaks = []
    try:
        with Turns({"ours": Worker(OURS, w, threads)}) as turns:
            turns.get_ready()
            runs = turns.rounds(rounds, after_each=lambda: peaks.append(meter.measure()))
            if "ours" not in runs:
                raise Died(str({**turns.absent, **turns.errors}["ours"]))
    except (Absent, Died) as reason:
        return Cell(hidden, length, batch, None, None, None, str(reason))
    time = Spread.of(run.seconds * w.scale for run in runs["ours"])
    gflops = Spread.of(w.flops / run.seconds / 1e9 for run in runs["ours"])
    limits = [peak_for(p, "float32") for p in peaks]
    shares = [g / p for g, p in zip(gflops.rounds, limits, strict=True) if p]
    share = Spread.of(shares).median if shares else None
    return Cell(hidden, length, batch, time, gflops.median, share)


def overlapping(w: Workload, steps: int) -> Workload:
    """Return the workload with its windows cut from a single series, so that long ones fit."""
    windows = w.batch_size * steps
    return replace(w, n_series=1, length=w.context_length + w.h + windows - 1)


def print_everything(
    timed: list[Epoch], held: dict[str, float] | None, costs: list[Cell], title: str
) -> None:
    """Print a table for each question that was asked."""
    console = console_for(sys.stdout)
    console.print(title, highlight=False)
    if timed:
        table = Table(title="An epoch of W2's network", title_justify="left")
        for heading in ("windows", "s an epoch", "min … max", "µs a window", "to the largest"):
            table.add_column(heading, justify="right")
        for row in timed:
            table.add_row(
                f"{row.windows:,}",
                figure(row.seconds.median),
                f"{figure(row.seconds.lowest)} … {figure(row.seconds.highest)}",
                figure(row.microseconds_a_window),
                f"{row.relative:.2f}",
            )
        console.print(table)
        apart = max(abs(row.relative - 1) for row in timed)
        console.print(
            f"A window's time differs by at most {apart:.0%} from that at {timed[-1].windows:,} "
            f"windows: {'linear' if apart <= LINEAR else 'not linear'}.",
            highlight=False,
        )
    if held:
        size = "→".join(map(str, MEMORY.hidden_size))
        console.print(
            f"Memory of training a network of {size} units (context {MEMORY.context_length}, "
            f"horizon {MEMORY.h}, batch {MEMORY.batch_size:,}) for an epoch on "
            f"{MEMORY.n_series:,} series of {MEMORY.length} points, "
            f"{MEMORY.training_windows:,} windows: {held['before_mb']:.0f} MB before, of which "
            f"{held['values_mb']:.0f} MB are the values; {held['peak_mb']:.0f} MB at the peak; "
            f"added {held['added_mb']:.0f} MB, {held['added_over_values']:.2f} times the values.",
            highlight=False,
        )
    if costs:
        table = Table(title="A step, two layers", title_justify="left")
        for heading in ("hidden", "length", "batch", "ms a step", "GFLOP/s", "of peak", ""):
            table.add_column(heading, justify="right")
        for cell in costs:
            table.add_row(
                str(cell.hidden_size),
                f"{cell.length:,}",
                f"{cell.batch_size:,}",
                figure(cell.ms_a_step.median) if cell.ms_a_step else "",
                figure(cell.gflops) if cell.gflops else "",
                f"{cell.share_of_peak:.0%}" if cell.share_of_peak else "",
                cell.skipped,
            )
        console.print(table)


def main() -> None:
    """Measure, print, and write down."""
    end_cleanly()
    parser = parser_for(__doc__, rounds=3)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--full", action="store_true", help="a million windows; all combinations")
    parser.add_argument("--windows", nargs="+", type=int, help="other numbers; of thousands")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds for one cell")
    arguments = parser.parse_args()
    windows = arguments.windows or [1_000, 10_000, 100_000] + [1_000_000] * arguments.full
    if any(n <= 0 or n % 1000 for n in windows):
        raise SystemExit(f"--windows takes multiples of 1,000; received {windows}")
    machine, threads = describe(), arguments.threads
    timed: list[Epoch] = []
    costs: list[Cell] = []
    held = None
    with progress_console().status("") as status:
        if "time" in arguments.parts:
            status.update("time of an epoch")
            timed = epochs(windows, arguments.rounds, threads)
        if "memory" in arguments.parts:
            status.update("memory")
            held = memory(threads)
        if "cost" in arguments.parts:
            with PeakMeter(threads) as meter:
                costs = cells(
                    list(cross(arguments.full)),
                    budget=arguments.budget,
                    threads=threads,
                    meter=meter,
                    say=status.update,
                )
    print_everything(timed, held, costs, f"{machine['cpu']}, threads: {threads}")
    everything = {
        "machine": machine,
        "threads": threads,
        "epochs": [asdict(row) for row in timed],
        "memory": {"workload": MEMORY.to_dict(), **held} if held else None,
        "cost": [asdict(cell) for cell in costs],
    }
    write_json(arguments.json, everything)


if __name__ == "__main__":
    main()
