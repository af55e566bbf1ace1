"""Series on a scale on which changes are relative, and forecasts back from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gatecast.cells import LARGEST
from gatecast.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Panel

    Doubles = NDArray[np.float64]

__all__ = ["Units"]


@dataclass(frozen=True, eq=False)
class Units:
    """What n series are divided by before their logarithm is taken, or its like.

    A series of positive values is modelled as ``log(y / size)``, any other as ``asinh(y / size)``,
    which is about y near zero and the logarithm far from it, with the sign of y. Neither depends on
    the unit in which y is measured.

    Parameters
    ----------
    size : ndarray
        float64 ``[n]``, above 0: the mean absolute value.
    positive : ndarray
        bool ``[n]``: whether all values are above 0.

    Examples
    --------
    >>> units = Units.before(np.array([1.0, 3.0, -2.0]), np.array([2, 3]))
    >>> units.size, units.positive
    (array([2., 2.]), array([ True, False]))
    >>> units.to_model(np.array([[2.0], [0.0]]))
    array([[0.],
           [0.]])
    """

    size: Doubles
    positive: NDArray[np.bool_]

    @classmethod
    def of(cls, panel: Panel) -> Units:
        """Return those of a panel's series, by their observed values."""
        begin = panel.indptr[:-1]
        there = ~np.isnan(panel.values)
        sizes = np.where(there, np.abs(panel.values), 0.0)
        largest = np.maximum(np.maximum.reduceat(sizes, begin), np.finfo(float).tiny)
        total = np.add.reduceat(sizes / np.repeat(largest, panel.lengths), begin)
        count = np.maximum(np.add.reduceat(there.astype(np.float64), begin), 1.0)
        positive = np.minimum.reduceat(np.where(there, panel.values, np.inf), begin) > 0
        return cls._of(largest * (total / count), positive)

    @classmethod
    def before(cls, y: Doubles, ends: NDArray[np.int64]) -> Units:
        """Return those of one complete series as it was when it had ``ends`` values."""
        largest = max(float(np.abs(y).max()), np.finfo(float).tiny)
        mean = np.cumsum(np.abs(y) / largest) / np.arange(1, len(y) + 1)
        positive = np.minimum.accumulate(y) > 0
        return cls._of(largest * mean[ends - 1], positive[ends - 1])

    @classmethod
    def _of(cls, size: Doubles, positive: NDArray[np.bool_]) -> Units:
        return cls(np.where(size > 0, size, 1.0), positive)

    def take(self, series: NDArray[np.intp]) -> Units:
        """Return those of some series, in their order."""
        return Units(self.size[series], self.positive[series])

    def model(self, panel: Panel) -> Panel:
        """Return a panel, whose units these are, as it is modelled."""
        series = np.repeat(np.arange(panel.n_series), panel.lengths)
        values = self.take(series).to_model(panel.values[:, None])[:, 0]
        return replace(panel, values=values, whole_spread=None)

    def to_model(self, y: Doubles) -> Doubles:
        """Return values ``[n, k]`` as they are modelled; NaN stays NaN."""
        size, positive = self.size[:, None], self.positive[:, None]
        # Not the logarithm of a quotient, which may be too small for a number.
        logarithm = np.log(np.where(positive & ~(y <= 0), y, 1.0)) - np.log(size)
        with np.errstate(over="ignore"):  # of a series that was tiny when its size was taken
            ratio = np.clip(y / size, -LARGEST, LARGEST)
        return np.where(positive, logarithm, np.arcsinh(ratio))

    def undone(self, outputs: Doubles) -> Doubles:
        """Return ``[n, ...]`` in the data's own units; infinite where no number is so large."""
        each = (-1,) + (1,) * (outputs.ndim - 1)
        size, positive = self.size.reshape(each), self.positive.reshape(each)
        with np.errstate(over="ignore"):
            return np.asarray(size * np.where(positive, np.exp(outputs), np.sinh(outputs)))

    def steepness(self, y: Doubles) -> Doubles:
        """Return by how much values ``[k]`` of the first series change with what they are modelled.

        Its inverse is by how much that changes with them; 0 where a value is missing.
        """
        there = np.nan_to_num(y)
        return np.asarray(there if self.positive[0] else np.hypot(there, self.size[0]))

    def restore(self, outputs: Doubles) -> Doubles:
        """Return forecasts ``[n, h, quantiles]`` in the data's own units.

        Raises
        ------
        ConfigError
            When one is larger than any number.
        """
        values = self.undone(outputs)
        if (np.isinf(values) & np.isfinite(outputs)).any():
            raise ConfigError(
                "A forecast is too large for a number once transform='log' is undone.",
                value=f"exp({np.nanmax(np.abs(outputs)):g})",
                fix="Use transform=None, or a smaller learning_rate.",
            )
        return values
