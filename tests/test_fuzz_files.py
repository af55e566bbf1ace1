"""Files that are damaged, cut short or made up: a panel or an error that gatecast means, always.

``GATECAST_FUZZ_CASES`` sets how many; a run of many is a process of its own, so that a crash of a
library in native code would be seen: ``GATECAST_FUZZ_CASES=60000 pytest tests/test_fuzz_files.py``.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import subprocess
import sys
import warnings
import zipfile
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gatecast.errors import GatecastError
from gatecast.files import FileFormat, read_panel
from gatecast.findings import Findings
from gatecast.panel import Columns, Intake, Panel

from .time_limit import limited

CASES = int(os.environ.get("GATECAST_FUZZ_CASES", "400"))
SECONDS = 20  # for one file, however busy the machine is

TEXTS = (
    "unique_id,ds,y\nA,2024-01-01,1.5\nA,2024-01-02,2\nB,2024-01-01,\nB,2024-01-02,7\n",
    'date;value;"a; remark"\n01.01.2024;1,5;x\n02.01.2024;1.234,5;"y ""z"""\n03.01.2024;7;\n',
    "date,a,b,c\n1/13/2024,1,2,3\n1/14/2024,4,5,6\n1/15/2024,7,,9\n",
    '"V1","V2","V3","V4"\n"H1","1","2","3"\n"H2","4","5",""\n',
    "name\t2024-01\t2024-02\t2024-03\nA\t1\t2\t3\nB\t4\t5\t6\n",
    "timestamp|v\n1704067200|1\n1704070800|2\n1704074400|3\n",
    "Sales\n\nday,sold,price,size\n2024-01-01,1,5,x\n2024-01-02,2,6,x\n2024-01-03,3,7,x\n",
    "日期,销量\n2024年1月,5\n2024年2月,6\n2024年3月,7\n",
    "5\n7\n6\n",
    "sep=;\nyear;month;v\n2023;11;1\n2023;12;2\n2024;1;3\n",
    "Date,Time,v\n2024-01-01,22:00,1\n2024-01-01,23:00,2\n2024-01-02,0:00,3\n",
    "t,v\n2024-03-31T00:00+01:00,1\n2024-04-01T00:00+02:00,2\n2024-04-02T00:00+02:00,2\n",
)
# What a byte or two may become: separators, quotes, line ends, digits that are many, other scripts.
BITS = (
    *(b",", b";", b"\t", b"|", b'"', b'""', b"\n", b"\r", b"\r\n", b"\0", b" ", b"'", b"\\"),
    *(b"-", b"+", b".", b":", b"/", b"0", b"9", b"e", b"E", b"_", b"1e999", b"1e-999", b"inf"),
    *(b"NaN", b"NA", b"#N/A", b"null", b"today", b"now", b"true", b"9" * 400, b"1" * 5000),
    *(b"Jan-20", b"2024Q1", b"2024-W01", b"9999-12-31", b"1677-01-01", b"0000-00-00", b"24:00"),
    *(b"+25:00", b"+99:99", b"Z", b"PM", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf"),
    *(b"\xc2\xa0", b"\xe3\x80\x80", "١٢".encode(), "ſep".encode(), "年".encode(), b"\x1a"),
    *(b"unique_id", b"ds", b"y", b"column 1", b"date", b"\xed\xa0\x80", b"1_000", b"0x10", b"1j"),
)
FORMATS = (
    *(FileFormat(),) * 6,
    FileFormat(separator=";"),
    FileFormat(separator=" "),
    FileFormat(decimal=","),
    FileFormat(dayfirst=True),
    FileFormat(sheet="Sheet"),
)
INTAKES = (
    *(Intake(),) * 5,
    Intake(Columns(future=("price",), static=("size",))),
    Intake(freq="D", resample="sum"),
    Intake(duplicates="mean", fill="zero"),
)


def seeds(folder: Path) -> list[tuple[str, bytes]]:
    """Files that can be read, by the end of their names."""
    files = [(".csv", text.encode()) for text in TEXTS]
    files += [(".csv", TEXTS[1].encode("utf-16")), (".csv", TEXTS[7].encode("gb18030"))]
    files += [(".csv", b"\xef\xbb\xbf" + TEXTS[0].replace("\n", "\r\n").encode())]
    files += [(".tsv.gz", gzip.compress(TEXTS[4].encode())), (".csv", gzip.compress(b"5\n7\n"))]
    frame = pd.DataFrame(
        {
            "unique_id": ["A", "A", "B", "B"],
            "ds": pd.date_range("2024-01-01", periods=2).tolist() * 2,
            "y": [1.5, None, 3, 4],
            "price": [1, 2, 3, 4],
            "size": ["x", "x", None, None],
        }
    )
    path = folder / "seed"
    for options in ({}, {"compression": "gzip"}, {"compression": None, "use_dictionary": False}):
        frame.to_parquet(path, **options)
        files.append((".parquet", path.read_bytes()))
    nested = pa.table({"ds": [1, 2, 3], "y": [1.0, 2.0, 3.0], "l": [[1], [], [2]]})
    pq.write_table(nested, path)
    files.append((".parquet", path.read_bytes()))
    for merged in (False, True):
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        rows: list[list[Any]] = [["Sales"], ["shop", "date", "y", "price"]]
        rows += [[shop, datetime(2024, 1, k), k, "1,5"] for shop in "AB" for k in (1, 2, 3)]
        for row in rows:
            sheet.append(row)
        if merged:
            sheet.merge_cells("A3:A5")
            sheet["C4"] = "=C3*2"
            sheet["C5"] = "#N/A"
            book.create_sheet("Sheet").append([1, 2])
        book.save(path)
        files.append((".xlsx", path.read_bytes()))
    return files


def mutated(content: bytes, random: random.Random) -> bytes:
    """Change, take out, put in or repeat a few bytes, or cut the end off."""
    data = bytearray(content)
    for _ in range(random.choice((0, 1, 1, 2, 3, 8, 30))):
        at = random.randrange(len(data) + 1)
        size = random.choice((1, 1, 2, 4, 16, 64))
        match random.randrange(10):
            case 0 | 1:
                data[at : at + 1] = bytes([random.randrange(256)])
            case 2 | 3:
                data[at : at + random.randrange(2)] = random.choice(BITS)
            case 4:
                del data[at : at + size]
            case 5:
                data[at:at] = data[at : at + size] * random.choice((1, 2, 50))
            case 6:
                other = random.randrange(len(data) + 1)
                data[at:at] = data[other : other + size]
            case 7:
                if random.randrange(4) == 0:
                    del data[at:]
                elif data and at < len(data):
                    data[at] ^= 1 << random.randrange(8)
            case 8 | 9:
                begin = max(data.rfind(mark, 0, at) for mark in (b",", b";", b"\n", b">")) + 1
                end = min((data + b",;\n<").find(mark, at) for mark in (b",", b";", b"\n", b"<"))
                data[begin:end] = random.choice(BITS)  # a cell
    return bytes(data)


def mutated_parts(content: bytes, random: random.Random) -> bytes:
    """Damage what is inside a zip archive, and leave the archive whole."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as archive:
        names = source.namelist()
        chosen = random.choice(names)
        for name in names:
            part = source.read(name)
            archive.writestr(name, mutated(part, random) if name == chosen else part)
    return target.getvalue()


def case(files: list[tuple[str, bytes]], number: int) -> tuple[str, bytes, random.Random]:
    source = random.Random(number)
    ending, content = source.choice(files)
    if ending == ".xlsx" and source.randrange(4):
        return ending, mutated_parts(content, source), source
    if ending.endswith(".gz") and source.randrange(2):
        return ending, gzip.compress(mutated(gzip.decompress(content), source)), source
    content = mutated(content, source)
    if source.randrange(20) == 0:
        ending = source.choice((".csv", ".parquet", ".xlsx", ".tsv", ".csv.gz"))
    return ending, content, source


def look(path: Path, source: random.Random) -> str:
    """Read a file as it may be read; anything but a panel or an error that is meant gets out."""
    paths = [path] if source.randrange(8) else [path, path]
    found = Findings(collect=source.randrange(4) == 0)
    with limited(SECONDS), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            panel = read_panel(
                paths, source.choice(INTAKES), format=source.choice(FORMATS), found=found
            )
        except (GatecastError, OSError) as error:
            return type(error).__name__
    assert isinstance(panel, Panel)
    return "Panel"


def run(folder: Path, first: int, last: int) -> dict[str, int]:
    files, outcomes = seeds(folder), {"Panel": 0}
    for number in range(first, last):
        ending, content, source = case(files, number)
        path = folder / f"case{ending}"
        path.write_bytes(content)
        (folder / "number").write_text(str(number))
        try:
            outcome = look(path, source)
        except BaseException as error:
            raise AssertionError(f"case {number}, kept as {path}") from error
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def test_whatever_a_file_holds_it_is_a_panel_or_an_error_that_is_meant(tmp_path: Path) -> None:
    if CASES <= 1000:
        outcomes = run(tmp_path, 0, CASES)
    else:
        command = [sys.executable, __file__, str(tmp_path), "0", str(CASES)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        number = (tmp_path / "number").read_text()
        assert done.returncode == 0, f"case {number}: {done.returncode}\n{done.stderr[-4000:]}"
        outcomes = dict(pd.read_json(io.StringIO(done.stdout), typ="series"))
    assert outcomes["Panel"] > 0.1 * CASES  # not all is lost
    assert outcomes["DataError"] > 0.1 * CASES


def test_the_seeds_are_files_that_can_be_read(tmp_path: Path) -> None:
    for ending, content in seeds(tmp_path):
        (tmp_path / f"seed{ending}").write_bytes(content)
        assert read_panel(tmp_path / f"seed{ending}").n_series >= 1


if __name__ == "__main__":
    import json
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
    begin = perf_counter()
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{perf_counter() - begin:.0f} s, at most {peak} MiB", file=sys.stderr)
