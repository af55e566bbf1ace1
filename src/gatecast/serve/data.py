"""From the body of a request to a file of data, under a name of ours, and the settings beside it.

Whatever a client calls its file is only ever shown.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, NoReturn

from gatecast.serve.errors import Refusal, beyond
from gatecast.serve.settings import Limits

__all__ = ["TYPES", "Upload", "upload_of"]

JSON = "application/json"
FORM = "multipart/form-data"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEXTS = ("text/csv", "text/tab-separated-values")
OCTETS = "application/octet-stream"
TYPES = (JSON, *TEXTS, XLSX, OCTETS, FORM)
_WAYS = ("data", "csv", "xlsx")
_MOST_COLUMNS = 20_000
_SPARSE = 10  # times as many cells as values, at most
_FEW_CELLS = 100_000
_LONGEST_NAME = 200
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"Rar!", b"7z\xbc\xaf", b"PAR1")


@dataclass(frozen=True)
class Upload:
    """Data as they came, and what was said beside them.

    Parameters
    ----------
    content : bytes or None
        A CSV file or a workbook; None where there are no data.
    settings : dict
        By name, unchecked.
    text : bool
        Whether the settings are text, as in a form.
    title : str
        What the client calls it; to be shown and for nothing else.
    plain : bool
        Whether the content was written here, of rows in JSON.
    """

    content: bytes | None
    settings: dict[str, Any]
    text: bool = False
    title: str = ""
    plain: bool = False

    @property
    def suffix(self) -> str:
        """Of the file's name."""
        return ".xlsx" if (self.content or b"").startswith(b"PK\3\4") else ".csv"


def upload_of(
    body: bytes, content_type: str, query: list[tuple[str, str]], limits: Limits
) -> Upload:
    """Take a body apart.

    Parameters
    ----------
    body : bytes
        All of it.
    content_type : str
        As the client says it.
    query : list of (str, str)
        Settings from the address.
    limits : Limits

    Raises
    ------
    Refusal
        When it is not what its type says, or too large.
    """
    kind = content_type.partition(";")[0].strip().lower()
    settings = _once(query)
    if kind == JSON:
        upload = _of_json(body, limits)
        if both := settings.keys() & upload.settings.keys():
            raise Refusal(
                400, "A setting is in the address and in the body.", value=", ".join(sorted(both))
            )
        if settings:
            raise Refusal(
                400,
                "With JSON, settings are in the body and not in the address.",
                value=", ".join(settings)[:200],
                fix='Send {"csv": "…", "h": 12}.',
            )
    elif kind == FORM:
        upload = _of_form(body, content_type, settings)
    elif not body and not kind:
        upload = Upload(None, settings, text=True)
    elif kind in (*TEXTS, XLSX, OCTETS):
        upload = Upload(body, settings, text=True)
    else:
        raise Refusal(
            415,
            "This type of content is not understood.",
            value=content_type[:200] or "no Content-Type",
            fix=f"Use {', '.join(TYPES)}.",
        )
    _look(upload, kind)
    return upload


def _look(upload: Upload, kind: str) -> None:
    """Refuse what is no table, before anything reads it."""
    content = upload.content
    if content is None:
        return
    if not content.strip():
        raise Refusal(422, "The file is empty.", fix="Send a CSV or Excel file with rows.")
    if content.startswith(_PACKED):
        raise Refusal(
            415,
            "This file is compressed, or of another kind than CSV and Excel.",
            fix="Send it as CSV, unpacked, or as .xlsx.",
        )
    if (kind == XLSX) != (upload.suffix == ".xlsx") and kind in (*TEXTS, XLSX):
        raise Refusal(
            415,
            "The file is not of the type that Content-Type says.",
            value=kind,
            fix=f"A workbook begins as a zip file does; {OCTETS} lets the server look.",
        )


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for name, value in pairs:
        if name in settings:
            raise Refusal(400, "A setting is there twice.", value=name[:200])
        settings[name] = value
    return settings


# JSON


def _of_json(body: bytes, limits: Limits) -> Upload:
    said = read_json(body)
    ways = [way for way in _WAYS if said.get(way) is not None]
    settings = {name: value for name, value in said.items() if name not in _WAYS}
    if len(ways) > 1:
        raise Refusal(
            422, "The data are there in several ways.", value=", ".join(ways), fix="Send one."
        )
    if not ways:
        return Upload(None, settings)
    (way,) = ways
    given = said[way]
    if way == "data":
        return Upload(_csv_of(given, limits), settings, plain=True)
    if not isinstance(given, str):
        raise Refusal(422, f"{way} must be text.", value=type(given).__name__)
    if way == "csv":
        return Upload(_encoded(given), settings)
    try:
        content = base64.b64decode("".join(given.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(
            400, "xlsx is not base64.", value=given[:40], fix="Encode the bytes of the file."
        ) from None
    if not content.startswith(b"PK\3\4"):
        raise Refusal(422, "xlsx is no Excel file.", fix="Send .xlsx; a CSV file goes into csv.")
    return Upload(content, settings)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Refusal(400, "The text has half a character (a lone surrogate).") from error


def read_json(body: bytes) -> dict[str, Any]:
    """Return an object of JSON that says everything once, and no number that is none."""
    try:
        said = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Refusal(400, "The body is not UTF-8.", value=f"byte {error.start}") from error
    except RecursionError as error:
        raise Refusal(400, "The JSON is nested too deeply.") from error
    except ValueError as error:
        raise Refusal(400, "The body is not JSON.", value=str(error)[:200]) from error
    if not isinstance(said, dict):
        raise Refusal(400, "The body must be an object.", value=type(said).__name__)
    return said


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise Refusal(400, "A name is there twice in one object.", value=twice[:200])
    return made


def _no_number(name: str) -> NoReturn:
    raise Refusal(400, f"{name} is not JSON.", fix="Write null where a value is missing.")


def _csv_of(rows: Any, limits: Limits) -> bytes:
    """Write rows as the CSV file that they would be."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refusal(
            422,
            "data must be a list of objects.",
            value=type(rows).__name__,
            fix='Send [{"ds": "2024-01-01", "y": 1.5}, …].',
        )
    if not rows:
        raise Refusal(422, "There are no rows.", fix='Send [{"ds": "2024-01-01", "y": 1.5}, …].')
    if len(rows) > limits.max_rows:
        raise beyond("max_rows", limits.max_rows, "rows", f"{len(rows):,}")
    headings = list(dict.fromkeys(name for row in rows for name in row))
    if not headings or len(headings) > _MOST_COLUMNS:
        raise Refusal(
            422, f"Rows must have from 1 to {_MOST_COLUMNS:,} names.", value=f"{len(headings):,}"
        )
    # A table of rows that share no name is larger than what was sent by as much as it has rows.
    if len(rows) * len(headings) > max(_FEW_CELLS, _SPARSE * sum(map(len, rows))):
        raise Refusal(
            422,
            "The rows have too few names in common to be a table.",
            value=f"{len(rows):,} rows with {len(headings):,} different names",
            fix='Give all rows the same names: [{"ds": "2024-01-01", "y": 1.5}, …].',
        )
    for number, row in enumerate(rows, 1):
        for name, value in row.items():
            if not isinstance(value, str | int | float | None):
                raise Refusal(
                    422,
                    "A value must be text, a number, true, false or null.",
                    value=f"{name[:100]!r} of row {number}: {type(value).__name__}",
                    rows=[number],
                )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(headings)
    try:
        writer.writerows([_cell(row.get(name)) for name in headings] for row in rows)
    except ValueError as error:  # a whole number of thousands of digits
        raise Refusal(422, "A number is too long.", value=str(error)[:100]) from error
    return _encoded(text.getvalue())


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


# Forms


def _of_form(body: bytes, content_type: str, settings: dict[str, str]) -> Upload:
    """Take a form apart in memory: a file, and settings as fields."""
    from python_multipart import create_form_parser
    from python_multipart.exceptions import FormParserError

    fields: list[tuple[str, str]] = list(settings.items())
    files: list[tuple[str, bytes]] = []

    def on_field(field: Any) -> None:
        fields.append((_words(field.field_name), _words(field.value)))

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        files.append((_words(file.file_name), file.file_object.read()))

    try:
        parser = create_form_parser(
            {"Content-Type": content_type.encode("latin-1")},
            on_field,
            on_file,
            config={"MAX_MEMORY_FILE_SIZE": 1 << 62, "MAX_BODY_SIZE": 1 << 62},
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Refusal(400, "The form is damaged.", value=str(error)[:200]) from error
    if len(files) != 1:
        raise Refusal(
            422,
            "A form must have one file.",
            value=f"{len(files)} files",
            fix="Name the field 'file', and give settings as other fields.",
        )
    ((name, content),) = files
    return Upload(content, _once(fields), text=True, title=_shown(name))


def _words(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", errors="replace")


def _shown(name: str) -> str:
    """Return a file's own name, without folders and without what cannot be seen."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:_LONGEST_NAME]
