"""Scales of colours for heat maps: even steps of lightness (in Oklab), for white paper and dark.

On white paper more is darker, on a dark screen lighter. The page changes one into the other.
"""

from __future__ import annotations

__all__ = ["IN_DARK", "colour_scale"]

_SCALES: dict[str, tuple[tuple[str, str], ...]] = {
    "forget": (
        ("#eef4fb", "#20242b"),
        ("#b8d1ef", "#33445f"),
        ("#85ade1", "#446697"),
        ("#5589d2", "#528cd3"),
        ("#2762c2", "#72b4fe"),
        ("#0e3e9d", "#badbff"),
    ),
    "store": (
        ("#f9f2eb", "#2b221f"),
        ("#e7c8af", "#5b3b2c"),
        ("#d69c75", "#8d5635"),
        ("#c36f3c", "#c27337"),
        ("#a84300", "#f29744"),
        ("#7d2600", "#fecd9e"),
    ),
    "focus": (
        ("#ecf6f1", "#1d2622"),
        ("#b1d9c6", "#274c3d"),
        ("#73bc9d", "#297559"),
        ("#1d9f75", "#22a177"),
        ("#007a57", "#35cc99"),
        ("#00563c", "#69f5c0"),
    ),
    # Blue below 0, orange above: told apart with any kind of colour vision.
    "signed": (
        ("#0065b0", "#89c3fe"),
        ("#3d8ad4", "#4f96dc"),
        ("#7bb0e7", "#3c6b9b"),
        ("#b7d6f6", "#2b435c"),
        ("#fafafa", "#1a1f26"),
        ("#f3c7b4", "#593829"),
        ("#e09878", "#935639"),
        ("#c8683a", "#d1764c"),
        ("#a24100", "#ffa47a"),
    ),
}

IN_DARK: dict[str, str] = {light: dark for scale in _SCALES.values() for light, dark in scale}
"""What each colour becomes on a dark screen."""


def colour_scale(name: str) -> list[list[object]]:
    """Return a scale as plotly reads it: forget, store, focus, or signed around 0.

    Examples
    --------
    >>> colour_scale("focus")[0]
    [0.0, '#ecf6f1']
    """
    stops = [light for light, _ in _SCALES[name]]
    return [[i / (len(stops) - 1), colour] for i, colour in enumerate(stops)]
