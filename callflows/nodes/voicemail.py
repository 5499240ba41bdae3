"""``voicemail``: record a message and keep it for the contact's line, what was said before a hang-up too. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import Record, Say, TakeMessage
from callflows.nodes.base import CallState, Given, Node, NodeName, Saying, Stay, Steps, Words
from callflows.nodes.record import recorded_stays
from callflows.nodes.storing import spoken, stored
from callflows.outcomes import CallerHungUp, MessageTaken, Recorded


class VoicemailNode(Node):
    """Takes a message: `record` and `take_message` in one, and hanging up is a way to end it."""

    kind: ClassVar[str] = "voicemail"
    gives: ClassVar[Given | None] = "message"
    gives_by: ClassVar[frozenset[str]] = frozenset({"taken"})
    voicemail: Words
    """What the caller hears before the beep."""
    longest_s: Annotated[int, Field(ge=3, le=1800)] = 120
    """How long he may speak, in seconds."""
    silence_s: Annotated[int, Field(ge=1, le=30)] = 4
    """After so much silence the message is complete, in seconds."""
    taken: NodeName
    """The node when the message is kept."""
    nothing: NodeName
    """The node when nothing was said."""
    not_stored: NodeName
    """The node when it could not be kept; it must say so."""
    barge_in: bool = True
    """May a key cut the words short and bring the beep at once?"""
    hold_on: Words | None = None
    """What the caller hears when keeping it takes more than a moment."""

    def steps(self, call: CallState, place: str) -> Steps:
        yield Say(call.speech(self.voicemail, place), barge_in=self.barge_in)
        try:
            outcome = yield Record(longest_s=self.longest_s, silence_s=self.silence_s)
        except CallerHungUp as hung_up:
            if hung_up.recorded:
                yield from stored(TakeMessage(hung_up.recorded.reference, complete=False), call, None, place)
            raise
        if not isinstance(outcome, Recorded):
            return "nothing"
        kept = yield from stored(TakeMessage(outcome.reference, complete=True), call, self.hold_on, place)
        return "taken" if isinstance(kept, MessageTaken) else "not_stored"

    def exits(self) -> Mapping[str, str]:
        return {"taken": self.taken, "nothing": self.nothing, "not_stored": self.not_stored}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        said, silent = ("taken", "not_stored"), ("nothing",)
        return recorded_stays(saying(self.voicemail), self.longest_s, self.silence_s, said=said, silent=silent)

    def words(self) -> Mapping[str, Words]:
        return {"": self.voicemail, **spoken(self.hold_on)}
