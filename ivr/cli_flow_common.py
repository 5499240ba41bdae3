"""What the commands of ``ivrd flow`` share: from an argument to flow files and a book of flows, and from the settings to a house."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from callflows import loader
from callflows.flow import Flow, FlowBook
from callflows.flow_tests import House
from callflows.nodes.subflow import RunNode
from callflows.speech import Characters, Moment, Number, Segment, Speech, Text, spoken_characters, spoken_moment, spoken_number
from callflows.surroundings import speaking_time
from ivr.assembly import calendars
from ivr.prompts.library import PromptLibrary
from ivr.settings import Settings


def flow_folder(settings: Settings) -> Path:
    """Where the hotline's own flows are."""
    return settings.flows or loader.SHIPPED_FLOWS


def sources_at(place: Path) -> dict[str, str]:
    """The flow files of a folder; or the one file, with those beside it that it runs. Raises FlowError."""
    if place.is_dir():
        return loader.read_folder(place)
    sources = {str(place): loader.read_file(place)}
    while beside := [path for name in sorted(_run_elsewhere(sources)) if (path := place.with_name(f"{name}.yaml")).is_file()]:
        more = {str(path): loader.read_file(path) for path in beside if str(path) not in sources}
        if not more:
            break
        sources |= more
    return sources


def _run_elsewhere(sources: dict[str, str]) -> set[str]:
    flows = loader.parse(sources).flows
    return {node.run for flow in flows.values() for node in flow.nodes.values() if isinstance(node, RunNode)} - {*flows}


def flow_in(place: Path, sources: dict[str, str]) -> Flow | None:
    """The flow that stands in this file, as far as it can be read; None where not even its name can."""
    return next(iter(loader.parse({str(place): sources[str(place)]}).flows.values()), None)


def book_and_flow(name: str, settings: Settings) -> tuple[FlowBook, str]:
    """The flow of that name among the hotline's, or the one in that file with those beside it that it runs.

    Raises FlowError, and ValueError for a name that no flow has.
    """
    place = Path(name)
    if place.is_file():
        sources = sources_at(place)
        book = loader.load(sources)
        return book, next(flow.name for flow in book.flows.values() if flow.file == str(place))
    book = loader.load(loader.read_folder(flow_folder(settings)))
    if name not in book.flows:
        raise ValueError(f"no flow is named {name!r}; there is {', '.join(sorted(book.flows))}")
    return book, name


def tested_house(settings: Settings, book: FlowBook) -> House:
    """For the flows' tests, which come to the same everywhere: hours as written, always open or not; prompts by their letters.

    Raises CalendarError.
    """
    return House(book, calendars(settings.model_copy(update={"always_open": False})), settings.zone, settings.hotline.language)


def simulated_house(settings: Settings, book: FlowBook) -> House:
    """For a call as it would go here: with the settings' hours, and prompts as long as they are. Raises CalendarError."""
    return House(book, calendars(settings), settings.zone, settings.hotline.language, prompt_lengths(PromptLibrary(settings.paths.prompts)))


class Lengths(Protocol):
    """What is asked of the prompt library."""

    def seconds(self, prompt_name: str, language: str) -> float | None: ...


def prompt_lengths(library: Lengths) -> Callable[[Speech, str], float]:
    """How long a speech lasts in this language, s: as rendered, and by its letters where a prompt isn't."""

    def seconds(speech: Speech, language: str) -> float:
        return sum(_rendered(segment, language, library) or speaking_time((segment,), language) for segment in speech)

    return seconds


def _rendered(segment: Segment, language: str, library: Lengths) -> float | None:
    match segment:
        case Text():
            names = [prompt.name] if (prompt := segment.prompt(language)) else []
        case Characters(value=value):
            names = spoken_characters(value)
        case Number(value=number):
            names = spoken_number(number, language)
        case Moment(at=at):
            names = spoken_moment(at, language)
        case _:
            return None
    lengths = [library.seconds(name, language) for name in names]
    known = [length for length in lengths if length is not None]
    return sum(known) if known and len(known) == len(lengths) else None
