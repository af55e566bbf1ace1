from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatecast.errors import ConfigError, DataError
from gatecast.frequency import (
    Frequency,
    infer_frequency,
    infer_step,
    likelier_frequency,
    parse_frequency,
)
from gatecast.stamps import format_stamps, parse_stamps

ALIASES = [
    *("MS", "ME", "QS", "QE", "YS", "YE", "QS-FEB", "QE-JAN", "QE-FEB", "YE-JUN", "YS-APR"),
    *("W-SUN", "W-WED", "D", "h", "min", "s", "15min", "30min", "2h", "30s", "100ms"),
    *("BMS", "BME", "BQE", "BYS", "2MS", "2QS", "2W-TUE", "3D", "2YS", "B"),
]


def stamps_of(*texts: str, tz: str | None = None) -> np.ndarray:
    return ints(pd.DatetimeIndex(list(texts)).tz_localize(tz))


def ints(index: pd.DatetimeIndex) -> np.ndarray:
    return np.asarray(index.as_unit("ns").asi8)


def infer(stamps: np.ndarray, tz: str | None = None) -> str:
    return str(infer_frequency(stamps, np.array([0, len(stamps)]), tz))


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("start", ["2019-12-07", "2021-03-31", "2023-11-30 13:45"])
def test_a_frequency_is_found_and_continued_as_pandas_does(alias: str, start: str) -> None:
    index = pd.date_range(start, periods=60, freq=alias)

    frequency = infer_frequency(ints(index), np.array([0, 60]))

    assert str(frequency) == alias
    expected = pd.date_range(index[-1], periods=31, freq=alias)[1:]
    np.testing.assert_array_equal(frequency.future(ints(index)[-1:], 30)[0], ints(expected))


@settings(deadline=None, max_examples=200)
@given(
    alias=st.sampled_from(ALIASES),
    start=st.datetimes(pd.Timestamp("1950-01-01"), pd.Timestamp("2050-01-01")),
    steps=st.integers(-60, 60),
)
def test_shifting_and_counting_undo_each_other(alias: str, start: object, steps: int) -> None:
    frequency = Frequency(alias)
    origin = ints(pd.date_range(start, periods=1, freq=alias))

    moved = frequency.shift(origin, steps)
    counted, on_grid = frequency.steps_between(origin, moved)

    assert counted[0] == steps
    assert on_grid[0]
    np.testing.assert_array_equal(frequency.shift(moved, -steps), origin)


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        (["1949-01-01", "1949-02-01"], "MS"),
        (["2023-02-01", "2023-03-01"], "MS"),
        (["2024-01-15", "2024-02-15", "2024-03-15"], "MS"),
        (["2024-01-31", "2024-02-29"], "ME"),
        (["2023-02-28", "2023-03-31"], "ME"),
        (["2024-01-31", "2024-02-29", "2024-03-29"], "BME"),
        (["2023-01-01", "2023-04-01"], "QS"),
        (["2023-03-31", "2023-06-30"], "QE"),
        (["2023-01-01", "2024-01-01"], "YS"),
        (["2024-01-01", "2025-01-01"], "YS"),
        (["2023-07-01", "2024-07-01"], "YS-JUL"),
        (["2023-12-31", "2024-12-31"], "YE"),
        (["2023-01-01", "2023-07-01"], "2QS"),
        (["2024-01-07", "2024-01-14"], "W-SUN"),
        (["2024-01-03", "2024-01-10", "2024-01-17"], "W-WED"),
        (["2024-01-01", "2024-01-02"], "D"),
        (["2024-01-05", "2024-01-06"], "D"),
        (["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"], "B"),
        (["2024-01-01 00:00", "2024-01-01 01:00"], "h"),
        (["2024-01-01 00:05", "2024-01-01 00:20"], "15min"),
        (["2024-01-01 00:00:00", "2024-01-01 00:00:10"], "10s"),
    ],
)
def test_short_series_tell_their_frequency(stamps: list[str], expected: str) -> None:
    assert infer(stamps_of(*stamps)) == expected


def test_monthly_stamps_keep_their_day() -> None:
    last = stamps_of("2024-01-15")
    assert format_stamps(Frequency("MS").future(last, 2)[0]) == ["2024-02-15", "2024-03-15"]


def test_month_ends_meet_leap_years() -> None:
    last = stamps_of("2023-12-31", "2024-12-31")
    future = Frequency("ME").future(last, 2)
    assert format_stamps(future[:, 1]) == ["2024-02-29", "2025-02-28"]


def test_rows_may_be_missing() -> None:
    index = pd.date_range("2020-01-01", periods=60, freq="MS")
    assert infer(ints(index.delete([3, 4, 20, 33]))) == "MS"
    index = pd.date_range("2020-01-01", periods=60, freq="h")
    assert infer(ints(index.delete([3, 4, 20, 33]))) == "h"


def test_the_longest_series_proposes_and_all_decide() -> None:
    weekdays = ints(pd.date_range("2024-01-01", periods=20, freq="B"))
    with_a_weekend = ints(pd.date_range("2024-01-05", periods=4, freq="D"))
    stamps, indptr = np.concatenate([weekdays, with_a_weekend]), np.array([0, 20, 24])
    assert str(infer_frequency(stamps, indptr)) == "D"


def test_stamps_out_of_step_are_seen() -> None:
    stamps = stamps_of("2024-01-01", "2024-01-02", "2024-01-03 05:00", "2024-01-04")
    assert infer(stamps) == "D"
    _, on_grid = Frequency("D").steps_between(stamps, np.full(4, stamps[-1]))
    assert on_grid.tolist() == [True, True, False, True]


@pytest.mark.parametrize("alias", ["W-SUN", "QS-FEB", "YS"])
def test_an_anchor_must_be_met(alias: str) -> None:
    monday_in_march = stamps_of("2024-03-04")
    assert not Frequency(alias).steps_between(monday_in_march, monday_in_march)[1][0]


def test_one_stamp_is_no_frequency() -> None:
    with pytest.raises(DataError, match="freq="):
        infer_frequency(stamps_of("2024-01-01"), np.array([0, 1]))


def test_whole_numbers_have_a_step() -> None:
    frequency = infer_step(np.array([0, 5, 10, 20, 1, 6]), np.array([0, 4, 6]))
    assert (frequency.step, str(frequency), frequency.season_length) == (5, "5", 1)
    assert frequency.future(np.array([20, 6]), 2).tolist() == [[25, 30], [11, 16]]
    assert infer_step(np.array([7]), np.array([0, 1])).step == 1


# Clock changes of Europe/Berlin: 2024-03-31 02:00 -> 03:00 and 2024-10-27 03:00 -> 02:00.
@pytest.mark.parametrize("start", ["2024-03-25", "2024-10-21"])
@pytest.mark.parametrize("alias", ["h", "15min", "D", "W-MON", "MS", "B"])
def test_clock_changes_neither_shift_nor_repeat_a_stamp(start: str, alias: str) -> None:
    index = pd.date_range(start, periods=400, freq=alias, tz="Europe/Berlin")
    stamps = ints(index)

    frequency = infer_frequency(stamps, np.array([0, 400]), "Europe/Berlin")

    assert str(frequency) == alias
    np.testing.assert_array_equal(frequency.future(stamps[:1], 399)[0], stamps[1:])
    assert frequency.steps_between(stamps, np.full(400, stamps[-1]))[1].all()


def test_a_skipped_time_of_day_becomes_the_next_that_exists() -> None:
    last = stamps_of("2024-03-30 02:30", tz="Europe/Berlin")
    future = Frequency("D", tz="Europe/Berlin").future(last, 2)[0]
    assert format_stamps(future, "Europe/Berlin") == ["2024-03-31 03:00:00", "2024-04-01 02:30:00"]


def test_days_in_absolute_time_are_hours() -> None:
    stamps = stamps_of("2024-03-25") + 24 * 3600 * 10**9 * np.arange(20)
    assert infer(stamps, "Europe/Berlin") == "24h"


def test_a_fixed_offset_is_a_time_zone() -> None:
    index = pd.date_range("2024-01-01", periods=5, freq="D", tz="+08:00")
    assert infer(ints(index), "+08:00") == "D"


def test_the_calendar_ends() -> None:
    with pytest.raises(DataError, match="2262"):
        Frequency("YS").future(stamps_of("2250-01-01"), 40)
    for alias in ("D", "B", "h", "W-MON", "BME", "290YE"):
        for steps in (10**7, 10**12, 10**18):
            with pytest.raises(DataError, match="2262"):
                Frequency(alias).shift(stamps_of("2024-01-01"), steps)
            with pytest.raises(DataError, match="1678"):
                Frequency(alias).shift(stamps_of("2024-01-01"), -steps)
    with pytest.raises(DataError, match=r"largest whole number\. Got: 99 steps"):
        Frequency(None, 10**17).future(np.array([5]), 99)


def test_stamps_reach_the_ends_of_the_calendar() -> None:
    for tz in (None, "Asia/Tokyo"):
        future = Frequency("MS", tz=tz).future(stamps_of("2260-12-01", tz=tz), 12)
        assert format_stamps(future[0], tz)[-1] == "2261-12-01"
        past = Frequency("D", tz=tz).shift(stamps_of("1678-01-05", tz=tz), -4)
        assert format_stamps(past, tz) == ["1678-01-01"]


@pytest.mark.parametrize("alias", ["999999999YS", "9999999W", "999999999h", "601YE"])
def test_a_step_longer_than_the_calendar_is_refused(alias: str) -> None:
    with pytest.raises(ConfigError, match="longer than the calendar"):
        Frequency(alias)


@pytest.mark.parametrize(
    ("alias", "season_length"),
    [
        *(("h", 24), ("2h", 12), ("5h", 1), ("D", 7), ("2D", 1), ("7D", 52), ("24h", 7)),
        *(("B", 5), ("W-SUN", 52), ("2W-SUN", 26), ("MS", 12), ("ME", 12), ("2MS", 6), ("BME", 12)),
        *(("QS", 4), ("2QS", 2), ("YS", 1), ("2YS", 1), ("min", 1440), ("5min", 288)),
        *(("15min", 96), ("30min", 48), ("90min", 16), ("s", 3600), ("10s", 360), ("60s", 1440)),
        *(("100ms", 1), ("ns", 1)),
    ],
)
def test_season_length(alias: str, season_length: int) -> None:
    assert Frequency(alias).season_length == season_length


@pytest.mark.parametrize(
    ("given_", "alias"),
    [
        *(("M", "ME"), ("Q", "QE"), ("Q-NOV", "QE-NOV"), ("A", "YE"), ("Y", "YE"), ("AS", "YS")),
        *(("A-JUN", "YE-JUN"), ("H", "h"), ("T", "min"), ("15T", "15min"), ("S", "s"), ("L", "ms")),
        *(("BM", "BME"), ("W", "W-SUN"), ("w-mon", None), ("W-mon", "W-MON"), ("1D", "D")),
        *(("QS-JAN", "QS"), ("YE-DEC", "YE"), (" 2 MS ", "2MS"), ("5", "5"), (3, "3")),
    ],
)
def test_old_and_new_aliases_are_known(given_: str | int, alias: str | None) -> None:
    if alias is not None:
        assert str(parse_frequency(given_)) == alias
    else:
        with pytest.raises(ConfigError):
            parse_frequency(given_)


@pytest.mark.parametrize(
    "freq", ["", "X", "0D", "-1D", "D-MON", "W-JAN", "MS-JAN", "1.5h", 0, True]
)
def test_unknown_frequencies_are_refused(freq: str | int) -> None:
    with pytest.raises(ConfigError):
        parse_frequency(freq)


def test_format_stamps() -> None:
    assert format_stamps(stamps_of("2024-01-01", "2024-01-02 10:30")) == [
        "2024-01-01 00:00:00",
        "2024-01-02 10:30:00",
    ]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1949-01", "1949-02"], ["1949-01-01", "1949-02-01"]),
        (["2024Q3", "2024-Q4", "Q1 2025"], ["2024-07-01", "2024-10-01", "2025-01-01"]),
        (["2024-W05", "2024W06"], ["2024-01-29", "2024-02-05"]),
        (["2024/1/5", "2024.1.6", "2024年1月7日"], ["2024-01-05", "2024-01-06", "2024-01-07"]),
        (["2024年1月", "2024年2月"], ["2024-01-01", "2024-02-01"]),
        (["1960", "1961", "1962"], ["1960-01-01", "1961-01-01", "1962-01-01"]),
        (["2020年", "2021年"], ["2020-01-01", "2021-01-01"]),
        (["20240131", "20240201"], ["2024-01-31", "2024-02-01"]),
        (["202401", "202402"], ["2024-01-01", "2024-02-01"]),
        (["31.1.2024", "1.2.2024"], ["2024-01-31", "2024-02-01"]),
        (["31/01/2024", "01/02/2024"], ["2024-01-31", "2024-02-01"]),
        (["1/31/2024", "2/1/2024"], ["2024-01-31", "2024-02-01"]),
        (["1/12/2020", "1/1/2021"], ["2020-12-01", "2021-01-01"]),
        (["12/1/2020", "1/1/2021"], ["2020-12-01", "2021-01-01"]),
        (["5 Jan 2024", "6 Jan 2024"], ["2024-01-05", "2024-01-06"]),
        (["Jan 2024", "Feb 2024"], ["2024-01-01", "2024-02-01"]),
        (["May 2024", "June 2024", "Sept. 2024"], ["2024-05-01", "2024-06-01", "2024-09-01"]),
        (["05JAN2024", "06-jan-2024"], ["2024-01-05", "2024-01-06"]),
        (["January 5, 2024"], ["2024-01-05"]),
        (["05-Jan-2024 10:00"], ["2024-01-05 10:00:00"]),
        (["Jan-20", "Feb-20"], ["2020-01-01", "2020-02-01"]),
        (["Dec-99", "Jan-00"], ["1999-12-01", "2000-01-01"]),
        (["Feb '20", "Jan '20"], ["2020-02-01", "2020-01-01"]),
        (["2024-01-05 12:30 AM"], ["2024-01-05 00:30:00"]),
        (["1/31/2024 1:05:30 p.m."], ["2024-01-31 13:05:30"]),
        ([" 2024-01-05 "], ["2024-01-05"]),
        (["2024-01-05T10:00"], ["2024-01-05 10:00:00"]),
        (["2024/1/5 10:00:30"], ["2024-01-05 10:00:30"]),
    ],
)
def test_text_is_read_as_stamps(texts: list[str], expected: list[str]) -> None:
    read = parse_stamps(np.array(texts, object))
    assert not read.whole
    assert not read.bad.any()
    assert format_stamps(read.stamps) == expected


@pytest.mark.parametrize(
    "texts", [["1", "2"], ["1960", "1962"], ["202413", "202414"], ["-5", "10"]]
)
def test_other_whole_numbers_stay_so(texts: list[str]) -> None:
    read = parse_stamps(np.array(texts, object))
    assert read.whole
    assert read.stamps.tolist() == [int(text) for text in texts]


@pytest.mark.parametrize(
    ("texts", "tz"),
    [
        (["2024-01-01T00:00:00Z"], "UTC"),
        (["2024-01-01 00:00:00+00:00"], "UTC"),
        (["2024-01-01T00:00:00+0800"], "+08:00"),
        (["2024-01-01 00:00:00+08"], "+08:00"),
        (["2024-01-01T00:00:00Z", "2024-01-01T00:00:00+00:00"], "UTC"),
        (["2024-01-01T00:00:00+01:00", "2024-07-01T00:00:00+02:00"], "UTC"),
    ],
)
def test_text_may_have_a_time_zone(texts: list[str], tz: str) -> None:
    read = parse_stamps(np.array(texts, object))
    assert read.tz == tz
    np.testing.assert_array_equal(
        read.stamps, [pd.Timestamp(text).as_unit("ns").value for text in texts]
    )


def test_texts_that_are_no_stamps_are_marked() -> None:
    texts = ["2024-01-01", "soon", "2024-02-30", "9999-12-31", "", "2024-W54", "0001-01-01"]
    read = parse_stamps(np.array(texts, object))
    assert read.bad.tolist() == [False] + [True] * 6


@pytest.mark.parametrize(
    "texts",
    [
        ["Jan-20", "Jan-21", "Jan-22"],  # three days, or three years
        ["Jan-30", "Jan-31", "Feb-01"],
        ["Jan-60", "Feb-60"],  # 1960 or 2060
        ["31-Feb-2024"],
        ["Marble 2024"],
        ["2024-01-05 13:00 PM"],
    ],
)
def test_texts_that_may_be_several_dates_are_marked(texts: list[str]) -> None:
    assert parse_stamps(np.array(texts, object)).bad.all()


def test_what_different_offsets_leave_out_is_kept() -> None:
    texts = ["2024-03-31 00:00:00+01:00", "2024-04-01 00:00:00+02:00"]
    read = parse_stamps(np.array(texts, object))
    assert format_stamps(read.wall) == ["2024-03-31", "2024-04-01"]
    assert parse_stamps(np.array(texts[:1], object)).wall is None


def test_when_day_and_month_cannot_be_told_apart_it_is_an_error() -> None:
    with pytest.raises(DataError, match=r"1/2/2024.*2024-01-31"):
        parse_stamps(np.array(["1/2/2024", "2/2/2024"], object))


# Steps that stamps fall in

FAMILIES = [
    *("MS", "2MS", "ME", "2ME", "BMS", "2BMS", "BME", "2BME", "QS", "QS-FEB", "2QS", "QE"),
    *("QE-JAN", "2QE-JAN", "BQS", "BQE", "YS", "YS-APR", "2YS", "YE", "YE-JUN", "2YE", "BYS"),
    *("BYE", "W-SUN", "W-WED", "2W-TUE", "3W-SUN", "D", "3D", "10D", "B", "2B", "3B", "h", "2h"),
    *("5h", "7h", "36h", "min", "15min", "90min", "s", "30s", "100ms"),
]


@pytest.mark.parametrize("tz", [None, "Europe/Berlin", "Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize("alias", FAMILIES)
@pytest.mark.parametrize("at_midnight", [False, True])
def test_steps_are_labelled_as_pandas_labels_them(
    alias: str, tz: str | None, at_midnight: bool
) -> None:
    rng = np.random.default_rng(len(alias))
    size = {"s": 10**12, "n": 10**14, "h": 3 * 10**15}.get(alias[-1], 10**17)
    for start in stamps_of("1971-02-11", "2000-02-28", "2019-12-07", "2024-03-09", "2024-10-26"):
        stamps = np.sort(start + rng.integers(0, size, 40))
        if at_midnight:
            stamps = stamps // (24 * 3600 * 10**9) * (24 * 3600 * 10**9)
        index = pd.DatetimeIndex(stamps, tz="UTC").tz_convert(tz)
        counts = pd.Series(1, index).resample(alias).sum()
        counts = counts[counts > 0]

        labels, sizes = np.unique(Frequency(alias, tz=tz).label(stamps), return_counts=True)

        np.testing.assert_array_equal(labels, ints(counts.index))
        np.testing.assert_array_equal(sizes, counts)


@settings(deadline=None, max_examples=150)
@given(
    alias=st.sampled_from([x for x in FAMILIES if x != "100ms"]),
    tz=st.sampled_from([None, "Europe/Berlin", "America/Santiago"]),
    dates=st.lists(
        st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2030-01-01")), min_size=1
    ),
)
def test_labels_are_stamps_of_their_frequency(
    alias: str, tz: str | None, dates: list[datetime]
) -> None:
    frequency = Frequency(alias, tz=tz)
    stamps = np.sort(ints(pd.DatetimeIndex(dates, tz="UTC")))
    labels = frequency.label(stamps)
    assert (np.diff(labels) >= 0).all()
    # They are in step with one another, and the label of a label is itself.
    steps, on_grid = frequency.steps_between(labels, np.full_like(labels, labels[-1]))
    assert on_grid.all()
    np.testing.assert_array_equal(frequency.label(labels, labels[:1]), labels)
    np.testing.assert_array_equal(frequency.label(stamps, labels[-1:]), labels)
    # A stamp is in the step of its label: not before it, or not after it.
    ends = alias.lstrip("0123456789").startswith("W") or alias.partition("-")[0].endswith("E")
    before = frequency.shift(labels, -1)
    after = frequency.shift(labels, 1)
    day = 24 * 3600 * 10**9
    if ends:
        assert ((stamps - labels < day + 3600 * 10**9) & (stamps > before)).all()
    else:
        assert ((stamps >= labels) & (stamps < after)).all()
    assert steps[-1] == 0


@pytest.mark.parametrize(
    ("alias", "stamp", "expected"),
    [
        ("ME", "2024-02-29 23:59", "2024-02-29"),
        ("ME", "2023-02-28", "2023-02-28"),
        ("ME", "2024-03-01", "2024-03-31"),
        ("MS", "2024-02-29 23:59", "2024-02-01"),
        ("QE", "2024-02-29", "2024-03-31"),
        ("QS", "2024-02-29", "2024-01-01"),
        ("YE", "2024-12-31 12:00", "2024-12-31"),
        ("W-SUN", "2024-03-03 23:00", "2024-03-03"),
        ("W-SUN", "2024-03-04", "2024-03-10"),
        ("B", "2024-03-03", "2024-03-01"),
        ("B", "2024-03-02", "2024-03-01"),
        ("BME", "2024-08-31", "2024-09-30"),
        ("BMS", "2024-06-01", "2024-05-01"),
    ],
)
def test_the_step_of_a_stamp_at_the_edge(alias: str, stamp: str, expected: str) -> None:
    assert format_stamps(Frequency(alias).label(stamps_of(stamp))) == [expected]


@pytest.mark.parametrize(("start", "hours"), [("2024-03-31", 23), ("2024-10-27", 25)])
def test_a_day_of_a_clock_change_is_one_step_and_its_hours_are_all_of_them(
    start: str, hours: int
) -> None:
    tz = "Europe/Berlin"
    stamps = ints(pd.date_range(start, periods=4 * hours, freq="15min", tz=tz))
    assert len(np.unique(Frequency("D", tz=tz).label(stamps))) == 1
    np.testing.assert_array_equal(np.unique(Frequency("h", tz=tz).label(stamps)), stamps[::4])


def test_whole_numbers_are_labelled_from_their_origin() -> None:
    frequency = Frequency(None, 5)
    assert frequency.label(np.array([-1, 0, 4, 5, 12])).tolist() == [-5, 0, 0, 5, 10]
    assert frequency.label(np.array([-1, 0, 4, 5]), np.array([2])).tolist() == [-3, -3, 2, 2]
    assert frequency.label(np.array([], np.int64)).tolist() == []


def test_steps_are_counted_from_an_origin_of_each_stamp() -> None:
    stamps = stamps_of("2024-01-05", "2024-01-05")
    origins = stamps_of("2024-01-01", "2024-01-02")
    labels = Frequency("3D").label(stamps, origins)
    assert format_stamps(labels) == ["2024-01-04", "2024-01-05"]


@pytest.mark.parametrize("tz", ["America/Santiago", "Africa/Cairo", "Asia/Beirut"])
def test_days_pass_over_one_without_midnight(tz: str) -> None:
    days = ints(pd.date_range("2024-01-01", periods=366, freq="D"))
    stamps = ints(
        pd.DatetimeIndex(days).tz_localize(tz, nonexistent="shift_forward", ambiguous=[True] * 366)
    )
    assert (pd.DatetimeIndex(stamps, tz="UTC").tz_convert(tz).hour == 1).sum() == 1
    frequency = Frequency("D", tz=tz)
    for k in range(366):  # from each, also from the one that starts at 1
        steps, on_grid = frequency.steps_between(stamps, np.full(366, stamps[k]))
        assert on_grid.all()
        np.testing.assert_array_equal(steps, k - np.arange(366))
    np.testing.assert_array_equal(frequency.future(stamps[:1], 365)[0], stamps[1:])


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_blocks_of_rows_say_what_all_rows_say(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(size)
    lengths = rng.integers(1, 9, 12)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    days = np.concatenate([np.sort(rng.choice(30, n, replace=False)) for n in lengths])
    stamps = stamps_of("2024-02-20") + 24 * 3600 * 10**9 * days
    frequency = Frequency("2D", tz="Europe/Berlin")
    whole = frequency.steps_between(stamps, np.repeat(stamps[indptr[1:] - 1], lengths))

    monkeypatch.setattr("gatecast.frequency._BLOCK", size)
    parts = list(frequency.steps_to_ends(stamps, indptr))

    assert [part[0].start for part in parts] == list(range(0, len(stamps), size))
    for k in (0, 1):
        np.testing.assert_array_equal(np.concatenate([part[k + 1] for part in parts]), whole[k])


@pytest.mark.parametrize(
    ("given", "stamps", "likelier"),
    [
        ("D", ["2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05 09:00"], None),
        ("D", ["2024-01-01 09:00", "2024-01-02", "2024-01-03", "2024-01-04"], None),
        ("D", ["2024-01-01"], None),
        ("MS", ["2024-01-07", "2024-01-14", "2024-01-21"], "W-SUN"),
        ("2D", ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"], "D"),
        ("D", ["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00"], "h"),
    ],
)
def test_another_frequency_is_likelier_if_it_clearly_fits_more_stamps(
    given: str, stamps: list[str], likelier: str | None
) -> None:
    ns = ints(pd.DatetimeIndex(pd.to_datetime(stamps, format="ISO8601")))
    found = likelier_frequency(Frequency(given), ns, np.array([0, len(ns)]))
    assert (found and str(found)) == likelier


def test_a_frequency_is_likelier_for_all_series_or_not_at_all() -> None:
    a = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]
    b = ["2024-01-01 12:00", "2024-01-02 12:00"]
    both = np.concatenate([stamps_of(*a), stamps_of(*b)])
    found = likelier_frequency(Frequency("h"), both, np.array([0, 4, 6]))
    assert found is None
    assert str(likelier_frequency(Frequency("2D"), both, np.array([0, 4, 6]))) == "D"
