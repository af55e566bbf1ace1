"""Put a server under load: ``python -m benchmarks.serve [--clients 50] [--seconds 60]``.

First, one client asks a warm model for small predictions: while nothing else happens, and while one
long job trains. Then many clients at once check, forecast, predict, list and look at jobs; every
answer is compared with the right one, known before, and may else only be a 429 or 503 that says
when to try again. Last, the server is killed in the midst of a job and started again.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from tests.served import Answer, Served, long_backtest, monthly_csv, served, start, wait_for

from benchmarks.console import console_for
from benchmarks.machine import describe
from benchmarks.options import write_json

LONG = long_backtest()
SHORT = {"csv": monthly_csv(), "h": 6, "models": ["naive", "seasonal-naive", "theta"]}
BUSY = (429, 503)


class Client:
    """Asks over one connection that is kept open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {} if body is None else {"Content-Type": "application/json"}
        raw = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, raw, headers)
        response = self.connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())


def without_time(result: dict[str, Any]) -> dict[str, Any]:
    """What is the same whenever it is computed."""
    board = [{k: v for k, v in row.items() if k != "seconds"} for row in result["leaderboard"]]
    return {**result, "seconds": None, "leaderboard": board}


def milliseconds(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {"n": 0}
    p50, p95 = 1_000 * np.percentile(seconds, [50, 95])
    most = 1_000 * max(seconds)
    return {"n": len(seconds), "p50": float(p50), "p95": float(p95), "max": float(most)}


# One client


def predictions(server: Served, n: int, body: dict[str, Any]) -> list[float]:
    client, taken = Client(server.port), []
    for _ in range(n):
        began = time.perf_counter()
        answer = client.ask("POST", "/v1/models/warm/predict", body)
        taken.append(time.perf_counter() - began)
        assert answer.status == 200, answer.body
    return taken


def one_client(server: Served, n: int) -> dict[str, Any]:
    """Small predictions of a warm model: alone, and beside a training."""
    new = {"csv": monthly_csv(60), "h": 6}
    predictions(server, 20, {}), predictions(server, 5, new)
    told = {
        "alone": milliseconds(predictions(server, n, {})),
        "alone, new data": milliseconds(predictions(server, n, new)),
    }
    job = server.post("/v1/backtest", LONG).json["job"]
    wait_for(lambda: server.get(f"/v1/jobs/{job}").json["progress"]["total"] > 1, "the training")
    told["beside a training"] = milliseconds(predictions(server, n, {}))
    told["beside a training, new data"] = milliseconds(predictions(server, n, new))
    assert server.get(f"/v1/jobs/{job}").json["state"] == "running"
    server.ask("DELETE", f"/v1/jobs/{job}")
    return told


# Many


class Crowd:
    """Clients that do all kinds of things, and know what the answers must be."""

    def __init__(self, server: Served, job: dict[str, Any]) -> None:
        self.server = server
        self.predicted = server.post("/v1/models/warm/predict", {"h": 4}).json
        self.result = without_time(job["result"])
        self.job = job["job"]
        self.taken: dict[str, list[float]] = defaultdict(list)
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.wrong: list[str] = []
        self.forecasts = 0
        self.lock = threading.Lock()

    def run(self, clients: int, seconds: float) -> tuple[int, int]:
        """Return the most memory that the server held, and with its children."""
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self.client, args=(i, until)) for i in range(clients)]
        for thread in threads:
            thread.start()
        most = [0, 0]
        while any(thread.is_alive() for thread in threads):
            own = self.server.rss()
            most = [max(most[0], own), max(most[1], own + sum(map(rss, self.server.children())))]
            time.sleep(0.2)
        return most[0], most[1]

    def client(self, number: int, until: float) -> None:
        dice, client = random.Random(number), Client(self.server.port)
        kinds: list[tuple[str, Callable[..., None], int]] = [
            ("check", self.check, 30),
            ("predict", self.predict, 40),
            ("forecast", self.forecast, 5),
            ("job", self.look, 10),
            ("jobs", self.jobs, 5),
            ("models", self.models, 5),
            ("health", self.health, 5),
        ]
        weights = [weight for _, _, weight in kinds]
        while time.monotonic() < until:
            name, act, _ = dice.choices(kinds, weights)[0]
            try:
                act(client, dice, until)
            except Exception as error:
                with self.lock:
                    self.wrong.append(f"{name}: {type(error).__name__} {error}")
                client = Client(self.server.port)

    def ask(self, client: Client, kind: str, *what: Any) -> Any:
        """Return the answer; None where the server is busy and says so."""
        began = time.perf_counter()
        answer = client.ask(*what)
        with self.lock:
            self.taken[kind].append(time.perf_counter() - began)
            self.statuses[kind, answer.status] += 1
        if answer.status in BUSY:
            self.must("retry-after" in answer.headers, f"{kind}: no Retry-After")
            self.must(bool(answer.error["problem"]), f"{kind}: nothing is said")
            return None
        self.must(answer.status in (200, 202), f"{kind}: {answer.status} {answer.body[:200]!r}")
        return answer.json

    def must(self, right: bool, what: str) -> None:
        if not right:
            with self.lock:
                self.wrong.append(what)

    def check(self, client: Client, dice: random.Random, until: float) -> None:
        n = dice.randrange(20, 400)
        told = self.ask(client, "check", "POST", "/v1/check", {"csv": monthly_csv(n)})
        if told is not None:
            seen = told["understood"]
            right = (seen["rows"], seen["frequency"], told["ok"]) == (n, "MS", True)
            self.must(right, f"check: {seen['rows']} rows of {n}")

    def predict(self, client: Client, dice: random.Random, until: float) -> None:
        path = "/v1/models/warm/predict"
        told = self.ask(client, "predict", "POST", path, {"h": 4})
        self.must(told in (None, self.predicted), "predict: another forecast")

    def forecast(self, client: Client, dice: random.Random, until: float) -> None:
        made = self.ask(client, "forecast", "POST", "/v1/forecast", SHORT)
        while made is not None and time.monotonic() < until:
            job = self.ask(client, "job", "GET", f"/v1/jobs/{made['job']}")
            if job is not None and job["state"] not in ("queued", "running"):
                right = job["state"] == "done" and without_time(job["result"]) == self.result
                self.must(right, f"forecast: {job['state']} {job['error']}")
                with self.lock:
                    self.forecasts += 1
                return
            time.sleep(0.2)

    def look(self, client: Client, dice: random.Random, until: float) -> None:
        told = self.ask(client, "job", "GET", f"/v1/jobs/{self.job}")
        self.must(told is None or without_time(told["result"]) == self.result, "job: another")

    def jobs(self, client: Client, dice: random.Random, until: float) -> None:
        told = self.ask(client, "jobs", "GET", "/v1/jobs")
        self.must(self.job in [job["job"] for job in told["jobs"]], "jobs: one is missing")

    def models(self, client: Client, dice: random.Random, until: float) -> None:
        told = self.ask(client, "models", "GET", "/v1/models")
        self.must([model["name"] for model in told["models"]] == ["warm"], "models: others")

    def health(self, client: Client, dice: random.Random, until: float) -> None:
        told = self.ask(client, "health", "GET", "/healthz")
        self.must(told["status"] == "ok", "health")


def rss(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


# The end


def killed(folder: Path) -> dict[str, Any]:
    """Kill a server in the midst of a job; say what the next one finds, and how soon."""
    server = start(folder)
    done = server.forecast(**SHORT)
    running = server.post("/v1/backtest", LONG).json["job"]
    wait_for(lambda: server.get(f"/v1/jobs/{running}").json["progress"]["total"] > 1, "a training")
    children = server.children()
    server.end(signal.SIGKILL)
    began = time.perf_counter()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "no child")
    gone = time.perf_counter() - began
    began = time.perf_counter()
    with served(folder) as again:
        ready = time.perf_counter() - began
        told = again.get(f"/v1/jobs/{done['job']}").json
        assert told["result"] == done["result"]
        assert again.get(f"/v1/jobs/{running}").json["state"] == "interrupted"
    return {"children_gone_seconds": gone, "ready_again_seconds": ready}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--predictions", type=int, default=300)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    console = console_for(sys.stdout)
    report: dict[str, Any] = {"machine": describe()}
    with tempfile.TemporaryDirectory() as name:
        with served(Path(name, "load"), "--keep", "2000") as server:
            first = server.forecast(**SHORT)
            server.post("/v1/models", {"name": "warm", "job": first["job"]})
            report["one client, ms"] = one_client(server, options.predictions)
            began = server.rss()
            crowd = Crowd(server, first)
            own, all_of_them = crowd.run(options.clients, options.seconds)
            report["many clients, ms"] = {
                kind: milliseconds(taken) for kind, taken in sorted(crowd.taken.items())
            }
            report["answers"] = {
                f"{kind} {status}": n for (kind, status), n in sorted(crowd.statuses.items())
            }
            report["forecasts done"] = crowd.forecasts
            report["wrong"] = crowd.wrong
            report["megabytes"] = {
                "before": began / 1e6,
                "most": own / 1e6,
                "after": server.rss() / 1e6,
                "most, with children": all_of_them / 1e6,
            }
        report["killed"] = killed(Path(name, "killed"))
    for title in ("one client, ms", "many clients, ms"):
        table = Table("", "n", "p50", "p95", "max", title=title)
        for kind, taken in report[title].items():
            numbers = (f"{taken[x]:.1f}" for x in ("p50", "p95", "max") if x in taken)
            table.add_row(kind, str(taken["n"]), *numbers)
        console.print(table)
    for title in ("answers", "forecasts done", "megabytes", "killed"):
        console.print(f"{title}: {report[title]}")
    console.print(f"wrong: {len(crowd.wrong)} {Counter(crowd.wrong).most_common(10)}")
    write_json(options.json, report)


if __name__ == "__main__":
    main()
