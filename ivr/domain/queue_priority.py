"""Who may go first in a queue, and for how long: priority with a ceiling, so that nobody starves.

Pure. The order it reckons with is app_queue's (``join_queue`` of app_queue.c, 22.10): a caller joins behind everybody of his own or a
higher QUEUE_PRIO and before everybody of a lower one, and his place never changes for having waited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HIGHEST = 10
CEILING_S = 60.0


@dataclass(frozen=True, slots=True)
class WaitingCaller:
    """One who waits. ``priority`` is what he was granted when he joined; 0 where nobody knows any more, which protects him most."""

    waited_s: float
    priority: int = 0


def priority_to_grant(waiting: Iterable[WaitingCaller], wished: int, *, ceiling_s: float = CEILING_S) -> int:
    """The priority, 0 to 10, for who joins now: the wished one, or less where it would overtake somebody who has waited longer than the
    ceiling.

    A caller can then be overtaken only by those who join within ``ceiling_s`` of him: that bounds what priority costs him, however
    many privileged callers there are.
    """
    protected = [caller.priority for caller in waiting if caller.waited_s > ceiling_s]
    return max(0, min([wished, HIGHEST, *protected]))


def position_on_joining(waiting: Sequence[WaitingCaller], granted: int) -> int:
    """The place he would have, 1 = next."""
    return 1 + sum(caller.priority >= granted for caller in waiting)
