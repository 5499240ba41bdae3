"""[shifts]: who works when, and what counts as a break. For this package only."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ivr.domain.agent_states import WRAP_UP_REASONS, Rules
from ivr.settings.parts import Section


class Shifts(Section):
    """``file``: the plan, CSV (``ivr.domain.shifts``), read anew when it changes. Pauses of ``wrap_up_reasons`` are no breaks."""

    file: Path | None = None
    longest_break_minutes: Annotated[float, Field(gt=0, le=240)] = 20.0
    wrap_up_reasons: tuple[Annotated[str, Field(min_length=1, max_length=80)], ...] = tuple(sorted(WRAP_UP_REASONS))

    @property
    def longest_break(self) -> timedelta:
        return timedelta(minutes=self.longest_break_minutes)

    @property
    def rules(self) -> Rules:
        return Rules(frozenset(self.wrap_up_reasons))
