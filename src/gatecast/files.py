"""Tables in files: which columns hold the stamps, the values and the ids.

A file says less than a frame: no types, often no agreed headings, sometimes none at all. What it
leaves open is told from its content, or is an error that says which option answers it.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gatecast.cells import (
    holds,
    is_missing,
    is_number,
    is_stamp,
    looks_like_a_date,
    missing_cells,
    read_decimals,
    some,
)
from gatecast.errors import ConfigError, DataError, MissingExtraError
from gatecast.frames import from_frame, require_distinct_names
from gatecast.panel import Columns, Panel

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


class _Content(NamedTuple):
    """A file's rows, before it is known which column is which."""

    frame: pd.DataFrame
    first_row: int
    separator: str | None = None  # of text
    notes: tuple[str, ...] = ()


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
    try:
        panel = from_frame(table.frame, table.columns, freq, first_row=table.first_row)
    except (DataError, ConfigError) as error:
        raise _explained(error, table) from error
    return replace(panel, columns=Columns(), notes=table.notes + panel.notes)


def _explained(error: DataError | ConfigError, table: Table) -> DataError | ConfigError:
    """Add what was concluded from the file, as the error may come from there."""
    sentences = [*([error.fix] if error.fix else []), *table.notes]
    columns = table.columns
    if set(table.frame.columns) - set(vars(columns).values()):  # there was a choice
        sentences.append(
            f"Stamps were read from {columns.time_col!r}, values from {columns.target_col!r}."
        )
    return type(error)(error.problem, value=error.value, fix=" ".join(sentences) or None)


def read_table(
    path: str | PathLike[str],
    *,
    id_col: str | None = None,
    time_col: str | None = None,
    target_col: str | None = None,
) -> Table:
    """Read a CSV, TSV or Parquet file and find its columns.

    Commas, semicolons (then perhaps with decimal commas) and tabs separate; the text is UTF-8,
    UTF-16, GB18030 or Windows-1252; ``.gz`` is unpacked. Columns are known by the headings
    ``unique_id, ds, y`` or ``item_id, timestamp, target``, else by what they hold: dates are
    stamps, the one column of numbers is the target, text beside them is the id if stamps repeat.
    Whole numbers (years, 1, 2, 3) are stamps in the first column if they rise by equal steps
    beside one other column of numbers. Years with none missing are dates. Values alone are counted
    from 1. Decimal commas and thousands are read where they can be told apart.

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
    parquet = Path(path).name.lower().endswith((".parquet", ".pq"))
    content = _read_parquet(path) if parquet else _read_text(path)
    named = {"id_col": id_col, "time_col": time_col, "target_col": target_col}
    table = _find_columns(content, {k: v for k, v in named.items() if v is not None})
    return table if content.separator is None else _with_decimal_points(table, content.separator)


def _with_decimal_points(table: Table, separator: str) -> Table:
    columns, frame = table.columns, table.frame
    keys = vars(columns).values()
    target, note = read_decimals(
        frame[columns.target_col],
        lambda: [frame[x] for x in frame if x not in keys and holds(frame[x]) == "number"],
        separator,
        lambda row: f"row {row + table.first_row}",
    )
    notes = (*table.notes, note) if note else table.notes
    return replace(table, frame=frame.assign(**{columns.target_col: target}), notes=notes)


def _read_parquet(path: str | PathLike[str]) -> _Content:
    with open(path, "rb"):  # a clear OSError before anything else
        pass
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Parquet files", extra="parquet") from error
    try:
        require_distinct_names(pq.read_schema(path).names)
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    except pa.ArrowException as error:
        raise DataError(f"This is not a whole Parquet file ({error}).", value=path) from error
    if frame.index.name is not None or frame.index.dtype.kind == "M":
        frame = frame.reset_index()
    if not len(frame):
        raise DataError("The file has no rows.", value=path)
    return _Content(frame.rename(columns=str), 1)


def _read_text(path: str | PathLike[str]) -> _Content:
    """Return the cells as text."""
    import pandas as pd

    text, encoding = _decode(_read_bytes(path), path)
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
    note = f"The file is not UTF-8; it was read as {encoding}."
    return _Content(cells, first_row, separator, () if encoding == "UTF-8" else (note,))


def _read_bytes(path: str | PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        content = file.read()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"This is not a whole gzip file ({error}).", value=path) from error


def _decode(content: bytes, path: str | PathLike[str]) -> tuple[str, str]:
    """Return the text and the name of its encoding."""
    for name in _encodings(content):
        try:
            return content.decode(_CODECS[name]), name
        except UnicodeDecodeError:
            continue
    raise DataError(
        "This is not a text file.",
        value=path,
        fix="Give a CSV file in UTF-8 or a Parquet file; Excel can save as 'CSV UTF-8'.",
    )


_CODECS = {
    "UTF-8": "utf-8-sig",
    "UTF-16": "utf-16",
    "GB18030": "gb18030",
    "Windows-1252": "cp1252",
}


def _encodings(content: bytes) -> Iterator[str]:
    """Which encodings a text may have, the likelier first.

    Almost any accented letter and what follows it is a character of GB18030 too, but a rare one:
    of a Chinese text most are among the 3,755 of the first level of GB 2312, or its punctuation.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield "UTF-16"
        return
    if b"\0" in content:
        return
    yield "UTF-8"
    accented = len(re.findall(rb"[\x80-\xff]", content))
    latin = accented <= 0.3 * len(content) and not re.search(rb"[\1-\x08\x0e-\x1f]", content)
    words = re.sub(rb"(?<=[A-Za-z])[\x80-\xff]{1,2}(?=[A-Za-z])", b"", content)
    common = re.findall(rb"[\xa1-\xa9\xb0-\xd7][\xa1-\xfe]", words)
    chinese = 2 * len(common) >= 0.5 * accented
    if chinese or not latin:
        yield "GB18030"
    if latin:
        yield "Windows-1252"
        yield "GB18030"


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
    if all(map(is_missing, cells)):
        return False
    return not any(is_number(cell) or is_stamp(cell) for cell in cells)


def _headings(cells: list[str]) -> list[str]:
    """Tell empty and repeated headings apart by their number."""
    named = [cell or f"column {i + 1}" for i, cell in enumerate(cells)]
    return [x if x not in named[:i] else f"{x} ({i + 1})" for i, x in enumerate(named)]


def _find_columns(content: _Content, named: dict[str, str]) -> Table:
    import pandas as pd

    frame, first_row = content.frame, content.first_row
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
    notes = list(content.notes)
    kinds = {heading: holds(frame[heading]) for heading in headings}
    left = [heading for heading in headings if heading not in found.values()]
    if "time_col" not in found:
        time = _find_time(frame, left, kinds, "target_col" in found)
        if time is not None:
            found["time_col"] = time
            left.remove(time)
        else:
            _require_no_dates(frame, left, kinds, first_row)
    repeated = _repeated(frame, found.get("time_col"))
    if "target_col" not in found:
        found["target_col"] = _find_target(
            frame, left, kinds, repeated="id_col" not in found and repeated
        )
        left.remove(found["target_col"])
    words = [heading for heading in left if kinds[heading] == "text"]
    if "id_col" not in found and words:
        chosen = _find_id(frame, words, found.get("time_col"), repeated=repeated)
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
        words = [heading for heading in unused if kinds[heading] == "text"]
        if words and not has_id:
            notes.append(
                f"The file was taken for one series; if a column tells series apart, name it: "
                f"{_options('--id', words)}."
            )
    return Table(frame, Columns(**found), has_id, has_time, first_row, tuple(notes))


def _find_time(
    frame: pd.DataFrame, left: list[str], kinds: dict[str, str], target_known: bool
) -> str | None:
    import pandas as pd

    dated = [heading for heading in left if kinds[heading] == "stamp"]
    if dated:
        return dated[0]
    counted = [heading for heading in left if kinds[heading] == "whole"]
    for heading in counted:
        if heading.lower() in _COUNTED_TIME_HEADINGS:
            return heading
    others = sum(kinds[heading] in ("whole", "number") for heading in left) - 1 + target_known
    if counted and left[0] == counted[0] and others == 1:
        column = frame[left[0]]
        steps = np.diff(pd.to_numeric(column, errors="coerce").dropna())
        if len(steps) and steps[0] > 0 and (steps == steps[0]).all():
            return left[0]
    return None


def _require_no_dates(
    frame: pd.DataFrame, left: list[str], kinds: dict[str, str], first_row: int
) -> None:
    """In a file without stamps, raise if a column of text holds what might be dates."""
    for heading in left:
        if kinds[heading] != "text":
            continue
        cells = [str(cell) for cell in frame[heading]]
        dated = [k for k, cell in enumerate(cells) if looks_like_a_date(cell)]
        if len(dated) > 0.5 * len(cells):
            rows = (f"row {k + first_row} ({cells[k][:40]!r})" for k in dated)
            raise DataError(
                f"The column {heading!r} looks like dates that cannot be read.",
                value=some(rows, len(dated)),
                fix="Write them as 2024-01-31 or 2024-01; if they are the names of series, say so: "
                f"{_options('--id', [heading])}.",
            )


def _repeated(frame: pd.DataFrame, time: str | None) -> bool:
    """Whether more than one series is needed for the stamps; without any, that is not known."""
    return time is None or bool(frame[time].duplicated().any())


def _find_target(
    frame: pd.DataFrame, left: list[str], kinds: dict[str, str], *, repeated: bool
) -> str:
    candidates = [heading for heading in left if kinds[heading] in ("whole", "number")]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        # Few different whole numbers may well number the series.
        ids = [
            x for x in candidates if kinds[x] == "whole" and 2 * frame[x].nunique() <= len(frame)
        ]
        candidates.sort(key=ids.__contains__)
        fix = f"Name it: {_options('--target', candidates)}."
        if repeated and ids:
            fix += f" If a column numbers the series, name it too: {_options('--id', ids)}."
        raise DataError(
            "Which column is the target?",
            value=f"candidates {some(candidates, len(candidates))}",
            fix=fix,
        )
    empty = [heading for heading in left if kinds[heading] == "nothing"]
    if empty:
        raise DataError("All values are missing.", value=f"column {empty[0]}")
    raise DataError("There is no column of numbers.", value=f"columns {', '.join(kinds)}")


def _find_id(
    frame: pd.DataFrame, words: list[str], time: str | None, *, repeated: bool
) -> str | None:
    """Find the column of text that tells the series apart.

    Where no stamp repeats there is one series, and text beside it is a remark, or its name if the
    same in all rows.
    """
    ids = [x for x in words if missing_cells(frame[x]).mean() < 0.5]  # remarks are few
    if not repeated:
        ids = [x for x in ids if frame[x].nunique() == 1]
        return ids[0] if len(words) == len(ids) == 1 else None
    if time is None:  # where all differ, each would be a series of one value
        ids = [x for x in ids if frame[x].duplicated().any()]
        return ids[0] if len(words) == len(ids) == 1 else None
    if len(ids) > 1:
        raise DataError(
            "Which column tells the series apart?",
            value=f"candidates {some(ids, len(ids))}",
            fix=f"Name it: {_options('--id', ids)}.",
        )
    if not ids:
        return None
    before, after = (frame.duplicated(keys).sum() for keys in ([time], [time, ids[0]]))
    return ids[0] if 2 * after < before else None


def _options(option: str, headings: list[str]) -> str:
    """Name up to five ways to give an option."""
    named = [f"{option} {_quoted(heading)}" for heading in headings[:5]]
    return " or ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def _quoted(heading: str) -> str:
    return f"'{heading}'" if " " in heading else heading
