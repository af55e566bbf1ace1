"""Is the LSTM worth using here? Its skill with an uncertainty, and a verdict in plain words.

Letters: K windows of a backtest, oldest first; S series. Errors are MASE ``[K, S]``; NaN is
a window that a series is not in, or where nothing could be scaled.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatecast.errors import ConfigError
from gatecast.evaluation.lag import LagDiagnosis
from gatecast.intervals import t_quantile
from gatecast.language import Lang
from gatecast.models import SIMPLE
from gatecast.panel import require_word

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Doubles = NDArray[np.float64]

__all__ = ["Skill", "Verdict", "skill_of", "verdict_of"]

_BASELINES = (*SIMPLE, "HoltWinters")
_SAME = 0.01
"""Errors nearer to each other than this share are called the same."""
_FOLLOWS = 0.2
"""An autocorrelation of residuals below this is not worth a sentence, were it significant."""
_LARGEST = 1e100
"""Errors are cut off here, lest their squares be infinite."""


@dataclass(frozen=True)
class Skill:
    """What one model's errors save of another's.

    Attributes
    ----------
    skill : float
        1 - mean error / mean error of the other; at most 1, below 0 where the other is better.
    low, high : float or None
        95 % interval; None with fewer than two windows, from which nothing can be said.
    n_windows, n_series : int
        What it rests on.
    """

    skill: float
    low: float | None
    high: float | None
    n_windows: int
    n_series: int


def skill_of(errors: ArrayLike, base_errors: ArrayLike, *, overlap: int = 0) -> Skill | None:
    """Return the skill of a model against another in the same windows, and how sure it is.

    The interval is Student's t over windows, K - 1 degrees of freedom, on what is left of each
    window's error when the other's is taken off in proportion (so the two are paired); it is taken
    on the logarithm of the ratio, where it is the same whichever of the two is called the base.
    A window is one observation, however many series are in it, because what happens at one time
    often happens to all. Where there are more series than windows, it is at least as wide as the
    same interval over series. Windows that share a part of their truths are taken to be correlated
    by that part: with few windows this cannot be estimated.

    Parameters
    ----------
    errors, base_errors : array-like
        ``[K, S]``, at least 0; those of windows that both have are used.
    overlap : int
        How many windows before it each one shares truths with: ceil(h / step) - 1.

    Returns
    -------
    Skill or None
        None where the two have no window in common, or the other makes no error.

    Raises
    ------
    ConfigError
        When the two differ in shape, or ``overlap`` is negative.

    Examples
    --------
    >>> found = skill_of([[0.8], [0.7], [0.9]], [[1.0], [0.9], [1.0]])
    >>> print(f"{found.skill:.2f}, {found.low:.2f} to {found.high:.2f}")
    0.17, -0.01 to 0.32
    """
    one, base = (np.asarray(part, np.float64) for part in (errors, base_errors))
    if one.shape != base.shape or one.ndim != 2:
        raise ConfigError(
            "Errors must be two tables of the same shape, windows by series.",
            value=f"shapes {one.shape} and {base.shape}",
        )
    if overlap < 0:
        raise ConfigError("overlap must be 0 or more.", value=overlap)
    both = ~(np.isnan(one) | np.isnan(base))
    one, base = (np.minimum(np.where(both, part, 0.0), _LARGEST) for part in (one, base))
    if not base.sum() > 0:
        return None
    windows, series = int(both.any(axis=1).sum()), int(both.any(axis=0).sum())
    ratio = float(one.sum() / base.sum())
    low = high = None
    if windows > 1:
        left = one - ratio * base
        inflation = math.sqrt(_inflation(windows, overlap))
        width = inflation * _half_width(left.sum(axis=1), windows)
        if series > windows:
            width = max(width, _half_width(left.sum(axis=0), series))
        # Two windows may leave it as good as unknown; a hundred says so, and is finite.
        spread = math.exp(min(width / float(one.sum()), 100.0)) if width > 0 else 1.0
        low, high = 1 - ratio * spread, 1 - ratio / spread
    return Skill(1 - ratio, low, high, windows, series)


def _half_width(sums: Doubles, n: int) -> float:
    """Half of the interval of a total of n independent sums, whose own total is 0."""
    return float(t_quantile(0.975, n - 1)) * math.sqrt(float((sums**2).sum()) * n / (n - 1))


def _inflation(n: int, overlap: int) -> float:
    """By how much correlation with ``overlap`` neighbours widens the variance of a mean of n."""
    lag = np.arange(1, min(overlap, n - 1) + 1)
    return 1 + 2 * float(((1 - lag / (overlap + 1)) * (1 - lag / n)).sum())


@dataclass(frozen=True)
class Verdict:
    """What the backtests say of the LSTM, or where there is none, of the model that was chosen.

    Attributes
    ----------
    model : str
        The one spoken of.
    is_lstm : bool
        Whether it is an LSTM.
    chosen : str
        The model that the forecast is made with.
    components : tuple of str
        Whose mean the chosen one is, if it is a blend.
    chosen_is_better : bool
        Its error in the backtests is smaller than that of the one spoken of.
    against : str or None
        The best of Naive, SeasonalNaive and HoltWinters; None where nothing could be compared.
    tested : Skill or None
        The skill against it; None also where it makes no error at all.
    diagnosis : LagDiagnosis or None
        Of one-step forecasts.
    residual_autocorrelation : float or None
        Of one-step residuals, from one to the next.
    """

    model: str
    is_lstm: bool
    chosen: str
    components: tuple[str, ...] = ()
    chosen_is_better: bool = False
    against: str | None = None
    tested: Skill | None = None
    diagnosis: LagDiagnosis | None = None
    residual_autocorrelation: float | None = None

    @property
    def text(self) -> str:
        """The verdict in English."""
        return self.say()

    @property
    def skill(self) -> float | None:
        """Of the LSTM: 1 - MASE / MASE of ``against``."""
        return self.tested.skill if self.is_lstm and self.tested else None

    @property
    def skill_interval(self) -> tuple[float, float] | None:
        """Of the LSTM's skill, 95 %; None where too few windows say nothing about it."""
        if not self.is_lstm or self.tested is None:
            return None
        low, high = self.tested.low, self.tested.high
        return None if low is None or high is None else (low, high)

    @property
    def recommends_lstm(self) -> bool | None:
        """Whether all of that interval lies above 0; None where no LSTM ran."""
        return self._wins if self.is_lstm else None

    @property
    def lag(self) -> int | None:
        """The shift of the truth that the LSTM's one-step forecasts are nearest to."""
        return self.diagnosis.lag if self.is_lstm and self.diagnosis else None

    @property
    def copies_past(self) -> bool | None:
        """Whether they are little else than one of the last values."""
        return self.diagnosis.copies_past if self.is_lstm and self.diagnosis else None

    @property
    def _wins(self) -> bool:
        return self.tested is not None and self.tested.low is not None and self.tested.low > 0

    def say(self, lang: str = "en") -> str:
        """Say it in one to three sentences.

        Parameters
        ----------
        lang : {"en", "zh"}

        Returns
        -------
        str

        Raises
        ------
        ConfigError
            When the language is another.
        """
        require_word("lang", lang, Lang)
        say = _Words(lang)
        names = {
            "model": say.name(self.model, self._parts(self.model)),
            "chosen": say.name(self.chosen, self._parts(self.chosen)),
            "base": say.name(self.against, ()) if self.against else "",
        }
        if self.against is None:
            return say.sentences(["untested", *self._advice("untested")], names)
        if self.tested is None:
            return say.sentences(["exact"], names)
        names |= say.numbers(self.tested)
        outcome = self._outcome(self.tested)
        keys = [outcome]
        if self.copies_past:
            keys.append("but_copies" if outcome == "wins" else "copies")
            names["shift"] = say.counted("shift", self.lag or 1)
        elif outcome == "wins" and self._residuals_follow:
            keys.append("follow")
            names["rho"] = f"{self.residual_autocorrelation:.2f}".replace("-", "−")
        if self.chosen == self.model and outcome == "wins":
            keys[0] = "wins_use"
        return say.sentences([*keys, *self._advice(outcome)], names)

    def _parts(self, name: str) -> tuple[str, ...]:
        return self.components if name == self.chosen else ()

    def _advice(self, outcome: str) -> list[str]:
        """Return what to use, where the sentences before have not said so."""
        if self.chosen != self.model:
            if outcome == "wins":
                return ["still_better" if self.chosen_is_better else "instead"]
            return ["use"]
        if outcome in ("loses", "far_worse"):
            return ["use_base"]
        if not self.is_lstm:
            return []
        return {"ahead": ["kept"], "once": ["kept"], "same": ["simpler"]}.get(outcome, [])

    def _outcome(self, tested: Skill) -> str:
        if self._wins:
            return "wins"
        if abs(tested.skill) < _SAME:
            return "same"
        if tested.skill < 0:
            return "loses" if tested.skill > -1 else "far_worse"
        return "once" if tested.low is None else "ahead"

    @property
    def _residuals_follow(self) -> bool:
        rho = self.residual_autocorrelation
        if rho is None or not math.isfinite(rho):
            return False
        chance = 2 / math.sqrt(self.diagnosis.n) if self.diagnosis else 0.0
        return abs(rho) > max(_FOLLOWS, chance)


def verdict_of(
    errors: Mapping[str, ArrayLike],
    *,
    lstm: str | None,
    chosen: str,
    overlap: int,
    diagnosis: LagDiagnosis | None,
    residual_autocorrelation: float | None = None,
    components: Sequence[str] = (),
) -> Verdict:
    """Judge the LSTM by the best of the three simple forecasts, whichever was chosen.

    Parameters
    ----------
    errors : mapping of str to array-like
        By model, MASE ``[K, S]`` in each window of the backtest. Empty: there was none.
    lstm : str or None
        The best LSTM; None where none ran, and the chosen model is spoken of.
    chosen : str
        The model that the forecast is made with.
    overlap : int
        As for :func:`skill_of`.
    diagnosis : LagDiagnosis or None
        Of the LSTM's one-step forecasts.
    residual_autocorrelation : float, optional
        Of their residuals, from one to the next.
    components : sequence of str
        Whose mean the chosen model is, if it is a blend.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> errors = {"LSTM": [[0.8], [0.81], [0.79]], "Naive": [[1.0], [1.01], [1.0]]}
    >>> print(verdict_of(errors, lstm="LSTM", chosen="LSTM", overlap=0, diagnosis=None).text)
    The LSTM beats the naive forecast by 20 % ± 2 % over 3 backtests; use it.
    """
    model = chosen if lstm is None else lstm
    against, tested = _best_baseline(errors, model, overlap)
    better = None
    if chosen != model and chosen in errors and model in errors:
        better = skill_of(errors[chosen], errors[model], overlap=overlap)
    return Verdict(
        model=model,
        is_lstm=lstm is not None,
        chosen=chosen,
        components=tuple(components),
        chosen_is_better=better is not None and better.skill >= _SAME,
        against=against,
        tested=tested,
        diagnosis=diagnosis,
        residual_autocorrelation=residual_autocorrelation,
    )


def _best_baseline(
    errors: Mapping[str, ArrayLike], model: str, overlap: int
) -> tuple[str | None, Skill | None]:
    """Return the baseline against which the model has the least skill, and that skill."""
    best: tuple[str | None, Skill | None] = (None, None)
    for name in _BASELINES:
        if name not in errors or name == model or model not in errors:
            continue
        skill = skill_of(errors[model], errors[name], overlap=overlap)
        if skill is None:
            if _exact(errors[name], errors[model]):
                return name, None
            continue
        if best[1] is None or skill.skill < best[1].skill:
            best = name, skill
    return best


def _exact(base: ArrayLike, one: ArrayLike) -> bool:
    """Tell whether there is a window that both have: then the base makes no error in any."""
    return bool((~np.isnan(np.asarray(base) + np.asarray(one))).any())


class _Words:
    """A language: names, numbers and sentences."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.say = _SAY[lang]

    def name(self, name: str, parts: tuple[str, ...]) -> str:
        if parts:
            named = [self.name(part, ()) for part in parts]
            joined = self.say["and"].join([self.say["comma"].join(named[:-1]), named[-1]])
            return self.say["blend"].format(joined if len(named) > 1 else named[0])
        return self.say.get(name, name)

    def counted(self, key: str, n: int) -> str:
        return self.say[f"{key}_1" if n == 1 else f"{key}_n"].format(f"{n:,}")

    def numbers(self, tested: Skill) -> dict[str, str]:
        series = "" if tested.n_series == 1 else self.counted("series", tested.n_series)
        low = tested.skill if tested.low is None else tested.low
        share, half = abs(100 * tested.skill), 100 * (tested.skill - low)
        # One decimal where whole numbers would hide on which side of 0 the interval ends.
        close = low > 0 and round(half) >= round(share)
        digits = 1 if share < 1 or close else 0
        margin = ""
        if tested.low is not None and half <= 100:
            margin = f" ± {max(half, 0.1 if digits else 1):.{digits}f} %"
        times = 1 - tested.skill
        return {
            "over": self.counted("over", tested.n_windows).replace("[series]", series),
            "share": f"{share:.{digits}f} %",
            "whole": f"{share:.{digits}f} %{margin}",
            "times": f"{times:.1f}" if times < 1000 else f"{min(times, 1e6):,.0f}",
        }

    def sentences(self, keys: list[str], names: dict[str, str]) -> str:
        said = [self.say[key].format(**names) for key in keys]
        if self.lang == "zh":
            text = "".join(said)
            text = re.sub(r"(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9])", " ", text)
            return re.sub(r"(?<=[A-Za-z0-9%])(?=[\u4e00-\u9fff])", " ", text)
        return " ".join(one[:1].upper() + one[1:] for one in said)


_SAY: dict[str, dict[str, str]] = {
    "en": {
        "LSTM": "the LSTM",
        "Naive": "the naive forecast",
        "SeasonalNaive": "seasonal naive",
        "HoltWinters": "Holt-Winters",
        "Drift": "the drift forecast",
        "Blend": "the blend",
        "Ensemble": "the ensemble",
        "blend": "the blend of {}",
        "comma": ", ",
        "and": " and ",
        "over_1": "in the only backtest[series]",
        "over_n": "over {} backtests[series]",
        "series_n": " of {} series",
        "shift_1": "one step",
        "shift_n": "{} steps",
        "wins": "{model} beats {base} by {whole} {over}.",
        "wins_use": "{model} beats {base} by {whole} {over}; use it.",
        "ahead": "{model} is ahead of {base} by {whole} {over}, which may be luck.",
        "once": "{model} is ahead of {base} by {share} {over}; one test proves little.",
        "same": (
            "{model} does no better than {base}: their errors differ by less than 1 % {over}."
        ),
        "loses": "{model} does not beat {base}: its error is {whole} larger {over}.",
        "far_worse": "{model} does not beat {base}: its error is {times} times as large {over}.",
        "copies": "Its point-by-point curve is the truth shifted by {shift}.",
        "but_copies": "One step ahead, though, its curve is the truth shifted by {shift}.",
        "follow": (
            "Its errors still follow one another (autocorrelation {rho}), so there is more to "
            "learn from these data."
        ),
        "use": "Use {chosen}.",
        "use_base": "Use {base}.",
        "kept": "It is used for its smaller error; {base} is the safe choice.",
        "simpler": "{base} is the simpler choice.",
        "still_better": "{chosen} does better still; use that.",
        "instead": "The forecast is made with {chosen}.",
        "exact": "{base} made no error at all in the backtests, so nothing can beat it.",
        "untested": (
            "How good {model} is here is not known, because nothing could be compared on the past; "
            "treat it with care."
        ),
    },
    "zh": {
        "Naive": "朴素预测",
        "SeasonalNaive": "季节朴素预测",
        "HoltWinters": "Holt-Winters",
        "Drift": "漂移法",
        "Blend": "组合模型",
        "Ensemble": "集成模型",
        "blend": "组合模型（{}）",
        "comma": "、",
        "and": "与",
        "over_1": "在[series]唯一一次回测中",
        "over_n": "在[series]{} 次回测中",
        "series_n": " {} 个序列的",
        "shift_1": "一步",
        "shift_n": " {} 步",
        "wins": "{over}，{model}的误差比{base}小 {whole}。",
        "wins_use": "{over}，{model}的误差比{base}小 {whole}，建议采用。",
        "ahead": "{over}，{model}的误差比{base}小 {whole}，但这可能只是运气。",
        "once": "{over}，{model}的误差比{base}小 {share}，但一次检验说明不了什么。",
        "same": "{model}并不比{base}更好：{over}，误差相差不到 1 %。",
        "loses": "{model}没有胜过{base}：{over}，误差大 {whole}。",
        "far_worse": "{model}没有胜过{base}：{over}，误差是后者的 {times} 倍。",
        "copies": "它的逐点预测曲线只是把真实曲线向后平移{shift}。",
        "but_copies": "不过只看向前一步的预测，它的曲线只是把真实曲线向后平移{shift}。",
        "follow": "它的误差前后相关（自相关系数 {rho}），说明数据里还有规律没有学到。",
        "use": "建议采用{chosen}。",
        "use_base": "建议采用{base}。",
        "kept": "选用它是因为误差较小；{base}更为稳妥。",
        "simpler": "{base}更简单。",
        "still_better": "{chosen}还要更好，建议采用。",
        "instead": "预测采用{chosen}。",
        "exact": "{base}在回测中没有任何误差，没有模型能胜过它。",
        "untested": "过去的数据无法用来比较，{model}在这里有多好还不得而知，请谨慎对待这一预测。",
    },
}
