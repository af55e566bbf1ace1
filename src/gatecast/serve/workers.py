"""Child processes: started ahead of need, given one task at a time, ended when they must be."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gatecast.serve.errors import Refusal, busy, closing, no_disk, restored
from gatecast.serve.settings import Settings, option_of
from gatecast.serve.store import new_name
from gatecast.serve.tasks import JOBS

__all__ = ["Pool"]

_LONGEST_LINE = 64_000_000  # bytes of what a child tells at once
_START = 120.0  # seconds that a child may take to begin
Told = Callable[[dict[str, Any]], None]


class _Child:
    def __init__(self, process: asyncio.subprocess.Process, scratch: Path) -> None:
        self.process, self.scratch = process, scratch
        self.tasks = 0

    @classmethod
    async def start(cls, scratch: Path, settings: Settings) -> _Child:
        own = scratch / new_name()
        own.mkdir()
        environment = {k: v for k, v in os.environ.items() if k != "GATECAST_TOKEN"}
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "gatecast.serve.worker"),
                str(settings.limits.max_memory),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=None if settings.verbose else asyncio.subprocess.DEVNULL,
                limit=_LONGEST_LINE,
                env=environment | {"TMPDIR": str(own)},  # libraries, too, write to the folder alone
            )
        except BaseException:
            own.rmdir()
            raise
        child = cls(process, own)
        try:
            async with asyncio.timeout(_START):
                await child.listen()
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def listen(self) -> dict[str, Any]:
        """Return the next thing that it tells."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            await self.process.wait()
            raise _Crash(self.process.returncode or 0)
        said: dict[str, Any] = json.loads(line)
        return said

    async def run(self, task: dict[str, Any], tell: Told | None) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.tasks += 1
        try:
            self.process.stdin.write(json.dumps(task).encode() + b"\n")
            await self.process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended, as listening tells
        while True:
            said = await self.listen()
            if "progress" not in said:
                return said
            if tell is not None:
                tell(said["progress"])

    async def end(self) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        with contextlib.suppress(OSError):
            if self.process.stdin is not None:
                self.process.stdin.close()
        await self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


class _Crash(Exception):
    """A child ended in the midst of its task."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Pool:
    """Several children that work side by side.

    Parameters
    ----------
    settings : Settings
    scratch : Path
        Where children may write on the way.
    size : int
        How many work at once.
    waiting : int
        How many tasks may wait for one; more are refused.
    tasks : int
        After how many a child is replaced, lest it grow.
    """

    def __init__(
        self, settings: Settings, scratch: Path, size: int, *, waiting: int = 10**9, tasks: int = 20
    ) -> None:
        self._settings, self._scratch, self._tasks = settings, scratch, tasks
        self._free = asyncio.Semaphore(size)
        self._left = size + waiting
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False

    def warm(self) -> None:
        """Start a child ahead of need, in the background, unless one is there already."""
        if not (self._closed or self._idle or self._starting):
            task = asyncio.ensure_future(self._add())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def run(
        self, task: str, folder: Path, *, tell: Told | None = None, seconds: float, **said: Any
    ) -> dict[str, Any]:
        """Let a child do a task.

        Parameters
        ----------
        task : str
            One of :data:`gatecast.serve.tasks.TASKS`.
        folder : Path
            That it may write to.
        tell : callable, optional
            Told of its progress.
        seconds : float
            That it may take.
        **said
            What else it is to know.

        Returns
        -------
        dict

        Raises
        ------
        Refusal
            When it fails, however: by its own word, by a crash, for lack of time or memory.
        """
        if self._left < 1:
            raise busy()
        self._left -= 1
        try:
            async with self._free:
                return await self._run(task, folder, tell, seconds, said)
        finally:
            self._left += 1

    async def _run(
        self, task: str, folder: Path, tell: Told | None, seconds: float, said: dict[str, Any]
    ) -> dict[str, Any]:
        child = await self._child()
        message = {
            "task": task,
            "folder": os.fspath(folder),
            "limits": vars(self._settings.limits),
            "threads": self._settings.threads,
            "verbose": self._settings.verbose,
            **said,
        }
        kept = False
        try:
            async with asyncio.timeout(seconds):
                answer = await child.run(message, tell)
            kept = child.tasks < self._tasks and "memory" not in answer
        except TimeoutError:
            raise Refusal(
                422,
                f"It took longer than {seconds:g} seconds and was ended.",
                fix=f"Send less, or start the server with a larger {option_of('max_minutes')}."
                if task in JOBS
                else "Send less.",
            ) from None
        except _Crash as error:
            if self._closed:
                raise closing() from None
            raise Refusal(
                422,
                "The process that worked on this ended unexpectedly.",
                value=_ended(error.code),
                fix="The server goes on. It may have been too large for this machine.",
            ) from None
        finally:
            await asyncio.shield(self._put_back(child, kept))
        return _answer(answer)

    async def _child(self) -> _Child:
        if self._closed:
            raise closing()
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            self._all.discard(child)
        if self._starting:
            await asyncio.wait(list(self._starting), return_when=asyncio.FIRST_COMPLETED)
            if self._idle:
                return await self._child()
        return await self._started()

    async def _started(self) -> _Child:
        try:
            child = await _Child.start(self._scratch, self._settings)
        except (_Crash, OSError, TimeoutError) as error:
            raise Refusal(
                503, "No process could be started.", value=str(error), retry_after=10
            ) from None
        self._all.add(child)
        return child

    async def _add(self) -> None:
        with contextlib.suppress(Refusal):
            child = await self._started()
            if self._closed:
                await child.end()
            else:
                self._idle.append(child)

    async def _put_back(self, child: _Child, kept: bool) -> None:
        if kept and not self._closed:
            self._idle.append(child)
            return
        await child.end()
        self._all.discard(child)
        self.warm()

    async def close(self) -> None:
        """End all children."""
        self._closed = True
        for task in list(self._starting):
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(child.end() for child in list(self._all)))
        self._all.clear()
        self._idle.clear()


def _answer(said: dict[str, Any]) -> dict[str, Any]:
    if "done" in said:
        done: dict[str, Any] = said["done"]
        return done
    if "failed" in said:
        raise restored(said["failed"])
    if "memory" in said:
        raise Refusal(
            422,
            f"It needs more than the {said['memory']:,} megabytes of memory that it may use.",
            fix=f"Send less, or start the server with a larger {option_of('max_memory')}.",
        )
    if "disk" in said:
        raise no_disk(said["disk"])
    raise Refusal(
        500, "A fault of ours stopped this.", value=said["fault"], fix="Please report it."
    )


def _ended(code: int) -> str:
    import signal

    try:
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"
