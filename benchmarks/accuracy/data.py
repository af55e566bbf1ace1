"""From a folder to what a model may see, what came next, and nothing more.

A folder holds ``train.parquet`` and ``test.parquet`` with the columns ``unique_id``, ``ds``, ``y``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.tasks import SeriesTask
from gatecast.errors import ConfigError, DataError, MissingExtraError
from gatecast.panel import Panel, from_any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Collection", "data_folder", "load", "read", "with_category"]


@dataclass(frozen=True, eq=False)
class Collection:
    """Series, and what came next.

    Parameters
    ----------
    task : SeriesTask
        With its horizon known.
    frame : DataFrame
        ``unique_id, ds, y``: what a model may see.
    history : Panel
        The same, for scales and Naive2.
    truth : ndarray
        float64 ``[n_series, h]`` in the order of ``history.ids``; NaN where nobody knows.
    left_out : int
        Series that were too short to hold back their end.
    """

    task: SeriesTask
    frame: pd.DataFrame
    history: Panel
    truth: NDArray[np.float64]
    left_out: int


def data_folder(given: Path | None = None) -> Path:
    """Return where the data are: what was given, or ``GATECAST_DATA``."""
    folder = given or (Path(os.environ["GATECAST_DATA"]) if "GATECAST_DATA" in os.environ else None)
    if folder is None or not folder.is_dir():
        raise ConfigError(
            "The folder of the data is not there.",
            value="GATECAST_DATA is not set" if folder is None else str(folder),
            fix="Set GATECAST_DATA or give --data; docs/accuracy.md has the layout.",
        )
    return folder


def read(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a parquet file, or some of its columns."""
    if not path.is_file():
        raise ConfigError(
            "A file of the data is missing.",
            value=str(path),
            fix="docs/accuracy.md has the layout.",
        )
    try:
        return pd.read_parquet(path, columns=columns)
    except ImportError as error:
        raise MissingExtraError("Reading parquet files", extra="parquet") from error


def load(
    task: SeriesTask, data: Path, *, holdout: bool = False, series: int | None = None
) -> Collection:
    """Load a task.

    Parameters
    ----------
    task : SeriesTask
    data : Path
        The folder of all folders.
    holdout : bool
        Let the last ``h`` values of ``train`` be the truth. Of the test part nothing is read but
        which series it has, and how many steps.
    series : int, optional
        Take only so many series, always the same ones: drawn with seed 0 from those with a test.

    Returns
    -------
    Collection
        Only series that have a test: global and local models see the same ones.
    """
    folder = data / task.folder
    train = read(folder / "train.parquet", ["unique_id", "ds", "y"])
    tested, longest = _tested(folder / "test.parquet", required=not holdout)
    h = task.horizon or longest
    if h is None:
        raise ConfigError("The horizon is not known.", value=task.name, fix="Give a test.parquet.")
    chosen = _chosen(train, tested, task, data, series)
    train = train[train["unique_id"].isin(chosen)]
    train = _in_order(train)
    left_out = 0
    if holdout:
        train, test, left_out = _hold_back(train, h, task.scale_season)
    else:
        test = read(folder / "test.parquet", ["unique_id", "ds", "y"])
        test = _in_order(test[test["unique_id"].isin(chosen)])
    if train.groupby("unique_id", sort=False)["y"].nth(-1).isna().any():
        raise DataError("A series ends with a missing value: its forecast would begin too early.")
    history = from_any(train)
    place = {name: i for i, name in enumerate(history.ids)}
    step = test.groupby("unique_id", sort=False).cumcount().to_numpy()
    if len(test) and step.max() >= h:
        raise DataError("The test part is longer than the horizon.", value=f"{task.name}, h = {h}")
    truth: NDArray[np.float64] = np.full((history.n_series, h), np.nan)
    truth[test["unique_id"].map(place).to_numpy(), step] = test["y"].to_numpy(np.float64)
    return Collection(replace(task, horizon=h), train, history, truth, left_out)


def with_category(frame: pd.DataFrame, task: SeriesTask, data: Path) -> pd.DataFrame:
    """Return the frame with a column ``category``: what kind of series each is."""
    if not task.info:
        raise ConfigError("This task has no categories.", value=task.name, fix="Ask for none.")
    info = read(data / task.info / "info.parquet", ["unique_id", task.category])
    kinds = dict(zip(info["unique_id"], info[task.category], strict=True))
    category = frame["unique_id"].map(kinds)
    if category.isna().any():
        raise DataError("Some series have no category.", value=f"{task.name}: {task.info}")
    return frame.assign(category=category.astype(object))


def _tested(path: Path, *, required: bool) -> tuple[Any, int | None]:
    """Return which series have a test, and how long the longest is; None where there is none."""
    if not required and not path.is_file():
        return None, None
    counts = read(path, ["unique_id"])["unique_id"].value_counts()
    return set(counts.index), int(counts.max())


def _chosen(
    train: pd.DataFrame, tested: Any, task: SeriesTask, data: Path, series: int | None
) -> set[Any]:
    ids = train["unique_id"].unique().tolist()
    if task.period is not None:
        info = read(data / task.info / "info.parquet", ["unique_id", "period"])
        part = set(info.loc[info["period"] == task.period, "unique_id"])
        ids = [name for name in ids if name in part]
    if tested is not None:
        ids = [name for name in ids if name in tested]
    if not ids:
        raise DataError("No series has both a train and a test part.", value=task.name)
    if series is not None and series < len(ids):
        drawn = np.random.default_rng(0).choice(len(ids), series, replace=False)
        ids = [sorted(ids)[i] for i in drawn]
    return set(ids)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame by series and stamp; by position where stamps are not all one step apart."""
    order = pd.factorize(frame["unique_id"])[0]
    frame = frame.assign(_order=order).sort_values(["_order", "ds"], kind="stable")
    same = frame["_order"].to_numpy()[1:] == frame["_order"].to_numpy()[:-1]
    steps = np.diff(frame["ds"].to_numpy())[same]
    if len(steps) and (steps != steps[0]).any():
        # Such as the hour that a change of clocks doubles: no model could read it as it is.
        frame["ds"] = frame.groupby("_order").cumcount() + 1
    return frame.drop(columns="_order").reset_index(drop=True)


def _hold_back(train: pd.DataFrame, h: int, season: int) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return all but the last ``h`` rows of each series, these, and how many were too short.

    What is left must hold a season to scale errors by, and one window to learn from.
    """
    groups = train.groupby("unique_id", sort=False)
    length = groups["y"].transform("size")
    enough = length > h + max(h, season)
    left_out = int(train.loc[~enough, "unique_id"].nunique())
    if not enough.any():
        raise DataError("Every series is too short to hold back its end.", value=f"h = {h}")
    held = groups.cumcount(ascending=False) < h
    return (
        train[enough & ~held].reset_index(drop=True),
        train[enough & held].reset_index(drop=True),
        left_out,
    )
