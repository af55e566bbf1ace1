"""What a page shows of a forecast: its figures, its gates, and the report without the library.

A report is some 5 MB, nearly all of it plotly. It is kept without, and put together when it is
asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from gatecast.errors import GatecastError

if TYPE_CHECKING:
    from gatecast.auto import Forecast
    from gatecast.report.view import ForecastView

__all__ = ["figures", "gates", "plotly_library", "report", "whole_report"]

_PLACE = b"<!-- plotly.js -->"


def figures(view: ForecastView) -> dict[str, Any]:
    """Return the charts of a forecast as JSON-safe values."""
    from gatecast.report.forecast import forecast_figures

    made = forecast_figures(view)
    return {
        "series": [
            {
                "unique_id": series.unique_id,
                "role": series.role,
                "mase": series.mase,
                "figure": _json(figure),
            }
            for series, figure in made.series
        ],
        "n_series": view.n_series,
        "by_step": None if made.by_step is None else _json(made.by_step),
        "calibration": None if made.calibration is None else _json(made.calibration),
        "verdict": view.verdict,
        "chosen": view.chosen,
        "findings": [list(finding) for finding in view.findings],
        "decisions": [list(one) for one in view.decisions],
        "settings": dict(view.settings),
        "notes": list(view.notes),
    }


def _json(figure: Any) -> Any:
    return json.loads(figure.to_json(engine="json"))


def gates(result: Forecast, langs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what the network did by language, or the ``reason`` why there is nothing of it."""
    from gatecast.report.gates import gates_section

    try:
        trace = result.inspect()
    except GatecastError as error:
        return {lang: {"reason": error.problem} for lang in langs}
    return {lang: gates_section(trace, lang) for lang in langs}


def report(view: ForecastView) -> bytes:
    """Return the page that ``gatecast forecast --report`` writes, without plotly."""
    from gatecast.report.forecast import forecast_page

    page = forecast_page(view).encode("utf-8", errors="replace")
    return page.replace(_embedded(), _PLACE, 1)


def whole_report(kept: bytes) -> bytes:
    """Put plotly back into what :func:`report` returned."""
    return kept.replace(_PLACE, _embedded(), 1)


@cache
def plotly_library() -> bytes:
    """Return plotly.js."""
    from plotly.offline import get_plotlyjs

    library: str = get_plotlyjs()
    return library.encode()


def _embedded() -> bytes:
    """The library as a page holds it."""
    return plotly_library().replace(b"</script", b"<\\/script")
