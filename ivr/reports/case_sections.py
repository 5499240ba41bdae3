"""The sections on complaints, callbacks, satisfaction, and on how well all of it is known. Used by ``report_of``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from ivr.reports.contents import RUNNING, ComplaintCounts, Funnel, answered_at
from ivr.reports.document import Section, Teller
from ivr.reports.figure_tables import all_of, share
from ivr.reports.tables import Cell, Chart, Column, Kind, Series, Table
from ivr.store.report_counts import ComplaintLife, Gap, PromiseLife, Rated

REASONS = ("requested", "abandoned", "follow_up")
BEST, SATISFIED, DISSATISFIED = 5, 4, 2


def complaints(t: Teller) -> Section:
    """R18, R20: how many, what was found, how fast they were answered; and the register's new entries by number, without the customer."""
    lives = t.contents.now.complaints
    names = [name for name in [*t.hotline.lines, *sorted({life.line or "" for life in lives} - {*t.hotline.lines})] if _of(lives, name)]
    if not names:
        return Section("complaints", t.word("complaints"), sentences=(t.word("complaints.none"),))
    whose = (Column("line", t.word("line"), Kind.TEXT), Column("department", t.word("department"), Kind.TEXT))
    found_columns = tuple(
        Column(key, t.word(f"complaint.{key}")) for key in ("filed", "incomplete", "unfounded", "ordinary", "serious", "unverified")
    )
    handled_columns = (
        *(Column(key, t.word(f"complaint.{key}")) for key in ("verified", "solved", "answered", "closed", "due")),
        Column("in_time", t.word("complaint.in_time"), Kind.SHARE),
        Column("overdue", t.word("complaint.overdue")),
        Column("open", t.word("complaint.open")),
        Column("hours", t.word("complaint.hours"), Kind.NUMBER),
    )
    rows = [((t.line(name), t.hotline.departments.get(name, "")), _counts(t, _of(lives, name))) for name in names]
    total, cut = _counts(t, lives), len(found_columns)
    table = Table(
        t.word("complaints.by_line"),
        whose + found_columns,
        tuple(head + cells[:cut] for head, cells in rows),
        (t.word("total"), "", *total[:cut]),
    )
    handled = Table(
        t.word("complaints.handling"),
        whose + handled_columns,
        tuple(head + cells[cut:] for head, cells in rows),
        (t.word("total"), "", *total[cut:]),
        t.word("complaints.note"),
    )
    filed = [life for life in lives if t.contents.start <= life.filed_at < t.contents.end]
    tables = (table, handled, _register(t, filed)) if filed else (table, handled)
    findings = ("unfounded", "ordinary", "serious", "unverified")
    counted = Counter(life.finding or "unverified" for life in filed)
    series = Series(t.word("complaint.filed"), tuple(counted[key] for key in findings))
    chart = Chart(t.word("complaint.finding"), "bars", tuple(t.word(f"complaint.{key}") for key in findings), (series,))
    return Section("complaints", t.word("complaints"), tables, (chart,))


def _of(lives: Sequence[ComplaintLife], line: str) -> list[ComplaintLife]:
    return [life for life in lives if (life.line or "") == line]


def _counts(t: Teller, lives: Sequence[ComplaintLife]) -> tuple[Cell, ...]:
    c = ComplaintCounts.of(lives, t.contents.start, t.contents.end)
    findings = tuple(c.findings.get(key, 0) for key in ("unfounded", "ordinary", "serious", None))
    steps = (c.verified, c.solved, c.answered, c.closed, c.due)
    return (c.filed, c.incomplete, *findings, *steps, share(c.due_in_time, c.due), c.overdue, c.open, c.mean_answer_h)


def _register(t: Teller, filed: Sequence[ComplaintLife]) -> Table:
    columns = (
        Column("number", t.word("complaint.number"), Kind.TEXT),
        Column("line", t.word("line"), Kind.TEXT),
        Column("department", t.word("department"), Kind.TEXT),
        Column("filed_at", t.word("complaint.filed_at"), Kind.MOMENT),
        Column("finding", t.word("complaint.finding"), Kind.TEXT),
        Column("took", t.word("complaint.took"), Kind.NUMBER),
    )
    rows = tuple(
        (
            life.number,
            t.line(life.line),
            t.hotline.departments.get(life.line or "", ""),
            life.filed_at,
            t.word(f"complaint.{life.finding or 'unverified'}"),
            (at - life.filed_at) / timedelta(hours=1) if (at := answered_at(life)) else None,
        )
        for life in filed
    )
    return Table(t.word("complaints.list"), columns, rows)


def callbacks(t: Teller) -> Section:
    lives = t.contents.now.promises
    if not lives:
        return Section("callbacks", t.word("callbacks"), sentences=(t.word("callbacks.none"),))
    keys = ("promised", "dialled", "reached", "talked", "served", "failed", "expired", "cancelled", "open")
    columns = (Column("reason", t.word("callbacks.reason"), Kind.TEXT), *(Column(key, t.word(f"callbacks.{key}")) for key in keys))

    def row(name: str, found: Sequence[PromiseLife]) -> tuple[Cell, ...]:
        funnel = Funnel.of(found)
        return (name, *(getattr(funnel, key) for key in keys))

    rows = tuple(
        row(t.word(f"reason.{reason}"), of_it) for reason in REASONS if (of_it := [life for life in lives if life.reason == reason])
    )
    table = Table(t.word("callbacks"), columns, rows, row(t.word("total"), lives), t.word("callbacks.note"))
    funnel = Funnel.of(lives)
    stages = keys[:4]
    chart = Chart(
        t.word("callbacks.chart"),
        "bars",
        tuple(t.word(f"callbacks.{key}") for key in stages),
        (Series(t.word("callbacks"), tuple(getattr(funnel, key) for key in stages)),),
    )
    return Section("callbacks", t.word("callbacks"), (table,), (chart,))


def satisfaction(t: Teller) -> Section:
    """R50: offered, answered, satisfied, dissatisfied, each apart; by line."""
    rated = t.contents.now.ratings
    if not rated:
        return Section("satisfaction", t.word("satisfaction"), sentences=(t.word("satisfaction.none"),))
    columns = (
        Column("line", t.word("line"), Kind.TEXT),
        Column("offered", t.word("satisfaction.offered")),
        Column("rated", t.word("satisfaction.rated")),
        Column("response", t.word("satisfaction.response"), Kind.SHARE),
        Column("satisfied", t.word("satisfaction.satisfied"), Kind.SHARE),
        Column("dissatisfied", t.word("satisfaction.dissatisfied"), Kind.SHARE),
        Column("mean", t.word("satisfaction.mean"), Kind.NUMBER),
    )
    rows = tuple((t.line(name), *_ratings(found)) for name in t.lines if (found := [one for one in rated if (one.line or "") == name]))
    table = Table(t.word("satisfaction"), columns, rows, (t.word("total"), *_ratings(rated)))
    counted = Counter(one.rating for one in rated)
    marks = tuple(range(BEST, 0, -1))
    chart = Chart(
        t.word("satisfaction.chart"),
        "bars",
        tuple(str(mark) for mark in marks),
        (Series(t.word("count"), tuple(counted[mark] for mark in marks)),),
    )
    return Section("satisfaction", t.word("satisfaction"), (table,), (chart,))


def satisfied(rated: Sequence[Rated]) -> float | None:
    """The share of those who answered."""
    marks = [one.rating for one in rated if one.rating is not None]
    return share(sum(mark >= SATISFIED for mark in marks), len(marks))


def _ratings(rated: Sequence[Rated]) -> tuple[Cell, ...]:
    marks = [one.rating for one in rated if one.rating is not None]
    bad = share(sum(mark <= DISSATISFIED for mark in marks), len(marks))
    mean = sum(marks) / len(marks) if marks else None
    return len(rated), len(marks), share(len(marks), len(rated)), satisfied(rated), bad, mean


def quality(t: Teller) -> Section:
    """What of all this was not seen as it happened."""
    now = t.contents.now
    tally = all_of(t, now).tally
    counted = {
        "reconstructed": tally.reconstructed,
        "uncertain": tally.uncertain,
        "running": now.calls.by_outcome[RUNNING],
    }
    told = [_gap(t, gap) for gap in now.gaps] + [t.word(f"quality.{key}", count=count) for key, count in counted.items() if count]
    return Section("quality", t.word("quality"), sentences=(*(told or [t.word("quality.good")]), t.word("quality.no_numbers")))


def _gap(t: Teller, gap: Gap) -> str:
    filled = t.word("quality.filled" if gap.filled else "quality.unfilled")
    between = "" if t.language == "zh" else " "
    if gap.ended_at is None:
        return t.word("quality.gap.open", pbx=gap.pbx, began=t.moment(gap.began_at)) + between + filled
    return t.word("quality.gap", pbx=gap.pbx, began=t.moment(gap.began_at), ended=t.moment(gap.ended_at)) + between + filled
