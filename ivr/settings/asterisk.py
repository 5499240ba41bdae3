"""[asterisk], [ami], [agi], [outbound]: where Asterisk is and how we speak with it. For this package only."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, model_validator

from ivr.settings.parts import Port, Section


class Asterisk(Section):
    """``name``: what this PBX is called in every call's id (Asterisk's ``systemname``), so that two may write into one database.

    ``queue_log``: the file, or the SQLAlchemy URL of the realtime table; None = where the configuration that we write has it.

    ``queue_log_time_zone``: of the times in that table; None = the hotline's. A file's are seconds since 1970.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,32}$")] = "main"
    host: str = "127.0.0.1"
    bind_address: str = "127.0.0.1"
    sip_port: Port = 5060
    rtp_first_port: Port = 10000
    rtp_last_port: Port = 10999
    trusted_peers: tuple[str, ...] = ("127.0.0.1",)
    nat_address: str | None = None
    queue_log: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    queue_log_time_zone: str | None = None

    @model_validator(mode="after")
    def _known_zone(self) -> Asterisk:
        try:
            ZoneInfo(self.queue_log_time_zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"queue_log_time_zone {self.queue_log_time_zone!r} is not in the time zone database") from error
        return self


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


class Outbound(Section):
    """The trunk that calls out. ``address`` is host[:port]; a number becomes sip:<number>@<address>."""

    address: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?$")] = "127.0.0.1:5090"
    caller_id: Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")] = "4001234567"
