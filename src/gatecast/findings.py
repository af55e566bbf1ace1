"""What is wrong with data: raised at the first error, or collected until everything is known.

The same checks serve both. A function that looks at data is given :class:`Findings` and reports to
it; by default (:data:`STRICT`) an error is raised there and then. ``gatecast check`` gives one that
collects: the function then leaves out what it cannot use and goes on looking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal, NamedTuple

from gatecast.cells import some
from gatecast.errors import ConfigError, DataError
from gatecast.language import said, say

__all__ = ["STRICT", "Finding", "Findings", "Place", "Severity"]

Severity = Literal["error", "warning", "info"]

_MAX_SERIES = 20  # findings of one kind, each for a series; the others are counted
_MAX_LOOKED_AT = 10_000  # places; so that a file of nothing but errors is told as fast as another
_MAX_PLACES = 5


class Place(NamedTuple):
    """Where something was found: ``series`` (None for the whole) and ``where``, e.g. "row 3"."""

    series: str | int | float | None
    where: str


@dataclass(frozen=True)
class Finding:
    """One thing that the data's owner should know.

    Parameters
    ----------
    code : str
        What kind of thing, for programs: ``"duplicate"``, ``"gap"``, ...
    severity : {"error", "warning", "info"}
        A forecast would be wrong; may be worse than need be; is as good as ever.
    series : str or None
        The series; None for all of them.
    where : str
        Rows, stamps or columns.
    message : str
        What was found, and what it means for the forecast.
    fix : str
        What to do, as an option or a line of code.
    """

    code: str
    severity: Severity
    series: str | None
    where: str
    message: str
    fix: str

    def say(self, lang: str = "en") -> Finding:
        """Return it with its texts in a language, ``"en"`` or ``"zh"``."""
        return replace(
            self,
            where=say(said("{where}", where=self.where), lang),  # which may be the user's own text
            message=say(self.message, lang),
            fix=say(self.fix, lang),
        )


@dataclass
class Findings:
    """Takes reports of what is wrong.

    Parameters
    ----------
    collect : bool
        Keep errors in ``all`` instead of raising them.

    Examples
    --------
    >>> found = Findings(collect=True)
    >>> found.error("text", "y has text.", places=[Place("A", "row 3 ('x')")], fix="Correct it.")
    >>> found.all[0].series, found.all[0].where
    ('A', "row 3 ('x')")
    >>> STRICT.error("text", "y has text.", places=[Place("A", "row 3 ('x')")], fix="Correct it.")
    Traceback (most recent call last):
        ...
    gatecast.errors.DataError: y has text. Got: series 'A', row 3 ('x'). Correct it.
    """

    collect: bool = False
    all: list[Finding] = field(default_factory=list)

    def error(
        self,
        code: str,
        problem: str,
        *,
        places: Iterable[Place] = (),
        total: int | None = None,
        value: object = None,
        fix: str | None = None,
        kind: type[DataError | ConfigError] = DataError,
    ) -> None:
        """Report what makes a forecast impossible or wrong.

        Parameters
        ----------
        code : str
            See :class:`Finding`.
        problem : str
            A full sentence.
        places : iterable of Place
            Where; may be lazy, of which only the first few are looked at when strict.
        total : int, optional
            How many places there are, if ``places`` cannot be counted.
        value : object, optional
            What was received, where there is no place.
        fix : str, optional
            A full sentence.
        kind : type
            What to raise when strict.

        Raises
        ------
        DataError or ConfigError
            Unless collecting.
        """
        if not self.collect:
            named = list(islice(places, _MAX_PLACES + 1))
            if named:
                value = some(_in_words(named), total or len(named), _MAX_PLACES)
            raise kind(problem, value=value, fix=fix)
        self.report(code, "error", problem, places, total, value, fix)

    def report(
        self,
        code: str,
        severity: Severity,
        message: str,
        places: Iterable[Place] = (),
        total: int | None = None,
        value: object = None,
        fix: str | None = None,
    ) -> None:
        """Keep a finding for each series among ``places``, or one for all."""
        by_series: dict[str | None, list[str]] = {}
        seen = 0
        for series, where in islice(places, _MAX_LOOKED_AT):
            by_series.setdefault(None if series is None else str(series), []).append(where)
            seen += 1
        unseen = max(0, (total or 0) - seen)
        if not by_series:
            where = "" if value is None else value if isinstance(value, str) else str(value)
            self.all.append(Finding(code, severity, None, where, message, fix or ""))
        for series, wheres in islice(by_series.items(), _MAX_SERIES):
            more = unseen if len(by_series) == 1 else 0
            where = some(wheres, len(wheres) + more)
            self.all.append(Finding(code, severity, series, where, message, fix or ""))
        others = len(by_series) - _MAX_SERIES
        if others > 0:
            where = said("{n:,} more series", n=others)
            self.all.append(Finding(code, severity, None, where, message, fix or ""))


def _in_words(places: list[Place]) -> Iterator[str]:
    """Name places, and each series once."""
    before = None
    for series, where in places:
        named = [f"series {series!r}"] if series is not None and series != before else []
        yield ", ".join([*named, *([where] if where else [])])
        before = series


STRICT = Findings()
"""Raises every error."""
