"""How records are shown to people and programs: the JSON of the command line and, later, of the HTTP API. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivr.domain.contacts import Contact, Visit
from ivr.domain.numbers import masked, masked_name
from ivr.store.complaints import Complaint
from ivr.store.schema import MessageRow


def contact_as_json(contact: Contact, zone: ZoneInfo) -> dict[str, Any]:
    """A service record (R6): times in ``zone`` with offset, durations in seconds, the caller masked (R60)."""
    return {
        "id": contact.id,
        "line": contact.line,
        "caller": masked(contact.caller) or None,
        "caller_name": masked_name(contact.caller_name) or None,
        "dialled": contact.dialled,
        "started_at": _local(contact.started_at, zone),
        "answered_at": _local(contact.answered_at, zone),
        "ended_at": _local(contact.ended_at, zone),
        "outcome": contact.outcome.value if contact.outcome else None,
        "abandoned_at_node": _abandoned_at(contact),
        "path": [{"node": step.node, "at": _local(step.at, zone), "keys": step.keys} for step in contact.path],
        "visits": [visit_as_json(visit, zone) for visit in contact.visits],
        "complaint": contact.complaint,
        "message": contact.left_message,
        "callback": contact.callback,
        "language": contact.language,
        "served_by": contact.served_by,
        "flow_version": contact.flow_version,
        "sip_call_id": contact.sip_call_id,
        "failure": contact.failure,
    }


def visit_as_json(visit: Visit, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "queue": visit.queue,
        "outcome": visit.outcome.value if visit.outcome else None,
        "joined_at": _local(visit.joined_at, zone),
        "wait": _seconds(visit.wait_s),
        "ring": _seconds(visit.ring_s),
        "talk": _seconds(visit.talk_s),
        "agent": visit.agent,
        "ended_by": visit.ended_by,
        "held": _seconds(visit.held_s) if visit.talk_s is not None else None,
        "transferred": visit.transferred,
        "uncertain": visit.uncertain,
        "quality": visit.quality.value,
        "source": "+".join(visit.sources),
    }


def complaint_as_json(complaint: Complaint, zone: ZoneInfo, recordings: str) -> dict[str, Any]:
    """A complaint with the path of its recording; numbers masked (R60)."""
    return {
        "number": complaint.number,
        "state": complaint.state,
        "incomplete": complaint.incomplete,
        "contact": complaint.contact,
        "line": complaint.line,
        "serial": complaint.serial,
        "caller": masked(complaint.caller) or None,
        "contact_number": masked(complaint.contact_number) or None,
        "recording": f"{recordings}/{complaint.recording}.wav" if complaint.recording else None,
        "recording_seconds": complaint.recording_s,
        "filed_at": _local(complaint.filed_at, zone),
        "crm_reference": complaint.crm_reference,
    }


def message_as_json(message: MessageRow, zone: ZoneInfo, recordings: str) -> dict[str, Any]:
    """A message with the path of its recording."""
    return {
        "line": message.line,
        "taken_at": _local(message.taken_at, zone),
        "incomplete": message.incomplete,
        "recording": f"{recordings}/{message.recording}.wav",
        "recording_seconds": message.recording_s,
    }


def spreadsheet_safe(value: object) -> object:
    """A text that a spreadsheet would take for a formula, made text again."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _abandoned_at(contact: Contact) -> str | None:
    if contact.outcome and contact.outcome.value == "abandoned_ivr":
        return contact.path[-1].node if contact.path else None
    return None


def _local(at: datetime | None, zone: ZoneInfo) -> str | None:
    return at.astimezone(zone).isoformat(timespec="milliseconds") if at else None


def _seconds(value: float | None) -> float | None:
    return round(value, 1) if value is not None else None
