"""The shipped hotline, walked by scripted callers: the same engine as the live one, no Asterisk."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callflows import linter, loader
from callflows.calendar import AlwaysOpen, Calendar
from callflows.caller_steps import ScriptError, parse_script
from callflows.effects import Say
from callflows.flow import FlowBook
from callflows.outcomes import QueueEnd
from callflows.simulated_call import SimulatedCall
from callflows.simulator import simulate
from callflows.speech import Moment
from callflows.surroundings import Surroundings
from callflows.walk import Position, Walk

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=ZONE)
LINES = ("hr", "course", "product", "complaint")
OPEN = dict.fromkeys((*LINES, "hotline"), AlwaysOpen())
OFFICE = Calendar.model_validate({"weekdays": [{"from": "08:00", "to": "20:00"}]})


@pytest.fixture(scope="module")
def book() -> FlowBook:
    return loader.load(loader.read_folder(loader.SHIPPED_FLOWS))


def call(book: FlowBook, keys: str, *, closed: bool = False, caller: str = "13800138000", ends: tuple[QueueEnd, ...] = ()) -> SimulatedCall:
    calendars = dict.fromkeys(OPEN, OFFICE) if closed else OPEN
    at = NOON.replace(hour=22) if closed else NOON
    house = Surroundings(at, ZONE, calendars, caller=caller, queue_ends=ends)
    return simulate(book, "hotline", parse_script(keys), house, language="zh")


def test_the_shipped_flows_have_no_fault(book: FlowBook) -> None:
    house = linter.House(queues=LINES, lines=LINES, calendars=OPEN, languages=("zh", "en"))
    assert linter.lint(book, house, "hotline") == []


@pytest.mark.parametrize(
    ("keys", "line", "queue"),
    [
        ("1", "hr", "hr"),
        ("2 1", "course", "course"),
        ("2 2", "course", "course"),
        ("2 0", "course", "product"),
        ("2 9 1", "course", "course"),
        ("3", "product", "product"),
        ("0", None, "product"),
        ("9 9 1", "hr", "hr"),
        ("* 1", "hr", "hr"),
        ("p p", None, "product"),
        ("5 6 7", None, "product"),
        ("2 p p", "course", "course"),
        ("2 7 7 7", "course", "course"),
    ],
)
def test_r1_every_branch_leads_to_its_line(book: FlowBook, keys: str, line: str | None, queue: str) -> None:
    result = call(book, keys)
    assert (result.ending, result.line, result.queue, result.unused) == ("queue", line, queue, [])


def test_r10_r11_complaint_is_filed_before_its_number_is_told(book: FlowBook) -> None:
    result = call(book, "4 12345678# 1 1 t6 # # 2")
    assert result.ending == "hangup"
    assert result.filed == [
        {"kind": "complaint", "serial": "12345678", "contact_number": "13800138000", "recording": "recording-1", "complete": True}
    ]
    assert result.path.index("complaint_intake.file") < result.path.index("complaint_intake.tell_number")


@pytest.mark.parametrize(
    ("keys", "serial", "number"),
    [
        ("4 # 1 t6 # #", None, "13800138000"),
        ("4 1234# 2 5678# 1 1 t6 # #", "5678", "13800138000"),
        ("4 # 2 02112345678# 1 t6 # #", None, "02112345678"),
        ("4 # 2 # t6 # #", None, "13800138000"),
        ("4 12# 123# 1# t6 # #", None, "13800138000"),  # a serial too short, three times
        ("4 p p p p p p", None, "13800138000"),  # nothing pressed at all
    ],
)
def test_r10_what_is_kept_of_a_complaint(book: FlowBook, keys: str, serial: str | None, number: str) -> None:
    (filed,) = call(book, keys).filed
    assert (filed["serial"], filed["contact_number"], filed["complete"]) == (serial, number, True)


def test_a_withheld_caller_is_asked_for_a_number(book: FlowBook) -> None:
    result = call(book, "4 # 13900139000# 1 t6 # #", caller="")
    assert result.filed[0]["contact_number"] == "13900139000"


def test_the_recording_can_be_heard_and_made_again(book: FlowBook) -> None:
    result = call(book, "4 # 1 t6 # 1 2 t7 # #")
    assert result.path.count("complaint_intake.listen") == 1
    assert result.filed[0]["recording"] == "recording-2"


@pytest.mark.parametrize(
    ("keys", "filed"),
    [
        ("4 1234# h", [("1234", None, False)]),
        ("4 1234# 1 1 t6 h", [("1234", "recording-1", False)]),
        ("4 # 1 t6 # h", [(None, "recording-1", False)]),
        ("4 h", []),  # nothing was said yet: an abandoned call
        ("4 # h", []),
    ],
)
def test_hanging_up_half_way_keeps_what_was_said(book: FlowBook, keys: str, filed: list[tuple[str | None, str | None, bool]]) -> None:
    result = call(book, keys)
    assert result.ending == "caller_hung_up"
    assert [(entry["serial"], entry["recording"], entry["complete"]) for entry in result.filed] == filed


@pytest.mark.parametrize("keys", ["1", "2 1", "3", "0"])
def test_r3_out_of_hours_a_line_says_when_it_opens_and_takes_a_message(book: FlowBook, keys: str) -> None:
    result = call(book, f"{keys} t6 #", closed=True)
    assert result.ending == "hangup"
    assert result.filed == [{"kind": "message", "recording": "recording-1", "complete": True}]
    said = [segment for effect in result.effects if isinstance(effect, Say) for segment in effect.speech]
    assert Moment(datetime(2026, 11, 23, 8, 0, tzinfo=ZONE)) in said  # Friday night; the weekend is closed here


def test_r3_complaints_are_taken_out_of_hours(book: FlowBook) -> None:
    result = call(book, "4 1234# 1 1 t6 # # 1 t5 #", closed=True)
    assert [filed["kind"] for filed in result.filed] == ["complaint", "message"]


@pytest.mark.parametrize("end", [QueueEnd.TIMEOUT, QueueEnd.FULL, QueueEnd.EMPTY, QueueEnd.FAILED])
@pytest.mark.parametrize("keys", ["1", "2 2", "3", "0", "4 # 1 t6 # # 1"])
def test_whoever_comes_back_from_a_queue_can_leave_a_message(book: FlowBook, keys: str, end: QueueEnd) -> None:
    result = call(book, f"{keys} t6 #", ends=(end,))
    assert result.ending == "hangup"
    assert result.filed[-1]["kind"] == "message"


def test_served_callers_are_thanked(book: FlowBook) -> None:
    result = call(book, "1", ends=(QueueEnd.SERVED,))
    assert (result.ending, result.path[-1]) == ("hangup", "goodbye")


def test_english_is_kept_over_the_queue(book: FlowBook) -> None:
    result = call(book, "* 1", ends=(QueueEnd.TIMEOUT,))
    texts = [segment for effect in result.effects if isinstance(effect, Say) for segment in effect.speech]
    assert "en" in texts[-1].by_language  # type: ignore[union-attr]


def test_a_position_survives_being_written_down(book: FlowBook) -> None:
    walk = Walk.begin(book, "hotline", "zh", {"contact_number": "138"})
    assert Walk(book, Position.from_json(walk.position.as_json())).position == walk.position


@pytest.mark.parametrize(
    "data", [{}, {"frames": [], "language": "zh", "variables": {}}, {"frames": [["a"]], "language": "", "variables": {}}]
)
def test_a_position_nobody_wrote_is_refused(data: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Position.from_json(data)


@pytest.mark.parametrize("script", ["x", "1a", "t", "hh"])
def test_a_script_that_cant_be_read_is_named(script: str) -> None:
    with pytest.raises(ScriptError, match=script):
        parse_script(script)


words = st.one_of(
    st.sampled_from(["p", "h", "t3", "#", "*"]),
    st.text("0123456789*#", min_size=1, max_size=25),
)


@settings(max_examples=300, deadline=None)
@given(
    script=st.lists(words, max_size=40),
    ends=st.lists(st.sampled_from(QueueEnd), max_size=4),
    closed=st.booleans(),
    caller=st.sampled_from(["", "13800138000"]),
)
def test_whatever_a_caller_does_the_call_ends_well(script: list[str], ends: list[QueueEnd], closed: bool, caller: str) -> None:
    flows = loader.load(loader.read_folder(loader.SHIPPED_FLOWS)) if not _BOOK else _BOOK[0]
    _BOOK[:] = [flows]
    result = call(flows, " ".join(script), closed=closed, caller=caller, ends=tuple(ends))
    assert result.ending in ("queue", "hangup", "caller_hung_up"), result.error
    assert sum(filed["kind"] == "complaint" for filed in result.filed) <= 2  # the second is the same one, told again on hang-up
    assert result.seconds < 3600


_BOOK: list[FlowBook] = []
