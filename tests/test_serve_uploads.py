"""What strangers send: every upload gets a clear answer, and the server lives on as it was."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import socket
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from .served import Answer, Served, monthly_csv, served, wait_for

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("openpyxl")

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
JSON = "application/json"
GOOD = monthly_csv()
CHECK, FORECAST = "/v1/check", "/v1/forecast"
MEGABYTES, ROWS, SERIES, HORIZON = 2, 20_000, 300, 100


@dataclass
class Upload:
    """What is sent, and the answers that are right."""

    body: Any
    right: tuple[int, ...]
    kind: str | None = ""
    path: str = CHECK
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind == "":
            self.kind = "text/csv" if isinstance(self.body, str | bytes) else JSON


def rows(**change: Any) -> list[dict[str, Any]]:
    """Rows of JSON, one of them changed."""
    made: list[dict[str, Any]] = [{"ds": f"2024-01-{d:02d}", "y": d * 1.5} for d in range(1, 31)]
    made[10] |= change
    return made


def form(name: str, content: bytes = GOOD.encode(), **fields: str) -> Upload:
    """A form with a file of this name."""
    parts = [
        f'--XX\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--XX\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    parts.append(head.encode() + b"Content-Type: text/csv\r\n\r\n" + content + b"\r\n")
    return Upload(b"".join(parts) + b"--XX--\r\n", (200,), "multipart/form-data; boundary=XX")


def workbook(cells: list[list[Any]], then: Callable[[Any], None] | None = None) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in cells:
        book.active.append(row)
    if then is not None:
        then(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def sheet(n: int = 40) -> list[list[Any]]:
    return [["ds", "y"], *([f"{2015 + i // 12}-{i % 12 + 1:02d}-01", i + 0.5] for i in range(n))]


def with_parts(content: bytes, **parts: bytes) -> bytes:
    """A workbook with more in its archive."""
    out = io.BytesIO(content)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), part)
    return out.getvalue()


def bomb() -> bytes:
    """A workbook whose sheet is a gigabyte of nothing."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(sheet()))) as good,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
    ):
        for name in good.namelist():
            if not name.endswith("sheet1.xml"):
                archive.writestr(name, good.read(name))
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as file:
            for _ in range(600):
                file.write(b" " * 1_000_000)
    return out.getvalue()


def lying_bomb() -> bytes:
    """A bomb whose directory says that its parts are small."""
    raw = bytearray(bomb())
    place = 0
    while (place := raw.find(b"PK\1\2", place)) >= 0:
        raw[place + 24 : place + 28] = struct.pack("<I", 1_000)
        place += 4
    return bytes(raw)


def entities() -> bytes:
    """A workbook with a billion laughs among its strings."""
    laughs = b"".join(
        b'<!ENTITY l%d "%s">' % (i, (b"&l%d;" % (i - 1)) * 10 if i else b"ha") for i in range(10)
    )
    strings = (
        b'<?xml version="1.0"?><!DOCTYPE sst [' + laughs + b"]><sst><si><t>&l9;</t></si></sst>"
    )
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(sheet()))) as good,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in good.namelist():
            archive.writestr(name, strings if name.endswith("Strings.xml") else good.read(name))
    return out.getvalue()


def macros() -> bytes:
    return with_parts(workbook(sheet()), xl__vbaProject_bin=b"\xd0\xcf\x11\xe0" + os.urandom(500))


def links() -> bytes:
    link = b'<externalLink xmlns="x"><externalBook r:id="rId1" xmlns:r="r"/></externalLink>'
    return with_parts(workbook(sheet()), xl__externalLinks__externalLink1_xml=link)


def formulas() -> bytes:
    cells = sheet()
    for i in range(1, len(cells)):
        cells[i][1] = '=WEBSERVICE("http://example.org")'
    return workbook(cells)


def form_of_settings(**settings: Any) -> Upload:
    return Upload({"csv": GOOD, "h": 3, **settings}, (422,), JSON, FORECAST)


WIDE = "ds," + ",".join(f"c{i}" for i in range(10_000)) + "\n"
UPLOADS: dict[str, Callable[[], Upload]] = {
    # Nothing, or not enough
    "empty": lambda: Upload(b"", (422,)),
    "blank lines": lambda: Upload(b"\n\n  \n", (422,)),
    "only a heading": lambda: Upload("ds,y\n", (422,)),
    "one row": lambda: Upload("ds,y\n2024-01-01,3\n", (422,)),
    "one row without dates": lambda: Upload("a,b\nx,1\n", (200,)),
    "one row to forecast": lambda: Upload("ds,y\n2024-01-01,3\n", (422,), path=f"{FORECAST}?h=3"),
    "empty object": lambda: Upload({}, (422,)),
    "no rows": lambda: Upload({"data": []}, (422,)),
    "empty rows": lambda: Upload({"data": [{}, {}]}, (422,)),
    "all values missing": lambda: Upload("ds,y\n2024-01-01,\n2024-01-02,\n", (422,)),
    # Too much
    "huge": lambda: Upload(b"ds,y\n" + b"2024-01-01,1\n" * 200_000, (413,)),
    "too many rows": lambda: Upload("y\n" + "1\n" * (ROWS + 500), (413,)),
    "far too many rows": lambda: Upload("y\n" + "1\n" * 100_000, (413,)),
    "too many rows of JSON": lambda: Upload({"data": [{"y": 1}] * (ROWS + 1)}, (413,)),
    "too many series": lambda: Upload(
        "unique_id,ds,y\n" + "".join(f"s{i},2024-01-0{d},1\n" for i in range(400) for d in (1, 2)),
        (413,),
    ),
    "ten thousand columns": lambda: Upload(
        WIDE + "2024-01-01" + ",1" * 10_000 + "\n2024-01-02" + ",2" * 10_000 + "\n", (413,)
    ),
    "ten thousand headings": lambda: Upload(WIDE, (413,)),
    "a hundred headings": lambda: Upload(WIDE[:300] + "\n", (422,)),
    "a heading of a megabyte": lambda: Upload(
        "ds," + "y" * 1_000_000 + "\n2024-01-01,1\n", (200, 422)
    ),
    "a forecast of too many rows": lambda: Upload(
        "unique_id,ds,y\n"
        + "".join(f"s{i},2024-01-{d:02d},{d}\n" for i in range(250) for d in range(1, 20)),
        (413,),
        path=f"{FORECAST}?h=100",
    ),
    # Not what it says
    "binary": lambda: Upload(bytes(range(256)) * 400, (415, 422), "application/octet-stream"),
    "random": lambda: Upload(os.urandom(50_000), (415, 422), "application/octet-stream"),
    "NULs": lambda: Upload(b"\0" * 10_000, (422,)),
    "NULs inside": lambda: Upload(GOOD.replace("2010-03", "2010\0-03"), (200, 422)),
    "a picture": lambda: Upload(b"\x89PNG\r\n\x1a\n" + os.urandom(3_000), (422,)),
    "a program": lambda: Upload(b"\x7fELF" + os.urandom(3_000), (422,)),
    "a pickle": lambda: Upload(b"\x80\x04\x95\x0c\x00\x00\x00cos\nsystem\n(S'id'\ntR.", (422,)),
    "HTML": lambda: Upload("<html><script>alert(1)</script></html>", (422,)),
    "gzip inside": lambda: Upload(gzip.compress(GOOD.encode()), (415,)),
    "a gzip bomb": lambda: Upload(gzip.compress(b"1\n" * 50_000_000), (415,)),
    "Parquet": lambda: Upload(
        b"PAR1" + os.urandom(300) + b"PAR1", (415,), "application/octet-stream"
    ),
    "gzip on the way": lambda: Upload(
        zlib.compress(GOOD.encode()), (415,), headers={"Content-Encoding": "deflate"}
    ),
    "text that is said to be a workbook": lambda: Upload(GOOD, (415,), XLSX),
    "a workbook that is said to be text": lambda: Upload(workbook(sheet()), (415,)),
    "an unknown type": lambda: Upload(GOOD, (415,), "application/x-php"),
    "no type": lambda: Upload(GOOD, (415,), None),
    "JSON that is said to be CSV": lambda: Upload('{"csv": "y\\n1"}', (422,)),
    # Encodings
    "UTF-16 without a mark": lambda: Upload(GOOD.encode("utf-16-le"), (200, 422)),
    "UTF-16": lambda: Upload(GOOD.encode("utf-16"), (200,)),
    "Latin-1": lambda: Upload(GOOD.replace("ds,y", "ds,größe").encode("latin-1"), (200,)),
    "invalid UTF-8": lambda: Upload(GOOD.encode() + b"2015-01-01,\xff\xfe\xc3\n", (200, 422)),
    "invalid UTF-8 in JSON": lambda: Upload(b'{"csv": "\xff\xfe"}', (400,), JSON),
    "half a character": lambda: Upload(b'{"csv": "y\\n\\ud800"}', (400,), JSON),
    # JSON
    "not JSON": lambda: Upload("ds,y", (400,), JSON),
    "cut JSON": lambda: Upload('{"csv": "y', (400,), JSON),
    "deep JSON": lambda: Upload("[" * 100_000 + "]" * 100_000, (400,), JSON),
    "deep objects": lambda: Upload('{"a":' * 100_000 + "1" + "}" * 100_000, (400,), JSON),
    "NaN": lambda: Upload('{"data": [{"y": NaN}]}', (400,), JSON),
    "Infinity": lambda: Upload('{"data": [{"y": -Infinity}]}', (400,), JSON),
    "1e999": lambda: Upload(
        json.dumps({"data": rows(y=7)}).replace(": 7,", ": 1e999,").replace(": 7}", ": 1e999}"),
        (200, 422),
        JSON,
    ),
    "a huge whole number": lambda: Upload({"data": rows(y=10**400)}, (200, 422)),
    "a number of ten thousand digits": lambda: Upload(
        '{"data": [{"y": ' + "9" * 10_000 + "}]}", (400,), JSON
    ),
    "a name twice": lambda: Upload('{"csv": "y\\n1\\n2", "csv": "y"}', (400,), JSON),
    "a list": lambda: Upload([1, 2, 3], (400,)),
    "null": lambda: Upload(b"null", (400,), JSON),
    "numbers for data": lambda: Upload({"data": 5}, (422,)),
    "rows that are lists": lambda: Upload({"data": [[1, 2], [3, 4]]}, (422,)),
    "a value that is a list": lambda: Upload({"data": rows(y=[1])}, (422,)),
    "a value that is an object": lambda: Upload({"data": rows(y={"$gt": 1})}, (422,)),
    "text for a value": lambda: Upload({"data": rows(y="many")}, (200,)),
    "text for a value to forecast": lambda: Upload(
        {"data": rows(y="many"), "h": 2}, (422,), JSON, FORECAST
    ),
    "a number for CSV": lambda: Upload({"csv": 5}, (422,)),
    "data and CSV": lambda: Upload({"csv": GOOD, "data": rows()}, (422,)),
    "bad base64": lambda: Upload({"xlsx": "?" * 100}, (400,)),
    "base64 of no workbook": lambda: Upload(
        {"xlsx": base64.b64encode(GOOD.encode()).decode()}, (422,)
    ),
    "rows of many names": lambda: Upload(
        {"data": [{f"c{i * 30 + j}": 1 for j in range(30)} for i in range(1_000)]}, (413, 422)
    ),
    # Workbooks
    "a workbook": lambda: Upload(workbook(sheet()), (200,), XLSX),
    "a cut workbook": lambda: Upload(workbook(sheet())[:-300], (422,), XLSX),
    "a workbook of zeros": lambda: Upload(b"PK\3\4" + b"\0" * 5_000, (422,), XLSX),
    "a zip of something else": lambda: Upload(
        with_parts(b"PK\5\6" + b"\0" * 18, a_txt=b"hello"), (422,), XLSX
    ),
    "a bomb": lambda: Upload(bomb(), (422,), XLSX),
    "a bomb that lies": lambda: Upload(lying_bomb(), (422,), XLSX),
    "a billion laughs": lambda: Upload(entities(), (200, 422), XLSX),
    "formulas": lambda: Upload(formulas(), (422,), XLSX),
    "macros": lambda: Upload(macros(), (200,), XLSX),
    "external links": lambda: Upload(links(), (200,), XLSX),
    "an empty workbook": lambda: Upload(workbook([]), (422,), XLSX),
    # Names
    "a path for a name": lambda: form("../../../../etc/passwd"),
    "an absolute path for a name": lambda: form("/etc/cron.d/evil"),
    "a drive for a name": lambda: form("C:\\\\Windows\\\\win.ini"),
    "a device for a name": lambda: form("CON"),
    "a NUL in a name": lambda: form("a\0b.csv"),
    "a long name": lambda: form("x" * 3_000 + ".csv"),
    "a longer name": lambda: Upload(form("x" * 500_000).body, (400,), form("").kind),
    "a name of markup": lambda: form("<img src=x onerror=alert(1)>.csv"),
    "a path for a series": lambda: Upload(monthly_csv(series="../../etc/passwd"), (200,)),
    "a NUL in a series": lambda: Upload(
        {"data": [r | {"unique_id": "a\0b"} for r in rows()]}, (200, 422)
    ),
    "a path for a model": lambda: Upload(
        {"name": "../../evil", "csv": GOOD, "h": 3}, (422,), JSON, "/v1/models"
    ),
    "a device for a model": lambda: Upload(
        {"name": "CON.", "csv": GOOD, "h": 3}, (422,), JSON, "/v1/models"
    ),
    "a path for a model to ask": lambda: Upload(
        {}, (404, 422), JSON, "/v1/models/..%2f..%2fx/predict"
    ),
    "a path for a sheet": lambda: Upload(workbook(sheet()), (422,), XLSX, f"{CHECK}?sheet=../../x"),
    # Settings
    "horizon 0": lambda: form_of_settings(h=0),
    "horizon -1": lambda: form_of_settings(h=-1),
    "horizon 1e9": lambda: form_of_settings(h=10**9),
    "horizon beyond the limit": lambda: form_of_settings(h=HORIZON + 1),
    "horizon in words": lambda: form_of_settings(h="12"),
    "horizon with a fraction": lambda: form_of_settings(h=1.5),
    "horizon true": lambda: form_of_settings(h=True),
    "no horizon": lambda: form_of_settings(h=None),
    "a level of 100": lambda: form_of_settings(level=[100]),
    "a level in words": lambda: form_of_settings(level="high"),
    "levels within levels": lambda: form_of_settings(level=[[80]]),
    "many levels": lambda: form_of_settings(level=[50] * 1_000),
    "an unknown model": lambda: form_of_settings(models=["__import__('os')"]),
    "no models": lambda: form_of_settings(models=[]),
    "an unknown setting": lambda: form_of_settings(folder="/etc"),
    "a file of the server": lambda: form_of_settings(future_file="/etc/passwd"),
    "an unknown frequency": lambda: form_of_settings(freq="fortnights"),
    "a season of 0": lambda: form_of_settings(season_length=0),
    "a negative seed": lambda: form_of_settings(seed=-1),
    "a budget in words": lambda: form_of_settings(budget="forever"),
    "a budget of nothing": lambda: form_of_settings(budget=0),
    "an unknown language": lambda: form_of_settings(lang="tlh"),
    "a column that is not there": lambda: form_of_settings(target_col="../../y"),
    "an unknown country": lambda: form_of_settings(holidays="XX"),
    "a long separator": lambda: form_of_settings(sep="abcdefghijkl"),
    "wrong types everywhere": lambda: form_of_settings(fill=3, past="x", dayfirst="no", lang=None),
    # Data
    "no dates": lambda: Upload("y\n1\n2\n3\n4\n", (200,)),
    "stamps twice": lambda: Upload("ds,y\n" + "2024-01-01,1\n2024-01-02,2\n" * 9, (200,)),
    "stamps twice to forecast": lambda: Upload(
        "ds,y\n" + "2024-01-01,1\n2024-01-02,2\n" * 9, (422,), path=f"{FORECAST}?h=2"
    ),
    "dates of no calendar": lambda: Upload("ds,y\n2024-13-45,1\n2024-99-99,2\n", (200, 422)),
    "a gap of ten thousand years": lambda: Upload(
        "ds,y\n0001-01-01,1\n9999-12-31,2\n", (200, 413, 422)
    ),
    "seconds that are a century apart": lambda: Upload(
        "ds,y\n1900-01-01 00:00:00,1\n1900-01-01 00:00:01,2\n2000-01-01 00:00:00,3\n",
        (200, 413, 422),
    ),
    "quotes that do not end": lambda: Upload(
        'ds,y\n"2024-01-01,1\n' + "2024-01-02,2\n" * 99, (422,)
    ),
    "commands in cells": lambda: Upload(GOOD + "=cmd|'/C calc'!A0,1\n", (200, 422)),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("around") / "folder"
    limits = {"megabytes": MEGABYTES, "rows": ROWS, "series": SERIES, "horizon": HORIZON}
    options = [f"--max-{name}={value}" for name, value in limits.items()]
    with served(folder, *options, "--max-jobs", "200", "--max-memory", "1500") as server:
        yield server


@pytest.mark.parametrize("name", UPLOADS)
def test_upload_is_answered_clearly(server: Served, name: str) -> None:
    upload = UPLOADS[name]()
    answer = server.ask("POST", upload.path, upload.body, upload.headers, upload.kind)
    assert answer.status in upload.right, answer.body[:500]
    if answer.status >= 400:
        assert_clear(answer)
    assert_unharmed(server)


def assert_clear(answer: Answer) -> None:
    """An error says what is wrong, and nothing of the server's own places."""
    error = answer.error
    assert error["problem"].strip().endswith("."), error
    assert {"value", "fix"} <= error.keys()
    said = answer.body.decode()
    assert len(said) < 5_000
    for secret in ("Traceback", "/incoming/", "site-packages", "/folder/", "pydantic"):
        assert secret not in said, said


def assert_unharmed(server: Served) -> None:
    """It answers, is not swollen, has kept nothing but jobs, and wrote nothing elsewhere."""
    assert server.get("/healthz").json["status"] == "ok"
    assert server.rss() < 400e6
    assert [path.name for path in server.folder.parent.iterdir()] == ["folder"]
    kept = {"lock", "incoming", "scratch", "jobs", "models"}
    assert {path.name for path in server.folder.iterdir()} == kept
    wait_for(lambda: not list((server.folder / "incoming").iterdir()), "the inbox to be empty")
    allowed = names()
    for path in (server.folder / "jobs").glob("*/*"):
        assert path.name in allowed or path.name.startswith(".gatecast-"), path


def names() -> set[str]:
    results = {"result.json", "forecast.csv", "forecast.xlsx", "model.safetensors"}
    views = {
        f"{x}.{lang}.{end}"
        for lang in ("en", "zh")
        for x, end in (("figures", "json"), ("gates", "json"), ("report", "html"))
    }
    return {"job.json", "asked.json", "data.csv", "data.xlsx"} | results | views


def raw(server: Served, *parts: bytes, leave: bool = False) -> bytes:
    """Send bytes as they are, and return what comes back at first; or leave at once."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has seen enough
        said = b""
        try:
            while not leave and (chunk := connection.recv(65_536)):
                said += chunk
                if b"\r\n\r\n" in said:
                    break
        except ConnectionResetError:
            pass
        return said


def head(**headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines.append("Content-Type: text/csv")
    start = ["POST /v1/check HTTP/1.1", "Host: localhost", *lines]
    return "\r\n".join(start).encode() + b"\r\n\r\n"


def test_body_that_says_it_is_huge_is_refused_before_it_is_sent(server: Served) -> None:
    said = raw(server, head(Content_Length="99999999999999"))
    assert b" 413 " in said
    assert_unharmed(server)


def test_body_without_length_is_cut_where_it_becomes_too_large(server: Served) -> None:
    piece = b"10000\r\n" + b"1,2,3,4\n" * 8_192 + b"\r\n"
    said = raw(server, head(Transfer_Encoding="chunked"), *[piece] * 40)
    assert b" 413 " in said
    assert_unharmed(server)


def test_body_in_small_pieces_is_taken(server: Served) -> None:
    pieces = [GOOD[i : i + 100].encode() for i in range(0, len(GOOD), 100)]
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
    said = raw(server, head(Transfer_Encoding="chunked", Connection="close"), *chunks, b"0\r\n\r\n")
    assert b" 200 " in said
    assert_unharmed(server)


def test_body_longer_than_its_length_is_not_read_beyond_it(server: Served) -> None:
    body = GOOD.encode()
    said = raw(server, head(Content_Length=str(len(body))), body + b"GARBAGE / HTTP/9\r\n\r\n" * 10)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert_unharmed(server)


def test_body_shorter_than_its_length_leaves_nothing_behind(server: Served) -> None:
    raw(server, head(Content_Length="5000"), b"ds,y\n2024-01-01,1\n", leave=True)
    assert_unharmed(server)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Length": "-5"},
        {"Content_Length": "abc"},
        {"Content_Length": "5", "Transfer_Encoding": "chunked"},
        {"X_Long": "x" * 200_000},
    ],
)
def test_request_that_is_no_http_is_refused(server: Served, headers: dict[str, str]) -> None:
    said = raw(server, head(**headers), b"ds,y\r\n\r\n")
    assert said.startswith((b"HTTP/1.1 4", b"")), said[:200]
    assert b" 200 " not in said
    assert_unharmed(server)


def test_form_that_is_damaged_is_refused(server: Served) -> None:
    good = form("a.csv")
    for body in (good.body[:-200], b"--XX\r\n" * 1_000, b"", good.body.replace(b"--XX", b"--YY")):
        answer = server.ask("POST", CHECK, body, {}, good.kind)
        assert answer.status in (400, 422), answer.body
        assert_clear(answer)
    answer = server.ask("POST", CHECK, good.body, {}, "multipart/form-data")
    assert answer.status == 400
    assert_unharmed(server)


def test_two_files_in_a_form_are_refused(server: Served) -> None:
    one = form("a.csv")
    two = one.body.replace(b"--XX--\r\n", b"") + one.body
    answer = server.ask("POST", CHECK, two, {}, one.kind)
    assert answer.status == 422
    assert_clear(answer)


def test_name_of_a_file_is_shown_without_its_folders(server: Served) -> None:
    for name, shown in (("../../etc/passwd", "passwd"), ("C:\\\\a\\\\b.csv", "b.csv")):
        upload = form(name)
        answer = server.ask("POST", CHECK, upload.body, {}, upload.kind)
        assert answer.json["understood"]["title"] == shown


def test_there_are_sixty_of_them() -> None:
    assert len(UPLOADS) >= 60


def test_connection_that_says_nothing_does_not_stop_others(server: Served) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    try:
        for connection in silent:
            connection.sendall(b"POST /v1/check HTTP/1.1\r\nHost: localhost\r\n")
        assert server.get("/healthz").status == 200
        assert server.post(CHECK, GOOD, kind="text/csv").status == 200
    finally:
        for connection in silent:
            connection.close()


def in_time(server: Served, body: dict[str, Any] | bytes, seconds: float = 20) -> Answer:
    """The answer to a small prediction, which the server itself makes, in a while."""
    began = time.monotonic()
    answer = server.post("/v1/models/small/predict", body, kind="application/json")
    assert time.monotonic() - began < seconds
    return answer


@pytest.fixture(scope="module")
def small(server: Served) -> Iterator[Served]:
    made = server.post("/v1/models", {"name": "small", "csv": GOOD, "h": 2, "model": "naive"})
    assert server.until(made.json["job"])["state"] == "done"
    yield server
    server.ask("DELETE", "/v1/models/small")


def test_body_that_lies_about_its_length_is_not_held_in_memory(small: Served) -> None:
    before = small.rss()
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    lines = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 5\r\n"
    start = f"POST /v1/models/small/predict HTTP/1.1\r\n{lines}Transfer-Encoding: chunked\r\n\r\n"
    raw(small, start.encode(), *[piece] * 100)
    assert small.rss() - before < 40e6


def test_name_that_is_there_twice_among_many_is_found_at_once(small: Served) -> None:
    names = ",".join(f'"{i}":0' for i in range(80_000))
    answer = in_time(small, f'{{{names},"79999":1}}'.encode())
    assert (answer.status, answer.error["value"]) == (400, "79999")


def test_rows_that_share_no_names_are_not_made_a_table(small: Served) -> None:
    answer = in_time(small, {"data": [{f"x{i}": 1} for i in range(19_000)]})
    assert answer.status == 422
    assert "in common" in answer.error["problem"]


def test_text_that_looks_like_a_path_does_not_stop_the_server(small: Served) -> None:
    name = "/a" * 100_000
    csv = f"unique_id,ds,y\n{name},2024-01-01,1\n{name},2024-01-01,2\n"
    answer = in_time(small, {"csv": csv})
    assert answer.status == 422
    assert_clear(answer)
