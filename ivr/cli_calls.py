"""``ivrd calls``: service records. A Typer application that ``ivr.cli`` hangs in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from ivr.cli_common import ConfigOption, JsonOption, LimitOption, fail, print_json, settings_from
from ivr.cli_deferred import Entry, deferring
from ivr.cli_store import read_store
from ivr.cli_tables import NOTHING, plain_console, print_fitting, print_record
from ivr.store import contacts as contact_store
from ivr.store.complaints import messages_of
from ivr.store.sealing import Sealer
from ivr.views import contact_as_json, message_as_json

EXPLAIN = Entry(
    "explain",
    "ivr.cli_calls_explain",
    "How a call's record came about: each fact, who told it and what it changed; what decided its outcomes; its figures.",
)

app = typer.Typer(help="Service records: one for every call.", no_args_is_help=True, cls=deferring(EXPLAIN))


@app.command("list", epilog="Example: ivrd calls list --line complaint --limit 20")
def calls_list(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    limit: LimitOption = 50,
    line: Annotated[str | None, typer.Option(help="Only this line's.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Only with this outcome.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Started at or after, in the hotline's time zone.")] = None,
) -> None:
    """The newest calls first."""
    settings = settings_from(config)
    start = since.replace(tzinfo=settings.zone) if since else None
    found = read_store(
        settings,
        lambda session, sealer: contact_store.latest(session, sealer, limit=limit, line=line, outcome=outcome, since=start),
    )
    records = [contact_as_json(contact, settings.zone) for contact in found]
    if as_json:
        print_json(records)
        return
    heads = ("started", "id", "caller", "line", "outcome", "wait s", "agent", "complaint", "path")
    print_fitting(plain_console(), heads, [_row(record) for record in records], least=("path", "wait s", "complaint", "agent", "line"))


def _row(record: dict[str, Any]) -> list[str]:
    served: dict[str, Any] = next((visit for visit in record["visits"] if visit["agent"]), {})
    return [
        str(record["started_at"])[5:16].replace("T", " "),
        record["id"],
        record["caller"] or "withheld",
        record["line"] or NOTHING,
        record["outcome"] or "running",
        str(served.get("wait") or NOTHING),
        served.get("agent") or NOTHING,
        record["complaint"] or NOTHING,
        " ".join(step["node"] for step in record["path"][-3:]),
    ]


@app.command("show", epilog="Example: ivrd calls show 1795296429.69")
def calls_show(
    call_id: Annotated[str, typer.Argument(metavar="ID", help="The call's id, or its SIP Call-ID.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """One call's whole service record, and where the recordings of its messages lie."""
    settings = settings_from(config)

    def read(session: Session, sealer: Sealer) -> dict[str, Any] | None:
        contact = contact_store.load(session, sealer, call_id) or contact_store.by_sip_call_id(session, sealer, call_id)
        if contact is None:
            return None
        left = messages_of(session, contact.id)
        messages = [message_as_json(message, settings.zone, str(settings.paths.recordings)) for message in left]
        return {**contact_as_json(contact, settings.zone), "messages": messages}

    record = read_store(settings, read)
    if record is None:
        fail(f"there is no call {call_id}")
    _print_record(record, as_json)


def _print_record(record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(record)
        return
    steps = [f"{step['at'][11:19]}  {step['node']}" + (f"  [{step['keys']}]" if step["keys"] else "") for step in record["path"]]
    visits = [_visit_line(visit) for visit in record["visits"]]
    messages = [f"{message['recording']}  {message['recording_seconds'] or 0:.0f} s" for message in record["messages"]]
    shown = {**record, "path": "\n".join(steps), "visits": "\n".join(visits), "messages": "\n".join(messages)}
    print_record((key, "" if value is None else str(value)) for key, value in shown.items())


def _visit_line(visit: dict[str, Any]) -> str:
    parts = [visit["queue"], visit["outcome"] or "waiting"]
    parts += [f"{name} {visit[name]} s" for name in ("wait", "ring", "talk") if visit[name] is not None]
    parts += [f"agent {visit['agent']}"] if visit["agent"] else []
    parts += [f"ended by {visit['ended_by']}"] if visit["ended_by"] else []
    return ", ".join(parts)
