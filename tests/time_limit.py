"""A limit on how long a fuzzed file may take."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Late(BaseException):
    """Not done in time; nothing that reads a file takes it for damage of the file."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise Late in what takes longer."""

    def stop(*_: object) -> None:
        raise Late(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
