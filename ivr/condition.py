"""How the daemon is: can it take calls, and what works worse than it should. For ``/readyz`` and the log, put together by ``ivr.app``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ami_bridge.agi import AgiServer
from ami_bridge.link import AmiLink
from ami_bridge.link_state import LinkState
from ivr.bookkeeping import Bookkeeping
from ivr.disk import disk_trouble, folder_trouble
from ivr.furnishing import Furnishing
from ivr.outbox import Outbox
from ivr.settings.paths import StatePaths
from ivr.store.database import Database, StoreError
from ivr.web import Readiness


class Condition:
    """Asks the parts each time."""

    def __init__(
        self,
        paths: StatePaths,
        agi: AgiServer,
        link: AmiLink,
        database: Database,
        outbox: Outbox,
        books: Bookkeeping,
        furnishing: Furnishing,
    ) -> None:
        self._paths = paths
        self._agi = agi
        self._link = link
        self._database = database
        self._outbox = outbox
        self._books = books
        self._furnishing = furnishing

    async def readiness(self) -> Readiness:
        missing = [] if self._agi.listening else ["the FastAGI server is not listening"]
        status = self._link.status
        degraded = []
        if status.state not in (LinkState.UP, LinkState.SYNCHRONISING):
            why = status.trouble or status.state.value
            degraded.append(f"the link to Asterisk's manager is down: {why}; does it run with what `ivrd asterisk config` writes?")
        degraded += await self._of_the_store()
        degraded += [f"not getting out: {trouble}" for trouble in self._outbox.troubles]
        degraded += [*self._books.troubles, *self._furnishing.troubles]
        found = await asyncio.to_thread(self._furnishing.prompts.check, self._furnishing.wanted_prompts())
        if problems := [problem for problem in found if problem.severity == "error"]:
            degraded.append(f"{len(problems)} of the prompts are missing or wrong; the first: {problems[0].message}")
        versions = {"asterisk": status.asterisk_version, "flows": self._furnishing.flows.in_service.version}
        return Readiness(missing, degraded, versions)

    async def _of_the_store(self) -> Sequence[str]:
        found = []
        try:
            await self._database.probe()
        except StoreError as error:
            found.append(str(error))
        try:
            found += await asyncio.to_thread(self._of_the_disk)
        except OSError as error:
            found.append(f"{self._paths.root}: the state folder can't be looked at: {error.strerror}; mend it or set STATE")
        return found

    def _of_the_disk(self) -> Sequence[str]:
        """Raises OSError."""
        return [sentence for sentence in (disk_trouble(self._paths.root), folder_trouble(self._paths)) if sentence]
