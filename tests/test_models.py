"""What every model does alike: the shared protocol, looked at through its public door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gatecast
from gatecast import ConfigError, DataError

Make = Callable[[int], Any]

MODELS: dict[str, Make] = {
    "LSTM": lambda h: gatecast.LSTM(h, context_length=14, hidden_size=8, epochs=3),
    "ESLSTM": lambda h: gatecast.ESLSTM(h, hidden_size=6, epochs=3),
    "Naive": gatecast.Naive,
    "SeasonalNaive": gatecast.SeasonalNaive,
    "Drift": gatecast.Drift,
    "Naive2": gatecast.Naive2,
    "Theta": gatecast.Theta,
    "HoltWinters": gatecast.HoltWinters,
    "Blend": lambda h: gatecast.Blend([gatecast.Theta(h), MODELS["LSTM"](h)]),
    "Ensemble": lambda h: gatecast.Ensemble(MODELS["LSTM"](h), n_seeds=3),
    "Ensemble of quantiles": lambda h: gatecast.Ensemble(
        gatecast.LSTM(h, context_length=14, hidden_size=8, epochs=3, quantiles=[0.1, 0.9]),
        n_seeds=2,
        how="mean",
    ),
    "Ensemble of kinds": lambda h: gatecast.Ensemble(
        [gatecast.Theta(h), gatecast.Drift(h), MODELS["LSTM"](h)]
    ),
    "Ensemble of hybrids": lambda h: gatecast.Ensemble(MODELS["ESLSTM"](h), n_seeds=2),
    "Conformal": lambda h: gatecast.Conformal(gatecast.Naive(h), n_windows=8, level=[80]),
    "Conformal of quantiles": lambda h: gatecast.Conformal(
        gatecast.LSTM(h, context_length=14, hidden_size=8, epochs=3, quantiles=[0.1, 0.9]),
        n_windows=8,
        level=[80],
    ),
    "Conformal of a blend": lambda h: gatecast.Conformal(MODELS["Blend"](h), n_windows=8),
    "Conformal of an ensemble": lambda h: gatecast.Conformal(
        MODELS["Ensemble of quantiles"](h), n_windows=8, level=[80]
    ),
}


def frame(lengths: tuple[int, ...] = (60, 45, 80), seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = []
    for number, n in enumerate(lengths):
        y = 20 + 5 * np.sin(2 * np.pi * np.arange(n) / 7) + rng.normal(size=n) + 0.1 * np.arange(n)
        stamps = pd.date_range(end="2024-06-30", periods=n)
        parts.append(pd.DataFrame({"unique_id": f"s{number}", "ds": stamps, "y": y}))
    return pd.concat(parts, ignore_index=True)


def values(forecast: pd.DataFrame) -> np.ndarray:
    return forecast.drop(columns=["unique_id", "ds"]).to_numpy()


@pytest.fixture(params=list(MODELS))
def make(request: pytest.FixtureRequest) -> Make:
    return MODELS[request.param]


def test_a_forecast_has_a_row_a_step_and_no_gap(make: Make) -> None:
    df = frame()
    forecast = make(5).fit(df).predict()
    assert list(forecast["unique_id"]) == [f"s{i}" for i in range(3) for _ in range(5)]
    assert forecast["ds"].min() == pd.Timestamp("2024-07-01")
    assert np.isfinite(values(forecast)).all()


def test_a_saved_model_forecasts_the_same_bits(make: Make, tmp_path: Path) -> None:
    df, other = frame(), frame((30, 40), seed=1)
    model = make(5).fit(df)
    model.save(tmp_path / "model.safetensors")
    loaded = gatecast.load(tmp_path / "model.safetensors")
    assert type(loaded) is type(model)
    pd.testing.assert_frame_equal(model.predict(), loaded.predict(), check_exact=True)
    pd.testing.assert_frame_equal(model.predict(other), loaded.predict(other), check_exact=True)


def test_without_its_series_it_forecasts_new_ones_only(make: Make, tmp_path: Path) -> None:
    df = frame()
    model = make(5).fit(df)
    model.save(tmp_path / "model.safetensors", context=False)
    loaded = gatecast.load(tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match="saved without the ends"):
        loaded.predict()
    assert np.isfinite(values(loaded.predict(frame((33,), seed=2)))).all()


def test_the_order_of_series_changes_nothing(make: Make) -> None:
    df = frame()
    turned = pd.concat([df[df["unique_id"] == name] for name in ("s2", "s0", "s1")])
    one = make(4).fit(df).predict().set_index(["unique_id", "ds"]).sort_index()
    other = make(4).fit(turned).predict().set_index(["unique_id", "ds"]).sort_index()
    np.testing.assert_allclose(one.to_numpy(), other.to_numpy(), rtol=1e-9)


def test_a_shorter_horizon_is_the_beginning_of_a_longer_one(make: Make) -> None:
    model = make(6).fit(frame())
    whole, part = model.predict(), model.predict(h=2)
    begin = whole.groupby("unique_id").head(2).reset_index(drop=True)
    np.testing.assert_allclose(values(begin), values(part), rtol=1e-9)


def test_gaps_are_no_reason_to_fail(make: Make) -> None:
    df = frame()
    df.loc[[10, 11, 30, 57], "y"] = np.nan
    df = df.drop(index=[5, 70])
    assert np.isfinite(values(make(4).fit(df).predict())).all()


def test_step_1_reacts_to_the_last_value(make: Make) -> None:
    if make in (gatecast.SeasonalNaive, gatecast.HoltWinters):
        pytest.skip("a season is repeated, or a level may be found that never moves")
    df = frame()
    changed = df.copy()
    changed.loc[changed.groupby("unique_id").tail(1).index, "y"] += 3
    model = make(4).fit(df)
    name = model.name
    one = model.predict(df).groupby("unique_id")[name].first()
    other = model.predict(changed).groupby("unique_id")[name].first()
    assert (one != other).all()


def test_an_array_gives_an_array(make: Make) -> None:
    y = frame((60,))["y"].to_numpy()
    model = make(3).fit(y)
    assert np.shape(model.predict())[0] == 3
    assert np.shape(model.predict(np.stack([y, y + 1])))[:2] == (2, 3)


def test_before_the_fit_it_says_so(make: Make) -> None:
    with pytest.raises(ConfigError, match="not fitted"):
        make(3).predict()


def test_data_that_cannot_be_used_are_refused(make: Make) -> None:
    with pytest.raises(DataError):
        make(3).fit(frame().assign(y="text"))


def test_another_frequency_is_refused(make: Make) -> None:
    model = make(3).fit(frame())
    monthly = frame((40,)).assign(ds=pd.date_range("2020-01-01", periods=40, freq="MS"))
    with pytest.raises(DataError, match="another"):
        model.predict(monthly)


@pytest.mark.parametrize("name", ["Naive", "HoltWinters", "Theta", "Blend", "Ensemble", "ESLSTM"])
def test_an_interval_of_a_point_forecast_says_how_to_get_one(name: str) -> None:
    model = MODELS[name](3).fit(frame())
    with pytest.raises(ConfigError, match=r"level=90 needs .*gatecast.Conformal"):
        model.predict(level=[90])
    with pytest.raises(ConfigError, match=r"gatecast\.Conformal|Fit with quantiles"):
        model.predict(quantiles=[0.1])
