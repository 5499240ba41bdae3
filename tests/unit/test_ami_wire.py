"""The framing gives the same messages however the network cuts the bytes."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from ami_bridge.ami_wire import AmiFraming, MessageTooLong, parse

CAPTURES = sorted((Path(__file__).parents[1] / "golden" / "captures").glob("*.ami"))
NAMES = [path.stem for path in CAPTURES]
BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def messages(*chunks: bytes) -> list[bytes]:
    framing = AmiFraming()
    return [message for chunk in chunks for message in framing.feed(chunk)]


def plainly_split(data: bytes) -> list[bytes]:
    """What the captures hold, by the simplest rule there is: none of them has a bare newline."""
    return [message for message in data.split(b"\r\n\r\n") if message]


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_a_capture_cut_in_two_at_every_byte(path: Path) -> None:
    data = path.read_bytes()
    expected = plainly_split(data)
    assert messages(data) == expected
    # A cut matters to the message it falls into and to the next: cutting each message with the next behind it
    # covers every position of the file, without framing the whole file once for every byte of it.
    starts = [0]
    while (end := data.find(b"\r\n\r\n", starts[-1])) >= 0:
        starts.append(end + 4)
    for first, second, end in zip(starts, starts[1:], [*starts[2:], starts[-1]], strict=False):
        window = data[first:end]
        inside = plainly_split(window)
        for cut in range(second - first + 1):
            assert messages(window[:cut], window[cut:]) == inside, f"cut at byte {first + cut}"


@pytest.mark.parametrize("name", ["members", "snapshot_midcall"])
def test_a_whole_capture_cut_at_every_byte(name: str) -> None:
    data = BANNER + CAPTURES[NAMES.index(name)].read_bytes()
    expected = plainly_split(data.removeprefix(BANNER))
    for cut in range(len(data) + 1):
        assert messages(data[:cut], data[cut:]) == expected


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_a_capture_byte_by_byte_and_in_random_pieces(path: Path) -> None:
    data = path.read_bytes()
    expected = plainly_split(data)
    assert messages(*(data[i : i + 1] for i in range(len(data)))) == expected
    dice = random.Random(path.stem)
    for _ in range(2):
        cuts = sorted(dice.sample(range(1, len(data)), 200))
        assert messages(*(data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True))) == expected


def test_characters_survive_a_cut_inside_them() -> None:
    data = "Event: QueueMemberAdded\r\nMemberName: 张三 Zoë 🎧\r\n\r\n".encode()
    for cut in range(len(data)):
        (raw,) = messages(data[:cut], data[cut:])
        assert parse(raw).get("MemberName") == "张三 Zoë 🎧"


def test_bytes_that_are_no_utf8_are_shown_as_such() -> None:
    assert parse(b"Event: X\r\nName: Zo\xeb!").get("Name") == "Zo\ufffd!"


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n", b"\r\n\n", b"\n\r\n"])
def test_every_way_a_message_has_been_ended(end: bytes) -> None:
    data = b"Event: A" + end + b"Event: B" + end
    for cut in range(len(data) + 1):
        assert messages(data[:cut], data[cut:]) == [b"Event: A", b"Event: B"]


def test_empty_messages_are_skipped() -> None:
    data = b"\r\n\r\nEvent: A\r\n\r\n\r\n\r\n\r\nEvent: B\r\n\r\n\r\n"
    for cut in range(len(data) + 1):
        assert messages(data[:cut], data[cut:]) == [b"Event: A", b"Event: B"]


def test_the_banner_is_no_header_of_the_first_message() -> None:
    data = BANNER + b"Response: Success\r\n\r\n"
    for cut in range(len(data) + 1):
        framing = AmiFraming()
        assert [*framing.feed(data[:cut]), *framing.feed(data[cut:])] == [b"Response: Success"]
        assert framing.banner == "Asterisk Call Manager/11.0.0"


def test_a_stream_may_begin_without_banner() -> None:
    framing = AmiFraming()
    assert framing.feed(b"Action: x\r\n\r\n") == [b"Action: x"]
    assert framing.banner is None


@pytest.mark.parametrize(
    "data",
    [b"Event: X\r\nA: " + b"a" * 2000, b"Event: X\r\nA: " + b"a" * 2000 + b"\r\n\r\n", BANNER[:22] + b"9" * 2000],
    ids=["unfinished", "finished", "banner"],
)
def test_a_message_over_the_cap_is_refused(data: bytes) -> None:
    with pytest.raises(MessageTooLong, match="longer than 1000 bytes"):
        AmiFraming(max_message_bytes=1000).feed(data)
    framing = AmiFraming(max_message_bytes=1000)
    for i in range(1000):
        assert framing.feed(data[i : i + 1]) == []
    with pytest.raises(MessageTooLong):
        framing.feed(data[1000:])


def test_a_large_message_in_small_pieces_takes_linear_time() -> None:
    def seconds(size: int) -> float:
        piece = b"Output: " + b"x" * 90 + b"\r\n"
        framing = AmiFraming(max_message_bytes=100 * size)
        began = time.thread_time()
        for _ in range(size // len(piece)):
            framing.feed(piece)
        assert len(framing.feed(b"\r\n")) == 1
        return time.thread_time() - began

    # Eight times the bytes: 8 when linear, 64 when quadratic. CPU time, and the best of three: a busy machine has no say.
    small, large = (min(seconds(size) for _ in range(3)) for size in (250_000, 2_000_000))
    assert large / small < 30


def test_parsing_keeps_order_repeats_and_what_is_no_header() -> None:
    message = parse(b"Event: X\r\nA: 1\r\nno header\r\nA: 2\r\nEmpty: \r\nTime: 10:20: 30")
    assert message.event == "X"
    assert message.response == ""
    assert message.keys == ("Event", "A", "A", "Empty", "Time")
    assert message.get("A") == "1"
    assert message.all("A") == ("1", "2")
    assert message.get("Empty", "absent") == ""
    assert message.get("Missing", "absent") == "absent"
    assert message.get("Time") == "10:20: 30"
    assert message.stray == ("no header",)
    assert not message.bare_newlines


def test_repeated_names_are_told_apart_from_lists_of_variables() -> None:
    message = parse(b"Event: X\r\nChanVariable: a=1\r\nChanVariable: b=2\r\nUniqueid: 1\r\nUniqueid: 2")
    assert message.repeated == ("Uniqueid",)
    assert parse(b"Event: X\r\nUniqueid: 1").repeated == ()


def test_a_line_break_of_another_kind_stays_inside_its_value() -> None:
    message = parse("Event: X\r\nName: a\u2028Uniqueid: victim\x0bb".encode())
    assert message.keys == ("Event", "Name")


def test_bare_newlines_are_read_and_reported() -> None:
    message = parse(b"Event: X\nCallerIDNum: 1\nUniqueid: victim\r\nUniqueid: 2")
    assert message.bare_newlines
    assert message.all("Uniqueid") == ("victim", "2")
