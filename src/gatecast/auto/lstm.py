"""The LSTM that suits the data: its size, its context, its anchor, its number of epochs.

All of it is decided on what lies before the first cutoff, so that a backtest tests the choice too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gatecast.language import said
from gatecast.models.config import LSTMConfig, default_context_length
from gatecast.models.lstm import LSTM

if TYPE_CHECKING:
    from gatecast.panel import Intake, Panel

__all__ = [
    "WORK",
    "fitted_lstm",
    "likely_anchors",
    "settings_for",
    "training_work",
    "tuned",
    "usual_horizon",
]

# What one training may cost, in 1e9 multiplications and additions, where no time is given.
WORK = 400.0

# Series that tell which anchor suits all.
_LOOKED_AT = 1000
_MOST_EPOCHS = 100
_FEWEST_EPOCHS = 5
_FEW_WINDOWS = 5_000  # for which a small network is enough
_USUAL = 10  # steps to forecast, of series without a season
_LONGEST_USUAL = 60


def settings_for(
    panel: Panel, h: int, season_length: int, work: float, context_length: int | None = None
) -> dict[str, Any]:
    """Choose the LSTM's settings by the data at hand. Small data get a small network.

    Parameters
    ----------
    panel : Panel
        Series up to the first cutoff.
    h : int
        Horizon.
    season_length : int
        Steps per season, 1 for none.
    work : float
        What one training may cost, in 1e9 multiplications and additions: it bounds the epochs.
    context_length : int, optional
        Where it is already decided.

    Returns
    -------
    dict
        Keyword arguments for :class:`gatecast.LSTM`.
    """
    lengths = panel.lengths[panel.lengths > h]
    context_length = context_length or default_context_length(lengths, h, season_length)
    n_windows = int(np.maximum(lengths - context_length - h + 1, 1).sum())
    small = training_work(n_windows, context_length, 32, _MOST_EPOCHS)
    size = 32 if n_windows < _FEW_WINDOWS or 4 * small > work else 64
    epoch = training_work(n_windows, context_length, size, 1)
    return {
        "context_length": context_length,
        "hidden_size": (size,),
        "season_length": season_length,
        "epochs": max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, int(work / epoch))),
    }


def training_work(n_windows: int, context_length: int, size: int, epochs: int) -> float:
    """Return what a training costs, in 1e9 multiplications and additions: of one layer."""
    step = 4 * size * (size + 1)  # forward; backward costs it twice more
    return 3 * 2 * step * context_length * n_windows * epochs / 1e9


def tuned(
    panel: Panel,
    config: LSTMConfig,
    *,
    threads: int | None = None,
    intake: Intake | None = None,
    progress: Callable[[str, int], Any] | None = None,
    choose_anchor: bool = True,
) -> tuple[LSTMConfig, str]:
    """Find the anchor, and the number of epochs, that early stopping finds best.

    Returns
    -------
    config : LSTMConfig
        Without validation, for as many epochs as were best.
    why : str
        How it was found, in words.
    """
    m, h = config.season_length or 1, config.h
    anchors: tuple[Any, ...] = (config.anchor,)
    if choose_anchor and 1 < m <= (config.context_length or 0):
        anchors = likely_anchors(panel, h, m)
    models = []
    for anchor in anchors:
        callback = progress("Finding the number of epochs", config.epochs) if progress else False
        model = LSTM(**config.replace(anchor=anchor).to_dict(), threads=threads, progress=callback)
        models.append(model.fit_panel(panel, intake))
    best = min(models, key=_validation_loss)
    stopped = "val_loss" in best.history_
    epochs = max(1, best.best_epoch_)
    why = said("Early stopping had nothing to go by: all epochs were trained")
    if stopped:
        why = said(
            "Early stopping on the newest tenth of the data before the first cutoff found {n} "
            "epochs best, of {most} at most",
            n=epochs,
            most=config.epochs,
        )
    if len(anchors) > 1:
        anchored = "the value of a season before"
        if best.config.anchor != "season":
            anchored = "the last value"
        why = said(
            "{found}; of two anchors, the last value and the value of a season before, {anchor} "
            "had the smaller loss there",
            found=why,
            anchor=said(anchored),
        )
    found = best.config.replace(epochs=epochs, validation_fraction=0.0)
    return found, said("{found}.", found=why)


def usual_horizon(panel: Panel, season_length: int) -> int:
    """Return how many steps to forecast where nobody said: a season, of short series less.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> usual_horizon(from_any(np.arange(96.0)), 12), usual_horizon(from_any(np.arange(8.0)), 1)
    (12, 2)
    """
    season = season_length if 1 < season_length <= _LONGEST_USUAL else _USUAL
    return max(1, min(season, int(panel.lengths.max()) // 4))


def fitted_lstm(
    panel: Panel,
    h: int,
    season_length: int,
    *,
    settings: dict[str, Any] | None = None,
    threads: int | None = None,
    intake: Intake | None = None,
    progress: Callable[[str, int], Any] | None = None,
) -> LSTM:
    """Return the LSTM that suits the data, fitted on all of them, without any backtest.

    Parameters
    ----------
    panel : Panel
    h, season_length : int
        Horizon, and steps per season.
    settings : dict, optional
        Keyword arguments of :class:`gatecast.LSTM` that are decided already.
    threads, intake, progress
        As for :func:`tuned`.
    """
    settings = settings or {}
    chosen = settings_for(panel, h, season_length, WORK, settings.get("context_length"))
    config, _ = tuned(
        panel,
        LSTMConfig(h=h, **{**chosen, **settings}),
        threads=threads,
        intake=intake,
        progress=progress,
        choose_anchor="anchor" not in settings,
    )
    model = LSTM(**config.to_dict(), threads=threads)
    if progress:
        model.progress = progress("Training on everything", config.epochs)
    model.fit_panel(panel, intake)
    model.progress = False
    return model


def likely_anchors(panel: Panel, h: int, m: int) -> tuple[Literal["last", "season"], ...]:
    """Which anchors are worth trying: the better one, or both where neither is clearly better.

    Is y[t + k - m] or y[t] nearer to y[t + k], on average over k <= h?
    """
    ratios = []
    long = np.flatnonzero(panel.lengths >= m + h + 1)
    looked_at = np.zeros(panel.n_series, bool)
    if len(long):
        looked_at[long[np.unique(np.linspace(0, len(long) - 1, _LOOKED_AT).astype(int))]] = True
    past = panel.select(looked_at)
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


def _validation_loss(model: LSTM) -> float:
    """Of the epoch that was kept; scales are the windows' own, so anchors can be compared."""
    return min(model.history_.get("val_loss", [math.inf]))
