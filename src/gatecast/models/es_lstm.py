"""Exponential smoothing and an LSTM as one model, learnt together in the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from gatecast import _core
from gatecast.errors import ConfigError, DataError
from gatecast.models.config import (
    PRECISIONS,
    column_names,
    flag,
    plain,
    quantile_levels,
    real_number,
    require_choice,
    whole_number,
    with_median,
)
from gatecast.models.forecaster import Fitted, Forecaster
from gatecast.models.identity import Identity, require_array
from gatecast.models.inputs import NO_CALENDAR, Prediction
from gatecast.models.parameters import by_name, flattened
from gatecast.models.per_series import Scale, decompose, scale_of
from gatecast.models.transform import Units
from gatecast.panel import MissingFuture, Panel
from gatecast.progress import Progress, epoch_callback

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.features import Encoding
    from gatecast.panel import Doubles, Intake

__all__ = ["ESLSTM", "POSITIONS", "ESLSTMConfig", "default_dilations"]

POSITIONS = 1_000  # of a series that the network goes through, at most
_IN_A_TILE = 1 << 20  # numbers of each series that are read or put out at once, at most
_LAYERS = 100
_STEPS = 1_000  # of the optimiser, about
_NEW_SERIES_EPOCHS = 30  # of smoothing, for a series that was not fitted
_FOLLOWS = 1 / 3  # of an error, a level or season to begin with


@dataclass(frozen=True, kw_only=True)
class ESLSTMConfig:
    """What :class:`gatecast.ESLSTM` was asked for; see there for each setting.

    Raises
    ------
    ConfigError
        When a setting is impossible or two of them contradict each other.

    Examples
    --------
    >>> ESLSTMConfig(h=12, season_length=(24, 12))
    Traceback (most recent call last):
        ...
    gatecast.errors.ConfigError: Two seasons must be two lengths, the second a multiple of the \
first. Got: (24, 12). Use season_length=(24, 168).
    """

    h: int
    season_length: int | tuple[int, int] | None = None
    hidden_size: int = 40
    dilations: tuple[tuple[int, ...], ...] | None = None
    context_length: int | None = None
    quantiles: tuple[float, ...] | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float = 5e-3
    smoothing_learning_rate: float = 2e-2
    level_penalty: float = 0.0
    static_covariates: tuple[str, ...] = ()
    calendar: bool = False
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in _WHOLE.items():
            value = getattr(self, name)
            if not (value is None and name in ("context_length", "batch_size", "epochs")):
                self._set(name, whole_number(name, value, low, high))
        for name, (lowest, highest) in _REAL.items():
            self._set(name, real_number(name, getattr(self, name), lowest, highest))
        require_choice("precision", self.precision, PRECISIONS)
        self._set("season_length", _seasons(self.season_length))
        self._set("dilations", _dilations(self.dilations))
        self._set("calendar", flag("calendar", self.calendar))
        self._set("static_covariates", column_names("static_covariates", self.static_covariates))
        if self.quantiles is not None:
            self._set("quantiles", quantile_levels(self.quantiles))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed, checked anew."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-safe values."""
        return {name: plain(value) for name, value in vars(self).items()}

    @property
    def trained_quantiles(self) -> tuple[float, ...]:
        """The asked quantiles and the median, which is the point forecast; empty without any."""
        return with_median(self.quantiles)


_WHOLE = {
    "h": (1, 100_000),
    "hidden_size": (1, 8192),
    "context_length": (1, 100_000),
    "epochs": (1, 10_000_000),
    "batch_size": (1, 2**30),
    "seed": (0, 2**63 - 1),
}
_REAL = {
    "learning_rate": (1e-12, 1e3),
    "smoothing_learning_rate": (0.0, 1e3),
    "level_penalty": (0.0, 1e12),
}


def _seasons(value: object) -> int | tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
        return whole_number("season_length", value, 1, 100_000)
    lengths = [whole_number("season_length", m, 1, 100_000) for m in value]
    if len(lengths) == 1:
        return lengths[0]
    if len(lengths) != 2 or not 1 < lengths[0] < lengths[1] or lengths[1] % lengths[0]:
        raise ConfigError(
            "Two seasons must be two lengths, the second a multiple of the first.",
            value=repr(tuple(lengths)),
            fix="Use season_length=(24, 168).",
        )
    return lengths[0], lengths[1]


def _above_1(lengths: int | tuple[int, int]) -> tuple[int, ...]:
    return tuple(m for m in (lengths if isinstance(lengths, tuple) else (lengths,)) if m > 1)


def _dilations(value: Any) -> tuple[tuple[int, ...], ...] | None:
    if value is None:
        return None
    fix = "Use dilations=((1, 2), (4, 8)): two blocks of two layers."
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) == 0:
        raise ConfigError("dilations must be blocks of layers.", value=repr(value), fix=fix)
    blocks = [value] if isinstance(value[0], int | np.integer) else value
    if not all(isinstance(b, Sequence) and len(b) > 0 and not isinstance(b, str) for b in blocks):
        raise ConfigError("dilations must be blocks of layers.", value=repr(value), fix=fix)
    if (n := sum(map(len, blocks))) > _LAYERS:
        raise ConfigError(f"dilations must be at most {_LAYERS} layers.", value=n, fix=fix)
    return tuple(tuple(whole_number("dilations", d, 1, 100_000) for d in b) for b in blocks)


@dataclass(frozen=True, eq=False)
class HybridFit(Fitted):
    """What a fit leaves behind.

    Parameters
    ----------
    identity : Identity
        Which series were fitted.
    seasons : tuple of int
        Their season lengths, none or one or two.
    scale : Scale
        How their values are seen.
    own : ndarray
        float64 ``[n_series, parameters]``: the logits of the coefficients, level first, and the
        seasons' initial values.
    weights : ndarray
        float32, the network's.
    dilations : tuple of tuple of int
    context_length, batch_size : int
    precision : str
        What the products are taken in.
    history : list of float
        Training loss by epoch.
    encoding : Encoding or None
        Of static covariates and the calendar; None without any.
    """

    identity: Identity
    seasons: tuple[int, ...]
    scale: Scale
    own: Doubles
    weights: NDArray[np.float32]
    dilations: tuple[tuple[int, ...], ...]
    context_length: int
    batch_size: int
    precision: str
    history: list[float]
    encoding: Encoding | None


class ESLSTM(Forecaster):
    """Holt-Winters inside a network: the hybrid that won the M4 competition, in the engine.

    Each series has a level and none, one or two seasons, smoothed by coefficients of its own; one
    network for all, dilated LSTM layers in residual blocks, forecasts what is above the level once
    the seasons are taken off, at every position of every series. Initial seasons, coefficients and
    the network are learnt together, the gradient running back exactly through the recursion (Smyl
    2020, "A hybrid method of exponential smoothing and recurrent neural networks for time series
    forecasting").

    A series without zeros or negative values is seen as its logarithm, in which seasons that
    multiply add; any other as ``asinh(y / its mean absolute value)``, nearly the same for what is
    large and nearly linear for what is small. What is missing corrects neither level nor season.

    A series that begins as a fitted one did is continued with the parameters it had then, however
    much longer it is now. For any other, smoothing is initialised and fitted on the series alone,
    and the network stays as it is.

    Parameters
    ----------
    h : int
        Horizon; ``predict(h=...)`` may ask for less.
    season_length : int or pair of int, optional
        Steps per season; two of them where the second is a multiple of the first, ``(24, 168)``
        for hours. By default from the frequency of a frame, and none for arrays. 1 is no season.
    hidden_size : int
        Units of each layer.
    dilations : sequence of sequence of int, optional
        Blocks of layers: a layer with dilation d goes on from its state d steps before. Each block
        reads the sum of what the blocks below it put out. By default two blocks of two,
        ``((1, m / 4), (m, 2 m))`` with a season of m, ``((1, 4), (24, 168))`` with two, and
        ``((1, 2), (4, 8))`` without.
    context_length : int, optional
        How many values, as they are above the level, the network reads at a position. By default a
        season but at most two horizons, or the horizon but from 4 to 10 without a season.
    quantiles : sequence of float, optional
        Train these quantiles, and the median always. They never cross.
    epochs : int, optional
        Passes over the series; by default as many as make about a thousand optimiser steps, from 5
        to 40. The learning rate falls along a cosine over them.
    batch_size : int, optional
        Series per optimiser step; by default about a fiftieth of them, from 16 to 64.
    learning_rate, smoothing_learning_rate : float
        Adam's, of the network, and of each series' own parameters.
    level_penalty : float
        Times the mean squared second difference of the level, in typical changes: the larger, the
        straighter the level.
    static_covariates : sequence of str
        Columns that say what a series is.
    calendar : bool
        Read the phases that suit the frequency.
    precision : {"float32", "bfloat16", "auto"}
        Of the operands of the matrix products; as for :class:`gatecast.LSTM`.
    seed : int
        Same seed, same bits, on any number of threads.
    threads : int, optional
        By default ``GATECAST_THREADS`` or all processors.
    progress : bool or callable
        As for :class:`gatecast.LSTM`.

    Attributes
    ----------
    level_ : list of ndarray
        The level along each fitted series, in its units.
    seasonality_ : list of list of ndarray
        By series and season: the index along the series and one season beyond; a factor where
        ``log_`` is true, else in the units of a series about zero.
    smoothing_ : dict of str to ndarray
        ``level`` and ``season`` (and ``season_2``): the coefficients, float64 ``[n_series]``.
    log_ : ndarray
        bool ``[n_series]``: which series are seen as their logarithm.
    parameters_ : dict of str to ndarray
        The network's weights, by PyTorch's names.
    history_ : dict of str to list of float
        ``loss`` of each epoch.

    Raises
    ------
    ConfigError
        When a setting is impossible.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(120)
    >>> y = (100 + t) * (1 + 0.3 * np.sin(2 * np.pi * t / 12))
    >>> model = ESLSTM(6, season_length=12, hidden_size=8, epochs=10).fit(y)
    >>> model.predict().shape
    (6,)
    >>> sorted(model.smoothing_)
    ['level', 'season']
    """

    def __init__(
        self,
        h: int,
        *,
        season_length: int | Sequence[int] | None = None,
        hidden_size: int = 40,
        dilations: Sequence[Sequence[int]] | None = None,
        context_length: int | None = None,
        quantiles: Sequence[float] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 5e-3,
        smoothing_learning_rate: float = 2e-2,
        level_penalty: float = 0.0,
        static_covariates: Sequence[str] = (),
        calendar: bool = False,
        precision: Literal["float32", "bfloat16", "auto"] = "float32",
        seed: int = 0,
        threads: int | None = None,
        progress: Progress = False,
    ) -> None:
        self.config: ESLSTMConfig = ESLSTMConfig(
            h=h,
            season_length=season_length,  # type: ignore[arg-type]
            hidden_size=hidden_size,
            dilations=dilations,  # type: ignore[arg-type]
            context_length=context_length,
            quantiles=quantiles,  # type: ignore[arg-type]
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            smoothing_learning_rate=smoothing_learning_rate,
            level_penalty=level_penalty,
            static_covariates=static_covariates,  # type: ignore[arg-type]
            calendar=calendar,
            precision=precision,
            seed=seed,
        )
        self.threads = threads
        self.progress = progress
        self._fitted: HybridFit | None = None

    def fit_panel(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Train on a :class:`~gatecast.panel.Panel`; :meth:`fit` for data already taken in."""
        given, panel = panel, panel.by_id()
        config = self.config
        if panel.lengths.max() <= 1:
            raise DataError(
                "No series is long enough to train on: it takes at least 2 values.",
                value=f"{int(panel.lengths.max())} values in the longest series",
                fix="Use more data.",
            )
        seasons = self._season_lengths(panel)
        scale = scale_of(panel, seasons)
        encoding = self._fit_encoding(panel)
        batch_size = self._batch_size(panel)
        fit = HybridFit(
            **vars(self.remember(given, intake)),
            identity=Identity.of(panel),
            seasons=seasons,
            scale=scale,
            own=np.empty((0, 0)),
            weights=np.empty(0, np.float32),
            dilations=config.dilations or default_dilations(seasons),
            context_length=config.context_length or _default_context(seasons, config.h),
            batch_size=batch_size,
            precision=config.precision,
            history=[],
            encoding=encoding,
        )
        network = self._network(fit)
        epochs = self.n_epochs(panel)
        with epoch_callback(self.progress, epochs) as callback:
            result, own = _core.fit_hybrid(
                network,
                _core.initialise(network, config.seed, 0.1),
                self._loss,
                self._hybrid(fit, config.smoothing_learning_rate, config.learning_rate),
                scale.seen(panel),
                panel.indptr,
                scale.weight,
                self._initial(panel, fit, scale),
                training=_core.Training(
                    epochs=epochs,
                    batch_size=batch_size,
                    learning_rate=config.learning_rate,
                    clip_norm=1.0,
                    schedule="cosine",
                    seed=config.seed,
                    threads=self.threads or 0,
                ),
                callback=callback,
                features=self._features(fit, panel),
            )
        self._fitted = replace(
            fit,
            own=own,
            weights=result.parameters,
            precision=network.precision,
            history=result.loss,
        )
        if result.error is not None:
            raise result.error
        return self

    def predict_panel(
        self, panel: Panel, h: int, missing_future: MissingFuture = "error"
    ) -> Prediction:
        """Forecast ``h`` steps past the end of a panel's series."""
        self.refuse_cold(panel, ": it has no level to start from")
        scale, seen, features = self._seen(panel)
        outputs = _core.forecast_hybrid(*seen, features=features, threads=self.threads or 0)
        outputs = np.sort(scale.back(outputs)[:, :h], axis=2)  # quantiles never cross
        if np.isnan(outputs).any():
            raise ConfigError(
                "The forecast is not a finite number: the network's weights are too large.",
                fix="Fit with a smaller learning_rate or smoothing_learning_rate.",
            )
        trained = self.config.trained_quantiles
        return Prediction(
            panel,
            outputs,
            np.zeros(outputs.shape[:2], bool),
            middle=trained.index(0.5) if trained else 0,
        )

    def trace_panel(self, panel: Panel, wanted: Sequence[int]) -> tuple[Scale, Any]:
        """Return how a panel's only series is seen, and what :func:`_core.trace_hybrid` does."""
        self.refuse_cold(panel)
        scale, seen, features = self._seen(panel)
        return scale, _core.trace_hybrid(*seen, features=features, wanted=wanted)

    def _seen(self, panel: Panel) -> tuple[Scale, Any, _core.Covariates | None]:
        """Return the scale of a panel's series, and what the engine is to go on with."""
        own, scale = self._own(panel)
        fit = self.fitted
        network, hybrid = self._network(fit), self._hybrid(fit)
        seen = (network, fit.weights, hybrid, scale.seen(panel), panel.indptr, own)
        return scale, seen, self._features(fit, panel)

    def _own(self, panel: Panel) -> tuple[Doubles, Scale]:
        """Return each series' own parameters and scale: what it had, or fitted on it alone."""
        fit = self.fitted
        at = fit.identity.places(panel)
        # A logarithm cannot be taken of what has come since.
        known = (at >= 0) & ~(fit.scale.units.positive[at] & ~Units.of(panel).positive)
        fresh = scale_of(panel.select(~known), fit.seasons) if not known.all() else None
        scale = fit.scale.select(at)
        own = fit.own[at]
        if fresh is not None:
            new = panel.select(~known)
            scale = scale.replaced(~known, fresh)
            own[~known] = self._fit_new(new, fresh)
        return own, scale

    def _fit_new(self, panel: Panel, scale: Scale) -> Doubles:
        fit, config = self.fitted, self.config
        own = self._initial(panel, fit, scale)
        if panel.lengths.max() <= 1 or config.smoothing_learning_rate == 0:
            return own
        result, own = _core.fit_hybrid(
            self._network(fit),
            fit.weights,
            self._loss,
            self._hybrid(fit, config.smoothing_learning_rate),
            scale.seen(panel),
            panel.indptr,
            scale.weight,
            own,
            training=_core.Training(
                epochs=_NEW_SERIES_EPOCHS, batch_size=1024, threads=self.threads or 0, frozen=True
            ),
            features=self._features(fit, panel),
        )
        if result.error is not None:
            raise result.error
        return np.asarray(own)

    @property
    def _loss(self) -> _core.Loss:
        trained = self.config.trained_quantiles
        return _core.Loss("pinball", trained) if trained else _core.Loss("mae")

    def _network(self, fit: HybridFit) -> _core.Network:
        config = self.config
        # No state lies further back than there are positions.
        dilations = [[min(d, POSITIONS) for d in block] for block in fit.dilations]
        inputs = fit.context_length
        if fit.encoding is not None:
            inputs += fit.encoding.n_future + fit.encoding.n_static
        return _core.Network(
            inputs,
            [config.hidden_size] * sum(map(len, dilations)),
            config.h * max(1, len(config.trained_quantiles)),
            precision=fit.precision,
            head_steps=0,
            dilations=dilations,
        )

    def _hybrid(
        self, fit: HybridFit, learning_rate: float = 0.0, shared_rate: float = 0.0
    ) -> _core.Hybrid:
        h, q = self.config.h, max(1, len(self.config.trained_quantiles))
        return _core.Hybrid(
            seasons=fit.seasons,
            context_length=fit.context_length,
            horizon=h,
            # Fewer where contexts or horizons are so long that memory would not hold them.
            positions=max(1, min(POSITIONS, _IN_A_TILE // (fit.context_length + h * q))),
            level_penalty=self.config.level_penalty,
            learning_rate=learning_rate,
            shared_rate=shared_rate,
            random_start=shared_rate > 0,  # only a network can learn by heart
        )

    def _initial(self, panel: Panel, fit: HybridFit, scale: Scale) -> Doubles:
        """A level that follows by a third, seasons by the classical decomposition.

        A season follows by a third too, or less where it is hardly told from chance.
        """
        found = decompose(replace(panel, values=scale.seen(panel)), fit.seasons)
        follows = [np.full(panel.n_series, _FOLLOWS)]
        follows += [np.maximum(_FOLLOWS * certain, 1e-3) for _, certain in found]
        part = np.stack(follows, axis=1)
        indices = [index for index, _ in found]
        return np.ascontiguousarray(np.concatenate([np.log(part / (1 - part)), *indices], axis=1))

    def _season_lengths(self, panel: Panel) -> tuple[int, ...]:
        given = self.config.season_length
        if given is None:
            given = panel.season_length
        return _above_1(given)

    def _fit_encoding(self, panel: Panel) -> Encoding | None:
        if not (self.config.static_covariates or self.config.calendar):
            return None
        from gatecast.features import fit_encoding  # most models need none of it

        config = self.config
        return fit_encoding(panel, only=config.static_covariates, calendar=config.calendar)

    def _features(self, fit: HybridFit, panel: Panel) -> _core.Covariates | None:
        if fit.encoding is None:
            return None
        from gatecast.features import encode

        encoded = encode(fit.encoding, panel)
        return _core.Covariates(
            past=encoded.past,
            future=encoded.future,
            future_begin=encoded.future_begin,
            constant=encoded.static,
        )

    def n_epochs(self, panel: Panel) -> int:
        """Return how many passes over a panel a training makes, at most."""
        steps = -(-panel.n_series // self._batch_size(panel))
        return self.config.epochs or min(max(round(_STEPS / steps), 5), 40)

    def _batch_size(self, panel: Panel) -> int:
        return self.config.batch_size or min(64, max(16, _power_of_two(panel.n_series / 50)))

    def fit_notes(self) -> tuple[str, ...]:
        """Return what to know about a fit."""
        encoding = self.fitted.encoding
        return (NO_CALENDAR,) if self.config.calendar and not encoding.calendar else ()

    def horizon(self, h: int | None = None) -> int:
        """Return how many steps ``predict(h=h)`` gives; a ConfigError if the model cannot."""
        steps = self.config.h if h is None else self.config.replace(h=h).h
        if steps > self.config.h:
            raise ConfigError(
                f"This model was trained for {self.config.h} steps.",
                value=f"h={h}",
                fix=f"Fit ESLSTM(h={h}).",
            )
        return steps

    @property
    def trained_quantiles(self) -> tuple[float, ...]:
        """What stands on the last axis of a prediction; empty for a point forecast alone."""
        return self.config.trained_quantiles

    @property
    def smoothing_(self) -> dict[str, NDArray[np.float64]]:
        """The coefficients of each fitted series, in the order of ``ids_``; see the class."""
        fit = self.fitted
        names = ("level", "season", "season_2")[: 1 + len(fit.seasons)]
        with np.errstate(over="ignore"):  # 1 / inf is what is meant
            return {name: 1 / (1 + np.exp(-fit.own[:, k])) for k, name in enumerate(names)}

    @property
    def level_(self) -> list[NDArray[np.float64]]:
        """The level along each fitted series, in its units; see the class."""
        panel = self._fitted_panel()
        level, _ = self._smoothed(panel)
        rows = np.repeat(np.arange(panel.n_series), panel.lengths)
        return np.split(self.fitted.scale.select(rows).back(level), panel.indptr[1:-1])

    @property
    def seasonality_(self) -> list[list[NDArray[np.float64]]]:
        """By fitted series and season, its index along it and one season on; see the class."""
        panel, fit = self._fitted_panel(), self.fitted
        _, seasons = self._smoothed(panel)
        by_series: list[list[NDArray[np.float64]]] = [[] for _ in range(panel.n_series)]
        for m, season in zip(fit.seasons, seasons, strict=True):
            bounds = np.cumsum(panel.lengths + m)[:-1]
            for i, index in enumerate(np.split(season, bounds)):
                by_series[i].append(fit.scale.select(np.full(len(index), i)).alone(index))
        return by_series

    @property
    def ids_(self) -> list[Any]:
        """The ids of the fitted series, in the order of the other attributes."""
        return list(self.fitted.identity.ids)

    @property
    def log_(self) -> NDArray[np.bool_]:
        """Which fitted series are seen as their logarithm, bool ``[n_series]``."""
        return np.asarray(self.fitted.scale.units.positive)

    @property
    def parameters_(self) -> dict[str, NDArray[np.float32]]:
        """The network's weights by name; see :class:`gatecast.LSTM`."""
        return by_name(self._network(self.fitted), self.fitted.weights)

    @property
    def history_(self) -> dict[str, list[float]]:
        """``loss`` of each epoch."""
        return {"loss": self.fitted.history}

    def _fitted_panel(self) -> Panel:
        if self.fitted.panel is None:
            raise ConfigError(
                "The fitted series were not saved with the model.",
                fix="Save with context=True, or fit again.",
            )
        panel: Panel = self.fitted.panel.by_id()
        return panel

    def _smoothed(self, panel: Panel) -> tuple[Doubles, list[Doubles]]:
        fit = self.fitted
        return _core.smooth(self._hybrid(fit), fit.scale.seen(panel), panel.indptr, fit.own)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what was fitted, as JSON-safe metadata and arrays."""
        fit = self.fitted
        metadata = {
            "ids": fit.identity.ids,
            "seasons": list(fit.seasons),
            "dilations": plain(fit.dilations),
            "context_length": fit.context_length,
            "batch_size": fit.batch_size,
            "precision": fit.precision,
            "history": fit.history,
            "encoding": None if fit.encoding is None else fit.encoding.to_dict(),
        }
        arrays = fit.identity.arrays() | fit.scale.arrays() | {"own": fit.own}
        return metadata, arrays | self.parameters_

    def restore(
        self, fitted: Fitted, metadata: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> None:
        """Become what :meth:`state` said, which is not trusted."""
        identity = Identity.restored(metadata["ids"], arrays)
        n = len(identity.ids)
        encoding = None
        if metadata["encoding"] is not None:
            from gatecast.features import Encoding

            encoding = Encoding.from_dict(metadata["encoding"])
        if metadata["precision"] not in ("float32", "bfloat16") or (
            self.config.precision not in ("auto", metadata["precision"])
        ):
            raise ValueError(f"precision is {metadata['precision']!r}")
        if not self._fits_settings(encoding):
            raise ValueError("its covariates do not fit its settings")
        if fitted.panel is not None and fitted.panel.n_series != n:
            raise ValueError("its ids do not fit its series")
        fit = HybridFit(
            **vars(fitted),
            identity=identity,
            seasons=_above_1(_seasons(metadata["seasons"] or 1) or 1),
            scale=Scale.restored(arrays, n),
            own=arrays["own"],
            weights=np.empty(0, np.float32),
            dilations=_dilations(metadata["dilations"]) or (),
            context_length=whole_number("context_length", metadata["context_length"], 1, 100_000),
            batch_size=whole_number("batch_size", metadata["batch_size"], 1, 2**30),
            precision=metadata["precision"],
            history=[float(loss) for loss in metadata["history"]],
            encoding=encoding,
        )
        require_array("own", fit.own, np.float64, (n, self._hybrid(fit).n_parameters))
        weights = flattened(self._network(fit), arrays)
        if fitted.panel is not None:
            self._features(fit, fitted.panel)  # fails if they do not fit the encoding
        self._fitted = replace(fit, weights=weights)

    def _fits_settings(self, encoding: Encoding | None) -> bool:
        config = self.config
        if encoding is None:
            return not (config.static_covariates or config.calendar)
        return (
            not (encoding.past or encoding.future or encoding.holidays)
            and {x.name for x in encoding.static} == set(config.static_covariates)
            and (config.calendar or not encoding.calendar)
            and bool(config.static_covariates or config.calendar)
        )


def default_dilations(seasons: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return blocks of layers for season lengths: none, one or two."""
    if len(seasons) == 2:
        return (1, max(2, seasons[0] // 6)), seasons
    if len(seasons) == 1:
        m = seasons[0]
        return (1, max(2, m // 4)), (m, 2 * m)
    return (1, 2), (4, 8)


def _default_context(seasons: tuple[int, ...], h: int) -> int:
    return min(seasons[0], max(2 * h, 4)) if seasons else min(max(h, 4), 10)


def _power_of_two(x: float) -> int:
    return 1 << max(0, round(math.log2(max(x, 1.0))))
