"""The machine: what it is, and what it can do at best at this moment."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from benchmarks.processes import ROOT, Died, Process

Peaks = dict[str, tuple[float, float]]  # of each kind: on one thread, on all; GFLOP/s, GB/s


def available_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """Return what a reader of the figures has to know."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu(),
        "processors": available_processors(),
        "memory_gb": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain")),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


class PeakMeter:
    """peak.cpp, built into a temporary folder and waiting.

    A shared or throttled machine can do less at one moment than at another, so the peak belongs
    into the same round as the figure that is held against it.
    """

    def __init__(self, threads: int) -> None:
        self.note = ""
        self._folder = tempfile.TemporaryDirectory()
        self._process: Process | None = None
        compiler = shutil.which(os.environ.get("CXX") or "g++")
        if compiler is None:
            self.note = "no peaks: there is no g++ to compile peak.cpp with"
            return
        program = str(Path(self._folder.name) / "peak")
        source = str(Path(__file__).with_name("peak.cpp"))
        command = [compiler, "-std=c++20", "-O2", "-pthread", source, "-o", program]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode:
            self.note = f"no peaks: peak.cpp does not compile: {built.stderr.strip()[:300]}"
            return
        self._process = Process([program, str(threads)])
        self._process.answer()

    def measure(self) -> Peaks:
        """Return the peaks of this moment; none where they cannot be measured."""
        if self._process is None:
            return {}
        try:
            return {kind: (one, all_) for kind, (one, all_) in self._process.ask("peak").items()}
        except Died as died:
            self.note, self._process = f"no peaks: {died}", None
            return {}

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def peak_for(peaks: Peaks, precision: str) -> float | None:
    """Return the GFLOP/s, on all threads, that products in this precision could reach."""
    kinds = ("fma",) if precision == "float32" else ("fma", "bf16", "amx")
    return max((peaks[kind][1] for kind in kinds if kind in peaks), default=None)
