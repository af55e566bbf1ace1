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
N, T, I, HIDDEN, h = 5, 4, 2, (2, 3, 2), 2  # noqa: E741 - the letters of oracle.py
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
    dilations: oracle.Dilations = ()


WEIGHTS = np.array([[1, 1], [0, 1], [2, 0], [0, 0], [1, 1]], np.float64)  # [N, h]
STARTS = np.array([0, 2, T - 1, 1, 0], np.int32)  # [N]
# Of every step, those before a sequence begins count for nothing.
EVERY_WEIGHT = np.repeat(np.arange(T) >= STARTS[:, None], h, axis=1) * np.tile(WEIGHTS, T)
BLOCKS = ((2,), (3, 1))
VARIANTS = {
    "plain": Variant(),
    "weights": Variant(weights=WEIGHTS),
    "starts": Variant(starts=STARTS),
    "dropout": Variant(dropout=True),
    "all": Variant(WEIGHTS, STARTS, dropout=True),
    # The head reads no step before the sequence.
    "head steps": Variant(WEIGHTS, np.minimum(STARTS, T - 2), dropout=True, head_steps=2),
    "every step": Variant(head_steps=oracle.EVERY_STEP),
    "dilated": Variant(dilations=((1, 2, 5),)),
    "dilated, starts": Variant(starts=STARTS, dilations=((1, 2, 5),)),
    "blocks": Variant(dilations=((1,), (1, 1))),
    "dilated blocks": Variant(dilations=BLOCKS),
    "dilated blocks, all": Variant(EVERY_WEIGHT, STARTS, True, oracle.EVERY_STEP, BLOCKS),
}
# Every loss with every variant of one plain stack; what a stack is like is nothing to a loss.
CASES = {
    f"{kind}, {name}": (loss, variant)
    for kind, loss in LOSSES.items()
    for name, variant in VARIANTS.items()
    if kind == "pinball" or not variant.dilations
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
        for layer, H in enumerate(HIDDEN)
    ]


def make_problem(loss: oracle.Loss, variant: Variant) -> oracle.Problem:
    form = (variant.head_steps, variant.dilations)
    problem = oracle.make_problem(8, I, HIDDEN, T, N, h, loss, *form)
    outputs = problem.forward(variant.starts, make_masks(variant))
    return replace(problem, y=oracle.away_from_kinks(problem.y, outputs, loss))


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa("")


@pytest.mark.parametrize("dilation", [1, 2, T])
@pytest.mark.parametrize("starts", [None, STARTS], ids=["plain", "starts"])
def test_lstm_layer_gradients_match_finite_differences(
    starts: NDArray[np.int32] | None, dilation: int
) -> None:
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
        return float((factors * run().outputs).sum())

    def run() -> oracle.LstmSteps:
        return oracle.lstm_forward(x, **weights, starts=starts, dilation=dilation)

    slopes = oracle.lstm_backward(factors, run(), weights["weight_ih"], weights["weight_hh"])
    for (name, at), slope in zip(({"x": x} | weights).items(), slopes, strict=True):
        if dilation == T and name == "weight_hh":  # no step goes on from another
            assert not slope.any()
        else:
            assert_same_slope(slope, differences(value, at), name=name)


@pytest.mark.parametrize("starts", [None, STARTS], ids=["plain", "starts"])
def test_a_dilated_layer_is_so_many_layers_that_take_turns(
    starts: NDArray[np.int32] | None,
) -> None:
    H, d = 3, 2
    x = oracle.uniform(1, N, 7, I)
    weights = [oracle.uniform(2, 4 * H, I), oracle.uniform(3, 4 * H, H), oracle.uniform(4, 4 * H)]
    dilated = oracle.lstm_forward(x, *weights, starts, d).outputs
    for turn in range(d):
        begins = None if starts is None else -((turn - starts) // d)  # of its own steps
        alone = oracle.lstm_forward(x[:, turn::d], *weights, begins).outputs
        np.testing.assert_array_equal(dilated[:, turn::d], alone)


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
    error = (problem.forward().reshape(N, h, -1) - problem.y[:, :, None]).ravel()
    for kink in (-loss.delta, loss.delta) if loss.kind == "huber" else (0.0,):
        assert (error < kink).any()
        assert (error > kink).any()


@pytest.mark.parametrize(("loss", "variant"), CASES.values(), ids=CASES)
def test_network_gradients_match_finite_differences(loss: oracle.Loss, variant: Variant) -> None:
    problem, masks = make_problem(loss, variant), make_masks(variant)

    def value() -> float:
        return loss.evaluate(problem.forward(variant.starts, masks), problem.y, variant.weights)[0]

    slopes = problem.gradients(loss, variant.weights, variant.starts, masks)
    for name, at in problem.parameters.items():
        slope = slopes.parameters[name]
        if any(5 in block for block in variant.dilations) and name == "lstm.2.weight_hh":
            assert not slope.any()  # it looks back further than there are steps
        else:
            assert_same_slope(slope, differences(value, at), name=name)
    assert_same_slope(slopes.x, differences(value, problem.x), name="x")


@pytest.mark.parametrize(("loss", "variant"), CASES.values(), ids=CASES)
def test_engine_gradients_match_those_that_finite_differences_prove(
    loss: oracle.Loss, variant: Variant, isa: str
) -> None:
    problem = make_problem(loss, variant)
    expected = problem.gradients(loss, variant.weights, variant.starts, make_masks(variant))
    actual = _core.gradients(
        _core.Network(
            I,
            list(HIDDEN),
            h * loss.outputs_per_target,
            DROPOUT * variant.dropout,
            head_steps=variant.head_steps,
            dilations=variant.dilations,
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
    assert actual.loss == pytest.approx(expected.loss, rel=1e-5)
    for name, gradient in oracle.unflatten(actual.gradients, problem.shapes).items():
        if expected.parameters[name].any():
            assert_same_slope(gradient, expected.parameters[name], 1e-5, name)
        else:
            assert not gradient.any()
    assert_same_slope(np.float64(actual.inputs), expected.x, 1e-5, "x")
