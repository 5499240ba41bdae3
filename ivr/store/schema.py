"""The tables, one schema for SQLite and PostgreSQL. Migrations follow it (``ivrd db upgrade``); a test holds the two together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
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
        return None if value is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """SQLite's text is read in one step, in an eighth of the time: months of visits have three times each."""
        return _read_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _read_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


# SQLite counts a primary key up by itself only where its type is INTEGER, which is 64 bits wide there.
COUNTED = BigInteger().with_variant(Integer(), "sqlite")


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
    pbx: Mapped[str] = mapped_column(String(32), server_default="main")
    last_node: Mapped[str | None] = mapped_column(String(64))  # of the flow: where he was when he hung up there
    nodes: Mapped[int] = mapped_column(Integer, server_default="0")  # how many he came through
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
    verdict: Mapped[str | None] = mapped_column(String(16))  # unfounded, ordinary, serious (R13-R15)
    rejections: Mapped[int] = mapped_column(Integer, server_default="0")  # how often the customer rejected what he was told (R19)
    waits_since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # for an answer, since the last rejection; None: since it was filed


class ComplaintEventRow(Base):
    """One step of a case, with who and when (R16): the handling form 《投诉处理表》 is its events in order."""

    __tablename__ = "complaint_events"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    complaint: Mapped[str] = mapped_column(String(20), ForeignKey("complaints.number"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(16))  # verify, solve, inform, close, reopen
    note: Mapped[str] = mapped_column(Text)


class CaseDeadlineRow(Base):
    """When an unanswered case goes up a level (R18). The row is the truth for what is due, and told once."""

    __tablename__ = "case_deadlines"
    complaint: Mapped[str] = mapped_column(String(20), ForeignKey("complaints.number"), primary_key=True)
    round: Mapped[int] = mapped_column(Integer, primary_key=True)  # how often it had been reopened
    level: Mapped[int] = mapped_column(Integer, primary_key=True)  # 1 reminder, 2 supervisor, 3 manager
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(12))  # due, told, answered, overtaken (by a higher level)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (Index(None, "state", "due_at"),)


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
    channel: Mapped[str] = mapped_column(String(40))  # the worker that delivers it, in order of id
    topic: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(150))  # the complaint's number, read anew at delivery; the contact's id
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)  # what isn't read anew; nobody's whole number or name
    state: Mapped[str] = mapped_column(String(12))  # pending, done, rejected
    attempts: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (Index(None, "channel", "state", "next_attempt_at"),)


class SpoolImportRow(Base):
    """A spool entry of the fallback that has come in: a second import of it does nothing."""

    __tablename__ = "spool_imports"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    contact: Mapped[str] = mapped_column(String(150), ForeignKey("contacts.id"))
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)


_LIVE = text("state IN ('claimed', 'dialling')")


class CallbackRow(Base):
    """A call we promised. The row is the truth for what is due; ``key`` makes the same promise given twice one row."""

    __tablename__ = "callbacks"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    reason: Mapped[str] = mapped_column(String(16))  # requested, abandoned, follow_up
    contact: Mapped[str | None] = mapped_column(String(150), index=True)  # the call it came from
    complaint: Mapped[str | None] = mapped_column(String(20))
    line: Mapped[str | None] = mapped_column(String(32))
    queue: Mapped[str] = mapped_column(String(32))
    language: Mapped[str] = mapped_column(String(8))
    number: Mapped[str] = mapped_column(Text)  # sealed E.164
    number_index: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(12))  # due, claimed, dialling, done, failed, cancelled, expired
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer)
    owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    channel_id: Mapped[str | None] = mapped_column(String(80))  # of the attempt that is dialling
    last_result: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    created_by: Mapped[str] = mapped_column(String(64))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        Index(None, "state", "due_at"),
        Index(None, "number_index", "state"),
        # R31: never twice at once to one person, whatever two schedulers think.
        Index("uq_callbacks_live_number", "number_index", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    )


class CallbackAttemptRow(Base):
    """One dial, written before Asterisk is asked for it."""

    __tablename__ = "callback_attempts"
    channel_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    callback: Mapped[str] = mapped_column(String(36), ForeignKey("callbacks.id"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    dialled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[str | None] = mapped_column(String(40))


class UserRow(Base):
    """A personal account of the console (R61)."""

    __tablename__ = "users"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))  # agent, supervisor, manager, administrator
    language: Mapped[str] = mapped_column(String(8))
    must_change: Mapped[bool]
    disabled: Mapped[bool]
    failed_logins: Mapped[int] = mapped_column(Integer)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SessionRow(Base):
    """Somebody is logged in. Only the hash of the cookie's token is kept."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column(String(64), ForeignKey("users.name"))
    csrf: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditRow(Base):
    """Who did or saw what (R60, R61)."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(150))


class FlowVersionRow(Base):
    """The call flows as they were published. ``id`` names their exact contents; at most one is in service, and one more on trial."""

    __tablename__ = "flow_versions"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    sources: Mapped[dict[str, str]] = mapped_column(JSON)  # file name → text
    published_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    published_by: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text)


class FlowServiceRow(Base):
    """Which flows new calls get, step by step: the newest row counts. With a trial, ``share`` (0 to 1) of callers get ``trial``."""

    __tablename__ = "flow_service"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(32), ForeignKey("flow_versions.id"))
    trial: Mapped[str | None] = mapped_column(String(32), ForeignKey("flow_versions.id"))
    share: Mapped[float]
    reason: Mapped[str] = mapped_column(Text)


class HoursOverrideRow(Base):
    """Somebody opened, closed or declared an emergency, until a time. The newest that holds and isn't withdrawn counts."""

    __tablename__ = "hours_overrides"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    line: Mapped[str | None] = mapped_column(String(32))  # None: every line
    state: Mapped[str] = mapped_column(String(12))  # open, closed, emergency
    begins_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    reason: Mapped[str] = mapped_column(Text)
    set_by: Mapped[str] = mapped_column(String(64))
    set_from: Mapped[str] = mapped_column(String(12))  # phone, console, command
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_by: Mapped[str | None] = mapped_column(String(64))


class RatingRow(Base):
    """What a caller thought of how he was served (R50); no rating: the survey was offered and not answered."""

    __tablename__ = "ratings"
    contact: Mapped[str] = mapped_column(String(150), primary_key=True)
    question: Mapped[str] = mapped_column(String(48), primary_key=True)
    line: Mapped[str | None] = mapped_column(String(32))
    queue: Mapped[str | None] = mapped_column(String(32))
    agent: Mapped[str | None] = mapped_column(String(64))
    offered_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    rating: Mapped[int | None] = mapped_column(Integer)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RememberedChoiceRow(Base):
    """What a caller chose last, found by the index of his number."""

    __tablename__ = "remembered_choices"
    caller_index: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class SupervisorPinRow(Base):
    """A supervisor's PIN for the telephone, hashed."""

    __tablename__ = "supervisor_pins"
    user: Mapped[str] = mapped_column(String(64), ForeignKey("users.name"), primary_key=True)
    pin_hash: Mapped[str] = mapped_column(String(255))
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LedgerRow(Base):
    """A fact as somebody told it (``ivr.domain.ledger``): appended, never changed, and after ``ledger.keep_days`` removed.

    ``body`` is JSON; a caller's number or name in it is sealed. ``key`` makes the same fact told twice one row.
    """

    __tablename__ = "ledger"
    seq: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    pbx: Mapped[str] = mapped_column(String(32))
    source: Mapped[str] = mapped_column(String(12))
    kind: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    contact: Mapped[str] = mapped_column(String(150), index=True)  # "": of no call, or of none we follow
    key: Mapped[str] = mapped_column(String(32), unique=True)
    body: Mapped[str] = mapped_column(Text)


class VisitRow(Base):
    """One entry into one queue, as the folds of the ledger have it now. Durations in ms; None: not ended, or not known."""

    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    contact: Mapped[str] = mapped_column(String(150))
    number: Mapped[int] = mapped_column(Integer)  # of the contact's visits, from 1
    pbx: Mapped[str] = mapped_column(String(32))
    queue: Mapped[str] = mapped_column(String(32))
    line: Mapped[str] = mapped_column(String(32))  # "": he chose none
    agent: Mapped[str | None] = mapped_column(String(80))
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)  # picked up, or out of the queue: his wait's end
    talk_ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    outcome: Mapped[str | None] = mapped_column(String(16))
    wait_ms: Mapped[int | None] = mapped_column(Integer)
    ring_ms: Mapped[int | None] = mapped_column(Integer)
    talk_ms: Mapped[int | None] = mapped_column(Integer)
    held_ms: Mapped[int | None] = mapped_column(Integer)
    ended_by: Mapped[str | None] = mapped_column(String(16))
    quality: Mapped[str] = mapped_column(String(16))  # exact, reconstructed, uncertain
    __table_args__ = (UniqueConstraint("contact", "number"), Index(None, "queue", "joined_at"))


class FigureCellRow(Base):
    """What the visits of one minute, or of one quarter of an hour, add up to; ``tally`` is JSON (``ivr.domain.tally``).

    ``view``: cohort, by the entry into the queue; activity, by the moment of each event. ``agent`` "" stands for all of them, ``queue``
    "" for the calls themselves. One row of the grain "since" says from when on contacts have their visits as rows.
    """

    __tablename__ = "figure_cells"
    grain: Mapped[str] = mapped_column(String(8), primary_key=True)  # minute, quarter
    view: Mapped[str] = mapped_column(String(8), primary_key=True)
    start: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    pbx: Mapped[str] = mapped_column(String(32), primary_key=True)
    queue: Mapped[str] = mapped_column(String(32), primary_key=True)
    line: Mapped[str] = mapped_column(String(32), primary_key=True)
    agent: Mapped[str] = mapped_column(String(80), primary_key=True)
    tally: Mapped[str] = mapped_column(Text)


class StaleMinuteRow(Base):
    """A minute whose visits changed since its cells were made."""

    __tablename__ = "stale_minutes"
    minute: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)


class AgentIntervalRow(Base):
    """An agent was in one state from ``began_at`` to ``ended_at`` (R40); one row has no end: his state now."""

    __tablename__ = "agent_intervals"
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    pbx: Mapped[str] = mapped_column(String(32))
    agent: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(80))  # of a break
    queue: Mapped[str] = mapped_column(String(32))  # of the call he rings, talks or wraps up for
    call: Mapped[str] = mapped_column(String(150))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    quality: Mapped[str] = mapped_column(String(16))
    __table_args__ = (UniqueConstraint("pbx", "agent", "began_at", "state"),)


class AgentEventRow(Base):
    """Something an agent's figures count: an offer and how it ended, a transfer out or in."""

    __tablename__ = "agent_events"
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    pbx: Mapped[str] = mapped_column(String(32))
    agent: Mapped[str] = mapped_column(String(80))
    queue: Mapped[str] = mapped_column(String(32))
    contact: Mapped[str] = mapped_column(String(150))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    what: Mapped[str] = mapped_column(
        String(20)
    )  # answered, refused, no_answer, cancelled, pick_up_failed, transferred_out, transferred_in
    ms: Mapped[int | None] = mapped_column(Integer)  # how long his phone rang


class LogPositionRow(Base):
    """How far a queue_log has been read: the file by device and inode, the bytes of whole lines, and how its first line begins."""

    __tablename__ = "log_positions"
    pbx: Mapped[str] = mapped_column(String(32), primary_key=True)
    path: Mapped[str] = mapped_column(String(255), primary_key=True)
    inode: Mapped[str] = mapped_column(String(64))
    offset: Mapped[int] = mapped_column(COUNTED)
    head: Mapped[str] = mapped_column(String(64))
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LinkGapRow(Base):
    """The link to a PBX's manager was down, or the daemon was: what happened then, queue_log told, or nobody."""

    __tablename__ = "link_gaps"
    pbx: Mapped[str] = mapped_column(String(32), primary_key=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    filled: Mapped[bool]  # from queue_log, whole


class TotalRow(Base):
    """A counter of /metrics as it stood: so that it goes on after a restart. ``labels``: values in the metric's order, by tabs."""

    __tablename__ = "totals"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    labels: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[float]


class MadeReportRow(Base):
    """A daily, weekly or monthly report that was made (R52): once for each period, however often the clock strikes."""

    __tablename__ = "made_reports"
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)  # day, week, month
    period: Mapped[str] = mapped_column(String(10), primary_key=True)  # its first local day
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: made by hand alone, the clock has yet to tell of it
    files: Mapped[dict[str, str]] = mapped_column(JSON)  # zh.html → its name in the state folder's reports
