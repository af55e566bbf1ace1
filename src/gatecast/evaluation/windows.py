"""The windows of a cross-validation, read from its frame, and what was known before each.

A window is what was forecast of one series from one cutoff. Letters: R rows, W windows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.cells import some
from gatecast.errors import DataError
from gatecast.evaluation.metrics import mase_scale, rmsse_scale
from gatecast.findings import STRICT
from gatecast.frequency import Frequency, infer_frequency, infer_step, parse_frequency
from gatecast.models.config import whole_number
from gatecast.panel import Columns, Intake, Panel, from_any, indptr_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.columns import Reader
    from gatecast.panel import Doubles, Ints

    Indices = NDArray[np.intp]

__all__ = ["CUTOFF", "Cross", "History", "Model", "history_of", "read_cross"]

CUTOFF = "cutoff"
"""The column of the last stamp that was known."""

_PART = re.compile(r"(.+)-(?:(lo|hi)-(\d+(?:\.\d+)?)|q-(0?\.\d+))")


@dataclass
class Model:
    """What a model said of each row."""

    point: Doubles  # [R]
    intervals: dict[str, tuple[Doubles, Doubles]] = field(default_factory=dict)  # by level
    quantiles: dict[float, Doubles] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Cross:
    """The rows of a cross-validation."""

    reader: Reader
    series: Indices  # [R], which of the reader's
    stamps: Ints
    cutoffs: Ints
    window: Indices
    first: Indices  # [W], a row of each window; these are in order of series and cutoff
    y: Doubles
    models: dict[str, Model]

    @property
    def quantiles(self) -> list[float]:
        """The quantiles that all models have that have any."""
        known = [set(model.quantiles) for model in self.models.values() if model.quantiles]
        return sorted(set.intersection(*known)) if known else []

    def steps(self, frequency: Frequency) -> Ints:
        """Count the steps from the cutoff to each row, ``[R]``."""
        steps, on_grid = frequency.steps_between(self.cutoffs, self.stamps)
        self.require(on_grid, f"Stamps are out of step with their cutoff and freq='{frequency}'.")
        return steps

    def frequency(self, freq: str | int | None) -> Frequency:
        """Return the frequency that was given, or that cutoffs and stamps have."""
        if freq is not None:
            return parse_frequency(freq, self.reader.tz)
        window = np.concatenate([np.arange(len(self.first)), self.window])
        stamps = np.concatenate([self.cutoffs[self.first], self.stamps])
        stamps = stamps[np.lexsort((stamps, window))]
        indptr = indptr_of(np.bincount(window))
        if self.reader.time_type == "int":
            return infer_step(stamps, indptr)
        return infer_frequency(stamps, indptr, self.reader.tz)

    def require(self, good: NDArray[np.bool_], problem: str, fix: str | None = None) -> None:
        """Raise if something is not so in some rows."""
        bad = np.flatnonzero(~good)
        if len(bad):
            named = f"{some(map(self.reader.where, bad), len(bad))}"
            raise DataError(problem, value=named, fix=fix)


@dataclass(frozen=True, eq=False)
class History:
    """What was known at the cutoff of each window."""

    panel: Panel
    series: Indices  # [W], which of the panel's
    seen: Ints  # [W], how many of its values
    season_length: int

    @property
    def frequency(self) -> Frequency:
        """That of the stamps."""
        return self.panel.frequency or Frequency(None)

    def scale(self, name: str) -> Doubles:
        """Return the scale of a metric at each cutoff, ``[W]``."""
        of_panel = rmsse_scale if name == "rmsse" else mase_scale
        _, first, inverse = np.unique(self.series, return_index=True, return_inverse=True)
        at = np.arange(len(self.series)) - first[inverse], self.series
        seen = np.zeros((int(at[0].max()) + 1, self.panel.n_series), np.int64)
        seen[at] = self.seen
        return np.asarray(of_panel(self.panel, self.season_length, seen)[at])


def read_cross(cv: Any, columns: Columns) -> Cross:
    """Read the frame of a cross-validation.

    Parameters
    ----------
    cv : frame
        As :func:`gatecast.evaluate` takes it.
    columns : Columns
        The names of its ids, stamps and truth; all others but the cutoff are of models.

    Returns
    -------
    Cross

    Raises
    ------
    DataError
        When it cannot be used; it names the rows or columns.
    """
    from gatecast.columns import open_frame  # which needs pandas

    reader = open_frame(cv, columns, 0, STRICT, ahead=False)
    if CUTOFF not in reader.frame.columns:
        raise DataError(
            f"There is no column {CUTOFF!r}.",
            value=f"columns {', '.join(map(repr, reader.frame.columns))}",
            fix="Give what cross_validation returns, or add the last stamp that was known.",
        )
    series = reader.ids(columns.target_col).astype(np.intp)
    stamps, _ = reader.stamps()
    of_cutoffs = replace(reader, columns=replace(columns, time_col=CUTOFF))
    cutoffs, _ = of_cutoffs.stamps()
    what = f"Column {CUTOFF!r}", f"column {columns.time_col!r}"
    _require_alike(reader, of_cutoffs.time_type, of_cutoffs.tz, *what)
    values, number = np.unique(cutoffs, return_inverse=True)
    _, first, window = np.unique(
        series * len(values) + number, return_index=True, return_inverse=True
    )
    y = reader.numbers(columns.target_col)
    cross = Cross(reader, series, stamps, cutoffs, window, first, y, _read_models(reader))
    cross.require(
        stamps > cutoffs,
        "Stamps do not lie after their cutoff.",
        "A cutoff is the last stamp that was known when a forecast was made.",
    )
    order = np.lexsort((stamps, window))
    fresh = np.ones(len(stamps), bool)
    fresh[order[1:]] = (np.diff(window[order]) > 0) | (np.diff(stamps[order]) > 0)
    cross.require(
        fresh,
        "A series has more than one row for the same cutoff and stamp.",
        "Keep one of them, or name the column that tells the series apart: id_col.",
    )
    if np.isnan(y).all():
        raise DataError(
            f"Column {columns.target_col!r} has no truth to compare forecasts with.",
            fix="Give the rows whose values are known by now.",
        )
    for name, model in cross.models.items():
        cross.require(
            ~np.isnan(model.point) | np.isnan(y),
            f"{name} has no forecast where the truth is known.",
            "Leave these rows or this model out, so that all models are scored on the same rows.",
        )
    return cross


def _require_alike(reader: Reader, time_type: str, tz: str | None, these: str, those: str) -> None:
    """Raise if stamps are dates here and whole numbers there, or have a time zone in one only."""
    if (reader.time_type == "int", reader.tz is None) != (time_type == "int", tz is None):
        raise DataError(
            f"{these} and {those} have different kinds of stamps.",
            fix="Give both as dates of one time zone (or none), or both as whole numbers.",
        )


def _read_models(reader: Reader) -> dict[str, Model]:
    """Read all columns that are not ids, stamps or the truth."""
    columns = reader.columns
    others = {columns.id_col, columns.time_col, columns.target_col, CUTOFF}
    names = [name for name in reader.frame.columns if name not in others]
    parts = {name: found for name in names if (found := _PART.fullmatch(name))}
    models = {name: Model(reader.numbers(name)) for name in names if name not in parts}
    if not models:
        raise DataError(
            "There is no column of a model's forecasts.",
            value=f"columns {', '.join(map(repr, reader.frame.columns))}",
            fix="Add one that has the model's name: cv['Naive'].",
        )
    for name, (of, side, level, q) in ((name, found.groups()) for name, found in parts.items()):
        twin = f"{of}-{'hi' if side == 'lo' else 'lo'}-{level}"
        missing = of if of not in models else twin if side and twin not in parts else None
        if missing is not None:
            raise DataError(f"Column {name!r} needs a column {missing!r}.")
        if side and not 0 < float(level) < 100:
            raise DataError("The level of an interval lies between 0 and 100.", value=repr(name))
        if q is not None:
            models[of].quantiles[float(q)] = reader.numbers(name)
        elif side == "lo":
            models[of].intervals[level] = reader.numbers(name), reader.numbers(twin)
    for model in models.values():
        for level, ends in model.intervals.items():
            outside = (100 - float(level)) / 200
            for at, end in zip((outside, 1 - outside), ends, strict=True):
                model.quantiles.setdefault(round(at, 9), end)
    return models


def history_of(cross: Cross, df: Any, intake: Intake, season_length: int | None) -> History:
    """Find what was known at the cutoff of each window.

    Parameters
    ----------
    cross : Cross
    df : frame, array_like or path-like
        The series.
    intake : Intake
        How to take them in.
    season_length : int, optional
        That of their frequency by default.

    Returns
    -------
    History

    Raises
    ------
    DataError
        When the series do not reach the cutoffs, or are not there.
    ConfigError
        When the season length is impossible.
    """
    if season_length is not None:
        whole_number("season_length", season_length, 1, 10**9)
    panel, reader = from_any(df, intake), cross.reader
    frequency = panel.frequency or Frequency(None)
    what = "The cross-validation", "the history"
    _require_alike(reader, panel.time_type, frequency.tz, *what)
    place = {name: i for i, name in enumerate(panel.ids)}
    unknown = [name for name in reader.names if name not in place]
    if unknown:
        raise DataError(
            "Series that were cross-validated have no history.",
            value=some(map(repr, unknown), len(unknown)),
            fix="Give the data that were cross-validated.",
        )
    series = np.array([place[name] for name in reader.names])[cross.series[cross.first]]
    behind, on_grid = frequency.steps_between(cross.cutoffs[cross.first], panel.last[series])
    seen = panel.lengths[series] - behind
    known = on_grid & (behind >= 0) & (seen > 0)
    cross.require(
        known[cross.window],
        "The history has no such stamp as the cutoff.",
        "Give the data that were cross-validated, up to the last cutoff at least.",
    )
    return History(panel, series, seen, season_length or panel.season_length)
