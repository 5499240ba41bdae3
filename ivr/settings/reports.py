"""[reports]: when the reports are made and who gets them (R52). For this package only."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ivr.settings.parts import MailAddress, Name, Section

ReportKind = Literal["day", "week", "month"]


class ReportRecipient(Section):
    """Gets ``kinds`` in ``language``: by ``mail`` with the files attached, or as a short message on ``channel``, one of alerts.channels."""

    kinds: Annotated[tuple[ReportKind, ...], Field(min_length=1)] = ("day", "week", "month")
    language: Literal["zh", "en"] = "zh"
    mail: tuple[MailAddress, ...] = ()
    channel: Name | None = None

    @model_validator(mode="after")
    def _one_way(self) -> ReportRecipient:
        if bool(self.mail) == (self.channel is not None):
            raise ValueError("give either mail, the addresses, or channel, a name of alerts.channels")
        return self


class Reports(Section):
    """``daily_at``: on the day after, for weeks on Monday, for months on the 1st; in the hotline's time zone."""

    kinds: tuple[ReportKind, ...] = ("day", "week", "month")
    daily_at: time = time(8)
    languages: Annotated[tuple[Literal["zh", "en"], ...], Field(min_length=1)] = ("zh", "en")
    to: dict[Name, ReportRecipient] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _made_as_wanted(self) -> Reports:
        for name, recipient in self.to.items():
            if recipient.language not in self.languages:
                raise ValueError(f"to.{name} wants language {recipient.language!r}, which is not in languages")
        if self.daily_at.tzinfo is not None:
            raise ValueError("daily_at is a time of the hotline's zone, like 08:00, without an offset")
        return self
