"""Random callers over the shipped and over generated flows: nothing raises, nothing loops, every call ends; whoever may, helps."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callflows import loader
from callflows.calendar import AlwaysOpen
from callflows.caller_steps import HangUp, Hear, Press, Reach, Silence, Step, Talk, Wait
from callflows.effects import Ask, Dial, EnterNode, Queue, Record, Say
from callflows.flow import NODE_TYPES, FlowBook
from callflows.outcomes import (
    CustomerKnown,
    CustomerUnknown,
    DialEnd,
    Hours,
    HoursState,
    QueueEnd,
    QueueOutlook,
    WebhookAnswered,
    WebhookFailed,
)
from callflows.simulated_call import SimulatedCall
from callflows.simulator import simulate
from callflows.surroundings import Surroundings

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=ZONE)
LINES = ("hr", "course", "product", "complaint")
CALENDARS = dict.fromkeys((*LINES, "hotline"), AlwaysOpen())
PHONES, WEBHOOKS = ("porter",), ("crm",)
ENDINGS = {"hangup", "queue", "dial", "caller_hung_up"}
FAST = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])

seconds = st.floats(0.0, 40.0, allow_nan=False)
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(Press, st.text("0123456789*#", min_size=1, max_size=24), st.sampled_from([0.0, 0.1, 0.25, 3.0])),
    st.builds(Press, st.sampled_from("0123456789*#")),
    st.builds(Wait, seconds),
    st.just(Silence()),
    st.just(Hear()),
    st.builds(Talk, st.floats(0.0, 200.0)),
    st.builds(Reach, st.sampled_from(["menu", "offer", "hr_queue", "n1", "n2"])),
    st.just(HangUp()),
)
scripts = st.lists(steps, max_size=25)
hours = st.builds(Hours, st.sampled_from(HoursState), st.one_of(st.none(), st.just(NOON + timedelta(hours=20))))
surroundings = st.builds(
    Surroundings,
    at=st.just(NOON),
    zone=st.just(ZONE),
    calendars=st.just(CALENDARS),
    caller=st.sampled_from(["", "13800138000", "0013125550123", "95588"]),
    states=st.dictionaries(st.sampled_from(sorted(CALENDARS)), hours, max_size=3),
    customer=st.one_of(
        st.just(CustomerUnknown()),
        st.builds(CustomerKnown, st.just((("customer_name", "王"), ("customer_line", "hr"), ("odd name", "\0"))), st.integers(-1, 20)),
    ),
    queue_ends=st.lists(st.sampled_from(QueueEnd), max_size=4).map(tuple),
    dial_ends=st.lists(st.sampled_from(DialEnd), max_size=3).map(tuple),
    queue_wait_s=seconds,
    webhooks=st.sampled_from([{}, {"crm": WebhookFailed()}, {"crm": WebhookAnswered((("v1", "1"), ("x y", "\0")))}]),
    webhook_s=seconds,
    outlooks=st.dictionaries(
        st.sampled_from(LINES),
        st.builds(QueueOutlook, st.integers(1, 99), st.none() | seconds, st.none() | st.floats(0, 9000), st.booleans()),
    ),
    pins=st.sampled_from([{}, {"4711": "chief", "1": "other"}]),
    stored=st.sampled_from([True, False, "late"]),
    promises=st.booleans(),
)


def ends_well(call: SimulatedCall, script: list[Step]) -> None:
    """Every property of a call that ended as calls must."""
    assert call.error is None
    assert call.ending in ENDINGS
    waits = sum(step.seconds for step in script if isinstance(step, Wait | Talk) and step.seconds is not None)
    assert call.seconds <= 3600 + waits
    assert call.path, "no call ends before its first node"
    assert call.came_at == sorted(call.came_at)
    at = [said.at for said in call.heard]
    assert at == sorted(at)
    assert all(said.seconds >= 0.0 for said in call.heard)
    if call.ending == "caller_hung_up" and call.queue is None and call.phone is None:
        # After the hang-up nothing is said or asked any more: the last thing that he heard is over when the call is.
        assert all(said.at + said.seconds <= call.seconds + 1e-6 for said in call.heard)
    json.dumps(call.as_json())


@cache
def shipped() -> FlowBook:
    return loader.load(loader.read_folder(loader.SHIPPED_FLOWS))


@settings(FAST, max_examples=200)
@given(flow=st.sampled_from(sorted(loader.load(loader.read_folder(loader.SHIPPED_FLOWS)).flows)), script=scripts, around=surroundings,
       language=st.sampled_from(["zh", "en"]))  # fmt: skip
def test_whatever_a_caller_does_a_shipped_flow_ends_well(flow: str, script: list[Step], around: Surroundings, language: str) -> None:
    call = simulate(shipped(), flow, script, around, language=language)
    ends_well(call, script)
    assert sum(filed["kind"] == "complaint" for filed in call.filed) <= 2  # the second is the same one, told again on hang-up
    if not around.stored:
        assert call.filed == []


@settings(FAST, max_examples=60)
@given(script=scripts, around=surroundings)
def test_the_same_call_goes_the_same_way_twice(script: list[Step], around: Surroundings) -> None:
    one, two = (simulate(shipped(), "hotline", script, around, language="zh") for _ in range(2))
    assert one.as_json() == two.as_json()


# ------------------------------------------------------------------------------------------- flows nobody wrote

WORDS = {"zh": "请按一{v1}", "en": "Press 1 {v1:number}"}
KEYS = "0123456789*#"


def node(draw: st.DrawFn, kind: str, onward: st.SearchStrategy[str], chosen: st.SearchStrategy[str]) -> dict[str, Any]:
    """A node of this kind as a flow file has it. ``onward`` are where it may send a caller by itself, ``chosen`` where he sends himself."""

    def retry() -> dict[str, Any]:
        say = {"say": WORDS} if draw(st.booleans()) else {}
        return {"tries": draw(st.integers(1, 3)), **say, "then": draw(onward)}

    def to() -> str:
        return draw(onward)

    def pick() -> str:
        return draw(chosen)

    def flag() -> bool:
        return draw(st.booleans())

    def keys() -> dict[str, str]:
        return {key: pick() for key in draw(st.lists(st.sampled_from([*KEYS, "_"]), min_size=1, max_size=4, unique=True))}

    def asking() -> dict[str, Any]:
        return {"no_input": retry(), "wrong_key": retry(), "barge_in": flag()}

    def line() -> str:
        return draw(st.sampled_from(LINES))

    match kind:
        case "say":
            return {"say": WORDS, "next": to(), "barge_in": flag()}
        case "menu":
            return {"menu": WORDS, "keys": keys(), **asking()}
        case "collect":
            optional = {**({"overall_s": 5} if flag() else {}), **({"skip": pick()} if flag() else {})}
            sized = {"shortest": 2, "longest": draw(st.integers(2, 9)), "masked": flag()}
            return {"collect": WORDS, "into": "v1", **sized, "next": pick(), **asking(), **optional}
        case "confirm":
            return {"confirm": WORDS, "yes": pick(), "no": pick(), **asking()}
        case "record":
            return {"record": WORDS, "into": "r", "longest_s": 30, "next": to(), "nothing": to()}
        case "voicemail":
            return {"voicemail": WORDS, "longest_s": 30, "taken": to(), "nothing": to(), "not_stored": to()}
        case "language":
            return {"language": draw(st.sampled_from(["zh", "en"])), "next": to()}
        case "line":
            return {"line": line(), "next": to()}
        case "hours":
            return {"hours": line(), "open": to(), "closed": to(), "emergency": to()}
        case "given":
            return {"given": "v1", "yes": to(), "no": to()}
        case "switch":
            return {"switch": "v1", "cases": {"1": to(), "": to(), "_": to()}}
        case "set":
            return {"set": {"v1": draw(st.sampled_from(["1", "{v2}", ""])), "v2": "{v1}"}, "next": to()}
        case "look_up":
            return {"look_up": "customer", "known": to(), "unknown": to()}
        case "remember":
            return {"remember": "line", "value": "{v1}", "next": to()}
        case "webhook":
            return {"webhook": "crm", "send": ["v1"], "answered": to(), "failed": to()}
        case "file_complaint":
            parts = {"serial": "v1", "recording": "r"}
            return {"file_complaint": parts, "into": "c", "complete": flag(), "filed": to(), "not_stored": to()}
        case "take_message":
            return {"take_message": "r", "taken": to(), "not_stored": to()}
        case "request_callback":
            return {"request_callback": "caller", "promised": to(), "refused": to()}
        case "expect_wait":
            return {"expect_wait": line(), "wait": WORDS, "long": to(), "_": to()}
        case "queue":
            return {"queue": line(), "priority": draw(st.sampled_from(["customer", 3])), "served": pick(), "_": pick()}
        case "dial":
            return {"dial": "porter", "served": pick(), "_": pick()}
        case "survey":
            return {"survey": WORDS, "answered": to(), "_": to()}
        case "check_pin":
            return {"check_pin": WORDS, "tries": 2, "accepted": pick(), "refused": to()}
        case "override_hours":
            what = draw(st.sampled_from(["hr", "all", "{v1}"]))
            return {"override_hours": what, "state": "open", "minutes": "{v1}", "done": to(), "not_stored": to()}
        case "run":
            return {"run": "inner", "ends": {"over": to(), "_": to()}}
        case "hang_up":
            return {"hang_up": WORDS}
        case "end":
            return {"end": draw(st.sampled_from(["over", "other"]))}
    raise AssertionError(f"write how a node of the kind {kind!r} is generated")


KINDS = sorted({node_type.kind for node_type in NODE_TYPES})


@st.composite
def books(draw: st.DrawFn, *, forward: bool) -> dict[str, str]:
    """Files of a flow and of the one that it runs. ``forward``: only the caller himself can go back, by a key or by coming back."""
    files = {}
    for name, last in (("main", {"hang_up": WORDS}), ("inner", {"end": "over"})):
        kinds = draw(st.lists(st.sampled_from([kind for kind in KINDS if name == "main" or kind not in ("run",)]), min_size=1, max_size=9))
        names = [f"n{number}" for number in range(len(kinds) + 1)]
        nodes = {}
        for number, kind in enumerate(kinds):
            chosen = st.sampled_from(names)
            nodes[names[number]] = node(draw, kind, st.sampled_from(names[number + 1 :]) if forward else chosen, chosen)
        nodes[names[-1]] = last
        head = {"flow": name, "start": "n0", **({"on_hang_up": draw(st.sampled_from(names))} if draw(st.booleans()) else {})}
        files[f"{name}.yaml"] = json.dumps({**head, "nodes": nodes}, ensure_ascii=False)
    return files


@settings(FAST, max_examples=150)
@given(files=books(forward=True), script=scripts, around=surroundings)
def test_whatever_a_caller_does_a_flow_that_goes_onward_ends_well(files: dict[str, str], script: list[Step], around: Surroundings) -> None:
    ends_well(simulate(loader.load(files), "main", script, around, language="zh"), script)


@settings(FAST, max_examples=60)
@given(files=books(forward=False), script=scripts, around=surroundings)
def test_no_flow_however_tangled_raises_or_runs_for_ever(files: dict[str, str], script: list[Step], around: Surroundings) -> None:
    call = simulate(loader.load(files), "main", script, around, language="zh")
    assert call.ending in ENDINGS | {"error"}
    assert (call.error is not None) == (call.ending == "error")


@settings(FAST, max_examples=80)
@given(files=books(forward=False), around=surroundings)
def test_after_the_hang_up_nothing_needs_the_caller(files: dict[str, str], around: Surroundings) -> None:
    call = simulate(loader.load(files), "main", [HangUp()], replace(around, queue_wait_s=10.0), language="zh")
    asked = [effect for effect in call.effects if isinstance(effect, Say | Ask | Record | Queue | Dial)]
    assert len(asked) <= 1
    assert sum(isinstance(effect, EnterNode) for effect in call.effects) <= 400
