"""Numbers, characters and times as they are spoken in both languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows.nodes.base import Words
from callflows.speech import Characters, Moment, Prompt, Recording, Text, spoken_characters, spoken_moment, spoken_number, vocabulary

TEXT = {language: {prompt.name: prompt.text for prompt in vocabulary(language)} for language in ("zh", "en")}


def said(names: list[str], language: str) -> str:
    return ("" if language == "zh" else " ").join(TEXT[language][name] for name in names)


@pytest.mark.parametrize(
    ("number", "zh", "en"),
    [
        (0, "零", "zero"),
        (2, "二", "two"),
        (10, "十", "ten"),
        (12, "十二", "twelve"),
        (20, "二十", "twenty"),
        (25, "二十五", "twenty five"),
        (100, "一百", "one hundred"),
        (105, "一百零五", "one hundred five"),
        (110, "一百一十", "one hundred ten"),
        (112, "一百一十二", "one hundred twelve"),
        (1000, "一千", "one thousand"),
        (1005, "一千零五", "one thousand five"),
        (1050, "一千零五十", "one thousand fifty"),
        (1010, "一千零一十", "one thousand ten"),
        (2345, "二千三百四十五", "two thousand three hundred forty five"),
        (9999, "九千九百九十九", "nine thousand nine hundred ninety nine"),
    ],
)
def test_numbers(number: int, zh: str, en: str) -> None:
    assert said(spoken_number(number, "zh"), "zh") == zh
    assert said(spoken_number(number, "en"), "en") == en


@given(st.integers(-10_000, 10**9), st.sampled_from(["zh", "en"]))
def test_every_number_has_its_prompts(number: int, language: str) -> None:
    assert all(name in TEXT[language] for name in spoken_number(number, language))


@given(st.datetimes(), st.sampled_from(["zh", "en"]))
def test_every_moment_has_its_prompts(at: datetime, language: str) -> None:
    assert all(name in TEXT[language] for name in spoken_moment(at, language))


@pytest.mark.parametrize(
    ("at", "zh", "en"),
    [
        (datetime(2026, 11, 23, 8, 0, tzinfo=UTC), "十一月二十三日八点", "November twenty three eight A M"),
        (datetime(2026, 3, 8, 14, 30, tzinfo=UTC), "三月八日十四点三十分", "March eight two thirty P M"),
        (datetime(2026, 3, 8, 0, 5, tzinfo=UTC), "三月八日零点五分", "March eight twelve zero five A M"),
    ],
)
def test_moments(at: datetime, zh: str, en: str) -> None:
    assert said(spoken_moment(at, "zh"), "zh") == zh
    assert said(spoken_moment(at, "en"), "en") == en


def test_a_complaints_number_is_read_character_by_character() -> None:
    assert said(spoken_characters("C2026112100001"), "zh") == "C二零二六一一二一零零零零一"


@given(st.text(max_size=30))
def test_whatever_is_read_out_only_known_prompts_are_named(value: str) -> None:
    assert all(name in TEXT["zh"] for name in spoken_characters(value))


def test_words_are_cut_at_their_variables() -> None:
    words = Words(zh="编号是{complaint}。再说一遍，{complaint}。", en="It is {complaint}.")
    speech = words.speech("place", {"complaint": "C1"}, "zh")
    assert speech == (
        Text("place", {"zh": "编号是"}),
        Characters("C1"),
        Text("place-2", {"zh": "再说一遍"}),
        Characters("C1"),
    )
    assert {text.name for language, text in words.texts("place") if language == "zh"} == {"place", "place-2"}
    assert words.speech("place", {}, "en") == (Text("place", {"en": "It is"}),)


def test_variables_say_how_they_are_read() -> None:
    words = Words(zh="{r:recording}{t:time}{n:number}", en="x")
    speech = words.speech("p", {"r": "2026/x", "t": "2026-11-21T08:00:00+08:00", "n": "12"}, "zh")
    assert isinstance(speech[0], Recording)
    assert isinstance(speech[1], Moment)
    assert spoken_number(12, "zh") == ["number-shi", "number-2"]


def test_other_words_are_another_file() -> None:
    assert Prompt.of_text("menu", "zh", "一") != Prompt.of_text("menu", "zh", "二")
    assert Prompt.of_text("../../x y", "zh", "一").name.startswith("x-y-")
