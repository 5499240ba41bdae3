"""The node ``override_hours``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

import pytest
from support.nodes import passed, refusal, stays, written

from callflows.effects import OverrideHours
from callflows.nodes.base import Stay
from callflows.outcomes import Done, NotStored

NODE = "{override_hours: hr, state: closed, minutes: 90, done: told, not_stored: sorry}"
ASKED = '{override_hours: "{line}", state: open, minutes: "{minutes}", done: told, not_stored: sorry}'
LI = {"supervisor": "li"}


def test_a_supervisor_closes_a_line_for_a_time() -> None:
    passage = passed(NODE, Done(), variables=LI)
    assert (passage.exit, passage.effects) == ("done", [OverrideHours("hr", "closed", 90, "li")])


def test_all_is_every_line() -> None:
    assert passed(NODE.replace("hr", "all"), Done(), variables=LI).effects == [OverrideHours(None, "closed", 90, "li")]


def test_line_and_time_may_be_what_the_caller_chose() -> None:
    passage = passed(ASKED, Done(), variables=LI | {"line": "course", "minutes": "30"})
    assert passage.effects == [OverrideHours("course", "open", 30, "li")]


@pytest.mark.parametrize("minutes", ["", "0", "soon", "-5", "99999999999999999999", "٣"])
def test_no_good_number_of_minutes_changes_nothing(minutes: str) -> None:
    passage = passed(ASKED, variables=LI | {"line": "hr", "minutes": minutes})
    assert (passage.exit, passage.effects) == ("not_stored", [])


def test_without_a_pin_nothing_is_changed() -> None:
    passage = passed(NODE)
    assert (passage.exit, passage.effects) == ("not_stored", [])


def test_what_could_not_be_stored_is_told() -> None:
    assert passed(NODE, NotStored(), variables=LI).exit == "not_stored"


def test_a_bad_time_in_the_file_is_refused() -> None:
    assert "neither a number of minutes" in refusal(NODE.replace("90", "soon"))


def test_what_it_names_and_reads_is_told_and_it_takes_no_time() -> None:
    assert (written(NODE).names(), written(NODE).reads()) == ({"line": "hr"}, {"supervisor"})
    assert (written(ASKED).names(), written(ASKED).reads()) == ({}, {"supervisor", "line", "minutes"})
    assert set(stays(NODE).values()) == {Stay()}
