"""Metrics against their definitions, worked by hand, and against M4's published scores."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from gatecast.evaluation.metrics import (
    coverage,
    interval_score,
    mae,
    mase,
    mase_scale,
    msis,
    owa,
    pinball,
    quantile_losses,
    rmse,
    rmsse,
    rmsse_scale,
    skill,
    smape,
    width,
    wql,
)
from gatecast.models.baselines import naive2
from gatecast.panel import from_any

NAN = np.nan


def test_smape_is_m4_s() -> None:
    y, f = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[2.0, 2.0], [0.0, 1.0]])
    expected = [(200 * 1 / 3 + 0) / 2, (0 + 200 * 2 / 2) / 2]
    np.testing.assert_allclose(smape(y, f), expected)


def test_mase_scales_by_the_seasonal_naive_in_sample() -> None:
    history = from_any([1.0, 5.0, 2.0, 7.0])
    y, f = np.array([[3.0, 9.0]]), np.array([[2.0, 7.0]])
    np.testing.assert_allclose(mase(y, f, history, 2), 1.5 / 1.5)
    np.testing.assert_allclose(mase(y, f, history, 1), 1.5 / ((4 + 3 + 5) / 3))


def test_a_series_of_one_season_at_most_is_measured_against_its_last_value() -> None:
    history = from_any([1.0, 5.0, 2.0, 7.0])
    np.testing.assert_allclose(mase_scale(history, 4), (4 + 3 + 5) / 3)
    np.testing.assert_allclose(mase_scale(history, 3), 6.0)
    np.testing.assert_allclose(mase_scale(history, 2, np.array([2])), 4.0)
    assert np.isnan(mase_scale(history, 2, np.array([1])))[0]


def test_rmsse_scales_by_the_root_of_squares() -> None:
    history = from_any([1.0, 5.0, 2.0, 7.0])
    y, f = np.array([[3.0, 9.0]]), np.array([[2.0, 7.0]])
    np.testing.assert_allclose(rmsse(y, f, history, 1), np.sqrt((1 + 4) / 2 / ((16 + 9 + 25) / 3)))
    np.testing.assert_allclose(rmsse_scale(history, 2), np.sqrt((1 + 4) / 2))


def test_when_the_history_is_constant_mase_is_undefined_and_rmse_is_not() -> None:
    history, y, f = from_any([4.0, 4.0, 4.0]), np.array([[4.0]]), np.array([[5.0]])
    assert np.isnan(mase(y, f, history, 1))[0]
    assert np.isnan(rmsse(y, f, history, 1))[0]
    np.testing.assert_allclose(rmse(y, f), 1.0)


@pytest.mark.parametrize("season_length", [1, 3])
def test_a_scale_at_a_cutoff_is_that_of_the_history_cut_there(season_length: int) -> None:
    rng = np.random.default_rng(0)
    values = [rng.normal(size=n) * 10.0**k for n, k in ((30, 0), (17, 6), (9, -6))]
    values[0][[4, 11]] = NAN
    parts = [
        pd.DataFrame({"unique_id": k, "ds": range(len(y)), "y": y}) for k, y in enumerate(values)
    ]
    panel = from_any(pd.concat(parts))
    seen = np.array([[30, 17, 9], [12, 5, 2], [3, 2, 1], [1, 4, 8]])
    for scale in (mase_scale, rmsse_scale):
        at_once = scale(panel, season_length, seen)
        for k, s in np.ndindex(seen.shape):
            alone = scale(from_any(values[s][: seen[k, s]]), season_length)
            np.testing.assert_allclose(at_once[k, s], alone[0], rtol=1e-13)
        np.testing.assert_array_equal(at_once[0], scale(panel, season_length))


def test_a_scale_never_sees_what_comes_after_its_cutoff() -> None:
    y = np.random.default_rng(1).normal(size=40)
    poisoned = np.where(np.arange(40) < 30, y, 1e6)
    for scale in (mase_scale, rmsse_scale):
        at = np.array([30])
        clean = scale(from_any(y), 4, at)
        np.testing.assert_allclose(scale(from_any(poisoned), 4, at), clean, rtol=1e-9)


def test_pinball_by_hand() -> None:
    y, f = np.array([[10.0, 10.0]]), np.array([[8.0, 13.0]])
    np.testing.assert_allclose(quantile_losses(y, f, 0.9), [[0.9 * 2, 0.1 * 3]])
    np.testing.assert_allclose(pinball(y, f, 0.9), [(1.8 + 0.3) / 2])
    np.testing.assert_allclose(pinball(y, f, 0.5), mae(y, f) / 2)
    both = np.stack([f, f + 1], axis=-1)
    alone = [pinball(y, f, 0.1), pinball(y, f + 1, 0.9)]
    np.testing.assert_allclose(pinball(y, both, (0.1, 0.9)), np.mean(alone, axis=0))


def test_wql_is_a_ratio_of_sums_and_of_the_median_the_weighted_absolute_error() -> None:
    y, f = np.array([[10.0, -2.0]]), np.array([[8.0, 1.0]])
    np.testing.assert_allclose(wql(y, f, 0.5), [(2 + 3) / (10 + 2)])
    np.testing.assert_allclose(wql(y, f, 0.9), [2 * (0.9 * 2 + 0.1 * 3) / 12])
    assert np.isnan(wql(np.zeros((1, 2)), f, 0.5))[0]  # a share of nothing


def test_the_true_quantile_has_the_least_pinball_loss() -> None:
    y = np.random.default_rng(2).normal(size=20_000)
    offered = np.linspace(-3, 3, 241)
    for q, true in ((0.1, -1.2816), (0.5, 0.0), (0.9, 1.2816)):
        losses = [pinball(y, np.full_like(y, x), q) for x in offered]
        assert abs(offered[np.argmin(losses)] - true) < 0.06


def test_intervals_by_hand() -> None:
    y = np.array([[1.0, 5.0, -1.0, 2.0]])
    lo, hi = np.zeros((1, 4)), np.full((1, 4), 2.0)
    np.testing.assert_allclose(coverage(y, lo, hi), [0.5])  # the end belongs to it
    np.testing.assert_allclose(width(lo, hi), [2.0])
    score = (4 * 2.0 + 2 / 0.2 * 3 + 2 / 0.2 * 1) / 4
    np.testing.assert_allclose(interval_score(y, lo, hi, 0.2), [score])
    np.testing.assert_allclose(msis(y, lo, hi, np.array([4.0]), 0.2), [score / 4])


def test_the_interval_of_true_quantiles_has_the_least_score() -> None:
    y = np.random.default_rng(3).normal(size=20_000)
    halves = np.linspace(0.5, 3, 101)
    scores = [interval_score(y, np.full_like(y, -x), np.full_like(y, x), 0.1) for x in halves]
    assert abs(halves[np.argmin(scores)] - 1.645) < 0.06


def test_skill_and_owa_by_hand() -> None:
    np.testing.assert_allclose(skill(np.array([0.5, 2.0]), 1.0), [0.5, -1.0])
    assert np.isnan(skill(1.0, 0.0))
    # averages are divided: (2 / 3 + 6 / 4) / 2, not an average of 1 / 1, 3 / 5
    smapes, mases = np.array([1.0, 3.0]), np.array([4.0, 8.0])
    value = owa(smapes, mases, np.array([1.0, 5.0]), np.array([4.0, 4.0]))
    np.testing.assert_allclose(value, (2 / 3 + 6 / 4) / 2)


def test_owa_reproduces_a_published_row_of_m4() -> None:
    """Theta, hourly: sMAPE 18.138, MASE 2.455; Naive2: 18.383, 2.395; OWA 1.006."""
    one = [np.array([x]) for x in (18.138, 2.455, 18.383, 2.395)]
    np.testing.assert_allclose(owa(*one), 1.0058623305979464, rtol=1e-12)


Y = np.array([[1.0, NAN, 3.0], [NAN, NAN, NAN]])
LO, HI = np.zeros((2, 3)), np.full((2, 3), 2.0)
SIMPLE = {
    "mae": lambda y: mae(y, HI),
    "rmse": lambda y: rmse(y, HI),
    "smape": lambda y: smape(y, HI),
    "pinball": lambda y: pinball(y, HI, 0.3),
    "pinball of several": lambda y: pinball(y, np.stack([LO, HI], axis=-1), (0.1, 0.9)),
    "wql": lambda y: wql(y, HI, 0.3),
    "coverage": lambda y: coverage(y, LO, HI),
    "interval score": lambda y: interval_score(y, LO, HI, 0.1),
}


@pytest.mark.parametrize("name", SIMPLE)
def test_steps_without_truth_are_left_out_and_only_where_all_are_is_the_score_missing(
    name: str,
) -> None:
    full = np.array([[1.0, 1.0, 3.0]])  # the middle is what is left out
    some, none = SIMPLE[name](Y)
    assert np.isnan(none)
    metric, kept = SIMPLE[name], [0, 2]
    lo, hi = LO[:1, kept], HI[:1, kept]
    expected = {
        "mae": lambda y: mae(y, hi),
        "rmse": lambda y: rmse(y, hi),
        "smape": lambda y: smape(y, hi),
        "pinball": lambda y: pinball(y, hi, 0.3),
        "pinball of several": lambda y: pinball(y, np.stack([lo, hi], axis=-1), (0.1, 0.9)),
        "wql": lambda y: wql(y, hi, 0.3),
        "coverage": lambda y: coverage(y, lo, hi),
        "interval score": lambda y: interval_score(y, lo, hi, 0.1),
    }[name](full[:, kept])
    np.testing.assert_allclose(some, expected[0])
    assert np.isfinite(metric(np.ones((2, 3)))).all()


def test_any_axes_may_stand_before_the_steps() -> None:
    rng = np.random.default_rng(4)
    y, f = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5))
    history = from_any(rng.normal(size=(4, 20)))
    for metric in (mae, rmse, smape):
        assert metric(y, f).shape == (2, 3, 4)
        np.testing.assert_allclose(metric(y, f)[1, 2], metric(y[1, 2], f[1, 2]))
    for scaled in (mase, rmsse):
        np.testing.assert_allclose(
            scaled(y, f, history, 4)[1, 2], scaled(y[1, 2], f[1, 2], history, 4)
        )
    assert pinball(y, np.stack([f, f, f], -1), (0.1, 0.5, 0.9)).shape == (2, 3, 4)


def test_values_whose_squares_would_overflow_have_finite_scores() -> None:
    y, f = np.array([[1e200, -1e200]]), np.array([[-1e200, 1e200]])
    np.testing.assert_allclose(rmse(y, f), 2e200)
    np.testing.assert_allclose(rmse(y / 1e200 * 1e-190, f / 1e200 * 1e-190), 2e-190)
    history = from_any([1e200, -1e200, 1e200])
    np.testing.assert_allclose(rmsse(y, f, history, 1), 1.0)


def m4(name: str) -> Path:
    folder = os.environ.get("GATECAST_DATA")
    if folder is None:
        pytest.skip("GATECAST_DATA does not say where the M4 series are")
    path = Path(folder) / f"m4_{name}"
    if not path.is_dir():
        pytest.skip(f"{path} does not exist")
    return path


@pytest.mark.parametrize(
    ("name", "season_length", "h", "smape_published", "mase_published"),
    [
        ("hourly", 24, 48, 18.383, 2.395),
        ("weekly", 1, 13, 9.161, 2.777),
        ("yearly", 1, 6, 16.342, 3.974),
    ],
)
def test_naive2_has_its_published_m4_scores(
    name: str, season_length: int, h: int, smape_published: float, mase_published: float
) -> None:
    folder = m4(name)
    history = from_any(pd.read_parquet(folder / "train.parquet"))
    test = pd.read_parquet(folder / "test.parquet")
    place = {series: i for i, series in enumerate(history.ids)}
    y: NDArray[np.float64] = np.full((history.n_series, h), NAN)
    y[test["unique_id"].map(place), test["ds"] - 1] = test["y"]
    assert not np.isnan(y).any()
    forecast = naive2(history, h, season_length)
    scores = smape(y, forecast), mase(y, forecast, history, season_length)
    assert round(float(scores[0].mean()), 3) == smape_published
    assert round(float(scores[1].mean()), 3) == mase_published
    assert owa(*scores, *scores) == 1
