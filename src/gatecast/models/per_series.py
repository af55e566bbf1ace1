"""How a hybrid sees each series: on a scale where seasons add and typical changes are 1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gatecast.cells import LARGEST
from gatecast.models.baselines import moving_average, seasonal_indices
from gatecast.models.identity import require_array
from gatecast.models.transform import Units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, Ints, Panel

__all__ = ["Scale", "decompose", "scale_of"]

_LEAST_CHANGE = 1e-4  # what a typical change is at least: less would be noise


@dataclass(frozen=True, eq=False)
class Scale:
    """How the values of some series are seen.

    Parameters
    ----------
    units : Units
        As a logarithm or, where a value is not positive, its like.
    change : ndarray
        float64 ``[n_series]``: the mean absolute change of that over a step, seasons taken off, by
        which it is divided.
    weight : ndarray
        float64 ``[n_series]``: how much an error of a typical change counts.
    """

    units: Units
    change: Doubles
    weight: Doubles

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], n: int) -> Self:
        """Return what was saved of ``n`` series, which is not trusted: a ValueError if wrong."""
        require_array("positive", arrays["positive"], np.bool_, (n,))
        for name in ("size", "change", "weight"):
            require_array(name, arrays[name], np.float64, (n,))
            if (arrays[name] <= 0).any():
                raise ValueError(f"{name} should be positive")
        if (arrays["change"] < _LEAST_CHANGE).any():
            raise ValueError("change is too small")
        return cls._of(arrays)

    @classmethod
    def _of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        units = Units(arrays["size"], arrays["positive"])
        return cls(units, arrays["change"], arrays["weight"])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what :meth:`restored` takes."""
        units = {"size": self.units.size, "positive": self.units.positive}
        return units | {"change": self.change, "weight": self.weight}

    def select(self, at: Ints) -> Self:
        """Return those of the series at some places."""
        return self._of({name: array[at] for name, array in self.arrays().items()})

    def replaced(self, at: Bools, other: Scale) -> Self:
        """Return these with those of the series ``at`` replaced by others."""
        arrays = {name: array.copy() for name, array in self.arrays().items()}
        for name, array in other.arrays().items():
            arrays[name][at] = array
        return self._of(arrays)

    def seen(self, panel: Panel) -> Doubles:
        """Return a panel's values ``[total]`` as they are seen; NaN where they are missing."""
        return self.units.model(panel).values / np.repeat(self.change, panel.lengths)

    def back(self, outputs: Doubles) -> Doubles:
        """Return values ``[n_series, ...]`` from how they are seen, always finite."""
        return self._back(outputs, self.units)

    def alone(self, seasons: Doubles) -> Doubles:
        """Return seasons ``[n_series, ...]`` as factors, or in units of what is not positive."""
        positive = self.units.positive
        return self._back(seasons, Units(np.where(positive, 1.0, self.units.size), positive))

    def _back(self, outputs: Doubles, units: Units) -> Doubles:
        with np.errstate(over="ignore"):  # what is too large for a number is clipped
            v = outputs * self.change.reshape(-1, *(1,) * (outputs.ndim - 1))
        return np.clip(units.undone(v), -LARGEST, LARGEST)


def scale_of(panel: Panel, seasons: Sequence[int]) -> Scale:
    """Decide how a panel's series are seen, by their own values.

    Parameters
    ----------
    panel : Panel
    seasons : sequence of int
        Season lengths, at most two.

    Returns
    -------
    Scale

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> scale_of(from_any([[1.0, 2.0, 4.0], [1.0, 0.0, -1.0]]), ()).units.positive
    array([ True, False])
    """
    start, n = panel.indptr[:-1], panel.lengths
    units = Units.of(panel)
    seen = units.model(panel)
    v = seen.values
    place = np.arange(len(v)) - np.repeat(start, n)
    row = np.repeat(np.arange(panel.n_series), n)
    for m, (index, _) in zip(seasons, decompose(seen, seasons), strict=True):
        v = v - index[row, place % m]
    steps = np.abs(np.diff(v, prepend=np.nan))
    steps[start] = np.nan
    there = ~np.isnan(steps)
    change = np.add.reduceat(np.where(there, steps, 0.0), start) / np.maximum(
        np.add.reduceat(there.astype(np.float64), start), 1
    )
    change = np.maximum(change, _LEAST_CHANGE)
    return Scale(units, change, _weights(change))


def decompose(seen: Panel, seasons: Sequence[int]) -> list[tuple[Doubles, Doubles]]:
    """Return seasonal indices that add, ``[n_series, m]`` by phase, and how certain they are.

    They are what the classical decomposition finds, times its certainty ``[n_series]``: the part of
    their variance that chance, by the spread within each phase, does not explain (an empirical
    Bayes estimate). Zeros for a series that has not every phase of a season beside a whole one.
    """
    found: list[tuple[Doubles, Doubles]] = []
    start, n = seen.indptr[:-1], seen.lengths
    place = np.arange(len(seen.values)) - np.repeat(start, n)
    row = np.repeat(np.arange(seen.n_series), n)
    for m in seasons:
        trend = moving_average(seen, m)
        index, _ = seasonal_indices(seen, m, additive=True, trend=trend)
        index = np.where(np.isfinite(index).all(axis=1, keepdims=True), index, 0.0)
        away = seen.values - trend - index[row, place % m]
        there = ~np.isnan(away)
        count = np.bincount(row[there], minlength=seen.n_series)
        squares = np.bincount(row[there], away[there] ** 2, seen.n_series)
        by_chance = squares / np.maximum(count - m, 1) * m / np.maximum(count, 1)
        variance = (index**2).sum(axis=1) / (m - 1)
        certain = np.clip(1 - by_chance / np.maximum(variance, 1e-300), 0.0, 1.0)
        certain[count <= m] = 1.0  # a single round tells nothing of chance
        index = index * certain[:, None]
        found.append((index, certain))
        seen = replace(seen, values=seen.values - index[row, place % m])
    return found


def _weights(change: Doubles) -> Doubles:
    """Between errors in typical changes, which MASE counts, and relative ones, which sMAPE does."""
    weight = np.sqrt(change)
    return np.asarray(weight / weight.mean())
