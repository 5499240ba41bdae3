"""From settings to the values the daemon runs on: flows, calendars, prompts. Shared by ``ivrd run`` and ``ivrd check``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from callflows import linter, loader
from callflows.calendar import AlwaysOpen, Calendar, CalendarError
from callflows.calendar_file import load_calendars
from callflows.flow import FlowBook
from callflows.loader import Problem
from ivr.settings import Settings

SHIPPED_CALENDAR = Path(__file__).resolve().parent.parent / "config" / "calendar.yaml"


def flow_book(settings: Settings) -> tuple[FlowBook, list[Problem]]:
    """The flows of these settings and what the linter says of them. Raises FlowError when they don't parse, CalendarError."""
    book = loader.load(loader.read_folder(settings.flows or loader.SHIPPED_FLOWS))
    return book, linter.lint(book, flow_house(settings), settings.hotline.flow)


def flow_house(settings: Settings) -> linter.House:
    """What the flows may name, as the linter is told it by everybody who asks it. Raises CalendarError."""
    return linter.House(
        queues=settings.queues,
        lines=settings.lines,
        calendars=calendars(settings),
        languages=settings.hotline.languages,
        phones=settings.phones,
        webhooks={name: webhook.sets for name, webhook in settings.webhooks.items()},
        now=datetime.now(UTC),
        zone=settings.zone,
    )


def calendars(settings: Settings) -> Mapping[str, Calendar | AlwaysOpen]:
    """By calendar name and by line name. Raises CalendarError, also for a line whose calendar is missing."""
    path = settings.calendar or SHIPPED_CALENDAR
    named = load_calendars(path)
    for name, line in settings.lines.items():
        if line.hours not in named:
            raise CalendarError(f"{path}: lines.{name}.hours names {line.hours!r}, which is not here")
    if settings.always_open:
        return dict.fromkeys([*named, *settings.lines], AlwaysOpen())
    return {**named, **{name: named[line.hours] for name, line in settings.lines.items()}}
