"""Into which real house a case of a flow's tests belongs, and how that house comes to be as the case says.

For ``test_flow_cases_for_real``.
A house's clock can't be set, so a case's time of day counts only by whether the line is open then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from acceptance.house import House, until
from acceptance.settings_file import LINES, Setup, Team, closed_calendar
from callflows.flow_tests import Case
from callflows.outcomes import HoursState, QueueEnd
from callflows.simulated_call import SimulatedCall
from ivr.testbed.keys import HearOut, Keys, Listen, Press, Reach, Step, Talk

# Nobody is called back while we look, and nobody who wasn't promised it.
_QUIET = {"IVRD_CALLBACKS__ABANDONED": "false", "IVRD_CALLBACKS__FIRST_AFTER_MINUTES": "600"}
_CLOSING_WAIT_S = 18  # until both of a queue's callers are in it, and a closing set by hand is known (5 s)
IN_PLACE_S = 90.0


def _each(team: Team, **more: Team) -> Mapping[str, Team]:
    return {**dict.fromkeys(LINES, team), **more}


SETUPS: Mapping[str, Setup] = {
    # Phones ring and nobody picks them up, so many of them that nobody would wait long.
    "waiting": Setup(_each(Team("deaf", 20, ring_s=120, max_wait_s=300)), environment=_QUIET),
    "served": Setup(_each(Team("brisk", 4)), environment=_QUIET),
    # Nobody picks up (HR, complaints), one caller fills the queue (courses), there is no phone (products).
    "unserved": Setup(
        {
            "hr": Team("deaf", 4, ring_s=120, max_wait_s=6),
            "course": Team("deaf", 4, ring_s=120, max_wait_s=300, max_waiting=1),
            "product": Team("gone", 2),
            "complaint": Team("deaf", 4, ring_s=120, max_wait_s=6),
        },
        environment=_QUIET,
    ),
    "crowded": Setup(_each(Team("deaf", 1, ring_s=120, max_wait_s=300)), environment=_QUIET),
    "night": Setup(calendar=closed_calendar(datetime.now(UTC)), hours=dict.fromkeys(LINES, "later"), environment=_QUIET),
    # Closed with no opening in sight, until an emergency is declared.
    "emergency": Setup(calendar=closed_calendar(datetime.now(UTC)), hours=dict.fromkeys(LINES, "distant"), environment=_QUIET),
    "closing": Setup(_each(Team("deaf", 6, ring_s=120, max_wait_s=_CLOSING_WAIT_S)), environment=_QUIET),
}
# Of the unserved house: which end awaits whom in which queue.
_UNSERVED = {
    (QueueEnd.TIMEOUT, "hr"),
    (QueueEnd.TIMEOUT, "complaint"),
    (QueueEnd.FULL, "course"),
    (QueueEnd.EMPTY, "product"),
}


class NotRealError(Exception):
    """No real house can be brought into what the case says; the message says why."""


def house_of(case: Case, call: SimulatedCall, is_open: Callable[[str], bool]) -> str:
    """The house's name; ``is_open`` says of a line whether it is at the case's time. Raises NotRealError."""
    given = case.body.given
    if given.stored is not True:
        raise NotRealError("a house that can't write can't tell where its calls are; test_disk_and_database hears such calls by ear")
    if QueueEnd.FAILED in given.queues:
        raise NotRealError("the dialplan looks whether a queue exists before it sends anybody there")
    if given.dials or given.webhooks or not given.callbacks:
        raise NotRealError("there is no house yet with telephones, webhooks or without calls back")
    if given.hours is HoursState.EMERGENCY or given.hours is HoursState.CLOSED or given.pins:
        return "emergency"
    if any(outlook.longest_s and outlook.longest_s > 180 for outlook in given.outlooks.values()):
        return "crowded"
    if QueueEnd.CLOSED in given.queues:
        if "closed" not in call.path:
            raise NotRealError("the line would have to open in the moment between Asterisk's word and ours")
        return "closing"
    if QueueEnd.SERVED in given.queues:
        return "served"
    ends = [end for end in given.queues if end is not QueueEnd.KEY]
    if ends:
        if any((end, call.queue) not in _UNSERVED for end in ends):
            raise NotRealError(f"there is no house yet where the queue {call.queue} ends with {ends[0].value}")
        return "unserved"
    return "waiting" if is_open(call.line or "product") else "night"


# ------------------------------------------------------------------------------------------------------- what was before


def _at_menu(*then: Press | Reach | Listen) -> Keys:
    return Keys((Reach("menu", visit=1), *then, Listen(0.5)), hangs_up=True)


def earlier_call(facts: Mapping[str, str]) -> Keys | None:
    """The call by which the house came to know this of a caller; None for a stranger. Raises NotRealError."""
    if not facts:
        return None
    match dict(facts):
        case {"customer_language": "en", **rest} if not rest:
            return _at_menu(Press("*"), Reach("menu", visit=2))
        case {"customer_last_line": str(line), **rest} if not rest and line in LINES:
            return _at_menu(Press(str(LINES.index(line) + 1)), Reach(line, visit=1))
        case {"customer_open_complaint": _, **rest} if not rest:
            serial = [Press(key) for key in "1234#"]
            return _at_menu(Press("4"), Reach("complaint_intake.serial", visit=1), *serial, Reach("complaint_intake.serial_check", visit=1))
    raise NotRealError(f"no earlier call makes a house know {sorted(facts)}")


def filler(queue: str) -> Keys:
    """A call that goes into this queue and waits there."""
    steps: list[Step] = [Reach("menu", visit=1), Press(str(LINES.index(queue) + 1))]
    if queue == "course":
        steps += [Reach("course_menu", visit=1), Press("1")]
    if queue == "complaint":
        for node, *then in (
            ("serial", Press("#")),
            ("number_check", Press("1")),
            ("what_happened", HearOut(), Talk(2.0), Press("#")),
            ("review", Press("#")),
            ("then_what", Press("1")),
        ):
            steps += [Reach(f"complaint_intake.{node}", visit=1), *then]
    return Keys((*steps, Listen(300.0)), hangs_up=True)


async def came_to(house: House, call_id: str, node: str) -> None:
    """Wait until the call has been at the node. Raises TimeoutError."""
    await until(lambda: node in house.whereabouts.path(call_id), IN_PLACE_S)


async def set_hours(house: House, *how: str) -> None:
    answer = await house.ivrd("hours", "set", *how, "--until", "+2h", "--reason", "a case of the flow's tests")
    assert answer.status == 0, answer.err


async def new_pin(house: House, name: str) -> str:
    """A supervisor of this name, and his PIN."""
    added = await house.ivrd("users", "add", name, "--role", "supervisor")
    assert added.status == 0, added.err
    answer = await house.ivrd("hours", "pin", name, "--json")
    assert answer.status == 0, answer.err
    return str(json.loads(answer.out)["pin"])
