"""gatecast, through its public door."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import gatecast
from benchmarks.peers import Precision
from benchmarks.workloads import Workload
from gatecast import LSTM, _core
from gatecast.progress import Epoch


def versions() -> dict[str, str]:
    return {
        "gatecast": gatecast.__version__,
        "gatecast isa": _core.isa(),
        "gatecast from": gatecast.__file__,
    }


class Job:
    def __init__(self, w: Workload, threads: int, precision: Precision) -> None:
        # Passed only when it is asked for: older versions, which compare.py runs, have none.
        self._precision: dict[str, Any] = {} if precision == "float32" else {"precision": precision}
        if self._precision and "precision" not in inspect.signature(LSTM).parameters:
            raise ImportError(f"this gatecast has no precision={precision!r}")
        self._w, self._threads = w, threads
        y = w.values()
        self._y = y[0] if w.n_series == 1 else y
        self._model = self._new(1)
        if not w.training:
            self._model.fit(replace(w, n_series=32, length=w.length + w.h).values())

    def _new(self, epochs: int, progress: Callable[[Epoch], None] | None = None) -> LSTM:
        w = self._w
        if w.cold:
            return LSTM.tutorial(epochs=epochs, threads=self._threads)
        return LSTM(
            w.h,
            context_length=w.context_length,
            hidden_size=w.hidden_size,
            epochs=epochs,
            batch_size=w.batch_size,
            learning_rate=1e-3,
            loss="mse",
            clip_norm=1.0,
            validation_fraction=w.validation_fraction,
            patience=0,
            scaling=None,  # the peers have neither
            anchor=None,
            threads=self._threads,
            progress=progress,
            **self._precision,
        )

    def fit(self, epochs: int, y: NDArray[np.float64] | None = None) -> None:
        """Fit a new model, to other series if they are given."""
        self._model = self._new(epochs).fit(self._y if y is None else y)

    def train(self, epochs: int) -> dict[str, float]:
        """Fit a new model and tell how long the epochs took, and what else there was.

        The peers' networks and windows are made before the clock starts, so an epoch more than was
        asked for is trained, and the clock starts when it ends.
        """
        if self._w.cold:
            self.fit(epochs)
            return {}
        ends: list[float] = []
        started = time.perf_counter()
        self._new(epochs + 1, lambda _: ends.append(time.perf_counter())).fit(self._y)
        whole, seconds = time.perf_counter() - started, ends[-1] - ends[0]
        return {"seconds": seconds, "setup": whole - seconds * (epochs + 1) / epochs}

    def forecast(self) -> object:
        if self._w.cold:
            return self._model.predict_point_by_point(self._y)
        return self._model.predict(self._y)
