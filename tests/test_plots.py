"""Charts in notebooks: the leaderboard's, the backtest's, and those of a cross-validation."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gatecast
from gatecast.errors import ConfigError, DataError
from gatecast.report.figures import SCHEME
from gatecast.report.scores import rank
from gatecast.report.words import Words

MODELS = ["theta", "holt-winters", "naive", "drift"]


def series(n: int = 96, seed: int = 0) -> pd.DataFrame:
    t = np.arange(n)
    y = 100 + t + 15 * np.sin(2 * np.pi * t / 12) + np.random.default_rng(seed).normal(0, 3, n)
    return pd.DataFrame({"ds": pd.date_range("2012-01-01", periods=n, freq="MS"), "y": y})


def two() -> pd.DataFrame:
    return pd.concat([series(96, k).assign(unique_id=name) for k, name in enumerate(("a", "<b>"))])


@pytest.fixture(scope="module")
def result() -> gatecast.Forecast:
    return gatecast.forecast(two(), 6, models=MODELS)


@pytest.fixture(scope="module")
def cv() -> pd.DataFrame:
    models = ["naive", "seasonal-naive", "theta"]
    return gatecast.cross_validation(models, two(), 6, n_windows=3, level=[80])


def drawn(figure: Any) -> dict[str, Any]:
    """What is seen at first, by its name."""
    return {x.name: x for x in figure.data if x.visible is not False and x.visible != "legendonly"}


def size_of(png: Path) -> tuple[int, int]:
    content = png.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", content[16:24])


# The leaderboard


def test_the_leaderboard_is_a_frame_whose_parts_are_plain(result: gatecast.Forecast) -> None:
    board = result.leaderboard
    assert isinstance(board, pd.DataFrame)
    for part in (board.head(2), board[["model", "mase"]], board[board["mase"] < 1], board.copy()):
        assert type(part) is pd.DataFrame
    assert type(board["mase"]) is pd.Series
    assert board.equals(pd.DataFrame([one.row() for one in result.board]))
    # What pandas draws is a frame away.
    assert callable(pd.DataFrame(board).plot.barh)


def test_the_leaderboard_shows_each_model_the_chosen_one_and_the_one_to_beat(
    result: gatecast.Forecast,
) -> None:
    board = result.leaderboard
    figure = board.plot()
    (bars,) = figure.data
    assert list(bars.x) == pytest.approx(board["mase"].clip(upper=max(bars.x)))
    named = figure.layout.yaxis.ticktext
    assert len(named) == len(board)
    place = board["model"].tolist().index(result.chosen)
    assert [k for k, name in enumerate(named) if name.endswith("<br>chosen")] == [place]
    assert [k for k, x in enumerate(bars.marker.opacity) if x == 1] == [place]
    (line,) = figure.layout.shapes
    assert line.x0 == board.set_index("model")["mase"]["SeasonalNaive"]
    assert "Seasonal naive" in figure.layout.annotations[0].text
    for word in ("Skill: ", "90 % coverage: ", "sMAPE, %: ", "RMSE: ", "Seconds: "):
        assert all(word in said for said in bars.customdata)
    assert figure.layout.xaxis.title.text == "Error (MASE)"
    first, last = figure.layout.yaxis.range
    assert first > last  # the best is on top


def test_charts_are_in_the_colours_of_the_pages(result: gatecast.Forecast) -> None:
    assert result.backtest is not None
    house = {light for light, _ in SCHEME.values()}
    for figure in (
        result.leaderboard.plot(),
        result.backtest.plot(),
        result.backtest.plot(by_step=True),
    ):
        text = json.dumps(figure.to_plotly_json(), default=list)
        colours = {part[:7].lower() for part in text.split('"') if part.startswith("#")}
        assert colours <= house


def test_without_a_season_naive_is_the_one_to_beat_and_bad_rows_do_not_stop_it() -> None:
    rows = [
        {"model": "Theta", "mase": 0.5, "skill": 0.5},
        {"model": "Naive", "mase": 1.0, "skill": None},
        {"model": "Wild", "mase": 5e7, "skill": -1e7},
        {"model": "None", "mase": float("nan"), "skill": float("nan")},
    ]
    ranking = rank(rows, "Theta", Words("en"))
    assert ranking.to_beat == 1.0
    assert "Naive" in ranking.beat_label
    assert [bar.is_cut for bar in ranking.bars] == [False, False, True, False]
    assert ranking.bars[2].length == 3.0  # the others can still be told apart
    assert ranking.bars[3].said == "–"
    alone = rank([{"model": "x", "mase": 0.0}], "x", Words("zh"))
    assert alone.to_beat is None
    assert alone.end > 0


def test_the_leaderboard_of_nothing_tested_is_drawn_empty() -> None:
    short = gatecast.forecast(series(10), 6, models="naive")
    assert short.backtest is None
    assert len(short.leaderboard.plot().layout.yaxis.ticktext) == len(short.leaderboard)


# The backtest


def test_a_backtest_shows_the_truth_and_its_windows_side_by_side(
    result: gatecast.Forecast,
) -> None:
    tested = result.backtest
    assert tested is result.tested
    assert tested is not None
    figure = tested.plot("<b>")
    seen = drawn(figure)
    assert next(iter(seen)) == "Observed"
    assert len(seen) == 4  # the truth and the best three
    assert len(figure.data) == 1 + len(tested.outputs)
    first, second = np.array_split(np.array(figure.data[-1].y, float), [6])
    assert np.isnan(second[0])  # a gap before the next window
    errors = {name: np.nanmean(tested.errors(name)) for name in tested.outputs}
    best = min(errors, key=lambda name: errors[name])
    assert figure.data[-1].name == Words("en").model(best)
    stamps = [x for x, y in zip(figure.data[-1].x, figure.data[-1].y, strict=True) if y is not None]
    assert stamps == sorted(set(stamps))  # no forecast lies over another
    newest = tested.point(best)[-1, 1]
    assert np.array(figure.data[-1].y[-6:], float) == pytest.approx(newest, rel=1e-4)
    assert len(first) == 6
    assert "&lt;b&gt;" in figure.layout.title.text


def test_a_backtest_by_step_is_that_of_the_leaderboard(result: gatecast.Forecast) -> None:
    tested = result.backtest
    assert tested is not None
    figure = tested.plot(by_step=True)
    by_name = {trace.name: trace for trace in figure.data}
    for one in result.board:
        y = by_name[Words("en").model(one.model)].y
        assert np.array(y) == pytest.approx(one.by_step, abs=1e-5)
    assert figure.layout.xaxis.title.text == "steps ahead"
    assert "MASE" in figure.layout.yaxis.title.text


def test_only_the_models_that_are_asked_for_are_drawn(result: gatecast.Forecast) -> None:
    tested = result.backtest
    assert tested is not None
    assert set(drawn(tested.plot(models=["Naive", "Drift"]))) == {"Observed", "Naive", "Drift"}
    assert [x.name for x in tested.plot(models="Naive", by_step=True).data] == ["Naive"]
    with pytest.raises(ConfigError, match=r"no such model in the backtest\. Got: 'Prophet'"):
        tested.plot(models="Prophet")
    with pytest.raises(ConfigError):
        tested.plot(models=[])
    with pytest.raises(DataError, match="no such series"):
        tested.plot("c")


def test_a_series_that_was_too_short_to_be_tested_is_drawn_without_windows() -> None:
    short = series(96).tail(2).assign(unique_id="short")
    result = gatecast.forecast(pd.concat([two(), short]), 6, models="naive")
    assert result.backtest is not None
    figure = result.backtest.plot("short")
    assert figure.layout.title.text == "short: in none of the windows"
    assert len(drawn(figure)["Observed"].x) == 2


# The frame of a cross-validation


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_cross_validation_of_either_kind_is_drawn(cv: pd.DataFrame, kind: str) -> None:
    frame, df = (pl.from_pandas(x) if kind == "polars" else x for x in (cv, two()))
    figure = gatecast.plot_backtest(frame, df, unique_id="a")
    seen = drawn(figure)
    assert set(seen) == {"Observed", "Theta", "Seasonal naive", "Naive", "Intervals: 80 %"}
    assert len(seen["Observed"].x) == 96
    assert figure.layout.title.text == "a: 3 windows of 6 steps"
    scores = gatecast.evaluate(cv, two(), metrics="mase", by="step")
    drawn_errors = gatecast.plot_backtest(frame, df, models="Naive", by_step=True).data[0].y
    expected = scores.loc[scores["model"] == "Naive", "mase"]
    assert np.array(drawn_errors) == pytest.approx(expected, abs=1e-5)


def test_without_the_series_the_windows_alone_are_drawn_in_the_units_of_the_data(
    cv: pd.DataFrame,
) -> None:
    figure = gatecast.plot_backtest(cv)
    assert len(drawn(figure)["Observed"].x) == 18
    by_step = gatecast.plot_backtest(cv, by_step=True)
    assert "units of the data" in by_step.layout.yaxis.title.text
    with pytest.raises(DataError, match="cutoff"):
        gatecast.plot_backtest(two())


def test_other_names_whole_numbers_and_overlapping_windows_are_drawn() -> None:
    df = pd.DataFrame({"shop": "x", "t": np.arange(60), "sold": np.arange(60) % 7.0})
    names = {"id_col": "shop", "time_col": "t", "target_col": "sold"}
    cv = gatecast.cross_validation(["naive"], df, 6, n_windows=5, step_size=2, **names)
    figure = gatecast.plot_backtest(cv, df, **names, season_length=7)
    assert figure.layout.title.text == ("x: the newest 2 of 5 windows of 6 steps")
    x = [x for x, y in zip(figure.data[-1].x, figure.data[-1].y, strict=True) if y is not None]
    assert x == [*range(48, 60)]


# Languages and pictures


def test_charts_speak_chinese(result: gatecast.Forecast) -> None:
    assert result.backtest is not None
    board = result.leaderboard.plot(lang="zh")
    assert "越小越好" in board.layout.title.text
    assert any("选用" in name for name in board.layout.yaxis.ticktext)
    assert "观测值" in drawn(result.backtest.plot(lang="zh"))
    assert "误差" in result.backtest.plot(by_step=True, lang="zh").layout.yaxis.title.text
    with pytest.raises(ConfigError, match="English or Chinese"):
        result.leaderboard.plot(lang="fr")


@pytest.mark.filterwarnings("ignore:Glyph")  # where no Chinese font is installed
def test_charts_are_written_as_pictures(
    result: gatecast.Forecast, cv: pd.DataFrame, tmp_path: Path
) -> None:
    assert result.backtest is not None
    files = [tmp_path / f"{k}.png" for k in range(5)]
    result.leaderboard.plot(files[0])
    result.backtest.plot("<b>", path=files[1])
    result.backtest.plot(by_step=True, path=files[2], lang="zh")
    gatecast.plot_backtest(cv, path=files[3])
    gatecast.plot_backtest(cv, two(), by_step=True, path=files[4])
    for file in files:
        width, height = size_of(file)
        assert width >= 1600
        assert height >= 400
        assert file.stat().st_size > 20_000


def test_drawing_is_imported_only_when_something_is_drawn() -> None:
    code = (
        "import sys, gatecast; gatecast.plot_backtest; "
        "print(sorted({'plotly', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
