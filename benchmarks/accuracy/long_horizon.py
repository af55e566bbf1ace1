"""Forecasts from every step of a test part: the long-horizon protocol.

Values are standardised by the training part of each variable, the variables are series of their
own, and the error is that of standardised values, averaged over windows, variables and steps. A
model is fitted once for a horizon; its weights are the same for all windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.data import read
from benchmarks.accuracy.models import Facts
from benchmarks.accuracy.tasks import LongTask
from gatecast.errors import DataError
from gatecast.panel import Panel, as_objects, from_any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

__all__ = ["Long", "load", "score"]

_AT_ONCE = 2**22  # values in the contexts of a block: 34 MB


@dataclass(frozen=True, eq=False)
class Long:
    """A few long series, standardised.

    Parameters
    ----------
    task : LongTask
    values : ndarray
        float64 ``[n_variables, time]``, up to the end of what is forecast.
    stamps : DatetimeIndex or ndarray
        ``[time]``; positions where the stamps are not all one step apart.
    names : list of str
    fitted_on : int
        The steps that a model may be fitted on; targets begin there.
    validation : int
        How many of these the protocol keeps to stop a training by.
    """

    task: LongTask
    values: Doubles
    stamps: Any
    names: list[str]
    fitted_on: int
    validation: int

    def frame(self) -> pd.DataFrame:
        """Return ``unique_id, ds, y`` of what a model may be fitted on."""
        n = self.fitted_on
        parts = [
            pd.DataFrame({"unique_id": name, "ds": self.stamps[:n], "y": row[:n]})
            for name, row in zip(self.names, self.values, strict=True)
        ]
        return pd.concat(parts, ignore_index=True)

    def facts(self, horizon: int, seed: int, threads: int | None) -> Facts:
        return Facts(
            horizon=horizon,
            frequency=self.task.frequency,
            season_length=self.task.season_length,
            seasons=self.task.seasons,
            n_series=len(self.values),
            length=self.fitted_on,
            positive=False,
            seed=seed,
            threads=threads,
            long_horizon=True,
            validation=self.validation,
        )

    def windows(self, horizon: int, size: int) -> Iterator[tuple[Panel, Doubles]]:
        """Yield contexts of ``size`` values, as series of a panel, and what came next, in blocks.

        Contexts may reach back before the part that is forecast; targets ``[n, horizon]`` do not.
        """
        n_variables, time = self.values.shape
        size = min(size, self.fitted_on)
        ends = np.arange(self.fitted_on, time - horizon + 1)
        if not len(ends):
            raise DataError("The part to forecast is shorter than the horizon.", value=horizon)
        before = np.lib.stride_tricks.sliding_window_view(self.values, size, axis=1)
        after = np.lib.stride_tricks.sliding_window_view(self.values, horizon, axis=1)
        usual = from_any(self.frame().iloc[: self.fitted_on])  # for its kind of stamps
        shift = usual.frequency.step if usual.frequency else 1
        step = shift if usual.time_type == "int" else _nanoseconds(self.stamps)
        spread = _spread_up_to(self.values)
        for block in np.array_split(ends, -(-len(ends) * n_variables * size // _AT_ONCE)):
            contexts = before[:, block - size].reshape(-1, size)
            last = usual.last[0] + (block - self.fitted_on) * step
            panel = replace(
                usual,
                values=contexts.ravel(),
                indptr=np.arange(len(contexts) + 1, dtype=np.int64) * size,
                observed=np.ones(contexts.size, bool),
                ids=as_objects(list(range(len(contexts)))),
                last=np.tile(last, n_variables),
                # Of the whole series up to there, not of the window: what predict(frame) reads.
                whole_spread=spread[:, block - 1].ravel(),
            )
            yield panel, after[:, block].reshape(-1, horizon)


def load(task: LongTask, data: Path, *, holdout: bool = False) -> Long:
    """Load a task.

    Parameters
    ----------
    task : LongTask
    data : Path
        The folder of all folders.
    holdout : bool
        Forecast the validation part from the training part; the test part is not read, and as
        large a share of the training part as usual stops a training.
    """
    n_train, n_validation, n_test = task.split
    folder = data / task.folder
    parts = [read(folder / "train.parquet", ["unique_id", "ds", "y"])]
    if not holdout:
        parts.append(read(folder / "test.parquet", ["unique_id", "ds", "y"]))
    names = parts[0]["unique_id"].unique().tolist()
    values = np.concatenate([_wide(part, names) for part in parts], axis=1)
    wanted = n_train + n_validation + (0 if holdout else n_test)
    if values.shape[1] != wanted:
        raise DataError(
            "These are not the parts of the standard split.",
            value=f"{values.shape[1]:,} steps of {wanted:,} in {folder.name}",
            fix="docs/accuracy.md says how to convert the originals.",
        )
    stamps = np.concatenate(
        [part.loc[part["unique_id"] == names[0], "ds"].to_numpy() for part in parts]
    )
    steps = np.diff(stamps)
    if (steps != steps[0]).any():
        stamps = np.arange(wanted)
    known = values[:, :n_train]
    values = (values - known.mean(axis=1, keepdims=True)) / known.std(axis=1, keepdims=True)
    fitted_on = n_train if holdout else n_train + n_validation
    kept = fitted_on * n_validation // (n_train + n_validation)
    return Long(task, values, stamps, names, fitted_on, kept)


def score(long: Long, model: Any, horizon: int, lookback: int) -> dict[str, float]:
    """Return ``mse`` and ``mae`` of a fitted model over all windows.

    A model that needs only so many values is given these; one that reads whole series, such as
    Holt-Winters, is given ``lookback`` of them.
    """
    squares = absolutes = count = 0.0
    for panel, truth in long.windows(horizon, model.context_size() or lookback):
        error = model.predict_panel(panel, horizon).point - truth
        squares += float(np.square(error).sum())
        absolutes += float(np.abs(error).sum())
        count += error.size
    return {"mse": squares / count, "mae": absolutes / count}


def _spread_up_to(values: Doubles) -> Doubles:
    """Standard deviation of each variable up to and with each step, ``[n_variables, time]``."""
    count = np.arange(1, values.shape[1] + 1)
    mean, square = (np.cumsum(x, axis=1) / count for x in (values, values**2))
    return np.sqrt(np.maximum(square - mean**2, 0.0))  # they are near 0 and 1: nothing cancels


def _wide(frame: pd.DataFrame, names: list[str]) -> Doubles:
    """Return ``[n_variables, time]``."""
    lengths = frame.groupby("unique_id", sort=False).size()
    if set(lengths.index) != set(names) or lengths.nunique() != 1:
        raise DataError("The variables differ in length, or between train and test.")
    rows = [frame.loc[frame["unique_id"] == name, "y"].to_numpy(np.float64) for name in names]
    return np.stack(rows)


def _nanoseconds(stamps: Any) -> int:
    return int((stamps[1] - stamps[0]) / np.timedelta64(1, "ns"))
