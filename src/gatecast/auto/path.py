"""From a panel to a forecast that says how good it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.auto.es_lstm import hybrid_for, hybrid_work
from gatecast.auto.lstm import WORK, settings_for, training_work, tuned
from gatecast.auto.result import Candidate, Forecast
from gatecast.auto.scores import (
    blended,
    blended_then,
    chosen_of,
    interval_scores,
)
from gatecast.errors import DataError
from gatecast.evaluation.backtest import (
    Backtest,
    Cutoffs,
    backtest,
    cutoffs,
    point_scores,
)
from gatecast.evaluation.cross_validation import named_models
from gatecast.evaluation.lag import LagDiagnosis, diagnose_lag
from gatecast.evaluation.verdict import verdict_of
from gatecast.features import encode, fit_encoding
from gatecast.intervals import calibrate
from gatecast.language import said
from gatecast.models import SIMPLE
from gatecast.models.blend import Blend
from gatecast.models.config import LSTMConfig, default_context_length
from gatecast.models.conformal import Conformal, calibration_of
from gatecast.models.es_lstm import ESLSTM
from gatecast.models.forecaster import Forecaster
from gatecast.models.inputs import NO_CALENDAR
from gatecast.models.lstm import LSTM
from gatecast.panel import Intake, MissingFuture, Panel, counted
from gatecast.seasons import Season, find_season_length

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.progress import Epoch

__all__ = ["Request", "forecast_panel"]

BLEND = "Blend"
# A training part shorter than this has nothing to learn from.
_MIN_CONTEXT = 3
# All trainings of one model at the cutoffs cost at most so many 1e9 operations, or it is not
# trained again there.
_ALL_WORK = 200.0
_HYBRID_WORK = 200.0  # the same for ESLSTM, which is to add no more than half of that
_ALL_HYBRID_WORK = 100.0
_SPEED = (
    25.0  # 1e9 operations a second that a budget counts on; where it is less, the clock ends it
)
_DENSE = 60  # windows that tell of intervals, of a few series
_ONE_STEP = 200  # one-step forecasts that tell of a lag
_FEW_SERIES = 10
_LEFT_OUT = "{model} was left out: the time budget does not reach for it."


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a forecast; see :func:`gatecast.forecast`."""

    h: int
    season_length: int | None = None
    level: tuple[float, ...] = (80, 95)
    models: Any = "auto"
    budget: float | None = None
    seed: int = 0
    threads: int | None = None
    missing_future: MissingFuture = "error"
    settings: dict[str, Any] = field(default_factory=dict)  # of the LSTM, where they are decided

    def check(self) -> None:
        """Raise now, and not after the data were read, if a model or a setting is impossible."""
        if self.models != "auto":
            named_models(self.models, self.h)
        LSTMConfig(**{**self.settings, "h": self.h, "seed": self.seed})


class Clock:
    """How much of the time budget is left; without one, there is always enough."""

    def __init__(self, budget: float | None) -> None:
        self._started, self._budget = time.perf_counter(), budget

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.perf_counter() - self._started

    def work(self, share: float, most: float) -> float:
        """Return how much counted work is affordable in a share of the budget."""
        return most if self._budget is None else min(most, self._budget * share * _SPEED)

    def until(self, share: float) -> float:
        """Return when a share of the whole budget is used up."""
        return math.inf if self._budget is None else self._started + share * self._budget

    def affords(self, seconds: float, share: float = 1.0) -> bool:
        """Whether so much is left, and no more than a share of the whole."""
        if self._budget is None:
            return True
        return self.seconds + seconds <= self._budget and seconds <= share * self._budget


def forecast_panel(
    panel: Panel,
    request: Request,
    *,
    intake: Intake | None = None,
    progress: Callable[[str, int], Any] | None = None,
) -> Forecast:
    """Test models on the past, choose, and forecast; :func:`gatecast.forecast` for a panel.

    Parameters
    ----------
    panel : Panel
        Series, with the covariates that are to be read.
    request : Request
        What is asked.
    intake : Intake, optional
        How the panel was taken in, for the model to remember.
    progress : callable, optional
        ``progress(stage, total)`` returns what is called as the stage goes on.

    Returns
    -------
    Forecast

    Raises
    ------
    DataError
        When no series is long enough.
    """
    return _Path(panel, request, intake, progress).forecast()


class _Path:
    """The stages of one forecast, in the order of :meth:`forecast`."""

    def __init__(
        self,
        panel: Panel,
        request: Request,
        intake: Intake | None,
        progress: Callable[[str, int], Any] | None,
    ) -> None:
        self.panel, self.request, self.intake = panel, request, intake
        self.tell = progress
        self.clock = Clock(request.budget)
        self.notes = list(panel.notes)
        self.decisions: list[tuple[str, str]] = []
        self.h = request.h
        self.early: dict[str, Forecaster] = {}  # fitted on what was known at the first cutoff

    def forecast(self) -> Forecast:
        panel, request = self.panel, self.request
        _require_length(panel, self.h)
        at = self._cutoffs()
        past = panel if at is None else _at_first(panel, at)
        self.m = self._season_length(past)
        asked, models, lstm = self._candidates(past)
        if lstm is not None:
            self._check_covariates(lstm)
        if at is None:
            return self._untested(asked, models, lstm)
        if lstm is not None and (found := self._tuned(past, lstm)) is not None:
            models["LSTM"] = self._as_model(found)
        took = {}
        for name, model in models.items():
            started = time.perf_counter()
            self.early[name] = self._fitted(model, past, 0.5)
            took[name] = time.perf_counter() - started
        tested, dense = self._tested(models, at, took)
        tested = replace(
            tested, seconds={name: took[name] + x for name, x in tested.seconds.items()}
        )
        lstms = [name for name, model in models.items() if isinstance(model, LSTM)]
        scores = {name: point_scores(tested, name) for name in models}
        members: tuple[str, ...] = ()
        if request.models == "auto" and panel.cold is None:
            members = blended({name: score["mase"] for name, score in scores.items()})
        if members:
            then = [blended_then(tested, k) for k in range(tested.n_windows)]
            same = tested is dense
            tested = _with_blend(tested, then)
            dense = tested if same else _with_blend(dense, [members] * dense.n_windows)
            scores[BLEND] = point_scores(tested, BLEND)
        eligible = [name for name in (*asked, BLEND) if name in scores]
        mases = {name: scores[name]["mase"] for name in eligible}
        if panel.cold is not None and lstms:
            mases = {name: mases[name] for name in lstms if name in mases} or mases
            self.notes.append(
                said(
                    "Some series have no history: only the LSTM can forecast them, so it is chosen."
                )
            )
        chosen = chosen_of(mases, BLEND)
        self._explain_choice(asked, chosen, members, tested)
        board, measured = self._leaderboard(tested, dense, scores)
        lstm_name = min(lstms, key=lambda name: scores[name]["mase"], default=None)
        diagnosis, residual = (
            (None, None) if lstm_name is None else self._lag(self.early[lstm_name])
        )
        verdict = verdict_of(
            {name: tested.errors(name) for name in tested.outputs},
            lstm=lstm_name,
            chosen=chosen,
            overlap=tested.overlap,
            diagnosis=diagnosis,
            residual_autocorrelation=residual,
            components=members if chosen == BLEND else (),
        )
        final = self._final(chosen, members, models, dense)
        return self._result(
            final,
            tried=models[lstm_name] if lstm_name else None,
            chosen=chosen,
            members=members,
            tested=tested,
            board=board,
            measured=measured[chosen],
            verdict=verdict,
        )

    # From where the past is forecast

    def _cutoffs(self) -> Cutoffs | None:
        """Plan the windows: the newest two fifths of a typical series, or less."""
        panel, h = self.panel, self.h
        n = int(np.median(panel.lengths))
        wanted = 10 if panel.n_series < _FEW_SERIES else 6 if panel.n_series < 100 else 4
        first = max(
            int(0.6 * n), min(n - h, 2 * panel.season_length + _MIN_CONTEXT), h + _MIN_CONTEXT
        )
        span = max(0, n - h - first)
        step = max(1, min(h, span // (wanted - 1)))
        try:
            at = cutoffs(panel, h, min(wanted, span // step + 1), step)
        except DataError:
            return None
        # A network must have a window to learn from before the first of them.
        at = at.since(h + _MIN_CONTEXT)
        self.first = int(at.longest[0])
        if self.first < h + _MIN_CONTEXT:
            return None
        self.span = span
        self.decisions.append(
            (
                said("{n:backtest|backtests}, {step:step|steps} apart", n=at.n_windows, step=step),
                said(
                    "They reach over the newest part of a typical series, and leave enough before "
                    "the first of them to learn from."
                ),
            )
        )
        if at.note:
            self.notes.append(at.note)
        left = ~at.scored.any(axis=0)
        if left.any():
            self.notes.append(
                said(
                    "{n} of {all} series are too short, or end too early, to hold back {h} points "
                    "and are not part of the scores.",
                    n=int(left.sum()),
                    all=panel.n_series,
                    h=h,
                )
            )
        return at

    def _season_length(self, past: Panel) -> int:
        if self.request.season_length is not None:
            season = Season(self.request.season_length, said("As asked."))
        else:
            season = find_season_length(past)
        length = season.length
        what = said("Season of {m} steps", m=length) if length > 1 else said("No season")
        self.decisions.append((what, season.why))
        return length

    # Who takes part

    def _candidates(
        self, past: Panel
    ) -> tuple[list[str], dict[str, Forecaster], LSTMConfig | None]:
        """Who may be chosen; all models but an LSTM of our own making; and that one's settings."""
        request, h, m = self.request, self.h, self.m
        seasonal = ["seasonal-naive"] * (m > 1)
        auto = ["naive", *seasonal, "theta", "holt-winters", "lstm"]
        given = auto if request.models == "auto" else request.models
        given = [given] if isinstance(given, str | Forecaster) else given
        asked = named_models(
            given,
            h,
            season_length=m if m > 1 else None,
            seed=request.seed,
            lstm={**self.panel.columns.covariate_settings(), **request.settings},
        )
        if request.models == "auto" and (hybrid := self._hybrid(past)) is not None:
            asked["ESLSTM"] = hybrid
        own = isinstance(given, list | tuple) and any(
            isinstance(x, str) and x.lower() == "lstm" for x in given
        )
        models = dict(asked)
        wanted = ["naive", *seasonal]
        if own or any(isinstance(model, LSTM | ESLSTM) for model in asked.values()):
            wanted.append("holt-winters")  # what a network must be held against
        for name, model in named_models(wanted, h, season_length=m if m > 1 else None).items():
            models.setdefault(name, model)
        lstm = None
        if own:
            del models["LSTM"]
            lstm = self._lstm_config(past)
        for model in models.values():
            model.threads = request.threads
        if self._too_slow("HoltWinters", models, past):
            del models["HoltWinters"]
            asked.pop("HoltWinters", None)
        return list(asked), models, lstm

    def _too_slow(self, name: str, models: dict[str, Forecaster], past: Panel) -> bool:
        """Whether a model would take more than a third of the budget, by a few of its series."""
        if self.request.budget is None or name not in models or past.n_series < 50:
            return False
        few = past.select(np.arange(past.n_series) % (past.n_series // 20) == 0)
        started = time.perf_counter()
        models[name].with_horizon(self.h).fit_panel(few)
        whole = (time.perf_counter() - started) / few.n_series * past.n_series
        if self.clock.affords(3 * whole):
            return False
        self.notes.append(said(_LEFT_OUT, model=name))
        return True

    def _lstm_config(self, past: Panel) -> LSTMConfig:
        request, h, m = self.request, self.h, self.m
        settings = dict(request.settings)
        longest = int(past.lengths.max()) - h
        if settings.get("context_length", 0) > longest > 0:
            settings["context_length"] = longest
            self.notes.append(
                said("The network sees {n} values: no series has more before.", n=longest)
            )
        work = self.clock.work(0.2, WORK)
        chosen = settings_for(past, h, m, work, settings.get("context_length"))
        config = LSTMConfig(
            **{
                **chosen,
                "h": h,
                "seed": request.seed,
                "quantiles": _quantiles(request.level),
                **self.panel.columns.covariate_settings(),
                **settings,
            }
        )
        self.decisions.append(
            (
                said(
                    "An LSTM of {units} units that sees {context} values",
                    units=list(config.hidden_size),
                    context=config.context_length,
                ),
                said(
                    "Two seasons or 1.25 horizons, or less where the series are short; as many "
                    "units as the windows to learn from are worth."
                ),
            )
        )
        wanted = default_context_length(np.array([10**9]), h, m)
        if (config.context_length or 0) < wanted and "context_length" not in settings:
            self.notes.append(
                said(
                    "The network sees the last {n} values; the series are too short for the usual "
                    "{wanted}.",
                    n=config.context_length,
                    wanted=wanted,
                )
            )
        return config

    def _hybrid(self, past: Panel) -> ESLSTM | None:
        """An ESLSTM of our own making, where there are series and time enough for one."""
        request = self.request
        if self.panel.cold is not None:  # it cannot forecast these
            return None
        found, why = hybrid_for(past, self.h, self.m, self.clock.work(0.15, _HYBRID_WORK))
        if why:
            what = said(
                "ESLSTM, Holt-Winters within a network, is left out"
                if found is None
                else "ESLSTM, Holt-Winters within a network, takes part"
            )
            self.decisions.append((what, why))
        if found is None:
            return None
        read = {**self.panel.columns.covariate_settings(), **request.settings}
        return ESLSTM(
            self.h,
            **{**found, **({"epochs": read["epochs"]} if "epochs" in read else {})},
            quantiles=_quantiles(request.level),
            static_covariates=read["static_covariates"],
            calendar=read.get("calendar", False),
            seed=request.seed,
        )

    def _check_covariates(self, config: LSTMConfig) -> None:
        """Fail rather now than after the training."""
        if not config.describes:
            return
        panel = self.panel
        encoding = fit_encoding(panel, calendar=config.calendar, holidays=config.holidays)
        if config.calendar and not encoding.calendar:
            self.notes.append(NO_CALENDAR)
        for part in (panel, panel.cold):
            if part is not None and config.reads_on:
                encode(
                    encoding,
                    part,
                    self.h,
                    missing_future=self.request.missing_future,
                    season_length=self.m,
                )

    def _tuned(self, past: Panel, config: LSTMConfig) -> LSTMConfig | None:
        epoch = self._work(past, config) / config.epochs
        if 3 * epoch > self.clock.work(0.25, math.inf):
            self.notes.append(said(_LEFT_OUT, model=said("The LSTM")))
            return None
        if past.lengths.max() <= self.h:
            return None
        found, why = tuned(
            past,
            config,
            threads=self.request.threads,
            intake=self.intake,
            progress=self._timed(self.clock.until(0.35)),
            choose_anchor="anchor" not in self.request.settings,
        )
        what = said("{n} epochs, anchor {anchor!r}", n=found.epochs, anchor=found.anchor)
        self.decisions.append((what, why))
        return found

    def _timed(self, deadline: float) -> Callable[[str, int], Any]:
        """Return ``progress(stage, epochs)`` whose callbacks end a training at a time."""

        def stage(what: str, total: int) -> Any:
            told = self.tell(what, total) if self.tell else None

            def ended(epoch: Epoch) -> bool | None:
                goes_on = None if told is None else told(epoch)
                return False if goes_on is False or time.perf_counter() > deadline else None

            return ended

        return stage

    def _as_model(self, config: LSTMConfig) -> LSTM:
        return LSTM(**config.to_dict(), threads=self.request.threads)

    def _work(self, panel: Panel, config: LSTMConfig) -> float:
        context = config.context_length or 1
        n_windows = int(np.maximum(panel.lengths - context - self.h + 1, 1).sum())
        reads = context + self.h * config.reads_on
        return training_work(n_windows, reads, max(config.hidden_size), config.epochs)

    # How good they are

    def _tested(
        self, models: dict[str, Forecaster], at: Cutoffs, took: dict[str, float]
    ) -> tuple[Backtest, Backtest]:
        """Forecast the past: for the scores, and more densely for what intervals need."""
        panel, request = self.panel, self.request
        settings: dict[str, Any] = {
            "season_length": self.m,
            "threads": request.threads,
            "missing_future": request.missing_future,
            "intake": self.intake,
        }
        cheap = panel.n_series * at.n_windows <= 2_000
        tested: Backtest | None = None
        for name, model in models.items():
            refit = cheap
            if isinstance(model, LSTM):
                work = self._work(panel, model.config) * at.n_windows
                refit = work <= _ALL_WORK
            if isinstance(model, ESLSTM):
                refit = hybrid_work(panel, model) * at.n_windows <= _ALL_HYBRID_WORK
            refit = refit and self.clock.affords(took[name] * at.n_windows, share=0.15)
            tell = self.tell(f"Backtesting {name}", at.n_windows) if self.tell else None
            one = backtest(
                *({name: model}, panel, self.h, at),
                refit=refit,
                fitted=self.early,
                progress=tell,
                **settings,
            )
            tested = one if tested is None else tested.joined(one)
        assert tested is not None
        self.notes += [note for note in tested.notes if note not in self.notes]
        if tested.assumed:
            self.notes.append(
                said(
                    "Future covariates of {n:series|series} are missing beside the points held "
                    "back; for the scores the last known ones stood in.",
                    n=tested.assumed,
                )
            )
        if panel.n_series >= _FEW_SERIES:
            return tested, tested
        step = max(1, -(-self.span // _DENSE))
        more = cutoffs(panel, self.h, self.span // step + 1, step).since(self.first)
        dense = backtest(models, panel, self.h, more, refit=False, fitted=self.early, **settings)
        return tested, dense

    def _leaderboard(
        self, tested: Backtest, dense: Backtest, scores: dict[str, dict[str, float]]
    ) -> tuple[list[Candidate], dict[str, dict[float, float]]]:
        simple = [scores[name]["mase"] for name in SIMPLE if name in scores]
        best = min((x for x in simple if math.isfinite(x)), default=math.nan)
        board, measured = [], {}
        for name, score in scores.items():
            spread, measured[name] = interval_scores(dense, name)
            board.append(
                Candidate(
                    model=name,
                    **score,
                    **spread,
                    skill=1 - score["mase"] / best if best > 0 else math.nan,
                    seconds=tested.seconds.get(name, 0.0),
                    by_step=tested.errors_by_step(name),
                )
            )
        return sorted(board, key=lambda one: (math.isnan(one.mase), one.mase)), measured

    def _lag(self, model: Forecaster) -> tuple[LagDiagnosis | None, float | None]:
        """Look at one-step forecasts of an LSTM over the part that it was not trained on."""
        panel = self.panel
        keep = np.zeros(panel.n_series, bool)
        keep[np.unique(np.linspace(0, panel.n_series - 1, 20).astype(int))] = True
        some = panel.select(keep)
        at = cutoffs(some, self.h, min(self.span, _ONE_STEP) + 1, 1).since(self.first)
        tested = backtest(
            *({model.name: model}, some, self.h, at),
            season_length=self.m,
            refit=False,
            fitted={model.name: model},
            missing_future="last",
        )
        y, f = tested.truth[:, :, 0].T, tested.point(model.name)[:, :, 0].T
        try:
            diagnosis = diagnose_lag(list(zip(y, f, strict=True)))
        except DataError:
            return None, None
        return diagnosis, _autocorrelation(y - f)

    def _explain_choice(
        self, asked: list[str], chosen: str, members: tuple[str, ...], tested: Backtest
    ) -> None:
        why = said("It had the smallest MASE over {n:backtest|backtests}.", n=tested.n_windows)
        if asked == [chosen]:
            why = said("As asked.")
        elif chosen == BLEND:
            why = said(
                "The mean of {members:and}, which were within 15 % of the smallest MASE over "
                "{n:backtest|backtests}, was as good as the best alone, or hardly worse, and is "
                "steadier.",
                members=members,
                n=tested.n_windows,
            )
        self.decisions.append((said("{model} is used", model=chosen), why))

    # The forecast

    def _fitted(self, model: Forecaster, panel: Panel, until: float) -> Forecaster:
        """Fit a copy, until a share of the budget is used up."""
        model = model.with_horizon(self.h)
        model.threads = self.request.threads
        if isinstance(model, LSTM | ESLSTM):
            what = "Training on everything" if panel is self.panel else "Training for the backtests"
            model.progress = self._timed(self.clock.until(until))(what, model.n_epochs(panel))
        model.fit_panel(panel, self.intake)
        model.progress = False
        return model

    def _final(
        self,
        chosen: str,
        members: tuple[str, ...],
        models: dict[str, Forecaster],
        dense: Backtest | None,
    ) -> Conformal:
        """Fit the chosen one on everything, with intervals."""
        fitted = {}
        for name in members if chosen == BLEND else (chosen,):
            fitted[name] = self._fitted(models[name], self.panel, 0.95)
        one: Forecaster = next(iter(fitted.values()))
        if chosen == BLEND:
            one = Blend(list(fitted.values())).adopt(self.panel, self.intake)
        final = Conformal(one, level=self.request.level, season_length=self.m, alias="forecast")
        quantiles = one.trained_quantiles
        if dense is not None:
            calibration, own = calibration_of(dense, chosen)
        else:
            q = max(1, len(quantiles))
            nothing = np.zeros((0, self.panel.n_series, self.h))
            calibration = calibrate(
                nothing, np.zeros((*nothing.shape, q)), quantiles, nothing[:, :, 0], step_size=1
            )
            own = np.ones(self.panel.n_series)
        final.adopt(self.panel, calibration, own, self.intake)
        said = [note for level in self.request.level for note in final.notes_for(level)]
        self.notes += [note for note in dict.fromkeys(said) if note not in self.notes]
        return final

    def _untested(
        self, asked: list[str], models: dict[str, Forecaster], lstm: LSTMConfig | None
    ) -> Forecast:
        """Forecast without any test: with what was asked, or the simplest."""
        self.notes.append(
            said(
                "Nothing was held back: that needs at least {least} values, and the longest series "
                "has {longest}. How good the forecast is, nobody knows.",
                least=2 * self.h + _MIN_CONTEXT,
                longest=int(self.panel.lengths.max()),
            )
        )
        chosen = asked[0]
        needs_lstm = self.panel.cold is not None or self.request.models != "auto"
        if lstm is not None and (needs_lstm or self.panel.columns.covariates):
            chosen = "LSTM"
            found, _ = tuned(self.panel, lstm, threads=self.request.threads, intake=self.intake)
            models = {**models, "LSTM": self._as_model(found)}
        why = said(
            "As asked." if self.request.models != "auto" else "Nothing better could be shown."
        )
        self.decisions.append((said("{model} is used", model=chosen), why))
        verdict = verdict_of({}, lstm=None, chosen=chosen, overlap=0, diagnosis=None, components=())
        final = self._final(chosen, (), models, None)
        return self._result(
            final,
            tried=None if lstm is None else self._as_model(lstm),
            chosen=chosen,
            members=(),
            tested=None,
            board=[],
            measured={},
            verdict=verdict,
        )

    def _result(self, final: Conformal, **found: Any) -> Forecast:
        prediction = final.predict_panel(self.panel, self.h, self.request.missing_future)
        if ahead := int(prediction.assumed.any(axis=1).sum()):
            self.notes.append(
                said(
                    "The future covariates of {n:series|series} do not reach as far as the "
                    "forecast; where they end, missing_future={how!r} stood in.",
                    n=ahead,
                    how=self.request.missing_future,
                )
            )
        notes = tuple(dict.fromkeys((*self.notes, *prediction.notes)))
        return Forecast(
            model=final,
            panel=self.panel,
            prediction=prediction,
            season_length=self.m,
            request=self.request,
            decisions=tuple(self.decisions),
            notes=notes,
            seconds=self.clock.seconds,
            **found,
        )


def _at_first(panel: Panel, at: Cutoffs) -> Panel:
    """Return the series as they were at the first cutoff."""
    there = at.ends[0] >= 1
    past, _ = panel.select(there).until(at.ends[0][there], 1)
    return past


def _with_blend(tested: Backtest, members: list[tuple[str, ...]]) -> Backtest:
    """Add the mean of some models, of which there may be others in each window."""
    point = np.stack(
        [
            np.mean([tested.point(name)[k] for name in names], axis=0)
            for k, names in enumerate(members)
        ]
    )
    return replace(
        tested,
        outputs={**tested.outputs, BLEND: point[..., None]},
        quantiles={**tested.quantiles, BLEND: ()},
        seconds={**tested.seconds, BLEND: sum(tested.seconds[name] for name in members[-1])},
    )


def _quantiles(level: tuple[float, ...]) -> tuple[float, ...]:
    """The ends of the intervals that are asked for, and of 90 %."""
    return tuple(
        sorted({round(0.5 + side * one / 200, 9) for one in (*level, 90) for side in (-1, 1)})
    )


def _autocorrelation(residuals: NDArray[np.float64]) -> float | None:
    """Lag-1 autocorrelation of one-step residuals ``[S, T]``, pooled over series."""
    residuals = residuals[np.isfinite(residuals).any(axis=1)]
    centred = residuals - np.nanmean(residuals, axis=1, keepdims=True)
    spread = np.nanmean(centred**2, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = centred / np.sqrt(spread)
    products = scaled[:, 1:] * scaled[:, :-1]
    products = products[np.isfinite(products)]
    return float(products.mean()) if len(products) else None


def _require_length(panel: Panel, h: int) -> None:
    longest = int(panel.lengths.max())
    if longest >= h + _MIN_CONTEXT:
        return
    possible = longest - _MIN_CONTEXT
    raise DataError(
        f"The data are too short: {counted(h, 'step', 'steps')} ahead need at least "
        f"{h + _MIN_CONTEXT} values in a series.",
        value=f"{longest} in the longest of {panel.n_series} series",
        fix=f"Ask for at most {counted(possible, 'step', 'steps')}."
        if possible > 0
        else "Add data.",
    )
