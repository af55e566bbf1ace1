"""How an LSTM is trained: the learning rate's schedule and averaged weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gatecast
from gatecast import LSTM, ConfigError

from . import oracle
from .oracle import Windowing
from .test_engine_windows import THREADS, Data, Model, fit, make_data, make_model, oracle_loss

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
            _, _, gradient = oracle.gradients(
                oracle.unflatten(vector, shapes),
                windows.x[part],
                windows.y[part],
                model.loss,
                windows.weights[part],
                windows.starts[part],
            )
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


# Through the model.


EVERY: list[dict[str, Any]] = [{"schedule": "cosine"}, {"weight_averaging": 0.9}]


@pytest.mark.parametrize("settings", EVERY, ids=str)
def test_each_setting_changes_the_training_and_survives_in_a_file(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    y = np.stack([wave(80, seed) for seed in range(3)])
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
    ],
)
def test_impossible_settings_are_refused_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LSTM(4, **settings)
