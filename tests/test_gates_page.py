"""The gates drawn: the figure, the page, and both in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatecast.errors import ConfigError
from gatecast.gates.trace import Trace
from gatecast.report.gates import gates_section, write_gates_page
from gatecast.report.page import Chart, Section, Slider, render_page
from gatecast.report.scales import IN_DARK, colour_scale

from .browser import Browser, Tab, needs_chromium
from .traces import constructed, network

N = 50
Y = 100 + 20 * np.sin(2 * np.pi * np.arange(N) / 12) + np.random.default_rng(0).normal(size=N)
HOSTILE = '</script><img src="http://evil.example/x" onerror=alert(1)><b>&'


def shop(**changes: Any) -> Trace:
    """Return a trace of months with the tutorial's 5 and 20 units."""
    settings: dict[str, Any] = {"h": 12, "season_length": 12, "freq": "MS"}
    rng = np.random.default_rng(2)
    influence = rng.normal(size=(12, N)) * 0.9 ** np.arange(N)[::-1]
    return network(changes.pop("y", Y), 5, 20, **{**settings, "attribution": influence, **changes})


def drawn(trace: Trace, lang: str = "en") -> dict[str, Any]:
    return dict(json.loads(trace.plot(lang).to_json(engine="json")))


def maps(figure: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in figure["data"] if one["type"] == "heatmap"]


def values(grid: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Return what a heat map has, which plotly writes as base64."""
    import base64

    z = grid["z"]
    shape = [int(size) for size in z["shape"].split(",")]
    return np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"]).reshape(shape)


def test_all_parts_share_the_time_and_the_series_is_on_top() -> None:
    figure = drawn(shop())
    layout = figure["layout"]
    assert {one.get("xaxis", "x") for one in figure["data"]} == {"x"}
    domains = [layout[axis]["domain"] for axis in ("yaxis", *(f"yaxis{k}" for k in range(2, 6)))]
    assert all(low > high for (low, _), (_, high) in pairwise(domains))
    assert [one["name"] for one in figure["data"][:2]] == ["Observed", "Forecast"]
    assert layout["xaxis"]["spikemode"] == "across"
    titles = [note["text"] for note in layout["annotations"]]
    assert [re.findall("<b>(.*)</b>", title)[0] for title in titles] == (
        ["Forget", "Store", "Focus", "sales", "Leaning"]
    )


def test_a_row_is_a_unit_and_the_longest_memory_is_on_top_layer_by_layer() -> None:
    trace = shop()
    forget, store, focus = maps(drawn(trace))[:3]
    layers = [int(re.findall(r"\d+", name)[0]) for name in forget["y"]]
    places = [int(re.findall(r"\d+", name)[1]) - 1 for name in forget["y"]]
    assert layers == [1] * 5 + [2] * 20
    for layer, memory in enumerate(trace.memory_length, 1):
        mine = [memory[place] for at, place in zip(layers, places, strict=True) if at == layer]
        assert mine == sorted(mine, reverse=True)
    layer, place = layers[7] - 1, places[7]
    np.testing.assert_allclose(values(forget)[7], 100 * trace.forget[layer][:, place], atol=0.51)
    np.testing.assert_allclose(values(focus)[7], 100 * trace.output[layer][:, place], atol=0.51)
    written = 100 * np.abs(trace.input[layer] * trace.candidate[layer])[:, place]
    np.testing.assert_allclose(values(store)[7], written, atol=0.51)


def test_buttons_change_between_gates_and_states() -> None:
    trace = shop()
    figure = drawn(trace)
    (menu,) = figure["layout"]["updatemenus"]
    for number, names in enumerate((("Forget", "Store", "Focus"), ("Offered", "Held", "Shown"))):
        shown, layout = menu["buttons"][number]["args"]
        seen = [one for one, yes in zip(figure["data"], shown["visible"], strict=True) if yes]
        assert [one["name"] for one in seen] == ["Observed", "Forecast", *names, "Leaning"]
        assert [note["text"].split("<")[1][2:] for note in layout["annotations"]][:3] == list(names)
    cell = next(one for one in figure["data"] if one["name"] == "Held")
    row = cell["y"].index("Layer 2 · unit 4")
    np.testing.assert_allclose(values(cell)[row], trace.cell[1][:, 3], atol=6e-4)


def test_leaning_has_a_row_a_forecast_step_with_colours_even_around_zero() -> None:
    trace = shop()
    figure = drawn(trace)
    leaning = maps(figure)[-1]
    np.testing.assert_allclose(values(leaning), trace.attribution, rtol=1e-3)
    axis = figure["layout"][leaning["coloraxis"]]
    assert axis["cmin"] == -axis["cmax"]
    one = drawn(shop(h=1, attribution=trace.attribution[:1]))
    (bars,) = [part for part in one["data"] if part["type"] == "bar"]
    assert len(bars["y"]) == N


@pytest.mark.parametrize("sizes", [(1,), (5, 20), (200, 200)])
def test_a_figure_is_as_high_as_can_be_read(sizes: tuple[int, ...]) -> None:
    figure = drawn(network(Y, *sizes, freq="MS"))
    layout = figure["layout"]
    assert 500 < layout["height"] < 1600
    low, high = layout["yaxis2"]["domain"]
    inner = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]
    assert 30 <= (high - low) * inner <= 300
    assert len(values(maps(figure)[0])) == sum(sizes)


def test_a_long_window_is_averaged_and_says_so(tmp_path: Path) -> None:
    n = 4_100
    y = np.sin(np.arange(n) / 10)
    trace = constructed(y, {"forget": np.linspace(0, 1, n)[:, None]}, freq="h")
    forget = values(maps(drawn(trace))[0])[0]
    assert len(forget) == n // 3
    np.testing.assert_allclose(np.diff(forget.astype(float)).max(), 1, atol=0.01)
    assert gates_section(trace)["readouts"]["places"][-1] == str(trace.ds[-1])[:19]
    assert "each column is the mean of 3" in gates_section(trace)["under"]
    figure = drawn(constructed(y[:2_000], freq="h"))
    assert values(maps(figure)[0]).shape == (1, 2_000)


def test_a_long_forecast_does_not_press_the_window_together() -> None:
    figure = drawn(constructed(Y, h=200, attribution=np.ones((200, N))))
    low, high = figure["layout"]["xaxis"]["range"]
    assert (N - low) / (high - low) > 0.6


def test_difficult_traces_are_drawn() -> None:
    gaps = Y.copy()
    gaps[[0, 7, -1]] = np.nan
    ahead = np.append(Y, np.full(4, np.nan))
    for trace in (
        constructed(gaps, freq="D"),
        constructed(np.full(N, 3.0)),
        constructed([1.0], h=1),
        constructed(Y, attribution=np.full((4, N), np.nan)),
        constructed(ahead, ds=np.arange(N + 4), future_ds=np.arange(N, N + 4)),
        constructed(Y, {"forget": 1.0, "input": 0.0, "output": 0.0}),
    ):
        for lang in ("en", "zh"):
            section = json.loads(json.dumps(gates_section(trace, lang), allow_nan=False))
            assert set(section) == {"figure", "sentences", "under", "how", "units", "readouts"}
            lengths = {len(texts) for _, texts in section["readouts"]["rows"]}
            assert lengths == {len(section["readouts"]["places"])} == {len(trace.ds)}
            assert not re.search(r"\bnan\b|\binf\b", json.dumps(section).lower())


def test_each_colour_of_the_scales_has_one_of_its_own_in_the_dark() -> None:
    scales = [[colour for _, colour in colour_scale(name)] for name in
              ("forget", "store", "focus", "signed")]  # fmt: skip
    light = [colour for scale in scales for colour in scale]
    assert len(set(light)) == len(light)
    assert set(light) == set(IN_DARK)
    assert len(set(IN_DARK.values())) == len(IN_DARK)


def page_of(tmp_path: Path, traces: Trace | list[Trace], **settings: Any) -> str:
    write_gates_page(tmp_path / "gates.html", traces, **settings)
    return (tmp_path / "gates.html").read_text(encoding="utf-8")


def read(page: str) -> str:
    text = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", " ", text)).replace("\u00a0", " ")


def test_a_page_says_the_sentences_the_three_words_and_a_table(tmp_path: Path) -> None:
    trace = shop()
    page = page_of(tmp_path, trace)
    said = read(page)
    for sentence in trace.explain():
        assert sentence in said
    for word in ("Forget", "Store", "Focus", "Leaning", "Layer 2 · unit 20"):
        assert word in said
    assert "What the gates did: sales" in said
    trace.report(tmp_path / "own.html", title="My title")
    assert "<h1>My title</h1>" in (tmp_path / "own.html").read_text(encoding="utf-8")


def test_a_page_of_hundreds_of_units_has_those_with_the_longest_memory(tmp_path: Path) -> None:
    page = page_of(tmp_path, network(Y, 200))
    assert page.count('<tr role="row"') == 26
    assert "The 25 with the longest memory of 200." in page


def test_a_page_in_chinese_has_no_english_left(tmp_path: Path) -> None:
    trace = shop(unique_id="甲")
    said = read(page_of(tmp_path, trace, lang="zh"))
    layout = drawn(trace, "zh")["layout"]
    said += " ".join(note["text"] for note in layout["annotations"])
    said += " ".join(button["label"] for button in layout["updatemenus"][0]["buttons"])
    said += json.dumps(gates_section(trace, "zh")["readouts"]["rows"], ensure_ascii=False)
    words = set(re.findall(r"[A-Za-z][A-Za-z-]+", said))
    assert words <= {"LSTM", "gatecast", "JavaScript", "Python"}, words


def test_when_names_are_hostile_then_they_stay_text(tmp_path: Path) -> None:
    page = page_of(tmp_path, [shop(unique_id=HOSTILE), shop(model=HOSTILE)])
    assert "<img" not in page[: page.index('<script id="plotly">')]
    assert '</script><img src="http' not in page
    assert "<b>&<" not in json.dumps(drawn(shop(unique_id=HOSTILE))["layout"]["annotations"])


def test_no_trace_and_no_language_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    for traces, lang in (([], "en"), (shop(), "fr")):
        with pytest.raises(ConfigError):
            write_gates_page(tmp_path / "gates.html", traces, lang=lang)
    assert list(tmp_path.iterdir()) == []


def test_pages_without_a_slider_stay_as_they_are() -> None:
    figure = shop().plot()
    figure.layout.height = None
    slider = Slider("Moment", (0, 1), ("a", "b"), (("Row", ("c", "d")),))
    plain = render_page("t", "l", [Section("s", charts=(Chart("c", figure),))])
    slid = render_page("t", "l", [Section("s", charts=(Chart("c", figure, slider),))])
    assert 'type="range"' not in plain
    assert '<div class="plot">' in plain
    assert slid.count('<input type="range"') == slid.count('<label for="moment-1">') == 1


# In a browser.

Open = Callable[[str], Tab]
PAGES: dict[str, Any] = {
    "en": lambda: shop(),
    "zh": lambda: shop(),
    "one": lambda: network(Y, 1, freq="MS", h=1),
    "two": lambda: [shop(unique_id="first"), shop(unique_id="second", y=Y + 1000)],
}
OUTPUT = "document.querySelector('.moment output').textContent"
LINE = "document.querySelector('.plot').layout.shapes.at(-1).x0"


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
            write_gates_page(path, PAGES[name](), lang="zh" if name == "zh" else "en")
            tabs[name] = Tab(browser, path)
        tabs[name].show()
        tabs[name].wait(OUTPUT)
        return tabs[name]

    yield visit
    for name, tab in tabs.items():
        assert tab.complaints() == [], name
        assert tab.requests() <= {"file", "data", "blob"}, name
        tab.close()


KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36}


def press(tab: Tab, key: str) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        tab.ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=KEYS[key])


@needs_chromium
@pytest.mark.parametrize("name", ["en", "zh", "one"])
def test_arrow_keys_move_the_line_through_all_parts_and_say_what_is_there(
    opened: Open, name: str
) -> None:
    tab = opened(name)
    tab.wait(f"{LINE} === '2019-02-01'")
    tab.run("document.querySelector('.moment input').focus()")
    press(tab, "ArrowLeft")
    tab.wait(f"{LINE} === '2019-01-01'")
    assert tab.run(OUTPUT).startswith("2019-01")
    spoken = tab.run("document.querySelector('.moment input').getAttribute('aria-valuetext')")
    assert spoken == tab.run(OUTPUT)
    assert tab.run("document.querySelectorAll('.moment dl > div').length") == 4
    press(tab, "Home")
    tab.wait(f"{LINE} === '2015-01-01'")
    press(tab, "ArrowRight")
    tab.wait(f"{LINE} === '2015-02-01'")
    where = "document.querySelector('.plot').layout.shapes.at(-1)"
    assert tab.run(f"[{where}.y0, {where}.y1, {where}.yref]") == [0, 1, "paper"]


@needs_chromium
def test_the_mouse_over_a_heat_map_moves_the_slider(opened: Open) -> None:
    tab = opened("en")
    tab.run("document.querySelector('.plot').scrollIntoView({block: 'start'})")
    box = tab.run("""(({left, top, width, height}) => [left, top, width, height])(
        document.querySelectorAll('.nsewdrag')[1].getBoundingClientRect())""")
    before = tab.run(OUTPUT)
    tab.hover(box[0] + box[2] * 0.3, box[1] + box[3] * 0.6)
    tab.wait(f"{OUTPUT} !== {json.dumps(before)}")
    label = "document.querySelector('.hoverlayer').textContent"
    tab.wait(f"/unit \\d+: keeps \\d+ %/.test({label})")
    month = tab.run(OUTPUT)[:7]
    tab.wait(f"{label}.includes({json.dumps(month)})")
    tab.wait(f"{LINE}.startsWith({json.dumps(month)})")


@needs_chromium
def test_a_button_shows_the_states_and_the_slider_goes_on(opened: Open) -> None:
    tab = opened("one")
    name = """(({x, y, width, height}) => [x + width / 2, y + height / 2])(
      document.querySelectorAll('.views button')[1].getBoundingClientRect())"""
    tab.run("document.querySelector('.moment').scrollIntoView()")
    tab.click(*tab.run(name))
    tab.wait("[...document.querySelectorAll('.annotation-text')].some("
             "e => e.textContent.startsWith('Held'))")  # fmt: skip
    pressed = "[...document.querySelectorAll('.views button')].map(b => b.ariaPressed)"
    assert tab.run(pressed) == ["false", "true"]
    tab.run("document.querySelector('.moment input').focus()")
    press(tab, "Home")
    tab.wait(f"{LINE} === '2015-01-01'")
    seen = (
        "document.querySelector('.plot').data.filter(d => d.visible).map(d => d.name).slice(2, 5)"
    )
    assert tab.run(seen) == ["Offered", "Held", "Shown"]
    tab.run("document.querySelector('.views button').click()")
    tab.wait(f"{seen}.join() === 'Forget,Store,Focus'")
    assert tab.run(LINE) == "2015-01-01"


@needs_chromium
def test_the_chooser_changes_series_and_slider(opened: Open) -> None:
    tab = opened("two")
    first = tab.run(OUTPUT)
    tab.run("(s => { s.selectedIndex = 1; s.dispatchEvent(new Event('change')) })("
            "document.querySelector('select'))")  # fmt: skip
    tab.wait(f"{OUTPUT} !== {json.dumps(first)}")
    assert re.fullmatch(r"2019-02: 1,\d+", tab.run(OUTPUT))
    tab.wait("document.querySelector('.annotation-text').parentNode.parentNode && "
             "[...document.querySelectorAll('.annotation-text')].some("
             "e => e.textContent.startsWith('second'))")  # fmt: skip


@needs_chromium
@pytest.mark.parametrize("name", ["en", "zh", "one"])
def test_heat_maps_are_drawn_on_any_screen(opened: Open, name: str) -> None:
    tab = opened(name)
    for settings in ({"dark": True}, {"width": 375, "phone": True}, {}):
        tab.show(**settings)
        paper = "rgb(22, 27, 34)" if "dark" in settings else "rgb(255, 255, 255)"
        tab.wait(f"document.querySelector('.main-svg').style.background === '{paper}'")
        width = settings.get("width", 1200)
        tab.wait(
            f"[...document.querySelectorAll('.main-svg')].every(s => s.clientWidth <= {width})"
        )
        tab.wait("document.querySelectorAll('.heatmaplayer image').length >= 3")
        assert tab.run("document.scrollingElement.scrollWidth") <= width
        apart = """[...document.querySelectorAll('.annotation-text')].every(a =>
          [...document.querySelectorAll('.colorbar text')].every(b => {
            const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
            return p.right <= q.left || q.right <= p.left || p.bottom <= q.top || q.bottom <= p.top;
          }))"""
        assert tab.run(apart), settings


@needs_chromium
def test_the_scales_follow_the_screen(opened: Open) -> None:
    tab = opened("en")
    scale = "document.querySelector('.plot').layout.coloraxis2.colorscale[0][1]"
    assert tab.run(scale) == colour_scale("forget")[0][1]
    tab.show(dark=True)
    tab.wait(f"{scale} === {json.dumps(IN_DARK[str(colour_scale('forget')[0][1])])}")


@needs_chromium
def test_a_page_prints_with_its_whole_figure(opened: Open) -> None:
    tab = opened("en")
    tab.run("addEventListener('beforeprint', () => { window.printed = "
            "document.querySelector('.plot')._fullLayout.width })")  # fmt: skip
    assert tab.pdf().startswith(b"%PDF")
    assert tab.run("window.printed") == 660


def test_a_trace_that_changes_its_name_only_is_drawn_alike() -> None:
    trace = shop()
    other = replace(trace, unique_id="other")
    assert maps(drawn(trace)) == maps(drawn(other))
