"""Take the picture of one chart from a page that gatecast wrote, with Chromium.

    gatecast forecast AirPassengers.csv -h 12 --plot page.html
    python docs/make_pictures.py page.html picture.png
    python docs/make_pictures.py demo.html picture.png --figure 5 --dark

The charts are numbered from the top of the page.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

# Quiet: no first-run pages, no updates, no requests of its own.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=5000",
]
ALONE = """
<script>
(() => {
  const figure = document.querySelectorAll("figure")[NUMBER - 1];
  document.body.replaceChildren(figure);
  document.body.style.background = "var(--paper)";
  Object.assign(figure.style, { margin: 0, border: 0 });
  figure.querySelector(".plot").style.height = "HEIGHTpx";
  figure.querySelector("label")?.remove();
  Plotly.relayout(figure.querySelector(".plot"), { "modebar.remove": ["zoom", "pan", "zoomin",
    "zoomout", "autoscale", "resetscale", "toimage"] });
  dispatchEvent(new Event("resize"));
})();
</script>
</body>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--figure", type=int, default=1)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--size", type=int, nargs=2, default=(960, 440), help="width and height")
    asked = parser.parse_args()

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("Chromium is needed to take pictures: apt-get install chromium")
    width, height = asked.size
    alone = ALONE.replace("NUMBER", str(asked.figure)).replace("HEIGHT", str(height - 20))
    head, _, tail = asked.page.read_text(encoding="utf-8").rpartition("</body>")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(head + alone + tail, encoding="utf-8")
        command = [
            browser,
            *FLAGS,
            f"--user-data-dir={folder}/profile",
            "--force-device-scale-factor=2",
            f"--blink-settings=preferredColorScheme={0 if asked.dark else 1}",
            f"--window-size={width},{height}",
            f"--screenshot={asked.picture.resolve()}",
            page.as_uri(),
        ]
        subprocess.run(command, check=True, timeout=120, stderr=subprocess.DEVNULL)
    if not asked.picture.is_file():
        raise SystemExit("Chromium took no picture.")


if __name__ == "__main__":
    main()
