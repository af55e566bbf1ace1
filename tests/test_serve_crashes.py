"""``gatecast serve`` when things end that should not: the server, a child, memory, time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import gatecast

from .served import Served, long_backtest, monthly_csv, served, start, wait_for

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("openpyxl")
if not Path("/proc/self/statm").exists():
    pytest.skip("processes are looked at in /proc", allow_module_level=True)

CSV = monthly_csv()
SHORT = {"csv": CSV, "h": 3, "models": ["naive", "theta"]}
LONG = long_backtest()


def begin(server: Served) -> tuple[str, int]:
    """Begin a job, and return it with the process that works on it: the nicest."""
    made = server.post("/v1/backtest", LONG)
    assert made.status == 202, made.body
    job = made.json["job"]
    wait_for(lambda: server.get(f"/v1/jobs/{job}").json["progress"]["total"] > 1, "progress")
    return job, max(server.children(), key=niceness)


def niceness(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def assert_whole(folder: Path) -> None:
    """Every file that is there is what its name says."""
    for path in folder.rglob("*"):
        if path.suffix == ".json":
            json.loads(path.read_bytes())
        if path.suffix == ".safetensors":
            gatecast.load(path)
        assert path.suffix != ".part"


def test_server_that_is_killed_comes_back_with_what_was_done(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    server = start(folder)
    done = server.forecast(**SHORT)
    assert server.post("/v1/models", {"name": "kept", "job": done["job"]}).status == 201
    running, _ = begin(server)
    queued = server.post("/v1/forecast", SHORT).json["job"]
    children = server.children()
    assert children
    server.end(signal.SIGKILL)
    wait_for(lambda: all(map(is_gone, children)), "the children to end")
    # As if it had been killed a moment earlier, or while something was written.
    half, rest = folder / "jobs" / ("0" * 16), folder / "incoming" / ("0" * 16)
    for place in (half, rest):
        place.mkdir()
        (place / "data.csv").write_text("ds,y\n")
    (folder / "jobs" / done["job"] / ".gatecast-000000000000.part").write_text("{")
    (folder / "models" / ".gatecast-000000000000.part").write_text("{")
    with served(folder) as again:
        told = again.get(f"/v1/jobs/{done['job']}").json
        assert (told["state"], told["result"]) == ("done", done["result"])
        assert again.get(told["links"]["csv"]).status == 200
        for job in (running, queued):
            told = again.get(f"/v1/jobs/{job}").json
            assert (told["state"], told["result"]) == ("interrupted", None)
            assert told["error"]["problem"]
            assert not (folder / "jobs" / job / "result.json").exists()
        assert len(again.get("/v1/jobs").json["jobs"]) == 3
        assert not half.exists()
        assert not rest.exists()
        assert again.post("/v1/models/kept/predict").status == 200
        assert_whole(folder)
        assert again.forecast(**SHORT)["state"] == "done"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_crash_of_a_child_fails_its_job_alone(tmp_path: Path, how: signal.Signals) -> None:
    with served(tmp_path / "folder") as server:
        job, child = begin(server)
        after = server.post("/v1/forecast", SHORT).json["job"]
        os.kill(child, how)
        told = server.until(job)
        assert told["state"] == "failed"
        assert how.name in told["error"]["value"]
        assert server.until(after)["state"] == "done"
        for child in server.children():
            os.kill(child, how)
        wait_for(lambda: server.post("/v1/check", CSV, kind="text/csv").status == 200, "a reader")


def test_job_that_takes_too_long_or_too_much_fails_alone(tmp_path: Path) -> None:
    with served(tmp_path / "folder", "--max-minutes", "0.05") as server:
        told = server.until(server.post("/v1/backtest", LONG).json["job"])
        assert told["state"] == "failed"
        assert "--max-minutes" in told["error"]["fix"]
        assert "3 seconds" in told["error"]["problem"]
    with served(tmp_path / "other", "--max-memory", "60") as server:
        large = "y\n" + "1.25\n" * 900_000
        answer = server.post("/v1/check", large, kind="text/csv")
        assert answer.status == 422
        assert "--max-memory" in answer.error["fix"] or "unexpectedly" in answer.error["problem"]
        assert server.post("/v1/check", CSV, kind="text/csv").status == 200


def test_cancelled_job_leaves_no_process_and_no_results(tmp_path: Path) -> None:
    with served(tmp_path / "folder") as server:
        job, child = begin(server)
        assert server.ask("DELETE", f"/v1/jobs/{job}").json["state"] == "cancelled"
        wait_for(lambda: is_gone(child), "the child to end")
        names = {path.name for path in (server.folder / "jobs" / job).iterdir()}
        assert names == {"job.json", "asked.json", "data.csv"}
        assert server.forecast(**SHORT)["state"] == "done"
        assert server.get(f"/v1/jobs/{job}").json["state"] == "cancelled"


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_server_that_is_told_to_end_takes_no_more_and_ends_its_children(
    tmp_path: Path, how: signal.Signals, code: int
) -> None:
    server = start(tmp_path / "folder")
    job, _ = begin(server)
    children = server.children()
    server.process.send_signal(how)
    late = wait_for(lambda: _late(server), "a refusal")
    assert late == "gone" or (late.status == 503 and late.headers["retry-after"])
    assert server.process.wait(60) == code
    server.end()
    wait_for(lambda: all(map(is_gone, children)), "the children to end")
    facts = json.loads((tmp_path / "folder" / "jobs" / job / "job.json").read_bytes())
    assert facts["state"] == "interrupted"
    assert_whole(tmp_path / "folder")


def _late(server: Served) -> Any:
    try:
        answer = server.post("/v1/forecast", {**SHORT, "h": 0})
    except OSError:
        return "gone"
    return answer if answer.status == 503 else None


def test_short_job_is_finished_before_the_end(tmp_path: Path) -> None:
    server = start(tmp_path / "folder")
    server.forecast(**SHORT)  # children are warm
    job = server.post("/v1/forecast", {**SHORT, "models": ["naive"]}).json["job"]
    assert server.end() == 0
    facts = json.loads((tmp_path / "folder" / "jobs" / job / "job.json").read_bytes())
    assert facts["state"] in ("done", "interrupted")
    assert_whole(tmp_path / "folder")


def test_second_server_is_refused_the_folder(tmp_path: Path) -> None:
    with served(tmp_path / "folder") as server:
        command = [
            sys.executable,
            "-m",
            "gatecast",
            "serve",
            "--port=0",
            f"--folder={server.folder}",
        ]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 2
        assert "Another server uses this folder." in ended.stderr
        assert server.get("/healthz").status == 200
        taken = [*command[:4], f"--port={server.port}", f"--folder={tmp_path / 'b'}"]
        ended = subprocess.run(taken, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 2
        assert "address" in ended.stderr


def test_server_without_a_folder_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gatecast", "serve", "--port=0"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert process.stderr is not None
    said = [process.stderr.readline().decode() for _ in range(2)]
    assert "Nothing is kept" in said[0]
    server = Served(process, int(said[1].rpartition(":")[2]), tmp_path)
    assert server.forecast(**SHORT)["state"] == "done"
    assert list(tmp_path.iterdir())
    assert server.end() == 0
    assert not list(tmp_path.iterdir())


def test_what_else_is_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    others = [tmp_path / place / "mine" for place in ("incoming", "scratch", "jobs", "models")]
    for other in others:
        other.mkdir(parents=True)
        (other / "thesis.txt").write_text("years of work")
    with served(tmp_path) as server:
        server.forecast(**SHORT)
    assert all((other / "thesis.txt").read_text() == "years of work" for other in others)


def test_finished_jobs_beyond_those_kept_are_forgotten(tmp_path: Path) -> None:
    with served(tmp_path / "folder", "--keep", "2") as server:
        jobs = [server.forecast(**SHORT)["job"] for _ in range(4)]
        assert [job["job"] for job in server.get("/v1/jobs").json["jobs"]] == jobs[:1:-1]
        assert {path.name for path in (server.folder / "jobs").iterdir()} == set(jobs[2:])


def test_files_that_are_no_models_are_not_taken_for_some(tmp_path: Path) -> None:
    with served(tmp_path / "folder") as server:
        models = server.folder / "models"
        (models / "bad.safetensors").write_bytes(b"\xff" * 8 + b"{}")
        (models / "evil name.safetensors").write_bytes(b"")
        (models / "evil.pkl").write_bytes(b"cos\nsystem\n(S'id'\ntR.")
        (models / "link.safetensors").symlink_to("/etc/passwd")
        listed = server.get("/v1/models").json["models"]
        assert [(model["name"], model["model"]) for model in listed] == [("bad", None)]
        assert server.post("/v1/models/bad/predict").status == 409
        for name in ("link", "evil", "evil%20name", "%2e%2e"):
            assert server.post(f"/v1/models/{name}/predict").status in (404, 405, 422)


def test_server_that_was_killed_comes_back_though_it_keeps_as_many_jobs_as_it_may(
    tmp_path: Path,
) -> None:
    server = start(tmp_path / "folder", "--keep", "1")
    done = server.forecast(**SHORT)["job"]
    running, _ = begin(server)
    server.end(signal.SIGKILL)
    (tmp_path / "folder" / "jobs" / running / "result.json").write_text("{}")  # half of them
    with served(tmp_path / "folder", "--keep", "1") as again:
        (kept,) = again.get("/v1/jobs").json["jobs"]
        assert (kept["job"], kept["state"]) == (running, "interrupted")
        assert not (tmp_path / "folder" / "jobs" / done).exists()
        assert not (tmp_path / "folder" / "jobs" / running / "result.json").exists()


DAMAGES: list[dict[str, Any]] = [
    {"ended": "garbage"},
    {"ended": None},
    {"started": 5},
    {"started": "2024-01-01"},
    {"state": "bogus"},
    {"state": "failed", "error": "x"},
    {"state": "failed", "error": {}},
    {"title": None},
    {"name": 5},
    {"changed": 1},
    {"progress": 5},
]


def test_jobs_that_are_damaged_do_not_keep_a_server_from_starting(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        job = server.forecast(**SHORT)["job"]
    facts = json.loads((tmp_path / "jobs" / job / "job.json").read_bytes())
    texts = [json.dumps(facts | damage) for damage in DAMAGES]
    for number, text in enumerate([*texts, "", "[]", "[" * 100_000]):
        place = tmp_path / "jobs" / f"{number:016x}"
        place.mkdir()
        (place / "job.json").write_text(text)
    with served(tmp_path) as server:
        listed = {one["job"] for one in server.get("/v1/jobs").json["jobs"]}
        assert job in listed
        for one in [*listed, *(f"{number:016x}" for number in range(len(DAMAGES)))]:
            assert server.get(f"/v1/jobs/{one}").status in (200, 404)
            assert server.get(f"/v1/jobs/{one}/events").status in (200, 404)


def test_links_in_the_folder_lead_nowhere(tmp_path: Path) -> None:
    with served(tmp_path / "folder") as server:
        done = server.forecast(**SHORT)
        (server.folder / "models" / "link.safetensors").symlink_to(tmp_path / "outside")
        fit = {"name": "link", "csv": CSV, "h": 3, "model": "naive"}
        assert server.post("/v1/models", fit).status == 409
        assert server.post("/v1/models", {"name": "link", "job": done["job"]}).status == 409
        assert not (tmp_path / "outside").exists()
        (tmp_path / "secret").write_text("secret")
        for name in ("forecast.csv", "result.json"):
            path = server.folder / "jobs" / done["job"] / name
            path.unlink()
            path.symlink_to(tmp_path / "secret")
        assert server.get(done["links"]["csv"]).status == 404
        assert server.get(done["links"]["self"]).status == 404


@contextmanager
def jobs_of(tmp_path: Path, **limits: int) -> Iterator[tuple[Any, Any]]:
    """The jobs of a folder without children: their work is done at once."""
    from gatecast.serve.jobs import Jobs
    from gatecast.serve.settings import Limits, Settings
    from gatecast.serve.store import Store

    store = Store(tmp_path / "folder")
    jobs = Jobs(Settings(folder=tmp_path / "folder", limits=Limits(**limits)), store)

    def add(title: str) -> Any:
        return jobs.add(store.inbox(), "forecast", {"title": title})

    try:
        yield jobs, add
    finally:
        store.close()


class Work:
    """In the place of children: each job waits until it may end."""

    def __init__(self) -> None:
        self.may_end: list[asyncio.Event] = []

    async def run(self, *said: Any, **more: Any) -> dict[str, Any]:
        self.may_end.append(asyncio.Event())
        await self.may_end[-1].wait()
        return {}


def test_job_that_is_cancelled_before_it_begins_leaves_its_place(tmp_path: Path) -> None:
    async def story(jobs: Any, add: Any) -> None:
        jobs._pool = work = Work()
        jobs.cancel(add("its task has not begun"))
        after = add("after")
        while not work.may_end:
            await asyncio.sleep(0)
        assert after.state == "running"
        work.may_end[0].set()
        while after.state != "done":
            await asyncio.sleep(0)

    with jobs_of(tmp_path) as (jobs, add):
        asyncio.run(asyncio.wait_for(story(jobs, add), 30))


def test_job_that_took_long_is_kept_when_it_ends(tmp_path: Path) -> None:
    async def story(jobs: Any, add: Any) -> None:
        jobs._pool = work = Work()
        long = add("long")
        while not work.may_end:
            await asyncio.sleep(0)
        for _ in range(3):
            short, begun = add("short"), len(work.may_end)
            while len(work.may_end) == begun:
                await asyncio.sleep(0)
            work.may_end[-1].set()
            while short.state != "done":
                await asyncio.sleep(0)
        await asyncio.sleep(0.005)  # times are of milliseconds
        work.may_end[0].set()
        while long.state != "done":
            await asyncio.sleep(0)
        assert jobs.all() == [long]

    with jobs_of(tmp_path, keep=1, workers=2) as (jobs, add):
        asyncio.run(asyncio.wait_for(story(jobs, add), 30))
