"""The page of ``gatecast demo``: one network, one sine, and every way to look at its forecasts."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gatecast.gates.summary import n_observed
from gatecast.report.figures import COLOURS, blank_figure, rule, shade
from gatecast.report.gates import gates_chart, gates_under
from gatecast.report.gates_words import explain
from gatecast.report.page import Chart, Section, Table, write_page

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from gatecast.demo import DemoResult

__all__ = ["write_demo_page"]

Values = NDArray[np.float64]


def write_demo_page(path: str | os.PathLike[str], result: DemoResult) -> None:
    """Write the page of a demo run: the scores first, then each mode with its chart.

    Parameters
    ----------
    path : str or path-like
        The HTML file to write; its folder must exist.
    result : DemoResult
        The run.
    """
    write_page(
        path,
        title="What an LSTM learns from a sine, and four ways to look at it",
        lead=_lead(result),
        sections=[
            _scores(result),
            _data(result),
            _point_by_point(result),
            _full_sequence(result),
            _multiple_sequences(result),
            _future(result),
            _gates(result),
            _training(result),
            Section("This run", facts=_facts(result)),
        ],
    )


def _lead(r: DemoResult) -> str:
    cells = " and ".join(str(size) for size in r.hidden_size)
    return (
        f"A small network, {len(r.hidden_size)} LSTM layers of {cells} cells, reads "
        f"{r.context_length} values of a sine and predicts the next one. Nobody tells it the "
        "formula: it sees numbers only. The same trained network is then asked in four ways, and "
        "each way can flatter it. This page says what each one shows and what it hides."
    )


def _scores(r: DemoResult) -> Section:
    step = r.prediction_len
    said = (
        (
            "point_by_point",
            "Point by point",
            "Predicts one step, always from true values.",
            "Whether step 2 would still be right.",
        ),
        (
            "persistence",
            "Persistence",
            "Repeats the last true value. No learning; the bar to clear.",
            "Nothing: it is as plain as it looks.",
        ),
        (
            "full_sequence",
            "Full sequence",
            f"Reads the first {r.context_length} true values, then feeds on its own predictions.",
            "That most of what it draws was in its training.",
        ),
        (
            "multiple_sequences",
            f"Multiple sequences of {step}",
            f"The same, but starts afresh from true values every {step} steps.",
            f"Every error that takes more than {step} steps to grow.",
        ),
        (
            "future",
            "Forecast past the end",
            "Reads the last true values and runs on where there are none.",
            "How it would do on data less regular than a sine.",
        ),
    )
    rows = tuple(
        (name, does, hides, _error(r.scores[key].rmse), str(r.scores[key].n))
        for key, name, does, hides in said
        if key in r.scores
    )
    return Section(
        "The scores",
        (_comparison(r),),
        table=Table(
            ("Mode", "What it does", "What it hides", "RMSE", "Points"),
            rows,
            "RMSE is the typical size of an error, in the units of the series: 0 is perfect, and "
            "a sine swings between −1 and 1, so always answering 0 would score about 0.71.",
        ),
    )


def _comparison(r: DemoResult) -> str:
    model, simple = r.scores["point_by_point"].rmse, r.scores["persistence"].rmse
    start = f"One step ahead, on the {r.scores['point_by_point'].n} points held out of training, "
    numbers = f"the network's typical error is {_error(model)} and that of merely repeating the "
    numbers += f"last value {_error(simple)}. "
    if model >= simple:
        end = "It has learnt nothing of use yet: more epochs, or another seed, should help."
    elif model > 0.1 * simple:
        end = "It beats the bar, though not by much for so regular a series."
    else:
        end = "The honest test is further down: a forecast past the end, with no true value to "
        end += f"lean on, which scores {_error(r.scores['future'].rmse)}."
    return start + numbers + end


def _data(r: DemoResult) -> Section:
    figure = blank_figure("x", "sin(x)")
    _truth(figure, r.x, r.y, "The series")
    _shade_training(figure, r)
    length, last = r.context_length, len(r.y) - 1
    for name, first, height, colour in (
        ("First training window and its target", 0, -1.3, "seasonal"),
        ("Last held-out window and its target", last - length, -1.55, "lstm"),
    ):
        target = first + length
        figure.add_scatter(
            x=[float(r.x[first]), float(r.x[target - 1]), None, float(r.x[target])],
            y=[height, height, None, height],
            mode="lines+markers",
            name=name,
            line={"color": COLOURS[colour], "width": 3},
            marker={
                "color": COLOURS[colour],
                "symbol": ["line-ns-open", "line-ns-open", "circle", "circle"],
                "size": [10, 10, 1, 9],
                "opacity": 1,
            },
            hoverinfo="skip",
        )
    figure.update_yaxes(range=[-1.8, 1.35], tickvals=[-1, 0, 1])
    windows, test = len(r.y) - length, len(r.y) - r.first_test
    return Section(
        "The data and how they are split",
        (
            f"{len(r.y)} points of sin(x), one per step of x. A window is {length} values in a "
            f"row and the value after them, its target. There are {windows} such windows; the "
            f"last {test} are held out, so the network never sees the last {test} values while "
            "it trains.",
            "The split is in time. Shuffling first and splitting then would put neighbours of "
            "every test point into the training.",
        ),
        (Chart("The series, the training part shaded, and two windows below it", figure),),
    )


def _point_by_point(r: DemoResult) -> Section:
    start = max(0, r.first_test - 20)
    figure = blank_figure("x", "sin(x)")
    _truth(figure, r.x[start:], r.y[start:])
    x = r.x[r.first_test :]
    figure.add_scatter(
        x=x.tolist(),
        y=r.persistence.tolist(),
        mode="lines+markers",
        name="Persistence",
        line={"color": COLOURS["naive"], "width": 2, "dash": "dot"},
        marker={"symbol": "square", "size": 8},
    )
    _prediction(figure, x, r.point_by_point, "LSTM")
    _shade_training(figure, r, start)
    return Section(
        "Point by point",
        charts=(Chart("Held-out points, predicted one step ahead", figure),),
        facts=(
            (
                "What it shows",
                "Whether the network has learnt the next step. On the points right of the shade, "
                "which it was not trained on, it is drawn beside persistence, the last true value "
                "repeated.",
            ),
            (
                "What it hides",
                "Every prediction starts from true values, so an error is forgiven at once. It "
                "says nothing about step 2. On a slow series, such as a price, even persistence "
                "looks perfect in such a chart: a curve that follows the truth one step late.",
            ),
        ),
    )


def _full_sequence(r: DemoResult) -> Section:
    figure = blank_figure("x", "sin(x)")
    _truth(figure, r.x, r.y)
    _prediction(figure, r.x[r.context_length :], r.full_sequence, "LSTM on its own predictions")
    _shade_training(figure, r)
    rule(figure, _between(r.x, r.context_length), "on its own from here")
    seen = r.first_test - r.context_length
    return Section(
        "Full sequence",
        charts=(Chart("The whole series, predicted from its first window", figure),),
        facts=(
            (
                "What it shows",
                f"Stability. From x = {r.x[r.context_length]:g} on the network reads its own "
                "predictions, and small errors could pile up: in height, or as a drift to the "
                "left or right.",
            ),
            (
                "What it hides",
                f"{seen} of these {len(r.full_sequence)} points are in the shaded part, which it "
                "was trained on. A good curve here is a good memory as much as a good forecast.",
            ),
        ),
    )


def _multiple_sequences(r: DemoResult) -> Section:
    figure = blank_figure("x", "sin(x)")
    _truth(figure, r.x, r.y)
    start = r.context_length
    for number, run in enumerate(r.multiple_sequences):
        x = r.x[start : start + len(run)]
        name = f"LSTM, runs of {r.prediction_len}"
        _prediction(figure, x, run, name, first=number == 0)
        rule(figure, _between(r.x, start))
        start += len(run)
    _shade_training(figure, r)
    return Section(
        "Multiple sequences",
        charts=(Chart("Short runs, each from a fresh window of true values", figure),),
        facts=(
            (
                "What it shows",
                f"How forecasts of {r.prediction_len} steps would have looked at several moments. "
                "Each dashed line is a fresh start from true values.",
            ),
            (
                "What it hides",
                f"No run is longer than {r.prediction_len} steps, so no error can grow for longer "
                "than that; and, as above, the shaded part was trained on.",
            ),
        ),
    )


def _future(r: DemoResult) -> Section:
    start = max(0, len(r.y) - r.context_length)
    figure = blank_figure("x", "sin(x)")
    _truth(figure, r.x[start:], r.y[start:], "The last true window")
    figure.add_scatter(
        x=r.future_x.tolist(),
        y=r.future_truth.tolist(),
        mode="lines+markers",
        name="What a sine does next",
        line={"color": COLOURS["shade"], "width": 5},
        marker={"size": 5},
    )
    _prediction(figure, r.future_x, r.future, "LSTM forecast")
    rule(figure, (float(r.x[-1]) + float(r.future_x[0])) / 2, "end of the data")
    errors = np.abs(r.future - r.future_truth)
    part = max(1, len(errors) // 5)
    return Section(
        "A true forecast: past the end of the data",
        charts=(Chart("Forecast of the points after the last one", figure),),
        facts=(
            (
                "What it shows",
                f"The real task: {len(r.future)} steps where no value exists yet. For a sine we "
                "happen to know what comes, so we can check. The mean error is "
                f"{_error(float(errors[:part].mean()))} over the first {part} steps and "
                f"{_error(float(errors[-part:].mean()))} over the last {part}.",
            ),
            (
                "What it hides",
                "A sine never changes and has no noise. Real series do and have. On your own "
                "file, hold back the end and compare with simple forecasts first: gatecast "
                "forecast FILE -h 12 does that by itself.",
            ),
        ),
    )


def _gates(r: DemoResult) -> Section:
    # Along the demo's own x rather than positions in an array.
    shift = round(float(r.x[-1])) - int(r.trace.ds[n_observed(r.trace) - 1])
    ds, future_ds = r.trace.ds + shift, r.trace.future_ds + shift
    trace = replace(r.trace, unique_id="sin(x)", ds=ds, future_ds=future_ds)
    cells = sum(r.hidden_size)
    return Section(
        "What the gates do: forget, store, focus",
        (
            f"Each of the {cells} cells holds one number, its memory. At every step three gates, "
            "each between 0 and 1, decide what becomes of it. Forget: how much of the memory is "
            "kept, and how much let go. Store: how much of what is new is written into it. Focus: "
            "how much of it is passed on, to the next layer and to the forecast. Nobody sets the "
            "gates; the network learnt them.",
            "Below is all of that while it read the last true window. A row is a cell, those with "
            "the longest memory on top; the fuller the colour, the more is kept, written or passed "
            "on. Move the slider, or point at the chart, to read a moment. Positions are x.",
        ),
        (gates_chart(trace),),
        under=gates_under(trace),
        items=tuple(explain(trace)),
        facts=(
            (
                "What it shows",
                "What each cell did with what it read, straight from the trained network, and at "
                "the bottom, as leaning, which of the values the forecast hangs on.",
            ),
            (
                "What it hides",
                "Why. Gates are numbers that happened to forecast well; another seed learns "
                "others. And leaning is true for small changes of this window only.",
            ),
        ),
    )


def _training(r: DemoResult) -> Section:
    figure = blank_figure("epoch", "mean squared error, log scale")
    for key, name, colour, dash in (
        ("loss", "Training", "lstm", "solid"),
        ("val_loss", "Validation", "validation", "dash"),
    ):
        losses = [float(value) for value in r.history.get(key, ())]
        # A logarithm has no place for zeros, and JSON none for NaN: a gap says it better.
        drawn = [value if math.isfinite(value) and value > 0 else None for value in losses]
        if any(value is not None for value in drawn):
            figure.add_scatter(
                x=list(range(1, len(drawn) + 1)),
                y=drawn,
                mode="lines" if len(drawn) > 1 else "markers",
                name=name,
                line={"color": COLOURS[colour], "width": 2, "dash": dash},
            )
    figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    return Section(
        "The training",
        (
            "Each epoch shows every training window to the network once and adjusts its numbers "
            "a little. The validation loss is measured on a few windows kept out of the "
            "adjusting, the last ones before the held-out part. If it rises while the training "
            "loss falls, the network learns by heart.",
        ),
        (Chart("Loss per epoch", figure),),
    )


def _facts(r: DemoResult) -> tuple[tuple[str, str], ...]:
    sizes = ", ".join(str(size) for size in (1, *r.hidden_size, 1))
    return (
        ("Network", f"[{sizes}]"),
        ("Parameters", f"{r.n_parameters:,}"),
        ("Epochs", f"{r.epochs:,}"),
        ("Seed", str(r.seed)),
        ("Training", f"{r.seconds_fit:.2f} s"),
        ("Whole job", f"{r.seconds_total:.2f} s"),
    )


def _truth(figure: go.Figure, x: Values, y: Values, name: str = "Truth") -> None:
    figure.add_scatter(
        x=x.tolist(),
        y=y.tolist(),
        mode="lines+markers",
        name=name,
        line={"color": COLOURS["truth"], "width": 1.3},
        marker={"size": 5},
    )


def _prediction(figure: go.Figure, x: Values, y: Values, name: str, first: bool = True) -> None:
    figure.add_scatter(
        x=x.tolist(),
        y=y.tolist(),
        mode="lines+markers",
        name=name,
        legendgroup=name,
        showlegend=first,
        line={"color": COLOURS["lstm"], "width": 2.2},
        marker={"symbol": "circle-open", "size": 9, "line": {"width": 1.8}},
    )


def _shade_training(figure: go.Figure, r: DemoResult, start: int = 0) -> None:
    shade(figure, float(r.x[start]), _between(r.x, r.first_test), "training")


def _between(x: Values, index: int) -> float:
    """Halfway between a point and the one before it, where one part ends and the next begins."""
    return float(x[index - 1] + x[index]) / 2


def _error(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0005 or value == 0 else f"{value:.1e}"
