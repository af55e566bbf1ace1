"""One safe file a model: arrays and JSON in the safetensors format. Nothing is ever unpickled."""

from __future__ import annotations

import json
import os
from os import PathLike
from typing import TYPE_CHECKING, Any

from gatecast.atomic import write_whole
from gatecast.errors import ArtifactError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FORMAT_VERSION", "read", "write"]

FORMAT_VERSION = 4
"""Raised when older libraries could no longer read a file; older files are always read."""

_KEY = "gatecast"


def write(
    path: str | PathLike[str], arrays: dict[str, NDArray[np.generic]], metadata: dict[str, Any]
) -> None:
    """Write arrays and JSON-safe metadata to one file.

    Parameters
    ----------
    path : path-like
        Where to; replaced in one step, so that nobody ever sees half a file.
    arrays : dict of str to ndarray
        Numeric arrays.
    metadata : dict
        JSON-safe values; the format and library versions are added.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    import numpy as np
    from safetensors.numpy import save

    from gatecast.version import __version__

    described = {"format_version": FORMAT_VERSION, "library_version": __version__, **metadata}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_whole(path, save(contiguous, {_KEY: json.dumps(described, allow_nan=False)}))


def read(path: str | PathLike[str]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what :func:`write` wrote.

    Parameters
    ----------
    path : path-like
        Any file; it is not trusted.

    Returns
    -------
    arrays : dict of str to ndarray
    metadata : dict

    Raises
    ------
    ArtifactError
        When the file is truncated, foreign or written by a newer version.
    OSError
        When the file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    with open(path, "rb"):  # a clear OSError for a missing file, a folder or a lack of rights
        pass
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            described = (file.metadata() or {}).get(_KEY)
            if described is None:
                raise ArtifactError(
                    "This is a safetensors file, but not a gatecast model.",
                    value=os.fspath(path),
                    fix="Give a file that model.save or 'gatecast forecast --save' wrote.",
                )
            metadata = json.loads(described)
            _check_version(path, metadata)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (
        *(SafetensorError, ValueError, TypeError, RecursionError, OverflowError),
        AttributeError,  # a type of numbers that NumPy does not have
    ) as error:
        raise ArtifactError(
            f"This is not a whole gatecast model file ({error}).",
            value=os.fspath(path),
            fix="It may be truncated or of another kind; save the model again.",
        ) from error
    return arrays, metadata


def _check_version(path: str | PathLike[str], metadata: Any) -> None:
    version = metadata.get("format_version") if isinstance(metadata, dict) else None
    if not isinstance(version, int) or version < 1:
        raise ArtifactError(
            "This model file does not say which format it has.", value=os.fspath(path)
        )
    if version > FORMAT_VERSION:
        raise ArtifactError(
            f"This model file has format {version}; this gatecast reads up to {FORMAT_VERSION}.",
            value=f"{os.fspath(path)}, written by gatecast {metadata.get('library_version')}",
            fix="Upgrade: pip install --upgrade gatecast",
        )
