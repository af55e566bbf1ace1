"""The whole path: ``gatecast.forecast`` and what it says of itself."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gatecast
from gatecast import ConfigError, DataError
from gatecast.auto import Request, forecast_panel
from gatecast.auto.es_lstm import hybrid_for, hybrid_work
from gatecast.auto.lstm import likely_anchors
from gatecast.panel import Columns, Intake, from_any

TINY = {"epochs": 3, "hidden_size": 8}
BOARD = ["model", "mase", "smape", "rmse", "pinball", "coverage_90", "skill", "seconds"]


def run(data: Any, h: int, intake: Intake | None = None, **request: Any) -> gatecast.Forecast:
    """Forecast with a network that is trained for a few epochs only."""
    request.setdefault("settings", TINY)
    return forecast_panel(from_any(data, intake or Intake()), Request(h=h, **request))


def walk(n: int = 150, seed: int = 0) -> pd.DataFrame:
    steps = np.random.default_rng(seed).normal(size=n)
    stamps = pd.date_range("2020-01-01", periods=n, freq="MS")
    return pd.DataFrame({"ds": stamps, "y": 100 + steps.cumsum()})


@pytest.fixture(scope="module")
def result() -> gatecast.Forecast:
    t = np.arange(120)
    y = 100 + 0.2 * t + 10 * np.sin(2 * np.pi * t / 12)
    y += np.random.default_rng(7).normal(0, 0.5, 120)
    df = pd.DataFrame({"ds": pd.date_range("2010-01-01", periods=120, freq="MS"), "y": y})
    return gatecast.forecast(df, 12, level=[80, 95])


def test_the_frame_has_the_forecast_and_its_intervals(result: gatecast.Forecast) -> None:
    frame = result.frame
    assert list(frame.columns) == [
        *("unique_id", "ds", "forecast", "forecast-lo-80", "forecast-hi-80"),
        *("forecast-lo-95", "forecast-hi-95"),
    ]
    assert len(frame) == 12
    assert frame["ds"].iloc[0] == pd.Timestamp("2020-01-01")
    order = ["forecast-lo-95", "forecast-lo-80", "forecast", "forecast-hi-80", "forecast-hi-95"]
    assert (np.diff(frame[order].to_numpy(), axis=1) >= 0).all()
    assert (frame["forecast-hi-80"] > frame["forecast-lo-80"]).all()


def test_the_leaderboard_has_the_best_first_and_the_chosen_in_it(
    result: gatecast.Forecast,
) -> None:
    board = result.leaderboard
    assert list(board.columns) == BOARD
    assert board["mase"].is_monotonic_increasing
    assert result.chosen in set(board["model"])
    assert {"Naive", "SeasonalNaive", "Theta", "HoltWinters", "LSTM"} <= set(board["model"])
    simple = board[board["model"].isin(["Naive", "SeasonalNaive"])]["mase"].min()
    np.testing.assert_allclose(board["skill"], 1 - board["mase"] / simple)
    assert np.isfinite(board.iloc[:, 1:]).all(axis=None)


def test_a_clear_season_is_forecast_better_than_by_repeating(result: gatecast.Forecast) -> None:
    scores = result.leaderboard.set_index("model")["mase"]
    assert scores[result.chosen] < scores["SeasonalNaive"] < scores["Naive"]
    assert result.season_length == 12


def test_the_verdict_is_consistent_with_itself(result: gatecast.Forecast) -> None:
    verdict = result.verdict
    assert verdict.skill is not None
    assert verdict.skill_interval is not None
    low, high = verdict.skill_interval
    assert low <= verdict.skill <= high
    assert verdict.recommends_lstm == (low > 0)
    assert verdict.copies_past is False
    assert verdict.text == verdict.say("en")
    assert verdict.say("zh") != verdict.text


def test_the_holdout_is_the_newest_window(result: gatecast.Forecast) -> None:
    assert result.holdout is not None
    assert set(result.holdout) == set(result.leaderboard["model"])
    y = result.panel.values
    expected = float(np.sqrt(((y[-12:] - y[-24:-12]) ** 2).mean()))
    np.testing.assert_allclose(result.holdout["SeasonalNaive"]["rmse"], expected)


def test_intervals_say_how_they_were_found_and_did(result: gatecast.Forecast) -> None:
    intervals = result.intervals
    assert list(intervals.columns) == ["level", "step", "method", "coverage", "width"]
    assert set(intervals["level"]) == {80, 90, 95}
    assert len(intervals) == 3 * 12
    assert set(intervals["method"]) <= {"conformal", "parametric"}
    assert (intervals["width"] > 0).all()
    assert intervals["coverage"].between(0, 1).all()


def test_saved_and_loaded_it_forecasts_the_same_bits(
    result: gatecast.Forecast, tmp_path: Path
) -> None:
    result.save(tmp_path / "m")
    again = gatecast.load(tmp_path / "m")
    pd.testing.assert_frame_equal(again.predict(), result.frame, check_exact=True)
    np.testing.assert_array_equal(again.simulate(5)["forecast"], result.simulate(5)["forecast"])


def test_paths_spread_as_the_intervals_say(result: gatecast.Forecast) -> None:
    paths = result.simulate(4000)
    assert list(paths.columns) == ["unique_id", "ds", "sample", "forecast"]
    ends = paths.groupby("ds")["forecast"].quantile([0.1, 0.9]).unstack()
    frame = result.frame
    width = (frame["forecast-hi-80"] - frame["forecast-lo-80"]).to_numpy()
    assert (np.abs(ends[0.1].to_numpy() - frame["forecast-lo-80"]) < 0.12 * width).all()
    assert (np.abs(ends[0.9].to_numpy() - frame["forecast-hi-80"]) < 0.12 * width).all()


def test_each_choice_can_be_explained(result: gatecast.Forecast) -> None:
    text = result.explain()
    for part in ("backtests", "Season of 12 steps", "units", "epochs", f"{result.chosen} is used"):
        assert part in text


def test_a_page_and_a_figure_are_made(result: gatecast.Forecast, tmp_path: Path) -> None:
    result.report(tmp_path / "r.html", title="Sales", command="gatecast forecast sales.csv -h 12")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "gatecast forecast sales.csv" in text
    assert len(text) < 6_000_000
    result.report(tmp_path / "zh.html", lang="zh")
    assert 'lang="zh' in (tmp_path / "zh.html").read_text(encoding="utf-8")
    assert len(result.plot().data) > 3
    with pytest.raises(DataError, match="no such series"):
        result.plot("nobody")


def test_the_same_again_on_any_number_of_threads(monthly: pd.DataFrame) -> None:
    one = gatecast.forecast(monthly, 6, threads=1)
    other = gatecast.forecast(monthly, 6, threads=3)
    pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)
    columns = BOARD[:-1]
    pd.testing.assert_frame_equal(one.leaderboard[columns], other.leaderboard[columns])


def test_on_a_walk_no_network_is_recommended() -> None:
    recommended = [gatecast.forecast(walk(seed=s), 6).verdict.recommends_lstm for s in range(5)]
    assert not any(recommended)


def test_polars_in_polars_out(several: pd.DataFrame) -> None:
    result = gatecast.forecast(pl.from_pandas(several), 4, models=["naive", "theta"])
    assert isinstance(result.frame, pl.DataFrame)
    assert result.frame["unique_id"].unique(maintain_order=True).to_list() == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["naive", "seasonal-naive", "drift", "theta", "holt-winters"])
def test_a_model_that_is_pinned_is_used_beside_the_simple_ones(
    name: str, monthly: pd.DataFrame
) -> None:
    result = gatecast.forecast(monthly, 6, models=name)
    assert result.chosen.lower() == name.replace("-", "")
    assert {"Naive", "SeasonalNaive"} <= set(result.leaderboard["model"])
    verdict = result.verdict
    assert (verdict.lag, verdict.copies_past, verdict.recommends_lstm) == (None, None, None)
    assert (verdict.skill, verdict.skill_interval) == (None, None)
    assert verdict.text


def test_a_model_of_ones_own_can_be_given(monthly: pd.DataFrame) -> None:
    model = gatecast.LSTM(6, context_length=18, hidden_size=4, epochs=2, anchor="season")
    result = gatecast.forecast(monthly, 6, models=[model, "naive"])
    assert {"LSTM", "Naive", "SeasonalNaive", "HoltWinters"} == set(result.leaderboard["model"])
    assert result.verdict.skill is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"h": 0}, "h must be"),
        ({"level": [0]}, "level must be"),
        ({"level": "wide"}, "level must be"),
        ({"models": "prophet"}, "no such model"),
        ({"models": []}, "models must be"),
        ({"budget": "soon"}, "budget must be a time"),
        ({"budget": -1}, "budget must be a time"),
        ({"seed": -1}, "seed must be"),
        ({"season_length": 0}, "season_length must be"),
        ({"holidays": 3}, "holidays must be"),
    ],
)
def test_what_cannot_be_asked_is_said(
    settings: dict[str, Any], message: str, monthly: pd.DataFrame
) -> None:
    with pytest.raises(ConfigError, match=message):
        gatecast.forecast(monthly, **{"h": 3, **settings})


def test_nothing_is_warned_about_that_is_noted(several: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(several, 6).frame is not None


def test_future_covariates_are_read_on(monthly: pd.DataFrame) -> None:
    df = monthly.assign(sale=(np.arange(120) % 7 == 3).astype(float))
    df["y"] += 20 * df["sale"]
    stamps = pd.date_range("2020-01-01", periods=6, freq="MS")
    ahead = pd.DataFrame({"ds": stamps, "sale": [0.0, 1, 0, 0, 0, 0]})
    given = {"models": "lstm", "future_covariates": ["sale"]}
    one = gatecast.forecast(df, 6, future_df=ahead, **given).frame["forecast"]
    other = gatecast.forecast(df, 6, future_df=ahead.assign(sale=0.0), **given).frame["forecast"]
    assert one.iloc[1] > other.iloc[1] + 5


# Poison


@pytest.mark.parametrize(("poison", "n_series"), [(1e6, 3), (-5e3, 3), (1e6, 12)])
def test_the_future_changes_no_choice_made_before_it(poison: float, n_series: int) -> None:
    """Season, size, anchor and epochs are settled before the first cutoff; so are its forecasts."""
    rain = np.sin(np.arange(90))
    df = pd.concat([walk(90, s).assign(unique_id=s, rain=rain) for s in range(n_series)])
    late = walk(25, 9).assign(unique_id="late", rain=0.0, ds=df["ds"].iloc[65:90].to_numpy())
    df = pd.concat([df, late], ignore_index=True)
    intake = Intake(Columns(past=("rain",)))
    clean = run(df, 6, intake)
    assert clean.tested is not None
    first = clean.tested.stamps[0, 0]
    poisoned = df.copy()
    poisoned.loc[df["ds"].astype("datetime64[ns]").astype(np.int64) > first, ["y", "rain"]] = poison
    other = run(poisoned, 6, intake)
    assert other.tested is not None
    assert clean.decisions[:4] == other.decisions[:4]
    assert ("ESLSTM" in clean.tested.outputs) == (n_series == 12)
    for name, outputs in clean.tested.outputs.items():
        if name in other.tested.outputs:
            np.testing.assert_array_equal(outputs[0], other.tested.outputs[name][0], name)


def test_the_newest_window_knows_nothing_of_what_it_is_scored_on(monthly: pd.DataFrame) -> None:
    poisoned = monthly.copy()
    poisoned.loc[poisoned.index[-12:], "y"] = 1e6
    one, other = run(monthly, 12).tested, run(poisoned, 12).tested
    assert one is not None
    assert other is not None
    for name in set(one.outputs) & set(other.outputs):
        np.testing.assert_array_equal(one.point(name)[-1], other.point(name)[-1], name)


# Short, constant, holed


def test_when_too_short_to_hold_back_it_is_said(monthly: pd.DataFrame) -> None:
    result = run(monthly.tail(16), 12)
    assert result.tested is None
    assert result.holdout is None
    assert any("Nothing was held back" in note for note in result.notes)
    assert np.isfinite(result.frame.iloc[:, 2:]).all(axis=None)
    assert len(result.leaderboard) == 0
    assert list(result.leaderboard.columns) == BOARD
    assert result.verdict.recommends_lstm is None


def test_when_too_short_for_anything_the_needed_length_is_said(monthly: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"12 steps ahead need at least 15 values.*at most 11"):
        run(monthly.tail(14), 12)
    with pytest.raises(DataError, match=r"1 step ahead need at least 4 values.*Add data"):
        run(monthly.tail(2), 1)


def test_a_context_longer_than_any_series_is_cut_and_noted(monthly: pd.DataFrame) -> None:
    settings = {**TINY, "context_length": 90_000}
    result = run(monthly, 6, models="lstm", settings=settings)
    assert result.lstm is not None
    assert result.lstm.context_length_ < 120
    assert any("The network sees" in note for note in result.notes)


def test_what_is_asked_for_is_used(monthly: pd.DataFrame) -> None:
    settings = {**TINY, "anchor": "last", "context_length": 7}
    model = run(monthly, 6, models="lstm", settings=settings).lstm
    assert model is not None
    assert (model.config.anchor, model.context_length_) == ("last", 7)
    assert model.config.hidden_size == (8,)


def test_short_series_are_forecast_and_left_out_of_the_scores(several: pd.DataFrame) -> None:
    short = several[several["unique_id"] == "c"].tail(5).assign(unique_id="short")
    result = run(pd.concat([several, short]), 6)
    assert len(result.frame) == 4 * 6
    assert np.isfinite(result.frame["forecast"]).all()
    assert any("1 of 4 series are too short" in note for note in result.notes)


def test_constant_series_are_continued_and_noted() -> None:
    df = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=60, freq="MS"), "y": 3.5})
    result = gatecast.forecast(df, 6)
    np.testing.assert_allclose(result.frame.iloc[:, 2:].to_numpy(np.float64), 3.5)
    assert any("never change" in note for note in result.notes)


@pytest.mark.parametrize("holes", [slice(100, 113), slice(40, 113), slice(60, 117)])
def test_long_gaps_are_no_reason_to_fail(holes: slice, monthly: pd.DataFrame) -> None:
    df = monthly.copy()
    df.loc[df.index[holes], "y"] = np.nan
    result = run(df, 6)
    assert np.isfinite(result.frame.iloc[:, 2:]).all(axis=None)


def test_a_series_shorter_than_the_horizon_does_not_read_its_neighbours() -> None:
    """Else it would tell which anchor is better, by what others are."""
    rng = np.random.default_rng(0)
    months = np.arange(150)
    ys = {
        "short": np.ones(3),
        "walk": 100 + rng.normal(size=150).cumsum(),
        "season": 1e4 * np.sin(months * 2 * np.pi / 12) + rng.normal(size=150),
    }
    frame = pd.concat(
        [pd.DataFrame({"unique_id": k, "ds": np.arange(len(y)), "y": y}) for k, y in ys.items()]
    )
    long = frame[frame["unique_id"] != "short"]
    assert likely_anchors(from_any(frame), 12, 12) == likely_anchors(from_any(long), 12, 12)


def test_a_calendar_that_changes_nothing_is_noted(monthly: pd.DataFrame) -> None:
    settings = {**TINY, "calendar": True}
    for part, noted in ((monthly.tail(10), True), (monthly, False)):
        notes = run(part, 2, models="lstm", settings=settings).notes
        assert any("cycle of the calendar" in note for note in notes) == noted


def test_what_stood_in_for_covariates_in_the_test_is_noted(monthly: pd.DataFrame) -> None:
    ahead = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=3, freq="MS")})
    frame = pd.concat([monthly, ahead], ignore_index=True).assign(x=np.arange(123.0) % 5)
    for holed, noted in ((frame.index < 0, False), (frame.index == 118, True)):
        data = frame.assign(x=frame["x"].mask(holed))
        notes = run(data, 3, Intake(Columns(future=("x",))), models="lstm").notes
        assert any("beside the points held back" in note for note in notes) == noted


def test_only_a_network_can_forecast_what_has_no_history(several: pd.DataFrame) -> None:
    frame = several.assign(size=several["unique_id"].map({"a": 1, "b": 2, "c": 3}))
    new = pd.DataFrame({"unique_id": "new", "ds": frame["ds"].iloc[-1:], "size": 2})
    result = run(pd.concat([frame, new]), 4, Intake(Columns(static=("size",))))
    assert result.chosen == "LSTM"
    assert np.isfinite(result.frame.iloc[:, 2:]).all(axis=None)
    assert any("no history" in note for note in result.notes)


def test_ctrl_c_ends_the_whole(monthly: pd.DataFrame) -> None:
    class Interrupting(gatecast.Naive):
        def predict_panel(self, panel: Any, h: int, missing_future: Any = "error") -> Any:
            if len(panel.values) > 80:
                raise KeyboardInterrupt
            return super().predict_panel(panel, h, missing_future)

    with pytest.raises(KeyboardInterrupt):
        gatecast.forecast(monthly, 6, models=[Interrupting(6)])


# Time


def test_a_budget_that_is_too_small_for_a_network_leaves_it_out(monthly: pd.DataFrame) -> None:
    result = gatecast.forecast(monthly, 6, budget=1e-6)
    assert "LSTM" not in set(result.leaderboard["model"])
    assert any("LSTM was left out" in note for note in result.notes)
    assert np.isfinite(result.frame["forecast"]).all()


def test_a_large_budget_changes_nothing_on_small_data(monthly: pd.DataFrame) -> None:
    one, other = gatecast.forecast(monthly, 6), gatecast.forecast(monthly, 6, budget="10m")
    pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)


def test_models_of_the_caller_s_read_their_own_covariates() -> None:
    flag = (np.random.default_rng(0).random(300) < 0.3).astype(float)
    df = pd.DataFrame({"ds": pd.date_range("2023-01-01", periods=300), "y": 10 + 5 * flag})
    df = df.assign(flag=flag)
    df.loc[293:, "y"] = np.nan
    settings: dict[str, Any] = {"context_length": 7, "hidden_size": 8, "epochs": 40}
    told = gatecast.LSTM(7, future_covariates=["flag"], learning_rate=0.01, **settings)
    result = gatecast.forecast(df, 7, models=[told])
    np.testing.assert_allclose(result.frame["forecast"], 10 + 5 * flag[293:], atol=1)
    with pytest.raises(DataError, match="flag"):
        gatecast.forecast(df.drop(columns="flag"), 7, models=[told])


def shared_growth(n_series: int) -> pd.DataFrame:
    """Months in which all series rise and fall in a cycle of five, beside their own seasons."""
    rng = np.random.default_rng(0)
    t, cycle = np.arange(72), np.array([0.0, 0.25, 0.35, 0.1, -0.15])
    parts = []
    for number in range(n_series):
        v = 5 + 0.3 * np.sin(2 * np.pi * (t / 12 + rng.uniform())) + cycle[(t + number) % 5]
        y = np.exp(v + rng.normal(0, 0.03, len(t)))
        stamps = pd.date_range("2015-01-01", periods=len(t), freq="MS")
        parts.append(pd.DataFrame({"unique_id": f"s{number:02}", "ds": stamps, "y": y}))
    return pd.concat(parts, ignore_index=True)


def test_many_series_are_forecast_by_the_hybrid_too_and_few_are_not() -> None:
    many = gatecast.forecast(shared_growth(16), 6)
    scores = many.leaderboard.set_index("model")["mase"]
    assert scores["ESLSTM"] < scores[["HoltWinters", "Theta", "SeasonalNaive"]].min()
    assert "ESLSTM, Holt-Winters within a network, takes part" in many.explain()
    assert (many.frame["forecast-hi-80"] > many.frame["forecast-lo-80"]).all()
    few = gatecast.forecast(shared_growth(3), 6)
    assert "ESLSTM" not in set(few.leaderboard["model"])
    assert "ESLSTM" not in few.explain()


def test_what_the_hybrid_costs_is_bounded_by_counted_work() -> None:
    panel = from_any(shared_growth(16))
    settings, _ = hybrid_for(panel, 6, 12, 1e9)
    assert settings is not None
    usual = settings["epochs"]
    whole = hybrid_work(panel, gatecast.ESLSTM(6, season_length=12))
    fewer, _ = hybrid_for(panel, 6, 12, whole * 0.6)
    assert fewer is not None
    assert 0.5 * usual < fewer["epochs"] < 0.7 * usual
    none, why = hybrid_for(panel, 6, 12, whole * 1e-3)
    assert none is None
    assert "too long" in why


def test_the_hybrid_has_a_day_and_a_week_where_there_are_weeks_enough() -> None:
    hours = np.tile(np.arange(24.0) + 1, 30)
    for n, season in ((24 * 28, (24, 168)), (24 * 14, 24)):
        df = pd.concat(
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": pd.date_range("2024-01-01", periods=n, freq="h"),
                    "y": hours[:n],
                }
            )
            for name in range(10)
        )
        settings, _ = hybrid_for(from_any(df), 24, 24, 1e9)
        assert settings is not None
        assert settings["season_length"] == season
