"""A promised call in words: why, in what state, how an attempt ended. Plain values, shared by the whole room and its users."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    REQUESTED = "requested"  # he asked for it, by key or through one of us
    ABANDONED = "abandoned"  # he gave up waiting
    FOLLOW_UP = "follow_up"  # 回访 after a solved complaint (R17)


class State(StrEnum):
    """due → claimed → dialling → done, or due again, or failed; cancelled and expired from due and claimed."""

    DUE = "due"
    CLAIMED = "claimed"  # one scheduler has it, until its lease ends
    DIALLING = "dialling"  # committed before Asterisk is asked, so at most one call comes of it
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN = (State.DUE, State.CLAIMED, State.DIALLING)
LIVE = (State.CLAIMED, State.DIALLING)  # at most one of a number at a time: the database refuses a second


class Result(StrEnum):
    """How one attempt ended."""

    BRIDGED = "bridged"  # he talked to an agent
    REACHED = "reached"  # he pressed 1, and no agent came
    NO_KEY = "no_key"  # answered by a person who pressed nothing, or by a machine
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REFUSED = "refused"  # he rejected the call
    UNREACHABLE = "unreachable"  # switched off, no such number, no way through the network
    FORBIDDEN = "forbidden"  # the dialplan's own list refused the digits
    UNCONFIRMED = "unconfirmed"  # nobody knows whether it was dialled; it counts as if it had been
    NOT_SENT = "not_sent"  # Asterisk refused to begin


@dataclass(frozen=True, slots=True)
class NewPromise:
    """A call to promise. ``key`` makes the same promise given twice one row; ``number`` is E.164; times are aware UTC."""

    key: str
    reason: Reason
    number: str
    queue: str
    language: str
    due_at: datetime
    expires_at: datetime
    created_by: str
    line: str | None = None
    contact: str | None = None
    complaint: str | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """A promise that a scheduler has claimed: what it needs to dial it."""

    id: str
    number: str
    line: str | None
    queue: str
    language: str
    attempts: int
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Dial:
    """One attempt, already committed. ``channel_id`` becomes the channel's Uniqueid and is never used twice."""

    channel_id: str
    callback: Callback


def channel_id(callback_id: str, attempt: int) -> str:
    """``cb-<uuid>-<n>``: tells a call of ours in every event, and in which attempt it is."""
    return f"cb-{callback_id}-{attempt}"
