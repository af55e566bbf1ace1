"""The engine once more in float64 NumPy: slow, obvious, and the measure of the fast one.

Letters: N windows, T steps, I inputs and H units of a layer, d its dilation, O outputs of the
network, h targets of a window (the horizon), Q quantiles, K last steps that the head reads. Gates
stand in the order i, f, g, o. Parameters are a dict of arrays by name: lstm.0.weight_ih [4H, I],
lstm.0.weight_hh [4H, H], lstm.0.bias [4H], the same for lstm.1 and so on, head.weight [O / K, H],
head.bias [O / K].

Layers stand in blocks, `dilations` their dilations block by block; () is one block of layers that
are not dilated. A block reads the sum of what the blocks below it put out (the first, the network's
input), and the head reads the sum of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Parameters = dict[str, Array]
Dilations = Sequence[Sequence[int]]  # by block and layer
EVERY_STEP = 0  # as head_steps: all that there are


# Layers: each a forward and a backward; the first hands what it kept to the second.


def sigmoid(z: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * z))


@dataclass
class LstmSteps:
    """What one layer's forward keeps for its backward."""

    dilation: int
    x: Array  # [N, T, I]
    running: NDArray[np.bool_]  # [N, T]: has the window's sequence begun?
    gates: Array  # [N, T, 4, H], after their activations
    c: Array  # [N, d + T, H]: c[:, t] is what step t goes on from, c[:, t + d] what it makes of it
    h: Array  # [N, d + T, H], likewise

    @property
    def outputs(self) -> Array:
        return self.h[:, self.dilation :]  # [N, T, H]


def lstm_forward(
    x: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array,
    starts: NDArray[np.integer] | None,
    dilation: int = 1,
) -> LstmSteps:
    """One layer over x [N, T, I]; before step starts[n] the state of window n is zero."""
    N, T, _ = x.shape
    H, d = weight_hh.shape[1], dilation
    steps = LstmSteps(
        dilation=d,
        x=x,
        running=np.arange(T) >= (np.zeros((N, 1)) if starts is None else starts[:, None]),
        gates=np.zeros((N, T, 4, H)),
        c=np.zeros((N, d + T, H)),
        h=np.zeros((N, d + T, H)),
    )
    for t in range(T):
        z = (x[:, t] @ weight_ih.T + steps.h[:, t] @ weight_hh.T + bias).reshape(N, 4, H)
        i, f, g, o = sigmoid(z[:, 0]), sigmoid(z[:, 1]), np.tanh(z[:, 2]), sigmoid(z[:, 3])
        on = steps.running[:, t, None]  # [N, 1]
        steps.gates[:, t] = np.stack([i, f, g, o], axis=1)
        steps.c[:, t + d] = on * (f * steps.c[:, t] + i * g)
        steps.h[:, t + d] = on * (o * np.tanh(steps.c[:, t + d]))
    return steps


def lstm_backward(
    dh_above: Array, steps: LstmSteps, weight_ih: Array, weight_hh: Array
) -> tuple[Array, Array, Array, Array]:
    """From the gradient at all outputs [N, T, H] to those of x, weight_ih, weight_hh, bias."""
    d, T = steps.dilation, dh_above.shape[1]
    dx = np.zeros_like(steps.x)
    dweight_ih, dweight_hh, dbias = np.zeros_like(weight_ih), np.zeros_like(weight_hh), 0.0
    dhs, dcs = np.zeros_like(steps.h), np.zeros_like(steps.c)  # what comes back from later steps
    for t in reversed(range(T)):
        on = steps.running[:, t, None]  # [N, 1]
        i, f, g, o = (steps.gates[:, t, k] for k in range(4))
        tanh_c = np.tanh(steps.c[:, t + d])
        dh = on * (dhs[:, t + d] + dh_above[:, t])
        dc = on * (dcs[:, t + d] + dh * o * (1 - tanh_c**2))
        dz = np.concatenate(  # [N, 4H], at the gates' pre-activations
            [
                dc * g * i * (1 - i),
                dc * steps.c[:, t] * f * (1 - f),
                dc * i * (1 - g**2),
                dh * tanh_c * o * (1 - o),
            ],
            axis=1,
        )
        dweight_ih += dz.T @ steps.x[:, t]
        dweight_hh += dz.T @ steps.h[:, t]
        dbias = dbias + dz.sum(axis=0)
        dx[:, t] = dz @ weight_ih
        dhs[:, t], dcs[:, t] = dz @ weight_hh, dc * f
    return dx, dweight_ih, dweight_hh, dbias


def dense_forward(x: Array, weight: Array, bias: Array) -> Array:
    return x @ weight.T + bias  # [N, O]


def dense_backward(dout: Array, x: Array, weight: Array) -> tuple[Array, Array, Array]:
    """From the gradient at the outputs [N, O] to those of x, weight, bias."""
    return dout @ weight, dout.T @ x, dout.sum(axis=0)


# Losses.


@dataclass(frozen=True)
class Loss:
    kind: str  # "mse", "mae", "huber" or "pinball"
    quantiles: tuple[float, ...] = ()
    delta: float = 1.0

    @property
    def outputs_per_target(self) -> int:
        return len(self.quantiles) if self.kind == "pinball" else 1

    def evaluate(self, outputs: Array, y: Array, weights: Array | None) -> tuple[float, Array]:
        """The mean over targets y [N, h] by weight, and its gradient at the outputs [N, h * Q]."""
        N, h = y.shape
        counts = np.ones((N, h, 1)) if weights is None else weights.reshape(N, h, 1)
        # A target that does not count may be anything, NaN too.
        target = np.where(counts == 0, 0.0, y.reshape(N, h, 1))
        error = outputs.reshape(N, h, self.outputs_per_target) - target  # [N, h, Q]
        if self.kind == "mse":
            value, slope = error**2, 2 * error
        elif self.kind == "mae":
            value, slope = np.abs(error), np.sign(error)
        elif self.kind == "huber":
            size, near = np.abs(error), np.abs(error) <= self.delta
            value = np.where(near, 0.5 * error**2, self.delta * (size - 0.5 * self.delta))
            slope = np.where(near, error, self.delta * np.sign(error))
        elif self.kind == "pinball":
            q = np.array(self.quantiles)
            value = np.where(error > 0, (1 - q) * error, -q * error)
            slope = np.where(error > 0, 1 - q, np.where(error < 0, -q, 0.0))
        else:
            raise ValueError(f"No such loss: {self.kind}.")
        share = counts / (counts.sum() * self.outputs_per_target)
        return float((share * value).sum()), (share * slope).reshape(N, -1)


# The network.


def layout(inputs: int, hidden: Sequence[int], outputs: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all parameters in the order of the flat vector; outputs of one step."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, H in enumerate(hidden):
        below = hidden[layer - 1] if layer else inputs
        shapes[f"lstm.{layer}.weight_ih"] = (4 * H, below)
        shapes[f"lstm.{layer}.weight_hh"] = (4 * H, H)
        shapes[f"lstm.{layer}.bias"] = (4 * H,)
    return shapes | {"head.weight": (outputs, hidden[-1]), "head.bias": (outputs,)}


def flatten(parameters: Parameters) -> Array:
    return np.concatenate([p.ravel() for p in parameters.values()])


def unflatten(vector: ArrayLike, shapes: dict[str, tuple[int, ...]]) -> Parameters:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    pieces = np.split(np.asarray(vector, np.float64), ends[:-1])
    return {name: p.reshape(shapes[name]) for name, p in zip(shapes, pieces, strict=True)}


def blocks_of(parameters: Parameters, dilations: Dilations) -> list[list[tuple[int, int]]]:
    """By block: its layers' numbers and dilations."""
    n_layers = sum(name.startswith("lstm.") and name.endswith(".bias") for name in parameters)
    blocks = dilations or [[1] * n_layers]
    assert sum(map(len, blocks)) == n_layers
    begins = accumulate(map(len, blocks), initial=0)
    return [list(enumerate(block, begin)) for block, begin in zip(blocks, begins, strict=False)]


@dataclass
class Trace:
    """What the network's forward keeps for its backward."""

    layers: list[LstmSteps]
    final: Array  # [N, K, H]: what the head reads


def forward(
    parameters: Parameters,
    x: Array,
    starts: NDArray[np.integer] | None = None,
    masks: Sequence[Array] = (),
    head_steps: int = 1,
    dilations: Dilations = (),
) -> tuple[Array, Trace]:
    """Outputs [N, O] from x [N, T, I].

    masks[l] [N, T, H] multiplies what is read above layer l, by the next layer or by the head.
    """
    layers: list[LstmSteps] = []
    total: Array | float = 0.0  # of what the blocks put out
    for block in blocks_of(parameters, dilations):
        for number, dilation in block:
            name = f"lstm.{number}."
            weights = [parameters[name + part] for part in ("weight_ih", "weight_hh", "bias")]
            layers.append(lstm_forward(x, *weights, starts, dilation))
            x = layers[-1].outputs  # [N, T, H]
            if number == block[-1][0]:
                x = total = total + x
            if masks:
                x = x * masks[number]
    final = x[:, -head_steps:]  # [N, K, H]; from the first step on where it reads every one
    outputs = dense_forward(final, parameters["head.weight"], parameters["head.bias"])
    return outputs.reshape(len(x), -1), Trace(layers, final)


class Gradients(NamedTuple):
    loss: float
    outputs: Array  # [N, O]
    parameters: Parameters  # the loss's gradient at each
    x: Array  # [N, T, I], and at the input


def gradients(
    parameters: Parameters,
    x: Array,
    y: Array,
    loss: Loss,
    weights: Array | None = None,
    starts: NDArray[np.integer] | None = None,
    masks: Sequence[Array] = (),
    head_steps: int = 1,
    dilations: Dilations = (),
) -> Gradients:
    """Loss, outputs, and the loss's gradient everywhere."""
    outputs, trace = forward(parameters, x, starts, masks, head_steps, dilations)
    value, dout = loss.evaluate(outputs, y, weights)
    N, K, H = trace.final.shape
    grads: Parameters = {}
    dfinal, grads["head.weight"], grads["head.bias"] = dense_backward(
        dout.reshape(N * K, -1), trace.final.reshape(N * K, H), parameters["head.weight"]
    )
    dx = np.zeros((N, x.shape[1], H))  # at what is read above a layer
    dx[:, -K:] = dfinal.reshape(N, K, H)
    dtotal: Array | float = 0.0  # at the sum of the blocks' outputs, by all that read it
    for block in reversed(blocks_of(parameters, dilations)):
        for number, _ in reversed(block):
            name = f"lstm.{number}."
            if masks:
                dx = dx * masks[number]
            if number == block[-1][0]:
                dx = dtotal = dtotal + dx
            dx, grads[name + "weight_ih"], grads[name + "weight_hh"], grads[name + "bias"] = (
                lstm_backward(
                    dx,
                    trace.layers[number],
                    parameters[name + "weight_ih"],
                    parameters[name + "weight_hh"],
                )
            )
    return Gradients(value, outputs, {name: grads[name] for name in parameters}, dx)


# Optimisers: PyTorch's formulas, on the flat vector.


def clip(gradient: Array, max_norm: float) -> Array:
    """As torch.nn.utils.clip_grad_norm_; 0 leaves the gradient alone."""
    if max_norm == 0:
        return gradient
    return gradient * min(1.0, max_norm / (float(np.linalg.norm(gradient)) + 1e-6))


@dataclass
class AdamW:
    learning_rate: float
    weight_decay: float = 0.0
    mean: Array | float = 0.0
    square: Array | float = 0.0
    t: int = 0

    def step(self, p: Array, gradient: Array) -> Array:
        self.t += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient**2
        mean, square = self.mean / (1 - 0.9**self.t), self.square / (1 - 0.999**self.t)
        p = p * (1 - self.learning_rate * self.weight_decay)
        return p - self.learning_rate * mean / (np.sqrt(square) + 1e-8)


@dataclass
class RmsProp:
    """Weight decay is AdamW's here too, unlike in PyTorch, where it joins the gradient."""

    learning_rate: float
    weight_decay: float = 0.0
    square: Array | float = 0.0

    def step(self, p: Array, gradient: Array) -> Array:
        self.square = 0.9 * self.square + 0.1 * gradient**2
        p = p * (1 - self.learning_rate * self.weight_decay)
        return p - self.learning_rate * gradient / (np.sqrt(self.square) + 1e-7)


OPTIMIZERS = {"adam": AdamW, "rmsprop": RmsProp}


# From series to windows, as core/window.hpp says. A missing value is NaN; P values a step.


@dataclass(frozen=True)
class Windowing:
    context_length: int
    horizon: int
    scaling: str = "standard"
    anchor: str = "last"
    season_length: int = 1
    mask: bool = False
    reads_on: bool = False
    patch_size: int = 1

    @property
    def head_steps(self) -> int:
        return -(-self.horizon // self.patch_size) if self.reads_on else 1

    @property
    def output_steps(self) -> int:
        """Values that come out: whole patches where the head reads several steps."""
        return self.head_steps * self.patch_size if self.reads_on else self.horizon


@dataclass(frozen=True)
class Covariates:
    past: Array  # [total, n_past], a row for each of the values
    future: Array  # [rows, n_future]
    future_begin: NDArray[np.int64]  # [n_series]: the row of a series' first value
    constant: Array  # [n_series, n_static]
    spread: Array | None = None  # [n_series]


@dataclass(frozen=True)
class Scale:
    """Of one window: x = (y - location) / scale, target = (y - anchor) / scale."""

    location: float
    scale: float
    anchors: Array  # [output_steps]
    last: float
    flat: bool  # it is continued by its last value, and not trained on

    def from_network(self, outputs: Array) -> Array:
        """[output_steps * Q] to the data's units, [output_steps, Q]."""
        outputs = outputs.reshape(len(self.anchors), -1)
        if self.flat:
            return np.full_like(outputs, self.last)
        return self.anchors[:, None] + self.scale * outputs


def window_scale(y: Array, windowing: Windowing, spread: float) -> Scale:
    """From a context without gaps; `spread` is 0 where it is not known."""
    h, m = windowing.output_steps, windowing.season_length
    if len(y) == 0:
        return Scale(0.0, 1.0, np.full(h, np.nan), np.nan, flat=True)
    typical = np.abs(y).mean()
    location, scale = {
        "none": (0.0, 1.0),
        "standard": (y.mean(), y.std()),
        "meanabs": (0.0, typical),
        "level": (0.0, np.abs(y[-(m if m > 1 else 4) :]).mean()),
        # A window that starts at nearly nothing is divided by its typical size.
        "first": (y[0], y[0] if abs(y[0]) > 0.01 * typical else typical),
        "series": (y.mean(), spread),
    }[windowing.scaling]
    flat = False
    if windowing.scaling != "none":
        if abs(scale) <= 1e-12 * typical:  # rounding noise is no scale
            scale = typical if typical > 0 else 1.0
        if len(y) > 1 and np.ptp(y) <= 1e-12 * typical:
            scale, flat = (spread, False) if spread > 1e-12 * typical else (scale, True)
    anchors = np.full(h, location if windowing.anchor == "none" else y[-1])
    if windowing.anchor == "season" and m <= len(y):
        anchors = np.array([y[len(y) - m + k % m] for k in range(h)])
    return Scale(location, scale, anchors, y[-1], flat)


@dataclass(frozen=True)
class Context:
    """What is known at an origin: the values that stand before it in their series."""

    y: Array  # [at most C]
    series: int
    position: int  # of y[0] in its series
    row: int  # of y[0] in all values


def read_context(
    context: Context, windowing: Windowing, covariates: Covariates | None
) -> tuple[Array, int, Scale]:
    """x [T, I], the step at which the sequence begins, and the scale."""
    C, h, P, s = windowing.context_length, windowing.horizon, windowing.patch_size, context.series
    spread = 0.0
    if covariates is not None and covariates.spread is not None:
        spread = covariates.spread[s]
    observed = np.flatnonzero(~np.isnan(context.y))
    missing = observed[0] if len(observed) else len(context.y)  # so many at its beginning
    n = len(context.y) - missing
    y = np.interp(np.arange(n) + missing, observed, context.y[observed]) if n else np.zeros(0)
    scale = window_scale(y, windowing, spread)
    ends = missing + n  # as many values after context.y[0] the horizon begins

    def value(at: int) -> float:
        """What the network sees, `at` values after context.y[0]."""
        if n == 0 or at < missing:
            return 0.0
        known = y[at - missing] if at < ends else scale.anchors[at - ends]
        return (known - scale.location) / scale.scale

    def patch(first: int) -> list[float]:
        """The inputs of the step that reads P values."""
        places = range(first, first + P)
        row = [value(at) for at in places]
        if windowing.mask:
            row += [float(at in observed) for at in places]
        if covariates is None:
            return row
        if covariates.spread is not None and windowing.scaling not in ("none", "series"):
            row.append(np.clip(np.log(abs(scale.scale) / spread), -3, 3) if spread > 0 else 0.0)
        for at in places if covariates.past.shape[1] else ():
            known = missing <= at < ends
            row += list(covariates.past[context.row + at] if known else 0 * covariates.past[0])
        for at in places if covariates.future.shape[1] else ():
            asked = missing <= at < ends + h
            place = covariates.future_begin[s] + context.position + at
            row += list(covariates.future[place] if asked else 0 * covariates.future[0])
        return row + list(covariates.constant[s])

    steps = -(-C // P)
    T = steps + (windowing.head_steps if windowing.reads_on else 0)
    # Patches end where the horizon begins; those before the first value are padding.
    rows = [patch(ends + (t - steps) * P) for t in range(T)]
    begins = steps - -(-n // P)
    rows[:begins] = [[0.0] * len(rows[0])] * begins
    return np.array(rows), min(begins, steps - 1), scale


@dataclass(frozen=True)
class Windows:
    x: Array  # [N, T, I]
    y: Array  # [N, output_steps], in the network's units
    weights: Array  # [N, output_steps]
    starts: NDArray[np.int64]  # [N]


def windows(
    values: Array,
    indptr: Sequence[int] | NDArray[np.int64],
    windowing: Windowing,
    covariates: Covariates | None = None,
    validation_fraction: float = 0.0,
    windows_per_series: int | None = None,
) -> tuple[Windows, Windows]:
    """All windows for training, and for validation, series by series and in the order of time."""
    C, h, K = windowing.context_length, windowing.horizon, windowing.output_steps
    training: list[tuple] = []
    validation: list[tuple] = []
    for s, (begin, end) in enumerate(pairwise(indptr)):
        length = end - begin
        origins = list(range(C, length - h + 1))  # where the targets begin
        if not origins and length > h:
            origins = [length - h]  # one, with a shorter context
        origins = origins[-(windows_per_series or len(origins)) :]
        held = min(int(validation_fraction * len(origins) + 0.5), max(len(origins) - 1, 0))
        for number, origin in enumerate(origins):
            kept = number < len(origins) - held
            # Training asks for nothing that validation will ask for.
            limit = origins[-held] if kept and held else length
            first = max(origin - C, 0)
            context = Context(values[begin + first : begin + origin], s, first, begin + first)
            x, start, scale = read_context(context, windowing, covariates)
            target = np.full(K, np.nan)
            target[:h] = values[begin + origin : begin + origin + h]
            y = (target - scale.anchors) / scale.scale
            counts = ~np.isnan(y) & (origin + np.arange(K) < limit) & (not scale.flat)
            (training if kept else validation).append(
                (x, np.where(counts, y, 0), np.float64(counts), start)
            )
    return tuple(
        Windows(*(np.array(part) for part in zip(*w, strict=True)))
        if w
        else Windows(np.zeros((0, 0, 0)), np.zeros((0, K)), np.zeros((0, K)), np.zeros(0, np.int64))
        for w in (training, validation)
    )


def last_context(values: Array, begin: int, end: int, series: int, windowing: Windowing) -> Context:
    """Of a forecast from the end of values[begin:end]."""
    first = max(begin, end - windowing.context_length)
    return Context(values[first:end], series, first - begin, first)


def forecast(
    parameters: Parameters,
    values: Array,
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    windowing: Windowing,
    covariates: Covariates | None = None,
    dilations: Dilations = (),
) -> Array:
    """[n, h, Q] in the data's units."""
    result = []
    for n in range(len(begin)):
        context = last_context(values, begin[n], end[n], n, windowing)
        x, start, scale = read_context(context, windowing, covariates)
        form = ((), windowing.head_steps, dilations)
        outputs, _ = forward(parameters, x[None], np.array([start]), *form)
        result.append(scale.from_network(outputs[0])[: windowing.horizon])
    return np.array(result)


def forecast_recursive(
    parameters: Parameters,
    values: Array,
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    steps: int,
    windowing: Windowing,
    covariates: Covariates | None = None,
    dilations: Dilations = (),
) -> Array:
    """[n, steps] in the data's units: each forecast is the newest value of the next context."""
    result = np.zeros((len(begin), steps))
    for n in range(len(begin)):
        # From the origin's first context on: later ones slide, and reach back no further.
        context = last_context(values, begin[n], end[n], n, windowing)
        for step in range(steps):
            known = np.concatenate([context.y, result[n, :step]])
            gone = max(len(known) - windowing.context_length, 0)
            now = Context(known[gone:], n, context.position + gone, context.row + gone)
            x, start, scale = read_context(now, windowing, covariates)
            outputs, _ = forward(
                parameters,
                x[None],
                np.array([start]),
                head_steps=windowing.head_steps,
                dilations=dilations,
            )
            result[n, step] = scale.from_network(outputs[0])[0, 0]
    return result


# Problems to try the engine on.


def uniform(seed: int, *shape: int) -> Array:
    """Numbers in [-1, 1) that no release of NumPy changes: it promises that of raw bits alone."""
    raw = np.random.PCG64(seed).random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(11)) * 2.0**-52 - 1.0).reshape(shape)


@dataclass(frozen=True)
class Problem:
    """A network, its parameters and a batch. All numbers are exact in float32."""

    hidden: tuple[int, ...]
    parameters: Parameters
    x: Array  # [N, T, I]
    y: Array  # [N, h], of all steps where the head reads every one
    head_steps: int = 1
    dilations: Dilations = ()

    def forward(
        self, starts: NDArray[np.integer] | None = None, masks: Sequence[Array] = ()
    ) -> Array:
        return forward(self.parameters, self.x, starts, masks, self.head_steps, self.dilations)[0]

    def gradients(
        self,
        loss: Loss,
        weights: Array | None = None,
        starts: NDArray[np.integer] | None = None,
        masks: Sequence[Array] = (),
    ) -> Gradients:
        form = (self.head_steps, self.dilations)
        return gradients(self.parameters, self.x, self.y, loss, weights, starts, masks, *form)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: p.shape for name, p in self.parameters.items()}


def make_problem(
    seed: int,
    inputs: int,
    hidden: Sequence[int],
    T: int,
    N: int,
    h: int,
    loss: Loss,
    head_steps: int = 1,
    dilations: Dilations = (),
) -> Problem:
    """Parameters as wide as PyTorch's initial ones, inputs in [-2, 2), targets in [-0.5, 1.5).

    Targets around zero would make sums over windows cancel, which float32 rewards with noise.
    There are h of them in a window; where the head reads every step, at each.
    """

    def draw(part: int, middle: float, scale: float, *shape: int) -> Array:
        return np.float64(np.float32(middle + scale * uniform(1000 * seed + part, *shape)))

    shapes = layout(inputs, hidden, h * loss.outputs_per_target // max(head_steps, 1))
    units = dict(zip([f"lstm.{layer}" for layer in range(len(hidden))], hidden, strict=True))
    parameters = {
        name: draw(part, 0, units.get(name.rpartition(".")[0], hidden[-1]) ** -0.5, *shape)
        for part, (name, shape) in enumerate(shapes.items())
    }
    targets = T * h if head_steps == EVERY_STEP else h
    x, y = draw(900, 0, 2, N, T, inputs), draw(901, 0.5, 1, N, targets)
    return Problem(tuple(hidden), parameters, x, y, head_steps, dilations)


def away_from_kinks(y: Array, outputs: Array, loss: Loss, margin: float = 0.02) -> Array:
    """Targets y [N, h], moved until no error lies near a point where the loss's slope jumps."""
    y = np.float32(y)
    kinks = np.array([-loss.delta, loss.delta] if loss.kind == "huber" else [0.0])
    while True:
        error = outputs.reshape(*y.shape, -1) - y[:, :, None]  # [N, h, Q]
        near = (np.abs(error[..., None] - kinks) < margin).any(axis=(2, 3))
        if not near.any():
            return np.float64(y)
        y = y + np.float32(margin) * near.astype(np.float32)
