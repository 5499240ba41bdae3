"""The node ``language``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, refusal, stays

from callflows.effects import SetLanguage
from callflows.nodes.base import Stay

NODE = "{language: en, next: menu}"


def test_from_here_another_language_is_spoken() -> None:
    passage = passed(NODE)
    assert (passage.exit, passage.effects, passage.call.language) == ("next", [SetLanguage("en")], "en")


def test_only_the_two_that_the_product_speaks() -> None:
    assert "language" in refusal("{language: fr, next: menu}")


def test_it_takes_no_time() -> None:
    assert stays(NODE) == {"next": Stay()}
