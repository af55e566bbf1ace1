"""Calendars: how far apart the stamps of a series are, and which stamps come next.

A frequency is a rule that steps from one stamp to another (:meth:`Frequency.shift`) and counts the
steps between two (:meth:`Frequency.steps_between`). Finding a frequency, gaps, irregular stamps,
the future and the past are all said in these two. What a stamp is says :mod:`gatecast.stamps`.

Days and longer step on the wall clock of the time zone, hours and shorter in absolute time, so that
clock changes neither shift nor repeat a stamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gatecast.errors import ConfigError, DataError
from gatecast.stamps import DAY, LARGEST_WHOLE, format_stamps, to_utc, to_wall

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Stamps = NDArray[np.int64]

__all__ = [
    "NANOSECONDS",
    "TICKS",
    "Frequency",
    "Rule",
    "blocks",
    "frequency_rule",
    "infer_frequency",
    "infer_step",
    "likelier_frequency",
    "parse_frequency",
]

TICKS = {"h": DAY // 24, "min": DAY // 1440, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
"""Nanoseconds in the units that pass in absolute time."""

# fmt: off
_OLD_SPELLINGS = {
    "A": "YE", "Y": "YE", "AS": "YS", "BA": "BYE", "BY": "BYE", "BAS": "BYS",
    "Q": "QE", "BQ": "BQE", "M": "ME", "BM": "BME",
    "H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns",
}
# fmt: on
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS_IN = {"M": 1, "Q": 3, "Y": 12}
NANOSECONDS = {"tick": 1, "day": DAY, "business day": 1.4 * DAY, "month": 30.436875 * DAY}
"""How long the units of a :class:`Rule` are, on average."""

_BLOCK = 1 << 18  # rows
# The years 1678 to 2261, and two months' room on either side for what a mean may be off.
_CALENDAR = (-9.2196e18, 9.2196e18)


class Rule(NamedTuple):
    """What an alias means. ``size`` counts days, business days, months or nanoseconds."""

    alias: str
    unit: str
    size: int
    anchor: int | None = None  # a weekday, Monday = 0, or a month, January = 0
    period: int = 1  # after how many days or months the anchor comes round again
    edge: str = ""  # S start, E end; BS, BE: the first or last business day


@lru_cache(maxsize=256)
def frequency_rule(alias: str) -> Rule:
    """Return what an alias in pandas' vocabulary means; a ConfigError if it is none."""
    rule = _read_alias(alias)
    if rule.size * NANOSECONDS[rule.unit] > _CALENDAR[1] * (1 if rule.unit == "tick" else 2):
        raise ConfigError(
            "A step of this frequency is longer than the calendar, 1678 to 2261.",
            value=repr(alias),
            fix="Use a shorter step.",
        )
    return rule


def _read_alias(alias: str) -> Rule:
    found = re.fullmatch(r"(\d{0,9}) ?([A-Za-z]+)(?:-([A-Za-z]{3}))?", alias.strip())
    if found is None or found[1].strip("0") == "" != found[1]:
        raise _unknown(alias)
    n, anchor = int(found[1] or 1), found[3] and found[3].upper()
    name = _OLD_SPELLINGS.get(found[2], found[2])
    count = "" if n == 1 else str(n)
    if name == "W" and (anchor is None or anchor in _WEEKDAYS):
        anchor = anchor or "SUN"
        return Rule(f"{count}W-{anchor}", "day", 7 * n, _WEEKDAYS.index(anchor), 7)
    month = re.fullmatch(r"(B?)([YQM])([SE])", name)
    if month and (anchor is None or (anchor in _MONTHS and month[2] != "M")):
        default = "JAN" if month[3] == "S" else "DEC"
        suffix = f"-{anchor}" if anchor not in (None, default) else ""
        period = _MONTHS_IN[month[2]]
        at = _MONTHS.index(anchor or default)
        edge = month[1] + month[3]
        return Rule(f"{count}{name}{suffix}", "month", n * period, at, period, edge)
    if anchor is None and name in TICKS:
        return Rule(f"{count}{name}", "tick", n * TICKS[name])
    if anchor is None and name in ("D", "B"):
        return Rule(f"{count}{name}", "day" if name == "D" else "business day", n)
    raise _unknown(alias)


def _unknown(alias: object) -> ConfigError:
    return ConfigError(
        "This is not a frequency that gatecast knows.",
        value=repr(alias),
        fix="Use YS, QS, MS (ME, QE, YE for the ends), W-MON, D, B, h, min or s, with a number "
        "before it if need be (15min), or a whole number for stamps that are whole numbers.",
    )


@dataclass(frozen=True)
class Frequency:
    """The step between two stamps.

    Parameters
    ----------
    alias : str or None
        In pandas' vocabulary, for example ``"MS"``, ``"W-SUN"`` or ``"15min"``. Months, quarters
        and years that start (``MS``, ``QS``, ``YS``) may do so on another day than the first, if
        the stamps do. None when stamps are whole numbers.
    step : int
        The difference of two neighbours when stamps are whole numbers.
    tz : str, optional
        Time zone, for example ``"Europe/Berlin"``.

    Raises
    ------
    ConfigError
        When the frequency is unknown.

    Examples
    --------
    >>> monthly = Frequency("MS")
    >>> monthly.season_length
    12
    >>> last = np.array(["2024-01-01"], "M8[ns]").astype(np.int64)
    >>> format_stamps(monthly.future(last, 2)[0])
    ['2024-02-01', '2024-03-01']
    """

    alias: str | None
    step: int = 1
    tz: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.step <= LARGEST_WHOLE:
            raise ConfigError(
                "The step of a frequency must be 1 or more, of at most 18 digits.", value=self.step
            )
        if self.alias is not None:
            object.__setattr__(self, "alias", frequency_rule(self.alias).alias)

    def __str__(self) -> str:
        return str(self.step) if self.alias is None else self.alias

    @property
    def season_length(self) -> int:
        """Steps in the season that this frequency usually has; 1 if there is none."""
        if self.alias is None:
            return 1
        rule = frequency_rule(self.alias)
        if rule.unit == "month":
            return _whole(12, rule.size)
        if rule.unit == "business day":
            return _whole(5, rule.size)
        if rule.unit == "tick" and rule.size % DAY:
            return _season_of_ticks(rule.size)
        days = rule.size if rule.unit == "day" else rule.size // DAY
        return _whole(364, days) if days % 7 == 0 else _whole(7, days)

    def shift(self, stamps: Stamps, steps: Stamps | int) -> Stamps:
        """Stamps a number of steps later.

        Parameters
        ----------
        stamps, steps : ndarray or int
            Of any shapes that broadcast; negative steps go back.

        Returns
        -------
        ndarray
            int64, of the shape that they broadcast to.

        Raises
        ------
        DataError
            When the stamps would leave the calendar.
        """
        if not self._stays(stamps, steps):
            raise DataError(
                f"Stamps would leave the calendar, 1678 to 2262, in steps of {self}."
                if self.alias is not None
                else f"Stamps would become too large in steps of {self}."
            )
        if self.alias is None:
            return stamps + np.asarray(steps, np.int64) * self.step
        rule = frequency_rule(self.alias)
        if rule.unit == "tick":
            return stamps + np.asarray(steps, np.int64) * rule.size
        return to_utc(_shift_wall(rule, self._wall(stamps), steps), self.tz)

    def steps_between(self, stamps: Stamps, ends: Stamps) -> tuple[Stamps, NDArray[np.bool_]]:
        """Count the steps from each stamp to an end.

        Parameters
        ----------
        stamps, ends : ndarray
            int64, of the same shape.

        Returns
        -------
        steps : ndarray
            int64; right where ``on_grid``.
        on_grid : ndarray
            bool; whether whole steps lead from the stamp to its end.
        """
        if self.alias is None:
            steps = (ends - stamps) // self.step
            return steps, self.shift(ends, -steps) == stamps
        rule = frequency_rule(self.alias)
        if rule.unit == "tick":
            steps = (ends - stamps) // rule.size
            return steps, ends - steps * rule.size == stamps
        wall, wall_ends = to_wall(stamps, self.tz), self._wall(ends)
        steps = _count(rule, wall, wall_ends)
        grid = _shift_wall(rule, wall_ends, -steps)
        met = grid == wall
        off = ~met
        if self.tz is not None and off.any():
            # A wall time that a clock change skips is on the grid where its UTC stamp is.
            met[off] = to_utc(grid[off], self.tz) == stamps[off]
        return steps, met & _anchored(rule, grid)

    def steps_to_ends(
        self, stamps: Stamps, indptr: Stamps
    ) -> Iterator[tuple[slice, Stamps, NDArray[np.bool_]]]:
        """Count the steps to the end of each series, a block of rows at a time.

        Parameters
        ----------
        stamps : ndarray
            int64 ``[total]``, rising within each series.
        indptr : ndarray
            int64 ``[n_series + 1]``; no series is empty.

        Yields
        ------
        rows : slice
            Of ``stamps``.
        steps, on_grid : ndarray
            For these rows; see :meth:`steps_between`.
        """
        for rows in blocks(len(stamps)):
            i = int(np.searchsorted(indptr, rows.start, side="right")) - 1
            j = int(np.searchsorted(indptr, rows.stop))
            bounds = np.clip(indptr[i : j + 1], rows.start, rows.stop)
            ends = np.repeat(stamps[indptr[i + 1 : j + 1] - 1], bounds[1:] - bounds[:-1])
            yield rows, *self.steps_between(stamps[rows], ends)

    def label(self, stamps: Stamps, origin: Stamps | None = None) -> Stamps:
        """Return the stamp of the step that each stamp falls in, as pandas' ``resample`` does.

        Weeks (``W``) and frequencies that end (``ME``, ``QE``, ``YE``) have the stamp of their
        end, which belongs to them; the others that of their start. A weekend belongs to the Friday
        before (``B``).

        Parameters
        ----------
        stamps : ndarray
            int64 ``[n]``.
        origin : ndarray, optional
            The stamp of a step, from which others (of two months, of 5 hours) are counted: one, or
            one for each stamp. By default that of the earliest stamp; hours and shorter steps are
            counted from the midnight before it.

        Returns
        -------
        ndarray
            int64 ``[n]``, with no time of day for days and longer steps.

        Examples
        --------
        >>> stamps = np.array(["2024-02-03T10:00", "2024-02-29T23:00"], "M8[ns]").astype(np.int64)
        >>> format_stamps(Frequency("ME").label(stamps))
        ['2024-02-29', '2024-02-29']
        >>> format_stamps(Frequency("W-SUN").label(stamps))
        ['2024-02-04', '2024-03-03']
        """
        if not len(stamps):
            return stamps
        if self.alias is None:
            return _floor(stamps, np.zeros(1, np.int64) if origin is None else origin, self.step)
        rule = frequency_rule(self.alias)
        if rule.unit == "tick":
            if origin is None:
                midnight = to_wall(stamps.min(keepdims=True), self.tz) // DAY * DAY
                origin = to_utc(midnight, self.tz)
            return _floor(stamps, origin, rule.size)
        step = _nearest_step(rule, to_wall(stamps, self.tz) // DAY)
        if rule.size > rule.period:
            first = stamps.min(keepdims=True) if origin is None else origin
            start = _nearest_step(rule, self._wall(first) // DAY)
            if rule.edge.endswith("E") or (rule.unit == "day" and rule.anchor is not None):
                step = step + (start - step) % rule.size
            else:
                step = _floor(step, start, rule.size)
        return to_utc(_day_of(rule, step) * DAY, self.tz)

    def _wall(self, stamps: Stamps) -> Stamps:
        """Wall times, where the first moment of a day is midnight even if the clock skips it."""
        wall = to_wall(stamps, self.tz)
        if self.tz is None or self.tz == "UTC":
            return wall
        late = wall % DAY != 0
        if late.any():
            midnight = wall[late] // DAY * DAY
            wall[late] = np.where(to_utc(midnight, self.tz) == stamps[late], midnight, wall[late])
        return wall

    def future(self, last: Stamps, h: int) -> Stamps:
        """Return the next stamps.

        Parameters
        ----------
        last : ndarray
            int64 ``[n_series]``.
        h : int
            How many.

        Returns
        -------
        ndarray
            int64 ``[n_series, h]``.

        Raises
        ------
        DataError
            When the stamps leave the calendar, which ends in 2262.
        """
        if not self._stays(last, h):
            latest = last.max(keepdims=True)
            dates = self.alias is not None
            end = "the year 2262, where stamps end" if dates else "the largest whole number"
            start = format_stamps(latest, self.tz)[0] if dates else latest[0]
            raise DataError(
                f"The forecast would go beyond {end}.",
                value=f"{h} steps of {self} after {start}",
                fix="Use a smaller horizon.",
            )
        return self.shift(last[:, None], np.arange(1, h + 1))

    def _stays(self, stamps: Stamps, steps: Stamps | int) -> bool:
        """Whether stamps moved by steps stay what an int64 can be; roughly, so that none wraps."""
        size = float(self.step)
        if self.alias is not None:
            rule = frequency_rule(self.alias)
            size = rule.size * NANOSECONDS[rule.unit]
        moved = stamps + np.asarray(steps, np.float64) * size
        return bool(((moved > _CALENDAR[0]) & (moved < _CALENDAR[1])).all())


def blocks(n: int) -> Iterator[slice]:
    """Cut ``n`` rows into blocks: what is made of one then stays small."""
    for begin in range(0, n, _BLOCK):
        yield slice(begin, min(begin + _BLOCK, n))


def parse_frequency(freq: str | int, tz: str | None = None) -> Frequency:
    """Read a frequency that a user gave.

    Parameters
    ----------
    freq : str or int
        An alias in pandas' vocabulary, old (``"M"``, ``"H"``) or new (``"ME"``, ``"h"``); a whole
        number for stamps that are whole numbers.
    tz : str, optional
        Time zone of the stamps.

    Returns
    -------
    Frequency

    Raises
    ------
    ConfigError
        When it is none.

    Examples
    --------
    >>> str(parse_frequency("H")), str(parse_frequency("15T")), str(parse_frequency("Q-NOV"))
    ('h', '15min', 'QE-NOV')
    """
    if isinstance(freq, int | np.integer) and not isinstance(freq, bool):
        return Frequency(None, int(freq))
    if not isinstance(freq, str):
        raise _unknown(freq)
    if freq.strip().isdecimal() and len(freq) < 19:
        return Frequency(None, int(freq))
    return Frequency(freq, tz=tz)


def infer_frequency(stamps: Stamps, indptr: Stamps, tz: str | None = None) -> Frequency:
    """Find the frequency of the stamps of several series.

    The longest series proposes: its most frequent step, read in each way that the calendar allows
    (31 days: a month by its start, by its end, by its business days). Taken is the first reading
    that all stamps of all series are in step with, or else the one that fewest are out of step
    with; rows may be missing.

    Parameters
    ----------
    stamps : ndarray
        int64 ``[total]``, nanoseconds since 1970 UTC, rising within each series.
    indptr : ndarray
        int64 ``[n_series + 1]``.
    tz : str, optional
        Time zone.

    Returns
    -------
    Frequency

    Raises
    ------
    DataError
        When no series has two stamps.

    Examples
    --------
    >>> days = np.array(["2024-01-31", "2024-02-29", "2024-03-31"], "M8[ns]").astype(np.int64)
    >>> str(infer_frequency(days, np.array([0, 3])))
    'ME'
    """
    lengths = np.diff(indptr)
    i = int(lengths.argmax())
    if lengths[i] < 2:
        raise DataError(
            "One stamp does not tell how far apart the stamps of a series are.",
            fix="Give the frequency: freq='MS' (--freq MS) for months.",
        )
    best, fewest = None, len(stamps) + 1
    for alias in _readings(stamps[indptr[i] : indptr[i + 1]], tz):
        frequency = Frequency(alias, tz=tz)
        out_of_step = 0
        for _, _, on_grid in frequency.steps_to_ends(stamps, indptr):
            out_of_step += int((~on_grid).sum())
            if out_of_step >= fewest:
                break
        if out_of_step < fewest:
            best, fewest = frequency, out_of_step
        if out_of_step == 0:
            break
    assert best is not None  # there is at least one reading
    return best


def likelier_frequency(given: Frequency, stamps: Stamps, indptr: Stamps) -> Frequency | None:
    """Find a frequency that clearly fits stamps better than one that was given.

    Parameters
    ----------
    given : Frequency
        An alias, with the time zone of the stamps.
    stamps, indptr : ndarray
        As for :func:`infer_frequency`.

    Returns
    -------
    Frequency or None
        One that less than half as many stamps are out of step with.

    Examples
    --------
    >>> days = np.array(["2024-01-31", "2024-02-01", "2024-02-02"], "M8[ns]").astype(np.int64)
    >>> str(likelier_frequency(Frequency("W-WED"), days, np.array([0, 3])))
    'D'
    """
    if np.diff(indptr).max() < 2:
        return None
    likely = infer_frequency(stamps, indptr, given.tz)
    off, off_given = (_out_of_step(x, stamps, indptr) for x in (likely, given))
    return likely if 2 * off < off_given else None


def _out_of_step(frequency: Frequency, stamps: Stamps, indptr: Stamps) -> int:
    """How many stamps are out of step with the first or the last of their series, as is better."""
    lengths = np.diff(indptr)
    fewest = lengths
    for anchors in (stamps[indptr[1:] - 1], stamps[indptr[:-1]]):
        on_grid = frequency.steps_between(stamps, np.repeat(anchors, lengths))[1]
        fewest = np.minimum(fewest, np.add.reduceat(~on_grid, indptr[:-1], dtype=np.int64))
    return int(fewest.sum())


def infer_step(stamps: Stamps, indptr: Stamps) -> Frequency:
    """Find the step of stamps that are whole numbers: the longest series' most frequent.

    Parameters
    ----------
    stamps : ndarray
        int64 ``[total]``, rising within each series.
    indptr : ndarray
        int64 ``[n_series + 1]``.

    Returns
    -------
    Frequency
        With step 1 when no series has two stamps.
    """
    i = int(np.diff(indptr).argmax())
    differences = np.diff(stamps[indptr[i] : indptr[i + 1]])
    return Frequency(None, int(_modes(differences)[0]) if len(differences) else 1)


def _readings(stamps: Stamps, tz: str | None) -> Iterator[str]:
    """Aliases that the most frequent step may stand for, the likeliest first."""
    wall = to_wall(stamps, tz)
    day = wall // DAY
    dates = day.astype("M8[D]")
    for days in _modes(np.diff(wall)) / DAY:
        if days < 1 or days % 1:
            continue
        if days >= 28:
            yield from _monthly_readings(day)
        if days % 7 == 0:
            yield f"{int(days) // 7}W-{_WEEKDAYS[_weekday(day[-1:])[0]]}"
        weekend_passed = np.busday_count(dates[0], dates[-1]) < day[-1] - day[0]
        if days == 1 and np.is_busday(dates).all() and weekend_passed:
            yield "B"
        yield f"{int(days)}D"
    for step in _modes(np.diff(stamps)).tolist():
        yield next(f"{step // size}{name}" for name, size in TICKS.items() if step % size == 0)


def _monthly_readings(day: Stamps) -> Iterator[str]:
    month = day.astype("M8[D]").astype("M8[M]").astype(np.int64)
    size = max(1, int(_modes(np.diff(month))[0]))
    name, period = next((k, n) for k, n in (("Y", 12), ("Q", 3), ("M", 1)) if size % n == 0)
    # Ends come before starts: with 31 January the last stamp, a clipped "same day" fits them too.
    for edge in ("E", "S", "BE", "BS"):
        at = int(month[-1]) % period
        if (name, edge[-1], at) == ("Q", "E", 2):
            at = 11  # quarters that end in March are quarters of a year that ends in December
        anchor = "" if name == "M" else f"-{_MONTHS[at]}"
        yield f"{size // period}{edge[:-1]}{name}{edge[-1]}{anchor}"


def _shift_wall(rule: Rule, wall: Stamps, steps: Stamps | int) -> Stamps:
    day, clock = np.divmod(wall, DAY)
    date = day.astype("M8[D]")
    moves = np.asarray(steps, np.int64) * rule.size
    if rule.unit == "day":
        date = date + moves
    elif rule.unit == "business day":
        date = np.busday_offset(date, moves, roll="backward")
    else:
        month = date.astype("M8[M]")
        first = (month + moves).astype("M8[D]")
        last = (month + moves + 1).astype("M8[D]") - 1
        if rule.edge == "S":
            date = np.minimum(first + (date - month.astype("M8[D]")), last)
        elif rule.edge == "E":
            date = last
        elif rule.edge == "BS":
            date = np.busday_offset(first, 0, roll="forward")
        else:
            date = np.busday_offset(last, 0, roll="backward")
    return date.astype(np.int64) * DAY + clock


def _floor(x: Stamps, start: Stamps, size: int) -> Stamps:
    """Return the last of start, start + size, ... that is not after x; earlier ones count too."""
    return x - (x % size - start % size) % size  # no difference of the two, which could overflow


def _nearest_step(rule: Rule, day: Stamps) -> Stamps:
    """Number the single step that days are in: by its day, business day or month."""
    if rule.unit == "day":
        return day if rule.anchor is None else day + (rule.anchor - _weekday(day)) % 7
    date = day.astype("M8[D]")
    if rule.unit == "business day":
        return np.busday_count(_FIRST_WEEKDAY, date + 1) - 1
    assert rule.anchor is not None
    month = date.astype("M8[M]").astype(np.int64)
    if rule.edge.endswith("S"):
        month = month - (month - rule.anchor) % rule.period
        return month - rule.period * (day < _day_of(rule, month))
    month = month + (rule.anchor - month) % rule.period
    return month + rule.period * (day > _day_of(rule, month))


def _day_of(rule: Rule, step: Stamps) -> Stamps:
    """Undo :func:`_nearest_step`."""
    if rule.unit == "day":
        return step
    if rule.unit == "business day":
        return np.busday_offset(_FIRST_WEEKDAY, step).astype(np.int64)
    month = step.astype("M8[M]")
    date = (month + (0 if rule.edge.endswith("S") else 1)).astype("M8[D]")
    date = date if rule.edge.endswith("S") else date - 1
    if rule.edge.startswith("B"):
        roll: Any = "forward" if rule.edge == "BS" else "backward"
        date = np.busday_offset(date, 0, roll=roll)
    return date.astype(np.int64)


_FIRST_WEEKDAY = np.datetime64("1600-01-03", "D")  # business day 0, before all stamps


def _count(rule: Rule, wall: Stamps, ends: Stamps) -> Stamps:
    day, last = wall // DAY, ends // DAY
    if rule.unit == "business day":
        days = np.busday_count(day.astype("M8[D]"), last.astype("M8[D]"))
        return days.astype(np.int64) // rule.size
    if rule.unit == "month":
        day, last = (x.astype("M8[D]").astype("M8[M]").astype(np.int64) for x in (day, last))
    return (last - day) // rule.size


def _anchored(rule: Rule, wall: Stamps) -> NDArray[np.bool_] | np.bool_:
    if rule.anchor is None:
        return np.True_
    day = wall // DAY
    at = _weekday(day) if rule.unit == "day" else day.astype("M8[D]").astype("M8[M]").astype(int)
    return np.asarray((at - rule.anchor) % rule.period == 0)


def _weekday(day: Stamps) -> Stamps:
    return (day + 3) % 7  # 1 January 1970 was a Thursday


def _season_of_ticks(size: int) -> int:
    if size >= TICKS["min"]:
        return _whole(DAY, size)
    return _whole(TICKS["h"], size) if size >= TICKS["s"] else 1


def _whole(season: int, step: int) -> int:
    return season // step if season % step == 0 else 1


def _modes(x: Stamps) -> Stamps:
    """Return the most frequent value, or the smallest few if some are equally frequent."""
    values, counts = np.unique(x, return_counts=True)
    most: Stamps = values[counts == counts.max()]
    return most[:5]
