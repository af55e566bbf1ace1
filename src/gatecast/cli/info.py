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
    """Print the version, the instruction set in use, what multiplies bfloat16, and the threads.

    bfloat16_by is amx, avx512_bf16, or emulation, which is correct but slow. precision_auto is what
    --precision auto takes here for a network of the default size.
    """
    from gatecast.models.config import LSTMConfig
    from gatecast.version import __version__

    facts = {
        "version": __version__,
        "isa": _core.isa(),
        "available_isas": _core.available_isas(),
        "bfloat16_by": _core.bfloat16_by(),
        "precision_auto": _core.Network(
            1, LSTMConfig(h=1).hidden_size, 1, precision="auto"
        ).precision,
        "threads": _core.default_threads(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        print(f"{name:15} {', '.join(value) if isinstance(value, list) else value}")
