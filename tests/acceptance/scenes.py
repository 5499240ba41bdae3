"""Plays scenes in the background: a whole story in a house of its own, whose outcome several tests look at.

A test module names its scenes in ``SCENES``; they begin with the session, and the module's tests wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

# Given a folder and the rendered prompts: the story, whose house lives until it is left.
Scene = Callable[[Path, Path], AbstractAsyncContextManager[Any]]


class Scenes:
    """The scenes of a test session, each played once."""

    def __init__(self, folder: Path, prompts: Path) -> None:
        self._folder = folder
        self._prompts = prompts
        self._outcomes: dict[Scene, asyncio.Future[Any]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()

    def begin(self, scene: Scene) -> None:
        if scene not in self._outcomes:
            self._outcomes[scene] = asyncio.get_running_loop().create_future()
            name = getattr(scene, "__name__", "scene")
            self._tasks.append(asyncio.create_task(self._play(scene, self._folder / name), name=name))

    async def outcome(self, scene: Scene) -> Any:
        """What the scene yields, once it has been played. Raises what went wrong in it."""
        return await asyncio.shield(self._outcomes[scene])

    async def close(self) -> None:
        """End what still plays, and the houses."""
        self._over.set()
        for task, outcome in zip(self._tasks, self._outcomes.values(), strict=True):
            if not outcome.done():
                task.cancel()
        await asyncio.gather(*self._tasks, *self._outcomes.values(), return_exceptions=True)

    async def _play(self, scene: Scene, folder: Path) -> None:
        outcome = self._outcomes[scene]
        try:
            async with scene(folder, self._prompts) as told:
                if not outcome.done():
                    outcome.set_result(told)
                await self._over.wait()
        except BaseException as error:  # a test waits for it
            if not outcome.done():
                outcome.set_exception(error)
            raise
