"""The tasks: which folder, which horizon, which season, and which definitions score them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from gatecast.errors import ConfigError

__all__ = ["FREQUENCIES", "LongTask", "SeriesTask", "find", "names"]

# By frequency: the m of MASE and Naive2 (M4's: 1 for weeks and days), and the natural seasons.
FREQUENCIES: dict[str, tuple[int, tuple[int, ...]]] = {
    "yearly": (1, ()),
    "quarterly": (4, (4,)),
    "monthly": (12, (12,)),
    "weekly": (1, (52,)),
    "daily": (1, (7,)),
    "hourly": (24, (24, 168)),
    "15min": (96, (96, 672)),
    "10min": (144, (144,)),
    "other": (1, ()),
}


@dataclass(frozen=True)
class SeriesTask:
    """Many series, each forecast once: the competitions.

    Parameters
    ----------
    name, folder : str
        The task's, and its data's below ``GATECAST_DATA``.
    frequency : str
        A key of ``FREQUENCIES``.
    horizon : int or None
        None: as many steps as the test set has.
    scale_season : int
        The m of MASE and of Naive2.
    season_length : int
        What a model without a recipe is told.
    seasons : tuple of int
        The natural seasons, for recipes.
    smape : {"m4", "m3"}
        Whose definition: over abs(y) + abs(f), or y + f.
    subset : bool
        Whether this is a part of a competition, whose scores are not the competition's.
    info, category : str
        The folder and column that say what kind of series each is.
    period : str or None
        Which part of the folder: its series with this ``period`` in ``info.parquet``.
    """

    name: str
    folder: str
    frequency: str
    horizon: int | None
    scale_season: int
    season_length: int
    seasons: tuple[int, ...]
    smape: Literal["m4", "m3"] = "m4"
    subset: bool = False
    info: str = ""
    category: str = ""
    period: str | None = None


@dataclass(frozen=True)
class LongTask:
    """A few long series, forecast from every step of the test part: the long-horizon benchmark.

    Parameters
    ----------
    name, folder, frequency
        As for :class:`SeriesTask`.
    split : tuple of int
        Steps of the training, validation and test part.
    horizons : tuple of int
    """

    name: str
    folder: str
    frequency: str
    split: tuple[int, int, int]
    horizons: tuple[int, ...] = (96, 192, 336, 720)

    @property
    def season_length(self) -> int:
        return max(self.seasons[:1], default=1)

    @property
    def seasons(self) -> tuple[int, ...]:
        return FREQUENCIES[self.frequency][1]


def _m4(frequency: str, horizon: int, *, subset: bool = False) -> SeriesTask:
    scale, seasons = FREQUENCIES[frequency]
    name = f"m4-{frequency}"
    task = SeriesTask(name, f"m4_{frequency}", frequency, horizon, scale, scale, seasons)
    return replace(task, subset=subset, info="m4_info", category="category")


def _m3(frequency: str, horizon: int) -> SeriesTask:
    scale, seasons = FREQUENCIES[frequency]
    task = SeriesTask(f"m3-{frequency}", "m3", frequency, horizon, scale, scale, seasons, "m3")
    return replace(task, info="m3", category="type", period=frequency.capitalize())


M3 = {
    task.name: task
    for task in (_m3("yearly", 6), _m3("quarterly", 8), _m3("monthly", 18), _m3("other", 8))
}

_SERIES = {
    task.name: task
    for task in (
        _m4("hourly", 48),
        _m4("weekly", 13),
        _m4("yearly", 6),
        _m4("quarterly", 8, subset=True),
        _m4("monthly", 18, subset=True),
    )
} | M3

_HOURS, _QUARTERS = (8_640, 2_880, 2_880), (34_560, 11_520, 11_520)  # months of 30 days: 12, 4, 4

_LONG = {
    task.name: task
    for task in (
        LongTask("etth1", "etth1", "hourly", _HOURS),
        LongTask("etth2", "etth2", "hourly", _HOURS),
        LongTask("ettm1", "ettm1", "15min", _QUARTERS),
        LongTask("ettm2", "ettm2", "15min", _QUARTERS),
        # 70, 10 and 20 %: the first and the last rounded down, as the published code does.
        LongTask("exchange", "exchange_rate", "daily", (5_311, 760, 1_517)),
        LongTask("weather", "weather", "10min", (36_887, 5_270, 10_539)),
    )
}

# Other folders with a train and a test part: frequency, horizon, season length.
_FOLDERS = {
    "carparts": ("monthly", 12, 12),
    "gefcom2014_load": ("hourly", 744, 24),
    "gefcom2014_price": ("hourly", 24, 24),
    "m4_daily": ("daily", 14, 7),
    "m4_daily_tail": ("daily", 14, 7),
    "m4_monthly_tail": ("monthly", 18, 12),
    "monash_electricity_weekly": ("weekly", 8, 52),
    "monash_fred_md": ("monthly", 12, 12),
    "monash_kaggle_web_traffic_1000": ("daily", 59, 7),
    "monash_saugeenday": ("daily", 30, 365),
    "monash_solar_weekly": ("weekly", 5, 52),
    "monash_sunspot": ("daily", 30, 1),
    "monash_traffic_weekly": ("weekly", 8, 52),
    "nn3": ("monthly", 18, 12),
}


def names() -> list[str]:
    """Return what may be asked for."""
    return [*_SERIES, "m3", *_LONG, *(f"folder:{name}" for name in _FOLDERS)]


def find(
    name: str, *, frequency: str | None = None, season_length: int | None = None
) -> tuple[SeriesTask, ...] | LongTask:
    """Return the parts of a task, most often one.

    A folder that no table knows needs its ``frequency``; its horizon is how long its test part is.
    """
    if name in _LONG:
        return _LONG[name]
    if name == "m3":
        return tuple(M3.values())
    if name in _SERIES:
        return (_SERIES[name],)
    kind, _, folder = name.partition(":")
    if kind != "folder" or not folder:
        raise ConfigError("There is no such task.", value=name, fix=f"Use {', '.join(names())}.")
    known = _FOLDERS.get(folder)
    if known is None and frequency is None:
        raise ConfigError(
            "What the steps of this folder's series are is not known.",
            value=name,
            fix=f"Say --frequency, one of {', '.join(FREQUENCIES)}.",
        )
    usual, horizon, season = known or ("other", None, None)
    frequency = frequency or usual
    scale, seasons = FREQUENCIES[frequency]
    season = season_length or season or max(seasons[:1], default=1)
    # A season that is not the frequency's own is the data's, and the only one that is known.
    seasons = seasons if season in seasons else (season,) if season > 1 else ()
    task = SeriesTask(name, folder, frequency, horizon, scale, season, seasons)
    is_m4 = folder.startswith("m4_")
    return (replace(task, subset=is_m4, info="m4_info", category="category") if is_m4 else task,)
