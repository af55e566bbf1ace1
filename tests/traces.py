"""Traces that tests construct: the gates are given, and what the network did follows from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gatecast.frequency import Frequency
from gatecast.gates.trace import Trace


def constructed(
    y: ArrayLike,
    *layers: dict[str, ArrayLike],
    h: int = 4,
    season_length: int = 1,
    freq: str | None = None,
    attribution: NDArray[np.float64] | None = None,
    **changes: Any,
) -> Trace:
    """Return the trace of a network with given gates.

    A layer is a dict of ``forget``, ``input``, ``output`` and ``candidate``, each a number or an
    array that spreads to ``[time, units]``; by default 0.8, 0.5, 0.5 and the series between -1
    and 1.
    """
    y = np.asarray(y, np.float64)
    n = len(y)
    known = np.nan_to_num(y - np.nanmean(y))
    scaled = (known / max(np.abs(known).max(), 1e-9))[:, None]
    parts: dict[str, list[Any]] = {name: [] for name in PARTS}
    for layer in layers or ({},):
        given = {"forget": 0.8, "input": 0.5, "output": 0.5, "candidate": scaled, **layer}
        spread = np.broadcast_arrays(*map(np.atleast_2d, given.values()), np.zeros((n, 1)))
        gates = dict(zip(given, spread[:-1], strict=True))
        cell = np.zeros_like(gates["forget"], np.float64)
        before = np.zeros(cell.shape[1])
        for t in range(n):
            before = gates["forget"][t] * before + gates["input"][t] * gates["candidate"][t]
            cell[t] = before
        gates |= {"cell": cell, "hidden": gates["output"] * np.tanh(cell)}
        for name in PARTS:
            parts[name].append(gates[name].astype(np.float32))
    stamps: NDArray[Any] = np.arange(n + h)
    if freq is not None:
        stamps = pd.date_range("2015-01-01", periods=n + h, freq=freq).to_numpy()
    if attribution is None:
        attribution = np.tile(0.5 ** np.arange(n)[::-1], (h, 1))
    fields: dict[str, Any] = {
        "unique_id": "sales",
        "model": "LSTM",
        "frequency": None if freq is None else Frequency(freq),
        "season_length": season_length,
        "ds": stamps[:n],
        "y": y,
        "future_ds": stamps[n:],
        "forecast": np.full(h, np.nanmean(y)),
        "inputs": scaled.astype(np.float32),
        **parts,
        "dilations": (1,) * max(len(layers), 1),
        "attribution": attribution,
    }
    return Trace(**{**fields, **changes})


PARTS = ("forget", "input", "output", "candidate", "cell", "hidden")


def network(y: ArrayLike, *sizes: int, seed: int = 0, **settings: Any) -> Trace:
    """Return the trace of a network with random weights: its gates do depend on the series."""
    rng = np.random.default_rng(seed)
    y = np.asarray(y, np.float64)
    x = ((y - y.mean()) / (y.std() or 1))[:, None]
    layers = []
    for size in sizes:
        weights = rng.uniform(-1, 1, (4, size, x.shape[1])) * rng.uniform(0.5, 2)
        back = rng.uniform(-1, 1, (4, size, size)) / np.sqrt(size)
        bias = rng.uniform(-0.5, 0.5, (4, size))
        bias[1] += rng.uniform(0, 2)
        shown, cell = np.zeros(size), np.zeros(size)
        steps = []
        for value in x:
            z = weights @ value + back @ shown + bias
            i, f, o = (1 / (1 + np.exp(-z[k])) for k in (0, 1, 3))
            cell = f * cell + i * np.tanh(z[2])
            shown = o * np.tanh(cell)
            steps.append((f, i, o, np.tanh(z[2]), shown))
        f, i, o, g, x = (np.array(part) for part in zip(*steps, strict=True))
        layers.append({"forget": f, "input": i, "output": o, "candidate": g})
    return constructed(y, *layers, **settings)


def sine_trace() -> Trace:
    """Return the trace of a small network over a sine."""
    return network(np.sin(np.arange(50.0)), 5, 20)
