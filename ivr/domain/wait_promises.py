"""Were the promises of a wait kept? The estimator's own score, which silences it while it is too often wrong, and lets it speak again.

Pure. ``ivr.queue_outlook`` keeps one for each queue.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

COUNTED = 50
# Fewer tell nothing: of ten, five kept or less would be one chance in thirty for an estimator that is right.
LEAST_COUNTED = 10
SILENT_BELOW, SPEAKS_AGAIN_AT = 0.6, 0.7


@dataclass(slots=True)
class Calibration:
    """The last 50 promises of one queue. A silent estimator goes on promising, unheard: only so can it be seen to be right again."""

    _kept: deque[bool] = field(default_factory=lambda: deque(maxlen=COUNTED))
    silent: bool = False

    def score(self, *, kept: bool) -> None:
        """A promise has come out: the wait was no longer than promised, or it was."""
        self._kept.append(kept)
        ratio = self.kept_ratio
        if ratio is None:
            return
        if ratio < SILENT_BELOW:
            self.silent = True
        elif ratio >= SPEAKS_AGAIN_AT:
            self.silent = False

    @property
    def counted(self) -> int:
        return len(self._kept)

    @property
    def kept_ratio(self) -> float | None:
        """Share of promises kept, 0 to 1; None while there are too few to tell."""
        return sum(self._kept) / len(self._kept) if len(self._kept) >= LEAST_COUNTED else None


def outcome_of_promise(longest_s: float, waited_s: float, *, answered: bool) -> bool | None:
    """Whether a promise was kept; None when it can't be known: who leaves earlier unanswered might have been answered in time.

    Who leaves later than promised counts against it, or the worst promises would be the ones that are not counted.
    """
    if waited_s > longest_s:
        return False
    return True if answered else None
