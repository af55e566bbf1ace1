"""What a forecast may react to: the last observation, yes; anything after its cutoff, never."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gatecast import LSTM

SETTINGS = [
    {},
    {"anchor": None, "scaling": None},
    {"anchor": None, "scaling": "standard", "hidden_size": (8, 8, 8)},
    {"anchor": "season", "season_length": 6},
    {"scaling": "meanabs", "hidden_size": (8, 8)},
    {"scaling": "level", "loss": "huber"},
    {"quantiles": [0.1, 0.9]},
    {"recursive": True},
    {"recursive": True, "anchor": None, "scaling": None},
    {"hidden_size": (8, 8), "dropout": 0.3},
]


def wave(n: int = 70, seed: int = 0) -> np.ndarray:
    return 3 + np.sin(np.arange(n) / 2) + 0.2 * np.random.default_rng(seed).standard_normal(n)


def model(settings: dict[str, object]) -> LSTM:
    return LSTM(5, **{"context_length": 12, "hidden_size": 8, "epochs": 4, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_step_1_reacts_to_the_last_observation(settings: dict[str, object]) -> None:
    fitted = model({**settings, "epochs": 30}).fit(wave())
    changed = wave()
    changed[-1] += 0.5
    difference = np.abs(fitted.predict(changed) - fitted.predict(wave()))
    assert (difference[0] > 1e-4).all()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_step_1_reacts_to_the_last_observation_of_each_of_several_series(
    settings: dict[str, object],
) -> None:
    lengths = (70, 31, 9)  # the last is shorter than the context
    series = [wave(n, seed=n) for n in lengths]

    def frame(shift: float) -> pd.DataFrame:
        parts = []
        for number, y in enumerate(series):
            y = y.copy()
            y[-1] += shift
            parts.append(pd.DataFrame({"unique_id": number, "ds": np.arange(len(y)), "y": y}))
        return pd.concat(parts)

    fitted = model({**settings, "epochs": 30}).fit(frame(0.0))
    columns = ["LSTM"]
    first = fitted.predict(frame(0.0)).groupby("unique_id")[columns].first()
    second = fitted.predict(frame(0.5)).groupby("unique_id")[columns].first()
    assert ((first - second).abs() > 1e-4).all(axis=None)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_nothing_after_the_cutoff_changes_a_forecast_made_at_it(
    settings: dict[str, object],
) -> None:
    y = wave(100)
    poisoned = y.copy()
    poisoned[70:] = 1e6
    fitted = model(settings).fit(y[:70])
    again = model(settings).fit(poisoned[:70])
    np.testing.assert_array_equal(fitted.predict(y[:70]), again.predict(poisoned[:70]))
    one, other = fitted.predict_point_by_point(y), fitted.predict_point_by_point(poisoned)
    # A forecast for y[t] is made at t - 1; y[70] is the first that differs.
    np.testing.assert_array_equal(one[: 70 - 12 + 1], other[: 70 - 12 + 1])
    assert (one[70 - 12 + 1 :] != other[70 - 12 + 1 :]).all()


def test_another_series_does_not_change_a_forecast_with_fitted_weights() -> None:
    fitted = model({}).fit(wave())
    alone = fitted.predict(wave()[None, :])
    together = fitted.predict(np.stack([wave(), 1e6 * wave(seed=1)]))
    np.testing.assert_array_equal(alone[0], together[0])


@pytest.mark.parametrize("h", [1, 5])
def test_early_stopping_never_trains_on_a_target_that_it_validates_on(h: int) -> None:
    """The validation part may decide when to stop, but no gradient may come from it."""
    y = wave(70)
    settings = {
        "context_length": 12, "hidden_size": 8, "epochs": 6, "patience": 0, "loss": "mse"
    }  # fmt: skip
    n_windows = 70 - 12 - h + 1
    n_validation = round(0.1 * n_windows)
    first_target = 70 - h - n_validation + 1  # index of the first value that validation asks for
    changed = y.copy()
    changed[first_target:] += 5
    one = LSTM(h, **settings).fit(y)  # type: ignore[arg-type]
    other = LSTM(h, **settings).fit(changed)  # type: ignore[arg-type]
    for name, weight in one.parameters_.items():
        np.testing.assert_array_equal(weight, other.parameters_[name])
    changed[first_target - 1] += 5
    third = LSTM(h, **settings).fit(changed)  # type: ignore[arg-type]
    assert any((w != third.parameters_[n]).any() for n, w in one.parameters_.items())
