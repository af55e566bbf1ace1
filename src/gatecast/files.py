"""Tables in files: which columns hold the stamps, the values and the ids.

A file says less than a frame: no types, often no agreed headings, sometimes none at all. What it
leaves open is told from its content, or is an error that says which option answers it. Tables that
have a column or a row for each series are turned long here, so that nothing else knows of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gatecast.cells import (
    Bad,
    Where,
    are_stamps,
    holds,
    looks_like_a_date,
    missing_cells,
    read_decimals,
    read_numbers,
    some,
)
from gatecast.errors import ConfigError, DataError
from gatecast.findings import STRICT, Findings, Place
from gatecast.frames import from_frame, join_future
from gatecast.language import Said, as_said, said, sentences
from gatecast.panel import Columns, Intake, Panel, are_paths
from gatecast.readers import (
    COUNTED_TIME_HEADINGS,
    ID_HEADINGS,
    TARGET_HEADINGS,
    TIME_HEADINGS,
    Content,
    FileFormat,
    as_text,
    read_file,
)
from gatecast.stamps import order_days_first, parse_stamps, read_epochs

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Paths = str | PathLike[str] | Iterable[str | PathLike[str]]

__all__ = ["FileFormat", "Table", "join_ahead", "named_columns", "read_panel", "read_table"]

_PLAIN = Intake()
_AS_IT_IS = FileFormat()
# Of the parts of a date, which are no series although they are numbers.
_PARTS = (("year", "年份", "年"), ("month", "月份", "月"), ("day", "日"))
_CALENDAR_HEADINGS = (*(word for words in _PARTS for word in words), "hour")
_TIME_OF_DAY = r"(?ai)\d{1,2}:\d\d(:\d\d(\.\d{1,9})?)?( ?[ap]\.?m\.?)?"


class _File(NamedTuple):
    """Where a file's rows are in a table: from row ``begin`` on."""

    name: str
    begin: int
    first_row: int


@dataclass(frozen=True, eq=False)
class Table:
    """What files hold, and what its columns are.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a series and stamp: text from text files, else typed columns. Without stamps in the
        files it has a column ``ds`` that counts from 1.
    columns : Columns
        The files' own headings; ``column 1``, ``column 2``, ... if they have none; the usual names
        of what was turned long.
    has_id, has_time : bool
        Whether there is a column of ids, of stamps.
    first_row : int
        The row of the first file that is its first below the heading.
    notes : tuple of str
        What was concluded that the files do not say.
    files : tuple
        Their names, and where they begin.
    rows : ndarray, optional
        int64, which row of the files each row of ``frame`` is from, if it was turned long.
    """

    frame: pd.DataFrame
    columns: Columns
    has_id: bool
    has_time: bool
    first_row: int
    notes: tuple[str, ...] = ()
    files: tuple[_File, ...] = field(default=(), repr=False)
    rows: NDArray[np.int64] | None = field(default=None, repr=False)

    def where(self, k: Any) -> str:
        """Name the place that a row of ``frame`` is from: ``row 3``, ``row 3 of b.csv``."""
        return _where(self.files, k if self.rows is None else self.rows[k])

    def panel(self, intake: Intake = _PLAIN, found: Findings = STRICT) -> Panel:
        """Take the table in.

        Parameters
        ----------
        intake : Intake
            How; the names of the columns are the table's.
        found : Findings
            Takes what is wrong, with its places in the files; by default the first error is raised.

        Returns
        -------
        Panel

        Raises
        ------
        DataError
            When the rows cannot be used.
        ConfigError
            When ``intake.freq`` does not suit the stamps.
        """
        first_row = self.first_row
        if len(self.files) > 1 or self.rows is not None:
            found, first_row = _Placed(found, self), 0
        intake = replace(intake, columns=self.columns)
        try:
            panel = from_frame(self.frame, intake, first_row=first_row, found=found)
        except (DataError, ConfigError) as error:
            raise _explained(error, self) from error
        return replace(panel, notes=self.notes + panel.notes)


def _where(files: tuple[_File, ...], k: Any) -> str:
    name, begin, first_row = next(file for file in reversed(files) if file.begin <= k)
    row = said("row {row:d}", row=k - begin + first_row)
    return said("{row} of {file}", row=row, file=name) if len(files) > 1 else row


def read_panel(
    paths: Paths,
    intake: Intake = _PLAIN,
    *,
    id_col: str | None = None,
    time_col: str | None = None,
    target_col: str | None = None,
    format: FileFormat = _AS_IT_IS,
    found: Findings = STRICT,
) -> Panel:
    r"""Read files of one series or many.

    Parameters
    ----------
    paths : path-like, or several
        A file, or the files that one table was split into.
    intake : Intake
        How the rows are to be taken in, and which columns are covariates. Its other names serve
        where they are not the usual ones.
    id_col, time_col, target_col, format
        As in :func:`read_table`.
    found : Findings
        Takes what is wrong; by default the first error is raised.

    Returns
    -------
    Panel
        Its forecasts have the columns ``unique_id, ds``, whatever the headings.

    Raises
    ------
    DataError
        When the files cannot be used; it names the rows.
    ConfigError
        When ``intake.freq`` does not suit the stamps.
    OSError
        When a file cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "sales.csv")
    ...     _ = path.write_text("month,sales\n2024-01,5\n2024-02,7\n")
    ...     panel = read_panel(path)
    >>> str(panel.frequency), panel.values
    ('MS', array([5., 7.]))
    """
    columns, usual = intake.columns, Columns()
    given = {"id_col": id_col, "time_col": time_col, "target_col": target_col}
    named = named_columns(columns) | {role: name for role, name in given.items() if name}
    table = read_table(paths, **named, covariates=columns, format=format, found=found)
    panel = table.panel(intake, found)
    names = usual.id_col, usual.time_col, usual.target_col
    if not set(names).intersection(columns.covariates):
        panel = replace(panel, columns=_named(columns, *names))
    return panel


def named_columns(columns: Columns) -> dict[str, Any]:
    """Return the names that are not the usual ones: what else they are is found in the file."""
    usual = Columns()
    roles = ("id_col", "time_col", "target_col")
    return {x: getattr(columns, x) for x in roles if getattr(columns, x) != getattr(usual, x)}


def join_ahead(
    panel: Panel,
    future: Any,
    intake: Intake,
    *,
    format: FileFormat = _AS_IT_IS,
    found: Findings = STRICT,
) -> Panel:
    """Add what is known ahead, from a frame or from files.

    Parameters
    ----------
    panel : Panel
        The series.
    future : frame, path-like, or several paths
        Rows with the future covariates; see :func:`~gatecast.frames.join_future`.
    intake : Intake
        As the panel was taken in.
    format, found
        As in :func:`read_panel`.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        When the rows cannot be used.
    ConfigError
        When the series have no future covariates.
    """
    if not are_paths(future):
        return join_future(panel, future, intake, found=found)
    columns = intake.columns
    if not columns.future:
        raise ConfigError(
            "A table of future covariates needs their names.",
            value=future,
            fix="Name its columns: future_covariates= (--future).",
        )

    def read(static: tuple[str, ...]) -> Table:
        # The table has no target: the first of its covariates stands in.
        covariates = Columns(future=columns.future[1:], static=static)
        named = named_columns(columns) | {"target_col": columns.future[0]}
        return read_table(future, **named, covariates=covariates, format=format, found=found)

    table = read(())
    if described := tuple(name for name in columns.static if name in table.frame.columns):
        table = read(described)
    names = replace(columns, id_col=table.columns.id_col, time_col=table.columns.time_col)
    return join_future(
        panel,
        table.frame,
        replace(intake, columns=names),
        first_row=table.first_row,
        found=found,
    )


def _named(covariates: Columns, id_col: str, time_col: str, target_col: str) -> Columns:
    return replace(covariates, id_col=id_col, time_col=time_col, target_col=target_col)


def _explained(error: DataError | ConfigError, table: Table) -> DataError | ConfigError:
    """Add what was concluded from the file, as the error may come from there."""
    notes, columns = list(table.notes), table.columns
    if set(table.frame.columns).difference(columns.names):  # there was a choice
        notes.append(
            said(
                "Stamps were read from {time!r}, values from {target!r}.",
                time=columns.time_col,
                target=columns.target_col,
            )
        )
    return _noted(error, notes)


def _noted(error: DataError | ConfigError, notes: Iterable[str]) -> DataError | ConfigError:
    fix = sentences([*([error.fix] if error.fix else []), *notes])
    return type(error)(error.problem, value=error.value, fix=fix or None)


class _Placed(Findings):
    """Finds places in a frame, and tells them as places in the files that it is from."""

    def __init__(self, found: Findings, table: Table) -> None:
        super().__init__(found.collect, found.all)
        self._table = table

    def error(
        self,
        code: str,
        problem: str,
        *,
        places: Iterable[Place] = (),
        total: int | None = None,
        **how: Any,
    ) -> None:
        renamed = (Place(series, self._renamed(where)) for series, where in places)
        if self._table.rows is not None:  # a stamp of many series was written once
            by_place: dict[str, set[Any]] = {}
            for series, where in islice(renamed, _MOST_RENAMED):
                by_place.setdefault(where, set()).add(series)
            renamed = (
                Place(series.pop() if len(series) == 1 else None, where)
                for where, series in by_place.items()
            )
            total = len(by_place)
        super().error(code, problem, places=renamed, total=total, **how)

    def _renamed(self, where: str) -> str:
        if isinstance(where, Said):
            return where.changed("row {row:d}", lambda row: self._table.where(row))
        return where


_MOST_RENAMED = 100_000


def read_table(
    paths: Paths,
    *,
    id_col: str | None = None,
    time_col: str | None = None,
    target_col: str | None = None,
    covariates: Columns | None = None,
    format: FileFormat = _AS_IT_IS,
    found: Findings = STRICT,
) -> Table:
    """Read CSV, TSV, Excel or Parquet files and find their columns.

    Commas, semicolons (then perhaps with decimal commas), tabs and bars separate; the text is
    UTF-8, UTF-16, GB18030 or Windows-1252; gzip is unpacked. Columns are known by the headings
    ``unique_id, ds, y`` or ``item_id, timestamp, target``, else by what they hold: dates are
    stamps, the one column of numbers is the target, text beside them is the id if stamps repeat.
    Several columns of numbers are as many series, under their headings, if no stamp repeats; rows
    are series where the headings are dates or count. Whole numbers (years, 1, 2, 3) are stamps in
    the first column if they rise by equal steps. Years with none missing are dates, and so are
    seconds and milliseconds since 1970. Values alone are counted from 1. Decimal commas and
    thousands are read where they can be told apart.

    Parameters
    ----------
    paths : path-like, or several
        A file, or the files that one table was split into; each has the headings.
    id_col, time_col, target_col : str, optional
        Headings of its columns.
    covariates : Columns, optional
        Its ``past``, ``future`` and ``static`` are headings too; the rest of it is not used.
    format : FileFormat
        How the files are written.
    found : Findings
        Takes what is wrong; by default the first error is raised.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        When it is empty, not a table, or does not tell which column is which.
    MissingExtraError
        For Excel without openpyxl, Parquet without pyarrow.
    OSError
        When it cannot be read.
    """
    listed = [paths] if isinstance(paths, str | PathLike) else list(paths)
    if not listed:
        raise ConfigError("There are no files.", value="an empty list", fix="Name one at least.")
    contents = [_read(path, format, found, alone=len(listed) == 1) for path in listed]
    content, files = _joined(contents, [fspath(path) for path in listed])
    named = {"id_col": id_col, "time_col": time_col, "target_col": target_col}
    try:
        search = _Search(
            content,
            {role: name for role, name in named.items() if name is not None},
            covariates or Columns(),
            format,
            files,
            found,
        )
        return search.table()
    except DataError as error:  # which may come from what was concluded
        raise _noted(error, content.notes) from error


def _read(
    path: str | PathLike[str], format: FileFormat, found: Findings, *, alone: bool
) -> Content:
    content = read_file(path, format, found)
    if alone:
        return content
    return content._replace(notes=tuple(_of_file(path, x) for x in content.notes))


def _of_file(path: str | PathLike[str], note: str) -> Said:
    return said("{file}: {note}", file=Path(path).name, note=as_said(note))


def _joined(contents: list[Content], paths: list[str]) -> tuple[Content, tuple[_File, ...]]:
    """Put the rows of files one below the other."""
    import pandas as pd

    names = [Path(path).name for path in paths]
    names = [
        path if names.count(name) > 1 else name for path, name in zip(paths, names, strict=True)
    ]
    begins = np.cumsum([0, *(len(content.frame) for content in contents)]).tolist()
    files = tuple(
        _File(name, begin, content.first_row)
        for name, begin, content in zip(names, begins, contents, strict=False)
    )
    if len(contents) == 1:
        return contents[0], files
    headings = [frozenset(content.frame.columns) for content in contents]
    usual = Counter(headings).most_common(1)[0][0]
    for name, own in zip(names, headings, strict=True):
        if own != usual:
            parts = [
                f"{name} {verb} {some(map(repr, sorted(columns)), len(columns))}"
                for verb, columns in (("lacks", usual - own), ("also has", own - usual))
                if columns
            ]
            raise DataError(
                "The files have different columns.",
                value=", and ".join(parts),
                fix="Give files of one table, each with the same headings.",
            )
    order = list(contents[0].frame.columns)
    frame = pd.concat([content.frame[order] for content in contents], ignore_index=True)
    for name in order:
        kinds = {str(content.frame[name].dtype) for content in contents}
        if len(kinds) > 1 and frame[name].dtype.kind == "O":
            frame[name] = as_text(frame[name])
    separators = {content.separator for content in contents}
    separator = ";" if ";" in separators else contents[0].separator
    notes = tuple(note for content in contents for note in content.notes)
    is_text = contents[0].is_text
    return Content(frame, contents[0].first_row, separator, notes, is_text), files


class _Search:
    """Finds which column is which."""

    def __init__(
        self,
        content: Content,
        named: dict[str, str],
        covariates: Columns,
        format: FileFormat,
        files: tuple[_File, ...],
        found: Findings,
    ) -> None:
        self.frame = content.frame
        self.separator, self.first_row = content.separator, content.first_row
        self.is_text = content.is_text
        self.notes = list(content.notes)
        self.covariates, self.format, self.files, self.found = covariates, format, files, found
        self.headings: list[str] = list(self.frame.columns)
        self.roles = self._by_heading(named)
        self.time_is_named = "time_col" in named
        others = {*self.roles.values(), *covariates.covariates}
        self.left = [heading for heading in self.headings if heading not in others]
        self.kinds = {heading: holds(self.frame[heading]) for heading in self.left}

    def _by_heading(self, named: dict[str, str]) -> dict[str, str]:
        """Roles that were named, or that the headings tell."""
        covariates = self.covariates.covariates
        for name in (*named.values(), *covariates):
            if name not in self.headings:
                raise DataError(
                    said("There is no column {name}.", name=repr(name)),
                    value=self._columns(),
                )
        both = [name for name in named.values() if name in covariates]
        if both:
            raise ConfigError(
                "A column can be one thing only.",
                value=repr(both[0]),
                fix="Name each column once: as the id, the stamps, the target, or a covariate.",
            )
        taken = {*named.values(), *covariates}
        lower = {heading.lower(): heading for heading in reversed(self.headings)}
        roles = dict(named)
        for role, known in (
            ("id_col", ID_HEADINGS),
            ("time_col", TIME_HEADINGS),
            ("target_col", TARGET_HEADINGS),
        ):
            free = [lower[x] for x in known if x in lower and lower[x] not in taken]
            if free and role not in roles:
                roles[role] = free[0]
                taken.add(free[0])
        return roles

    def where(self, k: Any) -> str:
        return _where(self.files, k)

    def table(self) -> Table:
        """Find what the headings do not tell."""
        if "time_col" not in self.roles and "target_col" not in self.roles:
            steps = self._steps_in_headings()
            if steps is not None:
                return self._rows_as_series(*steps)
        self._find_time()
        if "time_col" in self.roles:
            if not self.time_is_named:
                self._join_time(self.roles["time_col"])
            self._read_time(self.roles["time_col"])
        if "target_col" not in self.roles:
            candidates = self._numbers()
            if len(candidates) > 1 and "id_col" not in self.roles and self._are_series():
                return self._columns_as_series(candidates)
            self._take("target_col", self._find_target(candidates))
        self._find_id()
        return self._long_table()

    def _take(self, role: str, heading: str) -> None:
        self.roles[role] = heading
        self.left.remove(heading)

    # Stamps

    def _find_time(self) -> None:
        if "time_col" in self.roles:
            return
        time = self._time()
        if time is not None:
            self._take("time_col", time)
        else:
            self._require_no_dates()

    def _time(self) -> str | None:
        import pandas as pd

        left, kinds = self.left, self.kinds
        dated = [heading for heading in left if kinds[heading] == "stamp"]
        if dated:
            return dated[0]
        counted = [heading for heading in left if kinds[heading] == "whole"]
        known = [heading for heading in counted if heading.lower() in COUNTED_TIME_HEADINGS]
        if known:
            years = [heading for heading in known if heading.lower() in _PARTS[0]]
            return (years or known)[0]
        numbers = [heading for heading in left if kinds[heading] in ("whole", "number")]
        others = len(numbers) - 1 + ("target_col" in self.roles)
        if counted and left[0] == counted[0] and others:
            column = pd.to_numeric(self.frame[left[0]], errors="coerce").dropna().to_numpy()
            steps = np.diff(column)
            if len(steps) and (steps > 0).all():
                clock = column.dtype.kind == "i" and read_epochs(column) is not None
                if clock or (steps == steps[0]).all():
                    return left[0]
        return None

    def _require_no_dates(self) -> None:
        """In a file without stamps, raise if a column of text holds what might be dates."""
        for heading in self.left:
            if self.kinds[heading] != "text":
                continue
            cells = [str(cell) for cell in self.frame[heading]]
            dated = [k for k, cell in enumerate(cells) if looks_like_a_date(cell)]
            if len(dated) > 0.5 * len(cells):
                rows = (
                    said("{row} ({cell})", row=self.where(k), cell=repr(cells[k][:40]))
                    for k in dated
                )
                fix = said(
                    "Write them as 2024-01-31 or 2024-01; if they are the names of series, say "
                    "so: {options}.",
                    options=_options("--id", [heading]),
                )
                if len(self.headings) == 1 and self.is_text:
                    fix = said(
                        "Write them as 2024-01-31 or 2024-01; if something separates them from "
                        "values, name it: --sep ' '."
                    )
                raise DataError(
                    said("The column {name!r} looks like dates that cannot be read.", name=heading),
                    value=some(rows, len(dated)),
                    fix=fix,
                )

    def _columns(self) -> Said:
        return said("columns {names}", names=some(self.headings, len(self.headings), 20))

    def _join_time(self, name: str) -> None:
        """Read a date and a clock, or a year, a month and a day, that are columns of their own."""
        lower = {heading.lower(): heading for heading in reversed(self.left)}
        parts = [name]
        if name.lower() in _PARTS[0]:
            for words in _PARTS[1:]:
                parts += [lower[word] for word in words if word in lower][:1]
                if len(parts) == 1:
                    return
            year, *rest = (as_text(self.frame[part]) for part in parts)
            if not year.str.fullmatch(r"[0-9]{4}").all():
                return
            if not all(part.str.fullmatch(r"[0-9]{1,2}").all() for part in rest):
                return
            text = year
            for part in rest:
                text = text + "-" + part.str.zfill(2)
        else:
            clocks = [x for x in self.left if self.kinds[x] == "text" and self._holds_clocks(x)]
            if len(clocks) != 1:
                return
            date = as_text(self.frame[name])
            if date.str.contains(":", regex=False).any():
                return
            parts += clocks
            text = date + " " + as_text(self.frame[clocks[0]])
        joined = " ".join(parts)
        if joined in self.headings:
            return
        self.roles["time_col"] = joined
        self.left = [heading for heading in self.left if heading not in parts]
        self.headings.append(joined)
        self.frame = self.frame.assign(**{joined: text})
        names = list(map(repr, parts))
        self.notes.append(said("The columns {names} were read as one date.", names=names))

    def _holds_clocks(self, heading: str) -> bool:
        column = as_text(self.frame[heading].drop_duplicates())
        return bool(column.str.fullmatch(_TIME_OF_DAY).all())

    def _read_time(self, name: str) -> None:
        """Read days that come first, and clocks that count, where nothing later on would."""
        import pandas as pd

        column = self.frame[name]
        if column.dtype.kind == "O" and self.format.dayfirst:
            text = np.array([str(cell) for cell in column], object)
            self.frame = self.frame.assign(**{name: order_days_first(text)})
            return
        present = column[~missing_cells(column)]
        if column.dtype.kind == "O":
            texts = map(str, present.unique())
            if not len(present) or not all(map(_CLOCK.fullmatch, texts)):
                return
        elif column.dtype.kind not in "iu":
            return
        stamps = read_epochs(present.to_numpy().astype(np.int64))
        if stamps is not None:
            times = pd.Series(stamps.view("M8[ns]"), present.index).dt.tz_localize("UTC")
            self.frame = self.frame.assign(**{name: times.reindex(column.index)})
            unit = "milliseconds" if len(str(present.iloc[0])) == 13 else "seconds"
            template = "The column {name!r} was read as {unit} since 1970, in UTC."
            self.notes.append(said(template, name=name, unit=said(unit)))

    def _repeated(self) -> bool:
        """Whether more than one series is needed for the stamps; without any, that is not known."""
        time = self.roles.get("time_col")
        return time is None or bool(self.frame[time].duplicated().any())

    # The target

    def _numbers(self) -> list[str]:
        """Columns that may be the target, or series."""
        candidates = [x for x in self.left if self.kinds[x] in ("whole", "number")]
        if "time_col" in self.roles:
            series = [x for x in candidates if not self._is_part_of_the_stamps(x)]
            candidates = series or candidates
        return candidates

    def _is_part_of_the_stamps(self, heading: str) -> bool:
        """Whether a column numbers the rows, as pandas writes it, or is a part of a date."""
        import pandas as pd

        if self.kinds[heading] != "whole":
            return False
        if heading == self.headings[0] == "column 1":
            steps = np.diff(pd.to_numeric(self.frame[heading], errors="coerce"))
            return len(steps) > 0 and bool((steps == 1).all())
        return heading.lower() in _CALENDAR_HEADINGS

    def _are_series(self) -> bool:
        """Whether several columns of numbers are as many series."""
        if "time_col" in self.roles:
            return not self._repeated()
        words = [x for x in self.left if self.kinds[x] == "text"]
        return not any(self.frame[x].duplicated().any() for x in words)

    def _find_target(self, candidates: list[str]) -> str:
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            frame, kinds = self.frame, self.kinds
            # Few different whole numbers may well number the series.
            ids = [
                x
                for x in candidates
                if kinds[x] == "whole" and 2 * frame[x].nunique() <= len(frame)
            ]
            candidates.sort(key=ids.__contains__)
            fix = said("Name it: {options}.", options=_options("--target", candidates))
            if "id_col" not in self.roles and self._repeated() and ids:
                numbered = "If a column numbers the series, name it too: {options}."
                fix = sentences([fix, said(numbered, options=_options("--id", ids))])
            raise DataError(
                "Which column is the target?",
                value=_candidates(candidates),
                fix=fix,
            )
        empty = [heading for heading in self.left if self.kinds[heading] == "nothing"]
        if empty and (self.covariates.future or self.covariates.static):
            return empty[0]  # of series without history, which are forecast beside others
        if empty:
            column = said("column {name}", name=empty[0])
            raise DataError("All values are missing.", value=column)
        raise DataError(
            "There is no column of numbers.",
            value=self._columns(),
            fix="If something else separates the cells, name it: --sep." if self.is_text else None,
        )

    # The id

    def _find_id(self) -> None:
        words = [heading for heading in self.left if self.kinds[heading] == "text"]
        if "id_col" in self.roles or not words:
            return
        chosen = self._id(words)
        if chosen is not None:
            self._take("id_col", chosen)
            template = "The column {name!r} tells the series apart (--id for another)."
            self.notes.append(said(template, name=chosen))

    def _id(self, words: list[str]) -> str | None:
        """Find the column of text that tells the series apart.

        Where no stamp repeats there is one series, and text beside it is a remark, or its name if
        the same in all rows.
        """
        frame, time = self.frame, self.roles.get("time_col")
        ids = [x for x in words if missing_cells(frame[x]).mean() < 0.5]  # remarks are few
        if not self._repeated():
            ids = [x for x in ids if frame[x].nunique() == 1]
            return ids[0] if len(words) == len(ids) == 1 else None
        if time is None:  # where all differ, each would be a series of one value
            ids = [x for x in ids if frame[x].duplicated().any()]
            return ids[0] if len(words) == len(ids) == 1 else None
        if len(ids) > 1:
            raise _which_id(ids)
        if not ids:
            return None
        before, after = (frame.duplicated(keys).sum() for keys in ([time], [time, ids[0]]))
        return ids[0] if 2 * after < before else None

    # Tables

    def _long_table(self) -> Table:
        import pandas as pd

        roles, frame = dict(self.roles), self.frame
        has_id, has_time = "id_col" in roles, "time_col" in roles
        if not has_time:
            keys = frame[roles["id_col"]] if has_id else pd.Series(0, frame.index)
            roles["time_col"] = self._new("ds")
            frame = frame.assign(**{roles["time_col"]: keys.groupby(keys).cumcount() + 1})
            self.notes.append("The file has no stamps; its rows are counted from 1.")
        roles.setdefault("id_col", self._new(Columns().id_col))
        self._note_unused(self.left)
        words = [heading for heading in self.left if self.kinds[heading] == "text"]
        if words and not has_id:
            self.notes.append(
                said(
                    "The file was taken for one series; if a column tells series apart, name it: "
                    "{options}.",
                    options=_options("--id", words),
                )
            )
        columns = _named(self.covariates, **roles)
        for name in (columns.target_col, *columns.past, *columns.future):
            frame = frame.assign(**{name: self._with_decimal_points(frame[name])})
        frame = frame.assign(**{name: _numbers_if_all_are(frame[name]) for name in columns.static})
        return Table(
            frame, columns, has_id, has_time, self.first_row, tuple(self.notes), self.files
        )

    def _new(self, name: str) -> str:
        """A name that no column has."""
        return name if name not in self.headings else f"{name} (counted)"

    def _note_unused(self, unused: list[str]) -> None:
        if unused:
            names = some(unused, len(unused), 10)
            self.notes.append(said("Columns that are not used: {names}.", names=names))

    def _with_decimal_points(self, column: pd.Series[Any]) -> pd.Series[Any]:
        if self.separator is None or column.dtype.kind != "O":
            return column
        if column.name in self.covariates.covariates:
            column = _without_truth(column)
        column, note = read_decimals(
            column,
            lambda: [
                self.frame[x]
                for x in self.left
                if self.kinds[x] == "number" and self.frame[x].dtype.kind == "O"
            ],
            self.separator,
            self.where,
            what=said("the column {name!r}", name=column.name),
            decimal=self.format.decimal,
            bad=self._bad(),
        )
        self.notes += [note] if note else []
        return column

    def _bad(self, series: Where | None = None) -> Bad:
        def bad(code: str, problem: str, rows: NDArray[np.intp], describe: Where, fix: str) -> None:
            places = (Place(None if series is None else series(k), describe(k)) for k in rows)
            self.found.error(code, problem, places=places, total=len(rows), fix=fix)

        return bad

    # A column for each series

    def _columns_as_series(self, series: list[str]) -> Table:
        self._note_unused([x for x in self.left if x not in series])
        n, k = len(self.frame), len(series)
        self.notes.append(
            said(
                "Each of the {n:,} columns of numbers was read as a series: {names} ({option} "
                "takes one alone).",
                n=k,
                names=some(series, k),
                option=_options("--target", series[:1]),
            )
        )
        has_time = "time_col" in self.roles
        if not has_time:
            self.notes.append("The file has no stamps; its rows are counted from 1.")
        rows = np.tile(np.arange(n), k)
        time = self.frame[self.roles["time_col"]].iloc[rows] if has_time else rows + 1
        values = self._values(series)
        return self._turned(np.repeat(np.array(series, object), n), time, values, rows, has_time)

    # A row for each series

    def _steps_in_headings(self) -> tuple[str, list[str], NDArray[Any] | None] | None:
        """Find columns whose headings are dates or count.

        Returns
        -------
        id_col : str
        headings : list of str
        stamps : ndarray or None
            None where headings only count.
        """
        left, kinds = self.left, self.kinds
        numbers = [x for x in left if kinds[x] in ("whole", "number", "nothing")]
        if len(numbers) < 2:
            return None
        stamps: NDArray[Any] | None = None
        dated = [x for x, is_date in zip(numbers, are_stamps(numbers), strict=True) if is_date]
        years = [x for x in numbers if re.fullmatch(r"(?a)(1[6-9]|2[01])\d\d", x)]
        counted = _counted(numbers)
        if len(dated) > 1 or len(years) > 2:
            steps = dated if len(dated) > 1 else years
            stamps = np.array(steps, object)
            if self.format.dayfirst:
                stamps = order_days_first(stamps)
        elif len(counted) > 1:
            steps = counted
        else:
            return None
        ids = [x for x in left if x not in set(steps)]
        id_col = self.roles.get("id_col")
        if id_col is not None:
            if stamps is None and self.frame[id_col].duplicated().any():
                return None
        else:
            words = [x for x in ids if kinds[x] == "text"]
            names = [x for x in words if not self.frame[x].duplicated().any()]
            if stamps is None and not names:
                return None
            if (stamps is None or not names) and any(map(self._are_dates_in_order, ids)):
                return None  # a column for each series, whose names count; and perhaps remarks
            if not names and len(ids) != 1:
                if not ids:
                    return None
                raise _which_id(words or ids)
            id_col = (names or ids)[0]
        return id_col, steps, stamps

    def _are_dates_in_order(self, heading: str) -> bool:
        """Whether a column holds dates that only rise, or only fall."""
        import pandas as pd

        if self.kinds[heading] not in ("stamp", "whole"):
            return False
        column = self.frame[heading]
        column = column[~missing_cells(column)]
        if column.dtype.kind in "Oiu":
            texts = column.astype(str).to_numpy(object)
            try:
                read = parse_stamps(order_days_first(texts) if self.format.dayfirst else texts)
            except DataError:  # days and months that cannot be told apart
                read = parse_stamps(order_days_first(texts))
            if read.whole:
                return False
            column = pd.Series(read.stamps[~read.bad])
        in_order = column.is_monotonic_increasing or column.is_monotonic_decreasing
        return len(column) > 1 and column.is_unique and in_order

    def _rows_as_series(self, id_col: str, steps: list[str], stamps: NDArray[Any] | None) -> Table:
        n, k = len(self.frame), len(steps)
        self._note_unused([x for x in self.left if x not in {id_col, *steps}])
        self.notes.append(
            said(
                "Each row was read as a series, its values under {n:,} {kind} from {first} to "
                "{last}; the column {name!r} names it (--id for another).",
                n=k,
                kind=said("steps" if stamps is None else "dates"),
                first=steps[0],
                last=steps[-1],
                name=id_col,
            )
        )
        values = self._values(steps).reshape(k, n).T.ravel()
        known = ~np.isnan(values).reshape(n, k)
        lengths = np.where(known.any(1), k - known[:, ::-1].argmax(1), k)
        kept = np.flatnonzero(np.arange(k) < lengths[:, None])
        rows = kept // k
        time = (np.arange(1, k + 1) if stamps is None else stamps)[kept % k]
        ids = self.frame[id_col].to_numpy(object)[rows]
        return self._turned(ids, time, values[kept], rows, stamps is not None)

    def _values(self, headings: list[str]) -> NDArray[np.float64]:
        """The numbers of several columns, one below the other."""
        import pandas as pd

        block, n = self.frame[headings], len(self.frame)

        def where(j: Any) -> str:
            return said("{row}, column {name!r}", row=self.where(j % n), name=headings[j // n])

        text = [name for name in block if block[name].dtype.kind == "O"]
        cells: NDArray[Any]
        if text and self.separator is not None:
            for name in block.columns.difference(text):
                block = block.assign(**{name: as_text(block[name])})
            column, note = read_decimals(
                pd.Series(block.to_numpy(object).ravel("F"), dtype=object),
                list,
                self.separator,
                where,
                what=said("the table"),
                decimal=self.format.decimal,
                bad=self._bad(),
            )
            self.notes += [note] if note else []
            cells = column.to_numpy()
        else:
            cells = block.to_numpy(object if text else np.float64).ravel("F")
        return read_numbers(cells, where, said("The table"), self._bad())

    def _turned(
        self,
        ids: NDArray[np.object_],
        time: Any,
        values: NDArray[np.float64],
        rows: NDArray[np.int64],
        has_time: bool,
    ) -> Table:
        """Make the long table of one that was not, its covariates along with it."""
        import pandas as pd

        covariates = {}
        for name in (*self.covariates.past, *self.covariates.future):
            covariates[name] = self._with_decimal_points(self.frame[name]).iloc[rows]
        for name in self.covariates.static:
            covariates[name] = _numbers_if_all_are(self.frame[name]).iloc[rows]
        id_col, time_col, target_col = (
            name if name not in covariates else f"{name} (series)"
            for name in (Columns.id_col, Columns.time_col, Columns.target_col)
        )
        columns = _named(self.covariates, id_col, time_col, target_col)
        parts = {columns.id_col: ids, columns.time_col: time, columns.target_col: values}
        cells = {
            name: part.reset_index(drop=True) if isinstance(part, pd.Series) else part
            for name, part in (parts | covariates).items()
        }
        return Table(
            pd.DataFrame(cells),
            columns,
            True,
            has_time,
            self.first_row,
            tuple(self.notes),
            self.files,
            rows,
        )


_CLOCK = re.compile(r"(?a)\d{10}|\d{13}")


def _counted(headings: list[str]) -> list[str]:
    """The headings that count, V2, V3, ... or 1, 2, ..., if all the last ones do."""
    parts = [re.fullmatch(r"(?a)(\D{0,40})(\d{1,6})", heading) for heading in headings]
    begin = len(parts)
    while begin and (part := parts[begin - 1]):
        after = parts[begin] if begin < len(parts) else None
        if after and (part[1] != after[1] or int(part[2]) + 1 != int(after[2])):
            break
        begin -= 1
    return headings[begin:]


def _numbers_if_all_are(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers, if a column of text holds nothing else."""
    import pandas as pd

    if column.dtype.kind != "O" or holds(column) not in ("whole", "number"):
        return column
    missing = missing_cells(column)
    numbers = pd.to_numeric(column.mask(missing), errors="coerce").astype(np.float64)
    return numbers if (numbers.notna() | missing).all() else column


def _without_truth(column: pd.Series[Any]) -> pd.Series[Any]:
    """Write true and false as 1 and 0, if a column holds nothing else."""
    lower = column.str.lower()
    truth = lower.isin(["true", "false"])
    if not truth.any() or not (truth | missing_cells(column)).all():
        return column
    return column.mask(truth, lower.map({"true": "1", "false": "0"}))


def _which_id(candidates: list[str]) -> DataError:
    return DataError(
        "Which column tells the series apart?",
        value=_candidates(candidates),
        fix=said("Name it: {options}.", options=_options("--id", candidates)),
    )


def _candidates(names: list[str]) -> Said:
    return said("candidates {names}", names=some(names, len(names)))


def _options(option: str, headings: list[str]) -> Said:
    """Name up to five ways to give an option."""
    named = [f"{option} {_quoted(heading)}" for heading in headings[:5]]
    return said("{options:or}", options=named)


def _quoted(heading: str) -> str:
    return f"'{heading}'" if " " in heading else heading
