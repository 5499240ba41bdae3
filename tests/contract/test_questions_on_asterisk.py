"""Questions asked of a real caller through a real Asterisk: what is heard, which keys count, and when an answer is over.

The daemon's own player asks over its own AGI server; SIPp calls and presses RFC 4733 keys.
"""

from __future__ import annotations

import asyncio
import time
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from ami_bridge.agi import AgiCall, AgiCallerGoneError, AgiServer, AgiSettings
from ami_bridge.asterisk_files import write_configuration
from ami_bridge.plan import AsteriskPlan
from callflows.effects import Ask
from callflows.outcomes import Digits, NoInput
from callflows.speech import Text
from ivr.asterisk_plan import asterisk_plan, link_data
from ivr.playing import Player
from ivr.settings import load
from ivr.testbed.asterisk import RunningAsterisk
from ivr.testbed.caller import CallScript, place_call
from ivr.testbed.program import find_asterisk

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT_OFFSET = "8000"
PROMPT_S = 2.0
CLOSE_S = 0.3
BEFORE_KEYS_S = 0.5
WORDS = Text(name="question", by_language={"zh": "?"})
SPEECH = (WORDS,)


class OnePrompt:
    """A library with one prompt of two seconds."""

    def has(self, prompt_name: str, language: str) -> bool:
        return True

    def seconds(self, prompt_name: str, language: str) -> float | None:
        return PROMPT_S


@dataclass
class Asked:
    """What a question came to, and how long it took (s)."""

    outcome: Digits | NoInput | None
    seconds: float
    noted: list[str]
    left_behind: str = ""  # the keys that Asterisk still has


@dataclass
class House:
    plan: AsteriskPlan
    questions: list[Ask] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def drive(self, call: AgiCall) -> None:
        try:
            await self._put(call)
        finally:
            self.over.set()

    async def _put(self, call: AgiCall) -> None:
        noted: list[str] = []
        player = Player(call, OnePrompt(), self.plan.recordings, "zh", noted.append)
        await call.ask("ANSWER")
        for question in self.questions:
            began = time.monotonic()
            try:
                outcome = await player.ask(question)
            except AgiCallerGoneError:
                self.asked.append(Asked(None, time.monotonic() - began, noted))
                return
            left = await call.evaluate("${IVR_KEYS}${IVR_KEY}")
            self.asked.append(Asked(outcome, time.monotonic() - began, list(noted), left))
        await call.set_variable("IVR_NEXT", "hangup")
        await call.set_variable("IVR_DONE", "1")

    async def ask(self, keys: str, *questions: Ask) -> list[Asked]:
        self.questions, self.asked, self.over = list(questions), [], asyncio.Event()
        script = CallScript(keys=keys, before_keys_s=BEFORE_KEYS_S, wait_s=12.0)
        await asyncio.wait_for(place_call(script, self.plan.sip_port), 40)
        await asyncio.wait_for(self.over.wait(), 10)  # the caller knows of his hang-up sooner than we do
        return self.asked


def silence(file: Path, seconds: float) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\0" * int(8000 * seconds))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    state = tmp_path_factory.mktemp("q")
    settings = load(environment={"STATE": str(state), "PORT_OFFSET": PORT_OFFSET})
    program = find_asterisk()
    plan = asterisk_plan(settings, program.installation)
    write_configuration(plan)
    link_data(plan, program.installation, settings.paths.prompts)
    silence(settings.paths.prompts / "moh" / "hold.wav", 1.0)
    prompt = WORDS.prompt("zh")
    assert prompt is not None
    silence(settings.paths.prompts / "zh" / "ivrd" / f"{prompt.name}.wav", PROMPT_S)
    asterisk = await RunningAsterisk.start(program, plan)
    house = House(plan)
    server = AgiServer(AgiSettings("127.0.0.1", plan.agi_port, plan.agi_token, ("127.0.0.1",), 10, 5.0), house.drive)
    await server.start()
    yield house
    await server.drain(0)
    await asterisk.stop()


async def test_a_whole_answer_has_its_time_from_the_first_key(house: House) -> None:
    # A key every 1.25 s: never too slow for the inter-digit time; the first comes within the prompt.
    (asked,) = await house.ask("1 2 3 4 5 6 7", Ask(SPEECH, longest=8, first_digit_s=5, inter_digit_s=2, overall_s=3.0))
    assert asked.outcome == Digits("123")
    assert asked.seconds == pytest.approx(BEFORE_KEYS_S + 3.0, abs=CLOSE_S)


async def test_the_time_between_keys_still_counts(house: House) -> None:
    (asked,) = await house.ask("12", Ask(SPEECH, longest=8, first_digit_s=5, inter_digit_s=1.0, overall_s=20.0))
    assert asked.outcome == Digits("12")
    assert asked.seconds == pytest.approx(BEFORE_KEYS_S + 0.25 + 1.0, abs=CLOSE_S)


async def test_silence_is_waited_for_after_the_prompt(house: House) -> None:
    (asked,) = await house.ask("w6", Ask(SPEECH, longest=8, first_digit_s=1.5, inter_digit_s=1.0, overall_s=20.0))
    assert asked.outcome == NoInput()
    assert asked.seconds == pytest.approx(PROMPT_S + 1.5, abs=CLOSE_S)


async def test_no_key_is_lost_of_an_answer_that_is_timed_as_a_whole(house: House) -> None:
    (asked,) = await house.ask("1234567890*12345", Ask(SPEECH, longest=16, first_digit_s=5, inter_digit_s=2, overall_s=10.0))
    assert asked.outcome == Digits("1234567890*12345")


@pytest.mark.parametrize(("keys", "digits"), [("12#", "12"), ("#", "#"), ("123", "123")])
async def test_how_a_timed_answer_ends_early(house: House, keys: str, digits: str) -> None:
    (asked,) = await house.ask(keys, Ask(SPEECH, longest=3, first_digit_s=5, inter_digit_s=3, overall_s=10.0))
    assert asked.outcome == Digits(digits)
    assert asked.seconds < PROMPT_S


@pytest.mark.parametrize("next_one", [Ask(SPEECH), Ask(SPEECH, longest=8, inter_digit_s=1.0, overall_s=9.0)])
async def test_a_hash_after_a_whole_input_is_no_answer_to_what_comes_next(house: House, next_one: Ask) -> None:
    whole, after = await house.ask("1234#w0.8 5", Ask(SPEECH, longest=4), next_one)
    assert (whole.outcome, after.outcome) == (Digits("1234"), Digits("5"))


async def test_keys_pressed_while_a_prompt_must_be_heard_are_not_taken(house: House) -> None:
    (asked,) = await house.ask("1w2 56", Ask(SPEECH, longest=2, barge_in=False))
    assert asked.outcome == Digits("56")
    assert asked.seconds > PROMPT_S


async def test_a_key_right_after_a_prompt_that_must_be_heard_counts(house: House) -> None:
    """Nothing lies between the prompt and the reading in which it could be lost."""
    began = PROMPT_S - BEFORE_KEYS_S
    for later in (0.05, 0.1, 0.2):
        (asked,) = await house.ask(f"w{began + later:.2f}*", Ask(SPEECH, longest=1, barge_in=False, first_digit_s=3))
        assert asked.outcome == Digits("*"), later


async def test_what_nobody_may_see_stays_with_the_walk(house: House) -> None:
    (asked,) = await house.ask("1234", Ask(SPEECH, longest=4, masked=True, overall_s=9.0))
    assert (asked.outcome, asked.noted, asked.left_behind) == (Digits("1234"), ["••••"], "")


@pytest.mark.parametrize("question", [Ask(SPEECH, longest=3, overall_s=9.0), Ask(SPEECH, barge_in=False)])
async def test_hanging_up_in_a_question_of_the_dialplan_is_seen(house: House, question: Ask) -> None:
    (asked,) = await house.ask("h", question)
    assert asked.outcome is None
    assert asked.seconds < PROMPT_S


async def test_the_next_question_works_after_one_of_the_dialplan(house: House) -> None:
    first, second, third = await house.ask(
        "12 w2 3 4", Ask(SPEECH, longest=2, overall_s=9.0), Ask(SPEECH, longest=1, barge_in=False), Ask(SPEECH, longest=1)
    )
    assert (first.outcome, second.outcome, third.outcome) == (Digits("12"), Digits("3"), Digits("4"))
