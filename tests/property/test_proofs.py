"""No caller of the shipped hotline, whatever happens to him, is longer without help than the linter has proven of it."""

from __future__ import annotations

from collections import Counter
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
from callflows.surroundings import speaking_time
from callflows.walk import Walk

LINES = ("hr", "course", "product", "complaint")
BOOK: FlowBook = loader.load(loader.read_folder(loader.SHIPPED_FLOWS))
HOUSE = linter.House(LINES, LINES, dict.fromkeys((*LINES, "hotline"), AlwaysOpen()), ("zh", "en"))
PROOFS = {proof.flow: proof for proof in linter.proofs(BOOK, HOUSE, "hotline")}

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
            further = len(outcome.keys) - 1 if isinstance(outcome, Digits) else 0
            return speaking_time(effect.speech, language) + effect.first_digit_s + further * effect.inter_digit_s
        case Record():
            return effect.silence_s + (effect.longest_s if isinstance(outcome, Recorded) else 0)
        case AskWebhook():
            return LONGEST_DEADLINE_S
    return 0.0


class _Caller:
    """Goes through the hotline until he has got something, has been somewhere twice, or it ends."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw
        self.seconds, self.prompts = 0.0, 0
        self.entered: Counter[str] = Counter()
        self.helped = self.ended = False

    def call(self, language: str) -> None:
        walk = Walk.begin(BOOK, "hotline", language, {"contact_number": "13800138000"})
        steps = walk.run()
        effect = next(steps)
        while not self.helped:
            if isinstance(effect, EnterNode):
                self._enter(walk, effect.node)
                if self.entered[effect.node] > 1:
                    return
            outcome: Outcome = self._draw(OUTCOMES[type(effect)]) if type(effect) in OUTCOMES else Done()
            self.seconds += 0 if self.helped else seconds_of(effect, outcome, walk.call.language)
            self.prompts += isinstance(effect, Say | Ask) and not self.helped
            try:
                effect = steps.send(outcome)
            except StopIteration:
                self.ended = True
                return

    def _enter(self, walk: Walk, name: str) -> None:
        self.entered[name] += 1
        flow, _, node_name = name.rpartition(".")
        node = BOOK.flow(flow or "hotline").nodes[node_name]
        left = walk.left and BOOK.flow(walk.left[0]).nodes[walk.left[1]]
        by_exit = left is not None and walk.left is not None and walk.left[2] in left.gives_by
        self.helped = by_exit or (node.gives is not None and not node.gives_by)


@given(st.data(), st.sampled_from(["zh", "en"]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_nobody_is_longer_without_help_than_is_proven(data: st.DataObject, language: str) -> None:
    caller = _Caller(data.draw)
    caller.call(language)
    bound = PROOFS["hotline"].worst
    assert bound is not None
    assert not caller.ended
    assert caller.seconds <= bound.seconds
    assert caller.prompts <= bound.prompts


def test_who_presses_nothing_has_help_within_the_bound_for_him() -> None:
    """Whatever the hours are."""
    for state in HoursState:
        answers: dict[type, Outcome] = {Ask: NoInput(), Record: NothingRecorded(), CheckHours: Hours(state)}

        def answer(strategy: object, answers: dict[type, Outcome] = answers) -> Outcome:
            kind = next(kind for kind, known in OUTCOMES.items() if known is strategy)
            return answers.get(kind, Done())

        caller = _Caller(answer)
        caller.call("zh")
        bound = PROOFS["hotline"].silent
        assert bound is not None
        assert caller.helped
        assert caller.seconds <= bound.seconds
