"""The same seed gives the same bits: on any number of threads, again, and in another process.

Run as a script with a number of threads, this file prints the digests of its own results.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from gatecast import _core

# Batches of many tiles, the last one not full, and work enough in each for eight threads.
N, T, I, HIDDEN, h = 650, 24, 2, [17, 12], 3  # noqa: E741 - the letters of oracle.py
QUANTILES = [0.1, 0.5, 0.9]
THREADS = (1, 2, 3, 8)
EVERY_STEP = 0  # as head_steps
Dilations = Sequence[Sequence[int]]


def digest(*results: float | list[float] | NDArray[np.float32]) -> str:
    return hashlib.sha256(b"".join(np.asarray(r).tobytes() for r in results)).hexdigest()


def arguments(head_steps: int = 1, hidden: list[int] = HIDDEN, dilations: Dilations = ()) -> tuple:
    network = _core.Network(
        I, hidden, h * len(QUANTILES), dropout=0.3, head_steps=head_steps, dilations=dilations
    )
    rng = np.random.default_rng(0)
    targets = T * h if head_steps == EVERY_STEP else h
    x, y = (rng.standard_normal(shape, np.float32) for shape in [(N, T, I), (N, targets)])
    return network, _core.initialise(network, 5, 1.0), x, y, _core.Loss("pinball", QUANTILES)


def gradients_digest(threads: int, *form: object) -> str:
    r = _core.gradients(*arguments(*form), threads=threads, dropout_seed=3)
    assert np.isfinite(r.gradients).all()
    return digest(r.loss, r.outputs, r.gradients, r.inputs)


def steps_digest(threads: int) -> str:
    """Of a network whose head reads as many of the last steps as there are targets."""
    return gradients_digest(threads, h)


def stack_digest(threads: int) -> str:
    """Of dilated layers in blocks, and a head that reads every step."""
    return gradients_digest(threads, EVERY_STEP, [12, 17, 12], [[1], [3, 30]])


def fit_digest(threads: int, seed: int = 11, shuffle: bool = True) -> str:
    training = _core.Training(
        epochs=2, batch_size=290, learning_rate=0.01, seed=seed, shuffle=shuffle, threads=threads
    )
    r = _core.fit_arrays(*arguments(), training)
    assert np.isfinite(r.parameters).all()
    return digest(r.loss, r.parameters)


def large_fit_digest(threads: int) -> str:
    """Of a network so large that what is done once a batch is shared by the threads too."""
    network = _core.Network(1, [150, 100], 2)
    rng = np.random.default_rng(1)
    x, y = (rng.standard_normal(shape, np.float32) for shape in [(130, 4, 1), (130, 2)])
    training = _core.Training(epochs=2, batch_size=70, clip_norm=0.1, threads=threads)
    parameters = _core.initialise(network, 2)
    r = _core.fit_arrays(network, parameters, x, y, _core.Loss("mse"), training)
    return digest(r.loss, r.parameters)


RESULTS = {
    "gradients": gradients_digest,
    "head steps": steps_digest,
    "stack": stack_digest,
    "fit": fit_digest,
    "large fit": large_fit_digest,
}


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa("")


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_when_threads_differ_bits_are_the_same(result: Callable[[int], str], isa: str) -> None:
    assert len({result(threads) for threads in THREADS}) == 1


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_when_run_again_bits_are_the_same(result: Callable[[int], str]) -> None:
    # On several threads, where the order in which they finish could show.
    assert len({result(3) for _ in range(5)}) == 1


def test_when_run_in_another_process_bits_are_the_same() -> None:
    environment = os.environ | {"GATECAST_ISA": _core.isa()}
    here = [result(1) for result in RESULTS.values()]
    for threads in (1, 2):
        there = subprocess.run(
            [sys.executable, __file__, str(threads)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        assert there == here


def test_when_the_seed_or_the_order_differs_so_do_the_bits() -> None:
    # Else the tests above would hold for an engine that never shuffles nor drops anything.
    assert len({fit_digest(1), fit_digest(1, seed=12), fit_digest(1, shuffle=False)}) == 3


if __name__ == "__main__":
    print(*(result(int(sys.argv[1])) for result in RESULTS.values()))
