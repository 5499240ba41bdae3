"""One day of real calls, told three times: the report, the page with its API, and the replay of what Asterisk said agree (R2, R4).

The stream is recorded between Asterisk and the daemon; the replay has neither the database nor what the sessions knew.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect
from support.tcp_proxy import TcpProxy

from acceptance.house import RECORD_DEADLINE_S, Called, House, of_call, until
from acceptance.scenes import Scenes
from acceptance.settings_file import LINES, Setup, Team
from acceptance.test_console import CHROMIUM, FLAGS, Desk, log_in_for_the_first_time
from acceptance.test_known_callers import PLACES as OF_THE_KNOWN
from ivr.assembly import flow_book
from ivr.settings import load as load_settings
from ivr.testbed.public_network import SIP_PORT, PublicNetwork

SHORT_S = 60.0
# HR rings for 20 s and is then left, products for ever and take two; nobody is there for courses; complaints are answered after 4 s.
SETUP = Setup(
    {
        "hr": Team("deaf", 2, ring_s=120, max_wait_s=20),
        "course": Team("gone", 1),
        "product": Team("deaf", 1, ring_s=120, max_wait_s=600, max_waiting=2),
        "complaint": Team("chatty", 2),
    },
    environment={
        "IVRD_TARGETS__SHORT_S": f"{SHORT_S:g}",
        # Only whoever asks for it is called back, and at once, once.
        "IVRD_CALLBACKS__ABANDONED": "false",
        "IVRD_CALLBACKS__FIRST_AFTER_MINUTES": "0",
        "IVRD_CALLBACKS__RETRY_MINUTES": "[600]",
    },
)
# A line's key is pressed in the menu; later prompts are heard to their end. No serial number, the caller's own number, four seconds
# of talk: submitted, and the number heard.
HR, COURSE, PRODUCT, COMPLAINT = "w4 1", "w4 2", "w4 3", "w4 4"
FILED = f"{COMPLAINT}e#e1et4#e#e"
# Where each menu is left: its prompt is heard to its end, and then there is nothing but the hang-up.
IN_MENUS = {
    "menu": "e9eh",
    "course_menu": f"{COURSE}eh",
    "offer": f"{COURSE}@course_menu 1@offer eh",
    "complaint_intake.serial_check": f"{COMPLAINT}e1234#eh",
    "complaint_intake.number_check": f"{COMPLAINT}e#eh",
    "complaint_intake.review": f"{COMPLAINT}e#e1et4#eh",
    "complaint_intake.then_what": f"{FILED}h",
}
IN_QUEUES = {
    "answered": f"{FILED}1@complaint_queue w14h",
    "timed out": f"{HR}@offer w1h",
    # He is promised a call, and called: a visit to the queue that is no caller's.
    "exit by key": f"{HR}@hr_queue w6 1",
}
# Who rings, who waits behind him and whom the queue then refuses: each begins when the one before is where he should be.
# Who comes later hears that it takes long, and wants to wait all the same.
WAITS = f"{PRODUCT}@long_wait.offer 2"
RINGING, BEHIND, REFUSED = f"{PRODUCT}@product_queue w90h", f"{WAITS}@product_queue w40h", f"{WAITS}@offer e2@message.speak et4#"
ASKS_FOR_A_CALL = "13900000107"  # who ends in a 7 is there when he is called, and presses 1
EXPECTED: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "menu": ("abandoned_ivr", []),
    "course_menu": ("abandoned_ivr", []),
    "offer": ("rejected_capacity", [("course", "join_empty")]),
    "complaint_intake.serial_check": ("abandoned_ivr", []),
    "complaint_intake.number_check": ("abandoned_ivr", []),
    "complaint_intake.review": ("abandoned_ivr", []),
    "complaint_intake.then_what": ("self_served", []),
    "answered": ("answered", [("complaint", "answered")]),
    "timed out": ("abandoned_queue", [("hr", "flow_timeout")]),
    "exit by key": ("callback_accepted", [("hr", "flow_key")]),
    "ringing": ("abandoned_ring", [("product", "abandoned_ring")]),
    "behind": ("abandoned_queue", [("product", "abandoned_wait")]),
    "refused": ("voicemail", [("product", "full")]),
}
# What a caller achieved in the flow is between him and the daemon: Asterisk's stream doesn't hold it.
OF_THE_SESSION = {"self_served", "voicemail", "callback_accepted", "after_hours"}
ABANDONED = ("abandoned_wait", "abandoned_ring")
FLOW_OUT = ("flow_timeout", "flow_empty", "flow_key", "failed")
APART_S = 0.5
IN_PLACE_S = 120.0
CALLED_BACK_S = 120.0


# The day itself takes more than two minutes, and who runs these tests alone waits for it.
pytestmark = pytest.mark.timeout(600)


@dataclass
class Day:
    """The calls, and all that was told of them when they were over."""

    house: House
    desk: Desk
    called: dict[str, Called] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)  # by the caller's part
    all_records: list[dict[str, Any]] = field(default_factory=list)
    stream: bytes = b""
    replay: dict[str, Any] = field(default_factory=dict)
    report: dict[str, dict[str, Any]] = field(default_factory=dict)  # by queue
    by_line: dict[str, dict[str, Any]] = field(default_factory=dict)
    board: dict[str, Any] = field(default_factory=dict)
    page: dict[str, list[str]] = field(default_factory=dict)  # the figures of each queue, as they stand on it
    tile: str = ""
    board_after_restart: dict[str, Any] = field(default_factory=dict)

    @property
    def today(self) -> dict[str, dict[str, Any]]:
        return {queue["queue"]: queue["today"] for queue in self.board["queues"]}

    def replayed(self, queue: str) -> list[dict[str, Any]]:
        return [visit for visit in self.replay["visits"] if visit["queue"] == queue]


async def shown(desk: Desk, condition: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until the board says so."""
    async with asyncio.timeout(IN_PLACE_S):
        while True:
            if condition(await desk.json("board")):
                return
            await asyncio.sleep(0.5)


async def is_in(desk: Desk, caller: str, queue: str, stage: str) -> None:
    there = (f"+86{caller[:3]}****{caller[-4:]}", queue, stage)
    await shown(desk, lambda board: any((call["caller"], call["queue"], call["stage"]) == there for call in board["running"]))


async def one_in_front_of_the_other(day: Day) -> None:
    """The product's queue: one rings, one waits behind him, one is refused."""
    async with asyncio.TaskGroup() as group:
        for who, keys, stage in (("ringing", RINGING, "ringing"), ("behind", BEHIND, "waiting")):
            caller = day.house.next_caller()
            group.create_task(call(day, who, keys, caller), name=who)
            await is_in(day.desk, caller, "product", stage)
        await call(day, "refused", REFUSED, day.house.next_caller())


async def call(day: Day, who: str, keys: str, caller: str) -> None:
    day.called[who] = await day.house.call(keys, caller=caller)


async def everybody_calls(day: Day) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(one_in_front_of_the_other(day), name="product")
        for who, keys in (IN_MENUS | IN_QUEUES).items():
            caller = ASKS_FOR_A_CALL if who == "exit by key" else day.house.next_caller()
            group.create_task(call(day, who, keys, caller), name=who)
            await asyncio.sleep(APART_S)


async def what_is_told(day: Day, recorded: Path) -> None:
    """All of it when nobody is on the line any more."""
    await shown(day.desk, lambda board: not board["running"])
    async with asyncio.timeout(RECORD_DEADLINE_S):
        while not day.all_records or not all(record["ended_at"] for record in day.all_records):
            day.all_records = await day.house.records()
    for who, called in day.called.items():
        (day.records[who],) = of_call(day.all_records, called)
    day.stream = await asyncio.to_thread(recorded.read_bytes)
    day.board = await day.desk.json("board")
    day.report = {row["queue"]: row for row in (await answer(day.house, "report", "--format", "json"))["rows"]}
    day.by_line = {row["line"]: row for row in (await answer(day.house, "report", "--format", "json", "--by", "line"))["rows"]}
    day.replay = await answer(day.house, "replay", str(recorded), "--json")
    page = day.desk.page
    await day.desk.go("/")
    await expect(page.get_by_role("heading", name="Queues")).to_be_visible()
    for queue in LINES:
        day.page[queue] = await page.locator(f".queues tr[data-key={queue}] td.n").all_inner_texts()
    day.tile = await page.locator("[data-key=answered] .figure").inner_text()


async def answer(house: House, *arguments: str) -> Any:
    """What a command prints as JSON."""
    answered = await house.ivrd(*arguments)
    assert answered.status == 0, answered.err
    return json.loads(answered.out)


@asynccontextmanager
async def a_day(folder: Path, prompts: Path) -> AsyncIterator[Day]:
    house, recorded = House(folder, prompts, SETUP), folder / "day.ami"
    async with AsyncExitStack() as parts:
        async with house.opening():
            await house.open()
            proxy = await parts.enter_async_context(TcpProxy(house.ami_port))
            proxy.record = parts.enter_context(recorded.open("wb", buffering=0))
            house.system.environment["IVRD_AMI__PORT"] = str(proxy.port - house.offset)
            await house.start()
        parts.push_async_callback(house.close)
        network = await PublicNetwork.start(house.folder / "public-network", house.settings.shifted(SIP_PORT))
        parts.push_async_callback(network.stop)
        playwright = await parts.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        parts.push_async_callback(browser.close)
        context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
        day = Day(house, Desk(house, browser, context, await context.new_page(), [], {}))
        await log_in_for_the_first_time(day.desk)
        await everybody_calls(day)
        # He has pressed 1, has waited in the queue in vain, and the call is over.
        await until(lambda: b"\r\nResult: LEFT\r\n" in recorded.read_bytes(), CALLED_BACK_S)
        await what_is_told(day, recorded)
        await house.kill_daemon()
        await house.start_daemon()
        day.board_after_restart = await day.desk.json("board")
        yield day


SCENES = (a_day,)


@pytest_asyncio.fixture(loop_scope="session")
async def day(scenes: Scenes) -> Day:
    found: Day = await scenes.outcome(a_day)
    return found


def counted(visits: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of these visits by the formulas of docs/figures.md, counted here by hand."""
    outcomes = Counter(visit["outcome"] for visit in visits)
    waits = [visit["wait"] for visit in visits if visit["outcome"] == "answered"]
    short = sum(1 for visit in visits if visit["outcome"] in ABANDONED and visit["wait"] <= SHORT_S)
    abandoned = sum(outcomes[outcome] for outcome in ABANDONED)
    offered, on_time = len(visits), sum(1 for wait in waits if wait <= 20)
    return {
        "offered": offered,
        "answered": len(waits),
        "abandoned": abandoned,
        "abandoned_wait": outcomes["abandoned_wait"],
        "abandoned_ring": outcomes["abandoned_ring"],
        "abandoned_short": short,
        "flow_out": sum(outcomes[outcome] for outcome in FLOW_OUT),
        "refused": outcomes["full"] + outcomes["join_empty"],
        "withdrawn": outcomes["withdrawn"],
        "lost": offered - len(waits),
        "sl": {"sl.strict": share(on_time, offered - short), "sl.inclusive": share(on_time, offered)},
        "abandon": {
            "abandon.queue": share(abandoned - short, offered - short),
            "abandon.raw": share(abandoned, offered),
            "loss": share(offered - len(waits), offered),
        },
        "answered_within": {str(mark): sum(1 for wait in waits if wait <= mark) for mark in (3, 10, 20)},
    }


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def test_every_menu_of_the_flows_is_left_by_somebody() -> None:
    settings = load_settings(environment={})
    book, _ = flow_book(settings)
    menus = {
        name if flow.name == settings.hotline.flow else f"{flow.name}.{name}"
        for flow in book.flows.values()
        for name, node in flow.nodes.items()
        if node.kind == "menu"
    }
    assert set(IN_MENUS) == menus - set(OF_THE_KNOWN)


@pytest.mark.parametrize("who", EXPECTED)
async def test_r6_what_each_record_tells(who: str, day: Day) -> None:
    record = day.records[who]
    outcome, visits = EXPECTED[who]
    assert (record["outcome"], [(visit["queue"], visit["outcome"]) for visit in record["visits"]]) == (outcome, visits)
    if who in IN_MENUS:
        assert record["path"][-1]["node"] == who
        assert record["abandoned_at_node"] == (who if outcome == "abandoned_ivr" else None)


async def test_the_replay_tells_of_the_same_visits(day: Day) -> None:
    """Each with its queue, outcome, wait, ring, talk, agent and who ended it; the call we made is nobody's visit.

    The recording is of AMI alone; the daemon has read queue_log too, and it has changed nothing but who tells.
    """
    of_records = [{"contact": record["id"], **visit} for record in day.all_records for visit in record["visits"]]
    assert {visit["source"] for visit in day.replay["visits"]} == {"ami"}
    assert {visit["source"] for visit in of_records} <= {"ami", "ami+queue_log"}
    assert "ami+queue_log" in {visit["source"] for visit in of_records}
    assert all(visit.pop("why") for visit in day.replay["visits"])  # a replay says why; of a record `ivrd calls explain` does
    alone, beside = ([{**visit, "source": ""} for visit in visits] for visits in (day.replay["visits"], of_records))
    assert sorted(alone, key=entry) == sorted(beside, key=entry)
    assert (day.replay["gaps"], day.replay["warnings"]) == ([], [])


def entry(visit: dict[str, Any]) -> tuple[str, str]:
    return visit["contact"], visit["joined_at"]


async def test_the_replay_tells_of_the_same_callers(day: Day) -> None:
    assert [len(day.all_records), day.board["calls_today"]] == [len(EXPECTED), len(EXPECTED)]
    outcomes = {record["id"]: record["outcome"] for record in day.all_records}
    replayed = {contact["id"]: contact["outcome"] for contact in day.replay["contacts"]}
    assert set(replayed) == set(outcomes)
    assert {contact: outcomes[contact] for contact, outcome in replayed.items() if outcome != outcomes[contact]} == {
        contact: outcome for contact, outcome in outcomes.items() if outcome in OF_THE_SESSION
    }
    assert day.board["left_in_menu"] == sum(1 for outcome, _ in EXPECTED.values() if outcome == "abandoned_ivr")


def same(told: Any, counted_here: Any) -> Any:
    """Report and page tell by more definitions than are counted here by hand."""
    return {name: told[name] for name in counted_here} if isinstance(counted_here, dict) else told


@pytest.mark.parametrize("queue", LINES)
async def test_report_page_and_replay_agree(queue: str, day: Day) -> None:
    report, today, replayed = day.report[queue], day.today[queue], counted(day.replayed(queue))
    for figure, value in replayed.items():
        assert (figure, same(report[figure], value), same(today[figure], value)) == (figure, value, value)
    assert (report["carry_out"], today["waiting"]) == (0, 0)
    parts = ("answered", "abandoned", "flow_out", "refused", "withdrawn")
    assert report["offered"] == today["offered"] == sum(replayed[part] for part in parts)
    assert report["quality"] == "measured"
    # Here each line has a queue of its own, and everybody came by his line's key.
    of_line = day.by_line[queue]
    for figure, value in replayed.items():
        assert (figure, same(of_line[figure], value)) == (figure, value)
    # Seconds are told in tenths: a mean of tenths may differ from the mean's tenth by one.
    waits = [visit["wait"] for visit in day.replayed(queue) if visit["outcome"] == "answered"]
    mean = sum(waits) / len(waits) if waits else None
    longest = max((visit["wait"] for visit in day.replayed(queue) if visit["outcome"] not in ("full", "join_empty")), default=None)
    for value, told in ((mean, report["asa"]["mean"]), (mean, today["asa"]["mean"])):
        assert told == (None if value is None else pytest.approx(value, abs=0.11))
    assert (report["longest_wait"], today["longest_wait"]) == (longest, longest)


@pytest.mark.parametrize("queue", LINES)
async def test_the_page_shows_what_its_api_tells(queue: str, day: Day) -> None:
    figures = day.report[queue]
    _waiting, _longest, _talking, offered, answered, lost, loss, service, asa = day.page[queue]
    assert [offered, answered, lost] == [str(figures[name]) for name in ("offered", "answered", "lost")]
    for shown, value in ((loss, figures["abandon"]["loss"]), (service, figures["sl"]["sl.strict"])):
        assert (None if shown == "–" else float(shown.split()[0])) == (None if value is None else pytest.approx(value * 100, abs=0.1))
    assert (None if asa == "–" else int(asa.split()[0])) == (
        None if figures["asa"]["mean"] is None else pytest.approx(figures["asa"]["mean"], abs=1.0)
    )
    total = {name: sum(row[name] for row in day.report.values()) for name in ("offered", "answered")}
    assert day.tile == f"{total['answered']} / {total['offered']}"
    assert {name: day.board["total"][name] for name in total} == total


async def test_no_time_out_is_counted_as_an_abandonment(day: Day) -> None:
    """Asterisk calls whoever was in a queue in vain abandoned, the timed out as well; none of us does."""
    timed_out = day.records["timed out"]["id"].encode()
    said = [event for event in day.stream.split(b"\r\n\r\n") if event.startswith(b"Event: QueueCallerAbandon\r\n")]
    assert any(b"\r\nLinkedid: " + timed_out + b"\r\n" in event for event in said)
    for figures in (day.report["hr"], day.today["hr"], counted(day.replayed("hr"))):
        assert (figures["offered"], figures["abandoned"], figures["flow_out"]) == (2, 0, 2)
    gave_up = sum(1 for _, visits in EXPECTED.values() for _, outcome in visits if outcome in ABANDONED)
    assert len(said) > gave_up
    assert sum(row["abandoned"] for row in day.report.values()) == day.board["total"]["abandoned"] == gave_up


async def test_a_restart_changes_no_figure(day: Day) -> None:
    """Live figures are then read from the store, by the same functions."""
    after, before = day.board_after_restart, day.board
    assert {queue["queue"]: queue["today"] for queue in after["queues"]} == day.today
    for told in ("total", "calls_today", "left_in_menu", "lost_callers"):
        assert (told, after[told]) == (told, before[told])
