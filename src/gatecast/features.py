"""From a panel's covariates and its calendar to what the network reads.

:func:`fit_encoding` looks at the panel that is trained on and decides what the columns are;
:func:`encode` makes them, of that panel or another. Nothing that lies after the end of a series has
a say in what is read of its history.

*Numbers* that change over time are scaled by the series' own mean and spread up to its end. A
series in which a number never changed has no spread: the usual spread within the other series
stands in. So does their mean for a series without history. Numbers that were only ever 0 or 1 are
flags and stay as they are. What is more than 10 spreads off is taken for 10: a network learns
nothing from being shouted at. A missing number is the mean (a flag: 0); if some were missing when
the encoding was made, a column of 0 and 1 says so.

*Static* numbers are scaled by their mean and spread over the series. Text becomes a column of 0
and 1 for each level. The network multiplies these by weights, so each level selects a vector that
is learnt: such columns into a linear layer are an embedding. Of more than 64 levels the rarer ones
share a column, and what was never seen goes there too; without such a column, a level that was not
seen is all zeros, and so is a missing one.

The calendar and holidays are columns too: see :mod:`gatecast.dates`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.cells import some
from gatecast.dates import CYCLES, dates_of, fit_calendar, fit_holidays
from gatecast.errors import ConfigError, DataError
from gatecast.panel import MissingFuture, counted, indptr_of, ranges, require_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, Ints, Panel

    Floats = NDArray[np.float32]
    Objects = NDArray[np.object_]

__all__ = [
    "Categorical",
    "Encoded",
    "Encoding",
    "MissingFuture",
    "Numeric",
    "encode",
    "fit_encoding",
    "similar",
]


_LARGEST = 10.0  # spreads that a number may be off
_CONSTANT = 1e-9  # of a series' mean: a smaller spread is rounding
_MAX_LEVELS = 64
_MAX_DISTANCES = 1_000_000  # at a time


@dataclass(frozen=True)
class Numeric:
    """How a number is read.

    Parameters
    ----------
    name : str
        The covariate.
    mean, spread : float
        What stands in for a series that has none of its own; of a static number, over the series.
    flag : bool
        Whether it was only ever 0 or 1, and is read as it is.
    missing : bool
        Whether a column says where it is missing.
    """

    name: str
    mean: float = 0.0
    spread: float = 1.0
    flag: bool = False
    missing: bool = False

    def __post_init__(self) -> None:
        numbers = (self.mean, self.spread)
        _require(type(self.name) is str, "a name")
        _require(all(type(x) is float and isfinite(x) for x in numbers), "a mean and a spread")
        _require(self.spread > 0, "a spread above 0")
        _require(type(self.flag) is bool and type(self.missing) is bool, "true or false")

    @property
    def width(self) -> int:
        """How many columns the network reads."""
        return 1 + self.missing


@dataclass(frozen=True)
class Categorical:
    """How text is read: a column of 0 and 1 for each level.

    Parameters
    ----------
    name : str
        The covariate.
    levels : tuple of str
        In the order of the columns.
    other : bool
        Whether one more column is for all other levels.
    """

    name: str
    levels: tuple[str, ...]
    other: bool = False

    def __post_init__(self) -> None:
        _require(type(self.name) is str, "a name")
        _require(
            type(self.levels) is tuple and all(type(level) is str for level in self.levels),
            "levels",
        )
        distinct = len(set(self.levels)) == len(self.levels) <= _MAX_LEVELS
        _require(distinct and type(self.other) is bool, "few distinct levels")

    @property
    def width(self) -> int:
        """How many columns the network reads."""
        return len(self.levels) + self.other


@dataclass(frozen=True)
class Encoding:
    """What the network's columns are.

    Parameters
    ----------
    past, future : tuple of Numeric
        Covariates that change over time.
    static : tuple of Numeric or Categorical
        Covariates of a series.
    calendar : tuple of str
        Phases, as in the table above; each is a sine and a cosine.
    holidays : str or None
        A country, ``"DE"``, or a part of one, ``"DE-BY"``.

    Examples
    --------
    >>> import pandas as pd
    >>> from gatecast.panel import from_any
    >>> y = pd.Series([1.0, 2.0, 4.0] * 8, pd.date_range("2024-01-01", periods=24, freq="MS"))
    >>> encoding = fit_encoding(from_any(y), calendar=True)
    >>> encoding.calendar, encoding.n_future
    (('month of year',), 2)
    """

    past: tuple[Numeric, ...] = ()
    future: tuple[Numeric, ...] = ()
    static: tuple[Numeric | Categorical, ...] = ()
    calendar: tuple[str, ...] = ()
    holidays: str | None = None

    def __post_init__(self) -> None:
        for role in (self.past, self.future, self.static):
            _require(len({x.name for x in role}) == len(role), "distinct names")
        _require(self.calendar == tuple(x for x in CYCLES if x in self.calendar), "phases")
        named = self.holidays is None or re.fullmatch(r"[A-Z]{2}(-.{1,60})?", self.holidays)
        _require(bool(named), "a country")

    @property
    def n_past(self) -> int:
        """Columns that are known up to a series' end only."""
        return sum(x.width for x in self.past)

    @property
    def n_future(self) -> int:
        """Columns that are known ahead: covariates, phases and holidays."""
        return sum(x.width for x in self.future) + self.n_dates

    @property
    def n_dates(self) -> int:
        """How many of these, the last ones, are made from the date: phases and holidays."""
        return 2 * len(self.calendar) + (self.holidays is not None)

    @property
    def n_static(self) -> int:
        """Columns that are the same at all steps of a series."""
        return sum(x.width for x in self.static)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-safe values; :meth:`from_dict` takes them back."""
        as_lists: dict[str, Any] = {
            role: [
                {k: list(v) if k == "levels" else v for k, v in vars(x).items()}
                for x in getattr(self, role)
            ]
            for role in ("past", "future", "static")
        }
        return as_lists | {"calendar": list(self.calendar), "holidays": self.holidays}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Encoding:
        """Restore an encoding.

        Parameters
        ----------
        saved : dict
            As by :meth:`to_dict`; not trusted.

        Returns
        -------
        Encoding

        Raises
        ------
        ValueError, TypeError, KeyError
            When it is none.
        """
        return cls(
            past=tuple(Numeric(**x) for x in saved["past"]),
            future=tuple(Numeric(**x) for x in saved["future"]),
            static=tuple(
                Categorical(**x | {"levels": _tuple(x["levels"])})
                if "levels" in x
                else Numeric(**x)
                for x in saved["static"]
            ),
            calendar=_tuple(saved["calendar"]),
            holidays=saved["holidays"],
        )


@dataclass(frozen=True, eq=False)
class Encoded:
    """What the network reads of a panel, beside its values.

    Parameters
    ----------
    past : ndarray
        float32 ``[total, n_past]``; row ``j`` belongs to ``values[j]``.
    future : ndarray
        float32 ``[rows, n_future]``. Series whose rows are the same may share them.
    future_begin : ndarray
        int64 ``[n_series]``; row ``future_begin[i] + j`` belongs to the ``j``-th value of series
        ``i``, or lies ahead of its end.
    static : ndarray
        float32 ``[n_series, n_static]``.
    assumed : ndarray
        bool ``[n_series, h]``; where a covariate was not known ahead and something stood in.
    """

    past: Floats
    future: Floats
    future_begin: Ints
    static: Floats
    assumed: Bools


def fit_encoding(
    panel: Panel,
    *,
    only: Collection[str] | None = None,
    calendar: bool = False,
    holidays: str | None = None,
) -> Encoding:
    """Decide how a panel is read.

    Parameters
    ----------
    panel : Panel
        That is trained on. What lies ahead of its series plays no part, nor do its cold ones.
    only : collection of str, optional
        Which of its covariates are read, where others may read more; all by default.
    calendar : bool
        Whether the network is to know the date.
    holidays : str, optional
        A country whose public holidays it is to know, such as ``"DE"``, or a part, ``"DE-BY"``.

    Returns
    -------
    Encoding

    Raises
    ------
    ConfigError
        When the stamps are no dates, or steps too long for a calendar; for an unknown country.
    DataError
        When the panel has no such covariate.
    MissingExtraError
        For holidays without the package of that name.

    Examples
    --------
    >>> import pandas as pd
    >>> from gatecast.panel import Columns, Intake, from_any
    >>> df = pd.DataFrame({
    ...     "unique_id": ["a", "a", "b", "b"], "ds": [1, 2, 1, 2], "y": [1.0, 2.0, 3.0, 4.0],
    ...     "promo": [0, 1, 0, 0], "region": ["north", "north", "south", "south"],
    ... })
    >>> panel = from_any(df, Intake(Columns(past=("promo",), static=("region",))))
    >>> encoding = fit_encoding(panel)
    >>> encoding.past[0].flag, encoding.static[0].levels
    (True, ('north', 'south'))
    >>> encode(encoding, panel).static
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    past: list[Numeric] = []
    future: list[Numeric] = []
    static: list[Numeric | Categorical] = []
    there = () if panel.covariates is None else panel.columns.covariates
    if lacking := [name for name in only or () if name not in there]:
        raise _lacking("", lacking)
    columns, known = panel.columns, panel.covariates
    if known is not None:
        begin, n_past = known.future_indptr[:-1], len(columns.past)
        rows, _ = ranges(begin, begin + panel.lengths)
        for k, name in enumerate((*columns.past, *columns.future)):
            if only is None or name in only:
                ahead = k >= n_past
                values = known.future[rows, k - n_past] if ahead else known.past[:, k]
                number = _fit_numeric(name, values, known.location[:, k], known.spread[:, k])
                (future if ahead else past).append(number)
        for k, name in enumerate(columns.static):
            if only is None or name in only:
                static.append(_fit_static(name, known.static[:, k]))
    return Encoding(
        past=tuple(past),
        future=tuple(future),
        static=tuple(static),
        calendar=fit_calendar(panel) if calendar else (),
        holidays=None if holidays is None else fit_holidays(panel, holidays),
    )


def encode(
    encoding: Encoding,
    panel: Panel,
    h: int = 0,
    *,
    missing_future: MissingFuture = "error",
    season_length: int = 1,
) -> Encoded:
    """Make what the network reads.

    Parameters
    ----------
    encoding : Encoding
        How.
    panel : Panel
        The one that the encoding was fitted on, another with the same covariates, or the cold
        series of one.
    h : int
        For how many steps ahead of each series' end.
    missing_future : {"error", "last", "seasonal"}
        What to do where a future covariate is not known ahead: raise, hold the series' last known
        value, or take the value of a season before (the last if there is none). Where a series
        knows no value at all it is the mean.
    season_length : int
        Steps in a season.

    Returns
    -------
    Encoded
        Of finite numbers.

    Raises
    ------
    DataError
        When a covariate is not there, is text and was numbers, or is not known ahead.
    ConfigError
        When an argument is impossible, or the stamps are no dates and the calendar is to be read.
    """
    require_word("missing_future", missing_future, MissingFuture)
    if h < 0 or season_length < 1:
        raise ConfigError(
            "h must be 0 or more, and season_length 1 or more.",
            value=f"h={h}, season_length={season_length}",
        )
    _require_covariates(encoding, panel)
    past = np.empty((len(panel.values), encoding.n_past), np.float32)
    at = 0
    for number in encoding.past:
        at = _read_number(number, panel, panel.lengths, _past_of(panel, number.name), past, at)
    dates, dates_begin = dates_of(encoding, panel, h)
    assumed = np.zeros((panel.n_series, h), bool)
    if encoding.future:
        rows = panel.lengths + h
        begin = indptr_of(rows)[:-1]
        future = np.empty((int(rows.sum()), encoding.n_future), np.float32)
        columns = _known_ahead(encoding, panel, h, missing_future, season_length, assumed)
        at = 0
        for number, column in columns:
            at = _read_number(number, panel, rows, column, future, at)
        if encoding.n_dates:
            future[:, at:] = dates[ranges(dates_begin, dates_begin + rows)[0]]
    else:  # dates alone: each is there once, for all series
        future, begin = dates, dates_begin
    return Encoded(
        past=past,
        future=future,
        future_begin=begin,
        static=_read_static(encoding, panel),
        assumed=assumed,
    )


def similar(static_all: Floats, static_new: Floats, k: int) -> NDArray[np.int64]:
    """Find the series that are most like new ones, by their static columns.

    Parameters
    ----------
    static_all, static_new : ndarray
        ``[n, n_static]`` and ``[m, n_static]``, encoded.
    k : int
        How many for each new series; all ``n`` if there are fewer.

    Returns
    -------
    ndarray
        int64 ``[m, min(k, n)]``, the nearest first; of those equally near the first first. Without
        static columns all are equally near, and ``k`` are taken evenly from all of them.

    Examples
    --------
    >>> similar(np.array([[0.0], [5.0], [1.0]]), np.array([[4.0]]), 2)
    array([[1, 2]])
    """
    n, k = len(static_all), min(k, len(static_all))
    if static_all.shape[1] == 0:
        return np.tile(np.arange(k) * n // max(k, 1), (len(static_new), 1))
    new, again = np.unique(static_new, axis=0, return_inverse=True)
    nearest = np.empty((len(new), k), np.int64)
    columns, size = static_all.T.astype(np.float64), max(1, _MAX_DISTANCES // max(n, 1))
    for begin in range(0, len(new) if k else 0, size):
        part = new[begin : begin + size].astype(np.float64)
        nearest[begin : begin + size] = _nearest(columns, part, k)
    return nearest[again.reshape(-1)]


def _nearest(columns: Doubles, new: Doubles, k: int) -> NDArray[np.int64]:
    distance, part = np.zeros((2, len(new), columns.shape[1]))
    for one, other in zip(columns, new.T, strict=True):  # summed as it is, so that ties are ties
        np.subtract(one, other[:, None], out=part)
        distance += np.square(part, out=part)
    far = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
    row, series = np.nonzero(distance <= far)  # k of each row, or more if some are equally far
    order = np.lexsort((distance[row, series], row))
    starts = np.searchsorted(row, np.arange(len(new)))
    nearest: NDArray[np.int64] = series[order][starts[:, None] + np.arange(k)]
    return nearest


# Numbers


def _fit_numeric(name: str, values: Doubles, location: Doubles, spread: Doubles) -> Numeric:
    missing = np.isnan(values)
    if not missing.all() and ((values == 0) | (values == 1) | missing).all():
        return Numeric(name, flag=True, missing=bool(missing.any()))
    means = location[~np.isnan(location)]
    return Numeric(
        name,
        mean=float(means.mean()) if len(means) else 0.0,
        spread=_root_mean_square(spread[spread > _CONSTANT * np.abs(location)]),
        missing=bool(missing.any()),
    )


def _root_mean_square(x: Doubles) -> float:
    """1.0 if there is none. Squares of large numbers would overflow."""
    largest = float(np.abs(x).max(initial=0.0))
    return largest * float(np.sqrt(np.mean(np.square(x / largest)))) if largest else 1.0


def _read_number(
    number: Numeric, panel: Panel, rows: Ints, column: Doubles, out: Floats, at: int
) -> int:
    """Write the columns ``at`` and after of ``out``, from ``rows[i]`` of each series in turn."""
    missing = np.isnan(column)
    if not number.flag:
        assert panel.covariates is not None
        k = (*panel.columns.past, *panel.columns.future).index(number.name)
        location, spread = panel.covariates.location[:, k], panel.covariates.spread[:, k]
        spread = np.where(spread > _CONSTANT * np.abs(location), spread, number.spread)
        location = np.where(np.isnan(location), number.mean, location)
        column = _scaled(column, np.repeat(location, rows), np.repeat(spread, rows))
    out[:, at] = np.where(missing, 0, np.clip(column, -_LARGEST, _LARGEST))
    if number.missing:
        out[:, at + 1] = missing
    return at + number.width


def _scaled(x: Doubles, location: Doubles | float, spread: Doubles | float) -> Doubles:
    with np.errstate(over="ignore"):  # infinitely many spreads are as good as 10
        return np.asarray((x - location) / spread)


def _past_of(panel: Panel, name: str) -> Doubles:
    assert panel.covariates is not None
    return panel.covariates.past[:, panel.columns.past.index(name)]


def _require_covariates(encoding: Encoding, panel: Panel) -> None:
    for role in ("past", "future", "static"):
        there = () if panel.covariates is None else getattr(panel.columns, role)
        lacking = [x.name for x in getattr(encoding, role) if x.name not in there]
        if lacking:
            raise _lacking(f"{role} ", lacking)


def _lacking(role: str, names: list[str]) -> DataError:
    return DataError(
        f"The model reads {role}covariates that these data do not have.",
        value=", ".join(map(repr, names)),
        fix="Give all the columns that it was trained with, in the same roles."
        if role
        else "Say which columns of the data they are.",
    )


# What is known ahead


def _known_ahead(
    encoding: Encoding,
    panel: Panel,
    h: int,
    missing_future: MissingFuture,
    season_length: int,
    assumed: Bools,
) -> Iterator[tuple[Numeric, Doubles]]:
    """The future covariates, for the values of each series and ``h`` steps; marks ``assumed``.

    One at a time, because there may be many; all that are not known are told together, at the end.
    """
    assert panel.covariates is not None
    begin, end = panel.covariates.future_indptr[:-1], panel.covariates.future_indptr[1:]
    rows, indptr = ranges(begin, begin + panel.lengths + h)
    # Rows beyond those of a series are missing, which one more row at the end is.
    rows[rows >= np.repeat(end, panel.lengths + h)] = len(panel.covariates.future)
    ahead = indptr[1:, None] + np.arange(-h, 0)
    unknown: dict[str, Bools] = {}
    for number in encoding.future:
        known = panel.covariates.future[:, panel.columns.future.index(number.name)]
        column = np.append(known, np.nan)[rows]
        missing = np.isnan(column[ahead])
        if missing.any():
            unknown[number.name] = missing
            if missing_future != "error":
                season = season_length if missing_future == "seasonal" else 0
                _stand_in(column, indptr, ahead, season)
                assumed |= missing
        yield number, column
    if unknown and missing_future == "error":
        raise _unknown_ahead(panel, h, unknown)


def _stand_in(column: Doubles, indptr: Ints, ahead: NDArray[Any], season: int) -> None:
    """Fill what is missing ahead: from a season before if there is one, else from the last known.

    What no value of the series can fill stays missing.
    """
    h = ahead.shape[1]
    begin, end = indptr[:-1], indptr[1:] - h
    known = np.maximum.accumulate(np.where(np.isnan(column), -1, np.arange(len(column))))
    at = known[end - 1]
    last = np.where((begin < end) & (at >= begin), column[at], np.nan)
    for j in range(h):
        value = column[ahead[:, j]]
        gap = np.isnan(value)
        last = np.where(gap, last, value)
        if season:
            before = ahead[:, j] - season
            value = np.where(gap & (before >= begin), column[np.maximum(before, 0)], value)
        column[ahead[:, j]] = np.where(np.isnan(value), last, value)


def _unknown_ahead(panel: Panel, h: int, unknown: dict[str, Bools]) -> DataError:
    several = panel.n_series > 1 or not panel.lengths.any()

    def named() -> Iterator[str]:
        for name, missing in unknown.items():
            for flat in np.flatnonzero(missing):
                i, j = divmod(int(flat), h)
                of = f" of series {panel.ids[i]!r}" if several else ""
                yield f"{name!r}{of} at {panel._name(panel._shift(panel.last[i : i + 1], j + 1))}"

    total = sum(int(missing.sum()) for missing in unknown.values())
    return DataError(
        f"Future covariates are not known for all of the {counted(h, 'step', 'steps')} ahead.",
        value=some(named(), total),
        fix="Give them in future_df= (--future-file) or as rows with an empty target, or hold the "
        "last known values with missing_future='last'.",
    )


# Static covariates


def _is_text(cells: Objects) -> bool:
    import pandas as pd

    kind = pd.api.types.infer_dtype(cells, skipna=True)
    return kind not in ("floating", "integer", "mixed-integer-float", "boolean", "empty")


def _fit_static(name: str, cells: Objects) -> Numeric | Categorical:
    if _is_text(cells):
        return _fit_categorical(name, cells)
    numbers = cells.astype(np.float64)
    numbers = numbers[~np.isnan(numbers)]
    if not len(numbers):
        return Numeric(name)
    mean = float(numbers.mean())
    spread = _root_mean_square(numbers - mean)
    return Numeric(name, mean, spread if spread > _CONSTANT * abs(mean) else 1.0)


def _fit_categorical(name: str, cells: Objects) -> Categorical:
    codes, levels = _levels(cells)
    counts = dict.fromkeys(levels, 0)
    for level, count in zip(levels, np.bincount(codes[codes >= 0]).tolist(), strict=True):
        counts[level] += count
    kept = sorted(counts, key=lambda level: (-counts[level], level))[:_MAX_LEVELS]
    return Categorical(name, tuple(sorted(kept)), other=len(counts) > len(kept))


def _levels(cells: Objects) -> tuple[NDArray[np.intp], list[str]]:
    """Which distinct cell each cell is, -1 if missing, and their texts."""
    import pandas as pd

    codes, distinct = pd.factorize(cells)
    return codes, [x if isinstance(x, str) else f"{float(x):.15g}" for x in distinct]


def _read_static(encoding: Encoding, panel: Panel) -> Floats:
    static = np.zeros((panel.n_series, encoding.n_static), np.float32)
    at = 0
    for covariate in encoding.static:
        assert panel.covariates is not None
        cells = panel.covariates.static[:, panel.columns.static.index(covariate.name)]
        if isinstance(covariate, Categorical):
            codes, levels = _levels(cells)
            columns = {level: k for k, level in enumerate(covariate.levels)}
            other = len(columns) if covariate.other else -1
            chosen = np.array([*(columns.get(level, other) for level in levels), -1])[codes]
            series = np.flatnonzero(chosen >= 0)
            static[series, at + chosen[series]] = 1
        elif _is_text(cells):
            text = np.flatnonzero([isinstance(cell, str) for cell in cells])
            raise DataError(
                f"The static covariate {covariate.name!r} was numbers when the model was trained.",
                value=some((f"{cells[i]!r} of series {panel.ids[i]!r}" for i in text), len(text)),
                fix="Write it as the numbers that it was, or train a model with the text.",
            )
        else:
            numbers = _scaled(cells.astype(np.float64), covariate.mean, covariate.spread)
            static[:, at] = np.nan_to_num(np.clip(numbers, -_LARGEST, _LARGEST))
        at += covariate.width
    return static


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"This should be {what}.")


def _tuple(saved: list[str]) -> tuple[str, ...]:
    _require(type(saved) is list, "a list")
    return tuple(saved)
