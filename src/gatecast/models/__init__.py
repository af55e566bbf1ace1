"""The forecasting models, one a file."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["KINDS", "SIMPLE"]

SIMPLE = ("Naive", "SeasonalNaive")
"""The forecasts against which skill is counted."""


def _lazily(module: str, name: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(f"gatecast.models.{module}"), name)


_PLACES = {
    "LSTM": "lstm",
    "ESLSTM": "es_lstm",
    "Naive": "baselines",
    "SeasonalNaive": "baselines",
    "Drift": "baselines",
    "Naive2": "baselines",
    "HoltWinters": "holt_winters",
    "Theta": "theta",
    "AutoETS": "statsforecast",
    "AutoARIMA": "statsforecast",
    "AutoTheta": "statsforecast",
    "Blend": "blend",
    "Ensemble": "ensemble",
    "Conformal": "conformal",
}
KINDS = {name: _lazily(module, name) for name, module in _PLACES.items()}
"""By name: a function that imports the model and returns its class."""
