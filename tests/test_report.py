"""The pages: complete, offline, safe against hostile names, and honest in what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gatecast.demo import DemoResult, Score
from gatecast.report import (
    ForecastView,
    Section,
    SeriesView,
    Table,
    forecast_figure,
    holdout_verdict,
    write_demo_page,
    write_forecast_page,
    write_page,
)

HOSTILE = (
    "<script>alert(1)</script>",
    '</script><img src="http://evil.example/x" onerror=alert(1)>',
)
SCORES = {
    "LSTM": {"mase": 0.71, "rmse": 22.3, "smape": 3.6},
    "SeasonalNaive": {"mase": 1.0, "rmse": 50.7, "smape": 10.2},
    "Naive": {"mase": 3.7, "rmse": 137.1, "smape": 22.4},
}


X, FUTURE = np.arange(-50.0, 50.0), np.arange(50.0, 100.0)
Y = np.sin(X)
DEMO = DemoResult(
    x=X,
    y=Y,
    context_length=50,
    first_test=95,
    point_by_point=Y[95:] + 0.01,
    persistence=Y[94:99],
    full_sequence=Y[50:],
    multiple_sequences=np.split(Y[50:], 5),
    prediction_len=10,
    future_x=FUTURE,
    future=np.sin(FUTURE) * 0.9,
    future_truth=np.sin(FUTURE),
    scores={
        "point_by_point": Score(0.0123, 5),
        "persistence": Score(0.6543, 5),
        "full_sequence": Score(0.0345, 50),
        "multiple_sequences": Score(0.0234, 50),
        "future": Score(0.0456, 50),
    },
    history={"loss": [0.5, 0.1, 0.01], "val_loss": []},
    epochs=3,
    seed=7,
    hidden_size=(5, 20),
    n_parameters=2361,
    seconds_fit=0.12,
    seconds_total=0.34,
)


def series(name: str = "y", n: int = 144, h: int = 12, ds: Any = None) -> SeriesView:
    ds = pd.date_range("1949-01-01", periods=n + h, freq="MS") if ds is None else ds
    y = 100.0 + np.arange(n) + 10 * np.sin(np.arange(n) * 2 * np.pi / 12)
    held, ahead = np.full(h, y[-h - 1]), np.full(h, y[-1])
    return SeriesView(
        name,
        ds[:n],
        y,
        ds[n - h : n],
        {"LSTM": y[n - h :] + 1.0, "Naive": held, "SeasonalNaive": y[n - 2 * h : n - h]},
        ds[n:],
        {"LSTM": y[n - h :] + 12.5, "Naive": ahead, "SeasonalNaive": y[n - h :]},
    )


def view(**changes: Any) -> ForecastView:
    settings: dict[str, Any] = {
        "title": "air.csv: 12 steps",
        "horizon": 12,
        "season_length": 12,
        "series": [series()],
        "scores": SCORES,
        "settings": {"Seed": "0", "Frequency": "MS"},
        "notes": ["The rows were sorted."],
    }
    return ForecastView(**{**settings, **changes})


def own_text(page: str) -> str:
    """Return the page without plotly's own code, which is not ours to judge."""
    start = page.index('<script id="plotly">') + len('<script id="plotly">')
    return page[:start] + page[page.index("</script>", start) :]


def figures(page: str) -> list[dict[str, Any]]:
    found = re.findall(
        r'<script type="application/json" class="figure">(.*?)</script>', page, re.DOTALL
    )
    return [json.loads(text) for text in found]


@pytest.fixture(scope="module")
def demo_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("demo") / "demo.html"
    write_demo_page(path, DEMO)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def forecast_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("forecast") / "page.html"
    write_forecast_page(path, view())
    return path.read_text(encoding="utf-8")


def test_importing_the_pages_does_not_import_plotly() -> None:
    code = "import sys, gatecast.report; print('plotly' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("name", ["demo_page", "forecast_page"])
def test_a_page_asks_nothing_of_the_network(name: str, request: pytest.FixtureRequest) -> None:
    page = request.getfixturevalue(name)
    assert page.count("* plotly.js v") == 1
    assert "default-src 'none'" in page
    text = own_text(page)
    assert not re.search(r"https?:|//cdn|@import|url\(", text)
    assert not re.search(r"\b(src|action)\s*=", text)
    assert re.findall(r'href="([^"]*)"', text) == ["data:,"]


@pytest.mark.parametrize("name", ["demo_page", "forecast_page"])
def test_a_page_is_well_formed_and_accessible(name: str, request: pytest.FixtureRequest) -> None:
    text = own_text(request.getfixturevalue(name))
    assert '<html lang="en">' in text
    assert text.count("<h1>") == 1
    assert 'scope="col"' in text
    assert 'scope="row"' in text
    assert text.count("<figure ") == text.count("<figure id=") == text.count("aria-label=")
    for tag in ("section", "figure", "table", "tr", "td", "dl", "div", "p", "script", "style"):
        assert len(re.findall(rf"<{tag}[ >]", text)) == text.count(f"</{tag}>"), tag


def test_the_demo_page_has_the_numbers(demo_page: str) -> None:
    for number in ("0.0123", "0.6543", "0.0345", "0.0234", "0.0456", "2,361", "[1, 5, 20, 1]"):
        assert number in demo_page
    assert "45 of these 50 points are in the shaded part" in demo_page
    drawn = figures(demo_page)
    assert len(drawn) == 6
    future = next(t for t in drawn[4]["data"] if t["name"] == "LSTM forecast")
    np.testing.assert_allclose(future["y"], DEMO.future)
    assert [trace["name"] for trace in drawn[5]["data"]] == ["Training"]


def test_the_demo_page_says_so_when_nothing_was_learnt(tmp_path: Path) -> None:
    scores = {**DEMO.scores, "point_by_point": Score(0.8, 5)}
    poor = replace(DEMO, scores=scores, history={"loss": [float("nan")]})
    write_demo_page(tmp_path / "a.html", poor)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "It has learnt nothing of use yet" in page
    assert "NaN" not in own_text(page)


def test_the_forecast_page_has_the_numbers(forecast_page: str) -> None:
    text = unescape(own_text(forecast_page)).replace("\u00a0", " ")
    assert holdout_verdict(SCORES, 12) in text
    for said in ("22.30", "137.10", "3.60", "The rows were sorted.", "Frequency", "air.csv"):
        assert said in text
    assert text.index(">LSTM</th>") < text.index(">Seasonal naive</th>") < text.index(">Naive</th>")
    (figure,) = figures(forecast_page)
    lstm = next(trace for trace in figure["data"] if trace["name"] == "LSTM")
    assert lstm["x"][0] == "1960-01-01T00:00:00"
    assert lstm["x"][-1] == "1961-12-01T00:00:00"
    np.testing.assert_allclose(lstm["y"][13:], series().future["LSTM"])
    assert lstm["y"][12] is None


def test_when_names_are_hostile_then_they_stay_text(tmp_path: Path) -> None:
    bad = HOSTILE[1]
    write_forecast_page(
        tmp_path / "a.html",
        view(
            title=bad,
            series=[series(name) for name in HOSTILE],
            settings={bad: bad},
            notes=[bad],
            scores={**SCORES, bad: {"mase": 2.0}},
        ),
    )
    text = own_text((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert "<img" not in text
    assert "<script>alert" not in text
    assert text.count("</script>") == len(re.findall(r"<script[ >]", text))
    # Plotly reads a part of HTML in its texts, so they are escaped once more inside the JSON.
    titles = [figure["layout"]["yaxis"]["title"]["text"] for figure in figures(text)]
    assert titles[0] == "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert all("<" not in title for title in titles)
    assert "<option>&lt;script&gt;alert(1)&lt;/script&gt;</option>" in text


def test_when_there_are_many_series_then_twelve_are_drawn_and_it_says_so(tmp_path: Path) -> None:
    many = [series(f"s{number}", n=30, h=3) for number in range(14)]
    write_forecast_page(
        tmp_path / "a.html", view(series=many, n_series=500, n_scored=480, horizon=3)
    )
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert len(figures(page)) == page.count("<option>") == 12
    assert "12 of 500 series are drawn" in page
    assert "of each of 480 series" in page


@pytest.mark.parametrize(
    ("lstm", "seasonal", "said"),
    [
        (0.71, 1.0, "29 % below seasonal naive's (1.00)"),
        (0.71, 1.0, "On this test the LSTM is worth using."),
        (0.97, 1.0, "So small a lead over one stretch of the past can be luck."),
        (1.0, 1.004, "about the same as seasonal naive's (1.00)"),
        (1.0, 1.004, "is simpler and does as well here"),
        (1.2, 1.0, "20 % above seasonal naive's (1.00)"),
        (1.2, 1.0, "The simple seasonal naive forecast did better here: prefer it."),
        (2.5, 1.0, "2.5 times seasonal naive's (1.00)"),
        (0.1, 0.0, "above seasonal naive's (0.00)"),
        (0.0, 0.0, "about the same as seasonal naive's (0.00)"),
    ],
)
def test_the_verdict_is_worded_for_what_happened(lstm: float, seasonal: float, said: str) -> None:
    scores = {"LSTM": {"mase": lstm}, "Naive": {"mase": 3.0}, "SeasonalNaive": {"mase": seasonal}}
    assert said in holdout_verdict(scores, 12)


def test_the_verdict_without_a_season_a_mase_or_a_test() -> None:
    same = {"LSTM": {"mase": 0.5}, "Naive": {"mase": 1.0}, "SeasonalNaive": {"mase": 1.0}}
    assert "seasonal" not in holdout_verdict(same, 1)
    assert holdout_verdict(same, 1).startswith("On the last point, which")
    nan = {name: {"mase": float("nan"), "rmse": scores["rmse"]} for name, scores in SCORES.items()}
    assert "RMSE 22.30" in holdout_verdict(nan, 12)
    for scores in ({}, {"LSTM": {"mase": 1.0}}, {"LSTM": {}, "Naive": {"mase": 1.0}}):
        assert "was not compared" in holdout_verdict(scores, 12)


@pytest.mark.parametrize(
    ("ds", "first", "last", "end"),
    [
        (np.arange(48), 0, 47, 47.5),
        (
            pd.date_range("2024-03-30", periods=48, freq="h", tz="Europe/Berlin"),
            "2024-03-30T00:00:00",
            "2024-04-01T00:00:00",
            "2024-04-01T00:30:00.000",
        ),
        (
            [f"{1900 + year}-01-01" for year in range(48)],
            "1900-01-01T00:00:00",
            "1947-01-01T00:00:00",
            "1947-07-02T12:00:00.000",
        ),
    ],
)
def test_a_figure_takes_numbers_dates_zones_and_text(
    ds: Any, first: object, last: object, end: object
) -> None:
    figure = forecast_figure(series(n=36, ds=ds), season_length=12)
    assert figure.data[0].x[0] == first
    assert figure.data[-1].x[-1] == last
    assert figure.layout.xaxis.range[1] == end
    assert figure.layout.xaxis.rangeslider.visible is None


def test_a_figure_of_a_difficult_series() -> None:
    gaps = SeriesView("g", [1, 2, 3], [1.0, np.nan, np.inf], [], {}, [4], {"LSTM": [1.0]})
    figure = forecast_figure(gaps)
    assert figure.data[0].y == (1.0, None, None)
    low, high = figure.layout.yaxis.range
    assert low < 1.0 < high
    empty = SeriesView("e", [], [], [], {}, [], {})
    assert forecast_figure(empty).data[0].x == ()
    long = SeriesView("l", np.arange(10_005), np.zeros(10_005), [], {}, [10_005], {"LSTM": [0.0]})
    assert len(forecast_figure(long).data[0].x) == 10_000


def test_a_page_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    (tmp_path / "link.html").symlink_to(path)
    write_page(tmp_path / "link.html", title="T & T", lead="L", sections=[])
    assert "<h1>T &amp; T</h1>" in path.read_text(encoding="utf-8")
    assert sorted(os.listdir(tmp_path)) == ["link.html", "page.html"]
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_page_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match=r"folder does not exist.*nowhere"):
        write_page(tmp_path / "nowhere" / "a.html", title="T", lead="", sections=[])
    with pytest.raises(IsADirectoryError):
        write_page(tmp_path, title="T", lead="", sections=[])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"No space left on device.*a\.html"):
        write_page(tmp_path / "a.html", title="T", lead="", sections=[])
    assert os.listdir(tmp_path) == []


def test_a_page_to_a_device_goes_through_it() -> None:
    write_page("/dev/null", title="T", lead="", sections=[])
    assert Path("/dev/null").is_char_device()


def test_a_table_aligns_numbers_and_a_page_without_charts_is_small(tmp_path: Path) -> None:
    table = Table(("Name", "Value", "Word"), (("a", "1,234.50", "x"), ("b", "–", "y")), "Caption")
    section = Section("H", ("1 < 2",), table=table, facts=(("k", "v"),), items=("i",))
    write_page(tmp_path / "a.html", title="T", lead="\ud800", sections=[section])
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert '<td role="cell" data-label="Value" class="n">1,234.50</td>' in page
    assert '<td role="cell" data-label="Word">x</td>' in page
    assert "<p>1 &lt; 2</p>" in page
    assert "plotly" not in page
    assert len(page) < 10_000


def test_a_series_without_history_is_drawn_and_explained(tmp_path: Path) -> None:
    new = series("new", n=24)
    new = replace(new, history_ds=[], history=[], holdout_ds=[], holdout={})
    write_forecast_page(tmp_path / "a.html", view(series=[series(), new]))
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Series without history have a forecast only" in page
    assert len(figures(page)) == 2
