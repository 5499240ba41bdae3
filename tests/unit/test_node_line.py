"""The node ``line``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, stays, written

from callflows.effects import EnterLine
from callflows.nodes.base import Stay

NODE = "{line: hr, next: hours}"


def test_the_call_belongs_to_the_line_from_here() -> None:
    """R1."""
    passage = passed(NODE)
    assert (passage.exit, passage.effects) == ("next", [EnterLine("hr")])


def test_it_names_a_line_of_the_settings_and_takes_no_time() -> None:
    assert written(NODE).names() == {"line": "hr"}
    assert stays(NODE) == {"next": Stay()}
