"""The plan of shifts: who works when, in nights and where clocks change; each fault of the file with its line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.domain.shifts import ShiftsError, read_shifts
from ivr.shift_plan import ShiftPlan, load_shifts

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
PLAN = """\
agent,days,from,to
# the usual week
Li Na,mon-fri,08:00,12:00
Li Na,mon-fri,13:00,17:30
Li Na,2026-11-25,10:00,14:00
Li Na,2026-11-26,off
Wu,sat sun,20:00,04:00
Wu,fri-mon,22:00,24:00
"Chen, Fang",daily,00:00,24:00
Zhao,2026-11-23..2026-11-24,09:00,10:00
Zhao,2026-11-24,09:30,11:00
"""


def moment(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def planned(agent: str, day: str, days: int = 1, text: str = PLAN, zone: ZoneInfo = SHANGHAI) -> list[str] | None:
    start = moment(day, zone)
    end = moment((datetime.fromisoformat(day) + timedelta(days=days)).isoformat(), zone)
    found = read_shifts(text, "shifts.csv", zone).planned(agent, start, end)
    if found is None:
        return None
    return [f"{begin.astimezone(zone):%d %H:%M}-{end.astimezone(zone):%d %H:%M}" for begin, end in found]


@pytest.mark.parametrize(
    ("agent", "day", "expected"),
    [
        ("Li Na", "2026-11-23", ["23 08:00-23 12:00", "23 13:00-23 17:30"]),
        ("Li Na", "2026-11-25", ["25 10:00-25 14:00"]),
        ("Li Na", "2026-11-26", []),
        ("Li Na", "2026-11-28", []),
        ("Wu", "2026-11-28", ["28 20:00-29 04:00"]),
        ("Wu", "2026-11-23", ["22 20:00-23 04:00", "23 22:00-24 00:00"]),
        ("Chen, Fang", "2026-11-23", ["22 00:00-25 00:00"]),  # round the clock: as far as was looked
        ("Zhao", "2026-11-24", ["24 09:00-24 11:00"]),
        ("nobody", "2026-11-24", None),
    ],
)
def test_who_works_when(agent: str, day: str, expected: list[str] | None) -> None:
    assert planned(agent, day) == expected


def test_a_night_in_which_clocks_change_is_an_hour_longer_or_shorter() -> None:
    text = "agent,days,from,to\nLi Na,daily,22:00,06:00\n"
    for day, hours in (("2026-10-24", 9), ("2026-03-28", 7), ("2026-05-01", 8)):
        start = moment(day, BERLIN) + timedelta(hours=12)
        found = read_shifts(text, "shifts.csv", BERLIN).planned("Li Na", start, start + timedelta(hours=12))
        assert found is not None
        assert [end - begin for begin, end in found] == [timedelta(hours=hours)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "shifts.csv: it is empty; the first line must be agent,days,from,to"),
        ("Li Na,daily,08:00,12:00\n", "shifts.csv:1: the first line must be agent,days,from,to"),
        ("agent,days,from,to\nLi Na,daily,08:00\n", "shifts.csv:2: 3 fields instead of 4: agent,days,from,to"),
        ("agent,days,from,to\n,daily,08:00,12:00\n", "shifts.csv:2: it names no agent"),
        ("agent,days,from,to\nLi Na,,08:00,12:00\n", "shifts.csv:2: it names no days"),
        ("agent,days,from,to\nLi Na,mon-fry,08:00,12:00\n", "shifts.csv:2: days: 'mon-fry' isn't known: write mon-fri"),
        ("agent,days,from,to\n\nLi Na,2026-02-30,08:00,12:00\n", "shifts.csv:3: days: '2026-02-30' is no date"),
        ("agent,days,from,to\nLi Na,2026-02-03..2026-02-01,08:00,12:00\n", "must go forward, a year at most"),
        ("agent,days,from,to\nLi Na,0001-01-01..9999-12-31,08:00,12:00\n", "must go forward, a year at most"),
        ("agent,days,from,to\nLi Na,daily,8.00,12:00\n", "shifts.csv:2: from: '8.00' is no time of day: write 08:00"),
        ("agent,days,from,to\nLi Na,daily,08:00,25:00\n", "shifts.csv:2: to: '25:00' is no time of day: write 08:00"),
        ("agent,days,from,to\nLi Na,daily,08:00,08:00\n", "shifts.csv:2: the shift begins and ends at 08:00"),
        ("agent,days,from,to\nSomebody,daily,08:00,09:00\n", "shifts.csv:2: there is no agent 'Somebody'; there is Li Na, Wu"),
    ],
)
def test_each_fault_is_told_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(ShiftsError) as raised:
        read_shifts(text, "shifts.csv", SHANGHAI, ["Li Na", "Wu"])
    assert problem in raised.value.problems[0]


def test_all_faults_are_told_at_once_and_a_byte_order_mark_is_none() -> None:
    with pytest.raises(ShiftsError) as raised:
        read_shifts("\ufeffagent,days,from,to\nA,x,08:00,09:00\nA,daily,9,10\n", "s", SHANGHAI)
    assert len(raised.value.problems) == 2


def test_a_plan_is_read_anew_and_a_spoilt_one_leaves_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "shifts.csv"
    plan = ShiftPlan(file, SHANGHAI)
    plan.refresh()
    assert plan.problems == (f"{file}: No such file or directory",)
    assert plan.planned("Wu", moment("2026-11-23"), moment("2026-11-24")) is None
    file.write_text("agent,days,from,to\nWu,daily,08:00,09:00\n", encoding="utf-8")
    plan.refresh()
    assert (plan.problems, plan.agents) == ((), ["Wu"])
    file.write_text("agent,days,from,to\nWu,never,08:00,09:00,\n", encoding="utf-8")
    plan.refresh()
    assert "5 fields instead of 4" in plan.problems[0]
    assert plan.planned("Wu", moment("2026-11-23"), moment("2026-11-24")), "the one before"
    file.write_bytes("agent,days,from,to\n李娜,daily,08:00,09:00\n".encode("gb18030"))
    with pytest.raises(ShiftsError, match="save it as CSV UTF-8"):
        load_shifts(file, SHANGHAI)
