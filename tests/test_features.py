from __future__ import annotations

import builtins
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatecast.errors import ConfigError, DataError, MissingExtraError
from gatecast.features import (
    Categorical,
    Encoded,
    Encoding,
    Numeric,
    encode,
    fit_encoding,
    similar,
)
from gatecast.frequency import Frequency
from gatecast.panel import Columns, Covariates, Intake, Panel, as_objects, from_any, indptr_of

DAY = 86_400 * 10**9
Values = dict[str, list[list[float]]]  # by covariate and series


def ints(index: pd.DatetimeIndex) -> np.ndarray:
    return np.asarray(index.as_unit("ns").asi8)


def make(
    lengths: list[int],
    freq: str | int = "D",
    *,
    last: str | list[str] = "2024-03-31",
    tz: str | None = None,
    past: Values | None = None,
    future: Values | None = None,
    static: dict[str, list[str | float]] | None = None,
) -> Panel:
    """A panel whose future covariates may be longer than its series."""
    past, future, static = past or {}, future or {}, static or {}
    n, indptr = len(lengths), indptr_of(np.array(lengths))
    lasts = [last] * n if isinstance(last, str) else last
    whole = isinstance(freq, int)
    columns = Columns(past=tuple(past), future=tuple(future), static=tuple(static))
    covariates = None
    if columns.covariates:
        rows = [len(x) for x in next(iter(future.values()))] if future else lengths
        cells = np.empty((n, len(static)), object)
        for k, values in enumerate(static.values()):
            cells[:, k] = as_objects(values)
        covariates = Covariates(
            past=flat(past, sum(lengths)),
            future=flat(future, sum(rows)),
            future_indptr=indptr_of(np.array(rows)),
            static=cells,
            location=np.empty((n, 0)),
            spread=np.empty((n, 0)),
        )
    panel = Panel(
        values=np.arange(sum(lengths), dtype=float),
        indptr=indptr,
        observed=np.ones(sum(lengths), bool),
        ids=as_objects([chr(ord("a") + i) for i in range(n)]),
        last=np.arange(n) if whole else ints(pd.DatetimeIndex(lasts).tz_localize(tz)),
        frequency=Frequency(None, freq) if isinstance(freq, int) else Frequency(freq, tz=tz),
        columns=columns,
        kind="pandas",
        time_type="int" if whole else "datetime[ns]",
        covariates=covariates,
    )
    return panel._described()


def flat(values: Values, rows: int) -> np.ndarray:
    columns = [np.concatenate([np.array(x, float) for x in series]) for series in values.values()]
    return np.stack(columns, axis=1) if columns else np.empty((rows, 0))


def rows_of(encoded: Encoded, panel: Panel, i: int, h: int = 0) -> np.ndarray:
    """The future columns of a series."""
    begin = encoded.future_begin[i]
    return encoded.future[begin : begin + panel.lengths[i] + h]


def require_sound(encoded: Encoded, encoding: Encoding, panel: Panel, h: int = 0) -> None:
    arrays = (encoded.past, encoded.future, encoded.static)
    assert all(x.dtype == np.float32 and np.isfinite(x).all() for x in arrays)
    assert all(x.flags.c_contiguous and (np.abs(x) <= 100).all() for x in arrays)
    assert encoded.past.shape == (len(panel.values), encoding.n_past)
    assert encoded.future.shape[1] == encoding.n_future
    assert encoded.static.shape == (panel.n_series, encoding.n_static)
    assert encoded.assumed.shape == (panel.n_series, h)
    assert encoded.future_begin.dtype == np.int64
    assert (encoded.future_begin >= 0).all()
    assert (encoded.future_begin + panel.lengths + h <= len(encoded.future)).all()


# Numbers


def test_numbers_are_scaled_by_their_own_series() -> None:
    panel = make([3, 2], past={"rain": [[1, 2, 3], [100, 300]]})

    encoded = encode(encoding := fit_encoding(panel), panel)

    assert encoding.n_past == 1
    a = np.sqrt(1.5)
    np.testing.assert_allclose(encoded.past[:, 0], [-a, 0, a, -1, 1], rtol=1e-6)


def test_what_was_only_ever_0_or_1_is_a_flag() -> None:
    panel = make([3, 2], past={"promo": [[0, 1, np.nan], [1, 1]], "count": [[0, 1, 2], [1, 1]]})

    encoding = fit_encoding(panel)

    assert [x.flag for x in encoding.past] == [True, False]
    promo = encode(encoding, panel).past[:, :2]
    np.testing.assert_array_equal(promo, [[0, 0], [1, 0], [0, 1], [1, 0], [1, 0]])


def test_a_number_that_never_changed_is_scaled_as_the_others_are() -> None:
    panel = make(
        [2, 2, 2, 3],
        past={"price": [[0, 2], [5, 11], [0.1 + 1e-17, 0.1], [7, 7, np.nan]]},
        future={"cost": [[3.3] * 2, [3.3] * 2, [3.3] * 2, [3.3] * 3]},
    )

    encoding = fit_encoding(panel)
    price, cost = encoding.past[0], encoding.future[0]

    assert price.spread == pytest.approx(np.sqrt((1 + 9) / 2))
    assert price.mean == pytest.approx((1 + 8 + 0.1 + 7) / 4)
    assert (cost.mean, cost.spread) == (pytest.approx(3.3), 1.0)
    changed = replace(panel.covariates, past=panel.covariates.past + 1)  # type: ignore[union-attr, type-var, arg-type]
    moved = encode(encoding, replace(panel, covariates=changed)).past[:, 0]
    np.testing.assert_allclose(moved[4:8], 1 / price.spread, rtol=1e-5)


def test_missing_numbers_are_the_mean_and_say_so_if_some_were_missing_when_fitted() -> None:
    complete = make([3], past={"rain": [[1, 2, 3]]}, future={"price": [[1, 2, 5]]})
    holes = make([3], past={"rain": [[1, np.nan, 3]]}, future={"price": [[np.nan, 2, 5]]})

    with_column, without = fit_encoding(holes), fit_encoding(complete)

    assert (with_column.n_past, with_column.n_future) == (2, 2)
    np.testing.assert_array_equal(encode(with_column, holes).past, [[-1, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(encode(with_column, holes).future[0], [0, 1])
    np.testing.assert_array_equal(encode(with_column, complete).past[:, 1], 0)
    np.testing.assert_array_equal(encode(without, holes).past, [[-1], [0], [1]])


def test_numbers_far_off_are_cut_at_10_spreads() -> None:
    panel = make([1000], past={"sales": [[0.0] * 999 + [1e9]]})
    past = encode(fit_encoding(panel), panel).past
    assert past[-1, 0] == 10
    assert np.abs(past[:-1]).max() < 0.1


def test_what_lies_ahead_decides_nothing() -> None:
    panel = make([3], future={"promo": [[0, 1, 0, 7, np.nan]]})
    promo = fit_encoding(panel).future[0]
    assert promo.flag
    assert not promo.missing


numbers = st.one_of(
    st.just(np.nan), st.sampled_from([0.0, 1.0, 1e302, -1e302, 1e-300, 5e-324]),
    st.floats(-1e302, 1e302),
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_what_is_read_is_finite_and_what_comes_after_changes_nothing_of_history(data: Any) -> None:
    lengths = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    h = data.draw(st.integers(0, 4))

    def drawn(sizes: list[int]) -> list[list[float]]:
        return [data.draw(st.lists(numbers, min_size=n, max_size=n)) for n in sizes]

    past, history = {"p": drawn(lengths)}, drawn(lengths)
    ahead = [drawn([h] * len(lengths)) for _ in range(2)]
    mode = data.draw(st.sampled_from(["last", "seasonal"]))
    encodings, parts = [], []
    for extra in ahead:
        future = {"f": [x + y for x, y in zip(history, extra, strict=True)]}
        panel = make(lengths, past=past, future=future, static={"s": [1e302] * len(lengths)})
        encoding = fit_encoding(panel, calendar=True)
        encoded = encode(encoding, panel, h, missing_future=mode, season_length=2)
        require_sound(encoded, encoding, panel, h)
        encodings.append(encoding)
        parts.append([encoded.past, encoded.static])
        parts[-1] += [rows_of(encoded, panel, i) for i in range(len(lengths))]
        trained_on = encode(encoding, panel)
        for i in range(len(lengths)):
            np.testing.assert_array_equal(rows_of(trained_on, panel, i), rows_of(encoded, panel, i))
    assert encodings[0] == encodings[1]
    for one, other in zip(*parts, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_after_a_cutoff_changes_what_is_read_of_the_time_before() -> None:
    rng = np.random.default_rng(3)
    lengths = [40, 25, 12]
    past = {"rain": [rng.normal(size=n).tolist() for n in lengths]}
    future = {
        "price": [rng.normal(5, 2, size=n).tolist() for n in lengths],
        "promo": [rng.integers(0, 2, n).astype(float).tolist() for n in lengths],
    }
    poison = {"rain": past["rain"], **future}
    poisoned = {
        name: [[*x[:-4], 1e300, np.nan, -1e300, 7.0] for x in series]
        for name, series in poison.items()
    }
    clean = make(lengths, past=past, future=future)
    bad = make(
        lengths,
        past={"rain": poisoned["rain"]},
        future={name: poisoned[name] for name in future},
    )

    one, other = clean.drop_last(4)[0], bad.drop_last(4)[0]

    first, second = (fit_encoding(x, calendar=True, holidays="DE") for x in (one, other))
    assert first == second
    for name in ("past", "future", "static", "future_begin"):
        np.testing.assert_array_equal(
            getattr(encode(first, one), name), getattr(encode(second, other), name)
        )


def test_covariates_that_are_not_there_are_named() -> None:
    encoding = fit_encoding(make([2], past={"rain": [[1, 2]]}, static={"size": [1.0]}))
    with pytest.raises(DataError, match="'rain'"):
        encode(encoding, make([2]))
    with pytest.raises(DataError, match="'size'"):
        encode(encoding, make([2], past={"rain": [[1, 2]]}))
    with pytest.raises(DataError, match="past covariates"):  # in another role
        encode(encoding, make([2], future={"rain": [[1, 2]]}, static={"size": [1.0]}))


def test_covariates_are_found_by_name() -> None:
    encoding = fit_encoding(make([3], past={"a": [[1, 2, 3]], "b": [[0, 0, 6]]}))
    panel = make(
        [3], past={"b": [[0, 0, 6]], "x": [[9, 9, 9]], "a": [[1, 2, 3]]}, future={"c": [[1, 2, 3]]}
    )
    past = encode(encoding, panel).past
    np.testing.assert_allclose(past[:, 0], np.sqrt(1.5) * np.array([-1, 0, 1]), rtol=1e-6)
    np.testing.assert_allclose(past[:, 1], np.sqrt(0.5) * np.array([-1, -1, 2]), rtol=1e-6)


# What is known ahead


def ahead_of(panel: Panel, h: int, **arguments: Any) -> list[list[float]]:
    encoding = fit_encoding(panel)
    encoded = encode(encoding, panel, h, **arguments)
    require_sound(encoded, encoding, panel, h)
    covariates = panel.covariates
    assert covariates is not None
    return [
        (rows_of(encoded, panel, i, h)[-h:, 0] * covariates.spread[i] + covariates.location[i])
        .round(4)
        .tolist()
        for i in range(panel.n_series)
    ]


def test_rows_ahead_are_read_and_more_of_them_than_needed_are_left_out() -> None:
    panel = make([2, 3], future={"price": [[1, 3, 5, 7, 9], [2, 4, 6, 8, 9, 7]]})
    assert ahead_of(panel, 2) == [[5, 7], [8, 9]]
    assert not encode(fit_encoding(panel), panel, 2).assumed.any()
    assert len(encode(fit_encoding(panel), panel).future) == 5


def test_what_is_not_known_ahead_is_named_with_series_and_dates() -> None:
    nan = np.nan
    panel = make(
        [2, 2],
        future={"price": [[1, 3, 5, nan], [2, 4, 6]], "promo": [[0, 1, 1, 1], [0, 1, 1]]},
    )
    with pytest.raises(DataError) as caught:
        encode(fit_encoding(panel), panel, 2)
    assert str(caught.value) == (
        "Future covariates are not known for all of the 2 steps ahead. Got: "
        "'price' of series 'a' at 2024-04-02, 'price' of series 'b' at 2024-04-02, "
        "'promo' of series 'b' at 2024-04-02. "
        "Give them in future_df= (--future-file) or as rows with an empty target, or hold the "
        "last known values with missing_future='last'."
    )
    with pytest.raises(DataError, match="and 14 more"):
        encode(fit_encoding(panel), panel, 6)
    assert encode(fit_encoding(panel), panel, 1).future.shape == (6, 2)


def test_the_last_known_value_is_held() -> None:
    nan = np.nan
    panel = make([3, 3, 2], future={"price": [[1, 3, nan, nan, 7], [2, 4, 6], [1, 2, 3, 5]]})
    assert ahead_of(panel, 3, missing_future="last") == [[3, 7, 7], [6, 6, 6], [3, 5, 5]]
    assumed = encode(fit_encoding(panel), panel, 3, missing_future="last").assumed
    np.testing.assert_array_equal(assumed, [[1, 0, 1], [1, 1, 1], [0, 0, 1]])


def test_the_value_a_season_before_is_taken() -> None:
    nan = np.nan
    panel = make([4, 1, 4], future={"price": [[1, 2, 3, 4], [7, 8], [1, 2, nan, 4, nan, 6]]})
    seasonal = ahead_of(panel, 5, missing_future="seasonal", season_length=3)
    assert seasonal[0] == [2, 3, 4, 2, 3]
    assert seasonal[2] == [2, 6, 4, 2, 6]
    # 7, then 8 ahead: what is a season before the series began is the last known value, 8.
    encoded = encode(fit_encoding(panel), panel, 5, missing_future="seasonal", season_length=3)
    price = rows_of(encoded, panel, 1, 5)[:, 0]
    np.testing.assert_array_equal(price == 0, [1, 0, 0, 1, 0, 0])
    assert len(set(price.tolist())) == 2
    assert encoded.assumed[1].tolist() == [False, True, True, True, True]


@pytest.mark.parametrize("season_length", [3, 4, 50])
def test_a_season_longer_than_the_history_falls_back_to_the_last(season_length: int) -> None:
    panel = make([2, 2], future={"price": [[1, 3], [2, 4]]})
    held = ahead_of(panel, 1, missing_future="seasonal", season_length=season_length)
    assert held == [[3], [4]]
    held = ahead_of(panel, 2, missing_future="seasonal", season_length=50)
    assert held == [[3, 3], [4, 4]]


def test_a_series_that_knows_no_value_is_at_the_mean() -> None:
    nan = np.nan
    panel = make([2, 2], future={"price": [[10, 20], [nan, nan]], "flag": [[1, 1], [nan, nan]]})
    encoding = fit_encoding(panel)
    encoded = encode(encoding, panel, 2, missing_future="last")
    np.testing.assert_array_equal(rows_of(encoded, panel, 1, 2), [[0, 1, 0, 1]] * 4)
    assert encoded.assumed.all()


def test_cold_series_are_read_with_what_the_others_are_like() -> None:
    warm = make([2, 2], future={"price": [[0, 2], [10, 14]], "promo": [[0, 1], [1, 0]]})
    cold = make([0, 0], future={"price": [[6, 7.5], [6, 4.5]], "promo": [[1, 0], [0, 1]]})
    encoding = fit_encoding(warm, calendar=False)
    encoded = encode(encoding, cold, 2)
    require_sound(encoded, encoding, cold, 2)
    spread = np.sqrt((1 + 4) / 2)
    price, promo = encoded.future.T
    np.testing.assert_allclose(price, (np.array([6, 7.5, 6, 4.5]) - 6.5) / spread, rtol=1e-5)
    np.testing.assert_array_equal(promo, [1, 0, 0, 1])
    assert encoded.past.shape == (0, 0)
    with pytest.raises(DataError, match="series 'a' at 2024-04-03"):
        encode(encoding, cold, 3)


def test_cold_series_have_a_calendar() -> None:
    warm = make([800, 700])
    encoding = fit_encoding(warm, calendar=True, holidays="DE")
    cold = make([0, 0], last=["2024-04-30", "2024-05-01"])
    encoded = encode(encoding, cold, 3)
    require_sound(encoded, encoding, cold, 3)
    assert [rows_of(encoded, cold, i, 3)[:, -1].tolist() for i in (0, 1)] == [[1, 0, 0], [0, 0, 0]]
    require_sound(encode(encoding, cold), encoding, cold)


@pytest.mark.parametrize(
    "arguments", [{"missing_future": "guess"}, {"h": -1}, {"season_length": 0}], ids=str
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        encode(Encoding(), make([3]), **arguments)


def test_without_covariates_there_is_nothing_to_read() -> None:
    panel = make([3, 5])
    encoding = fit_encoding(panel)
    assert encoding == Encoding()
    encoded = encode(encoding, panel, 2)
    require_sound(encoded, encoding, panel, 2)
    assert encoded.future.shape == (7, 0)


# Static covariates


def test_static_numbers_are_scaled_over_the_series() -> None:
    panel = make([1] * 4, static={"size": [1.0, 3.0, np.nan, 5.0], "same": [2.0] * 4})
    encoding = fit_encoding(panel)
    static = encode(encoding, panel).static
    np.testing.assert_allclose(static[:, 0], [-np.sqrt(1.5), 0, 0, np.sqrt(1.5)], rtol=1e-6)
    np.testing.assert_array_equal(static[:, 1], 0)


def test_text_becomes_a_column_for_each_level() -> None:
    panel = make([1] * 4, static={"region": ["south", "north", np.nan, "south"]})
    encoding = fit_encoding(panel)
    assert encoding.static == (Categorical("region", ("north", "south")),)
    np.testing.assert_array_equal(encode(encoding, panel).static, [[0, 1], [1, 0], [0, 0], [0, 1]])
    other = make([1] * 3, static={"region": ["east", "north", np.nan]})
    np.testing.assert_array_equal(encode(encoding, other).static, [[0, 0], [1, 0], [0, 0]])


def test_rare_levels_share_a_column() -> None:
    levels = [f"shop {k:03}" for k in range(100)]
    panel = make([1] * 130, static={"shop": [*levels, *levels[70:]]})
    encoding = fit_encoding(panel)
    (shop,) = encoding.static
    assert isinstance(shop, Categorical)
    assert shop.levels == tuple(levels[:34] + levels[70:])
    assert encoding.n_static == 65
    other = make([1] * 4, static={"shop": ["shop 000", "shop 050", "a new one", np.nan]})
    static = encode(encoding, other).static
    assert static.sum(axis=1).tolist() == [1, 1, 1, 0]
    assert static[1:3, 64].tolist() == [1, 1]


def test_numbers_among_text_are_text() -> None:
    panel = make([1] * 3, static={"shop": ["A", 3.0, 2.5]})
    (shop,) = fit_encoding(panel).static
    assert shop == Categorical("shop", ("2.5", "3", "A"))
    whole = make([1] * 2, static={"shop": [3.0, 2.5]})
    np.testing.assert_array_equal(encode(fit_encoding(panel), whole).static, [[0, 1, 0], [1, 0, 0]])


def test_text_where_numbers_were_is_refused() -> None:
    encoding = fit_encoding(make([1] * 2, static={"size": [1.0, 2.0]}))
    with pytest.raises(DataError, match="'large' of series 'b'"):
        encode(encoding, make([1] * 2, static={"size": [1.0, "large"]}))


def test_a_static_covariate_that_is_missing_altogether_is_read_as_nothing() -> None:
    panel = make([1] * 2, static={"size": [np.nan, np.nan]})
    np.testing.assert_array_equal(encode(fit_encoding(panel), panel).static, [[0], [0]])


# The calendar

CALENDARS = {
    "s": ("minute of hour",),
    "15min": ("minute of hour", "time of day", "day of week"),
    "h": ("time of day", "day of week", "day of year"),
    "4h": ("time of day", "day of week", "day of year"),
    "12h": ("time of day", "day of week", "day of year"),
    "24h": ("day of week", "day of year"),
    "36h": ("day of week", "day of year"),
    "D": ("day of week", "day of month", "day of year"),
    "3D": ("day of week", "day of month", "day of year"),
    "10D": ("day of year",),
    "B": ("day of week", "day of month", "day of year"),
    "5B": ("day of year",),
    "W-WED": ("day of year",),
    "2W": ("day of year",),
    "MS": ("month of year",),
    "ME": ("month of year",),
    "BME": ("month of year",),
    "2MS": ("month of year",),
    "QS": ("month of year",),
    "QE": ("month of year",),
    "5MS": ("month of year",),
    "6MS": ("month of year",),
    "6ME": ("month of year",),
}


def panel_at(index: pd.DatetimeIndex, alias: str) -> Panel:
    tz = None if index.tz is None else str(index.tz)
    last = ints(index.tz_convert(None) if tz else index)[-1:]
    return replace(make([len(index)]), frequency=Frequency(alias, tz=tz), last=last)


def phases(encoding: Encoding, columns: np.ndarray) -> np.ndarray:
    sine, cosine = columns[:, ::2], columns[:, 1::2]
    np.testing.assert_allclose(sine**2 + cosine**2, 1, atol=1e-6)
    assert sine.shape[1] == len(encoding.calendar)
    return (np.arctan2(sine, cosine) - 1) / (2 * np.pi) % 1


@pytest.mark.parametrize("start", ["2019-12-07", "2022-01-01"])
@pytest.mark.parametrize("alias", CALENDARS)
def test_a_calendar_has_the_phases_that_suit_its_steps(alias: str, start: str) -> None:
    periods = {"s": 9000, "n": 9000, "h": 9000, "S": 100, "E": 100}.get(alias[-1], 700)
    index = pd.date_range(start, periods=periods, freq=alias)
    panel = panel_at(index, alias)

    encoding = fit_encoding(panel, calendar=True)
    columns = encode(encoding, panel, 3).future

    assert encoding.calendar == CALENDARS[alias]
    assert columns.shape == (len(index) + 3, 2 * len(encoding.calendar))
    assert (np.ptp(columns, axis=0) > 0.1).all()  # none is constant
    wall = pd.date_range(index[0], periods=len(index) + 3, freq=alias)
    read = phases(encoding, columns)
    midnight = wall.normalize()
    expected = {
        "minute of hour": (wall - wall.floor("h")) / pd.Timedelta("1h"),
        "time of day": (wall - midnight) / pd.Timedelta("1D"),
        "day of week": wall.day_of_week / 7,
        "day of month": (wall.day - 1) / wall.days_in_month,
        "month of year": (wall.month - 1) / 12,
    }
    for k, name in enumerate(encoding.calendar):
        if name != "day of year":
            np.testing.assert_allclose(read[:, k], np.asarray(expected[name]) % 1, atol=1e-6)
        else:
            again = pd.DataFrame({"phase": read[:, k], "date": wall.strftime("%m-%d")})
            spread = again.groupby("date")["phase"].agg(np.ptp)
            assert spread.max() < 1e-6  # the same date, the same phase, in leap years and not
            in_order = again.drop_duplicates("date").sort_values("date")["phase"]
            assert (np.diff(in_order) > 1 / 400).all()


def test_phases_are_those_of_the_clock_on_the_wall() -> None:
    """Berlin's clocks change on 31 March and 27 October 2024."""
    index = pd.date_range("2024-01-01", "2024-12-31", freq="h", tz="Europe/Berlin")
    panel = panel_at(index, "h")
    encoding = fit_encoding(panel, calendar=True)
    columns = encode(encoding, panel).future
    by_hour = pd.DataFrame(columns[:, :2]).groupby(index.hour).agg(np.ptp)
    assert by_hour.to_numpy().max() == 0
    assert len(by_hour) == 24
    by_day = pd.DataFrame(columns[:, 2:4]).groupby(index.day_of_week).agg(np.ptp)
    assert by_day.to_numpy().max() == 0
    utc = encode(encoding, panel_at(index.tz_convert("UTC"), "h")).future
    assert np.abs(utc - columns).max() > 0.1


def test_days_have_no_clock_change() -> None:
    index = pd.date_range("2023-01-01", "2024-12-31", freq="D", tz="Europe/Berlin")
    plain = panel_at(index.tz_localize(None), "D")
    encoding = fit_encoding(plain, calendar=True)
    np.testing.assert_array_equal(
        encode(encoding, panel_at(index, "D"), 200).future, encode(encoding, plain, 200).future
    )


@pytest.mark.parametrize(
    ("alias", "n", "calendar"),
    [
        ("D", 6, ()),
        ("D", 7, ("day of week",)),
        ("D", 100, ("day of week", "day of month")),
        ("B", 5, ("day of week",)),
        ("MS", 11, ()),
        ("MS", 12, ("month of year",)),
        ("BMS", 12, ("month of year",)),
        ("QE", 4, ("month of year",)),
        ("W-SUN", 52, ("day of year",)),
        ("W-SUN", 50, ()),
        ("h", 24, ("time of day",)),
    ],
)
def test_a_cycle_that_is_not_gone_through_is_left_out(
    alias: str, n: int, calendar: tuple[str, ...]
) -> None:
    panel = panel_at(pd.date_range("2024-01-01", periods=n, freq=alias), alias)
    assert fit_encoding(panel, calendar=True).calendar == calendar


@pytest.mark.parametrize("alias", ["YS", "YE", "2YS", "12MS", "18ME", "4QS", "400D", "53W"])
def test_years_have_no_calendar(alias: str) -> None:
    with pytest.raises(ConfigError, match="no calendar in steps of"):
        fit_encoding(make([30], alias), calendar=True)


@pytest.mark.parametrize(
    "panel", [make([30], 1), replace(make([30], 1), frequency=None)], ids=["whole", "array"]
)
@pytest.mark.parametrize("what", [{"calendar": True}, {"holidays": "DE"}], ids=str)
def test_a_calendar_needs_dates(panel: Panel, what: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="dates") as error:
        fit_encoding(panel, **what)
    assert "'ds'" not in str(error.value)  # which a file need not have
    with pytest.raises(ConfigError, match="dates"):
        encode(fit_encoding(make([800]), **what), panel)


SHARED = [
    ("D", None, ["2024-03-31", "2024-03-31", "2024-01-15"]),
    ("D", None, ["2024-03-31 10:00", "2024-03-31", "2024-01-15"]),
    ("2W-SUN", None, ["2024-03-31", "2024-03-24", "2024-03-03"]),
    ("W-SUN", "Europe/Berlin", ["2024-03-31", "2024-03-24", "2023-03-05"]),
    ("MS", None, ["2024-03-01", "2020-01-01", "2023-05-01"]),
    ("h", "Europe/Berlin", ["2024-03-31 12:00", "2024-03-30 12:00", "2023-06-05 11:00"]),
    ("B", None, ["2024-03-29", "2024-03-28", "2023-05-01"]),
    ("30min", "Asia/Kolkata", ["2024-03-31 12:00", "2024-03-30 12:00", "1990-06-05 11:00"]),
]


@pytest.mark.parametrize(("alias", "tz", "last"), SHARED, ids=str)
def test_series_read_what_each_would_read_alone(
    alias: str, tz: str | None, last: list[str]
) -> None:
    lengths = [60, 50, 3]
    future = {"price": [np.arange(float(n + 2)).tolist() for n in lengths]}
    for panel in (
        make(lengths, alias, last=last, tz=tz),
        make(lengths, alias, last=last, tz=tz, future=future),
    ):
        encoding = fit_encoding(panel, calendar=alias != "30min", holidays="DE")
        together = encode(encoding, panel, 2)
        require_sound(together, encoding, panel, 2)
        for i in range(3):
            alone = panel.select(np.arange(3) == i)
            np.testing.assert_array_equal(
                rows_of(together, panel, i, 2), rows_of(encode(encoding, alone, 2), alone, 0, 2)
            )


def test_series_in_step_share_the_rows_of_the_calendar() -> None:
    panel = make([400] * 50)
    encoded = encode(fit_encoding(panel, calendar=True), panel, 10)
    assert encoded.future.shape == (410, 6)
    assert (encoded.future_begin == 0).all()


# Holidays


def holiday_column(index: pd.DatetimeIndex, alias: str, country: str, h: int = 0) -> np.ndarray:
    panel = panel_at(index, alias)
    return encode(fit_encoding(panel, holidays=country), panel, h).future[:, -1]


def test_days_are_holidays_or_not() -> None:
    index = pd.date_range("2024-01-01", "2024-12-20", freq="D")
    wall = pd.date_range("2024-01-01", "2025-01-09", freq="D")
    germany = wall[holiday_column(index, "D", "DE", 20) == 1].strftime("%m-%d").tolist()
    assert germany == [
        *("01-01", "03-29", "04-01", "05-01", "05-09", "05-20", "10-03"),
        *("12-25", "12-26", "01-01"),
    ]
    bavaria = wall[holiday_column(index, "D", "DE-BY", 20) == 1].strftime("%m-%d").tolist()
    assert set(bavaria) - set(germany) >= {"01-06", "05-30", "11-01"}


def test_hours_are_in_a_holiday_by_the_clock_on_the_wall() -> None:
    index = pd.date_range("2024-04-30", "2024-05-03", freq="h", tz="Europe/Berlin")
    column = holiday_column(index, "h", "DE")
    np.testing.assert_array_equal(column, index.strftime("%m-%d") == "05-01")


@pytest.mark.parametrize(
    ("alias", "first", "last", "months"),
    [
        ("W-SUN", -6, 0, 1),
        ("W-SAT", -6, 0, 1),
        ("W-MON", 0, 6, 1),
        ("3D", 0, 2, 1),
        ("MS", "start", None, 1),
        ("ME", "start", None, 1),
        ("QS", "start", None, 3),
        ("QE", "start", None, 3),
        ("YE", "start", None, 12),
        ("2MS", "start", None, 2),
    ],
)
def test_longer_steps_count_the_holidays_in_them(
    alias: str, first: int | str, last: int | None, months: int
) -> None:
    import holidays

    index = pd.date_range("2015-01-01", periods=30 if alias == "YE" else 60, freq=alias)
    column = holiday_column(index, alias, "US") * months
    days = pd.DatetimeIndex(list(holidays.country_holidays("US", years=range(2010, 2050))))
    for stamp, count in zip(index, column, strict=True):
        if isinstance(first, int):
            begin, end = stamp + pd.Timedelta(days=first), stamp + pd.Timedelta(days=last or 0)
        elif alias.endswith("S"):
            begin, end = stamp, stamp + pd.DateOffset(months=months) - pd.Timedelta(days=1)
        else:
            begin = (stamp + pd.Timedelta(days=1)) - pd.DateOffset(months=months)
            end = stamp
        expected = ((days >= begin) & (days <= end)).sum()
        assert count == pytest.approx(expected, abs=1e-5)


def test_the_end_of_the_data_does_not_decide_what_is_a_holiday() -> None:
    """New Year's Day of 2022 was a Saturday, and kept on Friday, in 2021."""
    short = holiday_column(pd.date_range("2021-12-01", "2021-12-31", freq="D"), "D", "US")
    long = holiday_column(pd.date_range("2021-12-01", "2022-12-31", freq="D"), "D", "US")
    np.testing.assert_array_equal(short, long[:31])


@pytest.mark.parametrize(
    ("given", "found"),
    [("de", "DE"), ("DEU", "DE"), ("Germany", "DE"), ("UK", "GB"), ("de-by", "DE-BY"),
     ("GB-SCT", "GB-SCT")],
)  # fmt: skip
def test_countries_have_several_names(given: str, found: str) -> None:
    assert fit_encoding(make([30]), holidays=given).holidays == found


@pytest.mark.parametrize(
    ("country", "hint"),
    [("Germny", "DE"), ("DE-BZ", "DE-B"), ("", "DE, US or CN"), ("XX", "code of a country"),
     ("HolidayBase", "code of a country"), ("DE-", None)],
)  # fmt: skip
def test_unknown_countries_are_refused_with_what_was_meant(country: str, hint: str | None) -> None:
    if hint is None:
        assert fit_encoding(make([30]), holidays=country).holidays == "DE"
        return
    with pytest.raises(ConfigError, match=hint):
        fit_encoding(make([30]), holidays=country)


def test_years_without_known_holidays_are_refused() -> None:
    with pytest.raises(ConfigError, match="No holidays are known of DE"):
        fit_encoding(make([30], last="1890-05-01"), holidays="DE")


def test_holidays_are_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "holidays":
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"gatecast\[holidays\]"):
        fit_encoding(make([30]), holidays="DE")


# From a frame


def test_a_frame_is_read_with_what_it_knows_ahead_and_its_cold_series() -> None:
    rng = np.random.default_rng(2)
    parts = []
    for name, rows, known in (("n1", 40, 35), ("s1", 38, 30), ("n2", 8, 0)):
        y = rng.normal(size=rows)
        y[known:] = np.nan
        stamps = pd.date_range("2024-01-01", periods=rows, freq="D", tz="Europe/Berlin")
        more = {"promo": rng.random(rows) < 0.3, "rain": rng.normal(size=rows), "region": name[0]}
        parts.append(pd.DataFrame({"unique_id": name, "ds": stamps, "y": y, **more}))
    columns = Columns(past=("rain",), future=("promo",), static=("region",))
    panel = from_any(pd.concat(parts), Intake(columns))
    encoding = fit_encoding(panel, calendar=True, holidays="DE")

    encoded = encode(encoding, panel, 5)
    assert panel.cold is not None
    cold = encode(encoding, panel.cold, 8)

    require_sound(encoded, encoding, panel, 5)
    require_sound(cold, encoding, panel.cold, 8)
    for i, part in enumerate((parts[0], parts[1][:35])):
        np.testing.assert_array_equal(rows_of(encoded, panel, i, 5)[:, 0], part["promo"])
    np.testing.assert_array_equal(cold.future[:, 0], parts[2]["promo"])
    # All begin on 1 January.
    np.testing.assert_array_equal(cold.future[:, 1:], rows_of(encoded, panel, 0)[:8, 1:])
    np.testing.assert_array_equal(encoded.static, [[1, 0], [0, 1]])
    np.testing.assert_array_equal(cold.static, [[1, 0]])


# Saved and restored


def full() -> Encoding:
    nan = np.nan
    panel = make(
        [800, 30],
        past={"rain": [np.arange(800.0).tolist(), [nan] * 30]},
        future={"promo": [[1.0] * 800, [0.0] * 30]},
        static={"region": ["n", "s"], "size": [1.0, 2.0]},
    )
    return fit_encoding(panel, calendar=True, holidays="DE-BY")


def test_an_encoding_is_restored_from_json() -> None:
    encoding = full()
    assert Encoding.from_dict(json.loads(json.dumps(encoding.to_dict(), allow_nan=False))) == (
        encoding
    )
    assert (encoding.n_past, encoding.n_future, encoding.n_static) == (2, 1 + 6 + 1, 3)


def places(saved: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = saved.items() if isinstance(saved, dict) else enumerate(saved)
    found = [path] if path else []
    for key, value in inside:
        here = (*path, key)
        found += places(value, here) if isinstance(value, dict | list) else [here]
    return found


@pytest.mark.parametrize("nonsense", [-1.0, 1, "x", None, [], {}, float("nan"), float("inf"), [3]])
def test_nonsense_is_not_restored(nonsense: Any) -> None:
    def without_type(path: tuple[Any, ...]) -> bool:
        """Where it would not be nonsense."""
        last = path[-1]
        return (
            (last == "mean" and nonsense == -1.0)
            or (nonsense == "x" and (last == "name" or path[-2:-1] == ("levels",)))
            or (nonsense in ([], {}) and last in ("past", "future", "static", "calendar", "levels"))
            or (nonsense is None and last == "holidays")
        )

    for path in places(full().to_dict()):
        saved = json.loads(json.dumps(full().to_dict()))
        inside = saved
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = nonsense
        if not without_type(path):
            with pytest.raises((ValueError, TypeError, KeyError)):
                Encoding.from_dict(saved)


def test_what_is_lacking_or_too_much_is_not_restored() -> None:
    for key in full().to_dict():
        saved = full().to_dict()
        del saved[key]
        with pytest.raises(KeyError):
            Encoding.from_dict(saved)
    saved = full().to_dict()
    saved["past"] = [saved["past"][0], saved["past"][0]]
    with pytest.raises(ValueError, match="distinct"):
        Encoding.from_dict(saved)
    saved["past"][1] = {**saved["past"][0], "name": "y", "shift": 3.0}
    with pytest.raises(TypeError):
        Encoding.from_dict(saved)
    with pytest.raises(ValueError, match="few"):
        Categorical("x", tuple(map(str, range(65))))
    with pytest.raises(ValueError, match="above 0"):
        Numeric("x", 0.0, 0.0)


# Similar series


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_similar_series_are_the_nearest_the_first_of_equals_first(data: Any) -> None:
    n, m, s = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 5), st.integers(1, 3)))
    k = data.draw(st.integers(0, 14))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    known, new = (rng.integers(0, 3, (x, s)).astype(np.float32) for x in (n, m))

    found = similar(known, new, k)

    distance = np.square(known[None] - new[:, None]).sum(axis=2)
    np.testing.assert_array_equal(found, np.argsort(distance, axis=1, kind="stable")[:, :k])
    assert found.dtype == np.int64


def test_similar_series_are_found_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    known, new = rng.normal(size=(50, 4)).astype(np.float32), rng.normal(size=(30, 4))
    at_once = similar(known, new.astype(np.float32), 7)
    monkeypatch.setattr("gatecast.features._MAX_DISTANCES", 120)
    np.testing.assert_array_equal(similar(known, new.astype(np.float32), 7), at_once)


def test_without_static_columns_all_series_are_equally_similar() -> None:
    chosen = similar(np.empty((100, 0), np.float32), np.empty((3, 0), np.float32), 4)
    np.testing.assert_array_equal(chosen, [[0, 25, 50, 75]] * 3)
    few = similar(np.empty((2, 0), np.float32), np.empty((1, 0), np.float32), 4)
    np.testing.assert_array_equal(few, [[0, 1]])
    assert all(x < y for x, y in pairwise(chosen[0].tolist()))


def test_only_some_of_the_covariates_may_be_read() -> None:
    panel = make(
        [2, 2],
        past={"rain": [[1, 2], [3, 4]]},
        future={"price": [[1, 5], [3, 4]], "promo": [[0, 1], [1, 0]]},
        static={"size": [1.0, 2.0], "sort": ["a", "b"]},
    )
    whole, part = fit_encoding(panel), fit_encoding(panel, only=("sort", "promo"))
    assert part.past == ()
    assert part.future == whole.future[1:]
    assert part.static == whole.static[1:]
    columns = encode(part, panel)
    np.testing.assert_array_equal(columns.future, encode(whole, panel).future[:, 1:])
    np.testing.assert_array_equal(columns.static, encode(whole, panel).static[:, 1:])
    assert fit_encoding(panel, only=()).n_static == 0
    with pytest.raises(DataError, match=r"do not have.*'wind'.*which columns"):
        fit_encoding(panel, only=["wind", "rain"])
