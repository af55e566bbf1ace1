from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from dateutil.tz import gettz, tzoffset, tzstr
from hypothesis import given, settings
from hypothesis import strategies as st

from gatecast.errors import ArtifactError, ConfigError, DataError
from gatecast.findings import Findings
from gatecast.frames import from_frame, join_future
from gatecast.panel import Columns, Covariates, Intake, Panel, from_any, from_array, from_metadata

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]


def long(**columns: Any) -> pd.DataFrame:
    given_ = {"ds": pd.to_datetime(DAYS), "y": [1.0, 2.0, 3.0], **columns}
    return pd.DataFrame({name: column for name, column in given_.items() if column is not None})


def in_kind(frame: pd.DataFrame, kind: str) -> Any:
    if kind == "polars":
        return pl.from_pandas(frame)
    return pa.Table.from_pandas(frame) if kind == "pyarrow" else frame


def to_pandas(frame: Any) -> pd.DataFrame:
    return frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()


# Arrays


def test_an_array_of_one_series() -> None:
    panel = from_any([1, 2, None, 4])
    np.testing.assert_array_equal(panel.values, [1, 2, np.nan, 4])
    assert panel.observed.tolist() == [True, True, False, True]
    assert panel.indptr.tolist() == [0, 4]
    assert (panel.kind, panel.n_series, panel.season_length) == ("array-1d", 1, 1)
    assert panel.frequency is None
    assert panel.ids.tolist() == [0]
    assert panel.stamps(0).tolist() == [0, 1, 2, 3]
    assert panel.future_stamps(0, 2).tolist() == [4, 5]


def test_an_array_of_several_series() -> None:
    panel = from_any(np.arange(6).reshape(2, 3))
    assert panel.values.dtype == np.float64
    assert panel.lengths.tolist() == [3, 3]
    assert (panel.kind, panel.ids.tolist(), panel.last.tolist()) == ("array-2d", [0, 1], [2, 2])


@pytest.mark.parametrize(
    "data",
    [
        [1.0, 2.0],
        (1, 2),
        np.array([1, 2], np.int8),
        np.array([1, 2], np.float32),
        pd.Series([1, 2]),
        pd.Series([1, 2], dtype="Int64"),
        pl.Series([1, 2]),
        pa.array([1, 2]),
        [Decimal(1), 2],
        ["1", " 2 "],
    ],
)
def test_whatever_is_numbers_is_an_array(data: Any) -> None:
    panel = from_any(data)
    assert panel.values.tolist() == [1, 2]
    assert panel.kind == "array-1d"


def test_missing_values_of_pandas_are_missing() -> None:
    panel = from_any(pd.Series([1, pd.NA, 3], dtype="Int64"))
    assert panel.observed.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]), [1, np.nan, 3]),
        (np.ma.array([1, np.inf, 3], mask=[0, 1, 0]), [1, np.nan, 3]),
        (np.ma.array(["1", "x", "3"], mask=[0, 1, 0]), [1, np.nan, 3]),
        (np.ma.array([1, 2]), [1, 2]),
        (np.ma.array([[1, 2], [3, 99]], mask=[[0, 0], [0, 1]]), [1, 2, 3]),
        ([np.ma.array([1, 99, 2], mask=[0, 1, 0]), [3, 4, 5]], [1, np.nan, 2, 3, 4, 5]),
    ],
)
def test_what_an_array_masks_is_missing(data: Any, expected: list[float]) -> None:
    panel = from_any(data)
    np.testing.assert_array_equal(panel.values, expected)
    np.testing.assert_array_equal(panel.observed, ~np.isnan(expected))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "There are no values"),
        ([1e302, 2e302, -1e308], r"too large. Got: position 1 \(2e\+302\), position 2"),
        (["1_100", "2"], r"position 0 \('1_100'\)"),
        (np.zeros((2, 0)), r"no values.*\(2, 0\)"),
        (1.0, r"\[time\] or \[n_series, time\].*float"),
        (np.zeros((1, 2, 3)), r"\(1, 2, 3\)"),
        ({"y": [1, 2]}, "dict"),
        ([1, np.inf, -np.inf], "infinite.*position 1, position 2"),
        ([[1, 2], [3, np.inf]], "series 1, position 1"),
        ([[1, 2], [np.nan, np.nan]], "All values are missing.*series 1"),
        ([1, "two", 3, "four"], r"position 1 \('two'\), position 3 \('four'\)"),
        ([[1, 2], [3]], "different lengths.*unique_id, ds, y"),
        (np.array(["2024-01-01"], "M8[D]"), r"not hold numbers.*datetime64\[D\]"),
        ([1j], "not hold numbers"),
    ],
)
def test_unusable_arrays(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_any(data)


def test_a_frequency_for_an_array_is_refused() -> None:
    with pytest.raises(ConfigError, match="freq='D'"):
        from_any([1.0, 2.0], Intake(freq="D"))


def test_the_caller_keeps_its_array() -> None:
    array = np.array([1.0, 2.0])
    panel = from_array(array)
    panel.values[0] = 9
    assert array[0] == 1


def test_arrays_need_neither_pandas_nor_narwhals() -> None:
    code = (
        "import sys; from gatecast.panel import from_any; p = from_any([1.0, None, 3.0]).tail(2);"
        "p.stamps(0); p.metadata(); sys.exit(bool({'pandas', 'narwhals'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Frames


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_what_comes_in_goes_out_in_kind(kind: str) -> None:
    df = pd.concat([long(unique_id="B"), long(unique_id="A")])
    frame = in_kind(df, kind)

    panel = from_any(frame)

    assert (panel.kind, str(panel.frequency), panel.season_length) == (kind, "D", 7)
    assert panel.ids.tolist() == ["B", "A"]
    forecast = panel.forecast_frame(2, {"LSTM": np.arange(4.0).reshape(2, 2)})
    assert type(forecast) is type(frame)
    forecast = to_pandas(forecast)
    assert list(forecast.columns) == ["unique_id", "ds", "LSTM"]
    assert forecast["unique_id"].tolist() == ["B", "B", "A", "A"]
    assert forecast["ds"].tolist() == list(pd.to_datetime(["2024-01-04", "2024-01-05"])) * 2
    assert forecast["LSTM"].tolist() == [0, 1, 2, 3]


def test_columns_may_have_other_names() -> None:
    df = long().rename(columns={"ds": "when", "y": "sold"}).assign(store=7)
    panel = from_any(df, Intake(Columns("store", "when", "sold")))
    assert panel.columns == Columns("store", "when", "sold")
    assert panel.ids.tolist() == [7]
    assert list(panel.forecast_frame(1, {}).columns) == ["store", "when"]


def test_without_ids_a_frame_is_one_series_named_after_its_target() -> None:
    assert from_any(long()).ids.tolist() == ["y"]


@pytest.mark.parametrize(
    "ds",
    [
        DAYS,
        pd.Series(DAYS, dtype="string"),
        pd.Series(DAYS, dtype="category"),
        [date(2024, 1, day) for day in (1, 2, 3)],
        [datetime(2024, 1, day) for day in (1, 2, 3)],
        pd.to_datetime(DAYS).as_unit("s"),
        pd.to_datetime(DAYS).astype("datetime64[ns]"),
        pd.period_range("2024-01-01", periods=3, freq="D"),
    ],
)
def test_dates_come_in_many_types(ds: Any) -> None:
    panel = from_any(long(ds=ds))
    assert str(panel.frequency) == "D"
    assert panel.stamps(0)[0] == panel.stamps(0)[-1] - 2 * (panel.stamps(0)[1] - panel.stamps(0)[0])
    assert str(panel.forecast_frame(1, {})["ds"][0])[:10] == "2024-01-04"


@pytest.mark.parametrize(
    ("ds", "dtype"),
    [
        (pd.to_datetime(DAYS).as_unit("s"), "datetime64[s]"),
        (pd.to_datetime(DAYS).as_unit("ns"), "datetime64[ns]"),
        (
            pd.to_datetime(DAYS).as_unit("us").tz_localize("Asia/Tokyo"),
            "datetime64[us, Asia/Tokyo]",
        ),
        (pd.period_range("2024-01", periods=3, freq="M"), "period[M]"),
        (pd.period_range("2024Q1", periods=3, freq="Q"), "period[Q-DEC]"),
        ([1, 2, 3], "int64"),
        (DAYS, "datetime64[us]"),
    ],
)
def test_the_type_of_stamps_survives(ds: Any, dtype: str) -> None:
    df = long(ds=ds)
    panel = from_any(df)

    out = panel.forecast_frame(2, {})["ds"]

    assert str(out.dtype) == dtype
    if not isinstance(ds, list):
        steps = 5 if "period" not in dtype else None
        expected = pd.Index(ds).append(pd.Index(out))
        freq = str(panel.frequency) if steps else ds.freq
        make = pd.date_range if steps else pd.period_range
        assert list(expected) == list(make(ds[0], periods=5, freq=freq))
        assert list(pd.Index(panel.stamps(0)).append(pd.Index(panel.future_stamps(0, 2)))) == list(
            expected
        )


@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_polars_stamps_survive(unit: Any, tz: str | None) -> None:
    ds = pl.datetime_range(
        datetime(2024, 3, 29), datetime(2024, 3, 30), "1d", time_unit=unit, time_zone=tz, eager=True
    )
    panel = from_any(pl.DataFrame({"ds": ds, "y": [1, 2]}))
    out = panel.forecast_frame(2, {})["ds"]
    assert out.dtype == ds.dtype
    assert [str(x)[:19] for x in out] == ["2024-03-31 00:00:00", "2024-04-01 00:00:00"]


def test_dates_of_polars_and_pyarrow_stay_dates() -> None:
    df = pl.DataFrame({"ds": [date(2024, 1, 31), date(2024, 2, 29)], "y": [1, 2]})
    panel = from_any(df)
    assert panel.forecast_frame(1, {})["ds"].to_list() == [date(2024, 3, 31)]
    assert panel.stamps(0).dtype == "M8[D]"
    table = from_any(df.to_arrow()).forecast_frame(1, {})
    assert table["ds"].to_pylist() == [date(2024, 3, 31)]
    assert table.schema.field("ds").type == pa.date32()


def test_text_with_an_offset_keeps_it() -> None:
    texts = [f"{day}T00:00:00+08:00" for day in DAYS]
    out = from_any(long(ds=texts)).forecast_frame(1, {})["ds"]
    assert str(out[0]) == "2024-01-04 00:00:00+08:00"
    in_utc = from_any(pl.DataFrame({"ds": texts, "y": [1, 2, 3]})).forecast_frame(1, {})["ds"]
    assert str(in_utc[0]) == "2024-01-03 16:00:00+00:00"


@pytest.mark.parametrize(
    "tz", [tzoffset("somewhere", 3600), gettz("Europe/Berlin"), tzstr("CET-1CEST")]
)
def test_a_time_zone_without_a_name_is_refused_with_the_fix(tz: Any) -> None:
    ds = pd.to_datetime(DAYS).tz_localize("UTC").tz_convert(tz)
    with pytest.raises(DataError, match=r"time zone.*tz_convert"):
        from_any(long(ds=ds))


def test_when_pandas_cannot_read_a_time_zone_it_is_an_error_with_the_fix() -> None:
    # pandas makes such stamps and then fails to show them.
    ds = pd.to_datetime(DAYS).tz_localize("UTC").tz_convert(tzstr("CET-1CEST"))
    for data in (long(ds=pd.Categorical(ds)), long(unique_id=ds), long(y=ds), pd.Series(ds)):
        with pytest.raises(DataError, match=r"cannot be read.*tz_convert"):
            from_any(data)


def test_hourly_stamps_pass_a_clock_change() -> None:
    ds = pd.date_range("2024-10-26 12:00", periods=12, freq="h", tz="Europe/Berlin")
    panel = from_any(pd.DataFrame({"ds": ds, "y": np.arange(12.0)}))
    expected = pd.date_range("2024-10-26 12:00", periods=24, freq="h", tz="Europe/Berlin")[12:]
    assert list(panel.forecast_frame(12, {})["ds"]) == list(expected)
    assert list(panel.stamps(0)) == list(ds)


def with_offsets(start: str, periods: int, freq: str) -> pd.DataFrame:
    """Stamps in Berlin as pandas writes them to a file."""
    ds = pd.date_range(start, periods=periods, freq=freq, tz="Europe/Berlin")
    return pd.DataFrame({"ds": ds.astype(str), "y": np.arange(float(periods))})


@pytest.mark.parametrize(
    ("start", "freq", "following"),
    [
        ("2024-03-29", "D", "2024-04-03 00:00:00"),
        ("2024-10-25 06:00", "D", "2024-10-30 06:00:00"),
        ("2024-01-01", "MS", "2024-06-01 00:00:00"),
    ],
)
def test_days_written_over_a_clock_change_are_local_days(
    start: str, freq: str, following: str
) -> None:
    panel = from_any(with_offsets(start, 5, freq))
    assert (str(panel.frequency), panel.lengths.tolist()) == (freq, [5])
    assert str(panel.forecast_frame(1, {})["ds"][0]) == following
    assert "UTC offsets of the stamps differ, as over a clock change" in panel.notes[0]


def test_hours_written_over_a_clock_change_are_hours() -> None:
    panel = from_any(with_offsets("2024-10-26 22:00", 8, "h"))
    assert (str(panel.frequency), panel.lengths.tolist()) == ("h", [8])
    assert str(panel.forecast_frame(1, {})["ds"][0]) == "2024-10-27 04:00:00+00:00"
    assert "in UTC" in panel.notes[0]


def test_errors_quote_stamps_with_offsets_as_they_were_written() -> None:
    df = with_offsets("2024-03-30 22:00", 8, "h")
    with pytest.raises(DataError, match=r"stamp 2024-03-31 06:00:00\+02:00: row 7, row 8"):
        from_any(pd.concat([df, df.iloc[-1:]]))
    df.loc[5, "ds"] = "2024-03-31 04:07:00+02:00"
    with pytest.raises(DataError, match=r"row 5 \(2024-03-31 04:07:00\+02:00\)"):
        from_any(df)


def test_a_pandas_index_may_hold_stamps_or_ids() -> None:
    expected = from_any(long(unique_id="a"))
    for df in (
        long(unique_id="a").set_index("ds"),
        long(unique_id="a").set_index("unique_id"),
        long(unique_id="a").set_index(["unique_id", "ds"]),
        long(unique_id="a").set_index("ds").rename_axis(None),
    ):
        panel = from_any(df)
        np.testing.assert_array_equal(panel.last, expected.last)
        assert panel.ids.tolist() == ["a"]


def test_a_pandas_series_with_stamps_is_a_frame() -> None:
    for index in (pd.to_datetime(DAYS), pd.period_range(DAYS[0], periods=3, freq="D")):
        panel = from_any(pd.Series([1.0, 2.0, 3.0], index=index, name="sales"))
        assert (panel.kind, str(panel.frequency)) == ("pandas", "D")
        assert panel.values.tolist() == [1, 2, 3]


def test_the_callers_frame_is_not_changed() -> None:
    df = long(unique_id="a", y=[3, 1, 2]).iloc[::-1]
    before = df.copy(deep=True)
    from_any(df).values[:] = 0
    pd.testing.assert_frame_equal(df, before)


@pytest.mark.parametrize("ids", [[1, 1, 2], ["a", "a", "b"], pd.Categorical(["a", "a", "b"])])
def test_ids_stay_what_they_are(ids: Any) -> None:
    panel = from_any(long(unique_id=ids), Intake(freq="D"))
    assert panel.ids.tolist() == list(dict.fromkeys(ids))
    assert type(panel.ids[0]) in (int, str)
    assert panel.forecast_frame(1, {})["unique_id"].tolist() == panel.ids.tolist()


def test_large_integer_ids_are_told_apart() -> None:
    ids = [2**60, 2**60, 2**60 + 1]
    assert from_any(long(unique_id=ids), Intake(freq="D")).ids.tolist() == [2**60, 2**60 + 1]


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_targets_of_any_numeric_type(kind: str) -> None:
    for y in ([2**60, 1, 2], [True, False, True], [1.5, None, 2.5]):
        expected = np.array(y, np.float64)
        np.testing.assert_array_equal(from_any(in_kind(long(y=y), kind)).values, expected)
    table = pa.table({"ds": [1, 2, 3], "y": [Decimal("1.5"), None, Decimal("2.5")]})
    frame = {"pandas": pd.DataFrame, "polars": pl.from_arrow, "pyarrow": lambda x: x}[kind](
        table.to_pydict() if kind == "pandas" else table
    )
    np.testing.assert_array_equal(from_any(frame).values, [1.5, np.nan, 2.5])


def test_numbers_written_as_text_are_read() -> None:
    panel = from_any(long(y=["1.5", " n/a ", "-2e3"]))
    np.testing.assert_array_equal(panel.values, [1.5, np.nan, -2000])


def test_when_stamps_are_unsorted_they_are_sorted_with_a_note() -> None:
    df = pd.concat([long(unique_id="b"), long(unique_id="a", y=[4, 5, 6])])
    shuffled = df.iloc[[4, 2, 0, 5, 1, 3]]
    panel = from_any(shuffled)
    assert panel.ids.tolist() == ["a", "b"]
    assert panel.values.tolist() == [4, 5, 6, 1, 2, 3]
    assert panel.notes == ("The rows of a series were not in order of time; they were sorted.",)


def test_interleaved_series_in_order_of_time_need_no_note() -> None:
    df = pd.concat([long(unique_id="b"), long(unique_id="a")]).sort_values("ds", kind="stable")
    panel = from_any(df)
    assert panel.ids.tolist() == ["b", "a"]
    assert panel.values.tolist() == [1, 2, 3, 1, 2, 3]
    assert panel.notes == ()


def test_rows_missing_between_stamps_are_missing_values() -> None:
    df = pd.DataFrame({"ds": ["2024-01", "2024-02", "2024-05", "2024-06"], "y": [1, 2, 5, 6]})
    panel = from_any(df)
    np.testing.assert_array_equal(panel.values, [1, 2, np.nan, np.nan, 5, 6])
    assert panel.observed.tolist() == [True, True, False, False, True, True]
    assert panel.stamps(0).astype("M8[M]").astype(str).tolist()[2:4] == ["2024-03", "2024-04"]
    assert "2 rows are missing" in panel.notes[0]
    with pytest.raises(DataError, match=r"2 values are missing. Got: 2024-03-01, 2024-04-01\."):
        panel.require_complete()


def test_missing_values_are_named_up_to_five() -> None:
    y = [1.0] + [np.nan] * 20 + [1.0]
    df = pd.concat(
        [
            pd.DataFrame({"unique_id": "whole", "ds": range(22), "y": 1.0}),
            pd.DataFrame({"unique_id": "part", "ds": range(22), "y": y}),
        ]
    )
    with pytest.raises(DataError, match=r"20 values.*'part' at stamp 1, .*stamp 5 and 15 more"):
        from_any(df).require_complete()
    with pytest.raises(DataError, match=r"1 value is missing. Got: position 1"):
        from_any([1, None, 2]).require_complete()
    from_any([1, 2]).require_complete()


@pytest.mark.parametrize(
    ("df", "message"),
    [
        (long().iloc[:0], "There are no rows"),
        (long(y=None), "no column 'y'. Got: columns 'ds'. .*target_col"),
        (long(ds=None, y=None, a=[1, 2, 3]), "no column 'ds' and no column 'y'"),
        (long(y=[1, np.inf, -np.inf]), "'y' has infinite values. Got: row 1, row 2"),
        (long(y=["1", "two", "?"]), r"not numbers. Got: row 1 \('two'\), row 2 \('\?'\)"),
        (long(y=pd.to_datetime(DAYS)), "does not hold numbers"),
        (long(y=np.nan), "All values are missing. Got: series 'y'"),
        (
            long(ds=["2024-01-01", "soon", "later"]),
            r"not dates.*row 1 \('soon'\), row 2 \('later'\)",
        ),
        (long(ds=pd.to_datetime(["2024-01-01", None, None])), "no stamp.*row 1, row 2"),
        (long(ds=[1.0, 2.5, 3.0]), r"row 1 \('2.5'\)"),
        (long(ds=["2024-01-01"] * 3), r"more than one row.*2024-01-01: row 0, row 1, .*id_col"),
        (long(ds=[1, 1, 2]), "Got: stamp 1: row 0, row 1"),
        (long(ds=[1, 1, 2], unique_id="a"), "series 'a', stamp 1: row 0, row 1"),
        (long(y=["1", "two", "?"], unique_id=[1, 1, 2]), r"series 1, row 1 .*series 2, row 2"),
        (long(unique_id=["a", None, "a"]), "which series.*row 1"),
        (long(unique_id=["a", " ", ""]), "which series.*row 1, row 2"),
        (
            long(unique_id=pd.Series(["a", "\ud800", "a"], dtype=object)),
            r"ids that cannot be saved. Got: row 1 \('\\ud800'\)",
        ),
        (long(unique_id=[1, np.inf, -np.inf]), r"cannot be saved. Got: row 1 \(inf\), row 2"),
        (long(ds=np.array([1, 2, 2**63 + 1], np.uint64)), "18 digits. Got: row 2"),
        (long(ds=[1, 2, 1e300]), r"18 digits. Got: row 2 \('1e\+300'\)"),
        (pd.DataFrame([[1, 2, 3]], columns=["ds", "y", "y"]), "share a name. Got: 'y'"),
        (long().iloc[:1], "One stamp.*freq="),
    ],
)
def test_unusable_frames(df: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_frame(df)


def test_a_named_id_column_must_exist() -> None:
    with pytest.raises(DataError, match="no column 'store'"):
        from_any(long(), Intake(Columns(id_col="store")))


def test_a_series_that_is_all_missing_is_named() -> None:
    df = pd.concat([long(unique_id="a"), long(unique_id="b", y=np.nan)])
    with pytest.raises(DataError, match=r"missing. Got: series 'b'"):
        from_any(df)


def test_lazy_frames_are_refused_with_the_fix() -> None:
    with pytest.raises(DataError, match=r"LazyFrame.*collect\(\)"):
        from_any(pl.DataFrame({"ds": DAYS, "y": [1, 2, 3]}).lazy())


def test_rows_are_counted_as_the_caller_does() -> None:
    with pytest.raises(DataError, match=r"row 3 \('two'\)"):
        from_frame(long(y=["1", "two", "3"]), first_row=2)
    unsorted = long(ds=pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-02"]))
    with pytest.raises(DataError, match="row 2, row 4"):
        from_frame(unsorted, first_row=2)


def test_irregular_stamps_are_named_with_the_assumed_frequency() -> None:
    ds = ["2024-01-01", "2024-01-02", "2024-01-03 05:00", "2024-01-04", "2024-01-05"]
    df = pd.DataFrame({"ds": ds, "y": 1.0})
    with pytest.raises(DataError, match=r"frequency, D. Got: row 2 \(2024-01-03 05:00:00\)"):
        from_any(df)
    last_wrong = pd.DataFrame({"ds": [*ds[:2], "2024-01-03", ds[3], "2024-01-05 07:00"], "y": 1.0})
    with pytest.raises(DataError, match=r"D. Got: row 4 \(2024-01-05 07:00:00\)"):
        from_any(last_wrong)


def test_a_given_frequency_that_does_not_fit_meets_the_likely_one() -> None:
    df = pd.DataFrame({"ds": ["2024-01-01", "2024-01-08", "2024-01-15"], "y": 1.0})
    with pytest.raises(DataError, match=r"out of step with freq='W-SUN'.*freq='W-MON'"):
        from_any(df, Intake(freq="W"))
    assert str(from_any(df, Intake(freq="W-MON")).frequency) == "W-MON"


def test_a_given_frequency_may_be_finer() -> None:
    panel = from_any(
        pd.DataFrame({"ds": ["2024-01-01", "2024-01-03"], "y": [1, 3]}), Intake(freq="D")
    )
    np.testing.assert_array_equal(panel.values, [1, np.nan, 3])


@pytest.mark.parametrize(("ds", "freq"), [([1, 2, 3], "D"), (DAYS, 1), (DAYS, "2")])
def test_a_frequency_must_suit_the_stamps(ds: Any, freq: Any) -> None:
    with pytest.raises(ConfigError, match="does not suit"):
        from_any(long(ds=ds), Intake(freq=freq))


def test_whole_numbers_may_have_a_step() -> None:
    panel = from_any(long(ds=[10, 20, 40]))
    np.testing.assert_array_equal(panel.values, [1, 2, np.nan, 3])
    assert panel.forecast_frame(2, {})["ds"].tolist() == [50, 60]
    assert from_any(long(ds=[10, 20, 40]), Intake(freq=5)).lengths.tolist() == [7]


def test_one_stamp_far_away_does_not_fill_the_memory() -> None:
    ds = ["2024-01-01 00:00:00", "2024-01-01 00:00:01", "2124-01-01 00:00:00"]
    with pytest.raises(DataError, match=r"too far apart.*3,155,673,600 steps"):
        from_any(long(ds=ds))


def test_two_stamps_in_one_step_are_out_of_step() -> None:
    # 02:30 twice in one night: the same step of daily stamps.
    utc = ["2024-10-26 00:30", "2024-10-27 00:30", "2024-10-27 01:30", "2024-10-28 01:30"]
    ds = pd.to_datetime(utc).tz_localize("UTC").tz_convert("Europe/Berlin")
    with pytest.raises(DataError, match="out of step"):
        from_any(pd.DataFrame({"ds": ds, "y": 1.0}), Intake(freq="D"))


# Cutting


def panel_of_two() -> Panel:
    df = pd.concat([long(unique_id="a"), long(unique_id="b", y=[4.0, 5.0, 6.0]).iloc[:2]])
    return from_any(df)


def test_tail() -> None:
    panel = panel_of_two()
    assert panel.tail(2).values.tolist() == [2, 3, 4, 5]
    assert panel.tail(1).indptr.tolist() == [0, 1, 2]
    assert panel.tail(9).values.tolist() == [1, 2, 3, 4, 5]
    assert panel.tail(1).stamps(0).tolist() == panel.stamps(0)[-1:].tolist()


def test_select() -> None:
    chosen = panel_of_two().select([False, True])
    assert (chosen.ids.tolist(), chosen.values.tolist(), chosen.n_series) == (["b"], [4, 5], 1)
    assert str(chosen.stamps(0)[-1])[:10] == "2024-01-02"


def test_drop_last() -> None:
    panel = panel_of_two()
    shorter, held_back = panel.drop_last(1)
    assert shorter.values.tolist() == [1, 2, 4]
    assert held_back.tolist() == [[3], [5]]
    assert shorter.stamps(0).tolist() == panel.stamps(0)[:-1].tolist()
    assert shorter.forecast_frame(1, {})["ds"].dt.day.tolist() == [3, 2]
    with pytest.raises(DataError, match=r"at least 3. Got: 'b' with 2"):
        panel.drop_last(2)


@settings(deadline=None, max_examples=100)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    data=st.data(),
    freq=st.sampled_from(["D", "h", "MS", "W-TUE", None]),
)
def test_any_order_of_rows_with_any_gaps_gives_the_same_series(
    lengths: list[int], data: st.DataObject, freq: str | None
) -> None:
    parts = []
    for i, length in enumerate(lengths):
        ds = pd.date_range("2024-01-02", periods=length, freq=freq) if freq else np.arange(length)
        y = i * 100.0 + np.arange(length)
        parts.append(pd.DataFrame({"unique_id": f"s{i}", "ds": ds, "y": y}))
    df = pd.concat(parts, ignore_index=True)
    inside = df[df["ds"].isin(df.groupby("unique_id")["ds"].agg(["min", "max"]).stack()) == 0]
    dropped = data.draw(st.sets(st.sampled_from(inside.index.tolist()))) if len(inside) else set()
    kept = df.drop(index=list(dropped))
    order = data.draw(st.permutations(range(len(kept))))

    panel = from_any(kept.iloc[order], Intake(freq=freq or 1))

    expected = df["y"].where(~df.index.isin(dropped)).to_numpy()
    for k, name in enumerate(panel.ids):
        ours = panel.values[panel.indptr[k] : panel.indptr[k + 1]]
        np.testing.assert_array_equal(ours, expected[df["unique_id"] == name])
        assert list(panel.stamps(k)) == df["ds"][df["unique_id"] == name].to_numpy().tolist() or (
            list(pd.DatetimeIndex(panel.stamps(k))) == list(df["ds"][df["unique_id"] == name])
        )


# How data are taken in


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fill": "spline"}, r"fill is an unknown word. Got: 'spline'. Use interpolate or zero"),
        ({"duplicates": "first"}, "duplicates.*'first'. Use error, mean, sum or last"),
        ({"duplicates": None}, "duplicates.*None"),
        ({"resample": "ohlc", "freq": "D"}, "resample.*mean, sum, last"),
        ({"resample": "sum"}, "needs the frequency.*--freq"),
        ({"freq": "fortnight"}, "not a frequency"),
    ],
)
def test_unknown_words_are_refused_when_they_are_given(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Intake(**options)


def test_a_column_is_one_thing_only() -> None:
    for wrong in ({"past": ("y",)}, {"future": ("p",), "static": ("p",)}, {"past": ("p", "p")}):
        with pytest.raises(ConfigError, match="one thing only"):
            Columns(**wrong)
    assert Columns(past="rain", future=["price"]).covariates == ("rain", "price")


def test_a_path_is_read_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("ds,y\n2024-01,5\n2024-02,7\n")
    for data in (path, str(path), [path], [str(path)]):
        assert from_any(data).values.tolist() == [5, 7]
    with pytest.raises(FileNotFoundError):
        from_any("nowhere.csv")


def test_arrays_have_no_covariates() -> None:
    with pytest.raises(ConfigError, match=r"no columns for covariates.*price"):
        from_any([1.0, 2.0], Intake(Columns(future="price")))


@pytest.mark.parametrize(
    ("data", "expected", "last"),
    [
        ([None, 1, 2], [1, 2], 2),
        ([1, 2, None, None], [1, 2], 1),
        ([[None, 1, 2], [3, 4, None]], [1, 2, 3, 4], 2),
    ],
)
def test_series_begin_and_end_with_a_value(data: Any, expected: list[float], last: int) -> None:
    panel = from_any(data)
    assert panel.values.tolist() == expected
    assert panel.last[0] == last
    assert any("missing at the end" in note for note in panel.notes) == (
        data not in ([None, 1, 2],)
    )


@pytest.mark.parametrize(
    ("fill", "expected"), [("interpolate", [1, 2, 3, 4, 6, 5, 4]), ("zero", [1, 0, 0, 4, 6, 0, 4])]
)
def test_filling_is_for_the_inside_only(fill: Any, expected: list[float]) -> None:
    nan = np.nan
    y = [nan, 1, nan, 4, nan, 6, nan, 4]
    df = pd.DataFrame({"unique_id": list("aaaabbbb"), "ds": [1, 2, 3, 5, 0, 1, 2, 3], "y": y})
    panel = from_any(df, Intake(fill=fill))
    assert panel.values.tolist() == expected
    assert panel.observed.all()
    assert panel.notes[-1].startswith("3 missing values were filled by")
    assert from_any([1, 2], Intake(fill=fill)).notes == ()
    assert from_any([2, None, 4], Intake(fill=fill)).values[1] == (0 if fill == "zero" else 3)


@pytest.mark.parametrize(
    ("how", "expected", "price"),
    [("mean", [2, 7, np.nan], 20), ("sum", [4, 7, np.nan], 20), ("last", [3, 7, np.nan], 30)],
)
@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_rows_for_the_same_stamp_are_combined(
    kind: str, how: Any, expected: list[float], price: float
) -> None:
    rows = [(1, 1.0, 10), (1, np.nan, 20), (1, 3.0, 30), (2, 7.0, 5), (3, np.nan, 5), (4, 1.0, 1)]
    df = pd.DataFrame([*rows, (3, np.nan, 7)], columns=["ds", "y", "price"])
    panel = from_any(in_kind(df, kind), Intake(Columns(past="price"), duplicates=how))
    np.testing.assert_array_equal(panel.values, [*expected, 1])
    assert panel.covariates is not None
    assert panel.covariates.past[:, 0].tolist() == [price, 5, 7 if how == "last" else 6, 1]
    assert panel.notes[-1].startswith("3 rows have the stamp of another row of its series")


def test_the_last_of_several_rows_is_the_last_in_the_frame() -> None:
    df = pd.DataFrame({"ds": [2, 1, 2, 1, 1], "y": [5.0, 1, 6, 2, 3]})
    assert from_any(df, Intake(duplicates="last")).values.tolist() == [3, 6]


def test_a_sum_that_is_too_large_is_named() -> None:
    df = pd.DataFrame({"unique_id": "a", "ds": [1, 1, 2], "y": [9e301, 9e301, 1]})
    with pytest.raises(DataError, match=r"too large. Got: series 'a', 1 \(1.8e\+302\)"):
        from_any(df, Intake(duplicates="sum"))


@pytest.mark.parametrize("how", ["mean", "sum", "last", "first", "min", "max", "median"])
@pytest.mark.parametrize("freq", ["MS", "W-TUE", "5D", "6h", "B", "QE"])
@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
def test_resampling_is_that_of_pandas(how: Any, freq: str, tz: str | None) -> None:
    rng = np.random.default_rng(3)
    start = pd.Timestamp("2024-03-02 05:00", tz=tz)
    parts = []
    for name in "ab":
        hours = np.sort(rng.choice(5000, 400, replace=False))
        y = np.where(rng.random(400) < 0.2, np.nan, rng.normal(size=400))
        y[[0, -1]] = 1
        # Steps of five days are counted from the earliest stamp of all series.
        hours[0] = 0
        ds = start + pd.to_timedelta(hours, unit="h")
        parts.append(pd.DataFrame({"unique_id": name, "ds": ds, "y": y}))
    df = pd.concat(parts).sample(frac=1, random_state=5)

    panel = from_any(df, Intake(freq=freq, resample=how))

    assert str(panel.frequency) == freq
    for i, part in enumerate(parts):
        steps = part.sort_values("ds").set_index("ds")["y"].resample(freq)
        expected = (steps.sum(min_count=1) if how == "sum" else steps.agg(how)).dropna()
        where = panel.ids.tolist().index("ab"[i])
        at = slice(*panel.indptr[where : where + 2])
        ours = pd.Series(panel.values[at], panel.stamps(where)).dropna()
        assert list(pd.DatetimeIndex(ours.index)) == list(expected.index)
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
    assert panel.notes[0].startswith("The rows of a series were not in order")
    assert panel.notes[1].startswith("800 rows were put into ")


def test_when_the_last_step_is_not_whole_a_note_says_so() -> None:
    df = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=40), "y": 1.0})
    panel = from_any(df, Intake(freq="MS", resample="sum"))
    assert panel.values.tolist() == [31, 9]
    assert "last step of 1 series is made of fewer values" in panel.notes[-1]
    whole = from_any(df.iloc[:31], Intake(freq="MS", resample="sum"))
    assert len(whole.notes) == 1


def test_resampling_takes_whole_numbers_and_flags() -> None:
    df = pd.DataFrame({"ds": [0, 3, 4, 5, 11], "y": 1.0, "flag": [0, 0, 1, 0, 0], "x": range(5)})
    panel = from_any(df, Intake(Columns(past=("flag", "x")), freq=5, resample="sum"))
    assert (panel.values.tolist(), panel.stamps(0).tolist()) == ([3, 1, 1], [0, 5, 10])
    assert panel.covariates is not None
    # The share of the rows that have the flag: a maximum would depend on what all rows hold.
    np.testing.assert_allclose(panel.covariates.past, [[1 / 3, 1], [0, 3], [0, 4]])


def test_resampling_over_a_clock_change_has_days_on_the_wall_and_hours_that_pass() -> None:
    ds = pd.date_range("2024-10-26", "2024-10-29", freq="30min", tz="Europe/Berlin")[:-1]
    df = pd.DataFrame({"ds": ds, "y": 1.0})
    days = from_any(df, Intake(freq="D", resample="sum"))
    assert days.values.tolist() == [48, 50, 48]
    assert days.stamps(0).hour.tolist() == [0, 0, 0]
    hours = from_any(df, Intake(freq="h", resample="sum"))
    assert set(hours.values) == {2}
    assert hours.lengths.tolist() == [73]


@pytest.mark.parametrize("tz", ["America/Santiago", "Africa/Cairo"])
def test_a_day_without_midnight_is_a_day(tz: str) -> None:
    # The clock goes from 24:00 to 01:00.
    first = {"America/Santiago": "2024-09-08", "Africa/Cairo": "2024-04-26"}[tz]
    ds = pd.date_range(pd.Timestamp(first, tz="UTC") - pd.Timedelta("60h"), periods=72, freq="h")
    df = pd.DataFrame({"ds": ds.tz_convert(tz), "y": 1.0})
    panel = from_any(df, Intake(freq="D", resample="sum"))
    last = panel.stamps(0)[-1]
    assert (str(last.date()), last.hour) == (first, 1)
    assert panel.future_stamps(0, 2).hour.tolist() == [0, 0]
    assert panel.values[-2] == 24


# Covariates

NAMES = Columns(past=("rain",), future=("price", "promo"), static=("region", "size"))


def with_covariates() -> pd.DataFrame:
    """Series a and b with rows ahead, c with these only; a has a row missing."""
    rows = {
        "a": (["01-01", "01-02", "01-04", "01-05", "01-06"], [np.nan, 1, 3, np.nan, np.nan]),
        "b": (["01-03", "01-04", "01-05"], [5, 6, np.nan]),
        "c": (["01-06", "01-08"], [np.nan, np.nan]),
    }
    parts = [
        pd.DataFrame({"unique_id": name, "ds": [f"2024-{x}" for x in ds], "y": y})
        for name, (ds, y) in rows.items()
    ]
    df = pd.concat(parts, ignore_index=True)
    df["ds"] = pd.to_datetime(df["ds"])
    k = np.arange(len(df))
    df = df.assign(rain=k / 2, price=10.0 * k, promo=k % 2 == 0)
    df["region"] = df["unique_id"].map({"a": "north", "b": "south"})
    df["size"] = df["unique_id"].map({"a": 1, "b": 2, "c": 3})
    return df


def taken_in(df: Any, **options: Any) -> Panel:
    return from_any(df, Intake(NAMES, **options))


def known(panel: Panel) -> Covariates:
    assert panel.covariates is not None
    return panel.covariates


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_covariates_lie_beside_the_values_and_ahead_of_them(kind: str) -> None:
    panel = taken_in(in_kind(with_covariates(), kind))
    nan = np.nan
    assert panel.ids.tolist() == ["a", "b"]
    np.testing.assert_array_equal(panel.values, [1, nan, 3, 5, 6])
    assert panel.ahead.tolist() == [2, 1]
    covariates = known(panel)
    np.testing.assert_array_equal(covariates.past[:, 0], [0.5, nan, 1, 2.5, 3])
    np.testing.assert_array_equal(covariates.future[:, 0], [10, nan, 20, 30, 40, 50, 60, 70])
    np.testing.assert_array_equal(covariates.future[:, 1], [0, nan, 1, 0, 1, 0, 1, 0])
    assert covariates.future_indptr.tolist() == [0, 5, 8]
    assert covariates.static.tolist() == [["north", 1.0], ["south", 2.0]]
    assert covariates.location.tolist() == [[0.75, 15, 0.5], [2.75, 55, 0.5]]
    assert covariates.spread.tolist() == [[0.25, 5, 0.5], [0.25, 5, 0.5]]


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_a_series_without_values_that_something_describes_is_cold(kind: str) -> None:
    panel = taken_in(in_kind(with_covariates(), kind))
    cold = panel.cold
    assert cold is not None
    assert (cold.ids.tolist(), cold.lengths.tolist(), cold.ahead.tolist()) == (["c"], [0], [3])
    covariates = known(cold)
    np.testing.assert_array_equal(covariates.future[:, 0], [80, np.nan, 90])
    assert covariates.static.tolist() == [[pytest.approx(np.nan, nan_ok=True), 3.0]]
    assert np.isnan(covariates.location).all()
    assert np.isnan(covariates.spread).all()
    assert [str(x)[:10] for x in cold.future_stamps(0, 2)] == ["2024-01-06", "2024-01-07"]


def test_static_covariates_alone_make_a_series_cold() -> None:
    df = with_covariates()
    panel = from_any(df, Intake(Columns(static="size")))
    assert panel.cold is not None
    assert panel.cold.ids.tolist() == ["c"]
    assert panel.cold.ahead.tolist() == [0]
    assert panel.ahead.tolist() == [0, 0]
    assert "3 values are missing at the end of 2 series" in panel.notes[-1]


def test_what_nothing_describes_is_an_error() -> None:
    with pytest.raises(DataError, match=r"All values are missing. Got: series 'c'"):
        from_any(with_covariates(), Intake(Columns(past="rain")))
    df = with_covariates().assign(price=np.nan, promo=None, region=None)
    with pytest.raises(DataError, match=r"All values are missing. Got: series 'c'"):
        from_any(df, Intake(Columns(future=("price", "promo"), static="region")))
    with pytest.raises(DataError, match=r"Got: series 'a', series 'b', series 'c'"):
        taken_in(with_covariates().assign(y=np.nan))


def test_location_and_spread_know_nothing_of_what_lies_ahead() -> None:
    df = with_covariates()
    changed = df.assign(price=df["price"].where(df["y"].notna() | (df["unique_id"] == "c"), 1e9))
    ours, theirs = known(taken_in(df)), known(taken_in(changed))
    np.testing.assert_array_equal(ours.location, theirs.location)
    np.testing.assert_array_equal(ours.spread, theirs.spread)


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1.0, 1e12, 1e300])
def test_location_and_spread_have_any_scale(scale: float) -> None:
    rng = np.random.default_rng(0)
    x = scale * rng.normal(3, 1, 200)
    x[::7] = np.nan
    df = pd.DataFrame({"ds": np.arange(200), "y": 1.0, "x": x, "same": 0.1 * scale, "no": np.nan})
    covariates = known(from_any(df, Intake(Columns(past=("x", "same", "no")))))
    np.testing.assert_allclose(covariates.location[0, :2], [np.nanmean(x), 0.1 * scale])
    np.testing.assert_allclose(covariates.spread[0, 0], np.nanstd(x / scale) * scale)
    assert covariates.spread[0, 1] == 0
    assert np.isnan([covariates.location[0, 2], covariates.spread[0, 2]]).all()


@pytest.mark.parametrize(
    "static",
    [
        pd.Series(["x", "x", None], dtype="string"),
        pd.Series(["x", None, "x"], dtype="category"),
        ["x", " ", "x"],
        [None, "x", "x"],
    ],
)
def test_static_text_is_text_whatever_its_type(static: Any) -> None:
    panel = from_any(long(static=static), Intake(Columns(static="static")))
    assert known(panel).static.tolist() == [["x"]]


@pytest.mark.parametrize(
    ("static", "expected"),
    [
        ([1, 1, 1], 1.0),
        (pd.array([2, None, 2], "Int64"), 2.0),
        ([Decimal("1.5")] * 3, 1.5),
        ([True, True, True], "True"),
        ([date(2024, 1, 2)] * 3, "2024-01-02"),
        ([1.5, np.nan, 1.5], 1.5),
        ([1, "a", "a"], None),
    ],
)
def test_static_numbers_stay_numbers_and_others_become_text(static: Any, expected: Any) -> None:
    df, intake = long(static=static), Intake(Columns(static="static"))
    if expected is None:
        with pytest.raises(DataError, match=r"not the same.*'1' in row 0 and 'a' in row 1"):
            from_any(df, intake)
    else:
        (value,) = known(from_any(df, intake)).static.ravel()
        assert (value, type(value)) == (expected, type(expected))


def test_a_static_covariate_that_is_missing_is_nan() -> None:
    for static in (None, [None] * 3, ["", " ", ""], [np.nan] * 3):
        df = long().assign(static=static)
        (value,) = known(from_any(df, Intake(Columns(static="static")))).static.ravel()
        assert isinstance(value, float)
        assert np.isnan(value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": None}, r"no column 'price'. Got: columns 'unique_id', 'ds'"),
        ({"rain": None, "region": None}, "no column 'rain' and no column 'region'"),
        (
            {"promo": ["no", "yes", *["no"] * 8]},
            r"'promo' has values that are not numbers. Got: series 'a', row 0 \('no'\), row 1 "
            r"\('yes'\).* and 5 more. Write it as 0 and 1, or make it static",
        ),
        ({"rain": pd.Timestamp(0)}, "'rain' does not hold numbers.*make it static"),
        ({"price": [np.inf] + [1.0] * 9}, "'price' has infinite values. Got: series 'a', row 0"),
        ({"price": [1.0] * 9 + [1e303]}, "'price' has values that are too large.*'c', row 9"),
        (
            {"region": [*"nnnns", *"sss", None, None]},
            "'region' is not the same in all rows.*series 'a', 'n' in row 0 and 's' in row 4",
        ),
        ({"size": range(10)}, "'size'.*'a', 0 in row 0 and 1 in row 1, series 'b', 5 in row 5"),
        ({"region": pd.Series(["\ud800"] * 10, dtype=object)}, "'region' has text that cannot"),
    ],
)
def test_unusable_covariates(change: dict[str, Any], message: str) -> None:
    df = with_covariates()
    for name, column in change.items():
        df = df.drop(columns=name) if column is None else df.assign(**{name: column})
    with pytest.raises(DataError, match=message):
        taken_in(df)


def test_covariates_written_as_text_are_read() -> None:
    df = with_covariates().assign(promo=["0", "1"] * 5)
    np.testing.assert_array_equal(known(taken_in(df)).future[0], [10, 1])


def test_the_callers_frame_with_covariates_is_not_changed() -> None:
    df = with_covariates().iloc[::-1]
    before = df.copy(deep=True)
    panel = taken_in(df)
    known(panel).future[:] = 7
    known(panel).past[:] = 7
    panel.values[:] = 7
    pd.testing.assert_frame_equal(df, before)


def assert_same(ours: Panel | None, theirs: Panel | None) -> None:
    """All but the notes."""
    if ours is None or theirs is None:
        assert ours is theirs
        return
    assert ours.arrays().keys() == theirs.arrays().keys()
    for name, array in ours.arrays().items():
        np.testing.assert_array_equal(array, theirs.arrays()[name], name)
    ours, theirs = replace(ours, notes=()), replace(theirs, notes=())
    assert ours.metadata() == theirs.metadata()


def test_cutting_takes_covariates_along() -> None:
    panel = taken_in(with_covariates())
    whole = known(panel)
    short = panel.tail(1)
    assert short.values.tolist() == [3, 6]
    assert known(short).past[:, 0].tolist() == [1, 3]
    assert known(short).future[:, 0].tolist() == [20, 30, 40, 60, 70]
    assert short.ahead.tolist() == [2, 1]
    np.testing.assert_array_equal(known(short).location, whole.location)
    assert_same(short.cold, panel.cold)

    chosen = panel.select([False, True])
    assert known(chosen).static.tolist() == [["south", 2]]
    assert known(chosen).future[:, 0].tolist() == [50, 60, 70]
    np.testing.assert_array_equal(known(chosen).spread, whole.spread[1:])
    assert chosen.cold is None


def test_holding_back_leaves_future_covariates_ahead_and_forgets_the_rest() -> None:
    panel = taken_in(with_covariates())
    shorter, held_back = panel.drop_last(1)
    np.testing.assert_array_equal(shorter.values, [1, np.nan, 5])
    assert held_back.tolist() == [[3], [6]]
    assert shorter.ahead.tolist() == [3, 2]
    np.testing.assert_array_equal(known(shorter).past[:, 0], [0.5, np.nan, 2.5])
    np.testing.assert_array_equal(known(shorter).future, known(panel).future)
    assert known(shorter).location.tolist() == [[0.5, 10, 0], [2.5, 50, 0]]
    assert (known(shorter).spread == 0).all()
    without = from_any(with_covariates(), Intake(Columns(past="rain", static="size")))
    assert without.drop_last(1)[0].ahead.tolist() == [0, 0]


@settings(deadline=None, max_examples=60)
@given(data=st.data(), freq=st.sampled_from(["D", "h", "MS", "B", None]))
def test_covariates_of_rows_in_any_order_with_any_gaps(
    data: st.DataObject, freq: str | None
) -> None:
    n_series, length = data.draw(st.integers(1, 4)), data.draw(st.integers(3, 9))
    ds = pd.date_range("2024-01-05", periods=length, freq=freq) if freq else np.arange(length)
    k = np.arange(n_series * length)
    df = pd.DataFrame(
        {
            "unique_id": [f"s{i}" for i in k // length],
            "ds": np.tile(ds, n_series),
            "y": 1.0 + k,
            "rain": 2.0 * k,
            "price": 3.0 * k,
            "promo": 0,
            "region": [f"r{i}" for i in k // length],
            "size": k // length,
        }
    )
    first = data.draw(st.integers(0, length - 2))
    last = data.draw(st.integers(first, length - 2))
    outside = (k % length < first) | (k % length > last)
    df.loc[outside, "y"] = np.nan
    gaps = [i for i in k if first < i % length < last or last < i % length < length - 1]
    dropped = data.draw(st.sets(st.sampled_from(gaps))) if gaps else set()
    kept = df.drop(index=list(dropped)).iloc[
        data.draw(st.permutations(range(len(df) - len(dropped))))
    ]

    panel = taken_in(kept, freq=freq or 1)

    for i, name in enumerate(panel.ids):
        of = df["unique_id"] == name
        truth = df[["y", "rain", "price"]].drop(index=list(dropped)).reindex(df.index)[of]
        at = slice(*panel.indptr[i : i + 2])
        ahead = slice(*known(panel).future_indptr[i : i + 2])
        np.testing.assert_array_equal(panel.values[at], truth["y"].iloc[first : last + 1])
        np.testing.assert_array_equal(
            known(panel).past[at, 0], truth["rain"].iloc[first : last + 1]
        )
        np.testing.assert_array_equal(known(panel).future[ahead, 0], truth["price"].iloc[first:])
        assert known(panel).static[i].tolist() == [f"r{name[1:]}", float(name[1:])]


# What is known ahead


def halves(df: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What was observed, and what is known ahead."""
    ends = df["ds"].where(df["y"].notna()).groupby(df["unique_id"]).transform("max")
    ahead = ends.isna() | (df["ds"] > ends)
    return df[~ahead], df[ahead].drop(columns=["y", "rain"])


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_a_future_frame_says_what_empty_rows_say(kind: str) -> None:
    df = with_covariates()
    past, ahead = halves(df)
    panel = taken_in(in_kind(past, kind))
    assert panel.cold is None
    joined = join_future(panel, in_kind(ahead, kind), Intake(NAMES))
    assert_same(joined, taken_in(in_kind(df, kind)))
    assert joined.notes[-1] == "1 series has no values, only what is known ahead."
    # It replaces what was known before; what lies before the end says nothing.
    again = join_future(joined, in_kind(df.assign(price=df["price"] + 1), kind), Intake(NAMES))
    np.testing.assert_array_equal(known(again).future[:, 0], [10, np.nan, 20, 31, 41, 50, 60, 71])
    assert again.cold is not None
    np.testing.assert_array_equal(known(again.cold).future[:, 0], [81, np.nan, 91])
    assert again.cold.ids.tolist() == ["c"]


def test_series_of_which_a_future_frame_says_nothing_keep_what_they_know() -> None:
    panel = taken_in(with_covariates())
    ahead = pd.DataFrame(
        {"unique_id": "b", "ds": pd.to_datetime(["2024-01-07"]), "price": 1.0, "promo": False}
    )
    joined = join_future(panel, ahead, Intake(NAMES))
    assert joined.ahead.tolist() == [2, 3]
    np.testing.assert_array_equal(
        known(joined).future[:, 0], [10, np.nan, 20, 30, 40, 50, 60, np.nan, np.nan, 1]
    )
    assert_same(joined.cold, panel.cold)
    np.testing.assert_array_equal(known(joined).location, known(panel).location)


def test_new_series_are_added_to_the_cold_ones() -> None:
    panel = taken_in(with_covariates())
    ahead = pd.DataFrame(
        {
            "unique_id": ["d", "c", "d"],
            "ds": pd.to_datetime(["2024-02-02", "2024-01-05", "2024-02-01"]),
            "price": [2.0, 3.0, 1.0],
            "promo": False,
            "region": ["west", "east", "west"],
        }
    )
    cold = join_future(panel, ahead, Intake(NAMES)).cold
    assert cold is not None
    assert cold.ids.tolist() == ["c", "d"]
    assert known(cold).future[:, 0].tolist() == [3, 1, 2]
    assert known(cold).static[1, 0] == "west"
    assert known(cold).static[0, 1] == 3
    assert [str(cold.future_stamps(i, 1)[0])[:10] for i in (0, 1)] == ["2024-01-05", "2024-02-01"]


def test_one_series_needs_no_ids_in_a_future_frame() -> None:
    intake = Intake(Columns(future="price"))
    df = pd.DataFrame({"ds": ["2024-01", "2024-02"], "y": [1, 2], "price": [5, 6]})
    ahead = pd.DataFrame({"ds": ["2024-04"], "price": [8]})
    joined = join_future(from_any(df, intake), ahead, intake)
    np.testing.assert_array_equal(known(joined).future[:, 0], [5, 6, np.nan, 8])
    two = from_any(pd.concat([df.assign(unique_id=i) for i in "ab"]), intake)
    with pytest.raises(DataError, match="no column 'unique_id' to tell the series apart"):
        join_future(two, ahead, intake)


def test_ids_that_are_numbers_here_and_text_there_are_the_same() -> None:
    intake = Intake(Columns(future="x"))
    df = pd.DataFrame({"unique_id": [1, 1, 2, 2], "ds": [1, 2, 1, 2], "y": 1.0, "x": 1.0})
    ahead = pd.DataFrame({"unique_id": ["2", "1"], "ds": [3, 3], "x": [20, 10]})
    joined = join_future(from_any(df, intake), ahead, intake)
    assert joined.cold is None
    assert known(joined).future[:, 0].tolist() == [1, 1, 10, 1, 1, 20]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.drop(columns="price"), "no column 'price'"),
        (lambda x: x.drop(columns="ds"), "no column 'ds'"),
        (lambda x: x.iloc[:0], "There are no rows"),
        (lambda x: pd.concat([x, x.iloc[1:2]]), r"more than one row.*'a', stamp 2024-01-06: row 1"),
        (lambda x: x.assign(ds=x["ds"] + pd.Timedelta("1h")), r"out of step.*'a', row 0 \(2024-01"),
        (lambda x: x.assign(ds=range(len(x))), "'ds' has stamps that are whole numbers.* dates"),
        (lambda x: x.assign(ds=x["ds"].dt.tz_localize("UTC")), "have a time zone"),
        (lambda x: x.assign(ds=x["ds"] - pd.Timedelta("90D")).iloc[:3], "No row lies after"),
        (lambda x: x.assign(promo="x"), r"'promo'.*series 'a', row 0 \('x'\)"),
    ],
)
def test_unusable_future_frames(change: Any, message: str) -> None:
    past, ahead = halves(with_covariates())
    with pytest.raises(DataError, match=message):
        join_future(taken_in(past), change(ahead.reset_index(drop=True)), Intake(NAMES))


def test_a_stamp_far_ahead_does_not_fill_the_memory() -> None:
    intake = Intake(Columns(future="x"))
    panel = from_any(pd.DataFrame({"ds": [1, 2], "y": 1.0, "x": 1.0}), intake)
    with pytest.raises(DataError, match=r"too far after.*row 0 \(1000000000\), 999,999,998 steps"):
        join_future(panel, pd.DataFrame({"ds": [10**9], "x": [1]}), intake)


def test_without_future_covariates_there_is_nothing_to_join() -> None:
    with pytest.raises(ConfigError, match=r"nothing is known ahead.*future_covariates"):
        join_future(from_any(long()), long(), Intake())


@pytest.mark.parametrize("freq", ["D", "W-SUN", "MS", "2h"])
def test_a_future_frame_is_resampled_as_the_series_were(freq: str) -> None:
    ds = pd.date_range("2024-02-27 06:00", periods=4000, freq="h", tz="Europe/Berlin")
    df = pd.DataFrame({"ds": ds, "y": 1.0, "price": np.arange(4000.0)})
    intake = Intake(Columns(future="price"), freq=freq, resample="sum")
    df.loc[df["ds"] >= pd.Timestamp("2024-05-01", tz="Europe/Berlin"), "y"] = np.nan
    whole = from_any(df, intake)
    end = whole.future_stamps(0, 1)[0] if freq != "W-SUN" else whole.stamps(0)[-1].normalize()
    end = end + pd.Timedelta("1D") if freq == "W-SUN" else end
    past, ahead = df[df["ds"] < end], df[df["ds"] >= end].drop(columns="y")
    joined = join_future(from_any(past, intake), ahead, intake)
    assert_same(joined, whole)


@pytest.mark.parametrize("tz", [None, "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("freq", ["D", "B", "MS", "ME", "W-SUN", "h", "QE"])
def test_what_is_ahead_may_lie_behind_a_clock_change_or_a_month_end(
    freq: str, tz: str | None
) -> None:
    ds = pd.date_range("2023-10-25", periods=60, freq=freq, tz=tz)
    df = pd.DataFrame({"ds": ds, "y": 1.0, "x": np.arange(60.0)})
    intake = Intake(Columns(future="x"), freq=freq)
    for end in (3, 5, 20, 40):
        joined = join_future(
            from_any(df.iloc[:end], intake), df.iloc[end:].drop(columns="y"), intake
        )
        assert known(joined).future[:, 0].tolist() == list(range(60))
        assert list(pd.Index(joined.future_stamps(0, 60 - end))) == list(ds[end:])


# Everything that is wrong


def codes_of(found: Findings) -> list[str]:
    return [finding.code for finding in found.all]


def test_everything_wrong_is_collected_and_the_rest_is_taken() -> None:
    df = with_covariates().astype({"y": object, "promo": object, "ds": object, "price": object})
    df.loc[1, "promo"] = "yes"
    df.loc[3, "region"] = "east"
    df.loc[6, "y"] = "six"
    df.loc[2, "price"] = np.inf
    extra = df.iloc[[5, 5, 5, 0]].copy()
    extra["ds"] = [None, "soon", df.loc[5, "ds"], "2024-01-01"]
    extra["unique_id"] = ["b", "b", "b", None]
    df = pd.concat([df, extra], ignore_index=True)
    found = Findings(collect=True)

    panel = from_any(df, Intake(NAMES), found)

    assert codes_of(found) == [
        *("no-id", "no-stamp", "bad-stamp", "duplicate", "text"),
        *("infinite", "covariate-text", "static-varies"),
    ]
    series = [None, "b", "b", "b", "b", "a", "a", "a"]
    assert [finding.series for finding in found.all] == series
    assert found.all[2].where == "row 11 ('soon')"
    np.testing.assert_array_equal(panel.values, [1, np.nan, 3, 5])
    assert known(panel).static[:, 0].tolist() == ["north", "south"]


@pytest.mark.parametrize(
    ("df", "codes", "values"),
    [
        (long(y=["1", "x", "3"]), ["text"], [1, np.nan, 3]),
        (long(y=[1, np.inf, 1e303]), ["infinite", "too-large"], [1]),
        (long(ds=[1, 1, 2]), ["duplicate"], [2, 3]),
        (long(ds=[1, np.nan, 2]), ["no-stamp"], [1, 3]),
        (long(ds=[1, 2.5, 1e300]), ["bad-stamp", "bad-stamp"], [1]),
        (
            long(unique_id=pd.Series(["a", "\ud800", " "], dtype=object)),
            ["no-id", "bad-id"],
            [1],
        ),
        (
            pd.DataFrame({"unique_id": [1, 1, 2, 2], "ds": [1, 2, 1, 2], "y": [1, 2, None, None]}),
            ["all-missing"],
            [1, 2],
        ),
        (
            pd.DataFrame({"ds": [1, 2, 3, 3 * 10**8, 10**9], "y": [1, 2, 3, 4, 5]}),
            ["far-stamp", "far-stamp"],
            [1, 2, 3],
        ),
    ],
)
def test_what_is_wrong_is_left_out(df: pd.DataFrame, codes: list[str], values: list[float]) -> None:
    found = Findings(collect=True)
    panel = from_any(df, Intake(freq=1 if df["ds"].dtype.kind in "if" else "D"), found)
    assert codes_of(found) == codes
    np.testing.assert_array_equal(panel.values, values)


def test_stamps_out_of_step_are_left_out_of_all_series() -> None:
    days = pd.date_range("2024-01-01", periods=30)
    df = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": days, "y": np.arange(30.0)}) for name in "abc"
    ).reset_index(drop=True)
    df.loc[[5, 29, 60], "ds"] += pd.Timedelta("3h")
    found = Findings(collect=True)
    panel = from_any(df, Intake(), found)
    assert [(x.code, x.series, x.where) for x in found.all] == [
        ("irregular", "a", "row 5 (2024-01-06 03:00:00), row 29 (2024-01-30 03:00:00)"),
        ("irregular", "c", "row 60 (2024-01-01 03:00:00)"),
    ]
    assert panel.lengths.tolist() == [29, 30, 29]
    assert panel.observed.sum() == 87


def test_missing_covariates_are_collected_and_left_out() -> None:
    found = Findings(collect=True)
    panel = from_any(with_covariates().drop(columns=["rain", "size"]), Intake(NAMES), found)
    assert codes_of(found) == ["missing-column"]
    assert panel.columns.covariates == ("price", "promo", "region")
    assert known(panel).past.shape == (5, 0)


def test_when_nothing_is_left_it_is_an_error() -> None:
    found = Findings(collect=True)
    for df in (long(ds=["x", "y", "z"]), long(ds=None), long(y=np.nan), long(ds=[None] * 3)):
        with pytest.raises(DataError):
            from_any(df, Intake(), found)


def test_arrays_collect_too() -> None:
    found = Findings(collect=True)
    panel = from_any([[1, 2, "x"], [np.nan] * 3, [np.inf, 3, 4]], Intake(), found)
    assert [(x.code, x.series, x.where) for x in found.all] == [
        ("text", "0", "position 2 ('x')"),
        ("infinite", "2", "position 0"),
        ("all-missing", "1", ""),
    ]
    assert panel.ids.tolist() == [0, 2]
    assert panel.values.tolist() == [1, 2, 3, 4]


# Values and types


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "array"])
def test_whole_numbers_of_more_than_16_digits_are_rounded_with_a_note(kind: str) -> None:
    y = np.array([2**53 + 1, -(2**60) - 1, 5])
    panel = from_any(y if kind == "array" else in_kind(long(y=y), kind))
    assert panel.values.tolist() == [2.0**53, -(2.0**60), 5]
    assert panel.notes[-1].endswith("has 2 whole numbers of more than 2**53; 16 digits are kept.")
    assert from_any(long(y=[2**53, 1, 2])).notes == ()


@pytest.mark.parametrize("scale", [1e-9, -1e-9, 1e12, -1.0, 0.0])
def test_values_of_any_scale_are_taken_as_they_are(scale: float) -> None:
    y = scale * np.arange(1.0, 4.0)
    panel = from_any(long(y=y))
    np.testing.assert_array_equal(panel.values, y)
    assert panel.notes == ()


@pytest.mark.parametrize(
    "y",
    [
        pd.array([1, None, 3], "Int64"),
        pd.array([1, None, 3], "Float64"),
        pd.array([1, None, 3], "int64[pyarrow]"),
        pd.array([1, None, 3], "double[pyarrow]"),
        pd.array([1, None, 3], pd.ArrowDtype(pa.decimal128(10, 2))),
        [Decimal(1), None, Decimal(3)],
        ["1", None, "3"],
        pd.array(["1", None, "3"], "string"),
        pd.Categorical(["1", None, "3"]),
        np.array([1, np.nan, 3], np.float32),
        np.array([1, np.nan, 3], np.float16),
    ],
)
def test_numbers_come_in_many_types(y: Any) -> None:
    panel = from_any(long(y=y), Intake(Columns()))
    np.testing.assert_array_equal(panel.values, [1, np.nan, 3])
    beside = from_any(long(y=[1, 2, 3], x=y), Intake(Columns(past="x")))
    np.testing.assert_array_equal(known(beside).past[:, 0], [1, np.nan, 3])


@pytest.mark.parametrize("dtype", ["boolean", "bool[pyarrow]", object])
def test_true_and_false_are_1_and_0(dtype: Any) -> None:
    flags = pd.Series([True, None, False], dtype=dtype)
    covariates = known(from_any(long(x=flags), Intake(Columns(future="x"))))
    np.testing.assert_array_equal(covariates.future[:, 0], [1, np.nan, 0])


@pytest.mark.parametrize(
    "dtype", [pl.String, pl.Categorical, pl.Enum(["a", "b", "z"]), pl.Object, None]
)
@pytest.mark.parametrize("missing", [False, True])
def test_ids_of_polars_may_be_of_any_type(dtype: Any, missing: bool) -> None:
    ids = pl.Series(["b", "b", "a", "a", *([None] if missing else [])], dtype=dtype)
    y = [1.0, 2, 3, 4, *([5.0] if missing else [])]
    df = pl.DataFrame({"unique_id": ids, "ds": [1, 2, 1, 2, 1][: len(y)], "y": y})
    if missing:
        with pytest.raises(DataError, match=r"which series.*row 4"):
            from_any(df)
    else:
        panel = from_any(df)
        assert panel.ids.tolist() == ["b", "a"]
        assert panel.values.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_ids_of_pyarrow_may_be_encoded_and_in_chunks(encoded: bool, missing: bool) -> None:
    chunks = [pa.array(["b", "b"]), pa.array(["a", "a", *([None] if missing else [])])]
    ids = pa.chunked_array([x.dictionary_encode() if encoded else x for x in chunks])
    ds = [1, 2, 1, 2, 3][: len(ids)]
    table = pa.table({"unique_id": ids, "ds": ds, "y": [1.0, 2, 3, 4, 5][: len(ids)]})
    if missing:
        with pytest.raises(DataError, match=r"which series.*row 4"):
            from_any(table)
    else:
        assert from_any(table).ids.tolist() == ["b", "a"]


@pytest.mark.parametrize("dtype", ["string[pyarrow]", "string[python]", "str", object, "category"])
def test_ids_of_pandas_may_be_of_any_type(dtype: Any) -> None:
    df = long(unique_id=pd.Series(["b", "a", "b"], dtype=dtype), ds=[1, 1, 2])
    panel = from_any(df)
    assert panel.ids.tolist() == ["b", "a"]
    assert panel.values.tolist() == [1, 3, 2]


def test_stamps_of_pandas_in_pyarrow_are_stamps() -> None:
    for tz in (None, "Europe/Berlin"):
        kind = pd.ArrowDtype(pa.timestamp("us", tz=tz))
        ds = pd.Series(pd.date_range("2024-03-30", periods=3, tz=tz)).astype(kind)
        panel = from_any(long(ds=ds))
        assert (str(panel.frequency), panel.lengths.tolist()) == ("D", [3])
    days = pd.Series([date(2024, 1, k) for k in (1, 2, 3)]).astype(pd.ArrowDtype(pa.date32()))
    assert str(from_any(long(ds=days)).frequency) == "D"


def test_a_pandas_index_may_repeat_a_column_or_have_no_name() -> None:
    df = long(unique_id="a")
    both = df.set_index(["unique_id", "ds"], drop=False).drop(columns="unique_id")
    assert from_any(both).ids.tolist() == ["a"]
    with pytest.raises(DataError, match="no column 'ds'"):
        from_any(df.set_index(["unique_id", "ds"]).rename_axis([None, None]))


@pytest.mark.parametrize("column", ["unique_id", "ds", "y"])
def test_cells_that_are_lists_are_an_error(column: str) -> None:
    df = long(unique_id="a")
    df[column] = pd.Series([[1], [2], [3]], dtype=object)
    with pytest.raises(DataError, match=f"'{column}'"):
        from_any(df)


# Saving


def saved_and_restored(panel: Panel) -> Panel:
    arrays = {
        name: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape)
        for name, a in panel.arrays().items()
    }
    return from_metadata(json.loads(json.dumps(panel.metadata(), allow_nan=False)), arrays)


@pytest.mark.parametrize(
    "data",
    [
        [1.0, None, 3.0],
        [[1.0, 2.0], [3.0, 4.0]],
        long(),
        long(unique_id=[1, 1, 1]),
        long(unique_id=["ä", "ä", "ä"], ds=[10, 20, 40]),
        long(ds=pd.to_datetime(DAYS).tz_localize("Europe/Berlin")),
        long(ds=pd.to_datetime(DAYS).as_unit("ns")),
        long(ds=pd.period_range("2024-01", periods=3, freq="M")),
        pl.DataFrame({"ds": [date(2024, 1, 1), date(2024, 1, 3)], "y": [1, 2]}),
        pa.table({"ds": [datetime(2024, 1, 1), datetime(2024, 1, 3)], "y": [1, 2]}),
    ],
)
def test_a_panel_survives_saving_bit_for_bit(data: Any) -> None:
    panel = from_any(data)
    restored = saved_and_restored(panel)
    for name, array in panel.arrays().items():
        assert restored.arrays()[name].tobytes() == array.tobytes()
    assert restored.metadata() == panel.metadata()
    assert [type(x) for x in restored.ids] == [type(x) for x in panel.ids]
    forecasts = {"LSTM": np.ones((panel.n_series, 2))}
    ours, theirs = restored.forecast_frame(2, forecasts), panel.forecast_frame(2, forecasts)
    pd.testing.assert_frame_equal(to_pandas(ours), to_pandas(theirs))
    assert type(ours) is type(theirs)


@pytest.mark.parametrize(
    "change",
    [
        {"ids": ["y", "z"]},
        {"ids": None},
        {"kind": "excel"},
        {"kind": ["pandas"]},
        {"frequency": {"alias": "nonsense"}},
        {"frequency": {"alias": "D", "tz": "Nowhere/At_All"}},
        {"frequency": {"step": "1"}},
        {"frequency": {"alias": None, "step": 0}},
        {"columns": {"id_col": 1}},
        {"columns": {"colour": "red"}},
        {"time_type": "datetime[fortnight]"},
        {"time_type": 5},
        {"indptr": np.array([0, 4])},
        {"indptr": np.array([0, 2])},
        {"indptr": np.array([1, 3])},
        {"indptr": np.array([0, 0, 3])},
        {"indptr": np.array([0.0, 3.0])},
        {"indptr": np.array([[0, 3]])},
        {"indptr": np.array([], np.int64)},
        {"values": np.array([1, 2, 3])},
        {"values": np.zeros((3, 1))},
        {"observed": np.array([True])},
        {"last": np.array([1, 2])},
        {"last": None},
        {"last": np.array([2**63 - 1])},
        {"last": np.array([-(2**63)])},
        {"last": np.array([-9_214_560_000_000_000_000])},  # 1678-01-01, so it begins before
        {"indptr": np.array([0, 10**9])},
        {"indptr": np.array([0, 2**63 - 1, -(2**63) + 5, 3])},
        {"values": np.array([1.0, np.nan, 3.0])},
        {"values": np.array([1.0, np.inf, 3.0])},
        {"values": np.array([1.0, 1e303, 3.0])},
        {"ids": [["y"]]},
        {"time_type": "int"},
        {"frequency": {"alias": "999999999YS"}},
        {"frequency": {"alias": "999999999h"}},
        {"frequency": {"alias": None, "step": 2**70}},
        {"frequency": {"alias": "600YS"}},
    ],
)
def test_damaged_panels_are_refused(change: dict[str, Any]) -> None:
    panel = from_any(long())
    metadata, arrays = panel.metadata(), panel.arrays()
    (arrays if next(iter(change)) in arrays else metadata).update(change)
    with pytest.raises(ArtifactError, match="damaged"):
        from_metadata(metadata, arrays)


def test_panels_with_parts_missing_are_refused() -> None:
    panel = from_any(long())
    for name in panel.metadata():
        with pytest.raises(ArtifactError):
            from_metadata({k: v for k, v in panel.metadata().items() if k != name}, panel.arrays())
    for name in panel.arrays():
        arrays = {k: v for k, v in panel.arrays().items() if k != name}
        with pytest.raises(ArtifactError):
            from_metadata(panel.metadata(), arrays)


def test_covariates_survive_saving_bit_for_bit() -> None:
    for panel in (
        taken_in(with_covariates()),
        taken_in(with_covariates()).tail(1),
        from_any(with_covariates(), Intake(Columns(static="region", future="price"))),
        from_any(long(x=[1, 2, 3]), Intake(Columns(past="x"))),
    ):
        restored = saved_and_restored(panel)
        assert_same(restored, panel)
        for name, array in panel.arrays().items():
            assert restored.arrays()[name].tobytes() == array.tobytes()
        assert restored.columns == panel.columns


@pytest.mark.parametrize(
    "change",
    [
        {"static": [["n", 1.0]]},
        {"static": [["n"], ["s"]]},
        {"static": [["n", 1.0], ["s", [2]]]},
        {"static": [["n", 1.0], ["s", float("inf")]]},
        {"static": [["n", 1.0], ["s", True]]},
        {"static": None},
        {"static": []},
        {"past": np.zeros((4, 1))},
        {"past": np.zeros((5, 2))},
        {"past": np.zeros(5)},
        {"past": np.zeros((5, 1), np.float32)},
        {"past": np.full((5, 1), np.inf)},
        {"future": np.zeros((7, 2))},
        {"future": np.zeros((8, 1))},
        {"future_indptr": np.array([0, 5])},
        {"future_indptr": np.array([0, 5, 9])},
        {"future_indptr": np.array([0, 7, 8])},
        {"future_indptr": np.array([1, 5, 8])},
        {"future_indptr": np.array([0, 2**63 - 1, 8])},
        {"future_indptr": np.array([0, 5, 8], np.int32)},
        {"location": np.zeros((1, 3))},
        {"location": np.full((2, 3), np.inf)},
        {"spread": np.full((2, 3), -1.0)},
        {"spread": np.zeros((2, 2))},
        {"columns": {"past": ["rain"]}},
        {"columns": {}},
        {"columns": {"past": [1], "future": ["price", "promo"], "static": ["region", "size"]}},
        {"cold": None},
        {"cold": {}},
        {"cold.values": np.zeros(1)},
        {"cold.indptr": np.array([0, 1])},
        {"cold.last": np.array([2**63 - 1])},
        {"cold.future": np.zeros((2, 2))},
    ],
)
def test_damaged_covariates_are_refused(change: dict[str, Any]) -> None:
    panel = taken_in(with_covariates())
    metadata, arrays = panel.metadata(), panel.arrays()
    (arrays if next(iter(change)) in arrays else metadata).update(change)
    with pytest.raises(ArtifactError, match="damaged"):
        from_metadata(metadata, arrays)


def test_cold_series_of_another_kind_are_refused() -> None:
    panel = taken_in(with_covariates())
    for name, value in {"kind": "polars", "time_type": "date", "ids": []}.items():
        metadata = panel.metadata()
        metadata["cold"][name] = value
        with pytest.raises(ArtifactError, match="damaged"):
            from_metadata(metadata, panel.arrays())
    metadata = panel.metadata()
    metadata["cold"]["cold"] = metadata["cold"]
    assert from_metadata(metadata, panel.arrays()).cold is not None  # and goes no deeper


def test_many_series_are_quick() -> None:
    n = 20_000
    df = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(n), 10),
            "ds": np.tile(pd.date_range("2024-01-01", periods=10), n),
            "y": np.arange(10.0 * n),
        }
    )
    panel = from_any(df)
    assert panel.n_series == n
    np.testing.assert_array_equal(panel.values, df["y"])


@pytest.mark.parametrize("change", ["none", "gaps", "ahead", "unsorted", "duplicates"])
def test_blocks_of_rows_make_the_same_panel(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    k = np.arange(300)
    df = pd.DataFrame(
        {
            "unique_id": [f"s{i}" for i in k // 30],
            "ds": pd.Timestamp("2024-03-20", tz="Europe/Berlin") + pd.to_timedelta(k % 30, "D"),
            "y": 1.0 + k,
            "x": 2.0 * k,
        }
    )
    df["ds"] = df["ds"].dt.normalize()
    if change == "gaps":
        df = df[k % 7 != 3]
    elif change == "ahead":
        df.loc[k % 30 > 25, "y"] = np.nan
    elif change == "unsorted":
        df = df.sample(frac=1, random_state=1)
    elif change == "duplicates":
        df = pd.concat([df, df[k % 5 == 0]])
    intake = Intake(Columns(future="x"), duplicates="mean")
    whole = from_any(df, intake)
    monkeypatch.setattr("gatecast.frequency._BLOCK", 11)
    assert_same(from_any(df, intake), whole)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_many_rows_take_little_memory(kind: str) -> None:
    """Up to three times the values, above the frame itself."""
    n, length = 30_000, 100
    df = pd.DataFrame(
        {
            "unique_id": pd.Series([f"series {i}" for i in range(n)]).repeat(length).to_numpy(),
            "ds": np.tile(pd.date_range("2024-01-01", periods=length), n),
            "y": np.arange(float(n * length)),
        }
    )
    frame = in_kind(df, kind)
    tracemalloc.start()
    try:
        panel = from_any(frame)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert panel.n_series == n
    assert peak < 3 * panel.values.nbytes


def test_when_the_only_row_ahead_is_off_the_grid_it_is_named() -> None:
    intake = Intake(Columns(future=("x",)))
    days = pd.date_range("2024-01-01", periods=5)
    panel = from_any(pd.DataFrame({"ds": days, "y": 1.0, "x": 2.0}), intake)
    ahead = pd.DataFrame({"ds": [pd.Timestamp("2024-01-06 09:00")], "x": [3.0]})
    with pytest.raises(DataError, match=r"out of step.*row 0"):
        join_future(panel, ahead, intake)


def test_when_no_series_has_two_stamps_the_usual_frequency_is_taken() -> None:
    df = pd.DataFrame({"unique_id": ["a", "b"], "ds": ["2024-01-31", "2024-02-29"], "y": [1, 2]})
    assert str(from_any(df, Intake(usual_freq="ME")).frequency) == "ME"
    longer = pd.concat([df, df.assign(ds=["2024-02-01", "2024-03-01"])])
    assert str(from_any(longer, Intake(usual_freq="ME")).frequency) == "D"


def test_what_was_interpolated_over_the_cut_is_held_back_unseen() -> None:
    y = [1.0, 2.0, np.nan, np.nan, 5.0, 6.0]
    panel = from_any(np.array([y, [7.0] * 6]), Intake(fill="interpolate"))
    shorter, held_back = panel.drop_last(3)
    assert shorter.values.tolist() == [1, 2, 2, 7, 7, 7]
    np.testing.assert_array_equal(held_back, [[np.nan, 5, 6], [7, 7, 7]])
