"""``gatecast serve`` over REST: what goes in, what comes out, and who may come in."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatecast
from gatecast.serve import Settings

from .served import Served, long_backtest, monthly_csv, served, wait_for

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
openpyxl = pytest.importorskip("openpyxl")

CSV = monthly_csv()
FAST = ["naive", "seasonal-naive", "holt-winters"]
LONG = long_backtest()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served"), "--max-jobs", "4") as server:
        yield server


@pytest.fixture(scope="module")
def done(server: Served) -> dict[str, Any]:
    """A forecast that is done, of a file whose series has the name of a formula."""
    csv = monthly_csv(series="=1+cmd|' /C calc'!A0")
    return server.forecast(csv, h=6, models=[*FAST, "lstm"], epochs=5, seed=7, title="Sales")


def cli(*arguments: str) -> bytes:
    command = [sys.executable, "-m", "gatecast", *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


# What goes in


def test_check_says_what_was_understood(server: Served) -> None:
    told = server.post("/v1/check", CSV, kind="text/csv").json
    understood = told["understood"]
    assert told["ok"]
    assert told["findings"] == []
    assert understood["columns"] == {"time": "ds", "target": "y"}
    assert understood["headings"] == ["ds", "y"] or set(understood["headings"]) >= {"ds", "y"}
    assert (understood["frequency"], understood["season_length"]) == ("MS", 12)
    assert (understood["series"], understood["rows"]) == (1, 60)
    assert (understood["first"], understood["last"]) == ("2010-01-01", "2014-12-01")
    (preview,) = understood["preview"]
    assert (preview["ds"][0], preview["y"][0], len(preview["y"])) == ("2010-01-01", 45.0, 60)


def test_check_of_data_that_cannot_be_forecast_is_answered_with_the_findings(
    server: Served,
) -> None:
    answer = server.post("/v1/check", CSV.replace("2010-03-01", "2010-02-01"), kind="text/csv")
    assert answer.status == 200
    assert not answer.json["ok"]
    assert "duplicate" in {finding["code"] for finding in answer.json["findings"]}
    refused = server.post("/v1/forecast?h=3", CSV.replace("2010-03", "2010-02"), kind="text/csv")
    assert refused.status == 422
    assert refused.error["rows"]


@pytest.mark.parametrize("way", ["data", "csv", "xlsx", "text", "tsv", "sheet", "octets", "form"])
def test_data_are_the_same_however_they_are_sent(server: Served, way: str) -> None:
    lines = [line.split(",") for line in CSV.splitlines()]
    book = openpyxl.Workbook()
    book.active.append(lines[0])
    for stamp, value in lines[1:]:
        book.active.append([stamp, float(value)])
    out = io.BytesIO()
    book.save(out)
    rows = [{"ds": stamp, "y": float(value)} for stamp, value in lines[1:]]
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    form = f'--X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n{CSV}\r\n--X--'
    sent: dict[str, tuple[Any, str | None]] = {
        "data": ({"data": rows}, None),
        "csv": ({"csv": CSV}, None),
        "xlsx": ({"xlsx": base64.b64encode(out.getvalue()).decode()}, None),
        "text": (CSV, "text/csv; charset=utf-8"),
        "tsv": (CSV.replace(",", "\t"), "text/tab-separated-values"),
        "sheet": (out.getvalue(), sheet),
        "octets": (out.getvalue(), "application/octet-stream"),
        "form": (form, "multipart/form-data; boundary=X"),
    }
    body, kind = sent[way]
    told = server.post("/v1/check", body, kind=kind).json["understood"]
    assert (told["series"], told["rows"], told["frequency"]) == (1, 60, "MS")
    assert told["preview"][0]["y"] == [row["y"] for row in rows]


def test_settings_are_the_same_in_a_body_in_an_address_and_in_a_form(server: Served) -> None:
    renamed = CSV.replace("ds,y", "month,sales")
    form = "".join(
        f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("target_col", "sales"), ("h", "5"))
    )
    form += '--X\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    form += f"{renamed}\r\n--X--"
    answers = [
        server.post("/v1/check", {"csv": renamed, "target_col": "sales", "h": 5}),
        server.post("/v1/check?target_col=sales&h=5", renamed, kind="text/csv"),
        server.post("/v1/check", form, kind="multipart/form-data; boundary=X"),
    ]
    for answer in answers:
        assert answer.json["understood"]["columns"] == {"time": "month", "target": "sales"}


def test_error_names_settings_and_not_options(server: Served) -> None:
    two = "ds,a,b\n" + "".join(f"2024-01-{d:02d},{d}.5,{d % 7}.5\n" for d in range(1, 20))
    two = two.replace("ds,", "id,ds,").replace("2024", "x,2024")
    for asked in ({"target_col": "z"}, {"freq": "MS"}, {"id_col": "none"}):
        answer = server.post("/v1/forecast", {"csv": two, "h": 2, **asked})
        assert answer.status == 422
        assert "--" not in json.dumps(answer.error)


# What comes out


def test_forecast_is_what_the_command_line_makes(
    server: Served, done: dict[str, Any], tmp_path: Path
) -> None:
    data, out = tmp_path / "data.csv", tmp_path / "out.csv"
    data.write_text(monthly_csv(series="=1+cmd|' /C calc'!A0"))
    options = ["--model", ",".join([*FAST, "lstm"]), "--epochs", "5", "--seed", "7"]
    options += ["--explain", "--json"]
    told = json.loads(cli("forecast", str(data), "-h", "6", "--out", str(out), *options))
    result = done["result"]
    assert server.get(done["links"]["csv"]).body == out.read_bytes()
    assert result.keys() == told.keys()
    same = told.keys() - {"seconds", "leaderboard"}
    assert {name: result[name] for name in same} == {name: told[name] for name in same}
    without = [{k: v for k, v in row.items() if k != "seconds"} for row in result["leaderboard"]]
    assert without == [
        {k: v for k, v in row.items() if k != "seconds"} for row in told["leaderboard"]
    ]


def test_job_tells_how_it_went(done: dict[str, Any]) -> None:
    assert (done["kind"], done["title"], done["series"], done["horizon"]) == (
        "forecast",
        "Sales",
        1,
        6,
    )
    assert done["created"] <= done["started"] <= done["ended"]
    assert done["error"] is None
    assert done["progress"]["fraction"] == 1
    assert done["seconds"] > 0


def test_workbook_has_text_where_a_formula_could_be(server: Served, done: dict[str, Any]) -> None:
    answer = server.get(done["links"]["xlsx"])
    book = openpyxl.load_workbook(io.BytesIO(answer.body))
    heading, *rows = book.active.iter_rows()
    assert [cell.value for cell in heading][:3] == ["unique_id", "ds", "forecast"]
    assert len(rows) == 6
    for row in rows:
        assert (row[0].data_type, row[0].value) == ("s", "=1+cmd|' /C calc'!A0")
        assert row[1].is_date
        assert row[2].data_type == "n"
    values = [row[2].value for row in rows]
    told = [row["forecast"] for row in done["result"]["forecast"]]
    np.testing.assert_allclose(values, told, rtol=1e-12)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_views_of_a_forecast_are_there_in_both_languages(
    server: Served, done: dict[str, Any], lang: str
) -> None:
    figures = server.get(f"{done['links']['figures']}?lang={lang}").json
    assert figures["series"][0]["figure"]["data"]
    assert figures["by_step"]["data"]
    assert figures["calibration"]["data"]
    gates = server.get(f"{done['links']['gates']}?lang={lang}")
    assert gates.status == 200, gates.body
    assert gates.json["figure"]["data"]
    assert gates.json["sentences"]
    page = server.get(f"{done['links']['report']}?lang={lang}")
    assert b"Plotly" in page.body[:6_000_000]
    assert len(page.body) > 3_000_000
    assert page.body.startswith(b"<!DOCTYPE html>")
    assert "sandbox" in page.headers["content-security-policy"]
    assert ("预测" in page.body.decode()) == (lang == "zh")
    assert server.get(f"{done['links']['figures']}?lang=tlh").status == 422


def test_model_of_a_forecast_is_kept_asked_and_deleted(
    server: Served, done: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(server.get(done["links"]["model"]).body)
    kept = server.post("/v1/models", {"name": "Sales-1", "job": done["job"]})
    assert (kept.status, kept.json["name"], kept.json["series"]) == (201, "Sales-1", 1)
    assert server.post("/v1/models", {"name": "Sales-1", "job": done["job"]}).status == 409
    (listed,) = server.get("/v1/models").json["models"]
    assert (listed["name"], listed["frequency"], listed["h"]) == ("Sales-1", "MS", 6)

    predicted = server.post("/v1/models/Sales-1/predict", {"h": 4, "level": [80]})
    assert predicted.json == json.loads(
        cli("predict", str(path), "-h", "4", "--level", "80", "--json")
    )
    csv = server.post("/v1/models/Sales-1/predict", {"h": 4}, headers={"Accept": "text/csv"})
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.body == cli("predict", str(path), "-h", "4")
    other = server.post("/v1/models/Sales-1/predict?h=3", monthly_csv(40), kind="text/csv").json
    assert [row["ds"] for row in other["forecast"]] == ["2013-05-01", "2013-06-01", "2013-07-01"]
    assert server.post("/v1/models/Sales-1/predict", {"h": 4, "series": ["no"]}).status == 422
    assert server.post("/v1/models/Sales-1/predict", {"h": 7}).status in (200, 422)

    assert server.ask("DELETE", "/v1/models/Sales-1").status == 204
    assert server.post("/v1/models/Sales-1/predict").status == 404
    assert server.ask("DELETE", "/v1/models/Sales-1").status == 404


def test_large_prediction_is_made_by_a_child_and_is_the_same(
    server: Served, done: dict[str, Any]
) -> None:
    server.post("/v1/models", {"name": "large", "job": done["job"]})
    long = monthly_csv(40)
    small = server.post("/v1/models/large/predict", {"csv": long, "h": 2})
    padded = server.post(
        "/v1/models/large/predict", {"csv": long + "\n" * 900, "h": 2, "title": ""}
    )
    body = json.dumps({"csv": long, "h": 2}).encode() + b" " * 1_100_000
    large = server.post("/v1/models/large/predict", body, kind="application/json")
    assert small.json == large.json == padded.json
    server.ask("DELETE", "/v1/models/large")


def test_model_is_fitted_under_a_name(server: Served) -> None:
    made = server.post("/v1/models", {"name": "fitted", "csv": CSV, "h": 3, "model": "theta"})
    assert made.status == 202
    told = server.until(made.json["job"])
    assert (told["state"], told["kind"], told["name"]) == ("done", "fit", "fitted")
    answer = server.post("/v1/models/fitted/predict")
    assert answer.json["horizon"] == 3
    assert len(answer.json["forecast"]) == 3
    again = server.post("/v1/models", {"name": "fitted", "csv": CSV, "h": 3})
    assert again.status == 409
    server.ask("DELETE", "/v1/models/fitted")


def test_backtest_is_what_the_command_line_makes(server: Served, tmp_path: Path) -> None:
    asked = {"csv": CSV, "h": 4, "windows": 3, "models": FAST, "level": [80]}
    made = server.post("/v1/backtest", asked)
    told = server.until(made.json["job"])
    assert told["state"] == "done", told["error"]
    (tmp_path / "data.csv").write_text(CSV)
    options = ["--windows", "3", "--models", ",".join(FAST), "--level", "80"]
    printed = cli("backtest", str(tmp_path / "data.csv"), "-h", "4", *options)
    assert server.get(told["links"]["csv"]).body == printed
    assert [row["model"] for row in told["result"]["scores"]]
    assert server.get(f"/v1/jobs/{told['job']}/report.html").status == 404


def test_unknown_things_are_not_there(server: Served, done: dict[str, Any]) -> None:
    own = done["links"]["self"]
    paths = (
        "/nothing",
        "/v1/jobs/0",
        "/v1/jobs/0/events",
        "/v1/jobs/../jobs",
        "/v1/examples/x.csv",
    )
    for path in (*paths, "/assets/../app.py", "/assets/%2e%2e%2fapp.py", f"{own}/job.json"):
        answer = server.get(path)
        assert answer.status == 404, path
        assert answer.error["problem"]
    answer = server.ask("PUT", "/v1/jobs")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


# How it goes on


def events(server: Served, job: str) -> list[tuple[str, dict[str, Any]]]:
    answer = server.get(f"/v1/jobs/{job}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = []
    for block in answer.body.decode().split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
        if lines:
            said = {name: value for name, _, value in lines}
            told.append((said["event"], json.loads(said["data"])))
    return told


def test_events_tell_of_every_stage_until_the_end(server: Served) -> None:
    made = server.post("/v1/forecast", {"csv": CSV, "h": 3, "models": FAST})
    told = events(server, made.json["job"])
    names = [name for name, _ in told]
    assert names == ["progress"] * (len(names) - 1) + ["done"]
    stages = [job["progress"]["stage"] for _, job in told]
    assert "Backtesting HoltWinters" in stages
    fractions = [job["progress"]["fraction"] for _, job in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert [name for name, _ in events(server, made.json["job"])] == ["done"]


def test_jobs_are_limited_queued_cancelled_and_forgotten(server: Served) -> None:
    jobs = [server.post("/v1/backtest", LONG).json["job"] for _ in range(4)]
    try:
        running = server.until(jobs[0], "running")
        assert running["links"].keys() == {"self", "events"}
        assert server.get(f"/v1/jobs/{jobs[0]}/forecast.csv").status == 409
        told = [server.get(f"/v1/jobs/{job}").json for job in jobs[1:]]
        assert [job["progress"]["position"] for job in told] == [1, 2, 3]
        busy = server.post("/v1/backtest", LONG)
        assert (busy.status, "retry-after" in busy.headers) == (429, True)
        assert server.get("/healthz").json["jobs"] == {"queued": 3, "running": 1}
        assert server.post("/v1/check", CSV, kind="text/csv").status == 200
        queued = server.ask("DELETE", f"/v1/jobs/{jobs[2]}")
        assert (queued.status, queued.json["state"]) == (200, "cancelled")
        assert server.get(f"/v1/jobs/{jobs[3]}").json["progress"]["position"] == 2
        ended = server.ask("DELETE", f"/v1/jobs/{jobs[0]}")
        assert (ended.status, ended.json["state"]) == (200, "cancelled")
        assert events(server, jobs[0])[-1][0] == "cancelled"
        assert server.until(jobs[1], "running")
    finally:
        for job in jobs:
            server.ask("DELETE", f"/v1/jobs/{job}")
    wait_for(lambda: server.get("/healthz").json["jobs"]["running"] == 0, "all to end")
    for job in jobs:
        assert server.ask("DELETE", f"/v1/jobs/{job}").status in (204, 404)
        assert server.get(f"/v1/jobs/{job}").status == 404
        assert not (server.folder / "jobs" / job).exists()


# Who may come in


def test_page_and_its_files_are_served(server: Served) -> None:
    page = server.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe-inline" not in page.headers["content-security-policy"].split("style-src")[0]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert server.get("/assets/plotly.js").body[:3]
    assert server.get("/v1/jobs").headers["cache-control"] == "no-store"
    for example in server.get("/v1/examples").json["examples"]:
        csv = server.get(f"/v1/examples/{example['name']}.csv")
        assert server.post("/v1/check", csv.body, kind="text/csv").json["ok"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
)
def test_request_from_elsewhere_is_refused(server: Served, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/check"), ("OPTIONS", "/v1/check")):
        answer = server.ask(method, path, headers=headers)
        assert answer.status == 403
        assert answer.error["problem"]
        assert "access-control-allow-origin" not in answer.headers


def test_page_may_ask_its_own_server_and_be_linked_to(server: Served) -> None:
    own = {"Origin": f"http://127.0.0.1:{server.port}", "Sec-Fetch-Site": "same-origin"}
    assert server.get("/v1/jobs", headers=own).status == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert server.get("/", headers=link).status == 200
    assert server.get("/v1/jobs", headers=link).status == 403
    assert server.get("/healthz", headers={"Host": f"localhost:{server.port}"}).status == 200


def test_token_is_needed_where_there_is_one(tmp_path: Path) -> None:
    with served(tmp_path / "f", env={"GATECAST_TOKEN": "s3cret"}) as server:
        assert server.get("/healthz").status == 200
        assert server.get("/").status == 200
        for said in ("", "Bearer wrong", "s3cret", "Basic s3cret", "Bearer s3cret2", "Bearer é"):
            answer = server.get("/v1/jobs", headers={"Authorization": said})
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "s3cret" not in answer.body.decode()
        assert server.get("/v1/jobs", headers={"Authorization": "Bearer s3cret"}).status == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "token"),
        (["--host", "192.0.2.1"], "token"),
        (["--port", "70000"], "65535"),
        (["--max-rows", "0"], "--max-rows"),
        (["--max-minutes", "0"], "--max-minutes"),
        (["--token", "two words"], "token"),
    ],
)
def test_server_that_cannot_be_is_not_started(
    tmp_path: Path, options: list[str], said: str
) -> None:
    command = [sys.executable, "-m", "gatecast", "serve", "--folder", str(tmp_path / "f"), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert not (tmp_path / "f").exists()


def test_body_that_does_not_arrive_in_time_is_given_up(tmp_path: Path) -> None:
    from gatecast.serve.app import create_app

    app = create_app(Settings(folder=tmp_path / "f", patience=0.1))
    pieces = iter([{"type": "http.request", "body": b"ds,y\n", "more_body": True}])
    headers = [(b"host", b"localhost"), (b"content-type", b"text/csv"), (b"content-length", b"99")]
    sent: list[Any] = []

    async def receive() -> Any:
        for piece in pieces:
            return piece
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        async with app.router.lifespan_context(app):
            scope = {"type": "http", "method": "POST", "path": "/v1/check", "headers": headers}
            rest = {"query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": ""}
            await app({**scope, **rest, "client": None, "server": None}, receive, send)
            assert not list((tmp_path / "f" / "incoming").iterdir())

    asyncio.run(ask())
    assert sent[0]["status"] == 408
    assert b"0.1 seconds" in sent[1]["body"]


def test_missing_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ImportError('none')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from gatecast.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "serve", "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert "pip install 'gatecast[serve]'" in ended.stderr


def test_import_of_the_library_does_not_import_the_server() -> None:
    code = "import gatecast, sys; print({'fastapi', 'uvicorn', 'pydantic'} & sys.modules.keys())"
    assert cli_of(code) == "set()"
    assert gatecast.__version__


def cli_of(code: str) -> str:
    made = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return made.stdout.strip()


def test_listeners_do_not_keep_others_out(server: Served) -> None:
    job = server.post("/v1/backtest", LONG).json["job"]
    said = f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    listening = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    try:
        for connection in listening:
            connection.sendall(said)
        wait_for(lambda: server.get(f"/v1/jobs/{job}/events").status == 503, "a refusal")
        # Once those who found no place have been sent away.
        wait_for(lambda: server.get("/v1/jobs").status == 200, "an answer")
        assert server.get("/").status == 200
    finally:
        for connection in listening:
            connection.close()
        server.ask("DELETE", f"/v1/jobs/{job}")
    wait_for(lambda: server.get(f"/v1/jobs/{job}/events").status == 200, "room")


def test_level_may_be_one_number(server: Served) -> None:
    asked = {"csv": CSV, "h": 2, "models": ["naive"], "level": 90}
    told = server.until(server.post("/v1/forecast", asked).json["job"])
    assert "forecast-lo-90" in told["result"]["forecast"][0]


def test_forecast_of_rows_is_what_python_makes_of_them(server: Served) -> None:
    import pandas as pd

    rows = [{"unique_id": "a", "ds": s, "y": float(y)} for s, y in map(split, CSV.split()[1:])]
    asked = {"h": 4, "level": [80], "freq": "MS", "seed": 7, "models": FAST}
    told = server.until(server.post("/v1/forecast", {"data": rows, **asked}).json["job"])
    frame = pd.DataFrame(rows).assign(ds=lambda x: pd.to_datetime(x["ds"]))
    made = gatecast.forecast(frame, **asked)
    assert told["result"]["forecast"] == made.to_dict()["forecast"]


def split(line: str) -> list[str]:
    return line.split(",")
