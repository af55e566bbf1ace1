"""Tables in files: which columns hold the stamps, the values and the ids.

A file says less than a frame: no types, often no agreed headings, sometimes none at all. What it
leaves open is told from its content, or is an error that says which option answers it.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.errors import DataError, MissingExtraError
from gatecast.frames import MISSING, from_frame
from gatecast.panel import Columns, Panel
from gatecast.stamps import parse_stamps

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "read_panel", "read_table"]

_ID_HEADINGS = ("unique_id", "item_id", "series_id")
_TIME_HEADINGS = ("ds", "timestamp", "date", "datetime", "time", "日期", "时间")
_TARGET_HEADINGS = ("y", "target")
_COUNTED_TIME_HEADINGS = (
    *_TIME_HEADINGS,
    *("year", "month", "day", "hour", "period", "step", "t", "index", "年份", "年", "月份"),
)
_SAMPLE = 1000  # cells that tell what a column holds


@dataclass(frozen=True, eq=False)
class Table:
    """A file's content, and what its columns are.

    Parameters
    ----------
    frame : pandas.DataFrame
        Text from CSV, typed columns from Parquet. Without stamps in the file it has a column ``ds``
        that counts from 1.
    columns : Columns
        The file's own headings; ``column 1``, ``column 2``, ... if it has none.
    has_id, has_time : bool
        Whether the file has a column of ids, of stamps.
    first_row : int
        The line of the first row: 2 under a heading.
    notes : tuple of str
        What was concluded that the file does not say.
    """

    frame: pd.DataFrame
    columns: Columns
    has_id: bool
    has_time: bool
    first_row: int
    notes: tuple[str, ...] = ()


def read_panel(
    path: str | PathLike[str],
    *,
    id_col: str | None = None,
    time_col: str | None = None,
    target_col: str | None = None,
    freq: str | int | None = None,
) -> Panel:
    r"""Read a file of one series or many.

    Parameters
    ----------
    path, id_col, time_col, target_col
        As in :func:`read_table`.
    freq : str or int, optional
        Frequency; found from the stamps by default.

    Returns
    -------
    Panel
        Its forecasts have the columns ``unique_id, ds``, whatever the file's headings.

    Raises
    ------
    DataError
        When the file cannot be used; it names the lines.
    ConfigError
        When ``freq`` is unknown or does not suit the stamps.
    OSError
        When the file cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "sales.csv")
    ...     _ = path.write_text("month,sales\n2024-01,5\n2024-02,7\n")
    ...     panel = read_panel(path)
    >>> str(panel.frequency), panel.values
    ('MS', array([5., 7.]))
    """
    table = read_table(path, id_col=id_col, time_col=time_col, target_col=target_col)
    panel = from_frame(table.frame, table.columns, freq, first_row=table.first_row)
    return replace(panel, columns=Columns(), notes=table.notes + panel.notes)


def read_table(
    path: str | PathLike[str],
    *,
    id_col: str | None = None,
    time_col: str | None = None,
    target_col: str | None = None,
) -> Table:
    """Read a CSV, TSV or Parquet file and find its columns.

    Commas, semicolons (then perhaps with decimal commas) and tabs separate; the text is UTF-8,
    UTF-16 or GB18030; ``.gz`` is unpacked. Columns are known by the headings ``unique_id, ds, y``
    or ``item_id, timestamp, target``, else by what they hold: dates are stamps, the one column of
    numbers is the target, text beside them is the id. Whole numbers (years, 1, 2, 3) are stamps in
    the first column if they rise by equal steps beside one other column of numbers. Years with
    none missing are dates. Values alone are counted from 1.

    Parameters
    ----------
    path : path-like
        The file.
    id_col, time_col, target_col : str, optional
        Headings of its columns.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        When it is empty, not a table, or does not tell which column is which.
    MissingExtraError
        For Parquet without pyarrow.
    OSError
        When it cannot be read.
    """
    name = Path(path).name.lower()
    if name.endswith((".parquet", ".pq")):
        frame, first_row = _read_parquet(path), 1
    else:
        frame, first_row = _read_text(path)
    named = {"id_col": id_col, "time_col": time_col, "target_col": target_col}
    return _find_columns(frame, {k: v for k, v in named.items() if v is not None}, first_row)


def _read_parquet(path: str | PathLike[str]) -> pd.DataFrame:
    with open(path, "rb"):  # a clear OSError before anything else
        pass
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Parquet files", extra="parquet") from error
    try:
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    except pa.ArrowException as error:
        raise DataError(f"This is not a whole Parquet file ({error}).", value=path) from error
    if frame.index.name is not None or frame.index.dtype.kind == "M":
        frame = frame.reset_index()
    if not len(frame):
        raise DataError("The file has no rows.", value=path)
    return frame.rename(columns=str)


def _read_text(path: str | PathLike[str]) -> tuple[pd.DataFrame, int]:
    """Return the cells as text, and the line of the first row."""
    import pandas as pd

    text = _decode(_read_bytes(path), path)
    if not text.strip():
        raise DataError("The file is empty.", value=path)
    # Blank lines at both ends go, with the bare separators that spreadsheets leave.
    body = re.sub(r"\A(?:[ \t,;]*\r?\n)+", "", re.sub(r"(?:\r?\n[ \t,;]*)+\Z", "", text))
    first_row = 1 + text[: text.index(body)].count("\n")
    lines = [line for line in body[:100_000].splitlines()[:200] if line.strip()]
    separator = "\t" if Path(path).stem.endswith(".tsv") or Path(path).suffix == ".tsv" else None
    separator = separator or _separator(lines)
    try:
        cells = pd.read_csv(
            io.StringIO(body + "\n"),
            sep=separator,
            header=None,
            dtype=object,
            keep_default_na=False,
            skip_blank_lines=False,
            skipinitialspace=True,
        ).fillna("")
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).rpartition("C error: ")[2].strip()
        raise DataError(f"This is not a table ({reason}).", value=path) from error
    cells = cells.apply(lambda column: column.str.strip())
    headings = [f"column {i + 1}" for i in range(cells.shape[1])]
    if _is_heading(cells.iloc[0].tolist()):
        headings = _headings(cells.iloc[0].tolist())
        cells, first_row = cells.iloc[1:].reset_index(drop=True), first_row + 1
    if not len(cells):
        raise DataError("The file has a heading and nothing under it.", value=", ".join(headings))
    cells.columns = pd.Index(headings)
    if separator != ",":
        cells = cells.apply(_decimal_points)
    return cells, first_row


def _read_bytes(path: str | PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        content = file.read()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"This is not a whole gzip file ({error}).", value=path) from error


def _decode(content: bytes, path: str | PathLike[str]) -> str:
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "gb18030"):
        if b"\0" in content and not utf16:
            break
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(
        "This is not a text file.",
        value=path,
        fix="Give a CSV file in UTF-8 or a Parquet file; Excel can save as 'CSV UTF-8'.",
    )


def _separator(lines: list[str]) -> str:
    """Find which of tab, semicolon and comma stands in every line equally often."""
    unquoted = [re.sub(r'"[^"]*"', "", line) for line in lines]
    for separator in ("\t", ";", ","):
        counts = [line.count(separator) for line in unquoted]
        if counts[0] and counts.count(counts[0]) >= 0.8 * len(counts):
            return separator
    return ","


def _is_heading(cells: list[str]) -> bool:
    """Whether a first line names the columns rather than being the first row of data."""
    known = {*_ID_HEADINGS, *_COUNTED_TIME_HEADINGS, *_TARGET_HEADINGS}
    if any(cell.lower() in known for cell in cells) or (len(cells) > 1 and not cells[0]):
        return True  # an empty first cell stands over the index that pandas writes
    if all(map(_is_missing, cells)):
        return False
    return not any(_is_number(cell) or _is_stamp(cell) for cell in cells)


def _headings(cells: list[str]) -> list[str]:
    """Tell empty and repeated headings apart by their number."""
    named = [cell or f"column {i + 1}" for i, cell in enumerate(cells)]
    return [x if x not in named[:i] else f"{x} ({i + 1})" for i, x in enumerate(named)]


def _decimal_points(column: pd.Series[Any]) -> pd.Series[Any]:
    """1.234,5 is 1234.5 in a column where commas only ever are decimal commas."""
    given = column[~column.str.lower().isin(MISSING)]
    german = given.str.fullmatch(r"[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?([eE][-+]?\d+)?")
    if not given.str.contains(",", regex=False).any() or german.mean() < 0.5:
        return column
    rewritten = given.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return column.mask(german.reindex(column.index, fill_value=False), rewritten)


def _find_columns(frame: pd.DataFrame, named: dict[str, str], first_row: int) -> Table:
    import pandas as pd

    headings: list[str] = list(frame.columns)
    unknown = [name for name in named.values() if name not in headings]
    if unknown:
        raise DataError(
            f"There is no column {unknown[0]!r}.", value=f"columns {', '.join(headings)}"
        )
    lower = {heading.lower(): heading for heading in reversed(headings)}
    found = dict(named)
    for role, known in (
        ("id_col", _ID_HEADINGS),
        ("time_col", _TIME_HEADINGS),
        ("target_col", _TARGET_HEADINGS),
    ):
        free = [lower[x] for x in known if x in lower and lower[x] not in found.values()]
        if free:
            found.setdefault(role, free[0])
    notes: list[str] = []
    holds = {heading: _holds(frame[heading]) for heading in headings}
    left = [heading for heading in headings if heading not in found.values()]
    if "time_col" not in found:
        time = _find_time(frame, left, holds, "target_col" in found)
        if time is not None:
            found["time_col"] = time
            left.remove(time)
    if "target_col" not in found:
        found["target_col"] = _find_target(left, holds)
        left.remove(found["target_col"])
    words = [heading for heading in left if holds[heading] == "text"]
    if "id_col" not in found and words:
        chosen = _find_id(frame, words, found.get("time_col"))
        if chosen is not None:
            found["id_col"] = chosen
            notes.append(f"The column {chosen!r} tells the series apart (--id for another).")
    has_id, has_time = "id_col" in found, "time_col" in found
    if not has_time:
        keys = frame[found["id_col"]] if has_id else pd.Series(0, frame.index)
        found["time_col"] = "ds" if "ds" not in headings else "ds (counted)"
        frame = frame.assign(**{found["time_col"]: keys.groupby(keys).cumcount() + 1})
        notes.append("The file has no stamps; its rows are counted from 1.")
    found.setdefault("id_col", Columns().id_col)
    unused = [heading for heading in headings if heading not in found.values()]
    if unused:
        notes.append(f"Columns that are not used: {', '.join(unused)}.")
    return Table(frame, Columns(**found), has_id, has_time, first_row, tuple(notes))


def _find_time(
    frame: pd.DataFrame, left: list[str], holds: dict[str, str], target_known: bool
) -> str | None:
    import pandas as pd

    dated = [heading for heading in left if holds[heading] == "stamp"]
    if dated:
        return dated[0]
    counted = [heading for heading in left if holds[heading] == "whole"]
    for heading in counted:
        if heading.lower() in _COUNTED_TIME_HEADINGS:
            return heading
    others = sum(holds[heading] in ("whole", "number") for heading in left) - 1 + target_known
    if counted and left[0] == counted[0] and others == 1:
        column = frame[left[0]]
        steps = np.diff(pd.to_numeric(column, errors="coerce").dropna())
        if len(steps) and steps[0] > 0 and (steps == steps[0]).all():
            return left[0]
    return None


def _find_target(left: list[str], holds: dict[str, str]) -> str:
    candidates = [heading for heading in left if holds[heading] in ("whole", "number")]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise DataError(
            "Which column is the target?",
            value=f"candidates {', '.join(candidates)}",
            fix=f"Name it: --target {_quoted(candidates[0])}.",
        )
    empty = [heading for heading in left if holds[heading] == "nothing"]
    if empty:
        raise DataError("All values are missing.", value=f"column {empty[0]}")
    raise DataError("There is no column of numbers.", value=f"columns {', '.join(holds)}")


def _find_id(frame: pd.DataFrame, words: list[str], time: str | None) -> str | None:
    if len(words) == 1:
        return words[0]
    if time is None or not frame[time].duplicated().any():
        return None  # one series, with remarks beside it
    raise DataError(
        "Which column tells the series apart?",
        value=f"candidates {', '.join(words)}",
        fix=f"Name it: --id {_quoted(words[0])}.",
    )


def _holds(column: pd.Series[Any]) -> str:
    """Say whether a column holds stamps, whole numbers, numbers, text or nothing."""
    if column.dtype.kind == "M" or str(column.dtype).startswith(("datetime", "period", "date")):
        return "stamp"
    if column.dtype.kind in "iu":
        return "whole"
    if column.dtype.kind == "f":
        return "number" if column.notna().any() else "nothing"
    cells = [str(cell) for cell in column[~_missing(column)].head(_SAMPLE)]
    if not cells:
        return "nothing"
    numbers = sum(map(_is_number, cells))
    if numbers < len(cells) and sum(map(_is_stamp, cells[:50])) > 0.5 * len(cells[:50]):
        return "stamp"
    if all(re.fullmatch(r"[+-]?\d{1,18}", cell) for cell in cells):
        dates = len(cells[0]) in (6, 8) and len(set(cells)) > 1 and _are_dates(cells)
        return "stamp" if dates else "whole"
    return "number" if numbers >= 0.5 * len(cells) else "text"


def _missing(column: pd.Series[Any]) -> pd.Series[bool]:
    missing = column.isna()
    if column.dtype.kind in "OT" or str(column.dtype) == "str":
        missing |= column.astype(str).str.strip().str.lower().isin(MISSING)
    return missing


def _is_missing(cell: str) -> bool:
    return cell.lower() in MISSING


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return not _is_missing(cell)


def _are_dates(cells: list[str]) -> bool:
    return not parse_stamps(np.array(cells, object)).whole


def _is_stamp(cell: str) -> bool:
    if _is_number(cell) or not any(c.isdigit() for c in cell):
        return False
    try:
        return not parse_stamps(np.array([cell], object)).bad[0]
    except DataError:
        return True  # a date, if only day and month could be told apart


def _quoted(heading: str) -> str:
    return f"'{heading}'" if " " in heading else heading
