"""``gatecast gates FILE|MODEL``: what the network forgets, stores and focuses on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatecast.cli.options import (
    AsJson,
    Calendar,
    Epochs,
    Holidays,
    Lang,
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
from gatecast.cli.output import (
    check_writable,
    console,
    error_table,
    print_json,
    show_notes,
    stage_bar,
)
from gatecast.cli.predict import series_of
from gatecast.language import say

if TYPE_CHECKING:
    from gatecast.gates.trace import Trace

__all__ = ["gates"]

_SHOWN = 8  # units in the terminal
_HEADINGS = {
    "en": (
        *("those with the longest memory", "layer", "unit"),
        *("remembers", "keeps", "lets in", "passes on", "what it does"),
    ),
    "zh": ("记忆最长的单元", "层", "单元", "记忆", "保留", "写入", "输出", "作用"),
}


@reads_files
def gates(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|MODEL",
            help="Data, on which a network is trained first; or what 'gatecast forecast --save' "
            "wrote (.safetensors), and data for it to read if not its own.",
            show_default=False,
        ),
    ],
    horizon: Annotated[
        int | None,
        typer.Option(
            "--horizon", "-h", help="Steps of the forecast; by default a season, or the model's."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write a page: the series, gates, a slider.")
    ] = None,
    as_json: AsJson = False,
    series: Annotated[
        str | None, typer.Option("--series", help="Which series; the first by default.")
    ] = None,
    *,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write the model that was trained (.safetensors).")
    ] = None,
    context_length: Annotated[
        int | None, typer.Option("--context-length", help="Values that the network reads.")
    ] = None,
    lang: Lang = "en",
    reading: Reading,
    missing_future: MissingFuture = "error",
    calendar: Calendar = False,
    holidays: Holidays = None,
    season_length: SeasonLength = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Show what a network does while it reads a series: forget, store, focus.

    It prints how long units remember, what they do, and which values the forecast leans on. --out
    writes a page that shows every gate at every step.
    """
    if horizon is not None:
        check_horizon(horizon)
    check_season_length(season_length)
    check_writable(*sources, reading.future_file, out=out, save=save)
    from gatecast.auto.lstm import fitted_lstm, usual_horizon
    from gatecast.doctor import require_sound
    from gatecast.gates.inspect import inspect_panel, network_of, one_series
    from gatecast.models.persistence import load
    from gatecast.seasons import find_season_length

    model_file, files = _told_apart(sources)
    if model_file is not None:
        training = {
            "--season-length": season_length,
            "--epochs": epochs,
            "--calendar": calendar or None,
            "--holidays": holidays,
            "--save": save,
        }
        _refuse(training)
        model = load(model_file)
        network = network_of(model)
        panel = series_of(model, files, reading)
    else:
        panel = reading.panel(files)
        settings = network_settings(
            panel,
            epochs=epochs,
            context_length=context_length,
            seed=seed,
            calendar=calendar,
            holidays=holidays,
        )
        m = season_length or find_season_length(panel).length
        horizon = horizon or usual_horizon(panel, m)
        warned = require_sound(
            panel, horizon, season_length=season_length, missing_future=missing_future
        )
        panel = replace(panel, notes=panel.notes + warned)
        with stage_bar() as progress:
            network = fitted_lstm(
                panel,
                horizon,
                m,
                settings=settings,
                threads=threads,
                intake=replace(reading.intake(), columns=panel.columns),
                progress=progress,
            )
    trace = inspect_panel(
        network,
        one_series(panel, series),
        network.horizon(horizon),
        context_length=context_length,
        missing_future=missing_future,
    )
    if save is not None:
        network.save(save)
    title = f"{sources[0].name}: {trace.unique_id}" if panel.n_series > 1 else sources[0].name
    if out is not None:
        trace.report(out, lang=lang, title=title)
    if as_json:
        print_json(trace.to_dict(lang) | {"notes": [say(note, lang) for note in panel.notes]})
        return
    show_notes(panel.notes, lang)
    for sentence in trace.explain(lang):
        console().print(sentence)
    _show_units(trace, lang)
    for what, path in {"page": out, "model": save}.items():
        if path is not None:
            console().print(f"{what}: {path}")


def _told_apart(sources: list[Path]) -> tuple[Path | None, list[Path]]:
    """A saved model, if there is one, and files of data."""
    if sources[0].suffix.lower() == ".safetensors":
        return sources[0], sources[1:]
    return None, sources


def _refuse(training: dict[str, Any]) -> None:
    from gatecast.errors import ConfigError

    if said := [option for option, value in training.items() if value is not None]:
        raise ConfigError(
            "This is for a training, and the model is trained.",
            value=", ".join(said),
            fix="Leave it out, or give a file of data instead of a model.",
        )


def _show_units(trace: Trace, lang: str) -> None:
    units = trace.units(lang)
    shown = units.sort_values("memory_length", ascending=False, kind="stable").head(_SHOWN)
    rows: list[dict[Any, Any]] = shown.to_dict("records")
    title, layer, unit, *headings = _HEADINGS[lang]
    error_table(
        f"{title} ({len(shown)}/{len(units)})" if len(units) > len(shown) else title,
        (unit, *headings),
        [
            (
                f"{layer} {row['layer'] + 1} · {unit} {row['unit'] + 1}",
                row["memory"],
                *(f"{100 * row[gate]:.0f} %" for gate in ("forget", "input", "output")),
                row["role"],
            )
            for row in rows
        ],
    )
