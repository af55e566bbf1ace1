"""The pages' own words, in English and in Chinese."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

from gatecast.errors import ConfigError

__all__ = ["LANGUAGES", "LOCALES", "Words", "percent", "plain"]

LANGUAGES = {"en": "en", "zh": "zh-CN"}
"""What pages can be written in, and how HTML names it."""

_DASH = "–"

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "made": "Made with gatecast. This file is complete: it asks nothing of any network.",
        "no_script": "This chart needs JavaScript.",
        "series_chooser": "Series",
        "step_1": "1 step",
        "step_n": "{n} steps",
        "next_1": "next step",
        "next_n": "next {n} steps",
        "window_1": "1 window",
        "window_n": "{n} windows",
        "series_1": "1 series",
        "series_n": "{n} series",
        "best": "best",
        "typical": "typical",
        "worst": "worst",
        "observed": "Observed",
        "intervals": "Intervals: {levels} %",
        "separator": ", ",
        "and": " and ",
        "backtests": "backtests",
        "forecast": "forecast",
        "forecast_line": "Forecast",
        "yes": "chosen",
        # At a glance.
        "chosen": "Chosen model",
        "error": "Error (MASE)",
        "skill_long": "Skill against naive",
        "held": "90 % coverage",
        "tested": "Tested on",
        "tested_on": "{windows} of {steps}",
        "not_tested": "nothing: too little data",
        # The forecast.
        "the_forecast": "The forecast",
        "ahead": "Right of the dashed line: the {next}, past the end of the data.",
        "bands": "The bands are the ranges in which the value should lie in {levels} % of cases.",
        "past": (
            "In the shade: how the methods forecast the past, each time from nothing but what came "
            "before the window, so that it can be compared with what then happened."
        ),
        "legend": "Click a name above the chart to show or hide it.",
        "cold": (
            "Series without history have a forecast only, made of those that are most like them."
        ),
        "some_drawn": "{drawn} of {n} series are drawn; all are forecast.",
        "roles": (
            "They are chosen by how well the model did on them in the backtests: typical, best and "
            "worst come first."
        ),
        "cut_history": "Of longer series the last {n} points are drawn.",
        "cut_windows": "Of the backtests the newest are drawn.",
        "zoom": "Drag over a chart to zoom in; double-click to zoom out again, to the whole past.",
        # The leaderboard.
        "leaderboard": "The leaderboard",
        "compared": (
            "Every method forecast the same {windows} of {steps}{series}, each time from nothing "
            "but what came before. The smallest error is on top."
        ),
        "of_series": " in each of {series}",
        "mase_means": (
            "MASE is the mean error divided by the mean difference, in the history, between a "
            "value and the one {back} earlier: 1 is as good as that habit, and less is better. "
            "Skill is the share of the error that is saved against the better of the two naive "
            "forecasts."
        ),
        "others_mean": (
            "The pinball loss weighs the whole range that was forecast, and less is better. 90 % "
            "coverage is how often the 90 % interval held the value: near 90 is right, far above "
            "it is timid. sMAPE is in per cent, RMSE in the units of the data."
        ),
        "leaderboard_title": "Models by their error on the past: less is better",
        "to_beat": "to beat: {model}, {error}",
        "luck": "One test on one stretch of the past: a lead of a few per cent can be luck.",
        "model": "Model",
        "mase": "MASE",
        "skill": "Skill",
        "smape": "sMAPE, %",
        "rmse": "RMSE",
        "pinball": "Pinball",
        "coverage_90": "90 % coverage",
        "seconds": "Seconds",
        # The two small charts.
        "by_step": "Error by step",
        "by_step_means": (
            "How the error of each method grows with the distance, as MASE. Where two lines cross, "
            "the better method changes."
        ),
        "step_axis": "steps ahead",
        "step_error": "error (MASE)",
        "step_error_plain": "mean absolute error, in the units of the data",
        "by_step_title": "{what}: error by step, over {windows}",
        "by_step_all": "All series",
        "backtest_title": "{series}: {windows} of {steps}",
        "backtest_none": "{series}: in none of the windows",
        "backtest_some": "{series}: the newest {drawn} of {windows} of {steps}",
        "calibration": "Do the intervals hold?",
        "calibration_means": (
            "What the intervals of {chosen} held in the backtests. On the line they hold as often "
            "as they say; below it they are too narrow, above it wider than need be."
        ),
        "nominal_axis": "level of the interval, %",
        "measured_axis": "values it held, %",
        "calibration_line": "As they should",
        "level": "Interval",
        "measured": "Values it held",
        # The rest.
        "findings": "What the check of the data found",
        "severity": "Severity",
        "problem": "What was found",
        "advice": "What to do",
        "severity_error": "Error",
        "severity_warning": "Warning",
        "severity_info": "Note",
        "decisions": "What was decided, and why",
        "notes": "Notes",
        "settings": "Settings",
        "again": "The same forecast again",
        "SeasonalNaive": "Seasonal naive",
        "HoltWinters": "Holt-Winters",
        "Naive": "Naive",
        "Drift": "Drift",
        "Theta": "Theta",
        "Blend": "Blend",
        "Ensemble": "Ensemble",
    },
    "zh": {
        "made": "由 gatecast 生成。本文件自成一体，不访问任何网络。",
        "no_script": "显示此图需要 JavaScript。",
        "series_chooser": "序列",
        "step_1": "1 步",
        "step_n": "{n} 步",
        "next_1": "下一步",
        "next_n": "接下来的 {n} 步",
        "window_1": "1 个窗口",
        "window_n": "{n} 个窗口",
        "series_1": "1 个序列",
        "series_n": "{n} 个序列",
        "best": "最好",
        "typical": "典型",
        "worst": "最差",
        "observed": "观测值",
        "intervals": "预测区间：{levels} %",
        "separator": "、",
        "and": " 和 ",
        "backtests": "回测",
        "forecast": "预测",
        "forecast_line": "预测",
        "yes": "选用",
        "chosen": "选用的模型",
        "error": "误差（MASE）",
        "skill_long": "比朴素预测误差减少",
        "held": "90 % 覆盖率",
        "tested": "检验范围",
        "tested_on": "{windows}，每个 {steps}",
        "not_tested": "无：数据太少",
        "the_forecast": "预测",
        "ahead": "虚线右侧是数据结束之后{next}的预测。",
        "bands": "色带是预测区间：真实值应有 {levels} % 的机会落在其中。",
        "past": (
            "阴影部分是对过去的回测：每个窗口都只用窗口之前的数据来预测，因此可以与后来的实际值比较。"
        ),
        "legend": "点击图上方的名称可显示或隐藏相应的线。",
        "cold": "没有历史的序列只有预测，由与它们最相似的序列得出。",
        "some_drawn": "共预测 {n} 个序列，这里画出 {drawn} 个。",
        "roles": "按模型在回测中的表现挑选：典型、最好和最差的排在前面。",
        "cut_history": "较长的序列只画出最后 {n} 个点。",
        "cut_windows": "回测只画出最近的窗口。",
        "zoom": "在图上拖动可放大，双击可缩小到全部历史。",
        "leaderboard": "模型排行",
        "compared": (
            "{series}所有方法都预测同样的 {windows}（每个 {steps}），每次只用窗口之前的数据。"
            "误差最小的排在最上面。"
        ),
        "of_series": "在 {series}的每一个上，",
        "mase_means": (
            "MASE 是平均误差除以历史上每个值与 {back}之前的值的平均差距：1 表示与照搬旧值一样好，"
            "越小越好。“误差减少”是相对于两种朴素预测中较好的一种所减少的误差比例。"
        ),
        "others_mean": (
            "分位数损失（pinball）衡量整个预测分布，越小越好。90 % 覆盖率是实际值落入 90 % "
            "区间的比例：接近 90 为好，高出许多说明区间过宽。sMAPE 以百分比计，RMSE 与数据同单位。"
        ),
        "leaderboard_title": "各模型在过去数据上的误差：越小越好",
        "to_beat": "要胜过的：{model} {error}",
        "luck": "只在过去的一段上检验了一次：几个百分点的领先可能只是运气。",
        "model": "模型",
        "mase": "MASE",
        "skill": "误差减少",
        "smape": "sMAPE，%",
        "rmse": "RMSE",
        "pinball": "分位数损失",
        "coverage_90": "90 % 覆盖率",
        "seconds": "用时（秒）",
        "by_step": "各步的误差",
        "by_step_means": (
            "每种方法的误差（MASE）如何随预测距离增大。两条线相交之处，较好的方法随之改变。"
        ),
        "step_axis": "预测步数",
        "step_error": "误差（MASE）",
        "step_error_plain": "平均绝对误差（与数据同单位）",
        "by_step_title": "{what}：{windows}中各步的误差",
        "by_step_all": "全部序列",
        "backtest_title": "{series}：{windows}，每个 {steps}",
        "backtest_none": "{series}：不在任何窗口中",
        "backtest_some": "{series}：{windows}（每个 {steps}）中最近的 {drawn} 个",
        "calibration": "预测区间可靠吗？",
        "calibration_means": (
            "{chosen} 的预测区间在回测中的实际覆盖率。落在对角线上表示名副其实；"
            "低于对角线说明区间过窄，高于对角线说明区间过宽。"
        ),
        "nominal_axis": "区间的名义水平，%",
        "measured_axis": "实际覆盖率，%",
        "calibration_line": "理想情况",
        "level": "区间",
        "measured": "实际覆盖率",
        "findings": "数据检查的发现",
        "severity": "程度",
        "problem": "发现的问题",
        "advice": "怎么办",
        "severity_error": "错误",
        "severity_warning": "警告",
        "severity_info": "提示",
        "decisions": "做了哪些选择，为什么",
        "notes": "说明",
        "settings": "设置",
        "again": "重现这一预测",
        "SeasonalNaive": "季节朴素预测",
        "HoltWinters": "Holt-Winters",
        "Naive": "朴素预测",
        "Drift": "漂移法",
        "Theta": "Theta",
        "Blend": "组合模型",
        "Ensemble": "集成模型",
    },
}

_CHINESE_MONTHS = [
    f"{n}月" for n in ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"]
]

LOCALES: dict[str, object] = {
    "zh": {
        "moduleType": "locale",
        "name": "zh-CN",
        "dictionary": {
            "Autoscale": "自动缩放",
            "Box Select": "矩形框选",
            "Double-click to zoom back out": "双击缩小",
            "Download plot as a PNG": "下载 PNG 图片",
            "Download plot": "下载图片",
            "Pan": "平移",
            "Reset axes": "重置坐标轴",
            "Reset": "重置",
            "Zoom": "缩放",
            "Zoom in": "放大",
            "Zoom out": "缩小",
            "Double-click on legend to isolate one trace": "双击图例可只看一条线",
        },
        "format": {
            "days": [f"星期{day}" for day in "日一二三四五六"],
            "shortDays": [f"周{day}" for day in "日一二三四五六"],
            "months": _CHINESE_MONTHS,
            "shortMonths": [f"{n}月" for n in range(1, 13)],
            "date": "%Y-%m-%d",
        },
    }
}
"""What plotly says itself, where it is not English."""


class Words:
    """The words of one language.

    Parameters
    ----------
    lang : {"en", "zh"}
        The language.

    Raises
    ------
    ConfigError
        The pages do not speak it.

    Examples
    --------
    >>> Words("en")("some_drawn", drawn=30, n="1,000")
    '30 of 1,000 series are drawn; all are forecast.'
    >>> Words("zh").counted("step", 12)
    '12 步'
    """

    def __init__(self, lang: str) -> None:
        if lang not in LANGUAGES:
            raise ConfigError(
                "Pages are written in English or Chinese.", value=lang, fix='Use "en" or "zh".'
            )
        self.lang = lang

    def __call__(self, key: str, **parts: object) -> str:
        """Return what stands under a key, with its parts filled in."""
        return _WORDS[self.lang][key].format(**parts)

    def counted(self, what: str, n: int) -> str:
        """Return "1 step" or "12 steps"; ``what`` is step, next, window or series."""
        return self(f"{what}_{'1' if n == 1 else 'n'}", n=f"{n:,}")

    def model(self, name: str) -> str:
        """Return a model's name as it is to be read; a name that is not known stays."""
        return _WORDS[self.lang].get(name, name) if name[:1].isupper() else name

    def levels(self, levels: Sequence[float]) -> str:
        """Return levels in per cent as a list without the unit."""
        *most, last = (f"{level:g}" for level in levels)
        return self("and").join(filter(None, (self("separator").join(most), last)))

    def joined(self, *sentences: str) -> str:
        """Put sentences side by side; Chinese has no spaces between them."""
        return ("" if self.lang == "zh" else " ").join(filter(None, sentences))


def percent(share: object, decimals: int = 1, *, signed: bool = False) -> str:
    """Write a share in per cent, a dash where there is none.

    Examples
    --------
    >>> percent(0.912), percent(-0.05, 0, signed=True), percent(None)
    ('91.2 %', '−5 %', '–')
    """
    if not isinstance(share, Real) or not math.isfinite(share):
        return _DASH
    number = round(100 * float(share), decimals)
    sign = "+" if signed and number else ""
    return f"{number + 0:{sign}.{decimals}f} %".replace("-", "−")


def plain(value: object, like: float | None = None) -> str:
    """Write a number with three digits, a dash where there is none.

    Parameters
    ----------
    value : object
        The number.
    like : float, optional
        The number that three digits are needed of, where several stand below each other.

    Examples
    --------
    >>> plain(0.6234), plain(12345.6), plain(0.00012), plain(float("nan")), plain(34.5678, 4.4)
    ('0.623', '12,346', '0.00012', '–', '34.57')
    """
    if not isinstance(value, Real) or not math.isfinite(value):
        return _DASH
    number = float(value)
    size = abs(number if like is None else like)
    if abs(number) >= 1e9 or 0 < size < 0.001:
        return f"{number:.2g}".replace("-", "−")
    decimals = min(max(2 - math.floor(math.log10(size)), 0), 4) if size else 2
    return f"{number:,.{decimals}f}".replace("-", "−")
