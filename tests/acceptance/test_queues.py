"""Whom a queue refuses, or who waits in vain, is offered to leave a message, and the record says why nobody answered (R2, R6)."""

from __future__ import annotations

import pytest

from acceptance.hearing import was_heard
from acceptance.stage import Case, Stage
from acceptance.test_hang_up_anywhere import CASES as HANG_UPS

# All are busy, and what we offer; a message, after the tone.
MESSAGE = "@offer e2@message.speak et4#"
NOBODY_THERE = [
    Case("product", "unanswered", f"3{MESSAGE}", expect="product"),
    Case("operator", "unanswered", f"0{MESSAGE}", expect="product"),
]
# One phone, which rings; the first caller waits 14 s in the course's queue, which takes one at a time.
FIRST = Case("first", "unanswered", f"2@course_menu 1{MESSAGE}", after_s=1.0)
# He hears that it takes long, and wants to wait all the same.
SECOND = Case("second", "unanswered", f"2@course_menu 1@long_wait.offer 2{MESSAGE}", after_s=4.0)
# HR's one phone rings for the caller in front, who hangs up after 30 s in the queue.
IN_FRONT = next(case for case in HANG_UPS if case.name == "hr_queue")
BEHIND = Case("behind", "unanswered", "1@long_wait.offer 2@hr_queue w4h", after_s=9.0)


@pytest.mark.parametrize("case", NOBODY_THERE, ids=str)
async def test_where_no_phone_can_be_reached_a_message_is_taken(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    visit = call.visit
    assert (visit["queue"], visit["outcome"], visit["agent"]) == (case.expect, "join_empty", None)
    assert call.nodes[-1] == "goodbye"
    assert (call.record["outcome"], call.record["message"]) == ("voicemail", True)
    assert await was_heard(call.heard, call.house.prompt("hotline-all-busy-"))


@pytest.mark.parametrize("case", [FIRST], ids=str)
async def test_who_waits_in_vain_is_offered_a_message(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    visit = call.visit
    assert (visit["queue"], visit["outcome"], visit["ended_by"]) == ("course", "flow_timeout", None)
    assert 13.0 <= visit["wait"] <= 16.0
    assert (call.record["outcome"], call.record["message"]) == ("voicemail", True)
    assert await was_heard(call.heard, call.house.prompt("hotline-all-busy-"))


@pytest.mark.parametrize("case", [SECOND], ids=str)
async def test_a_full_queue_takes_nobody_in_and_offers_a_message(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    visit = call.visit
    assert (visit["queue"], visit["outcome"]) == ("course", "full")
    assert visit["wait"] == 0.0
    assert (call.record["outcome"], call.record["message"]) == ("voicemail", True)


@pytest.mark.parametrize(("case", "in_front"), [(BEHIND, IN_FRONT)], ids=str)
async def test_who_hangs_up_behind_somebody_else_has_only_waited(case: Case, in_front: Case, stage: Stage) -> None:
    call = await stage.played(case)
    assert call.record["started_at"] > (await stage.played(in_front)).record["started_at"]
    visit = call.visit
    assert (visit["queue"], visit["outcome"], visit["ring"]) == ("hr", "abandoned_wait", None)
    assert 2.0 <= visit["wait"] <= 7.0
    assert call.record["outcome"] == "abandoned_queue"
    assert call.record["abandoned_at_node"] is None


NOTHING_SAID = Case("nothing-said", "unanswered", "3")


@pytest.mark.parametrize("case", [NOTHING_SAID], ids=str)
async def test_who_is_refused_and_says_nothing_was_turned_away(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    assert call.visit["outcome"] == "join_empty"
    assert (call.record["outcome"], call.record["message"]) == ("rejected_capacity", False)
