"""The node ``file_complaint``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

import pytest
from support.nodes import PLACE, passed, refusal, stays, written

from callflows.effects import AwaitStored, FileComplaint, Say
from callflows.nodes.base import CallState, Stay
from callflows.nodes.variables import Secret
from callflows.outcomes import CallerHungUp, ComplaintFiled, ComplaintKept, NotStored, StillStoring

NODE = "{file_complaint: {serial: serial, contact_number: phone, recording: story}, into: number, filed: tell, not_stored: sorry}"
GIVEN = {"serial": "1234", "phone": "13800138000", "story": "2026/a"}


def test_a_complaint_is_filed_with_what_was_given_and_gets_its_number() -> None:
    """R10, R11."""
    passage = passed(NODE, ComplaintFiled("C2026112200001"), variables=GIVEN)
    assert passage.effects == [FileComplaint("1234", "13800138000", "2026/a", complete=True)]
    assert (passage.exit, passage.call.variables["number"]) == ("filed", "C2026112200001")


def test_a_complaint_that_could_not_be_stored_has_no_number() -> None:
    passage = passed(NODE, NotStored(), variables=GIVEN)
    assert passage.exit == "not_stored"
    assert "number" not in passage.call.variables


def test_after_a_hang_up_something_must_have_been_said() -> None:
    half = NODE.replace("filed:", "complete: false, filed:")
    assert passed(half, variables={"phone": "13800138000"}).effects == []
    assert passed(half, ComplaintFiled("C1"), variables={"serial": "1234"}).exit == "filed"


def test_a_masked_value_gets_into_no_register() -> None:
    passage = passed(NODE, ComplaintFiled("C1"), variables=GIVEN | {"serial": Secret("4711")})
    assert passage.effects == [FileComplaint(None, "13800138000", "2026/a", complete=True)]


def test_an_unknown_part_is_refused() -> None:
    assert "recordings" in refusal(NODE.replace("recording:", "recordings:"))


def test_it_takes_no_time() -> None:
    assert set(stays(NODE).values()) == {Stay()}


SLOW = NODE.replace("}, into", "}, hold_on: {zh: 请稍候, en: Hold on}, kept: later, into")


def test_who_waits_is_asked_to_hold_on_and_told_the_number() -> None:
    passage = passed(SLOW, StillStoring(), ComplaintFiled("C1"), variables=GIVEN)
    filed = FileComplaint("1234", "13800138000", "2026/a", complete=True)
    assert [type(effect) for effect in passage.effects] == [FileComplaint, Say, AwaitStored]
    assert (passage.exit, passage.effects[-1]) == ("filed", AwaitStored(filed))
    assert passage.said == ["请稍候"]


def test_what_is_only_kept_has_no_number_yet() -> None:
    passage = passed(SLOW, StillStoring(), ComplaintKept(), variables=GIVEN)
    assert (passage.exit, "number" in passage.call.variables) == ("kept", False)
    assert passed(NODE, ComplaintKept(), variables=GIVEN).exit == "not_stored"


def test_hanging_up_over_the_words_doesnt_stop_the_storing() -> None:
    steps = written(SLOW).steps(CallState("zh", dict(GIVEN)), PLACE)
    next(steps)
    assert isinstance(steps.send(StillStoring()), Say)
    assert isinstance(steps.throw(CallerHungUp()), AwaitStored)
    with pytest.raises(CallerHungUp):
        steps.send(ComplaintFiled("C1"))
