"""What is said in Chinese: all of it, with the same parts, wherever a language can be chosen."""

from __future__ import annotations

import ast
import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from string import Formatter

import numpy as np
import pandas as pd
import pytest

import gatecast
from gatecast.chinese import CHINESE
from gatecast.errors import ConfigError, DataError
from gatecast.evaluation.cross_validation import cross_validate, named_models
from gatecast.findings import Finding, Findings, Place
from gatecast.language import Said, as_said, said, say, sentences, wrap
from gatecast.models.inputs import NO_CALENDAR
from gatecast.panel import from_any

SOURCES = sorted(Path(gatecast.__file__).parent.rglob("*.py"))
# Said by whoever is told, but not for a reader of Chinese: exceptions, and what prints in English.
ENGLISH_ONLY = ("cli/search.py", "evaluation/search.py")
HAN = re.compile(r"[\u4e00-\u9fff]")
ENGLISH = re.compile(r"(?:\b[A-Za-z]{2,}\b[ ,;:]+){3,}")  # four words of it in a row


def texts_of(node: ast.expr, module: ast.Module) -> Iterator[str]:
    """The texts that an expression may be, as far as it is written there or has a name."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts_of(node.body, module)
        yield from texts_of(node.orelse, module)
    elif isinstance(node, ast.List | ast.Tuple):
        for item in node.elts:
            yield from texts_of(item, module)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from texts_of(value, module)
    elif isinstance(node, ast.Subscript):
        yield from texts_of(node.value, module)
    elif isinstance(node, ast.Name):
        for part in ast.walk(module):
            if isinstance(part, ast.Assign | ast.AnnAssign) and part.value is not None:
                targets = part.targets if isinstance(part, ast.Assign) else [part.target]
                if any(ast.unparse(target) == node.id for target in targets):
                    yield from texts_of(part.value, module)


def messages(call: ast.Call) -> list[ast.expr]:
    """The arguments of a call that a user may read in Chinese."""
    by_name = {x.arg: x.value for x in call.keywords}
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "said":
        return call.args[:1]
    if name == "tell" and len(call.args) > 3:  # code, severity, which, message
        return [call.args[3], by_name["fix"]]
    if name in ("error", "report", "bad") and call.args and len([*call.args, *by_name]) > 2:
        return [*call.args[1:], *(by_name[x] for x in ("fix", "message") if x in by_name)]
    if name == "checked":
        return call.args[1:]
    if name == "append" and "notes" in ast.unparse(call.func):
        return call.args
    return []


def said_in(path: Path) -> tuple[set[str], list[str]]:
    """The templates of a module, and where one is an f-string, which has no Chinese."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    wrong = []
    for call in ast.walk(module):
        if isinstance(call, ast.Call):
            for node in messages(call):
                if isinstance(node, ast.JoinedStr):
                    wrong.append(f"{path.name}:{node.lineno}")
                found |= set(texts_of(node, module))
    return {x for x in found if x not in ("error", "warning", "info")}, wrong


def needs_words(template: str) -> bool:
    return re.search("[A-Za-z]", re.sub(r"{[^}]*}", "", template)) is not None


def parts(template: str) -> dict[str, set[str]]:
    """By the name of a part, how it is written."""
    found: dict[str, set[str]] = {}
    for _, name, spec, _ in Formatter().parse(template):
        if name is not None:
            found.setdefault(name, set()).add(spec or "")
    return found


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if not path.as_posix().endswith(ENGLISH_ONLY)],
    ids=lambda path: path.name,
)
def test_all_that_is_said_is_known_in_chinese(path: Path) -> None:
    templates, f_strings = said_in(path)
    assert not f_strings  # its parts could not be told from its words
    assert not {x for x in templates if needs_words(x)} - CHINESE.keys()


def test_what_is_looked_up_by_a_word_is_known_in_chinese() -> None:
    from gatecast.doctor.check import _FREQUENCIES, _HEADINGS, _ROLES, _TO_DO

    for words in (_FREQUENCIES, _HEADINGS, _ROLES, _TO_DO):
        assert set(words.values()) <= CHINESE.keys()
    for how in ("mean", "sum", "last", "first", "min", "max", "median"):
        assert how in CHINESE
    assert NO_CALENDAR in CHINESE


def test_no_chinese_is_kept_of_what_is_no_longer_said() -> None:
    written = {
        node.value
        for path in SOURCES
        if path.name != "chinese.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not CHINESE.keys() - written


def test_both_languages_have_the_same_parts() -> None:
    for template, translated in CHINESE.items():
        english, chinese = parts(template), parts(translated)
        word_alone = {x for x, specs in english.items() if all(s.startswith("=") for s in specs)}
        assert english.keys() - word_alone == chinese.keys(), template
        assert not any("|" in spec for specs in chinese.values() for spec in specs), template


def test_chinese_is_chinese_and_ends_as_the_english_does() -> None:
    for template, chinese in CHINESE.items():
        assert template.endswith(".") == chinese.endswith("。"), template
        assert HAN.search(chinese) or template == "The LSTM" or not needs_words(template), template
        assert not re.search("(?<! )[,;!?] ?[\u4e00-\u9fff]|[\u4e00-\u9fff][,;!?(]", chinese), (
            template
        )


# The texts themselves


def test_a_text_is_a_str_that_remembers_its_parts() -> None:
    place = said("{row} ({cell})", row=said("row {row:d}", row=1234), cell="'row 5'")
    assert place == "row 1234 ('row 5')"
    assert say(place, "zh") == "第 1234 行（'row 5'）"
    assert type(say(place)) is type(say(place, "zh")) is str
    assert json.loads(json.dumps([place])) == [str(place)]
    again = copy.deepcopy(place)
    assert isinstance(again, Said)
    assert say(again, "zh") == say(place, "zh")


def test_numbers_and_lists_are_written_as_each_language_does() -> None:
    n = said("{n:row is|rows are} missing between the stamps; each counts as a missing value.", n=1)
    assert n == "1 row is missing between the stamps; each counts as a missing value."
    many = said(n.template, n=np.int64(1200))
    assert many.startswith("1,200 rows are")
    assert say(many, "zh") == "时间戳之间缺少 1,200 行；每一行都算作缺失值。"
    both = sentences(["Add data.", said("{n:value|values}", n=2)])
    assert both == "Add data. 2 values"
    assert say(both, "zh") == "请补充数据。2 个值"
    assert said("{a:or}", a=["x", "y", "z"]) == "x, y or z"
    assert said("{a:and}", a=["x"]) == "x"


def test_what_users_wrote_is_never_translated() -> None:
    column = said("columns {names}", names=["values", "rows"])
    assert say(column, "zh") == "列 values、rows"
    assert say(said("{file}: {note}", file="rows", note=as_said("Add data.")), "zh") == (
        "rows：请补充数据。"
    )
    finding = Finding("text", "error", None, "values", "Add data.", "")
    assert finding.say("zh") == replace(finding, message="请补充数据。")
    with pytest.raises(ConfigError, match="lang"):
        say(column, "fr")
    assert say("Nobody wrote this down.", "zh") == "Nobody wrote this down."
    assert said("{name}", name="{odd} {") == "{odd} {"
    assert as_said("{odd} {") == "{odd} {"


def test_lines_of_chinese_are_no_wider_than_asked_and_break_before_no_comma() -> None:
    text = say(said("{m} steps are the usual season of frequency {frequency}; the data do not "
                    "clearly speak for another.", m=12, frequency="MS"), "zh")  # fmt: skip
    lines = wrap(text, 20, "- ", "  ")
    assert all(sum(2 if ord(x) > 0x2E80 else 1 for x in line) <= 22 for line in lines)
    assert not any(line.strip()[0] in "，。；" for line in lines)
    assert "".join(line[2:] for line in lines).replace(" ", "") == text.replace(" ", "")


# Where a language can be chosen


def messy() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frames = []
    for k, name in enumerate("abcdef"):
        n = 60 - 4 * k
        y = 50 + 10 * np.sin(np.arange(n) * 2 * np.pi / 12) + rng.normal(size=n)
        frames.append(
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": pd.date_range("2015-01-01", periods=n, freq="MS"),
                    "y": y,
                    "promo": 1.0,
                    "leak": np.append(y[1:], np.nan),
                }
            )
        )
    df = pd.concat(frames, ignore_index=True)
    own = df["unique_id"]
    df.loc[(own == "b").to_numpy().nonzero()[0][20], "y"] = 4000.0  # an outlier
    df.loc[(own == "c").to_numpy().nonzero()[0][10:15], "y"] = np.nan
    df.loc[own == "d", "y"] = 7.0
    df.loc[own == "e", "y"] = 0.0
    row = df.iloc[[0, 3]].copy()
    return pd.concat([df, row], ignore_index=True)  # two rows twice, out of order


TROUBLES = {
    "several": lambda: gatecast.check(
        messy(), h=6, past_covariates=["leak"], future_covariates=["promo"]
    ),
    "duplicates": lambda: gatecast.check(messy(), h=6, duplicates="mean"),
    "short": lambda: gatecast.check([1.0, 2.0, 3.0], h=12),
    "text": lambda: gatecast.check(pd.DataFrame({"ds": range(40), "y": ["x", *range(39)]})),
    "no column": lambda: gatecast.check(pd.DataFrame({"time": range(40), "y": range(40)})),
    "not dates": lambda: gatecast.check(pd.DataFrame({"ds": ["soon"] * 9, "y": range(9)})),
    "irregular": lambda: gatecast.check(
        pd.DataFrame(
            {
                "ds": pd.to_datetime(
                    ["2024-01-01", "2024-02-01", "2024-02-09", "2024-03-01", "2024-04-01"]
                ),
                "y": range(5),
            }
        )
    ),
    "infinite": lambda: gatecast.check([1.0, np.inf, *np.arange(30.0)], h=2),
    "season": lambda: gatecast.check(np.sin(np.arange(96) * 2 * np.pi / 12), h=3),
    "zeros": lambda: gatecast.check(
        pd.DataFrame(
            {
                "ds": pd.date_range("2024-01-01", periods=60),
                "y": np.random.default_rng(1).binomial(1, 0.2, 60),
            }
        ),
        h=3,
    ),
    "ids": lambda: gatecast.check(
        pd.DataFrame({"unique_id": np.arange(30) + 0.5, "ds": 1, "y": 2.0}), h=3
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_check_says_everything_in_chinese(trouble: str) -> None:
    report = TROUBLES[trouble]()
    assert report.findings
    found = report.to_dict(lang="zh")["findings"]
    for finding in found:
        assert HAN.search(finding["message"]), finding
        for text in (finding["message"], finding["where"], finding["fix"]):
            assert not ENGLISH.search(text), text
    assert not ENGLISH.search(report.text(lang="zh"))
    # The same findings, and English as ever.
    english = report.to_dict()["findings"]
    assert [x["code"] for x in english] == [x["code"] for x in found]
    assert not any(HAN.search(json.dumps(x, ensure_ascii=False)) for x in english)
    assert str(report) == report.text()
    assert list(report.to_frame(lang="zh")["message"]) == [x["message"] for x in found]


def test_places_keep_their_file_and_row_in_chinese(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("ds,y\n2024-01-01,1\n2024-01-02,x\n2024-01-03,3\n")
    report = gatecast.check([tmp_path / "a.csv", tmp_path / "b.csv"], h=1)
    wheres = {x.code: (x.where, x.say("zh").where) for x in report.findings}
    assert wheres["text"] == (
        "row 3 of a.csv ('x') and row 3 of b.csv ('x')".replace(" and", ","),
        "a.csv 的第 3 行（'x'）、b.csv 的第 3 行（'x'）",
    )


def test_an_unknown_language_of_a_check_is_refused() -> None:
    with pytest.raises(ConfigError, match="lang"):
        gatecast.check([1.0] * 30, h=2).text(lang="fr")  # type: ignore[arg-type]


def test_errors_stay_english_but_can_be_said_in_chinese() -> None:
    with pytest.raises(DataError) as caught:
        Findings().error(
            "text",
            said("{what} has infinite values.", what=said("The array")),
            places=[Place(None, said("position {at:d}", at=3))],
            fix="Correct them, or leave them empty.",
        )
    assert str(caught.value) == (
        "The array has infinite values. Got: position 3. Correct them, or leave them empty."
    )
    assert say(caught.value.problem, "zh") == "数组有无穷大的值。"


@pytest.fixture(scope="module")
def result() -> gatecast.Forecast:
    rng = np.random.default_rng(0)
    y = 50 + 10 * np.sin(np.arange(72) * 2 * np.pi / 12) + rng.normal(size=72)
    y[30] = 500.0
    df = pd.DataFrame({"ds": pd.date_range("2015-01-01", periods=72, freq="MS"), "y": y})
    return gatecast.forecast(df.drop(index=[7]), 6, models=["lstm", "theta", "naive"])


def test_a_forecast_says_decisions_and_notes_in_chinese(result: gatecast.Forecast) -> None:
    said_of_it = result.to_dict("zh", explain=True)
    texts = [*said_of_it["notes"], *(x for one in said_of_it["decisions"] for x in one)]
    assert len(texts) > 8
    for text in texts:
        assert HAN.search(text), text
        assert not ENGLISH.search(text), text
    assert all(HAN.search(line) for line in result.explain("zh").splitlines())
    assert result.explain() == "\n".join(f"{what}. {why}" for what, why in result.decisions)
    assert not HAN.search(json.dumps(result.to_dict(explain=True), ensure_ascii=False))


def test_a_chinese_page_has_no_english_sentence(result: gatecast.Forecast) -> None:
    view = result.view(lang="zh")
    assert view.findings
    for text in (
        *(x for finding in view.findings for x in finding[1:]),
        *(x for decision in view.decisions for x in decision),
        *view.settings,
        *view.notes,
    ):
        assert not ENGLISH.search(text), text
    assert {"频率", "季节长度", "随机种子"} <= view.settings.keys()
    assert {"Frequency", "Season length", "Seed"} <= result.view().settings.keys()


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gatecast", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "100", "PYTHONUTF8": "1"},
        check=False,
    )


def test_the_commands_speak_chinese(tmp_path: Path) -> None:
    data, out = tmp_path / "y.csv", tmp_path / "f.csv"
    y = np.random.default_rng(0).normal(size=48).round(3)
    stamps = pd.date_range("2020-01-01", periods=48, freq="MS").strftime("%Y-%m-%d")
    pd.DataFrame({"ds": stamps, "y": y}).drop(index=[5]).to_csv(data, index=False)
    checked = run("check", data, "-h", 6, "--lang", "zh")
    assert checked.returncode == 0, checked.stderr
    assert "可以预测" in checked.stdout
    assert "时间戳 'ds'" in checked.stdout
    assert not ENGLISH.search(checked.stdout)
    plain = json.loads(run("check", data, "--json", "--lang", "zh").stdout)
    assert all(HAN.search(x["message"]) for x in plain["findings"])
    options = ("--model", "naive", "--lang", "zh", "--explain", "--out", out)
    made = run("forecast", data, "-h", 6, *options)
    assert made.returncode == 0, made.stderr
    for text in ("说明：", "次回测", "- 选用", f"预测：{out}", "90 % 覆盖"):
        assert text in made.stderr
    assert not ENGLISH.search(made.stderr.replace(str(out), ""))


def test_notes_of_a_backtest_are_in_the_language_asked_for() -> None:
    panel = from_any(np.arange(30.0))
    made = cross_validate(named_models("naive", 2), panel, 2, n_windows=2, level=[90.0])
    english, *_ = made.to_dict([90.0], [said("As asked.")])["notes"]
    chinese, *_ = made.to_dict([90.0], [said("As asked.")], "zh")["notes"]
    assert (english, chinese) == ("As asked.", "按你的要求。")
