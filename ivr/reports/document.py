"""A report in one language, as plain values: what HTML, xlsx, CSV and the short message are all written from. Built by ``report_of``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ivr.reports.contents import Contents
from ivr.reports.periods import Kind as PeriodKind
from ivr.reports.periods import Period
from ivr.reports.tables import Chart, Kind, Table
from ivr.reports.words import Language, word


@dataclass(frozen=True, slots=True)
class Hotline:
    """What a report knows of the house: names in both languages, and the targets, shares of 1."""

    zone: ZoneInfo
    lines: Mapping[str, Mapping[Language, str]]
    departments: Mapping[str, str]
    queues: tuple[str, ...]
    service_level: float
    loss_rate: float


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline figure beside the same before; ``target`` in words, ``standing`` against it."""

    title: str
    value: float | int | None
    before: float | int | None
    kind: Kind
    target: str = ""
    standing: Literal["good", "bad", ""] = ""


@dataclass(frozen=True, slots=True)
class Section:
    """``key`` is the same in every language; ``sentences`` stand below the tables."""

    key: str
    title: str
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """``short`` is the message for chat robots, whose ``{url}`` is still open."""

    language: Language
    title: str
    name: str
    compared: str
    made: str
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    short: str


class Teller:
    """One report being put into words: what every section asks for. For this room alone."""

    def __init__(self, contents: Contents, hotline: Hotline, language: Language) -> None:
        self.contents = contents
        self.hotline = hotline
        self.language = language

    def word(self, key: str, **values: object) -> str:
        return word(key, self.language, **values)

    def line(self, name: str | None) -> str:
        """As people call it."""
        if not name:
            return self.word("none_chosen")
        return self.hotline.lines.get(name, {}).get(self.language, name)

    @property
    def lines(self) -> list[str]:
        """Those of the settings, then others that calls were for, then those who chose none."""
        seen = {*self.contents.now.calls.by_line, *(cell.line for cell in self.contents.now.cells if cell.tally.entered)}
        others = sorted(seen - {*self.hotline.lines, ""})
        return [*self.hotline.lines, *others, *([""] if "" in seen else [])]

    @property
    def queues(self) -> list[str]:
        seen = {cell.queue for cell in self.contents.now.cells if cell.queue}
        return [*self.hotline.queues, *sorted(seen - {*self.hotline.queues})]

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.hotline.zone)

    def moment(self, at: datetime) -> str:
        return self.local(at).strftime("%m-%d %H:%M:%S")

    def period_name(self, period: Period) -> str:
        weekday = self.word(f"weekday.{period.first.weekday()}")
        return self.word(f"name.{period.kind}", first=period.first, last=period.last, weekday=weekday, week=period.first.isocalendar().week)

    @property
    def daily(self) -> bool:
        return self.contents.period.kind is PeriodKind.DAY


def shown(value: Any, kind: Kind) -> str:
    """A number in words, for tiles and the short message; – for none."""
    if value is None:
        return "–"
    if kind is Kind.SHARE:
        return f"{value * 100:.1f} %"
    if kind is Kind.SECONDS:
        return f"{value:,.1f}"
    if kind is Kind.NUMBER:
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
