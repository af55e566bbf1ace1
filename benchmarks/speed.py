"""Time gatecast beside its peers, and beside what the machine can do.

Run ``make bench``, or ``python -m benchmarks.speed --python torch=/some/venv/bin/python``. Each
peer is a process of its own; they take turns, so that a ratio holds when the machine's speed
drifts, and the machine's peak is measured in the same rounds. Figures are medians over rounds; a
ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.chart import Bar, draw
from benchmarks.console import console_for, progress_console
from benchmarks.machine import PeakMeter, Peaks, describe, peak_for
from benchmarks.options import add_peer_options, parser_for, pythons_from, write_json
from benchmarks.peers import PEERS, Peer
from benchmarks.processes import Run, Turns, end_cleanly, seat
from benchmarks.spread import Spread, figure
from benchmarks.workloads import ABOUT, TARGETS, WORKLOADS, Target, Workload


@dataclass
class Row:
    """One peer on one workload, in the workload's unit."""

    peer: Peer
    time: Spread
    gflops: Spread | None = None
    setup_ms: Spread | None = None  # what a fit takes beside its epochs
    share: Spread | None = None  # of the peak of the same rounds
    ratios: dict[str, Spread] = field(default_factory=dict)  # its time to that of ours


@dataclass
class Result:
    """All peers on one workload."""

    workload: Workload
    rows: list[Row]
    peaks: dict[str, tuple[Spread, Spread]]
    absent: dict[str, str]
    errors: dict[str, str]
    versions: dict[str, str]

    def row(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.peer.name == name), None)


def measure(
    w: Workload,
    peers: Sequence[Peer],
    *,
    rounds: int,
    threads: int,
    pythons: dict[str, str],
    meter: PeakMeter,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """Let the peers take turns on one workload, after a round to warm up."""
    seats = {
        peer.name: seat(peer, w, threads, pythons.get(peer.library, sys.executable))
        for peer in peers
    }
    peaks: list[Peaks] = []
    with Turns(seats) as turns:
        say(f"{w.name}: getting ready")
        turns.get_ready()
        runs = turns.rounds(
            rounds,
            after_each=lambda: peaks.append(meter.measure()),
            say=lambda what: say(f"{w.name}, {what}"),
        )
    rows = [_row(peer, w, runs[peer.name], peaks) for peer in peers if peer.name in runs]
    for ours in (row for row in rows if row.peer.is_ours):
        for row in rows:
            if row is not ours:
                row.ratios[ours.peer.name] = Spread.ratio(row.time, ours.time)
    versions = {k: v for known in turns.versions.values() for k, v in known.items()}
    return Result(w, rows, _over_rounds(peaks), turns.absent, turns.errors, versions)


def _row(peer: Peer, w: Workload, runs: list[Run], peaks: list[Peaks]) -> Row:
    row = Row(peer, Spread.of(run.seconds * w.scale for run in runs))
    setups = [run.setup * 1e3 for run in runs if run.setup is not None]
    if setups:
        row.setup_ms = Spread.of(setups)
    if not w.cold:
        row.gflops = Spread.of(w.flops / run.seconds / 1e9 for run in runs)
        limits = [peak_for(peak, peer.precision) for peak in peaks]
        pairs = [(g, p) for g, p in zip(row.gflops.rounds, limits, strict=True) if p]
        if pairs:
            row.share = Spread.of(gflops / peak for gflops, peak in pairs)
    return row


def _over_rounds(peaks: list[Peaks]) -> dict[str, tuple[Spread, Spread]]:
    kinds = set.intersection(*(set(peak) for peak in peaks)) if peaks else set()
    return {
        kind: (Spread.of(p[kind][0] for p in peaks), Spread.of(p[kind][1] for p in peaks))
        for kind in sorted(kinds)
    }


def reached(target: Target, result: Result) -> float | None:
    """Return what was measured where the target says what is wanted; None if nothing was."""
    ours = result.row(target.ours)
    if ours is None or (target.needs_amx and "amx" not in result.peaks):
        return None
    if target.measure == "ratio":
        peer = result.row(target.against)
        return peer.ratios[target.ours].median if peer else None
    spread = {"share": ours.share, "gflops": ours.gflops, "time": ours.time}[target.measure]
    return spread.median if spread else None


def wanted(target: Target, unit: str) -> str:
    """Return a target as text."""
    match target.measure:
        case "ratio":
            return f"≥ {target.limit:g}×"
        case "share":
            return f"≥ {target.limit:.0%}"
        case "gflops":
            return f"≥ {target.limit:g} GFLOP/s"
        case "time":
            return f"≤ {target.limit:g} {unit}"


def table(results: Sequence[Result], title: str) -> Table:
    """Return everything as one table."""
    ours = [p for p in PEERS if p.is_ours and any(r.row(p.name) for r in results)]
    printed = Table(title=title, title_justify="left", header_style="bold")
    for heading in ("workload", "peer"):
        printed.add_column(heading, no_wrap=True)
    for heading in ("median", "min … max", "GFLOP/s", "of peak"):
        printed.add_column(heading, justify="right", no_wrap=True)
    for one in ours:
        printed.add_column(f"to {one.label}", justify="right")
    printed.add_column("target")
    for result in results:
        w = result.workload
        targets = [(t, reached(t, result)) for t in TARGETS if t.workload == w.name]
        for i, row in enumerate(result.rows):
            marks = [
                f"[{'green' if t.met(value) else 'red'}]{wanted(t, w.unit)}[/]"
                for t, value in targets
                if value is not None and row.peer.name == (t.against or t.ours)
            ]
            name = f"[bold]{row.peer.label}[/]" if row.peer.is_ours else row.peer.label
            printed.add_row(
                f"{w.name}, {w.unit}" if i == 0 else "",
                name,
                figure(row.time.median),
                f"{figure(row.time.lowest)} … {figure(row.time.highest)}",
                figure(row.gflops.median) if row.gflops else "",
                f"{row.share.median:.0%}" if row.share else "",
                *(
                    f"{row.ratios[one.name].median:.2f}×" if one.name in row.ratios else ""
                    for one in ours
                ),
                ", ".join(marks),
            )
        for name in result.errors:
            printed.add_row("", name, "[red]failed[/]")
        printed.add_section()
    return printed


def peaks_in_words(results: Sequence[Result], threads: int) -> str:
    """Return the machine's peaks, medians over all rounds of all workloads."""
    words = []
    for kind, unit in (
        ("fma", "float32 FMA"),
        ("bf16", "bf16 dot product"),
        ("amx", "AMX bf16"),
        ("triad", "memory"),
    ):
        measured = [result.peaks[kind] for result in results if kind in result.peaks]
        if measured:
            one, all_ = (
                Spread.of(v for pair in measured for v in pair[side].rounds).median
                for side in (0, 1)
            )
            what = "GB/s" if kind == "triad" else "GFLOP/s"
            more = f", {figure(all_)} on {threads}" if threads > 1 else ""
            words.append(f"{unit} {figure(one)} {what} on 1 thread{more}")
    return "; ".join(words)


def setups_in_words(results: Sequence[Result]) -> list[str]:
    """Return what ours needed beside the epochs that the table has, a line a precision."""
    lines = []
    for peer in PEERS:
        rows = [(result.workload.name, result.row(peer.name)) for result in results]
        words = [
            f"{name} {figure(row.setup_ms.median)} ms" for name, row in rows if row and row.setup_ms
        ]
        if words:
            lines.append(f"Beside its epochs a fit of {peer.label} takes: {', '.join(words)}")
    return lines


def notes(results: Sequence[Result]) -> list[str]:
    """Return who was absent, once, and who failed, where."""
    absent = {f"{name} left out: {why}" for r in results for name, why in r.absent.items()}
    failed = [
        f"{r.workload.name}: {name} failed: {why}"
        for r in results
        for name, why in r.errors.items()
    ]
    return sorted(absent) + failed + disturbance(results)


def disturbance(results: Sequence[Result]) -> list[str]:
    """Say so where the peak itself varied: then something else was running."""
    said = []
    for result in results:
        one, all_ = result.peaks.get("fma", (None, None))
        for peak, threads in ((one, "one thread"), (all_, "all threads")):
            if peak and peak.lowest < 0.9 * peak.highest:
                said.append(
                    f"{result.workload.name}: the peak on {threads} varied from "
                    f"{figure(peak.lowest)} to {figure(peak.highest)} GFLOP/s: "
                    "the machine was not quiet."
                )
    return said


def report(
    results: Sequence[Result], machine: dict[str, Any], rounds: int, threads: int
) -> dict[str, Any]:
    """Return everything that was measured, for JSON."""
    return {
        "machine": machine,
        "versions": {k: v for r in results for k, v in r.versions.items()},
        "rounds": rounds,
        "threads": threads,
        "workloads": [
            {
                **result.workload.to_dict(),
                "about": ABOUT[result.workload.name],
                "gflop_of_a_unit": result.workload.flops / result.workload.units / 1e9,
                "peaks": {
                    kind: {"one_thread": asdict(one), "all_threads": asdict(all_)}
                    for kind, (one, all_) in result.peaks.items()
                },
                "rows": [
                    {
                        "peer": row.peer.name,
                        "label": row.peer.label,
                        "precision": row.peer.precision,
                        "time": asdict(row.time),
                        "setup_ms": asdict(row.setup_ms) if row.setup_ms else None,
                        "gflops": asdict(row.gflops) if row.gflops else None,
                        "share_of_peak": asdict(row.share) if row.share else None,
                        "ratio_to": {k: asdict(v) for k, v in row.ratios.items()},
                    }
                    for row in result.rows
                ],
                "absent": result.absent,
                "errors": result.errors,
                "targets": [
                    {
                        **asdict(target),
                        "value": value,
                        "met": None if value is None else target.met(value),
                    }
                    for target in TARGETS
                    if target.workload == result.workload.name
                    for value in [reached(target, result)]
                ],
            }
            for result in results
        ],
    }


def bars(result: Result) -> list[Bar]:
    """Return a bar a peer, against ours in the same precision, or in float32 if there is none."""
    found = []
    for row in result.rows:
        if row.peer.is_ours:
            continue
        name = "ours-bf16" if row.peer.precision == "bfloat16" else "ours"
        ratio = row.ratios.get(name) or row.ratios.get("ours")
        if ratio:
            found.append(Bar(row.peer.label, row.peer.library, ratio.median))
    return found


def caption(result: Result) -> str:
    ours = [row for row in result.rows if row.peer.is_ours]
    times = ", ".join(
        f"{row.peer.label} {figure(row.time.median)} {result.workload.unit}" for row in ours
    )
    return f"{ABOUT[result.workload.name]}: {times}"


def parsed() -> argparse.Namespace:
    parser = parser_for(__doc__, rounds=5)
    add_peer_options(parser, [peer.name for peer in PEERS])
    names = [w.name for w in WORKLOADS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="WORKLOAD")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw the ratios as an SVG")
    parser.add_argument(
        "--quick", action="store_true", help="two rounds of W1, W2 and W5, unless told otherwise"
    )
    arguments = parser.parse_args()
    if arguments.quick:
        if arguments.rounds == parser.get_default("rounds"):
            arguments.rounds = 2
        if arguments.only == names:
            arguments.only = ["W1", "W2", "W5"]
    return arguments


def main() -> int:
    """Measure what was asked for, print it, and write it down; if interrupted, what there is."""
    end_cleanly()
    arguments = parsed()
    pythons, machine, threads = pythons_from(arguments.python), describe(), arguments.threads
    console, progress = console_for(sys.stdout), progress_console()
    if machine["load_before"] > 0.5:
        progress.print(f"The machine is busy already: load {machine['load_before']:.1f}.")
    peers = [peer for peer in PEERS if peer.name in arguments.peers]
    results: list[Result] = []
    remarks: list[str] = []
    with PeakMeter(threads) as meter, progress.status("") as status:
        try:
            for w in (w for w in WORKLOADS if w.name in arguments.only):
                result = measure(
                    w,
                    [p for p in peers if w.bfloat16 or p.precision == "float32"],
                    rounds=arguments.rounds,
                    threads=threads,
                    pythons=pythons,
                    meter=meter,
                    say=status.update,
                )
                results.append(result)
        except (KeyboardInterrupt, SystemExit):
            remarks.append("Interrupted: the other workloads were not measured.")
        if meter.note:
            remarks.append(meter.note)
    title = (
        f"{machine['cpu']}, threads: {threads}; medians of {arguments.rounds} rounds, "
        "peers taking turns"
    )
    console.print(table(results, title))
    for line in (
        peaks_in_words(results, threads),
        *setups_in_words(results),
        *remarks,
        *notes(results),
    ):
        console.print(line, highlight=False, markup=False)
    write_json(arguments.json, report(results, machine, arguments.rounds, threads))
    if arguments.chart:
        groups = [(r.workload.name, caption(r), bars(r)) for r in results]
        by_precision = "; bf16 against bf16" if any(r.row("ours-bf16") for r in results) else ""
        arguments.chart.write_text(draw(groups, title + by_precision))
    return 130 if any(remark.startswith("Interrupted") for remark in remarks) else 0


if __name__ == "__main__":
    sys.exit(main())
