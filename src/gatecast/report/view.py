"""What a page of a forecast is given to show, whatever made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from numpy.typing import ArrayLike

__all__ = ["Backtested", "ForecastView", "Intervals", "SeriesView"]

Intervals = Mapping[float, tuple[ArrayLike, ArrayLike]]
"""By level in per cent, the lower and the upper bounds."""


@dataclass(frozen=True)
class Backtested:
    """One window of the past that was forecast as if it had not been seen.

    Parameters
    ----------
    ds : array-like
        Stamps of the window, dates or numbers.
    forecast : mapping of str to array-like
        By model, what it forecast for them; NaN is left out.
    intervals : mapping of float to (array-like, array-like), optional
        Of the chosen model: by level in per cent, lower and upper bounds.
    """

    ds: ArrayLike
    forecast: Mapping[str, ArrayLike]
    intervals: Intervals = field(default_factory=dict)


@dataclass(frozen=True)
class SeriesView:
    """One series as it is drawn.

    Parameters
    ----------
    unique_id : str
        Its name.
    role : {"", "best", "typical", "worst"}
        How well the chosen model did on it, beside the other series.
    history_ds, history : array-like
        Stamps (dates or numbers) and values of everything observed; NaN is a gap. A series
        without history has none.
    backtests : sequence of Backtested
        The windows of the backtest, oldest first.
    future_ds, forecast : array-like
        Stamps past the end, and the forecast of the chosen model.
    intervals : mapping of float to (array-like, array-like), optional
        By level in per cent, lower and upper bounds of the forecast.
    mase : float, optional
        Error of the chosen model on this series.
    """

    unique_id: str
    role: Literal["", "best", "typical", "worst"]
    history_ds: ArrayLike
    history: ArrayLike
    backtests: Sequence[Backtested]
    future_ds: ArrayLike
    forecast: ArrayLike
    intervals: Intervals = field(default_factory=dict)
    mase: float | None = None


@dataclass(frozen=True)
class ForecastView:
    """What the page of a forecast shows.

    Parameters
    ----------
    title : str
        The heading, such as the name of the file.
    verdict : str
        One to three plain sentences, in the language of the page.
    chosen : str
        The name of the model that was chosen.
    lang : {"en", "zh"}
        The language of the page's own words.
    horizon : int
        Steps forecast, and steps of a window.
    season_length : int
        Steps in a season, 1 for none.
    series : sequence of SeriesView
        The series to draw; the first 30 are.
    n_series : int
        How many were forecast.
    n_scored : int
        How many of them are in the scores.
    leaderboard : sequence of mapping
        A row a model, the best first, with ``model``, ``mase``, ``smape`` (per cent), ``rmse``,
        ``pinball``, ``coverage_90`` and ``skill`` (shares: 0.9 is 90 %) and ``seconds``. What
        is missing or not finite is shown as a dash. Empty: nothing was scored.
    n_windows : int
        How many windows of the past the scores are over.
    errors_by_step : mapping of str to array-like
        By model, the MASE of each step of the horizon.
    calibration : mapping of float to float
        Of the chosen model, in the backtests: by the level of an interval in per cent, how many
        per cent of the values it held.
    findings : sequence of (str, str, str)
        Of the doctor: severity (``error``, ``warning``, ``info``), problem, what to do.
    decisions : sequence of (str, str)
        What was decided, and why.
    settings : mapping of str to str
        Name and value, as they are to be read.
    notes : sequence of str
        What else was noticed on the way.
    command : str
        What makes the same forecast again.
    """

    title: str
    verdict: str
    chosen: str
    lang: Literal["en", "zh"]
    horizon: int
    season_length: int
    series: Sequence[SeriesView]
    n_series: int
    n_scored: int
    leaderboard: Sequence[Mapping[str, float | str]]
    n_windows: int
    errors_by_step: Mapping[str, ArrayLike] = field(default_factory=dict)
    calibration: Mapping[float, float] = field(default_factory=dict)
    findings: Sequence[tuple[str, str, str]] = ()
    decisions: Sequence[tuple[str, str]] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    command: str = ""
