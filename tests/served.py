"""A server of its own process for tests, and a small client."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 120.0  # seconds; machines may be busy


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        return self.json["error"]


@dataclass
class Served:
    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        kind: str | None = None,
    ) -> Answer:
        """Ask; what is neither text nor bytes is sent as JSON."""
        headers = dict(headers or {})
        if isinstance(body, str):
            body = body.encode()
        elif body is not None and not isinstance(body, bytes):
            kind, body = kind or "application/json", json.dumps(body).encode()
        if kind is not None:
            headers["Content-Type"] = kind
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def get(self, path: str, **how: Any) -> Answer:
        return self.ask("GET", path, **how)

    def post(self, path: str, body: Any = None, **how: Any) -> Answer:
        return self.ask("POST", path, body, **how)

    def until(self, job: str, *states: str) -> dict[str, Any]:
        """Wait until a job is in one of some states: by default, in one that it stays in."""
        states = states or ("done", "failed", "cancelled", "interrupted")

        def reached() -> Any:
            told = self.get(f"/v1/jobs/{job}").json
            return told if told["state"] in states else None

        return wait_for(reached, f"job {job} to be {' or '.join(states)}")

    def forecast(self, csv: str, **settings: Any) -> dict[str, Any]:
        """Forecast to the end."""
        made = self.post("/v1/forecast", {"csv": csv, **settings})
        assert made.status == 202, made.body
        told = self.until(made.json["job"])
        assert told["state"] == "done", told["error"]
        return told

    def children(self) -> list[int]:
        """The processes that it started and that are still there."""
        folder = Path(f"/proc/{self.process.pid}/task")
        lines = [task / "children" for task in folder.iterdir()]
        return [int(x) for line in lines for x in line.read_text().split()]

    def rss(self) -> int:
        """Bytes of memory that it holds, its children not counted."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def end(self, how: int = signal.SIGTERM) -> int:
        """End it, and return its exit code."""
        assert self.process.stderr is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.stderr.close()


def start(folder: Path, *options: str, env: dict[str, str] | None = None) -> Served:
    """Start a server on a port that the system chooses."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gatecast", "serve", "--port=0", f"--folder={folder}", *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )
    assert process.stderr is not None
    said = b""
    for line in process.stderr:
        said += line
        if b"gatecast is at" in line:
            return Served(process, int(line.decode().rpartition(":")[2]), folder)
    process.wait()
    raise AssertionError(said.decode())


@contextmanager
def served(folder: Path, *options: str, **how: Any) -> Iterator[Served]:
    """A server for as long as it is needed."""
    server = start(folder, *options, **how)
    try:
        yield server
    finally:
        server.end()


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Return what a condition returns, once it is true."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def long_backtest() -> dict[str, Any]:
    """What keeps a server busy for many minutes."""
    asked = {"h": 24, "windows": 10, "models": ["lstm"], "epochs": 50_000}
    return {"csv": monthly_csv(600), **asked}


def monthly_csv(n: int = 60, series: str | None = None) -> str:
    """Months with a trend and a season."""
    rows = []
    for i in range(n):
        y = 100 + i + 10 * ((i % 12) - 5.5) + (i * 7919 % 13)
        stamp = f"{2010 + i // 12}-{i % 12 + 1:02d}-01"
        rows.append(f"{series},{stamp},{y}" if series else f"{stamp},{y}")
    return "\n".join(["unique_id,ds,y" if series else "ds,y", *rows]) + "\n"
