"""Takes finished reports to one recipient: by mail with the files attached, or as a short message to a robot or hook.

Built by ``ivr.outgoing``; the outbox retries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ivr.alerts.email import plain
from ivr.alerts.wecom import WecomRobot
from ivr.delivery import Carried, Delivered, Delivery, NotYet, Parcel, Rejected
from ivr.mailing import Attachment, Mailer
from ivr.reports.notice import REPORT_MADE, Notice, channel_of
from ivr.reports.words import word
from ivr.webhook import Webhook

# What couldn't be delivered for so long lies on the console all the same.
KEEPS = timedelta(days=7)
LONGEST_RETRY_S = 900.0
ATTACHED = {"html": "text/html", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


class ReportSink(Protocol):
    async def send(self, message_id: str, notice: Notice) -> Delivery: ...


class ReportCarrier:
    """``name`` is the recipient's in the settings. One or two reports a day: no limit of a robot's is near."""

    keeps: timedelta | None = KEEPS
    lasting: Mapping[str, timedelta] = {}
    longest_retry_s = LONGEST_RETRY_S

    def __init__(self, name: str, sink: ReportSink) -> None:
        self.channel = channel_of(name)
        self._sink = sink

    async def carry(self, parcels: Sequence[Parcel]) -> Carried | NotYet:
        try:
            notice = Notice.of(parcels[0])
        except (KeyError, TypeError, ValueError) as error:
            return Carried(1, Rejected(f"the stored report can't be read: {type(error).__name__}"))
        return Carried(1, await self._sink.send(parcels[0].message_id, notice))

    def settled(self, session: Session, parcel: Parcel, delivered: Delivered) -> None:
        """Nothing follows from a delivered report."""


class MailReports:
    """``folder``: where reports lie. ``to``: the addresses, all in one message."""

    def __init__(self, mailer: Mailer, to: Sequence[str], folder: Path, clock: Callable[[], datetime]) -> None:
        self._mailer = mailer
        self._to = to
        self._folder = folder
        self._clock = clock

    async def send(self, message_id: str, notice: Notice) -> Delivery:
        try:
            attachments = await asyncio.to_thread(self._attachments, notice)
        except (OSError, ValueError) as error:
            return Rejected(
                f"its file can't be read ({error}): ivrd reports make {notice.period.kind} {notice.period.name}, then send it again"
            )
        body = (
            plain(notice.text.rpartition("\n")[0])
            + "\n\n"
            + word("mail.body", "zh" if notice.language == "zh" else "en", url=notice.url)
            + "\n"
        )
        message = await asyncio.to_thread(self._mailer.message, message_id, self._to, notice.title, body, self._clock(), attachments)
        return await self._mailer.send(message, self._to)

    def _attachments(self, notice: Notice) -> list[Attachment]:
        return [
            Attachment(Path(notice.files[form]).name, kind, inside(self._folder, notice.files[form]).read_bytes())
            for form, kind in ATTACHED.items()
            if form in notice.files
        ]


class RobotReports:
    """A group robot: it gets the short message, whose last line is the link."""

    def __init__(self, robot: WecomRobot) -> None:
        self._robot = robot

    async def send(self, message_id: str, notice: Notice) -> Delivery:
        """The robot knows no ids: what may have arrived comes twice rather than never."""
        return await self._robot.say(notice.text)


class HookReports:
    """A signed webhook: docs/webhooks.md, ``report.made``."""

    def __init__(self, webhook: Webhook, zone: ZoneInfo) -> None:
        self._webhook = webhook
        self._zone = zone

    async def send(self, message_id: str, notice: Notice) -> Delivery:
        period = notice.period
        data = {
            "kind": period.kind.value,
            "from": period.start(self._zone).astimezone(self._zone).isoformat(),
            "to": period.end(self._zone).astimezone(self._zone).isoformat(),
            "language": notice.language,
            "title": notice.title,
            "url": notice.url,
            "figures": dict(notice.figures),
            "text": notice.text,
        }
        at = period.end(self._zone).astimezone(self._zone).isoformat(timespec="milliseconds")
        return await self._webhook.send(message_id, {"type": REPORT_MADE, "timestamp": at, "data": data})


def inside(folder: Path, name: str) -> Path:
    """The file of this name below ``folder``. Raises ValueError for one that lies elsewhere."""
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"{name} is not in the folder of reports")
    return path
