"""Does a one-step forecast only repeat the past? The trap that a plot hides.

With the true change d[t] = y[t] - y[t-1], the predicted one p[t] = f[t] - y[t-1] and the error
e[t] = y[t] - f[t], a forecast is said to copy the past where all of this is so:

1. *It is nearer to an earlier value than to the truth*, of all shifts of the truth up to 10 steps.
2. *It has no skill*: its squared errors are not significantly below those of the last value, by a
   paired t-test on d**2 - e**2 (Diebold and Mariano 1995, with the correction of Harvey, Leybourne
   and Newbold 1997, which one step ahead is the sample variance), one-sided at 2.5 %.
3. *It foresees nothing*: p and d do not rise and fall together, by a t-test on their product, both
   less their means (Clark and West 2007), one-sided at 0.5 %. Where a forecast stays near the last
   value but moves the right way, squared errors alone would need far more points to show it.

Where nothing but a steady drift can be foreseen, each product has mean zero whatever came before:
heavy tails and changing variance do no harm, and no autocorrelation has to be corrected for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatecast.errors import DataError
from gatecast.evaluation.metrics import mean_of_steps
from gatecast.intervals import t_quantile
from gatecast.language import Lang
from gatecast.panel import require_word

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Doubles = NDArray[np.float64]

__all__ = ["LagDiagnosis", "diagnose_lag", "lag_diagnosis"]

_FURTHEST = 10
"""Shifts that are tried; all but the first lose pairs at the start."""
_NEARER = 0.75
"""A shift is told from a smaller one if the forecast is nearer to it by a quarter, which the mean
of four past seasons is not to the last of them."""
_NOTHING_ELSE = 0.02
"""Of a typical change: what keeps so near to an earlier value is that value."""
_SKILLED, _FORESEEN = 0.975, 0.995
"""Confidence of the two tests. Two, so that one chance in 33 is left to both, on a random walk."""
_FEWEST, _FEWEST_TIMES = 10, 4
"""Pairs with a known value before them, and times they are from, where series are pooled."""
_ABSURD = 1e60
"""Multiples of the series' range at which a forecast is cut off, lest its square be infinite."""


@dataclass(frozen=True)
class LagDiagnosis:
    """What :func:`gatecast.lag_diagnosis` found.

    Attributes
    ----------
    lag : int
        The shift k for which the forecast is nearest to y[t - k], up to 10; of several that are
        alike, the smallest. 0 for a forecast that follows the truth.
    copies_past : bool
        The forecast is one of the last values and little else.
    skill : float
        1 - RMSE / RMSE of repeating the last value; at most 1.
    copied_share : float
        How much of the forecast is that earlier value (the last one where ``lag`` is 0): 1 if it is
        nothing else, 0 if it is as far from it as the series usually moves in one step.
    beats_naive : bool
        The skill is more than chance.
    foresees : bool
        Rises and falls are foreseen more often than by chance.
    n : int
        Pairs that were compared, those with a known value before them.

    Examples
    --------
    >>> y = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0, 8.0]
    >>> lag_diagnosis(y[1:], y[:-1]).lag
    1
    """

    lag: int
    copies_past: bool
    skill: float
    copied_share: float
    beats_naive: bool
    foresees: bool
    n: int

    @property
    def text(self) -> str:
        """What was found, in English."""
        return self.say()

    def say(self, lang: str = "en") -> str:
        """Say what was found in one sentence.

        Parameters
        ----------
        lang : {"en", "zh"}

        Returns
        -------
        str

        Raises
        ------
        ConfigError
            When the language is another.
        """
        require_word("lang", lang, Lang)
        say = _SAY[lang]
        shift = say["shift_1"] if self.lag == 1 else say["shift_n"].format(self.lag)
        if self.copies_past:
            return say["copies"].format(shift)
        if not self.beats_naive:
            return say["foresees" if self.foresees and self.skill > -0.01 else "no_better"]
        return say["good"].format(f"{100 * self.skill:.{0 if self.skill >= 0.01 else 1}f}")


_SAY = {
    "en": {
        "shift_1": "one step",
        "shift_n": "{} steps",
        "copies": (
            "The forecast copies the past: its curve is the truth shifted by {}, and it does no "
            "better than repeating the last value."
        ),
        "foresees": (
            "The forecast is no mere copy of the past, since it foresees some of the rises and "
            "falls, but its error is not clearly below that of repeating the last value."
        ),
        "no_better": (
            "The forecast is no mere copy of the past, but it does no better than repeating the "
            "last value."
        ),
        "good": (
            "The forecast does not just copy the past: its error (RMSE) is {} % below that of "
            "repeating the last value."
        ),
    },
    "zh": {
        "shift_1": "一步",
        "shift_n": " {} 步",
        "copies": (
            "这个预测只是在照抄过去：预测曲线就是真实曲线向后平移{}，并不比直接重复上一个值更好。"
        ),
        "foresees": (
            "这个预测并非单纯照抄过去，能预见一部分涨跌，但误差并不明显小于直接重复上一个值。"
        ),
        "no_better": "这个预测并非单纯照抄过去，但也不比直接重复上一个值更好。",
        "good": "这个预测不是在照抄过去：误差（RMSE）比直接重复上一个值小 {} %。",
    },
}


def lag_diagnosis(y_true: ArrayLike, y_pred: ArrayLike) -> LagDiagnosis:
    """Tell whether a one-step forecast only repeats the past, however well its curve fits.

    Parameters
    ----------
    y_true, y_pred : array-like
        ``[n]``, in the order of time: ``y_pred[t]`` is the forecast of ``y_true[t]`` that was made
        when ``y_true[t - 1]`` was the last value known. NaN: that value or forecast is missing.
        At least 11 pairs in a row.

    Returns
    -------
    LagDiagnosis

    Raises
    ------
    DataError
        When the two differ in length, are not lists of finite numbers, have too few pairs, or the
        series never changes.

    Examples
    --------
    >>> y = np.cumsum(np.random.default_rng(0).normal(size=200))
    >>> print(lag_diagnosis(y[1:], y[:-1]).text)  # doctest: +NORMALIZE_WHITESPACE
    The forecast copies the past: its curve is the truth shifted by one step, and it does no better
    than repeating the last value.
    """
    return diagnose_lag([(y_true, y_pred)])


def diagnose_lag(pairs: Sequence[tuple[ArrayLike, ArrayLike]]) -> LagDiagnosis:
    """Tell the same of one model's forecasts of several series together.

    Each series is divided by the size of its changes. Those that never change are left out.

    Parameters
    ----------
    pairs : sequence of (array-like, array-like)
        ``y_true`` and ``y_pred`` of each series, as for :func:`lag_diagnosis`. Series may differ in
        length; they are taken to end at the same time, and what is at one time counts as one test,
        since series often move together.

    Returns
    -------
    LagDiagnosis

    Raises
    ------
    DataError
        As for :func:`lag_diagnosis`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> series = [np.cumsum(rng.normal(size=20)) for _ in range(10)]
    >>> diagnose_lag([(y[1:], y[:-1]) for y in series]).copies_past
    True
    """
    y, f = _aligned([_checked(*pair) for pair in pairs])
    change, predicted = _change(y, y), _change(f, y)
    usable = ~np.isnan(change + predicted)
    _require_enough(usable)
    size = np.sqrt(_mean(np.where(usable, change, np.nan) ** 2))
    there = size[:, 0] > 0
    if not there.any():
        raise DataError(
            "The series never changes: its future and its past cannot be told apart.",
            fix="Compare forecasts of a series that changes.",
        )
    _require_enough(usable[there])
    y, f, usable = y[there] / size[there], f[there] / size[there], usable[there]
    change, predicted = (np.where(usable, _change(part, y), np.nan) for part in (y, f))
    error = change - predicted

    lag, distance = _nearest_shift(y, f)
    naive, own = (math.sqrt(np.nanmean(part**2)) for part in (change, error))
    beats = _t_test(change**2 - error**2, _SKILLED)
    together = (predicted - _mean(predicted)) * (change - _mean(change))
    foresees = _t_test(together, _FORESEEN)
    nothing_else = distance <= _NOTHING_ELSE
    skilled = beats and not (nothing_else and lag == 1)
    return LagDiagnosis(
        lag=lag,
        copies_past=lag > 0 and distance < 1 and not skilled and (nothing_else or not foresees),
        skill=1 - own / naive,
        copied_share=max(0.0, 1 - distance),
        beats_naive=beats,
        foresees=foresees,
        n=int(usable.sum()),
    )


def _checked(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Doubles, Doubles]:
    """Return truth and forecast, measured from the truth's first value in units of its range."""
    try:
        y, f = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    except (TypeError, ValueError):
        raise DataError(
            "y_true and y_pred must be lists of numbers.", fix="Give NaN for what is missing."
        ) from None
    if y.ndim != 1 or y.shape != f.shape:
        raise DataError(
            "y_true and y_pred must be two lists of the same length.",
            value=f"shapes {y.shape} and {f.shape}",
            fix="Give each truth its forecast, in the order of time.",
        )
    if np.isinf(y).any() or np.isinf(f).any():
        raise DataError("A value is infinite.", fix="Give NaN for what is missing.")
    known = y[~np.isnan(y)]
    if len(known) == 0:
        return y, f
    low, high = float(known.min()), float(known.max())
    half = high / 2 - low / 2  # the whole range may be beyond what a float holds
    if half == 0:
        return y * 0, f * 0
    y, f = ((part / 2 - known[0] / 2) / half for part in (y, np.clip(f, -1e300, 1e300)))
    return y, np.clip(f, -_ABSURD, _ABSURD)


def _require_enough(usable: NDArray[np.bool_]) -> None:
    n, times = int(usable.sum()), int(usable.any(axis=0).sum())
    if n < _FEWEST or times < _FEWEST_TIMES:
        raise DataError(
            "Too few one-step forecasts to tell whether they copy the past.",
            value=f"{n} pairs with a known value before them, at {times} times",
            fix=f"Give at least {_FEWEST + 1} pairs in a row.",
        )


def _aligned(pairs: list[tuple[Doubles, Doubles]]) -> tuple[Doubles, Doubles]:
    """Return truths and forecasts ``[S, T]`` that end together, NaN before the shorter ones."""
    longest = max((len(y) for y, _ in pairs), default=0)
    both = np.full((2, len(pairs), longest), np.nan)
    for i, (y, f) in enumerate(pairs):
        both[:, i, longest - len(y) :] = y, f
    return both[0], both[1]


def _shifted(y: Doubles, k: int) -> Doubles:
    """Return y[t - k] in the place of t; NaN where there is none."""
    out = np.full(y.shape, np.nan)
    out[:, k:] = y[:, : y.shape[1] - k]
    return out


def _change(x: Doubles, y: Doubles) -> Doubles:
    return x - _shifted(y, 1)


def _mean(x: Doubles) -> Doubles:
    """Average of what is known in each series ``[S, 1]``; NaN where nothing is."""
    return mean_of_steps(x)[:, None]


def _nearest_shift(y: Doubles, f: Doubles) -> tuple[int, float]:
    """Return the shift of the truth to which the forecast is nearest, and how near.

    The distance is that to the last value where the shift is 0. Shifts are compared at the same
    times; the furthest are left out where they would cost more than half of these.
    """
    n_times = y.shape[1]
    gaps = np.stack([f - _shifted(y, k) for k in range(min(_FURTHEST + 1, n_times))])
    common = ~np.isnan(gaps)
    counts = np.logical_and.accumulate(common).sum(axis=(1, 2))
    kept = int((counts >= counts[1] / 2).sum())
    at = common[:kept].all(axis=0)
    distance = np.sqrt((gaps[:kept, at] ** 2).mean(axis=1))
    lag = int(np.argmax(_NEARER * distance <= distance.min() + 1e-12))
    return lag, float(distance[max(lag, 1)])


def _t_test(x: Doubles, confidence: float) -> bool:
    """Tell whether the mean of ``[S, T]`` is above 0; what is at one time is one observation."""
    known = ~np.isnan(x)
    n, columns = known.sum(), known.any(axis=0)
    times = int(columns.sum())
    mean = float(x[known].mean())
    sums = np.where(known, x - mean, 0.0).sum(axis=0)[columns]
    error = math.sqrt(float((sums**2).sum()) * times / (times - 1)) / n
    return bool(mean > float(t_quantile(confidence, times - 1)) * error)
