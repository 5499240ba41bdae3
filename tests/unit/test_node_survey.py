"""The node ``survey``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, refusal, stays

from callflows.effects import Ask, KeepRating, OfferRating
from callflows.nodes.base import Stay
from callflows.outcomes import CallerHungUp, Digits, NoInput

NODE = "{survey: {zh: 满意吗, en: Satisfied}, question: hr_service, answered: thanks, _: bye}"
THREE = NODE.replace("answered", "keys: {1: 5, 2: 3, 3: 1}, tries: 2, into: mark, answered")


def test_offered_and_answered_are_told_apart() -> None:
    """R50."""
    passage = passed(NODE, Digits("4"))
    assert passage.exit == "answered"
    assert (passage.effects[0], passage.effects[-1]) == (OfferRating("hr_service"), KeepRating("hr_service", 4))
    assert passage.call.variables == {"rating": "4"}
    unanswered = passed(NODE, NoInput())
    assert (unanswered.exit, unanswered.effects[0]) == ("_", OfferRating("hr_service"))
    assert not any(isinstance(effect, KeepRating) for effect in unanswered.effects)


def test_keys_may_mean_other_ratings_and_there_may_be_more_tries() -> None:
    passage = passed(THREE, Digits("9"), Digits("1"))
    assert passage.call.variables == {"mark": "5"}
    assert sum(isinstance(effect, Ask) for effect in passage.effects) == 2
    assert passed(THREE, NoInput(), Digits("0")).exit == "_"


def test_who_hangs_up_was_offered_it() -> None:
    passage = passed(NODE, CallerHungUp())
    assert passage.exit is None
    assert passage.effects[0] == OfferRating("hr_service")


def test_ratings_are_one_to_five() -> None:
    assert "keys" in refusal(THREE.replace("1: 5", "1: 6"))


def test_the_worst_case() -> None:
    assert stays(NODE)["_"] == Stay(3 + 6, prompts=1, asked=1)
    assert stays(THREE)["answered"] == Stay(2 * 9, prompts=2, asked=2)
