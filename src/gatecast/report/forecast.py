"""The page of ``gatecast forecast --plot``: a verdict, the charts, and the numbers behind them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gatecast.report.figures import COLOURS, blank_figure, chart_text, rule, shade
from gatecast.report.page import Chart, Section, Table, write_page

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = [
    "ForecastView",
    "SeriesView",
    "forecast_figure",
    "holdout_verdict",
    "write_forecast_page",
]

MAX_SERIES = 12
MAX_POINTS = 10_000  # a browser drags more than this about like wet sand

# Name in prose, colour, dash, marker: never told apart by the colour alone.
_MODELS = {
    "LSTM": ("LSTM", "lstm", "solid", "circle"),
    "SeasonalNaive": ("seasonal naive", "seasonal", "dash", "diamond"),
    "Naive": ("naive", "naive", "dot", "square"),
}
_METRICS = {"mase": "MASE", "rmse": "RMSE", "smape": "sMAPE, %"}
_SMALL = 0.05  # a lead below this share may well be luck
_CLOSE = 0.01  # errors nearer to each other than this share are called the same


@dataclass(frozen=True)
class SeriesView:
    """One series as it is drawn.

    Parameters
    ----------
    unique_id : str
        Its name.
    history_ds, history : array-like
        Stamps (dates or numbers) and values of everything observed, the held-back end included;
        NaN is a gap. A series without history has none.
    holdout_ds : array-like
        Stamps of the held-back points, the last ones of the history. Empty: none were held back.
    holdout : mapping of str to array-like
        By model, what was forecast for them without them.
    future_ds : array-like
        Stamps past the end.
    future : mapping of str to array-like
        By model, the forecast.
    """

    unique_id: str
    history_ds: ArrayLike
    history: ArrayLike
    holdout_ds: ArrayLike
    holdout: Mapping[str, ArrayLike]
    future_ds: ArrayLike
    future: Mapping[str, ArrayLike]


@dataclass(frozen=True)
class ForecastView:
    """What the page of a forecast shows.

    Parameters
    ----------
    title : str
        The heading, such as the name of the file.
    horizon : int
        Steps forecast, and steps held back for the test.
    season_length : int
        Steps in a season, 1 for none.
    series : sequence of SeriesView
        The series; the first 12 are drawn.
    n_series : int, optional
        How many there are in all, where ``series`` holds only those to draw.
    n_scored : int, optional
        How many of them are in the scores, where some were too short to hold anything back.
    scores : mapping
        By model (``LSTM``, ``Naive``, ``SeasonalNaive``) and metric (``mase``, ``rmse``,
        ``smape`` in per cent), the error on the held-back points. Empty: there was no test.
    settings : mapping of str to str
        Name and value, as they are to be read.
    notes : sequence of str
        What was noticed or decided on the way.
    """

    title: str
    horizon: int
    season_length: int
    series: Sequence[SeriesView]
    n_series: int | None = None
    n_scored: int | None = None
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def total(self) -> int:
        """How many series there are, drawn or not."""
        return len(self.series) if self.n_series is None else self.n_series

    @property
    def scored(self) -> int:
        """How many series the scores are over."""
        return self.total if self.n_scored is None else self.n_scored


def write_forecast_page(path: str | os.PathLike[str], view: ForecastView) -> None:
    """Write the page of a forecast.

    Parameters
    ----------
    path : str or path-like
        The HTML file to write; its folder must exist.
    view : ForecastView
        What to show.
    """
    sections = [_drawn(view)]
    if view.scores:
        sections.append(_tested(view))
    if view.notes:
        sections.append(Section("Notes", items=tuple(view.notes)))
    if view.settings:
        sections.append(Section("Settings", facts=tuple(view.settings.items())))
    verdict = holdout_verdict(view.scores, view.horizon, view.scored)
    write_page(path, title=view.title, lead=verdict, sections=sections)


def holdout_verdict(
    scores: Mapping[str, Mapping[str, float]], horizon: int, n_series: int = 1
) -> str:
    """Say in plain words how the LSTM did against the simple forecasts, win or lose.

    Parameters
    ----------
    scores : mapping
        By model and metric; MASE decides, or RMSE where there is no MASE.
    horizon : int
        How many points were held back.
    n_series : int
        Of how many series.

    Examples
    --------
    >>> scores = {"LSTM": {"mase": 0.71}, "SeasonalNaive": {"mase": 1.0}, "Naive": {"mase": 1.3}}
    >>> print(holdout_verdict(scores, 12))  # doctest: +NORMALIZE_WHITESPACE
    On the last 12 points, which it had not seen, the LSTM's error (MASE 0.71) is 29 % below
    seasonal naive's (1.00) and 45 % below naive's (1.30). On this test the LSTM is worth using.
    """
    metric = next((key for key in ("mase", "rmse") if _usable(scores, key)), None)
    if metric is None:
        return (
            "The LSTM was not compared with simple forecasts, because no error could be measured "
            "on points it had not seen. Treat this forecast with care."
        )
    errors = {name: scores[name][metric] for name in scores if _finite(scores[name], metric)}
    lstm = errors.pop("LSTM")
    if errors.get("SeasonalNaive") == errors.get("Naive"):
        errors.pop("SeasonalNaive", None)  # without a season the two are one forecast
    others = sorted(errors, key=lambda name: list(_MODELS).index(name) if name in _MODELS else 9)
    points = "point" if horizon == 1 else f"{horizon} points"
    whose = "" if n_series == 1 else f" of each of {n_series:,} series"
    compared = [_compared(lstm, errors[name], _prose(name)) for name in others]
    start = f"On the last {points}{whose}, which it had not seen, the LSTM's error "
    start += f"({_METRICS[metric]} {_plain(lstm)}) is {_joined(compared)}. "
    best = min(others, key=lambda name: errors[name])
    if _same(lstm, errors[best]):
        return f"{start}The {_prose(best)} forecast is simpler and does as well here."
    if lstm > errors[best]:
        return f"{start}The simple {_prose(best)} forecast did better here: prefer it."
    if lstm > (1 - _SMALL) * errors[best]:
        return f"{start}So small a lead over one stretch of the past can be luck."
    return f"{start}On this test the LSTM is worth using."


def forecast_figure(series: SeriesView, season_length: int = 1) -> go.Figure:
    """Draw one series: its recent past, the test on its held-back end, and the forecast.

    Parameters
    ----------
    series : SeriesView
        What to draw; of a very long history, the last 10,000 points.
    season_length : int
        Steps in a season; four seasons of history are in view at first, at least.

    Returns
    -------
    plotly.graph_objects.Figure
        The figure; all of the history is in it and can be reached by zooming out.
    """
    ds, y = _stamps(series.history_ds)[-MAX_POINTS:], _values(series.history)[-MAX_POINTS:]
    held, ahead = _stamps(series.holdout_ds), _stamps(series.future_ds)
    figure = blank_figure(y_title=chart_text(series.unique_id, longest=40))
    figure.update_layout(meta={"fit": True}, showlegend=True)  # for a forecast alone, too
    figure.add_scatter(
        x=ds,
        y=y,
        name="Observed",
        legendrank=1,
        mode="lines+markers" if len(ds) <= 200 else "lines",
        line={"color": COLOURS["truth"], "width": 1.6},
        marker={"size": 4},
    )
    shown = min(len(ds), max(4 * season_length, 4 * len(ahead), 40) + len(held))
    seen = [value for value in y[-shown:] if value is not None]
    # The simple forecasts first, so that the LSTM is drawn on top of them.
    for name in sorted({**series.holdout, **series.future}, key="LSTM".__eq__):
        past, future = _values(series.holdout.get(name, ())), _values(series.future.get(name, ()))
        seen += [value for value in (*past, *future) if value is not None]
        _model(figure, name, held[: len(past)], past, ahead[: len(future)], future)
    if 0 < len(held) < len(ds):
        shade(figure, ds[-len(held) - 1], ds[-1], "held back", at="right")
    if seen:
        room = (max(seen) - min(seen)) * 0.06 or abs(seen[0]) * 0.06 or 1.0
        figure.update_yaxes(range=[min(seen) - room, max(seen) + room])
    if ds and ahead:
        rule(figure, ds[-1], "forecast")
        end = _just_past(*(ds[-1:] + ahead)[-2:])
        figure.update_xaxes(
            type="date" if isinstance(end, str) else "linear", range=[ds[-shown], end]
        )
        if shown < len(ds):
            figure.update_xaxes(rangeslider=_slider(ds[0], end))
    return figure


def _slider(start: str | float, end: str | float) -> dict[str, object]:
    return {
        "visible": True,
        "range": [start, end],
        "yaxis": {"rangemode": "auto"},  # the whole past fits, whatever the plot shows
        "thickness": 0.1,
        "bgcolor": COLOURS["paper"],
        "bordercolor": COLOURS["grid"],
        "borderwidth": 1,
    }


def _model(
    figure: go.Figure,
    name: str,
    held: list[str | float],
    past: list[float | None],
    ahead: list[str | float],
    future: list[float | None],
) -> None:
    prose, colour, dash, symbol = _MODELS.get(name, (name, "validation", "dashdot", "star"))
    few = len(past) + len(future) <= 120
    figure.add_scatter(
        # The test and the forecast are one trace with a gap, so that one click hides both.
        x=[*held, *(ahead[:1]), *ahead],
        y=[*past, *([None] if ahead else []), *future],
        name=chart_text(prose[:1].upper() + prose[1:]),
        legendrank=2 if name == "LSTM" else 3,
        mode="lines+markers" if few else "lines",
        line={"color": COLOURS[colour], "dash": dash, "width": 2.6 if name == "LSTM" else 1.6},
        marker={"symbol": symbol, "size": 7 if name == "LSTM" else 6},
    )


def _drawn(view: ForecastView) -> Section:
    drawn = view.series[:MAX_SERIES]
    steps = "next step" if view.horizon == 1 else f"next {view.horizon} steps"
    said = f"Right of the dashed line: the {steps}, past the end of the data. "
    if view.scores:
        said += (
            "In the shade: the same methods on the last values, made without seeing them, so that "
            "they can be compared with what came. "
        )
    if any(len(_values(series.history)) == 0 for series in drawn):
        said += (
            "Series without history have a forecast only, made of those that are most like them. "
        )
    if view.total > len(drawn):
        said += f"{len(drawn)} of {view.total:,} series are drawn; all are forecast. "
    if any(len(_values(series.history)) > MAX_POINTS for series in drawn):
        said += f"Of longer series the last {MAX_POINTS:,} points are drawn. "
    said += "Drag over a chart to zoom in; double-click to zoom out again, to the whole past."
    charts = tuple(
        Chart(series.unique_id, forecast_figure(series, view.season_length)) for series in drawn
    )
    return Section("The forecast", (said,), charts)


def _tested(view: ForecastView) -> Section:
    metrics = [key for key in _METRICS if any(key in scores for scores in view.scores.values())]

    def error(name: str) -> float:
        return next((view.scores[name][m] for m in metrics if _finite(view.scores[name], m)), 1e300)

    rows = tuple(
        (_title(name), *(_plain(view.scores[name].get(metric)) for metric in metrics))
        for name in sorted(view.scores, key=error)
    )
    season = view.season_length
    explained = [
        f"Before the forecast was made, the last {view.horizon} values"
        f"{f' of {view.scored:,} series' if view.total > 1 else ''} were held back, and every "
        "method forecast them from what came before. The smallest error is on top"
        f"{'; errors are means over the series' if view.scored > 1 else ''}.",
        "Naive repeats the last value."
        + (f" Seasonal naive repeats the values of one season, {season} steps." * (season > 1)),
    ]
    if "mase" in metrics:
        back = f"{season} steps earlier" if season > 1 else "one step earlier"
        explained[1] += (
            " MASE is the mean error divided by the mean difference, in the training data, between "
            f"a value and the one {back}: 1 is as good as such a habit, and less is better."
        )
    if "rmse" in metrics:
        explained[1] += " RMSE is in the units of the data and weighs large errors most."
    if "smape" in metrics:
        explained[1] += " sMAPE is in per cent of the values."
    headings = ("Method", *(_METRICS[metric] for metric in metrics))
    table = Table(
        headings,
        rows,
        "One test on one stretch of the past. A lead of a few per cent can be luck.",
    )
    return Section("The test", tuple(explained), table=table)


def _prose(name: str) -> str:
    return _MODELS[name][0] if name in _MODELS else name


def _title(name: str) -> str:
    return _prose(name)[:1].upper() + _prose(name)[1:]


def _finite(scores: Mapping[str, float], metric: str) -> bool:
    return math.isfinite(scores.get(metric, math.nan))


def _usable(scores: Mapping[str, Mapping[str, float]], metric: str) -> bool:
    finite = {name for name in scores if _finite(scores[name], metric)}
    return "LSTM" in finite and len(finite) > 1


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=1e-12)


def _compared(lstm: float, other: float, whose: str) -> str:
    owner = f"{whose}'s ({_plain(other)})"
    if _same(lstm, other):
        return f"about the same as {owner}"
    if other == 0:
        return f"above {owner}"
    share = lstm / other
    if share > 2:
        return f"{share:.1f} times {owner}"
    return f"{abs(share - 1) * 100:.0f} % {'below' if share < 1 else 'above'} {owner}"


def _joined(parts: list[str]) -> str:
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else parts[0]


def _plain(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0 or 0.1 <= abs(value) < 1000:
        return f"{value:.2f}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.2g}"


def _values(values: ArrayLike) -> list[float | None]:
    """Return plain numbers, with None (a gap in a chart) for whatever is not finite."""
    return [float(v) if math.isfinite(v) else None for v in np.asarray(values, dtype=np.float64)]


def _stamps(ds: ArrayLike) -> list[str | float]:
    """Return numbers as they are, and dates as the text of their wall-clock time."""
    stamps = np.asarray(ds)
    if stamps.dtype.kind in "iuf":
        return list(stamps.tolist())
    if stamps.dtype.kind != "M":
        # With a time zone, or text. Plotly would ignore the zone, and so do we, openly.
        texts = [s.strftime("%Y-%m-%dT%H:%M:%S") if hasattr(s, "strftime") else s for s in stamps]
        stamps = np.array(texts, dtype="M8[ms]")
    whole = bool((stamps.astype("M8[ms]") == stamps.astype("M8[s]")).all())
    return list(np.datetime_as_string(stamps, unit="s" if whole else "ms").tolist())


def _just_past(before: str | float, last: str | float) -> str | float:
    """Return a place half a step past the last stamp, where its marker is not cut off."""
    if isinstance(before, str) or isinstance(last, str):
        one, two = np.array([before, last], dtype="M8[ms]")
        return str(two + (two - one) // 2)
    return last + (last - before) / 2
