"""The Theta method, which won the M3 competition."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gatecast.models.baselines import Statistical, is_seasonal, seasonal_indices
from gatecast.models.holt_winters import Form, estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, Panel

__all__ = ["Theta", "theta"]


class Theta(Statistical):
    """Half a line, half exponential smoothing: the Theta method, a benchmark of M4.

    All of it is estimated from the history that is to be continued, whenever it forecasts: see
    ``theta`` in its module.

    Parameters
    ----------
    h : int
        Horizon; ``predict(h=...)`` may ask for any.
    season_length : int, optional
        Steps per season; by default from the frequency of a frame, 1 for arrays.
    threads : int, optional
        How many to use; the result has the same bits with any number.

    Examples
    --------
    >>> import gatecast
    >>> gatecast.Theta(2).fit([1.0, 3.0, 5.0, 7.0]).predict().round(3)
    array([8., 9.])
    """

    def __init__(
        self, h: int, *, season_length: int | None = None, threads: int | None = None
    ) -> None:
        super().__init__(h, season_length=season_length)
        self.threads = threads

    def forecast(self, panel: Panel, h: int) -> NDArray[np.float64]:
        """Return forecasts ``[n_series, h]``."""
        return theta(panel, h, self.season_length(panel), threads=self.threads)


def theta(
    panel: Panel, h: int, season_length: int, *, threads: int | None = None
) -> NDArray[np.float64]:
    """Continue each series by the mean of two lines that its values are between.

    The method of Assimakopoulos and Nikolopoulos (2000) as M4's R code has it. A series is adjusted
    for its season as by :func:`~gatecast.models.baselines.naive2`. Of what is left, y, the one line
    is the straight one by least squares, x (theta = 0); the other, 2 y - x (theta = 2), is y with
    its distance from the straight line doubled, and is continued by simple exponential smoothing.
    The mean of both is simple smoothing with half the line's slope as its drift (Hyndman and Billah
    2003). What is missing is left out of all of it.

    Parameters
    ----------
    panel : Panel
        Series, each with at least one value.
    h : int
        Horizon.
    season_length : int
        Steps per season; with 1 there is none.
    threads : int, optional
        How many to use.

    Returns
    -------
    ndarray
        float64 ``[n_series, h]``.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> theta(from_any([5.0, 5.0, 5.0]), 2, 1)
    array([[5., 5.]])
    """
    n, start = panel.lengths, panel.indptr[:-1]
    largest = np.maximum.reduceat(np.where(panel.observed, np.abs(panel.values), 0.0), start)
    unit = np.where(largest > 0, largest, 1.0)  # so that no sum overflows
    scaled = replace(panel, values=panel.values / np.repeat(unit, n))
    season, multiplies = _season(scaled, season_length)
    place = np.arange(len(panel.values)) - np.repeat(start, n)
    row = np.repeat(np.arange(panel.n_series), n)
    now = season[row, place % season.shape[1]]
    divisor, less = np.where(multiplies[row], now, 1.0), np.where(multiplies[row], 0.0, now)
    adjusted = scaled.values / divisor - less
    slope, level = _line(adjusted, panel)
    line = level[row] + slope[row] * place
    second = replace(panel, values=2 * adjusted - line)
    smoothed, _ = estimate(second, (Form(),), 1, threads).ahead(second, h, threads)
    ahead = n[:, None] + np.arange(h)
    forecast = (smoothed + level[:, None] + slope[:, None] * ahead) / 2
    then = np.take_along_axis(season, ahead % season.shape[1], axis=1)
    forecast = np.where(multiplies[:, None], forecast * then, forecast + then)
    return np.asarray(forecast * unit[:, None])


def _season(panel: Panel, m: int) -> tuple[Doubles, Bools]:
    """Seasonal indices ``[n_series, m]`` that change nothing without a season; which multiply."""
    seasonal = is_seasonal(panel, m)
    season, multiplies = np.zeros((panel.n_series, m)), np.zeros(panel.n_series, bool)
    if seasonal.any():
        index, ratio = seasonal_indices(panel.select(seasonal), m)
        # A phase without an index, or one that would divide by nothing: no adjustment.
        fine = np.isfinite(index).all(axis=1) & ~(ratio & (index < 1e-6).any(axis=1))
        season[seasonal] = np.where(fine[:, None], index, 0.0)
        multiplies[seasonal] = ratio & fine
    return season, multiplies


def _line(y: Doubles, panel: Panel) -> tuple[Doubles, Doubles]:
    """Least squares through what is there of each series: slopes, and values at its first step."""

    def total(x: Doubles) -> Doubles:
        return np.asarray(np.add.reduceat(np.where(panel.observed, x, 0.0), panel.indptr[:-1]))

    n = panel.lengths
    t = np.arange(len(y), dtype=np.float64) - np.repeat(panel.indptr[:-1], n)
    count = total(np.ones(len(y)))
    middle, mean = total(t) / count, total(y) / count
    away = t - np.repeat(middle, n)
    squares = total(away**2)
    products = total(away * (y - np.repeat(mean, n)))
    slope = np.divide(products, squares, out=np.zeros_like(mean), where=squares > 0)
    return slope, mean - slope * middle
