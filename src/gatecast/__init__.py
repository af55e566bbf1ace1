"""Forecast time series with LSTM networks: honest, fast on any CPU, nothing heavy to install.

>>> import numpy as np
>>> import gatecast
>>> y = np.sin(np.arange(100) * 2 * np.pi / 12)
>>> gatecast.LSTM(h=6, context_length=24, hidden_size=8, epochs=20).fit(y).predict().shape
(6,)
"""

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
    from gatecast.doctor import check

__all__ = [
    "LSTM",
    "ArtifactError",
    "ConfigError",
    "DataError",
    "GatecastError",
    "MissingExtraError",
    "check",
    "load",
]


def __getattr__(name: str) -> Any:
    # Looked up on demand: each costs more than the rest of the import.
    if name == "__version__":
        from gatecast.version import __version__

        return __version__
    if name == "check":
        from gatecast.doctor import check

        return check
    raise AttributeError(f"module 'gatecast' has no attribute {name!r}")
