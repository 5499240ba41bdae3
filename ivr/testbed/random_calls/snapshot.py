"""What Asterisk would answer to CoreShowChannels and QueueStatus at any moment of a random day. For tests of gaps and restarts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ami_bridge.ami_wire import AmiMessage
from ivr.testbed.random_calls.day import Day
from ivr.testbed.random_calls.truth import SECOND
from ivr.testbed.random_calls.wire import CHANNEL

_CHANNEL_ITEM = ("Event", *CHANNEL, "Application", "ApplicationData", "Duration", "BridgeId")
_MEMBER_ITEM = (
    *("Event", "Queue", "Name", "Location", "StateInterface", "Membership", "Penalty", "CallsTaken", "LastCall", "LastPause"),
    *("LoginTime", "InCall", "Status", "Paused", "PausedReason", "Wrapuptime"),
)
_ENTRY_ITEM = (
    *("Event", "Queue", "Position", "Channel", "Uniqueid", "CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName"),
    *("Wait", "Priority"),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """List items in the order of the lists. ``queues`` holds QueueMember and QueueEntry."""

    at_us: int
    channels: Sequence[AmiMessage]
    queues: Sequence[AmiMessage]


def snapshot_at(day: Day, at_us: int) -> Snapshot:
    """The lists as of this moment, µs since 1970. A whole scan: for some dozens of moments a day, not for thousands."""
    channels = []
    for channel in day.channels:
        if not channel.lives_at(at_us):
            continue
        seconds = (at_us - channel.born_us) // SECOND
        duration = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        state = channel.state
        values = list(channel.values)
        if channel.up_us:
            state = 6 if channel.up_us <= at_us else 5
            values[1:3] = [str(state), "Up" if state == 6 else "Ringing"]
        application = channel.application_at(at_us)
        channels.append(AmiMessage(_CHANNEL_ITEM, ("CoreShowChannel", *values, application, "", duration, "")))
    queues = []
    for queue in day.plan.queues:
        for agent in day.agents:
            state, paused, member = agent.at(at_us)
            if not member or queue.name not in agent.queues:
                continue
            values = [queue.name, agent.name, agent.interface, agent.interface, "dynamic", "0", str(agent.taken), str(agent.last_call_s)]
            values += ["0", str(agent.since_s), str(int(state == 2)), str(state), str(int(paused)), "", "0"]
            queues.append(AmiMessage(_MEMBER_ITEM, ("QueueMember", *values)))
        here = [stay for stay in day.stays if stay.queue == queue.name and stay.joined_us <= at_us and not 0 < stay.left_us <= at_us]
        for place, stay in enumerate(here, 1):
            waited = str(at_us // SECOND - stay.joined_us // SECOND)
            values = [queue.name, str(place), stay.channel.name, stay.channel.uniqueid, "unknown", "unknown", "unknown", "unknown"]
            queues.append(AmiMessage(_ENTRY_ITEM, ("QueueEntry", *values, waited, "0")))
    return Snapshot(at_us, channels, queues)
