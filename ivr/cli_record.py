"""``ivrd record``: a recording of what Asterisk says, with false numbers and names, for ``ivrd replay``. A Typer command."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from ami_bridge.disguise import Disguise
from ami_bridge.link_state import AmiAddress
from ami_bridge.recording import Recorder, RecordingError
from ivr.asterisk_plan import asterisk_plan
from ivr.cli_common import ConfigOption, fail, settings_from
from ivr.queue_log_source import log_file_of
from ivr.settings import Settings, SettingsError

app = typer.Typer()


@app.command(epilog="Example: ivrd record --to recording --seconds 600")
def record(
    to: Annotated[Path, typer.Option("--to", help="A new folder; it gets stream.ami and queue_log.")],
    seconds: Annotated[float | None, typer.Option("--seconds", min=1, help="How long; otherwise until Ctrl-C.")] = None,
    agents: Annotated[bool, typer.Option("--agents", help="Replace agents' names too.")] = False,
    user: Annotated[str | None, typer.Option("--user", help="Another user of the manager, one who reads the class dialplan too.")] = None,
    secret_file: Annotated[Path | None, typer.Option("--secret-file", help="Where that user's secret stands.")] = None,
    config: ConfigOption = None,
) -> None:
    """Record Asterisk's events and queue_log with false numbers and names; `ivrd replay` tells the same of it as of the real."""
    settings = settings_from(config)
    address = _address(settings, user, secret_file)
    log = log_file_of(settings)
    recorder = Recorder(address, log if log is not None and log.exists() else None, Disguise(agents=agents))
    try:
        asyncio.run(_record(recorder, to, seconds))
    except RecordingError as error:
        fail(str(error))
    recorded = recorder.recorded
    for notice in recorded.notices:
        typer.echo(notice, err=True)
    typer.echo(f"{to}: {recorded.messages} messages, {recorded.rows} rows of queue_log. Look through it before you give it away.")


async def _record(recorder: Recorder, to: Path, seconds: float | None) -> None:
    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, until.set)
    if seconds is not None:
        loop.call_later(seconds, until.set)
    await recorder.run(to, until)


def _address(settings: Settings, user: str | None, secret_file: Path | None) -> AmiAddress:
    """Where the daemon logs in too, as its user or as the one named."""
    try:
        plan = asterisk_plan(settings)
    except SettingsError as error:
        fail(*error.problems)
    if (user is None) != (secret_file is None):
        fail("--user and --secret-file belong together: whose secret is it?")
    if user is None or secret_file is None:
        return AmiAddress(settings.asterisk.host, plan.ami_port, plan.ami_user, plan.ami_secret)
    try:
        secret = secret_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{secret_file} can't be read: {error}")
    return AmiAddress(settings.asterisk.host, plan.ami_port, user, secret)
