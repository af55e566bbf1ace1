"""One run: fit and forecast with each seed, score, and say what it took."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.accuracy import data, long_horizon, models, scores
from benchmarks.accuracy.data import Collection
from benchmarks.accuracy.tasks import LongTask, SeriesTask
from gatecast.errors import ConfigError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

__all__ = ["Asked", "Outcome", "run", "summary"]

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line; see there."""

    task: str
    model: str
    settings: dict[str, Any]
    seeds: int
    data: Path
    holdout: bool = False
    series: int | None = None
    horizons: tuple[int, ...] | None = None
    lookback: int = 720
    level: float | None = None
    threads: int | None = None


@dataclass
class Outcome:
    """What came out so far: one entry a seed, all but ``seed`` and ``seconds`` being scores."""

    seeds: list[dict[str, Any]]
    config: dict[str, Any]
    n_series: int
    left_out: int = 0
    complete: bool = False


def run(
    parts: tuple[SeriesTask, ...] | LongTask, asked: Asked, outcome: Outcome, tell: Tell
) -> None:
    """Run all seeds of a task. ``outcome`` fills as it goes, so that nothing scored gets lost."""
    if isinstance(parts, LongTask):
        _run_long(parts, asked, outcome, tell)
    else:
        _run_series(parts, asked, outcome, tell)
    outcome.complete = True


def summary(seeds: list[dict[str, Any]], how: Callable[[list[float]], float]) -> dict[str, Any]:
    """Return one number for all seeds in each place that has one, through all levels.

    Examples
    --------
    >>> summary([{"smape": 1.0, "parts": {"a": 2.0}}, {"smape": 3.0, "parts": {"a": 4.0}}], max)
    {'smape': 3.0, 'parts': {'a': 4.0}}
    """
    out: dict[str, Any] = {}
    for key, first in seeds[0].items():
        values = [one[key] for one in seeds]
        if isinstance(first, dict):
            out[key] = summary(values, how)
        else:
            out[key] = None if any(x is None for x in values) else how(values)
    return out


def median(values: list[float]) -> float:
    return float(statistics.median(values))


def _run_series(tasks: tuple[SeriesTask, ...], asked: Asked, outcome: Outcome, tell: Tell) -> None:
    loaded = []
    for task in tasks:
        one = data.load(task, asked.data, holdout=asked.holdout, series=asked.series)
        loaded.append((one, scores.naive2_scores(one)))
        outcome.n_series += one.history.n_series
        outcome.left_out += one.left_out
        if one.left_out:
            tell(f"{task.name}: {one.left_out:,} series are too short for a holdout, left out")
    naive = scores.over_parts(loaded)
    for seed in range(asked.seeds):
        entry, parts = {"seed": seed}, []
        seconds = 0.0
        for one, _ in loaded:
            found, took = _forecast(one, asked, seed, outcome)
            parts.append((one, found))
            seconds += took
        entry |= parts[0][1] if len(parts) == 1 else scores.over_parts(parts)
        entry["owa"] = scores.owa(entry, naive)
        if len(parts) > 1:
            entry["parts"] = {
                one.task.frequency: found | {"owa": scores.owa(found, own)}
                for (one, found), (_, own) in zip(parts, loaded, strict=True)
            }
        entry["seconds"] = round(seconds, 2)
        outcome.seeds.append({key: _plain(value) for key, value in entry.items()})
        tell(f"seed {seed}: {_shown(outcome.seeds[-1])}")


def _forecast(
    one: Collection, asked: Asked, seed: int, outcome: Outcome
) -> tuple[dict[str, float], float]:
    """Fit, forecast and score; the seconds are those of the fit and the forecast alone."""
    task, history = one.task, one.history
    assert task.horizon
    facts = models.Facts(
        horizon=task.horizon,
        frequency=task.frequency,
        season_length=task.season_length,
        seasons=task.seasons,
        n_series=history.n_series,
        length=int(np.median(history.lengths)),
        positive=bool((history.values[history.observed] > 0).all()),
        seed=seed,
        threads=asked.threads,
        categories=bool(task.info) and (asked.data / task.info / "info.parquet").is_file(),
    )
    model = models.build(asked.model, facts, asked.settings)
    outcome.config.setdefault(task.name, models.described(model))
    frame = one.frame
    if columns := models.static_columns(model):
        if columns != ("category",):
            raise ConfigError(
                "There is one static column, category.", value=", ".join(columns), fix="Ask for it."
            )
        frame = data.with_category(frame, task, asked.data)
    began = time.perf_counter()
    model.fit(frame)
    predicted = model.predict() if asked.level is None else _with_level(model, asked.level)
    took = time.perf_counter() - began
    columns = [c for c in predicted.columns if c not in ("unique_id", "ds")]
    found = scores.point_scores(one, _matrix(predicted, columns[0], one))
    if asked.level is not None:
        ends = [c for c in columns if c.endswith((f"-lo-{asked.level:g}", f"-hi-{asked.level:g}"))]
        if len(ends) == 2:
            lo, hi = (_matrix(predicted, end, one) for end in ends)
            found |= scores.interval_scores(one, lo, hi, asked.level)
    return found, took


def _with_level(model: Any, level: float) -> Any:
    try:
        return model.predict(level=[level])
    except ConfigError:  # it has no intervals of its own
        return model.predict()


def _matrix(predicted: Any, column: str, one: Collection) -> Doubles:
    """Return ``[n_series, h]`` in the order of the truth."""
    n, h = one.truth.shape
    if len(predicted) != n * h:
        raise DataError("The forecast is not of all series and steps.", value=len(predicted))
    place = {name: i for i, name in enumerate(one.history.ids)}
    out: Doubles = np.full((n, h), np.nan)
    step = predicted.groupby("unique_id", sort=False).cumcount().to_numpy()
    out[predicted["unique_id"].map(place).to_numpy(), step] = predicted[column].to_numpy()
    return out


def _run_long(task: LongTask, asked: Asked, outcome: Outcome, tell: Tell) -> None:
    long = long_horizon.load(task, asked.data, holdout=asked.holdout)
    outcome.n_series = len(long.names)
    frame = long.frame()
    for seed in range(asked.seeds):
        entry: dict[str, Any] = {"seed": seed, "mse": {}, "mae": {}, "seconds_by_horizon": {}}
        outcome.seeds.append(entry)
        for h in asked.horizons or task.horizons:
            facts = long.facts(h, seed, asked.threads)
            model = models.build(asked.model, facts, asked.settings)
            outcome.config.setdefault(str(h), models.described(model))
            if models.static_columns(model):
                raise ConfigError("Long-horizon tasks have no static columns.", value=asked.model)
            began = time.perf_counter()
            model.fit(frame)
            found = long_horizon.score(long, model, h, asked.lookback)
            entry["seconds_by_horizon"][str(h)] = round(time.perf_counter() - began, 2)
            for name, value in found.items():
                entry[name][str(h)] = _plain(value)
            tell(
                f"seed {seed}, {h} steps: mse {found['mse']:.4f}, mae {found['mae']:.4f}, "
                f"{entry['seconds_by_horizon'][str(h)]:.1f} s"
            )
        entry["seconds"] = round(sum(entry["seconds_by_horizon"].values()), 2)


def _plain(value: Any) -> Any:
    """Return a number that JSON has; None for NaN."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def _shown(entry: dict[str, Any]) -> str:
    names = [name for name in ("smape", "mase", "owa", "coverage", "msis") if name in entry]
    told = [f"{name} {entry[name]:.3f}" for name in names if entry[name] is not None]
    return ", ".join([*told, f"{entry['seconds']:.1f} s"])
