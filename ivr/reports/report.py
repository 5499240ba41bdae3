"""A report's contents in words: ``report_of`` puts the sections together. Pure; used by ``making``."""

from __future__ import annotations

from ivr.reports import call_sections, case_sections, volume_section
from ivr.reports.contents import ComplaintCounts, Contents
from ivr.reports.document import Document, Hotline, Teller, Tile, shown
from ivr.reports.figure_tables import all_of
from ivr.reports.tables import Kind
from ivr.reports.words import Language

SECTIONS = (
    volume_section.volume,
    call_sections.lines,
    call_sections.queues,
    call_sections.key_figures,
    call_sections.outcomes,
    call_sections.questions,
    call_sections.agents,
    case_sections.complaints,
    case_sections.callbacks,
    case_sections.satisfaction,
    case_sections.quality,
)


def report_of(contents: Contents, hotline: Hotline, language: Language) -> Document:
    """The whole report in one language."""
    t = Teller(contents, hotline, language)
    made = t.word("made", at=t.local(contents.made_at), zone=hotline.zone.key)
    return Document(
        language,
        t.word(f"title.{contents.period.kind}"),
        t.period_name(contents.period),
        t.word("compared", name=t.period_name(contents.period.compared)),
        made,
        _tiles(t),
        tuple(section(t) for section in SECTIONS),
        _short(t),
    )


def _tiles(t: Teller) -> tuple[Tile, ...]:
    c = t.contents
    now, before = all_of(t, c.now), all_of(t, c.before)
    service = f"{c.limits.default.service_s:g}"

    def tile(title: str, value: float | int | None, earlier: float | int | None, kind: Kind) -> Tile:
        return Tile(title, shown(value, kind), t.word("tile.before", value=shown(earlier, kind)))

    def against(found: Tile, value: float | None, target: float, *, at_most: bool) -> Tile:
        told = t.word("tile.at_most" if at_most else "tile.at_least", value=f"{target:.0%}")
        if value is None:
            return Tile(found.title, found.value, found.before, told)
        good = value <= target if at_most else value >= target
        return Tile(found.title, found.value, found.before, told, "good" if good else "bad")

    loss = tile(t.word("tile.loss"), now.loss_rate, before.loss_rate, Kind.SHARE)
    level = tile(t.word("tile.service", seconds=service), now.service_level_strict, before.service_level_strict, Kind.SHARE)
    satisfied, was_satisfied = case_sections.satisfied(c.now.ratings), case_sections.satisfied(c.before.ratings)
    filed = ComplaintCounts.of(c.now.complaints, c.start, c.end).filed
    zone = t.hotline.zone
    was_filed = ComplaintCounts.of(c.before.complaints, c.period.compared.start(zone), c.period.compared.end(zone)).filed
    return (
        tile(t.word("tile.calls"), c.now.calls.arrived, c.before.calls.arrived, Kind.COUNT),
        against(loss, now.loss_rate, t.hotline.loss_rate, at_most=True),
        against(level, now.service_level_strict, t.hotline.service_level, at_most=False),
        tile(t.word("tile.ten"), now.value("within.10s"), before.value("within.10s"), Kind.SHARE),
        tile(t.word("tile.asa"), now.average_speed_of_answer, before.average_speed_of_answer, Kind.SECONDS),
        tile(t.word("tile.out"), c.now.outgoing.dialled, c.before.outgoing.dialled, Kind.COUNT),
        tile(t.word("tile.complaints"), filed, was_filed, Kind.COUNT),
        tile(t.word("tile.satisfaction"), satisfied, was_satisfied, Kind.SHARE),
    )


def _short(t: Teller) -> str:
    c = t.contents
    now, before = all_of(t, c.now), all_of(t, c.before)
    counts = ComplaintCounts.of(c.now.complaints, c.start, c.end)
    return t.word(
        "short.text",
        title=t.word(f"title.{c.period.kind}"),
        name=t.period_name(c.period),
        calls=c.now.calls.arrived,
        calls_before=c.before.calls.arrived,
        loss=shown(now.loss_rate, Kind.SHARE),
        loss_before=shown(before.loss_rate, Kind.SHARE),
        service=f"{c.limits.default.service_s:g}",
        sl=shown(now.service_level_strict, Kind.SHARE),
        ten=shown(now.value("within.10s"), Kind.SHARE),
        asa=shown(now.average_speed_of_answer, Kind.SECONDS),
        complaints=counts.filed,
        overdue=counts.overdue,
        url="{url}",
    )
