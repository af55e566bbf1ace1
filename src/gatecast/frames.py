"""Frames in, frames out: the only place that knows frames.

:func:`from_frame` reads the columns of a long frame, sorts its rows (:class:`_Rows`), finds their
frequency and puts them on its grid, which makes a :class:`~gatecast.panel.Panel`;
:func:`forecast_frame` is the way back. Whose frame it is, narwhals knows; it and pandas are
imported on use, because arrays need neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

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
    some,
)
from gatecast.stamps import format_stamps, parse_stamps, type_stamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, Ints

__all__ = ["MISSING", "forecast_frame", "from_frame", "read_cells", "read_numbers"]

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null", "none"})
"""Spellings of a missing value, in lower case."""

Where = Callable[[Any], str]  # what to call a place in the user's data: "row 3"


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
    stamps, time_type, tz = _stamps(frame[columns.time_col], where)
    codes, ids = np.zeros(n, np.int64), as_objects([columns.target_col])
    if columns.id_col in frame.columns:
        codes, ids = _ids(frame[columns.id_col], where)
    if kind == "polars" and tz is not None and tz[0] in "+-":
        tz = "UTC"  # polars knows no fixed offsets
    rows, in_time = _Rows(codes, ids, stamps, values, np.arange(n), time_type, tz).sort()
    rows.require_distinct(where)
    panel = rows.on_grid(rows.frequency(freq), where, given=freq is not None)
    notes = []
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


def _ids(series: Any, where: Where) -> tuple[Ints, NDArray[np.object_]]:
    import pandas as pd

    pandas = series.implementation.is_pandas_like()
    what = f"Column {series.name!r}"
    codes, ids = pd.factorize(series.to_native() if pandas else series.to_numpy())
    if (codes < 0).any():
        rows = np.flatnonzero(codes < 0)
        raise DataError(
            f"{what} does not say which series a row belongs to.",
            value=some(map(where, rows), len(rows)),
            fix="Give every row an id.",
        )
    names = read_cells(ids.tolist, what)
    plain = [x if isinstance(x, str | int | float) else str(x) for x in names]
    return codes.astype(np.int64), as_objects(plain)


def read_cells(read: Callable[[], Any], what: str) -> Any:
    """Call ``read``: pandas makes stamps in some time zones of dateutil that it cannot show."""
    try:
        return read()
    except AttributeError as error:
        raise DataError(
            f"{what} cannot be read.",
            value=error,
            fix="If it holds stamps in a time zone of dateutil, name the zone, for example with "
            ".dt.tz_convert('Europe/Berlin').",
        ) from error


def read_numbers(raw: NDArray[Any], where: Where, what: str = "The array") -> Doubles:
    """Float64, with NaN for missing values."""
    if raw.dtype.kind in "biuf":
        values = raw.astype(np.float64)
    elif raw.dtype.kind in "OUT":
        values = _parse_numbers(raw.astype(object), where, what)
    else:
        raise DataError(f"{what} does not hold numbers.", value=raw.dtype)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise DataError(
            f"{what} has infinite values.",
            value=some(map(where, infinite), len(infinite)),
            fix="Correct them, or leave them empty.",
        )
    return values


def _parse_numbers(cells: NDArray[np.object_], where: Where, what: str) -> Doubles:
    try:
        return cells.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        pass  # a missing value or text somewhere: look at each
    values, bad = np.full(len(cells), np.nan), []
    for k, cell in enumerate(cells):
        try:
            values[k] = cell
        except (TypeError, ValueError, OverflowError):
            if str(cell).strip().lower() not in MISSING:
                bad.append(k)
    if bad:
        raise DataError(
            f"{what} has values that are not numbers.",
            value=some((f"{where(k)} ({str(cells[k])[:40]!r})" for k in bad), len(bad)),
            fix="Correct them, or leave them empty.",
        )
    return values


def _stamps(series: Any, where: Where) -> tuple[Ints, str, str | None]:
    """Stamps, their type and their time zone."""
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
        return stamps, time_type or f"datetime[{dtype.time_unit}]", dtype.time_zone
    cells = read_cells(series.to_numpy, f"Column {series.name!r}")
    if cells.dtype.kind in "iuf":
        _require_stamps(series, np.flatnonzero(cells != np.floor(cells)), where)
        return cells.astype(np.int64), "int", None
    read = parse_stamps(np.array([str(cell) for cell in cells], object))
    _require_stamps(series, np.flatnonzero(read.bad), where)
    return read.stamps, "int" if read.whole else "datetime[us]", read.tz


def _require_stamps(series: Any, bad: NDArray[np.intp], where: Where) -> None:
    if len(bad):
        raise DataError(
            f"Column {series.name!r} has values that are not dates from 1678 to 2261.",
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
