"""Intervals against what they promise: how often they contain the truth, and how they are made."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gatecast import artifact
from gatecast.errors import ConfigError
from gatecast.intervals import Calibration, calibrate, prequential, t_quantile

QUANTILES = (0.05, 0.1, 0.5, 0.9, 0.95)
NORMAL = np.array([-1.644854, -1.281552, 0.0, 1.281552, 1.644854])


def point(residuals: np.ndarray, **settings: Any) -> Calibration:
    """Calibrate forecasts of 0 with residuals ``[K, S, h]`` and spreads of 1."""
    settings = {"step_size": residuals.shape[2]} | settings
    spread = np.ones(residuals.shape[:2])
    return calibrate(residuals, np.zeros((*residuals.shape, 1)), (), spread, **settings)


def covered(calibration: Calibration, level: float, truth: np.ndarray) -> np.ndarray:
    """How often truths ``[S, h]`` lie within intervals around 0, at each step."""
    lo, hi = calibration.interval(level, np.zeros((*truth.shape, 1)), np.ones(len(truth)))
    return ((truth >= lo) & (truth <= hi)).mean(axis=0)


def width(calibration: Calibration, level: float) -> np.ndarray:
    lo, hi = calibration.interval(level, np.zeros((1, calibration.h, 1)), np.ones(1))
    return (hi - lo)[0]


# Quantiles of Student's t


@pytest.mark.parametrize(
    ("p", "df", "expected"),
    [
        (0.975, 1, 12.706204736174694),
        (0.975, 5, 2.570581835636314),
        (0.995, 3, 5.840909309733356),
        (0.95, 30, 1.697260886593957),
        (0.9995, 3, 12.923978636687485),
        (0.99995, 1, math.tan(math.pi * 0.49995)),
        (0.6, 2, 0.2 / math.sqrt(2 * 0.6 * 0.4)),
        (0.975, 1e7, 1.959964),
        (0.5, 7, 0.0),
    ],
)
def test_quantiles_of_student_s_t_are_those_of_tables(p: float, df: float, expected: float) -> None:
    np.testing.assert_allclose(t_quantile(p, df), expected, rtol=1e-6)
    np.testing.assert_allclose(t_quantile(1 - p, df), -expected, rtol=1e-6)


def test_quantiles_of_student_s_t_invert_the_integral_of_the_density_for_any_df() -> None:
    df = 3.7
    width = float(t_quantile(0.95, df)) / 20000
    x = (np.arange(20000) + 0.5) * width
    factor = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    assert abs((factor * (1 + x**2 / df) ** (-(df + 1) / 2)).sum() * width - 0.45) < 1e-8


# Coverage


@pytest.mark.parametrize(
    ("n", "level", "expected"),
    # Both tails need ceil((n + 1)(1 - a / 2)) <= n; else the rank is that of absolute residuals.
    [(19, 90, 0.9), (39, 95, 0.95), (30, 80, 25 / 31), (9, 90, 0.9), (12, 85, 12 / 13)],
)
def test_split_conformal_covers_exactly_what_ranks_say(
    n: int, level: float, expected: float
) -> None:
    rng = np.random.default_rng(n)
    found = []
    for _ in range(400):
        calibration = point(rng.standard_exponential((n, 1, 1)) - 1)
        assert calibration.method(level) == "conformal"
        lo, hi = calibration.interval(level, np.zeros((1, 1, 1)), np.ones(1))
        # The chance that the next exponential number lies between, known without drawing it.
        found.append(np.exp(-max(lo[0, 0] + 1, 0)) - np.exp(-(hi[0, 0] + 1)))
    assert abs(np.mean(found) - expected) < 4 * np.std(found) / math.sqrt(len(found))
    assert np.std(found) < 0.1


Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
KINDS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "of unequal width": lambda rng, shape: (
        rng.standard_normal(shape) * np.exp(rng.normal(0, 0.7, shape))
    ),
    "skewed": lambda rng, shape: rng.standard_exponential(shape) - 1,
    "growing": lambda rng, shape: rng.standard_normal(shape).cumsum(axis=2),
    "heavy tails": lambda rng, shape: rng.standard_t(3, shape).cumsum(axis=2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_90_percent_intervals_of_many_series_cover_88_to_92_percent(kind: str) -> None:
    rng = np.random.default_rng(1)
    truth = KINDS[kind](rng, (6, 1000, 12))
    by_step = covered(point(truth[:4]), 90, truth[4])
    assert 0.88 < by_step.mean() < 0.92
    assert by_step.min() > 0.86
    assert by_step.max() < 0.94


def test_skewed_residuals_have_lopsided_intervals_with_the_same_misses_on_both_sides() -> None:
    rng = np.random.default_rng(2)
    truth = rng.standard_exponential((5, 400, 3)) - 1
    lo, hi = point(truth[:4]).interval(90, np.zeros((400, 3, 1)), np.ones(400))
    assert (hi > -2 * lo).all()
    assert abs((truth[4] < lo).mean() - 0.05) < 0.025
    assert abs((truth[4] > hi).mean() - 0.05) < 0.025


@pytest.mark.parametrize(("windows", "step_size"), [(8, 6), (20, 1), (60, 1), (20, 6)])
@pytest.mark.parametrize("phi", [0.0, 0.7, 1.0])
def test_a_single_series_is_covered_although_its_windows_overlap(
    phi: float, windows: int, step_size: int
) -> None:
    rng, h, found, trials = np.random.default_rng(3), 6, np.zeros(6), 60
    cutoffs = np.arange(windows) * step_size + 30
    last = cutoffs[-1] + h
    for _ in range(trials):
        y = np.zeros(last + h)
        for t, shock in enumerate(rng.standard_normal(len(y))):
            y[t] = phi * y[t - 1] + shock
        ahead = np.arange(1, h + 1)
        residual = np.array([y[c : c + h] - y[c - 1] * phi**ahead for c in cutoffs])[:, None]
        truth = y[last:] - y[last - 1] * phi**ahead
        found += covered(point(residual, step_size=step_size), 90, truth[None])
    # The steps of a trial go together: the standard error is between 0.02 and 0.04.
    assert 0.83 < found.mean() / trials < 0.99


def test_overlapping_windows_of_a_single_series_count_for_fewer() -> None:
    rng = np.random.default_rng(4)
    y = rng.standard_normal(80).cumsum()
    paths = np.array([y[c : c + 12] - y[c - 1] for c in range(1, 61)])[:, None]
    honest, naive = point(paths, step_size=1), point(paths, step_size=12)
    assert honest.method(90) == "parametric"
    assert naive.method(90) == "conformal"
    assert (honest.effective[-1], honest.size[-1]) < (12, 60 * 9)
    assert width(honest, 90)[-1] > width(naive, 90)[-1]


def test_series_that_go_wrong_together_count_for_fewer_and_are_covered() -> None:
    rng, found, trials = np.random.default_rng(5), 0.0, 200
    for _ in range(trials):
        common, own = rng.standard_normal((4, 1, 2)), rng.standard_normal((4, 20, 2))
        residual = np.sqrt(0.9) * common + np.sqrt(0.1) * own
        found += covered(point(residual[:3]), 90, residual[3]).mean() / trials
    assert found > 0.88  # 0.77 if they counted in full
    alone = point(rng.standard_normal((3, 20, 2)))
    assert alone.effective.min() > 40


def test_residuals_are_pooled_in_units_of_each_series_spread() -> None:
    rng = np.random.default_rng(6)
    spread = np.exp(rng.normal(0, 2, 500))
    truth = rng.standard_normal((4, 500, 3)) * spread[:, None]
    outputs = np.zeros((500, 3, 1))
    calibration = calibrate(
        truth[:3], np.zeros((3, 500, 3, 1)), (), np.tile(spread, (3, 1)), step_size=3
    )
    lo, hi = calibration.interval(90, outputs, spread)
    wide = spread > np.median(spread)
    for half in (wide, ~wide):
        assert 0.86 < ((truth[3] >= lo) & (truth[3] <= hi))[half].mean() < 0.94


# Quantile models


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.8])
@pytest.mark.parametrize("level", [30, 80, 86, 90, 97])
def test_trained_quantiles_too_narrow_or_too_wide_are_put_right(level: int, factor: float) -> None:
    rng = np.random.default_rng(7)
    spread = np.exp(rng.normal(0, 1, 400))
    sigma = np.exp(rng.normal(0, 0.5, (5, 400, 4, 1))) * spread[:, None, None]
    truth = rng.standard_normal((5, 400, 4)) * sigma[..., 0]
    outputs = factor * sigma * NORMAL
    calibration = calibrate(truth[:4], outputs[:4], QUANTILES, np.tile(spread, (4, 1)), step_size=4)
    lo, hi = calibration.interval(level, outputs[4], spread)
    assert abs(((truth[4] >= lo) & (truth[4] <= hi)).mean() - level / 100) < 0.035
    if level == 90:
        # What is added is the spread times one number a step, but where 80 % reaches further.
        added = (outputs[4, ..., 0] - lo) / spread[:, None]
        assert (abs(added - np.median(added, axis=0)) < 1e-9).mean() > 0.9
        assert factor == 1 or (np.median(added) > 0) == (factor < 1)


def test_with_few_residuals_a_quantile_model_s_own_word_is_kept_if_it_is_wider() -> None:
    truth = np.full((1, 1, 2), 0.1)
    outputs = np.tile(NORMAL * 10, (1, 1, 2, 1))
    calibration = calibrate(truth, outputs, QUANTILES, np.ones((1, 1)), step_size=2)
    lo, hi = calibration.interval(90, outputs[0], np.ones(1))
    assert calibration.method(90) == "parametric"
    assert (lo <= outputs[0, ..., 0]).all()
    assert (hi >= outputs[0, ..., -1]).all()


# Shape


def backtests() -> dict[str, tuple[np.ndarray, np.ndarray, tuple[float, ...]]]:
    rng, found = np.random.default_rng(8), {}
    for windows, series in ((0, 2), (1, 1), (5, 1), (12, 3), (30, 40)):
        truth = (rng.standard_exponential((windows, series, 5)) - 0.3).cumsum(axis=2)
        found[f"point {windows} x {series}"] = truth, np.zeros((windows, series, 5, 1)), ()
        outputs = NORMAL * np.exp(rng.normal(size=(windows, series, 5, 1)))
        found[f"quantiles {windows} x {series}"] = truth, outputs, QUANTILES
    return found


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("kind", backtests())
def test_intervals_are_finite_nested_contain_the_point_and_survive_a_file(
    kind: str, adaptive: bool, tmp_path: Any
) -> None:
    truth, outputs, quantiles = backtests()[kind]
    spread = np.ones(truth.shape[:2])
    made = calibrate(truth, outputs, quantiles, spread, step_size=2, adaptive=adaptive)
    artifact.write(tmp_path / "a", made.arrays(), made.metadata())
    arrays, metadata = artifact.read(tmp_path / "a")
    read = Calibration.from_saved(metadata, arrays)
    rng = np.random.default_rng(9)
    next_ones = np.sort(rng.normal(size=(7, 5, max(1, len(quantiles)))), axis=2)
    units = np.exp(rng.normal(size=7))
    middle = next_ones[:, :, len(quantiles) // 2]
    lo_before = hi_before = middle
    for level in (0.01, 1, 25, 50, 66, 79.9, 80, 80.1, 88, 90, 90.01, 93, 95, 97, 99, 99.9, 99.999):
        lo, hi = made.interval(level, next_ones, units)
        assert np.isfinite([lo, hi]).all()
        assert (lo <= lo_before).all()
        assert (hi >= hi_before).all()
        np.testing.assert_array_equal(read.interval(level, next_ones, units), (lo, hi))
        assert read.notes_for(level, units) == made.notes_for(level, units)
        lo_before, hi_before = lo, hi
    assert (hi > lo).all()
    paths = made.simulate(5, next_ones, units, 3)
    np.testing.assert_array_equal(read.simulate(5, next_ones, units, 3), paths)


def test_widths_of_a_single_series_do_not_go_up_and_down_from_step_to_step() -> None:
    rng, drops, raw = np.random.default_rng(10), 0.0, 0.0
    for _ in range(20):
        paths = rng.standard_normal((30, 1, 12))
        growth = np.diff(np.log(width(point(paths), 90)))
        steps = np.diff(np.log([width(point(paths[..., j : j + 1]), 90)[0] for j in range(12)]))
        drops, raw = max(drops, -growth.min()), max(raw, -steps.min())
    assert drops < 0.2
    assert raw > 0.4  # each step by itself


def test_of_many_residuals_a_thousand_are_kept_and_any_level_is_still_served() -> None:
    residual = np.random.default_rng(11).standard_normal((20, 1000, 1))
    calibration = point(residual)
    assert calibration.sample.shape == (1, 1, 1000)
    lo, hi = calibration.interval(99.5, np.zeros((1, 1, 1)), np.ones(1))
    np.testing.assert_allclose(hi - lo, np.ptp(np.quantile(residual, [0.0025, 0.9975])), rtol=0.02)
    assert calibration.method(99.5) == "conformal"


# Few residuals, none, and series without any spread


def test_with_too_few_residuals_intervals_are_student_s_t_and_a_note_says_so() -> None:
    calibration = point(np.full((3, 1, 1), 2.0) * [[[1.0]], [[-1.0]], [[1.0]]])
    assert calibration.method(70) == "conformal"
    assert calibration.method(90) == "parametric"
    np.testing.assert_allclose(width(calibration, 90) / 2, 2 * t_quantile(0.95, 3))
    (note,) = calibration.notes_for(90)
    assert "3 in 3 windows" in note
    assert "Student's t" in note
    assert calibration.notes_for(70) == ()


def test_the_fallback_never_falls_with_the_step() -> None:
    rng = np.random.default_rng(12)
    for windows in (1, 2, 3):
        for _ in range(20):
            rises = np.diff(width(point(rng.standard_normal((windows, 1, 8))), 95))
            assert (rises >= -1e-12).all()


def test_one_tiny_residual_does_not_make_a_tiny_interval() -> None:
    assert width(point(np.full((1, 1, 1), 1e-9)), 90) > 1


def test_without_a_backtest_intervals_are_a_random_walk_s_and_a_note_says_so() -> None:
    calibration = point(np.empty((0, 2, 4)))
    lo, hi = calibration.interval(90, np.full((2, 4, 1), 7.0), np.array([1.0, 10.0]))
    sigma = math.sqrt(math.pi / 2) * np.sqrt(np.arange(1, 5))  # of steps of mean size 1
    np.testing.assert_allclose(hi - 7, t_quantile(0.95, 4) * np.outer([1, 10], sigma))
    np.testing.assert_allclose(7 - lo, hi - 7)
    assert calibration.method(50) == "parametric"
    assert "No residual" in calibration.notes[0]


def test_a_series_without_spread_has_an_interval_without_width_and_is_counted() -> None:
    rng = np.random.default_rng(13)
    truth, spread = rng.standard_normal((20, 4, 2)), np.ones((20, 4))
    truth[:, 1:3], spread[:, 1], spread[:, 2] = 5.0, 0.0, np.nan
    calibration = calibrate(truth, np.zeros((20, 4, 2, 1)), (), spread, step_size=2)
    lo, hi = calibration.interval(90, np.full((4, 2, 1), 5.0), spread[-1])
    np.testing.assert_array_equal(lo[1:3], 5)
    np.testing.assert_array_equal(hi[1:3], 5)
    assert (hi - lo)[[0, 3]].min() > 1
    assert "2 of 4 series" in calibration.notes[0]
    assert calibration.notes_for(90, spread[-1]) == calibration.notes  # not said twice
    assert "1 of 2 series" in calibration.notes_for(90, spread[-1, :2])[-1]
    assert (calibration.simulate(3, np.full((4, 2, 1), 5.0), spread[-1], 0)[:, 1:3] == 5).all()
    assert calibration.residuals == 80  # a constant's hits are no evidence about the others


def test_a_quantile_model_s_interval_has_no_width_either_where_there_is_no_spread() -> None:
    truth, outputs = np.zeros((20, 2, 2)), np.tile(NORMAL, (20, 2, 2, 1))
    spread = np.tile([1.0, 0.0], (20, 1))
    calibration = calibrate(truth, outputs, QUANTILES, spread, step_size=2)
    lo, hi = calibration.interval(90, outputs[0], spread[0])
    np.testing.assert_array_equal((hi - lo)[1], 0)


def test_missing_truths_are_left_out_of_their_step_only() -> None:
    rng = np.random.default_rng(14)
    truth = rng.standard_normal((50, 10, 3))
    truth[:, :, 2][rng.random((50, 10)) < 0.4] = np.nan
    calibration = point(truth)
    np.testing.assert_array_equal(calibration.size, np.isfinite(truth).sum(axis=(0, 1)))
    known = np.sort(truth[:, :, 2][np.isfinite(truth[:, :, 2])])
    _, hi = calibration.interval(90, np.zeros((1, 3, 1)), np.ones(1))
    rank = math.ceil((calibration.effective[2] + 1) * 0.95)
    assert abs(np.searchsorted(known, hi[0, 2]) - rank) <= 2


# Prequential


@pytest.mark.parametrize(("step_size", "ended"), [(4, 5), (2, 4), (1, 2), (7, 5)])
def test_no_truth_after_a_cutoff_touches_the_interval_made_at_it(
    step_size: int, ended: int
) -> None:
    rng = np.random.default_rng(15)
    truth, outputs = rng.standard_normal((9, 3, 4)), rng.standard_normal((9, 3, 4, 1))
    spread, k = np.ones((9, 3)), 5
    poisoned = truth.copy()
    for window in range(9):
        ahead = window * step_size + np.arange(1, 5)  # stamps, from the first cutoff on
        poisoned[window, :, ahead > k * step_size] = 1e6
    made, again = (
        prequential(y, outputs, (), spread, [90], step_size=step_size)[90]
        for y in (truth, poisoned)
    )
    for lo, lo_again in zip(made, again, strict=True):
        assert np.isfinite(lo[k]).all()
        np.testing.assert_array_equal(lo_again[: k + 1], lo[: k + 1])
        assert not np.array_equal(lo_again[-1], lo[-1])
    by_hand = calibrate(truth[:ended], outputs[:ended], (), spread[:ended], step_size=step_size)
    np.testing.assert_array_equal(
        (made[0][k], made[1][k]), by_hand.interval(90, outputs[k], spread[k])
    )


def test_before_any_window_has_ended_there_is_no_interval_unless_asked_for() -> None:
    truth, outputs, spread = np.ones((3, 1, 4)), np.zeros((3, 1, 4, 1)), np.ones((3, 1))
    lo, _ = prequential(truth, outputs, (), spread, [90], step_size=2)[90]
    np.testing.assert_array_equal(np.isnan(lo).all(axis=(1, 2)), [True, True, False])
    lo, hi = prequential(truth, outputs, (), spread, [90], step_size=2, first=0)[90]
    assert (hi > lo).all()


def test_measured_coverage_is_what_was_asked_for() -> None:
    rng = np.random.default_rng(16)
    truth = rng.standard_normal((20, 50, 4)).cumsum(axis=2)
    outputs, spread = np.zeros((*truth.shape, 1)), np.ones((20, 50))
    lo, hi = prequential(truth, outputs, (), spread, [90], step_size=4)[90]
    assert 0.88 < ((truth >= lo) & (truth <= hi))[1:].mean() < 0.92


# Adaptive


def test_adaptive_intervals_of_the_past_know_no_miss_before_it_could_be_known() -> None:
    rng = np.random.default_rng(19)
    truth = rng.standard_normal((12, 5, 2)) * np.linspace(0.3, 3, 12)[:, None, None]
    outputs, spread, k = np.zeros((12, 5, 2, 1)), np.ones((12, 5)), 7
    poisoned = truth.copy()
    poisoned[k:] = 1e6
    made, again = (
        prequential(y, outputs, (), spread, [80], step_size=2, adaptive=True)[80]
        for y in (truth, poisoned)
    )
    plain = prequential(truth, outputs, (), spread, [80], step_size=2)[80]
    np.testing.assert_array_equal(made[0][: k + 1], again[0][: k + 1])
    assert (made[1][-1] > plain[1][-1]).all()  # the errors grow, and intervals follow


def test_after_misses_adaptive_intervals_are_wider_and_after_none_narrower() -> None:
    rng = np.random.default_rng(17)
    growing = rng.standard_normal((24, 20, 2)) * np.linspace(0.3, 3, 24)[:, None, None]
    for residual, wider in ((growing, True), (growing[::-1], False)):
        plain, adaptive = point(residual), point(residual, adaptive=True)
        for level in (50, 80, 90):
            assert (width(adaptive, level) > width(plain, level)).all() == wider
        assert any("earlier windows" in note for note in adaptive.notes)
    calm = rng.standard_normal((24, 20, 2))
    ratio = width(point(calm, adaptive=True), 90) / width(point(calm), 90)
    assert (abs(ratio - 1) < 0.1).all()


def test_the_adaptive_correction_is_gibbs_and_candes_update() -> None:
    residual = (
        np.random.default_rng(18).standard_normal((12, 30, 1)) * np.arange(1, 13)[:, None, None]
    )
    adaptive = point(residual, adaptive=True)
    missed = 0.1
    for k in range(1, 12):
        lo, hi = point(residual[:k]).interval(100 * (1 - missed), np.zeros((30, 1, 1)), np.ones(30))
        outside = ((residual[k] < lo) | (residual[k] > hi)).mean()
        missed += 0.05 * (0.1 - outside)
    np.testing.assert_allclose(
        width(adaptive, 90), width(point(residual), 100 * (1 - missed)), rtol=1e-9
    )


# Sample paths


@pytest.mark.parametrize("kind", ["point 12 x 3", "quantiles 30 x 40", "point 1 x 1"])
def test_sample_paths_are_distributed_as_the_intervals_say(kind: str) -> None:
    truth, outputs, quantiles = backtests()[kind]
    made = calibrate(truth, outputs, quantiles, np.ones(truth.shape[:2]), step_size=5)
    next_ones, units = outputs[-1, :1], np.array([2.0])
    paths = made.simulate(20000, next_ones, units, 1)[:, 0]
    for level in (50, 80, 90, 98):
        lo, hi = made.interval(level, next_ones, units)
        tail = (1 - level / 100) / 2
        # A bit more than four standard errors of the share below.
        off = 4.5 * math.sqrt(tail * (1 - tail) / 20000)
        assert ((paths < lo[0] - 1e-9).mean(axis=0) <= tail + off).all()
        assert ((paths <= lo[0] + 1e-9).mean(axis=0) >= tail - off).all()
        assert ((paths > hi[0] + 1e-9).mean(axis=0) <= tail + off).all()
        assert ((paths >= hi[0] - 1e-9).mean(axis=0) >= tail - off).all()


def test_steps_of_sample_paths_depend_on_each_other_as_residuals_do() -> None:
    rng = np.random.default_rng(19)
    shock = rng.standard_normal((10, 300, 6))
    for residual in (shock, shock.cumsum(axis=2), shock * [1, -1, 1, -1, 1, -1] + shock[..., :1]):
        paths = point(residual).simulate(4000, np.zeros((1, 6, 1)), np.ones(1), 0)[:, 0]
        expected = np.corrcoef(residual.reshape(-1, 6).T)
        np.testing.assert_allclose(np.corrcoef(paths.T), expected, atol=0.08)


@pytest.mark.parametrize("windows", [0, 1, 3])
def test_of_few_paths_the_dependence_is_that_of_a_chain(windows: int) -> None:
    rng = np.random.default_rng(20)
    step = np.arange(1, 9)
    expected = np.sqrt(np.minimum.outer(step, step) / np.maximum.outer(step, step))
    found = np.mean(
        [point(rng.standard_normal((windows, 1, 8)).cumsum(axis=2)).correlation for _ in range(60)],
        axis=0,
    )
    np.testing.assert_allclose(found, expected, atol=1e-9 if windows == 0 else 0.35)
    assert np.diag(found, 1).min() > 0.4


def test_sums_over_the_horizon_are_as_uncertain_as_they_are() -> None:
    rng = np.random.default_rng(21)
    residual = rng.standard_normal((8, 500, 6)).cumsum(axis=2)
    paths = point(residual).simulate(4000, np.zeros((1, 6, 1)), np.ones(1), 0)[:, 0]
    np.testing.assert_allclose(paths.sum(axis=1).std(), residual.sum(axis=2).std(), rtol=0.06)


def test_paths_depend_on_the_seed_and_the_series_name_but_not_on_its_neighbours() -> None:
    made = point(np.random.default_rng(22).standard_normal((20, 5, 3)))
    outputs, units, ids = np.zeros((3, 3, 1)), np.ones(3), ["a", "b", "c"]
    paths = made.simulate(6, outputs, units, 7, ids=ids)
    alone = made.simulate(6, outputs[:2], units[:2], 7, ids=["c", "a"])
    np.testing.assert_array_equal(alone, paths[:, [2, 0]])
    np.testing.assert_array_equal(made.simulate(4, outputs, units, 7, ids=ids), paths[:4])
    assert not np.isin(made.simulate(6, outputs, units, 8, ids=ids), paths).any()
    assert len(np.unique(paths)) == paths.size
    shorter = made.simulate(6, outputs[:, :2], units, 7)
    assert shorter.shape == (6, 3, 2)


# What is refused


@pytest.mark.parametrize("level", [0, 100, -5, 120, math.nan])
def test_a_level_outside_0_to_100_is_refused(level: float) -> None:
    with pytest.raises(ConfigError, match="percentage"):
        point(np.ones((2, 1, 1))).interval(level, np.zeros((1, 1, 1)), np.ones(1))


def test_outputs_of_another_model_are_refused() -> None:
    made = point(np.ones((2, 1, 3)))
    for shape in ((1, 4, 1), (1, 3, 5), (3, 1)):
        with pytest.raises(ConfigError, match="do not fit the calibration"):
            made.interval(90, np.zeros(shape), np.ones(1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outputs": np.zeros((2, 1, 3, 2))}, "do not fit each other"),
        ({"spread": np.ones((2, 2))}, "spread"),
        ({"step_size": 0}, "step_size"),
        ({"quantiles": (0.1, 0.9), "outputs": np.zeros((2, 1, 3, 2))}, "0.5 among them"),
    ],
)
def test_a_backtest_that_does_not_fit_itself_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    good = {
        "truth": np.zeros((2, 1, 3)),
        "outputs": np.zeros((2, 1, 3, 1)),
        "quantiles": (),
        "spread": np.ones((2, 1)),
        "step_size": 3,
    }
    with pytest.raises(ConfigError, match=message):
        calibrate(**(good | changes))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample", np.zeros((1, 2))),
        ("sample", np.array([[[2.0, 1.0]] * 3])),
        ("sample", np.array([[[np.nan, 1.0]] * 3])),
        ("scale", np.array([1.0, np.nan, 1.0])),
        ("scale", np.array([-1.0, 1.0, 1.0])),
        ("scale", np.ones(3, np.int64)),
        ("df", np.zeros(3)),
        ("effective", np.full(3, 1e9)),
        ("size", np.ones(3)),
        ("correlation", np.ones((3, 3)) - 3 * np.eye(3)),
        ("correlation", np.full((3, 3), 1.0)),
        ("adapted", np.linspace(0, 1, 4)),
        ("adapted", np.linspace(1, 0, 11)),
        ("quantiles", [0.1]),
        ("quantiles", ["x"]),
        ("windows", -1),
        ("residuals", True),
        ("notes", [3]),
        ("notes", None),
        ("scale", None),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(name: str, value: Any) -> None:
    made = point(np.random.default_rng(23).standard_normal((4, 1, 3)))
    arrays, metadata = made.arrays(), json.loads(json.dumps(made.metadata()))
    Calibration.from_saved(metadata, arrays)
    where: dict[str, Any] = arrays if name in arrays else metadata
    if value is None:
        del where[name]
    else:
        where[name] = value
    with pytest.raises((ValueError, KeyError, TypeError)):
        Calibration.from_saved(metadata, arrays)


def test_the_order_of_series_does_not_matter() -> None:
    residual = np.random.default_rng(24).standard_normal((5, 8, 3))
    np.testing.assert_allclose(
        width(point(residual), 90), width(point(residual[:, ::-1]), 90), rtol=1e-12
    )
    assert replace(point(residual), notes=("a",)).notes == ("a",)
