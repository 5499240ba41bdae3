"""When somebody who keeps failing is left alone, and when he is tried again."""

from __future__ import annotations

import pytest

from ivr.circuit_breaker import FAILURES, REST_S, CircuitBreaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def fail(breaker: CircuitBreaker, times: int) -> list[bool]:
    return [breaker.failed() for _ in range(times)]


def test_the_fifth_failure_in_a_row_opens_it(breaker: CircuitBreaker) -> None:
    assert fail(breaker, FAILURES) == [False] * (FAILURES - 1) + [True]
    assert (breaker.open, breaker.may_try()) == (True, False)


def test_a_success_between_begins_the_count_anew(breaker: CircuitBreaker) -> None:
    fail(breaker, FAILURES - 1)
    assert breaker.succeeded() is False
    fail(breaker, FAILURES - 1)
    assert breaker.may_try()


def test_after_its_rest_one_request_tries_and_the_others_wait_for_it(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    clock.now = REST_S - 0.1
    assert not breaker.may_try()
    clock.now = REST_S
    assert [breaker.may_try() for _ in range(3)] == [True, False, False]


def test_the_probe_decides(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    clock.now = REST_S
    assert breaker.may_try()
    assert breaker.failed() is False, "it was open already: no news"
    clock.now = 2 * REST_S - 0.1
    assert not breaker.may_try()
    clock.now = 2 * REST_S
    assert breaker.may_try()
    assert breaker.succeeded() is True
    assert [breaker.may_try() for _ in range(3)] == [True, True, True]


def test_a_probe_that_never_comes_back_doesnt_close_it_for_ever(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    clock.now = REST_S
    assert breaker.may_try()
    clock.now = 2 * REST_S
    assert breaker.may_try()
