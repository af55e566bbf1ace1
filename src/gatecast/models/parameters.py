"""A network's weights by name, and in one vector again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from gatecast import _core

__all__ = ["by_name", "flattened"]


def by_name(network: _core.Network, weights: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return views of the flat vector ``[n_parameters]`` by PyTorch's names."""
    return {
        name: weights[offset : offset + math.prod(shape)].reshape(shape)
        for name, shape, offset in network.layout()
    }


def flattened(network: _core.Network, arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Return the flat vector of arrays that are not trusted: a ValueError if they do not fit."""
    parts = []
    for name, shape, _ in network.layout():
        array = arrays[name]
        if array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
            raise ValueError(f"{name} should be {math.prod(shape)} finite float32 numbers")
        parts.append(array.ravel())
    return np.concatenate(parts)
