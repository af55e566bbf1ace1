"""The lag detector: what copies the past is flagged, what foresees anything is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import gatecast
from gatecast.errors import ConfigError, DataError
from gatecast.evaluation.lag import LagDiagnosis, diagnose_lag, lag_diagnosis

Doubles = NDArray[np.float64]


def walk(rng: np.random.Generator, kind: str, n: int = 100) -> Doubles:
    steps = rng.standard_t(3, n) if kind == "heavy tails" else rng.normal(size=n)
    if kind == "drift":
        steps += rng.uniform(0.05, 0.2)
    if kind == "stock":
        return np.asarray(100 * np.exp(0.01 * np.cumsum(steps)))
    return np.asarray(np.cumsum(steps))


def cycle(rng: np.random.Generator, n: int = 400) -> Doubles:
    """AR(2) with a period of 8 steps."""
    y = np.zeros(n)
    noise = rng.normal(size=n)
    for t in range(2, n):
        y[t] = 1.9 * 0.95 * np.cos(np.pi / 4) * y[t - 1] - 0.9 * y[t - 2] + noise[t]
    return y


def ar(y: Doubles, order: int, train: int) -> tuple[Doubles, Doubles]:
    """Truth and one-step forecasts of a least-squares autoregression, trained on the start."""
    rows = np.array([np.r_[1.0, y[t - order : t]] for t in range(order, len(y))])
    weights = np.linalg.lstsq(rows[: train - order], y[order:train], rcond=None)[0]
    return y[train:], rows[train - order :] @ weights


@pytest.mark.parametrize(
    "y",
    [
        walk(np.random.default_rng(1), "plain"),
        walk(np.random.default_rng(2), "drift"),
        np.sin(np.arange(100) / 3),
        np.arange(30.0) ** 2,
        np.tile([1.0, 5.0, 2.0, 7.0], 10),
        np.random.default_rng(3).normal(size=60),
        1e12 + walk(np.random.default_rng(4), "plain"),
        1e300 * np.sin(np.arange(50.0)),
        1e-300 * np.sin(np.arange(50.0)),
    ],
)
def test_naive_itself_is_flagged_on_whatever_series(y: Doubles) -> None:
    found = lag_diagnosis(y[1:], y[:-1])
    assert found.copies_past
    assert found.lag == 1
    assert found.skill == pytest.approx(0, abs=1e-9)
    assert found.copied_share == pytest.approx(1)


def test_rounding_that_happens_to_point_the_right_way_is_no_foresight() -> None:
    y = walk(np.random.default_rng(1), "plain")
    found = lag_diagnosis(y[1:], y[:-1] + 1e-6 * np.diff(y))
    assert found.foresees
    assert found.copies_past


@pytest.mark.parametrize("shift", [2, 3, 7])
def test_a_copy_of_an_older_value_is_flagged_with_its_shift(shift: int) -> None:
    y = walk(np.random.default_rng(shift), "plain")
    found = lag_diagnosis(y[shift:], y[:-shift])
    assert (found.lag, found.copies_past, found.copied_share) == (shift, True, 1)
    assert f"shifted by {shift} steps" in found.text
    assert found.skill < 0


def test_the_truth_itself_is_not_flagged() -> None:
    y = walk(np.random.default_rng(0), "plain")
    found = lag_diagnosis(y, y)
    assert (found.lag, found.copies_past, found.skill, found.beats_naive) == (0, False, 1, True)


@pytest.mark.parametrize("period", [4, 8])
def test_of_shifts_that_are_alike_the_smallest_is_told(period: int) -> None:
    y = np.sin(np.arange(80) * 2 * np.pi / period)
    assert lag_diagnosis(y, y).lag == 0
    assert lag_diagnosis(y[1:], y[:-1]).lag == 1


def test_a_seasonal_copy_with_skill_is_not_flagged() -> None:
    rng = np.random.default_rng(0)
    y = 10 * np.tile(rng.normal(size=7), 20) + rng.normal(size=140)
    found = lag_diagnosis(y[7:], y[:-7])
    assert found.lag == 7
    assert not found.copies_past
    assert found.skill > 0.5


def share_flagged(make: Callable[[np.random.Generator], tuple[Doubles, Doubles]]) -> float:
    rngs = [np.random.default_rng([9, i]) for i in range(100)]
    return float(np.mean([lag_diagnosis(*make(rng)).copies_past for rng in rngs]))


@pytest.mark.parametrize("kind", ["plain", "drift", "heavy tails", "stock"])
def test_what_wanders_about_the_last_value_of_a_random_walk_is_flagged(kind: str) -> None:
    def near_naive(rng: np.random.Generator) -> tuple[Doubles, Doubles]:
        y = walk(rng, kind)
        moves = np.convolve(rng.normal(size=len(y) + 2), np.ones(4) / 2, "valid")
        return y[1:], y[:-1] + rng.uniform(0, 0.3) * np.diff(y).std() * moves

    assert share_flagged(near_naive) >= 0.95


@pytest.mark.parametrize("kind", ["plain", "drift", "heavy tails", "stock"])
def test_an_autoregression_on_a_random_walk_is_flagged(kind: str) -> None:
    assert share_flagged(lambda rng: ar(walk(rng, kind, 400), 3, 250)) >= 0.93


def noisy_sine(rng: np.random.Generator) -> Doubles:
    turn = 2 * np.pi / rng.uniform(6, 30)
    return np.asarray(np.sin(turn * np.arange(300)) + rng.uniform(0, 0.3) * rng.normal(size=300))


def seasonal(rng: np.random.Generator) -> Doubles:
    t = np.arange(240)
    return np.asarray(0.1 * t + 5 * np.tile(rng.normal(size=12), 20) + rng.normal(size=240))


@pytest.mark.parametrize("make", [noisy_sine, seasonal, cycle])
def test_what_foresees_sines_seasons_and_cycles_is_not_flagged(
    make: Callable[[np.random.Generator], Doubles],
) -> None:
    assert share_flagged(lambda rng: ar(make(rng), 12, 180)) <= 0.05


def test_a_weak_but_real_edge_is_not_flagged() -> None:
    """Near the last value, a few per cent better at most, and mostly the right way."""

    def shrunken(rng: np.random.Generator) -> tuple[Doubles, Doubles]:
        y = cycle(rng, 260) + 3 * rng.normal(size=260)
        truth, forecast = ar(y, 12, 200)
        last = y[199:-1]
        return truth, last + 0.1 * (forecast - last)

    assert share_flagged(shrunken) <= 0.05


def test_foresight_that_noise_eats_up_is_no_copy_though_squared_errors_show_no_skill() -> None:
    def noisy(rng: np.random.Generator) -> tuple[Doubles, Doubles]:
        y = walk(rng, "plain", 400)
        return y[1:], y[:-1] + 0.2 * np.diff(y) + 0.55 * rng.normal(size=399)

    found = lag_diagnosis(*noisy(np.random.default_rng(0)))
    assert (found.lag, found.beats_naive, found.foresees) == (1, False, True)
    assert "foresees some of the rises and falls" in found.text
    assert share_flagged(noisy) <= 0.05


def test_a_forecast_that_moves_the_wrong_way_is_no_copy() -> None:
    y = walk(np.random.default_rng(0), "plain")
    found = lag_diagnosis(y[1:], y[:-1] - 1.5 * np.diff(y))
    assert found.lag == 1
    assert not found.copies_past
    assert found.skill == pytest.approx(-1.5)


def test_the_mean_of_past_seasons_is_as_near_to_the_truth_as_to_the_season_before() -> None:
    rng = np.random.default_rng(0)
    y = (3 * rng.normal(size=7) + rng.normal(size=(60, 7))).ravel()
    means = np.mean([y[7 * i : len(y) - 7 * (9 - i)] for i in range(9)], axis=0)
    assert lag_diagnosis(y[63:], means).lag == 0


def test_a_forecast_that_is_bad_but_no_copy_is_not_called_one() -> None:
    rng = np.random.default_rng(0)
    y = walk(rng, "plain")
    found = lag_diagnosis(y, 20 * rng.normal(size=len(y)))
    assert not found.copies_past
    assert found.skill < -1
    assert "no better than repeating" in found.text


def test_networks_on_random_walks_are_flagged_and_on_a_sine_not() -> None:
    def diagnosed(model: gatecast.LSTM, y: Doubles) -> LagDiagnosis:
        model.fit(y[:140])
        context = model.context_length_
        return lag_diagnosis(y[140:], model.predict_point_by_point(y[140 - context :]))

    kinds = ["plain", "drift", "heavy tails", "stock", "plain"]
    found = []
    for seed, kind in enumerate(kinds):
        y = 100 + walk(np.random.default_rng(seed), kind, 200)
        window_normalised = gatecast.LSTM.tutorial(normalise_window=True, epochs=100, seed=seed)
        default = gatecast.LSTM(h=1, epochs=20, hidden_size=32, context_length=20, seed=seed)
        found += [diagnosed(window_normalised, y), diagnosed(default, y)]
    near = [one for one in found if abs(one.skill) <= 0.05]
    assert len(near) >= 4
    assert all(one.copies_past for one in near)
    default = gatecast.LSTM(h=1, epochs=20, hidden_size=32, context_length=20)
    assert not diagnosed(default, np.sin(np.arange(200) / 3)).copies_past


def test_shifting_and_scaling_the_series_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    y, f = ar(cycle(rng), 1, 200)
    one, other = lag_diagnosis(y, f), lag_diagnosis(1e6 - 1e3 * y, 1e6 - 1e3 * f)
    assert (one.lag, one.copies_past) == (other.lag, other.copies_past)
    assert one.skill == pytest.approx(other.skill)


def test_missing_pairs_are_dropped_and_never_bridged() -> None:
    y = walk(np.random.default_rng(0), "plain", 40)
    truth, forecast = y[1:].copy(), y[:-1].copy()
    truth[10], forecast[20] = np.nan, np.nan
    found = lag_diagnosis(truth, forecast)
    # The first has no value before it; the gap costs itself and its successor.
    assert found.n == 39 - 1 - 2 - 1
    assert found.copies_past


def test_a_short_list_works_and_says_what_it_needs_when_it_is_too_short() -> None:
    y = walk(np.random.default_rng(0), "plain", 12)
    assert lag_diagnosis(y[1:], y[:-1]).n == 10
    with pytest.raises(DataError, match="at least 11 pairs"):
        lag_diagnosis(y[2:], y[1:-1])
    with pytest.raises(DataError, match="at least 11 pairs"):
        lag_diagnosis([], [])
    with pytest.raises(DataError, match="at least 11 pairs"):
        lag_diagnosis([np.nan] * 50, [1.0] * 50)


@pytest.mark.parametrize(
    ("y", "f", "said"),
    [
        ([1.0, 2.0], [1.0], "the same length"),
        ([[1.0, 2.0]], [[1.0, 2.0]], "the same length"),
        (1.0, 1.0, "the same length"),
        (["a", "b"], [1.0, 2.0], "lists of numbers"),
        (None, [1.0], "the same length"),
        ([1.0, np.inf], [1.0, 2.0], "infinite"),
        ([3.0] * 30, [3.0] * 30, "never changes"),
        ([3.0] * 30, list(range(30)), "never changes"),
    ],
)
def test_what_cannot_be_diagnosed_is_refused(y: object, f: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        lag_diagnosis(y, f)  # type: ignore[arg-type]


def test_an_absurd_forecast_is_bad_and_finite() -> None:
    y = walk(np.random.default_rng(0), "plain", 40)
    found = lag_diagnosis(y, np.full(40, 1e308))
    assert np.isfinite(found.skill)
    assert not found.copies_past


def test_series_are_pooled_whatever_their_scale_and_length() -> None:
    rng = np.random.default_rng(0)
    short = [size * walk(rng, "plain", 6 + i) for i, size in enumerate([1, 1e6, 1e-6, 10])]
    assert diagnose_lag([(y[1:], y[:-1]) for y in short]).copies_past
    cycles = [size * cycle(rng, 60) for size in (1.0, 1e6)]
    constant = (np.ones(30), np.ones(30))
    found = diagnose_lag([*(ar(y, 2, 40) for y in cycles), constant])
    assert not found.copies_past
    assert found.n == 2 * 19
    assert found.skill > 0.2


def test_many_series_at_one_time_are_one_observation() -> None:
    """Walks that move together, and forecasts that move together: luck for one is luck for all."""

    def together(rng: np.random.Generator) -> list[tuple[Doubles, Doubles]]:
        common, moves = rng.normal(size=40), 0.2 * rng.normal(size=40)
        own = 0.3 * rng.normal(size=(30, 40))
        y = np.cumsum(common + own, axis=1)
        return [(row[1:], row[:-1] + moves[1:]) for row in y]

    flagged = [diagnose_lag(together(np.random.default_rng(i))).copies_past for i in range(100)]
    assert np.mean(flagged) >= 0.95


def test_the_words_are_those_of_the_finding_in_both_languages() -> None:
    y = walk(np.random.default_rng(0), "plain")
    copy = lag_diagnosis(y[1:], y[:-1])
    assert copy.text == copy.say("en")
    assert "truth shifted by one step" in copy.text
    assert copy.say("zh").endswith("真实曲线向后平移一步，并不比直接重复上一个值更好。")
    good = lag_diagnosis(*ar(cycle(np.random.default_rng(0)), 2, 200))
    assert f"is {100 * good.skill:.0f} % below" in good.text
    assert f"小 {100 * good.skill:.0f} %" in good.say("zh")
    with pytest.raises(ConfigError, match="lang"):
        good.say("fr")
