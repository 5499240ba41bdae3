"""Plays scenes and keeps what Asterisk said of them, and what was true: one scene in a world of its own, or many in one.

For ``__main__`` (golden captures) and the acceptance test (all at once).
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.testbed.program import AsteriskProgram
from ivr.testbed.truth.script import Flavour, Placed, Told
from ivr.testbed.truth.telephone import SceneError
from ivr.testbed.truth.world import World

STREAM, LOG, EXPECTED = "stream.ami", "queue_log", "expected.json"


@dataclass(frozen=True, slots=True)
class Capture:
    """``stream``: AMI's bytes from the banner on; ``log``: the queue_log's rows; ``told``: of each scene, by its name, or why it failed."""

    stream: bytes
    log: bytes
    told: dict[str, Told | SceneError]


async def record(scenes: Sequence[Placed], flavour: Flavour, program: AsteriskProgram) -> Capture:
    """Play the scenes at once on an Asterisk of their own. Raises TestbedError, OSError, and SceneError where calls are left over."""
    with tempfile.TemporaryDirectory(prefix="truth-") as folder:
        async with World(Path(folder), program, flavour, scenes) as world:
            playing = {placed.scene.name: asyncio.create_task(_play(placed, world), name=placed.scene.name) for placed in scenes}
            try:
                told = {name: await task for name, task in playing.items()}
            finally:
                for task in playing.values():
                    task.cancel()
            await world.quiet()
            stream, log = await world.recorder.close(), world.queue_log
        return Capture(stream, log, told)


async def _play(placed: Placed, world: World) -> Told | SceneError:
    """A scene that fails leaves the others alone; its calls are ended."""
    try:
        return await placed.scene.play(world.on(placed))
    except SceneError as error:
        await world.end_calls_of(placed)
        return error


def folder_name(placed: Placed, flavour: Flavour) -> str:
    return f"{placed.scene.name}.{flavour}"


def keep(capture: Capture, placed: Placed, flavour: Flavour, version: str, folder: Path) -> Path:
    """Write one scene's capture below ``folder``. Raises OSError, and the SceneError of a scene that failed."""
    told = capture.told[placed.scene.name]
    if isinstance(told, SceneError):
        raise told
    place = folder / folder_name(placed, flavour)
    place.mkdir(parents=True, exist_ok=True)
    (place / STREAM).write_bytes(capture.stream)
    (place / LOG).write_bytes(capture.log)
    whole = {"scene": placed.scene.name, "what": placed.scene.what, "flavour": flavour, "asterisk": version, **rounded(told.as_json())}
    (place / EXPECTED).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return place


def rounded(value: Any) -> Any:
    """Times to the hundredth."""
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value
