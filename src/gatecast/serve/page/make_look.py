"""Write look.json: the colours and the charts' own words, from where the reports have them.

Run ``python make_look.py`` after a change of `gatecast.report.figures`, `scales` or `words`.
"""

from __future__ import annotations

import json
from pathlib import Path

from gatecast.report.figures import SCHEME
from gatecast.report.scales import IN_DARK
from gatecast.report.words import LOCALES


def look() -> str:
    """Return the file: by name, by light colour the dark one, and by language what plotly says."""
    light = {name: colours[0] for name, colours in SCHEME.items()}
    made = {"light": light, "dark": dict(SCHEME.values()) | IN_DARK, "locales": LOCALES}
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("look.json").write_text(look(), encoding="utf-8")
