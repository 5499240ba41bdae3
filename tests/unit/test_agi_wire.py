"""The AGI wire against what a real Asterisk 22.10.1 sent, cut at every byte, and against what nobody should send."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_bridge.agi_wire import (
    COMMAND_BYTES,
    AgiProtocolError,
    EnvironmentReader,
    HostileEnvironmentError,
    HungUp,
    Reply,
    ReplyReader,
    command,
    parse_reply,
)

CAPTURE = Path(__file__).parents[1] / "golden" / "captures" / "fastagi_wire.txt"


def received() -> list[list[bytes]]:
    """The lines Asterisk sent, a list for each connection of the capture."""
    connections: list[list[bytes]] = []
    for line in CAPTURE.read_text().splitlines():
        if line.startswith("---"):
            connections.append([])
        elif (match := re.match(r"\s*[0-9.]+ < (b'.*'|b\".*\")\Z", line)) and b"<" not in (data := ast.literal_eval(match[1]))[:1]:
            connections[-1].append(data)
    return [lines for lines in connections if lines]


def read(chunks: list[bytes]) -> tuple[dict[str, str], list[Reply | HungUp]]:
    environment, replies = EnvironmentReader(), ReplyReader()
    found: list[Reply | HungUp] = []
    for chunk in chunks:
        rest = environment.feed(chunk) if environment.environment is None else chunk
        found += replies.feed(rest)
    assert environment.environment is not None
    return dict(environment.environment.variables), found


def sessions() -> list[list[bytes]]:
    """The connections with an environment and honest replies, up to the value that holds a newline (tested apart)."""
    whole = [lines for lines in received() if b"\n" in lines and b"Uniqueid: victim\r\n" not in lines]
    return [lines[: lines.index(NEWLINE_VALUE)] if NEWLINE_VALUE in lines else lines for lines in whole]


NEWLINE_VALUE = b"200 result=1 (a\n"


def test_the_capture_is_there() -> None:
    assert [len(lines) for lines in sessions()] == [29, 44]


@pytest.mark.parametrize("connection", range(2))
def test_cut_at_every_byte_the_capture_reads_the_same(connection: int) -> None:
    whole = b"".join(sessions()[connection])
    expected = read([whole])
    assert expected[0]["agi_network"] == "yes"
    for position in range(1, len(whole)):
        assert read([whole[:position], whole[position:]]) == expected
    assert read([whole[i : i + 1] for i in range(len(whole))]) == expected


def test_the_forged_environment_of_the_capture_is_refused() -> None:
    (forged,) = [b"".join(lines) for lines in received() if b"Uniqueid: victim\r\n" in lines]
    for position in range(1, len(forged)):
        reader = EnvironmentReader()
        with pytest.raises(HostileEnvironmentError, match="agi_name"):
            (reader.feed(forged[:position]), reader.feed(forged[position:]))


def test_a_value_over_two_lines_ends_the_conversation() -> None:
    """Asterisk doesn't escape it, so nobody can tell where it ends: values that may hold a newline travel as base64."""
    with pytest.raises(AgiProtocolError):
        ReplyReader().feed(NEWLINE_VALUE + b"b)\n")


def test_environment_of_the_capture() -> None:
    variables, _ = read([b"".join(sessions()[0])])
    assert variables["agi_version"] == "22.10.1"
    assert variables["agi_callerid"] == "0612345678"


def test_arguments_in_order_and_unknown_is_empty() -> None:
    reader = EnvironmentReader()
    reader.feed(b"agi_network: yes\nagi_dnid: unknown\nagi_arg_1: a b\nagi_arg_2: \nagi_arg_3: c\n\nrest")
    assert reader.environment is not None
    assert reader.environment.arguments == ("a b", "", "c")
    assert reader.environment.get("dnid") == ""


def test_what_follows_the_environment_is_given_back() -> None:
    reader = EnvironmentReader()
    assert reader.feed(b"agi_network: yes\n\nHANGUP\n") == b"HANGUP\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "agi_name"),
        (b"agi_callerid: 138\nUniqueid: forged\n\n", "agi_name"),
        (b"agi_callerid: 138\nagi_channel: PJSIP/a\nagi_callerid: 139\n\n", "twice"),
        (b"\x16\x03\x01\x02\x00\x01\x00\n", "agi_name"),
        (b"".join(b"agi_arg_%d: x\n" % i for i in range(1, 200)), "more than"),
        (b"agi_x: " + b"a" * 70_000, "more than"),
    ],
)
def test_hostile_environments_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(HostileEnvironmentError, match=reason):
        EnvironmentReader().feed(data)


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("200 result=0", Reply(200, "0", text="200 result=0")),
        ("200 result=-1", Reply(200, "-1", text="200 result=-1")),
        ("200 result=1 (a (b) c)", Reply(200, "1", "a (b) c", text="200 result=1 (a (b) c)")),
        ("200 result=0 endpos=4000", Reply(200, "0", "", 4000, "200 result=0 endpos=4000")),
        ("200 result=35 (dtmf) endpos=16000", Reply(200, "35", "dtmf", 16000, "200 result=35 (dtmf) endpos=16000")),
        ("200 result= (timeout)", Reply(200, "", "timeout", text="200 result= (timeout)")),
        ("200 result=12 (timeout)", Reply(200, "12", "timeout", text="200 result=12 (timeout)")),
        ("510 Invalid or unknown command", Reply(510, text="Invalid or unknown command")),
        ("511 Command Not Permitted on a dead channel", Reply(511, text="Command Not Permitted on a dead channel")),
        (
            "520 Invalid command syntax.  Proper usage not available.",
            Reply(520, text="Invalid command syntax.  Proper usage not available."),
        ),
    ],
)
def test_every_form_of_reply(line: str, reply: Reply) -> None:
    assert parse_reply(line) == reply


def test_usage_text_of_520_is_one_reply() -> None:
    data = b"520-Invalid command syntax.  Proper usage follows:\nUsage: X\n  y\n520 End of proper usage.\n200 result=0\n"
    for position in range(1, len(data)):
        reader = ReplyReader()
        found = reader.feed(data[:position]) + reader.feed(data[position:])
        assert [reply.code for reply in found if isinstance(reply, Reply)] == [520, 200]


def test_hangup_answers_nothing() -> None:
    found = ReplyReader().feed(b"HANGUP\n200 result=-1 endpos=8000\nHANGUP\n200 result=0\n")
    assert [type(item).__name__ for item in found] == ["HungUp", "Reply", "HungUp", "Reply"]


@pytest.mark.parametrize("data", [b"hello\n", b"200 ok\n", b"x" * 70_000, b"520-a\n" + b"b\n" * 200])
def test_nonsense_is_no_reply(data: bytes) -> None:
    with pytest.raises(AgiProtocolError):
        ReplyReader().feed(data)


def asterisk_words(line: bytes) -> list[str]:
    """How res_agi.c's parse_args() reads a line: a space ends a word outside quotes, a backslash takes the next character."""
    words, word, quoted, escaped, started = [], "", False, False, False
    for character in line.decode().removesuffix("\n"):
        if escaped:
            word, escaped = word + character, False
        elif character == "\\":
            escaped = started = True
        elif character == '"':
            quoted = not quoted
            started = True
        elif character in " \t" and not quoted:
            if started:
                words.append(word)
            word, started = "", False
        else:
            word, started = word + character, True
    if started:
        words.append(word)
    assert not quoted, "a quote was left open"
    return words


@given(st.lists(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=60), max_size=5))
def test_nothing_breaks_out_of_its_word(arguments: list[str]) -> None:
    line = command("SET VARIABLE", *arguments)
    assert line.count(b"\n") == 1
    assert asterisk_words(line) == ["SET", "VARIABLE", *arguments]


@pytest.mark.parametrize("value", ["a\nEXEC System x", "a\rb", "a\0b"])
def test_line_breaks_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="line break or a NUL"):
        command("SET VARIABLE", "X", value)


def test_a_line_that_asterisk_would_cut_is_refused() -> None:
    assert len(command("NOOP", "x" * (COMMAND_BYTES - 8))) == COMMAND_BYTES
    with pytest.raises(ValueError, match="bytes"):
        command("NOOP", "x" * (COMMAND_BYTES - 7))


def test_that_a_subroutine_has_begun_is_no_answer_to_it() -> None:
    reader = ReplyReader()
    assert reader.feed(b"100 result=0 Trying...\n") == []
    assert [reply.code for reply in reader.feed(b"200 result=0 Gosub complete\n") if isinstance(reply, Reply)] == [200]
