"""Every branch of the menus by real keys, silence and wrong keys included (R1, R5), and what the record says of the talk (R6)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from acceptance.hearing import was_heard
from acceptance.stage import Case, Stage


@dataclass(frozen=True, slots=True)
class Expected:
    """How the call must have gone: nodes after the greeting, the line, the queue, who hung up, the keys of all nodes."""

    nodes: tuple[str, ...]
    line: str | None
    queue: str
    ended_by: str
    keys: str


HR = ("menu", "hr", "hr_hours", "hr_wait", "hr_connect", "hr_queue")
COURSE_MENU = ("menu", "course", "course_menu")
ON_CAMPUS = ("course_on_campus", "course_on_campus_connect", "course_wait", "course_queue")
OFF_CAMPUS = ("course_off_campus", "course_off_campus_connect", "course_wait", "course_queue")
OPERATOR = ("operator", "operator_wait", "operator_connect", "operator_queue")
PRODUCT = ("menu", "product", "product_hours", "product_wait", "product_connect", "product_queue")
ENGLISH = ("menu", "other_language", "english", "english_from_here", "remember_english")
CHINESE = ("menu", "other_language", "chinese", "chinese_from_here", "remember_chinese")
# The agent has hung up first: he is asked how it was, and says nothing.
SERVED = ("survey", "goodbye")
# The product desk's phones ring 4 s; he talks for a while and hangs up.
PRODUCT_TALK, OPERATOR_TALK = "@product_queue w9 h", "@operator_queue w9 h"

BRANCHES = [
    Case("1-hr", "open", "1", expect=Expected((*HR, *SERVED), "hr", "hr", "agent", "1")),
    Case(
        "2-1-course-on-campus",
        "open",
        "2@course_menu e1",
        expect=Expected((*COURSE_MENU, *ON_CAMPUS, *SERVED), "course", "course", "agent", "2 1"),
    ),
    Case(
        "2-2-course-off-campus",
        "open",
        "2@course_menu 2",
        expect=Expected((*COURSE_MENU, *OFF_CAMPUS, *SERVED), "course", "course", "agent", "2 2"),
    ),
    Case(
        "2-0-course-operator",
        "open",
        f"2@course_menu 0{OPERATOR_TALK}",
        expect=Expected((*COURSE_MENU, *OPERATOR), "course", "product", "caller", "2 0"),
    ),
    Case(
        "2-9-1-course-menu-again",
        "open",
        "2@course_menu e9e1",
        expect=Expected((*COURSE_MENU, "course_menu", *ON_CAMPUS, *SERVED), "course", "course", "agent", "2 9 1"),
    ),
    Case("3-product", "open", f"3{PRODUCT_TALK}", expect=Expected(PRODUCT, "product", "product", "caller", "3")),
    Case("0-operator", "open", f"0{OPERATOR_TALK}", expect=Expected(("menu", *OPERATOR), None, "product", "caller", "0")),
    Case("9-1-menu-again", "open", "9e1", expect=Expected(("menu", *HR, *SERVED), "hr", "hr", "agent", "9 1")),
    Case(
        "hash-1-nothing-to-repeat",
        "open",
        "#e1",
        expect=Expected(("menu", "same_again", "same_line", *HR, *SERVED), "hr", "hr", "agent", "# 1"),
    ),
    Case("star-1-english", "open", "*e1", expect=Expected((*ENGLISH, *HR, *SERVED), "hr", "hr", "agent", "* 1")),
    Case("star-star-1-chinese-again", "open", "*e*e1", expect=Expected((*ENGLISH, *CHINESE, *HR, *SERVED), "hr", "hr", "agent", "* * 1")),
]


@pytest.mark.parametrize("case", BRANCHES, ids=str)
async def test_every_branch_of_the_menus_leads_to_its_queue_and_is_served(case: Case, stage: Stage) -> None:
    call, expected = await stage.played(case), case.expect
    assert call.nodes == ["greeting", "caller", *expected.nodes]
    assert call.record["line"] == expected.line
    assert " ".join(step["keys"] for step in call.record["path"] if step["keys"]) == expected.keys
    assert call.record["outcome"] == "answered"
    assert call.record["abandoned_at_node"] is None
    visit = call.visit
    assert (visit["queue"], visit["outcome"], visit["ended_by"]) == (expected.queue, "answered", expected.ended_by)
    assert visit["agent"].startswith("Agent ")
    # Brisk phones ring 0.3 s and talk 2 s; chatty ones ring 4 s, and the caller leaves.
    ring, talk = (0.3, 2.0) if expected.ended_by == "agent" else (4.0, None)
    assert ring - 0.1 <= visit["ring"] <= ring + 1.5
    assert visit["ring"] <= visit["wait"] <= visit["ring"] + 8.0
    assert visit["talk"] > 0.5 if talk is None else abs(visit["talk"] - talk) < 0.7
    assert call.called.result.ended_by == ("caller" if expected.ended_by == "caller" else "system")
    assert call.record["answered_at"] < call.record["ended_at"]


@pytest.mark.parametrize("case", [case for case in BRANCHES if "english" in case.name], ids=str)
async def test_star_speaks_english_from_there_on(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    assert call.record["language"] == "en"
    assert await was_heard(call.heard, call.house.prompt("hotline-survey-", "en"))
    assert await was_heard(call.heard, call.house.prompt("hotline-hr-connect-", "en"))
    assert not await was_heard(call.heard, call.house.prompt("hotline-hr-connect-", "zh"))


SILENCE = [
    # Greeting and menu, the menu again after 5 s, and after 5 s more a person.
    Case("menu", "open", OPERATOR_TALK, expect=(["greeting", "caller", "menu", *OPERATOR], "hotline-menu-", "hotline-menu-no-input-")),
    Case(
        "course-menu",
        "open",
        "2",
        expect=(
            ["greeting", "caller", *COURSE_MENU, *OFF_CAMPUS, *SERVED],
            "hotline-course-menu-",
            "hotline-course-menu-no-input-",
        ),
    ),
]


@pytest.mark.parametrize("case", SILENCE, ids=str)
async def test_no_key_is_said_and_leads_on_to_a_person(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    nodes, menu, said = case.expect
    assert call.nodes == nodes
    assert call.record["outcome"] == "answered"
    assert await was_heard(call.heard, call.house.prompt(menu))
    assert await was_heard(call.heard, call.house.prompt(said))


WRONG = [
    Case(
        "menu",
        "open",
        f"5e6e7{OPERATOR_TALK}",
        expect=(["greeting", "caller", "menu", *OPERATOR], "hotline-menu-wrong-key-", "menu", "5 6 7"),
    ),
    Case(
        "course-menu",
        "open",
        "2@course_menu 5e6e*",
        expect=(
            ["greeting", "caller", *COURSE_MENU, *OFF_CAMPUS, *SERVED],
            "hotline-course-menu-wrong-key-",
            "course_menu",
            "5 6 *",
        ),
    ),
]


@pytest.mark.parametrize("case", WRONG, ids=str)
async def test_wrong_keys_are_said_and_lead_on_to_a_person(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    nodes, said, menu, keys = case.expect
    assert call.nodes == nodes
    assert call.record["outcome"] == "answered"
    assert next(step["keys"] for step in call.record["path"] if step["node"] == menu) == keys
    assert await was_heard(call.heard, call.house.prompt(said))
