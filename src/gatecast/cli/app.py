"""The commands put together."""

from __future__ import annotations

import typer

from gatecast.cli.backtest import backtest
from gatecast.cli.check import check
from gatecast.cli.demo import demo
from gatecast.cli.forecast import forecast
from gatecast.cli.gates import gates
from gatecast.cli.info import info
from gatecast.cli.predict import predict
from gatecast.cli.search import search
from gatecast.cli.serve import serve

__all__ = ["app"]

app = typer.Typer(
    name="gatecast",
    help="Forecast time series with LSTM networks: honest, fast, on any CPU.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help"]},
)
for command in (check, forecast, predict, backtest, search, gates, serve, demo, info):
    app.command()(command)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from gatecast.version import __version__

        print(f"gatecast {__version__}")
        raise typer.Exit
