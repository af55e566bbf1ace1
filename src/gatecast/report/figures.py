"""How every chart looks: the colours and their meaning, the empty figure, shades and rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = [
    "COLOURS",
    "FONT",
    "SCHEME",
    "Style",
    "blank_figure",
    "chart_text",
    "name_part",
    "rule",
    "shade",
    "styles_of",
]

# One meaning, one colour, on every page. The hues are Okabe and Ito's (told apart with any kind
# of colour vision), a little darker for white paper; the second of each pair is for dark screens.
SCHEME: dict[str, tuple[str, str]] = {
    "truth": ("#1f2328", "#e6edf3"),
    "lstm": ("#d55e00", "#ff8f4a"),
    "naive": ("#0072b2", "#5cb6f2"),
    "seasonal": ("#008561", "#3fcf9f"),
    "holtwinters": ("#8f6a00", "#e3b341"),
    "theta": ("#6f4bc4", "#b39bf5"),
    "drift": ("#8a5540", "#d3a48f"),
    "blend": ("#c2266b", "#ff85b3"),
    "hybrid": ("#007384", "#4fc9d8"),
    "other": ("#5b6675", "#a9b4c2"),
    "validation": ("#a8488a", "#e59bcb"),
    "shade": ("#7c8ea6", "#8da2bd"),
    "text": ("#57606a", "#9ea7b3"),
    "grid": ("#e6e9ed", "#2a313a"),
    "paper": ("#ffffff", "#161b22"),
}
COLOURS: dict[str, str] = {name: light for name, (light, _) in SCHEME.items()}

FONT = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", "PingFang SC", '
    '"Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif'
)

Place = float | str  # on a numeric axis, or a date as ISO text


@dataclass(frozen=True)
class Style:
    """How a model's line is drawn: never told apart from another by the colour alone.

    Parameters
    ----------
    colour : str
        One of `COLOURS`, as hexadecimal text.
    pattern : tuple of int
        Lengths of strokes and gaps by turns, in pixels; empty is a solid line.
    symbol : str
        The marker, by plotly's name.
    """

    colour: str
    pattern: tuple[int, ...]
    symbol: str

    @property
    def dash(self) -> str:
        """The pattern as plotly reads it."""
        return ",".join(f"{length}px" for length in self.pattern) or "solid"

    def faint(self, alpha: int) -> str:
        """The colour, seen through to ``alpha`` of 255."""
        return f"{self.colour}{alpha:02x}"


# By the beginning of the name, so that "LSTM-64" is an LSTM; the longest beginning wins.
_KINDS = {
    "LSTM": Style(COLOURS["lstm"], (), "circle"),
    "Naive": Style(COLOURS["naive"], (2, 3), "square"),
    "SeasonalNaive": Style(COLOURS["seasonal"], (7, 4), "diamond"),
    "HoltWinters": Style(COLOURS["holtwinters"], (13, 4), "triangle-up"),
    "Theta": Style(COLOURS["theta"], (9, 3, 2, 3), "x"),
    "Drift": Style(COLOURS["drift"], (14, 4, 2, 4, 2, 4), "triangle-down"),
    "Blend": Style(COLOURS["blend"], (20, 3), "star"),
    "Ensemble": Style(COLOURS["blend"], (3, 5, 12, 5), "star-diamond"),
    "ESLSTM": Style(COLOURS["hybrid"], (18, 3, 6, 3), "hourglass"),
    "AutoETS": Style(COLOURS["other"], (4, 2), "pentagon"),
    "AutoARIMA": Style(COLOURS["other"], (2, 6), "hexagon"),
    "AutoTheta": Style(COLOURS["other"], (7, 3, 7, 9), "cross"),
}
_SPARE = [
    (pattern, symbol)
    for symbol in ("diamond-tall", "triangle-right", "triangle-left", "hexagram", "bowtie")
    for pattern in ((5, 5), (10, 6), (3, 3, 9, 3), (16, 6))
]


def styles_of(names: Iterable[str]) -> dict[str, Style]:
    """Give each model its style; those of one kind share the colour and nothing else.

    Examples
    --------
    >>> first, second = styles_of(["LSTM", "LSTM-64"]).values()
    >>> first.colour == second.colour, first.dash == second.dash, first.symbol == second.symbol
    (True, False, False)
    """
    found: dict[str, Style] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        # The one model of a chart that names none looks like the first of the list.
        kind = max((k for k in _KINDS if (name or "LSTM").startswith(k)), key=len, default="")
        if kind and kind not in taken:
            style = _KINDS[kind]
            taken.add(kind)
        else:
            colour = _KINDS[kind].colour if kind else COLOURS["other"]
            style = Style(colour, *_SPARE[(len(found) - len(taken)) % len(_SPARE)])
        found[name] = style
    return found


def chart_text(text: str, longest: int = 60) -> str:
    """Make any text safe inside a figure, where plotly reads a part of HTML.

    Examples
    --------
    >>> chart_text("<b>A & B</b>")
    '&lt;b&gt;A &amp; B&lt;/b&gt;'
    """
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return escape(short, quote=False)


def blank_figure(x_title: str = "", y_title: str = "") -> go.Figure:
    """Return an empty figure in the style of the pages."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": COLOURS["grid"],
        "linecolor": COLOURS["grid"],
        "zeroline": False,
        "tickfont": {"size": 12},
        "title": {"font": {"size": 13}, "standoff": 8},
        "automargin": True,
    }
    figure = go.Figure()
    figure.update_layout(
        template="none",
        paper_bgcolor=COLOURS["paper"],
        plot_bgcolor=COLOURS["paper"],
        font={"family": FONT, "size": 13, "color": COLOURS["text"]},
        margin={"l": 48, "r": 16, "t": 60, "b": 24},
        # Above the names of the parts, which stand between it and the plot.
        legend={"orientation": "h", "x": 0, "yref": "container", "y": 0.99, "yanchor": "top"},
        hovermode="x unified",
        hoverlabel={"bgcolor": COLOURS["paper"], "bordercolor": COLOURS["grid"]},
        xaxis=axis,
        yaxis=axis,
    )
    figure.update_xaxes(title_text=x_title)
    figure.update_yaxes(title_text=y_title)
    return figure


def shade(figure: go.Figure, start: Place, end: Place, text: str, at: str = "left") -> None:
    """Shade a part of the x axis, and name it above its left or its right end."""
    _shape(figure, "rect", start, end, fillcolor=COLOURS["shade"], opacity=0.16, line_width=0)
    name_part(figure, start if at == "left" else end, text, at)


def rule(figure: go.Figure, x: Place, text: str = "", *, light: bool = False) -> None:
    """Draw a line across the plot at a place on the x axis, and name what begins there."""
    if light:
        line = {"color": COLOURS["shade"], "width": 0.75, "dash": "dot"}
        return _shape(figure, "line", x, x, line=line)
    line = {"color": COLOURS["text"], "width": 1.5 if text else 1, "dash": "dash"}
    _shape(figure, "line", x, x, line=line)
    if text:
        name_part(figure, x, text, "left")


def _shape(figure: go.Figure, kind: str, x0: Place, x1: Place, **style: object) -> None:
    # Not add_vline and add_vrect: their labels need x to be a number, and ours may be a date.
    place = {"x0": x0, "x1": x1, "yref": "paper", "y0": 0, "y1": 1}
    figure.add_shape(type=kind, layer="below", **place, **style)


def name_part(figure: go.Figure, x: Place, text: str, anchor: str) -> None:
    """Name a part of the x axis above the plot, right or left of a place."""
    figure.add_annotation(
        x=x,
        yref="paper",
        y=1,
        xanchor=anchor,
        yanchor="bottom",
        xshift=4 if anchor == "left" else -4,
        showarrow=False,
        text=text,
        font={"size": 12, "color": COLOURS["text"]},
    )
