"""Alerts as outbox rows and back: topics, payloads, and what a carrier makes of a parcel. Pure; shared by this room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from ivr.delivery import Parcel
from ivr.domain.alert_rules import AbandonedCall, LossTurn, Turn, Why
from ivr.domain.case_deadlines import Level
from ivr.store.schema import OutboxRow

CALL_ABANDONED = "call.abandoned"
CALLS_ABANDONED = "calls.abandoned"  # several in one message; never a row's topic
LOSS_RATE = {Turn.HIGH: "loss_rate.high", Turn.RECOVERED: "loss_rate.recovered"}
BOOKS_DRIFT, BOOKS_AGREE = "books.drift", "books.agree"
CASE_DUE, CASE_ESCALATED, CASE_REJECTED = "case.due", "case.escalated", "case.rejected"
CASE_TOPICS = (CASE_DUE, CASE_ESCALATED, CASE_REJECTED)
CHANNEL_PREFIX = "alert-"


@dataclass(frozen=True, slots=True)
class LossAlert:
    """The loss rate of one line turned. ``at`` is aware; ``threshold`` is a share of 1."""

    line: str
    at: datetime
    turn: LossTurn
    window_minutes: int
    threshold: float


@dataclass(frozen=True, slots=True)
class BooksAlert:
    """Our books and Asterisk's stopped agreeing, or agree again. ``sentence`` says in English what doesn't; it names no caller.

    ``counts``: the same as (queue, ``ivr.domain.conservation.Kind``, how many), for other words.
    """

    at: datetime
    agree: bool
    drifts: int
    sentence: str
    counts: tuple[tuple[str, str, int], ...] = ()

    def as_json(self) -> dict[str, Any]:
        told = {"agree": self.agree, "drifts": self.drifts, "sentence": self.sentence, "counts": [list(count) for count in self.counts]}
        return {"at": self.at.isoformat(), **told}


@dataclass(frozen=True, slots=True)
class CaseAlert:
    """A complaint waits for an answer too long, or the customer rejected his for the ``rejections``th time (0: it is the time). Of the
    customer it says nothing. Times are aware; ``level`` is how high it goes with this (R18, R19)."""

    number: str
    line: str | None
    at: datetime
    level: Level
    state: str
    answer_by: datetime
    rejections: int = 0

    @property
    def topic(self) -> str:
        if self.rejections:
            return CASE_REJECTED
        return CASE_DUE if self.level is Level.REMINDER else CASE_ESCALATED

    def as_json(self) -> dict[str, Any]:
        """For the outbox row."""
        times = {"at": self.at.isoformat(), "answer_by": self.answer_by.isoformat()}
        return {
            "number": self.number,
            "line": self.line,
            "level": int(self.level),
            "state": self.state,
            "rejections": self.rejections,
        } | times

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What ``as_json`` gave."""
        times = {name: datetime.fromisoformat(stored[name]) for name in ("at", "answer_by")}
        return cls(**{**stored, **times, "level": Level(stored["level"])})


Alert = AbandonedCall | LossAlert | BooksAlert | CaseAlert


def channel_of(name: str) -> str:
    """The outbox channel of a channel of the settings."""
    return CHANNEL_PREFIX + name


def row(channel: str, key: str, topic: str, subject: str, payload: dict[str, Any], now: datetime) -> OutboxRow:
    """An alert to one channel. Nothing in ``payload`` names a caller in full."""
    return OutboxRow(
        key=key,
        channel=channel_of(channel),
        topic=topic,
        subject=subject,
        payload=payload,
        state="pending",
        attempts=0,
        created_at=now,
        next_attempt_at=now,
    )


def loss_payload(alert: LossAlert) -> dict[str, Any]:
    return {
        "line": alert.line,
        "at": alert.at.isoformat(),
        "why": alert.turn.why.value,
        "lost": alert.turn.lost,
        "decided": alert.turn.decided,
        "loss_rate": alert.turn.loss_rate,
        "window_minutes": alert.window_minutes,
        "threshold": alert.threshold,
    }


def alert_of(parcel: Parcel) -> Alert:
    """What the row was written from. Raises KeyError, TypeError or ValueError for a row of another version."""
    stored = dict(parcel.payload)
    if parcel.topic == CALL_ABANDONED:
        return AbandonedCall.from_json(stored)
    if parcel.topic in (BOOKS_DRIFT, BOOKS_AGREE):
        counts = tuple((str(queue), str(kind), int(count)) for queue, kind, count in stored.get("counts", ()))
        return BooksAlert(datetime.fromisoformat(stored["at"]), stored["agree"], stored["drifts"], stored["sentence"], counts)
    if parcel.topic in CASE_TOPICS:
        return CaseAlert.from_json(stored)
    turn = next(turn for turn, topic in LOSS_RATE.items() if topic == parcel.topic)
    return LossAlert(
        line=stored["line"],
        at=datetime.fromisoformat(stored["at"]),
        turn=LossTurn(turn, Why(stored["why"]), stored["lost"], stored["decided"], stored["loss_rate"]),
        window_minutes=stored["window_minutes"],
        threshold=stored["threshold"],
    )


def collectable(parcels: Sequence[Parcel]) -> list[Parcel]:
    """The parcels at the head that may go in one message: lost calls alone.

    What may have arrived already goes again exactly as it went, so that its id is the same.
    """
    head = parcels[0]
    together: list[Parcel] = []
    for parcel in parcels:
        if parcel.topic != CALL_ABANDONED or parcel.unsure != head.unsure:
            break
        together.append(parcel)
    return together or [head]


def collected_id(parcels: Sequence[Parcel]) -> str:
    """The message id of these parcels together: the same parcels, the same id."""
    return parcels[0].message_id if len(parcels) == 1 else f"{parcels[0].message_id}-and-{len(parcels) - 1}"
