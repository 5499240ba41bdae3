"""The link to Asterisk's manager: it stays connected, says what happened as facts, and carries requests.

The daemon runs one ``AmiLink`` in a task of its own; ``ami_session`` below it owns the socket and panoramisk.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from ami_bridge import link_snapshot, pong_watchdog, requests
from ami_bridge.ami_session import AmiRefused, AmiSession, AmiTimeout, AmiUnavailable, Response, open_session
from ami_bridge.ami_wire import parse
from ami_bridge.asterisk_start import StartWatch
from ami_bridge.facts import AnyFact, AsteriskStarted, LinkEstablished, LinkLost, SnapshotComplete
from ami_bridge.link_state import AmiAddress, LinkSettings, LinkState, LinkStatus, backoff_s, outdated
from ami_bridge.requests import Request
from ami_bridge.translate import EVENT_NAMES, INBOUND_CONTEXT, Suspicion, Translator

__all__ = [
    "AmiAddress",
    "AmiLink",
    "AmiRefused",
    "AmiTimeout",
    "AmiUnavailable",
    "LinkSettings",
    "LinkState",
    "LinkStatus",
    "Response",
]

_log = structlog.get_logger(__name__)
_WRONG_SECRET = "Authentication failed"  # noqa: S105 - also for an unknown user or a forbidden address; else it's passing
_FULLY_BOOTED = "FullyBooted"
_MESSAGES_PER_TURN = 64  # after so many the consumer lets the rest of the daemon run
_SUSPICIONS_LOGGED_PER_SESSION = 20  # a hostile caller must not fill the disk


class _SessionEnded(Exception):  # noqa: N818
    """This connection is over; ``refused``: trying again soon would only fail again."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class AmiLink:
    """Facts go to ``on_fact`` one after the other, in the order Asterisk reported them, and never two at once.

    ``on_fact`` may take its time: events wait in a bounded inbox. If it raises or takes longer than
    ``settings.fact_timeout_s``, that fact is lost and logged by its type, and the link goes on.
    Each connection begins with LinkEstablished, the snapshot and SnapshotComplete; its events follow. An established
    link that breaks gives LinkLost. If Asterisk was still booting, the snapshot is told a second time when it has.
    If Asterisk itself was started meanwhile, AsteriskStarted stands between LinkEstablished and the snapshot; ``heard_until``
    is when a process before this one last heard it, and so tells for the first connection what "meanwhile" is.
    ``now`` returns aware UTC; ``chance`` a number from [0, 1) for the jitter.
    """

    def __init__(
        self,
        address: AmiAddress,
        *,
        on_fact: Callable[[AnyFact], Awaitable[None]],
        inbound_context: str = INBOUND_CONTEXT,
        settings: LinkSettings | None = None,
        heard_until: datetime | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._address = address
        self._on_fact = on_fact
        self._settings = settings or LinkSettings()
        self._now = now
        self._chance = chance
        self._translator = Translator(inbound_context)
        self._starts = StartWatch(heard_until)
        self._session: AmiSession | None = None
        self._established = False
        self._state = LinkState.IDLE
        self._since = now()
        self._version = ""
        self._last_heard: datetime | None = None
        self._gap_from: datetime | None = None  # when the last established connection was last heard
        self._heard_at = 0.0  # by the loop's clock, which doesn't jump
        self._connections = 0
        self._gap_seconds = 0.0
        self._clock_ahead_s = 0.0
        self._suspicions = 0
        self._trouble = ""
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()

    def heard_before(self, until: datetime | None) -> None:
        """As ``heard_until``, for who learns it only before ``run``."""
        self._starts = StartWatch(until)

    @property
    def connected(self) -> bool:
        """Logged in, and the snapshot has been told."""
        return self._state is LinkState.UP and self._session is not None and not self._session.lost_because

    @property
    def status(self) -> LinkStatus:
        return LinkStatus(
            self._state,
            self._since,
            self._version,
            self._last_heard,
            max(0, self._connections - 1),
            self._gap_seconds,
            self._clock_ahead_s,
            self._suspicions,
            self._trouble,
        )

    async def run(self) -> None:
        """Keep the link up until ``close()``. Never raises for network reasons; may be run once."""
        self._ended.clear()
        working = asyncio.create_task(self._keep_up(), name="ami-link")
        closing = asyncio.create_task(self._closing.wait(), name="ami-link-closing")
        try:
            await asyncio.wait({working, closing}, return_when=asyncio.FIRST_COMPLETED)
            if self._session is not None:
                self._session.drop("the daemon closed the link")
                await asyncio.wait({working}, timeout=self._settings.close_grace_s)
            if working.done():
                working.result()
        finally:
            for task in (working, closing):
                task.cancel()
            await asyncio.gather(working, closing, return_exceptions=True)
            self._enter(LinkState.CLOSED)
            self._ended.set()

    async def close(self) -> None:
        """End the link for good, whatever it is doing. Returns when ``run`` has let go of everything."""
        self._closing.set()
        await self._ended.wait()

    async def request(self, request: Request, timeout_s: float | None = None) -> Response:
        """Send a request and return Asterisk's answer; ``timeout_s`` defaults to the settings' action_timeout_s.

        Raises AmiUnavailable (not connected, or lost while waiting: see its ``sent``), AmiRefused, AmiTimeout. Nothing
        is ever sent twice: after AmiTimeout, or AmiUnavailable with ``sent``, find out what came of it before asking again.
        """
        session = self._session
        if session is None:
            why = f": {self._trouble}" if self._trouble else ""
            raise AmiUnavailable(f"the link to Asterisk's manager isn't up{why}")
        return await session.request(request, timeout_s or self._settings.action_timeout_s)

    async def _keep_up(self) -> None:
        failures = 0
        while not self._closing.is_set():
            self._enter(LinkState.CONNECTING)
            began = asyncio.get_running_loop().time()
            try:
                await self._one_session()
            except _SessionEnded as ended:
                self._trouble, refused = str(ended), ended.refused
            # A link that held longer than the longest pause starts counting anew; one that flaps doesn't.
            if asyncio.get_running_loop().time() - began > self._settings.backoff_cap_s:
                failures = 0
            cap = self._settings.backoff_cap_s
            pause = cap if refused else backoff_s(failures, self._settings.backoff_first_s, cap, self._chance())
            failures += 1
            if self._closing.is_set():
                return
            self._enter(LinkState.WAITING)
            _log.warning(
                "no link to Asterisk's manager; trying again",
                why=self._trouble,
                host=self._address.host,
                port=self._address.port,
                in_s=round(pause, 1),
            )
            try:
                async with asyncio.timeout(pause):
                    await self._closing.wait()
            except TimeoutError:
                continue

    async def _one_session(self) -> None:
        """From connecting to the end of that connection, which it tells by raising _SessionEnded."""
        settings = self._settings
        try:
            session = await open_session(
                self._address.host,
                self._address.port,
                wanted=EVENT_NAMES | {_FULLY_BOOTED},
                inbox_limit=settings.inbox_limit,
                timeout_s=settings.connect_timeout_s,
                on_bytes=self._heard,
            )
        except OSError as error:
            raise _SessionEnded(f"can't connect: {error.strerror or error}") from error
        watchdog: asyncio.Task[None] | None = None
        try:
            await self._log_in(session)
            watchdog = pong_watchdog.watching(session, settings.ping_interval_s, settings.pong_timeout_s, lambda: self._heard_at)
            self._session = session
            self._enter(LinkState.SYNCHRONISING)
            await self._follow(session)
        except (AmiUnavailable, AmiRefused, AmiTimeout) as error:
            session.drop(str(error))
            raise _SessionEnded(str(error)) from error
        finally:
            self._session = None
            if watchdog is not None:
                watchdog.cancel()
            session.drop("the daemon closed the link")
            await session.ended()
            await self._lost(session.lost_because)

    async def _log_in(self, session: AmiSession) -> None:
        settings = self._settings
        try:
            challenge = await session.request(requests.challenge(), settings.action_timeout_s)
            login = requests.login(self._address.user, self._address.secret, challenge.message.get("Challenge"))
            await session.request(login, settings.action_timeout_s)
        except AmiRefused as refused:
            wrong = str(refused) == _WRONG_SECRET
            if wrong:
                _log.error(
                    "Asterisk refused the manager login: user and secret must be those of its manager.conf;"
                    " `ivrd asterisk config` writes both, then reload Asterisk",
                    user=self._address.user,
                )
            raise _SessionEnded(f"login refused: {refused}", refused=wrong) from refused
        except AmiTimeout as timeout:
            if session.banner is None:
                raise _SessionEnded("something accepts connections there, but it isn't Asterisk's manager") from timeout
            raise

    async def _follow(self, session: AmiSession) -> None:
        """The snapshot, then the events that came meanwhile and come from now on."""
        booted = await session.booted(self._settings.boot_wait_s)
        await self._tell_snapshot(session, self._gap_from)
        handled = 0
        logged = 0
        while (raw := await session.inbox.get()) is not None:
            handled += 1
            if handled % _MESSAGES_PER_TURN == 0:
                await asyncio.sleep(0)
            message = parse(raw)
            if message.event == _FULLY_BOOTED:
                if not booted:  # queues and channels may have appeared since the first snapshot
                    booted = True
                    await self._tell_snapshot(session, self._since)
                continue
            try:
                facts, suspicion = self._translator.translate(message, self._now())
            except Exception as error:  # noqa: BLE001 - a fault in reading one event must not cost the link
                _log.error("an AMI event couldn't be translated and was skipped", error=_kind_and_place(error))
                continue
            if suspicion is not None:
                logged += 1
                self._suspect(suspicion, log=logged <= _SUSPICIONS_LOGGED_PER_SESSION)
            for fact in facts:
                await self._tell(fact)
        raise AmiUnavailable(session.lost_because)

    async def _tell_snapshot(self, session: AmiSession, gap_from: datetime | None) -> None:
        snapshot = await link_snapshot.ask(session, self._translator, self._now, self._settings.action_timeout_s)
        self._clock_ahead_s = snapshot.clock_ahead_s
        self._note_version(snapshot.version)
        started = self._starts.started_since(snapshot.start, gap_from, snapshot.clock_ahead_s)
        if gap_from is not None:
            self._gap_seconds += max(0.0, (snapshot.ours - gap_from).total_seconds())
        if not self._established:
            self._connections += 1
            self._established = True
        for suspicion in snapshot.suspicions:
            self._suspect(suspicion, log=True)
        await self._tell(LinkEstablished(snapshot.at, self._version, gap_from))
        if started is not None:
            _log.warning("Asterisk was started anew since it was last heard: the calls of before are over", started=started.isoformat())
            await self._tell(AsteriskStarted(started))
        for fact in snapshot.facts:
            await self._tell(fact)
        await self._tell(SnapshotComplete(snapshot.at))
        self._enter(LinkState.UP)
        _log.info("linked to Asterisk's manager", asterisk=self._version, facts=len(snapshot.facts))

    def _note_version(self, version: str) -> None:
        if version != self._version and (warning := outdated(version)) is not None:
            _log.warning(warning)
        self._version = version

    async def _tell(self, fact: AnyFact) -> None:
        closing = self._closing.is_set()
        try:
            async with asyncio.timeout(self._settings.close_grace_s if closing else self._settings.fact_timeout_s):
                await self._on_fact(fact)
        except Exception as error:  # noqa: BLE001 - the consumer's fault must not cost the link
            _log.error("a fact was lost: its consumer failed", fact=type(fact).__name__, error=_kind_and_place(error))

    async def _lost(self, why: str) -> None:
        self._translator.link_lost()
        if self._established:
            self._established = False
            self._gap_from = self._last_heard
            await self._tell(LinkLost(self._now(), why))

    def _suspect(self, suspicion: Suspicion, *, log: bool) -> None:
        self._suspicions += 1
        if log:
            _log.warning(
                "an AMI event looks as if a caller ID held a line break",
                event_name=suspicion.event if suspicion.event in EVENT_NAMES else "a list item",
                why=suspicion.why,
                kept=suspicion.kept,
            )

    def _heard(self) -> None:
        self._last_heard = self._now()
        self._heard_at = asyncio.get_running_loop().time()

    def _enter(self, state: LinkState) -> None:
        if state is not self._state:
            self._state, self._since = state, self._now()


def _kind_and_place(error: Exception) -> str:
    """Not its text, which might quote a caller's number."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
