"""``gatecast search FILE -h N --space ...``: settings of a model that do well on a file's past."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gatecast.cli.options import (
    AsJson,
    Calendar,
    Epochs,
    Files,
    Holidays,
    Horizon,
    MissingFuture,
    Reading,
    SeasonLength,
    Seed,
    Threads,
    check_horizon,
    check_season_length,
    network_settings,
    reads_files,
)
from gatecast.cli.output import check_writable, console, print_json, show_notes, stage_bar
from gatecast.errors import ConfigError

__all__ = ["search"]

_FIX = "Use --space hidden_size=16,32 or --space learning_rate=1e-4..1e-2:log."


@reads_files
def search(
    files: Files,
    horizon: Horizon,
    space: Annotated[
        list[str],
        typer.Option(
            "--space",
            help="What a setting may be: hidden_size=16,32 or dropout=0..0.3 or "
            "learning_rate=1e-4..1e-2:log. Repeatable.",
            show_default=False,
        ),
    ],
    budget: Annotated[int, typer.Option("--budget", help="How many trials.")] = 30,
    max_time: Annotated[
        str | None, typer.Option("--max-time", help="End after so long, too: 60, 60s, 5m.")
    ] = None,
    study: Annotated[
        Path | None, typer.Option("--study", help="Write trials here, and go on after those in it.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", help="Fit the best on everything and write it (.safetensors)."),
    ] = None,
    as_json: AsJson = False,
    *,
    model: Annotated[str, typer.Option("--model", help="Whose settings.")] = "lstm",
    windows: Annotated[int, typer.Option("--windows", help="From how many cutoffs.")] = 4,
    step_size: Annotated[
        int | None, typer.Option("--step-size", help="Steps between them; the horizon by default.")
    ] = None,
    metric: Annotated[
        Literal["mase", "smape", "rmse"], typer.Option("--metric", help="What is to be small.")
    ] = "mase",
    reading: Reading,
    missing_future: MissingFuture = "error",
    calendar: Calendar = False,
    holidays: Holidays = None,
    season_length: SeasonLength = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Search for settings of a model by forecasting the past of a file's series with them.

    Trials that do badly in the first backtests are stopped there. The best settings and a table of
    trials are printed. The best of many trials looks better than it is: keep the newest values out
    of FILE to know how good it is. Needs the extra 'search'.
    """
    check_horizon(horizon)
    check_season_length(season_length)
    check_writable(
        *files, *([reading.future_file] if reading.future_file else []), study=study, save=save
    )
    from gatecast.auto.entry import seconds_of
    from gatecast.doctor import require_sound
    from gatecast.evaluation.cross_validation import named_models
    from gatecast.evaluation.search import search_panel
    from gatecast.evaluation.space import plain

    named_space = _parsed(space)
    try:
        seconds = seconds_of(max_time)
    except ConfigError:
        raise ConfigError(
            "--max-time must be a time.", value=max_time, fix="Use 60 or 60s or 5m."
        ) from None
    panel = reading.panel(files)
    (made,) = named_models(
        model,
        horizon,
        season_length=season_length,
        seed=seed,
        lstm=network_settings(panel, epochs=epochs, calendar=calendar, holidays=holidays),
    ).values()
    warned = require_sound(panel, horizon, season_length=season_length, missing_future="last")
    intake = replace(reading.intake(), columns=panel.columns)
    with stage_bar() as progress:
        found = search_panel(
            made,
            panel,
            named_space,
            budget=budget,
            n_windows=windows,
            step_size=step_size,
            metric=metric,
            max_seconds=seconds,
            study=study,
            seed=seed,
            season_length=season_length,
            missing_future=missing_future,
            threads=threads,
            intake=intake,
            progress=progress,
        )
    notes = (*panel.notes, *warned, *found.notes)
    if found.interrupted and not any(trial.state == "done" for trial in found.trials):
        raise KeyboardInterrupt
    best = found.best_trial
    if as_json:
        print_json(
            {
                "model": made.name,
                "frequency": str(panel.frequency),
                "horizon": horizon,
                "series": panel.n_series,
                "windows": found.n_windows,
                "metric": metric,
                "score": found.score,
                "settings": {name: plain(value) for name, value in best.settings.items()},
                "trials": [{**trial.to_json(), "score": trial.score()} for trial in found.trials],
                "notes": list(notes),
            }
        )
    else:
        show_notes(notes)
        print(found)
    if found.interrupted:
        raise KeyboardInterrupt
    if save is not None:
        fitted = found.best
        fitted.threads = threads
        fitted.fit_panel(panel, intake).save(save)
        console().print(f"model: {save}")


def _parsed(given: list[str]) -> dict[str, Any]:
    """Return what settings may be: ``name=a,b`` or ``name=low..high``, with ``:log``."""
    space: dict[str, Any] = {}
    for text in given:
        name, equals, said = (part.strip() for part in text.partition("="))
        if not (name and equals and said) or name in space:
            raise ConfigError(
                "--space must name a setting, once, and say it.", value=text, fix=_FIX
            )
        low, dots, high = said.partition("..")
        if dots:
            high, log, rest = high.partition(":log")
            ends = [_value(low), _value(high)]
            if rest or not all(type(end) in (int, float) for end in ends):
                raise ConfigError(
                    "--space must have numbers beside the dots.", value=text, fix=_FIX
                )
            space[name] = (*ends, "log") if log else tuple(ends)
        else:
            space[name] = _choices(said)
    return space


def _choices(said: str) -> list[Any]:
    """Values with commas between them; lists are in brackets."""
    try:
        choices: list[Any] = json.loads(f"[{said}]")
    except ValueError:
        return [_value(part) for part in said.split(",")]
    return choices


def _value(text: str) -> Any:
    """A number, true, false, null, or else text."""
    text = text.strip()
    words = {"none": None, "true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text
