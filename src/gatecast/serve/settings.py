"""What a server is told: where, for whom, and how much at most."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from pathlib import Path

from gatecast.errors import ConfigError
from gatecast.models.config import whole_number

__all__ = ["Limits", "Settings", "is_loopback", "option_of"]

_TOKEN = "Give one: --token, or the environment variable GATECAST_TOKEN."


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much at most. Each is an option of ``gatecast serve``: ``--max-rows``, ...

    Parameters
    ----------
    max_megabytes : int
        Of the body of a request.
    max_rows : int
        Values that are read, of all series together, and rows of a forecast.
    max_series, max_horizon : int
        Series of a request, and steps of a forecast.
    max_jobs : int
        Queued and running.
    workers : int
        Jobs that run at once.
    max_minutes : float
        That a job may run.
    max_memory : int
        Megabytes that a child process may use.
    keep : int
        Finished jobs that are kept.
    """

    max_megabytes: int = 50
    max_rows: int = 1_000_000
    max_series: int = 10_000
    max_horizon: int = 1_000
    max_jobs: int = 16
    workers: int = 1
    max_minutes: float = 15.0
    max_memory: int = 4_096
    keep: int = 100

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name != "max_minutes":
                whole_number(option_of(name), value, 1, 10**9)
        if not 0 < self.max_minutes < math.inf:
            raise ConfigError(
                "--max-minutes must be more than 0.", value=self.max_minutes, fix="Use 15."
            )

    @property
    def max_bytes(self) -> int:
        """Of a body."""
        return self.max_megabytes * 1_000_000


def option_of(limit: str) -> str:
    """Return the option that changes a limit.

    Examples
    --------
    >>> option_of("max_rows")
    '--max-rows'
    """
    return f"--{limit.replace('_', '-')}"


_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a server is told.

    Parameters
    ----------
    folder : Path
        Holds all that is kept: ``jobs/`` and ``models/``.
    host : str
        The address to listen at.
    token : str, optional
        Which every request to ``/v1`` has to name.
    limits : Limits
    threads : int, optional
        Of a job's training; by default all.
    patience : float
        Seconds within which a body has to arrive.
    verbose : bool
        Log a line a request to standard error.

    Raises
    ------
    ConfigError
        When others than this machine could come in without a token.
    """

    folder: Path
    host: str = "127.0.0.1"
    token: str | None = None
    limits: Limits = _LIMITS
    threads: int | None = None
    patience: float = 120.0
    verbose: bool = False

    def __post_init__(self) -> None:
        if self.threads is not None:
            whole_number("--threads", self.threads, 1, 10**6)
        if self.token is not None and (
            not self.token
            or not self.token.isascii()
            or not self.token.isprintable()
            or " " in self.token
        ):
            raise ConfigError("A token must be of visible ASCII letters.", fix=_TOKEN)
        if self.token is None and not is_loopback(self.host):
            raise ConfigError(
                "Other machines could reach this address, and there is no token.",
                value=self.host,
                fix=f"{_TOKEN} Or leave --host out: 127.0.0.1 is for this machine alone.",
            )


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own.

    Examples
    --------
    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
