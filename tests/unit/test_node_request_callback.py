"""The node ``request_callback``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, refusal, stays, written

from callflows.effects import RequestCallback
from callflows.nodes.base import Stay
from callflows.outcomes import CallbackPromised, CallbackRefused

NODE = "{request_callback: caller, promised: bye, refused: message}"


def test_a_promise_is_an_exit_once_it_is_stored() -> None:
    passage = passed(NODE, CallbackPromised())
    assert (passage.exit, passage.effects) == ("promised", [RequestCallback()])


def test_a_number_that_is_not_called_back_is_another() -> None:
    assert passed(NODE, CallbackRefused()).exit == "refused"
    assert written(NODE).gives_by == {"promised"}


def test_no_number_but_the_callers_own() -> None:
    assert "caller" in refusal(NODE.replace("caller", "'{phone}'"))


def test_it_takes_no_time() -> None:
    assert set(stays(NODE).values()) == {Stay()}
