"""The guide as a site: Sphinx reads the pages where they lie, once for each language.

    make docs        # build/site/index.html

Why Sphinx with MyST: MkDocs 1 has had no release since 2024 and Material for MkDocs is no longer
developed; Zensical's translations and reference pages are young. Sphinx and MyST are well kept,
check every link and anchor, and read our files as GitHub does, so that nothing is rewritten.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.search import SearchLanguage, languages

import gatecast

CHINESE = tags.has("zh")  # type: ignore[name-defined]  # noqa: F821 (Sphinx provides it)
SUFFIX = ".zh-CN" if CHINESE else ""
OTHER = "en" if CHINESE else "zh-CN"
ROOT = Path(__file__).parents[1]

project = "gatecast"
version = release = gatecast.__version__
author = "The gatecast developers"
language = "zh_CN" if CHINESE else "en"
root_doc = f"docs/index{SUFFIX}"


def _pages() -> list[str]:
    """The files of this language, and those that exist in English only."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    names = {str(path.relative_to(ROOT)) for path in found}
    chinese = {name for name in names if name.endswith(".zh-CN.md")}
    english = names - chinese
    if CHINESE:
        return sorted(chinese | {n for n in english if n.replace(".md", ".zh-CN.md") not in names})
    return sorted(english)


include_patterns = _pages()
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nitpicky = True
nitpick_ignore_regex = [("py:class", r"(?!gatecast\.).*")]  # the words of types
myst_heading_anchors = 4
suppress_warnings = ["config.cache"]

napoleon_google_docstring = False
napoleon_use_param = False  # types are words, not links
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# What models and forecasts tell each other, which is nobody else's business.
_INNER = (
    "adopt asked_season check_panel chosen_quantiles columns context_size continued_panel "
    "covariates fit_notes fit_panel fitted forecast_values from_settings given_panel horizon "
    "interval n_epochs notes_for of_members predict_panel quantile_outputs refuse_cold remember "
    "restore state trace_panel trained_quantiles view with_horizon"
)
autodoc_default_options = {"members": True, "exclude-members": _INNER.replace(" ", ", ")}

html_theme = "furo"
html_title = "gatecast"
html_copy_source = False
html_show_copyright = False
html_domain_indices = False
html_use_index = False
html_static_path = ["_site/static"]
html_css_files = ["site.css"]
templates_path = ["_site/templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
pygments_style = "a11y-light"
pygments_dark_style = "a11y-dark"


class Pairs(SearchLanguage):
    """Chinese is searched by pairs of neighbouring characters: no dictionary can lack a word."""

    lang = "zh"
    language_name = "Chinese"
    js_splitter_code = """
    var splitQuery = (query) =>
      (query.match(/[\\u4e00-\\u9fff]+|[\\p{L}\\p{N}_]+/gu) || []).flatMap((run) =>
        /^[\\u4e00-\\u9fff]{3,}$/.test(run)
          ? [...run].slice(1).map((_, i) => run.slice(i, i + 2)) : [run]);
    """

    def split(self, text: str) -> list[str]:
        words = []
        for run in re.findall(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]+", text):
            chinese = "\u4e00" <= run[0] <= "\u9fff" and len(run) > 2
            words += [run[i : i + 2] for i in range(len(run) - 1)] if chinese else [run]
        return words

    def word_filter(self, word: str) -> bool:
        return len(word) > 1


languages["zh"] = Pairs


# What the theme says in English only.
_WORDS = {
    "Skip to content": "跳到正文",
    "Back to top": "回到顶部",
    "On this page": "本页",
    "Home": "首页",
    "Next": "下一页",
    "Previous": "上一页",
    "Made with": "制作：",
}


def _speak(app: Sphinx) -> None:
    """Let the theme speak Chinese."""
    environment = app.builder.templates.environment  # type: ignore[attr-defined]
    known = environment.globals["gettext"]

    def said(text: str) -> str:
        return _WORDS.get(text.strip()) or known(text)

    environment.install_gettext_callables(said, environment.globals["ngettext"], newstyle=True)


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Leave out a page's link to its translation, which every page has in the margin.

    The first page's lists are what the margin lists, under the same headings. What exists in
    English only leads to the Chinese pages of a Chinese site.
    """
    text = re.sub(r"^\[(?:English|简体中文)\]\([^)]*\)(?: · )?", "", source[0], count=1, flags=re.M)
    if docname == root_doc:
        text += "".join(map(_listed, re.split(r"^## ", text, flags=re.MULTILINE)[1:]))
    if docname.endswith(".zh-CN"):
        parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
        text = "".join(part if part.startswith("```") else _joined(part) for part in parts)
    elif CHINESE:
        text = re.sub(r"\]\(([\w/.-]+)\.md(?:#[^)]*)?\)", partial(_in_chinese, docname), text)
    source[0] = text


def _listed(part: str) -> str:
    """Return what puts the pages that a list names into the margin."""
    pages = re.findall(r"\[([^]]+)\]\(([^)]+)\.md\)", part)
    entries = "".join(f"{title} <{page}>\n" for title, page in pages)
    caption = part.partition("\n")[0]
    return f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}```\n"


def _joined(text: str) -> str:
    """Join lines that end and go on in Chinese, where a browser would put a space."""
    chinese = "\u3000-\u303f\u4e00-\u9fff\uff00-\uffef“”‘’…—"
    text = re.sub(rf"(?<=[{chinese}])\n *(?=\[?[{chinese}])", "", text)
    return re.sub(r"(?<=[，。；：、？！（）])\n *(?=[\w`*\[(（](?!\. ))", "", text)


def _in_chinese(docname: str, link: re.Match[str]) -> str:
    """Return a link to the translation of a page, if there is one."""
    chinese = f"{link[1]}.zh-CN.md"
    return f"]({chinese})" if (ROOT / docname).parent.joinpath(chinese).is_file() else link[0]


def _translation(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Tell a page where it stands in the other language."""
    other = pagename.removesuffix(".zh-CN") if CHINESE else f"{pagename}.zh-CN"
    written = (ROOT / f"{other}.md").is_file()
    up = "../" * (pagename.count("/") + 1)
    context["other_language"] = f"{up}{OTHER}/{other if written else pagename}.html"


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.connect("source-read", _read)
    if CHINESE:
        app.connect("builder-inited", _speak)
    app.connect("html-page-context", _translation)
