"""The engine against PyTorch (golden files, and live where it is installed) and the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from gatecast import ConfigError, _core

from . import oracle
from .golden import make_golden

GOLDEN = {p.stem: p for p in sorted((Path(__file__).parent / "golden").glob("*.npz"))}
LOSSES = {
    "mse": oracle.Loss("mse"),
    "mae": oracle.Loss("mae"),
    "huber": oracle.Loss("huber", delta=0.5),
    "pinball": oracle.Loss("pinball", (0.05, 0.5, 0.8)),
}
Shapes = dict[str, tuple[int, ...]]
# Inputs, units and dilations: layers of one block, blocks of one layer, both; a layer that looks
# back further than there are steps; a block's inner layers of another size than its last.
STACKS: dict[str, tuple[int, tuple[int, ...], oracle.Dilations]] = {
    "one layer": (5, (3,), ((2,),)),
    "one block": (1, (5, 4), ((1, 3),)),
    "blocks of one layer": (24, (33, 33, 33), ((1,), (2,), (5,))),
    "blocks, not dilated": (2, (5, 5), ((1,), (1,))),
    "inner layers": (4, (3, 17, 40, 17), ((7, 20), (1, 3))),
    "many inputs": (60, (40, 40, 40, 40), ((1, 4), (24, 168))),
    "beyond the steps": (9, (8, 16, 8), ((12,), (99, 12))),
}


@dataclass(frozen=True)
class Extras:
    """What a batch may have besides inputs and targets."""

    weights: oracle.Array | None = None  # [N, h]
    starts: NDArray[np.int64] | None = None  # [N]
    dropout: float = 0.0
    dropout_seed: int = 0


NO_EXTRAS = Extras()


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa("")


# The engine's names and types stand here and nowhere else in this file.


def f32(a: ArrayLike) -> NDArray[np.float32]:
    return np.ascontiguousarray(a, np.float32)


def engine_network(problem: oracle.Problem, dropout: float = 0.0) -> _core.Network:
    K = problem.head_steps
    return _core.Network(
        problem.x.shape[2],
        list(problem.hidden),
        max(K, 1) * problem.parameters["head.bias"].size,
        dropout,
        head_steps=K,
        dilations=problem.dilations,
    )


def engine_arguments(problem: oracle.Problem, loss: oracle.Loss, dropout: float = 0.0) -> tuple:
    return (
        engine_network(problem, dropout),
        f32(oracle.flatten(problem.parameters)),
        f32(problem.x),
        f32(problem.y),
        _core.Loss(loss.kind, quantiles=list(loss.quantiles), delta=loss.delta),
    )


def engine_extras(extras: Extras) -> dict:
    return {
        "weights": None if extras.weights is None else f32(extras.weights),
        "starts": None if extras.starts is None else extras.starts.astype(np.int32),
    }


def engine_gradients(
    problem: oracle.Problem, loss: oracle.Loss, extras: Extras = NO_EXTRAS, threads: int = 1
) -> _core.Gradients:
    return _core.gradients(
        *engine_arguments(problem, loss, extras.dropout),
        **engine_extras(extras),
        threads=threads,
        dropout_seed=extras.dropout_seed,
    )


def engine_fit(
    problem: oracle.Problem,
    loss: oracle.Loss,
    extras: Extras = NO_EXTRAS,
    *,
    epochs: int,
    batch_size: int | None = None,
    **training: object,
) -> _core.FitResult:
    return _core.fit_arrays(
        *engine_arguments(problem, loss, extras.dropout),
        _core.Training(
            epochs=epochs,
            batch_size=batch_size or len(problem.x),
            seed=extras.dropout_seed,
            shuffle=False,
            threads=1,
            **training,
        ),
        **engine_extras(extras),
    )


def engine_masks(problem: oracle.Problem, extras: Extras, step: int, N: int) -> list[oracle.Array]:
    """What multiplies the outputs of every layer in one step."""
    if not extras.dropout:
        return []
    T = problem.x.shape[1]
    return [
        np.float64(_core.dropout_mask(extras.dropout_seed, step, layer, N, T, H, extras.dropout))
        for layer, H in enumerate(problem.hidden)
    ]


# What the tests below share.


def is_real(problem: oracle.Problem, starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[N, targets]: is the step of the target one of the sequence, and no padding before it?"""
    T = problem.x.shape[1]
    if problem.head_steps != oracle.EVERY_STEP:
        return np.ones_like(problem.y, bool)
    return np.repeat(np.arange(T) >= starts[:, None], problem.y.shape[1] // T, axis=1)


def make_extras(problem: oracle.Problem, seed: int, dropout: float = 0.0) -> Extras:
    """Targets left out, sequences that begin late, and dropout."""
    N, T, _ = problem.x.shape
    weights = np.float64(oracle.uniform(seed + 1, *problem.y.shape) > -0.4)
    latest = T - max(problem.head_steps, 1)  # the last steps are the head's, and no padding
    starts = np.int64(np.clip(oracle.uniform(seed + 2, N) * T, 0, latest))
    weights *= is_real(problem, starts)
    weights[0, -1] = 1  # one target at least counts
    return Extras(weights=weights, starts=starts, dropout=dropout, dropout_seed=seed)


def assert_close(actual: ArrayLike, expected: ArrayLike, tolerance: float, what: str = "") -> None:
    """Within `tolerance` of the expected tensor's largest element."""
    actual, expected = np.float64(actual), np.float64(expected)
    assert actual.shape == expected.shape
    off, largest = np.abs(actual - expected).max(), np.abs(expected).max()
    assert off <= tolerance * largest, f"{what} off by {off:.2e}, its largest is {largest:.2e}"


def assert_all_close(
    actual: ArrayLike, expected: ArrayLike, shapes: Shapes, tolerance: float
) -> None:
    """`assert_close` for each tensor of two flat vectors."""
    a, b = oracle.unflatten(actual, shapes), oracle.unflatten(expected, shapes)
    for name in shapes:
        assert_close(a[name], b[name], tolerance, name)


def assert_gradients_match_oracle(
    problem: oracle.Problem, loss: oracle.Loss, extras: Extras
) -> None:
    masks = engine_masks(problem, extras, step=0, N=len(problem.x))
    outputs = problem.forward(extras.starts, masks)
    problem = replace(problem, y=oracle.away_from_kinks(problem.y, outputs, loss))
    expected = problem.gradients(loss, extras.weights, extras.starts, masks)
    actual = engine_gradients(problem, loss, extras)
    assert_close(actual.loss, expected.loss, 1e-5, "loss")
    starts = np.zeros(len(problem.x), np.int64) if extras.starts is None else extras.starts
    # What is put out before a sequence begins means nothing.
    real = np.repeat(is_real(problem, starts), loss.outputs_per_target, axis=1)
    assert_close(actual.outputs[real], expected.outputs[real], 1e-5, "outputs")
    # A tensor all of whose sums happen to cancel may be off by float32's error in the summands.
    largest = max(np.abs(g).max() for g in expected.parameters.values())
    for name, gradient in oracle.unflatten(actual.gradients, problem.shapes).items():
        off = np.abs(gradient - expected.parameters[name]).max()
        assert off <= 1e-5 * np.abs(expected.parameters[name]).max() + 1e-6 * largest, name
    assert_close(actual.inputs, expected.x, 1e-5, "gradient at the inputs")


def oracle_fit(
    problem: oracle.Problem,
    loss: oracle.Loss,
    optimizer: oracle.AdamW | oracle.RmsProp,
    extras: Extras = NO_EXTRAS,
    *,
    epochs: int,
    batch_size: int | None = None,
    clip_norm: float = 0.0,
) -> tuple[oracle.Array, list[float]]:
    """Parameters after training in the order given, and the mean loss by epoch."""
    N, size = len(problem.x), batch_size or len(problem.x)
    vector, history, step = oracle.flatten(problem.parameters), [], 0
    for _ in range(epochs):
        total = count = 0.0
        for at in range(0, N, size):
            batch = slice(at, at + size)
            weights = (np.ones_like(problem.y) if extras.weights is None else extras.weights)[batch]
            now = replace(
                problem,
                parameters=oracle.unflatten(vector, problem.shapes),
                x=problem.x[batch],
                y=problem.y[batch],
            )
            at_now = now.gradients(
                loss,
                weights,
                None if extras.starts is None else extras.starts[batch],
                engine_masks(problem, extras, step, len(weights)),
            )
            gradient = oracle.flatten(at_now.parameters)
            vector = optimizer.step(vector, oracle.clip(gradient, clip_norm))
            total, count = total + at_now.loss * weights.sum(), count + weights.sum()
            step += 1
        history.append(total / count)
    return vector, history


# PyTorch.


@pytest.mark.parametrize("name", GOLDEN)
def test_oracles_gradients_match_pytorch(name: str) -> None:
    case, golden = make_golden.read(GOLDEN[name])
    problem = case.problem()
    actual = problem.gradients(case.loss_function)
    assert_close(actual.loss, golden.loss[0], 1e-9, "loss")
    # The files keep float32's 24 bits.
    assert_close(actual.outputs, golden.outputs, 1e-7, "outputs")
    assert_all_close(oracle.flatten(actual.parameters), golden.gradients, problem.shapes, 1e-7)


# Both optimisers, with weight decay and clipping, and without.
@pytest.mark.parametrize(
    "name", ["small_pinball", "odd_clipped", "deep_long", "one_unit", "dilated_every_step"]
)
def test_oracles_ten_steps_match_pytorch(name: str) -> None:
    case, golden = make_golden.read(GOLDEN[name])
    problem, optimizer = case.problem(), oracle.OPTIMIZERS[case.optimizer]
    weights, history = oracle_fit(
        problem,
        case.loss_function,
        optimizer(case.learning_rate, case.weight_decay),
        epochs=make_golden.STEPS,
        clip_norm=case.clip_norm,
    )
    assert_close(history, golden.loss, 1e-9, "loss")
    assert_all_close(weights, golden.weights, problem.shapes, 1e-7)


def test_golden_files_are_those_of_the_cases() -> None:
    assert {name: make_golden.read(path)[0] for name, path in GOLDEN.items()} == {
        case.name: case for case in make_golden.CASES
    }


@pytest.mark.parametrize("name", GOLDEN)
def test_outputs_loss_and_gradients_match_pytorch(name: str, isa: str) -> None:
    case, golden = make_golden.read(GOLDEN[name])
    problem = case.problem()
    actual = engine_gradients(problem, case.loss_function)
    assert_close(actual.outputs, golden.outputs, 1e-5, "outputs")
    assert_close(actual.loss, golden.loss[0], 1e-5, "loss")
    assert_all_close(actual.gradients, golden.gradients, problem.shapes, 1e-5)


def fit_case(case: make_golden.Case) -> _core.FitResult:
    return engine_fit(
        case.problem(),
        case.loss_function,
        epochs=make_golden.STEPS,
        optimizer=case.optimizer,
        learning_rate=case.learning_rate,
        weight_decay=case.weight_decay,
        clip_norm=case.clip_norm,
    )


@pytest.mark.parametrize("name", GOLDEN)
def test_losses_and_weights_of_ten_steps_match_pytorch(name: str, isa: str) -> None:
    case, golden = make_golden.read(GOLDEN[name])
    actual = fit_case(case)
    np.testing.assert_allclose(actual.loss, golden.loss, rtol=1e-5)
    assert_all_close(actual.parameters, golden.weights, case.problem().shapes, 1e-4)


# Not the longest batch: there PyTorch's own float32 is off by as much as is allowed here.
@pytest.mark.filterwarnings("default")  # PyTorch's own warnings are not ours to mend
@pytest.mark.parametrize(
    "name",
    [
        "small_pinball",
        "odd_clipped",
        "odd_huber",
        "deep_long",
        "dilated",
        "dilated_residual",
        "dilated_every_step",
    ],
)
def test_when_pytorch_is_installed_its_float32_results_match(name: str) -> None:
    torch = pytest.importorskip("torch")
    case = replace(make_golden.read(GOLDEN[name])[0], seed=100)  # other numbers than the file's
    problem, live = case.problem(), make_golden.with_torch(case, torch.float32)
    actual = engine_gradients(problem, case.loss_function)
    assert_close(actual.outputs, live.outputs, 1e-5, "outputs")
    assert_close(actual.loss, live.loss[0], 1e-5, "loss")
    assert_all_close(actual.gradients, live.gradients, problem.shapes, 1e-5)
    assert_all_close(fit_case(case).parameters, live.weights, problem.shapes, 1e-4)


# The oracle.


@pytest.mark.parametrize(
    ("head_steps", "dilations"), [(1, ()), (3, ()), (oracle.EVERY_STEP, ((1,), (2, 4)))]
)
def test_layout_is_the_oracles(head_steps: int, dilations: oracle.Dilations) -> None:
    problem = oracle.make_problem(0, 3, (9, 7, 9), 3, 1, 6, LOSSES["mse"], head_steps, dilations)
    network, offset = engine_network(problem), 0
    for (name, shape, at), expected in zip(network.layout(), problem.shapes.items(), strict=True):
        assert (name, tuple(shape), at) == (*expected, offset)
        offset += int(np.prod(shape))
    assert network.n_parameters == offset


# Tiles are 8, 16 or 32 windows wide, by instruction set and batch; inputs up to 4 go another way.
@pytest.mark.parametrize("N", [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 129])
def test_when_batch_does_not_fill_its_tiles_gradients_match_oracle(N: int, isa: str) -> None:
    loss = LOSSES["pinball"]
    problem = oracle.make_problem(N, 2, (5, 4), T=4, N=N, h=2, loss=loss)
    assert_gradients_match_oracle(problem, loss, make_extras(problem, N, dropout=0.25))


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("inputs", [1, 4, 5, 16, 17])
@pytest.mark.parametrize("hidden", [(1,), (4, 5), (16, 3, 17), (2, 2, 2, 2)], ids=str)
def test_when_shapes_are_odd_gradients_match_oracle(
    loss: oracle.Loss, inputs: int, hidden: tuple[int, ...], isa: str
) -> None:
    problem = oracle.make_problem(inputs, inputs, hidden, T=5, N=19, h=3, loss=loss)
    assert_gradients_match_oracle(problem, loss, make_extras(problem, inputs, dropout=0.5))
    assert_gradients_match_oracle(problem, loss, NO_EXTRAS)


# More steps than the backward pass takes at once, as many as there are, and two targets a step.
@pytest.mark.parametrize(("T", "h", "head_steps"), [(20, 12, 12), (3, 3, 3), (5, 4, 2)])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("hidden", [(7,), (4, 5), (16, 3, 17)], ids=str)
def test_when_the_head_reads_the_last_steps_gradients_match_oracle(
    hidden: tuple[int, ...], loss: oracle.Loss, T: int, h: int, head_steps: int, isa: str
) -> None:
    for inputs, N in [(1, 5), (6, 41)]:
        problem = oracle.make_problem(T, inputs, hidden, T, N, h, loss, head_steps)
        assert_gradients_match_oracle(problem, loss, make_extras(problem, 3, dropout=0.5))
        assert_gradients_match_oracle(problem, loss, NO_EXTRAS)


@pytest.mark.parametrize("head_steps", [1, 2, oracle.EVERY_STEP])
@pytest.mark.parametrize("stack", STACKS)
def test_when_layers_are_dilated_or_in_blocks_gradients_match_oracle(
    stack: str, head_steps: int, isa: str
) -> None:
    inputs, hidden, dilations = STACKS[stack]
    # More steps than the backward pass takes at once, and fewer; tiles that are full, and not.
    for loss, T, N in [(LOSSES["pinball"], 19, 17), (LOSSES["huber"], 4, 33)]:
        problem = oracle.make_problem(T, inputs, hidden, T, N, 2, loss, head_steps, dilations)
        assert_gradients_match_oracle(problem, loss, make_extras(problem, 1))
        assert_gradients_match_oracle(problem, loss, make_extras(problem, 2, dropout=0.4))
        assert_gradients_match_oracle(problem, loss, NO_EXTRAS)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 2**31),
    isa_name=st.sampled_from(_core.available_isas()),
    inputs=st.integers(1, 60),
    units=st.integers(1, 40),
    inner=st.lists(st.lists(st.integers(1, 20), max_size=2), min_size=1, max_size=3),
    data=st.data(),
    T=st.integers(1, 12),
    N=st.integers(7, 70),
    loss=st.sampled_from(list(LOSSES.values())),
    dropout=st.sampled_from([0.0, 0.4]),
    every_step=st.booleans(),
)
def test_whatever_the_stack_gradients_match_oracle(
    seed: int,
    isa_name: str,
    inputs: int,
    units: int,
    inner: list[list[int]],  # by block: sizes of its layers but the last
    data: st.DataObject,
    T: int,
    N: int,
    loss: oracle.Loss,
    dropout: float,
    every_step: bool,
) -> None:
    hidden = [size for block in inner for size in [*block, units]]
    dilations = [[data.draw(st.integers(1, 15)) for _ in range(len(b) + 1)] for b in inner]
    head_steps = oracle.EVERY_STEP if every_step else 1
    problem = oracle.make_problem(seed, inputs, hidden, T, N, 2, loss, head_steps, dilations)
    _core.set_isa(isa_name)
    try:
        assert_gradients_match_oracle(problem, loss, make_extras(problem, seed, dropout))
    finally:
        _core.set_isa("")


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 2**31),
    isa_name=st.sampled_from(_core.available_isas()),
    inputs=st.integers(1, 9),
    hidden=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    T=st.integers(1, 12),
    N=st.integers(1, 70),
    h=st.integers(1, 5),
    loss=st.sampled_from(list(LOSSES.values())),
    dropout=st.sampled_from([0.0, 0.1, 0.7]),
    each_step=st.booleans(),
)
def test_whatever_the_shape_gradients_match_oracle(
    seed: int,
    isa_name: str,
    inputs: int,
    hidden: list[int],
    T: int,
    N: int,
    h: int,
    loss: oracle.Loss,
    dropout: float,
    each_step: bool,
) -> None:
    head_steps = h if each_step and h <= T else 1
    problem = oracle.make_problem(seed, inputs, hidden, T, N, h, loss, head_steps)
    _core.set_isa(isa_name)
    try:
        assert_gradients_match_oracle(problem, loss, make_extras(problem, seed, dropout))
    finally:
        _core.set_isa("")


@pytest.mark.parametrize(
    ("head_steps", "dilations"),
    [(1, ()), (2, ()), (oracle.EVERY_STEP, ((1,), (4, 2)))],
    ids=["last step", "last steps", "every step, dilated"],
)
@pytest.mark.parametrize("optimizer", oracle.OPTIMIZERS)
def test_when_training_in_batches_with_dropout_weights_match_oracle(
    optimizer: str, head_steps: int, dilations: oracle.Dilations, isa: str
) -> None:
    loss = LOSSES["huber"]
    problem = oracle.make_problem(3, 2, (5, 4, 5), 6, 23, 2, loss, head_steps, dilations)
    extras = make_extras(problem, 17, dropout=0.3)
    actual = engine_fit(  # batches of 9, 9 and 5
        problem,
        loss,
        extras,
        epochs=3,
        batch_size=9,
        optimizer=optimizer,
        learning_rate=0.01,
        weight_decay=0.1,
        clip_norm=0.2,
    )
    expected, history = oracle_fit(
        problem,
        loss,
        oracle.OPTIMIZERS[optimizer](0.01, 0.1),
        extras,
        epochs=3,
        batch_size=9,
        clip_norm=0.2,
    )
    np.testing.assert_allclose(actual.loss, history, rtol=1e-5)
    assert_all_close(actual.parameters, expected, problem.shapes, 1e-4)


def same_bits(a: _core.Gradients, b: _core.Gradients) -> bool:
    return (a.loss, a.outputs.tobytes(), a.gradients.tobytes(), a.inputs.tobytes()) == (
        b.loss,
        b.outputs.tobytes(),
        b.gradients.tobytes(),
        b.inputs.tobytes(),
    )


@pytest.mark.parametrize(
    "padding",
    [
        0.0,
        -1e3,
        1e30,
        np.nan,
    ],
)
@pytest.mark.parametrize("dilations", [(), ((3,), (2,))], ids=["plain", "dilated"])
def test_when_sequence_begins_late_the_steps_before_do_not_matter(
    padding: float, dilations: oracle.Dilations, isa: str
) -> None:
    loss = LOSSES["mse"]
    problem = oracle.make_problem(5, 3, (4, 4), T=8, N=21, h=1, loss=loss, dilations=dilations)
    extras = make_extras(problem, 4)
    assert extras.starts is not None
    x = problem.x.copy()
    x[np.arange(8) < extras.starts[:, None]] = padding
    assert same_bits(
        engine_gradients(replace(problem, x=x), loss, extras),
        engine_gradients(problem, loss, extras),
    )


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("garbage", [1e30, np.nan, np.inf])
def test_when_a_target_does_not_count_its_value_does_not_matter(
    loss: oracle.Loss, garbage: float, isa: str
) -> None:
    problem = oracle.make_problem(6, 1, (5, 4), T=4, N=21, h=3, loss=loss)
    extras = make_extras(problem, 4)
    y = np.where(extras.weights == 0, garbage, problem.y)
    assert same_bits(
        engine_gradients(replace(problem, y=y), loss, extras),
        engine_gradients(problem, loss, extras),
    )


@pytest.mark.parametrize("kind", LOSSES)
def test_when_the_outputs_are_exact_loss_and_gradients_are_zero(kind: str, isa: str) -> None:
    loss = oracle.Loss(kind, (0.3,))  # on its kink, where the slope is a matter of choice
    problem = oracle.make_problem(8, 2, (5, 4), T=3, N=21, h=2, loss=loss)
    problem = replace(problem, y=engine_gradients(problem, loss).outputs)
    actual = engine_gradients(problem, loss)
    assert actual.loss == 0
    assert not actual.gradients.any()


def test_when_no_target_of_a_batch_counts_training_goes_on(isa: str) -> None:
    loss = LOSSES["mse"]
    problem = oracle.make_problem(7, 1, (5, 4), T=4, N=21, h=1, loss=loss)
    weights = np.repeat([[1.0], [0.0], [1.0]], 7, axis=0)
    fitted = engine_fit(problem, loss, Extras(weights=weights), epochs=2, batch_size=7)
    assert np.isfinite(fitted.parameters).all()


def test_a_stack_that_does_not_hang_together_is_refused() -> None:
    def network(hidden: list[int], dilations: list[list[int]], **more: int) -> _core.Network:
        return _core.Network(1, hidden, 2, dilations=dilations, **more)

    with pytest.raises(ConfigError, match=r"one dilation for each layer\. Got: 3 for 2 layers"):
        network([4, 4], [[1, 2], [4]])
    with pytest.raises(ConfigError, match=r"one dilation for each layer\. Got: 1 for 2 layers"):
        network([4, 4], [[1]])
    with pytest.raises(ConfigError, match="block of dilations must not be empty"):
        network([4, 4], [[1, 2], []])
    for dilation in (0, -1, 100_001):
        with pytest.raises(ConfigError, match=r"dilation must be from 1 to 100,000\. Got: "):
            network([4, 4], [[1, dilation]])
    with pytest.raises(ConfigError, match="last layer of each must have the same size"):
        network([4, 5], [[1], [2]])
    with pytest.raises(ConfigError, match="outputs must be as many"):
        network([4], [[1]], head_steps=-1)
    assert network([4, 5], [[1, 2]]).n_parameters == _core.Network(1, [4, 5], 2).n_parameters


def test_dropout_mask_keeps_its_share_and_its_mean() -> None:
    p = 0.3
    first = _core.dropout_mask(1, 0, 0, 50, 40, 20, p)
    assert set(np.unique(first)) == {np.float32(0), np.float32(1) / (np.float32(1) - np.float32(p))}
    dropped = first == 0
    # 40,000 draws: the mean's deviation is .0023; a neighbour's fate tells nothing.
    assert abs(dropped.mean() - p) < 0.01
    for axis in range(3):
        assert len({s.tobytes() for s in np.moveaxis(dropped, axis, 0)}) == dropped.shape[axis]
        ahead, behind = np.moveaxis(dropped, axis, 0)[1:], np.moveaxis(dropped, axis, 0)[:-1]
        assert abs((ahead & behind).mean() - p * p) < 0.01
    for other in [(2, 0, 0), (1, 1, 0), (1, 0, 1)]:  # seed, step, layer
        both = dropped & (_core.dropout_mask(*other, 50, 40, 20, p) == 0)
        assert abs(both.mean() - p * p) < 0.01
