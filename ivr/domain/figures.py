"""The service figures of a set of visits under the names that board, alerts and reports use; the formulas are in ``definition_book``.

Pure. Nothing here is rounded, an empty set gives None, and limits are compared with ``<=``. Definitions: docs/figures.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ivr.domain.contacts import Visit
from ivr.domain.definition_book import ALL_ANSWERED, ANSWER_MARKS_S, DEFINITIONS, LOST, OFFERED, ON_TIME, SHORT
from ivr.domain.definitions import Parts, Value, ratio
from ivr.domain.measures import ABANDONED, FLOW_OUT, WITHDRAWN, Thresholds, visits
from ivr.domain.tally import WAITING, Tally
from ivr.domain.visit_record import REFUSED, record_of

__all__ = ["Figures", "Thresholds", "figures_of", "queue_figures", "ratio"]


class Figures(Parts):
    """Counts of one set of visits. ``offered`` = answered + abandoned + flow_out + refused + withdrawn + waiting, always."""

    def value(self, definition: str) -> Value:
        """Of a definition of the book. Raises KeyError for a name that isn't there."""
        return DEFINITIONS[definition].value(self)

    @property
    def offered(self) -> int:
        return self.count(OFFERED)

    @property
    def answered(self) -> int:
        return self.count(ALL_ANSWERED)

    @property
    def abandoned(self) -> int:
        return self.count(visits(ABANDONED))

    @property
    def abandoned_wait(self) -> int:
        return self.tally.outcomes["abandoned_wait"]

    @property
    def abandoned_ring(self) -> int:
        return self.tally.outcomes["abandoned_ring"]

    @property
    def abandoned_short(self) -> int:
        return self.count(SHORT)

    @property
    def flow_out(self) -> int:
        return self.count(visits(FLOW_OUT))

    @property
    def refused(self) -> int:
        return self.count(visits(REFUSED))

    @property
    def withdrawn(self) -> int:
        return self.count(visits(WITHDRAWN))

    @property
    def waiting(self) -> int:
        return self.tally.outcomes[WAITING]

    @property
    def on_time(self) -> int:
        return self.count(ON_TIME)

    @property
    def lost(self) -> int:
        """Whoever came and was not answered, for whatever reason; those who still wait are not lost."""
        return self.count(LOST)

    @property
    def answered_within(self) -> tuple[tuple[float, int], ...]:
        return tuple((mark, self.count(visits({"answered"}, within=mark))) for mark in ANSWER_MARKS_S)

    @property
    def longest_wait(self) -> float | None:
        """In seconds; who still waits has waited until now."""
        return self.tally.longest_s(self.at)

    @property
    def uncertain(self) -> bool:
        return self.tally.uncertain > 0

    @property
    def loss_rate(self) -> float | None:
        """呼损率 ``loss``: lost ÷ (offered − waiting); with nobody waiting that is 1 − answered ÷ offered."""
        return self.value("loss")

    @property
    def service_level_strict(self) -> float | None:
        return self.value("sl.strict")

    @property
    def service_level_inclusive(self) -> float | None:
        return self.value("sl.inclusive")

    @property
    def abandon_queue(self) -> float | None:
        return self.value("abandon.queue")

    @property
    def abandon_raw(self) -> float | None:
        return self.value("abandon.raw")

    @property
    def average_speed_of_answer(self) -> float | None:
        """ASA: the mean wait of the answered, in seconds."""
        return self.value("asa.mean")


def queue_figures(found: Iterable[Visit], now: datetime, thresholds: Thresholds) -> Figures:
    """Count these visits as they stand at ``now``. A call counts as answered while it still talks."""
    tally = Tally.of(record_of(visit, "", number, pbx="", line=None) for number, visit in enumerate(found, 1))
    return Figures({thresholds: tally}, now)


def figures_of(parts: Iterable[Parts], at: datetime) -> Figures:
    """The figures of disjoint sets of visits together: the same as if they had been counted at once."""
    return Figures(Parts.joined(parts, at).tallies, at)
