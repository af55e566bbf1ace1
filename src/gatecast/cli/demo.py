"""``gatecast demo``: the tutorial's job, whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatecast.cli.options import AsJson, Seed, Threads
from gatecast.cli.output import check_writable, console, error_table, print_json, stage_bar

__all__ = ["demo"]

_ROWS = (
    ("persistence", "the last value, repeated", "the bar that a model must clear"),
    ("point_by_point", "one step ahead, always fed the truth", "hides that errors would add up"),
    ("full_sequence", "fed its own output for 50 steps", "hides how good one step is"),
    ("multiple_sequences", "a true start every 10 steps", "hides the luck of the starts"),
    ("future", "50 steps past the end of the data", "a true forecast: hides nothing"),
)


def demo(
    out: Annotated[
        Path, typer.Option("--out", help="The page of interactive charts to write.")
    ] = Path("gatecast-demo.html"),
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over the data.")] = 1000,
    seed: Seed = 0,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Learn a sine as the tutorial does, look at it in three ways, and go on past its end.

    sin(x) for x = -50 … 49, windows of 50 values, the newest tenth held out, an LSTM with 5 units
    under one with 20 and one linear output. Prints a table of errors and writes one page of charts
    that opens offline.
    """
    import time

    started = time.perf_counter()
    check_writable(out=out)
    from gatecast.demo import run_demo

    with stage_bar() as progress:
        result = run_demo(
            epochs=epochs, seed=seed, threads=threads, progress=progress("Training", epochs)
        )
    from gatecast.report.demo import write_demo_page

    write_demo_page(out, result)
    total = time.perf_counter() - started
    if as_json:
        print_json(
            {name: vars(score) for name, score in result.scores.items()}
            | {
                "seconds": {"fit": result.seconds_fit, "total": total},
                "seed": seed,
                "epochs": epochs,
                "page": str(out),
            }
        )
        return
    rows = [
        (name.replace("_", " "), what, hides, f"{score.rmse:.4f}", str(score.n))
        for name, what, hides in _ROWS
        for score in [result.scores[name]]
    ]
    error_table(
        "sin(x), learnt from 95 values: how far off each forecast is (RMSE; the sine spans -1 … 1)",
        ("mode", "what it does", "how to read it", "RMSE", "points"),
        rows,
    )
    console().print(
        f"Trained {result.n_parameters:,} weights for {epochs:,} epochs in "
        f"{result.seconds_fit:.2f} s, all done in {total:.2f} s.\n"
        f"Charts: {out}  (open it in a browser)"
    )
