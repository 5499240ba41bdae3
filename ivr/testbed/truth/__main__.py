"""``python -m ivr.testbed.truth --to FOLDER [SCENE…]``: make the captures again, for instance for another version of Asterisk.

Nobody imports it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from ivr.testbed.errors import TestbedError
from ivr.testbed.program import AsteriskProgram, find_asterisk
from ivr.testbed.truth.making import folder_name, keep, record
from ivr.testbed.truth.scenes import PLACED
from ivr.testbed.truth.script import Flavour, Placed
from ivr.testbed.truth.telephone import SceneError

AT_A_TIME = 3


def main() -> int:
    """Exit status 0 when all were made, 1 when one could not, 2 for a scene nobody knows."""
    parser = argparse.ArgumentParser(prog="python -m ivr.testbed.truth", description=__doc__, epilog="Scenes: " + ", ".join(PLACED))
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the captures go, each in a folder of its own")
    parser.add_argument("--flavour", type=Flavour, choices=list(Flavour), action="append", help="all by default")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="all by default")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.scenes if name not in PLACED]:
        parser.error(f"there is no scene {', '.join(unknown)}; there are {', '.join(PLACED)}")
    wanted = [
        (placed, flavour)
        for placed in (PLACED[name] for name in arguments.scenes or PLACED)
        for flavour in placed.scene.flavours
        if flavour in (arguments.flavour or list(Flavour))
    ]
    try:
        return asyncio.run(_make(wanted, find_asterisk(), arguments.to))
    except TestbedError as error:
        print(f"truth: {error}", file=sys.stderr)
        return 1


async def _make(wanted: list[tuple[Placed, Flavour]], program: AsteriskProgram, to: Path) -> int:
    places = asyncio.Semaphore(AT_A_TIME)

    async def make(placed: Placed, flavour: Flavour) -> bool:
        async with places:
            try:
                capture = await record([placed], flavour, program)
                keep(capture, placed, flavour, program.version, to)
            except (SceneError, TestbedError, OSError) as error:
                print(f"truth: {folder_name(placed, flavour)}: {error}", file=sys.stderr)
                return False
            rows = len(capture.log.splitlines())
            print(f"truth: {folder_name(placed, flavour)}: {len(capture.stream)} bytes, {rows} rows")
            return True

    made = await asyncio.gather(*(make(placed, flavour) for placed, flavour in wanted))
    return 0 if all(made) else 1


if __name__ == "__main__":
    sys.exit(main())
