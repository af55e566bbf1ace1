"""What a child process does: read what was sent, examine it, forecast, and write the files.

Each task takes a folder of its own and what is asked, and returns JSON-safe values. It raises a
:class:`~gatecast.errors.GatecastError` for what the client can change.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatecast.atomic import write_whole
from gatecast.errors import DataError
from gatecast.language import Lang
from gatecast.plain import csv_bytes, json_text, plain
from gatecast.serve.asked import Asked, Backtest, Check, Fit, Forecast, Predict, asked_of
from gatecast.serve.data import Upload, upload_of
from gatecast.serve.errors import Refusal, beyond
from gatecast.serve.settings import Limits

if TYPE_CHECKING:
    from gatecast.auto import Forecast as Forecasted
    from gatecast.auto import Request
    from gatecast.panel import Intake, Panel
    from gatecast.reading import Reading

__all__ = ["ANSWER", "ASKED", "BODY", "JOBS", "LANGUAGES", "TASKS", "Tell", "no_data"]

Tell = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and of how much."""

LANGUAGES: tuple[Lang, ...] = ("en", "zh")
BODY, ASKED, ANSWER = "body", "asked.json", "answer"
_OTHER_COLUMNS = 100  # dates, names, covariates
_OTHER_LINES = 1_000  # titles, headings, blank lines
_PREVIEWED = 8  # series
_PREVIEW = 500  # values of each
_KINDS: dict[str, type[Asked]] = {x.kind: x for x in (Check, Forecast, Backtest, Fit, Predict)}


# What was sent


def _received(folder: Path, sent: dict[str, Any], limits: Limits) -> tuple[Any, Path | None]:
    """Take the body apart: the settings, checked, and the file of the data."""
    body = folder / BODY
    upload = upload_of(
        body.read_bytes(), sent["type"], [tuple(pair) for pair in sent["query"]], limits
    )
    body.unlink()
    return unpacked(upload, sent["kind"], folder, limits)


def unpacked(
    upload: Upload, kind: str, folder: Path | None, limits: Limits
) -> tuple[Any, Path | None]:
    """Check the settings, and write the data to a file."""
    asked = asked_of(_KINDS[kind], upload.settings, text=upload.text)
    if asked.title is None and upload.title:
        asked.title = upload.title
    if upload.plain:  # rows that were written here
        asked.sep, asked.decimal = ",", "."
    if asked.horizon is not None and asked.horizon > limits.max_horizon:
        raise beyond("max_horizon", limits.max_horizon, "steps", asked.horizon, 422)
    if upload.content is None:
        if asked.needs_data:
            raise no_data()
        return asked, None
    assert folder is not None
    _look_at_size(upload.content, limits)
    path = folder / f"data{upload.suffix}"
    write_whole(path, upload.content)
    return asked, path


def _look_at_size(content: bytes, limits: Limits) -> None:
    """Refuse what is far too large before it is read, which would take long."""
    first_line = content[: content.find(b"\n") + 1 or None]
    columns = max(map(first_line.count, b",;\t|")) + 1
    if columns > limits.max_series + _OTHER_COLUMNS:
        raise beyond("max_series", limits.max_series, "columns of values", f"{columns:,}")
    if content.count(b"\n") > limits.max_rows + _OTHER_LINES:
        raise beyond("max_rows", limits.max_rows, "rows", None)


def no_data() -> Refusal:
    """Return what says that nothing was sent."""
    return Refusal(
        422,
        "There are no data.",
        fix='Send one of "data", "csv" and "xlsx" in an object, or a file as the body.',
    )


def _panel(reading: Reading, path: Path, limits: Limits, **how: Any) -> Panel:
    panel = reading.panel([path], **how)
    _within(panel, limits)
    return panel


def _within(panel: Panel, limits: Limits, h: int | None = None) -> None:
    n = panel.n_series + (0 if panel.cold is None else panel.cold.n_series)
    if n > limits.max_series:
        raise beyond("max_series", limits.max_series, "series", f"{n:,}")
    if panel.values.size > limits.max_rows:
        raise beyond("max_rows", limits.max_rows, "values", f"{panel.values.size:,}")
    if h is not None and n * h > limits.max_rows:
        raise beyond(
            "max_rows", limits.max_rows, "rows of a forecast", f"{n:,} series of {h:,} steps"
        )


# Before a job


def check(folder: Path, sent: dict[str, Any], limits: Limits, tell: Tell) -> dict[str, Any]:
    """Say what was understood of data, and what is wrong with them."""
    from gatecast.doctor import examine_data

    asked, path = _received(folder, sent, limits)
    assert path is not None
    reading = asked.reading()
    report = examine_data(
        path,
        reading.intake(),
        format=reading.format(),
        h=asked.h,
        missing_future=asked.missing_future,
        season_length=asked.season_length,
    )
    panel = report.panel
    if panel is None:
        first = report.findings[0]
        raise DataError(first.message, value=first.where or None, fix=first.fix or None)
    _within(panel, limits, asked.h)
    understood = {
        "columns": report.columns,
        "headings": report.headings,
        "frequency": report.frequency,
        "season_length": report.season_length,
        "series": report.n_series,
        "rows": int(panel.values.size),
        "values": report.n_values,
        "first": report.first,
        "last": report.last,
        "title": asked.title,
        "preview": [_preview(panel, s) for s in range(min(panel.n_series, _PREVIEWED))],
    }
    return {**plain(report.to_dict(asked.lang)), "understood": plain(understood)}


def _preview(panel: Panel, s: int) -> dict[str, Any]:
    """The newest values of a series."""
    from gatecast.report.series import as_stamps, plain_stamps

    return {
        "unique_id": str(panel.ids[s]),
        "ds": plain_stamps(as_stamps(panel.stamps(s)[-_PREVIEW:])),
        "y": panel.values[panel.indptr[s] : panel.indptr[s + 1]][-_PREVIEW:].tolist(),
    }


def accept(folder: Path, sent: dict[str, Any], limits: Limits, tell: Tell) -> dict[str, Any]:
    """Read and examine what a job is to work on, and leave it in the folder as the job wants it."""
    from gatecast.dates import fit_holidays

    asked, path = _received(folder, sent, limits)
    assert path is not None
    panel = _panel(asked.reading(), path, limits)
    _within(panel, limits, asked.h)
    if isinstance(asked, Backtest):
        _named(asked, panel)
    else:
        _request(asked, None).check()
    if asked.holidays is not None:
        fit_holidays(panel, asked.holidays)
    _require_sound(panel, asked)
    write_whole(folder / ASKED, asked.model_dump_json().encode())
    return {
        "title": asked.title or path.name,
        "name": getattr(asked, "name", None),
        "series": panel.n_series,
        "horizon": asked.h,
    }


def _require_sound(panel: Panel, asked: Any) -> tuple[str, ...]:
    from gatecast.doctor import require_sound

    missing_future: Any = "last" if isinstance(asked, Backtest) else asked.missing_future
    return require_sound(
        panel, asked.h, season_length=asked.season_length, missing_future=missing_future
    )


def _request(asked: Forecast | Fit, threads: int | None) -> Request:
    from gatecast.auto import Request
    from gatecast.auto.entry import seconds_of

    models = [asked.model] if isinstance(asked, Fit) else asked.models
    return Request(
        h=asked.h,
        season_length=asked.season_length,
        level=tuple(asked.level),
        models="auto" if models == ["auto"] else models,
        budget=seconds_of(asked.budget),
        seed=asked.seed,
        threads=threads,
        missing_future=asked.missing_future,
        settings=asked.network,
    )


# Jobs


def _job(folder: Path) -> tuple[dict[str, Any], Path]:
    said = json.loads((folder / ASKED).read_bytes())
    (path,) = folder.glob("data.*")
    return said, path


def _intake(reading: Reading, panel: Panel) -> Intake:
    return replace(reading.intake(), columns=panel.columns)


def forecast(folder: Path, sent: dict[str, Any], limits: Limits, tell: Tell) -> dict[str, Any]:
    """Forecast, and write all that a client may ask for afterwards."""
    from gatecast.auto import forecast_panel

    said, path = _job(folder)
    asked = asked_of(_KINDS[sent["kind"]], said)
    reading = asked.reading()
    tell("Reading", 0, 1)
    panel = _panel(reading, path, limits)
    warned = _require_sound(panel, asked)
    result = forecast_panel(
        replace(panel, notes=panel.notes + warned),
        _request(asked, sent["threads"]),
        intake=_intake(reading, panel),
        progress=_stages(tell),
    )
    tell("Writing", 0, 1)
    frame = result.frame
    report = result.to_dict(asked.lang, explain=True)
    _write_tables(folder, frame)
    result.save(folder / "model.safetensors")
    _write_views(folder, result, asked.title or path.name)
    write_whole(folder / "result.json", json_text(report).encode())
    return {"model": result.chosen}


def backtest(folder: Path, sent: dict[str, Any], limits: Limits, tell: Tell) -> dict[str, Any]:
    """Forecast the past from several cutoffs, with several models."""
    from gatecast.evaluation.cross_validation import cross_validate

    said, path = _job(folder)
    asked = asked_of(Backtest, said)
    reading = asked.reading()
    panel = _panel(reading, path, limits)
    warned = _require_sound(panel, asked)
    made = cross_validate(
        _named(asked, panel),
        replace(panel, kind="pandas"),
        asked.h,
        n_windows=asked.windows,
        step_size=asked.step_size,
        refit=asked.refit,
        input_size=asked.input_size,
        level=asked.level,
        adaptive=asked.adaptive,
        season_length=asked.season_length,
        missing_future=asked.missing_future,
        threads=sent["threads"],
        intake=_intake(reading, panel),
        progress=_stages(tell),
    )
    report = made.to_dict(asked.level, (*panel.notes, *warned), asked.lang)
    _write_tables(folder, made.frame())
    write_whole(folder / "result.json", json_text(report).encode())
    return {}


def _named(asked: Backtest, panel: Panel) -> dict[str, Any]:
    from gatecast.evaluation.cross_validation import named_models

    covariates = panel.columns.covariate_settings()
    settings = asked.network | {name: names for name, names in covariates.items() if names}
    return named_models(
        list(asked.models),
        asked.h,
        season_length=asked.season_length,
        seed=asked.seed,
        lstm=settings,
    )


def _stages(tell: Tell) -> Callable[[str, int], Callable[[Any], None]]:
    """What a forecast is told to tell of its progress."""

    def begun(stage: str, total: int) -> Callable[[Any], None]:
        tell(stage, 0, total)
        return lambda done: tell(stage, done if isinstance(done, int) else done.number, total)

    return begun


def _write_tables(folder: Path, frame: Any) -> None:
    from gatecast.serve.workbook import workbook

    write_whole(folder / "forecast.csv", csv_bytes(frame))
    if len(frame) < 1_048_576:  # rows of a sheet
        write_whole(folder / "forecast.xlsx", workbook(frame))


def _write_views(folder: Path, result: Forecasted, title: str) -> None:
    from gatecast.serve.views import figures, gates, report

    drawn = gates(result, LANGUAGES)
    for lang in LANGUAGES:
        view = result.view(title=title, lang=lang)
        write_whole(folder / f"figures.{lang}.json", json_text(figures(view)).encode())
        write_whole(folder / f"gates.{lang}.json", json_text(drawn[lang]).encode())
        write_whole(folder / f"report.{lang}.html", report(view))


# Models


def predict(folder: Path, sent: dict[str, Any], limits: Limits, tell: Tell) -> dict[str, Any]:
    """Let a model of the folder go on; :mod:`gatecast.serve.models` does so with small requests."""
    from gatecast.models.persistence import load

    asked, path = _received(folder, sent, limits)
    loaded = load(sent["model"])
    loaded.threads = 1
    panel = continued(loaded, asked, path, limits)
    write_whole(folder / ANSWER, went_on(loaded, asked, panel, as_csv=sent["as_csv"]))
    return {}


def continued(loaded: Any, asked: Predict, path: Path | None, limits: Limits) -> Panel:
    """Return the series that a model is to go on with: its own, or those of a file."""
    if path is None:
        panel: Panel = loaded.continued_panel()
    else:
        reading = asked.reading().as_fitted(loaded.fitted.intake)
        panel = _panel(reading, path, limits, usual_freq=loaded.fitted.intake.usual_freq)
        loaded.check_panel(panel)
    _within(panel, limits, loaded.horizon(asked.h))
    return panel


def went_on(loaded: Any, asked: Predict, panel: Panel, *, as_csv: bool) -> bytes:
    """Forecast with a loaded model, and return the answer as CSV or JSON."""
    from gatecast.auto.again import go_on

    made = go_on(
        loaded,
        panel,
        asked.h,
        level=asked.level,
        series=asked.series,
        missing_future=asked.missing_future,
    )
    return csv_bytes(made.frame) if as_csv else json_text(made.to_dict()).encode()


JOBS = ("forecast", "fit", "backtest")
TASKS: dict[str, Callable[[Path, dict[str, Any], Limits, Tell], dict[str, Any]]] = {
    "check": check,
    "accept": accept,
    "forecast": forecast,
    "fit": forecast,
    "backtest": backtest,
    "predict": predict,
}
