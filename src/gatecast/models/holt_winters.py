"""Holt-Winters: exponential smoothing of a level, a trend and a season, estimated in the engine."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from gatecast import _core
from gatecast.errors import ConfigError
from gatecast.models.baselines import Statistical
from gatecast.models.config import flag, whole_number
from gatecast.models.forecaster import Fitted, Settings
from gatecast.models.identity import Identity, require_array
from gatecast.panel import as_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, Intake, Ints, Panel

__all__ = ["Form", "HoltWinters", "HoltWintersConfig"]

Component = Literal["additive", "multiplicative", "none"]

_WORDS = {"add": "additive", "mul": "multiplicative", None: "none"}
_COMPONENTS = ("none", "additive", "multiplicative")
_TOO_FAR = 1_000.0  # times the largest value
_WORKED = 0  # the engine's status where all went well
_SHOWN = {"none": "N", "additive": "A", "multiplicative": "M"}


@dataclass(frozen=True)
class Form:
    """What a series is made of.

    Parameters
    ----------
    trend, season : {"none", "additive", "multiplicative"}
        How each goes into the value.
    damped : bool
        Whether the trend dies away.

    Examples
    --------
    >>> str(Form("additive", "multiplicative", damped=True))
    'ETS(A,Ad,M)'
    """

    trend: str = "none"
    season: str = "none"
    damped: bool = False

    def __str__(self) -> str:
        """Return the usual name (Hyndman, Koehler, Ord & Snyder 2008)."""
        return f"ETS(A,{_SHOWN[self.trend]}{'d' * self.damped},{_SHOWN[self.season]})"

    @property
    def multiplies(self) -> bool:
        """Whether values must be positive."""
        return "multiplicative" in (self.trend, self.season)

    def n_parameters(self, season_length: int) -> int:
        """Count what is estimated: coefficients, free initial states, and the variance."""
        trend, season = self.trend != "none", self.season != "none"
        return 3 + 2 * trend + self.damped + season * season_length

    def engine(self, season_length: int) -> _core.SmoothingForm:
        """Return it as the engine wants it."""
        return _core.SmoothingForm(
            trend=self.trend, season=self.season, damped=self.damped, season_length=season_length
        )

    def ahead(self, states: Doubles, phi: Doubles, h: int) -> Doubles:
        """Return forecasts ``[n_series, h]`` from the states after the last values.

        A trend that multiplies can leave the range of numbers; its path then stays where it was
        last.
        """
        level, trend, season = states[:, :1], states[:, 1:2], states[:, 2:]
        steps = np.cumsum(phi[:, None] ** np.arange(1, h + 1), axis=1)
        path = np.repeat(level, h, axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            if self.trend == "additive":
                path = level + trend * steps
            elif self.trend == "multiplicative":
                path = level * trend**steps
            if self.season != "none":
                cycle = season[:, np.arange(h) % season.shape[1]]
                path = path + cycle if self.season == "additive" else path * cycle
        last = np.maximum.accumulate(np.where(np.isfinite(path), np.arange(h), 0), axis=1)
        return np.take_along_axis(path, last, axis=1)

    def simpler(self) -> Form:
        """Return what to try where this form is not admissible; at the end, a level alone."""
        if self.trend == "multiplicative":
            return replace(self, trend="additive")
        if self.season != "none":
            return replace(self, season="additive" if self.season == "multiplicative" else "none")
        return replace(self, damped=False) if self.damped else Form()


_FORMS = tuple(
    Form(trend, season, damped)
    for trend in _COMPONENTS
    for season in _COMPONENTS
    for damped in (False, True)
    if trend != "none" or not damped
)


@dataclass(frozen=True, kw_only=True)
class HoltWintersConfig(Settings):
    """What :class:`gatecast.HoltWinters` was asked for; see there for each setting.

    Raises
    ------
    ConfigError
        When a setting is impossible or two of them contradict each other.

    Examples
    --------
    >>> HoltWintersConfig(h=2, trend="up")
    Traceback (most recent call last):
        ...
    gatecast.errors.ConfigError: trend must be one of 'auto', 'additive', 'multiplicative', \
'none'. Got: 'up'.
    """

    trend: Component | Literal["auto"] | None = "auto"
    seasonal: Component | Literal["auto"] | None = "auto"
    damped: bool | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("trend", "seasonal"):
            object.__setattr__(self, name, _component(name, getattr(self, name)))
        if not isinstance(self.damped, str):
            object.__setattr__(self, "damped", flag("damped", self.damped))
        elif self.damped != "auto":
            raise ConfigError("damped must be True, False or 'auto'.", value=repr(self.damped))
        if self.damped is True and self.trend == "none":
            raise ConfigError(
                "Only a trend can be damped.",
                value="damped=True, trend='none'",
                fix="Use trend='additive', or damped=False.",
            )
        if self.season_length == 1 and self.seasonal in ("additive", "multiplicative"):
            raise _no_season(str(self.seasonal))

    def forms(self, season_length: int) -> tuple[Form, ...]:
        """Return the forms to choose from, the simplest first.

        A trend that multiplies is tried only if it was asked for: it runs away too easily.
        """
        trends = ("none", "additive") if self.trend == "auto" else (self.trend,)
        seasons = _COMPONENTS if self.seasonal == "auto" else (self.seasonal,)
        dampings = (False, True) if self.damped == "auto" else (self.damped,)
        if season_length == 1:
            if self.seasonal in ("additive", "multiplicative"):
                raise _no_season(str(self.seasonal))
            seasons = ("none",)
        asked = (
            Form(str(trend), str(season), trend != "none" and damping is True)
            for trend in trends
            for damping in dampings
            for season in seasons
        )
        return tuple(dict.fromkeys(asked))


def _no_season(seasonal: str) -> ConfigError:
    return ConfigError(
        "A season needs a length of 2 or more.",
        value=f"seasonal={seasonal!r}, season_length=1",
        fix="Use season_length=12 for months, or seasonal='none'.",
    )


def _component(name: str, word: object) -> str:
    known = ("auto", "additive", "multiplicative", "none")
    if isinstance(word, str | None):
        word = _WORDS.get(word, word)
    if not isinstance(word, str) or word not in known:
        raise ConfigError(f"{name} must be one of {', '.join(map(repr, known))}.", value=repr(word))
    return word


@dataclass(frozen=True, eq=False)
class Smoothing:
    """What was estimated of some series.

    Parameters
    ----------
    forms : ndarray
        int64 ``[n_series]``, places in ``_FORMS``.
    coefficients : ndarray
        float64 ``[n_series, 4]``: alpha, beta, gamma, phi.
    states : ndarray
        float64 ``[n_series, 2 + season_length]``: level, trend and season before the first value;
        what a form does not have is 0.
    rmse : ndarray
        float64 ``[n_series]``, of the one-step errors.
    """

    forms: Ints
    coefficients: Doubles
    states: Doubles
    rmse: Doubles

    @classmethod
    def nothing(cls, n_series: int, season_length: int) -> Smoothing:
        """Return room for so many series, of which nothing is known: forms of -1."""
        return cls(
            np.full(n_series, -1, np.int64),
            np.zeros((n_series, 4)),
            np.zeros((n_series, 2 + season_length)),
            np.zeros(n_series),
        )

    def put(self, at: Ints, other: Smoothing, of: Ints) -> None:
        """Replace what is known of the series ``at`` by what another knows of its series ``of``."""
        for field in fields(self):
            getattr(self, field.name)[at] = getattr(other, field.name)[of]

    def ahead(self, panel: Panel, h: int, threads: int | None) -> tuple[Doubles, Bools]:
        """Run through the series; return forecasts ``[n_series, h]``, and where there are any."""
        forecast, worked = np.zeros((panel.n_series, h)), np.zeros(panel.n_series, bool)
        m = self.states.shape[1] - 2
        for k in np.unique(self.forms):
            own = self.forms == k
            part, engine = panel.select(own), _FORMS[k].engine(m)
            states, _, status = _core.run_smoothing(
                engine,
                part.values,
                part.indptr,
                self.coefficients[own],
                np.ascontiguousarray(self.states[own, : engine.n_states]),
                threads=threads or 0,
            )
            forecast[own] = _FORMS[k].ahead(states, self.coefficients[own, 3], h)
            worked[own] = status == _WORKED
            if _FORMS[k].season == "multiplicative" and _FORMS[k].trend != "multiplicative":
                # A level that came near zero can leave a season in millions behind.
                seen = np.maximum.reduceat(
                    np.abs(np.where(part.observed, part.values, 0.0)), part.indptr[:-1]
                )
                worked[own] &= (np.abs(forecast[own]) <= _TOO_FAR * seen[:, None]).all(axis=1)
        return forecast, worked & np.isfinite(forecast).all(axis=1)


def estimate(panel: Panel, forms: Sequence[Form], m: int, threads: int | None) -> Smoothing:
    """Estimate each series, in the best of some forms or, where none is admissible, a simpler one.

    Parameters
    ----------
    panel : Panel
    forms : sequence of Form
    m : int
        Steps per season.
    threads : int or None
        How many to use; None for the default.

    Returns
    -------
    Smoothing
    """
    best = Smoothing.nothing(panel.n_series, m)
    while len(left := np.flatnonzero(best.forms < 0)):
        part = panel if len(left) == panel.n_series else panel.select(best.forms < 0)
        best.put(left, _best_of(part, forms, m, threads), np.arange(len(left)))
        forms = tuple(dict.fromkeys(form.simpler() for form in forms))
    return best


_LAST_RESORT = 1e12  # more than any criterion; from here on, the fewest parameters win


def _best_of(panel: Panel, forms: Sequence[Form], m: int, threads: int | None) -> Smoothing:
    """Estimate some forms and keep, of each series, the one with the least AICc."""
    best = Smoothing.nothing(panel.n_series, m)
    least = np.full(panel.n_series, np.inf)
    largest = np.maximum.reduceat(
        np.abs(np.where(panel.observed, panel.values, 0.0)), panel.indptr[:-1]
    )
    for form in forms:
        coefficients, states, rmse, n, status = _core.fit_smoothing(
            form.engine(m), panel.values, panel.indptr, threads=threads or 0
        )
        k = form.n_parameters(m)
        # Errors that are rounding make no form better than another.
        deviance = 2 * n * np.log(np.maximum(rmse, np.maximum(1e-9 * largest, 1e-300)))
        spare = n - k - 1
        aicc = deviance + 2 * k + 2 * k * (k + 1) / np.maximum(spare, 1)
        score = np.where(spare > 0, aicc, _LAST_RESORT + k)
        better = np.flatnonzero((status == _WORKED) & (score < least))
        least[better] = score[better]
        padded = np.zeros((panel.n_series, 2 + m))
        padded[:, : states.shape[1]] = states
        own = np.full(panel.n_series, _FORMS.index(form), np.int64)
        best.put(better, Smoothing(own, coefficients, padded, rmse), better)
    return best


@dataclass(frozen=True, eq=False)
class Fit(Fitted):
    """What a fit leaves behind.

    Parameters
    ----------
    season_length : int
        Steps per season.
    identity : Identity
        Which series were fitted.
    smoothing : Smoothing
        What was estimated.
    """

    season_length: int
    identity: Identity
    smoothing: Smoothing

    def known(self, panel: Panel) -> Smoothing:
        """Return what is known of a panel's series: of those that begin as they did."""
        known = Smoothing.nothing(panel.n_series, self.season_length)
        at = self.identity.places(panel)
        i = np.flatnonzero(at >= 0)
        known.put(i, self.smoothing, at[i])
        return known


class HoltWinters(Statistical):
    """Exponential smoothing with a trend and a season, which are added or multiplied.

    Each series has its own form and coefficients, estimated by maximum likelihood with errors that
    are added and Gaussian, that is by the least sum of squared one-step errors; the states before
    the first value are estimated with them. Among several forms, Akaike's information criterion
    decides, corrected for short series (Hyndman, Koehler, Ord & Snyder 2008, "Forecasting with
    exponential smoothing", whose notation and recursions these are). Values that are missing
    correct nothing.

    A series is continued by what was fitted if it begins as it did then, however much longer it
    is now. One that is new, or begins elsewhere, is estimated anew from what is given. Where a form
    is not admissible for a series (it is shorter than two seasons, has fewer values than
    coefficients, or values that are not positive where something multiplies), a simpler one takes
    its place, down to a level alone.

    Parameters
    ----------
    h : int
        Horizon; ``predict(h=...)`` may ask for any.
    trend, seasonal : {"auto", "additive", "multiplicative", "none"}
        How they go into the value. ``None`` is ``"none"``; "auto" never takes a trend that
        multiplies.
    damped : bool or "auto"
        Whether the trend dies away, by a factor from 0.8 to 0.995 a step.
    season_length : int, optional
        Steps per season; by default from the frequency of a frame, 1 for arrays.
    threads : int, optional
        How many to use; the result has the same bits with any number.

    Raises
    ------
    ConfigError
        When a setting is impossible or two of them contradict each other.

    Examples
    --------
    >>> import gatecast
    >>> y = [10.0, 20.0, 30.0, 12.0, 22.0, 32.0, 14.0, 24.0, 34.0, 16.0, 26.0, 36.0]
    >>> model = gatecast.HoltWinters(3, trend="additive", seasonal="additive", season_length=3)
    >>> model.fit(y).predict().round(3)
    array([18., 28., 38.])
    >>> str(model.form_[0])
    'ETS(A,A,A)'
    """

    def __init__(
        self,
        h: int,
        *,
        trend: Component | Literal["auto"] | None = "auto",
        seasonal: Component | Literal["auto"] | None = "auto",
        damped: bool | Literal["auto"] = "auto",
        season_length: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.config = HoltWintersConfig(
            h=h, trend=trend, seasonal=seasonal, damped=damped, season_length=season_length
        )
        self.threads = threads

    def fit_panel(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Estimate the form, coefficients and initial states of each series."""
        m = self.season_length(panel)
        self._fitted: Any = Fit(
            **vars(self.remember(panel, intake)),
            season_length=m,
            identity=Identity.of(panel),
            smoothing=estimate(panel, self.config.forms(m), m, self.threads),
        )
        return self

    def forecast(self, panel: Panel, h: int) -> NDArray[np.float64]:
        """Return forecasts ``[n_series, h]``."""
        fit: Fit = self.fitted
        m, forms = fit.season_length, self.config.forms(fit.season_length)
        smoothing = fit.known(panel)
        if len(new := np.flatnonzero(smoothing.forms < 0)):
            fresh = estimate(panel.select(smoothing.forms < 0), forms, m, self.threads)
            smoothing.put(new, fresh, np.arange(len(new)))
        forecast, worked = smoothing.ahead(panel, h, self.threads)
        # Newer values can lead a form that multiplies to where it means nothing.
        simpler = tuple(dict.fromkeys(form.simpler() for form in forms))
        for others in (forms, simpler, (Form(),)):
            if not worked.all():
                left = np.flatnonzero(~worked)
                part = panel.select(~worked)
                again = estimate(part, others, m, self.threads)
                forecast[left], worked[left] = again.ahead(part, h, self.threads)
        return forecast

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what was fitted, as JSON-safe metadata and arrays."""
        fit: Fit = self.fitted
        smoothing = {field.name: getattr(fit.smoothing, field.name) for field in fields(Smoothing)}
        arrays = fit.identity.arrays() | smoothing
        return {"season_length": fit.season_length, "ids": fit.identity.ids}, arrays

    def restore(
        self, fitted: Fitted, metadata: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> None:
        """Become what :meth:`state` said, which is not trusted."""
        m = whole_number("season_length", metadata["season_length"], 1, 100_000)
        self.config.forms(m)
        identity = Identity.restored(metadata["ids"], arrays)
        n, doubles = len(identity.ids), np.float64
        require_array("forms", arrays["forms"], np.int64, (n,))
        require_array("coefficients", arrays["coefficients"], doubles, (n, 4))
        require_array("states", arrays["states"], doubles, (n, 2 + m))
        require_array("rmse", arrays["rmse"], doubles, (n,))
        smoothing = Smoothing(**{field.name: arrays[field.name] for field in fields(Smoothing)})
        seasonal = np.array([form.season != "none" for form in _FORMS])
        if ((smoothing.forms < 0) | (smoothing.forms >= len(_FORMS))).any() or (
            m == 1 and seasonal[smoothing.forms].any()
        ):
            raise ValueError("forms should be places in the list of forms")
        if ((smoothing.coefficients < 0) | (smoothing.coefficients > 1)).any():
            raise ValueError("coefficients should be from 0 to 1")
        self._fitted = Fit(
            **vars(fitted),
            season_length=m,
            identity=identity,
            smoothing=smoothing,
        )

    @property
    def season_length_(self) -> int:
        """Steps per season that the fit used; 1 without a season."""
        return int(self.fitted.season_length)

    @property
    def form_(self) -> NDArray[np.object_]:
        """The :class:`Form` of each fitted series, in their order, ``[n_series]``."""
        return as_objects([_FORMS[k] for k in self.fitted.smoothing.forms])

    @property
    def coefficients_(self) -> dict[str, NDArray[np.float64]]:
        """``alpha, beta, gamma, phi`` of each fitted series, float64 ``[n_series]``.

        In the error-correction form: ``beta`` is at most ``alpha``, and ``gamma`` at most ``1 -
        alpha``. NaN where a form has none.
        """
        forms = self.form_
        has = {
            "alpha": [True for _ in forms],
            "beta": [form.trend != "none" for form in forms],
            "gamma": [form.season != "none" for form in forms],
            "phi": [form.damped for form in forms],
        }
        columns = self.fitted.smoothing.coefficients.T
        return {
            name: np.where(there, column, np.nan)
            for (name, there), column in zip(has.items(), columns, strict=True)
        }

    @property
    def rmse_(self) -> NDArray[np.float64]:
        """Root of the mean squared one-step error of each fitted series, float64 ``[n_series]``."""
        return np.asarray(self.fitted.smoothing.rmse)
