"""Headless Chromium, spoken to over a pipe."""

from __future__ import annotations

import base64
import json
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")

PATIENCE = 20  # seconds; a machine that is busy is slow


class Browser:
    """Chromium, and what it says."""

    def __init__(self, profile: Path) -> None:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        flags += ["--disable-dev-shm-usage", "--disable-background-networking", "--disable-sync"]
        flags += ["--disable-component-update", "--hide-scrollbars", f"--user-data-dir={profile}"]
        # Chromium listens on the third file and speaks on the fourth.
        pipes = 'exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null'
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", pipes, str(CHROMIUM), *flags, "--remote-debugging-pipe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.heard = b""
        self.events: list[dict[str, Any]] = []
        self.sent = 0

    def send(self, method: str, session: str | None = None, **params: object) -> dict[str, Any]:
        """Ask for something, and wait for the answer."""
        self.sent += 1
        message: dict[str, Any] = {"id": self.sent, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\0")
        self.process.stdin.flush()
        until = time.monotonic() + PATIENCE
        while True:
            answer = self._listen(until)
            if answer.get("id") == self.sent:
                assert "error" not in answer, (method, answer)
                return dict(answer["result"])
            self.events.append(answer)

    def _listen(self, until: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        while b"\0" not in self.heard:
            ready, _, _ = select.select([self.process.stdout], [], [], until - time.monotonic())
            assert ready, "Chromium says nothing"
            said = self.process.stdout.read1(1 << 20)  # type: ignore[attr-defined]
            assert said, "Chromium has gone"
            self.heard += said
        message, _, self.heard = self.heard.partition(b"\0")
        return dict(json.loads(message))

    def close(self) -> None:
        """Ask it to end, and see to it."""
        try:
            self.send("Browser.close")
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                assert pipe is not None
                pipe.close()


class Tab:
    """A page that is open."""

    def __init__(self, browser: Browser, page: Path) -> None:
        self.browser = browser
        target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.send("Target.attachToTarget", targetId=target, flatten=True)
        self.target, self.session = target, attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")
        self.show()
        self.ask("Page.navigate", url=page.as_uri())
        self.wait("document.readyState === 'complete' && document.querySelector('.main-svg')")

    def show(self, *, width: int = 1200, dark: bool = False, phone: bool = False) -> None:
        """Be a screen of that kind, which shows this page: others draw no frames."""
        self.ask("Page.bringToFront")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1}
        self.ask("Emulation.setDeviceMetricsOverride", **size, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        # The listeners of the page run before the next frame but one.
        self.run("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r())))")

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        return self.browser.send(method, self.session, **params)

    def run(self, script: str) -> Any:
        """Return the value of an expression."""
        done = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true, looking at each frame that is drawn."""
        until = time.monotonic() + PATIENCE
        while not self.run(f"new Promise(r => requestAnimationFrame(() => r(!!({condition}))))"):
            assert time.monotonic() < until, condition

    def hover(self, x: float, y: float) -> None:
        for dx in (-3, 0):
            self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x + dx, y=y)

    def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            press = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
            self.ask("Input.dispatchMouseEvent", **press)

    def events(self, method: str) -> list[dict[str, Any]]:
        return [
            event["params"]
            for event in self.browser.events
            if event.get("method") == method and event.get("sessionId") == self.session
        ]

    def complaints(self) -> list[object]:
        """Return what the console was told, errors and warnings and exceptions."""
        said = [e for e in self.events("Runtime.consoleAPICalled") if e["type"] != "log"]
        return [
            *said,
            *self.events("Runtime.exceptionThrown"),
            *self.events("Log.entryAdded"),
        ]

    def requests(self) -> set[str]:
        """Return the kinds of addresses that were asked for."""
        asked = self.events("Network.requestWillBeSent")
        return {event["request"]["url"].split(":")[0] for event in asked}

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        return base64.b64decode(self.ask("Page.printToPDF", preferCSSPageSize=True)["data"])

    def close(self) -> None:
        self.browser.send("Target.closeTarget", targetId=self.target)
