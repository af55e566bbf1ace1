"""Models to files and back."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast import artifact
from gatecast.errors import ArtifactError, GatecastError, MissingExtraError
from gatecast.frequency import Frequency
from gatecast.models.config import LSTMConfig
from gatecast.models.inputs import Inputs
from gatecast.models.lstm import LSTM, Fitted
from gatecast.panel import Columns, Intake, from_metadata

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["load", "save"]

_NUMBERS = tuple(field.name for field in fields(Fitted) if field.type in ("int", "float"))
_NONSENSE = (
    GatecastError,
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
)
_PANEL = "panel."  # before the names of the arrays of the series' ends


def save(model: LSTM, path: str | PathLike[str], *, context: bool = True) -> None:
    """Write a fitted model; see :meth:`gatecast.LSTM.save`."""
    fitted = model.fitted
    arrays: dict[str, NDArray[Any]] = {**model.parameters_}
    metadata: dict[str, Any] = {
        "model": "LSTM",
        "config": model.config.to_dict(),
        "fitted": {name: getattr(fitted, name) for name in _NUMBERS},
        "precision": fitted.precision,
        "history": fitted.history,
        "intake": asdict(fitted.intake),
        "mask": fitted.mask,
        "encoding": None if fitted.encoding is None else fitted.encoding.to_dict(),
        "frequency": None if fitted.frequency is None else asdict(fitted.frequency),
    }
    if context and fitted.panel is not None:
        metadata["panel"] = fitted.panel.metadata()
        arrays |= {_PANEL + name: array for name, array in fitted.panel.arrays().items()}
    artifact.write(path, arrays, metadata)


def load(path: str | PathLike[str]) -> LSTM:
    """Read a model that :meth:`gatecast.LSTM.save` wrote.

    Parameters
    ----------
    path : path-like
        The file; it is not trusted, and nothing in it is ever executed.

    Returns
    -------
    LSTM
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
        if metadata["model"] != "LSTM":
            raise ValueError(f"it holds an unknown model, {metadata['model']!r}")
        model = LSTM.from_config(LSTMConfig.from_dict(metadata["config"]))
        model.adopt(_fitted(model, arrays, metadata))
    except MissingExtraError:
        raise
    except _NONSENSE as error:
        raise ArtifactError(
            f"This model file is damaged: {type(error).__name__}, {error}",
            value=fspath(path),
            fix="Save the model again.",
        ) from error
    return model


def _fitted(model: LSTM, arrays: dict[str, NDArray[Any]], metadata: dict[str, Any]) -> Fitted:
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
    intake = _intake(metadata)
    frequency = metadata["frequency"]
    panel = None
    if "panel" in metadata:
        own = {
            name.removeprefix(_PANEL): a for name, a in arrays.items() if name.startswith(_PANEL)
        }
        panel = from_metadata(metadata["panel"], own)
        if panel.columns.covariates != intake.columns.covariates:
            raise ValueError("its series have other covariates")
        inputs.read(panel)  # fails if they do not fit the encoding
    history = {
        name: [float(loss) for loss in metadata["history"][name]]
        for name in ("loss", "val_loss")
        if name in metadata["history"]
    }
    return Fitted(
        weights=_weights(inputs, arrays),
        **{name: numbers[name] for name in _NUMBERS},
        precision=precision,
        history=history,
        intake=intake,
        frequency=None if frequency is None else Frequency(**frequency),
        mask=mask,
        encoding=encoding,
        panel=panel,
    )


def _intake(metadata: dict[str, Any]) -> Intake:
    if "intake" not in metadata:  # of the first format
        return Intake(Columns(**metadata["columns"]))
    settings = dict(metadata["intake"])
    return Intake(**settings | {"columns": Columns(**settings["columns"])})


def _weights(inputs: Inputs, arrays: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    network = inputs.network(inputs.config.network_horizon, "float32")
    parts = []
    for name, shape, _ in network.layout():
        array = arrays[name]
        if array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
            raise ValueError(f"{name} should be {math.prod(shape)} finite float32 numbers")
        parts.append(array.ravel())
    return np.concatenate(parts)
