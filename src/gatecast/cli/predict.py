"""``gatecast predict MODEL [FILE]``: forecasts from a saved model."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

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
from gatecast.cli.output import check_writable, print_json, records, show_notes, write_frame
from gatecast.errors import ConfigError, DataError

__all__ = ["predict"]

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
    from gatecast.models.forecaster import confidence_levels
    from gatecast.models.persistence import load

    loaded = load(model)
    loaded.threads = threads
    given, reading = reading, reading.as_fitted(loaded.fitted.intake)
    if files:
        panel = reading.panel(files, usual_freq=loaded.fitted.intake.usual_freq)
        loaded.check_panel(panel)
    else:
        said = [x.name for x in fields(given) if getattr(given, x.name) != x.default]
        unused = [f"--{x.removesuffix('_col')}" for x in said if x not in _COVARIATES]
        if unused and given.future_file is None:
            raise ConfigError(
                f"{', '.join(unused)}: this is how to read a FILE, and none is given."
            )
        panel = reading.with_future(loaded.continued_panel())
    panel = replace(panel, kind="pandas")  # whatever the model was fitted on
    cold = [] if panel.cold is None else [str(name) for name in panel.cold.ids]
    known = [*map(str, panel.ids), *cold]
    if series:
        missing = [name for name in series if name not in known]
        if missing:
            raise DataError(
                "There is no such series.",
                value=", ".join(missing),
                fix=f"There are {len(known)}: {', '.join(known[:5])}{' …' * (len(known) > 5)}.",
            )
        if not any(name in series for name in cold):  # which are forecast by all the others
            panel = panel.select([name in series for name in known[: panel.n_series]])
            known = [str(name) for name in panel.ids]
    steps = loaded.horizon(horizon)
    prediction = loaded.predict_panel(panel, steps, missing_future)
    if series:
        prediction = prediction.select([name in series for name in known])
    levels = None if level is None else confidence_levels(numbers("--level", level))
    shown = loaded.chosen_quantiles(None) if levels is None else ()
    frame = prediction.frame(loaded.columns(prediction, shown, levels))
    frame.columns = ["unique_id", "ds", *frame.columns[2:]]
    notes = (*panel.notes, *prediction.notes)
    if out is not None or not as_json:
        write_frame(frame, out)
    if as_json:
        print_json(
            {
                "model": next(iter(loaded.members), loaded).name,
                "frequency": str(panel.frequency),
                "horizon": steps,
                "series": prediction.panel.n_series,
                "notes": list(notes),
                "forecast": records(frame),
            }
        )
    else:
        show_notes(notes)
