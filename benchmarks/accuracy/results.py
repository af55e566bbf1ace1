"""The results file: one line for every run, whichever way it came out."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.accuracy.run import Asked, Outcome, median, summary

__all__ = ["FILE", "append", "entry", "read", "worst"]

FILE = Path(__file__).with_name("results.jsonl")


def entry(asked: Asked, outcome: Outcome, *, subset: bool, cores: int, isa: str) -> dict[str, Any]:
    """Return all that is known of a run, as JSON-safe values.

    The scores beside ``seeds`` are medians over seeds, ``worst`` the largest error of any.
    """
    about = machine.describe()
    seeds = [one for one in outcome.seeds if "seconds" in one] or outcome.seeds
    scores = dict.fromkeys(("smape", "mase", "owa", "mse", "mae", "seconds"))
    scores |= {k: v for k, v in summary(seeds, median).items() if k != "seed"}
    return {
        "task": asked.task,
        "model": asked.model,
        **scores,
        "worst": worst(seeds),
        "seeds": outcome.seeds,
        "settings": asked.settings,
        "target": "holdout" if asked.holdout else "test",
        "subset": subset,
        "series": asked.series,
        "n_series": outcome.n_series,
        "left_out": outcome.left_out,
        "level": asked.level,
        "complete": outcome.complete,
        "cores": cores,
        "isa": isa,
        "cpu": about["cpu"],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": about["commit"],
        "uncommitted_changes": about["uncommitted_changes"],
        "config": outcome.config,
    }


def worst(seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the largest error of any seed, score by score."""
    errors = ("smape", "mase", "owa", "mse", "mae", "parts")
    kept = [{key: one[key] for key in errors if key in one} for one in seeds]
    return summary(kept, max)


def append(line: dict[str, Any], path: Path = FILE) -> None:
    """Add a line in one piece, so that runs beside each other do not mix theirs."""
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def read(path: Path = FILE) -> list[dict[str, Any]]:
    """Return all lines, oldest first; none where there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
