"""The jobs that are timed, their data, and what is aimed at.

Read by the workers too, which may have no more than NumPy beside the library they time.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Unit = Literal["ms an epoch", "ms a step", "ms", "s"]


@dataclass(frozen=True)
class Workload:
    """A network, its data, and how much of the job one timing covers.

    A step is one batch forward, back, and through the optimiser. ``training`` False means that
    the network, fitted on next to nothing, forecasts all series, ``repeats`` times.
    """

    name: str
    unit: Unit
    hidden_size: tuple[int, ...]
    context_length: int
    h: int
    batch_size: int
    n_series: int
    length: int  # of a series
    sine: tuple[float, float] | None = None  # the series is sin(first + i * step), without noise
    validation_fraction: float = 0.0
    repeats: int = 1  # epochs, or forecasts, that one timing covers
    training: bool = True
    bfloat16: bool = True  # also in bfloat16; pointless where products are not what takes the time
    cold: bool = False  # a process of its own, from its start to its end

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Workload:
        """Return the workload that ``to_dict`` and JSON made plain."""
        sine = fields["sine"]
        return cls(
            **{
                **fields,
                "hidden_size": tuple(fields["hidden_size"]),
                "sine": None if sine is None else tuple(sine),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return asdict(self)

    @property
    def windows_of_a_series(self) -> int:
        """Windows in one series, validation included."""
        return self.length - self.context_length - self.h + 1

    @property
    def validation_of_a_series(self) -> int:
        """The newest windows of one series, which are validated and not trained on."""
        return round(self.windows_of_a_series * self.validation_fraction)

    @property
    def training_windows(self) -> int:
        """Windows trained on in an epoch, or series forecast."""
        if not self.training:
            return self.n_series
        return self.n_series * (self.windows_of_a_series - self.validation_of_a_series)

    @property
    def units(self) -> int:
        """How many of the unit one timing covers."""
        if self.cold:
            return 1
        if self.unit == "ms a step":
            return self.repeats * math.ceil(self.training_windows / self.batch_size)
        return self.repeats

    @property
    def scale(self) -> float:
        """What seconds are multiplied by to be in the unit."""
        return (1.0 if self.unit == "s" else 1e3) / self.units

    @property
    def flops(self) -> float:
        """Floating-point operations of one timing's matrix products.

        Those of the LSTM layers, forward and (twice that) back; validation and head left out.
        """
        inputs = (1, *self.hidden_size)
        step = sum(8 * u * (i + u) for i, u in zip(inputs, self.hidden_size, strict=False))
        passes = 3 if self.training else 1
        return passes * self.repeats * self.training_windows * self.context_length * step

    def values(self) -> NDArray[np.float64]:
        """Return the data, [n_series, length]: the same numbers for every peer."""
        t = np.arange(self.length)
        if self.sine is not None:
            first, step = self.sine
            return np.tile(np.sin(first + t * step), (self.n_series, 1))
        rng = np.random.default_rng(0)
        phase = rng.uniform(0, 2 * np.pi, (self.n_series, 1))
        clean = np.sin(rng.uniform(0.1, 0.6, (self.n_series, 1)) * t + phase)
        return np.asarray(clean + 0.1 * rng.standard_normal(clean.shape))

    def windows(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return training and validation windows as peers want them: x [n, context, 1], y [n, h].

        Everything is float32 and contiguous. Without training, x are the series' last contexts.
        """
        values = self.values().astype(np.float32)
        if not self.training:
            x = np.ascontiguousarray(values[:, -self.context_length :, None])
            empty = np.empty((0, self.h), np.float32)
            return x, empty, x[:0], empty
        size = self.context_length + self.h
        cut = np.lib.stride_tricks.sliding_window_view(values, size, axis=1)
        last = self.windows_of_a_series - self.validation_of_a_series
        old, new = cut[:, :last].reshape(-1, size), cut[:, last:].reshape(-1, size)
        return (
            np.ascontiguousarray(old[:, : self.context_length, None]),
            np.ascontiguousarray(old[:, self.context_length :]),
            np.ascontiguousarray(new[:, : self.context_length, None]),
            np.ascontiguousarray(new[:, self.context_length :]),
        )


def global_workload(
    name: str, hidden_size: tuple[int, ...], context_length: int, batch_size: int, steps: int
) -> Workload:
    """Return a training on noisy sines, one window a series, 12 steps ahead."""
    return Workload(
        name,
        "ms a step",
        hidden_size,
        context_length,
        h=12,
        batch_size=batch_size,
        n_series=batch_size * steps,
        length=context_length + 12,
    )


def _tutorial(
    name: str,
    unit: Unit,
    repeats: int,
    *,
    length: int = 100,
    sine: tuple[float, float] = (-50.0, 1.0),
    cold: bool = False,
) -> Workload:
    return Workload(
        name,
        unit,
        (5, 20),
        50,
        h=1,
        batch_size=512,
        n_series=1,
        length=length,
        sine=sine,
        validation_fraction=0.05,
        repeats=repeats,
        bfloat16=False,
        cold=cold,
    )


def _forecast(name: str, unit: Unit, n_series: int, repeats: int, *, bfloat16: bool) -> Workload:
    return Workload(
        name,
        unit,
        (64, 64),
        48,
        h=12,
        batch_size=256,
        n_series=n_series,
        length=48,
        repeats=repeats,
        training=False,
        bfloat16=bfloat16,
    )


WORKLOADS = (
    _tutorial("W1", "ms an epoch", 50),
    _tutorial("W1long", "ms an epoch", 3, length=5001, sine=(0.0, 0.1)),
    global_workload("W2", (64, 64), 48, 256, 16),
    global_workload("W3", (128, 128), 96, 256, 4),
    global_workload("W4a", (200,), 72, 32, 16),
    global_workload("W4b", (200,), 72, 1024, 2),
    _forecast("W5", "s", 10_000, 1, bfloat16=True),
    _forecast("W5one", "ms", 1, 200, bfloat16=False),
    _tutorial("cold", "s", 100, cold=True),
)

ABOUT = {
    "W1": "LSTM 5 → 20, the tutorial's 100 points",
    "W1long": "LSTM 5 → 20, 5,001 points",
    "W2": "2 × LSTM 64, 48 steps, batch 256",
    "W3": "2 × LSTM 128, 96 steps, batch 256",
    "W4a": "LSTM 200, 72 steps, batch 32",
    "W4b": "LSTM 200, 72 steps, batch 1,024",
    "W5": "W2's network forecasts 10,000 series",
    "W5one": "W2's network forecasts one series",
    "cold": "the tutorial's job as a whole process",
}


@dataclass(frozen=True)
class Target:
    """What is aimed at: a ratio to a peer, a share of the peak, GFLOP/s, or a time in the unit."""

    workload: str
    measure: Literal["ratio", "share", "gflops", "time"]
    limit: float
    against: str = ""
    ours: str = "ours"
    needs_amx: bool = False

    def met(self, value: float) -> bool:
        """Whether a measured value is good enough."""
        return value <= self.limit if self.measure == "time" else value >= self.limit


def _bfloat16(workload: str, gflops: float, tuned: float) -> tuple[Target, ...]:
    return (
        Target(workload, "gflops", gflops, ours="ours-bf16", needs_amx=True),
        Target(workload, "ratio", 12, "torch", "ours-bf16", needs_amx=True),
        Target(workload, "ratio", tuned, "torch-tuned-bf16", "ours-bf16", needs_amx=True),
    )


TARGETS = (
    Target("W1", "ratio", 8, "torch"),
    Target("W1", "ratio", 15, "keras"),
    Target("W1long", "ratio", 11, "torch"),
    Target("W1long", "ratio", 15, "keras"),
    *(Target(name, "share", 0.70) for name in ("W2", "W3", "W4a", "W4b")),
    Target("W2", "ratio", 3.5, "torch"),
    Target("W2", "ratio", 2.1, "torch-tuned"),
    *(Target(name, "ratio", 2.5, "torch") for name in ("W3", "W4b")),
    *(Target(name, "ratio", 1.55, "torch-tuned") for name in ("W3", "W4b")),
    Target("W4a", "ratio", 1.6, "torch-tuned"),
    *_bfloat16("W2", 1200, 5),
    *_bfloat16("W3", 1500, 3.4),
    *_bfloat16("W4b", 1500, 5),
    Target("W5", "time", 0.16),
    Target("W5", "time", 0.06, ours="ours-bf16", needs_amx=True),
    Target("W5one", "time", 0.5),
    Target("cold", "time", 0.35),
)
