"""``check_pin``: a supervisor proves who he is by a PIN. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import Ask, CheckPin, Say
from callflows.nodes.base import CallState, Node, NodeName, Saying, Seconds, Stay, Steps, Words
from callflows.nodes.variables import SUPERVISOR, Secret
from callflows.outcomes import Digits, PinAccepted

LONGEST_PIN = 12


class CheckPinNode(Node):
    """Asks for a supervisor's PIN, which nobody gets to see. Accepted, the variable `supervisor` says whose it was."""

    kind: ClassVar[str] = "check_pin"
    check_pin: Words
    """What the caller hears."""
    tries: Annotated[int, Field(ge=1, le=5)] = 3
    """How often he may try in all; no key is a try too."""
    again: Words | None = None
    """What he hears before he is asked again."""
    first_digit_s: Seconds = 6.0
    """How long to wait for the first key once all is said, in seconds."""
    inter_digit_s: Seconds = 4.0
    """How long to wait for each further key, in seconds."""
    accepted: NodeName
    """The node after a right PIN."""
    refused: NodeName
    """The node when all tries are spent."""
    barge_in: bool = True
    """May a key cut the words short?"""

    def steps(self, call: CallState, place: str) -> Steps:
        call.forget(SUPERVISOR)
        for tried in range(self.tries):
            if tried and self.again:
                yield Say(call.speech(self.again, f"{place}-again"), barge_in=self.barge_in)
            outcome = yield Ask(
                call.speech(self.check_pin, place),
                longest=LONGEST_PIN,
                first_digit_s=self.first_digit_s,
                inter_digit_s=self.inter_digit_s,
                barge_in=self.barge_in,
                masked=True,
            )
            if not isinstance(outcome, Digits):
                continue
            checked = yield CheckPin(Secret(outcome.keys))
            if isinstance(checked, PinAccepted):
                call.keep(SUPERVISOR, checked.who)
                return "accepted"
        return "refused"

    def exits(self) -> Mapping[str, str]:
        return {"accepted": self.accepted, "refused": self.refused}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        typed_s = self.first_digit_s + (LONGEST_PIN - 1) * self.inter_digit_s
        asked = Stay(saying(self.check_pin) + typed_s, prompts=1, asked=1)
        again = Stay(saying(self.again), prompts=1) if self.again else Stay()
        return dict.fromkeys(self.exits(), asked * self.tries + again * (self.tries - 1))

    def words(self) -> Mapping[str, Words]:
        return {"": self.check_pin, **({"again": self.again} if self.again else {})}

    def assigns(self) -> set[str]:
        return {SUPERVISOR}
