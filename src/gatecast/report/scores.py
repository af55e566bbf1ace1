"""Models side by side: the chart of a leaderboard, and that of errors by step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.models import SIMPLE
from gatecast.report.figures import (
    COLOURS,
    Style,
    blank_figure,
    chart_text,
    name_part,
    rule,
    styles_of,
)
from gatecast.report.words import Words, percent, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import ArrayLike

__all__ = [
    "FAINT",
    "Bar",
    "Ranking",
    "Steps",
    "add_title",
    "leaderboard_figure",
    "rank",
    "step_figure",
]

FAINT = 0.5  # how far models that were not chosen are seen through
_FARTHEST = 3.0  # times the line to beat: a bar that is longer is cut off there
_MARKED_STEPS = 60  # a line of more steps than this has no markers


@dataclass(frozen=True)
class Bar:
    """A model on the leaderboard.

    Parameters
    ----------
    label, said : str
        Its name, and its error, as they are read.
    mase, length : float
        Its error; and how long its bar is, which may be cut off.
    style : Style
    chosen : bool
    details : tuple of (str, str)
        What else is known of it.
    """

    label: str
    said: str
    mase: float
    length: float
    style: Style
    chosen: bool
    details: tuple[tuple[str, str], ...]

    @property
    def is_cut(self) -> bool:
        """Whether the error is larger than the bar is long."""
        return self.mase > self.length


@dataclass(frozen=True)
class Ranking:
    """A leaderboard, laid out.

    Parameters
    ----------
    title, unit : str
        As they are read.
    bars : tuple of Bar
        The best first.
    to_beat : float or None
        The error of the forecast that any model must be held against.
    beat_label : str
        What it is called.
    end : float
        How far the axis reaches.
    """

    title: str
    unit: str
    bars: tuple[Bar, ...]
    to_beat: float | None
    beat_label: str
    end: float

    @property
    def beat_side(self) -> str:
        """Which end of its name stands at that error, so that there is room for the rest."""
        return "right" if (self.to_beat or 0) > 0.4 * self.end else "left"


def rank(rows: Sequence[Mapping[str, Any]], chosen: str, words: Words) -> Ranking:
    """Lay out the rows of a leaderboard, the best first.

    Parameters
    ----------
    rows : sequence of mapping
        With ``model``, ``mase``, and what else is known: ``skill``, ``coverage_90``, ...
    chosen : str
        The model that is marked.
    words : Words
        The language.
    """
    errors = {str(row["model"]): float(row["mase"]) for row in rows}
    base = next((name for name in reversed(SIMPLE) if math.isfinite(errors.get(name, np.nan))), "")
    to_beat = errors[base] if base else None
    finite = sorted(x for x in errors.values() if math.isfinite(x))
    longest = finite[-1] if finite else 1.0
    if finite:  # the best and the one to beat are always in the picture
        longest = min(longest, _FARTHEST * max(finite[0], to_beat or finite[0])) or longest or 1.0
    styles = styles_of(errors)
    least = min((x for x in finite if x > 0), default=1.0)
    bars = tuple(
        Bar(
            label=words.model(str(row["model"])),
            said=plain(row["mase"], least),
            mase=float(row["mase"]),
            length=min(float(row["mase"]), longest) if math.isfinite(row["mase"]) else 0.0,
            style=styles[str(row["model"])],
            chosen=row["model"] == chosen,
            details=_details(row, words),
        )
        for row in rows
    )
    label = words("to_beat", model=words.model(base), error=plain(to_beat, least)) if base else ""
    return Ranking(words("leaderboard_title"), words("error"), bars, to_beat, label, 1.14 * longest)


def _details(row: Mapping[str, Any], words: Words) -> tuple[tuple[str, str], ...]:
    told = {
        "skill": percent(row.get("skill"), signed=True),
        "coverage_90": percent(row.get("coverage_90")),
        "smape": plain(row.get("smape")),
        "rmse": plain(row.get("rmse")),
        "seconds": plain(row.get("seconds"), 1.0),
    }
    return tuple((words(name), said) for name, said in told.items() if said != "–")


def leaderboard_figure(ranking: Ranking, words: Words) -> go.Figure:
    """Draw models as bars, the best on top, with a line at the one to beat."""
    figure = blank_figure(ranking.unit)
    bars = ranking.bars
    names = [
        f"<b>{chart_text(bar.label, 30)}</b><br>{words('yes')}"
        if bar.chosen
        else chart_text(bar.label, 30)
        for bar in bars
    ]
    figure.add_bar(
        x=[bar.length for bar in bars],
        y=list(range(len(bars))),
        orientation="h",
        marker={
            "color": [bar.style.colour for bar in bars],
            "opacity": [1 if bar.chosen else FAINT for bar in bars],
        },
        width=0.62,
        text=[f"{bar.said} →" if bar.is_cut else bar.said for bar in bars],
        textposition="outside",
        textfont={"color": COLOURS["text"]},
        cliponaxis=False,
        customdata=[
            f"<b>{chart_text(bar.label, 40)}</b>"
            + "".join(
                f"<br>{name}: {said}" for name, said in ((words("mase"), bar.said), *bar.details)
            )
            for bar in bars
        ],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )
    if ranking.to_beat is not None and ranking.to_beat <= ranking.end:
        rule(figure, ranking.to_beat)
        name_part(figure, ranking.to_beat, ranking.beat_label, ranking.beat_side)
    figure.update_layout(
        title=_title(ranking.title), hovermode="closest", height=130 + 44 * max(len(bars), 2)
    )
    figure.update_layout(margin={"t": 76, "b": 44})
    figure.update_xaxes(range=[0, ranking.end], rangemode="tozero")
    figure.update_yaxes(
        range=[len(bars) - 0.4, -0.6],  # the best on top
        tickvals=list(range(len(bars))),
        ticktext=names,
        showgrid=False,
    )
    return figure


def _title(text: str) -> dict[str, Any]:
    return {
        "text": chart_text(text, 120),
        "x": 0.01,
        "xanchor": "left",
        "y": 0.98,
        "yanchor": "top",
        "font": {"size": 15},
    }


# Errors by step


@dataclass(frozen=True)
class Steps:
    """The errors of models at each step of the horizon.

    Parameters
    ----------
    errors : mapping of str to array-like
        By model, the best first.
    chosen : str
        The model that is drawn strongest.
    strong : tuple of str
        Others that are not faint.
    unit : str
        What errors are in, as it is read.
    title : str
        Empty for none.
    """

    errors: Mapping[str, ArrayLike]
    chosen: str = ""
    strong: tuple[str, ...] = ()
    unit: str = ""
    title: str = ""

    @property
    def names(self) -> list[str]:
        """In the order in which they are drawn: what matters on top."""
        return sorted(self.errors, key={self.chosen, *self.strong}.__contains__)

    def width(self, name: str) -> float:
        """How wide a model's line is, in pixels."""
        return 2.8 if name == self.chosen else 2.0 if name in self.strong else 1.2

    def is_faint(self, name: str) -> bool:
        """Whether a model is drawn so that others are seen better."""
        return name != self.chosen and name not in self.strong

    @property
    def horizon(self) -> int:
        """How many steps there are."""
        return max((len(np.asarray(x)) for x in self.errors.values()), default=0)


def step_figure(steps: Steps, words: Words, styles: Mapping[str, Style] | None = None) -> go.Figure:
    """Draw how the errors of models grow with the distance."""
    figure = blank_figure(words("step_axis"), steps.unit)
    order = list(steps.errors)
    styles = styles or styles_of(order)
    for name in steps.names:
        errors = np.asarray(steps.errors[name], dtype=np.float64)
        style, faint = styles[name], steps.is_faint(name)
        figure.add_scatter(
            x=list(range(1, len(errors) + 1)),
            y=[round(v, 5) if math.isfinite(v) else None for v in errors.tolist()],
            name=chart_text(words.model(name), 30),
            legendrank=order.index(name) + 1,
            mode="lines+markers" if len(errors) <= _MARKED_STEPS else "lines",
            line={"color": style.colour, "dash": style.dash, "width": steps.width(name)},
            marker={"symbol": style.symbol, "size": 5 if faint else 7},
            opacity=FAINT if faint else 1,
        )
    horizon = steps.horizon
    figure.update_xaxes(range=[0.5, horizon + 0.5], dtick=1 if horizon <= 14 else None)
    figure.update_yaxes(rangemode="tozero", hoverformat=".3f")
    if steps.title:
        add_title(figure, steps.title)
    return figure


def add_title(figure: go.Figure, text: str) -> None:
    """Put a title above the names of the lines."""
    figure.update_layout(
        title=_title(text), height=460, margin={"t": 104}, legend={"y": 0.92}, showlegend=True
    )
