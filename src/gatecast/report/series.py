"""The chart of one series: its past, its backtests, its forecast and the bands around them.

What is drawn is laid out once, by `lay_out`; `main_figure` draws it with plotly and
`gatecast.report.picture` with matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gatecast.report.figures import (
    COLOURS,
    Style,
    blank_figure,
    chart_text,
    name_part,
    rule,
    shade,
    styles_of,
)
from gatecast.report.view import Backtested, SeriesView
from gatecast.report.words import Words

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["MAX_POINTS", "Drawn", "Look", "lay_out", "main_figure"]

MAX_POINTS = 10_000  # a browser drags more than this about like wet sand

ALPHA = 0x2C  # of a band; where narrower ones lie over wider ones, it adds up
MARKERS = 120  # a line of more points than this has no markers
HISTORY_MARKERS = 200  # of the history, which has smaller ones
_RULES = 24  # windows whose beginnings are marked one by one

Values = NDArray[np.float64]
Stamps = NDArray[Any]
Bands = dict[float, tuple[Values, Values]]


@dataclass(frozen=True)
class Look:
    """How the series of one page are drawn.

    Parameters
    ----------
    words : Words
        The language.
    chosen : str
        The model whose forecast it is; "" where it has no name.
    shown : tuple of str
        Other models whose backtests are seen at first.
    season_length : int
        Steps in a season; four seasons of history are in view at first, at least.
    styles : mapping of str to Style
        How models are drawn; any other is given a style of its own.
    points : int
        About how many points may be drawn of a series, half of them of its history.
    all_models : bool
        Whether models that are not seen at first can be shown by the reader.
    """

    words: Words
    chosen: str = ""
    shown: tuple[str, ...] = ("SeasonalNaive",)
    season_length: int = 1
    styles: Mapping[str, Style] = field(default_factory=dict)
    points: int = 2 * MAX_POINTS
    all_models: bool = True


@dataclass(frozen=True)
class Window:
    """Some steps: the lines of models through them, and the bands of the chosen one."""

    ds: Stamps
    lines: dict[str, Values]
    bands: Bands


@dataclass(frozen=True)
class Drawn:
    """One series, laid out: what is drawn, and what part of it is seen at first.

    Parameters
    ----------
    name : str
        Of the series.
    ds, y : ndarray
        The history, its last points where it is long.
    windows : tuple of Window
        The backtests, the newest where there are many; oldest first.
    future : Window
        The forecast.
    models : tuple of str
        Whose lines there are, in the order of the legend.
    styles : dict of str to Style
        Of all of them.
    step : timedelta64 or float
        From one stamp to the next.
    view : tuple
        First and last stamp, lowest and highest value that are seen at first.
    decimals : int
        How many are worth reading.
    cut_history, cut_windows : bool
        Whether some were left out.
    """

    name: str
    ds: Stamps
    y: Values
    windows: tuple[Window, ...]
    future: Window
    models: tuple[str, ...]
    styles: dict[str, Style]
    step: Any
    view: tuple[Any, Any, float, float]
    decimals: int
    cut_history: bool
    cut_windows: bool

    @property
    def dated(self) -> bool:
        """Whether stamps are dates."""
        return all(part.dtype.kind == "M" for part in (self.ds, self.future.ds) if len(part))

    @property
    def tested(self) -> tuple[Any, Any] | None:
        """Where the backtests begin and end, half a step outside."""
        filled = [window.ds for window in self.windows if len(window.ds)]
        if not filled or self.view[0] is None:
            return None
        return filled[0][0] - self.step / 2, max(ds[-1] for ds in filled) + self.step / 2

    @property
    def named_at(self) -> Literal["left", "right"]:
        """Which end of the backtests is named: the first, if there is room for the name."""
        first, last, *_ = self.view
        start, end = self.tested or (first, last)
        return "left" if (end - start) / (last - first) > 0.25 else "right"

    @property
    def begins(self) -> list[Any]:
        """Where each window but the first begins, unless there are too many to tell apart."""
        filled = [window.ds[0] for window in self.windows if len(window.ds)]
        return [ds - self.step / 2 for ds in filled[1:]] if len(filled) <= _RULES else []

    @property
    def ahead(self) -> Any:
        """Where the forecast begins; None where there is no history before it."""
        both = len(self.ds) and len(self.future.ds)
        return self.ds[-1] + self.step / 2 if both else None

    @property
    def levels(self) -> list[float]:
        """Of the bands, the widest last."""
        return sorted({level for part in (*self.windows, self.future) for level in part.bands})


def main_figure(
    series: SeriesView, *, chosen: str = "", season_length: int = 1, lang: str = "en"
) -> go.Figure:
    """Draw one series: its recent past, its backtests, the forecast and its intervals.

    Parameters
    ----------
    series : SeriesView
        What to draw; of a very long history, the last 10,000 points.
    chosen : str
        The model whose forecast it is.
    season_length : int
        Steps in a season; four seasons of history are in view at first, at least.
    lang : {"en", "zh"}
        The language of the names of lines.

    Returns
    -------
    plotly.graph_objects.Figure
        The figure; all of the history is in it and can be reached by zooming out.

    Examples
    --------
    >>> series = SeriesView("a", "", [1, 2, 3], [1.0, 2.0, 3.0], [], [4], [4.0], {90.0: ([3], [5])})
    >>> [trace.name for trace in main_figure(series, chosen="Drift").data if trace.showlegend]
    ['Intervals: 90 %', 'Observed', 'Drift']
    """
    return draw(series, Look(Words(lang), chosen, season_length=season_length))


def draw(series: SeriesView, look: Look) -> go.Figure:
    """Draw one series of a page."""
    drawn, words = lay_out(series, look), look.words
    figure = blank_figure(y_title=chart_text(series.unique_id, longest=40))
    figure.update_layout(meta={"fit": True}, showlegend=True)  # for a forecast alone, too
    _mark(figure, drawn, words)
    _fan(figure, drawn, look)
    # The simple forecasts first, so that the chosen one is drawn on top of them.
    figure.add_scatter(
        x=plain_stamps(drawn.ds),
        y=_rounded(drawn.y, drawn.decimals),
        name=words("observed"),
        showlegend=True,
        legendrank=1,
        mode="lines+markers" if len(drawn.ds) <= HISTORY_MARKERS else "lines",
        line={"color": COLOURS["truth"], "width": 1.6},
        marker={"size": 4},
        yhoverformat=",.0f" if _are_whole(drawn.y) else None,
    )
    for name in reversed(drawn.models):
        _line(figure, drawn, look, name)
    first, last, low, high = drawn.view
    figure.update_yaxes(range=[low, high], hoverformat=f",.{drawn.decimals}f")
    if first is not None:
        start, end = plain_stamps(np.array([first, last]))
        figure.update_xaxes(
            type="date" if drawn.dated else "linear",
            range=[start, end],
            hoverformat=_date_format(drawn) if drawn.dated else None,
        )
        if len(drawn.ds) and drawn.ds[0] < first:
            figure.update_xaxes(rangeslider=_slider(*plain_stamps(np.array([drawn.ds[0], last]))))
    return figure


def lay_out(series: SeriesView, look: Look) -> Drawn:
    """Choose what of a series is drawn, what is seen of it at first, and how it is written."""
    ds, y = as_stamps(series.history_ds), _values(series.history)
    windows, models = _kept(series, look)
    kept = ds[-min(MAX_POINTS, max(look.points // 2, 1)) :]
    y = y[len(y) - len(kept) :]
    future = _window(
        Backtested(series.future_ds, {look.chosen: series.forecast}, series.intervals),
        (look.chosen,),
    )
    drawn = Drawn(
        name=series.unique_id,
        ds=kept,
        y=y,
        windows=windows,
        future=future,
        models=models,
        styles=styles_of([*look.styles, *models]) | dict(look.styles),
        step=_step(kept, future.ds),
        view=(None, None, 0.0, 1.0),
        decimals=_decimals(y, future.lines[look.chosen]),
        cut_history=len(kept) < len(ds),
        cut_windows=len(windows) < len(series.backtests),
    )
    return replace(drawn, view=_first_view(drawn, look))


def _kept(series: SeriesView, look: Look) -> tuple[tuple[Window, ...], tuple[str, ...]]:
    """Return the newest windows that there is room for, and whose lines are in them."""
    names = dict.fromkeys(name for window in series.backtests for name in window.forecast)
    seen = [name for name in (look.chosen, *look.shown) if name in names]
    models = (*seen, *(name for name in names if name not in seen)) if look.all_models else seen
    windows: list[Window] = []
    room = look.points // 2
    for backtest in reversed(series.backtests):
        window = _window(backtest, models)
        # A band goes there and back, and is written out once more for the reader.
        room -= len(window.ds) * (len(models) + 4 * len(window.bands))
        if windows and room < 0:
            break
        windows.append(window)
    return tuple(windows[::-1]), tuple(dict.fromkeys([look.chosen, *models]))


def _window(backtest: Backtested, models: Sequence[str]) -> Window:
    lines = {name: _values(backtest.forecast[name]) for name in models if name in backtest.forecast}
    bands = {
        level: (_values(backtest.intervals[level][0]), _values(backtest.intervals[level][1]))
        for level in sorted(backtest.intervals)
    }
    return Window(as_stamps(backtest.ds), lines, bands)


def _first_view(drawn: Drawn, look: Look) -> tuple[Any, Any, float, float]:
    """Return what is seen at first: backtests, some seasons before them, and the forecast."""
    ahead, ds = drawn.future.ds, drawn.ds
    tested = int((ds >= drawn.windows[0].ds[0]).sum()) if drawn.windows and len(ds) else 0
    shown = min(len(ds), max(4 * look.season_length, 4 * len(ahead), 40) + tested)
    stamps = [*ds[-shown:][:1], *ahead[:1], *ahead[-1:], *ds[-1:]]
    first = min(stamps) if stamps else None
    last = None if first is None else max(stamps) + drawn.step / 2
    y = drawn.y[len(ds) - shown :]
    seen = [y]
    edges = []
    for part in (*drawn.windows, drawn.future):
        seen += [part.lines[name] for name in (look.chosen, *look.shown) if name in part.lines]
        edges += [edge for band in part.bands.values() for edge in band]
    low, high = _extremes(seen)
    if not math.isfinite(low):
        return first, last, 0.0, 1.0
    # A band may leave the picture rather than press all that is known into a line.
    most = 1.5 * (high - low)
    below, above = _extremes(edges)
    low, high = max(min(low, below), low - most), min(max(high, above), high + most)
    room = (high - low) * 0.06 or abs(high) * 0.06 or 1.0
    return first, last, low - room, high + room


def _extremes(parts: Sequence[Values]) -> tuple[float, float]:
    values = np.concatenate([*parts, np.empty(0)])
    values = values[np.isfinite(values)]
    if not len(values):
        return math.inf, -math.inf
    return float(values.min()), float(values.max())


def _mark(figure: go.Figure, drawn: Drawn, words: Words) -> None:
    """Shade the backtests, and draw a line where the forecast begins."""
    if drawn.tested is not None:
        start, end = plain_stamps(np.array(drawn.tested))
        shade(figure, start, end, words("backtests"), at=drawn.named_at)
        for begin in drawn.begins:
            rule(figure, plain_stamps(np.array([begin]))[0], light=True)
    if drawn.ahead is not None:
        begin, end = plain_stamps(np.array([drawn.ahead, drawn.view[1]]))
        rule(figure, begin)
        name_part(figure, end, words("forecast"), "right")


def _fan(figure: go.Figure, drawn: Drawn, look: Look) -> None:
    """Draw the bands, the widest first; one click hides them all."""
    style = drawn.styles[look.chosen]
    if not drawn.levels:
        return
    title = look.words("intervals", levels=look.words.levels(drawn.levels))
    for number, level in enumerate(reversed(drawn.levels)):
        x: list[Any] = []
        y: list[float | None] = []
        for part in (*drawn.windows, drawn.future):
            for ds, low, high in runs(part, level, drawn.step):
                stamps = plain_stamps(ds)
                x += [*([None] if x else []), *stamps, *stamps[::-1]]
                y += [*([None] if y else []), *_rounded(low, drawn.decimals)]
                y += _rounded(high[::-1], drawn.decimals)
        figure.add_scatter(
            x=x,
            y=y,
            name=title,
            legendgroup="intervals",
            showlegend=number == 0,
            legendrank=3,
            mode="lines",
            line={"width": 0, "color": style.colour},
            fill="toself",
            fillcolor=style.faint(ALPHA),
            hoverinfo="skip",
        )


def runs(part: Window, level: float, step: Any) -> Iterator[tuple[Stamps, Values, Values]]:
    """Yield the stretches of a band that have no gap; a lone step gets some width."""
    if level not in part.bands:
        return
    low, high = part.bands[level]
    there = np.isfinite(low) & np.isfinite(high)
    for run in np.split(np.arange(len(low)), np.flatnonzero(np.diff(there.astype(int))) + 1):
        if len(run) == 0 or not there[run[0]]:
            continue
        ds = part.ds[run]
        if len(run) == 1:
            run, ds = np.repeat(run, 2), np.array([ds[0] - step / 4, ds[0] + step / 4])
        yield ds, low[run], high[run]


def _line(figure: go.Figure, drawn: Drawn, look: Look, name: str) -> None:
    """Draw a model: its windows and its forecast are one trace, so that one click hides all."""
    x: list[Any] = []
    y: list[float | None] = []
    said: list[str] = []
    for part in (*drawn.windows, drawn.future):
        values = part.lines.get(name)
        if values is None or not len(values):
            continue
        stamps = plain_stamps(part.ds[: len(values)])
        x += [*([stamps[0]] if x else []), *stamps]
        said += [*([""] if y else []), *_ranges(part, drawn.decimals, len(values))]
        y += [*([None] if y else []), *_rounded(values, drawn.decimals)]
    main, style = name == look.chosen, drawn.styles[name]
    few = len(x) <= MARKERS
    width = 1.6 if not main else 2.6 if few else 1.8
    prose = look.words.model(name) if name else look.words("forecast_line")
    figure.add_scatter(
        x=x,
        y=y,
        name=chart_text(prose),
        showlegend=True,
        legendrank=2 if main else 4 if name in look.shown else 5,
        visible=True if main or name in look.shown else "legendonly",
        mode="lines+markers" if few else "lines",
        line={"color": style.colour, "dash": style.dash, "width": width},
        marker={"symbol": style.symbol, "size": 7 if main else 6},
        **({"customdata": said, "hovertemplate": "%{y}%{customdata}"} if main else {}),
    )


def _ranges(part: Window, decimals: int, n: int) -> list[str]:
    """Return what a reader is told of the intervals at each step, a line a level."""
    said = [""] * n
    for level, (low, high) in part.bands.items():
        for i in range(min(n, len(low))):
            if math.isfinite(low[i]) and math.isfinite(high[i]):
                ends = (_written(value, decimals) for value in (low[i], high[i]))
                said[i] += f"<br>{level:g} %: {' – '.join(ends)}"
    return said


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


def _decimals(y: Values, forecast: Values) -> int:
    """Return how many decimals show a thousandth of the range of the values."""
    for values in (y, forecast):
        finite = values[np.isfinite(values)]
        spread = float(np.ptp(finite)) if len(finite) else 0.0
        spread = spread or (float(np.abs(finite).max()) if len(finite) else 0.0)
        if spread > 0:
            return min(max(0, 3 - math.floor(math.log10(spread))), 12)
    return 2


def _are_whole(values: Values) -> bool:
    finite = values[np.isfinite(values)]
    return bool((finite == np.round(finite)).all())


def _written(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}".replace("-", "−")


def _rounded(values: Values, decimals: int) -> list[float | None]:
    """Return plain numbers, three digits finer than can be read; None is a gap.

    Files with many points would be twice as large with all their digits.
    """
    return [round(v, decimals + 3) if math.isfinite(v) else None for v in values.tolist()]


def _values(values: ArrayLike) -> Values:
    return np.asarray(values, dtype=np.float64)


def as_stamps(ds: ArrayLike) -> Stamps:
    """Return numbers as float64, and dates as the time on the wall, in milliseconds."""
    stamps = np.asarray(ds)
    if stamps.dtype.kind in "iuf":
        return stamps.astype(np.float64)
    if stamps.dtype.kind != "M":
        # With a time zone, or text. Plotly would ignore the zone, and so do we, openly.
        stamps = np.array(
            [s.strftime("%Y-%m-%dT%H:%M:%S") if hasattr(s, "strftime") else s for s in stamps]
        )
    return stamps.astype("M8[ms]")


def plain_stamps(stamps: Stamps) -> list[Any]:
    """Return stamps as JSON knows them: whole numbers, numbers, or the shortest text of a date."""
    if stamps.dtype.kind != "M":
        return [int(v) if v.is_integer() else v for v in stamps.tolist()]
    for unit in ("D", "s"):
        if (stamps.astype(f"M8[{unit}]") == stamps).all():
            return list(np.datetime_as_string(stamps, unit=unit).tolist())
    return list(np.datetime_as_string(stamps).tolist())


def _step(ds: Stamps, ahead: Stamps) -> Any:
    """Return the time from the last stamp but one to the last."""
    stamps = ahead if len(ahead) > 1 else ds if len(ds) > 1 else None
    if stamps is None and len(ds) and len(ahead):
        return ahead[0] - ds[-1]
    if stamps is None:
        dated = any(part.dtype.kind == "M" for part in (ds, ahead) if len(part))
        return np.timedelta64(86_400_000, "ms") if dated else 1.0
    return stamps[-1] - stamps[-2]


def _date_format(drawn: Drawn) -> str:
    """Return how a date is written beside the values: as much of it as tells stamps apart."""
    stamps = np.concatenate([part for part in (drawn.ds[-50:], drawn.future.ds) if len(part)])
    if (stamps != stamps.astype("M8[D]")).any():
        return "%Y-%m-%d %H:%M"
    if (stamps != stamps.astype("M8[M]")).any():
        return "%Y-%m-%d"
    return "%Y-%m" if (stamps != stamps.astype("M8[Y]")).any() else "%Y"
