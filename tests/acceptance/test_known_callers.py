"""Whoever called before is known (R16), whoever was served is asked how it was (R50), and who may sets the hours by telephone (R3).

One scene, played once: four customers call, and call again; then a supervisor closes a line from her telephone, and an emergency is
declared from the command line and withdrawn.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from acceptance.hearing import read_out, was_heard
from acceptance.house import Called, House, of_call, until
from acceptance.scenes import Scenes
from acceptance.settings_file import Setup, Team

# The scene takes some three minutes, and who runs these tests alone waits for it.
pytestmark = pytest.mark.timeout(600)

SETUP = Setup(
    {"hr": Team("brisk", 6), "course": Team("brisk", 4), "product": Team("brisk", 6), "complaint": Team("brisk", 4)},
    # What is promised here stays a promise: nobody would answer the house's calls.
    environment={"IVRD_CALLBACKS__FIRST_AFTER_MINUTES": "600"},
)
# Known again by their numbers: who complains, who asks for courses and gives the best rating, who wants English and gives the worst,
# who asks for products and gives none.
ANNA, BEN, CARL, DORA = (f"1390000000{number}" for number in range(1, 5))
FIRST_CALLS = {
    "anna complains": (ANNA, "4e#e1et4#e#@complaint_intake.tell_number w1h"),
    "ben asks for courses": (BEN, "2@course_menu 1@survey 5"),
    "carl wants english": (CARL, "*@menu e1@survey e1"),
    "dora asks for products": (DORA, "3@survey"),
}
NEXT_CALLS = {
    "anna hears of her case": (ANNA, "@menu #"),
    "anna wants something else": (ANNA, "@case_stands 1@survey h"),
    "ben again": (BEN, "@menu e#@course_menu 1@survey h"),
    "carl again": (CARL, "@menu e#@survey h"),
    "case_stands": (ANNA, "@case_stands w1h"),
    "course_again": (BEN, "@course_again w0.3h"),
    "hr_again": (CARL, "@hr_again w0.3h"),
    "product_again": (DORA, "@product_again w0.3h"),
}
# The PIN stands for P.
WHICH = "8@supervisor.pin P#@supervisor.which"
WHAT = f"{WHICH} 1@supervisor.what"
WRONG_PINS = ("90909090", "81818181")
AT_THE_TELEPHONE = {
    "supervisor.which": f"{WHICH} w1h",
    "supervisor.what": f"{WHAT} w1h",
    "supervisor.how_long": f"{WHAT} 1@supervisor.how_long w1h",
    "supervisor.nothing": f"{WHICH} 9e9@supervisor.nothing w0.3h",
    # He hears that the first was wrong.
    "supervisor.no_access": f"8@supervisor.pin {WRONG_PINS[0]}#e{WRONG_PINS[1]}#@supervisor.no_access w0.3h",
}
CLOSES = f"{WHAT} 1@supervisor.how_long 2@supervisor.in_force"
REOPENS = f"{WHAT} 4@supervisor.in_force w0.3h"
# Where a caller of this scene hangs up, and what became of his call.
PLACES = {
    **dict.fromkeys(("case_stands", "hr_again", "course_again", "product_again"), "abandoned_ivr"),
    **dict.fromkeys((*AT_THE_TELEPHONE, "supervisor.in_force"), "abandoned_ivr"),
    "emergency": "after_hours",
}
# The daemon heeds what another process has set within 5 s.
HEEDED_S = 5.5


@dataclass
class Week:
    """What has happened, and what was told of it afterwards."""

    house: House
    pin: str = ""
    called: dict[str, Called] = field(default_factory=dict)
    all_records: list[dict[str, Any]] = field(default_factory=list)
    complaint: str = ""

    def record(self, who: str) -> dict[str, Any]:
        found = of_call(self.all_records, self.called[who])
        assert len(found) == 1, f"one call left {len(found)} records: {found}"
        return found[0]

    def nodes(self, who: str) -> list[str]:
        return [step["node"] for step in self.record(who)["path"]]

    async def heard(self, who: str, prompt: str, language: str = "zh") -> bool:
        return await was_heard(self.called[who].result.heard.samples, self.house.prompt(prompt, language))

    async def call(self, who: str, keys: str, caller: str | None = None) -> None:
        script = {"caller": caller} if caller else {}
        self.called[who] = await self.house.call(keys.replace("P", self.pin), before_keys_s=2.5, **script)

    async def all_call(self, calls: dict[str, tuple[str, str]] | dict[str, str]) -> None:
        """Half a second apart, until the last is over."""
        async with asyncio.TaskGroup() as group:
            for who, call in calls.items():
                caller, keys = call if isinstance(call, tuple) else (None, call)
                group.create_task(self.call(who, keys, caller), name=who)
                await asyncio.sleep(0.5)

    def rows(self, query: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"{self.house.settings.paths.database.as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]


async def told(house: House, *arguments: str) -> Any:
    """What a command prints as JSON."""
    answer = await house.ivrd(*arguments, "--json")
    assert answer.status == 0, answer.err
    return json.loads(answer.out)


@asynccontextmanager
async def a_week(folder: Path, prompts: Path) -> AsyncIterator[Week]:
    async with House(folder, prompts, SETUP) as house:
        week = Week(house)
        await told(house, "users", "add", "sue", "--role", "supervisor")
        week.pin = (await told(house, "hours", "pin", "sue"))["pin"]
        await week.all_call(FIRST_CALLS)
        # Their records are written a moment after their calls.
        await until(lambda: len(week.rows("SELECT id FROM contacts WHERE ended_at IS NOT NULL")) == len(FIRST_CALLS), 15)
        await week.all_call(NEXT_CALLS)
        await week.all_call(AT_THE_TELEPHONE)
        await week.call("sue closes a line", CLOSES)
        await week.call("finds it closed", "1@offer h")
        await week.call("supervisor.in_force", REOPENS)
        await week.call("finds it open again", "1@survey h")
        declared = await told(house, "hours", "set", "--every-line", "--emergency", "--until", "+30m", "--reason", "the lines are cut")
        await asyncio.sleep(HEEDED_S)
        await week.all_call({"hears of the emergency": "3@offer e2@message.speak h", "emergency": "0@emergency w0.3h"})
        await told(house, "hours", "withdraw", str(declared["id"]))
        await asyncio.sleep(HEEDED_S)
        await week.call("calls after the emergency", "3@survey h")
        week.all_records = await house.records_with(week.called["calls after the emergency"])
        (complaint,) = await house.complaints()
        week.complaint = complaint["number"]
        yield week


SCENES = (a_week,)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def week(scenes: Scenes) -> Week:
    played: Week = await scenes.outcome(a_week)
    return played


async def test_who_waits_for_an_answer_to_her_complaint_hears_how_it_stands_and_reaches_the_desk(week: Week) -> None:
    record = week.record("anna hears of her case")
    nodes = [step["node"] for step in record["path"]]
    assert nodes[:6] == ["greeting", "caller", "speaks", "open_case", "case_stands", "menu"]
    assert nodes[6:8] == ["same_again", "complaint_line"]
    assert nodes[8:] == ["complaint_hours", "complaint_wait", "complaint_connect", "complaint_queue", "survey", "goodbye"]
    assert (record["line"], record["outcome"]) == ("complaint", "answered")
    assert [visit["queue"] for visit in record["visits"]] == ["complaint"]
    for part in ("hotline-case-stands-", "hotline-case-stands-2-"):
        assert await week.heard("anna hears of her case", part)
    heard = week.called["anna hears of her case"].result.heard.samples
    assert await read_out(heard, week.house.state / "prompts/zh/ivrd") == week.complaint


async def test_or_presses_what_she_knows_by_heart(week: Week) -> None:
    nodes = week.nodes("anna wants something else")
    assert nodes[:6] == ["greeting", "caller", "speaks", "open_case", "case_stands", "menu"]
    assert (week.record("anna wants something else")["line"], nodes[-1]) == ("hr", "survey")


async def test_hash_leads_where_the_caller_was_last_time(week: Week) -> None:
    nodes = week.nodes("ben again")
    assert nodes[:8] == ["greeting", "caller", "speaks", "open_case", "last_choice", "course_again", "menu", "same_again"]
    assert nodes[8:11] == ["same_line", "course", "course_menu"]
    assert (week.record("ben again")["line"], week.record("ben again")["outcome"]) == ("course", "answered")
    assert await week.heard("ben again", "hotline-course-again-")


async def test_who_chose_english_is_spoken_to_in_english_next_time(week: Week) -> None:
    first, again = week.record("carl wants english"), week.record("carl again")
    assert (first["language"], again["language"]) == ("en", "en")
    nodes = week.nodes("carl again")
    assert nodes[2:8] == ["speaks", "in_english", "in_english_from_here", "open_case", "last_choice", "hr_again"]
    assert "other_language" not in nodes  # he pressed no key for it
    assert await week.heard("carl again", "hotline-hr-again-", "en")
    assert await week.heard("carl again", "hotline-menu-", "en")
    assert not await week.heard("carl again", "hotline-menu-")


async def test_what_is_answered_in_the_survey_is_stored_with_who_served_him(week: Week) -> None:
    ratings = {row["contact"]: row for row in week.rows("SELECT * FROM ratings")}
    best, worst, none = (week.record(who) for who in ("ben asks for courses", "carl wants english", "dora asks for products"))
    assert [ratings[record["id"]]["rating"] for record in (best, worst, none)] == [5, 1, None]
    row = ratings[best["id"]]
    assert (row["line"], row["queue"], row["agent"]) == ("course", "course", best["visits"][0]["agent"])
    assert row["answered_at"]
    # Dora was asked and said nothing.
    assert ratings[none["id"]]["offered_at"]
    assert ratings[none["id"]]["answered_at"] is None
    assert week.nodes("ben asks for courses")[-2:] == ["survey", "thanks"]
    assert week.nodes("dora asks for products")[-2:] == ["survey", "goodbye"]
    assert await week.heard("ben asks for courses", "hotline-thanks-")
    assert await week.heard("carl wants english", "hotline-survey-", "en")


async def test_a_bad_rating_opens_a_call_back_and_a_good_one_none(week: Week) -> None:
    worst = week.record("carl wants english")
    promises = [promise for promise in await told(week.house, "callbacks", "list") if promise["reason"] == "follow_up"]
    assert [(promise["contact"], promise["line"], promise["created_by"]) for promise in promises] == [(worst["id"], "hr", "ivrd")]


async def test_a_supervisor_closes_a_line_from_her_telephone(week: Week) -> None:
    chosen = ["which", "hr", "what", "closed", "how_long", "two_hours", "which_state", "close", "in_force", "over"]
    nodes = week.nodes("sue closes a line")
    assert nodes == ["greeting", "caller", "menu", "supervisor", "supervisor.pin", *(f"supervisor.{node}" for node in chosen), "goodbye"]
    assert await week.heard("sue closes a line", "supervisor-in-force-")


async def test_the_next_caller_hears_that_it_is_closed_until_she_opens_it(week: Week) -> None:
    assert week.nodes("finds it closed")[-4:] == ["hr_hours", "closed", "closed_until", "offer"]
    assert await week.heard("finds it closed", "hotline-closed-until-")
    assert week.record("finds it open again")["outcome"] == "answered"


async def test_what_was_set_by_telephone_is_audited_by_whose_pin_it_was(week: Week) -> None:
    audit = week.rows("SELECT actor, action, subject FROM audit ORDER BY id")
    (closed,) = [row for row in audit if row["action"] == "hours-closed"]
    assert closed["actor"] == "sue"
    assert "hr closed until" in closed["subject"]
    assert closed["subject"].endswith("by phone")
    accepted = [row for row in audit if row["action"] == "pin-accepted"]
    who = ("sue closes a line", "supervisor.in_force", *AT_THE_TELEPHONE)
    right = {week.record(call)["id"] for call in who if call != "supervisor.no_access"}
    assert {(row["actor"], row["subject"]) for row in accepted} == {("sue", contact) for contact in right}
    (withdrawn,) = [row for row in audit if row["action"] == "hours-withdrawn" and row["actor"] == "sue"]
    assert "hr closed" in withdrawn["subject"]


async def test_who_keys_a_wrong_pin_twice_gets_no_further(week: Week) -> None:
    nodes = week.nodes("supervisor.no_access")
    assert nodes[-2:] == ["supervisor.pin", "supervisor.no_access"]
    assert await week.heard("supervisor.no_access", "supervisor-pin-again-")
    contact = week.record("supervisor.no_access")["id"]
    refused = week.rows("SELECT actor, subject FROM audit WHERE action = 'pin-refused'")
    assert refused == [{"actor": "phone", "subject": contact}] * 2


async def test_no_pin_is_written_anywhere_in_clear(week: Week) -> None:
    assert len(week.pin) == 8
    clear = [pin.encode() for pin in (week.pin, *WRONG_PINS)]
    written = [file for file in week.house.folder.rglob("*") if file.is_file() and "prompts" not in file.parts and file.suffix != ".wav"]
    names = {file.name for file in written}
    assert {"ivrd.db", "ivrd-1.log"} <= names
    logs = [file for file in written if "asterisk" in str(file.relative_to(week.house.folder)) and file.suffix in ("", ".log")]
    assert any(file.stat().st_size for file in logs)
    for file in written:
        assert not any(pin in file.read_bytes() for pin in clear), file
    for who in ("sue closes a line", "supervisor.no_access"):
        keys = {step["node"]: step["keys"] for step in week.record(who)["path"]}
        assert not any(character.isdigit() for character in keys["supervisor.pin"] or ""), keys


async def test_an_emergency_is_heard_by_the_next_caller_and_withdrawn_again(week: Week) -> None:
    nodes = week.nodes("hears of the emergency")
    assert nodes[nodes.index("product_hours") :][:3] == ["product_hours", "emergency", "offer"]
    assert await week.heard("hears of the emergency", "hotline-emergency-")
    assert week.record("hears of the emergency")["visits"] == []
    assert week.record("calls after the emergency")["outcome"] == "answered"


@pytest.mark.parametrize("place", PLACES)
async def test_a_hang_up_leaves_one_record_that_says_where(week: Week, place: str) -> None:
    record = week.record(place)  # fails unless there is exactly one
    assert record["path"][-1]["node"] == place
    assert record["outcome"] == PLACES[place]
    assert record["abandoned_at_node"] == (place if PLACES[place] == "abandoned_ivr" else None)
    assert week.called[place].result.ended_by == "caller"
