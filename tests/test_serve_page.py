"""The page of ``gatecast serve`` in a real browser, against the real server."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gatecast.report.figures import SCHEME

pytest.importorskip("fastapi", reason="the extra serve is not installed")
pytest.importorskip("uvicorn", reason="the extra serve is not installed")
pytest.importorskip("openpyxl", reason="the extra serve is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")

PATIENCE = 60_000  # milliseconds; a machine that is busy is slow
SERVE = Path(str(importlib.util.find_spec("gatecast.serve").origin)).parent  # type: ignore[union-attr]
PAGE = SERVE / "page"
LONG = "a-shop-with-a-name-that-is-much-longer-than-any-telephone-is-wide-" * 2


def table(months: int = 60, *names: str) -> str:
    """Return monthly sales as CSV, of one shop or of several."""
    t = np.arange(months)
    y = (
        100 + t + 20 * np.sin(t * np.pi / 6) + np.random.default_rng(5).normal(0, 1, months)
    ).round(1)
    stamps = pd.period_range("2019-01", periods=months, freq="M").astype(str)
    parts = [
        pd.DataFrame({**({"shop": name} if name else {}), "month": stamps, "sales": y})
        for name in names or ("",)
    ]
    return str(pd.concat(parts).to_csv(index=False))


class Server:
    """A server of our own, in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "gatecast", "serve", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--folder", str(folder), *options],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "GATECAST_TOKEN": ""},
        )
        assert self.process.stderr is not None
        said = ""
        for line in self.process.stderr:
            said += line
            if found := re.search(r"gatecast is at (http://\S+)", line):
                self.address = found[1].rstrip("/")
                return
        self.close()
        raise AssertionError(f"no address: {said}")

    def ask(self, path: str, body: Any = None) -> Any:
        """Return what the REST door answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.address + path, data, {"Content-Type": "application/json"} if data else {}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if "json" in answer.headers["Content-Type"] else content

    def forecast(self, csv: str, title: str, **settings: Any) -> str:
        """Begin a forecast; return the job."""
        asked = {"csv": csv, "h": 6, "models": ["lstm", "naive"], "title": title, **settings}
        return str(self.ask("/v1/forecast", asked)["job"])

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stderr is not None
            self.process.stderr.close()


Open = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("served"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def job(server: Server) -> str:
    """A forecast of two shops with long names, begun before it is needed."""
    return server.forecast(table(60, f"{LONG}1", f"{LONG}2"), f"{LONG}.csv")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as runner:
        expect.set_options(timeout=PATIENCE)
        browser = runner.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Any, server: Server) -> Iterator[Open]:
    """Open pages; in the end nothing was complained of, and nobody else was asked for anything."""
    contexts, complaints, asked = [], [], []
    allowed: list[str] = []

    def visit(
        hash: str = "",
        *,
        lang: str = "en",
        width: int = 1200,
        dark: bool = False,
        address: str = "",
        refused: str = "",
    ) -> Any:
        allowed.extend([refused] if refused else [])
        context = browser.new_context(
            locale={"en": "en-GB", "zh": "zh-CN"}[lang],
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append((request.url, address or server.address)))
        page.goto((address or server.address) + "/" + hash)
        page.wait_for_selector("main h1")
        return page

    yield visit
    for context in contexts:
        context.close()
    # Chromium reports every answer of 4xx as an error of the console.
    assert [said for said in complaints if not any(one in said for one in allowed)] == []
    assert asked
    for url, own in asked:
        assert url.startswith((f"{own}/", "blob:", "data:")), url


def choose(page: Any, csv: str, name: str = "sales.csv") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "text/csv", "buffer": csv.encode()})


def await_result(page: Any) -> None:
    page.wait_for_selector("#verdict")
    page.wait_for_selector(".drawn .scatterlayer .trace path.js-line")
    page.wait_for_selector("#gates .heatmaplayer image")


@in_browser
def test_a_file_becomes_a_forecast_that_can_be_taken_away(
    opened: Open, server: Server, tmp_path: Path
) -> None:
    page = opened()
    choose(page, table())
    page.wait_for_selector("#forecast")
    understood = page.inner_text("main")
    assert "One series, every month: 60 values from January 2019 to December 2023." in understood
    page.wait_for_selector(".low .scatterlayer path.js-line")
    assert page.input_value("#h") == "12"
    page.fill("#h", "6")
    assert page.inner_text("#until") == "until June 2024"
    page.click("#advanced > summary")
    page.check("#model-lstm")
    page.check("#model-naive")
    page.click("#forecast")
    await_result(page)
    assert page.inner_text("h1") == "sales.csv"
    id = page.evaluate("location.hash").split("/")[-1]
    result = server.ask(f"/v1/jobs/{id}")["result"]
    assert (
        page.locator("table tbody tr.marked th")
        .inner_text()
        .startswith({"HoltWinters": "Holt-Winters"}.get(result["chosen"], result["chosen"]))
    )

    page.click("#explain-mase")
    assert "mean error" in page.inner_text("#explained")
    page.click("#numbers > summary")
    assert page.locator("#numbers tbody tr").count() == 6
    said = page.inner_text(".slider output")
    page.focus("#moment")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text(".slider output") != said

    for kind, begin in (("csv", b"ds"), ("xlsx", b"PK"), ("report", b"<!DOCTYPE html>")):
        with page.expect_download() as waiting:
            page.click(f"#download-{kind}")
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        assert path.name.startswith("sales-")
        assert begin in path.read_bytes()[:40]
    saved = (tmp_path / "sales-forecast.csv").read_bytes()
    assert saved == server.ask(f"/v1/jobs/{id}/forecast.csv")
    frame = pd.read_csv(tmp_path / "sales-forecast.csv")
    assert frame["forecast"].tolist() == [row["forecast"] for row in result["forecast"]]


@in_browser
def test_a_finished_forecast_opens_by_its_address_in_both_languages(opened: Open, job: str) -> None:
    page = opened(f"#/job/{job}", lang="zh")
    await_result(page)
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert "遗忘" in page.inner_text("#gates")
    assert "预测" in page.inner_text("main")
    first = page.locator(".drawn .legendtext").first
    expect(first).to_have_text("观测值")
    page.select_option("#series", index=1)
    expect(page.locator(".drawn figure")).to_have_attribute("aria-label", re.compile("-2 "))
    page.click("#language")
    expect(first).to_have_text("Observed")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "Forget" in page.inner_text("#gates")
    page.reload()
    page.wait_for_selector("#verdict")
    assert page.inner_text("#language") == "中文"  # it is remembered


@in_browser
def test_paper_is_white_on_a_dark_screen(opened: Open, job: str) -> None:
    page = opened(f"#/job/{job}", dark=True)
    await_result(page)
    page.evaluate(
        """addEventListener('beforeprint', () => { window.printed = [...document.querySelectorAll(
          '.plot')].map(p => `${p._fullLayout.paper_bgcolor} ${p._fullLayout.width}`) })"""
    )
    assert page.pdf().startswith(b"%PDF")
    assert set(page.evaluate("window.printed")) == {"#ffffff 660"}


@in_browser
def test_the_keyboard_is_enough(opened: Open) -> None:
    page = opened()
    page.wait_for_selector("#example-shop_sales")

    def tab_to(id: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == id:
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", id
                return
        raise AssertionError(f"{id} is never reached")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to("example-shop_sales")
    page.keyboard.press("Enter")
    page.wait_for_selector("#forecast")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    tab_to("h")
    page.keyboard.press("Control+A")
    page.keyboard.type("3")
    page.keyboard.press("Tab")  # to the summary of the advanced settings
    page.keyboard.press("Enter")
    tab_to("model-naive")
    page.keyboard.press("Space")
    tab_to("forecast")
    assert page.inner_text("#forecast") == "Forecast 3 months"
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    tab_to("download-csv")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "shop_sales-forecast.csv"
    tab_to("keep")


@in_browser
def test_a_file_that_cannot_be_read_is_told_with_what_to_do(opened: Open) -> None:
    page = opened(refused="422")
    choose(page, "just,words\na,b\nc,d\n", "words.csv")
    box = page.wait_for_selector(".box.error")
    assert "What to do:" in box.inner_text()
    assert box.get_attribute("role") == "alert"
    page.wait_for_selector("#time_col option[value=words]", state="attached")
    assert page.locator("#forecast").count() == 0


@in_browser
def test_a_server_out_of_reach_is_tried_again(opened: Open) -> None:
    page = opened(refused="ERR_INTERNET_DISCONNECTED")
    page.wait_for_selector("#example-shop_sales .spark svg")
    page.context.set_offline(True)
    page.click("#example-shop_sales")
    assert "The server cannot be reached." in page.inner_text(".box.error")
    page.context.set_offline(False)
    page.click("#try-again")
    page.wait_for_selector("#forecast")


@in_browser
def test_a_file_that_is_too_large_is_not_even_sent(opened: Open, server: Server) -> None:
    page = opened()
    page.wait_for_selector("#file", state="attached")
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(51e6)], 'large.csv'));
          const input = document.getElementById('file');
          input.files = data.files;
          input.dispatchEvent(new Event('change'));
        }"""
    )
    assert "at most 50 MB" in page.inner_text(".box.error")


@in_browser
def test_a_workbook_a_pasted_and_a_dropped_table_are_read(opened: Open, tmp_path: Path) -> None:
    page = opened()
    pd.read_csv(io.StringIO(table(40))).to_excel(tmp_path / "sales.xlsx", index=False)
    page.set_input_files("#file", tmp_path / "sales.xlsx")
    expect(page.locator("main")).to_contain_text("One series, every month: 40 values")
    options = page.locator("#target_col option")
    assert [text.strip() for text in options.all_text_contents()][1:] == ["month", "sales"]

    page.click("text=Choose another file")
    page.click("#paste-details > summary")
    page.fill("#paste", table(41).replace(",", "\t"))
    page.click("text=Use this table")
    expect(page.locator("main")).to_contain_text("One series, every month: 41 values")

    page.click("text=Choose another file")
    page.wait_for_selector("#drop")
    page.evaluate(
        """csv => {
          const data = new DataTransfer();
          data.items.add(new File([csv], 'dropped.csv'));
          for (const kind of ['dragenter', 'drop']) document.body.dispatchEvent(
            new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        table(42),
    )
    expect(page.locator("main")).to_contain_text("One series, every month: 42 values")
    assert page.inner_text("h1") == "dropped.csv"


@in_browser
def test_errors_in_the_data_block_a_forecast_until_they_are_remedied(opened: Open) -> None:
    page = opened()
    csv = table(40)
    choose(page, csv + csv.splitlines()[-1] + "\n")
    page.wait_for_selector(".findings .error")
    assert page.locator("#forecast").count() == 0
    assert "row" in page.inner_text(".findings .error .places")
    page.click("#remedy-duplicate-mean")
    page.wait_for_selector("#forecast")
    assert page.input_value("#duplicates") == "mean"


@in_browser
def test_columns_can_be_changed(opened: Open) -> None:
    page = opened()
    frame = table(40).splitlines()
    choose(
        page, "\n".join([f"{frame[0]},visits", *(f"{row},{i}" for i, row in enumerate(frame[1:]))])
    )
    page.wait_for_selector("#forecast")
    assert "each column of numbers is a series" in page.inner_text(".facts")
    page.click("#reading > summary")
    page.focus("#target_col")
    page.select_option("#target_col", "visits")
    expect(page.locator(".facts")).to_contain_text("visits")
    assert page.evaluate("document.activeElement.id") == "target_col"
    page.click("#language")
    expect(page.locator("h2").first).to_have_text("文件是这样理解的")
    assert page.input_value("#target_col") == "visits"


@in_browser
def test_a_reload_finds_the_job_again_and_it_can_be_cancelled(opened: Open, server: Server) -> None:
    # One job runs at a time: the next waits for this one.
    first = server.forecast(table(400), "first.csv", models=["lstm", "eslstm"], h=12)
    page = opened()
    choose(page, table(), "second.csv")
    page.wait_for_selector("#forecast")
    page.click("#forecast")
    page.wait_for_selector("#progress")
    page.reload()
    page.wait_for_selector("#progress")
    assert page.inner_text("h1") == "second.csv"
    expect(page.locator("#stage")).to_contain_text("Waiting")
    page.click("#cancel")
    page.wait_for_selector("text=This forecast was cancelled.")
    page.evaluate(f"location.hash = '#/job/{first}'")
    page.wait_for_selector("#cancel")
    page.click("#cancel")
    page.wait_for_selector("text=This forecast was cancelled.")


@in_browser
def test_a_model_is_kept_used_and_deleted(opened: Open, job: str, server: Server) -> None:
    page = opened(f"#/job/{job}")
    page.fill("#model-name", "shops")
    page.click("#keep")
    page.click("text=See the models")
    page.click("#predict-details-shops > summary")
    page.fill("#h-shops", "4")
    page.click("#predict-shops")
    page.wait_for_selector(".models .scatterlayer path.js-line")
    with page.expect_download() as waiting:
        page.click("text=Download as CSV")
    frame = pd.read_csv(waiting.value.path())
    assert len(frame) == 8
    page.click("#delete-shops")
    assert [model["name"] for model in server.ask("/v1/models")["models"]] == ["shops"]
    page.click("#delete-shops")
    page.wait_for_selector(".empty")
    assert server.ask("/v1/models")["models"] == []


@in_browser
def test_a_server_with_a_token_asks_for_it_once(opened: Open, tmp_path: Path) -> None:
    server = Server(tmp_path, "--token", "open-sesame")
    try:
        page = opened(address=server.address, refused="401")
        page.wait_for_selector("#token[open]")
        page.keyboard.press("Escape")  # nothing holds the keyboard
        expect(page.locator(".box.error")).to_contain_text("Without the token")
        page.reload()
        page.wait_for_selector("#token[open]")
        assert page.evaluate("document.activeElement.id") == "token-value"
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#token-wrong")).not_to_be_empty()
        page.keyboard.type("open-sesame")
        page.keyboard.press("Enter")
        page.click("#example-shop_sales")
        page.wait_for_selector("#forecast")
        assert page.evaluate("sessionStorage.length") == 1
    finally:
        server.close()


NAMELESS = """[...document.querySelectorAll('button, a, input, select, textarea, summary, dialog,'
  + 'nav, figure, [role=region], progress')].filter(e => e.checkVisibility() &&
  !e.closest('.plot') && !(e.ariaLabel || e.labels?.length || e.innerText?.trim() ||
  e.getAttribute('aria-labelledby'))).map(e => e.outerHTML)"""
LEVELS = """[...document.querySelectorAll('h1, h2, h3')].filter(e => e.checkVisibility()).map(
  e => Number(e.tagName[1]))"""
DOUBLE = """(ids => ids.filter((id, i) => ids.indexOf(id) !== i))(
  [...document.querySelectorAll('[id]:not(svg *)')].map(e => e.id))"""
# Text that stands out too little from what is behind it, by the measure of WCAG.
FAINT = """(() => {
  const parse = c => (m => m.length < 4 ? [...m, 1] : m)(c.match(/[\\d.]+/g).map(Number));
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(
    v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce(
    (sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0.99) return c; }
    return [255, 255, 255, 1]; };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = [];
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    const seen = texts.currentNode.data.trim() && e.checkVisibility();
    if (!seen || e.closest('svg, .hidden, noscript')) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push([texts.currentNode.data, ratio]);
  }
  return faint;
})()"""


WIDEST = """Math.max(...[...document.querySelectorAll('body *')].filter(
  e => !e.closest('svg, .scroll, .hidden, .hidden-input, .skip')).map(
  e => e.getBoundingClientRect().right))"""


@in_browser
@pytest.mark.parametrize(("lang", "width", "dark"), [("en", 390, False), ("zh", 360, True)])
def test_a_phone_shows_all_and_everything_has_a_name_and_can_be_read(
    opened: Open, job: str, lang: str, width: int, dark: bool
) -> None:
    page = opened(lang=lang, width=width, dark=dark)

    def sound(state: str) -> None:
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width, state
        assert page.evaluate(WIDEST) <= width, state
        for what in (NAMELESS, DOUBLE, FAINT):
            assert page.evaluate(what) == [], state
        levels = page.evaluate(LEVELS)
        assert levels[0] == 1, state
        assert levels.count(1) == 1, state
        assert all(b - a <= 1 for a, b in pairwise(levels)), state
        for landmark in ("header.bar", "nav[aria-label]", "main", "footer"):
            assert page.locator(landmark).count() == 1, state
        assert page.title().endswith("gatecast"), state

    def open_all(*ids: str) -> None:
        for id in ids:
            page.click(f"#{id} > summary")

    page.wait_for_selector(".card .spark svg")
    open_all("shape-details", "paste-details")
    sound("start")
    csv = table(40, f"{LONG}1", f"{LONG}2")
    choose(page, csv + csv.splitlines()[-1] + "\n", f"{LONG}.csv")
    page.wait_for_selector(".findings .error")
    page.wait_for_selector(".low .scatterlayer path.js-line")
    sound("blocked")
    page.click("#remedy-duplicate-sum")
    page.wait_for_selector("#forecast")
    open_all("advanced", "reading-more")
    sound("data")
    page.evaluate(f"location.hash = '#/job/{job}'")
    await_result(page)
    open_all("numbers", "gates-how", "gates-units")
    page.click("#explain-mase")
    sound("result")
    for view in ("#/jobs", "#/models"):
        page.evaluate(f"location.hash = '{view}'")
        page.wait_for_selector(".rows li, .models, .empty")
        sound(view)


def _words(lang: str) -> dict[str, str]:
    return dict(json.loads((PAGE / f"words.{lang}.json").read_text(encoding="utf-8")))


def test_both_languages_say_the_same_things_with_the_same_parts() -> None:
    english, chinese = _words("en"), _words("zh")
    assert english.keys() == chinese.keys()
    parts = {
        lang: {key: set(re.findall(r"\{\w+\}", text)) for key, text in words.items()}
        for lang, words in (("en", english), ("zh", chinese))
    }
    differ = {key for key in english if parts["en"][key] != parts["zh"][key]}
    assert differ <= {"bound_hi"}  # a column of its own has a longer name in Chinese


def test_the_page_says_nothing_that_has_no_words() -> None:
    words = _words("en")
    sources = "".join(path.read_text(encoding="utf-8") for path in PAGE.glob("*.js"))
    sources += (PAGE / "index.html").read_text(encoding="utf-8")
    said = set(re.findall(r"""(?:say\(|data-say=|data-label=)["'](\w+)["']""", sources))
    assert said <= words.keys()
    counted = set(re.findall(r"""counted\("(\w+)\"""", sources))
    assert {f"{what}_{n}" for what in counted for n in ("1", "n")} <= words.keys()


def test_colours_and_words_are_those_of_the_reports() -> None:
    make_look = _script(PAGE / "make_look.py")
    assert (PAGE / "look.json").read_text(encoding="utf-8") == make_look.look()
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    for name, (light, dark) in SCHEME.items():
        assert f"--{name}: light-dark({light}, {dark});" in style


def test_examples_come_out_as_they_are(tmp_path: Path) -> None:
    script = SERVE / "examples" / "make_examples.py"
    shutil.copy(script, tmp_path)
    _script(tmp_path / script.name).main()
    made = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    assert made == {path.name: path.read_bytes() for path in script.parent.glob("*.csv")}
    assert len(made) == 3
    assert all(f"example_{Path(name).stem}" in _words("en") for name in made)


def _script(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
