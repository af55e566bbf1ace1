"""The tutorial's job: learn a sine, look at the forecasts in three ways, go on past the end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gatecast.models.lstm import LSTM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gatecast.gates.trace import Trace

__all__ = ["DemoResult", "Score", "run_demo"]


@dataclass(frozen=True)
class Score:
    """A root mean squared error, and over how many points."""

    rmse: float
    n: int


@dataclass(frozen=True)
class DemoResult:
    """Everything that the demo's table and page show.

    Parameters
    ----------
    x, y : ndarray
        The series, sin(x) for x = -50, -49, …, 49.
    context_length : int
        Length of a window, 50.
    first_test : int
        Index of the first held-out value, 95: with windows of 50 + 1 there are 50, of which the
        last 10 % are held out.
    point_by_point, persistence : ndarray
        One-step forecasts for ``y[first_test:]``.
    full_sequence : ndarray
        For ``y[context_length:]``, each forecast fed back.
    multiple_sequences : list of ndarray
        The same, with a true window every ``prediction_len`` steps.
    prediction_len : int
        See above.
    future_x, future, future_truth : ndarray
        The 50 points past the end: forecast, and the sine that comes.
    scores : dict of str to Score
        ``point_by_point``, ``persistence``, ``full_sequence``, ``multiple_sequences``, ``future``.
    history : dict of str to list of float
        Training and validation loss of each epoch.
    epochs, seed : int
        As asked.
    hidden_size : tuple of int
        Units of each layer.
    n_parameters : int
        Weights trained.
    seconds_fit, seconds_total : float
        How long it took.
    trace : Trace
        What the network did while it read the last window and forecast what comes.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    context_length: int
    first_test: int
    point_by_point: NDArray[np.float64]
    persistence: NDArray[np.float64]
    full_sequence: NDArray[np.float64]
    multiple_sequences: list[NDArray[np.float64]]
    prediction_len: int
    future_x: NDArray[np.float64]
    future: NDArray[np.float64]
    future_truth: NDArray[np.float64]
    scores: dict[str, Score]
    history: dict[str, list[float]]
    epochs: int
    seed: int
    hidden_size: tuple[int, ...]
    n_parameters: int
    seconds_fit: float
    seconds_total: float
    trace: Trace


def run_demo(
    *, epochs: int = 1000, seed: int = 0, threads: int | None = None, progress: Any = False
) -> DemoResult:
    """Do the tutorial's job.

    Parameters
    ----------
    epochs, seed, threads, progress
        As for :meth:`gatecast.LSTM.tutorial`.

    Returns
    -------
    DemoResult

    Examples
    --------
    >>> result = run_demo(epochs=300)
    >>> result.scores["point_by_point"].n
    5
    >>> bool(result.scores["point_by_point"].rmse < result.scores["persistence"].rmse)
    True
    """
    started = time.perf_counter()
    x = np.arange(-50.0, 50.0)
    y = np.sin(x)
    context_length, first_test, prediction_len = 50, 95, 10
    model = LSTM.tutorial(epochs=epochs, seed=seed, threads=threads, progress=progress)
    model.fit(y[:first_test])
    point_by_point = model.predict_point_by_point(y[first_test - context_length :])
    full_sequence = model.predict_sequence_full(y)
    multiple_sequences = model.predict_sequences_multiple(y, prediction_len)
    future_x = np.arange(50.0, 100.0)
    future = model.predict(y, h=50)
    trace = model.inspect(y, h=50)

    seen = y[context_length:]
    scores = {
        "point_by_point": _score(point_by_point, y[first_test:]),
        "persistence": _score(y[first_test - 1 : -1], y[first_test:]),
        "full_sequence": _score(full_sequence, seen),
        "multiple_sequences": _score(np.concatenate(multiple_sequences), seen),
        "future": _score(future, np.sin(future_x)),
    }
    return DemoResult(
        x=x,
        y=y,
        context_length=context_length,
        first_test=first_test,
        point_by_point=point_by_point,
        persistence=y[first_test - 1 : -1],
        full_sequence=full_sequence,
        multiple_sequences=multiple_sequences,
        prediction_len=prediction_len,
        future_x=future_x,
        future=future,
        future_truth=np.sin(future_x),
        scores=scores,
        history=model.history_,
        epochs=epochs,
        seed=seed,
        hidden_size=model.config.hidden_size,
        n_parameters=sum(weight.size for weight in model.parameters_.values()),
        seconds_fit=model.seconds_,
        seconds_total=time.perf_counter() - started,
        trace=trace,
    )


def _score(forecast: NDArray[np.float64], truth: NDArray[np.float64]) -> Score:
    return Score(float(np.sqrt(np.mean((forecast - truth) ** 2))), len(truth))
