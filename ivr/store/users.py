"""Accounts of the console, their log-ins, and the audit trail (R60, R61). Functions run by ``Database.write`` and ``read``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ivr.store.schema import AuditRow, SessionRow, UserRow


class Role(StrEnum):
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    MANAGER = "manager"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class User:
    """One account. ``language`` is "" until its owner has chosen; times are aware UTC."""

    name: str
    password_hash: str
    role: Role
    language: str
    must_change: bool
    disabled: bool
    failed_logins: int
    locked_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A log-in that holds: whose, and the token his forms carry."""

    user: User
    csrf: str
    expires_at: datetime


class UserExistsError(Exception):
    """There is an account of this name already."""


class NoSuchUserError(Exception):
    """There is no account of this name."""


def add(session: Session, name: str, role: Role, password_hash: str, *, now: datetime) -> User:
    """A new account with a one-time password. Raises UserExistsError."""
    if session.get(UserRow, name) is not None:
        raise UserExistsError(f"there is an account {name} already")
    row = UserRow(
        name=name,
        password_hash=password_hash,
        role=role.value,
        language="",
        must_change=True,
        disabled=False,
        failed_logins=0,
        locked_until=None,
        created_at=now,
    )
    session.add(row)
    return _user(row)


def find(session: Session, name: str) -> User | None:
    row = session.get(UserRow, name)
    return _user(row) if row else None


def everybody(session: Session) -> Sequence[User]:
    """All accounts by name."""
    return [_user(row) for row in session.scalars(select(UserRow).order_by(UserRow.name))]


def set_password(session: Session, name: str, password_hash: str, *, one_time: bool) -> None:
    """A new password: locks are lifted, and everybody who is logged in with the old one no longer is. Raises NoSuchUserError."""
    row = _row(session, name)
    row.password_hash, row.must_change = password_hash, one_time
    row.failed_logins, row.locked_until = 0, None
    session.execute(delete(SessionRow).where(SessionRow.user == name))


def set_disabled(session: Session, name: str, disabled: bool) -> None:
    """Raises NoSuchUserError."""
    _row(session, name).disabled = disabled
    if disabled:
        session.execute(delete(SessionRow).where(SessionRow.user == name))


def set_language(session: Session, name: str, language: str) -> None:
    """Raises NoSuchUserError."""
    _row(session, name).language = language


def note_failure(session: Session, name: str, failures: int, locked_until: datetime | None) -> None:
    if row := session.get(UserRow, name):
        row.failed_logins, row.locked_until = failures, locked_until


def begin_session(session: Session, name: str, token_hash: str, csrf: str, *, now: datetime, expires_at: datetime) -> None:
    """Log in; sessions that have run out are cleared away at the same time. Raises NoSuchUserError."""
    row = _row(session, name)
    row.failed_logins, row.locked_until = 0, None
    session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
    session.add(SessionRow(token_hash=token_hash, user=name, csrf=csrf, expires_at=expires_at))


def session_of(session: Session, token_hash: str, now: datetime) -> OpenSession | None:
    """The log-in of this token, unless it has run out or the account is disabled."""
    row = session.get(SessionRow, token_hash)
    if row is None or row.expires_at <= now:
        return None
    user = find(session, row.user)
    return None if user is None or user.disabled else OpenSession(user, row.csrf, row.expires_at)


def end_session(session: Session, token_hash: str) -> None:
    session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash))


def audit(session: Session, actor: str, action: str, subject: str, now: datetime) -> None:
    """Who did or saw what. ``subject`` is an id of ours, never a number or a name of a caller."""
    session.add(AuditRow(at=now, actor=actor[:64], action=action[:40], subject=subject[:150]))


def _row(session: Session, name: str) -> UserRow:
    row = session.get(UserRow, name)
    if row is None:
        raise NoSuchUserError(f"there is no account {name}")
    return row


def _user(row: UserRow) -> User:
    return User(
        name=row.name,
        password_hash=row.password_hash,
        role=Role(row.role),
        language=row.language,
        must_change=row.must_change,
        disabled=row.disabled,
        failed_logins=row.failed_logins,
        locked_until=row.locked_until,
        created_at=row.created_at,
    )
