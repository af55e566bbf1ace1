"""Series with gaps and covariates: what the engine makes of them, and what it may not look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from gatecast import ConfigError, _core

from . import oracle
from .oracle import Windowing

MSE = oracle.Loss("mse")
PINBALL = oracle.Loss("pinball", (0.1, 0.5, 0.9))
SCALINGS = ("none", "standard", "meanabs", "level", "first", "series")
ANCHORS = ("none", "last", "season")
THREADS = (1, 2, 3, 8)
# Series too short for a window, or for a whole context, beside long ones.
LENGTHS = (30, 9, 4, 1, 25, 31, 12)


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa("")


@dataclass(frozen=True)
class Data:
    """Series end to end, and what is known beside them."""

    values: oracle.Array
    indptr: NDArray[np.int64]
    covariates: oracle.Covariates | None

    @property
    def begin(self) -> NDArray[np.int64]:
        return self.indptr[:-1]

    @property
    def end(self) -> NDArray[np.int64]:
        return self.indptr[1:]


def make_data(
    seed: int = 1,
    lengths: Sequence[int] = LENGTHS,
    n: tuple[int, int, int] = (2, 3, 1),
    *,
    spread: bool = True,
    gaps: float = 0.2,
    ahead: int = 8,
) -> Data:
    """`n` are the numbers of covariates known so far, known ahead, and constant."""
    total, n_series = sum(lengths), len(lengths)
    t = np.arange(total)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    sign = np.where(np.arange(n_series) % 3 == 1, -1, 1)
    level = np.repeat(sign * (3 + 2 * oracle.uniform(seed, n_series)), lengths)
    values = level * (1 + 0.3 * np.sin(0.9 * t)) + 0.4 * oracle.uniform(seed + 1, total)
    if n_series > 2:  # a stretch without change, which is a context's whole length or more
        values[indptr[-2] - 7 : indptr[-2]] = 2.5
    values[oracle.uniform(seed + 2, total) < 2 * gaps - 1] = np.nan
    if gaps and n_series > 1:  # one stretch without any value, and a late beginning
        values[indptr[-2] + 2 : indptr[-2] + 9] = np.nan
        values[:3] = np.nan
    # Rows that belong to no series stand between theirs, and the last series comes first.
    rows = np.array([length + ahead + 2 for length in lengths])[::-1]
    future_begin = np.int64(1 + np.concatenate([[0], np.cumsum(rows)[:-1]]))[::-1]

    def draw(part: int, *shape: int) -> oracle.Array:
        return np.float64(np.float32(oracle.uniform(seed + part, *shape)))

    covariates = oracle.Covariates(
        past=draw(3, total, n[0]),
        future=draw(4, int(rows.sum()), n[1]),
        future_begin=np.ascontiguousarray(future_begin),
        constant=draw(5, n_series, n[2]),
        spread=np.abs(1.2 * oracle.uniform(seed + 6, n_series)) if spread else None,
    )
    if spread and n_series > 1:
        covariates.spread[0] = 0.0  # type: ignore[index]
    return Data(values, np.int64(indptr), covariates if any(n) or spread else None)


# The engine's names and types stand here and nowhere else in this file.


def f32(a: ArrayLike) -> NDArray[np.float32]:
    return np.ascontiguousarray(a, np.float32)


def engine_windowing(w: Windowing) -> _core.Windowing:
    return _core.Windowing(**vars(w))


def engine_covariates(c: oracle.Covariates | None) -> _core.Covariates | None:
    if c is None:
        return None
    return _core.Covariates(
        past=f32(c.past),
        future=f32(c.future),
        future_begin=c.future_begin,
        constant=f32(c.constant),
        spread=c.spread,
    )


@dataclass(frozen=True)
class Model:
    windowing: Windowing
    loss: oracle.Loss
    network: _core.Network
    parameters: oracle.Parameters
    dilations: oracle.Dilations = ()

    @property
    def vector(self) -> NDArray[np.float32]:
        return f32(oracle.flatten(self.parameters))

    @property
    def engine_loss(self) -> _core.Loss:
        return _core.Loss(self.loss.kind, self.loss.quantiles, self.loss.delta)


def make_model(
    windowing: Windowing,
    data: Data,
    loss: oracle.Loss = MSE,
    hidden: Sequence[int] = (4, 3),
    precision: str = "float32",
    seed: int = 50,
    dilations: oracle.Dilations = (),
) -> Model:
    c, P = data.covariates, windowing.patch_size
    inputs = P * (1 + windowing.mask)
    if c is not None:
        inputs += P * (c.past.shape[1] + c.future.shape[1]) + c.constant.shape[1]
        inputs += c.spread is not None and windowing.scaling not in ("none", "series")
    K, outputs = windowing.head_steps, windowing.output_steps * loss.outputs_per_target
    shapes = oracle.layout(inputs, hidden, outputs // K)
    network = _core.Network(
        inputs, list(hidden), outputs, precision=precision, head_steps=K, dilations=dilations
    )
    vector = np.float64(np.float32(0.8 * oracle.uniform(seed, network.n_parameters)))
    return Model(windowing, loss, network, oracle.unflatten(vector, shapes), dilations)


def fit(
    model: Model,
    data: Data,
    *,
    validation_fraction: float = 0.0,
    batch_size: int = 10_000,
    **training: object,
) -> _core.FitResult:
    return _core.fit(
        model.network,
        model.vector,
        model.engine_loss,
        engine_windowing(model.windowing),
        data.values,
        data.indptr,
        validation_fraction=validation_fraction,
        training=_core.Training(
            **{"epochs": 1, "batch_size": batch_size, "shuffle": False, "threads": 1} | training
        ),
        covariates=engine_covariates(data.covariates),
    )


def forecast(model: Model, data: Data, threads: int = 1) -> oracle.Array:
    return _core.forecast(
        model.network,
        model.vector,
        engine_windowing(model.windowing),
        data.values,
        data.begin,
        data.end,
        threads=threads,
        covariates=engine_covariates(data.covariates),
    )


def forecast_recursive(model: Model, data: Data, steps: int, threads: int = 1) -> oracle.Array:
    return _core.forecast_recursive(
        model.network,
        model.vector,
        engine_windowing(model.windowing),
        data.values,
        data.begin,
        data.end,
        steps=steps,
        threads=threads,
        covariates=engine_covariates(data.covariates),
    )


# What the tests below share.


def oracle_loss(model: Model, windows: oracle.Windows) -> float:
    if not windows.weights.any():
        return 0.0
    outputs, _ = oracle.forward(
        model.parameters,
        windows.x,
        windows.starts,
        head_steps=model.windowing.head_steps,
        dilations=model.dilations,
    )
    return model.loss.evaluate(outputs, windows.y, windows.weights)[0]


def assert_losses_match_oracle(
    model: Model, data: Data, fraction: float, rel: float = 1e-5
) -> None:
    training, validation = oracle.windows(
        data.values, data.indptr, model.windowing, data.covariates, fraction
    )
    if len(training.x) == 0:
        with pytest.raises(ConfigError, match="no window"):
            fit(model, data, validation_fraction=fraction)
        return
    result = fit(model, data, validation_fraction=fraction, learning_rate=0.0)
    assert (result.windows, result.validation_windows) == (len(training.x), len(validation.x))
    assert result.loss[0] == pytest.approx(oracle_loss(model, training), rel=rel)
    if validation.weights.any():
        assert result.validation_loss[0] == pytest.approx(oracle_loss(model, validation), rel=rel)
    else:
        assert not result.validation_loss


def assert_forecasts_match(actual: oracle.Array, expected: oracle.Array, tolerance: float) -> None:
    """Within `tolerance` of each series' largest; NaN where NaN is expected."""
    assert actual.shape == expected.shape
    axes = tuple(range(1, expected.ndim))
    largest = np.nanmax(np.abs(np.nan_to_num(expected)), axis=axes, keepdims=True)
    off = np.abs(actual - expected)
    assert (np.isnan(actual) == np.isnan(expected)).all()
    assert (np.nan_to_num(off) <= tolerance * (1 + largest)).all(), np.nanmax(off)


def few_at_a_time(data: Data, at_most: int = 4) -> Iterator[Data]:
    """The same series in parts, each with its own covariates."""
    for at in range(0, len(data.begin), at_most):
        part = slice(at, at + at_most)
        c = data.covariates
        first, last = data.begin[part][0], data.end[part][-1]
        yield Data(
            data.values[first:last],
            np.append(data.begin[part], last) - first,
            c
            and oracle.Covariates(
                c.past[first:last],
                c.future,
                c.future_begin[part],
                c.constant[part],
                None if c.spread is None else c.spread[part],
            ),
        )


def cut(data: Data, ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where forecasts start that may know each series up to `ends` of its values."""
    return data.begin, data.begin + ends


# Training.


@pytest.mark.parametrize("reads_on", [False, True], ids=["final state", "reads on"])
@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_losses_are_those_of_the_oracles_windows(scaling: str, anchor: str, reads_on: bool) -> None:
    data = make_data()
    windowing = Windowing(6, 3, scaling, anchor, 4, mask=True, reads_on=reads_on)
    assert_losses_match_oracle(make_model(windowing, data), data, 0.3)
    # With nothing beside the values, whose gaps are bridged all the same.
    plain = make_data(n=(0, 0, 0), spread=False)
    bare = replace(windowing, mask=False)
    assert_losses_match_oracle(make_model(bare, plain, PINBALL), plain, 0.3)


@pytest.mark.parametrize("n", [(2, 0, 0), (0, 2, 0), (0, 0, 2), (0, 0, 0), (1, 3, 2)], ids=str)
@pytest.mark.parametrize("spread", [False, True], ids=["no spread", "spread"])
@pytest.mark.parametrize("reads_on", [False, True], ids=["final state", "reads on"])
def test_losses_are_the_oracles_whichever_covariates_there_are(
    n: tuple[int, int, int], spread: bool, reads_on: bool, isa: str
) -> None:
    data = make_data(n=n, spread=spread, gaps=0.0)
    windowing = Windowing(5, 2, "level", "last", reads_on=reads_on)
    assert_losses_match_oracle(make_model(windowing, data), data, 0.25)


def random_case(draw: st.DataObject) -> tuple[Model, Data]:
    lengths = draw.draw(st.lists(st.integers(1, 20), min_size=1, max_size=9), "lengths")
    numbers = st.integers(0, 3)
    windowing = Windowing(
        draw.draw(st.integers(1, 12), "context_length"),
        draw.draw(st.integers(1, 5), "horizon"),
        draw.draw(st.sampled_from(SCALINGS)),
        draw.draw(st.sampled_from(ANCHORS)),
        draw.draw(st.integers(1, 6), "season_length"),
        draw.draw(st.booleans(), "mask"),
        draw.draw(st.booleans(), "reads_on"),
        draw.draw(st.sampled_from([1, 1, 2, 3, 5, 13]), "patch_size"),
    )
    data = make_data(
        draw.draw(st.integers(0, 2**20), "seed"),
        lengths,
        draw.draw(st.tuples(numbers, numbers, numbers), "n"),
        spread=draw.draw(st.booleans(), "spread"),
        gaps=draw.draw(st.sampled_from([0.0, 0.1, 0.6, 0.95]), "gaps"),
    )
    loss = draw.draw(st.sampled_from([MSE, PINBALL]), "loss")
    stacks: list[tuple[tuple[int, ...], oracle.Dilations]] = [
        ((3,), ()),
        ((4, 2), ()),
        ((3, 2, 2), ((1, 3), (5,))),
    ]
    hidden, dilations = draw.draw(st.sampled_from(stacks), "stack")
    return make_model(windowing, data, loss, hidden, dilations=dilations), data


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(draw=st.data(), fraction=st.sampled_from([0.0, 0.2, 0.5]))
def test_whatever_the_series_losses_are_the_oracles(draw: st.DataObject, fraction: float) -> None:
    model, data = random_case(draw)
    # One value without a scale of its own is divided by itself, which may be nearly nothing.
    assert_losses_match_oracle(model, data, fraction, rel=3e-5)


@pytest.mark.parametrize("patch_size", [1, 4])
@pytest.mark.parametrize("reads_on", [False, True], ids=["final state", "reads on"])
def test_weights_after_some_steps_are_the_oracles(
    reads_on: bool, patch_size: int, isa: str
) -> None:
    data = make_data()
    windowing = Windowing(6, 3, "standard", "season", 4, True, reads_on, patch_size)
    model = make_model(windowing, data, hidden=(5, 4))
    windows, _ = oracle.windows(data.values, data.indptr, windowing, data.covariates)
    K, shapes = windowing.head_steps, {n: p.shape for n, p in model.parameters.items()}
    batch, optimizer = 20, oracle.AdamW(0.01, 0.1)
    vector, losses = oracle.flatten(model.parameters), []
    for _ in range(3):
        total = count = 0.0
        for at in range(0, len(windows.x), batch):
            part = slice(at, at + batch)
            at_now = oracle.gradients(
                oracle.unflatten(vector, shapes),
                windows.x[part],
                windows.y[part],
                model.loss,
                windows.weights[part],
                windows.starts[part],
                head_steps=K,
            )
            clipped = oracle.clip(oracle.flatten(at_now.parameters), 0.5)
            vector = optimizer.step(vector, clipped)
            total += at_now.loss * windows.weights[part].sum()
            count += windows.weights[part].sum()
        losses.append(total / count)
    settings = {
        "epochs": 3,
        "batch_size": batch,
        "learning_rate": 0.01,
        "weight_decay": 0.1,
        "clip_norm": 0.5,
    }
    result = fit(model, data, **settings)
    np.testing.assert_allclose(result.loss, losses, rtol=1e-5)
    np.testing.assert_allclose(result.parameters, vector, atol=1e-4 * np.abs(vector).max())
    arrays = _core.fit_arrays(
        model.network,
        model.vector,
        f32(windows.x),
        f32(windows.y),
        model.engine_loss,
        _core.Training(shuffle=False, threads=1, **settings),
        weights=f32(windows.weights),
        starts=windows.starts.astype(np.int32),
    )
    np.testing.assert_allclose(result.loss, arrays.loss, rtol=1e-5)
    np.testing.assert_allclose(result.parameters, arrays.parameters, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_when_threads_differ_bits_are_the_same(precision: str, isa: str) -> None:
    data = make_data(3, (300, 5, 90, 250, 120))
    windowing = Windowing(12, 4, "level", "last", 1, mask=True, reads_on=True)
    model = make_model(windowing, data, PINBALL, (18, 12), precision)
    results = set()
    for threads in THREADS:
        r = fit(
            model,
            data,
            validation_fraction=0.2,
            batch_size=290,
            epochs=2,
            learning_rate=0.01,
            shuffle=True,
            threads=threads,
        )
        assert np.isfinite(r.parameters).all()
        results.add((tuple(r.loss), tuple(r.validation_loss), r.parameters.tobytes()))
    assert len(results) == 1
    many = make_data(4, [7 + n % 20 for n in range(150)])
    assert len({forecast(model, many, threads).tobytes() for threads in THREADS}) == 1


def test_in_bfloat16_losses_are_within_a_hundredth_of_the_oracle(isa: str) -> None:
    data = make_data()
    windowing = Windowing(6, 3, "standard", "last", mask=True, reads_on=True)
    model = make_model(windowing, data, hidden=(20, 12), precision="bfloat16")
    assert_losses_match_oracle(model, data, 0.3, rel=1e-2)


# Forecasts.


@pytest.mark.parametrize("reads_on", [False, True], ids=["final state", "reads on"])
@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_forecasts_are_the_oracles_one_by_one_and_many_at_a_time(
    scaling: str, anchor: str, reads_on: bool
) -> None:
    data = make_data()
    windowing = Windowing(6, 3, scaling, anchor, 4, mask=True, reads_on=reads_on)
    model = make_model(windowing, data, PINBALL)
    expected = oracle.forecast(
        model.parameters, data.values, data.begin, data.end, windowing, data.covariates
    )
    tiles = forecast(model, data)
    assert_forecasts_match(tiles, expected, 1e-5)
    singles = np.concatenate([forecast(model, part) for part in few_at_a_time(data)])
    assert_forecasts_match(singles, expected, 1e-5)
    assert_forecasts_match(singles, tiles, 1e-5)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(draw=st.data())
def test_whatever_the_series_forecasts_are_the_oracles(draw: st.DataObject) -> None:
    model, data = random_case(draw)
    expected = oracle.forecast(
        model.parameters,
        data.values,
        data.begin,
        data.end,
        model.windowing,
        data.covariates,
        model.dilations,
    )
    assert_forecasts_match(forecast(model, data), expected, 1e-5)
    parts = [forecast(model, part) for part in few_at_a_time(data)]
    assert_forecasts_match(np.concatenate(parts), expected, 1e-5)


@pytest.mark.parametrize("dilations", [(), ((1,), (4,))], ids=["plain", "dilated"])
@pytest.mark.parametrize("reads_on", [False, True], ids=["final state", "reads on"])
@pytest.mark.parametrize("patch_size", [1, 4])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_forecasts_fed_back_are_the_oracles(
    scaling: str, patch_size: int, reads_on: bool, dilations: oracle.Dilations, isa: str
) -> None:
    data = make_data(n=(0, 3, 1))
    windowing = Windowing(6, 1, scaling, "season", 3, True, reads_on, patch_size)
    # Weights small enough that nothing fed back runs away, where float32 would show.
    model = make_model(windowing, data, hidden=(3, 3), dilations=dilations)
    model = replace(model, parameters={n: 0.5 * p for n, p in model.parameters.items()})
    expected = oracle.forecast_recursive(
        model.parameters,
        data.values,
        data.begin,
        data.end,
        8,
        windowing,
        data.covariates,
        dilations,
    )
    tiles = forecast_recursive(model, data, 8)
    assert_forecasts_match(tiles, expected, 1e-5)
    singles = [forecast_recursive(model, part, 8) for part in few_at_a_time(data)]
    assert_forecasts_match(np.concatenate(singles), tiles, 1e-5)
    assert len({forecast_recursive(model, data, 8, n).tobytes() for n in THREADS}) == 1


# Patches: several values a step.


@pytest.mark.parametrize("patch_size", [2, 3, 4, 6, 7, 50])
@pytest.mark.parametrize("reads_on", [False, True], ids=["final state", "reads on"])
def test_patched_losses_and_forecasts_are_the_oracles(
    reads_on: bool, patch_size: int, isa: str
) -> None:
    data = make_data()
    windowing = Windowing(6, 5, "standard", "season", 4, True, reads_on, patch_size)
    model = make_model(windowing, data, PINBALL)
    assert_losses_match_oracle(model, data, 0.3)
    expected = oracle.forecast(
        model.parameters, data.values, data.begin, data.end, windowing, data.covariates
    )
    tiles = forecast(model, data)
    assert_forecasts_match(tiles, expected, 1e-5)
    singles = [forecast(model, part) for part in few_at_a_time(data)]
    assert_forecasts_match(np.concatenate(singles), expected, 1e-5)
    bare, plain = replace(windowing, mask=False), make_data(n=(0, 0, 0), spread=False)
    assert_losses_match_oracle(make_model(bare, plain), plain, 0.3)


def test_a_patch_is_the_values_of_its_steps_oldest_first() -> None:
    y = oracle.uniform(1, 10)
    context = oracle.Context(y, 0, 0, 0)
    plain, _, _ = oracle.read_context(context, Windowing(10, 2), None)  # [10, 1]
    pairs, start, _ = oracle.read_context(context, Windowing(10, 2, patch_size=2), None)
    np.testing.assert_array_equal(pairs, plain.reshape(5, 2))
    assert start == 0
    # What is left over of ten is the first patch's end.
    threes, start, _ = oracle.read_context(context, Windowing(10, 2, patch_size=3), None)
    np.testing.assert_array_equal(threes, np.append([0, 0], plain).reshape(4, 3))
    assert start == 0
    # A short series starts at the patch that holds its first value.
    short = oracle.Context(y[:4], 0, 0, 0)
    threes, start, _ = oracle.read_context(short, Windowing(10, 2, patch_size=3), None)
    assert start == 2
    assert not threes[:2].any()
    assert threes[2, :2].tolist() == [0, 0]


@pytest.mark.parametrize("reads_on", [False, True], ids=["final state", "reads on"])
def test_a_network_that_reads_patches_of_zeros_ahead_of_a_series_forgets_nothing(
    reads_on: bool,
) -> None:
    # With room for more patches than the series fills, the forecast is that without them.
    data = make_data(3, (7, 5, 6, 7, 4), gaps=0.0)
    found = []
    for context_length in (9, 30):
        windowing = Windowing(context_length, 4, "level", "last", 1, True, reads_on, 3)
        model = make_model(windowing, data)
        found.append(forecast(model, data))
    np.testing.assert_array_equal(found[0], found[1])


# What a gap is.


def simple(values: ArrayLike, windowing: Windowing, copies: int = 1) -> tuple[Model, Data]:
    """`copies` of one series, with one covariate known ahead."""
    y = np.float64(values)
    lengths = [len(y)] * copies
    data = make_data(9, lengths, (0, 1, 0), spread=False, gaps=0.0)
    rows = np.tile(oracle.uniform(77, len(y) + 10)[:, None], (copies, 1))
    begin = np.arange(copies) * (len(y) + 10)
    covariates = replace(data.covariates, future=rows, future_begin=begin)
    data = replace(data, values=np.tile(y, copies), covariates=covariates)
    return make_model(windowing, data), data


@pytest.mark.parametrize("copies", [1, 9])
def test_a_gap_is_a_line_that_the_mask_tells_from_values(copies: int, isa: str) -> None:
    gap, line = [7, 3, 4, np.nan, np.nan, np.nan, 8, np.nan], [7, 3, 4, 5, 6, 7, 8, 8]
    for mask in (False, True):
        windowing = Windowing(6, 2, "standard", "last", mask=mask, reads_on=True)
        bridged, straight = (forecast(*simple(y, windowing, copies)) for y in (gap, line))
        assert (bridged.tobytes() == straight.tobytes()) is not mask


@pytest.mark.parametrize("copies", [1, 9])
@pytest.mark.parametrize("patch_size", [1, 2, 4])
@pytest.mark.parametrize("reads_on", [False, True])
def test_missing_values_at_the_beginning_are_a_late_start(
    copies: int, patch_size: int, reads_on: bool, isa: str
) -> None:
    windowing = Windowing(6, 2, "standard", "last", 1, True, reads_on, patch_size)
    model, data = simple([9, 9, np.nan, np.nan, np.nan, 2, np.nan, 3], windowing, copies)
    late = replace(
        data,
        values=data.values.reshape(copies, -1)[:, 5:].ravel(),
        indptr=np.arange(copies + 1) * 3,
        covariates=replace(data.covariates, future_begin=data.covariates.future_begin + 5),
    )
    assert forecast(model, data).tobytes() == forecast(model, late).tobytes()


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("copies", [1, 9])
@pytest.mark.parametrize("patch_size", [1, 3])
@pytest.mark.parametrize("reads_on", [False, True])
def test_a_context_without_a_value_has_no_forecast_and_no_part_in_training(
    scaling: str, copies: int, patch_size: int, reads_on: bool
) -> None:
    windowing = Windowing(4, 2, scaling, "season", 2, True, reads_on, patch_size)
    model, data = simple([3, 1] + [np.nan] * 4, windowing, copies)
    assert np.isnan(forecast(model, data)).all()
    model, data = simple([3, 1] + [np.nan] * 4 + [5, 6], windowing, copies)
    training, _ = oracle.windows(data.values, data.indptr, windowing, data.covariates)
    assert not training.weights[2].any()
    assert_losses_match_oracle(model, data, 0.0)
    # One step ahead, fed back on nothing.
    one = replace(windowing, horizon=1)
    model, data = simple([3, 1] + [np.nan] * 4, one, copies)
    assert np.isnan(forecast_recursive(model, data, 3)).all()


def test_a_series_that_has_no_value_leaves_its_neighbours_alone(isa: str) -> None:
    data = make_data()
    windowing = Windowing(6, 3, mask=True, reads_on=True)
    model = make_model(windowing, data)
    before = forecast(model, data)
    values = data.values.copy()
    values[data.begin[4] : data.end[4]] = np.nan
    after = forecast(model, replace(data, values=values))
    others = np.arange(len(before)) != 4
    assert after[others].tobytes() == before[others].tobytes()
    assert np.isnan(after[4]).all()
    assert np.isfinite(before[4]).all()


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("copies", [1, 9])
def test_a_context_that_never_changes_takes_the_spread_of_its_series(
    scaling: str, copies: int
) -> None:
    windowing = Windowing(3, 2, scaling, "last")
    _, data = simple([4.0, 1.0, 2.5, 2.5, 2.5], windowing, copies)
    for spread in (0.0, 0.5):
        known = replace(data.covariates, spread=np.full(copies, spread))
        with_spread = replace(data, covariates=known)
        model = make_model(windowing, with_spread)
        change = forecast(model, with_spread)[..., 0] - 2.5
        # Without one it is continued as it is; unscaled values need none.
        assert (change != 0).all() == (spread > 0 or scaling == "none")
        if scaling == "series" and spread:
            twice = replace(with_spread, covariates=replace(known, spread=2 * known.spread))
            np.testing.assert_allclose(forecast(model, twice)[..., 0] - 2.5, 2 * change, rtol=1e-6)


def test_a_series_that_never_changes_has_no_spread_but_rounding(isa: str) -> None:
    windowing = Windowing(3, 2, "meanabs", "last")
    _, data = simple([0.1] * 30, windowing, 5)
    spread = np.full(5, np.std(data.values[:30]))
    assert 0 < spread[0] < 1e-15
    data = replace(data, covariates=replace(data.covariates, spread=spread))
    model = make_model(windowing, data)
    assert (forecast(model, data) == 0.1).all()
    # Nor is it trained on: no target counts.
    assert fit(model, data).loss == [0.0]


def test_one_gap_in_the_last_series_is_seen() -> None:
    data = make_data(gaps=0.0)
    data.values[data.end[-1] - 4] = np.nan
    model = make_model(Windowing(6, 2, mask=True), data)
    assert_losses_match_oracle(model, data, 0.3)


# What it may not look at.


def poisoned(rows: oracle.Array, changed: NDArray[np.bool_], poison: float) -> oracle.Array:
    rows = rows.copy()
    rows[changed] = poison
    return rows


@dataclass(frozen=True)
class Known:
    """What of the data is before the origins, and what within their horizon."""

    data: Data
    values: NDArray[np.bool_]
    future: NDArray[np.bool_]
    horizon: NDArray[np.bool_]

    def forecast(self, model: Model, changed: Data, length: NDArray[np.int64]) -> oracle.Array:
        return _core.forecast(
            model.network,
            model.vector,
            engine_windowing(model.windowing),
            changed.values,
            self.data.begin,
            self.data.begin + length,
            covariates=engine_covariates(changed.covariates),
        )


def known_at(data: Data, length: NDArray[np.int64], h: int) -> Known:
    assert data.covariates is not None
    values = np.zeros(len(data.values), bool)
    future, horizon = (np.zeros(len(data.covariates.future), bool) for _ in range(2))
    for s, begin in enumerate(data.begin):
        row = data.covariates.future_begin[s]
        values[begin : begin + length[s]] = True
        future[row : row + length[s]] = True
        horizon[row + length[s] : row + length[s] + h] = True
    return Known(data, values, future, horizon)


@pytest.mark.parametrize("poison", [np.nan, 1e9, 0.0])
@pytest.mark.parametrize("reads_on", [False, True], ids=["final state", "reads on"])
@pytest.mark.parametrize("patch_size", [1, 2])
@pytest.mark.parametrize("lengths", [(12, 9, 20), (12, 20, 9, 15, 7, 30)], ids=str)
def test_what_comes_after_an_origin_changes_no_bit_of_its_forecast(
    lengths: tuple[int, ...], patch_size: int, reads_on: bool, poison: float, isa: str
) -> None:
    h, data = 3, make_data(2, lengths)
    length = np.array(lengths) - 5
    model = make_model(Windowing(6, h, "standard", "last", 1, True, reads_on, patch_size), data)
    known = known_at(data, length, h)
    c = data.covariates
    assert c is not None
    before = known.forecast(model, data, length)
    assert np.isfinite(before).all()

    hidden = ~known.future & ~known.horizon if reads_on else ~known.future
    after = replace(
        data,
        values=poisoned(data.values, ~known.values, poison),
        covariates=replace(
            c,
            past=poisoned(c.past, ~known.values, poison),
            future=poisoned(c.future, hidden, poison),
        ),
    )
    assert known.forecast(model, after, length).tobytes() == before.tobytes()
    # The values' own covariates are read, else all this would say nothing.
    for changed in (
        replace(c, past=poisoned(c.past, known.values, 0.25)),
        replace(c, future=poisoned(c.future, known.future, 0.25)),
        replace(c, constant=c.constant + 0.25),
    ):
        moved = known.forecast(model, replace(data, covariates=changed), length)
        assert (moved != before).all()
    # So is each step's own row of what is known ahead, from its patch on.
    for k in range(h if reads_on else 0):
        row = np.zeros_like(known.horizon)
        row[c.future_begin + length + k] = True
        changed = replace(c, future=poisoned(c.future, row, 0.25))
        moved = known.forecast(model, replace(data, covariates=changed), length)
        first = k // patch_size * patch_size
        assert (moved[:, :first] == before[:, :first]).all()
        assert (moved[:, first:] != before[:, first:]).all()


@pytest.mark.parametrize("reads_on", [False, True], ids=["final state", "reads on"])
@pytest.mark.parametrize("lengths", [(12, 9, 20), (12, 20, 9, 15, 7, 30)], ids=str)
def test_fed_back_each_step_sees_its_own_covariates_and_none_beyond(
    lengths: tuple[int, ...], reads_on: bool, isa: str
) -> None:
    data, steps = make_data(2, lengths, (0, 2, 1)), 5
    model = make_model(Windowing(6, 1, "series", "last", mask=True, reads_on=reads_on), data)
    c = data.covariates
    assert c is not None
    before = forecast_recursive(model, data, steps)
    for k in range(steps + 2):
        row = np.zeros(len(c.future), bool)
        row[c.future_begin + lengths + k] = True
        changed = replace(data, covariates=replace(c, future=poisoned(c.future, row, 0.25)))
        moved = forecast_recursive(model, changed, steps)
        first = k if reads_on else k + 1  # the step whose forecast may know the row
        assert (moved[:, :first] == before[:, :first]).all()
        assert (moved[:, first:] != before[:, first:]).all()


@pytest.mark.parametrize("reads_on", [False, True], ids=["final state", "reads on"])
def test_what_validation_asks_for_changes_no_bit_of_what_is_trained(
    reads_on: bool, isa: str
) -> None:
    C, h, length, held = 6, 3, 40, 8
    data = make_data(2, (length,) * 3)
    c = data.covariates
    assert c is not None
    model = make_model(Windowing(C, h, "level", "last", mask=True, reads_on=reads_on), data)
    windows = length - C - h + 1
    validated = C + windows - held  # from this position on validation has its targets

    def trained(data: Data) -> bytes:
        result = fit(model, data, validation_fraction=held / windows, epochs=3, learning_rate=0.01)
        assert result.validation_windows == 3 * held
        return result.parameters.tobytes()

    before = trained(data)
    at = np.arange(len(data.values)) % length
    ahead = np.arange(len(c.future))[:, None] - c.future_begin
    own = (ahead >= 0) & (ahead < length + h)  # [row, series]
    position = np.where(own.any(axis=1), (ahead * own).sum(axis=1), length + h)
    # The last window that is trained on begins its horizon one step earlier.
    last = validated - 1
    after = replace(
        data,
        values=poisoned(data.values, at >= validated, 1e9),
        covariates=replace(
            c,
            past=poisoned(c.past, at >= last, 1e9),
            future=poisoned(c.future, position >= last + h * reads_on, 1e9),
        ),
    )
    assert trained(after) == before
    earlier = replace(data, values=poisoned(data.values, at >= last, 1e3))
    assert trained(earlier) != before


# Small and wrong.


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("reads_on", [False, True])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_one_value_of_one_series_is_enough(scaling: str, reads_on: bool, mask: bool) -> None:
    windowing = Windowing(1, 1, scaling, "season", 1, mask=mask, reads_on=reads_on)
    data = make_data(5, (2,), (1, 1, 1), gaps=0.0)
    model = make_model(windowing, data, hidden=(1,))
    assert_losses_match_oracle(model, data, 0.5)
    expected = oracle.forecast(
        model.parameters, data.values, data.begin, data.end, windowing, data.covariates
    )
    assert_forecasts_match(forecast(model, data), expected, 1e-5)


def test_no_series_have_no_forecasts() -> None:
    data = make_data(5, (9, 9))
    model = make_model(Windowing(4, 2), data)
    empty = np.zeros(0, np.int64)
    none = oracle.Covariates(
        data.covariates.past, data.covariates.future, empty, np.zeros((0, 1)), np.zeros(0)
    )
    found = _core.forecast(
        model.network,
        model.vector,
        engine_windowing(model.windowing),
        data.values,
        empty,
        empty,
        covariates=engine_covariates(none),
    )
    assert found.shape == (0, 2, 1)


def test_a_covariate_that_is_not_a_number_is_named_by_its_series() -> None:
    data = make_data(gaps=0.0)
    model = make_model(Windowing(6, 3), data)
    data.covariates.past[data.begin[4] + 10, 1] = np.nan
    with pytest.raises(ConfigError, match=r"not a finite number.* series number 4, values 5 to"):
        fit(model, data)


WRONG = {
    "past needs a row": lambda c: replace(c, past=c.past[:-1]),
    "one entry a series.": lambda c: replace(c, constant=c.constant[:-1]),
    "need one entry a series": lambda c: replace(c, spread=c.spread[:-1]),
    "Covariates need one entry": lambda c: replace(c, future_begin=c.future_begin[:-1]),
    "future does not reach": lambda c: replace(c, future=c.future[:-4]),
    "future does not": lambda c: replace(c, future_begin=c.future_begin - 2),
    "does not reach as far": lambda c: replace(c, future_begin=c.future_begin + 2**62),
    "as far as the series": lambda c: replace(c, future_begin=0 * c.future_begin + (2**63 - 1)),
    "inputs do not fit": lambda c: replace(c, past=c.past[:, :-1]),
    "The network's inputs": lambda c: replace(c, spread=None),
}


@pytest.mark.parametrize("message", WRONG)
def test_covariates_that_do_not_fit_are_refused(message: str) -> None:
    h, data = 3, make_data(ahead=3)
    model = make_model(Windowing(6, h, reads_on=True), data)
    wrong = replace(data, covariates=WRONG[message](data.covariates))
    with pytest.raises(ConfigError, match=message):
        forecast(model, wrong)
    if message != "future does not reach":  # of which training needs none beyond the series
        with pytest.raises(ConfigError, match=message):
            fit(model, wrong)


def test_a_network_that_does_not_fit_the_windows_is_refused() -> None:
    data = make_data()
    for asked, has in [(True, False), (False, True)]:
        model = make_model(Windowing(6, 3, reads_on=has), data)
        model = replace(model, windowing=Windowing(6, 3, reads_on=asked))
        for use in (fit, forecast):
            with pytest.raises(ConfigError, match="head does not fit"):
                use(model, data)
    model = make_model(Windowing(6, 1), data)
    with pytest.raises(ConfigError, match="known only up to the end"):
        forecast_recursive(model, data, 2)
    with pytest.raises(ConfigError, match="future does not reach"):
        forecast_recursive(model, data, 11)
    with pytest.raises(ConfigError, match="outputs must be as many"):
        _core.Network(1, [2], 5, head_steps=2)
    with pytest.raises(ConfigError, match="outputs must be as many"):
        _core.Network(1, [2], 2, head_steps=-1)


def test_a_network_whose_head_reads_every_step_does_not_fit_windows() -> None:
    data = make_data(n=(0, 0, 0), spread=False)
    network = _core.Network(1, [4, 3], 1, head_steps=0)
    model = replace(make_model(Windowing(6, 1), data), network=network)
    for use in (fit, forecast):
        with pytest.raises(ConfigError, match="head does not fit"):
            use(model, data)


def test_the_head_reads_no_step_before_the_sequence() -> None:
    network = _core.Network(1, [2], 3, head_steps=3)
    vector, loss = _core.initialise(network, 0), _core.Loss("mse")
    x, y = np.zeros((1, 4, 1), np.float32), np.zeros((1, 3), np.float32)
    _core.gradients(network, vector, x, y, loss, starts=np.array([1], np.int32))
    with pytest.raises(ConfigError, match="not after a step that the head reads"):
        _core.gradients(network, vector, x, y, loss, starts=np.array([2], np.int32))
    with pytest.raises(ConfigError, match="fewer steps than the network's head"):
        _core.gradients(network, vector, x[:, :2].copy(), y, loss)
