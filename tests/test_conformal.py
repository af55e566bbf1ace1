"""A model with intervals: how often they hold, on series that are alike and that are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gatecast
from gatecast import ArtifactError, ConfigError
from gatecast.evaluation.backtest import backtest, cutoffs, own_widths
from gatecast.panel import from_any

H, N, S = 8, 80, 120


def mixed(seed: int = 0) -> np.ndarray:
    """Walks, noise around a mean, and noise of another size in turn, ``[S, N + H]``."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(S, N + H))
    y = np.where(np.arange(S)[:, None] % 2 == 0, noise.cumsum(axis=1), noise)
    return y * 10.0 ** rng.uniform(-2, 3, size=(S, 1))


def long(y: np.ndarray) -> pd.DataFrame:
    n = y.shape[1]
    ids, stamps = np.repeat(np.arange(len(y)), n), np.tile(np.arange(n), len(y))
    return pd.DataFrame({"unique_id": ids, "ds": stamps, "y": y.ravel()})


def test_intervals_hold_on_each_kind_of_series_not_on_average_only() -> None:
    y = mixed()
    model = gatecast.Conformal(gatecast.Theta(H), n_windows=6).fit(long(y[:, :N]))
    frame = model.predict(level=[90])
    lo, hi = (frame[f"Theta-{side}-90"].to_numpy().reshape(S, H) for side in ("lo", "hi"))
    held = (y[:, N:] >= lo) & (y[:, N:] <= hi)
    assert 0.86 < held.mean() < 0.95
    for kind in (0, 1):
        assert 0.8 < held[kind::2].mean() < 0.98


def test_no_window_has_a_say_in_its_own_width() -> None:
    panel = from_any(long(mixed()))
    at = cutoffs(panel, H, 6, 4)
    tested = backtest({"Naive": gatecast.Naive(H)}, panel, H, at, season_length=1)
    wild = tested.truth.copy()
    wild[3, 5] += 1e4 * tested.spread[3, 5]
    then, others, now = own_widths(tested, "Naive")
    then_, others_, now_ = own_widths(replace(tested, truth=wild), "Naive")
    assert others_[3, 5] < 1.2 * others[3, 5]
    assert now_[5] > 1.5 * now[5]
    np.testing.assert_allclose(then_[:4, 5], then[:4, 5], rtol=0.9)
    assert then_[5, 5] > 1.5 * then[5, 5]


def test_new_series_have_intervals_and_known_ones_keep_their_width() -> None:
    y = mixed(1)
    model = gatecast.Conformal(gatecast.Naive(H), n_windows=6).fit(long(y[:, :N]))
    new = long(y[:40, :N]).assign(unique_id=lambda x: x["unique_id"] + 1000)
    known, strange = model.predict(level=[90]).head(40 * H), model.predict(new, level=[90])
    assert np.isfinite(strange.iloc[:, 2:]).all(axis=None)
    ratio = (known["Naive-hi-90"] - known["Naive-lo-90"]).to_numpy() / (
        strange["Naive-hi-90"] - strange["Naive-lo-90"]
    ).to_numpy()
    by_series = ratio.reshape(40, H).mean(axis=1)
    assert by_series[::2].mean() > 1.1  # walks are wider than their changes say
    assert by_series[1::2].mean() < 0.9


def test_any_level_and_any_quantile_can_be_had() -> None:
    y = np.random.default_rng(0).normal(size=200).cumsum()
    model = gatecast.Conformal(gatecast.Naive(3)).fit(y)
    quantiles = model.predict(quantiles=[0.05, 0.25, 0.5, 0.75, 0.95])
    assert quantiles.shape == (3, 5)
    assert (np.diff(quantiles, axis=1) > 0).all()
    np.testing.assert_array_equal(quantiles[:, 2], model.predict())


def test_it_says_what_it_cannot_do(tmp_path: Path) -> None:
    y = np.random.default_rng(0).normal(size=200).cumsum()
    model = gatecast.Conformal(gatecast.Naive(3)).fit(y)
    with pytest.raises(ConfigError, match="calibrated for 3 steps"):
        model.predict(h=4)
    with pytest.raises(ConfigError, match="level must be"):
        gatecast.Conformal(gatecast.Naive(3), level=[0])
    with pytest.raises(ConfigError, match="one horizon"):
        gatecast.Blend([gatecast.Naive(3), gatecast.Naive(4)])
    with pytest.raises(ConfigError, match="one horizon"):
        gatecast.Blend([])
    model.save(tmp_path / "m")
    raw = (tmp_path / "m").read_bytes()
    for old, new in (("h", "g"), ("Conformal", "Confirmed"), ("Naive", "Blend")):
        word = f'\\"{old}\\"'.encode()
        assert word in raw
        (tmp_path / "m").write_bytes(raw.replace(word, f'\\"{new}\\"'.encode(), 1))
        with pytest.raises(ArtifactError):
            gatecast.load(tmp_path / "m")


def test_paths_add_up_as_those_of_a_walk_do() -> None:
    """The spread of a sum is that of paths that hang together, not of steps that do not."""
    y = np.random.default_rng(2).normal(size=(40, 120)).cumsum(axis=1)
    paths = gatecast.Conformal(gatecast.Naive(6), n_windows=8).fit(y).simulate(800, seed=3)
    assert paths.shape == (40, 800, 6)
    total = (paths - y[:, None, -1:]).sum(axis=2).std(axis=1).mean()
    truth = np.sqrt((np.arange(1, 7) ** 2).sum())
    assert 0.8 * truth < total < 1.3 * truth
