"""Out of hours each line says so and takes a message; complaints are taken at any hour (R3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.hearing import load_wav, rms, was_heard
from acceptance.stage import Case, Played, Stage
from acceptance.test_hang_up_anywhere import FILED

AUDIBLE = 500.0
# When we open, and what we offer; a message, after the tone.
MESSAGE = "@offer e2@message.speak et4#"
CLOSED = [
    Case("1-hr", "closed", f"1{MESSAGE}", expect=("hr", "hotline-closed-until-", "closed_until")),
    Case("2-1-on-campus", "closed", f"2@course_menu 1{MESSAGE}", expect=("course", "hotline-closed-for-now-", "closed_for_now")),
    Case("2-2-off-campus", "closed", f"2@course_menu 2{MESSAGE}", expect=("course", "hotline-closed-for-now-", "closed_for_now")),
    Case("3-product", "closed", f"3{MESSAGE}", expect=("product", "hotline-closed-for-now-", "closed_for_now")),
    Case("0-operator", "closed", f"0{MESSAGE}", expect=(None, "hotline-closed-for-now-", "closed_for_now")),
]


def recordings(call: Played) -> list[Path]:
    return list(call.house.settings.paths.recordings.rglob(f"{call.record['id']}-*.wav"))


@pytest.mark.parametrize("case", CLOSED, ids=str)
async def test_a_closed_line_says_so_and_takes_a_message(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    line, said, node = case.expect
    assert call.record["line"] == line
    after = [step.removeprefix("message.") for step in call.nodes[call.nodes.index("closed") :]]
    assert after == ["closed", node, "offer", "message", "speak", "keep", "thanks", "done", "goodbye"]
    assert call.record["outcome"] == "voicemail"
    assert call.record["message"] is True
    assert call.record["visits"] == []
    assert await was_heard(call.heard, call.house.prompt(said))
    assert await was_heard(call.heard, call.house.prompt("message-thanks-"))
    (recording,) = recordings(call)
    sound = load_wav(recording)
    assert rms(sound) > AUDIBLE
    assert 4.0 <= len(sound) / 8000 <= 8.0


@pytest.mark.parametrize("case", CLOSED[:1], ids=str)
async def test_the_caller_hears_when_the_line_opens_again(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    for word in ("time-month", "time-day", "time-hour", "number-shi", "time-minute"):  # …月…日…点十分
        assert await was_heard(call.heard, call.house.prompt(word)), word


IN_THE_MESSAGE = Case("in-the-message", "closed", f"3{MESSAGE[:-1]}h")


@pytest.mark.parametrize("case", [IN_THE_MESSAGE], ids=str)
async def test_hanging_up_is_a_way_to_end_a_message(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    assert call.nodes[-1] == "message.speak"
    assert (call.record["outcome"], call.record["message"]) == ("voicemail", True)
    (recording,) = recordings(call)
    assert rms(load_wav(recording)) > AUDIBLE


SILENT = Case("silent", "closed", "3")


@pytest.mark.parametrize("case", [SILENT], ids=str)
async def test_silence_is_asked_for_again_and_is_no_message(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    assert call.nodes[-4:] == ["message.speak", "message.speak_again", "message.nothing_said", "goodbye"]
    assert (call.record["outcome"], call.record["message"]) == ("after_hours", False)


COMPLAINT = Case("complaint", "closed", f"{FILED}e2")


@pytest.mark.parametrize("case", [COMPLAINT], ids=str)
async def test_complaints_are_taken_out_of_hours(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    (complaint,) = call.complaints
    assert (complaint["number"], complaint["incomplete"]) == (call.record["complaint"], False)
    assert rms(load_wav(Path(complaint["recording"]))) > AUDIBLE
    assert call.record["outcome"] == "self_served"
    assert await was_heard(call.heard, call.house.prompt("complaint-intake-tell-number-"))


THEN_TALK = Case("then-talk", "closed", f"{FILED}e1{MESSAGE}")


@pytest.mark.parametrize("case", [THEN_TALK], ids=str)
async def test_who_wants_to_talk_about_his_complaint_hears_when_somebody_is_there(case: Case, stage: Stage) -> None:
    call = await stage.played(case)
    assert call.record["complaint"]
    assert call.nodes[call.nodes.index("complaint_hours") :][:3] == ["complaint_hours", "closed", "closed_until"]
    assert (call.record["outcome"], call.record["message"]) == ("voicemail", True)
