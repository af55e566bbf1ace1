"""The calendar and holidays, as columns of numbers that a network reads.

*The calendar* is read off the clock on the wall of the time zone: the phase in each cycle that
suits the frequency, as sine and cosine.

==================  =======================================  ===========================
phase               stands still for                         steps that have it
==================  =======================================  ===========================
``minute of hour``  nothing                                  shorter than an hour
``time of day``     nothing                                  shorter than a day
``day of week``     a day                                    shorter than a week
``day of month``    a day; the last is next to the first     days and business days,
                                                             shorter than a week
``day of year``     a day; the same date, the same phase     shorter than a year
``month of year``   a month                                  months, shorter than a year
==================  =======================================  ===========================

Several steps at once (``4h``, ``2W``, ``3MS``) are a longer step; years have no phase at all. A
cycle that the panel does not go through once is left out: its phase would only ever rise, and tell
the network when it is instead of which season it is. Series that are in step share the rows of the
calendar, however many they are.

*Holidays* of a country are a column: 1 on a holiday, else 0, for steps of up to a day. Longer steps
have the number of holidays in them, and steps longer than a month that number per month. Weeks end
with their stamp, but weeks stamped on Mondays begin with it; ends of months, quarters and years are
ends; all others begin with their stamp. The package `holidays` knows them; there are none in the
years that it does not know.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gatecast.cells import some
from gatecast.errors import ConfigError, MissingExtraError
from gatecast.frequency import NANOSECONDS, Frequency, frequency_rule
from gatecast.panel import ranges
from gatecast.stamps import DAY, format_stamps, to_wall

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.features import Encoding
    from gatecast.panel import Doubles, Ints, Panel

    Floats = NDArray[np.float32]

__all__ = ["CYCLES", "dates_of", "fit_calendar", "fit_holidays"]


class _Cycle(NamedTuple):
    """``length`` in nanoseconds, the shortest that it may be; ``phase`` of wall times, 0 to 1."""

    length: int
    phase: Callable[[Ints], Doubles]


_HOUR, _WEEK, _YEAR = DAY // 24, 7 * DAY, 360 * DAY
_MONTHS_BEGIN = np.array([0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335])  # in a leap year


def _dates(wall: Ints) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64], Ints]:
    """Days, the months that they are in, and their numbers in those, from 0."""
    day = (wall // DAY).astype("M8[D]")
    month = day.astype("M8[M]")
    return day, month, (day - month.astype("M8[D]")).astype(np.int64)


def _day_of_month(wall: Ints) -> Doubles:
    _, month, number = _dates(wall)
    days = (month + 1).astype("M8[D]") - month.astype("M8[D]")
    return np.asarray(number / days.astype(np.int64))


def _day_of_year(wall: Ints) -> Doubles:
    _, month, number = _dates(wall)
    return np.asarray((_MONTHS_BEGIN[month.astype(np.int64) % 12] + number) / 366)


CYCLES = {
    "minute of hour": _Cycle(_HOUR, lambda wall: wall % _HOUR / _HOUR),
    "time of day": _Cycle(DAY, lambda wall: wall % DAY / DAY),
    "day of week": _Cycle(_WEEK, lambda wall: (wall // DAY + 3) % 7 / 7),  # 1970 began on Thursday
    "day of month": _Cycle(28 * DAY, _day_of_month),
    "day of year": _Cycle(_YEAR, _day_of_year),
    "month of year": _Cycle(_YEAR, lambda wall: _dates(wall)[1].astype(np.int64) % 12 / 12),
}


def _step(frequency: Frequency) -> float:
    """Nanoseconds in a step, on average."""
    assert frequency.alias is not None
    rule = frequency_rule(frequency.alias)
    return rule.size * NANOSECONDS[rule.unit]


def _suits(cycle: str, frequency: Frequency) -> bool:
    assert frequency.alias is not None
    unit, step = frequency_rule(frequency.alias).unit, _step(frequency)
    if cycle == "month of year" or unit == "month":
        return cycle == "month of year" and unit == "month" and step < _YEAR
    if cycle == "day of month":
        return unit != "tick" and step < _WEEK
    return step < CYCLES[cycle].length


def fit_calendar(panel: Panel) -> tuple[str, ...]:
    """Return the phases that suit a panel's frequency and that it goes through at least once."""
    frequency = _require_dates(panel, "The calendar", "calendar")
    suitable = [cycle for cycle in CYCLES if _suits(cycle, frequency)]
    if not suitable:
        raise ConfigError(
            f"There is no calendar in steps of {frequency}: no season is longer than a step.",
            value="calendar=True",
            fix="Leave calendar out.",
        )
    begin = frequency.shift(panel.last, 1 - panel.lengths).min()
    span = float(frequency.shift(panel.last, 1).max()) - float(begin)
    return tuple(cycle for cycle in suitable if span >= CYCLES[cycle].length)


def _require_dates(panel: Panel, what: str, option: str) -> Frequency:
    if panel.frequency is None or panel.frequency.alias is None:
        # No name of their column: that of a file is not the panel's.
        array = panel.frequency is None
        raise ConfigError(
            f"{what} can only be told from dates.",
            value="an array" if array else "stamps that are whole numbers",
            fix=f"Give {'a frame with stamps that are dates' if array else 'dates for stamps'}, or "
            f"leave {option} out.",
        )
    return panel.frequency


def dates_of(encoding: Encoding, panel: Panel, h: int) -> tuple[Floats, Ints]:
    """Phases and holidays up to ``h`` steps ahead, and the row in which each series begins."""
    if not encoding.n_dates:
        rows = int(panel.lengths.max(initial=0)) + h
        return np.empty((rows, 0), np.float32), np.zeros(panel.n_series, np.int64)
    frequency = _require_dates(panel, "What this model reads of the calendar", "this model")
    # Series that are in step with one another share their rows.
    latest = panel.last.max(keepdims=True)
    steps, in_step = frequency.steps_between(panel.last, np.repeat(latest, panel.n_series))
    n = int((steps + panel.lengths).max())
    if in_step.all() and n <= len(panel.values) + h * panel.n_series:
        stamps = frequency.shift(latest, np.arange(1 - n, h + 1))
        return _read_dates(encoding, frequency, stamps), n - steps - panel.lengths
    begin, end = 1 - panel.lengths, np.full(panel.n_series, h + 1)
    offsets, indptr = ranges(begin, end)
    stamps = frequency.shift(np.repeat(panel.last, end - begin), offsets)
    distinct, again = np.unique(stamps, return_inverse=True)
    return _read_dates(encoding, frequency, distinct)[again], indptr[:-1]


def _read_dates(encoding: Encoding, frequency: Frequency, stamps: Ints) -> Floats:
    columns = np.empty((len(stamps), encoding.n_dates), np.float32)
    wall = to_wall(stamps, frequency.tz)
    for k, cycle in enumerate(encoding.calendar):
        # From 1 radian on, because two opposite phases (midnight and noon, in steps of 12 hours)
        # would have the same sine if one of them was 0.
        angle = 2 * np.pi * CYCLES[cycle].phase(wall) + 1
        columns[:, 2 * k], columns[:, 2 * k + 1] = np.sin(angle), np.cos(angle)
    if encoding.holidays is not None:
        columns[:, -1] = _read_holidays(encoding.holidays, frequency, stamps)
    return columns


# Holidays


def fit_holidays(panel: Panel, country: str) -> str:
    """Return the code of a country whose holidays are known in the years of a panel."""
    frequency = _require_dates(panel, "Holidays", "holidays")
    country = _find_country(country)
    ends = np.array([frequency.shift(panel.last, 1 - panel.lengths).min(), panel.last.max()])
    first, last = (to_wall(ends, frequency.tz) // DAY).tolist()
    if not len(_holidays(country, first, last)):
        raise ConfigError(
            f"No holidays are known of {country} in these years.",
            value=" to ".join(format_stamps(ends, frequency.tz)),
            fix="Leave holidays out.",
        )
    return country


def _read_holidays(country: str, frequency: Frequency, stamps: Ints) -> Doubles:
    """Holidays in each step."""
    if not len(stamps):
        return np.empty(0)
    assert frequency.alias is not None
    rule, step = frequency_rule(frequency.alias), _step(frequency)

    def day(steps: int) -> Ints:
        return to_wall(frequency.shift(stamps, steps), frequency.tz) // DAY

    begin = day(0)
    end = begin + 1
    if rule.edge.endswith("E") or (rule.unit == "day" and rule.anchor):  # not None, nor Monday
        begin = day(-1) + 1
    elif step > NANOSECONDS["business day"]:
        end = day(1)
    known = np.sort(_holidays(country, int(begin.min()), int(end.max())))
    count = np.searchsorted(known, end) - np.searchsorted(known, begin)
    return np.asarray(count / max(1.0, step / NANOSECONDS["month"]))


def _holidays(country: str, first: int, last: int) -> Ints:
    """Holidays in the years of two days; days are counted from 1970."""
    holidays = _import_holidays()
    begin, end = (
        np.array([first, last]).astype("M8[D]").astype("M8[Y]").astype(int) + 1970
    ).tolist()
    code, _, part = country.partition("-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of some countries, not all years are known
        try:
            known = holidays.country_holidays(
                code, subdiv=part or None, years=range(begin, end + 1)
            )
        except NotImplementedError as error:  # of a model file that knows another package's
            raise ConfigError("This country's holidays are not known.", value=country) from error
    return np.array(list(known), "M8[D]").astype(np.int64)


def _import_holidays() -> Any:
    try:
        import holidays
    except ImportError as error:
        raise MissingExtraError("Country holidays", extra="holidays") from error
    return holidays


def _find_country(country: str) -> str:
    """Return the code of a country, with that of a part if it has one."""
    import difflib

    holidays = _import_holidays()
    code, _, part = str(country).strip().partition("-")
    codes: dict[str, str] = {}  # by all that a country may be called
    for name, (_, iso, *others) in holidays.registry.COUNTRIES.items():
        codes |= dict.fromkeys((name.replace("_", " "), iso.lower(), *map(str.lower, others)), iso)
    if code.lower() not in codes:
        near = [codes[x] for x in difflib.get_close_matches(code.lower(), codes, n=5)]
        raise _unknown_country(country, near, "DE, US or CN, the code of a country")
    iso = codes[code.lower()]
    if not part:
        return iso
    known = holidays.country_holidays(iso, years=())
    parts = {x.lower(): x for x in known.subdivisions}
    if part.lower() not in parts:
        near = [parts[x] for x in difflib.get_close_matches(part.lower(), parts, n=5)]
        all_parts = some(known.subdivisions, len(known.subdivisions), 20)
        raise _unknown_country(
            country,
            [f"{iso}-{x}" for x in near],
            f"{iso} alone, or with one of {all_parts}" if known.subdivisions else f"{iso} alone",
        )
    return f"{iso}-{parts[part.lower()]}"


def _unknown_country(country: str, near: list[str], otherwise: str) -> ConfigError:
    close = " or ".join(dict.fromkeys(near))
    return ConfigError(
        "The holidays of this country are not known.",
        value=repr(country),
        fix=f"Did you mean {close}? Use {otherwise}." if close else f"Use {otherwise}.",
    )
