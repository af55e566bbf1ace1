"""Who may ask: the door that every request goes through, before any of it is read."""

from __future__ import annotations

import hmac
import json
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gatecast.serve.errors import Refusal, busy, described
from gatecast.serve.settings import Settings, is_loopback

__all__ = ["Door", "error_response"]

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
_MOST_AT_ONCE = 256  # requests, streams of events among them
_OPEN_TO_ALL = ("/healthz", "/openapi.json")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Door:
    """Lets in who may come in, and says on the way out what a browser may do with it.

    Parameters
    ----------
    app : callable
        What is behind it, of ASGI.
    settings : Settings
    """

    def __init__(self, app: Any, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._inside = 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve a request of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_headers(message["headers"], scope["path"])
            await send(message)

        self._inside += 1
        try:
            refusal = self._refusal(scope)
            if refusal is None:
                await self._app(scope, receive, with_headers)
            else:
                await _respond(refusal, with_headers)
        finally:
            self._inside -= 1
            if self._settings.verbose:
                took = 1_000 * (time.perf_counter() - began)
                path = scope["path"].encode("unicode_escape").decode()
                print(f"{scope['method']} {path} {status} {took:.0f} ms", file=sys.stderr)

    def _refusal(self, scope: Any) -> Refusal | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._is_ours(host):
            return Refusal(
                403,
                "This server does not go by this name.",
                value=host[:200] or "no Host",
                fix=f"Use the address that it printed, at {self._settings.host}.",
            )
        origin = headers.get(b"origin")
        foreign = origin is not None and origin.decode("latin-1").lower() not in (
            f"http://{host}",
            f"https://{host}",
        )
        # To follow a link to the page is no danger; everything else from elsewhere may be.
        crossing = headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site") and not (
            headers.get(b"sec-fetch-mode") == b"navigate"
            and scope["method"] == "GET"
            and scope["path"] == "/"
        )
        if foreign or crossing:
            value = None if origin is None else origin.decode("latin-1")[:200]
            return Refusal(
                403,
                "Pages of other origins may not use this server.",
                value=value,
                fix="Open the page that this server has, or ask it from a program.",
            )
        if scope["path"].startswith("/v1") and not self._knows_token(headers):
            return Refusal(
                401,
                "This server needs a token.",
                fix="Send it: Authorization: Bearer TOKEN. It is what --token of the server says.",
            )
        if self._inside > _MOST_AT_ONCE and scope["path"] not in _OPEN_TO_ALL:
            return busy()
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header is a name of this server: else a page could rebind its own."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        own = self._settings.host.lower()
        if not is_loopback(own) and self._settings.token is not None:
            return True
        return name.strip("[]") == own.strip("[]") or is_loopback(name)

    def _knows_token(self, headers: dict[bytes, bytes]) -> bool:
        token = self._settings.token
        if token is None:
            return True
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        same = hmac.compare_digest(given.strip(), token.encode())
        return same and scheme.lower() == b"bearer"


def error_response(error: Refusal | Any) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an error."""
    said = described(error)
    status = said.pop("status")
    if said["rows"] is None:
        del said["rows"]
    headers = {"content-type": "application/json"}
    if getattr(error, "retry_after", None) is not None:
        headers["retry-after"] = str(error.retry_after)
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return status, headers, json.dumps({"error": said}, ensure_ascii=False).encode(errors="replace")


async def _respond(error: Refusal, send: Send) -> None:
    status, headers, body = error_response(error)
    headers["content-length"] = str(len(body))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _with_headers(headers: Any, path: str) -> list[tuple[bytes, bytes]]:
    have = {name.lower() for name, _ in headers}
    more = dict(_HEADERS)
    if path.startswith("/v1"):
        more["cache-control"] = "no-store"
    added = [(n.encode(), v.encode()) for n, v in more.items() if n.encode() not in have]
    return [*headers, *added]
