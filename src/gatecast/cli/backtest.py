"""``gatecast backtest FILE -h N``: how models would have done on a file's past."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from gatecast.cli.options import (
    AsJson,
    Calendar,
    Epochs,
    Files,
    ForecastOut,
    Holidays,
    Horizon,
    Levels,
    MissingFuture,
    Models,
    Reading,
    SeasonLength,
    Seed,
    Threads,
    check_horizon,
    check_season_length,
    network_settings,
    numbers,
    reads_files,
    several,
)
from gatecast.cli.output import (
    check_writable,
    console,
    error_table,
    print_json,
    show_notes,
    stage_bar,
    table_number,
    write_frame,
)

__all__ = ["backtest"]

_DEFAULT = "naive,seasonal-naive,theta,holt-winters,lstm"


@reads_files
def backtest(
    files: Files,
    horizon: Horizon,
    out: ForecastOut = None,
    as_json: AsJson = False,
    *,
    windows: Annotated[int, typer.Option("--windows", help="From how many cutoffs.")] = 5,
    step_size: Annotated[
        int | None, typer.Option("--step-size", help="Steps between them; the horizon by default.")
    ] = None,
    models: Models = None,
    refit: Annotated[
        bool, typer.Option("--refit/--no-refit", help="Fit at every cutoff, or at the first only.")
    ] = True,
    input_size: Annotated[
        int | None,
        typer.Option("--input-size", help="Fit on so many values before a cutoff; else on all."),
    ] = None,
    level: Levels = "90",
    adaptive: Annotated[
        bool, typer.Option("--adaptive", help="Intervals follow how often they held.")
    ] = False,
    reading: Reading,
    missing_future: MissingFuture = "error",
    calendar: Calendar = False,
    holidays: Holidays = None,
    season_length: SeasonLength = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Forecast the past of a file's series with several models, and compare.

    Each forecast is made with what was known at its cutoff alone. The forecasts go to --out or
    standard output, with a row a series, stamp and cutoff; the scores to the terminal. After
    Ctrl-C, the windows that are finished are written.
    """
    check_horizon(horizon)
    check_season_length(season_length)
    levels = numbers("--level", level)
    check_writable(*files, *([reading.future_file] if reading.future_file else []), out=out)
    from gatecast.doctor import require_sound
    from gatecast.evaluation.cross_validation import cross_validate, named_models

    panel = reading.panel(files)
    named = named_models(
        several(models or [_DEFAULT]),
        horizon,
        season_length=season_length,
        seed=seed,
        lstm=network_settings(panel, epochs=epochs, calendar=calendar, holidays=holidays),
    )
    warned = require_sound(panel, horizon, season_length=season_length, missing_future="last")
    with stage_bar() as progress:
        made = cross_validate(
            named,
            replace(panel, kind="pandas"),
            horizon,
            n_windows=windows,
            step_size=step_size,
            refit=refit,
            input_size=input_size,
            level=levels,
            adaptive=adaptive,
            season_length=season_length,
            missing_future=missing_future,
            threads=threads,
            intake=replace(reading.intake(), columns=panel.columns),
            progress=progress,
        )
    if out is not None or not as_json:
        write_frame(made.frame(), out)
    if as_json:
        print_json(made.to_dict(levels, (*panel.notes, *warned)))
    else:
        show_notes((*panel.notes, *warned, *made.tested.notes))
        scores = made.scores(levels)
        names = list(scores[0])
        error_table(
            f"{made.tested.n_windows} backtests of {horizon} steps",
            names,
            [
                (str(row["model"]), *(table_number(row[name]) for name in names[1:]))
                for row in scores
            ],
        )
        if out is not None:
            console().print(f"forecasts: {out}")
    if made.interrupted:
        raise KeyboardInterrupt
