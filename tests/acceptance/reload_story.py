"""Flows are edited and published under fifty running calls, then badly, then back and on trial: told for ``test_flow_reload``."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from playwright.async_api import async_playwright, expect

from acceptance.edited_flows import broken, edited, shipped
from acceptance.house import House, until
from acceptance.records import Records
from acceptance.settings_file import Setup, Team
from acceptance.test_console import CHROMIUM, FLAGS, Desk, log_in_for_the_first_time
from callflows.flow import version_of
from callflows.trial import takes_part
from ivr import flow_service
from ivr.domain.contacts import Contact
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
SEEN_WITHIN_S = 20.0
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
    """A house that is called, and what its records say."""

    house: House
    records: Records
    told: Told
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def call(self, keys: Keys, call_id: str | None = None, caller: str | None = None) -> CallResult:
        async with self._turn:  # a caller's start stops all others for a moment
            await asyncio.sleep(APART_S)
        script = CallScript(keys=keys, caller=caller or self.house.next_caller(), before_keys_s=0.3, wait_s=120.0, call_id=call_id)
        async with asyncio.timeout(LONGEST_S):
            return await place_call(script, self.house.system.sip_port, whereabouts=self.told)

    async def looks_in(self, caller: str | None = None) -> Contact:
        """A call into the menu and no further."""
        return await self.records.contact(await self.call(Keys((AT_MENU, Listen(0.5)), hangs_up=True), caller=caller))

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
            chosen = takes_part(self.records.sealer.index(f"+86{caller}"), trial, SHARE)
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
        records = Records.of(house)
        parts.push_async_callback(records.close)
        telling = Telling(house, records, Told(house.settings.paths.database))
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
        story.calls.setdefault(name, []).append((result, await telling.records.contact(result)))


async def unfit_flows(telling: Telling, flows: Path, page: Desk, story: Reload) -> None:
    """The command refuses them; another release that knows no better publishes them; somebody restarts the daemon over them."""
    house, (files, story.broken_line) = telling.house, broken()
    write(flows, files)
    refused = await house.ivrd("flow", "publish")
    story.refused = (refused.status, refused.err)
    begun = len(house.log())
    publish = partial(flow_service.publish, version="0000bad", sources=files, by="somebody", note="", now=datetime.now(UTC))
    await telling.records.database.write(publish)
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
