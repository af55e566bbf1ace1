"""What the gates of a trace amount to: how long units remember, what they follow, when they reset.

Nothing here has words; :mod:`gatecast.report.gates_words` says it. What is said of a season has to
be beyond chance, since with two seasons in a window any noise seems to repeat itself a little.

*Follows the season*: the changes of what a unit shows are like those a season before. ``r`` is
their correlation, without means, over ``N`` pairs. By Bartlett's formula ``N / (1 + 2 sum r_j**2)``
of them are worth as much as independent ones, where ``r_j`` is the autocorrelation of the changes;
the sum goes over a quarter of a season, because the season's own is not to count. Fisher's
``atanh(r) sqrt(n - 1)`` must exceed 2.8, and ``r`` must fall in between: what is alike at all lags
is slow, and no season.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gatecast.plain import written

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.gates.trace import Trace

    Doubles = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = [
    "Event",
    "Leaning",
    "Role",
    "Unit",
    "can_tell_season",
    "describe_units",
    "find_events",
    "half_of_influence",
    "leanings",
    "long_memory",
    "n_observed",
    "plain_fields",
    "season_steps",
    "share_of_influence",
    "unit_columns",
]

Role = Literal["remembers", "season", "resets", "reacts"]

_CLEAR = 2.8  # standard errors: of noise, one network of 20 units in 30 has such a unit
_FEWEST_PAIRS = 8  # of changes a season apart; fewer tell nothing
_MOSTLY = 0.5  # of the variance, for a unit that follows the season
_STILL = 1e-6  # a unit that moves less has no movement to explain
_HALF = 0.5  # a reset keeps less than this share of what is usually kept
_OUTLYING = 4.0  # and lies so many robust standard deviations below
_KEEPS = 1 / 3  # a unit that usually keeps less has nothing to reset
_RARE = 0.1  # of the steps: what is more frequent is no event
_NORMAL = 1.4826  # a normal deviation for each median absolute one


@dataclass(frozen=True)
class Unit:
    """What one unit did.

    Parameters
    ----------
    layer, unit : int
        Its place, from 0.
    memory_length : float
        In steps; see :attr:`gatecast.Trace.memory_length`.
    forget, input, output : float
        Means of the gates over time.
    season_share : float
        The share of the variance of what it shows that the position in the season explains, less
        what chance would explain; NaN where there are fewer than two seasons, or no movement.
    follows_season : bool
        Whether it is at least half of the variance, and beyond chance.
    resets : tuple of int
        Steps at which it threw away most of what it held, against its habit.
    role : {"resets", "season", "remembers", "reacts"}
        The first of these that is true; "reacts" where none of the others is.
    """

    layer: int
    unit: int
    memory_length: float
    forget: float
    input: float
    output: float
    season_share: float
    follows_season: bool
    resets: tuple[int, ...]
    role: Role


@dataclass(frozen=True)
class Event:
    """A step at which units reset."""

    step: int
    n_units: int


@dataclass(frozen=True)
class Leaning:
    """By how much a forecast moves for each unit that the value of an input step is larger."""

    step: int
    influence: float


def season_steps(trace: Trace) -> int:
    """Return the season in steps of the network; 1 where it has none that it could see."""
    whole, rest = divmod(trace.season_length, trace.patch_size)
    return whole if rest == 0 and whole > 1 else 1


def n_observed(trace: Trace) -> int:
    """Return how many steps there are before the horizon."""
    if not len(trace.future_ds):
        return len(trace.ds)
    return int((trace.ds < trace.future_ds[0]).sum())


def can_tell_season(trace: Trace) -> bool:
    """Whether the window is long enough to tell what follows the season from chance."""
    m, n = season_steps(trace), len(trace.ds)
    return m > 1 and 2 * m <= n and _pairs(n, m) >= _FEWEST_PAIRS


def describe_units(trace: Trace) -> list[Unit]:
    """Describe every unit, layer by layer.

    Parameters
    ----------
    trace : Trace
        What the network did.

    Returns
    -------
    list of Unit
    """
    season, long = season_steps(trace), long_memory(trace)
    found = []
    for layer, memory in enumerate(trace.memory_length):
        shares, beyond = _seasons(trace.hidden[layer].astype(np.float64), season)
        resets = _resets(
            trace.forget[layer].astype(np.float64),
            trace.cell[layer].astype(np.float64),
            trace.dilations[layer],
        )
        gates = [gate[layer].mean(axis=0) for gate in (trace.forget, trace.input, trace.output)]
        for unit in range(len(memory)):
            follows = bool(beyond[unit] and shares[unit] >= _MOSTLY)
            steps = tuple(np.flatnonzero(resets[:, unit]).tolist())
            role: Role = "remembers" if memory[unit] >= long else "reacts"
            role = "resets" if steps else "season" if follows else role
            found.append(
                Unit(
                    layer=layer,
                    unit=unit,
                    memory_length=float(memory[unit]),
                    forget=float(gates[0][unit]),
                    input=float(gates[1][unit]),
                    output=float(gates[2][unit]),
                    season_share=float(shares[unit]),
                    follows_season=follows,
                    resets=steps,
                    role=role,
                )
            )
    return found


def find_events(units: list[Unit]) -> list[Event]:
    """Return the steps at which units reset, those with most units first."""
    steps = [step for unit in units for step in unit.resets]
    counted = [Event(step, steps.count(step)) for step in sorted(set(steps))]
    return sorted(counted, key=lambda event: -event.n_units)


def leanings(trace: Trace, k: int, most: int = 3) -> list[Leaning]:
    """Return the input steps that one forecast step leans on most.

    Parameters
    ----------
    trace : Trace
        What the network did.
    k : int
        The forecast step, from 0.
    most : int
        How many steps; those with less than a tenth of the largest influence are left out.

    Returns
    -------
    list of Leaning
        The largest influence first, whatever its sign.
    """
    influence = _influence(trace)[k]
    size = np.abs(influence)
    order = np.argsort(-size, kind="stable")[:most]
    return [
        Leaning(int(t), float(influence[t]))
        for t in order
        if size[t] > 0 and size[t] >= 0.1 * size[order[0]]
    ]


def half_of_influence(trace: Trace, k: int) -> int:
    """Return how many of the newest steps have half of all influence on a forecast step."""
    size = np.abs(_influence(trace)[k])[: n_observed(trace)][::-1]
    total = size.sum()
    return int(np.searchsorted(np.cumsum(size), total / 2) + 1) if total > 0 else 0


def share_of_influence(trace: Trace, n: int) -> float:
    """Return the share of all influence that the newest steps have, over all forecast steps."""
    size = np.abs(_influence(trace))[:, : n_observed(trace)]
    total = size.sum()
    return float(size[:, -n:].sum() / total) if total > 0 else math.nan


def _influence(trace: Trace) -> Doubles:
    return np.nan_to_num(trace.attribution, nan=0.0, posinf=0.0, neginf=0.0)


def long_memory(trace: Trace) -> float:
    """Return the steps from which on a memory is long: a season, or a quarter of the window."""
    season, n = season_steps(trace), len(trace.ds)
    return season if 1 < season < n else n / 4


def _seasons(shown: Doubles, m: int) -> tuple[Doubles, NDArray[np.bool_]]:
    """Say of each unit what the season explains of it, and whether that is beyond chance.

    Parameters
    ----------
    shown : ndarray
        ``[time, units]``.
    m : int
        Steps in a season.
    """
    n, units = shown.shape
    if m < 2 or n < 2 * m:
        return np.full(units, np.nan), np.zeros(units, bool)
    moves = shown.std(axis=0) > _STILL
    share = np.where(moves, _explained(shown[_begin(n, m) :], m), np.nan)
    if _pairs(n, m) < _FEWEST_PAIRS:
        return share, np.zeros(units, bool)
    changes = np.diff(shown[_begin(n, m) :], axis=0)
    r = np.stack([_alike(changes, lag) for lag in range(1, m + 1)])
    at_season, between = r[-1], r[:-1]
    worth = 1 + 2 * (r[: m // 4] ** 2).sum(axis=0)
    independent = np.maximum(_pairs(n, m) / worth - 1, 0.0)
    z = np.arctanh(np.minimum(at_season, 1 - 1e-12)) * np.sqrt(independent)
    falls = between.min(axis=0, initial=1.0) < 0.5 * at_season
    return share, moves & falls & (z > _CLEAR)


def _begin(n: int, m: int) -> int:
    """Return the first step that counts: before, states come from nothing, not from the series."""
    return min(m // 4, n - 2 * m + m // 4)


def _pairs(n: int, m: int) -> int:
    return n - _begin(n, m) - 1 - m


def _alike(changes: Doubles, lag: int) -> Doubles:
    """Return the correlation of changes with those a lag before, without means, by unit."""
    early, late = changes[:-lag], changes[lag:]
    size = np.sqrt((early**2).sum(axis=0) * (late**2).sum(axis=0))
    return np.asarray((early * late).sum(axis=0) / np.maximum(size, 1e-300))


def _explained(shown: Doubles, m: int) -> Doubles:
    """Return the share of variance that positions in the season explain, adjusted, by unit.

    A straight line is taken out first. The adjustment is that of an analysis of variance: noise
    has 0 in the mean.
    """
    n = len(shown)
    t = np.arange(n) - (n - 1) / 2
    level = shown - shown.mean(axis=0)
    level -= np.outer(t, t @ level / (t @ t))
    position = np.arange(n) % m
    counts = np.bincount(position, minlength=m)
    means = np.zeros((m, shown.shape[1]))
    np.add.at(means, position, level)
    means /= counts[:, None]
    total = (level**2).sum(axis=0)
    rest = ((level - means[position]) ** 2).sum(axis=0)
    spare = max(n - m - 1, 1)
    return np.asarray(1 - rest / spare / np.maximum(total / (n - 2), 1e-300))


def _resets(forget: Doubles, cell: Doubles, dilation: int) -> NDArray[np.bool_]:
    """Say where units threw away most of what they held, against their habit: ``[time, units]``."""
    usual = np.median(forget, axis=0)
    spread = _NORMAL * np.median(np.abs(forget - usual), axis=0)
    low = (forget < _HALF * usual) & (forget < usual - _OUTLYING * spread) & (usual > _KEEPS)
    held = np.zeros_like(cell)
    held[dilation:] = np.abs(cell[:-dilation])
    had = held >= np.median(np.abs(cell), axis=0)
    found = low & had & (held > 0)
    return np.asarray(found & (found.mean(axis=0) <= _RARE))


def unit_columns(units: list[Unit], ds: NDArray[Any]) -> dict[str, list[Any]]:
    """Return the columns of a frame of units, but for what has words."""
    return {
        "layer": [unit.layer for unit in units],
        "unit": [unit.unit for unit in units],
        "memory_length": [unit.memory_length for unit in units],
        "forget": [unit.forget for unit in units],
        "input": [unit.input for unit in units],
        "output": [unit.output for unit in units],
        "season_share": [unit.season_share for unit in units],
        "n_resets": [len(unit.resets) for unit in units],
        "resets": [list(ds[list(unit.resets)]) for unit in units],
    }


def plain_fields(trace: Trace) -> dict[str, Any]:
    """Return the fields of a trace as plain lists, numbers and text."""
    gates = ("forget", "input", "output", "candidate", "cell", "hidden")
    return {
        "unique_id": trace.unique_id,
        "model": trace.model,
        "frequency": None if trace.frequency is None else str(trace.frequency),
        "season_length": trace.season_length,
        "patch_size": trace.patch_size,
        "dilations": list(trace.dilations),
        "ds": written(trace.ds),
        "y": trace.y.tolist(),
        "future_ds": written(trace.future_ds),
        "forecast": trace.forecast.tolist(),
        "inputs": _short(trace.inputs),
        **{name: [_short(layer) for layer in getattr(trace, name)] for name in gates},
        "memory_length": [layer.tolist() for layer in trace.memory_length],
        "attribution": trace.attribution.tolist(),
    }


def _short(values: NDArray[np.float32]) -> Any:
    """Return float32 with the digits that it has, not those of the float64 beside it."""
    return [[float(str(value)) for value in row] for row in values]
