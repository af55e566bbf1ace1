"""How every chart looks: the colours and their meaning, the empty figure, shades and rules."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["COLOURS", "FONT", "SCHEME", "blank_figure", "chart_text", "rule", "shade"]

# One meaning, one colour, on every page. The hues are Okabe and Ito's (told apart with any kind
# of colour vision), a little darker for white paper; the second of each pair is for dark screens.
SCHEME: dict[str, tuple[str, str]] = {
    "truth": ("#1f2328", "#e6edf3"),
    "lstm": ("#d55e00", "#ff8f4a"),
    "naive": ("#0072b2", "#5cb6f2"),
    "seasonal": ("#008561", "#3fcf9f"),
    "validation": ("#a8488a", "#e59bcb"),
    "shade": ("#7c8ea6", "#8da2bd"),
    "text": ("#57606a", "#9ea7b3"),
    "grid": ("#e6e9ed", "#2a313a"),
    "paper": ("#ffffff", "#161b22"),
}
COLOURS: dict[str, str] = {name: light for name, (light, _) in SCHEME.items()}

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'

Place = float | str  # on a numeric axis, or a date as ISO text


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
    _name(figure, start if at == "left" else end, text, at)


def rule(figure: go.Figure, x: Place, text: str = "") -> None:
    """Draw a line across the plot at a place on the x axis, and name what begins there."""
    line = {"color": COLOURS["text"], "width": 1.5 if text else 1, "dash": "dash"}
    _shape(figure, "line", x, x, line=line)
    if text:
        _name(figure, x, text, "left")


def _shape(figure: go.Figure, kind: str, x0: Place, x1: Place, **style: object) -> None:
    # Not add_vline and add_vrect: their labels need x to be a number, and ours may be a date.
    place = {"x0": x0, "x1": x1, "yref": "paper", "y0": 0, "y1": 1}
    figure.add_shape(type=kind, layer="below", **place, **style)


def _name(figure: go.Figure, x: Place, text: str, anchor: str) -> None:
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
