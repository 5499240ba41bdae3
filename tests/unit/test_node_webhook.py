"""The node ``webhook``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, refusal, stays, written

from callflows.effects import AskWebhook
from callflows.nodes.base import Stay
from callflows.nodes.variables import Secret
from callflows.outcomes import WebhookAnswered, WebhookFailed

NODE = "{webhook: warranty, send: [serial, phone], answered: tell, failed: menu}"
CHOOSY = NODE.replace("answered", "sets: [warranty_until], answered")


def test_it_sends_the_values_there_are() -> None:
    passage = passed(NODE, WebhookFailed(), variables={"serial": "1234", "other": "x"})
    assert (passage.exit, passage.effects) == ("failed", [AskWebhook("warranty", (("serial", "1234"),))])


def test_its_answer_becomes_variables() -> None:
    passage = passed(NODE, WebhookAnswered((("warranty_until", "2027"), ("vip", "yes"))))
    assert (passage.exit, passage.call.variables) == ("answered", {"warranty_until": "2027", "vip": "yes"})


def test_the_flow_can_say_what_it_takes_from_the_answer() -> None:
    assert passed(CHOOSY, WebhookAnswered((("warranty_until", "2027"), ("serial", "0")))).call.variables == {"warranty_until": "2027"}
    assert written(CHOOSY).assigns() == {"warranty_until"}
    assert written(NODE).assigns() == {"*"}


def test_an_answer_makes_nobody_a_supervisor_and_fills_no_record() -> None:
    values = (("supervisor", "me"), ("BAD NAME", "x"), ("a@1", "x"), ("note", "n" * 5000))
    assert passed(NODE, WebhookAnswered(values)).call.variables == {"note": "n" * 500}
    assert "check_pin alone" in refusal(NODE.replace("answered", "sets: [supervisor], answered"))


def test_an_answer_of_another_type_is_no_value() -> None:
    assert passed(NODE, WebhookAnswered((("years", "two"),)), types={"years": "number"}).call.variables == {}


def test_a_masked_value_is_sent_but_not_shown() -> None:
    (effect,) = passed(NODE, WebhookFailed(), variables={"serial": Secret("4711")}).effects
    assert effect == AskWebhook("warranty", (("serial", "4711"),))
    assert "4711" not in repr(effect)


def test_what_it_names_and_reads_is_told_and_its_deadline_is_its_worst_case() -> None:
    assert (written(NODE).names(), written(NODE).reads()) == ({"webhook": "warranty"}, {"serial", "phone"})
    assert set(stays(NODE).values()) == {Stay(5)}
