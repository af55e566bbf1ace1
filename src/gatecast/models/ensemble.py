"""Several models as one: the median of what they forecast, each fitted beside the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import numpy as np

from gatecast import _core
from gatecast.errors import ConfigError, GatecastError
from gatecast.models.config import whole_number
from gatecast.models.forecaster import Fitted, Forecaster
from gatecast.models.inputs import Prediction
from gatecast.panel import MissingFuture, require_word
from gatecast.progress import Epoch, epoch_callback

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Intake, Panel

__all__ = ["Ensemble", "How", "combined"]

How = Literal["median", "mean", "trimmed"]
T = TypeVar("T")
_MANY = 10_000  # seeds that a model is copied with, at most


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig:
    """What an :class:`Ensemble` was asked for, beside its members; see there."""

    h: int
    how: How = "median"
    alias: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "h", whole_number("h", self.h, 1, 100_000))
        require_word("how", self.how, How)
        if not isinstance(self.alias, str | None):
            raise ConfigError("alias must be the name of a column.", value=repr(self.alias))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed, checked anew."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-safe values."""
        return asdict(self)


class Ensemble(Forecaster):
    """The median, or a mean, of the forecasts of several models, fitted side by side.

    Networks that differ in nothing but their seed err in different ways, and their median errs
    less than they do: most entries of forecasting competitions that were won by networks were
    ensembles. Members are fitted at the same time on threads of their own, which small networks use
    better than one training uses many.

    Parameters
    ----------
    models : Forecaster or sequence of Forecaster
        Not fitted yet, all with the same horizon.
    n_seeds : int, optional
        Take each model that many times, with the seeds ``seed, seed + 1, ...``. A model that has no
        seed is taken once, as are all by default.
    how : {"median", "mean", "trimmed"}
        How forecasts of a step become one: their median; their mean; their mean without the lowest
        and the highest fifth. The order of the models changes no bit.
    threads : int, optional
        For all members together; that of the first by default. The result has the same bits
        whatever it is.
    progress : bool or callable
        Show a bar on the terminal, or call with a :class:`gatecast.progress.Epoch` that counts the
        epochs of all members together; its losses and ``best`` are those of the member that ended
        one. Returning False stops all of them there.
    alias : str, optional
        The name of the column; "Ensemble" by default.

    Attributes
    ----------
    members : tuple of Forecaster
        The models, with all that each has after a fit: ``ensemble.members[0].history_``.

    Raises
    ------
    ConfigError
        When there is no model, or their horizons differ.

    Notes
    -----
    Where all members were trained on the same quantiles, each quantile is combined, and the result
    sorted. Else, and of members that are :class:`gatecast.Conformal`, there are points only:
    put the ensemble into ``Conformal`` for intervals.

    When a member fails, the others are stopped, and the error says which it was.

    Examples
    --------
    >>> import numpy as np
    >>> import gatecast
    >>> y = 10 + np.sin(np.arange(120) * 2 * np.pi / 12)
    >>> lstm = gatecast.LSTM(3, context_length=24, hidden_size=8, epochs=20)
    >>> model = gatecast.Ensemble(lstm, n_seeds=5).fit(y)
    >>> model.predict().shape
    (3,)
    >>> [member.config.seed for member in model.members]
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        models: Forecaster | Sequence[Forecaster],
        n_seeds: int | None = None,
        how: How = "median",
        *,
        threads: int | None = None,
        progress: Any = False,
        alias: str | None = None,
    ) -> None:
        given = [models] if isinstance(models, Forecaster) else models
        if not isinstance(given, Sequence) or not all(isinstance(x, Forecaster) for x in given):
            raise ConfigError(
                "models must be a model or several.",
                value=repr(models),
                fix="Use Ensemble(LSTM(12), n_seeds=5) or Ensemble([LSTM(12), Theta(12)]).",
            )
        horizons = {model.config.h for model in given}
        if len(horizons) != 1:
            name = type(self).__name__
            raise ConfigError(
                f"{name} needs models of one horizon.",
                value=", ".join(f"{model.name}({model.config.h})" for model in given) or "none",
                fix=f"Use {name}([LSTM(12), HoltWinters(12)]).",
            )
        if n_seeds is not None:
            n_seeds = whole_number("n_seeds", n_seeds, 1, _MANY)
            given = [copy for model in given for copy in _seeded(model, n_seeds)]
        self.config = EnsembleConfig(h=horizons.pop(), how=how, alias=alias)
        self._members = _different(given)
        self.threads = given[0].threads if threads is None else threads
        self.progress = progress

    @classmethod
    def of_members(cls, members: list[Forecaster], settings: dict[str, Any]) -> Self:
        """Return an unfitted ensemble, as it was saved."""
        settings = dict(settings)
        h = settings.pop("h")
        made = cls(members, **settings)
        if made.config.h != h:
            raise ValueError("the horizons differ")
        return made

    @property
    def members(self) -> tuple[Forecaster, ...]:
        """The models whose forecasts are joined."""
        return self._members

    @property
    def name(self) -> str:
        """The name of the column."""
        return self.config.alias or type(self).__name__

    @property
    def trained_quantiles(self) -> tuple[float, ...]:
        """What stands on the last axis of a prediction; empty for a point forecast alone."""
        first = self._members[0].trained_quantiles
        # A model with intervals of its own does not mean its quantiles to be read as they are.
        plain = all(type(model).interval is Forecaster.interval for model in self._members)
        same = all(model.trained_quantiles == first for model in self._members)
        return first if plain and same else ()

    def with_horizon(self, h: int) -> Self:
        """Return an unfitted copy for another horizon."""
        settings = {**self.config.to_dict(), "h": h}
        made = self.of_members([model.with_horizon(h) for model in self._members], settings)
        made.threads = self.threads
        return made

    def covariates(self) -> dict[str, tuple[str, ...]]:
        """The columns that any of the models reads beside the target."""
        read = [model.covariates() for model in self._members]
        return {
            role: tuple(dict.fromkeys(x for one in read for x in one[role])) for role in read[0]
        }

    def context_size(self) -> int | None:
        """How many of a series' last values a forecast needs; None for all of them."""
        sizes = [model.context_size() for model in self._members]
        known = [size for size in sizes if size is not None]
        return max(known) if len(known) == len(sizes) else None

    def horizon(self, h: int | None = None) -> int:
        """Return how many steps ``predict(h=h)`` gives; a ConfigError if a model cannot."""
        steps = super().horizon(h)
        for model in self._members:
            model.horizon(steps)
        return steps

    def chosen_quantiles(self, asked: object) -> tuple[float, ...]:
        """Return which of the trained quantiles are meant; a ConfigError if one is not there."""
        if asked is None and self.trained_quantiles:  # the median may have been asked for or not
            return min((model.chosen_quantiles(None) for model in self._members), key=len)
        return super().chosen_quantiles(asked)

    def fit_panel(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Fit the models side by side."""
        self._fitted = None
        stop = threading.Event()
        epochs = [model.n_epochs(panel) for model in self._members]
        with epoch_callback(self.progress, sum(epochs)) as tell:
            told = _Told(tell, epochs, stop)

            def fit(place: int, model: Forecaster) -> None:
                before, model.progress = model.progress, told.by(place)
                try:
                    model.fit_panel(panel, intake)
                finally:
                    model.progress = before
                told.finished(place)

            self._side_by_side(fit, stop)
        return self.adopt(panel, intake)

    def adopt(self, panel: Panel, intake: Intake | None = None) -> Self:
        """Become fitted, where all the models are."""
        self._fitted: Fitted | None = self.remember(panel, intake, self.context_size())
        return self

    def predict_panel(
        self, panel: Panel, h: int, missing_future: MissingFuture = "error"
    ) -> Prediction:
        """Forecast with each model and join what they say."""
        made = self._side_by_side(
            lambda _, model: model.predict_panel(panel, h, missing_future), threading.Event()
        )
        quantiles = self.trained_quantiles
        outputs = combined(
            [one.outputs if quantiles else one.point[:, :, None] for one in made], self.config.how
        )
        said = max(made, key=lambda one: one.missing_future != "error")
        return replace(
            said,
            outputs=np.sort(outputs, axis=2),
            middle=quantiles.index(0.5) if quantiles else 0,
            assumed=np.logical_or.reduce([one.assumed for one in made]),
            notes=tuple(dict.fromkeys(note for one in made for note in one.notes)),
            spread=None,
        )

    def _side_by_side(self, work: Callable[[int, Forecaster], T], stop: threading.Event) -> list[T]:
        """Return ``work(place, model)`` of all; what fails sets ``stop`` and is raised."""
        n = len(self._members)
        threads = self.threads or _core.default_threads()
        at_once = min(threads, n)

        def one(place: int, model: Forecaster) -> T:
            # Those that come last may have the threads of those that are done.
            beside = at_once if place < n - n % at_once else n % at_once
            before, model.threads = model.threads, threads // beside
            try:
                return work(place, model)
            except Exception as error:
                if n > 1:
                    _name(error, f"Member {place + 1} of {n}, {model.name}")
                raise
            finally:
                model.threads = before

        if at_once == 1:  # on this thread, which Ctrl-C reaches
            return [one(place, model) for place, model in enumerate(self._members)]
        with ThreadPoolExecutor(at_once) as pool:
            waiting: list[Future[T]] = []
            try:
                waiting += [pool.submit(one, *each) for each in enumerate(self._members)]
                ended, _ = wait(waiting, return_when=FIRST_EXCEPTION)
                for future in waiting:
                    if future in ended:
                        future.result()
            except BaseException:
                stop.set()
                for future in waiting:
                    future.cancel()
                raise
            return [future.result() for future in waiting]


class _Told:
    """What is told of the members' epochs, one at a time, and how a training is ended."""

    def __init__(self, tell: Any, epochs: list[int], stop: threading.Event) -> None:
        self._tell, self._epochs, self._stop = tell, epochs, stop
        self._lock = threading.Lock()
        self._done = [0] * len(epochs)
        self._ended = False

    def by(self, place: int) -> Callable[[Epoch], bool]:
        """Return the ``progress`` of a member."""

        def ended(epoch: Epoch) -> bool:
            if self._tell is None:
                return not self._stop.is_set()
            with self._lock:
                if self._stop.is_set() or self._ended:
                    return False
                self._done[place] = epoch.number
                numbers = (sum(self._done), epoch.loss, epoch.val_loss, epoch.best)
                self._ended = self._tell(*numbers) is False
                return not self._ended

        return ended

    def finished(self, place: int) -> None:
        """Count all epochs of a member, of which it may have needed fewer."""
        with self._lock:
            self._done[place] = self._epochs[place]


def combined(forecasts: Sequence[NDArray[np.float64]], how: How) -> NDArray[np.float64]:
    """Return one forecast of several of the same shape.

    Parameters
    ----------
    forecasts : sequence of ndarray
        Of the members, in any order.
    how : {"median", "mean", "trimmed"}
        See :class:`Ensemble`.

    Examples
    --------
    >>> import numpy as np
    >>> five = [np.array([x]) for x in (9.0, 1.0, 2.0, 3.0, 5.0)]
    >>> [combined(five, how).item() for how in ("median", "mean", "trimmed")]
    [3.0, 4.0, 3.3333333333333335]
    """
    n = len(forecasts)
    cut = {"median": (n - 1) // 2, "mean": 0, "trimmed": n // 5}[how]
    ranked = np.sort(forecasts, axis=0)  # so that a sum has one order
    kept: NDArray[np.float64] = ranked[cut : n - cut].mean(axis=0)
    return kept


def _seeded(model: Forecaster, n_seeds: int) -> list[Forecaster]:
    """Return copies with one seed after another; of a model without any, itself."""
    settings = model.config.to_dict()
    if model.members or "seed" not in settings:
        return [model]
    seeds = range(settings["seed"], settings["seed"] + n_seeds)
    return [
        model.from_settings({**settings, "seed": seed}, threads=model.threads) for seed in seeds
    ]


def _different(models: Sequence[Forecaster]) -> tuple[Forecaster, ...]:
    """Copy a model that came before: two fits must not write into one."""
    seen: set[int] = set()
    different = []
    for model in models:
        different.append(model.with_horizon(model.config.h) if id(model) in seen else model)
        seen.add(id(model))
    return tuple(different)


def _name(error: Exception, who: str) -> None:
    """Let an error say whose it is."""
    if isinstance(error, GatecastError):
        error.problem, error.args = f"{who}: {error.problem}", (f"{who}: {error}",)
    else:
        error.add_note(who)
