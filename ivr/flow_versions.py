"""The shelf of published flows: which version a new call gets, and the version of every call that has begun already.

For the sessions (``book_for``, ``book``) and the daemon (``open``, ``run``). Versions are read, checked and parsed in threads; what is in
service changes between two calls and never under one, and flows that aren't fit leave the last good ones where they are.

**At the start** the flow folder is published by itself, for everybody, if it was edited since it was last published and is fit: no error
of the linter, and no prompt missing. Else what was in service stays, and ``troubles`` says why. A folder nobody edited publishes nothing:
a version that was rolled back stays out. Without anything published before, the folder must be free of errors, or there is no start.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from callflows.flow import FlowBook
from callflows.trial import takes_part
from ivr import flow_service
from ivr.flow_fitness import Fitness, UnfitFlowsError
from ivr.flow_history import last_published, versions_served
from ivr.flow_service import StepRefusedError
from ivr.flow_troubles import FlowTrouble
from ivr.store import flow_versions as store
from ivr.store.database import Database, StoreError
from ivr.store.flow_versions import OvertakenError, Service, Step

log = structlog.get_logger(__name__)

POLL_INTERVAL_S = 1.0
# A refused version is looked at again so often: its prompts may have been made since.
RETRY_INTERVAL_S = 15.0
# Versions of calls that began before: a call lasts hours at most, and nobody publishes so often.
BOOKS_KEPT = 16
# The caller who came back from a queue hears nothing meanwhile.
READ_FOR_A_CALL_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class _Serving:
    """What new calls get; replaced whole."""

    book: FlowBook
    trial: FlowBook | None = None
    share: float = 0.0


class FlowShelf:
    """``actor`` is who publishes an edited folder at the start, as history and audit show it. All of it on the event loop."""

    def __init__(
        self,
        database: Database,
        fitness: Fitness,
        *,
        actor: str = "ivrd",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._database = database
        self._fitness = fitness
        self._actor = actor
        self._clock = clock
        self._monotonic = monotonic or (lambda: asyncio.get_running_loop().time())
        self._serving: _Serving | None = None
        self._taken_up = 0  # the newest row of the history that was looked at
        self._refused: FlowTrouble | None = None
        self._folder: FlowTrouble | None = None
        self._rolled_back: FlowTrouble | None = None
        self._retry_at = 0.0
        self._books: OrderedDict[str, FlowBook] = OrderedDict()
        self._store_failing = False

    @property
    def in_service(self) -> FlowBook:
        """What most new calls get. Raises RuntimeError before ``open``."""
        return self._now.book

    @property
    def on_trial(self) -> tuple[FlowBook, float] | None:
        """The version on trial and the share of callers who get it."""
        return (self._now.trial, self._now.share) if self._now.trial else None

    @property
    def troubles(self) -> Sequence[FlowTrouble]:
        """What is wrong with the flows now; empty when what was published last is what callers get."""
        return tuple(trouble for trouble in (self._refused, self._folder, self._rolled_back) if trouble)

    def book_for(self, caller: str) -> FlowBook:
        """What a new call gets. ``caller``: the index of his number, or where it is withheld the contact's id."""
        now = self._now
        return now.trial if now.trial and takes_part(caller, now.trial.version, now.share) else now.book

    async def book(self, version: str) -> FlowBook:
        """The version a call began with, read from the store if it must be; never raises.

        Where it is lost (a database from before versions were kept, or one that doesn't answer) it is the one in service: most nodes are
        in both, and the walk looks before it goes on.
        """
        for book in (self._now.book, self._now.trial, self._books.get(version)):
            if book is not None and book.version == version:
                return book
        try:
            found = await self._database.read(partial(store.load, version=version), READ_FOR_A_CALL_TIMEOUT_S)
            if found is None:
                raise UnfitFlowsError([f"there is no version {version!r}"])
            book = _named(await asyncio.to_thread(self._fitness.parsed, found.sources), version)
        except (StoreError, UnfitFlowsError) as error:
            log.error("the flows a call began with are lost, it goes on with those in service", version=version, reason=str(error))
            return self._now.book
        self._keep(version, book)
        return book

    async def open(self) -> None:
        """Publish the folder if it was edited, and take up what is in service. Raises UnfitFlowsError (nothing is fit), StoreError."""
        await self._publish_folder(await self._database.read(store.history))
        history = await self._database.read(store.history)
        newest = history[-1]
        self._taken_up = newest.id
        try:
            await self._take_up(newest, with_prompts=False)
        except UnfitFlowsError as error:
            await self._serve_older(history, error)
        self._tell(by=newest.actor)
        # Calls that wait in a queue now come back to their own version: have it at hand, not read while they listen.
        for version in await self._database.read(store.in_use):
            await self.book(version.id)

    async def run(self) -> None:
        """Take up what others publish, within 2 s, until cancelled."""
        while True:
            await asyncio.sleep(POLL_INTERVAL_S)
            try:
                await self.look()
                self._store_failing = False
            except StoreError as error:
                if not self._store_failing:
                    log.error("can't see which flows are in service", reason=str(error))
                self._store_failing = True

    async def look(self) -> None:
        """Once: take up the newest step, if it is news. Raises StoreError."""
        retry = self._refused is not None and self._monotonic() >= self._retry_at
        if not retry and await self._database.read(store.newest_id) == self._taken_up:
            return
        newest = await self._database.read(store.newest)
        if newest is None:
            return
        news = newest.id != self._taken_up
        self._taken_up = newest.id
        if news:
            self._folder = self._rolled_back = None
        try:
            await self._take_up(newest, with_prompts=True)
        except UnfitFlowsError as error:
            self._refuse(newest, error, loud=news)
        else:
            if news or retry:
                self._tell(by=newest.actor)

    def _tell(self, by: str) -> None:
        now = self._now
        trial = {"trial": now.trial.version, "share": now.share} if now.trial else {}
        log.info("flows in service", version=now.book.version, by=by, **trial)

    async def _publish_folder(self, history: Sequence[Service]) -> None:
        """Raises UnfitFlowsError when nothing was ever published and the folder isn't fit, StoreError."""
        try:
            sources = await asyncio.to_thread(self._fitness.sources_in_folder)
            book = await asyncio.to_thread(partial(self._fitness.book, sources, at=self._fitness.folder))
        except UnfitFlowsError as error:
            if not history:
                raise
            self._leave_folder("", error.sentences)
            return
        if book.version == last_published(history):
            if book.version not in (history[-1].version, history[-1].trial):
                log.warning("the flow folder holds a version that was taken out of service", version=book.version, folder=self._folder_name)
            return
        if history:
            if history[-1].trial:
                self._leave_folder(book.version, [f"version {history[-1].trial} is on trial; end that first, then publish"])
                return
            if book.version != history[-1].version and (missing := await asyncio.to_thread(self._fitness.missing_prompts, book)):
                self._leave_folder(book.version, [f"{len(missing)} prompts are missing, first: {missing[0].name} ({missing[0].language})"])
                return
        await self._publish(book, sources)

    async def _publish(self, book: FlowBook, sources: Mapping[str, str]) -> None:
        publishing = partial(
            flow_service.publish,
            version=book.version,
            sources=sources,
            by=self._actor,
            note=f"the flow folder as it was at the start: {self._folder_name}",
            now=self._clock(),
        )
        try:
            await self._database.write(publishing)
        except (StepRefusedError, OvertakenError) as refused:
            log.info("the flow folder is not published", version=book.version, reason=str(refused))
        else:
            log.info("the flow folder is published", version=book.version, folder=self._folder_name)

    @property
    def _folder_name(self) -> str:
        return str(self._fitness.folder)

    def _leave_folder(self, version: str, sentences: Sequence[str]) -> None:
        sentence = f"the edited flow folder {self._folder_name} is not in service, the last good version is: {'; '.join(sentences)}"
        self._folder = FlowTrouble("folder", version, self._clock(), f"{sentence}; mend it, then run: ivrd flow publish")
        log.error("the edited flow folder is not in service", version=version, folder=self._folder_name, faults=list(sentences))

    async def _take_up(self, row: Service, *, with_prompts: bool) -> None:
        """Raises UnfitFlowsError, and then nothing has changed; StoreError."""
        book = await self._fit(row.version, with_prompts=with_prompts)
        trial = await self._fit(row.trial, with_prompts=with_prompts) if row.trial else None
        if self._serving:
            for old in (self._serving.book, self._serving.trial):
                if old:
                    self._keep(old.version, old)
        self._serving = _Serving(book, trial, row.share)
        self._refused = None
        if row.step is Step.AUTOMATIC:
            self._rolled_back = FlowTrouble("rolled_back", row.version, row.at, row.reason)

    async def _fit(self, version: str, *, with_prompts: bool) -> FlowBook:
        """Raises UnfitFlowsError, StoreError."""
        if self._serving:
            for book in (self._serving.book, self._serving.trial):
                if book and book.version == version:
                    return book
        found = await self._database.read(partial(store.load, version=version))
        if found is None:
            raise UnfitFlowsError([f"version {version} is not in the database"])
        book = _named(await asyncio.to_thread(self._fitness.book, found.sources), version)
        if with_prompts and (missing := await asyncio.to_thread(self._fitness.missing_prompts, book)):
            raise UnfitFlowsError(
                [f"{len(missing)} of its prompts are missing, first: {missing[0].name} ({missing[0].language}); run: ivrd flow publish"]
            )
        return book

    def _refuse(self, row: Service, error: UnfitFlowsError, *, loud: bool) -> None:
        self._retry_at = self._monotonic() + RETRY_INTERVAL_S
        wanted = row.trial or row.version
        stays = self.in_service.version
        sentence = f"flow version {wanted}, put in service by {row.actor}, is not fit and {stays} stays: {'; '.join(error.sentences)}"
        self._refused = FlowTrouble("refused", wanted, row.at, sentence)
        if loud:
            log.error(
                "published flows are not fit, the last good ones stay in service", version=wanted, stays=stays, faults=error.sentences
            )

    async def _serve_older(self, history: Sequence[Service], error: UnfitFlowsError) -> None:
        """At the start, the settings or the product may have changed under a version. Raises UnfitFlowsError, StoreError."""
        for version in versions_served(history):
            try:
                book = await self._fit(version, with_prompts=False)
            except UnfitFlowsError:
                continue
            self._serving = _Serving(book)
            self._refuse(history[-1], error, loud=True)
            return
        raise error

    def _keep(self, version: str, book: FlowBook) -> None:
        self._books[version] = book
        self._books.move_to_end(version)
        while len(self._books) > BOOKS_KEPT:
            self._books.popitem(last=False)

    @property
    def _now(self) -> _Serving:
        if self._serving is None:
            raise RuntimeError("the shelf was not opened")
        return self._serving


def _named(book: FlowBook, version: str) -> FlowBook:
    """A stored version keeps the name it was published under, should a later release compute names otherwise."""
    return dataclasses.replace(book, version=version)
