"""Baselines against slow versions of their definitions."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from gatecast.models.baselines import drift, naive, naive2, seasonal_naive
from gatecast.panel import Panel, from_any

NAN = np.nan
Doubles = NDArray[np.float64]


def panel_of(*series: Doubles) -> Panel:
    parts = [
        pd.DataFrame({"unique_id": k, "ds": range(len(y)), "y": y}) for k, y in enumerate(series)
    ]
    return from_any(pd.concat(parts, ignore_index=True))


def seasonal(n: int, m: int, seed: int, *, level: float = 50.0, size: float = 20.0) -> Doubles:
    rng = np.random.default_rng(seed)
    return level + size * np.sin(2 * np.pi * np.arange(n) / m) + rng.normal(0, 2, n)


def test_baselines_on_series_of_unequal_length() -> None:
    df = pd.DataFrame(
        {"unique_id": list("aaaaab"), "ds": [1, 2, 3, 4, 5, 1], "y": [1.0, 2, 3, 4, 5, 9]}
    )
    panel = from_any(df)
    np.testing.assert_array_equal(naive(panel, 2), [[5, 5], [9, 9]])
    expected = [[3, 4, 5, 3, 4], [9, 9, 9, 9, 9]]  # the second is shorter than a season
    np.testing.assert_array_equal(seasonal_naive(panel, 5, 3), expected)
    np.testing.assert_array_equal(drift(panel, 2), [[6, 7], [9, 9]])
    np.testing.assert_array_equal(naive2(panel, 2, 3), [[5, 5], [9, 9]])


def test_baselines_never_repeat_a_gap() -> None:
    """The part before a hold-out may end in one, however long it is."""
    history, _ = from_any([1.0, 2.0, 3.0, *[NAN] * 20, 4.0]).drop_last(1)
    np.testing.assert_array_equal(naive(history, 2), [[3, 3]])
    np.testing.assert_array_equal(seasonal_naive(history, 4, 3), [[3, 3, 3, 3]])
    np.testing.assert_array_equal(naive2(history, 2, 3), [[3, 3]])


def test_drift_goes_on_along_its_line_through_gaps() -> None:
    np.testing.assert_allclose(drift(from_any([2.0, NAN, 9.0, 8.0]), 2), [[10, 12]])
    history, _ = from_any([1.0, 2.0, 3.0, NAN, NAN, 4.0]).drop_last(1)
    np.testing.assert_allclose(drift(history, 2), [[6, 7]])  # two steps lie before the first


def oracle(y: Doubles, h: int, m: int) -> Doubles:
    """Naive2 of one complete, positive series, as M4's R code does it, loop by loop."""
    n, mean = len(y), y.mean()
    last = y[-1]
    if m < 2 or n < 3 * m:
        return np.full(h, last)
    covariance = [
        sum((y[t] - mean) * (y[t - k] - mean) for t in range(k, n)) / n for k in range(m + 1)
    ]
    r = [c / covariance[0] for c in covariance]
    limit = 1.645 / np.sqrt(n) * np.sqrt(1 + 2 * sum(x**2 for x in r[1:m]))
    if not abs(r[m]) > limit:
        return np.full(h, last)
    weights = np.ones(m) / m if m % 2 else np.r_[0.5, np.ones(m - 1), 0.5] / m
    half = len(weights) // 2
    ratios: list[list[float]] = [[] for _ in range(m)]
    for t in range(half, n - half):
        ratios[t % m].append(y[t] / (y[t - half : t + half + 1] @ weights))
    index = np.array([np.mean(x) for x in ratios])
    index /= index.mean()
    return np.array([last / index[(n - 1) % m] * index[(n + k) % m] for k in range(h)])


@pytest.mark.parametrize("m", [2, 4, 7, 12])
def test_naive2_is_the_same_as_the_definition_step_by_step(m: int) -> None:
    rng = np.random.default_rng(m)
    series = [seasonal(n, m, seed=n, size=size) for n, size in ((3 * m, 20), (61, 5), (90, 1))]
    series += [seasonal(5 * m + 1, m, seed=9, level=1e6, size=4e5), rng.uniform(1, 2, 80)]
    series += [np.cumsum(rng.uniform(0, 1, 70)) + 5, seasonal(3 * m - 1, m, seed=1)]
    panel, h = panel_of(*series), 2 * m + 3
    expected = np.array([oracle(y, h, m) for y in series])
    np.testing.assert_allclose(naive2(panel, h, m), expected, rtol=1e-12)
    adjusted = np.ptp(expected, axis=1) > 0
    assert adjusted.any()
    assert not adjusted.all()


def test_the_first_autocorrelation_counts_squared() -> None:
    """Unsquared, as in another version of the benchmark, this series would not be seasonal."""
    y = 10 + 0.4 * np.arange(20) + np.tile([0.0, 2.0, 4.0, 2.0], 5)
    panel = from_any(y)
    z = y - y.mean()
    r = [z[k:] @ z[: len(z) - k] / (z @ z) for k in range(5)]
    size = 1.645 / np.sqrt(len(y))
    squared = size * np.sqrt(1 + 2 * (r[1] ** 2 + r[2] ** 2 + r[3] ** 2))
    unsquared = size * np.sqrt(1 + 2 * (r[1] + r[2] ** 2 + r[3] ** 2))
    assert squared < abs(r[4]) < unsquared
    assert np.ptp(naive2(panel, 4, 4)) > 0


def test_naive2_repeats_an_exact_season_exactly() -> None:
    y = np.tile([2.0, 3.0, 7.0, 4.0], 6)
    np.testing.assert_allclose(naive2(from_any(y), 5, 4), [[2, 3, 7, 4, 2]])
    np.testing.assert_allclose(naive2(from_any(y[:-1]), 5, 4), [[4, 2, 3, 7, 4]])


def test_where_values_are_not_positive_naive2_adds_its_indices() -> None:
    y = np.tile([-3.0, 0.0, 5.0, -1.0], 6)
    np.testing.assert_allclose(naive2(from_any(y), 5, 4), [[-3, 0, 5, -1, -3]])
    np.testing.assert_allclose(naive2(from_any(np.zeros(20)), 2, 4), [[0, 0]])
    season = np.array([-3.0, 0.0, 5.0, -2.0])
    rising = 0.1 * np.arange(24) - 1 + np.tile(season, 6)
    expected = rising[-1] - season[-1] + season
    np.testing.assert_allclose(naive2(from_any(rising), 4, 4), [expected])


def test_naive2_leaves_gaps_out_of_its_averages() -> None:
    y = np.tile([2.0, 3.0, 7.0, 4.0], 8)
    y[[5, 14, 15]] = NAN
    np.testing.assert_allclose(naive2(from_any(y), 4, 4), [[2, 3, 7, 4]])
    # where a phase is missing throughout there is no index, and the last value is repeated
    y = np.where(np.arange(40) % 4 == 2, NAN, np.tile([2.0, 3.0, 7.0, 4.0], 10))
    np.testing.assert_array_equal(naive2(from_any(y), 3, 4), [[4, 4, 4]])


def test_a_history_that_ends_in_a_gap_keeps_its_phase() -> None:
    y = np.tile([2.0, 3.0, 7.0, 4.0], 8)
    history, _ = from_any([*y, NAN, NAN, 7.0]).drop_last(1)
    np.testing.assert_allclose(naive2(history, 4, 4), [[7, 4, 2, 3]])


@pytest.mark.parametrize("size", [1e-300, 1e-100, 1e100, 1e300])
def test_no_size_of_values_makes_a_baseline_infinite_or_another(size: float) -> None:
    y = seasonal(60, 4, seed=5)
    for model in (lambda p: naive(p, 4), lambda p: drift(p, 4), lambda p: naive2(p, 4, 4)):
        np.testing.assert_allclose(model(from_any(y * size)) / size, model(from_any(y)), rtol=1e-9)


def test_a_series_is_forecast_as_it_is_alone() -> None:
    series = [seasonal(40, 4, seed=k) * 10.0 ** (k * 3) for k in range(5)]
    series[2][7] = NAN
    together = naive2(panel_of(*series), 6, 4)
    for k, y in enumerate(series):
        np.testing.assert_array_equal(together[k], naive2(from_any(y), 6, 4)[0])


def test_thousands_of_short_series_take_a_moment() -> None:
    rng = np.random.default_rng(0)
    panel = from_any(rng.uniform(1, 2, size=(23_000, 30)))
    start = time.perf_counter()
    naive2(panel, 6, 4)
    drift(panel, 6)
    assert time.perf_counter() - start < 3
