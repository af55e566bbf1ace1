"""The command line: one file a command, and here how it begins and ends.

Exit codes: 0 done, 1 a fault of ours, 2 wrong usage, 3 the data cannot be used, 4 a file cannot be
read or written, 130 interrupted.
"""

from __future__ import annotations

import os
import sys

from gatecast.errors import ArtifactError, ConfigError, DataError

__all__ = ["main"]


def main() -> None:
    """Run the command line; every expected failure is one message and its exit code."""
    _open_streams()
    try:
        from gatecast.cli.app import app  # takes a while: Ctrl-C is to end it quietly, too

        app()
    except ConfigError as error:
        _fail(error, 2)
    except DataError as error:
        _fail(error, 3)
    except ArtifactError as error:
        _fail(error, 4)
    except OSError as error:
        named = error.strerror is not None and error.filename is not None
        _fail(f"{error.strerror}: {error.filename}" if named else error, 4)
    except MemoryError:
        _fail("There is not enough memory for this.", 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(error: Exception | str, code: int) -> None:
    print(f"gatecast: {error}", file=sys.stderr)
    sys.exit(code)


def _open_streams() -> None:
    """Let no message fail for a closed stream or a terminal that lacks its letters."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        getattr(sys, name).reconfigure(errors="backslashreplace")
