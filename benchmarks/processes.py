"""The parent's side of the workers: start them, let them take turns, survive their deaths."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from benchmarks.peers import Peer
from benchmarks.workloads import Workload

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 600.0  # seconds for one answer, after which a worker counts as hanging
SETTLE = 0.1  # seconds; some thread pools go on spinning for a while after their work


def end_cleanly() -> None:
    """Let a termination be an exit, so that temporary folders and worktrees are removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Absent(Exception):
    """A library that is not there."""


class Died(Exception):
    """A worker that ended, or had to be ended, before it answered."""


class Run(NamedTuple):
    """What one run took, and what was needed beside it (ours tell: all of a fit but its epochs)."""

    seconds: float
    setup: float | None = None


class Seat(Protocol):
    """One who takes turns."""

    def ready(self) -> dict[str, str]:
        """Wait until it can run; return its versions."""

    def run(self) -> Run:
        """Run once."""

    def close(self) -> None:
        """End it."""


class Process:
    """A process that answers every line it is sent with a line of JSON."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - close() closes it
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            cwd=ROOT,
            env=clean_environment(environment),
        )

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and return the answer."""
        stdin = self._process.stdin
        assert stdin is not None
        with contextlib.suppress(BrokenPipeError):  # answer() says what happened
            print(line, file=stdin, flush=True)
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Return the next line that it says; Absent or Died if there is no answer."""
        stdout = self._process.stdout
        assert stdout is not None
        hanging = threading.Timer(PATIENCE, self._process.kill)
        hanging.daemon = True
        hanging.start()
        try:
            line = stdout.readline()
        finally:
            hanging.cancel()
        if not line:
            status = self._process.wait()
            raise Died(f"ended with status {status}: {last_line(self._stderr)}")
        answer: dict[str, Any] = json.loads(line)
        if "absent" in answer:
            raise Absent(answer["absent"])
        return answer

    def close(self) -> None:
        """End it: its input ends, and if that is not enough, it is killed."""
        try:
            self._process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        except BrokenPipeError:
            self._process.wait()
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Worker:
    """A peer with a workload prepared, waiting for its turn."""

    def __init__(
        self,
        peer: Peer,
        w: Workload,
        threads: int,
        python: str = sys.executable,
    ) -> None:
        self._process = Process(worker_command(peer, w, threads, python), peer.environment)

    def ready(self) -> dict[str, str]:
        versions: dict[str, str] = self._process.answer()["versions"]
        return versions

    def run(self) -> Run:
        return Run(**self._process.ask("run"))

    def close(self) -> None:
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ColdProcess:
    """A peer that does the whole workload in a new process each time, from start to end."""

    def __init__(self, peer: Peer, w: Workload, threads: int, python: str = sys.executable) -> None:
        self._imports, self._python = peer.imports, python
        self._command = worker_command(peer, w, threads, python)
        self._environment = clean_environment(peer.environment)

    def ready(self) -> dict[str, str]:
        code = "import importlib.util, sys; sys.exit(not importlib.util.find_spec(sys.argv[1]))"
        command = [self._python, "-c", code, self._imports]
        if subprocess.run(command, cwd=ROOT, env=self._environment).returncode:
            raise Absent(f"No module named {self._imports!r}")
        return {}

    def run(self) -> Run:
        with tempfile.TemporaryFile("w+") as output:
            started = time.perf_counter()
            status = subprocess.run(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=self._environment,
            ).returncode
            seconds = time.perf_counter() - started
            if status:
                raise Died(f"ended with status {status}: {last_line(output)}")
        return Run(seconds)

    def close(self) -> None:
        pass


def seat(peer: Peer, w: Workload, threads: int, python: str = sys.executable) -> Seat:
    """Return who times this peer on this workload; a worker starts preparing at once."""
    return (ColdProcess if w.cold else Worker)(peer, w, threads, python)


class Turns:
    """Seats that take turns: never two at once, and nobody always after the same other one.

    Parameters
    ----------
    seats : mapping of str to Seat
        By name. Who is absent or dies is closed and left out, and ``absent`` or ``errors`` says
        why; the others go on. All are closed at the end.
    """

    def __init__(self, seats: Mapping[str, Seat]) -> None:
        self.seats = dict(seats)
        self.absent: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self._round = 0

    def get_ready(self) -> None:
        """Wait until everybody is prepared."""
        for name, one in list(self.seats.items()):
            try:
                self.versions[name] = one.ready()
            except (Absent, Died) as reason:
                self._drop(name, reason)

    def round(self) -> dict[str, Run]:
        """Let everybody run once; return what those took who did."""
        names = list(self.seats)
        first = self._round % max(1, len(names))
        self._round += 1
        runs = {}
        for name in names[first:] + names[:first]:
            time.sleep(SETTLE)
            try:
                runs[name] = self.seats[name].run()
            except Died as reason:
                self._drop(name, reason)
        return runs

    def rounds(
        self,
        n: int,
        *,
        after_each: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> dict[str, list[Run]]:
        """Return n rounds, after one to warm up, of those who lasted."""
        done = []
        for turn in range(n + 1):
            say(f"round {turn} of {n}")
            runs = self.round()
            if turn:
                done.append(runs)
                time.sleep(SETTLE)
                after_each()
        return {name: [runs[name] for runs in done] for name in self.seats}

    def _drop(self, name: str, reason: Absent | Died) -> None:
        (self.absent if isinstance(reason, Absent) else self.errors)[name] = str(reason)
        self.seats.pop(name).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.seats.values():
            one.close()


def worker_command(peer: Peer, w: Workload, threads: int, python: str) -> list[str]:
    spec = {
        "library": peer.library,
        "precision": peer.precision,
        "threads": threads,
        "workload": w.to_dict(),
    }
    return [python, "-m", "benchmarks.worker", json.dumps(spec)]


def clean_environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """Return this process's environment without a tuned allocator, and what is added to it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    return {**kept, **(extra or {})}


def last_line(output: Any) -> str:
    """Return the last line of a file that a process wrote to: where Python says what went wrong."""
    output.seek(0)
    lines: list[str] = output.read().strip().splitlines()
    return lines[-1] if lines else "it said nothing"
