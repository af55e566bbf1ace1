"""``gatecast gates``: from a file or a model to what the network forgets, stores and focuses on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gatecast

from .test_cli import failed, run

FAST = ("--epochs", 3, "-h", 4)


def shown(*arguments: object) -> dict[str, Any]:
    done = run("gates", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture
def model(tmp_path: Path, several: pd.DataFrame) -> Path:
    """A model of three series, saved."""
    path = tmp_path / "model.safetensors"
    gatecast.LSTM(4, context_length=20, hidden_size=(3, 5), epochs=2).fit(several).save(path)
    return path


def test_a_file_is_learnt_and_its_gates_are_told(csv: Path) -> None:
    done = run("gates", csv, *FAST)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    for word in ("Forget", "Store", "Focus", "2020-01", "layer 1 · unit", "months"):
        assert word in done.stderr


def test_it_speaks_chinese(csv: Path) -> None:
    done = run("gates", csv, *FAST, "--lang", "zh")
    for word in ("遗忘", "保存", "聚焦", "记忆最长的单元"):
        assert word in done.stderr


def test_json_has_every_gate_at_every_step(csv: Path) -> None:
    report = shown(csv, *FAST, "--context-length", 18)
    (forget,) = report["forget"]
    assert np.shape(forget) == (18, len(report["units"]))
    assert 0 < np.min(forget) < np.max(forget) < 1
    assert np.shape(report["attribution"]) == (4, 18)
    assert report["ds"][-1] == "2019-12-01"
    assert report["future_ds"][0] == "2020-01-01"
    assert report["sentences"]


def test_without_a_horizon_a_season_is_forecast(csv: Path) -> None:
    assert len(shown(csv, "--epochs", 2)["forecast"]) == 12


def test_a_page_and_the_model_are_written(csv: Path, tmp_path: Path) -> None:
    page, saved = tmp_path / "gates.html", tmp_path / "saved.safetensors"
    first = shown(csv, *FAST, "--out", page, "--save", saved)
    assert "type=range" in page.read_text().replace('"', "")
    assert shown(saved)["hidden"] == first["hidden"]


def test_a_saved_model_shows_its_own_series_or_another_file(
    model: Path, csv: Path, several: pd.DataFrame
) -> None:
    own = shown(model, "--series", "b")
    assert own["unique_id"] == "b"
    expected = several.loc[several["unique_id"] == "b", "y"].to_numpy()[-20:]
    np.testing.assert_allclose(own["y"], expected)
    assert [len(layer[0]) for layer in own["forget"]] == [3, 5]
    other = shown(model, csv, "-h", 2)
    assert other["ds"][-1] == "2019-12-01"
    assert len(other["forecast"]) == 2


def test_a_model_that_the_honest_path_saved_shows_the_lstm_in_it(csv: Path, tmp_path: Path) -> None:
    saved = tmp_path / "model.safetensors"
    assert run("forecast", csv, "-h", 4, "--model", "lstm", "--epochs", 3, "--save", saved)
    assert shown(saved)["model"] == "LSTM"


def test_what_cannot_be_shown_is_said(model: Path, csv: Path, tmp_path: Path) -> None:
    failed(run("gates", model, "--epochs", 4), 2, "the model is trained", "--epochs")
    failed(run("gates", model, "--series", "z"), 3, "no such series", "'z'", "a, b, c")
    failed(run("gates", model, "-h", 9), 2, "trained for 4 steps")
    failed(run("gates", csv, "-h", 0), 2, "1 or more")
    failed(run("gates", csv, "--out", tmp_path / "none" / "x.html"), 4, "does not exist")
    failed(run("gates", tmp_path / "none.csv"), 4, "none.csv")
    simple = tmp_path / "simple.safetensors"
    gatecast.Naive(h=3).fit(pd.read_csv(csv), time_col="Month", target_col="Sales").save(simple)
    failed(run("gates", simple), 2, "no gates to look at", "Naive")
