"""The settings of an LSTM, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gatecast.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "PRECISIONS",
    "LSTMConfig",
    "LossName",
    "ScalingName",
    "column_names",
    "default_batch_size",
    "default_context_length",
    "flag",
    "plain",
    "quantile_levels",
    "real_number",
    "require_choice",
    "thread_count",
    "whole_number",
    "with_median",
]

LossName = Literal["mse", "mae", "huber", "pinball"]
ScalingName = Literal["standard", "meanabs", "level", "first", "series"]

PRECISIONS = ("float32", "bfloat16", "auto")
_CHOICES: dict[str, tuple[str | None, ...]] = {
    "loss": ("mse", "mae", "huber", "pinball"),
    "optimizer": ("adam", "rmsprop"),
    "schedule": ("constant", "cosine"),
    "transform": (None, "log"),
    "balance": ("windows", "series"),
    "scaling": ("standard", "meanabs", "level", "first", "series", None),
    "anchor": ("last", "season", None),
    "precision": PRECISIONS,
}
# name: (lowest, highest)
_WHOLE = {
    "h": (1, 100_000),
    "context_length": (1, 100_000),
    "patch_size": (1, 100_000),
    "batch_size": (1, 2**30),
    "season_length": (1, 100_000),
    "windows_per_series": (1, 2**53),
    "epochs": (1, 10_000_000),
    "patience": (0, 10_000_000),
    "seed": (0, 2**63 - 1),
}
_REAL = {
    "learning_rate": (1e-12, 1e3),
    "weight_decay": (0.0, 1e3),
    "clip_norm": (0.0, 1e30),
    "dropout": (0.0, 0.999),
    "weight_averaging": (0.0, 0.9999),
    "validation_fraction": (0.0, 0.9),
}
_COVARIATES = ("past_covariates", "future_covariates", "static_covariates")
# None means by the data, or no limit.
_OR_NONE = ("context_length", "batch_size", "season_length", "windows_per_series")


@dataclass(frozen=True, kw_only=True)
class LSTMConfig:
    """What :class:`gatecast.LSTM` was asked for; see there for each setting.

    Raises
    ------
    ConfigError
        When a setting is impossible or two of them contradict each other.

    Examples
    --------
    >>> LSTMConfig(h=0)
    Traceback (most recent call last):
        ...
    gatecast.errors.ConfigError: h must be a whole number from 1 to 100,000. Got: 0.
    """

    h: int
    context_length: int | None = None
    patch_size: int = 1
    hidden_size: tuple[int, ...] = (64, 64)
    epochs: int = 100
    batch_size: int | None = None
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    loss: LossName = "mae"
    quantiles: tuple[float, ...] | None = None
    optimizer: Literal["adam", "rmsprop"] = "adam"
    schedule: Literal["constant", "cosine"] = "constant"
    weight_averaging: float = 0.0
    dropout: float = 0.0
    clip_norm: float = 1.0
    validation_fraction: float = 0.1
    patience: int = 10
    windows_per_series: int | None = None
    balance: Literal["windows", "series"] = "windows"
    transform: Literal["log"] | None = None
    scaling: ScalingName | None = "standard"
    anchor: Literal["last", "season"] | None = "last"
    season_length: int | None = None
    recursive: bool = False
    past_covariates: tuple[str, ...] = ()
    future_covariates: tuple[str, ...] = ()
    static_covariates: tuple[str, ...] = ()
    calendar: bool = False
    holidays: str | None = None
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            require_choice(name, getattr(self, name), choices)
        for name, (low, high) in _WHOLE.items():
            value = getattr(self, name)
            if not (value is None and name in _OR_NONE):
                self._set(name, whole_number(name, value, low, high))
        for name, (lowest, highest) in _REAL.items():
            self._set(name, real_number(name, getattr(self, name), lowest, highest))
        self._set("hidden_size", _sizes(self.hidden_size))
        for name in ("recursive", "calendar"):
            self._set(name, flag(name, getattr(self, name)))
        for name in _COVARIATES:
            self._set(name, column_names(name, getattr(self, name)))
        self._check_covariates()
        if self.context_length is not None and self.patch_size > self.context_length:
            raise ConfigError(
                "A patch is a part of the context, and cannot be longer.",
                value=f"patch_size={self.patch_size}, context_length={self.context_length}",
                fix="Use a smaller patch_size or a longer context_length.",
            )
        if self.quantiles is not None:
            self._set("quantiles", quantile_levels(self.quantiles))
            self._set("loss", "pinball")
        elif self.loss == "pinball":
            raise ConfigError(
                "loss='pinball' needs quantiles.", fix="Use quantiles=[0.05, 0.5, 0.95]."
            )
        if self.recursive and self.quantiles is not None:
            raise ConfigError(
                "A recursive model has no quantiles: it only ever learns one step ahead.",
                value=f"recursive=True, quantiles={list(self.quantiles)}",
                fix="Use recursive=False.",
            )

    def _check_covariates(self) -> None:
        names = [*self.past_covariates, *self.future_covariates, *self.static_covariates]
        if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ConfigError(
                "A covariate is past, future or static, and named once.",
                value=", ".join(map(repr, repeated)),
                fix="What is known ahead belongs to future_covariates alone: its past is read too.",
            )
        if self.recursive and self.past_covariates:
            raise ConfigError(
                "A recursive model feeds back its own forecasts, and nothing forecasts its "
                "past_covariates.",
                value=f"recursive=True, past_covariates={list(self.past_covariates)}",
                fix="Use recursive=False, or future_covariates if their future is known.",
            )
        if self.holidays is not None and not isinstance(self.holidays, str):
            raise ConfigError(
                "holidays must be the code of a country.",
                value=repr(self.holidays),
                fix="Use holidays='DE'.",
            )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def replace(self, **changes: Any) -> LSTMConfig:
        """Return a copy with some settings changed, checked anew."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-safe values."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> LSTMConfig:
        """Return the config that :meth:`to_dict` described."""
        return cls(**settings)

    @property
    def reads_on(self) -> bool:
        """Whether the network reads through the horizon, where something is known ahead."""
        return bool(self.future_covariates) or self.calendar or self.holidays is not None

    @property
    def describes(self) -> bool:
        """Whether the network reads anything beside the target."""
        return self.reads_on or bool(self.past_covariates or self.static_covariates)

    @property
    def network_horizon(self) -> int:
        """Steps that the network puts out at once: 1 if it is fed back on itself."""
        return 1 if self.recursive else self.h

    @property
    def trained_quantiles(self) -> tuple[float, ...]:
        """The asked quantiles and the median, which is the point forecast; empty without any."""
        return with_median(self.quantiles)


def with_median(quantiles: tuple[float, ...] | None) -> tuple[float, ...]:
    """Return quantiles and the median in rising order; empty without any."""
    return () if quantiles is None else tuple(sorted({*quantiles, 0.5}))


def require_choice(name: str, value: object, choices: Sequence[str | None]) -> None:
    """Raise a ConfigError unless a setting is one of some."""
    if not isinstance(value, str | None) or value not in choices:
        known = ", ".join(repr(choice) for choice in choices)
        raise ConfigError(f"{name} must be one of {known}.", value=repr(value))


def default_context_length(lengths: NDArray[np.int64], horizon: int, season_length: int) -> int:
    """Two seasons or 1.25 horizons, or two thirds of a typical series where windows are few.

    Hewamalage, Bergmeir & Bandara (2021) found about 1.25 horizons or seasons best for stacked
    LSTMs; two whole seasons let the network compare one with the other.
    """
    wanted = max(2 * season_length if season_length > 1 else 0, math.ceil(1.25 * horizon), 12)
    if np.maximum(lengths - wanted - horizon + 1, 0).sum() >= 1_000:
        return wanted
    available = int(np.median(lengths)) - horizon
    return max(1, min(wanted, available * 2 // 3))


def default_batch_size(n_windows: int) -> int:
    """About eight steps an epoch: a power of two from 16 to 256."""
    exponent = min(8, max(4, round(math.log2(max(n_windows, 1) / 8))))
    return 1 << exponent


def whole_number(name: str, value: object, low: int, high: int) -> int:
    """Return a whole number within bounds; a ConfigError for anything else."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        exact = isinstance(value, float) and value.is_integer()
        if not exact:
            raise ConfigError(
                f"{name} must be a whole number from {low:,} to {high:,}.", value=repr(value)
            )
    number = int(value)  # type: ignore[call-overload]
    if not low <= number <= high:
        raise ConfigError(f"{name} must be a whole number from {low:,} to {high:,}.", value=number)
    return int(number)


def real_number(name: str, value: object, low: float, high: float) -> float:
    """Return a number within bounds; a ConfigError for anything else."""
    number = math.nan
    if not isinstance(value, bool | np.bool_ | str):
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = math.nan
    if not low <= number <= high:
        raise ConfigError(f"{name} must be a number from {low:g} to {high:g}.", value=repr(value))
    return number


def _sizes(value: object) -> tuple[int, ...]:
    given = (value,) if isinstance(value, int | np.integer) else value
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str) or len(given) == 0:
        raise ConfigError(
            "hidden_size must be the size of each layer.",
            value=repr(value),
            fix="Use hidden_size=(64, 64) for two layers of 64 units.",
        )
    return tuple(whole_number("hidden_size", size, 1, 8192) for size in given)


def column_names(name: str, value: object) -> tuple[str, ...]:
    """Return names of columns; a ConfigError for anything else."""
    given = (value,) if isinstance(value, str) else value
    if given is None:
        return ()
    if not isinstance(given, Sequence) or not all(isinstance(x, str) for x in given):
        raise ConfigError(
            f"{name} must be names of columns.", value=repr(value), fix=f"Use {name}=['price']."
        )
    return tuple(given)


def quantile_levels(value: object) -> tuple[float, ...]:
    """Return quantiles in ascending order; a ConfigError unless they lie between 0 and 1."""
    given = [value] if isinstance(value, float | np.floating) else value
    try:
        numbers = tuple(float(q) for q in given)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        numbers = ()
    # Columns are named by %g, so quantiles that it shows alike cannot be told apart.
    if (
        not all(0 < q < 1 for q in numbers)
        or not len({f"{q:g}" for q in numbers}) == len(numbers) > 0
    ):
        raise ConfigError(
            "quantiles must be different numbers between 0 and 1.",
            value=repr(value),
            fix="Use quantiles=[0.05, 0.5, 0.95].",
        )
    return tuple(sorted(numbers))


def flag(name: str, value: object) -> bool:
    """Return True or False; a ConfigError for anything else."""
    if not isinstance(value, bool | np.bool_):
        raise ConfigError(f"{name} must be True or False.", value=repr(value))
    return bool(value)


def thread_count(threads: object) -> int | None:
    """Return a number of threads, or None for the default; a ConfigError if it is impossible."""
    return None if threads is None else whole_number("threads", threads, 1, 4096)


def plain(value: object) -> object:
    """Return a setting with lists for tuples, as JSON has them."""
    return [plain(part) for part in value] if isinstance(value, tuple) else value
