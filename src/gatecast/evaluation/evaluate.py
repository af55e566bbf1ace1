"""Scores of models, from a frame of a cross-validation.

A *window* is what was forecast of one series from one cutoff. Letters: R rows, W windows, U units,
G groups, M models. Each row has a loss. Losses are averaged over the rows of a unit, and units over
a group, which is what the caller asked for. A unit is a window; where scores are by step, it is a
step of a series, in all of its windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gatecast.cells import some
from gatecast.errors import ConfigError
from gatecast.evaluation.metrics import (
    coverage,
    interval_score,
    mae,
    owa,
    quantile_losses,
    skill,
    smape,
    width,
)
from gatecast.evaluation.windows import CUTOFF, Cross, History, Model, history_of, read_cross
from gatecast.models import SIMPLE
from gatecast.panel import Columns, Intake, require_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.panel import Doubles

    Indices = NDArray[np.intp]

__all__ = ["evaluate"]

By = Literal["overall", "series", "step", "cutoff"]

# In the order of the columns by default
_POINT = ("mase", "smape", "rmse", "mae", "rmsse")
_OF_QUANTILES = ("pinball", "wql")
_OF_INTERVALS = ("coverage", "width", "msis")
_RELATIVE = ("skill", "owa")
_METRICS = (*_POINT, *_OF_QUANTILES, *_OF_INTERVALS, *_RELATIVE)

_NEEDS = {
    "history": ("mase", "rmsse", "msis", *_RELATIVE),
    "quantiles": _OF_QUANTILES,
    "intervals": _OF_INTERVALS,
    "baseline": ("skill",),
    "Naive2": ("owa",),
}
_SQUARED = ("rmse", "rmsse")
_NAIVE2 = "Naive2"


def evaluate(
    cv: Any,
    df: Any = None,
    *,
    metrics: str | Sequence[str] | None = None,
    by: By = "overall",
    season_length: int | None = None,
    baseline: str | Sequence[str] | None = None,
    freq: str | int | None = None,
    id_col: str = "unique_id",
    time_col: str = "ds",
    target_col: str = "y",
) -> Any:
    """Score the models of a cross-validation.

    Parameters
    ----------
    cv : frame
        pandas, polars or pyarrow: one row a series, ``cutoff`` and stamp, with the truth and, for
        each model, a column of its name, such as ``LSTM``. Its intervals are ``LSTM-lo-90`` and
        ``LSTM-hi-90``, its quantiles ``LSTM-q-0.1``. A cutoff is the last stamp that was known.
    df : frame or array_like, optional
        The series themselves, for ``mase``, ``rmsse``, ``msis``, ``owa`` and ``skill``: they are
        relative to how each series changes, which is measured up to each cutoff only.
    metrics : str or sequence of str, optional
        By default all that there is something for:

        - ``mase``, ``rmsse``: mean absolute and root mean squared scaled error;
        - ``smape``: symmetric percentage error, 0 to 200, as in M4;
        - ``mae``, ``rmse``: in the data's own units;
        - ``pinball``, ``wql``: of quantiles. The ends of intervals are some: those of 90 % are 0.05
          and 0.95. Models that have any are compared by what all of these have.
        - ``coverage``, ``width``, ``msis``: of each level of intervals, in columns such as
          ``coverage_90``;
        - ``skill``: 1 - MASE / MASE of the baseline; above 0 is better than it;
        - ``owa``: M4's overall weighted average; below 1 is better than the model Naive2.
    by : {"overall", "series", "step", "cutoff"}
        One row a model, or one for each series, step of the horizon, or cutoff.
    season_length : int, optional
        Steps per season, for scaled errors; by default that of the frequency of ``df``.
    baseline : str or sequence of str, optional
        The model that ``skill`` is against; of several, the one of the lowest MASE overall. By
        default those of Naive and SeasonalNaive that are there.
    freq : str or int, optional
        The frequency of the stamps; found from them by default.
    id_col, time_col, target_col : str
        The names of the columns of ``cv`` and ``df``.

    Returns
    -------
    frame
        Of the kind of ``cv``: what ``by`` says, ``model``, and a column for each metric, models in
        the order of their columns. NaN where a model lacks intervals or quantiles.

    Raises
    ------
    ConfigError
        When a metric or a baseline is unknown, or needs what is not given.
    DataError
        When columns are missing, or the forecast of a truth that is known; when rows are repeated,
        or do not lie after their cutoff; when the history does not reach a cutoff.

    Notes
    -----
    A score is made of each window first, and these are averaged, so that each counts the same
    (``by="step"``: of each step of a series over its windows, then over series). ``wql`` alone is
    a ratio of sums over all of them, as it is defined. Rows without truth are left out, and so are
    rows without an interval from scores of intervals. A window whose history never changes has no
    scale; averages of scaled errors leave it out.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"ds": range(1, 7), "y": [1.0, 3.0, 2.0, 4.0, 3.0, 5.0]})
    >>> cv = df.tail(2).assign(cutoff=4, Naive=4.0, LSTM=[3.5, 5.0])
    >>> print(evaluate(cv, df, metrics=["mase", "rmse", "skill"]).round(3))
       model  mase   rmse  skill
    0  Naive  0.60  1.000   0.00
    1   LSTM  0.15  0.354   0.75
    >>> print(evaluate(cv, metrics="mae", by="step"))
       step  model  mae
    0     1  Naive  1.0
    1     1   LSTM  0.5
    2     2  Naive  1.0
    3     2   LSTM  0.0
    """
    require_word("by", by, By)
    columns = Columns(id_col, time_col, target_col)
    cross = read_cross(cv, columns)
    intake = Intake(columns, freq=freq)
    history = None if df is None else history_of(cross, df, intake, season_length)
    bases = _baselines(baseline, cross)
    lacking = {
        "history": df is None,
        "quantiles": not cross.quantiles,
        "intervals": not any(model.intervals for model in cross.models.values()),
        "baseline": not bases,
        "Naive2": _NAIVE2 not in cross.models,
    }
    names = _chosen(metrics, [what for what, lacks in lacking.items() if lacks])
    if by == "series" and id_col in ("model", *names):
        raise ConfigError(
            "The column of ids is called like one of the result.",
            value=f"id_col={id_col!r}",
            fix="Rename it.",
        )
    if metrics is None and baseline is not None and df is None:
        names = _chosen("skill", ["history"])  # which raises
    scores = _Scores(cross, _groups(cross, by, history, freq), history)
    table: dict[str, Doubles] = {}  # [G, M] by column
    for name in names:
        table |= scores.of(name, bases)
    return scores.groups.frame(cross, table)


@dataclass(frozen=True, eq=False)
class _Groups:
    """What losses are averaged over."""

    unit: Indices  # [R]
    group: Indices  # [U]
    key: str | None  # the column that says which group it is
    labels: Any  # [G], as narwhals has it

    def __len__(self) -> int:
        return int(self.group.max()) + 1

    def mean(self, losses: Doubles, *, squared: bool = False) -> Doubles:
        """Average losses over each unit, or their squares, and those over each group, ``[G]``."""
        if not squared:
            return _means(_means(losses, self.unit), self.group)
        largest = np.fmax.reduce(losses, initial=0.0)
        unit = largest if largest > 0 else 1.0  # so that no square overflows
        return _means(np.sqrt(_means((losses / unit) ** 2, self.unit)), self.group) * unit

    def sums(self, losses: Doubles) -> Doubles:
        """Add up all losses of each group, ``[G]``; a missing one counts 0."""
        return np.asarray(np.bincount(self.group[self.unit], np.nan_to_num(losses)), np.float64)

    def frame(self, cross: Cross, table: dict[str, Doubles]) -> Any:
        """Put scores into a frame of the caller's kind."""
        import narwhals as nw

        n_groups, n_models = next(iter(table.values())).shape
        cells: dict[str, Any] = {}
        if self.key is not None:
            cells[self.key] = self.labels[np.repeat(np.arange(n_groups), n_models)]
        cells["model"] = list(cross.models) * n_groups
        cells |= {name: scores.ravel() for name, scores in table.items()}
        backend: Any = cross.reader.kind
        series = {
            name: nw.maybe_reset_index(x)
            if isinstance(x, nw.Series)
            else nw.new_series(name, x, backend=backend)
            for name, x in cells.items()
        }
        return nw.from_dict(series).to_native()


def _groups(cross: Cross, by: By, history: History | None, freq: str | int | None) -> _Groups:
    import narwhals as nw

    reader, first = cross.reader, cross.first
    backend: Any = reader.kind
    if by == "step":
        frequency = cross.frequency(freq) if history is None else history.frequency
        steps, step = np.unique(cross.steps(frequency), return_inverse=True)
        units, unit = np.unique(cross.series * len(steps) + step, return_inverse=True)
        labels = nw.new_series("step", steps, backend=backend)
        return _Groups(unit, units % len(steps), "step", labels)
    if by == "overall":
        return _Groups(cross.window, np.zeros(len(first), np.intp), None, None)
    key = reader.columns.id_col if by == "series" else CUTOFF
    which = cross.series if by == "series" else cross.cutoffs
    _, row, group = np.unique(which[first], return_index=True, return_inverse=True)
    if key in reader.frame.columns:
        labels = reader.frame[key][first[row]]
    else:
        labels = nw.new_series(key, list(reader.names), backend=backend)
    return _Groups(cross.window, group, key, labels)


# Choosing


def _baselines(baseline: str | Sequence[str] | None, cross: Cross) -> list[str]:
    """Return the models that skill may be against."""
    if baseline is None:
        return [name for name in SIMPLE if name in cross.models]
    names = [baseline] if isinstance(baseline, str) else list(baseline)
    unknown = [name for name in names if name not in cross.models]
    if unknown or not names:
        raise ConfigError(
            "baseline must be a model of the frame.",
            value=some(map(repr, unknown), len(unknown)) if unknown else "none",
            fix=f"Use {some(map(repr, cross.models), len(cross.models))}.",
        )
    return names


def _chosen(metrics: str | Sequence[str] | None, lacking: list[str]) -> list[str]:
    """Return the metrics that were asked for, or by default those that can be had."""
    if metrics is None:
        without = {name for what in lacking for name in _NEEDS[what]}
        return [name for name in _METRICS if name not in without]
    names = [metrics] if isinstance(metrics, str) else list(dict.fromkeys(metrics))
    unknown = [name for name in names if name not in _METRICS]
    if unknown or not names:
        raise ConfigError(
            "metrics must be names of metrics.",
            value=some(map(repr, unknown), len(unknown)) if unknown else "none",
            fix=f"Use some of {', '.join(_METRICS)}.",
        )
    for what in lacking:
        needing = [name for name in names if name in _NEEDS[what]]
        if needing:
            problem, fix = _LACKING[what]
            raise ConfigError(problem, value=f"metrics {', '.join(needing)}", fix=fix)
    return names


_LACKING = {
    "history": (
        "Errors are scaled by what the series did up to each cutoff, and the series are not given.",
        "Give the data that were cross-validated, too: evaluate(cv, df).",
    ),
    "quantiles": (
        "There are no quantiles that models have in common.",
        "Cross-validate with level=, for columns such as LSTM-lo-90 and LSTM-hi-90.",
    ),
    "intervals": (
        "No model has intervals.",
        "Cross-validate with level=, for columns such as LSTM-lo-90 and LSTM-hi-90.",
    ),
    "baseline": (
        "There is no baseline: no model is called Naive or SeasonalNaive.",
        "Name the model that skill is to be against: baseline=.",
    ),
    "Naive2": (
        "OWA is against Naive2, and no model is called so.",
        "Cross-validate it, too: cross_validation(['naive2', ...], ...).",
    ),
}


# Scoring


@dataclass(frozen=True, eq=False)
class _Scores:
    """Metrics of all models, ``[G, M]``."""

    cross: Cross
    groups: _Groups
    history: History | None

    def of(self, name: str, bases: list[str]) -> dict[str, Doubles]:
        """Return a metric by column."""
        if name in _OF_INTERVALS:
            return self._of_intervals(name)
        if name in _OF_QUANTILES:
            return {name: self._of_quantiles(name)}
        if name == "skill":
            return {name: self._skill(bases)}
        return {name: self._owa() if name == "owa" else self._of_points(name)}

    def _scale(self, name: str) -> Doubles:
        """Return what a metric is divided by in each row, ``[R]``."""
        if name not in _NEEDS["history"]:
            return np.ones(len(self.cross.y))
        assert self.history is not None  # or the metric would not have been chosen
        return np.asarray(self.history.scale(name)[self.cross.window])

    def _of_points(self, name: str) -> Doubles:
        metric, scale = smape if name == "smape" else mae, self._scale(name)
        y, squared = self.cross.y / scale, name in _SQUARED
        scores = [
            self.groups.mean(_by_row(metric, y, model.point / scale), squared=squared)
            for model in self.cross.models.values()
        ]
        return np.stack(scores, axis=1)

    def _of_quantiles(self, name: str) -> Doubles:
        y, quantiles = self.cross.y, self.cross.quantiles
        scores = []
        for model in self.cross.models.values():
            if not model.quantiles:
                scores.append(np.full(len(self.groups), np.nan))
                continue
            forecast = np.stack([model.quantiles[q] for q in quantiles], axis=1)
            losses = quantile_losses(y, forecast, quantiles)
            if name == "pinball":
                scores.append(self.groups.mean(losses))
            else:
                size = self.groups.sums(np.where(np.isnan(losses), 0.0, np.abs(y)))
                scores.append(2 * self.groups.sums(losses) / np.where(size > 0, size, np.nan))
        return np.stack(scores, axis=1)

    def _of_intervals(self, name: str) -> dict[str, Doubles]:
        models, scale = self.cross.models.values(), self._scale(name)
        levels = sorted({level for model in models for level in model.intervals}, key=float)
        return {
            f"{name}_{level}": np.stack(
                [self._of_interval(name, model, level, scale) for model in models], axis=1
            )
            for level in levels
        }

    def _of_interval(self, name: str, model: Model, level: str, scale: Doubles) -> Doubles:
        """Return a metric of one model's intervals, ``[G]``."""
        if level not in model.intervals:
            return np.full(len(self.groups), np.nan)
        y, lo, hi = (x / scale for x in (self.cross.y, *model.intervals[level]))
        if name == "width":
            return self.groups.mean(_by_row(width, lo, hi))
        score = partial(interval_score, alpha=(100 - float(level)) / 100)
        metric = coverage if name == "coverage" else score
        return self.groups.mean(_by_row(metric, y, lo, hi))

    def _skill(self, bases: list[str]) -> Doubles:
        overall = replace(self, groups=replace(self.groups, group=np.zeros_like(self.groups.group)))
        names = list(self.cross.models)
        total = np.nan_to_num(overall._of_points("mase")[0], nan=np.inf)
        best = min((names.index(name) for name in bases), key=lambda k: total[k])
        scores = self._of_points("mase")
        return skill(scores, scores[:, best : best + 1])

    def _owa(self) -> Doubles:
        k = list(self.cross.models).index(_NAIVE2)
        scores = [self._of_points(name)[..., None] for name in ("smape", "mase")]
        return owa(*scores, *(score[:, k : k + 1] for score in scores))


def _by_row(metric: Callable[..., Doubles], *rows: Doubles) -> Doubles:
    """Apply a metric to each row by itself, ``[R]``."""
    return metric(*(x[:, None] for x in rows))


def _means(x: Doubles, label: Indices) -> Doubles:
    """Average what is not missing under each label; NaN where all is."""
    known = ~np.isnan(x)
    with np.errstate(invalid="ignore"):  # 0 / 0
        return np.asarray(np.bincount(label, np.where(known, x, 0.0)) / np.bincount(label, known))
