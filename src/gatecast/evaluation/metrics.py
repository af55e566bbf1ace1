"""How far forecasts, quantiles and intervals are from the truth.

Letters: n series, h steps, Q quantiles. All arrays are float64 and finite, or NaN. The last axis
(steps) is reduced, whatever stands before it; the functions on series take ``[..., n, h]``. A step
without truth or without forecast (NaN) is left out, and where all are, the result is NaN. Averages
over series are the caller's, and leave out what is NaN.

A scaled error is the plain one of values that were divided by a scale first; so MASE is ``mae(y /
scale, f / scale)``, and the scale is made of the history alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gatecast.panel import Panel

    Doubles = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = [
    *("coverage", "interval_score", "mae", "mase", "mase_scale", "msis", "owa", "pinball"),
    *("quantile_losses", "rmse", "rmsse", "rmsse_scale", "skill", "smape", "width", "wql"),
]


# Point forecasts


def mae(y: Doubles, forecast: Doubles) -> Doubles:
    """Mean absolute error, in the data's own units.

    Parameters
    ----------
    y, forecast : ndarray
        ``[..., h]``.

    Returns
    -------
    ndarray
        ``[...]``: the mean of abs(y - f).

    Examples
    --------
    >>> mae(np.array([[1.0, 2.0, np.nan]]), np.array([[1.0, 4.0, 5.0]]))
    array([1.])
    """
    return mean_of_steps(np.abs(y - forecast))


def rmse(y: Doubles, forecast: Doubles) -> Doubles:
    """Root mean squared error, in the data's own units.

    Parameters
    ----------
    y, forecast : ndarray
        ``[..., h]``.

    Returns
    -------
    ndarray
        ``[...]``: the root of the mean of (y - f)^2.

    Examples
    --------
    >>> rmse(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]])).round(3)
    array([1.414])
    """
    error = np.abs(y - forecast)
    largest = np.fmax.reduce(error, axis=-1, initial=0.0, keepdims=True)
    unit = np.where(np.isfinite(largest) & (largest > 0), largest, 1.0)  # so no square overflows
    return np.asarray(np.sqrt(mean_of_steps((error / unit) ** 2)) * unit[..., 0])


def smape(y: Doubles, forecast: Doubles) -> Doubles:
    """Symmetric mean absolute percentage error, 0 to 200; a step where both are zero counts 0.

    It is M4's (Makridakis, Spiliotis and Assimakopoulos 2020, eq. 1). Some libraries return a
    fraction instead, of 0 to 1 (a 200th) or of 0 to 2 (a 100th).

    Parameters
    ----------
    y, forecast : ndarray
        ``[..., h]``.

    Returns
    -------
    ndarray
        ``[...]``: the mean of 200 |y - f| / (|y| + |f|).

    Examples
    --------
    >>> smape(np.array([[100.0, 0.0]]), np.array([[50.0, 0.0]])).round(2)
    array([33.33])
    """
    size = np.abs(y) + np.abs(forecast)
    zero = np.where(np.isnan(size), np.nan, 0.0)
    share = np.divide(np.abs(y - forecast), size, out=zero, where=size > 0)
    return mean_of_steps(200 * share)


# Scales, and what is divided by them


def mase_scale(history: Panel, season_length: int, seen: Ints | None = None) -> Doubles:
    """Mean absolute in-sample error of the seasonal naive forecast, by which MASE divides.

    It is the mean of all abs(y[t] - y[t - m]) of a series where both values are there (Hyndman and
    Koehler 2006; M4). A series of at most one season is measured against its last value instead,
    where M4, whose series are longer, has no rule.

    Parameters
    ----------
    history : Panel
        What the forecast was made from.
    season_length : int
        Steps per season, m.
    seen : ndarray, optional
        int64 ``[..., n]``: how many values of each series, counted from its first one, the
        forecast was made from; by default all. So one panel serves many cutoffs.

    Returns
    -------
    ndarray
        ``[n]``, or the shape of ``seen``; NaN where it is zero (a constant series) or there are
        fewer than two values.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> history = from_any([1.0, 3.0, 3.0, 9.0])
    >>> mase_scale(history, season_length=2)
    array([4.])
    >>> mase_scale(history, season_length=1, seen=np.array([[2], [4]]))
    array([[2.        ],
           [2.66666667]])
    """
    return _scale(history, season_length, seen, power=1)


def rmsse_scale(history: Panel, season_length: int, seen: Ints | None = None) -> Doubles:
    """Root mean squared in-sample error of the seasonal naive forecast, by which RMSSE divides.

    Parameters
    ----------
    history, season_length, seen
        As for :func:`mase_scale`.

    Returns
    -------
    ndarray
        ``[n]``, or the shape of ``seen``: the root of the mean of (y[t] - y[t - m])^2; NaN as
        there.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> rmsse_scale(from_any([1.0, 4.0, 8.0]), season_length=1).round(3)
    array([3.536])
    """
    return _scale(history, season_length, seen, power=2)


def mase(y: Doubles, forecast: Doubles, history: Panel, season_length: int) -> Doubles:
    """Mean absolute scaled error: below 1 is better than the seasonal naive forecast in-sample.

    Parameters
    ----------
    y, forecast : ndarray
        ``[..., n, h]``.
    history : Panel
        What the forecast was made from.
    season_length : int
        Steps per season.

    Returns
    -------
    ndarray
        ``[..., n]``: :func:`mae` / :func:`mase_scale` (Hyndman and Koehler 2006); NaN for a series
        whose history is constant.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> history = from_any([1.0, 2.0, 1.0, 2.0])
    >>> mase(np.array([[1.0, 2.0]]), np.array([[2.0, 2.0]]), history, season_length=1)
    array([0.5])
    """
    return mae(y, forecast) / mase_scale(history, season_length)


def rmsse(y: Doubles, forecast: Doubles, history: Panel, season_length: int) -> Doubles:
    """Root mean squared scaled error.

    Parameters
    ----------
    y, forecast : ndarray
        ``[..., n, h]``.
    history : Panel
        What the forecast was made from.
    season_length : int
        Steps per season; 1 gives M5's, but for the zeros before a first sale, which M5 leaves out.

    Returns
    -------
    ndarray
        ``[..., n]``: :func:`rmse` / :func:`rmsse_scale` (Hyndman and Athanasopoulos, *Forecasting:
        principles and practice*, 3rd ed., 5.8); NaN for a series whose history is constant.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> history = from_any([1.0, 2.0, 1.0, 2.0])
    >>> rmsse(np.array([[1.0, 2.0]]), np.array([[2.0, 2.0]]), history, season_length=1).round(3)
    array([0.707])
    """
    return rmse(y, forecast) / rmsse_scale(history, season_length)


# Quantiles


def quantile_losses(y: Doubles, forecast: Doubles, q: float | Sequence[float]) -> Doubles:
    """Pinball loss of every step, averaged over quantiles if there are several.

    Parameters
    ----------
    y : ndarray
        ``[..., h]``.
    forecast : ndarray
        ``[..., h]`` for one quantile, ``[..., h, Q]`` for a sequence of them.
    q : float or sequence of float
        Between 0 and 1.

    Returns
    -------
    ndarray
        ``[..., h]``: max(q (y - f), (q - 1) (y - f)) (Koenker and Bassett 1978).

    Examples
    --------
    >>> quantile_losses(np.array([1.0, 4.0]), np.array([2.0, 2.0]), 0.9)
    array([0.1, 1.8])
    """
    levels = np.asarray(q, np.float64)
    error = (y[..., None] if levels.ndim else y) - forecast
    losses = np.maximum(levels * error, (levels - 1) * error)
    return np.asarray(losses.mean(axis=-1) if levels.ndim else losses)


def pinball(y: Doubles, forecast: Doubles, q: float | Sequence[float]) -> Doubles:
    """Mean pinball loss, in the data's own units; at q = 0.5 it is half the absolute error.

    Parameters
    ----------
    y, forecast, q
        As for :func:`quantile_losses`.

    Returns
    -------
    ndarray
        ``[...]``.

    Examples
    --------
    >>> pinball(np.array([[1.0, 4.0]]), np.array([[2.0, 2.0]]), 0.9)
    array([0.95])
    >>> pinball(np.array([[4.0]]), np.array([[[2.0, 5.0]]]), (0.1, 0.9)).round(3)
    array([0.15])
    """
    return mean_of_steps(quantile_losses(y, forecast, q))


def wql(y: Doubles, forecast: Doubles, q: float | Sequence[float]) -> Doubles:
    """Weighted quantile loss: pinball losses as a share of the size of the truth.

    Over the quantiles 0.1, ... 0.9 it is what benchmarks print as CRPS. Theirs is of all series at
    once: flatten series and steps to one axis for that.

    Parameters
    ----------
    y, forecast, q
        As for :func:`quantile_losses`.

    Returns
    -------
    ndarray
        ``[...]``: 2 sum(pinball) / sum(abs(y)), averaged over quantiles (Gasthaus et al. 2019;
        Park et al. 2022); NaN where the truth is zero throughout.

    Examples
    --------
    >>> wql(np.array([[1.0, 4.0]]), np.array([[2.0, 2.0]]), 0.9)
    array([0.76])
    """
    losses = quantile_losses(y, forecast, q)
    size = mean_of_steps(np.where(np.isnan(losses), np.nan, np.abs(y)))
    return _relative(2 * mean_of_steps(losses), size)


# Intervals


def coverage(y: Doubles, lo: Doubles, hi: Doubles) -> Doubles:
    """Share of truths inside of their interval, 0 to 1; its ends belong to it.

    Parameters
    ----------
    y, lo, hi : ndarray
        ``[..., h]``.

    Returns
    -------
    ndarray
        ``[...]``.

    Examples
    --------
    >>> coverage(np.array([[1.0, 5.0]]), np.array([[0.0, 0.0]]), np.array([[1.0, 4.0]]))
    array([0.5])
    """
    known = ~np.isnan(y + lo + hi)
    return mean_of_steps(np.where(known, (lo <= y) & (y <= hi), np.nan))


def width(lo: Doubles, hi: Doubles) -> Doubles:
    """Mean width of intervals, in the data's own units.

    Parameters
    ----------
    lo, hi : ndarray
        ``[..., h]``.

    Returns
    -------
    ndarray
        ``[...]``.

    Examples
    --------
    >>> width(np.array([[0.0, 0.0]]), np.array([[1.0, 4.0]]))
    array([2.5])
    """
    return mean_of_steps(hi - lo)


def interval_score(y: Doubles, lo: Doubles, hi: Doubles, alpha: float) -> Doubles:
    """Width of intervals plus what they miss truths by, at 2 / alpha: lower is better.

    Parameters
    ----------
    y, lo, hi : ndarray
        ``[..., h]``.
    alpha : float
        The share of truths that may lie outside: 0.1 for intervals of 90 %.

    Returns
    -------
    ndarray
        ``[...]``: the mean of hi - lo + 2/alpha (lo - y)+ + 2/alpha (y - hi)+ (Winkler 1972;
        Gneiting and Raftery 2007, eq. 43).

    Examples
    --------
    >>> y, lo, hi = np.array([[1.0, 5.0]]), np.array([[0.0, 0.0]]), np.array([[1.0, 4.0]])
    >>> interval_score(y, lo, hi, alpha=0.1)
    array([12.5])
    """
    missed = np.maximum(lo - y, 0.0) + np.maximum(y - hi, 0.0)
    return mean_of_steps(hi - lo + 2 / alpha * missed)


def msis(y: Doubles, lo: Doubles, hi: Doubles, scale: Doubles, alpha: float) -> Doubles:
    """Mean scaled interval score, M4's measure of intervals (there at alpha = 0.05).

    Parameters
    ----------
    y, lo, hi : ndarray
        ``[..., h]``.
    scale : ndarray
        ``[...]``, of :func:`mase_scale`.
    alpha : float
        The share of truths that may lie outside.

    Returns
    -------
    ndarray
        ``[...]``: :func:`interval_score` / scale (Makridakis et al. 2020, eq. 4).

    Examples
    --------
    >>> y, lo, hi = np.array([[1.0, 5.0]]), np.array([[0.0, 0.0]]), np.array([[1.0, 4.0]])
    >>> msis(y, lo, hi, scale=np.array([5.0]), alpha=0.1)
    array([2.5])
    """
    return interval_score(y, lo, hi, alpha) / scale


# Of scores


def skill(score: Doubles, base_score: Doubles) -> Doubles:
    """How much lower a score is than a baseline's: 1 is perfect, 0 as good, below 0 worse.

    Parameters
    ----------
    score, base_score : ndarray or float
        Of one metric that is better the lower, such as MASE.

    Returns
    -------
    ndarray
        1 - score / base_score; NaN where the baseline makes no error, against which no share can
        be said.

    Examples
    --------
    >>> skill(np.array([0.9, 1.1]), 1.0).round(3)
    array([ 0.1, -0.1])
    """
    return 1 - _relative(score, base_score)


def owa(smape: Doubles, mase: Doubles, naive2_smape: Doubles, naive2_mase: Doubles) -> Doubles:
    """Overall weighted average of M4: 1 is as good as Naive2.

    Averages are divided, not averaged shares: over the series of a group first.

    Parameters
    ----------
    smape, mase : ndarray
        ``[..., n]``: the scores of each series of a group, by M4's definitions.
    naive2_smape, naive2_mase : ndarray
        ``[..., n]``: those of :func:`~gatecast.models.baselines.naive2` on the same series.

    Returns
    -------
    ndarray
        ``[...]``: half of the relative sMAPE plus half of the relative MASE (Makridakis et al.
        2020, section 3); NaN where Naive2 makes no error.

    Examples
    --------
    >>> naive2 = np.array([20.0, 20.0]), np.array([2.0, 4.0])
    >>> float(owa(np.array([10.0, 30.0]), np.array([1.0, 2.0]), *naive2))
    0.75
    """
    of_smape = _relative(mean_of_steps(smape), mean_of_steps(naive2_smape))
    of_mase = _relative(mean_of_steps(mase), mean_of_steps(naive2_mase))
    return (of_smape + of_mase) / 2


def _relative(score: Doubles, base: Doubles) -> Doubles:
    base = np.asarray(base, np.float64)
    return np.asarray(score) / np.where(base > 0, base, np.nan)


def mean_of_steps(x: Doubles) -> Doubles:
    """Average over the last axis what is not missing; NaN where all is."""
    known = ~np.isnan(x)
    with np.errstate(invalid="ignore"):  # 0 / 0
        return np.asarray(np.where(known, x, 0.0).sum(axis=-1) / known.sum(axis=-1))


def _scale(history: Panel, season_length: int, seen: Ints | None, power: int) -> Doubles:
    n = history.lengths if seen is None else np.minimum(seen, history.lengths)
    scale = np.where(
        n > season_length,
        _mean_change(history, season_length, n, power),
        _mean_change(history, 1, n, power),
    )
    return np.where(scale > 0, scale, np.nan)


def _mean_change(history: Panel, m: int, n: Ints, power: int) -> Doubles:
    """Power mean of abs(y[t] - y[t - m]) in the first n values of each series; NaN without any."""
    y, start = history.values, history.indptr[:-1]
    change = np.full(len(y) + 1, np.nan)  # with a place after the last one, where sums may end
    change[m:-1] = np.abs(y[m:] - y[:-m])
    change[:-1][np.arange(len(y)) - np.repeat(start, history.lengths) < m] = np.nan  # another's
    known = ~np.isnan(change)
    change[~known] = 0.0
    unit = np.maximum.reduceat(change[:-1], start)  # so that no square overflows
    unit[unit == 0] = 1.0
    change[:-1] = (change[:-1] / np.repeat(unit, history.lengths)) ** power
    some = n > 0
    bounds = np.stack([np.broadcast_to(start, n.shape), start + n], axis=-1)[some].ravel()
    mean = np.full(n.shape, np.nan)
    with np.errstate(invalid="ignore"):  # 0 / 0
        mean[some] = (
            np.add.reduceat(change, bounds)[::2]
            / np.add.reduceat(known, bounds, dtype=np.int64)[::2]
        )
    return np.asarray(unit * mean ** (1 / power))
