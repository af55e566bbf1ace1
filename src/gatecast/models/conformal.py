"""Any model with intervals that hold: how wide they must be is found by forecasting the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gatecast.errors import ConfigError
from gatecast.evaluation.backtest import Backtest, backtest, cutoffs, own_widths, spread_of
from gatecast.intervals import Calibration, calibrate
from gatecast.models.config import flag, quantile_levels, whole_number
from gatecast.models.forecaster import Fitted, Forecaster, confidence_levels
from gatecast.models.inputs import Prediction
from gatecast.panel import MissingFuture, as_objects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Intake, Panel

__all__ = ["Conformal"]

_WINDOWS = 30  # at most, of a few series; of many, fewer say as much
_RESIDUALS = 2_000


@dataclass(frozen=True, kw_only=True)
class ConformalConfig:
    """What :class:`Conformal` was asked for; see there."""

    h: int
    season_length: int | None = None
    n_windows: int | None = None
    step_size: int | None = None
    adaptive: bool = False
    level: tuple[float, ...] = ()
    alias: str | None = None

    def __post_init__(self) -> None:
        for name, low in (("h", 1), ("season_length", 1), ("n_windows", 1), ("step_size", 1)):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, whole_number(name, value, low, 100_000))
        flag("adaptive", self.adaptive)
        object.__setattr__(self, "level", tuple(confidence_levels(self.level)))
        if not isinstance(self.alias, str | None):
            raise ConfigError("alias must be the name of a column.", value=repr(self.alias))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed, checked anew."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-safe values."""
        return {**asdict(self), "level": list(self.level)}


class Conformal(Forecaster):
    """A model with calibrated intervals of any level.

    Before the model is fitted on everything, it is fitted on the beginning and forecasts the rest
    from several cutoffs. What it erred there, step by step, is how wide an interval must be: split
    conformal prediction, or conformalised quantile regression (Romano, Patterson & Candès, 2019)
    for a model that was trained on quantiles. See ``gatecast.intervals``.

    Parameters
    ----------
    model : Forecaster
        Not fitted yet.
    n_windows, step_size : int, optional
        From how many cutoffs, and how far apart. By default up to 30 within the newest two fifths
        of the series.
    adaptive : bool
        Follow changes of how often intervals hold (Gibbs & Candès, 2021).
    level : sequence of float
        The intervals, in per cent, that ``predict()`` returns if not told otherwise.
    season_length : int, optional
        Steps per season, for the scale by which series are compared; the model's own by default,
        of two the fewer.
    alias : str, optional
        The name of the column; that of the model by default.

    Attributes
    ----------
    calibration_ : Calibration
        What was learnt of the errors.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import gatecast
    >>> walk = np.random.default_rng(0).normal(size=200).cumsum()
    >>> df = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=200), "y": walk})
    >>> model = gatecast.Conformal(gatecast.Naive(3), level=[90]).fit(df)
    >>> list(model.predict().columns)
    ['unique_id', 'ds', 'Naive', 'Naive-lo-90', 'Naive-hi-90']
    >>> model.simulate(100).shape  # 100 paths of 3 days, below one another
    (300, 4)
    """

    def __init__(
        self,
        model: Forecaster,
        *,
        n_windows: int | None = None,
        step_size: int | None = None,
        adaptive: bool = False,
        level: Sequence[float] = (),
        season_length: int | None = None,
        alias: str | None = None,
    ) -> None:
        self._model = model
        # Of fitted series by id: where they end, their spread, and how much wider intervals are.
        self._known: dict[Any, tuple[int, float, float]] = {}
        self.config = ConformalConfig(
            h=model.config.h,
            season_length=season_length or model.asked_season,
            n_windows=n_windows,
            step_size=step_size,
            adaptive=adaptive,
            level=tuple(level),
            alias=alias,
        )

    @classmethod
    def of_members(cls, members: list[Forecaster], settings: dict[str, Any]) -> Self:
        """Return an unfitted model, as it was saved."""
        (model,) = members
        settings = dict(settings)
        if settings.pop("h") != model.config.h:
            raise ValueError("the horizons differ")
        return cls(model, **settings)

    @property
    def members(self) -> tuple[Forecaster, ...]:
        """The model whose intervals these are."""
        return (self._model,)

    @property
    def model(self) -> Forecaster:
        """The model whose intervals these are."""
        return self._model

    @property
    def name(self) -> str:
        """The name of the column."""
        return self.config.alias or self._model.name

    @property
    def threads(self) -> int | None:
        """How many threads to use; None for the default."""
        return self._model.threads

    @threads.setter
    def threads(self, threads: int | None) -> None:
        self._model.threads = threads

    @property
    def trained_quantiles(self) -> tuple[float, ...]:
        """What stands on the last axis of a prediction."""
        return self._model.trained_quantiles

    def with_horizon(self, h: int) -> Self:
        """Return an unfitted copy for another horizon."""
        settings = self.config.to_dict()
        del settings["h"]
        return type(self)(self._model.with_horizon(h), **settings)

    def covariates(self) -> dict[str, tuple[str, ...]]:
        """The columns that the model reads beside the target."""
        return self._model.covariates()

    def context_size(self) -> int | None:
        """How many of a series' last values a forecast needs; None for all of them."""
        return self._model.context_size()

    def horizon(self, h: int | None = None) -> int:
        """Return how many steps ``predict(h=h)`` gives; a ConfigError beyond those calibrated."""
        steps = self.config.h if h is None else whole_number("h", h, 1, 100_000)
        if steps > self.config.h:
            raise ConfigError(
                f"The intervals were calibrated for {self.config.h} steps.",
                value=f"h={h}",
                fix=f"Fit a model for {h} steps.",
            )
        return steps

    def fit_panel(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Forecast the past, learn from the errors, and fit the model on everything."""
        config, m = self.config, self.config.season_length or panel.season_length
        step = config.step_size or 1
        windows = config.n_windows or _windows(panel, config.h, step)
        if config.step_size is None:  # spread over the newest two fifths
            step = max(1, int(0.4 * np.median(panel.lengths) - config.h) // windows)
        at = cutoffs(panel, config.h, windows, step)
        tested = backtest(
            {"model": self._model},
            panel,
            config.h,
            at,
            season_length=m,
            refit=False,
            missing_future="last",
            intake=intake,
        )
        self._model.fit_panel(panel, intake)
        return self.adopt(panel, *calibration_of(tested, "model", config.adaptive), intake)

    def adopt(
        self,
        panel: Panel,
        calibration: Calibration,
        own: NDArray[np.float64],
        intake: Intake | None = None,
    ) -> Self:
        """Become fitted, where the model is, with intervals as they were calibrated.

        ``own`` ``[n_series]`` is how much wider those of a series are than its changes say.
        """
        m = self.config.season_length or panel.season_length
        self.calibration_ = calibration
        self._fitted: Fitted = self.remember(panel, intake, self.context_size())
        self._remember_spread(panel, spread_of(panel, m), own)
        return self

    def notes_for(self, level: float) -> tuple[str, ...]:
        """Return what to know about the intervals of a level, for the fitted series."""
        return self.calibration_.notes_for(level, self._spread)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the calibration, and how much each series changes."""
        arrays = {f"calibration.{x}": a for x, a in self.calibration_.arrays().items()}
        arrays |= {"spread": self._spread, "own": self._own}
        return {"calibration": self.calibration_.metadata()}, arrays

    def restore(
        self, fitted: Fitted, metadata: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> None:
        """Become what :meth:`state` said."""
        prefix = "calibration."
        own = {x.removeprefix(prefix): a for x, a in arrays.items() if x.startswith(prefix)}
        self.calibration_ = Calibration.from_saved(metadata["calibration"], own)
        self._fitted = fitted
        for name in ("spread", "own"):
            if arrays[name].dtype != np.float64 or arrays[name].ndim != 1:
                raise ValueError(f"{name} should be float64")
            if (arrays[name] < 0).any() or np.isinf(arrays[name]).any():
                raise ValueError(f"{name} should be finite")
        if fitted.panel is not None:
            if {len(arrays[name]) for name in ("spread", "own")} != {fitted.panel.n_series}:
                raise ValueError("spread and own should be a number a series")
            self._remember_spread(fitted.panel, arrays["spread"], arrays["own"])
        else:
            self._spread, self._own = arrays["spread"], arrays["own"]

    def predict_panel(
        self, panel: Panel, h: int, missing_future: MissingFuture = "error"
    ) -> Prediction:
        """Forecast with the model; the spread of each series goes with it, for the intervals."""
        prediction = self._model.predict_panel(panel, h, missing_future)
        own = spread_of(panel, self.config.season_length or panel.season_length)
        for i, (name, last) in enumerate(zip(panel.ids, panel.last.tolist(), strict=True)):
            if (known := self._known.get(name)) is not None:
                end, spread, wider = known
                own[i] = wider * (spread if end == last else own[i])
        n_cold = prediction.panel.n_series - panel.n_series
        if n_cold:  # nobody knows theirs
            own = np.concatenate([own, np.full(n_cold, np.nanmedian(own))])
        return replace(prediction, spread=own)

    def columns(
        self,
        prediction: Prediction,
        quantiles: Sequence[float],
        level: Sequence[float] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        """Return ``[n_series, h]`` by the name of its column, as :meth:`predict` has them."""
        shown = self.config.level if level is None and not quantiles else level
        return super().columns(prediction, quantiles, shown)

    def interval(
        self, prediction: Prediction, level: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ends ``[n_series, h]`` of a calibrated interval of ``level`` per cent."""
        assert prediction.spread is not None
        return self.calibration_.interval(level, prediction.outputs, prediction.spread)

    def quantile_outputs(
        self, prediction: Prediction, quantiles: Sequence[float]
    ) -> NDArray[np.float64]:
        """Return ``[n_series, h, quantiles]``, the ends of the calibrated intervals."""
        if not quantiles:
            return prediction.point
        ends = [
            prediction.point
            if abs(q - 0.5) < 1e-9
            else self.interval(prediction, 100 * abs(1 - 2 * q))[int(q > 0.5)]
            for q in quantiles
        ]
        return np.stack(ends, axis=2)

    def chosen_quantiles(self, asked: object) -> tuple[float, ...]:
        """Return the quantiles as they are asked for: there is none that cannot be had."""
        return () if asked is None else quantile_levels(asked)

    def simulate(
        self,
        n: int,
        new: Any = None,
        *,
        h: int | None = None,
        future_df: Any = None,
        missing_future: MissingFuture = "error",
        seed: int = 0,
    ) -> Any:
        """Draw sample paths: at each step they spread as the intervals say, and they hang together.

        A sum or a maximum over the horizon has the distribution of the sums or maxima of paths, not
        the sum of intervals.

        Parameters
        ----------
        n : int
            How many of each series.
        new, h, future_df, missing_future
            As for :meth:`gatecast.LSTM.predict`.
        seed : int
            Same seed, same paths.

        Returns
        -------
        frame or ndarray
            A frame of the caller's kind, ``unique_id, ds, sample, <Model>``, or float64 ``[n, h]``
            or ``[n_series, n, h]`` for arrays.

        Examples
        --------
        >>> import numpy as np
        >>> import gatecast
        >>> y = np.random.default_rng(0).normal(size=200).cumsum()
        >>> paths = gatecast.Conformal(gatecast.Naive(6)).fit(y).simulate(500)
        >>> paths.shape
        (500, 6)
        >>> bool(np.corrcoef(paths[:, 4], paths[:, 5])[0, 1] > 0.5)  # a walk goes on
        True
        """
        n = whole_number("n", n, 1, 1_000_000)
        panel = self.given_panel(new, future_df, {})
        prediction = self.predict_panel(panel, self.horizon(h), missing_future)
        assert prediction.spread is not None
        ids = [str(name) for name in prediction.panel.ids]
        paths = self.calibration_.simulate(n, prediction.outputs, prediction.spread, seed, ids=ids)
        paths = paths.transpose(1, 0, 2)  # [n_series, n, h]
        if panel.kind.startswith("array"):
            return paths[0] if panel.kind == "array-1d" else paths
        return _as_frame(prediction.panel, paths, self.name)

    def _remember_spread(
        self, panel: Panel, spread: NDArray[np.float64], own: NDArray[np.float64]
    ) -> None:
        self._spread, self._own = spread, own
        facts = zip(panel.last.tolist(), spread.tolist(), own.tolist(), strict=True)
        self._known = dict(zip(panel.ids, facts, strict=True))


def calibration_of(
    tested: Backtest, name: str, adaptive: bool = False
) -> tuple[Calibration, NDArray[np.float64]]:
    """Learn from what a model erred how wide intervals must be, and ``own`` of each series."""
    _, others, now = own_widths(tested, name)
    calibration = calibrate(
        tested.truth,
        tested.outputs[name],
        tested.quantiles[name],
        tested.spread * others,
        step_size=tested.step_size,
        adaptive=adaptive,
    )
    return calibration, now


def _windows(panel: Panel, h: int, step: int) -> int:
    span = int(0.4 * np.median(panel.lengths)) - h
    wanted = max(4, min(_WINDOWS, _RESIDUALS // panel.n_series))
    return max(1, min(wanted, span // step + 1))


def _as_frame(panel: Panel, paths: NDArray[np.float64], name: str) -> Any:
    """Put paths ``[n_series, n, h]`` into a long frame, one below another."""
    n_series, n, h = paths.shape
    rows = np.repeat(np.arange(n_series), n)
    copies = replace(panel, ids=as_objects([panel.ids[i] for i in rows]), last=panel.last[rows])
    sample = np.broadcast_to(np.tile(np.arange(n), n_series)[:, None], (n_series * n, h))
    cells: dict[str, NDArray[Any]] = {"sample": sample, name: paths.reshape(-1, h)}
    return copies.forecast_frame(h, cells)
