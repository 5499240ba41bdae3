"""Telephone numbers as the world writes them, and that no whole one reaches a log (R60)."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ivr import log
from ivr.domain.numbers import masked, masked_name, normalise, spoken


@pytest.mark.parametrize(
    ("raw", "e164"),
    [
        ("13800138000", "+8613800138000"),
        ("+8613800138000", "+8613800138000"),
        ("008613800138000", "+8613800138000"),
        ("08613800138000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        ("013800138000", "+8613800138000"),
        ("02112345678", "+862112345678"),
        ("4001234567", "+864001234567"),
        ("+12025550123", "+12025550123"),
        ("95588", "95588"),
        ("12345", "12345"),
        ("anonymous", ""),
        ("Unknown", ""),
        ("", ""),
        ("${SHELL(x)}", ""),
    ],
)
def test_numbers_become_e164_or_stay_short_codes(raw: str, e164: str) -> None:
    assert normalise(raw, "CN") == e164


def test_local_numbers_need_the_area_code() -> None:
    assert normalise("12345678", "CN", "021") == "+862112345678"
    assert normalise("12345678", "CN") == "12345678"


@pytest.mark.parametrize(
    ("number", "as_said"),
    [("+8613800138000", "13800138000"), ("+862112345678", "02112345678"), ("+12025550123", "0012025550123"), ("95588", "95588")],
)
def test_numbers_are_read_out_as_people_say_them(number: str, as_said: str) -> None:
    assert spoken(number, "CN") == as_said


@pytest.mark.parametrize(
    ("number", "shown"), [("+8613800138000", "+86138****8000"), ("95588", "95588"), ("12345678", "12****78"), ("", "")]
)
def test_r60_masked(number: str, shown: str) -> None:
    assert masked(number) == shown
    assert masked_name("王明") == "王**"


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_none(raw: str) -> None:
    number = normalise(raw, "CN")
    assert number == "" or number.removeprefix("+").isdigit()
    assert not number or spoken(number, "CN").isdigit()


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    log.configure("json", "info")
    yield stream
    # Other tests of this process read what is logged from the standard output.
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_r60_no_whole_number_reaches_the_log(logged: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(call="1795300991.12")
    structlog.get_logger("x").info("call from 13800138000", caller="+8613800138000", dialled="4001234567", contact="1795300991.12")
    logging.getLogger("library").warning("number %s", "02112345678")
    try:
        raise ValueError("bad number 13900139000")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    text = logged.getvalue()
    for number in ("13800138000", "4001234567", "02112345678", "13900139000"):
        assert number not in text
    first = json.loads(text.splitlines()[0])
    assert (first["call"], first["caller"], first["event"]) == ("1795300991.12", "+86138****8000", "call from 138****8000")
    structlog.contextvars.clear_contextvars()
