"""Which series were fitted, so that they are known again when they have grown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Doubles, Ints, Panel

__all__ = ["Identity"]

_REMEMBERED = 16  # values, by which a series is known again


@dataclass(frozen=True, eq=False)
class Identity:
    """The ids of some series, and how each began.

    Parameters
    ----------
    ids : list
    first : ndarray
        int64 ``[n_series]``, their first stamps.
    beginnings : ndarray
        float64 ``[n_series, 16]``, their first values; NaN where there is none.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> known = Identity.of(from_any([[1.0, 2.0], [5.0, 6.0]]))
    >>> known.places(from_any([[1.0, 2.0, 3.0], [5.0, 7.0, 8.0]]))  # the second began otherwise
    array([ 0, -1])
    """

    ids: list[Any]
    first: Ints
    beginnings: Doubles

    @classmethod
    def of(cls, panel: Panel) -> Self:
        """Return what a panel's series are known by."""
        return cls(panel.ids.tolist(), panel.first, _beginnings(panel))

    def places(self, panel: Panel) -> Ints:
        """Return the place of each of a panel's series, int64 ``[n_series]``; -1 if it is new."""
        places = {name: i for i, name in enumerate(self.ids)}
        at = np.array([places.get(name, -1) for name in panel.ids.tolist()], np.int64)
        then, now = self.beginnings[at], _beginnings(panel)
        same = (np.isnan(then) | (then == now)).all(axis=1) & (self.first[at] == panel.first)
        return np.where(same, at, -1)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what :meth:`restored` takes, beside the ids."""
        return {"first": self.first, "beginnings": self.beginnings}

    @classmethod
    def restored(cls, ids: Any, arrays: dict[str, NDArray[Any]]) -> Self:
        """Return what was saved, which is not trusted: a ValueError if it makes no sense."""
        kinds = (str, int, float)
        if not isinstance(ids, list) or not ids or not all(type(name) in kinds for name in ids):
            raise ValueError("ids should be text or numbers")
        first, beginnings = arrays["first"], arrays["beginnings"]
        require_array("first", first, np.int64, (len(ids),))
        require_array("beginnings", beginnings, np.float64, (len(ids), _REMEMBERED))
        return cls(ids, first, beginnings)


def require_array(name: str, array: NDArray[Any], kind: Any, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless an array that was saved is what it should be."""
    if array.dtype != kind or array.shape != shape:
        raise ValueError(f"{name} should be {np.dtype(kind)} of shape {shape}")
    if name != "beginnings" and not np.isfinite(array).all():
        raise ValueError(f"{name} should be finite")


def _beginnings(panel: Panel) -> Doubles:
    steps = np.arange(_REMEMBERED)
    there = steps < panel.lengths[:, None]
    return np.where(
        there, panel.values[np.where(there, panel.indptr[:-1, None] + steps, 0)], np.nan
    )
