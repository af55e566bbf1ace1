"""Tables: ours beside the published rows, as Markdown."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.accuracy.published import Row, rows

__all__ = ["beside", "markdown", "one_row", "table"]

_SERIES = ("smape", "mase", "owa")
_M3 = ("yearly", "quarterly", "monthly", "other", "all")
_TITLES = {"smape": "sMAPE", "mase": "MASE", "owa": "OWA", "mse mean": "MSE, mean"}
_OURS = "**ours**"


def one_row(line: dict[str, Any], scores: dict[str, Any] | None = None, name: str = "") -> Row:
    """Return a run, or other scores of it, as a row of the table of its task."""
    shown = line if scores is None else scores
    if line["mse"] is not None:
        cells = {f"{kind} {h}": x for kind in ("mse", "mae") for h, x in shown[kind].items()}
        found = list(shown["mse"].values())
        if len(found) == 4:
            cells["mse mean"] = sum(found) / 4
    elif "parts" in line:
        parts = shown.get("parts", {})
        cells = {part: each["smape"] for part, each in parts.items()} | {"all": shown["smape"]}
        cells |= {key: shown[key] for key in ("mase", "owa")}
    else:
        cells = {key: shown[key] for key in _SERIES}
    cells = {key: x for key, x in cells.items() if x is not None}
    return Row(name or _name(line), _OURS, cells)


def beside(line: dict[str, Any]) -> str:
    """Return a run, its seeds, and what was published for the task, as a table."""
    found = [one_row(line, name=f"{_name(line)}, median of {len(line['seeds'])}")]
    if len(line["seeds"]) > 1:
        found.append(one_row(line, line["worst"], "worst of them"))
    heading = line["task"] + ("" if line["target"] == "test" else ", holdout: the end of train")
    if line["subset"]:
        heading += ", a subset: not to be quoted as a score of M4"
    if line["series"]:
        heading += f", {line['n_series']:,} series"
    published = [] if line["target"] != "test" or line["series"] else rows(line["task"])
    took = f"{line['seconds']:.1f} s a seed" if line["seconds"] is not None else "not complete"
    return (
        f"{heading}\n\n{markdown(found + published)}\n\n"
        f"{took} on {line['cores']} cores ({line['isa']})"
    )


def table(lines: list[dict[str, Any]], task: str, *, target: str = "test") -> str:
    """Return the newest complete run of each model and settings beside the published rows."""
    newest: dict[str, dict[str, Any]] = {}
    for line in lines:
        if line["task"] == task and line["target"] == target and line["complete"]:
            key = json.dumps([line["model"], line["settings"], line["series"]], sort_keys=True)
            newest[key] = line
    found = []
    for line in newest.values():
        row = one_row(line)
        extra = {
            "worst": _headline(line["worst"]),
            "seeds": len(line["seeds"]),
            "seconds": line["seconds"],
            "cores": line["cores"],
        }
        found.append(Row(row.method, row.source, row.scores | extra))
    whole = target == "test" and any(not line["series"] for line in newest.values())
    every = found + (rows(task) if whole or not found else [])
    every.sort(key=lambda row: _key(row.scores))
    return f"### {task}{'' if target == 'test' else ' (holdout)'}\n\n{markdown(every)}"


def markdown(found: list[Row]) -> str:
    """Return rows as a Markdown table, with those columns that any of them has."""
    known = [*_M3, *_SERIES]
    known += [f"{kind} {h}" for kind in ("mse", "mae") for h in (96, 192, 336, 720)]
    given = dict.fromkeys(key for row in found for key in row.scores)
    extra = [key for key in given if key not in known and key not in _TAIL]
    columns = [key for key in (*known, *extra, *_TAIL) if key in given]
    head = [
        "model",
        *(_TITLES.get(key, key.replace("mse", "MSE").replace("mae", "MAE")) for key in columns),
        "source",
    ]
    body = [
        [row.method, *(_cell(row.scores.get(key), key) for key in columns), row.source]
        for row in found
    ]
    widths = [max(len(line[k]) for line in (head, *body)) for k in range(len(head))]
    left = (0, len(head) - 1)
    rule = ["-" * w if k in left else "-" * (w - 1) + ":" for k, w in enumerate(widths)]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(w) if k in left else cell.rjust(w)
            for k, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in (head, rule, *body)
    )


_TAIL = ("worst", "seeds", "seconds", "cores")
_COUNTS = ("seeds", "cores", "points", "negative")


def _cell(value: float | None, key: str) -> str:
    if value is None:
        return ""
    if key in _COUNTS:
        return f"{int(value):,}"
    # As many digits as the published tables have.
    return f"{value:.{1 if key == 'seconds' else 2 if key in _M3 else 3}f}"


def _name(line: dict[str, Any]) -> str:
    told = " ".join(f"{key}={json.dumps(value)}" for key, value in line["settings"].items())
    part = f"{line['n_series']:,} series" if line["series"] else ""
    return ", ".join(text for text in (f"{line['model']} {told}".strip(), part) if text)


def _headline(scores: dict[str, Any]) -> float | None:
    """Return the score that rows are ordered by."""
    if scores.get("mse"):
        return sum(scores["mse"].values()) / len(scores["mse"])
    if "parts" in scores or scores.get("owa") is None:
        return scores.get("smape")
    return scores["owa"]


def _key(scores: dict[str, Any]) -> tuple[int, float]:
    """Order by the score that says most; rows that have only another one come after."""
    for rank, name in enumerate(("all", "mse mean", "mse 96", "owa", "mase", "smape")):
        if scores.get(name) is not None:
            return rank, float(scores[name])
    return 9, 0.0
