"""Every row of the truth table made anew on this machine's Asterisk, all scenes at once, and told right by ``ivrd replay``.

From AMI alone, from queue_log alone, and from both. The golden captures are of the same scenes: what is right there and wrong here, this
Asterisk says otherwise, or it hangs on how busy the machine is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.truth import SOURCES, differences

from ivr.domain.contacts import Contact
from ivr.replaying import replay
from ivr.testbed.program import find_asterisk
from ivr.testbed.truth.making import Capture, folder_name, record, rounded
from ivr.testbed.truth.scenes import PLACED
from ivr.testbed.truth.script import Flavour, Placed, Told

pytestmark = [pytest.mark.timeout(300), pytest.mark.crowd, pytest.mark.asyncio(loop_scope="session")]
# s; by the machine's clock a telephone is late where the machine is busy, and the log knows whole seconds.
CLOSE_S = {"ami": 0.6, "log": 1.6, "both": 0.6}
CASES = [
    pytest.param(placed, flavour, source, id=f"{folder_name(placed, flavour)}-{source}")
    for placed in PLACED.values()
    for flavour in placed.scene.flavours
    for source in SOURCES
]


@dataclass(frozen=True, slots=True)
class Played:
    """Of one Asterisk: what was done, and the contacts that each source tells."""

    capture: Capture
    contacts: dict[str, list[Contact]]

    def of(self, placed: Placed, source: str) -> list[Contact]:
        """Of a scene: the contacts that were in a queue of its own."""
        queues = {placed.scene.queue(each.suffix) for each in placed.scene.queues}
        return [contact for contact in self.contacts[source] if any(visit.queue in queues for visit in contact.visits)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def played(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[tuple[Flavour, str], Played | BaseException]]:
    """All scenes, played at once: those that share an Asterisk, and each that stops its own on one of its own."""
    program = await asyncio.to_thread(find_asterisk)
    groups = {(flavour, ""): _shared(flavour) for flavour in Flavour}
    groups |= {
        (flavour, placed.scene.name): [placed]
        for placed in PLACED.values()
        if placed.scene.own_asterisk
        for flavour in placed.scene.flavours
    }
    recording = (record(scenes, flavour, program) for (flavour, _), scenes in groups.items())
    captures = await asyncio.gather(*recording, return_exceptions=True)  # an Asterisk that fails leaves the others alone
    folder = tmp_path_factory.mktemp("truth")
    yield {
        key: capture if isinstance(capture, BaseException) else _replayed(capture, folder / f"{key[0]}{key[1]}")
        for key, capture in zip(groups, captures, strict=True)
    }


def _shared(flavour: Flavour) -> list[Placed]:
    return [placed for placed in PLACED.values() if flavour in placed.scene.flavours and not placed.scene.own_asterisk]


def _replayed(capture: Capture, folder: Path) -> Played:
    folder.mkdir()
    (folder / "stream.ami").write_bytes(capture.stream)
    (folder / "queue_log").write_bytes(capture.log)
    return Played(capture, {source: replay([folder / name for name in names]).contacts for source, names in SOURCES.items()})


@pytest.mark.parametrize(("placed", "flavour", "source"), CASES)
async def test_what_was_done_is_told(
    placed: Placed, flavour: Flavour, source: str, played: dict[tuple[Flavour, str], Played | BaseException]
) -> None:
    on = played[flavour, placed.scene.name if placed.scene.own_asterisk else ""]
    if isinstance(on, BaseException):
        raise on
    told = on.capture.told[placed.scene.name]
    assert isinstance(told, Told), f"the scene could not be played: {told}"
    expected = rounded(told.as_json())[source]
    assert not differences(on.of(placed, source), expected, CLOSE_S[source]), f"{placed.scene.what}; {told.because}"
