"""``gatecast info``: what runs here."""

from __future__ import annotations

import platform

from gatecast import _core
from gatecast.cli.options import AsJson
from gatecast.cli.output import print_json

__all__ = ["info"]


def info(
    as_json: AsJson = False,
) -> None:
    """Print the version, the instruction set in use and the number of threads."""
    from gatecast.version import __version__

    facts = {
        "version": __version__,
        "isa": _core.isa(),
        "available_isas": _core.available_isas(),
        "threads": _core.default_threads(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        print(f"{name:15} {', '.join(value) if isinstance(value, list) else value}")
