"""Forecasts of the past, made with nothing but what was known then."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast import _core
from gatecast.errors import DataError
from gatecast.evaluation.metrics import mae, mase_scale, mean_of_steps, rmse, smape
from gatecast.language import Lang, said
from gatecast.panel import MissingFuture, Panel, counted, place_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.models.forecaster import Forecaster
    from gatecast.models.inputs import Prediction
    from gatecast.panel import Intake
    from gatecast.report.backtest import BacktestView
    from gatecast.report.view import Backtested

    Doubles = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = [
    *("Backtest", "Cutoffs", "backtest", "cutoffs"),
    *("mean", "own_widths", "point_scores", "spread_of"),
]

MIN_HISTORY = 3  # a series with fewer values at a cutoff is not forecast from there
_SMALL = 200_000  # values in a panel up to which windows, and not series, are shared out to threads


@dataclass(frozen=True, eq=False)
class Cutoffs:
    """From where a panel's past is forecast.

    Parameters
    ----------
    ends : ndarray
        int64 ``[K, S]``, oldest first: how many values of each series lie up to the cutoff.
    scored : ndarray
        bool ``[K, S]``: whether a series is forecast from there, and something came.
    step_size : int
        Steps from one cutoff to the next.
    note : str
        What to know about them; empty for nothing.
    """

    ends: Ints
    scored: NDArray[np.bool_]
    step_size: int
    note: str = ""

    @property
    def n_windows(self) -> int:
        """How many there are."""
        return len(self.ends)

    @property
    def longest(self) -> Ints:
        """How many values the longest series that is forecast has at each, int64 ``[K]``."""
        return np.asarray(np.where(self.scored, self.ends, 0).max(axis=1))

    def since(self, length: int) -> Cutoffs:
        """Return those at which the longest series has so many values; at least the newest."""
        return self.newest(max(1, int((self.longest >= length).sum())))

    def newest(self, n: int) -> Cutoffs:
        """Return the last ``n`` of them only."""
        first = max(0, self.n_windows - n)
        return replace(self, ends=self.ends[first:], scored=self.scored[first:])


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts from ``K`` cutoffs, oldest first, of ``S`` series over ``h`` steps.

    What is not there is NaN: a series that is not in a window, a truth that is missing.

    Parameters
    ----------
    panel : Panel
        All the data.
    h, season_length, step_size : int
        Horizon; steps per season; steps from one cutoff to the next.
    stamps : ndarray
        int64 ``[K, S]``: the last stamp up to each cutoff, in units of ``panel.last``.
    ends : ndarray
        int64 ``[K, S]``: how many values of each series lie up to the cutoff.
    truth : ndarray
        float64 ``[K, S, h]``.
    scale, spread : ndarray
        float64 ``[K, S]``: what MASE divides by; see ``spread_of``.
    outputs : dict of str to ndarray
        float64 ``[K, S, h, Q]`` by model; ``Q`` is 1 without quantiles.
    quantiles : dict of str to tuple of float
        By model; empty for a point forecast alone.
    seconds : dict of str to float
        By model, fits and forecasts together.
    assumed : int
        For how many series future covariates that were not known had to be assumed.
    interrupted : bool
        Whether there would have been more windows but for Ctrl-C.
    notes : tuple of str
        What to know about it.
    """

    panel: Panel
    h: int
    season_length: int
    step_size: int
    stamps: Ints
    ends: Ints
    truth: Doubles
    scale: Doubles
    spread: Doubles
    outputs: dict[str, Doubles] = field(default_factory=dict)
    quantiles: dict[str, tuple[float, ...]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    assumed: int = 0
    interrupted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def n_windows(self) -> int:
        """How many cutoffs there are."""
        return len(self.ends)

    @property
    def overlap(self) -> int:
        """How many windows before it each one shares truths with."""
        return -(-self.h // self.step_size) - 1

    def point(self, name: str) -> Doubles:
        """Return a model's point forecasts ``[K, S, h]``."""
        quantiles = self.quantiles[name]
        return self.outputs[name][..., quantiles.index(0.5) if quantiles else 0]

    def errors(self, name: str) -> Doubles:
        """Return a model's MASE in each window ``[K, S]``."""
        return mae(self.truth, self.point(name)) / self.scale

    def newest(self, n: int) -> Backtest:
        """Return the last ``n`` windows only."""
        cut: dict[str, Any] = {name: getattr(self, name)[-n:] for name in _BY_WINDOW}
        outputs = {name: outputs[-n:] for name, outputs in self.outputs.items()}
        return replace(self, **cut, outputs=outputs)

    def followed_by(self, other: Backtest) -> Backtest:
        """Return these windows and those of a later backtest of the same models."""
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in _BY_WINDOW
        }
        outputs = {
            name: np.concatenate([one, other.outputs[name]]) for name, one in self.outputs.items()
        }
        return replace(other, **joined, outputs=outputs)

    def joined(self, other: Backtest) -> Backtest:
        """Return this with the models of another one that has the same windows."""
        return replace(
            self,
            outputs=self.outputs | other.outputs,
            quantiles=self.quantiles | other.quantiles,
            seconds=self.seconds | other.seconds,
            assumed=max(self.assumed, other.assumed),
            notes=tuple(dict.fromkeys((*self.notes, *other.notes))),
        )

    def errors_by_step(self, name: str) -> Doubles:
        """Return a model's mean absolute error at each step, in units of MASE, ``[h]``."""
        errors = np.abs(self.truth - self.point(name)) / self.scale[:, :, None]
        errors = np.where(np.isfinite(errors), errors, np.nan)
        return mean_of_steps(errors.reshape(-1, self.h).T)

    def plot(
        self,
        unique_id: Any = None,
        models: str | Sequence[str] | None = None,
        *,
        by_step: bool = False,
        path: str | os.PathLike[str] | None = None,
        lang: Lang = "en",
    ) -> Any:
        """Draw a series and how its past was forecast, or the error at each step.

        Parameters
        ----------
        unique_id : optional
            Which series; the first by default.
        models : str or sequence of str, optional
            Which models; by default all, of which the best three are seen at first.
        by_step : bool
            Draw the MASE at each step, over all series, instead of one series.
        path : path-like, optional
            Write a PNG there, too, with the extra ``plot``.
        lang : {"en", "zh"}
            The language of its words.

        Returns
        -------
        plotly.graph_objects.Figure
            Windows that overlap are not all drawn: as many of the newest as stand side by side.

        Raises
        ------
        DataError
            When there is no such series.
        ConfigError
            When there is no such model.
        """
        from gatecast.report.backtest import draw_backtest

        view = self._view(unique_id)
        return draw_backtest(view, models=models, by_step=by_step, path=path, lang=lang)

    def _view(self, unique_id: Any) -> BacktestView:
        from gatecast.report.backtest import BacktestView

        panel = self.panel
        s = place_of(unique_id, [str(name) for name in panel.ids])
        there = np.flatnonzero(~np.isnan(self.truth[:, s]).all(axis=1))
        return BacktestView(
            name=str(panel.ids[s]),
            history_ds=panel.stamps(s),
            history=panel.values[panel.indptr[s] : panel.indptr[s + 1]],
            windows=[self.window(int(k), s) for k in there],
            errors={name: self.errors_by_step(name) for name in self.outputs},
            n_windows=self.n_windows,
            season_length=self.season_length,
        )

    def window(self, k: int, s: int) -> Backtested:
        """Return what all models forecast of a series in a window, to be drawn."""
        from gatecast.report.view import Backtested

        one = self.panel.select(np.arange(self.panel.n_series) == s)
        at = replace(one, last=self.stamps[k, s : s + 1])
        forecast = {name: self.point(name)[k, s] for name in self.outputs}
        return Backtested(at.future_stamps(0, self.h), forecast)


_BY_WINDOW = ("stamps", "ends", "truth", "scale", "spread")


def spread_of(history: Panel, season_length: int) -> Doubles:
    """How much each series changes by itself: what residuals are divided by to be compared.

    The smaller of the mean change from one value to the next and that over a season, so that
    neither a season nor a walk makes a series look wilder than it is to forecast.

    Parameters
    ----------
    history : Panel
        Series up to a cutoff.
    season_length : int
        Steps per season.

    Returns
    -------
    ndarray
        float64 ``[S]``; NaN for a constant series.
    """
    return np.fmin(mase_scale(history, 1), mase_scale(history, season_length))


def own_widths(tested: Backtest, name: str) -> tuple[Doubles, Doubles, Doubles]:
    """How much larger a model's errors on a series are than on others, for what they change.

    Residuals divided by :func:`spread_of` are pooled over series as if they were alike. They are
    not: twelve steps of a walk stray farther than twelve steps around a mean. So each series'
    spread is multiplied by the ratio of its own errors to those of all, at the same steps, drawn
    towards 1 by as much as one more window would. No window has a say in its own ratio, nor have
    windows that share truths with it.

    Returns
    -------
    then : ndarray
        float64 ``[K, S]``: by windows that had ended at the cutoff.
    others : ndarray
        float64 ``[K, S]``: by all windows but those that share truths.
    now : ndarray
        float64 ``[S]``: by all.
    """
    n_windows, n_series = tested.spread.shape
    errors = np.abs(tested.truth - tested.point(name)) / tested.spread[:, :, None]
    errors = np.where(np.isfinite(errors), np.minimum(errors, _FARTHEST), np.nan)
    if n_series == 1:
        one = np.ones((n_windows, n_series))
        return one, one, one[0]

    def ratios(windows: Doubles) -> Doubles:
        """How a series compares with all in each of some windows, NaN where it is not in it."""
        usual = mean_of_steps(windows.reshape(-1, tested.h).T)  # [h]
        return mean_of_steps(windows / np.where(usual > 0, usual, 1.0))

    def shrunk(ratio: Doubles) -> Doubles:
        known = np.isfinite(ratio)
        return np.asarray((1 + np.where(known, ratio, 0.0).sum(axis=0)) / (1 + known.sum(axis=0)))

    ratio, k = ratios(errors), np.arange(n_windows)
    apart = [np.abs(k - one) > tested.overlap for one in k]
    ended = [max(0, one - tested.overlap) for one in k]
    then = np.array([shrunk(ratios(errors[:n])) for n in ended])
    return then, np.array([shrunk(ratio[others]) for others in apart]), shrunk(ratio)


_FARTHEST = 1e3  # spreads that an error counts as, at most


def cutoffs(panel: Panel, h: int, n_windows: int, step_size: int) -> Cutoffs:
    """Say from where to forecast the past.

    The newest cutoff lies ``h`` steps before the end. Series with dates share their cutoffs, so
    that nothing of a later date is known to anyone; so do series of whole numbers that all end at
    one. Where ends differ more, each series is cut at its own distance from its own end, and a note
    says so.

    Parameters
    ----------
    panel : Panel
        Series.
    h : int
        Horizon.
    n_windows : int
        How many, at most: there are fewer where the series are too short.
    step_size : int
        Steps between them.

    Returns
    -------
    Cutoffs
        With at least one window.

    Raises
    ------
    DataError
        When no series is long enough for one.
    """
    behind, note = _behind(panel, h)
    back = h + step_size * np.arange(n_windows - 1, -1, -1)[:, None]  # of the cutoffs
    ends = np.clip(panel.lengths - np.maximum(back - behind, 0), 0, None)
    known = np.concatenate([[0], np.cumsum(panel.observed)])
    begin = panel.indptr[:-1]
    came = known[np.minimum(begin + ends + h, panel.indptr[1:])] > known[begin + ends]
    scored = came & (known[begin + ends] - known[begin] >= MIN_HISTORY)
    kept = scored.any(axis=1)
    if not kept.any():
        raise DataError(
            f"A backtest of {counted(h, 'step', 'steps')} needs at least {h + MIN_HISTORY} values "
            "in a series.",
            value=f"{int(panel.lengths.max())} in the longest of {panel.n_series}",
            fix="Use a shorter horizon or more data.",
        )
    first = int(np.argmax(kept))
    return Cutoffs(ends[first:], scored[first:], step_size, note)


def _behind(panel: Panel, h: int) -> tuple[Ints, str]:
    """How many steps before the latest end each series ends, 0 where that means nothing."""
    nowhere = np.zeros(panel.n_series, np.int64)
    latest = panel.last.max()
    if panel.n_series == 1 or panel.frequency is None or (panel.last == latest).all():
        return nowhere, ""
    behind, _ = panel.frequency.steps_between(panel.last, np.full_like(panel.last, latest))
    if panel.time_type != "int" and (behind < h).mean() >= 0.5:
        return behind, ""
    return nowhere, (
        "The series end at different times, and each is cut at its own distance from its own end: "
        "a model that learns from all of them may have seen later times of others."
    )


def backtest(
    models: Mapping[str, Forecaster],
    panel: Panel,
    h: int,
    at: Cutoffs,
    *,
    season_length: int,
    refit: bool = True,
    fitted: Mapping[str, Forecaster] | None = None,
    size: int | None = None,
    threads: int | None = None,
    missing_future: MissingFuture = "error",
    intake: Intake | None = None,
    progress: Callable[[int], Any] | None = None,
    stop: threading.Event | None = None,
    partial: bool = False,
) -> Backtest:
    """Forecast the past with each model from each cutoff.

    Parameters
    ----------
    models : mapping of str to Forecaster
        By the name they go by; they are copied, never changed.
    panel : Panel
        Series.
    h : int
        Horizon.
    at : Cutoffs
        From where.
    season_length : int
        Steps per season, for the scales.
    refit : bool
        Fit at every cutoff. Else weights are those of the first, and only contexts advance.
    fitted : mapping of str to Forecaster, optional
        Without ``refit``, models that were fitted before, on nothing after the first cutoff.
    size : int, optional
        How many values before each cutoff there are to be fitted on; all by default.
    threads : int, optional
        How many to use; all by default. The result is the same.
    missing_future : {"error", "last", "seasonal"}
        For covariates that are missing ahead of a cutoff; ``"error"`` holds the last, too, as it
        is no reason to stop a test, and counts the series.
    intake : Intake, optional
        How the data were taken in.
    progress : callable, optional
        ``progress(done)`` after each of the models has done with a window.
    stop : Event, optional
        Set to end early, as Ctrl-C does.
    partial : bool
        Return the windows that are finished then; a note says so.

    Returns
    -------
    Backtest
        With the windows that all models finished.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C, unless ``partial`` and a window was finished.
    """
    stop = stop or threading.Event()
    windows = _Windows(panel, at, h, size)
    fallback: MissingFuture = "last" if missing_future == "error" else missing_future
    workers = threads or _core.default_threads()
    by_window = len(panel.values) <= _SMALL and refit
    copies = min(workers, len(models) * at.n_windows) if by_window else 1
    seconds = dict.fromkeys(models, 0.0)
    assumed: set[int] = set()
    notes: dict[str, None] = {at.note: None} if at.note else {}
    outputs: dict[str, Doubles] = {}
    quantiles: dict[str, tuple[float, ...]] = {}
    finished = dict.fromkeys(models, 0)

    def made(name: str, model: Forecaster | None, k: int) -> tuple[Forecaster, Prediction, float]:
        """Fit, if it is not yet, and forecast from a cutoff."""
        started = time.perf_counter()
        history = windows.history(k)
        if model is None:
            model = models[name].with_horizon(h)
            model.threads = max(1, workers // copies)
            model.progress = lambda epoch: not stop.is_set()
            model.fit_panel(history, intake)
            if stop.is_set():  # the training may have ended early
                raise KeyboardInterrupt
        prediction = model.predict_panel(history, h, fallback)
        return model, prediction, time.perf_counter() - started

    def keep(name: str, k: int, model: Forecaster, prediction: Prediction, took: float) -> None:
        q = prediction.outputs.shape[2]
        if name not in outputs:
            outputs[name] = np.full((at.n_windows, panel.n_series, h, q), np.nan)
            quantiles[name] = model.trained_quantiles
        series = windows.series(k)
        outputs[name][k, series] = prediction.outputs
        outputs[name][k, ~at.scored[k]] = np.nan
        seconds[name] += took
        assumed.update(series[prediction.assumed.any(axis=1)].tolist())
        notes.update(dict.fromkeys(prediction.notes))
        finished[name] += 1
        if progress is not None:
            progress(sum(finished.values()))

    interrupted = False
    with ThreadPoolExecutor(copies) as pool:
        waiting: list[tuple[str, int, Future[tuple[Forecaster, Prediction, float]]]] = []
        try:
            if by_window and copies > 1:
                waiting = [
                    (name, k, pool.submit(made, name, None, k))
                    for k in range(at.n_windows)
                    for name in models
                ]
                while waiting:
                    name, k, future = waiting[0]
                    keep(name, k, *future.result())
                    waiting.pop(0)
            else:
                used = dict(fitted or {})
                for k in range(at.n_windows):
                    for name in models:
                        if stop.is_set():
                            raise KeyboardInterrupt
                        known = None if refit else used.get(name)
                        used[name], prediction, took = made(name, known, k)
                        keep(name, k, used[name], prediction, took)
        except KeyboardInterrupt:
            interrupted = True
            stop.set()
            for name, k, future in waiting:
                if future.done() and not future.cancelled() and future.exception() is None:
                    keep(name, k, *future.result())
                future.cancel()
        except BaseException:
            stop.set()
            for _, _, future in waiting:
                future.cancel()
            raise
    whole = min(finished.values(), default=at.n_windows)  # they are finished in order
    if interrupted:
        if not (partial and whole):
            raise KeyboardInterrupt
        template = "Interrupted: {n} of {all} windows are finished."
        notes[said(template, n=whole, all=at.n_windows)] = None
    truth, scale, spread, stamps = windows.truths(season_length)
    done = slice(0, whole)
    return Backtest(
        panel=panel,
        h=h,
        season_length=season_length,
        step_size=at.step_size,
        stamps=stamps[done],
        ends=at.ends[done],
        truth=truth[done],
        scale=scale[done],
        spread=spread[done],
        outputs={name: outputs[name][done] for name in models},
        quantiles={name: quantiles[name] for name in models},
        seconds=seconds,
        assumed=len(assumed) if missing_future == "error" else 0,
        interrupted=interrupted,
        notes=tuple(notes),
    )


class _Windows:
    """The panel as it was at each cutoff."""

    def __init__(self, panel: Panel, at: Cutoffs, h: int, size: int | None) -> None:
        self._panel, self._at, self._h, self._size = panel, at, h, size
        known = np.concatenate([[0], np.cumsum(panel.observed)])
        # A series may have begun with nothing but gaps that the cutoff leaves.
        self._there = known[panel.indptr[:-1] + at.ends] > known[panel.indptr[:-1]]

    def series(self, k: int) -> NDArray[np.intp]:
        """Which series there were."""
        return np.flatnonzero(self._there[k])

    def history(self, k: int) -> Panel:
        """Return the series as far as they were known; what came later is not in it."""
        return self._cut(k)[0]

    def truths(self, season_length: int) -> tuple[Doubles, Doubles, Doubles, Ints]:
        """Return truths ``[K, S, h]``, scales, spreads and stamps ``[K, S]``."""
        n_windows, n_series = self._at.ends.shape
        truth = np.full((n_windows, n_series, self._h), np.nan)
        scale, spread = np.full((2, n_windows, n_series), np.nan)
        stamps = np.zeros((n_windows, n_series), np.int64)
        for k in range(n_windows):
            history, came = self._cut(k)
            series = self.series(k)
            truth[k, series] = came
            truth[k, ~self._at.scored[k]] = np.nan
            scale[k, series] = mase_scale(history, season_length)
            spread[k, series] = spread_of(history, season_length)
            stamps[k, series] = history.last
        return truth, scale, spread, stamps

    def _cut(self, k: int) -> tuple[Panel, Doubles]:
        there = self._there[k]
        panel = replace(self._panel, notes=())
        if not there.all():
            panel = panel.select(there)
        return panel.until(self._at.ends[k][there], self._h, self._size)


def mean(values: Doubles) -> float:
    """Return the mean of what is there; NaN if nothing is."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else math.nan


def point_scores(tested: Backtest, name: str) -> dict[str, float]:
    """Return ``mase, smape, rmse`` of a model, averaged over series and windows."""
    point = tested.point(name)
    return {
        "mase": mean(tested.errors(name)),
        "smape": mean(smape(tested.truth, point)),
        "rmse": mean(rmse(tested.truth, point)),
    }
