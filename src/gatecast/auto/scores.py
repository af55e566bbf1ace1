"""Models side by side: the leaderboard, the blend, the choice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gatecast.evaluation.backtest import (
    Backtest,
    mean,
    own_widths,
    point_scores,
)
from gatecast.evaluation.metrics import coverage, pinball
from gatecast.intervals import prequential
from gatecast.models import SIMPLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

__all__ = [
    *("blended", "blended_then", "chosen_of"),
    *("holdout_scores", "interval_scores"),
]

LEVELS = (50.0, 80.0, 90.0, 95.0)  # whose ends are the quantiles that the pinball loss is taken of
_NEAR = 1.15  # times the smallest error: a model that is worse than that would spoil a blend
_MOST = 3
_STEADIER = 1.02  # a blend this little worse than the best model is taken: it hardly ever fails


def holdout_scores(tested: Backtest) -> dict[str, dict[str, float]]:
    """Return the scores of every model in the newest window."""
    newest = tested.newest(1)
    return {name: point_scores(newest, name) for name in tested.outputs}


def interval_scores(tested: Backtest, name: str) -> tuple[dict[str, float], dict[float, float]]:
    """Return ``pinball`` and ``coverage_90``, and the coverage by level, all in fractions.

    Each interval comes from the errors of windows that had ended at its cutoff. The pinball loss is
    twice the mean over quantiles, divided by the scale of MASE.
    """
    truth, measured, losses = tested.truth, {}, []
    ends = prequential(
        truth,
        tested.outputs[name],
        tested.quantiles[name],
        tested.spread * own_widths(tested, name)[0],
        LEVELS,
        step_size=tested.step_size,
    )
    for level, (lo, hi) in ends.items():
        measured[level] = mean(coverage(truth, lo, hi))
        for q, end in ((0.5 - level / 200, lo), (0.5 + level / 200, hi)):
            losses.append(2 * pinball(truth, end, q) / tested.scale)
    losses.append(2 * pinball(truth, tested.point(name), 0.5) / tested.scale)
    pooled = mean(np.mean(losses, axis=0))
    return {"pinball": pooled, "coverage_90": measured[90.0]}, measured


def blended(scores: dict[str, float]) -> tuple[str, ...]:
    """Return the models whose mean is worth trying, by their MASE: up to three good ones."""
    known = sorted((score, name) for name, score in scores.items() if math.isfinite(score))
    if not known:
        return ()
    good = tuple(name for score, name in known if score <= _NEAR * known[0][0])[:_MOST]
    return good if len(good) > 1 else ()


def blended_then(tested: Backtest, k: int) -> tuple[str, ...]:
    """Return the models that would have been averaged at a cutoff, by windows that had ended."""
    ended = max(0, k - tested.overlap)
    scores = {name: mean(tested.errors(name)[:ended]) for name in tested.outputs}
    if members := blended(scores):
        return members
    known = {name: score for name, score in scores.items() if math.isfinite(score)}
    if known:
        return (min(known, key=lambda name: known[name]),)
    return tuple(name for name in tested.outputs if name not in SIMPLE) or tuple(tested.outputs)


def chosen_of(scores: dict[str, float], blend: str | None) -> str:
    """Return the model with the smallest MASE, or the blend if it is hardly worse."""
    known = {name: score for name, score in scores.items() if math.isfinite(score)}
    if not known:
        return next(iter(scores))
    best = min(known, key=lambda name: known[name])
    if blend in known and known[blend] <= _STEADIER * known[best]:
        return blend
    return best
