"""The rows of a frame in order of series and stamp, and their place on the grid of a frequency."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.cells import LARGEST, USE_A_LARGER_UNIT
from gatecast.errors import ConfigError, DataError
from gatecast.findings import STRICT, Place
from gatecast.frequency import (
    Frequency,
    blocks,
    infer_frequency,
    infer_step,
    likelier_frequency,
    parse_frequency,
)
from gatecast.language import said
from gatecast.panel import (
    Intake,
    indptr_of,
    ranges,
)
from gatecast.stamps import format_stamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.columns import Reader
    from gatecast.panel import Bools, Doubles, Ints

    Codes = NDArray[np.int32]
    Indices = NDArray[np.intp]
    Objects = NDArray[np.object_]

__all__ = ["Grid", "Rows"]


@dataclass(frozen=True, eq=False)
class Rows:
    """The usable rows of a frame, in order of series and stamp; several may have been made one."""

    reader: Reader
    series: Indices  # [n_series], which of the reader's
    codes: Codes  # which of these
    stamps: Ints
    order: Indices | None = None  # where the rows stood in the frame, if they were moved
    starts: Indices | None = None  # the first of the rows that were made one, if some were

    @property
    def indptr(self) -> Ints:
        """Where each series begins and ends, int64 ``[n_series + 1]``."""
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
        return said("{row} ({cell})", row=self.reader.where(self.number(k)), cell=self.text(k))

    def sorted(self) -> Rows:
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

    def _take(self, chosen: Indices) -> Rows:
        """Move rows of which none were made one."""
        order = chosen if self.order is None else self.order[chosen]
        return replace(self, codes=self.codes[chosen], stamps=self.stamps[chosen], order=order)

    def without(self, bad: Indices) -> Rows:
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

    def distinct(self, how: str) -> Rows:
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
                        k,
                        said(
                            "stamp {stamp}: {rows}",
                            stamp=self.text(k),
                            rows=[where(number(k)), where(number(k + 1))],
                        ),
                    )
                    for k in again
                ),
                total=len(again),
                fix="Keep one of them, combine them with duplicates='mean', 'sum' or 'last' "
                "(--duplicates sum), or name the column that tells the series apart: "
                "id_col (--id).",
            )
        else:
            self.reader.notes.append(
                said(
                    "{n:row has|rows have} the stamp of another row of its series; {combined}.",
                    n=len(again),
                    combined=said("the last one counts")
                    if how == "last"
                    else said("their {how} counts", how=said(how)),
                )
            )
        return self._merged(same)

    def resampled(self, frequency: Frequency, origin: Ints, how: str) -> Rows:
        """Make the rows in each step of a frequency one."""
        labels = np.empty_like(self.stamps)
        for rows in blocks(len(labels)):
            start = origin if len(origin) == 1 else origin[rows]
            labels[rows] = frequency.label(self.stamps[rows], start)
        same = (self.codes[1:] == self.codes[:-1]) & (labels[1:] == labels[:-1])
        steps = replace(self, stamps=labels)._merged(same)
        self.reader.notes.append(
            said(
                "{rows:row was|rows were} put into {steps:step|steps} of {frequency} ({how}).",
                rows=len(labels),
                steps=len(steps.stamps),
                frequency=str(frequency),
                how=said(how),
            )
        )
        return steps

    def _merged(self, same: Bools) -> Rows:
        starts = np.flatnonzero(np.concatenate([[True], ~same]))
        if len(starts) == len(self.codes):
            return self
        return replace(self, codes=self.codes[starts], stamps=self.stamps[starts], starts=starts)

    def frequency(self, freq: str | int | None, usual: str | int | None = None) -> Frequency:
        """Return the frequency that was given, or that the stamps have, or else the usual one."""
        whole = self.reader.time_type == "int"
        if freq is None and usual is not None and np.diff(self.indptr).max() < 2:
            freq = usual
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

    def on_grid(self, frequency: Frequency, *, given: bool) -> Grid:
        """Give each row its place: one step a place, so that missing rows leave theirs empty."""
        rows = self._in_step(frequency, given=given)._near(frequency)
        indptr = rows.indptr
        first, last = rows.stamps[indptr[:-1]], rows.stamps[indptr[1:] - 1]
        places = indptr_of(frequency.steps_between(first, last)[0] + 1)
        if places[-1] == len(rows.stamps) and rows._are_dense(frequency, indptr):
            return Grid(rows.settled(), rows.series, last, places)
        place: NDArray[Any] = np.empty(
            len(rows.stamps), np.int32 if places[-1] < 2**31 else np.int64
        )
        for block, steps, _ in frequency.steps_to_ends(rows.stamps, indptr):
            place[block] = places[rows.codes[block] + 1] - 1 - steps
        clash = np.flatnonzero(place[1:] == place[:-1])  # two stamps of a repeated hour
        if len(clash):
            rows._report_out_of_step(clash, frequency, given=given)
            return rows.without(clash).on_grid(frequency, given=given)
        return Grid(rows.settled(), rows.series, last, places, place)

    def ahead(self, frequency: Frequency, ends: Ints) -> Grid:
        """Give each row after the end of its series its place; the others are left out."""
        after = self.stamps > ends[self.codes]
        if not after.any():
            raise DataError(
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
        return Grid(rows.settled(), rows.series, rows.stamps[last], indptr, place)

    def settled(self) -> Rows:
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

    def _in_step(self, frequency: Frequency, *, given: bool) -> Rows:
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
        freq = str(frequency)
        assumed = said(
            "Stamps are out of step with freq={freq!r}."
            if given
            else "Stamps are out of step with the likeliest frequency, {freq}.",
            freq=freq,
        )
        fix = said(
            "Correct them, put them into equal steps with freq={freq!r}, resample='mean' (--freq "
            "{freq} --resample mean), or give another frequency: freq= (--freq).",
            freq=freq,
        )
        if given and self.reader.time_type != "int":
            likely = likelier_frequency(frequency, self.stamps, self.indptr)
            if likely is not None:
                fix = said(
                    "They look like freq={freq!r} (--freq {freq}); or put them into equal steps "
                    "with resample='mean' (--resample mean).",
                    freq=str(likely),
                )
        self.reader.found.error(
            "irregular",
            assumed,
            places=(self.place(k, self.row(k)) for k in off),
            total=len(off),
            fix=fix,
        )

    def _near(self, frequency: Frequency) -> Rows:
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
                        said(
                            "{row}; {steps:,} steps lie between the first and the last of {n:,} "
                            "rows",
                            row=self.row(left_out.start),
                            steps=steps[i],
                            n=after - first,
                        ),
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
class Grid:
    """The steps of all series, one after another, and where each row stands."""

    rows: Rows  # perhaps without their stamps
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
            # A flag becomes the share of the step's rows that have it.
            mean = intake.resample is not None or intake.duplicates in ("mean", "sum")
            column = self.rows.reader.covariate(name)
            out[:, j] = self.put(column, "mean" if mean else "last")
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
        note = said(
            "{n:row is|rows are} missing between the stamps; each counts as a missing value.",
            n=gaps,
        )
        return [note] if gaps else []

    def incomplete(self, target: Doubles, begin: Ints, end: Ints) -> list[str]:
        """Note for how many series the last step is made of fewer values than the one before."""
        values = self.put((~np.isnan(target)).astype(np.float64), "sum")
        last = np.maximum(end - 1, begin)
        fewer = 10 * values[last] < 9 * values[np.maximum(end - 2, begin)]
        note = said(
            "The last step of {n:series|series} is made of fewer values than the one before; it "
            "may be incomplete.",
            n=int(fewer.sum()),
        )
        return [note] if fewer.any() else []

    def _check_size(self, column: Doubles, how: str) -> None:
        """A sum of numbers may be larger than a number may be."""
        large = np.flatnonzero(np.abs(column) > LARGEST)
        if len(large):
            rows = self.rows
            rows.reader.found.error(
                "too-large",
                said("A {how} of several rows is too large.", how=said(how)),
                places=(
                    rows.place(k, said("{row} ({cell})", row=rows.text(k), cell=f"{column[k]:g}"))
                    for k in large
                ),
                total=len(large),
                fix=USE_A_LARGER_UNIT,
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
