"""From the steps of a flow's case to those of a real caller, each at its place."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from callflows import caller_steps as simulated
from callflows.caller_steps import Choose, HangUp, Hear, Silence, Wait
from ivr.testbed.case_steps import IN_QUEUE_S, as_keys, leaving_queue, until_queued
from ivr.testbed.keys import HearOut, Keys, Listen, Press, Reach, Step, Talk

AT_MENU, SAID_AT_MENU = simulated.Reach("menu", 1), Reach("menu", visit=1)


@pytest.mark.parametrize(
    ("steps", "keys", "hangs_up"),
    [
        ([], (), False),
        ([AT_MENU, simulated.Press("12#")], (SAID_AT_MENU, Press("1"), Press("2"), Press("#")), False),
        ([simulated.Press("12", apart_s=2.25)], (Press("1"), Listen(2.0), Press("2")), False),
        ([simulated.Press("12", apart_s=0.1)], (Press("1"), Press("2")), False),  # nobody presses quicker here
        ([simulated.Reach("menu", 2)], (Reach("menu", visit=2),), False),
        ([simulated.Reach("menu")], (SAID_AT_MENU,), False),
        ([simulated.Reach("greeting", 1), Wait(1.0), simulated.Press("1")], (Reach("greeting", visit=1), Listen(1.0), Press("1")), False),
        ([Hear(), simulated.Talk(6.0), simulated.Press("#")], (HearOut(), Talk(6.0), Press("#")), False),
        ([Wait(20.0), HangUp()], (Listen(20.0),), True),
        # Silence ends where the walk goes on; where it is asked again, he hears that out before he answers.
        ([AT_MENU, Silence(19.5), simulated.Reach("operator", 1)], (SAID_AT_MENU, Reach("operator", visit=1)), False),
        ([AT_MENU, Silence(19.5), Silence(19.5)], (SAID_AT_MENU, HearOut()), False),
        ([AT_MENU, Silence(), Hear(), simulated.Press("5")], (SAID_AT_MENU, HearOut(), HearOut(), Press("5")), False),
    ],
)
def test_what_he_does(steps: Sequence[simulated.Step], keys: tuple[Step, ...], hangs_up: bool) -> None:
    assert as_keys(steps) == Keys(keys, hangs_up)


def test_a_pin_is_another_one_here() -> None:
    assert as_keys([simulated.Press("24#")], instead={"24#": "7#"}).steps == (Press("7"), Press("#"))


def test_a_label_is_no_key() -> None:
    with pytest.raises(ValueError, match="'complaint' is a label"):
        as_keys([Choose("complaint")])


def test_he_leaves_the_queue_by_key_before_he_goes_on() -> None:
    path = ["menu", "hr_queue", "offer", "menu", "hr_queue", "offer", "callback"]
    keys = Keys((SAID_AT_MENU, Press("1"), Reach("offer", visit=1), Press("2"), Reach("offer", visit=2), Press("1")), hangs_up=False)
    first, second = ((Reach("hr_queue", visit=visit), Listen(IN_QUEUE_S), Press("1")) for visit in (1, 2))
    assert leaving_queue(keys, path, 1, "1").steps == (*keys.steps[:2], *first, *keys.steps[2:])
    assert leaving_queue(keys, path, 4, "1").steps == (*keys.steps[:4], *second, *keys.steps[4:])
    assert leaving_queue(Keys((SAID_AT_MENU,), hangs_up=False), path, 1, "1").steps == (SAID_AT_MENU, *first)


def test_a_call_that_ends_waiting_is_hung_up_in_the_queue() -> None:
    path = ["menu", "hr_queue", "menu", "hr_queue"]
    assert until_queued(Keys((SAID_AT_MENU,), hangs_up=False), path) == Keys(
        (SAID_AT_MENU, Reach("hr_queue", visit=2), Listen(IN_QUEUE_S)), hangs_up=True
    )
