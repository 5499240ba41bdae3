"""One call as Asterisk's events, the session and queue_log tell it, step by step; and a daemon's books that can be killed in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from ami_bridge import facts as a
from ivr.domain.call_facts import CallTaken, LineEntered, NodeEntered
from ivr.domain.contacts import Contact
from ivr.log_following import LogFollowing
from ivr.queue_log_source import FileSource, Home
from ivr.store import contacts, totals
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.tracking import Tracker

SEALER = Sealer("a secret for tests")
BEGAN = datetime(2026, 11, 21, 10, 0, 0, 250000, tzinfo=UTC)
CALL, LEG, NUMBER = "main-7.1", "main-7.2", "13800138000"
# Before this call, so that the log isn't empty.
FIRST_ROW = f"{int(BEGAN.timestamp()) - 60}|NONE|NONE|NONE|QUEUESTART|\n"


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def row(seconds: float, rest: str, call: str = CALL) -> str:
    """A row of queue_log, as Asterisk writes it: whole seconds."""
    return f"{int(at(seconds).timestamp())}|{call}|{rest}\n"


Step = a.Fact | str  # an event of AMI or of the session, or a row of queue_log

# He waits 3 s, it rings for 2 of them, and he talks for 20 s until the agent hangs up.
ANSWERED: Sequence[Step] = (
    a.CallArrived(at(0), CALL, CALL, NUMBER, "", "400"),
    CallTaken(at(0.1), CALL, CALL, "+8613800138000", "", "400", "", "v1", "zh"),
    NodeEntered(at(0.2), CALL, "menu"),
    LineEntered(at(1), CALL, "hr"),
    a.CallerQueued(at(2), CALL, CALL, "hr", 1),
    row(2, f"hr|NONE|ENTERQUEUE||{NUMBER}|1"),
    a.AgentRang(at(3), CALL, CALL, "hr", "Li Na", LEG),
    a.AgentPickedUp(at(5), CALL, CALL, LEG),
    a.CallerLeftQueue(at(5.001), CALL, CALL, "hr"),
    a.AgentAnswered(at(5.002), CALL, CALL, "hr", "Li Na", LEG),
    row(5.002, f"hr|Li Na|CONNECT|3|{LEG}|2"),
    a.TalkEnded(at(25), CALL, CALL, "hr", "Li Na", a.EndedBy.AGENT, LEG),
    row(25, "hr|Li Na|COMPLETEAGENT|3|20|1"),
    a.CallEnded(at(25.001), CALL, LEG, 16),
    a.QueueExited(at(25.002), CALL, CALL, "hr", "CONTINUE"),
    a.CallEnded(at(26), CALL, CALL, 16),
)
# He waits 10 s and hangs up.
ABANDONED: Sequence[Step] = (
    *ANSWERED[:6],
    a.LeftUnanswered(at(12), CALL, CALL, "hr"),
    row(12, "hr|NONE|ABANDON|1|1|10"),
    a.CallerLeftQueue(at(12.001), CALL, CALL, "hr"),
    a.QueueExited(at(12.002), CALL, CALL, "hr", "HANGUP"),
    a.CallEnded(at(12.003), CALL, CALL, 16),
)
ENDS = (a.CallEnded,)


@dataclass
class Books:
    """The tracker and the log's follower over one database and one log file; ``kill`` and ``start`` make them anew."""

    database: Database
    log: Path
    now: datetime = BEGAN
    sealer: Sealer = SEALER

    async def start(self) -> None:
        """As the daemon does: what ran is taken up, the log is gone on with."""
        self.tracker = Tracker(self.database, self.sealer, consequences=[self._follows], clock=lambda: self.now)
        source = FileSource(self.log, Home("CN", None))
        self.following = LogFollowing(source, self.tracker, self.database, pbx="main", clock=lambda: self.now)
        await self.tracker.restore()
        await self.following.open()

    async def kill(self) -> None:
        """Nothing is written any more: what wasn't stored is lost."""
        await self.start()

    @staticmethod
    def _follows(session: Session, contact: Contact) -> None:
        totals.add(session, {("followed", (contact.id, contact.outcome.value if contact.outcome else "none")): 1.0})

    @property
    def consequences(self) -> list[str]:
        """What followed from which end, as often as it did."""
        found = self.database.read_now(totals.read)
        return [" ".join(labels) for (_, labels), times in found.items() for _ in range(int(times))]

    def tell(self, step: Step) -> None:
        """Asterisk says it: by AMI to whoever listens, into its log in any case."""
        if isinstance(step, str):
            with self.log.open("a", encoding="utf-8") as file:
                file.write(step)
        else:
            self.now = max(self.now, step.at)
            self.tracker.apply(step)

    def log_only(self, step: Step) -> None:
        """Asterisk says it while nobody listens."""
        if isinstance(step, str):
            self.tell(step)
        else:
            self.now = max(self.now, step.at)

    def link_up(self, *present: str, gap_from: datetime | None = None) -> None:
        """Connected, with a snapshot of these calls."""
        self.tracker.apply(a.LinkEstablished(self.now, "22.10.1", gap_from))
        for call in present:
            self.tracker.apply(a.CallPresent(self.now, call, call, "Queue", 5.0))
        self.tracker.apply(a.SnapshotComplete(self.now))

    async def settle(self) -> None:
        """As long as it takes until everything that can be known is stored."""
        for _ in range(4):
            self.now += timedelta(seconds=1)
            await self.following.look()
            await self.tracker.flush()
            await asyncio.sleep(0)

    async def record(self, contact_id: str = CALL) -> Contact:
        found = await self.database.read(partial(contacts.load, sealer=self.sealer, contact_id=contact_id))
        assert found is not None
        return found


async def books(database: Database, folder: Path) -> Books:
    """Started, and the link is up, with nobody there."""
    log = folder / "queue_log"
    log.write_text(FIRST_ROW, encoding="utf-8")
    made = Books(database, log)
    await made.start()
    made.link_up()
    await made.settle()
    return made
