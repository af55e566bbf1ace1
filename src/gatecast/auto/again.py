"""A fitted model goes on: its own series, or new ones, without any training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gatecast.models.forecaster import Forecaster, confidence_levels
from gatecast.panel import no_such_series
from gatecast.plain import records

if TYPE_CHECKING:
    from gatecast.panel import MissingFuture, Panel

__all__ = ["Continued", "go_on"]


@dataclass(frozen=True, eq=False)
class Continued:
    """What :func:`go_on` returns.

    Attributes
    ----------
    model : str
        Its name.
    frequency : str
    horizon : int
    series : int
        How many were forecast.
    notes : tuple of str
    frame
        pandas: ``unique_id, ds, <Model>`` and intervals.
    """

    model: str
    frequency: str
    horizon: int
    series: int
    notes: tuple[str, ...]
    frame: Any

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON-safe values, the rows of the frame as ``forecast``."""
        facts = {name: value for name, value in vars(self).items() if name != "frame"}
        return {**facts, "notes": list(self.notes), "forecast": records(self.frame)}


def go_on(
    model: Forecaster,
    panel: Panel,
    h: int | None = None,
    *,
    level: Sequence[float] | None = None,
    series: Sequence[str] | None = None,
    missing_future: MissingFuture = "error",
) -> Continued:
    """Forecast past the end of series with a fitted model.

    Parameters
    ----------
    model : Forecaster
        Fitted, or loaded.
    panel : Panel
        The series, which the model is able to continue.
    h : int, optional
        How many steps; by default as many as it was trained for.
    level : sequence of float, optional
        Intervals in per cent; by default as it was saved.
    series : sequence of str, optional
        Only these.
    missing_future : {"error", "last", "seasonal"}
        As for :meth:`gatecast.LSTM.predict`.

    Returns
    -------
    Continued

    Raises
    ------
    DataError
        When there is no such series.
    ConfigError
        When the model cannot do what is asked.
    """
    panel = replace(panel, kind="pandas")  # whatever the model was fitted on
    cold = [] if panel.cold is None else [str(name) for name in panel.cold.ids]
    known = [*map(str, panel.ids), *cold]
    if series:
        missing = [name for name in series if name not in known]
        if missing:
            raise no_such_series(", ".join(missing), known)
        if not any(name in series for name in cold):  # which are forecast by all the others
            panel = panel.select([name in series for name in known[: panel.n_series]])
            known = [str(name) for name in panel.ids]
    steps = model.horizon(h)
    prediction = model.predict_panel(panel, steps, missing_future)
    if series:
        prediction = prediction.select([name in series for name in known])
    levels = None if level is None else confidence_levels(level)
    shown = model.chosen_quantiles(None) if levels is None else ()
    frame = prediction.frame(model.columns(prediction, shown, levels))
    frame.columns = ["unique_id", "ds", *frame.columns[2:]]
    return Continued(
        model=next(iter(model.members), model).name,
        frequency=str(panel.frequency),
        horizon=steps,
        series=prediction.panel.n_series,
        notes=(*panel.notes, *prediction.notes),
        frame=frame,
    )
