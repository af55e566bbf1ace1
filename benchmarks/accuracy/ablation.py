"""What each ingredient is worth: ``python -m benchmarks.accuracy.ablation [--seeds 3]``.

One setting is changed at a time, on the last horizon of *train*; the runs are lines of the results
file like any other. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from typing import Any

from benchmarks.accuracy.__main__ import main as accuracy

TASKS = ("m4-yearly", "m3")

HYBRID: dict[str, dict[str, Any]] = {
    "ESLSTM as it comes": {},
    "no dilations": {"dilations": [[1, 1], [1, 1]]},
    "one block, nothing added": {"dilations": [[1, 2, 4, 8]]},
    "one layer": {"dilations": [[1]]},
    "every series' smoothing the same": {"smoothing_learning_rate": 0.0},
    "each series' smoothing ten times as free": {"smoothing_learning_rate": 0.2},
    "no season": {"season_length": 1},
    "a penalty of 1 on the level's bends": {"level_penalty": 1.0},
    "20 units": {"hidden_size": 20},
    "80 units": {"hidden_size": 80},
    "three times the epochs": {"epochs": 15},
    "float32": {"precision": "float32"},
    "median of 5 seeds": {"n_seeds": 5},
}
USUAL = {"epochs": 12, "schedule": "cosine", "precision": "auto", "hidden_size": [64]}
NETWORK: dict[str, dict[str, Any]] = {
    "LSTM, one layer of 64, 12 epochs on a cosine": {},
    "no anchor": {"anchor": None},
    "scaled by the mean absolute value": {"scaling": "meanabs"},
    "scaled by the last values": {"scaling": "level"},
    "logarithms": {"transform": "log"},
    "a constant learning rate": {"schedule": "constant"},
    "averaged weights": {"weight_averaging": 0.99},
    "each series counts alike": {"balance": "series"},
    "the newest 20 windows of each series": {"windows_per_series": 20},
    "two layers of 64": {"hidden_size": [64, 64]},
    "squared errors": {"loss": "mse"},
    "context of 8": {"context_length": 8},
    "context of 18": {"context_length": 18},
}


def owa(task: str, model: str, settings: dict[str, Any], seeds: int) -> float:
    """Return the median over seeds."""
    words = [task, "--model", model, "--holdout", "--seeds", str(seeds), "--json"]
    for key, value in settings.items():
        words += ["--set", f"{key}={json.dumps(value)}"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        if code := accuracy(words):
            sys.exit(code)
    return float(json.loads(out.getvalue())["owa"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    print(f"| | {' | '.join(TASKS)} |\n|-|{'-|' * len(TASKS)}", flush=True)
    for name, settings in HYBRID.items():
        model = "eslstm-ensemble" if "n_seeds" in settings else "eslstm"
        cells = [owa(task, model, settings, seeds) for task in TASKS]
        print(f"| {name} | {' | '.join(f'{x:.3f}' for x in cells)} |", flush=True)
    for name, settings in NETWORK.items():
        cells = [owa(task, "LSTM", USUAL | settings, seeds) for task in TASKS]
        print(f"| {name} | {' | '.join(f'{x:.3f}' for x in cells)} |", flush=True)


if __name__ == "__main__":
    main()
