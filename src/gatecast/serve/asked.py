"""What may be asked for, field by field: the settings of each kind of request.

The models say how a request is checked and what the OpenAPI description has; what the settings
mean is decided further down, by the same code as the command line's.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gatecast.reading import Reading
from gatecast.serve.errors import Refusal

__all__ = ["NAME", "Asked", "Backtest", "Check", "Fit", "Forecast", "Keep", "Predict", "asked_of"]

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
_Heading = Annotated[str, Field(min_length=1, max_length=1_000)]


def _split(value: Any) -> Any:
    """Text of a form has commas between the parts of a list; a number is a list of one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [value]
    return [x.strip() for x in value.split(",") if x.strip()] if isinstance(value, str) else value


_Headings = Annotated[list[_Heading], BeforeValidator(_split), Field(max_length=1_000)]
_Level = Annotated[float, Field(gt=0, lt=100)]
_Levels = Annotated[
    list[_Level],
    BeforeValidator(_split, json_schema_input_type=list[_Level] | _Level),
    Field(max_length=20),
]
_Model = Annotated[str, Field(max_length=40)]
_Models = Annotated[list[_Model], BeforeValidator(_split), Field(min_length=1, max_length=20)]
_Count = Annotated[int, Field(ge=1, le=100_000)]


class Asked(BaseModel):
    """What every request with data may say: how they are to be read."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)
    kind: ClassVar[str] = ""
    needs_data: ClassVar[bool] = True

    id_col: _Heading | None = Field(None, description="The column that names the series.")
    time_col: _Heading | None = Field(None, description="The column of dates.")
    target_col: _Heading | None = Field(None, description="The column to forecast.")
    freq: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="Frequency, e.g. MS, D, h; found by default."
    )
    fill: Literal["interpolate", "zero"] | None = Field(
        None, description="Fill what is missing inside a series; else it is masked."
    )
    duplicates: Literal["error", "mean", "sum", "last"] = Field(
        "error", description="What several rows of one stamp count for."
    )
    resample: Literal["mean", "sum", "last", "first", "min", "max", "median"] | None = Field(
        None, description="Put the rows into steps of freq."
    )
    past: _Headings | None = Field(None, description="Covariates known up to now.")
    future: _Headings | None = Field(None, description="Covariates known ahead.")
    static: _Headings | None = Field(None, description="What is the same for all of a series.")
    dayfirst: bool = Field(False, description="1/2/2024 is the first of February.")
    sep: Annotated[str, Field(max_length=10)] | None = Field(
        None, description="What separates the cells of a text; found by default."
    )
    decimal: Literal[",", "."] | None = Field(
        None, description="The decimal mark of a text; found by default."
    )
    sheet: _Heading | None = Field(None, description="Of an Excel file; the first by default.")
    title: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="What to call it in lists and reports; the file's name by default."
    )
    missing_future: Literal["error", "last", "seasonal"] = Field(
        "error", description="Where future covariates end early."
    )

    lang: Literal["en", "zh"] = Field("en", description="The language of what is said.")

    def reading(self) -> Reading:
        """Return how the data are to be read."""
        return Reading(**{name: getattr(self, name) for name in _READING})

    @property
    def horizon(self) -> int | None:
        """How many steps are asked for, if that is known."""
        return getattr(self, "h", None)


_READING = tuple(name for name in Asked.model_fields if name in Reading.__dataclass_fields__)


class Check(Asked):
    """``POST /v1/check``."""

    kind = "check"
    h: _Count | None = Field(None, description="Steps that are to be forecast.")
    season_length: _Count | None = Field(None, description="Steps per season.")


class _Tested(Asked):
    h: _Count = Field(description="Steps to forecast.")
    level: _Levels = Field([80.0, 95.0], description="Intervals in per cent.")
    season_length: _Count | None = Field(
        None, description="Steps per season; by the frequency and the data."
    )
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = Field(
        0, description="Same seed, same result."
    )
    calendar: bool = Field(
        False, description="Let the network read the time of day, week and year."
    )
    holidays: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="Let the network read a country's, e.g. DE."
    )
    epochs: _Count | None = Field(None, description="Passes over the data, at most.")

    @property
    def network(self) -> dict[str, Any]:
        """Settings of the LSTM that are said."""
        said = {
            "calendar": self.calendar or None,
            "holidays": self.holidays,
            "epochs": self.epochs,
        }
        return {name: value for name, value in said.items() if value is not None}


class _Timed(_Tested):
    budget: Annotated[str, Field(max_length=20)] | float | None = Field(
        None, description="Time that it may take: 60, 60s, 5m."
    )


class Forecast(_Timed):
    """``POST /v1/forecast``."""

    kind = "forecast"
    models: _Models = Field(
        ["auto"],
        description="auto, or any of lstm, eslstm, ensemble, holt-winters, theta, naive, "
        "seasonal-naive, drift, naive2, auto-ets, auto-arima, auto-theta.",
    )


class Fit(_Timed):
    """``POST /v1/models``: a forecast whose model is kept under a name."""

    kind = "fit"
    name: Annotated[str, Field(pattern=NAME)] = Field(description="What to call the model.")
    model: _Model = Field("auto", description="Which model; auto tests several and chooses.")


class Backtest(_Tested):
    """``POST /v1/backtest``."""

    kind = "backtest"
    windows: Annotated[int, Field(ge=1, le=1_000)] = Field(5, description="From how many cutoffs.")
    step_size: _Count | None = Field(
        None, description="Steps between them; the horizon by default."
    )
    refit: bool = Field(True, description="Fit at every cutoff, or at the first only.")
    input_size: Annotated[int, Field(ge=3, le=10**9)] | None = Field(
        None, description="Fit on so many values before a cutoff; else on all."
    )
    adaptive: bool = Field(False, description="Intervals follow how often they held.")
    level: _Levels = Field([90.0], description="Intervals in per cent.")
    models: _Models = Field(["naive", "seasonal-naive", "theta", "holt-winters", "lstm"])


class Predict(Asked):
    """``POST /v1/models/{name}/predict``; without data, the fitted series go on."""

    kind = "predict"
    needs_data = False
    h: _Count | None = Field(None, description="Steps; by default as many as it was trained for.")
    level: _Levels | None = Field(None, description="Intervals in per cent; by default as saved.")
    series: Annotated[list[_Heading], BeforeValidator(_split), Field(max_length=10_000)] | None = (
        Field(None, description="Only these series.")
    )


class Keep(BaseModel):
    """``POST /v1/models`` of a job that is done."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: Annotated[str, Field(pattern=NAME)]
    job: Annotated[str, Field(max_length=64)]


def asked_of(kind: type[Any], said: dict[str, Any], *, text: bool = False) -> Any:
    """Check settings.

    Parameters
    ----------
    kind : type
        One of the models here.
    said : dict
        The settings by name.
    text : bool
        Whether they are from a form or an address, where everything is text.

    Raises
    ------
    Refusal
        Which names the first of them that is wrong.
    """
    try:
        return kind.model_validate(said, strict=not text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(map(str, first["loc"][:2]))[:200]
        if first["type"] == "extra_forbidden":
            fields = ", ".join(kind.model_fields)
            raise Refusal(
                422, "There is no such setting.", value=name, fix=f"There are: {fields}."
            ) from None
        if first["type"] == "missing":
            about = kind.model_fields[name].description or ""
            raise Refusal(422, f"{name} is missing.", fix=f"Give {name}: {about}") from None
        raise Refusal(
            422,
            f"{name} cannot be this: {first['msg'][0].lower()}{first['msg'][1:]}.",
            value=repr(first["input"])[:200],
            fix=_about(kind, str(first["loc"][0])),
        ) from None


def _about(kind: type[Any], name: str) -> str | None:
    field = kind.model_fields.get(name)
    return field.description if field else None
