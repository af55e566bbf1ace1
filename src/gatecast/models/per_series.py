"""How a hybrid sees each series: on a scale where seasons add and typical changes are 1."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gatecast.cells import LARGEST
from gatecast.models.baselines import seasonal_indices
from gatecast.models.identity import require_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from gatecast.panel import Bools, Doubles, Ints, Panel

__all__ = ["Scale", "decompose", "scale_of"]

_LEAST_CHANGE = 1e-4  # what a typical change is at least: less would be noise


@dataclass(frozen=True, eq=False)
class Scale:
    """How the values of some series are seen.

    Parameters
    ----------
    log : ndarray
        bool ``[n_series]``: as the logarithm, else as ``asinh(y / size)``.
    size : ndarray
        float64 ``[n_series]``, the mean absolute value; 1 where there is a logarithm.
    change : ndarray
        float64 ``[n_series]``: the mean absolute change of that over a step, seasons taken off, by
        which it is divided.
    weight : ndarray
        float64 ``[n_series]``: how much an error of a typical change counts.
    """

    log: Bools
    size: Doubles
    change: Doubles
    weight: Doubles

    @classmethod
    def restored(cls, arrays: dict[str, NDArray[Any]], n: int) -> Self:
        """Return what was saved of ``n`` series, which is not trusted: a ValueError if wrong."""
        require_array("log", arrays["log"], np.bool_, (n,))
        for name in ("size", "change", "weight"):
            require_array(name, arrays[name], np.float64, (n,))
            if (arrays[name] <= 0).any():
                raise ValueError(f"{name} should be positive")
        if (arrays["change"] < _LEAST_CHANGE).any():
            raise ValueError("change is too small")
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    def select(self, at: Ints) -> Self:
        """Return those of the series at some places."""
        return type(self)(*(getattr(self, field.name)[at] for field in fields(self)))

    def put(self, at: ArrayLike, other: Scale) -> None:
        """Replace those of the series ``at`` by others."""
        for field in fields(self):
            getattr(self, field.name)[at] = getattr(other, field.name)

    def seen(self, panel: Panel) -> Doubles:
        """Return a panel's values ``[total]`` as they are seen; NaN where they are missing."""
        n = panel.lengths
        return np.asarray(_transformed(panel, self.log, self.size) / np.repeat(self.change, n))

    def back(self, outputs: Doubles) -> Doubles:
        """Return values ``[n_series, ...]`` from how they are seen, always finite."""
        shape = (-1,) + (1,) * (outputs.ndim - 1)
        log, size = self.log.reshape(shape), self.size.reshape(shape)
        with np.errstate(over="ignore"):  # what is too large for a number is clipped
            v = outputs * self.change.reshape(shape)
            y = np.where(log, np.exp(v), size * np.sinh(v))
        return np.clip(y, -LARGEST, LARGEST)


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
    >>> scale_of(from_any([[1.0, 2.0, 4.0], [1.0, 0.0, -1.0]]), ()).log
    array([ True, False])
    """
    start, n = panel.indptr[:-1], panel.lengths
    low = np.minimum.reduceat(np.where(panel.observed, panel.values, np.inf), start)
    count = np.add.reduceat(panel.observed.astype(np.float64), start)
    total = np.add.reduceat(
        np.where(panel.observed, np.abs(panel.values), 0.0) / np.repeat(np.maximum(count, 1), n),
        start,
    )
    log = low > 0
    size = np.where(log | ~(total > 0), 1.0, total)
    v = _transformed(panel, log, size)
    seen = replace(panel, values=v)
    place = np.arange(len(v)) - np.repeat(start, n)
    row = np.repeat(np.arange(panel.n_series), n)
    for m, index in zip(seasons, decompose(seen, seasons), strict=True):
        v = v - index[row, place % m]
    steps = np.abs(np.diff(v, prepend=np.nan))
    steps[start] = np.nan
    there = ~np.isnan(steps)
    change = np.add.reduceat(np.where(there, steps, 0.0), start) / np.maximum(
        np.add.reduceat(there.astype(np.float64), start), 1
    )
    change = np.maximum(change, _LEAST_CHANGE)
    return Scale(log, size, change, _weights(change))


def decompose(seen: Panel, seasons: Sequence[int]) -> list[Doubles]:
    """Return seasonal indices that add, ``[n_series, m]`` for each season, by phase.

    Zeros for a series that has not every phase of a season beside a whole one.
    """
    found: list[Doubles] = []
    start, n = seen.indptr[:-1], seen.lengths
    place = np.arange(len(seen.values)) - np.repeat(start, n)
    row = np.repeat(np.arange(seen.n_series), n)
    for m in seasons:
        index, _ = seasonal_indices(seen, m, additive=True)
        index = np.where(np.isfinite(index).all(axis=1, keepdims=True), index, 0.0)
        found.append(index)
        seen = replace(seen, values=seen.values - index[row, place % m])
    return found


def _transformed(panel: Panel, log: Bools, size: Doubles) -> Doubles:
    n = panel.lengths
    positive = np.repeat(log, n)
    y = np.where(panel.observed, panel.values, np.nan)
    with np.errstate(over="ignore"):  # a series that was tiny when it was fitted
        ratio = np.clip(y / np.repeat(size, n), -LARGEST, LARGEST)
    logs = np.log(np.where(positive & ~(y <= 0), y, 1.0))
    return np.where(positive, logs, np.arcsinh(ratio))


def _weights(change: Doubles) -> Doubles:
    """Between errors in typical changes, which MASE counts, and relative ones, which sMAPE does."""
    weight = np.sqrt(change)
    return np.asarray(weight / weight.mean())
