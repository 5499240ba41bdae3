"""Performs a flow's effects over one call: what the caller hears and presses here, what the house is asked by ``ivr.errands``.

For ``ivr.session`` alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog

from ami_bridge.agi import AgiCall
from callflows.effects import Ask, Dial, Effect, EnterLine, EnterNode, HangUp, Queue, Record, Say, SetLanguage
from callflows.outcomes import Done, Outcome, QueueEnd, QueueLeft, Recorded
from callflows.walk import Walk
from ivr import half_told, handing_over
from ivr.domain.call_facts import (
    DialRequested,
    FlowFinished,
    KeysPressed,
    LanguageChosen,
    LineEntered,
    NodeEntered,
    QueueRequested,
    SessionFact,
)
from ivr.domain.contacts import Contact
from ivr.errands import Errands
from ivr.house import House
from ivr.keeping import Kept
from ivr.playing import Player

log = structlog.get_logger(__name__)

DEFAULT_WAIT_S = 90
HIGHEST_PRIORITY = 10


class Performer:
    """One per leg of a call, for the contact it belongs to."""

    def __init__(self, call: AgiCall, house: House, contact_id: str) -> None:
        self._call = call
        self._house = house
        self._contact_id = contact_id
        self._recorded_s: dict[str, float] = {}
        self._player = Player(call, house.prompts, house.recordings, house.language, self._on_keys)
        self._errands = Errands(house, contact_id, self._recorded_s)
        self._begun: Kept | None = None
        self.node = ""  # entered last, for the log

    def speak(self, language: str) -> None:
        """The language of what is said from now on."""
        self._player.language = language

    def caught(self, recorded: Recorded | None) -> None:
        """What a recording had caught when the caller hung up in it."""
        if recorded:
            self._recorded_s[recorded.reference] = recorded.seconds

    async def perform(self, effect: Effect, walk: Walk) -> Outcome:
        """Raises HandedOver at the end of the leg, AgiCallerGoneError, CallerHungUp, AgiFailureError, and what ``Errands`` raises."""
        match effect:
            case EnterNode(node=node):
                self.node = node
                if not walk.hung_up:
                    self._apply(NodeEntered(self._house.clock(), self._contact_id, node))
            case EnterLine(line=line):
                self._apply(LineEntered(self._house.clock(), self._contact_id, line))
            case Say(speech=speech, barge_in=barge_in):
                await self._player.say(speech, barge_in=barge_in)
            case Ask():
                return await self._player.ask(effect)
            case Record():
                return await self._record(effect, walk)
            case SetLanguage(language=language):
                await self._call.set_variable("CHANNEL(language)", language)
                self.speak(language)
                self._apply(LanguageChosen(self._house.clock(), self._contact_id, language))
            case Queue():
                return await self._queue(effect, walk)
            case Dial(phone=phone, ring_s=ring_s):
                self._apply(DialRequested(self._house.clock(), self._contact_id, phone, self._sealed(walk)))
                log.info("to a telephone", phone=phone)
                await handing_over.to_telephone(self._call, phone, ring_s)
            case HangUp():
                self._apply(FlowFinished(self._house.clock(), self._contact_id))
                await handing_over.to_the_end(self._call)
            case _:
                return await self._errands.run(effect)
        return Done()

    async def took_its_course(self) -> None:
        """The leg ended as it should: what the caller had begun to tell is filed, or he has taken it back."""
        shelf = self._house.shelf
        if shelf is None or self._begun is None or self._errands.anything_lost:
            return
        try:
            await shelf.forget(self._begun)
        except OSError as error:  # it is found again, and filed as what it is already
            log.error("the note of a recording can't be thrown away", contact=self._contact_id, reason=str(error))

    async def _note_begun(self, walk: Walk, reference: str, now: datetime) -> None:
        """For a daemon that is killed while he speaks. A disk that doesn't take it won't take the recording either."""
        shelf, contact = self._house.shelf, self._house.tracker.get(self._contact_id)
        if shelf is None or contact is None:
            return
        self._begun = half_told.note(self._house, contact, walk.position, reference, now)
        try:
            await shelf.keep(self._begun)
        except OSError as error:
            log.error("a recording begins that a killed daemon would lose: it can't be noted", contact=contact.id, reason=str(error))

    async def _record(self, effect: Record, walk: Walk) -> Outcome:
        now = self._house.clock()
        day = now.astimezone(self._house.zone).strftime("%Y/%m/%d")
        # A contact's id is checked on arrival; the time keeps a second recording of a call from replacing the first.
        reference = f"{day}/{self._contact_id}-{now:%H%M%S%f}"
        await self._note_begun(walk, reference, now)
        outcome = await self._player.record(effect, reference)
        if isinstance(outcome, Recorded):
            self.caught(outcome)
        return outcome

    async def _queue(self, effect: Queue, walk: Walk) -> Outcome:
        house, queue, now = self._house, effect.queue, self._house.clock()
        contact = house.tracker.get(self._contact_id)
        wanted_s = effect.longest_wait_s or house.queue_waits.get(queue, DEFAULT_WAIT_S)
        wait_s = house.closing(contact.line if contact else None, queue, wanted_s, now)
        if wait_s is None:
            log.info("not queued: the line has closed", queue=queue)
            return QueueLeft(QueueEnd.CLOSED)
        outlooks, wished = house.outlooks, max(0, min(effect.priority, HIGHEST_PRIORITY))
        priority = outlooks.grant(queue, wished, contact=self._contact_id) if outlooks and wished else wished
        self._apply(QueueRequested(now, self._contact_id, queue, self._sealed(walk)))
        log.info("to the queue", queue=queue, priority=priority, wait_s=wait_s)
        await handing_over.to_queue(self._call, queue, wait_s, priority)
        return Done()

    def _sealed(self, walk: Walk) -> dict[str, Any]:
        return handing_over.sealed(walk.position, self._house.sealer)

    def _on_keys(self, keys: str) -> None:
        self._apply(KeysPressed(self._house.clock(), self._contact_id, keys))

    def _apply(self, fact: SessionFact) -> None:
        self._house.tracker.apply(fact)


def in_the_light_of_hours(left: QueueLeft, contact: Contact, house: House) -> QueueLeft:
    """Nobody answered, and the queue has closed meanwhile: that is why."""
    if not contact.visits:
        return left
    visit = contact.visits[-1]
    return QueueLeft(house.closing.end_of_wait(left.end, visit.queue, joined_at=visit.joined_at, now=house.clock()))
