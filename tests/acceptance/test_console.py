"""The console in a real browser, over a whole system with real calls: what a supervisor sees, and how soon."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from acceptance.house import Called, House
from acceptance.scenes import Scenes
from acceptance.settings_file import Setup, Team

CHROMIUM = "/usr/bin/chromium"
# Nothing of it leaves this machine, and nothing it would like to have matters here.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "a password of her own 7"
HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
# HR rings for ever, so callers give up waiting; whoever gives up within 30 s isn't promised a call, so there is a button.
SETUP = Setup(
    {"hr": Team("deaf", 2, ring_s=120), "course": Team("brisk", 4), "product": Team("gone", 1), "complaint": Team("brisk", 4)},
    environment={"IVRD_TARGETS__SHORT_S": "30", "IVRD_CALLBACKS__FIRST_AFTER_MINUTES": "600"},
)
LONG_CALLS = {"complains": "4e20261121#e1e1et4#e#@complaint_intake.tell_number w3h", "is served": "2@course_menu 1"}
IN_QUEUE_MS = 12_000  # until a caller who pressed the line's key waits in its queue, at the latest


@dataclass
class Desk:
    """A supervisor at her browser, and the house she watches."""

    house: House
    browser: Browser
    context: BrowserContext
    page: Page
    said: list[str]  # what the browser complained of
    calls: dict[str, asyncio.Task[Called]]  # those that take long go on while other tests look

    async def go(self, path: str = "/") -> None:
        await self.page.goto(self.house.system.console_url + path)

    async def json(self, path: str) -> Any:
        return await (await self.context.request.get(f"{self.house.system.console_url}/api/v1/{path}")).json()


@asynccontextmanager
async def supervised(folder: Path, prompts: Path) -> AsyncIterator[Desk]:
    async with House(folder, prompts, SETUP) as house, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
            page = await context.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: said.append(str(error)))
            desk = Desk(house, browser, context, page, said, {})
            for name, keys in LONG_CALLS.items():
                desk.calls[name] = asyncio.create_task(house.call(keys), name=name)
            await log_in_for_the_first_time(desk)
            yield desk
            for call in desk.calls.values():
                call.cancel()
            await asyncio.gather(*desk.calls.values(), return_exceptions=True)
        finally:
            await browser.close()


SCENES = (supervised,)


async def log_in_for_the_first_time(desk: Desk) -> None:
    made = await desk.house.ivrd("users", "add", "sue", "--role", "supervisor", "--json")
    assert made.status == 0, made.err
    one_time = json.loads(made.out)["one_time_password"]
    page = desk.page
    await desk.go("/calls")
    await expect(page.get_by_role("heading", name="Log in to the console")).to_be_visible()
    await page.get_by_label("Account").fill("sue")
    await page.get_by_label("Password").fill(one_time)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_text("Choose your own to go on")).to_be_visible()
    await page.get_by_label("Current password").fill(one_time)
    for label in ("New password (at least 10 characters)", "New password again"):
        await page.get_by_label(label).fill(PASSWORD)
    await page.get_by_role("button", name="Save password").click()
    await expect(page.get_by_role("heading", name="Queues")).to_be_visible()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(scenes: Scenes) -> Desk:
    found: Desk = await scenes.outcome(supervised)
    await found.go("/")
    await expect(found.page.get_by_role("heading", name="Queues")).to_be_visible()
    return found


async def test_a_caller_waits_becomes_late_gives_up_and_is_on_the_page_within_a_second(desk: Desk) -> None:
    page, caller = desk.page, desk.house.next_caller()
    shown = f"+86138****{caller[-4:]}"
    running = page.locator("[data-key=running] li", has_text=shown)
    calling = asyncio.create_task(desk.house.call("1@hr_queue w14h", caller=caller, caller_name=HOSTILE))
    await expect(running.get_by_text("ringing")).to_be_visible(timeout=IN_QUEUE_MS)
    assert await running.get_by_text("late").count() == 0
    await expect(running.get_by_text("late")).to_be_visible(timeout=11_500)
    await expect(page.locator(".verdict li.bad", has_text="waiting longer than 10 s")).to_be_visible()
    called = await calling
    lost = page.locator("[data-key=lost] li", has_text=shown)
    began = time.monotonic()
    await expect(lost).to_be_visible(timeout=1000)
    assert time.monotonic() - began < 1.0
    await expect(lost).to_contain_text("abandoned ringing")
    await expect(running).to_have_count(0)
    record = await desk.house.record(called)
    await desk.go(f"/calls/{record['id']}")
    await expect(page.get_by_role("heading", name=shown)).to_be_visible()
    await expect(page.locator(".timeline")).to_contain_text("joined the queue hr")
    assert await page.evaluate("window.pwned") is None
    assert caller not in await page.content()


async def test_the_button_promises_a_call(desk: Desk) -> None:
    page = desk.page
    called = await desk.house.call("1@hr_queue w3h")
    shown = f"+86138****{called.caller[-4:]}"
    lost = page.locator("[data-key=lost] li", has_text=shown)
    await lost.get_by_role("button", name="Call back").click()
    await expect(page.get_by_text("The callback is promised.")).to_be_visible()
    await expect(lost.get_by_role("button")).to_have_count(0)
    await expect(lost).to_contain_text("Call back:")
    await page.get_by_role("link", name="Callbacks").click()
    row = page.locator("tbody tr", has_text=shown)
    await expect(row).to_contain_text("by sue")
    told = await desk.house.ivrd("callbacks", "list", "--json")
    assert [promise["created_by"] for promise in json.loads(told.out) if promise["number"] == shown] == ["sue"]


async def test_a_complaint_is_heard_and_walked_on(desk: Desk) -> None:
    page = desk.page
    await desk.calls["complains"]
    number = (await desk.house.complaints())[0]["number"]
    await page.get_by_role("link", name="Complaints").click()
    await page.get_by_role("link", name=number).click()
    heard = await page.evaluate(
        """async () => {
            const player = document.querySelector("audio");
            player.muted = true;
            await player.play();
            const parts = await fetch(player.src, {headers: {Range: "bytes=0-99"}});
            return [player.duration, parts.status, (await parts.arrayBuffer()).byteLength];
        }"""
    )
    assert (heard[0] > 2.0, heard[1:]) == (True, [206, 100])
    await page.get_by_label("serious").check()
    await page.get_by_label("What the department found").fill(HOSTILE)
    await page.get_by_role("button", name="Verify").click()
    await expect(page.get_by_text("The step is recorded.")).to_be_visible()
    await expect(page.locator(".timeline")).to_contain_text("sue")
    assert await page.evaluate("window.pwned") is None
    assert (await desk.house.complaint(number))["state"] == "verified"


async def test_the_page_s_figures_are_the_report_s(desk: Desk) -> None:
    await desk.house.record(await desk.calls["is served"])
    told = await desk.house.ivrd("report", "--format", "json")
    rows = {row["queue"]: row for row in json.loads(told.out)["rows"]}
    board = {queue["queue"]: queue["today"] for queue in (await desk.json("board"))["queues"]}
    for name in ("hr", "course", "complaint"):
        for figure in ("offered", "answered", "abandoned", "abandoned_ring", "flow_out", "lost", "answered_within"):
            assert board[name][figure] == rows[name][figure], (name, figure)
        for figure in ("sl", "abandon"):  # of which the report tells more definitions
            assert board[name][figure].items() <= rows[name][figure].items(), (name, figure)
    assert board["course"]["answered"] >= 1
    assert board["hr"]["abandoned_ring"] >= 1


async def test_chinese_a_phone_and_no_word_runs_over_the_edge(desk: Desk) -> None:
    context = await desk.browser.new_context(
        locale="zh-CN", viewport={"width": 390, "height": 844}, is_mobile=True, storage_state=await desk.context.storage_state()
    )
    page = await context.new_page()
    await desk.house.call("1@hr_queue w2h")
    for path, words in {"/": "队列", "/calls": "通话记录", "/complaints": "投诉登记表", "/callbacks": "回拨"}.items():
        await page.goto(desk.house.system.console_url + path)
        await expect(page.get_by_role("heading", name=words, exact=False).first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    await context.close()


async def test_a_stranger_sees_nothing(desk: Desk) -> None:
    context = await desk.browser.new_context(locale="en-GB")
    page = await context.new_page()
    for path in ("/", "/calls", "/complaints", "/callbacks"):
        await page.goto(desk.house.system.console_url + path)
        await expect(page.get_by_role("heading", name="Log in to the console")).to_be_visible()
    assert (await context.request.get(f"{desk.house.system.console_url}/api/v1/board")).status == 401
    await context.close()


async def test_a_restart_is_told_on_the_page_which_comes_back_by_itself(desk: Desk) -> None:
    page = desk.page
    assert desk.said == []  # until now the browser had nothing to complain of
    await desk.house.kill_daemon()
    await expect(page.locator("#stale")).to_be_visible(timeout=5000)
    await desk.house.start_daemon()
    await expect(page.locator("#stale")).to_be_hidden(timeout=10_000)
    await desk.house.call("1@hr_queue w3h")
    await expect(page.locator("[data-key=lost] li").first).to_be_visible(timeout=1000)
