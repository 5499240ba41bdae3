"""What Prometheus is told at /metrics: counters that only grow, gauges read from the live board; no label names a call or a caller.

For the web server. Counters begin at 0 with the process, as Prometheus expects; figures since midnight are gauges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ami_bridge import facts as asterisk
from ivr.board_snapshot import AgentStatus, BoardSnapshot
from ivr.domain.contacts import Contact, VisitOutcome
from ivr.domain.figures import QueueFigures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# R4's marks, the usual service level, then what callers bear.
_WAIT_BUCKETS_S = (1.0, 3.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)
_NO_LINE = "none"
# The times at which each series was made double the page, and no dashboard asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

RATES: dict[str, tuple[str, Callable[[QueueFigures], float | None]]] = {
    "sl.strict": ("ivrd_sl_ratio", lambda figures: figures.service_level_strict),
    "sl.inclusive": ("ivrd_sl_ratio", lambda figures: figures.service_level_inclusive),
    "abandon.queue": ("ivrd_abandon_ratio", lambda figures: figures.abandon_queue),
    "abandon.raw": ("ivrd_abandon_ratio", lambda figures: figures.abandon_raw),
    "loss": ("ivrd_loss_ratio", lambda figures: figures.loss_rate),
}


class Metrics:
    """``lines`` and ``queues`` are known from the settings, so that every series is there from the start."""

    def __init__(self, lines: Iterable[str], queues: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self._lines, self._queues = frozenset(lines), frozenset(queues)
        self._contacts = Counter("ivrd_contacts", "Calls that ended.", ["line", "outcome"], registry=self.registry)
        self._visits = Counter("ivrd_visits", "Queue visits that ended.", ["queue", "outcome"], registry=self.registry)
        self._waits = Histogram(
            "ivrd_answer_wait_seconds",
            "From joining the queue to the agent's pick-up.",
            ["queue"],
            buckets=_WAIT_BUCKETS_S,
            registry=self.registry,
        )
        self._up = Gauge("ivrd_ami_up", "Whether the link to Asterisk's manager is up.", registry=self.registry)
        self._gaps = Counter("ivrd_ami_gap_seconds", "Time the link to Asterisk's manager was down.", registry=self.registry)
        self._lost_links = Counter("ivrd_ami_disconnects", "How often that link was lost.", registry=self.registry)
        for queue in self._queues:
            for outcome in VisitOutcome:
                self._visits.labels(queue, outcome.value)
            self._waits.labels(queue)
        ProcessCollector(registry=self.registry)

    def watch(self, snapshot: Callable[[], BoardSnapshot]) -> None:
        """Read this board's gauges at every scrape."""
        self.registry.register(_BoardCollector(snapshot))

    def watch_promises(self, kept: Callable[[], Mapping[str, float]]) -> None:
        """Read at every scrape which share of the waits told to callers came true, by queue."""
        self.registry.register(_PromiseCollector(kept))

    def count(self, contact: Contact) -> None:
        """A contact has ended and its figures can't change any more. Call once for each."""
        # A line or queue we don't know would be somebody else's words: labels stay ours.
        line = contact.line if contact.line in self._lines else _NO_LINE
        self._contacts.labels(line, contact.outcome.value if contact.outcome else "none").inc()
        for visit in contact.visits:
            if visit.queue not in self._queues or visit.outcome is None:
                continue
            self._visits.labels(visit.queue, visit.outcome.value).inc()
            if visit.outcome is VisitOutcome.ANSWERED and visit.wait_s is not None:
                self._waits.labels(visit.queue).observe(visit.wait_s)

    def apply(self, fact: asterisk.Fact) -> None:
        """The link's ups and downs; other facts are no concern."""
        match fact:
            case asterisk.LinkEstablished(at=at, gap_from=gap_from):
                self._up.set(1)
                if gap_from is not None:
                    self._gaps.inc(max(0.0, (at - gap_from).total_seconds()))
            case asterisk.LinkLost():
                self._up.set(0)
                self._lost_links.inc()

    def text(self) -> bytes:
        """The exposition, in Prometheus's text format 0.0.4."""
        return generate_latest(self.registry)


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
            for name in sorted({name for name, _ in RATES.values()})
        }
        for queue in board.queues:
            waiting.add_metric([queue.name], queue.waiting)
            oldest.add_metric([queue.name], _age(queue.longest_since, board.at))
            late.add_metric([queue.name], queue.late)
            talking.add_metric([queue.name], queue.talking)
            for status in AgentStatus:
                agents.add_metric([queue.name, status.value], queue.agents.get(status, 0))
            for definition, (name, rate) in RATES.items():
                value = rate(queue.figures)
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
