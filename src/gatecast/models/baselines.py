"""The forecasts that any model must beat before it is worth its trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Panel

__all__ = ["naive", "seasonal_naive"]


def naive(panel: Panel, h: int) -> NDArray[np.float64]:
    """Repeat the last value of each series that is there.

    Parameters
    ----------
    panel : Panel
        Series, each with at least one value.
    h : int
        Horizon.

    Returns
    -------
    ndarray
        float64 ``[n_series, h]``.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> naive(from_any([1.0, 2.0, 3.0]), 2)
    array([[3., 3.]])
    """
    return seasonal_naive(panel, h, season_length=1)


def seasonal_naive(panel: Panel, h: int, season_length: int) -> NDArray[np.float64]:
    """Repeat the last season of each series.

    A series shorter than a season repeats its last value. Where the value of a season ago is
    missing, that of a season earlier is repeated, if it is there, or else the last value that is.

    Parameters
    ----------
    panel : Panel
        Series, each with at least one value.
    h : int
        Horizon.
    season_length : int
        Steps per season.

    Returns
    -------
    ndarray
        float64 ``[n_series, h]``.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> seasonal_naive(from_any([1.0, 2.0, 3.0, 4.0]), 3, season_length=2)
    array([[3., 4., 3.]])
    """
    # m [n_series, 1]: how far back each series repeats from
    m = np.where(panel.lengths < season_length, 1, season_length)[:, None]
    place = panel.indptr[1:, None] - m + np.arange(h) % m
    forecast: NDArray[np.float64] = panel.values[place]
    for _ in range(_SEASONS_BACK):
        missing = np.isnan(forecast)
        if not missing.any():
            return forecast
        place = np.where(missing & (place - m >= panel.indptr[:-1, None]), place - m, place)
        forecast = panel.values[place]
    known = np.maximum.accumulate(np.where(panel.observed, np.arange(len(panel.values)), 0))
    last = np.maximum(known[panel.indptr[1:] - 1], panel.indptr[:-1])
    return np.where(np.isnan(forecast), panel.values[last][:, None], forecast)


_SEASONS_BACK = 4  # what is missing in all of so many seasons is better taken from the last value
