from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
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
from gatecast.frames import from_frame
from gatecast.panel import Columns, Panel, from_any, from_array, from_metadata

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
        (np.ma.array(["1", "x"], mask=[0, 1]), [1, np.nan]),
        (np.ma.array([1, 2]), [1, 2]),
        (np.ma.array([[1, 2], [3, 99]], mask=[[0, 0], [0, 1]]), [1, 2, 3, np.nan]),
        ([np.ma.array([1, 99], mask=[0, 1]), [3, 4]], [1, np.nan, 3, 4]),
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
        from_any([1.0, 2.0], freq="D")


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
    panel = from_any(df, id_col="store", time_col="when", target_col="sold")
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
    with pytest.raises(DataError, match=r"at 2024-03-31 06:00:00\+02:00: row 7, row 8"):
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
    panel = from_any(long(unique_id=ids), freq="D")
    assert panel.ids.tolist() == list(dict.fromkeys(ids))
    assert type(panel.ids[0]) in (int, str)
    assert panel.forecast_frame(1, {})["unique_id"].tolist() == panel.ids.tolist()


def test_large_integer_ids_are_told_apart() -> None:
    ids = [2**60, 2**60, 2**60 + 1]
    assert from_any(long(unique_id=ids), freq="D").ids.tolist() == [2**60, 2**60 + 1]


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
        (long(ds=[1, 1, 2]), "series 'y' at 1: row 0, row 1"),
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
        from_any(long(), id_col="store")


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
    with pytest.raises(DataError, match=r"'y'.*frequency, D. Got: row 2 \(2024-01-03 05:00:00\)"):
        from_any(df)
    last_wrong = pd.DataFrame({"ds": [*ds[:2], "2024-01-03", ds[3], "2024-01-05 07:00"], "y": 1.0})
    with pytest.raises(DataError, match=r"D. Got: row 4 \(2024-01-05 07:00:00\)"):
        from_any(last_wrong)


def test_a_given_frequency_that_does_not_fit_meets_the_likely_one() -> None:
    df = pd.DataFrame({"ds": ["2024-01-01", "2024-01-08", "2024-01-15"], "y": 1.0})
    with pytest.raises(DataError, match=r"out of step with freq='W-SUN'.*freq='W-MON'"):
        from_any(df, freq="W")
    assert str(from_any(df, freq="W-MON").frequency) == "W-MON"


def test_a_given_frequency_may_be_finer() -> None:
    panel = from_any(pd.DataFrame({"ds": ["2024-01-01", "2024-01-03"], "y": [1, 3]}), freq="D")
    np.testing.assert_array_equal(panel.values, [1, np.nan, 3])


@pytest.mark.parametrize(("ds", "freq"), [([1, 2, 3], "D"), (DAYS, 1), (DAYS, "2")])
def test_a_frequency_must_suit_the_stamps(ds: Any, freq: Any) -> None:
    with pytest.raises(ConfigError, match="does not suit"):
        from_any(long(ds=ds), freq=freq)


def test_whole_numbers_may_have_a_step() -> None:
    panel = from_any(long(ds=[10, 20, 40]))
    np.testing.assert_array_equal(panel.values, [1, 2, np.nan, 3])
    assert panel.forecast_frame(2, {})["ds"].tolist() == [50, 60]
    assert from_any(long(ds=[10, 20, 40]), freq=5).lengths.tolist() == [7]


def test_one_stamp_far_away_does_not_fill_the_memory() -> None:
    ds = ["2024-01-01 00:00:00", "2024-01-01 00:00:01", "2124-01-01 00:00:00"]
    with pytest.raises(DataError, match=r"too far apart.*3,155,673,600 steps"):
        from_any(long(ds=ds))


def test_two_stamps_in_one_step_are_out_of_step() -> None:
    # 02:30 twice in one night: the same step of daily stamps.
    utc = ["2024-10-26 00:30", "2024-10-27 00:30", "2024-10-27 01:30", "2024-10-28 01:30"]
    ds = pd.to_datetime(utc).tz_localize("UTC").tz_convert("Europe/Berlin")
    with pytest.raises(DataError, match="out of step"):
        from_any(pd.DataFrame({"ds": ds, "y": 1.0}), freq="D")


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

    panel = from_any(kept.iloc[order], freq=freq or 1)

    expected = df["y"].where(~df.index.isin(dropped)).to_numpy()
    for k, name in enumerate(panel.ids):
        ours = panel.values[panel.indptr[k] : panel.indptr[k + 1]]
        np.testing.assert_array_equal(ours, expected[df["unique_id"] == name])
        assert list(panel.stamps(k)) == df["ds"][df["unique_id"] == name].to_numpy().tolist() or (
            list(pd.DatetimeIndex(panel.stamps(k))) == list(df["ds"][df["unique_id"] == name])
        )


# Saving


def saved_and_restored(panel: Panel) -> Panel:
    arrays = {name: np.frombuffer(a.tobytes(), a.dtype) for name, a in panel.arrays().items()}
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
