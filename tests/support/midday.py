"""A time zone in which it is about noon: what happens in a test shall not fall on two days because it runs at midnight."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_EAST_H = 12 - datetime.now(UTC).hour
# Etc/GMT-5 is five hours east.
MIDDAY = ZoneInfo(f"Etc/GMT{-_EAST_H:+d}")
