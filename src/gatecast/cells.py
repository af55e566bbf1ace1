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
from gatecast.stamps import parse_stamps

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "LARGEST",
    "MISSING",
    "holds",
    "is_missing",
    "is_number",
    "is_stamp",
    "looks_like_a_date",
    "missing_cells",
    "read_cells",
    "read_decimals",
    "read_numbers",
    "some",
]

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null", "none"})
"""Spellings of a missing value, in lower case."""

LARGEST = 1e302
"""The largest value, either sign: the sum of a million of them still is a float64."""

Where = Callable[[Any], str]  # what to call a place in the user's data: "row 3"

_SAMPLE = 1000  # cells that tell what a column holds
_DATES = 50  # of them, cells that tell whether they are dates


def some(items: Iterable[str], total: int, limit: int = 5) -> str:
    """Name the first few: ``row 3, row 9 and 12 more``."""
    named = list(islice(items, limit))
    more = f" and {total - len(named)} more" if total > len(named) else ""
    return ", ".join(named) + more


# Numbers


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


def read_numbers(raw: NDArray[Any], where: Where, what: str = "The array") -> NDArray[np.float64]:
    """Float64, with NaN for missing values; none is infinite or beyond :data:`LARGEST`."""
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
    large = np.flatnonzero(np.abs(values) > LARGEST)
    if len(large):
        raise DataError(
            f"{what} has values that are too large.",
            value=some((f"{where(k)} ({values[k]:g})" for k in large), len(large)),
            fix=f"Use a larger unit: up to {LARGEST:g}, either sign, can be computed with.",
        )
    return values


def _parse_numbers(cells: NDArray[np.object_], where: Where, what: str) -> NDArray[np.float64]:
    try:
        values = cells.astype(np.float64)
        if not any(isinstance(cell, str) and "_" in cell for cell in cells):
            return values
    except (TypeError, ValueError, OverflowError):
        pass  # a missing value or text somewhere: look at each
    values, bad = np.full(len(cells), np.nan), []
    for k, cell in enumerate(cells):
        try:
            if isinstance(cell, str) and "_" in cell:
                raise ValueError("1_100 is a number to Python only")
            values[k] = cell
        except (TypeError, ValueError, OverflowError):
            if not is_missing(str(cell).strip()):
                bad.append(k)
    if bad:
        raise DataError(
            f"{what} has values that are not numbers.",
            value=some((f"{where(k)} ({str(cells[k])[:40]!r})" for k in bad), len(bad)),
            fix="Correct them, or leave them empty.",
        )
    return values


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

    Returns
    -------
    column : pandas.Series
        Text that Python reads.
    note : str or None
        Which thousands were told by other numbers than themselves.

    Raises
    ------
    DataError
        When a mark may be either.
    """
    if separator == "," and not column.str.contains(",", regex=False).any():
        return column, None  # points are decimal points
    shown = _shown(column)
    perhaps = {mark: _matches(column, _PERHAPS[mark]) for mark in _OTHER}
    doubtful = perhaps[","] | perhaps["."]
    note = None
    if doubtful.any():
        only_points = not perhaps[","].any()
        told = shown
        if not told and not (only_points and separator == ","):
            told = set[str]().union(*map(_shown, others()))
        if not told and only_points and separator != ";":
            told = {"."}
        if len(told) != 1:
            raise _ambiguous(column, doubtful, where)
        (mark,) = told
        thousands = perhaps[_OTHER[mark]]
        if thousands.any():
            example = column[thousands].iloc[0]
            name = "commas" if mark == "." else "points"
            note = (
                f"The {name} in the column {column.name!r} separate thousands: "
                f"{example} is {_rewritten(example, mark)}."
            )
        column = column.mask(doubtful, column[doubtful].map(partial(_rewritten, mark=mark)))
    for mark in shown:
        sure = _matches(column, _SURELY[mark]) & ~doubtful
        column = column.mask(sure, column[sure].map(partial(_rewritten, mark=mark)))
    return column, note


def _matches(column: pd.Series[Any], pattern: str) -> pd.Series[bool]:
    return column.str.fullmatch(pattern).astype(bool)


def _shown(column: pd.Series[Any]) -> set[str]:
    """The decimal marks that the numbers of a column show."""
    return {mark for mark, pattern in _SURELY.items() if _matches(column, pattern).any()}


def _rewritten(text: str, mark: str) -> str:
    return text.replace(_OTHER[mark], "").replace(mark, ".")


def _ambiguous(column: pd.Series[Any], doubtful: pd.Series[bool], where: Where) -> DataError:
    rows = np.flatnonzero(doubtful)
    cells = column.to_numpy()
    example = str(cells[rows[0]])
    whole, decimal = re.sub("[.,]", "", example), example.replace(",", ".")
    return DataError(
        f"The numbers in the column {column.name!r} may have thousands or decimals: {example} "
        f"could be {whole} or {decimal}.",
        value=some((f"{where(k)} ({str(cells[k])[:40]!r})" for k in rows), len(rows)),
        fix=f"Write thousands without a separator ({whole}) and decimals with a point and a digit "
        f"more ({decimal}0).",
    )


# What cells hold


def holds(column: pd.Series[Any]) -> str:
    """Say whether a column holds stamps, whole numbers, numbers, text or nothing."""
    if column.dtype.kind == "M" or str(column.dtype).startswith(("datetime", "period", "date")):
        return "stamp"
    if column.dtype.kind in "iu":
        return "whole"
    if column.dtype.kind == "f":
        return "number" if column.notna().any() else "nothing"
    cells = [str(cell) for cell in column[~missing_cells(column)].head(_SAMPLE)]
    if not cells:
        return "nothing"
    numbers = sum(map(is_number, cells))
    if numbers < len(cells) and _are_stamps(cells[:_DATES]):
        return "stamp"
    if all(re.fullmatch(r"[+-]?\d{1,18}", cell) for cell in cells):
        dates = len(cells[0]) in (6, 8) and len(set(cells)) > 1 and _are_dates(cells)
        return "stamp" if dates else "whole"
    return "number" if numbers >= 0.5 * len(cells) else "text"


def missing_cells(column: pd.Series[Any]) -> pd.Series[bool]:
    """Say which cells are empty or spell a missing value."""
    missing = column.isna()
    if column.dtype.kind in "OT" or str(column.dtype) == "str":
        missing |= column.astype(str).str.strip().str.lower().isin(MISSING)
    return missing


def is_missing(cell: str) -> bool:
    """Whether a text spells a missing value."""
    return cell.lower() in MISSING


def is_number(cell: str) -> bool:
    """Whether a text is a number, with whatever decimal mark, infinite ones included."""
    if is_missing(cell) or "_" in cell:
        return False
    try:
        float(cell)
    except ValueError:
        return _WITH_A_MARK.fullmatch(cell) is not None
    return True


def is_stamp(cell: str) -> bool:
    """Whether a text is a date rather than a number."""
    return _are_stamps([cell])


def looks_like_a_date(cell: str) -> bool:
    """Whether a reader would take a text for a date, readable here or not."""
    return re.search(_DATE_LIKE, cell) is not None and not is_number(cell)


_DATE_LIKE = (
    r"(?i)\d[-/. ]\d+[-/. ]\d|^\d{1,2}[-/.]\d{1,2}\.?$|\d:\d\d|^\D{0,3}(18|19|20)\d\d(?!\d)"
    r"|\d[-/. ]*(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-/. ',]*\d"
)


def _are_dates(cells: list[str]) -> bool:
    return not parse_stamps(np.array(cells, object)).whole


def _are_stamps(cells: list[str]) -> bool:
    """Whether most are stamps; together, because some layouts are told from the whole column."""
    dated = [cell for cell in cells if not is_number(cell) and re.search(r"\d", cell)]
    if len(dated) <= 0.5 * len(cells):
        return False
    try:
        bad = parse_stamps(np.array(dated, object)).bad
    except DataError:
        return True  # dates, if only day and month could be told apart
    return int((~bad).sum()) > 0.5 * len(cells)
