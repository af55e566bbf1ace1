"""The season of a panel: what its frequency suggests, unless the data clearly speak for another.

*Repetition* is the autocorrelation ``r`` of what changes from the mean of one stretch of ``g``
values to that of the next, for ``g`` = 1, 2, 4, …: a short season shows in the differences of
single values, a long one that noise hides in them shows where ``g`` is larger. Neither a trend nor
a random walk has any beyond the lag ``2 g``. Of many series the median counts, lag by lag, so that
a season is one of most series.

*Season* is a lag whose multiples (as many as four, within two thirds of the data, so that there are
three whole periods at least) have a high mean autocorrelation, less what there is over whole
periods, where something slower goes on; and a higher one than the lags beside it. In between it
falls, and from multiple to multiple it does not fade away, as it does where a cycle loses its step.
The mean must be beyond chance, above ``tanh(z s)``: ``s`` is its standard error by Bartlett's
formula, with the autocorrelation over half a period, and ``z`` grows with how many lags are looked
at. Of several such lags it is the shortest that is about as good as the best; of several ``g``, the
smallest that has one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gatecast.frequency import NANOSECONDS, Frequency, frequency_rule
from gatecast.language import said, say
from gatecast.stamps import DAY

if TYPE_CHECKING:
    from gatecast.panel import Doubles, Ints, Panel

__all__ = ["Season", "find_season_length"]

_SERIES = 200  # looked at, at most
_POINTS = 2**16  # of each, the newest
_ALL_POINTS = 2**19
_FEWEST = 12  # values that can tell a season
_NORMAL = 1.4826  # a normal deviation for each median absolute one
_SHORTEST = 3  # noise that alternates would be a season of two
_MULTIPLES = 4
_CLEAR = 0.2  # the least mean autocorrelation; twice that where fewer multiples are there
_FAR = 1.3  # beyond the largest of so many chance values, in standard errors
_SAID = 3.0  # standard errors for the one lag that the frequency says
_EVEN = 0.6  # of the first multiple, the others; less fades, more is another season's
_AGAINST = 0.4  # the least that speaks against the frequency's usual season
_NEARLY = 0.9  # of the best: as good
_LESS = 0.8  # of another: clearly less
_SAME = 0.03  # apart, of its length: the same season
_ROUNDING = 1e-14  # of the largest value: a change of that size is none


@dataclass(frozen=True)
class Season:
    """A season, and why it is this one.

    Parameters
    ----------
    length : int
        Steps; 1 for none.
    why : str
        A sentence.
    """

    length: int
    why: str

    @property
    def why_zh(self) -> str:
        """The sentence in Chinese."""
        return say(self.why, "zh")


def find_season_length(panel: Panel) -> Season:
    """Find the season of a panel's series; the module's text says how.

    The usual season of the frequency stays unless the data clearly repeat themselves at another
    lag and not, or much less, at that one. Without a usual season (arrays, whole numbers for
    stamps, years) the data alone decide. A season of two steps comes from a frequency only.

    Parameters
    ----------
    panel : Panel
        The newest 65,536 values of 200 of its series, evenly spaced, are looked at, or fewer.

    Returns
    -------
    Season
        The same for the same panel.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> t = np.arange(96)
    >>> find_season_length(from_any(0.1 * t + np.sin(t * 2 * np.pi / 12))).length
    12
    >>> find_season_length(from_any(t)).why
    'Neither the frequency nor the data show a season.'
    """
    usual, frequency = panel.season_length, panel.frequency
    for seen in _repetitions(panel):
        peak = seen.first_peak()
        if usual > 1 and seen.has(usual, less_than=peak):
            return _usual(usual, frequency, confirmed=True)
        if peak is not None and (usual == 1 or peak.strength > _AGAINST):
            found = _of_calendar(seen.located(peak.lag), frequency)
            return _found(found, peak, usual, frequency)
    if usual > 1:
        return _usual(usual, frequency, confirmed=False)
    return Season(1, said("Neither the frequency nor the data show a season."))


def _usual(length: int, frequency: Frequency | None, *, confirmed: bool) -> Season:
    why = said(
        "{m} steps are the usual season of frequency {frequency}, and the data repeat themselves "
        "at that distance."
        if confirmed
        else "{m} steps are the usual season of frequency {frequency}; the data do not clearly "
        "speak for another.",
        m=length,
        frequency=str(frequency),
    )
    return Season(length, why)


def _found(length: int, peak: _Peak, usual: int, frequency: Frequency | None) -> Season:
    found = {"m": length, "strength": peak.strength}
    if usual == 1:
        why = said(
            "The data repeat themselves every {m} steps (mean autocorrelation of changes "
            "{strength:.2f}).",
            **found,
        )
        return Season(length, why)
    why = said(
        "The data repeat themselves every {m} steps (mean autocorrelation of changes "
        "{strength:.2f}), and less or not at all every {usual}, the usual season of frequency "
        "{frequency}.",
        usual=usual,
        frequency=str(frequency),
        **found,
    )
    return Season(length, why)


def _of_calendar(lag: int, frequency: Frequency | None) -> int:
    """Return the day, the week or the year in steps that a lag is about, or the lag itself."""
    if frequency is None or frequency.alias is None:
        return lag
    rule = frequency_rule(frequency.alias)
    step = rule.size * NANOSECONDS[rule.unit]
    lengths = (round(days * DAY / step) for days in (1, 7, 365.25))
    return next((length for length in lengths if _is_about(lag, length)), lag)


def _is_about(lag: int, length: int) -> bool:
    return abs(lag - length) <= _SAME * length


class _Peak(NamedTuple):
    """A lag at which series repeat themselves, and its mean autocorrelation at multiples."""

    lag: int
    strength: float


class _Repetition(NamedTuple):
    """The autocorrelation of the changes between stretches.

    Parameters
    ----------
    r : ndarray
        float64 ``[lags]``, from lag 0 to that of two thirds of a series.
    coarser : tuple of ndarray
        The same for stretches twice, four times, ... as long.
    n : int
        Changes in a typical series.
    stretch : int
        Values in a stretch.
    """

    r: Doubles
    coarser: tuple[Doubles, ...]
    n: int
    stretch: int

    def first_peak(self) -> _Peak | None:
        """The shortest lag that is about as good a season as the best."""
        low, high = max(_SHORTEST, 2 * self.stretch + 1), (len(self.r) - 1) // 2
        if high < low:
            return None
        lags, r = np.arange(low, high + 1), self.r
        strength, around, error, multiples = self._strength(lags)
        beside = np.pad(strength, 1, constant_values=-np.inf)
        z = math.sqrt(2 * math.log(high - low + 2)) + _FAR
        first = r[lags] - around
        later = (strength * multiples - first) / np.maximum(multiples - 1, 1)
        passed = (
            (strength >= np.maximum(beside[:-2], beside[2:]))
            & (strength > np.where(multiples < _MULTIPLES, 2 * _CLEAR, _CLEAR))
            & (strength > np.tanh(z * error))
            & (np.minimum.accumulate(r)[lags] < 0.5 * r[lags])
            & (r[2 * lags] - around >= 0.5 * first)
            & (later >= _EVEN * first)
            & (first >= _EVEN * later)
        )
        if not passed.any():
            return None
        lags, strength, error = lags[passed], strength[passed], error[passed]
        best, at = -1, int(strength.argmax())
        while at != best:  # 168 is no better than 48 by much, and that than 24
            best = at
            good = np.minimum(_NEARLY * strength[best], strength[best] - 2 * error)
            at = int(np.flatnonzero(strength >= good)[0])
        # Noise makes several peaks of one.
        near = np.flatnonzero((lags >= lags[at]) & (lags < 1.3 * lags[at]))
        at = near[strength[near].argmax()]
        return _Peak(int(lags[at]), float(strength[at]))

    def has(self, lag: int, *, less_than: _Peak | None) -> bool:
        """Whether there is a season of a known lag that is not clearly less than a peak."""
        if less_than is not None and _is_about(less_than.lag, lag):
            return True
        if not 2 * self.stretch < lag < len(self.r):
            return False
        strength, _, error, _ = (x[0] for x in self._strength(np.array([lag])))
        if less_than is not None and strength < _LESS * less_than.strength:
            return False
        falls = self.r[1:lag].min(initial=1.0) < 0.5 * self.r[lag]
        return bool(falls and strength > max(_CLEAR / 2, math.tanh(_SAID * error)))

    def located(self, lag: int) -> int:
        """Where exactly a peak is: by all of its multiples, at the stretch that shows it best."""
        reach = max(1, int(lag / 10))
        near = np.arange(lag - reach, lag + reach + 1)
        near = near[(near >= _SHORTEST) & (2 * near < len(self.r))]
        best, at = -math.inf, lag
        for k, r in enumerate((self.r, *self.coarser)):
            if k and 4 * self.stretch * 2**k > lag:
                break
            multiples = np.arange(1, (len(r) - 1) // near[-1] + 1)
            mean = r[near[:, None] * multiples].mean(axis=1)
            if mean.max() > best:
                best, at = float(mean.max()), int(near[mean.argmax()])
        return at

    def _strength(self, lags: Ints) -> tuple[Doubles, Doubles, Doubles, Ints]:
        """How far ``r`` at the multiples of lags lies above what is around, in the mean.

        Returns
        -------
        strength, around : ndarray
            The mean at the multiples, less the mean over whole periods; the latter, which is 0 for
            a season and nothing else, and above where something slower goes on.
        error : ndarray
            The standard error of the strength.
        count : ndarray
            How many multiples there are.
        """
        count = np.minimum(_MULTIPLES, (len(self.r) - 1) // lags)
        total, variance = np.zeros((2, len(lags)))
        for j in range(1, _MULTIPLES + 1):
            multiple = np.where(j <= count, j * lags, 0)
            total += np.where(j <= count, self.r[multiple], 0.0)
            variance += np.where(j <= count, 1 / (self.n - multiple), 0.0)
        begin, width = lags // 2, (count - 1) * lags
        sums = np.cumsum(self.r)
        around = np.maximum((sums[begin + width] - sums[begin]) / np.maximum(width, 1), 0.0)
        # Over half a period, since the season's own autocorrelation is not to count.
        over = np.minimum(lags - 1, np.maximum(lags // 2, 2 * self.stretch))
        alike = 2 * np.cumsum(self.r**2)[over] - 1
        return total / count - around, around, np.sqrt(variance * alike) / count, count


def _repetitions(panel: Panel) -> Iterator[_Repetition]:
    """The repetition of a panel's series for stretches of 1, 2, 4, ... values."""
    chosen = np.unique(np.linspace(0, panel.n_series - 1, _SERIES).round().astype(np.int64))
    most = min(_POINTS, _ALL_POINTS // len(chosen))
    ends = panel.indptr[chosen + 1]
    begins = np.maximum(panel.indptr[chosen], ends - most)
    parts = (_changes(panel.values[i:j]) for i, j in zip(begins, ends, strict=True))
    changes = [part for part in parts if part is not None]
    if 2 * len(changes) < len(chosen):  # most are too short, or never change
        return
    lengths = [len(part) for part in changes]
    spectra = [_spectrum(part) for part in changes]
    n = int(np.median(lengths))
    stretches = [2**k for k in range(n.bit_length()) if _FEWEST * 2**k <= n] or [1]
    tables = tuple(_median_of(spectra, lengths, stretch, 2 * n // 3 + 1) for stretch in stretches)
    for k, stretch in enumerate(stretches):
        yield _Repetition(tables[k], tables[k + 1 :], n, stretch)


def _changes(y: Doubles) -> Doubles | None:
    """The differences of a series, gaps bridged, clipped, centred; None if they tell nothing."""
    there = np.flatnonzero(~np.isnan(y))
    if len(there) < _FEWEST:
        return None
    y = np.interp(np.arange(len(y)), there, y[there] / np.abs(y[there]).max(initial=1e-300))
    steps = np.diff(y)
    # Neither one wild step nor a few decides.
    bound = 4 * _NORMAL * float(np.median(np.abs(steps)))
    steps = np.clip(steps, -bound, bound) if bound > 0 else np.sign(steps)
    steps = steps - steps.mean()
    largest = np.abs(steps).max()
    return None if largest < _ROUNDING else steps / largest


def _spectrum(steps: Doubles) -> Doubles:
    """The power of a series of steps, padded so that no lag meets its own beginning."""
    return np.asarray(np.abs(np.fft.rfft(steps, 1 << (2 * len(steps) - 1).bit_length())) ** 2)


def _median_of(spectra: list[Doubles], lengths: list[int], stretch: int, n_lags: int) -> Doubles:
    """Median over series of the autocorrelation of changes between stretches, ``[n_lags]``."""
    table = np.full((len(spectra), n_lags), np.nan)
    for row, power, n in zip(table, spectra, lengths, strict=True):
        known = min(n_lags, 2 * n // 3 + 1)
        size = 2 * (len(power) - 1)
        r = np.fft.irfft(power * _gain(stretch, size), size)[:known]
        r /= np.arange(n, n - known, -1)
        if r[0] * n > _ROUNDING * power.mean():  # nothing is left of a season of ``stretch``
            row[:known] = r / r[0]
    table = table[~np.isnan(table[:, 0])]
    if not len(table):
        return np.zeros(n_lags)
    # Half of the series reach as far as the last lag.
    return np.asarray(np.nanmedian(table, axis=0))


def _gain(stretch: int, size: int) -> Doubles | float:
    """What it does to power to take differences of means of stretches instead of single values.

    Such a difference is a mean of a mean of steps: the response of one mean to the fourth power.
    """
    if stretch == 1:
        return 1.0
    half = np.pi * np.arange(size // 2 + 1) / size
    gain = np.ones(len(half))
    gain[1:] = (np.sin(stretch * half[1:]) / (stretch * np.sin(half[1:]))) ** 4
    return gain
