"""``ivrd run``: the daemon. A Typer application of one command for ``ivr.cli``."""

from __future__ import annotations

import asyncio
import gc

import typer
import uvloop

from ivr import log
from ivr.app import Daemon
from ivr.cli_common import ConfigOption, fail, settings_from
from ivr.start_errors import StartError

COLLECTOR = (700, 10, 10)  # Python's own thresholds, which ``ivr.cli`` widened for commands that end soon

app = typer.Typer()


@app.command(epilog="Example: ivrd run --config /etc/ivrd/ivrd.toml")
def run(config: ConfigOption = None) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C."""
    settings = settings_from(config)
    # What has been imported stays: the collector shall not look through all of it again and again while callers wait.
    gc.freeze()
    gc.set_threshold(*COLLECTOR)
    log.configure(settings.log.format, settings.log.level)

    async def serve() -> int:
        return await Daemon(settings).run()

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(serve())
    except StartError as error:
        fail(*error.sentences)
    raise typer.Exit(code)
