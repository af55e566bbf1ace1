"""How many times as long the peers take, drawn as an SVG by hand: there is little to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

COLOURS = {"torch": "#d9622b", "keras": "#b03a5b", "jax": "#6a5acd"}
LEFT, WIDTH, RIGHT = 150, 480, 70  # of the bars' area: labels, bars, numbers
LINE, HEADING, GAP, TOP = 20, 24, 12, 64


@dataclass(frozen=True)
class Bar:
    """One peer on one workload."""

    label: str
    library: str
    ratio: float


def draw(groups: Sequence[tuple[str, str, Sequence[Bar]]], title: str) -> str:
    """Return an SVG of bars on a logarithmic scale, on which 1× is as fast as gatecast.

    Parameters
    ----------
    groups : sequence of (name, caption, bars)
        A workload each; one without bars is left out.
    title : str
        Where and how it was measured.
    """
    groups = [group for group in groups if group[2]]
    ratios = [bar.ratio for _, _, bars in groups for bar in bars]
    low = min([0.5, *ratios]) if ratios and min(ratios) < 1 else 1.0
    high = max([2.0, *ratios]) * 1.05
    span = math.log(high / low)

    def x(ratio: float) -> float:
        return LEFT + WIDTH * math.log(ratio / low) / span

    height = TOP + sum(HEADING + LINE * len(bars) + GAP for _, _, bars in groups) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#222">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{GAP}" y="22" font-size="15" font-weight="600">'
        "How many times as long as gatecast</text>",
        f'<text x="{GAP}" y="40" font-size="11" fill="#666">{escape(title)}</text>',
    ]
    for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        if low <= tick <= high:
            stroke = "#888" if tick == 1 else "#ddd"
            parts.append(
                f'<path d="M{x(tick):.1f} {TOP} V{height - GAP}" stroke="{stroke}"/>'
                f'<text x="{x(tick):.1f}" y="{TOP - 6}" text-anchor="middle" font-size="10" '
                f'fill="#666">{tick:g}×</text>'
            )
    y = TOP
    for name, caption, bars in groups:
        parts.append(
            f'<rect y="{y + 4}" width="100%" height="{HEADING - 6}" fill="#fff"/>'
            f'<text x="{GAP}" y="{y + 17}"><tspan font-weight="600">{escape(name)}</tspan>'
            f'<tspan fill="#666" dx="8" font-size="11">{escape(caption)}</tspan></text>'
        )
        y += HEADING
        for bar in bars:
            start, end = sorted((x(1), x(bar.ratio)))
            text = f"{bar.ratio:.0f}×" if bar.ratio >= 20 else f"{bar.ratio:.1f}×"
            parts.append(
                f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>'
                f'<rect x="{start:.1f}" y="{y + 2}" width="{end - start:.1f}" height="{LINE - 5}" '
                f'rx="2" fill="{COLOURS.get(bar.library, "#555")}"/>'
                f'<text x="{end + 5:.1f}" y="{y + 14}" font-weight="600" stroke="#fff" '
                f'stroke-width="3" paint-order="stroke">{text}</text>'
            )
            y += LINE
        y += GAP
    return "\n".join([*parts, "</svg>", ""])
