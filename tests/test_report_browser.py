"""The pages in a real browser: headless Chromium, spoken to over a pipe."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatecast.demo import DemoResult, Score
from gatecast.report import (
    Backtested,
    ForecastView,
    SeriesView,
    write_demo_page,
    write_forecast_page,
)

from .browser import Browser, Tab, needs_chromium
from .traces import sine_trace

pytestmark = needs_chromium

Open = Callable[..., Tab]


X = np.arange(30.0)
DEMO = DemoResult(
    x=X,
    y=np.sin(X),
    context_length=10,
    first_test=25,
    point_by_point=np.sin(X[25:]),
    persistence=np.sin(X[24:29]),
    full_sequence=np.sin(X[10:]),
    multiple_sequences=np.split(np.sin(X[10:]), 2),
    prediction_len=10,
    future_x=X + 30,
    future=np.sin(X + 30),
    future_truth=np.sin(X + 30),
    scores={name: Score(0.1, 5) for name in ("point_by_point", "persistence", "future")},
    history={"loss": [0.5, 0.1], "val_loss": [0.6, 0.2]},
    epochs=2,
    seed=0,
    hidden_size=(5,),
    n_parameters=9,
    seconds_fit=0.1,
    seconds_total=0.2,
    trace=sine_trace(),
)


def series(name: str, level: float, role: Any = "") -> SeriesView:
    ds = np.datetime64("2019-01") + np.arange(72)
    y = level + np.round(level * np.sin(np.arange(72) * np.pi / 6) / 4)
    tests = [
        Backtested(
            ds[start : start + 12],
            {"HoltWinters": y[start : start + 12] + 2, "Naive": np.full(12, y[start - 1])},
            {90.0: (y[start : start + 12] - 9, y[start : start + 12] + 11)},
        )
        for start in (36, 48)
    ]
    bands = {90.0: (y[60:] - 10, y[60:] + 10)}
    return SeriesView(name, role, ds[:60], y[:60], tests, ds[60:], y[60:], bands, 0.5)


def view(lang: Any = "en") -> ForecastView:
    rows = [("HoltWinters", 0.5), ("Naive", 1.0)]
    return ForecastView(
        title="sales-of-a-shop-with-a-very-long-name-that-does-not-fit-a-phone.csv",
        verdict="Holt-Winters beats the naive forecast by 50 % ± 9 % over 2 backtests; use it.",
        chosen="HoltWinters",
        lang=lang,
        horizon=12,
        season_length=12,
        series=[series("shop " * 12, 400, "typical"), series("kiosk", 40, "best")],
        n_series=1000,
        n_scored=1000,
        leaderboard=[
            {"model": name, "mase": mase, "smape": 1e4 * mase, "rmse": 1e6 * mase}
            | {"pinball": 1e6, "coverage_90": 0.9, "skill": 1 - mase, "seconds": 12.3}
            for name, mase in rows
        ],
        n_windows=2,
        errors_by_step={name: np.linspace(mase, 2 * mase, 12) for name, mase in rows},
        calibration={50.0: 48.0, 80.0: 79.0, 90.0: 91.0, 95.0: 95.5},
        findings=[("warning", "The last 3 values are equal. " * 3, "Look at the export. " * 3)],
        decisions=[("A season of 12 steps", "Months repeat each year, as a rule.")],
        settings={"Seed": "0", "Source": "a/very/long/path/without/any/space" * 4},
        command="gatecast forecast " + "x" * 120 + " -h 12 --seed 0",
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Open pages, each once; in the end nothing was complained of or asked of a network."""
    tabs: dict[str, Tab] = {}

    def visit(name: str) -> Tab:
        if name not in tabs:
            path = tmp_path_factory.mktemp("pages") / f"{name}.html"
            if name == "demo":
                write_demo_page(path, DEMO)
            else:
                write_forecast_page(path, view(name))
            tabs[name] = Tab(browser, path)
        return tabs[name]

    yield visit
    for name, tab in tabs.items():
        assert tab.complaints() == [], name
        assert "file" in tab.requests(), name
        assert tab.requests() <= {"file", "data", "blob"}, name
        tab.close()


@pytest.mark.parametrize(("name", "n_charts"), [("en", 3), ("zh", 3), ("demo", 7)])
def test_a_page_draws_its_charts_in_the_colours_of_the_screen(
    opened: Open, name: str, n_charts: int
) -> None:
    tab = opened(name)
    lines = "[...document.querySelectorAll('figure')].map(f => "
    lines += "f.querySelectorAll('.scatterlayer .trace path.js-line').length)"
    paper = "document.querySelector('.main-svg').style.background"
    for dark, colour in ((False, "rgb(255, 255, 255)"), (True, "rgb(22, 27, 34)")):
        tab.show(dark=dark)
        tab.wait(f"{paper} === '{colour}'")
        drawn = tab.run(lines)
        assert len(drawn) == n_charts
        assert all(drawn)


@pytest.mark.parametrize("name", ["en", "zh", "demo"])
def test_a_phone_shows_a_page_without_scrolling_sideways(opened: Open, name: str) -> None:
    tab = opened(name)
    tab.show(width=375, phone=True)
    assert tab.run("innerWidth") == 375
    tab.wait("[...document.querySelectorAll('.main-svg')].every(s => s.clientWidth <= 375)")
    assert tab.run("document.scrollingElement.scrollWidth") <= 375
    widest = "Math.max(...[...document.querySelectorAll('main *:not(.scroll *)')].filter("
    widest += "e => !e.closest('svg')).map(e => e.getBoundingClientRect().right))"
    assert tab.run(widest) <= 375


def test_what_is_wrong_with_a_page_is_noticed(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<svg class=main-svg></svg><img src='http://127.0.0.1:9/x.png'>"
        "<script>console.error('a'); throw new Error('b')</script>"
    )
    tab = Tab(browser, tmp_path / "a.html")
    assert len(tab.complaints()) >= 2
    assert "http" in tab.requests()
    tab.close()


def test_the_mouse_over_a_chart_is_told_date_value_and_interval(opened: Open) -> None:
    tab = opened("en")
    tab.show()
    box = tab.run("(({x, y, width, height}) => [x, y, width, height])("
                  "document.querySelector('.nsewdrag').getBoundingClientRect())")  # fmt: skip
    label = "document.querySelector('.hoverlayer .legend')"
    tab.hover(box[0] + box[2] * 0.95, box[1] + box[3] / 2)
    tab.wait(label)
    said = [*tab.run(f"[...{label}.querySelectorAll('.legendtitletext, .legendtext tspan, "
                     ".legendtext')].map(e => e.textContent)")]  # fmt: skip
    assert re.fullmatch(r"2024-\d\d", said[0])
    text = " ".join(said)
    low, high = map(float, re.search(r"90 %: (\S+) – (\S+)", text).groups())  # type: ignore[union-attr]
    value = float(re.search(r"Holt-Winters : (\d+\.\d)", text)[1])  # type: ignore[index]
    assert (low, high) == (value - 10, value + 10)
    tab.hover(box[0] + box[2] * 0.7, box[1] + box[3] / 2)
    tab.wait(f"/Observed : \\d+Holt/.test({label}?.textContent)")
    assert tab.run(f"{label}.textContent.match(/90 %/g).length") == 1


def test_the_chooser_switches_the_series(opened: Open) -> None:
    tab = opened("en")
    tab.show()
    title = "document.querySelector('.ytitle').textContent"
    assert tab.run(title).startswith("shop")
    options = tab.run("[...document.querySelectorAll('option')].map(o => o.textContent.trim())")
    assert options[1] == "kiosk · best · MASE 0.500"
    before = tab.run("document.querySelector('.plot').layout.yaxis.range")
    tab.run("(s => { s.selectedIndex = 1; s.dispatchEvent(new Event('change')) })("
            "document.querySelector('select'))")  # fmt: skip
    tab.wait(f"{title} === 'kiosk'")
    assert tab.run("document.querySelector('figure').getAttribute('aria-label')") == options[1]
    assert tab.run("document.querySelector('.plot').layout.yaxis.range")[1] < before[0]


def test_a_name_shows_and_hides_a_line_and_the_buttons_are_out_of_its_way(opened: Open) -> None:
    tab = opened("en")
    tab.show()
    above = """[...document.querySelectorAll('figure')].every(f =>
      f.querySelector('.modebar').getBoundingClientRect().bottom <=
      f.querySelector('.legend .legendtext').getBoundingClientRect().top + 4)"""
    assert tab.run(above)
    seen = "document.querySelector('.plot').data.find(t => t.name === 'Holt-Winters').visible"
    name = """(({x, y, width, height}) => [x + width / 2, y + height / 2])(
      [...document.querySelector('.plot').querySelectorAll('.traces')].find(
        e => e.textContent === 'Holt-Winters').querySelector('.legendtoggle')
      .getBoundingClientRect())"""
    for shown in ("legendonly", True):
        tab.click(*tab.run(name))
        tab.wait(f"{seen} === {json.dumps(shown)}")


def test_a_page_prints_with_light_charts_of_the_width_of_paper(opened: Open) -> None:
    tab = opened("en")
    tab.show(dark=True)
    tab.run("addEventListener('beforeprint', () => { window.printed = "
            "[...document.querySelectorAll('.plot')].map(p => [p._fullLayout.width, "
            "p._fullLayout.paper_bgcolor]) })")  # fmt: skip
    pdf = tab.pdf()
    assert pdf.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 6
    assert tab.run("window.printed") == [[660, "#ffffff"]] * 3
