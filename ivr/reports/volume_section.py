"""The section on volume: calls in and out beside the same period before, by half-hour and day. Used by ``report_of``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from ivr.domain.figures import Figures
from ivr.domain.intervals import Grain, intervals
from ivr.reports.document import Section, Teller
from ivr.reports.figure_tables import all_of, by, figures_table
from ivr.reports.tables import Chart, Column, Kind, Series, Table


def volume(t: Teller) -> Section:
    """In and out, beside the same period before, and how it fell on the hours or days."""
    c = t.contents
    numbers = [
        ("calls", c.now.calls.arrived, c.before.calls.arrived),
        ("queued", all_of(t, c.now).offered, all_of(t, c.before).offered),
        ("answered", all_of(t, c.now).answered, all_of(t, c.before).answered),
        ("messages", sum(c.now.messages.values()), sum(c.before.messages.values())),
        ("dialled", c.now.outgoing.dialled, c.before.outgoing.dialled),
        ("reached", c.now.outgoing.reached, c.before.outgoing.reached),
        ("talked", c.now.outgoing.talked, c.before.outgoing.talked),
    ]
    rows = tuple((t.word(f"volume.{key}"), now, before, _change(now, before)) for key, now, before in numbers)
    columns = (
        Column("what", t.word("what"), Kind.TEXT),
        Column("this", t.word("this")),
        Column("before", t.word("before")),
        Column("change", t.word("change"), Kind.SHARE),
    )
    table = Table(t.word("volume"), columns, rows)
    if t.daily:
        intervals_table, charts = _half_hours(t)
    else:
        intervals_table, charts = _days(t)
    return Section("volume", t.word("volume"), (table, intervals_table), charts)


def _half_hours(t: Teller) -> tuple[Table, tuple[Chart, ...]]:
    c = t.contents
    by_slot = by(t, c.now, lambda cell: cell.start)
    slots = [begin for begin, _ in intervals(c.start, c.end, Grain.HALF, t.hotline.zone)]
    labels = [_clock(t, slot) for slot in slots]
    rows = [(label, slot) for label, slot in zip(labels, slots, strict=True) if slot in by_slot]
    table = figures_table(t, t.word("volume.half_hours"), Column("interval", t.word("interval"), Kind.TEXT), rows, by_slot)
    columns = _answered_and_lost(t, t.word("volume.half_hours"), labels, [by_slot.get(slot) for slot in slots])
    # On a day with 25 hours two half-hours show the same time: both are compared with the one before.
    before: Counter[str] = Counter()
    for slot, count in c.before.calls.by_half_hour.items():
        before[_clock(t, slot)] += count
    arrived = (
        Series(t.word("this"), tuple(c.now.calls.by_half_hour[slot] for slot in slots)),
        Series(t.word("before"), tuple(before[label] for label in labels), "quiet"),
    )
    return table, (columns, Chart(t.word("volume.calls"), "line", tuple(labels), arrived))


def _days(t: Teller) -> tuple[Table, tuple[Chart, ...]]:
    c = t.contents
    by_day = by(t, c.now, lambda cell: t.local(cell.start).date())
    days = [t.local(begin).date() for begin, _ in intervals(c.start, c.end, Grain.DAY, t.hotline.zone)]
    labels = [day.strftime("%m-%d") for day in days]
    rows = [(f"{label} {t.word(f'weekday.{day.weekday()}')}", day) for label, day in zip(labels, days, strict=True)]
    table = figures_table(t, t.word("volume.days"), Column("day", t.word("day"), Kind.TEXT), rows, by_day)
    losses = tuple(by_day[day].loss_rate if day in by_day else None for day in days)
    loss = Chart(t.word("volume.loss_days"), "line", tuple(labels), (Series(t.word("loss"), losses, "bad"),), Kind.SHARE)
    return table, (_answered_and_lost(t, t.word("volume.days"), labels, [by_day.get(day) for day in days]), loss, _profile(t, len(days)))


def _profile(t: Teller, days: int) -> Chart:
    """The mean day: how many call in each half-hour."""
    counted: Counter[str] = Counter()
    for slot, count in t.contents.now.calls.by_half_hour.items():
        counted[_clock(t, slot)] += count
    labels = tuple(f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 30))
    mean = Series(t.word("volume.calls"), tuple(round(counted[label] / days, 2) for label in labels))
    return Chart(t.word("volume.profile"), "stacked", labels, (mean,))


def _answered_and_lost(t: Teller, title: str, labels: Sequence[str], found: Sequence[Figures | None]) -> Chart:
    answered = tuple(figures.answered if figures else 0 for figures in found)
    lost = tuple(figures.lost if figures else 0 for figures in found)
    return Chart(title, "stacked", tuple(labels), (Series(t.word("answered"), answered, "good"), Series(t.word("lost"), lost, "bad")))


def _change(now: int, before: int) -> float | None:
    """As a share of what was before; None where there was nothing."""
    return (now - before) / before if before else None


def _clock(t: Teller, at: datetime) -> str:
    return t.local(at).strftime("%H:%M")
