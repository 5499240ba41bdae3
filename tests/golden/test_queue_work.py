"""Recorded streams of a real Asterisk: who waited how long, and how long the agent had his call."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ami_bridge.ami_wire import AmiFraming, parse
from ami_bridge.translate import Translator
from ivr.queue_work import QueueWork, Waiting

CAPTURES = Path(__file__).parent / "captures"


@pytest.mark.parametrize(
    ("capture", "queue", "ends", "handling"),
    [
        ("answered_caller_hangs", "q1", [(2.0, True)], (6.0,)),
        ("redirect_caller", "q1", [(2.0, True)], (3.0,)),  # Asterisk tells the end of the talk once more, three seconds late
        ("abandon", "q2", [(5.0, False)], ()),
        ("timeout", "q2", [(3.0, False)], ()),
        ("exitkey", "q2", [(2.2, False)], ()),
    ],
)
def test_a_capture_tells_of_waits_and_handling(
    capture: str, queue: str, ends: list[tuple[float, bool]], handling: tuple[float, ...]
) -> None:
    ended: list[tuple[float, bool]] = []

    def on_end(caller: Waiting, at: datetime | None, answered: bool) -> None:
        assert at is not None
        ended.append((round((at - caller.joined_at).total_seconds(), 1), answered))

    work, translator, now = QueueWork([queue], on_end=on_end), Translator(), datetime(2026, 11, 21, tzinfo=UTC)
    for raw in AmiFraming().feed((CAPTURES / f"{capture}.ami").read_bytes()):
        for fact in translator.translate(parse(raw), now).facts:
            work.apply(fact)
    assert ended == ends
    assert work.waiting(queue, now) == []
    assert work.situation(queue, now, priority=0, ceiling_s=60.0).handling == pytest.approx(handling, abs=0.1)
