"""Exponential smoothing: the engine against an oracle and statsmodels, and the models on it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gatecast
from gatecast import ConfigError, HoltWinters, Theta, _core
from gatecast.models.baselines import seasonal_naive
from gatecast.models.holt_winters import _FORMS, Fit, Form, estimate
from gatecast.models.theta import theta
from gatecast.panel import from_any

_spec = importlib.util.spec_from_file_location(
    "oracle_smoothing", Path(__file__).with_name("oracle_smoothing.py")
)
oracle = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(oracle)

COMPONENTS = ("none", "additive", "multiplicative")
FORMS = [str(form) for form in _FORMS]
every_form = pytest.mark.parametrize("form", _FORMS, ids=FORMS)


def noise(n, step=7919):
    """Numbers from -0.5 to 0.5 that look random and are the same everywhere."""
    return (np.arange(1, n + 1) * step) % 1009 / 1009 - 0.5


def generated():
    t = np.arange(120.0)
    walk = np.cumsum(noise(120, 577))
    wave = np.sin(2 * np.pi * t / 12)
    return {
        "level": 50 + 3 * walk + 2 * noise(120),
        "trend": 20 + 0.4 * t + 4 * walk + 2 * noise(120),
        "season": 60
        + 0.3 * t
        + 8 * wave
        + 4 * np.cos(2 * np.pi * t / 4)
        + 2 * walk
        + 3 * noise(120),
        "growing": (30 + 0.5 * t) * (1 + 0.3 * wave) + 2 * walk + 2 * noise(120),
    }


def engine(form, m=4):
    return form.engine(m)


def example(form, m=4, n=40, missing=(7, 8, 20)):
    """A series, coefficients and an initial state at which every part of a form is at work."""
    t = np.arange(n)
    y = 50 + 0.5 * t + 3 * np.sin(2 * np.pi * t / m) + 4 * noise(n)
    y[list(missing)] = np.nan
    season = {
        "none": [],
        "additive": np.linspace(-1, 1, m),
        "multiplicative": np.linspace(0.9, 1.1, m),
    }[form.season]
    slope = {"none": 0.0, "additive": 0.4, "multiplicative": 1.01}[form.trend]
    return (
        y,
        np.array([0.3, 0.1, 0.2, 0.9 if form.damped else 1.0]),
        np.array([48.0, slope, *season]),
    )


def fit(form, y, m=12, **kwargs):
    y = np.asarray(y, np.float64)
    return _core.fit_smoothing(engine(form, m), y, np.array([0, len(y)]), **kwargs)


def panel_of(rows):
    ids = np.repeat([f"s{i:03d}" for i in range(len(rows))], [len(row) for row in rows])
    stamps = np.concatenate([np.arange(len(row)) for row in rows])
    return from_any(pd.DataFrame({"unique_id": ids, "ds": stamps, "y": np.concatenate(rows)}))


# The engine


@every_form
def test_recursion_is_the_oracles_in_every_form_also_over_gaps(form):
    y, coefficients, state = example(form)
    expected, expected_state = oracle.run(y, form.trend, form.season, 4, coefficients, state)
    states, errors, status = _core.run_smoothing(
        engine(form), y, np.array([0, len(y)]), coefficients[None], state[None]
    )
    assert status.tolist() == [0]
    np.testing.assert_allclose(errors, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(states[0], expected_state, rtol=1e-10)
    loss, _ = _core.smoothing_loss(engine(form), y, coefficients, state)
    assert loss == pytest.approx(np.nansum(expected**2), rel=1e-12)


@every_form
def test_season_after_a_part_of_a_cycle_starts_at_the_next_step(form):
    y, coefficients, state = example(form, n=39, missing=())
    states, _, _ = _core.run_smoothing(
        engine(form), y, np.array([0, len(y)]), coefficients[None], state[None]
    )
    _, expected = oracle.run(y, form.trend, form.season, 4, coefficients, state)
    np.testing.assert_allclose(states[0], expected, rtol=1e-10)
    np.testing.assert_allclose(
        form.ahead(states, coefficients[3:], 7)[0],
        oracle.ahead(form.trend, form.season, coefficients[3], expected, 7),
        rtol=1e-10,
    )


@every_form
def test_gradient_is_that_of_finite_differences(form):
    y, coefficients, state = example(form)
    parameters = np.concatenate([coefficients, state])
    _, gradient = _core.smoothing_loss(engine(form), y, coefficients, state)

    def loss(x):
        return _core.smoothing_loss(engine(form), y, x[:4].copy(), x[4:].copy())[0]

    used = [True, form.trend != "none", form.season != "none", form.damped, True]
    used += [form.trend != "none"] + [True] * (len(state) - 2)
    for k in np.flatnonzero(used):
        step = np.zeros(len(parameters))
        step[k] = 1e-5
        slope = (loss(parameters + step) - loss(parameters - step)) / 2e-5
        assert gradient[k] == pytest.approx(slope, rel=1e-6, abs=1e-6 * np.abs(gradient).max())
    assert (gradient[~np.array(used)] == 0).all()


# statsmodels 0.15.0: ExponentialSmoothing(..., initialization_method="estimated").fit().sse; and
# ours as a share of it, which shows where its optimiser stops early.
STATSMODELS = [
    ("level", "none", "none", False, 128.098, 1.0),
    ("level", "additive", "none", False, 95.2814, 0.926445),
    ("level", "additive", "none", True, 84.391, 1.0),
    ("level", "multiplicative", "none", False, 92.8913, 0.937666),
    ("trend", "none", "none", False, 192.778, 1.0),
    ("trend", "additive", "none", False, 134.786, 0.923273),
    ("trend", "additive", "none", True, 139.056, 0.915332),
    ("trend", "multiplicative", "none", False, 118.848, 1.0),
    ("season", "none", "additive", False, 169.355, 1.0),
    ("season", "additive", "additive", False, 119.882, 0.937757),
    ("season", "additive", "additive", True, 124.994, 0.926408),
    ("season", "additive", "multiplicative", False, 191.797, 0.872066),
    ("season", "multiplicative", "multiplicative", False, 178.525, 0.908818),
    ("growing", "none", "additive", False, 659.97, 0.821133),
    ("growing", "additive", "additive", False, 277.972, 1.0),
    ("growing", "additive", "multiplicative", False, 88.7624, 0.891736),
    ("growing", "multiplicative", "multiplicative", False, 89.754, 0.985950),
    ("growing", "additive", "multiplicative", True, 88.0902, 0.948466),
]


@pytest.mark.parametrize(("name", "trend", "season", "damped", "sse", "share"), STATSMODELS)
def test_optimum_is_that_of_statsmodels_or_better(name, trend, season, damped, sse, share):
    y = generated()[name]
    rmse = fit(Form(trend, season, damped), y)[2][0]
    assert len(y) * rmse**2 <= sse * 1.001
    assert len(y) * rmse**2 == pytest.approx(sse * share, rel=1e-3)


@pytest.mark.parametrize("form", [f for f in _FORMS if not f.damped], ids=str)
@pytest.mark.filterwarnings("ignore")
def test_statsmodels_says_the_same_of_our_coefficients_and_states(form):
    holtwinters = pytest.importorskip("statsmodels.tsa.holtwinters")
    y = generated()["growing"]
    (alpha, beta, gamma, _), state = (x[0] for x in fit(form, y)[:2])
    words = {"none": None, "additive": "add", "multiplicative": "mul"}
    seasonal = form.season != "none"
    theirs = holtwinters.ExponentialSmoothing(
        y,
        trend=words[form.trend],
        seasonal=words[form.season],
        seasonal_periods=12 if seasonal else None,
        initialization_method="known",
        initial_level=state[0],
        initial_trend=state[1] if form.trend != "none" else None,
        initial_seasonal=state[2:] if seasonal else None,
    ).fit(
        smoothing_level=alpha,
        smoothing_trend=beta / alpha if form.trend != "none" else None,
        smoothing_seasonal=gamma if seasonal else None,
        optimized=False,
    )
    assert theirs.sse == pytest.approx(120 * fit(form, y)[2][0] ** 2, rel=1e-8)


@every_form
def test_no_nearby_point_is_better_than_the_estimate(form):
    y = generated()["growing"]
    coefficients, states, rmse, n, status = fit(form, y)
    assert status.tolist() == [0]
    assert n.tolist() == [120]
    best = len(y) * rmse[0] ** 2
    loss, _ = _core.smoothing_loss(engine(form, 12), y, coefficients[0], states[0])
    assert loss == pytest.approx(best, rel=1e-9)
    for size in (1e-3, 1e-2):
        for k in range(states.shape[1]):
            for sign in (-1, 1):
                moved = states[0].copy()
                moved[k] += sign * size * max(abs(moved[k]), 0.1)
                there, _ = _core.smoothing_loss(engine(form, 12), y, coefficients[0], moved)
                assert there >= best * (1 - 1e-5)


@every_form
def test_estimates_lie_within_their_bounds(form):
    for y in generated().values():
        (alpha, beta, gamma, phi), *_ = fit(form, y)[0]
        assert 0 <= beta <= alpha <= 1
        assert 0 <= gamma <= 1 - alpha + 1e-15
        assert phi == 1 or (form.damped and 0.8 <= phi <= 0.995)


@every_form
def test_season_has_a_mean_that_changes_nothing(form):
    state = fit(form, generated()["growing"])[1][0]
    if form.season == "multiplicative":
        assert state[2:].mean() == pytest.approx(1)
    elif form.season == "additive" and form.trend != "multiplicative":
        assert state[2:].mean() == pytest.approx(0, abs=1e-9)


@every_form
def test_the_same_bits_on_any_number_of_threads(form):
    rows = [y[: 120 - 7 * k] + k for y in generated().values() for k in range(4)]
    values = np.concatenate(rows)
    values[::17] = np.nan
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])])

    def everything(threads):
        fits = _core.fit_smoothing(engine(form, 12), values, indptr, threads=threads, iterations=20)
        known = np.nan_to_num(fits[0]), np.nan_to_num(fits[1])
        return [
            *fits,
            *_core.run_smoothing(engine(form, 12), values, indptr, *known, threads=threads),
        ]

    one = everything(1)
    for threads in (2, 3, 7):
        for x, y in zip(one, everything(threads), strict=True):
            assert x.tobytes() == y.tobytes()


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1e12, 1e300])
@every_form
def test_unit_of_the_values_changes_nothing_but_the_unit(form, size):
    y = generated()["growing"] * 2.0**4
    expected = fit(form, y)
    scale = 2.0 ** np.round(np.log2(size))
    found = fit(form, y * scale)
    assert found[4].tolist() == [0]
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
    assert found[2][0] / scale == pytest.approx(expected[2][0], rel=1e-9)
    run = _core.run_smoothing(engine(form, 12), y * scale, np.array([0, 120]), *found[:2])
    assert np.isfinite(run[0]).all()
    assert np.isfinite(run[1]).all()
    assert run[2].tolist() == [0]


def test_values_far_from_zero_are_smoothed_as_those_about_it():
    y = generated()["season"]
    for form in (Form(), Form("additive"), Form("additive", "additive")):
        near, far = fit(form, y), fit(form, y + 1e9)
        assert far[2][0] == pytest.approx(near[2][0], rel=1e-4)


@every_form
def test_status_says_why_a_form_is_not_admissible(form):
    y = generated()["growing"]
    needed = 2 + 2 * (form.trend != "none") + form.damped + 12 * (form.season != "none")
    if form != Form():
        assert fit(form, y[: needed - 1])[4].tolist() == [1]
    if form.season != "none":
        assert fit(form, y[:23])[4].tolist() == [1]
        assert fit(form, y[:24])[4].tolist() == [0]
    for wrong in (y - 50, np.where(np.arange(120) == 60, 0, y)):
        expected = 2 if form.multiplies else 0
        found = fit(form, wrong)
        assert found[4].tolist() == [expected]
        assert np.isfinite(found[2]).all() == (expected == 0)


@pytest.mark.parametrize(
    ("y", "level"),
    [([3.0], 3.0), ([3.0, 3.0], 3.0), ([np.nan, 5.0, np.nan], 5.0), ([0.0] * 30, 0.0)],
)
def test_level_of_hardly_any_values_is_theirs(y, level):
    _, states, rmse, n, status = fit(Form(), y)
    assert status.tolist() == [0]
    assert rmse.tolist() == [0.0]
    assert states[0].tolist() == [level, 0.0]
    assert n[0] == np.sum(~np.isnan(y))


@every_form
def test_constant_values_are_fitted_exactly(form):
    _, states, rmse, _, status = fit(form, np.full(60, 7.5))
    assert status.tolist() == [0]
    assert rmse[0] < 1e-12
    np.testing.assert_allclose(form.ahead(states, np.ones(1), 5), 7.5, rtol=1e-9)


def test_a_state_that_leaves_its_region_is_said_and_not_returned_as_a_number():
    form = Form("multiplicative")
    y = np.array([1.0, -50.0, 3.0])
    _, _, status = _core.run_smoothing(
        engine(form), y, np.array([0, 3]), np.array([[0.9, 0.9, 0.0, 1.0]]), np.array([[1.0, 1.0]])
    )
    assert status.tolist() == [3]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: _core.SmoothingForm(trend="up"), "trend must be one of"),
        (lambda: _core.SmoothingForm(season_length=0), "season_length"),
        (
            lambda: _core.fit_smoothing(_core.SmoothingForm(), np.ones(3), np.array([0, 2])),
            "indptr",
        ),
        (
            lambda: _core.run_smoothing(
                _core.SmoothingForm(),
                np.ones(3),
                np.array([0, 3]),
                np.ones((1, 4)),
                np.ones((1, 3)),
            ),
            "do not fit",
        ),
    ],
)
def test_engine_refuses_what_does_not_fit(call, words):
    with pytest.raises(ConfigError, match=words):
        call()


def test_ctrl_c_ends_a_long_estimation():
    code = (
        "import os, signal, threading, numpy as np; from gatecast import HoltWinters\n"
        "y = np.random.default_rng(0).normal(size=(40, 20_000)).cumsum(axis=1)\n"
        "threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "try: HoltWinters(1, season_length=336).fit(y)\n"
        "except KeyboardInterrupt: print('stopped')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "stopped\n"


# Holt-Winters


def test_form_is_found_where_the_series_shows_it():
    t = np.arange(144.0)
    wave = np.sin(2 * np.pi * t / 12)
    rows = [
        100 + 2 * noise(144),
        100 + 0.5 * t + 10 * wave + 2 * noise(144),
        (20 + 0.8 * t) * (1 + 0.4 * wave) + noise(144),
    ]
    model = HoltWinters(12, season_length=12).fit_panel(panel_of(rows))
    assert [(form.trend, form.season) for form in model.form_] == [
        ("none", "none"),
        ("additive", "additive"),
        ("additive", "multiplicative"),
    ]
    assert model.season_length_ == 12


def test_chosen_form_has_the_least_corrected_information_criterion():
    panel = panel_of(list(generated().values()))
    forms = HoltWinters(1).config.forms(12)
    model = HoltWinters(1, season_length=12).fit_panel(panel)
    for i, y in enumerate(generated().values()):
        criteria = {}
        for form in forms:
            k, n = form.n_parameters(12), len(y)
            mse = fit(form, y)[2][0] ** 2
            criteria[form] = n * np.log(mse) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
        assert model.form_[i] == min(criteria, key=criteria.get)


def test_forecast_beats_the_seasonal_naive_on_a_trend_with_a_season():
    t = np.arange(132.0)
    y = (30 + 0.5 * t) * (1 + 0.3 * np.sin(2 * np.pi * t / 12)) + 2 * noise(132)
    forecast = HoltWinters(12, season_length=12).fit(y[:120]).predict()
    naive = seasonal_naive(from_any(y[:120]), 12, 12)[0]
    assert np.abs(forecast - y[120:]).mean() < 0.3 * np.abs(naive - y[120:]).mean()


def test_settings_pin_the_form():
    y = generated()["growing"]
    for form in _FORMS:
        model = HoltWinters(
            3, trend=form.trend, seasonal=form.season, damped=form.damped, season_length=12
        ).fit(y)
        assert model.form_.tolist() == [form]
        has = {name: bool(np.isfinite(x[0])) for name, x in model.coefficients_.items()}
        assert has == {
            "alpha": True,
            "beta": form.trend != "none",
            "gamma": form.season != "none",
            "phi": form.damped,
        }


@pytest.mark.parametrize(
    ("trend", "seasonal", "expected"),
    [
        (None, "mul", Form("none", "multiplicative")),
        ("add", None, Form("additive", "none")),
        ("mul", "add", Form("multiplicative", "additive")),
    ],
)
def test_short_words_are_understood(trend, seasonal, expected):
    model = HoltWinters(3, trend=trend, seasonal=seasonal, damped=False, season_length=12)
    assert model.fit(generated()["growing"]).form_.tolist() == [expected]


def test_series_for_which_a_form_is_not_admissible_have_a_simpler_one():
    y = generated()["growing"]
    rows = [y, y - y.min(), y[:23], y[:8], y[:4], y[:1], np.full(40, 3.0)]
    model = HoltWinters(
        3, trend="multiplicative", seasonal="multiplicative", damped=True, season_length=12
    ).fit_panel(panel_of(rows))
    assert list(map(str, model.form_)) == [
        "ETS(A,Md,M)",
        "ETS(A,Ad,A)",
        "ETS(A,Ad,N)",
        "ETS(A,Ad,N)",
        "ETS(A,N,N)",
        "ETS(A,N,N)",
        "ETS(A,Md,M)",
    ]
    assert np.isfinite(model.predict().HoltWinters).all()


@pytest.mark.parametrize("seed", range(2))
def test_forecast_of_strange_series_is_finite(seed):
    rng = np.random.default_rng(seed)
    rows = []
    for n in (1, 2, 3, 5, 9, 24, 25, 60):
        for row in (
            rng.normal(size=n),
            np.exp(5 * rng.normal(size=n)),
            np.exp(rng.normal(size=n)) * 1e-12,
            1e12 * rng.normal(size=n),
            np.where(rng.random(n) < 0.7, 0.0, 1e6),
            np.exp(np.arange(n)),
        ):
            row = np.where(rng.random(n) < 0.2, np.nan, row)
            row[[0, -1]] = 1.0
            rows.append(row)
    panel = panel_of(rows)
    asked = [{}, {"trend": "mul", "seasonal": "mul", "damped": False}, {"trend": "mul"}]
    for kwargs in asked:
        model = HoltWinters(30, season_length=12, **kwargs).fit_panel(panel)
        assert np.isfinite(model.forecast(panel, 30)).all()
        assert np.isfinite(model.forecast(panel.tail(7), 30)).all()
    assert np.isfinite(theta(panel, 30, 12)).all()


def test_trend_that_multiplies_never_leaves_the_range_of_numbers():
    y = 1.5 ** np.arange(30.0)
    forecast = HoltWinters(5000, trend="mul", damped=False).fit(y).predict()
    assert np.isfinite(forecast).all()
    assert forecast[0] == pytest.approx(1.5**30, rel=1e-3)


def test_longer_history_is_run_through_with_what_was_fitted():
    y = generated()["season"]
    model = HoltWinters(5, trend="additive", seasonal="additive", season_length=12, damped=False)
    model.fit(y[:100])
    fitted: Fit = model.fitted
    coefficients, state = fitted.smoothing.coefficients[0], fitted.smoothing.states[0]
    _, after = oracle.run(y, "additive", "additive", 12, coefficients, state)
    expected = oracle.ahead("additive", "additive", 1.0, after, 5)
    np.testing.assert_allclose(model.predict(y), expected, rtol=1e-9)
    anew = HoltWinters(5, trend="additive", seasonal="additive", season_length=12, damped=False)
    assert not np.allclose(anew.fit(y).predict(), expected, rtol=1e-9)


def test_series_that_begin_elsewhere_or_are_new_are_estimated_anew():
    y = generated()["season"]
    model = HoltWinters(5, season_length=12).fit(y[:100])
    for other in (y[20:], generated()["growing"]):
        anew = HoltWinters(5, season_length=12).fit(other).predict()
        np.testing.assert_array_equal(model.predict(other), anew)
    frame = pd.DataFrame({"unique_id": "a", "ds": np.arange(100), "y": y[:100]})
    named = HoltWinters(5, season_length=12).fit(frame)
    later = frame.assign(y=np.roll(y[:100], 3))
    expected = HoltWinters(5, season_length=12).fit(later).predict().HoltWinters
    other_id = later.assign(unique_id="b")
    np.testing.assert_array_equal(named.predict(later).HoltWinters, expected)
    np.testing.assert_array_equal(named.predict(other_id).HoltWinters, expected)


def test_series_are_known_by_their_ids_in_any_order_and_company():
    rows = list(generated().values())
    panel = panel_of(rows)
    model = HoltWinters(4, season_length=12).fit_panel(panel_of([row[:110] for row in rows]))
    whole = model.forecast(panel, 4)
    for keep in ([0], [2, 3], [3, 1]):
        mask = np.zeros(4, bool)
        mask[keep] = True
        np.testing.assert_array_equal(model.forecast(panel.select(mask), 4), whole[mask])


def test_newer_values_that_break_a_fitted_form_have_it_estimated_anew():
    y = generated()["growing"]
    model = HoltWinters(3, trend="mul", seasonal="mul", damped=False, season_length=12)
    model.fit(y)
    broken = np.concatenate([y, [-5000.0] * 13])
    forecast = model.predict(broken)
    anew = HoltWinters(3, trend="mul", seasonal="mul", damped=False, season_length=12).fit(broken)
    np.testing.assert_array_equal(forecast, anew.predict())
    assert np.isfinite(forecast).all()


def test_values_that_are_missing_are_no_reason_for_a_forecast_to_be():
    y = generated()["season"].copy()
    whole = HoltWinters(6, season_length=12).fit(y).predict()
    y[5:100:9] = np.nan
    gaps = HoltWinters(6, season_length=12).fit(y).predict()
    np.testing.assert_allclose(gaps, whole, rtol=0.05)


def test_nothing_after_the_end_is_read():
    y = generated()["season"]
    poisoned = np.concatenate([y[:100], np.full(20, 1e6)])
    shorter, _ = from_any(poisoned).drop_last(20)
    expected = HoltWinters(5, season_length=12).fit_panel(from_any(y[:100])).forecast(shorter, 5)
    found = HoltWinters(5, season_length=12).fit_panel(shorter).forecast(shorter, 5)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["arrays", "frame"])
def test_saved_model_forecasts_bit_for_bit(tmp_path, kind):
    rows = np.array(list(generated().values()))
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(list("dbca"), 120),
            "ds": np.tile(np.arange(120), 4),
            "y": rows.ravel(),
        }
    )
    data = rows if kind == "arrays" else frame
    model = HoltWinters(7, season_length=12).fit(data)
    model.save(tmp_path / "m.safetensors")
    loaded = gatecast.load(tmp_path / "m.safetensors")
    assert loaded.form_.tolist() == model.form_.tolist()
    a, b = model.predict(), loaded.predict()
    if kind == "frame":
        a, b = a.HoltWinters.to_numpy(), b.HoltWinters.to_numpy()
    assert a.tobytes() == b.tobytes()
    model.save(tmp_path / "n.safetensors", context=False)
    bare = gatecast.load(tmp_path / "n.safetensors").predict(data)
    assert (bare if kind == "arrays" else bare.HoltWinters.to_numpy()).tobytes() == a.tobytes()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("states", lambda x: x[:, :-1]),
        ("states", lambda x: np.full_like(x, np.nan)),
        ("coefficients", lambda x: x + 1),
        ("coefficients", lambda x: x.astype(np.float32)),
        ("forms", lambda x: x + 99),
        ("forms", lambda x: x - 99),
        ("first", lambda x: x[:0]),
        ("beginnings", lambda x: x[:, :3]),
        ("rmse", lambda x: x[None]),
    ],
)
def test_restore_refuses_arrays_that_make_no_sense(name, wrong):
    model = HoltWinters(2, season_length=12).fit(generated()["season"])
    metadata, arrays = model.state()
    with pytest.raises((ValueError, KeyError, TypeError)):
        HoltWinters(2).restore(model.fitted, metadata, arrays | {name: wrong(arrays[name])})


@pytest.mark.parametrize(
    "wrong",
    [{"season_length": 0}, {"season_length": "12"}, {"ids": "a"}, {"ids": [[1]]}, {"ids": []}],
)
def test_restore_refuses_metadata_that_make_no_sense(wrong):
    model = HoltWinters(2, season_length=12).fit(generated()["season"])
    metadata, arrays = model.state()
    with pytest.raises((ValueError, KeyError, TypeError)):
        HoltWinters(2).restore(model.fitted, metadata | wrong, arrays)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"h": 0}, "h must be"),
        ({"h": 2, "trend": "up"}, "trend must be one of"),
        ({"h": 2, "seasonal": 3}, "seasonal must be one of"),
        ({"h": 2, "damped": "no"}, "damped must be"),
        ({"h": 2, "damped": 1.5}, "damped must be"),
        ({"h": 2, "trend": None, "damped": True}, "Only a trend can be damped"),
        ({"h": 2, "seasonal": "additive", "season_length": 1}, "season needs a length"),
        ({"h": 2, "season_length": 0}, "season_length must be"),
        ({"h": 2, "threads": 0}, "threads must be"),
    ],
)
def test_settings_that_are_impossible_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        HoltWinters(**settings)


def test_season_that_was_asked_for_needs_a_length():
    with pytest.raises(ConfigError, match="season needs a length"):
        HoltWinters(2, seasonal="additive").fit([1.0, 2.0, 3.0])


def test_copy_for_another_horizon_keeps_the_settings():
    model = HoltWinters(2, trend="mul", damped=True, season_length=4, threads=1).with_horizon(9)
    assert model.config == replace(model.config, h=9)
    assert (model.config.trend, model.config.damped, model.threads) == ("multiplicative", True, 1)


# Theta


def test_theta_is_smoothing_with_half_the_slope_as_drift():
    """Hyndman & Billah (2003), equation 6, with the alpha and level of the smoothing."""
    y = generated()["trend"]
    n, t = len(y), np.arange(120.0)
    slope, level = np.polyfit(t, y, 1)
    second = from_any(2 * y - level - slope * t)
    smoothing = estimate(second, (Form(),), 1, None)
    alpha, initial = smoothing.coefficients[0, 0], smoothing.states[0, 0]
    smoothed = (initial + level) / 2  # of y itself, from a level that fits
    for value in y:
        smoothed += alpha * (value - smoothed)
    drift = slope / 2 * (np.arange(6) + (1 - (1 - alpha) ** n) / alpha)
    np.testing.assert_allclose(theta(from_any(y), 6, 1)[0], smoothed + drift, rtol=1e-9)


@pytest.mark.parametrize("name", ["season", "growing"])
def test_theta_follows_a_season_only_if_there_is_one(name):
    y = generated()[name]
    forecast = theta(from_any(y), 24, 12)[0]
    np.testing.assert_allclose(np.diff(forecast[:12] - forecast[12:]), 0, atol=4)
    assert np.ptp(forecast) > 10
    plain = theta(from_any(100 + np.random.default_rng(0).normal(size=120)), 24, 12)[0]
    np.testing.assert_allclose(np.diff(plain, 2), 0, atol=1e-9)


def test_theta_of_values_that_are_not_positive_adds_the_season():
    t = np.arange(96.0)
    y = 5 * np.sin(2 * np.pi * t / 12) + 0.2 * noise(96)
    expected = 5 * np.sin(2 * np.pi * np.arange(96, 108) / 12)
    np.testing.assert_allclose(Theta(12, season_length=12).fit(y).predict(), expected, atol=0.3)


def test_theta_does_not_mind_the_unit_or_gaps():
    y = generated()["growing"].copy()
    whole = theta(from_any(y), 12, 12)
    np.testing.assert_allclose(theta(from_any(y * 1e290), 12, 12), whole * 1e290, rtol=1e-6)
    y[[3, 40, 41, 77]] = np.nan
    np.testing.assert_allclose(theta(from_any(y), 12, 12), whole, rtol=0.05)


def test_theta_forecasts_each_series_as_if_it_were_alone():
    rows = [*generated().values(), np.array([4.0]), np.array([1.0, 2.0]), np.zeros(40)]
    together = theta(panel_of(rows), 9, 12)
    for row, forecast in zip(rows, together, strict=True):
        np.testing.assert_allclose(theta(from_any(row), 9, 12)[0], forecast, rtol=1e-9)
    assert together[4].tolist() == [4.0] * 9
    assert together[6].tolist() == [0.0] * 9


def test_theta_saved_forecasts_bit_for_bit(tmp_path):
    model = Theta(7, season_length=12).fit(generated()["season"])
    model.save(tmp_path / "m.safetensors")
    assert (
        gatecast.load(tmp_path / "m.safetensors").predict().tobytes() == model.predict().tobytes()
    )


def test_a_season_that_multiplied_a_level_near_zero_does_not_explode() -> None:
    rng = np.random.default_rng(0)
    y = np.exp(rng.normal(0, 1.5, (40, 68))) * 500  # no trend and no season, but wild
    for damped in (True, False):
        model = HoltWinters(
            18, trend="additive", seasonal="multiplicative", damped=damped, season_length=12
        )
        forecast = model.fit(y).predict()
        assert (np.abs(forecast) <= 1_000 * y.max(axis=1, keepdims=True)).all()
