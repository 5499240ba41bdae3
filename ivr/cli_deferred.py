"""Commands known by name and one sentence, whose modules are imported by who calls them: what a command needs, no other pays for."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a table of commands. ``module`` has a Typer application ``app``: the command is in it by this name, or is all of it.

    ``help`` is what lists show: the first sentence or paragraph that the command says of itself.
    """

    name: str
    module: str
    help: str
    is_group: bool = False


class DeferredCommand(TyperCommand):
    """Stands in lists for a command, or for a group of them, until somebody wants more of it than its name."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.help)
        self._entry = entry

    def imported(self) -> Any:
        """The command itself: what Typer makes of a function or of an application."""
        group = get_group(importlib.import_module(self._entry.module).app)
        return group if self._entry.is_group else group.commands[self._entry.name]

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        """Of the command itself: whoever has a context goes on with the context's command."""
        return self.imported().make_context(*arguments, **settings)


def deferring(*entries: Entry) -> type[TyperGroup]:
    """For ``typer.Typer(cls=…)``: a group that has these commands after its own, in this order."""

    class DeferringGroup(TyperGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            for entry in entries:
                self.add_command(DeferredCommand(entry))

    return DeferringGroup
