"""The model through its public door."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gatecast
from gatecast import LSTM, ConfigError, DataError
from gatecast.progress import Epoch

FAST = {"hidden_size": 8, "epochs": 3, "context_length": 12}


def wave(n: int = 80, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 10 + np.sin(np.arange(n) / 3) + 0.1 * rng.standard_normal(n)


@pytest.mark.parametrize(
    ("data", "shape"),
    [(wave(), (4,)), (np.stack([wave(), wave(seed=1)]), (2, 4)), (list(wave()), (4,))],
)
def test_arrays_in_float64_arrays_out(data: object, shape: tuple[int, ...]) -> None:
    forecast = LSTM(4, **FAST).fit(data).predict()
    assert forecast.shape == shape
    assert forecast.dtype == np.float64
    assert np.isfinite(forecast).all()


def test_when_quantiles_are_asked_they_are_the_last_axis_and_never_cross() -> None:
    model = LSTM(4, quantiles=[0.9, 0.1], **FAST).fit(np.stack([wave(), wave(seed=1)]))
    forecast = model.predict()
    assert forecast.shape == (2, 4, 2)
    assert (forecast[..., 0] <= forecast[..., 1]).all()
    assert LSTM(4, quantiles=[0.1], **FAST).fit(wave()).predict().shape == (4, 1)
    np.testing.assert_array_equal(model.predict(quantiles=[0.1])[..., 0], forecast[..., 0])


def test_when_quantiles_are_trained_a_frame_has_their_columns(monthly: pd.DataFrame) -> None:
    model = LSTM(3, quantiles=[0.05, 0.95], **FAST).fit(monthly)
    assert list(model.predict().columns) == [
        "unique_id",
        "ds",
        "LSTM",
        "LSTM-q-0.05",
        "LSTM-q-0.95",
    ]
    frame = model.predict(level=[90])
    assert list(frame.columns) == ["unique_id", "ds", "LSTM", "LSTM-lo-90", "LSTM-hi-90"]
    assert (frame["LSTM-lo-90"] <= frame["LSTM"]).all()
    with pytest.raises(ConfigError, match=r"level=80 needs the quantiles 0\.1 and 0\.9"):
        model.predict(level=[80])


@pytest.mark.parametrize(("length", "windows"), [(80, 65), (16, 1), (15, 1), (5, 1)])
def test_a_series_gives_exactly_its_windows(length: int, windows: int) -> None:
    model = LSTM(4, validation_fraction=0, **FAST).fit(wave(length))
    assert model.n_windows_ == windows == max(1, length - 12 - 4 + 1)
    assert model.n_validation_windows_ == 0


def test_when_recursive_a_window_has_one_target() -> None:
    model = LSTM(4, recursive=True, validation_fraction=0, **FAST).fit(wave(80))
    assert model.n_windows_ == 80 - 12


def test_windows_of_several_series_add_up(several: pd.DataFrame) -> None:
    model = LSTM(4, **FAST).fit(several)
    assert model.n_windows_ + model.n_validation_windows_ == (90 - 15) + (60 - 15) + (45 - 15)
    assert model.n_validation_windows_ == round(7.5) + round(4.5) + 1 + round(3.0)


def test_when_no_series_is_long_enough_the_needed_length_is_said() -> None:
    with pytest.raises(DataError, match="at least 5 values") as error:
        LSTM(4, **FAST).fit(wave(4))
    assert "4 values in the longest" in str(error.value)


def test_when_predicting_new_series_they_need_not_have_been_seen(several: pd.DataFrame) -> None:
    model = LSTM(3, **FAST).fit(several)
    new = several[several["unique_id"] == "b"].assign(unique_id="new")
    known = model.predict()
    frame = model.predict(new)
    assert list(frame["unique_id"]) == ["new"] * 3
    expected = known.loc[known["unique_id"] == "b", "LSTM"].to_numpy()
    np.testing.assert_array_equal(frame["LSTM"].to_numpy(), expected)


def test_when_a_series_is_shorter_than_the_context_it_is_as_if_the_context_were_shorter() -> None:
    long = LSTM(3, hidden_size=8, epochs=2, context_length=20, scaling=None, anchor=None)
    long.fit(wave())
    short = LSTM(3, hidden_size=8, epochs=2, context_length=7, scaling=None, anchor=None)
    short.fit(wave())
    short.adopt(replace(short.fitted, weights=long.fitted.weights))
    np.testing.assert_allclose(long.predict(wave(7)), short.predict(wave(7)), rtol=1e-6)


def test_frames_come_back_in_kind(several: pd.DataFrame) -> None:
    expected = LSTM(3, **FAST).fit(several).predict()
    frame = LSTM(3, **FAST).fit(pl.from_pandas(several)).predict()
    assert isinstance(frame, pl.DataFrame)
    np.testing.assert_array_equal(frame["LSTM"].to_numpy(), expected["LSTM"].to_numpy())
    table = LSTM(3, **FAST).fit(pl.from_pandas(several).to_arrow()).predict()
    np.testing.assert_array_equal(table["LSTM"].to_numpy(), expected["LSTM"].to_numpy())


def test_the_caller_s_data_are_left_alone(several: pd.DataFrame) -> None:
    shuffled = several.sample(frac=1, random_state=1)
    before = shuffled.copy()
    model = LSTM(3, **FAST).fit(shuffled)
    model.predict(shuffled)
    pd.testing.assert_frame_equal(shuffled, before)


def test_when_h_is_smaller_the_forecast_is_cut_and_when_larger_it_is_refused() -> None:
    model = LSTM(4, **FAST).fit(wave())
    np.testing.assert_array_equal(model.predict(h=2), model.predict()[:2])
    with pytest.raises(ConfigError, match="trained for 4 steps"):
        model.predict(h=5)
    assert LSTM(4, recursive=True, **FAST).fit(wave()).predict(h=9).shape == (9,)


def test_a_constant_series_is_continued() -> None:
    np.testing.assert_array_equal(LSTM(4, **FAST).fit(np.full(60, 7.25)).predict(), 7.25)
    mixed = np.stack([np.full(60, 7.25), wave(60)])
    np.testing.assert_array_equal(LSTM(4, **FAST).fit(mixed).predict()[0], 7.25)


def test_scaling_the_data_scales_the_forecast() -> None:
    for scaling in ("standard", "meanabs", "level", "first"):
        model = LSTM(4, scaling=scaling, **FAST).fit(wave())
        expected = LSTM(4, scaling=scaling, **FAST).fit(1024.0 * wave()).predict()
        np.testing.assert_allclose(1024.0 * model.predict(), expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-9, 1e12, 1e300, 1e-300])
def test_values_of_any_size_give_finite_forecasts(scale: float) -> None:
    forecast = LSTM(4, **FAST).fit(scale * wave()).predict()
    assert np.isfinite(forecast).all()
    np.testing.assert_allclose(forecast, scale * 10, rtol=0.5)


def test_history_and_best_epoch() -> None:
    model = LSTM(4, hidden_size=8, context_length=12, epochs=200, patience=5).fit(wave())
    losses = model.history_["val_loss"]
    assert model.best_epoch_ == 1 + int(np.argmin(losses))
    assert len(losses) == len(model.history_["loss"]) == min(200, model.best_epoch_ + 5)
    every = LSTM(4, validation_fraction=0, **FAST).fit(wave())
    assert list(every.history_) == ["loss"]
    assert every.best_epoch_ == 3


def test_early_stopping_restores_the_best_weights() -> None:
    settings = {"hidden_size": 8, "context_length": 12, "learning_rate": 0.05, "clip_norm": 0}
    stopped = LSTM(4, epochs=100, patience=8, **settings).fit(wave())
    again = LSTM(4, epochs=stopped.best_epoch_, patience=0, **settings).fit(wave())
    assert len(stopped.history_["loss"]) > stopped.best_epoch_
    for name, weight in again.parameters_.items():
        np.testing.assert_array_equal(weight, stopped.parameters_[name])


def test_progress_is_told_of_each_epoch_and_can_stop() -> None:
    seen: list[Epoch] = []

    def stop_after_two(epoch: Epoch) -> bool:
        seen.append(epoch)
        return epoch.number < 2

    model = LSTM(4, hidden_size=8, context_length=12, epochs=50, progress=stop_after_two)
    model.fit(wave())
    assert [epoch.number for epoch in seen] == [1, 2]
    assert len(model.history_["loss"]) == 2
    assert seen[0].total == 50


def test_when_progress_raises_the_weights_so_far_can_be_used() -> None:
    def interrupt(epoch: Epoch) -> None:
        if epoch.number == 3:
            raise KeyboardInterrupt

    model = LSTM(4, hidden_size=8, context_length=12, epochs=50, progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(wave())
    assert len(model.history_["loss"]) == 3
    assert np.isfinite(model.predict()).all()


def test_a_loss_that_is_not_finite_is_an_error_that_says_where() -> None:
    with pytest.raises(ConfigError, match=r"not a finite number in epoch \d+, batch step \d+"):
        LSTM(2, scaling=None, anchor=None, loss="mse", hidden_size=4, context_length=4).fit(
            1e30 * wave(40)
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"h": 0}, "h must be a whole number"),
        ({"h": -3}, "h must be a whole number"),
        ({"h": 2.5}, "h must be a whole number"),
        ({"h": "12"}, "h must be a whole number"),
        ({"hidden_size": ()}, "hidden_size"),
        ({"hidden_size": (0,)}, "hidden_size"),
        ({"hidden_size": "64"}, "hidden_size"),
        ({"learning_rate": -1}, "learning_rate must be a number"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number"),
        ({"dropout": 1.0}, "dropout must be a number"),
        ({"loss": "rmse"}, "loss must be one of 'mse', 'mae', 'huber', 'pinball'"),
        ({"loss": "pinball"}, "needs quantiles"),
        ({"quantiles": [0.5, 1.5]}, "quantiles must be different numbers between 0 and 1"),
        ({"quantiles": [0.5], "recursive": True}, "recursive model has no quantiles"),
        ({"scaling": "minmax"}, "scaling must be one of"),
        ({"anchor": "first"}, "anchor must be one of"),
        ({"optimizer": "sgd"}, "optimizer must be one of 'adam', 'rmsprop'"),
        ({"validation_fraction": 1.0}, "validation_fraction must be a number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"threads": 0}, "threads must be a whole number"),
        ({"threads": "3"}, "threads must be a whole number"),
        ({"threads": 2.5}, "threads must be a whole number"),
        ({"recursive": "yes"}, "recursive must be True or False"),
        ({"quantiles": [0.1, 0.1000000001]}, "quantiles must be different numbers"),
        ({"quantiles": "half"}, "quantiles must be different numbers"),
        ({"epochs": 0}, "epochs must be a whole number"),
    ],
)
def test_impossible_settings_are_refused_at_once(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LSTM(**{"h": 4, **settings})  # type: ignore[arg-type]


def test_when_progress_is_not_one_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="progress must be True, False or a callable"):
        LSTM(4, progress="bar", **FAST).fit(wave())  # type: ignore[arg-type]
    LSTM(4, progress=None, **FAST).fit(wave())


def test_when_threads_outnumber_tiles_nothing_happens_to_memory() -> None:
    y = np.stack([wave(300, seed) for seed in range(4)])
    one = LSTM(4, batch_size=17, threads=1, **FAST).fit(y)
    for threads, batch_size in ((3, 17), (16, 17), (4, 64), (16, 256)):
        again = LSTM(4, batch_size=batch_size, threads=threads, **FAST).fit(y)
        if batch_size == 17:
            np.testing.assert_array_equal(again.predict(), one.predict())
        assert np.isfinite(again.predict(y[:1])).all()


def test_when_validation_is_all_flat_there_is_no_early_stopping() -> None:
    y = np.concatenate([wave(200), np.full(60, 10.0)])
    model = LSTM(4, validation_fraction=0.1, epochs=30, patience=2, context_length=12).fit(y)
    assert "val_loss" not in model.history_
    assert len(model.history_["loss"]) == model.best_epoch_ == 30


def test_a_context_of_one_value_learns() -> None:
    y = np.tile([1.0, 3.0], 60)
    settings = {"context_length": 1, "hidden_size": 8, "epochs": 60, "validation_fraction": 0}
    for scaling, anchor in (("meanabs", "last"), (None, None)):
        model = LSTM(1, scaling=scaling, anchor=anchor, **settings).fit(y)  # type: ignore[arg-type]
        assert model.history_["loss"][-1] < model.history_["loss"][0]
        assert model.predict()[0] != 3.0


def test_ctrl_c_ends_a_long_forecast() -> None:
    code = (
        "import signal, threading, os, numpy as np; from gatecast import LSTM\n"
        "m = LSTM(1, recursive=True, hidden_size=64, epochs=1, context_length=50)\n"
        "m.fit(np.sin(np.arange(100.0)))\n"
        "threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "try: m.predict(np.ones((500, 60)) + np.arange(60.0), h=100_000)\n"
        "except KeyboardInterrupt: print('stopped')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "stopped\n"


def test_when_not_fitted_predict_and_save_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not fitted"):
        LSTM(4).predict()
    with pytest.raises(ConfigError, match="is not fitted"):
        LSTM(4).save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_when_anchored_on_a_season_that_does_not_fit_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="season_length above 1 that fits"):
        LSTM(4, anchor="season", **FAST).fit(wave())
    with pytest.raises(ConfigError, match="season_length above 1 that fits"):
        LSTM(4, anchor="season", season_length=24, **FAST).fit(wave())


@pytest.mark.parametrize("anchor", ["last", "season"])
def test_a_network_of_zeros_is_the_naive_forecast(anchor: str) -> None:
    model = LSTM(6, anchor=anchor, season_length=4, **FAST).fit(wave())
    model.adopt(replace(model.fitted, weights=np.zeros_like(model.fitted.weights)))
    y = wave()
    expected = np.full(6, y[-1]) if anchor == "last" else y[[-4, -3, -2, -1, -4, -3]]
    np.testing.assert_allclose(model.predict(), expected, rtol=1e-12)


def test_a_new_process_gives_the_same_bits(tmp_path: Path) -> None:
    model = LSTM(4, dropout=0.2, **{**FAST, "hidden_size": (8, 8)}).fit(wave())
    code = (
        "import sys, numpy as np; from gatecast import LSTM\n"
        "rng = np.random.default_rng(0)\n"
        "y = 10 + np.sin(np.arange(80) / 3) + 0.1 * rng.standard_normal(80)\n"
        "m = LSTM(4, dropout=0.2, hidden_size=(8, 8), epochs=3, context_length=12, threads=3)\n"
        "sys.stdout.write(m.fit(y).predict().tobytes().hex())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == model.predict().tobytes().hex()


def test_importing_gatecast_is_light() -> None:
    code = (
        "import sys, gatecast, numpy\n"
        "heavy = {'pandas', 'plotly', 'typer', 'rich', 'narwhals', 'safetensors', 'pyarrow'}\n"
        "gatecast.LSTM(2, hidden_size=4, epochs=1).fit(numpy.arange(30.0)).predict()\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_these() -> None:
    functions = [
        *("check", "cross_validation", "evaluate", "forecast", "lag_diagnosis", "load"),
        *("plot_backtest", "search"),
    ]
    models = [
        *("AutoARIMA", "AutoETS", "AutoTheta", "Blend", "Conformal", "Drift"),
        *("ESLSTM", "Ensemble", "HoltWinters"),
        *("LSTM", "Naive", "Naive2", "SeasonalNaive", "Theta"),
    ]
    errors = ["ArtifactError", "ConfigError", "DataError", "GatecastError", "MissingExtraError"]
    results = ["Forecast", "Search", "Trace"]
    assert sorted(gatecast.__all__) == sorted([*functions, *models, *errors, *results])
    assert all(getattr(gatecast, name) for name in gatecast.__all__)
    assert set(gatecast.__all__) <= set(dir(gatecast))
    assert gatecast.__version__.count(".") == 2


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.3, "hidden_size": (8, 8)}])
def test_the_number_of_threads_changes_no_bit(settings: dict[str, object]) -> None:
    y = np.stack([wave(300, seed) for seed in range(6)])

    def fitted(threads: int) -> LSTM:
        asked = {**FAST, "batch_size": 200, **settings}
        return LSTM(4, threads=threads, **asked).fit(y)  # type: ignore[arg-type]

    one = fitted(1)
    for other in (fitted(2), fitted(3), fitted(8), fitted(1)):
        np.testing.assert_array_equal(one.predict(), other.predict())
        assert one.history_ == other.history_
        for name, weight in one.parameters_.items():
            np.testing.assert_array_equal(weight, other.parameters_[name])


def test_short_series_do_not_shorten_the_default_context() -> None:
    short = [wave(5, seed) for seed in range(4)]
    frame = pd.concat(
        [
            pd.DataFrame({"unique_id": k, "ds": np.arange(len(y)), "y": y})
            for k, y in enumerate([wave(100), *short])
        ]
    )
    model = LSTM(12, hidden_size=8, epochs=1).fit(frame)
    assert model.context_length_ == LSTM(12, hidden_size=8, epochs=1).fit(wave(100)).context_length_


def test_an_option_of_predict_that_would_do_nothing_is_refused() -> None:
    model = LSTM(4, **FAST).fit(wave())
    with pytest.raises(ConfigError, match=r"no new data are given\. Got: fill"):
        model.predict(fill="zero")
    for new in (None, wave()):
        with pytest.raises(TypeError, match="unexpected keyword argument 'horizon'"):
            model.predict(new, horizon=2)
    with pytest.raises(ConfigError, match="missing_future"):
        model.predict(missing_future="maybe")


@pytest.mark.parametrize("level", ["80", ["80"], [None], [True]])
def test_a_level_that_is_no_number_is_refused(level: object, monthly: pd.DataFrame) -> None:
    model = LSTM(4, quantiles=[0.1, 0.9], **FAST).fit(monthly)
    with pytest.raises(ConfigError, match="level must be numbers"):
        model.predict(level=level)


def test_a_quantile_is_found_but_for_rounding(monthly: pd.DataFrame) -> None:
    model = LSTM(4, quantiles=[0.1, 0.9], **FAST).fit(monthly)
    assert "LSTM-q-0.1" in model.predict(quantiles=[1 - 0.9])
    assert "LSTM-lo-80" in model.predict(level=np.array([80]))


def test_when_nothing_is_missing_there_is_no_column_that_says_so(monthly: pd.DataFrame) -> None:
    model = LSTM(4, **FAST).fit(monthly)
    assert list(model.predict(missing_future="last")) == ["unique_id", "ds", "LSTM"]


def test_a_calendar_that_changes_nothing_is_said(monthly: pd.DataFrame) -> None:
    with pytest.warns(UserWarning, match="cycle of the calendar"):
        LSTM(2, calendar=True, hidden_size=4, epochs=1).fit(monthly.head(9))


def test_static_covariates_alone_may_describe_a_series_without_history(
    several: pd.DataFrame,
) -> None:
    frame = several.assign(size=several["unique_id"].map({"a": 1.0, "b": 1e3, "c": 1e-3}))
    model = LSTM(2, static_covariates=["size"], **FAST).fit(frame)
    new = pd.DataFrame({"unique_id": ["n"], "ds": [pd.Timestamp("2024-01-01")], "size": [1.0]})
    assert model.predict(future_df=new)["unique_id"].tolist() == list("aabbccnn")


def test_how_data_are_taken_in_holds_for_future_df_too(monthly: pd.DataFrame) -> None:
    frame = monthly.assign(x=np.arange(120.0))
    model = LSTM(2, future_covariates=["x"], **FAST).fit(frame)
    ahead = pd.DataFrame({"ds": ["2020-01", "2020-01", "2020-02"], "x": [1.0, 120.0, 121.0]})
    once = model.predict(future_df=ahead[1:])
    pd.testing.assert_frame_equal(model.predict(future_df=ahead, duplicates="last"), once)


def test_when_the_holidays_are_not_installed_the_file_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, monthly: pd.DataFrame
) -> None:
    pytest.importorskip("holidays")
    LSTM(2, holidays="DE", **FAST).fit(monthly).save(tmp_path / "m")
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(gatecast.MissingExtraError, match="holidays"):
        gatecast.load(tmp_path / "m")
