"""The one-file HTML pages of ``gatecast demo`` and ``gatecast forecast --plot``.

``page`` knows how a page looks and how it is written; ``demo`` and ``forecast`` know what their
pages say. Plotly is imported only when a page or a figure is made.
"""

from __future__ import annotations

from gatecast.report.demo import write_demo_page
from gatecast.report.forecast import (
    ForecastView,
    SeriesView,
    forecast_figure,
    holdout_verdict,
    write_forecast_page,
)
from gatecast.report.page import Chart, Section, Table, write_page

__all__ = [
    "Chart",
    "ForecastView",
    "Section",
    "SeriesView",
    "Table",
    "forecast_figure",
    "holdout_verdict",
    "write_demo_page",
    "write_forecast_page",
    "write_page",
]
