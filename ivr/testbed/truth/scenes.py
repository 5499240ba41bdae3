"""All scenes by their names, each with its place among the numbers: for ``making`` and ``__main__``."""

from __future__ import annotations

from ivr.testbed.truth import scenes_answered, scenes_moved, scenes_rare, scenes_waiting
from ivr.testbed.truth.script import Placed, Scene

_FIRST_BLOCK = 101
ALL_SCENES: tuple[Scene, ...] = (*scenes_waiting.SCENES, *scenes_answered.SCENES, *scenes_moved.SCENES, *scenes_rare.SCENES)
PLACED: dict[str, Placed] = {scene.name: Placed(scene, _FIRST_BLOCK + number) for number, scene in enumerate(ALL_SCENES)}
