"""What all of these programs can be told."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import available_processors
from benchmarks.peers import PEERS


def parser_for(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with what is common."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=at_least_one, default=rounds)
    parser.add_argument("--threads", type=at_least_one, default=available_processors())
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    return parser


def at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def add_peer_options(parser: argparse.ArgumentParser, default: Sequence[str]) -> None:
    """Let the user say who is timed, and which interpreter has which library."""
    names = [peer.name for peer in PEERS]
    parser.add_argument("--peers", nargs="+", choices=names, default=default, metavar="PEER")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="LIBRARY=PATH",
        help="the interpreter of a library's workers, e.g. torch=/venv/bin/python; repeatable",
    )


def pythons_from(pairs: Sequence[str]) -> dict[str, str]:
    """Return the interpreters that ``--python`` named, by library; say what is wrong if not."""
    libraries = sorted({peer.library for peer in PEERS})
    found = {}
    for pair in pairs:
        library, equals, path = pair.partition("=")
        if not equals or library not in libraries or not Path(path).is_file():
            raise SystemExit(
                f"--python takes LIBRARY=PATH, one of {', '.join(libraries)} and an interpreter "
                f"that exists; received {pair!r}"
            )
        found[library] = path
    return found


def write_json(path: Path | None, everything: dict[str, Any]) -> None:
    """Write the results where the user wanted them, if anywhere."""
    if path is not None:
        path.write_text(json.dumps(everything, indent=1) + "\n")
