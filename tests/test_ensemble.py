"""Several models as one: what is joined, that it is better, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gatecast
from gatecast import LSTM, ArtifactError, ConfigError, DataError, Ensemble
from gatecast.progress import Epoch

H = 6
FAST: dict[str, Any] = {"hidden_size": 8, "epochs": 4, "context_length": 12}


def noisy(n_series: int, length: int, seed: int) -> np.ndarray:
    """Waves of several lengths under noise as large as they are, float64 ``[S, T]``."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (n_series, 1))
    turns = rng.choice([1 / 6, 1 / 8, 1 / 12], (n_series, 1))
    wave = np.sin(2 * np.pi * turns * np.arange(length) + phase)
    return 20 + 5 * wave + 3 * rng.normal(size=(n_series, length))


def mean_error(model: Any, y: np.ndarray) -> float:
    return float(np.abs(model.predict(y[:, :-H]) - y[:, -H:]).mean())


@pytest.mark.parametrize("seed", range(5))
def test_the_median_of_seeds_errs_less_than_its_members(seed: int) -> None:
    y = noisy(60, 72, seed)
    lstm = LSTM(H, hidden_size=16, epochs=40, context_length=18, seed=10 * seed)
    model = Ensemble(lstm, n_seeds=5).fit(y[:, :-H])
    members = [mean_error(member, y) for member in model.members]
    assert np.ptp(members) > 0  # they are not the same
    # Less than their mean, what one would have by chance, and less than most of them.
    assert mean_error(model, y) < np.mean(members)
    assert mean_error(model, y) < np.median(members)


def test_it_is_the_median_of_what_its_members_say() -> None:
    y = noisy(4, 60, 0)
    model = Ensemble(LSTM(H, **FAST, seed=3), n_seeds=3).fit(y)
    said = np.stack([member.predict() for member in model.members])
    np.testing.assert_array_equal(model.predict(), np.median(said, axis=0))
    alone = [LSTM(H, **FAST, seed=seed).fit(y).predict() for seed in (3, 4, 5)]
    np.testing.assert_array_equal(said, alone)  # seeds from the model's own on


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 10])
def test_every_way_to_join_is_what_numpy_calls_so(n: int) -> None:
    from gatecast.models.ensemble import combined

    said = list(np.random.default_rng(n).normal(size=(n, 3, 2)))
    np.testing.assert_allclose(combined(said, "mean"), np.mean(said, axis=0))
    np.testing.assert_allclose(combined(said, "median"), np.median(said, axis=0))
    least, most = np.sort(said, axis=0)[[n // 5, n - 1 - n // 5]]
    trimmed = combined(said, "trimmed")
    assert ((least <= trimmed + 1e-12) & (trimmed <= most + 1e-12)).all()


@pytest.mark.parametrize("how", ["median", "mean", "trimmed"])
def test_the_order_of_the_models_changes_no_bit(how: Any) -> None:
    y = noisy(3, 60, 1)

    def models() -> list[Any]:
        lstms = [LSTM(H, **FAST, seed=seed) for seed in range(3)]
        return [*lstms, gatecast.Theta(H), gatecast.HoltWinters(H), gatecast.Drift(H)]

    one = Ensemble(models(), how=how).fit(y).predict()
    other = Ensemble(models()[::-1], how=how).fit(y).predict()
    np.testing.assert_array_equal(one, other)


def test_the_number_of_threads_changes_no_bit() -> None:
    y = noisy(20, 60, 2)
    asked: dict[str, Any] = {**FAST, "batch_size": 200, "quantiles": [0.1, 0.9]}

    def fitted(threads: int) -> Ensemble:
        return Ensemble(LSTM(H, **asked), n_seeds=5, threads=threads).fit(y)

    one = fitted(1)
    for threads in (2, 3, 7, 16):
        other = fitted(threads)
        np.testing.assert_array_equal(one.predict(), other.predict())
        for a, b in zip(one.members, other.members, strict=True):
            assert a.history_ == b.history_


def test_models_without_a_seed_are_taken_once_and_no_model_is_fitted_twice() -> None:
    both = Ensemble([LSTM(H, **FAST), gatecast.Theta(H)], n_seeds=3)
    assert [member.name for member in both.members] == ["LSTM", "LSTM", "LSTM", "Theta"]
    theta = gatecast.Theta(H)
    first, second = Ensemble([theta, theta]).members
    assert first is theta
    assert second is not theta


def test_quantiles_are_joined_where_all_have_the_same_and_never_cross() -> None:
    y = noisy(5, 60, 3)
    lstm = LSTM(H, **FAST, quantiles=[0.1, 0.9])
    model = Ensemble(lstm, n_seeds=3).fit(y)
    said = np.stack([member.predict() for member in model.members])
    assert said.shape == (3, 5, H, 2)
    np.testing.assert_array_equal(model.predict(), np.median(said, axis=0))
    every = model.predict(quantiles=[0.1, 0.5, 0.9])
    assert (np.diff(every, axis=2) >= 0).all()


@pytest.mark.parametrize(
    "other", [gatecast.Theta(H), LSTM(H, **FAST), LSTM(H, **FAST, quantiles=[0.2, 0.8])]
)
def test_other_quantiles_leave_points_and_the_way_to_intervals(other: Any) -> None:
    y = noisy(5, 60, 3)
    model = Ensemble([LSTM(H, **FAST, quantiles=[0.1, 0.9]), other], how="mean").fit(y)
    points = [
        member.predict(quantiles=[0.5])[..., 0] if member.trained_quantiles else member.predict()
        for member in model.members
    ]
    np.testing.assert_allclose(model.predict(), np.mean(points, axis=0))
    with pytest.raises(ConfigError, match=r"gatecast\.Conformal\(Ensemble"):
        model.predict(quantiles=[0.1])


def test_calibrated_members_lend_their_points_alone() -> None:
    """Their quantiles are not what their intervals are, so none may be read as such."""
    lstm = LSTM(H, **FAST, quantiles=[0.05, 0.95])
    members = [gatecast.Conformal(lstm, n_windows=4), gatecast.Conformal(lstm, n_windows=5)]
    model = Ensemble(members)
    assert model.trained_quantiles == ()


def test_members_may_read_covariates_or_not() -> None:
    n = 80
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=n), "y": rng.normal(size=n)})
    df = df.assign(price=rng.normal(size=n), rain=rng.normal(size=n))
    df.loc[n - H :, "y"] = np.nan
    models = [
        gatecast.Naive(H),
        LSTM(H, **FAST, future_covariates=["price"], past_covariates=["rain"]),
        LSTM(H, **FAST),
    ]
    model = Ensemble(models).fit(df)
    assert model.covariates() == {"past": ("rain",), "future": ("price",), "static": ()}
    assert len(model.predict()) == H
    short = df.assign(price=df["price"].where(df.index < n - 2))
    forecast = model.predict(short, missing_future="last")
    assert list(forecast["future_covariates"]) == ["given"] * (H - 2) + ["last"] * 2


def test_a_longer_horizon_than_a_member_has_is_refused() -> None:
    model = Ensemble([gatecast.Naive(H), LSTM(H, **FAST)]).fit(noisy(2, 60, 0))
    with pytest.raises(ConfigError, match="trained for 6 steps"):
        model.predict(h=H + 1)


def test_in_a_cross_validation_it_has_a_name_of_its_own() -> None:
    y = noisy(3, 60, 5)
    df = pd.DataFrame(
        {"unique_id": np.repeat(range(3), 60), "ds": [*range(60)] * 3, "y": y.ravel()}
    )
    models = [
        Ensemble(LSTM(H, **FAST), n_seeds=2),
        Ensemble([gatecast.Naive(H), gatecast.Drift(H)], how="mean", alias="simple"),
        "naive",
    ]
    cv = gatecast.cross_validation(models, df, 4, n_windows=2, level=[90])
    assert {"Ensemble", "Ensemble-lo-90", "simple", "Naive"} <= set(cv.columns)
    drift = gatecast.cross_validation(["naive", "drift"], df, 4, n_windows=2)
    np.testing.assert_allclose(cv["simple"], (drift["Naive"] + drift["Drift"]) / 2)


def test_by_its_name_it_is_several_seeds_of_the_lstm() -> None:
    from gatecast.evaluation.cross_validation import named_models

    (model,) = named_models(["ensemble"], 3, season_length=7, seed=4, lstm={"epochs": 2}).values()
    assert [member.config.seed for member in model.members] == [4, 5, 6, 7, 8]
    assert {(m.name, m.config.epochs, m.config.season_length) for m in model.members} == {
        ("LSTM", 2, 7)
    }


def test_one_progress_is_told_of_all_members() -> None:
    told: list[Epoch] = []
    asked: dict[str, Any] = {**FAST, "epochs": 5, "patience": 0}
    model = Ensemble(LSTM(H, **asked), n_seeds=3, threads=2, progress=told.append)
    model.fit(noisy(3, 60, 0))
    assert [epoch.number for epoch in told] == list(range(1, 16))
    assert {epoch.total for epoch in told} == {15}


def test_who_says_stop_ends_all_members() -> None:
    told: list[Epoch] = []

    def enough(epoch: Epoch) -> bool:
        told.append(epoch)
        return len(told) < 3

    model = Ensemble(LSTM(H, **{**FAST, "epochs": 10_000}), n_seeds=4, progress=enough)
    assert model.fit(noisy(3, 60, 0)).predict().shape == (3, H)
    assert len(told) == 3


@pytest.mark.parametrize("threads", [1, 2])
def test_a_member_that_fails_ends_the_others_and_is_named(threads: int) -> None:
    y = noisy(1, 60, 0)[0]
    endless = LSTM(H, **{**FAST, "epochs": 10_000_000, "patience": 0})
    wrong = LSTM(H, **FAST, anchor="season")  # an array has no season
    models = [wrong, endless] if threads == 1 else [endless, wrong, endless]
    model = Ensemble(models, threads=threads)
    place = models.index(wrong) + 1
    with pytest.raises(ConfigError, match=rf"^Member {place} of {len(models)}, LSTM: anchor="):
        model.fit(y)
    with pytest.raises(ConfigError, match="not fitted"):
        model.predict()


def test_ctrl_c_ends_all_members() -> None:
    code = (
        "import signal, threading, os, numpy as np, gatecast\n"
        "first = threading.Event()\n"
        "def told(epoch): first.set()\n"
        "def press():\n"
        "    first.wait(); os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=press).start()\n"
        "lstm = gatecast.LSTM(3, hidden_size=8, context_length=12, epochs=10**7, patience=0)\n"
        "model = gatecast.Ensemble(lstm, n_seeds=4, threads=2, progress=told)\n"
        "try:\n"
        "    model.fit(np.sin(np.arange(60.0)))\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "interrupted\n"


def test_what_is_not_an_ensemble_is_refused() -> None:
    for wrong in ("lstm", 3, [gatecast.Naive(3), "theta"]):
        with pytest.raises(ConfigError, match="a model or several"):
            Ensemble(wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="one horizon"):
        Ensemble([gatecast.Naive(3), gatecast.Naive(4)])
    with pytest.raises(ConfigError, match="n_seeds"):
        Ensemble(LSTM(3), n_seeds=0)
    with pytest.raises(ConfigError, match="how is an unknown word"):
        Ensemble(LSTM(3), how="best")  # type: ignore[arg-type]
    with pytest.raises(DataError):
        Ensemble(LSTM(3), n_seeds=2).fit([1.0, 2.0])


def test_a_saved_one_keeps_how_its_members_are_joined(tmp_path: Path) -> None:
    y = noisy(4, 60, 7)
    for how in ("median", "mean", "trimmed"):
        model = Ensemble(LSTM(H, **FAST), n_seeds=5, how=how, alias="five").fit(y)
        model.save(tmp_path / "m")
        loaded = gatecast.load(tmp_path / "m")
        assert loaded.config == model.config
        assert [m.history_ for m in loaded.members] == [m.history_ for m in model.members]
        np.testing.assert_array_equal(loaded.predict(), model.predict())


def test_a_hostile_file_is_a_clear_error(tmp_path: Path) -> None:
    from gatecast import artifact

    Ensemble([gatecast.Naive(3), gatecast.Drift(3)]).fit(noisy(2, 30, 0)).save(tmp_path / "m")
    arrays, metadata = artifact.read(tmp_path / "m")
    whole = json.dumps(metadata)
    for old, new in (
        ('"how": "median"', '"how": "worst"'),
        ('"how": "median"', '"how": ["median"]'),
        ('"alias": null', '"alias": 1'),
        ('"h": 3', '"h": 4'),
        ('"model": "Naive"', '"model": "Ensemble"'),
    ):
        assert old in whole
        artifact.write(tmp_path / "m", arrays, json.loads(whole.replace(old, new, 1)))
        with pytest.raises(ArtifactError):
            gatecast.load(tmp_path / "m")
    artifact.write(tmp_path / "m", arrays, {**metadata, "members": []})
    with pytest.raises(ArtifactError):
        gatecast.load(tmp_path / "m")


def test_a_blend_of_before_is_still_read(tmp_path: Path) -> None:
    """Its settings were once those of a model that has no others."""
    from gatecast import artifact

    model = gatecast.Blend([gatecast.Naive(3), gatecast.Drift(3)]).fit(noisy(2, 30, 0))
    model.save(tmp_path / "m")
    arrays, metadata = artifact.read(tmp_path / "m")
    artifact.write(tmp_path / "m", arrays, {**metadata, "config": {"h": 3, "season_length": None}})
    np.testing.assert_array_equal(gatecast.load(tmp_path / "m").predict(), model.predict())
