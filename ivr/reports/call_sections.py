"""The sections on calls: lines and queues, key figures, outcomes, question types, agents. Used by ``report_of``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import TypeVar

from ivr.domain.agent_figures import Tally as AgentTally
from ivr.domain.agent_states import What
from ivr.domain.definition_book import DEFINITIONS
from ivr.domain.definitions import Unit
from ivr.domain.figures import Figures
from ivr.reports.contents import SHORT, AgentRow
from ivr.reports.document import Section, Teller
from ivr.reports.figure_tables import LINE_FIGURES, all_of, by, figures_table, share
from ivr.reports.tables import Cell as TableCell
from ivr.reports.tables import Chart, Column, Kind, Series, Table

K = TypeVar("K", bound=Hashable)
KEY_FIGURES = (
    *("loss", "within.3s", "within.10s", "sl.strict", "abandon.queue", "abandon.ivr", "abandon.hotline", "abandon.net"),
    *("asa.mean", "asa.p50", "asa.p90", "asa.p95", "wait.all", "wait.longest"),
    *("aht", "talk.mean", "hold.mean", "wrap_up.mean", "ring.mean", "transfer.rate"),
)
SPLIT = ("abandoned_ivr", "abandoned_queue", "abandoned_ring", SHORT)
OUTCOMES = (
    *("answered", *SPLIT, "callback_accepted", "voicemail", "self_served"),
    *("after_hours", "blocked", "rejected_capacity", "system_error", "running"),
)
MOST_CHOICES, MOST_NODES = 20, 12
_KINDS = {Unit.SHARE: Kind.SHARE, Unit.SECONDS: Kind.SECONDS, Unit.COUNT: Kind.COUNT}


def lines(t: Teller) -> Section:
    by_line, before = by(t, t.contents.now, lambda cell: cell.line), by(t, t.contents.before, lambda cell: cell.line)
    table = figures_table(
        t,
        t.word("lines"),
        Column("line", t.word("line"), Kind.TEXT),
        [(t.line(name), name) for name in t.lines],
        by_line,
        before,
        shown=LINE_FIGURES,
    )
    losses = tuple(by_line[name].loss_rate if name in by_line else None for name in t.lines)
    chart = Chart(
        t.word("lines.loss"), "bars", tuple(t.line(name) for name in t.lines), (Series(t.word("loss"), losses, "bad"),), Kind.SHARE
    )
    return Section("lines", t.word("lines"), (table,), (chart,))


def queues(t: Teller) -> Section:
    by_queue = by(t, t.contents.now, lambda cell: cell.queue)
    before = by(t, t.contents.before, lambda cell: cell.queue)
    table = figures_table(
        t, t.word("queues"), Column("queue", t.word("queue"), Kind.TEXT), [(name, name) for name in t.queues], by_queue, before
    )
    return Section("queues", t.word("queues"), (table,))


def key_figures(t: Teller) -> Section:
    """Each with its formula, so that nobody has to guess what a percentage is of."""
    now, before = all_of(t, t.contents.now), all_of(t, t.contents.before)
    rows: list[tuple[TableCell, ...]] = []
    kinds: list[Kind] = []
    for name in KEY_FIGURES:
        found = DEFINITIONS[name]
        formula = found.formula_zh if t.language == "zh" else found.formula_en
        rows.append((t.word(f"figure.{name}"), found.value(now), found.value(before), f"{formula}  [{name} v{found.version}]"))
        kinds.append(_KINDS[found.unit])
    columns = (
        Column("figure", t.word("figure"), Kind.TEXT),
        Column("this", t.word("this"), Kind.SHARE),
        Column("before", t.word("before"), Kind.SHARE),
        Column("formula", t.word("formula"), Kind.TEXT),
    )
    limits = t.contents.limits.default
    note = t.word("key.note", service=f"{limits.service_s:g}", short=f"{limits.short_s:g}")
    return Section("key", t.word("key"), (Table(t.word("key"), columns, tuple(rows), note=note, kinds=tuple(kinds)),))


def outcomes(t: Teller) -> Section:
    """What became of each call, by line; and the three places where callers give up, with those who hung up at once apart."""
    calls = t.contents.now.calls
    kept = [key for key in OUTCOMES if calls.by_outcome[key] or key in SPLIT or key == "answered"]
    columns = (
        Column("line", t.word("line"), Kind.TEXT),
        Column("calls", t.word("volume.calls")),
        *(Column(key, t.word(f"outcome.{key}")) for key in kept),
    )
    none: Counter[str] = Counter()
    by_line = {name: calls.by_line.get(name, none) for name in t.lines}
    rows: tuple[tuple[TableCell, ...], ...] = tuple(
        (t.line(name), found.total(), *(found[key] for key in kept)) for name, found in by_line.items()
    )
    total = calls.by_outcome
    note = t.word("outcomes.note", short=f"{t.contents.limits.default.short_s:g}")
    table = Table(t.word("outcomes"), columns, rows, (t.word("total"), total.total(), *(total[key] for key in kept)), note)
    before = t.contents.before.calls.by_outcome
    series = (
        Series(t.word("this"), tuple(total[key] for key in SPLIT), "bad"),
        Series(t.word("before"), tuple(before[key] for key in SPLIT), "quiet"),
    )
    return Section(
        "outcomes",
        t.word("outcomes"),
        (table,),
        (Chart(t.word("outcomes.split"), "grouped", tuple(t.word(f"outcome.{key}") for key in SPLIT), series),),
    )


def questions(t: Teller) -> Section:
    """What callers wanted (R51): the line they chose, and what they chose in the menus; and where they hung up there."""
    calls, before = t.contents.now.calls, t.contents.before.calls
    by_line = [(t.line(name), calls.of_line(name), share(calls.of_line(name), calls.arrived), before.of_line(name)) for name in t.lines]
    lines_table = Table(
        t.word("questions.lines"),
        (
            Column("line", t.word("line"), Kind.TEXT),
            Column("calls", t.word("volume.calls")),
            Column("share", t.word("share"), Kind.SHARE),
            Column("before", t.word("before")),
        ),
        tuple(by_line),
    )
    of_node: Counter[str] = Counter()
    for (node, _, _), count in calls.choices.items():
        of_node[node] += count
    choices = tuple(
        (node, keys, following, count, share(count, of_node[node])) for (node, keys, following), count in _most(calls.choices, MOST_CHOICES)
    )
    choice_columns = (
        Column("node", t.word("questions.node"), Kind.TEXT),
        Column("keys", t.word("questions.keys"), Kind.TEXT),
        Column("led_to", t.word("questions.led_to"), Kind.TEXT),
        Column("count", t.word("count")),
        Column("share", t.word("share"), Kind.SHARE),
    )
    left_all = calls.left_menus.total()
    left = tuple((node or "–", count, share(count, left_all)) for node, count in _most(calls.left_menus, MOST_NODES))
    left_columns = (
        Column("node", t.word("questions.left_node"), Kind.TEXT),
        Column("count", t.word("count")),
        Column("share", t.word("share"), Kind.SHARE),
    )
    tables = [lines_table]
    if choices:
        tables.append(Table(t.word("questions.choices"), choice_columns, choices))
    if left:
        tables.append(Table(t.word("questions.left"), left_columns, left))
    chart = Chart(
        t.word("questions.lines"),
        "bars",
        tuple(row[0] for row in by_line),
        (Series(t.word("volume.calls"), tuple(row[1] for row in by_line)),),
    )
    return Section("questions", t.word("questions"), tuple(tables), (chart,))


def agents(t: Teller) -> Section:
    """What each agent answered, and of his time what is known."""
    rows = t.contents.now.agents
    if not rows:
        return Section("agents", t.word("agents"), sentences=(t.word("agents.none"),))
    columns = [
        Column("agent", t.word("agent"), Kind.TEXT),
        Column("name", t.word("name"), Kind.TEXT),
        Column("answered", t.word("answered")),
        Column("talk", t.word("agents.talk"), Kind.SECONDS),
        Column("hold", t.word("agents.hold"), Kind.SECONDS),
        Column("aht", t.word("aht"), Kind.SECONDS),
        Column("transfers", t.word("agents.transfers"), Kind.SHARE),
    ]
    timed = any(row.time for row in rows)
    if timed:
        columns += [
            Column("logged_in", t.word("agents.logged_in"), Kind.NUMBER),
            Column("occupancy", t.word("agents.occupancy"), Kind.SHARE),
            Column("adherence", t.word("agents.adherence"), Kind.SHARE),
            Column("an_hour", t.word("agents.an_hour"), Kind.NUMBER),
            Column("offers", t.word("agents.offers")),
            Column("refused", t.word("agents.refused")),
            Column("no_answer", t.word("agents.no_answer")),
            Column("long_breaks", t.word("agents.long_breaks")),
        ]
    cells = tuple((*_agent(t, row), *(_time(row.time) if timed else ())) for row in rows)
    return Section("agents", t.word("agents"), (Table(t.word("agents"), tuple(columns), cells),))


def _agent(t: Teller, row: AgentRow) -> tuple[TableCell, ...]:
    found = Figures({t.contents.limits.default: row.calls}, t.contents.made_at)
    return (row.agent, row.name, found.answered, *(found.value(name) for name in ("talk.mean", "hold.mean", "aht", "transfer.rate")))


def _time(found: AgentTally | None) -> tuple[TableCell, ...]:
    if found is None:
        return (None,) * 8
    offers = found.offers, found.events[What.REFUSED], found.events[What.NO_ANSWER]
    return found.logged_in / 3600, found.occupancy, found.adherence, found.handled_per_hour, *offers, found.long_breaks


def _most(counted: Mapping[K, int], limit: int) -> list[tuple[K, int]]:
    """The most frequent first, those alike by name."""
    return sorted(counted.items(), key=lambda item: (-item[1], str(item[0])))[:limit]
