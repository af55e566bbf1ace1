"""The chart of one series as a PNG file, through the extra ``plot``."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.atomic import write_whole
from gatecast.errors import MissingExtraError
from gatecast.report.figures import COLOURS, Style, styles_of
from gatecast.report.scores import FAINT, Ranking, Steps
from gatecast.report.series import (
    ALPHA,
    HISTORY_MARKERS,
    MARKERS,
    Drawn,
    Look,
    Window,
    lay_out,
    runs,
)
from gatecast.report.view import SeriesView
from gatecast.report.words import Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = ["write_drawn_png", "write_png", "write_ranking_png", "write_steps_png"]

_FONTS = (  # the first is matplotlib's own; the others know Chinese
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Microsoft YaHei",
    "Arial Unicode MS",
)
_SYMBOLS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "triangle-down": "v",
    "triangle-left": "<",
    "triangle-right": ">",
    "x": "X",
    "cross": "P",
    "star": "*",
    "pentagon": "p",
    "hexagon": "h",
    "hexagram": "*",
    "diamond-tall": "d",
    "bowtie": "8",
}


def write_png(
    path: str | os.PathLike[str],
    series: SeriesView,
    *,
    chosen: str = "",
    season_length: int = 1,
    lang: str = "en",
    width: int = 1920,
    height: int = 880,
) -> None:
    """Write the chart of one series as a picture, as the page shows it at first.

    Parameters
    ----------
    path : str or path-like
        The PNG file to write; its folder must exist.
    series : SeriesView
        What to draw.
    chosen, season_length, lang
        As for :func:`gatecast.report.main_figure`.
    width, height : int
        In pixels; letters keep their size at any.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed: ``pip install 'gatecast[plot]'``.
    OSError
        The folder does not exist or cannot be written; nothing is left behind.
    """
    look = Look(Words(lang), chosen, season_length=season_length)
    write_drawn_png(path, series, look, width=width, height=height)


def write_drawn_png(
    path: str | os.PathLike[str],
    series: SeriesView,
    look: Look,
    *,
    title: str = "",
    width: int = 1920,
    height: int = 880,
) -> None:
    """Write the chart of one series, drawn as ``look`` says, under a title."""
    drawn = lay_out(series, look)
    _save(path, lambda axes: _draw(axes, drawn, look), title, width, height)


def write_ranking_png(path: str | os.PathLike[str], ranking: Ranking, words: Words) -> None:
    """Write the chart of a leaderboard."""
    height = 260 + 88 * max(len(ranking.bars), 2)
    _save(path, lambda axes: _draw_ranking(axes, ranking, words), ranking.title, 1600, height)


def write_steps_png(path: str | os.PathLike[str], steps: Steps, words: Words) -> None:
    """Write the chart of errors by step."""
    _save(path, lambda axes: _draw_steps(axes, steps, words), steps.title, 1600, 880)


def _save(
    path: str | os.PathLike[str],
    draw: Callable[[Axes], None],
    title: str,
    width: int,
    height: int,
) -> None:
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Pictures of charts", extra="plot") from error
    file = io.BytesIO()
    with rc_context({"font.family": _fonts(), "axes.unicode_minus": True}):
        figure = Figure(figsize=(width / 200, height / 200), dpi=200, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot())
        if title:
            heading = {"x": 0.012, "ha": "left", "fontsize": 9.5, "color": COLOURS["truth"]}
            _plainly(figure.suptitle(title, **heading))
        figure.savefig(file, format="png")
    write_whole(path, file.getvalue())


def _fonts() -> list[str]:
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [name for name in _FONTS if name in installed] or ["sans-serif"]


def _draw(axes: Axes, drawn: Drawn, look: Look) -> None:
    words = look.words
    _dress(axes, drawn)
    _mark(axes, drawn, words)
    style = drawn.styles[look.chosen]
    bands = words("intervals", levels=words.levels(drawn.levels)) if drawn.levels else ""
    title = bands
    for level in reversed(drawn.levels):
        for part in (*drawn.windows, drawn.future):
            for ds, low, high in runs(part, level, drawn.step):
                axes.fill_between(
                    ds, low, high, color=style.colour, alpha=ALPHA / 255, lw=0, label=title
                )
                title = "_"  # matplotlib's word for "not in the legend"
    observed: dict[str, Any] = {"color": COLOURS["truth"], "label": words("observed"), "zorder": 3}
    few = len(drawn.ds) <= HISTORY_MARKERS
    axes.plot(drawn.ds, drawn.y, lw=1, marker="o" if few else "", ms=2, **observed)
    for name in (*look.shown, look.chosen):
        parts = [p for p in (*drawn.windows, drawn.future) if len(p.ds) and name in p.lines]
        if parts:
            prose = words.model(name) if name else words("forecast_line")
            _line(axes, parts, name, drawn.styles[name], prose, name == look.chosen)
    # In the order of the page: the history, the chosen model, its bands, the others.
    chosen = words.model(look.chosen) if look.chosen else words("forecast_line")
    _legend(axes, [words("observed"), chosen, bands])


def _legend(axes: Axes, first: list[str]) -> None:
    """Name the lines above the plot, some of them first."""
    handles, labels = axes.get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))
    order = [label for label in first if label in named]
    order += [label for label in named if label not in order]
    legend = axes.legend(
        [named[label] for label in order],
        order,
        loc="lower left",
        bbox_to_anchor=(0, 1.06),
        ncols=5,
        frameon=False,
        borderaxespad=0,
        labelcolor=COLOURS["text"],
        fontsize=7.5,
        handlelength=3,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _line(axes: Axes, parts: list[Window], name: str, style: Style, prose: str, main: bool) -> None:
    few = sum(len(part.ds) for part in parts) <= MARKERS
    gap_x, gap_y = np.array([parts[0].ds[0]]), np.array([np.nan])
    xs, ys = [], []
    for part in parts:
        xs += [part.ds[: len(part.lines[name])], gap_x]
        ys += [part.lines[name], gap_y]
    axes.plot(
        np.concatenate(xs),
        np.concatenate(ys),
        color=style.colour,
        lw=1.7 if main else 1,
        ls=_dashes(style),
        marker=_symbol(style) if few else "",
        ms=3.4 if main else 3,
        mew=0,
        label=prose,
        zorder=5 if main else 4,
    )


def _dashes(style: Style) -> Any:
    return (0, tuple(0.6 * length for length in style.pattern)) if style.pattern else "-"


def _symbol(style: Style) -> str:
    return _SYMBOLS.get(style.symbol, "o")


def _draw_ranking(axes: Axes, ranking: Ranking, words: Words) -> None:
    _bare(axes)
    bars, places = ranking.bars, range(len(ranking.bars))
    for place, bar in zip(places, bars, strict=True):
        alpha = 1 if bar.chosen else FAINT
        axes.barh(place, bar.length, 0.62, color=bar.style.colour, alpha=alpha, lw=0)
        said = f"{bar.said} →" if bar.is_cut else bar.said
        axes.annotate(
            *(said, (bar.length, place), (4, 0)),
            textcoords="offset points",
            va="center",
            color=COLOURS["text"],
            fontsize=7.5,
        )
    if ranking.to_beat is not None:
        axes.axvline(ranking.to_beat, color=COLOURS["text"], lw=1, ls="--", zorder=0.5)
        _name(axes, ranking.to_beat, ranking.beat_label, ranking.beat_side)
    axes.set_xlim(0, ranking.end)
    axes.set_ylim(len(bars) - 0.4, -0.6)  # the best on top
    axes.grid(False, axis="y")
    axes.set_yticks(list(places))
    labels = [f"{bar.label} ({words('yes')})" if bar.chosen else bar.label for bar in bars]
    for text, bar in zip(axes.set_yticklabels(labels), bars, strict=True):
        _plainly(text)
        text.set_color(COLOURS["truth"] if bar.chosen else COLOURS["text"])
    axes.set_xlabel(ranking.unit, color=COLOURS["text"], fontsize=8)


def _draw_steps(axes: Axes, steps: Steps, words: Words) -> None:
    from matplotlib.ticker import MaxNLocator

    _bare(axes)
    styles = styles_of(steps.errors)
    for name in steps.names:
        errors, style = np.asarray(steps.errors[name], np.float64), styles[name]
        axes.plot(
            np.arange(1, len(errors) + 1),
            errors,
            color=style.colour,
            lw=0.6 * steps.width(name),
            ls=_dashes(style),
            marker=_symbol(style) if len(errors) <= MARKERS else "",
            ms=3.4,
            mew=0,
            alpha=FAINT if steps.is_faint(name) else 1,
            label=words.model(name),
        )
    axes.set_xlim(0.5, steps.horizon + 0.5)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(words("step_axis"), color=COLOURS["text"], fontsize=8)
    axes.set_ylabel(steps.unit, color=COLOURS["text"], fontsize=8)
    _legend(axes, [words.model(name) for name in steps.errors])


def _dress(axes: Axes, drawn: Drawn) -> None:
    """Give the plot its colours, its limits, and the names of its parts."""
    first, last, low, high = drawn.view
    if first is not None:
        axes.set_xlim(first, last)
    axes.set_ylim(low, high)
    _bare(axes)
    _plainly(axes.set_ylabel(drawn.name[:40], color=COLOURS["text"], fontsize=8))


def _bare(axes: Axes) -> None:
    """Leave a faint grid, and no frame."""
    axes.set_axisbelow(True)
    axes.grid(color=COLOURS["grid"], lw=0.7)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=COLOURS["text"], length=0, labelsize=7.5)


def _mark(axes: Axes, drawn: Drawn, words: Words) -> None:
    """Shade the backtests, draw a line where the forecast begins, and name both."""
    if drawn.tested is not None:
        axes.axvspan(*drawn.tested, color=COLOURS["shade"], alpha=0.16, lw=0, zorder=0)
        at = drawn.named_at
        _name(axes, drawn.tested[at == "right"], words("backtests"), at)
        for begin in drawn.begins:
            axes.axvline(begin, color=COLOURS["shade"], lw=0.5, ls=":", zorder=0.5)
    if drawn.ahead is not None:
        axes.axvline(drawn.ahead, color=COLOURS["text"], lw=1, ls="--", zorder=0.5)
        _name(axes, drawn.view[1], words("forecast"), "right")


def _name(axes: Axes, x: Any, text: str, side: str) -> None:
    shift = 3 if side == "left" else -3
    _plainly(
        axes.annotate(
            text,
            (x, 1),
            (shift, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha=side,
            color=COLOURS["text"],
            fontsize=7.5,
        )
    )


def _plainly(text: Text) -> None:
    """Show a dollar sign as one, rather than read a formula behind it."""
    text.set_parse_math(False)
