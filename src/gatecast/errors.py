"""What gatecast raises when something is wrong with what it was given.

::

    GatecastError
    ├── DataError       the data cannot be used (says which rows)       CLI exit 3
    ├── ConfigError     a setting is impossible or does not fit         CLI exit 2
    │   └── MissingExtraError   an optional package is not installed    CLI exit 2
    └── ArtifactError   a model file cannot be read                     CLI exit 4
"""

from __future__ import annotations

__all__ = ["ArtifactError", "ConfigError", "DataError", "GatecastError", "MissingExtraError"]


class GatecastError(Exception):
    """Base of every error that gatecast raises on purpose.

    Parameters
    ----------
    problem : str
        What is wrong, as a full sentence.
    value : object, optional
        What was received: the value, the rows, the series.
    fix : str, optional
        What to do about it, as a full sentence.

    Examples
    --------
    >>> print(GatecastError("h must be 1 or more.", value=0, fix="Use h=12 for a year of months."))
    h must be 1 or more. Got: 0. Use h=12 for a year of months.
    """

    def __init__(self, problem: str, *, value: object = None, fix: str | None = None) -> None:
        self.problem = problem
        self.value = value
        self.fix = fix
        parts = [problem]
        if value is not None:
            parts.append(f"Got: {value}.")
        if fix is not None:
            parts.append(fix)
        super().__init__(" ".join(parts))


class DataError(GatecastError, ValueError):
    """The data cannot be used as they are."""


class ConfigError(GatecastError, ValueError):
    """A setting is impossible, or does not fit the other settings or the data."""


class MissingExtraError(ConfigError, ImportError):
    """An optional package is needed and not installed.

    Examples
    --------
    >>> print(MissingExtraError("Parquet files", extra="parquet"))
    Parquet files need an optional package. Install it with: pip install 'gatecast[parquet]'
    """

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(
            f"{what} need an optional package.",
            fix=f"Install it with: pip install 'gatecast[{extra}]'",
        )


class ArtifactError(GatecastError):
    """A model file is truncated, foreign, or written by a newer version."""
