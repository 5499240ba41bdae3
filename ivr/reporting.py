"""Reports: the figures of queues, lines, agents or the hotline over a period, cut into intervals. For ``ivrd report`` and ``ivr.reports``.

Read from cells and visits by ``ivr.store.figure_cells``: the same tallies, by the same definitions, as on the live board.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ivr.domain.definition_book import DEFINITIONS, UNRECOVERED
from ivr.domain.figures import Figures
from ivr.domain.intervals import HOURS_A_WEEK, Grain, hour_of_week, intervals
from ivr.domain.measures import Limits, Thresholds
from ivr.domain.tally import Tally
from ivr.settings import Settings
from ivr.store import beside_visits
from ivr.store.figure_cells import MINUTE, QUARTER, places, read, waiting_at
from ivr.store.report_counts import Gap, gaps
from ivr.store.visit_rows import Key, View

RECALLED_WITHIN = timedelta(hours=24)  # abandon.net: served so soon after he gave up, he is not lost


class By(StrEnum):
    QUEUE = "queue"
    LINE = "line"
    AGENT = "agent"
    HOTLINE = "hotline"


NO_LINE = "none"  # a visit of a caller who chose no line
HOTLINE = "hotline"

_NAME: dict[By, Callable[[Key], str]] = {
    By.QUEUE: lambda key: key.queue,  # "": a call, which is of no queue
    By.LINE: lambda key: key.line or NO_LINE,
    By.AGENT: lambda key: key.agent,
    By.HOTLINE: lambda _: HOTLINE,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """What to report: [start, end), aware; without a ``grain`` the period is one interval. ``names`` get rows even without calls.

    ``definitions``: figures that are wanted by name; some cost a look at every call.
    """

    start: datetime
    end: datetime
    zone: ZoneInfo
    by: By = By.QUEUE
    grain: Grain | None = None
    view: View = View.COHORT
    names: Sequence[str] = ()
    definitions: Sequence[str] = ()

    @property
    def needs_unrecovered(self) -> bool:
        return any(DEFINITIONS[name].numerator is UNRECOVERED for name in self.definitions)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """``name`` is the queue, line or agent; the interval is [start, end), aware UTC; of an hour of the week (0 to 167) the period.

    ``carry_in`` and ``carry_out``: who waited at its beginning and its end; in the cohort view, of those who entered in it.
    ``quality``: measured, reconstructed or uncertain, of the calls and of the link to Asterisk.
    """

    name: str
    start: datetime
    end: datetime
    figures: Figures
    entered: int
    carry_in: int
    carry_out: int
    quality: str
    hour_of_week: int | None = None


def limits_from(settings: Settings) -> Limits:
    """The hotline's thresholds, and its lines' own."""
    default = Thresholds(settings.targets.service_s, settings.targets.short_s)
    own = {
        name: Thresholds(
            default.service_s if line.service_s is None else line.service_s, default.short_s if line.short_s is None else line.short_s
        )
        for name, line in settings.lines.items()
    }
    return Limits(default, {name: thresholds for name, thresholds in own.items() if thresholds != default})


def report(session: Session, ask: Ask, limits: Limits, now: datetime) -> list[ReportRow]:
    """A row for each name and interval, equal to a count over the visits themselves."""
    spans = list(_spans(ask))
    tallies = _tallies(session, ask, limits, [start for start, _ in spans])
    down = gaps(session, ask.start, ask.end)
    waiting = _waiting(session, ask)
    names = sorted({*ask.names, *(name for name, _ in tallies if name)})
    return [row for name in names for row in _rows_of(ask, name, spans, tallies, waiting[name], down, limits, now)]


def _spans(ask: Ask) -> Iterator[tuple[datetime, datetime]]:
    if ask.grain is Grain.HOUR_OF_WEEK:
        yield from [(ask.start, ask.end)] * HOURS_A_WEEK
    elif ask.grain:
        yield from intervals(ask.start, ask.end, ask.grain, ask.zone)
    else:
        yield ask.start, ask.end


_Tallies = dict[tuple[str, int], dict[Thresholds, Tally]]


def _tallies(session: Session, ask: Ask, limits: Limits, beginnings: Sequence[datetime]) -> _Tallies:
    """By name and place, a tally for each pair of limits."""
    place = (lambda at: hour_of_week(at, ask.zone)) if ask.grain is Grain.HOUR_OF_WEEK else places(beginnings)
    agents = ask.by is By.AGENT
    found: _Tallies = defaultdict(dict)

    def tally(key: Key, at: datetime) -> Tally:
        return tally_at(key, place(at))

    def tally_at(key: Key, number: int) -> Tally:
        return found[_NAME[ask.by](key), number].setdefault(limits.of(key.line), Tally())

    finest = MINUTE if ask.grain is Grain.MINUTE else QUARTER
    marks = None if ask.grain is Grain.HOUR_OF_WEEK else beginnings
    counts = read(session, ask.start, ask.end, place, view=ask.view, agents=agents, finest=finest, marks=marks)
    for (key, number), counted in counts.items():
        if key.queue or ask.by in (By.LINE, By.HOTLINE):
            so_far = tally_at(key, number)
            so_far += counted
    beside_visits.add_wrap_ups(session, ask.start, ask.end, agents, tally if ask.by is not By.LINE else _nowhere)
    beside_visits.add_ratings(session, ask.start, ask.end, agents, tally)
    if ask.needs_unrecovered and ask.by in (By.LINE, By.HOTLINE):
        for lost in beside_visits.unrecovered(session, ask.start, ask.end, RECALLED_WITHIN):
            tally(Key("", lost.line), lost.started_at).unrecovered += 1
    return found


def _nowhere(_: Key, __: datetime) -> Tally:
    """For what has no name of the kind that is asked for: a wrap-up is of no line."""
    return Tally()


def _rows_of(
    ask: Ask,
    name: str,
    spans: Sequence[tuple[datetime, datetime]],
    tallies: _Tallies,
    waiting: int,
    down: Sequence[Gap],
    limits: Limits,
    now: datetime,
) -> Iterator[ReportRow]:
    carried = _carries(ask)
    for number, (start, end) in enumerate(spans):
        figures = Figures(tallies.get((name, number)) or {limits.default: Tally()}, now)
        entered = figures.tally.entered
        carry_in = waiting
        waiting += entered - figures.tally.counted if carried else 0
        yield ReportRow(
            name,
            start,
            end,
            figures,
            entered=entered,
            carry_in=carry_in,
            carry_out=waiting if carried else figures.waiting,
            quality=_quality(figures.tally, start, end, down, now),
            hour_of_week=number if ask.grain is Grain.HOUR_OF_WEEK else None,
        )


def _carries(ask: Ask) -> bool:
    """Whether who waits is carried from one interval into the next: cohorts keep theirs, and nobody waits for one agent."""
    return ask.view is View.ACTIVITY and ask.grain is not Grain.HOUR_OF_WEEK and ask.by is not By.AGENT


def _waiting(session: Session, ask: Ask) -> Counter[str]:
    """How many waited when the period began, by name."""
    if not _carries(ask):
        return Counter()
    return Counter(_NAME[ask.by](Key(record.queue, record.line)) for record in waiting_at(session, ask.start))


def _quality(tally: Tally, start: datetime, end: datetime, down: Sequence[Gap], now: datetime) -> str:
    within = [gap for gap in down if gap.began_at < end and (gap.ended_at or now) > start]
    if tally.uncertain or any(not gap.filled for gap in within):
        return "uncertain"
    return "reconstructed" if tally.reconstructed or within else "measured"
