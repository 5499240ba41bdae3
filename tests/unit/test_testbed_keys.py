"""The line that says what a caller does: read right, or refused with its column."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.testbed.keys import Keys, KeysError, Listen, Press, Reach, Talk, parse_keys


def presses(text: str) -> tuple[Press, ...]:
    return tuple(Press(key) for key in text)


@pytest.mark.parametrize(
    ("text", "steps", "hangs_up"),
    [
        ("", (), False),
        ("12#", presses("12#"), False),
        ("4 12# 1", (*presses("4"), Listen(1.0), *presses("12#"), Listen(1.0), *presses("1")), False),
        ("  4   1  ", (*presses("4"), Listen(1.0), *presses("1")), False),
        ("p", (Listen(8.0),), False),
        ("h", (), True),
        ("9*D0h", presses("9*D0"), True),
        ("w2.5 t5", (Listen(2.5), Listen(1.0), Talk(5.0)), False),
        ("1p2", (*presses("1"), Listen(8.0), *presses("2")), False),
        (
            "@offer 2 @message.speak t3",
            (Reach("offer"), Listen(1.0), Press("2"), Listen(1.0), Reach("message.speak"), Listen(1.0), Talk(3.0)),
            False,
        ),
        ("t3#h ", (Talk(3.0), *presses("#")), True),
    ],
)
def test_reads(text: str, steps: tuple[object, ...], hangs_up: bool) -> None:
    assert parse_keys(text) == Keys(steps, hangs_up)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1x", "column 2: 'x' is not understood"),
        ("E", "column 1: 'E' is not understood"),
        ("t", "column 1: 't' is not understood"),
        ("1 w", "column 3: 'w' is not understood"),
        ("h1", "column 2: nothing can follow h"),
        ("1 h 2", "column 4: nothing can follow h"),
        ("t601", "column 1: t601 is too long"),
        ("１", "column 1: '１' is not understood"),
        ("1@", "column 2: '@' is not understood"),
        ("1\t2", r"column 2: '\\t' is not understood"),
    ],
)
def test_refuses(text: str, sentence: str) -> None:
    with pytest.raises(KeysError, match=sentence):
        parse_keys(text)


def test_tells_how_long_it_takes() -> None:
    assert parse_keys("12 p t3").seconds == pytest.approx(0.25 * 2 + 1.0 + 8.0 + 1.0 + 3.0)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        said = f"{parse_keys(text).seconds} s"
    except KeysError as error:
        said = str(error)
    assert re.search(r"^[0-9.]+ s$|column [0-9]+: ", said)


@pytest.mark.parametrize(
    ("step", "path", "reached"),
    [
        (Reach("menu"), (), False),
        (Reach("menu"), ("greeting", "menu"), True),
        (Reach("menu"), ("greeting", "menu", "hr"), False),
        (Reach("menu", visit=1), ("greeting", "menu", "hr"), True),
        (Reach("menu", visit=2), ("greeting", "menu", "hr"), False),
        (Reach("menu", visit=2), ("menu", "menu"), True),
    ],
)
def test_a_place_is_reached(step: Reach, path: tuple[str, ...], reached: bool) -> None:
    """Without a visit only while the call is there, with one once it has been."""
    assert step.reached(path) is reached
