"""What is wrong with data, all of it at once, before any training.

:func:`check` takes data in with the very code that a forecast uses, but collecting what is wrong
instead of stopping at the first error; then :mod:`gatecast.doctor.symptoms` looks at the series
themselves. :func:`require_sound` is what a forecast asks before it begins.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.cells import some
from gatecast.doctor.symptoms import SEVERITIES, by_severity, diagnose
from gatecast.errors import ConfigError, DataError
from gatecast.findings import Finding, Findings, Severity
from gatecast.language import Lang, Said, as_said, said, say, wrap
from gatecast.panel import (
    Columns,
    Intake,
    MissingFuture,
    Panel,
    are_paths,
    from_any,
    require_word,
)
from gatecast.stamps import format_stamps

if TYPE_CHECKING:
    import pandas as pd

    from gatecast.panel import Duplicates, Fill, Resample
    from gatecast.readers import FileFormat

__all__ = ["Report", "check", "examine_data", "require_sound"]

_SHOWN = 5  # places of a finding that a reader sees
_MARGIN = 19  # where messages begin


@dataclass(frozen=True)
class Report:
    """What :func:`gatecast.check` found; print it.

    Parameters
    ----------
    findings : tuple of Finding
        Errors first, then warnings, then what is only worth knowing.
    frequency : str or None
        For example ``"MS"``; None for arrays, or if it is not known.
    season_length : int
        Steps in a season; 1 if there is none.
    n_series, n_values : int
        How many could be read.
    first, last : str or None
        The earliest and the latest stamp.
    columns : dict of str to str
        Which column was taken for what: ``"time"``, ``"target"``, ``"id"``, and ``"past"``,
        ``"future"``, ``"static"`` covariates; without those that there are none of.
    panel : Panel or None
        What could be read.
    headings : tuple of str
        Of a file with a row a stamp: all of its columns.
    """

    findings: tuple[Finding, ...]
    frequency: str | None = None
    season_length: int = 1
    n_series: int = 0
    n_values: int = 0
    first: str | None = None
    last: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    panel: Panel | None = field(default=None, repr=False, compare=False)
    headings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing stops a forecast."""
        return not any(finding.severity == "error" for finding in self.findings)

    def to_frame(self, lang: Lang = "en") -> pd.DataFrame:
        """Return a pandas frame with a row for each finding, errors first.

        Parameters
        ----------
        lang : {"en", "zh"}
            The language of messages, places and fixes.
        """
        import pandas as pd

        names = [x.name for x in fields(Finding)]
        found = [asdict(x.say(lang)) for x in self.findings]
        return pd.DataFrame(found, columns=pd.Index(names))

    def to_dict(self, lang: Lang = "en") -> dict[str, Any]:
        """Return all of it as JSON-safe values.

        Parameters
        ----------
        lang : {"en", "zh"}
            The language of messages, places and fixes.
        """
        return {
            "ok": self.ok,
            "frequency": self.frequency,
            "season_length": self.season_length,
            "series": self.n_series,
            "values": self.n_values,
            "first": self.first,
            "last": self.last,
            "findings": [asdict(finding.say(lang)) for finding in self.findings],
        }

    def text(self, width: int = 100, *, lang: Lang = "en") -> str:
        """Return what a user reads.

        Parameters
        ----------
        width : int
            How many letters a line has at most, where words allow it.
        lang : {"en", "zh"}
            The language.

        Raises
        ------
        ConfigError
            When the language is another.
        """
        lines = [
            line for text in self._understood() for line in _lines(say(text, lang), width, lang)
        ]
        groups = _grouped(self.findings)
        for severity in SEVERITIES:
            chosen = [group for group in groups if group[0].severity == severity]
            if chosen:
                lines += ["", say(_HEADINGS[severity], lang)]
            for group in chosen:
                lines += _group_lines(group, width, lang, several=self.n_series != 1)
        return "\n".join([*lines, "", say(self._conclusion(groups), lang)])

    def __str__(self) -> str:
        return self.text()

    def _understood(self) -> list[Said]:
        if not self.n_series:
            return [said("No series could be read.")]
        frequency = said("no frequency" if "time" in self.columns else "no stamps")
        if self.frequency is not None:
            words = _FREQUENCIES.get(self.frequency.partition("-")[0])
            frequency = said("frequency {alias}", alias=self.frequency)
            if words:
                template = "frequency {alias} ({words})"
                frequency = said(template, alias=self.frequency, words=said(words))
            if self.frequency.isdecimal():
                template = "whole numbers for stamps, {step} apart"
                frequency = said(template, step=self.frequency)
        season = said("no season")
        if self.season_length > 1:
            season = said("season of {m} steps", m=self.season_length)
        parts = [
            said(
                "{n:,} series, {values:value|values}: {frequency}, {season}, {first} to {last}.",
                n=self.n_series,
                values=self.n_values,
                frequency=frequency,
                season=season,
                first=self.first,
                last=self.last,
            )
        ]
        named = [said(_ROLES[role], name=name) for role, name in self.columns.items()]
        if named:
            parts.append(said("Columns: {named}.", named=named))
        return parts

    def _conclusion(self, groups: list[list[Finding]]) -> Said:
        n = Counter(group[0].severity for group in groups)
        errors, warnings = n["error"], n["warning"]
        if errors and warnings:
            return said(
                "{n:error stops|errors stop} a forecast; {more:more thing is|more things are} "
                "worth a look.",
                n=errors,
                more=warnings,
            )
        if errors:
            return said("{n:error stops|errors stop} a forecast.", n=errors)
        if warnings:
            template = "Nothing stops a forecast; {n:thing is|things are} worth a look."
            return said(template, n=warnings)
        return said("Nothing stops a forecast.")


_HEADINGS: dict[Severity, str] = {
    "error": "Errors: a forecast stops here, or would be wrong",
    "warning": "Worth a look: a forecast may be worse for it",
    "info": "Good to know",
}


def _lines(
    text: str, width: int, lang: Lang, first: str = "", rest: str = "", *, whole: bool = False
) -> list[str]:
    """Break a text into lines; words that are too long for one stay ``whole``."""
    if lang == "zh":
        return wrap(text, width, first, rest)
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=not whole,
        break_on_hyphens=False,
    )


def _grouped(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings that differ in their places only, together."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.severity, finding.code, finding.message)
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _group_lines(group: list[Finding], width: int, lang: Lang, *, several: bool) -> list[str]:
    first = group[0]
    margin = " " * _MARGIN

    def wrapped(text: str, indent: str, rest: str) -> list[str]:
        return _lines(say(text, lang), max(width, 40), lang, indent, rest, whole=True)

    lines = wrapped(first.message, f"  {first.code:{_MARGIN - 2}}", margin)
    if len(f"  {first.code}") >= _MARGIN:
        lines = [f"  {first.code}", *wrapped(first.message, margin, margin)]
    placed = [finding for finding in group if finding.where or finding.series is not None]
    for finding in placed[:_SHOWN]:
        lines += wrapped(_place(finding, several), f"{margin}- ", f"{margin}  ")
    if len(placed) > _SHOWN:
        lines += wrapped(
            "and others; --json and .to_frame() name the first 20.", f"{margin}- ", f"{margin}  "
        )
    if first.fix:
        lines += wrapped(first.fix, f"{margin}> ", f"{margin}  ")
    return lines


def _place(finding: Finding, several: bool) -> str:
    parts = {"series": finding.series, "where": finding.where}
    if finding.series is None or not several:
        return said("{where}", **parts)
    return said("{series}: {where}" if finding.where else "{series}", **parts)


_ROLES = {
    "time": "stamps {name!r}",
    "target": "values {name!r}",
    "id": "series {name!r}",
    "past": "known up to now {name!r}",
    "future": "known ahead {name!r}",
    "static": "static {name!r}",
}
# fmt: off
_FREQUENCIES = {
    "min": "minutes", "h": "hours", "D": "days", "B": "business days", "W": "weeks",
    "MS": "months", "ME": "months", "BMS": "months", "BME": "months", "QS": "quarters",
    "QE": "quarters", "YS": "years", "YE": "years",
}
# fmt: on


def check(
    data: Any,
    *,
    h: int | None = None,
    freq: str | int | None = None,
    id_col: str = "unique_id",
    time_col: str = "ds",
    target_col: str = "y",
    past_covariates: Sequence[str] = (),
    future_covariates: Sequence[str] = (),
    static_covariates: Sequence[str] = (),
    fill: Fill | None = None,
    duplicates: Duplicates = "error",
    resample: Resample | None = None,
    future_df: Any = None,
    missing_future: MissingFuture = "error",
    season_length: int | None = None,
) -> Report:
    """Find all that is wrong with data, and what a forecast should know of them.

    Parameters
    ----------
    data : frame, array_like, path-like or list of path-like
        What :meth:`gatecast.LSTM.fit` takes. Nothing about it raises, but that a file cannot be
        read.
    h : int, optional
        The horizon of the forecast that is meant.
    freq, id_col, time_col, target_col, fill, duplicates, resample
        As for :meth:`gatecast.LSTM.fit`.
    past_covariates, future_covariates, static_covariates : sequence of str
        As for :class:`gatecast.LSTM`.
    future_df, missing_future
        As for :meth:`gatecast.LSTM.predict`.
    season_length : int, optional
        Steps in a season; that of the frequency by default.

    Returns
    -------
    Report

    Raises
    ------
    ConfigError
        When a setting is impossible.
    OSError
        When a file cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=40), "y": 3.0})
    >>> report = check(df, h=7)
    >>> report.ok, [finding.code for finding in report.findings]
    (True, ['constant'])
    >>> print(report)
    1 series, 40 values: frequency D (days), season of 7 steps, 2024-01-01 to 2024-02-09.
    Columns: stamps 'ds', values 'y'.
    <BLANKLINE>
    Worth a look: a forecast may be worse for it
      constant         The series never changes: the forecast repeats the value.
                       - always 3
                       > If nothing was recorded there, leave the values empty or the series out.
    <BLANKLINE>
    Nothing stops a forecast; 1 thing is worth a look.
    """
    columns = Columns(
        *(id_col, time_col, target_col),
        *(tuple(past_covariates), tuple(future_covariates), tuple(static_covariates)),
    )
    return examine_data(
        data,
        Intake(columns, freq, fill, duplicates, resample),
        h=h,
        future_df=future_df,
        missing_future=missing_future,
        season_length=season_length,
    )


def examine_data(
    data: Any,
    intake: Intake,
    *,
    h: int | None = None,
    future_df: Any = None,
    missing_future: MissingFuture = "error",
    season_length: int | None = None,
    format: FileFormat | None = None,
) -> Report:
    """Do what :func:`check` does, with an :class:`~gatecast.panel.Intake` and a file's format.

    Parameters
    ----------
    data, h, future_df, missing_future, season_length
        As for :func:`check`.
    intake : Intake
        How the data are taken in.
    format : FileFormat, optional
        How files are written.

    Returns
    -------
    Report
    """
    for name, steps in (("h", h), ("season_length", season_length)):
        if steps is not None and steps < 1:
            raise ConfigError(
                f"{name} must be 1 or more.", value=steps, fix="Use 12 for a year of months."
            )
    require_word("missing_future", missing_future, MissingFuture)
    source = _Source(data, intake, future_df, format)
    found = Findings(collect=True)
    panel = source.panel(found)
    if panel is None:
        return Report(tuple(by_severity(found.all)), columns=source.columns)
    findings = [
        *found.all,
        *diagnose(panel, h, season_length=season_length, missing_future=missing_future),
    ]
    known = {finding.code for finding in findings}
    for note in panel.notes:
        code = _code_of(note)
        if code == "note" or not known & {code, *_SAID_BY.get(code, ())}:  # not with its places yet
            findings.append(Finding(code, "info", None, "", note, _TO_DO.get(code, "")))
    first, last = _span(panel)
    known_frequency = intake.freq is not None or panel.lengths.max() > 1
    frequency = panel.frequency if known_frequency else None
    return Report(
        findings=tuple(by_severity(findings)),
        frequency=None if frequency is None else str(frequency),
        season_length=season_length or (1 if frequency is None else frequency.season_length),
        n_series=panel.n_series,
        n_values=int(panel.observed.sum()),
        first=first,
        last=last,
        columns=source.columns,
        panel=panel,
        headings=source.headings,
    )


class _Source:
    """Data that are to be taken in, and what their columns are, once that is known."""

    def __init__(self, data: Any, intake: Intake, future: Any, format: FileFormat | None) -> None:
        self.data, self.intake, self.future = data, intake, future
        self.how: dict[str, Any] = {} if format is None else {"format": format}
        self.columns: dict[str, str] = {}
        self.headings: tuple[str, ...] = ()

    def panel(self, found: Findings) -> Panel | None:
        """Return what can be used; None for nothing."""
        panel: Panel | None
        try:
            panel = self._history(self.intake, found)
        except DataError as error:
            panel = self._rows_as_series()
            if panel is None:
                found.error("unusable", error.problem, value=error.value, fix=error.fix)
                return None
        if self.future is not None:
            from gatecast.files import join_ahead

            try:
                panel = join_ahead(panel, self.future, self.intake, found=found, **self.how)
            except DataError as error:
                found.error("unusable-future", error.problem, value=error.value, fix=error.fix)
        return panel

    def _history(self, intake: Intake, found: Findings) -> Panel:
        if not are_paths(self.data):
            panel = from_any(self.data, intake, found)
            if hasattr(type(self.data), "columns"):
                headings = getattr(self.data, "column_names", self.data.columns)
                levels = getattr(getattr(self.data, "index", None), "names", ())
                has_id = intake.columns.id_col in [*headings, *levels]
                self._take(intake.columns, has_id=has_id, has_time=True)
            return panel
        from gatecast.files import named_columns, read_table

        table = read_table(
            self.data,
            **named_columns(intake.columns),
            covariates=intake.columns,
            found=found,
            **self.how,
        )
        self._take(table.columns, has_id=table.has_id, has_time=table.has_time)
        if table.rows is None:
            self.headings = tuple(map(str, table.frame.columns))
        return table.panel(intake, found)

    def _take(self, columns: Columns, *, has_id: bool, has_time: bool) -> None:
        self.columns = {"target": columns.target_col}
        if has_time:
            self.columns = {"time": columns.time_col, **self.columns}
        if has_id:
            self.columns["id"] = columns.id_col
        for role in ("past", "future", "static"):
            if names := getattr(columns, role):
                self.columns[role] = ", ".join(names)

    def _rows_as_series(self) -> Panel | None:
        """Return what there is if every row is a series of its own, which has no frequency."""
        if self.intake.freq is not None:
            return None
        try:
            panel = self._history(replace(self.intake, freq="D"), Findings(collect=True))
        except (DataError, ConfigError):
            return None
        return panel if panel.n_series > 1 and panel.lengths.max() == 1 else None


def _span(panel: Panel) -> tuple[str, str]:
    """The earliest stamp and the latest."""
    ends = np.array([panel._shift(panel.last, 1 - panel.lengths).min(), panel.last.max()])
    if panel.time_type == "int":
        return str(ends[0]), str(ends[1])
    first, last = format_stamps(ends, panel.frequency.tz if panel.frequency else None)
    return first, last


def _code_of(note: str) -> str:
    return next((code for part, code in _NOTED.items() if part in note), "note")


_NOTED = {
    "2**53": "large-integers",
    "missing at the end": "trailing-empty",
    "missing between the stamps": "gap",
    "not in order of time": "unsorted",
    "the stamp of another row": "duplicate",
    "UTC offsets": "offsets",
    "not UTF-8": "encoding",
    "Columns that are not used": "unused-columns",
}
_SAID_BY = {"gap": ("frequency-conflict",)}
_TO_DO = {
    "unused-columns": "If they say something about the values, let the network read them: "
    "past_covariates (--past), future_covariates (--future) if known ahead, static_covariates "
    "(--static).",
}


def require_sound(
    panel: Panel,
    h: int,
    *,
    season_length: int | None = None,
    missing_future: MissingFuture = "error",
) -> tuple[str, ...]:
    """Stop if a forecast would be wrong; say what may make it worse.

    Parameters
    ----------
    panel, h, season_length, missing_future
        As for :func:`diagnose`.

    Returns
    -------
    tuple of str
        A note for each kind of warning; but for where ``missing_future`` stands in, which the
        forecast notes itself.

    Raises
    ------
    DataError
        With the first error, and how many more there are.

    Examples
    --------
    >>> require_sound(from_any([3.0] * 30), h=2)
    ('The series never changes: the forecast repeats the value (always 3).',)
    """
    groups = _grouped(
        diagnose(panel, h, season_length=season_length, missing_future=missing_future)
    )
    errors = [group for group in groups if group[0].severity == "error"]
    if errors:
        problem, fix = errors[0][0].message, errors[0][0].fix
        if len(errors) > 1:
            fix += f" There is more: 'gatecast check' names {len(errors)} errors."
        raise DataError(problem, value=_places(errors[0], panel), fix=fix.strip() or None)
    notes = []
    for group in groups:
        if group[0].severity == "warning" and group[0].code != "covariate-short":
            places, message = _places(group, panel), as_said(group[0].message)
            if places:
                message = said("{message:bare} ({places}).", message=message, places=places)
            notes.append(message)
    return tuple(notes)


def _places(group: list[Finding], panel: Panel) -> Said | None:
    several = panel.n_series > 1
    texts = [text for finding in group if (text := _place(finding, several))]
    return some(texts, len(texts), 3) or None
