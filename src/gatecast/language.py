"""What users are told about their data and forecasts, in English or in Chinese.

A message is written once, in English, where there is something to say: as a template with named
parts. The text that comes of it is an ordinary ``str`` that remembers both, so that it can be said
again in Chinese, of which :mod:`gatecast.chinese` has the templates.

>>> note = said("{n:row was|rows were} sorted by {name!r}.", n=1200, name="ds")
>>> note
"1,200 rows were sorted by 'ds'."
>>> say(note, "en") == note
True
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from gatecast.errors import ConfigError

__all__ = ["Lang", "Said", "as_said", "said", "say", "sentences", "wrap"]

Lang = Literal["en", "zh"]


class Said(str):
    """A text in English that can be said in Chinese; see :func:`said`.

    Attributes
    ----------
    template : str
        What it was made of.
    parts : dict
        What was filled in, by name.
    """

    template: str
    parts: dict[str, Any]

    def __new__(cls, template: str, parts: dict[str, Any] | None = None) -> Said:
        """Fill the parts in."""
        text = super().__new__(cls, _filled(template, parts or {}, "en"))
        text.template, text.parts = template, parts or {}
        return text

    def __repr__(self) -> str:
        return str.__repr__(self)

    def __reduce__(self) -> tuple[type[Said], tuple[str, dict[str, Any]]]:
        return Said, (self.template, self.parts)

    def changed(self, template: str, change: Callable[..., str]) -> Said:
        """Return it with every part that was made of a template made anew, of that part's parts."""
        if self.template == template:
            return as_said(change(**self.parts))

        def part(value: Any) -> Any:
            if isinstance(value, Said):
                return value.changed(template, change)
            return [part(x) for x in value] if isinstance(value, list | tuple) else value

        return Said(self.template, {name: part(value) for name, value in self.parts.items()})


def said(template: str, /, **parts: Any) -> Said:
    """Say something that can be said in Chinese, too.

    Parameters
    ----------
    template : str
        In English, as for :meth:`str.format`.
    **parts
        What is filled in. A part that is itself ``said`` changes its language with the whole; any
        other text stays. Beyond what :meth:`str.format` knows, there are

        - of a whole number, ``{n:row|rows}``: the number with the word for one or for many, and
          ``{n:=is|are}``: the word alone;
        - of a list, ``{names}`` with commas, ``{names:and}``, ``{names:or}``, and
          ``{parts:sentences}``;
        - of a text, ``{text:bare}`` without its full stop.

    Returns
    -------
    Said

    Examples
    --------
    >>> said("{n:series has|series have} no value: {names:and}.", n=2, names=["a", "b"])
    '2 series have no value: a and b.'
    """
    return Said(template, parts)


def say(text: str, lang: str = "en") -> str:
    """Return a text in a language; one that is not known in Chinese stays English.

    Parameters
    ----------
    text : str
        A message: what :func:`said` returns, or a template without parts.
    lang : {"en", "zh"}

    Raises
    ------
    ConfigError
        When the language is another.

    Examples
    --------
    >>> say("As asked.", "zh")
    '按你的要求。'
    """
    if lang == "en":
        return str(text)
    if lang != "zh":
        raise ConfigError("lang is an unknown word.", value=repr(lang), fix="Use en or zh.")
    message = as_said(text)
    return _filled(message.template, message.parts, lang)


def sentences(texts: Iterable[str]) -> Said:
    """Put messages one after the other.

    >>> sentences(["Add data.", "As asked."])
    'Add data. As asked.'
    """
    return said("{texts:sentences}", texts=[as_said(text) for text in texts])


def as_said(text: str) -> Said:
    """Take a text without parts for a template."""
    return text if isinstance(text, Said) else Said(text)


_WIDE = r"\u2e80-\u303e\u3041-\u9fff\uff00-\uffe6"
_OPEN, _CLOSE = "（《“‘", "，。；：、）》”’？！"
# What stays together in a line: a word, or a character with its punctuation.
_UNIT = re.compile(rf"\s+|[{_OPEN}]*(?:[{_WIDE}]|[^\s{_WIDE}]+)[{_CLOSE}]*")


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Break a Chinese text into lines; a Chinese character is as wide as two others.

    Parameters
    ----------
    text : str
    width : int
        Letters in a line.
    first, rest : str
        What stands before the first line, and before the others.

    Examples
    --------
    >>> wrap("预测从这里开始，用 h=12。", 12)
    ['预测从这里开', '始，用', 'h=12。']
    """
    lines, line = [], first
    for unit in _UNIT.findall(text):
        if line.strip() and _width(line) + _width(unit.rstrip()) > width:
            lines.append(line.rstrip())
            line = rest
            unit = unit.lstrip()
        line += unit
    return [*lines, line.rstrip()]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(x) in "WF" else 1 for x in text)


def _filled(template: str, parts: dict[str, Any], lang: str) -> str:
    if lang != "en":
        from gatecast.chinese import CHINESE

        template = CHINESE.get(template, template)
    if not parts:
        return template
    return template.format(**{name: _part(value, lang) for name, value in parts.items()})


def _part(value: Any, lang: str) -> Any:
    if isinstance(value, str):
        return _Text(say(value, lang) if isinstance(value, Said) else value)
    if isinstance(value, list | tuple):
        return _List([_part(x, lang) for x in value], lang)
    is_whole = hasattr(value, "__index__") and not isinstance(value, bool)  # NumPy's, too
    return _Whole(value) if is_whole else value


class _Text(str):
    def __format__(self, spec: str) -> str:
        return self.rstrip(".。") if spec == "bare" else str.__format__(self, spec)


class _Whole(int):
    def __format__(self, spec: str) -> str:
        if "|" not in spec:
            return int.__format__(self, spec)
        one, _, many = spec.removeprefix("=").partition("|")
        word = one if self == 1 else many
        return word if spec.startswith("=") else f"{int(self):,} {word}"


class _List:
    def __init__(self, items: Sequence[Any], lang: str) -> None:
        self._items, self._lang = [str(item) for item in items], lang

    def __format__(self, spec: str) -> str:
        between, last = _JOINTS[self._lang][spec]
        *most, end = self._items or [""]
        return last.join([between.join(most), end] if most else [end])


# By what a template asks for: what stands between the items of a list, and before the last one.
_JOINTS: dict[str, dict[str, tuple[str, str]]] = {
    "en": {
        "": (", ", ", "),
        "and": (" and ", " and "),
        "or": (", ", " or "),
        "sentences": (" ", " "),
    },
    "zh": {"": ("、", "、"), "and": ("、", "和"), "or": ("、", "或 "), "sentences": ("", "")},
}
