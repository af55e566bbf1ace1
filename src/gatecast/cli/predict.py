"""``gatecast predict MODEL [FILE]``: forecasts from a saved model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatecast.cli.options import (
    AsJson,
    ForecastOut,
    MissingFuture,
    Reading,
    Threads,
    numbers,
    reads_files,
)
from gatecast.cli.output import check_writable, print_json, show_notes, write_frame
from gatecast.errors import ConfigError

if TYPE_CHECKING:
    from gatecast.models.forecaster import Forecaster
    from gatecast.panel import Panel

__all__ = ["predict", "series_of"]

_COVARIATES = ("past", "future", "static")  # which have to be the model's own


@reads_files
def predict(
    model: Annotated[
        Path, typer.Argument(help="What 'gatecast forecast --save' wrote.", show_default=False)
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="Series to continue; without any, those the model was trained on.",
            show_default=False,
        ),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option("--horizon", "-h", help="Steps; by default as many as it was trained for."),
    ] = None,
    out: ForecastOut = None,
    as_json: AsJson = False,
    level: Annotated[
        str | None,
        typer.Option("--level", help="Intervals in per cent, with commas; by default as saved."),
    ] = None,
    series: Annotated[
        list[str] | None, typer.Option("--series", help="Only this series; may be repeated.")
    ] = None,
    *,
    reading: Reading,
    missing_future: MissingFuture = "error",
    threads: Threads = None,
) -> None:
    """Forecast with a saved model, without any training.

    FILE may hold series that the model has never seen. Its covariates are the model's own.
    """
    check_writable(model, *(files or ()), reading.future_file, out=out)
    from gatecast.auto.again import go_on
    from gatecast.models.persistence import load

    loaded = load(model)
    loaded.threads = threads
    panel = series_of(loaded, files, reading)
    made = go_on(
        loaded,
        panel,
        horizon,
        level=None if level is None else numbers("--level", level),
        series=series,
        missing_future=missing_future,
    )
    if out is not None or not as_json:
        write_frame(made.frame, out)
    if as_json:
        print_json(made.to_dict())
    else:
        show_notes(made.notes)


def series_of(loaded: Forecaster, files: Sequence[Path] | None, reading: Reading) -> Panel:
    """Return the series that a saved model is to go on with: of files, or its own."""
    given, reading = reading, reading.as_fitted(loaded.fitted.intake)
    if files:
        panel = reading.panel(files, usual_freq=loaded.fitted.intake.usual_freq)
        loaded.check_panel(panel)
        return panel
    said = [x.name for x in fields(given) if getattr(given, x.name) != x.default]
    unused = [f"--{x.removesuffix('_col')}" for x in said if x not in _COVARIATES]
    if unused and given.future_file is None:
        raise ConfigError(f"{', '.join(unused)}: this is how to read a FILE, and none is given.")
    return reading.with_future(loaded.continued_panel())
