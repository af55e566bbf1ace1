"""The engine's own exp, tanh and sigmoid, looked at through a network of one unit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from gatecast import ConfigError, _core

LARGE = 80.0  # sigmoid and tanh of it are 1 in float32


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa("")


def state(x: np.ndarray, gate: int, precision: str = "float32") -> np.ndarray:
    """h = o tanh(i g) after one step, with x the pre-activation of one gate and the others at 1."""
    network = _core.Network(1, [1], 1, precision=precision)
    at = {name: offset for name, _, offset in network.layout()}
    parameters = np.zeros(network.n_parameters, np.float32)
    parameters[at["lstm.0.bias"] : at["lstm.0.bias"] + 4] = LARGE
    parameters[at["lstm.0.bias"] + gate] = 0.0
    parameters[at["lstm.0.weight_ih"] + gate] = 1.0
    parameters[at["head.weight"]] = 1.0
    targets = np.zeros((len(x), 1), np.float32)
    inputs = x.astype(np.float32)[:, None, None]
    result = _core.gradients(network, parameters, inputs, targets, _core.Loss("mse"))
    return np.asarray(result.outputs)[:, 0].astype(np.float64)


def sweep() -> np.ndarray:
    small = np.logspace(-12, 0, 300)
    x = np.concatenate([-small, small, np.linspace(-30, 30, 2001), [0.0, -200.0, 200.0, 1e30]])
    return x.astype(np.float32).astype(np.float64)


def test_tanh_is_exact_to_a_few_units_in_the_last_place_near_zero_too(isa: str) -> None:
    x = sweep()
    np.testing.assert_allclose(state(x, 2), np.tanh(np.tanh(x)), rtol=6e-7, atol=0)


def test_sigmoid_is_exact_to_a_few_units_in_the_last_place(isa: str) -> None:
    x = sweep()
    with np.errstate(over="ignore"):
        sigmoid = 1 / (1 + np.exp(-x))
    far = sigmoid > 1e-30  # below, float32 has no such numbers left
    # Far from zero half a unit in the last place of x itself is |x| units of the sigmoid.
    error = np.abs(state(x, 0) / np.tanh(sigmoid) - 1)[far]
    assert (error < 8e-7 + 2.0**-23 * np.abs(x)[far]).all()
    np.testing.assert_allclose(state(x, 0)[~far], 0, atol=1e-30)


def test_where_products_are_bfloat16_both_are_exact_to_a_few_hundred_thousandths(isa: str) -> None:
    x = sweep()
    with np.errstate(over="ignore"):
        sigmoid = np.tanh(1 / (1 + np.exp(-x)))
    np.testing.assert_allclose(state(x, 0, "bfloat16"), sigmoid, rtol=0, atol=2e-5)
    tanh = state(x, 2, "bfloat16")
    np.testing.assert_allclose(tanh, np.tanh(np.tanh(x)), rtol=5e-5, atol=0)
    assert np.abs(tanh).max() <= np.tanh(1.0) + 1e-6


def test_nan_comes_through(isa: str) -> None:
    with pytest.raises(ConfigError, match="not a finite number at window 0"):
        state(np.array([np.nan]), 2)
