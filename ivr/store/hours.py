"""Overrides of the hours and supervisors' PINs in the store. Functions run by ``Database.write`` and ``read``, for services and CLI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from callflows.line_hours import Override, Setting
from ivr.store.schema import AuditRow, HoursOverrideRow, SupervisorPinRow, UserRow
from ivr.store.users import Role

# Who may set the hours by telephone, as on the console.
MAY_SET_HOURS = frozenset({Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR})
PIN_REFUSED = "pin-refused"
# What a newer version of ours has set, and this one doesn't know, can't be followed; it must not stop what can.
_KNOWN = tuple(setting.value for setting in Setting)


@dataclass(frozen=True, slots=True)
class NewOverride:
    """Asked for, and checked; times are aware UTC."""

    line: str | None
    setting: Setting
    begins_at: datetime
    ends_at: datetime
    reason: str
    set_by: str
    set_from: str


@dataclass(frozen=True, slots=True)
class StoredPin:
    user: str
    pin_hash: str
    set_at: datetime


def add(session: Session, new: NewOverride, now: datetime) -> Override:
    row = HoursOverrideRow(
        line=new.line,
        state=new.setting.value,
        begins_at=new.begins_at,
        ends_at=new.ends_at,
        reason=new.reason,
        set_by=new.set_by[:64],
        set_from=new.set_from,
        set_at=now,
    )
    session.add(row)
    session.flush()
    return _override(row)


def find(session: Session, override_id: int) -> Override | None:
    row = session.get(HoursOverrideRow, override_id)
    return _override(row) if row else None


def withdraw(session: Session, override_id: int, by: str, now: datetime) -> Override | None:
    """None when there is none, it has ended, or it was withdrawn before."""
    row = session.get(HoursOverrideRow, override_id)
    if row is None or row.withdrawn_at is not None or row.ends_at <= now or row.state not in _KNOWN:
        return None
    row.withdrawn_at, row.withdrawn_by = now, by[:64]
    return _override(row)


def standing(session: Session, now: datetime) -> Sequence[Override]:
    """Those that hold or will, by id."""
    wanted = (
        select(HoursOverrideRow)
        .where(HoursOverrideRow.ends_at > now, HoursOverrideRow.withdrawn_at.is_(None), HoursOverrideRow.state.in_(_KNOWN))
        .order_by(HoursOverrideRow.id)
    )
    return [_override(row) for row in session.scalars(wanted)]


def latest(session: Session, limit: int) -> Sequence[Override]:
    """The newest first, ended and withdrawn ones too."""
    wanted = select(HoursOverrideRow).where(HoursOverrideRow.state.in_(_KNOWN)).order_by(HoursOverrideRow.id.desc()).limit(limit)
    return [_override(row) for row in session.scalars(wanted)]


def set_pin(session: Session, user: str, pin_hash: str, now: datetime) -> None:
    """In place of the one before. The user must be there."""
    row = session.get(SupervisorPinRow, user)
    if row is None:
        session.add(SupervisorPinRow(user=user, pin_hash=pin_hash, set_at=now))
    else:
        row.pin_hash, row.set_at = pin_hash, now


def remove_pin(session: Session, user: str) -> bool:
    """Was there one?"""
    return bool(session.execute(delete(SupervisorPinRow).where(SupervisorPinRow.user == user)).rowcount)  # type: ignore[attr-defined]


def usable_pins(session: Session) -> Sequence[StoredPin]:
    """Of everybody whose account is enabled and whose role may set the hours, by name."""
    wanted = (
        select(SupervisorPinRow)
        .join(UserRow, UserRow.name == SupervisorPinRow.user)
        .where(UserRow.disabled.is_(False), UserRow.role.in_([role.value for role in MAY_SET_HOURS]))
        .order_by(SupervisorPinRow.user)
    )
    return [StoredPin(row.user, row.pin_hash, row.set_at) for row in session.scalars(wanted)]


def wrong_pins(session: Session, since: datetime) -> Sequence[datetime]:
    """When wrong PINs were keyed in after ``since``, in order: by the audit trail, so that a restart forgets none."""
    wanted = select(AuditRow.at).where(AuditRow.action == PIN_REFUSED, AuditRow.at > since).order_by(AuditRow.at)
    return list(session.scalars(wanted))


def _override(row: HoursOverrideRow) -> Override:
    return Override(
        id=row.id,
        line=row.line,
        setting=Setting(row.state),
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        reason=row.reason,
        set_by=row.set_by,
        set_from=row.set_from,
        set_at=row.set_at,
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=row.withdrawn_by,
    )
