"""What is told of a finished report, and to whom: the outbox rows, written in the transaction that notes it as made. Used by the room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.delivery import Parcel
from ivr.reports.periods import Kind, Period
from ivr.settings import ReportRecipient
from ivr.store.schema import OutboxRow

REPORT_MADE = "report.made"
CHANNEL_PREFIX = "report-"


def channel_of(recipient: str) -> str:
    """The outbox channel of a recipient of the settings."""
    return CHANNEL_PREFIX + recipient


def subject_of(period: Period) -> str:
    return f"{period.kind} {period.name}"


@dataclass(frozen=True, slots=True)
class Notice:
    """One report in one language. ``text``: the short message; ``files``: "html" → its path below the folder of reports."""

    period: Period
    language: str
    title: str
    text: str
    url: str
    files: Mapping[str, str]
    figures: Mapping[str, float | int | None]

    def as_json(self) -> dict[str, Any]:
        """For the outbox row."""
        return {
            "kind": self.period.kind.value,
            "first": self.period.name,
            "language": self.language,
            "title": self.title,
            "text": self.text,
            "url": self.url,
            "files": dict(self.files),
            "figures": dict(self.figures),
        }

    @classmethod
    def of(cls, parcel: Parcel) -> Self:
        """What ``as_json`` gave. Raises KeyError, TypeError or ValueError for a row of another version."""
        told = dict(parcel.payload)
        period = Period(Kind(told.pop("kind")), date.fromisoformat(told.pop("first")))
        return cls(period, **told)


def tell(
    session: Session, notices: Mapping[str, Notice], recipients: Mapping[str, ReportRecipient], now: datetime, again: str = ""
) -> list[str]:
    """Write a row for each recipient of this kind; tells their names. ``notices`` by language.

    A second row of the same report to the same recipient needs another ``again``: else it is the one there already.
    """
    told = []
    for name, recipient in recipients.items():
        notice = notices.get(recipient.language)
        if notice is None or notice.period.kind not in recipient.kinds:
            continue
        key = ":".join(filter(None, (REPORT_MADE, name, notice.period.kind.value, notice.period.name, again)))
        if session.scalar(select(OutboxRow.id).where(OutboxRow.key == key)) is None:
            session.add(_row(channel_of(name), key, notice, now))
            told.append(name)
    return told


def _row(channel: str, key: str, notice: Notice, now: datetime) -> OutboxRow:
    return OutboxRow(
        key=key,
        channel=channel,
        topic=REPORT_MADE,
        subject=subject_of(notice.period),
        payload=notice.as_json(),
        state="pending",
        attempts=0,
        created_at=now,
        next_attempt_at=now,
    )
