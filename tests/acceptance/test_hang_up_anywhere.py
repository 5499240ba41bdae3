"""A caller may hang up wherever he is: it leaves one record, which says where (R6).

The places are derived from the flows themselves, so that a new node without a case fails here.
"""

from __future__ import annotations

from typing import Any

import pytest

from acceptance.stage import Case, Stage
from acceptance.test_known_callers import PLACES as PLACES_OF_THE_KNOWN
from acceptance.test_long_waits import PLACES as PLACES_OF_THE_WAITING
from ivr.assembly import flow_book
from ivr.settings import load as load_settings

# ``e`` hears a prompt to its end, where the system waits for an answer; a prompt that is to be hung up in is cut into by ``w``.
# No serial number.
NUMBER = "4e#"
# The caller's own number is right.
RECORDING = f"{NUMBER}e1"
# Four seconds of talk after the tone.
REVIEW = f"{RECORDING}et4#"
FILED = f"{REVIEW}e#"
# The number, twice, and the question what next.
THEN_WHAT = f"{FILED}e"

BEFORE_ANY_QUEUE = "abandoned_ivr"
RINGING = "abandoned_ring"
REFUSED, OUT_OF_HOURS, MESSAGE_LEFT, FILED_HIMSELF = "rejected_capacity", "after_hours", "voicemail", "self_served"
PROMISED, SERVED = "callback_accepted", "answered"


def case(node: str, house: str, keys: str, outcome: str, after_s: float = 0.0, **script: Any) -> Case:
    return Case(node, house, f"{keys}h", expect=outcome, after_s=after_s, script=script)


CASES = [
    case("greeting", "open", "", BEFORE_ANY_QUEUE, before_keys_s=1.5),
    case("menu", "open", "@menu w1", BEFORE_ANY_QUEUE),
    case("hr_connect", "open", "1@hr_connect w1", BEFORE_ANY_QUEUE),
    case("course_menu", "open", "2@course_menu e", BEFORE_ANY_QUEUE),
    case("course_on_campus_connect", "open", "2@course_menu 1@course_on_campus_connect w1", BEFORE_ANY_QUEUE),
    case("course_off_campus_connect", "open", "2@course_menu 2@course_off_campus_connect w1", BEFORE_ANY_QUEUE),
    case("product_connect", "open", "3@product_connect w1", BEFORE_ANY_QUEUE),
    case("operator_connect", "open", "0@operator_connect w1", BEFORE_ANY_QUEUE),
    # The phones of these two ring 4 s before they are picked up.
    case("product_queue", "open", "3@product_queue w1.5", RINGING),
    case("operator_queue", "open", "0@operator_queue w1.5", RINGING),
    # One phone that nobody picks up; later the course's queue is empty again, see test_queues.
    case("hr_queue", "unanswered", "1@hr_queue w30", RINGING, after_s=0.1),
    case("course_queue", "unanswered", "2@course_menu 1@course_queue w2", RINGING, after_s=50.0),
    # The agent has hung up.
    case("survey", "open", "1@survey w2", SERVED),
    case("thanks", "open", "1@survey 5@thanks w1", SERVED),
    case("complaint_intake.apology", "open", "4@complaint_intake.apology w1", BEFORE_ANY_QUEUE),
    case("complaint_intake.serial", "open", "4e", BEFORE_ANY_QUEUE),
    case("complaint_intake.serial_check", "open", "4e1234#e", BEFORE_ANY_QUEUE),
    case("complaint_intake.number_check", "open", f"{NUMBER}e", BEFORE_ANY_QUEUE),
    case("complaint_intake.number_other", "open", f"{NUMBER}e2e", BEFORE_ANY_QUEUE),
    case("complaint_intake.what_happened", "open", f"{RECORDING}@complaint_intake.what_happened w2", BEFORE_ANY_QUEUE),
    # Five seconds of silence after the tone are no recording; asked again for 8 s.
    case("complaint_intake.what_happened_again", "open", f"{RECORDING}@complaint_intake.what_happened_again w4", BEFORE_ANY_QUEUE),
    case("complaint_intake.review", "open", f"{REVIEW}e", BEFORE_ANY_QUEUE),
    case("complaint_intake.listen", "open", f"{REVIEW}e1@complaint_intake.listen w1", BEFORE_ANY_QUEUE),
    case("complaint_intake.tell_number", "open", f"{FILED}@complaint_intake.tell_number w3", FILED_HIMSELF),
    case("complaint_intake.then_what", "open", THEN_WHAT, FILED_HIMSELF),
    case("complaint_goodbye", "open", f"{THEN_WHAT}2@complaint_goodbye w1", FILED_HIMSELF),
    case("complaint_connect", "open", f"{THEN_WHAT}1@complaint_connect w1", FILED_HIMSELF),
    case("complaint_queue", "open", f"{THEN_WHAT}1@complaint_queue w1.5", FILED_HIMSELF),
    case("closed_until", "closed", "1@closed_until w1", OUT_OF_HOURS),
    case("closed_for_now", "closed", "3@closed_for_now w0.2", OUT_OF_HOURS),
    case("offer", "closed", "3@offer w1", OUT_OF_HOURS),
    case("callback_promised", "closed", "3@offer 1@callback_promised w1", PROMISED),
    case("callback_refused", "closed", "3@offer 1@callback_refused w1", OUT_OF_HOURS, from_header="<sip:anonymous@anonymous.invalid>"),
    # No phone can be reached.
    case("all_busy", "unanswered", "3@all_busy w1", REFUSED),
    # Nothing has been said yet: the prompt, the tone, 4 s of silence, the prompt again for 6.5 s.
    case("message.speak", "unanswered", "3@offer 2@message.speak w1", REFUSED),
    case("message.speak_again", "unanswered", "3@offer 2@message.speak_again w2", REFUSED),
    case("message.thanks", "closed", "3@offer 2et4#@message.thanks w1", MESSAGE_LEFT),
    case("goodbye", "closed", "3@offer 2et4#@goodbye w0.5", MESSAGE_LEFT),
    case("supervisor.pin", "open", "8@supervisor.pin w2", BEFORE_ANY_QUEUE),
]
# They need a database that is slow (tests/service/test_keeping.py) or refuses (test_disk_and_database), a caller whom we know, or who may
# set the hours (test_known_callers), or a queue with others in it (test_long_waits).
HELD_ON = {"complaint_intake.file", "message.keep", "callback"}
NOTHING_STORED = {"complaint_intake.tell_kept", "complaint_intake.not_stored", "message.not_kept", "supervisor.not_stored"}
ELSEWHERE = NOTHING_STORED.union(HELD_ON, PLACES_OF_THE_KNOWN, PLACES_OF_THE_WAITING)


def places_of_the_hotline() -> set[str]:
    """Where a caller can be, as a record's path names it: nodes that say something, listen, or hand over to a queue."""
    settings = load_settings(environment={})
    book, _ = flow_book(settings)
    main = settings.hotline.flow
    return {
        name if flow.name == main else f"{flow.name}.{name}"
        for flow in book.flows.values()
        for name, node in flow.nodes.items()
        if node.words() or node.hands_over
    }


def test_every_place_of_the_flows_has_a_case() -> None:
    assert {case.name for case in CASES} | ELSEWHERE == places_of_the_hotline()


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_hang_up_leaves_one_record_that_says_where(case: Case, stage: Stage) -> None:
    call = await stage.played(case)  # fails unless there is exactly one record
    assert call.nodes[-1] == case.name
    assert call.record["outcome"] == case.expect
    assert call.record["abandoned_at_node"] == (case.name if case.expect == BEFORE_ANY_QUEUE else None)
    assert call.called.result.ended_by == "caller"
    assert call.record["ended_at"] > call.record["started_at"]
