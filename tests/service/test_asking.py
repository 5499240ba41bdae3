"""How a question is put to Asterisk: what is played by which command, and which keys belong to the answer."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from support.fake_agi_caller import FakeCaller
from support.house import FakePrompts

from ami_bridge.agi import AgiCall, AgiCallerGoneError, AgiFailureError, AgiServer, AgiSettings
from callflows.effects import Ask, Say
from callflows.outcomes import Digits, NoInput
from callflows.speech import Characters
from ivr.playing import FILES_BYTES, Player

SHORT = (Characters("1"),)
LONG = (Characters("123456789" * 30),)  # more files than one command takes
Outcomes = list[Digits | NoInput | str]


async def put(caller: FakeCaller, *effects: Ask | Say) -> tuple[Outcomes, list[str]]:
    """What each question came to, and which keys were noted."""
    outcomes: Outcomes = []
    noted: list[str] = []

    async def drive(call: AgiCall) -> None:
        player = Player(call, FakePrompts(), Path("/recordings"), "zh", noted.append)
        for effect in effects:
            try:
                if isinstance(effect, Say):
                    await player.say(effect.speech, barge_in=effect.barge_in)
                else:
                    outcomes.append(await player.ask(effect))
            except (AgiCallerGoneError, AgiFailureError) as error:
                outcomes.append(type(error).__name__)
                return

    server = AgiServer(AgiSettings("127.0.0.1", 0, "token", ("127.0.0.1",), 10, 2.0), drive)
    await server.start()
    await caller.call(server.port)
    await server.drain(0)
    return outcomes, noted


def questions(caller: FakeCaller) -> list[list[str]]:
    """Extension and arguments of each question that the dialplan asked."""
    return [[words[2], *words[4].split(",")] for words in map(shlex.split, caller.commands) if words[0] == "GOSUB"]


def played_before(caller: FakeCaller) -> list[str]:
    """The commands before the dialplan's question, without what is heard."""
    names = [" ".join(shlex.split(command)[:2]) for command in caller.commands]
    return [name for name in names[: names.index("GOSUB ivrd-ask")] if name.startswith("EXEC")]


async def test_a_plain_question_needs_no_dialplan() -> None:
    caller = FakeCaller(["12"])
    assert await put(caller, Ask(SHORT, longest=2)) == ([Digits("12")], ["12"])
    assert questions(caller) == []


async def test_the_times_are_told_to_the_dialplan() -> None:
    caller = FakeCaller(["12"])
    await put(caller, Ask(SHORT, longest=4, first_digit_s=5.5, inter_digit_s=2.5, overall_s=9))
    assert questions(caller) == [["ask", "", "ivrd/number-1", "4", "5.5", "2500", "9000"]]


async def test_one_key_has_no_time_as_a_whole() -> None:
    caller = FakeCaller(["1"])
    await put(caller, Ask(SHORT, longest=1, overall_s=9))
    assert questions(caller) == []


async def test_what_must_be_heard_is_played_to_its_end_first() -> None:
    caller = FakeCaller(["1"])
    assert (await put(caller, Ask(SHORT, barge_in=False)))[0] == [Digits("1")]
    assert questions(caller)[0][:3] == ["ask", "ivrd/number-1", ""]


async def test_a_long_speech_that_must_be_heard_is_heard_whole() -> None:
    caller = FakeCaller(["1"])
    assert (await put(caller, Ask(LONG, barge_in=False)))[0] == [Digits("1")]
    assert set(played_before(caller)) == {"EXEC Playback"}
    assert len(caller.played) == 270
    assert max(len(command) for command in caller.commands) < FILES_BYTES + 100


class EarlyCaller(FakeCaller):
    """Presses a key in the first prompt that he may break."""

    def _read(self, arguments: str) -> bytes:
        if len(self.commands) == 1:
            self.variables["IVR_KEYS"] = "7"
            return b"200 result=0\n"
        return super()._read(arguments)


async def test_a_key_in_a_long_speech_begins_the_answer() -> None:
    caller = EarlyCaller(["89"])
    assert (await put(caller, Ask(LONG, longest=3, overall_s=9)))[0] == [Digits("789")]
    assert questions(caller)[0][:4] == ["ask-on", "", "", "2"]


async def test_a_key_pressed_ahead_begins_a_timed_answer() -> None:
    caller = EarlyCaller(["89"])
    assert (await put(caller, Say(SHORT), Ask(SHORT, longest=3, overall_s=9)))[0] == [Digits("789")]
    assert questions(caller)[0][:4] == ["ask-on", "", "", "2"]


async def test_a_key_pressed_ahead_is_no_answer_to_what_must_be_heard() -> None:
    caller = EarlyCaller(["8"])
    assert (await put(caller, Say(SHORT), Ask(SHORT, barge_in=False)))[0] == [Digits("8")]


async def test_what_nobody_may_see_is_noted_as_points_and_left_nowhere() -> None:
    caller = FakeCaller(["4711#"])
    assert await put(caller, Ask(SHORT, longest=8, masked=True)) == ([Digits("4711")], ["••••"])
    assert caller.variables["IVR_KEYS"] == ""


async def test_no_key_is_no_input() -> None:
    assert await put(FakeCaller(), Ask(SHORT, longest=3, overall_s=9)) == ([NoInput()], [])


@pytest.mark.parametrize("question", [Ask(SHORT, longest=3, overall_s=9), Ask(SHORT, barge_in=False)])
async def test_a_hang_up_within_the_dialplans_question(question: Ask) -> None:
    assert (await put(FakeCaller(["h"]), question))[0] == ["AgiCallerGoneError"]


@pytest.mark.parametrize(
    "reply",
    ["510 Invalid or unknown command", "200 result=-1 Gosub label not found", "100 result=0 Trying...\n200 result=0 Gosub complete"],
)
async def test_a_dialplan_that_cant_ask_is_a_failure_and_no_silence(reply: str) -> None:
    caller = FakeCaller(["1"], refuse={"GOSUB": reply})
    assert (await put(caller, Ask(SHORT, barge_in=False)))[0] == ["AgiFailureError"]
