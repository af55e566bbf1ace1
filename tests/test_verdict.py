"""Skill with its uncertainty, and the verdict in words."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from gatecast.errors import ConfigError
from gatecast.evaluation.lag import LagDiagnosis
from gatecast.evaluation.verdict import Skill, Verdict, skill_of, verdict_of

Doubles = NDArray[np.float64]

COPIES = LagDiagnosis(1, True, -0.02, 0.9, False, False, 80)
FORESEES = LagDiagnosis(0, False, 0.3, 0.0, True, True, 100)


def test_skill_is_the_share_of_the_mean_error_that_is_saved() -> None:
    found = skill_of([[0.5, 1.0], [0.7, 0.8]], [[1.0, 2.0], [1.0, 1.0]])
    assert found is not None
    assert found.skill == pytest.approx(1 - 3.0 / 5.0)
    assert (found.n_windows, found.n_series) == (2, 2)


def test_the_interval_is_student_s_t_on_paired_windows_worked_by_hand() -> None:
    found = skill_of([[1.0], [2.0], [3.0]], [[2.0], [2.0], [4.0]])
    assert found is not None
    ratio = 6 / 8
    left = np.array([1.0, 2.0, 3.0]) - ratio * np.array([2.0, 2.0, 4.0])
    width = 4.302653 * left.std(ddof=1) / np.sqrt(3) / 2.0
    assert found.low == pytest.approx(1 - ratio * np.exp(width), abs=1e-6)
    assert found.high == pytest.approx(1 - ratio * np.exp(-width), abs=1e-6)


def test_two_models_that_change_places_get_the_same_interval_mirrored() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.exponential(size=(2, 6, 4))
    forth, back = skill_of(one, other, overlap=1), skill_of(other, one, overlap=1)
    assert forth is not None
    assert back is not None
    assert forth.low is not None
    assert back.high is not None
    assert (1 - forth.low) * (1 - back.high) == pytest.approx(1)


def window_errors(
    rng: np.random.Generator, n: int, series: int, overlap: int, together: float, h: int = 12
) -> tuple[Doubles, Doubles]:
    """Mean absolute errors of two equally good models of random walks; each misses its own part."""
    step = h // (overlap + 1)

    def noise() -> Doubles:
        shape = ((n - 1) * step + h, series)
        common = np.sqrt(together) * rng.normal(size=(shape[0], 1))
        return np.asarray(common + np.sqrt(1 - together) * rng.normal(size=shape))

    shared, parts = noise(), (noise(), noise())
    both = [
        [
            np.abs(np.cumsum((shared + part)[k * step : k * step + h], axis=0)).mean(axis=0)
            for k in range(n)
        ]
        for part in parts
    ]
    return np.array(both[0]), np.array(both[1])


@pytest.mark.parametrize(
    ("n", "series", "overlap", "together"),
    [
        (2, 1, 0, 0.0),
        (4, 1, 0, 0.0),
        (8, 1, 1, 0.0),
        (2, 20, 0, 0.6),
        (4, 20, 0, 0.6),
        (8, 20, 0, 0.6),
        (4, 20, 1, 0.6),
        (8, 20, 3, 0.6),
        (4, 20, 0, 0.0),
    ],
)
def test_between_models_that_are_equally_good_the_interval_holds_zero(
    n: int, series: int, overlap: int, together: float
) -> None:
    rng = np.random.default_rng(1)
    found = [
        skill_of(*window_errors(rng, n, series, overlap, together), overlap=overlap)
        for _ in range(500)
    ]
    held = [one is not None and one.low <= 0 <= one.high for one in found]  # type: ignore[operator]
    assert np.mean(held) >= 0.92  # 0.93 or more, and a standard error


def test_the_interval_holds_the_true_skill_and_is_no_wider_than_it_must() -> None:
    rng = np.random.default_rng(2)
    lows, highs = [], []
    for _ in range(400):
        base = rng.gamma(8, size=(8, 1))
        found = skill_of(0.8 * base * rng.uniform(0.8, 1.2, size=(8, 1)), base)
        assert found is not None
        lows.append(found.low)
        highs.append(found.high)
    low, high = np.array(lows, float), np.array(highs, float)
    assert 0.92 <= np.mean((low <= 0.2) & (high >= 0.2)) <= 0.985
    assert np.mean(low > 0) > 0.9  # a lead of 20 % is found in 8 windows


def test_one_window_has_no_interval_however_many_series() -> None:
    """What happened at one time happened to all of them: luck cannot be told from skill."""
    rng = np.random.default_rng(0)
    for series in (1, 200):
        base = rng.uniform(1, 2, size=(1, series))
        found = skill_of(0.8 * base, base)
        assert found is not None
        assert (found.low, found.high) == (None, None)
        assert found.skill == pytest.approx(0.2)


def test_two_windows_say_very_little() -> None:
    found = skill_of([[0.8], [0.6]], [[1.0], [1.0]])
    assert found is not None
    assert found.low is not None
    assert found.low < -1
    absurd = skill_of([[1e-9], [1e9]], [[1e9], [1e-9]], overlap=1)
    assert absurd is not None
    assert absurd.low is not None
    assert np.isfinite(absurd.low)


def test_two_windows_that_happen_to_agree_do_not_hide_that_series_differ() -> None:
    one = np.tile([0.2, 1.4, 0.9, 1.1, 0.4], (2, 1))
    found = skill_of(one, np.ones((2, 5)))
    assert found is not None
    assert found.low < 0 < found.skill < found.high  # type: ignore[operator]


def test_windows_that_overlap_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    one, base = rng.uniform(1, 2, size=(2, 8, 1))
    apart, overlapping = skill_of(one, base), skill_of(one, base, overlap=3)
    assert apart is not None
    assert overlapping is not None
    assert overlapping.low < apart.low < 0  # type: ignore[operator]


def test_what_only_one_of_them_has_is_left_out_of_both() -> None:
    nan = np.nan
    found = skill_of([[0.5, nan], [0.5, 9.0], [nan, nan]], [[1.0, 7.0], [1.0, nan], [3.0, nan]])
    assert found is not None
    assert found == Skill(0.5, 0.5, 0.5, 2, 1)
    assert skill_of([[nan]], [[1.0]]) is None
    assert skill_of(np.empty((0, 3)), np.empty((0, 3))) is None


def test_extremes_stay_finite() -> None:
    perfect = skill_of([[0.0], [0.0]], [[1.0], [2.0]])
    assert perfect == Skill(1.0, 1.0, 1.0, 2, 1)
    assert skill_of([[1.0], [1.0]], [[0.0], [0.0]]) is None
    assert skill_of([[0.0], [0.0]], [[0.0], [0.0]]) is None
    diverged = skill_of([[np.inf], [1.0]], [[1.0], [1.0]])
    assert diverged is not None
    assert np.isfinite([diverged.skill, diverged.low, diverged.high]).all()  # type: ignore[list-item]
    assert diverged.skill < -1e9


def test_nonsense_is_refused() -> None:
    with pytest.raises(ConfigError, match="same shape"):
        skill_of([[1.0]], [[1.0], [2.0]])
    with pytest.raises(ConfigError, match="same shape"):
        skill_of([1.0], [1.0])
    with pytest.raises(ConfigError, match="overlap"):
        skill_of([[1.0]], [[1.0]], overlap=-1)


def lstm(chosen: str, against: str | None, tested: Skill | None, **more: object) -> Verdict:
    return Verdict("LSTM", True, chosen, against=against, tested=tested, **more)  # type: ignore[arg-type]


# fmt: off
SPOKEN = {
    "wins": (
        lstm("LSTM", "SeasonalNaive", Skill(0.18, 0.12, 0.23, 8, 1), diagnosis=FORESEES),
        "The LSTM beats seasonal naive by 18 % ± 6 % over 8 backtests; use it.",
        "在 8 次回测中，LSTM 的误差比季节朴素预测小 18 % ± 6 %，建议采用。",
    ),
    "wins by little": (
        lstm("LSTM", "SeasonalNaive", Skill(0.062, 0.003, 0.12, 8, 1200)),
        "The LSTM beats seasonal naive by 6.2 % ± 5.9 % over 8 backtests of 1,200 series; use it.",
        "在 1,200 个序列的 8 次回测中，LSTM 的误差比季节朴素预测小 6.2 % ± 5.9 %，建议采用。",
    ),
    "wins, residuals follow each other": (
        lstm("LSTM", "HoltWinters", Skill(0.18, 0.12, 0.23, 8, 1), diagnosis=FORESEES,
             residual_autocorrelation=-0.45),
        "The LSTM beats Holt-Winters by 18 % ± 6 % over 8 backtests; use it. Its errors still "
        "follow one another (autocorrelation −0.45), so there is more to learn from these data.",
        "在 8 次回测中，LSTM 的误差比 Holt-Winters 小 18 % ± 6 %，建议采用。"
        "它的误差前后相关（自相关系数 −0.45），说明数据里还有规律没有学到。",
    ),
    "wins, but copies one step ahead": (
        lstm("LSTM", "Naive", Skill(0.18, 0.12, 0.23, 8, 1), diagnosis=COPIES),
        "The LSTM beats the naive forecast by 18 % ± 6 % over 8 backtests; use it. One step ahead, "
        "though, its curve is the truth shifted by one step.",
        "在 8 次回测中，LSTM 的误差比朴素预测小 18 % ± 6 %，建议采用。"
        "不过只看向前一步的预测，它的曲线只是把真实曲线向后平移一步。",
    ),
    "wins, a blend is better": (
        lstm("Blend", "SeasonalNaive", Skill(0.18, 0.12, 0.23, 8, 1),
             components=("HoltWinters", "Theta", "LSTM"), chosen_is_better=True),
        "The LSTM beats seasonal naive by 18 % ± 6 % over 8 backtests. "
        "The blend of Holt-Winters, Theta and the LSTM does better still; use that.",
        "在 8 次回测中，LSTM 的误差比季节朴素预测小 18 % ± 6 %。"
        "组合模型（Holt-Winters、Theta 与 LSTM）还要更好，建议采用。",
    ),
    "wins, another was chosen": (
        lstm("Theta", "Naive", Skill(0.18, 0.12, 0.23, 8, 1)),
        "The LSTM beats the naive forecast by 18 % ± 6 % over 8 backtests. "
        "The forecast is made with Theta.",
        "在 8 次回测中，LSTM 的误差比朴素预测小 18 % ± 6 %。预测采用 Theta。",
    ),
    "ahead": (
        lstm("LSTM", "Naive", Skill(0.08, -0.07, 0.2, 3, 1)),
        "The LSTM is ahead of the naive forecast by 8 % ± 15 % over 3 backtests, which may be "
        "luck. It is used for its smaller error; the naive forecast is the safe choice.",
        "在 3 次回测中，LSTM 的误差比朴素预测小 8 % ± 15 %，但这可能只是运气。"
        "选用它是因为误差较小；朴素预测更为稳妥。",
    ),
    "ahead over two windows": (
        lstm("HoltWinters", "HoltWinters", Skill(0.03, -5.0, 0.8, 2, 1)),
        "The LSTM is ahead of Holt-Winters by 3 % over 2 backtests, which may be luck. "
        "Use Holt-Winters.",
        "在 2 次回测中，LSTM 的误差比 Holt-Winters 小 3 %，但这可能只是运气。"
        "建议采用 Holt-Winters。",
    ),
    "ahead in one window": (
        lstm("Theta", "Naive", Skill(0.08, None, None, 1, 30), diagnosis=COPIES),
        "The LSTM is ahead of the naive forecast by 8 % in the only backtest of 30 series; one "
        "test proves little. Its point-by-point curve is the truth shifted by one step. Use Theta.",
        "在 30 个序列的唯一一次回测中，LSTM 的误差比朴素预测小 8 %，但一次检验说明不了什么。"
        "它的逐点预测曲线只是把真实曲线向后平移一步。建议采用 Theta。",
    ),
    "the same": (
        lstm("LSTM", "Naive", Skill(-0.002, -0.05, 0.06, 8, 1)),
        "The LSTM does no better than the naive forecast: their errors differ by less than 1 % "
        "over 8 backtests. The naive forecast is the simpler choice.",
        "LSTM 并不比朴素预测更好：在 8 次回测中，误差相差不到 1 %。朴素预测更简单。",
    ),
    "loses": (
        lstm("HoltWinters", "HoltWinters", Skill(-0.12, -0.2, -0.05, 8, 1)),
        "The LSTM does not beat Holt-Winters: its error is 12 % ± 8 % larger over 8 backtests. "
        "Use Holt-Winters.",
        "LSTM 没有胜过 Holt-Winters：在 8 次回测中，误差大 12 % ± 8 %。建议采用 Holt-Winters。",
    ),
    "loses though it was asked for": (
        lstm("LSTM", "SeasonalNaive", Skill(-0.12, None, None, 1, 1)),
        "The LSTM does not beat seasonal naive: its error is 12 % larger in the only backtest. "
        "Use seasonal naive.",
        "LSTM 没有胜过季节朴素预测：在唯一一次回测中，误差大 12 %。建议采用季节朴素预测。",
    ),
    "loses and copies": (
        lstm("HoltWinters", "Naive", Skill(-0.03, -0.1, 0.05, 8, 1), diagnosis=COPIES),
        "The LSTM does not beat the naive forecast: its error is 3 % ± 7 % larger over 8 "
        "backtests. Its point-by-point curve is the truth shifted by one step. Use Holt-Winters.",
        "LSTM 没有胜过朴素预测：在 8 次回测中，误差大 3 % ± 7 %。"
        "它的逐点预测曲线只是把真实曲线向后平移一步。建议采用 Holt-Winters。",
    ),
    "loses by far": (
        lstm("Drift", "Naive", Skill(-3.4, -5.0, -2.0, 8, 1)),
        "The LSTM does not beat the naive forecast: its error is 4.4 times as large over 8 "
        "backtests. Use the drift forecast.",
        "LSTM 没有胜过朴素预测：在 8 次回测中，误差是后者的 4.4 倍。建议采用漂移法。",
    ),
    "the naive forecast is exact": (
        lstm("Naive", "Naive", None),
        "The naive forecast made no error at all in the backtests, so nothing can beat it.",
        "朴素预测在回测中没有任何误差，没有模型能胜过它。",
    ),
    "nothing was tested": (
        lstm("LSTM", None, None),
        "How good the LSTM is here is not known, because nothing could be compared on the past; "
        "treat it with care.",
        "过去的数据无法用来比较，LSTM 在这里有多好还不得而知，请谨慎对待这一预测。",
    ),
    "no LSTM": (
        Verdict("HoltWinters", False, "HoltWinters", against="SeasonalNaive",
                tested=Skill(0.1, 0.05, 0.15, 8, 1)),
        "Holt-Winters beats seasonal naive by 10 % ± 5 % over 8 backtests; use it.",
        "在 8 次回测中，Holt-Winters 的误差比季节朴素预测小 10 % ± 5 %，建议采用。",
    ),
    "no LSTM, naive by luck": (
        Verdict("Naive", False, "Naive", against="HoltWinters",
                tested=Skill(0.1, -0.05, 0.22, 8, 1)),
        "The naive forecast is ahead of Holt-Winters by 10 % ± 15 % over 8 backtests, which may "
        "be luck.",
        "在 8 次回测中，朴素预测的误差比 Holt-Winters 小 10 % ± 15 %，但这可能只是运气。",
    ),
}
# fmt: on


@pytest.mark.parametrize("case", SPOKEN)
def test_it_says(case: str) -> None:
    verdict, english, chinese = SPOKEN[case]
    assert verdict.text == verdict.say("en") == english
    assert verdict.say("zh") == chinese


def test_whatever_the_case_it_is_one_to_three_whole_sentences() -> None:
    skills = [None, *itertools.starmap(Skill, [
        (s, low, high, n, series)
        for s, low, high in [(0.3, 0.2, 0.4), (0.3, -0.1, 0.5), (0.003, 0.001, 0.004),
                             (-0.5, -0.9, -0.1), (-1e99, -2e99, -1e98), (1.0, 1.0, 1.0)]
        for n in (2, 12) for series in (1, 2000)
    ])]  # fmt: skip
    seen = set()
    for tested, chosen, diagnosis, rho, better, lang in itertools.product(
        skills, ["LSTM", "Naive", "Blend"], [None, COPIES, FORESEES], [None, 0.5], [True, False],
        ["en", "zh"],
    ):  # fmt: skip
        parts = ("HoltWinters", "LSTM") if chosen == "Blend" else ()
        verdict = Verdict(
            "LSTM", True, chosen, parts, better, "Naive", tested, diagnosis, rho
        )  # fmt: skip
        text = verdict.say(lang)
        seen.add(text)
        ends = re.findall(r"[.](?= |$)" if lang == "en" else "。", text)
        assert 1 <= len(ends) <= 3
        assert not re.search(r"[{}\[\]]|nan|inf|None|  |e\+|\.\.", text)
        assert text[0].isupper() or lang == "zh"
    assert len(seen) > 100


def errors(**means: float) -> dict[str, Doubles]:
    wobble = np.array([[0.98, 1.0], [1.02, 1.0], [1.0, 0.99], [1.0, 1.01]])
    return {name: mean * (wobble if i % 2 else wobble[::-1]) for i, (name, mean) in
            enumerate(means.items())}  # fmt: skip


def test_the_lstm_is_judged_by_the_best_of_the_three_baselines_and_by_no_other() -> None:
    table = errors(LSTM=0.8, Naive=1.2, SeasonalNaive=1.0, HoltWinters=0.9, Theta=0.5)
    found = verdict_of(table, lstm="LSTM", chosen="Theta", overlap=0, diagnosis=COPIES)
    assert found.against == "HoltWinters"
    assert found.skill == pytest.approx(1 - 0.8 / 0.9)
    assert found.skill_interval is not None
    assert found.skill_interval[0] < 1 - 0.8 / 0.9 < found.skill_interval[1]
    assert found.recommends_lstm is True
    assert (found.lag, found.copies_past) == (1, True)
    assert found.text.endswith("Theta does better still; use that.")


def test_it_is_recommended_only_where_the_interval_lies_above_zero() -> None:
    for mean, recommended in ((0.7, True), (0.999, False), (1.0, False), (1.5, False)):
        table = errors(LSTM=mean, Naive=1.0)
        found = verdict_of(table, lstm="LSTM", chosen="LSTM", overlap=0, diagnosis=None)
        assert found.recommends_lstm is recommended
        assert found.skill_interval is not None
        assert (found.skill_interval[0] > 0) is recommended
    once = {name: table[:1] for name, table in errors(LSTM=0.1, Naive=1.0).items()}
    found = verdict_of(once, lstm="LSTM", chosen="LSTM", overlap=0, diagnosis=None)
    assert (found.skill_interval, found.recommends_lstm) == (None, False)


def test_without_an_lstm_its_fields_are_none_and_the_chosen_one_is_spoken_of() -> None:
    table = errors(HoltWinters=0.8, Naive=1.0, SeasonalNaive=0.9)
    found = verdict_of(table, lstm=None, chosen="HoltWinters", overlap=0, diagnosis=None)
    fields = (found.skill, found.skill_interval, found.recommends_lstm, found.lag)
    assert (*fields, found.copies_past) == (None,) * 5
    assert found.against == "SeasonalNaive"
    assert found.text.startswith("Holt-Winters beats seasonal naive by 11 %")


def test_a_forecast_without_a_season_is_compared_with_naive_by_that_name() -> None:
    table = errors(LSTM=0.8, Naive=1.0)
    table["SeasonalNaive"] = table["Naive"]
    found = verdict_of(table, lstm="LSTM", chosen="LSTM", overlap=0, diagnosis=None)
    assert found.against == "Naive"


def test_without_a_backtest_nothing_is_claimed() -> None:
    for table in ({}, {"LSTM": np.full((2, 1), np.nan), "Naive": np.ones((2, 1))}):
        found = verdict_of(table, lstm="LSTM", chosen="LSTM", overlap=0, diagnosis=None)
        assert (found.against, found.skill, found.skill_interval) == (None, None, None)
        assert found.recommends_lstm is False
        assert "not known" in found.text


def test_a_baseline_without_any_error_cannot_be_beaten() -> None:
    table = {
        "LSTM": np.full((3, 1), 0.1),
        "Naive": np.ones((3, 1)),
        "SeasonalNaive": np.zeros((3, 1)),
    }
    found = verdict_of(table, lstm="LSTM", chosen="SeasonalNaive", overlap=0, diagnosis=None)
    assert found.against == "SeasonalNaive"
    assert found.skill is None
    assert found.recommends_lstm is False


def test_another_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="en or zh"):
        SPOKEN["wins"][0].say("fr")
