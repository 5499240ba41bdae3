"""What callers and demo agents say to SIPp, and what ``make call`` makes of LINE and KEYS."""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ivr.settings import Settings, load
from ivr.testbed.agents import Manners, agents_scenario
from ivr.testbed.call import DEFAULT_NUMBER, LINES, _after_own_key, _script, main
from ivr.testbed.caller import CallScript, from_header
from ivr.testbed.keys import parse_keys
from ivr.testbed.scenario import scenario
from ivr.testbed.system import DEMO_CONFIG, chosen_environment


@pytest.mark.parametrize(
    ("script", "header"),
    [
        (CallScript(), "<sip:13800138000@127.0.0.1>"),
        (CallScript(caller="+8613800138000", caller_name="张三"), '"张三" <sip:+8613800138000@127.0.0.1>'),
        (CallScript(caller="1 <2>@3", caller_name='a"b\\c'), '"a\\"b\\\\c" <sip:1%20%3C2%3E%403@127.0.0.1>'),
        (CallScript(caller="1\r\nX: y"), "<sip:1%0D%0AX%3A%20y@127.0.0.1>"),
        (CallScript(from_header='"${SHELL(id)}" <sip:%0a@x>'), '"${SHELL(id)}" <sip:%0a@x>'),
    ],
)
def test_who_calls(script: CallScript, header: str) -> None:
    assert from_header(script) == header


def test_the_callers_scenario_is_well_formed_and_offers_keys() -> None:
    text = scenario(rtp_port=40000, give_up_ms=30000, hold_ms=5000, headers=True)
    root = ElementTree.fromstring(text)  # noqa: S314 - our own text
    assert "m=audio 40000 RTP/AVP 8 101" in text
    assert [element.get("timeout") for element in root.iter("recv") if element.get("response") in {"100", "180", "183"}] == ["30000"] * 3
    assert [element.get("timeout") for element in root.iter("recv") if element.get("request") == "BYE"] == ["5000", None]
    labels = {element.get("id") for element in root.iter("label")}
    jumps = {element.get(kind) for element in root for kind in ("next", "ontimeout") if element.get(kind)}
    assert jumps <= labels


def test_the_agents_scenario_is_well_formed_and_lets_every_call_go() -> None:
    root = ElementTree.fromstring(agents_scenario(Manners(ring_s=(1, 3), talk_s=(5, 5)), Path("/tmp/voice")))  # noqa: S314 - our own text
    assert [(element.get("min"), element.get("max"), element.get("milliseconds")) for element in root.iter("pause")] == [
        ("1000", "3000", None),
        (None, None, "5000"),
    ]
    anytime = {element.get("request") for element in root.iter("recv") if element.get("optional") == "global"}
    assert anytime == {"CANCEL", "BYE"}
    labels = {element.get("id") for element in root.iter("label")}
    jumps = {element.get(kind) for element in root for kind in ("next", "ontimeout") if element.get(kind)}
    assert jumps <= labels


def options(**given: str | None) -> argparse.Namespace:
    return argparse.Namespace(**{"line": None, "keys": None, "caller": "13800138000", "number": None, **given})


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({"line": "hr"}, "w2 1"),
        ({"line": "course"}, "w2 2 1"),
        ({"line": "course", "keys": "2"}, "w2 2 2"),
        ({"line": "complaint", "keys": "# h"}, "w2 4 # h"),
        ({"keys": "9 1"}, "9 1"),
    ],
)
def test_keys_come_after_the_lines_own(given: dict[str, str], keys: str) -> None:
    script = _script(options(**given), Settings())
    assert script.keys == keys
    assert script.number == DEFAULT_NUMBER


def test_the_settings_say_which_number_is_dialled() -> None:
    settings = load(DEMO_CONFIG, {"IVRD_HOTLINE__NUMBERS": '["4008001234"]'})
    assert _script(options(line="hr"), settings).number == "4008001234"
    assert _script(options(line="hr", number="95588"), settings).number == "95588"


def test_every_line_of_the_shipped_hotline_can_be_called() -> None:
    assert LINES.keys() == load(DEMO_CONFIG, {}).lines.keys()
    for line in LINES.values():
        assert not parse_keys(f"{line.key} {line.served}").hangs_up


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "give LINE (hr, course, product, complaint), KEYS, or both"),
        ({"LINE": "sales"}, "LINE=sales is no line; there is hr, course, product, complaint"),
    ],
)
def test_wrong_usage_is_told(
    environment: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["call"])
    for name in ("LINE", "KEYS", "FROM", "NUMBER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_nobody_to_call_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["call", "--line", "hr"])
    monkeypatch.setenv("PORT_OFFSET", "49000")
    monkeypatch.setenv("STATE", str(tmp_path))
    assert main() == 1
    assert "nobody listens on SIP port 54060; start `make run` first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ({}, str(DEMO_CONFIG)),
        ({"DEMO": "1"}, str(DEMO_CONFIG)),
        ({"DEMO": "0"}, None),
        ({"IVRD_CONFIG": "/etc/ivrd.toml"}, "/etc/ivrd.toml"),
    ],
)
def test_the_demo_chooses_its_settings_unless_told_otherwise(given: dict[str, str], config: str | None) -> None:
    assert chosen_environment(given).get("IVRD_CONFIG") == config


@pytest.mark.parametrize(
    ("line", "keys", "pressed"),
    [
        ("complaint", "4 12345678# 1", "12345678# 1"),
        ("complaint", "12345678# 1", "12345678# 1"),
        ("complaint", "4444# 1", "4444# 1"),
        ("course", "2", "2"),
        ("course", "2 1", "1"),
        ("course", "1", "1"),
        ("hr", "1", ""),
    ],
)
def test_the_lines_own_key_is_not_pressed_twice(line: str, keys: str, pressed: str) -> None:
    assert _after_own_key(keys, line) == pressed
