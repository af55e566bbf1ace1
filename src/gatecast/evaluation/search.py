"""Settings of a model, found by how they would have done on the past.

Each trial forecasts the past from one cutoff after another, oldest first, and is stopped where it
does worse than half of the trials before it did over the same windows: successive halving, one
trial at a time (Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht & Talwalkar, 2020).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, Literal

from gatecast.errors import ConfigError, DataError, MissingExtraError
from gatecast.evaluation.backtest import (
    MIN_HISTORY,
    Backtest,
    Cutoffs,
    backtest,
    cutoffs,
    mean,
)
from gatecast.evaluation.metrics import rmse, smape
from gatecast.evaluation.space import changed, plain, space_of
from gatecast.evaluation.study import Study, Trial, about_data, about_model
from gatecast.evaluation.suggest import HALF, next_settings, require_optuna, rungs
from gatecast.models.config import whole_number
from gatecast.models.forecaster import Forecaster
from gatecast.panel import Columns, Intake, MissingFuture, Panel, counted, from_any, require_word
from gatecast.progress import StageBar

__all__ = ["Search", "search", "search_panel"]

Metric = Literal["mase", "smape", "rmse"]
_TITLES = {"mase": "MASE", "smape": "sMAPE", "rmse": "RMSE"}
_SHOWN = 10  # trials in a printed table


@dataclass(frozen=True, eq=False)
class Search:
    """What a search found.

    Parameters
    ----------
    model : Forecaster
        Whose settings were searched.
    trials : tuple of Trial
        In the order in which they were tried; each has ``number``, ``settings``, ``scores`` (by
        window), ``score()``, ``state`` ("done", "pruned" or "failed"), ``seconds`` and ``reason``.
    metric : str
        What the scores are.
    n_windows : int
        In how many windows a trial is tried that is not stopped.
    interrupted : bool
        Whether Ctrl-C came.
    notes : tuple of str
        What to know about it.
    """

    model: Forecaster
    trials: tuple[Trial, ...]
    metric: Metric = "mase"
    n_windows: int = 1
    interrupted: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def best_trial(self) -> Trial:
        """The one with the smallest error of those that were tried in all windows."""
        done = [trial for trial in self.trials if trial.state == "done"]
        if not done:
            reasons = [trial.reason for trial in self.trials if trial.reason]
            raise ConfigError(
                f"No trial was finished; one failed: {reasons[0]}"
                if reasons
                else "No trial was finished: give the search more time."
            )
        return min(done, key=lambda trial: (trial.score(), trial.number))

    @property
    def best_settings(self) -> dict[str, Any]:
        """The settings of the best trial; a ConfigError if none was finished."""
        return dict(self.best_trial.settings)

    @property
    def score(self) -> float:
        """The mean error of the best trial over all windows, of which it is the smallest."""
        return self.best_trial.score()

    @property
    def best(self) -> Forecaster:
        """The model with the best settings, not fitted."""
        return changed(self.model, self.best_trial.settings)

    @property
    def leaderboard(self) -> Any:
        """A frame with a row a trial, the best first: finished ones, stopped ones, failed ones."""
        import pandas as pd

        rows = [
            {
                "trial": trial.number,
                "state": trial.state,
                self.metric: trial.score(),
                "windows": len(trial.scores),
                "seconds": trial.seconds,
                **{name: plain(value) for name, value in trial.settings.items()},
                "reason": trial.reason,
            }
            for trial in self._ranked()
        ]
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        said = [counted(len(self.trials), "trial", "trials")]
        for state, name in (("pruned", "stopped early"), ("failed", "failed")):
            if n := sum(trial.state == state for trial in self.trials):
                said.append(f"{n} {name}")
        windows = counted(self.n_windows, "backtest", "backtests")
        h = counted(self.model.config.h, "step", "steps")
        lines = [f"{', '.join(said)}; {windows} of {h}."]
        ranked = self._ranked()
        if not ranked or ranked[0].state != "done":
            return lines[0]
        names = list(ranked[0].settings)
        table = [
            ["trial", _TITLES[self.metric], "windows", *names],
            *(
                [
                    str(trial.number),
                    f"{trial.score():.4g}" if trial.scores else "–",
                    str(len(trial.scores)),
                    *(_shown(trial.settings[name]) for name in names),
                ]
                for trial in ranked[:_SHOWN]
            ),
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines.append("")
        for row in table:
            cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  ".join(cells))
        if left := len(ranked) - _SHOWN:
            lines += [f"… and {left} more"] if left > 0 else []
        best = ", ".join(f"{name}={_shown(value)}" for name, value in self.best_settings.items())
        lines += ["", f"Best: {best}"]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _ranked(self) -> list[Trial]:
        states = ("done", "pruned", "failed")
        return sorted(
            self.trials,
            key=lambda x: (states.index(x.state), -len(x.scores), x.score(), x.number),
        )


def search(
    model: Forecaster,
    df: Any,
    space: Mapping[str, Any],
    *,
    budget: int,
    n_windows: int = 4,
    step_size: int | None = None,
    metric: Metric = "mase",
    max_seconds: float | None = None,
    study: str | PathLike[str] | None = None,
    seed: int = 0,
    season_length: int | None = None,
    freq: str | int | None = None,
    id_col: str = "unique_id",
    time_col: str = "ds",
    target_col: str = "y",
    missing_future: MissingFuture = "error",
    threads: int | None = None,
    progress: bool = False,
) -> Search:
    """Search for settings of a model by forecasting the past with them.

    Each trial is fitted anew at every cutoff, from the oldest to the newest, and knows nothing that
    came later. After 1, 2, 4, ... windows it goes on only if its mean error is in the better half
    of all trials that came so far. The first trial has the model's own settings, where they lie in
    the space; the first ten are random but for that, later ones are drawn near those that did well.

    The best of many trials looks better than it is, as it was chosen for its score. To know how
    good it is, hold back the newest ``h`` values from the search, and score it on them.

    Parameters
    ----------
    model : Forecaster
        Whose settings; it is copied, never changed. Its horizon is that of the backtests.
    df : frame, array_like, path-like or list of path-like
        As for :meth:`gatecast.LSTM.fit`.
    space : mapping of str to list or tuple
        By the name of a setting: a list of choices, ``(low, high)`` for numbers between, or
        ``(low, high, "log")`` for numbers that are spread by their logarithm. They are whole where
        both ends are and the setting is.
    budget : int
        How many trials, those in ``study`` counted. There are fewer where all combinations of a
        finite space have been tried.
    n_windows : int
        How many cutoffs; fewer, with a note, where the series are too short.
    step_size : int, optional
        Steps between them; the horizon by default.
    metric : {"mase", "smape", "rmse"}
        The error, averaged over series and then over windows.
    max_seconds : float, optional
        End after so long, too. A trial that is not finished then is not counted. What comes out
        depends on the machine's speed then.
    study : path-like, optional
        A file that finished trials are written to (lines of JSON). A search that asks for the same
        and is given this file goes on after them, exactly as if it had never ended.
    seed : int
        Same seed, same trials, on any number of threads.
    season_length : int, optional
        Steps per season, for the scale of MASE; the model's own or from the frequency by default.
    freq, id_col, time_col, target_col
        As for :meth:`gatecast.LSTM.fit`.
    missing_future : {"error", "last", "seasonal"}
        As for :func:`gatecast.cross_validation`.
    threads : int, optional
        How many; the result is the same.
    progress : bool
        Show a bar on the terminal.

    Returns
    -------
    Search
        With ``best`` (a model, not fitted), ``best_settings``, ``score``, ``trials`` and
        ``leaderboard``. After Ctrl-C, of the trials that are finished, with a warning.

    Raises
    ------
    ConfigError
        When there is no such setting, or a value is impossible. A combination of possible values
        that is not is a failed trial.
    DataError
        When the data cannot be used, or are too short.
    ArtifactError
        When the file of the study is damaged or foreign.
    MissingExtraError
        When optuna is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import gatecast
    >>> y = 10 + np.tile([1.0, 5.0, 2.0, 4.0], 12) + np.random.default_rng(0).normal(size=48)
    >>> model = gatecast.SeasonalNaive(4)
    >>> found = gatecast.search(model, y, {"season_length": [1, 2, 3, 4]}, budget=10)
    >>> found.best_settings
    {'season_length': 4}
    >>> found.best.fit(y).predict().shape
    (4,)
    """
    import warnings

    if not isinstance(model, Forecaster):
        raise ConfigError(
            "model must be a model.", value=repr(model), fix="Use gatecast.LSTM(12), for example."
        )
    intake = Intake(Columns(id_col, time_col, target_col, **model.covariates()), freq)
    panel = from_any(df, intake)
    with StageBar() if progress else nullcontext() as bar:
        found = search_panel(
            model,
            panel,
            space,
            budget=budget,
            n_windows=n_windows,
            step_size=step_size,
            metric=metric,
            max_seconds=max_seconds,
            study=study,
            seed=seed,
            season_length=season_length,
            missing_future=missing_future,
            threads=threads,
            intake=intake,
            progress=None if bar is None else bar.stage,
        )
    for note in found.notes:
        warnings.warn(note, stacklevel=2)
    return found


def search_panel(
    model: Forecaster,
    panel: Panel,
    space: Mapping[str, Any],
    *,
    budget: int,
    n_windows: int = 4,
    step_size: int | None = None,
    metric: Metric = "mase",
    max_seconds: float | None = None,
    study: str | PathLike[str] | None = None,
    seed: int = 0,
    season_length: int | None = None,
    missing_future: MissingFuture = "error",
    threads: int | None = None,
    intake: Intake | None = None,
    progress: Callable[[str, int], Any] | None = None,
) -> Search:
    """Do what :func:`search` does, with data already taken in."""
    budget = whole_number("budget", budget, 1, 1_000_000)
    n_windows = whole_number("n_windows", n_windows, 1, 100_000)
    seed = whole_number("seed", seed, 0, 2**63 - 1)
    require_word("metric", metric, Metric)
    require_word("missing_future", missing_future, MissingFuture)
    if max_seconds is not None and not (
        isinstance(max_seconds, int | float) and 0 < max_seconds < math.inf
    ):
        raise ConfigError("max_seconds must be a number above 0.", value=repr(max_seconds))
    h = model.config.h
    step_size = whole_number("step_size", h if step_size is None else step_size, 1, 100_000)
    settings = space_of(model, space)
    m = _season_length(model, panel, season_length)
    require_optuna()
    at = cutoffs(panel, h, n_windows, step_size).since(h + MIN_HISTORY)
    if at.longest[-1] < h + MIN_HISTORY:
        raise DataError(
            f"To learn to forecast {counted(h, 'step', 'steps')}, and to be tested on them, takes "
            f"at least {2 * h + MIN_HISTORY} values in a series.",
            value=f"{int(panel.lengths.max())} in the longest of {panel.n_series}",
            fix="Use a shorter horizon or more data.",
        )
    kept = Study(
        study,
        {
            "model": about_model(model),
            "space": {setting.name: setting.to_json() for setting in settings},
            "metric": metric,
            "n_windows": n_windows,
            "step_size": step_size,
            "season_length": m,
            "missing_future": missing_future,
            "seed": seed,
            "data": about_data(panel),
        },
        settings,
        at.n_windows,
    )
    trying = _Trying(
        model,
        panel,
        at,
        metric,
        {
            "season_length": m,
            "threads": threads,
            "missing_future": missing_future,
            "intake": intake,
        },
    )
    interrupted = False
    tell = None if progress is None else progress("Searching", budget)
    with _in_time(max_seconds) as clock:
        while len(kept.trials) < budget and not clock.over:
            try:
                if tell is not None:
                    tell(len(kept.trials))
                asked = next_settings(model, settings, kept.trials, seed)
                if asked is None:  # all have been tried
                    break
                kept.add(trying.trial(asked, kept.trials, clock.new_stop()))
            except KeyboardInterrupt:
                if clock.over:
                    break
                if not kept.trials:
                    raise
                interrupted = True
                break
    return Search(
        model,
        tuple(kept.trials),
        metric,
        at.n_windows,
        interrupted,
        _notes(at, trying, kept.trials, budget, n_windows, interrupted, clock.over),
    )


def _season_length(model: Forecaster, panel: Panel, asked: int | None) -> int:
    """The steps per season of MASE: as asked, the model's own (the shorter of two), the usual."""
    if asked is not None:
        return whole_number("season_length", asked, 1, 100_000)
    return model.asked_season or panel.season_length


class _Trying:
    """How a trial is made."""

    def __init__(
        self,
        model: Forecaster,
        panel: Panel,
        at: Cutoffs,
        metric: Metric,
        settings: dict[str, Any],
    ) -> None:
        self._model, self._panel, self._at = model, panel, at
        self._metric, self._settings = metric, settings
        self.notes: dict[str, None] = {}

    def trial(
        self, settings: dict[str, Any], before: Sequence[Trial], stop: threading.Event
    ) -> Trial:
        """Try settings in one window after another, as long as they do well."""
        started = time.perf_counter()
        scores: tuple[float, ...] = ()

        def ended(state: Literal["done", "pruned", "failed"], reason: str = "") -> Trial:
            took = time.perf_counter() - started
            return Trial(len(before), settings, scores, state, took, reason)

        try:
            model = changed(self._model, settings)
            for n in rungs(self._at.n_windows):
                scores = (*scores, *self._scores(model, len(scores), n, stop))
                trial = ended("done")
                if n < self._at.n_windows and not _goes_on(trial, before):
                    return ended("pruned")
        except MissingExtraError:
            raise
        except (ConfigError, DataError) as error:
            return ended("failed", str(error))
        if not math.isfinite(trial.score()):
            raise DataError(
                f"No series can be scored by {_TITLES[self._metric]} in any window.",
                fix="They may be constant before each cutoff; use metric='rmse'.",
            )
        return trial

    def _scores(
        self, model: Forecaster, begin: int, end: int, stop: threading.Event
    ) -> list[float]:
        """The errors in some of the windows."""
        at, part = self._at, slice(begin, end)
        some = replace(at, ends=at.ends[part], scored=at.scored[part])
        tested = backtest(
            {"model": model}, self._panel, model.config.h, some, stop=stop, **self._settings
        )
        self.notes |= dict.fromkeys(tested.notes)
        if tested.assumed:
            self.notes[
                "Future covariates are missing in some rows; the last known ones stood in."
            ] = None
        return [mean(errors) for errors in _errors(tested, self._metric)]


def _errors(tested: Backtest, metric: Metric) -> Any:
    """The error of each window and series, ``[K, S]``."""
    if metric == "mase":
        return tested.errors("model")
    return {"smape": smape, "rmse": rmse}[metric](tested.truth, tested.point("model"))


def _goes_on(trial: Trial, before: Sequence[Trial]) -> bool:
    """Whether a trial is in the better half of those that were tried in as many windows."""
    n, own = len(trial.scores), trial.score()
    others = [x.score(n) for x in before if len(x.scores) >= n and x.state != "failed"]
    return sum(other < own for other in others) < -(-(len(others) + 1) // HALF)


# When it ends


class _Clock:
    """Stops the trial that is being made once the time is over."""

    def __init__(self) -> None:
        self.over, self._stop = False, threading.Event()

    def new_stop(self) -> threading.Event:
        """Return what ends a trial; a backtest that fails sets its own, so each has another."""
        self._stop = stop = threading.Event()
        if self.over:
            stop.set()
        return stop

    def end(self) -> None:
        self.over = True
        self._stop.set()


@contextmanager
def _in_time(seconds: float | None) -> Iterator[_Clock]:
    clock = _Clock()
    if seconds is None:
        yield clock
        return
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), clock.end)
    timer.daemon = True
    timer.start()
    try:
        yield clock
    finally:
        timer.cancel()


def _notes(
    at: Cutoffs,
    trying: _Trying,
    trials: Sequence[Trial],
    budget: int,
    asked: int,
    interrupted: bool,
    over: bool,
) -> tuple[str, ...]:
    notes = list(trying.notes)
    if at.n_windows < asked:
        notes.append(f"The series are long enough for {at.n_windows} windows only.")
    if interrupted:
        notes.append(f"Interrupted: {len(trials)} of {budget} trials are finished.")
    elif over and len(trials) < budget:
        notes.append(f"The time is over: {len(trials)} of {budget} trials are finished.")
    return tuple(notes)


def _shown(value: Any) -> str:
    """Write a setting for people."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "×".join(map(_shown, value)) if value else "none"
    return str(value)
