"""No request can say more than it was meant to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ami_bridge import requests
from ami_bridge.requests import MAX_LINE_BYTES, ActionIds, Request, UnfitRequest, variable


def lines(request: Request) -> list[str]:
    return request.encode("id").decode().split("\r\n")


def test_the_bytes_of_a_request() -> None:
    assert Request("Ping").encode("abc-1.") == b"Action: Ping\r\nActionID: abc-1.\r\n\r\n"


@pytest.mark.parametrize("bad", ["a\r\nAction: Logoff", "a\nb", "a\rb", "a\0b"])
def test_line_breaks_and_nul_are_refused_everywhere(bad: str) -> None:
    builders: list[Callable[[], Request]] = [
        lambda: Request(bad),
        lambda: Request("Ping", (("Name", bad),)),
        lambda: Request("Ping", ((bad, "value"),)),
        lambda: requests.hangup(bad),
        lambda: requests.login("ivrd" + bad, "s", "1"),
        lambda: requests.originate(
            channel="Local/1@out", context="c", extension="1", channel_id="cb-1", timeout_s=30, variables={"A": bad}
        ),
    ]
    for build in builders:
        with pytest.raises(UnfitRequest):
            build()


def test_the_refusal_names_the_header_and_keeps_the_value_to_itself() -> None:
    with pytest.raises(UnfitRequest, match="Ping: Name holds a line break") as refusal:
        Request("Ping", (("Name", "13800138000\n"),))
    assert "13800138000" not in str(refusal.value)


def test_a_line_longer_than_asterisk_reads_is_refused() -> None:
    fits = "x" * (MAX_LINE_BYTES - len("Name: "))
    Request("Ping", (("Name", fits),))
    with pytest.raises(UnfitRequest, match="1001 bytes"):
        Request("Ping", (("Name", fits + "x"),))
    with pytest.raises(UnfitRequest, match="bytes"):  # a Chinese character is three
        Request("Ping", (("Name", "张" * 400),))


def test_too_many_headers_are_refused() -> None:
    with pytest.raises(UnfitRequest, match="at most 100"):
        Request("Ping", tuple(("Variable", f"A{i}=1") for i in range(101)))


@pytest.mark.parametrize("channel", ["/.*/", " /x/", "/"])
def test_a_pattern_of_channels_is_refused(channel: str) -> None:
    with pytest.raises(UnfitRequest, match="pattern"):
        requests.hangup(channel)
    with pytest.raises(UnfitRequest, match="pattern"):
        Request("Redirect", (("ExtraChannel", channel),))


def test_a_character_without_utf8_bytes_does_no_harm() -> None:
    assert Request("Ping", (("Name", "a\ud800b"),)).encode("1") == b"Action: Ping\r\nActionID: 1\r\nName: a?b\r\n\r\n"


def test_a_variable_sets_one_variable_only() -> None:
    assert variable("NAME", 'Doe, "J" \\ ,INJ=1') == ("Variable", 'NAME=Doe\\, \\"J\\" \\\\ \\,INJ=1')
    assert variable("__INHERITED", "1") == ("Variable", "__INHERITED=1")


@pytest.mark.parametrize("name", ["", "A=B", "A,B", "CALLERID(num)", "___A", "1A", "A B", "A\n"])
def test_what_names_no_variable_is_refused(name: str) -> None:
    with pytest.raises(UnfitRequest):
        variable(name, "1")


def test_originate() -> None:
    request = requests.originate(
        channel="Local/13800138000@out/n",
        context="ivrd-call",
        extension="s",
        channel_id="cb-7-1",
        timeout_s=30.0,
        caller_id='"ivrd" <4001234567>',
        variables={"CALLBACK": "7"},
    )
    assert lines(request) == [
        "Action: Originate",
        "ActionID: id",
        "Channel: Local/13800138000@out/n",
        "Context: ivrd-call",
        "Exten: s",
        "Priority: 1",
        "Timeout: 30000",
        "ChannelId: cb-7-1",
        "Async: true",
        'CallerID: "ivrd" <4001234567>',
        "Variable: CALLBACK=7",
        "",
        "",
    ]
    for channel_id in ("", "x" * 101):
        with pytest.raises(UnfitRequest, match="ChannelId"):
            requests.originate(channel="Local/1@c", context="c", extension="1", channel_id=channel_id, timeout_s=1)


def test_the_login_shows_no_secret() -> None:
    request = requests.login("ivrd", "s3cret", "840415273")
    assert b"s3cret" not in request.encode("1")
    # printf 840415273s3cret | md5sum
    assert ("Key", "d7994fd8cd10e2224514d095d0fd3f7b") in request.headers
    assert [name for name, _ in request.headers] == ["AuthType", "Username", "Key", "Events"]


def test_action_ids_are_short_new_and_not_to_be_guessed() -> None:
    one, other = ActionIds(), ActionIds()
    ids = [one() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert max(map(len, ids)) < 40
    assert ids[0].split("-")[0] != other().split("-")[0]
    assert not any(b.startswith(a) for a in ids for b in ids if a != b)
