"""What the commands of ``ivrd flow`` share: from an argument to a book of flows, and from the settings to a house."""

from __future__ import annotations

from pathlib import Path

from callflows import linter, loader
from callflows.flow import FlowBook
from callflows.flow_tests import House
from ivr.assembly import calendars
from ivr.settings import Settings


def flow_folder(settings: Settings) -> Path:
    """Where the hotline's own flows are."""
    return settings.flows or loader.SHIPPED_FLOWS


def book_and_flow(name: str, settings: Settings) -> tuple[FlowBook, str]:
    """The flow of that name among the hotline's, or the one in that file with all that stand beside it.

    Raises FlowError, OSError, UnicodeDecodeError, and ValueError for a name that no flow has.
    """
    place = Path(name)
    if not place.is_file():
        book = loader.load(loader.read_folder(flow_folder(settings)))
        if name not in book.flows:
            raise ValueError(f"no flow is named {name!r}; there is {', '.join(sorted(book.flows))}")
        return book, name
    alone = loader.load({name: place.read_text(encoding="utf-8")})
    (flow,) = alone.flows
    return alone, flow


def linter_house(settings: Settings) -> linter.House:
    """What flows may name. Raises CalendarError."""
    return linter.House(settings.queues, settings.lines, calendars(settings), settings.hotline.languages)


def house_of(settings: Settings, book: FlowBook, *, as_written: bool = False) -> House:
    """For simulated calls; ``as_written`` takes the calendar's hours even where the settings say always open. Raises CalendarError."""
    hours = calendars(settings.model_copy(update={"always_open": False}) if as_written else settings)
    return House(book, hours, settings.zone, settings.hotline.language)
