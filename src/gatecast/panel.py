"""Many series as flat arrays: what the rest of gatecast computes on.

Frame or array in, :class:`Panel` out, and a forecast back in the caller's own kind. Whatever the
data look like, the rest of gatecast sees ``values`` and ``indptr``: series ``i`` is
``values[indptr[i] : indptr[i + 1]]``, one value a step of its frequency.

Arrays are taken in here; :mod:`gatecast.frames` is the only place that knows frames. It stands on
this module, which therefore imports it on use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from gatecast.cells import (
    LARGEST,
    THE_ARRAY,
    Where,
    is_missing,
    is_number,
    read_cells,
    read_numbers,
    some,
)
from gatecast.errors import ArtifactError, ConfigError, DataError, GatecastError
from gatecast.findings import STRICT, Findings, Place
from gatecast.frequency import Frequency, parse_frequency
from gatecast.language import said
from gatecast.stamps import are_in_range, format_stamps, type_stamps

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Doubles = NDArray[np.float64]

__all__ = [
    *("Columns", "Covariates", "Duplicates", "Fill", "Intake", "Panel", "Resample"),
    *("from_any", "from_array", "from_metadata"),
]

Kind = Literal["array-1d", "array-2d", "pandas", "polars", "pyarrow"]
Fill = Literal["interpolate", "zero"]
Duplicates = Literal["error", "mean", "sum", "last"]
Resample = Literal["mean", "sum", "last", "first", "min", "max", "median"]
MissingFuture = Literal["error", "last", "seasonal"]


@dataclass(frozen=True)
class Columns:
    """The names of a frame's columns.

    Parameters
    ----------
    id_col, time_col, target_col : str
        Which series a row belongs to, when it was, and the value.
    past : tuple of str
        Numbers that are known up to the last value only.
    future : tuple of str
        Numbers that are known ahead: a price that is planned, a holiday.
    static : tuple of str
        What is the same in all rows of a series: its region, its size.

    Raises
    ------
    ConfigError
        When a column would be two things at once.

    Examples
    --------
    >>> Columns(past=["rain"], future="price").covariates
    ('rain', 'price')
    """

    id_col: str = "unique_id"
    time_col: str = "ds"
    target_col: str = "y"
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for role in ("past", "future", "static"):
            names = getattr(self, role)
            object.__setattr__(self, role, (names,) if isinstance(names, str) else tuple(names))
        repeated = [name for name in dict.fromkeys(self.names) if self.names.count(name) > 1]
        if repeated:
            raise ConfigError(
                "A column can be one thing only.",
                value=", ".join(map(repr, repeated)),
                fix="Name each column once: as the id, the stamps, the target, or a covariate "
                "that is past, future or static.",
            )

    def covariate_settings(self) -> dict[str, tuple[str, ...]]:
        """Return the covariates as the keyword arguments that models take them by."""
        return {f"{role}_covariates": getattr(self, role) for role in ("past", "future", "static")}

    @property
    def covariates(self) -> tuple[str, ...]:
        """The names of all that is known beside the target."""
        return (*self.past, *self.future, *self.static)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the fields."""
        return (self.id_col, self.time_col, self.target_col, *self.covariates)


def require_word(name: str, word: object, words: Any) -> None:
    """Raise a ConfigError unless a setting is one of the words of a ``Literal``."""
    known = get_args(words)
    if word not in known:
        raise ConfigError(
            f"{name} is an unknown word.",
            value=repr(word),
            fix=f"Use {', '.join(known[:-1])} or {known[-1]}.",
        )


@dataclass(frozen=True)
class Intake:
    """How data are to be taken in.

    Parameters
    ----------
    columns : Columns
        The names of a frame's columns.
    freq : str or int, optional
        The frequency of the stamps; found from them by default.
    fill : {"interpolate", "zero"}, optional
        What to put where values are missing inside a series; by default they stay missing.
    duplicates : {"error", "mean", "sum", "last"}
        What to do with several rows for the same stamp of a series.
    resample : {"mean", "sum", "last", "first", "min", "max", "median"}, optional
        Put the rows into steps of ``freq``, each the mean (...) of its rows.
    usual_freq : str or int, optional
        The frequency of data in which no series has two stamps to tell it.

    Raises
    ------
    ConfigError
        When a word is unknown, or ``resample`` lacks the ``freq`` to go to.

    Examples
    --------
    >>> Intake(freq="W-MON", resample="sum").resample
    'sum'
    """

    columns: Columns = Columns()
    freq: str | int | None = None
    fill: Fill | None = None
    duplicates: Duplicates = "error"
    resample: Resample | None = None
    usual_freq: str | int | None = None

    def __post_init__(self) -> None:
        require_word("duplicates", self.duplicates, Duplicates)
        if self.fill is not None:
            require_word("fill", self.fill, Fill)
        if self.resample is not None:
            require_word("resample", self.resample, Resample)
        if self.usual_freq is not None:
            parse_frequency(self.usual_freq)
        if self.freq is not None:
            parse_frequency(self.freq)
        elif self.resample is not None:
            raise ConfigError(
                "Resampling needs the frequency to go to.",
                value=f"resample={self.resample!r} without freq",
                fix="Give it: freq='W-MON' (--freq W-MON) for weeks.",
            )


_PLAIN = Intake()


@dataclass(frozen=True, eq=False)
class Covariates:
    """What else is known of the series of a panel, as it came: not scaled, NaN where missing.

    Parameters
    ----------
    past : ndarray
        float64 ``[total, n_past]``; row ``j`` belongs to ``values[j]``.
    future : ndarray
        float64 ``[rows, n_future]``, series after series.
    future_indptr : ndarray
        int64 ``[n_series + 1]``; series ``i`` has the rows ``future_indptr[i] :
        future_indptr[i + 1]``. The first ``lengths[i]`` belong to its values, the others lie ahead
        of its end, one a step.
    static : ndarray
        object ``[n_series, n_static]``: text, or a float, NaN where missing.
    location, spread : ndarray
        float64 ``[n_series, n_past + n_future]``: mean and standard deviation of what is there of a
        series up to its end; NaN without any. They are made from the whole history: a part of a
        panel keeps them, and one that ends earlier has its own.
    """

    past: Doubles
    future: Doubles
    future_indptr: Ints
    static: NDArray[np.object_]
    location: Doubles
    spread: Doubles


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
    covariates : Covariates, optional
        None if the data have no columns of them.
    cold : Panel, optional
        Series without a single value, which future or static covariates describe. Their ``last``
        is one step before their first row ahead. None if there are none.
    whole_spread : ndarray, optional
        float64 ``[n_series]``, the :attr:`spread` of the whole series where only their ends are
        here.
    interpolated : ndarray, optional
        bool ``[total]``: which values were missing and lie on a line between two that were not.

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
    covariates: Covariates | None = None
    cold: Panel | None = None
    whole_spread: Doubles | None = None
    interpolated: Bools | None = None

    @property
    def n_series(self) -> int:
        """How many series there are."""
        return len(self.indptr) - 1

    @property
    def lengths(self) -> Ints:
        """Values in each series, int64 ``[n_series]``."""
        return np.diff(self.indptr)

    @property
    def first(self) -> Ints:
        """The first stamps, int64 ``[n_series]``, as ``last``."""
        return self._shift(self.last, 1 - self.lengths)

    @property
    def ahead(self) -> Ints:
        """For how many steps ahead of its end each series has covariates, int64 ``[n_series]``."""
        if self.covariates is None:
            return np.zeros(self.n_series, np.int64)
        return np.diff(self.covariates.future_indptr) - self.lengths

    @property
    def season_length(self) -> int:
        """Steps in the usual season of the frequency; 1 if there is none."""
        return 1 if self.frequency is None else self.frequency.season_length

    @property
    def spread(self) -> Doubles:
        """Standard deviation of each series, float64 ``[n_series]``; 0 if it never changes."""
        if self.whole_spread is not None:
            return self.whole_spread
        return np.nan_to_num(_moments(self.values, self.indptr)[1])

    def tail(self, n: int) -> Panel:
        """Return the last ``n`` values of every series, or all of a shorter one."""
        ends = self._cut(np.maximum(self.indptr[1:] - n, self.indptr[:-1]), self.indptr[1:])
        return replace(ends, whole_spread=self.spread)

    def by_id(self) -> Panel:
        """Return the series in the order of their ids, so that any order they came in is the same.

        Arrays stay as they are: there an id is the place. Cold series are left out.
        """
        if self.kind.startswith("array"):
            return self
        order = sorted(
            range(self.n_series), key=lambda i: (str(self.ids[i]), str(type(self.ids[i])))
        )
        return self if order == list(range(self.n_series)) else self._chosen(np.array(order))

    def with_cold(self) -> Panel:
        """Return the series and, after them, those without a value; their covariates are left."""
        if self.cold is None:
            return self
        return replace(
            self,
            indptr=np.concatenate([self.indptr, np.repeat(self.indptr[-1:], self.cold.n_series)]),
            ids=np.concatenate([self.ids, self.cold.ids]),
            last=np.concatenate([self.last, self.cold.last]),
            columns=replace(self.columns, past=(), future=(), static=()),
            covariates=None,
            cold=None,
            whole_spread=None,
        )

    def select(self, keep: ArrayLike) -> Panel:
        """Return only the series where ``keep``, bool ``[n_series]``, is true, and no cold ones."""
        return self._chosen(np.flatnonzero(keep))

    def _chosen(self, i: NDArray[np.intp]) -> Panel:
        """Return some series, whole, in the order of ``i``, and no cold ones."""
        panel = self._cut(self.indptr[i], self.indptr[i + 1], i)
        spread = None if self.whole_spread is None else self.whole_spread[i]
        return replace(panel, ids=self.ids[i], last=self.last[i], cold=None, whole_spread=spread)

    def drop_last(self, h: int) -> tuple[Panel, Doubles]:
        """Hold the last values back.

        Parameters
        ----------
        h : int
            How many of each series.

        Returns
        -------
        panel : Panel
            The series without them. Future covariates of the values held back lie ahead. Where a
            line was drawn from a value that is left to one that is held back, the former stays.
        held_back : ndarray
            float64 ``[n_series, h]``; NaN where a value was missing, interpolated or not.

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
        return self.until(self.lengths - h, h)

    def until(self, ends: Ints, h: int, size: int | None = None) -> tuple[Panel, Doubles]:
        """Return the series as they were at some time, and what came next.

        Nothing that is known of the series later is in the panel, but future covariates.

        Parameters
        ----------
        ends : ndarray
            int64 ``[n_series]``: how many values of each series there were; at least 1.
        h : int
            How many of the next values to return.
        size : int, optional
            Keep only so many values before the end of each series.

        Returns
        -------
        panel : Panel
            The series up to there. Future covariates of later values lie ahead. Where a line was
            drawn from a value that is left to one that is not, the former stays.
        next : ndarray
            float64 ``[n_series, h]``; NaN where a value was missing, interpolated or not, and past
            the end of the series.

        Examples
        --------
        >>> panel, came = from_any([1.0, 2.0, 3.0, 4.0]).until(np.array([3]), 2, size=2)
        >>> panel.values, came
        (array([2., 3.]), array([[ 4., nan]]))
        """
        rows = (self.indptr[:-1] + ends)[:, None] + np.arange(h)
        there = rows < self.indptr[1:, None]
        rows = np.minimum(rows, len(self.values) - 1)
        came = np.where(there, self.values[rows], np.nan)
        begin = np.zeros_like(ends) if size is None else np.maximum(ends - size, 0)
        panel = self._cut(self.indptr[:-1] + begin, self.indptr[:-1] + ends)
        panel = replace(
            panel, last=self._shift(self.last, ends - self.lengths), whole_spread=None, cold=None
        )
        if self.interpolated is not None:
            came = np.where(self.interpolated[rows], np.nan, came)  # nobody saw these
            panel = panel._without_lines_ahead()
        return panel._described(), came

    def _without_lines_ahead(self) -> Panel:
        """Hold the last value where a line led to one that is no longer there."""
        assert self.interpolated is not None
        _, end = edges(~self.interpolated, self.indptr)
        past_end = np.arange(len(self.values)) >= np.repeat(end, self.lengths)
        held = np.repeat(self.values[end - 1], self.lengths)
        return replace(self, values=np.where(past_end, held, self.values))

    def filled(self, how: Fill | None) -> Panel:
        """Fill what is missing inside of series; a note says how much that was.

        Parameters
        ----------
        how : {"interpolate", "zero"}, optional
            With a straight line from the value before to the value after, with 0, or not at all.

        Returns
        -------
        Panel

        Examples
        --------
        >>> from_any([1.0, None, None, 4.0]).filled("interpolate").values
        array([1., 2., 3., 4.])
        """
        missing = np.flatnonzero(~self.observed)
        if how is None or not len(missing):
            return self
        values = self.values.copy()
        # Series begin and end with a value, so none of them reaches into its neighbour.
        there = np.flatnonzero(self.observed)
        values[missing] = np.interp(missing, there, values[there]) if how == "interpolate" else 0.0
        note = said(
            "{n:missing value was|missing values were} filled by {means}.",
            n=len(missing),
            means=said("interpolation" if how == "interpolate" else "zeros"),
        )
        return replace(
            self,
            values=values,
            observed=np.ones(len(values), bool),
            notes=(*self.notes, note),
            interpolated=~self.observed if how == "interpolate" else None,
        )

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
            fix="Fill them first, for example with df['y'].interpolate().",
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
        metadata = {
            "ids": self.ids.tolist(),
            "frequency": None if self.frequency is None else asdict(self.frequency),
            "columns": asdict(self.columns),
            "kind": self.kind,
            "notes": list(self.notes),
            "time_type": self.time_type,
        }
        if self.covariates is not None:  # JSON has no NaN
            metadata["static"] = [
                [None if value != value else value for value in row]
                for row in self.covariates.static.tolist()
            ]
        if self.cold is not None:
            metadata["cold"] = self.cold.metadata()
        return metadata

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the numeric arrays by name; :func:`from_metadata` takes them back."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.whole_spread is not None:
            arrays["whole_spread"] = self.whole_spread
        if self.covariates is not None:
            arrays |= {name: getattr(self.covariates, name) for name in _COVARIATE_ARRAYS}
        if self.cold is not None:
            arrays |= {_COLD + name: array for name, array in self.cold.arrays().items()}
        return arrays

    def _cut(self, begin: Ints, end: Ints, series: NDArray[np.intp] | None = None) -> Panel:
        """Keep ``values[begin[i] : end[i]]`` of each series, or of some only."""
        kept, covariates = _between(begin, end, len(self.values)), self.covariates
        if covariates is not None:
            i = np.arange(self.n_series) if series is None else series
            begins = covariates.future_indptr[i] + begin - self.indptr[i]
            ends = covariates.future_indptr[i + 1] if self.columns.future else begins + end - begin
            rows = _between(begins, ends, len(covariates.future))
            all_of_them = rows.dtype == bool and rows.all()
            covariates = Covariates(
                past=covariates.past[kept],
                future=covariates.future if all_of_them else covariates.future[rows],
                future_indptr=indptr_of(ends - begins),
                static=covariates.static[i],
                location=covariates.location[i],
                spread=covariates.spread[i],
            )
        return replace(
            self,
            values=self.values[kept],
            observed=self.observed[kept],
            indptr=indptr_of(end - begin),
            covariates=covariates,
            interpolated=None if self.interpolated is None else self.interpolated[kept],
        )

    def _described(self) -> Panel:
        """Add the location and spread that covariates have up to the end of each series."""
        covariates = self.covariates
        if covariates is None:
            return self
        past, future = covariates.past, covariates.future
        moments = np.empty((2, self.n_series, past.shape[1] + future.shape[1]))
        for j in range(past.shape[1]):
            moments[:, :, j] = _moments(past[:, j], self.indptr)
        first = covariates.future_indptr[:-1]
        rows = _between(first, first + self.lengths, len(future))
        for j in range(future.shape[1]):
            moments[:, :, past.shape[1] + j] = _moments(future[rows, j], self.indptr)
        location, spread = moments
        return replace(self, covariates=replace(covariates, location=location, spread=spread))

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
_COVARIATE_ARRAYS = ("past", "future", "future_indptr", "location", "spread")
_COLD = "cold."  # before the names of the arrays of cold series


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
        panel = _restored(metadata, arrays)
        if "cold" in metadata:
            own = {x.removeprefix(_COLD): a for x, a in arrays.items() if x.startswith(_COLD)}
            cold = _restored(metadata["cold"], own, cold=True)
            if any(getattr(cold, name) != getattr(panel, name) for name in _SHARED):
                raise ValueError("cold series are of another kind")
            panel = replace(panel, cold=cold)
    except _DAMAGE as error:
        raise ArtifactError(f"The series in the file are damaged: {error}") from error
    return panel


_SHARED = ("columns", "frequency", "kind", "time_type")
_DAMAGE = (
    *(KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError),
    GatecastError,
)


def _restored(
    metadata: dict[str, Any], arrays: dict[str, NDArray[Any]], *, cold: bool = False
) -> Panel:
    """Make a panel of what a file says; any of several exceptions if it makes no sense."""
    saved = metadata["frequency"]
    frequency = None if saved is None else Frequency(**saved)
    covariates = None
    if "static" in metadata:
        covariates = Covariates(
            static=_static(metadata["static"]), **{name: arrays[name] for name in _COVARIATE_ARRAYS}
        )
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
        covariates=covariates,
        whole_spread=arrays.get("whole_spread"),
    )
    if not _is_sound(panel, cold=cold):
        raise ValueError("their parts do not fit together")
    if not cold and not _in_range(panel, panel._shift(panel.last, 1 - panel.lengths)):
        raise ValueError("a series begins before 1678")
    panel._typed(panel.last[:1])  # fails if the type of the stamps is unknown,
    format_stamps(panel.last[:1], frequency.tz if frequency else None)  # or the time zone
    return panel


def _static(rows: list[list[str | float | None]]) -> NDArray[np.object_]:
    static = np.empty((len(rows), len(rows[0])), object)
    for i, row in enumerate(rows):
        static[i] = as_objects([np.nan if value is None else value for value in row])
    return static


def _is_sound(panel: Panel, *, cold: bool) -> bool:
    indptr, frequency, lengths = panel.indptr, panel.frequency, np.diff(panel.indptr)
    whole = frequency is None or frequency.alias is None
    return (
        all(
            getattr(panel, name).dtype == dtype and getattr(panel, name).ndim == 1
            for name, dtype in _ARRAYS.items()
        )
        and all(isinstance(name, str | int | float) and can_be_saved(name) for name in panel.ids)
        and (frequency is None or isinstance(frequency.tz, str | None))
        and len(panel.ids) == len(panel.last) == len(indptr) - 1 > 0
        and indptr[0] == 0
        and bool((indptr == 0 if cold else indptr[1:] > indptr[:-1]).all())
        and int(indptr[-1]) == len(panel.values) == len(panel.observed)
        and bool((np.abs(panel.values[panel.observed]) <= LARGEST).all())  # NaN is not
        and panel.kind in get_args(Kind)
        and all(isinstance(name, str) for name in panel.columns.names)
        and whole == (panel.time_type == "int")
        and _in_range(panel, panel.last)
        and (panel.whole_spread is None or _are_spreads(panel.whole_spread, len(lengths)))
        and (panel.covariates is None) == (not panel.columns.covariates)
        and (panel.covariates is None or _fits(panel.covariates, panel.columns, lengths))
    )


def _are_spreads(spread: Doubles, n: int) -> bool:
    sound = spread.dtype == np.float64 and spread.shape == (n,)
    return sound and bool((spread >= 0).all() and (spread <= LARGEST).all())


def _fits(covariates: Covariates, columns: Columns, lengths: Ints) -> bool:
    n, n_past, n_future = len(lengths), len(columns.past), len(columns.future)
    indptr = covariates.future_indptr
    shapes = {
        "past": (lengths.sum(), n_past),
        "future": (len(covariates.future), n_future),
        "location": (n, n_past + n_future),
        "spread": (n, n_past + n_future),
    }
    numbers = {name: getattr(covariates, name) for name in shapes}
    return (
        all(array.dtype == np.float64 for array in numbers.values())
        and all(array.shape == shapes[name] for name, array in numbers.items())
        and not any((np.abs(array) > LARGEST).any() for array in numbers.values())
        and not (covariates.spread < 0).any()
        and indptr.dtype == np.int64
        and indptr.shape == (n + 1,)
        and indptr[0] == 0
        and bool((indptr[1:] >= indptr[:-1]).all())
        and indptr[-1] == len(covariates.future)
        and bool((np.diff(indptr) >= lengths).all())
        and (n_future > 0 or bool((np.diff(indptr) == lengths).all()))
        and covariates.static.shape == (n, len(columns.static))
        and all(
            type(value) is str or (type(value) is float and not math.isinf(value))
            for value in covariates.static.ravel()
        )
    )


def _in_range(panel: Panel, stamps: Ints) -> bool:
    return bool(are_in_range(stamps, whole=panel.time_type == "int").all())


def from_any(data: Any, intake: Intake = _PLAIN, found: Findings = STRICT) -> Panel:
    """Take in a frame, an array or a file.

    Parameters
    ----------
    data : frame, array_like, path-like or list of path-like
        A long frame (see :func:`~gatecast.frames.from_frame`); a pandas Series with stamps for an
        index, which is a frame of one series; a file or several; or anything that
        :func:`from_array` takes.
    intake : Intake
        How to take it in.
    found : Findings
        Takes reports of what is wrong; by default the first error is raised.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        When the data cannot be used; it names the rows.
    ConfigError
        When ``freq`` does not suit the stamps, or an array is to have what only frames have.

    Examples
    --------
    >>> from_any([1.0, None, 3.0]).observed
    array([ True, False,  True])
    >>> from_any([1.0, None, 3.0], Intake(fill="interpolate")).values
    array([1., 2., 3.])
    """
    if are_paths(data):
        from gatecast.files import read_panel  # which needs Panel

        return read_panel(data, intake, found=found)
    if type(data).__name__ == "Series" and type(data).__module__.startswith("pandas"):
        if hasattr(data.index, "freqstr"):  # an index of datetimes or periods
            data = data.to_frame(intake.columns.target_col)
        else:
            series = data
            data = read_cells(lambda: series.to_numpy(dtype=object, na_value=np.nan), "The array")
    if hasattr(type(data), "columns"):
        from gatecast.frames import from_frame  # which needs Panel

        return from_frame(data, intake, found=found)
    return from_array(data, intake, found)


def are_paths(data: Any) -> bool:
    """Whether data are files: text is, but for a list of numbers that are written as text."""
    if isinstance(data, str | PathLike):
        return True
    return (
        isinstance(data, list | tuple)
        and len(data) > 0
        and all(
            isinstance(x, PathLike)
            or (isinstance(x, str) and not is_number(x) and not is_missing(x))
            for x in data
        )
    )


def from_array(a: ArrayLike, intake: Intake = _PLAIN, found: Findings = STRICT) -> Panel:
    """Take in an array.

    Parameters
    ----------
    a : array_like
        ``[time]``, one series, or ``[n_series, time]``. NaN is a missing value, and so is what a
        masked array masks.
    intake : Intake
        How to take it in: ``fill`` is for arrays too.
    found : Findings
        Takes reports of what is wrong; by default the first error is raised.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        When it is empty, infinite somewhere, all missing, or not an array of numbers.
    ConfigError
        When it is to have a frequency or covariates.
    """
    for name, given, what in (
        ("freq", intake.freq, "stamps for a frequency"),
        ("covariates", intake.columns.covariates, "columns for covariates"),
    ):
        if given:
            raise ConfigError(
                f"An array has no {what}.",
                value=f"{name}={given!r}",
                fix=f"Leave {name} out, or give a frame.",
            )
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
    n_series = 1 if array.ndim == 1 else len(array)
    length = array.shape[-1]

    def report(code: str, problem: str, at: NDArray[np.intp], describe: Where, fix: str) -> None:
        series = (lambda k: None) if array.ndim == 1 else (lambda k: int(k) // length)
        places = (Place(series(k), describe(k)) for k in at)
        found.error(code, problem, places=places, total=len(at), fix=fix)

    cells = array.ravel()
    values = read_numbers(
        cells, lambda k: said("position {at:d}", at=k % length), THE_ARRAY, report
    )
    notes = _large_whole_numbers(cells, THE_ARRAY)
    panel = Panel(
        values=values,
        indptr=np.arange(n_series + 1, dtype=np.int64) * length,
        observed=~np.isnan(values),
        ids=as_objects(list(range(n_series))),
        last=np.full(n_series, length - 1, np.int64),
        frequency=None,
        columns=intake.columns,
        kind="array-1d" if array.ndim == 1 else "array-2d",
        notes=notes,
    )
    return trimmed(panel, found).filled(intake.fill)


def _large_whole_numbers(cells: NDArray[Any], what: str) -> tuple[str, ...]:
    """Note how many whole numbers have more digits than a float64 keeps."""
    n = 0
    if cells.dtype.kind in "iu":
        n = int(np.count_nonzero((cells > _EXACT) | (cells < -_EXACT)))
    elif cells.dtype.kind == "O":
        n = sum(isinstance(cell, int) and abs(cell) > _EXACT for cell in cells)
    return large_note(n, what)


def large_note(n: int, what: str) -> tuple[str, ...]:
    """Say that ``n`` whole numbers are too large to be exact, if there are any."""
    template = "{what} has {n:whole number|whole numbers} of more than 2**53; 16 digits are kept."
    return (said(template, what=what, n=n),) if n else ()


_EXACT = 2**53  # up to here float64 holds every whole number


def _unmasked(a: Any) -> Any:
    """Put missing values where an array is masked."""
    if isinstance(a, list | tuple) and any(np.ma.isMaskedArray(row) and row.ndim for row in a):
        a = np.ma.array(a)
    if not np.ma.isMaskedArray(a):
        return a
    numbers = np.ma.asarray(a).astype(np.float64 if a.dtype.kind in "biuf" else object)
    return np.ma.filled(numbers, np.nan)


def trimmed(panel: Panel, found: Findings = STRICT) -> Panel:
    """Let series begin at their first observed value and end at their last one.

    What lies behind the end is what is known ahead: covariates of the future keep it. A series
    without any value is ``cold`` if something describes it; else it is an error.

    Parameters
    ----------
    panel : Panel
        Series as long as their rows, and their covariates for just these.
    found : Findings
        Takes reports of what is wrong.

    Returns
    -------
    Panel
        With ``cold``, and with what :func:`describe` adds.

    Raises
    ------
    DataError
        When no series has a value.
    """
    begin, end = edges(panel.observed, panel.indptr)
    empty = begin == end
    if empty.all():
        described_at_all = panel.columns.future or panel.columns.static
        _report_all_missing(panel.ids, STRICT, _BESIDE_OTHERS if described_at_all else _LEAVE_OUT)
    cold = None
    if empty.any():
        cold = panel._cut(panel.indptr[:-1][empty], panel.indptr[:-1][empty], np.flatnonzero(empty))
        last = panel._shift(panel.last[empty], -panel.lengths[empty])
        cold = replace(cold, ids=panel.ids[empty], last=last, notes=())._described()
        cold = described(cold, found)
    kept = np.flatnonzero(~empty)
    unknown = panel.indptr[kept + 1] - end[kept]
    rest = panel
    if len(kept) < panel.n_series or (begin > panel.indptr[:-1]).any() or unknown.any():
        rest = panel._cut(begin[kept], end[kept], kept)
        last = panel._shift(panel.last[kept], -unknown)
        rest = replace(rest, ids=panel.ids[kept], last=last)
    if unknown.any() and not panel.columns.future:
        note = said(
            "{n:value is|values are} missing at the end of {series:series|series}; the forecast "
            "begins after the last value that is there.",
            n=int(unknown.sum()),
            series=int(np.count_nonzero(unknown)),
        )
        rest = replace(rest, notes=(*rest.notes, note))
    return replace(rest._described(), cold=cold)


def edges(observed: Bools, indptr: Ints) -> tuple[Ints, Ints]:
    """Say from where to where each series is observed; both are its beginning if it is nowhere."""
    begin, end = indptr[:-1], indptr[1:]
    if (begin < end).all() and observed[begin].all() and observed[end - 1].all():
        return begin, end
    there = np.flatnonzero(observed)
    low, high = np.searchsorted(there, begin), np.searchsorted(there, end)
    bounded = np.concatenate([there, [0]])  # for the series that have none
    first, last = bounded[np.minimum(low, len(there))], bounded[high - 1]
    return np.where(low < high, first, begin), np.where(low < high, last + 1, begin)


def described(cold: Panel, found: Findings = STRICT) -> Panel | None:
    """Leave out, and report, series without a value of which nothing else is known either."""
    known = np.zeros(cold.n_series, bool)
    if (covariates := cold.covariates) is not None:
        static = covariates.static
        known |= np.asarray(static == static, bool).any(axis=1)  # NaN is not itself
        if cold.columns.future:
            there = ~np.isnan(covariates.future).all(axis=1)
            known |= np.logical_or.reduceat(there, covariates.future_indptr[:-1])
    if not known.all():
        _report_all_missing(cold.ids[~known], found)
    return cold.select(known) if known.any() else None


_LEAVE_OUT = "Leave these series out."
_BESIDE_OTHERS = (
    "A series without values is forecast like others: give it together with series that have a "
    "history, or as future_df= (--future-file)."
)


def _report_all_missing(ids: NDArray[np.object_], found: Findings, fix: str = _LEAVE_OUT) -> None:
    found.error(
        "all-missing",
        "All values are missing.",
        places=(Place(name, "") for name in ids),
        total=len(ids),
        fix=fix,
    )


def _moments(x: Doubles, indptr: Ints) -> tuple[Doubles, Doubles]:
    """Mean and standard deviation of each series' values that are there; NaN without any."""
    lengths, there = np.diff(indptr), ~np.isnan(x)
    series = np.flatnonzero(lengths)
    if not len(series):
        return np.full(len(lengths), np.nan), np.full(len(lengths), np.nan)

    def reduced(how: np.ufunc, of: Doubles) -> Doubles:
        out = np.zeros(len(lengths))
        out[series] = how.reduceat(of, indptr[series])
        return out

    counts = reduced(np.add, there.astype(np.float64))
    begin, _ = edges(there, indptr)
    # Sums start from the first value, so that constant values have a spread of exactly 0.
    first = np.where(counts > 0, x[np.minimum(begin, len(x) - 1)], 0.0)
    away = np.where(there, x - np.repeat(first, lengths), 0.0)
    with np.errstate(invalid="ignore"):  # where there are none
        location = first + reduced(np.add, away) / counts
        np.subtract(x, np.repeat(location, lengths), out=away)
        away[~there] = 0.0
        farthest = reduced(np.maximum, np.abs(away, out=away))
        away /= np.repeat(np.where(farthest > 0, farthest, 1.0), lengths)  # so no square overflows
        return location, farthest * np.sqrt(reduced(np.add, np.square(away, out=away)) / counts)


def _between(begin: Ints, end: Ints, n: int) -> Bools | Ints:
    """Say which of ``n`` places are from ``begin[i]`` to before ``end[i]``, in the order of i.

    In rising order a mask says it, which is smaller than indices.
    """
    if (begin[1:] < end[:-1]).any():
        return ranges(begin, end)[0]
    steps = np.zeros(n + 1, np.int8)
    some_are = begin < end
    steps[begin[some_are]] += 1
    steps[end[some_are]] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)


def place_of(unique_id: Any, names: Sequence[str]) -> int:
    """Return which series is meant, the first by default.

    Raises
    ------
    DataError
        When there is none of that name.
    """
    if unique_id is None:
        return 0
    if str(unique_id) not in names:
        raise no_such_series(repr(unique_id), names)
    return names.index(str(unique_id))


def no_such_series(value: str, names: Sequence[str]) -> DataError:
    """Return what says that there is no series of a name, and which there are."""
    return DataError(
        "There is no such series.",
        value=value,
        fix=f"There are {len(names)}: {', '.join(names[:5])}{' …' * (len(names) > 5)}.",
    )


def can_be_saved(name: str | int | float) -> bool:
    """Whether a file can hold an id: text that UTF-8 can write, or a number that is finite."""
    if isinstance(name, str):
        return not any("\ud800" <= character <= "\udfff" for character in name)
    return not isinstance(name, float) or math.isfinite(name)


def indptr_of(lengths: Ints) -> Ints:
    """Say where series of these lengths begin and end, one after another."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def ranges(begin: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Return the indices ``begin[i]``, ... ``end[i] - 1`` of all series, and their ``indptr``."""
    indptr = indptr_of(end - begin)
    return np.repeat(begin - indptr[:-1], end - begin) + np.arange(indptr[-1]), indptr


def as_objects(items: Sequence[Any]) -> NDArray[np.object_]:
    """Make an array of objects, whatever they are."""
    array = np.empty(len(items), object)
    array[:] = items
    return array


def counted(n: int, one: str, many: str) -> str:
    """Put a number before its words: ``1 row is``, ``1,200 rows are``."""
    return f"{n:,} {one if n == 1 else many}"
