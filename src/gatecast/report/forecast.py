"""The page of a forecast: the verdict, the charts, and the numbers and choices behind them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatecast.models import SIMPLE
from gatecast.report.figures import COLOURS, blank_figure, chart_text, styles_of
from gatecast.report.page import Chart, Section, Table, render_page, write_html
from gatecast.report.scores import Steps, step_figure
from gatecast.report.series import MAX_POINTS, Look, draw, lay_out
from gatecast.report.view import ForecastView, SeriesView
from gatecast.report.words import Words, percent, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["MAX_SERIES", "Figures", "forecast_figures", "forecast_page", "write_forecast_page"]

MAX_SERIES = 30
_PAGE_POINTS = 160_000  # of all charts together: some 6 MB
_ROLES = ("typical", "best", "worst", "")


def write_forecast_page(path: str | os.PathLike[str], view: ForecastView) -> None:
    """Write the page of a forecast: one HTML file that needs nothing else.

    It has at most about 6 MB for one series, and 15 MB for many, of which it draws 30.

    Parameters
    ----------
    path : str or path-like
        The HTML file to write; its folder must exist.
    view : ForecastView
        What to show.

    Raises
    ------
    ConfigError
        ``view.lang`` is neither English nor Chinese.
    OSError
        The folder does not exist or cannot be written; nothing is left behind.
    """
    write_html(path, forecast_page(view))


def forecast_page(view: ForecastView) -> str:
    """Return the page of a forecast as HTML text; see :func:`write_forecast_page`."""
    words = Words(view.lang)
    look = _look(view, words)
    sections = [_drawn(view, look)]
    if view.leaderboard:
        sections.append(_leaderboard(view, words))
    sections += _small_charts(view, look)
    if view.findings:
        sections.append(_findings(view, words))
    if view.decisions:
        sections.append(Section(words("decisions"), facts=tuple(view.decisions)))
    if view.notes:
        sections.append(Section(words("notes"), items=tuple(view.notes)))
    if view.settings:
        sections.append(Section(words("settings"), facts=tuple(view.settings.items())))
    if view.command:
        sections.append(Section(words("again"), code=view.command))
    return render_page(view.title, view.verdict, sections, _glance(view, words), view.lang)


@dataclass(frozen=True)
class Figures:
    """The charts of a forecast by themselves, for a page that is made elsewhere.

    Parameters
    ----------
    series : tuple of (SeriesView, plotly.graph_objects.Figure)
        In the order of the page.
    by_step, calibration : plotly.graph_objects.Figure or None
        None where nothing was tested.
    """

    series: tuple[tuple[SeriesView, go.Figure], ...]
    by_step: go.Figure | None
    calibration: go.Figure | None


def forecast_figures(view: ForecastView) -> Figures:
    """Return the charts that the page of a forecast has.

    Parameters
    ----------
    view : ForecastView
        What to show.

    Raises
    ------
    ConfigError
        ``view.lang`` is neither English nor Chinese.
    """
    look = _look(view, Words(view.lang))
    series = sorted(view.series[:MAX_SERIES], key=lambda one: _ROLES.index(one.role))
    return Figures(
        series=tuple((one, draw(one, look)) for one in series),
        by_step=_by_step(view, look) if view.errors_by_step and view.horizon > 1 else None,
        calibration=_calibration(view, look) if view.calibration else None,
    )


def _look(view: ForecastView, words: Words) -> Look:
    names = [str(row["model"]) for row in view.leaderboard]
    drawn = min(len(view.series), MAX_SERIES) or 1
    return Look(
        words=words,
        chosen=view.chosen,
        shown=_beside(view, names),
        season_length=view.season_length,
        styles=styles_of([*names, *view.errors_by_step, view.chosen]),
        points=min(2 * MAX_POINTS, _PAGE_POINTS // drawn),
        all_models=drawn == 1,
    )


def _beside(view: ForecastView, names: Sequence[str]) -> tuple[str, ...]:
    """Return what the chosen model is seen beside: the better of the naive forecasts."""
    return tuple(name for name in names if name in SIMPLE and name != view.chosen)[:1]


def _glance(view: ForecastView, words: Words) -> list[tuple[str, str]]:
    told = [(words("chosen"), words.model(view.chosen))]
    row = next((row for row in view.leaderboard if row["model"] == view.chosen), None)
    if row is None:
        return [*told, (words("tested"), words("not_tested"))]
    tested = words(
        "tested_on",
        windows=words.counted("window", view.n_windows),
        steps=words.counted("step", view.horizon),
    )
    numbers = (
        ("error", plain(row.get("mase"))),
        ("skill_long", percent(row.get("skill"), 0, signed=True)),
        ("held", percent(row.get("coverage_90"))),
    )
    told += [(words(key), said) for key, said in numbers if said != "–"]
    return [*told, (words("tested"), tested)]


def _drawn(view: ForecastView, look: Look) -> Section:
    words = look.words
    series = sorted(view.series[:MAX_SERIES], key=lambda one: _ROLES.index(one.role))
    laid = [lay_out(one, look) for one in series]
    said = [words("ahead", next=words.counted("next", view.horizon))]
    under = []
    if levels := sorted({level for one in laid for level in one.levels}):
        said.append(words("bands", levels=words.levels(levels)))
    if any(one.windows for one in laid):
        under += [words("past"), words("legend")]
    if any(len(one.ds) == 0 for one in laid):
        said.append(words("cold"))
    if view.n_series > len(series):
        under.append(words("some_drawn", drawn=len(series), n=f"{view.n_series:,}"))
        under += [words("roles")] if any(one.role for one in series) else []
    if any(one.cut_history for one in laid):
        longest = max(len(one.ds) for one in laid if one.cut_history)
        under.append(words("cut_history", n=f"{longest:,}"))
    if any(one.cut_windows for one in laid):
        under.append(words("cut_windows"))
    under.append(words("zoom"))
    charts = tuple(Chart(_label(one, words), draw(one, look)) for one in series)
    return Section(
        words("the_forecast"), (words.joined(*said),), charts, under=words.joined(*under)
    )


def _label(series: SeriesView, words: Words) -> str:
    parts = [series.unique_id, words(series.role) if series.role else ""]
    if series.mase is not None and math.isfinite(series.mase):
        parts.append(f"MASE {plain(series.mase)}")
    return " · ".join(filter(None, parts))


def _leaderboard(view: ForecastView, words: Words) -> Section:
    columns = ("mase", "skill", "smape", "rmse", "pinball", "coverage_90", "seconds")
    names = [str(row["model"]) for row in view.leaderboard]
    told = (map(words.model, names), *(_column(view, column) for column in columns))
    rows = tuple(zip(*told, strict=True))
    whose = "" if view.n_scored == 1 else words.counted("series", view.n_scored)
    said = words(
        "compared",
        windows=words.counted("window", view.n_windows),
        steps=words.counted("step", view.horizon),
        series=words("of_series", series=whose) if whose else "",
    )
    explained = (
        words("luck") if view.n_windows == 1 else "",
        words("mase_means", back=words.counted("step", view.season_length)),
        words("others_mean"),
    )
    table = Table(
        (words("model"), *(words(column) for column in columns)),
        rows,
        marked=names.index(view.chosen) if view.chosen in names else None,
        mark=words("yes"),
    )
    return Section(words("leaderboard"), (said,), table=table, under=words.joined(*explained))


def _column(view: ForecastView, column: str) -> list[str]:
    values = [row.get(column) for row in view.leaderboard]
    if column in ("skill", "coverage_90"):
        return [percent(value, signed=column == "skill") for value in values]
    if column == "seconds":
        return [plain(value, 1.0) for value in values]
    # As many decimals for all as the best one needs.
    sizes = [abs(value) for value in values if isinstance(value, float) and 0 < abs(value) < 1e9]
    return [plain(value, min(sizes, default=1.0)) for value in values]


def _small_charts(view: ForecastView, look: Look) -> list[Section]:
    words = look.words
    sections = []
    if view.errors_by_step and view.horizon > 1:
        chart = Chart(words("by_step"), _by_step(view, look))
        sections.append(Section(words("by_step"), (words("by_step_means"),), (chart,), half=True))
    if view.calibration:
        levels = sorted(view.calibration)
        said = words("calibration_means", chosen=words.model(view.chosen))
        chart = Chart(words("calibration"), _calibration(view, look))
        table = Table(
            (words("level"), *(f"{level:g} %" for level in levels)),
            ((words("measured"), *(percent(view.calibration[level] / 100) for level in levels)),),
        )
        sections.append(Section(words("calibration"), (said,), (chart,), table=table, half=True))
    return sections


def _by_step(view: ForecastView, look: Look) -> go.Figure:
    words = look.words
    ranks = {str(row["model"]): rank for rank, row in enumerate(view.leaderboard)}
    names = sorted(view.errors_by_step, key=lambda name: ranks.get(name, len(ranks)))
    networks = [name for name in names if name.startswith("LSTM")][:1]
    steps = Steps(
        errors={name: view.errors_by_step[name] for name in names},
        chosen=view.chosen,
        strong=(*look.shown, *networks),
        unit=words("step_error"),
    )
    return step_figure(steps, words, look.styles)


def _calibration(view: ForecastView, look: Look) -> go.Figure:
    words, style = look.words, look.styles[view.chosen]
    figure = blank_figure(words("nominal_axis"), words("measured_axis"))
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        name=words("calibration_line"),
        mode="lines",
        line={"color": COLOURS["shade"], "width": 1.5, "dash": "4px,4px"},
        hoverinfo="skip",
    )
    levels = sorted(level for level in view.calibration if math.isfinite(view.calibration[level]))
    figure.add_scatter(
        x=levels,
        y=[round(view.calibration[level], 2) for level in levels],
        name=chart_text(words.model(view.chosen), 30),
        mode="lines+markers",
        line={"color": style.colour, "dash": style.dash, "width": 2.4},
        marker={"symbol": style.symbol, "size": 9},
        hovertemplate="%{y:.1f} %",
    )
    figure.update_xaxes(range=[0, 102], dtick=20, ticksuffix=" %")
    figure.update_yaxes(range=[0, 102], dtick=20)
    return figure


def _findings(view: ForecastView, words: Words) -> Section:
    severities = {key: words(f"severity_{key}") for key in ("error", "warning", "info")}
    rows = tuple(
        (severities.get(severity, severity), problem, advice)
        for severity, problem, advice in view.findings
    )
    headings = (words("severity"), words("problem"), words("advice"))
    return Section(words("findings"), table=Table(headings, rows))
