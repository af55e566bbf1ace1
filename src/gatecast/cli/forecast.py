"""``gatecast forecast FILE -h N``: a file's series, past their end."""

from __future__ import annotations

import shlex
import sys
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
    Horizon,
    Lang,
    Levels,
    MissingFuture,
    Models,
    Precision,
    Reading,
    SeasonLength,
    Seed,
    Threads,
    check_horizon,
    check_season_length,
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
from gatecast.language import said, say

if TYPE_CHECKING:
    from gatecast.auto import Forecast

__all__ = ["forecast"]


@reads_files
def forecast(
    files: Files,
    horizon: Horizon,
    out: ForecastOut = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", "--plot", help="Write one page: verdict, charts, scores."),
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", help="Write the first series' chart as a picture.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write the model (.safetensors).")
    ] = None,
    as_json: AsJson = False,
    *,
    models: Models = None,
    level: Levels = "80,95",
    budget: Annotated[
        str | None, typer.Option("--budget", help="Time that it may take: 60, 60s, 5m.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what was decided, and why.")] = (
        False
    ),
    lang: Lang = "en",
    reading: Reading,
    missing_future: MissingFuture = "error",
    calendar: Calendar = False,
    holidays: Holidays = None,
    season_length: SeasonLength = None,
    context_length: Annotated[
        int | None, typer.Option("--context-length", help="Values that the network sees.")
    ] = None,
    epochs: Epochs = None,
    precision: Precision = None,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Forecast the series of a file past their end, and say how good the forecast is.

    The data are checked first, as by 'gatecast check'. Naive, seasonal naive, Theta, Holt-Winters,
    an LSTM and, of many series, ESLSTM forecast the past from several cutoffs. The best, or the
    mean of good ones, is fitted on everything and forecasts what comes next; what it erred makes
    its intervals.

    A file has one row a stamp: columns unique_id, ds, y (or named by --id, --time, --target), a
    date and a value under any headings, or values alone; or a column a series beside the dates.
    What else is known goes into columns named by --past, --future and --static; rows without a
    value after the last one, or --future-file, say what --future columns will be.
    """
    check_horizon(horizon)
    check_season_length(season_length)
    levels = numbers("--level", level)
    inputs = [*files, *([reading.future_file] if reading.future_file else [])]
    check_writable(*inputs, out=out, report=report, png=png, save=save)
    from gatecast.auto import Request, forecast_panel
    from gatecast.auto.entry import seconds_of
    from gatecast.doctor import require_sound
    from gatecast.models.forecaster import confidence_levels

    settings = {
        "context_length": context_length,
        "epochs": epochs,
        "precision": precision,
        "calendar": calendar or None,
        "holidays": holidays,
    }
    request = Request(
        h=horizon,
        season_length=season_length,
        level=tuple(confidence_levels(levels)),
        models=several(models),
        budget=seconds_of(budget),
        seed=seed,
        threads=threads,
        missing_future=missing_future,
        settings={name: value for name, value in settings.items() if value is not None},
    )
    request.check()
    panel = reading.panel(files)
    warned = require_sound(
        panel, horizon, season_length=season_length, missing_future=missing_future
    )
    with stage_bar() as progress:
        result = forecast_panel(
            replace(panel, notes=panel.notes + warned),
            request,
            intake=replace(reading.intake(), columns=panel.columns),
            progress=progress,
        )
    if save is not None:
        result.save(save)
    if report is not None:
        command = shlex.join(["gatecast", *sys.argv[1:]])
        result.report(report, title=files[0].name, lang=lang, command=command)
    if png is not None:
        result.plot(path=png, lang=lang)
    if out is not None or not as_json:
        write_frame(result.frame, out)
    if as_json:
        print_json(result.to_dict(lang, explain=explain))
    else:
        _show(result, lang, explain=explain)
        written = {
            said("forecast: {path}", path=str(out)): out,
            said("report: {path}", path=str(report)): report,
            said("picture: {path}", path=str(png)): png,
            said("model: {path}", path=str(save)): save,
        }
        for what, path in written.items():
            if path is not None:
                console().print(say(what, lang))


def _show(result: Forecast, lang: Any, *, explain: bool) -> None:
    show_notes(result.notes, lang)
    if result.tested is not None:
        title = said(
            "{n:backtest|backtests} of {h:step|steps}",
            n=result.tested.n_windows,
            h=result.request.h,
        )
        headings = ("model", "MASE", "sMAPE %", "RMSE", "90 % held", "skill", "seconds")
        error_table(
            say(title, lang),
            [say(heading, lang) for heading in headings],
            [
                (
                    f"{one.model} *" if one.model == result.chosen else one.model,
                    *(table_number(x) for x in (one.mase, one.smape, one.rmse)),
                    table_number(100 * one.coverage_90, "{:.0f} %"),
                    table_number(100 * one.skill, "{:.0f} %"),
                    table_number(one.seconds, "{:.2f}"),
                )
                for one in result.board
            ],
        )
    console().print(result.verdict.say(lang))
    panel = result.panel
    made_of = f" ({' + '.join(result.members)})" if result.members else ""
    done = said(
        "{n:,} series, frequency {frequency}, season {m}; forecast by {model}; {seconds:.1f} s."
        if panel.cold is None
        else "{n:,} series and {cold:,} without history, frequency {frequency}, season {m}; "
        "forecast by {model}; {seconds:.1f} s.",
        n=panel.n_series,
        cold=0 if panel.cold is None else panel.cold.n_series,
        frequency=str(panel.frequency),
        m=result.season_length,
        model=result.chosen + made_of,
        seconds=result.seconds,
    )
    console().print(say(done, lang))
    if explain:
        for line in result.explain(lang).splitlines():
            console().print(f"- {line}")
