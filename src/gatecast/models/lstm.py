"""The LSTM: one global network over one series or many."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from gatecast import _core
from gatecast.cells import some
from gatecast.errors import ConfigError, DataError
from gatecast.language import said
from gatecast.models.baselines import naive
from gatecast.models.config import (
    LossName,
    LSTMConfig,
    ScalingName,
    default_batch_size,
    default_context_length,
    flag,
    whole_number,
)
from gatecast.models.forecaster import Fitted, Forecaster
from gatecast.models.inputs import NO_CALENDAR, Inputs, Prediction
from gatecast.models.parameters import by_name
from gatecast.models.transform import Units
from gatecast.panel import (
    Duplicates,
    Fill,
    Intake,
    MissingFuture,
    Panel,
    Resample,
    from_any,
    indptr_of,
    ranges,
    require_word,
)
from gatecast.progress import Progress, epoch_callback

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from gatecast.features import Encoding

__all__ = ["LSTM", "Network"]

_SIMILAR = 10  # series whose forecasts are averaged for one without history, at most
_ALIKE = 0.25  # how far apart what describes two series may be, in spreads, to be the same


@dataclass(frozen=True, eq=False)
class Network(Fitted):
    """What a fit leaves behind: all that a forecast needs, and what became of the training."""

    weights: NDArray[np.float32]  # [n_parameters]
    context_length: int
    season_length: int
    batch_size: int
    best_epoch: int
    n_windows: int
    n_validation_windows: int
    seconds: float
    precision: str
    history: dict[str, list[float]]
    mask: bool  # whether the network is told which values were observed
    encoding: Encoding | None  # of covariates; None without any


class LSTM(Forecaster):
    """Stacked LSTM layers and a linear head, trained in gatecast's own engine.

    The network reads a window of ``context_length`` values and puts out all ``h`` steps at once
    from its final state, which has seen the newest value (``recursive=True``: one step, fed back on
    itself). Each window is scaled by its own context and the output is anchored on the last value,
    so that nothing of the future leaks in and a network of zeros is the naive forecast.

    Parameters
    ----------
    h : int
        Horizon: how many steps to forecast.
    context_length : int, optional
        How many values the network sees. By default two seasons or 1.25 horizons, whichever is
        more; less where that would leave too few windows to learn from.
    patch_size : int
        Values that one step of the network reads, and its inputs that many times over. With 24, a
        context of 336 hours is 14 steps of a day each, which makes long contexts affordable. Where
        ``context_length`` is no multiple of it, the oldest patch begins with zeros. A network that
        reads on through the horizon (``future_covariates``, ``calendar``, ``holidays``) puts out a
        patch a step there; asked for fewer steps, it sees none of what is known ahead beyond them,
        which may change the patch that they end in.
    hidden_size : sequence of int
        Units of each LSTM layer.
    epochs : int
        Passes over the training windows, at most.
    batch_size : int, optional
        Windows per optimiser step. By default an eighth of them, from 16 to 256.
    learning_rate, weight_decay : float
        Of the optimiser; the decay is decoupled from the gradient.
    loss : {"mse", "mae", "huber", "pinball"}
        What is minimised, on scaled values. ``quantiles`` implies "pinball".
    quantiles : sequence of float, optional
        Train these quantiles, and the median always. They never cross.
    optimizer : {"adam", "rmsprop"}
        RMSprop is what the tutorial had.
    schedule : {"constant", "cosine"}
        Of the learning rate, step by step of the optimiser. "cosine" rises over the first 2 % of
        the steps and then falls along half a cosine wave to a hundredth of ``learning_rate`` at
        the end of ``epochs``, of which early stopping may leave some out.
    weight_averaging : float
        The decay, from 0 to 0.9999, of an exponential moving average of the weights over the steps
        of the optimiser; 0 for none. After step t the decay is ``min(weight_averaging,
        (1 + t) / (10 + t))``, so that the initial weights are soon forgotten. It is the averaged
        weights that are validated, stopped by and kept: about the last ``1 / (1 -
        weight_averaging)`` steps.
    dropout : float
        Between layers, while training.
    clip_norm : float
        Largest global norm of a gradient; 0 for no limit.
    validation_fraction : float
        The newest part of each series' windows, held out of training to decide when to stop. No
        target of theirs is trained on. 0 disables validation and early stopping.
    patience : int
        Stop after so many epochs without a better validation loss and restore the best weights; 0
        trains all epochs and keeps the last.
    windows_per_series : int, optional
        Train on so many of the newest windows of each series at most; validation takes its part of
        these. By default on all.
    balance : {"windows", "series"}
        What counts alike. With "series" an epoch takes as many windows of each series, spread
        evenly over its length: not all of a long one's in one epoch, those of a short one
        repeatedly. In validation windows are weighted, so that series count alike there too.
    transform : {"log", None}
        "log" models a series whose values are all positive as ``log(y / m)`` and any other as
        ``asinh(y / m)``, m being the mean absolute value of the series, and brings forecasts
        back: changes are relative, then, and a multiple of a series has a multiple of its
        forecast. ``scaling`` and ``anchor`` are of the transformed values. A new series is
        transformed by its own values; the model keeps whole series to continue, not their ends.
    scaling : {"standard", "meanabs", "level", "first", "series", None}
        Of each window, by its own context: its mean and standard deviation; its mean absolute
        value; the mean absolute value of its last season; its first value (p / p0 - 1, the
        tutorial's way); its mean and the standard deviation of the whole series up to its end; or
        not at all.
    anchor : {"last", "season", None}
        What the network's output is added to: the last value, the value one season earlier, or
        nothing but the scaling's own centre.
    season_length : int, optional
        Steps per season. By default from the frequency of a frame (12 for months); 1 for arrays.
    recursive : bool
        Learn one step and feed it back, so that any horizon can be forecast.
    past_covariates : sequence of str
        Columns of numbers that are known up to the end of a series only. The network reads them
        beside the target.
    future_covariates : sequence of str
        Columns of numbers that are known ahead, as planned prices and announced events are. The
        network reads on through the horizon, where they are given and the target is not, and each
        step of the forecast comes from the state at that step.
    static_covariates : sequence of str
        Columns that say what a series is, the same in all its rows. Text is embedded: each level
        has a vector that is learnt.
    calendar : bool
        Read the phases that suit the frequency: time of day, day of week, day of year.
    holidays : str, optional
        Read the holidays of a country, ``"DE"`` or ``"DE-BY"``; needs the extra ``holidays``.
    precision : {"float32", "bfloat16", "auto"}
        Of the operands of the matrix products; sums, states and weights are float32 always.
        "bfloat16" is made for processors with AMX, nearly twice as fast as "float32" on AMD's with
        AVX512_BF16 (since Zen 4), and slower on others, with forecasts
        as accurate within what another seed changes. "auto" takes it where there is AMX and a
        layer has 32 units or more. A few series at a time are always forecast in float32.
    seed : int
        Same seed, same bits, on any number of threads.
    threads : int, optional
        By default ``GATECAST_THREADS`` or all processors.
    progress : bool or callable
        Show a bar on the terminal, or call with a
        :class:`gatecast.progress.Epoch`; returning False stops there.

    Attributes
    ----------
    parameters_ : dict of str to ndarray
        The trained weights, float32, by PyTorch's names and gate order i, f, g, o:
        ``lstm.0.weight_ih [4H, I]``, ``lstm.0.weight_hh [4H, H]``, ``lstm.0.bias [4H]``, …,
        ``head.weight``, ``head.bias``.
    history_ : dict of str to list of float
        ``loss`` and, with validation, ``val_loss`` of each epoch.
    context_length_, season_length_, batch_size_, best_epoch_ : int
        What was used.
    n_windows_, n_validation_windows_ : int
        Windows trained on and held out.
    precision_ : {"float32", "bfloat16"}
        What the products were taken in.
    seconds_ : float
        How long training took.
    encoding_ : Encoding or None
        How covariates are scaled and embedded, fitted on the data up to their end.

    Raises
    ------
    ConfigError
        When a setting is impossible.

    Examples
    --------
    >>> import numpy as np
    >>> y = 10 + np.sin(np.arange(120) * 2 * np.pi / 12)
    >>> model = LSTM(h=3, context_length=24, hidden_size=16, epochs=50, seed=1).fit(y)
    >>> model.predict().shape
    (3,)
    >>> sorted(model.parameters_)
    ['head.bias', 'head.weight', 'lstm.0.bias', 'lstm.0.weight_hh', 'lstm.0.weight_ih']
    """

    def __init__(
        self,
        h: int,
        *,
        context_length: int | None = None,
        patch_size: int = 1,
        hidden_size: int | Sequence[int] = (64, 64),
        epochs: int = 100,
        batch_size: int | None = None,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.0,
        loss: LossName = "mae",
        quantiles: Sequence[float] | None = None,
        optimizer: Literal["adam", "rmsprop"] = "adam",
        schedule: Literal["constant", "cosine"] = "constant",
        weight_averaging: float = 0.0,
        dropout: float = 0.0,
        clip_norm: float = 1.0,
        validation_fraction: float = 0.1,
        patience: int = 10,
        windows_per_series: int | None = None,
        balance: Literal["windows", "series"] = "windows",
        transform: Literal["log"] | None = None,
        scaling: ScalingName | None = "standard",
        anchor: Literal["last", "season"] | None = "last",
        season_length: int | None = None,
        recursive: bool = False,
        past_covariates: Sequence[str] = (),
        future_covariates: Sequence[str] = (),
        static_covariates: Sequence[str] = (),
        calendar: bool = False,
        holidays: str | None = None,
        precision: Literal["float32", "bfloat16", "auto"] = "float32",
        seed: int = 0,
        threads: int | None = None,
        progress: Progress = False,
    ) -> None:
        self.config: LSTMConfig = LSTMConfig(
            h=h,
            context_length=context_length,
            patch_size=patch_size,
            hidden_size=hidden_size,  # type: ignore[arg-type]
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            loss=loss,
            quantiles=quantiles,  # type: ignore[arg-type]
            optimizer=optimizer,
            schedule=schedule,
            weight_averaging=weight_averaging,
            dropout=dropout,
            clip_norm=clip_norm,
            validation_fraction=validation_fraction,
            patience=patience,
            windows_per_series=windows_per_series,
            balance=balance,
            transform=transform,
            scaling=scaling,
            anchor=anchor,
            season_length=season_length,
            recursive=recursive,
            past_covariates=past_covariates,  # type: ignore[arg-type]
            future_covariates=future_covariates,  # type: ignore[arg-type]
            static_covariates=static_covariates,  # type: ignore[arg-type]
            calendar=calendar,
            holidays=holidays,
            precision=precision,
            seed=seed,
        )
        self.threads = threads
        self.progress = progress
        self._fitted: Network | None = None

    @classmethod
    def tutorial(
        cls,
        *,
        epochs: int = 1000,
        optimizer: Literal["adam", "rmsprop"] = "adam",
        normalise_window: bool = False,
        seed: int = 0,
        threads: int | None = None,
        progress: Progress = False,
    ) -> Self:
        """Return the tutorial's network, not yet fitted.

        Sequences of 50 values, LSTM with 5 units, LSTM with 20, one linear output, mean squared
        error, batches of 512, the newest 5 % of the windows for validation and no early stopping.
        Values go in as they are and nothing is anchored. It learns one step ahead and can be fed
        back on itself for any horizon.

        Parameters
        ----------
        epochs : int
            The tutorial leaves it open; on its 45 windows an epoch is one step of the optimiser.
        optimizer : {"adam", "rmsprop"}
            The tutorial's is RMSprop (at Keras's learning rate, 0.001). Adam (at 0.01) is far
            surer: after 1,000 epochs on the sine, its error 50 steps past the end was at most 0.002
            with each of 11 seeds, RMSprop's 0.04 in the median and 0.16 at worst.
        normalise_window : bool
            Divide each window by its first value, p / p0 - 1. A window that starts near zero is
            divided by its typical size instead.
        seed, threads, progress
            As for :class:`LSTM`.

        Examples
        --------
        >>> import numpy as np
        >>> y = np.sin(np.arange(-50.0, 50.0))
        >>> model = LSTM.tutorial(epochs=20).fit(y)
        >>> model.n_windows_ + model.n_validation_windows_
        50
        >>> model.predict(h=50).shape
        (50,)
        """
        return cls(
            1,
            context_length=50,
            hidden_size=(5, 20),
            epochs=epochs,
            batch_size=512,
            learning_rate=0.001 if optimizer == "rmsprop" else 0.01,
            loss="mse",
            optimizer=optimizer,
            clip_norm=1.0,
            validation_fraction=0.05,
            patience=0,
            scaling="first" if flag("normalise_window", normalise_window) else None,
            anchor=None,
            recursive=True,
            seed=seed,
            threads=threads,
            progress=progress,
        )

    def fit(
        self,
        data: Any,
        *,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str = "y",
        freq: str | int | None = None,
        fill: Fill | None = None,
        duplicates: Duplicates = "error",
        resample: Resample | None = None,
    ) -> Self:
        """Train on one series or many; each fit starts from new weights.

        Values that are missing inside a series, as NaN or as rows that are not there, are masked:
        the network is told which values were observed, and the loss skips the others. Rows after
        the last value of a series say what its future covariates will be.

        Parameters
        ----------
        data : frame, array_like, path-like or list of path-like
            A long frame (pandas, polars, pyarrow) with one row a series and stamp, a file or
            several, a 1-D array (one series) or a 2-D array ``[n_series, time]``. A series of
            length L gives ``L - context_length - h + 1`` windows (``h`` is 1 for a recursive
            model); one too short for any gives one with left padding, as long as it has ``h + 1``
            values.
        id_col, time_col, target_col : str
            The frame's columns. A frame without ``id_col`` is one series.
        freq : str or int, optional
            The frequency, in pandas' vocabulary; found from the stamps by default.
        fill : {"interpolate", "zero"}, optional
            Put values where some are missing inside a series, instead of masking them.
        duplicates : {"error", "mean", "sum", "last"}
            What to do with several rows for the same stamp of a series.
        resample : {"mean", "sum", "last", "first", "min", "max", "median"}, optional
            Put the rows into steps of ``freq``, each the mean (...) of its rows.

        Returns
        -------
        LSTM
            Itself. Ctrl-C leaves the best weights so far in place and then interrupts.

        Raises
        ------
        DataError
            When the data cannot be used; it names the rows.
        ConfigError
            When a setting does not fit the data, or the loss is no longer a finite number.

        Examples
        --------
        >>> import pandas as pd
        >>> days = pd.date_range("2024-01-01", periods=90)
        >>> sale = (days.day_of_week == 5) | (days.day == 1)  # announced ahead
        >>> df = pd.DataFrame({"ds": days, "y": 10.0 + 5 * sale, "sale": sale})
        >>> df.loc[83:, "y"] = float("nan")  # the last week is known by its sales only
        >>> model = LSTM(h=7, future_covariates=["sale"], hidden_size=16, epochs=20).fit(df)
        >>> model.predict()["ds"].iloc[0]
        Timestamp('2024-03-24 00:00:00')
        """
        return super().fit(
            data,
            id_col=id_col,
            time_col=time_col,
            target_col=target_col,
            freq=freq,
            fill=fill,
            duplicates=duplicates,
            resample=resample,
        )

    def fit_panel(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Train on a :class:`~gatecast.panel.Panel`; :meth:`fit` for data already taken in."""
        given, panel = panel, panel.by_id()
        config, lengths = self.config, panel.lengths
        horizon = config.network_horizon
        season_length = config.season_length or panel.season_length
        if lengths.max() <= horizon:
            raise DataError(
                "No series is long enough to train on: a forecast of "
                f"{horizon} steps needs at least {horizon + 1} values.",
                value=f"{int(lengths.max())} values in the longest series",
                fix="Use a shorter horizon or more data.",
            )
        context_length = config.context_length or max(
            config.patch_size,
            default_context_length(lengths[lengths > horizon], horizon, season_length),
        )
        if config.anchor == "season" and not 1 < season_length <= context_length:
            raise ConfigError(
                "anchor='season' needs a season_length above 1 that fits into context_length.",
                value=f"season_length={season_length}, context_length={context_length}",
            )
        n_windows = np.maximum(lengths - context_length - horizon + 1, lengths > horizon)
        if config.windows_per_series:
            n_windows = np.minimum(n_windows, config.windows_per_series)
        batch_size = config.batch_size or default_batch_size(int(n_windows.sum()))
        inputs = Inputs(
            config,
            mask=config.reads_on or not bool(panel.observed.all()),
            encoding=_fit_encoding(panel, config) if config.describes else None,
        )
        if config.transform:
            panel = Units.of(panel).model(panel)
        covariates, _ = inputs.read(panel)
        network = inputs.network(config.network_horizon, config.precision)
        started = time.perf_counter()
        with epoch_callback(self.progress, config.epochs) as callback:
            result = _core.fit(
                network,
                # An anchored network starts close to the forecast that its anchor makes.
                _core.initialise(network, config.seed, 1.0 if config.anchor is None else 0.1),
                _core.Loss(config.loss, config.trained_quantiles),
                inputs.windowing(config.network_horizon, context_length, season_length),
                panel.values,
                panel.indptr,
                validation_fraction=config.validation_fraction,
                training=_core.Training(
                    epochs=config.epochs,
                    batch_size=batch_size,
                    learning_rate=config.learning_rate,
                    weight_decay=config.weight_decay,
                    optimizer=config.optimizer,
                    schedule=config.schedule,
                    weight_averaging=config.weight_averaging,
                    balance=config.balance,
                    clip_norm=config.clip_norm,
                    patience=config.patience,
                    seed=config.seed,
                    threads=self.threads or 0,
                ),
                callback=callback,
                covariates=covariates,
                windows_per_series=config.windows_per_series,
            )
        history = {"loss": result.loss}
        if result.validation_loss:
            history["val_loss"] = result.validation_loss
        remembered = self.remember(given, intake, self._needed(context_length, season_length))
        self.adopt(
            Network(
                intake=remembered.intake,
                frequency=remembered.frequency,
                panel=remembered.panel,
                weights=result.parameters,
                context_length=context_length,
                season_length=season_length,
                batch_size=batch_size,
                best_epoch=result.best_epoch,
                n_windows=result.windows,
                n_validation_windows=result.validation_windows,
                seconds=time.perf_counter() - started,
                precision=network.precision,
                history=history,
                mask=inputs.mask,
                encoding=inputs.encoding,
            )
        )
        if result.error is not None:
            raise result.error
        return self

    def adopt(self, fitted: Network) -> None:
        """Become what a fit left behind."""
        self._fitted = fitted
        self.context_length_ = fitted.context_length
        self.season_length_ = fitted.season_length
        self.batch_size_ = fitted.batch_size
        self.best_epoch_ = fitted.best_epoch
        self.n_windows_ = fitted.n_windows
        self.n_validation_windows_ = fitted.n_validation_windows
        self.seconds_ = fitted.seconds
        self.precision_ = fitted.precision
        self.history_ = fitted.history
        self.encoding_ = fitted.encoding

    def fit_notes(self) -> tuple[str, ...]:
        """Return what to know about a fit."""
        encoding = self.fitted.encoding
        return (NO_CALENDAR,) if self.config.calendar and not encoding.calendar else ()

    def context_size(self) -> int | None:
        """How many of a series' last values a forecast needs; None for all of them."""
        return self._needed(self.context_length_, self.season_length_)

    def _needed(self, context_length: int, season_length: int) -> int | None:
        if self.config.transform:
            return None  # how a series is transformed, all of its values say
        # Future covariates that are missing may be taken from a season before.
        return max(context_length, season_length if self.config.future_covariates else 0)

    @property
    def parameters_(self) -> dict[str, NDArray[np.float32]]:
        """The trained weights by name; see the class."""
        network = self.network_inputs.network(self.config.network_horizon, "float32")
        return by_name(network, self.fitted.weights)

    def predict_panel(
        self, panel: Panel, h: int, missing_future: MissingFuture = "error"
    ) -> Prediction:
        """Forecast ``h`` steps past the end of a panel's series, and those without history."""
        require_word("missing_future", missing_future, MissingFuture)
        if not self.config.future_covariates:
            missing_future = "error"  # there are none to miss
        units = Units.of(panel) if self.config.transform else None
        modelled = units.model(panel) if units else panel
        covariates, assumed = self.network_inputs.read(
            modelled, h, missing_future, season_length=self.season_length_
        )
        begin, end = panel.indptr[:-1], panel.indptr[1:]
        seen = self._seen(panel)
        outputs = self._forecast(modelled.values, begin, end, h, covariates, seen, units)
        notes: tuple[str, ...] = ()
        if not seen.all():
            outputs[~seen] = naive(panel.select(~seen), h)[:, :, None]
            notes = (
                said(
                    "The newest {context} values of {n:series|series} are missing, all that the "
                    "network sees: the last value before them is repeated.",
                    context=self.context_length_,
                    n=int((~seen).sum()),
                ),
            )
        if not self.fitted.mask and (gaps := self._gaps(panel)):
            notes = (
                *notes,
                said(
                    "The newest {context} values of {n:series|series} have gaps, and the network "
                    "was trained on complete series: it sees a straight line in their place.",
                    context=self.context_length_,
                    n=gaps,
                ),
            )
        if panel.cold is None:
            return Prediction(panel, outputs, assumed, missing_future, self._middle, notes)
        cold, assumed_cold = self._predict_cold(modelled, panel.cold, h, missing_future, units)
        return Prediction(
            panel.with_cold(),
            np.concatenate([outputs, cold]),
            np.concatenate([assumed, assumed_cold]),
            missing_future,
            self._middle,
            notes,
        )

    def _predict_cold(
        self,
        panel: Panel,
        cold: Panel,
        h: int,
        missing_future: MissingFuture,
        units: Units | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Forecast series without history: the mean over similar series under their covariates."""
        inputs, ends = self.network_inputs, panel.tail(self.context_length_)
        if inputs.encoding is None:
            raise ConfigError(
                "This model reads no covariates, and nothing else describes a series without "
                "history.",
                value=some(map(repr, cold.ids), cold.n_series),
                fix="Leave these series out, or fit with static_covariates or future_covariates.",
            )
        from gatecast.features import encode, similar

        m = self.season_length_
        known = encode(inputs.encoding, ends, 0, season_length=m)
        new = encode(inputs.encoding, cold, h, missing_future=missing_future, season_length=m)
        like = similar(known.static, new.static, min(_SIMILAR, panel.n_series))  # [n_cold, k]
        origin, who = like.ravel(), np.repeat(np.arange(cold.n_series), like.shape[1])
        # Each origin reads the covariates of the series it stands for, then the new ones.
        lengths = ends.lengths[origin]
        before, _ = ranges(known.future_begin[origin], known.future_begin[origin] + lengths)
        after, _ = ranges(new.future_begin[who], new.future_begin[who] + h)
        future_begin = indptr_of(lengths + h)
        future = np.empty((future_begin[-1], known.future.shape[1]), np.float32)
        to_before, _ = ranges(future_begin[:-1], future_begin[:-1] + lengths)
        to_after, _ = ranges(future_begin[1:] - h, future_begin[1:])
        future[to_before], future[to_after] = known.future[before], new.future[after]
        covariates = _core.Covariates(
            past=known.past,
            future=future,
            future_begin=future_begin[:-1],
            constant=new.static[who],
            spread=ends.spread[origin],
        )
        outputs = self._forecast(
            ends.values,
            ends.indptr[origin],
            ends.indptr[origin + 1],
            h,
            covariates,
            units=units.take(origin) if units else None,
        )
        # Only those that are about as near as the nearest: others speak in units of their own.
        distance = np.linalg.norm(known.static[like] - new.static[:, None], axis=2)  # [n_cold, k]
        near = distance <= np.maximum(1.5 * distance.min(axis=1, keepdims=True), _ALIKE)
        weights = (near / near.sum(axis=1, keepdims=True))[:, :, None, None]
        mean = (weights * outputs.reshape(*like.shape, *outputs.shape[1:])).sum(axis=1)
        return mean, new.assumed

    def horizon(self, h: int | None = None) -> int:
        """Return how many steps ``predict(h=h)`` gives; a ConfigError if the model cannot."""
        config = self.config if h is None else self.config.replace(h=h)
        if config.h > self.config.h and not self.config.recursive:
            raise ConfigError(
                f"This model was trained for {self.config.h} steps.",
                value=f"h={h}",
                fix=f"Fit LSTM(h={h}), or a recursive model, which can forecast any horizon.",
            )
        return config.h

    def predict_point_by_point(self, y: ArrayLike) -> NDArray[np.float64]:
        """Forecast each value one step ahead, always from the true values before it.

        Shows whether the network has learnt the next step. Hides everything else: since the truth
        is handed back after every step, an error never lasts, and a model that merely repeats the
        last value draws nearly the same curve, one step late. Compare with that.

        Parameters
        ----------
        y : array_like
            The raw series, longer than ``context_length_``.

        Returns
        -------
        ndarray
            float64, a forecast for each of ``y[context_length:]``.
        """
        values, context_length = self._series(y)
        outputs = self._forecast_within(values, np.arange(len(values) - context_length), 1)
        return outputs[:, 0, self._middle]

    def predict_sequence_full(self, y: ArrayLike) -> NDArray[np.float64]:
        """Forecast the whole series from its first window, each forecast fed back as input.

        Shows whether the network can go on alone. Hides how good a single step is: after
        ``context_length`` steps it sees nothing but its own output, and errors add up; a long flat
        or drifting line need not mean that the next few steps are bad.

        Parameters
        ----------
        y : array_like
            The raw series; only ``y[:context_length]`` is looked at.

        Returns
        -------
        ndarray
            float64, a forecast for each of ``y[context_length:]``.
        """
        values, context_length = self._series(y)
        self._require_recursive("predict_sequence_full")
        steps = len(values) - context_length
        return self._forecast_within(values, np.zeros(1, np.int64), steps)[0, :, 0]

    def predict_sequences_multiple(
        self, y: ArrayLike, prediction_len: int = 50
    ) -> list[NDArray[np.float64]]:
        """Forecast in sequences that each start from a true window and are then fed back.

        Shows how far ahead the forecast can be trusted: each sequence is what you would have got,
        had you asked at its start. Hides the luck of the starting points: with few sequences, look
        at more of them before you believe one.

        Parameters
        ----------
        y : array_like
            The raw series, longer than ``context_length_``.
        prediction_len : int
            Length of a sequence, and the distance between their starts.

        Returns
        -------
        list of ndarray
            float64; end to end they cover ``y[context_length:]``, the last possibly shorter.
        """
        values, context_length = self._series(y)
        self._require_recursive("predict_sequences_multiple")
        length = whole_number("prediction_len", prediction_len, 1, 10**9)
        length = min(length, len(values) - context_length)
        first = np.arange(0, len(values) - context_length, length)
        outputs = self._forecast_within(values, first, length)[:, :, 0]
        left = len(values) - context_length - first
        return [row[:n] for row, n in zip(outputs, left, strict=True)]

    @property
    def network_inputs(self) -> Inputs:
        """What the fitted network reads."""
        return Inputs(self.config, self.fitted.mask, self.fitted.encoding)

    def network_for(
        self, steps: int, context_length: int, precision: str
    ) -> tuple[_core.Network, _core.Windowing]:
        """Return the fitted network for so many steps, and how its windows are cut."""
        config = self.config
        # A network that reads on has the same weights for any horizon.
        horizon = steps if config.reads_on and not config.recursive else config.network_horizon
        return (
            self.network_inputs.network(horizon, precision),
            self.network_inputs.windowing(horizon, context_length, self.fitted.season_length),
        )

    def _forecast(
        self,
        values: NDArray[np.float64],
        begin: NDArray[np.int64],
        end: NDArray[np.int64],
        steps: int,
        covariates: _core.Covariates | None = None,
        seen: NDArray[np.bool_] | None = None,
        units: Units | None = None,
    ) -> NDArray[np.float64]:
        """Forecasts [n, steps, quantiles or 1] from the contexts that end before ``end``.

        ``units``, by forecast, are those in which the values are not, but the forecasts are to be.
        """
        fitted, config = self.fitted, self.config
        network, windowing = self.network_for(steps, fitted.context_length, fitted.precision)
        arguments = (network, fitted.weights, windowing, values, begin, end)
        threads = self.threads or 0
        if config.recursive:
            outputs = _core.forecast_recursive(
                *arguments, steps=steps, threads=threads, covariates=covariates
            )[:, :, None]
        else:
            outputs = _core.forecast(*arguments, threads=threads, covariates=covariates)[:, :steps]
        if not np.isfinite(outputs if seen is None else outputs[seen]).all():
            raise ConfigError(
                "The forecast is not a finite number: the values lie beyond what the network "
                "was trained on.",
                value=f"values up to {np.nanmax(np.abs(values)):g}",
                fix="Use scaling='standard'.",
            )
        outputs = np.sort(outputs, axis=2)  # quantiles never cross
        return units.restore(outputs) if units else outputs

    def _forecast_within(
        self, y: NDArray[np.float64], first: NDArray[np.int64], steps: int
    ) -> NDArray[np.float64]:
        """Forecasts [n, steps, quantiles or 1] of one series from contexts at ``first``."""
        size = self.context_length_
        if not self.config.transform:
            return self._forecast(y, first, first + size, steps)
        # Each is transformed by what was there before its origin.
        units = Units.before(y, first + size)
        contexts = units.to_model(y[first[:, None] + np.arange(size)])  # [n, context_length]
        begin = np.arange(len(first)) * size
        return self._forecast(contexts.ravel(), begin, begin + size, steps, units=units)

    def _seen(self, panel: Panel) -> NDArray[np.bool_]:
        """Which series have any value where the network looks."""
        ends = panel.tail(self.context_length_)
        return np.asarray(np.logical_or.reduceat(ends.observed, ends.indptr[:-1]))

    def _gaps(self, panel: Panel) -> int:
        """In how many series the context has gaps."""
        ends = panel.tail(self.context_length_)
        return int((~np.logical_and.reduceat(ends.observed, ends.indptr[:-1])).sum())

    def _series(self, y: ArrayLike) -> tuple[NDArray[np.float64], int]:
        context_length = self.fitted.context_length
        if self.fitted.encoding is not None:
            raise ConfigError(
                "This model reads covariates, and an array has none.", fix="Use predict(frame)."
            )
        panel = from_any(np.asarray(y))
        panel.require_complete()
        if panel.n_series != 1 or panel.lengths[0] <= context_length:
            raise DataError(
                f"One series with more than {context_length} values is needed.",
                value=f"{panel.n_series} series, the first with {panel.lengths[0]} values",
            )
        return panel.values, context_length

    def _require_recursive(self, what: str) -> None:
        if not self.config.recursive:
            raise ConfigError(
                f"{what} feeds one-step forecasts back, and this model forecasts "
                f"{self.config.h} steps at once.",
                fix="Fit LSTM(h, recursive=True), or use predict.",
            )

    @property
    def trained_quantiles(self) -> tuple[float, ...]:
        """What stands on the last axis of a prediction; empty for a point forecast alone."""
        return self.config.trained_quantiles

    @property
    def _middle(self) -> int:
        trained = self.config.trained_quantiles
        return trained.index(0.5) if trained else 0


def _fit_encoding(panel: Panel, config: LSTMConfig) -> Encoding:
    from gatecast.features import fit_encoding  # most models need none of it

    # Other models may read other columns of the same data.
    only = (*config.past_covariates, *config.future_covariates, *config.static_covariates)
    return fit_encoding(panel, only=only, calendar=config.calendar, holidays=config.holidays)
