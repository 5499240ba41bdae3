"""All contacts that are followed now, each read from its own facts: the one way from facts to records, live, replayed and in a batch.

Pure. ``ivr.tracking`` keeps one beside the ledger, ``ivr.replaying`` one for recordings.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from ami_bridge import facts as asterisk
from ivr.domain import call_facts as session
from ivr.domain import taken_places
from ivr.domain.contacts import Contact
from ivr.domain.held_contact import HeldContact
from ivr.domain.ledger import Entry, Source
from ivr.domain.reading import Reading
from ivr.domain.strays import Strays
from ivr.domain.visit_folding import began_as_told

# A contact is opened by these alone; other facts of unknown calls are of calls that are none of ours.
OPENING = (asterisk.CallArrived, session.CallTaken, session.ServedByFallback)
# Recordings of other dialplans have no arrival in our context, and may begin anywhere: whoever is in a queue, or refused there, has called.
OPENING_ANYWHERE = (
    *OPENING,
    *(asterisk.CallerQueued, asterisk.CallerWaiting, asterisk.QueueExited),
    *(asterisk.AgentRang, asterisk.AgentAnswered, asterisk.LeftUnanswered, asterisk.TalkEnded),
)
# And these rows of queue_log: the others tell of a visit whose beginning stands before them, or is lost.
OPENING_ROWS = (asterisk.CallerQueued, asterisk.CallerWaiting, asterisk.QueueExited)
# What a caller's own channel is named by: later facts that name it are his, whatever Linkedid they bear.
_NAMES_THE_CALLER = (
    *(asterisk.CallArrived, session.CallTaken, session.ServedByFallback),
    *(asterisk.CallerQueued, asterisk.CallerWaiting, asterisk.CallerLeftQueue, asterisk.LeftUnanswered, asterisk.QueueExited),
    *(asterisk.AgentRang, asterisk.AgentPickedUp, asterisk.AgentRingEnded, asterisk.AgentAnswered, asterisk.TalkEnded),
)
_NAMES_A_LEG = (asterisk.AgentRang, asterisk.AgentPickedUp, asterisk.AgentAnswered, asterisk.TalkEnded)
_OF_AGENTS = (
    asterisk.AgentStateReported,
    asterisk.AgentAdded,
    asterisk.AgentRemoved,
    asterisk.AgentPaused,
    asterisk.AgentUnpaused,
)
# Calls are told to have ended this long before Asterisk says that it stops: it hangs up everything first.
STOPPING = timedelta(seconds=5)
LONGEST_STOP = timedelta(seconds=60)
ONE_STROKE = timedelta(seconds=1)  # it hangs up everybody at once
OURS = "cb-"  # how the channel ids of calls begin that we make ourselves
_NO_CALL = frozenset({"", "NONE", "MANAGER", "CLI", "REALTIME"})  # what stands in queue_log's callid column instead of one
_FAR_END = ";2"  # what Asterisk adds to a Local channel's id for its far end


@dataclass(frozen=True, slots=True)
class Applied:
    """What a fact came to. ``kept`` belongs into the ledger; ``changed`` are new objects in place of the ones before.

    ``merged`` contacts are gone from the book; their facts, also those in the ledger, belong to the other.
    """

    changed: tuple[Contact, ...] = ()
    kept: tuple[Entry, ...] = ()
    merged: tuple[tuple[str, str], ...] = ()  # (contact that is none of its own, the one that has its facts now)


class ContactBook:
    """``apply`` entries in the order they come."""

    def __init__(self, *, any_dialplan: bool = False) -> None:
        self._opening = OPENING_ANYWHERE if any_dialplan else OPENING
        self._held: dict[str, HeldContact] = {}
        self._contacts: dict[str, Contact] = {}
        self.contacts: Mapping[str, Contact] = MappingProxyType(self._contacts)
        self._by_call: dict[tuple[str, str], str] = {}  # (PBX, Uniqueid) of a caller's channel → contact
        self._by_leg: dict[tuple[str, str], str] = {}  # and of an agent's
        self._made_by_us: set[str] = set()
        self._present: dict[str, set[str]] = {}  # by PBX: contacts named by the snapshot that is coming in
        self._lost_at: dict[str, datetime] = {}
        self._strays = Strays()

    def apply(self, entry: Entry, *, driven: Container[str] = frozenset()) -> Applied:
        """Take in one fact. ``driven``: contacts a session drives now, which a snapshot can't know better."""
        fact, pbx = entry.fact, entry.pbx
        match fact:
            case asterisk.LinkLost():
                self._lost_at.setdefault(pbx, fact.at)
                return Applied(kept=(entry,))
            case asterisk.LinkEstablished():
                return self._interrupted(entry, fact)
            case asterisk.CallPresent():
                self._seen(pbx, fact)
                return Applied()
            case asterisk.CallerWaiting() if entry.source is Source.AMI:
                self._seen(pbx, fact)
            case asterisk.SnapshotComplete():
                return self._missing(entry, driven)
            case asterisk.AsteriskStopped() | asterisk.AsteriskStarted():
                return self._cut_off(entry)
            case asterisk.CallbackReported():
                self._made_by_us.add(fact.call)
                return Applied(kept=(entry,))
        if isinstance(fact, _OF_AGENTS):
            return Applied(kept=(entry,))
        if (taken := self._place_taken(entry)) is not None:
            return self._merge(entry, *taken)
        return self._of_contact(entry, self._waits_on(entry))

    def entries(self, contact_id: str) -> Sequence[Entry]:
        """What was told of a contact that is still held, by time."""
        return self._held[contact_id].entries() if contact_id in self._held else ()

    def take_up(self, contact_id: str, entries: Iterable[Entry]) -> Contact | None:
        """Read a contact anew from the ledger, after a restart or for a fact that came late. None without entries."""
        held: HeldContact | None = None
        for entry in entries:
            if held is None:
                held = self._open(contact_id, entry)
            self._note(held, entry)
        return self._read(contact_id, held) if held else None

    def take_up_contact(self, contact: Contact) -> None:
        """A contact of which there is a record and no ledger: what comes is folded onto it."""
        self._held[contact.id] = HeldContact(contact.pbx, contact, Reading(contact))
        self._contacts[contact.id] = contact
        held = self._held[contact.id]
        for call in filter(None, (contact.call, contact.id)):
            self._index(self._by_call, held, call)
        for visit in contact.visits:
            for leg in filter(None, (visit.agent_call, *(ring.agent_call for ring in visit.rings))):
                self._index(self._by_leg, held, leg)

    def forget(self, contact_id: str) -> None:
        """Let go of a contact; facts that come later open none."""
        held = self._held.pop(contact_id, None)
        if held is None:
            return
        del self._contacts[contact_id]
        for index in (self._by_call, self._by_leg):
            for name in held.names:
                if index.get((held.pbx, name)) == contact_id:
                    del index[held.pbx, name]

    def contact_of(self, fact: asterisk.Fact, pbx: str | None = None) -> str | None:
        """The contact a fact is about, if it is held: by caller's channel, by agent's leg, by contact; bare ends of talks by the agent."""
        for each in (pbx,) if pbx is not None else dict.fromkeys(held.pbx for held in self._held.values()):
            if found := self._contact_of(each, fact):
                return found
        return None

    def _contact_of(self, pbx: str, fact: asterisk.Fact) -> str | None:
        call, leg = getattr(fact, "call", ""), getattr(fact, "agent_call", "")
        found = self._by_call.get((pbx, call)) or self._by_leg.get((pbx, call)) or self._by_leg.get((pbx, leg))
        if found:
            return found
        contact = getattr(fact, "contact", "") or call  # a call that nobody transferred has its first channel's name
        for candidate in (contact, f"{pbx}/{contact}") if contact else ():
            if candidate in self._held and self._held[candidate].pbx == pbx:
                return candidate
        return self._talking(pbx, fact) if isinstance(fact, asterisk.TalkEnded) and not contact else None

    def _talking(self, pbx: str, fact: asterisk.TalkEnded) -> str | None:
        """After a Redirect AgentComplete names no channel: the open talk of this queue and agent is meant, if there is one."""
        for contact_id, held in reversed(self._held.items()):
            visits = held.contact.visits if held.pbx == pbx else ()
            talks = [visit for visit in visits if (visit.queue, visit.agent) == (fact.queue, fact.agent) and visit.answered_at]
            if any(began_as_told(visit, fact) and (visit.talking or fact.talk_s is not None) for visit in talks):
                return contact_id
        return None

    def _of_contact(self, entry: Entry, taken: Entry | None = None) -> Applied:
        contact_id = self._contact_of(entry.pbx, (taken or entry).fact)
        if contact_id is not None:
            held = self._held[contact_id]
            if taken is not None:
                told = [each for each in (taken, *self._strays.of(entry), entry) if self._note(held, each)]
                return Applied((self._read(contact_id, held),), tuple(told))
            if not self._note(held, entry):
                return Applied()
            return Applied((self._read(contact_id, held),), (entry,))
        contact_id = self._opened_by(entry)
        if contact_id is None:
            self._strays.keep(entry)
            return Applied()
        held = self._held[contact_id]
        kept = [told for told in (*self._strays.of(entry), entry) if self._note(held, told)]
        return Applied((self._read(contact_id, held),), tuple(kept))

    def _place_taken(self, entry: Entry) -> tuple[str, str, str] | None:
        """Where a caller takes the place of an agent's second call in a queue: that call's contact, his, and the call."""
        fact, pbx = entry.fact, entry.pbx
        if not isinstance(fact, asterisk.CallTransferred | asterisk.CallerWaiting):
            return None
        caller = self._contact_of(pbx, fact)
        if caller is None:
            return None
        if isinstance(fact, asterisk.CallTransferred):
            second = self._by_call.get((pbx, fact.place)) if fact.place else None
            return (second, caller, fact.place) if second not in (None, caller) and second is not None else None
        if entry.source is not Source.QUEUE_LOG or not self._held[caller].was_handed_over():
            return None
        taken = taken_places.second_call(fact, pbx, caller, self._held)
        return (taken[0], caller, taken[1]) if taken else None

    def _waits_on(self, entry: Entry) -> Entry | None:
        """In whose place a call waits that this row names first."""
        row, pbx = entry.fact, entry.pbx
        if entry.source is not Source.QUEUE_LOG or not isinstance(row, asterisk.CallerWaiting) or self._contact_of(pbx, row) is not None:
            return None
        taken = taken_places.renamed(row, pbx, self._held)
        return Entry(pbx, Source.SESSION, taken) if taken else None

    def _merge(self, entry: Entry, second: str, caller: str, place: str) -> Applied:
        """All that was told of the second call is told of the caller."""
        held, other = self._held[caller], self._held[second]
        applied = self._of_contact(entry)
        told = (*held.entries(), *other.entries())
        taken = Entry(
            entry.pbx,
            Source.SESSION,
            session.PlaceTaken(entry.fact.at, caller, getattr(entry.fact, "call", "") or held.contact.call, place),
        )
        self.forget(second)
        self.forget(caller)
        contact = self.take_up(caller, [*sorted(told, key=lambda each: each.fact.at), taken])
        return Applied((contact,) if contact else (), (*applied.kept, taken), ((second, caller),))

    def _opened_by(self, entry: Entry) -> str | None:
        fact = entry.fact
        call = getattr(fact, "call", "")
        own = call.removesuffix(_FAR_END)
        if own in self._made_by_us or own.startswith(OURS):  # whoever is called back waits in a queue too: he didn't call
            return None
        if entry.source is Source.QUEUE_LOG:
            contact_id = "" if call in _NO_CALL or not isinstance(fact, OPENING_ROWS) else call
        elif isinstance(fact, self._opening):
            contact_id = getattr(fact, "contact", "") or call
        else:
            return None
        if not contact_id:
            return None
        if contact_id in self._held:  # another PBX has a call of the same name
            contact_id = f"{entry.pbx}/{contact_id}"
        self._open(contact_id, entry)
        return contact_id

    def _open(self, contact_id: str, entry: Entry) -> HeldContact:
        contact = Contact(contact_id, entry.fact.at, pbx=entry.pbx)
        held = self._held[contact_id] = HeldContact(entry.pbx, contact, Reading(contact))
        self._contacts[contact_id] = contact
        return held

    def _note(self, held: HeldContact, entry: Entry) -> bool:
        """Write it into the contact's journal; False if it stands there already."""
        fact = entry.fact
        logged = entry.source is Source.QUEUE_LOG
        journal = held.logged if logged else held.told
        if journal.holds(entry):
            return False
        at_end = journal.add(entry)
        held.reading.add(fact, logged=logged, at_end=at_end)
        call, leg = getattr(fact, "call", ""), getattr(fact, "agent_call", "")
        if call and (logged or isinstance(fact, _NAMES_THE_CALLER)):
            self._index(self._by_call, held, call)
        if leg and isinstance(fact, _NAMES_A_LEG):
            self._index(self._by_leg, held, leg)
        if isinstance(fact, asterisk.ChannelReplaced):
            for index in (self._by_call, self._by_leg):
                if (held.pbx, call) in index:
                    self._index(index, held, fact.by)
        return True

    def _index(self, index: dict[tuple[str, str], str], held: HeldContact, name: str) -> None:
        index[held.pbx, name] = held.contact.id
        held.names.add(name)

    def _read(self, contact_id: str, held: HeldContact) -> Contact:
        held.contact = self._contacts[contact_id] = held.reading.read(held.told, held.logged)
        return held.contact

    def _derived(self, entry: Entry, facts: Iterable[session.SessionFact]) -> Applied:
        """Facts that the book draws from one about the whole PBX: one for each contact, so that each can be read by itself."""
        applied = [self._of_contact(Entry(entry.pbx, Source.SESSION, fact)) for fact in list(facts)]
        return Applied(
            tuple(contact for each in applied for contact in each.changed),
            (entry, *(derived for each in applied for derived in each.kept)),
        )

    def _live(self, pbx: str, since: datetime | None = None) -> Iterable[tuple[str, HeldContact]]:
        """Contacts that go on, or went on ``since``."""
        for found, held in self._held.items():
            ended_at = held.contact.ended_at
            if held.pbx == pbx and (ended_at is None or (since is not None and ended_at >= since)):
                yield found, held

    def _interrupted(self, entry: Entry, fact: asterisk.LinkEstablished) -> Applied:
        """A snapshot follows; what open contacts did since the link was lost, or since we last wrote of them, nobody saw."""
        self._present[entry.pbx] = set()
        lost = fact.gap_from or self._lost_at.pop(entry.pbx, None)
        self._lost_at.pop(entry.pbx, None)
        return self._derived(
            entry,
            [
                session.WatchInterrupted(fact.at, found, lost or max((each.fact.at for each in held.told), default=held.contact.started_at))
                for found, held in self._live(entry.pbx, lost)
            ],
        )

    def _seen(self, pbx: str, fact: asterisk.Fact) -> None:
        if pbx in self._present and (found := self._contact_of(pbx, fact)):
            self._present[pbx].add(found)

    def _missing(self, entry: Entry, driven: Container[str]) -> Applied:
        """What a snapshot didn't name has ended while nobody watched."""
        present = self._present.pop(entry.pbx, None)
        if present is None:
            return Applied()
        absent = [found for found, _ in self._live(entry.pbx) if found not in present and found not in driven]
        return self._derived(entry, [session.CallMissing(entry.fact.at, found) for found in absent])

    def _cut_off(self, entry: Entry) -> Applied:
        """Asterisk stopped, or began anew: no call of before lives, and whoever seems to have hung up just before didn't."""
        at, since = entry.fact.at, self._stopping_since(entry)
        # A row's time is cut to the second: who calls in the very second of a start calls the new Asterisk.
        cut = [
            found
            for found, held in self._held.items()
            if held.pbx == entry.pbx
            and (held.contact.started_at < at or isinstance(entry.fact, asterisk.AsteriskStopped))
            and not held.contact.cut_off
            and (held.contact.ended_at is None or since <= held.contact.ended_at <= at or _missed_since(held.contact, at))
        ]
        return self._derived(entry, [session.CallCutOff(at, found, since) for found in cut])

    def _stopping_since(self, entry: Entry) -> datetime:
        """Asterisk hangs up everybody, and may take its time before it says so: 17 s, measured. Who waits ends without a cause then."""
        at = entry.fact.at
        since = at - STOPPING
        if isinstance(entry.fact, asterisk.AsteriskStopped):
            for held in self._held.values():
                ended = held.contact.ended_at
                if held.pbx == entry.pbx and ended and at - LONGEST_STOP <= ended < since and held.ended_without_cause():
                    since = min(since, ended - ONE_STROKE)
        return since


def _missed_since(contact: Contact, at: datetime) -> bool:
    return bool(contact.end_uncertain and contact.ended_at and contact.ended_at > at)
