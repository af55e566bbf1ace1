"""Options that several commands have, said once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gatecast.errors import ConfigError
from gatecast.reading import Reading

if TYPE_CHECKING:
    from gatecast.panel import Panel

__all__ = [
    "AsJson",
    "Calendar",
    "Epochs",
    "Files",
    "ForecastOut",
    "Freq",
    "Holidays",
    "Horizon",
    "IdCol",
    "Lang",
    "Levels",
    "MissingFuture",
    "Models",
    "Precision",
    "Reading",
    "SeasonLength",
    "Seed",
    "TargetCol",
    "Threads",
    "TimeCol",
    "check_horizon",
    "check_season_length",
    "network_settings",
    "numbers",
    "reads_files",
    "several",
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Calendar = Annotated[
    bool, typer.Option("--calendar", help="Let the network read the time of day, week and year.")
]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Passes over the data, at most.")]
Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        help="CSV, TSV, Excel or Parquet; several are parts of one table.",
        show_default=False,
    ),
]
ForecastOut = Annotated[
    Path | None, typer.Option("--out", help="Write the forecast as CSV; else it is printed.")
]
Freq = Annotated[
    str | None, typer.Option("--freq", help="Frequency, e.g. MS, D, h; found by default.")
]
Holidays = Annotated[
    str | None, typer.Option("--holidays", help="Let the network read a country's, e.g. DE.")
]
Horizon = Annotated[
    int, typer.Option("--horizon", "-h", help="Steps to forecast.", show_default=False)
]
IdCol = Annotated[str | None, typer.Option("--id", help="The column that names the series.")]
Lang = Annotated[
    Literal["en", "zh"], typer.Option("--lang", help="The language of what is said: en or zh.")
]
Levels = Annotated[str, typer.Option("--level", help="Intervals in per cent, with commas.")]
MissingFuture = Annotated[
    Literal["error", "last", "seasonal"],
    typer.Option(
        "--missing-future",
        help="Where future covariates end early: hold the last, or repeat a season.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "--models",
        help="Which models: lstm, eslstm, ensemble, holt-winters, theta, naive, seasonal-naive, "
        "drift, naive2, auto-ets, auto-arima, auto-theta; with commas. Repeatable.",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision", help="Of the matrix products: float32 (the default), bfloat16, or auto."
    ),
]
SeasonLength = Annotated[
    int | None, typer.Option("--season-length", help="Steps per season; by the frequency.")
]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, same result.")]
TargetCol = Annotated[str | None, typer.Option("--target", help="The column to forecast.")]
Threads = Annotated[int | None, typer.Option("--threads", help="Default: all.")]
TimeCol = Annotated[str | None, typer.Option("--time", help="The column of dates.")]

_Names = list[str] | None

# By the field of Reading.
_READING: dict[str, Any] = {
    "id_col": IdCol,
    "time_col": TimeCol,
    "target_col": TargetCol,
    "freq": Freq,
    "fill": Annotated[
        Literal["interpolate", "zero"] | None,
        typer.Option("--fill", help="Fill what is missing inside a series; else it is masked."),
    ],
    "duplicates": Annotated[
        Literal["error", "mean", "sum", "last"],
        typer.Option("--duplicates", help="What several rows of one stamp count for."),
    ],
    "resample": Annotated[
        Literal["mean", "sum", "last", "first", "min", "max", "median"] | None,
        typer.Option("--resample", help="Put the rows into steps of --freq."),
    ],
    "past": Annotated[
        _Names, typer.Option("--past", help="Covariates known up to now: a,b. Repeatable.")
    ],
    "future": Annotated[
        _Names, typer.Option("--future", help="Covariates known ahead: a,b. Repeatable.")
    ],
    "static": Annotated[
        _Names, typer.Option("--static", help="What is the same for all of a series.")
    ],
    "future_file": Annotated[
        Path | None,
        typer.Option("--future-file", help="A table of what the --future columns will be."),
    ],
    "dayfirst": Annotated[
        bool, typer.Option("--dayfirst", help="1/2/2024 is the first of February.")
    ],
    "sep": Annotated[
        str | None, typer.Option("--sep", help="What separates cells; found by default.")
    ],
    "decimal": Annotated[
        str | None, typer.Option("--decimal", help="Decimal mark, , or . ; found by default.")
    ],
    "sheet": Annotated[
        str | None, typer.Option("--sheet", help="Of an Excel file; the first by default.")
    ],
}


def check_horizon(horizon: int) -> None:
    """Raise unless there is anything to forecast."""
    if horizon < 1:
        raise ConfigError(
            "The horizon must be 1 or more.", value=horizon, fix="Use -h 12 for twelve steps."
        )


def check_season_length(season_length: int | None) -> None:
    """Raise unless a season has a step."""
    if season_length is not None and season_length < 1:
        raise ConfigError(
            "--season-length must be 1 or more.", value=season_length, fix="Use 12 for months."
        )


def numbers(option: str, text: str) -> list[float]:
    """Return numbers that stand with commas between them; none for empty text."""
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ConfigError(f"{option} must be numbers.", value=text, fix="Use 80,95.") from None


def network_settings(panel: Panel, **said: Any) -> dict[str, Any]:
    """Return what is said of a network, by its own names, and the covariates that it reads."""
    settings = {**said, **panel.columns.covariate_settings()}
    return {name: value for name, value in settings.items() if value}


def several(models: list[str] | None) -> Any:
    """Return what was named, one by one or with commas, or "auto"."""
    names = _split(models)
    return names if names and names != ["auto"] else "auto"


def _split(names: list[str] | None) -> list[str] | None:
    """Names that were given one by one, or with commas between them."""
    if names is None:
        return None
    return [x for part in names for name in part.split(",") if (x := name.strip())]


def reads_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of :class:`Reading`, which it takes as ``reading``.

    Parameters
    ----------
    command : callable
        Has a parameter ``reading``; the options stand there in the help.

    Returns
    -------
    callable
        What typer is to be given: each option is a parameter of its own.
    """
    options = {
        x.name: inspect.Parameter(
            x.name, x.KEYWORD_ONLY, default=x.default, annotation=_READING[x.name]
        )
        for x in inspect.signature(Reading).parameters.values()
    }
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        parameters += options.values() if parameter.name == "reading" else [parameter]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        said = {name: given.pop(name) for name in options}
        said |= {role: _split(said[role]) for role in ("past", "future", "static")}
        reading = Reading(**said)
        command(reading=reading, **given)

    by_name = [x.replace(kind=inspect.Parameter.KEYWORD_ONLY) for x in parameters]
    run.__signature__ = inspect.Signature(by_name)  # type: ignore[attr-defined]
    return run
