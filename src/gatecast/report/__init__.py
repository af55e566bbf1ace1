"""The one-file HTML pages of ``gatecast demo`` and of forecasts, and their charts.

``page`` knows how a page looks and how it is written; ``demo`` and ``forecast`` know what their
pages show, and ``words`` how that is said in each language. ``series`` lays out the chart of a
series, ``picture`` draws it to a PNG file. Plotly and matplotlib are imported only when a page or a
figure is made.
"""

from __future__ import annotations

from gatecast.report.demo import write_demo_page
from gatecast.report.forecast import write_forecast_page
from gatecast.report.page import Chart, Section, Table, write_page
from gatecast.report.picture import write_png
from gatecast.report.series import main_figure
from gatecast.report.view import Backtested, ForecastView, SeriesView

__all__ = [
    "Backtested",
    "Chart",
    "ForecastView",
    "Section",
    "SeriesView",
    "Table",
    "main_figure",
    "write_demo_page",
    "write_forecast_page",
    "write_page",
    "write_png",
]
