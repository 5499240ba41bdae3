"""Complaints by telephone (R10, R11): what is stored, that the number heard is the number stored, and what becomes of half a complaint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from acceptance.hearing import load_wav, read_out, rms, was_heard
from acceptance.stage import Case, Played, Stage
from acceptance.test_hang_up_anywhere import FILED, NUMBER, RECORDING, REVIEW

AUDIBLE = 500.0  # 16-bit units; the caller's made-up voice comes in at some thousand
SERIAL = "20261121"
# Serial number read back and right, own number read back and right, five seconds of talk, submitted; then both readings are heard out.
WHOLE = Case("whole", "open", f"4e{SERIAL}#e1e1et5#e#")


def complaint_of(call: Played) -> dict[str, Any]:
    """The one complaint of this call."""
    assert len(call.complaints) == 1, call.complaints
    complaint = call.complaints[0]
    assert call.record["complaint"] == complaint["number"]
    return complaint


def masked(caller: str) -> str:
    return f"+86138****{caller[-4:]}"


@pytest.mark.parametrize("case", [WHOLE], ids=str)
async def test_a_whole_complaint_is_stored_with_all_that_was_said(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    complaint = complaint_of(call)
    shown = await call.house.complaint(complaint["number"])
    assert {key: shown[key] for key in complaint} == complaint
    assert complaint["incomplete"] is False
    assert complaint["line"] == "complaint"
    assert complaint["serial"] == SERIAL
    assert complaint["caller"] == complaint["contact_number"] == masked(call.called.caller)
    assert call.record["outcome"] == "self_served"
    assert call.record["line"] == "complaint"
    day = datetime.fromisoformat(complaint["filed_at"])
    assert complaint["number"].startswith(f"C{day:%Y%m%d}")
    assert_audible(complaint, shortest=5.0, longest=9.0)


@pytest.mark.parametrize("case", [WHOLE], ids=str)
async def test_the_number_read_out_twice_is_the_number_stored(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    spoken = await read_out(call.heard, call.house.state / "prompts/zh/ivrd")
    # In the order of the call: the serial number read back, the caller's own number, the complaint's number twice.
    assert spoken == f"{SERIAL}{call.called.caller}{call.record['complaint']}{call.record['complaint']}"


@pytest.mark.parametrize("case", [WHOLE], ids=str)
async def test_the_caller_hears_an_apology_first(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    assert await was_heard(call.heard, call.house.prompt("complaint-intake-apology-"))


NO_SERIAL = Case("no-serial", "open", f"{FILED}w4h")


@pytest.mark.parametrize("case", [NO_SERIAL], ids=str)
async def test_the_serial_number_can_be_skipped(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    complaint = complaint_of(call)
    assert complaint["serial"] is None
    assert complaint["incomplete"] is False
    assert complaint["contact_number"] == masked(call.called.caller)


WRONG_SERIAL_FIRST = Case("serial-entered-again", "open", "4e87654321#e2e12345678#e1e1et4#e#w4h")


@pytest.mark.parametrize("case", [WRONG_SERIAL_FIRST], ids=str)
async def test_a_serial_number_said_wrong_is_entered_again(case: Case, stage: Stage) -> None:
    complaint = complaint_of(await stage.played(case))
    assert complaint["serial"] == "12345678"


OTHER_NUMBER = Case("other-number", "open", f"{NUMBER}e2e13900005678#e1et4#e#w4h")


@pytest.mark.parametrize("case", [OTHER_NUMBER], ids=str)
async def test_another_number_can_be_left_to_call_back(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    complaint = complaint_of(call)
    assert complaint["contact_number"] == "+86139****5678"
    assert complaint["caller"] == masked(call.called.caller)
    assert "13900005678" in await read_out(call.heard, call.house.state / "prompts/zh/ivrd")


# Two recordings that can be told apart by their length: three seconds, listened to, and then six.
AGAIN = Case("recorded-again", "open", f"{RECORDING}et3#e1e2et6#e#w4h")


@pytest.mark.parametrize("case", [AGAIN], ids=str)
async def test_a_recording_can_be_listened_to_and_done_again(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    complaint = complaint_of(call)
    steps = [node.removeprefix("complaint_intake.") for node in call.nodes]
    assert steps[-8:] == ["what_happened", "review", "listen", "review", "what_happened", "review", "file", "tell_number"]
    assert_audible(complaint, shortest=6.0, longest=10.0)
    first = [file for file in Path(complaint["recording"]).parent.glob(f"{call.record['id']}-*.wav") if str(file) != complaint["recording"]]
    assert len(first) == 1
    heard_back = load_wav(first[0])
    assert await was_heard(call.heard, first[0]), f"the caller didn't hear his {len(heard_back) / 8000:.1f} s again"


@dataclass(frozen=True, slots=True)
class Half:
    """What is left of a complaint whose caller hung up."""

    serial: str | None
    recorded: tuple[float, float] | None  # s, at least and at most
    incomplete: bool = True


HALF = [
    Case("after-the-serial", "open", "4e12345678#eh", expect=Half("12345678", None)),
    Case("after-the-number", "open", "4e12345678#e1e1w3h", expect=Half("12345678", None)),
    Case("while-recording", "open", f"{RECORDING}et4h", expect=Half(None, (3.0, 8.0))),
    Case("in-review", "open", f"{REVIEW}eh", expect=Half(None, (4.0, 8.0))),
    Case("while-listening", "open", f"{REVIEW}e1w2h", expect=Half(None, (4.0, 8.0))),
    Case("while-the-number-is-read-out", "open", f"{FILED}w6h", expect=Half(None, (4.0, 8.0), incomplete=False)),
]


@pytest.mark.parametrize("case", HALF, ids=str)
async def test_half_a_complaint_is_filed_once_and_marked(case: Case, stage: Stage) -> None:
    call, half = await stage.played(case), case.expect
    complaint = complaint_of(call)
    assert complaint["incomplete"] is half.incomplete
    assert complaint["serial"] == half.serial
    assert complaint["contact_number"] == masked(call.called.caller)
    if half.recorded is None:
        assert complaint["recording"] is None
    else:
        assert_audible(complaint, *half.recorded)


NOTHING_SAID = [
    Case("in-the-apology", "open", "4w3h"),
    Case("before-the-serial", "open", "4eh"),
    Case("while-the-beep-is-awaited", "open", f"{RECORDING}w4h"),
]


@pytest.mark.parametrize("case", NOTHING_SAID, ids=str)
async def test_who_hangs_up_before_saying_anything_has_not_complained(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    assert call.record["complaint"] is None
    assert call.complaints == []
    assert call.record["outcome"] == "abandoned_ivr"


WITHHELD = Case(
    "withheld",
    "open",
    # His number is asked for, as nothing is known.
    "4e#e13900009876#e1et4#e#w4h",
    script={"from_header": '"Anonymous" <sip:anonymous@anonymous.invalid>'},
)


@pytest.mark.parametrize("case", [WITHHELD], ids=str)
async def test_a_withheld_caller_is_asked_for_a_number(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    complaint = complaint_of(call)
    assert call.record["caller"] is None
    assert "complaint_intake.number_other" in call.nodes
    assert complaint["caller"] is None
    assert complaint["contact_number"] == "+86139****9876"


THEN_TALKS = Case("then-talks", "open", f"{FILED}e1w15h")


@pytest.mark.parametrize("case", [THEN_TALKS], ids=str)
async def test_after_the_number_the_complaints_desk_can_be_reached(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    assert call.record["outcome"] == "answered"
    assert call.visit["queue"] == "complaint"
    assert call.visit["ended_by"] == "caller"
    assert complaint_of(call)["incomplete"] is False


SILENT = Case("silent", "open", "4", script={"wait_s": 170.0})


@pytest.mark.parametrize("case", [SILENT], ids=str)
async def test_who_never_presses_a_key_still_has_a_complaint_with_a_number(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    complaint = complaint_of(call)
    assert call.record["outcome"] == "self_served"
    assert call.nodes[-1] == "complaint_goodbye"
    assert (complaint["serial"], complaint["recording"], complaint["incomplete"]) == (None, None, False)
    assert await was_heard(call.heard, call.house.prompt("complaint-intake-serial-no-input-"))
    spoken = await read_out(call.heard, call.house.state / "prompts/zh/ivrd")
    assert spoken.endswith(2 * complaint["number"])


WRONG_KEYS = Case("wrong-keys", "open", "4e12#e*1#e3#e7e8e9et4#e5e6e7w4h")


@pytest.mark.parametrize("case", [WRONG_KEYS], ids=str)
async def test_wrong_keys_lead_on_through_the_complaint(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    complaint = complaint_of(call)
    keys = {step["node"].removeprefix("complaint_intake."): step["keys"] for step in call.record["path"]}
    assert (keys["serial"], keys["number_check"], keys["review"]) == ("12 *1 3", "7 8 9", "5 6 7")
    assert (complaint["serial"], complaint["incomplete"]) == (None, False)
    assert await was_heard(call.heard, call.house.prompt("complaint-intake-serial-wrong-key-"))


def assert_audible(complaint: dict[str, Any], shortest: float, longest: float) -> None:
    """The recording is there, can be heard, and is as long as the caller spoke; the stored length is the file's."""
    sound = load_wav(Path(complaint["recording"]))
    assert rms(sound) > AUDIBLE
    assert shortest <= len(sound) / 8000 <= longest
    assert abs(complaint["recording_seconds"] - len(sound) / 8000) < 0.6
