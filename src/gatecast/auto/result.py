"""What a forecast comes with: how good it is, how it was made, and ways to look at it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gatecast.auto.scores import holdout_scores
from gatecast.evaluation.backtest import Backtest, mean, own_widths
from gatecast.intervals import prequential
from gatecast.language import Lang, said, say
from gatecast.models.lstm import LSTM
from gatecast.panel import place_of
from gatecast.plain import plain, records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.auto.path import Request
    from gatecast.evaluation.verdict import Verdict
    from gatecast.gates.trace import Trace
    from gatecast.models.conformal import Conformal
    from gatecast.models.es_lstm import ESLSTM
    from gatecast.models.inputs import Prediction
    from gatecast.panel import Panel
    from gatecast.report.view import Backtested, ForecastView, SeriesView

    Doubles = NDArray[np.float64]

__all__ = ["Candidate", "Forecast"]

_DRAWN = 30  # series in a page, of many: the best, the typical and the worst
_WINDOWS_DRAWN = 3


@dataclass(frozen=True, eq=False)
class Candidate:
    """A row of the leaderboard; errors are means over series and windows.

    Parameters
    ----------
    model : str
        Its name.
    mase, smape, rmse : float
        Of the point forecast.
    pinball : float
        Twice the mean pinball loss over quantiles, in units of MASE.
    coverage_90 : float
        How many of the values the 90 % interval held, as a share.
    skill : float
        1 - MASE / MASE of the better of Naive and SeasonalNaive.
    seconds : float
        For its backtests.
    by_step : ndarray
        Mean absolute error of each step, in units of MASE, float64 ``[h]``.
    """

    model: str
    mase: float
    smape: float
    rmse: float
    pinball: float
    coverage_90: float
    skill: float
    seconds: float
    by_step: Doubles

    def row(self) -> dict[str, Any]:
        """Return it as a row of the leaderboard."""
        columns = ("model", "mase", "smape", "rmse", "pinball", "coverage_90", "skill", "seconds")
        return {name: getattr(self, name) for name in columns}


@dataclass(frozen=True, eq=False)
class Forecast:
    """A forecast and all that is known about it; see :func:`gatecast.forecast`.

    Attributes
    ----------
    frame
        Of the caller's kind: ``unique_id, ds, forecast, forecast-lo-80, forecast-hi-80, ...``.
    leaderboard
        A pandas frame, the best model first: ``model, mase, smape, rmse, pinball, coverage_90,
        skill, seconds``. ``skill`` is 1 - MASE / MASE of the better of Naive and SeasonalNaive;
        ``coverage_90`` and ``skill`` are shares, ``smape`` is in per cent. ``plot()`` draws it.
    backtest : Backtest or None
        The forecasts of the past that it rests on; ``plot()`` draws them.
    chosen : str
        The model, or ``"Blend"``, whose forecast this is.
    verdict : Verdict
        Whether the LSTM is worth using here: ``text, skill, skill_interval, recommends_lstm, lag,
        copies_past``.
    intervals
        A pandas frame: ``level, step, method, coverage, width``: how the intervals were found, how
        many per cent of the past they held, and how wide they are, on average over series.
    model : Conformal
        Fitted on everything; ``save`` writes it.
    decisions : tuple of (str, str)
        What was decided, and why.
    notes : tuple of str
        What was done to the data, and what to know about the result.
    seconds : float
        How long it all took.
    """

    model: Conformal
    tried: LSTM | None  # the best LSTM among the candidates, not fitted
    panel: Panel
    prediction: Prediction
    season_length: int
    request: Request
    chosen: str
    members: tuple[str, ...]
    tested: Backtest | None
    board: list[Candidate]
    measured: dict[float, float]
    verdict: Verdict
    decisions: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def frame(self) -> Any:
        """The forecast and its intervals, in a frame of the caller's kind."""
        return self.prediction.frame(self.model.columns(self.prediction, ()))

    @property
    def leaderboard(self) -> Any:
        """The models side by side, the best first."""
        from gatecast.auto.leaderboard import Leaderboard

        names = ["model", "mase", "smape", "rmse", "pinball", "coverage_90", "skill", "seconds"]
        board = Leaderboard([one.row() for one in self.board], columns=names)
        board.chosen = self.chosen
        return board

    @property
    def backtest(self) -> Backtest | None:
        """The forecasts of the past, which its ``plot`` draws; None if there are none."""
        return self.tested

    @property
    def intervals(self) -> Any:
        """How the intervals were found, and how they did."""
        import pandas as pd

        return pd.DataFrame(self.interval_rows())

    @property
    def holdout(self) -> dict[str, dict[str, float]] | None:
        """The scores of every model in the newest backtest; None if nothing was held back."""
        return None if self.tested is None else holdout_scores(self.tested)

    @property
    def lstm(self) -> LSTM | None:
        """The network that takes part in the forecast, if one does."""
        inner = self.model.model
        found = [one for one in (inner, *inner.members) if isinstance(one, LSTM)]
        return found[0] if found else None

    def inspect(self, unique_id: Any = None) -> Trace:
        """Look at what the network does while it reads a series: see :meth:`gatecast.LSTM.inspect`.

        Where the forecast is made without one, the LSTM that was tested is fitted on everything
        first, once.

        Parameters
        ----------
        unique_id : optional
            Which series; the first by default.

        Returns
        -------
        Trace

        Raises
        ------
        ConfigError
            When no LSTM was tested.
        DataError
            When there is no such series.
        """
        from gatecast.gates.inspect import inspect_panel, one_series

        return inspect_panel(
            self._network,
            one_series(self.panel, unique_id),
            self.request.h,
            missing_future=self.request.missing_future,
        )

    @cached_property
    def _network(self) -> LSTM | ESLSTM:
        """The network, fitted on everything."""
        from gatecast.errors import ConfigError
        from gatecast.gates.inspect import first_network

        if (found := first_network(self.model)) is not None:
            return found
        if self.tried is None:
            raise ConfigError(
                "No LSTM was tried, so there are no gates to look at.",
                value=" + ".join(self.members) or self.chosen,
                fix="Put 'lstm' among the models.",
            )
        network = self.tried.with_horizon(self.request.h)
        network.threads = self.request.threads
        return network.fit_panel(self.panel)

    def interval_rows(self) -> list[dict[str, Any]]:
        """Return the rows of :attr:`intervals`."""
        rows: list[dict[str, Any]] = []
        for level in sorted({*self.request.level, 90.0}):
            lo, hi = self.model.interval(self.prediction, level)
            rows += [
                {
                    "level": level,
                    "step": step + 1,
                    "method": self.model.calibration_.method(level),
                    "coverage": self.measured.get(float(level), np.nan),
                    "width": mean(hi[:, step] - lo[:, step]),
                }
                for step in range(lo.shape[1])
            ]
        return rows

    def to_dict(self, lang: Lang = "en", *, explain: bool = False) -> dict[str, Any]:
        """Return what ``gatecast forecast --json`` prints, as JSON-safe values.

        Parameters
        ----------
        lang : {"en", "zh"}
            The language of the verdict, the notes and the decisions.
        explain : bool
            With the decisions.
        """
        lstm, verdict = self.lstm, self.verdict
        interval = verdict.skill_interval
        report = {
            "model": self.chosen,
            "chosen": self.chosen,
            "frequency": str(self.panel.frequency),
            "season_length": self.season_length,
            "horizon": self.request.h,
            "series": self.prediction.panel.n_series,
            "leaderboard": [one.row() for one in self.board],
            "verdict": {
                "text": verdict.say(lang),
                "skill": verdict.skill,
                "skill_interval": None if interval is None else list(interval),
                "recommends_lstm": verdict.recommends_lstm,
                "lag": verdict.lag,
                "copies_past": verdict.copies_past,
            },
            "intervals": self.interval_rows(),
            "holdout": self.holdout,
            "precision": None if lstm is None else lstm.precision_,
            "seconds": self.seconds,
            "notes": [say(note, lang) for note in self.notes],
            **({"decisions": [list(one) for one in self._decided(lang)]} if explain else {}),
            "forecast": records(self.frame),
        }
        return {name: plain(value) for name, value in report.items()}

    def simulate(self, n: int, *, seed: int = 0) -> Any:
        """Draw ``n`` sample paths of each series; see :meth:`gatecast.Conformal.simulate`."""
        return self.model.simulate(n, missing_future=self.request.missing_future, seed=seed)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model and its intervals to one file; ``gatecast predict`` forecasts from it."""
        self.model.save(path)

    def explain(self, lang: Lang = "en") -> str:
        """Return what was decided on the way, and why, a line each.

        Parameters
        ----------
        lang : {"en", "zh"}
            The language.
        """
        stop = "。" if lang == "zh" else ". "
        return "\n".join(f"{what}{stop}{why}" for what, why in self._decided(lang))

    def _decided(self, lang: Lang) -> tuple[tuple[str, str], ...]:
        return tuple((say(what, lang), say(why, lang)) for what, why in self.decisions)

    def plot(
        self,
        unique_id: Any = None,
        path: str | os.PathLike[str] | None = None,
        *,
        lang: Lang = "en",
    ) -> Any:
        """Draw a series: its past, backtests, forecast and intervals.

        Parameters
        ----------
        unique_id : optional
            Which series; the first by default.
        path : path-like, optional
            Write a PNG there, with the extra ``plot``.
        lang : {"en", "zh"}
            The language of its words.

        Returns
        -------
        plotly.graph_objects.Figure
        """
        from gatecast.report.picture import write_png
        from gatecast.report.series import main_figure

        place = place_of(unique_id, [str(name) for name in self.prediction.panel.ids])
        series = self._series_view(place, "")
        look: dict[str, Any] = {
            "chosen": self.chosen,
            "season_length": self.season_length,
            "lang": lang,
        }
        if path is not None:
            write_png(path, series, **look)
        return main_figure(series, **look)

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        title: str = "Forecast",
        lang: Lang = "en",
        command: str = "",
    ) -> None:
        """Write one self-contained HTML file that opens without a network.

        Parameters
        ----------
        path : path-like
            Where to.
        title : str
            Its heading.
        lang : {"en", "zh"}
            The language of the page and of all that is said in it.
        command : str
            What makes the same forecast again, to be shown.
        """
        from gatecast.report.forecast import write_forecast_page

        write_forecast_page(path, self.view(title=title, lang=lang, command=command))

    def view(
        self, *, title: str = "Forecast", lang: Lang = "en", command: str = ""
    ) -> ForecastView:
        """Return what a page of this forecast shows."""
        from gatecast.report.view import ForecastView

        panel, tested = self.prediction.panel, self.tested
        scored = 0
        if tested is not None:
            scored = int((~np.isnan(tested.truth)).any(axis=(0, 2)).sum())
        return ForecastView(
            title=title,
            verdict=self.verdict.say(lang),
            chosen=self.chosen,
            lang=lang,
            horizon=self.request.h,
            season_length=self.season_length,
            series=[self._series_view(place, role) for place, role in self._shown()],
            n_series=panel.n_series,
            n_scored=scored,
            leaderboard=[one.row() for one in self.board],
            n_windows=0 if tested is None else tested.n_windows,
            errors_by_step={one.model: one.by_step for one in self.board},
            calibration={level: 100 * share for level, share in self.measured.items()},
            findings=self._findings(lang),
            decisions=self._decided(lang),
            settings=self._settings(lang),
            notes=tuple(say(note, lang) for note in self.notes),
            command=command,
        )

    def _settings(self, lang: Lang) -> dict[str, str]:
        """Return what a page names as settings."""
        from gatecast.version import __version__

        lstm = self.lstm
        network = {}
        if lstm is not None:
            network = {
                said("Context length"): str(lstm.context_length_),
                said("Hidden size"): ", ".join(map(str, lstm.config.hidden_size)),
                said("Anchor"): str(lstm.config.anchor),
                said("Epochs"): str(lstm.best_epoch_),
                said("Precision"): lstm.precision_,
            }
        settings = {
            said("Frequency"): str(self.panel.frequency),
            said("Season length"): str(self.season_length),
            said("Horizon"): str(self.request.h),
            said("Model"): " + ".join(self.members) or self.chosen,
            **network,
            **_read_beside(self.panel, self.request.settings),
            said("Seed"): str(self.request.seed),
            said("Seconds"): f"{self.seconds:.2f}",
            "gatecast": __version__,
        }
        return {
            say(name, lang): say(said("{value}", value=value), lang)
            for name, value in settings.items()
        }

    def _findings(self, lang: Lang) -> list[tuple[str, str, str]]:
        from gatecast.doctor import diagnose

        found = diagnose(self.panel, self.request.h, season_length=self.season_length)
        spoken = [finding.say(lang) for finding in found]
        return [(finding.severity, finding.message, finding.fix) for finding in spoken]

    @cached_property
    def _series_errors(self) -> Doubles:
        """MASE of the chosen model on each series, NaN where it was not tested."""
        n = self.prediction.panel.n_series
        errors = np.full(n, np.nan)
        if self.tested is not None:
            own = self.tested.errors(self.chosen)
            known = np.isfinite(own)
            with np.errstate(invalid="ignore"):
                errors[: own.shape[1]] = np.where(known, own, 0).sum(0) / known.sum(0)
        return errors

    @cached_property
    def _spread_then(self) -> Doubles:
        """By how much intervals of the backtests were scaled, ``[K, S]``."""
        assert self.tested is not None
        return self.tested.spread * own_widths(self.tested, self.chosen)[0]

    def _shown(self) -> list[tuple[int, Literal["", "best", "typical", "worst"]]]:
        """Which series a page draws: all of a few, else the best, the typical and the worst."""
        n = self.prediction.panel.n_series
        if n <= _DRAWN // 2:
            return [(place, "") for place in range(n)]
        errors = self._series_errors
        order = [int(i) for i in np.argsort(errors, kind="stable") if np.isfinite(errors[i])]
        if len(order) < 3:
            return [(place, "") for place in range(min(n, _DRAWN))]
        each = min(_DRAWN // 3, len(order) // 3)
        middle = (len(order) - each) // 2
        shown: list[tuple[int, Literal["", "best", "typical", "worst"]]] = []
        shown += [(i, "typical") for i in order[middle : middle + each]]
        shown += [(i, "best") for i in order[:each]]
        shown += [(i, "worst") for i in reversed(order[-each:])]
        return shown

    def _series_view(self, s: int, role: Literal["", "best", "typical", "worst"]) -> SeriesView:
        from gatecast.report.view import SeriesView

        panel = self.prediction.panel
        levels = self.request.level
        intervals = {}
        one = self.prediction.select(np.arange(panel.n_series) == s)
        for level in levels:
            lo, hi = self.model.interval(one, level)
            intervals[float(level)] = (lo[0], hi[0])
        errors = self._series_errors
        return SeriesView(
            unique_id=str(panel.ids[s]),
            role=role,
            history_ds=panel.stamps(s),
            history=panel.values[panel.indptr[s] : panel.indptr[s + 1]],
            backtests=self._windows(s),
            future_ds=panel.future_stamps(s, self.request.h),
            forecast=one.point[0],
            intervals=intervals,
            mase=float(errors[s]) if np.isfinite(errors[s]) else None,
        )

    def _windows(self, s: int) -> list[Backtested]:
        """Return the newest windows of a series that do not overlap, oldest first."""
        tested = self.tested
        if tested is None or s >= tested.truth.shape[1]:
            return []
        apart = -(-tested.h // tested.step_size)
        chosen = range(tested.n_windows - 1, -1, -apart)[:_WINDOWS_DRAWN]
        bounds = prequential(
            tested.truth[:, s : s + 1],
            tested.outputs[self.chosen][:, s : s + 1],
            tested.quantiles[self.chosen],
            self._spread_then[:, s : s + 1],
            self.request.level,
            step_size=tested.step_size,
        )
        windows = []
        for k in reversed(chosen):
            if np.isnan(tested.truth[k, s]).all():
                continue
            intervals = {level: (lo[k, 0], hi[k, 0]) for level, (lo, hi) in bounds.items()}
            windows.append(replace(tested.window(k, s), intervals=intervals))
        return windows


def _read_beside(panel: Panel, settings: dict[str, Any]) -> dict[str, str]:
    columns = panel.columns
    roles: dict[str, Sequence[str]] = {
        said("Past covariates"): columns.past,
        said("Future covariates"): columns.future,
        said("Static covariates"): columns.static,
        said("Calendar"): (said("yes"),) * bool(settings.get("calendar")),
        said("Holidays"): (settings["holidays"],) if settings.get("holidays") else (),
    }
    return {role: said("{names}", names=names) for role, names in roles.items() if names}
