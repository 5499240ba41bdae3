"""extensions.conf: the whole text for one plan, and what no plan may smuggle into it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.asterisk_plan import PLAN

from ami_bridge.conf_text import ConfigurationError
from ami_bridge.dialplan import extensions_conf

GOLDEN = Path(__file__).parents[1] / "golden" / "asterisk" / "extensions.conf"


def block(context: str, text: str) -> list[str]:
    return text.split(f"[{context}]\n")[1].split("\n\n")[0].splitlines()


def applications(text: str) -> list[str]:
    return re.findall(r"^(?:exten => [^,]+,1| same => n)(?:\([a-z]+\))?,(\w+)\(", text, re.MULTILINE)


def test_the_whole_file() -> None:
    assert extensions_conf(PLAN) == GOLDEN.read_text(encoding="utf-8")


def test_asterisk_20_and_22_get_the_same_lines() -> None:
    # Queue()'s arguments after the timeout differ; none of ours stands there.
    assert extensions_conf(replace(PLAN, major_version=20)) == extensions_conf(PLAN)
    assert re.findall(r"Queue\((.*)\)$", extensions_conf(PLAN), re.MULTILINE) == ["${IVR_QUEUE},c,,,${IVR_QUEUE_WAIT}", "complaint,c,,,90"]


def test_every_goto_has_its_label_and_every_label_its_goto() -> None:
    call = "\n".join(block("ivrd-call", extensions_conf(PLAN)))
    labels = set(re.findall(r"n\((\w+)\)", call))
    targets = set(re.findall(r"\?(\w+)\)$", call, re.MULTILINE)) | set(re.findall(r",Goto\((\w+)\)$", call, re.MULTILINE))
    keys = "\n".join(block("ivrd-queue-keys", extensions_conf(PLAN)))
    assert targets | set(re.findall(r"Goto\(ivrd-call,.*,(\w+)\)", keys)) == labels


def test_only_applications_whose_modules_are_loaded() -> None:
    assert set(applications(extensions_conf(PLAN))) <= {
        *("Set", "GotoIf", "Goto", "Hangup", "Answer", "NoOp"),  # Asterisk's core
        *("AGI", "Queue", "Playback", "UserEvent", "Log", "Dial", "Read", "Return", "QueueLog"),
    }


def test_nothing_a_stranger_sends_is_used_uncleaned() -> None:
    text = extensions_conf(PLAN)
    for source in ("CALLERID(num)", "CALLERID(name)", "CALLERID(dnid)", "EXTEN"):
        for line in text.splitlines():
            for match in re.finditer(re.escape("${" + source + "}"), line):
                before = line[: match.start()]
                cleaned = re.search(r"\$\{FILTER\([^,]*,$", before) or before.endswith("${LEN(")
                assert cleaned or line == " same => n,Set(CALLERID(ani)=${CALLERID(num)})", line


def test_without_a_fallback_script_the_static_branch_follows_at_once() -> None:
    text = extensions_conf(replace(PLAN, fallback_command=None))
    assert text.count("AGI(") == 1
    call = block("ivrd-call", text)
    asked = next(number for number, line in enumerate(call) if "AGI(" in line)
    assert call[asked + 1].endswith('GotoIf($["${IVR_DONE}" = "1"]?served)')
    assert call[asked + 2].endswith("Goto(static)")


def test_hotline_numbers_are_the_only_way_in() -> None:
    text = extensions_conf(replace(PLAN, hotline_numbers=("4001234567", "+862112345678")))
    assert [line.split(",")[0] for line in block("ivrd-inbound", text) if line.startswith("exten")] == [
        "exten => 4001234567",
        "exten => +862112345678",
    ]
    assert "_[0-9+*]!" not in "\n".join(block("ivrd-phones", text))


def test_phones_reach_each_other_and_the_hotline_only() -> None:
    phones = block("ivrd-phones", extensions_conf(PLAN))
    assert {line for line in phones if "Dial(" in line} == {
        "exten => 101,1,Dial(PJSIP/101,30)",
        "exten => 102,1,Dial(PJSIP/102,30)",
    }
    assert "include" not in "\n".join(phones)


def test_an_ipv6_daemon_is_written_in_brackets() -> None:
    assert "AGI(agi://[::1]:4573/call," in extensions_conf(replace(PLAN, agi_host="::1"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"agi_token": "short"}, "agi_token"),
        ({"agi_token": "token,System(reboot)"}, "agi_token"),
        ({"agi_token": "token)\nexten => x,1,System(reboot"}, "agi_token"),
        ({"agi_host": "host/../x,y"}, "agi_host"),
        ({"agi_host": "h;x"}, "agi_host"),
        ({"language": "zh)\n same => n,System(x"}, "language"),
        ({"language": "${SHELL(x)}"}, "language"),
        ({"hotline_numbers": ("400,1,System(x)",)}, "hotline number"),
        ({"hotline_numbers": ("_X.",)}, "hotline number"),
        ({"fallback_queue": "nobody"}, "fallback_queue"),
        ({"fallback_command": Path("relative")}, "fallback_command"),
        ({"fallback_command": Path("/a,b")}, "fallback_command"),
        ({"fallback_command": Path("/a b")}, "fallback_command"),
        ({"fallback_command": Path("/${SHELL(x)}")}, "fallback_command"),
        ({"fallback_command": Path("/a\nb")}, "fallback_command"),
    ],
)
def test_a_value_that_breaks_out_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as refusal:
        extensions_conf(replace(PLAN, **change))
    assert str(refusal.value).endswith(".")
    assert "System" not in str(refusal.value) or "agi_token" not in named, "a secret isn't repeated"


def test_no_line_holds_what_begins_a_comment() -> None:
    # Asterisk cuts a line at a semicolon; its parser then misses the closing parenthesis.
    assert not [line for line in extensions_conf(PLAN).splitlines() if ";" in line.removeprefix(";")]
