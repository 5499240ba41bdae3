"""The tests beside the hotline's flow, each played twice: by the simulator, and as a real call through a real Asterisk.

Path, keys, queues, line, language, who hung up, what was filed and remembered must be the same.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from acceptance.case_houses import SETUPS, NotRealError, came_to, earlier_call, filler, house_of, new_pin, set_hours
from acceptance.case_stories import Story, of_real, of_simulated
from acceptance.house import House
from acceptance.lines import Lines, Rank
from acceptance.records import Records
from acceptance.scenes import Scenes
from acceptance.settings_file import LINES
from callflows import flow_tests, loader
from callflows.flow_test_file import read_cases
from callflows.flow_tests import Case
from callflows.outcomes import HoursState, QueueEnd
from callflows.simulated_call import SimulatedCall
from callflows.simulator import EXIT_KEY
from ivr import cli_flow_common
from ivr.settings import load as load_settings
from ivr.testbed.caller import CallResult, CallScript, place_call
from ivr.testbed.case_steps import as_keys, leaving_queue, until_queued
from ivr.testbed.keys import Keys

CASES = {case.name: case for case in read_cases(loader.SHIPPED_FLOWS / "hotline.test.yaml")}
# What no real house can be brought into.
NOT_REAL = {
    **dict.fromkeys(
        [f"{who} has been opened again when he comes back" for who in ("hr", "course", "product", "operator", "complaint")],
        "the line would have to open in the moment between Asterisk's word and ours",
    ),
    "Asterisk lost the queue for a person": "the dialplan looks whether a queue exists before it sends anybody there",
    "a complaint that can't be stored is told to a person": (
        "a house that can't write can't tell where its calls are; test_disk_and_database hears such calls by ear"
    ),
    "neither call back nor message can be stored": (
        "a house that can't write can't tell where its calls are; test_disk_and_database hears such calls by ear"
    ),
}
APART_S = 0.25
LONGEST_CALL_S = 240.0
IN_QUEUE_S = 1.5  # from the flow's last node to Asterisk's queue
AHEAD = "complaint_intake.what_happened"  # who is here comes into the queue before who begins now
OPEN_AFTER_S = 0.5  # when all who can call at once stand in line
WITHHELD = "anonymous"
# Where somebody waits before the cases come, in which queues; and where cases wait for something.
FILLED = {"crowded": LINES, "unserved": ("course",)}
GATED = {"emergency", "closing"}
EARLIER_S = 40.0
FILLED_WITHIN_S = 120.0

pytestmark = [pytest.mark.timeout(600), pytest.mark.crowd]


@dataclass(frozen=True)
class Simulated:
    """The cases as the simulator plays them."""

    house: flow_tests.House

    @classmethod
    def of_shipped(cls) -> Simulated:
        settings = load_settings(environment={})
        return cls(cli_flow_common.tested_house(settings, loader.load(loader.read_folder(loader.SHIPPED_FLOWS))))

    @cached_property
    def calls(self) -> dict[str, SimulatedCall]:
        results = {name: flow_tests.run(case, self.house) for name, case in CASES.items()}
        faults = {name: result.faults for name, result in results.items() if result.faults}
        assert not faults
        return {name: result.call for name, result in results.items() if result.call}

    def house_of(self, case: Case) -> str:
        """Raises NotRealError."""
        if case.body.given.customer:
            earlier_call(case.body.given.customer.facts)
        return house_of(case, self.calls[case.name], lambda line: self._is_open(line, case, self.house.zone))

    def _is_open(self, line: str, case: Case, zone: ZoneInfo) -> bool:
        return self.house.calendars[line].hours_at(case.body.at, zone).state is HoursState.OPEN

    def keys(self, case: Case, instead: Mapping[str, str]) -> Keys:
        """What a real caller does, and the exit key that the simulator presses for him."""
        call = self.calls[case.name]
        keys = as_keys(flow_tests.as_steps(case, self.house), instead=instead)
        queues = [place for place, node in enumerate(call.path) if self._kind(node, case.flow) == "queue"]
        for place, end in zip(queues, case.body.given.queues, strict=False):
            if end is QueueEnd.KEY:
                keys = leaving_queue(keys, call.path, place, EXIT_KEY)
        return until_queued(keys, call.path) if call.ending == "queue" else keys

    def _kind(self, node: str, flow: str) -> str:
        name, _, inner = node.rpartition(".")
        return self.house.book.flow(name or flow).nodes[inner].kind

    def story(self, case: Case) -> Story:
        return of_simulated(self.calls[case.name], self.house.book, case.flow, case.body.caller, case.body.given.queues)


SIMULATED = Simulated.of_shipped()


def _houses() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, case in CASES.items():
        try:
            found[name] = SIMULATED.house_of(case)
        except NotRealError:
            continue
    return found


HOUSE_OF = _houses()


async def _story(records: Records, result: CallResult) -> Story:
    contact = await records.contact(result)
    return await records.database.read(partial(of_real, sealer=records.sealer, contact=contact, ended_by=result.ended_by))


def _rank(case: Case) -> Rank:
    """Who has others wait for him calls first, then who waits for something, then who takes long; an earlier call takes long too."""
    house, earlier_s = HOUSE_OF[case.name], EARLIER_S if case.body.given.customer else 0.0
    return (1 if house in FILLED else 2 if house in GATED else 3, -SIMULATED.calls[case.name].seconds - earlier_s)


@dataclass
class Play:
    """All cases, each in its house, at most ``AT_A_TIME`` calls at once."""

    stories: dict[str, Story | BaseException] = field(default_factory=dict)
    records: dict[str, Records] = field(default_factory=dict)
    lines: Lines = field(default_factory=Lines)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    fillers: dict[tuple[str, str], asyncio.Task[CallResult]] = field(default_factory=dict)  # by house and queue
    pins: dict[str, str] = field(default_factory=dict)
    in_queue: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    call_ids: dict[str, str] = field(default_factory=lambda: {name: f"{uuid4()}@127.0.0.1" for name in CASES})

    async def call(self, house: House, keys: Keys, caller: str, rank: Rank, call_id: str | None = None) -> CallResult:
        async with self.lines.line(rank):
            async with self.turn:  # a caller's start stops all others for a moment
                await asyncio.sleep(APART_S)
            script = CallScript(keys=keys, caller=caller, before_keys_s=0.3, wait_s=90.0, call_id=call_id)
            async with asyncio.timeout(LONGEST_CALL_S):
                return await place_call(script, house.system.sip_port, whereabouts=house.whereabouts)

    async def _case(self, case: Case) -> Story:
        records = self.records[HOUSE_OF[case.name]]
        caller = records.house.next_caller() if case.body.caller else WITHHELD
        rank = _rank(case)
        facts = case.body.given.customer.facts if case.body.given.customer else {}
        if before := earlier_call(facts):
            await records.contact(await self.call(records.house, before, caller, rank))
        keys = SIMULATED.keys(case, self.pins)
        calling = self.call(records.house, keys, caller, rank, self.call_ids[case.name])
        if QueueEnd.CLOSED not in case.body.given.queues:
            return await _story(records, await calling)
        async with asyncio.TaskGroup() as group:
            closed = group.create_task(calling, name=case.name)
            group.create_task(self._close_meanwhile(case, records.house), name=f"{case.name}: closing")
        return await _story(records, closed.result())

    async def _close_meanwhile(self, case: Case, house: House) -> None:
        """The line is closed by hand once all who are to wait in its queue do."""
        call = SIMULATED.calls[case.name]
        queue = str(call.queue)
        await came_to(house, self.call_ids[case.name], next(node for node in call.path if node.endswith("_queue")))
        self.in_queue[queue].append(case.name)
        alike = [name for name, other in SIMULATED.calls.items() if HOUSE_OF.get(name) == "closing" and other.queue == queue]
        if len(self.in_queue[queue]) == len(alike):
            await asyncio.sleep(IN_QUEUE_S)
            await set_hours(house, "--line", queue, "--closed")

    # -------------------------------------------------------------------------------------------- each house its way

    async def everybody(self, names: list[str]) -> None:
        told = await asyncio.gather(*(self._case(CASES[name]) for name in names), return_exceptions=True)
        self.stories |= dict(zip(names, told, strict=True))

    async def in_house(self, name: str) -> None:
        cases = [case for case, house in HOUSE_OF.items() if house == name]
        house = self.records[name].house
        if name == "crowded":
            await asyncio.gather(*(self._behind_another(house, queue, cases) for queue in LINES))
        elif name == "unserved":
            full = [case for case in cases if QueueEnd.FULL in CASES[case].body.given.queues]
            rest = [case for case in cases if case not in full]
            await asyncio.gather(self.everybody(rest), self._behind_another(house, "course", full))
        elif name == "emergency":
            await self._emergency(house, cases)
        else:
            await self.everybody(cases)

    async def _behind_another(self, house: House, queue: str, cases: list[str]) -> None:
        """Those of this queue, when somebody waits in it, or will before they come there."""
        behind = [case for case in cases if _looked_at(CASES[case]) == queue]
        filling = await self._filled(house, queue)
        await self.everybody(behind)
        filling.cancel()

    def fill(self) -> None:
        """Those who wait so that others find somebody before them: the first to call."""
        for name, queues in FILLED.items():
            for queue in queues:
                self._fill(self.records[name].house, queue)

    def _fill(self, house: House, queue: str) -> asyncio.Task[CallResult]:
        call_id = f"{uuid4()}@127.0.0.1"
        filling = asyncio.create_task(self.call(house, filler(queue), house.next_caller(), (0, 0.0), call_id), name=call_id)
        self.fillers[house.folder.name, queue] = filling
        return filling

    async def _filled(self, house: House, queue: str) -> asyncio.Task[CallResult]:
        """Who waits there, or will before others come. A phone that misses one OPTIONS on a busy machine leaves its queue empty for a
        while: then another one calls."""
        filling, node = self.fillers[house.folder.name, queue], AHEAD if queue == "complaint" else f"{queue}_queue"
        async with asyncio.timeout(FILLED_WITHIN_S):
            while True:
                await came_to(house, filling.get_name(), node)
                await asyncio.sleep(IN_QUEUE_S)
                if queue == "complaint" or house.whereabouts.path(filling.get_name())[-1:] == (node,):
                    return filling
                filling.cancel()
                filling = self._fill(house, queue)

    async def _emergency(self, house: House, cases: list[str]) -> None:
        before = [case for case in cases if CASES[case].body.given.hours is HoursState.CLOSED]
        self.pins |= {f"{pin}#": f"{await new_pin(house, name)}#" for case in cases for pin, name in CASES[case].body.given.pins.items()}
        first = asyncio.create_task(self.everybody(before), name="closed for now")
        for case in before:
            await came_to(house, self.call_ids[case], "closed_for_now")
        await set_hours(house, "--every-line", "--emergency")
        await self.everybody([case for case in cases if case not in before])
        await first


def _looked_at(case: Case) -> str:
    """The queue whose outlook the case gives, or in which it ends."""
    return next(iter(case.body.given.outlooks), str(SIMULATED.calls[case.name].queue))


@asynccontextmanager
async def cases_for_real(folder: Path, prompts: Path) -> AsyncIterator[dict[str, Story | BaseException]]:
    play = Play()
    async with AsyncExitStack() as houses:
        opened = [(name, House(folder / name, prompts, setup)) for name, setup in SETUPS.items()]
        async with asyncio.TaskGroup() as group:
            for name, house in opened:
                houses.push_async_callback(house.close)
                group.create_task(house.__aenter__(), name=name)
        for name, house in opened:
            play.records[name] = Records.of(house)
        try:
            play.fill()
            asyncio.get_running_loop().call_later(OPEN_AFTER_S, play.lines.open)
            await asyncio.gather(*(play.in_house(name) for name in SETUPS))
        finally:
            for filling in play.fillers.values():
                filling.cancel()
            await asyncio.gather(*play.fillers.values(), return_exceptions=True)
            for records in play.records.values():
                await records.close()
    yield play.stories


SCENES = (cases_for_real,)


@pytest_asyncio.fixture(loop_scope="session")
async def stories(scenes: Scenes) -> dict[str, Any]:
    found: dict[str, Any] = await scenes.outcome(cases_for_real)
    return found


def test_only_what_no_house_can_be_brought_into_is_not_played() -> None:
    reasons = {}
    for name, case in CASES.items():
        try:
            SIMULATED.house_of(case)
        except NotRealError as error:
            reasons[name] = str(error)
    assert reasons == NOT_REAL
    assert len(HOUSE_OF) > 0.9 * len(CASES)


@pytest.mark.parametrize("name", HOUSE_OF)
async def test_a_real_call_goes_as_the_simulated_one(name: str, stories: dict[str, Any]) -> None:
    real = stories[name]
    if isinstance(real, BaseException):
        pytest.fail(f"the call could not be made: {real!r}")
    assert real == SIMULATED.story(CASES[name])
