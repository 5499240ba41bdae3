"""What is wrong now, most urgent first: the sentences a supervisor reads in three seconds (R2, R4). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ivr.board_snapshot import BoardSnapshot
from ivr.domain.figures import Figures
from ivr.flow_troubles import FlowTrouble

# Of fewer calls a rate says little: it is shown, but raises no alarm.
FEWEST_CALLS = 5


class Severity(StrEnum):
    BAD = "bad"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Trouble:
    """``text`` is a key of ``texts``, whose places the rest fills; ``queue`` is where."""

    severity: Severity
    text: str
    queue: str | None = None
    count: int = 0
    rate: float | None = None
    target: float | None = None
    at: datetime | None = None
    version: str = ""  # of the call flows


class Standing(StrEnum):
    """A rate beside its target."""

    NONE = "none"  # no calls yet
    GOOD = "good"
    FEW = "few"  # off target, of very few calls
    BAD = "bad"


def loss_standing(figures: Figures, target: float) -> Standing:
    """呼损率: at most the target."""
    rate = figures.loss_rate
    return _standing(rate is not None, rate is not None and rate <= target, figures)


def service_standing(figures: Figures, target: float) -> Standing:
    """The strict service level: at least the target."""
    rate = figures.service_level_strict
    return _standing(rate is not None, rate is not None and rate >= target, figures)


def _standing(known: bool, holds: bool, figures: Figures) -> Standing:
    if not known:
        return Standing.NONE
    if holds:
        return Standing.GOOD
    return Standing.BAD if figures.offered >= FEWEST_CALLS else Standing.FEW


def troubles(board: BoardSnapshot, loss_target: float, flows: Sequence[FlowTrouble] = (), overdue: int = 0) -> list[Trouble]:
    """In the order they should be read. ``overdue``: complaints that wait beyond their time (R18)."""
    found: list[Trouble] = []
    if board.link_lost_at:
        found.append(Trouble(Severity.BAD, "trouble.link", at=board.link_lost_at))
    for queue in board.queues:
        if queue.waiting and not queue.present:
            found.append(Trouble(Severity.BAD, "trouble.nobody", queue.name, queue.waiting))
    for queue in board.queues:
        if queue.late:
            found.append(Trouble(Severity.BAD, "trouble.late", queue.name, queue.late))
    if loss_standing(board.total, loss_target) is Standing.BAD:
        found.append(Trouble(Severity.BAD, "trouble.loss", rate=board.total.loss_rate, target=loss_target))
    if overdue:
        found.append(Trouble(Severity.WARNING, "trouble.cases", count=overdue))
    found += [Trouble(Severity.WARNING, f"trouble.flow_{flow.kind}", version=flow.version, at=flow.at) for flow in flows]
    if not board.link_lost_at:
        for queue in board.queues:
            if not queue.waiting and not queue.present:
                found.append(Trouble(Severity.WARNING, "trouble.empty", queue.name))
    return found
