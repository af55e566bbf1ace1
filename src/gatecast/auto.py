"""From a panel to a forecast that says how good it is."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gatecast.errors import DataError
from gatecast.evaluation.metrics import mase, rmse, smape
from gatecast.features import encode, fit_encoding
from gatecast.models.baselines import naive, seasonal_naive
from gatecast.models.config import LSTMConfig, default_context_length
from gatecast.models.lstm import LSTM, NO_CALENDAR
from gatecast.panel import Intake, MissingFuture, Panel, counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from gatecast.models.inputs import Prediction

__all__ = ["Holdout", "Outcome", "forecast_panel", "settings_for"]

# A training part shorter than this has nothing to learn from.
_MIN_CONTEXT = 3
# Series that tell which anchor suits all.
_LOOKED_AT = 1000


@dataclass(frozen=True)
class Holdout:
    """How models did on the newest ``h`` points, which they had not seen.

    Parameters
    ----------
    history : Panel
        What was left to train on; only series long enough.
    truth : ndarray
        ``[n_series, h]``, held back.
    forecasts : dict of str to ndarray
        ``[n_series, h]`` by model.
    scores : dict of str to dict of str to float
        By model: ``mase``, ``rmse``, ``smape``, averaged over series; NaN where undefined.
    """

    history: Panel
    truth: NDArray[np.float64]
    forecasts: dict[str, NDArray[np.float64]]
    scores: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Outcome:
    """A forecast and all that is known about it.

    Parameters
    ----------
    model : LSTM
        Trained on everything.
    panel : Panel
        What was forecast.
    forecast : ndarray
        ``[n_series, h]``, in the data's units.
    prediction : Prediction
        The same, with series that have no history after the others.
    holdout : Holdout or None
        None where the series are too short to hold anything back.
    notes : tuple of str
        What was done to the data, and what to know about the result.
    seconds : float
        How long it all took.
    """

    model: LSTM
    panel: Panel
    forecast: NDArray[np.float64]
    prediction: Prediction
    holdout: Holdout | None
    notes: tuple[str, ...] = field(default=())
    seconds: float = 0.0


def forecast_panel(
    panel: Panel,
    h: int,
    *,
    season_length: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    settings: dict[str, Any] | None = None,
    missing_future: MissingFuture = "error",
    intake: Intake | None = None,
    progress: Callable[[str, int], Any] | None = None,
) -> Outcome:
    """Hold back, train, score against the naive forecasts, train on everything, forecast.

    The newest ``h`` points of each series are held back. On the rest, early stopping finds the
    number of epochs, and which anchor is better where that is in doubt; the network trained for
    as many on all of the rest is scored on the points held back. The final network is trained in
    the same way on everything.

    Parameters
    ----------
    panel : Panel
        Series, with the covariates that the settings name.
    h : int
        Horizon.
    season_length : int, optional
        Steps per season; that of the panel's frequency by default.
    seed, threads
        As for :class:`gatecast.LSTM`.
    settings : dict, optional
        Settings of the LSTM that replace those of :func:`settings_for`.
    missing_future : {"error", "last", "seasonal"}
        As for :meth:`gatecast.LSTM.predict`.
    intake : Intake, optional
        How the panel was taken in, for the model to remember.
    progress : callable, optional
        ``progress(stage, epochs)`` returns a callback for the stage's epochs.

    Returns
    -------
    Outcome

    Raises
    ------
    DataError
        When no series is long enough.
    """
    started = time.perf_counter()
    notes = list(panel.notes)
    _require_length(panel, h)
    m = season_length or panel.season_length
    asked = dict(settings or {})
    longest = int(panel.lengths.max()) - h
    if asked.get("context_length", 0) > longest:
        asked["context_length"] = longest
        notes.append(f"The network sees {longest} values: no series has more before {h} others.")
    chosen = settings_for(panel, h, m, asked.get("context_length"))
    columns = panel.columns
    named = {
        "past_covariates": columns.past,
        "future_covariates": columns.future,
        "static_covariates": columns.static,
    }
    config = LSTMConfig(**{**chosen, "h": h, "seed": seed, **named, **asked})
    if config.describes:  # rather now than after the training
        encoding = fit_encoding(panel, calendar=config.calendar, holidays=config.holidays)
        if config.calendar and not encoding.calendar:
            notes.append(NO_CALENDAR)
        for part in (panel, panel.cold):
            if part is not None and config.reads_on:
                encode(encoding, part, h, missing_future=missing_future, season_length=m)
    fits_in = 1 < m <= (config.context_length or 0)
    anchors = _anchors(panel, h, m) if fits_in and "anchor" not in asked else (config.anchor,)

    def fitted(what: str, data: Panel, config: LSTMConfig) -> LSTM:
        callback = progress(what, config.epochs) if progress else False
        model = LSTM.from_config(config, threads=threads, progress=callback)
        return model.fit_panel(data, intake)

    def searched(data: Panel) -> LSTMConfig:
        """The anchor and the number of epochs that early stopping finds best."""
        what = "Finding the number of epochs"
        models = [fitted(what, data, config.replace(anchor=anchor)) for anchor in anchors]
        best = min(models, key=_validation_loss)
        if "val_loss" not in best.history_:
            notes.append(
                "Early stopping had nothing to go by: the series are too short, or their ends have "
                "gaps or never change. All epochs were trained."
            )
        # The same network, trained on the validation part too, for as long as was best.
        return best.config.replace(epochs=max(1, best.best_epoch_), validation_fraction=0.0)

    long = panel.lengths >= 2 * h + _MIN_CONTEXT
    enough = long & _are_seen(panel, h, config.context_length or 1)
    holdout = None
    if enough.any():
        history, truth = panel.select(enough).drop_last(h)
        refit = searched(history)
        model = fitted("Training without the points held back", history, refit)
        holdout, assumed = _score(model, history, truth, missing_future)
        if assumed:
            notes.append(
                f"Future covariates of {counted(assumed, 'series', 'series')} are missing beside "
                "the points held back; for the scores the last known ones stood in."
            )
        for left, why in (
            (~long, "are too short to hold back"),
            (long & ~enough, "have a gap before"),
        ):
            if left.any():
                notes.append(
                    f"{int(left.sum())} of {panel.n_series} series {why} {h} points and are not "
                    "part of the scores."
                )
    elif long.any():
        notes.append(
            f"Nothing was held back: before the newest {h} values there is a gap as long as what "
            "the network sees. How good the forecast is, nobody knows."
        )
        refit = searched(panel)
    else:
        notes.append(
            f"Nothing was held back: that needs at least {2 * h + _MIN_CONTEXT} values, and the "
            f"longest series has {int(panel.lengths.max())}. How good the forecast is, nobody "
            "knows."
        )
        refit = searched(panel)
    model = fitted("Training on everything", panel, refit)
    wanted = default_context_length(np.array([10**9]), h, model.season_length_)
    if model.context_length_ < wanted and "context_length" not in asked:
        notes.append(
            f"The network sees the last {model.context_length_} values; the series are too short "
            f"for the usual {wanted}."
        )
    if not config.describes and (flat := _flat(panel, model.context_length_)):
        notes.append(f"{flat} series did not change lately and are continued as they are.")
    prediction = model.predict_panel(panel, h, missing_future)
    if ahead := int(prediction.assumed.any(axis=1).sum()):
        notes.append(
            f"The future covariates of {counted(ahead, 'series', 'series')} do not reach as far "
            f"as the forecast; where they end, missing_future={missing_future!r} stood in."
        )
    return Outcome(
        model=model,
        panel=panel,
        forecast=prediction.point[: panel.n_series],
        prediction=prediction,
        holdout=holdout,
        notes=(*notes, *prediction.notes),
        seconds=time.perf_counter() - started,
    )


def settings_for(
    panel: Panel, h: int, season_length: int, context_length: int | None = None
) -> dict[str, Any]:
    """Choose the LSTM's settings by the data at hand, the newest ``h`` points not looked at.

    Small data get a small network.

    Parameters
    ----------
    panel : Panel
        Series.
    h : int
        Horizon.
    season_length : int
        Steps per season, 1 for none.
    context_length : int, optional
        Where it is already decided.

    Returns
    -------
    dict
        Keyword arguments for :class:`gatecast.LSTM`.
    """
    lengths = panel.lengths - h if (panel.lengths > 2 * h).any() else panel.lengths
    context_length = context_length or default_context_length(
        lengths[lengths > h], h, season_length
    )
    n_windows = int(np.maximum(lengths - context_length - h + 1, 0).sum())
    return {
        "context_length": context_length,
        "hidden_size": (32,) if n_windows < 5_000 else (64,),
        "season_length": season_length,
    }


def _anchors(panel: Panel, h: int, m: int) -> tuple[Literal["last", "season"], ...]:
    """Which anchors are worth trying: the better one, or both where neither is clearly better.

    Over the past without the newest ``h`` points, is y[t + k - m] or y[t] nearer to y[t + k], on
    average over k <= h?
    """
    ratios = []
    long = np.flatnonzero(panel.lengths >= m + 2 * h + 1)
    looked_at = np.zeros(panel.n_series, bool)
    if len(long):
        looked_at[long[np.unique(np.linspace(0, len(long) - 1, _LOOKED_AT).astype(int))]] = True
    past, _ = panel.select(looked_at).drop_last(h)
    for s in range(past.n_series):
        y = past.values[past.indptr[s] : past.indptr[s + 1]]
        # A few steps stand for all.
        steps = np.unique(np.linspace(1, min(h, len(y) - 1), 8).astype(int))
        changes = [np.abs(y[k:] - y[:-k]) for k in (m, *steps)]
        if any(np.isnan(change).all() for change in changes):
            continue
        seasonal, *last = (float(np.nanmean(change)) for change in changes)
        if np.mean(last) > 0:
            ratios.append(seasonal / np.mean(last))
    ratio = float(np.median(ratios)) if ratios else math.inf
    if ratio < 0.7:
        return ("season",)
    return ("last",) if ratio > 1.2 else ("last", "season")


def _are_seen(panel: Panel, h: int, context_length: int) -> NDArray[np.bool_]:
    """Whether anything was observed where the network looks, before the newest ``h`` points."""
    seen = np.concatenate([[0], np.cumsum(panel.observed)])
    end = np.maximum(panel.indptr[1:] - h, panel.indptr[:-1])
    begin = np.maximum(end - context_length, panel.indptr[:-1])
    return np.asarray(seen[end] > seen[begin])


def _validation_loss(model: LSTM) -> float:
    """Of the epoch that was kept; scales are the windows' own, so anchors can be compared."""
    return min(model.history_.get("val_loss", [math.inf]))


def _score(
    model: LSTM, history: Panel, truth: NDArray[np.float64], missing_future: MissingFuture
) -> tuple[Holdout, int]:
    """How the models did, and for how many series something stood in without being asked to."""
    m, h = model.season_length_, truth.shape[1]
    # A covariate that is missing where values were held back is no reason to stop.
    fallback: MissingFuture = "last" if missing_future == "error" else missing_future
    predicted = model.predict_panel(replace(history, cold=None), h, fallback)
    forecasts = {
        "LSTM": predicted.point,
        "Naive": naive(history, h),
        "SeasonalNaive": seasonal_naive(history, h, m),
    }
    scores = {
        name: {
            "mase": _mean(mase(truth, forecast, history, m)),
            "rmse": _mean(rmse(truth, forecast)),
            "smape": _mean(smape(truth, forecast)),
        }
        for name, forecast in forecasts.items()
    }
    assumed = int(predicted.assumed.any(axis=1).sum()) if missing_future == "error" else 0
    return Holdout(history, truth, forecasts, scores), assumed


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else math.nan


def _flat(panel: Panel, context_length: int) -> int:
    if context_length < 2:
        return 0
    tail = panel.tail(context_length)
    low = np.fmin.reduceat(tail.values, tail.indptr[:-1])
    high = np.fmax.reduceat(tail.values, tail.indptr[:-1])
    return int((low == high).sum())


def _require_length(panel: Panel, h: int) -> None:
    longest = int(panel.lengths.max())
    if longest >= h + _MIN_CONTEXT:
        return
    possible = longest - _MIN_CONTEXT
    raise DataError(
        f"The data are too short: {counted(h, 'step', 'steps')} ahead need at least "
        f"{h + _MIN_CONTEXT} values in a series.",
        value=f"{longest} in the longest of {panel.n_series} series",
        fix=f"Ask for at most {counted(possible, 'step', 'steps')}."
        if possible > 0
        else "Add data.",
    )
