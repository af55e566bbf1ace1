"""From a file's bytes to a table of cells: text, Excel, Parquet.

Which column is which is not asked here. Files come from anywhere, so that what a file claims of
itself is not believed: sizes are checked as it is unpacked, and whatever a library makes of damaged
bytes comes out as a :class:`~gatecast.errors.DataError`.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import os
import re
import stat
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gatecast.cells import are_stamps, is_missing, is_number
from gatecast.errors import ConfigError, DataError, MissingExtraError
from gatecast.findings import STRICT, Findings, Place
from gatecast.language import Said, said, sentences

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    *("COUNTED_TIME_HEADINGS", "ID_HEADINGS", "TARGET_HEADINGS", "TIME_HEADINGS"),
    *("Content", "FileFormat", "as_text", "read_file"),
]

ID_HEADINGS = ("unique_id", "item_id", "series_id")
TIME_HEADINGS = ("ds", "timestamp", "date", "datetime", "time", "日期", "时间")
TARGET_HEADINGS = ("y", "target")
COUNTED_TIME_HEADINGS = (
    *TIME_HEADINGS,
    *("year", "month", "day", "hour", "period", "step", "t", "index", "年份", "年", "月份"),
    *("epoch", "unixtime", "unix_time", "ts"),
)

_LARGEST_TEXT = 2 << 30  # bytes, unpacked
_MOST_TEXT_CELLS = 250_000_000
_LARGEST_PARQUET = 4 << 30  # bytes, in memory
_LARGEST_WORKBOOK = 512 << 20  # bytes, unpacked
_MOST_COLUMNS = 20_000
_MOST_ROWS = 1_048_576  # of a sheet
_MOST_CELLS = 20_000_000  # of a sheet
_HEAD = 100_000  # bytes that tell how a text is written

_SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "pipe": "|"}


@dataclass(frozen=True)
class FileFormat:
    r"""How files are written, as far as their reader is to be told.

    Parameters
    ----------
    separator : str, optional
        What separates the cells of a text: one character, or ``"tab"``; a space stands for any
        number of them. Found by default.
    decimal : {",", "."}, optional
        The decimal mark of a text. Found by default.
    dayfirst : bool
        Whether 1/2/2024 is the first of February.
    sheet : str, optional
        Which sheet of an Excel file; the first that has data by default.

    Raises
    ------
    ConfigError
        When a separator or mark cannot be one.

    Examples
    --------
    >>> FileFormat(separator="tab").separator
    '\t'
    """

    separator: str | None = None
    decimal: str | None = None
    dayfirst: bool = False
    sheet: str | None = None

    def __post_init__(self) -> None:
        if self.separator is not None:
            separator = _SEPARATORS.get(self.separator, self.separator)
            if len(separator) != 1 or not separator.isascii() or separator in _NO_SEPARATORS:
                raise ConfigError(
                    "This cannot separate the cells of a file.",
                    value=f"separator={self.separator!r}",
                    fix="Use one character: ',' or ';' or '|' or ' ', or tab (--sep tab).",
                )
            object.__setattr__(self, "separator", separator)
        if self.decimal not in (None, ",", "."):
            raise ConfigError(
                "A decimal mark is a comma or a point.",
                value=f"decimal={self.decimal!r}",
                fix="Use ',' or '.' (--decimal ,).",
            )


_NO_SEPARATORS = frozenset("\"'\r\n\0+-._" + "0123456789" + "abcdefghijklmnopqrstuvwxyz") | set(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)


class Content(NamedTuple):
    """A file's rows, before it is known which column is which.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its columns hold text, or have a type. Without headings they are ``column 1``, ...
    first_row : int
        What the file's own program calls the first row.
    separator : str or None
        Of the cells; None where numbers are no text.
    notes : tuple of str
        What was concluded.
    is_text : bool
        Whether something else could separate the cells.
    """

    frame: pd.DataFrame
    first_row: int
    separator: str | None = None
    notes: tuple[str, ...] = ()
    is_text: bool = False


def read_file(path: str | PathLike[str], format: FileFormat, found: Findings = STRICT) -> Content:
    """Read whatever kind of file it is.

    Parameters
    ----------
    path : path-like
        Its content says what it is, and else its name.
    format : FileFormat
        How it is written.
    found : Findings
        Takes the rows of a text that have too many cells.

    Returns
    -------
    Content

    Raises
    ------
    DataError
        When it is no table.
    MissingExtraError
        When its kind needs a package that is not installed.
    OSError
        When it cannot be read.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path} is a folder. Give its files, for example {path}/*.csv.")
    if not stat.S_ISREG(mode):  # a pipe can be read once only, and is text
        return _read_text(path, format, found)
    with open(path, "rb") as file:
        begin = file.read(8)
    name = Path(path).name.lower()
    if begin[:4] == b"PAR1" or name.endswith((".parquet", ".pq")):
        return _read_parquet(path)
    if begin == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise DataError(
            "This is an Excel file of the old kind (.xls), or one with a password.",
            value=path,
            fix="In Excel, save it as .xlsx without a password, or as 'CSV UTF-8'.",
        )
    if begin[:4] == b"PK\3\4" or name.endswith((".xlsx", ".xlsm")):
        return _read_excel(path, format)
    if begin.startswith((b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"Rar!", b"7z\xbc\xaf")):
        raise DataError(
            "This is a compressed file, and not gzip.",
            value=path,
            fix="Unpack it, or use gzip (.gz).",
        )
    return _read_text(path, format, found)


# Text


def _read_text(path: str | PathLike[str], format: FileFormat, found: Findings) -> Content:
    """Return the cells as text."""
    import pandas as pd

    data, encoding = _as_utf8(_read_bytes(path), path)
    body, first_row = _without_blank_ends(data)
    if not body:
        raise DataError("The file is empty.", value=path)
    separator, titles = _layout(body[:_HEAD], path, format)
    notes: list[str] = []
    if encoding != "UTF-8":
        notes += [said("The file is not UTF-8; it was read as {encoding}.", encoding=encoding)]
    if titles:
        below = body[sum(map(len, _lines(body[:_HEAD])[:titles])) :]
        body, begin = _without_blank_ends(below)
        if not body:
            raise DataError("The file has a first line and nothing under it.", value=path)
        first_row += titles + begin - 1
        notes += [] if data.startswith(b"sep=") else [_left_out(titles)]
    cells = _parse(body, separator, first_row, path, found)
    if re.search(rb"[^!-~\r\n\t]" if separator == "\t" else rb"[^!-~\r\n]", body):
        cells = pd.DataFrame({name: _stripped(cells[name]) for name in cells})
    return _with_headings(cells, first_row, separator, notes)._replace(is_text=True)


def _with_headings(
    cells: pd.DataFrame, first_row: int, separator: str | None, notes: list[str]
) -> Content:
    """Take the first row for headings if it holds some."""
    import pandas as pd

    headings = [f"column {i + 1}" for i in range(cells.shape[1])]
    first, *below = ([_spelled(cell) for cell in row] for row in cells.head(2).to_numpy())
    if _is_heading(first, below[0] if below else []):
        headings = _headings(first)
        cells, first_row = cells.iloc[1:].reset_index(drop=True), first_row + 1
    if not len(cells):
        raise DataError(
            "The file has a heading and nothing under it.",
            value=", ".join(headings[:20]),
            fix=sentences(notes) or None,
        )
    cells.columns = pd.Index(headings)
    return Content(cells, first_row, separator, tuple(notes))


def _left_out(titles: int) -> Said:
    if titles == 1:
        return said("The first row is not part of the table; it was left out.")
    return said("The first {n} rows are not part of the table; they were left out.", n=titles)


def _stripped(column: pd.Series[Any]) -> pd.Series[Any]:
    """Cells without spaces around them."""
    import pandas as pd

    codes, distinct = pd.factorize(column)
    cells = np.array([cell.strip() for cell in distinct], object)
    return pd.Series(cells[codes], dtype=object)


def _read_bytes(path: str | PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        zipped = file.peek(2)[:2] == b"\x1f\x8b"
        try:
            content = _limited(gzip.GzipFile(fileobj=file) if zipped else file, path)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"This is not a whole gzip file ({error}).", value=path) from error
    if zipped and content[:4] in (b"PAR1", b"PK\3\4"):
        raise DataError("This is a file in gzip that is no text.", value=path, fix="Unpack it.")
    return content


def _limited(file: Any, path: str | PathLike[str]) -> bytes:
    """Read a text; what is too long, or no text, only until that is known."""
    content = io.BytesIO()
    while chunk := file.read(1 << 20):
        if not content.tell():
            may_have_nul = chunk[:2] in _UTF_16
        if not may_have_nul and b"\0" in chunk:
            raise _no_text(path)
        content.write(chunk)
        if content.tell() > _LARGEST_TEXT:
            raise DataError(
                f"The file has more than {_LARGEST_TEXT >> 30} GiB of text.",
                value=path,
                fix="Split it into several files, or give Parquet.",
            )
    return content.getvalue()


_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def _no_text(path: str | PathLike[str]) -> DataError:
    return DataError(
        "This is not a text file.",
        value=path,
        fix="Give a CSV file in UTF-8, an Excel or a Parquet file; Excel can save as 'CSV UTF-8'.",
    )


def _as_utf8(content: bytes, path: str | PathLike[str]) -> tuple[bytes, str]:
    """Return the text in UTF-8 without a mark of it, and the name of the encoding it was in."""
    for name in _encodings(content):
        try:
            text = content.decode(_CODECS[name])
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        if name == "UTF-8":
            return content.removeprefix(b"\xef\xbb\xbf"), name
        return text.encode(), name
    raise _no_text(path)


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
    if content[:2] in _UTF_16:
        yield "UTF-16"
        return
    yield "UTF-8"
    first = re.search(rb"[\x80-\xff]", content)
    begin = max(0, first.start() - _HEAD) if first else 0
    part = content[begin : begin + 10 * _HEAD]
    accented = len(re.findall(rb"[\x80-\xff]", part))
    latin = accented <= 0.3 * len(part) and not re.search(rb"[\1-\x08\x0e-\x1f]", content)
    words = re.sub(rb"(?<=[A-Za-z])[\x80-\xff]{1,2}(?=[A-Za-z])", b"", part)
    common = re.findall(rb"[\xa1-\xa9\xb0-\xd7][\xa1-\xfe]", words)
    chinese = 2 * len(common) >= 0.5 * accented
    if chinese or not latin:
        yield "GB18030"
    if latin:
        yield "Windows-1252"
        yield "GB18030"


def _without_blank_ends(data: bytes) -> tuple[bytes, int]:
    """Cut blank lines, with the bare separators that spreadsheets leave, and number the first."""
    blank = b" \t,;|\r\n"
    begin, end = len(data) - len(data.lstrip(blank)), len(data.rstrip(blank))
    if begin >= end:
        return b"", 1
    begin = max(data.rfind(b"\n", 0, begin), data.rfind(b"\r", 0, begin)) + 1
    rest = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)?").match(data, end)
    before = data[:begin]
    return data[begin : rest.end() if rest else end], 1 + len(_lines(before))


def _lines(text: bytes) -> list[bytes]:
    r"""Lines with their ends, which are \n, \r\n or \r and nothing else."""
    return re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text)


def _layout(head: bytes, path: str | PathLike[str], format: FileFormat) -> tuple[str, int]:
    """Return what separates the cells, and how many lines of titles stand above the table."""
    whole = _lines(head)[: 200 if len(head) < _HEAD else -1] or [head]  # the last may be cut
    texts = [line.decode("utf-8", "replace").rstrip("\r\n") for line in whole[:200]]
    lines = [re.sub(r'"[^"]*"', '""', text) for text in texts]
    separator = format.separator
    named = re.fullmatch(r"sep=(.)", texts[0])  # which Excel reads, and some programs write
    if named and named[1].isascii() and named[1] not in _NO_SEPARATORS:
        return separator or named[1], 1
    if separator is None and Path(path).name.lower().removesuffix(".gz").endswith((".tsv", ".tab")):
        separator = "\t"
    if separator is None:
        for separator in _TRIED:
            if _usual(lines, separator) and separator in lines[0]:
                break
        else:
            for separator in _TRIED:
                if _titles(lines, separator, texts):
                    break
            else:
                separator = ","
    return separator, 0 if separator == " " else _titles(lines, separator, texts)


_TRIED = ("\t", ";", ",", "|")


def _usual(lines: list[str], separator: str) -> int:
    """How often a separator stands in nearly every line; 0 if it does not."""
    counts = [line.count(separator) for line in lines if line.strip()]
    usual, times = Counter(counts).most_common(1)[0] if counts else (0, 0)
    return usual if times >= 0.8 * len(counts) else 0


def _titles(lines: list[str], separator: str, texts: list[str]) -> int:
    """How many lines stand above a table, whose first line then is its heading."""
    usual = _usual(lines[-(-len(lines) // 2) :] or lines, separator)
    begin = next((k for k, line in enumerate(lines) if line.count(separator) >= usual), 0)
    if not begin or not usual or not _usual(lines[begin:], separator):
        return 0
    try:
        rows = list(csv.reader(texts[begin : begin + 2], delimiter=separator))
    except csv.Error:  # a cell that is very long
        return 0
    heading, *below = ([cell.strip() for cell in row] for row in rows)
    if begin == 1 and lines[0].count(separator) == usual - 1 and not _are_words(heading):
        return 0  # data, under a heading that lacks what R numbers rows with, or their last, empty
    return begin if _is_heading(heading, below[0] if below else []) else 0


def _parse(
    body: bytes, separator: str, first_row: int, path: str | PathLike[str], found: Findings
) -> pd.DataFrame:
    import pandas as pd

    columns = _count_first(body, separator)
    if columns > _MOST_COLUMNS:
        raise _too_wide(columns, path)
    if sum(map(body.count, (separator.encode(), b"\n", b"\r"))) > _MOST_TEXT_CELLS:
        raise DataError(
            f"The file has more than {_MOST_TEXT_CELLS // 10**6} million cells.",
            value=path,
            fix="Split it into several files, or give Parquet.",
        )

    def read(text: bytes, **options: Any) -> pd.DataFrame:
        frame: pd.DataFrame = pd.read_csv(
            io.BytesIO(text),
            sep=r"\s+" if separator == " " else separator,
            header=None,
            dtype=object,
            na_filter=False,
            skip_blank_lines=False,
            skipinitialspace=True,
            encoding="utf-8",
            **options,
        )
        return frame

    damage = (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError)
    try:
        return read(body)
    except damage as error:
        reason = str(error).rpartition("C error: ")[2].strip()
        if "EOF inside string" in reason:
            reason = "a quotation mark is never closed"
    ragged, options = _ragged(body, separator, first_row), {}
    if _lacks_a_heading(ragged, body):
        begin = _lines(body[:_HEAD])[0].rstrip(b"\r\n")
        numbered = any(cells[-1].strip() for _, cells in ragged)
        more = (separator.encode() + begin) if numbered else (begin + separator.encode())
        body = more + body[len(begin) :]
    elif ragged:
        found.error(
            "ragged",
            said("Some rows have more cells than the first row, which has {n}.", n=columns),
            places=(
                Place(
                    None,
                    said("{row} ({cell})", row=said("row {row:d}", row=row), cell=str(len(cells))),
                )
                for row, cells in ragged
            ),
            total=len(ragged),
            fix="Put cells that hold the separator in quotation marks, or name it: --sep.",
        )
        options["on_bad_lines"] = "skip"
    try:
        return read(body, **options)
    except damage as error:
        problem = said("This is not a table ({reason}).", reason=reason)
        raise DataError(problem, value=path) from error


def _count_first(body: bytes, separator: str) -> int:
    """How many cells the first row has."""
    if separator == " ":
        return len(_lines(body[:_HEAD])[0].split())
    begin = body[: 10 * _HEAD].decode("utf-8", "replace")
    try:
        return len(next(csv.reader(io.StringIO(begin, newline=""), delimiter=separator), []))
    except csv.Error:  # a cell that is very long
        return 1


def _ragged(body: bytes, separator: str, first_row: int) -> list[tuple[int, list[str]]]:
    """Return rows that have more cells than the first."""
    if separator == " ":
        return []
    text = io.TextIOWrapper(io.BytesIO(body), "utf-8", newline="")
    rows = enumerate(csv.reader(text, delimiter=separator, skipinitialspace=True), first_row)
    ragged: list[tuple[int, list[str]]] = []
    try:
        columns = len(next(rows, (0, []))[1])
        for row, cells in rows:
            if len(cells) > columns:
                ragged.append((row, cells))
                if len(ragged) == _MOST_RAGGED:
                    break
    except csv.Error:  # a cell that is very long; what was found before it will do
        pass
    return ragged


_MOST_RAGGED = 10_000


def _lacks_a_heading(ragged: list[tuple[int, list[str]]], body: bytes) -> bool:
    """Whether all rows end with a separator, or are numbered as R does it, but the heading not."""
    lines = body.count(b"\n") + body.count(b"\r") - body.count(b"\r\n")
    if len(ragged) < max(1, min(_MOST_RAGGED, lines - 1)):
        return False
    if len({len(cells) for _, cells in ragged}) > 1:
        return False
    numbers = [str(number) for number in range(1, len(ragged) + 1)]
    return not any(cells[-1].strip() for _, cells in ragged) or numbers == [
        cells[0] for _, cells in ragged
    ]


def _too_wide(columns: int, path: str | PathLike[str]) -> DataError:
    return DataError(
        f"The table has more than {_MOST_COLUMNS:,} columns.",
        value=f"{columns:,} in {path}",
        fix="Give one row a stamp, with the columns unique_id, ds, y.",
    )


# Headings


def _is_heading(cells: list[str], below: list[str]) -> bool:
    """Whether a first row names the columns rather than being the first row of data."""
    known = {*ID_HEADINGS, *COUNTED_TIME_HEADINGS, *TARGET_HEADINGS}
    if any(cell.lower() in known for cell in cells) or (len(cells) > 1 and not cells[0]):
        return True  # an empty first cell stands over the index that pandas writes
    if all(map(is_missing, cells)):
        return False
    words = _words(cells)
    rest = cells[words:]
    if not rest:
        return True
    # Names of series may be numbers: above their values, beside the word for the dates. And steps
    # or dates may be headings, of series that are rows.
    if words and below and not is_missing(cells[0]) and are_stamps(below[:1])[0]:
        return True
    return words > 0 and len(rest) > 1 and (_are_counted(rest) or all(are_stamps(rest)))


def _are_words(cells: list[str]) -> bool:
    """Whether no cell is empty, a number or a date."""
    return not any(map(is_missing, cells)) and _words(cells) == len(cells)


def _words(cells: list[str]) -> int:
    """How many cells come before the first number or date."""
    dates = are_stamps(cells)
    numbers = (k for k, cell in enumerate(cells) if dates[k] or is_number(cell))
    return next(numbers, len(cells))


def _are_counted(cells: list[str]) -> bool:
    """Whether cells are whole numbers, each one more than that before it."""
    if not all(re.fullmatch(r"(?a)\d{1,9}", cell) for cell in cells):
        return False
    return bool((np.diff([int(cell) for cell in cells]) == 1).all())


def _headings(cells: list[str]) -> list[str]:
    """Tell empty and repeated headings apart by their number."""
    taken: set[str] = set()
    headings = []
    for number, cell in enumerate(cells, 1):
        name = cell or f"column {number}"
        while name in taken:
            name = f"{name} ({number})"
        taken.add(name)
        headings.append(name)
    return headings


# Cells that have types


def as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Spell out the cells of a column that holds text besides what has a type."""
    import pandas as pd

    return pd.Series([_spelled(cell) for cell in column], column.index, object, column.name)


def _spelled(cell: Any) -> str:
    """Write a cell as a text file would have it; 1.125 so that it is surely no thousands."""
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        text = repr(float(cell))
        return f"{text}0" if re.fullmatch(r"-?\d{1,3}\.\d{3}", text) else text
    if isinstance(cell, datetime) and cell.time() == time.min and cell.tzinfo is None:
        return cell.date().isoformat()
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    return str(cell)


# Excel


def _read_excel(path: str | PathLike[str], format: FileFormat) -> Content:
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtraError("Excel files", extra="excel") from error
    try:
        with zipfile.ZipFile(path) as archive:
            _require_workbook(archive, path)
            parts = {info.filename: _look_at(archive, info) for info in archive.infolist()}
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            # openpyxl warns of what is no cell (validation, headers, extensions), and prints about
            # styles.
            warnings.simplefilter("ignore")
            with open(path, "rb") as file:  # openpyxl would go by the name
                book = openpyxl.load_workbook(file, True, data_only=True, keep_links=False)
                name, rows, notes = _chosen_sheet(book, format.sheet, path)
    except DataError:
        raise
    except Exception as error:  # whatever a library makes of a file that may be damaged
        raise _damaged("Excel", error, path) from error
    part = parts[name]
    if part.uncomputed:
        notes.append(
            said(
                "Formulas without a value, {n:,} of them, count as missing: they are computed when "
                "Excel opens the file and saves it.",
                n=part.uncomputed,
            )
        )
    return _from_rows(rows, part.merged, notes, path)


def _damaged(kind: str, error: Exception, path: str | PathLike[str]) -> DataError:
    reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
    return DataError(f"This is not a whole {kind} file ({reason}).", value=path)


def _require_workbook(archive: zipfile.ZipFile, path: str | PathLike[str]) -> None:
    names = archive.namelist()
    if not any(name.startswith("xl/") for name in names):
        raise DataError(
            "This is a zip archive and no Excel file.",
            value=path,
            fix="Unpack it, or save the workbook as .xlsx.",
        )
    if any(name.endswith("workbook.bin") for name in names):
        raise DataError("This is a binary workbook.", value=path, fix="Save it as .xlsx.")
    size = sum(info.file_size for info in archive.infolist())
    if size > _LARGEST_WORKBOOK or len(names) > _MOST_PARTS:
        raise _too_large(path)


def _too_large(path: object) -> DataError:
    return DataError(
        "The workbook is too large to be read.",
        value=path,
        fix="Save the sheet as CSV, or give Parquet.",
    )


class _Part:
    """Looks at a part of a workbook, without keeping it, before a library that keeps it all.

    Parameters
    ----------
    name : str
        The part's name.

    Attributes
    ----------
    merged : list of str
        The ranges of cells that are one.
    uncomputed : int
        How many formulas have no value.
    """

    def __init__(self, name: str) -> None:
        from xml.parsers.expat import ParserCreate

        self.merged: list[str] = []
        self.uncomputed = 0
        self.name = name
        self.parser = ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.depth = self.all = self.kept = self.in_one = 0
        self.one = 0  # how deep the row or string is that the parser is in
        self.in_value = False

    def _doctype(self, *_: object) -> None:
        raise DataError(
            "The workbook has a document type, which Excel does not write.", value=self.name
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.all += 1
        if self.one:
            self.in_one += 1
            if name.endswith("f") and self.parser.CharacterDataHandler is None:
                self.uncomputed += 1
                self.parser.CharacterDataHandler = self._text
            elif self.parser.CharacterDataHandler is not None:
                self.in_value = name.endswith("v")
                if name.endswith("c"):
                    self.parser.CharacterDataHandler = None
        else:
            self.kept += 1
            local = name.rpartition(":")[2]
            if local in ("row", "si"):
                self.one, self.in_one = self.depth, 0
            elif local == "mergeCell" and len(self.merged) < _MOST_MERGED:
                self.merged.append(attributes.get("ref", ""))
        if (
            self.depth > 100
            or self.in_one > 20 * _MOST_COLUMNS
            or self.kept > 3 * _MOST_ROWS
            or self.all > 3 * _MOST_CELLS
        ):
            raise _too_large(self.name)

    def _text(self, text: str) -> None:
        """Text in a cell that has a formula."""
        if self.in_value:
            self.uncomputed -= 1
            self.parser.CharacterDataHandler = None

    def _end(self, name: str) -> None:
        if self.depth == self.one:
            self.one = 0
        self.depth -= 1


_MOST_MERGED = _MOST_PARTS = 10_000


def _look_at(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Part:
    """Check a part's size."""
    from xml.parsers.expat import ExpatError

    part = _Part(info.filename)
    with archive.open(info) as file:
        try:
            while chunk := file.read(1 << 20):
                part.parser.Parse(chunk)
        except ExpatError:
            pass  # a picture; or damage, which is found when it is read
    return part


def _chosen_sheet(
    book: Any, wanted: str | None, path: str | PathLike[str]
) -> tuple[str, list[tuple[Any, ...]], list[str]]:
    """Return the part's name, the rows from row 1 on, and notes."""
    sheets = sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
    titles = [sheet.title for sheet in sheets]
    if wanted is not None:
        if wanted not in titles:
            raise DataError(
                f"There is no sheet {wanted!r}.", value=f"sheets {', '.join(map(repr, titles))}"
            )
        sheets = [sheet for sheet in sheets if sheet.title == wanted]
    for sheet in sheets:
        rows = _rows(sheet, path)
        if rows:
            others = ", ".join(repr(title) for title in titles if title != sheet.title)
            note = f"The sheet {sheet.title!r} was read; the file also has {others} (--sheet)."
            return sheet._worksheet_path, rows, [note] if others and wanted is None else []
    raise DataError("The file is empty.", value=path)


def _rows(sheet: Any, path: str | PathLike[str]) -> list[tuple[Any, ...]]:
    """Return a sheet's rows up to the last that has anything in it."""
    sheet.reset_dimensions()  # which need not be true
    rows: list[tuple[Any, ...]] = []
    filled = cells = 0
    for row in sheet.iter_rows(values_only=True):
        rows.append(row)
        cells += len(row)
        if len(rows) > _MOST_ROWS or cells > _MOST_CELLS:
            raise _too_large(path)
        if any(cell is not None and cell != "" for cell in row):
            filled = len(rows)
    return rows[:filled]


def _from_rows(
    rows: list[tuple[Any, ...]], spans: list[str], notes: list[str], path: str | PathLike[str]
) -> Content:
    import pandas as pd

    width = max(map(len, rows))
    cells = np.full((len(rows), width), None, object)
    for k, row in enumerate(rows):
        cells[k, : len(row)] = row
    blank = np.array([[isinstance(x, str) and not x.strip() for x in row] for row in cells], bool)
    cells[blank] = None
    _unmerge(cells, spans)
    filled = cells != None  # noqa: E711  each cell
    counts = filled.sum(1)
    usual = int(np.median(counts[counts > 0][-200:]))
    begin = int(np.argmax(counts >= min(usual, max(2, (usual + 1) // 2))))
    heading, *below = ([_spelled(cell) for cell in row] for row in cells[begin : begin + 2])
    if not _is_heading(heading, below[0] if below else []):
        begin = int(np.argmax(counts > 0))
    titles = int((counts[:begin] > 0).sum())
    if titles:
        notes = [*notes, _left_out(titles)]
    cells = cells[begin:, filled[begin:].any(0)]
    if cells.shape[1] > _MOST_COLUMNS:
        raise _too_wide(cells.shape[1], path)
    content = _with_headings(pd.DataFrame(cells), begin + 1, "\t", notes)
    typed = {name: _typed(content.frame[name]) for name in content.frame}
    return content._replace(frame=pd.DataFrame(typed))


def _unmerge(cells: NDArray[np.object_], spans: list[str]) -> None:
    """Repeat text and dates that are written once over several rows, as ids often are."""
    for span in spans:
        place = re.fullmatch(r"(?a)\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})", span)
        if place is None or place[1] != place[3]:
            continue
        column = 0
        for letter in place[1]:
            column = 26 * column + ord(letter) - ord("A") + 1
        first, last = int(place[2]) - 1, int(place[4])
        if column <= cells.shape[1] and 0 <= first < len(cells):
            value = cells[first, column - 1]
            if isinstance(value, str | date):
                cells[first:last, column - 1] = value


def _typed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Give a column of cells the one type that all have, or spell them out."""
    import pandas as pd

    kinds = {type(cell) for cell in column if cell is not None}
    if kinds and kinds <= {int, float, bool}:
        whole = kinds == {int} and column.notna().all()
        try:
            return column.astype(np.int64 if whole else np.float64)
        except OverflowError:
            return column.astype(np.float64)
    if kinds and kinds <= {datetime, date}:
        return pd.to_datetime(column, errors="coerce")
    return as_text(column)


# Parquet


def _read_parquet(path: str | PathLike[str]) -> Content:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Parquet files", extra="parquet") from error
    try:
        schema = pq.read_schema(path)
        if len(schema.names) > _MOST_COLUMNS:
            raise _too_wide(len(schema.names), path)
        _require_distinct(schema.names)
        flat = [field.name for field in schema if not _is_nested(field.type)]
        words = [name for name in flat if _holds_words(schema.field(name).type)]
        with pq.ParquetFile(path, read_dictionary=words) as file:
            batches, size = [], 0
            if file.metadata.num_rows * len(flat) * 4 > _LARGEST_PARQUET:
                raise _too_many_cells(path)
            for batch in file.iter_batches(columns=flat):
                size += sum(
                    (x.indices if pa.types.is_dictionary(x.type) else x).nbytes
                    for x in batch.columns
                )
                if size > _LARGEST_PARQUET:
                    raise _too_many_cells(path)
                batches.append(batch)
            if not sum(map(len, batches)):
                raise DataError("The file has no rows.", value=path)
            table = pa.Table.from_batches(batches)
            columns = dict(zip(table.column_names, table.columns, strict=True))
            del batch, batches, table  # each column goes when its cells are there
        frame = _to_pandas(columns)
    except DataError:
        raise
    except Exception as error:  # whatever a library makes of a file that may be damaged
        raise _damaged("Parquet", error, path) from error
    nested = [name for name in schema.names if name not in flat]
    notes = [said("Columns that hold lists or structures were left out: {names}.", names=nested)]
    return Content(frame, 1, None, tuple(notes) if nested else ())


def _require_distinct(names: list[str]) -> None:
    from gatecast.columns import require_distinct_names

    require_distinct_names(names)


def _too_many_cells(path: str | PathLike[str]) -> DataError:
    return DataError(
        f"The file needs more than {_LARGEST_PARQUET >> 30} GiB of memory.",
        value=path,
        fix="Keep the columns that are needed, or split it.",
    )


def _is_nested(kind: Any) -> bool:
    import pyarrow as pa

    storage = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    return bool(pa.types.is_nested(storage))


def _holds_words(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _to_pandas(read: dict[str, Any]) -> pd.DataFrame:
    """Turn columns of Arrow into a frame; ``read`` is emptied."""
    import pandas as pd
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name in list(read):
        column = read.pop(name)
        unnamed = re.fullmatch(r"__index_level_\d+__", name)  # an index that pandas wrote
        if unnamed and not pa.types.is_timestamp(column.type):
            continue
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        elif pa.types.is_boolean(column.type) and column.null_count:
            column = column.cast(pa.int8())
        if pa.types.is_dictionary(column.type):  # not pandas' strings, each with its own text
            cells = pd.Series(_decoded(column), dtype=object, copy=False)
        else:
            cells = column.to_pandas(date_as_object=False, ignore_metadata=True)
        columns["index" if unnamed and "index" not in {*columns, *read} else name] = cells
    return pd.DataFrame(columns, copy=False)


def _decoded(column: Any) -> Any:
    """The cells of a column that repeats its words: one object for all that are the same."""
    column = column.unify_dictionaries()
    words = column.chunk(0).dictionary.to_pandas().to_numpy(object)
    codes = [chunk.indices.fill_null(len(words)).to_numpy() for chunk in column.chunks]
    return np.append(words, [None])[np.concatenate(codes)]
