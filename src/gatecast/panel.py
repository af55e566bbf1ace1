"""Many series as flat arrays: what the rest of gatecast computes on.

Frame or array in, :class:`Panel` out, and a forecast back in the caller's own kind. Whatever the
data look like, the rest of gatecast sees ``values`` and ``indptr``: series ``i`` is
``values[indptr[i] : indptr[i + 1]]``, one value a step of its frequency.

Arrays are taken in here; :mod:`gatecast.frames` is the only place that knows frames. It stands on
this module, which therefore imports it on use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from gatecast.cells import LARGEST, read_cells, read_numbers, some
from gatecast.errors import ArtifactError, ConfigError, DataError, GatecastError
from gatecast.frequency import Frequency
from gatecast.stamps import are_in_range, format_stamps, type_stamps

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Doubles = NDArray[np.float64]

__all__ = ["Columns", "Panel", "from_any", "from_array", "from_metadata"]

Kind = Literal["array-1d", "array-2d", "pandas", "polars", "pyarrow"]


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
        named = [self._name(stamps[k : k + 1]) for k in range(min(len(missing), 5))]
        if self.n_series > 1:
            named = [f"series {self.ids[i[k]]!r} at {name}" for k, name in enumerate(named)]
        raise DataError(
            f"{counted(len(missing), 'value is', 'values are')} missing.",
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
        from gatecast.frames import forecast_frame

        return forecast_frame(self, h, forecasts)

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
        indptr = indptr_of(end - begin)
        kept = np.repeat(begin - indptr[:-1], end - begin) + np.arange(indptr[-1])
        return replace(self, values=self.values[kept], observed=self.observed[kept], indptr=indptr)

    def _shift(self, stamps: Ints, steps: Ints | int) -> Ints:
        return (self.frequency or Frequency(None)).shift(stamps, steps)

    def _typed(self, stamps: Ints) -> Any:
        tz = None if self.frequency is None else self.frequency.tz
        return type_stamps(stamps, self.time_type, tz if self.kind == "pandas" else None)

    def _name(self, stamp: Ints) -> str:
        """Name a stamp, given as an array of one."""
        if self.frequency is None:
            return f"position {stamp[0]}"
        if self.time_type == "int":
            return f"stamp {stamp[0]}"
        return format_stamps(stamp, self.frequency.tz)[0]


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
        saved = metadata["frequency"]
        frequency = None if saved is None else Frequency(**saved)
        panel = Panel(
            values=arrays["values"],
            indptr=arrays["indptr"],
            observed=arrays["observed"],
            ids=as_objects(metadata["ids"]),
            last=arrays["last"],
            frequency=frequency,
            columns=Columns(**metadata["columns"]),
            kind=metadata["kind"],
            notes=tuple(metadata["notes"]),
            time_type=metadata["time_type"],
        )
        if not _is_sound(panel):
            raise ValueError("their parts do not fit together")
        if not _in_range(panel, panel._shift(panel.last, 1 - panel.lengths)):
            raise ValueError("a series begins before 1678")
        panel._typed(panel.last[:1])  # fails if the type of the stamps is unknown,
        format_stamps(panel.last[:1], frequency.tz if frequency else None)  # or the time zone
    except _DAMAGE as error:
        raise ArtifactError(f"The series in the file are damaged: {error}") from error
    return panel


_DAMAGE = (
    *(KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError),
    GatecastError,
)


def _is_sound(panel: Panel) -> bool:
    arrays, indptr, frequency = panel.arrays(), panel.indptr, panel.frequency
    whole = frequency is None or frequency.alias is None
    return (
        all(
            arrays[name].dtype == dtype and arrays[name].ndim == 1
            for name, dtype in _ARRAYS.items()
        )
        and all(isinstance(name, str | int | float) for name in panel.ids)
        and len(panel.ids) == len(panel.last) == len(indptr) - 1 > 0
        and bool(indptr[0] == 0 and (indptr[1:] > indptr[:-1]).all())
        and int(indptr[-1]) == len(panel.values) == len(panel.observed)
        and bool((np.abs(panel.values[panel.observed]) <= LARGEST).all())  # NaN is not
        and panel.kind in get_args(Kind)
        and all(isinstance(name, str) for name in vars(panel.columns).values())
        and whole == (panel.time_type == "int")
        and _in_range(panel, panel.last)
    )


def _in_range(panel: Panel, stamps: Ints) -> bool:
    return bool(are_in_range(stamps, whole=panel.time_type == "int").all())


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
        A long frame (see :func:`~gatecast.frames.from_frame`); a pandas Series with stamps for an
        index, which is a frame of one series; or anything that :func:`from_array` takes.
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
            series = data
            data = read_cells(lambda: series.to_numpy(dtype=object, na_value=np.nan), "The array")
    if hasattr(type(data), "columns"):
        from gatecast.frames import from_frame  # which needs Panel

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
        ``[time]``, one series, or ``[n_series, time]``. NaN is a missing value, and so is what a
        masked array masks.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        When it is empty, infinite somewhere, all missing, or not an array of numbers.
    """
    try:
        array = np.asarray(_unmasked(a))
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

    values = read_numbers(array.ravel(), where)
    n_series = 1 if array.ndim == 1 else len(array)
    length = array.shape[-1]
    panel = Panel(
        values=values,
        indptr=np.arange(n_series + 1, dtype=np.int64) * length,
        observed=~np.isnan(values),
        ids=as_objects(list(range(n_series))),
        last=np.full(n_series, length - 1, np.int64),
        frequency=None,
        columns=Columns(),
        kind="array-1d" if array.ndim == 1 else "array-2d",
    )
    require_some_values(panel)
    return panel


def _unmasked(a: Any) -> Any:
    """Put missing values where an array is masked."""
    if isinstance(a, list | tuple) and any(np.ma.isMaskedArray(row) and row.ndim for row in a):
        a = np.ma.array(a)
    if not np.ma.isMaskedArray(a):
        return a
    numbers = np.ma.asarray(a).astype(np.float64 if a.dtype.kind in "biuf" else object)
    return np.ma.filled(numbers, np.nan)


def require_some_values(panel: Panel) -> None:
    """Raise if a series is missing altogether."""
    empty = np.flatnonzero(~np.logical_or.reduceat(panel.observed, panel.indptr[:-1]))
    if len(empty):
        raise DataError(
            "All values are missing.",
            value=some((f"series {panel.ids[i]!r}" for i in empty), len(empty)),
            fix="Leave these series out.",
        )


def indptr_of(lengths: Ints) -> Ints:
    """Say where series of these lengths begin and end, one after another."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def as_objects(items: Sequence[Any]) -> NDArray[np.object_]:
    """Make an array of objects, whatever they are."""
    array = np.empty(len(items), object)
    array[:] = items
    return array


def counted(n: int, one: str, many: str) -> str:
    """Put a number before its words: ``1 row is``, ``1,200 rows are``."""
    return f"{n:,} {one if n == 1 else many}"
