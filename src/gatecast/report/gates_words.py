"""What is said of the gates, in English and in Chinese: forget, store, focus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gatecast.frequency import NANOSECONDS, frequency_rule
from gatecast.gates.summary import (
    Leaning,
    Unit,
    can_tell_season,
    describe_units,
    find_events,
    half_of_influence,
    leanings,
    n_observed,
    season_steps,
    share_of_influence,
)
from gatecast.report.series import as_stamps, plain_stamps
from gatecast.report.words import Words, percent, plain
from gatecast.stamps import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.gates.trace import Trace

__all__ = ["GateWords", "explain"]

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        # Units of time.
        "step_one": "step",
        "step_many": "steps",
        "ms_one": "millisecond",
        "ms_many": "milliseconds",
        "second_one": "second",
        "second_many": "seconds",
        "minute_one": "minute",
        "minute_many": "minutes",
        "hour_one": "hour",
        "hour_many": "hours",
        "day_one": "day",
        "day_many": "days",
        "business_one": "business day",
        "business_many": "business days",
        "week_one": "week",
        "week_many": "weeks",
        "month_one": "month",
        "month_many": "months",
        "year_one": "year",
        "year_many": "years",
        "duration": "{n} {unit}",
        "whole_window": "the whole window",
        "stamp": "{stamp}",
        "position": "position {stamp}",
        "unit_name": "layer {layer}, unit {unit}",
        "units_of_layer": "layer {layer}: {units}",
        "unit_short": "Layer {layer} · unit {unit}",
        "layer": "Layer {layer}",
        "of_units": "{n} of {total} units",
        "units_1": "1 unit",
        "units_n": "{n} units",
        # The sentences.
        "forget_one": (
            "Forget: the unit keeps {kept} of what it holds from one step to the next, on average; "
            "so its memory reaches back over {memory}."
        ),
        "forget_many": (
            "Forget: units keep {kept} of what they hold from one step to the next, on average. "
            "Half of them remember no more than {typical}; the longest memory, {longest}, has "
            "{unit}."
        ),
        "store_focus": (
            "Store: on average {stored} of what is new is let in{peak}. Focus: on average {shown} "
            "of what is held is passed on."
        ),
        "peak": ", and most of all was written at {at}",
        "season": (
            "{units} clearly follow the season of {season}: the place in the season explains "
            "{share} of their movement, on average."
        ),
        "season_single": (
            "{units} clearly follows the season of {season}: the place in the season explains "
            "{share} of its movement."
        ),
        "season_one": (
            "The unit clearly follows the season of {season}: the place in the season explains "
            "{share} of its movement."
        ),
        "no_season": "No unit clearly follows the season of {season}.",
        "events": (
            "Resets: units threw away most of what they held, which they rarely do, at {events}."
        ),
        "events_more": (
            "Resets: units threw away most of what they held, which they rarely do, at {n} steps; "
            "those with most units were {events}."
        ),
        "event": "{at} ({units})",
        "lean_first": (
            "Leaning (in brackets: by how much the forecast changes for each 1 more in {where}): "
            "the first forecast, {at}, hangs most on {list}{half}."
        ),
        "a_value": "a value",
        "a_patch": "all values of a step",
        "lean_last": "The last forecast, {at}, hangs most on {list}{half}.",
        "lean_one": "{at}{what} ({size})",
        "newest": ", the newest value",
        "before": ", {time} before it",
        "half": "; half of all influence is in the newest {n} of {of} steps",
        "half_one": "; more than half of all influence is in the newest of {of} steps",
        "share": "; the newest {time} have {share} of all influence on the forecasts",
        "no_lean": "The forecast does not depend on any single value in the window.",
        # Roles.
        "remembers": "remembers",
        "season_role": "follows the season",
        "resets": "resets at events",
        "reacts": "reacts",
        # The figure.
        "observed": "Observed",
        "forecast": "Forecast",
        "gates_view": "Forget · store · focus",
        "state_view": "Offered · held · shown",
        "forget": "Forget",
        "store": "Store",
        "focus": "Focus",
        "forget_is": "share kept",
        "store_is": "share written",
        "focus_is": "share passed on",
        "candidate": "Offered",
        "cell": "Held",
        "hidden": "Shown",
        "candidate_is": "to be stored",
        "cell_is": "cell state",
        "hidden_is": "hidden state",
        "lean": "Leaning",
        "lean_is": "on what",
        "step_axis": "forecast step",
        "hover_forget": "keeps",
        "hover_store": "writes",
        "hover_focus": "passes on",
        "hover_per": "per 1 of",
        # The page.
        "title": "What the gates did: {series}",
        "title_many": "What the gates did",
        "lead": (
            "An LSTM reads a series step by step and keeps a memory. At each step it decides what "
            "to forget, what to store and what to focus on. This page shows what a network "
            "({model}) decided while it read {steps} of {series} to forecast the {next}."
        ),
        "lead_many": (
            "An LSTM reads a series step by step and keeps a memory. At each step it decides what "
            "to forget, what to store and what to focus on. This page shows what a network "
            "({model}) decided while it read {n} series, each to forecast the {next}."
        ),
        "steps_1": "1 step",
        "steps_n": "{n} steps",
        "next_1": "next step",
        "next_n": "next {n} steps",
        "glance_read": "Read",
        "glance_units": "Units",
        "glance_typical": "Typical memory",
        "glance_longest": "Longest memory",
        "units_layers": "{n} in {layers} layers",
        "short_heading": "In short",
        "short_of": "In short: {series}",
        "how_heading": "The three words",
        "how_forget": (
            "How much of its memory each unit keeps at a step: full colour keeps all, pale lets "
            "go. A pale column is a moment at which the network made a new start."
        ),
        "how_store": (
            "How much is written into the memory: the input gate times what it is offered. An open "
            "gate alone would not do, since nothing may be there to be let in."
        ),
        "how_focus": (
            "How much of its memory each unit passes on, to the next layer and to the forecast. "
            "What is held but not shown can still be of use later."
        ),
        "how_lean": (
            "By how much the forecast would move had the value at a step been 1 higher: up or "
            "down. It is true near this window only, and says nothing of causes."
        ),
        "gates_heading": "The gates over time",
        "gates_said": (
            "Time runs from left to right, and all parts share it. A row is a unit; those with the "
            "longest memory are on top. Move the slider, or point at the chart, to read a moment."
        ),
        "gates_under": (
            "The buttons above the chart change to what is offered to the memory, what it holds "
            "and what it shows: one colour above 0, another below. Drag over the chart to zoom in; "
            "double-click to zoom out. Leaning has a place for each forecast step; the strongest "
            "colour stands for {limit} and beyond."
        ),
        "gates_under_one": (
            "The buttons above the chart change to what is offered to the memory, what it holds "
            "and what it shows: one colour above 0, another below. Drag over the chart to zoom in; "
            "double-click to zoom out."
        ),
        "averaged": "{n} steps are more than can be drawn: each column is the mean of {size}.",
        "moment": "Moment",
        "moment_value": "{at}: {value}",
        "read_value": "Value",
        "read_missing": "missing",
        "read_ahead": "not known yet",
        "read_forget": "Forget",
        "read_store": "Store",
        "read_focus": "Focus",
        "read_lean": "Leaning",
        "said_forget": "forgets {mean} on average; most: {units}",
        "said_store": "lets in {mean} on average; writes most: {units}",
        "said_focus": "passes on {mean} on average; most: {units}",
        "said_forget_one": "forgets {mean} of its memory",
        "said_store_one": "lets in {mean} of what is new",
        "said_focus_one": "passes on {mean} of its memory",
        "said_lean": "1 more here moves the first forecast by {first}, the last by {last}",
        "said_lean_one": "1 more here moves the forecast by {first}",
        "units_heading": "The units",
        "units_said": (
            "Each unit is named after what it mostly does. It “remembers” if its memory reaches "
            "back over {long} or more, “follows the season” if the place in the season explains at "
            "least half of its movement, beyond chance, “resets at events” if it once threw away "
            "most of what it held against its habit, and “reacts” otherwise."
        ),
        "units_said_short": (
            "Each unit is named after what it mostly does. It “remembers” if its memory reaches "
            "back over {long} or more, “resets at events” if it once threw away most of what it "
            "held against its habit, and “reacts” otherwise. {why}"
        ),
        "why_none": "The series has no season that these steps could show.",
        "why_few": "The window has too few seasons to tell what follows them.",
        "units_some": "The {n} with the longest memory of {total}.",
        "units_count": "{role}: {n}",
        "table_unit": "Unit",
        "table_role": "What it does",
        "table_memory": "Memory",
        "table_forget": "Keeps",
        "table_store": "Lets in",
        "table_focus": "Passes on",
        "table_season": "Season",
        "table_resets": "Resets",
        "table_caption": (
            "Memory: 1 / (1 − what is kept). Season: the share of its movement that the place in "
            "the season explains, less what chance would; where the window has two seasons. In "
            "Python, layers and units count from 0."
        ),
        "and_more": "{list} and {n} more",
        "list": ", ",
        "last_of_list": " and ",
        "listed_layers": "; ",
    },
    "zh": {
        "step_one": "步",
        "step_many": "步",
        "ms_one": "毫秒",
        "ms_many": "毫秒",
        "second_one": "秒",
        "second_many": "秒",
        "minute_one": "分钟",
        "minute_many": "分钟",
        "hour_one": "小时",
        "hour_many": "小时",
        "day_one": "天",
        "day_many": "天",
        "business_one": "个工作日",
        "business_many": "个工作日",
        "week_one": "周",
        "week_many": "周",
        "month_one": "个月",
        "month_many": "个月",
        "year_one": "年",
        "year_many": "年",
        "duration": "{n} {unit}",
        "whole_window": "整个窗口",
        "stamp": "{stamp}",
        "position": "位置 {stamp}",
        "unit_name": "第 {layer} 层 {unit} 号单元",
        "units_of_layer": "第 {layer} 层 {units} 号",
        "unit_short": "第 {layer} 层 · {unit} 号单元",
        "layer": "第 {layer} 层",
        "of_units": "{total} 个单元中有 {n} 个",
        "units_1": "1 个单元",
        "units_n": "{n} 个单元",
        "forget_one": "遗忘：每走一步，单元平均保留所存内容的 {kept}，因此记忆可回溯{memory}。",
        "forget_many": (
            "遗忘：每走一步，各单元平均保留所存内容的 {kept}。半数单元的记忆不超过{typical}；"
            "记得最久的是{unit}，可达{longest}。"
        ),
        "store_focus": (
            "保存：新内容平均有 {stored} 被放入{peak}。聚焦：所存内容平均有 {shown} 被输出。"
        ),
        "peak": "，写入最多的时刻是 {at}",
        "season": (
            "{units}明显跟随周期为{season}的季节：它们的变化平均有 {share} 可由季节位置解释。"
        ),
        "season_single": (
            "{units}明显跟随周期为{season}的季节：它的变化有 {share} 可由季节位置解释。"
        ),
        "season_one": "该单元明显跟随周期为{season}的季节：它的变化有 {share} 可由季节位置解释。",
        "no_season": "没有单元明显跟随周期为{season}的季节。",
        "events": "重置：有单元一反常态，丢弃了所存的大部分内容，时间是 {events}。",
        "events_more": (
            "重置：有单元一反常态，丢弃了所存的大部分内容，共发生在 {n} 步；"
            "涉及单元最多的是 {events}。"
        ),
        "event": "{at}（{units}）",
        "lean_first": (
            "依据（括号中是{where}每高出 1 时预测的变化）：第一步预测（{at}）最看重 {list}{half}。"
        ),
        "a_value": "某个值",
        "a_patch": "某一步的所有值",
        "lean_last": "最后一步预测（{at}）最看重 {list}{half}。",
        "lean_one": "{at}{what}（{size}）",
        "newest": "，即最新值",
        "before": "，即 {time}前",
        "half": "；全部影响的一半来自 {of} 步中最新的 {n} 步",
        "half_one": "；全部影响的一半以上来自 {of} 步中最新的一步",
        "share": "；全部预测所受的影响有 {share} 来自最近{time}",
        "no_lean": "预测不取决于窗口中的任何单个值。",
        "remembers": "记得久",
        "season_role": "跟随季节",
        "resets": "遇事重置",
        "reacts": "反应快",
        "observed": "观测值",
        "forecast": "预测",
        "gates_view": "遗忘 · 保存 · 聚焦",
        "state_view": "候选 · 所存 · 输出",
        "forget": "遗忘",
        "store": "保存",
        "focus": "聚焦",
        "forget_is": "保留的比例",
        "store_is": "写入的比例",
        "focus_is": "输出的比例",
        "candidate": "候选",
        "cell": "所存",
        "hidden": "输出",
        "candidate_is": "可供写入的内容",
        "cell_is": "细胞状态",
        "hidden_is": "隐藏状态",
        "lean": "依据",
        "lean_is": "看重哪些值",
        "step_axis": "预测步",
        "hover_forget": "保留",
        "hover_store": "写入",
        "hover_focus": "输出",
        "hover_per": "此值每高 1：",
        "title": "门控做了什么：{series}",
        "title_many": "门控做了什么",
        "lead": (
            "LSTM 逐步阅读序列，并保有记忆。每一步，它都要决定遗忘什么、保存什么、聚焦什么。"
            "本页展示一个网络（{model}）为预测{next}而阅读 {series} 的 {steps}时，做了怎样的决定。"
        ),
        "lead_many": (
            "LSTM 逐步阅读序列，并保有记忆。每一步，它都要决定遗忘什么、保存什么、聚焦什么。"
            "本页展示一个网络（{model}）为预测{next}而阅读 {n} 个序列时，做了怎样的决定。"
        ),
        "steps_1": "1 步",
        "steps_n": "{n} 步",
        "next_1": "下一步",
        "next_n": "接下来的 {n} 步",
        "glance_read": "阅读",
        "glance_units": "单元",
        "glance_typical": "典型记忆",
        "glance_longest": "最长记忆",
        "units_layers": "{layers} 层共 {n} 个",
        "short_heading": "概要",
        "short_of": "概要：{series}",
        "how_heading": "三个词",
        "how_forget": (
            "每个单元在每一步保留多少记忆：颜色饱满是全部保留，浅淡是放手。"
            "浅淡的一列，就是网络重新开始的时刻。"
        ),
        "how_store": (
            "写入记忆的量：输入门乘以候选内容。只看门开得多大还不够，因为门外可能并没有什么可放入的。"
        ),
        "how_focus": (
            "每个单元把多少记忆输出给下一层和预测。存着而没有输出的内容，以后仍可能用到。"
        ),
        "how_lean": (
            "若某一步的值高出 1，预测会升高或降低多少。这只在当前窗口附近成立，也不说明因果。"
        ),
        "gates_heading": "门控随时间的变化",
        "gates_said": (
            "时间从左到右，各图共用同一时间轴。每一行是一个单元，记忆最长的排在最上面。"
            "移动滑块或指向图中某处，即可读出那一刻。"
        ),
        "gates_under": (
            "图上方的按钮可切换到候选、所存和输出的内容：大于 0 与小于 0 各用一种颜色。"
            "在图上拖动可放大，双击可缩小。“依据”为每个预测步各画一行；"
            "最深的颜色表示 {limit} 及以上。"
        ),
        "gates_under_one": (
            "图上方的按钮可切换到候选、所存和输出的内容：大于 0 与小于 0 各用一种颜色。"
            "在图上拖动可放大，双击可缩小。"
        ),
        "averaged": "{n} 步太多，无法逐一画出：每一列是 {size} 步的平均。",
        "moment": "时刻",
        "moment_value": "{at}：{value}",
        "read_value": "值",
        "read_missing": "缺失",
        "read_ahead": "尚未知",
        "read_forget": "遗忘",
        "read_store": "保存",
        "read_focus": "聚焦",
        "read_lean": "依据",
        "said_forget": "平均忘掉 {mean}；忘得最多：{units}",
        "said_store": "平均放入 {mean}；写入最多：{units}",
        "said_focus": "平均输出 {mean}；输出最多：{units}",
        "said_forget_one": "忘掉 {mean} 的记忆",
        "said_store_one": "放入 {mean} 的新内容",
        "said_focus_one": "输出 {mean} 的记忆",
        "said_lean": "此值高出 1，第一步预测变化 {first}，最后一步变化 {last}",
        "said_lean_one": "此值高出 1，预测变化 {first}",
        "units_heading": "各个单元",
        "units_said": (
            "每个单元按它主要做的事来命名：记忆可回溯{long}或更久的是“记得久”；"
            "变化至少有一半可由季节位置解释、且并非偶然的是“跟随季节”；"
            "曾一反常态丢弃大部分所存内容的是“遇事重置”；其余的是“反应快”。"
        ),
        "units_said_short": (
            "每个单元按它主要做的事来命名：记忆可回溯{long}或更久的是“记得久”；"
            "曾一反常态丢弃大部分所存内容的是“遇事重置”；其余的是“反应快”。{why}"
        ),
        "why_none": "从这些步里看不出序列的季节。",
        "why_few": "窗口中的季节太少，无法判断哪些单元跟随季节。",
        "units_some": "{total} 个单元中记忆最长的 {n} 个。",
        "units_count": "{role}：{n} 个",
        "table_unit": "单元",
        "table_role": "作用",
        "table_memory": "记忆",
        "table_forget": "保留",
        "table_store": "放入",
        "table_focus": "输出",
        "table_season": "季节",
        "table_resets": "重置",
        "table_caption": (
            "记忆：1 / (1 − 保留的比例)。季节：变化中可由季节位置解释的比例，已扣除偶然的部分，"
            "窗口至少有两个季节时才有。在 Python 中，层和单元从 0 数起。"
        ),
        "and_more": "{list} 等，另有 {n} 个",
        "list": "、",
        "last_of_list": "、",
        "listed_layers": "；",
    },
}

_BETWEEN = re.compile(r"(?<=[\u4e00-\u9fff])(?=[\d+−])")  # Chinese and a number stand apart
_MONTH = NANOSECONDS["month"]
_CLOCK = (("ms", 1e6), ("second", 1e9), ("minute", 6e10), ("hour", DAY / 24))
_DAYS, _WEEKS = (("day", DAY),), (("week", 7 * DAY),)
_MONTHS = (("month", _MONTH), ("year", 12 * _MONTH))
# By the unit of a frequency, from short to long, with their nanoseconds.
_TIME: dict[str, tuple[tuple[str, float], ...]] = {
    "tick": (*_CLOCK, *_DAYS, *_WEEKS, *_MONTHS),
    "day": (*_DAYS, *_WEEKS, *_MONTHS),
    "business day": (("business", NANOSECONDS["business day"]), *_WEEKS, *_MONTHS),
    "month": _MONTHS,
}


def _time_of(alias: str, n_values: int) -> tuple[float, tuple[tuple[str, float], ...]]:
    """Return the nanoseconds of a step, and the units of time that are no shorter than a value."""
    rule = frequency_rule(alias)
    value, units = rule.size * NANOSECONDS[rule.unit], _TIME[rule.unit]
    finest = max([i for i, (_, size) in enumerate(units) if size <= 1.01 * value], default=0)
    return value * n_values, units[finest:]


class GateWords:
    """The words of one trace in one language.

    Parameters
    ----------
    trace : Trace
        Whose stamps and steps they are about.
    lang : {"en", "zh"}
        The language.

    Raises
    ------
    ConfigError
        There are no words in it.
    """

    def __init__(self, trace: Trace, lang: str) -> None:
        self.words = Words(lang)
        self.lang = lang
        self.trace = trace
        self.step_nanoseconds: float | None = None
        self.time_units: tuple[tuple[str, float], ...] = ()
        alias = trace.frequency.alias if trace.frequency is not None else None
        if alias is not None:
            self.step_nanoseconds, self.time_units = _time_of(alias, trace.patch_size)
        self._stamps = _written(trace, self)

    def __call__(self, key: str, **parts: object) -> str:
        """Return what stands under a key, with its parts filled in."""
        text = _WORDS[self.lang][key].format(**parts)
        return _BETWEEN.sub(" ", text) if self.lang == "zh" else text

    def counted(self, what: str, n: int, **parts: object) -> str:
        """Return "1 step" or "12 steps"; ``what`` is steps, next or units."""
        return self(f"{what}_{'1' if n == 1 else 'n'}", n=f"{n:,}", **parts)

    def duration(self, steps: float) -> str:
        """Return how long some steps are, in the data's time."""
        if self.step_nanoseconds is None:
            return self._amount(steps, "step")
        length = steps * self.step_nanoseconds
        finest = self.time_units[0]
        fits = [one for one in self.time_units if length >= 1.99 * one[1]]
        name, size = fits[-1] if fits else finest
        return self._amount(length / size, name)

    def memory(self, steps: float) -> str:
        """Return a memory length in the data's time; no window tells of more than itself."""
        if not steps < len(self.trace.ds):
            return self("whole_window")
        return self.duration(steps)

    def at(self, step: int) -> str:
        """Return the stamp of a step; the steps of the forecast follow those of the network."""
        return self._stamps[step]

    def ahead(self, k: int) -> str:
        """Return the stamp of a forecast step."""
        return self._stamps[len(self.trace.ds) + k]

    def unit(self, unit: Unit) -> str:
        """Return a unit's name within a sentence; people count from 1."""
        return self("unit_name", layer=unit.layer + 1, unit=unit.unit + 1)

    def role(self, unit: Unit) -> str:
        """Return what a unit mostly does."""
        return self("season_role" if unit.role == "season" else unit.role)

    def joined(self, items: Sequence[str]) -> str:
        """Return a list in words."""
        *most, last = items
        return self("last_of_list").join(filter(None, (self("list").join(most), last)))

    def _amount(self, number: float, unit: str) -> str:
        if abs(number - round(number)) < 0.05 or number >= 20:
            shown = f"{round(number):,}"
        else:
            shown = f"{number:.1f}"
        return self("duration", n=shown, unit=self(f"{unit}_{'one' if shown == '1' else 'many'}"))


def explain(trace: Trace, lang: str = "en") -> list[str]:
    """Say in three to six sentences what the gates did, and what the forecast leans on.

    Parameters
    ----------
    trace : Trace
        What the network did.
    lang : {"en", "zh"}
        The language.

    Returns
    -------
    list of str
        Of seasons and resets nothing is said that the window does not show.
    """
    words, units = GateWords(trace, lang), describe_units(trace)
    return [
        _forget(units, words),
        _store_and_focus(trace, units, words),
        *_season(trace, units, words),
        *_events(units, words),
        *_leaning(trace, words),
    ]


def _forget(units: list[Unit], words: GateWords) -> str:
    kept = percent(float(np.mean([unit.forget for unit in units])), 0)
    if len(units) == 1:
        return words("forget_one", kept=kept, memory=words.memory(units[0].memory_length))
    longest = max(units, key=lambda unit: unit.memory_length)
    typical = float(np.median([unit.memory_length for unit in units]))
    return words(
        "forget_many",
        kept=kept,
        typical=words.memory(typical),
        longest=words.memory(longest.memory_length),
        unit=words.unit(longest),
    )


def _store_and_focus(trace: Trace, units: list[Unit], words: GateWords) -> str:
    stored = written(trace)
    moment = int(stored.argmax())
    # The start is no event: an empty memory takes what comes.
    clear = moment > 0 and stored[moment] > 1.5 * stored.mean()
    return words(
        "store_focus",
        stored=percent(float(np.mean([unit.input for unit in units])), 0),
        peak=words("peak", at=words.at(moment)) if clear else "",
        shown=percent(float(np.mean([unit.output for unit in units])), 0),
    )


def written(trace: Trace) -> NDArray[np.float64]:
    """Return how much is written into the memory at each step, over all units: ``[time]``."""
    parts = [
        np.abs(gate.astype(np.float64) * candidate)
        for gate, candidate in zip(trace.input, trace.candidate, strict=True)
    ]
    return np.asarray(np.concatenate(parts, axis=1).mean(axis=1))


def _season(trace: Trace, units: list[Unit], words: GateWords) -> list[str]:
    if not can_tell_season(trace):
        return []
    season = words.duration(season_steps(trace))
    following = [unit for unit in units if unit.follows_season]
    if not following:
        # Two seasons can show that a unit follows them, but hardly that none does.
        long = len(trace.ds) >= 3 * season_steps(trace)
        return [words("no_season", season=season)] if long else []
    share = percent(float(np.mean([unit.season_share for unit in following])), 0)
    if len(units) == 1:
        return [words("season_one", season=season, share=share)]
    told = words("of_units", n=len(following), total=len(units))
    key = "season_single" if len(following) == 1 else "season"
    return [words(key, units=told, season=season, share=share)]


def _events(units: list[Unit], words: GateWords) -> list[str]:
    events = find_events(units)
    if not events:
        return []
    most = sorted(events[:3], key=lambda event: event.step)
    told = words.joined(
        [
            words("event", at=words.at(event.step), units=words.counted("units", event.n_units))
            for event in most
        ]
    )
    if len(events) > len(most):
        return [words("events_more", n=len(events), events=told)]
    return [words("events", events=told)]


def _leaning(trace: Trace, words: GateWords) -> list[str]:
    h = len(trace.forecast)
    first = leanings(trace, 0) if h else []
    last = leanings(trace, h - 1) if h > 1 else []
    if not first and not last:
        return [words("no_lean")]
    sentences = []
    if first:
        listed, half = _listed(trace, 0, first, words), _half(trace, 0, words)
        where = words("a_value" if trace.patch_size == 1 else "a_patch")
        sentences.append(
            words("lean_first", where=where, at=words.ahead(0), list=listed, half=half)
        )
    if last:
        listed, share = _listed(trace, h - 1, last, words), _share(trace, words)
        sentences.append(words("lean_last", at=words.ahead(h - 1), list=listed, half=share))
    return sentences


def _listed(trace: Trace, k: int, leaning: list[Leaning], words: GateWords) -> str:
    return words.joined(
        [
            words(
                "lean_one",
                size=signed(one.influence),
                at=words.at(one.step),
                what=_what(trace, k, one.step, words),
            )
            for one in leaning
        ]
    )


def _what(trace: Trace, k: int, step: int, words: GateWords) -> str:
    newest = n_observed(trace) - 1
    if step == newest:
        return words("newest")
    size, season = trace.patch_size, trace.season_length
    before = (newest - step) * size + k + 1  # values from there to the forecast step
    if season < 2 or size > 1 or before % season:
        return ""
    return words("before", time=words.duration(before))


def _half(trace: Trace, k: int, words: GateWords) -> str:
    n, of = half_of_influence(trace, k), n_observed(trace)
    if n == 0 or of < 3:
        return ""
    return words("half_one", of=f"{of:,}") if n == 1 else words("half", n=f"{n:,}", of=f"{of:,}")


def _share(trace: Trace, words: GateWords) -> str:
    season = season_steps(trace)
    if not 1 < season < n_observed(trace):
        return ""
    share = percent(share_of_influence(trace, season), 0)
    return words("share", time=words.duration(season), share=share)


def signed(number: float) -> str:
    """Write a number with its sign and three digits.

    Examples
    --------
    >>> signed(0.6234), signed(-12.34), signed(0.004567), signed(0.0)
    ('+0.623', '−12.3', '+0.0046', '0')
    """
    if number == 0 or not np.isfinite(number):
        return "0"
    return ("+" if number > 0 else "") + plain(number)


def date_unit(stamps: NDArray[Any]) -> Literal["Y", "M", "D", "m"]:
    """Return how much of dates is written: "Y", "M", "D" or "m", as much as tells them apart."""
    units: tuple[Literal["Y", "M", "D"], ...] = ("Y", "M", "D")
    return next((unit for unit in units if (stamps.astype(f"M8[{unit}]") == stamps).all()), "m")


def _written(trace: Trace, words: GateWords) -> list[str]:
    """Write all stamps, those of the forecast last."""
    both = [as_stamps(part) for part in (trace.ds, trace.future_ds) if len(part)]
    stamps = np.concatenate(both)
    if stamps.dtype.kind != "M":
        key = "stamp" if trace.frequency is not None else "position"
        return [words(key, stamp=stamp) for stamp in plain_stamps(stamps)]
    texts = np.datetime_as_string(stamps, unit=date_unit(stamps))
    return [str(text).replace("T", " ") for text in texts]
