"""A circuit breaker: whoever has failed some times in a row is left alone for a while, then tried by one request. Pure but for its clock.

For ``ivr.asking_webhooks``.
"""

from __future__ import annotations

from collections.abc import Callable

FAILURES = 5
REST_S = 30.0


class CircuitBreaker:
    """``clock`` gives seconds that never go back. Ask ``may_try`` before each request and tell how it came out."""

    def __init__(self, clock: Callable[[], float], failures: int = FAILURES, rest_s: float = REST_S) -> None:
        self._clock = clock
        self._most = failures
        self._rest_s = rest_s
        self._failed = 0
        self._until: float | None = None  # open until then; the next request after it is the probe

    @property
    def open(self) -> bool:
        return self._until is not None

    def may_try(self) -> bool:
        """While it is open: no; after its rest: one request, and no further one until that has come out or has rested as long."""
        if self._until is None:
            return True
        if self._clock() < self._until:
            return False
        self._until = self._clock() + self._rest_s
        return True

    def succeeded(self) -> bool:
        """True when this closed it."""
        was_open = self.open
        self._failed, self._until = 0, None
        return was_open

    def failed(self) -> bool:
        """True when this opened it."""
        self._failed += 1
        if self._failed < self._most:
            return False
        was_open = self.open
        self._until = self._clock() + self._rest_s
        return not was_open
