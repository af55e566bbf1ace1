"""Which settings a search tries next, by the trials so far.

They are chosen by a tree-structured Parzen estimator (Bergstra, Bardenet, Bengio & Kégl, 2011) of
the package optuna. It comes with the extra ``search`` and is imported on use.

What comes next depends on the seed and the trials so far alone, and on no state beside them, so
that a search that was interrupted goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.errors import MissingExtraError
from gatecast.evaluation.space import Setting, not_tried, own_settings

if TYPE_CHECKING:
    from gatecast.evaluation.study import Trial
    from gatecast.models.forecaster import Forecaster

__all__ = ["HALF", "next_settings", "require_optuna", "rungs"]

HALF = 2
"""One in so many trials goes on, to so many times as many windows."""


def rungs(n_windows: int) -> list[int]:
    """After how many windows it is asked whether a trial goes on, and all of them.

    Examples
    --------
    >>> rungs(6)
    [1, 2, 4, 6]
    """
    powers = (HALF**k for k in range(n_windows.bit_length()))
    return [n for n in powers if n < n_windows] + [n_windows] * (n_windows > 0)


def next_settings(
    model: Forecaster, space: Sequence[Setting], trials: Sequence[Trial], seed: int
) -> dict[str, Any] | None:
    """Return the settings of the next trial; None if all there are have been tried.

    Parameters
    ----------
    model : Forecaster
        Whose own settings come first, where they lie in the space.
    space : sequence of Setting
    trials : sequence of Trial
        So far.
    seed : int
    """
    if not trials and (own := own_settings(model, space)) is not None:
        return own
    left = not_tried(space, [trial.settings for trial in trials])
    if left == []:
        return None
    sequence = np.random.SeedSequence([seed, len(trials)])
    asked = _suggested(space, trials, int(sequence.generate_state(1)[0]))
    if left is None or asked in left:
        return asked
    return left[np.random.default_rng(sequence).integers(len(left))]


def _suggested(space: Sequence[Setting], trials: Sequence[Trial], seed: int) -> dict[str, Any]:
    """Return what a tree-structured Parzen estimator would try after some trials."""
    optuna = require_optuna()
    distributions = {setting.name: _distribution(setting, optuna) for setting in space}
    states = optuna.trial.TrialState
    with _quiet(optuna):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        for trial in trials:
            # One without any score is worse than any other, so that the next keeps away from it.
            done = trial.state == "done"
            by_window = {n: trial.score(n) for n in rungs(len(trial.scores))}
            study.add_trial(
                optuna.trial.create_trial(
                    state=states.COMPLETE if done else states.PRUNED,
                    value=trial.score() if done else None,
                    params={one.name: one.place(trial.settings[one.name]) for one in space},
                    distributions=distributions,
                    intermediate_values={} if trial.state == "failed" else by_window,
                )
            )
        params = study.ask(distributions).params
    return {
        one.name: one.choices[params[one.name]] if one.choices else params[one.name]
        for one in space
    }


def _distribution(setting: Setting, optuna: Any) -> Any:
    kinds = optuna.distributions
    if setting.choices:  # by their places: optuna knows no lists
        return kinds.CategoricalDistribution(tuple(range(len(setting.choices))))
    kind = kinds.IntDistribution if setting.whole else kinds.FloatDistribution
    return kind(setting.low, setting.high, log=setting.log)


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Let optuna say nothing of studies that last for one trial."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def require_optuna() -> Any:
    """Return the package; a MissingExtraError without it."""
    try:
        return import_module("optuna")
    except ImportError as error:
        raise MissingExtraError("Searches", extra="search") from error
