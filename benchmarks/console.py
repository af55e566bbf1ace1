"""Where tables and progress are printed."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console


def console_for(stream: TextIO) -> Console:
    """Return a console for tables; a file or a pipe has no width of its own."""
    return Console(file=stream) if stream.isatty() else Console(file=stream, width=140)


def progress_console() -> Console:
    """Return a console for what is going on, beside the results."""
    return Console(stderr=True)
