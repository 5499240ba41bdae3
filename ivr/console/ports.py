"""What the console asks of the rest of the house, as protocols: the lead wires them, a port that isn't wired shows no button."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from callflows.calendar import Doubt
from callflows.line_hours import LineSchedule, Override, Setting
from ivr.agent_desk import AgentsNow
from ivr.agent_reporting import AgentRow
from ivr.domain.cases import StepTaken
from ivr.flow_troubles import FlowTrouble
from ivr.promises import RefusedError
from ivr.store.complaints import Complaint

__all__ = [
    "AgentsService",
    "CallbackService",
    "CaseService",
    "CheckLink",
    "ConsolePorts",
    "ConsoleSettings",
    "HoursService",
    "RefusedError",
]


class AgentsService(Protocol):
    """What agents do; ``ivr.agent_desk.AgentDesk`` is one."""

    def agents_now(self) -> AgentsNow: ...
    def watched(self) -> AbstractContextManager[asyncio.Event]:
        """An event that is set at every change."""

    async def report(self, start: datetime, end: datetime) -> Sequence[AgentRow]:
        """Raises StoreError."""


class CallbackService(Protocol):
    """Promises to call back."""

    async def call_back(self, contact: str, actor: str) -> str:
        """Promise the caller of this contact a call now, once however often it is asked; the promise's id. Raises RefusedError."""

    async def cancel(self, callback: str, actor: str) -> None:
        """Raises RefusedError when it is dialling or over already."""


class CaseService(Protocol):
    """The steps of a complaint; ``ivr.cases.Cases`` is one."""

    async def take_step(self, number: str, taken: StepTaken) -> Complaint:
        """Raises ivr.domain.cases.StepRefusedError and StoreError."""


class HoursService(Protocol):
    """The lines' hours; ``ivr.hours.HoursDesk`` is one."""

    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def overrides(self) -> Sequence[Override]:
        """Those that hold or will."""

    @property
    def trouble(self) -> str | None:
        """Why the overrides may be out of date; None when they aren't."""

    def schedules(self) -> Mapping[str, LineSchedule]:
        """Of every line, in the settings' order."""

    def doubts(self) -> Sequence[Doubt]: ...

    async def set(
        self, line: str | None, setting: Setting, ends_at: datetime, reason: str, by: str, source: str, begins_at: datetime | None = None
    ) -> Override:
        """Raises ivr.hours.HoursRefusedError and StoreError."""

    async def withdraw(self, override_id: int, by: str) -> Override:
        """Raises ivr.hours.HoursRefusedError and StoreError."""


# Does this token open the recording of this complaint? Raises ivr.recording_links.LinkError when not.
CheckLink = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class ConsolePorts:
    callbacks: CallbackService | None = None
    cases: CaseService | None = None
    check_link: CheckLink | None = None
    hours: HoursService | None = None
    agents: AgentsService | None = None
    flow_troubles: Callable[[], Sequence[FlowTrouble]] = tuple


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What the console is told. Rates are shares of 1, times are seconds; ``lines`` gives each line's name in zh and en."""

    zone: ZoneInfo
    recordings: Path
    lines: dict[str, dict[str, str]]
    https: bool = False
    session_h: float = 12.0
    service_s: float = 20.0
    service_level_target: float = 0.8
    loss_target: float = 0.1
    most_streams: int = 64
    reports: Path | None = None  # the folder where they lie
    metrics_from_anywhere: bool = False
    country: str = "CN"  # of a number that is searched for as people write it
    area_code: str | None = None
