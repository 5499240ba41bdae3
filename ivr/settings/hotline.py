"""[hotline], [lines], [queues], [agents], [phones], [targets], [complaints]: who calls, and who answers. For this package only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, model_validator

from ivr.settings.parts import Extension, Label, Name, Section, SipUri, Texts


class Hotline(Section):
    numbers: tuple[Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")], ...] = ()
    flow: str = "hotline"
    languages: tuple[Literal["zh", "en"], ...] = ("zh", "en")
    language: Literal["zh", "en"] = "zh"
    time_zone: str = "Asia/Shanghai"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "CN"
    area_code: Annotated[str, Field(pattern=r"^0[0-9]{2,3}$")] | None = None
    longest_call_s: Annotated[int, Field(ge=60, le=14400)] = 3600
    last_resort_line: Name = "complaint"

    @model_validator(mode="after")
    def _known_zone(self) -> Hotline:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"time_zone {self.time_zone!r} is not in the time zone database") from error
        return self


class Line(Section):
    """One of the hotline's lines: its department, its queue and its hours (R1).

    ``service_s`` and ``short_s``: its own limits, where they aren't those of [targets].
    """

    name: Texts
    queue: Name
    department: str = ""
    hours: str = "hotline"
    service_s: Annotated[float, Field(gt=0, le=600)] | None = None
    short_s: Annotated[float, Field(ge=0, le=60)] | None = None


class Queue(Section):
    members: tuple[Extension, ...] = ()
    ring_s: Annotated[int, Field(ge=5, le=120)] = 15
    max_waiting: Annotated[int, Field(ge=0, le=10000)] = 30
    max_wait_s: Annotated[int, Field(ge=5, le=3600)] = 90


class Agent(Section):
    name: Label
    secret_file: Path | None = None
    contact: SipUri | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Agent:
        if (self.secret_file is None) == (self.contact is None):
            raise ValueError("give either secret_file (the phone registers) or contact (a fixed SIP address), not both")
        return self


class Telephone(Section):
    """A telephone that a call flow may connect a caller to. ``extension``: one of [agents]; ``number`` must be one that may be called."""

    name: Label
    extension: Extension | None = None
    contact: SipUri | None = None
    number: Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Telephone:
        if sum(way is not None for way in (self.extension, self.contact, self.number)) != 1:
            raise ValueError("give one of extension (an agent's), contact (a fixed SIP address) and number (by the outbound trunk)")
        return self


class Targets(Section):
    """``service_s``: answered within it is on time; ``short_s``: who gives up within it isn't held against us (0 = off)."""

    service_s: Annotated[float, Field(gt=0, le=600)] = 20.0
    short_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    service_level: Annotated[float, Field(gt=0, le=1)] = 0.8
    loss_rate: Annotated[float, Field(ge=0, lt=1)] = 0.1


class Complaints(Section):
    prefix: Annotated[str, Field(pattern=r"^[A-Z]{1,3}$")] = "C"
    longest_recording_s: Annotated[int, Field(ge=5, le=1800)] = 180
