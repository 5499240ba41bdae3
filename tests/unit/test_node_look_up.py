"""The node ``look_up``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, stays

from callflows.effects import LookUpCustomer
from callflows.nodes.base import Stay
from callflows.outcomes import CustomerKnown, CustomerUnknown

NODE = "{look_up: customer, known: greet, unknown: menu}"


def test_what_is_known_of_the_caller_becomes_variables() -> None:
    passage = passed(NODE, CustomerKnown((("customer_line", "hr"), ("customer_complaint", "C1")), priority=5))
    assert (passage.exit, passage.effects) == ("known", [LookUpCustomer()])
    assert passage.call.variables == {"customer_line": "hr", "customer_complaint": "C1", "customer_priority": "5"}


def test_a_stranger_stays_one() -> None:
    passage = passed(NODE, CustomerUnknown())
    assert (passage.exit, passage.call.variables) == ("unknown", {})


def test_a_crm_can_set_nothing_but_facts_of_the_customer() -> None:
    facts = (("serial", "1"), ("supervisor", "me"), ("customer_", "x"), ("Customer_a", "x"), ("customer_note", "n" * 5000))
    passage = passed(NODE, CustomerKnown(facts), variables={"serial": "1234"})
    assert passage.call.variables == {"serial": "1234", "customer_note": "n" * 500, "customer_priority": "0"}


def test_it_takes_no_time() -> None:
    assert set(stays(NODE).values()) == {Stay()}
