"""``record``: let the caller speak after a beep and keep the recording's reference in a variable. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import Record, Say
from callflows.nodes.base import CallState, Node, NodeName, Saying, Stay, Steps, Words
from callflows.nodes.variables import AssignedName
from callflows.outcomes import CallerHungUp, Recorded


class RecordNode(Node):
    """Lets the caller speak after a beep. `#`, silence or the longest time ends it."""

    kind: ClassVar[str] = "record"
    record: Words
    """What the caller hears before the beep."""
    into: AssignedName
    """The variable that keeps the recording; `{name:recording}` in a text plays it."""
    longest_s: Annotated[int, Field(ge=3, le=1800)] = 120
    """How long he may speak, in seconds."""
    silence_s: Annotated[int, Field(ge=1, le=30)] = 4
    """After so much silence the recording is complete, in seconds."""
    next: NodeName
    """The node when something was said."""
    nothing: NodeName
    """The node when nothing was said."""
    barge_in: bool = True
    """May a key cut the words short and bring the beep at once?"""

    def steps(self, call: CallState, place: str) -> Steps:
        yield Say(call.speech(self.record, place), barge_in=self.barge_in)
        try:
            outcome = yield Record(longest_s=self.longest_s, silence_s=self.silence_s)
        except CallerHungUp as hung_up:
            if hung_up.recorded:  # what he said before he hung up is not thrown away
                call.keep(self.into, hung_up.recorded.reference)
            raise
        if isinstance(outcome, Recorded):
            call.keep(self.into, outcome.reference)
            return "next"
        return "nothing"

    def exits(self) -> Mapping[str, str]:
        return {"next": self.next, "nothing": self.nothing}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        return recorded_stays(saying(self.record), self.longest_s, self.silence_s, said=("next",), silent=("nothing",))

    def words(self) -> Mapping[str, Words]:
        return {"": self.record}

    def assigns(self) -> set[str]:
        return {self.into}


def recorded_stays(words_s: float, longest_s: int, silence_s: int, *, said: tuple[str, ...], silent: tuple[str, ...]) -> dict[str, Stay]:
    """What a recording lasts at most: to its end and the silence after it, or that silence alone when nothing is said. In s."""
    return {
        **dict.fromkeys(said, Stay(words_s + longest_s + silence_s, prompts=1, asked=1)),
        **dict.fromkeys(silent, Stay(words_s + silence_s, prompts=1, asked=1)),
    }
