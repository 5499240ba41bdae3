"""``ivrd flow draw``: a flow as a picture, with the calls that really went each way. A command that ``ivr.cli_flow`` hangs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from callflows import loader
from callflows.drawing import Drawing, drawing
from callflows.drawing_svg import svg
from callflows.drawing_text import mermaid, tree
from callflows.flow import FlowBook
from callflows.loader import FlowError
from callflows.traffic import Traffic, traffic
from ivr.cli_common import ConfigOption, fail, settings_from
from ivr.cli_store import read_store
from ivr.settings import Settings
from ivr.store import flow_versions as store

app = typer.Typer()

DEFAULT_PERIOD = timedelta(days=7)


class Format(StrEnum):
    MERMAID = "mermaid"
    SVG = "svg"
    TEXT = "text"


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


_PUT: Mapping[Format, Callable[[Drawing], str]] = {Format.MERMAID: mermaid, Format.SVG: svg, Format.TEXT: tree}
_SUFFIXES = {".svg": Format.SVG, ".mmd": Format.MERMAID, ".mermaid": Format.MERMAID, ".txt": Format.TEXT}


@app.command(epilog="Example: ivrd flow draw hotline --out hotline.svg --from 2026-11-15")
def draw(
    name: Annotated[str, typer.Argument(metavar="[NAME|FILE]", help="A flow's name, or a flow file; the hotline's by default.")] = "",
    config: ConfigOption = None,
    format_: Annotated[Format | None, typer.Option("--format", help="By the file's suffix, else text.")] = None,
    from_: Annotated[str, typer.Option("--from", help="Count calls from then on, ISO 8601; a week ago by default.")] = "",
    to: Annotated[str, typer.Option("--to", help="Count calls before then; now by default.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file.")] = None,
    version: Annotated[str, typer.Option("--version", help="A published version and its calls alone, by its whole name.")] = "",
    language: Annotated[Language | None, typer.Option("--language", help="Of the words and labels; the hotline's by default.")] = None,
    calls: Annotated[bool, typer.Option("--calls/--no-calls", help="Count calls where there is a database.")] = True,
) -> None:
    """Draw a flow; with a database, how many calls went each way and how many were lost at each node."""
    settings = settings_from(config)
    book, flow = _book(settings, name, version)
    if flow not in book.flows:
        fail(f"no flow is named {flow!r}; there is {', '.join(sorted(book.flows))}")
    counted, note = None, ""
    if from_ or to or version or (calls and _has_database(settings)):
        counted, note = _counted(settings, book, from_, to, version)
    chosen = format_ or (_SUFFIXES.get(out.suffix.lower()) if out else None) or Format.TEXT
    drawn = _PUT[chosen](drawing(book, flow, (language or Language(settings.hotline.language)).value, counted, note))
    if out is None:
        typer.echo(drawn, nl=False)
        return
    try:
        out.write_text(drawn, encoding="utf-8")
    except OSError as error:
        fail(f"{out}: can't be written: {error.strerror}")


def _book(settings: Settings, name: str, version: str) -> tuple[FlowBook, str]:
    """The flows to draw from, and which."""
    place = Path(name)
    try:
        if version:
            found = read_store(settings, lambda session, _: store.load(session, version))
            if found is None:
                fail(f"there is no version {version}; look at `ivrd flow versions`")
            return loader.load(found.sources), name or settings.hotline.flow
        if name and place.is_file():
            book = loader.load({name: loader.read_file(place)})
            return book, next(iter(book.flows))
        return loader.load(loader.read_folder(settings.flows or loader.SHIPPED_FLOWS)), name or settings.hotline.flow
    except FlowError as error:
        fail(*(str(problem) for problem in error.problems))


def _has_database(settings: Settings) -> bool:
    return settings.store.url is not None or settings.paths.database.exists()


def _counted(settings: Settings, book: FlowBook, from_: str, to: str, version: str) -> tuple[Traffic, str]:
    zone = settings.zone
    end = _moment("--to", to, zone) if to else datetime.now(UTC).astimezone(zone)
    start = _moment("--from", from_, zone) if from_ else end - DEFAULT_PERIOD
    if start >= end:
        fail("--from must be before --to")
    paths = read_store(settings, lambda session, _: store.paths_between(session, start, end, version or None))
    note = f"{start:%Y-%m-%d %H:%M} — {end:%Y-%m-%d %H:%M}"
    return traffic(book, settings.hotline.flow, ((path.nodes, path.lost) for path in paths)), note


def _moment(option: str, given: str, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        fail(f"{option}: {given!r} is no time; write it like 2026-11-22 or 2026-11-22T08:00:00+08:00")
    return at.astimezone(zone) if at.tzinfo else at.replace(tzinfo=zone)
