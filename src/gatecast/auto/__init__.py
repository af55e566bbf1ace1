"""The whole honest path: check, test on the past, choose, forecast, say how good it is.

:mod:`~gatecast.auto.entry` is the door; :mod:`~gatecast.auto.path` the path itself;
:mod:`~gatecast.auto.lstm` sizes the network; :mod:`~gatecast.auto.scores` compares;
:mod:`~gatecast.auto.result` is what comes out.
"""

from __future__ import annotations

from gatecast.auto.entry import forecast
from gatecast.auto.path import Request, forecast_panel
from gatecast.auto.result import Forecast

__all__ = ["Forecast", "Request", "forecast", "forecast_panel"]
