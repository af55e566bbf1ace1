"""Errors of point forecasts, by the M4 competition's definitions.

Letters: n series, h steps. Each function returns one number a series, over the steps whose truth is
known: a missing one (NaN) is left out, and where all are missing so is the series' number. Averages
over series are the caller's, and leave out what is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Panel

__all__ = ["mase", "mase_scale", "rmse", "smape"]


def rmse(y: NDArray[np.float64], forecast: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean squared error of each series, in the data's own units.

    Parameters
    ----------
    y, forecast : ndarray
        ``[n, h]``.

    Returns
    -------
    ndarray
        ``[n]``.

    Examples
    --------
    >>> rmse(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]])).round(3)
    array([1.414])
    """
    with np.errstate(over="ignore"):  # beyond 1e154 the square is infinite, and so is the error
        return np.asarray(np.sqrt(_mean((y - forecast) ** 2)))


def smape(y: NDArray[np.float64], forecast: NDArray[np.float64]) -> NDArray[np.float64]:
    """Symmetric mean absolute percentage error, 0 to 200; a step where both are zero counts 0.

    Parameters
    ----------
    y, forecast : ndarray
        ``[n, h]``.

    Returns
    -------
    ndarray
        ``[n]``: the mean of 200 |y - f| / (|y| + |f|).

    Examples
    --------
    >>> smape(np.array([[100.0, 0.0]]), np.array([[50.0, 0.0]])).round(2)
    array([33.33])
    """
    size = np.abs(y) + np.abs(forecast)
    zero = np.where(np.isnan(size), np.nan, 0.0)
    return _mean(np.divide(200 * np.abs(y - forecast), size, out=zero, where=size > 0))


def mase_scale(history: Panel, season_length: int) -> NDArray[np.float64]:
    """Mean absolute in-sample error of the seasonal naive forecast, by which MASE divides.

    Parameters
    ----------
    history : Panel
        What the forecast was made from. A series of at most one season is measured against its
        last value instead.
    season_length : int
        Steps per season.

    Returns
    -------
    ndarray
        ``[n]``; NaN where it is zero (a constant series) or there are fewer than two values.
    """
    scale = np.where(
        history.lengths > season_length,
        _mean_change(history, season_length),
        _mean_change(history, 1),
    )
    return np.where(scale > 0, scale, np.nan)


def mase(
    y: NDArray[np.float64],
    forecast: NDArray[np.float64],
    history: Panel,
    season_length: int,
) -> NDArray[np.float64]:
    """Mean absolute scaled error: below 1 is better than the seasonal naive forecast in-sample.

    Parameters
    ----------
    y, forecast : ndarray
        ``[n, h]``.
    history : Panel
        What the forecast was made from.
    season_length : int
        Steps per season.

    Returns
    -------
    ndarray
        ``[n]``; NaN for a series whose history is constant.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> history = from_any([1.0, 2.0, 1.0, 2.0])
    >>> mase(np.array([[1.0, 2.0]]), np.array([[2.0, 2.0]]), history, season_length=1)
    array([0.5])
    """
    return _mean(np.abs(y - forecast)) / mase_scale(history, season_length)


def _mean(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the steps ``[n, h]`` that are not missing; NaN where all are."""
    known = ~np.isnan(errors)
    with np.errstate(invalid="ignore"):  # 0 / 0
        return np.asarray(np.where(known, errors, 0.0).sum(axis=1) / known.sum(axis=1))


def _mean_change(history: Panel, m: int) -> NDArray[np.float64]:
    """Mean of abs(y[t] - y[t - m]) in each series, where both are known; NaN without any."""
    y, start = history.values, history.indptr[:-1]
    change = np.full(len(y), np.nan)
    change[m:] = np.abs(y[m:] - y[:-m])
    change[np.arange(len(y)) - np.repeat(start, history.lengths) < m] = np.nan  # another series
    known = ~np.isnan(change)
    with np.errstate(invalid="ignore"):
        total = np.add.reduceat(np.where(known, change, 0.0), start)
        return np.asarray(total / np.add.reduceat(known, start, dtype=np.int64))
