"""Series looked at: what is usual in each, what stands out, where it repeats itself.

Robust statistics (medians, not means), made for few false alarms rather than for finding
everything, and vectorised: series of about the same length are the rows of a matrix, and no loop is
over series.

*Outlier.* First the season is taken off a value: the median of the same phase of the three seasons
before, and of the three after, averaged, or one of them where the other lacks some. A value is an
outlier if it is far from the median of the three values before it and, on the same side, from that
of the three after it. So neither a trend, a random walk nor a shift of the level makes one. Far is
6 times the usual such distance (1.4826 times its median) in the series and in its neighbourhood of
32 values or more, and half of the range of the middle 80 % of the values. Of white noise, no series
in thousands has one.

*Level shift.* Around a step, the means of a window before and of one after (a thirtieth of the
series, 5 to 50 values; less the last seasons' median, and single spikes smoothed away) differ by 6
times what such windows usually do, and by 3 times the noise inside of them; four fifths of that
difference are there within three values; and whole seasons before and after differ by half of it at
least. Random walks, growth and changes of the season fail at least one of these.

*Season.* The differences of a series, clipped, have an autocorrelation with a high peak, which
recurs at twice the lag and is not just smoothness.

*Likeness.* A covariate is the target at another time if their differences correlate by more than
0.999 in most of the longest series.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gatecast.panel import Panel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, Ints

__all__ = ["INTERMITTENT", "Facts", "differences", "examine", "lag_of", "season_of"]

INTERMITTENT = 0.3
"""The share of zeros from which on they are part of how a series is."""

_BLOCK = 2**18  # values looked at together: few enough for the cache
_NORMAL = 1.4826  # a normal deviation for each median absolute one
_FAR = 6.0  # in such deviations
_RECENT = 5000  # values that tell a season
_PEAK = 0.2  # of the autocorrelation


class Facts(NamedTuple):
    """What is known of each series: arrays ``[n_series]``, but for ``spikes``.

    Parameters
    ----------
    n : ndarray
        How many values are there.
    low, high, middle : ndarray
        The least, the largest, the median.
    zeros, same : ndarray
        The share of values that are 0, that are the median.
    negative : ndarray
        How many values are below 0.
    regular : ndarray
        How much zeros recur in the same phase of a season: 0 by chance, 1 always.
    missing, first_missing, longest_run : ndarray
        How many values are missing inside, where the first is, how many at most in a row.
    apart : ndarray
        The least distance of two values that are there.
    shift, before, after : ndarray
        Where the level shifts most, -1 for nowhere; the level before and after.
    spikes : tuple of ndarray
        The series and the position of each outlier, in order, and how far it lies off: in ranges
        of the middle 80 % of the values.
    """

    n: Ints
    low: Doubles
    high: Doubles
    middle: Doubles
    zeros: Doubles
    same: Doubles
    negative: Ints
    regular: Doubles
    missing: Ints
    first_missing: Ints
    longest_run: Ints
    apart: Ints
    shift: Ints
    before: Doubles
    after: Doubles
    spikes: tuple[Ints, Ints, Doubles]


def examine(panel: Panel, season_length: int) -> Facts:
    """Look at each series of a panel; the module's text says how.

    Parameters
    ----------
    panel : Panel
    season_length : int
        Steps in a season, 1 for none.

    Returns
    -------
    Facts

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> y = np.tile([1.0, 2.0, 3.0, 2.0], 20)
    >>> y[50] = 90
    >>> examine(from_any(y), season_length=4).spikes
    (array([0]), array([50]), array([43.5]))
    """
    parts: dict[str, NDArray[Any]] = {}
    spikes: list[tuple[Ints, Ints, Doubles]] = []
    for block in _blocks(panel):
        with np.errstate(all="ignore"):  # NaN is a value like another here
            known, (rows, positions, far) = _facts_of(block, season_length)
        spikes.append((block.series[rows], positions, far))
        for name, x in known.items():
            if name not in parts:
                parts[name] = np.empty(panel.n_series, x.dtype)
            parts[name][block.series] = x
    series, position, farness = (np.concatenate(x) for x in zip(*spikes, strict=True))
    order = np.lexsort((position, series))
    return Facts(**parts, spikes=(series[order], position[order], farness[order]))


class _Block(NamedTuple):
    """Series of about the same length as the rows of a matrix, NaN behind their ends."""

    series: Ints
    values: Doubles
    lengths: Ints


def _blocks(panel: Panel) -> Iterator[_Block]:
    lengths = panel.lengths
    order = np.argsort(lengths, kind="stable")
    ranked, begin = lengths[order], 0
    while begin < len(order):
        shortest = int(ranked[begin])
        end = begin + max(1, _BLOCK // max(1, shortest))
        end = min(end, int(np.searchsorted(ranked, 1.2 * shortest + 8, side="right")))
        series = order[begin:end]
        width = int(ranked[end - 1 : end].max())
        index = panel.indptr[series, None] + np.arange(width)
        inside = np.arange(width) < lengths[series, None]
        values = panel.values[np.where(inside, index, 0)]
        values[~inside] = np.nan
        yield _Block(series, values, lengths[series])
        begin = end


def _facts_of(block: _Block, m: int) -> tuple[dict[str, NDArray[Any]], tuple[Ints, Ints, Doubles]]:
    """Facts by name for the rows of a block, and the rows, positions and sizes of outliers."""
    y = block.values
    ranked = np.sort(y, axis=1)
    n = (~np.isnan(y)).sum(axis=1)
    middle = _middle(ranked, n)
    spread = _quantile(ranked, n, 0.9) - _quantile(ranked, n, 0.1)
    zero = y == 0
    zeros = zero.sum(axis=1) / n
    shift, before, after = _largest_shift(y, m)
    lively = zeros < INTERMITTENT
    known = {
        "n": n,
        "low": ranked[:, 0],
        "high": _quantile(ranked, n, 1.0),
        "middle": middle,
        "zeros": zeros,
        "same": (np.abs(y - middle[:, None]) <= 1e-12 * np.abs(middle[:, None])).sum(axis=1) / n,
        "negative": (y < 0).sum(axis=1),
        "regular": _regularity(zero, n, zeros, m),
        "shift": np.where(lively, shift, -1),
        "before": before,
        "after": after,
        **_holes(y, block.lengths, n),
    }
    distance, far = _outlying(y, m)
    lively &= spread > 0
    spiky = (far > _FAR) & (distance > 0.5 * spread[:, None]) & lively[:, None]
    # Where one value in a hundred is far, that is how the series is.
    spiky &= (spiky.sum(axis=1) <= np.maximum(3, 0.01 * n))[:, None]
    rows, positions = np.nonzero(spiky)
    return known, (rows, positions, distance[rows, positions] / spread[rows])


def _holes(y: Doubles, lengths: Ints, n: Ints) -> dict[str, NDArray[Any]]:
    """Where values are missing inside of a series."""
    nothing = np.zeros(len(y), np.int64)
    if (n == lengths).all():
        return {
            "missing": nothing,
            "first_missing": nothing,
            "longest_run": nothing,
            "apart": nothing + 1,
        }
    position = np.arange(y.shape[1])
    there = ~np.isnan(y)
    missing = ~there & (position < lengths[:, None])
    latest = np.maximum.accumulate(np.where(there, position, -1), axis=1)
    run = np.where(missing, position - latest, 0)
    earlier = np.concatenate([np.full((len(y), 1), -1), latest[:, :-1]], axis=1)
    apart = np.where(there & (earlier >= 0), position - earlier, np.iinfo(np.int64).max)
    return {
        "missing": missing.sum(axis=1),
        "first_missing": missing.argmax(axis=1),
        "longest_run": run.max(axis=1),
        "apart": apart.min(axis=1),
    }


def _regularity(zero: Bools, n: Ints, share: Doubles, m: int) -> Doubles:
    """How much zeros recur in the same phase (Cohen's kappa with the season before)."""
    regular = np.zeros(len(zero))
    some_zeros = np.flatnonzero((share > 0) & (share < 1))
    if m < 2 or zero.shape[1] <= m or not len(some_zeros):
        return regular
    both = zero[some_zeros]
    inside = np.arange(both.shape[1] - m) < n[some_zeros, None] - m
    pairs = np.maximum(inside.sum(axis=1), 1)
    agree = ((both[:, m:] == both[:, :-m]) & inside).sum(axis=1) / pairs
    chance = share[some_zeros] ** 2 + (1 - share[some_zeros]) ** 2
    regular[some_zeros] = (agree - chance) / (1 - chance)
    return regular


# Statistics of rows; NaN is left out


def _middle(ranked: Doubles, n: Ints) -> Doubles:
    """Medians of sorted rows, of which the first ``n`` entries are there."""
    last = ranked.shape[-1] - 1
    low = np.take_along_axis(ranked, np.clip((n - 1) // 2, 0, last)[..., None], axis=-1)
    high = np.take_along_axis(ranked, np.clip(n // 2, 0, last)[..., None], axis=-1)
    return np.asarray((low / 2 + high / 2)[..., 0])


def _quantile(ranked: Doubles, n: Ints, q: float) -> Doubles:
    at = np.maximum(np.rint(q * (n - 1)), 0).astype(np.int64)
    return np.asarray(np.take_along_axis(ranked, at[:, None], axis=1)[:, 0])


def _median(x: Doubles) -> Doubles:
    """Medians over the last axis."""
    ranked = np.sort(x, axis=-1)
    return _middle(ranked, (~np.isnan(ranked)).sum(axis=-1))


def _usual(x: Doubles, width: int = 32) -> Doubles:
    """How large the entries of a row usually are, ``[n_rows, length]``.

    In normal deviations: of the whole row, or of pieces of about ``width`` and their neighbours
    where these are larger.
    """
    rows, length = x.shape
    pieces = max(1, length // width)
    size = -(-length // pieces)
    padded = np.full((rows, pieces * size), np.nan)
    np.abs(x, out=padded[:, :length])
    local = _median(padded.reshape(rows, pieces, size))
    local = np.fmax(local, _median(local)[:, None])
    widest = local.copy()
    widest[:, 1:] = np.fmax(widest[:, 1:], local[:, :-1])
    widest[:, :-1] = np.fmax(widest[:, :-1], local[:, 1:])
    return np.repeat(_NORMAL * widest, size, axis=1)[:, :length]


def _middle_of_three(far: Doubles, mid: Doubles, near: Doubles) -> Doubles:
    """The median of three, or the second of those that are there from the left."""
    return np.asarray(np.fmax(np.fmin(far, mid), np.fmin(np.fmax(far, mid), near)))


def _moved(x: Doubles, steps: Sequence[int]) -> list[Doubles]:
    """``x[:, t + k]`` for each of the steps ``k``, NaN outside."""
    rows, length = x.shape
    reach = max(map(abs, steps))
    padded = np.full((rows, length + 2 * reach), np.nan)
    padded[:, reach : reach + length] = x
    return [padded[:, reach + k : reach + k + length] for k in steps]


def _from_before(x: Doubles, lag: int) -> Doubles:
    """How far each value is from the median of those 1, 2 and 3 lags before it."""
    return np.asarray(x - _middle_of_three(*_moved(x, (-3 * lag, -2 * lag, -lag))))


def _from_after(x: Doubles, lag: int) -> Doubles:
    return np.asarray(x - _middle_of_three(*_moved(x, (3 * lag, 2 * lag, lag))))


def _outlying(y: Doubles, m: int) -> tuple[Doubles, Doubles]:
    """How far each value lies from its neighbours on both sides, as it is and in usual distances.

    See the module's text for the test.
    """
    x = y
    if m > 1 and y.shape[1] > m:
        before, after = _from_before(y, m), _from_after(y, m)
        # A median of fewer than three is not proof against outliers: the other side stands alone.
        has_three_before, has_three_after = (~np.isnan(z) for z in _moved(y, (-3 * m, 3 * m)))
        one = has_three_before != has_three_after
        before[one & has_three_after] = np.nan
        after[one & has_three_before] = np.nan
        both = np.where(np.isnan(after), before, before / 2 + after / 2)
        x = np.where(np.isnan(before), after, both)
    before, after = _from_before(x, 1), _from_after(x, 1)
    both = np.where(before * after > 0, np.minimum(np.abs(before), np.abs(after)), 0.0)
    # Nothing comes after the last value, where a forecast starts. The first is of no such weight.
    distance = np.where(np.isnan(after), np.abs(before), both)
    distance[np.isnan(y) | np.isnan(distance)] = 0.0
    usual = _usual(np.where(np.isnan(before), after, before))
    # A season that repeats exactly has no usual distance; any other series would be all steps.
    exact = np.inf if m > 1 else 0.0
    far = np.where(usual > 0, distance / usual, np.where(distance > 0, exact, 0.0))
    return distance, far


def _largest_shift(y: Doubles, m: int) -> tuple[Ints, Doubles, Doubles]:
    """Where the level of each row shifts (-1: nowhere), and the level before and after.

    See the module's text for the test.
    """
    rows, length = y.shape
    window = int(np.clip(length // 30, 5, 50))
    window = window if m == 1 else min(window, 2 * m)
    long = window if m == 1 else max(window, 2 * m)  # whole seasons
    nowhere = np.full(rows, -1), np.full(rows, np.nan), np.full(rows, np.nan)
    if length < max(40, 8 * window, (2 * m if m > 1 else 0) + 2 * long):
        return nowhere
    level = _median(y)[:, None]
    y = y - level  # sums of small numbers are exact
    x = y
    if m > 1:
        x = _from_before(y, m)
        x[:, : 2 * m] = np.nan  # fewer seasons before it: a trend would be a step there
    smooth = np.where(np.isnan(x), np.nan, _middle_of_three(*_moved(x, (-1, 1, 0))))
    mean = _moving(smooth, window)
    variance = np.maximum(_moving(smooth**2, window) - mean**2, 0)
    slow = _step(mean, window, length)
    noise = np.sqrt(sum(_apart(variance, window, length)) / 2)
    near = _moved(x, (-3, -2, -1, 0, 1, 2))
    fast = _middle_of_three(*near[:2:-1]) - _middle_of_three(*near[:3])
    seasons = _moving(y, long)
    whole = _step(seasons, long, length)
    slow, fast = slow - _median(slow)[:, None], fast - _median(fast)[:, None]
    way, size = np.sign(slow), np.abs(slow)
    is_shift = (
        (size > _FAR * _usual(slow, 8 * window))
        & (np.abs(fast) > _FAR * _usual(fast))
        & (way * fast > 0.8 * size)
        & (way * whole > 0.5 * size)
        & (size > 3 * noise)
    )
    if not is_shift.any():
        return nowhere
    at = np.where(is_shift, size, 0).argmax(axis=1)
    # Where levels shift all the time, that is how the series is.
    apart = is_shift & (np.abs(np.arange(length) - at[:, None]) > window)
    found = is_shift.any(axis=1) & (apart.sum(axis=1) <= 3)
    row = np.arange(rows)
    before, after = (x[row, at] + level[:, 0] for x in _apart(seasons, long, length))
    return np.where(found, at, -1), before, after


def _moving(x: Doubles, window: int) -> Doubles:
    """Means of the windows that begin at each position; NaN where half of one is missing."""
    there = ~np.isnan(x)
    sums, counts = np.zeros((2, len(x), x.shape[1] + 1))
    np.cumsum(np.where(there, x, 0.0), axis=1, out=sums[:, 1:])
    np.cumsum(there, axis=1, out=counts[:, 1:])
    n = counts[:, window:] - counts[:, :-window]
    total = sums[:, window:] - sums[:, :-window]
    return np.asarray(np.where(2 * n >= window, total / n, np.nan))


def _apart(moving: Doubles, window: int, length: int) -> tuple[Doubles, Doubles]:
    """Of each position, the window that ends before it and the window that begins there."""
    before, after = np.full((2, len(moving), length), np.nan)
    before[:, window : length - window + 1] = moving[:, :-window]
    after[:, window : length - window + 1] = moving[:, window:]
    return before, after


def _step(moving: Doubles, window: int, length: int) -> Doubles:
    before, after = _apart(moving, window, length)
    return after - before


def season_of(panel: Panel) -> int | None:
    """Find the lag at which most of the longest series repeat themselves.

    Parameters
    ----------
    panel : Panel

    Returns
    -------
    int or None
        None if there is none.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> season_of(from_any(np.sin(np.arange(100) * 2 * np.pi / 12)))
    12
    """
    order = np.argsort(-panel.lengths, kind="stable")[:20]
    periods = (_period(_of(panel, int(i))[-_RECENT:]) for i in order)
    seasons = Counter(period for period in periods if period)
    if not seasons:
        return None
    season, times = seasons.most_common(1)[0]
    return season if 2 * times > len(order) else None


def _of(panel: Panel, i: int) -> Doubles:
    return panel.values[panel.indptr[i] : panel.indptr[i + 1]]


def _period(y: Doubles) -> int:
    """The lag of the first high peak of the autocorrelation of the differences; 0 for none."""
    there = np.flatnonzero(~np.isnan(y))
    if len(there) < 16:
        return 0
    y = np.interp(np.arange(len(y)), there, y[there])
    steps = np.diff(y)
    # Neither one wild step nor a few decides.
    bound = 4 * _NORMAL * float(np.median(np.abs(steps)))
    steps = np.clip(steps, -bound, bound) if bound > 0 else np.sign(steps)
    steps = steps - steps.mean()
    n, largest = len(steps), np.abs(steps).max()
    if not largest > 0:
        return 0
    power = np.abs(np.fft.rfft(steps / largest, 2 * n)) ** 2
    r = np.fft.irfft(power)[: n // 2] / np.arange(n, n - n // 2, -1)
    if not r[0] > 0:
        return 0
    r = r / r[0]
    peaks = np.flatnonzero((r[1:-1] >= r[:-2]) & (r[1:-1] >= r[2:])) + 1
    peaks = peaks[(peaks >= 3) & (2 * peaks < len(r))]
    if not len(peaks):
        return 0
    best = r[peaks].max()
    if best <= max(_PEAK, 4 / math.sqrt(n)):
        return 0
    first = int(peaks[r[peaks] >= 0.9 * best][0])
    recurs = r[2 * first] >= 0.7 * r[first]
    falls = r[1:first].min() < 0.5 * r[first]
    return first if recurs and falls else 0


def differences(panel: Panel, x: Doubles) -> Doubles:
    """Return what changes from one step to the next, of numbers that belong to a panel's values.

    Parameters
    ----------
    panel : Panel
    x : ndarray
        float64 ``[total]``.

    Returns
    -------
    ndarray
        float64 ``[n_series, longest - 1]``, NaN behind the ends.
    """
    width = int(panel.lengths.max())
    index = panel.indptr[:-1, None] + np.arange(width)
    inside = np.arange(width) < panel.lengths[:, None]
    return np.diff(np.where(inside, x[np.where(inside, index, 0)], np.nan), axis=1)


def lag_of(x: Doubles, y: Doubles, reach: int) -> int | None:
    """Find the lag at which two tables of differences go together in most rows.

    Parameters
    ----------
    x, y : ndarray
        float64 ``[n_rows, length]``; see :func:`differences`.
    reach : int
        The largest lag to try, either way.

    Returns
    -------
    int or None
        The nearest ``k`` at which ``x[t]`` goes with ``y[t + k]``, the past before the future.

    Examples
    --------
    >>> y = np.random.default_rng(0).normal(size=(1, 50))
    >>> lag_of(np.roll(y, -3), y, reach=5)
    3
    """
    for k in sorted(range(-reach, reach + 1), key=lambda k: (abs(k), k > 0)):
        if abs(k) >= x.shape[1] - 10:
            continue
        a, b = (x[:, : x.shape[1] - k], y[:, k:]) if k >= 0 else (x[:, -k:], y[:, :k])
        r = _correlation(a, b)
        tested = ~np.isnan(r)
        if tested.any() and 2 * (np.abs(r) > 0.999).sum() > tested.sum():
            return k
    return None


def _correlation(a: Doubles, b: Doubles) -> Doubles:
    """Correlation of rows over what both have; NaN for fewer than ten, or without change."""
    both = ~np.isnan(a) & ~np.isnan(b)
    n = both.sum(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        a, b = (
            np.where(both, x - np.where(both, x, 0).sum(axis=1, keepdims=True) / n, 0)
            for x in (a, b)
        )
        a, b = (x / np.abs(x).max(axis=1, keepdims=True) for x in (a, b))
        r = (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.where(n[:, 0] >= 10, r, np.nan)
