"""``gatecast forecast FILE -h N``: a file's series, past their end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatecast.cli.options import (
    AsJson,
    Calendar,
    Epochs,
    Files,
    ForecastOut,
    Holidays,
    MissingFuture,
    Precision,
    Reading,
    SeasonLength,
    Seed,
    Threads,
    reads_files,
)
from gatecast.cli.output import (
    check_writable,
    console,
    error_table,
    print_json,
    records,
    show_notes,
    training_bar,
    write_frame,
)
from gatecast.errors import ConfigError

if TYPE_CHECKING:
    from gatecast.auto import Outcome
    from gatecast.models.config import LSTMConfig

__all__ = ["forecast"]


@reads_files
def forecast(
    files: Files,
    horizon: Annotated[
        int, typer.Option("--horizon", "-h", help="Steps to forecast.", show_default=False)
    ],
    out: ForecastOut = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a page of charts.")] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write the model (.safetensors).")
    ] = None,
    as_json: AsJson = False,
    *,
    reading: Reading,
    missing_future: MissingFuture = "error",
    calendar: Calendar = False,
    holidays: Holidays = None,
    season_length: SeasonLength = None,
    context_length: Annotated[
        int | None, typer.Option("--context-length", help="Values the network sees.")
    ] = None,
    epochs: Epochs = None,
    precision: Precision = None,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Forecast the series of a file past their end, and say how good the forecast is.

    The data are checked first, as by 'gatecast check'. The newest N values of each series are held
    back; a network trained without them is scored on them beside the naive forecasts. Then it is
    trained on everything and forecasts what comes next.

    A file has one row a stamp: columns unique_id, ds, y (or named by --id, --time, --target), a
    date and a value under any headings, or values alone; or a column a series beside the dates.
    What else is known goes into columns named by --past, --future and --static; rows without a
    value after the last one, or --future-file, say what --future columns will be.
    """
    _check_horizon(horizon)
    _check_season_length(season_length)
    inputs = [*files, *([reading.future_file] if reading.future_file else [])]
    check_writable(*inputs, out=out, plot=plot, save=save)
    from gatecast.auto import forecast_panel
    from gatecast.doctor import require_sound

    panel = reading.panel(files)
    warned = require_sound(
        panel, horizon, season_length=season_length, missing_future=missing_future
    )
    settings = {
        "context_length": context_length,
        "epochs": epochs,
        "precision": precision,
        "calendar": calendar or None,
        "holidays": holidays,
    }
    with training_bar() as progress:
        outcome = forecast_panel(
            replace(panel, notes=panel.notes + warned),
            horizon,
            season_length=season_length,
            seed=seed,
            threads=threads,
            settings={name: value for name, value in settings.items() if value is not None},
            missing_future=missing_future,
            intake=replace(reading.intake(), columns=panel.columns),
            progress=progress,
        )
    frame = outcome.prediction.frame({"LSTM": outcome.prediction.point})
    if save is not None:
        outcome.model.save(save)
    if plot is not None:
        from gatecast.report.forecast import write_forecast_page

        write_forecast_page(plot, _view(files[0].name, outcome, horizon))
    if out is not None or not as_json:
        write_frame(frame, out)
    if as_json:
        print_json(_report(outcome, horizon) | {"forecast": records(frame)})
    else:
        _show(outcome, horizon, {"forecast": out, "charts": plot, "model": save})


def _check_horizon(horizon: int) -> None:
    if horizon < 1:
        raise ConfigError(
            "The horizon must be 1 or more.", value=horizon, fix="Use -h 12 for twelve steps."
        )


def _check_season_length(season_length: int | None) -> None:
    if season_length is not None and season_length < 1:
        raise ConfigError(
            "--season-length must be 1 or more.", value=season_length, fix="Use 12 for months."
        )


def _report(outcome: Outcome, horizon: int) -> dict[str, Any]:
    return {
        "model": "LSTM",
        "frequency": str(outcome.panel.frequency),
        "season_length": outcome.model.season_length_,
        "horizon": horizon,
        "series": outcome.prediction.panel.n_series,
        "holdout": outcome.holdout.scores if outcome.holdout else None,
        "precision": outcome.model.precision_,
        "seconds": outcome.seconds,
        "notes": list(outcome.notes),
    }


def _show(outcome: Outcome, horizon: int, written: dict[str, Path | None]) -> None:
    show_notes(outcome.notes)
    if outcome.holdout is not None:
        from gatecast.report.forecast import holdout_verdict

        scores = outcome.holdout.scores
        error_table(
            f"Error on the last {horizon} values, held back",
            ("model", "MASE", "RMSE", "sMAPE %"),
            [
                (name, *(_number(score[key]) for key in ("mase", "rmse", "smape")))
                for name, score in scores.items()
            ],
        )
        console().print(holdout_verdict(scores, horizon, outcome.holdout.history.n_series))
    from gatecast.panel import counted

    model, panel = outcome.model, outcome.panel
    cold = "" if panel.cold is None else f" and {panel.cold.n_series:,} without history"
    console().print(
        f"{panel.n_series:,} series{cold}, frequency {panel.frequency}, "
        f"season {model.season_length_}; context {model.context_length_}, "
        f"{counted(model.best_epoch_, 'epoch', 'epochs')} on "
        f"{counted(model.n_windows_, 'window', 'windows')}, trained in {model.precision_}; "
        f"{outcome.seconds:.1f} s."
    )
    for what, path in written.items():
        if path is not None:
            console().print(f"{what}: {path}")


def _read_beside(config: LSTMConfig) -> dict[str, str]:
    roles = {
        "Past covariates": config.past_covariates,
        "Future covariates": config.future_covariates,
        "Static covariates": config.static_covariates,
        "Calendar": ("yes",) * config.calendar,
        "Holidays": (config.holidays,) if config.holidays else (),
    }
    return {role: ", ".join(names) for role, names in roles.items() if names}


def _number(value: float) -> str:
    return f"{value:,.3f}" if value == value else "–"


def _view(title: str, outcome: Outcome, horizon: int) -> Any:
    from gatecast.report.forecast import MAX_SERIES, ForecastView, SeriesView

    panel, held = outcome.prediction.panel, outcome.holdout
    positions = {str(name): row for row, name in enumerate(held.history.ids)} if held else {}
    series = []
    for s in range(min(panel.n_series, MAX_SERIES)):
        name = str(panel.ids[s])
        stamps, row = panel.stamps(s), positions.get(name)
        drawn = (
            {} if held is None or row is None else {k: f[row] for k, f in held.forecasts.items()}
        )
        series.append(
            SeriesView(
                unique_id=name,
                history_ds=stamps,
                history=panel.values[panel.indptr[s] : panel.indptr[s + 1]],
                holdout_ds=stamps[-horizon:] if drawn else stamps[:0],
                holdout=drawn,
                future_ds=panel.future_stamps(s, horizon),
                future={"LSTM": outcome.prediction.point[s]},
            )
        )
    from gatecast.version import __version__

    model = outcome.model
    return ForecastView(
        title=title,
        horizon=horizon,
        season_length=outcome.model.season_length_,
        series=series,
        n_series=panel.n_series,
        n_scored=held.history.n_series if held else None,
        scores=held.scores if held else {},
        settings={
            "Frequency": str(panel.frequency),
            "Season length": str(model.season_length_),
            "Horizon": str(horizon),
            "Context length": str(model.context_length_),
            "Hidden size": ", ".join(map(str, model.config.hidden_size)),
            "Anchor": str(model.config.anchor),
            **_read_beside(model.config),
            "Epochs": str(model.best_epoch_),
            "Precision": model.precision_,
            "Seed": str(model.config.seed),
            "Seconds": f"{outcome.seconds:.2f}",
            "gatecast": __version__,
        },
        notes=outcome.notes,
    )
