"""The node ``expect_wait``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

import pytest
from support.nodes import passed, refusal, stays, written

from callflows.effects import LookAtQueue
from callflows.nodes.base import Stay
from callflows.outcomes import Done, QueueOutlook
from callflows.speech import Number

NODE = """\
expect_wait: hr
position: {zh: "第{queue_position:number}位", en: "Number {queue_position:number}"}
wait: {zh: "要等{wait_from:number}到{wait_to:number}分钟", en: "{wait_from:number} to {wait_to:number} minutes"}
wait_at_most: {zh: "不到{wait_to:number}分钟", en: "less than {wait_to:number} minutes"}
long_above_s: 240
short: queue
long: offer
_: queue
"""


def spoken(*outcomes: QueueOutlook) -> tuple[str | None, list[list[int]]]:
    passage = passed(NODE, *outcomes)
    numbers = [[part.value for part in effect.speech if isinstance(part, Number)] for effect in passage.effects[1:]]  # type: ignore[attr-defined]
    return passage.exit, numbers


@pytest.mark.parametrize(
    ("position", "shortest_s", "longest_s", "staffed", "taken", "numbers"),
    [
        (3, 70.0, 200.0, True, "short", [[3], [1, 4]]),
        (3, 70.0, 240.0, True, "short", [[3], [1, 4]]),
        (9, 300.0, 600.0, True, "long", [[9], [5, 10]]),
        (2, 130.0, 140.0, True, "short", [[2], [2, 3]]),
        (1, 0.0, 50.0, True, "short", [[1]]),
        (1, 0.0, 0.0, True, "short", [[1]]),
        (4, None, 100.0, True, "short", [[4], [2]]),
        (4, None, None, True, "_", [[4]]),
        (4, 60.0, 120.0, False, "_", []),
    ],
)
def test_the_place_and_the_wait_are_told_as_far_as_they_can_be(
    position: int, shortest_s: float | None, longest_s: float | None, staffed: bool, taken: str, numbers: list[list[int]]
) -> None:
    assert spoken(QueueOutlook(position, shortest_s, longest_s, staffed)) == (taken, numbers)


def test_it_looks_with_the_callers_priority() -> None:
    assert passed(NODE, Done()).effects == [LookAtQueue("hr", 0)]
    text = NODE + "priority: customer\n"
    assert passed(text, Done(), variables={"customer_priority": "7"}).effects == [LookAtQueue("hr", 7)]


def test_what_was_told_before_is_forgotten() -> None:
    assert passed(NODE, Done(), variables={"queue_position": "3", "wait_from": "1", "wait_to": "2"}).call.variables == {}


def test_nothing_needs_to_be_said_to_branch_on_it() -> None:
    text = "{expect_wait: hr, short: a, long: b, unknown: c}"
    assert passed(text, QueueOutlook(1, 0.0, 500.0, staffed=True)).exit == "long"
    assert passed(text, QueueOutlook(1, None, None, staffed=True)).exit == "unknown"


def test_each_of_three_ways_must_lead_somewhere() -> None:
    assert "or '_' for those left out" in refusal(NODE.replace("_: queue\n", ""))


def test_what_it_names_is_told_and_the_longer_words_are_its_worst_case() -> None:
    assert written(NODE).names() == {"queue": "hr"}
    place, longer = len("第{queue_position:number}位"), len("要等{wait_from:number}到{wait_to:number}分钟")
    assert stays(NODE)["long"] == Stay(place + longer, prompts=2)
    assert stays("{expect_wait: hr, _: a}") == {"_": Stay()}
