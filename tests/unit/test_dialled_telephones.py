"""Telephones that a flow connects callers to: from the settings to Asterisk's files, and what their end means to a record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.asterisk_plan import PLAN

from ami_bridge.asterisk_files import configuration_files
from ami_bridge.conf_text import ConfigurationError
from ami_bridge.facts import DialExited
from ami_bridge.fallback_agi import parse
from ami_bridge.outbound_numbers import takes
from ami_bridge.plan import Destination, OutboundPlan
from ivr.asterisk_plan import asterisk_plan
from ivr.domain.contacts import Contact
from ivr.domain.folding import fold
from ivr.settings import SettingsError, load

OUTBOUND = OutboundPlan("127.0.0.1:5090", "4001234567", 45, ("_1[3-9]XXXXXXXXX", "_010[2-8]XXXXXXX"))
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def texts(**changes: Any) -> dict[str, str]:
    return {file.path.name: file.text for file in configuration_files(replace(PLAN, **changes))}


@pytest.mark.parametrize(
    ("destination", "address"),
    [
        (Destination("desk", contact="sip:desk@192.0.2.7"), "PJSIP/ivrd-to-desk"),
        (Destination("desk", extension="101"), "PJSIP/101"),
        (Destination("desk", digits="13800138000"), "PJSIP/13800138000@ivrd-outbound"),
    ],
)
def test_what_is_dialled_stands_in_the_dialplan_by_name(destination: Destination, address: str) -> None:
    text = texts(destinations=(destination,), outbound=OUTBOUND)["extensions.conf"]
    assert f'Set(IVR_ADDRESS=${{IF($["${{IVR_PHONE}}" = "desk"]?{address}:${{IVR_ADDRESS}})}})' in text
    assert text.count("Dial(${IVR_ADDRESS},${IVR_RING},gr)") == 1


def test_a_telephone_with_a_contact_is_an_endpoint_that_reaches_nothing() -> None:
    text = texts(destinations=(Destination("desk", contact="sip:desk@192.0.2.7"),))["pjsip.conf"]
    endpoint, aor = text.split("[ivrd-to-desk]\n")[1:]
    assert "context = ivrd-nowhere" in endpoint
    assert "contact = sip:desk@192.0.2.7" in aor
    assert "ivrd-to" not in texts(destinations=(Destination("desk", extension="101"),))["pjsip.conf"]


@pytest.mark.parametrize(
    ("destination", "outbound"),
    [
        (Destination("desk", digits="110"), OUTBOUND),
        (Destination("desk", digits="008613800138000"), OUTBOUND),
        (Destination("desk", digits="138001380001"), OUTBOUND),
        (Destination("desk", digits="13800138000"), None),
        (Destination("desk", digits="13800138000&PJSIP/102"), OUTBOUND),
        (Destination("desk", extension="999"), OUTBOUND),
        (Destination("desk", contact="sip:x@h)\nexten => x"), OUTBOUND),
        (Destination('desk" = "desk"]?', extension="101"), OUTBOUND),
        (Destination("desk"), OUTBOUND),
    ],
)
def test_what_the_outbound_rules_dont_take_is_refused(destination: Destination, outbound: OutboundPlan | None) -> None:
    with pytest.raises(ConfigurationError):
        texts(destinations=(destination,), outbound=outbound)


@pytest.mark.parametrize(
    ("pattern", "digits", "taken"),
    [("_1[3-9]XX", "1399", True), ("_1[3-9]XX", "1299", False), ("_ZN", "12", True), ("_ZN", "02", False), ("_X", "12", False)],
)
def test_patterns_are_read_as_the_dialplan_reads_them(pattern: str, digits: str, taken: bool) -> None:
    assert takes(pattern, digits) is taken


SETTINGS = """
[queues.hr]
members = ["101"]
[agents.101]
name = "Li Na"
contact = "sip:101@127.0.0.1:5091"
[phones.desk]
name = "Desk"
"""


def plan_of(folder: Path, lines: str) -> tuple[Destination, ...]:
    file = folder / "ivrd.toml"
    file.write_text(SETTINGS + lines, encoding="utf-8")
    return asterisk_plan(load(file, {"STATE": str(folder / "state"), "PORT_OFFSET": "100"})).destinations


@pytest.mark.parametrize(
    ("lines", "destination"),
    [
        ('contact = "sip:desk@127.0.0.1:5060"', Destination("desk", contact="sip:desk@127.0.0.1:5160")),
        ('extension = "101"', Destination("desk", extension="101")),
        ('number = "13800138000"', Destination("desk", digits="13800138000")),
        ('number = "+862112345678"', Destination("desk", digits="02112345678")),
    ],
)
def test_the_settings_name_a_telephone_in_one_of_three_ways(tmp_path: Path, lines: str, destination: Destination) -> None:
    assert plan_of(tmp_path, lines) == (destination,)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("", "phones.desk: give one of extension"),
        ('extension = "101"\nnumber = "13800138000"', "phones.desk: give one of extension"),
        ('extension = "102"', "phones.desk.extension names '102', which is no agent; there is 101"),
        ('number = "110"', "phones.desk.number: that is a short or incomplete number"),
        ('number = "+442079460000"', "phones.desk.number: the number belongs to GB"),
        ('number = "4001234567"', "phones.desk.number: "),
        ('contact = "tel:110"', "phones.desk.contact"),
    ],
)
def test_a_telephone_that_cant_be_called_is_told_by_its_setting(tmp_path: Path, lines: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=r"phones\.desk") as refused:
        plan_of(tmp_path, lines)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(("status", "talked_to"), [("ANSWER", "desk"), ("BUSY", None), ("CANCEL", None), ("", None)])
def test_only_who_talked_was_answered(status: str, talked_to: str | None) -> None:
    contact = Contact("1", NOW)
    fold(contact, DialExited(NOW, "1", "1", "desk", status))
    assert contact.talked_to == talked_to


@pytest.mark.parametrize(("status", "after_talk"), [("ANSWER", True), ("BUSY", False), ("", False)])
def test_the_fallback_asks_anew_who_reached_nobody(status: str, after_talk: bool) -> None:
    task = parse(["--spool", "/x", "--queue", "hr", "--wait", "90", "dial", "desk", status])
    assert (task.after_talk, task.after_queue, task.left_queue) == (after_talk, False, "")
