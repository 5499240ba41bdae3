"""What every section of the settings is made of. For this package only."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1, le=65535)]
# What may name a queue, a line or a phone: these words reach dialplan files and AGI arguments.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Extension = Annotated[str, Field(pattern=r"^[0-9]{2,10}$")]
# A person or place, as configuration files carry it.
Label = Annotated[str, Field(min_length=1, max_length=60, pattern=r'^[^,;|"\[\]\\\r\n\x00]+$')]
SipUri = Annotated[str, Field(pattern=r"^sips?:[A-Za-z0-9_.+-]+@[A-Za-z0-9_.-]+(:[0-9]{1,5})?$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://\S+$")]
MailAddress = Annotated[str, Field(max_length=254, pattern=r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")]
Variable = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]  # of a call flow


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
