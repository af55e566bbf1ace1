"""Exponential smoothing inside a network in float64 NumPy: slow, obvious, one series at a time.

The letters are those of oracle.py; n values of a series, m steps of a season. A series' own
parameters are one vector: the logits of its coefficients, level first, then each season's initial
values. Everything between them and what the network reads is smooth, so that its derivatives come
from complex steps: f(p + ie) = f(p) + ie f'(p), exact to rounding for a tiny e, and no recursion is
ever run backwards here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import oracle
from .oracle import Array

_TINY = 1e-30
EPOCH = 5  # the engine's Purpose::kEpoch


@dataclass(frozen=True)
class Hybrid:
    seasons: tuple[int, ...] = ()
    context_length: int = 4
    horizon: int = 2
    positions: int = 1000  # the newest of a series that the network goes through, at most
    level_penalty: float = 0.0

    @property
    def n_parameters(self) -> int:
        return 1 + len(self.seasons) + sum(self.seasons)


@dataclass(frozen=True)
class Series:
    values: Array  # [n], NaN where one is missing
    own: Any  # [n_parameters], float64, or complex128 to differentiate
    weight: float
    future: Array  # [n, n_future], a row for each value
    constant: Array  # [n_static]


@dataclass(frozen=True)
class Smoothed:
    level: Any  # [n]
    z: Any  # [n]: the values without their seasons
    season: list[Any]  # by season [n + m]: beyond the end, what is known then

    def ahead(self, t: int, k: int) -> Any:
        """All seasons together at position t + k as they are known at t."""
        total = 0.0
        for s in self.season:
            m = len(s) - len(self.level)
            total = total + s[t + 1 + (k - 1) % m]
        return total


def smooth(hybrid: Hybrid, series: Series) -> Smoothed:
    values, own, k = series.values, series.own, len(hybrid.seasons)
    a, *c = 1 / (1 + np.exp(-own[: 1 + k]))
    level, z = np.zeros((2, len(values)), own.dtype)
    season, at = [], 1 + k
    for m in hybrid.seasons:
        season.append(np.zeros(len(values) + m, own.dtype))
        season[-1][:m] = own[at : at + m]
        at += m
    before = None  # the level, once there was a value
    for t, v in enumerate(values):
        now = [s[t] for s in season]
        if np.isnan(v):  # corrects nothing
            level[t] = z[t] = 0.0 if before is None else before
            for s, m in zip(season, hybrid.seasons, strict=True):
                s[t + m] = s[t]
            continue
        z[t] = v - sum(now)
        level[t] = before = z[t] if before is None else a * z[t] + (1 - a) * before
        for j, (s, m) in enumerate(zip(season, hybrid.seasons, strict=True)):
            others = sum(now) - now[j]
            s[t + m] = c[j] * (v - level[t] - others) + (1 - c[j]) * now[j]
    return Smoothed(level, z, season)


def positions(hybrid: Hybrid, n: int, *, to_end: bool = False, left_out: int = 0) -> range:
    """Those that the network goes through: to the last with a target, or to the end."""
    end = n if to_end else n - 1
    # A short series gives up some of its context, so that one whole horizon lies behind it.
    first = min(hybrid.context_length - 1, max(n - 1 - hybrid.horizon, 0))
    return range(max(first, end - hybrid.positions) + left_out, end)


def philox(seed: int, purpose: int, stream: int) -> Iterator[int]:
    """The engine's random numbers of 32 bits: Philox 4x32-10 (Salmon et al., 2011)."""
    low = 2**32 - 1
    for index in itertools.count():
        x, key = [index & low, index >> 32, stream, purpose], [seed & low, seed >> 32]
        for _ in range(10):
            a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
            x = [b >> 32 ^ x[1] ^ key[0], b & low, a >> 32 ^ x[3] ^ key[1], a & low]
            key = [key[0] + 0x9E3779B9 & low, key[1] + 0xBB67AE85 & low]
        yield from x


def left_out(hybrid: Hybrid, lengths: Sequence[int], seed: int, epoch: int) -> list[int]:
    """How many of each series' positions an epoch, from 1, leaves out at the beginning.

    Any number that leaves a horizon is as likely as another.
    """
    numbers = philox(seed, EPOCH, epoch)

    def below(n: int) -> int:
        """The high half of a product, drawn again where that is not fair (Lemire, 2019)."""
        products = (n * number for number in numbers)
        return next(p for p in products if p % 2**32 >= 2**32 % n) >> 32

    spare = [len(positions(hybrid, n)) - hybrid.horizon for n in lengths]
    return [below(s + 1) if s > 0 else 0 for s in spare]


@dataclass(frozen=True)
class Steps:
    """What the network reads at each position of a series, and what it is asked for."""

    x: Any  # [T, I]
    y: Any  # [T, h]
    counts: NDArray[np.bool_]  # [T, h]


def steps_of(hybrid: Hybrid, series: Series, *, to_end: bool = False, left_out: int = 0) -> Steps:
    n, C, h = len(series.values), hybrid.context_length, hybrid.horizon
    s, where = smooth(hybrid, series), positions(hybrid, n, to_end=to_end, left_out=left_out)
    x, y, counts = [], np.zeros((len(where), h), series.own.dtype), np.zeros((len(where), h), bool)
    for j, t in enumerate(where):
        context = [s.z[i] - s.level[t] if i >= 0 else 0.0 for i in range(t - C + 1, t + 1)]
        x.append([*context, *series.future[t], *series.constant])
        for k in range(1, h + 1):
            if t + k < n and not np.isnan(series.values[t + k]):
                y[j, k - 1] = series.values[t + k] - s.level[t] - s.ahead(t, k)
                counts[j, k - 1] = True
    return Steps(np.array(x, series.own.dtype), y, counts)


def penalty(hybrid: Hybrid, series: Series) -> Any:
    """Of the level's second differences."""
    bends = np.diff(smooth(hybrid, series).level, 2)
    return hybrid.level_penalty * (bends**2).mean() if len(bends) else 0.0


@dataclass(frozen=True)
class Network:
    """One that puts out h targets at every step."""

    parameters: oracle.Parameters
    dilations: oracle.Dilations = ()

    def outputs(self, x: Array) -> Array:
        """[1, T * h * Q] from x [T, I]."""
        form: dict[str, Any] = {"head_steps": oracle.EVERY_STEP, "dilations": self.dilations}
        return oracle.forward(self.parameters, x[None], **form)[0]


@dataclass(frozen=True)
class SeriesGradients:
    count: int  # of targets
    loss: float  # their mean, without the penalty
    parameters: oracle.Parameters  # the mean loss's gradient by the network
    own: Array  # by the series' own parameters, that of the mean loss and the penalty


def loss_of(network: Network, steps: Steps, loss: oracle.Loss) -> float:
    """The mean over the targets that there are."""
    counts = np.float64(steps.counts.reshape(1, -1))
    return loss.evaluate(network.outputs(steps.x), steps.y.reshape(1, -1), counts)[0]


def series_loss(network: Network, hybrid: Hybrid, series: Series, loss: oracle.Loss) -> float:
    """A series' mean loss with its penalty: what its own parameters descend."""
    return loss_of(network, steps_of(hybrid, series), loss) + float(penalty(hybrid, series))


def series_gradients(
    network: Network,
    hybrid: Hybrid,
    series: Series,
    loss: oracle.Loss,
    masks: list[Array] | None = None,
    left_out: int = 0,
) -> SeriesGradients:
    steps = steps_of(hybrid, series, left_out=left_out)
    if not steps.counts.any():  # nothing is learnt from it
        zero = {name: np.zeros_like(p) for name, p in network.parameters.items()}
        return SeriesGradients(0, 0.0, zero, np.zeros(hybrid.n_parameters))
    y, weights = steps.y.reshape(1, -1), np.float64(steps.counts.reshape(1, -1))
    at = oracle.gradients(
        network.parameters,
        steps.x[None],
        y,
        loss,
        weights,
        masks=masks or (),
        head_steps=oracle.EVERY_STEP,
        dilations=network.dilations,
    )
    # A target weighs on the loss as its outputs do, with the other sign.
    _, slope = loss.evaluate(at.outputs, y, weights)
    dy = -slope.reshape(*steps.y.shape, -1).sum(axis=2)
    own = np.zeros(hybrid.n_parameters)
    for p in range(len(own)):
        moved = series.own.astype(complex)
        moved[p] += 1j * _TINY
        there = replace(series, own=moved)
        moved_steps = steps_of(hybrid, there, left_out=left_out)
        dx, dtarget = moved_steps.x.imag / _TINY, moved_steps.y.imag / _TINY
        own[p] = (at.x[0] * dx).sum() + (dy * dtarget).sum()
        own[p] += np.imag(penalty(hybrid, there)) / _TINY
    return SeriesGradients(int(steps.counts.sum()), at.loss, at.parameters, own)


def forecast(network: Network, hybrid: Hybrid, series: Series) -> Array:
    """[h, Q] on the values' own scale."""
    steps, s = steps_of(hybrid, series, to_end=True), smooth(hybrid, series)
    last, h = len(series.values) - 1, hybrid.horizon
    ahead = np.array([s.ahead(last, k) for k in range(1, h + 1)])
    outputs = network.outputs(steps.x).reshape(len(steps.x), h, -1)[-1]
    return outputs + s.level[last] + ahead[:, None]
