"""``ivrd calls explain``: why a call's record is what it is. A Typer application of one command that ``ivr.cli_calls`` hangs in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.call_explaining import CallExplained, VisitExplained, explain_call
from ivr.cli_common import ConfigOption, JsonOption, fail, print_json, settings_from
from ivr.cli_ledger import one_line, shown_fact
from ivr.cli_store import read_store
from ivr.cli_tables import plain_console
from ivr.domain.contacts import Contact
from ivr.domain.ledger import Entry
from ivr.reporting import limits_from
from ivr.store import contacts, ledger
from ivr.store.sealing import Sealer

app = typer.Typer()


@app.command("explain", epilog="Example: ivrd calls explain 1795296429.69")
def calls_explain(
    call_id: Annotated[str, typer.Argument(metavar="ID", help="The call's id, or its SIP Call-ID.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """How a call's record came about: each fact, who told it and what it changed; what decided its outcomes; its figures."""
    settings = settings_from(config)
    found = read_store(settings, partial(_look_up, call_id=call_id))
    if found is None:
        fail(f"there is no call {call_id}")
    contact, entries = found
    explained = explain_call(contact, entries, limits_from(settings), settings.zone)
    if as_json:
        print_json(_call_as_json(explained, settings.zone))
        return
    _print_call(explained, settings.zone)


def _look_up(session: Session, sealer: Sealer, call_id: str) -> tuple[Contact, list[Entry]] | None:
    contact = contacts.load(session, sealer, call_id) or contacts.by_sip_call_id(session, sealer, call_id)
    return (contact, ledger.of_contact(session, sealer, contact.id)) if contact else None


def _call_as_json(found: CallExplained, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": found.contact.id,
        "outcome": found.contact.outcome.value if found.contact.outcome else None,
        "decided_by": _entry(found.decided, zone),
        "figures": list(found.figures),
        "denominator_only": list(found.whole),
        "visits": [
            {
                "queue": visit.record.queue,
                "joined_at": visit.record.joined_at.astimezone(zone).isoformat(timespec="milliseconds"),
                "wait": None if visit.record.wait_ms is None else visit.record.wait_ms / 1000,
                "agent": visit.record.agent,
                "outcome": visit.record.outcome.value if visit.record.outcome else None,
                "quality": visit.record.quality.value,
                "decided_by": _entry(visit.decided, zone),
                "figures": list(visit.figures),
                "denominator_only": list(visit.whole),
            }
            for visit in found.visits
        ],
        "facts": [
            {
                "source": step.entry.source.value,
                **shown_fact(step.entry, zone),
                "changed": {path: {"from": old, "to": new} for path, (old, new) in step.changed.items()},
            }
            for step in found.steps
        ],
    }


def _entry(entry: Entry | None, zone: ZoneInfo) -> dict[str, Any] | None:
    return {"source": entry.source.value, **shown_fact(entry, zone)} if entry else None


def _print_call(found: CallExplained, zone: ZoneInfo) -> None:
    console = plain_console(soft_wrap=True)
    if not found.steps:
        console.print("the ledger has nothing of this call: it is of before the ledger, or was kept long enough (ledger.keep_days)")
    table = Table("what it tells", "what it changed", pad_edge=False, show_lines=True)
    for step in found.steps:
        fact = shown_fact(step.entry, zone)
        details = {name: value for name, value in fact.items() if name not in ("at", "fact", "contact")}
        changed = "\n".join(
            f"{path}: {'-' if old is None else old} → {'-' if new is None else new}" for path, (old, new) in step.changed.items()
        )
        table.add_row(f"{fact['at'][11:23]} {step.entry.source.value}: {fact['fact']}\n{one_line(details)}", changed or "nothing")
    if found.steps:
        plain_console().print(table)
    outcome = found.contact.outcome.value if found.contact.outcome else "still running"
    console.print(f"call {found.contact.id}: {outcome}{_because(found.decided, zone)}")
    _print_figures(found.figures, found.whole)
    for visit in found.visits:
        _print_visit(visit, zone)


def _print_visit(visit: VisitExplained, zone: ZoneInfo) -> None:
    record = visit.record
    wait = "" if record.wait_ms is None else f" after {record.wait_ms / 1000:.1f} s"
    outcome = record.outcome.value if record.outcome else "still waiting"
    quality = "" if record.quality == "exact" else f" ({record.quality.value})"
    text = f"visit {record.number}, queue {record.queue}: {outcome}{wait}{quality}{_because(visit.decided, zone)}"
    plain_console(soft_wrap=True).print(text)
    _print_figures(visit.figures, visit.whole)


def _print_figures(figures: Sequence[str], whole: Sequence[str]) -> None:
    console = plain_console(soft_wrap=True)
    if figures:
        console.print(f"  counts in {', '.join(figures)}")
    if whole:
        console.print(f"  counts in the denominator of {', '.join(whole)}")


def _because(entry: Entry | None, zone: ZoneInfo) -> str:
    if entry is None:
        return ""
    return f", since {entry.kind} of {entry.source.value} at {entry.fact.at.astimezone(zone):%H:%M:%S}"
