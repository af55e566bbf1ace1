"""The models of statsforecast: the same numbers as from itself, and a hint where it is missing."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import gatecast
from gatecast.errors import ConfigError, MissingExtraError
from gatecast.models import statsforecast as ours
from gatecast.models.statsforecast import AutoARIMA, AutoETS, AutoTheta
from gatecast.panel import from_any

MODELS = [AutoETS, AutoARIMA, AutoTheta]
SHORT = [AutoETS, AutoTheta]  # AutoARIMA forecasts even one value


@pytest.fixture
def theirs() -> ModuleType:
    pytest.importorskip("statsforecast", reason="the extra stats is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        import statsforecast.models

    return statsforecast.models


class Broken:
    """Stands in for a model of statsforecast: fails as such models do."""

    def __init__(self, season_length: int) -> None:
        self.season_length = season_length

    def forecast(self, y: np.ndarray, h: int) -> dict[str, np.ndarray]:
        assert not np.isnan(y).any()
        if len(y) < 5:
            raise NotImplementedError("tiny datasets")
        if y[-1] < 0:
            warnings.warn("divide by zero", RuntimeWarning, stacklevel=1)
            return {"mean": np.r_[np.ones(h - 1), np.nan]}
        return {"mean": np.full(h, y[-1] + self.season_length)}


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = ModuleType("models")
    stand_in.AutoETS = Broken  # type: ignore[attr-defined]
    monkeypatch.setattr(ours, "_models", lambda: stand_in)


def ragged(*series: list[float]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"unique_id": k, "ds": range(len(y)), "y": y}) for k, y in enumerate(series)
    ]
    return pd.concat(parts)


# Where the package is not there


@pytest.mark.parametrize("model", MODELS)
def test_without_the_package_a_fit_says_how_to_install_it(
    model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(ours, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"pip install 'gatecast\[stats\]'"):
        model(2).fit([1.0, 2.0, 3.0])


@pytest.mark.skipif(
    importlib.util.find_spec("statsforecast") is not None, reason="statsforecast is installed"
)
def test_where_the_package_is_really_missing_the_hint_is_the_same() -> None:
    with pytest.raises(MissingExtraError, match=r"AutoETS.*gatecast\[stats\]"):
        AutoETS(2).fit([1.0, 2.0, 3.0])


def test_settings_are_checked_without_the_package() -> None:
    with pytest.raises(ConfigError, match="h must be"):
        AutoETS(0)
    assert AutoARIMA(3, season_length=12).with_horizon(5).config.to_dict() == {
        "h": 5,
        "season_length": 12,
    }


# What we add, shown with a stand-in


@pytest.mark.usefixtures("broken")
def test_series_that_fail_repeat_their_last_season_and_are_counted() -> None:
    y = ragged([1, 2, 3, 4, 5, 6], [7, 8], [3, 1, 2, -4, -5, -6])
    model = AutoETS(3, season_length=2).fit(y)
    prediction = model.predict_panel(model.continued_panel(), 3)
    np.testing.assert_array_equal(prediction.point, [[8, 8, 8], [7, 8, 7], [-5, -6, -5]])
    assert prediction.notes == (
        "AutoETS could not forecast 2 of 3 series, mostly for being short: the last season is "
        "repeated instead.",
    )
    with pytest.warns(UserWarning, match="could not forecast 2 of 3 series"):
        assert model.predict()["AutoETS"].tolist() == prediction.point.ravel().tolist()


@pytest.mark.usefixtures("broken")
def test_without_a_season_the_last_value_is_repeated() -> None:
    model = AutoETS(2).fit([1.0, 2.0])
    with pytest.warns(UserWarning, match="the last value is repeated"):
        np.testing.assert_array_equal(model.predict(), [2, 2])


@pytest.mark.usefixtures("broken")
def test_missing_values_are_bridged_and_a_note_says_so() -> None:
    model = AutoETS(2).fit([1.0, 2.0, np.nan, np.nan, 5.0, 6.0])
    prediction = model.predict_panel(model.continued_panel(), 2)
    np.testing.assert_array_equal(prediction.point, [[7, 7]])
    assert prediction.notes == ("AutoETS saw straight lines in place of missing values.",)


@pytest.mark.usefixtures("broken")
def test_the_season_is_that_of_the_frequency_or_the_one_that_is_given(monthly) -> None:
    last = monthly["y"].iloc[-1]
    assert AutoETS(1).fit(monthly).predict()["AutoETS"].tolist() == [last + 12]
    assert AutoETS(1, season_length=3).fit(monthly).predict()["AutoETS"].tolist() == [last + 3]


# The package itself


@pytest.mark.parametrize("model", MODELS)
def test_forecasts_are_those_of_statsforecast(model, theirs: ModuleType, several) -> None:
    own = model(4, season_length=1 if model is AutoARIMA else None)  # a season costs it seconds
    frame = own.fit(several).predict()
    m = own.season_length(own.continued_panel())
    for name, y in several.groupby("unique_id")["y"]:
        wanted = getattr(theirs, model.__name__)(season_length=m).forecast(y=y.to_numpy(), h=4)
        got = frame.loc[frame["unique_id"] == name, model.__name__]
        np.testing.assert_array_equal(got, wanted["mean"])
    assert np.isfinite(frame[model.__name__]).all()


@pytest.mark.parametrize("model", SHORT)
def test_one_value_is_repeated_by_what_cannot_forecast_it(model, theirs: ModuleType) -> None:
    with pytest.warns(UserWarning, match="could not forecast 1 of 1 series"):
        np.testing.assert_array_equal(model(2).fit([3.0]).predict(), [3, 3])


@pytest.mark.parametrize("model", MODELS)
def test_a_saved_model_gives_the_same_bits(model, theirs: ModuleType, tmp_path: Path) -> None:
    y = 10 + np.sin(np.arange(40.0)) + 0.1 * np.random.default_rng(0).normal(size=40)
    fitted = model(3).fit(y)
    fitted.save(tmp_path / "model.safetensors")
    again = gatecast.load(tmp_path / "model.safetensors")
    assert type(again) is model
    np.testing.assert_array_equal(again.predict(), fitted.predict())


@pytest.mark.parametrize("model", MODELS)
def test_constant_and_huge_values_give_finite_forecasts(model, theirs: ModuleType) -> None:
    y = np.stack([np.full(20, 3.0), np.zeros(20), 1e200 * (1 + np.arange(20.0) % 4)])
    prediction = model(2).fit_panel(from_any(y)).predict_panel(from_any(y), 2)
    np.testing.assert_allclose(prediction.point[:2], [[3, 3], [0, 0]])
    assert np.isfinite(prediction.point).all()
