"""What a caller says he is comes from outside and is believed nowhere: it does no harm, and what is legal arrives whole (R60)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from acceptance.house import House
from acceptance.stage import Case, Stage
from ivr.domain.contacts import Contact
from ivr.store import contacts as contact_store
from ivr.store.database import Database
from ivr.store.sealing import Sealer

HOTLINE = "4001234567"
# What the shell would make if anybody ran what callers say they are called.
TRAP = Path("/tmp/ivrd-acceptance-trap")
HR = ["greeting", "caller", "menu", "hr", "hr_hours", "hr_wait", "hr_connect", "hr_queue", "survey", "goodbye"]
# Who calls from a number that somebody has called from before is known, even if all he claims to be is wrong.
KNOWN = {"speaks", "open_case", "last_choice", "hr_again"}


@dataclass(frozen=True, slots=True)
class Known:
    """What may be known of the caller afterwards: his number, his name, and the two as shown to people."""

    number: str = ""
    name: str | None = ""  # None: some cleaned form of what was sent
    shown_number: str | None = None
    shown_name: str | None = None


def stranger(name: str, from_header: str, expect: Known) -> Case:
    return Case(name, "strangers", "1", script={"from_header": from_header, "number": HOTLINE}, expect=expect)


def user(text: str) -> str:
    """A From header with this user part, as it stands."""
    return f"<sip:{text}@127.0.0.1>"


NUMBER, SHOWN = "+8613812345678", "+86138****5678"
FORGED_EVENT = "%0D%0A%0D%0AEvent%3A%20Newchannel%0D%0AUniqueid%3A%209.9%0D%0ALinkedid%3A%209.9%0D%0A%0D%0A"

LEGAL = [
    stranger("national-number", user("13812345678"), Known(NUMBER, shown_number=SHOWN)),
    stranger("plus-and-country", user("+8613812345678"), Known(NUMBER, shown_number=SHOWN)),
    stranger("country-without-plus", user("8613812345678"), Known(NUMBER, shown_number=SHOWN)),
    stranger("visual-separators", user("(138)-1234.5678"), Known(NUMBER, shown_number=SHOWN)),
    stranger("foreign-number", user("+442071838750"), Known("+442071838750", shown_number="+44207****8750")),
    stranger("short-code", user("10086"), Known("10086", shown_number="10086")),
    stranger("withheld", user("anonymous"), Known()),
    stranger("chinese-name", f'"张三丰" {user("13812345678")}', Known(NUMBER, "张三丰", SHOWN, "张**")),
    stranger("latin-name", f'"O\'Neil, Zoë" {user("13812345678")}', Known(NUMBER, "O'Neil, Zoë", SHOWN, "O**")),
    stranger("name-with-quotes", f'"say \\"hi\\" ok" {user("13812345678")}', Known(NUMBER, "say hi ok", SHOWN, "s**")),
    stranger("name-with-backslash", f'"C:\\\\temp" {user("13812345678")}', Known(NUMBER, "C:temp", SHOWN, "C**")),
]
# At a NUL and at a semicolon Asterisk itself ends the number: 138 is what it heard.
HOSTILE = [
    stranger("shell-in-the-name", f'"${{SHELL(touch {TRAP})}}" {user("13812345678")}', Known(NUMBER, None, SHOWN, "$**")),
    stranger("shell-in-the-number", user(f"$%7BSHELL(touch%20{TRAP})%7D"), Known()),
    stranger("expression-in-the-name", f'"$[1/0]) ^{{\\" & System(touch {TRAP}) |" {user("13812345678")}', Known(NUMBER, None, SHOWN)),
    stranger("forged-agi-header", user("138%0Aagi_extension%3A%20666"), Known()),
    stranger("forged-agi-header-crlf", user("138%0D%0Aagi_arg_2%3A%20queue"), Known()),
    stranger("forged-agi-command", user("138%0A%0AEXEC%20Hangup"), Known()),
    stranger("forged-ami-event", user(f"138{FORGED_EVENT}"), Known()),
    stranger("forged-ami-action", user("138%0D%0A%0D%0AAction%3A%20Logoff%0D%0A%0D%0A"), Known()),
    stranger("nul-in-the-number", user("138%00999"), Known("138", shown_number="138")),
    stranger("quote-in-the-number", user("138%22999"), Known()),
    stranger("angle-brackets", user("138%3C999%3E"), Known()),
    stranger("semicolon", user("138%3B999"), Known("138", shown_number="138")),
    stranger("dollar-and-brace", user("138$%7BEXTEN%7D"), Known()),
    stranger("spaces", user("138%20999%20000"), Known()),
    stranger("comma-and-pipe", user("138,999%7C000"), Known()),
    stranger("broken-utf-8", user("138%FF%FE%C0%AF"), Known()),
    stranger("full-width-digits", user("%EF%BC%91%EF%BC%93%EF%BC%98"), Known()),
    stranger("very-long-name", f'"{"N" * 1500}" {user("13812345678")}', Known(NUMBER, None, SHOWN, "N**")),
    stranger("very-long-number", user("1" * 900), Known("1" * 79, shown_number="111****1111")),
]
# These are no SIP any more: Asterisk may refuse them, but a call that is let in is a call like any other.
BROKEN = [
    stranger("quote-never-closed", f'"never closed {user("13812345678")}', Known()),
    stranger("no-brackets", "sip:138;tag", Known()),
    stranger("not-a-uri", "<138>", Known()),
    stranger("tel-uri", "<tel:+8613812345678>", Known()),
    stranger("empty-user", "<sip:127.0.0.1>", Known()),
]


def nobody_stepped_into_the_trap() -> bool:
    return not TRAP.exists()


def whole(house: House, call_id: str) -> Contact | None:
    """The record with the caller's number and name unsealed, which no command shows to everybody."""
    database = Database(house.settings.store_url)
    sealer = Sealer(house.settings.paths.secret("data_key"))
    try:
        return database.read_now(lambda session: contact_store.by_sip_call_id(session, sealer, call_id))
    finally:
        database.close()


@pytest.mark.parametrize("case", [*LEGAL, *HOSTILE], ids=str)
async def test_whatever_a_caller_is_called_he_is_served_and_nothing_happens(case: Case, stage: Stage) -> None:
    call, known = await stage.played(case), case.expect  # fails unless there is exactly one record
    assert [node for node in call.nodes if node not in KNOWN] == HR
    assert call.record["outcome"] == "answered"
    assert call.record["line"] == "hr"
    assert call.record["dialled"] == HOTLINE
    assert call.visit["ended_by"] == "agent"
    assert call.record["caller"] == known.shown_number
    contact = whole(call.house, call.called.result.call_id)
    assert contact is not None
    assert contact.caller == known.number
    if known.name is not None:
        assert contact.caller_name == known.name
        assert call.record["caller_name"] == known.shown_name
    assert nobody_stepped_into_the_trap()


@pytest.mark.parametrize("case", BROKEN, ids=str)
async def test_a_broken_from_header_is_refused_or_leaves_one_record(case: Case, stage: Stage) -> None:
    result = (await stage.called(case)).result
    if result.answered:
        call = await stage.played(case)
        assert [node for node in call.nodes if node not in KNOWN] == HR
    else:
        assert result.failure is not None or result.gave_up
        assert whole(await stage.house(case.house), result.call_id) is None


@pytest.mark.parametrize("case", [*LEGAL, *HOSTILE, *BROKEN][-1:], ids=str)
async def test_nobody_forged_a_call(case: Case, stage: Stage) -> None:
    """As many records as calls that were answered, each of one of them, and a daemon that has not been disturbed."""
    answered = [called.result.call_id for called in await stage.all_called("strangers") if called.result.answered]
    house = await stage.house("strangers")
    records = await house.records()
    assert sorted(record["sip_call_id"] for record in records) == sorted(answered)
    assert len(answered) >= len(LEGAL) + len(HOSTILE)
    assert house.daemon.running
    assert (await house.readiness())["status"] == "ready"
    assert nobody_stepped_into_the_trap()


@pytest.mark.parametrize("case", LEGAL[:1], ids=str)
async def test_no_whole_number_or_name_is_logged(case: Case, stage: Stage) -> None:
    await stage.all_called("strangers")
    log = (await stage.house("strangers")).log()
    assert "13812345678" not in log
    assert "张三丰" not in log
    assert SHOWN in log
