"""Many series as flat arrays: the only place that knows frames.

Frame or array in, :class:`Panel` out, and a forecast back in the caller's own kind. Whatever the
data look like, the rest of gatecast sees ``values`` and ``indptr``: series ``i`` is
``values[indptr[i] : indptr[i + 1]]``, one value a step of its frequency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from gatecast.errors import ArtifactError, ConfigError, DataError, GatecastError
from gatecast.frequency import (
    Frequency,
    format_stamps,
    infer_frequency,
    infer_step,
    parse_frequency,
    parse_stamps,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Doubles = NDArray[np.float64]

__all__ = ["Columns", "Panel", "from_any", "from_array", "from_frame", "from_metadata"]

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null", "none"})
"""Spellings of a missing value, in lower case."""

Kind = Literal["array-1d", "array-2d", "pandas", "polars", "pyarrow"]
Where = Callable[[Any], str]  # what to call a place in the user's data: "row 3"


@dataclass(frozen=True)
class Columns:
    """The names of a frame's columns.

    Parameters
    ----------
    id_col, time_col, target_col : str
        Which series a row belongs to, when it was, and the value.
    """

    id_col: str = "unique_id"
    time_col: str = "ds"
    target_col: str = "y"


@dataclass(frozen=True, eq=False)
class Panel:
    """Series of one frequency, each without holes: what was missing is NaN and not ``observed``.

    Parameters
    ----------
    values : ndarray
        float64 ``[total]``, series after series.
    indptr : ndarray
        int64 ``[n_series + 1]``; series ``i`` is ``values[indptr[i] : indptr[i + 1]]``.
    observed : ndarray
        bool ``[total]``; False for missing values and for rows missing between two stamps.
    ids : ndarray
        object ``[n_series]``, in the order in which the series first appeared; 0, 1, ... for
        arrays, the target's name for a frame without ids.
    last : ndarray
        int64 ``[n_series]``, the last stamps: nanoseconds since 1970 UTC, or whole numbers.
    frequency : Frequency or None
        None for arrays, whose stamps are positions.
    columns : Columns
        What the frame called its columns.
    kind : str
        ``"array-1d"``, ``"array-2d"``, ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    notes : tuple of str
        What was done to the data that the user may want to know.
    time_type : str
        The type of the stamps: ``"int"``, ``"date"``, ``"datetime[us]"``, ``"period[M]"``, ...

    Examples
    --------
    >>> panel = from_any([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    >>> panel.n_series, panel.lengths
    (2, array([3, 3]))
    """

    values: Doubles
    indptr: Ints
    observed: Bools
    ids: NDArray[np.object_]
    last: Ints
    frequency: Frequency | None
    columns: Columns
    kind: Kind
    notes: tuple[str, ...] = ()
    time_type: str = "int"

    @property
    def n_series(self) -> int:
        """How many series there are."""
        return len(self.indptr) - 1

    @property
    def lengths(self) -> Ints:
        """Values in each series, int64 ``[n_series]``."""
        return np.diff(self.indptr)

    @property
    def season_length(self) -> int:
        """Steps in the usual season of the frequency; 1 if there is none."""
        return 1 if self.frequency is None else self.frequency.season_length

    def tail(self, n: int) -> Panel:
        """Return the last ``n`` values of every series, or all of a shorter one."""
        return self._cut(np.maximum(self.indptr[1:] - n, self.indptr[:-1]), self.indptr[1:])

    def select(self, keep: ArrayLike) -> Panel:
        """Return only the series where ``keep``, bool ``[n_series]``, is true."""
        kept = np.flatnonzero(keep)
        chosen = self._cut(self.indptr[kept], self.indptr[kept + 1])
        return replace(chosen, ids=self.ids[kept], last=self.last[kept])

    def drop_last(self, h: int) -> tuple[Panel, Doubles]:
        """Hold the last values back.

        Parameters
        ----------
        h : int
            How many of each series.

        Returns
        -------
        panel : Panel
            The series without them.
        held_back : ndarray
            float64 ``[n_series, h]``.

        Raises
        ------
        DataError
            When a series would have no value left.

        Examples
        --------
        >>> shorter, held_back = from_any([1.0, 2.0, 3.0]).drop_last(1)
        >>> shorter.values, held_back
        (array([1., 2.]), array([[3.]]))
        """
        short = np.flatnonzero(self.lengths <= h)
        if len(short):
            raise DataError(
                f"Holding back {h} values needs series of at least {h + 1}.",
                value=some((f"{self.ids[i]!r} with {self.lengths[i]}" for i in short), len(short)),
                fix="Use a smaller horizon, or leave these series out.",
            )
        held_back = self.values[self.indptr[1:, None] + np.arange(-h, 0)]
        shorter = self._cut(self.indptr[:-1], self.indptr[1:] - h)
        return replace(shorter, last=self._shift(self.last, -h)), held_back

    def stamps(self, i: int) -> Any:
        """Return the stamps of a series.

        Parameters
        ----------
        i : int
            Which series.

        Returns
        -------
        ndarray or pandas index
            int64 or datetime64 ``[length]``; a pandas index for stamps with a time zone and for
            periods.
        """
        return self._typed(self._shift(self.last[i : i + 1], np.arange(1 - self.lengths[i], 1)))

    def future_stamps(self, i: int, h: int) -> Any:
        """Return the ``h`` stamps after the end of series ``i``, typed as by :meth:`stamps`."""
        return self._typed((self.frequency or Frequency(None)).future(self.last[i : i + 1], h)[0])

    def require_complete(self) -> None:
        """Raise if values are missing.

        Raises
        ------
        DataError
            Naming the series and stamps.
        """
        missing = np.flatnonzero(~self.observed)
        if not len(missing):
            return
        i = np.searchsorted(self.indptr, missing, side="right") - 1
        stamps = self._shift(self.last[i], missing + 1 - self.indptr[i + 1])
        named = [f"{self._format(stamps[k : k + 1])}" for k in range(min(len(missing), 5))]
        if self.n_series > 1:
            named = [f"series {self.ids[i[k]]!r} at {name}" for k, name in enumerate(named)]
        raise DataError(
            f"{_count(len(missing), 'value is', 'values are')} missing.",
            value=some(named, len(missing)),
            fix="Fill them first, for example with df['y'].interpolate(), or leave these series "
            "out: this version trains on complete series.",
        )

    def forecast_frame(self, h: int, forecasts: dict[str, Doubles]) -> Any:
        """Put forecasts into a frame.

        Parameters
        ----------
        h : int
            Horizon.
        forecasts : dict of str to ndarray
            float64 ``[n_series, h]`` by column.

        Returns
        -------
        frame
            Of the caller's kind (pandas for arrays), ``h`` rows a series, with the id column, the
            time column in its own type and time zone, and the forecasts.

        Raises
        ------
        DataError
            When the stamps would leave the calendar.

        Examples
        --------
        >>> import pandas as pd
        >>> df = pd.DataFrame({"ds": ["2024-01", "2024-02"], "y": [1.0, 2.0]})
        >>> print(from_any(df).forecast_frame(1, {"naive": np.array([[2.0]])}))
          unique_id         ds  naive
        0         y 2024-03-01    2.0
        """
        import narwhals as nw

        frequency = self.frequency or Frequency(None)
        backend: Any = "pandas" if self.kind.startswith("array") else self.kind
        ids, stamps = np.repeat(self.ids, h).tolist(), frequency.future(self.last, h).ravel()
        columns = {self.columns.id_col: ids, self.columns.time_col: self._typed(stamps)}
        columns |= {name: np.ravel(forecast) for name, forecast in forecasts.items()}
        series = {name: nw.new_series(name, x, backend=backend) for name, x in columns.items()}
        if backend != "pandas":
            times = series[self.columns.time_col]
            if self.time_type == "date":
                times = times.cast(nw.Date)
            elif frequency.tz is not None:
                times = times.dt.replace_time_zone("UTC").dt.convert_time_zone(frequency.tz)
            series[self.columns.time_col] = times
        return nw.from_dict(series).to_native()

    def metadata(self) -> dict[str, Any]:
        """Return all that is not in :meth:`arrays`, as JSON-safe values."""
        return {
            "ids": self.ids.tolist(),
            "frequency": None if self.frequency is None else asdict(self.frequency),
            "columns": asdict(self.columns),
            "kind": self.kind,
            "notes": list(self.notes),
            "time_type": self.time_type,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the numeric arrays by name; :func:`from_metadata` takes them back."""
        return {name: getattr(self, name) for name in _ARRAYS}

    def _cut(self, begin: Ints, end: Ints) -> Panel:
        """Keep ``values[begin[i] : end[i]]`` of each series."""
        indptr = _indptr(end - begin)
        kept = np.repeat(begin - indptr[:-1], end - begin) + np.arange(indptr[-1])
        return replace(self, values=self.values[kept], observed=self.observed[kept], indptr=indptr)

    def _shift(self, stamps: Ints, steps: Ints | int) -> Ints:
        return (self.frequency or Frequency(None)).shift(stamps, steps)

    def _typed(self, stamps: Ints) -> Any:
        """Stamps in the type that the frame had them in; UTC for polars and pyarrow."""
        if self.time_type == "int":
            return stamps
        tz = None if self.frequency is None else self.frequency.tz
        if self.time_type.startswith("period"):
            import pandas as pd

            return pd.DatetimeIndex(stamps.view("M8[ns]")).to_period(self.time_type[7:-1])
        unit = "D" if self.time_type == "date" else self.time_type[9:-1]
        typed = stamps.view("M8[ns]").astype(f"M8[{unit}]")
        if tz is None or self.kind != "pandas":
            return typed
        import pandas as pd

        return pd.DatetimeIndex(typed, tz="UTC").tz_convert(tz)

    def _format(self, stamps: Ints) -> str:
        if self.frequency is None:
            return f"position {stamps[0]}"
        named = _format(stamps, self.time_type, self.frequency.tz)[0]
        return f"stamp {named}" if self.time_type == "int" else named


_ARRAYS = {"values": np.float64, "indptr": np.int64, "observed": np.bool_, "last": np.int64}


def from_metadata(metadata: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Panel:
    """Restore a panel from :meth:`Panel.metadata` and :meth:`Panel.arrays`.

    Parameters
    ----------
    metadata : dict
    arrays : dict of str to ndarray
        Neither is trusted.

    Returns
    -------
    Panel

    Raises
    ------
    ArtifactError
        When they do not describe a panel.
    """
    try:
        frequency = metadata["frequency"]
        panel = Panel(
            values=arrays["values"],
            indptr=arrays["indptr"],
            observed=arrays["observed"],
            ids=_objects(metadata["ids"]),
            last=arrays["last"],
            frequency=None if frequency is None else Frequency(**frequency),
            columns=Columns(**metadata["columns"]),
            kind=metadata["kind"],
            notes=tuple(metadata["notes"]),
            time_type=metadata["time_type"],
        )
        sound = _is_sound(panel)
        panel.stamps(0)  # fails if the type of the stamps or the time zone is unknown
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, GatecastError) as error:
        raise ArtifactError(f"The series in the file are damaged ({error}).") from error
    if not sound:
        raise ArtifactError("The series in the file are damaged: their parts do not fit together.")
    return panel


def _is_sound(panel: Panel) -> bool:
    arrays, indptr = panel.arrays(), panel.indptr
    return (
        all(
            arrays[name].dtype == dtype and arrays[name].ndim == 1
            for name, dtype in _ARRAYS.items()
        )
        and len(panel.ids) == len(panel.last) == len(indptr) - 1 > 0
        and bool(indptr[0] == 0 and (np.diff(indptr) > 0).all())
        and int(indptr[-1]) == len(panel.values) == len(panel.observed)
        and panel.kind in get_args(Kind)
        and all(isinstance(name, str) for name in vars(panel.columns).values())
    )


def from_any(
    data: Any,
    *,
    id_col: str = "unique_id",
    time_col: str = "ds",
    target_col: str = "y",
    freq: str | int | None = None,
) -> Panel:
    """Take in a frame or an array.

    Parameters
    ----------
    data : frame or array_like
        A long frame (see :func:`from_frame`); a pandas Series with stamps for an index, which is a
        frame of one series; or anything that :func:`from_array` takes.
    id_col, time_col, target_col : str
        The frame's columns.
    freq : str or int, optional
        The frame's frequency; found from its stamps by default.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        When the data cannot be used; it names the rows.
    ConfigError
        When ``freq`` is unknown, or given for an array.

    Examples
    --------
    >>> from_any([1.0, None, 3.0]).observed
    array([ True, False,  True])
    """
    if type(data).__name__ == "Series" and type(data).__module__.startswith("pandas"):
        if hasattr(data.index, "freqstr"):  # an index of datetimes or periods
            data = data.to_frame(target_col)
        else:
            data = data.to_numpy(dtype=object, na_value=np.nan)
    if hasattr(type(data), "columns"):
        return from_frame(data, Columns(id_col, time_col, target_col), freq)
    if freq is not None:
        raise ConfigError(
            "An array has no stamps for a frequency.",
            value=f"freq={freq!r}",
            fix="Leave freq out, or give a frame.",
        )
    return from_array(data)


def from_array(a: ArrayLike) -> Panel:
    """Take in an array.

    Parameters
    ----------
    a : array_like
        ``[time]``, one series, or ``[n_series, time]``. NaN is a missing value.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        When it is empty, infinite somewhere, all missing, or not an array of numbers.
    """
    try:
        array = np.asarray(a)
    except ValueError as error:
        raise DataError(
            "The lists have different lengths.",
            fix="Give series of different lengths as a frame with the columns unique_id, ds, y.",
        ) from error
    if array.ndim not in (1, 2):
        raise DataError(
            "An array must be [time] or [n_series, time].",
            value=f"shape {array.shape}" if array.ndim else type(a).__name__,
        )
    if array.size == 0:
        raise DataError("There are no values.", value=f"shape {array.shape}")

    def where(flat: int) -> str:
        i, position = divmod(flat, array.shape[-1])
        return f"position {position}" if array.ndim == 1 else f"series {i}, position {position}"

    values = _numbers(array.ravel(), where)
    n_series = 1 if array.ndim == 1 else len(array)
    length = array.shape[-1]
    panel = Panel(
        values=values,
        indptr=np.arange(n_series + 1, dtype=np.int64) * length,
        observed=~np.isnan(values),
        ids=_objects(list(range(n_series))),
        last=np.full(n_series, length - 1, np.int64),
        frequency=None,
        columns=Columns(),
        kind="array-1d" if array.ndim == 1 else "array-2d",
    )
    _require_some_values(panel)
    return panel


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
    values = _numbers(frame[columns.target_col].to_numpy(), where, what)
    stamps, time_type, tz = _stamps(frame[columns.time_col], where)
    codes, ids = np.zeros(n, np.int64), _objects([columns.target_col])
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
            f"{_count(gaps, 'row is', 'rows are')} missing between the stamps; each counts as a "
            "missing value."
        )
    panel = replace(panel, columns=columns, kind=kind, notes=tuple(notes))
    _require_some_values(panel)
    return panel


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
        return _indptr(np.bincount(self.codes, minlength=len(self.ids)))

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
        full = _indptr(lengths)
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
        return _format(self.stamps[k : k + 1], self.time_type, self.tz)[0]

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
    codes, ids = pd.factorize(series.to_native() if pandas else series.to_numpy())
    if (codes < 0).any():
        rows = np.flatnonzero(codes < 0)
        raise DataError(
            f"Column {series.name!r} does not say which series a row belongs to.",
            value=some(map(where, rows), len(rows)),
            fix="Give every row an id.",
        )
    plain = (x if isinstance(x, str | int | float) else str(x) for x in ids.tolist())
    return codes.astype(np.int64), _objects(list(plain))


def _numbers(raw: NDArray[Any], where: Where, what: str = "The array") -> Doubles:
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
    cells = series.to_numpy()
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


def _format(stamps: Ints, time_type: str, tz: str | None) -> list[str]:
    return [str(x) for x in stamps] if time_type == "int" else format_stamps(stamps, tz)


def _require_some_values(panel: Panel) -> None:
    empty = np.flatnonzero(~np.logical_or.reduceat(panel.observed, panel.indptr[:-1]))
    if len(empty):
        raise DataError(
            "All values are missing.",
            value=some((f"series {panel.ids[i]!r}" for i in empty), len(empty)),
            fix="Leave these series out.",
        )


def _indptr(lengths: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _objects(items: Sequence[Any]) -> NDArray[np.object_]:
    """Make an array of objects, whatever they are."""
    array = np.empty(len(items), object)
    array[:] = items
    return array


def some(items: Iterable[str], total: int, limit: int = 5) -> str:
    """Name the first few: ``row 3, row 9 and 12 more``."""
    named = list(islice(items, limit))
    more = f" and {total - len(named)} more" if total > len(named) else ""
    return ", ".join(named) + more


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
