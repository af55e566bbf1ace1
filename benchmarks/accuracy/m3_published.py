"""The published forecasts of the methods that took part in M3, scored: ``m3 --model published``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import data
from benchmarks.accuracy.published import Row
from benchmarks.accuracy.scores import smape_m3
from benchmarks.accuracy.tasks import M3
from gatecast.errors import DataError

__all__ = ["score"]


def score(folder: Path) -> list[Row]:
    """Return a row a method: sMAPE of each frequency, and of all points; the best first.

    ``m3/forecasts_published.parquet`` has ``unique_id, ds, method, yhat``. A method that did not
    forecast some series is scored on the others, and ``points`` says on how many. ``negative``
    counts forecasts below zero, for which M3's definition means little.
    """
    truth = data.read(folder / "m3" / "test.parquet")
    info = data.read(folder / "m3" / "info.parquet", ["unique_id", "period"])
    made = data.read(folder / "m3" / "forecasts_published.parquet")
    pairs = made.merge(truth, on=["unique_id", "ds"]).merge(info, on="unique_id")
    if len(pairs) != len(made):
        raise DataError("Some published forecasts have no truth.", value=len(made) - len(pairs))
    y, forecast = (pairs[name].to_numpy(np.float64) for name in ("y", "yhat"))
    pairs["smape"] = smape_m3(y, forecast)
    found = []
    for method, rows in pairs.groupby("method"):
        by_part = rows.groupby("period")["smape"].mean()
        cells: dict[str, Any] = {
            task.frequency: float(by_part[task.period])
            for task in M3.values()
            if task.period in by_part
        }
        cells |= {"all": float(rows["smape"].mean()), "points": len(rows)}
        if negative := int((rows["yhat"] < 0).sum()):
            cells["negative"] = negative
        found.append(Row(str(method), "M3 organisers' forecasts", cells))
    complete = max(row.scores["points"] for row in found)
    return sorted(
        found,
        key=lambda row: (
            row.scores["points"] < complete or row.scores["all"] < 0,
            row.scores["all"],
        ),
    )
