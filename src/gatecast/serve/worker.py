"""``python -m gatecast.serve.worker MEGABYTES``: a child process of the server.

It reads a task a line from standard input and writes what it has to tell, a line each, to standard
output. When its input ends, the server is gone, and so is the child, whatever it is doing.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

from gatecast.errors import GatecastError

__all__ = ["main"]

_NICE = 3  # of a job: what is answered at once goes first
_OFTEN = 0.1  # seconds between two reports of progress


def main() -> None:
    """Do task after task."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)  # what else prints must not come between
    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    _warm_up()
    _limit_memory(int(sys.argv[1]))
    from gatecast.serve.tasks import JOBS

    def send(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    send({"ready": os.getpid()})
    while True:
        said = json.loads(tasks.get())
        if said["task"] in JOBS:
            with contextlib.suppress(OSError, AttributeError):
                os.nice(_NICE)
        send(_done(said, send))


def _listen(tasks: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        tasks.put(line)
    os._exit(0)  # not sys.exit: a training goes on in another thread


def _warm_up() -> None:
    """Import what tasks need, so that none has to wait for it."""
    import openpyxl  # noqa: F401
    import pandas  # noqa: F401
    import plotly.graph_objects  # noqa: F401

    import gatecast.auto
    import gatecast.doctor
    import gatecast.report.forecast
    import gatecast.report.gates
    import gatecast.serve.tasks
    import gatecast.serve.workbook  # noqa: F401


def _limit_memory(megabytes: int) -> None:
    """Let this process grow by so much, where the system can hold it to that."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 1_000_000, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no memory in a file
    except (ImportError, OSError, ValueError):
        pass


def _done(said: dict[str, Any], send: Any) -> dict[str, Any]:
    from gatecast.serve.errors import described
    from gatecast.serve.settings import Limits
    from gatecast.serve.tasks import TASKS

    last: tuple[str, float] = ("", 0.0)

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if stage != last[0] or now - last[1] >= _OFTEN or done == total:
            last = stage, now
            send({"progress": {"stage": stage, "done": done, "total": total}})

    limits = Limits(**said["limits"])
    try:
        return {"done": TASKS[said["task"]](Path(said["folder"]), said, limits, tell)}
    except GatecastError as error:
        return {"failed": described(error)}
    except MemoryError:
        return {"memory": limits.max_memory}
    except OSError as error:
        return {"disk": error.strerror}
    except Exception as error:
        if said["verbose"]:
            import traceback

            traceback.print_exc()
        return {"fault": type(error).__name__}


if __name__ == "__main__":
    main()
