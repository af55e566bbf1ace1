"""``gatecast.forecast``: data in, a forecast that says how good it is out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gatecast.errors import ConfigError
from gatecast.models.config import column_names, whole_number
from gatecast.models.forecaster import confidence_levels
from gatecast.panel import (
    Columns,
    Duplicates,
    Fill,
    Intake,
    MissingFuture,
    Resample,
    from_any,
    require_word,
)

if TYPE_CHECKING:
    from gatecast.auto.result import Forecast

__all__ = ["forecast", "seconds_of"]


def forecast(
    df: Any,
    h: int,
    *,
    freq: str | int | None = None,
    season_length: int | None = None,
    level: Sequence[float] = (80, 95),
    models: Any = "auto",
    budget: float | str | None = None,
    seed: int = 0,
    future_df: Any = None,
    past_covariates: Sequence[str] = (),
    future_covariates: Sequence[str] = (),
    static_covariates: Sequence[str] = (),
    calendar: bool = False,
    holidays: str | None = None,
    id_col: str = "unique_id",
    time_col: str = "ds",
    target_col: str = "y",
    fill: Fill | None = None,
    duplicates: Duplicates = "error",
    resample: Resample | None = None,
    missing_future: MissingFuture = "error",
    threads: int | None = None,
    progress: bool = False,
) -> Forecast:
    """Check the data, test models on the past, choose, forecast, and say how good that is.

    Naive, seasonal naive, Theta, Holt-Winters, an LSTM that is sized to the data and, of ten series
    or more, ESLSTM (unless it would take too long) forecast the past from several cutoffs, with
    nothing that came later. The one with the smallest error, or the mean of up to three good ones,
    is fitted on everything; what it erred makes its intervals.

    Parameters
    ----------
    df : frame, array_like, path-like or list of path-like
        As for :meth:`gatecast.LSTM.fit`.
    h : int
        Horizon: how many steps to forecast.
    freq : str or int, optional
        The frequency of the stamps; found from them by default.
    season_length : int, optional
        Steps per season; found from the frequency and the data by default.
    level : sequence of float
        Intervals in per cent.
    models : "auto", str, Forecaster, or a sequence of them
        Who may be chosen: ``"lstm"``, ``"eslstm"``, ``"ensemble"`` (of five LSTMs),
        ``"holt-winters"``, ``"theta"``, ``"naive"``, ``"seasonal-naive"``, ``"drift"``,
        ``"naive2"``, with the extra ``stats`` ``"auto-ets"``, ``"auto-arima"``, ``"auto-theta"``,
        or models of your own making. Naive and seasonal naive are tested beside them always.
    budget : float or str, optional
        Seconds that it may take, or ``"60s"``, ``"5m"``. Without one every choice rests on counted
        work and never on a clock, so that the same data give the same forecast anywhere.
    seed : int
        Same seed, same result, on any number of threads.
    future_df : frame or path-like, optional
        What the future covariates will be; see :meth:`gatecast.LSTM.predict`.
    past_covariates, future_covariates, static_covariates, calendar, holidays
        What else the LSTM may read; see :class:`gatecast.LSTM`.
    id_col, time_col, target_col, fill, duplicates, resample
        As for :meth:`gatecast.LSTM.fit`.
    missing_future : {"error", "last", "seasonal"}
        As for :meth:`gatecast.LSTM.predict`.
    threads : int, optional
        By default ``GATECAST_THREADS`` or all processors.
    progress : bool
        Show bars on the terminal.

    Returns
    -------
    Forecast
        With ``frame``, ``leaderboard``, ``backtest``, ``chosen``, ``verdict``, ``intervals``, and
        ``plot()``, ``report(path)``, ``save(path)``, ``simulate(n)``, ``explain()``.

    Raises
    ------
    DataError
        When the data cannot be used; it names the rows.
    ConfigError
        When a setting is impossible.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import gatecast
    >>> rng = np.random.default_rng(0)
    >>> y = 10 + np.tile([1.0, 2.0, 3.0, 4.0], 12) + 0.1 * rng.normal(size=48)
    >>> df = pd.DataFrame({"ds": pd.date_range("2012-01-01", periods=48, freq="QS"), "y": y})
    >>> result = gatecast.forecast(df, 4, models=["naive", "seasonal-naive"])
    >>> result.chosen
    'SeasonalNaive'
    >>> list(result.frame.columns)[2:5]
    ['forecast', 'forecast-lo-80', 'forecast-hi-80']
    """
    from gatecast.auto.path import Request, forecast_panel
    from gatecast.doctor import require_sound
    from gatecast.evaluation.cross_validation import covariates_of
    from gatecast.progress import StageBar

    h = whole_number("h", h, 1, 100_000)
    if season_length is not None:
        season_length = whole_number("season_length", season_length, 1, 100_000)
    require_word("missing_future", missing_future, MissingFuture)
    own = {
        "past": column_names("past_covariates", past_covariates),
        "future": column_names("future_covariates", future_covariates),
        "static": column_names("static_covariates", static_covariates),
    }
    # Models of the caller's own making may read more than our LSTM does.
    columns = Columns(id_col, time_col, target_col, **covariates_of(models, own))
    intake = Intake(columns, freq, fill, duplicates, resample)
    settings: dict[str, Any] = {"calendar": calendar or None, "holidays": holidays}
    settings |= {f"{role}_covariates": names for role, names in own.items()}
    request = Request(
        h=h,
        season_length=season_length,
        level=tuple(confidence_levels(level)),
        models=models,
        budget=seconds_of(budget),
        seed=whole_number("seed", seed, 0, 2**63 - 1),
        threads=threads,
        missing_future=missing_future,
        settings={name: value for name, value in settings.items() if value is not None},
    )
    panel = from_any(df, intake)
    if future_df is not None:
        from gatecast.files import join_ahead

        panel = join_ahead(panel, future_df, intake)
    warned = require_sound(panel, h, season_length=season_length, missing_future=missing_future)
    panel = replace(panel, notes=panel.notes + warned)
    if not progress:
        return forecast_panel(panel, request, intake=intake)
    with StageBar() as bar:
        return forecast_panel(panel, request, intake=intake, progress=bar.stage)


def seconds_of(budget: float | str | None) -> float | None:
    """Return a time budget in seconds: of a number, or of text such as 60s or 5m.

    Raises
    ------
    ConfigError
        When it is neither.

    Examples
    --------
    >>> seconds_of("5m"), seconds_of(20)
    (300.0, 20.0)
    """
    if budget is None:
        return None
    seconds = math.nan
    try:
        if isinstance(budget, str):
            text = budget.strip().lower()
            unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:], 0)
            seconds = float(text[:-1]) * unit if unit else float(text)
        elif not isinstance(budget, bool):
            seconds = float(budget)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ConfigError(
            "budget must be a time.", value=repr(budget), fix="Use 60 or '60s' or '5m'."
        )
    return seconds
