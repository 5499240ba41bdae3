"""``ivrd ledger``: what was told of a call, by whom, and the history that an old queue_log holds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from ivr import log, sole_daemon
from ivr.cli_common import ConfigOption, JsonOption, fail, print_json, settings_from
from ivr.cli_store import read_store
from ivr.cli_tables import plain_console
from ivr.domain.ledger import Entry, Source, encoded
from ivr.domain.numbers import masked, masked_name
from ivr.settings import DATA_KEY, SettingsError
from ivr.sole_daemon import AnotherDaemonError
from ivr.store import contacts, ledger
from ivr.store.database import Database, StoreError
from ivr.store.sealing import SealBrokenError, Sealer

app = typer.Typer(help="The ledger: every fact of a call, and who told it.", no_args_is_help=True)

# A telephone number that stands alone; ids of Asterisk have a point.
_NUMBER = re.compile(r"(?<![\w.:/-])\+?\d{7,15}(?![\w.:/-])")
_IDS = frozenset({"contact", "call", "agent_call", "sip_call_id", "flow_version", "complaint", "number", "callback", "dialled"})


@app.command("import", epilog="Example: ivrd ledger import /var/log/asterisk/queue_log*")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="queue_log files, plain or .gz, in any order.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the history of old queue_log files into the database. The daemon must not run; the same file again changes nothing."""
    from ivr.database_hold import hold_database
    from ivr.log_import import LogImport
    from ivr.queue_log_source import LogUnreadableError, configured_log, home_of

    settings = settings_from(config)
    log.configure("console", "warning")
    try:
        settings.paths.root.mkdir(parents=True, exist_ok=True)
        held = ExitStack()
        held.enter_context(sole_daemon.hold(settings.paths.root))
        held.enter_context(closing(hold_database(settings.store_url)))
        followed = configured_log(settings)
    except AnotherDaemonError as error:
        fail(f"an import needs the ledger to itself: {error}")
    except SettingsError as error:
        fail(*error.problems)
    except StoreError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{settings.paths.root}: the state folder can't be written: {error.strerror}; mend it or set STATE")
    with held:
        database, sealer = Database(settings.store_url), Sealer(settings.paths.secret(DATA_KEY))
        work = LogImport(database, sealer, home_of(settings), pbx=settings.asterisk.name, followed=str(Path(followed).resolve()))
        try:
            database.upgrade()
            found = asyncio.run(work.run(files))
        except (LogUnreadableError, StoreError, SealBrokenError) as error:
            fail(str(error))
        finally:
            database.close()
    for warning in found.warnings:
        typer.echo(f"warning: {warning}", err=True)
    period = [_local(at, settings.zone) if at else None for at in (found.first_at, found.last_at)]
    if as_json:
        told = ("files", "rows", "odd", "entries", "contacts", "visits", "warnings")
        print_json({**{name: getattr(found, name) for name in told}, "from": period[0], "to": period[1]})
        return
    typer.echo(f"{found.rows} rows of {found.files} files, from {period[0] or '-'} to {period[1] or '-'}")
    typer.echo(f"new: {found.entries} entries of the ledger, {found.contacts} calls, {found.visits} visits to queues")
    for kind, count in sorted(found.odd.items()):
        typer.echo(f"odd: {count} × {kind}")


@app.command(epilog="Example: ivrd ledger show 1795296429.69")
def show(
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="The call's id, or its SIP Call-ID.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """All facts of one call, source by source, numbers masked."""
    settings = settings_from(config)

    def look(session: Session, sealer: Sealer) -> tuple[str, Sequence[Entry]] | None:
        entries = ledger.of_contact(session, sealer, contact)
        if entries:
            return contact, entries
        record = contacts.load(session, sealer, contact) or contacts.by_sip_call_id(session, sealer, contact)
        return (record.id, ledger.of_contact(session, sealer, record.id)) if record else None

    found = read_store(settings, look)
    if found is None:
        fail(f"there is no call {contact}")
    contact_id, entries = found
    by_source = {source.value: [shown_fact(entry, settings.zone) for entry in entries if entry.source is source] for source in Source}
    if as_json:
        print_json({"contact": contact_id, "facts": by_source})
        return
    if not entries:
        typer.echo(f"the ledger has nothing of call {contact_id}: it is of before the ledger, or was kept long enough (ledger.keep_days)")
        return
    table = Table("source", "time", "fact", "what it tells")
    for source, facts in by_source.items():
        for number, fact in enumerate(facts):
            details = {name: value for name, value in fact.items() if name not in ("at", "fact", "contact")}
            table.add_row(source if number == 0 else "", fact["at"][11:23], fact["fact"], one_line(details))
        if facts:
            table.add_section()
    plain_console(soft_wrap=True).print(table)


def shown_fact(entry: Entry, zone: ZoneInfo) -> dict[str, Any]:
    """When, what, and its fields; times in ``zone``, numbers and names masked."""
    fact = entry.fact
    values: dict[str, Any] = {}
    for name, value in encoded(fact).items():
        told = getattr(fact, name)
        values[name] = _local(told, zone) if isinstance(told, datetime) else _masked(name, value)
    if isinstance(values.get("position"), dict):  # where the walk goes on: its nodes, not what the caller typed
        values["position"] = " ".join(frame[-1] for frame in values["position"].get("frames", ()))
    return {"at": values.pop("at"), "fact": entry.kind, **values}


def _masked(name: str, value: Any) -> Any:
    if not isinstance(value, str) or name in _IDS:
        return value
    if name == "caller":
        return masked(value)
    return masked_name(value) if name == "caller_name" else _NUMBER.sub(lambda match: masked(match[0]), value)


def one_line(details: dict[str, Any]) -> str:
    """For a table's cell; what says nothing is left out."""
    return "  ".join(f"{name}={value}" for name, value in details.items() if value not in ("", None, False))


def _local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="milliseconds")
