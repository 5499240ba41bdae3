"""The ``#`` after an answer that was complete without it: people end every number so, and it belongs to what they have answered.

Pure; for whoever collects keys, live or simulated. Times are seconds of any clock that doesn't jump.
"""

from __future__ import annotations

from dataclasses import dataclass

from callflows.effects import Ask

TERMINATOR = "#"
LONGEST_S = 2.0  # later than this he has heard what comes next, and means that


@dataclass(slots=True)
class LateTerminator:
    """One per leg of a call."""

    _until: float = 0.0

    def answered(self, question: Ask, keys: str, now: float) -> None:
        """``keys`` as they were pressed. An answer of a single key is a choice, which nobody ends."""
        full = question.longest > 1 and len(keys) == question.longest and TERMINATOR not in keys
        self._until = now + min(question.inter_digit_s, LONGEST_S) if full else 0.0

    def swallows(self, key: str, now: float) -> bool:
        """Is this the ``#`` that still belongs to the answer before? There is but one: any key ends the waiting for it."""
        if not key:
            return False
        belongs = key == TERMINATOR and now < self._until
        self._until = 0.0
        return belongs
