"""The forecasts that any model must beat before it is worth its trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from gatecast.models.forecaster import Fitted, Forecaster, Settings
from gatecast.models.inputs import Prediction
from gatecast.panel import MissingFuture, Panel, edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, Intake

__all__ = [
    *("Drift", "Naive", "Naive2", "SeasonalNaive", "Statistical"),
    *("drift", "naive", "naive2", "seasonal_naive"),
]


class Statistical(Forecaster):
    """A model that reads the values of each series and nothing else.

    It adds :meth:`forecast`, and where something is estimated, ``fit_panel``.
    """

    def __init__(self, h: int, *, season_length: int | None = None) -> None:
        self.config = Settings(h=h, season_length=season_length)

    def forecast(self, panel: Panel, h: int) -> NDArray[np.float64]:
        """Return forecasts ``[n_series, h]`` past the end of a panel's series."""
        raise NotImplementedError

    def season_length(self, panel: Panel) -> int:
        """Return the steps per season, for a panel."""
        return int(self.config.season_length or panel.season_length)

    def fit_panel(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Remember the series."""
        self._fitted: Fitted = self.remember(panel, intake)
        return self

    def predict_panel(
        self, panel: Panel, h: int, missing_future: MissingFuture = "error"
    ) -> Prediction:
        """Forecast ``h`` steps past the end of a panel's series."""
        self.refuse_cold(panel)
        outputs = self.forecast(panel, h)[:, :, None]
        return Prediction(panel, outputs, np.zeros(outputs.shape[:2], bool))


class Naive(Statistical):
    """Repeat the last value: what any model must beat.

    Parameters
    ----------
    h : int
        Horizon; ``predict(h=...)`` may ask for any.

    Examples
    --------
    >>> import gatecast
    >>> gatecast.Naive(2).fit([1.0, 2.0, 4.0]).predict()
    array([4., 4.])
    """

    def forecast(self, panel: Panel, h: int) -> NDArray[np.float64]:
        """Return forecasts ``[n_series, h]``."""
        return naive(panel, h)


class SeasonalNaive(Statistical):
    """Repeat the last season: what any model must beat where there is one.

    Parameters
    ----------
    h : int
        Horizon; ``predict(h=...)`` may ask for any.
    season_length : int, optional
        Steps per season; by default from the frequency of a frame, 1 for arrays.

    Examples
    --------
    >>> import gatecast
    >>> gatecast.SeasonalNaive(3, season_length=2).fit([1.0, 2.0, 3.0, 4.0]).predict()
    array([3., 4., 3.])
    """

    def forecast(self, panel: Panel, h: int) -> NDArray[np.float64]:
        """Return forecasts ``[n_series, h]``."""
        return seasonal_naive(panel, h, self.season_length(panel))


class Drift(Statistical):
    """Go on along the line from the first value to the last.

    Parameters
    ----------
    h : int
        Horizon; ``predict(h=...)`` may ask for any.

    Examples
    --------
    >>> import gatecast
    >>> gatecast.Drift(2).fit([1.0, 2.0, 5.0]).predict()
    array([7., 9.])
    """

    def forecast(self, panel: Panel, h: int) -> NDArray[np.float64]:
        """Return forecasts ``[n_series, h]``."""
        return drift(panel, h)


class Naive2(Statistical):
    """Repeat the last value, adjusted for the season: the benchmark of the M4 competition.

    Parameters
    ----------
    h : int
        Horizon; ``predict(h=...)`` may ask for any.
    season_length : int, optional
        Steps per season; by default from the frequency of a frame, 1 for arrays.

    Examples
    --------
    >>> import gatecast
    >>> y = [10.0, 20.0, 30.0, 40.0] * 4
    >>> gatecast.Naive2(4, season_length=4).fit(y).predict()
    array([10., 20., 30., 40.])
    """

    def forecast(self, panel: Panel, h: int) -> NDArray[np.float64]:
        """Return forecasts ``[n_series, h]``."""
        return naive2(panel, h, self.season_length(panel))


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
    _, end = edges(panel.observed, panel.indptr)
    return np.where(np.isnan(forecast), panel.values[end - 1][:, None], forecast)


_SEASONS_BACK = 4  # what is missing in all of so many seasons is better taken from the last value


def drift(panel: Panel, h: int) -> NDArray[np.float64]:
    """Continue the straight line through the first and the last value of each series.

    Parameters
    ----------
    panel : Panel
        Series, each with at least one value; a single one is repeated.
    h : int
        Horizon.

    Returns
    -------
    ndarray
        float64 ``[n_series, h]``.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> drift(from_any([1.0, 5.0, 3.0]), 2)
    array([[4., 5.]])
    """
    begin, end = edges(panel.observed, panel.indptr)
    first, last = panel.values[begin], panel.values[end - 1]
    slope = (last - first) / np.maximum(end - 1 - begin, 1)
    steps = (panel.indptr[1:] - end)[:, None] + np.arange(1, h + 1)  # from the last value on
    return np.asarray(last[:, None] + slope[:, None] * steps)


def naive2(panel: Panel, h: int, season_length: int) -> NDArray[np.float64]:
    """Repeat the last value of each series after seasonal adjustment, if the series is seasonal.

    Naive2 of the M competitions, by which OWA is defined, as M4's R code has it (Makridakis,
    Spiliotis and Assimakopoulos 2020):

    - A series is seasonal if it has three seasons or more, and its autocorrelation at the lag of
      the season is beyond 1.645 / sqrt(n) * sqrt(1 + 2 (r_1^2 + ... + r_{m-1}^2)). (R stops at
      10 log10(n) lags, so that the code finds no season beyond; here there is no such bound.)
    - It is divided by the seasonal indices of the classical decomposition: each phase's mean ratio
      to the centred moving average, relative to the mean of all. Where a value is not positive,
      for which ratios mean nothing and M4 has no series, differences take their place.
    - What is missing is left out of each average. If a phase has nothing to average, the series is
      not adjusted.

    Parameters
    ----------
    panel : Panel
        Series, each with at least one value.
    h : int
        Horizon.
    season_length : int
        Steps per season, m; with 1 it is the naive forecast.

    Returns
    -------
    ndarray
        float64 ``[n_series, h]``.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> naive2(from_any([1.0, 2.0, 3.0] * 6), 3, season_length=3)
    array([[1., 2., 3.]])
    """
    forecast = naive(panel, h)
    seasonal = is_seasonal(panel, season_length)
    if not seasonal.any():
        return forecast
    history, last = panel.select(seasonal), forecast[seasonal]
    index, multiplies = seasonal_indices(history, season_length)
    _, end = edges(history.observed, history.indptr)
    now = (end - 1 - history.indptr[:-1]) % season_length  # the phase of the last value
    ahead = (history.lengths[:, None] + np.arange(h)) % season_length
    index_now = np.take_along_axis(index, now[:, None], axis=1)
    index_ahead = np.take_along_axis(index, ahead, axis=1)
    with np.errstate(all="ignore"):  # where there is no index, or it is not to be divided by
        scaled = last / index_now * index_ahead
    adjusted = np.where(multiplies[:, None], scaled, last - index_now + index_ahead)
    forecast[seasonal] = np.where(np.isfinite(adjusted), adjusted, last)
    return forecast


def is_seasonal(panel: Panel, m: int) -> Bools:
    """M4's test of each series, ``[n_series]``; R's autocorrelations of what is there."""
    start, n = panel.indptr[:-1], panel.lengths
    known = panel.observed
    if m < 2 or not (n >= 3 * m).any():
        return np.zeros(panel.n_series, bool)

    def total(x: Doubles) -> Doubles:
        return np.asarray(np.add.reduceat(x, start))

    count = total(known.astype(np.float64))
    z = np.where(known, panel.values, 0.0)
    z = np.where(known, panel.values - np.repeat(total(z) / count, n), 0.0)
    largest = np.maximum.reduceat(np.abs(z), start)
    z /= np.repeat(np.where(largest > 0, largest, 1.0), n)  # so that no square overflows
    variance = total(z * z) / count
    place = np.arange(len(z)) - np.repeat(start, n)
    squares, r = np.zeros(panel.n_series), np.zeros(panel.n_series)
    for lag in range(1, m + 1):
        squares += r**2  # of the lags before
        pairs, both = np.zeros(len(z)), np.zeros(len(z))
        inside = place[lag:] >= lag
        pairs[lag:] = np.where(inside, z[lag:] * z[:-lag], 0.0)
        both[lag:] = inside & known[lag:] & known[:-lag]
        # R divides by the number of pairs and the lag: all n where none is missing.
        covariance = total(pairs) / (total(both) + lag)
        r = np.divide(covariance, variance, out=np.zeros_like(r), where=variance > 0)
    limit = 1.645 / np.sqrt(count) * np.sqrt(1 + 2 * squares)
    return np.asarray((n >= 3 * m) & (np.abs(r) > limit))


def seasonal_indices(
    panel: Panel, m: int, *, additive: bool = False, trend: Doubles | None = None
) -> tuple[Doubles, Bools]:
    """Seasonal indices ``[n_series, m]`` by phase from the first value on, and which multiply.

    They multiply where all values are positive, unless they are to be ``additive``. NaN where a
    phase has none. ``trend`` is the :func:`moving_average`, where it is known already.
    """
    y, n = panel.values, panel.lengths
    place = np.arange(len(y)) - np.repeat(panel.indptr[:-1], n)
    trend = moving_average(panel, m) if trend is None else trend
    low = np.minimum.reduceat(np.where(panel.observed, y, np.inf), panel.indptr[:-1])
    multiplies = (low > 0) & (not additive)
    ratio = np.repeat(multiplies, n)
    detrended = np.where(ratio, y / np.where(ratio, trend, 1.0), y - trend)
    there = np.flatnonzero(~np.isnan(detrended))
    cell = (np.repeat(np.arange(panel.n_series), n) * m + place % m)[there]
    size = panel.n_series * m
    with np.errstate(invalid="ignore"):  # 0 / 0
        index = np.bincount(cell, detrended[there], size) / np.bincount(cell, minlength=size)
    index = index.reshape(-1, m)
    middle, ratio = index.mean(axis=1, keepdims=True), multiplies[:, None]
    return np.where(ratio, index / np.where(ratio, middle, 1.0), index - middle), multiplies


def moving_average(panel: Panel, m: int) -> Doubles:
    """The centred moving average over a season of each series, ``[total]``; NaN at their ends."""
    y, n = panel.values, panel.lengths
    place = np.arange(len(y)) - np.repeat(panel.indptr[:-1], n)
    half = m // 2
    inside = (place >= half) & (place < np.repeat(n, n) - half)
    trend, at = np.full(len(y), np.nan), np.flatnonzero(inside)
    trend[at] = 0.0
    for offset in range(-half, half + 1):
        weight = 0.5 if m % 2 == 0 and abs(offset) == half else 1.0
        trend[at] += weight / m * y[at + offset]
    return trend
