"""Cells: what they hold, and the numbers in them.

Arrays, frames and files are made of cells; here is what the three agree on. pandas is imported on
use, because arrays do not need it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.errors import DataError
from gatecast.language import Said, said
from gatecast.stamps import parse_stamps

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "LARGEST",
    "MISSING",
    "THE_ARRAY",
    "USE_A_LARGER_UNIT",
    "Bad",
    "Where",
    "are_stamps",
    "holds",
    "is_missing",
    "is_number",
    "looks_like_a_date",
    "missing_cells",
    "read_cells",
    "read_decimals",
    "read_numbers",
    "shown",
    "some",
]

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null", "none"})
"""Spellings of a missing value, in lower case."""

LARGEST = 1e302
"""The largest value, either sign: the sum of a million of them still is a float64."""

Where = Callable[[Any], str]  # what to call a place in the user's data: "row 3"
# Is told of a code, the problem, the places, what to call them and what is there, and the fix.
Bad = Callable[[str, str, "NDArray[np.intp]", Where, str], None]

_SAMPLE = 1000  # cells that tell what a column holds
_DATES = 50  # of them, cells that tell whether they are dates
_LONGEST = 400  # characters that a number may have


def some(items: Iterable[str], total: int, limit: int = 5) -> Said:
    """Name the first few: ``row 3, row 9 and 12 more``."""
    named = list(islice(items, limit))
    if total > len(named):
        return said("{items} and {more} more", items=named, more=total - len(named))
    return said("{items}", items=named)


# Numbers

THE_ARRAY = said("The array")


def read_cells(read: Callable[[], Any], what: str) -> Any:
    """Call ``read``: pandas makes stamps in some time zones of dateutil that it cannot show."""
    try:
        return read()
    except AttributeError as error:
        raise DataError(
            said("{what} cannot be read.", what=what),
            value=error,
            fix="If it holds stamps in a time zone of dateutil, name the zone, for example with "
            ".dt.tz_convert('Europe/Berlin').",
        ) from error


def read_numbers(
    raw: NDArray[Any], where: Where, what: str = THE_ARRAY, bad: Bad | None = None
) -> NDArray[np.float64]:
    """Read numbers: NaN for missing values, none infinite or beyond :data:`LARGEST`.

    Parameters
    ----------
    raw : ndarray
        ``[n]``, of numbers or text.
    where : callable
        Names a place.
    what : str
        What to call the array in errors.
    bad : callable, optional
        Is told what is not a number (``"text"``), ``"infinite"`` or ``"too-large"``, whereupon it
        counts as missing; by default that is an error.

    Returns
    -------
    ndarray
        float64 ``[n]``.

    Raises
    ------
    DataError
        Naming the places.

    Examples
    --------
    >>> read_numbers(np.array(["1.5", "NA"], object), str)
    array([1.5, nan])
    """
    report = bad or _raise
    if raw.dtype.kind in "biuf":
        values = raw.astype(np.float64)
    elif raw.dtype.kind in "OUT":
        cells = raw.astype(object)
        values, unread = _parse_numbers(cells)
        if len(unread):
            report(
                "text",
                said("{what} has values that are not numbers.", what=what),
                unread,
                lambda k: said("{row} ({cell})", row=where(k), cell=shown(cells[k])),
                "Correct them, or leave them empty.",
            )
    else:
        raise DataError(said("{what} does not hold numbers.", what=what), value=raw.dtype)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        report(
            "infinite",
            said("{what} has infinite values.", what=what),
            infinite,
            where,
            "Correct them, or leave them empty.",
        )
        values[infinite] = np.nan
    large = np.flatnonzero(np.abs(values) > LARGEST)
    if len(large):
        numbers = values.copy()
        report(
            "too-large",
            said("{what} has values that are too large.", what=what),
            large,
            lambda k: said("{row} ({cell})", row=where(k), cell=f"{numbers[k]:g}"),
            USE_A_LARGER_UNIT,
        )
        values[large] = np.nan
    return values


USE_A_LARGER_UNIT = said(
    "Use a larger unit: up to {largest:g}, either sign, can be computed with.", largest=LARGEST
)


def _raise(code: str, problem: str, rows: NDArray[np.intp], describe: Where, fix: str) -> None:
    raise DataError(problem, value=some(map(describe, rows), len(rows)), fix=fix)


def shown(cell: Any) -> str:
    """Show what a cell holds, of a long one the beginning."""
    return repr(str(cell)[:40])


# As they are most often written; the rest is_missing knows.
_USUAL_MISSING = ["", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None"]


def _parse_numbers(cells: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the numbers, and which cells hold none although they are not empty."""
    none = np.array([], np.intp)
    try:
        values = cells.astype(np.float64)
        if not _has_underscores(cells):
            return values, none
    except (TypeError, ValueError, OverflowError):
        pass  # a missing value or text somewhere
    import pandas as pd

    column = pd.Series(cells, dtype=object)
    missing = (column.isna() | column.isin(_USUAL_MISSING)).to_numpy()
    try:
        values = np.where(missing, np.nan, cells).astype(np.float64)
        if not _has_underscores(cells[~missing]):
            return values, none
    except (TypeError, ValueError, OverflowError):
        pass  # text, or a spelling that is not the usual
    values, unread = np.full(len(cells), np.nan), []
    for k in np.flatnonzero(~missing):
        try:
            if isinstance(cells[k], str) and "_" in cells[k]:
                raise ValueError("1_100 is a number to Python only")
            values[k] = cells[k]
        except (TypeError, ValueError, OverflowError):
            if not is_missing(str(cells[k]).strip()):
                unread.append(k)
    return values, np.array(unread, np.intp)


def _has_underscores(cells: NDArray[np.object_]) -> bool:
    try:
        return "_" in "\n".join(cells)
    except TypeError:  # not all are text
        return any(isinstance(cell, str) and "_" in cell for cell in cells)


# Decimal marks and thousands separators


def _surely(mark: str, other: str) -> str:
    """Match numbers that show what their decimal mark is: 1.234,5 and 1.234.567 and 1,5 do."""
    groups = rf"[1-9]\d{{0,2}}(?:{other}\d{{3}})"
    return (
        rf"(?a)[-+]?(?:{groups}+{mark}\d*|{groups}{{2,}}"
        rf"|\d+{mark}(?:\d{{1,2}}|\d{{4,}})?|(?:0\d*|\d{{4,}})?{mark}\d{{3}}|{mark}\d+"
        rf"|(?:\d+{mark}\d*|{mark}\d+)[eE][-+]?\d+)"
    )


_OTHER = {",": ".", ".": ","}
_SURELY = {",": _surely(",", r"\."), ".": _surely(r"\.", ",")}
# 10,013 and 10.013: a decimal mark, or thousands
_PERHAPS = {mark: rf"(?a)[-+]?[1-9]\d{{0,2}}\{mark}\d{{3}}" for mark in _OTHER}
_WITH_A_MARK = re.compile(
    "|".join([*_SURELY.values(), *_PERHAPS.values()]).replace("(?a)", ""), re.A
)


def read_decimals(
    column: pd.Series[Any],
    others: Callable[[], list[pd.Series[Any]]],
    separator: str,
    where: Where,
    *,
    what: str,
    decimal: str | None = None,
    bad: Bad | None = None,
) -> tuple[pd.Series[Any], str | None]:
    """Write the numbers of a column of text with decimal points and without thousands.

    Most numbers show what their decimal mark is. One that does not, such as 10.013 or 10,013, is
    read by what the rest of the column shows, or else the other columns; or else a point is a
    decimal point, unless semicolons separate the cells, which they do where commas are decimal.

    Parameters
    ----------
    column : pandas.Series
        Text.
    others : callable
        Gives the other columns of numbers in the file.
    separator : str
        What separates the file's cells.
    where : callable
        Names a row.
    what : str
        What to call the column.
    decimal : str, optional
        The decimal mark, if it is known.
    bad : callable, optional
        Is told of numbers whose mark may be either, or is not ``decimal``, whereupon they count as
        missing; by default that is an error.

    Returns
    -------
    column : pandas.Series
        Text that Python reads.
    note : str or None
        Which thousands were told by other numbers than themselves.

    Raises
    ------
    DataError
        When a mark may be either, or is not ``decimal``.
    """
    if decimal is None and _has_decimal_points(column, separator):
        return column, None
    report = bad or _raise
    perhaps = {mark: _matches(column, _PERHAPS[mark]) for mark in _OTHER}
    surely = {mark: _matches(column, _SURELY[mark]) for mark in _OTHER}
    doubtful = perhaps[","] | perhaps["."]
    if decimal is not None:
        strange = surely[_OTHER[decimal]]
        if strange.any():
            report(
                "decimals",
                said(
                    "The numbers in {what} show another decimal mark than the one given, "
                    "{decimal!r}.",
                    what=what,
                    decimal=decimal,
                ),
                np.flatnonzero(strange),
                _describe(column, where),
                "Leave out --decimal, which finds the mark, or correct them.",
            )
            column = column.mask(strange, "")
    note = None
    if doubtful.any():
        mark = decimal or _told(column, others, separator, only_points=not perhaps[","].any())
        if mark is None:
            example = str(column[doubtful].iloc[0])
            whole, point = re.sub("[.,]", "", example), example.replace(",", ".")
            report(
                "decimals",
                said(
                    "The numbers in {what} may have thousands or decimals: {example} could be "
                    "{whole} or {point}.",
                    what=what,
                    example=example,
                    whole=whole,
                    point=point,
                ),
                np.flatnonzero(doubtful),
                _describe(column, where),
                said(
                    "Say what the decimal mark of the file is: --decimal , or --decimal . (or "
                    "write {whole}, or {point}0).",
                    whole=whole,
                    point=point,
                ),
            )
            return column.mask(doubtful, ""), None
        thousands = perhaps[_OTHER[mark]]
        if thousands.any() and decimal is None:
            example = column[thousands].iloc[0]
            note = said(
                "The {marks} in {what} separate thousands: {example} is {number}.",
                marks=said("commas" if mark == "." else "points"),
                what=what,
                example=example,
                number=_rewritten(example, mark),
            )
        column = column.mask(doubtful, column[doubtful].map(partial(_rewritten, mark=mark)))
    for mark, sure in surely.items():
        if sure.any():
            column = column.mask(sure, column[sure].map(partial(_rewritten, mark=mark)))
    return column, note


def _has_decimal_points(column: pd.Series[Any], separator: str) -> bool:
    """Whether it is clear at a glance that all marks are decimal points."""
    text = "\n".join(column)
    if "," in text:
        return False
    if separator == ",":
        return True
    if re.search(r"\.\d{3}\.", text):
        return False
    return re.search(rf"(?m)^(?:{_SURELY['.'].removeprefix('(?a)')})$", text, re.A) is not None


def _told(
    column: pd.Series[Any],
    others: Callable[[], list[pd.Series[Any]]],
    separator: str,
    *,
    only_points: bool,
) -> str | None:
    """The decimal mark of numbers that do not show theirs, by what the file has beside them."""
    told = _marks(column)
    if not told and not (only_points and separator == ","):
        told = set[str]().union(*map(_marks, others()))
    if not told and only_points and separator != ";":
        return "."
    return told.pop() if len(told) == 1 else None


def _matches(column: pd.Series[Any], pattern: str) -> pd.Series[bool]:
    return column.str.fullmatch(pattern).astype(bool)


def _marks(column: pd.Series[Any]) -> set[str]:
    """The decimal marks that the numbers of a column show."""
    return {mark for mark, pattern in _SURELY.items() if _matches(column, pattern).any()}


def _rewritten(text: str, mark: str) -> str:
    return text.replace(_OTHER[mark], "").replace(mark, ".")


def _describe(column: pd.Series[Any], where: Where) -> Where:
    cells = column.to_numpy()
    return lambda k: said("{row} ({cell})", row=where(k), cell=shown(cells[k]))


# What cells hold


def holds(column: pd.Series[Any]) -> str:
    """Say whether a column holds stamps, whole numbers, numbers, text or nothing."""
    if column.dtype.kind == "M" or str(column.dtype).startswith(("datetime", "period", "date")):
        return "stamp"
    if column.dtype.kind in "iu":
        return "whole"
    if column.dtype.kind == "f":
        return "number" if column.notna().any() else "nothing"
    cells = _first(column)
    if not cells:
        return "nothing"
    numbers = _count_numbers(cells)
    if numbers < len(cells) and _are_stamps(cells[:_DATES]):
        return "stamp"
    if all(re.fullmatch(r"[+-]?\d{1,18}", cell) for cell in cells):
        dates = len(cells[0]) in (6, 8) and len(set(cells)) > 1 and _are_dates(cells)
        return "stamp" if dates else "whole"
    return "number" if numbers >= 0.5 * len(cells) else "text"


def _first(column: pd.Series[Any]) -> list[str]:
    """The first cells that are not missing."""
    for size in (_SAMPLE + _SAMPLE // 4, 50 * _SAMPLE, len(column)):
        begin = column.iloc[:size]
        cells = begin[~missing_cells(begin)]
        if len(cells) >= _SAMPLE or size >= len(column):
            break
    return [str(cell)[: _LONGEST + 1] for cell in cells.head(_SAMPLE)]


def _count_numbers(cells: list[str]) -> int:
    try:
        np.array(cells, object).astype(np.float64)
    except ValueError:
        return sum(map(is_number, cells))
    return sum("_" not in cell and len(cell) <= _LONGEST for cell in cells)


def missing_cells(column: pd.Series[Any]) -> pd.Series[bool]:
    """Say which cells are empty or spell a missing value."""
    import pandas as pd

    missing = column.isna()
    if column.dtype.kind in "OT" or str(column.dtype) == "str":
        codes, distinct = pd.factorize(column)  # look at each spelling once
        spelled = [is_missing(str(cell).strip()) for cell in distinct]
        missing |= np.append(spelled, [True])[codes].astype(bool)
    return missing


def is_missing(cell: str) -> bool:
    """Whether a text spells a missing value."""
    return cell.lower() in MISSING


def is_number(cell: str) -> bool:
    """Whether a text is a number, with whatever decimal mark, infinite ones included."""
    if is_missing(cell) or "_" in cell or len(cell) > _LONGEST:
        return False
    try:
        float(cell)
    except ValueError:
        return _WITH_A_MARK.fullmatch(cell) is not None
    return True


def are_stamps(cells: list[str]) -> list[bool]:
    """Say which texts are dates rather than numbers; together, as some layouts need a few."""
    dated = [k for k, cell in enumerate(cells) if re.search(r"\d", cell) and not is_number(cell)]
    which = np.zeros(len(cells), bool)
    if dated:
        texts = np.array([cells[k] for k in dated], object)
        try:
            which[dated] = ~parse_stamps(texts).bad
        except DataError:  # dates, if only day and month could be told apart
            which[dated] = [looks_like_a_date(text) for text in texts]
    return which.tolist()


def looks_like_a_date(cell: str) -> bool:
    """Whether a reader would take a text for a date, readable here or not."""
    return re.search(_DATE_LIKE, cell[:60]) is not None and not is_number(cell)


_DATE_LIKE = (
    r"(?i)\d[-/. ]\d+[-/. ]\d|^\d{1,2}[-/.]\d{1,2}\.?$|\d:\d\d|^\D{0,3}(18|19|20)\d\d(?!\d)"
    r"|\d[-/. ]*(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-/. ',]*\d"
)


def _are_dates(cells: list[str]) -> bool:
    return not parse_stamps(np.array(cells, object)).whole


def _are_stamps(cells: list[str]) -> bool:
    """Whether most are stamps."""
    return sum(are_stamps(cells)) > 0.5 * len(cells)
