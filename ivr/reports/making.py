"""Makes one report: reads, counts, writes its files. Blocking, so in a thread or a command; used by the clock and ``ivrd reports``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ivr.domain.measures import Limits
from ivr.reporting import limits_from
from ivr.reports.contents import Contents
from ivr.reports.csv_text import csv_text
from ivr.reports.document import Document, Hotline
from ivr.reports.gathering import Staff
from ivr.reports.gathering import contents as gather
from ivr.reports.html import html
from ivr.reports.notice import Notice
from ivr.reports.periods import Period
from ivr.reports.report import headline, report_of
from ivr.reports.tables import Column, Kind, Sheet, Table
from ivr.reports.words import Language, word
from ivr.reports.workbook import write_workbook
from ivr.settings import Settings
from ivr.shift_plan import ShiftPlan
from ivr.store.database import Database

FORMS = ("html", "xlsx", "csv")


@dataclass(frozen=True, slots=True)
class Made:
    """A report that was made. ``files``: "zh.html" → its path below the folder it was made in; ``notices`` by language."""

    period: Period
    files: Mapping[str, str]
    notices: Mapping[str, Notice]


class ReportMaker:
    """``folder``: where reports are kept. ``clock`` gives aware UTC."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        hotline: Hotline,
        limits: Limits,
        staff: Staff,
        languages: tuple[Language, ...],
        console_url: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self.folder = folder
        self._hotline = hotline
        self._limits = limits
        self._staff = staff
        self._languages = languages
        self._console_url = console_url
        self._clock = clock

    @classmethod
    def of(cls, settings: Settings, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> ReportMaker:
        return cls(
            database,
            settings.paths.reports,
            hotline_of(settings),
            limits_from(settings),
            staff_of(settings),
            settings.reports.languages,
            settings.console_url,
            clock,
        )

    def make(self, period: Period, folder: Path | None = None) -> Made:
        """Into ``folder``, else where reports are kept, replacing what is there. Raises StoreError and OSError."""
        contents = self.contents(period)
        target = folder or self.folder
        files: dict[str, str] = {}
        notices: dict[str, Notice] = {}
        for language in self._languages:
            document = report_of(contents, self._hotline, language)
            # A chosen folder is filled flat; ours has one of its own for each report.
            below = "" if folder else f"{period.kind}/{period.name}/"
            written = {form: f"{below}hotline-{period.kind}-{period.name}.{language}.{form}" for form in FORMS}
            self._write(target, written, document)
            files |= {f"{language}.{form}": name for form, name in written.items()}
            notices[language] = self._notice(contents, document, written)
        return Made(period, files, notices)

    def contents(self, period: Period) -> Contents:
        """The numbers alone. Raises StoreError."""
        self._staff.plan.refresh()
        asked = partial(gather, period=period, zone=self._hotline.zone, limits=self._limits, staff=self._staff, now=self._clock())
        return self._database.read_now(asked)

    def _notice(self, contents: Contents, document: Document, files: Mapping[str, str]) -> Notice:
        period = contents.period
        url = f"{self._console_url}/reports/{period.kind}/{period.name}/{document.language}.html"
        title = f"{document.title} {document.name}"
        return Notice(period, document.language, title, document.short.replace("{url}", url), url, dict(files), headline(contents))

    def _write(self, folder: Path, names: Mapping[str, str], document: Document) -> None:
        zone = self._hotline.zone
        _replace(folder / names["html"], lambda path: path.write_text(html(document, zone), encoding="utf-8"))
        # With a byte order mark: without it Excel takes UTF-8 for something else.
        _replace(folder / names["csv"], lambda path: path.write_text(csv_text(document, zone), encoding="utf-8-sig", newline=""))
        sheets = [
            overview(document),
            *(Sheet(section.title, section.tables, section.charts) for section in document.sections if section.tables),
        ]
        title = f"{document.title} {document.name}"
        data_name = word("data", document.language)
        _replace(folder / names["xlsx"], lambda path: write_workbook(path, title, sheets, zone, data_name=data_name))


def overview(document: Document) -> Sheet:
    """The workbook's first page: the headline figures, and what is said in sentences."""

    def told(key: str) -> str:
        return word(key, document.language)

    columns = (
        Column("figure", told("figure"), Kind.TEXT),
        Column("this", told("this")),
        Column("before", told("before")),
        Column("target", "", Kind.TEXT),
    )
    rows = tuple((tile.title, tile.value, tile.before, tile.target) for tile in document.tiles)
    note = f"{document.name} · {document.compared} · {document.made}"
    figures = Table(document.title, columns, rows, note=note, kinds=tuple(tile.kind for tile in document.tiles))
    spoken = [
        Table(section.title, (Column("told", "", Kind.TEXT),), tuple((sentence,) for sentence in section.sentences))
        for section in document.sections
        if section.sentences
    ]
    return Sheet(document.title, [figures, *spoken])


def hotline_of(settings: Settings) -> Hotline:
    """What reports know of the house."""
    return Hotline(
        zone=settings.zone,
        lines={name: {"zh": line.name.zh, "en": line.name.en} for name, line in settings.lines.items()},
        departments={name: line.department for name, line in settings.lines.items()},
        queues=tuple(settings.queues),
        service_level=settings.targets.service_level,
        loss_rate=settings.targets.loss_rate,
    )


def staff_of(settings: Settings) -> Staff:
    names = {extension: agent.name for extension, agent in settings.agents.items()}
    return Staff(ShiftPlan(settings.shifts.file, settings.zone, list(settings.agents)), names, settings.shifts.longest_break)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Whole or not at all, whoever reads it meanwhile and whenever the power goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
