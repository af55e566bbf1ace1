"""The OpenAPI description of ``gatecast serve``, and a server that is asked whatever it allows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .served import served

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("openpyxl")

LIMITS = ("--max-jobs=2", "--max-minutes=0.05", "--max-horizon=24", "--max-megabytes=1")
# What data mean cannot be said in a description: that some are refused is as it must be.
LEFT_OUT = "positive_data_acceptance"


def test_requests_made_from_the_description_find_no_fault(tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    with served(tmp_path / "folder", *LIMITS) as server:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"http://127.0.0.1:{server.port}/openapi.json",
            *("--exclude-checks", LEFT_OUT, "--phases", "fuzzing,stateful"),
            *("--max-examples", "3", "--max-failures", "5", "--no-color", "--seed", "1"),
        ]
        ended = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, timeout=600, check=False
        )
        assert ended.returncode == 0, ended.stdout[-4_000:] + ended.stderr[-1_000:]
        assert server.get("/healthz").status == 200


def test_description_names_every_way_in_and_every_error(tmp_path: Path) -> None:
    with served(tmp_path / "folder") as server:
        told = server.get("/openapi.json").json
    forecast = told["paths"]["/v1/forecast"]["post"]
    kinds = {"application/json", "text/csv", "multipart/form-data"}
    assert kinds <= forecast["requestBody"]["content"].keys()
    statuses = {"202", "400", "401", "403", "413", "415", "422", "429", "503"}
    assert statuses <= forecast["responses"].keys()
    for methods in told["paths"].values():
        for method in methods.values():
            assert method["description"]
            assert not {"500", "default"} & method["responses"].keys()
