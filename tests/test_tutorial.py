"""The tutorial's network and its three ways to look at it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gatecast import LSTM, ConfigError, DataError
from gatecast.demo import run_demo


def sine() -> np.ndarray:
    return np.sin(np.arange(-50.0, 50.0))


@pytest.fixture(scope="module")
def fitted() -> LSTM:
    return LSTM.tutorial(epochs=150).fit(sine()[:95])


def test_it_is_the_tutorial_s_network(fitted: LSTM) -> None:
    shapes = {name: weight.shape for name, weight in fitted.parameters_.items()}
    assert shapes == {
        "lstm.0.weight_ih": (20, 1),
        "lstm.0.weight_hh": (20, 5),
        "lstm.0.bias": (20,),
        "lstm.1.weight_ih": (80, 5),
        "lstm.1.weight_hh": (80, 20),
        "lstm.1.bias": (80,),
        "head.weight": (1, 20),
        "head.bias": (1,),
    }
    config = fitted.config
    assert (config.context_length, config.batch_size, config.loss) == (50, 512, "mse")
    assert (config.scaling, config.anchor, config.recursive) == (None, None, True)
    assert (fitted.n_windows_, fitted.n_validation_windows_) == (43, 2)
    assert len(fitted.history_["loss"]) == 150  # no early stopping


def test_point_by_point_gives_one_value_for_each_that_has_a_context(fitted: LSTM) -> None:
    y = sine()
    forecast = fitted.predict_point_by_point(y)
    assert forecast.shape == (50,)
    for t in (50, 73, 99):
        expected = fitted.predict(y[t - 50 : t], h=1)[0]
        np.testing.assert_allclose(forecast[t - 50], expected, atol=1e-6)


def test_sequence_full_feeds_each_forecast_back(fitted: LSTM) -> None:
    y = sine()
    forecast = fitted.predict_sequence_full(y)
    seen = list(y[:50])
    for step in range(3):
        seen.append(fitted.predict(np.array(seen[-50:]), h=1)[0])
        np.testing.assert_allclose(forecast[step], seen[-1], atol=1e-6)
    changed = y.copy()
    changed[50:] = 9  # the truth after the first window is never looked at
    np.testing.assert_array_equal(fitted.predict_sequence_full(changed), forecast)


@pytest.mark.parametrize(("prediction_len", "lengths"), [(50, [50]), (20, [20, 20, 10])])
def test_sequences_multiple_start_anew_from_true_windows(
    fitted: LSTM, prediction_len: int, lengths: list[int]
) -> None:
    y = sine()
    sequences = fitted.predict_sequences_multiple(y, prediction_len)
    assert [len(sequence) for sequence in sequences] == lengths
    full = fitted.predict_sequence_full(y)
    np.testing.assert_allclose(sequences[0], full[:prediction_len], atol=1e-6)
    last = len(y) - lengths[-1]
    expected = fitted.predict(y[last - 50 : last], h=lengths[-1])
    np.testing.assert_allclose(sequences[-1], expected, atol=1e-6)


def test_when_a_window_starts_at_zero_normalising_does_not_divide_by_it() -> None:
    y = np.sin(np.arange(120) * np.pi / 5)  # every fifth value is zero to rounding
    y[::5] = 0.0
    model = LSTM.tutorial(epochs=3, normalise_window=True).fit(y)
    assert np.isfinite(model.predict_point_by_point(y)).all()
    assert np.isfinite(model.predict(h=20)).all()


def test_when_normalised_a_window_is_seen_relative_to_its_first_value() -> None:
    y = 5 + np.sin(np.arange(100.0))
    model = LSTM.tutorial(epochs=3, normalise_window=True).fit(y)
    np.testing.assert_allclose(model.predict(8 * y, h=3), 8 * model.predict(y, h=3), rtol=1e-12)


def test_rmsprop_is_there() -> None:
    model = LSTM.tutorial(epochs=5, optimizer="rmsprop").fit(sine())
    assert model.history_["loss"][-1] < model.history_["loss"][0]


def test_when_a_model_is_not_recursive_the_sequences_say_what_to_do() -> None:
    model = LSTM(3, context_length=12, hidden_size=4, epochs=1).fit(sine())
    assert model.predict_point_by_point(sine()).shape == (88,)
    with pytest.raises(ConfigError, match="recursive=True"):
        model.predict_sequence_full(sine())
    with pytest.raises(ConfigError, match="recursive=True"):
        model.predict_sequences_multiple(sine())


def test_when_the_series_is_too_short_or_not_one_it_is_refused(fitted: LSTM) -> None:
    with pytest.raises(DataError, match="more than 50 values"):
        fitted.predict_point_by_point(sine()[:50])
    with pytest.raises(DataError, match="One series"):
        fitted.predict_point_by_point(np.stack([sine(), sine()]))
    with pytest.raises(ConfigError, match="prediction_len"):
        fitted.predict_sequences_multiple(sine(), 0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_demo_learns_the_sine_and_goes_on(seed: int) -> None:
    result = run_demo(seed=seed)
    assert result.scores["persistence"].rmse == pytest.approx(0.65, abs=0.01)
    assert result.scores["point_by_point"].rmse < 0.02
    assert result.scores["future"].rmse < 0.05
    assert result.scores["point_by_point"].n == 5
    assert result.scores["full_sequence"].n == result.scores["future"].n == 50


def test_the_cold_job_needs_no_framework() -> None:
    code = (
        "import numpy as np; from gatecast import LSTM\n"
        "y = np.sin(np.arange(-50.0, 50.0))\n"
        "print(LSTM.tutorial(epochs=100).fit(y).predict_point_by_point(y).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(50,)"
