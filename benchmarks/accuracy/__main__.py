"""How accurate a model is on a published benchmark.

    python -m benchmarks.accuracy m4-hourly --model Naive2
    python -m benchmarks.accuracy m3 --model LSTM --set epochs=30 --seeds 3 --json
    python -m benchmarks.accuracy m4-hourly --model LSTM --holdout
    python -m benchmarks.accuracy m3 --model published
    python -m benchmarks.accuracy table [TASK]
    python -m benchmarks.accuracy list
    python -m benchmarks.accuracy convert m4 DIR OUT

GATECAST_DATA names the folder of the data; docs/accuracy.md has its layout. Every run is added to
benchmarks/accuracy/results.jsonl.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from benchmarks.accuracy import models, report, results, tasks
from benchmarks.accuracy.data import data_folder
from benchmarks.accuracy.run import Asked, Outcome, run
from benchmarks.options import at_least_one
from benchmarks.processes import end_cleanly
from gatecast.errors import ConfigError, GatecastError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 if all went well, 2 if something was wrong with what was asked."""
    words = list(sys.argv[1:] if argv is None else argv)
    commands = {"table": _table, "list": _list, "convert": _convert}
    try:
        return commands.get(words[0] if words else "", _score)(words)
    except GatecastError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _score(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", help="m4-hourly, m3, etth1, folder:NAME, ...: see list")
    parser.add_argument("--model", required=True, help="a recipe, a class of gatecast's, or auto")
    parser.add_argument(
        *("--set", "-s"),
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the model, in JSON (text without quotes is text); repeatable",
    )
    parser.add_argument("--seeds", type=at_least_one, default=1, metavar="N", help="0 to N - 1")
    parser.add_argument(
        "--holdout", action="store_true", help="forecast the end of train; the test is not read"
    )
    parser.add_argument(
        "--series", type=at_least_one, metavar="N", help="a fixed random sample of so many"
    )
    parser.add_argument("--horizons", type=at_least_one, nargs="+", help="of a long-horizon task")
    parser.add_argument(
        *("--lookback",),
        type=at_least_one,
        default=720,
        help="long-horizon tasks: the context of models that would read whole series",
    )
    parser.add_argument("--level", type=float, help="coverage and MSIS of intervals, in per cent")
    parser.add_argument("--threads", type=at_least_one)
    parser.add_argument("--frequency", choices=tasks.FREQUENCIES, help="of an unknown folder")
    parser.add_argument("--season-length", type=at_least_one, help="of a folder")
    parser.add_argument("--data", type=Path, help="instead of GATECAST_DATA")
    parser.add_argument("--log", type=Path, default=results.FILE, help="instead of results.jsonl")
    parser.add_argument("--no-log", action="store_true", help="for tests of the harness itself")
    parser.add_argument("--json", action="store_true", help="print one object, nothing else")
    args = parser.parse_args(words)

    if args.model == "published":
        return _score_published(args)
    parts = tasks.find(args.task, frequency=args.frequency, season_length=args.season_length)
    asked = Asked(
        task=args.task,
        model=args.model,
        settings=_settings(args.set),
        seeds=args.seeds,
        data=data_folder(args.data),
        holdout=args.holdout,
        series=args.series,
        horizons=tuple(args.horizons) if args.horizons else None,
        lookback=args.lookback,
        level=args.level,
        threads=args.threads,
    )
    end_cleanly()
    shown: TextIO = sys.stderr if args.json else sys.stdout
    outcome, line = Outcome([], {}, 0), None
    try:
        # Whatever a model prints is not part of the object.
        with contextlib.redirect_stdout(sys.stderr):
            run(parts, asked, outcome, lambda text: print(text, file=sys.stderr, flush=True))
    finally:
        # Also of a run that was stopped: what was scored counts.
        if any("smape" in one or one.get("mse") for one in outcome.seeds):
            line = _line(parts, asked, outcome)
            if not args.no_log:
                results.append(line, args.log)
    print(report.beside(line), file=shown)
    if args.json:
        print(json.dumps(line, allow_nan=False))
    return 0


def _line(
    parts: tuple[tasks.SeriesTask, ...] | tasks.LongTask, asked: Asked, outcome: Outcome
) -> dict[str, Any]:
    from gatecast import _core

    return results.entry(
        asked,
        outcome,
        subset=isinstance(parts, tuple) and any(part.subset for part in parts),
        cores=asked.threads or _core.default_threads(),
        isa=_core.isa(),
    )


def _score_published(args: argparse.Namespace) -> int:
    from benchmarks.accuracy import m3_published

    if args.task != "m3":
        raise ConfigError("There are published forecasts of m3 only.", value=args.task)
    found = m3_published.score(data_folder(args.data))
    print(report.markdown(found), file=sys.stderr if args.json else sys.stdout)
    if args.json:
        methods = {row.method: row.scores for row in found}
        nothing = dict.fromkeys(("smape", "mase", "owa", "seconds"))
        print(
            json.dumps(
                {"task": "m3", "model": "published", **nothing, "seeds": []} | {"methods": methods}
            )
        )
    return 0


def _settings(pairs: Sequence[str]) -> dict[str, Any]:
    settings = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise ConfigError("--set takes KEY=VALUE.", value=pair, fix="--set epochs=30")
        try:
            settings[key] = json.loads(text)
        except json.JSONDecodeError:
            settings[key] = text
    return settings


def _table(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy table")
    parser.add_argument("command")
    parser.add_argument("task", nargs="?")
    parser.add_argument("--holdout", action="store_true")
    parser.add_argument("--log", type=Path, default=results.FILE)
    args = parser.parse_args(words)
    lines = results.read(args.log)
    target = "holdout" if args.holdout else "test"
    found = (
        [args.task]
        if args.task
        else list(dict.fromkeys(line["task"] for line in lines if line["target"] == target))
    )
    print("\n\n".join(report.table(lines, task, target=target) for task in found))
    return 0


def _list(_: list[str]) -> int:
    print("tasks:  " + "\n        ".join(tasks.names()))
    print("models: " + "\n        ".join(models.known()))
    return 0


def _convert(words: list[str]) -> int:
    from benchmarks.accuracy import convert

    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy convert")
    parser.add_argument("command")
    parser.add_argument("kind", choices=convert.KINDS)
    parser.add_argument("source", type=Path, metavar="DIR")
    parser.add_argument("out", type=Path, metavar="OUT")
    args = parser.parse_args(words)
    for folder in convert.convert(args.kind, args.source, args.out):
        print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
