"""What is said to a caller, as values: texts, digits, numbers and recordings, and the prompts that say them.

Pure. Flows build a ``Speech``; the prompt library renders every ``Prompt`` it can lead to; the session plays them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

Language = str  # "zh" or "en": the two the product speaks


@dataclass(frozen=True, slots=True)
class Text:
    """A fixed text in each language; ``name`` says where it stands (``hotline-menu``) and makes the file's name readable."""

    name: str
    by_language: Mapping[Language, str]

    def prompt(self, language: Language) -> Prompt | None:
        text = self.by_language.get(language)
        return Prompt.of_text(self.name, language, text) if text else None


@dataclass(frozen=True, slots=True)
class Characters:
    """Read one by one, as a serial or telephone number is: ``C2026`` → C, 2, 0, 2, 6. Only A-Z and 0-9 are spoken."""

    value: str


@dataclass(frozen=True, slots=True)
class Number:
    """Read as a quantity, 0 to 9999: 25 → 二十五, twenty-five."""

    value: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A date and time of day, read in its own zone: 三月八日八点三十分, March 8, 8 30 A M."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording made in this call, played back by its reference (see ``outcomes.Recorded``)."""

    reference: str


Segment = Text | Characters | Number | Moment | Recording
Speech = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One sound file: its name within the language's folder (no extension), and the text it says."""

    name: str
    language: Language
    text: str

    @classmethod
    def of_text(cls, place: str, language: Language, text: str) -> Prompt:
        """The name carries a hash of the words: changed words are another file, and two flow versions can live together."""
        digest = hashlib.sha256(f"{language}\n{text}".encode()).hexdigest()[:8]
        slug = re.sub(r"[^a-z0-9]+", "-", place.lower()).strip("-") or "text"
        return cls(name=f"{slug}-{digest}", language=language, text=text)


ZH_DIGITS = "零一二三四五六七八九"
_ZH_UNITS = (("qian", 1000, "千"), ("bai", 100, "百"), ("shi", 10, "十"))
# fmt: off
_EN_TEENS_AND_BELOW = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
# fmt: on
_EN_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ZH_TIME = (("month", "月"), ("day", "日"), ("hour", "点"), ("minute", "分"))
_EN_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
LARGEST_NUMBER = 9999


def vocabulary(language: Language) -> tuple[Prompt, ...]:
    """Every prompt that ``Characters``, ``Number`` and ``Moment`` can need, independent of any flow."""
    letters = [Prompt(f"letter-{c.lower()}", language, c) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    if language == "zh":
        numerals = [Prompt(f"number-{n}", "zh", ZH_DIGITS[n]) for n in range(10)]
        numerals += [Prompt(f"number-{name}", "zh", text) for name, _, text in _ZH_UNITS]
        numerals += [Prompt(f"time-{name}", "zh", text) for name, text in _ZH_TIME]
        return (*numerals, *letters)
    numerals = [Prompt(f"number-{n}", language, word) for n, word in enumerate(_EN_TEENS_AND_BELOW)]
    numerals += [Prompt(f"number-{(i + 2) * 10}", language, word) for i, word in enumerate(_EN_TENS)]
    numerals += [Prompt("number-hundred", language, "hundred"), Prompt("number-thousand", language, "thousand")]
    months = [Prompt(f"time-month-{i}", language, month) for i, month in enumerate(_EN_MONTHS, start=1)]
    halves = [Prompt("time-am", language, "A M"), Prompt("time-pm", language, "P M")]
    return (*numerals, *months, *halves, *letters)


def spoken_moment(at: datetime, language: Language) -> list[str]:
    """Prompt names for a date and time of day. A full hour has no minutes."""
    if language == "zh":
        parts = [
            (at.month, "month"),
            (at.day, "day"),
            (at.hour, "hour"),
            *([(at.minute, "minute")] if at.minute else []),
        ]
        return [name for value, unit in parts for name in (*_zh_number(value), f"time-{unit}")]
    minutes = ["number-0"] * (at.minute < 10) + _en_number(at.minute) if at.minute else []
    hour = _en_number(at.hour % 12 or 12)
    return [f"time-month-{at.month}", *_en_number(at.day), *hour, *minutes, "time-am" if at.hour < 12 else "time-pm"]


def spoken_characters(value: str) -> list[str]:
    """Prompt names for a string read character by character; whatever cannot be spoken is left out."""
    return [f"number-{c}" if c.isdigit() else f"letter-{c.lower()}" for c in value.upper() if c.isascii() and c.isalnum()]


def spoken_number(value: int, language: Language) -> list[str]:
    """Prompt names for a quantity. Beyond 0..9999 the digits are read one by one rather than refused."""
    if not 0 <= value <= LARGEST_NUMBER:
        return spoken_characters(str(abs(value)))
    return _zh_number(value) if language == "zh" else _en_number(value)


def _zh_number(value: int) -> list[str]:
    if value == 0:
        return ["number-0"]
    names: list[str] = []
    pending_zero = False
    rest = value
    for name, size, _ in _ZH_UNITS:
        digit, rest = divmod(rest, size)
        if digit:
            if pending_zero:
                names.append("number-0")
                pending_zero = False
            if not (size == 10 and digit == 1 and not names):  # 十二, not 一十二, at the head of a number
                names.append(f"number-{digit}")
            names.append(f"number-{name}")
        elif names and rest:
            pending_zero = True
    if rest:
        if pending_zero:
            names.append("number-0")
        names.append(f"number-{rest}")
    return names


def _en_number(value: int) -> list[str]:
    names: list[str] = []
    thousands, rest = divmod(value, 1000)
    if thousands:
        names += [f"number-{thousands}", "number-thousand"]
    hundreds, rest = divmod(rest, 100)
    if hundreds:
        names += [f"number-{hundreds}", "number-hundred"]
    if rest >= 20:
        tens, rest = divmod(rest, 10)
        names.append(f"number-{tens * 10}")
    if rest or not names:
        names.append(f"number-{rest}")
    return names


def prompts_in(speech: Sequence[Segment], language: Language) -> list[Prompt]:
    """The flow-specific prompts a speech needs in a language (vocabulary and recordings apart)."""
    found = (segment.prompt(language) for segment in speech if isinstance(segment, Text))
    return [prompt for prompt in found if prompt is not None]
