"""What ``inspect`` shows: the gates as PyTorch has them, slopes as finite differences have them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

import gatecast
from gatecast import _core

from .golden import make_golden

GOLDEN = load_file(make_golden.GATES_FILE)
CASES = {case.name: case for case in make_golden.CASES if case.name in make_golden.GATES}
PARTS = ("input", "forget", "candidate", "output", "cell", "hidden")
SMALL: dict[str, Any] = {"hidden_size": (6, 4), "epochs": 8, "threads": 1}


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa("")


def seasonal(n: int = 90, seed: int = 0) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(size=n)
    return 10 + 3 * np.sin(np.arange(n) * 2 * np.pi / 12) + 0.3 * noise


def months(y: NDArray[np.float64], **columns: object) -> pd.DataFrame:
    stamps = pd.date_range("2015-01-01", periods=len(y), freq="MS")
    return pd.DataFrame({"ds": stamps, "y": y, **columns})


def with_weights(model: gatecast.LSTM, **weights: NDArray[np.float32]) -> gatecast.LSTM:
    """A fitted model, some of its weights others."""
    named = {**model.parameters_, **weights}
    flat = np.concatenate([named[name].ravel() for name in model.parameters_])
    model.adopt(replace(model.fitted, weights=flat.astype(np.float32)))
    return model


@pytest.mark.parametrize("name", CASES)
def test_gates_are_those_of_pytorch_cells(name: str, isa: str) -> None:
    case, problem = CASES[name], CASES[name].problem()
    y = problem.x[0, :, 0].astype(np.float64)
    model = gatecast.LSTM(
        case.h, context_length=case.T, hidden_size=case.hidden, scaling=None, anchor=None, epochs=1
    ).fit(np.zeros(case.T + case.h))
    trace = with_weights(model, **problem.parameters).inspect(y)
    for part in PARTS:
        for layer, ours in enumerate(getattr(trace, part)):
            theirs = GOLDEN[f"{name}/{layer}/{part}"]
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gaps": {"gaps": True},
    "patches": {"patch_size": 5},
    "patches and gaps": {"patch_size": 4, "gaps": True},
    "covariates": {"past_covariates": ["p"], "gaps": True},
    "reads on": {"future_covariates": ["f"], "calendar": True},
    "reads on in patches": {"future_covariates": ["f"], "patch_size": 4},
    "seasons known ahead": {"future_covariates": ["f"], "anchor": "season"},
    "fed back": {"recursive": True},
    "fed back, reads on": {"recursive": True, "calendar": True},
    "quantiles": {"quantiles": [0.1, 0.5, 0.9]},
    "logarithms": {"transform": "log"},
    "logarithms fed back": {"transform": "log", "recursive": True, "scaling": "series"},
    "hyperbolic": {"transform": "log", "centred": True},
    **{f"scaled by {s}": {"scaling": s} for s in ("meanabs", "level", "first", "series")},
    **{f"scaled by {s}, not anchored": {"scaling": s, "anchor": None} for s in ("level", "first")},
    "neither scaled nor anchored": {"scaling": None, "anchor": None, "small": True},
    "season, not scaled": {"scaling": None, "anchor": "season"},
}


def made(kind: str) -> tuple[gatecast.LSTM, pd.DataFrame, pd.DataFrame | None]:
    """A fitted model of a kind, its data, and what is known ahead."""
    settings = dict(KINDS[kind])
    y = seasonal()
    if settings.pop("gaps", False):
        y[[70, 71, 82, 89]] = np.nan
        y = y[:89]
    if settings.pop("centred", False):
        y -= 10
    if settings.pop("small", False):
        y /= 10
    random = np.random.default_rng(1).normal(size=(2, len(y) + 6))
    df = months(y, p=random[0, : len(y)], f=random[1, : len(y)])
    ahead = None
    if settings.get("future_covariates"):
        stamps = pd.date_range("2015-01-01", periods=len(y) + 6, freq="MS")[len(y) :]
        ahead = pd.DataFrame({"ds": stamps, "f": random[1, len(y) :]})
    model = gatecast.LSTM(6, context_length=23, season_length=12, **settings, **SMALL)
    return model.fit(df), df, ahead


@pytest.mark.parametrize("kind", KINDS)
def test_attributions_are_what_the_forecast_changes_by(kind: str) -> None:
    model, df, ahead = made(kind)
    trace = model.inspect(df, future_df=ahead)
    stamps, patch = df["ds"].to_numpy(), model.config.patch_size
    first = len(df) - model.context_length_  # values before it are not read
    slopes = np.zeros_like(trace.attribution)
    by = 0.02
    for step, stamp in enumerate(trace.ds):
        if stamp > stamps[-1]:
            continue
        end = int(np.flatnonzero(stamps == stamp)[0]) + 1
        rows = range(max(end - patch, first), end)
        ends = []
        for change in (by, -by):
            changed = df.copy()
            changed.loc[list(rows), "y"] += change
            ends.append(model.predict(changed, future_df=ahead)["LSTM"].to_numpy())
        slopes[:, step] = (ends[0] - ends[1]) / (2 * by)
    largest = np.abs(slopes).max()
    assert largest > 1e-3
    np.testing.assert_allclose(trace.attribution, slopes, rtol=0, atol=2e-3 * largest)


@pytest.mark.parametrize("kind", KINDS)
def test_the_trace_is_of_the_forecast_that_predict_gives(kind: str) -> None:
    model, df, ahead = made(kind)
    trace = model.inspect(df, future_df=ahead)
    forecast = model.predict(df, future_df=ahead)
    np.testing.assert_allclose(trace.forecast, forecast["LSTM"], rtol=1e-5)
    assert list(trace.future_ds) == list(forecast["ds"].to_numpy())
    known = dict(zip(df["ds"].to_numpy(), df["y"], strict=True))
    expected = [known.get(stamp, np.nan) for stamp in trace.ds]
    np.testing.assert_array_equal(trace.y, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_states_follow_from_the_inputs_and_the_weights(kind: str) -> None:
    model, df, ahead = made(kind)
    trace = model.inspect(df, future_df=ahead)
    x, p = trace.inputs.astype(np.float64), model.parameters_
    for layer, units in enumerate(model.config.hidden_size):
        w_ih, w_hh, bias = (
            p[f"lstm.{layer}.{name}"].astype(np.float64)
            for name in ("weight_ih", "weight_hh", "bias")
        )
        h = c = np.zeros(units)
        states = []
        for t, step in enumerate(x):
            i, f, g, o = (w_ih @ step + w_hh @ h + bias).reshape(4, units)
            i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
            c = f * c + i * np.tanh(g)
            h = o * np.tanh(c)
            states.append(h)
            for part, value in zip(PARTS, (i, f, np.tanh(g), o, c, h), strict=True):
                np.testing.assert_allclose(getattr(trace, part)[layer][t], value, atol=1e-5)
        x = np.array(states)


def hybrid(
    *, centred: bool = False, quantiles: bool = False
) -> tuple[gatecast.ESLSTM, pd.DataFrame]:
    frames = [months(seasonal(60 + k, seed=k) - 10 * centred).assign(unique_id=k) for k in range(6)]
    df = pd.concat(frames, ignore_index=True)
    df.loc[[30, 55], "y"] = np.nan
    model = gatecast.ESLSTM(
        4, quantiles=[0.1, 0.5, 0.9] if quantiles else None, hidden_size=6, epochs=3, threads=1
    )
    return model.fit(df), df


@pytest.mark.parametrize("settings", [{}, {"centred": True}, {"quantiles": True}])
def test_the_hybrid_is_traced_too(settings: dict[str, bool]) -> None:
    model, df = hybrid(**settings)
    trace = model.inspect(df, unique_id=0)
    n = trace.attribution.shape[1]
    assert n > 40
    y = df.loc[df["unique_id"] == 0, "y"].to_numpy()
    np.testing.assert_array_equal(trace.y, y[-n:])
    forecast = model.predict(df)
    own = forecast[forecast["unique_id"] == 0]
    np.testing.assert_allclose(
        trace.forecast, own.iloc[:, -1 - bool(settings.get("quantiles"))], rtol=1e-5
    )
    # A series that begins otherwise is another one, with coefficients of its own.
    slopes, by = trace.attribution.copy(), 0.01
    for step in range(n - 40, n):
        ends = []
        for change in (by, -by):
            changed = df.copy()
            changed.loc[len(y) - n + step, "y"] += change
            ends.append(model.inspect(changed, unique_id=0).forecast)
        slopes[:, step] = (ends[0] - ends[1]) / (2 * by)
    largest = np.abs(slopes).max()
    assert largest > 0.05
    np.testing.assert_allclose(trace.attribution, slopes, rtol=0, atol=2e-3 * largest)
    for layer, dilation in enumerate(trace.dilations):
        before = np.zeros_like(trace.cell[layer])
        before[dilation:] = trace.cell[layer][:-dilation]
        made = trace.forget[layer] * before + trace.input[layer] * trace.candidate[layer]
        np.testing.assert_allclose(trace.cell[layer], made, atol=1e-6)


def test_memory_length_is_that_of_known_forget_gates() -> None:
    kept = np.array([0.5, 0.9, 0.99, 0.0])
    model = gatecast.LSTM(2, context_length=30, hidden_size=4, epochs=1).fit(seasonal(60))
    bias = np.zeros((4, 4), np.float32)
    with np.errstate(divide="ignore"):
        bias[1] = np.maximum(np.log(kept) - np.log1p(-kept), -80)
    zero = {name: np.zeros_like(w) for name, w in model.parameters_.items()}
    trace = with_weights(model, **{**zero, "lstm.0.bias": bias.ravel()}).inspect()
    np.testing.assert_allclose(trace.forget[0], np.tile(kept, (30, 1)), atol=1e-6)
    np.testing.assert_allclose(trace.memory_length[0], [2, 10, 100, 1], rtol=1e-4)


def test_memory_length_is_what_is_left_over_all_steps_where_gates_change() -> None:
    model = gatecast.LSTM(2, context_length=30, hidden_size=1, epochs=1).fit(seasonal(60))
    trace = replace(model.inspect(), forget=[np.array([[1.0], [0.25]] * 15, np.float32)])
    np.testing.assert_allclose(trace.memory_length[0], [2])  # halved each step
    never = replace(trace, forget=[np.ones((30, 1), np.float32)])
    assert never.memory_length[0][0] == np.inf


def test_without_weights_the_naive_forecast_leans_on_the_last_value_alone() -> None:
    model = gatecast.LSTM(3, context_length=20, **SMALL).fit(seasonal())
    zero = {name: np.zeros_like(w) for name, w in model.parameters_.items()}
    attribution = with_weights(model, **zero).inspect().attribution
    np.testing.assert_array_equal(attribution[:, -1], 1)
    np.testing.assert_array_equal(attribution[:, :-1], 0)


def test_a_context_that_never_changes_leans_on_its_last_value() -> None:
    model = gatecast.LSTM(3, context_length=20, **SMALL).fit(seasonal())
    trace = model.inspect(np.full(40, 7.0))
    np.testing.assert_array_equal(trace.forecast, 7)
    np.testing.assert_array_equal(trace.attribution, np.eye(20)[[-1] * 3])


def test_a_series_shorter_than_the_context_is_read_from_its_first_value() -> None:
    model = gatecast.LSTM(3, context_length=20, **SMALL).fit(seasonal())
    trace = model.inspect(np.append([np.nan], seasonal(7)))
    assert trace.forget[0].shape == (7, 6)
    assert trace.attribution.shape == (3, 7)
    np.testing.assert_array_equal(trace.y, seasonal(7))


def test_more_values_may_be_read_than_for_a_forecast() -> None:
    model = gatecast.LSTM(3, context_length=20, **SMALL).fit(seasonal())
    trace = model.inspect(seasonal(), context_length=80)
    assert trace.forget[1].shape == (80, 4)
    assert trace.attribution.shape == (3, 80)


def test_the_first_lstm_is_shown_of_a_model_that_is_made_of_several() -> None:
    y = months(seasonal())
    lstm = gatecast.LSTM(3, context_length=20, **SMALL)
    alone = lstm.with_horizon(3).fit(y).inspect()
    blend = gatecast.Blend([gatecast.Naive(h=3), lstm]).fit(y)
    np.testing.assert_array_equal(blend.inspect().forget[0], alone.forget[0])


def test_a_chosen_series_is_inspected() -> None:
    y = pd.concat([months(seasonal(seed=ord(k))).assign(unique_id=k) for k in "ab"])
    model = gatecast.LSTM(3, context_length=20, **SMALL).fit(y)
    assert model.inspect().unique_id == "a"
    np.testing.assert_array_equal(model.inspect(unique_id="b").y, seasonal(seed=ord("b"))[-20:])


def test_a_saved_model_shows_the_same(tmp_path: Path) -> None:
    model = gatecast.LSTM(3, context_length=20, **SMALL).fit(months(seasonal()))
    model.save(tmp_path / "model.safetensors")
    loaded = gatecast.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.inspect().cell[1], model.inspect().cell[1])
    np.testing.assert_array_equal(loaded.inspect().attribution, model.inspect().attribution)


def test_a_forecast_without_an_lstm_shows_the_one_that_was_tested() -> None:
    y = months(np.arange(60.0) + seasonal(60))
    result = gatecast.forecast(y, 4, models=["lstm", "holt-winters"])
    trace = result.inspect()
    assert trace.model == "LSTM"
    assert trace.attribution.shape[0] == 4
    if result.lstm is not None:
        np.testing.assert_allclose(trace.forecast, result.lstm.predict()["LSTM"], rtol=1e-5)


@pytest.mark.parametrize(
    ("ask", "problem"),
    [
        (lambda y: gatecast.HoltWinters(h=3).fit(y).inspect(), "no LSTM in it. Got: HoltWinters"),
        (lambda y: gatecast.forecast(y, 3, models=["naive"]).inspect(), "No LSTM was tried"),
        (lambda y: gatecast.LSTM(h=3).inspect(y), "not fitted"),
    ],
)
def test_where_there_are_no_gates_the_error_says_so(ask: Any, problem: str) -> None:
    with pytest.raises(gatecast.ConfigError, match=problem):
        ask(months(seasonal()))


def test_what_cannot_be_inspected_is_said() -> None:
    model = gatecast.LSTM(3, context_length=20, anchor="season", season_length=12, **SMALL)
    model.fit(months(seasonal()))
    with pytest.raises(gatecast.DataError, match=r"no such series. Got: 'b'. There are 1"):
        model.inspect(unique_id="b")
    with pytest.raises(gatecast.ConfigError, match="must hold a season"):
        model.inspect(context_length=11)
    with pytest.raises(gatecast.ConfigError, match="was trained for 3 steps"):
        model.inspect(h=4)


@pytest.mark.parametrize("bad", [{"wanted": [6]}, {"wanted": [-1]}, {"values": np.zeros(0)}])
def test_the_binding_refuses_what_does_not_fit(bad: dict[str, Any]) -> None:
    network = _core.Network(1, [4], 3)
    windowing = _core.Windowing(context_length=5, horizon=3, scaling="standard", anchor="last")
    given = {"values": np.arange(9.0), "wanted": [0], **bad}
    with pytest.raises(gatecast.ConfigError):
        _core.trace(network, _core.initialise(network, 0), windowing, **given)
