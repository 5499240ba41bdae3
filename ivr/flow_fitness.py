"""Whether flows are fit to be in service: they can be read, the linter has nothing against them, and every prompt can be played.

For the shelf, which asks it in a thread, and the command line. It changes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from callflows import linter, loader
from callflows.flow import FlowBook
from callflows.loader import FlowError, Problem
from callflows.speech import Prompt
from ivr.assembly import flow_house
from ivr.prompts.library import PromptLibrary
from ivr.settings import Settings

T = TypeVar("T")


class UnfitFlowsError(Exception):
    """These flows can't be in service; ``sentences`` say all that is wrong, with file and line."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = list(sentences)


@dataclass(frozen=True, slots=True)
class Fitness:
    """``folder`` is where flows are edited, ``lint`` knows the house they are for, ``prompts`` is the folder of sound files."""

    folder: Path
    lint: Callable[[FlowBook], Sequence[Problem]]
    prompts: Path
    languages: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> Fitness:
        """The fitness for these settings' house. Raises CalendarError."""
        house = flow_house(settings)
        return cls(
            folder=settings.flows or loader.SHIPPED_FLOWS,
            # The hours are looked at from today, however long ago the daemon was started.
            lint=lambda book: linter.lint(book, dataclasses.replace(house, now=datetime.now(UTC)), settings.hotline.flow),
            prompts=settings.paths.prompts,
            languages=settings.hotline.languages,
        )

    def sources_in_folder(self) -> dict[str, str]:
        """File name → text: a version is the same on every machine, so no path is in it. Raises UnfitFlowsError."""
        try:
            return {Path(file).name: text for file, text in loader.read_folder(self.folder).items()}
        except FlowError as error:
            raise UnfitFlowsError([str(problem) for problem in error.problems]) from error
        except OSError as error:
            raise UnfitFlowsError([f"{self.folder}: the flows can't be read: {error.strerror or error}"]) from error

    def parsed(self, sources: Mapping[str, str]) -> FlowBook:
        """The book alone, whatever the linter thinks of it: for calls that began with it. Raises UnfitFlowsError."""
        return _guarded(lambda: loader.load(sources), "")

    def book(self, sources: Mapping[str, str], *, at: Path | None = None) -> FlowBook:
        """The book, if no error is in it. ``at`` is where the files lie, for the sentences. Raises UnfitFlowsError."""
        where = f"{at}/" if at else ""
        book = _guarded(lambda: loader.load(sources), where)
        problems = _guarded(lambda: self.lint(book), where)
        if errors := [problem for problem in problems if problem.severity == "error"]:
            raise UnfitFlowsError([_placed(problem, where) for problem in errors])
        return book

    def missing_prompts(self, book: FlowBook) -> list[Prompt]:
        """What would be silent if this book were in service now."""
        library = PromptLibrary(self.prompts)
        return [prompt for prompt in book.prompts(self.languages) if not library.has(prompt.name, prompt.language)]


def _guarded(work: Callable[[], T], where: str) -> T:
    try:
        return work()
    except FlowError as error:
        raise UnfitFlowsError([_placed(problem, where) for problem in error.problems]) from error
    except Exception as error:
        # A file may find a fault of ours. Then it is unfit too: it must never end the daemon that looks at it.
        raise UnfitFlowsError([f"{where or 'the flows'}: can't be read, by a fault of ours: {error!r}"]) from error


def _placed(problem: Problem, where: str) -> str:
    return str(dataclasses.replace(problem, file=where + problem.file))
