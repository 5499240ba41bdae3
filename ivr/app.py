"""The daemon put together: the only place where the classes meet. Started by ``ivrd run``."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from ami_bridge.agi import AgiCall, AgiServer, AgiSettings
from ami_bridge.facts import AnyFact
from ami_bridge.link import AmiLink
from ami_bridge.link_state import AmiAddress, LinkSettings
from callflows.flow import NODE_FAULTS
from ivr import sole_daemon
from ivr.alerts.cases import CaseWatch
from ivr.alerts.consequence import abandoned_call_alert
from ivr.asterisk_plan import asterisk_plan
from ivr.bookkeeping import Bookkeeping
from ivr.calling_back import CallingBack, LineHours
from ivr.condition import Condition
from ivr.database_hold import DatabaseHold, hold_database
from ivr.disk import disk_trouble
from ivr.furnishing import Furnishing
from ivr.intake import Intake
from ivr.outgoing import outbox_from
from ivr.posting import Poster
from ivr.promises import Promises, Terms, allow_list
from ivr.queue_log_source import log_file_of
from ivr.session import Session
from ivr.settings import DATA_KEY, Settings
from ivr.sole_daemon import AnotherDaemonError
from ivr.spool_import import SpoolImporter
from ivr.start_errors import StartError, in_sentences, listening
from ivr.store.database import Database, StoreError
from ivr.store.sealing import Sealer
from ivr.supervision import Supervision
from ivr.totals import counting
from ivr.tracking import Tracker
from ivr.watchdog import LoopWatchdog
from ivr.web import WebServer

log = structlog.get_logger(__name__)

OLDEST_ASTERISK = 20
ASTERISK_START_WAIT_S = 15.0
HOLD = "database-hold"
DELIVERING = frozenset({"outbox", "callbacks", "reports"})  # tasks that no second daemon may run beside


class Daemon:
    """One process's whole. ``run`` returns the exit code."""

    def __init__(self, settings: Settings) -> None:
        """Raises StartError."""
        self._settings = settings
        self._stop = asyncio.Event()
        self._hold: DatabaseHold | None = None
        self._open_files()
        with in_sentences(settings.store_url):
            self._put_together()

    def _put_together(self) -> None:
        settings = self._settings
        self._plan = asterisk_plan(settings)
        self._database = Database(settings.store_url)
        self._sealer = Sealer(settings.paths.secret(DATA_KEY))
        self._promises = Promises(self._sealer, allow_list(settings), Terms.of(settings, self._plan.fallback_queue))
        self._poster = Poster()
        self._outbox = outbox_from(settings, self._database, self._sealer, self._poster)
        self._tracker = Tracker(
            self._database,
            self._sealer,
            pbx=settings.asterisk.name,
            consequences=(
                self._promises.when_a_contact_ends,
                abandoned_call_alert(settings.alerts),
                counting(settings.lines, settings.queues),
            ),
            after_commit=self._look_at_what_follows,
            on_change=lambda contact: self._supervision.on_change(contact),
            on_gone=lambda contact_id: self._supervision.on_gone(contact_id),
            on_entry=lambda entry: self._books.agents.on_entry(entry),
        )
        self._intake = Intake(
            self._database,
            self._sealer,
            self._outbox,
            prefix=settings.complaints.prefix,
            zone=settings.zone,
            country=settings.hotline.country,
            area_code=settings.hotline.area_code,
        )
        self._furnishing = Furnishing(
            settings,
            self._database,
            self._sealer,
            tracker=self._tracker,
            intake=self._intake,
            promises=self._promises,
            poster=self._poster,
            default_queue=self._plan.fallback_queue,
        )
        self._agi = AgiServer(self._agi_settings(), self._drive)
        self._link = AmiLink(self._ami_address(), on_fact=self._on_fact, settings=self._link_settings())
        self._books = Bookkeeping(settings, self._database, self._sealer, self._tracker, self._link, wake_outbox=self._outbox.wake)
        self._calling_back = CallingBack(
            settings,
            self._database,
            self._sealer,
            self._link,
            self._furnishing.hours.calling_calendars,
            queue_log=log_file_of(settings),
        )
        self._spool = SpoolImporter(
            settings.paths.spool,
            settings.paths.recordings,
            self._database,
            self._sealer,
            self._tracker,
            self._intake,
            zone=settings.zone,
            country=settings.hotline.country,
            area_code=settings.hotline.area_code,
        )
        self._supervision = Supervision(
            settings,
            self._database,
            self._sealer,
            self._outbox,
            self._promises,
            self._calling_back.nudge,
            hours=self._furnishing.hours,
            flow_troubles=lambda: self._furnishing.flows.troubles,
            agents=self._books.agents,
            promises_kept=self._furnishing.outlooks.kept_ratios,
        )
        hours = LineHours(self._furnishing.hours.calling_calendars, settings.zone)
        self._case_watch = CaseWatch(self._database, settings.alerts, hours, after_commit=self._outbox.wake)
        self._condition = Condition(settings.paths, self._agi, self._link, self._database, self._outbox, self._books, self._furnishing)
        port = settings.shifted(settings.console.port)
        self._web = WebServer(settings.console.host, port, self._condition.readiness, self._supervision.console)

    def _open_files(self) -> None:
        paths = self._settings.paths
        try:
            for folder in (paths.root, paths.recordings, paths.spool, paths.log):
                folder.mkdir(parents=True, exist_ok=True)
            probe = paths.root / ".writable"
            probe.write_bytes(b"x")
            probe.unlink()
            self._lock = sole_daemon.hold(paths.root)
        except AnotherDaemonError as error:
            raise StartError([str(error)]) from error
        except OSError as error:
            raise StartError([f"{paths.root}: the state folder can't be written: {error.strerror}; mend it or set STATE"]) from error
        if sentence := disk_trouble(paths.root):
            raise StartError([sentence])

    def _agi_settings(self) -> AgiSettings:
        agi = self._settings.agi
        return AgiSettings(
            host=agi.host,
            port=self._plan.agi_port,
            token=self._plan.agi_token,
            allowed_peers=agi.allowed_peers,
            max_connections=agi.max_connections,
            header_timeout_s=agi.header_timeout_s,
        )

    def _ami_address(self) -> AmiAddress:
        return AmiAddress(self._settings.asterisk.host, self._plan.ami_port, self._plan.ami_user, self._plan.ami_secret)

    def _link_settings(self) -> LinkSettings:
        ami = self._settings.ami
        return LinkSettings(
            connect_timeout_s=ami.connect_timeout_s, action_timeout_s=ami.action_timeout_s, ping_interval_s=ami.ping_interval_s
        )

    async def run(self) -> int:
        """Start, serve until SIGTERM or SIGINT, drain. Raises StartError; 1 when a part of us died."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        tasks: list[asyncio.Task[None]] = []
        try:
            hold = await self._hold_database()
            await self._open_store()
            await self._listen()
            tasks.append(_named(HOLD, hold.watch()))
            tasks.append(_named("loop-watchdog", LoopWatchdog().run()))
            tasks.append(_named("ami-link", self._link.run()))
            tasks.append(_named("tracker", self._tracker.run()))
            tasks += [_named(name, work) for name, work in self._books.tasks().items()]
            tasks.append(_named("outbox", self._outbox.run()))
            tasks.append(_named("spool-import", self._spool.run()))
            tasks.append(_named("kept-import", self._furnishing.kept_import.run()))
            tasks.append(_named("callbacks", self._calling_back.run()))
            tasks.append(_named("console", self._supervision.console.run()))
            tasks.append(_named("loss-watch", self._supervision.loss_watch.run()))
            tasks.append(_named("case-watch", self._case_watch.run()))
            tasks.append(_named("hours", self._furnishing.hours.run()))
            tasks.append(_named("flows", self._furnishing.flows.run()))
            tasks.append(_named("flow-trial", self._furnishing.flow_trial.run()))
            await self._meet_asterisk()
            await self._tell_ready()
            # What the start made lives as long as we do: a full collection that walks it stops the loop for 120 ms (measured).
            gc.collect()
            gc.freeze()
            stopping = _named("stop", self._wait_for_stop())
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            dead = [task for task in done if task is not stopping]
            for task in dead:
                log.critical(
                    "a part of the daemon died, so it ends", part=task.get_name(), reason=repr(_reason(task)), exc_info=_reason(task)
                )
            if any(task.get_name() == HOLD for task in dead):
                # Calls may come to their end here; another daemon does the rest already.
                for task in tasks:
                    if task.get_name() in DELIVERING:
                        task.cancel()
            return 1 if dead else 0
        finally:
            await self._shut_down(tasks)

    async def _hold_database(self) -> DatabaseHold:
        with in_sentences(self._settings.store_url):
            self._hold = await asyncio.to_thread(hold_database, self._settings.store_url)
        return self._hold

    async def _open_store(self) -> None:
        with in_sentences(self._settings.store_url):
            if await asyncio.to_thread(self._database.upgrade):
                log.info("database schema brought up to date")
            running = await self._tracker.restore()
            self._link.heard_before(self._tracker.unheard_since)
            await self._books.open()
            await self._supervision.seed()
            await self._furnishing.open()
        if running:
            log.info("calls that ran when the daemon stopped are taken up", calls=running)

    async def _listen(self) -> None:
        agi, console = self._settings.agi, self._settings.console
        with listening(agi.host, self._plan.agi_port, "agi.port"):
            await self._agi.start()
        with listening(console.host, self._settings.shifted(console.port), "console.port"):
            await self._web.start()

    async def _meet_asterisk(self) -> None:
        """Asterisk must be there at the start; later it may come and go."""
        deadline = asyncio.get_running_loop().time() + ASTERISK_START_WAIT_S
        address = f"{self._settings.asterisk.host}:{self._plan.ami_port}"
        while not self._link.connected:
            if self._stop.is_set():
                return
            if asyncio.get_running_loop().time() > deadline:
                trouble = self._link.status.trouble or "no answer"
                raise StartError(
                    [f"Asterisk's manager (AMI) at {address} can't be reached: {trouble}; is Asterisk running, with our manager.conf?"]
                )
            await asyncio.sleep(0.05)
        version = self._link.status.asterisk_version
        major = version.partition(".")[0]
        if major.isdecimal() and int(major) < OLDEST_ASTERISK:
            raise StartError([f"Asterisk {version} at {address} is too old: ivrd needs {OLDEST_ASTERISK} or newer"])

    async def _tell_ready(self) -> None:
        for sentence in NODE_FAULTS:
            log.warning("a package's node is left out", what=sentence)
        state = await self._condition.readiness()
        for sentence in state.degraded:
            log.warning("degraded", what=sentence)
        log.info(
            "ready for calls",
            agi=f"{self._settings.agi.host}:{self._agi.port}",
            asterisk=self._link.status.asterisk_version,
            flow=self._furnishing.flows.in_service.version,
        )

    async def _wait_for_stop(self) -> None:
        await self._stop.wait()

    async def _drive(self, call: AgiCall) -> None:
        await Session(call, self._furnishing.house).run()

    def _look_at_what_follows(self) -> None:
        """Contacts have ended: alerts and promises may have been written."""
        self._outbox.wake()
        self._calling_back.nudge()

    async def _on_fact(self, fact: AnyFact) -> None:
        """To everybody who listens: a fault in one of them must not keep it from the others."""
        for listener in (self._tracker.apply, self._supervision.on_fact, self._furnishing.on_fact, self._books.on_fact):
            self._tell(listener, fact)
        self._tell(self._calling_back.on_fact, fact)

    @staticmethod
    def _tell(listener: Callable[[AnyFact], None], fact: AnyFact) -> None:
        try:
            listener(fact)
        except Exception:
            log.exception(
                "a part of the daemon failed over a fact, which is lost to it", fact=type(fact).__name__, part=listener.__qualname__
            )

    async def _shut_down(self, tasks: list[asyncio.Task[None]]) -> None:
        """No new calls; running ones may end; then everything is written and closed."""
        grace = self._settings.shutdown.grace_s
        if self._agi.calls:
            log.info("draining", calls=self._agi.calls, grace_s=grace)
        if handed := await self._agi.drain(grace):
            log.warning("calls handed to the fallback", calls=handed)
        await self._web.close()
        await self._link.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._poster.close()
        try:
            await self._tracker.flush()
        except StoreError as error:
            log.error("the last service records could not be written", reason=str(error))
        await self._books.flush()
        await asyncio.to_thread(self._database.close)
        if self._hold:
            await asyncio.to_thread(self._hold.close)
        self._lock.close()
        log.info("stopped")


def _named(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=name)


def _reason(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()
