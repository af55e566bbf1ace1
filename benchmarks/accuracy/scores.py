"""The published definitions, on what ``gatecast.evaluation.metrics`` has of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmarks.accuracy.data import Collection
from gatecast.errors import DataError
from gatecast.evaluation import metrics
from gatecast.models.baselines import naive2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

__all__ = [
    *("interval_scores", "naive2_scores", "over_parts", "owa", "point_scores"),
    *("smape_m3", "smape_steps"),
]


def smape_m3(y: Doubles, forecast: Doubles) -> Doubles:
    """M3's percentage error of every step, 200 abs(y - f) / (y + f) (Makridakis and Hibon 2000).

    Below zero where a forecast is less than minus the truth, as a few of the published ones are.
    """
    return np.asarray(200 * np.abs(y - forecast) / (y + forecast))


def smape_steps(y: Doubles, forecast: Doubles, whose: Literal["m4", "m3"]) -> Doubles:
    """Symmetric percentage error of every step, ``[...]``; NaN where there is no truth.

    M4's denominator is abs(y) + abs(f). Where M3's would be zero or less, the step counts 200: no
    forecast gains by being far too low.
    """
    if whose == "m3":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(y + forecast <= 0, 200.0, smape_m3(y, forecast))
    return metrics.smape(y[..., None], forecast[..., None])


def point_scores(collection: Collection, forecast: Doubles) -> dict[str, float]:
    """Return ``smape``, the mean over all steps, and ``mase``, over all series that have a scale.

    MASE's scale is of the history alone, with the m of the task.
    """
    y, task = collection.truth, collection.task
    blind = ~np.isfinite(forecast) & ~np.isnan(y)
    if blind.any():
        raise DataError(
            "A forecast is not a number.",
            value=f"{int(blind.any(axis=1).sum())} of {len(y)} series",
        )
    mase = metrics.mase(y, forecast, collection.history, task.scale_season)
    return {
        "smape": float(np.nanmean(smape_steps(y, forecast, task.smape))),
        "mase": float(np.nanmean(mase)) if not np.isnan(mase).all() else float("nan"),
    }


def naive2_scores(collection: Collection) -> dict[str, float]:
    """Return the scores that OWA divides by."""
    task = collection.task
    assert task.horizon
    return point_scores(collection, naive2(collection.history, task.horizon, task.scale_season))


def owa(scores: dict[str, float], naive: dict[str, float]) -> float:
    """Overall weighted average, of averages over all series: below 1 is better than Naive2."""
    names = ("smape", "mase")
    ours, theirs = ([np.array([each[name]]) for name in names] for each in (scores, naive))
    return float(metrics.owa(*ours, *theirs))


def over_parts(parts: list[tuple[Collection, dict[str, float]]]) -> dict[str, float]:
    """Return the scores of several collections as one: sMAPE by points, MASE by series."""
    points = [int(np.sum(~np.isnan(collection.truth))) for collection, _ in parts]
    series = [collection.history.n_series for collection, _ in parts]
    return {
        "smape": float(np.average([scores["smape"] for _, scores in parts], weights=points)),
        "mase": float(np.average([scores["mase"] for _, scores in parts], weights=series)),
    }


def interval_scores(
    collection: Collection, lo: Doubles, hi: Doubles, level: float
) -> dict[str, float]:
    """Return the share of truths inside of intervals, and MSIS, over the series with a scale."""
    y, alpha = collection.truth, 1 - level / 100
    scale = metrics.mase_scale(collection.history, collection.task.scale_season)
    return {
        "coverage": float(np.nanmean(metrics.coverage(y, lo, hi))),
        "msis": float(np.nanmean(metrics.msis(y, lo, hi, scale, alpha))),
    }
