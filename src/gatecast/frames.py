"""Frames in, frames out: the only place that knows frames.

:func:`from_frame` reads the columns of a long frame, sorts its rows (:class:`_Rows`), finds their
frequency and puts them on its grid, which makes a :class:`~gatecast.panel.Panel`;
:func:`forecast_frame` is the way back. Whose frame it is, narwhals knows; it and pandas are
imported on use, because arrays need neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gatecast.cells import Where, read_cells, read_numbers, some
from gatecast.errors import ConfigError, DataError
from gatecast.frequency import Frequency, infer_frequency, infer_step, parse_frequency
from gatecast.panel import (
    Columns,
    Kind,
    Panel,
    as_objects,
    counted,
    indptr_of,
    require_some_values,
)
from gatecast.stamps import DAY, are_in_range, format_stamps, parse_stamps, type_stamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, Ints

__all__ = ["forecast_frame", "from_frame", "require_distinct_names"]


def from_frame(
    df: Any,
    columns: Columns | None = None,
    freq: str | int | None = None,
    *,
    first_row: int = 0,
) -> Panel:
    """Take in a long frame: one row a series and stamp.

    Parameters
    ----------
    df : frame
        pandas, polars or pyarrow; it is not changed. Stamps are dates, datetimes (with or without
        a time zone), periods, whole numbers, or text such as ``2024-01-31``, ``2024-01``,
        ``2024Q1``, ``2024-W05``. A pandas index may hold the stamps or the ids. Without the column
        ``unique_id`` it is one series, with the target's name for an id.
    columns : Columns, optional
        The names of its columns.
    freq : str or int, optional
        Frequency; found from the stamps by default.
    first_row : int
        What errors should call the first row: 2 for a file with a heading.

    Returns
    -------
    Panel
        Rows missing between two stamps are put in as missing values.

    Raises
    ------
    DataError
        When the data cannot be used; it names the rows.
    ConfigError
        When ``freq`` is unknown or does not suit the stamps.

    Examples
    --------
    >>> import pandas as pd
    >>> panel = from_frame(pd.DataFrame({"ds": ["2024-01", "2024-02", "2024-04"], "y": [1, 2, 4]}))
    >>> str(panel.frequency), panel.values
    ('MS', array([ 1.,  2., nan,  4.]))
    """
    columns = columns or Columns()
    frame, kind = _open(df, columns)
    n = len(frame)
    if n == 0:
        raise DataError("There are no rows.", fix="Give at least two stamps and values.")

    def where(row: int) -> str:
        return f"row {row + first_row}"

    what = f"Column {columns.target_col!r}"
    cells = read_cells(frame[columns.target_col].to_numpy, what)
    values = read_numbers(cells, where, what)
    stamps = _stamps(frame[columns.time_col], where)
    codes, ids = np.zeros(n, np.int64), as_objects([columns.target_col])
    if columns.id_col in frame.columns:
        codes, ids = _ids(frame[columns.id_col], where)
    if kind == "polars" and stamps.tz is not None and stamps.tz[0] in "+-":
        stamps = stamps._replace(tz="UTC")  # polars knows no fixed offsets
    rows, in_time = _Rows(
        codes, ids, stamps.stamps, values, np.arange(n), stamps.time_type, stamps.tz, stamps.written
    ).sort()
    rows.require_distinct(where)
    panel = rows.on_grid(rows.frequency(freq), where, given=freq is not None)
    notes = [stamps.note] if stamps.note else []
    if not in_time:
        notes.append("The rows of a series were not in order of time; they were sorted.")
    gaps = len(panel.values) - n
    if gaps:
        notes.append(
            f"{counted(gaps, 'row is', 'rows are')} missing between the stamps; each counts as a "
            "missing value."
        )
    panel = replace(panel, columns=columns, kind=kind, notes=tuple(notes))
    require_some_values(panel)
    return panel


def forecast_frame(panel: Panel, h: int, forecasts: dict[str, Doubles]) -> Any:
    """Put forecasts into a frame; see :meth:`gatecast.panel.Panel.forecast_frame`."""
    import narwhals as nw

    frequency, columns = panel.frequency or Frequency(None), panel.columns
    backend: Any = "pandas" if panel.kind.startswith("array") else panel.kind
    future = frequency.future(panel.last, h).ravel()
    cells = {
        columns.id_col: np.repeat(panel.ids, h).tolist(),
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


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of a frame as arrays ``[n]``, sorted by series and stamp."""

    codes: Ints  # which series
    ids: NDArray[np.object_]  # [n_series]
    stamps: Ints
    values: Doubles
    numbers: Ints  # where the row stood in the frame
    time_type: str
    tz: str | None
    written: NDArray[np.object_] | None  # what stamps are called, by number, if not by themselves

    @property
    def indptr(self) -> Ints:
        return indptr_of(np.bincount(self.codes, minlength=len(self.ids)))

    def sort(self) -> tuple[_Rows, bool]:
        """Rows in order, and whether the stamps of a series were in order before."""
        same = self.codes[1:] == self.codes[:-1]
        rows = self
        if (self.codes[1:] < self.codes[:-1]).any():
            rows = self._take(np.argsort(self.codes, kind="stable"))
            same = rows.codes[1:] == rows.codes[:-1]
        in_time = not (same & (rows.stamps[1:] < rows.stamps[:-1])).any()
        return (rows if in_time else self._take(np.lexsort((self.stamps, self.codes)))), in_time

    def _take(self, order: NDArray[np.intp]) -> _Rows:
        arrays = {name: getattr(self, name)[order] for name in _ROW_ARRAYS}
        return replace(self, **arrays)

    def require_distinct(self, where: Where) -> None:
        same = (self.codes[1:] == self.codes[:-1]) & (self.stamps[1:] == self.stamps[:-1])
        found, number = np.flatnonzero(same), self.numbers
        if len(found):
            named = (f"{self._at(k)}: {where(number[k])}, {where(number[k + 1])}" for k in found)
            raise DataError(
                "A series has more than one row for the same stamp.",
                value=some(named, len(found)),
                fix="Keep one of them, or name the column that tells the series apart: "
                "id_col (--id).",
            )

    def frequency(self, freq: str | int | None) -> Frequency:
        whole = self.time_type == "int"
        if freq is None:
            if whole:
                return infer_step(self.stamps, self.indptr)
            return infer_frequency(self.stamps, self.indptr, self.tz)
        frequency = parse_frequency(freq, self.tz)
        if whole != (frequency.alias is None):
            kind = "whole numbers" if whole else "dates"
            raise ConfigError(
                f"This frequency does not suit stamps that are {kind}.",
                value=f"freq={freq!r}",
                fix="Leave freq out, or use freq=1." if whole else "Use for example freq='D'.",
            )
        return frequency

    def on_grid(self, frequency: Frequency, where: Where, *, given: bool) -> Panel:
        """One value a step: rows missing between two stamps become missing values."""
        indptr = self.indptr
        ends = np.repeat(self.stamps[indptr[1:] - 1], np.diff(indptr))
        steps, on_grid = frequency.steps_between(self.stamps, ends)
        # Two stamps of one repeated hour are the same step.
        on_grid[:-1] &= (steps[1:] != steps[:-1]) | (self.codes[1:] != self.codes[:-1])
        if not on_grid.all():
            raise self._irregular(frequency, on_grid, where, given=given)
        lengths = steps[indptr[:-1]] + 1
        self._require_rows_for(lengths)
        full = indptr_of(lengths)
        values = np.full(full[-1], np.nan)
        values[full[self.codes + 1] - 1 - steps] = self.values
        return Panel(
            values=values,
            indptr=full,
            observed=~np.isnan(values),
            ids=self.ids,
            last=self.stamps[indptr[1:] - 1],
            frequency=frequency,
            columns=Columns(),
            kind="pandas",
            time_type=self.time_type,
        )

    def _require_rows_for(self, lengths: Ints) -> None:
        """One stamp far from the others must not fill the memory with missing values."""
        total = float(lengths.sum(dtype=np.float64))
        if total > 1e7 + 100 * len(self.stamps):
            i = int(lengths.argmax())
            first = int(self.indptr[i])
            raise DataError(
                "The stamps are too far apart for their frequency.",
                value=f"{self._at(first)}, then {lengths[i] - 1:,} steps to the last stamp, "
                f"with {int(np.bincount(self.codes)[i]):,} rows",
                fix="Look for a wrong stamp, or give the frequency: freq='D' (--freq D).",
            )

    def _irregular(
        self, frequency: Frequency, on_grid: Bools, where: Where, *, given: bool
    ) -> DataError:
        i = self.codes[np.flatnonzero(~on_grid)[0]]
        begin, end = self.indptr[i : i + 2]
        stamps = self.stamps[begin:end]
        # The grid starts from the last stamp. If just that one is wrong, another blames fewer.
        off = min(
            (
                np.flatnonzero(~frequency.steps_between(stamps, np.full_like(stamps, start))[1])
                for start in (stamps[-1], stamps[len(stamps) // 2], stamps[0])
            ),
            key=lambda k: len(k) or len(stamps),
        )
        named = (f"{where(self.numbers[begin + k])} ({self._text(begin + k)})" for k in off)
        assumed = f"freq={str(frequency)!r}" if given else f"the likeliest frequency, {frequency}"
        fix = "Correct them, resample to equal steps, or give another frequency: freq= (--freq)"
        if given and self.time_type != "int":
            likely = infer_frequency(self.stamps, self.indptr, self.tz)
            if str(likely) != str(frequency):
                fix = f"They look like freq={str(likely)!r} (--freq {likely})"
        return DataError(
            f"Stamps of the series {self.ids[i]!r} are out of step with {assumed}.",
            value=some(named, len(off)),
            fix=f"{fix}.",
        )

    def _text(self, k: Any) -> str:
        if self.written is not None:
            return str(self.written[self.numbers[k]])
        if self.time_type == "int":
            return str(self.stamps[k])
        return format_stamps(self.stamps[k : k + 1], self.tz)[0]

    def _at(self, k: Any) -> str:
        return f"series {self.ids[self.codes[k]]!r} at {self._text(k)}"


_ROW_ARRAYS = ("codes", "stamps", "values", "numbers")


def _open(df: Any, columns: Columns) -> tuple[Any, Kind]:
    """Return the columns as a narwhals frame, and whose frame it is."""
    import narwhals as nw

    index = getattr(df, "index", None)
    if index is not None and hasattr(df, "reset_index"):
        wanted = [name for name in vars(columns).values() if name not in df.columns]
        if any(name in wanted for name in index.names):
            df = df.reset_index()
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
    missing = [x for x in (columns.time_col, columns.target_col) if x not in frame.columns]
    if columns.id_col != Columns().id_col and columns.id_col not in frame.columns:
        missing.insert(0, columns.id_col)
    if missing:
        raise DataError(
            f"There is no column {' and no column '.join(map(repr, missing))}.",
            value=f"columns {', '.join(map(repr, frame.columns))}",
            fix="Name yours with id_col, time_col and target_col (--id, --time, --target).",
        )
    kind: Any = frame.implementation.value
    return frame, kind if kind in ("polars", "pyarrow") else "pandas"


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


def _ids(series: Any, where: Where) -> tuple[Ints, NDArray[np.object_]]:
    import pandas as pd

    pandas = series.implementation.is_pandas_like()
    what = f"Column {series.name!r}"
    codes, ids = pd.factorize(series.to_native() if pandas else series.to_numpy())
    names = read_cells(ids.tolist, what)
    plain = [x if isinstance(x, str | int | float) else str(x) for x in names]
    blank = [k for k, name in enumerate(plain) if isinstance(name, str) and not name.strip()]
    unnamed = np.flatnonzero((codes < 0) | np.isin(codes, blank))
    if len(unnamed):
        raise DataError(
            f"{what} does not say which series a row belongs to.",
            value=some(map(where, unnamed), len(unnamed)),
            fix="Give every row an id.",
        )
    unsaved = [k for k, name in enumerate(plain) if not _can_be_saved(name)]
    if unsaved:
        rows = np.flatnonzero(np.isin(codes, unsaved))
        raise DataError(
            f"{what} has ids that cannot be saved.",
            value=some((f"{where(k)} ({plain[codes[k]]!a})" for k in rows), len(rows)),
            fix="Use text that UTF-8 can write, or numbers that are finite.",
        )
    return codes.astype(np.int64), as_objects(plain)


def _can_be_saved(name: str | int | float) -> bool:
    if isinstance(name, str):
        return not any("\ud800" <= character <= "\udfff" for character in name)
    return not isinstance(name, float) or math.isfinite(name)


class _Stamps(NamedTuple):
    """A column of stamps, read."""

    stamps: Ints
    time_type: str
    tz: str | None = None
    note: str | None = None
    written: NDArray[np.object_] | None = None


def _stamps(series: Any, where: Where) -> _Stamps:
    import narwhals as nw

    null = np.flatnonzero(series.is_null().to_numpy())
    if len(null):
        raise DataError(
            f"Column {series.name!r} has no stamp in some rows.",
            value=some(map(where, null), len(null)),
            fix="Give every row a stamp.",
        )
    time_type, native = "", series.to_native()
    _require_named_zone(getattr(getattr(native, "dtype", None), "tz", None))
    if str(native.dtype if hasattr(native, "dtype") else "").startswith("period["):
        time_type = str(native.dtype)
        series = nw.from_native(native.dt.start_time, series_only=True)
    dtype = series.dtype
    if dtype == nw.Date:
        time_type = "datetime[us]" if series.implementation.is_pandas_like() else "date"
        series, dtype = series.cast(nw.Datetime("us")), nw.Datetime("us")
    if isinstance(dtype, nw.Datetime):
        bad = np.flatnonzero(~series.dt.year().is_between(1678, 2261).to_numpy())
        _require_stamps(series, bad, where)
        stamps = series.dt.timestamp("ns").to_numpy()
        return _Stamps(stamps, time_type or f"datetime[{dtype.time_unit}]", dtype.time_zone)
    cells = read_cells(series.to_numpy, f"Column {series.name!r}")
    if cells.dtype.kind in "iuf":
        _require_stamps(series, np.flatnonzero(cells != np.floor(cells)), where)
        large = np.flatnonzero(~are_in_range(cells, whole=True))
        _require_stamps(series, large, where, "whole numbers of more than 18 digits")
        return _Stamps(cells.astype(np.int64), "int")
    texts = np.array([str(cell) for cell in cells], object)
    read = parse_stamps(texts)
    _require_stamps(series, np.flatnonzero(read.bad), where)
    if read.wall is None:
        return _Stamps(read.stamps, "int" if read.whole else "datetime[us]", read.tz)
    # What pandas writes over a clock change. Days are days on the wall, shorter steps are not.
    daily = not np.ptp(read.wall % DAY) and np.ptp(read.wall - read.stamps) <= DAY // 12
    if daily:
        note = "The UTC offsets of the stamps differ, as over a clock change; they were dropped."
        return _Stamps(read.wall, "datetime[us]", None, note, texts)
    note = "The UTC offsets of the stamps differ; the forecast has its stamps in UTC."
    return _Stamps(read.stamps, "datetime[us]", read.tz, note, texts)


def _require_stamps(
    series: Any,
    bad: NDArray[np.intp],
    where: Where,
    what: str = "values that are not dates from 1678 to 2261",
) -> None:
    if len(bad):
        raise DataError(
            f"Column {series.name!r} has {what}.",
            value=some((f"{where(k)} ({str(series[int(k)])[:40]!r})" for k in bad), len(bad)),
            fix="Write dates as 2024-01-31, or use whole numbers throughout.",
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
