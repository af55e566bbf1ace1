"""The file of a search, from which it goes on: lines of JSON, and nothing that is ever executed.

The first line says of what search it is, each other one is a finished trial. The file is replaced
as a whole after each trial, so that it is never half written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from gatecast.atomic import write_whole
from gatecast.errors import ArtifactError, ConfigError
from gatecast.evaluation.space import Setting, plain

if TYPE_CHECKING:
    from gatecast.models.forecaster import Forecaster
    from gatecast.panel import Panel

__all__ = ["Study", "Trial", "about_data", "about_model"]

FORMAT_VERSION = 1
_KIND = "gatecast search"
_LARGEST = 2**26  # bytes of a file, which would be some 100,000 trials
State = Literal["done", "pruned", "failed"]


@dataclass(frozen=True, eq=False)
class Trial:
    """One combination of settings, and how it did.

    Parameters
    ----------
    number : int
        From 0, in the order in which they were tried.
    settings : dict
        By name.
    scores : tuple of float
        The error in each window that was tried, oldest first; NaN where nothing could be scored.
    state : {"done", "pruned", "failed"}
        Tried in all windows; stopped, because others did better over the same windows; impossible.
    seconds : float
        How long it took.
    reason : str
        Why it failed.
    """

    number: int
    settings: dict[str, Any]
    scores: tuple[float, ...]
    state: State
    seconds: float
    reason: str = ""

    def score(self, n: int | None = None) -> float:
        """Return the mean over the first ``n`` windows that it was tried in, or all of them."""
        known = [score for score in self.scores[:n] if math.isfinite(score)]
        return math.fsum(known) / len(known) if known else math.nan

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return {
            "number": self.number,
            "state": self.state,
            "settings": {name: plain(value) for name, value in self.settings.items()},
            "scores": [score if math.isfinite(score) else None for score in self.scores],
            "seconds": round(self.seconds, 6),
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any], space: Sequence[Setting], n_windows: int) -> Trial:
        """Return what :meth:`to_json` said, which is not trusted: any of several exceptions."""
        given, state, scores = saved["settings"], saved["state"], saved["scores"]
        _require(sorted(given) == [setting.name for setting in space], "other settings")
        _require(all(one.holds(given[one.name]) for one in space), "settings out of bounds")
        _require(state in get_args(State), "an unknown state")
        _require(type(saved["number"]) is int, "a trial without number")
        _require(type(saved["reason"]) is str, "a reason that is no text")
        _require(type(scores) is list and all(map(_error, scores)), "scores that are no errors")
        _require(
            len(scores) == n_windows if state == "done" else len(scores) < n_windows,
            "scores of other windows",
        )
        _require(_error(saved["seconds"]) and saved["seconds"] is not None, "an impossible time")
        return cls(
            number=saved["number"],
            settings={one.name: one.named(given[one.name]) for one in space},
            scores=tuple(math.nan if score is None else float(score) for score in scores),
            state=state,
            seconds=float(saved["seconds"]),
            reason=saved["reason"],
        )


class Study:
    """The trials of a search, which are written to a file if there is one.

    Parameters
    ----------
    path : path-like or None
        Trials that are there already are read. Only one search may use it at a time.
    about : dict
        What the trials depend on, as JSON-safe values.
    space : sequence of Setting
    n_windows : int
        In how many each trial may be tried.

    Raises
    ------
    ArtifactError
        When the file is truncated, damaged, foreign or written by a newer version.
    ConfigError
        When it is of a search that asked for something else.
    OSError
        When it cannot be read or written.
    """

    def __init__(
        self,
        path: str | PathLike[str] | None,
        about: dict[str, Any],
        space: Sequence[Setting],
        n_windows: int,
    ) -> None:
        self.trials: list[Trial] = []
        self._path = path
        self._about = json.loads(
            json.dumps({"kind": _KIND, "format_version": FORMAT_VERSION, **about})
        )
        if path is None:
            return
        if Path(path).exists():
            self._read(path, lambda saved: Trial.from_json(saved, space, n_windows))
        self._write()  # fail now, and not after the first trial

    def add(self, trial: Trial) -> None:
        """Keep a finished trial."""
        self.trials.append(trial)
        self._write()

    def _write(self) -> None:
        if self._path is not None:
            rows = [self._about, *(trial.to_json() for trial in self.trials)]
            lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
            write_whole(self._path, "".join(f"{line}\n" for line in lines).encode())

    def _read(self, path: str | PathLike[str], made: Callable[[Any], Trial]) -> None:
        with open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
        try:
            _require(len(content) <= _LARGEST, "far more than the trials of a search")
            _require(content.endswith(b"\n"), "no last line: it is truncated")
            first, *rows = content.decode().split("\n")[:-1]
            about = json.loads(first)
            _require(about["kind"] == _KIND, "something other than a search")
            _require(type(about["format_version"]) is int, "no version")
            if about["format_version"] > FORMAT_VERSION:
                raise ArtifactError(
                    f"This file of a search has format {about['format_version']}; this gatecast "
                    f"reads up to {FORMAT_VERSION}.",
                    value=fspath(path),
                    fix="Upgrade: pip install --upgrade gatecast",
                )
            if about == self._about:  # else its trials may have settings of another kind
                self.trials = [made(json.loads(row)) for row in rows]
            numbers = [trial.number for trial in self.trials]
            _require(numbers == list(range(len(numbers))), "trials in another order")
        except (
            *(ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError),
        ) as error:
            raise ArtifactError(
                f"This is not a whole file of a search ({error}).",
                value=fspath(path),
                fix="Give the file of an earlier search, or the name of a new one.",
            ) from error
        if about != self._about:
            names = [*self._about, *about]
            other = [name for name in names if about.get(name) != self._about.get(name)]
            raise ConfigError(
                f"This file is of a search with other {', '.join(dict.fromkeys(other))}.",
                value=fspath(path),
                fix="Ask for the same as before, or name a new file.",
            )


def about_model(model: Forecaster) -> dict[str, Any]:
    """Say all that trials depend on of a model, as JSON-safe values."""
    said: dict[str, Any] = {"name": type(model).__name__, "config": model.config.to_dict()}
    if model.members:
        said["members"] = [about_model(member) for member in model.members]
    return said


def about_data(panel: Panel) -> str:
    """Return a hash of the series and what is known beside them."""
    found = blake2b(digest_size=16)
    metadata = panel.metadata()
    for name in ("kind", "notes", "columns"):  # the same data in another frame
        del metadata[name]
    found.update(json.dumps(metadata, sort_keys=True, default=str).encode())
    for name, array in sorted(panel.arrays().items()):
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(f"it holds {otherwise}")


def _error(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and 0 <= value < math.inf)
