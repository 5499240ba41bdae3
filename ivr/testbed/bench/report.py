"""What the benchmark tells: tables for people, one document for machines. Both say the same.

For ``bench`` alone.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ivr.testbed.bench.figures import Reading, Spread, summaries
from ivr.testbed.bench.measuring import Pace, Ramp

# Beyond this share of the machine in strangers' hands a figure is told with a warning.
BUSY_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured. ``load_average``: of the last minute, before the first call."""

    cores: int
    model: str
    kernel: str
    python: str
    asterisk: str
    asterisk_from: str
    load_average: float

    @classmethod
    def here(cls, asterisk: str, asterisk_from: str) -> Machine:
        model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        cores = len(os.sched_getaffinity(0))
        load = os.getloadavg()[0]
        return cls(
            cores, model[1] if model else platform.machine(), platform.release(), platform.python_version(), asterisk, asterisk_from, load
        )


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured. ``titles``: of the ways, by their keys, the yardstick first."""

    machine: Machine
    pace: Pace
    titles: Mapping[str, str]
    readings: Sequence[Reading]
    ramps: Sequence[Ramp]

    @property
    def void(self) -> list[str]:
        """Sentences about figures that don't count: their calls were not all served, or not all recorded."""
        return [f"{self.titles[r.way]}, round {r.round}: void, {fault}" for r in self.readings for fault in r.faults]

    def as_json(self) -> dict[str, Any]:
        """CPU figures are ms per call, times are ms, rates are new calls a second, shares go from 0 to 1."""
        return {
            "machine": asdict(self.machine),
            "pace": asdict(self.pace),
            "ways": [asdict(summary) for summary in summaries(self.readings)],
            "readings": [_reading_as_json(reading) for reading in self.readings],
            "ramps": [{**asdict(ramp), "first_failure": ramp.first_failure, "held": ramp.held} for ramp in self.ramps],
            "void": self.void,
        }

    def as_tables(self) -> RenderableType:
        parts: list[RenderableType] = [Text(self._heading()), Text(), self._cpu(), Text(), self._waiting()]
        if self.ramps:
            parts += [Text(), self._ramps()]
        parts += [Text(), *(Text(sentence) for sentence in self._notes())]
        return Group(*parts)

    def _heading(self) -> str:
        machine, pace = self.machine, self.pace
        return (
            f"{machine.cores} cores of {machine.model}, Linux {machine.kernel}, Python {machine.python}, Asterisk {machine.asterisk}\n"
            f"{pace.rounds} rounds of {pace.rate:g} new calls a second for {pace.seconds:g} s each; middle value (lowest-highest)"
        )

    def _cpu(self) -> Table:
        table = _table("CPU milliseconds per call", "Asterisk", "server", "both", f"x {self._yardstick}")
        found = {summary.way: summary for summary in summaries(self.readings)}
        for key, title in self.titles.items():
            if summary := found.get(key):
                server = spread_of(summary.server_ms) if summary.server_ms.high else "-"
                table.add_row(title, spread_of(summary.asterisk_ms), server, spread_of(summary.total_ms), spread_of(summary.ratio, 2))
            else:
                table.add_row(title, "void")
        return table

    def _waiting(self) -> Table:
        table = _table("Milliseconds a caller waits", "answer p50/p95", "key to end p50/p95", f"later than {self._yardstick}")
        for summary in summaries(self.readings):
            later = "-" if summary.way == next(iter(self.titles)) else spread_of(summary.key_later_ms)
            table.add_row(self.titles[summary.way], _pair(summary.answer_ms), _pair(summary.key_ms), later)
        return table

    @property
    def _yardstick(self) -> str:
        return next(iter(self.titles.values()))

    def _ramps(self) -> Table:
        title = f"New calls a second until the first failure, {self.pace.step_s:g} s each"
        table = _table(title, "a second", "calls", "machine busy", "answer p95", "sent again")
        table.add_column("failed")
        for ramp in self.ramps:
            for step in ramp.steps:
                table.add_row(
                    self.titles[ramp.way],
                    str(step.rate),
                    str(step.calls),
                    f"{step.busy:.0%}",
                    "-" if step.answer_p95_ms is None else f"{step.answer_p95_ms:.0f}",
                    str(step.retransmissions),
                    " ".join(step.faults) or "none",
                )
        return table

    def _notes(self) -> list[str]:
        notes = list(self.void)
        for ramp in self.ramps:
            held = f"{ramp.held} new calls a second without a failure" if ramp.held else "no step without a failure"
            failed = f"first failure at {ramp.first_failure}" if ramp.first_failure else "none failed up to there"
            notes.append(f"{self.titles[ramp.way]}: {held}, {failed}.")
        if not self.void:
            notes.append(
                f"All {sum(reading.calls for reading in self.readings)} calls were served to their end, ivrd's with a whole record."
            )
        others = max((reading.others for reading in self.readings), default=0.0)
        if others > BUSY_SHARE:
            notes.append(f"Others used up to {others:.0%} of the machine meanwhile: measure again when it rests.")
        notes.append("Ratios hold between machines; milliseconds don't: compare them only within one run.")
        return notes


def _reading_as_json(reading: Reading) -> dict[str, Any]:
    return {
        "way": reading.way,
        "round": reading.round,
        "calls": reading.calls,
        "asterisk_ms": reading.asterisk_ms,
        "server_ms": reading.server_ms,
        "total_ms": reading.total_ms,
        "load": asdict(reading.load),
        "idle": asdict(reading.idle),
        "others": reading.others,
        "faults": list(reading.faults),
    }


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title)
    table.add_column("served by", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def spread_of(spread: Spread, digits: int = 1) -> str:
    return f"{spread.middle:.{digits}f} ({spread.low:.{digits}f}-{spread.high:.{digits}f})"


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:.0f}/{values[1]:.0f}"
