"""Connections: how many, and how long one may say nothing or take nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from gatecast.serve.errors import busy
from gatecast.serve.safety import error_response

__all__ = ["Connection"]

_MOST = 1_000  # connections; and at most half of the files that the system lets a process open
_HEAD = 20.0  # seconds within which a request has to be asked
_STALLED = 120.0  # seconds that a client may leave what is sent to it untaken


class Connection(H11Protocol):
    """A connection that cannot be held for nothing; the parameters are uvicorn's."""

    most = _MOST
    head = _HEAD
    stalled = _STALLED

    def __init__(self, *said: Any, **more: Any) -> None:
        super().__init__(*said, **more)
        self._asked: asyncio.TimerHandle | None = None
        self._taken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > min(self.most, _files() // 2):
            transport.write(_too_many())
            transport.close()
        else:
            self._asked = self.loop.call_later(self.head, transport.close)

    def data_received(self, data: bytes) -> None:
        """Take what a client says; from the first of it, a request has to be whole in time."""
        super().data_received(data)
        waits = self.conn.their_state is h11.IDLE
        if not waits:
            _stop(self._asked)
            self._asked = None
        elif self._asked is None:
            self._asked = self.loop.call_later(self.head, self.transport.close)

    def pause_writing(self) -> None:
        """Wait for a client that does not take what is sent, for a while."""
        super().pause_writing()
        _stop(self._taken)
        self._taken = self.loop.call_later(self.stalled, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        _stop(self._taken)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(exc)
        for timer in (self._asked, self._taken):
            _stop(timer)


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _files() -> int:
    """How many files this process may have open, connections among them."""
    try:
        import resource
    except ImportError:
        return 2 * _MOST
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 2 * _MOST if most == resource.RLIM_INFINITY else most


def _too_many() -> bytes:
    status, headers, body = error_response(busy())
    headers |= {"content-length": str(len(body)), "connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Service Unavailable\r\n{lines}\r\n".encode() + body
