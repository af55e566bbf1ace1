"""Every layer and loss: the oracle's gradient against finite differences, the engine's against it.

Differences are central and in float64, so that they err by about 1e-12 and leave no doubt; float32
could not tell a wrong gradient from rounding. What they prove of the oracle, the engine must share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gatecast import _core

from . import oracle

STEP = 1e-3
N, T, I, HIDDEN, h = 5, 4, 2, (3, 2, 2), 2  # noqa: E741 - the letters of oracle.py
DROPOUT, DROPOUT_SEED = 0.4, 9

LOSSES = {
    "mse": oracle.Loss("mse"),
    "mae": oracle.Loss("mae"),
    "huber": oracle.Loss("huber", delta=0.5),
    "pinball": oracle.Loss("pinball", (0.1, 0.5, 0.9)),
}


@dataclass(frozen=True)
class Variant:
    weights: oracle.Array | None = None
    starts: NDArray[np.int32] | None = None
    dropout: bool = False
    head_steps: int = 1


WEIGHTS = np.array([[1, 1], [0, 1], [1, 0], [0, 0], [1, 1]], np.float64)  # [N, h]
STARTS = np.array([0, 2, T - 1, 1, 0], np.int32)  # [N]
VARIANTS = {
    "plain": Variant(),
    "weights": Variant(weights=WEIGHTS),
    "starts": Variant(starts=STARTS),
    "dropout": Variant(dropout=True),
    "all": Variant(WEIGHTS, STARTS, dropout=True),
    # The head reads no step before the sequence.
    "head steps": Variant(WEIGHTS, np.minimum(STARTS, T - 2), dropout=True, head_steps=2),
}


def differences(f: Callable[[], float], at: oracle.Array) -> oracle.Array:
    """The gradient of f at the array that it reads, which is changed and restored."""
    slope = np.zeros_like(at)
    for j in np.ndindex(at.shape):
        middle = at[j]
        # The formula over five points errs by the fourth power of the step only.
        for offset, factor in [(1, 8), (-1, -8), (2, -1), (-2, 1)]:
            at[j] = middle + offset * STEP
            slope[j] += factor * f() / (12 * STEP)
        at[j] = middle
    return slope


def assert_same_slope(
    actual: oracle.Array, expected: oracle.Array, tolerance: float = 1e-7, name: str = ""
) -> None:
    """Within `tolerance` of the tensor's largest element."""
    off, largest = np.abs(actual - expected).max(), np.abs(expected).max()
    assert largest > 0, f"{name}: nothing is tested"
    assert off <= tolerance * largest, f"{name} off by {off:.2e}, its largest is {largest:.2e}"


def make_masks(variant: Variant) -> list[oracle.Array]:
    if not variant.dropout:
        return []
    return [
        np.float64(_core.dropout_mask(DROPOUT_SEED, 0, layer, N, T, H, DROPOUT))
        for layer, H in enumerate(HIDDEN[:-1])
    ]


def make_problem(loss: oracle.Loss, variant: Variant) -> oracle.Problem:
    problem = oracle.make_problem(8, I, HIDDEN, T, N, h, loss, variant.head_steps)
    outputs, _ = oracle.forward(
        problem.parameters, problem.x, variant.starts, make_masks(variant), variant.head_steps
    )
    return replace(problem, y=oracle.away_from_kinks(problem.y, outputs, loss))


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa("")


@pytest.mark.parametrize("starts", [None, STARTS], ids=["plain", "starts"])
def test_lstm_layer_gradients_match_finite_differences(starts: NDArray[np.int32] | None) -> None:
    H = 3
    x = oracle.uniform(1, N, T, I)
    weights = {
        "weight_ih": oracle.uniform(2, 4 * H, I),
        "weight_hh": oracle.uniform(3, 4 * H, H),
        "bias": oracle.uniform(4, 4 * H),
    }
    # Every step's output counts, each by another factor, as where another layer stands above.
    factors = oracle.uniform(5, N, T, H)

    def value() -> float:
        return float((factors * oracle.lstm_forward(x, **weights, starts=starts).h[:, 1:]).sum())

    steps = oracle.lstm_forward(x, **weights, starts=starts)
    slopes = oracle.lstm_backward(factors, steps, weights["weight_ih"], weights["weight_hh"])
    for (name, at), slope in zip(({"x": x} | weights).items(), slopes, strict=True):
        assert_same_slope(slope, differences(value, at), name=name)


def test_dense_layer_gradients_match_finite_differences() -> None:
    x, weight, bias = (oracle.uniform(k, *s) for k, s in enumerate([(N, 3), (4, 3), (4,)]))
    factors = oracle.uniform(9, N, 4)

    def value() -> float:
        return float((factors * oracle.dense_forward(x, weight, bias)).sum())

    slopes = oracle.dense_backward(factors, x, weight)
    for name, at, slope in zip("xwb", (x, weight, bias), slopes, strict=True):
        assert_same_slope(slope, differences(value, at), name=name)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weights"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_loss_gradients_match_finite_differences(
    loss: oracle.Loss, weights: oracle.Array | None
) -> None:
    outputs = 2 * oracle.uniform(1, N, h * loss.outputs_per_target)
    y = oracle.away_from_kinks(oracle.uniform(2, N, h), outputs, loss)
    _, slope = loss.evaluate(outputs, y, weights)
    assert_same_slope(slope, differences(lambda: loss.evaluate(outputs, y, weights)[0], outputs))


@pytest.mark.parametrize("kind", ["mae", "huber", "pinball"])
def test_the_problem_meets_both_sides_of_every_kink(kind: str) -> None:
    loss = LOSSES[kind]
    problem = make_problem(loss, Variant())
    outputs, _ = oracle.forward(problem.parameters, problem.x)
    error = (outputs.reshape(N, h, -1) - problem.y[:, :, None]).ravel()
    for kink in (-loss.delta, loss.delta) if loss.kind == "huber" else (0.0,):
        assert (error < kink).any()
        assert (error > kink).any()


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_network_gradients_match_finite_differences(loss: oracle.Loss, variant: Variant) -> None:
    problem, masks = make_problem(loss, variant), make_masks(variant)

    def value() -> float:
        outputs, _ = oracle.forward(
            problem.parameters, problem.x, variant.starts, masks, variant.head_steps
        )
        return loss.evaluate(outputs, problem.y, variant.weights)[0]

    _, _, slopes = oracle.gradients(
        problem.parameters,
        problem.x,
        problem.y,
        loss,
        variant.weights,
        variant.starts,
        masks,
        variant.head_steps,
    )
    for name, at in problem.parameters.items():
        assert_same_slope(slopes[name], differences(value, at), name=name)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_engine_gradients_match_those_that_finite_differences_prove(
    loss: oracle.Loss, variant: Variant, isa: str
) -> None:
    problem = make_problem(loss, variant)
    value, _, expected = oracle.gradients(
        problem.parameters,
        problem.x,
        problem.y,
        loss,
        variant.weights,
        variant.starts,
        make_masks(variant),
        variant.head_steps,
    )
    actual = _core.gradients(
        _core.Network(
            I,
            list(HIDDEN),
            h * loss.outputs_per_target,
            DROPOUT * variant.dropout,
            head_steps=variant.head_steps,
        ),
        np.float32(oracle.flatten(problem.parameters)),
        np.float32(problem.x),
        np.float32(problem.y),
        _core.Loss(loss.kind, quantiles=list(loss.quantiles), delta=loss.delta),
        weights=None if variant.weights is None else np.float32(variant.weights),
        starts=variant.starts,
        threads=1,
        dropout_seed=DROPOUT_SEED,
    )
    assert actual.loss == pytest.approx(value, rel=1e-5)
    for name, gradient in oracle.unflatten(actual.gradients, problem.shapes).items():
        assert_same_slope(gradient, expected[name], 1e-5, name)
