"""``ivrd explain`` and ``ivrd calls explain``: why a figure, and why a call's record, is what it is. Typer commands for ``ivr.cli``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.call_explaining import CallExplained, VisitExplained, explain_call
from ivr.cli_common import ConfigOption, JsonOption, LimitOption, fail, plain_console, print_json, read_store, settings_from
from ivr.cli_ledger import one_line, shown_fact
from ivr.cli_report import PERIOD_HELP, period_of
from ivr.domain.contacts import Contact
from ivr.domain.definition_book import find
from ivr.domain.definitions import Definition
from ivr.domain.ledger import Entry
from ivr.domain.measures import Limits
from ivr.explaining import Counted, Explanation, Narrowed, NotExplainableError
from ivr.explaining import explain as explain_figure
from ivr.report_rows import written
from ivr.reporting import limits_from
from ivr.store import contacts, ledger
from ivr.store.sealing import Sealer


def explain(
    definition: Annotated[str, typer.Argument(help="A figure's name; `ivrd report --definitions` lists them.")],
    config: ConfigOption = None,
    from_: Annotated[str, typer.Option("--from", help=f"Beginning, {PERIOD_HELP}; today by default. A word alone is that period.")] = "",
    to: Annotated[str, typer.Option("--to", help="End, not included; as a word that period's end. Now by default.")] = "",
    queue: Annotated[str | None, typer.Option(help="Of this queue alone.")] = None,
    line: Annotated[str | None, typer.Option(help="Of this line alone; none: of callers who chose none.")] = None,
    agent: Annotated[str | None, typer.Option(help="Of this agent alone.")] = None,
    tz: Annotated[str, typer.Option("--tz", help="Time zone; the hotline's by default.")] = "",
    limit: LimitOption = 1000,
    as_json: JsonOption = False,
) -> None:
    """A figure's formula and version, its numbers, and the calls in its numerator and in its denominator."""
    settings = settings_from(config)
    try:
        known = find(definition)
    except KeyError:
        fail(f"there is no definition {definition!r}; `ivrd report --definitions` lists them")
    zone, start, end, now = period_of(settings, from_, to, tz)
    narrowed = Narrowed(queue, line, agent)
    work = partial(
        _explain, definition=known, start=start, end=end, narrowed=narrowed, limits=limits_from(settings), now=now, most=limit
    )  # fmt: skip
    found = read_store(settings, work)
    if as_json:
        period = {"from": start.astimezone(zone).isoformat(), "to": end.astimezone(zone).isoformat(), "tz": str(zone)}
        print_json({**found.as_json(zone), **period, "queue": queue, "line": line, "agent": agent})
        return
    _print_explanation(found, zone)


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


def _explain(
    session: Session,
    _: Sealer,
    definition: Definition,
    start: datetime,
    end: datetime,
    narrowed: Narrowed,
    limits: Limits,
    now: datetime,
    most: int,
) -> Explanation:
    try:
        return explain_figure(session, definition, start, end, narrowed, limits, now, most)
    except NotExplainableError as error:
        fail(str(error))


def _look_up(session: Session, sealer: Sealer, call_id: str) -> tuple[Contact, list[Entry]] | None:
    contact = contacts.load(session, sealer, call_id) or contacts.by_sip_call_id(session, sealer, call_id)
    return (contact, ledger.of_contact(session, sealer, contact.id)) if contact else None


def _print_explanation(found: Explanation, zone: ZoneInfo) -> None:
    known, console = found.definition, plain_console(soft_wrap=True)
    limits = ", ".join(f"{line or 'hotline'}: T = {each.service_s:g} s, S = {each.short_s:g} s" for line, each in found.limits.items())
    console.print(f"{known.name} (version {known.version}, {known.source})")
    console.print(f"  {known.formula_en}\n  {known.formula_zh}\n  {limits}")
    counts = str(found.numerator_count)
    if found.denominator_count is not None:
        counts = f"{counts} of {found.denominator_count}" if known.unit == "share" else f"of {found.denominator_count}"
    console.print(f"  = {written(known.name, found.value)}  ({counts})\n")
    _print_counted("in the numerator", found.numerator, found.numerator_count, zone)
    if found.denominator_count is not None:
        _print_counted("in the denominator alone", found.only_denominator, found.denominator_count - found.numerator_count, zone)


def _print_counted(title: str, calls: Sequence[Counted], count: int, zone: ZoneInfo) -> None:
    if count <= 0:
        return
    # What is the same for all, or is not there, takes no room: the calls' ids must be whole.
    said = {name for name in ("queue", "line", "agent") if len({getattr(call, name) for call in calls}) > 1}
    table = Table(title=f"{title}: {count}", title_justify="left", pad_edge=False, box=box.SIMPLE_HEAD)
    for head in ("contact", "entered", *(name for name in ("queue", "line", "agent") if name in said), "wait s", "outcome"):
        table.add_column(head, no_wrap=head in ("contact", "entered"))
    for call in calls:
        table.add_row(
            call.contact,
            call.at.astimezone(zone).strftime("%m-%d %H:%M:%S"),
            *(getattr(call, name) or "-" for name in ("queue", "line", "agent") if name in said),
            "-" if call.wait_s is None else f"{call.wait_s:.1f}",
            call.outcome,
        )
    plain_console().print(table)
    if len(calls) < count:
        typer.echo(f"… and {count - len(calls)} more (--limit)")


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
