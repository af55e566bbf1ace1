"""A server from its beginning to its end: the address, the signals, the folder."""

from __future__ import annotations

import signal
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

from gatecast.errors import ConfigError, MissingExtraError
from gatecast.serve.settings import Settings

__all__ = ["run"]

_PATIENCE = 2  # seconds that open connections get at the end


def run(folder: Path | None, *, port: int = 8000, browse: bool = False, **said: Any) -> None:
    """Serve until a signal says that it is enough.

    Parameters
    ----------
    folder : Path or None
        Where jobs and models are kept; None for a temporary one.
    port : int
        0 lets the system choose.
    browse : bool
        Open the page in a browser.
    **said
        What else :class:`~gatecast.serve.settings.Settings` takes.

    Raises
    ------
    MissingExtraError
        When FastAPI or uvicorn is not installed.
    ConfigError
        When the address is no good, or the folder is another server's.
    """
    Settings(folder=folder or Path(), **said)  # says what is wrong before anything is made
    try:
        import fastapi  # noqa: F401
        import openpyxl  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("A server and its page", extra="serve") from error
    from gatecast.serve.app import create_app
    from gatecast.serve.connections import Connection
    from gatecast.serve.store import Store

    signal.signal(signal.SIGTERM, _enough)
    with ExitStack() as stack:
        if folder is None:
            kept = stack.enter_context(tempfile.TemporaryDirectory(prefix="gatecast-"))
            print("Nothing is kept when it ends (--folder keeps jobs and models).", file=sys.stderr)
            folder = Path(kept)
        settings = Settings(folder=folder, **said)
        bound = stack.enter_context(_bound(settings.host, port))
        app = create_app(settings, Store(folder))
        address = _address(bound)

        class Server(uvicorn.Server):
            """Ends jobs before it ends connections, which may be waiting for them."""

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.started:
                    print(f"gatecast is at {address}", file=sys.stderr, flush=True)
                    if browse:
                        import webbrowser

                        webbrowser.open(address)

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                await app.state.service.close()
                await super().shutdown(sockets)

        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="info" if settings.verbose else "critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            http=Connection,
            loop="asyncio",
            lifespan="on",
            timeout_graceful_shutdown=_PATIENCE,
        )
        Server(config).run(sockets=[bound])


def _enough(number: int, frame: Any) -> NoReturn:
    raise SystemExit(0)


def _bound(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65_535:
        raise ConfigError("A port is from 0 to 65535.", value=port, fix="Use --port 8000.")
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    # The protocol is said, or asyncio leaves its connections with Nagle's delay of 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((bare, port))
    except OSError as error:
        bound.close()
        raise ConfigError(
            "This address cannot be used.",
            value=f"{host}, port {port} ({error.strerror})",
            fix="Use another --port (0 lets the system choose), or another --host.",
        ) from None
    return bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
