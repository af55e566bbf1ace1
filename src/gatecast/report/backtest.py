"""The charts of a backtest: one series and how it was forecast, and errors by step."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.errors import ConfigError
from gatecast.panel import place_of
from gatecast.report.scores import Steps, add_title, step_figure
from gatecast.report.series import Look, as_stamps, draw
from gatecast.report.view import Backtested, SeriesView
from gatecast.report.words import Words

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from gatecast.evaluation.windows import Cross, History

__all__ = ["BacktestView", "draw_backtest", "plot_backtest"]

_SEEN = 3  # models, the best ones, that are seen at first


@dataclass(frozen=True)
class BacktestView:
    """What the charts of a backtest are made of.

    Parameters
    ----------
    name : str
        The series that is drawn.
    history_ds, history : array-like
        What came, as far as it is known.
    windows : sequence of Backtested
        Of that series, oldest first; they may overlap.
    errors : mapping of str to array-like
        By model, the error at each step, over all series.
    n_windows : int
        How many cutoffs there are.
    are_scaled : bool
        Whether errors are MASE; else they are in the units of the data.
    season_length : int
        Steps per season.
    """

    name: str
    history_ds: Any
    history: ArrayLike
    windows: Sequence[Backtested]
    errors: Mapping[str, ArrayLike]
    n_windows: int
    are_scaled: bool = True
    season_length: int = 1

    def of(self, models: str | Sequence[str] | None) -> BacktestView:
        """Return it with some models only, the best first."""
        named = self.errors if models is None else [models] if isinstance(models, str) else models
        unknown = [name for name in named if name not in self.errors]
        if unknown or not named:
            raise ConfigError(
                "There is no such model in the backtest.",
                value=", ".join(map(repr, unknown)) or "none",
                fix=f"There are {', '.join(self.errors)}.",
            )
        means = {name: _mean(self.errors[name]) for name in named}
        order = sorted(means, key=lambda name: (math.isnan(means[name]), means[name]))
        windows = [
            replace(window, forecast={name: window.forecast[name] for name in order})
            for window in self.windows
        ]
        return replace(self, errors={name: self.errors[name] for name in order}, windows=windows)

    @property
    def apart(self) -> list[Backtested]:
        """The newest windows that do not overlap, oldest first."""
        kept: list[Backtested] = []
        begin: Any = None
        for window in reversed(self.windows):
            ds = as_stamps(window.ds)
            if begin is None or ds[-1] < begin:
                kept.append(window)
                begin = ds[0]
        return kept[::-1]


def _mean(errors: ArrayLike) -> float:
    known = np.asarray(errors, np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if known.size else math.nan


def draw_backtest(
    view: BacktestView,
    *,
    models: str | Sequence[str] | None = None,
    by_step: bool = False,
    lang: str = "en",
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """Draw a backtest; see :meth:`gatecast.evaluation.backtest.Backtest.plot`."""
    words, view = Words(lang), view.of(models)
    seen = tuple(view.errors) if models is not None else tuple(view.errors)[:_SEEN]
    best, windows = seen[0], words.counted("window", view.n_windows)
    if by_step:
        steps = Steps(
            errors=view.errors,
            chosen=best,
            strong=seen[1:],
            unit=words("step_error" if view.are_scaled else "step_error_plain"),
            title=words("by_step_title", what=words("by_step_all"), windows=windows),
        )
        if path is not None:
            from gatecast.report.picture import write_steps_png

            write_steps_png(path, steps, words)
        return step_figure(steps, words)
    series = SeriesView(
        unique_id=view.name,
        role="",
        history_ds=view.history_ds,
        history=view.history,
        backtests=view.apart,
        future_ds=np.asarray(view.history_ds)[:0],
        forecast=(),
    )
    look = Look(words, best, shown=seen[1:], season_length=view.season_length)
    length = max((len(np.asarray(window.ds)) for window in view.windows), default=0)
    drawn, every = len(series.backtests), len(view.windows)
    title = words(
        "backtest_none" if not every else "backtest_title" if drawn == every else "backtest_some",
        series=view.name,
        drawn=drawn,
        windows=words.counted("window", every),
        steps=words.counted("step", length),
    )
    if path is not None:
        from gatecast.report.picture import write_drawn_png

        write_drawn_png(path, series, look, title=title)
    figure = draw(series, look)
    add_title(figure, title)
    return figure


def plot_backtest(
    cv: Any,
    df: Any = None,
    *,
    unique_id: Any = None,
    models: str | Sequence[str] | None = None,
    by_step: bool = False,
    lang: str = "en",
    path: str | os.PathLike[str] | None = None,
    season_length: int | None = None,
    freq: str | int | None = None,
    id_col: str = "unique_id",
    time_col: str = "ds",
    target_col: str = "y",
) -> Any:
    """Draw the frame of a cross-validation: what came, and what models had forecast.

    Parameters
    ----------
    cv : frame
        What :func:`gatecast.cross_validation` returns: pandas, polars or pyarrow. Intervals in it
        are drawn of the best model.
    df : frame or array_like, optional
        The series themselves: their whole past is drawn, and errors are MASE. Without them there
        is what came in the windows, and errors are in the units of the data.
    unique_id : optional
        Which series; the first by default.
    models : str or sequence of str, optional
        Which models; by default all, of which the best three are seen at first.
    by_step : bool
        Draw the mean error at each step, over all series, instead of one series.
    lang : {"en", "zh"}
        The language of its words.
    path : path-like, optional
        Write a PNG there, too, with the extra ``plot``.
    season_length, freq, id_col, time_col, target_col
        As for :func:`gatecast.evaluate`.

    Returns
    -------
    plotly.graph_objects.Figure
        Windows that overlap are not all drawn: as many of the newest as stand side by side.

    Raises
    ------
    DataError
        When it is not the frame of a cross-validation, or there is no such series.
    ConfigError
        When there is no such model.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import gatecast
    >>> y = 10 + np.tile([1.0, 2.0, 3.0, 4.0], 20) + np.random.default_rng(0).normal(size=80)
    >>> df = pd.DataFrame({"ds": pd.date_range("2004-01-01", periods=80, freq="QS"), "y": y})
    >>> cv = gatecast.cross_validation(["naive", "seasonal-naive"], df, 4, n_windows=3)
    >>> gatecast.plot_backtest(cv, df).layout.title.text
    'y: 3 windows of 4 steps'
    """
    from gatecast.evaluation.evaluate import evaluate
    from gatecast.evaluation.windows import history_of, read_cross
    from gatecast.panel import Columns, Intake

    columns = Columns(id_col, time_col, target_col)
    cross = read_cross(cv, columns)
    history = None
    if df is not None:
        history = history_of(cross, df, Intake(columns, freq=freq), season_length)
    metric = "mae" if df is None else "mase"
    scores = evaluate(
        cv,
        df,
        metrics=metric,
        by="step",
        season_length=season_length,
        freq=freq,
        id_col=id_col,
        time_col=time_col,
        target_col=target_col,
    )
    error = np.asarray(scores[metric], np.float64).reshape(-1, len(cross.models))
    errors = dict(zip(cross.models, error.T, strict=True))
    view = _view_of(cross, history, unique_id, errors)
    return draw_backtest(view, models=models, by_step=by_step, lang=lang, path=path)


def _view_of(
    cross: Cross,
    history: History | None,
    unique_id: Any,
    errors: dict[str, NDArray[np.float64]],
) -> BacktestView:
    from gatecast.stamps import type_stamps

    reader, names = cross.reader, [str(name) for name in cross.reader.names]
    code = place_of(unique_id, names)
    rows = np.flatnonzero(cross.series == code)
    rows = rows[np.lexsort((cross.stamps[rows], cross.cutoffs[rows]))]

    def stamps(of: NDArray[np.intp]) -> Any:
        return type_stamps(cross.stamps[of], reader.time_type, reader.tz)

    if history is None:
        _, first = np.unique(cross.stamps[rows], return_index=True)
        ds, y = stamps(rows[first]), cross.y[rows[first]]
    else:
        panel = history.panel
        s = [str(name) for name in panel.ids].index(names[code])
        ds, y = panel.stamps(s), panel.values[panel.indptr[s] : panel.indptr[s + 1]]
    best = min(errors, key=lambda name: _mean(errors[name]))
    return BacktestView(
        name=names[code],
        history_ds=ds,
        history=y,
        windows=[_window(cross, best, window, stamps(window)) for window in _windows(cross, rows)],
        errors=errors,
        n_windows=len(np.unique(cross.cutoffs)),
        are_scaled=history is not None,
        season_length=1 if history is None else history.season_length,
    )


def _windows(cross: Cross, rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each window of a series, oldest first."""
    yield from np.split(rows, np.flatnonzero(np.diff(cross.cutoffs[rows])) + 1)


def _window(cross: Cross, best: str, rows: NDArray[np.intp], ds: Any) -> Backtested:
    intervals = cross.models[best].intervals
    return Backtested(
        ds=ds,
        forecast={name: model.point[rows] for name, model in cross.models.items()},
        intervals={float(level): (lo[rows], hi[rows]) for level, (lo, hi) in intervals.items()},
    )
