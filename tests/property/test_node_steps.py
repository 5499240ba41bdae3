"""Every kind of node, answered by anything: it never raises, always ends, and never keeps a caller longer than it told the linter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.nodes import PLACE, rendered_texts, spoken_texts

from callflows import loader
from callflows.effects import Ask, Effect, Record, Say
from callflows.flow import NODE_TYPES
from callflows.nodes.base import CallState, Node, Stay, Words
from callflows.nodes.subflow import EndNode, RunNode
from callflows.outcomes import (
    CallbackPromised,
    CallbackRefused,
    CallerHungUp,
    ComplaintFiled,
    CustomerKnown,
    DialEnd,
    DialLeft,
    Digits,
    Done,
    Hours,
    HoursState,
    MessageTaken,
    NoInput,
    NothingRecorded,
    NotStored,
    PinAccepted,
    PinRefused,
    QueueEnd,
    QueueLeft,
    QueueOutlook,
    Recorded,
    WebhookAnswered,
    WebhookFailed,
)
from callflows.speech import Speech, Text

PAGES = Path(__file__).parents[2] / "docs/nodes"
# A node that has taken so many steps takes them forever.
MANY_STEPS = 100
VALUES = st.text(max_size=12) | st.sampled_from(("1", "hr", "yes", "2026-11-22T08:00:00+08:00"))
NAMES = st.sampled_from(("serial", "customer_line", "supervisor", "warranty_years", "Not a name", "a@1"))
FACTS = st.lists(st.tuples(NAMES, VALUES), max_size=3).map(tuple)
SECONDS = st.none() | st.floats(0, 7200)
ANSWERS = st.one_of(
    st.sampled_from((Done(), NoInput(), NothingRecorded(), MessageTaken(), NotStored(), CallbackPromised(), CallbackRefused())),
    st.sampled_from((PinRefused(), PinAccepted("li"), WebhookFailed(), CallerHungUp(), CallerHungUp(Recorded("half", 2.0)))),
    st.text("0123456789*#", min_size=1, max_size=12).map(Digits),
    st.sampled_from("0123456789*#").map(Digits),
    st.builds(Recorded, st.sampled_from(("2026/a", "../x", "")), st.floats(0, 100)),
    st.sampled_from(HoursState).map(Hours),
    st.sampled_from(QueueEnd).map(QueueLeft),
    st.sampled_from(DialEnd).map(DialLeft),
    st.builds(QueueOutlook, st.integers(1, 500), SECONDS, SECONDS, st.booleans()),
    st.builds(CustomerKnown, FACTS, st.integers(-5, 50)),
    st.builds(WebhookAnswered, FACTS),
    st.text(max_size=12).map(ComplaintFiled),
)


def shown_nodes() -> list[Node]:
    """Every node of every page's example, but for those that the walk performs itself."""
    pages = (PAGES / f"{node_type.kind}.md" for node_type in NODE_TYPES)
    found = (re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL) for page in pages)
    books = [loader.load({f"{index}.yaml": text for index, text in enumerate(texts)}) for texts in found]
    nodes = (node for book in books for flow in book.flows.values() for node in flow.nodes.values())
    return [node for node in nodes if not isinstance(node, RunNode | EndNode)]


NODES = shown_nodes()


def saying(words: Words) -> float:
    return float(max(len(words.zh or ""), len(words.en or "")))


def told(speech: Speech) -> float:
    """The fixed texts alone: what a value adds is for the linter to guess."""
    return float(sum(len(part.by_language["zh"]) for part in speech if isinstance(part, Text)))


def spent(effect: Effect, answer: object) -> Stay:
    """What an effect costs a caller who answers as late as he can."""
    if isinstance(effect, Say):
        return Stay(told(effect.speech), prompts=1)
    if isinstance(effect, Record):
        spoke_s = effect.longest_s if isinstance(answer, Recorded) else 0
        return Stay(spoke_s + effect.silence_s, asked=1)
    if isinstance(effect, Ask):
        typing_s = (effect.longest - 1) * effect.inter_digit_s if isinstance(answer, Digits) else 0.0
        return Stay(told(effect.speech) + effect.first_digit_s + min(typing_s, effect.overall_s or typing_s), prompts=1, asked=1)
    return Stay()


def test_every_kind_takes_part() -> None:
    assert {node.kind for node in NODES} == {node_type.kind for node_type in NODE_TYPES} - {"run", "end"}


@pytest.mark.parametrize("kind", sorted({node.kind for node in NODES}))
@given(data=st.data())
def test_any_answers_lead_out_within_the_worst_case(kind: str, data: st.DataObject) -> None:
    node = data.draw(st.sampled_from([node for node in NODES if node.kind == kind]))
    variables = data.draw(st.dictionaries(st.sampled_from(("serial", "story", "message", "minutes", "customer_priority")), VALUES))
    call = CallState("zh", variables)
    steps = node.steps(call, PLACE)
    total = Stay()
    try:
        effect = next(steps)
        for _ in range(MANY_STEPS):
            assert spoken_texts(effect) <= rendered_texts(node)
            answer = data.draw(ANSWERS)
            if isinstance(answer, Digits) and isinstance(effect, Ask):
                answer = Digits(answer.keys[: effect.longest])
            total += spent(effect, answer)
            effect = steps.throw(answer) if isinstance(answer, CallerHungUp) else steps.send(answer)
        pytest.fail("it never ends")
    except CallerHungUp:
        return
    except StopIteration as stop:
        taken = stop.value
    if not node.exits():
        assert taken == ""
        return
    assert taken in node.exits()
    worst = node.stays(saying)[taken]
    assert total.seconds <= worst.seconds
    assert total.prompts <= worst.prompts
    assert total.asked <= worst.asked
