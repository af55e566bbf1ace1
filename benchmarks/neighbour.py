"""How much a busy neighbour costs: ``python -m benchmarks.neighbour``.

W2's training, quiet and with another process computing on one processor, round by round. Where
there is a thread a processor, a neighbour should cost little more than the processor's share that
it takes; threads that wait by spinning for one another lose far more.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from rich.table import Table

from benchmarks.console import console_for, progress_console
from benchmarks.machine import describe
from benchmarks.options import add_peer_options, parser_for, pythons_from, write_json
from benchmarks.peers import PEERS
from benchmarks.processes import Turns, Worker, end_cleanly
from benchmarks.spread import Spread, figure
from benchmarks.workloads import global_workload

# Four steps: a peer that a neighbour slows down a hundredfold should still come to an end.
WORKLOAD = global_workload("W2", (64, 64), 48, 256, 4)


@dataclass(frozen=True)
class Row:
    """Milliseconds a step."""

    label: str
    quiet: Spread
    busy: Spread
    slowdown: Spread


@contextlib.contextmanager
def busy_neighbour(processor: int | None) -> Iterator[None]:
    """Keep a processor busy, a certain one if asked to."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        if processor is not None:
            os.sched_setaffinity(process.pid, {processor})
        time.sleep(0.2)  # until it has started to compute
        yield
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Measure, print, and write down."""
    end_cleanly()
    parser = parser_for(__doc__, rounds=5)
    add_peer_options(parser, ["ours", "torch"])
    parser.add_argument("--pin", type=int, metavar="CPU", help="where the neighbour has to stay")
    arguments = parser.parse_args()
    pythons, machine, threads = pythons_from(arguments.python), describe(), arguments.threads
    peers = [p for p in PEERS if p.name in arguments.peers]
    seats = {
        p.name: Worker(p, WORKLOAD, threads, pythons.get(p.library, sys.executable)) for p in peers
    }
    quiet, busy = [], []
    with Turns(seats) as turns, progress_console().status("getting ready") as status:
        turns.get_ready()
        turns.round()
        for turn in range(arguments.rounds):
            status.update(f"round {turn + 1} of {arguments.rounds}, quiet")
            quiet.append(turns.round())
            status.update(f"round {turn + 1} of {arguments.rounds}, with a neighbour")
            with busy_neighbour(arguments.pin):
                busy.append(turns.round())
        lasted = set(turns.seats)
    rows = []
    for peer in peers:
        if peer.name in lasted:
            alone, beside = (
                Spread.of(one[peer.name].seconds * WORKLOAD.scale for one in rounds)
                for rounds in (quiet, busy)
            )
            rows.append(Row(peer.label, alone, beside, Spread.ratio(beside, alone)))

    console = console_for(sys.stdout)
    table = Table(
        title=f"W2, ms a step; {machine['cpu']}, threads: {threads}", title_justify="left"
    )
    table.add_column("peer")
    for heading in ("quiet", "with a neighbour", "slowdown", "min … max"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.label,
            figure(row.quiet.median),
            figure(row.busy.median),
            f"{row.slowdown.median:.2f}×",
            f"{row.slowdown.lowest:.2f} … {row.slowdown.highest:.2f}",
        )
    console.print(table)
    fair = (threads + 1) / threads
    console.print(
        f"If {threads} threads and the neighbour shared {threads} processors evenly, it would be "
        f"{fair:.2f}×.",
        highlight=False,
    )
    for name, why in {**turns.absent, **turns.errors}.items():
        console.print(f"{name} left out: {why}", highlight=False, markup=False)
    everything = {
        "machine": machine,
        "threads": threads,
        "pinned_to": arguments.pin,
        "rows": [asdict(row) for row in rows],
        "left_out": {**turns.absent, **turns.errors},
    }
    write_json(arguments.json, everything)


if __name__ == "__main__":
    main()
