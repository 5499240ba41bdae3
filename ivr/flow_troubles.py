"""What a supervisor must know of the flows in service: a value the shelf gives out, for the console, the log and readiness. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class FlowTrouble:
    """``sentence`` is English and says where and what to do.

    ``refused``: a published version is not in service. ``folder``: the edited folder was not published. ``rolled_back``: a trial was ended
    by its loss rate, and ``version`` serves everybody again. ``at`` is aware UTC.
    """

    kind: Literal["refused", "folder", "rolled_back"]
    version: str  # "" where the flows can't even be read
    at: datetime
    sentence: str
