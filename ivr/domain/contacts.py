"""One contact = one inbound call, and its queue visits: what is known of them, and the outcome drawn from it (R6).

Pure values; ``folding`` makes them from facts. Outcomes are never taken from QueueCallerAbandon alone: Asterisk raises it for
time-outs and empty queues too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any


class ContactOutcome(StrEnum):
    ANSWERED = "answered"
    ABANDONED_IVR = "abandoned_ivr"
    ABANDONED_QUEUE = "abandoned_queue"
    ABANDONED_RING = "abandoned_ring"
    CALLBACK_ACCEPTED = "callback_accepted"
    VOICEMAIL = "voicemail"
    SELF_SERVED = "self_served"
    AFTER_HOURS = "after_hours"
    REJECTED_CAPACITY = "rejected_capacity"
    SYSTEM_ERROR = "system_error"


class VisitOutcome(StrEnum):
    ANSWERED = "answered"
    ABANDONED_WAIT = "abandoned_wait"
    ABANDONED_RING = "abandoned_ring"
    FLOW_TIMEOUT = "flow_timeout"
    FLOW_EMPTY = "flow_empty"
    FLOW_KEY = "flow_key"
    WITHDRAWN = "withdrawn"
    MOVED = "moved"  # somebody pulled him out of the queue
    FAILED = "failed"
    FULL = "full"
    JOIN_EMPTY = "join_empty"


class Quality(StrEnum):
    """How well a visit is known."""

    EXACT = "exact"  # witnessed on AMI, to the microsecond
    RECONSTRUCTED = "reconstructed"  # in part or whole from queue_log, to the second
    UNCERTAIN = "uncertain"  # its end was missed, and nothing told it since


@dataclass(slots=True)
class Ring:
    """An agent's phone rang. ``agent_call`` is empty where only queue_log tells of it, which doesn't name the leg."""

    agent: str
    agent_call: str
    began_at: datetime
    ended_at: datetime | None = None
    result: str = ""  # how it failed: Asterisk's DialStatus, or the verb of queue_log
    picked_up: bool = False  # he took it; joined with the caller he is only when the visit is answered


@dataclass(slots=True)
class Visit:
    """One entry into one queue. Times are aware UTC."""

    queue: str
    joined_at: datetime
    rings: list[Ring] = field(default_factory=list)
    picked_up_at: datetime | None = None
    answered_at: datetime | None = None
    unanswered_at: datetime | None = None  # Asterisk's word that nobody answered: any of ten reasons
    left_at: datetime | None = None
    agent: str | None = None
    agent_call: str | None = None
    talk_ended_at: datetime | None = None
    ended_by: str | None = None
    outcome: VisitOutcome | None = None
    uncertain: bool = False  # part of it happened while the link to Asterisk was down
    reconstructed: bool = False  # queue_log or a snapshot told what the link missed: whole seconds
    inferred: bool = False  # nobody said why it ended: drawn from what came before and after
    entry_missed: bool = False  # ``joined_at`` is when he was seen in the queue first, or was reckoned from his wait
    unwatched_from: datetime | None = None  # the link was down from then on, for a while
    hung_up_at: datetime | None = None  # his channel was asked to end while he was in the queue, or in the talk
    outlived: bool = False  # or only when he was out of it
    held_s: float = 0.0  # how long the talk was on hold
    held_since: datetime | None = None
    transferred: bool = False  # the agent gave the caller away
    end_guessed: bool = False  # drawn from the end of the call, which somebody else than Asterisk told
    leg: str | None = None  # the channel that goes on in the place of ``agent_call``
    ender_guessed: bool = False  # ``ended_by`` is drawn from which channel went first
    call: str = ""  # the caller's channel in this queue; another than the contact's where the call went through a Local channel
    sources: tuple[str, ...] = ("ami",)  # who told of it: ami, queue_log

    @property
    def open(self) -> bool:
        return self.outcome is None

    @property
    def quality(self) -> Quality:
        if self.uncertain:
            return Quality.UNCERTAIN
        return Quality.RECONSTRUCTED if self.reconstructed else Quality.EXACT

    @property
    def talking(self) -> bool:
        return self.outcome is VisitOutcome.ANSWERED and self.talk_ended_at is None

    @property
    def ringing(self) -> bool:
        return any(ring.ended_at is None for ring in self.rings)

    @property
    def wait_s(self) -> float | None:
        """From entry to the agent's pick-up or the exit, ring time included."""
        end = self.picked_up_at or self.answered_at or self.left_at
        return (end - self.joined_at).total_seconds() if end else None

    @property
    def ring_s(self) -> float | None:
        """How long the phone that was answered, or rang last, rang."""
        if not self.rings:
            return None
        ring = next((ring for ring in self.rings if ring.agent_call == self.agent_call), self.rings[-1])
        end = self.picked_up_at if ring.agent_call == self.agent_call else ring.ended_at
        end = end or self.answered_at or self.left_at
        return max(0.0, (end - ring.began_at).total_seconds()) if end else None

    @property
    def talk_s(self) -> float | None:
        if self.answered_at is None or self.talk_ended_at is None:
            return None
        return (self.talk_ended_at - self.answered_at).total_seconds()


@dataclass(slots=True)
class PathStep:
    node: str
    at: datetime
    keys: str = ""


@dataclass(slots=True)
class Contact:
    """The service record of one call, as far as it is known. ``id`` is Asterisk's Linkedid."""

    id: str
    started_at: datetime
    call: str = ""
    pbx: str = ""  # the Asterisk it came to, as the settings name it
    caller: str = ""
    caller_name: str = ""
    dialled: str = ""
    sip_call_id: str = ""
    line: str | None = None
    language: str = ""
    flow_version: str = ""
    ended_at: datetime | None = None
    end_uncertain: bool = False  # nobody saw it: ``ended_at`` is when it was missed
    path: list[PathStep] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    complaint: str | None = None
    complaint_complete: bool = False
    left_message: bool = False
    callback: str | None = None  # the promise he asked for and was given
    found_closed: bool = False
    hung_up_in_flow: bool = False
    finished: bool = False
    failure: str | None = None
    cut_off: bool = False  # Asterisk stopped under it
    swapped: tuple[str, ...] = ()  # halves of Local channels that made way: their end is nobody's
    replaced: tuple[str, ...] = ()  # channels that the caller's took the place of: their end is nobody's
    ours: bool = False  # it came through our own dialplan, which tells why a queue was left
    talked_to: str | None = None  # the telephone he was connected to and talked with, by its name in the settings
    served_by: str = "dialplan"  # "flow", "fallback", or "dialplan" when only Asterisk itself served it
    resume: dict[str, Any] | None = None  # where the walk goes on after the queue

    @property
    def answered_at(self) -> datetime | None:
        """When an agent answered, first."""
        return next((visit.answered_at for visit in self.visits if visit.answered_at), None)

    @property
    def open_visit(self) -> Visit | None:
        return next((visit for visit in reversed(self.visits) if visit.open), None)

    @property
    def outcome(self) -> ContactOutcome | None:
        """None while the call goes on."""
        return outcome_of(self) if self.ended_at else None


def copied(contact: Contact) -> Contact:
    """Another object, equal, that shares nothing changeable. Made for every fact of every call: ``replace`` takes three times as long."""
    twin = Contact(*_CONTACT(contact))
    twin.path = [PathStep(step.node, step.at, step.keys) for step in contact.path]
    twin.visits = []
    for visit in contact.visits:
        twin_visit = Visit(*_VISIT(visit))
        twin_visit.rings = [Ring(*_RING(ring)) for ring in visit.rings]
        twin.visits.append(twin_visit)
    return twin


def outcome_of(contact: Contact) -> ContactOutcome:
    """The one outcome of an ended contact: the best that happened to the caller, else where he gave up."""
    last = contact.visits[-1].outcome if contact.visits else None
    answers: tuple[tuple[bool, ContactOutcome], ...] = (
        (any(visit.outcome is VisitOutcome.ANSWERED for visit in contact.visits), ContactOutcome.ANSWERED),
        (contact.talked_to is not None, ContactOutcome.ANSWERED),
        (contact.callback is not None, ContactOutcome.CALLBACK_ACCEPTED),
        (contact.left_message, ContactOutcome.VOICEMAIL),
        (contact.complaint_complete, ContactOutcome.SELF_SERVED),
        (last is VisitOutcome.ABANDONED_RING, ContactOutcome.ABANDONED_RING),
        (last is VisitOutcome.ABANDONED_WAIT, ContactOutcome.ABANDONED_QUEUE),
        (contact.failure is not None or contact.cut_off or last is VisitOutcome.FAILED, ContactOutcome.SYSTEM_ERROR),
        (contact.found_closed and not contact.visits, ContactOutcome.AFTER_HOURS),
        (contact.hung_up_in_flow and not contact.visits, ContactOutcome.ABANDONED_IVR),
        (last is VisitOutcome.FULL or last is VisitOutcome.JOIN_EMPTY, ContactOutcome.REJECTED_CAPACITY),
        (last is not None, ContactOutcome.ABANDONED_QUEUE),  # came back from a queue unserved and left
        (contact.finished, ContactOutcome.SELF_SERVED),
    )
    return next((outcome for holds, outcome in answers if holds), ContactOutcome.ABANDONED_IVR)


_CONTACT, _VISIT, _RING = (attrgetter(*(each.name for each in fields(kind))) for kind in (Contact, Visit, Ring))
