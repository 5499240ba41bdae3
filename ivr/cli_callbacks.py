"""``ivrd callbacks``: the calls we promised. A Typer application that ``ivr.cli`` hangs in.

It writes to the database; a running daemon finds what is due within seconds.
"""

from __future__ import annotations

import getpass
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import typer

from callbacks.model import State
from ivr.asterisk_plan import last_resort_queue
from ivr.callback_view import callback_as_json
from ivr.cli_common import ConfigOption, JsonOption, LimitOption, fail, print_json, settings_from
from ivr.cli_store import opened_store, read_store
from ivr.cli_tables import NOTHING, plain_console, print_fitting, print_record
from ivr.domain.numbers import normalise
from ivr.promises import Promises, RefusedError, Terms, allow_list
from ivr.settings import Settings, SettingsError
from ivr.store import callbacks as store

app = typer.Typer(help="Calls we promised.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The promise's id, as `ivrd callbacks list` shows it.")]


@app.command("list", epilog="Example: ivrd callbacks list --state due")
def list_callbacks(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    limit: LimitOption = 50,
    state: Annotated[State | None, typer.Option(help="Only in this state.")] = None,
) -> None:
    """The newest promises first."""
    settings = settings_from(config)
    found = read_store(settings, lambda session, sealer: store.latest(session, sealer, limit, state=state))
    records = [callback_as_json(record, settings.zone) for record in found]
    if as_json:
        print_json(records)
        return
    heads = ("id", "number", "state", "due", "line", "reason", "attempts", "last result")
    rows = [
        [
            record["id"],
            record["number"],
            record["state"],
            str(record["due_at"])[5:16].replace("T", " "),
            record["line"] or NOTHING,
            record["reason"],
            str(record["attempts"]),
            record["last_result"] or NOTHING,
        ]
        for record in records
    ]
    print_fitting(plain_console(), heads, rows, least=("attempts", "line", "last result", "reason"))


@app.command(epilog="Example: ivrd callbacks add 13800138000 --line product --after 30")
def add(
    number: Annotated[str, typer.Argument(help="Whom to call.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    line: Annotated[str | None, typer.Option(help="The line whose hours and queue are used.")] = None,
    after: Annotated[float, typer.Option(min=0, max=43_200, help="Not before so many minutes from now.")] = 0.0,
) -> None:
    """Promise somebody a call. Whoever is to be called anyway keeps the promise he has."""
    settings = settings_from(config)
    if line is not None and line not in settings.lines:
        fail(f"there is no line {line!r}; there is {', '.join(sorted(settings.lines))}")
    now = datetime.now(UTC)
    called = normalise(number, settings.hotline.country, settings.hotline.area_code)
    with opened_store(settings) as (database, sealer):
        promises = Promises(sealer, allow_list(settings), Terms.of(settings, _default_queue(settings)))
        giving = partial(
            promises.by_hand,
            number=called,
            now=now,
            key=f"by_hand:{uuid.uuid4()}",
            line=line,
            due_at=now + timedelta(minutes=after),
            by=getpass.getuser()[:64],
        )
        try:
            promised = database.write_now(giving)
        except RefusedError as refused:
            fail(f"{number} is not called: {refused}")
    _show(settings, promised, as_json)


@app.command(epilog="Example: ivrd callbacks cancel 1f0e9d6c-…")
def cancel(callback: IdArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Take a promise back. One that is being dialled, or has ended, stays as it is."""
    settings = settings_from(config)
    with opened_store(settings) as (database, sealer):
        done = database.write_now(partial(store.cancel, callback_id=callback, now=datetime.now(UTC)))
        record = database.read_now(lambda session: store.by_id(session, sealer, callback))
    if record is None:
        fail(f"there is no promised call {callback}")
    if not done:
        fail(f"{callback} can't be cancelled: it is {record.state}")
    _show(settings, callback, as_json)


@app.command(epilog="Example: ivrd callbacks show 1f0e9d6c-…")
def show(callback: IdArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """One promise with its attempts."""
    _show(settings_from(config), callback, as_json)


def _show(settings: Settings, callback: str, as_json: bool) -> None:
    record = read_store(settings, lambda session, sealer: store.by_id(session, sealer, callback))
    if record is None:
        fail(f"there is no promised call {callback}")
    shown = callback_as_json(record, settings.zone)
    if as_json:
        print_json(shown)
        return
    dials = "\n".join(f"{dial['number']}  {dial['dialled_at'][:19]}  {dial['result'] or 'goes on'}" for dial in shown["dials"])
    print_record((key, "" if value is None else str(value)) for key, value in {**shown, "dials": dials}.items())


def _default_queue(settings: Settings) -> str:
    try:
        return last_resort_queue(settings)
    except SettingsError as error:
        fail(*error.problems)
