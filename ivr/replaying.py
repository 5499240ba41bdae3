"""``ivrd replay``: recorded AMI streams to contacts and visits, by the same translation and the same fold as the live daemon."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ami_bridge import facts as asterisk
from ami_bridge.ami_wire import AmiFraming, MessageTooLong, parse
from ami_bridge.translate import Translator
from ivr.domain import folding
from ivr.domain.contacts import Contact
from ivr.views import visit_as_json

CHUNK = 64 * 1024
# Any of these tells of a caller: recordings of other dialplans have no arrival in our context.
OPENING = (asterisk.CallArrived, asterisk.CallerQueued, asterisk.QueueExited, asterisk.CallerWaiting)


class ReplayError(Exception):
    """The file can't be replayed; the message is a sentence with its name."""


@dataclass(slots=True)
class Replay:
    """What a recording tells. Contacts in order of their beginning.

    Asterisk knows the visits whole. What a caller achieved in the flow (a complaint filed, a message, a promised call, a line found
    closed) it doesn't: his contact's outcome is then the one he would have had without, ``abandoned_ivr`` for instance.
    """

    contacts: list[Contact] = field(default_factory=list)
    gaps: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        """As ``ivrd replay --json`` prints it."""
        return {
            "contacts": [
                {
                    "id": contact.id,
                    "outcome": contact.outcome.value if contact.outcome else None,
                    "line": contact.line,
                    "started_at": contact.started_at.astimezone(zone).isoformat(),
                    "ended_at": contact.ended_at.astimezone(zone).isoformat() if contact.ended_at else None,
                }
                for contact in self.contacts
            ],
            "visits": [{"contact": contact.id, **visit_as_json(visit, zone)} for contact in self.contacts for visit in contact.visits],
            "gaps": self.gaps,
            "warnings": self.warnings,
        }


@dataclass(slots=True)
class _Calls:
    """``made_by_us``: the calls we promised and made. Whoever is called back waits in a queue again, and is no contact: he didn't call."""

    contacts: dict[str, Contact] = field(default_factory=dict)
    made_by_us: set[str] = field(default_factory=set)


def replay(files: Iterable[Path]) -> Replay:
    """Replay the files one after the other, as one stream of facts. Raises ReplayError."""
    found, calls = Replay(), _Calls()
    for file in files:
        _replay_stream(file, calls, found)
    found.contacts = sorted(calls.contacts.values(), key=lambda contact: contact.started_at)
    return found


def _replay_stream(file: Path, calls: _Calls, found: Replay) -> None:
    framing, translator = AmiFraming(), Translator()
    last = datetime.fromtimestamp(0, UTC)  # until the first event says when; streams need timestampevents=yes
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                for raw in framing.feed(chunk):
                    facts, suspicion = translator.translate(parse(raw), last)
                    if suspicion:
                        kept = "the genuine part was used" if suspicion.kept else "it was left out"
                        found.warnings.append(f"{file}: {suspicion.event}: {suspicion.why}; {kept}")
                    for fact in facts:
                        last = max(last, fact.at)
                        _apply(fact, calls, found)
    except OSError as error:
        raise ReplayError(f"{file}: can't be read: {error.strerror}") from error
    except MessageTooLong as error:
        raise ReplayError(f"{file}: this is no AMI stream: {error}") from error


def _apply(fact: asterisk.Fact, calls: _Calls, found: Replay) -> None:
    if isinstance(fact, asterisk.AsteriskStopped):
        found.gaps.append({"at": fact.at.isoformat(), "why": "Asterisk was stopped; the hang-ups before it were nobody's doing"})
    if isinstance(fact, asterisk.CallbackReported):  # told before the queue, by the same thread of Asterisk
        calls.made_by_us.add(fact.call)
    contact_id = getattr(fact, "contact", "")
    contact = calls.contacts.get(contact_id)
    if contact is None and contact_id and isinstance(fact, OPENING) and fact.call not in calls.made_by_us:
        contact = calls.contacts[contact_id] = Contact(contact_id, fact.at)
    if contact is not None:
        if isinstance(fact, asterisk.QueueExited):
            contact.call = contact.call or fact.call
        folding.fold(contact, fact)
