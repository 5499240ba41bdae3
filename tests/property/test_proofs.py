"""No caller of the shipped hotline, whatever happens to him, is longer without help than the linter has proven of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callflows import linter, loader
from callflows.calendar import AlwaysOpen
from callflows.effects import (
    Ask,
    AskWebhook,
    CheckHours,
    CheckPin,
    Dial,
    Effect,
    EnterNode,
    FileComplaint,
    LookAtQueue,
    LookUpCustomer,
    OverrideHours,
    Queue,
    Record,
    RequestCallback,
    Say,
    TakeMessage,
)
from callflows.flow import FlowBook
from callflows.nodes.webhook import LONGEST_DEADLINE_S
from callflows.outcomes import (
    CallbackPromised,
    CallbackRefused,
    ComplaintFiled,
    CustomerKnown,
    CustomerUnknown,
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
    Outcome,
    PinAccepted,
    PinRefused,
    QueueEnd,
    QueueLeft,
    QueueOutlook,
    Recorded,
    WebhookAnswered,
    WebhookFailed,
)
from callflows.proofs import Proof
from callflows.surroundings import speaking_time
from callflows.walk import Walk

LINES = ("hr", "course", "product", "complaint")
BOOK: FlowBook = loader.load(loader.read_folder(loader.SHIPPED_FLOWS))
HOUSE = linter.House(LINES, LINES, dict.fromkeys((*LINES, "hotline"), AlwaysOpen()), ("zh", "en"))
PROOFS = {proof.flow: proof for proof in linter.proofs(BOOK, HOUSE, "hotline")}

ROUNDING_S = 0.01

KEYS = st.one_of(st.sampled_from("0123456789*#"), st.text("0123456789", min_size=2, max_size=20))
OUTLOOKS = (QueueOutlook(3, 60.0, 400.0, True), QueueOutlook(1, None, None, True), QueueOutlook(1, None, None, False))
KNOWN = CustomerKnown((("customer_complaint", "C1"), ("customer_line", "hr")), 3)
OUTCOMES: dict[type, st.SearchStrategy[Outcome]] = {
    Ask: st.one_of(st.just(NoInput()), st.builds(Digits, KEYS)),
    Record: st.one_of(st.just(NothingRecorded()), st.just(Recorded("r", 3.0))),
    CheckHours: st.builds(Hours, st.sampled_from(HoursState)),
    LookUpCustomer: st.sampled_from([CustomerUnknown(), KNOWN]),
    LookAtQueue: st.sampled_from(
        [QueueOutlook(3, 60.0, 400.0, True), QueueOutlook(1, None, None, True), QueueOutlook(1, None, None, False)]
    ),
    AskWebhook: st.sampled_from([WebhookFailed(), WebhookAnswered(())]),
    FileComplaint: st.sampled_from([ComplaintFiled("C2026112200001"), NotStored()]),
    TakeMessage: st.sampled_from([MessageTaken(), NotStored()]),
    RequestCallback: st.sampled_from([CallbackPromised(), CallbackRefused()]),
    CheckPin: st.sampled_from([PinAccepted("chief"), PinRefused()]),
    OverrideHours: st.sampled_from([Done(), NotStored()]),
    Queue: st.builds(QueueLeft, st.sampled_from(QueueEnd)),
    Dial: st.builds(DialLeft, st.sampled_from(DialEnd)),
}


def seconds_of(effect: Effect, outcome: Outcome, language: str) -> float:
    """The longest that this can take."""
    match effect:
        case Say(speech=speech):
            return speaking_time(speech, language)
        case Ask():
            further_s = (len(outcome.keys) - 1) * effect.inter_digit_s if isinstance(outcome, Digits) else 0
            return speaking_time(effect.speech, language) + effect.first_digit_s + min(further_s, effect.overall_s or further_s)
        case Record():
            return effect.silence_s + (effect.longest_s if isinstance(outcome, Recorded) else 0)
        case AskWebhook():
            return LONGEST_DEADLINE_S
    return 0.0


@dataclass
class Explored:
    """A call of a caller to whom anything may happen: the nodes that he entered and when he had got something, each in s and prompts."""

    entered: list[tuple[str, float, int]] = field(default_factory=list)
    helped: list[tuple[int, float, int]] = field(default_factory=list)  # after so many nodes
    ended: bool = False

    def until_helped(self) -> Iterator[tuple[int, float, int]]:
        """From each node to the first help after it: the node's place on the way, s and prompts. Not where he came somewhere twice."""
        for place, (name, began, heard) in enumerate(self.entered):
            found = next(((nodes, at, prompts) for nodes, at, prompts in self.helped if nodes > place and at >= began), None)
            onward = [other for other, _, _ in self.entered[place : found[0] if found else None]]
            if len(set(onward)) < len(onward):
                continue
            if found is not None:
                yield place, found[1] - began, found[2] - heard
            else:
                assert not self.ended, f"from {name} he has got nothing"


def explored(book: FlowBook, main: str, language: str, answer: Callable[[Effect], Outcome], most: int = 40) -> Explored:
    """Walks a call to its end, or over so many nodes."""
    found, seconds, prompts = Explored(), 0.0, 0
    walk = Walk.begin(book, main, language, {"contact_number": "13800138000"})
    steps = walk.run()
    effect = next(steps)
    while len(found.entered) < most:
        if isinstance(effect, EnterNode):
            left = walk.left and book.flow(walk.left[0]).nodes[walk.left[1]]
            if left and walk.left and walk.left[2] in left.gives_by:
                found.helped.append((len(found.entered), seconds, prompts))
            frame = walk.position.frames[-1]
            node = book.flow(frame.flow).nodes[frame.node]
            found.entered.append((effect.node, seconds, prompts))
            if node.gives is not None and not node.gives_by:
                found.helped.append((len(found.entered), seconds, prompts))
        outcome = answer(effect)
        seconds += seconds_of(effect, outcome, walk.call.language)
        prompts += isinstance(effect, Say | Ask)
        try:
            effect = steps.send(outcome)
        except StopIteration:
            found.ended = True
            break
    return found


def drawn(draw: Any) -> Callable[[Effect], Outcome]:
    def answer(effect: Effect) -> Outcome:
        outcome: Outcome = draw(OUTCOMES[type(effect)]) if type(effect) in OUTCOMES else Done()
        return Digits(outcome.keys[: effect.longest]) if isinstance(outcome, Digits) and isinstance(effect, Ask) else outcome

    return answer


def silent(draw: Any) -> Callable[[Effect], Outcome]:
    """Of a caller who presses nothing and says nothing."""
    quiet: dict[type, Outcome] = {Ask: NoInput(), Record: NothingRecorded()}
    otherwise = drawn(draw)
    return lambda effect: quiet.get(type(effect)) or otherwise(effect)


def holds(call: Explored, proof: Proof) -> None:
    """What is proven is true of this call."""
    assert proof.worst is not None
    assert proof.anywhere is not None
    for place, seconds, prompts in call.until_helped():
        bound = proof.anywhere if place else proof.worst
        assert seconds <= bound.seconds + ROUNDING_S, call.entered[place:]
        assert prompts <= bound.prompts, call.entered[place:]


def holds_in_silence(call: Explored, proof: Proof) -> None:
    assert proof.silent is not None
    _, seconds, prompts = call.helped[0]
    assert seconds <= proof.silent.seconds + ROUNDING_S, call.entered
    assert prompts <= proof.silent.prompts, call.entered


@given(st.data(), st.sampled_from(["zh", "en"]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_nobody_is_longer_without_help_than_is_proven(data: st.DataObject, language: str) -> None:
    holds(explored(BOOK, "hotline", language, drawn(data.draw)), PROOFS["hotline"])


@given(st.data(), st.sampled_from(["zh", "en"]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_who_presses_nothing_has_help_within_the_bound_for_him(data: st.DataObject, language: str) -> None:
    """Whatever the hours are, and whoever he is."""
    holds_in_silence(explored(BOOK, "hotline", language, silent(data.draw)), PROOFS["hotline"])
