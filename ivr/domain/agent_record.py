"""One agent as the facts have him at one moment: his queues, his phone, who rings and who talks; and what his figures count. Pure.

The inner fold of ``ivr.domain.agent_book``, which hands each agent the facts that concern him, in order of time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ami_bridge import facts as asterisk
from ami_bridge.facts import EndedBy, TransferKind
from ivr.domain.agent_states import AgentEvent, What
from ivr.domain.agent_tiling import OnCall, Phone, Situation

# AST_DEVICE_* of Asterisk's include/asterisk/devicestate.h. A state that isn't known (0) is rung like an idle phone.
_PHONES: Mapping[int, Phone] = {
    2: Phone.BUSY,
    3: Phone.BUSY,
    8: Phone.BUSY,
    4: Phone.GONE,
    5: Phone.GONE,
    6: Phone.RINGING,
    7: Phone.RINGING,
}
# How an offer ends, by DialStatus, by queue_log's verb, by Asterisk's event.
_RESULTS: Mapping[str, What] = {
    "BUSY": What.REFUSED,
    "RINGNOANSWER": What.NO_ANSWER,
    "NOANSWER": What.NO_ANSWER,
    "CHANUNAVAIL": What.NO_ANSWER,
    "CONGESTION": What.NO_ANSWER,
    "AGENTDUMP": What.PICK_UP_FAILED,
}
# Q.850 causes by which a phone refuses: user busy, call rejected. Asterisk reports such an offer as unanswered, too.
_REFUSALS = frozenset({17, 21})
_REMEMBERED = 64  # legs that are over: their facts may come again


@dataclass(frozen=True, slots=True)
class Member:
    """Of one queue. ``wrapup_s``: the queue's own."""

    paused: bool = False
    reason: str = ""
    wrapup_s: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    queue: str
    contact: str
    call: str
    began_at: datetime
    picked_up: datetime | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    queue: str
    contact: str
    call: str
    held_since: datetime | None = None
    taken_over: bool = False  # in place of whoever asked him: the queue's call is over, his talk goes on


@dataclass(frozen=True, slots=True)
class Seen(asterisk.Fact):
    """What a snapshot of Asterisk said of him: his memberships, his phone, and which channels live at all."""

    members: tuple[tuple[str, Member], ...]
    phone: int
    calls: frozenset[str]


@dataclass(slots=True)
class AgentRecord:
    """Offers and talks by the Uniqueid of the agent's leg, or by what stands for it where the source doesn't name one."""

    members: dict[str, Member] = field(default_factory=dict)
    phone: int = 0
    paused_since: datetime | None = None
    stopped: bool = False  # Asterisk is
    offers: dict[str, Offer] = field(default_factory=dict)
    talks: dict[str, Talk] = field(default_factory=dict)
    rung: dict[str, None] = field(default_factory=dict)  # offers that are over
    over: dict[str, None] = field(default_factory=dict)  # talks
    told_over: dict[str, None] = field(default_factory=dict)  # talks whose end Asterisk told: the first word on it counts
    events: dict[str, AgentEvent] = field(default_factory=dict)

    def copy(self) -> AgentRecord:
        return replace(
            self,
            members=dict(self.members),
            offers=dict(self.offers),
            talks=dict(self.talks),
            rung=dict(self.rung),
            over=dict(self.over),
            told_over=dict(self.told_over),
            events=dict(self.events),
        )

    def situation(self) -> Situation:
        offer, talk = next(iter(self.offers.values()), None), next(reversed(self.talks.values()), None)
        in_call = offer is not None or talk is not None
        phone = Phone.GONE if self.stopped else _PHONES.get(self.phone, Phone.FREE)
        return Situation(
            member=bool(self.members),
            phone=Phone.FREE if in_call and not self.stopped else phone,
            paused_since=self.paused_since,
            reason=next((member.reason for member in self.members.values() if member.reason), "") if self.paused_since else "",
            offer=OnCall(offer.queue, offer.call) if offer and not talk else None,
            talk=OnCall(talk.queue, talk.call, self.members.get(talk.queue, Member()).wrapup_s) if talk else None,
        )

    def apply(self, at: datetime, fact: asterisk.Fact, *, leg: str = "", handed_on: bool = False, coarse: bool = False) -> None:
        """Fold one fact, which the caller has found to be his. ``leg``: what names the offer or talk; ``coarse``: queue_log told it.

        ``handed_on``: whom he answers was transferred by somebody. The same fact twice counts once.
        """
        match fact:
            case asterisk.AgentStateReported(queue=queue, removed=True):
                self.members.pop(queue, None)
            case asterisk.AgentStateReported(queue=queue, state=state, paused=paused, reason=reason, wrapup_s=wrapup_s):
                self.members.pop("", None)
                self.members[queue] = Member(paused, reason if paused else "", wrapup_s)
                self.phone = state
            case asterisk.AgentAdded(queue=queue, paused=paused):
                self.members.setdefault(queue, Member(paused))
            case asterisk.AgentRemoved(queue=queue):
                self.members.pop(queue, None)
                self.members.pop("", None)
            case asterisk.AgentPaused(queue=queue, reason=reason):
                self._pause(queue, True, reason)
            case asterisk.AgentUnpaused(queue=queue):
                self._pause(queue, False, "")
            case asterisk.AgentRang(contact=contact, call=call, queue=queue):
                if leg not in self.rung and leg not in self.over and leg not in self.talks:
                    self._evidently_member(queue)
                    self.offers.pop(restored(call), None)
                    self.offers.setdefault(leg, Offer(queue, contact, call, at))
            case asterisk.AgentPickedUp():
                if leg in self.offers:
                    self.offers[leg] = replace(self.offers[leg], picked_up=at)
            case asterisk.AgentRingEnded(call=call, result=result):
                self._offer_ended(at, leg, call, _RESULTS.get(result, What.CANCELLED))
            case asterisk.AgentAnswered():
                self._answered(at, fact, leg, handed_on=handed_on, alone=coarse)
            case asterisk.TalkEnded():
                self._talk_ended(at, fact, leg)
            case asterisk.CallTransferred():
                self._transferred(at, fact, leg, to_him=handed_on)
            case asterisk.ChannelReplaced(call=call, by=by):
                if call in self.talks:  # his leg was half of a Local channel: the telephone behind it goes on
                    self.talks[by] = self.talks.pop(call)
            case asterisk.CallHeld():
                if (talk := self.talks.get(leg)) and talk.held_since is None:
                    self.talks[leg] = replace(talk, held_since=at)
            case asterisk.CallResumed():
                self._resume(at, leg)
            case asterisk.CallEnded(call=call, cause=cause):
                self._hung_up(at, call, cause)
            case asterisk.AsteriskStopped() | asterisk.AsteriskStarted():
                self._end_all(at)
                self.stopped = isinstance(fact, asterisk.AsteriskStopped)
            case Seen():
                self._seen(at, fact)
        paused = bool(self.members) and all(member.paused for member in self.members.values())
        self.paused_since = (self.paused_since or at) if paused else None

    def _pause(self, queue: str, paused: bool, reason: str) -> None:
        for name in [queue] if queue else list(self.members):
            self.members[name] = replace(self.members.get(name, Member()), paused=paused, reason=reason)
        if queue and "" in self.members:  # restored without its queues' names: they are paused one by one, and alike
            self.members[""] = Member(paused, reason)

    def _evidently_member(self, queue: str) -> None:
        if not self.members:
            self.members[queue] = Member()

    def _offer_ended(self, at: datetime, leg: str, call: str, how: What) -> None:
        if leg not in self.offers:
            known = [each for each, offer in self.offers.items() if offer.call == call]
            if leg in self.rung or leg in self.over or not known:
                return
            leg = known[0]
        offer = self.offers.pop(leg)
        _remember(self.rung, leg)
        if offer.picked_up:
            how = What.PICK_UP_FAILED
        rang = (offer.picked_up or at) - offer.began_at
        self._count(at, how, leg, offer.queue, offer.contact, rang)

    def _answered(self, at: datetime, fact: asterisk.AgentAnswered, leg: str, *, handed_on: bool, alone: bool) -> None:
        self.talks.pop(restored(fact.call), None)
        # Told again by the row of the talk's end, or by a leg that another has replaced since.
        if leg in self.over or any(talk.call == fact.call for talk in self.talks.values()):
            return
        self._evidently_member(fact.queue)
        same = leg if leg in self.offers else next((each for each, offer in self.offers.items() if offer.call == fact.call), None)
        offer = self.offers.pop(same) if same is not None else None
        if alone:  # queue_log doesn't tell every end, and nobody talks to two
            self._end_all(at)
        self.talks[leg] = Talk(fact.queue, fact.contact, fact.call)
        self.events.pop(_key("offer", leg), None)  # cancelled, it seemed: his caller was exchanged by an attended transfer
        rang = (offer.picked_up or at) - offer.began_at if offer else None
        self._count(at, What.ANSWERED, leg, fact.queue, fact.contact, rang)
        if handed_on:
            self._count(at, What.TRANSFERRED_IN, leg, fact.queue, fact.contact)

    def _talk_ended(self, at: datetime, fact: asterisk.TalkEnded, leg: str) -> None:
        if leg not in self.over and leg not in self.talks:
            fits = [each for each, talk in self.talks.items() if (talk.call == fact.call if fact.call else talk.queue == fact.queue)]
            if not fits:
                return
            leg = fits[-1]
        if leg in self.talks and self.talks[leg].taken_over and fact.call != self.talks[leg].call:
            return
        if fact.ended_by is EndedBy.TRANSFER and leg not in self.told_over:
            self._count(at, What.TRANSFERRED_OUT, leg, fact.queue, fact.contact)
        _remember(self.told_over, leg)
        self._end_talk(at, leg)

    def _transferred(self, at: datetime, fact: asterisk.CallTransferred, leg: str, *, to_him: bool) -> None:
        talk = self.talks.get(leg)
        if talk is None:
            return
        self._count(at, What.TRANSFERRED_IN if to_him else What.TRANSFERRED_OUT, leg, talk.queue, fact.contact)
        if to_him:
            self.talks[leg] = replace(talk, contact=fact.contact, call=fact.call or talk.call, taken_over=True)
        elif fact.kind is TransferKind.BLIND and fact.agent_call != leg:  # the telephone beyond his Local leg, which stays
            self._end_talk(at, leg)

    def _end_talk(self, at: datetime, leg: str) -> None:
        self._resume(at, leg)
        if self.talks.pop(leg, None):
            _remember(self.over, leg)

    def _resume(self, at: datetime, leg: str) -> None:
        talk = self.talks.get(leg)
        if talk and talk.held_since:
            self._count(at, What.HELD, f"{leg}@{talk.held_since.isoformat()}", talk.queue, talk.contact, at - talk.held_since)
            self.talks[leg] = replace(talk, held_since=None)

    def _hung_up(self, at: datetime, call: str, cause: int) -> None:
        """His own leg. The caller's end matters only where his leg isn't known: an attended transfer exchanges the caller."""
        mine = (call, restored(call))
        for leg in [each for each in self.offers if each in mine]:
            self._offer_ended(at, leg, call, What.CANCELLED)
        for leg in [each for each in self.talks if each in mine]:
            self._end_talk(at, leg)
        key = _key("offer", call)
        if cause in _REFUSALS and (event := self.events.get(key)) and event.what is What.NO_ANSWER:
            self.events[key] = replace(event, what=What.REFUSED)

    def _end_all(self, at: datetime) -> None:
        for leg in list(self.offers):
            del self.offers[leg]
            _remember(self.rung, leg)
        for leg in list(self.talks):
            self._end_talk(at, leg)

    def _seen(self, at: datetime, seen: Seen) -> None:
        self.stopped = False
        self.members, self.phone = dict(seen.members), seen.phone
        in_use = _PHONES.get(seen.phone) in (Phone.BUSY, Phone.RINGING)
        for leg in [each for each in self.offers if each not in seen.calls]:
            del self.offers[leg]
            _remember(self.rung, leg)
        for leg in [each for each, talk in self.talks.items() if each not in seen.calls and not (in_use and talk.call in seen.calls)]:
            self._end_talk(at, leg)

    def _count(self, at: datetime, what: What, leg: str, queue: str, contact: str, lasted: timedelta | None = None) -> None:
        kind = "offer" if what not in (What.TRANSFERRED_OUT, What.TRANSFERRED_IN, What.HELD) else what.value
        ms = None if lasted is None else max(0, round(lasted / timedelta(milliseconds=1)))
        self.events.setdefault(_key(kind, leg), AgentEvent(_key(kind, leg), at, what, queue, contact, ms))


def _remember(known: dict[str, None], leg: str) -> None:
    known[leg] = None
    if len(known) > _REMEMBERED:
        del known[next(iter(known))]


def restored(call: str) -> str:
    """What stands for the leg of an offer or a talk that was taken up from the store, which doesn't keep legs."""
    return f"restored:{call}"


def _key(kind: str, leg: str) -> str:
    """Of one agent's event; the store adds whose it is."""
    return f"{kind}:{leg}" if len(leg) <= 40 else f"{kind}:{hashlib.sha256(leg.encode()).hexdigest()[:32]}"
