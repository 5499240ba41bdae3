"""``ivrd doctor``: what works and what doesn't in the running system, part by part, each with what to do about it.

It asks the daemon how it is and looks for itself at what the daemon leans on. It changes nothing.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import platform
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ami_bridge.queue_log import MAX_LINE_BYTES
from ivr.checking import faults_of, warnings_of
from ivr.database_hold import holder_of
from ivr.disk import disk_trouble, folder_trouble
from ivr.outbox import OPEN_STATES
from ivr.queue_log_source import LogUnreadableError, configured_log, is_table, source_of
from ivr.settings import Settings, SettingsError
from ivr.store import log_positions
from ivr.store.database import Database, StoreError
from ivr.store.schema import OutboxRow

ANSWER_TIMEOUT_S = 5.0
# An AMI banner, and nothing else, is the first that an Asterisk says.
_BANNER = b"Asterisk Call Manager/"
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_TIMEX_BYTES = 512  # struct timex is 208 bytes on 64-bit Linux
# Something that waits longer than this to leave the house is a trouble somebody should know of.
OVERDUE_S = 600.0
BEHIND_S = 60.0  # the daemon reads queue_log every second
MOST_TOLD = 5  # faults of the settings; the rest are for `ivrd check`


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"  # calls are served, something is worse than it should be
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    state: State
    sentence: str


@dataclass(slots=True)
class Diagnosis:
    findings: list[Finding] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(finding.state is not State.BAD for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "findings": [asdict(finding) for finding in self.findings], "versions": self.versions}


def examine(settings: Settings) -> Diagnosis:
    """Look at every part; takes some seconds where nobody answers. Never raises for what is ill."""
    diagnosis = Diagnosis(versions={"ivrd": importlib.metadata.version("ivrd"), "python": platform.python_version()})
    here = settings.paths.root.exists()  # a folder that is mistyped must not be made by looking, with secrets of its own
    in_state = (_database, _queue_log, _settings) if here else ()
    for look in (_daemon, _agi, _ami, *in_state, _clock, _disk):
        part = look.__name__.strip("_").replace("_", " ")
        found = list(look(settings, diagnosis.versions))
        diagnosis.findings += [Finding(part, state, sentence) for state, sentence in found]
    return diagnosis


Said = Iterator[tuple[State, str]]


def _daemon(settings: Settings, versions: dict[str, str]) -> Said:
    address = f"http://{settings.console.host}:{settings.shifted(settings.console.port)}/readyz"
    try:
        with urllib.request.urlopen(address, timeout=ANSWER_TIMEOUT_S) as answer:
            told = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        told = _json(error.read())
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        yield State.BAD, f"nobody answers at {address} ({reason}): start `ivrd run`, with this STATE and PORT_OFFSET"
        return
    if not isinstance(told, dict) or "missing" not in told:
        yield State.BAD, f"what answers at {address} is not ivrd: stop it, or set console.port"
        return
    versions.update({name: str(version) for name, version in (told.get("versions") or {}).items()})
    for sentence in told["missing"]:
        yield State.BAD, str(sentence)
    for sentence in told.get("degraded", []):
        yield State.WARNING, str(sentence)
    if not told["missing"]:
        yield State.OK, "it is ready for calls"


def _agi(settings: Settings, _: dict[str, str]) -> Said:
    yield _knock("FastAGI", settings.agi.host, settings.shifted(settings.agi.port), "is the daemon running?")


def _ami(settings: Settings, _: dict[str, str]) -> Said:
    host, port = settings.asterisk.host, settings.shifted(settings.ami.port)
    yield _knock("Asterisk's manager (AMI)", host, port, "is Asterisk running, with our manager.conf?", says=_BANNER)


def _knock(what: str, host: str, port: int, hint: str, *, says: bytes = b"") -> tuple[State, str]:
    """``says`` is what it greets everybody with; a FastAGI server waits for the other side to speak."""
    try:
        with socket.create_connection((host, port), ANSWER_TIMEOUT_S) as door:
            door.settimeout(ANSWER_TIMEOUT_S)
            said = door.recv(64) if says else b""
    except OSError as error:
        return State.BAD, f"{what} at {host}:{port} can't be reached: {error}; {hint}"
    if not said.startswith(says):
        return State.BAD, f"what answers at {host}:{port} is not {what}"
    return State.OK, f"{what} answers at {host}:{port}"


def _database(settings: Settings, versions: dict[str, str]) -> Said:
    if settings.store.url is None and not settings.paths.database.exists():
        yield State.BAD, f"{settings.paths.database}: there is no database yet; it is made at the first `ivrd run`"
        return
    database = Database(settings.store_url)
    try:
        at, wanted = database.schema_version(), database.newest_schema()
        versions["schema"] = at or "none"
        if at != wanted:
            yield State.BAD, f"the schema is at {at}, this ivrd needs {wanted}: run `ivrd db upgrade`, or restart the daemon"
            return
        waiting, oldest = database.read_now(_not_out_yet)
    except (StoreError, SQLAlchemyError) as error:
        yield State.BAD, f"the database can't be read: {error}"
        return
    finally:
        database.close()
    yield State.OK, f"the database answers, schema {at}; {_held(settings)}"
    late_s = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
    if late_s > OVERDUE_S:
        yield (
            State.WARNING,
            f"{waiting} messages wait to leave the house, the oldest for {late_s / 60:.0f} min: see the CRM and the channels",
        )


def _held(settings: Settings) -> str:
    """Whose it is: of a daemon elsewhere, too, which nothing else here would tell of."""
    try:
        holder = holder_of(settings.store_url)
    except StoreError as error:
        return f"who runs ivrd on it can't be told: {error}"
    return f"{holder} runs ivrd on it" if holder else "no daemon runs on it"


def _not_out_yet(session: Session) -> tuple[int, datetime | None]:
    counted = select(func.count(), func.min(OutboxRow.created_at)).where(OutboxRow.state.in_(OPEN_STATES))
    waiting, oldest = session.execute(counted).one()
    return int(waiting), oldest.replace(tzinfo=UTC) if oldest and oldest.tzinfo is None else oldest


def _queue_log(settings: Settings, _: dict[str, str]) -> Said:
    """Whether it can be read, how old its last row is, and how far the daemon has read it."""
    try:
        log = configured_log(settings)
        source = source_of(settings)
        end = source.end()
    except SettingsError as error:
        yield State.BAD, "; ".join(error.problems)
        return
    except LogUnreadableError as error:
        yield State.WARNING, f"{error}; without it nobody tells what happens while the daemon or its link is down"
        return
    if end is None:
        yield (
            State.WARNING,
            f"{source.name}: there is none, so what happens while the daemon or its link is down can't be told; is Asterisk elsewhere?",
        )
        return
    last = "" if is_table(log) else _last_row(Path(log))
    reached = _reached(settings, source.name)
    if reached is None:
        yield State.WARNING, f"{source.name} can be read{last}; the daemon has not begun to: start `ivrd run`"
    elif reached.position.offset < end.offset or reached.position.inode != end.inode:
        behind_s = (datetime.now(UTC) - reached.read_at).total_seconds()
        state = State.WARNING if behind_s > BEHIND_S else State.OK
        yield state, f"{source.name} can be read{last}; the daemon has read up to {reached.position.offset}, {behind_s:.0f} s ago"
    else:
        yield State.OK, f"{source.name} can be read{last}; the daemon has read all of it"


def _last_row(log: Path) -> str:
    """How old it is, in words."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - MAX_LINE_BYTES))
        seconds = [row.partition(b"|")[0] for row in file.read().splitlines()]
    told = next((int(second) for second in reversed(seconds) if second.isdigit() and len(second) <= 11), None)
    return "" if told is None else f", its last row is of {(datetime.now(UTC).timestamp() - told) / 60:.0f} min ago"


def _reached(settings: Settings, name: str) -> log_positions.Reached | None:
    database = Database(settings.store_url)
    try:
        return database.read_now(partial(log_positions.reached, pbx=settings.asterisk.name, path=name))
    except StoreError:
        return None  # the database's own check says it
    finally:
        database.close()


def _settings(settings: Settings, _: dict[str, str]) -> Said:
    """Flows, prompts, calendar, the Asterisk configuration, addresses and secrets of the CRM and the alert channels."""
    faults = faults_of(settings)
    for fault in faults[:MOST_TOLD]:
        yield State.BAD, fault
    if len(faults) > MOST_TOLD:
        yield State.BAD, f"and {len(faults) - MOST_TOLD} more: `ivrd check` tells them all"
    for warning in warnings_of(settings, datetime.now(UTC)):
        yield State.WARNING, warning
    if not faults:
        yield State.OK, "flows, prompts, calendar, the Asterisk configuration, CRM and alert channels are fit"


def _clock(_: Settings, __: dict[str, str]) -> Said:
    """Whether the kernel's clock is steered by anybody (adjtimex(2) with no modes asks and changes nothing)."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if state == _UNSYNCHRONISED:
        yield (
            State.WARNING,
            f"the clock says {now}, and nobody keeps it right: install chrony, or the figures drift from the telephone bill",
        )
    elif state >= 0:
        yield State.OK, f"the clock is kept right and says {now}"


def _disk(settings: Settings, _: dict[str, str]) -> Said:
    try:
        trouble = disk_trouble(settings.paths.root) or folder_trouble(settings.paths)
    except OSError as error:
        yield State.BAD, f"{settings.paths.root}: the state folder can't be looked at: {error.strerror}; set STATE to where ivrd runs"
        return
    yield (State.BAD, trouble) if trouble else (State.OK, f"{settings.paths.root}: the disk has room, and recordings can be kept")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
