"""``ivrd complaints``: the register 《投诉登记表》, and the steps of a case with who and when 《投诉处理表》.

The same service as the console's buttons: ``ivr.cases``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from ivr.alerts.cases import tell_rejection
from ivr.asterisk_plan import last_resort_queue
from ivr.cases import Cases, WhatFollows, nothing_follows
from ivr.cli_common import ConfigOption, JsonOption, LimitOption, fail, print_json, settings_from
from ivr.cli_store import opened_store, read_store
from ivr.cli_tables import NOTHING, plain_console, print_fitting, print_record
from ivr.domain.cases import CaseState, Finding, Step, StepRefusedError, StepTaken, next_step
from ivr.follow_up import promise_follow_up, withdraw_follow_up
from ivr.promises import Promises, Terms, allow_list
from ivr.settings import Settings, SettingsError
from ivr.store import cases, complaints
from ivr.store.cases import CaseEvent
from ivr.store.complaints import Complaint, Telling
from ivr.store.sealing import Sealer
from ivr.views import complaint_as_json

app = typer.Typer(help="The complaint register 投诉登记表.", no_args_is_help=True)

NumberArgument = Annotated[str, typer.Argument(metavar="NUMBER", help="The complaint's number.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who takes this step.")]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="What was found, done or said.")]
SeenOption = Annotated[
    int | None, typer.Option("--seen", min=0, metavar="STEPS", help="How many steps it had when you looked: refused if there are more now.")
]


@app.command("list", epilog="Example: ivrd complaints list --state open")
def complaints_list(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    limit: LimitOption = 50,
    state: Annotated[CaseState | None, typer.Option(help="Only in this state.")] = None,
) -> None:
    """The newest complaints first."""
    settings = settings_from(config)
    wanted = (state.value,) if state else ()
    found = read_store(settings, lambda session, sealer: complaints.latest(session, sealer, limit, states=wanted))
    records = [_record(complaint, settings) for complaint in found]
    if as_json:
        print_json(records)
        return
    heads = ("number", "filed", "state", "next", "contact number", "finding", "serial", "recording s", "complete")
    rows = [
        [
            record["number"],
            record["filed_at"][5:16].replace("T", " "),
            record["state"],
            record["next_step"] or NOTHING,
            record["contact_number"] or NOTHING,
            record["verdict"] or NOTHING,
            record["serial"] or NOTHING,
            str(record["recording_seconds"] or NOTHING),
            "no" if record["incomplete"] else "yes",
        ]
        for record in records
    ]
    print_fitting(plain_console(), heads, rows, least=("recording s", "complete", "serial", "finding", "contact number"))


@app.command("show", epilog="Example: ivrd complaints show C2026112100001")
def complaints_show(number: NumberArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """One complaint with its steps, and where its recording lies."""
    settings = settings_from(config)
    found = read_store(
        settings,
        lambda session, sealer: (
            complaints.by_number(session, sealer, number.upper()),
            cases.events_of(session, number.upper()),
            complaints.tellings(session, number.upper()),
        ),
    )
    complaint, events, tellings = found
    if complaint is None:
        fail(f"there is no complaint {number}")
    _print(complaint, events, tellings, settings, as_json)


@app.command("verify", epilog='Example: ivrd complaints verify C2026112100001 --finding ordinary --by "Li Na" --note "wrong part sent"')
def complaints_verify(
    number: NumberArgument,
    by: ByOption,
    note: NoteOption,
    finding: Annotated[Finding, typer.Option("--finding", help="What the department found (R13-R15).")],
    seen: SeenOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """The department has looked into it: unfounded, ordinary, or serious. A finding can be corrected until the case is solved."""
    _take(number, StepTaken(Step.VERIFY, by, note, finding, seen), config, as_json)


@app.command("solve", epilog='Example: ivrd complaints solve C2026112100001 --by "Li Na" --note "part replaced"')
def complaints_solve(
    number: NumberArgument,
    by: ByOption,
    note: NoteOption,
    seen: SeenOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """The department is done, and the form returns to the centre (R16)."""
    _take(number, StepTaken(Step.SOLVE, by, note, seen=seen), config, as_json)


@app.command("inform", epilog='Example: ivrd complaints inform C2026112100001 --by "Wang Wei" --note "satisfied"')
def complaints_inform(
    number: NumberArgument,
    by: ByOption,
    note: NoteOption,
    seen: SeenOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """The customer was told the result, or that it is unfounded and why (R13, R16)."""
    _take(number, StepTaken(Step.INFORM, by, note, seen=seen), config, as_json)


@app.command("close", epilog='Example: ivrd complaints close C2026112100001 --by "Wang Wei"')
def complaints_close(
    number: NumberArgument,
    by: ByOption,
    note: NoteOption = "",
    seen: SeenOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Nothing is left to do."""
    _take(number, StepTaken(Step.CLOSE, by, note, seen=seen), config, as_json)


@app.command("reopen", epilog='Example: ivrd complaints reopen C2026112100001 --by "Wang Wei" --note "the new part is broken too"')
def complaints_reopen(
    number: NumberArgument,
    by: ByOption,
    note: NoteOption,
    seen: SeenOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """The customer rejects what he was told (R19): it is handled anew, and another agent tells him. Each time it goes up a level."""
    _take(number, StepTaken(Step.REOPEN, by, note, seen=seen), config, as_json)


@app.command("resend", epilog="Example: ivrd complaints resend C2026112100001")
def complaints_resend(
    number: Annotated[str | None, typer.Argument(metavar="NUMBER", help="The complaint's number.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that was rejected.")] = False,
    config: ConfigOption = None,
) -> None:
    """Send again what the CRM rejected, once the reason is mended. A running daemon takes it within ten seconds."""
    if everything == (number is not None):
        raise typer.BadParameter("give either a complaint's number or --all")
    settings = settings_from(config)
    with opened_store(settings) as (database, _):
        rows = database.write_now(lambda session: complaints.resend(session, number.upper() if number else None))
    if not rows:
        fail(f"nothing of {number} was rejected" if number else "nothing was rejected")
    typer.echo(f"{rows} waiting to be sent again")


def _take(number: str, taken: StepTaken, config: ConfigOption, as_json: bool) -> None:
    settings = settings_from(config)
    with opened_store(settings) as (database, sealer):
        service = Cases(
            database,
            sealer,
            on_informed=_on_informed(settings, sealer) if taken.step is Step.INFORM else nothing_follows,
            on_rejected=withdraw_follow_up(tell_rejection(settings.alerts)),
        )
        try:
            complaint = service.take_step_now(number.upper(), taken)
        except StepRefusedError as error:
            fail(str(error))
        events, tellings = database.read_now(
            lambda session: (cases.events_of(session, complaint.number), complaints.tellings(session, complaint.number))
        )
    _print(complaint, events, tellings, settings, as_json)


def _on_informed(settings: Settings, sealer: Sealer) -> WhatFollows:
    try:
        terms = Terms.of(settings, last_resort_queue(settings))
    except SettingsError as error:
        fail(*error.problems)
    promises = Promises(sealer, allow_list(settings), terms)
    return promise_follow_up(promises, lambda number, why: typer.echo(f"ivrd: no follow-up call for {number}: {why}", err=True))


def _record(complaint: Complaint, settings: Settings) -> dict[str, Any]:
    case = cases.as_case(complaint.number, complaint.state, complaint.verdict, complaint.rejections, ())
    return {
        **complaint_as_json(complaint, settings.zone, str(settings.paths.recordings)),
        "verdict": complaint.verdict,
        "next_step": next_step(case),
        "rejections": complaint.rejections,
        "answer_by": complaint.answer_by.astimezone(settings.zone).isoformat(timespec="seconds") if case.waits_for_answer else None,
    }


def _print(complaint: Complaint, events: Sequence[CaseEvent], tellings: Sequence[Telling], settings: Settings, as_json: bool) -> None:
    steps = [
        {
            "action": event.action,
            "at": event.at.astimezone(settings.zone).isoformat(timespec="milliseconds"),
            "by": event.actor,
            "note": event.note,
        }
        for event in events
    ]
    crm = [asdict(telling) for telling in tellings]
    record = {**_record(complaint, settings), "steps": steps, "crm": crm}
    if as_json:
        print_json(record)
        return
    shown = {
        **record,
        "steps": "\n".join(f"{_minute(step['at'])}  {step['action']} by {step['by']}: {step['note'] or '-'}" for step in steps),
        "crm": "\n".join(f"{told.topic}: {told.state}" + (f", {told.last_error}" if told.last_error else "") for told in tellings),
    }
    print_record((key, "" if value is None else str(value)) for key, value in shown.items())


def _minute(at: str) -> str:
    return at[:19].replace("T", " ")
