"""Places the calls of many tests at the same time, in houses that several tests share, and gives each test its own call.

A test is parametrised with ``Case``s and asks ``stage.played(case)``. Only calls of tests that pytest has collected are placed.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acceptance.house import Called, House, of_call
from acceptance.settings_file import Setup
from ivr.testbed.keys import parse_keys

# Between two calls, whatever their houses: a caller's start stops all others for a moment, and they would press their keys late.
_APART_S = 0.25
# More at the same time, and Asterisk, the daemons and the callers would be late for each other; the benchmark is for that.
_AT_A_TIME = 8 * (os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Case:
    """One call: in which house, and what the caller does. ``expect`` is the test's own; ``after_s`` is from the house's opening."""

    name: str
    house: str
    keys: str = ""
    script: Mapping[str, Any] = field(default_factory=dict, hash=False)
    expect: Any = field(default=None, hash=False)
    after_s: float = 0.0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Played:
    """A call that is over, the one record it left, and the complaints."""

    called: Called
    record: dict[str, Any]
    complaints: list[dict[str, Any]]
    house: House

    @property
    def nodes(self) -> list[str]:
        return [step["node"] for step in self.record["path"]]

    @property
    def heard(self) -> Any:
        """Samples the caller received."""
        return self.called.result.heard.samples

    @property
    def visit(self) -> dict[str, Any]:
        """The only entry into a queue."""
        assert len(self.record["visits"]) == 1, self.record["visits"]
        visit: dict[str, Any] = self.record["visits"][0]
        return visit


@dataclass
class Stage:
    """The houses of a test session. Everything runs on the session's event loop, while tests wait."""

    folder: Path
    prompts: Path
    setups: Mapping[str, Setup]
    cases: Iterable[Case]

    def __post_init__(self) -> None:
        self._houses: dict[str, asyncio.Task[House]] = {}
        self._calls: dict[Case, asyncio.Task[Called]] = {}
        self._records: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}  # and the complaints, read after them
        self._lines = asyncio.Semaphore(_AT_A_TIME)
        self._reading: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def begin(self) -> None:
        """Open every house that a collected test needs and place all their calls."""
        for name in dict.fromkeys(case.house for case in self.cases):
            self._houses[name] = asyncio.create_task(self._open(name), name=f"house {name}")
        # The longest first: all are over at about the same time.
        longest = sorted(dict.fromkeys(self.cases), key=lambda case: -parse_keys(case.keys).seconds - case.script.get("wait_s", 0.0))
        for number, case in enumerate(longest):
            call = self._place(case, case.after_s or number * _APART_S)
            self._calls[case] = asyncio.create_task(call, name=f"call {case.name}")

    async def house(self, name: str) -> House:
        return await asyncio.shield(self._houses[name])

    async def called(self, case: Case) -> Called:
        return await asyncio.shield(self._calls[case])

    async def all_called(self, house: str) -> list[Called]:
        """Every call placed in one house, once all are over."""
        return [await self.called(case) for case in self._calls if case.house == house]

    async def played(self, case: Case) -> Played:
        """The call and its record. Fails where the call left no record, or more than one."""
        called, house = await self.called(case), await self.house(case.house)
        records = await self._records_of(case.house, house, called)
        assert len(records) == 1, f"one call left {len(records)} records: {records}"
        record = records[0]
        complaints = [complaint for complaint in self._records[case.house][1] if complaint["contact"] == record["id"]]
        return Played(called, record, complaints, house)

    async def _records_of(self, name: str, house: House, called: Called) -> list[dict[str, Any]]:
        """From the last reading where that has the call's end; reading costs two processes each time."""
        async with self._reading[name]:
            found = of_call(self._records.get(name, ([], []))[0], called)
            if found and all(record["ended_at"] for record in found):
                return found
            records = await house.records_with(called)
            self._records[name] = records, await house.complaints()
            return of_call(records, called)

    async def close(self) -> None:
        for call in self._calls.values():
            call.cancel()
        await asyncio.gather(*self._calls.values(), return_exceptions=True)
        for opening in self._houses.values():
            opening.cancel()
        for house in await asyncio.gather(*self._houses.values(), return_exceptions=True):
            if isinstance(house, House):
                await house.close()

    async def _open(self, name: str) -> House:
        house = House(self.folder / name, self.prompts, self.setups[name])
        return await house.__aenter__()

    async def _place(self, case: Case, after_s: float) -> Called:
        house = await self.house(case.house)
        await asyncio.sleep(after_s)
        # Then the greeting is being said, or the menu, for seventeen seconds.
        script = {"before_keys_s": 2.5, **case.script}
        if case.after_s:  # he has to come just then
            return await house.call(case.keys, **script)
        async with self._lines:
            return await house.call(case.keys, **script)
