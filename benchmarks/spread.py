"""Medians, and how far the rounds lay from them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """What one figure was over the rounds."""

    median: float
    lowest: float
    highest: float
    rounds: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        rounds = tuple(values)
        return cls(statistics.median(rounds), min(rounds), max(rounds), rounds)

    @classmethod
    def ratio(cls, above: Spread, below: Spread) -> Spread:
        """Return the ratio round by round: what slows a whole round down cancels out."""
        return cls.of(a / b for a, b in zip(above.rounds, below.rounds, strict=True))

    @property
    def lower_quartile(self) -> float:
        return self._quartiles()[0]

    @property
    def upper_quartile(self) -> float:
        return self._quartiles()[2]

    def _quartiles(self) -> list[float]:
        if len(self.rounds) < 2:
            return [self.median] * 3
        return statistics.quantiles(self.rounds, n=4, method="inclusive")


def figure(value: float) -> str:
    """Three significant digits, and all those before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) < 10 else 1}f}" if abs(value) >= 1 else f"{value:#.3g}"
