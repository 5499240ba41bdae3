"""What cells are made of: the visits and calls of a window of quarters, sorted by minute and by agent, then counted by the tally.

Functions of a session, for the roll-up. Sorted first and counted after, for a tally adds many at once in half the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from ivr.domain.tally import Tally
from ivr.domain.visit_record import VisitRecord
from ivr.store import visit_rows
from ivr.store.figure_cells import MINUTE, QUARTER, CellGrain
from ivr.store.visit_rows import Key, View

Cells = dict[tuple[CellGrain, View, datetime, Key], Tally]

# Queue, line, agent, and the number of a minute of the window; where an agent is named, of a quarter of an hour.
_Slot = tuple[str, str, str, int]
_Slots = defaultdict[_Slot, list[VisitRecord]]
_MINUTES_A_QUARTER = QUARTER // MINUTE


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The visits that entered in each slot, that left in it, and whose talk ended in it."""

    joined: _Slots = field(default_factory=lambda: defaultdict(list))
    left: _Slots = field(default_factory=lambda: defaultdict(list))
    ended: _Slots = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, records: Iterable[VisitRecord], start: datetime, end: datetime) -> _Sorted:
        found = cls()
        joined, left, ended = found.joined, found.left, found.ended
        for record in records:
            queue, line, agent = record.queue, record.line, record.agent
            for slots, moment in ((joined, record.joined_at), (left, record.exited_at), (ended, record.talk_ended_at)):
                if moment is None or not start <= moment < end:
                    continue
                minute = (moment - start).seconds // 60
                slots[queue, line, "", minute].append(record)
                if agent:
                    slots[queue, line, agent, minute // _MINUTES_A_QUARTER].append(record)
        return found

    def tallies(self) -> Iterator[tuple[View, _Slot, Tally]]:
        """What each slot's visits add up to, by both views."""
        joined, left, ended = self.joined, self.left, self.ended
        for slot, records in joined.items():
            yield View.COHORT, slot, Tally.of(records)
        for slot in joined.keys() | left.keys() | ended.keys():
            tally = Tally()
            tally.add_entries(len(joined.get(slot, ())))
            tally.add_exits(left.get(slot, ()))
            tally.add_talk_ends(ended.get(slot, ()))
            yield View.ACTIVITY, slot, tally


def count(session: Session, start: datetime, end: datetime, minutes: Collection[datetime]) -> Cells:
    """The cells of these ``minutes`` and of all quarters in [start, end), which is a day at most.

    Every visit is read once. A quarter is what its minutes add up to; an agent has cells of quarters alone.
    """
    cells: Cells = {}

    def put(key: Key, number: int, view: View, counted: Tally) -> None:
        minute, quarter = start + number * MINUTE, start + number // _MINUTES_A_QUARTER * QUARTER
        if minute in minutes:
            cells[CellGrain.MINUTE, view, minute, key] = counted
        so_far = cells.setdefault((CellGrain.QUARTER, view, quarter, key), Tally())
        so_far += counted

    for view, (queue, line, agent, number), counted in _Sorted.of(visit_rows.touching(session, start, end), start, end).tallies():
        key = Key(queue, line, agent)
        if agent:
            cells[CellGrain.QUARTER, view, start + number * QUARTER, key] = counted
        else:
            put(key, number, view, counted)
    calls: defaultdict[tuple[Key, int], Tally] = defaultdict(Tally)
    visit_rows.count_calls(session, start, end, lambda key, at: calls[key, (at - start).seconds // 60])
    for (key, number), counted in calls.items():
        put(key, number, View.COHORT, counted)
    return cells
