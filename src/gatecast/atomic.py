"""Files that are whole or not there."""

from __future__ import annotations

import errno
import os
import secrets
from os import PathLike
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: str | PathLike[str], content: bytes) -> None:
    """Write a file through a temporary one in the same folder.

    Parameters
    ----------
    path : path-like
        Where to; replaced in one step, so that nobody ever sees half a file. A link is followed.
    content : bytes
        What.

    Raises
    ------
    OSError
        When the folder is missing or cannot be written; nothing is left behind.
    """
    if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
        Path(path).write_bytes(content)  # /dev/stdout, /dev/null, a pipe: written to, not replaced
        return
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "The folder does not exist", str(target.parent))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "This is a folder, not a file", str(path))
    scratch = target.with_name(f".gatecast-{secrets.token_hex(6)}.part")
    try:
        # Mode "x" rather than tempfile: the file gets the permissions of any new file.
        with open(scratch, "xb") as file:
            file.write(content)
        os.replace(scratch, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        scratch.unlink(missing_ok=True)
