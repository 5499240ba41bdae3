"""False numbers and names for real ones: the same for the same all through one recording, of the same form, and of no use to anybody.

For ``disguise`` alone. The tables live in memory and are drawn by chance anew for each recording: nothing leads back.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable

LEAST_DIGITS = 5  # below it is an extension of the house, a position, a second
_RUN = re.compile(r"[0-9]+")
_LONG_RUN = re.compile(rf"[0-9]{{{LEAST_DIGITS},}}")
_MOBILE = re.compile(r"(00|0|86|0086)?(1[3-9][0-9]{9})")  # Mainland China's, however it was prefixed
_TRIES = 1000
_LATE_NAMES = 500  # a caller's name is spoken of while he calls
_LEAST_NAME = 2
_HAN, _SMALL, _LARGE = "某", "x", "X"


class Pseudonyms:
    """``digit`` draws one from 0 to 9; ``agents`` False leaves agents' names as they are."""

    def __init__(self, *, agents: bool = False, digit: Callable[[], int] = lambda: secrets.randbelow(10)) -> None:
        self.agents = agents
        self._digit = digit
        self._numbers: dict[str, str] = {}
        self._used: set[str] = set()
        self._names: dict[str, str] = {}
        self._agents: dict[str, str] = {}

    def digits(self, run: str) -> str:
        """For one run of digits, of any length; its first digit and its length stay."""
        mobile = _MOBILE.fullmatch(run)
        prefix, core = (mobile.group(1) or "", mobile.group(2)) if mobile else ("", run)
        if core not in self._numbers:
            self._numbers[core] = self._drawn(core, fixed=2 if mobile else 1)
        return prefix + self._numbers[core]

    def numbers_in(self, text: str) -> str:
        """The text with every run of at least ``LEAST_DIGITS`` digits replaced."""
        return _LONG_RUN.sub(lambda found: self.digits(found.group()), text)

    def number(self, text: str) -> str:
        """A whole value that is a number, written with whatever signs between: ``138-0013-8000`` is 13800138000, and stays a form of it."""
        together = "".join(_RUN.findall(text))
        if len(together) < LEAST_DIGITS:
            return self.veiled(text)
        false = iter(self.digits(together))
        return "".join(next(false) if character.isascii() and character.isdigit() else self._veil(character) for character in text)

    def name(self, text: str) -> str:
        """A caller's name; ``text`` as it stands, with escapes."""
        return self._agents.get(text) or self._names.setdefault(text, f"Caller {len(self._names) + 1}")

    def agent(self, text: str) -> str:
        """A member's name, which may hold a number: of a member without one Asterisk takes the address."""
        if not self.agents:
            self._agents[text] = self.numbers_in(text)
        return self._agents.setdefault(text, f"Agent {len(self._agents) + 1}")

    def veiled(self, text: str) -> str:
        """Free text: its form alone is left. Letters become x, Chinese ones 某, short numbers (a PIN, a key) zeros, long ones false."""
        digits = _RUN.sub(lambda run: self.digits(run.group()) if len(run.group()) >= LEAST_DIGITS else "0" * len(run.group()), text)
        return "".join(self._veil(character) for character in digits)

    def without_names(self, text: str) -> str:
        """The text with the names replaced that were seen of late, where they are words of it."""
        for name in [*itertools.islice(reversed(self._names), _LATE_NAMES), *(self._agents if self.agents else ())]:
            if len(name) >= _LEAST_NAME and name in text:
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", self.name(name), text)
        return text

    @staticmethod
    def _veil(character: str) -> str:
        if not character.isalpha():
            return character
        if not character.isascii():
            return _HAN
        return _LARGE if character.isupper() else _SMALL

    def _drawn(self, core: str, fixed: int) -> str:
        """A number that is neither this one nor any that stands for another or was seen."""
        if len(core) <= fixed:
            return core
        kept = core[:1]
        for _ in range(_TRIES):
            second = str(3 + self._digit() % 7) if fixed == 2 else ""
            rest = "".join(str(self._digit()) for _ in range(len(core) - fixed))
            false = kept + second + rest
            if false != core and false not in self._used and false not in self._numbers:
                self._used.add(false)
                return false
        return core[:1] + "0" * (len(core) - 1)  # so few digits that all are taken
