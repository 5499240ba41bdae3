"""Rows of queue_log become the facts AMI would have given; what is odd is counted, said once with its place, and costs nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_bridge.facts import (
    AgentAdded,
    AgentAnswered,
    AgentPaused,
    AgentPickedUp,
    AgentRang,
    AgentRemoved,
    AgentRingEnded,
    AgentUnpaused,
    AnyFact,
    AsteriskStarted,
    CallbackReported,
    CallerQueued,
    CallerWaiting,
    CallTransferred,
    EndedBy,
    QueueExited,
    TalkEnded,
    TransferKind,
)
from ami_bridge.queue_log import MAX_LINE_BYTES, QueueLogReader
from ami_bridge.queue_log_verbs import VERBS, Row

EPOCH = 1_795_296_025
AT = datetime.fromtimestamp(EPOCH, UTC)
CALL = "1795296020.7"


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def row(rest: str, after: int = 0) -> bytes:
    return f"{EPOCH + after}|{rest}\n".encode()


def read(*lines: bytes) -> tuple[list[AnyFact], QueueLogReader]:
    reader = QueueLogReader("queue_log")
    return [fact for line in lines for fact in reader.line(line)], reader


def entered(call: str = CALL, queue: str = "hr") -> bytes:
    """Before the hour of the rows: what comes then isn't a visit whose beginning is unknown."""
    return row(f"{call}|{queue}|NONE|ENTERQUEUE||138|1", -60)


def exited(status: str) -> QueueExited:
    return QueueExited(AT, "", CALL, "hr", status)


@pytest.mark.parametrize(
    ("rest", "facts"),
    [
        (f"{CALL}|hr|NONE|ENTERQUEUE||13800138000|3", [CallerQueued(AT, "", CALL, "hr", 3, "13800138000")]),
        (f"{CALL}|hr|NONE|ENTERQUEUE|http://x/|13800138000|3|张三", [CallerQueued(AT, "", CALL, "hr", 3, "13800138000")]),
        (f"{CALL}|hr|NONE|ENTERQUEUE||13800|1380|00|3", [CallerQueued(AT, "", CALL, "hr", 1380, "13800")]),
        (f"{CALL}|hr|NONE|ENTERQUEUE||138|x|3", [CallerQueued(AT, "", CALL, "hr", 3, "138|x")]),
        (
            f"{CALL}|hr|Agent One|CONNECT|9|{CALL}9|4",
            [
                AgentRang(AT - seconds(4), "", CALL, "hr", "Agent One", f"{CALL}9"),
                AgentAnswered(AT, "", CALL, "hr", "Agent One", f"{CALL}9"),
            ],
        ),
        (f"{CALL}|hr|Agent One|CONNECT|9", [AgentAnswered(AT, "", CALL, "hr", "Agent One", "")]),
        *(
            (
                f"{CALL}|hr|Agent One|{verb}|1500",
                [AgentRang(AT - seconds(1.5), "", CALL, "hr", "Agent One", ""), AgentRingEnded(AT, "", CALL, "", verb)],
            )
            for verb in ("RINGNOANSWER", "RINGCANCELED")
        ),
        (
            f"{CALL}|hr|Agent One|AGENTDUMP|",
            [AgentRang(AT, "", CALL, "hr", "Agent One", ""), AgentRingEnded(AT, "", CALL, "", "AGENTDUMP")],
        ),
        (f"{CALL}|hr|A|COMPLETECALLER|2|6|1", [TalkEnded(AT, "", CALL, "hr", "A", EndedBy.CALLER)]),
        (f"{CALL}|hr|A|COMPLETEAGENT|2|6|1", [TalkEnded(AT, "", CALL, "hr", "A", EndedBy.AGENT)]),
        *(
            (
                f"{CALL}|hr|A|{rest}|2|6|1",
                [CallTransferred(AT, "", CALL, kind, "", to), TalkEnded(AT, "", CALL, "hr", "A", EndedBy.TRANSFER)],
            )
            for rest, kind, to in (
                ("BLINDTRANSFER|201|phones", TransferKind.BLIND, "201"),
                ("TRANSFER|201|phones", TransferKind.BLIND, "201"),
                ("ATTENDEDTRANSFER|BRIDGE|b-1", TransferKind.ATTENDED, ""),
                ("ATTENDEDTRANSFER|APP|Queue", TransferKind.ATTENDED, "Queue"),
                ("ATTENDEDTRANSFER|LINK|PJSIP/1-1|PJSIP/2-2", TransferKind.ATTENDED, "PJSIP/2-2"),
            )
        ),
        (f"{CALL}|hr|NONE|ABANDON|1|1|8", [exited("HANGUP")]),
        (
            f"{CALL}|hr|Agent One|ABANDON|1|1|8",
            [
                AgentRang(AT, "", CALL, "hr", "Agent One", ""),
                AgentPickedUp(AT, "", CALL, ""),
                AgentRingEnded(AT, "", CALL, "", "CANCEL"),
                exited("HANGUP"),
            ],
        ),
        (f"{CALL}|hr|NONE|EXITWITHTIMEOUT|1|1|4", [exited("TIMEOUT")]),
        (f"{CALL}|hr|NONE|EXITEMPTY|1|1|4", [exited("LEAVEEMPTY")]),
        (f"{CALL}|hr|NONE|EXITWITHKEY|9|1|1|2", [exited("")]),
        (f"{CALL}|hr|NONE|WITHDRAW|1|1|2|why|not", [exited("WITHDRAW")]),
        (f"{CALL}|hr|Agent One|SYSCOMPAT", [exited("SYSCOMPAT")]),
        (f"{CALL}|hr|NONE|FULL|", [exited("FULL")]),
        (f"{CALL}|hr|NONE|JOINEMPTY", [exited("JOINEMPTY")]),
        ("MANAGER|hr|Agent One|ADDMEMBER|PAUSED", [AgentAdded(AT, "hr", "Agent One", paused=True)]),
        (f"{CALL}|hr|Agent One|ADDMEMBER|", [AgentAdded(AT, "hr", "Agent One")]),
        ("REALTIME|hr|Agent One|REMOVEMEMBER|", [AgentRemoved(AT, "hr", "Agent One")]),
        ("NONE|hr|Agent One|PAUSE|lunch|tea", [AgentPaused(AT, "hr", "Agent One", "lunch|tea")]),
        ("NONE|hr|Agent One|UNPAUSE|", [AgentUnpaused(AT, "hr", "Agent One", "")]),
        ("NONE|NONE|PJSIP/101|PAUSEALL|", []),
        ("NONE|NONE|NONE|QUEUESTART|", [AsteriskStarted(AT)]),
        ("NONE|NONE|NONE|CONFIGRELOAD|", []),
        ("NONE|hr|PJSIP/101|PENALTY|3", []),
        (f"{CALL};2|NONE|NONE|CALLBACK|BUSY|017", [CallbackReported(AT, CALL, "BUSY", 17)]),
        (f"{CALL}|NONE|NONE|CALLBACK|SERVED|0|", [CallbackReported(AT, CALL, "SERVED", 0)]),
    ],
)
def test_a_row_is_these_facts(rest: str, facts: list[AnyFact]) -> None:
    found, reader = read(entered(), row(rest))
    assert found[1:] == facts
    if "138|x|3" not in rest and "|1380|00|" not in rest and "|why|not" not in rest:
        assert (dict(reader.counts), reader.warnings) == ({}, [])


@pytest.mark.parametrize(
    ("rest", "facts"),
    [
        ("NONE|ABANDON|1|2|8", [CallerWaiting(AT, "", CALL, "hr", 2, 8.0), exited("HANGUP")]),
        ("NONE|EXITWITHKEY|9|1|2|8", [CallerWaiting(AT, "", CALL, "hr", 2, 8.0), exited("")]),
        ("NONE|EXITWITHTIMEOUT|1", [exited("TIMEOUT")]),
        (
            "A|CONNECT|9|leg|4",
            [
                CallerWaiting(AT, "", CALL, "hr", 0, 9.0),
                AgentRang(AT - seconds(4), "", CALL, "hr", "A", "leg"),
                AgentAnswered(AT, "", CALL, "hr", "A", "leg"),
            ],
        ),
        (
            "A|COMPLETEAGENT|9|60|2",
            [
                CallerWaiting(AT - seconds(60), "", CALL, "hr", 2, 9.0),
                AgentAnswered(AT - seconds(60), "", CALL, "hr", "A", ""),
                TalkEnded(AT, "", CALL, "hr", "A", EndedBy.AGENT),
            ],
        ),
        (
            "A|ATTENDEDTRANSFER|LINK|PJSIP/1-1|PJSIP/2-2|9|60|2",
            [
                CallerWaiting(AT - seconds(60), "", CALL, "hr", 2, 9.0),
                AgentAnswered(AT - seconds(60), "", CALL, "hr", "A", ""),
                CallTransferred(AT, "", CALL, TransferKind.ATTENDED, "", "PJSIP/2-2"),
                TalkEnded(AT, "", CALL, "hr", "A", EndedBy.TRANSFER),
            ],
        ),
        ("A|COMPLETEAGENT|9|60", [TalkEnded(AT, "", CALL, "hr", "A", EndedBy.AGENT)]),
    ],
)
def test_a_log_cut_at_its_beginning_tells_when_the_wait_began(rest: str, facts: list[AnyFact]) -> None:
    again = row(f"{CALL}|hr|{rest}")
    assert read(again)[0] == facts
    assert read(entered(), again)[0] == [
        CallerQueued(AT - seconds(60), "", CALL, "hr", 1, "138"),
        *(
            fact
            for fact in facts
            if not isinstance(fact, CallerWaiting) and fact != AgentAnswered(AT - seconds(60), "", CALL, "hr", "A", "")
        ),
    ]


def test_a_beginning_is_told_once() -> None:
    found, _ = read(row(f"{CALL}|hr|A|CONNECT|9|leg|4"), row(f"{CALL}|hr|A|COMPLETEAGENT|9|60|2"))
    assert [type(fact) for fact in found] == [CallerWaiting, AgentRang, AgentAnswered, TalkEnded]


def test_a_talk_whose_end_bears_the_agents_second_call_is_the_callers() -> None:
    second = "1795296024.9"
    connected = row(f"{CALL}|hr|A|CONNECT|9|leg|4", -6)
    waits = row(f"{second}|product|NONE|ENTERQUEUE||201|1", -2)
    found, _ = read(entered(), connected, waits, row(f"{second}|hr|A|ATTENDEDTRANSFER|APP|Queue|2|6|1"))
    assert found[-2:] == [
        CallTransferred(AT, "", CALL, TransferKind.ATTENDED, "", "Queue", place=second),
        TalkEnded(AT, "", CALL, "hr", "A", EndedBy.TRANSFER),
    ]


@pytest.mark.parametrize("end", ["A|ATTENDEDTRANSFER|APP|Queue|2|90|1", "B|ATTENDEDTRANSFER|APP|Queue|2|6|1", "A|COMPLETEAGENT|2|6"])
def test_an_end_that_fits_no_talk_keeps_its_call(end: str) -> None:
    second = "1795296024.9"
    found, _ = read(entered(), row(f"{CALL}|hr|A|CONNECT|9|leg|4", -6), row(f"{second}|hr|{end}"))
    assert isinstance(found[-1], TalkEnded)
    assert found[-1].call == second


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (row(f"{CALL}|hr|NONE|ENTERQUEUE||138|1")[:-1], "half line"),
        (b"\n", "empty line"),
        (b"hello\n", "no row"),
        (b"|||||\n", "no time"),
        (b"99999999999999|NONE|NONE|NONE|QUEUESTART|\n", "no time"),
        ("\u0661\u0662|NONE|NONE|NONE|QUEUESTART|\n".encode(), "no time"),
        (row(f"{CALL}|hr|NONE|DID|400|1"), "unknown verb"),
        (row(f"{CALL}|hr|NONE|"), "unknown verb"),
        (row(f"{CALL}|hr|Agent One|CONNECT|2|x|soon"), "no number"),
        (row(f"{CALL}|hr|Agent One|CONNECT|2|x|99999999"), "no number"),
        (row(f"{CALL}|hr|Agent One|RINGNOANSWER|-5"), "no number"),
        (row(f"{CALL}|hr|NONE|ENTERQUEUE||x|y|z"), "no number"),
        (row(f"{CALL}|hr|NONE|ABANDON|1"), "field count"),
        (row("NONE|q1|NONE|ENTERQUEUE||x|1|i|EV|a|m1|m2"), "no call"),  # AMI's QueueLog wrote this one
        (row(f"{CALL}|NONE|NONE|ABANDON|1|1|1"), "no queue"),
        (row(f"{CALL}|hr|NONE|CONNECT|2|x|2"), "no agent"),
        (row("NONE|NONE|Agent One|QUEUESTART|"), "no agent"),
        (b"\0" + row("NONE|NONE|NONE|QUEUE\0START|"), "NUL"),
        (row(f"{CALL}|hr|NONE|ENTERQUEUE||{'1' * MAX_LINE_BYTES}|1"), "too long"),
    ],
)
def test_what_is_no_row_of_asterisks_gives_nothing_and_is_said(line: bytes, kind: str) -> None:
    found, reader = read(entered(), line, line)
    assert found[1:] == []
    assert reader.counts[kind] == 2
    assert [warning.startswith("queue_log:2: ") for warning in reader.warnings] == [True]


def test_a_row_with_more_fields_than_known_is_read_and_said() -> None:
    found, reader = read(entered(), row(f"{CALL}|hr|Agent One|CONNECT|2|x|2|new"))
    assert len(found) == 3
    assert reader.counts == {"field count": 1}


def test_unknown_verbs_are_said_each_once_with_their_place_and_not_without_end() -> None:
    _, reader = read(*[row(f"{CALL}|hr|NONE|DID|400")] * 3, row(f"{CALL}|hr|NONE|INFO|x"))
    assert [warning.split(": ")[0] for warning in reader.warnings] == ["queue_log:1", "queue_log:4"]
    for number in range(200):
        reader.line(row(f"{CALL}|hr|NONE|V{number}|x"))
    assert reader.counts == {"unknown verb": 204}
    assert len(reader.warnings) == 64


def test_a_place_is_where_the_row_stands() -> None:
    reader = QueueLogReader("queue_log.1", line=40)
    reader.line(row("NONE|NONE|NONE|QUEUESTART|"))
    reader.line(b"x\n")
    reader.go_to("queue_log", 1)
    reader.line(row(f"{CALL}|hr|NONE|DID|400"))
    assert [warning.split(": ")[0] for warning in reader.warnings] == ["queue_log.1:41", "queue_log:1"]


def test_nul_bytes_of_a_power_cut_leave_the_row_behind_them() -> None:
    found, reader = read(b"\0" * 300 + row("NONE|NONE|NONE|QUEUESTART|"))
    assert found == [AsteriskStarted(AT)]
    assert reader.counts == {"NUL": 1}


def test_a_name_of_another_encoding_is_the_one_amis_events_give() -> None:
    line = f"{EPOCH}|NONE|hr|".encode() + "张三".encode("gbk") + b"|UNPAUSE|\n"
    found, reader = read(line)
    assert found == [AgentUnpaused(AT, "hr", "张三".encode("gbk").decode("utf-8", "replace"))]
    assert reader.counts == {"not UTF-8": 1}


@pytest.mark.parametrize(
    ("before", "rest", "queue", "agent"),
    [
        ([], f"{CALL}|hr|Li|Ming|CONNECT|2|x|2", "hr", "Li|Ming"),
        ([], f"{CALL}|hr|a|b|c|CONNECT|2|x|2", "hr", "a|b|c"),
        ([row(f"{CALL}|hr|one|NONE|ENTERQUEUE||138|1")], f"{CALL}|hr|one|Li Ming|CONNECT|2|x|2", "hr|one", "Li Ming"),
        ([row(f"{CALL}|hr|one|NONE|ENTERQUEUE||138|1")], f"{CALL}|hr|one|Li|Ming|CONNECT|2|x|2", "hr|one", "Li|Ming"),
    ],
)
def test_names_with_a_bar_are_put_together_again(before: list[bytes], rest: str, queue: str, agent: str) -> None:
    found, reader = read(*before, row(rest))
    assert found[-1] == AgentAnswered(AT, "", CALL, queue, agent, "x")
    assert reader.counts == {"| in a name": len(before) + 1}
    assert len(reader.warnings) == 1


def test_a_stranger_cant_make_a_verb_of_the_data_of_a_verb_nobody_knows() -> None:
    found, reader = read(row(f"{CALL}|hr|NONE|DID|138|x|CONNECT|2|x|2"), row(f"{CALL}|hr|a|b|CONNECT|2|PAUSE"))
    assert [type(fact) for fact in found] == []
    assert reader.counts["unknown verb"] == 2


def test_a_line_break_in_a_number_forges_no_row() -> None:
    forged = row(f"{CALL}|hr|Li|CONNECT|0|x|0")
    genuine = row(f"{CALL}|hr|NONE|ABANDON|1|1|8")
    found, reader = read(f"{EPOCH}|{CALL}|hr|NONE|ENTERQUEUE||06\n".encode(), forged, forged[:-1] + b"|1\n", genuine)
    assert found == [CallerWaiting(AT, "", CALL, "hr", 1, 8.0), exited("HANGUP")]
    assert reader.counts == {"field count": 1, "after a broken number": 2}


def test_a_row_alone_in_another_year_is_left_out() -> None:
    alone = f"1546300800|{CALL}|hr|NONE|ENTERQUEUE||138|1\n".encode()
    found, reader = read(row("NONE|NONE|NONE|QUEUESTART|"), alone, row("NONE|hr|Li|UNPAUSE|", 1))
    assert found == [AsteriskStarted(AT), AgentUnpaused(AT + seconds(1), "hr", "Li")]
    assert reader.counts == {"another year": 1}
    assert "2019-01-01" in reader.warnings[0]


def test_two_rows_of_another_year_say_that_the_clock_was_set() -> None:
    found, reader = read(
        b"1546300800|NONE|NONE|NONE|QUEUESTART|\n", row("NONE|NONE|NONE|QUEUESTART|"), row("NONE|hr|Li|UNPAUSE|"), row("NONE|hr|Li|PAUSE|")
    )
    assert found[1:] == [AsteriskStarted(AT), AgentUnpaused(AT, "hr", "Li"), AgentPaused(AT, "hr", "Li")]
    assert reader.counts == {"another year": 1}


def test_time_that_goes_backwards_is_said_and_the_rows_are_read() -> None:
    found, reader = read(row("NONE|hr|Li|PAUSE|", 100), row("NONE|hr|Li|UNPAUSE|", 99), row("NONE|hr|Li|PAUSE|", 90))
    assert [fact.at - AT for fact in found] == [seconds(100), seconds(99), seconds(90)]
    assert reader.counts == {"time backwards": 1}


def test_a_table_gives_fields_and_fractions() -> None:
    reader = QueueLogReader("asterisk.queue_log")
    at = AT + timedelta(microseconds=123_456)
    waiting = CallerWaiting(at, "", CALL, "hr", 2, 8.0)
    assert reader.row(Row(at, CALL, "hr", "NONE", "ABANDON", ("1", "2", "8", "", ""))) == (
        waiting,
        QueueExited(at, "", CALL, "hr", "HANGUP"),
    )
    assert reader.counts == {}


_WORDS = st.sampled_from([*VERBS, "NONE", "hr", "", "7", "x", CALL, "|", "\0", "\xff"])
_LINES = st.one_of(
    st.binary(max_size=60),
    st.lists(_WORDS, max_size=12).map(lambda words: "|".join([str(EPOCH), *words]).encode("latin-1")),
).map(lambda line: line + b"\n")


@given(st.lists(_LINES, max_size=12))
def test_any_bytes_are_facts_or_counted(lines: list[bytes]) -> None:
    silent = {"PAUSEALL", "UNPAUSEALL", "CONFIGRELOAD", "PENALTY", "RINGINUSE", "AGENTLOGIN", "AGENTLOGOFF", "OUTCALL"}
    silent |= {"AGENTCALLBACKLOGIN", "AGENTCALLBACKLOGOFF"}
    reader = QueueLogReader("queue_log")
    for line in lines:
        for piece in line.splitlines(keepends=True):
            before = sum(reader.counts.values())
            facts = reader.line(piece)
            assert facts or sum(reader.counts.values()) > before or any(word.encode() in piece for word in silent)


def test_the_same_row_once_more_in_a_second_is_another_visit_unless_it_is_written_twice_over() -> None:
    entry, gone = row(f"{CALL}|hr|NONE|ENTERQUEUE||138|1"), row(f"{CALL}|hr|NONE|EXITEMPTY|1|1|0")
    found, _ = read(entry, gone, entry, gone)
    assert len(set(found)) == 4
    assert {fact.at - AT for fact in found} == {seconds(0), timedelta(microseconds=1)}
    twice_over, reader = read(entry, entry, gone, gone)
    assert (twice_over, reader.counts) == (read(entry, gone)[0], {"twice over": 2})


def test_a_talks_row_that_bears_a_call_waiting_in_the_same_queue_is_the_talks() -> None:
    """The agent's second call waits in the queue that his first call came by, and the caller took its place."""
    talk = [row(f"{CALL}|hr|NONE|ENTERQUEUE||138|1"), row(f"{CALL}|hr|Li|CONNECT|0|7.2|0")]
    second, given = row("9.1|hr|NONE|ENTERQUEUE||101|2", 1), row("9.1|hr|Li|ATTENDEDTRANSFER|APP|Queue|0|3|1", 3)
    ended = [fact for fact in read(*talk, second, given)[0] if isinstance(fact, TalkEnded)]
    assert [fact.call for fact in ended] == [CALL]


def test_a_second_row_on_a_talk_that_is_over_is_no_other_talks() -> None:
    """COMPLETECALLER and ATTENDEDTRANSFER of one call, and the agent talks with another as long."""
    rows = [row("9.1|hr|NONE|ENTERQUEUE||101|2"), row(f"{CALL}|hr|NONE|ENTERQUEUE||138|1")]
    rows += [row("9.1|hr|Li|CONNECT|0|9.2|0"), row(f"{CALL}|hr|Li|CONNECT|0|7.2|0")]
    rows += [row("9.1|hr|Li|COMPLETECALLER|0|2|2", 2), row("9.1|hr|Li|ATTENDEDTRANSFER|BRIDGE|b|0|2|2", 2)]
    assert {fact.call for fact in read(*rows)[0] if isinstance(fact, TalkEnded)} == {"9.1"}
