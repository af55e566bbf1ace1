"""The season that is found: what was put into generated series, and none where there is none."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gatecast.panel import Intake, Panel, from_any
from gatecast.seasons import find_season_length


def found(y: np.ndarray | list[float]) -> int:
    return find_season_length(from_any(np.asarray(y, float))).length


def dated(freq: str, y: np.ndarray) -> Panel:
    stamps = pd.date_range("1990-01-01", periods=len(y), freq=freq)
    return from_any(pd.DataFrame({"ds": stamps, "y": y}), Intake(freq=freq))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def wave(n: int, period: float, seed: int = 0, noise: float = 0.3) -> np.ndarray:
    return np.sin(np.arange(n) * 2 * np.pi / period) + noise * rng(seed).normal(size=n)


def pattern(n: int, period: int, seed: int = 0, noise: float = 0.3) -> np.ndarray:
    """A season of any shape."""
    random = rng(seed)
    return np.resize(random.normal(size=period), n) + noise * random.normal(size=n)


def autoregression(e: np.ndarray, *weights: float) -> np.ndarray:
    y = np.zeros_like(e)
    for t in range(e.shape[1]):
        y[:, t] = e[:, t] + sum(w * y[:, t - k] for k, w in enumerate(weights, 1) if t >= k)
    return y


# There is one


@pytest.mark.parametrize("period", [3, 4, 5, 7, 12, 24, 31, 52, 100])
@pytest.mark.parametrize("make", [wave, pattern])
def test_the_period_of_a_season_in_noise_is_found(make, period: int) -> None:
    hits = [abs(found(make(8 * period + 40, period, seed)) - period) for seed in range(10)]
    # A wave's top is flat: a long one may be one step off.
    assert sum(miss <= (period > 20) + (period > 40) for miss in hits) >= 9


def test_a_season_as_large_as_the_noise_is_found_in_most_series() -> None:
    hits = [found(wave(200, 12, seed, noise=1.0)) == 12 for seed in range(50)]
    assert np.mean(hits) > 0.9


def test_three_whole_periods_are_needed_and_enough() -> None:
    y = pattern(1000, 20, noise=0.02)
    assert found(y[:62]) == 20
    assert found(y[:55]) == 1


def test_growth_trend_and_walk_under_a_season_change_nothing() -> None:
    t = np.arange(240)
    assert found(wave(240, 12) + 0.3 * t - 5e-4 * t**2) == 12
    assert found(np.exp(0.02 * t) * (2 + wave(240, 12, noise=0.1))) == 12
    assert found(wave(240, 12, noise=0.05) + 0.1 * rng(1).normal(size=240).cumsum()) == 12


def test_gaps_outliers_and_shifts_change_nothing() -> None:
    y = pattern(300, 12)
    y[rng(1).choice(np.arange(1, 299), 30, replace=False)] = np.nan
    y[100:120] = np.nan
    y[[40, 200, 201]] = 1e6, -1e6, 1e9
    y[150:] += 50
    assert found(y) == 12


def test_a_scale_or_an_offset_changes_nothing() -> None:
    y = pattern(120, 7)
    assert [found(y), found(1e-100 * y), found(1e100 * y), found(y + 1e6)] == [7] * 4


def test_events_among_zeros_that_come_round_are_a_season() -> None:
    assert found(np.resize([0, 0, 0, 0, 0, 3, 9], 140) * 1.0) == 7


def test_a_week_of_days_is_found_where_days_alike_are_clearly_not_the_whole_of_it() -> None:
    day = np.sin(np.arange(24) * 2 * np.pi / 24)
    week = np.concatenate([day if k < 5 else 0.5 * np.roll(day, 9) for k in range(7)])
    y = np.resize(week, 24 * 7 * 8) + 0.05 * rng().normal(size=24 * 7 * 8)
    assert find_season_length(dated("h", y)).length == 168
    alike = np.resize(np.tile(day, 7) + np.repeat([0.1, 0, 0, 0, 0, 0, -0.1], 24), len(y))
    assert find_season_length(dated("h", alike + 0.05 * rng().normal(size=len(y)))).length == 24


def test_a_day_is_taken_where_a_week_is_hardly_better() -> None:
    day = np.sin(np.arange(24) * 2 * np.pi / 24)
    week = np.concatenate([day * (1.0 if k < 5 else 0.5) for k in range(7)])
    y = np.resize(week, 24 * 7 * 100) + 0.01 * rng().normal(size=24 * 7 * 100)
    assert found(y) == 24


def test_most_series_decide_and_short_ones_among_them_help() -> None:
    seven = [pattern(60 + 5 * k, 7, k) for k in range(12)]
    five = [pattern(100, 5, k) for k in range(5)]
    noise = [rng(k).normal(size=80) for k in range(6)]

    def season_of(*series: list[np.ndarray]) -> int:
        named = enumerate(y for many in series for y in many)
        frames = [pd.DataFrame({"unique_id": k, "ds": range(len(y)), "y": y}) for k, y in named]
        return find_season_length(from_any(pd.concat(frames))).length

    assert season_of(seven, five) == 7
    assert season_of(seven, noise) == 7
    assert season_of(five, noise, noise) == 1


# There is none


@pytest.mark.parametrize("n", [16, 24, 100, 250])
def test_noise_and_walks_hardly_ever_have_a_season(n: int) -> None:
    e = rng(n).normal(size=(200, n))
    kinds = {
        "noise": e,
        "walk": e.cumsum(axis=1),
        "heavy-tailed walk": rng(n).standard_t(3, size=(200, n)).cumsum(axis=1),
        "memory": autoregression(e, 0.8),
        "momentum": autoregression(e, 0.7).cumsum(axis=1),
        "growth that wanders": e.cumsum(axis=1).cumsum(axis=1),
        "counts": rng(n).poisson(0.7, size=(200, n)).astype(float),
    }
    false = {kind: np.mean([found(row) > 1 for row in y]) for kind, y in kinds.items()}
    assert max(false.values()) <= 0.04  # 0.03 and what chance adds in 200
    assert np.mean(list(false.values())) <= 0.02
    assert false["walk"] <= 0.02


def test_a_long_walk_has_no_season() -> None:
    assert [found(rng(k).normal(size=20_000).cumsum()) for k in range(10)] == [1] * 10


def test_a_cycle_that_loses_its_step_is_no_season() -> None:
    y = autoregression(rng().normal(size=(20, 2000)), 1.5, -0.9)
    assert np.mean([found(row) > 1 for row in y]) <= 0.05


@pytest.mark.parametrize(
    "y",
    [
        [5.0],
        [1.0, 2.0],
        np.full(50, 3.0),
        np.arange(50.0),
        0.1 * np.arange(70_000) + 1e6,
        np.r_[np.zeros(40), 1, np.zeros(40)],
        np.r_[1.0, np.full(48, np.nan), 2.0],
        np.arange(60.0) ** 3,
        np.where(np.arange(80) < 40, 0.0, 1.0),
    ],
    ids=["one", "two", "constant", "line", "long-line", "one-event", "gap", "cubic", "shift"],
)
def test_what_hardly_changes_or_is_too_short_has_no_season(y: np.ndarray) -> None:
    season = find_season_length(from_any(y))
    assert season.length == 1
    assert season.why == "Neither the frequency nor the data show a season."


# The frequency has a say


def test_the_usual_season_stays_where_the_data_say_nothing() -> None:
    for freq, usual in (("MS", 12), ("D", 7), ("h", 24), ("W-SUN", 52), ("10min", 144), ("QS", 4)):
        season = find_season_length(dated(freq, rng().normal(size=400).cumsum()))
        assert season.length == usual
        assert "do not clearly speak for another" in season.why
        assert str(usual) in season.why_zh
        assert find_season_length(dated(freq, np.arange(9.0))).length == usual


def test_the_usual_season_is_confirmed_by_data_that_have_it() -> None:
    season = find_season_length(dated("MS", pattern(96, 12)))
    assert season.length == 12
    assert "repeat themselves at that distance" in season.why


def test_half_of_the_usual_season_does_not_take_its_place() -> None:
    assert find_season_length(dated("MS", pattern(120, 6))).length == 12


def test_ten_years_of_daily_temperatures_have_a_year_and_no_week() -> None:
    weather = autoregression(rng().normal(size=(1, 3650)), 0.7)[0]
    y = 11 + 4 * np.cos(np.arange(3650) * 2 * np.pi / 365.25) + 2 * weather
    season = find_season_length(dated("D", y))
    assert season.length == 365
    assert "7, the usual season of frequency D" in season.why
    assert "365" in season.why_zh
    weekly = y + np.resize([0, 0, 0, 0, 0, 6, 8], 3650)
    assert find_season_length(dated("D", weekly)).length == 7


def test_a_slow_wave_under_noise_is_no_short_season() -> None:
    assert all(abs(found(wave(3650, 369, seed)) - 369) <= 1 for seed in range(6))


def test_a_lag_of_about_a_year_is_a_year() -> None:
    assert abs(found(wave(3650, 369)) - 369) <= 1
    assert find_season_length(dated("D", wave(3650, 369))).length == 365


def test_another_season_is_taken_where_the_usual_one_is_not_there() -> None:
    assert find_season_length(dated("D", pattern(300, 10))).length == 10


def test_years_have_no_usual_season_but_may_have_a_cycle() -> None:
    assert find_season_length(dated("YS", wave(120, 11))).length == 11
    assert find_season_length(dated("YS", rng().normal(size=120).cumsum())).length == 1


# How it goes


def test_the_same_panel_gives_the_same_season_whatever_was_looked_at_before() -> None:
    panel = from_any(np.stack([pattern(90, 8, k, noise=0.8) for k in range(250)]))
    first = find_season_length(panel)
    find_season_length(from_any(rng().normal(size=500)))
    assert find_season_length(panel) == first
    assert first.length == 8


def test_a_panel_stays_as_it_is() -> None:
    panel = from_any(pattern(90, 8))
    before = panel.values.copy()
    find_season_length(panel)
    np.testing.assert_array_equal(panel.values, before)


def test_many_series_and_long_ones_are_looked_at_within_a_second() -> None:
    for y in (rng().normal(size=(1000, 100)), rng().normal(size=1_000_000)):
        panel = from_any(y)
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            find_season_length(panel)
            seconds.append(time.perf_counter() - started)
        assert min(seconds) < 1


KNOWN = {
    "AirPassengers": 12,
    "JohnsonJohnson": 4,
    "UKgas": 4,
    "USAccDeaths": 12,
    "co2_maunaloa": 12,
    "jaungiers_sinewave": 100,
    "ldeaths": 12,
    "monthly_milk": 12,
    "nottem": 12,
    "us_gasoline_weekly": 52,
    **dict.fromkeys(("LakeHuron", "Nile", "WWWusage", "heart_rate", "treering"), 1),
    **dict.fromkeys(("EuStock_DAX", "EuStock_FTSE", "jaungiers_sp500_Close"), 1),
}


def test_the_classics_have_the_seasons_that_are_known_of_them() -> None:
    folder = os.environ.get("GATECAST_DATA")
    if folder is None:
        pytest.skip("GATECAST_DATA does not say where the real series are")
    series = pd.read_parquet(Path(folder) / "classics" / "all.parquet").groupby("unique_id")["y"]
    assert {name: found(series.get_group(name).to_numpy()) for name in KNOWN} == KNOWN
