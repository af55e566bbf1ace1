"""The command line as a user meets it: what it prints, what it writes, how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gatecast

FAST = ("--model", "lstm", "--epochs", "3")
COLUMNS = [
    *("unique_id", "ds", "forecast"),
    *("forecast-lo-80", "forecast-hi-80", "forecast-lo-95", "forecast-hi-95"),
]


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gatecast", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100", **environment},
        check=False,
    )


def failed(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_two_column_file_is_forecast_past_its_end(csv: Path) -> None:
    done = run("forecast", csv, "-h", 12, *FAST)
    assert done.returncode == 0, done.stderr
    frame = pd.read_csv(io.StringIO(done.stdout))
    assert list(frame.columns) == COLUMNS
    assert frame["ds"].tolist() == [f"2020-{month:02}-01" for month in range(1, 13)]
    assert np.isfinite(frame.iloc[:, 2:]).all(axis=None)
    assert (frame["forecast-lo-95"] <= frame["forecast-lo-80"]).all()
    assert (frame["forecast-lo-80"] <= frame["forecast"]).all()
    assert "SeasonalNaive" in done.stderr
    assert "backtests of 12 steps" in done.stderr


def test_json_is_one_object_and_nothing_else(csv: Path) -> None:
    done = run("forecast", csv, "--horizon", 6, "--json", *FAST)
    report = json.loads(done.stdout)
    assert set(report) == {
        "model", "frequency", "season_length", "horizon", "series", "holdout", "forecast",
        "precision", "seconds", "notes", "chosen", "leaderboard", "verdict", "intervals",
    }  # fmt: skip
    assert (report["model"], report["frequency"], report["season_length"]) == ("LSTM", "MS", 12)
    assert report["chosen"] == "LSTM"
    assert [set(row) for row in report["leaderboard"]] == 4 * [
        {"model", "mase", "smape", "rmse", "pinball", "coverage_90", "skill", "seconds"}
    ]
    assert set(report["verdict"]) == {
        *("text", "skill", "skill_interval", "recommends_lstm", "lag", "copies_past"),
    }
    assert {row["level"] for row in report["intervals"]} == {80, 90, 95}
    assert (report["horizon"], report["series"]) == (6, 1)
    assert set(report["holdout"]) == {"LSTM", "Naive", "SeasonalNaive", "HoltWinters"}
    assert set(report["holdout"]["LSTM"]) == {"mase", "rmse", "smape"}
    assert [set(row) for row in report["forecast"]] == [set(COLUMNS)] * 6
    assert report["forecast"][0]["ds"] == "2020-01-01"
    assert done.stderr == ""


def test_files_are_written_where_asked_and_nowhere_else(csv: Path, tmp_path: Path) -> None:
    out, page, model = tmp_path / "f.csv", tmp_path / "p.html", tmp_path / "m.safetensors"
    done = run("forecast", csv, "-h", 3, "--out", out, "--plot", page, "--save", model, *FAST)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert {p.name for p in tmp_path.iterdir()} == {csv.name, "f.csv", "p.html", "m.safetensors"}
    assert run("predict", model).stdout == out.read_text()
    expected = [float(x) for x in pd.read_csv(out, dtype=str)["forecast"]]  # to the last bit
    from_file = json.loads(run("predict", model, csv, "-h", 2, "--json").stdout)
    assert [row["forecast"] for row in from_file["forecast"]] == expected[:2]
    assert gatecast.load(model).predict()["forecast"].tolist() == expected


def test_the_forecast_does_not_depend_on_threads_or_repetition(csv: Path) -> None:
    one = run("forecast", csv, "-h", 3, *FAST, GATECAST_THREADS="1").stdout
    three = run("forecast", csv, "-h", 3, *FAST, "--threads", 3, GATECAST_THREADS="1").stdout
    assert one == three == run("forecast", csv, "-h", 3, *FAST).stdout
    assert one != run("forecast", csv, "-h", 3, "--seed", 1, *FAST).stdout


def test_several_series_in_one_file(several: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    renamed = {"unique_id": "shop", "ds": "day", "y": "sold"}
    several.rename(columns=renamed).to_csv(path, index=False)
    options = ("--id", "shop", "--time", "day", "--target", "sold")
    report = json.loads(run("forecast", path, "-h", 4, "--json", *options, *FAST).stdout)
    assert report["series"] == 3
    assert [row["unique_id"] for row in report["forecast"]] == list("aaaabbbbcccc")


def test_predict_only_some_series(several: pd.DataFrame, tmp_path: Path) -> None:
    several.to_csv(tmp_path / "long.csv", index=False)
    model = tmp_path / "m.safetensors"
    run("forecast", tmp_path / "long.csv", "-h", 2, "--save", model, *FAST)
    frame = pd.read_csv(io.StringIO(run("predict", model, "--series", "b").stdout))
    assert frame["unique_id"].tolist() == ["b", "b"]
    failed(run("predict", model, "--series", "z"), 3, "no such series", "Got: z", "a, b, c")
    failed(run("predict", model, "-h", 3), 2, "calibrated for 2 steps")
    failed(run("predict", model, "--threads", 0), 2, "threads must be a whole number")
    failed(run("predict", model, "--target", "nope"), 2, "--target", "FILE, and none")
    failed(run("predict", model, "--resample", "sum", "--freq", "D"), 2, "--freq, --resample")


def test_series_without_history_are_counted_drawn_and_can_be_chosen(
    several: pd.DataFrame, tmp_path: Path
) -> None:
    path, model, page = tmp_path / "long.csv", tmp_path / "m.safetensors", tmp_path / "p.html"
    frame = several.assign(size=several["unique_id"].map({"a": 1, "b": 2, "c": 3}))
    new = pd.DataFrame({"unique_id": "new", "ds": frame["ds"].iloc[-1:], "size": 2})
    pd.concat([frame, new]).to_csv(path, index=False)
    done = run(
        "forecast", path, "-h", 2, "--static", "size", "--save", model, "--plot", page, *FAST
    )
    assert "3 series and 1 without history" in done.stderr
    assert "<option>new</option>" in page.read_text(encoding="utf-8")
    expected = pd.read_csv(io.StringIO(done.stdout)).set_index("unique_id")
    for chosen in (["new"], ["b", "new"], ["b"]):
        options = [part for name in chosen for part in ("--series", name)]
        frame = pd.read_csv(io.StringIO(run("predict", model, *options).stdout))
        assert frame["unique_id"].unique().tolist() == chosen
        assert frame["forecast"].tolist() == expected.loc[chosen, "forecast"].tolist()


def test_a_model_remembers_how_its_file_was_taken_in(tmp_path: Path) -> None:
    days = pd.date_range("2022-01-03", periods=350)
    path, model = tmp_path / "days.csv", tmp_path / "m.safetensors"
    pd.DataFrame({"ds": days, "y": np.arange(350) % 7 + np.arange(350) / 9}).to_csv(path)
    how = ("--freq", "W-SUN", "--resample", "sum", "--target", "y", "--time", "ds")
    done = run("forecast", path, "-h", 2, *how, "--save", model, *FAST)
    assert done.returncode == 0, done.stderr
    again = run("predict", model, path, "--target", "y", "--time", "ds")
    assert again.stdout == done.stdout


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "array"])
def test_predict_continues_what_a_model_of_python_was_fitted_on(kind: str, tmp_path: Path) -> None:
    y = 10 + np.sin(np.arange(60.0))
    columns = {"day": pd.date_range("2024-01-01", periods=60).to_numpy(), "sold, all": y, "a,b": y}
    frame = pd.DataFrame(columns)
    frame.to_csv(tmp_path / "f.csv", index=False)
    data = {"pandas": frame, "polars": pl.from_pandas(frame), "array": y}
    data["pyarrow"] = data["polars"].to_arrow()
    model, names = gatecast.LSTM(2, hidden_size=4, epochs=2), {}
    if kind != "array":
        model = gatecast.LSTM(2, past_covariates=["a,b"], hidden_size=4, epochs=2)
        names = {"time_col": "day", "target_col": "sold, all"}
    model.fit(data[kind], **names).save(tmp_path / "m")
    done = run("predict", tmp_path / "m")
    frame = pd.read_csv(io.StringIO(done.stdout))
    assert list(frame) == ["unique_id", "ds", "LSTM"], done.stderr
    report = json.loads(run("predict", tmp_path / "m", "--json").stdout)
    assert [row["LSTM"] for row in report["forecast"]] == frame["LSTM"].tolist()
    if kind != "array":
        options = ("--time", "day", "--target", "sold, all")
        assert run("predict", tmp_path / "m", tmp_path / "f.csv", *options).stdout == done.stdout


def test_backtest_writes_each_window_and_prints_the_scores(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "cv.csv"
    asked = ("backtest", csv, "-h", 6, "--windows", 3, "--models", "naive,theta", "--level", "80")
    done = run(*asked, "--out", out)
    assert done.returncode == 0, done.stderr
    frame = pd.read_csv(out)
    assert list(frame.columns) == [
        *("unique_id", "ds", "cutoff", "y"),
        *("Naive", "Naive-lo-80", "Naive-hi-80", "Theta", "Theta-lo-80", "Theta-hi-80"),
    ]
    assert len(frame) == 3 * 6
    assert "3 backtests of 6 steps" in done.stderr
    report = json.loads(run(*asked, "--json").stdout)
    assert report["windows"] == 3
    assert [row["model"] for row in report["scores"]] == ["Theta", "Naive"]
    assert set(report["scores"][0]) == {"model", "mase", "smape", "rmse", "coverage_80"}
    assert report["forecasts"][0]["cutoff"] == "2018-06-01"


def test_the_hybrid_and_an_ensemble_are_called_by_their_names(
    several: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "several.csv"
    several.assign(sort=several["unique_id"].str.upper()).to_csv(path, index=False)
    few = ("-h", 6, "--epochs", 2, "--static", "sort")
    done = run("backtest", path, *few, "--model", "eslstm,ensemble,naive", "--windows", 2)
    assert done.returncode == 0, done.stderr
    assert {"ESLSTM", "Ensemble", "Naive"} <= set(pd.read_csv(io.StringIO(done.stdout)).columns)
    saved = tmp_path / "m.safetensors"
    done = run("forecast", path, *few, "--model", "eslstm", "--save", saved, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["chosen"] == "ESLSTM"
    model = gatecast.load(saved).model
    assert model.config.static_covariates == ("sort",)
    assert model.config.epochs == 2
    assert run("predict", saved, "-h", 3).returncode == 0


def test_backtest_of_all_models_runs_as_it_is(csv: Path) -> None:
    done = run("backtest", csv, "-h", 12, "--epochs", 2, "--json")
    assert done.returncode == 0, done.stderr
    names = {row["model"] for row in json.loads(done.stdout)["scores"]}
    assert names == {"LSTM", "HoltWinters", "Theta", "Naive", "SeasonalNaive"}


def test_backtest_says_what_cannot_be_done(csv: Path) -> None:
    failed(run("backtest", csv, "-h", 6, "--models", "prophet"), 2, "no such model", "theta")
    failed(run("backtest", csv, "-h", 6, "--windows", 0), 2, "n_windows must be")
    failed(run("backtest", csv, "-h", 200), 3, "at least 203 values")
    failed(run("backtest", csv, "-h", 6, "--level", "wide"), 2, "--level must be numbers")


def test_the_verdict_the_page_and_the_picture_can_be_had_in_chinese(
    csv: Path, tmp_path: Path
) -> None:
    page, png = tmp_path / "p.html", tmp_path / "p.png"
    options = ("--lang", "zh", "--report", page, "--png", png, "--explain", *FAST)
    done = run("forecast", csv, "-h", 3, *options)
    assert done.returncode == 0, done.stderr
    assert "回测" in done.stderr
    assert "选用 LSTM。按你的要求。" in done.stderr
    assert 'lang="zh' in page.read_text(encoding="utf-8")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_budget_is_a_time(csv: Path) -> None:
    failed(run("forecast", csv, "-h", 3, "--budget", "soon"), 2, "budget must be a time")
    assert run("forecast", csv, "-h", 3, "--budget", "30s", "--model", "naive").returncode == 0


def test_predict_gives_intervals_of_any_level(csv: Path, tmp_path: Path) -> None:
    run("forecast", csv, "-h", 3, "--model", "theta", "--save", tmp_path / "m")
    frame = pd.read_csv(io.StringIO(run("predict", tmp_path / "m", "--level", "50").stdout))
    assert list(frame.columns)[2:] == ["forecast", "forecast-lo-50", "forecast-hi-50"]


BAD_FILES = {
    "empty": ("", "empty"),
    "only a heading": ("ds,y\n", ""),
    "text": ("ds,y\n2024-01-01,1\n2024-01-02,two\n2024-01-03,3\n", "two"),
    "infinity": ("ds,y\n2024-01-01,1\n2024-01-02,inf\n2024-01-03,3\n", "inf"),
    "all missing": ("ds,y\n2024-01-01,\n2024-01-02,NA\n2024-01-03,\n", ""),
    "duplicates": ("ds,y\n2024-01-01,1\n2024-01-01,2\n2024-01-02,3\n", "2024-01-01"),
    "two candidates": (
        "ds,shop,till,y\n2024-01-01,a,x,1\n2024-01-01,b,z,2\n2024-01-02,a,x,3\n",
        "--id",
    ),
    "no number": ("ds,name\n2024-01-01,x\n2024-01-02,y\n", ""),
    "off the grid": (
        "ds,y\n" + "".join(f"2024-01-{d:02},1\n" for d in range(1, 20)) + "2024-01-20 07:30,1\n",
        "2024-01-20",
    ),
    "too short": ("ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n", "at least"),
}


@pytest.mark.parametrize(("text", "part"), BAD_FILES.values(), ids=BAD_FILES)
def test_data_that_cannot_be_used_end_with_3(tmp_path: Path, text: str, part: str) -> None:
    path, out = write(tmp_path / "bad.csv", text), tmp_path / "out.csv"
    failed(run("forecast", path, "-h", 2, "--out", out, *FAST), 3, part)
    assert not out.exists()


def test_row_numbers_are_the_file_s_lines(tmp_path: Path) -> None:
    lines = ["ds,y"] + [f"2024-01-{d:02},{d}" for d in range(1, 20)]
    lines[7] = "2024-01-07,seven"
    path = write(tmp_path / "bad.csv", "\n".join(lines))
    failed(run("forecast", path, "-h", 2), 3, "row 8", "seven")


@pytest.mark.parametrize("horizon", ["0", "-3", "x", "1.5", ""])
def test_an_impossible_horizon_ends_with_2(csv: Path, horizon: str) -> None:
    failed(run("forecast", csv, "-h", horizon), 2)


def test_a_missing_horizon_or_unknown_option_ends_with_2(csv: Path) -> None:
    failed(run("forecast", csv), 2, "horizon")
    failed(run("forecast", csv, "-h", 3, "--fast"), 2, "--fast")


def test_files_that_cannot_be_read_or_written_end_with_4_before_any_training(
    csv: Path, tmp_path: Path
) -> None:
    failed(run("forecast", tmp_path / "none.csv", "-h", 2), 4, "none.csv")
    failed(run("forecast", tmp_path, "-h", 2), 4)
    # A million epochs would not end: these are found out first.
    forever = ("forecast", csv, "-h", 2, "--epochs", 10**6)
    failed(run(*forever, "--out", tmp_path / "no" / "f.csv"), 4, "--out", "does not exist")
    failed(run(*forever, "--report", tmp_path), 4, "--report", "folder")
    failed(run(*forever, "--save", tmp_path / "no" / "m"), 4, "--save", "does not exist")
    failed(run(*forever, "--out", tmp_path / "f", "--save", tmp_path / "f"), 2, "same file")
    failed(run("predict", tmp_path / "none.safetensors"), 4, "none.safetensors")
    failed(run("predict", csv), 4, "not a whole gatecast model")
    failed(run("demo", "--out", tmp_path / "no" / "d.html"), 4, "does not exist")
    assert [p.name for p in tmp_path.iterdir()] == [csv.name]


def test_no_output_replaces_an_input(csv: Path, tmp_path: Path) -> None:
    before = csv.read_bytes()
    failed(run("forecast", csv, "-h", 2, "--out", csv), 2, "--out and the input are the same")
    link = tmp_path / "link"
    link.symlink_to(csv)
    failed(run("forecast", csv, "-h", 2, "--save", link), 2, "--save and the input are the same")
    failed(run("predict", csv, "--out", csv), 2, "same file")
    assert csv.read_bytes() == before


def test_a_terminal_without_the_letters_is_no_obstacle(tmp_path: Path) -> None:
    months = pd.period_range("2020-01", periods=40, freq="M").astype(str)
    frame = pd.DataFrame({"月份": months, "销售额": np.arange(40.0) % 12})
    frame.to_csv(tmp_path / "销售.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-m", "gatecast", "forecast", tmp_path / "销售.csv", "-h", "2", *FAST],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert done.stdout.decode("utf-8").splitlines()[1].startswith("销售额,2023-05-01,")
    assert run("demo", "--help", PYTHONIOENCODING="latin1").returncode == 0


def test_when_the_reader_has_seen_enough_the_rest_is_still_said(csv: Path) -> None:
    command = f"{sys.executable} -m gatecast forecast {csv} -h 6 --model naive"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "backtests of 6 steps" in done.stderr


def test_a_pipe_can_be_written_to(csv: Path) -> None:
    command = f"{sys.executable} -m gatecast forecast {csv} -h 2 --model naive --out /dev/stdout"
    done = subprocess.run(
        ["bash", "-c", f"{command} | cat"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("unique_id,ds,forecast,forecast-lo-80")


def test_ctrl_c_ends_with_130_and_leaves_no_file(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.csv"
    process = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED, "forecast", str(csv), "-h", "2", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "training\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert [p.name for p in tmp_path.iterdir()] == [csv.name]


# Says when training has begun, and would train for ever.
_INTERRUPTED = """
import sys
import gatecast.models.lstm as lstm
from gatecast.cli import main
fit = lstm._core.fit
def announced(*args, **kwargs):
    told = []
    def callback(*epoch):
        if not told:
            told.append(print("training", flush=True))
    return fit(*args, **{**kwargs, "callback": callback})
lstm._core.fit = announced
sys.argv += ["--epochs", "9000000", "--context-length", "8"]
main()
"""


def test_demo_writes_one_page_and_says_how_good_each_way_is(tmp_path: Path) -> None:
    page = tmp_path / "demo.html"
    done = run("demo", "--out", page, "--json")
    report = json.loads(done.stdout)
    assert report["point_by_point"]["rmse"] < 0.02
    assert report["point_by_point"]["n"] == report["persistence"]["n"] == 5
    assert report["future"]["rmse"] < 0.05
    assert report["full_sequence"]["n"] == report["multiple_sequences"]["n"] == 50
    assert set(report["seconds"]) == {"fit", "total"}
    assert (report["seed"], report["page"]) == (0, str(page))
    assert page.stat().st_size < 6_000_000
    assert [p.name for p in tmp_path.iterdir()] == ["demo.html"]


def test_demo_prints_a_table(tmp_path: Path) -> None:
    done = run("demo", "--epochs", 20, "--seed", 4, "--out", tmp_path / "demo.html")
    assert done.stdout == ""
    for part in ("persistence", "point by point", "future", "0.6530", "demo.html"):
        assert part in done.stderr


def test_info_and_version() -> None:
    facts = json.loads(run("info", "--json", GATECAST_THREADS="5", GATECAST_ISA="portable").stdout)
    assert (facts["isa"], facts["threads"]) == ("portable", 5)
    assert facts["version"] == gatecast.__version__
    assert "portable" in run("info", GATECAST_ISA="portable").stdout
    assert run("--version").stdout == f"gatecast {gatecast.__version__}\n"
    failed(run("info", GATECAST_ISA="mmx"), 2, "GATECAST_ISA", "Got: mmx", "portable")
    failed(run("info", GATECAST_THREADS="many"), 2, "GATECAST_THREADS", "Got: many")


def test_every_instruction_set_gives_nearly_the_same_forecast(csv: Path) -> None:
    facts = json.loads(run("info", "--json").stdout)
    frames = [
        pd.read_csv(io.StringIO(run("forecast", csv, "-h", 4, *FAST, GATECAST_ISA=isa).stdout))
        for isa in facts["available_isas"]
    ]
    for frame in frames[1:]:
        np.testing.assert_allclose(frame["forecast"], frames[0]["forecast"], rtol=1e-4)


@pytest.mark.parametrize("command", ["backtest", "check", "demo", "forecast", "predict", "info"])
def test_every_command_has_help(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert "Usage: " in done.stdout
    assert "--json" in done.stdout


def test_predict_prints_the_quantiles_that_a_model_has(csv: Path, tmp_path: Path) -> None:
    model = gatecast.LSTM(2, quantiles=[0.1, 0.9], hidden_size=4, epochs=2).fit(csv)
    model.save(tmp_path / "m")
    printed = run("predict", tmp_path / "m").stdout
    frame = pd.read_csv(io.StringIO(printed))  # pandas 2 reads to the last digit but one
    assert list(frame)[2:] == ["LSTM", "LSTM-q-0.1", "LSTM-q-0.9"]
    np.testing.assert_allclose(frame.iloc[:, 2:], model.predict().iloc[:, 2:], rtol=1e-14)
