"""The houses that tests share: each answers differently."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from acceptance.settings_file import Setup, Team, closed_calendar

HOUSES: Mapping[str, Setup] = {
    # Staffed round the clock. HR and courses: an agent answers at once and hangs up first after 2 s. Products, which is also the
    # operator's queue, and complaints: the phone rings 4 s, and the agent talks until the caller hangs up.
    "open": Setup(
        {
            "hr": Team("brisk", 6),
            "course": Team("brisk", 8),
            "product": Team("chatty", 12),
            "complaint": Team("chatty", 8),
        }
    ),
    # Agents enough for everybody who claims to be somebody.
    "strangers": Setup({"hr": Team("brisk", 16)}),
    # One phone that nobody picks up (HR, courses), phones that can't be reached (products), one that isn't picked up before the
    # caller has waited enough (complaints).
    "unanswered": Setup(
        {
            "hr": Team("deaf", 1, ring_s=120),
            "course": Team("deaf", 1, ring_s=120, max_wait_s=14, max_waiting=1),
            "product": Team("gone", 2),
            "complaint": Team("deaf", 1, ring_s=120, max_wait_s=6),
        }
    ),
    # HR and complaints open again within a day; courses and products so late that nobody is told when.
    "closed": Setup(
        calendar=closed_calendar(datetime.now(UTC)),
        hours={"hr": "later", "course": "distant", "product": "distant", "complaint": "later"},
    ),
}
