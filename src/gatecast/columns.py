"""The columns of a frame, read one at a time: ids, stamps, numbers, and what describes a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.cells import LARGEST, Bad, Where, read_cells, read_numbers, some
from gatecast.errors import DataError
from gatecast.findings import Findings, Place
from gatecast.frequency import TICKS, blocks
from gatecast.language import Said, said
from gatecast.panel import (
    Columns,
    Kind,
    as_objects,
    can_be_saved,
    large_note,
)
from gatecast.rows import Rows
from gatecast.stamps import DAY, are_in_range, parse_stamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, Ints

    Codes = NDArray[np.int32]
    Indices = NDArray[np.intp]
    Objects = NDArray[np.object_]

__all__ = ["Reader", "open_frame", "require_distinct_names"]


@dataclass(eq=False)
class Reader:
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
        return said("row {row:d}", row=int(row + self.first_row))

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

    def rows(self, codes: Codes) -> Rows:
        """Return the rows that have a series and a stamp, in order."""
        stamps, bad = self.stamps()
        rows = Rows(self, np.arange(len(self.names)), codes, stamps)
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
                    said(
                        "There is no column {name!r} to tell the series apart.",
                        name=self.columns.id_col,
                    ),
                    value=_have(self.frame.columns),
                    fix="Name yours with id_col (--id).",
                )
            self.names = as_objects([name])
            return np.zeros(len(self.frame), np.int32)
        series = self.frame[self.columns.id_col]
        what = said("Column {name!r}", name=series.name)
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
                said("{what} does not say which series a row belongs to.", what=what),
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
                said("{what} has ids that cannot be saved.", what=what),
                rows,
                lambda k: (
                    said("{row} ({cell})", row=self.where(k), cell=f"{shown[k]!a}")
                    if k in shown
                    else self.where(k)
                ),
                "Use text that UTF-8 can write, or numbers that are finite.",
            )
        return codes

    def numbers(self, name: str, report: Bad | None = None) -> Doubles:
        """Read a column of numbers, as float64 of its own."""
        import narwhals as nw

        series, what = self.frame[name], said("Column {name!r}", name=name)
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
            problem = said("{what} does not hold numbers.", what=what)
            raise DataError(problem, value=series.dtype)
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
        column, what = self.frame[name], said("Column {name!r}", name=name)
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
                    said("{what} has text that cannot be saved.", what=what),
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
            return said("{value} in {row}", value=value, row=self.where(row))

        self.found.error(
            "static-varies",
            said(
                "The static covariate {name!r} is not the same in all rows of a series.", name=name
            ),
            places=(
                Place(
                    self.series_of(row),
                    said("{one} and {other}", one=cell(before), other=cell(row)),
                )
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
            said("Column {name!r} has no stamp in some rows.", name=series.name),
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

        def checked(bad: Bools, what: str = _NO_DATES, fix: str = _WRITE_DATES) -> Bools | None:
            if not bad.any():
                return None
            at = np.flatnonzero(bad)
            numbers = at if rows is None else rows[at]
            column = self.frame[self.columns.time_col]
            self.report(
                "bad-stamp",
                said("Column {name!r} has {what}.", name=series.name, what=what),
                numbers,
                lambda k: said(
                    "{row} ({cell})", row=self.where(k), cell=repr(str(column[int(k)])[:40])
                ),
                fix,
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
            size = TICKS[unit]
            return (ticks if size == 1 else ticks * size), bad
        codes = None
        if dtype.is_numeric() and not dtype.is_decimal():
            cells = read_cells(series.to_numpy, said("Column {name!r}", name=series.name))
        else:
            codes, levels = _levels(series, said("Column {name!r}", name=series.name))
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
            checked(far_rows, said("whole numbers of more than 18 digits"))
            bad = far_rows if bad is None else bad | far_rows
            cells = np.where(far, 0, cells)
        stamps = cells.astype(np.int64)
        return (stamps if codes is None else stamps[codes]), bad

    def _parsed(self, texts: Objects, codes: Codes, checked: Any) -> tuple[Ints, Bools | None]:
        """Read stamps that are text, of which each is parsed once."""
        read = parse_stamps(texts)
        bad = checked(read.bad[codes]) if read.bad.any() else None
        if read.odd is not None and read.odd.any():
            odd = read.odd[codes]
            some_have = said("a UTC offset in some stamps and none in others")
            checked(odd, some_have, "Write all in one way.")
            bad = odd if bad is None else bad | odd
        stamps = read.stamps
        self.time_type, self.tz = "int" if read.whole else "datetime[us]", read.tz
        if read.wall is not None:
            # What pandas writes over a clock change: days are days on the wall, hours are not.
            good = ~read.bad
            wall, utc = read.wall[good], read.stamps[good]
            if not np.ptp(wall % DAY) and np.ptp(wall - utc) <= DAY // 12:
                self.tz, stamps = None, read.wall
                self.notes.append(
                    "The UTC offsets of the stamps differ, as over a clock change; they were "
                    "dropped."
                )
            else:
                self.notes.append(
                    "The UTC offsets of the stamps differ; the forecast has its stamps in UTC."
                )
        if read.tz is not None:
            self.texts = codes, texts
        if self.kind == "polars" and self.tz is not None and self.tz[0] in "+-":
            self.tz = "UTC"  # polars knows no fixed offsets
        return stamps[codes], bad


_NO_DATES = said("values that are not dates from 1678 to 2261")
_WRITE_DATES = "Write dates as 2024-01-31, or use whole numbers throughout."
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
            said("{what} has cells that are lists or the like.", what=what),
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
    return [k for k, name in enumerate(names) if not can_be_saved(name)]


def open_frame(
    df: Any, columns: Columns, first_row: int, found: Findings, *, ahead: bool
) -> Reader:
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
    have = _have(frame.columns)
    missing = [name for name in required if name not in frame.columns]
    if missing:
        raise DataError(
            _no_column(missing),
            value=have,
            fix="Name yours with id_col, time_col and target_col (--id, --time, --target).",
        )
    needed = columns.future if ahead else columns.covariates
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        found.error(
            "missing-column",
            _no_column(missing),
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
    return Reader(frame, kind, columns, first_row, found)


def _have(names: Any) -> Said:
    return said("columns {names}", names=list(map(repr, names)))


def _no_column(missing: list[str]) -> Said:
    first, *others = map(repr, missing)
    if others:
        none = [said("no column {name}", name=name) for name in others]
        return said("There is no column {name} and {none:and}.", name=first, none=none)
    return said("There is no column {name}.", name=first)


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
