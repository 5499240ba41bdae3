"""``survey``: one question on how the caller was served (R50). Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import Ask, KeepRating, OfferRating
from callflows.nodes.base import OTHERWISE, CallState, Key, Node, NodeName, Saying, Seconds, Stay, Steps, Words
from callflows.nodes.variables import AssignedName
from callflows.outcomes import Digits

Rating = Annotated[int, Field(ge=1, le=5)]  # 1 is the worst


class SurveyNode(Node):
    """Asks one question with a rating. That it was offered and that it was answered are counted apart."""

    kind: ClassVar[str] = "survey"
    not_chosen: ClassVar[frozenset[str]] = frozenset({OTHERWISE})
    survey: Words
    """The question; it must name the keys."""
    question: NodeName = "service"
    """The question's name in the reports."""
    keys: Annotated[dict[Key, Rating], Field(min_length=2)] = {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5}  # noqa: RUF012 - pydantic copies it
    """Key → rating, 1 the worst to 5 the best; left out, keys 1 to 5 are the ratings."""
    into: AssignedName = "rating"
    """The variable that gets the rating."""
    tries: Annotated[int, Field(ge=1, le=3)] = 1
    """How often to ask in all: who has been served may also just hang up."""
    wait_s: Seconds = 6.0
    """How long to wait for a key once all is said, in seconds."""
    answered: NodeName
    """The node after a rating."""
    otherwise: Annotated[NodeName, Field(alias="_")]
    """The node when there was none."""
    barge_in: bool = True
    """May a key cut the question short?"""

    def steps(self, call: CallState, place: str) -> Steps:
        yield OfferRating(self.question)
        for _ in range(self.tries):
            outcome = yield Ask(call.speech(self.survey, place), first_digit_s=self.wait_s, barge_in=self.barge_in)
            rating = self.keys.get(outcome.keys) if isinstance(outcome, Digits) else None
            if rating is not None:
                call.keep(self.into, str(rating))
                yield KeepRating(self.question, rating)
                return "answered"
        return OTHERWISE

    def exits(self) -> Mapping[str, str]:
        return {"answered": self.answered, OTHERWISE: self.otherwise}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        return dict.fromkeys(self.exits(), Stay(saying(self.survey) + self.wait_s, prompts=1, asked=1) * self.tries)

    def words(self) -> Mapping[str, Words]:
        return {"": self.survey}

    def assigns(self) -> set[str]:
        return {self.into}
