"""``gatecast predict MODEL [FILE]``: forecasts from a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatecast.cli.options import AsJson, ForecastOut, Freq, IdCol, TargetCol, Threads, TimeCol
from gatecast.cli.output import check_writable, print_json, records, show_notes, write_frame
from gatecast.errors import ConfigError, DataError

__all__ = ["predict"]


def predict(
    model: Annotated[
        Path, typer.Argument(help="What 'gatecast forecast --save' wrote.", show_default=False)
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Series to continue; without it, those the model was trained on.",
            show_default=False,
        ),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option("--horizon", "-h", help="Steps; by default as many as it was trained for."),
    ] = None,
    out: ForecastOut = None,
    as_json: AsJson = False,
    series: Annotated[
        list[str] | None, typer.Option("--series", help="Only this series; may be repeated.")
    ] = None,
    id_col: IdCol = None,
    time_col: TimeCol = None,
    target_col: TargetCol = None,
    freq: Freq = None,
    threads: Threads = None,
) -> None:
    """Forecast with a saved model, without any training.

    FILE may hold series that the model has never seen.
    """
    check_writable(model, file, out=out)
    from gatecast.models.persistence import load

    loaded = load(model)
    loaded.threads = threads
    if file is None:
        columns = {"--id": id_col, "--time": time_col, "--target": target_col}
        if unused := [option for option, name in columns.items() if name is not None]:
            raise ConfigError(f"{', '.join(unused)} names a column, but no FILE is given.")
        panel = loaded.continued_panel()
    else:
        from gatecast.files import read_panel

        panel = read_panel(file, id_col=id_col, time_col=time_col, target_col=target_col, freq=freq)
        loaded.check_panel(panel)
    if series:
        known = [str(name) for name in panel.ids]
        missing = [name for name in series if name not in known]
        if missing:
            raise DataError(
                "There is no such series.",
                value=", ".join(missing),
                fix=f"There are {len(known)}: {', '.join(known[:5])}{' …' * (len(known) > 5)}.",
            )
        panel = panel.select([name in series for name in known])
    steps = loaded.horizon(horizon)
    frame = panel.forecast_frame(steps, {"LSTM": loaded.forecast_values(panel, steps)})
    if out is not None or not as_json:
        write_frame(frame, out)
    if as_json:
        print_json(
            {
                "model": "LSTM",
                "frequency": str(panel.frequency),
                "horizon": steps,
                "series": panel.n_series,
                "notes": list(panel.notes),
                "forecast": records(frame),
            }
        )
    else:
        show_notes(panel.notes)
