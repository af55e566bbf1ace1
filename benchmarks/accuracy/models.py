"""From a name to an unfitted model: gatecast's own classes, and recipes.

A recipe says how a model is made for a kind of task. It may look at the facts of a task, which any
user has of their own data, and never at its name.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

import gatecast
from gatecast.errors import ConfigError

__all__ = ["RECIPES", "Facts", "build", "described", "known", "static_columns"]


@dataclass(frozen=True)
class Facts:
    """What a recipe may know.

    Parameters
    ----------
    horizon : int
    frequency : str
        ``"hourly"``, ...; see ``tasks.FREQUENCIES``.
    season_length : int
        The usual season, 1 for none; M4's for its weeks and days, which is 1.
    seasons : tuple of int
        The natural seasons, (24, 168) for hours; empty for years.
    n_series, length : int
        How many series there are, and how long a typical one is.
    positive : bool
        Whether all values are above 0.
    seed : int
    threads : int or None
    categories : bool
        Whether there is a column ``category``, for ``static_covariates=["category"]``.
    long_horizon : bool
        Whether forecasts are made from many steps of a few long series, already standardised.
    validation : int
        How many steps at the end the long-horizon protocol keeps to stop a training by, else 0.
    """

    horizon: int
    frequency: str
    season_length: int
    seasons: tuple[int, ...]
    n_series: int
    length: int
    positive: bool
    seed: int
    threads: int | None = None
    categories: bool = False
    long_horizon: bool = False
    validation: int = 0

    @property
    def first_seed(self) -> int:
        """Where the seeds of an ensemble's members start: no two runs share one."""
        return 1_000 * self.seed

    def validation_fraction(self, context_length: int) -> float:
        """Return the LSTM's ``validation_fraction`` that holds out just the validation part.

        Its windows have their first target there, and no target of it is trained on. Without such
        a part it is the model's default.
        """
        windows = self.length - context_length - self.horizon + 1
        held = self.validation - self.horizon + 1
        return held / windows if 0 < held < windows else 0.1


Recipe = Callable[..., Any]  # (facts, **settings) -> an unfitted model


def lstm(facts: Facts, **settings: Any) -> Any:
    """The library's LSTM as it comes, told its season."""
    return _named("LSTM", facts, settings)


def eslstm(facts: Facts, **settings: Any) -> Any:
    """The library's hybrid as it comes, told its natural seasons."""
    usual = {
        "season_length": facts.seasons[:2] if facts.seasons else 1,
        "precision": "auto",
        "seed": facts.seed,
        "threads": facts.threads,
    }
    return gatecast.ESLSTM(facts.horizon, **usual | settings)


def eslstm_ensemble(facts: Facts, *, n_seeds: int = 5, **settings: Any) -> Any:
    """The median of several seeds of the hybrid."""
    return gatecast.Ensemble(
        eslstm(replace(facts, seed=facts.first_seed), **settings), n_seeds, threads=facts.threads
    )


def mixture(facts: Facts, *, n_seeds: int = 4) -> Any:
    """The mean of the hybrid (the median of some seeds), Theta and Holt-Winters."""
    members = [
        eslstm_ensemble(facts, n_seeds=n_seeds),
        _named("Theta", facts, {}),
        _named("HoltWinters", facts, {}),
    ]
    return gatecast.Ensemble(members, how="mean", threads=facts.threads)


def segments(facts: Facts, **settings: Any) -> Any:
    """An LSTM over segments of a long context, as for long horizons (SegRNN's idea)."""
    usual: dict[str, Any] = {
        "context_length": 720,
        "patch_size": 48,
        "hidden_size": 256,
        "scaling": "series",
        "dropout": 0.5,
        "loss": "mae",
        "learning_rate": 3e-4,
        "weight_averaging": 0.99,
        "epochs": 10,
        "batch_size": 256,
        "patience": 3,
        "precision": "auto",
        "seed": facts.seed,
        "threads": facts.threads,
    }
    told = usual | settings
    fraction = facts.validation_fraction(told["context_length"])
    return gatecast.LSTM(facts.horizon, **{"validation_fraction": fraction} | told)


# Add recipes here. Settings from --set go in as keyword arguments.
RECIPES: dict[str, Recipe] = {
    "lstm-default": lstm,
    "eslstm": eslstm,
    "eslstm-ensemble": eslstm_ensemble,
    "mixture": mixture,
    "segments": segments,
}


class Automatic:
    """``gatecast.forecast`` as a model among the others."""

    def __init__(self, facts: Facts, settings: dict[str, Any]) -> None:
        self._h = facts.horizon
        self._settings: dict[str, Any] = {
            "seed": facts.seed,
            "threads": facts.threads,
            "season_length": max(facts.seasons[:1], default=1),  # as it would find from dates
        } | settings

    def fit(self, frame: pd.DataFrame) -> Automatic:
        self._frame = frame
        return self

    def predict(self, level: list[float] | None = None) -> pd.DataFrame:
        levels = {} if level is None else {"level": level}
        result: pd.DataFrame = gatecast.forecast(
            self._frame, self._h, **self._settings | levels
        ).frame
        return result

    def covariates(self) -> dict[str, Any]:
        return {"static": self._settings.get("static_covariates", ())}


def known() -> list[str]:
    """Return the names of models that can be asked for."""
    models = [name for name in gatecast.__all__ if name[0].isupper() and _is_model(name)]
    return [*RECIPES, *models, "auto"]


def build(name: str, facts: Facts, settings: dict[str, Any]) -> Any:
    """Return an unfitted model: with ``fit``, ``predict`` and ``covariates``.

    Parameters
    ----------
    name : str
        A recipe, a class of gatecast's, or ``"auto"`` for ``gatecast.forecast``.
    facts : Facts
        Season length, seed and threads go to every class that takes them.
    settings : dict
        Over all of that. ``Ensemble`` takes ``model`` or ``models``: a name, or an object with
        ``name`` and settings, or a list of these.
    """
    if name in RECIPES:
        return RECIPES[name](facts, **settings)
    if name == "auto":
        if facts.long_horizon:
            raise ConfigError(
                "gatecast.forecast forecasts from the end of series only.", value=name
            )
        return Automatic(facts, settings)
    if name == "Ensemble":
        return _ensemble(facts, dict(settings))
    return _named(name, facts, settings)


def described(model: Any) -> dict[str, Any]:
    """Return what a model was told, as JSON-safe values."""
    if isinstance(model, Automatic):
        return {"class": "forecast", **model._settings}
    told: dict[str, Any] = {"class": type(model).__name__}
    if config := getattr(model, "config", None):
        told |= config.to_dict()
    if members := getattr(model, "members", ()):
        # Members that differ by their seed alone are told once.
        texts = [described(member) for member in members]
        alike = [{k: v for k, v in text.items() if k != "seed"} for text in texts]
        if len(texts) > 1 and all(text == alike[0] for text in alike):
            told |= {"members": len(texts), "member": texts[0]}
        else:
            told["members"] = texts
    return told


def static_columns(model: Any) -> tuple[str, ...]:
    """Return which static columns a model reads."""
    return tuple(model.covariates().get("static", ()))


def _is_model(name: str) -> bool:
    found = getattr(gatecast, name, None)
    return isinstance(found, type) and hasattr(found, "fit_panel")


def _named(name: str, facts: Facts, settings: dict[str, Any]) -> Any:
    if not _is_model(name):
        raise ConfigError("There is no such model.", value=name, fix=f"Use {', '.join(known())}.")
    cls = getattr(gatecast, name)
    takes = inspect.signature(cls).parameters
    usual: dict[str, Any] = {
        "season_length": facts.season_length,
        "seed": facts.seed,
        "threads": facts.threads,
    }
    if facts.long_horizon and {"validation_fraction", "context_length"} <= set(takes):
        # What the LSTM takes by default, said here so that the standard split can be kept to.
        context = max(2 * facts.season_length, math.ceil(1.25 * facts.horizon))
        context = settings.get("context_length") or context
        usual |= {"context_length": context}
        usual |= {"validation_fraction": facts.validation_fraction(context)}
    told = {key: value for key, value in usual.items() if key in takes} | settings
    unknown = [key for key in told if key not in takes]
    if unknown:
        raise ConfigError(
            f"{name} has no such setting.",
            value=", ".join(unknown),
            fix=f"It has {', '.join(key for key in takes if key != 'h')}.",
        )
    return cls(facts.horizon, **told)


def _ensemble(facts: Facts, settings: dict[str, Any]) -> Any:
    given = settings.pop("models", None) or settings.pop("model", None)
    if given is None:
        raise ConfigError(
            "An Ensemble needs its members.",
            fix="""Say --set 'model="LSTM"', or 'model={"name": "LSTM", "epochs": 50}'.""",
        )

    def member(one: Any) -> Any:
        told = dict(one) if isinstance(one, dict) else {"name": one}
        return build(told.pop("name"), replace(facts, seed=facts.first_seed), told)

    many = isinstance(given, list)
    made = [member(one) for one in given] if many else member(given)
    return gatecast.Ensemble(made, **settings)
