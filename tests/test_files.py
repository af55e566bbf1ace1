from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatecast.errors import DataError, MissingExtraError
from gatecast.files import read_panel, read_table
from gatecast.panel import Columns, Panel


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
    np.testing.assert_array_equal(panel.values, [np.nan, 5, np.nan, 6])


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
    with pytest.raises(DataError, match=r"series 'sales' at 2024-01-01: row 2, row 22"):
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
    panel = read_panel(path, id_col="shop", time_col="day", target_col="b", freq="D")
    assert panel.values.tolist() == [6, 8, 1]
    assert panel.ids.tolist() == ["1", "2"]
    assert panel.notes == ("Columns that are not used: a.",)
    with pytest.raises(DataError, match=r"no column 'c'. Got: columns shop, day, a, b"):
        read_panel(path, target_col="c")


def test_columns_without_headings_have_numbers(write: Any) -> None:
    path = write("2024-01-01,1,10\n2024-01-02,2,20\n")
    with pytest.raises(DataError, match="--target 'column 2'"):
        read_panel(path)
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
    for path in (write(content, "a.tsv"), write(gzip.compress(content), "a.tsv.gz")):
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
            "date,a,b\n2024-01-01,1,2\n2024-01-02,1,2\n",
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
        ("date,v\n2024-01-01,1\n2024-01-02,2,3\n", "not a table.*line 3"),
        ("date,v\n1/2/2024,1\n2/2/2024,3\n", "day or with the month"),
        ("date,v\n2024-01-01,1\n", "One stamp.*--freq"),
        (
            "store,item,date,v\na,x,2024-01-01,1\na,y,2024-01-01,1\n",
            "tells the series apart.*candidates store, item. Name it: --id store",
        ),
        (
            "date,a,b,c,d,e,f,g\n2024-01-01,1,2,3,4,5,6,7\n2024-01-02,1,2,3,4,5,6,7\n",
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
    with pytest.raises(IsADirectoryError):
        read_panel(tmp_path)
