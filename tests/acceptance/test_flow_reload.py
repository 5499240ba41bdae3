"""New flows under fifty running calls: nobody is dropped, each ends on the version it began with, and who calls then gets the new one.

Then flows that aren't fit, going back, and a version that only some callers get.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from acceptance.edited_flows import broken, edited, shipped
from acceptance.house import House, until
from acceptance.scenes import Scenes
from acceptance.settings_file import Setup, Team
from acceptance.test_console import CHROMIUM, FLAGS, Desk, log_in_for_the_first_time
from callflows.flow import version_of
from callflows.trial import takes_part
from ivr import flow_service
from ivr.domain.contacts import Contact
from ivr.settings import DATA_KEY
from ivr.store import contacts
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.testbed.caller import CallResult, CallScript, place_call
from ivr.testbed.keys import HearOut, Keys, Listen, Press, Reach, Step, Talk
from ivr.testbed.whereabouts import Whereabouts

# HR rings for ever, courses are answered and talked with for a minute, products have no phone.
TEAMS = {
    "hr": Team("deaf", 20, ring_s=120, max_wait_s=300),
    "course": Team("chatty", 14),
    "product": Team("gone", 1),
    "complaint": Team("deaf", 1),
}
QUIET = {"IVRD_CALLBACKS__ABANDONED": "false", "IVRD_CALLBACKS__FIRST_AFTER_MINUTES": "600"}
NEW, ON_TRIAL = "second", "third"
SHARE = 0.5
PUBLISHED = "published"  # what a caller waits for who is to act when the new version is there
TAKEN_UP_S = 2.0
SETTLED_S = 3.0  # from a node's beginning to the middle of it
SEEN_WITHIN_S, RECORDED_WITHIN_S = 20.0, 15.0
EACH_WAY = 4  # callers
APART_S = 0.25
IN_PLACE_S, LONGEST_S = 90.0, 240.0
TALK_S = 30.0  # longer than it takes until all are in place and the new version is published


@dataclass(frozen=True)
class Part:
    """Callers alike: what they do, where they are when the new version comes, and how their path ends."""

    callers: int
    keys: Keys
    at: str
    ends_with: tuple[str, ...]


def keys(*steps: Step, hangs_up: bool = False) -> Keys:
    return Keys(steps, hangs_up)


AT_MENU = Reach("menu", visit=1)
TO_HR = ("hr", "hr_hours", "hr_wait", "hr_connect", "hr_queue")
PARTS: Mapping[str, Part] = {
    "talk": Part(
        12,
        keys(AT_MENU, Press("2"), Reach("course_menu", visit=1), Press("1")),
        "course_queue",
        ("course_queue", "survey", "goodbye"),
    ),
    "queue": Part(
        14,
        keys(AT_MENU, Press("1"), Reach(PUBLISHED, visit=1), Press("1")),
        "hr_queue",
        ("hr_queue", "callback", "callback_promised"),
    ),
    "recording": Part(
        12,
        keys(
            AT_MENU, Press("3"), Reach("offer", visit=1), Press("2"), Reach("message.speak", visit=1), HearOut(), Talk(TALK_S), Press("#")
        ),
        "message.speak",
        ("offer", "message", "message.speak", "message.keep", "message.thanks", "message.done", "goodbye"),
    ),
    "menu": Part(
        12,
        keys(AT_MENU, Reach(PUBLISHED, visit=1), Press("1"), Reach("hr_queue", visit=1), Listen(2.0), hangs_up=True),
        "menu",
        ("menu", *TO_HR),
    ),
}
ALL = sum(part.callers for part in PARTS.values())

pytestmark = pytest.mark.timeout(600)


class Told(Whereabouts):
    """Callers know when the new version is there, as if it were a place in their path."""

    published = False

    def path(self, call_id: str) -> tuple[str, ...]:
        return (*super().path(call_id), *((PUBLISHED,) if self.published else ()))


def write(flows: Path, files: Mapping[str, str]) -> str:
    """Edit the folder; gives the name of the version."""
    shutil.rmtree(flows, ignore_errors=True)
    flows.mkdir(parents=True)
    for name, text in files.items():
        (flows / name).write_text(text, encoding="utf-8")
    return version_of(files)


@dataclass
class Unfit:
    """What was said while flows were wanted that aren't fit, and who called meanwhile."""

    log: str
    ready: dict[str, Any]
    page: list[str]
    call: Contact


@dataclass
class Telling:
    """A house, and what its records say."""

    house: House
    sealer: Sealer
    database: Database
    told: Told
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def of(cls, house: House) -> Telling:
        settings = house.settings
        sealer, database = Sealer(settings.paths.secret(DATA_KEY)), Database(settings.store_url)
        return cls(house, sealer, database, Told(settings.paths.database))

    async def call(self, keys: Keys, call_id: str | None = None, caller: str | None = None) -> CallResult:
        async with self._turn:  # a caller's start stops all others for a moment
            await asyncio.sleep(APART_S)
        script = CallScript(keys=keys, caller=caller or self.house.next_caller(), before_keys_s=0.3, wait_s=120.0, call_id=call_id)
        async with asyncio.timeout(LONGEST_S):
            return await place_call(script, self.house.system.sip_port, whereabouts=self.told)

    async def contact(self, result: CallResult) -> Contact:
        """The record of a call, once it has an end."""
        find = partial(contacts.by_sip_call_id, sealer=self.sealer, sip_call_id=result.call_id)
        async with asyncio.timeout(RECORDED_WITHIN_S):
            while True:
                contact = await self.database.read(find)
                if contact and contact.ended_at:
                    return contact
                await asyncio.sleep(0.3)

    async def looks_in(self, caller: str | None = None) -> Contact:
        """A call into the menu and no further."""
        return await self.contact(await self.call(Keys((AT_MENU, Listen(0.5)), hangs_up=True), caller=caller))

    async def run(self, *command: str) -> None:
        answer = await self.house.ivrd("flow", *command)
        assert answer.status == 0, answer.err

    async def unfit(self, since: int, sign: str, page: Desk) -> Unfit:
        """What is said once the log, read from ``since`` on, shows the sign."""
        await until(lambda: sign in self.house.log()[since:], SEEN_WITHIN_S)
        ready = await self.house.readiness()
        await page.go("/")
        verdict = page.page.locator(".verdict li")
        await expect(verdict.filter(has_text="Call flow").or_(verdict.filter(has_text="call flows")).first).to_be_visible()
        shown = await verdict.all_inner_texts()
        return Unfit(self.house.log()[since:], ready, shown, await self.looks_in())

    def callers_of_both(self, trial: str) -> dict[str, bool]:
        """Numbers of callers who get the version on trial, and as many of those who don't."""
        found: dict[str, bool] = {}
        while len(found) < 2 * EACH_WAY:
            caller = self.house.next_caller()
            chosen = takes_part(self.sealer.index(f"+86{caller}"), trial, SHARE)
            if list(found.values()).count(chosen) < EACH_WAY:
                found[caller] = chosen
        return found


@dataclass
class Reload:
    """All of the story, as it was told at each point of it."""

    first: str
    second: str = ""
    third: str = ""
    running: int = 0  # calls when the new version was published
    published_at: datetime | None = None
    calls: dict[str, list[tuple[CallResult, Contact]]] = field(default_factory=dict)
    afterwards: list[Contact] = field(default_factory=list)
    log_of_reload: str = ""
    refused: tuple[int, str] = (0, "")
    broken_line: int = 0
    settled: dict[str, Any] = field(default_factory=dict)
    tried: dict[str, list[Contact]] = field(default_factory=dict)  # by caller
    in_trial: dict[str, bool] = field(default_factory=dict)
    after_trial: list[Contact] = field(default_factory=list)
    unfit: Unfit = field(init=False)
    edited_badly: Unfit = field(init=False)
    rolled_back: Contact = field(init=False)


@asynccontextmanager
async def reload(folder: Path, prompts: Path) -> AsyncIterator[Reload]:
    flows = folder / "flows"
    setup = Setup(TEAMS, environment={**QUIET, "IVRD_FLOWS": str(flows)})
    async with AsyncExitStack() as parts:
        house = House(folder, prompts, setup)
        first = write(flows, shipped())
        await parts.enter_async_context(house)
        telling = Telling.of(house)
        parts.callback(telling.database.close)
        page = await parts.enter_async_context(_page(house))
        story = Reload(first)
        await under_fifty_calls(telling, flows, story)
        await unfit_flows(telling, flows, page, story)
        await back_and_on_trial(telling, flows, story)
        yield story


@asynccontextmanager
async def _page(house: House) -> AsyncIterator[Desk]:
    """A supervisor who is logged in."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
            desk = Desk(house, browser, context, await context.new_page(), [], {})
            await log_in_for_the_first_time(desk)
            yield desk
        finally:
            await browser.close()


async def under_fifty_calls(telling: Telling, flows: Path, story: Reload) -> None:
    placed = [(name, f"{uuid4()}@127.0.0.1") for name, part in PARTS.items() for _ in range(part.callers)]
    calling = [asyncio.create_task(telling.call(PARTS[name].keys, call_id), name=call_id) for name, call_id in placed]
    try:
        await until(lambda: all(PARTS[name].at in telling.told.path(call_id) for name, call_id in placed), IN_PLACE_S)
        await asyncio.sleep(SETTLED_S)
        story.second = write(flows, edited(NEW))
        logged = len(telling.house.log())
        await telling.run("publish", "--note", "a way of its own")
        story.published_at = datetime.now(UTC)
        story.running = sum(bool(telling.told.path(call_id)) for _, call_id in placed)
        await asyncio.sleep(TAKEN_UP_S)
        telling.told.published = True
        story.afterwards = await asyncio.gather(*(telling.looks_in() for _ in range(3)))
        results = await asyncio.gather(*calling)
    finally:
        for call in calling:
            call.cancel()
    story.log_of_reload = telling.house.log()[logged:]
    for (name, _), result in zip(placed, results, strict=True):
        story.calls.setdefault(name, []).append((result, await telling.contact(result)))


async def unfit_flows(telling: Telling, flows: Path, page: Desk, story: Reload) -> None:
    """The command refuses them; another release that knows no better publishes them; somebody restarts the daemon over them."""
    house, (files, story.broken_line) = telling.house, broken()
    write(flows, files)
    refused = await house.ivrd("flow", "publish")
    story.refused = (refused.status, refused.err)
    begun = len(house.log())
    publish = partial(flow_service.publish, version="0000bad", sources=files, by="somebody", note="", now=datetime.now(UTC))
    await telling.database.write(publish)
    story.unfit = await telling.unfit(begun, "not fit", page)
    await telling.run("rollback")
    await asyncio.sleep(TAKEN_UP_S)
    story.settled = await house.readiness()
    begun = len(house.log())
    await house.stop_daemon()
    await house.start_daemon()
    story.edited_badly = await telling.unfit(begun, "the edited flow folder", page)


async def back_and_on_trial(telling: Telling, flows: Path, story: Reload) -> None:
    await telling.run("rollback", story.first, "--note", "it was better before")
    await asyncio.sleep(TAKEN_UP_S)
    story.rolled_back = await telling.looks_in()
    story.third = write(flows, edited(ON_TRIAL))
    await telling.run("publish", "--share", f"{SHARE}")
    await asyncio.sleep(TAKEN_UP_S)
    callers = telling.callers_of_both(story.third)
    for _ in range(2):
        told = await asyncio.gather(*(telling.looks_in(caller) for caller in callers))
        for caller, contact in zip(callers, told, strict=True):
            story.tried.setdefault(caller, []).append(contact)
    story.in_trial = callers
    await telling.run("trial", "stop")
    await asyncio.sleep(TAKEN_UP_S)
    story.after_trial = await asyncio.gather(*(telling.looks_in(caller) for caller in callers))


SCENES = (reload,)


@pytest_asyncio.fixture(loop_scope="session")
async def story(scenes: Scenes) -> Reload:
    found: Reload = await scenes.outcome(reload)
    return found


def nodes(contact: Contact) -> tuple[str, ...]:
    return tuple(step.node for step in contact.path)


def came_at(contact: Contact, node: str) -> datetime:
    return next(step.at for step in contact.path if step.node == node)


def test_fifty_calls_were_in_progress(story: Reload) -> None:
    assert (ALL, story.running) == (50, 50)


@pytest.mark.parametrize("name", PARTS)
def test_each_ends_on_the_version_it_began_with(name: str, story: Reload) -> None:
    part = PARTS[name]
    assert len(story.calls[name]) == part.callers
    for result, contact in story.calls[name]:
        assert (contact.flow_version, nodes(contact)[-len(part.ends_with) :]) == (story.first, part.ends_with)
        assert not [node for node in nodes(contact) if node.startswith(NEW)]
        assert (result.ended_by, contact.failure, contact.served_by) == ("caller" if part.keys.hangs_up else "system", None, "flow")
        # He was at his place before the new version was there, and went on after that.
        assert story.published_at is not None
        went_on = nodes(contact).index(part.at) + 1
        assert contact.path[went_on - 1].at < story.published_at < contact.path[went_on].at


def test_the_log_tells_of_the_new_version_and_of_no_fault(story: Reload) -> None:
    lines = [json.loads(line) for line in story.log_of_reload.splitlines() if line.startswith("{")]
    assert [line["version"] for line in lines if line["event"] == "flows in service"] == [story.second]
    assert [line for line in lines if line["level"] in ("error", "critical")] == []


def test_new_calls_get_the_new_version_within_two_seconds(story: Reload) -> None:
    assert [contact.flow_version for contact in story.afterwards] == [story.second] * 3
    assert all(NEW in nodes(contact) for contact in story.afterwards)


def test_the_command_refuses_flows_that_are_not_fit(story: Reload) -> None:
    status, said = story.refused
    assert status == 1
    assert f"hotline.yaml:{story.broken_line}: error: node 'greeting': next leads to 'nowhere'" in said
    assert "nothing was published" in said


@pytest.mark.parametrize(
    ("how", "degraded", "on_page"),
    [
        (
            "unfit",
            "flow version 0000bad, put in service by somebody, is not fit and {second} stays",
            "Call flow version 0000bad, published at",
        ),
        ("edited_badly", "the edited flow folder", "The edited call flows are not fit: the last good version stays in service."),
    ],
)
def test_flows_that_are_not_fit_leave_the_old_ones_in_service(how: str, degraded: str, on_page: str, story: Reload) -> None:
    told: Unfit = getattr(story, how)
    assert (told.call.flow_version, NEW in nodes(told.call)) == (story.second, True)
    assert told.ready["status"] == "ready"
    (sentence,) = [sentence for sentence in told.ready["degraded"] if degraded.format(second=story.second) in sentence]
    for place in (sentence, told.log):
        assert f"hotline.yaml:{story.broken_line}: error: node 'greeting': next leads to 'nowhere'" in place
    assert [trouble for trouble in told.page if on_page in trouble]


def test_all_is_well_again_after_going_back(story: Reload) -> None:
    assert [sentence for sentence in story.settled["degraded"] if "flow" in sentence] == []
    assert (story.rolled_back.flow_version, NEW in nodes(story.rolled_back)) == (story.first, False)


def test_on_trial_some_callers_get_the_other_version_and_the_same_always_the_same(story: Reload) -> None:
    assert sorted(story.in_trial.values()) == [False] * EACH_WAY + [True] * EACH_WAY
    for caller, in_trial in story.in_trial.items():
        version = story.third if in_trial else story.first
        assert [contact.flow_version for contact in story.tried[caller]] == [version] * 2
        assert {ON_TRIAL in nodes(contact) for contact in story.tried[caller]} == {in_trial}


def test_after_the_trial_all_get_the_version_in_service(story: Reload) -> None:
    assert [contact.flow_version for contact in story.after_trial] == [story.first] * 2 * EACH_WAY
