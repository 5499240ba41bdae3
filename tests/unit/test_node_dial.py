"""The node ``dial``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

import pytest
from support.nodes import passed, stays, written

from callflows.effects import Dial
from callflows.nodes.base import Stay
from callflows.outcomes import DialEnd, DialLeft, Done

ALL = "{dial: porter, ring_s: 20, served: bye, busy: a, no_answer: b, failed: c, _: d}"
FEW = "{dial: porter, served: bye, _: busy}"


@pytest.mark.parametrize("end", list(DialEnd))
def test_every_way_back_has_an_exit(end: DialEnd) -> None:
    assert passed(ALL, DialLeft(end)).exit == end.value
    assert passed(FEW, DialLeft(end)).exit == ("served" if end is DialEnd.SERVED else "_")


def test_it_dials_a_name_for_as_long_as_it_may_ring() -> None:
    assert passed(ALL, Done()).effects == [Dial("porter", 20)]
    assert passed(FEW, Done()).effects == [Dial("porter", 30)]


def test_it_hands_over_to_a_person_if_somebody_answers() -> None:
    node = written(ALL)
    assert (node.hands_over, node.gives, node.names()) == (True, "human", {"phone": "porter"})
    assert node.gives_by == {"served"}
    assert set(stays(ALL).values()) == {Stay(20)}
