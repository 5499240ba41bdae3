"""Whose wait a row of queue_log tells of that bears another call than the wait began with: a transfer put a caller in that place.

Pure; for ``contact_book`` alone, which hears of such transfers from AMI where it can (asterisk #759).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from ami_bridge.facts import CallerWaiting
from ivr.domain.call_facts import PlaceTaken
from ivr.domain.held_contact import HeldContact
from ivr.domain.journal import OUT_OF_ORDER


def second_call(row: CallerWaiting, pbx: str, caller: str, held: Mapping[str, HeldContact]) -> tuple[str, str] | None:
    """``caller`` was handed over by an attended transfer: the contact of the call he waits in the place of, and that call."""
    others = ((name, contact) for name, contact in held.items() if contact.pbx == pbx and name != caller)
    return _nearest(row, others, only_by_position=False)


def renamed(row: CallerWaiting, pbx: str, held: Mapping[str, HeldContact]) -> PlaceTaken | None:
    """A row of a wait without an entry, by a call that nobody knows: whoever came at that time and position, and waits yet, is meant.

    An attended transfer behind ``Local/…/n`` puts another channel in the place of the agent's second call, and no row tells of it.
    """
    if not row.position:
        return None
    found = _nearest(row, ((name, contact) for name, contact in held.items() if contact.pbx == pbx), only_by_position=True)
    return PlaceTaken(row.at, found[0], row.call, found[1]) if found else None


def _nearest(row: CallerWaiting, among: Iterable[tuple[str, HeldContact]], *, only_by_position: bool) -> tuple[str, str] | None:
    joined_at = row.at - timedelta(seconds=row.waited)
    found = []
    for name, contact in among:
        visit = contact.contact.open_visit
        if visit is None or visit.queue != row.queue or (apart := abs(visit.joined_at - joined_at)) > OUT_OF_ORDER:
            continue
        positions = contact.positions_in(row.queue)
        if row.position in positions or (not only_by_position and not (row.position and positions)):
            found.append((apart, name, visit.call))
    return min(found)[1:] if found else None
