"""The tables, one schema for SQLite and PostgreSQL. Migrations follow it (``ivrd db upgrade``); a test holds the two together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, Integer, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python; SQLite keeps it without an offset, so a naive value would be a lie and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ContactRow(Base):
    """A service record (R6). ``caller`` and ``caller_name`` are sealed; ``caller_index`` finds a number again."""

    __tablename__ = "contacts"
    id: Mapped[str] = mapped_column(String(150), primary_key=True)
    call: Mapped[str] = mapped_column(String(150))
    sip_call_id: Mapped[str] = mapped_column(String(255), index=True)
    caller: Mapped[str] = mapped_column(Text)
    caller_index: Mapped[str] = mapped_column(String(32), index=True)
    caller_name: Mapped[str] = mapped_column(Text)
    dialled: Mapped[str] = mapped_column(String(80))
    line: Mapped[str | None] = mapped_column(String(32))
    language: Mapped[str] = mapped_column(String(8))
    flow_version: Mapped[str] = mapped_column(String(32))
    served_by: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    outcome: Mapped[str | None] = mapped_column(String(32))
    failure: Mapped[str | None] = mapped_column(Text)
    # Path, visits and the walk's position are read with their contact and never queried alone.
    path: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    visits: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    progress: Mapped[dict[str, Any]] = mapped_column(JSON)


class ComplaintRow(Base):
    """The complaint register 投诉登记表 (R11). ``key`` is what makes a second filing of the same complaint the same row."""

    __tablename__ = "complaints"
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    contact: Mapped[str] = mapped_column(String(150), index=True)
    line: Mapped[str | None] = mapped_column(String(32))
    serial: Mapped[str | None] = mapped_column(String(32))
    caller: Mapped[str] = mapped_column(Text)
    caller_name: Mapped[str] = mapped_column(Text)
    contact_number: Mapped[str] = mapped_column(Text)
    contact_number_index: Mapped[str] = mapped_column(String(32), index=True)
    recording: Mapped[str | None] = mapped_column(String(255))
    recording_s: Mapped[float | None]
    incomplete: Mapped[bool]
    state: Mapped[str] = mapped_column(String(16))
    crm_reference: Mapped[str | None] = mapped_column(String(255))
    filed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ComplaintCounterRow(Base):
    """The last number given out on a local day."""

    __tablename__ = "complaint_counters"
    day: Mapped[str] = mapped_column(String(8), primary_key=True)
    last: Mapped[int] = mapped_column(Integer)


class MessageRow(Base):
    """A message left for a line: out of hours, nobody free, or in the fallback."""

    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    contact: Mapped[str] = mapped_column(String(150), index=True)
    line: Mapped[str | None] = mapped_column(String(32))
    caller: Mapped[str] = mapped_column(Text)
    caller_index: Mapped[str] = mapped_column(String(32))
    recording: Mapped[str] = mapped_column(String(255))
    recording_s: Mapped[float | None]
    incomplete: Mapped[bool]
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class OutboxRow(Base):
    """Something that must leave the house, written in the transaction that caused it."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    topic: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(150))  # the complaint's number, read anew at delivery
    state: Mapped[str] = mapped_column(String(12))  # pending, done, rejected
    attempts: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (Index(None, "state", "next_attempt_at"),)


class SpoolImportRow(Base):
    """A spool entry of the fallback that has come in: a second import of it does nothing."""

    __tablename__ = "spool_imports"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    contact: Mapped[str] = mapped_column(String(150), ForeignKey("contacts.id"))
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)
