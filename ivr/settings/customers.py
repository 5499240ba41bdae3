"""[callbacks], [customers], [priority]: what callers are promised and how they are told apart. For this package only."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ivr.settings.parts import Section

Rank = Annotated[int, Field(ge=0, le=10)]


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


class Customers(Section):
    """``vip_file``: telephone numbers, one a line, E.164; what follows # is a remark. Read anew when it changes."""

    vip_file: Path | None = None


class Priority(Section):
    """Who goes first in a queue, 0 (like everybody) to 10; of several that fit the highest counts."""

    vip: Rank = 8
    open_complaint: Rank = 6
    repeated: Rank = 4  # called within 24 h and was not served
