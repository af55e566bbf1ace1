"""A process that times one peer on one workload.

It is started with one argument, JSON: ``library``, ``precision``, ``threads``, ``workload``. It
prepares, says so in one line of JSON, and then answers each line "run" with the seconds that a run
took, so that many such processes can take turns. It ends when its input does. A workload that is
``cold`` is simply done, once; the parent times the process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.workloads import Workload


def prepare(spec: dict[str, Any]) -> tuple[Callable[[], dict[str, float]], dict[str, str]]:
    """Return what one timing runs and is answered with, and the library's versions."""
    w = Workload.from_dict(spec["workload"])
    peer = importlib.import_module(f"benchmarks.peers.{spec['library']}")
    job = peer.Job(w, spec["threads"], spec["precision"])

    def run() -> dict[str, float]:
        started = time.perf_counter()
        told = job.train(w.repeats) if w.training else None
        if w.cold:
            job.forecast()
        elif not w.training:
            for _ in range(w.repeats):
                job.forecast()
        return {"seconds": time.perf_counter() - started, **(told or {})}

    return run, peer.versions()


def main() -> None:
    # Libraries print as they like; answers go through a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    spec = json.loads(sys.argv[1])
    try:
        run, versions = prepare(spec)
    except ImportError as error:
        print(json.dumps({"absent": str(error)}), file=answers)
        return
    if spec["workload"]["cold"]:
        run()
        return
    print(json.dumps({"versions": versions}), file=answers)
    for _ in sys.stdin:
        print(json.dumps(run()), file=answers)


if __name__ == "__main__":
    main()
