"""What goes wrong, as a status and an object with problem, value and fix."""

from __future__ import annotations

import re
from typing import Any

from gatecast.errors import ArtifactError, DataError, GatecastError
from gatecast.serve.settings import option_of

__all__ = ["Refusal", "beyond", "busy", "closing", "described", "no_disk", "restored", "taken"]

_LONGEST = 1_000  # characters of a text that are sent back
_LOOKED_AT = 4_000  # of a text: a cell or a heading in it may be as long as the file


class Refusal(GatecastError):
    """A request that is not served.

    Parameters
    ----------
    status : int
        Of HTTP.
    problem, value, fix
        As for every error of gatecast.
    retry_after : int, optional
        Seconds after which it may be tried again.
    rows : list of int, optional
        Of the data, that are to blame.
    """

    def __init__(
        self,
        status: int,
        problem: str,
        *,
        value: object = None,
        fix: str | None = None,
        retry_after: int | None = None,
        rows: list[int] | None = None,
    ) -> None:
        super().__init__(problem, value=value, fix=fix)
        self.status = status
        self.retry_after = retry_after
        self.rows = rows


def beyond(limit: str, most: float, what: str, value: object, status: int = 413) -> Refusal:
    """Return what says that a limit is exceeded, which, and how it is changed."""
    return Refusal(
        status,
        f"This server takes at most {most:,} {what}.",
        value=value,
        fix=f"Send less, or start the server with a larger {option_of(limit)}.",
    )


def busy() -> Refusal:
    """Return what says that this is too much at a time."""
    return Refusal(503, "The server is busy.", fix="Try again soon.", retry_after=2)


def closing() -> Refusal:
    """Return what says that the server is about to end."""
    return Refusal(503, "The server is shutting down.", retry_after=10)


def taken(name: str) -> Refusal:
    """Return what says that another model has this name."""
    return Refusal(
        409,
        "There is a model of this name.",
        value=name,
        fix="Choose another, or delete that first.",
    )


def no_disk(reason: str | None) -> Refusal:
    """Return what says that the folder cannot be written to."""
    return Refusal(
        503,
        "The server cannot write to its folder.",
        value=reason,
        fix="Ask whoever runs it to look at the disk.",
        retry_after=60,
    )


# What the command line calls an option has another name in a request.
_OPTIONS = {
    "id": "id_col",
    "time": "time_col",
    "target": "target_col",
    **{name: name for name in ("freq", "fill", "duplicates", "resample", "past", "future")},
    **{name: name for name in ("static", "dayfirst", "sep", "decimal", "sheet", "level")},
    "missing-future": "missing_future",
    "season-length": "season_length",
    "future-file": "future rows",
}
_OPTION = re.compile(rf"--({'|'.join(map(re.escape, _OPTIONS))})\b(?!-)")
_ROW = re.compile(r"\brow (\d{1,9})\b")
_OUR_FILE = re.compile(r"(?<![\w./-])(?:/[^\s/'\"]+)*/(?:jobs|incoming)/[^\s/'\"]+/(data\.\w+)")


def in_words(text: str) -> str:
    """Return a message as a client knows its words: settings, and no paths of this machine.

    Examples
    --------
    >>> in_words("Name it: --id 'shop'.")
    "Name it: id_col 'shop'."
    """
    text = _OUR_FILE.sub(r"\1", text[:_LOOKED_AT])
    text = _OPTION.sub(lambda match: _OPTIONS[match[1]], text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def described(error: GatecastError) -> dict[str, Any]:
    """Return an error as JSON-safe values; :func:`restored` makes it an error again."""
    value = None if error.value is None else in_words(str(error.value))
    if isinstance(error, Refusal):
        status, rows = error.status, error.rows
    else:
        status = 409 if isinstance(error, ArtifactError) else 422
        rows = [int(row) for row in _ROW.findall(value or "")] or None
    return {
        "status": status,
        "problem": in_words(error.problem),
        "value": value,
        "fix": None if error.fix is None else in_words(error.fix),
        "rows": rows if isinstance(error, DataError | Refusal) else None,
    }


def restored(said: dict[str, Any]) -> Refusal:
    """Return the error that :func:`described` described, perhaps in another process."""
    return Refusal(
        said["status"], said["problem"], value=said["value"], fix=said["fix"], rows=said["rows"]
    )
