"""Drives one leg of a call: a walk through the flow over an AGI channel, from the dialplan's hand and back into it.

A fault of ours becomes an apology and a queue; if that fails too, the dialplan's own fallback takes the caller (R63).
"""

from __future__ import annotations

import re
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import structlog

from ami_bridge.agi import AgiCall, AgiCallerGoneError, AgiFailureError
from callflows.outcomes import CallerHungUp, DialLeft, QueueLeft
from callflows.walk import Walk
from ivr import handing_over
from ivr.domain.call_facts import CallerHungUpInFlow, CallTaken, FlowFailed, SessionFact
from ivr.domain.numbers import masked, normalise, spoken
from ivr.handing_over import HandedOver
from ivr.house import House
from ivr.performing import DEFAULT_WAIT_S, Performer, in_the_light_of_hours
from ivr.store.sealing import SealBrokenError

log = structlog.get_logger(__name__)

APOLOGY = "ivrd/fallback-apology"
APOLOGY_TIMEOUT_S = 30.0
_CONTACT_ID = re.compile(r"[A-Za-z0-9._-]{1,150}")


class _LeftToFallbackError(Exception):
    """Nothing is wrong: without ``IVR_DONE`` the dialplan hands the caller to its own script."""


class Session:
    """One leg: made for one AgiCall, run once."""

    def __init__(self, call: AgiCall, house: House) -> None:
        self._call = call
        self._house = house
        self._contact_id = ""
        self._performer = Performer(call, house, "")

    async def run(self) -> None:
        """Drive the leg to its end. Never raises but for cancellation: a fault becomes an apology and a queue, or the fallback."""
        environment = self._call.environment
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(call=environment.get("uniqueid"))
        try:
            await self._identify()
            self._house.tracker.driving(self._contact_id)
            try:
                await self._told(self._leg())
            finally:
                self._house.tracker.left(self._contact_id)
        except AgiCallerGoneError:
            self._hung_up()
        except _LeftToFallbackError:
            pass
        except AgiFailureError as error:
            log.error("the call can't be driven on, the fallback takes it", reason=str(error), node=self._performer.node)
            self._fail(str(error))
        except Exception as error:
            log.exception("a fault in the flow, the caller is put into a queue", node=self._performer.node)
            await self._apologise(f"{type(error).__name__}: {error}")

    async def _told(self, leg: Coroutine[Any, Any, None]) -> None:
        """Where the leg ends as it should, nothing is left to be filed of what the caller said; else ``ivr.kept_import`` files it."""
        with suppress(HandedOver):
            await leg
        await self._performer.took_its_course()

    async def _identify(self) -> None:
        """Which contact is this? Asterisk's AGI environment has no linkedid."""
        linked = await self._call.evaluate("${CHANNEL(linkedid)}")
        unique = self._call.environment.get("uniqueid")
        self._contact_id = next((found for found in (linked, unique) if _CONTACT_ID.fullmatch(found)), "")
        if not self._contact_id:
            raise AgiFailureError("Asterisk gave no usable linkedid or uniqueid")
        self._performer = Performer(self._call, self._house, self._contact_id)

    async def _leg(self) -> None:
        left = handing_over.came_back(self._call.arguments)
        if left is None:
            await self._begin()
        else:
            await self._resume(left)

    async def _begin(self) -> None:
        environment, house = self._call.environment, self._house
        caller = normalise(environment.get("callerid"), house.country, house.area_code)
        book = house.flows.book_for(house.sealer.index(caller) if caller else self._contact_id)
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
                flow_version=book.version,
                language=house.language,
            )
        )
        log.info("call", caller=masked(caller) or "withheld", dialled=environment.get("extension"), contact=self._contact_id)
        await self._call.ask("ANSWER")
        own_number = {"contact_number": spoken(caller, house.country)} if caller else {}
        await self._walk(Walk.begin(book, house.main_flow, house.language, own_number), None)

    async def _resume(self, left: QueueLeft | DialLeft) -> None:
        """The caller came back from a queue or a telephone: the walk goes on where it handed over, after a restart of the daemon too."""
        contact = await self._house.tracker.recall(self._contact_id)
        if contact is None or contact.resume is None:
            # Queued by the fallback while we were away, or with our apology: the fallback's script knows how to go on.
            log.info("back from where no flow sent him, the fallback goes on", source=type(left).__name__, end=left.end.value)
            raise _LeftToFallbackError
        if isinstance(left, QueueLeft):
            left = in_the_light_of_hours(left, contact, self._house)
        log.info("back", source=type(left).__name__, end=left.end.value)
        try:
            position = handing_over.opened(contact.resume, self._house.sealer)
            walk = Walk(await self._house.flows.book(contact.flow_version), position)
        except (KeyError, TypeError, ValueError, SealBrokenError) as error:
            raise AgiFailureError(f"the call's position can't be read: {type(error).__name__}") from error
        self._performer.speak(position.language)
        self._performer.node = walk.node
        await self._walk(walk, left)

    async def _walk(self, walk: Walk, left: QueueLeft | DialLeft | None) -> None:
        steps = walk.run(left)
        try:
            effect = next(steps)
            while True:
                try:
                    outcome = await self._performer.perform(effect, walk)
                except (AgiCallerGoneError, CallerHungUp) as gone:
                    self._hung_up()
                    recorded = gone.recorded if isinstance(gone, CallerHungUp) else None
                    self._performer.caught(recorded)
                    effect = steps.throw(CallerHungUp(recorded))
                else:
                    effect = steps.send(outcome)
        except StopIteration:
            if not walk.hung_up:  # a flow that just ends: nothing was said, so say nothing more
                await handing_over.to_the_end(self._call)
        finally:
            steps.close()

    async def _apologise(self, reason: str) -> None:
        """A fault of ours: the apology, then the line's queue. If that fails too, the dialplan's fallback has the caller."""
        self._fail(reason)
        contact = self._house.tracker.get(self._contact_id)
        queue = self._house.queue_of_line.get((contact.line if contact else None) or "", self._house.default_queue)
        try:
            await self._call.ask("ANSWER")
            await self._call.ask("EXEC Playback", APOLOGY, timeout_s=APOLOGY_TIMEOUT_S)
            await handing_over.to_queue(self._call, queue, self._house.queue_waits.get(queue, DEFAULT_WAIT_S))
        except HandedOver:
            pass
        except AgiCallerGoneError:
            self._hung_up()
        except (AgiFailureError, ValueError, OSError) as error:
            log.error("the apology failed too, the fallback takes the call", reason=str(error))

    def _hung_up(self) -> None:
        if self._contact_id:
            self._apply(CallerHungUpInFlow(self._house.clock(), self._contact_id))

    def _fail(self, reason: str) -> None:
        if self._contact_id:
            self._apply(FlowFailed(self._house.clock(), self._contact_id, reason))

    def _apply(self, fact: SessionFact) -> None:
        self._house.tracker.apply(fact)
