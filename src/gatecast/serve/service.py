"""What a running server has: its folder, its jobs, its models, and who reads what comes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from gatecast.serve.errors import Refusal, beyond, busy, closing, taken
from gatecast.serve.jobs import Job, Jobs
from gatecast.serve.models import Models
from gatecast.serve.settings import Settings
from gatecast.serve.store import Store
from gatecast.serve.tasks import BODY, no_data
from gatecast.serve.workers import Pool

__all__ = ["Service", "service_of"]

_READERS = 2  # so that one file that takes long is not all that is read
_WAITING = 64
_TASKS = 200  # small ones, after which a reader is replaced
_READ = 120.0  # seconds that reading and examining may take
_HELD = 4  # times the largest body: what bodies may hold together


class Service:
    """What a running server has.

    Parameters
    ----------
    settings : Settings
    store : Store
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store
        self.jobs = Jobs(settings, self.store)
        self.models = Models(settings, self.store)
        self._readers = Pool(settings, store.scratch, _READERS, waiting=_WAITING, tasks=_TASKS)
        self._held = 0
        self._closed: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start children ahead of need."""
        self._readers.warm()
        self.jobs.warm()

    async def close(self) -> None:
        """Take no more, end what runs, and leave the folder; once, however often it is called."""
        if self._closed is None:
            self._closed = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closed)

    async def _close(self) -> None:
        await self.jobs.close()
        await self._readers.close()
        self.models.close()
        self.store.close()

    @asynccontextmanager
    async def inbox(self, request: Request, *, needed: bool = True) -> AsyncIterator[Path]:
        """Take a body into a folder of its own, which is removed unless a job was made of it."""
        self.require_open()
        self._require_body(request, needed)
        folder = self.store.inbox()
        held = 0
        try:
            with open(folder / BODY, "wb") as file:
                held = await self._arrive(request, file)
            yield folder
        finally:
            self._held -= held
            self.store.drop(folder)

    async def small_body(self, request: Request) -> bytes:
        """Return a body that says it is small, and which can be read again."""
        async with self._in_time():
            return await request.body()

    def require_open(self) -> None:
        """Raise if the server is about to end."""
        if self.jobs.closing:
            raise closing()

    def length(self, request: Request) -> int | None:
        """Return how long a body says it is; None if it does not say."""
        if "transfer-encoding" in request.headers:
            return None  # and what is said beside it is not true
        said = request.headers.get("content-length", "0")
        return int(said) if said.isascii() and said.isdigit() else None

    def require_plain(self, request: Request) -> None:
        """Raise if a body is compressed."""
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise Refusal(
                415, "Bodies are taken as they are.", value=encoding[:100], fix="Send it unpacked."
            )

    def _require_body(self, request: Request, needed: bool) -> None:
        self.require_plain(request)
        length = self.length(request)
        if length is not None and length > self.settings.limits.max_bytes:
            raise self._too_large(f"{length:,} bytes")
        if length == 0 and needed:
            raise no_data()

    def _too_large(self, value: str | None) -> Refusal:
        return beyond("max_megabytes", self.settings.limits.max_megabytes, "megabytes", value)

    async def _arrive(self, request: Request, file: IO[bytes]) -> int:
        limits, size = self.settings.limits, 0
        try:
            async with self._in_time():
                async for chunk in request.stream():
                    size += len(chunk)
                    self._held += len(chunk)
                    if size > limits.max_bytes:
                        raise self._too_large(None)
                    if self._held > _HELD * limits.max_bytes:
                        raise busy()
                    file.write(chunk)
        except BaseException:
            self._held -= size
            raise
        return size

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        patience = self.settings.patience
        try:
            async with asyncio.timeout(patience):
                yield
        except ClientDisconnect:
            raise Refusal(400, "The body did not arrive whole.") from None
        except TimeoutError:
            raise Refusal(408, f"The body did not arrive within {patience:g} seconds.") from None

    async def read(self, task: str, request: Request, inbox: Path, **said: Any) -> dict[str, Any]:
        """Let a reader do a task with what is in a folder."""
        return await self._readers.run(task, inbox, seconds=_READ, **sent_of(request), **said)

    async def queue(self, request: Request, kind: str) -> Job:
        """Take a job in: its data are read and examined first."""
        self.jobs.require_room()
        async with self.inbox(request) as inbox:
            facts = await self.read("accept", request, inbox, kind=kind)
            if facts["name"] is not None:
                self.require_new(facts["name"])
            return self.jobs.add(inbox, kind, facts)

    def require_new(self, name: str) -> None:
        """Raise if there is a model of this name, or will be."""
        if self.models.there(name) or name in self.jobs.names():
            raise taken(name)


def sent_of(request: Request) -> dict[str, Any]:
    """Return what a request says beside its body."""
    return {
        "type": request.headers.get("content-type", ""),
        "query": request.query_params.multi_items(),
    }


def service_of(request: Request) -> Service:
    """Return the service that a request is for."""
    service: Service = request.app.state.service
    return service
