"""Steps that read several values at once: the model; what the engine reads is tested beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gatecast
from gatecast import LSTM, ConfigError

from .test_artifact import edited
from .test_covariates import EVERY, described, small

FAST: dict[str, Any] = {"hidden_size": 8, "epochs": 3, "context_length": 12}


def wave(n: int = 80, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 10 + np.sin(np.arange(n) / 3) + 0.1 * rng.standard_normal(n)


def weekly(n: int, seed: int = 0) -> np.ndarray:
    """Each week a level of its own, that of two weeks before with the other sign."""
    weeks = [1.0, 2.0]
    rng = np.random.default_rng(seed)
    while len(weeks) < n // 7 + 1:
        weeks.append(-weeks[-2] + 0.1 * rng.standard_normal())
    return np.repeat(weeks, 7)[:n]


def test_when_patches_are_read_the_first_layer_is_as_wide_as_a_patch() -> None:
    model = LSTM(4, patch_size=5, **FAST).fit(wave())
    assert model.parameters_["lstm.0.weight_ih"].shape == (32, 5)
    assert model.parameters_["head.weight"].shape == (4, 8)
    gaps = wave()
    gaps[30] = np.nan
    assert LSTM(4, patch_size=5, **FAST).fit(gaps).parameters_["lstm.0.weight_ih"].shape[1] == 10
    # Windows are as many as without: patches are read back from each origin.
    assert model.n_windows_ == LSTM(4, **FAST).fit(wave()).n_windows_


def test_what_stands_in_a_patch_is_learnt() -> None:
    settings: dict[str, Any] = {"hidden_size": 16, "epochs": 40, "context_length": 28, "seed": 1}
    model = LSTM(7, patch_size=7, learning_rate=0.01, **settings).fit(
        np.stack([weekly(140, s) for s in range(20)])
    )
    new = np.stack([weekly(140, s) for s in range(20, 40)])
    error = np.abs(model.predict(new[:, :-7]) - new[:, -7:]).mean()
    assert error < 0.5 * np.abs(new[:, -8:-7] - new[:, -7:]).mean()


@pytest.mark.parametrize("patch_size", [2, 5, 12])
def test_a_forecast_is_the_same_alone_and_among_many(patch_size: int) -> None:
    y = np.stack([wave(60, seed) for seed in range(9)])
    y[::2, 40:43] = np.nan
    model = LSTM(4, patch_size=patch_size, **FAST).fit(y)
    alone = np.concatenate([model.predict(y[s : s + 1]) for s in range(9)])
    np.testing.assert_allclose(alone, model.predict(y), rtol=1e-5)


@pytest.mark.parametrize("settings", EVERY, ids=str)
def test_with_covariates_of_every_kind_a_saved_model_forecasts_the_same_bits(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    df = described()
    model = small({**settings, "patch_size": 3}).fit(df)
    model.save(tmp_path / "model.safetensors")
    loaded = gatecast.load(tmp_path / "model.safetensors")
    expected = model.predict()
    assert loaded.config.patch_size == 3
    assert np.isfinite(expected["LSTM"]).all()
    assert len(expected) == 7 * df["unique_id"].nunique()
    pd.testing.assert_frame_equal(loaded.predict(), expected, check_exact=True)
    assert len(loaded.predict(h=2)) == 2 * df["unique_id"].nunique()


def test_when_h_is_less_than_a_patch_the_network_reads_on_through_one(monthly: Any) -> None:
    model = LSTM(2, calendar=True, patch_size=6, **FAST).fit(monthly)
    # One head for each of six values; the forecast is cut.
    assert model.parameters_["head.weight"].shape == (6, 8)
    assert len(model.predict()) == 2


def test_fed_back_patches_slide_by_one_value() -> None:
    model = LSTM(1, recursive=True, patch_size=4, **FAST).fit(wave())
    y, forecasts = wave(), model.predict(h=3)
    for step in range(3):
        one = model.predict(np.append(y, forecasts[:step]), h=1)
        np.testing.assert_allclose(one[0], forecasts[step], rtol=1e-6)


def test_by_default_a_context_has_room_for_a_patch(tmp_path: Path) -> None:
    model = LSTM(2, patch_size=30, hidden_size=4, epochs=1).fit(wave(40))
    assert model.context_length_ == 30
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(gatecast.load(tmp_path / "m").predict(), model.predict())


def test_patches_that_make_no_sense_are_refused() -> None:
    for wrong in (0, -1, 2.5, "7", None):
        with pytest.raises(ConfigError, match="patch_size must be a whole number from 1"):
            LSTM(4, patch_size=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="cannot be longer") as error:
        LSTM(4, patch_size=13, context_length=12)
    assert "patch_size=13, context_length=12" in str(error.value)


def test_files_from_before_there_were_patches_are_read(tmp_path: Path) -> None:
    model = LSTM(4, **FAST).fit(wave())
    model.save(tmp_path / "m")
    config = model.config.to_dict()
    del config["patch_size"]
    old = gatecast.load(edited(tmp_path / "m", {"config": config}))
    np.testing.assert_array_equal(old.predict(), model.predict())
