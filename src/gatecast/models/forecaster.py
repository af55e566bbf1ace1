"""What all models share: data in, forecasts out. It knows no method of forecasting."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

import numpy as np

from gatecast.cells import some
from gatecast.errors import ConfigError, DataError
from gatecast.models.config import quantile_levels, thread_count, whole_number
from gatecast.models.inputs import Prediction
from gatecast.panel import (
    Columns,
    Duplicates,
    Fill,
    Intake,
    MissingFuture,
    Panel,
    Resample,
    from_any,
)
from gatecast.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.frequency import Frequency
    from gatecast.gates.trace import Trace

__all__ = ["Fitted", "Forecaster", "Settings", "confidence_levels"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What every fit leaves behind.

    Parameters
    ----------
    intake : Intake
        How the data were taken in, and new ones are.
    frequency : Frequency or None
        Of the fitted series.
    panel : Panel or None
        What ``predict()`` continues; None if it was not saved.
    """

    intake: Intake
    frequency: Frequency | None
    panel: Panel | None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a model that has no others.

    Parameters
    ----------
    h : int
        Horizon.
    season_length : int, optional
        Steps per season; by default from the frequency of a frame, 1 for arrays.
    """

    h: int
    season_length: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "h", whole_number("h", self.h, 1, 100_000))
        if self.season_length is not None:
            m = whole_number("season_length", self.season_length, 1, 100_000)
            object.__setattr__(self, "season_length", m)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed, checked anew."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-safe values."""
        return asdict(self)


class IntakeChanges(TypedDict, total=False):
    """How new data are taken in, where not as those that were fitted."""

    freq: str | int | None
    fill: Fill | None
    duplicates: Duplicates
    resample: Resample | None


class Forecaster:
    """Data in, forecasts out; a model adds ``fit_panel`` and ``predict_panel``.

    Attributes
    ----------
    config
        Frozen settings, ``h`` among them, with ``replace`` and ``to_dict``.
    threads : int or None
        How many threads to use; None for the default.
    progress : bool or callable
        Who is told of a training.
    """

    config: Any
    progress: Progress = False
    _fitted: Any = None
    _threads: int | None = None

    def fit_panel(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Fit a :class:`~gatecast.panel.Panel`; :meth:`fit` for data already taken in."""
        raise NotImplementedError

    def predict_panel(
        self, panel: Panel, h: int, missing_future: MissingFuture = "error"
    ) -> Prediction:
        """Forecast ``h`` steps past the end of a panel's series, and those without history."""
        raise NotImplementedError

    def with_horizon(self, h: int) -> Self:
        """Return an unfitted copy of this model for another horizon."""
        return self.from_settings({**self.config.to_dict(), "h": h}, threads=self.threads)

    @classmethod
    def from_settings(cls, settings: dict[str, Any], *, threads: int | None = None) -> Self:
        """Return an unfitted model with the settings of ``config.to_dict()``."""
        model = cls(**settings)
        model.threads = threads
        return model

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what was fitted, as JSON-safe metadata and arrays; nothing by default."""
        return {}, {}

    def restore(
        self, fitted: Fitted, metadata: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> None:
        """Become what :meth:`state` said, which is not trusted: any of several exceptions."""
        self._fitted = fitted

    def context_size(self) -> int | None:
        """How many of a series' last values a forecast needs; None for all of them."""
        return None

    @classmethod
    def of_members(cls, members: list[Any], settings: dict[str, Any]) -> Self:
        """Return an unfitted model that is made of others, as it was saved."""
        raise ValueError(f"{cls.__name__} is not made of other models")

    @property
    def members(self) -> tuple[Forecaster, ...]:
        """The models that this one is made of."""
        return ()

    def n_epochs(self, panel: Panel) -> int:
        """Return how many passes over a panel a training makes, at most; 1 where there is none."""
        return getattr(self.config, "epochs", None) or 1

    def fit_notes(self) -> tuple[str, ...]:
        """Return what to know about a fit; by default what its members say."""
        return tuple(dict.fromkeys(note for one in self.members for note in one.fit_notes()))

    # What is the same for all

    @property
    def name(self) -> str:
        """The name of the column that forecasts stand in."""
        return type(self).__name__

    @property
    def trained_quantiles(self) -> tuple[float, ...]:
        """What stands on the last axis of a prediction; empty for a point forecast alone."""
        return ()

    @property
    def threads(self) -> int | None:
        """How many threads to use; None for the default."""
        return self._threads

    @threads.setter
    def threads(self, threads: int | None) -> None:
        self._threads = thread_count(threads)

    @property
    def fitted(self) -> Any:
        """What the fit left behind; a ConfigError before it."""
        if self._fitted is None:
            raise ConfigError("The model is not fitted.", fix="Call fit(data) first.")
        return self._fitted

    @property
    def asked_season(self) -> int | None:
        """Steps per season as they were asked for, of two the fewer; None by default."""
        lengths = getattr(self.config, "season_length", None)
        return int(np.min(lengths)) if lengths else None

    def covariates(self) -> dict[str, tuple[str, ...]]:
        """The columns that the model reads beside the target, by their role in ``Columns``."""
        roles = ("past", "future", "static")
        return {role: getattr(self.config, f"{role}_covariates", ()) for role in roles}

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
        """Fit one series or many; each fit starts anew.

        Values that are missing inside a series, as NaN or as rows that are not there, stay
        missing: nothing is learnt from them. Rows after the last value of a series say what its
        future covariates will be.

        Parameters
        ----------
        data : frame, array_like, path-like or list of path-like
            A long frame (pandas, polars, pyarrow) with one row a series and stamp, a file or
            several, a 1-D array (one series) or a 2-D array ``[n_series, time]``.
        id_col, time_col, target_col : str
            The frame's columns. A frame without ``id_col`` is one series.
        freq : str or int, optional
            The frequency, in pandas' vocabulary; found from the stamps by default.
        fill : {"interpolate", "zero"}, optional
            Put values where some are missing inside a series.
        duplicates : {"error", "mean", "sum", "last"}
            What to do with several rows for the same stamp of a series.
        resample : {"mean", "sum", "last", "first", "min", "max", "median"}, optional
            Put the rows into steps of ``freq``, each the mean (...) of its rows.

        Returns
        -------
        Forecaster
            Itself.

        Raises
        ------
        DataError
            When the data cannot be used; it names the rows.
        ConfigError
            When a setting does not fit the data.
        """
        columns = Columns(id_col, time_col, target_col, **self.covariates())
        intake = Intake(columns, freq, fill, duplicates, resample)
        self.fit_panel(from_any(data, intake), intake)
        for note in self.fit_notes():  # said where the caller is, though a model says more of fit
            warnings.warn(note, stacklevel=2 + (type(self).fit is not Forecaster.fit))
        return self

    def predict(
        self,
        new: Any = None,
        *,
        h: int | None = None,
        level: Sequence[float] | None = None,
        quantiles: Sequence[float] | None = None,
        future_df: Any = None,
        missing_future: MissingFuture = "error",
        **intake: Unpack[IntakeChanges],
    ) -> Any:
        """Forecast past the end of the fitted series, or of new ones.

        Parameters
        ----------
        new : frame, array_like, path-like or list of path-like, optional
            Series to continue; the model need not have seen them. A frame has the columns that
            :meth:`fit` was given.
        h : int, optional
            Steps; the model's own by default.
        level : sequence of float, optional
            Central intervals in percent, e.g. ``[90]``. Frames only. They need quantiles that were
            trained, or a model within :class:`gatecast.Conformal`.
        quantiles : sequence of float, optional
            Which quantiles to return, in rising order; by default those that were asked for.
        future_df : frame or path-like, optional
            What the future covariates will be: the id, the stamps, and their columns. They may be
            rows of ``new`` (or of what was fitted) without a target as well. A series that has no
            history at all, but is described here, is forecast as the mean of what the network says
            of up to ten series that its static covariates make most similar, under its own future
            covariates.
        missing_future : {"error", "last", "seasonal"}
            What to do where future covariates do not reach as far as the forecast: raise, hold the
            last that is known, or repeat those of a season before. The result then has a column
            ``future_covariates`` that says where that was done.
        freq, fill, duplicates, resample
            As for :meth:`fit`; by default what it was given.

        Returns
        -------
        frame or ndarray
            A frame of the caller's kind with the columns ``unique_id, ds, <Model>`` and
            ``<Model>-lo-90, <Model>-hi-90`` for a level, ``<Model>-q-0.1`` for quantiles. For
            arrays float64 ``[h]`` or ``[n_series, h]``, with a last axis of quantiles if the model
            has any.

        Raises
        ------
        ConfigError
            When the model is not fitted, or cannot do what is asked.
        DataError
            When the new data cannot be used, or future covariates are missing.
        """
        steps = self.horizon(h)
        chosen = self.chosen_quantiles(quantiles)
        panel = self.given_panel(new, future_df, intake)
        prediction = self.predict_panel(panel, steps, missing_future)
        for note in prediction.notes:
            warnings.warn(note, stacklevel=2)
        if panel.kind.startswith("array"):
            if level is not None:
                raise ConfigError(
                    "level works on frames only.", fix="Use quantiles=[0.05, 0.95] for arrays."
                )
            array = self.quantile_outputs(prediction, chosen)
            return array[0] if panel.kind == "array-1d" else array
        shown = chosen if level is None or quantiles is not None else ()
        return prediction.frame(self.columns(prediction, shown, level))

    def inspect(
        self,
        new: Any = None,
        *,
        unique_id: Any = None,
        h: int | None = None,
        context_length: int | None = None,
        future_df: Any = None,
        missing_future: MissingFuture = "error",
        **intake: Unpack[IntakeChanges],
    ) -> Trace:
        """Look at what the network does while it reads a series, step by step.

        A model that is made of several shows the first LSTM among them.

        Parameters
        ----------
        new : frame, array_like, path-like or list of path-like, optional
            Where the series is; that which was fitted by default.
        unique_id : optional
            Which series; the first by default.
        h : int, optional
            How many steps of the forecast to look at; the model's own by default.
        context_length : int, optional
            How many of the newest values the network reads. By default as many as for a forecast;
            with more, it is seen on a longer stretch than it was trained on.
        future_df, missing_future, freq, fill, duplicates, resample
            As for :meth:`predict`.

        Returns
        -------
        Trace
            ``forget, input, output, cell, hidden`` by layer ``[time, units]``; ``memory_length``;
            ``attribution`` ``[h, time]``; ``plot()``, ``report(path)``, ``explain()``,
            ``to_frame()``.

        Raises
        ------
        ConfigError
            When the model is not fitted, or there is no LSTM in it.
        DataError
            When the data cannot be used, or there is no such series.

        Examples
        --------
        >>> import gatecast
        >>> y = np.sin(np.arange(60) * 2 * np.pi / 12)
        >>> model = gatecast.LSTM(h=6, context_length=24, hidden_size=8, epochs=20).fit(y)
        >>> trace = model.inspect(y)
        >>> trace.forget[0].shape, trace.attribution.shape
        ((24, 8), (6, 24))
        """
        from gatecast.gates.inspect import inspect_panel, network_of, one_series

        network = network_of(self)
        panel = one_series(self.given_panel(new, future_df, intake), unique_id)
        size = context_length and whole_number("context_length", context_length, 1, 10**9)
        steps = network.horizon(h)
        return inspect_panel(
            network, panel, steps, context_length=size, missing_future=missing_future
        )

    def save(self, path: str | PathLike[str], *, context: bool = True) -> None:
        """Write the model to one ``.safetensors`` file; :func:`gatecast.load` reads it.

        Parameters
        ----------
        path : path-like
            Written to a temporary file beside it first, so a failure leaves nothing half-written.
        context : bool
            Keep what ``load(path).predict()`` continues, so that it works at once.

        Raises
        ------
        ConfigError
            When the model is not fitted.
        OSError
            When the file cannot be written.
        """
        from gatecast.models.persistence import save

        save(self, path, context=context)

    def columns(
        self,
        prediction: Prediction,
        quantiles: Sequence[float],
        level: Sequence[float] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        """Return ``[n_series, h]`` by the name of its column, as :meth:`predict` has them."""
        columns = {self.name: prediction.point}
        for one in () if level is None else confidence_levels(level):
            lo, hi = self.interval(prediction, one)
            columns |= {f"{self.name}-lo-{one:g}": lo, f"{self.name}-hi-{one:g}": hi}
        for q in quantiles:
            columns[f"{self.name}-q-{q:g}"] = self.quantile_outputs(prediction, (q,))[:, :, 0]
        return columns

    def interval(
        self, prediction: Prediction, level: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ends ``[n_series, h]`` of a central interval of ``level`` per cent."""
        trained, ends = self.trained_quantiles, []
        for q in (0.5 - level / 200, 0.5 + level / 200):
            if (near := _near(q, trained)) is None:
                raise ConfigError(
                    f"level={level:g} needs the quantiles {0.5 - level / 200:g} and "
                    f"{0.5 + level / 200:g} trained.",
                    value=f"quantiles={list(trained)}",
                    fix="Fit with these quantiles, or put the model into gatecast.Conformal(model)."
                    if "quantiles" in self.config.to_dict()
                    else f"Use gatecast.Conformal({self.name}(...)), which finds out by backtests.",
                )
            ends.append(prediction.outputs[:, :, trained.index(near)])
        return ends[0], ends[1]

    def quantile_outputs(
        self, prediction: Prediction, quantiles: Sequence[float]
    ) -> NDArray[np.float64]:
        """Return ``[n_series, h, quantiles]``, or the points ``[n_series, h]`` without any."""
        if not quantiles:
            return prediction.point
        return prediction.outputs[:, :, [self.trained_quantiles.index(q) for q in quantiles]]

    def chosen_quantiles(self, asked: object) -> tuple[float, ...]:
        """Return which of the trained quantiles are meant; a ConfigError if one is not there."""
        if asked is None:
            return getattr(self.config, "quantiles", None) or ()
        asked = quantile_levels(asked)
        near = [_near(q, self.trained_quantiles) for q in asked]
        missing = [q for q, found in zip(asked, near, strict=True) if found is None]
        if missing:
            raise ConfigError(
                "The model was not trained for these quantiles.",
                value=missing,
                fix=f"Fit with quantiles={sorted({*missing, *self.trained_quantiles})}."
                if "quantiles" in self.config.to_dict()
                else f"Use gatecast.Conformal({self.name}(...)), which finds out by backtests.",
            )
        return tuple(q for q in near if q is not None)

    def forecast_values(self, panel: Panel, h: int) -> NDArray[np.float64]:
        """Return the point forecasts ``[n_series, h]`` past the end of a panel's series."""
        return self.predict_panel(replace(panel, cold=None), self.horizon(h)).point

    def horizon(self, h: int | None = None) -> int:
        """Return how many steps ``predict(h=h)`` gives; a ConfigError if the model cannot."""
        return int((self.config if h is None else self.config.replace(h=h)).h)

    def refuse_cold(self, panel: Panel, why: str = "") -> None:
        """Raise a ConfigError if a panel has series without history, which most models need."""
        if panel.cold is not None:
            raise ConfigError(
                f"{self.name} cannot forecast series without history{why}.",
                value=some(map(repr, panel.cold.ids), panel.cold.n_series),
                fix="Leave these series out, or use an LSTM with static or future covariates.",
            )

    def continued_panel(self) -> Panel:
        """Return the fitted series, or their ends, which ``predict()`` continues."""
        panel: Panel | None = self.fitted.panel
        if panel is None:
            raise ConfigError(
                "This model was saved without the ends of its series.",
                fix="Give the series to continue: predict(data).",
            )
        return panel

    def remember(self, panel: Panel, intake: Intake | None, size: int | None = None) -> Fitted:
        """Return what every fit leaves behind of its data: all, or its last ``size`` values."""
        usual = None if panel.frequency is None else str(panel.frequency)
        intake = replace(intake or Intake(panel.columns), usual_freq=usual)
        return Fitted(intake, panel.frequency, panel if size is None else panel.tail(size))

    def given_panel(self, new: Any, future_df: Any, changes: IntakeChanges) -> Panel:
        """Return what is to be continued: the fitted series, or new ones, with what is ahead."""
        how = self._changed_intake(new is not None or future_df is not None, changes)
        panel = self.continued_panel() if new is None else from_any(new, how)
        self.check_panel(panel)
        return panel if future_df is None else self._with_future(panel, future_df, how)

    def check_panel(self, panel: Panel) -> None:
        """Raise unless this model can continue these series.

        Raises
        ------
        DataError
            When the frequency is not the one that was trained on.
        """
        known, given = self.fitted.frequency, panel.frequency
        # Positions and whole numbers say nothing about how long a step is.
        if known and given and known.alias and given.alias and known.alias != given.alias:
            raise DataError(
                f"The model was trained on data of frequency {known}; these have another.",
                value=str(given),
                fix=f"Bring them to frequency {known}, or fit a model on them.",
            )

    def _changed_intake(self, any_new: bool, changes: IntakeChanges) -> Intake:
        """How new data are taken in."""
        for name in changes:
            if name not in IntakeChanges.__annotations__:
                raise TypeError(f"predict() got an unexpected keyword argument {name!r}")
        if changes and not any_new:
            raise ConfigError(
                "How new data are taken in was said, but no new data are given.",
                value=", ".join(changes),
                fix="Give them, predict(data), or leave it out.",
            )
        intake: Intake = self.fitted.intake
        return replace(intake, **changes)

    def _with_future(self, panel: Panel, future_df: Any, intake: Intake) -> Panel:
        reads = self.covariates()
        if not (reads["future"] or reads["static"]):
            raise ConfigError(
                "This model has no future covariates.",
                value="future_df",
                fix="Fit with future_covariates=['price'], or leave future_df out.",
            )
        from gatecast.files import join_ahead

        return join_ahead(panel, future_df, intake)


def confidence_levels(level: object) -> list[float]:
    """Return levels in per cent as they were given; a ConfigError for anything else."""
    levels = np.atleast_1d(np.asarray(level, object)).ravel().tolist()
    numbers = int | float | np.integer | np.floating
    if not all(
        isinstance(one, numbers) and not isinstance(one, bool) and 0 < one < 100 for one in levels
    ):
        raise ConfigError(
            "level must be numbers between 0 and 100.", value=repr(level), fix="Use level=[90]."
        )
    return levels


def _near(q: float, trained: tuple[float, ...]) -> float | None:
    """The trained quantile that this is but for rounding."""
    return next((known for known in trained if math.isclose(known, q, abs_tol=1e-9)), None)
