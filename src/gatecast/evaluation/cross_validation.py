"""How models would have done: a frame of forecasts of the past beside what came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.errors import ConfigError
from gatecast.evaluation.backtest import (
    Backtest,
    Cutoffs,
    backtest,
    cutoffs,
    mean,
    own_widths,
    point_scores,
)
from gatecast.evaluation.metrics import coverage
from gatecast.language import Lang, said, say
from gatecast.models.config import flag, whole_number
from gatecast.models.forecaster import Forecaster, confidence_levels
from gatecast.panel import Columns, Intake, MissingFuture, Panel, from_any, require_word
from gatecast.plain import plain, records
from gatecast.progress import StageBar

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CrossValidation", "cross_validate", "cross_validation", "named_models"]

_BEFORE = 10  # windows before the first, from which its intervals are calibrated
_SHARED = ("epochs", "seed", "calendar", "static_covariates")  # what ESLSTM has of LSTM's settings
_SEEDS = 5  # of the LSTM that an ensemble called by its name is made of
Models = Forecaster | str | Sequence[Forecaster | str] | Mapping[str, Forecaster]


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Forecasts of the past, with intervals as they would have been.

    Parameters
    ----------
    tested : Backtest
    intervals : dict
        ``lo, hi [K, S, h]`` by model and level.
    """

    tested: Backtest
    intervals: dict[str, dict[float, tuple[NDArray[np.float64], NDArray[np.float64]]]]

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C came before all windows were finished."""
        return self.tested.interrupted

    def scores(self, levels: Sequence[float]) -> list[dict[str, Any]]:
        """Return a row a model, the best first: MASE, sMAPE, RMSE, and how intervals held."""
        tested, rows = self.tested, []
        for name in tested.outputs:
            row: dict[str, Any] = {"model": name, **point_scores(tested, name)}
            for level in levels:
                lo, hi = self.intervals[name][level]
                row[f"coverage_{level:g}"] = mean(coverage(tested.truth, lo, hi))
            rows.append(row)
        return sorted(rows, key=lambda row: (row["mase"] != row["mase"], row["mase"]))

    def to_dict(
        self, levels: Sequence[float], notes: Sequence[str] = (), lang: Lang = "en"
    ) -> dict[str, Any]:
        """Return what ``gatecast backtest --json`` prints, as JSON-safe values.

        Parameters
        ----------
        levels : sequence of float
            Intervals that are scored, in per cent.
        notes : sequence of str
            What there is to say of the data.
        lang : {"en", "zh"}
            The language of the notes.
        """
        tested = self.tested
        return {
            "frequency": str(tested.panel.frequency),
            "season_length": tested.season_length,
            "horizon": tested.h,
            "series": tested.panel.n_series,
            "windows": tested.n_windows,
            "scores": plain(self.scores(levels)),
            "seconds": plain(tested.seconds),
            "notes": [say(note, lang) for note in (*notes, *tested.notes)],
            "forecasts": records(self.frame()),
        }

    def frame(self) -> Any:
        """Return the long frame that :func:`cross_validation` describes."""
        from gatecast.frames import long_frame

        tested, panel = self.tested, self.tested.panel
        left = panel.lengths - tested.ends  # [K, S]
        scored = np.asarray((~np.isnan(tested.truth)).any(axis=2))
        steps = np.arange(tested.h)
        rows: NDArray[np.bool_] = scored[:, :, None] & (
            steps < left[:, :, None]
        )  # in the order of the windows
        k, s, step = np.nonzero(rows)
        shift = panel._shift(tested.stamps[k, s], step + 1)
        cells: dict[str, NDArray[Any]] = {panel.columns.target_col: tested.truth[rows]}
        for name in tested.outputs:
            cells[name] = tested.point(name)[rows]
            for level, (lo, hi) in self.intervals.get(name, {}).items():
                cells |= {f"{name}-lo-{level:g}": lo[rows], f"{name}-hi-{level:g}": hi[rows]}
        stamps = {panel.columns.time_col: shift, "cutoff": tested.stamps[k, s]}
        return long_frame(panel, panel.ids[s], stamps, cells)


def cross_validation(
    models: Models,
    df: Any,
    h: int,
    *,
    n_windows: int,
    step_size: int | None = None,
    refit: bool = True,
    input_size: int | None = None,
    level: Sequence[float] | None = None,
    adaptive: bool = False,
    season_length: int | None = None,
    freq: str | int | None = None,
    id_col: str = "unique_id",
    time_col: str = "ds",
    target_col: str = "y",
    missing_future: MissingFuture = "error",
    threads: int | None = None,
    progress: bool = False,
) -> Any:
    """Forecast the past of each series from several cutoffs, with what was known then alone.

    Nothing after a cutoff touches a forecast made at it: not a scaler, an encoder, early stopping,
    nor the width of an interval. Future covariates are those of the frame's own rows.

    Parameters
    ----------
    models : Forecaster, str, sequence or mapping
        Models that need not be fitted (they are copied, for this horizon), or their names:
        ``["naive", "holt-winters", gatecast.LSTM(12)]``. With a mapping, columns have its names.
    df : frame, array_like, path-like or list of path-like
        As for :meth:`gatecast.LSTM.fit`.
    h : int
        Horizon.
    n_windows : int
        How many cutoffs; fewer, with a note, where the series are too short.
    step_size : int, optional
        Steps between them; ``h`` by default, so that no value is forecast twice.
    refit : bool
        Fit at every cutoff. Else weights are those of the first cutoff, and contexts advance.
    input_size : int, optional
        Fit on so many values before each cutoff, a sliding window; by default on all, an
        expanding one.
    level : sequence of float, optional
        Calibrated intervals in per cent: each from the errors at earlier cutoffs whose truths were
        known by then. Up to 10 more windows before the first serve that alone.
    adaptive : bool
        Let intervals follow how often they held (Gibbs & Candès, 2021).
    season_length : int, optional
        Steps per season, for scales and for models named by text; from the frequency by default.
    freq, id_col, time_col, target_col
        As for :meth:`gatecast.LSTM.fit`.
    missing_future : {"error", "last", "seasonal"}
        For future covariates that are missing in the frame's rows: ``"error"`` holds the last one.
    threads : int, optional
        How many; the result is the same.
    progress : bool
        Show a bar on the terminal.

    Returns
    -------
    frame
        Of the caller's kind: ``unique_id, ds, cutoff, y``, a column a model, and ``<Model>-lo-90``,
        ``<Model>-hi-90`` for a level. After Ctrl-C, the windows that are finished, with a warning.
        :func:`gatecast.evaluate` scores it, :func:`gatecast.plot_backtest` draws it.

    Raises
    ------
    DataError
        When the data cannot be used, or are too short.
    ConfigError
        When a setting is impossible.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import gatecast
    >>> y = 10 + np.tile([1.0, 2.0, 3.0, 4.0], 20) + np.random.default_rng(0).normal(size=80)
    >>> df = pd.DataFrame({"ds": pd.date_range("2004-01-01", periods=80, freq="QS"), "y": y})
    >>> cv = gatecast.cross_validation(["naive", "seasonal-naive"], df, 4, n_windows=3, level=[90])
    >>> list(cv.columns[:5])
    ['unique_id', 'ds', 'cutoff', 'y', 'Naive']
    >>> len(cv), cv["cutoff"].nunique()
    (12, 3)
    >>> gatecast.evaluate(cv, df, metrics=["mase"]).round(2)
               model  mase
    0          Naive  2.18
    1  SeasonalNaive  1.51
    """
    import warnings

    h = whole_number("h", h, 1, 100_000)
    named = named_models(models, h, season_length=season_length)
    columns = Columns(id_col, time_col, target_col, **covariates_of(named))
    intake = Intake(columns, freq)
    panel = from_any(df, intake)
    with StageBar() if progress else nullcontext() as bar:
        made = cross_validate(
            named,
            panel,
            h,
            n_windows=n_windows,
            step_size=step_size,
            refit=refit,
            input_size=input_size,
            level=level or (),
            adaptive=adaptive,
            season_length=season_length,
            missing_future=missing_future,
            threads=threads,
            intake=intake,
            progress=None if bar is None else bar.stage,
        )
    for note in made.tested.notes:
        warnings.warn(note, stacklevel=2)
    return made.frame()


def cross_validate(
    models: Mapping[str, Forecaster],
    panel: Panel,
    h: int,
    *,
    n_windows: int,
    step_size: int | None = None,
    refit: bool = True,
    input_size: int | None = None,
    level: Sequence[float] = (),
    adaptive: bool = False,
    season_length: int | None = None,
    missing_future: MissingFuture = "error",
    threads: int | None = None,
    intake: Intake | None = None,
    progress: Callable[[str, int], Any] | None = None,
) -> CrossValidation:
    """Do what :func:`cross_validation` does, with data already taken in."""
    n_windows = whole_number("n_windows", n_windows, 1, 100_000)
    step_size = whole_number("step_size", h if step_size is None else step_size, 1, 100_000)
    flag("refit", refit)
    require_word("missing_future", missing_future, MissingFuture)
    if input_size is not None:
        whole_number("input_size", input_size, 3, 10**9)
    levels = confidence_levels(level)
    m = season_length or panel.season_length
    at = cutoffs(panel, h, n_windows + (_BEFORE if levels else 0), step_size)
    reported = at.newest(n_windows)
    # What serves intervals alone must leave enough to learn from, lest models fail there.
    enough = at.longest >= max(2 * h, reported.longest[0] // 2)
    at = at.newest(max(int(enough.sum()), reported.n_windows))
    before = at.n_windows - reported.n_windows
    settings: dict[str, Any] = {
        "season_length": m,
        "size": input_size,
        "threads": threads,
        "missing_future": missing_future,
        "intake": intake,
    }
    tell = progress("Backtesting", len(models) * reported.n_windows) if progress else None
    tested = backtest(
        *(models, panel, h, reported), refit=refit, progress=tell, partial=True, **settings
    )
    notes = tested.notes
    if reported.n_windows < n_windows:
        template = "The series are long enough for {n} windows only."
        notes = (*notes, said(template, n=reported.n_windows))
    if tested.assumed:
        notes = (
            *notes,
            said(
                "Future covariates are missing in the rows of {n} series; the last known ones "
                "stood in.",
                n=tested.assumed,
            ),
        )
    tested = _with_notes(tested, notes)
    intervals: dict[str, Any] = {}
    if levels:
        from gatecast.intervals import prequential

        earlier = None
        if before:
            first = Cutoffs(at.ends[:before], at.scored[:before], step_size)
            earlier = backtest(models, panel, h, first, refit=False, **settings)
        for name in models:
            whole = tested if earlier is None else earlier.followed_by(tested)
            kept = slice(whole.n_windows - tested.n_windows, None)
            ends = prequential(
                whole.truth,
                whole.outputs[name],
                whole.quantiles[name],
                whole.spread * own_widths(whole, name)[0],
                levels,
                step_size=step_size,
                adaptive=adaptive,
            )
            intervals[name] = {one: (lo[kept], hi[kept]) for one, (lo, hi) in ends.items()}
    return CrossValidation(tested, intervals)


def named_models(
    models: Models,
    h: int,
    *,
    season_length: int | None = None,
    seed: int = 0,
    lstm: Mapping[str, Any] | None = None,
) -> dict[str, Forecaster]:
    """Return models by the name of their column, from models, names or a mapping.

    ``lstm`` are settings of the one that is given by its name, and of ESLSTM where it has them.

    Raises
    ------
    ConfigError
        When there are none, a name is unknown, or two models have the same.
    """
    if isinstance(models, Mapping):
        given = {str(name): model for name, model in models.items()}
    else:
        several = [models] if isinstance(models, str | Forecaster) else list(models)
        settings = {"seed": seed, **(lstm or {})}
        made = [_made(model, h, season_length, settings) for model in several]
        given = {getattr(model, "name", repr(model)): model for model in made}
        if len(given) < len(made):
            raise ConfigError(
                "Two models have the same name.",
                value=", ".join(given),
                fix="Name them: models={'small': LSTM(12, hidden_size=8), 'large': LSTM(12)}.",
            )
    strange = [name for name, model in given.items() if not isinstance(model, Forecaster)]
    if strange or not given:
        raise ConfigError(
            "models must be models or their names.",
            value=repr(models),
            fix="Use ['lstm', 'naive'].",
        )
    return {name: model.with_horizon(h) for name, model in given.items()}


_BY_NAME = {
    "lstm": "LSTM",
    "naive": "Naive",
    "seasonal-naive": "SeasonalNaive",
    "drift": "Drift",
    "naive2": "Naive2",
    "holt-winters": "HoltWinters",
    "theta": "Theta",
    "auto-ets": "AutoETS",
    "auto-arima": "AutoARIMA",
    "auto-theta": "AutoTheta",
    "ensemble": "Ensemble",
    "eslstm": "ESLSTM",
}


def class_name(name: str) -> str:
    """Return the name of a model's class: ``"HoltWinters"`` for ``"holt-winters"``.

    Raises
    ------
    ConfigError
        When there is no such model.
    """
    plain = name.lower().replace("_", "-")
    squeezed = {kind.lower(): kind for kind in _BY_NAME.values()}
    if (kind := _BY_NAME.get(plain) or squeezed.get(plain.replace("-", ""))) is None:
        raise ConfigError(
            "There is no such model.", value=repr(name), fix=f"There are {', '.join(_BY_NAME)}."
        )
    return kind


def _made(model: Any, h: int, season_length: int | None, lstm: dict[str, Any]) -> Any:
    if not isinstance(model, str):
        return model
    from gatecast.models import KINDS

    kind = class_name(model)
    settings: dict[str, Any] = {} if season_length is None else {"season_length": season_length}
    if kind == "Ensemble":
        return KINDS[kind]()(_made("lstm", h, season_length, lstm), n_seeds=_SEEDS)
    if kind == "LSTM":
        settings |= lstm
    if kind == "ESLSTM":
        settings |= {name: value for name, value in lstm.items() if name in _SHARED}
    return KINDS[kind]()(h, **settings)


def covariates_of(
    models: Any, own: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the columns by role that any of some models reads; those that have names read none.

    ``own`` are columns that are read besides.
    """
    several = models.values() if isinstance(models, Mapping) else models
    given = [several] if isinstance(models, str | Forecaster) else several
    read = [own or {}, *(x.covariates() for x in given if isinstance(x, Forecaster))]
    return {
        role: tuple(dict.fromkeys(x for one in read for x in one.get(role, ())))
        for role in ("past", "future", "static")
    }


def _with_notes(tested: Backtest, notes: tuple[str, ...]) -> Backtest:
    return replace(tested, notes=notes)
