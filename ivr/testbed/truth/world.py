"""A world: one small Asterisk with the queues and telephones of some scenes, and what a scene does in it.

For ``making``. All of it is on loopback and in one folder, and ends with ``close``.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ami_bridge.ami_wire import AmiMessage
from ami_bridge.dialplan import CALL_CONTEXT
from ami_bridge.plan import AsteriskPlan
from ivr.testbed.asterisk import RunningAsterisk, needed_ports
from ivr.testbed.errors import TestbedError
from ivr.testbed.ports import check_free
from ivr.testbed.program import AsteriskProgram
from ivr.testbed.truth.files import FRONT_CONTEXT, LOCAL_CALLERS, interface, plan_of, write_files
from ivr.testbed.truth.manager import Director, Recorder
from ivr.testbed.truth.script import AGENTS, BACK, FRONT, OUTSIDE, TRANSFER, Flavour, Placed
from ivr.testbed.truth.telephone import DEADLINE_S, KEY_S, Dialogue, Media, SceneError, Telephone

# Between the contract tests' Asterisks (RTP up to 19099) and the houses of the acceptance suite (from 24573 on). Asterisk looks for free
# RTP ports in its range by itself.
_FIRST_PORT, _WORLDS, _FIRST_RTP = 20_000, 400, 21_000
_ATTEMPTS = 3  # another program may take a port between our look and Asterisk's
_taken: set[int] = set()
_SETTLE_S = 0.4  # AgentComplete comes from another thread than the last Hangup
_QUIET_S = 0.1


@dataclass(eq=False)
class World:
    """``async with World(...)``: the telephones are plugged in, Asterisk runs, both AMI sessions are open."""

    folder: Path
    program: AsteriskProgram
    flavour: Flavour
    scenes: Sequence[Placed]
    telephones: dict[str, Telephone] = field(default_factory=dict)

    async def __aenter__(self) -> World:
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _open(self) -> None:
        self.media = await Media.opened()
        for placed in self.scenes:
            for number in placed.telephones:
                self.telephones[number] = await Telephone.plugged_in(number, self.media)
        for attempt in range(_ATTEMPTS):
            try:
                await self._start()
                break
            except TestbedError:
                if attempt == _ATTEMPTS - 1:
                    raise
        self.director = await Director.start(self.plan.ami_port)
        self.recorder = await Recorder.start(self.plan.ami_port)

    async def _start(self) -> None:
        """Asterisk, on ports that nobody has."""
        self.plan = self._plan()
        ports = {number: telephone.port for number, telephone in self.telephones.items()}
        await asyncio.to_thread(write_files, self.plan, self.program.installation, self.scenes, self.flavour, ports)
        for telephone in self.telephones.values():
            telephone.asterisk_port = self.plan.sip_port
        self.asterisk = await RunningAsterisk.start(self.program, self.plan)

    def _plan(self) -> AsteriskPlan:
        for number in range(_WORLDS):
            self.place = (os.getpid() + number) % _WORLDS
            sip, ami = _FIRST_PORT + 2 * self.place, _FIRST_PORT + 2 * self.place + 1
            plan = plan_of(self.folder, self.program.installation, sip, ami, _FIRST_RTP)
            if self.place in _taken:
                continue
            try:
                check_free(needed_ports(plan))
            except TestbedError:
                continue
            _taken.add(self.place)
            return plan
        raise TestbedError(f"no ports are free for a world: {_WORLDS} pairs from {_FIRST_PORT} on were tried.")

    async def telephone(self, number: str) -> Telephone:
        """A caller's, plugged in when he first calls."""
        if number not in self.telephones:
            self.telephones[number] = await Telephone.plugged_in(number, self.media, self.plan.sip_port)
        return self.telephones[number]

    def on(self, placed: Placed) -> On:
        return On(self, placed)

    async def end_calls_of(self, placed: Placed) -> None:
        """Whatever of them is left: callers' and agents' channels, by their numbers."""
        if not self.asterisk.child.running:
            return
        for row in (await self.asterisk.rx("core show channels concise")).splitlines():
            channel, *fields = row.split("!")
            if channel.startswith(f"PJSIP/{placed.block}") or any(field.startswith(f"1380000{placed.block}") for field in fields):
                await self.asterisk.rx(f"channel request hangup {channel}")

    async def quiet(self) -> None:
        """All calls are over, and what Asterisk says of them has come."""
        if not self.asterisk.child.running:
            return
        deadline = time.monotonic() + DEADLINE_S
        while "0 active channels" not in await self.asterisk.rx("core show channels count"):
            if time.monotonic() > deadline:
                raise SceneError("calls are left over: " + await self.asterisk.rx("core show channels concise"))
            await asyncio.sleep(_QUIET_S)
        await asyncio.sleep(_SETTLE_S)

    async def stop_now(self) -> float:
        """``core stop now``. Returns when it was; the recording is at its end."""
        at = time.time()
        await self.asterisk.rx("core stop now")
        await self.recorder.ended()
        await self.director.close()
        await asyncio.wait_for(self.asterisk.child.process.wait(), DEADLINE_S)
        return at

    async def kill(self) -> float:
        """End Asterisk as a crash would. Returns when it was."""
        at = time.time()
        self.asterisk.kill()
        await self.recorder.ended()
        await self.director.close()
        await asyncio.wait_for(self.asterisk.child.process.wait(), DEADLINE_S)
        return at

    async def start_again(self) -> float:
        """The same Asterisk; what is recorded goes on with a second banner. Returns when it was up."""
        self.asterisk = await RunningAsterisk.start(self.program, self.plan)
        at = time.time()
        self.director = await Director.start(self.plan.ami_port)
        before = await self.recorder.close()
        self.recorder = await Recorder.start(self.plan.ami_port)
        self.recorder.data[:0] = before
        return at

    @property
    def queue_log(self) -> bytes:
        """All rows so far, QUEUESTART first."""
        return (self.plan.state / "log" / "queue_log").read_bytes()

    async def close(self) -> None:
        for part in ("recorder", "director"):
            if hasattr(self, part):
                await getattr(self, part).close()
        if hasattr(self, "asterisk"):
            await self.asterisk.stop()
        for telephone in self.telephones.values():
            telephone.unplug()
        if hasattr(self, "media"):
            self.media.close()
        _taken.discard(getattr(self, "place", -1))


@dataclass(eq=False)
class Caller:
    """Somebody in the queue. ``joined_at``: UTC s since 1970."""

    on: On
    dialogue: Dialogue | None
    channel: str  # his, as Asterisk calls it
    far_end: str  # of a Local caller: the half that nobody queues
    joined_at: float

    async def hang_up(self) -> float:
        """Returns when it was."""
        if self.dialogue is not None:
            return await self.dialogue.hang_up()
        at = time.time()
        await self.on.act("Hangup", Channel=self.far_end)
        return at

    async def press(self, key: str) -> float:
        """Returns when it was down."""
        if self.dialogue is not None:
            return await self.dialogue.press(key)
        at = time.time() + KEY_S / 2
        await self.on.act("PlayDTMF", Channel=self.far_end, Digit=key, Duration=str(round(KEY_S * 1000)))
        return at

    async def over_there(self) -> float:
        """Wait until he is hung up on. Returns when it was."""
        if self.dialogue is not None:
            return await self.dialogue.over_there()
        return (await self.on.event("Hangup", Channel=self.channel))[0]


@dataclass(eq=False)
class On:
    """What one scene can do and see in its world."""

    world: World
    placed: Placed

    @property
    def flavour(self) -> Flavour:
        return self.world.flavour

    def queue(self, suffix: str = "") -> str:
        return self.placed.scene.queue(suffix)

    def name(self, agent: str) -> str:
        """The queue member's name."""
        return self.placed.agent(agent)

    def interface(self, agent: str) -> str:
        return interface(self.placed, agent, self.flavour)

    def phone(self, agent: str) -> Telephone:
        return self.world.telephones[self.placed.number(AGENTS[agent])]

    @property
    def context(self) -> str:
        """Where the numbers of this world are."""
        return CALL_CONTEXT if self.flavour is Flavour.OURS else FRONT_CONTEXT

    @property
    def front(self) -> str:
        return self.placed.number(FRONT)

    @property
    def back(self) -> str:
        return self.placed.number(BACK)

    @property
    def transfer(self) -> str:
        return self.placed.number(TRANSFER)

    @property
    def outside(self) -> Telephone:
        return self.world.telephones[self.placed.number(OUTSIDE)]

    async def caller(self, which: int = 0, *, suffix: str = "") -> Caller:
        """Somebody calls; he waits in the queue when this returns."""
        mark = self.mark()
        if self.flavour is Flavour.LOCAL:
            await self._originate(which)
            dialogue = None
        else:
            dialogue = (await self.world.telephone(self.placed.caller(which))).dial(self.front)
        at, joined = await self.event("QueueCallerJoin", since=mark, Queue=self.queue(suffix), CallerIDNum=self.placed.caller(which))
        channel = joined.get("Channel")
        return Caller(self, dialogue, channel, _far_end(channel), at)

    async def refused(self, which: int = 0) -> Caller:
        """Somebody calls and isn't let in; ``joined_at`` is when he came to the door."""
        mark = self.mark()
        if self.flavour is not Flavour.LOCAL:
            dialogue = await (await self.world.telephone(self.placed.caller(which))).call(self.front)
            return Caller(self, dialogue, "", "", dialogue.answered_at)
        await self._originate(which)
        at, made = await self.event("OriginateResponse", since=mark, CallerIDNum=self.placed.caller(which))
        return Caller(self, None, made.get("Channel"), _far_end(made.get("Channel")), at)

    async def _originate(self, which: int) -> None:
        """As the shared captures do it: one half of a Local channel queues, the other just waits."""
        number = self.placed.caller(which)
        await self.act(
            "Originate",
            Channel=f"Local/s@{LOCAL_CALLERS}/n",
            Context=FRONT_CONTEXT,
            Exten=self.front,
            Priority="1",
            CallerID=f"<{number}>",
            Async="true",
        )

    def mark(self) -> int:
        """The number of the event that comes next."""
        return len(self.world.director.seen)

    async def event(self, name: str, *, since: int = 0, **headers: str) -> tuple[float, AmiMessage]:
        return await self.world.director.event(name, since=since, **headers)

    async def act(self, action: str, **headers: Any) -> AmiMessage:
        return await self.world.director.act(action, **headers)

    async def add(self, agent: str, suffix: str = "", *, paused: bool = False) -> None:
        """Make her a member, as agents log in."""
        who = {"MemberName": self.name(agent), "StateInterface": self.device(agent), "Paused": str(paused).lower()}
        await self.act("QueueAdd", Queue=self.queue(suffix), Interface=self.interface(agent), Penalty="0", **who)

    def device(self, agent: str) -> str:
        return f"PJSIP/{self.placed.number(AGENTS[agent])}"

    async def connected(self, agent: str, suffix: str = "", since: int = 0) -> tuple[float, str]:
        """Caller and agent talk. Returns since when, and what her channel is called."""
        at, connect = await self.event("AgentConnect", since=since, Queue=self.queue(suffix), MemberName=self.name(agent))
        return at, connect.get("DestChannel")

    @staticmethod
    async def rest(seconds: float) -> None:
        await asyncio.sleep(seconds)


def _far_end(channel: str) -> str:
    return channel[:-1] + ("2" if channel.endswith("1") else "1")
