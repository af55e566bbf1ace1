"""The hybrid that suits the data, where it is worth its time.

Like the LSTM's, its settings are decided on what lies before the first cutoff.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.language import said
from gatecast.models.es_lstm import ESLSTM, POSITIONS, default_dilations

if TYPE_CHECKING:
    from gatecast.panel import Panel

__all__ = ["hybrid_for", "hybrid_work"]

_SEVERAL = 10  # series: fewer share too little for one network
_FEWEST_EPOCHS = 10
_ROUNDS = 3  # of a longer season, before it is believed
_DAY = {"h": 24, "30min": 48, "15min": 96}  # steps of a day, by frequency


def hybrid_for(
    panel: Panel, h: int, season_length: int, work: float
) -> tuple[dict[str, Any] | None, str]:
    """Choose settings of an ESLSTM by the data at hand, or None: it is not worth its time.

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

    Returns
    -------
    settings : dict or None
        Keyword arguments for :class:`gatecast.ESLSTM`.
    why : str
        In words; nothing where there are too few series for the question to arise.
    """
    if panel.n_series < _SEVERAL:
        return None, ""
    seasons = _seasons(panel, season_length)
    model = ESLSTM(h, season_length=seasons)
    usual = model.n_epochs(panel)
    epochs = min(usual, int(usual * work / hybrid_work(panel, model)))
    if epochs < min(usual, _FEWEST_EPOCHS):
        return None, said("Its training would take too long on so many values.")
    why = said(
        "There are series enough to share a network: no steps of season, {epochs} epochs."
        if season_length == 1
        else "There are series enough to share a network: {steps:and} steps of season, {epochs} "
        "epochs.",
        steps=np.atleast_1d(seasons).tolist(),
        epochs=epochs,
    )
    return {"season_length": seasons, "epochs": epochs}, why


def hybrid_work(panel: Panel, model: ESLSTM) -> float:
    """Return what a training costs, in 1e9 multiplications and additions."""
    config, size = model.config, model.config.hidden_size
    layers = sum(map(len, config.dilations or default_dilations(())))  # with any seasons
    context = config.context_length or max(1, int(np.min(config.season_length or 1)))
    outputs = config.h * max(1, len(config.trained_quantiles))
    step = 4 * size * (context + size) + (layers - 1) * 8 * size**2 + outputs * size
    positions = float(np.minimum(panel.lengths, POSITIONS).sum())
    return (
        3 * 2 * step * positions * model.n_epochs(panel) / 1e9
    )  # backward costs forward twice more


def _seasons(panel: Panel, season_length: int) -> int | tuple[int, int]:
    """A day and a week, where the day is the season and there are weeks enough."""
    day = _DAY.get(panel.frequency.alias or "") if panel.frequency else None
    if day == season_length and np.median(panel.lengths) >= _ROUNDS * 7 * day:
        return day, 7 * day
    return season_length
