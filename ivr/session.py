"""Drives one leg of a call: a walk through the flow over an AGI channel, from the dialplan's hand and back into it.

Every way out sets what the dialplan goes on with, ``IVR_DONE`` last; without it the dialplan's own fallback takes the caller (R63).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from ami_bridge.agi import AgiCall, AgiCallerGoneError, AgiFailureError
from callflows.effects import (
    Ask,
    CheckHours,
    Effect,
    EnterLine,
    EnterNode,
    FileComplaint,
    HangUp,
    Queue,
    Record,
    RequestCallback,
    Say,
    SetLanguage,
    TakeMessage,
)
from callflows.flow import FlowBook
from callflows.outcomes import (
    CallbackPromised,
    CallbackRefused,
    CallerHungUp,
    ComplaintFiled,
    Done,
    Hours,
    HoursState,
    MessageTaken,
    NotStored,
    Outcome,
    QueueEnd,
    QueueLeft,
    Recorded,
)
from callflows.walk import Position, Walk
from ivr.domain.call_facts import (
    CallbackAccepted,
    CallerHungUpInFlow,
    CallTaken,
    ComplaintRegistered,
    FlowFailed,
    FlowFinished,
    FoundClosed,
    KeysPressed,
    LanguageChosen,
    LineEntered,
    MessageLeft,
    NodeEntered,
    QueueRequested,
    SessionFact,
)
from ivr.domain.contacts import Contact
from ivr.domain.numbers import masked, normalise, spoken
from ivr.intake import Intake
from ivr.playing import Player, Prompts
from ivr.store.database import StoreError
from ivr.tracking import Tracker

log = structlog.get_logger(__name__)

APOLOGY = "ivrd/fallback-apology"
APOLOGY_TIMEOUT_S = 30.0
DEFAULT_WAIT_S = 90
_CONTACT_ID = re.compile(r"[A-Za-z0-9._-]{1,150}")
_QUEUE_ENDS = {
    "CONTINUE": QueueEnd.SERVED,
    "TIMEOUT": QueueEnd.TIMEOUT,
    "FULL": QueueEnd.FULL,
    "JOINEMPTY": QueueEnd.EMPTY,
    "JOINUNAVAIL": QueueEnd.EMPTY,
    "LEAVEEMPTY": QueueEnd.EMPTY,
    "LEAVEUNAVAIL": QueueEnd.EMPTY,
    "": QueueEnd.KEY,
}


class StaffedHours(Protocol):
    """A calendar, as the session asks it."""

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool: ...
    def opens_at(self, at: datetime, zone: ZoneInfo) -> datetime | None: ...


class CallbackDesk(Protocol):
    """Who promises calls, as the session asks it."""

    async def request(self, contact: Contact) -> str | None:
        """The promise's id once it is stored; None when this caller can't be called back."""


@dataclass(frozen=True)
class House:
    """What every call shares. ``calendars`` are found by line name and by calendar name; ``queue_waits`` in seconds."""

    book: FlowBook
    main_flow: str
    calendars: Mapping[str, StaffedHours]
    queue_of_line: Mapping[str, str]
    queue_waits: Mapping[str, int]
    default_queue: str
    language: str
    zone: ZoneInfo
    country: str
    area_code: str | None
    recordings: Path
    prompts: Prompts
    tracker: Tracker
    intake: Intake
    callbacks: CallbackDesk
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


class HandedOver(Exception):  # noqa: N818 - the normal end of a leg, not an error
    """The dialplan has been told how to go on."""


class Session:
    """One leg: made for one AgiCall, run once."""

    def __init__(self, call: AgiCall, house: House) -> None:
        self._call = call
        self._house = house
        self._contact_id = ""
        self._node = ""
        self._recorded_s: dict[str, float] = {}
        self._player = Player(call, house.prompts, house.recordings, house.language, self._on_keys)

    async def run(self) -> None:
        """Drive the leg to its end. Never raises but for cancellation: a fault becomes an apology and a queue, or the fallback."""
        environment = self._call.environment
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(call=environment.get("uniqueid"))
        try:
            await self._identify()
            self._house.tracker.driving(self._contact_id)
            try:
                await self._leg()
            finally:
                self._house.tracker.left(self._contact_id)
        except HandedOver:
            pass
        except AgiCallerGoneError:
            self._hung_up()
        except AgiFailureError as error:
            log.error("the call can't be driven on, the fallback takes it", reason=str(error), node=self._node)
            self._fail(str(error))
        except Exception as error:
            log.exception("a fault in the flow, the caller is put into a queue", node=self._node)
            await self._apologise(f"{type(error).__name__}: {error}")

    async def _identify(self) -> None:
        """Which contact is this? Asterisk's AGI environment has no linkedid."""
        linked = await self._call.evaluate("${CHANNEL(linkedid)}")
        unique = self._call.environment.get("uniqueid")
        self._contact_id = next((found for found in (linked, unique) if _CONTACT_ID.fullmatch(found)), "")
        if not self._contact_id:
            raise AgiFailureError("Asterisk gave no usable linkedid or uniqueid")

    async def _leg(self) -> None:
        step, *rest = self._call.arguments or ("start",)
        if step == "queue":
            await self._resume(rest[1] if len(rest) > 1 else "")
        else:
            await self._begin()

    async def _begin(self) -> None:
        environment, house = self._call.environment, self._house
        caller = normalise(environment.get("callerid"), house.country, house.area_code)
        sip_call_id = await self._call.evaluate_text("${CHANNEL(pjsip,call-id)}") if environment.get("type") == "PJSIP" else ""
        self._apply(
            CallTaken(
                at=house.clock(),
                contact=self._contact_id,
                call=environment.get("uniqueid"),
                caller=caller,
                caller_name=environment.get("calleridname"),
                dialled=environment.get("extension"),
                sip_call_id=sip_call_id,
                flow_version=house.book.version,
                language=house.language,
            )
        )
        log.info("call", caller=masked(caller) or "withheld", dialled=environment.get("extension"), contact=self._contact_id)
        await self._call.ask("ANSWER")
        own_number = {"contact_number": spoken(caller, house.country)} if caller else {}
        await self._walk(Walk.begin(house.book, house.main_flow, house.language, own_number), None)

    async def _resume(self, status: str) -> None:
        """The caller came back from a queue: the walk goes on where it handed over, after a restart of the daemon too."""
        contact = await self._house.tracker.recall(self._contact_id)
        if contact is None or contact.resume is None:
            # Queued by the fallback while we were away: its script knows how to go on.
            raise AgiFailureError("the call came from a queue that this daemon didn't send it to")
        end = _QUEUE_ENDS.get(status, QueueEnd.FAILED)
        log.info("back from the queue", end=end.value)
        try:
            position = Position.from_json(contact.resume)
            walk = Walk(self._house.book, position)
        except (KeyError, TypeError, ValueError) as error:
            raise AgiFailureError(f"the call's position can't be read: {error}") from error
        self._player.language = position.language
        self._node = walk.node
        await self._walk(walk, QueueLeft(end))

    async def _walk(self, walk: Walk, queue_left: QueueLeft | None) -> None:
        steps = walk.run(queue_left)
        try:
            effect = next(steps)
            while True:
                try:
                    outcome = await self._perform(effect, walk)
                except (AgiCallerGoneError, CallerHungUp) as gone:
                    self._hung_up()
                    recorded = gone.recorded if isinstance(gone, CallerHungUp) else None
                    if recorded:
                        self._recorded_s[recorded.reference] = recorded.seconds
                    effect = steps.throw(CallerHungUp(recorded))
                else:
                    effect = steps.send(outcome)
        except StopIteration:
            if not walk.hung_up:  # a flow that just ends: nothing was said, so say nothing more
                await self._hand_over("hangup")
        finally:
            steps.close()

    async def _perform(self, effect: Effect, walk: Walk) -> Outcome:
        match effect:
            case EnterNode(node=node):
                self._node = node
                if not walk.hung_up:
                    self._apply(NodeEntered(self._house.clock(), self._contact_id, node))
            case EnterLine(line=line):
                self._apply(LineEntered(self._house.clock(), self._contact_id, line))
            case Say(speech=speech, barge_in=barge_in):
                await self._player.say(speech, barge_in=barge_in)
            case Ask():
                return await self._player.ask(effect)
            case Record():
                return await self._record(effect)
            case SetLanguage(language=language):
                await self._call.set_variable("CHANNEL(language)", language)
                self._player.language = language
                self._apply(LanguageChosen(self._house.clock(), self._contact_id, language))
            case CheckHours(calendar=name):
                return self._hours(name)
            case FileComplaint():
                return await self._file_complaint(effect)
            case TakeMessage():
                return await self._take_message(effect)
            case RequestCallback():
                return await self._request_callback()
            case Queue(queue=queue, longest_wait_s=wait_s):
                await self._queue(queue, wait_s, walk)
            case HangUp():
                self._apply(FlowFinished(self._house.clock(), self._contact_id))
                await self._hand_over("hangup")
        return Done()

    async def _record(self, effect: Record) -> Outcome:
        now = self._house.clock()
        day = now.astimezone(self._house.zone).strftime("%Y/%m/%d")
        # A contact's id is checked on arrival; the time keeps a second recording of a call from replacing the first.
        reference = f"{day}/{self._contact_id}-{now:%H%M%S%f}"
        outcome = await self._player.record(effect, reference)
        if isinstance(outcome, Recorded):
            self._recorded_s[outcome.reference] = outcome.seconds
        return outcome

    def _hours(self, name: str) -> Hours:
        calendar, now = self._house.calendars[name], self._house.clock()
        if calendar.is_open(now, self._house.zone):
            return Hours(HoursState.OPEN)
        self._apply(FoundClosed(now, self._contact_id))
        return Hours(HoursState.CLOSED, calendar.opens_at(now, self._house.zone))

    async def _file_complaint(self, effect: FileComplaint) -> Outcome:
        number = await self._house.intake.file_complaint(
            self._contact(),
            serial=effect.serial,
            contact_number=effect.contact_number,
            recording=effect.recording,
            recording_s=self._recorded_s.get(effect.recording or ""),
            complete=effect.complete,
        )
        if number is None:
            return NotStored()
        self._apply(ComplaintRegistered(self._house.clock(), self._contact_id, number, effect.complete))
        return ComplaintFiled(number)

    async def _take_message(self, effect: TakeMessage) -> Outcome:
        seconds = self._recorded_s.get(effect.recording)
        if not await self._house.intake.take_message(
            self._contact(), recording=effect.recording, recording_s=seconds, complete=effect.complete
        ):
            return NotStored()
        self._apply(MessageLeft(self._house.clock(), self._contact_id))
        return MessageTaken()

    async def _request_callback(self) -> Outcome:
        promised = await self._house.callbacks.request(self._contact())
        if promised is None:
            return CallbackRefused()
        self._apply(CallbackAccepted(self._house.clock(), self._contact_id, promised))
        return CallbackPromised()

    async def _queue(self, queue: str, wait_s: int, walk: Walk) -> None:
        self._apply(QueueRequested(self._house.clock(), self._contact_id, queue, walk.position.as_json()))
        log.info("to the queue", queue=queue)
        await self._hand_over("queue", queue, wait_s or self._house.queue_waits.get(queue, DEFAULT_WAIT_S))

    async def _hand_over(self, next_step: str, queue: str = "", wait_s: int = 0) -> None:
        """Tell the dialplan how to go on; IVR_DONE last, for it alone says that we came to an end. Raises HandedOver."""
        if self._call.caller_gone:
            raise AgiCallerGoneError
        await self._call.set_variable("IVR_NEXT", next_step)
        if queue:
            await self._call.set_variable("IVR_QUEUE", queue)
            await self._call.set_variable("IVR_QUEUE_WAIT", str(wait_s))
        await self._call.set_variable("IVR_DONE", "1")
        raise HandedOver

    async def _apologise(self, reason: str) -> None:
        """A fault of ours: the apology, then the line's queue. If that fails too, the dialplan's fallback has the caller."""
        self._fail(reason)
        contact = self._house.tracker.get(self._contact_id)
        queue = self._house.queue_of_line.get((contact.line if contact else None) or "", self._house.default_queue)
        try:
            await self._call.ask("ANSWER")
            await self._call.ask("EXEC Playback", APOLOGY, timeout_s=APOLOGY_TIMEOUT_S)
            await self._hand_over("queue", queue, self._house.queue_waits.get(queue, DEFAULT_WAIT_S))
        except HandedOver:
            pass
        except AgiCallerGoneError:
            self._hung_up()
        except (AgiFailureError, ValueError, OSError) as error:
            log.error("the apology failed too, the fallback takes the call", reason=str(error))

    def _contact(self) -> Contact:
        contact = self._house.tracker.get(self._contact_id)
        if contact is None:
            raise StoreError(f"the contact {self._contact_id} is not being tracked")
        return contact

    def _on_keys(self, keys: str) -> None:
        self._apply(KeysPressed(self._house.clock(), self._contact_id, keys))

    def _hung_up(self) -> None:
        if self._contact_id:
            self._apply(CallerHungUpInFlow(self._house.clock(), self._contact_id))

    def _fail(self, reason: str) -> None:
        if self._contact_id:
            self._apply(FlowFailed(self._house.clock(), self._contact_id, reason))

    def _apply(self, fact: SessionFact) -> None:
        self._house.tracker.apply(fact)
