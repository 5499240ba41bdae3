"""All sections together, and what is derived of them. Imported as ``ivr.settings``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from ivr.settings.asterisk import Agi, Ami, Asterisk, Outbound
from ivr.settings.customers import Callbacks, Customers, Priority
from ivr.settings.hotline import Agent, Complaints, Hotline, Line, Queue, Targets, Telephone
from ivr.settings.outside import Alerts, CrmSettings, FlowWebhook, Mail
from ivr.settings.parts import Extension, HttpUrl, Name, Port, Section
from ivr.settings.paths import StatePaths
from ivr.settings.reports import Reports
from ivr.settings.shifts import Shifts


class Console(Section):
    host: str = "127.0.0.1"
    port: Port = 8400
    session_h: Annotated[float, Field(gt=0, le=168)] = 12.0
    https: bool = False  # behind a proxy that speaks TLS: cookies are then sent over it alone
    url: HttpUrl | None = None  # where people reach it, for links in mails and messages; None = host and port
    metrics_from_anywhere: bool = False
    most_streams: Annotated[int, Field(ge=1, le=1000)] = 64


class Store(Section):
    url: str | None = None  # None = SQLite in the state folder

    @model_validator(mode="after")
    def _known_kind(self) -> Store:
        if self.url is not None and not self.url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError(
                "store.url begins with postgresql+psycopg:// (or sqlite:///), as postgresql+psycopg://ivrd@db.example.com/ivrd"
            )
        return self


class Ledger(Section):
    """``keep_days``: what was told of calls is kept so long; 0 = for ever. Records and figures stay either way."""

    keep_days: Annotated[int, Field(ge=0, le=36500)] = 400


class Delivery(Section):
    """``keep_days``: what was delivered, or given up as too late, is remembered so long; what was rejected stays."""

    keep_days: Annotated[int, Field(ge=1, le=36500)] = 30


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
    phones: dict[Name, Telephone] = Field(default_factory=dict)
    asterisk: Asterisk = Asterisk()
    ami: Ami = Ami()
    agi: Agi = Agi()
    console: Console = Console()
    store: Store = Store()
    ledger: Ledger = Ledger()
    delivery: Delivery = Delivery()
    shifts: Shifts = Shifts()
    targets: Targets = Targets()
    outbound: Outbound = Outbound()
    callbacks: Callbacks = Callbacks()
    customers: Customers = Customers()
    priority: Priority = Priority()
    mail: Mail = Mail()
    alerts: Alerts = Alerts()
    reports: Reports = Reports()
    crm: CrmSettings = CrmSettings()
    webhooks: dict[Name, FlowWebhook] = Field(default_factory=dict)
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
        problems += [
            f"reports.to.{name}.channel names {recipient.channel!r}, no channel of alerts; there is {_listed(self.alerts.channels)}"
            for name, recipient in self.reports.to.items()
            if recipient.channel is not None and recipient.channel not in self.alerts.channels
        ]
        posted = [f"alerts.channels.{name}" for name, channel in self.alerts.channels.items() if channel.kind == "email"]
        posted += [f"reports.to.{name}" for name, recipient in self.reports.to.items() if recipient.mail]
        if posted and self.mail.host is None:
            problems.append(f"{posted[0]} is sent by mail, so mail.host must name a mail server")
        problems += [
            f"phones.{name}.extension names {phone.extension!r}, which is no agent; there is {_listed(self.agents)}"
            for name, phone in self.phones.items()
            if phone.extension is not None and phone.extension not in self.agents
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
    def console_url(self) -> str:
        """Where people reach the console, without a slash at the end."""
        return (self.console.url or f"http://{self.console.host}:{self.shifted(self.console.port)}").rstrip("/")

    @property
    def recordings_url(self) -> str:
        """Where links to recordings begin."""
        return self.crm.recordings_url or f"{self.console_url}/api/v1/recordings"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.hotline.time_zone)

    @property
    def queue_log_zone(self) -> ZoneInfo:
        """Of the times in queue_log where it is a table."""
        return ZoneInfo(self.asterisk.queue_log_time_zone or self.hotline.time_zone)

    @property
    def store_url(self) -> str:
        return self.store.url or f"sqlite:///{self.paths.database}"

    @property
    def paths(self) -> StatePaths:
        return StatePaths(self.state.resolve())


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(sorted(names)) or "none"
