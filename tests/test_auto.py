"""The path from a panel to a forecast that says how good it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gatecast import DataError
from gatecast.auto import _anchors, forecast_panel
from gatecast.panel import Columns, Intake, from_any

FAST = {"epochs": 3, "hidden_size": 8}


def test_the_held_back_points_are_never_seen(monthly: pd.DataFrame) -> None:
    """Neither the scored network nor a setting may know them."""
    poisoned = monthly.copy()
    poisoned.loc[poisoned.index[-12:], "y"] = 1e6
    clean = forecast_panel(from_any(monthly), 12)
    other = forecast_panel(from_any(poisoned), 12)
    assert clean.holdout is not None
    assert other.holdout is not None
    for name, forecast in clean.holdout.forecasts.items():
        np.testing.assert_array_equal(forecast, other.holdout.forecasts[name])
    assert clean.model.config == other.model.config


def test_a_clear_season_is_forecast_better_than_by_repeating(monthly: pd.DataFrame) -> None:
    outcome = forecast_panel(from_any(monthly), 12)
    assert outcome.holdout is not None
    scores = {name: score["mase"] for name, score in outcome.holdout.scores.items()}
    assert scores["LSTM"] < scores["SeasonalNaive"] < scores["Naive"]
    assert outcome.model.config.anchor == "season"
    assert outcome.model.n_validation_windows_ == 0  # the final fit leaves nothing out


def test_without_a_season_the_last_value_is_the_anchor() -> None:
    rng = np.random.default_rng(0)
    walk = pd.DataFrame(
        {"ds": pd.date_range("2020-01-01", periods=150, freq="MS"), "y": rng.normal(size=150)}
    )
    walk["y"] = 100 + walk["y"].cumsum()
    outcome = forecast_panel(from_any(walk), 6, settings=FAST)
    assert outcome.model.config.anchor == "last"


def test_what_is_asked_for_is_used(monthly: pd.DataFrame) -> None:
    settings = {**FAST, "anchor": "last", "context_length": 7}
    model = forecast_panel(from_any(monthly), 6, settings=settings).model
    assert (model.config.anchor, model.context_length_) == ("last", 7)
    assert model.config.hidden_size == (8,)


def test_when_too_short_to_hold_back_it_is_said(monthly: pd.DataFrame) -> None:
    outcome = forecast_panel(from_any(monthly.tail(16)), 12, settings=FAST)
    assert outcome.holdout is None
    assert any("Nothing was held back" in note for note in outcome.notes)
    assert np.isfinite(outcome.forecast).all()


def test_when_too_short_for_anything_the_needed_length_is_said(monthly: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"12 steps ahead need at least 15 values.*at most 11"):
        forecast_panel(from_any(monthly.tail(14)), 12)
    with pytest.raises(DataError, match=r"1 step ahead need at least 4 values.*Add data"):
        forecast_panel(from_any(monthly.tail(2)), 1)


def test_a_context_longer_than_any_series_is_cut_and_noted(monthly: pd.DataFrame) -> None:
    outcome = forecast_panel(from_any(monthly), 6, settings={**FAST, "context_length": 90_000})
    assert outcome.model.context_length_ == 114
    assert any("The network sees 114 values" in note for note in outcome.notes)


def test_short_series_are_forecast_and_left_out_of_the_scores(several: pd.DataFrame) -> None:
    short = several[several["unique_id"] == "c"].tail(5).assign(unique_id="short")
    panel = from_any(pd.concat([several, short]))
    outcome = forecast_panel(panel, 6, settings=FAST)
    assert outcome.holdout is not None
    assert outcome.forecast.shape == (4, 6)
    assert outcome.holdout.truth.shape == (3, 6)
    assert any("1 of 4 series are too short" in note for note in outcome.notes)


def test_constant_series_are_continued_and_noted() -> None:
    df = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=60, freq="MS"), "y": 3.5})
    outcome = forecast_panel(from_any(df), 6, settings=FAST)
    np.testing.assert_array_equal(outcome.forecast, 3.5)
    assert any("did not change" in note for note in outcome.notes)
    assert outcome.holdout is not None
    assert np.isnan(outcome.holdout.scores["LSTM"]["mase"])
    assert outcome.holdout.scores["LSTM"]["rmse"] == 0


def test_when_the_context_is_shorter_than_usual_it_is_said(monthly: pd.DataFrame) -> None:
    outcome = forecast_panel(from_any(monthly.tail(40)), 12, settings=FAST)
    assert any("The network sees the last" in note for note in outcome.notes)


def test_a_gap_before_the_held_back_points_is_scored_or_said(monthly: pd.DataFrame) -> None:
    short, long = monthly.copy(), monthly.copy()
    short.loc[100:113, "y"] = np.nan
    long.loc[40:113, "y"] = np.nan
    holdout = forecast_panel(from_any(short), 6, settings=FAST).holdout
    assert holdout is not None
    assert all(np.isfinite(score["mase"]) for score in holdout.scores.values())
    outcome = forecast_panel(from_any(long), 6, settings=FAST)
    assert outcome.holdout is None
    assert np.isfinite(outcome.forecast).all()
    assert any("there is a gap as long as what the network sees" in x for x in outcome.notes)
    two = pd.concat([monthly.assign(unique_id="whole"), long.assign(unique_id="holed")])
    outcome = forecast_panel(from_any(two), 6, settings=FAST)
    assert outcome.holdout is not None
    assert outcome.holdout.history.ids.tolist() == ["whole"]
    assert any("1 of 2 series have a gap before 6 points" in x for x in outcome.notes)


def test_a_series_shorter_than_the_horizon_does_not_read_its_neighbours() -> None:
    """Else it would tell which anchor is better, by what was held back of others."""
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
    assert _anchors(from_any(frame), 12, 12) == _anchors(from_any(long), 12, 12)


def test_a_calendar_that_changes_nothing_is_noted(monthly: pd.DataFrame) -> None:
    settings = {**FAST, "calendar": True}
    for part, noted in ((monthly.tail(10), True), (monthly, False)):
        notes = forecast_panel(from_any(part), 2, settings=settings).notes
        assert any("cycle of the calendar" in note for note in notes) == noted


def test_what_stood_in_for_covariates_in_the_test_is_noted(monthly: pd.DataFrame) -> None:
    ahead = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=3, freq="MS")})
    frame = pd.concat([monthly, ahead], ignore_index=True).assign(x=np.arange(123.0) % 5)
    for holed, noted in ((frame.index < 0, False), (frame.index == 118, True)):
        intake = Intake(Columns(future=("x",)))
        panel = from_any(frame.assign(x=frame["x"].mask(holed)), intake)
        notes = forecast_panel(panel, 3, settings=FAST).notes
        assert any("beside the points held back" in note for note in notes) == noted
