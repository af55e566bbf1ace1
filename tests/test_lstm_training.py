"""How an LSTM is trained: the rate's schedule, averaged weights, which windows, on which scale."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import gatecast
from gatecast import LSTM, ConfigError, _core

from . import oracle
from .oracle import Windowing
from .test_artifact import edited
from .test_engine_windows import (
    THREADS,
    Data,
    Model,
    engine_covariates,
    engine_windowing,
    fit,
    make_data,
    make_model,
    oracle_loss,
)

FAST: dict[str, Any] = {"hidden_size": 8, "epochs": 3, "context_length": 12}


def wave(n: int = 80, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 10 + np.sin(np.arange(n) / 3) + 0.1 * rng.standard_normal(n)


# Against NumPy.


def rate_factor(schedule: str, step: int, steps: int) -> float:
    """What the learning rate is multiplied by: 2 % of the steps upwards, then a cosine to 1 %."""
    if schedule == "constant":
        return 1.0
    rise = int(0.02 * steps + 1e-9)
    if step < rise:
        return (step + 1) / (rise + 1)
    progress = (step - rise) / max(1, steps - rise - 1)
    return 0.01 + 0.99 * (math.cos(math.pi * progress) + 1) / 2


def trained(
    model: Model,
    windows: oracle.Windows,
    *,
    epochs: int,
    batch: int,
    optimizer: str = "adam",
    schedule: str = "constant",
    averaging: float = 0.0,
) -> tuple[list[oracle.Array], list[oracle.Array]]:
    """The weights at the end of each epoch, and their average, in float64."""
    shapes = {name: p.shape for name, p in model.parameters.items()}
    rule = oracle.OPTIMIZERS[optimizer](0.01, 0.1)
    vector = average = oracle.flatten(model.parameters)
    steps, step = epochs * math.ceil(len(windows.x) / batch), 0
    weights, averages = [], []
    for _ in range(epochs):
        for at in range(0, len(windows.x), batch):
            part = slice(at, at + batch)
            gradient = oracle.gradients(
                oracle.unflatten(vector, shapes),
                windows.x[part],
                windows.y[part],
                model.loss,
                windows.weights[part],
                windows.starts[part],
            )[2]
            rule.learning_rate = 0.01 * rate_factor(schedule, step, steps)
            vector = rule.step(vector, oracle.clip(oracle.flatten(gradient), 0.5))
            step += 1
            decay = min(averaging, (1 + step) / (10 + step))
            average = decay * average + (1 - decay) * vector
        weights.append(vector)
        averages.append(average)
    return weights, averages


SETTINGS: dict[str, Any] = {
    "batch_size": 20,
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "clip_norm": 0.5,
}


def problem(fraction: float = 0.0) -> tuple[Model, Data, oracle.Windows, oracle.Windows]:
    data = make_data()
    windowing = Windowing(6, 3, "standard", "last", mask=True)
    model = make_model(windowing, data, hidden=(5, 4))
    windows = oracle.windows(data.values, data.indptr, windowing, data.covariates, fraction)
    return model, data, *windows


def assert_near(actual: NDArray[np.float32], expected: oracle.Array) -> None:
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.parametrize("epochs", [1, 3, 30])
def test_on_a_cosine_weights_are_those_of_the_formula(epochs: int, optimizer: str) -> None:
    model, data, windows, _ = problem()
    expected, _ = trained(
        model, windows, epochs=epochs, batch=20, optimizer=optimizer, schedule="cosine"
    )
    how = {"epochs": epochs, "optimizer": optimizer, **SETTINGS}
    found = fit(model, data, schedule="cosine", **how)
    assert_near(found.parameters, expected[-1])
    # The formula makes a difference that this would see.
    constant = fit(model, data, **how)
    assert np.abs(constant.parameters - expected[-1]).max() > 1e-3


def test_the_rate_rises_to_its_full_height_and_falls_to_a_hundredth() -> None:
    factors = [rate_factor("cosine", step, 200) for step in range(200)]
    assert np.argmax(factors) == 4
    assert factors[0] == pytest.approx(0.2)
    assert factors[4] == 1.0
    assert factors[-1] == pytest.approx(0.01)
    assert (np.diff(factors[4:]) < 0).all()
    # Too few steps to rise.
    assert rate_factor("cosine", 0, 1) == 1.0


@pytest.mark.parametrize("averaging", [0.3, 0.9, 0.9999])
@pytest.mark.parametrize("epochs", [1, 8])
def test_averaged_weights_are_the_moving_average_of_each_steps(
    epochs: int, averaging: float
) -> None:
    model, data, windows, _ = problem()
    weights, averages = trained(model, windows, epochs=epochs, batch=20, averaging=averaging)
    found = fit(model, data, epochs=epochs, weight_averaging=averaging, **SETTINGS)
    assert_near(found.parameters, averages[-1])
    assert np.abs(averages[-1] - weights[-1]).max() > 1e-3


def test_validation_and_early_stopping_look_at_averaged_weights() -> None:
    model, data, windows, validation = problem(0.3)
    epochs, shapes = 12, {name: p.shape for name, p in model.parameters.items()}
    _, averages = trained(model, windows, epochs=epochs, batch=20, averaging=0.9)
    losses = [
        oracle_loss(Model(model.windowing, model.loss, model.network, parameters), validation)
        for parameters in (oracle.unflatten(average, shapes) for average in averages)
    ]
    found = fit(
        model,
        data,
        validation_fraction=0.3,
        epochs=epochs,
        patience=epochs,
        weight_averaging=0.9,
        **SETTINGS,
    )
    np.testing.assert_allclose(found.validation_loss, losses, rtol=1e-4)
    assert found.best_epoch == 1 + np.argmin(losses)
    assert_near(found.parameters, averages[found.best_epoch - 1])


def test_scheduled_and_averaged_the_bits_are_the_same_on_any_number_of_threads() -> None:
    data = make_data(3, (300, 5, 90, 250, 120))
    model = make_model(Windowing(12, 4, "level", mask=True), data, hidden=(18, 12))
    results = set()
    for threads in THREADS:
        found = fit(
            model,
            data,
            validation_fraction=0.2,
            batch_size=290,
            epochs=2,
            learning_rate=0.01,
            shuffle=True,
            threads=threads,
            schedule="cosine",
            weight_averaging=0.99,
        )
        results.add((tuple(found.validation_loss), found.parameters.tobytes()))
    assert len(results) == 1


# Which windows.


@pytest.mark.parametrize("at_most", [1, 3, 10, 1000])
@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_only_the_newest_windows_of_each_series_are_used(at_most: int, fraction: float) -> None:
    data = make_data()
    model = make_model(Windowing(6, 3, "standard", "last", mask=True), data)
    training, validation = oracle.windows(
        data.values, data.indptr, model.windowing, data.covariates, fraction, at_most
    )
    found = _core.fit(
        model.network,
        model.vector,
        model.engine_loss,
        engine_windowing(model.windowing),
        data.values,
        data.indptr,
        validation_fraction=fraction,
        training=_core.Training(epochs=1, batch_size=10_000, learning_rate=0.0),
        covariates=engine_covariates(data.covariates),
        windows_per_series=at_most,
    )
    assert (found.windows, found.validation_windows) == (len(training.x), len(validation.x))
    assert found.loss[0] == pytest.approx(oracle_loss(model, training), rel=1e-5)
    if validation.weights.any():
        assert found.validation_loss[0] == pytest.approx(oracle_loss(model, validation), rel=1e-5)


def test_what_is_older_than_the_newest_windows_changes_nothing() -> None:
    y = wave(200)
    settings: dict[str, Any] = {**FAST, "windows_per_series": 50, "batch_size": 16}
    whole = LSTM(4, **settings).fit(y)
    assert whole.n_windows_ + whole.n_validation_windows_ == 50
    newest = LSTM(4, **settings).fit(y[-(50 + 12 + 4 - 1) :])
    np.testing.assert_array_equal(whole.predict(), newest.predict())
    # The batch is by the windows that are used.
    assert LSTM(4, **{**settings, "batch_size": None}).fit(y).batch_size_ == 16


def losses_by_series(model: Model, data: Data, fraction: float) -> tuple[list[float], list[float]]:
    """Mean losses of training and of validation windows, series by series that has any."""
    found: tuple[list[float], list[float]] = ([], [])
    for s in range(len(data.begin)):
        values = data.values[data.begin[s] : data.end[s]]
        split = oracle.windows(values, [0, len(values)], model.windowing, None, fraction)
        for losses, windows in zip(found, split, strict=True):
            if windows.weights.any():
                losses.append(oracle_loss(model, windows))
    return found


def test_when_series_are_balanced_each_counts_alike() -> None:
    data = make_data(lengths=(60, 9, 12, 33, 15), n=(0, 0, 0), spread=False, gaps=0.0)
    data.values[data.end[-2] : data.end[-1]] += oracle.uniform(3, 15)  # no flat stretch
    data.values[data.begin[1] : data.end[1]] += 9 * oracle.uniform(4, 9)
    model = make_model(Windowing(6, 3, "none", "none"), data)
    settings: dict[str, Any] = {"epochs": 300, "learning_rate": 0.0}
    # In validation it is exact.
    how = {**settings, "validation_fraction": 0.3}
    balanced, plain = fit(model, data, balance="series", **how), fit(model, data, **how)
    training, validation = losses_by_series(model, data, 0.3)
    assert len(training) == len(validation) + 1 == 5  # one is too short to hold anything back
    assert balanced.validation_loss[0] == pytest.approx(np.mean(validation), rel=1e-5)
    assert plain.validation_loss[0] != pytest.approx(np.mean(validation), rel=0.05)
    assert balanced.windows == plain.windows
    assert balanced.validation_windows == plain.validation_windows
    # In training it is so by chance in an epoch, and on average over many.
    balanced, plain = fit(model, data, balance="series", **settings), fit(model, data, **settings)
    training, _ = losses_by_series(model, data, 0.0)
    error = float(np.std(balanced.loss)) / np.sqrt(300)
    assert abs(plain.loss[0] - np.mean(training)) > 20 * error > 0
    # Series differ by one window at most in how often they are taken.
    bound = (max(training) - min(training)) / balanced.windows * 5
    assert np.mean(balanced.loss) == pytest.approx(np.mean(training), abs=4 * error + bound)


def test_when_series_are_equally_long_balance_takes_each_window_once() -> None:
    data = make_data(lengths=(25, 25, 25), n=(0, 0, 0), spread=False, gaps=0.0)
    model = make_model(Windowing(6, 3), data)
    how: dict[str, Any] = {"epochs": 3, "learning_rate": 0.0}
    balanced, plain = fit(model, data, balance="series", **how), fit(model, data, **how)
    np.testing.assert_allclose(balanced.loss, plain.loss, rtol=1e-6)


def test_when_balanced_the_bits_are_the_same_on_any_number_of_threads() -> None:
    y = pd.concat(
        [
            pd.DataFrame({"unique_id": str(n), "ds": np.arange(n), "y": wave(n, n)})
            for n in (300, 20, 45, 17)
        ]
    )
    forecasts = [
        LSTM(4, balance="series", batch_size=200, threads=threads, **FAST).fit(y).predict()
        for threads in THREADS
    ]
    for other in forecasts[1:]:
        pd.testing.assert_frame_equal(forecasts[0], other, check_exact=True)


def test_a_long_series_does_not_drown_short_ones_that_are_balanced() -> None:
    # Noise around 1 in a long series, around -1 in ten short ones: nothing tells them apart.
    rng = np.random.default_rng(1)
    y = pd.concat(
        [
            pd.DataFrame(
                {"unique_id": s, "ds": np.arange(n), "y": level + 2 * rng.standard_normal(n)}
            )
            for s, (n, level) in enumerate([(2000, 1.0)] + [(20, -1.0)] * 10)
        ]
    )
    settings: dict[str, Any] = {
        "context_length": 2,
        "hidden_size": 4,
        "loss": "mse",
        "scaling": None,
        "anchor": None,
        "validation_fraction": 0,
        "epochs": 10,
        "learning_rate": 0.01,
    }

    def says(balance: str) -> float:
        model = LSTM(1, balance=balance, **settings).fit(y)  # type: ignore[arg-type]
        return float(model.predict(rng.standard_normal((100, 2))).mean())

    assert says("windows") > 0.4
    assert says("series") < -0.4


# On which scale.


def positive(n: int = 90, seed: int = 0) -> np.ndarray:
    """Growth by some per cent a step, with a season of 6."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    return np.exp(0.02 * t + 0.3 * np.sin(t * np.pi / 3) + 0.05 * rng.standard_normal(n))


LOG: dict[str, Any] = {**FAST, "epochs": 20, "transform": "log"}


@pytest.mark.parametrize("scaling", ["standard", "meanabs", "level", "first", "series", None])
def test_a_multiple_of_a_series_has_that_multiple_of_its_forecast(scaling: str | None) -> None:
    y = np.stack([positive(seed=seed) for seed in range(3)])
    y[2] -= 3.0  # of either sign
    model = LSTM(4, scaling=scaling, **LOG).fit(y)  # type: ignore[arg-type]
    expected = model.predict()
    np.testing.assert_allclose(model.predict(1000 * y), 1000 * expected, rtol=1e-6)
    again = LSTM(4, scaling=scaling, **LOG).fit(1000 * y)  # type: ignore[arg-type]
    np.testing.assert_allclose(again.predict(), 1000 * expected, rtol=1e-6)


def test_a_positive_series_never_has_a_forecast_below_zero() -> None:
    y = np.exp(3 * np.random.default_rng(1).standard_normal(60))
    model = LSTM(8, quantiles=[0.001, 0.999], learning_rate=0.05, **LOG).fit(y)
    forecast = model.predict()
    assert (forecast > 0).all()
    assert (forecast[:, 0] <= forecast[:, 1]).all()


def test_quantiles_go_through_the_transform_in_order() -> None:
    y = np.stack([positive(), positive(seed=1) - 3.0])
    model = LSTM(4, quantiles=[0.1, 0.9], **LOG).fit(y)
    low, high = np.moveaxis(model.predict(), 2, 0)
    middle = model.predict(quantiles=[0.5])[:, :, 0]
    assert ((low <= middle) & (middle <= high)).all()
    assert np.isfinite(model.predict()).all()


def test_series_with_zeros_negatives_gaps_or_nothing_but_zeros_are_modelled_too() -> None:
    gaps = positive()
    gaps[40:44] = np.nan
    y = np.stack([positive(), positive() - 2, np.round(positive()) % 3, np.zeros(90), gaps])
    model = LSTM(4, **LOG).fit(y)
    forecast = model.predict()
    assert np.isfinite(forecast).all()
    np.testing.assert_array_equal(forecast[3], 0.0)
    assert (forecast[4] > 0).all()


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e12, 1e300])
def test_whatever_the_unit_forecasts_are_finite(scale: float) -> None:
    y = scale * np.stack([positive(), positive() - 3.0])
    expected = LSTM(4, **LOG).fit(y / scale).predict()
    np.testing.assert_allclose(LSTM(4, **LOG).fit(y).predict() / scale, expected, rtol=1e-3)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_forecast_that_no_number_can_hold_is_an_error(sign: float) -> None:
    y = positive() if sign > 0 else positive() - 3.0
    model = LSTM(4, **LOG).fit(y)
    weights = model.fitted.weights.copy()
    weights[-4:] = sign * 1e4  # the head's bias
    model.adopt(replace(model.fitted, weights=weights))
    with pytest.raises(ConfigError, match="too large for a number once transform='log' is undone"):
        model.predict()


def test_each_series_is_transformed_by_all_of_its_own_values_before_the_origin(
    tmp_path: Path,
) -> None:
    # Long ago there was a zero; the context alone would say that all is positive.
    y = np.stack([np.append(0.0, positive(89)), positive()])
    model = LSTM(4, **LOG).fit(y)
    model.save(tmp_path / "m")
    loaded = gatecast.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict(), model.predict())
    np.testing.assert_array_equal(loaded.predict(y), model.predict())
    assert (model.predict(y[:1, 1:]) != model.predict()[0]).any()
    np.testing.assert_allclose(model.predict(y[1:]), model.predict()[1:], rtol=1e-6)


@pytest.mark.parametrize("recursive", [False, True])
def test_point_by_point_is_what_would_have_been_forecast_at_the_time(recursive: bool) -> None:
    y = positive()
    y[50:] -= 4.0  # from here on it is not all positive
    model = LSTM(1, recursive=recursive, **LOG).fit(positive(seed=1))
    found = model.predict_point_by_point(y)
    for end in (12, 30, 51, 80):
        assert found[end - 12] == pytest.approx(model.predict(y[:end])[0], rel=1e-5)
    if recursive:
        whole = model.predict_sequence_full(y)
        np.testing.assert_allclose(whole[:5], model.predict(y[:12], h=5), rtol=1e-5)
        parts = model.predict_sequences_multiple(y, 10)
        np.testing.assert_allclose(parts[4], model.predict(y[:52], h=10), rtol=1e-5)


def test_with_covariates_and_series_without_history_forecasts_come_back() -> None:
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range("2024-01-01", periods=64),
                "y": level * (1 + 0.1 * rng.standard_normal(64)),
                "size": level,
                "sale": rng.random(64) < 0.2,
            }
        )
        for name, level in (("a", 1000.0), ("b", 1010.0), ("c", 10.0), ("d", 10.1))
    ]
    df = pd.concat(parts)
    df.loc[df["ds"] >= "2024-03-01", "y"] = np.nan
    cold = parts[0].tail(4).assign(unique_id="new", y=np.nan)
    settings: dict[str, Any] = {"future_covariates": ["sale"], "static_covariates": ["size"]}
    model = LSTM(4, **LOG, **settings).fit(pd.concat([df, cold]))
    forecast = model.predict().groupby("unique_id")["LSTM"].mean()
    assert 800 < forecast["new"] < 1200
    assert 8 < forecast["c"] < 12
    assert 800 < forecast["a"] < 1200


# Through the model.


EVERY: list[dict[str, Any]] = [
    {"schedule": "cosine"},
    {"weight_averaging": 0.9},
    {"transform": "log"},
    {"windows_per_series": 20},
    {"balance": "series"},
]


@pytest.mark.parametrize("settings", EVERY, ids=str)
def test_each_setting_changes_the_training_and_survives_in_a_file(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    y = np.stack([wave(80, seed) for seed in range(3)])
    y[1, :50] = np.nan
    plain = LSTM(4, **FAST).fit(y).predict()
    model = LSTM(4, **FAST, **settings).fit(y)
    assert np.isfinite(model.predict()).all()
    assert (model.predict() != plain).any()
    model.save(tmp_path / "m")
    loaded = gatecast.load(tmp_path / "m")
    assert loaded.config == model.config
    np.testing.assert_array_equal(loaded.predict(), model.predict())
    np.testing.assert_array_equal(loaded.predict(y[:1, :50]), model.predict(y[:1, :50]))


def test_averaged_weights_are_less_restless() -> None:
    # With a learning rate far too high, the last epochs' validation losses jump about.
    settings: dict[str, Any] = {**FAST, "epochs": 60, "learning_rate": 0.05, "patience": 0}
    y = np.stack([wave(100, seed) for seed in range(4)])

    def restlessness(averaging: float) -> float:
        history = LSTM(4, weight_averaging=averaging, **settings).fit(y).history_
        return float(np.abs(np.diff(history["val_loss"][-30:])).mean())

    assert restlessness(0.98) < 0.3 * restlessness(0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "linear"}, "schedule must be one of 'constant', 'cosine'"),
        ({"schedule": None}, "schedule must be one of"),
        ({"weight_averaging": 1.0}, "weight_averaging must be a number from 0 to 0.9999"),
        ({"weight_averaging": -0.1}, "weight_averaging must be a number"),
        ({"weight_averaging": None}, "weight_averaging must be a number"),
        ({"transform": "sqrt"}, "transform must be one of None, 'log'"),
        ({"balance": "rows"}, "balance must be one of 'windows', 'series'"),
        ({"windows_per_series": 0}, "windows_per_series must be a whole number from 1"),
        ({"windows_per_series": 1.5}, "windows_per_series must be a whole number"),
    ],
)
def test_impossible_settings_are_refused_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LSTM(4, **settings)


def test_files_from_before_there_were_these_settings_are_read(tmp_path: Path) -> None:
    model = LSTM(4, **FAST).fit(wave())
    model.save(tmp_path / "m")
    new = {name for settings in EVERY for name in settings}
    config = {name: value for name, value in model.config.to_dict().items() if name not in new}
    old = gatecast.load(edited(tmp_path / "m", {"config": config}))
    np.testing.assert_array_equal(old.predict(), model.predict())
    assert old.config == model.config
