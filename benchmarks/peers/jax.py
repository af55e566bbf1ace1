"""JAX: a scan over time inside one jitted step, and Adam by hand."""

from __future__ import annotations

import functools
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from benchmarks.peers import Precision
from benchmarks.workloads import Workload

Parameters = Any  # a tree: (layers of (w_ih, w_hh, bias), (head weight, head bias))


def versions() -> dict[str, str]:
    return {"jax": jax.__version__}


def initialise(hidden_size: tuple[int, ...], h: int) -> Parameters:
    rng = np.random.default_rng(0)

    def uniform(rows: int, columns: int, bound: float) -> Array:
        return jnp.asarray(rng.uniform(-bound, bound, (rows, columns)), jnp.float32)

    layers = [
        (uniform(i, 4 * u, u**-0.5), uniform(u, 4 * u, u**-0.5), jnp.zeros(4 * u))
        for i, u in zip((1, *hidden_size), hidden_size, strict=False)
    ]
    last = hidden_size[-1]
    return layers, (uniform(last, h, last**-0.5), jnp.zeros(h))


def layer(parameters: tuple[Array, Array, Array], xs: Array) -> Array:
    """Hidden states [T, B, H] of inputs [T, B, I]; the inputs' product is taken once for all T."""
    w_ih, w_hh, bias = parameters
    zero = jnp.zeros((xs.shape[1], w_hh.shape[0]))

    def step(state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
        h, c = state
        i, f, g, o = jnp.split(x + h @ w_hh, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return jax.lax.scan(step, (zero, zero), xs @ w_ih + bias)[1]


def network(parameters: Parameters, x: Array) -> Array:
    layers, (weight, bias) = parameters
    xs = jnp.swapaxes(x, 0, 1)
    for one in layers:
        xs = layer(one, xs)
    return xs[-1] @ weight + bias


def mean_squared_error(parameters: Parameters, x: Array, y: Array) -> Array:
    return jnp.mean((network(parameters, x) - y) ** 2)


@functools.partial(jax.jit, donate_argnums=(0, 1))
def adam_step(
    parameters: Parameters, state: tuple[Parameters, Parameters, Array], x: Array, y: Array
) -> tuple[Parameters, tuple[Parameters, Parameters, Array], Array]:
    loss, gradients = jax.value_and_grad(mean_squared_error)(parameters, x, y)
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradients)))
    gradients = jax.tree.map(lambda g: g * jnp.minimum(1.0, 1.0 / (norm + 1e-6)), gradients)
    first, second, t = state
    t = t + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, second, gradients)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    parameters = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), parameters, first, second
    )
    return parameters, (first, second, t), loss


class Job:
    def __init__(self, w: Workload, threads: int, precision: Precision) -> None:
        if precision != "float32":
            raise ImportError("JAX is timed in float32 only")
        # XLA sizes its pool by the processors that it may use, when it is first used.
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        self._parameters = initialise(w.hidden_size, w.h)
        first, second = (jax.tree.map(jnp.zeros_like, self._parameters) for _ in range(2))
        self._state = (first, second, jnp.zeros(()))
        self._loss, self._network = jax.jit(mean_squared_error), jax.jit(network)
        self._rng, self._batch_size = np.random.default_rng(0), w.batch_size
        self._x, self._y, self._x_new, self._y_new = w.windows()
        self._x_all = np.concatenate([self._x, self._x_new])

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            order = self._rng.permutation(len(self._x))
            losses = []
            for at in range(0, len(order), self._batch_size):
                rows = order[at : at + self._batch_size]
                self._parameters, self._state, loss = adam_step(
                    self._parameters, self._state, self._x[rows], self._y[rows]
                )
                losses.append(loss)
            if len(self._x_new):
                losses.append(self._loss(self._parameters, self._x_new, self._y_new))
            jax.block_until_ready(losses)

    def forecast(self) -> object:
        return np.asarray(self._network(self._parameters, self._x_all))
