"""What the simulated Asterisk says, as it would: AMI events with their headers in their order, and lines of queue_log.

For ``random_calls`` alone. Headers and order as in the captures of a real 22.10.1. Events of one thread keep their order; those of
others come within two milliseconds, in any order, which is what the captures show.
"""

from __future__ import annotations

from random import Random

from ami_bridge.ami_wire import AmiMessage
from ivr.testbed.random_calls.day import Logged, Said
from ivr.testbed.random_calls.parties import Agent, Channel
from ivr.testbed.random_calls.truth import SECOND

_HEAD = ("Event", "Privilege", "Timestamp")
CHANNEL = (
    *("Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName"),
    *("Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid"),
)
_DESTINATION = tuple("Dest" + name for name in CHANNEL)
_BRIDGE = (
    *("BridgeUniqueid", "BridgeType", "BridgeTechnology", "BridgeCreator", "BridgeName", "BridgeNumChannels"),
    "BridgeVideoSourceMode",
)
_PRIVILEGES = {"Queue": "agent,all", "Agent": "agent,all", "UserEvent": "user,all", "Shutdown": "system,all"}
_LATEST_US = 2000  # how much later another thread may speak of the same moment
_MEMBER = (
    *("Queue", "MemberName", "Interface", "StateInterface", "Membership", "Penalty", "CallsTaken", "LastCall", "LastPause"),
    *("LoginTime", "InCall", "Status", "Paused", "PausedReason", "Ringinuse", "Wrapuptime"),
)


class Wire:
    """Collects what is said. ``now_us`` is kept by the exchange's clock."""

    def __init__(self, random: Random, *, whole_seconds: bool, system: str, events: frozenset[str] | None) -> None:
        self.said: list[Said] = []
        self.logged: list[Logged] = []
        self.channels: list[Channel] = []
        self.now_us = 0
        self._random = random
        self._whole = whole_seconds
        self._prefix = f"{system}-" if system else ""
        self._head: tuple[str, ...] = (*_HEAD, "SystemName") if system else _HEAD
        self._named = (system,) if system else ()
        self._events = events
        self._count = 0
        self._spoke: dict[str, int] = {}

    def channel(self, technology: str, number: str, *, context: str, extension: str, state: int, caller: Channel | None = None) -> Channel:
        """A new channel, and its Newchannel; one that is called for a caller is made by his thread and bears his Linkedid."""
        self._count += 1
        uniqueid = f"{self._prefix}{self.now_us // SECOND}.{self._count}"
        name = f"PJSIP/{technology}-{self._count:08x}"
        caller_name = "<unknown>"
        linkedid = caller.linkedid if caller else uniqueid
        born = Channel(name, uniqueid, linkedid, number, caller_name, context, extension, self.now_us, state)
        self.channels.append(born)
        self.say(caller.uniqueid if caller else uniqueid, "Newchannel", born)
        return born

    def say(
        self,
        thread: str,
        event: str,
        channel: Channel | None = None,
        destination: Channel | None = None,
        keys: tuple[str, ...] = (),
        own: tuple[str, ...] = (),
    ) -> None:
        """One event by one of Asterisk's threads."""
        if self._events is not None and event not in self._events:
            return
        spoke = self._spoke.get(thread, 0)
        dice = self._random.random()
        at = spoke + 3 + int(dice * 90) if spoke >= self.now_us else self.now_us + int(dice * _LATEST_US)
        self._spoke[thread] = at
        stamp = self.now_us if self._whole else at
        values: tuple[str, ...] = (event, _privilege(event), f"{stamp // SECOND}.{stamp % SECOND:06d}", *self._named)
        names = self._head
        if channel is not None:
            names += CHANNEL
            values += channel.values
        if destination is not None:
            names += _DESTINATION
            values += destination.values
        self.said.append(Said(at, thread, AmiMessage(names + keys, values + own)))

    def bridge(self, event: str, channel: Channel, bridge: str, count: int) -> None:
        if self._events is not None and event not in self._events:
            return
        spoke = self._spoke.get(channel.uniqueid, 0)
        at = max(spoke, self.now_us) + self._random.randint(3, 400)
        self._spoke[channel.uniqueid] = at
        stamp = self.now_us if self._whole else at
        head = (event, "call,all", f"{stamp // SECOND}.{stamp % SECOND:06d}", *self._named)
        what = (bridge, "basic", "simple_bridge", "<unknown>", "<unknown>", str(count), "none")
        self.said.append(Said(at, channel.uniqueid, AmiMessage(self._head + _BRIDGE + CHANNEL, head + what + channel.values)))

    def hang_up(self, channel: Channel, cause: int = 16, thread: str = "") -> None:
        """The channel is gone. ``thread``: who published it, where that isn't its own."""
        text = "Normal Clearing" if cause == 16 else "Unknown"
        self.say(thread or channel.uniqueid, "Hangup", channel, None, ("Cause", "Cause-txt"), (str(cause), text))
        channel.died_us = max(self.now_us, 1)

    def member(self, event: str, agent: Agent, queue: str) -> None:
        """A member's state, once for every queue he is in."""
        own = (
            *(queue, agent.name, agent.interface, agent.interface, "dynamic", "0", str(agent.taken), str(agent.last_call_s), "0"),
            *(str(agent.since_s), "0", str(agent.state), str(int(agent.paused)), agent.reason, "0", "0"),
        )
        self.say("devices", event, None, None, _MEMBER, own)

    def log(self, callid: str, queue: str, agent: str, verb: str, *data: object) -> None:
        """A line of queue_log: whole seconds, as time() gives."""
        rest = "|".join(str(each) for each in data)
        self.logged.append(Logged(self.now_us, f"{self.now_us // SECOND}|{callid}|{queue}|{agent}|{verb}|{rest}"))


def _privilege(event: str) -> str:
    return _PRIVILEGES.get(event) or _PRIVILEGES.get(event[:5], "call,all")
