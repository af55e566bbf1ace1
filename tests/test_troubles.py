"""Trouble of every kind, one row each: handled as said here, or refused with the words to fix it.

Files go through ``gatecast forecast``, ``check`` and ``predict`` in this process; frames through
:class:`gatecast.LSTM`. Whatever happens, nothing that is not a number comes out, no file is half
there, and what was given is left as it was.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gatecast
from gatecast import LSTM, ConfigError, DataError
from gatecast.cli import main

H = 3
TINY = ("--model", "lstm", "--epochs", "1", "--threads", "1")

Ends = dict[Any, tuple[str, str]]  # by series: the first and the last stamp of its forecast


@dataclass(frozen=True)
class Forecast:
    """A forecast of ``H`` steps a series.

    ``ends``: the first and last stamp of each series, in this order. ``notes``: words of the notes.
    ``check``: codes that ``gatecast check`` tells. ``tail``: the newest values of the last series,
    as the network is given them, NaN where masked. ``within``: bounds of all numbers.
    ``assumed``: where a covariate was not known ahead, row by row.
    """

    ends: Ends
    notes: Sequence[str] = ()
    check: Sequence[str] = ()
    freq: str | None = None
    values: int | None = None
    tail: Sequence[float] | None = None
    within: tuple[float, float] | None = None
    mask: bool | None = None
    assumed: Sequence[str] | None = None


@dataclass(frozen=True)
class Stops:
    """An error: the exit code, and words of the message."""

    code: int
    words: Sequence[str]
    check: Sequence[str] = ()


@dataclass(frozen=True)
class File:
    """Files, ``{name: content}``, and options of ``gatecast forecast``.

    All files but ``future.csv`` are what is forecast.
    """

    kind: str
    files: dict[str, Any]
    options: str
    outcome: Forecast | Stops
    h: int = H


@dataclass(frozen=True)
class Frame:
    """A frame that is fitted, and perhaps another that is forecast."""

    kind: str
    make: Callable[[], Any]
    outcome: Forecast | Stops
    settings: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    new: Callable[[], Any] | None = None
    predict: dict[str, Any] = field(default_factory=dict)
    warns: str | None = None


# What the rows are made of


def wave(n: int, level: float = 10.0) -> list[float]:
    """A week's season, a little trend."""
    t = np.arange(n)
    return [round(float(x), 3) for x in level + 3 * np.sin(2 * np.pi * t / 7) + 0.1 * t]


def days(n: int, start: str = "2024-01-01", freq: str = "D", form: str = "%Y-%m-%d") -> list[str]:
    return list(pd.date_range(start, periods=n, freq=freq).strftime(form))


def table(head: str, *columns: Iterable[object], sep: str = ",") -> str:
    rows = (sep.join(map(str, row)) for row in zip(*columns, strict=True))
    return "\n".join([head, *rows, ""])


def without(text: str, *rows: int) -> str:
    """Leave out rows, counted as in the file."""
    return "\n".join(line for k, line in enumerate(text.split("\n"), 1) if k not in rows)


def replaced(text: str, row: int, line: str) -> str:
    lines = text.split("\n")
    lines[row - 1] = line
    return "\n".join(lines)


def daily(n: int = 40, values: Sequence[object] | None = None) -> str:
    return table("ds,y", days(n), wave(n) if values is None else values)


def frame(n: int = 40, **columns: Any) -> pd.DataFrame:
    base = {"ds": pd.date_range("2024-01-01", periods=n), "y": wave(n)}
    return pd.DataFrame(base | columns)


def two(n: int = 40, m: int = 40, **columns: Any) -> pd.DataFrame:
    parts = [frame(n).assign(unique_id="A"), frame(m).assign(unique_id="B", y=wave(m, 50))]
    return pd.concat(parts, ignore_index=True).assign(**columns)


def ahead(n: int = 40, h: int = H, **columns: Any) -> pd.DataFrame:
    """A frame whose last ``h`` rows have no target."""
    base = frame(n + h, **columns)
    base.loc[n:, "y"] = np.nan
    return base


def parquet(df: pd.DataFrame) -> bytes:
    return df.to_parquet(index=False)


def excel(df: pd.DataFrame) -> Callable[[], bytes]:
    def make() -> bytes:
        pytest.importorskip("openpyxl", reason="Excel files need openpyxl")
        content = io.BytesIO()
        df.to_excel(content, index=False)
        return content.getvalue()

    return make


LONG = table("unique_id,ds,y", ["A"] * 40 + ["B"] * 30, days(40) + days(30), wave(40) + wave(30))
AFTER = ("2024-02-10", "2024-02-12")  # 40 days
EARLY = ("2024-01-31", "2024-02-02")  # 30 days
ONE = Forecast({"y": AFTER}, freq="D", values=40)
NAN = float("nan")
REMARKS = [f'"two\nlines, number ""{t}"""' for t in range(40)]
FLAG = [int(t % 5 == 0) for t in range(60)]

LAYOUTS = [
    File(
        "long: unique_id, ds, y",
        {"a.csv": LONG},
        "",
        Forecast({"A": AFTER, "B": EARLY}, freq="D", values=70, check=["ends-early"]),
    ),
    File(
        "long: item_id, timestamp, target",
        {"a.csv": LONG.replace("unique_id,ds,y", "item_id,timestamp,target")},
        "",
        Forecast({"A": AFTER, "B": EARLY}),
    ),
    File(
        "a column for each series",
        {"a.csv": table("date,north,south", days(40), wave(40), wave(40, 50))},
        "",
        Forecast({"north": AFTER, "south": AFTER}, ["columns of numbers was read as a series"]),
    ),
    File(
        "a row for each series",
        {
            "a.csv": table(
                ",".join(["shop", *days(20)]), *zip(["A", *wave(20)], ["B", *wave(20)], strict=True)
            )
        },
        "",
        Forecast(
            dict.fromkeys("AB", ("2024-01-21", "2024-01-23")), ["Each row was read as a series"]
        ),
    ),
    File(
        "no heading",
        {"a.csv": "\n".join(daily().split("\n")[1:])},
        "",
        Forecast({"column 2": AFTER}),
    ),
    File(
        "values alone",
        {"a.csv": "\n".join(map(str, wave(40)))},
        "",
        Forecast({"column 1": ("41", "43")}, ["no stamps; its rows are counted from 1"]),
    ),
    File(
        "headings of its own",
        {"a.csv": LONG.replace("unique_id,ds,y", "shop,when,sold")},
        "--id shop --time when --target sold",
        Forecast({"A": AFTER, "B": EARLY}),
    ),
    File(
        "several files of one table",
        {"a.csv": LONG[: LONG.index("B,")], "b.csv": "unique_id,ds,y\n" + LONG[LONG.index("B,") :]},
        "",
        Forecast({"A": AFTER, "B": EARLY}, values=70),
    ),
    File(
        "several files, and a bad cell in the second",
        {"a.csv": LONG, "b.csv": "unique_id,ds,y\nC,2024-01-01,5\nC,2024-01-02,x\n"},
        "",
        Stops(3, ["row 3 of b.csv", "'x'", "'C'"], ["text"]),
    ),
    File(
        "several files with different headings",
        {"a.csv": LONG, "b.csv": daily()},
        "",
        Stops(3, ["different columns", "b.csv lacks 'unique_id'"], ["unusable"]),
    ),
    File("parquet", {"a.parquet": parquet(two())}, "", Forecast({"A": AFTER, "B": AFTER})),
    File("Excel", {"a.xlsx": excel(two(40, 30))}, "", Forecast({"A": AFTER, "B": EARLY})),
    File(
        "a damaged Parquet file",
        {"a.parquet": parquet(two())[:-50]},
        "",
        Stops(3, ["not a whole Parquet file"], ["unusable"]),
    ),
]

TEXTS = [
    File("semicolons", {"a.csv": daily().replace(",", ";")}, "", ONE),
    File("tabs", {"a.tsv": daily().replace(",", "\t")}, "", ONE),
    File("bars", {"a.txt": daily().replace(",", "|")}, "", ONE),
    File("spaces", {"a.txt": daily().replace(",", "   ")}, "--sep space", ONE),
    File(
        "decimal commas",
        {"a.csv": daily().replace(",", ";").replace(".", ",")},
        "",
        Forecast({"y": AFTER}, within=(0, 30)),
    ),
    File(
        "decimal commas beside thousands",
        {"a.csv": table("ds;y", days(40), [f"1.{200 + t},5" for t in range(40)], sep=";")},
        "",
        Forecast({"y": AFTER}, within=(1100, 1400)),
    ),
    File(
        "numbers of which nobody knows whether they are thousands",
        {"a.csv": table("ds;y", days(40), [f"1.{200 + t}" for t in range(40)], sep=";")},
        "--decimal .",
        Forecast({"y": AFTER}, within=(1.1, 1.4)),
    ),
    File(
        "quoted remarks with newlines and separators",
        {"a.csv": table("ds,y,remark", days(40), wave(40), REMARKS)},
        "",
        Forecast({"y": AFTER}, ["Columns that are not used: remark"], ["unused-columns"]),
    ),
    File(
        "a quotation mark that is never closed",
        {"a.csv": replaced(daily(), 20, '2024-01-19,"5')},
        "",
        Stops(3, ["quotation mark is never closed"], ["unusable"]),
    ),
    File(
        "a row with too many cells",
        {"a.csv": replaced(daily(), 20, "2024-01-19,5,7,8")},
        "",
        Stops(3, ["row 20", "more cells than the first row", "--sep"], ["ragged"]),
    ),
    File("a byte order mark", {"a.csv": b"\xef\xbb\xbf" + daily().encode()}, "", ONE),
    File(
        "UTF-16",
        {"a.csv": daily().encode("utf-16")},
        "",
        Forecast({"y": AFTER}, ["read as UTF-16"], ["encoding"]),
    ),
    File(
        "GB18030",
        {"a.csv": daily().replace("ds,y", "日期,销售额").encode("gb18030")},
        "",
        Forecast({"销售额": AFTER}, ["read as GB18030"]),
    ),
    File(
        "Windows-1252",
        {"a.csv": daily().replace("ds,y", "Datum,Erlös in €").encode("cp1252")},
        "",
        Forecast({"Erlös in €": AFTER}, ["read as Windows-1252"]),
    ),
    File("lines that end with CR and LF", {"a.csv": daily().replace("\n", "\r\n")}, "", ONE),
    File("gzip", {"a.csv.gz": gzip.compress(daily().encode())}, "", ONE),
    File(
        "half a gzip file",
        {"a.csv.gz": gzip.compress(daily().encode())[:-30]},
        "",
        Stops(3, ["not a whole gzip file"], ["unusable"]),
    ),
    File("nothing", {"a.csv": ""}, "", Stops(3, ["The file is empty"], ["unusable"])),
    File("blank lines", {"a.csv": "\n\n,,\n"}, "", Stops(3, ["The file is empty"], ["unusable"])),
    File(
        "only a heading",
        {"a.csv": "ds,y\n"},
        "",
        Stops(3, ["a heading and nothing under it"], ["unusable"]),
    ),
    File(
        "a picture",
        {"a.csv": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9},
        "",
        Stops(3, ["not a text file"], ["unusable"]),
    ),
    File("random bytes", {"a.csv": np.random.default_rng(1).bytes(5000)}, "", Stops(3, ["text"])),
    File("no such file", {}, "none.csv", Stops(4, ["none.csv"])),
    File("no such sheet", {"a.xlsx": excel(frame())}, "--sheet May", Stops(3, ["'May'", "Sheet1"])),
]


def local(freq: str, start: str, periods: int) -> pd.DataFrame:
    stamps = pd.date_range(start, periods=periods, freq=freq, tz="Europe/Berlin")
    return pd.DataFrame({"ds": stamps, "y": wave(periods)})


DATES = [
    File(
        "years and months",
        {"a.csv": table("Month,Sales", days(60, "1949-01-01", "MS", "%Y-%m"), wave(60))},
        "",
        Forecast({"Sales": ("1954-01-01", "1954-03-01")}, freq="MS"),
    ),
    File(
        "quarters",
        {
            "a.csv": table(
                "ds,y", [f"{y}Q{q}" for y in range(2010, 2020) for q in (1, 2, 3, 4)], wave(40)
            )
        },
        "",
        Forecast({"y": ("2020-01-01", "2020-07-01")}, freq="QS"),
    ),
    File(
        "weeks",
        {"a.csv": table("ds,y", [f"2024-W{w:02}" for w in range(5, 45)], wave(40))},
        "",
        Forecast({"y": ("2024-11-04", "2024-11-18")}, freq="W-MON"),
    ),
    File(
        "years",
        {"a.csv": table("year,y", range(1980, 2020), wave(40))},
        "",
        Forecast({"y": ("2020-01-01", "2022-01-01")}, freq="YS"),
    ),
    File(
        "whole numbers",
        {"a.csv": table("t,y", range(0, 200, 5), wave(40))},
        "",
        Forecast({"y": ("200", "210")}, freq="5"),
    ),
    File(
        "seconds since 1970",
        {"a.csv": table("timestamp,y", range(1704067200, 1704067200 + 40 * 3600, 3600), wave(40))},
        "",
        Forecast(
            {"y": ("2024-01-02 16:00:00+00:00", "2024-01-02 18:00:00+00:00")},
            ["seconds since 1970"],
            freq="h",
        ),
    ),
    File(
        "milliseconds since 1970",
        {
            "a.csv": table(
                "timestamp,y", range(1704067200000, 1704067200000 + 40 * 900_000, 900_000), wave(40)
            )
        },
        "",
        Forecast(
            {"y": ("2024-01-01 10:00:00+00:00", "2024-01-01 10:30:00+00:00")},
            ["milliseconds since 1970"],
            freq="15min",
        ),
    ),
    File(
        "days or months first, nobody knows",
        {"a.csv": table("ds,y", days(12, "2024-01-01", "D", "%d/%m/%Y"), wave(12))},
        "",
        Stops(3, ["01/01/2024"]),
        h=2,
    ),
    File(
        "days first, as said",
        {"a.csv": table("ds,y", days(12, "2024-01-01", "D", "%d/%m/%Y"), wave(12))},
        "--dayfirst",
        Forecast({"y": ("2024-01-13", "2024-01-14")}, freq="D"),
        h=2,
    ),
    File(
        "days first, as a 13th says",
        {"a.csv": table("ds,y", days(40, "2024-01-01", "D", "%d/%m/%Y"), wave(40))},
        "",
        ONE,
    ),
    File(
        "months first, as a 13th says",
        {"a.csv": table("ds,y", days(40, "2024-01-01", "D", "%m/%d/%Y"), wave(40))},
        "",
        ONE,
    ),
    File(
        "a day that is not in the calendar",
        {"a.csv": daily().replace("2024-01-31", "2024-01-32")},
        "",
        Stops(3, ["row 32", "2024-01-32"], ["bad-stamp"]),
    ),
    File(
        "a stamp that is missing",
        {"a.csv": replaced(daily(), 20, ",5")},
        "",
        Stops(3, ["row 20", "''"], ["bad-stamp"]),
    ),
    Frame(
        "a stamp of a frame that is missing",
        lambda: frame().assign(ds=lambda df: df["ds"].where(df["y"] != df["y"][19])),
        Stops(3, ["no stamp", "row 19"]),
    ),
    File(
        "a date of the far future",
        {"a.csv": daily().replace("2024-01-31", "9999-01-31")},
        "",
        Stops(3, ["row 32", "9999-01-31", "1678 to 2261"], ["bad-stamp"]),
    ),
    File(
        "a date that is a typing error",
        {"a.csv": daily().replace("2024-02-09", "2204-02-09")},
        "",
        Forecast({"y": ("2204-02-10", "2204-02-12")}, ["lacks many rows"], ["gap"], values=40),
    ),
    File(
        "minutes, and a date that is a typing error",
        {
            "a.csv": table(
                "ds,y", [*days(39, freq="min", form="%Y-%m-%d %H:%M"), "2204-02-09"], wave(40)
            )
        },
        "",
        Stops(3, ["too far apart", "wrong stamp"], ["far-stamp"]),
    ),
    Frame(
        "hours when clocks go forward",
        lambda: local("h", "2024-03-30 00:00", 46),
        Forecast({"y": ("2024-03-31T23:00:00+02:00", "2024-04-01T01:00:00+02:00")}, freq="h"),
    ),
    Frame(
        "hours when clocks go back",
        lambda: local("h", "2024-10-26 00:00", 50),
        Forecast({"y": ("2024-10-28T01:00:00+01:00", "2024-10-28T03:00:00+01:00")}, freq="h"),
    ),
    Frame(
        "a forecast of hours while clocks go forward",
        lambda: local("h", "2024-03-29 12:00", 38),
        Forecast({"y": ("2024-03-31T03:00:00+02:00", "2024-03-31T05:00:00+02:00")}, freq="h"),
    ),
    Frame(
        "days over both clock changes",
        lambda: local("D", "2024-03-01", 250),
        Forecast({"y": ("2024-11-06T00:00:00+01:00", "2024-11-08T00:00:00+01:00")}, freq="D"),
    ),
    File(
        "days with their UTC offsets over a clock change",
        {
            "a.csv": table(
                "ds,y",
                [
                    x.isoformat()
                    for x in pd.date_range("2024-03-11", periods=40, tz="Europe/Berlin")
                ],
                wave(40),
            )
        },
        "",
        Forecast({"y": ("2024-04-20", "2024-04-22")}, ["UTC offsets"], freq="D"),
    ),
    File(
        "ends of months through February of a leap year",
        {"a.csv": table("ds,y", days(26, "2022-01-31", "ME"), wave(26))},
        "",
        Forecast({"y": ("2024-03-31", "2024-05-31")}, freq="ME"),
    ),
    File(
        "a forecast of February of a leap year",
        {"a.csv": table("ds,y", days(24, "2022-01-31", "ME"), wave(24))},
        "",
        Forecast({"y": ("2024-01-31", "2024-03-31")}, freq="ME"),
    ),
    File(
        "business days",
        {"a.csv": table("ds,y", days(40, "2024-01-01", "B"), wave(40))},
        "",
        Forecast({"y": ("2024-02-26", "2024-02-28")}, freq="B"),
    ),
    File(
        "business days with a row on a Saturday",
        {"a.csv": table("ds,y", sorted([*days(40, "2024-01-01", "B"), "2024-02-03"]), wave(41))},
        "--freq B",
        Stops(3, ["out of step", "2024-02-03", "resample"], ["irregular"]),
    ),
    File(
        "weeks that end on Sundays",
        {"a.csv": table("ds,y", days(40, "2024-01-07", "W-SUN"), wave(40))},
        "",
        Forecast({"y": ("2024-10-13", "2024-10-27")}, freq="W-SUN"),
    ),
    File(
        "weeks that begin on Wednesdays",
        {"a.csv": table("ds,y", days(40, "2024-01-03", "W-WED"), wave(40))},
        "",
        Forecast({"y": ("2024-10-09", "2024-10-23")}, freq="W-WED"),
    ),
    File(
        "quarters of an hour",
        {"a.csv": table("ds,y", days(40, "2024-02-28 20:00", "15min", "%Y-%m-%d %H:%M"), wave(40))},
        "",
        Forecast({"y": ("2024-02-29 06:00:00", "2024-02-29 06:30:00")}, freq="15min"),
    ),
    File(
        "hours",
        {"a.csv": table("ds,y", days(40, "2024-02-28", "h", "%Y-%m-%d %H:%M"), wave(40))},
        "",
        Forecast({"y": ("2024-02-29 16:00:00", "2024-02-29 18:00:00")}, freq="h"),
    ),
    File(
        "a frequency that the stamps do not have",
        {"a.csv": daily()},
        "--freq MS",
        Stops(3, ["out of step", "MS", "--freq D"], ["irregular"]),
    ),
    File(
        "a frequency of whole numbers for dates",
        {"a.csv": daily()},
        "--freq 2",
        Stops(2, ["dates"]),
    ),
    File(
        "a frequency that does not exist",
        {"a.csv": daily()},
        "--freq fortnight",
        Stops(2, ["fortnight"]),
    ),
    Frame(
        "dates so late that a forecast leaves the calendar",
        lambda: frame().assign(ds=pd.date_range("2222-01-01", periods=40, freq="YS", unit="s")),
        Stops(3, ["2262"]),
    ),
]

HOLES = [
    File(
        "rows that are missing",
        {"a.csv": without(daily(), 10, 37, 38)},
        "",
        Forecast(
            {"y": AFTER},
            ["3 rows are missing between the stamps"],
            ["gap"],
            values=37,
            tail=[*wave(40)[33:35], NAN, NAN, *wave(40)[37:]],
            mask=True,
        ),
    ),
    File(
        "a hole longer than the context, right before the newest values",
        {"a.csv": daily(40, [x if not 20 < t < 38 else "" for t, x in enumerate(wave(40))])},
        "",
        Forecast(
            {"y": AFTER},
            ["lacks many values", "all that the network sees"],
            ["missing"],
            values=23,
            mask=True,
        ),
    ),
    File(
        "values that are missing",
        {"a.csv": daily(40, [x if t not in (5, 36) else "" for t, x in enumerate(wave(40))])},
        "",
        Forecast({"y": AFTER}, check=["missing"], values=38, mask=True, tail=[NAN, *wave(40)[37:]]),
    ),
    File(
        "values that are missing, in words",
        {"a.csv": daily(40, [x if t not in (5, 36) else "NA" for t, x in enumerate(wave(40))])},
        "",
        Forecast({"y": AFTER}, values=38, mask=True),
    ),
    File(
        "a beginning without values",
        {"a.csv": daily(40, [""] * 6 + wave(34))},
        "",
        Forecast({"y": AFTER}, values=34, mask=False),
    ),
    File(
        "an end without values",
        {"a.csv": daily(40, wave(36) + [""] * 4)},
        "",
        Forecast(
            {"y": ("2024-02-06", "2024-02-08")},
            ["4 values are missing at the end of 1 series"],
            ["trailing-empty"],
            values=36,
        ),
    ),
    File(
        "all values missing",
        {"a.csv": daily(40, [""] * 40)},
        "",
        Stops(3, ["All values are missing"], ["unusable"]),
    ),
    Frame(
        "one of two series without a value",
        lambda: two().assign(y=[*wave(40), *[np.nan] * 40]),
        Stops(3, ["All values are missing", "'B'", "Leave these series out"]),
    ),
    File(
        "missing values filled by lines",
        {"a.csv": without(daily(), 38, 39)},
        "--fill interpolate",
        Forecast(
            {"y": AFTER},
            ["2 missing values were filled by interpolation"],
            mask=False,
            tail=np.interp(
                range(35, 40), [35, 38, 39], [wave(40)[k] for k in (35, 38, 39)]
            ).tolist(),
        ),
    ),
    File(
        "missing values filled by zeros",
        {"a.csv": without(daily(), 38, 39)},
        "--fill zero",
        Forecast(
            {"y": AFTER}, ["filled by zeros"], mask=False, tail=[wave(40)[35], 0, 0, *wave(40)[38:]]
        ),
    ),
    File("a fill that does not exist", {"a.csv": daily()}, "--fill guess", Stops(2, ["--fill"])),
    File(
        "series of unequal length",
        {
            "a.csv": table(
                "unique_id,ds,y",
                ["A"] * 60 + ["B"] * 8,
                days(60) + days(8, "2024-02-22"),
                wave(60) + wave(8),
            )
        },
        "",
        Forecast(dict.fromkeys("AB", ("2024-03-01", "2024-03-03"))),
    ),
    File(
        "a series too short to be trained on, beside a long one",
        {
            "a.csv": table(
                "unique_id,ds,y",
                ["A"] * 60 + ["B"] * 2,
                days(60) + days(2, "2024-02-28"),
                [*wave(60), 5, 6],
            )
        },
        "",
        Forecast(dict.fromkeys("AB", ("2024-03-01", "2024-03-03")), check=["short"]),
    ),
    File(
        "too few values for the horizon",
        {"a.csv": daily(8)},
        "",
        Stops(3, ["too short", "8 values in the longest", "at most 5 steps"], ["short"]),
        h=6,
    ),
    File("one row", {"a.csv": daily(1)}, "", Stops(3, ["One stamp", "--freq"])),
    Frame("no rows", lambda: frame(0), Stops(3, ["There are no rows"])),
    Frame("two rows", lambda: frame(2), Stops(3, ["at least 4 values", "2 values in the longest"])),
    File(
        "two series, one with gaps of weeks only",
        {
            "a.csv": table(
                "unique_id,ds,y",
                ["A"] * 40 + ["B"] * 6,
                days(40) + days(6, "2024-01-01", "W-MON"),
                wave(40) + wave(6),
            )
        },
        "",
        Forecast(
            {"A": AFTER, "B": ("2024-02-06", "2024-02-08")},
            ["rows are missing", "every few steps only"],
            ["frequency-conflict"],
        ),
    ),
    Frame(
        "a series of months beside one of days",
        lambda: pd.concat(
            [
                frame(40).assign(unique_id="A"),
                pd.DataFrame(
                    {
                        "unique_id": "B",
                        "ds": pd.date_range("2023-01-15 06:00", periods=12, freq="30D"),
                        "y": 1.0,
                    }
                ),
            ]
        ),
        Forecast({"A": AFTER, "B": ("2023-12-12T06:00:00", "2023-12-14T06:00:00")}, mask=True),
    ),
]

NUMBERS = [
    File(
        "tiny values",
        {"a.csv": daily(40, [f"{x}e-9" for x in wave(40)])},
        "",
        Forecast({"y": AFTER}, within=(1e-9, 3e-8)),
    ),
    File(
        "huge values",
        {"a.csv": daily(40, [f"{x}e12" for x in wave(40)])},
        "",
        Forecast({"y": AFTER}, within=(1e12, 3e13)),
    ),
    File(
        "series of very different size",
        {
            "a.csv": table(
                "unique_id,ds,y",
                ["A"] * 40 + ["B"] * 40,
                days(40) * 2,
                [f"{x}e-9" for x in wave(40)] + [f"{x}e12" for x in wave(40)],
            )
        },
        "",
        Forecast({"A": AFTER, "B": AFTER}, check=["scale"]),
    ),
    File(
        "nothing but zeros",
        {"a.csv": daily(40, [0] * 40)},
        "",
        Forecast({"y": AFTER}, ["zero throughout"], ["all-zero"], within=(0, 0)),
    ),
    File(
        "zeros again and again",
        {"a.csv": daily(60, [5 if t % 11 in (0, 3) else 0 for t in range(60)])},
        "",
        Forecast({"y": ("2024-03-01", "2024-03-03")}, check=["intermittent"], within=(-6, 6)),
    ),
    File(
        "negative values",
        {"a.csv": daily(40, [x - 12 for x in wave(40)])},
        "",
        Forecast({"y": AFTER}, within=(-12, 10)),
    ),
    File(
        "whole numbers above 2**53",
        {"a.csv": daily(40, [2**60 + 10**17 * (t % 7) for t in range(40)])},
        "",
        Forecast({"y": AFTER}, within=(1e18, 2e18)),
    ),
    Frame(
        "whole numbers above 2**53 in a frame",
        lambda: frame().assign(y=[2**60 + 10**17 * (t % 7) for t in range(40)]),
        Forecast({"y": AFTER}, within=(1e18, 2e18)),
    ),
    File(
        "an infinite value",
        {"a.csv": replaced(daily(), 20, "2024-01-19,inf")},
        "",
        Stops(3, ["row 20", "inf"], ["infinite"]),
    ),
    File(
        "a value beyond all numbers",
        {"a.csv": replaced(daily(), 20, "2024-01-19,1e999")},
        "",
        Stops(3, ["row 20", "infinite"], ["infinite"]),
    ),
    File(
        "a value too large to compute with",
        {"a.csv": replaced(daily(), 20, "2024-01-19,1e305")},
        "",
        Stops(3, ["row 20", "1e+305", "larger unit"], ["too-large"]),
    ),
    File(
        "text among the values",
        {"a.csv": replaced(daily(), 20, "2024-01-19,about 5")},
        "",
        Stops(3, ["row 20", "'about 5'"], ["text"]),
    ),
    Frame(
        "text among the values of a frame",
        lambda: frame().assign(y=["x", *map(str, wave(39))]),
        Stops(3, ["row 0", "'x'"]),
    ),
    Frame(
        "infinite values in a frame of two series",
        lambda: two().assign(y=[*wave(79), np.inf]),
        Stops(3, ["row 79", "'B'", "inf"]),
    ),
    Frame(
        "a target that is complex",
        lambda: frame().assign(y=np.arange(40) * 1j),
        Stops(3, ["'y'"]),
    ),
    Frame(
        "a target that is decimal numbers",
        lambda: pl.from_pandas(frame()).with_columns(pl.col("y").cast(pl.Decimal(10, 3))),
        Forecast({"y": AFTER}),
    ),
    Frame(
        "a target of integers that may be missing",
        lambda: frame().assign(
            y=pd.array([None if t == 20 else t % 7 for t in range(40)], "Int64")
        ),
        Forecast({"y": AFTER}, mask=True),
    ),
    File(
        "a value that never changes",
        {"a.csv": daily(40, [7.25] * 40)},
        "",
        Forecast({"y": AFTER}, ["never changes"], ["constant"], within=(7.25, 7.25)),
    ),
    File(
        "a value that hardly changes",
        {"a.csv": daily(40, [f"{1e9 + 0.01 * (t % 2):.3f}" for t in range(40)])},
        "",
        Forecast({"y": AFTER}, ["hardly changes"], ["near-constant"], within=(1e9 - 1, 1e9 + 1)),
    ),
]

ROWS = [
    File(
        "rows in no order",
        {"a.csv": "\n".join(["ds,y", *daily().strip().split("\n")[:0:-1]])},
        "",
        Forecast({"y": AFTER}, ["were sorted"], ["unsorted"], values=40),
    ),
    File(
        "two rows for a stamp",
        {"a.csv": daily() + "2024-01-19,7\n"},
        "",
        Stops(
            3,
            ["more than one row", "2024-01-19", "row 20", "row 42", "--duplicates"],
            ["duplicate"],
        ),
    ),
    *(
        File(
            f"two rows for a stamp, {how}",
            {"a.csv": daily() + "2024-02-09,7\n"},
            f"--duplicates {how}",
            Forecast({"y": AFTER}, [f"{said} counts"], ["duplicate"], tail=[wave(40)[38], value]),
        )
        for how, said, value in (
            ("mean", "their mean", (wave(40)[39] + 7) / 2),
            ("sum", "their sum", wave(40)[39] + 7),
            ("last", "the last one", 7.0),
        )
    ),
    File(
        "duplicates in a word that does not exist",
        {"a.csv": daily()},
        "--duplicates first",
        Stops(2, ["--duplicates", "first"]),
    ),
    File(
        "stamps at odd moments",
        {"a.csv": daily().replace("2024-01-19", "2024-01-19 07:31")},
        "",
        Stops(3, ["row 20", "2024-01-19 07:31", "--resample mean"], ["irregular"]),
    ),
    *(
        File(
            f"stamps at odd moments, put into days by their {how}",
            {
                "a.csv": table(
                    "ds,y",
                    [f"{day} {clock}" for day in days(40) for clock in ("07:31", "19:02")],
                    [x + e for x in wave(40) for e in (0, 1)],
                )
            },
            f"--freq D --resample {how}",
            Forecast(
                {"y": AFTER},
                [f"80 rows were put into 40 steps of D ({how})"],
                freq="D",
                tail=[tail],
            ),
        )
        for how, tail in (("mean", wave(40)[39] + 0.5), ("sum", 2 * wave(40)[39] + 1))
    ),
    File(
        "resampling to nobody knows what",
        {"a.csv": daily()},
        "--resample mean",
        Stops(2, ["Resampling needs the frequency", "--freq"]),
    ),
    File(
        "resampling by a word that does not exist",
        {"a.csv": daily()},
        "--freq W-MON --resample middle",
        Stops(2, ["--resample", "middle"]),
    ),
    File(
        "rows without an id",
        {"a.csv": replaced(LONG, 20, ",2024-01-19,5")},
        "",
        Stops(3, ["does not say which series", "row 20"], ["no-id"]),
    ),
    File(
        "two columns that may be the id",
        {
            "a.csv": LONG.replace("unique_id,ds", "shop,till,ds")
            .replace("A,", "A,x,")
            .replace("B,", "B,z,")
        },
        "",
        Stops(3, ["Which column tells the series apart", "--id shop"]),
    ),
    File(
        "two columns that may be the target",
        {
            "a.csv": table(
                "shop,ds,sold,price", ["A"] * 40 + ["B"] * 40, days(40) * 2, wave(80), wave(80)
            )
        },
        "",
        Stops(3, ["Which column is the target", "--target sold"]),
    ),
    File(
        "two headings that are the same",
        {"a.csv": table("ds,y,y", days(40), wave(40), wave(40))},
        "",
        Forecast({"y": AFTER}, ["not used: y (3)"]),
    ),
    Frame(
        "two columns of a frame that have the same name",
        lambda: pd.DataFrame(frame().to_numpy(), columns=["y", "y"]),
        Stops(3, ["share a name", "'y'"]),
    ),
    File(
        "a column that is not there",
        {"a.csv": daily()},
        "--target sold",
        Stops(3, ["no column 'sold'", "ds, y"]),
    ),
    Frame(
        "columns of a frame that are not there",
        lambda: frame().rename(columns={"ds": "day"}),
        Stops(3, ["no column 'ds'", "time_col"]),
    ),
    Frame(
        "a frame that is not in memory",
        lambda: pl.from_pandas(frame()).lazy(),
        Stops(3, ["held in memory", ".collect()"]),
    ),
    Frame("a fill of a frame that does not exist", frame, Stops(2, ["fill"]), fit={"fill": "x"}),
    Frame(
        "duplicates of a frame by an unknown word",
        frame,
        Stops(2, ["mean"]),
        fit={"duplicates": "x"},
    ),
    Frame(
        "a frequency of a frame that does not exist", frame, Stops(2, ["'x'"]), fit={"freq": "x"}
    ),
    Frame(
        "a frame resampled to nobody knows what",
        frame,
        Stops(2, ["needs the frequency"]),
        fit={"resample": "sum"},
    ),
    Frame(
        "a frame whose rows are in no order",
        lambda: two().sample(frac=1, random_state=1),
        Forecast({"B": AFTER, "A": AFTER}),
    ),
    Frame(
        "polars, with dates",
        lambda: pl.from_pandas(two()).with_columns(pl.col("ds").cast(pl.Date)),
        Forecast({"A": AFTER, "B": AFTER}),
    ),
    Frame(
        "lists of unequal length",
        lambda: [[1.0, 2.0, 3.0], [1.0, 2.0]],
        Stops(3, ["different lengths", "unique_id, ds, y"]),
    ),
    Frame("an array of text", lambda: np.array(["a", "b"] * 20), Stops(4, ["a"])),
]

PRICE = [5 + (t * 7 % 5) / 2 for t in range(60)]


def priced(n: int = 40, h: int = H, head: str = "ds,y,price", price: Sequence[Any] = PRICE) -> str:
    return table(head, days(n + h), wave(n) + [""] * h, price[: n + h])


COVARIATES = [
    File(
        "what is known up to now",
        {"a.csv": priced(h=0)},
        "--past price",
        ONE,
    ),
    File(
        "what is known ahead, in rows without a value",
        {"a.csv": priced()},
        "--future price",
        Forecast({"y": AFTER}, values=40, mask=True),
    ),
    File(
        "what is known ahead, in a file of its own",
        {
            "a.csv": priced(h=0),
            "future.csv": table("ds,price", days(3, "2024-02-10"), PRICE[40:43]),
        },
        "--future price --future-file future.csv",
        Forecast({"y": AFTER}, values=40),
    ),
    File(
        "what is known ahead of two series, in a file of its own",
        {
            "a.csv": table(
                "unique_id,ds,y,price",
                ["A"] * 40 + ["B"] * 40,
                days(40) * 2,
                wave(80),
                PRICE[:40] * 2,
            ),
            "future.csv": table(
                "unique_id,ds,price", ["B"] * 3 + ["A"] * 3, days(3, "2024-02-10") * 2, PRICE[:6]
            ),
        },
        "--future price --future-file future.csv",
        Forecast({"A": AFTER, "B": AFTER}),
    ),
    File(
        "what is known ahead of one series only",
        {
            "a.csv": table(
                "unique_id,ds,y,price",
                ["A"] * 40 + ["B"] * 40,
                days(40) * 2,
                wave(80),
                PRICE[:40] * 2,
            ),
            "future.csv": table("unique_id,ds,price", ["A"] * 3, days(3, "2024-02-10"), PRICE[:3]),
        },
        "--future price --future-file future.csv",
        Stops(3, ["B", "price", "2024-02-10", "--future-file"], ["covariate-short"]),
    ),
    File(
        "nothing known ahead",
        {"a.csv": priced(h=0)},
        "--future price",
        Stops(3, ["price", "2024-02-10", "--missing-future"], ["covariate-short"]),
    ),
    File(
        "known ahead for fewer steps than the forecast",
        {"a.csv": priced(h=2)},
        "--future price",
        Stops(3, ["price", "from 2024-02-12"], ["covariate-short"]),
    ),
    *(
        File(
            f"known ahead for fewer steps than the forecast, and {how} stands in",
            {"a.csv": priced(h=2)},
            f"--future price --missing-future {how}",
            Forecast(
                {"y": AFTER},
                ["do not reach as far"],
                ["covariate-short"],
                assumed=["given", "given", how],
            ),
        )
        for how in ("last", "seasonal")
    ),
    File(
        "what stands in is a word that does not exist",
        {"a.csv": priced(h=2)},
        "--future price --missing-future mean",
        Stops(2, ["--missing-future", "mean"]),
    ),
    File(
        "a file of what is known ahead, and no names",
        {"a.csv": priced(h=0), "future.csv": priced()},
        "--future-file future.csv",
        Stops(2, ["--future"]),
    ),
    File(
        "a covariate that is not there",
        {"a.csv": priced()},
        "--future prise",
        Stops(3, ["no column 'prise'", "price"]),
    ),
    File(
        "a covariate that is the target too",
        {"a.csv": priced()},
        "--target y --past y",
        Stops(2, ["one thing only", "'y'"]),
    ),
    File(
        "a covariate that is text",
        {"a.csv": priced(price=["low" if t % 3 else "high" for t in range(43)])},
        "--future price",
        Stops(3, ["'price'", "row 2", "'high'", "0 and 1", "--static"], ["covariate-text"]),
    ),
    File(
        "a covariate that is true or false",
        {"a.csv": priced(price=["true" if t % 3 else "false" for t in range(43)])},
        "--future price",
        Forecast({"y": AFTER}),
    ),
    File(
        "a covariate that never changes",
        {"a.csv": priced(price=[4] * 43)},
        "--future price",
        Forecast({"y": AFTER}, ["never changes", "price"], ["covariate-constant"]),
    ),
    File(
        "a covariate with holes",
        {"a.csv": priced(price=["" if t in (4, 37) else x for t, x in enumerate(PRICE)])},
        "--future price",
        Forecast({"y": AFTER}),
    ),
    File(
        "a covariate with infinite values",
        {"a.csv": priced(price=["inf" if t == 4 else x for t, x in enumerate(PRICE)])},
        "--future price",
        Stops(3, ["'price'", "row 6", "inf"]),
    ),
    File(
        "a covariate with decimal commas",
        {"a.csv": priced(head="ds;y;price").replace(",", ";").replace(".", ",")},
        "--future price",
        Forecast({"y": AFTER}),
    ),
    File(
        "a static covariate that varies",
        {"a.csv": priced(h=0, price=["north"] * 30 + ["south"] * 10)},
        "--static price",
        Stops(3, ["not the same in all rows", "'price'", "row 2", "row 32"], ["static-varies"]),
    ),
    File(
        "holidays of a country that does not exist",
        {"a.csv": daily()},
        "--holidays XX",
        Stops(2, ["XX"]),
    ),
    File(
        "a calendar of whole numbers",
        {"a.csv": table("t,y", range(40), wave(40))},
        "--calendar",
        Stops(2, ["calendar", "dates"]),
    ),
    Frame(
        "a calendar of an array",
        lambda: wave(40),
        Stops(2, ["calendar", "array"]),
        settings={"calendar": True},
    ),
    Frame(
        "a calendar and holidays",
        lambda: frame(60),
        Forecast({"y": ("2024-03-01", "2024-03-03")}, mask=True),
        settings={"calendar": True, "holidays": "DE"},
    ),
    Frame(
        "covariates of an array",
        lambda: wave(40),
        Stops(2, ["An array has no columns for covariates", "price"]),
        settings={"past_covariates": ["price"]},
    ),
    Frame(
        "past covariates of a recursive model",
        lambda: frame(price=PRICE[:40]),
        Stops(2, ["recursive", "past_covariates", "price"]),
        settings={"recursive": True, "past_covariates": ["price"]},
    ),
    Frame(
        "future covariates of a recursive model",
        lambda: ahead(price=PRICE[:43]),
        Forecast({"y": AFTER}, mask=True),
        settings={"recursive": True, "future_covariates": ["price"]},
    ),
    Frame(
        "a covariate named twice",
        lambda: ahead(price=PRICE[:43]),
        Stops(2, ["named once", "'price'"]),
        settings={"past_covariates": ["price"], "future_covariates": ["price"]},
    ),
    Frame(
        "a covariate of a frame that is not there",
        frame,
        Stops(3, ["no column 'price'"]),
        settings={"past_covariates": ["price"]},
    ),
    Frame(
        "a covariate of a frame that is text",
        lambda: frame(price=["low", "high"] * 20),
        Stops(3, ["'price'", "row 0", "'low'", "static"]),
        settings={"past_covariates": ["price"]},
    ),
    Frame(
        "a covariate that is dates",
        lambda: frame(price=pd.date_range("2024-01-01", periods=40)),
        Stops(3, ["'price'"]),
        settings={"past_covariates": ["price"]},
    ),
    Frame(
        "a covariate with holes, and nothing else known where the forecast is",
        lambda: frame(price=[np.nan if t in (4, 39) else x for t, x in enumerate(PRICE[:40])]),
        Forecast({"y": AFTER}, mask=False),
        settings={"past_covariates": ["price"]},
    ),
    Frame(
        "a covariate without any value",
        lambda: frame(price=np.nan),
        Forecast({"y": AFTER}),
        settings={"past_covariates": ["price"]},
    ),
    Frame(
        "a covariate of enormous numbers",
        lambda: frame(price=[(-1) ** t * 1e299 for t in range(40)]),
        Forecast({"y": AFTER}),
        settings={"past_covariates": ["price"]},
    ),
    Frame(
        "a hole in what is known ahead",
        lambda: ahead(price=[np.nan if t == 41 else x for t, x in enumerate(PRICE[:43])]),
        Stops(3, ["'price' at 2024-02-11", "missing_future='last'"]),
        settings={"future_covariates": ["price"]},
    ),
    Frame(
        "a hole in what is known ahead, and the last stands in",
        lambda: ahead(price=[np.nan if t == 41 else x for t, x in enumerate(PRICE[:43])]),
        Forecast({"y": AFTER}, assumed=["given", "last", "given"]),
        settings={"future_covariates": ["price"]},
        predict={"missing_future": "last"},
    ),
    Frame(
        "what stands in is an unknown word",
        lambda: ahead(price=PRICE[:43]),
        Stops(2, ["missing_future", "'mean'"]),
        settings={"future_covariates": ["price"]},
        predict={"missing_future": "mean"},
    ),
    Frame(
        "what is known ahead, in a frame of its own",
        lambda: frame(price=PRICE[:40]),
        Forecast({"y": AFTER}),
        settings={"future_covariates": ["price"]},
        predict={"future_df": frame(46, price=PRICE[:46]).drop(columns="y")},
    ),
    Frame(
        "a frame of what is known ahead that ends too early",
        lambda: frame(price=PRICE[:40]),
        Stops(3, ["No row lies after the end"]),
        settings={"future_covariates": ["price"]},
        predict={"future_df": frame(40, price=PRICE[:40]).drop(columns="y")},
    ),
    Frame(
        "a frame of what is known ahead at other times of the day",
        lambda: frame(price=PRICE[:40]),
        Stops(3, ["out of step", "2024-02-10"]),
        settings={"future_covariates": ["price"]},
        predict={
            "future_df": pd.DataFrame(
                {"ds": pd.date_range("2024-02-10 06:00", periods=3), "price": PRICE[:3]}
            )
        },
    ),
    Frame(
        "a frame of what is known ahead, for a model that reads none",
        frame,
        Stops(2, ["no future covariates"]),
        predict={"future_df": frame()},
    ),
    Frame(
        "a static covariate that varies in a frame",
        lambda: two(region=["x"] * 60 + ["z"] * 20),
        Stops(3, ["'region'", "'B'", "'x' in row 40", "'z' in row 60"]),
        settings={"static_covariates": ["region"]},
    ),
    Frame(
        "a static covariate that is missing for a series",
        lambda: two(region=["x"] * 40 + [None] * 40),
        Forecast({"A": AFTER, "B": AFTER}),
        settings={"static_covariates": ["region"]},
    ),
    Frame(
        "a static level that was never seen",
        lambda: two(region=["x"] * 40 + ["z"] * 40),
        Forecast({"A": AFTER, "B": AFTER}),
        settings={"static_covariates": ["region"]},
        new=lambda: two(region="unheard of"),
    ),
    Frame(
        "a static number that is text later on",
        lambda: two(size=[1.0] * 40 + [2.0] * 40),
        Stops(3, ["'size'", "was numbers", "'big'", "'A'"]),
        settings={"static_covariates": ["size"]},
        new=lambda: two(size="big"),
    ),
    Frame(
        "a series without history",
        lambda: pd.concat(
            [
                two(43, 43, region=["x"] * 43 + ["z"] * 43, price=PRICE[:43] * 2),
                frame(43, unique_id="new", region="z", price=PRICE[:43]).assign(y=np.nan)[40:],
            ]
        ).assign(y=lambda df: df["y"].mask(df["ds"] >= "2024-02-10")),
        Forecast({"A": AFTER, "B": AFTER, "new": AFTER}),
        settings={"static_covariates": ["region"], "future_covariates": ["price"]},
    ),
    Frame(
        "a series without history that only its static covariates describe",
        lambda: pd.concat(
            [
                two(region=["x"] * 40 + ["z"] * 40),
                frame(40, unique_id="new", region="z").assign(y=np.nan),
            ]
        ),
        Forecast({"A": AFTER, "B": AFTER, "new": ("2024-01-01", "2024-01-03")}),
        settings={"static_covariates": ["region"]},
    ),
    Frame(
        "a series without history, in the frame of what is known ahead",
        lambda: two(region=["x"] * 40 + ["z"] * 40, price=PRICE[:40] * 2),
        Forecast({"A": AFTER, "B": AFTER, "new": AFTER}),
        settings={"static_covariates": ["region"], "future_covariates": ["price"]},
        predict={
            "future_df": pd.concat(
                frame(43, unique_id=name, region=region, price=PRICE[:43])[40:]
                for name, region in (("B", "z"), ("new", "x"), ("A", "x"))
            )
        },
    ),
    File(
        "a series without history, in a file",
        {
            "a.csv": table(
                "unique_id,ds,y,region",
                ["A"] * 40 + ["B"] * 40 + ["new"] * 3,
                days(40) * 2 + days(3, "2024-02-10"),
                wave(80) + [""] * 3,
                ["x"] * 40 + ["z"] * 43,
            )
        },
        "--static region",
        Forecast({"A": AFTER, "B": AFTER, "new": AFTER}, check=["cold"]),
    ),
    Frame(
        "new series without the covariates of the model",
        lambda: ahead(price=PRICE[:43]),
        Stops(3, ["no column 'price'"]),
        settings={"future_covariates": ["price"]},
        new=frame,
    ),
    Frame(
        "an array for a model that reads covariates",
        lambda: ahead(price=PRICE[:43]),
        Stops(2, ["An array has no columns for covariates"]),
        settings={"future_covariates": ["price"]},
        new=lambda: wave(40),
    ),
]

NEW = [
    Frame(
        "series that were never seen",
        two,
        Forecast({"C": ("2024-01-31", "2024-02-02")}),
        new=lambda: frame(30, unique_id="C"),
    ),
    Frame(
        "series shorter than the context",
        two,
        Forecast({"C": ("2024-01-04", "2024-01-06")}),
        new=lambda: frame(3, unique_id="C"),
        fit={"freq": "D"},
    ),
    Frame(
        "a series of one value",
        two,
        Forecast({"C": ("2024-01-02", "2024-01-04")}, within=(5, 15)),
        new=lambda: frame(1, unique_id="C"),
        fit={"freq": "D"},
    ),
    Frame(
        "gaps in new series of a model that was trained without",
        frame,
        Forecast({"y": AFTER}, mask=False),
        new=lambda: frame().assign(
            y=[np.nan if t in (36, 37) else x for t, x in enumerate(wave(40))]
        ),
        warns="have gaps, and the network was trained on complete series",
    ),
    Frame(
        "gaps in new series that are filled",
        frame,
        Forecast({"y": AFTER}),
        new=lambda: frame().assign(
            y=[np.nan if t in (36, 37) else x for t, x in enumerate(wave(40))]
        ),
        predict={"fill": "interpolate"},
    ),
    Frame(
        "new series of another frequency",
        frame,
        Stops(3, ["frequency D", "MS"]),
        new=lambda: frame().assign(ds=pd.date_range("2020-01-01", periods=40, freq="MS")),
    ),
    Frame(
        "new series with two rows for a stamp",
        frame,
        Stops(3, ["more than one row", "2024-01-01"]),
        new=lambda: pd.concat([frame(), frame(1)]),
    ),
    Frame(
        "new series with text",
        frame,
        Stops(3, ["row 0", "'x'"]),
        new=lambda: frame().assign(y=["x", *map(str, wave(39))]),
    ),
    Frame("more steps than were learnt", frame, Stops(2, ["3 steps", "h=9"]), predict={"h": 9}),
]

TROUBLES = [*LAYOUTS, *TEXTS, *DATES, *HOLES, *NUMBERS, *ROWS, *COVARIATES, *NEW]
FILES = [trouble for trouble in TROUBLES if isinstance(trouble, File)]
FRAMES = [trouble for trouble in TROUBLES if isinstance(trouble, Frame)]


def named(troubles: Sequence[Any]) -> Any:
    return pytest.mark.parametrize("trouble", troubles, ids=[x.kind for x in troubles])


def test_each_trouble_is_there_once() -> None:
    kinds = [trouble.kind for trouble in TROUBLES]
    assert len(kinds) == len(set(kinds)) >= 70
    assert (len(APART), len(DRAWN)) == (7, 7)


# Files


@dataclass(frozen=True)
class Done:
    code: int
    stdout: str
    stderr: str


def run(*arguments: object) -> Done:
    """Run the command line in this process, streams and exit code and all."""
    before = sys.argv, sys.stdout, sys.stderr
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    sys.argv, sys.stdout, sys.stderr = ["gatecast", *map(str, arguments)], stdout, stderr
    code: Any = 0
    try:
        main()
    except SystemExit as done:
        code = done.code or 0
    finally:
        sys.argv, sys.stdout, sys.stderr = before
    texts = []
    for stream in (stdout, stderr):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return Done(code, *texts)


def run_apart(*arguments: object) -> Done:
    """Run the command line as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "gatecast", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def laid_out(trouble: File, folder: Path) -> list[str]:
    """Write the files of a trouble, and return what to give to a command."""
    paths = []
    for name, content in trouble.files.items():
        content = content() if callable(content) else content
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        if name != "future.csv":
            paths.append(str(folder / name))
    inside = [
        str(folder / word) if word.endswith(".csv") else word for word in trouble.options.split()
    ]
    return [*paths, *inside, "-h", str(trouble.h)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def stopped(done: Done, outcome: Stops) -> None:
    assert done.code == outcome.code, done
    assert done.stdout == ""
    for word in outcome.words:
        assert word in done.stderr


@named(FILES)
def test_a_file_is_forecast_or_refused(trouble: File, tmp_path: Path) -> None:
    arguments, before = laid_out(trouble, tmp_path), contents(tmp_path)
    out, model = tmp_path / "out.csv", tmp_path / "model.safetensors"
    wanted = ("--json", "--out", out, "--save", model)
    done = run("forecast", *arguments, *wanted, "--context-length", 8, *TINY)
    assert "Traceback" not in done.stderr
    after = contents(tmp_path)
    assert {name: after.get(name) for name in before} == before
    if isinstance(trouble.outcome, Stops):
        stopped(done, trouble.outcome)
        assert after == before
        return
    assert done.code == 0, done.stderr
    assert set(after) == {*before, out.name, model.name}
    report = json.loads(done.stdout)
    frame = pd.read_csv(out, dtype=str)
    for name in frame.columns[2:]:
        if name != "future_covariates":
            frame[name] = [float(x) for x in frame[name]]  # as it was written, to the last bit
    look_at(frame, trouble.outcome, trouble.h)
    assert [row["forecast"] for row in report["forecast"]] == frame["forecast"].tolist()
    for words in trouble.outcome.notes:
        assert any(words in note for note in report["notes"]), report["notes"]
    if trouble.outcome.freq is not None:
        assert report["frequency"] == trouble.outcome.freq
    look_inside(gatecast.load(model).model, trouble.outcome)
    again = run("predict", model, *_of_predict(trouble.options), "--threads", 1)
    assert again.code == 0, again.stderr
    assert again.stdout == out.read_text()


def _of_predict(options: str) -> list[str]:
    """What a saved model has to be told again."""
    words = options.split()
    if "--missing-future" not in words:
        return []
    at = words.index("--missing-future")
    return words[at : at + 2]


def look_at(frame: pd.DataFrame, outcome: Forecast, h: int) -> None:
    """Compare a forecast, whose stamps are text, with what was to come out."""
    assert list(frame["unique_id"]) == [x for name in outcome.ends for x in [name] * h]
    stamps = frame["ds"].to_numpy().reshape(-1, h)
    assert {
        x: (row[0], row[-1]) for x, row in zip(outcome.ends, stamps, strict=True)
    } == outcome.ends
    forecasts = frame.iloc[:, 2].to_numpy(np.float64)
    assert np.isfinite(forecasts).all()
    if outcome.within is not None:
        low, high = outcome.within
        assert (forecasts >= low).all(), forecasts
        assert (forecasts <= high).all(), forecasts
    if outcome.assumed is not None:
        assert list(frame["future_covariates"]) == list(outcome.assumed)


def look_inside(model: LSTM, outcome: Forecast) -> None:
    if outcome.mask is not None:
        assert model.fitted.mask == outcome.mask
    if outcome.tail is not None:
        panel = model.continued_panel()
        given = np.where(panel.observed, panel.values, np.nan)[-len(outcome.tail) :]
        np.testing.assert_allclose(given, outcome.tail, rtol=1e-12)


@named([x for x in FILES if "--calendar" not in x.options and "--holidays" not in x.options])
def test_check_says_beforehand_what_a_forecast_will(trouble: File, tmp_path: Path) -> None:
    arguments, before = laid_out(trouble, tmp_path), contents(tmp_path)
    done = run("check", *arguments, "--json")
    assert "Traceback" not in done.stderr
    assert contents(tmp_path) == before
    outcome = trouble.outcome
    if isinstance(outcome, Stops) and outcome.code != 3:
        stopped(done, outcome)
        return
    assert done.code == (3 if isinstance(outcome, Stops) else 0), done.stdout
    report = json.loads(done.stdout)
    assert report["ok"] == isinstance(outcome, Forecast)
    codes = [finding["code"] for finding in report["findings"]]
    assert set(outcome.check) <= set(codes)
    if isinstance(outcome, Forecast):
        if outcome.freq is not None:
            assert report["frequency"] == outcome.freq
        if outcome.values is not None:
            assert report["values"] == outcome.values
    for_people = run("check", *arguments)
    assert for_people.code == done.code
    assert all(code in for_people.stdout for code in codes)


APART = [
    trouble
    for trouble in FILES
    if trouble.kind
    in (
        "a column for each series",
        "GB18030",
        "a picture",
        "no such file",
        "two rows for a stamp",
        "nothing known ahead",
        "a frequency that does not exist",
    )
]


@named(APART)
def test_a_process_of_its_own_ends_the_same_way(trouble: File, tmp_path: Path) -> None:
    arguments, before = laid_out(trouble, tmp_path), contents(tmp_path)
    out = tmp_path / "out.csv"
    done = run_apart("forecast", *arguments, "--out", out, "--context-length", 8, *TINY)
    assert "Traceback" not in done.stderr
    if isinstance(trouble.outcome, Stops):
        stopped(done, trouble.outcome)
        assert contents(tmp_path) == before
        return
    assert (done.code, done.stdout) == (0, ""), done.stderr
    look_at(pd.read_csv(out, dtype=str), trouble.outcome, trouble.h)
    for words in trouble.outcome.notes:
        assert words in done.stderr


DRAWN = [
    trouble
    for trouble in FILES
    if trouble.kind
    in (
        "rows that are missing",
        "nothing but zeros",
        "series of very different size",
        "a series without history, in a file",
        "known ahead for fewer steps than the forecast, and last stands in",
        "days with their UTC offsets over a clock change",
        "GB18030",
    )
]


@named(DRAWN)
def test_a_page_is_drawn_of_what_was_trouble(trouble: File, tmp_path: Path) -> None:
    arguments, page = laid_out(trouble, tmp_path), tmp_path / "page.html"
    done = run("forecast", *arguments, "--plot", page, "--json", "--context-length", 8, *TINY)
    assert done.code == 0, done.stderr
    assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")


# Frames


@named(FRAMES)
def test_a_frame_is_forecast_or_refused(trouble: Frame) -> None:
    data, new = trouble.make(), None if trouble.new is None else trouble.new()
    given = [data, new, trouble.predict.get("future_df")]
    before = copy.deepcopy(given)

    def forecast() -> tuple[LSTM, Any]:
        model = LSTM(
            H, hidden_size=4, epochs=1, context_length=8, threads=1, **trouble.settings
        ).fit(data, **trouble.fit)
        return model, model.predict(new, **trouble.predict)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        if isinstance(trouble.outcome, Stops):
            kind = ConfigError if trouble.outcome.code == 2 else DataError
            with pytest.raises(kind) as error:
                forecast()
            for word in trouble.outcome.words:
                assert word in str(error.value)
        else:
            model, result = forecast()
            look_at(as_text(result), trouble.outcome, H)
            look_inside(model, trouble.outcome)
            if trouble.outcome.freq is not None:
                assert str(model.fitted.frequency) == trouble.outcome.freq
    for one, other in zip(given, before, strict=True):
        require_same(one, other)
    said = [str(warning.message) for warning in warned]
    assert len(said) == (trouble.warns is not None), said
    assert all(str(trouble.warns) in message for message in said)


def as_text(forecast: Any) -> pd.DataFrame:
    """A forecast with its stamps written as ISO has them, dates without a time of day."""
    frame = forecast if isinstance(forecast, pd.DataFrame) else forecast.to_pandas()
    stamps = [x.isoformat().removesuffix("T00:00:00") for x in map(pd.Timestamp, frame["ds"])]
    return frame.assign(ds=stamps)


def require_same(one: Any, other: Any) -> None:
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, pl.DataFrame):
        assert one.equals(other)
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, list):
        assert one == other
