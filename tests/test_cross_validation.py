"""Forecasts of the past: what they are made of, and what they must not know."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gatecast
from gatecast import ConfigError, DataError
from gatecast.evaluation import backtest as backtests
from gatecast.evaluation.backtest import cutoffs
from gatecast.panel import from_any

H = 4
LSTM: dict[str, Any] = {"context_length": 10, "hidden_size": 4, "epochs": 2}


def frame(lengths: tuple[int, ...] = (60, 60, 50), seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = []
    for number, n in enumerate(lengths):
        y = 20 + 5 * np.sin(2 * np.pi * np.arange(n) / 7) + rng.normal(size=n)
        stamps = pd.date_range(end="2024-06-30", periods=n)
        promo = (np.arange(n) % 5 == 0).astype(float)
        part = {"unique_id": f"s{number}", "ds": stamps, "y": y + 3 * promo, "promo": promo}
        parts.append(pd.DataFrame(part | {"rain": rng.normal(size=n)}))
    return pd.concat(parts, ignore_index=True)


def all_models() -> dict[str, Any]:
    return {
        "LSTM": gatecast.LSTM(H, **LSTM),
        "Quantiles": gatecast.LSTM(H, quantiles=[0.1, 0.9], **LSTM),
        "Covariates": gatecast.LSTM(
            H, past_covariates=["rain"], future_covariates=["promo"], calendar=True, **LSTM
        ),
        "ESLSTM": gatecast.ESLSTM(H, quantiles=[0.1, 0.9], hidden_size=4, epochs=2),
        "HoltWinters": gatecast.HoltWinters(H),
        "Theta": gatecast.Theta(H),
        "Naive": gatecast.Naive(H),
        "Conformal": gatecast.Conformal(gatecast.Drift(H), n_windows=5),
    }


def test_each_window_has_the_stamps_after_its_cutoff_and_the_truth() -> None:
    df = frame()
    cv = gatecast.cross_validation("naive", df, H, n_windows=3)
    assert list(cv.columns) == ["unique_id", "ds", "cutoff", "y", "Naive"]
    assert len(cv) == 3 * 3 * H
    joined = cv.merge(df, on=["unique_id", "ds"])
    np.testing.assert_array_equal(joined["y_x"], joined["y_y"])
    known = df.rename(columns={"ds": "cutoff", "y": "last"})[["unique_id", "cutoff", "last"]]
    np.testing.assert_array_equal(cv.merge(known)["last"], cv["Naive"])
    assert (cv["ds"] > cv["cutoff"]).all()
    assert sorted(cv["cutoff"].unique()) == list(
        pd.to_datetime(["2024-06-18", "2024-06-22", "2024-06-26"])
    )


def test_a_forecast_is_the_one_that_a_fit_on_the_past_gives() -> None:
    df = frame()
    cv = gatecast.cross_validation(gatecast.LSTM(H, **LSTM), df, H, n_windows=2, step_size=3)
    for cutoff, window in cv.groupby("cutoff"):
        past = df[df["ds"] <= cutoff]
        expected = gatecast.LSTM(H, **LSTM).fit(past).predict()["LSTM"]
        np.testing.assert_array_equal(window["LSTM"], expected)


def test_without_a_refit_weights_stay_and_contexts_advance() -> None:
    df = frame()
    cv = gatecast.cross_validation(gatecast.LSTM(H, **LSTM), df, H, n_windows=3, refit=False)
    cuts = sorted(cv["cutoff"].unique())
    model = gatecast.LSTM(H, **LSTM).fit(df[df["ds"] <= cuts[0]])
    for cutoff in cuts:
        expected = model.predict(df[df["ds"] <= cutoff])["LSTM"]
        np.testing.assert_array_equal(cv.loc[cv["cutoff"] == cutoff, "LSTM"], expected)


def test_a_sliding_window_sees_only_so_many_values() -> None:
    df = frame()
    cv = gatecast.cross_validation(["drift"], df, H, n_windows=2, input_size=6)
    for cutoff, window in cv.groupby("cutoff"):
        past = df[df["ds"] <= cutoff].groupby("unique_id").tail(6)
        np.testing.assert_allclose(window["Drift"], gatecast.Drift(H).fit(past).predict()["Drift"])


@pytest.mark.parametrize("refit", [True, False])
def test_nothing_after_a_cutoff_changes_what_is_forecast_from_it(refit: bool) -> None:
    """Values, past covariates and series that start later are poisoned; intervals, too, stay."""
    df = frame()
    late = frame((9,), seed=5).assign(unique_id="late")  # starts after the first cutoff
    df = pd.concat([df, late], ignore_index=True)
    settings: dict[str, Any] = {"n_windows": 3, "step_size": 3, "refit": refit, "level": [50, 90]}
    clean = gatecast.cross_validation(all_models(), df, H, **settings)
    first = clean["cutoff"].min()
    assert late["ds"].min() > first
    poisoned = df.copy()
    after = poisoned["ds"] > first
    poisoned.loc[after, ["y", "rain"]] = 1e6
    other = gatecast.cross_validation(all_models(), poisoned, H, **settings)
    one, two = (x[x["cutoff"] == first].drop(columns="y") for x in (clean, other))
    assert len(one) == 3 * H
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    later = clean["cutoff"] > first
    assert (clean.loc[later, "LSTM"] != other.loc[later, "LSTM"]).all()  # the poison is felt


def test_a_scaler_that_saw_everything_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: a mutant whose spread is that of all data does not pass it."""
    mutant, df = gatecast.LSTM(H, scaling="series", **LSTM), frame()

    def forecast(data: pd.DataFrame) -> pd.DataFrame:
        everything = float(data["y"].std())
        spread = property(lambda panel: np.full(panel.n_series, everything))
        monkeypatch.setattr("gatecast.panel.Panel.spread", spread)
        return gatecast.cross_validation(mutant, data, H, n_windows=2)

    clean = forecast(df)
    first = clean["cutoff"].min()
    poisoned = df.copy()
    poisoned.loc[poisoned["ds"] > first, "y"] = 1e6
    other = forecast(poisoned)
    at = clean["cutoff"] == first
    assert (clean.loc[at, "LSTM"] != other.loc[at, "LSTM"]).any()


def test_future_covariates_come_from_the_frames_own_rows() -> None:
    df = frame((90, 90))
    model = gatecast.LSTM(H, future_covariates=["promo"], context_length=10, epochs=30, seed=1)
    cv = gatecast.cross_validation(model, df, H, n_windows=4)
    told = df.copy()
    told.loc[told["ds"] > cv["cutoff"].max(), "promo"] = 1 - told["promo"]
    other = gatecast.cross_validation(model, told, H, n_windows=4)
    newest = cv["cutoff"] == cv["cutoff"].max()
    assert (cv.loc[newest, "LSTM"] != other.loc[newest, "LSTM"]).all()
    pd.testing.assert_frame_equal(cv[~newest], other[~newest], check_exact=True)


@pytest.mark.parametrize("together", ["cross_validation", "Ensemble"])
def test_a_model_reads_its_own_covariates_and_not_those_of_others(together: str) -> None:
    df = frame((60, 60, 60)).assign(size=lambda x: x["unique_id"].str[1:].astype(float))
    settings = [
        {"past_covariates": ["rain"]},
        {"future_covariates": ["promo"]},
        {"static_covariates": ["size"]},
        {},
    ]
    models = {str(k): gatecast.LSTM(H, **one, **LSTM) for k, one in enumerate(settings)}
    if together == "Ensemble":
        alone_by_name = {name: model.fit(df).parameters_ for name, model in models.items()}
        ensemble = gatecast.Ensemble([model.with_horizon(H) for model in models.values()]).fit(df)
        for alone, member in zip(alone_by_name.values(), ensemble.members, strict=True):
            assert {name: x.shape for name, x in alone.items()} == {
                name: x.shape for name, x in member.parameters_.items()
            }
            for name, weights in alone.items():
                np.testing.assert_array_equal(weights, member.parameters_[name])
        return
    all_of_them = gatecast.cross_validation(models, df, H, n_windows=2)
    for name, model in models.items():
        alone = gatecast.cross_validation({name: model}, df, H, n_windows=2)
        np.testing.assert_array_equal(all_of_them[name], alone[name])


def test_a_series_is_not_forecast_from_before_it_began() -> None:
    df = frame((60, 10))
    cv = gatecast.cross_validation("naive", df, H, n_windows=3)
    assert set(cv.loc[cv["cutoff"] == cv["cutoff"].min(), "unique_id"]) == {"s0"}
    assert set(cv.loc[cv["cutoff"] == cv["cutoff"].max(), "unique_id"]) == {"s0", "s1"}


def test_series_with_dates_share_cutoffs_though_one_ended_before() -> None:
    df = frame((60, 60, 60))
    df = df[(df["unique_id"] != "s1") | (df["ds"] <= "2024-06-28")]
    cv = gatecast.cross_validation("naive", df, H, n_windows=2)
    assert cv["cutoff"].nunique() == 2
    newest = cv[cv["cutoff"] == cv["cutoff"].max()]
    assert newest.groupby("unique_id").size().to_dict() == {"s0": 4, "s1": 2, "s2": 4}


def test_positions_are_cut_from_each_end_and_it_is_said() -> None:
    df = frame((60, 40)).assign(ds=lambda x: x.groupby("unique_id").cumcount())
    with pytest.warns(UserWarning, match="its own end"):
        cv = gatecast.cross_validation("naive", df, H, n_windows=2)
    assert cv.groupby(["unique_id"])["cutoff"].max().to_dict() == {"s0": 55, "s1": 35}


def test_too_many_windows_are_fewer_and_it_is_said() -> None:
    with pytest.warns(UserWarning, match="long enough for 4 windows only"):
        cv = gatecast.cross_validation("naive", frame((20,)), H, n_windows=50)
    assert cv["cutoff"].nunique() == 4


def test_a_gap_in_the_truth_stays_a_gap() -> None:
    df = frame((60,))
    df.loc[57, "y"] = np.nan
    cv = gatecast.cross_validation("naive", df, H, n_windows=1)
    assert cv["y"].isna().tolist() == [False, True, False, False]


def test_polars_in_polars_out_and_the_same_numbers() -> None:
    df = frame()
    one = gatecast.cross_validation("theta", df, H, n_windows=2, level=[80])
    other = gatecast.cross_validation("theta", pl.from_pandas(df), H, n_windows=2, level=[80])
    assert isinstance(other, pl.DataFrame)
    np.testing.assert_array_equal(one["Theta-lo-80"], other["Theta-lo-80"].to_numpy())
    assert other["cutoff"].dtype == other["ds"].dtype


def test_any_number_of_threads_gives_the_same_bits() -> None:
    df = frame()
    one = gatecast.cross_validation(all_models(), df, H, n_windows=2, threads=1)
    other = gatecast.cross_validation(all_models(), df, H, n_windows=2, threads=3)
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_models_that_were_given_are_not_changed() -> None:
    model = gatecast.LSTM(12, **LSTM)
    gatecast.cross_validation(model, frame(), H, n_windows=1)
    assert model.config.h == 12
    with pytest.raises(ConfigError, match="not fitted"):
        model.predict()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n_windows": 0}, ConfigError, "n_windows must be"),
        ({"step_size": 0}, ConfigError, "step_size must be"),
        ({"h": 0}, ConfigError, "h must be"),
        ({"level": [100]}, ConfigError, "level must be"),
        ({"models": "arima"}, ConfigError, "no such model.*holt-winters"),
        ({"models": []}, ConfigError, "models must be"),
        ({"models": [3]}, ConfigError, "models must be"),
        ({"models": ["naive", "naive"]}, ConfigError, "same name"),
        ({"input_size": 1}, ConfigError, "input_size must be"),
        ({"df": frame((6,))}, DataError, "needs at least 7 values"),
        ({"missing_future": "guess"}, ConfigError, "missing_future"),
    ],
)
def test_what_cannot_be_done_is_said(change: dict[str, Any], error: Any, message: str) -> None:
    asked = {"models": "naive", "df": frame(), "h": H, "n_windows": 2} | change
    models, df, h = (asked.pop(name) for name in ("models", "df", "h"))
    with pytest.raises(error, match=message):
        gatecast.cross_validation(models, df, h, **asked)


def test_when_interrupted_the_finished_windows_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    df = frame()
    fits = []

    class Interrupting(gatecast.Naive):
        name = "Naive"

        def fit_panel(self, panel: Any, intake: Any = None) -> Any:
            fits.append(panel)
            if len(fits) == 3:
                raise KeyboardInterrupt
            return super().fit_panel(panel, intake)

    with pytest.warns(UserWarning, match="2 of 4 windows are finished"):
        cv = gatecast.cross_validation(Interrupting(H), df, H, n_windows=4, threads=1)
    assert cv["cutoff"].nunique() == 2
    fits.clear()

    class AtOnce(Interrupting):
        def fit_panel(self, panel: Any, intake: Any = None) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gatecast.cross_validation(AtOnce(H), df, H, n_windows=4, threads=1)


def test_a_stop_ends_the_training_under_way() -> None:
    panel = from_any(frame())
    stop = threading.Event()
    at = cutoffs(panel, H, 2, H)
    model = gatecast.LSTM(H, context_length=10, hidden_size=4, epochs=1_000_000, patience=0)
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        backtests.backtest(
            {"LSTM": model}, panel, H, at, season_length=7, stop=stop, threads=1, refit=False
        )


def test_intervals_hold_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    df = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(150), 60),
            "ds": np.tile(np.arange(60), 150),
            "y": rng.normal(size=(150, 60)).cumsum(axis=1).ravel(),
        }
    )
    cv = gatecast.cross_validation("naive", df, H, n_windows=3, level=[50, 90])
    for level in (50, 90):
        held = (cv["y"] >= cv[f"Naive-lo-{level}"]) & (cv["y"] <= cv[f"Naive-hi-{level}"])
        assert abs(100 * held.mean() - level) < 4
