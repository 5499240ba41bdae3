"""Rows of queue figures, for lines, queues, half-hours and days alike. Used by the sections."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from ivr.domain.figures import Figures
from ivr.domain.tally import Tally
from ivr.reports.contents import Cell, Gathered
from ivr.reports.document import Teller
from ivr.reports.tables import Column, Kind, Table

K = TypeVar("K", bound=Hashable)
FigureColumn = tuple[str, str, Kind]
# Of a row of figures: key, the definition it reads, and how it is shown.
_SHARED: tuple[FigureColumn, ...] = (
    ("offered", "offered", Kind.COUNT),
    ("answered", "answered", Kind.COUNT),
    ("lost", "lost", Kind.COUNT),
    ("loss", "loss", Kind.SHARE),
    ("abandon", "abandon.queue", Kind.SHARE),
    ("within_3", "within.3s", Kind.SHARE),
    ("within_10", "within.10s", Kind.SHARE),
    ("sl", "sl.strict", Kind.SHARE),
    ("asa", "asa.mean", Kind.SECONDS),
    ("p90", "asa.p90", Kind.SECONDS),
    ("longest", "wait.longest", Kind.SECONDS),
)
FIGURES = (*_SHARED, ("aht", "aht", Kind.SECONDS))
# A wrap-up is of a queue, and not known to be of a line.
LINE_FIGURES = (*_SHARED, ("talk", "talk.mean", Kind.SECONDS))


def by(t: Teller, gathered: Gathered, key: Callable[[Cell], K]) -> dict[K, Figures]:
    """The figures of each key's visits; who still waits has waited until the report is made."""
    return gathered.by(key, t.contents.limits, t.contents.made_at)


def all_of(t: Teller, gathered: Gathered) -> Figures:
    return gathered.figures(t.contents.limits, t.contents.made_at)


def figures_table(
    t: Teller,
    title: str,
    first: Column,
    names: Iterable[tuple[str, K]],
    now: Mapping[K, Figures],
    before: Mapping[K, Figures] | None = None,
    *,
    shown: Sequence[FigureColumn] = FIGURES,
) -> Table:
    """A row for each name, as (what it is called, its key), and one for all. ``before`` adds two columns to compare with."""
    compared = (Column("offered_before", t.word("offered_before")), Column("loss_before", t.word("loss_before"), Kind.SHARE))
    columns = (first, *(Column(key, t.word(key), kind) for key, _, kind in shown), *(compared if before is not None else ()))

    def row(name: str, found: Figures | None, earlier: Figures | None) -> tuple[str | int | float | None, ...]:
        figures = found or Figures({t.contents.limits.default: _NOTHING}, t.contents.made_at)
        cells = tuple(figures.value(definition) for _, definition, _ in shown)
        if before is None:
            return (name, *cells)
        return (name, *cells, earlier.offered if earlier else 0, earlier.loss_rate if earlier else None)

    rows = tuple(row(name, now.get(key), before.get(key) if before is not None else None) for name, key in names)
    totals = row(t.word("total"), all_of(t, t.contents.now), all_of(t, t.contents.before))
    return Table(title, columns, rows, totals)


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


_NOTHING = Tally()
