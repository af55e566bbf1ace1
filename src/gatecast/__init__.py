"""Forecast time series with LSTM networks: honest, fast on any CPU, nothing heavy to install.

>>> import numpy as np
>>> import gatecast
>>> y = np.sin(np.arange(100) * 2 * np.pi / 12)
>>> gatecast.LSTM(h=6, context_length=24, hidden_size=8, epochs=20).fit(y).predict().shape
(6,)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gatecast.errors import (
    ArtifactError,
    ConfigError,
    DataError,
    GatecastError,
    MissingExtraError,
)
from gatecast.models.lstm import LSTM
from gatecast.models.persistence import load

if TYPE_CHECKING:
    from gatecast.auto import Forecast, forecast
    from gatecast.doctor import check
    from gatecast.evaluation.cross_validation import cross_validation
    from gatecast.evaluation.evaluate import evaluate
    from gatecast.evaluation.lag import lag_diagnosis
    from gatecast.evaluation.search import Search, search
    from gatecast.gates.trace import Trace
    from gatecast.models.baselines import Drift, Naive, Naive2, SeasonalNaive
    from gatecast.models.blend import Blend
    from gatecast.models.conformal import Conformal
    from gatecast.models.ensemble import Ensemble
    from gatecast.models.es_lstm import ESLSTM
    from gatecast.models.holt_winters import HoltWinters
    from gatecast.models.statsforecast import AutoARIMA, AutoETS, AutoTheta
    from gatecast.models.theta import Theta
    from gatecast.report.backtest import plot_backtest

__all__ = [
    "ESLSTM",
    "LSTM",
    "ArtifactError",
    "AutoARIMA",
    "AutoETS",
    "AutoTheta",
    "Blend",
    "ConfigError",
    "Conformal",
    "DataError",
    "Drift",
    "Ensemble",
    "Forecast",
    "GatecastError",
    "HoltWinters",
    "MissingExtraError",
    "Naive",
    "Naive2",
    "Search",
    "SeasonalNaive",
    "Theta",
    "Trace",
    "check",
    "cross_validation",
    "evaluate",
    "forecast",
    "lag_diagnosis",
    "load",
    "plot_backtest",
    "search",
]

# Looked up on demand: each costs more than the rest of the import.
_ON_DEMAND = {
    "__version__": "version",
    "check": "doctor",
    "cross_validation": "evaluation.cross_validation",
    "evaluate": "evaluation.evaluate",
    "forecast": "auto",
    "Forecast": "auto",
    "lag_diagnosis": "evaluation.lag",
    "plot_backtest": "report.backtest",
    **dict.fromkeys(("Search", "search"), "evaluation.search"),
    **dict.fromkeys(("Drift", "Naive", "Naive2", "SeasonalNaive"), "models.baselines"),
    "Blend": "models.blend",
    "Conformal": "models.conformal",
    "ESLSTM": "models.es_lstm",
    "Ensemble": "models.ensemble",
    "HoltWinters": "models.holt_winters",
    "Theta": "models.theta",
    "Trace": "gates.trace",
    **dict.fromkeys(("AutoARIMA", "AutoETS", "AutoTheta"), "models.statsforecast"),
}


def __getattr__(name: str) -> Any:
    if name in _ON_DEMAND:
        return getattr(import_module(f"gatecast.{_ON_DEMAND[name]}"), name)
    raise AttributeError(f"module 'gatecast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})
