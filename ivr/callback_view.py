"""How a promised call is shown to people and programs: the JSON of the command line and of the console. Pure; numbers masked (R60)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivr.domain.numbers import masked
from ivr.store.callbacks import CallbackRecord


def callback_as_json(record: CallbackRecord, zone: ZoneInfo) -> dict[str, Any]:
    """Times in ``zone`` with their offset. ``dials`` is empty in a list."""

    def local(at: datetime | None) -> str | None:
        return at.astimezone(zone).isoformat(timespec="milliseconds") if at else None

    return {
        "id": record.id,
        "reason": record.reason,
        "state": record.state,
        "number": masked(record.number),
        "line": record.line,
        "queue": record.queue,
        "language": record.language,
        "contact": record.contact,
        "complaint": record.complaint,
        "due_at": local(record.due_at),
        "expires_at": local(record.expires_at),
        "attempts": record.attempts,
        "last_result": record.last_result,
        "created_at": local(record.created_at),
        "created_by": record.created_by,
        "ended_at": local(record.ended_at),
        "dials": [
            {
                "number": dial.number,
                "channel": dial.channel_id,
                "dialled_at": local(dial.dialled_at),
                "ended_at": local(dial.ended_at),
                "result": dial.result,
            }
            for dial in record.dials
        ],
    }
