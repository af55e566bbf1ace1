from __future__ import annotations

import gzip
import os
import re
import sys
import threading
import zipfile
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatecast.errors import ConfigError, DataError, MissingExtraError
from gatecast.files import FileFormat, read_panel, read_table
from gatecast.findings import Findings
from gatecast.panel import Columns, Intake, Panel, from_any
from gatecast.readers import read_file


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_(content: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_


def days(panel: Panel, i: int = 0) -> list[str]:
    return np.asarray(panel.stamps(i)).astype("M8[D]").astype(str).tolist()


TWO_DAYS = ["2024-01-01", "2024-01-02"]


@pytest.mark.parametrize(
    "content",
    [
        "ds,y\n2024-01-01,1.5\n2024-01-02,2\n",
        "unique_id,ds,y\nA,2024-01-01,1.5\nA,2024-01-02,2\n",
        "item_id,timestamp,target\nA,2024-01-01,1.5\nA,2024-01-02,2\n",
        "target,timestamp\n1.5,2024-01-01\n2,2024-01-02\n",
        "Date,Price\n2024-01-01,1.5\n2024-01-02,2\n",
        "日期,销量\n2024/1/1,1.5\n2024/1/2,2\n",
        "2024-01-01,1.5\n2024-01-02,2\n",
        "A,2024-01-01,1.5\nA,2024-01-02,2\n",
        "date;value\n2024-01-01;1,5\n2024-01-02;2\n",
        "date;value\n2024-01-01;1.5\n2024-01-02;2\n",
        "date\tvalue\n2024-01-01\t1.5\n2024-01-02\t2\n",
        '"date","value"\n"2024-01-01","1.5"\n"2024-01-02","2"\n',
        "date, value\n2024-01-01, 1.5\n2024-01-02, 2\n",
        "date,value\r\n2024-01-01,1.5\r\n2024-01-02,2\r\n",
        "\n\ndate,value\n2024-01-01,1.5\n2024-01-02,2\n\n,,\n\n",
        ",ds,y\n0,2024-01-01,1.5\n1,2024-01-02,2\n",
        "20240101,1.5\n20240102,2\n",
        "day,value,remark,author\n2024-01-01,1.5,cold,me\n2024-01-02,2,warm,you\n",
        "value,day\n1.5,2024-01-01\n2,2024-01-02\n",
    ],
)
def test_layouts(write: Any, content: str) -> None:
    panel = read_panel(write(content))
    assert panel.values.tolist() == [1.5, 2]
    assert days(panel) == TWO_DAYS
    assert str(panel.frequency) == "D"
    assert panel.columns == Columns()
    assert list(panel.forecast_frame(1, {"LSTM": np.ones((1, 1))})) == ["unique_id", "ds", "LSTM"]


def test_monthly_stamps_without_days(write: Any) -> None:
    panel = read_panel(write("Month,Passengers\n1949-01,112\n1949-02,118\n1949-03,132\n"))
    assert str(panel.frequency) == "MS"
    assert panel.ids.tolist() == ["Passengers"]
    assert days(panel)[0] == "1949-01-01"


@pytest.mark.parametrize("content", ["sales\n5\n7\n6\n", "5\n7\n6\n", "1\n2\n3\n", "\n5\n7\n6"])
def test_values_alone_are_counted(write: Any, content: str) -> None:
    panel = read_panel(write(content))
    assert panel.stamps(0).tolist() == [1, 2, 3]
    assert panel.future_stamps(0, 2).tolist() == [4, 5]
    assert "counted from 1" in panel.notes[0]


def test_values_alone_may_be_missing(write: Any) -> None:
    panel = read_panel(write("NA\n5\n\n6\n"))
    np.testing.assert_array_equal(panel.values, [5, np.nan, 6])
    assert panel.stamps(0).tolist() == [2, 3, 4]


def test_values_with_ids_are_counted_in_each_series(write: Any) -> None:
    panel = read_panel(write("item_id,target\nA,1\nB,2\nA,3\nB,4\n"))
    assert panel.stamps(1).tolist() == [1, 2]
    assert panel.values.tolist() == [1, 3, 2, 4]


@pytest.mark.parametrize(
    ("content", "stamps"),
    [
        ("n,v\n1,5\n2,7\n3,1\n", [1, 2, 3]),
        ("n,v\n10,5\n20,7\n30,1\n", [10, 20, 30]),
        ("year,v\n1960,5\n1961,7\n1963,1\n", [1960, 1961, 1962, 1963]),
        (",0\n0,5\n1,7\n2,1\n", [0, 1, 2]),
    ],
)
def test_whole_numbers_may_be_stamps(write: Any, content: str, stamps: list[int]) -> None:
    panel = read_panel(write(content))
    assert panel.stamps(0).tolist() == stamps
    assert panel.values[~np.isnan(panel.values)].tolist() == [5, 7, 1]


@pytest.mark.parametrize("heading", ["year,gdp\n", "Anno,PIL\n", ""])
def test_years_with_none_missing_are_dates(write: Any, heading: str) -> None:
    panel = read_panel(write(heading + "1960,1.5\n1961,2.5\n1962,2.0\n"))
    assert str(panel.frequency) == "YS"
    assert days(panel)[0] == "1960-01-01"


def test_a_column_of_text_tells_the_series_apart_with_a_note(write: Any) -> None:
    content = "store,date,sales\nA,2024-01-01,1\nA,2024-01-02,2\nB,2024-01-01,3\nB,2024-01-02,4\n"
    panel = read_panel(write(content))
    assert panel.ids.tolist() == ["A", "B"]
    assert panel.notes == ("The column 'store' tells the series apart (--id for another).",)


def daily(**columns: Any) -> bytes:
    """Twenty days and these columns, as CSV."""
    ds = pd.date_range("2024-01-01", periods=20)
    df = pd.DataFrame({"date": ds, **columns, "sales": range(20)})
    return df.to_csv(index=False).encode()


@pytest.mark.parametrize(
    "remarks",
    [
        pd.date_range("2024-01-01", periods=20).day_name(),
        ["promo" if day % 7 == 0 else "" for day in range(20)],
    ],
)
def test_text_beside_stamps_that_do_not_repeat_is_a_remark(write: Any, remarks: Any) -> None:
    panel = read_panel(write(daily(remark=remarks)))
    assert (panel.ids.tolist(), panel.lengths.tolist()) == (["sales"], [20])
    assert panel.notes[0] == "Columns that are not used: remark."
    assert panel.notes[1].endswith("name it: --id remark.")
    if "" not in remarks:
        panel = read_panel(write(daily(remark=remarks)), id_col="remark")
        assert panel.n_series == 7


def test_one_row_too_many_does_not_make_remarks_ids(write: Any) -> None:
    days_ = pd.date_range("2024-01-01", periods=20).day_name()
    content = daily(remark=days_) + b"2024-01-01,Monday,5\n"
    with pytest.raises(DataError, match=r"more than one row.*row 2, row 22\..*not used: remark"):
        read_panel(write(content))
    content = daily(remark=["promo"] + [""] * 19) + b"2024-01-01,,5\n"
    with pytest.raises(DataError, match=r"stamp 2024-01-01: row 2, row 22"):
        read_panel(write(content))


def test_without_stamps_text_that_never_repeats_is_no_id(write: Any) -> None:
    panel = read_panel(write("day,v\nmon,1\ntue,2\nwed,3\n"))
    assert panel.values.tolist() == [1, 2, 3]
    panel = read_panel(write("shop,v\nA,1\nA,2\nB,3\nB,5\n"))
    assert panel.ids.tolist() == ["A", "B"]


@pytest.mark.parametrize("empty", ["", "  ", '" "'])
def test_rows_must_say_which_series_they_belong_to(write: Any, empty: str) -> None:
    for heading in ("unique_id", "shop"):
        content = f"{heading},ds,y\nA,2024-01-01,1\nA,2024-01-02,2\n{empty},2024-01-01,2\n"
        with pytest.raises(DataError, match=r"not say which series.*row 4\."):
            read_panel(write(content))


def test_an_error_says_what_was_concluded_before(write: Any) -> None:
    content = "d,shop,z,v\n2024-01-01,A,x,1\n2024-01-01,B,x,2\n2024-01-01,B,x,3\n"
    with pytest.raises(DataError, match=r"candidates shop, z\. Name it: --id shop or --id z"):
        read_panel(write(content))
    with pytest.raises(DataError, match=r"not used: z.*Stamps were read from 'd', values from 'v'"):
        read_panel(write(content), id_col="shop")
    content = "d,shop,v\n2024-01-01,A,1\n2024-01-02,A,1\n2024-01-01,B,2\n2024-01-02,B,oops\n"
    with pytest.raises(DataError, match=r"row 5 \('oops'\).*column 'shop' tells the series apart"):
        read_panel(write(content))


@pytest.mark.parametrize(
    "stamps", [["Jan-20", "Feb-20"], ["Jan 2020", "Feb 2020"], ["01-Jan-2020", "01-Feb-2020"]]
)
def test_stamps_may_name_the_month(write: Any, stamps: list[str]) -> None:
    panel = read_panel(write(f"m,v\n{stamps[0]},1\n{stamps[1]},2\n"))
    assert (str(panel.frequency), days(panel)) == ("MS", ["2020-01-01", "2020-02-01"])


def test_stamps_may_have_a_clock_of_twelve_hours(write: Any) -> None:
    panel = read_panel(write("t,v\n2024-01-01 12:00 AM,1\n2024-01-01 1:00 AM,2\n"))
    assert (str(panel.frequency), str(panel.stamps(0)[0])[:16]) == ("h", "2024-01-01T00:00")


@pytest.mark.parametrize("stamp", ["Jan-20", "2020H1", "01/02", "FY2020", "10:15 o'clock"])
def test_dates_that_cannot_be_read_are_not_ids(write: Any, stamp: str) -> None:
    path = write(f'm,v\n"{stamp}",1\n"{stamp}",2\n"{stamp}",4\n')
    with pytest.raises(DataError, match=rf"'m' looks like dates.*row 2 \(.{stamp}.\).*--id m"):
        read_panel(path)
    assert read_panel(path, id_col="m").ids.tolist() == [stamp]


def numbers_read(write: Any, numbers: list[str], separator: str) -> list[float]:
    lines = [f"2024-01-0{k}{separator}{number}\n" for k, number in enumerate(numbers, 1)]
    return read_panel(write("date" + separator + "v\n" + "".join(lines))).values.tolist()


@pytest.mark.parametrize(
    ("numbers", "separators", "expected"),
    [
        (["10.013", "9.871"], ",\t", [10.013, 9.871]),
        (["0.125", "1.125"], ",\t;", [0.125, 1.125]),
        (["10.013", "9.5"], ",\t;", [10.013, 9.5]),
        (["1.125e3", "10.013"], ",\t;", [1125, 10.013]),
        (["1013.125", "10.013"], ",\t;", [1013.125, 10.013]),
        (["0,125", "-1,125"], "\t;", [0.125, -1.125]),
        (["10,013", "9,5"], "\t;", [10.013, 9.5]),
        (["1.234,56", "1.234"], "\t;", [1234.56, 1234]),
        (["1,234.56", "1,234"], "\t;", [1234.56, 1234]),
        (["1.234.567", "1.234", "7"], "\t;", [1234567, 1234, 7]),
        (['"1,234"', '"1,234.5"', "7"], ",", [1234, 1234.5, 7]),
        (["1,5", "1.5"], "\t;", [1.5, 1.5]),
    ],
)
def test_decimals_and_thousands(
    write: Any, numbers: list[str], separators: str, expected: list[float]
) -> None:
    for separator in separators:
        assert numbers_read(write, numbers, separator) == expected


@pytest.mark.parametrize(
    ("numbers", "separators"),
    [
        (["10,013", "9,871"], "\t;"),
        (["10.013", "9.871", "12"], ";"),
        (['"10,013"', '"9,871"'], ","),
        (["1,5", "1.5", "10.013"], "\t;"),
    ],
)
def test_when_decimals_and_thousands_cannot_be_told_apart_it_is_an_error(
    write: Any, numbers: list[str], separators: str
) -> None:
    number = next(number for number in numbers if "013" in number).strip('"')
    for separator in separators:
        with pytest.raises(
            DataError, match=rf"'v'.*{number} could be 10013 or 10.013.*\('{number}"
        ):
            numbers_read(write, numbers, separator)


def test_other_columns_tell_decimals_from_thousands(write: Any) -> None:
    path = write("date;price;sold\n2024-01-01;1,5;10.013\n2024-01-02;2,25;9.871\n")
    panel = read_panel(path, target_col="sold")
    assert panel.values.tolist() == [10013, 9871]
    assert panel.notes[-1] == "The points in the column 'sold' separate thousands: 10.013 is 10013."


def test_only_the_target_must_be_clear(write: Any) -> None:
    panel = read_panel(write("id;date;v\n1.234;2024-01-01;5\n1.234;2024-01-02;6\n"), id_col="id")
    assert panel.ids.tolist() == ["1.234"]


def test_columns_may_be_named(write: Any) -> None:
    path = write("shop,day,a,b\n1,2024-01-01,5,6\n1,2024-01-02,7,8\n2,2024-01-01,0,1\n")
    panel = read_panel(path, Intake(freq="D"), id_col="shop", time_col="day", target_col="b")
    assert panel.values.tolist() == [6, 8, 1]
    assert panel.ids.tolist() == ["1", "2"]
    assert panel.notes == ("Columns that are not used: a.",)
    with pytest.raises(DataError, match=r"no column 'c'. Got: columns shop, day, a, b"):
        read_panel(path, target_col="c")


def test_columns_without_headings_have_numbers(write: Any) -> None:
    path = write("2024-01-01,1,10\n2024-01-02,2,20\n")
    assert read_panel(path).ids.tolist() == ["column 2", "column 3"]
    assert read_panel(path, target_col="column 3").values.tolist() == [10, 20]


def test_read_table_keeps_the_files_own_headings(write: Any) -> None:
    table = read_table(write("\nMonat;Umsatz\n01.01.2024;1.234,5\n01.02.2024;2,5\n"))
    assert (table.columns.time_col, table.columns.target_col) == ("Monat", "Umsatz")
    assert (table.has_id, table.has_time, table.first_row) == (False, True, 3)
    assert table.frame["Umsatz"].tolist() == ["1234.5", "2.5"]


@pytest.mark.parametrize("missing", ["", "NA", "NaN", "null", "N/A", "#N/A", "None"])
def test_spellings_of_a_missing_value(write: Any, missing: str) -> None:
    panel = read_panel(write(f"ds,y\n2024-01-01,1\n2024-01-02,{missing}\n2024-01-03,3\n"))
    assert panel.observed.tolist() == [True, False, True]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings(write: Any, encoding: str) -> None:
    content = "日期,销量\n2024年1月,5\n2024年2月,6\n2024年3月,6\n".encode(encoding)
    panel = read_panel(write(content))
    assert panel.ids.tolist() == ["销量"]
    assert str(panel.frequency) == "MS"


@pytest.mark.parametrize(
    ("heading", "encoding", "name"),
    [
        *((word, "cp1252", "Windows-1252") for word in ("umsätze", "Größe", "MAßE", "créée", "m²")),
        ("Température °C", "cp1252", "Windows-1252"),
        ("GRÖßE", "cp1252", "Windows-1252"),
        *(
            (word, "gb18030", "GB18030")
            for word in ("销量", "v 销", "A店", "出货量(吨)", "GDP增长率")
        ),
        ("umsätze", "utf-16", "UTF-16"),
    ],
)
def test_encodings_that_are_assumed_are_noted(
    write: Any, heading: str, encoding: str, name: str
) -> None:
    content = f"date,{heading}\n2024-01-01,1.5\n2024-01-02,2\n".encode(encoding)
    panel = read_panel(write(content))
    assert panel.ids.tolist() == [heading]
    assert panel.notes == (f"The file is not UTF-8; it was read as {name}.",)


def test_utf_8_needs_no_note(write: Any) -> None:
    assert read_panel(write("date,größe\n2024-01-01,1\n2024-01-02,2\n")).notes == ()


def test_gzip_and_tsv(write: Any) -> None:
    content = b"ds\ty\n2024-01-01\t1\n2024-01-02\t2\n"
    for path in (write(content, "a.tsv"), write(gzip.compress(content, mtime=0), "a.tsv.gz")):
        assert read_panel(path).values.tolist() == [1, 2]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "sales.parquet"
    ds = pd.date_range("2024-01-01", periods=3, tz="Asia/Shanghai")
    df = pd.DataFrame({"store": ["a"] * 3, "when": ds, "sold": [1.0, None, 3.0]})
    df.to_parquet(path)
    panel = read_panel(path)
    np.testing.assert_array_equal(panel.values, [1, np.nan, 3])
    assert panel.ids.tolist() == ["a"]
    assert str(panel.forecast_frame(1, {})["ds"][0]) == "2024-01-04 00:00:00+08:00"
    df.set_index("when")[["sold"]].to_parquet(path)
    assert str(read_panel(path).frequency) == "D"


def test_parquet_columns_need_different_names(tmp_path: Path) -> None:
    table = pa.table([[1, 2], [3, 4], [5, 6]], names=["ds", "y", "y"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"share a name\. Got: 'y'"):
        read_panel(tmp_path / "a.parquet")


def test_parquet_without_pyarrow(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"gatecast\[parquet\]"):
        read_panel(write(b"", "a.parquet"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "The file is empty"),
        ("\n  \n", "The file is empty"),
        ("date,value\n", "nothing under it. Got: date, value"),
        ("a,b\nx,y\nz,w\n", "no column of numbers. Got: columns a, b"),
        (
            "unique_id,date,a,b\nA,2024-01-01,1,2\nA,2024-01-02,1,2\n",
            "Which column is the target.*candidates a, b. Name it: --target a",
        ),
        ("date,v\n2024-01-01,1\n2024-01-02,oops\n2024-01-03,3\n", r"'v'.*row 3 \('oops'\)"),
        ("v\n1\n2\nthree\n", r"row 4 \('three'\)"),
        ("\n\ndate,v\n2024-01-01,inf\n2024-01-02,2\n", "infinite.*row 4"),
        ("2024-01-01,-inf\n2024-01-02,2\n", "infinite.*row 1"),
        ("date,v\n2024-01-01,\n2024-01-02,NA\n", "All values are missing"),
        ("date,v\n2024-01-01,1\n2024-01-01,2\n2024-01-02,2\n", "2024-01-01: row 2, row 3"),
        ("date,v\n2024-01-01,1\n2024-02-30,2\n", r"not dates.*row 3 \('2024-02-30'\)"),
        ("date,v\n2024-01-01,1\n\n2024-01-02,2\n", r"not dates.*row 3 \(''\)"),
        ("date,v\n2024-01-01,1\n2024-01-02,2,3\n", r"more cells.*row 3 \(3\).*--sep"),
        ("date,v\n1/2/2024,1\n2/2/2024,3\n", "day or with the month"),
        ("date,v\n2024-01-01,1\n", "One stamp.*--freq"),
        (
            "store,item,date,v\na,x,2024-01-01,1\na,y,2024-01-01,1\n",
            "tells the series apart.*candidates store, item. Name it: --id store",
        ),
        (
            "date,a,b,c,d,e,f,g\n2024-01-01,1,2,3,4,5,6,7\n2024-01-01,1,2,3,4,5,6,7\n",
            "candidates a, b, c, d, e and 2 more. Name it: --target a, .*--target d or --target e",
        ),
        (
            "date,store,sales\n2024-01-01,1,5\n2024-01-02,1,6\n2024-01-01,2,7\n2024-01-02,2,8\n",
            "candidates sales, store. Name it: --target sales or .*name it too: --id store",
        ),
        ("date,v\n2024-01-01,1_100\n2024-01-02,2\n", r"row 2 \('1_100'\)"),
        (bytes(range(256)), "not a text file"),
        (b"\xff" * 100, "not a text file"),
        (gzip.compress(b"ds,y\n2024-01-01,1\n", mtime=0)[:20], "not a whole gzip file"),
    ],
)
def test_unusable_files(write: Any, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_panel(write(content))


def test_unusable_parquet(write: Any) -> None:
    with pytest.raises(DataError, match="not a whole Parquet file"):
        read_panel(write(b"PAR1 no more", "a.parquet"))


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=name):
        read_panel(tmp_path / name)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"is a folder. Give its files"):
        read_panel(tmp_path)


# Several files

WHOLE = "store,date,sales\n" + "".join(
    f"{store},2024-01-{day:02},{day * 2}.5\n" for store in "AB" for day in range(1, 13)
)


def assert_same(a: Panel, b: Panel) -> None:
    np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(a.indptr, b.indptr)
    np.testing.assert_array_equal(a.last, b.last)
    assert a.ids.tolist() == b.ids.tolist()
    assert (a.frequency, a.time_type, a.columns) == (b.frequency, b.time_type, b.columns)


def split(content: str, *at: int) -> list[str]:
    heading, *lines = content.splitlines(keepends=True)
    bounds = [0, *at, len(lines)]
    return [heading + "".join(lines[a:b]) for a, b in pairwise(bounds)]


@pytest.mark.parametrize("at", [(12,), (1, 13), (5, 6, 20)])
def test_a_table_split_into_files_is_the_same_panel(write: Any, at: tuple[int, ...]) -> None:
    parts = [write(part, f"{k}.csv") for k, part in enumerate(split(WHOLE, *at))]
    whole = read_panel(write(WHOLE))
    assert_same(read_panel(parts), whole)
    assert read_panel(parts).notes == whole.notes
    assert_same(read_panel(tuple(map(str, parts))), whole)
    assert_same(read_panel(iter(parts)), whole)


def test_split_files_may_order_their_columns_and_be_written_otherwise(
    write: Any, tmp_path: Path
) -> None:
    whole = read_panel(write(WHOLE))
    a, b = split(WHOLE, 12)
    frame = pd.read_csv(write(b, "b.csv"))
    semicolons = frame[["sales", "store", "date"]].to_csv(index=False, sep=";", decimal=",")
    assert_same(read_panel([write(a, "a.csv"), write(semicolons, "b.csv")]), whole)
    frame.to_parquet(tmp_path / "b.parquet")
    assert_same(read_panel([write(a, "a.csv"), tmp_path / "b.parquet"]), whole)
    frame.assign(date=pd.to_datetime(frame["date"])).to_excel(tmp_path / "b.xlsx", index=False)
    assert_same(read_panel([write(a, "a.csv"), tmp_path / "b.xlsx"]), whole)


def test_parquet_in_parts(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(["a", "b"], 10),
            "ds": pd.date_range("2024-01-01", periods=10).tolist() * 2,
            "y": np.arange(20.0),
        }
    )
    paths = [tmp_path / name for name in ("whole.parquet", "1.parquet", "2.parquet")]
    for path, part in zip(paths, (frame, frame[:7], frame[7:]), strict=True):
        part.to_parquet(path, index=False)
    assert_same(read_panel(paths[1:]), read_panel(paths[0]))


def test_an_error_names_the_file_and_the_row(write: Any) -> None:
    a, b = split(WHOLE.replace("B,2024-01-02,4.5", "B,2024-01-02,four"), 12)
    with pytest.raises(
        DataError, match=r"'sales' has.*not numbers\. Got: series 'B', row 3 of b\.csv \('four'\)"
    ):
        read_panel([write(a, "a.csv"), write(b, "b.csv")])
    a, b = split(WHOLE, 12)
    b = b.replace("B,2024-01-01", "A,2024-01-03")
    with pytest.raises(DataError, match=r"2024-01-03: row 4 of a\.csv, row 3 of b\.csv"):
        read_panel([write(a, "a.csv"), write("\n" + b, "b.csv")])
    text = WHOLE.replace("A,2024-01-05", "'row 1',2024-02-30")
    with pytest.raises(DataError, match=r"not dates.*row 6 of a\.csv \('2024-02-30'\)"):
        read_panel([write(split(text, 12)[0], "a.csv"), write(split(text, 12)[1], "b.csv")])


def test_the_odd_file_is_named(write: Any) -> None:
    paths = [write(part, f"{k}.csv") for k, part in enumerate(split(WHOLE, 8, 16))]
    paths[1].write_text(paths[1].read_text().replace("sales", "sold"))
    message = r"different columns\. Got: 1\.csv lacks 'sales', and 1\.csv also has 'sold'"
    with pytest.raises(DataError, match=message):
        read_panel(paths)
    paths[1].write_text("store,date\nA,2024-01-01\n")
    with pytest.raises(DataError, match=r"Got: 1\.csv lacks 'sales'\."):
        read_panel(paths)
    with pytest.raises(ConfigError, match="There are no files"):
        read_panel([])


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    paths = []
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "a.csv")
        paths[-1].write_text("ds,y\n2024-01-01,1\n2024-01-02,2\n")
    with pytest.raises(DataError, match=r"row 2 of \S+x/a\.csv, row 2 of \S+y/a\.csv"):
        read_panel(paths)


# A column or a row for each series

WIDE = "date,Nord,Süd,Ost\n2024-01-01,1,10,\n2024-01-02,2,,\n2024-01-03,3,30,5\n2024-01-04,4,,6\n"


def series(panel: Panel) -> dict[str, list[float]]:
    cuts = panel.indptr.tolist()
    return {
        str(name): panel.values[cuts[i] : cuts[i + 1]].tolist() for i, name in enumerate(panel.ids)
    }


def test_columns_of_numbers_are_series(write: Any) -> None:
    panel = read_panel(write(WIDE))
    assert panel.ids.tolist() == ["Nord", "Süd", "Ost"]
    assert days(panel, 2) == ["2024-01-03", "2024-01-04"]
    np.testing.assert_equal(list(series(panel).values()), [[1, 2, 3, 4], [10, np.nan, 30], [5, 6]])
    assert panel.notes[0] == (
        "Each of the 3 columns of numbers was read as a series: Nord, Süd, Ost "
        "(--target Nord takes one alone)."
    )
    assert read_panel(write(WIDE), target_col="Nord").ids.tolist() == ["Nord"]


def test_columns_as_series_may_have_numbers_for_names(write: Any) -> None:
    panel = read_panel(write("Datum,1,2\n2024-01-01,5,6\n2024-01-02,7,8\n"))
    assert series(panel) == {"1": [5, 7], "2": [6, 8]}


@pytest.mark.parametrize(
    "content",
    [
        ",date,a,b\n0,2024-01-01,1,2\n1,2024-01-02,3,4\n",
        "date,year,month,a,b\n2024-01-01,2024,1,1,2\n2024-01-02,2024,1,3,4\n",
        "date,a,remark,b\n2024-01-01,1,x,2\n2024-01-02,3,y,4\n",
        "date;a;b\n2024-01-01;1,0;2,0\n2024-01-02;3;4\n",
        "n,a,b\n1,1,2\n2,3,4\n",
    ],
)
def test_what_is_no_series_beside_series(write: Any, content: str) -> None:
    assert series(read_panel(write(content))) == {"a": [1, 3], "b": [2, 4]}


def test_columns_as_series_without_stamps_are_counted(write: Any) -> None:
    panel = read_panel(write("a,b\n7,2\n3,4\n"))
    assert panel.stamps(1).tolist() == [1, 2]
    assert panel.notes[1] == "The file has no stamps; its rows are counted from 1."
    assert read_panel(write("n,a,b\n10,7,2\n20,3,4\n")).stamps(0).tolist() == [10, 20]


def test_columns_as_series_have_their_rows_in_errors(write: Any) -> None:
    content = "date,a,b\n2024-01-01,1,2\n2024-01-02,x,3\n2024-01-03,4,1.5.5\n2024-01-04,4,1\n"
    message = r"table has.*not numbers.*row 3, column 'a' \('x'\), row 4, column 'b' \('1\.5\.5'\)"
    with pytest.raises(DataError, match=message):
        read_panel(write(content))
    content = "date,a,b\n2024-01-01,1,2\n2024-02-30,1,3\n2024-01-03,4,5\n"
    with pytest.raises(DataError, match=r"not dates.*Got: row 3 \('2024-02-30'\)\."):
        read_panel(write(content))
    content = "date;a;b\n2024-01-01;10.013;9.871\n2024-01-02;1;12\n"
    with pytest.raises(DataError, match=r"in the table may.*row 2, column 'a' \('10.013'\), row 2"):
        read_panel(write(content))


def test_a_covariate_is_no_series_and_may_be_ahead(write: Any) -> None:
    content = "date,a,b,promo\n" + "".join(
        f"2024-01-{day:02},{day if day < 9 else ''},{day if day < 9 else ''},{day % 2}\n"
        for day in range(1, 11)
    )
    panel = read_panel(write(content), Intake(Columns(future=("promo",))))
    assert panel.ids.tolist() == ["a", "b"]
    assert panel.lengths.tolist() == [8, 8]
    assert panel.columns == Columns(future=("promo",))
    assert panel.covariates is not None
    assert panel.covariates.future.ravel().tolist() == 2 * [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("content", "frequency"),
    [
        ("name,2024-01-01,2024-01-02,2024-01-03\nA,1,2,3\nB,4,5,\n", "D"),
        ("name,2024-01,2024-02,2024-03\nA,1,2,3\nB,4,5,\n", "MS"),
        ("name;2021;2022;2023\nA;1;2;3\nB;4;5;\n", "YS"),
        ("Country,Code,Unit,2021,2022,2023\nA,x,t,1,2,3\nB,y,t,4,5,\n", "YS"),
        ("name,31.1.2024,29.2.2024,31.3.2024\nA,1,2,3\nB,4,5,\n", "ME"),
        ('"V1","V2","V3","V4"\n"A","1","2","3"\n"B","4","5",""\n', "1"),
        ("unique_id,1,2,3\nA,1,2,3\nB,4,5,\n", "1"),
        ("id,d_1,d_2,d_3\nA,1,2,3\nB,4,5,\n", "1"),
    ],
)
def test_rows_may_be_series(write: Any, content: str, frequency: str) -> None:
    panel = read_panel(write(content))
    assert series(panel) == {"A": [1, 2, 3], "B": [4, 5]}
    assert str(panel.frequency) == frequency
    assert any(note.startswith("Each row was read as a series") for note in panel.notes)


def test_rows_that_are_series_have_their_rows_in_errors(write: Any) -> None:
    with pytest.raises(DataError, match=r"row 3, column '2022' \('x'\)"):
        read_panel(write("name,2021,2022,2023\nA,1,2,3\nB,4,x,5\n"))
    content = "shop,item,2021,2022,2023\nA,x,1,2,3\nA,y,4,7,5\nB,x,4,7,5\n"
    with pytest.raises(DataError, match=r"Which column tells.*--id shop or --id item"):
        read_panel(write(content))
    with pytest.raises(
        DataError, match=r"more than one row.*series 'A', stamp 2021-01-01: row 2, row 3"
    ):
        read_panel(write(content), id_col="shop")


@pytest.mark.parametrize(
    "content",
    [
        "day,remark,x1,x2\n2024-01-01,a,12,3\n2024-01-02,b,15,4\n2024-01-03,c,11,5\n",
        "2024-01-01,a,12,3\n2024-01-02,b,15,4\n2024-01-03,c,11,5\n",
        "day,remark,x1,x2\n2024-01-03,a,11,5\n2024-01-02,b,15,4\n2024-01-01,c,12,3\n",
        "day,2021,2022,2023\n2024-01-01,12,3,1\n2024-01-02,15,4,1\n2024-01-03,11,5,1\n",
        "when,remark,x1,x2\n2021,a,12,3\n2022,b,15,4\n2023,c,11,5\n",
    ],
)
def test_rows_of_which_each_has_its_date_are_no_series(write: Any, content: str) -> None:
    panel = read_panel(write(content))
    assert list(series(panel).values())[:2] == [[12, 15, 11], [3, 4, 5]]


def test_rows_may_be_series_that_begin_on_some_date(write: Any) -> None:
    for heading in ("name,opened,2021,2022,2023", "unique_id,opened,x1,x2,x3"):
        content = heading + "\nA,2020-05-01,1,2,3\nB,2020-07-01,4,5,\n"
        assert series(read_panel(write(content))) == {"A": [1, 2, 3], "B": [4, 5]}
    content = "name,opened,x1,x2,x3\nA,5/1/2020,1,2,3\nB,5/1/2020,4,5,\n"
    assert series(read_panel(write(content))) == {"A": [1, 2, 3], "B": [4, 5]}
    path = write("day,remark,x1,x2\n1/1/2024,a,1,2\n2/1/2024,b,3,4\n3/1/2024,c,5,6\n")
    with pytest.raises(DataError, match="day or with the month"):
        read_panel(path)


def test_known_headings_always_win(write: Any) -> None:
    panel = read_panel(write("unique_id,ds,y,a,b\nA,2024-01-01,1,2,3\nA,2024-01-02,4,5,6\n"))
    assert series(panel) == {"A": [1, 4]}
    panel = read_panel(write("timestamp,target,a\n2024-01-01,1,2\n2024-01-02,4,5\n"))
    assert series(panel) == {"target": [1, 4]}


# Covariates

SHOPS = (
    "shop,day,sold,price,open,size\n"
    'A,2024-01-01,1,"1,5",true,10\nA,2024-01-02,2,"1,25",FALSE,10\n'
    "B,2024-01-01,3,2,True,x\nB,2024-01-02,4,,,x\n"
)


def test_covariates_of_text_files(write: Any) -> None:
    columns = Columns(past=("price",), future=("open",), static=("size",))
    panel = read_panel(write(SHOPS), Intake(columns))
    assert panel.columns == columns
    assert panel.covariates is not None
    np.testing.assert_array_equal(panel.covariates.past.ravel(), [1.5, 1.25, 2, np.nan])
    np.testing.assert_array_equal(panel.covariates.future.ravel(), [1, 0, 1, np.nan])
    assert panel.covariates.static.ravel().tolist() == ["10", "x"]
    numbers = read_panel(write(SHOPS.replace(",x", ",7.5")), Intake(columns))
    assert numbers.covariates is not None
    assert numbers.covariates.static.ravel().tolist() == [10.0, 7.5]


def test_a_target_that_is_empty_is_known_by_its_covariates(write: Any) -> None:
    path = write("shop,day,sold,open\nA,2024-01-01,,1\nA,2024-01-02,,0\n")
    table = read_table(path, covariates=Columns(future=("open",), static=("shop",)))
    assert table.columns.target_col == "sold"


def test_covariates_must_be_there_and_one_thing(write: Any) -> None:
    with pytest.raises(DataError, match=r"no column 'rain'. Got: columns shop, day, sold"):
        read_panel(write(SHOPS), Intake(Columns(past=("rain",))))
    with pytest.raises(ConfigError, match=r"one thing only. Got: 'price'"):
        read_panel(write(SHOPS), Intake(Columns(past=("price",))), target_col="price")


def test_a_covariate_may_have_a_heading_that_is_known(write: Any) -> None:
    content = "date,y,sold\n2024-01-01,1,5\n2024-01-02,2,6\n"
    panel = read_panel(write(content), Intake(Columns(target_col="sold", past=("y",))))
    assert panel.values.tolist() == [5, 6]
    assert panel.columns.past == ("y",)


def test_the_intakes_names_serve_for_files(write: Any) -> None:
    path = write("shop,day,a,b\n1,2024-01-01,5,6\n1,2024-01-02,7,8\n")
    panel = from_any(path, Intake(Columns(id_col="shop", target_col="b")))
    assert series(panel) == {"1": [6, 8]}
    parts = [write(part, f"{k}.csv") for k, part in enumerate(split(WHOLE, 5))]
    assert_same(from_any(parts), read_panel(write(WHOLE)))
    assert_same(from_any(str(parts[0])), read_panel(parts[0]))


# How files are written


@pytest.mark.parametrize("wrong", ["", "ab", "a", "1", '"', "\n", ".", "é"])
def test_what_cannot_be_a_separator(wrong: str) -> None:
    with pytest.raises(ConfigError, match="cannot separate"):
        FileFormat(separator=wrong)


def test_what_cannot_be_a_decimal_mark() -> None:
    with pytest.raises(ConfigError, match="comma or a point"):
        FileFormat(decimal=";")


@pytest.mark.parametrize(
    ("separator", "given"),
    [("|", None), ("|", "|"), ("\t", "tab"), ("\t", "\\t"), (":", ":"), (" ", " "), ("  ", " ")],
)
def test_separators(write: Any, separator: str, given: str | None) -> None:
    content = "date,value,remark\n2024-01-01,1.5,x\n2024-01-02,2,y\n".replace(",", separator)
    panel = read_panel(write(content), format=FileFormat(separator=given))
    assert series(panel) == {"value": [1.5, 2]}


def test_a_separator_that_is_given_is_the_only_one(write: Any) -> None:
    path = write("date;a,b\n2024-01-01;1,5\n2024-01-02;2,5\n")
    assert series(read_panel(path, format=FileFormat(separator=";"))) == {"a,b": [1.5, 2.5]}


def test_the_decimal_mark_may_be_given(write: Any) -> None:
    path = write("date;v\n2024-01-01;10,013\n2024-01-02;9,871\n2024-01-03;1.234.567\n")
    assert read_panel(path, format=FileFormat(decimal=",")).values.tolist() == [
        10.013,
        9.871,
        1234567,
    ]
    path = write("date;v\n2024-01-01;10.013\n2024-01-02;9.871\n")
    assert read_panel(path, format=FileFormat(decimal=",")).values.tolist() == [10013, 9871]
    assert read_panel(path, format=FileFormat(decimal=".")).values.tolist() == [10.013, 9.871]
    path = write("date;v\n2024-01-01;10.5\n2024-01-02;9,871\n")
    with pytest.raises(DataError, match=r"another decimal mark.*','.*row 2 \('10.5'\).*--decimal"):
        read_panel(path, format=FileFormat(decimal=","))
    with pytest.raises(DataError, match=r"thousands or decimals.*--decimal , or --decimal \."):
        read_panel(write("date;v\n2024-01-01;10.013\n2024-01-02;9.871\n"))


def test_days_may_come_first(write: Any) -> None:
    path = write("date,v\n1/2/2024,1\n2/2/2024,3\n")
    with pytest.raises(DataError, match=r"day or with the month.*1/2/2024.*--dayfirst"):
        read_panel(path)
    panel = read_panel(path, format=FileFormat(dayfirst=True))
    assert days(panel) == ["2024-02-01", "2024-02-02"]
    panel = read_panel(
        write("date,v\n2024-01-02,1\n2024-01-03,3\n"), format=FileFormat(dayfirst=True)
    )
    assert days(panel) == ["2024-01-02", "2024-01-03"]
    path = write("date,v\n1/2/2024,1\n1/13/2024,3\n")
    with pytest.raises(DataError, match=r"starts with the month.*1/13/2024.*--dayfirst"):
        read_panel(path, format=FileFormat(dayfirst=True))
    panel = read_panel(write("name,1/2/2024,2/2/2024\nA,1,2\n"), format=FileFormat(dayfirst=True))
    assert days(panel) == ["2024-02-01", "2024-02-02"]


@pytest.mark.parametrize(
    ("stamps", "first", "frequency"),
    [
        (["1949-01", "1949-02"], "1949-01-01", "MS"),
        (["2024Q3", "2024Q4", "2025Q1"], "2024-07-01", "QS"),
        (["2024-W05", "2024-W06"], "2024-01-29", "W-MON"),
        (["2024-01-01T00:00:00.000", "2024-01-01T01:00:00.000"], "2024-01-01", "h"),
    ],
)
def test_spellings_of_stamps(write: Any, stamps: list[str], first: str, frequency: str) -> None:
    lines = "".join(f"{stamp},{k}\n" for k, stamp in enumerate(stamps))
    panel = read_panel(write("when,v\n" + lines))
    assert (days(panel)[0], str(panel.frequency)) == (first, frequency)


@pytest.mark.parametrize(
    ("content", "first", "frequency", "note"),
    [
        ("year,month,v\n2023,11,1\n2023,12,2\n2024,1,3\n", "2023-11-01", "MS", "'year', 'month'"),
        ("v,Day,Month,Year\n1,30,11,2023\n2,1,12,2023\n3,2,12,2023\n", "2023-11-30", "D", "'Day'"),
        ("Date;Time;v\n1.2.2024;22:00;1\n1.2.2024;23:00;2\n", "2024-02-01", "h", "'Date', 'Time'"),
        ("date,at,v\n2024-01-01,1:00 AM,1\n2024-01-01,1:00 PM,2\n", "2024-01-01", "12h", "'at'"),
    ],
)
def test_a_date_in_several_columns(
    write: Any, content: str, first: str, frequency: str, note: str
) -> None:
    panel = read_panel(write(content))
    assert (days(panel)[0], str(panel.frequency)) == (first, frequency)
    assert panel.values[:2].tolist() == [1, 2]
    assert panel.notes[0].endswith("were read as one date.")
    assert note in panel.notes[0]


def test_excels_line_for_the_separator(write: Any) -> None:
    panel = read_panel(write("sep=|\ndate|v\n2024-01-01|1,5\n2024-01-02|2\n"))
    assert (panel.values.tolist(), panel.notes) == ([1.5, 2], ())
    with pytest.raises(DataError, match="nothing under it"):
        read_panel(write("sep=;\n\n"))
    with pytest.raises(DataError, match=r"row 4 \('x'\)"):
        read_panel(write("sep=;\n\nv\nx\n5\n6\n"))


def test_offsets_are_kept(write: Any) -> None:
    panel = read_panel(write("t,v\n2024-01-01T00:00+08:00,1\n2024-01-01T01:00+08:00,2\n"))
    assert str(panel.forecast_frame(1, {})["ds"][0]) == "2024-01-01 02:00:00+08:00"


@pytest.mark.parametrize(
    ("heading", "unit", "name"),
    [("timestamp", 1, "seconds"), ("ts", 1000, "milliseconds"), ("epoch", 1, "seconds")],
)
def test_clocks_that_count_are_dates(
    write: Any, tmp_path: Path, heading: str, unit: int, name: str
) -> None:
    stamps = [(1_704_067_200 + 3600 * k) * unit for k in (0, 1, 3)]
    lines = "".join(f"{stamp},{k}\n" for k, stamp in enumerate(stamps))
    panel = read_panel(write(f"{heading},v\n{lines}"))
    assert str(panel.frequency) == "h"
    assert panel.notes[0] == f"The column {heading!r} was read as {name} since 1970, in UTC."
    assert str(panel.forecast_frame(1, {})["ds"][0]) == "2024-01-01 04:00:00+00:00"
    pd.DataFrame({heading: stamps, "v": range(3)}).to_parquet(tmp_path / "a.parquet")
    assert_same(read_panel(tmp_path / "a.parquet"), panel)
    assert str(read_panel(write("when,v\n" + lines)).frequency) == "h"  # by its position


@pytest.mark.parametrize(
    "stamps",
    [
        [1, 2, 3],
        [999_999_998, 999_999_999, 1_000_000_000],
        [9_999_999_997, 9_999_999_998, 9_999_999_999],
        [12345678901, 12345678902, 12345678903],
    ],
)
def test_whole_numbers_that_are_no_clock_stay(write: Any, stamps: list[int]) -> None:
    lines = "".join(f"{stamp},{k}\n" for k, stamp in enumerate(stamps))
    assert read_panel(write("timestamp,v\n" + lines)).stamps(0).tolist() == stamps


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom"])
def test_quotes_and_line_ends(write: Any, end: str, encoding: str) -> None:
    content = (
        f'shop,date,sold{end}"A, ""b""{end}c",2024-01-01,1{end}"A, ""b""{end}c",2024-01-02,2{end}'
    )
    raw = (
        b"\xfe\xff" + content.encode("utf-16-be") if "bom" in encoding else content.encode(encoding)
    )
    panel = read_panel(write(raw), id_col="shop")
    assert panel.ids.tolist() == [f'A, "b"{end}c'.replace("\r\n", "\r\n")]
    assert panel.values.tolist() == [1, 2]


@pytest.mark.parametrize("titles", ["Sales of 2024\n", "Sales\n\nin EUR, net\n\n", "a\nb\nc\n"])
def test_titles_above_the_table_are_left_out_with_a_note(write: Any, titles: str) -> None:
    content = titles + "date,value,remark\n2024-01-01,1,x\n2024-01-02,two,y\n2024-01-03,3,\n"
    row = 3 + titles.count("\n")
    with pytest.raises(DataError, match=rf"row {row} \('two'\)"):
        read_panel(write(content))
    panel = read_panel(write(content.replace("two", "2")))
    assert panel.values.tolist() == [1, 2, 3]
    assert "not part of the table" in panel.notes[0]


@pytest.mark.parametrize(
    ("title", "heading"),
    [("Report", "month,sales"), ("Report", '"month","sales"'), ("Sales, net", "month,sales,cost")],
)
def test_one_title_is_no_heading_that_lacks_a_cell(write: Any, title: str, heading: str) -> None:
    rows = [f"2024-0{month},{12 + month}" + ",1" * (heading.count(",") - 1) for month in (1, 2, 3)]
    panel = read_panel(write("\n".join([title, heading, *rows])))
    assert series(panel)["sales"] == [13, 14, 15]
    assert panel.notes[0] == "The first row is not part of the table; it was left out."


@pytest.mark.parametrize("rows", ["1,5\n2,7\n", "5,\n7,\n", "NA,\n7,\n"])
def test_a_heading_that_lacks_a_cell_is_no_title(write: Any, rows: str) -> None:
    read = read_file(write(f"sold\n{rows}"), FileFormat(), Findings(collect=True))
    assert ("sold" in read.frame, read.notes) == (True, ())


def test_rows_may_end_with_a_separator_that_the_heading_lacks(write: Any) -> None:
    assert series(read_panel(write("date,v\n2024-01-01,1,\n2024-01-02,2,\n"))) == {"v": [1, 2]}


def test_rows_may_be_numbered_as_r_does_it(write: Any) -> None:
    content = '"day","sold"\n"1",2024-01-01,5\n"2",2024-01-02,6\n"3",2024-01-03,7\n'
    panel = read_panel(write(content))
    assert (series(panel), panel.notes) == (
        {"sold": [5, 6, 7]},
        ("Columns that are not used: column 1.",),
    )
    with pytest.raises(DataError, match=r"more cells.*row 2 \(3\), row 3 \(3\)"):
        read_panel(write(content.replace('"2"', '"7"')))


def test_another_separator_is_asked_for(write: Any) -> None:
    with pytest.raises(DataError, match=r"name it: --sep ' '"):
        read_panel(write("2024-01-01 5\n2024-01-02 6\n"))
    with pytest.raises(DataError, match=r"no column of numbers.*name it: --sep"):
        read_panel(write("a:x\nb:y\nc:z\n"))


def test_ragged_rows_are_collected(write: Any) -> None:
    found = Findings(collect=True)
    path = write("date,v\n2024-01-01,1\n2024-01-02,2,3\n2024-01-03,3\n2024-01-04,4\n")
    panel = read_panel(path, found=found)
    assert (found.all[0].code, found.all[0].where) == ("ragged", "row 3 (3)")
    np.testing.assert_array_equal(panel.values, [1, np.nan, 3, 4])


def test_what_is_wrong_is_collected(write: Any) -> None:
    found = Findings(collect=True)
    content = "date,a,b\n2024-01-01,1,x\n2024-01-02,inf,3\n2024-01-03,4,1e305\n2024-01-04,4,1\n"
    panel = read_panel(write(content), found=found)
    assert [(finding.code, finding.where) for finding in found.all] == [
        ("text", "row 2, column 'b' ('x')"),
        ("infinite", "row 3, column 'a'"),
        ("too-large", "row 4, column 'b' (1e+305)"),
    ]
    np.testing.assert_equal(list(series(panel).values()), [[1, np.nan, 4, 4], [3, np.nan, 1]])
    found = Findings(collect=True)
    parts = [
        write(part, f"{k}.csv") for k, part in enumerate(split(WHOLE.replace(",8.5", ",x"), 2))
    ]
    read_panel(parts, found=found)
    assert found.all[0].where == "row 3 of 1.csv ('x')"


# Excel


@pytest.fixture
def workbook(tmp_path: Path) -> Any:
    def write_(sheets: dict[str, list[list[Any]]], name: str = "book.xlsx") -> Path:
        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / name)
        return tmp_path / name

    return write_


def dated(*rows: list[Any]) -> list[list[Any]]:
    return [["date", "sales"], *([datetime(2024, 1, k), *row] for k, row in enumerate(rows, 1))]


@pytest.mark.parametrize("name", ["book.xlsx", "book.xlsm", "book"])
def test_excel(workbook: Any, name: str) -> None:
    panel = read_panel(workbook({"Sheet": dated([1.5], [2], [None], [4])}, name))
    np.testing.assert_array_equal(panel.values, [1.5, 2, np.nan, 4])
    assert (days(panel)[:2], panel.ids.tolist()) == (TWO_DAYS, ["sales"])
    assert panel.notes == ()


def test_the_sheet_is_the_first_that_has_data(workbook: Any) -> None:
    path = workbook({"Empty": [], "Mai": dated([1], [2]), "Juni": dated([3], [4])})
    panel = read_panel(path)
    assert panel.values.tolist() == [1, 2]
    assert panel.notes == (
        "The sheet 'Mai' was read; the file also has 'Empty', 'Juni' (--sheet).",
    )
    panel = read_panel(path, format=FileFormat(sheet="Juni"))
    assert (panel.values.tolist(), panel.notes) == ([3, 4], ())
    with pytest.raises(DataError, match=r"no sheet 'July'. Got: sheets 'Empty', 'Mai', 'Juni'"):
        read_panel(path, format=FileFormat(sheet="July"))
    with pytest.raises(DataError, match="The file is empty"):
        read_panel(path, format=FileFormat(sheet="Empty"))


def test_a_sheet_of_text_names_the_others(workbook: Any) -> None:
    for readme in ([["Sales"]], [["Sales"], ["of the shop"]]):
        path = workbook({"Readme": readme, "Sales": dated([1], [2])})
        with pytest.raises(DataError, match=r"'Readme' was read.*has 'Sales' \(--sheet\)") as error:
            read_panel(path)
        assert "--sep" not in str(error.value)
    with pytest.raises(DataError, match=r"no column 'y'.*'Readme' was read"):
        read_table(path, target_col="y")


def test_the_heading_need_not_be_the_first_row(workbook: Any) -> None:
    rows = [[], ["Report of the year"], [], [None, *dated()[0]]]
    rows += [[None, datetime(2024, 1, 1), 1], [None, datetime(2024, 1, 2), "oops"], [None, None]]
    rows += [[None, datetime(2024, 1, 3), 2]]
    with pytest.raises(DataError, match=r"'sales' has.*not numbers.*row 6 \('oops'\)"):
        read_panel(workbook({"S": [*rows[:6], rows[7]]}))
    rows[5][2] = 7
    panel = read_panel(workbook({"S": [*rows[:6], rows[7], [], []]}))
    assert panel.values.tolist() == [1, 7, 2]
    assert panel.notes == ("The first row is not part of the table; it was left out.",)


def test_cells_of_excel_may_hold_anything(workbook: Any) -> None:
    rows = dated([1], ["#N/A"], ["3,5"], [1.125], [" "], ["NA"], [7])
    panel = read_panel(workbook({"S": rows}))
    np.testing.assert_array_equal(panel.values, [1, np.nan, 3.5, 1.125, np.nan, np.nan, 7])
    with pytest.raises(DataError, match=r"row 3 \('#DIV/0!'\)"):
        read_panel(workbook({"S": dated([1], ["#DIV/0!"], [2])}))
    rows = [["id", "when", "y"], [1, date(2024, 1, 1), True], [1, date(2024, 1, 2), False]]
    panel = read_panel(workbook({"S": rows}), id_col="id")
    assert series(panel) == {"1": [1, 0]}
    shops = (1, "B", "C")
    rows = [["shop", "when", "y"], *([shop, "2024-01-01", 2.5] for shop in shops)]
    rows += [[shop, datetime(2024, 1, 2), 3] for shop in shops]
    assert series(read_panel(workbook({"S": rows}))) == {name: [2.5, 3] for name in "1BC"}


def test_ids_may_be_merged_cells(workbook: Any) -> None:
    rows = [["shop", "date", "sold"]]
    rows += [
        [shop if k == 1 else None, datetime(2024, 1, k), k] for shop in "AB" for k in (1, 2, 3)
    ]
    book = openpyxl.load_workbook(workbook({"S": rows}))
    for cells in ("A2:A4", "A5:A7"):
        book["S"].merge_cells(cells)
    path = workbook({"S": rows})
    book.save(path)
    assert series(read_panel(path)) == {"A": [1, 2, 3], "B": [1, 2, 3]}


def test_wide_sheets(workbook: Any) -> None:
    rows = [["name", datetime(2024, 1, 1), datetime(2024, 2, 1)], ["A", 1, 2], ["B", 3, None]]
    panel = read_panel(workbook({"S": rows}))
    assert (series(panel), str(panel.frequency)) == ({"A": [1, 2], "B": [3]}, "MS")
    rows = [["date", 2023, 2024.0], [datetime(2024, 1, 1), 1, 2], [datetime(2024, 1, 2), 3, "4,5"]]
    assert series(read_panel(workbook({"S": rows}))) == {"2023": [1, 3], "2024": [2, 4.5]}


def test_formulas_have_the_value_that_was_computed(workbook: Any, tmp_path: Path) -> None:
    path = workbook({"S": dated([1], ["=B2*2"], [3])})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    panel = read_panel(path)  # openpyxl computes nothing
    np.testing.assert_array_equal(panel.values, [1, np.nan, 3])
    assert panel.notes[0].startswith("Formulas without a value, 1 of them, count as missing")
    parts[sheet] = re.sub(rb"<f>B2\*2</f><v ?/?>(</v>)?", b"<f>B2*2</f><v>2</v>", parts[sheet])
    with zipfile.ZipFile(tmp_path / "f.xlsx", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    panel = read_panel(tmp_path / "f.xlsx")
    assert (panel.values.tolist(), panel.notes) == ([1, 2, 3], ())


def test_excel_without_openpyxl(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"gatecast\[excel\]"):
        read_panel(write(b"PK\3\4", "a.xlsx"))


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.xls", r"old kind.*\.xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.xlsx", "with a password"),
        (b"date,v\n", "a.xlsx", "not a whole Excel file"),
        (b"PK\3\4 and no more", "a.xlsx", "not a whole Excel file"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "a.csv.zst", "compressed file, and not gzip"),
        (
            gzip.compress(b"PAR1" + b"x" * 40, mtime=0),
            "a.csv.gz",
            "in gzip that is no text.*Unpack",
        ),
        (gzip.compress(bytes(10**8), mtime=0), "a.csv.gz", "not a text file"),
        (b"a,b\n1,\0\n", "a.csv", "not a text file"),
        ("a\0,b\n1,2\n".encode("utf-16"), "a.csv", "not a text file"),
        (b"x," * 30_000 + b"\n", "a.csv", r"more than 20,000 columns.*30,001"),
        (b'"' + b'""' * 1001 + b",1\n2", "a.csv", "quotation mark is never closed"),
        (b'date,v\n2024-01-01,"1\n2024-01-02,2\n', "a.csv", "quotation mark is never closed"),
        (b"v\n1\n" + b"9" * 5000 + b"\n", "a.csv", r"infinite.*row 3"),
        (b"v\n1\n1e999\n", "a.csv", r"infinite.*row 3"),
        (b"v\n1\n" + b"x" * 10**7 + b"\n", "a.csv", r"not numbers.*row 3 \('x{40}'\)"),
        (b"ds,y\n" + b"1/" * 10**6 + b",1\n2024-01-01,2\n", "a.csv", r"not dates.*row 2 \('1/1/"),
        (b"ds,y\ntoday,1\nnow,2\n", "a.csv", "not dates"),
        (b"ds,y\n\xc5\xbfep 2024,1\nOct 2024,2\n", "a.csv", r"not dates.*row 2"),
    ],
)
def test_hostile_files(write: Any, content: bytes, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_panel(write(content, name))


def test_long_cells_take_no_long_time(write: Any) -> None:
    for cell in (b"jan" * 10**6, b"1-" * 10**6, b":00" * 10**6, b"1," * 10**6):
        path = write(b'"' + cell + b'",1\n"' + cell + b'",2\n')
        begin = perf_counter()
        assert read_panel(path, id_col="column 1").values.tolist() == [1, 2]
        with pytest.raises(DataError, match=r"not dates|not numbers"):
            read_panel(path, time_col="column 1")
        assert perf_counter() - begin < 5


def zipped(path: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def parts(workbook: Any) -> dict[str, bytes]:
    with zipfile.ZipFile(workbook({"S": dated([1], [2], [3])})) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_damaged_workbook_prints_nothing(
    tmp_path: Path, parts: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    styles = parts["xl/styles.xml"].replace(b'xfId="0"', b'xfId="9"')
    styles = re.sub(rb"<cellXfs.*</cellXfs>", lambda m: m[0].replace(b'"0"', b'"99"'), styles)
    path = zipped(tmp_path / "a.xlsx", parts | {"xl/styles.xml": styles})
    with pytest.raises(DataError, match="not a whole Excel file"):
        read_panel(path)
    assert capsys.readouterr().out == ""


def test_a_workbook_may_claim_any_size(tmp_path: Path, parts: dict[str, bytes]) -> None:
    parts[SHEET] = parts[SHEET].replace(b'ref="A1:B4"', b'ref="A1:XFD1048576"')
    assert b"XFD" in parts[SHEET]
    assert read_panel(zipped(tmp_path / "a.xlsx", parts)).values.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("part", "old", "new", "message"),
    [
        (SHEET, b"<sheetData>", b"<sheetData>" + b"<row/>" * 4_000_000, "too large"),
        (SHEET, b"<sheetData>", b"<sheetData><row>" + b"<c/>" * 1_000_000 + b"</row>", "too large"),
        (SHEET, b"<sheetData>", b'<sheetData><row r="999999999999"/>', "too large"),
        (SHEET, b"<sheetData>", b"<sheetData>" + b'<row><c r="ZZZ1"/></row>' * 5000, "too large"),
        (SHEET, b"<sheetData>", b"<x>" * 200 + b"<sheetData>", "too large"),
        ("xl/styles.xml", b"<fonts", b"<x/>" * 4_000_000 + b"<fonts", "too large"),
        ("xl/media.bin", b"", bytes(600 << 20), "too large"),
        (SHEET, b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet', "document type"),
        (SHEET, b"<v>1</v>", b"<v>" + b"1" * 5000 + b"</v>", "not a whole Excel file"),
        (SHEET, b"</row>", b"", "not a whole Excel file"),
    ],
)
def test_hostile_workbooks(
    tmp_path: Path, parts: dict[str, bytes], part: str, old: bytes, new: bytes, message: str
) -> None:
    content = parts.get(part, b"")
    assert old in content
    parts[part] = content.replace(old, new, 1)
    with pytest.raises(DataError, match=message):
        read_panel(zipped(tmp_path / "a.xlsx", parts))


def test_zip_archives_are_no_workbooks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"zip archive.*Unpack"):
        read_panel(zipped(tmp_path / "a.zip", {"a.csv": b"ds,y\n2024-01-01,1\n"}))


# More of Parquet


def test_parquet_with_columns_that_are_no_cells(tmp_path: Path) -> None:
    ds = pd.date_range("2024-01-01", periods=3)
    table = pa.table({"ds": ds, "y": [1, 2, 3], "list": [[1], [2], []], "map": [{"a": 1}] * 3})
    pq.write_table(table, tmp_path / "a.parquet")
    panel = read_panel(tmp_path / "a.parquet")
    assert panel.values.tolist() == [1, 2, 3]
    assert panel.notes == ("Columns that hold lists or structures were left out: list, map.",)
    with pytest.raises(DataError, match=r"no column 'list'"):
        read_panel(tmp_path / "a.parquet", target_col="list")


def test_parquets_own_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "unique_id": pa.array(["a", "a", "b", "b"]).dictionary_encode(),
            "ds": pa.array([date(2024, 1, 1), date(2024, 1, 2)] * 2, pa.date32()),
            "y": pa.array([Decimal("1.5"), None, Decimal("2"), Decimal("3")], pa.decimal128(9, 2)),
            "promo": pa.array([True, False, None, True]),
            "kind": pa.array(["x", "x", None, None], pa.large_string()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    intake = Intake(Columns(past=("promo",), static=("kind",)))
    panel = read_panel(tmp_path / "a.parquet", intake)
    assert panel.ids.tolist() == ["a", "b"]
    assert panel.covariates is not None
    np.testing.assert_array_equal(panel.values, [1.5, 2, 3])


def test_a_parquet_file_is_known_by_its_content(tmp_path: Path) -> None:
    pq.write_table(pa.table({"ds": [1, 2], "y": [3.0, 4.0]}), tmp_path / "data")
    assert read_panel(tmp_path / "data").values.tolist() == [3, 4]


def test_parquet_that_unpacks_to_more_than_there_is_memory_for(tmp_path: Path) -> None:
    zeros = pa.chunked_array([pa.array(np.zeros(2**22))] * 10)
    table = pa.table({f"y{k}": zeros for k in range(30)})
    pq.write_table(table, tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 10**7
    with pytest.raises(DataError, match="more than 4 GiB of memory"):
        read_panel(tmp_path / "a.parquet")


def test_a_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = gzip.compress(b"ds,y\n2024-01-01,1\n2024-01-02,2\n", mtime=0)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert read_panel(pipe).values.tolist() == [1.0, 2.0]
    writer.join()
