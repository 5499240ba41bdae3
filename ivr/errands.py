"""Performs what a flow asks of the house: hours, complaints, promises, customers, webhooks, ratings. For ``ivr.session`` alone.

Each errand has a deadline, and a fault of a port becomes the outcome that a flow expects of it: a caller never waits for a store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

import structlog

from callflows.effects import (
    AskWebhook,
    AwaitStored,
    CheckHours,
    CheckPin,
    Effect,
    FileComplaint,
    KeepRating,
    LookAtQueue,
    LookUpCustomer,
    OfferRating,
    OverrideHours,
    RememberChoice,
    RequestCallback,
    Storable,
    TakeMessage,
)
from callflows.outcomes import (
    CallbackPromised,
    CallbackRefused,
    ComplaintFiled,
    ComplaintKept,
    CustomerUnknown,
    Done,
    Hours,
    HoursState,
    MessageTaken,
    NotStored,
    Outcome,
    PinAccepted,
    PinRefused,
    QueueOutlook,
    WebhookFailed,
)
from ivr.domain.call_facts import CallbackAccepted, ComplaintRegistered, FoundClosed, MessageLeft, SessionFact
from ivr.domain.contacts import Contact
from ivr.filing import Filing
from ivr.house import House
from ivr.keeping import Kept, Kind, told
from ivr.store.database import StoreError

log = structlog.get_logger(__name__)

T = TypeVar("T")
# The caller hears nothing meanwhile.
LOOK_UP_S = 0.8
OUTLOOK_S = 0.5
NOTE_S = 1.0  # what is only noted down
PIN_S = 2.0  # a PIN's hash is slow on purpose
OVERRIDE_S = 3.0
WEBHOOK_S = 6.0  # beyond any webhook's own deadline
NOTHING_TOLD = QueueOutlook(position=1, shortest_s=None, longest_s=None, staffed=False)


class Errands:
    """Those of one call. ``recorded_s`` are the lengths of its recordings, by reference."""

    def __init__(self, house: House, contact_id: str, recorded_s: dict[str, float]) -> None:
        self._house = house
        self._contact_id = contact_id
        self._recorded_s = recorded_s
        self._filing: Filing | None = None
        self.anything_lost = False  # something the caller gave could neither be stored nor kept

    async def run(self, effect: Effect) -> Outcome:
        """Raises StoreError when the contact isn't tracked, KeyError for a calendar that isn't there: faults of ours."""
        match effect:
            case CheckHours(calendar=name):
                return self._hours(name)
            case FileComplaint() | TakeMessage() | RequestCallback():
                self._filing = self._begin_filing(effect)
                return self._noted(await self._filing.soon(), effect)
            case AwaitStored(effect=awaited):
                return self._noted(await self._filing.at_last() if self._filing else NotStored(), awaited)
            case LookUpCustomer():
                desk = self._house.customers
                return await _within("customer", LOOK_UP_S, desk.look_up(self._contact()) if desk else None, CustomerUnknown())
            case LookAtQueue(queue=queue, priority=priority):
                outlooks = self._house.outlooks
                look = outlooks.look(queue, priority, contact=self._contact_id) if outlooks else None
                return await _within("queue's outlook", OUTLOOK_S, look, NOTHING_TOLD)
            case AskWebhook(webhook=name, values=values):
                webhooks = self._house.webhooks
                ask = webhooks.ask(name, values, self._contact()) if webhooks else None
                return await _within("webhook", WEBHOOK_S, ask, WebhookFailed())
            case CheckPin(pin=pin):
                pins = self._house.pins
                who = await _within("PIN", PIN_S, pins.check_pin(pin, self._contact_id) if pins else None, None)
                return PinAccepted(who) if who else PinRefused()
            case OverrideHours():
                overrides = self._house.overrides
                setting = overrides.set_by_phone(effect) if overrides else None
                return Done() if await _within("override", OVERRIDE_S, setting, False) else NotStored()
            case OfferRating() | KeepRating() | RememberChoice():
                await self._note(effect)
        return Done()

    async def _note(self, effect: OfferRating | KeepRating | RememberChoice) -> None:
        """What is lost without harm to the call."""
        customers, ratings, contact = self._house.customers, self._house.ratings, self._contact()
        match effect:
            case RememberChoice(name=name, value=value):
                await _within("choice", NOTE_S, customers.remember(contact, name, value) if customers else None, None)
            case OfferRating(question=question):
                await _within("survey", NOTE_S, ratings.offered(contact, question) if ratings else None, None)
            case KeepRating(question=question, rating=rating):
                await _within("rating", NOTE_S, ratings.rated(contact, question, rating) if ratings else None, None)

    def _hours(self, name: str) -> Hours:
        now = self._house.clock()
        hours = self._house.calendars[name].hours_at(now, self._house.zone)
        if hours.state is not HoursState.OPEN:
            self._apply(FoundClosed(now, self._contact_id))
        return hours

    def _begin_filing(self, effect: Storable) -> Filing:
        contact, at, house = self._contact(), self._now(), self._house
        storing: Coroutine[Any, Any, Outcome]
        otherwise: Outcome = MessageTaken()
        refused: Outcome = NotStored()
        values: dict[str, Any] = {}
        match effect:
            case FileComplaint():
                complaint = house.intake.complaint(
                    contact,
                    serial=effect.serial,
                    contact_number=effect.contact_number,
                    recording=effect.recording,
                    recording_s=self._recorded_s.get(effect.recording or ""),
                    complete=effect.complete,
                )
                kind, key, values, otherwise = Kind.COMPLAINT, complaint.key, asdict(complaint), ComplaintKept()
                storing = self._file(house.intake.file(complaint, at), effect.complete)
            case TakeMessage():
                seconds = self._recorded_s.get(effect.recording)
                message = house.intake.message(contact, recording=effect.recording, recording_s=seconds, complete=effect.complete)
                kind, key, values = Kind.MESSAGE, message.key, asdict(message)
                storing = self._take(house.intake.take(message, at))
            case RequestCallback():
                kind, key, otherwise, refused = Kind.CALLBACK, f"requested:{contact.id}", CallbackPromised(), CallbackRefused()
                storing = self._promise(contact)
        kept = Kept(kind, key, contact.id, at, values, told(house.tracker.entries(contact.id)))
        return Filing(storing, kept, house.shelf, otherwise=otherwise, refused=refused)

    async def _file(self, filing: Awaitable[str], complete: bool) -> Outcome:
        """Noted even when it comes too late for the caller: it is stored, and his record says so."""
        number = await filing
        self._apply(ComplaintRegistered(self._now(), self._contact_id, number, complete))
        return ComplaintFiled(number)

    @staticmethod
    async def _take(taking: Awaitable[None]) -> Outcome:
        await taking
        return MessageTaken()

    async def _promise(self, contact: Contact) -> Outcome:
        promised = await self._house.callbacks.request(contact)
        if promised is None:
            return CallbackRefused()
        self._apply(CallbackAccepted(self._now(), self._contact_id, promised))
        return CallbackPromised()

    def _noted(self, outcome: Outcome, effect: Storable) -> Outcome:
        if isinstance(outcome, MessageTaken):
            self._apply(MessageLeft(self._now(), self._contact_id))
        if isinstance(outcome, NotStored) and not isinstance(effect, RequestCallback):
            self.anything_lost = True
        return outcome

    def _contact(self) -> Contact:
        contact = self._house.tracker.get(self._contact_id)
        if contact is None:
            raise StoreError(f"the contact {self._contact_id} is not being tracked")
        return contact

    def _now(self) -> datetime:
        return self._house.clock()

    def _apply(self, fact: SessionFact) -> None:
        self._house.tracker.apply(fact)


async def _within(what: str, seconds: float, asked: Awaitable[T] | None, otherwise: T) -> T:
    """What was asked, else ``otherwise``: too late, failed, or nobody there to ask. Raises nothing but cancellation."""
    if asked is None:
        log.warning("nobody can be asked, the flow goes on without", what=what)
        return otherwise
    try:
        async with asyncio.timeout(seconds):
            return await asked
    except (TimeoutError, StoreError) as error:
        log.warning("no answer in time, the flow goes on without", what=what, seconds=seconds, reason=str(error))
    except Exception:
        log.exception("a fault, the flow goes on without", what=what)
    return otherwise
