"""AutoETS, AutoARIMA and AutoTheta of the package statsforecast, as models among the others.

They choose their own form for each series, by an information criterion, every time they forecast.
The package comes with the extra ``stats`` and is imported on use.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gatecast.errors import MissingExtraError
from gatecast.language import said
from gatecast.models.baselines import Statistical, seasonal_naive
from gatecast.panel import MissingFuture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.models.inputs import Prediction
    from gatecast.panel import Intake, Panel

__all__ = ["AutoARIMA", "AutoETS", "AutoTheta"]


class _Automatic(Statistical):
    """The model of statsforecast that has this class's name."""

    def fit_panel(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Remember the series; a MissingExtraError without the package."""
        _models()
        return super().fit_panel(panel, intake)

    def forecast(self, panel: Panel, h: int) -> NDArray[np.float64]:
        """Return forecasts ``[n_series, h]``, NaN for a series that the method cannot forecast."""
        model = getattr(_models(), type(self).__name__)(season_length=self.season_length(panel))
        y = panel.filled("interpolate").values
        rows = [
            _forecast(model, y[begin:end], h)
            for begin, end in zip(panel.indptr[:-1], panel.indptr[1:], strict=True)
        ]
        return np.stack(rows)

    def predict_panel(
        self, panel: Panel, h: int, missing_future: MissingFuture = "error"
    ) -> Prediction:
        """Forecast ``h`` steps past the end of a panel's series."""
        prediction = super().predict_panel(panel, h, missing_future)
        failed = np.isnan(prediction.point).any(axis=1)
        notes = list(prediction.notes)
        if not panel.observed.all():
            template = "{model} saw straight lines in place of missing values."
            notes.append(said(template, model=self.name))
        if failed.any():
            season = self.season_length(panel)
            prediction.outputs[failed, :, 0] = seasonal_naive(panel, h, season)[failed]
            n = int(failed.sum())
            notes.append(
                said(
                    "{model} could not forecast {n:,} of {all:series|series}, mostly for being "
                    "short: the {what} is repeated instead.",
                    model=self.name,
                    n=n,
                    all=panel.n_series,
                    what=said("last season" if season > 1 else "last value"),
                )
            )
        return replace(prediction, notes=tuple(notes))


class AutoETS(_Automatic):
    """Exponential smoothing whose errors, trend and season are chosen by AICc.

    From the package statsforecast, which needs ``pip install 'gatecast[stats]'``. Missing values
    are first put on straight lines. A series that it cannot forecast repeats its last season
    instead, and a warning counts those. It has no season of more than 24 steps.

    Parameters
    ----------
    h : int
        Horizon; ``predict(h=...)`` may ask for any.
    season_length : int, optional
        Steps per season; by default from the frequency of a frame, 1 for arrays.

    Raises
    ------
    MissingExtraError
        On ``fit`` and ``predict``, when statsforecast is not installed.

    Notes
    -----
    Hyndman, Koehler, Snyder & Grose (2002), A state space framework for automatic forecasting
    using exponential smoothing methods.

    Examples
    --------
    >>> import gatecast
    >>> gatecast.AutoETS(2).fit([1.0, 2.0, 3.0] * 9).predict()  # doctest: +SKIP
    """


class AutoARIMA(_Automatic):
    """ARIMA, with a season or without, whose orders are chosen step by step by AICc.

    From the package statsforecast, which needs ``pip install 'gatecast[stats]'``. Missing values
    are first put on straight lines. A series that it cannot forecast repeats its last season
    instead, and a warning counts those. Long seasons cost it minutes a series.

    Parameters
    ----------
    h : int
        Horizon; ``predict(h=...)`` may ask for any.
    season_length : int, optional
        Steps per season; by default from the frequency of a frame, 1 for arrays.

    Raises
    ------
    MissingExtraError
        On ``fit`` and ``predict``, when statsforecast is not installed.

    Notes
    -----
    Hyndman & Khandakar (2008), Automatic time series forecasting: the forecast package for R.

    Examples
    --------
    >>> import gatecast
    >>> gatecast.AutoARIMA(2).fit([1.0, 2.0, 3.0] * 9).predict()  # doctest: +SKIP
    """


class AutoTheta(_Automatic):
    """The Theta method, standard or optimised, static or dynamic, by its error on the series.

    From the package statsforecast, which needs ``pip install 'gatecast[stats]'``. Missing values
    are first put on straight lines. A series that it cannot forecast repeats its last season
    instead, and a warning counts those.

    Parameters
    ----------
    h : int
        Horizon; ``predict(h=...)`` may ask for any.
    season_length : int, optional
        Steps per season; by default from the frequency of a frame, 1 for arrays.

    Raises
    ------
    MissingExtraError
        On ``fit`` and ``predict``, when statsforecast is not installed.

    Notes
    -----
    Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler (2016), Models for optimising the theta
    method and their relationship to state space models.

    Examples
    --------
    >>> import gatecast
    >>> gatecast.AutoTheta(2).fit([1.0, 2.0, 3.0] * 9).predict()  # doctest: +SKIP
    """


def _models() -> Any:
    try:
        return import_module("statsforecast.models")
    except ImportError as error:
        raise MissingExtraError("AutoETS, AutoARIMA and AutoTheta", extra="stats") from error


def _forecast(model: Any, y: NDArray[np.float64], h: int) -> NDArray[np.float64]:
    """Forecasts ``[h]`` of one series; all NaN where the method fails."""
    failed = np.full(h, np.nan)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of divisions by zero that it copes with
        try:
            mean = np.asarray(model.forecast(y=y, h=h)["mean"], np.float64)
        except Exception:  # short series, and whatever else: it has no error of its own
            return failed
    return mean if mean.shape == (h,) and np.isfinite(mean).all() else failed
