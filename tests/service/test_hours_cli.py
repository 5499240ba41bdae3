"""``ivrd hours``: shown, set, taken back, compared and refused with a sentence; and what ``ivrd check`` says of an unpublished year."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from support.house import new_database
from typer.testing import CliRunner

from callflows.calendar import Doubt
from ivr import cli_hours
from ivr.checking import warnings_of
from ivr.cli import app
from ivr.settings import load
from ivr.store import users
from ivr.store.database import Database
from ivr.store.users import Role

CALENDAR = """\
hotline:
  weekdays: [{from: "08:00", to: "20:00"}]
  dates:
    2027-03-05: [{from: "08:00", to: "12:00"}]
"""
LONGER = CALENDAR.replace("2027-03-05: [", "2027-03-08: closed\n    2027-03-05: [").replace('"12:00"', '"13:00"')


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    (tmp_path / "calendar.yaml").write_text(CALENDAR, encoding="utf-8")
    (tmp_path / "new.yaml").write_text(LONGER, encoding="utf-8")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setenv("IVRD_CALENDAR", str(tmp_path / "calendar.yaml"))
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "250")
    new_database(tmp_path).close()
    return CliRunner()


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_holiday_is_shown_with_its_name_and_the_next_opening(runner: CliRunner) -> None:
    shown = told(runner.invoke(app, ["hours", "show", "--at", "2026-10-01T10:00", "--line", "hr", "--json"]))
    [line] = shown["lines"]
    assert (line["line"], line["state"], line["why"], line["holiday"]) == ("hr", "holiday", "public_holiday", "national_day")
    assert line["opens_at"] == "2026-10-08T08:00:00+08:00"
    assert line["today"] == []
    assert shown["at"] == "2026-10-01T10:00:00+08:00"
    text = runner.invoke(app, ["hours", "show", "--at", "2026-10-01T10:00"]).stdout
    assert text.count("public holiday (National Day)") == 4


def test_a_year_without_a_notice_is_marked_and_warned_about(runner: CliRunner) -> None:
    result = runner.invoke(app, ["hours", "show", "--at", "2027-02-05T10:00", "--json"])
    shown = told(result)
    assert [line["provisional"] for line in shown["lines"]] == [True] * 4
    assert [line["state"] for line in shown["lines"]] == ["holiday"] * 4
    assert shown["warnings"] == [str(Doubt(2027))]
    assert (
        "warning: the State Council's notice on the holidays of 2027"
        in runner.invoke(app, ["hours", "show", "--at", "2027-02-05T10:00"]).stderr
    )


def test_the_check_warns_of_it_and_finds_no_fault(runner: CliRunner) -> None:
    nobody, *warnings = warnings_of(load(), datetime(2044, 3, 1, tzinfo=UTC))
    assert "nobody is in hr, course, product, complaint" in nobody
    assert [warning.partition(": ")[2] for warning in warnings] == [str(Doubt(2044))]
    checked = json.loads(runner.invoke(app, ["check", "--json"]).stdout)
    assert checked["warnings"] == warnings_of(load(), datetime.now(UTC))
    assert not any("notice" in problem for problem in checked["problems"])


def test_hours_are_set_shown_and_withdrawn(runner: CliRunner) -> None:
    made = told(runner.invoke(app, ["hours", "set", "--line", "hr", "--closed", "--until", "+90m", "--reason", "fire drill", "--json"]))
    assert (made["line"], made["state"], made["set_from"], made["reason"]) == ("hr", "closed", "command", "fire drill")
    assert made["set_by"].startswith("cli:")
    lasts = datetime.fromisoformat(made["until"]) - datetime.fromisoformat(made["from"])
    assert lasts.total_seconds() == pytest.approx(5400, abs=1)
    shown = told(runner.invoke(app, ["hours", "show", "--json"]))
    assert [line["note"] for line in shown["lines"]] == [f"fire drill ({made['set_by']})", None, None, None]
    assert [override["id"] for override in shown["overrides"]] == [made["id"]]
    every = runner.invoke(app, ["hours", "set", "--every-line", "--emergency", "--until", "+1d", "--from", "+2h", "--reason", "flood"])
    assert "2 is set: every line emergency" in every.stdout
    assert "flood" in runner.invoke(app, ["hours", "show"]).stdout
    assert told(runner.invoke(app, ["hours", "withdraw", "1", "--json"]))["withdrawn_by"] == made["set_by"]
    listed = told(runner.invoke(app, ["hours", "list", "--json"]))
    assert [(one["id"], one["withdrawn_at"] is None) for one in listed] == [(2, True), (1, False)]
    assert "withdrawn" in runner.invoke(app, ["hours", "list"]).stdout


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["set", "--line", "nobody", "--open", "--until", "+1h", "--reason", "x"], 1, "there is no line 'nobody'"),
        (["set", "--line", "hr", "--open", "--until", "2020-01-01T00:00", "--reason", "x"], 1, "over already"),
        (["set", "--line", "hr", "--open", "--until", "+500d", "--reason", "x"], 1, "at most 366 days"),
        (["set", "--line", "hr", "--open", "--until", "+1h", "--reason", " "], 1, "say why"),
        (["set", "--line", "hr", "--open", "--until", "tomorrow", "--reason", "x"], 2, "is no time"),
        (["set", "--line", "hr", "--open", "--until", "25:00", "--reason", "x"], 2, "is no time"),
        (["set", "--line", "hr", "--open", "--closed", "--until", "+1h", "--reason", "x"], 2, "one of"),
        (["set", "--line", "hr", "--until", "+1h", "--reason", "x"], 2, "one of"),
        (["set", "--open", "--until", "+1h", "--reason", "x"], 2, "either"),
        (["set", "--line", "hr", "--every-line", "--open", "--until", "+1h", "--reason", "x"], 2, "either"),
        (["set", "--line", "hr", "--open", "--until", "+1h"], 2, "reason"),
        (["withdraw", "9"], 1, "there is no override 9"),
        (["show", "--line", "nobody"], 1, "there is no line 'nobody'"),
        (["show", "--at", "soon"], 2, "is no time"),
        (["changes", "--days", "0"], 2, "days"),
        (["changes", "--compare", "/nonexistent.yaml"], 1, "can't be read"),
        (["pin", "nobody"], 1, "there is no account nobody"),
        (["pin", "nobody", "--remove"], 1, "there is no account nobody"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(runner: CliRunner, words: list[str], code: int, why: str) -> None:
    result = runner.invoke(app, ["hours", *words])
    assert (result.exit_code, result.stdout) == (code, "")
    assert why in result.stderr


@pytest.mark.parametrize(
    ("words", "after", "expected"),
    [
        ("18:00", "2026-11-23T10:00+08:00", "2026-11-23T18:00+08:00"),
        ("9:30", "2026-11-23T10:00+08:00", "2026-11-24T09:30+08:00"),
        ("10:00", "2026-11-23T10:00+08:00", "2026-11-24T10:00+08:00"),
        ("2026-12-01T08:00", "2026-11-23T10:00+08:00", "2026-12-01T08:00+08:00"),
        ("2026-12-01T08:00Z", "2026-11-23T10:00+08:00", "2026-12-01T16:00+08:00"),
        ("+3h", "2026-11-23T10:00+08:00", "2026-11-23T13:00+08:00"),
        ("2d", "2026-11-23T10:00+08:00", "2026-11-25T10:00+08:00"),
    ],
)
def test_times_as_people_write_them(runner: CliRunner, words: str, after: str, expected: str) -> None:
    settings = cli_hours.settings_from(None)
    found = cli_hours._moment(settings, words, datetime.fromisoformat(after).astimezone(UTC))
    assert found == datetime.fromisoformat(expected)


def test_every_change_is_listed_with_its_reason(runner: CliRunner) -> None:
    words = ["hours", "changes", "--line", "hr", "--from", "2026-09-30T12:00", "--days", "9"]
    found = told(runner.invoke(app, [*words, "--json"]))["changes"]
    assert [(change["at"][5:16], change["after"]["state"]) for change in found] == [
        ("09-30T20:00", "closed"),
        ("10-01T00:00", "holiday"),
        ("10-08T00:00", "closed"),
        ("10-08T08:00", "open"),
        ("10-08T20:00", "closed"),
        ("10-09T08:00", "open"),
    ]
    text = runner.invoke(app, words).stdout
    assert "end of public holiday (National Day)" in text


def test_a_new_calendar_file_is_compared(runner: CliRunner, tmp_path: Path) -> None:
    words = ["hours", "changes", "--line", "hr", "--from", "2027-03-01T00:00", "--days", "14", "--compare", str(tmp_path / "new.yaml")]
    found = told(runner.invoke(app, [*words, "--json"]))["differences"]
    assert [(one["from"][5:16], one["until"][11:16], one["now"]["state"], one["then"]["state"]) for one in found] == [
        ("03-05T12:00", "13:00", "closed", "open"),
        ("03-08T00:00", "08:00", "closed", "holiday"),
        ("03-08T08:00", "20:00", "open", "holiday"),
        ("03-08T20:00", "00:00", "closed", "holiday"),
    ]
    assert "date in the file" in runner.invoke(app, words).stdout
    same = [*words[:-1], str(tmp_path / "calendar.yaml")]
    assert "it would change nothing" in runner.invoke(app, same).stdout


def test_a_bad_new_calendar_file_has_file_and_line(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text(CALENDAR + "  sundays: []\n  dates: {}\n", encoding="utf-8")
    result = runner.invoke(app, ["hours", "changes", "--compare", str(tmp_path / "new.yaml")])
    assert result.exit_code == 1
    assert f"{tmp_path / 'new.yaml'}:6: 'dates' is given twice" in result.stderr


def test_a_notice_is_read_for_the_calendar_file(runner: CliRunner, tmp_path: Path) -> None:
    text = "关于{year}年部分节假日安排的通知\n一、国庆节：10月1日至7日放假调休，共7天。{worked}上班。\n"
    file = tmp_path / "notice.txt"
    file.write_text(text.format(year=2027, worked="10月9日（周六）"), encoding="utf-8")
    result = runner.invoke(app, ["hours", "notice", str(file)])
    assert result.stdout == "notices:\n  2027:\n    holidays: [2027-10-01 to 2027-10-07]\n    make_up_days: [2027-10-09]\n"
    with (tmp_path / "calendar.yaml").open("a", encoding="utf-8") as calendar:
        calendar.write(result.stdout)
    shown = told(runner.invoke(app, ["hours", "show", "--at", "2027-10-09T10:00", "--json"]))
    assert [(line["state"], line["why"], line["provisional"]) for line in shown["lines"]] == [("open", "make_up_day", False)] * 4
    assert shown["warnings"] == []
    other = runner.invoke(app, ["hours", "notice", "-", "--json"], input=text.format(year=2026, worked="10月11日（周日）"))
    assert told(other)["holidays"][0]["worked"] == ["2026-10-11"]
    assert "chinesecalendar has it otherwise on" in other.stderr
    assert "2026-10-10, 2026-10-11" in other.stderr
    for words, why in (("通知", "for which year"), (text.format(year=2027, worked="10月9日（周日）"), "calls it 周日")):
        file.write_text(words, encoding="utf-8")
        refused = runner.invoke(app, ["hours", "notice", str(file)])
        assert (refused.exit_code, refused.stdout, why in refused.stderr) == (1, "", True)
    assert "can't be read" in runner.invoke(app, ["hours", "notice", str(tmp_path / "none.txt")]).stderr


def test_somebody_gets_a_pin_and_loses_it(runner: CliRunner, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'ivrd.db'}")
    for name, role in (("li.na", Role.SUPERVISOR), ("ann", Role.AGENT)):
        database.write_now(lambda session, name=name, role=role: users.add(session, name, role, "x", now=datetime.now(UTC)))
    database.close()
    made = told(runner.invoke(app, ["hours", "pin", "li.na", "--json"]))
    assert len(made["pin"]) == 8
    again = runner.invoke(app, ["hours", "pin", "li.na"])
    assert "li.na: PIN " in again.stdout
    assert made["pin"] not in again.stdout
    assert "may not set the hours" in runner.invoke(app, ["hours", "pin", "ann"]).stderr
    assert "has no PIN any more" in runner.invoke(app, ["hours", "pin", "li.na", "--remove"]).stdout
    assert "li.na has no PIN" in runner.invoke(app, ["hours", "pin", "li.na", "--remove"]).stderr


def test_without_a_database_the_calendar_is_shown_all_the_same(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "ivrd.db").unlink()
    assert len(told(runner.invoke(app, ["hours", "show", "--json"]))["lines"]) == 4
    result = runner.invoke(app, ["hours", "set", "--line", "hr", "--open", "--until", "+1h", "--reason", "x"])
    assert (result.exit_code, "there is no database yet" in result.stderr) == (1, True)
