"""Where the commands' results go: files checked before any work, tables, JSON."""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatecast.atomic import write_whole
from gatecast.errors import ConfigError
from gatecast.language import Lang, say
from gatecast.plain import csv_bytes, json_text

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

__all__ = [
    "check_writable",
    "console",
    "error_table",
    "print_json",
    "show_notes",
    "stage_bar",
    "table_number",
    "write_frame",
]


def check_writable(*inputs: Path | None, **outputs: Path | None) -> None:
    """Fail now rather than after the training if a file could not be written.

    Parameters
    ----------
    *inputs : Path or None
        What the command reads; no output may replace it.
    **outputs : Path or None
        By the option's name.

    Raises
    ------
    OSError
        When the folder is missing or cannot be written, or the path is a folder.
    ConfigError
        When two options name the same file, or one names an input.
    """
    taken = {os.path.realpath(path): "the input" for path in inputs if path is not None}
    for option, path in outputs.items():
        if path is None or (path.exists() and not path.is_file() and not path.is_dir()):
            continue  # a pipe or a terminal: to open it now might end it
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(f"--{option} names a folder, not a file: {path}")
        if not target.parent.is_dir():
            raise FileNotFoundError(f"The folder of --{option} does not exist: {path}")
        if other := taken.get(os.fspath(target)):
            raise ConfigError(f"--{option} and {other} are the same file.", value=path)
        taken[os.fspath(target)] = f"--{option}"
        try:
            if target.exists():
                with open(target, "ab"):
                    pass
            with tempfile.TemporaryFile(dir=target.parent):
                pass
        except OSError as error:
            raise type(error)(f"--{option} cannot be written: {path} ({error.strerror})") from error


def write_frame(frame: pd.DataFrame, path: Path | None) -> None:
    """Write a forecast as CSV in UTF-8, to standard output if no path is given."""
    content = csv_bytes(frame)
    if path is None:
        _to_stdout(content)
    else:
        write_whole(path, content)


def print_json(report: dict[str, Any]) -> None:
    """Print one object on standard output; what is not a finite number becomes null."""
    _to_stdout(f"{json_text(report, indent=2)}\n".encode())


def _to_stdout(content: bytes) -> None:
    """Write UTF-8 whatever the terminal's encoding; a reader may have seen enough."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it ends; that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def console() -> Console:
    """Return the terminal that people read: standard error, so that results can be piped."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def error_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a small table for people: text to the left, numbers to the right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for index, heading in enumerate(headings):
        numeric = all(_is_number(row[index]) for row in rows)
        table.add_column(
            heading,
            justify="right" if numeric else "left",
            overflow="fold",
            min_width=15 if not index else None,
        )
    for row in rows:
        table.add_row(*row)
    console().print(table)


def show_notes(notes: Sequence[str], lang: Lang = "en") -> None:
    """Print what was done to the data and what to know about the result."""
    for note in notes:
        print(say("note: ", lang) + say(note, lang), file=sys.stderr)


@contextmanager
def stage_bar() -> Iterator[Any]:
    """One progress bar for all stages; yields ``progress(stage, total)``."""
    from gatecast.progress import StageBar

    with StageBar() as bar:
        yield bar.stage


def table_number(value: float, form: str = "{:,.3f}") -> str:
    """Write a number for a table, a dash where there is none."""
    text = form.format(value) if math.isfinite(value) else "–"
    return text.removeprefix("-") if text.strip("-0. %") == "" and text != "–" else text


def _is_number(text: str) -> bool:
    return (
        text.removesuffix(" %").replace(".", "").replace("-", "").replace(",", "").isdigit()
        or text == "–"
    )
