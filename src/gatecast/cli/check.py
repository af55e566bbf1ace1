"""``gatecast check FILE...``: what is wrong with the data, before a forecast."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated

import typer

from gatecast.cli.options import (
    AsJson,
    Files,
    Lang,
    MissingFuture,
    Reading,
    SeasonLength,
    reads_files,
)
from gatecast.cli.output import print_json

__all__ = ["check"]


@reads_files
def check(
    files: Files,
    horizon: Annotated[
        int | None, typer.Option("--horizon", "-h", help="Steps that are to be forecast.")
    ] = None,
    as_json: AsJson = False,
    *,
    lang: Lang = "en",
    reading: Reading,
    missing_future: MissingFuture = "error",
    season_length: SeasonLength = None,
) -> None:
    """Find all that is wrong with the data at once, and what is worth knowing about them.

    Nothing is trained. It ends with 3 if a forecast would stop or be wrong, else with 0.
    """
    from gatecast.doctor import examine_data

    report = examine_data(
        files,
        reading.intake(),
        format=reading.format(),
        h=horizon,
        future_df=reading.future_file,
        missing_future=missing_future,
        season_length=season_length,
    )
    if as_json:
        print_json(report.to_dict(lang))
    else:
        width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
        print(", ".join(file.name for file in files))
        print(report.text(min(width, 120), lang=lang))
    if not report.ok:
        raise typer.Exit(3)
