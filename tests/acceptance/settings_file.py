"""Settings files for the houses of the acceptance suite: who answers which queue, and when the lines are staffed.

Pure text, for ``house``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

Phones = Literal["brisk", "slow", "patient", "chatty", "deaf", "gone"]
LINES = ("hr", "course", "product", "complaint")
# One SIPp plays all phones of a kind behind one port. Nobody listens where the phones are gone.
PORTS: Mapping[Phones, int] = {"brisk": 5091, "chatty": 5092, "deaf": 5093, "gone": 5094, "slow": 5095, "patient": 5096}
_FIRST_EXTENSION: Mapping[Phones, int] = {"brisk": 100, "chatty": 200, "deaf": 300, "gone": 400, "slow": 500, "patient": 600}
_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Team:
    """Who answers one line's queue. Times in s, as in the settings."""

    phones: Phones = "brisk"
    size: int = 4
    ring_s: int = 15
    max_wait_s: int = 90
    max_waiting: int = 30


@dataclass(frozen=True, slots=True)
class Setup:
    """What distinguishes one house from another. ``environment`` holds ``IVRD_…`` settings over the file's."""

    teams: Mapping[str, Team] = field(default_factory=dict)
    calendar: str | None = None  # YAML; None: staffed round the clock
    hours: Mapping[str, str] = field(default_factory=dict)  # line → calendar, "hotline" otherwise
    environment: Mapping[str, str] = field(default_factory=dict)

    def team(self, line: str) -> Team:
        return self.teams.get(line, Team())

    def phones(self) -> set[Phones]:
        return {self.team(line).phones for line in LINES if self.team(line).size}


def settings_toml(setup: Setup, calendar: Path) -> str:
    """The whole file; ``calendar`` is where ``setup.calendar`` has been written to."""
    blocks = [f"calendar = {json.dumps(str(calendar))}" if setup.calendar else "always_open = true"]
    blocks += ["[asterisk]\nrtp_first_port = 10000\nrtp_last_port = 10399"]
    agents: dict[int, str] = {}
    for index, line in enumerate(LINES):
        team, hours = setup.team(line), setup.hours.get(line, "hotline")
        blocks.append(f'[lines.{line}]\nname = {{ zh = "{line}", en = "{line}" }}\nqueue = "{line}"\nhours = "{hours}"')
        first = _FIRST_EXTENSION[team.phones] + 20 * index
        extensions = [str(first + number) for number in range(team.size)]
        agents |= {int(extension): f"sip:{extension}@127.0.0.1:{PORTS[team.phones]}" for extension in extensions}
        blocks.append(
            f"[queues.{line}]\nmembers = {json.dumps(extensions)}\nring_s = {team.ring_s}\n"
            f"max_wait_s = {team.max_wait_s}\nmax_waiting = {team.max_waiting}"
        )
    blocks += [f'[agents.{extension}]\nname = "Agent {extension}"\ncontact = "{contact}"' for extension, contact in agents.items()]
    return "\n\n".join(blocks) + "\n"


def closed_calendar(now: datetime) -> str:
    """Two calendars that are closed at ``now``: ``later`` opens within a day, ``distant`` in more days than callers are told of."""
    local = now.astimezone(_ZONE)
    hour = (local + timedelta(hours=3)).hour
    span = f'[{{from: "{hour:02}:10", to: "{hour:02}:50"}}]'
    return (
        f"later: {{weekdays: {span}, weekends: {span}, public_holidays: {span}}}\n"
        f"distant: {{weekdays: [], weekends: [], public_holidays: [], dates: {{{local.date() + timedelta(days=100)}: {span}}}}}\n"
    )
