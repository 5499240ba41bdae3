"""Keeps the promises: claims what is due, commits the attempt, dials, and finds out what became of it. The daemon runs one.

Any number of keepers may work on one store, and each may die between any two steps: the rows decide, this class remembers nothing
that matters.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from callbacks.model import Callback, Dial, Result
from callbacks.numbers import AllowList
from callbacks.policy import Policy, holds_until
from callbacks.ports import Dialler, Hours, Sent, Store

log = structlog.get_logger(__name__)

MOST_CLAIMS_A_TICK = 50


class Keeper:
    """``tick`` often; ``ended`` when Asterisk tells the end of an attempt. ``monotonic`` in s, of a clock that never jumps."""

    def __init__(
        self,
        store: Store,
        dialler: Dialler,
        hours: Hours,
        allowed: AllowList,
        policy: Policy,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        owner: str | None = None,
    ) -> None:
        self._store = store
        self._dialler = dialler
        self._hours = hours
        self._allowed = allowed
        self._policy = policy
        self._clock = clock
        self._monotonic = monotonic
        self.owner = owner or f"keeper-{uuid.uuid4()}"
        self._first_seen: dict[str, float] = {}

    async def tick(self) -> None:
        """One round: tidy up, resolve what is in doubt, dial what is due. Raises what the store raises; the next round goes on."""
        await self._store.tidy(self._clock(), self._policy)
        await self._resolve()
        if not self._dialler.ready:
            return
        for _ in range(MOST_CLAIMS_A_TICK):
            callback = await self._store.claim(self.owner, self._clock(), self._policy)
            if callback is None:
                return
            await self._keep(callback)

    async def ended(self, channel_id: str, result: Result) -> None:
        """The end of an attempt, from Asterisk's own words. The same end told twice counts once. Raises what the store raises."""
        if result is Result.REACHED and await self._dialler.found_out(channel_id) is Result.BRIDGED:
            result = Result.BRIDGED  # the talk began while we were not listening
        await self._settle(channel_id, result)

    async def _keep(self, callback: Callback) -> None:
        now = self._clock()
        if refusal := self._allowed.refusal(callback.number):
            log.warning("a promised call is given up", callback=callback.id, why=str(refusal))
            await self._store.refuse(callback.id, self.owner, now)
            return
        if not self._hours.is_open(callback.line, now):
            due_at = self._hours.opens_at(callback.line, now) or now + self._policy.hours_unknown
            log.info("a call waits for the line's hours", callback=callback.id, line=callback.line, until=due_at.isoformat())
            await self._store.release(callback.id, self.owner, due_at, holds_until(callback.expires_at, due_at, self._policy))
            return
        if not self._dialler.staffed(callback.queue):
            # Called, pressed 1, and then nobody: he would be angrier than before.
            await self._store.release(callback.id, self.owner, now + self._policy.nobody_there, callback.expires_at)
            return
        channel_id = await self._store.begin_attempt(callback.id, self.owner, now)
        if channel_id is None:  # cancelled, or somebody else's since our lease ended
            return
        log.info("calling back", callback=callback.id, attempt=callback.attempts + 1, line=callback.line)
        sent = await self._dialler.dial(Dial(channel_id, callback))
        if sent is Sent.REFUSED:
            await self._settle(channel_id, Result.NOT_SENT)

    async def _resolve(self) -> None:
        """Attempts that nobody has told the end of. A living one is left alone, whoever began it; a dead one gets the end that
        Asterisk wrote down; and one that was never confirmed counts as an attempt, once it can't ring any more.

        By the monotonic clock since this keeper first saw it: neither a jump of the clock nor a restart ends a wait early.
        """
        dialling = await self._store.dialling()
        seen_at = self._monotonic()
        fresh = {channel_id: self._first_seen.get(channel_id, seen_at) for channel_id in dialling}
        new = fresh.keys() - self._first_seen.keys()
        self._first_seen = fresh
        patience = (self._policy.ring + self._policy.confirm_grace).total_seconds()
        doubtful = [name for name in dialling if name in new or seen_at - fresh[name] > patience]
        if not doubtful:
            return
        living = await self._dialler.living()
        if living is None:
            return
        for channel_id in doubtful:
            if living.get(channel_id):
                await self._settle(channel_id, Result.BRIDGED)
            elif channel_id in living:
                continue
            elif result := await self._dialler.found_out(channel_id):
                await self._settle(channel_id, result)
            elif seen_at - fresh[channel_id] > patience:
                await self._settle(channel_id, Result.UNCONFIRMED)

    async def _settle(self, channel_id: str, result: Result) -> None:
        if await self._store.settle(channel_id, result, self._clock(), self._policy):
            log.info("an attempt to call back ended", channel=channel_id, result=result.value)
