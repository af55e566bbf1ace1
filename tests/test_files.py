from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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
        (bytes(range(256)), "not a text file"),
        (b"\xff" * 100, "not a text file"),
        (gzip.compress(b"ds,y\n2024-01-01,1\n")[:20], "not a whole gzip file"),
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
