"""Frames in, frames out: the only place that knows frames.

:class:`_Reader` reads the columns of a long frame, :class:`_Rows` has its rows in order of series
and stamp and finds their frequency, and :class:`_Grid` puts columns on it, which makes a
:class:`~gatecast.panel.Panel`; :func:`forecast_frame` is the way back. Whose frame it is, narwhals
knows; it and pandas are imported on use, because arrays need neither.

Ten million rows are no reason to copy a frame: columns are read one at a time, ids and texts are
numbered rather than made objects of, and rows that are in order with none missing stay in place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.cells import LARGEST, Bad, Where, read_cells, read_numbers, some
from gatecast.errors import ConfigError, DataError
from gatecast.findings import STRICT, Findings, Place
from gatecast.frequency import (
    Frequency,
    blocks,
    infer_frequency,
    infer_step,
    parse_frequency,
)
from gatecast.panel import (
    Columns,
    Covariates,
    Intake,
    Kind,
    Panel,
    as_objects,
    counted,
    described,
    edges,
    indptr_of,
    large_note,
    ranges,
    trimmed,
)
from gatecast.stamps import DAY, are_in_range, format_stamps, parse_stamps, to_wall, type_stamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, Ints

    Codes = NDArray[np.int32]
    Indices = NDArray[np.intp]
    Objects = NDArray[np.object_]

__all__ = ["forecast_frame", "from_frame", "join_future", "require_distinct_names"]

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
    >>> df = df.assign(price=[5, 6, 7], y=[1, 2, None])
    >>> panel = from_frame(df, Intake(Columns(future=("price",))))
    >>> panel.values, panel.ahead, panel.covariates.future.ravel()
    (array([1., 2.]), array([2]), array([ 5.,  6., nan,  7.]))
    """
    reader = _open(df, intake.columns, first_row, found, ahead=False)
    columns, how = reader.columns, intake.resample or intake.duplicates
    rows = reader.rows(reader.ids(columns.target_col))
    if intake.resample is None:
        rows = rows.distinct(intake.duplicates)
    frequency = rows.frequency(intake.freq)
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
    reader = _open(df, columns, first_row, found, ahead=True)
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
    import narwhals as nw

    frequency, columns = panel.frequency or Frequency(None), panel.columns
    backend: Any = "pandas" if panel.kind.startswith("array") else panel.kind
    future = frequency.future(panel.last, h).ravel()
    cells = {
        columns.id_col: _as_column(np.repeat(panel.ids, h)),
        columns.time_col: type_stamps(
            future, panel.time_type, frequency.tz if backend == "pandas" else None
        ),
    }
    cells |= {name: np.ravel(forecast) for name, forecast in forecasts.items()}
    series = {name: nw.new_series(name, x, backend=backend) for name, x in cells.items()}
    if backend != "pandas":
        times = series[columns.time_col]
        if panel.time_type == "date":
            times = times.cast(nw.Date)
        elif frequency.tz is not None:
            times = times.dt.replace_time_zone("UTC").dt.convert_time_zone(frequency.tz)
        series[columns.time_col] = times
    return nw.from_dict(series).to_native()


def _as_column(ids: Objects) -> Any:
    """Give ids that are all whole numbers a type: pyarrow would take them for int64 always."""
    names = ids.tolist()
    return np.array(names) if set(map(type, names)) == {int} else names


# Rows, in order


@dataclass(frozen=True, eq=False)
class _Rows:
    """The usable rows of a frame, in order of series and stamp; several may have been made one."""

    reader: _Reader
    series: Indices  # [n_series], which of the reader's
    codes: Codes  # which of these
    stamps: Ints
    order: Indices | None = None  # where the rows stood in the frame, if they were moved
    starts: Indices | None = None  # the first of the rows that were made one, if some were

    @property
    def indptr(self) -> Ints:
        series = np.arange(len(self.series) + 1, dtype=np.int32)
        return np.searchsorted(self.codes, series).astype(np.int64)

    def number(self, k: Any) -> int:
        """Say where a row stood in the frame: of several, the first."""
        k = k if self.starts is None else self.starts[k]
        return int(k if self.order is None else self.order[k])

    def text(self, k: Any) -> str:
        """Write a stamp as the user did."""
        if self.starts is None and (written := self.reader.written(self.number(k))) is not None:
            return written
        if self.reader.time_type == "int":
            return str(self.stamps[k])
        return format_stamps(self.stamps[k : k + 1], self.reader.tz)[0]

    def place(self, k: Any, where: str) -> Place:
        """Name a place in the series of a row."""
        return Place(self.reader.series_of(self.number(k)), where)

    def row(self, k: Any) -> str:
        """Name a row and its stamp."""
        return f"{self.reader.where(self.number(k))} ({self.text(k)})"

    def sorted(self) -> _Rows:
        """Put the rows in order; a note says so if the stamps of a series were not."""
        rows = self
        if (self.codes[1:] < self.codes[:-1]).any():
            rows = self._take(np.argsort(self.codes, kind="stable").astype(np.int32))
        same = rows.codes[1:] == rows.codes[:-1]
        if not (same & (rows.stamps[1:] < rows.stamps[:-1])).any():
            return rows
        del rows, same
        self.reader.notes.append(
            "The rows of a series were not in order of time; they were sorted."
        )
        return self._take(np.lexsort((self.stamps, self.codes)).astype(np.int32))

    def _take(self, chosen: Indices) -> _Rows:
        """Move rows of which none were made one."""
        order = chosen if self.order is None else self.order[chosen]
        return replace(self, codes=self.codes[chosen], stamps=self.stamps[chosen], order=order)

    def without(self, bad: Indices) -> _Rows:
        """Leave rows out, and series that have none left."""
        kept = np.ones(len(self.codes), bool)
        kept[bad] = False
        chosen = np.flatnonzero(kept)
        if not len(chosen):
            raise DataError("No row can be used.", fix="Correct what was found first.")
        rows = self
        if self.starts is not None:
            n = len(self.reader.frame) if self.order is None else len(self.order)
            bounds = np.append(self.starts, n)
            below, indptr = ranges(bounds[chosen], bounds[chosen + 1])
            rows = replace(
                self, order=below if self.order is None else self.order[below], starts=indptr[:-1]
            )
            rows = replace(rows, codes=self.codes[chosen], stamps=self.stamps[chosen])
        else:
            rows = self._take(chosen)
        counts = np.bincount(rows.codes, minlength=len(rows.series))
        left = np.flatnonzero(counts)
        if len(left) < len(rows.series):
            number = (np.cumsum(counts > 0) - 1).astype(np.int32)
            rows = replace(rows, series=rows.series[left], codes=number[rows.codes])
        return rows

    def distinct(self, how: str) -> _Rows:
        """Make rows for the same stamp of a series one, or report them."""
        same = (self.codes[1:] == self.codes[:-1]) & (self.stamps[1:] == self.stamps[:-1])
        if not same.any():
            return self
        again = np.flatnonzero(same)
        if how == "error":
            where, number = self.reader.where, self.number
            self.reader.found.error(
                "duplicate",
                "A series has more than one row for the same stamp.",
                places=(
                    self.place(
                        k, f"stamp {self.text(k)}: {where(number(k))}, {where(number(k + 1))}"
                    )
                    for k in again
                ),
                total=len(again),
                fix="Keep one of them, combine them with duplicates='mean', 'sum' or 'last' "
                "(--duplicates sum), or name the column that tells the series apart: "
                "id_col (--id).",
            )
        else:
            rows = counted(len(again), "row has", "rows have")
            combined = "the last one counts" if how == "last" else f"their {how} counts"
            self.reader.notes.append(f"{rows} the stamp of another row of its series; {combined}.")
        return self._merged(same)

    def resampled(self, frequency: Frequency, origin: Ints, how: str) -> _Rows:
        """Make the rows in each step of a frequency one."""
        labels = np.empty_like(self.stamps)
        for rows in blocks(len(labels)):
            start = origin if len(origin) == 1 else origin[rows]
            labels[rows] = frequency.label(self.stamps[rows], start)
        same = (self.codes[1:] == self.codes[:-1]) & (labels[1:] == labels[:-1])
        steps = replace(self, stamps=labels)._merged(same)
        self.reader.notes.append(
            f"{counted(len(labels), 'row was', 'rows were')} put into "
            f"{counted(len(steps.stamps), 'step', 'steps')} of {frequency} ({how})."
        )
        return steps

    def _merged(self, same: Bools) -> _Rows:
        starts = np.flatnonzero(np.concatenate([[True], ~same]))
        if len(starts) == len(self.codes):
            return self
        return replace(self, codes=self.codes[starts], stamps=self.stamps[starts], starts=starts)

    def frequency(self, freq: str | int | None) -> Frequency:
        whole = self.reader.time_type == "int"
        if freq is None:
            if whole:
                return infer_step(self.stamps, self.indptr)
            return infer_frequency(self.stamps, self.indptr, self.reader.tz)
        frequency = parse_frequency(freq, self.reader.tz)
        if whole != (frequency.alias is None):
            kind = "whole numbers" if whole else "dates"
            raise ConfigError(
                f"This frequency does not suit stamps that are {kind}.",
                value=f"freq={freq!r}",
                fix="Leave freq out, or use freq=1." if whole else "Use for example freq='D'.",
            )
        return frequency

    def on_grid(self, frequency: Frequency, *, given: bool) -> _Grid:
        """Give each row its place: one step a place, so that missing rows leave theirs empty."""
        rows = self._in_step(frequency, given=given)._near(frequency)
        indptr = rows.indptr
        first, last = rows.stamps[indptr[:-1]], rows.stamps[indptr[1:] - 1]
        places = indptr_of(frequency.steps_between(first, last)[0] + 1)
        if places[-1] == len(rows.stamps) and rows._are_dense(frequency, indptr):
            return _Grid(rows.settled(), rows.series, last, places)
        place: NDArray[Any] = np.empty(
            len(rows.stamps), np.int32 if places[-1] < 2**31 else np.int64
        )
        for block, steps, _ in frequency.steps_to_ends(rows.stamps, indptr):
            place[block] = places[rows.codes[block] + 1] - 1 - steps
        clash = np.flatnonzero(place[1:] == place[:-1])  # two stamps of a repeated hour
        if len(clash):
            rows._report_out_of_step(clash, frequency, given=given)
            return rows.without(clash).on_grid(frequency, given=given)
        return _Grid(rows.settled(), rows.series, last, places, place)

    def ahead(self, frequency: Frequency, ends: Ints) -> _Grid:
        """Give each row after the end of its series its place; the others are left out."""
        after = self.stamps > ends[self.codes]
        if not after.any():
            STRICT.error(
                "future-missing",
                "No row lies after the end of its series.",
                value=f"rows up to {self.text(int(self.stamps.argmax()))}",
                fix="Give rows for the steps that are to be forecast.",
            )
        steps, on_grid = frequency.steps_between(self.stamps, ends[self.codes])
        off = np.flatnonzero(after & ~on_grid)
        if len(off):
            self._report_out_of_step(off, frequency, given=True)
        chosen = np.flatnonzero(after & on_grid)
        rows, place = self.without(np.flatnonzero(~(after & on_grid))), -steps[chosen] - 1
        clash = np.flatnonzero((rows.codes[1:] == rows.codes[:-1]) & (place[1:] == place[:-1]))
        if len(clash):
            rows._report_out_of_step(clash, frequency, given=True)
            rows, place = rows.without(clash), np.delete(place, clash)
        last = rows.indptr[1:] - 1
        lengths = place[last] + 1
        if float(lengths.sum(dtype=np.float64)) > _most_steps(len(place)):
            k = int(last[lengths.argmax()])
            STRICT.error(
                "far-stamp",
                "A row lies too far after the end of its series.",
                places=[rows.place(k, f"{rows.row(k)}, {int(lengths.max()):,} steps after it")],
                fix="Look for a wrong stamp.",
            )
        indptr = indptr_of(lengths)
        place = indptr[rows.codes] + place
        return _Grid(rows.settled(), rows.series, rows.stamps[last], indptr, place)

    def settled(self) -> _Rows:
        """Forget what is no longer needed: of ten million rows the stamps are as large as all."""
        if self.starts is not None:  # what was made of several rows has no other name
            return self
        return replace(self, codes=np.empty(0, np.int32), stamps=np.empty(0, np.int64))

    def _are_dense(self, frequency: Frequency, indptr: Ints) -> bool:
        """Whether each row is one step after the one before it."""
        for block, steps, _ in frequency.steps_to_ends(self.stamps, indptr):
            rest = indptr[self.codes[block] + 1] - 1 - np.arange(block.start, block.stop)
            if (steps != rest).any():
                return False
        return True

    def _in_step(self, frequency: Frequency, *, given: bool) -> _Rows:
        """Report and leave out what is out of step with a frequency."""
        indptr = self.indptr
        off = [
            block.start + np.flatnonzero(~on_grid)
            for block, _, on_grid in frequency.steps_to_ends(self.stamps, indptr)
        ]
        found = np.concatenate(off)
        if not len(found):
            return self
        # The grid starts from the last stamp. If just that one is wrong, another blames fewer.
        chosen = np.isin(self.codes, self.codes[found])
        codes, stamps = self.codes[chosen], self.stamps[chosen]
        fewest, blamed = np.full(len(self.series), len(stamps) + 1), np.zeros(len(stamps), bool)
        for anchor in (indptr[1:] - 1, (indptr[:-1] + indptr[1:]) // 2, indptr[:-1]):
            off_grid = ~frequency.steps_between(stamps, self.stamps[anchor][codes])[1]
            counts = np.bincount(codes[off_grid], minlength=len(self.series))
            better = (counts > 0) & (counts < fewest)
            fewest = np.where(better, counts, fewest)
            blamed = np.where(better[codes], off_grid, blamed)
        found = np.flatnonzero(chosen)[blamed]
        self._report_out_of_step(found, frequency, given=given)
        return self.without(found)._in_step(frequency, given=given)

    def _report_out_of_step(self, off: Indices, frequency: Frequency, *, given: bool) -> None:
        assumed = f"freq={str(frequency)!r}" if given else f"the likeliest frequency, {frequency}"
        fix = (
            f"Correct them, put them into equal steps with freq={str(frequency)!r}, "
            f"resample='mean' (--freq {frequency} --resample mean), or give another frequency: "
            "freq= (--freq)"
        )
        if given and self.reader.time_type != "int":
            likely = infer_frequency(self.stamps, self.indptr, self.reader.tz)
            if str(likely) != str(frequency):
                fix = (
                    f"They look like freq={str(likely)!r} (--freq {likely}); or put them into "
                    "equal steps with resample='mean' (--resample mean)"
                )
        self.reader.found.error(
            "irregular",
            f"Stamps are out of step with {assumed}.",
            places=(self.place(k, self.row(k)) for k in off),
            total=len(off),
            fix=f"{fix}.",
        )

    def _near(self, frequency: Frequency) -> _Rows:
        """Report stamps far from the others: they must not fill the memory with missing values."""
        indptr, stamps = self.indptr, self.stamps
        begin, end = indptr[:-1].copy(), indptr[1:].copy()
        steps = frequency.steps_between(stamps[begin], stamps[end - 1])[0]
        far: list[Indices] = []
        while float(steps.sum(dtype=np.float64)) > _most_steps(len(stamps)):
            i = int(steps.argmax())
            first, after = int(begin[i]), int(end[i])
            apart = first + 1 + int(np.diff(stamps[first:after]).argmax())
            left_out = slice(first, apart) if 2 * apart < first + after else slice(apart, after)
            self.reader.found.error(
                "far-stamp",
                "The stamps are too far apart for their frequency.",
                places=[
                    self.place(
                        left_out.start,
                        f"{self.text(first)}, then {steps[i]:,} steps to the last stamp, with "
                        f"{after - first:,} rows",
                    )
                ],
                fix="Look for a wrong stamp, or give the frequency: freq='D' (--freq D).",
            )
            far.append(np.arange(left_out.start, left_out.stop))
            begin[i], end[i] = (apart, after) if left_out.start == first else (first, apart)
            bounds = stamps[begin[i : i + 1]], stamps[end[i : i + 1] - 1]
            steps[i] = frequency.steps_between(*bounds)[0][0]
        return self.without(np.concatenate(far)) if far else self


@dataclass(frozen=True, eq=False)
class _Grid:
    """The steps of all series, one after another, and where each row stands."""

    rows: _Rows  # perhaps without their stamps
    series: Indices
    last: Ints  # [n_series], stamps
    indptr: Ints
    place: Ints | None = None  # None where row k stands at place k

    def put(self, column: Doubles, how: str) -> Doubles:
        """Put a column of the frame on the grid; what has no row is NaN.

        Parameters
        ----------
        column : ndarray
            float64, as in the frame.
        how : str
            What several rows that were made one have: their ``"mean"``, ...
        """
        rows = self.rows
        if rows.order is not None:
            column = column[rows.order]
        if rows.starts is not None:
            column = _combined(column, rows.starts, how)
            self._check_size(column, how)
        if self.place is None:
            return column
        full = np.full(self.indptr[-1], np.nan)
        full[self.place] = column
        return full

    def covariates(self, names: tuple[str, ...], intake: Intake) -> Doubles:
        """Put columns on the grid, ``[total, n]``."""
        out = np.empty((self.indptr[-1], len(names)))
        for j, name in enumerate(names):
            column = self.rows.reader.covariate(name)
            how = "mean" if intake.duplicates in ("mean", "sum") else "last"
            if intake.resample is not None:
                flags = ((column == 0) | (column == 1) | np.isnan(column)).all()
                how = "max" if flags else "mean"
            out[:, j] = self.put(column, how)
        return out

    def gaps(self, begin: Ints, end: Ints) -> list[str]:
        """Note how many rows are missing between the places ``begin[i]`` and ``end[i]``."""
        if self.place is None:
            return []
        missing = np.ones(self.indptr[-1], bool)
        missing[self.place] = False
        at = np.flatnonzero(missing)
        i = np.searchsorted(self.indptr, at, side="right") - 1
        gaps = int(((at > begin[i]) & (at < end[i])).sum())
        rows = counted(gaps, "row is", "rows are")
        note = f"{rows} missing between the stamps; each counts as a missing value."
        return [note] if gaps else []

    def incomplete(self, target: Doubles, begin: Ints, end: Ints) -> list[str]:
        """Note for how many series the last step is made of fewer values than the one before."""
        values = self.put((~np.isnan(target)).astype(np.float64), "sum")
        last = np.maximum(end - 1, begin)
        fewer = 10 * values[last] < 9 * values[np.maximum(end - 2, begin)]
        of = counted(int(fewer.sum()), "series", "series")
        note = (
            f"The last step of {of} is made of fewer values than the one before; it may be "
            "incomplete."
        )
        return [note] if fewer.any() else []

    def _check_size(self, column: Doubles, how: str) -> None:
        """A sum of numbers may be larger than a number may be."""
        large = np.flatnonzero(np.abs(column) > LARGEST)
        if len(large):
            rows = self.rows
            rows.reader.found.error(
                "too-large",
                f"A {how} of several rows is too large.",
                places=(rows.place(k, f"{rows.text(k)} ({column[k]:g})") for k in large),
                total=len(large),
                fix=f"Use a larger unit: up to {LARGEST:g}, either sign, can be computed with.",
            )
            column[large] = np.nan


def _combined(x: Doubles, starts: Indices, how: str) -> Doubles:
    """Make the rows from each start to the next one: NaN does not count, unless all are."""
    there = ~np.isnan(x)
    counts = np.add.reduceat(there, starts, dtype=np.int64)
    if how in ("min", "max"):
        return (np.fmin if how == "min" else np.fmax).reduceat(x, starts)
    if how in ("first", "last", "error"):
        k, which = np.arange(len(x)), np.minimum if how == "first" else np.maximum
        k[~there] = len(x) - 1 if how == "first" else 0
        out = x[which.reduceat(k, starts)]
    elif how == "median":
        sizes = np.diff(np.append(starts, len(x)))
        x = x[np.lexsort((x, np.repeat(np.arange(len(starts)), sizes)))]  # NaN comes last
        out = (x[starts + np.maximum(counts - 1, 0) // 2] + x[starts + counts // 2]) / 2
    else:
        out = np.add.reduceat(np.where(there, x, 0.0), starts)
        if how == "mean":
            out /= np.maximum(counts, 1)
    return np.where(counts > 0, out, np.nan)


def _most_steps(rows: int) -> float:
    """How many steps rows may stand for: a stamp far from all others must not fill the memory."""
    return 1e7 + 100 * rows


# What is known ahead


def _alike(rows: _Rows, panel: Panel) -> _Rows:
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


def _joined(panel: Panel, grid: _Grid, at: Indices, ends: Ints, intake: Intake) -> Panel:
    """Put what is known ahead behind the ends of series, and make cold ones of the others.

    Parameters
    ----------
    panel : Panel
    grid : _Grid
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
        series = counted(len(new), "series has", "series have")
        reader.notes.append(f"{series} no values, only what is known ahead.")
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


# Columns of a frame


@dataclass(eq=False)
class _Reader:
    """A frame that is being read, and what is known of it so far."""

    frame: Any  # as narwhals has it
    kind: Kind
    columns: Columns
    first_row: int
    found: Findings
    notes: list[str] = field(default_factory=list)
    names: Objects = field(default_factory=lambda: as_objects([]))  # the ids, as they appeared
    codes: Codes | None = None  # which of them each row has; None without a column
    time_type: str = "int"
    tz: str | None = None
    texts: tuple[Codes, Objects] | None = None  # the texts that stamps were read from, by number

    def where(self, row: Any) -> str:
        """Name a row as the user counts it."""
        return f"row {row + self.first_row}"

    def series_of(self, row: Any) -> Any:
        """Return the id of a row, None if there is none."""
        return None if self.codes is None or self.codes[row] < 0 else self.names[self.codes[row]]

    def written(self, row: Any) -> str | None:
        """Return the text that the stamp of a row was read from, if it says more than the stamp."""
        return None if self.texts is None else str(self.texts[1][self.texts[0][row]])

    def report(self, code: str, problem: str, rows: Indices, describe: Where, fix: str) -> None:
        """Report rows: what :func:`~gatecast.cells.read_numbers` calls."""
        self.found.error(
            code,
            problem,
            places=(Place(self.series_of(k), describe(k)) for k in rows),
            total=len(rows),
            fix=fix,
        )

    def rows(self, codes: Codes) -> _Rows:
        """Return the rows that have a series and a stamp, in order."""
        stamps, bad = self.stamps()
        rows = _Rows(self, np.arange(len(self.names)), codes, stamps)
        unusable = codes < 0
        if bad is not None:
            unusable |= bad
        if unusable.any():
            rows = replace(rows, codes=np.maximum(codes, 0)).without(np.flatnonzero(unusable))
        return rows.sorted()

    def ids(self, name: Any) -> Codes:
        """Say which series each row belongs to, -1 if unknown; all to ``name`` without a column."""
        if self.columns.id_col not in self.frame.columns:
            if name is None:
                raise DataError(
                    f"There is no column {self.columns.id_col!r} to tell the series apart.",
                    value=f"columns {', '.join(map(repr, self.frame.columns))}",
                    fix="Name yours with id_col (--id).",
                )
            self.names = as_objects([name])
            return np.zeros(len(self.frame), np.int32)
        series = self.frame[self.columns.id_col]
        what = f"Column {series.name!r}"
        codes, names = _levels(series, what)
        self.codes = codes
        plain = [x if isinstance(x, str | int | float) else str(x) for x in names]
        self.names = as_objects(plain)
        blank = [k for k, name in enumerate(plain) if isinstance(name, str) and not name.strip()]
        if blank or codes.min() < 0:
            unnamed = np.flatnonzero((codes < 0) | np.isin(codes, blank))
            codes[unnamed] = -1
            self.report(
                "no-id",
                f"{what} does not say which series a row belongs to.",
                unnamed,
                self.where,
                "Give every row an id.",
            )
        unsaved = _unsaved(plain)
        if unsaved:
            rows = np.flatnonzero(np.isin(codes, unsaved))
            cells = [plain[k] for k in codes[rows[:_MAX_SHOWN]]]
            shown = dict(zip(rows[:_MAX_SHOWN].tolist(), cells, strict=True))
            codes[rows] = -1
            self.report(
                "bad-id",
                f"{what} has ids that cannot be saved.",
                rows,
                lambda k: f"{self.where(k)} ({shown[k]!a})" if k in shown else self.where(k),
                "Use text that UTF-8 can write, or numbers that are finite.",
            )
        return codes

    def numbers(self, name: str, report: Bad | None = None) -> Doubles:
        """Read a column of numbers, as float64 of its own."""
        import narwhals as nw

        series, what = self.frame[name], f"Column {name!r}"
        if series.dtype == nw.Boolean:
            series = series.cast(nw.Float64)
        elif series.dtype == nw.Categorical and self.kind == "pyarrow":
            series = series.cast(nw.String)  # it fails if there is no level
        elif series.dtype in (nw.Int64, nw.UInt64) and series.null_count() < len(series):
            large = int((series > 2**53).sum()) if series.max() > 2**53 else 0
            if series.min() < -(2**53):
                large += int((series < -(2**53)).sum())
            self.notes += large_note(large, what)
        cells = read_cells(series.to_numpy, what)
        if cells.ndim > 1:
            raise DataError(f"{what} does not hold numbers.", value=series.dtype)
        if cells.dtype.kind in "biuf":
            ours = self.kind != "pandas" and cells.flags.owndata
            values: Doubles = cells.astype(np.float64, copy=not ours)
            if np.fmin.reduce(values) >= -LARGEST and np.fmax.reduce(values) <= LARGEST:
                return values  # the usual case, without a second array of that size
        return read_numbers(cells, self.where, what, report or self.report)

    def covariate(self, name: str) -> Doubles:
        """Read a past or future covariate: numbers, or True and False."""
        fix = "Write it as 0 and 1, or make it static: static_covariates (--static)."

        def report(code: str, problem: str, rows: Indices, describe: Where, usual: str) -> None:
            if code == "text":
                code, usual = "covariate-text", fix
            self.report(code, problem, rows, describe, usual)

        if name not in self.frame.columns:  # which was reported
            return np.full(len(self.frame), np.nan)
        try:
            return self.numbers(name, report)
        except DataError as error:
            if error.fix is not None:
                raise
            self.found.error("covariate-text", error.problem, value=error.value, fix=fix)
            return np.full(len(self.frame), np.nan)

    def static(self, series: Indices) -> Objects:
        """Read the static covariates of some series, ``[n, n_static]``."""
        out = np.full((len(series), len(self.columns.static)), np.nan, object)
        for j, name in enumerate(self.columns.static):
            if name in self.frame.columns:
                out[:, j] = self._static(name)[series]
        return out

    def _static(self, name: str) -> Objects:
        column, what = self.frame[name], f"Column {name!r}"
        levels: Sequence[Any] | None = None
        if not column.dtype.is_numeric():
            codes, levels = _levels(column, what)
            if levels and _are_numbers(levels):
                levels = None
        if levels is None:
            cells: NDArray[Any] = self.numbers(name)
            there = ~np.isnan(cells)
        else:
            texts = [str(level) for level in levels]
            known = {text: k for k, text in enumerate(dict.fromkeys(texts)) if text.strip()}
            number = np.array([*(known.get(text, -1) for text in texts), -1], np.int32)
            cells, levels = number[codes], list(dict.fromkeys(texts))
            unsaved = _unsaved(levels)
            if unsaved:
                self.report(
                    "bad-text",
                    f"{what} has text that cannot be saved.",
                    np.flatnonzero(np.isin(cells, unsaved)),
                    self.where,
                    "Use text that UTF-8 can write.",
                )
                cells[np.isin(cells, unsaved)] = -1
            there = cells >= 0
        codes = np.zeros(len(cells), np.int32) if self.codes is None else self.codes
        there &= codes >= 0
        rows = np.flatnonzero(there)[::-1]
        first = np.full(len(self.names), -1)
        first[codes[rows]] = rows  # the last to be put there is the first row
        del rows
        there &= cells != cells[first][codes]
        if there.any():
            self._report_varying(name, np.flatnonzero(there), first, cells, levels)
        out = np.full(len(self.names), np.nan, object)
        have = np.flatnonzero(first >= 0)
        chosen = cells[first[have]]
        out[have] = chosen if levels is None else as_objects(levels)[chosen]
        return out

    def _report_varying(
        self,
        name: str,
        rows: Indices,
        first: Indices,
        cells: NDArray[Any],
        levels: Sequence[Any] | None,
    ) -> None:
        """Report rows whose static covariate is not that of the first row of their series."""
        codes = np.zeros(len(rows), np.int32) if self.codes is None else self.codes[rows]
        series, once = np.unique(codes, return_index=True)  # one place a series

        def cell(row: Any) -> str:
            value = f"{cells[row]:g}" if levels is None else repr(levels[cells[row]][:40])
            return f"{value} in {self.where(row)}"

        self.found.error(
            "static-varies",
            f"The static covariate {name!r} is not the same in all rows of a series.",
            places=(
                Place(self.series_of(row), f"{cell(before)} and {cell(row)}")
                for row, before in zip(rows[once], first[series], strict=True)
            ),
            total=len(once),
            fix="Correct it, or name it as a past or future covariate.",
        )

    def stamps(self) -> tuple[Ints, Bools | None]:
        """Read the stamps, and which rows have none that can be used, if any."""
        series = self.frame[self.columns.time_col]
        null = series.is_null().to_numpy()
        if not null.any():
            return self._stamps(series, None)
        self.report(
            "no-stamp",
            f"Column {series.name!r} has no stamp in some rows.",
            np.flatnonzero(null),
            self.where,
            "Give every row a stamp.",
        )
        rows = np.flatnonzero(~null)
        if not len(rows):
            raise DataError("No row has a stamp.", fix="Give every row a stamp.")
        read, unreadable = self._stamps(series[rows], rows)
        stamps, bad = np.zeros(len(null), np.int64), np.asarray(null, bool)
        bad = bad.copy()
        stamps[rows] = read
        if unreadable is not None:
            bad[rows] = unreadable
        if self.texts is not None:
            numbers = np.zeros(len(null), np.int32)
            numbers[rows] = self.texts[0]
            self.texts = numbers, self.texts[1]
        return stamps, bad

    def _stamps(self, series: Any, rows: Indices | None) -> tuple[Ints, Bools | None]:
        """Read stamps of which none is missing; they are those of some rows, or of all."""
        import narwhals as nw

        def checked(bad: Bools, what: str = _NO_DATES) -> Bools | None:
            if not bad.any():
                return None
            at = np.flatnonzero(bad)
            numbers = at if rows is None else rows[at]
            column = self.frame[self.columns.time_col]
            self.report(
                "bad-stamp",
                f"Column {series.name!r} has {what}.",
                numbers,
                lambda k: f"{self.where(k)} ({str(column[int(k)])[:40]!r})",
                "Write dates as 2024-01-31, or use whole numbers throughout.",
            )
            return bad

        native, time_type = series.to_native(), ""
        zone = getattr(getattr(native, "dtype", None), "tz", None)  # of pandas
        _require_named_zone(zone)
        if zone is not None:  # narwhals does not know all zones of pandas, America/New_York not
            naive = native.dt.tz_convert("UTC").dt.tz_localize(None)
            series = nw.from_native(naive, series_only=True)
        if str(native.dtype if hasattr(native, "dtype") else "").startswith("period["):
            time_type = str(native.dtype)
            series = nw.from_native(native.dt.start_time, series_only=True)
        dtype = series.dtype
        if dtype == nw.Date:
            time_type = "datetime[us]" if series.implementation.is_pandas_like() else "date"
            series, dtype = series.cast(nw.Datetime("us")), nw.Datetime("us")
        if isinstance(dtype, nw.Datetime):
            self.time_type = time_type or f"datetime[{dtype.time_unit}]"
            self.tz = dtype.time_zone if zone is None else str(zone)
            if self.kind == "polars" and self.tz is not None and self.tz[0] in "+-":
                self.tz = "UTC"  # polars knows no fixed offsets
            ticks, unit = _ticks(series)
            low, end = (
                np.datetime64(f"{year}-01-01", unit).astype(np.int64) for year in (1678, 2262)
            )
            bad = None
            if ticks.min() < low or ticks.max() >= end:
                bad = checked((ticks < low) | (ticks >= end))
            size = _NANOSECONDS[unit]
            return (ticks if size == 1 else ticks * size), bad
        codes = None
        if dtype.is_numeric() and not dtype.is_decimal():
            cells = read_cells(series.to_numpy, f"Column {series.name!r}")
        else:
            codes, levels = _levels(series, f"Column {series.name!r}")
            if not _are_numbers(levels):
                return self._parsed(as_objects([str(x) for x in levels]), codes, checked)
            cells = np.array(levels, np.float64 if Decimal in set(map(type, levels)) else None)
        self.time_type = "int"
        if cells.dtype.kind == "f":
            broken = cells != np.floor(cells)
            bad = checked(broken if codes is None else broken[codes])
            cells = np.where(broken, 0, cells)
        else:
            bad = None
        far = ~are_in_range(cells, whole=True)
        if far.any():
            far_rows = far if codes is None else far[codes]
            checked(far_rows, "whole numbers of more than 18 digits")
            bad = far_rows if bad is None else bad | far_rows
            cells = np.where(far, 0, cells)
        stamps = cells.astype(np.int64)
        return (stamps if codes is None else stamps[codes]), bad

    def _parsed(self, texts: Objects, codes: Codes, checked: Any) -> tuple[Ints, Bools | None]:
        """Read stamps that are text, of which each is parsed once."""
        read = parse_stamps(texts)
        bad = checked(read.bad[codes]) if read.bad.any() else None
        stamps = read.stamps
        self.time_type, self.tz = "int" if read.whole else "datetime[us]", read.tz
        if read.wall is not None:
            # What pandas writes over a clock change: days are days on the wall, hours are not.
            good = ~read.bad
            wall, utc = read.wall[good], read.stamps[good]
            if not np.ptp(wall % DAY) and np.ptp(wall - utc) <= DAY // 12:
                self.tz, stamps = None, read.wall
                did = "as over a clock change; they were dropped."
                self.notes.append(f"The UTC offsets of the stamps differ, {did}")
            else:
                self.notes.append(
                    "The UTC offsets of the stamps differ; the forecast has its stamps in UTC."
                )
        if read.tz is not None:
            self.texts = codes, texts
        if self.kind == "polars" and self.tz is not None and self.tz[0] in "+-":
            self.tz = "UTC"  # polars knows no fixed offsets
        return stamps[codes], bad


_NO_DATES = "values that are not dates from 1678 to 2261"
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_MAX_SHOWN = 10_000


def _ticks(series: Any) -> tuple[Ints, Any]:
    """Return datetimes as whole numbers of a unit since 1970 UTC."""
    cells = series.to_numpy()
    if cells.dtype.kind != "M":  # pandas makes objects of some
        unit = series.dtype.time_unit
        return np.asarray(series.dt.timestamp(unit).to_numpy()).astype(np.int64), unit
    return cells.view(np.int64), np.datetime_data(cells.dtype)[0]


def _levels(series: Any, what: str) -> tuple[Codes, list[Any]]:
    """Number what a column holds in the order of appearance, -1 where nothing; and return that."""
    import narwhals as nw

    if not series.implementation.is_pandas_like() and series.dtype in (nw.Categorical, nw.Enum):
        series = series.cast(nw.String)  # pyarrow fails if there is no level
    try:
        codes, levels = read_cells(lambda: _numbered(series), what)
        return codes, read_cells(levels.tolist, what)
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{what} has cells that are lists or the like.",
            fix="Use text or numbers.",
        ) from error


def _numbered(series: Any) -> tuple[Codes, Any]:
    """Number cells block by block, so that text becomes objects for a few rows only."""
    import pandas as pd

    own = series.implementation.is_pandas_like() and series.to_native().dtype != object
    codes, parts, n = np.empty(len(series), np.int32), [], 0
    for rows in blocks(len(series)):
        cells = series[rows].to_native() if own else series[rows].to_numpy()
        numbers, levels = pd.factorize(cells)
        codes[rows] = np.where(numbers < 0, -1, numbers + n)
        parts.append(levels)
        n += len(levels)
    if len(parts) == 1:
        return codes, parts[0]
    joined = parts[0].append(parts[1:]) if own else np.concatenate(parts)
    again, levels = pd.factorize(joined)
    again = np.append(again, -1).astype(np.int32)
    for rows in blocks(len(codes)):
        codes[rows] = again[codes[rows]]
    return codes, levels


def _are_numbers(levels: Sequence[Any]) -> bool:
    """Whether none is text, or True, or a date."""
    return all(
        issubclass(kind, int | float | Decimal | np.number) and not issubclass(kind, bool)
        for kind in set(map(type, levels))
    )


def _unsaved(names: Sequence[Any]) -> list[int]:
    """Find names that a file cannot hold: halves of characters, numbers that are none."""
    try:
        "".join(name for name in names if isinstance(name, str)).encode()
    except UnicodeEncodeError:
        pass
    else:
        if not any(isinstance(name, float) for name in names):
            return []
    return [k for k, name in enumerate(names) if not _can_be_saved(name)]


def _can_be_saved(name: str | int | float) -> bool:
    if isinstance(name, str):
        return not any("\ud800" <= character <= "\udfff" for character in name)
    return not isinstance(name, float) or math.isfinite(name)


def _open(df: Any, columns: Columns, first_row: int, found: Findings, *, ahead: bool) -> _Reader:
    """Find the columns of a frame, of one that says what is known ahead without the target."""
    import narwhals as nw

    index = getattr(df, "index", None)
    if index is not None and hasattr(df, "reset_index"):
        wanted = [name for name in columns.names if name not in df.columns]
        levels = [name for name in index.names if name in wanted]
        if levels:
            df = df.reset_index(level=levels)
        elif columns.time_col in wanted and hasattr(index, "freqstr"):
            df = df.rename_axis(columns.time_col).reset_index()
    try:
        frame: Any = nw.from_native(df, eager_only=True)
    except nw.exceptions.DuplicateError:
        require_distinct_names(getattr(df, "column_names", df.columns))
        raise
    except TypeError as error:
        raise DataError(
            "Only pandas, polars and pyarrow frames held in memory are taken.",
            value=f"{type(df).__module__}.{type(df).__name__}",
            fix="Call .collect() or .compute() first.",
        ) from error
    required = [columns.time_col] if ahead else [columns.time_col, columns.target_col]
    if columns.id_col != Columns().id_col:
        required.insert(0, columns.id_col)
    have = f"columns {', '.join(map(repr, frame.columns))}"
    missing = [name for name in required if name not in frame.columns]
    if missing:
        raise DataError(
            f"There is no column {' and no column '.join(map(repr, missing))}.",
            value=have,
            fix="Name yours with id_col, time_col and target_col (--id, --time, --target).",
        )
    needed = columns.future if ahead else columns.covariates
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        found.error(
            "missing-column",
            f"There is no column {' and no column '.join(map(repr, missing))}.",
            value=have,
            fix="Correct the names of the covariates, or leave these out.",
        )
        left: dict[str, Any] = {
            role: tuple(name for name in getattr(columns, role) if name not in missing)
            for role in ("past", "future", "static")
        }
        columns = replace(columns, **left)
    if not len(frame):
        raise DataError("There are no rows.", fix="Give at least two stamps and values.")
    kind: Any = frame.implementation.value
    kind = kind if kind in ("polars", "pyarrow") else "pandas"
    return _Reader(frame, kind, columns, first_row, found)


def require_distinct_names(names: Any) -> None:
    """Raise if columns share a name."""
    names = list(names)
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise DataError(
            "Columns share a name.",
            value=some(map(repr, repeated), len(repeated)),
            fix="Rename or drop all but one of each.",
        )


def _require_named_zone(tz: Any) -> None:
    import pandas as pd

    try:
        pd.Timestamp(0, tz=None if tz is None else str(tz))
    except (KeyError, ValueError) as error:
        raise DataError(
            "The time zone of the stamps has no name to save it by.",
            value=tz,
            fix="Name it, for example with df['ds'].dt.tz_convert('Europe/Berlin').",
        ) from error
