"""Jobs: a queue, what is known of each, and who waits for news of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from gatecast.serve.errors import Refusal, beyond, closing, described, no_disk
from gatecast.serve.settings import Settings
from gatecast.serve.store import Store, new_name
from gatecast.serve.workers import Pool

__all__ = ["ENDED", "Job", "Jobs"]

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
_PASSING = ("changed", "progress", "fraction")  # what of a job is not kept
ENDED = ("done", "failed", "cancelled", "interrupted")
_KINDS = ("forecast", "backtest", "fit")
_INTERRUPTED = {
    "status": 503,
    "problem": "The server was stopped before this job was done.",
    "value": None,
    "fix": "Send it again.",
    "rows": None,
}
_GRACE = 3.0  # seconds that running jobs get when the server ends
_HEARTBEAT = 15.0
_MOST_LISTENERS = 128  # streams of events: half of what is served at once
_SHARE = 0.2  # of what is left, for a stage


@dataclass(eq=False)
class Job:
    """What is known of a job."""

    id: str
    kind: str
    title: str
    name: str | None = None
    series: int | None = None
    horizon: int | None = None
    state: State = "queued"
    created: str = ""
    started: str | None = None
    ended: str | None = None
    error: dict[str, Any] | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    fraction: float = 0.0
    changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def facts(self) -> dict[str, Any]:
        """Return what the folder keeps of it."""
        return {k: v for k, v in vars(self).items() if k not in _PASSING}

    @property
    def seconds(self) -> float | None:
        """How long it has been running, or ran."""
        if self.started is None:
            return None
        end = datetime.now(UTC) if self.ended is None else datetime.fromisoformat(self.ended)
        return round((end - datetime.fromisoformat(self.started)).total_seconds(), 3)

    def tell(self) -> None:
        """Wake who waits for news."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class Jobs:
    """All jobs of a folder, and the queue.

    Parameters
    ----------
    settings : Settings
    store : Store
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._limits, self._store = settings.limits, store
        self._pool = Pool(settings, store.scratch, settings.limits.workers)
        self._known = {job.id: job for job in map(_restored, store.found()) if job is not None}
        self._queue: deque[Job] = deque()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._listeners = 0
        self.closing = False
        for job in self.all():
            if job.state not in ENDED:
                self._clear(job)
                self._end(job, "interrupted", _INTERRUPTED)

    def warm(self) -> None:
        """Start a child ahead of need."""
        self._pool.warm()

    # What is known

    def all(self) -> list[Job]:
        """Return all jobs, the newest first."""
        return sorted(self._known.values(), key=lambda job: (job.created, job.id), reverse=True)

    def get(self, id: str) -> Job:
        """Return a job; a Refusal if there is none."""
        try:
            return self._known[id]
        except KeyError:
            raise Refusal(
                404, "There is no such job.", value=id[:100], fix="GET /v1/jobs lists them."
            ) from None

    def counts(self) -> dict[str, int]:
        """Return how many are queued and running."""
        return {"queued": len(self._queue), "running": len(self._running)}

    def names(self) -> set[str]:
        """Return the names of the models that are being made."""
        active = (job for job in self._known.values() if job.state not in ENDED)
        return {job.name for job in active if job.name is not None}

    def position(self, job: Job) -> int | None:
        """Return how many jobs come before one that is queued, and 1 more."""
        return self._queue.index(job) + 1 if job in self._queue else None

    def files(self, job: Job) -> Path:
        """Return the folder of a job that is done; a Refusal if it is not."""
        if job.state != "done":
            raise Refusal(
                409, "This job has no results.", value=job.state, fix="Wait until it is done."
            )
        return self._store.place(job.id)

    # What happens

    def require_room(self) -> None:
        """Raise unless a job can be taken."""
        if self.closing:
            raise closing()
        if len(self._queue) + len(self._running) >= self._limits.max_jobs:
            error = beyond("max_jobs", self._limits.max_jobs, "jobs at a time", None, 429)
            error.fix = "Try again when one is done, or cancel one."
            error.retry_after = 5
            raise error

    def add(self, inbox: Path, kind: str, facts: dict[str, Any]) -> Job:
        """Queue a job of what is in a folder."""
        self.require_room()
        job = Job(id=new_name(), kind=kind, created=_now(), **facts)
        self._store.admit(inbox, job.id, job.facts())
        self._known[job.id] = job
        self._queue.append(job)
        self._next()
        return job

    def cancel(self, job: Job) -> None:
        """End a job that is queued or running."""
        if job in self._queue:
            self._queue.remove(job)
            self._end(job, "cancelled")
            self._tell_queued()
        elif (task := self._running.get(job.id)) is not None:
            self._end(job, "cancelled")
            task.cancel()

    def remove(self, job: Job) -> None:
        """Forget a job that has ended."""
        self._known.pop(job.id, None)
        self._store.drop(self._store.place(job.id))

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take a place among those who wait for news, who must not keep others out."""
        if self._listeners >= _MOST_LISTENERS:
            raise Refusal(
                503,
                "Too many listen to events.",
                value=self._listeners,
                fix="Close some, or ask for the job now and then.",
                retry_after=5,
            )
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1

    async def news(self, job: Job) -> AsyncIterator[bool]:
        """Yield True at every change of a job, until it has ended; False while nothing happens."""
        while True:
            changed = job.changed
            yield True
            if job.state in ENDED:
                return
            while not changed.is_set():
                try:
                    async with asyncio.timeout(_HEARTBEAT):
                        await changed.wait()
                except TimeoutError:
                    yield False

    async def close(self) -> None:
        """Take no more jobs, give running ones a moment, and end all."""
        self.closing = True
        for job in list(self._queue):
            self._end(job, "interrupted", _INTERRUPTED)
        self._queue.clear()
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=_GRACE)
        for id, task in list(self._running.items()):
            known = self._known.get(id)  # None when it was cancelled, and forgotten at once
            if known is not None and known.state not in ENDED:
                self._end(known, "interrupted", _INTERRUPTED)
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self._pool.close()

    # Inside

    def _next(self) -> None:
        while self._queue and len(self._running) < self._limits.workers and not self.closing:
            job = self._queue.popleft()
            task = self._running[job.id] = asyncio.ensure_future(self._run(job))
            # Not at the end of the task itself: one that is cancelled at once never begins.
            task.add_done_callback(partial(self._left, job))
            self._tell_queued()

    def _left(self, job: Job, task: asyncio.Task[None]) -> None:
        del self._running[job.id]
        self._next()

    def _tell_queued(self) -> None:
        for job in self._queue:
            job.tell()

    async def _run(self, job: Job) -> None:
        error: Refusal | None = None
        try:
            job.state, job.started = "running", _now()
            self._store.write(job.id, job.facts())
            job.tell()
            await self._pool.run(
                job.kind,
                self._store.place(job.id),
                tell=_teller(job),
                seconds=60 * self._limits.max_minutes,
                kind=job.kind,
            )
            if job.name is not None:
                self._store.keep(job.id, job.name)
        except Refusal as refused:
            error = refused
        except OSError as failed:
            error = no_disk(failed.strerror)
        except Exception as fault:
            error = Refusal(500, "A fault of ours stopped this.", value=type(fault).__name__)
        finally:
            if error is not None or job.ended is not None:
                self._clear(job)
            if job.ended is None:  # nobody ended it meanwhile
                if error is None:
                    self._end(job, "done")
                else:
                    self._end(job, "failed", described(error))

    def _clear(self, job: Job) -> None:
        with contextlib.suppress(OSError):
            self._store.clear(job.id)

    def _end(self, job: Job, state: State, error: dict[str, Any] | None = None) -> None:
        job.state, job.error, job.ended = state, error, _now()
        with contextlib.suppress(OSError):
            self._store.write(job.id, job.facts())
        job.tell()
        # By their end: else a job that took long would go as soon as it is done.
        ended = [one for one in self._known.values() if one.ended is not None]
        ended.sort(key=lambda one: str(one.ended), reverse=True)
        for old in ended[self._limits.keep :]:
            self.remove(old)


def _teller(job: Job) -> Callable[[dict[str, Any]], None]:
    """Return what is told of a job's progress."""
    begun = 0.0

    def tell(progress: dict[str, Any]) -> None:
        nonlocal begun
        if progress["stage"] != job.progress.get("stage"):
            begun = job.fraction
        # How many stages there are is not known: each takes a part of what is left.
        share = _SHARE * min(1.0, progress["done"] / max(1, progress["total"]))
        job.fraction = max(job.fraction, round(begun + (1 - begun) * share, 4))
        job.progress = progress
        job.tell()

    return tell


def _restored(facts: dict[str, Any]) -> Job | None:
    try:
        job = Job(**{name: x for name, x in facts.items() if name not in _PASSING})
        job.seconds  # noqa: B018 - whether its times are times
    except (TypeError, ValueError):
        return None
    strings = (job.id, job.kind, job.title, job.created, job.state)
    if not all(isinstance(x, str) for x in strings) or job.kind not in _KINDS:
        return None
    if not (job.error is None or {*_INTERRUPTED} <= {*job.error}):
        return None
    if (job.ended is None) == (job.state in ENDED) or not isinstance(job.name, str | None):
        return None
    return job


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
