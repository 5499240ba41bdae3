"""[mail], [alerts], [crm], [webhooks]: systems of others that are told or asked. For this package only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ivr.settings.parts import HttpUrl, MailAddress, Name, Port, Section, Variable


class Mail(Section):
    """The mail server that alerts and reports are handed to. ``ca_file``: a certificate authority of one's own, PEM."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$")] | None = None
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: Path | None = None
    user: str = ""
    password_file: Path | None = None
    sender: MailAddress = "ivrd@localhost"

    @model_validator(mode="after")
    def _complete(self) -> Mail:
        if bool(self.user) != (self.password_file is not None):
            raise ValueError("user and password_file belong together")
        if self.user and self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("a password is not sent over the network in clear: set security to starttls or tls")
        return self


class AlertChannel(Section):
    """A robot, a hook or a mailbox that supervisors read. The URL's secret parts stand in files, never here.

    ``cases``: the levels of unanswered complaints that it is told of (R18, R19); empty = none.
    """

    kind: Literal["webhook", "wecom", "email"]
    url_file: Path | None = None  # webhook, wecom
    secret_file: Path | None = None  # webhook: the signing secret
    to: tuple[MailAddress, ...] = ()  # email
    lines: tuple[Name, ...] = ()  # empty = all
    a_minute: Annotated[int, Field(ge=1, le=600)] = 18
    language: Literal["zh", "en"] = "zh"
    cases: tuple[Literal["reminder", "supervisor", "manager"], ...] = ("reminder", "supervisor", "manager")

    @model_validator(mode="after")
    def _complete(self) -> AlertChannel:
        if self.kind == "webhook" and self.secret_file is None:
            raise ValueError("a webhook needs secret_file")
        if (self.kind == "email") != bool(self.to):
            raise ValueError("kind email needs to, the addresses, and no other kind has them")
        if (self.kind == "email") == (self.url_file is not None):
            raise ValueError(f"kind {self.kind} {'has no' if self.url_file else 'needs'} url_file")
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
    url: HttpUrl | None = None
    secret_file: Path | None = None
    recordings_url: HttpUrl | None = None

    @model_validator(mode="after")
    def _complete(self) -> CrmSettings:
        if self.kind == "webhook" and (self.url is None or self.secret_file is None):
            raise ValueError("a webhook needs url and secret_file")
        return self


class FlowWebhook(Section):
    """A service that call flows ask. ``sends``: the variables of a call that may leave to it; ``sets``: those its answer may set.

    ``timeout_s``: the caller hears nothing meanwhile; ``cache_s``: how long an answer to the same values is used again (0 = never).
    """

    url: HttpUrl
    secret_file: Path
    timeout_s: Annotated[float, Field(ge=0.1, le=5)] = 2.0
    cache_s: Annotated[float, Field(ge=0, le=86400)] = 0.0
    sends: tuple[Variable, ...] = ()
    sets: tuple[Variable, ...] = ()
