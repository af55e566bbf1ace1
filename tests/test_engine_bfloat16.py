"""Products in bfloat16: close to the oracle everywhere, by AMX, AVX512_BF16 or emulation alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatecast import ConfigError, _core

from . import oracle

THREADS = (1, 2, 3, 8)
MSE = oracle.Loss("mse")


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa("")


def arguments(problem: oracle.Problem, precision: str, dropout: float = 0.0) -> tuple:
    hidden, K = list(problem.hidden), problem.head_steps
    outputs = max(K, 1) * problem.parameters["head.bias"].size
    inputs, dilations = problem.x.shape[2], problem.dilations
    return (
        _core.Network(inputs, hidden, outputs, dropout, precision, K, dilations),
        oracle.flatten(problem.parameters).astype(np.float32),
        problem.x.astype(np.float32),
        problem.y.astype(np.float32),
        _core.Loss("mse"),
    )


def assert_close_to_oracle(
    problem: oracle.Problem, seed: int, late: bool, dropout: float, tolerance: float
) -> None:
    N, T, _ = problem.x.shape
    latest = T - max(problem.head_steps, 1)
    starts = np.int64(np.clip(oracle.uniform(seed + 2, N) * T, 0, latest)) if late else None
    weights, real = np.ones_like(problem.y), np.ones_like(problem.y, bool)
    if late and problem.head_steps == oracle.EVERY_STEP:
        # What is put out before a sequence begins means nothing.
        real = np.repeat(np.arange(T) >= starts[:, None], weights.shape[1] // T, axis=1)
        weights *= real
    masks = [
        np.float64(_core.dropout_mask(seed, 0, layer, N, T, H, dropout))
        for layer, H in enumerate(problem.hidden)
    ]
    expected = problem.gradients(MSE, weights, starts, masks if dropout else ())
    actual = _core.gradients(
        *arguments(problem, "bfloat16", dropout),
        weights=weights.astype(np.float32),
        starts=None if starts is None else starts.astype(np.int32),
        dropout_seed=seed,
    )
    assert abs(actual.loss - expected.loss) < tolerance * expected.loss
    outputs = expected.outputs[real]
    np.testing.assert_allclose(
        actual.outputs[real], outputs, atol=2 * tolerance * np.abs(outputs).max()
    )
    # Of the whole gradient: a tensor of nearly no slope is all rounding.
    for found, proved in [
        (actual.gradients, oracle.flatten(expected.parameters)),
        (actual.inputs, expected.x),
    ]:
        assert np.linalg.norm(found - proved) < tolerance * np.linalg.norm(proved)


@pytest.mark.parametrize("late", [False, True], ids=["whole", "late"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize(
    ("inputs", "hidden", "N"),
    [
        (1, (64, 64), 70),
        (1, (5, 20), 48),
        (2, (1,), 3),
        (9, (33, 40), 65),
        (40, (8, 17), 31),
        (5, (100,), 129),
    ],
    ids=str,
)
def test_gradients_are_within_a_hundredth_of_the_oracle(
    inputs: int, hidden: tuple[int, ...], N: int, dropout: float, late: bool, isa: str
) -> None:
    problem = oracle.make_problem(7, inputs, hidden, T=9, N=N, h=4, loss=MSE)
    assert_close_to_oracle(problem, 7, late, dropout, 1e-2)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize(
    ("inputs", "hidden", "N"), [(1, (5,), 48), (9, (33, 40), 65), (40, (8, 17, 20), 31)], ids=str
)
def test_when_the_head_reads_the_last_steps_gradients_are_as_close(
    inputs: int, hidden: tuple[int, ...], N: int, dropout: float, isa: str
) -> None:
    problem = oracle.make_problem(7, inputs, hidden, 14, N, 6, MSE, head_steps=6)
    assert_close_to_oracle(problem, 7, True, dropout, 1e-2)


# Inputs few and many; dilations within and beyond the steps; sums of blocks that are narrow, wide.
@pytest.mark.parametrize("head_steps", [1, oracle.EVERY_STEP])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize(
    ("inputs", "hidden", "dilations", "N"),
    [
        (1, (5,), [[3]], 48),
        (24, (40, 40, 40, 40), [[1, 4], [24, 168]], 33),
        (9, (33, 8, 17, 8), [[2, 5], [1, 7]], 65),
        (3, (20, 20), [[1], [1]], 7),
    ],
    ids=str,
)
def test_when_layers_are_dilated_or_in_blocks_gradients_are_as_close(
    inputs: int,
    hidden: tuple[int, ...],
    dilations: oracle.Dilations,
    N: int,
    dropout: float,
    head_steps: int,
    isa: str,
) -> None:
    problem = oracle.make_problem(7, inputs, hidden, 14, N, 2, MSE, head_steps, dilations)
    assert_close_to_oracle(problem, 7, True, dropout, 1e-2)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 2**31),
    isa_name=st.sampled_from(_core.available_isas()),
    inputs=st.integers(1, 40),
    hidden=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    T=st.integers(1, 20),
    N=st.integers(16, 140),
)
def test_whatever_the_shape_gradients_are_close_to_the_oracle(
    seed: int, isa_name: str, inputs: int, hidden: list[int], T: int, N: int
) -> None:
    wild = oracle.make_problem(seed, inputs, hidden, T, N, 3, MSE)
    # Many wide inputs would saturate the gates, where a rounding shows more than it does in use.
    problem = replace(wild, parameters={name: p / 4 for name, p in wild.parameters.items()})
    _core.set_isa(isa_name)
    try:
        assert_close_to_oracle(problem, seed, late=True, dropout=0.0, tolerance=2e-2)
    finally:
        _core.set_isa("")


def trained(
    precision: str,
    threads: int = 1,
    epochs: int = 30,
    head_steps: int = 1,
    dilations: oracle.Dilations = (),
) -> _core.FitResult:
    hidden = (36, 36) if dilations else (24, 36)
    problem = oracle.make_problem(1, 2, hidden, 20, 300, 3, MSE, head_steps, dilations)
    training = _core.Training(
        epochs=epochs, batch_size=128, learning_rate=5e-3, clip_norm=1, seed=3, threads=threads
    )
    return _core.fit_arrays(*arguments(problem, precision, 0.1), training)


def test_training_ends_at_the_loss_of_float32(isa: str) -> None:
    assert trained("bfloat16").loss[-1] == pytest.approx(trained("float32").loss[-1], rel=0.01)


@pytest.mark.parametrize(
    ("head_steps", "dilations"), [(1, ()), (3, ()), (oracle.EVERY_STEP, ((1,), (6,)))]
)
def test_when_threads_differ_bits_are_the_same(
    head_steps: int, dilations: oracle.Dilations, isa: str
) -> None:
    results = {
        trained("bfloat16", threads, 2, head_steps, dilations).parameters.tobytes()
        for threads in THREADS
    }
    assert len(results) == 1


def test_it_is_not_float32_under_another_name(isa: str) -> None:
    assert trained("bfloat16", epochs=1).loss != trained("float32", epochs=1).loss


def test_nan_comes_through(isa: str) -> None:
    for hidden in ([3], [40, 40]):
        network = _core.Network(1, hidden, 1, 0.0, "bfloat16")
        parameters = _core.initialise(network, 0)
        x = np.full((40, 3, 1), 0.5, np.float32)
        x[17, 1] = np.nan
        with pytest.raises(ConfigError, match="not a finite number at window 17"):
            _core.gradients(
                network, parameters, x, np.zeros((40, 1), np.float32), _core.Loss("mse")
            )


@pytest.mark.parametrize("forget_bias", [0.0, 6.0, 8.5])
def test_long_memory_keeps_its_gradient(forget_bias: float, isa: str) -> None:
    # A forget gate at 1 - 2e-4 for 500 steps: 1 - f is what counts, and it is small.
    wild = oracle.make_problem(3, 1, (8,), T=500, N=20, h=2, loss=MSE)
    parameters = {name: p / 4 for name, p in wild.parameters.items()}
    parameters["lstm.0.bias"][8:16] += forget_bias
    parameters["lstm.0.bias"][:8] -= 4
    problem = replace(wild, parameters=parameters)
    expected = problem.gradients(MSE).parameters
    actual = _core.gradients(*arguments(problem, "bfloat16"))
    found = oracle.unflatten(actual.gradients, problem.shapes)
    for name in ("lstm.0.weight_ih", "lstm.0.bias"):
        forget = expected[name][8:16]
        error = np.linalg.norm(found[name][8:16] - forget) / np.linalg.norm(forget)
        assert error < 0.03, name


def test_a_cell_beyond_the_half_s_range_gives_no_nan(isa: str) -> None:
    network = _core.Network(1, [1], 1, 0.0, "bfloat16")
    at = {name: offset for name, _, offset in network.layout()}
    parameters = np.zeros(network.n_parameters, np.float32)
    parameters[at["lstm.0.bias"] : at["lstm.0.bias"] + 4] = 90.0
    parameters[at["head.weight"]] = 1.0
    x, y = np.zeros((1, 70_000, 1), np.float32), np.zeros((1, 1), np.float32)
    result = _core.gradients(network, parameters, x, y, _core.Loss("mse"))
    assert np.isfinite(result.gradients).all()
