"""The node ``file_complaint``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, refusal, stays

from callflows.effects import FileComplaint
from callflows.nodes.base import Stay
from callflows.nodes.variables import Secret
from callflows.outcomes import ComplaintFiled, NotStored

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
