"""Intervals and sample paths from what a model got wrong in a backtest.

Letters: K windows (oldest first), S series, h steps, Q outputs a step; NaN is what is not there. A
residual is truth minus point forecast, divided by the series' ``spread`` at that cutoff, so that
series can be pooled. Intervals are made for each step of the horizon by the first of these rules
that the number of residuals allows:

1. *Split conformal* (Vovk et al. 2005; Lei et al. 2018) for a point forecast: of n residuals the
   one of rank ceil((n + 1)(1 - a / 2)) above and its mirror image below; where n is too small for
   two sides, the one of rank ceil((n + 1)(1 - a)) of the absolute residuals.
   *Conformalised quantile regression* (Romano et al. 2019) for trained quantiles: the pair nearest
   to the level, moved outwards (or inwards) by that rank of the scores max(lo - y, y - hi).
2. *Student's t* where the ranks do not suffice, around the point forecast, as wide as the
   residuals' root mean square, smoothed over steps.

What is served at a level contains what each rule serves at the highest of the lower levels that
are its own: intervals of rising levels are nested. All contain the point forecast.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gatecast.errors import ConfigError
from gatecast.language import Said, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    Doubles = NDArray[np.float64]

__all__ = ["Calibration", "calibrate", "prequential", "t_quantile"]

_KEPT = 1000
"""Residuals kept of a step's: evenly spaced ones are a tenth of a percentage point apart."""
_ENOUGH = 200
"""Below as many residuals a step borrows those of its neighbours."""
_REACH = 4
"""How many neighbours on each side at most."""
_PATHS = 4000
"""Residual paths from which the dependence between steps is estimated, at most."""
_TOWARDS_LINE = 4.0
"""Residuals that the straight line through the variances counts for, at each step."""
_NAIVE_VARIANCE = math.pi / 2
"""Of normal changes whose mean absolute value is 1."""
_GUESSED = 4.0
"""Degrees of freedom without any residual."""
_GAMMA = 0.05
"""Step of adaptive conformal inference: within what Gibbs and Candes (2021) tried."""
_LEVELS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9])
"""Misses, for which the adaptive correction is followed; those between are interpolated."""
_DRAWN = np.r_[np.arange(1, 50) / 50, 0.9, 0.95, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999]
_DRAWN = np.unique(_DRAWN)
"""Levels between which the distribution of sample paths is interpolated."""
_AT_ONCE = 128
"""Series for which such tables are made at a time."""
_EPS = 1e-9


def t_quantile(p: ArrayLike, df: ArrayLike) -> Doubles:
    """Quantiles of Student's t distribution.

    With t = sqrt(df) tan(x) the density is proportional to cos(x)**(df - 1): smooth, so that
    Gauss-Legendre integrates it to the last digits, and falling, so that Newton's method rises to
    the answer from any start below it.

    Parameters
    ----------
    p : array-like
        Probabilities in (0, 1).
    df : array-like
        Degrees of freedom, 1 or more, not necessarily whole.

    Returns
    -------
    ndarray
        As ``p`` and ``df`` broadcast.

    Examples
    --------
    >>> t_quantile([0.95, 0.975], 9).round(4)
    array([1.8331, 2.2622])
    """
    p, df = np.broadcast_arrays(np.asarray(p, np.float64), np.asarray(df, np.float64))
    beta = [math.lgamma((v + 1) / 2) - math.lgamma(v / 2) for v in df.ravel().tolist()]
    peak = np.exp(np.reshape(beta, df.shape)) / math.sqrt(math.pi)  # the density at x = 0
    node, weight = _gauss_legendre()
    target = np.abs(p - 0.5)
    x = np.zeros(p.shape)
    for _ in range(200):
        cosine = np.cos(x[..., None] * node)
        mass = peak * x * (cosine ** (df[..., None] - 1) @ weight)
        step = (target - mass) / (peak * np.cos(x) ** (df - 1))
        x = np.minimum(x + step, math.pi / 2 - 1e-15)
        if np.all(np.abs(step) <= 1e-14):
            break
    return np.asarray(np.sign(p - 0.5) * np.sqrt(df) * np.tan(x))


@dataclass(frozen=True, eq=False)
class Calibration:
    """What turns a model's outputs into intervals and sample paths; see ``calibrate``.

    Parameters
    ----------
    quantiles : tuple of float
        Which quantile each output of the model is; empty for a point forecast.
    sample : ndarray
        ``[pairs or 1, h, at most 1000]``, sorted, NaN at the end: scaled residuals of the
        point forecast, or scores of each pair of trained quantiles from the narrowest to the
        widest. Of more residuals than fit, evenly spaced order statistics.
    size : ndarray
        ``[h]``: for how many numbers each step's sample stands, those of its neighbours included.
    effective : ndarray
        ``[h]``: for how many independent ones.
    scale, df : ndarray
        ``[h]``: what Student's t is multiplied with, in spreads, and its degrees of freedom.
    correlation : ndarray
        ``[h, h]``: between the steps of a sample path, before its margins are put on.
    adapted : ndarray
        Miss rates that stand for those of ``_LEVELS`` (ends 0 and 1 included) when adaptive, else
        empty.
    windows, residuals : int
        How many there were: windows, and residuals of all steps.
    notes : tuple of str
        What to know about all levels.
    """

    quantiles: tuple[float, ...]
    sample: Doubles
    size: Doubles
    effective: Doubles
    scale: Doubles
    df: Doubles
    correlation: Doubles
    adapted: Doubles
    windows: int
    residuals: int
    notes: tuple[str, ...] = ()
    _absolute: Doubles = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_absolute", np.sort(np.abs(self.sample), axis=-1))

    @property
    def h(self) -> int:
        """How many steps there are."""
        return len(self.scale)

    def interval(self, level: float, outputs: Doubles, spread: Doubles) -> tuple[Doubles, Doubles]:
        """Return the interval that is to contain ``level`` percent of the truths.

        Parameters
        ----------
        level : float
            Percent, above 0 and below 100.
        outputs : ndarray
            ``[S, h, Q]``: the model's, of as many steps as were calibrated or fewer.
        spread : ndarray
            ``[S]``: of each series, as in the backtest. Where it is zero or NaN, as of a constant
            series, the interval has no width.

        Returns
        -------
        lo, hi : ndarray
            ``[S, h]``, in the units of the outputs. They contain the point forecast.

        Raises
        ------
        ConfigError
            When the level is not between 0 and 100, or the outputs are not those of the model.
        """
        missed = 1 - _fraction(level)
        self._check(outputs)
        return self._edges(1 - self._adapt(missed), outputs, spread)

    def simulate(
        self,
        n: int,
        outputs: Doubles,
        spread: Doubles,
        seed: int,
        *,
        ids: Sequence[str] | None = None,
    ) -> Doubles:
        """Draw sample paths: what may come, with the dependence between steps.

        A Gaussian copula: at each step the paths are distributed as the intervals say (up to a
        level of 99.99), and the correlation between steps is that of the residuals' ranks. Series
        are drawn independently of each other.

        Parameters
        ----------
        n : int
            Paths a series.
        outputs, spread : ndarray
            As for ``interval``.
        seed : int
            The same seed gives the same paths, and fewer paths are the first of more.
        ids : sequence of str, optional
            The series' names: with them a series' paths do not depend on its place among others.

        Returns
        -------
        ndarray
            ``[n, S, h]``.

        Raises
        ------
        ConfigError
            When the outputs are not those of the model.
        """
        self._check(outputs)
        n_series, h = outputs.shape[:2]
        root = np.linalg.cholesky(self.correlation[:h, :h]).T
        upper = np.array([_normal_quantile((1 + level) / 2) for level in _DRAWN])
        places = np.r_[-upper[::-1], 0.0, upper]
        paths = np.empty((n, n_series, h))
        for s in range(n_series):
            if s % _AT_ONCE == 0:
                tables = self._tables(outputs[s : s + _AT_ONCE], spread[s : s + _AT_ONCE])
            key = s if ids is None else zlib.crc32(ids[s].encode())
            draws = np.random.Generator(np.random.Philox(key=[seed, key]))
            normal = draws.standard_normal((n, h)) @ root
            for j in range(h):
                paths[:, s, j] = np.interp(normal[:, j], places, tables[:, s % _AT_ONCE, j])
        return paths

    def method(self, level: float) -> Literal["conformal", "parametric"]:
        """Return by which rule a level is served; parametric if so at any step.

        Parameters
        ----------
        level : float
            Percent, above 0 and below 100.
        """
        fraction = 1 - self._adapt(1 - _fraction(level))
        return "parametric" if (fraction > self._top + _EPS).any() else "conformal"

    def notes_for(self, level: float, spread: Doubles | None = None) -> tuple[str, ...]:
        """Return what to know about the intervals of a level.

        Parameters
        ----------
        level : float
            Percent, above 0 and below 100.
        spread : ndarray, optional
            ``[S]``: of the series to be forecast, to count those without any.
        """
        notes = list(self.notes)
        if spread is not None and (flat := int((~_is_scale(spread)).sum())):
            notes.append(_flat_note(flat, len(spread)))
        if self.residuals and self.method(level) == "parametric":
            fraction = 1 - self._adapt(1 - _fraction(level))
            few = np.flatnonzero(fraction > self._top + _EPS)
            count = self.effective[few].min()
            steps = said("all steps")
            if len(few) < self.h:
                steps = said("{n} of {h} steps", n=len(few), h=self.h)
            notes.append(
                said(
                    "There are too few residuals for a {level:g} % interval by their ranks at "
                    "{steps}: {residuals} in {windows} windows, at a step worth {count:.3g} "
                    "independent ones. There it is Student's t times the residuals' root mean "
                    "square, smoothed over steps: a rough width.",
                    level=level,
                    steps=steps,
                    residuals=self.residuals,
                    windows=self.windows,
                    count=count,
                )
            )
        return tuple(dict.fromkeys(notes))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is to be saved, by name."""
        return {name: getattr(self, name) for name in _ARRAYS}

    def metadata(self) -> dict[str, Any]:
        """Return the rest of it, safe for JSON."""
        return {
            "quantiles": list(self.quantiles),
            "windows": self.windows,
            "residuals": self.residuals,
            "notes": list(self.notes),
        }

    @staticmethod
    def from_saved(metadata: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Calibration:
        """Return the calibration that was saved: the same intervals bit for bit.

        Parameters
        ----------
        metadata, arrays : dict
            Of :meth:`metadata` and :meth:`arrays`; they are not trusted.

        Raises
        ------
        ValueError, KeyError, TypeError
            When they make no sense.
        """
        quantiles = tuple(float(q) for q in metadata["quantiles"])
        _check_quantiles(quantiles)
        h = _saved(arrays, "scale", (None,)).shape[0]
        shapes: dict[str, tuple[int | None, ...]] = {
            "sample": (max(1, len(_pairs(quantiles))), h, None),
            "correlation": (h, h),
            "adapted": (None,),
        }
        read = {name: _saved(arrays, name, shapes.get(name, (h,))) for name in _ARRAYS}
        numbers = {name: metadata[name] for name in ("windows", "residuals")}
        for name, number in numbers.items():
            if type(number) is not int or not 0 <= number < 2**53:
                raise ValueError(f"{name} is {number!r}")
        if not all(isinstance(note, str) for note in metadata["notes"]):
            raise ValueError("a note is no text")
        _check_saved(read)
        return Calibration(
            quantiles=quantiles,
            **read,
            windows=numbers["windows"],
            residuals=numbers["residuals"],
            notes=tuple(metadata["notes"]),
        )

    @property
    def _top(self) -> Doubles:
        """The highest level (0 to 1) that ranks serve, at each step ``[h]``."""
        return 1 - 1 / (self.effective + 1)

    def _tables(self, outputs: Doubles, spread: Doubles) -> Doubles:
        """Quantiles that the intervals of the levels ``_DRAWN`` say, from low to high."""
        edges = [self._edges(1 - self._adapt(1 - level), outputs, spread) for level in _DRAWN]
        lo, hi = np.moveaxis(np.array(edges), 1, 0)
        middle = np.mean(self._edges(0.0, outputs, spread), axis=0)
        return np.concatenate([lo[::-1], middle[None], hi])

    def _adapt(self, missed: float) -> float:
        if not len(self.adapted):
            return missed
        return float(np.interp(missed, np.r_[0.0, _LEVELS, 1.0], self.adapted))

    def _check(self, outputs: Doubles) -> None:
        size = max(1, len(self.quantiles))
        if outputs.ndim != 3 or outputs.shape[1] > self.h or outputs.shape[2] != size:
            raise ConfigError(
                "The outputs do not fit the calibration.",
                value=f"outputs of shape {outputs.shape}",
                fix=f"It serves [series, up to {self.h} steps, {size}].",
            )

    def _edges(self, fraction: float, outputs: Doubles, spread: Doubles) -> tuple[Doubles, Doubles]:
        """The interval of a level (0 to 1), not adapted."""
        h = outputs.shape[1]
        point = outputs[:, :, _middle(self.quantiles)]
        lo, hi = point.copy(), point.copy()
        unit = np.where(_is_scale(spread), spread, 0.0)[:, None]
        for below, above, down, up in self._rules(fraction, h):
            base_lo = point if below is None else outputs[:, :, below]
            base_hi = point if above is None else outputs[:, :, above]
            # A rule that does not serve a step has NaN there, which fmin and fmax pass over.
            lo = np.fmin(lo, base_lo + unit * down)
            hi = np.fmax(hi, base_hi + unit * up)
        bare = (unit == 0) | np.isnan(point)
        return np.where(bare, point, lo), np.where(bare, point, hi)

    def _rules(
        self, fraction: float, h: int
    ) -> Iterator[tuple[int | None, int | None, Doubles, Doubles]]:
        """Yield rules whose hull is the interval: outputs to start from, what to add ``[h]``."""
        n, top = self.effective[:h], self._top[:h]
        pairs = _pairs(self.quantiles)
        if not pairs:
            both = np.minimum(fraction, 1 - 2 / (n + 1))
            yield None, None, *self._two_sided(both)
            served = np.where(fraction > both + _EPS, np.minimum(fraction, top), np.nan)
            one = self._at(self._absolute[0], served)
            yield None, None, -one, one
        covered = 0.0
        for i, (below, above, level) in enumerate(pairs):
            last = i == len(pairs) - 1
            served = np.minimum(np.minimum(fraction, 1.0 if last else level), top)
            out = self._at(self.sample[i], np.where(served > covered, served, np.nan))
            yield below, above, -out, out
            if last or level >= fraction - _EPS:
                break
            covered = level
        few = fraction > top + _EPS
        if few.any():
            t = np.full(h, np.nan)
            t[few] = self.scale[:h][few] * t_quantile((1 + fraction) / 2, self.df[:h][few])
            yield None, None, -t, t
            if pairs:  # the model's own word, if it is wider
                below, above, _ = next((p for p in pairs if p[2] >= fraction - _EPS), pairs[-1])
                own = np.where(few, 0.0, np.nan)
                yield below, above, own, own

    def _two_sided(self, fraction: Doubles) -> tuple[Doubles, Doubles]:
        """The signed residuals on either side of a level ``[h]``; NaN where it is negative."""
        served = np.where(fraction >= 0, (1 + fraction) / 2, np.nan)
        sample = self.sample[0]
        return -self._at(-sample[:, ::-1], served), self._at(sample, served)

    def _at(self, sample: Doubles, served: Doubles) -> Doubles:
        """The number of rank ceil((n + 1) served) of a sample of n, at each step ``[h]``.

        Of more numbers that are worth n independent ones, runs of neighbours stand for each of
        these: then it is the one in the middle of the run.
        """
        found = np.full(len(served), np.nan)
        for j, f in enumerate(served):
            n = self.effective[j]
            if not f > 0 or n <= 0:
                continue
            kept = sample[j][~np.isnan(sample[j])]
            size = self.size[j]
            rank = math.ceil(size / n * ((n + 1) * f - 0.5) + 0.5 - _EPS * size)
            ranks = np.linspace(1, size, len(kept))
            found[j] = np.interp(rank, ranks, kept)
        return found


_ARRAYS = ("sample", "size", "effective", "scale", "df", "correlation", "adapted")


def calibrate(
    truth: Doubles,
    outputs: Doubles,
    quantiles: Sequence[float],
    spread: Doubles,
    *,
    step_size: int,
    adaptive: bool = False,
) -> Calibration:
    """Learn from a backtest how wide a model's intervals must be.

    Residuals are pooled over windows and series at each step. A step with fewer than 200 borrows
    those of up to four neighbours on each side, brought to its own scale, and asks for ranks among
    as many independent residuals as these are worth: windows that overlap (``step_size`` below h),
    steps that go wrong together and series that do count for less than they are.

    Parameters
    ----------
    truth : ndarray
        ``[K, S, h]``; NaN where it is not known. There may be no window, K = 0: then widths are
        those of a random walk with the series' spread.
    outputs : ndarray
        ``[K, S, h, Q]``, what the model said.
    quantiles : sequence of float
        Which quantile each output is, with 0.5 among them; empty for a point forecast (Q = 1).
    spread : ndarray
        ``[K, S]``: the size of each series' changes at the cutoff, by which its residuals are
        divided. Where it is zero or NaN the window is left out.
    step_size : int
        Steps from one cutoff to the next.
    adaptive : bool
        Correct each level by how often the intervals of the windows, each made from those before
        it, have missed: adaptive conformal inference (Gibbs and Candes 2021, equation 2), the miss
        rate a going on to a + 0.05 (asked - missed). For when the errors' size changes over time.

    Returns
    -------
    Calibration

    Raises
    ------
    ConfigError
        When the shapes do not fit each other, or the quantiles or the step size make no sense.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(size=(30, 1, 2)) * [1.0, 3.0]
    >>> calibration = calibrate(truth, np.zeros((30, 1, 2, 1)), (), np.ones((30, 1)), step_size=2)
    >>> lo, hi = calibration.interval(90, np.zeros((1, 2, 1)), np.ones(1))
    >>> (hi - lo).round(1)
    array([[3.4, 8.3]])
    >>> calibration.method(90), calibration.method(99)
    ('conformal', 'parametric')
    """
    known = _Residuals(truth, outputs, quantiles, spread, step_size)
    for k in range(len(truth)):
        known.add(k)
    calibration = known.calibration(paths=True)
    if not adaptive:
        return calibration
    fresh = _Residuals(truth, outputs, quantiles, spread, step_size)
    note = "Levels are corrected by how often the intervals of earlier windows have missed."
    return replace(calibration, adapted=_follow_misses(fresh), notes=(*calibration.notes, note))


def prequential(
    truth: Doubles,
    outputs: Doubles,
    quantiles: Sequence[float],
    spread: Doubles,
    levels: Sequence[float],
    *,
    step_size: int,
    first: int = 1,
    adaptive: bool = False,
) -> dict[float, tuple[Doubles, Doubles]]:
    """Intervals of the backtest's own windows, each from windows that had ended at its cutoff.

    Parameters
    ----------
    truth, outputs, quantiles, spread, step_size
        As for :func:`calibrate`.
    levels : sequence of float
        Percent, above 0 and below 100.
    first : int
        How many windows must have ended; before that there is NaN. With 0, windows before any
        other has ended have the widths of a random walk.
    adaptive : bool
        As for :func:`calibrate`.

    Returns
    -------
    dict of float to (ndarray, ndarray)
        By level, the lower and the upper ends ``[K, S, h]``.

    Raises
    ------
    ConfigError
        As :func:`calibrate`, and when the level is not between 0 and 100.

    Examples
    --------
    >>> truth = np.array([1.0, -2.0, 1.5, 0.5])[:, None, None]
    >>> ends = prequential(truth, truth[..., None] * 0, (), np.ones((4, 1)), [50], step_size=1)
    >>> ends[50][1][:, 0, 0].round(2)
    array([nan, 1. , 2. , 1.5])
    """
    fractions = {level: _fraction(level) for level in levels}
    known = _Residuals(truth, outputs, quantiles, spread, step_size)
    ends = {level: (np.full(truth.shape, np.nan), np.full(truth.shape, np.nan)) for level in levels}
    misses: list[Doubles] = []
    for k, calibration in known.as_time_passes():
        if adaptive:
            asked = _corrected(misses[: k - known.lag + 1])
            misses.append(_missed(known, k, calibration, asked[1:-1]))
            calibration = replace(calibration, adapted=asked)
        if calibration.windows < first:
            continue
        for level, fraction in fractions.items():
            covered = 1 - calibration._adapt(1 - fraction)
            ends[level][0][k], ends[level][1][k] = calibration._edges(
                covered, outputs[k], spread[k]
            )
    return ends


class _Residuals:
    """A backtest, and what is known of it so far: residuals sorted at each step."""

    def __init__(
        self,
        truth: Doubles,
        outputs: Doubles,
        quantiles: Sequence[float],
        spread: Doubles,
        step_size: int,
    ) -> None:
        self.quantiles = tuple(quantiles)
        _check_backtest(truth, outputs, self.quantiles, spread, step_size)
        self.truth, self.outputs, self.spread, self.step_size = truth, outputs, spread, step_size
        self.h: int = truth.shape[2]
        self.pairs = _pairs(self.quantiles)
        self.pools = [[np.empty(0)] * self.h for _ in range(max(1, len(self.pairs)))]
        self.count = np.zeros(truth.shape[1:], np.int64)
        self.paths: list[Doubles] = []  # residuals [S, h] of each window
        self.sums: list[Doubles] = []  # [3, h]: how many, their sum, their squares' sum

    @property
    def lag(self) -> int:
        """How many windows later a window's truths are known."""
        return -(-self.h // self.step_size)

    def as_time_passes(self) -> Iterator[tuple[int, Calibration]]:
        """Yield each window, and the calibration by those that had ended at its cutoff."""
        calibration = self.calibration()
        for k in range(len(self.truth)):
            if k >= self.lag:
                self.add(k - self.lag)
                calibration = self.calibration()
            yield k, calibration

    def add(self, k: int) -> None:
        """Take a window in."""
        truth, outputs = self.truth[k], self.outputs[k]
        unit = np.where(_is_scale(self.spread[k]), self.spread[k], np.nan)[:, None]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is left out
            residual = (truth - outputs[:, :, _middle(self.quantiles)]) / unit
            scores = [
                np.maximum(outputs[:, :, below] - truth, truth - outputs[:, :, above]) / unit
                for below, above, _ in self.pairs
            ] or [residual]
        known = np.isfinite(residual) & np.isfinite(scores).all(axis=0)
        there = np.where(known, residual, 0.0)
        self.count += known
        self.paths.append(np.where(known, residual, np.nan))
        self.sums.append(np.array([known.sum(axis=0), there.sum(axis=0), (there**2).sum(axis=0)]))
        for pool, score in zip(self.pools, scores, strict=True):
            for j in range(self.h):
                new = np.sort(score[known[:, j], j])
                # Two sorted runs, which a stable sort merges.
                pool[j] = np.sort(np.concatenate([pool[j], new]), kind="stable")

    def calibration(self, paths: bool = False) -> Calibration:
        """Return the calibration by what is known; ``paths``: with the dependence within them."""
        sums = np.sum(self.sums, axis=0) if self.sums else np.zeros((3, self.h))
        # Squares of what is jointly normal, which widths rest on, have the squared correlation.
        size, alike = sums[0], self._alike() ** 2
        n = self._worth(self.step_size / np.arange(1, self.h + 1), alike)
        scale, df = _growth(sums[2], size, n)
        reach = np.ceil((_ENOUGH / np.maximum(size, 1) - 1) / 2)
        reach = np.where(size > 0, np.clip(reach, 0, _REACH), 0).astype(int)
        standard = self._standard(scale) if paths or reach.any() else np.empty((0, self.h))
        ranked = _rank_correlation(standard)
        effective, pools = n.copy(), [list(pool) for pool in self.pools]
        unit = np.where(scale > 0, scale, 1.0)
        for j in np.flatnonzero(reach):
            near = np.arange(max(0, j - reach[j]), min(self.h, j + reach[j] + 1))
            for mine, pool in zip(pools, self.pools, strict=True):
                mine[j] = np.sort(np.concatenate([pool[i] / unit[i] for i in near])) * unit[j]
            gain = len(near) ** 2 / (ranked[np.ix_(near, near)] ** 2).sum()
            # Windows that overlap have the same truths at different steps.
            distinct = len(near) * self._worth(self.step_size / len(near), alike)[j]
            effective[j] = max(n[j], min(n[j] * gain, distinct, len(pools[0][j])))
        share = self._worth(self.step_size / self.h, alike).max(initial=0.0)
        return Calibration(
            quantiles=self.quantiles,
            sample=_thinned(pools),
            size=np.array([len(x) for x in pools[0]], np.float64),
            effective=effective,
            scale=scale,
            df=df,
            correlation=_dependence(standard, ranked, share) if paths else np.eye(self.h),
            adapted=np.empty(0),
            windows=len(self.paths),
            residuals=int(size.sum()),
            notes=self._notes(int(size.sum())),
        )

    def _worth(self, fresh: float | Doubles, alike: float) -> Doubles:
        """How many independent residuals each step's ``[h]`` are worth.

        ``fresh`` is the part of a window that the one before does not overlap, ``alike`` the
        correlation between series.
        """
        there = self.count > 0
        each = np.where(there, 1 + (self.count - 1) * np.minimum(1.0, fresh), 0.0)
        return np.asarray(each.sum(axis=0) / (1 + np.maximum(there.sum(axis=0) - 1, 0) * alike))

    def _alike(self) -> float:
        """Mean correlation between the series' residuals in a window, 0 to 1; 0 if unknown.

        From the variance of the windows' sums, which is the sum of all covariances.
        """
        if len(self.sums) < 2:
            return 0.0
        count, total, squares = np.moveaxis(np.array(self.sums), 1, 0)
        k = (count > 0).sum(axis=0)
        mean = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
        own = squares - 2 * mean * total + count * mean**2
        unbiased = k / np.maximum(k - 1, 1)
        between = (total - count * mean) ** 2 * unbiased - own
        within = np.maximum(count - 1, 0) * own
        step = np.maximum(squares.sum(axis=0), np.finfo(float).tiny)
        possible = (within / step).sum()
        return float(np.clip((between / step).sum() / possible, 0, 1)) if possible > 0 else 0.0

    def _standard(self, scale: Doubles) -> Doubles:
        """Residual paths in units of each step's scale, thinned evenly ``[paths, h]``."""
        if not self.paths:
            return np.empty((0, self.h))
        found = np.concatenate(self.paths)
        found = found[np.isfinite(found).any(axis=1)]
        kept = np.linspace(0, len(found) - 1, min(len(found), _PATHS)).round().astype(int)
        return np.asarray(found[kept] / np.where(scale > 0, scale, 1.0))

    def _notes(self, residuals: int) -> tuple[str, ...]:
        notes = []
        if not residuals:
            notes.append(
                "No residual of a backtest is known: intervals are those of a random walk with "
                "the series' own spread, times Student's t. Their width is a guess."
            )
        if len(self.spread) and (flat := int((~_is_scale(self.spread[-1])).sum())):
            notes.append(_flat_note(flat, self.spread.shape[1]))
        return tuple(notes)


def _growth(squares: Doubles, size: Doubles, n: Doubles) -> tuple[Doubles, Doubles]:
    """Root mean squares over steps, smoothed and never falling, and their degrees of freedom.

    Variances grow with the step like a straight line, from that of white noise (flat) to that of a
    random walk (through zero); each step's own counts for as many residuals as it is worth. Below
    two, there are others: as large as the line or the naive forecast's first step, whichever is
    larger, or without any residual those of a random walk.
    """
    step = np.arange(1.0, len(n) + 1)
    known = size > 0
    if not known.any():
        return np.sqrt(_NAIVE_VARIANCE * step), np.full(len(n), _GUESSED)
    variance = np.divide(squares, size, out=np.zeros(len(n)), where=known)
    line = np.full(len(n), variance[known].mean())
    for _ in range(4):  # a variance's own error is proportional to it
        floor = np.maximum(line, 1e-12 * line.max() + np.finfo(float).tiny)
        line = _line(step, variance, n * (floor.max() / floor) ** 2)
    lone = np.maximum(0.0, 2 - n)
    weight = n + _TOWARDS_LINE + lone
    mixed = n * variance + _TOWARDS_LINE * line + lone * np.maximum(line, _NAIVE_VARIANCE)
    return np.sqrt(_rising(mixed / weight, weight)), n + lone


def _line(x: Doubles, y: Doubles, weight: Doubles) -> Doubles:
    """The weighted least squares line that neither falls nor starts below zero, at ``x``."""
    weight = weight / weight.sum()
    x_mean, y_mean = weight @ x, weight @ y
    spread = weight @ (x - x_mean) ** 2
    slope = weight @ ((x - x_mean) * (y - y_mean)) / spread if spread > 0 else 0.0
    if slope <= 0:
        return np.full(len(x), y_mean)
    if y_mean < slope * x_mean:
        return np.asarray(x * (weight @ (x * y)) / (weight @ x**2))
    return np.asarray(y_mean + slope * (x - x_mean))


def _rising(y: Doubles, weight: Doubles) -> Doubles:
    """The weighted least squares fit that never falls: pool adjacent violators."""
    blocks: list[tuple[float, float, int]] = []
    for new in zip(y.tolist(), weight.tolist(), [1] * len(y), strict=True):
        value, mass, steps = new
        while blocks and blocks[-1][0] > value:
            other, other_mass, other_steps = blocks.pop()
            value = (value * mass + other * other_mass) / (mass + other_mass)
            mass, steps = mass + other_mass, steps + other_steps
        blocks.append((value, mass, steps))
    return np.repeat([block[0] for block in blocks], [block[2] for block in blocks])


def _thinned(pools: list[list[Doubles]]) -> Doubles:
    """Sorted numbers as an array ``[pools, h, ...]``, evenly spaced ones of many, NaN after few."""
    width = min(_KEPT, max(1, max(len(x) for x in pools[0])))
    sample = np.full((len(pools), len(pools[0]), width), np.nan)
    for pool, rows in zip(pools, sample, strict=True):
        for x, row in zip(pool, rows, strict=True):
            kept = np.linspace(0, len(x) - 1, min(len(x), width)).round().astype(int)
            row[: len(kept)] = x[kept]
    return sample


def _rank_correlation(paths: Doubles) -> Doubles:
    """Correlation between steps of a Gaussian with the ranks' correlation, pairwise complete."""
    known = ~np.isnan(paths)
    place = np.where(known, paths, np.inf).argsort(axis=0, kind="stable").argsort(axis=0)
    centred = np.where(known, place - (known.sum(axis=0) - 1) / 2, 0.0)
    size = np.sqrt((centred**2).T @ known)
    size = size * size.T
    spearman = np.divide(centred.T @ centred, size, out=np.zeros_like(size), where=size > 0)
    found = 2 * np.sin(np.pi / 6 * spearman.clip(-1, 1))
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def _dependence(paths: Doubles, ranked: Doubles, n: float) -> Doubles:
    """Correlation between steps, shrunk to that of a chain as n paths are few.

    In the chain each step depends on the one before it only, which both random walks and
    autoregressions of order one do. How much, is estimated for each pair of neighbours, and shrunk
    to a random walk's times a factor that all pairs share.
    """
    h, n = len(ranked), max(0.0, n - 1)  # of one path there are no ranks
    step = np.arange(1.0, h)
    walk = np.sqrt(step / (step + 1))
    both = np.isfinite(paths[:, 1:]) & np.isfinite(paths[:, :-1])
    left, right = np.where(both, paths[:, :-1], 0.0), np.where(both, paths[:, 1:], 0.0)
    total = ((left**2 + right**2) / 2 * walk).sum()
    shared = walk * np.clip((left * right).sum() / total, -1, 1) if total > 0 else walk
    own = np.diag(ranked, 1)
    neighbour = ((n * own + _TOWARDS_LINE * shared) / (n + _TOWARDS_LINE)).clip(-0.99, 0.99)
    chain = np.eye(h)
    for i in range(h - 1):
        chain[i, i + 1 :] = chain[i + 1 :, i] = np.cumprod(neighbour[i:])
    mixed = (n * ranked + h * chain) / (n + h)
    mixed = (mixed + mixed.T) / 2
    values, vectors = np.linalg.eigh(mixed)  # pairwise correlations may contradict each other
    mixed = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    unit = np.sqrt(np.diag(mixed))
    mixed = mixed / unit / unit[:, None]
    return np.asarray((mixed + mixed.T) / 2)


def _follow_misses(known: _Residuals) -> Doubles:
    """Adaptive conformal inference over the windows: what ``_LEVELS`` have become in the end."""
    misses: list[Doubles] = []
    for k, calibration in known.as_time_passes():
        # Of the newest windows nobody knew yet at this cutoff whether they would be missed.
        asked = _corrected(misses[: k - known.lag + 1])
        misses.append(_missed(known, k, calibration, asked[1:-1]))
    return _corrected(misses)


def _missed(known: _Residuals, k: int, calibration: Calibration, asked: Doubles) -> Doubles:
    """How often a window was missed with these miss rates asked for; as wanted if unknown."""
    truth, outputs = known.truth[k], known.outputs[k]
    there = np.isfinite(truth) & np.isfinite(outputs).all(axis=2)
    there &= _is_scale(known.spread[k])[:, None]
    if not (calibration.residuals and there.any()):
        return _LEVELS
    edges = [calibration._edges(1 - a, outputs, known.spread[k]) for a in asked]
    return np.array([((truth < lo) | (truth > hi))[there].mean() for lo, hi in edges])


def _corrected(misses: list[Doubles]) -> Doubles:
    """The miss rates to ask for in place of 0, ``_LEVELS`` and 1 after windows with misses."""
    moved = _LEVELS.copy()
    for missed in misses:
        moved += _GAMMA * (_LEVELS - missed)
    moved = np.clip(moved, _LEVELS / 10, 1 - (1 - _LEVELS) / 10)
    return np.concatenate([[0.0], np.maximum.accumulate(moved), [1.0]])


def _fraction(level: float) -> float:
    if not 0 < level < 100:
        raise ConfigError(
            "A level is a percentage above 0 and below 100.",
            value=level,
            fix="Use level=90 for intervals that contain 90 % of the truths.",
        )
    return level / 100


def _is_scale(spread: Doubles) -> NDArray[np.bool_]:
    return np.isfinite(spread) & (spread > 0)


def _flat_note(flat: int, n_series: int) -> Said:
    return said(
        "{n} of {all} series never changed in what was seen of them: their intervals have no "
        "width.",
        n=flat,
        all=n_series,
    )


def _middle(quantiles: tuple[float, ...]) -> int:
    """The place of the point forecast among the outputs."""
    return min(range(len(quantiles)), key=lambda i: abs(quantiles[i] - 0.5), default=0)


def _pairs(quantiles: tuple[float, ...]) -> list[tuple[int, int, float]]:
    """Places of the central pairs and their levels, 0 to 1, from the narrowest on."""
    found = [
        (below, above, high - low)
        for below, low in enumerate(quantiles)
        for above, high in enumerate(quantiles)
        if low < high and abs(low + high - 1) < _EPS
    ]
    return sorted(found, key=lambda pair: pair[2])


@cache
def _gauss_legendre() -> tuple[Doubles, Doubles]:
    """Nodes and weights on (0, 1)."""
    node, weight = np.polynomial.legendre.leggauss(60)
    return (node + 1) / 2, weight / 2


@cache
def _normal_quantile(p: float) -> float:
    from statistics import NormalDist  # most need none

    return NormalDist().inv_cdf(p)


def _check_quantiles(quantiles: tuple[float, ...]) -> None:
    inside = all(0 < q < 1 for q in quantiles)
    middle = not quantiles or any(abs(q - 0.5) < _EPS for q in quantiles)
    if not (inside and middle and len(set(quantiles)) == len(quantiles)):
        raise ConfigError(
            "Quantiles must be different numbers between 0 and 1, with 0.5 among them.",
            value=quantiles,
            fix="Use quantiles=(0.1, 0.5, 0.9), or () for a point forecast.",
        )


def _check_backtest(
    truth: Doubles,
    outputs: Doubles,
    quantiles: tuple[float, ...],
    spread: Doubles,
    step_size: int,
) -> None:
    _check_quantiles(quantiles)
    if step_size < 1:
        raise ConfigError(
            "step_size must be 1 or more.", value=step_size, fix="Use step_size=h for no overlap."
        )
    expected = (*truth.shape, max(1, len(quantiles)))
    if truth.ndim != 3 or truth.shape[2] < 1 or outputs.shape != expected:
        raise ConfigError(
            "Truths and outputs of a backtest do not fit each other.",
            value=f"shapes {truth.shape} and {outputs.shape}",
            fix="Give truths [windows, series, steps] and outputs [..., quantiles or 1].",
        )
    if spread.shape != truth.shape[:2]:
        raise ConfigError(
            "Each series needs a spread in each window.",
            value=f"shape {spread.shape}",
            fix=f"Give an array of shape {truth.shape[:2]}.",
        )


def _saved(arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int | None, ...]) -> Doubles:
    """An array of a file; ValueError unless it has the shape, in which None is any length."""
    array = arrays[name]
    fits = array.ndim == len(shape) and all(
        b is None or a == b for a, b in zip(array.shape, shape, strict=True)
    )
    if array.dtype != np.float64 or not fits:
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}, expected {shape}")
    if np.isinf(array).any() or (name != "sample" and np.isnan(array).any()):
        raise ValueError(f"{name} is not finite")
    return array


def _check_saved(arrays: dict[str, Doubles]) -> None:
    """Raise ValueError where the arrays of a file contradict each other."""
    sample, size, correlation, adapted = (
        arrays[name] for name in ("sample", "size", "correlation", "adapted")
    )
    kept = (~np.isnan(sample)).sum(axis=2)
    first = np.arange(sample.shape[2]) < kept[..., None]
    with np.errstate(invalid="ignore"):
        falls = (np.diff(sample, axis=2) < 0).any()
    if falls or np.isnan(sample[first]).any() or (kept != np.minimum(size, sample.shape[2])).any():
        raise ValueError("the sample is not sorted or not as large as it says")
    if (arrays["effective"] < 0).any() or (arrays["effective"] > size).any():
        raise ValueError("more independent residuals than residuals")
    if (arrays["df"] < 1).any() or (arrays["scale"] < 0).any():
        raise ValueError("a scale below 0 or less than one degree of freedom")
    if (np.abs(np.diag(correlation) - 1) > _EPS).any() or (correlation != correlation.T).any():
        raise ValueError("the steps' correlation is none")
    np.linalg.cholesky(correlation)  # a LinAlgError is a ValueError
    ends = len(adapted) == len(_LEVELS) + 2 and adapted[0] == 0 and adapted[-1] == 1
    if len(adapted) and not (ends and (np.diff(adapted) >= 0).all()):
        raise ValueError("the corrected levels do not rise from 0 to 1")
