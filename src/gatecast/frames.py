"""Frames in, frames out: the only place that knows frames.

:mod:`gatecast.columns` reads the columns of a long frame, :mod:`gatecast.rows` has its rows in
order of series and stamp, finds their frequency and puts them on its grid; here that makes a
:class:`~gatecast.panel.Panel`, and :func:`forecast_frame` is the way back. Whose frame it is,
narwhals knows; it and pandas are imported on use, because arrays need neither.

Ten million rows are no reason to copy a frame: columns are read one at a time, ids and texts are
numbered rather than made objects of, and rows that are in order with none missing stay in place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.columns import open_frame
from gatecast.errors import ConfigError, DataError
from gatecast.findings import STRICT, Findings
from gatecast.frequency import Frequency
from gatecast.language import said
from gatecast.panel import (
    Covariates,
    Intake,
    Panel,
    described,
    edges,
    ranges,
    trimmed,
)
from gatecast.rows import Grid, Rows
from gatecast.stamps import to_wall, type_stamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Doubles, Ints

    Indices = NDArray[np.intp]
    Objects = NDArray[np.object_]

__all__ = ["forecast_frame", "from_frame", "join_future"]

_PLAIN = Intake()


def from_frame(
    df: Any, intake: Intake = _PLAIN, *, first_row: int = 0, found: Findings = STRICT
) -> Panel:
    """Take in a long frame: one row a series and stamp.

    Parameters
    ----------
    df : frame
        pandas, polars or pyarrow; it is not changed. Stamps are dates, datetimes (with or without
        a time zone), periods, whole numbers, or text such as ``2024-01-31``, ``2024-01``,
        ``2024Q1``, ``2024-W05``. A pandas index may hold the stamps or the ids. Without the column
        ``unique_id`` it is one series, with the target's name for an id. Past and future covariates
        are numbers or booleans; static ones may be anything. Rows at the end of a series whose
        target is empty say what is known ahead.
    intake : Intake
        The names of its columns, and what to do about missing values and repeated stamps.
    first_row : int
        What errors should call the first row: 2 for a file with a heading.
    found : Findings
        Takes reports of what is wrong; by default the first error is raised. One that collects
        is told of everything, and what cannot be used is left out.

    Returns
    -------
    Panel
        Rows missing between two stamps are put in as missing values.

    Raises
    ------
    DataError
        When the data cannot be used; it names the rows.
    ConfigError
        When ``freq`` does not suit the stamps.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"ds": ["2024-01", "2024-02", "2024-04"], "y": [1, 2, 4]})
    >>> panel = from_frame(df)
    >>> str(panel.frequency), panel.values
    ('MS', array([ 1.,  2., nan,  4.]))
    >>> from gatecast.panel import Columns
    >>> df = df.assign(price=[5, 6, 7], y=[1, 2, None])
    >>> panel = from_frame(df, Intake(Columns(future=("price",))))
    >>> panel.values, panel.ahead, panel.covariates.future.ravel()
    (array([1., 2.]), array([2]), array([ 5.,  6., nan,  7.]))
    """
    reader = open_frame(df, intake.columns, first_row, found, ahead=False)
    columns, how = reader.columns, intake.resample or intake.duplicates
    rows = reader.rows(reader.ids(columns.target_col))
    if intake.resample is None:
        rows = rows.distinct(intake.duplicates)
    frequency = rows.frequency(intake.freq, intake.usual_freq)
    if intake.resample is not None:
        rows = rows.resampled(frequency, frequency.label(rows.stamps.min(keepdims=True)), how)
    grid = rows.on_grid(frequency, given=intake.freq is not None)
    del rows  # and so its stamps
    target = reader.numbers(columns.target_col)
    values = grid.put(target, how)
    observed = ~np.isnan(values)
    begin, end = edges(observed, grid.indptr)
    if intake.resample is not None:
        reader.notes += grid.incomplete(target, begin, end)
    del target
    reader.notes += grid.gaps(begin, end)
    covariates = None
    if columns.covariates:
        none = np.empty((len(grid.series), 0))
        covariates = Covariates(
            past=grid.covariates(columns.past, intake),
            future=grid.covariates(columns.future, intake),
            future_indptr=grid.indptr,
            static=reader.static(grid.series),
            location=none,
            spread=none,
        )
    panel = Panel(
        values=values,
        indptr=grid.indptr,
        observed=observed,
        ids=reader.names[grid.series],
        last=grid.last,
        frequency=frequency,
        columns=columns,
        kind=reader.kind,
        notes=tuple(reader.notes),
        time_type=reader.time_type,
        covariates=covariates,
    )
    return trimmed(panel, found).filled(intake.fill)


def join_future(
    panel: Panel, df: Any, intake: Intake, *, first_row: int = 0, found: Findings = STRICT
) -> Panel:
    """Add what is known ahead.

    Parameters
    ----------
    panel : Panel
        The series.
    df : frame
        Long, with the stamps and the future covariates; the ids too, unless there is one series
        only. Rows after the end of a series replace what was known ahead of it, earlier ones say
        nothing new. Series that the panel does not have become cold ones, which static covariates
        may describe too.
    intake : Intake
        As the panel was taken in.
    first_row, found
        As in :func:`from_frame`.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        When the frame cannot be used; it names the series and stamps.
    ConfigError
        When the panel has neither future nor static covariates.

    Examples
    --------
    >>> import pandas as pd
    >>> from gatecast.panel import Columns
    >>> intake = Intake(Columns(future=("price",)))
    >>> df = pd.DataFrame({"ds": ["2024-01", "2024-02"], "y": [1, 2], "price": [5, 6]})
    >>> ahead = pd.DataFrame({"ds": ["2024-03", "2024-04"], "price": [7, 8]})
    >>> panel = join_future(from_frame(df, intake), ahead, intake)
    >>> panel.ahead, panel.covariates.future.ravel()
    (array([2]), array([5., 6., 7., 8.]))
    """
    known = panel.columns
    columns = replace(intake.columns, past=known.past, future=known.future, static=known.static)
    if not (columns.future or columns.static):
        raise ConfigError(
            "Without future or static covariates, nothing is known ahead.",
            fix="Leave the future frame out, or name its columns: future_covariates (--future).",
        )
    reader = open_frame(df, columns, first_row, found, ahead=True)
    frequency = panel.frequency or Frequency(None)
    parts = [panel] if panel.cold is None else [panel, panel.cold]
    names, last = (np.concatenate([getattr(part, x) for part in parts]) for x in ("ids", "last"))
    rows = reader.rows(reader.ids(names[0] if len(names) == 1 else None))
    rows = _alike(rows, panel)
    at = _find(reader.names, names)  # of each series of the frame, where it is; -1 for a new one
    if intake.resample is not None:
        origin = frequency.label(rows.stamps.min(keepdims=True))
        origins = np.where(at >= 0, last[at], origin)[rows.series[rows.codes]]
        rows = rows.resampled(frequency, origins, intake.resample)
    else:
        rows = rows.distinct(intake.duplicates)
    first = frequency.shift(rows.stamps[rows.indptr[:-1]], -1)
    place = at[rows.series]
    ends = np.where(place < 0, first, last[place])
    ends = np.where(place >= panel.n_series, np.minimum(ends, first), ends)
    grid = rows.ahead(frequency, ends)
    ends = ends[np.searchsorted(rows.series, grid.series)]
    return _joined(panel, grid, at[grid.series], ends, intake)


def forecast_frame(panel: Panel, h: int, forecasts: dict[str, Doubles]) -> Any:
    """Put forecasts into a frame; see :meth:`gatecast.panel.Panel.forecast_frame`."""
    frequency, columns = panel.frequency or Frequency(None), panel.columns
    stamps = {columns.time_col: frequency.future(panel.last, h).ravel()}
    cells = {name: np.ravel(forecast) for name, forecast in forecasts.items()}
    return long_frame(panel, np.repeat(panel.ids, h), stamps, cells)


def long_frame(
    panel: Panel, ids: Objects, stamps: dict[str, Ints], cells: dict[str, NDArray[Any]]
) -> Any:
    """Put rows into a frame of the caller's kind.

    Parameters
    ----------
    panel : Panel
        Says which kind, and what its ids and stamps are called and look like.
    ids : ndarray
        object ``[rows]``.
    stamps : dict of str to ndarray
        int64 ``[rows]`` by column, as ``panel.last`` is.
    cells : dict of str to ndarray
        ``[rows]`` by column.
    """
    import narwhals as nw

    columns, tz = panel.columns, panel.frequency.tz if panel.frequency is not None else None
    backend: Any = "pandas" if panel.kind.startswith("array") else panel.kind
    series = {columns.id_col: nw.new_series(columns.id_col, _as_column(ids), backend=backend)}
    for name, column in stamps.items():
        typed = type_stamps(column, panel.time_type, tz if backend == "pandas" else None)
        times = nw.new_series(name, typed, backend=backend)
        if backend != "pandas":
            if panel.time_type == "date":
                times = times.cast(nw.Date)
            elif tz is not None:
                times = times.dt.replace_time_zone("UTC").dt.convert_time_zone(tz)
        series[name] = times
    series |= {name: nw.new_series(name, cell, backend=backend) for name, cell in cells.items()}
    return nw.from_dict(series).to_native()


def _as_column(ids: Objects) -> Any:
    """Give ids that are all whole numbers a type: pyarrow would take them for int64 always."""
    names = ids.tolist()
    return np.array(names) if set(map(type, names)) == {int} else names


# What is known ahead


def _alike(rows: Rows, panel: Panel) -> Rows:
    """Rows whose stamps can be compared with those of a panel."""
    reader, tz = rows.reader, panel.frequency.tz if panel.frequency is not None else None
    kinds = [
        "whole numbers" if x == "int" else "dates" for x in (reader.time_type, panel.time_type)
    ]
    what = f"Column {reader.columns.time_col!r}"
    if kinds[0] != kinds[1]:
        raise DataError(
            f"{what} has stamps that are {kinds[0]}; those of the series are {kinds[1]}.",
            value=rows.text(0),
            fix="Write them as in the series.",
        )
    if (reader.tz is None) == (tz is None):
        return rows
    if tz is None and reader.texts is not None:  # offsets of the series were dropped as well
        return replace(rows, stamps=to_wall(rows.stamps, reader.tz))
    having, lacking = ("the series", what) if reader.tz is None else (what, "the series")
    raise DataError(
        f"The stamps of {having} have a time zone, and those of {lacking} have none.",
        value=tz or reader.tz,
        fix="Give both in the same time zone, for example with df['ds'].dt.tz_localize('UTC').",
    )


def _find(ids: Objects, names: Objects) -> Indices:
    """Say where ids are among names, -1 for nowhere; 1 is "1" where no other is."""
    import pandas as pd

    at = pd.Index(names, dtype=object).get_indexer(pd.Index(ids, dtype=object))
    unknown = np.flatnonzero(at < 0)
    if len(unknown):
        texts = pd.Index([str(name) for name in names], dtype=object)
        if texts.is_unique:
            written = [str(name) for name in ids[unknown]]
            at[unknown] = texts.get_indexer(pd.Index(written, dtype=object))
    return at


def _joined(panel: Panel, grid: Grid, at: Indices, ends: Ints, intake: Intake) -> Panel:
    """Put what is known ahead behind the ends of series, and make cold ones of the others.

    Parameters
    ----------
    panel : Panel
    grid : Grid
        What is known ahead.
    at : ndarray
        Which series of the panel each of the grid is; behind those come its cold ones. -1 for a
        new one.
    ends : ndarray
        The stamps before those of the grid.
    intake : Intake
    """
    ahead = grid.covariates(panel.columns.future, intake)
    reader, covariates = grid.rows.reader, panel.covariates
    assert covariates is not None  # a panel whose columns name covariates has them
    if panel.columns.future:
        known = np.flatnonzero((at >= 0) & (at < panel.n_series))
        begin = covariates.future_indptr[:-1]
        kept = np.diff(covariates.future_indptr)
        kept[at[known]] = panel.lengths[at[known]]
        segments = np.zeros((2, panel.n_series, 2), np.int64)  # begin and end; old and new rows
        segments[:, :, 0] = begin, begin + kept
        offset = len(covariates.future)
        segments[:, at[known], 1] = grid.indptr[known] + offset, grid.indptr[known + 1] + offset
        rows, indptr = ranges(*segments.reshape(2, -1))
        future = np.concatenate([covariates.future, ahead])[rows]
        covariates = replace(covariates, future=future, future_indptr=indptr[::2])

    cold, n_cold = panel.cold, 0 if panel.cold is None else panel.cold.n_series
    new, told = np.flatnonzero(at < 0), np.flatnonzero(at >= panel.n_series)
    source = np.full(n_cold + len(new), -1)  # which series of the grid each cold one is
    source[at[told] - panel.n_series], source[n_cold:] = told, new
    ids, last = reader.names[grid.series[new]], ends[new]
    static = reader.static(grid.series[new])
    begin, end = grid.indptr[:-1][source], grid.indptr[1:][source]
    future = ahead
    if cold is not None:
        assert cold.covariates is not None
        ids, last = np.concatenate([cold.ids, ids]), np.concatenate([cold.last, last])
        last[at[told] - panel.n_series] = ends[told]
        static = np.concatenate([cold.covariates.static, static])
        old = cold.covariates.future_indptr
        kept = np.flatnonzero(source[:n_cold] < 0)
        begin[kept], end[kept] = old[kept] + len(ahead), old[kept + 1] + len(ahead)
        future = np.concatenate([ahead, cold.covariates.future])
    if len(new):
        template = "{n:series has|series have} no values, only what is known ahead."
        reader.notes.append(said(template, n=len(new)))
    rows, indptr = ranges(begin, end if panel.columns.future else begin)
    joined = replace(panel, covariates=covariates, notes=(*panel.notes, *reader.notes))
    if not len(source):
        return joined
    none = np.full((len(source), len(panel.columns.past) + len(panel.columns.future)), np.nan)
    cold = replace(
        panel,
        values=np.empty(0),
        indptr=np.zeros(len(source) + 1, np.int64),
        observed=np.empty(0, bool),
        ids=ids,
        last=last,
        notes=(),
        covariates=Covariates(
            past=np.empty((0, len(panel.columns.past))),
            future=future[rows],
            future_indptr=indptr,
            static=static,
            location=none,
            spread=none.copy(),
        ),
        cold=None,
    )
    return replace(joined, cold=described(cold, reader.found))
