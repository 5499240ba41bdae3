"""What Prometheus is told at /metrics: counters that only grow, gauges read from the live board; no label names a call or a caller.

For the web server. Counters are those of the database (``ivr.totals``), so they go on after a restart; figures since midnight are gauges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from ami_bridge import facts as asterisk
from ivr import totals
from ivr.board_snapshot import AgentStatus, BoardSnapshot
from ivr.domain.contacts import ContactOutcome, VisitOutcome
from ivr.domain.definition_book import ABANDONMENTS, SERVICE_LEVELS
from ivr.store import totals as store
from ivr.store.totals import Total

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# The times at which each series was made double the page, and no dashboard asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

# Definition → the gauge that shows it. A definition's name is the label; names are ours, so that series stay few.
RATES: Mapping[str, str] = {
    **dict.fromkeys(SERVICE_LEVELS, "ivrd_sl_ratio"),
    **dict.fromkeys((name for name in ABANDONMENTS if name != "loss"), "ivrd_abandon_ratio"),
    "loss": "ivrd_loss_ratio",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """The counters of the database at one moment."""

    totals: Mapping[Total, float] = field(default_factory=dict)
    gap_s: float = 0.0
    gaps: int = 0


def counted(session: Session, now: datetime) -> Counted:
    """Read them; for ``Database.read``."""
    return Counted(store.read(session), *store.link_gaps(session, now))


class Metrics:
    """``lines`` and ``queues`` are known from the settings, so that every series is there from the start."""

    def __init__(self, lines: Iterable[str], queues: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self._counters = _Counters(sorted(lines), sorted(queues))
        self.registry.register(self._counters)
        self._up = Gauge("ivrd_ami_up", "Whether the link to Asterisk's manager is up.", registry=self.registry)
        ProcessCollector(registry=self.registry)

    def watch(self, snapshot: Callable[[], BoardSnapshot]) -> None:
        """Read this board's gauges at every scrape."""
        self.registry.register(_BoardCollector(snapshot))

    def watch_promises(self, kept: Callable[[], Mapping[str, float]]) -> None:
        """Read at every scrape which share of the waits told to callers came true, by queue."""
        self.registry.register(_PromiseCollector(kept))

    def tell(self, counted: Counted) -> None:
        """The counters as they are now. One that can't be read stays as it was: it must not fall."""
        self._counters.now = counted

    def apply(self, fact: asterisk.Fact) -> None:
        """Whether the link is up; other facts are no concern."""
        match fact:
            case asterisk.LinkEstablished():
                self._up.set(1)
            case asterisk.LinkLost():
                self._up.set(0)

    def text(self) -> bytes:
        """The exposition, in Prometheus's text format 0.0.4."""
        return generate_latest(self.registry)


class _Counters(Collector):
    def __init__(self, lines: Iterable[str], queues: Iterable[str]) -> None:
        self._lines, self._queues = [*lines, totals.NO_LINE], list(queues)
        self.now = Counted()

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        known = self.now.totals
        contacts = CounterMetricFamily("ivrd_contacts", "Calls that ended.", labels=["line", "outcome"])
        for line in self._lines:
            for contact_outcome in ContactOutcome:
                contacts.add_metric([line, contact_outcome], known.get((totals.CONTACTS, (line, contact_outcome.value)), 0.0))
        visits = CounterMetricFamily("ivrd_visits", "Queue visits that ended.", labels=["queue", "outcome"])
        waits = HistogramMetricFamily("ivrd_answer_wait_seconds", "From joining the queue to the agent's pick-up.", labels=["queue"])
        edges = [*(str(edge) for edge in totals.WAIT_BUCKETS_S), totals.BEYOND]
        for queue in self._queues:
            for outcome in VisitOutcome:
                visits.add_metric([queue, outcome], known.get((totals.VISITS, (queue, outcome.value)), 0.0))
            grown = accumulate(known.get((totals.WAITS, (queue, edge)), 0.0) for edge in edges)
            waits.add_metric([queue], list(zip(edges, grown, strict=True)), known.get((totals.WAITS_SUM, (queue,)), 0.0))
        gaps = CounterMetricFamily("ivrd_ami_gap_seconds", "Time nobody listened to Asterisk's manager.", value=self.now.gap_s)
        lost = CounterMetricFamily("ivrd_ami_disconnects", "How often listening was interrupted.", value=self.now.gaps)
        yield from (contacts, visits, waits, gaps, lost)


class _BoardCollector(Collector):
    def __init__(self, snapshot: Callable[[], BoardSnapshot]) -> None:
        self._snapshot = snapshot

    def describe(self) -> Iterable[Metric]:
        return ()  # or registering would take a snapshot

    def collect(self) -> Iterable[Metric]:
        board = self._snapshot()
        yield GaugeMetricFamily("ivrd_calls_running", "Calls now.", value=len(board.running))
        waiting = GaugeMetricFamily("ivrd_queue_waiting", "Callers waiting now.", labels=["queue"])
        oldest = GaugeMetricFamily("ivrd_oldest_wait_seconds", "The longest wait of those waiting now; 0 when nobody is.", labels=["queue"])
        late = GaugeMetricFamily("ivrd_queue_late", "Callers waiting now for more than 10 s.", labels=["queue"])
        talking = GaugeMetricFamily("ivrd_queue_talking", "Callers talking to an agent now.", labels=["queue"])
        agents = GaugeMetricFamily("ivrd_agents", "Agents of the queue by state.", labels=["queue", "state"])
        rates = {
            name: GaugeMetricFamily(name, "Share since local midnight; absent without calls.", labels=["queue", "definition"])
            for name in sorted(set(RATES.values()))
        }
        for queue in board.queues:
            waiting.add_metric([queue.name], queue.waiting)
            oldest.add_metric([queue.name], _age(queue.longest_since, board.at))
            late.add_metric([queue.name], queue.late)
            talking.add_metric([queue.name], queue.talking)
            for status in AgentStatus:
                agents.add_metric([queue.name, status.value], queue.agents.get(status, 0))
            for definition, name in RATES.items():
                value = queue.figures.value(definition)
                if value is not None:
                    rates[name].add_metric([queue.name, definition], value)
        yield from (waiting, oldest, late, talking, agents, *rates.values())


class _PromiseCollector(Collector):
    def __init__(self, kept: Callable[[], Mapping[str, float]]) -> None:
        self._kept = kept

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        ratios = GaugeMetricFamily(
            "ivrd_wait_promises_kept_ratio", "Share of the last waits told to callers that came true; absent of too few.", labels=["queue"]
        )
        for queue, ratio in self._kept().items():
            ratios.add_metric([queue], ratio)
        yield ratios


def _age(since: datetime | None, now: datetime) -> float:
    return (now - since).total_seconds() if since else 0.0
