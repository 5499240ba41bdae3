"""The administrator's settings: one TOML file, ``IVRD_…`` environment variables over it, secrets from files.

Every wrong setting is told in one sentence with file and line; ``SettingsError`` carries all of them at once.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import tomllib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Port = Annotated[int, Field(ge=1, le=65535)]
# What may name a queue, a line or a phone: these words reach dialplan files and AGI arguments.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Extension = Annotated[str, Field(pattern=r"^[0-9]{2,10}$")]
DATA_KEY = "data_key"  # the secret that callers' numbers and names are sealed with
ENVIRONMENT_PREFIX = "IVRD_"
SHIPPED_CONFIG = Path(__file__).resolve().parent.parent / "config" / "ivrd.toml"


class SettingsError(Exception):
    """The settings can't be used. ``problems`` are whole sentences, each with where it stands."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Texts(Section):
    zh: str
    en: str


class Hotline(Section):
    numbers: tuple[Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")], ...] = ()
    flow: str = "hotline"
    languages: tuple[Literal["zh", "en"], ...] = ("zh", "en")
    language: Literal["zh", "en"] = "zh"
    time_zone: str = "Asia/Shanghai"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "CN"
    area_code: Annotated[str, Field(pattern=r"^0[0-9]{2,3}$")] | None = None
    longest_call_s: Annotated[int, Field(ge=60, le=14400)] = 3600

    @model_validator(mode="after")
    def _known_zone(self) -> Hotline:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"time_zone {self.time_zone!r} is not in the time zone database") from error
        return self


class Line(Section):
    """One of the hotline's lines: its department, its queue and its hours (R1)."""

    name: Texts
    queue: Name
    department: str = ""
    hours: str = "hotline"


class Queue(Section):
    members: tuple[Extension, ...] = ()
    ring_s: Annotated[int, Field(ge=5, le=120)] = 15
    max_waiting: Annotated[int, Field(ge=0, le=10000)] = 30
    max_wait_s: Annotated[int, Field(ge=5, le=3600)] = 90


class Agent(Section):
    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r'^[^,;|"\[\]\\\r\n\x00]+$')]
    secret_file: Path | None = None
    contact: Annotated[str, Field(pattern=r"^sips?:[A-Za-z0-9_.+-]+@[A-Za-z0-9_.-]+(:[0-9]{1,5})?$")] | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Agent:
        if (self.secret_file is None) == (self.contact is None):
            raise ValueError("give either secret_file (the phone registers) or contact (a fixed SIP address), not both")
        return self


class Asterisk(Section):
    host: str = "127.0.0.1"
    bind_address: str = "127.0.0.1"
    sip_port: Port = 5060
    rtp_first_port: Port = 10000
    rtp_last_port: Port = 10999
    trusted_peers: tuple[str, ...] = ("127.0.0.1",)
    nat_address: str | None = None


class Ami(Section):
    port: Port = 5038
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "ivrd"
    connect_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    action_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    ping_interval_s: Annotated[float, Field(gt=0, le=300)] = 10.0


class Agi(Section):
    host: str = "127.0.0.1"
    port: Port = 4573
    allowed_peers: tuple[str, ...] = ("127.0.0.1", "::1")
    max_connections: Annotated[int, Field(ge=1, le=100000)] = 500
    header_timeout_s: Annotated[float, Field(gt=0, le=30)] = 5.0


class Console(Section):
    host: str = "127.0.0.1"
    port: Port = 8400
    session_h: Annotated[float, Field(gt=0, le=168)] = 12.0
    https: bool = False  # behind a proxy that speaks TLS: cookies are then sent over it alone


class Store(Section):
    url: str | None = None  # None = SQLite in the state folder


class Targets(Section):
    """``service_s``: answered within it is on time; ``short_s``: who gives up within it isn't held against us (0 = off)."""

    service_s: Annotated[float, Field(gt=0, le=600)] = 20.0
    short_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    service_level: Annotated[float, Field(gt=0, le=1)] = 0.8
    loss_rate: Annotated[float, Field(ge=0, lt=1)] = 0.1


class Outbound(Section):
    """The trunk that calls out. ``address`` is host[:port]; a number becomes sip:<number>@<address>."""

    address: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?$")] = "127.0.0.1:5090"
    caller_id: Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")] = "4001234567"


class Callbacks(Section):
    """What is promised and how it is kept (R31). ``retry_minutes``: the gaps between attempts; there is one attempt more than gaps."""

    abandoned: bool = True
    countries: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ("CN",)
    number_types: tuple[Literal["mobile", "fixed_line", "fixed_line_or_mobile"], ...] = ("mobile", "fixed_line", "fixed_line_or_mobile")
    first_after_minutes: Annotated[float, Field(ge=0, le=1440)] = 2.0
    retry_minutes: Annotated[tuple[Annotated[float, Field(gt=0, le=2880)], ...], Field(max_length=2)] = (15.0, 120.0)
    expires_h: Annotated[float, Field(gt=0, le=720)] = 96.0
    ring_s: Annotated[int, Field(ge=10, le=120)] = 45
    concurrent: Annotated[int, Field(ge=1, le=100)] = 2
    a_number_a_day: Annotated[int, Field(ge=1, le=20)] = 3
    follow_up_after_h: Annotated[float, Field(ge=0, le=720)] = 24.0

    @model_validator(mode="after")
    def _gaps_grow(self) -> Callbacks:
        if any(later <= earlier for earlier, later in pairwise(self.retry_minutes)):
            raise ValueError("retry_minutes must grow from one gap to the next")
        return self


class AlertChannel(Section):
    """A robot or a hook that supervisors read. The URL's secret parts stand in files, never here."""

    kind: Literal["webhook", "wecom"]
    url_file: Path
    secret_file: Path | None = None  # webhook: the signing secret
    lines: tuple[Name, ...] = ()  # empty = all
    a_minute: Annotated[int, Field(ge=1, le=600)] = 18
    language: Literal["zh", "en"] = "zh"

    @model_validator(mode="after")
    def _complete(self) -> AlertChannel:
        if self.kind == "webhook" and self.secret_file is None:
            raise ValueError("a webhook needs secret_file")
        return self


class Alerts(Section):
    """``menus``: who hangs up in the menus is told of too. ``loss_window_minutes`` and ``loss_least_calls``: the loss rate of the last
    half-hour alerts only with enough calls in it."""

    channels: dict[Name, AlertChannel] = Field(default_factory=dict)
    menus: bool = True
    loss_rate: Annotated[float, Field(gt=0, le=1)] = 0.3
    loss_window_minutes: Annotated[int, Field(ge=5, le=1440)] = 30
    loss_least_calls: Annotated[int, Field(ge=2, le=10000)] = 10


class CrmSettings(Section):
    """``webhook``: signed by Standard Webhooks, with a link to the recording below ``recordings_url`` (our console's own by default)."""

    kind: Literal["register", "webhook"] = "register"
    url: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    secret_file: Path | None = None
    recordings_url: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None

    @model_validator(mode="after")
    def _complete(self) -> CrmSettings:
        if self.kind == "webhook" and (self.url is None or self.secret_file is None):
            raise ValueError("a webhook needs url and secret_file")
        return self


class Complaints(Section):
    prefix: Annotated[str, Field(pattern=r"^[A-Z]{1,3}$")] = "C"
    longest_recording_s: Annotated[int, Field(ge=5, le=1800)] = 180


class Shutdown(Section):
    grace_s: Annotated[float, Field(ge=0, le=3600)] = 20.0


class Log(Section):
    format: Literal["auto", "console", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(Section):
    """Everything the daemon is told. ``state`` is where all that lasts lives."""

    state: Path = Path(".state")
    port_offset: Annotated[int, Field(ge=0, le=50000)] = 0
    always_open: bool = False  # the demo's: every line is staffed round the clock
    calendar: Path | None = None  # None = the shipped config/calendar.yaml
    flows: Path | None = None  # None = the shipped flows
    hotline: Hotline = Hotline()
    lines: dict[Name, Line] = Field(default_factory=dict)
    queues: dict[Name, Queue] = Field(default_factory=dict)
    agents: dict[Extension, Agent] = Field(default_factory=dict)
    asterisk: Asterisk = Asterisk()
    ami: Ami = Ami()
    agi: Agi = Agi()
    console: Console = Console()
    store: Store = Store()
    targets: Targets = Targets()
    outbound: Outbound = Outbound()
    callbacks: Callbacks = Callbacks()
    alerts: Alerts = Alerts()
    crm: CrmSettings = CrmSettings()
    complaints: Complaints = Complaints()
    shutdown: Shutdown = Shutdown()
    log: Log = Log()

    @model_validator(mode="after")
    def _names_fit(self) -> Settings:
        problems = [
            f"lines.{name}.queue names {line.queue!r}, which is no queue; there is {_listed(self.queues)}"
            for name, line in self.lines.items()
            if line.queue not in self.queues
        ]
        problems += [
            f"queues.{name}.members names {member!r}, which is no agent; there is {_listed(self.agents)}"
            for name, queue in self.queues.items()
            for member in queue.members
            if member not in self.agents
        ]
        problems += [
            f"alerts.channels.{name}.lines names {line!r}, which is no line; there is {_listed(self.lines)}"
            for name, channel in self.alerts.channels.items()
            for line in channel.lines
            if line not in self.lines
        ]
        if self.asterisk.rtp_first_port >= self.asterisk.rtp_last_port:
            problems.append("asterisk.rtp_first_port must be below asterisk.rtp_last_port")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def shifted(self, port: int) -> int:
        """The port with ``port_offset`` applied: two systems can then run side by side."""
        return port + self.port_offset

    @property
    def recordings_url(self) -> str:
        """Where links to recordings begin."""
        return self.crm.recordings_url or f"http://{self.console.host}:{self.shifted(self.console.port)}/api/v1/recordings"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.hotline.time_zone)

    @property
    def store_url(self) -> str:
        return self.store.url or f"sqlite:///{self.paths.database}"

    @property
    def paths(self) -> StatePaths:
        return StatePaths(self.state.resolve())


@dataclass(frozen=True)
class StatePaths:
    """Where things lie in the state folder."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "ivrd.db"

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def asterisk(self) -> Path:
        return self.root / "asterisk"

    @property
    def log(self) -> Path:
        return self.root / "log"

    def secret(self, name: str) -> str:
        """The secret of this name, made at first use; the file is readable by its owner alone."""
        path = self.secrets / name
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            self.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        value = secrets.token_urlsafe(32)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process was first
            return path.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(value + "\n")
        return value


def load(path: Path | None = None, environment: dict[str, str] | None = None) -> Settings:
    """Read the TOML file (the shipped one by default) and lay the environment over it.

    ``IVRD_AGI__PORT=4600`` sets ``agi.port``; ``STATE`` and ``PORT_OFFSET`` are honoured as ``make`` sets them.
    Raises SettingsError with every problem found.
    """
    env = dict(os.environ) if environment is None else environment
    chosen = path or Path(env.get("IVRD_CONFIG") or SHIPPED_CONFIG)
    try:
        source = chosen.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError([f"{chosen}: can't read the settings: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{chosen}: the settings are not UTF-8 text"]) from error
    try:
        values: dict[str, Any] = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{chosen}: {error}"]) from error
    for key, variable in (("state", "STATE"), ("port_offset", "PORT_OFFSET")):
        if env.get(variable):
            values[key] = env[variable]
    for variable, raw in env.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and variable != "IVRD_CONFIG":
            _lay_over(values, variable[len(ENVIRONMENT_PREFIX) :].lower().split("__"), raw)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError([_sentence(chosen, source, problem) for problem in error.errors()]) from error


def _lay_over(values: dict[str, Any], keys: list[str], raw: str) -> None:
    place = values
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            return
    # Lists and tables are written as in TOML; everything else is taken as text and validated by its field's type.
    if raw[:1] in "[{":
        try:
            place[keys[-1]] = tomllib.loads(f"x = {raw}")["x"]
            return
        except tomllib.TOMLDecodeError:
            pass  # not TOML: the field's own validation will say so with the setting's name
    place[keys[-1]] = raw


def _sentence(file: Path, source: str, problem: Any) -> str:
    location = [str(part) for part in problem["loc"]]
    where = f"{file}:{_line_of(source, location)}" if _line_of(source, location) else str(file)
    name = ".".join(location) or "settings"
    if problem["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(sorted(known))}"
        return f"{where}: {name} is no setting{hint}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    given = problem.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{where}: {name}: {message}{shown}"


def _keys_at(location: list[str]) -> list[str]:
    model: Any = Settings
    for part in location:
        fields = getattr(model, "model_fields", {})
        if part in fields:
            model = fields[part].annotation
            args = getattr(model, "__args__", ())
            if args and not hasattr(model, "model_fields"):
                model = next((a for a in reversed(args) if hasattr(a, "model_fields")), None)
    return list(getattr(model, "model_fields", {}))


def _line_of(source: str, location: list[str]) -> int | None:
    """The line of ``a.b.c`` in TOML text: the key under its table, else the table's own line."""
    lines = source.splitlines()
    for depth in range(len(location), -1, -1):
        table, keys = ".".join(location[:depth]), location[depth:]
        start = 0
        if table:
            header = re.compile(r"^\s*\[\s*" + re.escape(table) + r"\s*\]")
            start = next((i + 1 for i, text in enumerate(lines) if header.match(text)), -1)
            if start < 0:
                continue
        if not keys:
            return start or None
        key = re.compile(r'^\s*"?' + re.escape(keys[0]) + r'"?\s*[=.]')
        for i in range(start, len(lines)):
            if re.match(r"^\s*\[", lines[i]):
                break
            if key.match(lines[i]):
                return i + 1
        if table:
            return start
    return None


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(sorted(names)) or "none"
