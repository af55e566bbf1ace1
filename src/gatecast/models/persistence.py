"""Models to files and back."""

from __future__ import annotations

from dataclasses import asdict, fields
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from gatecast import artifact
from gatecast.errors import ArtifactError, GatecastError, MissingExtraError
from gatecast.frequency import Frequency
from gatecast.models import KINDS
from gatecast.models.forecaster import Fitted, Forecaster
from gatecast.models.inputs import Inputs
from gatecast.models.lstm import LSTM, Network
from gatecast.models.parameters import flattened
from gatecast.panel import Columns, Intake, Panel, from_metadata

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["load", "save"]

Arrays = dict[str, "NDArray[Any]"]

_NUMBERS = tuple(field.name for field in fields(Network) if field.type in ("int", "float"))
_NONSENSE = (
    GatecastError,
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
_PANEL = "panel."  # before the names of the arrays of the series
_DEEPEST = 4  # models within models


def save(model: Forecaster, path: str | PathLike[str], *, context: bool = True) -> None:
    """Write a fitted model; see :meth:`gatecast.LSTM.save`."""
    metadata, arrays = _described(model)
    panel = model.fitted.panel
    if context and panel is not None:
        metadata["panel"] = panel.metadata()
        arrays |= {_PANEL + name: array for name, array in panel.arrays().items()}
    artifact.write(path, arrays, metadata)


def load(path: str | PathLike[str]) -> Any:
    """Read a model that :meth:`gatecast.LSTM.save` or that of another model wrote.

    Parameters
    ----------
    path : path-like
        The file; it is not trusted, and nothing in it is ever executed.

    Returns
    -------
    LSTM, HoltWinters, ...
        Fitted, with the same forecasts bit for bit.

    Raises
    ------
    ArtifactError
        When the file is truncated, foreign, damaged or written by a newer version.
    MissingExtraError
        When the model reads holidays and the package that knows them is not installed.
    OSError
        When the file cannot be read.
    """
    arrays, metadata = artifact.read(path)
    try:
        panel = None
        if "panel" in metadata:
            panel = from_metadata(metadata["panel"], _within(_PANEL, arrays))
        return _restored(metadata, arrays, panel)
    except MissingExtraError:
        raise
    except _NONSENSE as error:
        raise ArtifactError(
            f"This model file is damaged: {type(error).__name__}, {error}",
            value=fspath(path),
            fix="Save the model again.",
        ) from error


def _described(model: Forecaster) -> tuple[dict[str, Any], Arrays]:
    """Say all of a model but its series."""
    fitted = model.fitted
    metadata: dict[str, Any] = {
        "model": type(model).__name__,
        "config": model.config.to_dict(),
        "intake": asdict(fitted.intake),
        "frequency": None if fitted.frequency is None else asdict(fitted.frequency),
    }
    if isinstance(model, LSTM):
        network: Network = fitted
        metadata |= {
            "fitted": {name: getattr(network, name) for name in _NUMBERS},
            "precision": network.precision,
            "history": network.history,
            "mask": network.mask,
            "encoding": None if network.encoding is None else network.encoding.to_dict(),
        }
        return metadata, {**model.parameters_}
    state, arrays = model.state()
    metadata["state"] = state
    members = []
    for place, member in enumerate(model.members):
        described, own = _described(member)
        members.append(described)
        arrays |= {f"{place}.{name}": array for name, array in own.items()}
    if members:
        metadata["members"] = members
    return metadata, arrays


def _restored(
    metadata: dict[str, Any], arrays: Arrays, panel: Panel | None, depth: int = 0
) -> Forecaster:
    """Make a model of what a file says; any of several exceptions if it makes no sense."""
    if (name := metadata["model"]) not in KINDS or depth > _DEEPEST:
        raise ValueError(f"it holds an unknown model, {name!r}")
    intake, frequency = _intake(metadata), metadata["frequency"]
    if panel is not None and panel.columns.covariates != intake.columns.covariates:
        raise ValueError("its series have other covariates")
    frequency = None if frequency is None else Frequency(**frequency)
    fitted = Fitted(intake, frequency, panel)
    kind: type[Forecaster] = KINDS[name]()
    members = [
        _restored(one, _within(f"{place}.", arrays), panel, depth + 1)
        for place, one in enumerate(metadata.get("members", ()))
    ]
    if members:
        model = kind.of_members(members, metadata["config"])
    else:
        model = kind.from_settings(metadata["config"])
    if isinstance(model, LSTM):
        model.adopt(_network(model, fitted, arrays, metadata))
    else:
        model.restore(fitted, metadata["state"], arrays)
    return model


def _within(prefix: str, arrays: Arrays) -> Arrays:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _network(model: LSTM, fitted: Fitted, arrays: Arrays, metadata: dict[str, Any]) -> Network:
    """What the file says of the fit; any of several exceptions if it makes no sense."""
    numbers = metadata["fitted"]
    for name in _NUMBERS:
        kind = float if name == "seconds" else int
        if type(numbers[name]) is not kind or not 0 <= numbers[name] < 2**53:
            raise ValueError(f"{name} is {numbers[name]!r}")
    # The config checks the lengths that the engine will trust.
    model.config.replace(
        context_length=numbers["context_length"], season_length=numbers["season_length"]
    )
    # Files from before there was a choice do not say it.
    if (precision := metadata.get("precision", "float32")) not in ("float32", "bfloat16"):
        raise ValueError(f"precision is {precision!r}")
    if model.config.precision not in ("auto", precision):
        raise ValueError(f"precision is {precision!r}, asked was {model.config.precision!r}")
    # Files of the first format know neither masks nor covariates.
    mask = metadata.get("mask", False)
    if type(mask) is not bool:
        raise ValueError(f"mask is {mask!r}")
    saved = metadata.get("encoding")
    encoding = None
    if saved is not None:
        from gatecast.features import Encoding

        encoding = Encoding.from_dict(saved)
    config = model.config
    if (
        (encoding is None) == config.describes
        or (config.reads_on and not mask)
        or (encoding and encoding.calendar and not config.calendar)
        or (encoding and (encoding.holidays is None) != (config.holidays is None))
    ):
        raise ValueError("its covariates do not fit its settings")
    inputs = Inputs(config, mask, encoding)
    if fitted.panel is not None:
        inputs.read(fitted.panel)  # fails if they do not fit the encoding
    history = {
        name: [float(loss) for loss in metadata["history"][name]]
        for name in ("loss", "val_loss")
        if name in metadata["history"]
    }
    return Network(
        intake=fitted.intake,
        frequency=fitted.frequency,
        panel=fitted.panel,
        weights=flattened(inputs.network(inputs.config.network_horizon, "float32"), arrays),
        **{name: numbers[name] for name in _NUMBERS},
        precision=precision,
        history=history,
        mask=mask,
        encoding=encoding,
    )


def _intake(metadata: dict[str, Any]) -> Intake:
    if "intake" not in metadata:  # of the first format
        return Intake(Columns(**metadata["columns"]))
    settings = dict(metadata["intake"])
    return Intake(**settings | {"columns": Columns(**settings["columns"])})
