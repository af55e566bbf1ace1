"""The gates of a network over time: the figure, the page around it, and the same as plain data."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.gates.summary import (
    Unit,
    can_tell_season,
    describe_units,
    long_memory,
    n_observed,
    season_steps,
)
from gatecast.report.figures import COLOURS, blank_figure, chart_text
from gatecast.report.gates_words import GateWords, date_unit, explain, signed
from gatecast.report.page import Chart, Section, Slider, Table, write_page
from gatecast.report.scales import colour_scale
from gatecast.report.series import as_stamps, plain_stamps
from gatecast.report.words import percent, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import NDArray

    from gatecast.gates.trace import Trace

    Grid = NDArray[Any]

__all__ = ["gates_chart", "gates_figure", "gates_section", "gates_under", "write_gates_page"]

MAX_COLUMNS = 2_000  # steps drawn one by one; of more, each column is a mean
MAX_ROWS = 25  # units in the page's table
_MOST = 3  # units named at a moment

# In pixels. A figure of one unit is not a strip, one of 400 still fits a screen or two.
_TOP, _BOTTOM, _GAP, _SERIES, _LEANING = 84, 40, 44, 170, 130
_ROW, _LOWEST, _HIGHEST = 11, 34, 280
# Plotly calls its first scale just "coloraxis"; these begin at 2.
_GATES = ("coloraxis2", "coloraxis3", "coloraxis4")
_STATES = ("coloraxis5", "coloraxis6", "coloraxis7")
_LEANS = "coloraxis8"
_HATS = {"Y": "%Y", "M": "%Y-%m", "D": "%Y-%m-%d", "m": "%Y-%m-%d %H:%M"}


@dataclass(frozen=True)
class _Map:
    """A heat map of all units over time: what it shows, ``[time, units]``, and how."""

    name: str
    title: str
    grid: Grid
    scale: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    hover: str


@dataclass(frozen=True)
class _Panel:
    """A part of the figure: its y axis and where it is, in shares of the plot from below."""

    axis: str
    bottom: float
    top: float


def gates_figure(trace: Trace, lang: str = "en") -> go.Figure:
    """Draw what the gates did: the series, under it forget, store and focus, then what it leans on.

    All parts share the time. A row of a heat map is a unit, those with the longest memory on top,
    layer by layer. *Store* is ``|input * candidate|``, what is really written: an input gate may be
    open where there is nothing to let in. Buttons change the three to what is offered to the
    memory (candidate), held (cell) and shown (hidden).

    Parameters
    ----------
    trace : Trace
        What the network did. Of more than 2,000 steps, each column is the mean of several.
    lang : {"en", "zh"}
        The language.

    Returns
    -------
    plotly.graph_objects.Figure
        Its last shape is a line across all parts, at the newest observed step.

    Raises
    ------
    ConfigError
        There are no words in the language.
    """
    words, units = GateWords(trace, lang), describe_units(trace)
    return _draw(_thinned(trace), units, words)


def _draw(trace: Trace, units: list[Unit], words: GateWords) -> go.Figure:
    rows = _rows(units, words)
    height = min(max(len(units) * _ROW, _LOWEST), _HIGHEST)
    leaning = _LEANING if len(trace.forecast) > 1 else 90
    panels, total = _panels([_SERIES, height, height, height, leaning])
    figure = blank_figure()
    figure.update_layout(
        height=total,
        margin={"l": 12, "r": 12, "t": _TOP, "b": _BOTTOM},
        legend={"y": 1, "yref": "container", "yanchor": "top", "x": 0, "xref": "paper"},
        showlegend=True,
        hovermode="closest",
        hoverlabel={"font": {"color": COLOURS["truth"]}, "bordercolor": COLOURS["shade"]},
    )
    x = as_stamps(trace.ds)
    _draw_series(figure, trace, words)
    views = (_gates(trace, words), _states(trace, words))
    titles = []
    for maps, axes in zip(views, (_GATES, _STATES), strict=True):
        notes = []
        for panel, shown, axis in zip(panels[1:4], maps, axes, strict=True):
            _draw_map(figure, shown, panel, axis, x, rows)
            notes.append(_title(panel, shown.title, words(f"{shown.name}_is")))
        titles.append(notes)
    _draw_leaning(figure, trace, panels[4], words)
    always = [
        _title(
            panels[0], chart_text(trace.unique_id, 40), chart_text(words.words.model(trace.model))
        ),
        _title(panels[4], words("lean"), words("lean_is")),
    ]
    _mark_forecast(figure, trace)
    _lay_out_axes(figure, panels, rows, trace, words)
    for one in figure.data:
        one.visible = one.type != "heatmap" or one.coloraxis not in _STATES
    figure.layout.annotations = [*titles[0], *always]
    for panel in panels[1:4]:
        for end in rows.ends:
            _set_layers_apart(figure, panel, end)
    figure.update_layout(updatemenus=[_buttons(figure, titles, always, words)])
    moment = plain_stamps(x[[max(n_observed(trace) - 1, 0)]])[0]
    line = {"color": COLOURS["text"], "width": 1.5}
    figure.add_shape(type="line", x0=moment, x1=moment, yref="paper", y0=0, y1=1, line=line)
    return figure


def _thinned(trace: Trace) -> Trace:
    """Return a trace of at most 2,000 steps, each the mean of several if there were more."""
    size = math.ceil(len(trace.ds) / MAX_COLUMNS)
    if size == 1:
        return trace
    starts = np.arange(len(trace.ds) % size, len(trace.ds), size)  # the newest block is whole

    def mean(values: Grid) -> Grid:
        sums = np.add.reduceat(values[starts[0] :].astype(np.float64), starts - starts[0], axis=0)
        return np.asarray((sums / size).astype(values.dtype))

    names = ("forget", "input", "output", "candidate", "cell", "hidden")
    gates: dict[str, Any] = {name: list(map(mean, getattr(trace, name))) for name in names}
    return replace(
        trace,
        ds=trace.ds[starts + size - 1],
        y=mean(trace.y),
        inputs=mean(trace.inputs),
        attribution=mean(trace.attribution.T).T,
        **gates,
    )


@dataclass(frozen=True)
class _Rows:
    """The rows of a heat map, from above: places of the units, their names, and the layers'."""

    order: list[int]
    names: list[str]
    layers: list[tuple[float, str]]
    ends: list[float]


def _rows(units: list[Unit], words: GateWords) -> _Rows:
    """Order the units by layer, in each those with the longest memory first."""
    order = sorted(range(len(units)), key=lambda i: (units[i].layer, -units[i].memory_length))
    sizes = np.bincount([unit.layer for unit in units])
    ends = np.cumsum(sizes) - 0.5
    return _Rows(
        order=order,
        names=[_name(units[i], words) for i in order],
        layers=[
            (float(end - size / 2), words("layer", layer=layer))
            for layer, (end, size) in enumerate(zip(ends, sizes, strict=True), 1)
        ],
        ends=ends[:-1].tolist(),
    )


def _name(unit: Unit, words: GateWords) -> str:
    return words("unit_short", layer=unit.layer + 1, unit=unit.unit + 1)


def _panels(heights: Sequence[int]) -> tuple[list[_Panel], int]:
    """Stack panels of some heights, the first on top; return the height of the figure, too."""
    inner = sum(heights) + _GAP * (len(heights) - 1)
    panels, top = [], inner
    for number, height in enumerate(heights, 1):
        axis = "y" if number == 1 else f"y{number}"
        panels.append(_Panel(axis, max(top - height, 0) / inner, top / inner))
        top -= height + _GAP
    return panels, inner + _TOP + _BOTTOM


def _gates(trace: Trace, words: GateWords) -> list[_Map]:
    forget, output = _side_by_side(trace.forget), _side_by_side(trace.output)
    written = np.abs(_side_by_side(trace.input) * _side_by_side(trace.candidate))
    maps = []
    for name, share, low, high in (
        ("forget", forget, *_range(forget)),
        ("store", written, 0.0, min(_most(written), 1.0)),
        ("focus", output, *_range(output)),
    ):
        grid = _per_cent(share, small=high < 0.25)
        ends = ((100 * low, percent(low, 0)), (100 * high, percent(high, 0 if high > 0.1 else 1)))
        hover = f"{words(f'hover_{name}')} %{{z}} %"
        maps.append(_Map(name, words(name), grid, name, 100 * low, 100 * high, ends, hover))
    return maps


def _range(share: Grid) -> tuple[float, float]:
    """Return the tenths between which shares lie, at least three apart: flat gates look flat."""
    low, high = (float(np.quantile(share, at)) for at in (0.005, 0.995))
    low, high = math.floor(10 * low), math.ceil(10 * high)
    low = max(min(low, high - 3), 0)
    return low / 10, min(max(high, low + 3), 10) / 10


def _states(trace: Trace, words: GateWords) -> list[_Map]:
    maps = []
    for name, layers in (
        ("candidate", trace.candidate),
        ("cell", trace.cell),
        ("hidden", trace.hidden),
    ):
        grid = np.round(_side_by_side(layers), 3)
        most = _most(grid)
        ticks = _around_zero(most)
        maps.append(_Map(name, words(name), grid, "signed", -most, most, ticks, "%{z:.2f}"))
    return maps


def _side_by_side(layers: Sequence[Grid]) -> Grid:
    """Return the units of all layers: ``[time, units]``."""
    return np.concatenate(layers, axis=1)


def _most(values: Grid, *, least: float = 0.0, share: float = 0.995) -> float:
    """Return what the strongest colour stands for, a round number: a share of values is within."""
    most = max(float(np.quantile(np.abs(values), share)), least) if values.size else 0.0
    if most <= 0:
        return 1.0
    digit = 10.0 ** math.floor(math.log10(most))
    return math.ceil(most / digit * 2) / 2 * digit


def _per_cent(share: Grid, *, small: bool) -> Grid:
    """Return whole per cent, one byte each in a file, or hundredths of them where all are small."""
    if small:
        return np.asarray(np.round(100 * share, 2), np.float32)
    return np.asarray(np.rint(100 * share), np.uint8)


def _draw_map(
    figure: go.Figure, one: _Map, panel: _Panel, coloraxis: str, x: Grid, rows: _Rows
) -> None:
    figure.add_heatmap(
        x=plain_stamps(x),
        y=rows.names,
        z=np.ascontiguousarray(one.grid[:, rows.order].T),
        yaxis=panel.axis,
        coloraxis=coloraxis,
        name=one.title,
        hovertemplate=f"%{{x}}<br>%{{y}}: {one.hover}<extra></extra>",
    )
    figure.layout[coloraxis] = {
        "cmin": one.low,
        "cmax": one.high,
        "colorscale": colour_scale(one.scale),
        "colorbar": _bar(panel, one.ticks),
    }


def _around_zero(most: float) -> tuple[tuple[float, str], ...]:
    return ((-most, f"−{most:g}"), (0.0, "0"), (most, f"{most:g}"))


def _bar(panel: _Panel, ticks: Sequence[tuple[float, str]]) -> dict[str, object]:
    """Return a small legend of colours above the right end of a panel."""
    return {
        "orientation": "h",
        "x": 1,
        "xanchor": "right",
        "y": panel.top,
        "yanchor": "bottom",
        "xpad": 20,
        "ypad": 5,
        "lenmode": "pixels",
        "len": 112,
        "thickness": 7,
        "outlinewidth": 0,
        "bgcolor": COLOURS["paper"],  # no line crosses it
        "tickvals": [value for value, _ in ticks],
        "ticktext": [text for _, text in ticks],
        "tickfont": {"size": 11, "color": COLOURS["text"]},
        "ticks": "",
    }


def _draw_series(figure: go.Figure, trace: Trace, words: GateWords) -> None:
    y, x = trace.y.astype(np.float64), plain_stamps(as_stamps(trace.ds))
    few = len(y) <= 120
    figure.add_scatter(
        x=x,
        y=[float(f"{v:.6g}") if math.isfinite(v) else None for v in y.tolist()],
        name=words("observed"),
        mode="lines+markers" if few else "lines",
        line={"color": COLOURS["truth"], "width": 1.6},
        marker={"size": 4},
    )
    if not len(trace.forecast):
        return
    figure.add_scatter(
        x=plain_stamps(as_stamps(trace.future_ds)),
        y=[float(f"{v:.6g}") if math.isfinite(v) else None for v in trace.forecast.tolist()],
        name=words("forecast"),
        mode="lines+markers" if len(trace.forecast) <= 120 else "lines",
        line={"color": COLOURS["lstm"], "width": 2.4},
        marker={"size": 5},
    )


def _draw_leaning(figure: go.Figure, trace: Trace, panel: _Panel, words: GateWords) -> None:
    """Draw the attribution: bars for one forecast step, else a map with a row a forecast step."""
    h, seen = len(trace.forecast), n_observed(trace)
    x = plain_stamps(as_stamps(trace.ds[:seen]))
    influence = np.nan_to_num(trace.attribution[:, :seen].astype(np.float64))
    told = f"{words('hover_per')} %{{z:+.3~g}}"
    if h == 1:
        figure.add_bar(
            x=x,
            y=[float(f"{v:.4g}") for v in influence[0]],
            yaxis=panel.axis,
            marker={"color": COLOURS["lstm"]},
            name=words("lean"),
            showlegend=False,
            hovertemplate=f"%{{x}}<br>{words('hover_per')} %{{y:+.3~g}}<extra></extra>",
        )
        return
    if not h or not seen:
        return
    most = leaning_limit(trace)
    ticks = _around_zero(most)
    figure.add_heatmap(
        x=x,
        y=list(range(1, h + 1)),
        z=np.asarray([[float(f"{v:.4g}") for v in row] for row in influence], np.float32),
        yaxis=panel.axis,
        coloraxis=_LEANS,
        name=words("lean"),
        hovertemplate=f"%{{x}}<br>{words('step_axis')} %{{y}}: {told}<extra></extra>",
    )
    figure.layout[_LEANS] = {
        "cmin": -most,
        "cmax": most,
        "colorscale": colour_scale("signed"),
        "colorbar": _bar(panel, ticks),
    }


def leaning_limit(trace: Trace) -> float:
    """Return the influence that has the strongest colour: one value must not pale all others."""
    size = np.abs(np.nan_to_num(trace.attribution[:, : n_observed(trace)]))
    return _most(size, least=0.1 * float(size.max(initial=0.0)), share=0.95)


def _title(panel: _Panel, name: str, what: str) -> dict[str, object]:
    return {
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": panel.top,
        "yref": "paper",
        "yanchor": "bottom",
        "yshift": 3,
        "showarrow": False,
        "text": f"<b>{name}</b>  {what}",
        "font": {"size": 13, "color": COLOURS["text"]},
    }


def _mark_forecast(figure: go.Figure, trace: Trace) -> None:
    """Draw a line half a step before the forecast."""
    seen = n_observed(trace)
    if not seen or not len(trace.future_ds):
        return
    last, first = as_stamps(trace.ds)[seen - 1], as_stamps(trace.future_ds)[0]
    x = plain_stamps(np.array([last + (first - last) / 2]))[0]
    line = {"color": COLOURS["shade"], "width": 1, "dash": "dash"}
    figure.add_shape(type="line", x0=x, x1=x, yref="paper", y0=0, y1=1, line=line)


def _set_layers_apart(figure: go.Figure, panel: _Panel, end: float) -> None:
    line = {"color": COLOURS["paper"], "width": 3}
    place = {"x0": 0, "x1": 1, "xref": "paper", "y0": end, "y1": end, "yref": panel.axis}
    figure.add_shape(type="line", line=line, **place)


def _lay_out_axes(
    figure: go.Figure, panels: Sequence[_Panel], rows: _Rows, trace: Trace, words: GateWords
) -> None:
    axis = figure.layout.yaxis.to_plotly_json()
    units = _unit_axis(rows)
    kinds: tuple[dict[str, object], ...]
    kinds = ({"nticks": 5}, units, units, units, _leaning_axis(axis, len(trace.forecast), words))
    for panel, kind in zip(panels, kinds, strict=True):
        place = {"domain": [panel.bottom, panel.top], "anchor": "x"}
        figure.layout[panel.axis.replace("y", "yaxis")] = {**axis, **place, **kind}
    stamps = [as_stamps(trace.ds), as_stamps(trace.future_ds)]
    both = np.concatenate([part for part in stamps if len(part)])
    step = both[-1] - both[-2] if len(both) > 1 else 1
    # A long forecast must not press the window together; zooming out shows all of it.
    last = both[min(len(both), max(3 * len(trace.ds) // 2, 2)) - 1]
    dated = both.dtype.kind == "M"
    figure.update_xaxes(
        anchor=panels[-1].axis,
        type="date" if dated else "linear",
        range=plain_stamps(np.array([both[0] - step / 2, last + step / 2])),
        hoverformat=_HATS[date_unit(both)] if dated else None,
        showspikes=True,
        spikemode="across",
        spikesnap="hovered data",
        spikethickness=1,
        spikedash="dot",
        spikecolor=COLOURS["shade"],
        showgrid=False,
    )


def _unit_axis(rows: _Rows) -> dict[str, object]:
    """Return the axis of the units, where several layers are named."""
    layers = rows.layers if rows.ends else []
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": rows.names,
        "range": [len(rows.names) - 0.5, -0.5],
        "tickvals": [middle for middle, _ in layers],
        "ticktext": [text for _, text in layers],
        "tickangle": -90,
        "showgrid": False,
        "fixedrange": True,
        "ticks": "",
    }


def _leaning_axis(axis: dict[str, Any], h: int, words: GateWords) -> dict[str, object]:
    """Return the axis of the forecast steps, the first on top; for one step that of its bars."""
    if h < 2:
        return {"nticks": 4, "fixedrange": True}
    return {
        "title": {**axis["title"], "text": words("step_axis")},
        "range": [h + 0.5, 0.5],
        "tickvals": sorted({1, (h + 1) // 2, h}),
        "showgrid": False,
        "fixedrange": True,
    }


def _buttons(
    figure: go.Figure,
    titles: Sequence[Sequence[dict[str, object]]],
    always: Sequence[dict[str, object]],
    words: GateWords,
) -> dict[str, object]:
    """Return the choice between gates and states: which maps are seen, and their titles."""
    axes = [one.coloraxis if one.type == "heatmap" else None for one in figure.data]
    buttons = []
    for number, name in enumerate(("gates_view", "state_view")):
        others = (_STATES, _GATES)[number]
        visible = [axis not in others for axis in axes]
        buttons.append(
            {
                "label": words(name),
                "method": "update",
                "args": [{"visible": visible}, {"annotations": [*titles[number], *always]}],
            }
        )
    return {
        "type": "buttons",
        "direction": "right",
        "buttons": buttons,
        "x": 1,
        "xanchor": "right",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"b": 24, "t": 0, "l": 0, "r": 0},
        "showactive": False,
        "bgcolor": COLOURS["paper"],
        "bordercolor": COLOURS["shade"],
        "font": {"size": 12, "color": COLOURS["text"]},
    }


def gates_chart(trace: Trace, lang: str = "en") -> Chart:
    """Return the figure for a page, with a slider over time."""
    words, units, thin = GateWords(trace, lang), describe_units(trace), _thinned(trace)
    return Chart(
        f"{words('gates_heading')}: {trace.unique_id}",
        _draw(thin, units, words),
        _slider(thin, units, GateWords(thin, lang)),
    )


def _slider(trace: Trace, units: list[Unit], words: GateWords) -> Slider:
    """Say for each step what the gates do, and which units do most of it."""
    one = len(units) == 1
    forgets = 1 - _side_by_side(trace.forget)
    stored, shows = _side_by_side(trace.input), _side_by_side(trace.output)
    written = np.abs(stored * _side_by_side(trace.candidate))
    held = np.abs(_side_by_side(trace.cell))
    before = np.abs(_side_by_side(list(map(_delayed, trace.cell, trace.dilations))))
    rows = [(words("read_value"), _values(trace, words))]
    for name, shares, most in (
        ("forget", forgets, forgets * before),
        ("store", stored, written),
        ("focus", shows, shows * np.tanh(held)),
    ):
        texts = []
        for t in range(len(shares)):
            parts = {"mean": percent(float(shares[t].mean()), 0)}
            if not one:
                top = np.argsort(-most[t], kind="stable")[:_MOST]
                parts["units"] = _grouped([units[i] for i in top], words)
            texts.append(words(f"said_{name}{'_one' if one else ''}", **parts))
        rows.append((words(f"read_{name}"), tuple(texts)))
    if len(trace.forecast):
        rows.append((words("read_lean"), _leanings(trace, words)))
    values = rows[0][1]
    return Slider(
        name=words("moment"),
        places=tuple(plain_stamps(as_stamps(trace.ds))),
        said=tuple(
            words("moment_value", at=words.at(t), value=values[t]) for t in range(len(trace.ds))
        ),
        rows=tuple(rows[1:]),
        start=max(n_observed(trace) - 1, 0),
    )


def _delayed(cell: Grid, steps: int) -> Grid:
    """Return what a layer held some steps before; nothing at first."""
    return np.concatenate([np.zeros_like(cell[:steps]), cell[:-steps]])


def _grouped(units: Sequence[Unit], words: GateWords) -> str:
    """Name units by their numbers, layer by layer."""
    layers: dict[int, list[str]] = {}
    for unit in units:
        layers.setdefault(unit.layer, []).append(str(unit.unit + 1))
    return words("listed_layers").join(
        words("units_of_layer", layer=layer + 1, units=words("list").join(numbers))
        for layer, numbers in layers.items()
    )


def _values(trace: Trace, words: GateWords) -> tuple[str, ...]:
    seen, finite = n_observed(trace), trace.y[np.isfinite(trace.y)]
    like = float(np.median(np.abs(finite))) if len(finite) else 1.0
    return tuple(
        plain(float(value), like)
        if math.isfinite(value)
        else words("read_missing" if t < seen else "read_ahead")
        for t, value in enumerate(trace.y)
    )


def _leanings(trace: Trace, words: GateWords) -> tuple[str, ...]:
    key = "said_lean" if len(trace.forecast) > 1 else "said_lean_one"
    seen = n_observed(trace)
    return tuple(
        words(key, first=signed(float(first)), last=signed(float(last))) if t < seen else "–"
        for t, (first, last) in enumerate(
            zip(trace.attribution[0], trace.attribution[-1], strict=True)
        )
    )


def gates_under(trace: Trace, lang: str = "en") -> str:
    """Return what there is to say under the figure."""
    words = GateWords(trace, lang)
    said = words("gates_under_one")
    if len(trace.forecast) > 1:
        said = words("gates_under", limit=f"{leaning_limit(trace):g}")
    size = math.ceil(len(trace.ds) / MAX_COLUMNS)
    averaged = words("averaged", n=f"{len(trace.ds):,}", size=size) if size > 1 else ""
    return words.words.joined(averaged, said)


def write_gates_page(
    path: str | os.PathLike[str],
    traces: Trace | Sequence[Trace],
    *,
    lang: str = "en",
    title: str = "",
) -> None:
    """Write what the gates did as a page: one HTML file that needs nothing else.

    Parameters
    ----------
    path : str or path-like
        The HTML file to write; its folder must exist.
    traces : Trace or sequence of Trace
        One series, or several of one model, of which the reader chooses.
    lang : {"en", "zh"}
        The language.
    title : str, optional
        The heading; by default it names the series.

    Raises
    ------
    ConfigError
        There are no words in the language, or there is no trace.
    OSError
        The folder does not exist or cannot be written; nothing is left behind.
    """
    from gatecast.errors import ConfigError
    from gatecast.gates.trace import Trace

    several = [traces] if isinstance(traces, Trace) else list(traces)
    if not several:
        raise ConfigError("A page needs a trace.", value="none", fix="Give one or more.")
    first, words = several[0], GateWords(several[0], lang)
    units = describe_units(first)
    charts = tuple(gates_chart(trace, lang) for trace in several)
    if len(several) > 1:
        charts = tuple(
            replace(chart, label=trace.unique_id)
            for chart, trace in zip(charts, several, strict=True)
        )
    sections = [_short(trace, lang, alone=len(several) == 1) for trace in several[:_SAID]]
    sections.append(
        Section(
            words("gates_heading"),
            (words("gates_said"),),
            charts,
            under=gates_under(first, lang),
        )
    )
    sections.append(how_to_read(first, lang))
    sections.append(_units_table(first, units, words, alone=len(several) == 1))
    write_page(
        path,
        title=title or _page_title(several, words),
        lead=_lead(several, words),
        sections=sections,
        glance=_glance(first, units, words) if len(several) == 1 else (),
        lang=lang,
    )


_SAID = 5  # series whose sentences are on a page


def _page_title(several: Sequence[Trace], words: GateWords) -> str:
    if len(several) > 1:
        return words("title_many")
    return words("title", series=several[0].unique_id)


def _lead(several: Sequence[Trace], words: GateWords) -> str:
    first = several[0]
    model = words.words.model(first.model)
    ahead = words.counted("next", len(first.forecast))
    if len(several) > 1:
        return words("lead_many", model=model, n=f"{len(several):,}", next=ahead)
    steps = words.counted("steps", n_observed(first))
    return words("lead", model=model, steps=steps, series=first.unique_id, next=ahead)


def _glance(trace: Trace, units: list[Unit], words: GateWords) -> list[tuple[str, str]]:
    memory = [unit.memory_length for unit in units]
    n, layers, several = f"{len(units):,}", len(trace.forget), len(units) > 1
    return [
        (words("glance_read"), words.counted("steps", n_observed(trace))),
        (words("glance_units"), words("units_layers", n=n, layers=layers) if layers > 1 else n),
        *([(words("glance_typical"), words.memory(float(np.median(memory))))] if several else []),
        (words("glance_longest" if several else "table_memory"), words.memory(max(memory))),
    ]


def _short(trace: Trace, lang: str, *, alone: bool) -> Section:
    words = GateWords(trace, lang)
    heading = words("short_heading") if alone else words("short_of", series=trace.unique_id)
    return Section(heading, items=tuple(explain(trace, lang)))


def how_to_read(trace: Trace, lang: str = "en") -> Section:
    """Return the section that says what forget, store, focus and leaning are."""
    words = GateWords(trace, lang)
    facts = [(words(name), words(f"how_{name}")) for name in ("forget", "store", "focus", "lean")]
    return Section(words("how_heading"), facts=tuple(facts))


def _units_table(trace: Trace, units: list[Unit], words: GateWords, *, alone: bool) -> Section:
    order = sorted(units, key=lambda unit: -unit.memory_length)[:MAX_ROWS]
    seasons = any(math.isfinite(unit.season_share) for unit in units)
    resets = any(unit.resets for unit in units)
    headings = ["table_unit", "table_role", "table_memory", "table_forget", "table_store"]
    headings += ["table_focus", *["table_season"] * seasons, *["table_resets"] * resets]
    rows = []
    for unit in order:
        row = [
            _unbroken(_name(unit, words)),
            _unbroken(words.role(unit)),
            _unbroken(words.memory(unit.memory_length)),
            *(percent(share, 0) for share in (unit.forget, unit.input, unit.output)),
        ]
        row += [percent(max(unit.season_share, 0.0), 0)] * seasons
        row += [_resets(unit, words)] * resets
        rows.append(tuple(row))
    long = words.duration(long_memory(trace))
    if can_tell_season(trace):
        said = words("units_said", long=long)
    else:
        why = words("why_none" if season_steps(trace) < 2 else "why_few")
        said = words("units_said_short", long=long, why=why)
    counted = words("list").join(
        words("units_count", n=sum(unit.role == role for unit in units), role=words.role(one))
        for role in ("remembers", "season", "resets", "reacts")
        if (one := next((unit for unit in units if unit.role == role), None)) is not None
    )
    under = [words("table_caption")]
    if len(units) > len(order):
        under.insert(0, words("units_some", n=len(order), total=f"{len(units):,}"))
    return Section(
        words("units_heading") if alone else f"{words('units_heading')}: {trace.unique_id}",
        (said, counted),
        table=Table(tuple(map(words, headings)), tuple(rows)),
        under=words.words.joined(*under),
    )


def _unbroken(text: str) -> str:
    return text.replace(" ", "\u00a0")


def _resets(unit: Unit, words: GateWords) -> str:
    shown = words("list").join(words.at(step) for step in unit.resets[:2])
    if len(unit.resets) > 2:
        return words("and_more", list=shown, n=len(unit.resets) - 2)
    return shown or "–"


def gates_section(trace: Trace, lang: str = "en") -> dict[str, Any]:
    """Return what a page shows of a trace as plain data, to be drawn by another page.

    Parameters
    ----------
    trace : Trace
        What the network did.
    lang : {"en", "zh"}
        The language.

    Returns
    -------
    dict
        ``figure`` (plotly's JSON), ``sentences``, ``under`` (what there is to say under the
        figure), ``how`` (pairs of a word and what it means), ``units`` (a dict a unit) and
        ``readouts``: ``name``, ``places``, ``said``, ``rows`` and ``start`` of a slider, which
        moves the figure's last shape.
    """
    chart, words = gates_chart(trace, lang), GateWords(trace, lang)
    assert chart.slider is not None
    rows = []
    for unit in describe_units(trace):
        memory = unit.memory_length if math.isfinite(unit.memory_length) else None
        share = unit.season_share if math.isfinite(unit.season_share) else None
        row = asdict(unit) | {"memory_length": memory, "season_share": share}
        rows.append(
            row
            | {
                "name": _name(unit, words),
                "memory": words.memory(unit.memory_length),
                "role_name": words.role(unit),
                "resets": [words.at(step) for step in unit.resets],
            }
        )
    return {
        "figure": json.loads(chart.figure.to_json(engine="json")),
        "sentences": explain(trace, lang),
        "under": gates_under(trace, lang),
        "how": [list(fact) for fact in how_to_read(trace, lang).facts],
        "units": rows,
        "readouts": asdict(chart.slider),
    }
