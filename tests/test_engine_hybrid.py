"""Exponential smoothing inside a network: the engine's against the oracle, and how it behaves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from gatecast import ConfigError, _core

from . import oracle, oracle_hybrid
from .oracle_hybrid import Hybrid, Network, Series

LOSSES = {
    "mse": oracle.Loss("mse"),
    "mae": oracle.Loss("mae"),
    "huber": oracle.Loss("huber", delta=0.3),
    "pinball": oracle.Loss("pinball", (0.1, 0.5, 0.9)),
}
PINBALL = LOSSES["pinball"]
SEASONS = {"no season": (), "one season": (5,), "two seasons": (3, 7)}
FEW_VALUES = 500  # the engine's kFewValues
# Too short for anything, for a season, for a context; and more of them than one tile is wide.
LENGTHS = (30, 2, 9, 1, 25, 4, 41, 12, 3, 17, 6)


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa("")


# The engine's names and types stand here and nowhere else in this file.


@dataclass(frozen=True)
class Job:
    """A network, how it is used, and the series that it is used on."""

    hybrid: Hybrid
    loss: oracle.Loss
    hidden: tuple[int, ...]
    network: Network
    panel: list[Series]
    precision: str = "float32"
    dropout: float = 0.0

    def of(self, panel: Sequence[Series]) -> Job:
        return replace(self, panel=list(panel))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: p.shape for name, p in self.network.parameters.items()}

    @property
    def own(self) -> oracle.Array:
        return np.array([s.own for s in self.panel]).reshape(-1, self.hybrid.n_parameters)


def f32(a: ArrayLike) -> NDArray[np.float32]:
    return np.ascontiguousarray(a, np.float32)


def engine_hybrid(hybrid: Hybrid, **rates: Any) -> _core.Hybrid:
    return _core.Hybrid(
        seasons=hybrid.seasons,
        context_length=hybrid.context_length,
        horizon=hybrid.horizon,
        positions=hybrid.positions,
        level_penalty=hybrid.level_penalty,
        **rates,
    )


def engine_network(job: Job) -> _core.Network:
    outputs, inputs = job.shapes["head.bias"][0], job.shapes["lstm.0.weight_ih"][1]
    return _core.Network(
        *(inputs, job.hidden, outputs, job.dropout, job.precision),
        head_steps=oracle.EVERY_STEP,
        dilations=job.network.dilations,
    )


def indptr(panel: list[Series]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum([len(s.values) for s in panel])]).astype(np.int64)


def values(panel: list[Series]) -> oracle.Array:
    return np.concatenate([s.values for s in panel]) if panel else np.zeros(0)


def features(panel: list[Series]) -> _core.Covariates:
    return _core.Covariates(
        past=np.zeros((int(indptr(panel)[-1]), 0), np.float32),
        future=f32(np.concatenate([s.future for s in panel])),
        future_begin=indptr(panel)[:-1].copy(),
        constant=f32(np.array([s.constant for s in panel])),
    )


def arguments(job: Job, **rates: Any) -> dict[str, Any]:
    """What the engine's functions are called with; some need no loss and no weights."""
    return {
        "network": engine_network(job),
        "parameters": f32(oracle.flatten(job.network.parameters)),
        "loss": _core.Loss(job.loss.kind, quantiles=job.loss.quantiles, delta=job.loss.delta),
        "hybrid": engine_hybrid(job.hybrid, **rates),
        "values": values(job.panel),
        "indptr": indptr(job.panel),
        "weight": np.array([s.weight for s in job.panel]),
        "series_parameters": job.own,
        "features": features(job.panel),
    }


def gradients(job: Job, threads: int = 1) -> tuple[float, NDArray[np.float32], oracle.Array]:
    return _core.hybrid_gradients(**arguments(job), threads=threads)


def fit(
    job: Job,
    smoothing_rate: float = 0.02,
    shared_rate: float = 0.0,
    *,
    random_start: bool = True,
    **training: object,
) -> tuple[_core.FitResult, oracle.Array]:
    settings = {"epochs": 3, "batch_size": 1000, "learning_rate": 0.01, "threads": 1}
    rates = {"learning_rate": smoothing_rate, "shared_rate": shared_rate}
    return _core.fit_hybrid(
        **arguments(job, **rates, random_start=random_start),
        training=_core.Training(**settings | training),
    )


def forecast(job: Job, threads: int = 1) -> oracle.Array:
    return _core.forecast_hybrid(**of_forecast(arguments(job)), threads=threads)


def of_forecast(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in ("loss", "weight")}


# What the tests below share.


def make_panel(
    hybrid: Hybrid,
    lengths: Sequence[int] = LENGTHS,
    *,
    gaps: float = 0.0,
    n_future: int = 0,
    n_static: int = 0,
    seed: int = 1,
) -> list[Series]:
    """Waves with a trend and noise, levels from 2 to 8, none missing at the beginning."""
    panel = []
    for s, n in enumerate(lengths):

        def draw(part: int, *shape: int, at: int = 100 * (1000 * seed + s)) -> oracle.Array:
            return np.float64(np.float32(oracle.uniform(at + part, *shape)))

        t, own = np.arange(n), draw(0, hybrid.n_parameters)
        own[: 1 + len(hybrid.seasons)] -= 0.5  # from a fifth to two thirds
        y = 5 + 3 * draw(1, 1) + 0.02 * t + np.sin(1.1 * t) + 0.3 * draw(2, n)
        y[1:][draw(3, n)[1:] < 2 * gaps - 1] = np.nan
        weight = 1 + 0.5 * draw(4, 1)[0]
        panel.append(Series(y, own, weight, draw(5, n, n_future), draw(6, n_static)))
    return panel


def make_job(
    hybrid: Hybrid,
    loss: oracle.Loss = LOSSES["huber"],
    *,
    hidden: tuple[int, ...] = (6, 5, 6),
    dilations: oracle.Dilations = ((1,), (2, 6)),
    lengths: Sequence[int] = LENGTHS,
    gaps: float = 0.0,
    n_future: int = 0,
    n_static: int = 0,
    seed: int = 1,
    precision: str = "float32",
) -> Job:
    inputs = hybrid.context_length + n_future + n_static
    shapes = oracle.layout(inputs, hidden, hybrid.horizon * loss.outputs_per_target)
    size = sum(int(np.prod(shape)) for shape in shapes.values())
    vector = np.float64(np.float32(0.5 * oracle.uniform(seed, size)))
    network = Network(oracle.unflatten(vector, shapes), dilations)
    panel = make_panel(
        hybrid, lengths, gaps=gaps, n_future=n_future, n_static=n_static, seed=seed + 1
    )
    return Job(hybrid, loss, hidden, network, panel, precision)


def everything(seasons: Sequence[int] = (3, 7), **changes: object) -> Job:
    """One with gaps, weights, features, quantiles, a penalty and more positions than it may use."""
    hybrid = Hybrid(tuple(seasons), 4, 3, positions=24, level_penalty=0.7)
    settings = {"loss": PINBALL, "gaps": 0.2, "n_future": 2, "n_static": 3}
    return make_job(hybrid, **settings | changes)


def assert_close(actual: ArrayLike, expected: ArrayLike, tolerance: float, what: str) -> None:
    """Within `tolerance` of the largest element that is expected."""
    actual, expected = np.float64(actual), np.float64(expected)
    assert actual.shape == expected.shape, what
    off, largest = np.abs(actual - expected).max(), np.abs(expected).max()
    assert off <= tolerance * largest, f"{what} off by {off:.2e}, its largest is {largest:.2e}"


def oracle_gradients(
    job: Job, masks: dict[int, list[oracle.Array]] | None = None
) -> tuple[float, oracle.Array, oracle.Array]:
    """Of the mean over all targets, each as heavy as its series; and each series' own."""
    loss = total = 0.0
    network, own = np.zeros(oracle.flatten(job.network.parameters).size), []
    for number, series in enumerate(job.panel):
        mask = None if masks is None else masks[number]
        at = oracle_hybrid.series_gradients(job.network, job.hybrid, series, job.loss, mask)
        weight = series.weight * at.count
        loss, total = loss + weight * at.loss, total + weight
        network += weight * oracle.flatten(at.parameters)
        own.append(at.own)
    total = total or 1.0  # nothing is asked for
    return loss / total, network / total, np.array(own)


def assert_gradients_match_oracle(job: Job, tolerance: float = 1e-5) -> None:
    value, network, own = gradients(job)
    expected_value, expected_network, expected_own = oracle_gradients(job)
    assert value == pytest.approx(expected_value, rel=tolerance)
    # Sums that happen to cancel may be off by float32's error in the summands.
    largest = np.abs(expected_network).max()
    found, proved = (oracle.unflatten(v, job.shapes) for v in (network, expected_network))
    for name in job.shapes:
        off = np.abs(found[name] - proved[name]).max()
        assert off <= tolerance * np.abs(proved[name]).max() + 0.1 * tolerance * largest, name
    assert own.shape == expected_own.shape
    off, size = np.abs(own - expected_own), np.abs(expected_own)
    allowed = 2 * tolerance * size.max(axis=1, keepdims=True) + 0.1 * tolerance * size.max()
    assert (off <= allowed).all(), f"off by {off.max():.2e}, the largest is {size.max():.2e}"


# Levels and seasons.


@pytest.mark.parametrize("gaps", [0.0, 0.3])
@pytest.mark.parametrize("seasons", SEASONS.values(), ids=SEASONS)
def test_levels_and_seasons_are_the_oracles(seasons: tuple[int, ...], gaps: float) -> None:
    hybrid = Hybrid(seasons)
    panel = make_panel(hybrid, gaps=gaps)
    own = np.array([s.own for s in panel])
    level, all_seasons = _core.smooth(engine_hybrid(hybrid), values(panel), indptr(panel), own)
    expected = [oracle_hybrid.smooth(hybrid, s) for s in panel]
    np.testing.assert_allclose(level, np.concatenate([e.level for e in expected]), rtol=1e-12)
    assert len(all_seasons) == len(seasons)
    for number, season in enumerate(all_seasons):
        np.testing.assert_allclose(
            season, np.concatenate([e.season[number] for e in expected]), rtol=1e-10, atol=1e-12
        )


def test_each_series_begins_at_its_first_value_and_its_first_seasons() -> None:
    hybrid = Hybrid((3,))
    own = np.array([[0.0, 0.0, 1.0, 2.0, 3.0]])
    level, (season,) = _core.smooth(
        engine_hybrid(hybrid), np.array([11.0, np.nan, 15.0]), np.array([0, 3]), own
    )
    assert level.tolist() == [10.0, 10.0, 11.0]
    assert season.tolist() == [1.0, 2.0, 3.0, 1.0, 2.0, 3.5]


# Gradients.


@pytest.mark.parametrize("gaps", [0.0, 0.3])
@pytest.mark.parametrize("seasons", SEASONS.values(), ids=SEASONS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_gradients_match_oracle(
    loss: oracle.Loss, seasons: tuple[int, ...], gaps: float, isa: str
) -> None:
    assert_gradients_match_oracle(make_job(Hybrid(seasons, 4, 2), loss, gaps=gaps))


@pytest.mark.parametrize("seasons", SEASONS.values(), ids=SEASONS)
def test_with_features_weights_a_penalty_and_few_positions_gradients_match_oracle(
    seasons: tuple[int, ...], isa: str
) -> None:
    assert_gradients_match_oracle(everything(seasons))
    assert_gradients_match_oracle(everything(seasons, hidden=(9,), dilations=(), n_future=0))
    assert_gradients_match_oracle(everything(seasons, n_static=0, gaps=0.0, seed=4))


# More than one tile, one that is not full, and series that are longer than any other in theirs.
@pytest.mark.parametrize("n_series", [1, 8, 17, 70])
def test_however_many_series_gradients_match_oracle(n_series: int, isa: str) -> None:
    lengths = [3 + 7 * s % 19 for s in range(n_series)]
    job = everything((4,), lengths=lengths, hidden=(5, 5), dilations=((1,), (3,)))
    assert_gradients_match_oracle(job.of([replace(s, weight=1.0) for s in job.panel]))
    assert_gradients_match_oracle(job)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(1, 2**20),
    isa_name=st.sampled_from(_core.available_isas()),
    seasons=st.lists(st.integers(2, 9), max_size=2),
    context_length=st.integers(1, 8),
    horizon=st.integers(1, 6),
    positions=st.integers(1, 30),
    level_penalty=st.sampled_from([0.0, 3.0]),
    lengths=st.lists(st.integers(1, 25), min_size=1, max_size=12),
    loss=st.sampled_from(list(LOSSES.values())),
    gaps=st.sampled_from([0.0, 0.2, 0.7]),
    numbers=st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
def test_whatever_the_series_gradients_match_oracle(
    seed: int,
    isa_name: str,
    seasons: list[int],
    context_length: int,
    horizon: int,
    positions: int,
    level_penalty: float,
    lengths: list[int],
    loss: oracle.Loss,
    gaps: float,
    numbers: tuple[int, int],  # of features known ahead, and constant
) -> None:
    hybrid = Hybrid(tuple(seasons), context_length, horizon, positions, level_penalty)
    n_future, n_static = numbers
    job = make_job(
        hybrid,
        loss,
        lengths=[*lengths, 20],
        gaps=gaps,
        n_future=n_future,
        n_static=n_static,
        seed=seed,
    )
    _core.set_isa(isa_name)
    try:
        assert_gradients_match_oracle(job, 2e-5)
        assert_forecasts_match(forecast(job), oracle_forecasts(job))
    finally:
        _core.set_isa("")


def differences(f: Callable[[oracle.Array], float], at: oracle.Array) -> oracle.Array:
    """By the formula over five points, which errs by the fourth power of the step only."""
    step, slope = 1e-4, np.zeros_like(at)
    for j in range(len(at)):
        for offset, factor in [(1, 8), (-1, -8), (2, -1), (-2, 1)]:
            moved = at.copy()
            moved[j] += offset * step
            slope[j] += factor * f(moved) / (12 * step)
    return slope


# Of losses without kinks, lest a difference reach over one.
SMOOTH = pytest.mark.parametrize("loss", [LOSSES["mse"], LOSSES["huber"]], ids=["mse", "huber"])


@SMOOTH
@pytest.mark.parametrize("seasons", SEASONS.values(), ids=SEASONS)
def test_gradients_of_the_series_own_match_finite_differences(
    loss: oracle.Loss, seasons: tuple[int, ...]
) -> None:
    job = everything(seasons, loss=loss)
    _, _, own = gradients(job)
    for number, series in enumerate(job.panel):

        def mean_loss(at: oracle.Array, series: Series = series) -> float:
            moved = replace(series, own=at)
            return oracle_hybrid.series_loss(job.network, job.hybrid, moved, loss)

        by_oracle = oracle_hybrid.series_gradients(job.network, job.hybrid, series, loss)
        if not by_oracle.count:
            assert not own[number].any()
            continue
        slope = differences(mean_loss, series.own)
        assert_close(by_oracle.own, slope, 1e-7, f"the oracle's of series {number}")
        assert_close(own[number], slope, 2e-5, f"series {number}")


@SMOOTH
def test_gradients_of_the_network_match_finite_differences(loss: oracle.Loss) -> None:
    form = {"hidden": (2, 2), "dilations": ((1,), (4,)), "lengths": (14, 2, 7, 18)}
    job = everything((3,), loss=loss, **form)
    steps = [oracle_hybrid.steps_of(job.hybrid, series) for series in job.panel]
    weight = np.array([s.weight * t.counts.sum() for s, t in zip(job.panel, steps, strict=True)])

    def mean_loss(at: oracle.Array) -> float:
        network = replace(job.network, parameters=oracle.unflatten(at, job.shapes))
        by_series = [oracle_hybrid.loss_of(network, t, loss) for t in steps]
        return float(weight @ by_series / weight.sum())

    slope = differences(mean_loss, oracle.flatten(job.network.parameters))
    assert_close(gradients(job)[1], slope, 1e-5, "network")


def test_where_values_are_rounded_to_bfloat16_gradients_are_within_a_hundredth(isa: str) -> None:
    # A loss without kinks: a rounding that carries an error over one changes the whole slope.
    job = everything((3, 7), hidden=(40, 24, 40), precision="bfloat16", loss=LOSSES["huber"])
    value, network, own = gradients(job)
    expected_value, expected_network, expected_own = oracle_gradients(job)
    assert value == pytest.approx(expected_value, rel=1e-2)
    for found, proved in [(network, expected_network), (own, expected_own)]:
        assert np.linalg.norm(found - proved) < 1e-2 * np.linalg.norm(proved)
    assert_forecasts_match(forecast(job), oracle_forecasts(job), 1e-2)


def test_dropout_is_of_what_layers_and_the_head_read(isa: str) -> None:
    # One tile, so that its steps are known: those of its longest series, the others at their end.
    job = replace(everything((5,), lengths=(12, 20, 7, 15)), dropout=0.4)
    counts = [len(oracle_hybrid.positions(job.hybrid, len(s.values))) for s in job.panel]
    N, T = len(counts), max(counts)
    masks = [
        [
            np.float64(_core.dropout_mask(0, 0, layer, N, T, H, job.dropout))[
                n : n + 1, T - count :
            ]
            for layer, H in enumerate(job.hidden)
        ]
        for n, count in enumerate(counts)
    ]
    value, network, own = gradients(job)
    expected_value, expected_network, expected_own = oracle_gradients(job, masks)
    assert value == pytest.approx(expected_value, rel=1e-5)
    assert_close(network, expected_network, 1e-5, "network")
    assert_close(own, expected_own, 2e-5, "own")


def test_a_series_that_has_nothing_to_learn_from_has_no_gradient(isa: str) -> None:
    job = everything((4,), gaps=0.0, lengths=(20, 20, 1, 20))
    panel = list(job.panel)
    panel[1] = replace(panel[1], values=np.full(20, np.nan))
    panel[3] = replace(panel[3], weight=0.0)
    value, network, own = gradients(job.of(panel))
    assert own[0].any()
    assert not own[1:].any()
    alone, network_alone, _ = gradients(job.of(panel[:1]))
    assert value == pytest.approx(alone, rel=1e-6)
    assert_close(network, network_alone, 1e-6, "network")


# Training.


def own_share(series: Series) -> float:
    """Of the learning rate: the longer a series, the further it departs from the others."""
    n = len(series.values)
    return n / (n + FEW_VALUES)


def oracle_fit(
    job: Job,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    smoothing_rate: float,
    shared_rate: float = 0.0,
    seed: int = 0,
) -> tuple[oracle.Array, oracle.Array, list[float]]:
    """The network's parameters, the series' own, and the mean loss by epoch."""
    n, C = len(job.panel), 1 + len(job.hybrid.seasons)
    lengths = [len(s.values) for s in job.panel]
    counts = np.array([len(oracle_hybrid.positions(job.hybrid, n)) for n in lengths])
    order = [s for s in range(n) if counts[s]]
    vector, own = oracle.flatten(job.network.parameters), job.own
    optimizer, shared = oracle.AdamW(learning_rate), oracle.AdamW(shared_rate)
    each, history = [oracle.AdamW(smoothing_rate * own_share(s)) for s in job.panel], []
    for epoch in range(1, epochs + 1):
        left_out = oracle_hybrid.left_out(job.hybrid, lengths, seed, epoch)
        # In the order that there was, but series of like length side by side.
        order.sort(key=lambda s: counts[s] - left_out[s])
        total = count = 0.0
        for at in range(0, len(order), batch_size):
            network = replace(job.network, parameters=oracle.unflatten(vector, job.shapes))
            step, weight = np.zeros_like(vector), 0.0
            slopes = []
            for s in order[at : at + batch_size]:
                series = replace(job.panel[s], own=own[s])
                by = oracle_hybrid.series_gradients(
                    network, job.hybrid, series, job.loss, left_out=left_out[s]
                )
                step += series.weight * by.count * oracle.flatten(by.parameters)
                weight += series.weight * by.count
                total += series.weight * by.count * by.loss
                slopes.append(by.own[:C])
                if by.count:
                    own[s] = each[s].step(own[s], by.own)
            vector = optimizer.step(vector, step / weight)
            if shared_rate:
                own[:, :C] += shared.step(np.zeros(C), np.mean(slopes, axis=0))
            count += weight
        history.append(total / count)
    return vector, own, history


@pytest.mark.parametrize("shared_rate", [0.0, 0.01])
def test_network_and_smoothing_learn_as_the_oracles(shared_rate: float, isa: str) -> None:
    job = everything((5,), hidden=(4, 4), dilations=((1,), (3,)))
    rates = {"learning_rate": 0.01, "smoothing_rate": 0.05, "shared_rate": shared_rate}
    settings = {"epochs": 4, "batch_size": 4} | rates
    result, own = fit(job, shuffle=False, **settings)
    vector, expected_own, history = oracle_fit(job, **settings)
    np.testing.assert_allclose(result.loss, history, rtol=1e-5)
    assert_close(own, expected_own, 1e-4, "own")
    for name, found in oracle.unflatten(result.parameters, job.shapes).items():
        assert_close(found, oracle.unflatten(vector, job.shapes)[name], 1e-4, name)
    moved = (own != job.own).any(axis=1)
    can_learn = np.array([len(s.values) > 1 for s in job.panel])
    assert (moved == (can_learn | (shared_rate > 0))).all()


def test_each_epoch_begins_somewhere_along_each_series(isa: str) -> None:
    job = everything((5,), hidden=(5,), dilations=())
    lengths, epochs = [len(s.values) for s in job.panel], 6
    at_all: list[set[int]] = [set() for _ in lengths]
    histories = {}
    for seed in (0, 1, 2**40 + 3):
        settings = {"epochs": epochs, "batch_size": 4, "seed": seed, "learning_rate": 0.0}
        losses = {tuple(fit(job, 0.0, threads=threads, **settings)[0].loss) for threads in (1, 2)}
        assert len(losses) == 1, "threads decide"
        histories[seed] = losses.pop()
        for epoch, found in enumerate(histories[seed], 1):
            left_out = oracle_hybrid.left_out(job.hybrid, lengths, seed, epoch)
            loss = count = 0.0
            for series, out, seen in zip(job.panel, left_out, at_all, strict=True):
                steps = oracle_hybrid.steps_of(job.hybrid, series, left_out=out)
                weight = series.weight * steps.counts.sum()
                if weight:
                    loss += weight * oracle_hybrid.loss_of(job.network, steps, job.loss)
                count += weight
                seen.add(out)
            assert found == pytest.approx(loss / count, rel=1e-5)
    assert len({loss for history in histories.values() for loss in history}) == 3 * epochs
    # A horizon always stays, and those too short for more than one lose nothing.
    for n, seen in zip(lengths, at_all, strict=True):
        spare = len(oracle_hybrid.positions(job.hybrid, n)) - job.hybrid.horizon
        assert (len(seen) > 1) == (spare > 0)
        assert min(seen) >= 0
        assert max(seen) <= max(spare, 0)


def test_where_no_more_than_a_horizon_is_read_all_epochs_read_the_same(isa: str) -> None:
    job = without_beginnings(everything((5,)))
    result, _ = fit(job, 0.0, epochs=4, shuffle=False, learning_rate=0.0)
    assert len(set(result.loss)) == 1
    assert result.loss[0] == pytest.approx(gradients(job)[0], rel=1e-6)


def test_without_random_starts_all_epochs_read_everything(isa: str) -> None:
    job, settings = everything((5,)), {"shuffle": False, "learning_rate": 0.0}
    result, _ = fit(job, 0.0, random_start=False, epochs=4, **settings)
    assert len(set(result.loss)) == 1
    assert result.loss[0] == pytest.approx(gradients(job)[0], rel=1e-6)


def without_beginnings(job: Job) -> Job:
    """With no more positions than a horizon, which no epoch leaves out."""
    return replace(job, hybrid=replace(job.hybrid, positions=job.hybrid.horizon))


def long_job(**changes: object) -> Job:
    """Work enough that each of two threads gets some of it."""
    lengths = [30 + 11 * s % 37 for s in range(90)]
    return everything(hidden=(24, 24), dilations=((1,), (5,)), lengths=lengths, **changes)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_when_threads_differ_bits_are_the_same(precision: str, isa: str) -> None:
    job = replace(long_job(precision=precision), dropout=0.2)
    settings = {"batch_size": 70, "epochs": 2, "seed": 3, "clip_norm": 0.5}
    found = set()
    for threads in (1, 2, 3):
        result, own = fit(job, threads=threads, shared_rate=0.01, **settings)
        value, network, slopes = gradients(job, threads)
        arrays = (result.parameters, own, network, slopes, forecast(job, threads))
        assert all(np.isfinite(a).all() for a in arrays)
        found.add((tuple(result.loss), value, *(a.tobytes() for a in arrays)))
    assert len(found) == 1


def test_the_seed_decides_the_order() -> None:
    job = without_beginnings(long_job())
    results = [fit(job, batch_size=16, epochs=1, seed=seed)[1] for seed in (1, 1, 2)]
    assert results[0].tobytes() == results[1].tobytes() != results[2].tobytes()


def test_training_lowers_the_loss_and_more_so_where_smoothing_learns() -> None:
    job = everything((4,), lengths=[40] * 12)
    settings = {"epochs": 40, "batch_size": 12}
    network_only, _ = fit(job, 0.0, **settings)
    both, _ = fit(job, 0.5, **settings)
    assert network_only.loss[-1] < 0.8 * network_only.loss[0]
    assert both.loss[-1] < 0.9 * network_only.loss[-1]


def test_a_frozen_network_keeps_every_bit_while_the_series_learn(isa: str) -> None:
    job = everything((4,), lengths=[30] * 12)
    settings = {"epochs": 20, "batch_size": 12, "weight_decay": 0.1}
    result, own = fit(job, 0.05, frozen=True, **settings)
    assert result.parameters.tobytes() == f32(oracle.flatten(job.network.parameters)).tobytes()
    assert (own != job.own).any(axis=1).all()
    learnt = [replace(s, own=o) for s, o in zip(job.panel, own, strict=True)]
    assert gradients(job.of(learnt))[0] < gradients(job)[0]


def test_frozen_each_series_learns_as_it_does_alone(isa: str) -> None:
    job = without_beginnings(everything((4,), lengths=(20, 9, 31, 14)))
    settings = {"epochs": 5, "frozen": True}
    _, together = fit(job, 0.05, **settings)
    alone = [fit(job.of([series]), 0.05, **settings)[1] for series in job.panel]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-4, atol=1e-5)


def test_at_a_rate_of_zero_the_series_keep_every_bit() -> None:
    job = everything((4,))
    result, own = fit(job, 0.0)
    assert own.tobytes() == job.own.tobytes()
    assert (result.parameters != f32(oracle.flatten(job.network.parameters))).any()


def test_what_is_given_is_not_changed() -> None:
    given = arguments(everything((4,)), learning_rate=0.1)
    arrays = [value for value in given.values() if isinstance(value, np.ndarray)]
    before = [a.tobytes() for a in arrays]
    _, own = _core.fit_hybrid(**given, training=_core.Training(epochs=2, batch_size=5))
    assert own.tobytes() != given["series_parameters"].tobytes()
    assert [a.tobytes() for a in arrays] == before


# Forecasts.


def oracle_forecasts(job: Job) -> oracle.Array:
    return np.array([oracle_hybrid.forecast(job.network, job.hybrid, s) for s in job.panel])


def assert_forecasts_match(
    actual: oracle.Array, expected: oracle.Array, tolerance: float = 1e-5
) -> None:
    """Within `tolerance` of the series' largest forecast."""
    assert actual.shape == expected.shape
    largest = np.abs(expected).max(axis=(1, 2), keepdims=True)
    assert (np.abs(actual - expected) <= tolerance * largest).all()


@pytest.mark.parametrize("gaps", [0.0, 0.3])
@pytest.mark.parametrize("seasons", SEASONS.values(), ids=SEASONS)
def test_forecasts_are_the_oracles(seasons: tuple[int, ...], gaps: float, isa: str) -> None:
    job = everything(seasons, gaps=gaps)
    assert forecast(job).shape == (len(LENGTHS), 3, 3)
    assert_forecasts_match(forecast(job), oracle_forecasts(job))
    point = make_job(Hybrid(seasons, 6, 10), lengths=[*LENGTHS, *LENGTHS, *LENGTHS], gaps=gaps)
    assert_forecasts_match(forecast(point), oracle_forecasts(point))


def test_a_forecast_is_the_same_alone_in_a_panel_and_in_any_order(isa: str) -> None:
    job = everything(lengths=[2 + 5 * s % 37 for s in range(40)])
    together = forecast(job)
    alone = np.concatenate([forecast(job.of([series])) for series in job.panel])
    assert_forecasts_match(alone, together, 1e-6)
    order = np.argsort(oracle.uniform(3, 40))
    assert_forecasts_match(forecast(job.of([job.panel[s] for s in order])), together[order], 1e-6)


def test_series_that_stand_higher_are_forecast_as_much_higher(isa: str) -> None:
    job = everything()
    higher = job.of([replace(s, values=s.values + 100) for s in job.panel])
    assert_forecasts_match(forecast(higher), forecast(job) + 100, 1e-6)
    for a, b in zip(gradients(higher), gradients(job), strict=True):
        assert_close(a, b, 1e-4, "gradient")


def test_values_older_than_the_positions_do_not_reach_the_network() -> None:
    # The level forgets nothing but slowly, so that only its coefficient at 1 cuts the past off.
    job = make_job(Hybrid((), 4, 2, positions=5))
    series = replace(job.panel[0], own=np.array([1000.0]))
    other = series.values.copy()
    other[: len(other) - 5 - 3] += 50  # four values are read at the first of five positions
    panel = [series, replace(series, values=other)]
    assert len({row.tobytes() for row in forecast(job.of(panel))}) == 1
    other[len(other) - 5 - 3] += 50
    assert len({row.tobytes() for row in forecast(job.of(panel))}) == 2


def test_where_the_last_values_are_missing_level_and_seasons_stand_still(isa: str) -> None:
    job = make_job(Hybrid((3,), 4, 2))
    whole = replace(job.panel[0], values=job.panel[0].values[:21])
    longer = np.append(whole.values, [np.nan] * 3)
    panel = [whole, replace(whole, values=longer, future=np.zeros((24, 0)))]
    network = {name: 0.0 * p for name, p in job.network.parameters.items()}
    first, second = forecast(
        replace(job, network=replace(job.network, parameters=network)).of(panel)
    )
    np.testing.assert_allclose(first, second, rtol=1e-12)


def test_a_series_without_a_value_has_the_level_zero_and_leaves_its_neighbours_alone(
    isa: str,
) -> None:
    job = everything((4,))
    panel = list(job.panel)
    panel[2] = replace(panel[2], values=np.full(9, np.nan))
    found = forecast(job.of(panel))
    assert_forecasts_match(found, oracle_forecasts(job.of(panel)))
    others = np.arange(len(panel)) != 2
    assert_forecasts_match(found[others], forecast(job)[others], 1e-6)


# What is refused.

JOB = everything((4,), lengths=(12, 9, 20), hidden=(5,), dilations=())
GIVEN = arguments(JOB)
TRAINING = _core.Training(epochs=1, batch_size=2, threads=1)
USES: dict[str, Callable[..., object]] = {
    "gradients": lambda given: _core.hybrid_gradients(**given, threads=1),
    "fit": lambda given: _core.fit_hybrid(**given, training=TRAINING),
    "forecast": lambda given: _core.forecast_hybrid(**of_forecast(given), threads=1),
}


def network(inputs: int, outputs: int, head_steps: int = oracle.EVERY_STEP) -> dict[str, Any]:
    made = _core.Network(inputs, [5], outputs, head_steps=head_steps)
    return {"network": made, "parameters": _core.initialise(made, 0)}


def known(**changes: NDArray[Any]) -> dict[str, Any]:
    """Features with an array or two of another shape."""
    right = {
        "past": np.zeros((41, 0), np.float32),
        "future": f32(np.zeros((41, 2))),
        "future_begin": np.array([0, 12, 21]),
        "constant": f32(np.zeros((3, 3))),
    }
    return {"features": _core.Covariates(**right | changes)}


INPUTS, OUTPUTS = 4 + 2 + 3, 3 * 3
EMPTY = np.zeros(0)
NOT_A_NUMBER = np.where(np.arange(3) == 1, np.nan, 1.0)
# By what is wrong: the message, what is given instead, and where it matters.
REFUSED: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "fewer parameters": (
        "parameters do not fit the network",
        {"parameters": np.zeros(3, np.float32)},
        tuple(USES),
    ),
    "other quantiles": (
        "do not fit the network's outputs",
        {"loss": _core.Loss("pinball", [0.05, 0.2, 0.5, 0.95])},
        ("gradients", "fit"),
    ),
    "a head that reads the last step": (
        "head does not fit",
        network(INPUTS, OUTPUTS, 1),
        tuple(USES),
    ),
    "a head of other outputs": ("head does not fit", network(INPUTS, 10), tuple(USES)),
    "other inputs": ("inputs do not fit", network(INPUTS + 1, OUTPUTS), tuple(USES)),
    "no features": ("inputs do not fit", {"features": None}, tuple(USES)),
    "no series": (
        "no window to train on",
        network(4, OUTPUTS)
        | {"values": EMPTY, "indptr": np.zeros(1, np.int64), "weight": EMPTY}
        | {"series_parameters": np.zeros((0, 6)), "features": None},
        ("gradients", "fit"),
    ),
    "series that are all too short": (
        "no window to train on",
        network(4, OUTPUTS)
        | {"values": np.ones(2), "indptr": np.array([0, 1, 1, 2]), "features": None},
        ("gradients", "fit"),
    ),
    "a series without a row": (
        "at least one value",
        known(future_begin=np.array([0, 12, 12])) | {"indptr": np.array([0, 12, 12, 41])},
        ("forecast",),
    ),
    "no indptr": ("indptr does not fit", {"indptr": np.zeros(0, np.int64)}, tuple(USES)),
    "an indptr that ends early": (
        "indptr does not fit",
        {"indptr": np.array([0, 12, 21, 40])},
        tuple(USES),
    ),
    "an indptr that decreases": (
        "must not decrease",
        {"indptr": np.array([0, 21, 12, 41])},
        tuple(USES),
    ),
    "two weights": ("do not fit the series", {"weight": np.ones(2)}, ("gradients", "fit")),
    "own parameters of two series": (
        "do not fit the series",
        {"series_parameters": np.zeros((2, 6))},
        tuple(USES),
    ),
    "own parameters of another season": (
        "do not fit the series",
        {"series_parameters": np.zeros((3, 7))},
        tuple(USES),
    ),
    "constants of two series": (
        "one entry a series",
        known(constant=f32(np.zeros((2, 3)))),
        tuple(USES),
    ),
    "features that end early": (
        "future does not reach",
        known(future=f32(np.zeros((40, 2)))),
        tuple(USES),
    ),
    "features that begin too early": (
        "future does not reach",
        known(future_begin=np.array([0, -1, 21])),
        tuple(USES),
    ),
    "a weight that is not a number": (
        "not a finite number",
        {"weight": NOT_A_NUMBER},
        ("gradients", "fit"),
    ),
    "an own parameter that is not a number": (
        r"not a finite number.* series number 1 \(step 1 of the horizon\)",
        {"series_parameters": NOT_A_NUMBER[:, None] * JOB.own},
        ("gradients", "fit"),
    ),
    "a feature that is not a number": (
        "not a finite number.* series number 1",
        known(constant=f32(np.repeat(NOT_A_NUMBER[:, None], 3, axis=1))),
        ("gradients", "fit"),
    ),
    "values beyond float32": (
        "not a finite number",
        {"values": 1e300 * GIVEN["values"]},
        ("gradients", "fit"),
    ),
}
# What reached beyond its arrays once, and is tried where nothing else dies of it.
RISKY = ("fewer parameters", "other quantiles", "no series", "series that are all too short")


def attempt(use: str, wrong: str) -> None:
    message, changes, _ = REFUSED[wrong]
    with pytest.raises(ConfigError, match=message):
        USES[use](GIVEN | changes)


@pytest.mark.parametrize(
    ("use", "wrong"), [(use, wrong) for wrong, (_, _, uses) in REFUSED.items() for use in uses]
)
def test_what_does_not_fit_is_refused(use: str, wrong: str) -> None:
    if wrong not in RISKY:
        attempt(use, wrong)
        return
    command = [sys.executable, "-m", __name__, use, wrong]
    root = Path(__file__).parent.parent
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_an_impossible_hybrid_is_refused() -> None:
    right = {"seasons": [4], "context_length": 3, "horizon": 2}
    assert _core.Hybrid(**right).n_parameters == 1 + 1 + 4
    assert _core.Hybrid(**right | {"seasons": [3, 7]}).n_parameters == 1 + 2 + 10
    for season in (1, 0, -4):
        with pytest.raises(ConfigError, match="season must have more than one step"):
            _core.Hybrid(**right | {"seasons": [4, season]})
    for name in ("context_length", "horizon", "positions"):
        with pytest.raises(ConfigError, match="must be positive"):
            _core.Hybrid(**right | {name: 0})


def test_no_series_have_no_forecasts() -> None:
    none = network(4, OUTPUTS) | {"values": EMPTY, "indptr": np.zeros(1, np.int64)}
    none |= {"series_parameters": np.zeros((0, 6)), "features": None}
    assert _core.forecast_hybrid(**of_forecast(GIVEN | none)).shape == (0, 3, 3)


if __name__ == "__main__":
    attempt(*sys.argv[1:])
