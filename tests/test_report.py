"""The pages: complete, offline, safe against hostile names, and honest in what they say."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import warnings
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gatecast.demo import DemoResult, Score
from gatecast.errors import ConfigError, MissingExtraError
from gatecast.report import (
    Backtested,
    ForecastView,
    Section,
    SeriesView,
    Table,
    main_figure,
    write_demo_page,
    write_forecast_page,
    write_page,
    write_png,
)
from gatecast.report.figures import SCHEME, styles_of
from gatecast.report.words import _WORDS, Words

from .traces import sine_trace

HOSTILE = (
    "<script>alert(1)</script>",
    '</script><img src="http://evil.example/x" onerror=alert(1)>',
)
VERDICT = "Holt-Winters beats the seasonal naive forecast by 38 % ± 9 %. Use it."
MODELS = ("HoltWinters", "LSTM", "SeasonalNaive", "Naive")


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
    trace=sine_trace(),
)


def series(
    name: str = "y",
    n: int = 144,
    h: int = 12,
    ds: Any = None,
    windows: int = 2,
    levels: tuple[float, ...] = (80.0, 90.0),
    models: tuple[str, ...] = MODELS,
    **changes: Any,
) -> SeriesView:
    ds = pd.date_range("1949-01-01", periods=n + h, freq="MS") if ds is None else ds
    y = 100.0 + np.arange(n) + 10 * np.sin(np.arange(n) * 2 * np.pi / 12)

    def around(middle: Any) -> dict[float, Any]:
        return {level: (middle - level / 10, middle + level / 10) for level in levels}

    backtests = []
    for end in range(n - h * (windows - 1), n + 1, h):
        truth = y[end - h : end]
        lines = {name: truth + number + 0.25 for number, name in enumerate(models)}
        backtests.append(Backtested(ds[end - h : end], lines, around(truth)))
    ahead = y[-h:] + 12.5
    settings: dict[str, Any] = {
        "unique_id": name,
        "role": "",
        "history_ds": ds[:n],
        "history": y,
        "backtests": backtests,
        "future_ds": ds[n:],
        "forecast": ahead,
        "intervals": around(ahead),
    }
    return SeriesView(**{**settings, **changes})


def row(model: str, mase: float, **changes: Any) -> dict[str, Any]:
    numbers = {"smape": 7.1 * mase, "rmse": 31.2 * mase, "pinball": 9.8 * mase, "seconds": 0.2}
    return {"model": model, "mase": mase, "skill": 1 - mase, "coverage_90": 0.912, **numbers} | (
        changes
    )


def view(**changes: Any) -> ForecastView:
    settings: dict[str, Any] = {
        "title": "air.csv: 12 steps",
        "verdict": VERDICT,
        "chosen": "HoltWinters",
        "lang": "en",
        "horizon": 12,
        "season_length": 12,
        "series": [series()],
        "n_series": 1,
        "n_scored": 1,
        "leaderboard": [row(name, 0.62 + n * 0.38) for n, name in enumerate(MODELS)],
        "n_windows": 2,
        "errors_by_step": {name: np.linspace(0.5 + n, 1 + n, 12) for n, name in enumerate(MODELS)},
        "calibration": {80.0: 78.25, 90.0: 91.2},
        "findings": [("warning", "The last 3 values are equal.", "Look at the export.")],
        "decisions": [("A season of 12 steps", "Months repeat each year.")],
        "settings": {"Seed": "0", "Frequency": "MS"},
        "notes": ["The rows were sorted."],
        "command": "gatecast forecast air.csv -h 12 --seed 0",
    }
    return ForecastView(**{**settings, **changes})


def page_of(tmp_path: Path, **changes: Any) -> str:
    write_forecast_page(tmp_path / "page.html", view(**changes))
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def read(page: str) -> str:
    """Return what a reader sees of a page, but for the charts."""
    text = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", " ", text)).replace("\u00a0", " ")


def trace(figure: Any, name: str) -> Any:
    return next(one for one in figure["data"] if one["name"] == name)


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
    assert len(drawn) == 7
    future = next(t for t in drawn[4]["data"] if t["name"] == "LSTM forecast")
    np.testing.assert_allclose(future["y"], DEMO.future)
    assert [trace["name"] for trace in drawn[6]["data"]] == ["Training"]


def test_the_demo_page_says_so_when_nothing_was_learnt(tmp_path: Path) -> None:
    scores = {**DEMO.scores, "point_by_point": Score(0.8, 5)}
    poor = replace(DEMO, scores=scores, history={"loss": [float("nan")]})
    write_demo_page(tmp_path / "a.html", poor)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "It has learnt nothing of use yet" in page
    assert "NaN" not in own_text(page)


def test_the_forecast_page_says_the_verdict_first_and_then_all_there_is(forecast_page: str) -> None:
    text = read(forecast_page)
    told = [
        "air.csv: 12 steps",
        VERDICT,
        "Chosen model",
        "0.620",
        "The forecast",
        "The leaderboard",
        "the same 2 windows of 12 steps",
        "Error by step",
        "Do the intervals hold?",
        "78.2 %",
        "What the check of the data found",
        "Warning",
        "The last 3 values are equal.",
        "Look at the export.",
        "What was decided, and why",
        "Months repeat each year.",
        "The rows were sorted.",
        "Frequency",
        "gatecast forecast air.csv -h 12 --seed 0",
    ]
    places = [text.index(said, place) for place, said in zip([0] * len(told), told, strict=True)]
    assert places == sorted(places)


def test_the_leaderboard_is_in_per_cent_and_marks_the_chosen_model(tmp_path: Path) -> None:
    rows = [row("Theta", 0.5), row("HoltWinters", 0.62), row("Naive", 1.5, skill=-0.5)]
    page = page_of(tmp_path, leaderboard=[*rows, row("Drift", float("nan"), skill=None)])
    lines = re.findall(r"<tr.*?</tr>", page[page.index("The leaderboard") :], re.DOTALL)
    cells = [re.sub(r"<[^>]*>", " ", line).replace("\xa0", " ").split("  ") for line in lines]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in cells[1:5]]
    assert cells[0][:3] == ["Theta", "0.500", "+50.0 %"]
    assert cells[1][:4] == ["Holt-Winters", "chosen", "0.620", "+38.0 %"]
    assert cells[2] == ["Naive", "1.500", "−50.0 %", "10.65", "46.8", "14.70", "91.2 %", "0.20"]
    assert cells[3][:3] == ["Drift", "–", "–"]
    assert [number for number, line in enumerate(lines) if 'class="marked"' in line] == [2]


def test_the_chart_has_history_backtests_forecast_and_a_fan(forecast_page: str) -> None:
    main, *others = figures(forecast_page)
    assert len(others) == 2
    chosen = trace(main, "Holt-Winters")
    assert chosen["x"][0] == "1959-01-01"
    assert chosen["x"][-1] == "1961-12-01"
    np.testing.assert_allclose(chosen["y"][26:], series().forecast, atol=5e-4)
    assert chosen["y"][12] is None
    assert chosen["y"][25] is None
    # Two bands, the wider one first, so that the narrower one lies on top of it.
    wide, narrow = (one for one in main["data"] if one.get("fill") == "toself")
    assert max(wide["y"][-24:]) == pytest.approx(max(chosen["y"][-12:]) + 9)
    assert max(narrow["y"][-24:]) == pytest.approx(max(chosen["y"][-12:]) + 8)
    assert wide["fillcolor"] == narrow["fillcolor"]
    assert wide["fillcolor"][:7] == SCHEME["holtwinters"][0]
    assert [one["name"] for one in main["data"] if one.get("visible") == "legendonly"] == [
        "Naive",
        "LSTM",
    ]


def test_an_interval_is_one_line_of_the_label_with_as_many_digits_as_help() -> None:
    figure = main_figure(series(), chosen="HoltWinters")
    chosen = trace(figure, "Holt-Winters")
    middle = series().forecast[-1]
    ends = [
        f"{level:g} %: {middle - level / 10:.1f} – {middle + level / 10:.1f}" for level in (80, 90)
    ]
    assert chosen.customdata[-1] == "<br>" + "<br>".join(ends)
    assert all(one.hoverinfo == "skip" for one in figure.data if one.fill == "toself")
    assert figure.layout.yaxis.hoverformat == ",.1f"
    tiny = SeriesView("t", "", [1, 2], [1e-6, -2e-6], [], [3], [0.0], {90.0: ([-1e-6], [1e-6])})
    (said,) = trace(main_figure(tiny), "Forecast").customdata
    assert said == "<br>90 %: −0.000001000 – 0.000001000"


def test_a_fan_leaves_gaps_where_an_interval_is_not_there() -> None:
    low, high = np.array([1.0, 2.0, np.nan, 3.0]), np.array([2.0, 3.0, 4.0, 5.0])
    one = SeriesView("g", "", [0, 1], [1.0, 2.0], [], [2, 3, 4, 5], [1.5] * 4, {90: (low, high)})
    (band,) = (one for one in main_figure(one).data if one.fill == "toself")
    assert band.x == (2, 3, 3, 2, None, 4.75, 5.25, 5.25, 4.75)
    assert band.y == (1.0, 2.0, 3.0, 2.0, None, 3.0, 3.0, 5.0, 5.0)


def test_a_wild_interval_does_not_press_the_values_into_a_line() -> None:
    one = series(intervals={90.0: (np.full(12, -1e9), np.full(12, 1e9))})
    low, high = main_figure(one).layout.yaxis.range
    assert high - low < 5 * np.ptp(series().history)


def test_when_names_are_hostile_then_they_stay_text(tmp_path: Path) -> None:
    bad = HOSTILE[1]
    page = page_of(
        tmp_path,
        title=bad,
        verdict=bad,
        chosen=bad,
        series=[series(name, models=(bad, "Naive")) for name in HOSTILE],
        n_series=2,
        settings={bad: bad},
        notes=[bad],
        findings=[(bad, bad, bad)],
        decisions=[(bad, bad)],
        command=bad,
        leaderboard=[row(bad, 0.5), row("Naive", 1.0)],
        errors_by_step={bad: np.ones(12)},
    )
    text = own_text(page)
    assert "<img" not in text
    assert "<script>alert" not in text
    assert text.count("</script>") == len(re.findall(r"<script[ >]", text))
    # Plotly reads a part of HTML in its texts, so they are escaped once more inside the JSON.
    drawn = figures(text)
    assert drawn[0]["layout"]["yaxis"]["title"]["text"] == "&lt;script&gt;alert(1)&lt;/script&gt;"
    names = [one["name"] for figure in drawn for one in figure["data"]]
    names += [figure["layout"]["yaxis"]["title"]["text"] for figure in drawn]
    assert all("<" not in name for name in names)
    assert "<option>&lt;script&gt;alert(1)&lt;/script&gt;</option>" in text


def test_the_chooser_has_the_typical_the_best_and_the_worst_first(tmp_path: Path) -> None:
    roles = {3: "worst", 5: "best", 9: "typical"}
    many = [
        series(f"s{number}", n=36, h=3, role=roles.get(number, ""), mase=0.1 * number)
        for number in range(40)
    ]
    page = page_of(tmp_path, series=many[:30], n_series=1000, n_scored=980, horizon=3)
    assert re.findall("<option>(.*?)</option>", page)[:4] == [
        "s9 · typical · MASE 0.900",
        "s5 · best · MASE 0.500",
        "s3 · worst · MASE 0.300",
        "s0 · MASE 0.00",
    ]
    text = read(page)
    assert "30 of 1,000 series are drawn" in text
    assert "in each of 980 series" in text
    assert len(figures(page)) == 32
    assert page_of(tmp_path, series=many, n_series=40, horizon=3).count("<option>") == 30


def test_a_page_is_small_enough_for_long_series_and_for_many(tmp_path: Path) -> None:
    n, h = 20_000, 168
    noise = np.random.default_rng(0).normal(size=n)
    models = ("HoltWinters", "LSTM", "Theta", "Blend", "Drift", "SeasonalNaive", "Naive")
    ds = pd.date_range("2020-01-01", periods=n + h, freq="h")
    settings = {"horizon": h, "errors_by_step": dict.fromkeys(models, noise[:h])}
    levels = (50.0, 80.0, 90.0, 95.0)
    one = series(n=n, h=h, ds=ds, windows=10, models=models, levels=levels, history=noise / 3)
    page = page_of(tmp_path, series=[one], **settings)
    assert len(page.encode()) < 6e6
    assert "Of longer series the last 10,000 points are drawn." in read(page)
    assert "Of the backtests the newest are drawn." in read(page)
    page = page_of(tmp_path, series=[one] * 30, n_series=1000, n_scored=1000, **settings)
    assert len(page.encode()) < 15e6
    assert "Of longer series the last 2,666 points are drawn." in read(page)


def test_a_page_in_chinese_has_no_english_left(tmp_path: Path) -> None:
    page = page_of(
        tmp_path,
        lang="zh",
        title="航空",
        verdict="请使用 Holt-Winters。",
        series=[series("甲", role="best", mase=0.5), series("乙")],
        n_series=9,
        n_scored=7,
        settings={"频率": "MS"},
        notes=["已排序。"],
        decisions=[("季节", "每年重复")],
        findings=[("warning", "最后三个值相等", "请检查")],
        command="",
    )
    assert '<html lang="zh-CN">' in page
    names = {one["name"] for figure in figures(page) for one in figure["data"]}
    text = " ".join([read(page), *names])
    for figure in figures(page):
        layout = figure["layout"]
        text += " ".join(note["text"] for note in layout.get("annotations", ()))
        text += " ".join(layout[axis]["title"]["text"] for axis in ("xaxis", "yaxis"))
    words = set(re.findall(r"[A-Za-z][A-Za-z-]+", text))
    known = {"Holt-Winters", "LSTM", "MASE", "sMAPE", "RMSE", "pinball", "MS", "gatecast"}
    assert words <= known | {"JavaScript", "air", "csv"}, words
    assert "季节朴素预测" in names
    assert "甲 · 最好 · MASE 0.500" in page


def test_both_languages_say_the_same_things_with_the_same_parts() -> None:
    english, chinese = _WORDS["en"], _WORDS["zh"]
    assert list(english) == list(chinese)
    for key, text in english.items():
        parts = re.findall(r"{(\w+)}", text)
        assert sorted(set(parts)) == sorted(set(re.findall(r"{(\w+)}", chinese[key]))), key
    assert Words("en").levels([80.0, 90.0, 97.5]) == "80, 90 and 97.5"
    assert Words("zh").levels([90.0]) == "90"
    with pytest.raises(ConfigError, match="English or Chinese"):
        Words("fr")


def test_no_two_models_are_told_apart_by_the_colour_alone() -> None:
    names = ["LSTM", "LSTM-64", "LSTM-128", "Naive", "SeasonalNaive", "HoltWinters", "Theta"]
    names += [
        "Ensemble",
        "ESLSTM",
        "Drift",
        "Blend",
        "AutoETS",
        "AutoARIMA",
        "AutoTheta",
        "Mine",
        "Yours",
    ]
    styles = styles_of(names)
    assert len({style.dash for style in styles.values()}) == len(names)
    assert len({style.symbol for style in styles.values()}) > len(names) // 2
    assert styles_of(reversed(names))["Theta"] == styles["Theta"]


def test_when_nothing_was_scored_then_the_page_says_so(tmp_path: Path) -> None:
    bare = SeriesView("y", "", [1, 2, 3], [1.0, 2.0, 3.0], [], [4], [4.0])
    page = page_of(
        tmp_path,
        series=[bare],
        leaderboard=[],
        n_windows=0,
        n_scored=0,
        horizon=1,
        errors_by_step={},
        calibration={},
        findings=[],
    )
    text = read(page)
    assert "Tested on" in text
    assert "nothing: too little data" in text
    assert "the next step, past the end" in text
    for absent in ("leaderboard", "In the shade", "bands", "check of the data"):
        assert absent not in text


@pytest.mark.parametrize(
    ("ds", "first", "last", "end", "written"),
    [
        (np.arange(48), 0, 47, 47.5, None),
        (
            pd.date_range("2024-03-30", periods=48, freq="h", tz="Europe/Berlin"),
            "2024-03-30T00:00:00",
            "2024-04-01T00:00:00",
            "2024-04-01T00:30:00",
            "%Y-%m-%d %H:%M",
        ),
        (
            [f"{1900 + year}-01-01" for year in range(48)],
            "1900-01-01",
            "1947-01-01",
            "1947-07-02T12:00:00",
            "%Y",
        ),
        (
            pd.date_range("2024-01-31", periods=48, freq="D"),
            "2024-01-31",
            "2024-03-18",
            None,
            "%Y-%m-%d",
        ),
        (
            pd.date_range("2020-01-01", periods=48, freq="MS"),
            "2020-01-01",
            "2023-12-01",
            None,
            "%Y-%m",
        ),
    ],
)
def test_a_figure_takes_numbers_dates_zones_and_text(
    ds: Any, first: object, last: object, end: object, written: str | None
) -> None:
    figure = main_figure(series(n=36, ds=ds), chosen="HoltWinters", season_length=12)
    assert trace(figure, "Observed").x[0] == first
    assert figure.data[-1].x[-1] == last
    assert end is None or figure.layout.xaxis.range[1] == end
    assert figure.layout.xaxis.hoverformat == written
    assert figure.layout.xaxis.rangeslider.visible is None


def test_a_figure_of_a_difficult_series() -> None:
    gaps = SeriesView("g", "", [1, 2, 3], [1.0, np.nan, np.inf], [], [4], [1.0])
    figure = main_figure(gaps)
    assert trace(figure, "Observed").y == (1.0, None, None)
    low, high = figure.layout.yaxis.range
    assert low < 1.0 < high
    empty = SeriesView("e", "", [], [], [], [], [])
    assert trace(main_figure(empty), "Observed").x == ()
    long = SeriesView("l", "", np.arange(10_005), np.zeros(10_005), [], [10_005], [0.0])
    assert len(trace(main_figure(long), "Observed").x) == 10_000
    # Small changes of large numbers survive being written shortly.
    large = SeriesView("n", "", [1, 2, 3], [1e12, 1e12 + 0.25, 1e12 + 0.5], [], [4], [1e12 + 0.75])
    assert np.ptp(trace(main_figure(large), "Observed").y) == 0.5


def test_a_series_without_history_is_drawn_and_explained(tmp_path: Path) -> None:
    new = series("new", n=24, history_ds=[], history=[], backtests=[])
    page = page_of(tmp_path, series=[series(), new], n_series=2)
    assert "Series without history have a forecast only" in page
    assert len(figures(page)) == 4


def test_a_picture_without_matplotlib_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gatecast\[plot\]'"):
        write_png(tmp_path / "a.png", series())
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_picture_is_a_png_of_the_size_asked_for(tmp_path: Path, lang: str) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    hostile = series(r"$\frac{1$", models=("_a $x$", "SeasonalNaive"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        for one in (hostile, SeriesView("", "", [], [], [], [], []), series(n=300, levels=())):
            write_png(tmp_path / "a.png", one, chosen="_a $x$", lang=lang, width=900, height=500)
            head = (tmp_path / "a.png").read_bytes()[:24]
            assert head[:8] == b"\x89PNG\r\n\x1a\n"
            assert struct.unpack(">II", head[16:]) == (900, 500)


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
