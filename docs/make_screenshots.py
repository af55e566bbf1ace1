"""Take the pictures of ``gatecast serve`` that the docs show, with Chromium.

    python docs/make_screenshots.py

It starts a server of its own in a temporary folder, drives the page as a reader would, and writes
docs/pictures/serve-*.png. Needed are the extra ``serve``, playwright and Chromium on the PATH.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).resolve().parent / "pictures"
PHONE, DESKTOP = 390, 1120
PATIENCE = 120_000  # milliseconds
MOST = 250_000  # bytes of a picture


@contextmanager
def served() -> Iterator[str]:
    """Start a server; yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "gatecast", "serve", "--port", "0", "--folder", folder]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert server.stderr is not None
        try:
            found = None
            for line in server.stderr:
                if found := re.search(r"gatecast is at (http://\S+)", line):
                    break
            if found is None:
                raise SystemExit("The server did not start.")
            yield found[1].rstrip("/")
        finally:
            server.terminate()
            server.wait(30)


@contextmanager
def reader(
    browser: Browser, address: str, lang: str, width: int, *, dark: bool = False
) -> Iterator[Page]:
    """Open the page in a language, on a screen of some width."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        locale={"en": "en-GB", "zh": "zh-CN"}[lang],
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(".card .spark svg")
    yield page
    context.close()


def take(page: Page, name: str, height: int, above: str = "") -> None:
    """Write a picture of the page, from the top or from a part of it, to a height in pixels."""
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    top = 0.0
    if above:
        box = page.locator(above).bounding_box()
        assert box is not None
        top = box["y"] + float(page.evaluate("scrollY")) - 16
    page.evaluate("scrollTo(0, 0)")
    size = page.viewport_size
    assert size is not None
    path = PICTURES / f"serve-{name}.png"
    page.screenshot(
        path=path,
        full_page=True,
        animations="disabled",
        clip={"x": 0, "y": top, "width": size["width"], "height": height},
    )
    weight = path.stat().st_size
    print(f"{path.name}: {weight / 1e3:.0f} kB")
    if weight > MOST:
        raise SystemExit(f"{path.name} is larger than {MOST / 1e3:.0f} kB.")


def forecast(page: Page, example: str) -> str:
    """Forecast an example from the first screen; return the address of the result."""
    page.click(f"#example-{example}")
    page.wait_for_selector("figure.low .main-svg")
    page.wait_for_selector("#forecast")
    page.click("#forecast")
    finished(page)
    return page.url


def finished(page: Page) -> None:
    """Wait until all of a result is drawn."""
    for part in (".drawn .main-svg", ".halves .main-svg", "#gates .heatmaplayer image"):
        page.wait_for_selector(part)


def main() -> None:
    """Take all of them."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is needed to take pictures: apt-get install chromium")
    with served() as address, sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        result = ""
        for lang in ("en", "zh"):
            with reader(browser, address, lang, DESKTOP) as page:
                take(page, f"start.{lang}", 860)
                page.click("#example-shop_visits")
                page.wait_for_selector("figure.low .main-svg")
                take(page, f"data.{lang}", 1270)
            with reader(browser, address, lang, DESKTOP) as page:
                if result:
                    page.goto(result)
                    finished(page)
                else:
                    result = forecast(page, "power_demand")
                take(page, f"result.{lang}", 1000)
            with reader(browser, address, lang, DESKTOP, dark=lang == "zh") as page:
                page.goto(result)
                finished(page)
                take(page, f"gates.{lang}", 1900, above="#gates")
            with reader(browser, address, lang, PHONE, dark=lang == "en") as page:
                page.goto(result)
                finished(page)
                take(page, f"phone.{lang}", 860)
        browser.close()


if __name__ == "__main__":
    main()
