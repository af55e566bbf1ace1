"""What there is to say about series: each finding in words, with its place and what to do.

:mod:`gatecast.doctor.facts` computes; here is what deserves a mention, how grave it is, and what it
means for a forecast. Findings of one kind are told together: the message is about all series that
have it, and the places say where and how much.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.cells import some
from gatecast.doctor.facts import INTERMITTENT, differences, examine, lag_of, season_of
from gatecast.findings import Finding, Findings, Place, Severity
from gatecast.language import Said, said, sentences
from gatecast.panel import Panel, ranges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Bools, Doubles, MissingFuture

__all__ = ["SEVERITIES", "by_severity", "diagnose"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""The gravest first."""

_LEAST = 3  # values beside the horizon without which there is nothing to learn
# fmt: off
_COARSER = {"min": "h", "h": "D", "D": "W-MON", "B": "W-MON", "W": "MS", "MS": "QS", "ME": "QE"}
# fmt: on


def diagnose(
    panel: Panel,
    h: int | None = None,
    *,
    season_length: int | None = None,
    missing_future: MissingFuture = "error",
) -> list[Finding]:
    """Look at the series of a panel.

    Parameters
    ----------
    panel : Panel
    h : int, optional
        The horizon of the forecast, if it is known.
    season_length : int, optional
        Steps in a season; that of the frequency by default.
    missing_future : {"error", "last", "seasonal"}
        What a forecast would do where future covariates are missing.

    Returns
    -------
    list of Finding
        Errors first.

    Examples
    --------
    >>> from gatecast.panel import from_any
    >>> [finding.code for finding in diagnose(from_any([3.0] * 30), h=2)]
    ['constant']
    """
    case = _Case(panel, h, season_length, missing_future)
    if panel.n_series > 1 and panel.lengths.max() == 1:
        _look_at_ids(case)
        return case.found.all
    for look in (
        _look_at_lengths,
        _look_at_ends,
        _look_at_spread,
        _look_at_zeros,
        _look_at_missing,
        _look_at_jumps,
        _look_at_size,
        _look_at_season,
        _look_at_covariates,
        _look_ahead,
        _look_for_leaks,
    ):
        look(case)
    return by_severity(case.found.all)


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with errors first, then warnings."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


class _Case:
    """A panel, what is known of its series, and who is told."""

    def __init__(
        self,
        panel: Panel,
        h: int | None,
        season_length: int | None,
        missing_future: MissingFuture,
    ) -> None:
        self.panel, self.h, self.missing_future = panel, h, missing_future
        self.m = season_length or panel.season_length
        self.unsaid = season_of(panel) if season_length is None and self.m == 1 else None
        self.facts = examine(panel, self.unsaid or self.m)
        self.found = Findings(collect=True)

    def tell(
        self,
        code: str,
        severity: Severity,
        which: Bools,
        message: str,
        *,
        where: Callable[[int], str],
        fix: str,
        worst: NDArray[Any] | None = None,
        **parts: Any,
    ) -> None:
        """Report what some series are or do, those with most of ``worst`` first.

        ``message`` is a template, of ``who`` they are, how many (``n``), and of ``parts``.
        """
        series = np.flatnonzero(which)
        n = len(series)
        if not n:
            return
        if worst is not None:
            series = series[np.argsort(-worst[series], kind="stable")]
        who = said("The series")
        if self.panel.n_series > 1:
            who = said("{n:,} of {all:,} series", n=n, all=self.panel.n_series)
        self.found.report(
            code,
            severity,
            said(message, who=who, n=n, **parts),
            (Place(self.panel.ids[i], where(i)) for i in series.tolist()),
            fix=fix,
        )

    def stamp(self, i: int, position: int) -> str:
        return _stamp(self.panel, i, position)

    def length(self, i: int) -> Said:
        return said("{n:value|values}", n=int(self.panel.lengths[i]))


def _stamp(panel: Panel, i: int, position: int) -> str:
    """Name the stamp of a place in a series, which may lie beyond its end."""
    steps = np.asarray(position + 1 - panel.lengths[i])
    return panel._name(panel._shift(panel.last[i : i + 1], steps))


# What there is to say about series


def _look_at_lengths(case: _Case) -> None:
    lengths, m, h = case.panel.lengths, case.m, case.h
    longest = int(lengths.max())
    least = _LEAST + (h or 1)
    if longest < least:
        possible = longest - _LEAST
        case.found.report(
            "short",
            "error",
            said(
                "The data are too short: {h:step|steps} ahead need at least {least} values in a "
                "series.",
                h=h or 1,
                least=least,
            ),
            value=said("{n:value|values} in the longest", n=longest),
            fix=said("Ask for at most {h:step|steps}: h={h} (-h {h}).", h=possible)
            if possible > 0
            else "Add data.",
        )
        return
    case.tell(
        "short",
        "warning",
        lengths < least,
        "{who} {n:=is|are} too short to be trained on, which takes {least} values; what the others "
        "teach serves.",
        least=least,
        where=case.length,
        fix="Add data, or leave them out.",
        worst=-lengths,
    )
    case.tell(
        "short",
        "warning",
        (lengths < 2 * m) & (lengths >= least) & (m > 1),
        "{who} {n:=has|have} fewer than two seasons of {m} steps, too few to tell a season from "
        "chance.",
        m=m,
        where=case.length,
        fix="Add data; if there is no such season, say so: season_length=1 (--season-length 1).",
        worst=-lengths,
    )


def _look_at_ids(case: _Case) -> None:
    """Every series has one row: the ids are something else."""
    ids = case.panel.ids
    numbers = all(isinstance(x, float) and x % 1 for x in ids)
    case.found.report(
        "id-looks-like-values" if numbers else "id-like",
        "error",
        "The column of ids holds measurements: each is a series of one value."
        if numbers
        else "The column of ids is different in every row: each is a series of one value.",
        value=some((str(x) for x in ids), len(ids), 3),
        fix="Name the column that tells the series apart, id_col= (--id); a single series needs "
        "none.",
    )


def _look_at_ends(case: _Case) -> None:
    panel = case.panel
    frequency, last = panel.frequency, panel.last
    if frequency is None or frequency.alias is None or (last == last[0]).all():
        return
    early = last < last.max()
    ends = panel.lengths - 1
    if 2 * early.sum() > panel.n_series:
        first, final = int(last.argmin()), int(last.argmax())
        case.found.report(
            "ends-early",
            "info",
            "The series end at different times; each is forecast from its own end.",
            value=said(
                "{low} to {high}",
                low=case.stamp(first, ends[first]),
                high=case.stamp(final, ends[final]),
            ),
        )
        return
    behind, _ = frequency.steps_between(last, np.full_like(last, last.max()))

    def where(i: int) -> str:
        template = "ends {stamp}, {n:step|steps} early"
        return said(template, stamp=case.stamp(i, ends[i]), n=int(behind[i]))

    case.tell(
        "ends-early",
        "warning",
        early,
        "{who} {n:=ends|end} before the others: the forecast begins there, in what is the past for "
        "the others.",
        where=where,
        fix="Add the missing rows, or leave out series that have ended.",
        worst=behind,
    )


def _look_at_spread(case: _Case) -> None:
    facts = case.facts
    flat = (facts.low == facts.high) & (facts.n > 1)
    recorded = "If nothing was recorded there, leave the values empty or the series out."
    case.tell(
        "all-zero",
        "warning",
        flat & (facts.low == 0),
        "{who} {n:=is|are} zero throughout, and so is the forecast.",
        where=lambda i: said("all {n:value|values}", n=int(case.panel.lengths[i])),
        fix=recorded,
    )
    case.tell(
        "constant",
        "warning",
        flat & (facts.low != 0),
        "{who} never {n:=changes|change}: the forecast repeats the value.",
        where=lambda i: said("always {value}", value=_number(facts.low[i])),
        fix=recorded,
    )
    span = facts.high - facts.low
    tiny = span < 1e-6 * np.maximum(np.abs(facts.low), np.abs(facts.high))
    stuck = (facts.same >= 0.95) & (facts.middle != 0)

    def where(i: int) -> str:
        if stuck[i]:
            return said(
                "{share} of the values are {value}",
                share=_percent(facts.same[i]),
                value=_number(facts.middle[i]),
            )
        return said(
            "changes by {size} around {value}",
            size=_number(span[i]),
            value=_number(facts.middle[i]),
        )

    case.tell(
        "near-constant",
        "warning",
        ~flat & (tiny | stuck) & (facts.n >= 10),
        "{who} hardly {n:=changes|change}: there is little to learn.",
        where=where,
        fix="Look whether rounding or a stuck sensor is behind it.",
    )


def _look_at_zeros(case: _Case) -> None:
    facts, panel = case.facts, case.panel
    often = (facts.zeros >= INTERMITTENT) & (facts.high > 0) & (facts.low >= 0)
    alias = (panel.frequency.alias if panel.frequency else None) or ""
    coarser = _COARSER.get(alias.lstrip("0123456789").partition("-")[0])
    case.tell(
        "intermittent",
        "info",
        often & (facts.regular < 0.5) & (facts.n >= 10),
        "{who} {n:=is|are} zero again and again. The forecast is a median: where zeros are the "
        "rule it is 0, or nearly so.",
        where=lambda i: said("{share} zeros", share=_percent(facts.zeros[i])),
        fix=said(
            "If totals are what counts, forecast them: freq={freq!r}, resample='sum' (--freq "
            "{freq} --resample sum).",
            freq=coarser,
        )
        if coarser
        else "If totals are what counts, forecast them: add several steps up before.",
        worst=facts.zeros,
    )
    few = (facts.negative > 0) & (facts.negative <= np.maximum(1, 0.01 * facts.n))

    def where(i: int) -> str:
        lowest = case.stamp(i, int(np.nanargmin(_of(panel, i))))
        return said(
            "{n:value|values}, the lowest {value} at {stamp}",
            n=int(facts.negative[i]),
            value=_told(facts.low[i]),
            stamp=lowest,
        )

    case.tell(
        "negative",
        "warning",
        few & (facts.zeros >= 0.02) & (facts.n >= 20),
        "{who} {n:=has|have} a few negative values beside zeros and positive ones, which may be "
        "returns or mistakes.",
        where=where,
        fix="If they are mistakes, correct them or leave them empty.",
    )


def _look_at_missing(case: _Case) -> None:
    facts, lengths = case.facts, case.panel.lengths
    rare = (facts.apart > 1) & (facts.n >= 4)
    case.tell(
        "frequency-conflict",
        "warning",
        rare,
        "{who} {n:=has|have} a value every few steps only: the frequency is that of other series "
        "or a few rows, and all steps between count as missing.",
        where=lambda i: said(
            "{n:value|values} in {steps:,} steps, at least {apart} apart",
            n=int(facts.n[i]),
            steps=int(lengths[i]),
            apart=int(facts.apart[i]),
        ),
        fix="Forecast series of different frequencies apart, or bring all to the coarsest: "
        "freq='MS', resample='mean' (--freq MS --resample mean).",
        worst=facts.apart,
    )

    def where(i: int) -> str:
        n, run = int(facts.missing[i]), int(facts.longest_run[i])
        first = case.stamp(i, int(facts.first_missing[i]))
        if n == 1:
            return first
        parts = {"n": n, "all": int(lengths[i]), "stamp": first}
        if run == n:
            return said("{n:,} of {all:,}, the first {stamp}, all together", **parts)
        return said(
            "{n:,} of {all:,}, the first {stamp}, at most {run:,} in a row", run=run, **parts
        )

    rows = _are_rows(case)
    code, what = ("gap", said("rows")) if rows else ("missing", said("values"))
    much = (facts.missing > 0.1 * lengths) | (facts.longest_run >= max(case.m, 10))
    fill = "To fill them: fill='interpolate' (--fill interpolate), or zero where no row means 0."
    share = facts.missing / np.maximum(lengths, 1)
    lacking = (facts.missing > 0) & ~rare
    case.tell(
        code,
        "warning",
        lacking & much,
        "{who} {n:=lacks|lack} many {what} inside: more than a tenth, or more than a season on "
        "end. The network is told where, and is not trained on them. Forecasts that begin near "
        "such holes know little.",
        what=what,
        where=where,
        fix=fill,
        worst=share,
    )
    case.tell(
        code,
        "info",
        lacking & ~much,
        "{who} {n:=lacks|lack} {what} inside. The network is told where, and is not trained on "
        "them.",
        what=what,
        where=where,
        fix=fill,
        worst=share,
    )


def _are_rows(case: _Case) -> bool:
    """Whether all that is missing are rows: intake notes how many of these there are."""
    noted = (re.match(r"([\d,]+) rows? (?:is|are) missing between", x) for x in case.panel.notes)
    return any(
        int(match[1].replace(",", "")) == case.facts.missing.sum() for match in noted if match
    )


def _look_at_jumps(case: _Case) -> None:
    facts, panel = case.facts, case.panel
    size = np.maximum(np.maximum(np.abs(facts.before), np.abs(facts.after)), 1e-300)
    case.tell(
        "level-shift",
        "warning",
        facts.shift >= 0,
        "{who} {n:=shifts|shift} from one level to another at once; what lies before teaches the "
        "network less.",
        where=lambda i: said(
            "{stamp}, from about {before} to {after}",
            stamp=case.stamp(i, int(facts.shift[i])),
            before=_number(facts.before[i]),
            after=_number(facts.after[i]),
        ),
        fix="If the unit or what is counted changed, bring both parts to one, or leave the older "
        "out.",
        worst=np.nan_to_num(np.abs(facts.after / size - facts.before / size)),
    )
    series, position, farness = facts.spikes
    farthest = np.zeros(panel.n_series)
    np.maximum.at(farthest, series, farness)

    def where(i: int) -> str:
        y = _of(panel, i)
        begin, end = np.searchsorted(series, [i, i + 1])
        p = int(position[begin + farness[begin:end].argmax()])
        reach = max(case.unsaid or case.m, 5)
        near = np.delete(y[max(0, p - reach) : p + reach + 1], min(p, reach))
        near = np.sort(near[~np.isnan(near)])
        low, high = near[len(near) // 10], near[-1 - len(near) // 10]
        one = said(
            "{value} at {stamp}, around it {low} to {high}",
            value=_told(y[p]),
            stamp=case.stamp(i, p),
            low=_number(low),
            high=_number(high),
        )
        others = end - begin - 1
        return said("{one}; {more} more", one=one, more=others) if others else one

    common = panel.n_series >= 20 and 4 * np.count_nonzero(farthest) > panel.n_series
    case.tell(
        "outlier",
        "info" if common else "warning",
        farthest > 0,
        "{who} {n:=has|have} single values far from those around them and from their season, "
        "which is common in these data."
        if common
        else "{who} {n:=has|have} single values far from those around them and from their season.",
        where=where,
        fix="If they are mistakes, correct them or leave them empty. If they recur (a holiday, a "
        "sale), tell the network when: future_covariates= (--future), holidays='DE' "
        "(--holidays DE).",
        worst=farthest,
    )


def _look_at_size(case: _Case) -> None:
    ids = case.panel.ids
    size = np.maximum(np.abs(case.facts.low), np.abs(case.facts.high))
    seen = np.flatnonzero(size > 0)
    if len(seen) < 2:
        return
    small, big = seen[size[seen].argmin()], seen[size[seen].argmax()]
    if size[big] / 1000 >= size[small]:
        case.found.report(
            "scale",
            "info",
            "The series are of very different size. Training does not mind, as each window is "
            "scaled by itself; but an RMSE over all is that of the largest.",
            value=said(
                "up to {low} ({small}), up to {high} ({big})",
                low=_number(size[small]),
                small=str(ids[small]),
                high=_number(size[big]),
                big=str(ids[big]),
            ),
            fix="Judge by MASE, which has no unit.",
        )


def _look_at_season(case: _Case) -> None:
    if case.unsaid is not None:
        case.found.report(
            "season",
            "info",
            said(
                "It looks as if there were a season of {m} steps, which the stamps do not say.",
                m=case.unsaid,
            ),
            fix=said("If so, say it: season_length={m} (--season-length {m}).", m=case.unsaid),
        )


# What there is to say about covariates


def _look_at_covariates(case: _Case) -> None:
    panel, covariates = case.panel, case.panel.covariates
    if covariates is None:
        return
    columns = panel.columns
    for names, table, option in (
        (columns.past, covariates.past, "past_covariates (--past)"),
        (columns.future, covariates.future, "future_covariates (--future)"),
    ):
        for j, name in enumerate(names):
            x = table[:, j]
            x = x[~np.isnan(x)]
            if not len(x):
                value = said("no value in any row")
            elif x.min() == x.max():
                value = said("always {value}", value=_number(float(x[0])))
            else:
                continue
            case.found.report(
                "covariate-constant",
                "warning",
                said(
                    "The covariate {name!r} never changes: it tells the network nothing.", name=name
                ),
                value=value,
                fix=said("Leave it out of {option}.", option=option),
            )
    if panel.n_series < 2:
        return
    for j, name in enumerate(columns.static):
        known = covariates.static[:, j]
        if len({x for x in known.tolist() if x == x}) < 2:
            case.found.report(
                "covariate-constant",
                "warning",
                said(
                    "The covariate {name!r} is the same for all series: it tells the network "
                    "nothing.",
                    name=name,
                ),
                value=said("always {value}", value=str(known[0])),
                fix=said("Leave it out of {option}.", option="static_covariates (--static)"),
            )


def _look_ahead(case: _Case) -> None:
    panel, h = case.panel, case.h
    if panel.cold is not None:
        case.found.report(
            "cold",
            "info",
            said(
                "{n:series has|series have} no value at all; each is forecast like those that its "
                "covariates make most similar.",
                n=panel.cold.n_series,
            ),
            (Place(name, "") for name in panel.cold.ids),
        )
    if not panel.columns.future:
        return
    parts = [part for part in (panel, panel.cold) if part is not None]
    if h is None:
        ahead = min(int(part.ahead.min()) for part in parts)
        case.found.report(
            "covariate-ahead" if ahead else "covariate-short",
            "info",
            said(
                "The future covariates reach {n:step|steps} beyond the end of the series; no "
                "forecast can go further without more of them."
                if panel.n_series == 1
                else "The future covariates reach {n:step|steps} beyond the end of all series; no "
                "forecast can go further without more of them.",
                n=ahead,
            ),
            fix="" if ahead else _MORE_AHEAD,
        )
        return
    places = [place for part in parts for place in _uncovered(part, h)]
    if places:
        wrong = case.missing_future == "error"
        case.found.report(
            "covariate-short",
            "error" if wrong else "warning",
            said(
                _UNCOVERED[case.missing_future],
                steps=said("step") if h == 1 else said("{h:,} steps", h=h),
            ),
            places,
            fix=sentences([_MORE_AHEAD, _REPEAT]) if wrong else _MORE_AHEAD,
        )


def _uncovered(panel: Panel, h: int) -> Iterator[Place]:
    """For each series, from where on it lacks which future covariates."""
    covariates = panel.covariates
    assert covariates is not None
    begin = covariates.future_indptr[:-1] + panel.lengths
    reach = np.minimum(panel.ahead, h)
    rows, indptr = ranges(begin, begin + reach)
    row, _ = np.nonzero(np.isnan(covariates.future[rows]))
    series = np.searchsorted(indptr, row, side="right") - 1
    first = reach.copy()  # the step that lacks some
    np.minimum.at(first, series, row - indptr[series])
    for i in np.flatnonzero(first < h).tolist():
        lacking = np.ones(len(panel.columns.future), bool)
        if first[i] < reach[i]:
            lacking = np.isnan(covariates.future[begin[i] + first[i]])
        where = said(
            "{names} from {stamp}",
            names=[name for name, x in zip(panel.columns.future, lacking, strict=True) if x],
            stamp=_stamp(panel, i, panel.lengths[i] + first[i]),
        )
        yield Place(panel.ids[i], where)


_UNCOVERED = {
    "error": "The future covariates do not cover the {steps} to forecast.",
    "last": "The future covariates do not cover the {steps} to forecast; what is missing is held "
    "at the last value.",
    "seasonal": "The future covariates do not cover the {steps} to forecast; what is missing is "
    "that of a season before.",
}
_MORE_AHEAD = (
    "Give rows with them and without a value, or a table of its own: future_df= (--future-file)."
)
_REPEAT = "missing_future='seasonal' (--missing-future seasonal) repeats the last season instead."


def _look_for_leaks(case: _Case) -> None:
    """Covariates that are the target itself, at another time."""
    panel, columns = case.panel, case.panel.columns
    if panel.covariates is None or not (columns.past or columns.future):
        return
    longest = np.argsort(-panel.lengths, kind="stable")[:20]
    chosen = np.zeros(panel.n_series, bool)
    chosen[longest[panel.lengths[longest] >= 24]] = True
    if not chosen.any():
        return
    part = panel.select(chosen).tail(500)
    assert part.covariates is not None
    begin = part.covariates.future_indptr[:-1]
    rows, _ = ranges(begin, begin + part.lengths)
    horizon = case.h or 1
    reach = min(max(horizon, case.m, 12), 60)
    target = differences(part, part.values)
    # The latest step of the target that may be known when a covariate's row is: of past ones that
    # of the same step, of future ones that before the forecast begins.
    for names, table, known in (
        (columns.past, part.covariates.past, 0),
        (columns.future, part.covariates.future[rows], -horizon),
    ):
        for j, name in enumerate(names):
            lag = lag_of(differences(part, table[:, j]), target, reach)
            if lag is None or lag <= known:
                continue
            case.found.report(
                "covariate-leak",
                "warning",
                said(
                    "The covariate {name!r} rises and falls exactly with the target {when}. If "
                    "that is not known when a forecast is made, its scores are far too good.",
                    name=name,
                    when=_at_lag(lag),
                ),
                value=said("column {name}", name=name),
                fix=said(
                    "Leave it out, or shift it within each series by {n:row|rows}: .shift({n}).",
                    n=lag - known,
                ),
            )


def _at_lag(lag: int) -> Said:
    if lag == 0:
        return said("of the same step")
    return said("{n:step|steps} later" if lag > 0 else "{n:step|steps} before", n=abs(lag))


def _of(panel: Panel, i: int) -> Doubles:
    return panel.values[panel.indptr[i] : panel.indptr[i + 1]]


def _number(x: float) -> str:
    """Write a number as people do: 1,235 or 0.00123, four digits of it."""
    x = float(x)
    if x == 0 or not math.isfinite(x):
        return "0" if x == 0 else str(x)
    places = 3 - math.floor(math.log10(abs(x)))
    if not -12 <= places <= 9:
        return f"{x:.3g}"
    text = f"{round(x, places):,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _told(x: float) -> str:
    """Write a number; say if it is one that is often written where there is none."""
    mark = x < 0 and set(f"{abs(x):g}") == {"9"} and abs(x) > 90
    if mark:
        return said("{value} (often the mark of a missing value)", value=_number(x))
    return _number(x)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share < 0.995 else f"{100 * share:.1f} %"
