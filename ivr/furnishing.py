"""The house that all calls share, put together from the settings. For ``ivr.app`` alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from ami_bridge.facts import AnyFact
from callflows.speech import Prompt
from ivr.assembly import calendars
from ivr.closing import QueueClosing
from ivr.customers import Customers, Standing
from ivr.flow_fitness import Fitness
from ivr.flow_trial import FlowTrial
from ivr.flow_versions import FlowShelf
from ivr.hours import HoursDesk
from ivr.house import House
from ivr.intake import Intake
from ivr.keeping import Shelf
from ivr.kept_import import KeptImporter
from ivr.outgoing import flow_webhooks_from
from ivr.posting import Poster
from ivr.promises import Desk, Promises
from ivr.prompts.fixed import fixed_prompts
from ivr.prompts.library import PromptLibrary
from ivr.queue_outlook import QueueOutlooks
from ivr.ratings import Ratings
from ivr.settings import Settings
from ivr.store import contacts
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.supervisor_pins import SupervisorPins
from ivr.tracking import Tracker
from ivr.vip_list import VipList


class Furnishing:
    """Raises CalendarError and SettingsError. ``open`` it before the first call, hand it every fact, and run its parts as tasks."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        sealer: Sealer,
        *,
        tracker: Tracker,
        intake: Intake,
        promises: Promises,
        poster: Poster,
        default_queue: str,
    ) -> None:
        self._settings = settings
        self._database = database
        self._sealer = sealer
        hotline = settings.hotline
        queue_of_line = {name: line.queue for name, line in settings.lines.items()}
        self.prompts = PromptLibrary(settings.paths.prompts)
        self.flows = FlowShelf(database, Fitness.of(settings))
        self.flow_trial = FlowTrial(database)
        self.hours = HoursDesk(calendars(settings), list(settings.lines), settings.zone, database)
        self.outlooks = QueueOutlooks(settings.queues)
        shelf = Shelf(settings.paths.kept, sealer)
        vips = VipList(settings.customers.vip_file, hotline.country, hotline.area_code)
        self.house = House(
            flows=self.flows,
            main_flow=hotline.flow,
            calendars=self.hours.calendars,
            queue_of_line=queue_of_line,
            queue_waits={name: queue.max_wait_s for name, queue in settings.queues.items()},
            default_queue=default_queue,
            language=hotline.language,
            zone=settings.zone,
            country=hotline.country,
            area_code=hotline.area_code,
            recordings=settings.paths.recordings,
            prompts=self.prompts,
            tracker=tracker,
            sealer=sealer,
            intake=intake,
            callbacks=Desk(database, promises),
            shelf=shelf,
            customers=Customers(database, sealer, Standing.of(settings), vips),
            webhooks=flow_webhooks_from(settings, poster),
            ratings=Ratings(database, promises),
            outlooks=self.outlooks,
            pins=SupervisorPins(database),
            overrides=self.hours,
            closing=QueueClosing(self.hours, queue_of_line),
        )
        self.kept_import = KeptImporter(self.house, shelf)

    async def open(self) -> None:
        """Take up the flows in service, the hours as set, and what the last day tells of waits. Raises UnfitFlowsError, StoreError."""
        await self.flows.open()
        await self.hours.refresh()
        now = datetime.now(UTC)
        recent: Any = partial(contacts.with_visits_between, sealer=self._sealer, start=now - timedelta(days=1), end=now)
        self.outlooks.seed(await self._database.read(recent))

    def on_fact(self, fact: AnyFact) -> None:
        self.outlooks.apply(fact)

    def wanted_prompts(self) -> Sequence[Prompt]:
        """Every prompt that a new call can need."""
        trial = self.flows.on_trial
        books = [self.flows.in_service, *([trial[0]] if trial else [])]
        return [*(prompt for book in books for prompt in book.prompts(self._settings.hotline.languages)), *fixed_prompts()]

    @property
    def troubles(self) -> Sequence[str]:
        """What isn't as it should be, a sentence each."""
        hours = self.hours.trouble
        found = [*(trouble.sentence for trouble in self.flows.troubles), hours and f"the hours may be out of date: {hours}"]
        return [sentence for sentence in (*found, self.kept_import.trouble) if sentence]
