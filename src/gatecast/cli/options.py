"""Options that several commands have, said once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gatecast.errors import ConfigError

if TYPE_CHECKING:
    from gatecast.panel import Intake, Panel
    from gatecast.readers import FileFormat

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
    Literal["en", "zh"], typer.Option("--lang", help="The language of the verdict and the page.")
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


@dataclass(frozen=True)
class Reading:
    """How files are read: each field is an option. See :func:`reads_files`."""

    id_col: IdCol = None
    time_col: TimeCol = None
    target_col: TargetCol = None
    freq: Freq = None
    fill: Annotated[
        Literal["interpolate", "zero"] | None,
        typer.Option("--fill", help="Fill what is missing inside a series; else it is masked."),
    ] = None
    duplicates: Annotated[
        Literal["error", "mean", "sum", "last"],
        typer.Option("--duplicates", help="What several rows of one stamp count for."),
    ] = "error"
    resample: Annotated[
        Literal["mean", "sum", "last", "first", "min", "max", "median"] | None,
        typer.Option("--resample", help="Put the rows into steps of --freq."),
    ] = None
    past: Annotated[
        _Names, typer.Option("--past", help="Covariates known up to now: a,b. Repeatable.")
    ] = None
    future: Annotated[
        _Names, typer.Option("--future", help="Covariates known ahead: a,b. Repeatable.")
    ] = None
    static: Annotated[
        _Names, typer.Option("--static", help="What is the same for all of a series.")
    ] = None
    future_file: Annotated[
        Path | None,
        typer.Option("--future-file", help="A table of what the --future columns will be."),
    ] = None
    dayfirst: Annotated[
        bool, typer.Option("--dayfirst", help="1/2/2024 is the first of February.")
    ] = False
    sep: Annotated[
        str | None, typer.Option("--sep", help="What separates cells; found by default.")
    ] = None
    decimal: Annotated[
        str | None, typer.Option("--decimal", help="Decimal mark, , or . ; found by default.")
    ] = None
    sheet: Annotated[
        str | None, typer.Option("--sheet", help="Of an Excel file; the first by default.")
    ] = None

    def intake(self) -> Intake:
        """Return how the rows are to be taken in."""
        from gatecast.panel import Columns, Intake

        columns = Columns(
            **self._headings(),
            past=tuple(self.past or ()),
            future=tuple(self.future or ()),
            static=tuple(self.static or ()),
        )
        return Intake(columns, self.freq, self.fill, self.duplicates, self.resample)

    def format(self) -> FileFormat:
        """Return how the files are written."""
        from gatecast.readers import FileFormat

        return FileFormat(self.sep, self.decimal, self.dayfirst, self.sheet)

    def panel(self, files: Sequence[Path], usual_freq: str | int | None = None) -> Panel:
        """Read files, and what is known ahead of them."""
        from gatecast.files import read_panel

        intake = replace(self.intake(), usual_freq=usual_freq)
        panel = read_panel(files, **self._headings(), intake=intake, format=self.format())
        return self.with_future(panel)

    def with_future(self, panel: Panel) -> Panel:
        """Add what ``--future-file`` says."""
        if self.future_file is None:
            return panel
        from gatecast.files import join_ahead

        return join_ahead(panel, self.future_file, self.intake(), format=self.format())

    def as_fitted(self, intake: Intake) -> Reading:
        """Fill in from what a model was fitted on; the covariates have to be the same."""
        columns = intake.columns
        for option, own, fitted in (
            ("--past", self.past, columns.past),
            ("--future", self.future, columns.future),
            ("--static", self.static, columns.static),
        ):
            if own is not None and tuple(own) != fitted:
                raise ConfigError(
                    f"{option} names other covariates than the model reads.",
                    value=", ".join(own),
                    fix=f"Leave {option} out: the model knows its own.",
                )
        return replace(
            self,
            freq=self.freq if intake.freq is None or self.freq is not None else str(intake.freq),
            fill=self.fill or intake.fill,
            duplicates=intake.duplicates if self.duplicates == "error" else self.duplicates,
            resample=self.resample or intake.resample,
            past=list(columns.past),
            future=list(columns.future),
            static=list(columns.static),
        )

    def _headings(self) -> dict[str, Any]:
        named = {"id_col": self.id_col, "time_col": self.time_col, "target_col": self.target_col}
        return {role: name for role, name in named.items() if name is not None}


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
    options = inspect.signature(Reading, eval_str=True).parameters
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
