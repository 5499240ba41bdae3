"""Brings in what the fallback took while the daemon was away: service records, messages and complaints, each exactly once (R63)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from ami_bridge.spool import SpoolEntry, SpoolProblem, forget_retired, read_entries, retire
from ivr.domain.call_facts import ComplaintRegistered, ServedByFallback
from ivr.domain.numbers import normalise
from ivr.intake import Intake
from ivr.store.database import Database, StoreError
from ivr.store.schema import SpoolImportRow
from ivr.store.sealing import Sealer
from ivr.tracking import Tracker

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
TIDY_EVERY = timedelta(hours=1)


class SpoolImporter:
    """Looks into the spool at start and every few seconds: the fallback may serve single calls while the daemon lives."""

    def __init__(
        self,
        spool: Path,
        recordings: Path,
        database: Database,
        sealer: Sealer,
        tracker: Tracker,
        intake: Intake,
        *,
        zone: ZoneInfo,
        country: str,
        area_code: str | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._spool = spool
        self._recordings = recordings
        self._database = database
        self._sealer = sealer
        self._tracker = tracker
        self._intake = intake
        self._zone = zone
        self._country = country
        self._area_code = area_code
        self._clock = clock
        self._tidied_at = datetime.min.replace(tzinfo=UTC)

    async def run(self) -> None:
        """Until cancelled. What can't be taken now stays in the spool."""
        while True:
            try:
                await self.import_all()
                await self._forget_retired()
            except (StoreError, OSError) as error:
                log.error("the spool can't be imported now and is kept", reason=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def import_all(self) -> int:
        """Import every complete entry, oldest first; tells how many. Raises StoreError, OSError; what came in before stays in.

        An entry that can't be read, or that is itself what fails, doesn't keep the others out.
        """
        imported, refused = 0, None
        for found in await asyncio.to_thread(lambda: list(read_entries(self._spool, self._clock()))):
            if isinstance(found, SpoolProblem):
                await self._set_aside(found)
                continue
            try:
                imported += await self._import(found)
            except OSError:
                raise
            except StoreError as error:
                await self._database.probe()
                refused = error  # the database is there: it was this entry that it refused
            except Exception as error:
                log.exception("a fault in the import of a spool entry", file=found.file.name)
                await self._set_aside(SpoolProblem(found.file, f"its import failed: {type(error).__name__}"))
        if refused:
            raise refused
        return imported

    async def _forget_retired(self) -> None:
        """Raises OSError."""
        now = self._clock()
        if now - self._tidied_at < TIDY_EVERY:
            return
        self._tidied_at = now
        if gone := await asyncio.to_thread(forget_retired, self._spool, now):
            log.info("what was taken over from the fallback long ago is deleted from its spool", files=gone)

    @staticmethod
    async def _set_aside(problem: SpoolProblem) -> None:
        log.error("a spool entry can't be imported and is set aside in bad/", file=problem.file.name, reason=problem.reason)
        await asyncio.to_thread(retire, problem)

    async def _import(self, entry: SpoolEntry) -> bool:
        """False: its time hasn't come. Every step can be repeated: the keys are made of its id, and its file leaves the spool last."""
        caller = normalise(entry.caller or "", self._country, self._area_code)
        contact_id = entry.contact
        if not await self._database.read(partial(_is_imported, entry_id=entry.id)):
            await self._tracker.recall(contact_id)
            recording = await asyncio.to_thread(self._keep_recording, entry) if entry.recording else None
            self._tracker.apply(
                ServedByFallback(
                    at=entry.started_at,
                    contact=contact_id,
                    call=entry.call,
                    caller=caller,
                    caller_name=entry.caller_name or "",
                    dialled=entry.dialled,
                    line=entry.line or ("complaint" if entry.kind == "complaint" else None),
                    language=entry.language,
                    path=tuple((step.node, step.at, step.keys) for step in entry.path),
                    left_message=entry.kind == "message" and recording is not None,
                    ended_at=entry.ended_at,
                    to_queue=entry.to_queue,
                    left_queue=entry.left_queue,
                    queue_status=entry.queue_status,
                )
            )
            if contact_id in self._tracker.log_waiting.undecided:
                return False  # how his wait ended queue_log tells in a moment, and until then no record of him is stored
            await self._keep_business(entry, recording)
            await self._tracker.flush()
            await self._database.write(partial(_note_import, entry_id=entry.id, contact=contact_id, now=self._clock()))
            log.info("taken over from the fallback", kind=entry.kind, contact=contact_id)
        await asyncio.to_thread(retire, entry)
        return True

    async def _keep_business(self, entry: SpoolEntry, recording: str | None) -> None:
        contact = self._tracker.get(entry.contact)
        if contact is None:
            return
        # Who hung up before saying anything has not complained; who stayed and said nothing is to be called back.
        if entry.kind == "complaint" and (recording or not entry.incomplete):
            new = self._intake.complaint(
                contact,
                serial=None,
                contact_number=contact.caller,
                recording=recording,
                recording_s=entry.seconds,
                complete=not entry.incomplete,
            )
            number = await self._intake.file(new, self._clock())
            self._tracker.apply(ComplaintRegistered(entry.recorded_at or entry.ended_at, contact.id, number, not entry.incomplete))
        elif entry.kind == "message" and recording:
            message = self._intake.message(contact, recording=recording, recording_s=entry.seconds, complete=not entry.incomplete)
            await self._intake.take(message, self._clock())

    def _keep_recording(self, entry: SpoolEntry) -> str:
        """Copy the sound to the recordings; the reference is the entry's own, so that a second copy replaces the first."""
        reference = f"{entry.started_at.astimezone(self._zone):%Y/%m/%d}/{entry.id}"
        target = (self._recordings / reference).with_name(f"{entry.id}.wav")
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.recording is None:
            raise ValueError("the entry has no recording")
        unfinished = target.with_name(f".{target.name}.part")
        shutil.copyfile(entry.recording, unfinished)
        unfinished.replace(target)
        return reference


def _is_imported(session: Session, entry_id: str) -> bool:
    return session.get(SpoolImportRow, entry_id) is not None


def _note_import(session: Session, entry_id: str, contact: str, now: datetime) -> None:
    session.merge(SpoolImportRow(id=entry_id, contact=contact, imported_at=now))
