"""The rendered voice: the same words give the same samples, and odd words a sentence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from callflows.speech import Prompt
from ivr.prompts.errors import VoiceUnavailable
from ivr.prompts.fixed import fixed_prompts
from ivr.prompts.pronunciation import speakable, voice_for
from ivr.prompts.voice import EspeakVoice, voice_name

GREETING = Prompt("greeting", "zh", "您好，欢迎致电。")


@pytest.fixture(scope="module")
def voice() -> Iterator[EspeakVoice]:
    with EspeakVoice() as started:
        yield started


def test_says_the_same_words_the_same_way_whatever_was_said_between(voice: EspeakVoice) -> None:
    first = voice.render(GREETING)
    voice.render(Prompt("number-7", "en", "seven"))
    again = voice.render(GREETING)
    with EspeakVoice() as other_process:
        elsewhere = other_process.render(GREETING)

    assert first.rate == 22050
    np.testing.assert_array_equal(first.samples, again.samples)
    np.testing.assert_array_equal(first.samples, elsewhere.samples)


def test_speaks_unclipped_and_no_faster_than_a_caller_follows(voice: EspeakVoice) -> None:
    text = "欢迎致电客户服务热线人力资源请按一"
    spoken = voice.render(Prompt("speed", "zh", text))

    assert 0.1 < np.max(np.abs(spoken.samples)) < 1.0
    assert len(text) / (len(spoken.samples) / spoken.rate) < 4.5


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        (Prompt("greeting", "fr", "bonjour"), "no voice for language 'fr'"),
        (Prompt("greeting", "zh", "  "), "greeting .* has no text"),
        (Prompt("greeting", "zh", "好" * 2001), "2001 characters; 2000 is the most"),
    ],
)
def test_refuses_what_it_cannot_say(voice: EspeakVoice, prompt: Prompt, sentence: str) -> None:
    with pytest.raises(VoiceUnavailable, match=sentence):
        voice.render(prompt)


def test_a_dead_worker_is_told_and_the_next_prompt_gets_a_new_one() -> None:
    with EspeakVoice() as voice:
        assert voice.version
        assert voice._process is not None
        voice._process.kill()
        voice._process.wait()
        with pytest.raises(VoiceUnavailable, match="greeting"):
            voice.render(GREETING)
        assert len(voice.render(GREETING).samples) > 0


@pytest.mark.parametrize("text", ["好\n好", '"}\n{"voice": "x"}', "好\0好", "<speak>", "[[nonsense]]", "好\ud800"])
def test_hostile_text_is_only_text(voice: EspeakVoice, text: str) -> None:
    assert len(voice.render(Prompt("odd", "zh", text)).samples) > 0
    np.testing.assert_array_equal(voice.render(GREETING).samples, voice.render(GREETING).samples)


def test_polyphones_keys_and_numbers_are_respelled() -> None:
    assert speakable("重听请按9", "zh") == "虫听请按9"
    assert speakable("结束请按#号键", "zh") == "结束请按井号键"
    assert speakable("请拨4001234567，24小时", "zh") == "请拨四零零一二三四五六七，24小时"
    assert speakable("HR部", "zh") == "H R部"
    assert speakable("call 10086, press #", "en") == "call 1 0 0 8 6, press  hash "


def test_letters_are_said_by_the_english_voice_in_both_sets() -> None:
    letter = Prompt("letter-z", "zh", "Z")
    assert voice_for(letter.text, "zh") == voice_for("Z", "en")
    assert voice_name(letter).startswith("en-us ")
    assert voice_name(Prompt("number-1", "zh", "一")).startswith("cmn ")
    with pytest.raises(VoiceUnavailable, match=r"letter-z.*'fr'"):
        voice_name(Prompt("letter-z", "fr", "Z"))


def test_the_fixed_prompts_are_there_in_both_languages() -> None:
    names = {language: {p.name for p in fixed_prompts() if p.language == language} for language in ("zh", "en")}
    assert names["zh"] == names["en"]
    assert names["zh"] == {
        "fallback-apology", "fallback-menu", "fallback-record-message", "fallback-record-complaint", "fallback-thanks",
        "fallback-all-busy", "fallback-goodbye", "queue-please-hold", "fallback-queueing", "callback-greeting",
        "callback-connecting", "callback-goodbye",
    }  # fmt: skip
