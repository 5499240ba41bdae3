"""How a node gives the house something to store: the caller is asked to hold on where that takes a while. For nodes alone."""

from __future__ import annotations

from collections.abc import Generator

from callflows.effects import AwaitStored, Effect, Say, Storable
from callflows.nodes.base import CallState, Words
from callflows.outcomes import CallerHungUp, Outcome, StillStoring

SLOT = "hold-on"


def stored(effect: Storable, call: CallState, hold_on: Words | None, place: str) -> Generator[Effect, Outcome, Outcome]:
    """How it came out; never ``StillStoring``. Who hangs up over ``hold_on`` has told all he had to tell: it is stored as it is."""
    outcome = yield effect
    if not isinstance(outcome, StillStoring):
        return outcome
    gone: CallerHungUp | None = None
    if hold_on:
        try:
            yield Say(call.speech(hold_on, f"{place}-{SLOT}"), barge_in=False)
        except CallerHungUp as hung_up:
            gone = hung_up
    outcome = yield AwaitStored(effect)
    if gone:
        raise gone
    return outcome


def spoken(hold_on: Words | None) -> dict[str, Words]:
    """For a node's ``words()``."""
    return {SLOT: hold_on} if hold_on else {}
