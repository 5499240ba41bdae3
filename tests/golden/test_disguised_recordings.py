"""A recording with false numbers and names replays to the very calls of the real one, and holds no number of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ami_bridge.ami_wire import AmiFraming, parse
from ami_bridge.disguise import Disguise
from ivr.replaying import replay

HERE = Path(__file__).parent
CAPTURES = sorted((HERE / "captures").glob("*.ami"))
TRUTHS = sorted(path.parent for path in (HERE / "truth").glob("*/stream.ami"))
UTC = ZoneInfo("UTC")
PARTY = re.compile(r"^[A-Za-z]*(?:CallerIDNum|ConnectedLineNum): ([+0-9]{5,})\r?$", re.MULTILINE)
NAMES = re.compile(r"^[A-Za-z]*CallerIDName: (\S.{2,})\r$", re.MULTILINE)


def disguised(stream: bytes, disguise: Disguise) -> bytes:
    framing = AmiFraming()
    messages = [disguise.ami(raw) + b"\r\n\r\n" for raw in framing.feed(stream)]
    return b"".join([f"{framing.banner}\r\n".encode() if framing.banner else b"", *messages])


def told(files: list[Path]) -> dict[str, Any]:
    """What a replay tells, but for the names of the files."""
    found = replay(files).as_json(UTC)
    found["warnings"] = sorted(re.sub(r"^\S+ ?", "", warning) for warning in found["warnings"])
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def check(stream: bytes, log: bytes, folder: Path) -> None:
    real, false = folder / "real", folder / "false"
    disguise = Disguise()
    for place, ami, rows in (
        (real, stream, log),
        (false, disguised(stream, disguise), b"".join(map(disguise.queue_log, log.splitlines(keepends=True)))),
    ):
        place.mkdir()
        (place / "stream.ami").write_bytes(ami)
        (place / "queue_log").write_bytes(rows)
    for names in (["stream.ami"], ["queue_log"], ["stream.ami", "queue_log"]):
        if all((real / name).stat().st_size for name in names):
            assert told([false / name for name in names]) == told([real / name for name in names])
    written = b"".join((false / name).read_bytes() for name in ("stream.ami", "queue_log")).decode("utf-8", "replace")
    text = stream.decode("utf-8", "replace")
    numbers = set(PARTY.findall(text))
    assert [number for number in numbers if re.search(rf"(?<![0-9]){re.escape(number)}(?![0-9])", written)] == []
    members = {parse(raw).get("MemberName") for raw in AmiFraming().feed(stream)}
    names_of_callers = {name for name in NAMES.findall(text) if name not in members | {"<unknown>", "unknown"}}
    assert [name for name in names_of_callers if name in written] == []


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_capture(capture: Path, tmp_path: Path) -> None:
    log = (HERE / "captures" / "queue_log.sample").read_bytes() if capture.stem == "abandon" else b""
    check(capture.read_bytes(), log, tmp_path)


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda path: path.name)
def test_a_call_of_the_truth_table(truth: Path, tmp_path: Path) -> None:
    check((truth / "stream.ami").read_bytes(), (truth / "queue_log").read_bytes(), tmp_path)
