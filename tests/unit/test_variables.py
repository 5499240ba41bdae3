"""Variables of a call: types, declarations and masked values."""

from __future__ import annotations

import copy
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from callflows.effects import AskWebhook
from callflows.nodes.base import CallState
from callflows.nodes.variables import Declared, Value, VariableType, fitted, referred

TYPES: tuple[VariableType, ...] = ("digits", "number", "text", "flag")


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("digits", "007", "007"),
        ("digits", "12*", None),
        ("digits", "٣", None),
        ("digits", "1" * 33, None),
        ("number", "-42", "-42"),
        ("number", "1.5", None),
        ("number", "1234567890", None),
        ("text", "王小明", "王小明"),
        ("text", "two\nlines", None),
        ("text", "x" * 501, None),
        ("flag", "true", "yes"),
        ("flag", "No", ""),
        ("flag", "maybe", None),
        (None, "any\nthing", "any\nthing"),
    ],
)
def test_a_type_keeps_what_fits(kind: VariableType | None, value: str, kept: str | None) -> None:
    assert fitted(kind, value) == kept


@given(st.sampled_from(TYPES), st.text(max_size=600))
def test_what_fits_once_fits_again(kind: VariableType, value: str) -> None:
    kept = fitted(kind, value)
    assert not kept or fitted(kind, kept) == kept


def test_a_value_that_does_not_fit_takes_the_old_one_away() -> None:
    call = CallState("zh", {"n": "1"}, {"n": "number"})
    call.keep("n", "many")
    assert call.variables == {}


def test_a_masked_value_is_shown_by_no_repr_and_stays_masked() -> None:
    call = CallState("zh", {}, {"pin": "digits"})
    call.keep("pin", "4711", masked=True)
    call.keep("copy", call.value("{pin}"))
    effect = AskWebhook("w", (("pin", call.variables["copy"]),))
    for shown in (repr(call), repr(effect), repr(asdict(effect)), repr(copy.deepcopy(effect))):
        assert "4711" not in shown
    assert call.storable("copy") is None
    assert call.variables["copy"] == "4711"
    call.keep("pin", "4712")
    assert call.storable("pin") == "4712"


@pytest.mark.parametrize(
    ("written", "value"), [(5, "5"), (True, "yes"), (False, ""), ("hr", "hr"), ({"a": None}, "{a}"), ("{a}", "{a}"), ("", "")]
)
def test_a_value_is_written_as_people_write_it(written: object, value: str) -> None:
    assert TypeAdapter(Value).validate_python(written) == value


@pytest.mark.parametrize("written", [1.5, None, ["a"], {"a": 1}, {"a": None, "b": None}, "{a} b", "{A}", "x" * 501])
def test_anything_else_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Value).validate_python(written)


def test_a_reference_is_one_variable_in_braces() -> None:
    assert referred("{serial}") == "serial"
    assert referred("serial") is None


def test_a_default_is_of_its_type() -> None:
    assert Declared.model_validate({"type": "number", "default": 3}).default == "3"
    for default in ("many", "{other}"):
        with pytest.raises(ValidationError, match="is not of type 'number'"):
            Declared.model_validate({"type": "number", "default": default})
