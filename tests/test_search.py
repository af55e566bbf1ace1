"""Settings found by backtests: what is tried, what is stopped, how it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gatecast
from gatecast import LSTM, ArtifactError, ConfigError, DataError, MissingExtraError
from gatecast.evaluation.search import search_panel
from gatecast.panel import from_any

H = 6
FAST: dict[str, Any] = {"hidden_size": 8, "epochs": 4, "context_length": 14}
SPACE: dict[str, Any] = {
    "anchor": ["last", "season"],
    "hidden_size": [4, 8, (4, 4)],
    "learning_rate": (1e-4, 1e-1, "log"),
}


def seasonal(n_series: int = 4, length: int = 72, seed: int = 0) -> np.ndarray:
    """Series that repeat themselves every 7 steps, under noise, float64 ``[S, T]``."""
    rng = np.random.default_rng(seed)
    season = 10 * rng.normal(size=(n_series, 7))
    return 50 + np.tile(season, -(-length // 7))[:, :length] + rng.normal(size=(n_series, length))


def lstm(**changes: Any) -> LSTM:
    return LSTM(H, **{**FAST, "season_length": 7, **changes})


def told(found: gatecast.Search) -> list[Any]:
    """All of the trials but how long they took."""
    return [(x.number, x.settings, x.scores, x.state, x.reason) for x in found.trials]


def test_on_a_seasonal_series_it_finds_the_season() -> None:
    found = gatecast.search(lstm(), seasonal(), SPACE, budget=12)
    assert found.best_settings["anchor"] == "season"
    naive = gatecast.search(
        gatecast.SeasonalNaive(H), seasonal(), {"season_length": (2, 10)}, budget=9
    )
    assert naive.best_settings == {"season_length": 7}
    assert naive.best.config == gatecast.SeasonalNaive(H, season_length=7).config


def test_the_best_has_the_smallest_score_and_is_not_fitted() -> None:
    y = seasonal()
    found = gatecast.search(lstm(dropout=0.1), y, SPACE, budget=10, n_windows=3)
    done = [trial for trial in found.trials if trial.state == "done"]
    assert found.score == min(np.mean(trial.scores) for trial in done)
    assert isinstance(found.best, LSTM)
    assert found.best.config == lstm(dropout=0.1).config.replace(**found.best_settings)
    with pytest.raises(ConfigError, match="not fitted"):
        found.best.predict()
    assert found.best.fit(y).predict().shape == (4, H)


def test_scores_are_those_of_a_cross_validation() -> None:
    """Each window is fitted on what was known then, so nothing of the future is in a score."""
    y = seasonal(n_series=3)
    found = gatecast.search(lstm(), y, {"hidden_size": [8]}, budget=1, n_windows=3)
    (trial,) = found.trials
    frame = pd.DataFrame(
        {"unique_id": np.repeat(range(3), 72), "ds": [*range(72)] * 3, "y": y.ravel()}
    )
    cv = gatecast.cross_validation(lstm(), frame, H, n_windows=3, season_length=7)
    scores = gatecast.evaluate(cv, frame, metrics=["mase"], season_length=7, by="cutoff")
    np.testing.assert_allclose(trial.scores, scores["mase"])


def test_what_comes_after_a_cutoff_touches_no_score_before_it() -> None:
    y, other = seasonal(), seasonal()
    other[:, -H:] += 100
    one = gatecast.search(lstm(), y, {"hidden_size": [4, 8]}, budget=2, n_windows=3)
    two = gatecast.search(lstm(), other, {"hidden_size": [4, 8]}, budget=2, n_windows=3)
    for a, b in zip(one.trials, two.trials, strict=True):
        assert a.scores[:2] == b.scores[:2]
    assert one.trials[0].scores[2] != two.trials[0].scores[2]


def test_a_trial_is_stopped_where_half_of_those_before_did_better() -> None:
    found = gatecast.search(lstm(), seasonal(), SPACE, budget=25, n_windows=4)
    states = [trial.state for trial in found.trials]
    assert states.count("pruned") > 3
    assert states.count("done") > 3
    for k, trial in enumerate(found.trials):
        assert len(trial.scores) in ((4,) if trial.state == "done" else (1, 2))
        for n in (1, 2):
            before = [x.score(n) for x in found.trials[:k] if len(x.scores) >= n]
            worse = sum(x < trial.score(n) for x in before) >= (len(before) + 2) // 2
            if len(trial.scores) >= n:
                assert worse == (trial.state == "pruned" and len(trial.scores) == n)


def test_stopping_early_fits_less_than_trying_everything_everywhere() -> None:
    found = gatecast.search(lstm(), seasonal(), SPACE, budget=25, n_windows=4)
    assert sum(len(trial.scores) for trial in found.trials) < 0.75 * 25 * 4


def test_the_first_trial_has_the_settings_of_the_model() -> None:
    found = gatecast.search(lstm(hidden_size=(4, 4)), seasonal(), SPACE, budget=1)
    assert found.trials[0].settings == {
        "anchor": "last",
        "hidden_size": (4, 4),
        "learning_rate": 2e-3,
    }
    assert found.trials[0].state == "done"


def test_the_same_seed_gives_the_same_trials_on_any_number_of_threads() -> None:
    y = seasonal()
    one = gatecast.search(lstm(), y, SPACE, budget=14, seed=5, threads=1)
    turned = dict(reversed(SPACE.items()))
    assert told(gatecast.search(lstm(), y, turned, budget=14, seed=5, threads=3)) == told(one)
    assert told(gatecast.search(lstm(), y, SPACE, budget=14, seed=6)) != told(one)


def test_it_goes_on_where_it_ended_as_if_it_had_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, path = seasonal(), tmp_path / "study.jsonl"
    whole = gatecast.search(lstm(), y, SPACE, budget=16)
    first = gatecast.search(lstm(), y, SPACE, budget=9, study=path)
    fits: list[Any] = []
    fit = LSTM.fit_panel

    def counting(self: LSTM, *given: Any) -> LSTM:
        fits.append(self)
        return fit(self, *given)

    monkeypatch.setattr(LSTM, "fit_panel", counting)
    rest = gatecast.search(lstm(), y, SPACE, budget=16, study=path)
    assert told(first) == told(whole)[:9]
    assert told(rest) == told(whole)
    assert len(fits) == sum(len(trial.scores) for trial in rest.trials[9:])
    fits.clear()
    assert told(gatecast.search(lstm(), y, SPACE, budget=16, study=path)) == told(whole)
    assert not fits


def test_the_file_of_a_study_is_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "study.jsonl"
    found = gatecast.search(lstm(), seasonal(), SPACE, budget=5, study=path)
    first, *rows = map(json.loads, path.read_text().splitlines())
    assert first["kind"] == "gatecast search"
    assert [row["scores"] for row in rows] == [list(trial.scores) for trial in found.trials]
    assert list(tmp_path.iterdir()) == [path]  # nothing is left beside it


def test_all_combinations_are_tried_once_and_then_it_ends() -> None:
    space = {"hidden_size": [2, 4], "epochs": (1, 3)}
    found = gatecast.search(lstm(), seasonal(), space, budget=50, n_windows=1)
    tried = {(x.settings["hidden_size"], x.settings["epochs"]) for x in found.trials}
    assert len(tried) == len(found.trials) == 6


def test_a_combination_that_is_impossible_is_a_failed_trial() -> None:
    space = {"anchor": ["last", "season"], "context_length": [3, 14]}
    found = gatecast.search(lstm(), seasonal(), space, budget=10)
    failed = [trial for trial in found.trials if trial.state == "failed"]
    assert [trial.settings for trial in failed] == [{"anchor": "season", "context_length": 3}]
    assert "fits into context_length" in failed[0].reason
    assert found.best_settings == {"anchor": "season", "context_length": 14}
    assert "1 failed" in str(found)


def test_where_all_trials_fail_it_says_why() -> None:
    found = gatecast.search(
        lstm(anchor="season"), seasonal(), {"context_length": [2, 3]}, budget=10
    )
    assert {trial.state for trial in found.trials} == {"failed"}
    with pytest.raises(
        ConfigError, match=r"No trial was finished; one failed: .*fits into context_length"
    ):
        found.best  # noqa: B018
    assert "2 failed" in str(found)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            {"hiden_size": [8]},
            r"no such setting.*'hiden_size'.*It has context_length, .*hidden_size",
        ),
        ({"h": [1, 2]}, "no such setting"),
        ({}, "which settings"),
        ([], "which settings"),
        ({"dropout": [0.1, 2.0]}, r"space\['dropout'\] has an impossible value.*Got: 2\.0"),
        ({"dropout": (0.0, 1.5)}, r"space\['dropout'\] has an impossible value"),
        ({"anchor": ["last", "first"]}, r"'anchor'\] has an impossible value.*'first'"),
        ({"anchor": ("last", "season")}, "Use a list of choices"),
        ({"dropout": (0.3, 0.1)}, "is no choice of values"),
        ({"dropout": (0.0, 0.1, "log")}, "is no choice of values"),
        ({"dropout": (0.1, 0.2, "lg")}, "is no choice of values"),
        ({"dropout": (0.1, float("nan"))}, "is no choice of values"),
        ({"dropout": []}, "is no choice of values"),
        ({"dropout": 0.1}, "is no choice of values"),
        ({"hidden_size": [{8, 16}]}, "cannot be written down"),
    ],
)
def test_what_cannot_be_searched_is_refused_at_once(space: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        gatecast.search(lstm(), seasonal(), space, budget=3)


def test_a_value_that_is_possible_with_others_only_may_be_searched() -> None:
    space = {"loss": ["mae", "pinball"], "quantiles": [None, [0.1, 0.9]]}
    found = gatecast.search(lstm(), seasonal(), space, budget=9, n_windows=1)
    failed = [trial.settings for trial in found.trials if trial.state == "failed"]
    assert failed == [{"loss": "pinball", "quantiles": None}]
    with pytest.raises(ConfigError, match="impossible value"):
        gatecast.search(lstm(), seasonal(), {"loss": ["mae", "pinball"]}, budget=9)


def test_numbers_are_whole_where_the_setting_is() -> None:
    space = {"epochs": (1, 3), "dropout": (0, 0.5), "context_length": (8, 20, "log")}
    found = gatecast.search(lstm(), seasonal(), space, budget=12, n_windows=1)
    for trial in found.trials:
        assert type(trial.settings["epochs"]) is type(trial.settings["context_length"]) is int
        assert type(trial.settings["dropout"]) is float


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget": 0},
        {"budget": 2.5},
        {"n_windows": 0},
        {"metric": "mae"},
        {"max_seconds": 0},
        {"max_seconds": "1m"},
        {"seed": -1},
        {"step_size": 0},
        {"season_length": 0},
    ],
)
def test_what_cannot_be_asked_is_refused(wrong: dict[str, Any]) -> None:
    asked: Any = {"budget": 3, **wrong}
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        gatecast.search(lstm(), seasonal(), SPACE, **asked)
    with pytest.raises(ConfigError, match="model must be a model"):
        gatecast.search("lstm", seasonal(), SPACE, budget=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", ["mase", "smape", "rmse"])
def test_another_metric_is_what_is_made_small(metric: Any) -> None:
    found = gatecast.search(
        gatecast.SeasonalNaive(H), seasonal(), {"season_length": [1, 7]}, budget=2, metric=metric
    )
    assert found.best_settings == {"season_length": 7}
    assert metric in found.leaderboard.columns


def test_it_ends_in_time_in_the_midst_of_a_trial() -> None:
    endless = lstm(epochs=10_000_000, patience=0)
    with pytest.warns(UserWarning, match="The time is over: 0 of 5 trials"):
        found = gatecast.search(endless, seasonal(), SPACE, budget=5, max_seconds=0.2)
    assert found.trials == ()
    with pytest.raises(ConfigError, match="more time"):
        found.best  # noqa: B018
    assert "0 trials" in str(found)


def test_after_ctrl_c_there_is_what_is_finished(tmp_path: Path) -> None:
    panel, path = from_any(seasonal()), tmp_path / "study.jsonl"

    def pressed_at(n: int) -> Any:
        def told(done: int) -> None:
            if done == n:
                raise KeyboardInterrupt

        return lambda stage, total: told

    settings: dict[str, Any] = {"budget": 8, "study": path}
    with pytest.raises(KeyboardInterrupt):
        search_panel(lstm(), panel, SPACE, **settings, progress=pressed_at(0))
    found = search_panel(lstm(), panel, SPACE, **settings, progress=pressed_at(4))
    assert found.interrupted
    assert found.notes == ("Interrupted: 4 of 8 trials are finished.",)
    rest = search_panel(lstm(), panel, SPACE, **settings)
    assert told(rest) == told(gatecast.search(lstm(), seasonal(), SPACE, budget=8))


def test_a_file_of_another_search_is_refused_and_kept(tmp_path: Path) -> None:
    y, path = seasonal(), tmp_path / "study.jsonl"
    gatecast.search(lstm(), y, SPACE, budget=2, study=path)
    before = path.read_bytes()
    others: dict[str, tuple[Any, Any, Any, dict[str, Any]]] = {
        "data": (lstm(), y + 1, SPACE, {}),
        "space": (lstm(), y, {"anchor": ["last"]}, {}),
        "model": (lstm(epochs=3), y, SPACE, {}),
        "seed": (lstm(), y, SPACE, {"seed": 1}),
        "n_windows": (lstm(), y, SPACE, {"n_windows": 2}),
        "metric": (lstm(), y, SPACE, {"metric": "rmse"}),
    }
    for name, (model, data, space, asked) in others.items():
        with pytest.raises(ConfigError, match=rf"a search with other {name}\."):
            gatecast.search(model, data, space, budget=2, study=path, **asked)
    assert path.read_bytes() == before


def test_a_truncated_file_is_a_clear_error(tmp_path: Path) -> None:
    y, path, space = seasonal(1), tmp_path / "study.jsonl", {"season_length": [1, 2, 7]}
    model = gatecast.SeasonalNaive(H)
    whole = told(gatecast.search(model, y, space, budget=3, study=path))
    content = path.read_bytes()
    ends = {k + 1 for k, byte in enumerate(content) if byte == ord("\n")}
    for n in {*range(0, len(content), 5), *ends}:
        path.write_bytes(content[:n])
        if n in ends:  # as it was after an earlier trial
            assert told(gatecast.search(model, y, space, budget=3, study=path)) == whole
            continue
        with pytest.raises(ArtifactError, match="not a whole file of a search"):
            gatecast.search(model, y, space, budget=3, study=path)
        assert path.read_bytes() == content[:n]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"done"', '"finished"'),
        ('"done"', '"pruned"'),
        ('"number": 0', '"number": 1'),
        ('"number": 0', '"number": false'),
        ('"season_length": 7}', '"season_length": 8}'),
        ('"season_length": 7}', '"season_length": 7.0}'),
        ('"season_length": 7}', '"season_length": [7]}'),
        ('"season_length": 7}', '"season_length": {}}'),
        ('"season_length": 7}', '"season_length": 7, "h": 3}'),
        ('"season_length": 7}', '"season": 7}'),
        ('"scores": [', '"scores": [-'),
        ('"scores": [', '"scores": [NaN, '),
        ('"scores": [', '"scores": [1e999, '),
        ('"scores": [', '"scores": [true, '),
        ('"scores": [', '"scores": [1, '),
        ('"reason": ""', '"reason": null'),
        ('"seconds": ', '"seconds": -'),
        ('{"number"', "[" * 100_000 + '{"number"'),
        ('{"number"', '[{"number"'),
        ('{"number": 0', "1"),
        ('"kind": "gatecast search"', '"kind": "gatecast study"'),
        ('"format_version": 1', '"format_version": true'),
        ('"format_version": 1', '"format_version": 2'),
        ('"gatecast search"', '"\udcff"'),
    ],
)
def test_a_hostile_file_is_a_clear_error(tmp_path: Path, old: str, new: str) -> None:
    y, path, space = seasonal(1), tmp_path / "study.jsonl", {"season_length": [7]}
    model = gatecast.SeasonalNaive(H)
    gatecast.search(model, y, space, budget=1, study=path)
    content = path.read_text()
    assert old in content
    before, _, after = content.rpartition(old)
    hostile = (before + new + after).encode(errors="surrogateescape")
    path.write_bytes(hostile)
    with pytest.raises(ArtifactError, match=r"study\.jsonl"):
        gatecast.search(model, y, space, budget=1, study=path)
    assert path.read_bytes() == hostile


def test_where_a_study_cannot_be_written_nothing_is_tried(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        gatecast.search(lstm(), seasonal(), SPACE, budget=1, study=tmp_path / "no" / "study.jsonl")
    with pytest.raises(IsADirectoryError):
        gatecast.search(lstm(), seasonal(), SPACE, budget=1, study=tmp_path)


def test_data_of_which_nothing_can_be_scored_are_refused() -> None:
    for length in (8, 2 * H + 2):
        with pytest.raises(DataError, match="at least"):
            gatecast.search(lstm(), seasonal(length=length), SPACE, budget=1)
    with pytest.raises(DataError, match="constant before each cutoff"):
        gatecast.search(lstm(), np.ones(60), {"hidden_size": [4]}, budget=1)


def test_fewer_windows_than_asked_are_told() -> None:
    with pytest.warns(UserWarning, match="long enough for 2 windows only"):
        found = gatecast.search(
            gatecast.Drift(H), seasonal(length=22), {"season_length": [1]}, budget=1
        )
    assert len(found.trials[0].scores) == 2


def test_a_model_of_models_can_be_searched() -> None:
    model = gatecast.Ensemble([gatecast.Naive(H), gatecast.Drift(H)], alias="two")
    found = gatecast.search(model, seasonal(), {"how": ["median", "mean"]}, budget=5)
    assert len(found.trials) == 2
    assert found.best.name == "two"


def test_a_frame_with_covariates_can_be_searched() -> None:
    rng = np.random.default_rng(0)
    n = 80
    df = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=n), "price": rng.normal(size=n)})
    df["y"] = 10 + 3 * df["price"] + 0.1 * rng.normal(size=n)
    model = LSTM(4, **{**FAST, "epochs": 30}, future_covariates=["price"])
    found = gatecast.search(model, df, {"learning_rate": [1e-5, 1e-2]}, budget=2)
    assert found.best_settings == {"learning_rate": 1e-2}


def test_trials_are_a_frame_and_a_page() -> None:
    found = gatecast.search(lstm(), seasonal(), SPACE, budget=12, n_windows=3)
    frame = found.leaderboard
    assert list(frame.columns) == [
        *("trial", "state", "mase", "windows", "seconds"),
        *("anchor", "hidden_size", "learning_rate", "reason"),
    ]
    done = frame[frame["state"] == "done"]
    assert list(frame["state"][: len(done)]) == ["done"] * len(done)
    assert done["mase"].is_monotonic_increasing
    page = str(found)
    assert page.startswith(f"12 trials, {12 - len(done)} stopped early; 3 backtests of 6 steps.")
    assert "… and 2 more" in page
    assert page.splitlines()[-1].startswith("Best: anchor=season, hidden_size=")


def test_optuna_stays_quiet_and_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    gatecast.search(lstm(), seasonal(), SPACE, budget=2, n_windows=1)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == before


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"gatecast\[search\]"):
        gatecast.search(lstm(), seasonal(), SPACE, budget=2)


# The command


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gatecast", "search", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
        check=False,
    )


@pytest.fixture
def weekly(tmp_path: Path) -> Path:
    path = tmp_path / "days.csv"
    stamps = pd.date_range("2024-01-01", periods=72).strftime("%Y-%m-%d")
    pd.DataFrame({"day": stamps, "sold": seasonal(1)[0]}).to_csv(path, index=False)
    return path


def test_the_command_finds_settings_and_saves_the_best(weekly: Path, tmp_path: Path) -> None:
    model, study = tmp_path / "m.safetensors", tmp_path / "study.jsonl"
    options = ["-h", H, "--epochs", 3, "--budget", 6, "--study", study, "--space"]
    space = ["anchor=last,season", "--space", "learning_rate=1e-3..1e-1:log"]
    space += ["--space", "hidden_size=[4,4],8"]
    done = run(weekly, *options, *space, "--save", model)
    assert done.returncode == 0, done.stderr
    assert "Best: anchor=season" in done.stdout
    loaded = gatecast.load(model)
    assert loaded.config.anchor == "season"
    again = json.loads(run(weekly, *options, *space, "--json").stdout)
    assert again["settings"]["anchor"] == "season"
    assert again["settings"]["learning_rate"] == loaded.config.learning_rate
    assert [trial["number"] for trial in again["trials"]] == list(range(6))
    assert again["score"] == min(x["score"] for x in again["trials"] if x["state"] == "done")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--space", "hiddensize=8"], 2, "no such setting"),
        (["--space", "dropout=0..x"], 2, "beside the dots"),
        (["--space", "epochs=1", "--max-time", "soon"], 2, "--max-time"),
        (["--space", "epochs=1", "--study", "days.csv"], 2, "same file"),
        (["--space", "epochs=1", "--study", "other.csv"], 4, "not a whole file of a search"),
        (["--space", "epochs=1", "-h", "60"], 3, "at least 123 values"),
    ],
)
def test_the_command_says_what_is_wrong(
    weekly: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(weekly.parent)
    Path("other.csv").write_text("a,b\n1,2\n")
    horizon = [] if "-h" in options else ["-h", "3"]
    done = run("days.csv", *horizon, "--budget", 1, *options)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert done.stdout == ""
