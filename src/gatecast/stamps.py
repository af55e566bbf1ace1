"""Stamps: what they are in gatecast, read from text, and given back as text or typed.

A stamp is an int64: nanoseconds since 1970 UTC, or a plain whole number. Where a day has to be a
day, stamps are taken to the clock on the wall (:func:`to_wall`) and back (:func:`to_utc`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gatecast.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Stamps = NDArray[np.int64]

__all__ = [
    "DAY",
    "LARGEST_WHOLE",
    "TextStamps",
    "are_in_range",
    "format_stamps",
    "order_days_first",
    "parse_stamps",
    "read_epochs",
    "to_utc",
    "to_wall",
    "type_stamps",
]

DAY = 86_400_000_000_000
"""Nanoseconds."""

LARGEST_WHOLE = 10**18 - 1
"""The largest stamp that is a whole number, either sign: differences and sums stay int64."""

_LONGEST = 64  # characters that a stamp may have

_FIRST, _END = (int(np.datetime64(f"{year}-01-01", "ns").astype(np.int64)) for year in (1678, 2262))


def are_in_range(stamps: NDArray[Any], *, whole: bool) -> NDArray[np.bool_]:
    """Say which stamps are in the years 1678 to 2261, or whole numbers of at most 18 digits.

    Parameters
    ----------
    stamps : ndarray
        Nanoseconds since 1970 UTC; whole numbers may be of any numeric type.
    whole : bool
        Whether they are whole numbers.

    Returns
    -------
    ndarray
        bool.
    """
    low, high = (-LARGEST_WHOLE, LARGEST_WHOLE) if whole else (_FIRST, _END - 1)
    return np.asarray((stamps >= low) & (stamps <= high))


def to_wall(stamps: Stamps, tz: str | None) -> Stamps:
    """Take stamps to the clock on the wall of a time zone, where a day is a day.

    Parameters
    ----------
    stamps : ndarray
        int64 of any shape, nanoseconds since 1970 UTC.
    tz : str or None
        None is UTC.

    Returns
    -------
    ndarray
        int64 of that shape, nanoseconds since 1970 on that clock.

    Examples
    --------
    >>> noon_utc = parse_stamps(np.array(["2024-07-01T12:00Z"], object)).stamps
    >>> format_stamps(to_wall(noon_utc, "Asia/Tokyo"))
    ['2024-07-01 21:00:00']
    """
    if tz is None or tz == "UTC":
        return stamps
    import pandas as pd

    index = pd.DatetimeIndex(stamps.ravel().view("M8[ns]"), tz="UTC")
    return _ints(index.tz_convert(tz).tz_localize(None)).reshape(stamps.shape)


def to_utc(wall: Stamps, tz: str | None) -> Stamps:
    """Undo :func:`to_wall`; a skipped time becomes the next that exists, a repeated one its first.

    Parameters
    ----------
    wall : ndarray
        int64 of any shape.
    tz : str or None
        None is UTC.

    Returns
    -------
    ndarray
        int64 of that shape.
    """
    if tz is None or tz == "UTC":
        return wall
    import pandas as pd

    index = pd.DatetimeIndex(wall.ravel().view("M8[ns]"))
    first = np.ones(wall.size, bool)
    zoned = index.tz_localize(tz, nonexistent="shift_forward", ambiguous=first)
    return _ints(zoned.tz_convert("UTC").tz_localize(None)).reshape(wall.shape)


def format_stamps(stamps: Stamps, tz: str | None = None) -> list[str]:
    """Write stamps as a reader would, without a time of day if all are at midnight.

    Parameters
    ----------
    stamps : ndarray
        int64 ``[n]``, nanoseconds since 1970 UTC.
    tz : str, optional
        Show the wall clock of this time zone.

    Returns
    -------
    list of str
    """
    wall = to_wall(stamps, tz)
    unit: Any = next(u for u, n in (("D", DAY), ("s", 10**9), ("ns", 1)) if not (wall % n).any())
    return [
        text.replace("T", " ") for text in np.datetime_as_string(wall.view("M8[ns]"), unit=unit)
    ]


class TextStamps(NamedTuple):
    """What :func:`parse_stamps` read.

    Parameters
    ----------
    stamps : ndarray
        int64.
    bad : ndarray
        bool, where a text is no stamp.
    whole : bool
        Whether stamps are whole numbers.
    tz : str, optional
        The time zone, if the texts have one; UTC if they have several.
    wall : ndarray, optional
        Where texts have different UTC offsets: what they say without them.
    odd : ndarray, optional
        bool, which texts have an offset where most have none, or none where most have one.
    """

    stamps: Stamps
    bad: NDArray[np.bool_]
    whole: bool
    tz: str | None = None
    wall: Stamps | None = None
    odd: NDArray[np.bool_] | None = None


def parse_stamps(text: NDArray[np.object_]) -> TextStamps:
    """Read stamps that are text.

    Whole numbers stay whole numbers, except a run of years (1960, 1961, ... with none missing) and
    numbers that are all dates (20240131) or all months (202401). ``2024-01``, ``2024Q1``,
    ``2024-W05``, ``2024/1/5``, ``2024年1月5日``, ``31.1.2024``, ``5 Jan 2024``, ``Jan 2024`` are
    dates, and may have a time of day (``10:30``, ``10:30 PM``). Whether ``1/2/2024`` starts with
    the day or the month, and whether ``Jan-20`` is a month or a day, is told from the rest of the
    column.

    Parameters
    ----------
    text : ndarray of str
        ``[n]``.

    Returns
    -------
    TextStamps

    Raises
    ------
    DataError
        When days and months cannot be told apart.

    Examples
    --------
    >>> format_stamps(parse_stamps(np.array(["2024Q3", "2024Q4"], object)).stamps)
    ['2024-07-01', '2024-10-01']
    """
    import pandas as pd

    codes, distinct = pd.factorize(text)  # panels repeat their stamps: read each of them once
    texts = pd.Series(distinct, dtype=object).str.strip().str.removesuffix("年")
    if len(texts) and _WHOLE.fullmatch(texts[0]) and texts.str.fullmatch(_WHOLE).all():
        read = _parse_whole_numbers(texts)
    else:
        read = _parse_dates(texts)
    wall = None if read.wall is None else read.wall[codes]
    odd = None if read.odd is None else read.odd[codes]
    return read._replace(stamps=read.stamps[codes], bad=read.bad[codes], wall=wall, odd=odd)


def order_days_first(text: NDArray[np.object_]) -> NDArray[np.object_]:
    """Write dates that start with the day as ISO dates: 1/2/2024 as 2024-02-01.

    Parameters
    ----------
    text : ndarray of str
        ``[n]``; what is no such date stays.

    Returns
    -------
    ndarray of str
        ``[n]``.

    Raises
    ------
    DataError
        When a date can only start with the month.

    Examples
    --------
    >>> order_days_first(np.array(["1/2/2024 10:30", "2024-02-03"], object)).tolist()
    ['2024-02-01 10:30', '2024-02-03']
    """
    import pandas as pd

    codes, distinct = pd.factorize(text)
    texts = _without_long(pd.Series(distinct, dtype=object).str.strip())
    ordered = _order_day_and_month(texts, day_first=True)
    return np.where(ordered == texts, distinct, ordered)[codes]


def read_epochs(numbers: NDArray[np.int64]) -> Stamps | None:
    """Read whole numbers that count seconds or milliseconds since 1970, as a computer clock does.

    Parameters
    ----------
    numbers : ndarray
        int64 ``[n]``.

    Returns
    -------
    ndarray or None
        Nanoseconds since 1970, if all have 10 digits (seconds, from 2001 on) or all have 13
        (milliseconds).

    Examples
    --------
    >>> format_stamps(read_epochs(np.array([1704067200, 1704153600])))
    ['2024-01-01', '2024-01-02']
    >>> read_epochs(np.array([1, 2, 3])) is None
    True
    """
    if len(numbers):
        first, last = int(numbers.min()), int(numbers.max())
        for digits, unit in ((10, 10**9), (13, 10**6)):
            if first >= 10 ** (digits - 1) and last < min(10**digits, _END // unit):
                return numbers * unit
    return None


def type_stamps(stamps: Stamps, time_type: str, tz: str | None = None) -> Any:
    """Give stamps the type that a frame has them in.

    Parameters
    ----------
    stamps : ndarray
        int64 ``[n]``.
    time_type : str
        As in :class:`~gatecast.panel.Panel`.
    tz : str, optional
        The time zone to put them in; UTC without one.

    Returns
    -------
    ndarray or pandas index
        int64 or datetime64 ``[n]``; a pandas index for periods and with a time zone.

    Examples
    --------
    >>> type_stamps(parse_stamps(np.array(["2024-01-31"], object)).stamps, "date")
    array(['2024-01-31'], dtype='datetime64[D]')
    """
    if time_type == "int":
        return stamps
    instants = stamps.view("M8[ns]")
    if time_type.startswith("period"):
        import pandas as pd

        return pd.DatetimeIndex(instants).to_period(time_type[7:-1])
    unit = "D" if time_type == "date" else time_type[9:-1]
    typed = instants.astype(f"M8[{unit}]")
    if tz is None:
        return typed
    import pandas as pd

    return pd.DatetimeIndex(typed, tz="UTC").tz_convert(tz)


def _parse_whole_numbers(texts: Any) -> TextStamps:
    import pandas as pd

    numbers = np.sort(texts.to_numpy().astype(np.int64))
    width = texts.str.len()
    formats = {8: "%Y%m%d", 6: "%Y%m"}
    years = numbers[0] >= 1678 and numbers[-1] <= 2200 and len(numbers) > 1
    if years and (np.diff(numbers) == 1).all():
        formats[4] = "%Y"
    if (width == width[0]).all() and width[0] in formats:
        dates = pd.to_datetime(texts, format=formats[width[0]], errors="coerce")
        if dates.dt.year.between(1678, 2200).all():
            return TextStamps(_ints(dates), np.zeros(len(texts), bool), whole=False)
    return TextStamps(texts.to_numpy().astype(np.int64), np.zeros(len(texts), bool), whole=True)


_WHOLE = re.compile(r"(?a)[+-]?\d{1,18}")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![a-z])\.?"
)
_OFFSET = r"(?<=\d) ?(?P<offset>Z|[+-]\d\d(?::?\d\d)?)$"

# Each layout is rewritten as an ISO date; the rest of the text (a time of day) stays.
_LAYOUTS: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"(?a)^(\d{4})[ -]?Q([1-4])$", lambda m: f"{m[1]}-{3 * int(m[2]) - 2:02}-01"),
    (r"(?a)^Q([1-4])[ -](\d{4})$", lambda m: f"{m[2]}-{3 * int(m[1]) - 2:02}-01"),
    (r"(?a)^(\d{4})-?W(\d{2})(?:-?([1-7]))?$", lambda m: _monday(m)),
    (
        r"(?a)^(\d{4})(?:[/年](\d{1,2})月?|[/.年](\d{1,2})[/.月](\d{1,2})日?)(?!\S)",
        lambda m: _date(m),
    ),
    (
        rf"(?ai)^(\d{{1,2}})[ ,/-]*{_MONTH}[ ,/-]*(\d{{4}})(?!\d)",
        lambda m: _named(m[3], m[2], m[1]),
    ),
    (
        rf"(?ai)^{_MONTH}[ ,/-]*(\d{{1,2}})[ ,/-]+(\d{{4}})(?!\d)",
        lambda m: _named(m[3], m[1], m[2]),
    ),
    (rf"(?ai)^{_MONTH}[ ,/-]*(\d{{4}})$", lambda m: _named(m[2], m[1])),
    (r"(?ai)(?<=[ T])(\d\d?)(:\d\d(?::\d\d(?:\.\d+)?)?) ?([ap])\.?m\.?$", lambda m: _clock(m)),
)


def _monday(m: re.Match[str]) -> str:
    try:
        return date.fromisocalendar(int(m[1]), int(m[2]), int(m[3] or 1)).isoformat()
    except ValueError:
        return m[0]


def _date(m: re.Match[str]) -> str:
    return f"{m[1]}-{m[2] or m[3]:0>2}-{m[4] or '1':0>2}"


def _named(year: str, month: str, day: str = "1") -> str:
    return f"{year}-{_number_of(month):02}-{day:0>2}"


def _number_of(month: str) -> int:
    return 1 + _MONTHS.index(month[:3].lower())


def _clock(m: re.Match[str]) -> str:
    """10:30 PM is 22:30."""
    if not 1 <= int(m[1]) <= 12:
        return m[0]
    return f"{int(m[1]) % 12 + 12 * (m[3] in 'pP'):02}{m[2]}"


def _parse_dates(texts: Any) -> TextStamps:
    import pandas as pd

    texts = _without_long(texts)
    dates = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    other = dates.isna()
    if other.any():
        texts = _in_iso(texts[other]).reindex(texts.index).fillna(texts)
        dates = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    bad = ~dates.dt.year.between(1678, 2261).to_numpy(bool)
    # An offset is the end of a text with a clock: of which there are few, however many stamps.
    ends = texts.where(texts.str.contains(":", regex=False), "").str.slice(-8)
    distinct = ends.drop_duplicates()
    found = distinct.str.extract(_OFFSET)["offset"]
    strange = distinct[found.isna() & distinct.str.contains(r"\d *[+-]\d")]  # +1: pandas knows it
    bad |= ends.isin(strange).to_numpy(bool)
    written = found.dropna().unique()
    zoned = ends.isin(distinct[found.notna()]).to_numpy(bool)
    rarer = zoned if 2 * zoned[~bad].sum() < (~bad).sum() else ~zoned
    odd = rarer & ~bad if len(written) else np.zeros(len(bad), bool)
    dates = dates.dt.tz_localize(None).mask(bad, pd.Timestamp(0))
    offsets = {x.replace("Z", "+00").replace(":", "").ljust(5, "0") for x in written}
    tz, wall = None, None
    if len(offsets) == 1:
        (digits,) = offsets
        tz = f"{digits[:3]}:{digits[3:]}" if digits.strip("0+-") else "UTC"
    elif offsets:
        tz = "UTC"
        local = texts.str.replace(_OFFSET, "", regex=True).mask(bad, "1970-01-01")
        wall = _ints(pd.to_datetime(local, format="ISO8601", utc=True).dt.tz_localize(None))
    return TextStamps(_ints(dates), bad, whole=False, tz=tz, wall=wall, odd=odd)


def _without_long(texts: Any) -> Any:
    """Empty texts that are too long for a stamp, or have no digit (pandas knows "today")."""
    return texts.where((texts.str.len() <= _LONGEST) & texts.str.contains(r"[0-9]"), "")


def _in_iso(texts: Any) -> Any:
    """Rewrite whatever layouts are known as ISO dates."""
    for pattern, rewrite in _LAYOUTS:
        texts = texts.str.replace(pattern, rewrite, regex=True)
    return _order_day_and_month(_months_of_short_years(texts))


def _months_of_short_years(texts: Any) -> Any:
    """Rewrite Jan-20 as 2020-01-01 where it can only be a month: not 20 January.

    That is so if the texts, read as months, are in order of time, or if a number is no day. Years
    from 50 to 68 may be of either century, and stay unread.
    """
    parts: Any = texts.str.extract(rf"(?ai)^{_MONTH}[ '’/-]*(\d\d)$")
    parts = parts[parts[0].notna()]
    short = parts[1].astype(int)
    if not len(parts) or short.between(50, 68).any():
        return texts
    year = short + 1900 + 100 * (short < 50)
    month = parts[0].map(_number_of)
    steps = np.diff((12 * year + month).to_numpy())
    in_order = month.nunique() > 1 and ((steps > 0).all() or (steps < 0).all())
    if not in_order and short.between(1, 31).all():
        return texts
    rewritten = year.astype(str) + "-" + month.astype(str).str.zfill(2) + "-01"
    return rewritten.reindex(texts.index).fillna(texts)


def _order_day_and_month(texts: Any, *, day_first: bool | None = None) -> Any:
    """Rewrite 31/1/2024 or 1/31/2024 as 2024-01-31."""
    parts: Any = texts.str.extract(r"(?a)^(\d{1,2})([/.-])(\d{1,2})[/.-](\d{4})(?=\D|$)(.*)$")
    parts = parts[parts[0].notna()]
    if not len(parts):
        return texts
    first, second = parts[0].astype(int), parts[2].astype(int)
    if day_first:
        months = parts.index[(second > 12) & (first <= 12)]
        if len(months):
            raise DataError(
                "A date starts with the month, although days were said to come first.",
                value=f"{texts[months[0]]}",
                fix="Leave out --dayfirst, or write dates as 2024-01-31.",
            )
    elif (first > 12).any() or (parts[1] == ".").any():
        day_first = True
    elif (second > 12).any():
        day_first = False
    elif (first == second).all():
        day_first = True  # 3/3/2024 is the same day either way
    elif parts[3].nunique() > 1 and (first.nunique() == 1) != (second.nunique() == 1):
        day_first = bool(first.nunique() == 1)  # a month after the other, for years
    else:
        raise DataError(
            "These dates could start with the day or with the month.",
            value=f"{texts[parts.index[0]]}",
            fix="Write them as 2024-01-31; in a file whose dates start with the day, say so: "
            "--dayfirst.",
        )
    day, month = (parts[0], parts[2]) if day_first else (parts[2], parts[0])
    rewritten = parts[3] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2) + parts[4]
    return rewritten.reindex(texts.index).fillna(texts)


def _ints(index: Any) -> Stamps:
    return np.asarray(index.values).astype("M8[ns]").astype(np.int64)
