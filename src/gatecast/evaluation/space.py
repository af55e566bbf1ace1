"""What the settings of a model may be, while good ones are searched for."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.errors import ConfigError

if TYPE_CHECKING:
    from gatecast.models.forecaster import Forecaster

__all__ = ["Setting", "changed", "not_tried", "own_settings", "plain", "space_of"]

_TRIES = 20  # other settings under which a value may be possible that is not under the model's own
_MOST = 2**53  # numbers beyond are not exact
_FIX = "Use a list of choices, (low, high) for numbers between, or (low, high, 'log')."


@dataclass(frozen=True)
class Setting:
    """What one setting of a model may be: one of ``choices``, or any number between two.

    Parameters
    ----------
    name : str
    choices : tuple
        Empty for numbers.
    low, high : float
        Both are possible.
    log : bool
        Whether numbers are spread evenly by their logarithm.
    whole : bool
        Whether only whole numbers are meant.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float = math.nan
    high: float = math.nan
    log: bool = False
    whole: bool = False

    @property
    def count(self) -> float:
        """How many values there are."""
        if self.choices:
            return len(self.choices)
        return self.high - self.low + 1 if self.whole else math.inf

    def values(self) -> Iterator[Any]:
        """All of a finite number of values."""
        return iter(self.choices or range(int(self.low), int(self.high) + 1))

    def bounds(self) -> tuple[Any, ...]:
        """The values that must be possible, if all are to be."""
        return self.choices or (self.low, self.high)

    def any_of(self, rng: np.random.Generator) -> Any:
        """Draw one, not by the logarithm."""
        if self.choices:
            return self.choices[rng.integers(len(self.choices))]
        if self.whole:
            return int(rng.integers(int(self.low), int(self.high) + 1))
        return float(rng.uniform(self.low, self.high))

    def holds(self, value: Any) -> bool:
        """Whether it may be this value, as JSON has it."""
        if self.choices:
            return _key(value) in map(_key, self.choices)
        kinds = (int,) if self.whole else (int, float)
        return type(value) in kinds and self.low <= value <= self.high

    def named(self, value: Any) -> Any:
        """Return a value that :meth:`holds` as it was given: a tuple again for JSON's list."""
        by_key = {_key(choice): choice for choice in self.choices}
        return by_key[_key(value)] if self.choices else value

    def place(self, value: Any) -> Any:
        """Which of the choices a value is; the number itself where there are none."""
        keys = [_key(choice) for choice in self.choices]
        return keys.index(_key(value)) if keys else value

    def to_json(self) -> Any:
        """Return what was asked as JSON-safe values."""
        if self.choices:
            return [plain(choice) for choice in self.choices]
        return {"low": self.low, "high": self.high, "log": self.log, "whole": self.whole}


def space_of(model: Forecaster, space: Mapping[str, Any]) -> tuple[Setting, ...]:
    """Check what a model's settings may be.

    Parameters
    ----------
    model : Forecaster
        Whose settings.
    space : mapping of str to list or tuple
        By name: a list of choices, ``(low, high)`` or ``(low, high, "log")``. Where both ends are
        whole numbers and so is the model's own setting, only whole numbers are meant.

    Returns
    -------
    tuple of Setting
        By name, so that the order in which they were given plays no part.

    Raises
    ------
    ConfigError
        When there is no such setting, or a value is impossible.

    Examples
    --------
    >>> from gatecast import LSTM
    >>> [setting.count for setting in space_of(LSTM(3), {"hidden_size": [8, (16, 16)]})]
    [2]
    """
    own = model.config.to_dict()
    known = [name for name in own if name != "h"]
    if not isinstance(space, Mapping) or not space:
        raise ConfigError(
            "space must say which settings to search.",
            value=repr(space),
            fix="Use space={'hidden_size': [16, 32], 'learning_rate': (1e-4, 1e-2, 'log')}.",
        )
    if strange := [name for name in space if name not in known]:
        raise ConfigError(
            f"{model.name} has no such setting to search.",
            value=", ".join(map(repr, strange)),
            fix=f"It has {', '.join(known)}." if known else None,
        )
    settings = tuple(_setting(name, space[name], own[name]) for name in sorted(space))
    for setting in settings:
        for value in setting.bounds():
            _require_possible(model, settings, setting, value)
    return settings


def changed(model: Forecaster, settings: Mapping[str, Any]) -> Forecaster:
    """Return an unfitted copy of a model with some settings changed; a ConfigError if impossible.

    Examples
    --------
    >>> from gatecast import LSTM
    >>> changed(LSTM(3), {"hidden_size": 8}).config.hidden_size
    (8,)
    """
    config = {**model.config.to_dict(), **settings}
    if not model.members:
        return model.from_settings(config, threads=model.threads)
    members = [member.with_horizon(member.config.h) for member in model.members]
    made = type(model).of_members(members, config)
    made.threads = model.threads
    return made


def own_settings(model: Forecaster, space: Sequence[Setting]) -> dict[str, Any] | None:
    """Return the model's own settings, if they lie in the space."""
    own = model.config.to_dict()
    found = {}
    for setting in space:
        for value in setting.choices or (own[setting.name],):
            try:  # a choice of 8 is (8,) to the model
                same = changed(model, {setting.name: value}).config.to_dict() == own
            except ConfigError:
                same = False
            if same and setting.holds(plain(value)):
                found[setting.name] = value
                break
        else:
            return None
    return found


def not_tried(
    space: Sequence[Setting], tried: Sequence[Mapping[str, Any]], most: int = 10_000
) -> list[dict[str, Any]] | None:
    """Return what has not been tried yet; None if there are more than ``most`` combinations."""
    if math.prod(setting.count for setting in space) > most:
        return None
    names = [setting.name for setting in space]
    seen = {_key([one[name] for name in names]) for one in tried}
    every = itertools.product(*(setting.values() for setting in space))
    return [dict(zip(names, values, strict=True)) for values in every if _key(values) not in seen]


def plain(value: Any) -> Any:
    """Return a setting as JSON has it; a TypeError if it cannot be."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} is no setting")


def _key(value: Any) -> str:
    return json.dumps(plain(value))


def _setting(name: str, given: Any, own: Any) -> Setting:
    if isinstance(given, list | range):
        try:
            choices = {_key(choice): choice for choice in given}  # each once
        except TypeError as error:
            raise ConfigError(
                f"space[{name!r}] has a choice that cannot be written down: {error}.",
                value=repr(given),
                fix="Use numbers, text, True, False, None and lists of them.",
            ) from error
        if choices:
            return Setting(name, tuple(choices.values()))
    if isinstance(given, tuple) and given[2:] in ((), ("log",)) and len(given) >= 2:
        ends, log = given[:2], len(given) == 3
        numbers = int | float | np.integer | np.floating
        if all(isinstance(x, numbers) and not isinstance(x, bool) for x in ends):
            low, high = (x.item() if isinstance(x, np.generic) else x for x in ends)
            whole = type(low) is type(high) is int and not isinstance(own, float)
            if -_MOST <= low < high <= _MOST and (low > 0 or not log):
                return Setting(name, (), low, high, log, whole)
    raise ConfigError(f"space[{name!r}] is no choice of values.", value=repr(given), fix=_FIX)


def _require_possible(
    model: Forecaster, space: Sequence[Setting], setting: Setting, value: Any
) -> None:
    """Raise unless a value is possible under the model's own settings, or others of the space."""
    rng = np.random.default_rng(0)
    others: dict[str, Any] = {}
    first: ConfigError | None = None
    for _ in range(_TRIES if len(space) > 1 else 1):
        try:
            changed(model, {**others, setting.name: value})
            return
        except ConfigError as error:
            first = first or error
        others = {other.name: other.any_of(rng) for other in space}
    assert first is not None
    raise ConfigError(
        f"space[{setting.name!r}] has an impossible value. {first.problem}",
        value=repr(value),
        fix=first.fix,
    ) from first
