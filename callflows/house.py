"""What flows may name and what they must keep to: the settings, as the linter needs them. Made by the command line and the daemon."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from callflows.calendar import DAYS_LOOKED_AHEAD, StaffedHours

DAYS_OF_A_YEAR = 366
SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class House:
    """The settings' queues, lines and calendars, and the languages callers are spoken to in. What is None isn't checked.

    ``calendars`` by name, with their hours where these are to be checked too. ``webhooks``: name → the variables it may set.
    ``prompts`` are those that can be played, as ``zh/hotline-menu-1a2b3c4d``. ``variables`` are what every call begins with.
    ``now`` (aware) and ``zone`` are for the hours.

    ``human_within_s``: so soon, in s, must a caller be able to be with a human or in a queue, when he presses the right key as soon
    as each prompt was said once. ``worst_before_help_s``: so soon must one who presses nothing, or nothing right, come to a human, a
    message, a callback or a goodbye, with all budgets spent.
    """

    queues: Collection[str]
    lines: Collection[str]
    calendars: Mapping[str, StaffedHours] | Collection[str]
    languages: Collection[str]
    phones: Collection[str] | None = None
    webhooks: Mapping[str, Collection[str]] | None = None
    prompts: Collection[str] | None = None
    variables: Collection[str] = ("contact_number",)
    now: datetime | None = None
    zone: ZoneInfo = SHANGHAI
    human_within_s: float = 45.0
    worst_before_help_s: float = 180.0

    def opens_within_a_year(self, calendar: str) -> bool:
        """Is there an opening of this calendar in the year from now? True where its hours or the time aren't known."""
        hours = self.calendars.get(calendar) if isinstance(self.calendars, Mapping) else None
        if hours is None or self.now is None or hours.is_open(self.now, self.zone):
            return True
        steps = range(0, DAYS_OF_A_YEAR, DAYS_LOOKED_AHEAD)
        return any(hours.opens_at(self.now + timedelta(days=days), self.zone) is not None for days in steps)
