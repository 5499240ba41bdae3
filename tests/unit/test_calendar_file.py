"""Calendar files with faults: every fault at once, with its line and a sentence, and never a traceback."""

from __future__ import annotations

import contextlib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callflows.calendar import CalendarError
from callflows.calendar_file import load_calendars
from callflows.public_holidays import DayKind, day_of

GOOD = """\
notices:
  2027:
    holidays: [2027-01-01 to 2027-01-03, 2027-02-05]
    make_up_days: [2027-02-14]
office:
  weekdays: [{from: "08:00", to: "20:00"}]
  half_day: [{from: "08:00", to: "12:00"}]
  dates:
    2027-03-08: closed
    2027-03-09: half_day
night:
  weekdays: [{from: "00:00", to: "06:00"}, {from: "22:00", to: "24:00"}]
"""


def load(folder: Path, text: str) -> dict[str, object]:
    file = folder / "calendar.yaml"
    file.write_text(text, encoding="utf-8")
    return dict(load_calendars(file))


def faults(folder: Path, text: str) -> list[tuple[int, str]]:
    with pytest.raises(CalendarError) as raised:
        load(folder, text)
    found = []
    for sentence in str(raised.value).splitlines():
        assert sentence.startswith(f"{folder / 'calendar.yaml'}:"), sentence
        line, _, words = sentence.removeprefix(f"{folder / 'calendar.yaml'}:").partition(": ")
        found.append((int(line), words))
    return found


def test_the_good_file_is_good(tmp_path: Path) -> None:
    (tmp_path / "calendar.yaml").write_text(GOOD, encoding="utf-8")
    calendars = load_calendars(tmp_path / "calendar.yaml")
    assert sorted(calendars) == ["night", "office"]
    for calendar in calendars.values():
        assert day_of(date(2027, 1, 2), calendar.notices).kind is DayKind.HOLIDAY
        assert day_of(date(2027, 2, 14), calendar.notices).kind is DayKind.MAKE_UP_DAY


@pytest.mark.parametrize(
    ("was", "becomes", "line", "sentence"),
    [
        ('{from: "08:00", to: "20:00"}', '{from: "20:00", to: "08:00"}', 6, "must be before"),
        ('{from: "08:00", to: "20:00"}', '{from: 8am, to: "20:00"}', 6, "'8am' is no time of day"),
        ('{from: "08:00", to: "20:00"}', '{from: 8, to: "20:00"}', 6, "'8' is no time of day"),
        ('{from: "08:00", to: "20:00"}', '{from: "08:00+08:00", to: "20:00"}', 6, "without an offset"),
        ('{from: "08:00", to: "20:00"}', '{from: "08:00"}', 6, "office.weekdays.0.to: is missing"),
        ('{from: "08:00", to: "20:00"}', '{form: "08:00", from: "08:00", to: "20:00"}', 6, "did you mean 'from'?"),
        ('{from: "08:00", to: "20:00"}', "open", 6, "office.weekdays.0: should be a table"),
        ('{from: "00:00", to: "06:00"}', '{from: "00:00", to: "23:00"}', 11, "00:00-23:00 and 22:00-24:00 overlap"),
        ('  weekdays: [{from: "08:00"', '  weekday: [{from: "08:00"', 6, "no such key; did you mean 'weekdays'?"),
        ("2027-03-08: closed", "2027-02-30: closed", 9, "is no date"),
        ("2027-03-08: closed", "2027-03-08: close", 9, "'close' is no plan for a date"),
        ("2027-03-08: closed", "2027-03-08:", 9, "should be hours like"),
        ("2027-03-08: closed", "2027-03-09: closed", 10, "'2027-03-09' is given twice"),
        ('  half_day: [{from: "08:00", to: "12:00"}]', "", 5, "doesn't say what that is"),
        ("holidays: [2027-01-01 to 2027-01-03, 2027-02-05]", "holidays: [2027-01-01 to 2027-12-03]", 3, "within a month"),
        ("holidays: [2027-01-01 to 2027-01-03, 2027-02-05]", "holidays: [soon]", 3, "'soon' is no date"),
        ("holidays: [2027-01-01 to 2027-01-03, 2027-02-05]", "holidays: 2027-01-01", 3, "should be a list of dates"),
        ("make_up_days: [2027-02-14]", "make_up_days: [2027-02-15]", 2, "2027-02-15 is a Monday"),
        ("make_up_days: [2027-02-14]", "make_up_days: [2027-01-02]", 2, "both a holiday and a make-up day"),
        ("make_up_days: [2027-02-14]", "make_up_days: [2028-02-13]", 2, "2028-02-13 isn't in 2027"),
        ("  2027:\n", "  next:\n", 2, "this is no year"),
        ("office:\n", "office: [\n", 7, "this is not YAML"),
    ],
)
def test_a_fault_has_its_line_and_a_sentence(tmp_path: Path, was: str, becomes: str, line: int, sentence: str) -> None:
    assert was in GOOD
    [(found, words)] = faults(tmp_path, GOOD.replace(was, becomes, 1))
    assert sentence in words
    assert found == line


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = 'a: {weekday: []}\nb:\n  weekdays: [{from: x, to: "08:00"}]\n  dates:\n    never: []\nnotices: 1\n'
    assert [line for line, _ in faults(tmp_path, text)] == [1, 3, 5, 6]


@pytest.mark.parametrize("text", ["", "- 1", "hotline", "hotline:", "notices: {2027: {holidays: [2027-01-01]}}", "a: &a {weekdays: *a}"])
def test_what_is_no_calendar_file_is_a_sentence(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, text)


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CalendarError, match="can't be read"):
        load_calendars(tmp_path / "none.yaml")
    (tmp_path / "gbk.yaml").write_bytes("热线: {}".encode("gbk"))
    with pytest.raises(CalendarError, match="can't be read"):
        load_calendars(tmp_path / "gbk.yaml")
    (tmp_path / "huge.yaml").write_text("# " + "x" * 1024 * 1024, encoding="utf-8")
    with pytest.raises(CalendarError, match="larger than"):
        load_calendars(tmp_path / "huge.yaml")


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_damaged_file_is_never_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD)))
    length = data.draw(st.integers(0, 20))
    text = GOOD[:at] + data.draw(st.text(max_size=8)) + GOOD[at + length :]
    with contextlib.suppress(CalendarError):
        assert load(tmp_path_factory.getbasetemp(), text)
