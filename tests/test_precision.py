"""precision= through the model, and forecasts of a few series against those of many."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gatecast
from gatecast import LSTM, ConfigError, _core

HAS_AMX = _core.bfloat16_by() == "amx"


def waves(n: int = 60, length: int = 60) -> np.ndarray:
    rng = np.random.default_rng(2)
    t = np.arange(length) + rng.uniform(0, 12, (n, 1))
    return 5 + np.sin(2 * np.pi * t / 12) + 0.1 * rng.standard_normal((n, length))


def model(precision: str, **settings: object) -> LSTM:
    settings = {"hidden_size": (40, 33), "epochs": 6, "context_length": 24, "seed": 4} | settings
    return LSTM(3, precision=precision, **settings)


def test_float32_is_the_default() -> None:
    assert LSTM(3).config.precision == "float32"
    assert LSTM(3, epochs=1).fit(waves(2)).precision_ == "float32"


def test_bfloat16_forecasts_nearly_what_float32_does(tmp_path: Path) -> None:
    y = waves()
    # Slowly, so that the two do not part ways by chance.
    full, half = (model(p, learning_rate=5e-4).fit(y) for p in ("float32", "bfloat16"))
    assert half.precision_ == "bfloat16"
    assert half.history_["loss"][-1] == pytest.approx(full.history_["loss"][-1], rel=1e-3)
    same = model("bfloat16")
    same.adopt(replace(full.fitted, precision="bfloat16"))
    error = np.abs(same.predict() - full.predict())
    assert 0 < error.max() < 0.02  # where the series span 2
    half.save(tmp_path / "half.safetensors")
    again = gatecast.load(tmp_path / "half.safetensors")
    assert again.precision_ == again.config.precision == "bfloat16"
    np.testing.assert_array_equal(again.predict(), half.predict())


def test_auto_takes_bfloat16_only_where_it_pays() -> None:
    y = waves(4)
    assert model("auto", hidden_size=(5, 20), epochs=1).fit(y).precision_ == "float32"
    expected = "bfloat16" if HAS_AMX else "float32"
    assert model("auto", epochs=1).fit(y).precision_ == expected


def test_a_model_forecasts_in_the_precision_it_was_trained_in() -> None:
    y = waves()
    full = model("float32", epochs=1).fit(y)
    auto = model("auto")
    auto.adopt(replace(full.fitted, precision="bfloat16"))
    assert auto.precision_ == "bfloat16"
    assert (auto.predict() != full.predict()).any()
    half = model("bfloat16")
    half.adopt(replace(full.fitted, precision="bfloat16"))
    np.testing.assert_array_equal(auto.predict(), half.predict())


def test_any_other_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="precision must be one of 'float32', 'bfloat16', 'auto'"):
        LSTM(3, precision="float16")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="precision must be one of"):
        LSTM(3, precision=np.array(["float32"]))  # type: ignore[arg-type]


def forecasts_by_few(fitted: LSTM, y: np.ndarray) -> np.ndarray:
    """The same forecasts in several ways: of all series at once, one by one, two by two, ..."""
    return np.stack(
        [np.concatenate([fitted.predict(y[at : at + n]) for at in range(0, len(y), n)])
         for n in (len(y), 1, 2, 3, 4, 5)]
    )  # fmt: skip


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("hidden_size", [(5, 20), (64, 64), (100,), (1,), (17, 3, 33)], ids=str)
@pytest.mark.parametrize("recursive", [False, True])
def test_a_few_series_are_forecast_as_among_many(
    recursive: bool, hidden_size: tuple[int, ...], isa: str
) -> None:
    _core.set_isa(isa)
    try:
        y = waves(13, 40)
        fitted = model("float32", hidden_size=hidden_size, epochs=2, recursive=recursive).fit(y)
        together, *apart = forecasts_by_few(fitted, y)
        for forecasts in apart:
            np.testing.assert_allclose(forecasts, together, rtol=1e-5)
        short = [fitted.predict(y[:n, -9:]) for n in (13, 1)]  # shorter than the context
        np.testing.assert_allclose(short[1], short[0][:1], rtol=1e-5)
    finally:
        _core.set_isa("")
