"""Every example in docstrings, README and guide runs, and says what it says it prints.

A page of the guide is run section by section (``##``), each in a folder of its own that holds
``sales.csv``. Blocks in python and sh run in order, python's in one namespace; a block of text
right after one is what it printed, without the seconds of a leaderboard. ``<!-- exit 3 -->``
before a block says how each command in it that fails ends, ``<!-- raises -->`` that an error is
what is shown, ``<!-- needs torch -->`` that it runs where there is such a thing.
A chapter that speaks of the server's address has a server of its own.
``python -m tests.test_docs`` writes what is printed into the pages.
"""

from __future__ import annotations

import contextlib
import dataclasses
import doctest
import importlib.util
import io
import math
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

import gatecast
from gatecast.cli.app import app
from gatecast.reading import Reading

from .served import served

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(gatecast.__path__, "gatecast.")
    if not module.name.endswith(("._core", ".__main__"))
)
PAGES = ("README.md", "README.zh-CN.md")
DATA = "docs/your-data.md"
RUN = ("start", "how-an-lstm-remembers", "your-data", "is-it-any-good", "models", "tuning")
RUN += ("from-keras-or-pytorch", "serving")
GUIDE = {f"docs/{name}.md": f"docs/{name}.zh-CN.md" for name in RUN}
WRITTEN = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
# What is for those who change gatecast has no translation.
ALONE = ["docs/contributing/model.md"]
ENGLISH = ["CHANGELOG.md", "CONTRIBUTING.md", "DESIGN.md"]
ENGLISH += [page for page in WRITTEN if page.startswith("docs/contributing/")]
SERVED = "http://127.0.0.1:8000"  # what pages call the server that a test starts
# "gatecast" is the installed script of this very environment.
SCRIPTS = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("name", ["gatecast", *MODULES])
def test_docstring_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    # Python 3.11's doctest writes an exception with its module; so do ours.
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the file that the README speaks of."""
    shutil.copy(ROOT / "examples" / "sales.csv", tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_examples_run(path: Path, tmp_path: Path) -> None:
    copied = shutil.copy(path, tmp_path)
    subprocess.run([sys.executable, "-W", "error", copied], check=True, capture_output=True)


def test_the_example_data_are_what_the_script_makes(tmp_path: Path) -> None:
    copied = shutil.copy(ROOT / "examples" / "make_sales.py", tmp_path)
    subprocess.run([sys.executable, copied], check=True)
    expected = (ROOT / "examples" / "sales.csv").read_text(encoding="utf-8")
    assert (tmp_path / "sales.csv").read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run(page: str, folder: Path) -> None:
    code = "\n".join(blocks(page, "python"))
    assert code
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class Block(NamedTuple):
    """A block of code in the guide, and what it should do."""

    ends: str | None  # "exit 3", "raises", "needs torch"
    language: str
    code: str
    shown: str | None


_BLOCK = re.compile(
    r"^(?:<!-- (exit \d|raises|needs \w+) -->\n)?```(python|sh)\n(.*?)^```\n"
    r"(?:\n```text\n(.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)


def sections(page: str) -> dict[str, str]:
    """The parts of a page by their heading."""
    parts = re.split(r"^## (.*)\n", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def guide_blocks(text: str) -> list[Block]:
    return [Block(*groups) for groups in _BLOCK.findall(text.replace("\r", ""))]


def run(block: Block, namespace: dict[str, Any]) -> str:
    """Run a block in the current folder, and return what it printed."""
    verb, _, package = (block.ends or "").partition(" ")
    if verb == "needs" and not (shutil.which(package) or importlib.util.find_spec(package)):
        return block.shown or ""
    if block.language == "python":
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            try:
                exec(compile(block.code, "<guide>", "exec"), namespace)
            except gatecast.GatecastError as error:
                if block.ends != "raises":
                    raise
                print(f"{type(error).__name__}: {error}")
            else:
                assert block.ends != "raises", block.code
        return out.getvalue()
    with tempfile.NamedTemporaryFile("r") as codes:
        code = f"trap 'echo exit $? >> {codes.name}' ERR\n{block.code}"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **SCRIPTS, "COLUMNS": "100"},
            check=False,
        )
        ended = set(codes.read().splitlines())
    assert ended == ({block.ends} if verb == "exit" else set()), f"{block.code}\n{done.stdout}"
    return _without_seconds(done.stdout)


def run_all(text: str) -> list[tuple[Block, str]]:
    """Run the blocks of a chapter in the current folder; each with what it printed."""
    blocks, namespace = guide_blocks(text), dict[str, Any]()
    if not any(SERVED in block.code for block in blocks):
        return [(block, run(block, namespace)) for block in blocks]
    with tempfile.TemporaryDirectory() as kept, served(Path(kept)) as server:
        there = f"http://127.0.0.1:{server.port}"
        ours = [block._replace(code=block.code.replace(SERVED, there)) for block in blocks]
        return [(block, run(one, namespace)) for block, one in zip(blocks, ours, strict=True)]


def _without_seconds(printed: str) -> str:
    """Leave out the last column of leaderboards, which is another each time."""
    lines, width = [], None
    for line in printed.splitlines():
        if line.rstrip().endswith("   seconds"):
            width = line.rindex("   seconds")
        elif not line.strip():
            width = None
        lines.append(line[:width])
    return "".join(f"{line}\n" for line in lines)


def says(shown: str, printed: str) -> bool:
    """Compare words, and decimals roughly: another instruction set trains a bit differently."""
    number = r"\d+\.\d+(?:e[+-]\d+)?|\d+(?= %)"
    changing = r"\d+\.\d (?:s\.|秒)|\d+(?= epochs| 轮)"  # how long it took, how many were best
    wanted, got = (
        re.split(f"({number})", re.sub("─+", "─", " ".join(re.sub(changing, "", text).split())))
        for text in (shown, printed)
    )
    return wanted[::2] == got[::2] and all(
        math.isclose(float(a), float(b), rel_tol=0.03, abs_tol=0.02 if "." in a else 2)
        for a, b in zip(wanted[1::2], got[1::2], strict=True)
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_readme_s_commands_do_what_it_says(
    page: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    commands = [
        block
        for block in guide_blocks((ROOT / page).read_text(encoding="utf-8"))
        if block.language == "sh" and block.code.startswith("gatecast ")
    ]
    assert len(commands) >= 3
    for block in commands:
        printed = run(block, {})
        if block.shown:
            assert says(block.shown, printed), f"{block.code}\n{printed}"


@pytest.mark.parametrize(
    ("page", "section"),
    [(page, section) for page in (*GUIDE, *ALONE) for section in sections(page)],
)
def test_the_guide_does_what_it_says(
    page: str, section: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for block, printed in run_all(sections(page)[section]):
        if block.shown:
            assert says(block.shown, printed), f"{block.code}\n{printed}"


def test_the_guide_shows_every_message_that_it_explains() -> None:
    texts = sections(DATA)
    outputs = [block.shown or "" for text in texts.values() for block in guide_blocks(text)]
    shown = " ".join(" ".join(outputs).split())
    rows = re.findall(r"^\| ([^|`]+) \| ", texts["When it stops"], re.MULTILINE)
    for message in " · ".join(rows).replace("message · ", "").split(" · "):
        for part in re.split("…|[(].*", message):
            assert part.strip() in shown


def anchors(path: Path) -> set[str]:
    """The places of a page that can be linked to, named as GitHub does."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = (re.sub(r"\]\([^)]*\)", "", title) for title in re.findall(r"^#+ (.*)", text, re.M))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", WRITTEN)
def test_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.is_file(), link
        assert not anchor or anchor in anchors(path), link


def test_every_page_is_listed_and_has_a_translation() -> None:
    for first in ("docs/index.md", "docs/index.zh-CN.md"):
        listed = re.findall(r"\]\(([^)#]+\.md)\)", (ROOT / first).read_text(encoding="utf-8"))
        known = {(ROOT / "docs" / name).resolve() for name in listed}
        chinese = "zh-CN" in first
        for page in WRITTEN:
            if page == first or (page in ENGLISH and chinese):
                continue
            if page.endswith(".zh-CN.md") == chinese:
                assert (ROOT / page).resolve() in known, f"{page} is not in {first}"
    english = {page for page in WRITTEN if not page.endswith(".zh-CN.md")} - {*ENGLISH}
    assert {page.replace(".md", ".zh-CN.md") for page in english} == {
        page for page in WRITTEN if page.endswith(".zh-CN.md")
    }


@pytest.mark.parametrize("page", [p for p in WRITTEN if p.endswith(".zh-CN.md")])
def test_a_translation_has_the_same_chapters_pictures_and_tables(page: str) -> None:
    shapes = []
    for name in (page, page.replace(".zh-CN.md", ".md")):
        text = re.sub(
            r"^```.*?^```", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.M | re.S
        )
        pictures = len(re.findall(r"!\[", text))
        # Words of a table may be a list; its rows are the same.
        rows = len(re.findall(r"^\|", text, re.M))
        shapes.append((re.findall(r"^#+(?= )", text, re.M), pictures, rows))
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("page", [p for p in ENGLISH if "contributing" in p.lower()])
def test_files_and_names_that_contributors_are_sent_to_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    folders = "benchmarks|bindings|core|docs|examples|src|tests"
    files = set(re.findall(rf"`((?:{folders})/[\w./-]+\.\w+)`", text))
    invented = {name for name in files if "your_" in name}
    for name in files - invented:
        assert (ROOT / name).is_file(), name
    for row in re.findall(r"^\| (.*) \| (.*) \|$", text, re.M):
        sent = [name for name in re.findall("`([^`]+)`", row[0]) if name in files - invented]
        sources = "".join((ROOT / name).read_text(encoding="utf-8") for name in sent)
        for word in re.findall(r"`([A-Za-z_]\w+)`", row[1]) if sent else ():
            assert word in sources, f"{word} is not in {', '.join(sent)}"


def test_the_reference_has_every_public_name() -> None:
    for page in ("docs/reference.md", "docs/reference.zh-CN.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        named = re.findall(r"^\.\. auto\w+:: gatecast\.([\w.]+)$", text, re.M)
        assert len(named) == len(set(named))
        assert {name for name in named if "." not in name} == {*gatecast.__all__}
        for name in named:
            module, _, last = f"gatecast.{name}".rpartition(".")
            assert hasattr(importlib.import_module(module), last), name


@pytest.mark.parametrize("page", GUIDE)
def test_the_guide_is_the_same_in_both_languages(page: str) -> None:
    english, chinese = (
        [
            block._replace(code=re.sub(r" *# .*", "", block.code))
            for text in sections(name).values()
            for block in guide_blocks(text)
        ]
        for name in (page, GUIDE[page])
    )
    assert english == chinese


def test_the_guide_explains_every_finding() -> None:
    told = r'(?:tell|error|report|bad|_raise)\(\s*"([a-z-]+)",'
    codes = {"gap", "missing", "id-like", "id-looks-like-values", "covariate-ahead", "note"}
    for path in (ROOT / "src" / "gatecast").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        codes |= {*re.findall(told, source)}
        for noted in re.findall(r"^_NOTED = {\n(.*?)^}", source, re.MULTILINE | re.DOTALL):
            codes |= {*re.findall(r': "([a-z-]+)",$', noted, re.MULTILINE)}
    assert len(codes) > 40
    for page in (DATA, GUIDE[DATA]):
        text = (ROOT / page).read_text(encoding="utf-8")
        rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
        explained = {name for row in rows for name in re.findall("`([a-z-]+)`", row)}
        assert codes <= explained, codes - explained


def test_the_guide_shows_every_option_about_data() -> None:
    text = (ROOT / DATA).read_text(encoding="utf-8")
    code = "\n".join(block.code for block in guide_blocks(text) if block.language == "sh")
    about_data = {field.name for field in dataclasses.fields(Reading)}
    parameters = typer.main.get_command(app).commands["check"].params  # type: ignore[attr-defined]
    options = {name for one in parameters if one.name in about_data for name in one.opts}
    options |= {"--missing-future", "--season-length", "--calendar", "--holidays"}
    options |= {"--series", "--json"}
    assert len(options) > 15
    assert not [option for option in options if f" {option}" not in code]


def test_make_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for line in "\n".join(blocks(page, "sh")).splitlines():
            if line.startswith("make "):
                assert f"\n{line.split()[1]}:" in makefile


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = ("\n".join(blocks(page, "sh")) for page in PAGES)
    strip = re.compile(r"\s*#.*")
    assert [strip.sub("", line) for line in english.splitlines()] == [
        strip.sub("", line) for line in chinese.splitlines()
    ]


def test_version_and_changelog_agree() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {gatecast.__version__}" in changelog


def _wrapped(line: str) -> list[str]:
    whole = len(line) <= 100 or line.startswith(" ")
    return (
        [line]
        if whole
        else textwrap.wrap(
            line, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    )


def write_outputs(page: str) -> None:
    """Write what the blocks of a page print below them, in its translation too."""
    names = [page] if page in ALONE else [page, GUIDE[page]]
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in names}
    places = {name: [m.span(4) for m in _BLOCK.finditer(text)] for name, text in texts.items()}
    printed = []
    for text in sections(page).values():
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            shutil.copy(ROOT / "examples" / "sales.csv", folder)
            printed += run_all(text)
    for name, text in texts.items():
        for (begin, end), (block, output) in reversed([*zip(places[name], printed, strict=True)]):
            if begin >= 0 and not says(block.shown or "", output):
                lines = [
                    part for line in output.strip("\n").splitlines() for part in _wrapped(line)
                ]
                text = text[:begin] + "".join(f"{line.rstrip()}\n" for line in lines) + text[end:]
        (ROOT / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for page in sys.argv[1:] or [*GUIDE, *ALONE]:
        write_outputs(page)
