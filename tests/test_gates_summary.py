"""What is said of gates: true where the truth was built in, silent where there is nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gatecast.errors import ConfigError
from gatecast.report.gates_words import _WORDS, GateWords

from .traces import constructed, network

N = 48
T = np.arange(N)
LEVEL = 100 + np.random.default_rng(3).normal(size=N)


def text(sentences: list[str]) -> str:
    return " ".join(sentences)


@pytest.mark.parametrize(
    ("freq", "steps", "english", "chinese"),
    [
        ("MS", 3.2, "3.2 months", "3.2 个月"),
        ("MS", 30, "2.5 years", "2.5 年"),
        ("QS", 1.5, "4.5 months", "4.5 个月"),
        ("YS", 1, "1 year", "1 年"),
        ("W-SUN", 2, "2 weeks", "2 周"),
        ("D", 3.5, "3.5 days", "3.5 天"),
        ("D", 21, "3 weeks", "3 周"),
        ("B", 4, "4 business days", "4 个工作日"),
        ("h", 1.5, "1.5 hours", "1.5 小时"),
        ("h", 72, "3 days", "3 天"),
        ("15min", 3, "45 minutes", "45 分钟"),
        (None, 2.5, "2.5 steps", "2.5 步"),
        (None, 1, "1 step", "1 步"),
    ],
)
def test_a_duration_is_in_the_time_of_the_data(
    freq: str | None, steps: float, english: str, chinese: str
) -> None:
    trace = constructed(LEVEL, freq=freq)
    assert GateWords(trace, "en").duration(steps) == english
    assert GateWords(trace, "zh").duration(steps) == chinese


def test_a_patch_lasts_as_long_as_its_values() -> None:
    trace = constructed(LEVEL, {"forget": 0.5}, freq="h", patch_size=6)
    assert trace.units()["memory"].tolist() == ["12 hours"]


def test_a_constant_forget_gate_gives_the_known_memory_and_nothing_resets() -> None:
    forget = np.array([[0.5, 0.8, 1.0]])
    units = constructed(LEVEL, {"forget": forget}, freq="MS").units()
    np.testing.assert_allclose(units["memory_length"][:2], [2, 5], rtol=1e-5)
    assert units["memory"].tolist() == ["2 months", "5 months", "the whole window"]
    assert units["role"].tolist() == ["reacts", "reacts", "remembers"]
    assert units["n_resets"].tolist() == [0, 0, 0]
    np.testing.assert_allclose(units["forget"], forget[0], rtol=1e-6)


def test_a_reset_is_found_with_its_date_and_its_unit() -> None:
    forget = np.full((N, 3), 0.95)
    forget[30, 1] = 0.05
    trace = constructed(LEVEL, {"forget": forget, "candidate": 0.8}, freq="MS")
    units = trace.units()
    assert units["role"].tolist() == ["remembers", "resets at events", "remembers"]
    assert [list(stamps) for stamps in units["resets"]] == [[], [trace.ds[30]], []]
    said = text(trace.explain())
    assert "at 2017-07 (1 unit)." in said
    assert "2017-07（1 个单元）" in text(trace.explain("zh"))


@pytest.mark.parametrize(
    "forget",
    [
        np.where(T % 3 == 0, 0.2, 0.95),  # a habit
        np.where(T == 0, 0.01, 0.95),  # nothing was held yet
        np.where(T == 30, 0.6, 0.95),  # most is kept
        np.where(T == 30, 0.01, 0.1),  # never kept much
    ],
    ids=["habit", "start", "kept", "forgetful"],
)
def test_what_is_no_event_is_no_reset(forget: Any) -> None:
    trace = constructed(LEVEL, {"forget": forget[:, None], "candidate": 0.8}, freq="MS")
    assert trace.units()["n_resets"].tolist() == [0]
    assert "Resets" not in text(trace.explain())


def test_units_that_follow_a_season_are_told_from_one_that_does_not() -> None:
    noise = np.random.default_rng(0).normal(size=(N, 1)) * 0.5
    season = np.sin(2 * np.pi * T / 12)[:, None] * 0.8
    candidate = np.hstack([season, 0.9 * season, noise])
    trace = constructed(LEVEL, {"candidate": candidate}, season_length=12, freq="MS")
    units = trace.units()
    assert units["role"].tolist() == ["follows the season", "follows the season", "reacts"]
    assert (units["season_share"][:2] > 0.95).all()
    assert abs(units["season_share"][2]) < 0.4
    said = text(trace.explain())
    assert "2 of 3 units clearly follow the season of 12 months" in said
    assert "3 个单元中有 2 个明显跟随周期为 12 个月的季节" in text(trace.explain("zh"))


def test_a_network_follows_a_season_that_is_in_its_series() -> None:
    y = np.sin(2 * np.pi * np.arange(60) / 12) + 0.05 * np.random.default_rng(1).normal(size=60)
    roles = network(y, 20, season_length=12).units()["role"]
    assert (roles == "follows the season").mean() > 0.8


@pytest.mark.parametrize(("n", "m"), [(24, 12), (36, 12), (28, 7), (48, 24)])
@pytest.mark.parametrize("memory", [0.0, 0.9, 1.0], ids=["white", "ar", "walk"])
def test_noise_is_not_said_to_have_a_season(n: int, m: int, memory: float) -> None:
    rng = np.random.default_rng(n + m)
    alarms, rounds = 0, 60
    for seed in range(rounds):
        y = rng.normal(size=n)
        for t in range(1, n):
            y[t] += memory * y[t - 1]
        trace = network(y, 10, seed=seed, season_length=m)
        alarms += "clearly follow the" in text(trace.explain())
    # A rate of 3 % in truth: more than 7 of 60 would be a chance of one in 1,000.
    assert alarms <= 7


@pytest.mark.parametrize(("n", "m"), [(23, 12), (8, 4), (10, 1), (1, 12)])
def test_a_window_too_short_for_a_season_says_nothing_of_it(n: int, m: int) -> None:
    y = np.sin(2 * np.pi * np.arange(n) / max(m, 2))
    trace = constructed(y, season_length=m, freq="MS")
    assert "season" not in text(trace.explain())
    assert "follows the season" not in set(trace.units()["role"])


def test_a_slow_wave_is_no_season() -> None:
    candidate = np.sin(2 * np.pi * T / 40)[:, None]
    trace = constructed(LEVEL, {"candidate": candidate}, season_length=12)
    assert trace.units()["role"].tolist() != ["follows the season"]


def test_what_a_forecast_leans_on_is_said_with_its_number_and_its_place() -> None:
    influence = np.zeros((12, N))
    influence[0, -1], influence[0, -12], influence[0, 3] = 0.62, 0.31, 0.001
    influence[11, -13] = -0.25
    trace = constructed(LEVEL, h=12, season_length=12, freq="MS", attribution=influence)
    *_, first, last = trace.explain()
    assert "2019-01, hangs most on 2018-12, the newest value (+0.620)" in first
    assert "and 2018-01, 12 months before it (+0.310)" in first
    assert "2015-04" not in first
    assert "half of all influence is in the newest of 48 steps" in first
    assert "2019-12, hangs most on 2017-12, 2 years before it (−0.250)" in last
    assert "the newest 12 months have 79 % of all influence" in last  # 0.93 of 1.181


def test_a_forecast_that_leans_on_nothing_is_said_to() -> None:
    trace = constructed(LEVEL, attribution=np.zeros((4, N)))
    assert trace.explain()[-1].startswith("The forecast does not depend on any single value")


def test_steps_to_come_are_not_leant_on_and_not_the_newest() -> None:
    y = np.append(LEVEL, np.full(4, np.nan))
    ds = np.arange(N + 4)
    influence = np.zeros((4, N + 4))
    influence[:, N - 1] = 1.0
    trace = constructed(y, ds=ds, future_ds=ds[N:], attribution=influence)
    assert "position 47, the newest value (+1.00)" in text(trace.explain())


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("sizes", [(1,), (5, 20)])
def test_it_takes_three_to_six_sentences_with_numbers(lang: str, sizes: tuple[int, ...]) -> None:
    y = np.sin(2 * np.pi * T / 12)
    for trace in (
        network(y, *sizes, season_length=12, freq="MS"),
        network(LEVEL, *sizes, h=1),
        constructed(LEVEL, attribution=np.zeros((4, N))),
    ):
        said = trace.explain(lang)
        assert 3 <= len(said) <= 6
        assert all(re.search(r"\d", sentence) for sentence in said[:2])
        for word in ("遗忘", "保存", "聚焦") if lang == "zh" else ("Forget", "Store", "Focus"):
            assert word in text(said)
        assert not re.search(r"nan|inf\b|{|}", text(said))


def test_gaps_and_constant_series_are_described_too() -> None:
    gaps = LEVEL.copy()
    gaps[[3, -1]] = np.nan
    for y in (gaps, np.full(N, 5.0)):
        trace = constructed(y, freq="D", season_length=7)
        assert 3 <= len(trace.explain()) <= 6
        assert len(trace.units()) == 1


def test_both_languages_have_the_same_words_with_the_same_parts() -> None:
    english, chinese = _WORDS["en"], _WORDS["zh"]
    assert list(english) == list(chinese)
    for key, said in english.items():
        assert sorted(re.findall(r"{(\w+)}", said)) == sorted(
            re.findall(r"{(\w+)}", chinese[key])
        ), key


def test_another_language_is_refused() -> None:
    trace = constructed(LEVEL)
    for ask in (trace.explain, trace.units, trace.plot, trace.to_dict):
        with pytest.raises(ConfigError, match="English or Chinese"):
            ask("fr")


def test_a_frame_has_a_row_a_layer_unit_and_step() -> None:
    trace = network(LEVEL, 2, 3, freq="MS")
    frame = trace.to_frame()
    assert list(frame) == ["ds", "layer", "unit", "forget", "input", "output", "cell", "hidden"]
    assert len(frame) == N * 5
    part = frame[(frame["layer"] == 1) & (frame["unit"] == 2)]
    np.testing.assert_array_equal(part["forget"], trace.forget[1][:, 2])
    np.testing.assert_array_equal(part["hidden"], trace.hidden[1][:, 2])
    assert (pd.to_datetime(part["ds"]).to_numpy() == trace.ds).all()


def test_a_dict_is_json_and_complete() -> None:
    trace = network(LEVEL, 2, 3, freq="MS", season_length=12)
    told = json.loads(json.dumps(trace.to_dict("zh"), allow_nan=False))
    assert told["ds"][:2] == ["2015-01-01", "2015-02-01"]
    assert told["frequency"] == "MS"
    np.testing.assert_allclose(np.array(told["cell"][1]), trace.cell[1], rtol=1e-6)
    np.testing.assert_allclose(np.array(told["attribution"]), trace.attribution)
    assert len(told["units"]) == 5
    assert told["sentences"] == trace.explain("zh")
    forget = np.where(np.arange(N) == 30, 0.05, 0.95)[:, None]
    reset = constructed(LEVEL, {"forget": forget, "candidate": 0.8}, freq="MS")
    assert reset.to_dict()["units"][0]["resets"] == ["2017-07-01"]


def test_a_trace_says_what_it_is_in_a_line() -> None:
    said = repr(network(LEVEL, 2, 3))
    assert said == "Trace('sales': LSTM reads 48 steps, 5 units in 2 layers, forecasts 4)"
