"""Holt-Winters and a network as one model, looked at through its public doors."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gatecast
from gatecast import ESLSTM, ArtifactError, ConfigError, DataError
from gatecast.models.es_lstm import ESLSTMConfig
from gatecast.progress import Epoch

SMALL: dict[str, Any] = {"hidden_size": 6, "epochs": 3}


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def monthly(
    lengths: tuple[int, ...] = (90, 40, 65), seed: int = 0, noise: float = 0.02
) -> pd.DataFrame:
    """Positive series with a trend and a season that multiplies, each of its own size."""
    rng = np.random.default_rng(seed)
    parts = []
    for number, n in enumerate(lengths):
        t = np.arange(n)
        y = 50 * 7.0**number * np.exp(0.004 * t + 0.3 * np.sin(2 * np.pi * (t / 12 + number / 5)))
        y *= np.exp(noise * rng.normal(size=n))
        stamps = pd.date_range("2010-01-01", periods=n, freq="MS")
        parts.append(pd.DataFrame({"unique_id": f"s{number}", "ds": stamps, "y": y}))
    return pd.concat(parts, ignore_index=True)


def wave(n: int = 60) -> np.ndarray:
    return np.asarray(10 + np.sin(np.arange(n) / 2))


def of(frame: pd.DataFrame, name: str, column: str = "ESLSTM") -> np.ndarray:
    """What is forecast of a series."""
    return np.asarray(frame.loc[frame["unique_id"] == name, column])


# What goes in and what comes out


@pytest.mark.parametrize("data", [wave(), list(wave()), np.stack([wave(), 2 - wave()])])
def test_arrays_in_float64_arrays_out(data: Any) -> None:
    forecast = ESLSTM(4, season_length=12, **SMALL).fit(data).predict()
    assert forecast.dtype == np.float64
    assert forecast.shape == (*np.shape(data)[:-1], 4)
    assert np.isfinite(forecast).all()


def test_series_of_different_length_are_forecast_from_their_own_end() -> None:
    df = monthly((90, 40, 3))
    df = df[(df["unique_id"] != "s1") | (df["ds"] < "2013-01-01")]
    forecast = ESLSTM(5, **SMALL).fit(df).predict()
    assert list(forecast.columns) == ["unique_id", "ds", "ESLSTM"]
    ends = df.groupby("unique_id")["ds"].max()
    begins = forecast.groupby("unique_id")["ds"].min()
    assert (begins == ends + pd.offsets.MonthBegin()).all()
    assert np.isfinite(forecast["ESLSTM"]).all()


def test_polars_in_polars_out_and_the_same_numbers() -> None:
    df = monthly()
    one = ESLSTM(4, **SMALL).fit(df).predict()
    other = ESLSTM(4, **SMALL).fit(pl.from_pandas(df)).predict()
    assert isinstance(other, pl.DataFrame)
    np.testing.assert_array_equal(one["ESLSTM"], other["ESLSTM"].to_numpy())


def test_the_caller_s_data_are_left_alone() -> None:
    df = monthly()
    df.loc[5, "y"] = np.nan
    before = df.copy()
    ESLSTM(4, **SMALL).fit(df).predict(df)
    pd.testing.assert_frame_equal(df, before, check_exact=True)


def test_quantiles_never_cross_and_levels_are_their_columns() -> None:
    df = monthly()
    model = ESLSTM(6, quantiles=[0.05, 0.25, 0.75, 0.95], **SMALL).fit(df)
    array = model.predict(quantiles=[0.05, 0.25, 0.5, 0.75, 0.95])
    names = [f"ESLSTM-q-{q:g}" for q in (0.05, 0.25, 0.5, 0.75, 0.95)]
    assert (np.diff(array[names].to_numpy(), axis=1) >= 0).all()
    np.testing.assert_array_equal(array["ESLSTM-q-0.5"], array["ESLSTM"])
    wide = model.predict(level=[50, 90])
    np.testing.assert_array_equal(wide["ESLSTM-lo-90"], array["ESLSTM-q-0.05"])
    np.testing.assert_array_equal(wide["ESLSTM-hi-50"], array["ESLSTM-q-0.75"])
    with pytest.raises(ConfigError, match=r"0\.025 and 0\.975"):
        model.predict(level=[95])
    outputs = ESLSTM(3, season_length=12, quantiles=[0.1, 0.9], **SMALL).fit(wave()).predict()
    assert outputs.shape == (3, 2)


def test_a_shorter_horizon_is_the_beginning_and_a_longer_one_is_refused() -> None:
    model = ESLSTM(6, season_length=12, **SMALL).fit(wave())
    np.testing.assert_array_equal(model.predict(h=2), model.predict()[:2])
    with pytest.raises(ConfigError, match=r"trained for 6 steps\. Got: h=7\. Fit ESLSTM\(h=7\)"):
        model.predict(h=7)


def test_a_series_without_history_is_refused() -> None:
    df = monthly().assign(size=1.0)
    cold = df.tail(3).assign(unique_id="cold", y=np.nan)
    model = ESLSTM(3, static_covariates=["size"], **SMALL).fit(df)
    with pytest.raises(ConfigError, match=r"'cold'.*use an LSTM"):
        model.predict(pd.concat([df, cold]))


# Level, season, coefficients


def test_the_season_is_that_of_the_frequency() -> None:
    model = ESLSTM(4, **SMALL).fit(monthly())
    assert sorted(model.smoothing_) == ["level", "season"]
    assert [len(season) for (season,) in model.seasonality_] == [102, 52, 77]
    assert list(ESLSTM(4, season_length=1, **SMALL).fit(monthly()).smoothing_) == ["level"]
    assert list(ESLSTM(4, **SMALL).fit(wave()).smoothing_) == ["level"]


def test_level_times_season_is_a_series_without_noise() -> None:
    model = ESLSTM(4, **SMALL).fit(monthly(noise=0.0))
    df = monthly(noise=0.0)
    assert model.ids_ == ["s0", "s1", "s2"]
    assert model.log_.all()
    for name, level, (season,) in zip(model.ids_, model.level_, model.seasonality_, strict=True):
        y = df.loc[df["unique_id"] == name, "y"].to_numpy()
        assert level.shape == y.shape
        # What is left is what the level lags behind a rise of 0.4 % a step.
        assert np.abs(np.log(level * season[: len(y)] / y))[12:].max() < 0.03
        np.testing.assert_allclose(season[-12:], season[-24:-12], rtol=0.03)
    for coefficient in model.smoothing_.values():
        assert coefficient.shape == (3,)
        assert ((coefficient > 0) & (coefficient < 1)).all()


def test_a_series_about_zero_has_level_and_season_that_add() -> None:
    t = np.arange(120)
    y = 3 * np.sin(2 * np.pi * t / 12) + 0.1 * np.random.default_rng(0).normal(size=120)
    model = ESLSTM(6, season_length=12, **SMALL).fit(y)
    assert not model.log_.any()
    ((season,),) = model.seasonality_
    assert np.abs(season[24:120] - y[24:]).mean() < 0.5
    assert np.abs(model.level_[0][24:]).max() < 1


def two_seasons(n_series: int = 4, days: int = 42) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    parts = []
    for number in range(n_series):
        t = np.arange(24 * days)
        y = 100 * np.exp(
            0.4 * np.sin(2 * np.pi * (t % 24) / 24 + number)
            - 0.5 * (t // 24 % 7 >= 5)
            + 0.02 * rng.normal(size=len(t))
        )
        stamps = pd.date_range("2024-01-01", periods=len(t), freq="h")
        parts.append(pd.DataFrame({"unique_id": number, "ds": stamps, "y": y}))
    return pd.concat(parts, ignore_index=True)


def test_two_seasons_are_told_apart_and_forecast_better_than_one() -> None:
    df = two_seasons()
    models = {
        name: ESLSTM(48, season_length=m, context_length=24, hidden_size=8, epochs=2)
        for name, m in (("one", 24), ("two", (24, 168)))
    }
    models["naive"] = gatecast.SeasonalNaive(48, season_length=24)
    cv = gatecast.cross_validation(models, df, 48, n_windows=2, refit=False)
    mase = gatecast.evaluate(cv, df, metrics=["mase"]).set_index("model")["mase"]
    assert mase["two"] < 0.7 * min(mase["one"], mase["naive"])
    model = models["two"].fit(df)
    assert sorted(model.smoothing_) == ["level", "season", "season_2"]
    daily, weekly = model.seasonality_[0]
    assert (len(daily), len(weekly)) == (24 * 42 + 24, 24 * 42 + 168)
    hours, days = np.log(daily[-24:]), np.log(weekly[-168:]).reshape(7, 24).mean(axis=1)
    assert np.corrcoef(hours, np.sin(2 * np.pi * np.arange(24) / 24))[0, 1] > 0.99
    assert days[5:].max() < days[:5].min() - 0.3


# Values of every kind

y = wave()
DIFFICULT = {
    "zeros": np.zeros(40),
    "constant": np.full(40, 3.0),
    "constant, negative": np.full(40, -3.0),
    "one value, then another": np.repeat([0.0, 7.0], 20),
    "one jump at the end": np.r_[np.zeros(39), 1e300],
    "two values": np.array([1.0, 2.0]),
    "two values that are not positive": np.array([0.0, -2.0]),
    "counts, most of them zero": np.where(np.arange(60) % 7 == 3, 2.0, 0.0),
    "about zero": y - 10,
    "huge": 1e300 * y / 10,
    "huge, both signs": 1e300 * (y - 10),
    "tiny": 1e-300 * y,
    "tiny, both signs": 1e-300 * (y - 10),
    "denormal": 1e-310 * y,
    "denormal, both signs": 1e-318 * (y - 10),
    "huge and tiny by turns": np.where(np.arange(60) % 2, 1e300, 1e-300),
    "signs by turns": np.where(np.arange(60) % 2, 1e300, -1e300),
    "large, with small changes": 1e12 + y,
}


@pytest.mark.parametrize("season_length", [1, 4, (2, 12)], ids=str)
@pytest.mark.parametrize("values", DIFFICULT.values(), ids=DIFFICULT)
def test_whatever_the_values_the_forecast_is_finite(values: np.ndarray, season_length: Any) -> None:
    model = ESLSTM(5, season_length=season_length, quantiles=[0.1, 0.9], **SMALL).fit(values)
    assert np.isfinite(model.predict()).all()
    assert np.isfinite(model.predict(values[::-1])).all()  # as a new series
    assert all(np.isfinite(level).all() for level in model.level_)
    assert all(np.isfinite(season).all() for (*of,) in model.seasonality_ for season in of)


def test_a_constant_is_continued() -> None:
    both = np.stack([np.full(40, 3.0), np.zeros(40)])
    np.testing.assert_allclose(
        ESLSTM(3, season_length=7, **SMALL).fit(both).predict(), [[3] * 3, [0] * 3], rtol=1e-3
    )


def test_hugely_different_series_do_not_disturb_one_another() -> None:
    many = np.stack([y, np.zeros(60), np.full(60, 3.0), 1e290 * y, 1e-290 * y, -y])
    model = ESLSTM(4, season_length=12, hidden_size=6, epochs=20).fit(many)
    forecast = model.predict()
    assert np.isfinite(forecast).all()
    np.testing.assert_allclose(forecast[3] / 1e290, forecast[0], rtol=0.02)
    np.testing.assert_allclose(forecast[4] / 1e-290, forecast[0], rtol=0.02)


@pytest.mark.parametrize("shift", [0.0, -10.0], ids=["positive", "about zero"])
@pytest.mark.parametrize("unit", [1000.0, 1e-9])
def test_another_unit_gives_the_same_forecast_in_it(shift: float, unit: float) -> None:
    model = ESLSTM(5, season_length=12, **SMALL)
    forecast = model.fit(wave() + shift).predict()
    in_it = model.fit(unit * (wave() + shift)).predict()
    np.testing.assert_allclose(in_it / unit, forecast, rtol=1e-6)


def test_one_value_is_too_few() -> None:
    with pytest.raises(DataError, match="at least 2 values"):
        ESLSTM(3, **SMALL).fit(np.array([1.0]))


# What is missing


def test_gaps_inside_and_at_the_end_are_skipped() -> None:
    df = monthly()
    gaps = df.copy()
    gaps.loc[[10, 11, 30, 31, 32], "y"] = np.nan
    gaps = gaps.drop(index=[50, 51])
    gaps.loc[gaps.groupby("unique_id").tail(1).index[:1], "y"] = np.nan  # the end of s0
    model = ESLSTM(4, hidden_size=6, epochs=20).fit(df)
    holes = ESLSTM(4, hidden_size=6, epochs=20).fit(gaps)
    forecast = holes.predict()
    assert of(forecast, "s0")[0] > 0
    np.testing.assert_allclose(of(holes.predict(df), "s2"), of(model.predict(), "s2"), rtol=0.2)
    assert np.isfinite(forecast["ESLSTM"]).all()
    assert all(np.isfinite(level).all() for level in holes.level_)


def test_over_a_gap_the_level_stays_where_it_is() -> None:
    z = wave()
    z[20:30] = np.nan
    level = ESLSTM(4, season_length=12, **SMALL).fit(z).level_[0]
    np.testing.assert_array_equal(level[20:30], np.repeat(level[19], 10))


def test_step_1_reacts_to_the_last_value_of_each_series() -> None:
    df = monthly((90, 40, 12))
    model = ESLSTM(4, **SMALL).fit(df)
    changed = df.copy()
    changed.loc[changed.groupby("unique_id").tail(1).index, "y"] *= 1.2
    one = model.predict().groupby("unique_id")["ESLSTM"].first()
    other = model.predict(changed).groupby("unique_id")["ESLSTM"].first()
    assert (other > one).all()


# Series that are known, and those that are new


def without_newest(df: pd.DataFrame, n: int) -> pd.DataFrame:
    newest = df.groupby("unique_id").cumcount(ascending=False) < n
    return df[~newest]


def test_a_known_series_that_has_grown_keeps_its_parameters() -> None:
    df = monthly((90, 70, 65))
    model = ESLSTM(4, hidden_size=6, epochs=20).fit(without_newest(df, 12))
    before = {name: values.copy() for name, values in model.smoothing_.items()}
    grown = model.predict(df)
    for name, values in model.smoothing_.items():
        np.testing.assert_array_equal(values, before[name])
    # The same values under another name are a new series, with other parameters.
    renamed = df.assign(unique_id=df["unique_id"].str.upper())
    new = model.predict(renamed)
    assert (of(grown, "s0") != of(new, "S0")).all()
    # Nor is it known if it begins otherwise.
    other = df.copy()
    other.loc[0, "y"] *= 1.001
    otherwise = other.assign(unique_id=other["unique_id"].str.upper())
    np.testing.assert_allclose(
        of(model.predict(other), "s0"), of(model.predict(otherwise), "S0"), rtol=1e-6
    )
    np.testing.assert_array_equal(of(model.predict(other), "s1"), of(grown, "s1"))
    np.testing.assert_array_equal(
        model.predict(without_newest(df, 12))["ESLSTM"], model.predict()["ESLSTM"]
    )


def test_a_new_series_is_fitted_alone_and_the_network_stays_as_it_is() -> None:
    model = ESLSTM(4, hidden_size=6, epochs=20).fit(monthly())
    before = {name: values.copy() for name, values in model.parameters_.items()}
    own = {name: values.copy() for name, values in model.smoothing_.items()}
    new = monthly((50, 30, 1), seed=5).assign(unique_id=lambda x: x["unique_id"] + "-new")
    together = model.predict(new)
    for name, values in model.parameters_.items():
        np.testing.assert_array_equal(values, before[name])
    for name, values in model.smoothing_.items():
        np.testing.assert_array_equal(values, own[name])
    assert np.isfinite(together["ESLSTM"]).all()
    for name in new["unique_id"].unique():
        alone = model.predict(new[new["unique_id"] == name])
        np.testing.assert_allclose(of(alone, name), of(together, name), rtol=1e-8)


def test_smoothing_of_a_new_series_is_fitted_to_it() -> None:
    """The level of nothing but noise, forecast by itself, is to move little."""
    rng = np.random.default_rng(1)
    walks = 100 + rng.normal(size=(12, 80)).cumsum(axis=1)
    noise = 100 + 3 * rng.normal(size=(40, 150))
    errors = {}
    for rate in (1e-9, 0.1):
        # A network that learns nothing puts out nearly the level.
        model = ESLSTM(1, hidden_size=6, epochs=1, learning_rate=1e-9, smoothing_learning_rate=rate)
        errors[rate] = float(np.square(model.fit(walks).predict(noise) - 100).mean())
    assert errors[0.1] < 0.7 * errors[1e-9]


def test_a_positive_series_that_has_come_to_have_a_zero_is_seen_anew() -> None:
    df = monthly()
    model = ESLSTM(4, **SMALL).fit(df)
    more = df[df["unique_id"] == "s1"].tail(1)
    zero = more.assign(ds=more["ds"] + pd.offsets.MonthBegin(), y=0.0)
    with_zero = pd.concat([df, zero])
    forecast = model.predict(with_zero)
    assert np.isfinite(forecast["ESLSTM"]).all()
    new = model.predict(with_zero.assign(unique_id=with_zero["unique_id"].str.upper()))
    np.testing.assert_allclose(of(forecast, "s1"), of(new, "S1"), rtol=1e-6)
    for name in ("s0", "s2"):
        np.testing.assert_array_equal(of(forecast, name), of(model.predict(), name))
    assert model.log_.all()


def test_a_series_that_grew_beyond_all_measure_is_still_a_number() -> None:
    small = np.where(np.arange(40) % 2, 1e-200, 0.0)
    model = ESLSTM(3, season_length=4, **SMALL).fit(small)
    assert np.isfinite(model.predict(np.r_[small, np.full(20, 1e200)])).all()


def test_the_order_of_series_does_not_matter() -> None:
    df = monthly((60, 60, 60))
    turned = pd.concat([df[df["unique_id"] == name] for name in ("s2", "s0", "s1")])
    one, other = ESLSTM(4, **SMALL).fit(df), ESLSTM(4, **SMALL).fit(turned)
    for name in ("s0", "s1", "s2"):
        np.testing.assert_array_equal(of(one.predict(), name), of(other.predict(), name))
    for name, values in one.parameters_.items():
        np.testing.assert_array_equal(values, other.parameters_[name])
    assert list(other.predict()["unique_id"].unique()) == ["s2", "s0", "s1"]


def test_the_number_of_threads_changes_no_bit() -> None:
    rng = np.random.default_rng(4)
    many = np.exp(0.1 * rng.normal(size=(90, 40)).cumsum(axis=1))
    settings: dict[str, Any] = {"season_length": 4, "batch_size": 64, **SMALL}
    one = ESLSTM(4, threads=1, **settings).fit(many)
    two = ESLSTM(4, threads=2, **settings).fit(many)
    np.testing.assert_array_equal(one.predict(), two.predict())
    np.testing.assert_array_equal(one.smoothing_["level"], two.smoothing_["level"])
    np.testing.assert_array_equal(one.predict(many[::-1] + 1), two.predict(many[::-1] + 1))


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    df = monthly()
    one, same, other = (ESLSTM(4, seed=s, **SMALL).fit(df).predict()["ESLSTM"] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()


# What else it reads


def groups(n_series: int = 60) -> pd.DataFrame:
    """Four steps without a change, then four of growth: upwards in one group, downwards in one."""
    rng = np.random.default_rng(0)
    parts = []
    for number in range(n_series):
        up = 2 * (number % 2) - 1
        growth = np.repeat([0.0, 0.3 * up], 4)
        y = rng.uniform(50, 500) * np.exp(np.cumsum(growth) + 0.15 * rng.normal(size=8))
        part = {"unique_id": f"s{number:02}", "ds": np.arange(8), "y": y, "size": 3.5 * up}
        parts.append(pd.DataFrame(part | {"sort": "up" if up > 0 else "down"}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("column", ["sort", "size"])
def test_a_category_that_decides_the_growth_is_read(column: str) -> None:
    df = groups()
    settings: dict[str, Any] = {"dilations": [[1]], "context_length": 2, "hidden_size": 12}
    settings |= {"epochs": 60, "batch_size": 8, "learning_rate": 0.01}
    blind = ESLSTM(4, **settings).fit(df)
    told = ESLSTM(4, static_covariates=[column], **settings).fit(df)
    # New series that have not grown yet.
    new = df.assign(unique_id="new " + df["unique_id"])
    past, truth = new[new["ds"] < 4], new[new["ds"] >= 4]["y"].to_numpy()
    error = {
        name: np.abs(np.log(model.predict(past)["ESLSTM"].to_numpy() / truth)).mean()
        for name, model in (("blind", blind), ("told", told))
    }
    assert error["told"] < 0.5 * error["blind"]


def test_the_calendar_is_read() -> None:
    """Without a season, only the date says that January comes."""
    df = monthly((60,) * 8)
    df["y"] = 100 * np.exp(0.2 * df["ds"].dt.month.isin((1, 6)))
    df["y"] *= np.exp(0.02 * np.random.default_rng(0).normal(size=len(df)))
    settings: dict[str, Any] = {"season_length": 1, "context_length": 1, "dilations": [[1]]}
    settings |= {"hidden_size": 12, "epochs": 60, "batch_size": 2, "learning_rate": 0.03}
    models = {"blind": ESLSTM(1, **settings), "told": ESLSTM(1, calendar=True, **settings)}
    cv = gatecast.cross_validation(models, df, 1, n_windows=12, refit=False)
    mase = gatecast.evaluate(cv, df, metrics=["mase"]).set_index("model")["mase"]
    assert mase["told"] < 0.7 * mase["blind"]


def test_a_calendar_that_changes_nothing_is_said() -> None:
    with pytest.warns(UserWarning, match="calendar=True changes nothing") as caught:
        ESLSTM(2, calendar=True, **SMALL).fit(monthly((8,)))
    assert caught[0].filename == __file__


def test_it_reads_its_own_columns_and_no_other_model_s() -> None:
    df = pd.concat([groups(9), groups(9).assign(ds=np.tile(np.arange(8, 16), 9))])
    df = df.sort_values(["unique_id", "ds"]).assign(noise=lambda x: x["ds"] % 3)
    settings: dict[str, Any] = {"hidden_size": 6, "epochs": 3}
    told = ESLSTM(4, static_covariates=["sort"], **settings)
    alone = told.fit(df).predict()["ESLSTM"].to_numpy()
    beside = gatecast.Ensemble(
        [
            ESLSTM(4, static_covariates=["sort"], **settings),
            gatecast.LSTM(
                4, past_covariates=["noise"], static_covariates=["size"], context_length=4,
                **settings,
            ),
        ]
    ).fit(df)  # fmt: skip
    member = beside.members[0]
    assert {n: x.shape for n, x in member.parameters_.items()} == {
        n: x.shape for n, x in told.parameters_.items()
    }
    cold = gatecast.cross_validation({"one": told, "other": beside.members[1]}, df, 4, n_windows=1)
    window = df[df["ds"] <= cold["cutoff"].max()]
    np.testing.assert_array_equal(cold["one"], told.fit(window).predict()["ESLSTM"])
    assert np.isfinite(alone).all()


# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"h": 0}, "h must be a whole number from 1"),
        ({"h": 1.5}, "h must be a whole number"),
        ({"season_length": 0}, "season_length must be a whole number from 1"),
        ({"season_length": "month"}, "season_length must be a whole number"),
        ({"season_length": (24, 100)}, "the second a multiple of the first"),
        ({"season_length": (168, 24)}, "the second a multiple of the first"),
        ({"season_length": (1, 12)}, "the second a multiple of the first"),
        ({"season_length": (2, 4, 8)}, r"Two seasons.*Got: \(2, 4, 8\)"),
        ({"season_length": ()}, "Two seasons"),
        ({"hidden_size": 0}, "hidden_size must be a whole number from 1 to 8,192"),
        ({"hidden_size": (8, 8)}, "hidden_size must be a whole number"),
        ({"dilations": ()}, "dilations must be blocks of layers"),
        ({"dilations": 4}, "dilations must be blocks of layers"),
        ({"dilations": "12"}, "dilations must be blocks of layers"),
        ({"dilations": [[1, 2], []]}, "dilations must be blocks of layers"),
        ({"dilations": [[1, 2], 3]}, "dilations must be blocks of layers"),
        ({"dilations": [[0]]}, "dilations must be a whole number from 1"),
        ({"dilations": [[1] * 60] * 2}, "at most 100 layers. Got: 120"),
        ({"context_length": 0}, "context_length must be a whole number from 1"),
        ({"quantiles": [0.5, 1.0]}, "quantiles must be different numbers between 0 and 1"),
        ({"quantiles": []}, "quantiles must be"),
        ({"epochs": 0}, "epochs must be a whole number from 1"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1"),
        ({"learning_rate": 0.0}, "learning_rate must be a number from 1e-12"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number"),
        ({"smoothing_learning_rate": -1}, "smoothing_learning_rate must be a number from 0"),
        ({"level_penalty": -1}, "level_penalty must be a number from 0"),
        ({"static_covariates": [3]}, "static_covariates must be names of columns"),
        ({"calendar": 1}, "calendar must be True or False"),
        ({"precision": "half"}, "precision must be one of 'float32', 'bfloat16', 'auto'"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"threads": 0}, "threads must be a whole number from 1"),
    ],
)
def test_impossible_settings_are_refused_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ESLSTM(**{"h": 3, **settings})


def test_settings_survive_as_json() -> None:
    config = ESLSTM(
        3, season_length=[24, 168], dilations=[1, 2], quantiles=[0.9, 0.1], calendar=True
    ).config
    assert config.season_length == (24, 168)
    assert config.dilations == ((1, 2),)
    assert ESLSTMConfig(**json.loads(json.dumps(config.to_dict()))) == config
    assert ESLSTM(3, season_length=[12]).config.season_length == 12


def test_a_covariate_needs_a_frame_and_its_column() -> None:
    model = ESLSTM(3, static_covariates=["sort"], **SMALL)
    with pytest.raises(ConfigError, match="no columns for covariates"):
        model.fit(wave())
    with pytest.raises(DataError, match="sort"):
        model.fit(monthly())


def test_before_a_fit_nothing_is_known_of_it() -> None:
    model = ESLSTM(3)
    for name in ("level_", "seasonality_", "smoothing_", "parameters_", "history_", "log_", "ids_"):
        with pytest.raises(ConfigError, match="not fitted"):
            getattr(model, name)


def test_a_smoothing_rate_of_nothing_leaves_the_coefficients_alike() -> None:
    still = ESLSTM(4, smoothing_learning_rate=0.0, **SMALL).fit(monthly())
    level = still.smoothing_["level"]  # a season's begins with how certain it is
    np.testing.assert_allclose(level, level[0], rtol=1e-9)
    moved = ESLSTM(4, hidden_size=6, epochs=20, smoothing_learning_rate=0.1).fit(monthly())
    assert np.ptp(moved.smoothing_["level"]) > 1e-3


def test_the_penalty_straightens_the_level() -> None:
    rng = np.random.default_rng(0)
    many = 100 + rng.normal(size=(8, 100)).cumsum(axis=1) + 2 * rng.normal(size=(8, 100))

    def bend(penalty: float) -> float:
        model = ESLSTM(
            4, hidden_size=6, epochs=30, level_penalty=penalty, smoothing_learning_rate=0.1
        ).fit(many)
        return float(np.mean([np.square(np.diff(level, 2)).mean() for level in model.level_]))

    assert bend(1000.0) < 0.7 * bend(0.0)


@pytest.mark.parametrize("setting", ["learning_rate", "smoothing_learning_rate", "level_penalty"])
def test_extreme_settings_end_in_numbers_or_in_an_error_that_is_meant(setting: str) -> None:
    model = ESLSTM(4, season_length=12, **{**SMALL, "epochs": 20, setting: 1e3})
    try:
        forecast = model.fit(wave()).predict()
    except ConfigError:
        return
    assert np.isfinite(forecast).all()
    assert all(np.isfinite(values).all() for values in model.smoothing_.values())


# Training


def test_progress_is_told_of_each_epoch_and_can_stop() -> None:
    told: list[Epoch] = []

    def stop_at_4(epoch: Epoch) -> bool:
        told.append(epoch)
        return epoch.number < 4

    model = ESLSTM(3, season_length=12, hidden_size=6, epochs=50, progress=stop_at_4).fit(wave())
    assert [epoch.number for epoch in told] == [1, 2, 3, 4]
    assert model.history_["loss"] == [epoch.loss for epoch in told]
    assert np.isfinite(model.predict()).all()


def test_when_progress_raises_what_was_learnt_so_far_can_be_used() -> None:
    def fail(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise RuntimeError("enough")

    model = ESLSTM(3, season_length=12, hidden_size=6, epochs=50, progress=fail)
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(wave())
    assert len(model.history_["loss"]) == 2
    assert np.isfinite(model.predict()).all()


def test_the_loss_falls() -> None:
    loss = ESLSTM(4, hidden_size=16, epochs=60).fit(monthly((90,) * 6)).history_["loss"]
    # Each epoch begins elsewhere in each series, so that a single one's loss goes up and down.
    assert np.mean(loss[-5:]) < 0.9 * np.mean(loss[:5])


def shared_cycle(n_series: int = 40, n: int = 96) -> pd.DataFrame:
    """A season of each series' own that multiplies; a cycle of five steps that all share."""
    rng = np.random.default_rng(0)
    t, cycle = np.arange(n), np.array([0.0, 0.25, 0.35, 0.1, -0.15])
    parts = []
    for number in range(n_series):
        v = np.log(rng.uniform(10, 1000)) + rng.normal(0, 0.003) * t
        v += 0.3 * np.sin(2 * np.pi * (t / 12 + rng.uniform())) + 0.1 * np.cos(np.pi * t / 3)
        v += cycle[(t + rng.integers(5)) % 5] + rng.normal(0, 0.03, n)
        stamps = pd.date_range("2015-01-01", periods=n, freq="MS")
        parts.append(pd.DataFrame({"unique_id": f"s{number:02}", "ds": stamps, "y": np.exp(v)}))
    return pd.concat(parts, ignore_index=True)


def test_what_series_share_it_learns_from_all_and_is_better_than_smoothing_alone() -> None:
    df = shared_cycle()
    models = [ESLSTM(6), gatecast.HoltWinters(6), gatecast.SeasonalNaive(6)]
    cv = gatecast.cross_validation(models, df, 6, n_windows=1)
    mase = gatecast.evaluate(cv, df, metrics=["mase"]).set_index("model")["mase"]
    assert mase["ESLSTM"] < 0.6 * mase["HoltWinters"]
    assert mase["ESLSTM"] < 0.6 * mase["SeasonalNaive"]


# As a member of the house


def test_nothing_after_a_cutoff_changes_what_is_forecast_from_it() -> None:
    df = monthly((90, 90, 90)).assign(sort=lambda x: x["unique_id"])
    model = ESLSTM(4, static_covariates=["sort"], calendar=True, quantiles=[0.1, 0.9], **SMALL)
    for refit in (True, False):
        settings: dict[str, Any] = {"n_windows": 3, "refit": refit, "level": [80]}
        clean = gatecast.cross_validation(model, df, 4, **settings)
        first = clean["cutoff"].min()
        poisoned = df.assign(y=df["y"].where(df["ds"] <= first, 1e6))
        other = gatecast.cross_validation(model, poisoned, 4, **settings)
        one, two = (x[x["cutoff"] == first].drop(columns="y") for x in (clean, other))
        pd.testing.assert_frame_equal(one, two, check_exact=True)
        last = clean["cutoff"].max()
        assert (clean["ESLSTM"] != other["ESLSTM"])[clean["cutoff"] == last].all()


def test_it_is_called_by_its_name() -> None:
    df = monthly((60, 60))
    for name in ("eslstm", "ESLSTM", "es-lstm"):
        cv = gatecast.cross_validation(name, df, 3, n_windows=1)
        assert "ESLSTM" in cv
    result = gatecast.forecast(df, 3, models=["eslstm"])
    assert result.chosen == "ESLSTM"
    assert {"Naive", "SeasonalNaive", "HoltWinters"} <= set(result.leaderboard["model"])
    assert "ESLSTM" in result.verdict.text
    assert "ESLSTM" in result.verdict.say("zh")


def test_intervals_of_two_seasons_are_scaled_by_the_shorter() -> None:
    df = two_seasons(2, 21)
    settings: dict[str, Any] = {"context_length": 24, "hidden_size": 4, "epochs": 1}
    model = gatecast.Conformal(
        ESLSTM(6, season_length=(24, 168), **settings), n_windows=5, level=[80]
    )
    assert model.config.season_length == 24
    frame = model.fit(df).predict()
    assert (frame["ESLSTM-hi-80"] > frame["ESLSTM-lo-80"]).all()


def test_an_ensemble_counts_the_epochs_that_each_takes_by_the_data() -> None:
    told: list[int] = []

    def stop(epoch: Epoch) -> bool:
        told.append(epoch.number)
        return epoch.number < 6

    model = gatecast.Ensemble(ESLSTM(3, hidden_size=4), n_seeds=2, threads=1, progress=stop)
    model.fit(monthly())
    assert told == [1, 2, 3, 4, 5, 6]
    longest = len(model.members[0].history_["loss"])
    assert longest == 6
    assert np.isfinite(model.predict()["Ensemble"]).all()


def test_several_seeds_are_an_ensemble() -> None:
    model = gatecast.Ensemble(ESLSTM(3, **SMALL), n_seeds=3).fit(monthly())
    assert [member.config.seed for member in model.members] == [0, 1, 2]
    alone = [ESLSTM(3, seed=s, **SMALL).fit(monthly()).predict()["ESLSTM"] for s in range(3)]
    np.testing.assert_allclose(model.predict()["Ensemble"], np.median(alone, axis=0))


# Files


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    df = monthly().assign(sort=lambda x: x["unique_id"].str[:1], size=lambda x: len(x) * 1.0)
    ESLSTM(4, quantiles=[0.1, 0.9], static_covariates=["sort", "size"], calendar=True, **SMALL).fit(
        df
    ).save(path)
    return path


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"season_length": (6, 12)},
        {"precision": "bfloat16"},
        {"season_length": 1, "dilations": [[1, 2], [3]], "context_length": 3},
        {"quantiles": [0.1, 0.9], "static_covariates": ["sort"], "calendar": True},
    ],
    ids=str,
)
def test_everything_about_the_model_survives(tmp_path: Path, settings: dict[str, Any]) -> None:
    df = monthly().assign(sort=lambda x: x["unique_id"].str[1:])
    df.loc[20, "y"] = np.nan
    new = monthly((30, 20), seed=3).assign(unique_id=lambda x: x["unique_id"] + "x", sort="1")
    model = ESLSTM(4, seed=3, **SMALL, **settings).fit(df)
    for context in (True, False):
        model.save(tmp_path / "m", context=context)
        loaded = gatecast.load(tmp_path / "m")
        assert type(loaded) is ESLSTM
        assert loaded.config == model.config
        assert loaded.history_ == model.history_
        assert loaded.ids_ == model.ids_
        for given in (df, df.groupby("unique_id").head(25), new):
            pd.testing.assert_frame_equal(
                loaded.predict(given), model.predict(given), check_exact=True
            )
        for attribute in ("parameters_", "smoothing_"):
            for name, values in getattr(model, attribute).items():
                np.testing.assert_array_equal(values, getattr(loaded, attribute)[name])
        if context:
            pd.testing.assert_frame_equal(loaded.predict(), model.predict(), check_exact=True)
            for one, other in zip(loaded.level_, model.level_, strict=True):
                np.testing.assert_array_equal(one, other)
        else:
            with pytest.raises(ConfigError, match="without the ends of its series"):
                loaded.predict()
            with pytest.raises(ConfigError, match="not saved with the model"):
                _ = loaded.level_


def test_within_an_ensemble_it_is_saved_too(tmp_path: Path) -> None:
    model = gatecast.Ensemble([ESLSTM(3, **SMALL), gatecast.Theta(3)]).fit(monthly())
    model.save(tmp_path / "m")
    pd.testing.assert_frame_equal(
        gatecast.load(tmp_path / "m").predict(), model.predict(), check_exact=True
    )


@pytest.mark.parametrize("keep", [0, 8, 100, 0.5, 0.999])
def test_when_truncated_it_is_refused(saved: Path, keep: float) -> None:
    raw = saved.read_bytes()
    saved.write_bytes(raw[: keep if isinstance(keep, int) else int(len(raw) * keep)])
    with pytest.raises(ArtifactError, match="not a whole gatecast model"):
        gatecast.load(saved)


Change = Callable[[dict[str, Any], dict[str, np.ndarray]], None]


def changed(path: Path, change: Change) -> None:
    """Change what a file says: its metadata, and its arrays by name."""
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    metadata = json.loads(header.pop("__metadata__")["gatecast"])
    kinds = {"F64": np.float64, "F32": np.float32, "I64": np.int64, "BOOL": np.bool_}
    arrays = {
        name: np.frombuffer(data[slice(*x["data_offsets"])], kinds[x["dtype"]])
        .reshape(x["shape"])
        .copy()
        for name, x in header.items()
    }
    change(metadata, arrays)
    from safetensors.numpy import save_file

    save_file(arrays, path, {"gatecast": json.dumps(metadata)})


def state(**changes: Any) -> Change:
    return lambda metadata, _: metadata["state"].update(changes)


def config(**changes: Any) -> Change:
    return lambda metadata, _: metadata["config"].update(changes)


def array(name: str, make: Callable[[np.ndarray], Any]) -> Change:
    def change(_: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = np.ascontiguousarray(make(arrays[name]))

    return change


def put(value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def change(one: np.ndarray) -> np.ndarray:
        one.flat[0] = value
        return one

    return change


def no_series(metadata: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    metadata["state"]["ids"] = []
    metadata.pop("panel")
    for name, one in arrays.items():
        if one.shape[:1] == (3,):
            arrays[name] = one[:0]


HOSTILE: dict[str, Change] = {
    "a giant context": state(context_length=100_000),
    "an impossible context": state(context_length=10**12),
    "a context of nothing": state(context_length=0),
    "a giant dilation": state(dilations=[[100_001]]),
    "a million layers": state(dilations=[[1] * 1_000_000]),
    "other layers": state(dilations=[[1, 1, 1], [1, 1]]),
    "no layers": state(dilations=[]),
    "dilations that are none": state(dilations=None),
    "a giant network": config(hidden_size=8192),
    "a giant horizon": config(h=100_000),
    "another horizon": config(h=5),
    "other quantiles": config(quantiles=[0.1]),
    "giant seasons": state(seasons=[50_000, 100_000]),
    "other seasons": state(seasons=[4]),
    "seasons that do not fit": state(seasons=[5, 12]),
    "no seasons": state(seasons=[]),
    "ids that are none": state(ids=[None, {}, []]),
    "fewer ids": state(ids=["s0", "s1"]),
    "more ids": state(ids=["s0", "s1", "s2", "s3"]),
    "no series": no_series,
    "a history of words": state(history=["x"]),
    "a precision that is none": state(precision="float16"),
    "a precision that is not said": state(precision="auto"),
    "a precision that was not asked for": state(precision="bfloat16"),
    "no encoding": state(encoding=None),
    "another encoding": state(
        encoding={"past": [], "future": [], "static": [], "calendar": [], "holidays": None}
    ),
    "settings that read less": config(static_covariates=["sort"]),
    "settings without a calendar": config(calendar=False),
    "settings of another model": config(anchor="last"),
    "parameters that are infinite": array("own", put(np.inf)),
    "parameters that are no numbers": array("own", put(np.nan)),
    "parameters of other shape": array("own", lambda own: own[:, :-1]),
    "parameters in single precision": array("own", lambda own: own.astype(np.float32)),
    "weights that are no numbers": array("head.weight", put(np.nan)),
    "weights of other shape": array("head.weight", lambda weight: weight[:, :-1]),
    "a scale of nothing": array("change", put(0.0)),
    "a scale that is nearly nothing": array("change", put(1e-300)),
    "a scale that is negative": array("size", put(-1.0)),
    "a scale that is infinite": array("size", put(np.inf)),
    "a scale of other shape": array("size", lambda size: size[:2]),
    "beginnings of other shape": array("beginnings", lambda one: one[:, :3]),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_what_makes_no_sense_is_refused(saved: Path, change: Change) -> None:
    changed(saved, change)
    with pytest.raises(ArtifactError, match="damaged"):
        gatecast.load(saved)


@pytest.mark.parametrize(
    "change",
    [
        array("own", lambda own: own * 1e300),
        array("own", lambda own: np.full_like(own, -1e308)),
        array("change", put(1e300)),
        array("size", put(1e-300)),
        array("size", put(1e300)),
        array("head.weight", lambda weight: weight * 0 + np.float32(3e38)),
        array("head.bias", lambda bias: bias * 0 + np.float32(3e38)),
        array("positive", lambda positive: ~positive),
        array("panel.values", lambda values: -values),
        array("first", lambda first: first + 1),
    ],
)
def test_numbers_that_are_mad_end_in_numbers_or_in_an_error_that_is_meant(
    saved: Path, change: Change
) -> None:
    changed(saved, change)
    model = gatecast.load(saved)
    for given in (None, monthly((30, 20)).assign(sort="s", size=1.0)):
        try:
            forecast = model.predict(given)
        except ConfigError:
            continue
        assert np.isfinite(forecast.drop(columns=["unique_id", "ds"]).to_numpy()).all()
    model.smoothing_  # noqa: B018


def test_a_file_cannot_ask_for_much_more_memory_than_it_fills(tmp_path: Path) -> None:
    """Dilations are numbers in a file, and would be arrays of so many states."""
    values = 10 + np.sin(np.arange(1500) / 5)
    model = ESLSTM(2, hidden_size=8, epochs=1, dilations=[[100_000] * 60]).fit(values[:50])
    model.save(tmp_path / "m")
    code = (
        "import resource, sys, numpy, gatecast\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\n"
        "forecast = gatecast.load(sys.argv[1]).predict(10 + numpy.sin(numpy.arange(1500) / 5))\n"
        "assert numpy.isfinite(forecast).all()"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "m"], check=True)
