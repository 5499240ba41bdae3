"""What to spell differently so that espeak-ng says it right, and how fast each language is spoken.

Pure. For ``voice`` alone: prompts keep their own text, only the engine sees the respelling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from callflows.speech import ZH_DIGITS, Language


@dataclass(frozen=True, slots=True)
class Voice:
    """An espeak-ng voice; ``rate`` is its words a minute, ``pitch`` and ``range`` its scale of 0 to 100."""

    name: str
    rate: int
    numeral_rate: int
    pitch: int
    range: int

    def describe(self, rate: int) -> str:
        return f"{self.name} rate {rate} pitch {self.pitch} range {self.range} respelling {RESPELLING_VERSION}"


# Measured with espeak-ng 1.52 over the shipped texts: zh 175 speaks 3.9 syllables a second (4.5 at most) between pauses, en 145
# about 158 words a minute.
# Numerals come at about two a second, one file after another: Chinese ones slowed for it (0.40 s each), English ones
# hurried, for a word on its own comes out long (0.49 s each).
# At range 85 the fourth tone falls by 6 semitones (101 to 71 Hz); at the default 50 by 3.5, which is hard to tell from level.
VOICES = {
    "zh": Voice("cmn", rate=175, numeral_rate=150, pitch=50, range=85),
    "en": Voice("en-us", rate=145, numeral_rate=165, pitch=50, range=50),
}
RESPELLING_VERSION = 1  # raise it with any change below: what was rendered before is then stale

# Words espeak-ng's cmn dictionary reads with the wrong syllable, and homophones it reads right.
_ZH_RESPELLED = {
    "重听": "虫听",
    "重录": "虫录",
    "重说": "虫说",
    "重输": "虫输",
    "重拨": "虫拨",
    "重选": "虫选",
    "重试": "虫试",
    "重来": "虫来",
    "应为": "应维",
    "周一": "周衣",  # 一 keeps its first tone in a day's name
    "星期一": "星期衣",
    "#号键": "井号键",
    "#键": "井号键",
    "＃": "井号",
    "#": "井号",
    "*": "星号",
}
_EN_RESPELLED = {"#": " hash ", "*": " star "}
# Longer than a quantity anybody says, or with a leading zero: a telephone or serial number, read digit by digit.
_DIGIT_STRING = re.compile(r"0\d+|\d{5,}|\d{4}(?=年)")
_CAPITALS = re.compile(r"(?<![A-Za-z])[A-Z]{2,}(?![a-z])")


def speakable(text: str, language: Language) -> str:
    """The text as the engine should get it."""
    for written, spoken in (_ZH_RESPELLED if language == "zh" else _EN_RESPELLED).items():
        text = text.replace(written, spoken)
    text = _CAPITALS.sub(lambda match: " ".join(match[0]), text)
    if language == "zh":
        return _DIGIT_STRING.sub(lambda match: "".join(ZH_DIGITS[int(digit)] for digit in match[0]), text)
    return _DIGIT_STRING.sub(lambda match: " ".join(match[0]), text)


def voice_for(text: str, language: Language) -> Voice | None:
    """A text with no Chinese in it is said by the English voice, in the Chinese set too: Z is zee, not cmn's zed."""
    voice = VOICES.get(language)
    if voice is not None and language == "zh" and text.isascii() and any(c.isalpha() for c in text):
        return VOICES["en"]
    return voice
