"""Options that several commands have, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AsJson",
    "Epochs",
    "ForecastOut",
    "Freq",
    "IdCol",
    "Precision",
    "Seed",
    "TargetCol",
    "Threads",
    "TimeCol",
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Passes over the data, at most.")]
ForecastOut = Annotated[
    Path | None, typer.Option("--out", help="Write the forecast as CSV; else it is printed.")
]
Freq = Annotated[
    str | None, typer.Option("--freq", help="Frequency, e.g. MS, D, h; found by default.")
]
IdCol = Annotated[str | None, typer.Option("--id", help="The column that names the series.")]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision", help="Of the matrix products: float32 (the default), bfloat16, or auto."
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, same result.")]
TargetCol = Annotated[str | None, typer.Option("--target", help="The column to forecast.")]
Threads = Annotated[int | None, typer.Option("--threads", help="Default: all.")]
TimeCol = Annotated[str | None, typer.Option("--time", help="The column of dates.")]
