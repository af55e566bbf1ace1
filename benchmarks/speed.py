"""Time the engine on the workloads that the targets name, beside PyTorch where it is importable.

Run ``make bench``, or ``python -m benchmarks.speed --rounds 7``. The two take turns in one run, so
that the ratio holds when the machine's speed drifts; figures are medians over rounds, with the
smallest and largest.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import gatecast
from gatecast import _core


@dataclass(frozen=True)
class Workload:
    """A network and its data; a step is one batch forward, back, and through the optimiser."""

    name: str
    hidden_size: tuple[int, ...]
    context_length: int
    h: int
    batch_size: int
    steps: int

    @property
    def flops(self) -> float:
        """Floating-point operations of one step's matrix products."""
        inputs = (1, *self.hidden_size)
        per_step = sum(8 * u * (i + u) for i, u in zip(inputs, self.hidden_size, strict=False))
        return 3 * self.batch_size * self.context_length * per_step


WORKLOADS = (
    Workload("W1", (5, 20), 50, 1, 48, 100),
    Workload("W2", (64, 64), 48, 12, 256, 16),
    Workload("W3", (128, 128), 96, 12, 256, 4),
    Workload("W4a", (200,), 72, 12, 32, 16),
    Workload("W4b", (200,), 72, 12, 1024, 2),
)


def series(w: Workload) -> np.ndarray:
    """One window a series, so that every peer sees the same windows."""
    rng = np.random.default_rng(0)
    n, length = w.batch_size * w.steps, w.context_length + w.h
    t, phase = np.arange(length), rng.uniform(0, 6.28, (n, 1))
    return np.sin(rng.uniform(0.1, 0.6, (n, 1)) * t + phase) + 0.1 * rng.standard_normal(
        (n, length)
    )


def ours(w: Workload, threads: int) -> Callable[[], object]:
    y = series(w)

    def epoch() -> object:
        return gatecast.LSTM(
            w.h,
            context_length=w.context_length,
            hidden_size=w.hidden_size,
            batch_size=w.batch_size,
            epochs=1,
            loss="mse",
            scaling=None,
            anchor=None,
            validation_fraction=0,
            threads=threads,
        ).fit(y)

    return epoch


def torch_epoch(w: Workload, threads: int) -> Callable[[], object]:
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    sizes = (1, *w.hidden_size)
    layers = nn.ModuleList(
        nn.LSTM(i, u, batch_first=True) for i, u in zip(sizes, w.hidden_size, strict=False)
    )
    head = nn.Linear(w.hidden_size[-1], w.h)
    optimizer = torch.optim.Adam([*layers.parameters(), *head.parameters()], 1e-3)
    y = torch.from_numpy(series(w).astype("float32"))
    x, target = y[:, : w.context_length, None].contiguous(), y[:, w.context_length :].contiguous()

    def epoch() -> object:
        order = torch.randperm(len(x))
        for first in range(0, len(x), w.batch_size):
            rows = order[first : first + w.batch_size]
            out = x[rows]
            optimizer.zero_grad(set_to_none=True)
            for layer in layers:
                out = layer(out)[0]
            nn.functional.mse_loss(head(out[:, -1]), target[rows]).backward()
            nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
            optimizer.step()
        return None

    return epoch


def measure(w: Workload, rounds: int, threads: int) -> dict[str, object]:
    peers = {"gatecast": ours(w, threads)}
    if importlib.util.find_spec("torch"):
        peers["torch"] = torch_epoch(w, threads)
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(rounds + 1):
        for name, epoch in peers.items():
            started = time.perf_counter()
            epoch()
            if turn:  # the first is a warm-up
                seconds[name].append((time.perf_counter() - started) / w.steps)
    row: dict[str, object] = {"workload": w.name}
    for name, values in seconds.items():
        row[name] = {
            "ms": statistics.median(values) * 1e3,
            "ms_min": min(values) * 1e3,
            "ms_max": max(values) * 1e3,
            "gflops": w.flops / statistics.median(values) / 1e9,
        }
    if "torch" in seconds:
        pairs = zip(seconds["torch"], seconds["gatecast"], strict=True)
        row["times_faster"] = statistics.median(t / g for t, g in pairs)
    return row


def main() -> None:
    """Print a table of milliseconds a step, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=_core.default_threads())
    parser.add_argument("--only", nargs="*", default=[w.name for w in WORKLOADS])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = []
    for w in WORKLOADS:
        if w.name not in arguments.only:
            continue
        rows.append(measure(w, arguments.rounds, arguments.threads))
        if arguments.json:
            continue
        line = f"{w.name:4}"
        for name in ("gatecast", "torch"):
            cell = rows[-1].get(name)
            if isinstance(cell, dict):
                line += (
                    f"  {name} {cell['ms']:8.3f} ms a step "
                    f"({cell['ms_min']:.3f} … {cell['ms_max']:.3f}, {cell['gflops']:.0f} GFLOP/s)"
                )
        if "times_faster" in rows[-1]:
            line += f"  {rows[-1]['times_faster']:.1f} times as fast"
        print(line, flush=True)
    if arguments.json:
        print(json.dumps({"isa": _core.isa(), "threads": arguments.threads, "rows": rows}))


if __name__ == "__main__":
    main()
