"""Every example in docstrings, README and guide runs, and says what it says it prints."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gatecast

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(gatecast.__path__, "gatecast.")
    if not module.name.endswith(("._core", ".__main__"))
)
PAGES = ("README.md", "README.zh-CN.md")


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


@pytest.mark.parametrize("page", PAGES)
def test_gatecast_commands_run(page: str, folder: Path) -> None:
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("gatecast ")]
    assert len(commands) >= 4
    # "gatecast" is the installed script of this very environment.
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in commands:
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": scripts},
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"


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
