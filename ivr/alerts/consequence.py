"""An abandoned call's alert as a consequence of its end: one outbox row for each channel that covers the line. Run by ``ivr.tracking``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.alerts.carrier import KEEPS
from ivr.alerts.messages import CALL_ABANDONED, row
from ivr.domain.alert_rules import abandoned_call
from ivr.domain.contacts import Contact
from ivr.settings import AlertChannel, Alerts
from ivr.store.schema import OutboxRow


def covering(channels: Mapping[str, AlertChannel], line: str | None) -> list[str]:
    """The channels told of this line. A call that chose no line is for those that cover all."""
    return [name for name, channel in channels.items() if not channel.lines or line in channel.lines]


def abandoned_call_alert(alerts: Alerts, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Callable[[Session, Contact], None]:
    """The consequence. Idempotent: a row's key is made of the channel and the contact. What ended long ago is no news any more."""

    def write(session: Session, contact: Contact) -> None:
        call = abandoned_call(contact, menus=alerts.menus)
        now = clock()
        if call is None or now - call.at > KEEPS:
            return
        for channel in covering(alerts.channels, call.line):
            key = f"{CALL_ABANDONED}:{channel}:{contact.id}"
            if session.scalar(select(OutboxRow.id).where(OutboxRow.key == key)) is None:
                session.add(row(channel, key, CALL_ABANDONED, contact.id, call.as_json(), now))

    return write
