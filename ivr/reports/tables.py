"""Tables and charts as plain values, in words already: what HTML, xlsx and CSV are written from. Used by reports and ``ivrd report``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Literal

# Shares are of 1, durations in seconds, times aware; None: there is none, which is neither 0 nor 100 %.
Cell = str | int | float | datetime | None


class Kind(Enum):
    """How a column's cells are read."""

    TEXT = auto()
    COUNT = auto()
    SHARE = auto()
    SECONDS = auto()
    MOMENT = auto()
    NUMBER = auto()  # a number that is none of the above: a mean rating


@dataclass(frozen=True, slots=True)
class Column:
    """``key`` names it in CSV, the same in every language; ``title`` is for people."""

    key: str
    title: str
    kind: Kind = Kind.COUNT


@dataclass(frozen=True, slots=True)
class Table:
    """``totals`` is a last row that adds up the others, or sums over all. ``kinds``: of each row's cells where rows differ in kind."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[Cell, ...] = ()
    note: str = ""
    kinds: tuple[Kind, ...] = ()  # by row, for the cells of columns that are no text: a list of key figures has shares and seconds

    def kind_of(self, row: int, column: int) -> Kind:
        """Of a row, counted from 0; the row of totals comes after the last."""
        own = self.columns[column].kind
        return self.kinds[row] if row < len(self.kinds) and own is not Kind.TEXT else own


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    values: tuple[float | None, ...]
    tone: Literal["good", "bad", "few", "plain", "quiet"] = "plain"


@dataclass(frozen=True, slots=True)
class Chart:
    """``stacked`` and ``grouped`` are columns over ``categories``; ``line`` leaves out where there is no value; ``bars`` lie."""

    title: str
    form: Literal["stacked", "grouped", "line", "bars"]
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    kind: Kind = Kind.COUNT

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be seen in it."""
        return not any(value for series in self.series for value in series.values)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of a workbook."""

    name: str
    tables: Sequence[Table]
    charts: Sequence[Chart] = ()
