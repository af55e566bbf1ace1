"""``gatecast serve``: the page and the REST door."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatecast.cli.options import Threads

__all__ = ["serve"]

_Token = Annotated[
    str | None,
    typer.Option(
        "--token", envvar="GATECAST_TOKEN", help="What every request has to name; else none has."
    ),
]


def serve(
    host: Annotated[
        str, typer.Option("--host", help="The address; others than this machine need a --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 lets the system choose.")] = 8000,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where jobs and models are kept; else nowhere.")
    ] = None,
    token: _Token = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    max_megabytes: Annotated[int, typer.Option(help="Of a file that is sent.")] = 50,
    max_rows: Annotated[int, typer.Option(help="Values read, or rows of a forecast.")] = 1_000_000,
    max_series: Annotated[int, typer.Option(help="Series of a file.")] = 10_000,
    max_horizon: Annotated[int, typer.Option(help="Steps of a forecast.")] = 1_000,
    max_jobs: Annotated[int, typer.Option(help="Jobs that wait or run.")] = 16,
    workers: Annotated[int, typer.Option(help="Jobs that run at once.")] = 1,
    max_minutes: Annotated[float, typer.Option(help="That a job may take.")] = 15.0,
    max_memory: Annotated[int, typer.Option(help="Megabytes that a job may use.")] = 4_096,
    keep: Annotated[int, typer.Option(help="Finished jobs that are kept.")] = 100,
    threads: Threads = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print a line a request to standard error.")
    ] = False,
) -> None:
    """Serve a page to drop a file on, and the same over REST.

    It is for this machine alone unless --host and --token say otherwise. What is sent is read by
    processes of their own; nothing is kept but in --folder. Needs the extra 'serve'.
    """
    from gatecast.serve.run import run
    from gatecast.serve.settings import Limits

    limits = Limits(
        max_megabytes=max_megabytes,
        max_rows=max_rows,
        max_series=max_series,
        max_horizon=max_horizon,
        max_jobs=max_jobs,
        workers=workers,
        max_minutes=max_minutes,
        max_memory=max_memory,
        keep=keep,
    )
    run(
        folder,
        port=port,
        browse=open_page,
        host=host,
        token=token,
        limits=limits,
        threads=threads,
        verbose=verbose,
    )
