"""Make the pictures of "How an LSTM remembers", from the very code on that page.

    python docs/make_gates.py

Takes the chart of the pages that the chapters write, with Chromium.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE / "how-an-lstm-remembers.md"
SALES = HERE.parent / "examples" / "sales.csv"
PICTURES = {
    "The sine": "gates-sine",
    "A change of regime": "gates-regime",
    "Your own file": "gates-sales",
}


def main() -> None:
    parts = re.split(r"^## (.*)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        if title not in PICTURES:
            continue
        namespace: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            shutil.copy(SALES, folder)
            with contextlib.redirect_stdout(io.StringIO()):
                for code in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
                    exec(compile(code, title, "exec"), namespace)
            for lang, suffix in (("en", ""), ("zh", ".zh-CN")):
                take(namespace["trace"], lang, HERE / "pictures" / f"{PICTURES[title]}{suffix}.png")


def take(trace: Any, lang: str, picture: Path) -> None:
    """Take the chart alone, without what only moves on a page."""
    page = Path("page.html")
    trace.report(page, lang=lang)
    alone = "<style>.moment, .views { display: none }</style>\n</head>"
    page.write_text(page.read_text("utf-8").replace("</head>", alone, 1), "utf-8")
    maker = [sys.executable, HERE / "make_pictures.py", page, picture]
    subprocess.run([*maker, "--size", "960", "880"], check=True)
    print(picture.name)


if __name__ == "__main__":
    main()
