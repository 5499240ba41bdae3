"""Where boxes and lines of one group go: columns from left to right, few crossings, lines that don't run through boxes.

Pure, and knows nothing of flows. The method is Sugiyama's: order within the columns by the neighbours' mean, then places by pulling each
towards its neighbours as far as the others leave room. For ``drawing_plan`` and what puts a drawing on paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COLUMN_GAP = 72.0
ROW_GAP = 24.0
LANE = 16.0  # the height a line needs that passes through a column
SWEEPS = 24


@dataclass(frozen=True, slots=True)
class Shape:
    """A box to be placed: its size, and how far below its top each line to another box leaves it."""

    width: float
    height: float
    ports: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Upper left corners, and the points that each line (from, to) passes."""

    places: Mapping[str, tuple[float, float]]
    lines: Mapping[tuple[str, str], Sequence[tuple[float, float]]]
    width: float
    height: float


def lay_out(shapes: Mapping[str, Shape], columns: Mapping[str, int], lines: Sequence[tuple[str, str]]) -> Layout:
    """Put boxes and lines on paper. ``columns``: where each box stands, from 0, in the order they are read; lines lead to the right."""
    grid = _Grid(shapes, columns, lines)
    grid.order_columns()
    grid.place()
    return grid.layout()


@dataclass(slots=True)
class _Cell:
    """A box, or the place where a long line passes a column. ``before`` and ``after``: (neighbour, own offset, neighbour's offset)."""

    name: str
    height: float
    column: int
    before: list[tuple[_Cell, float, float]]
    after: list[tuple[_Cell, float, float]]
    top: float = 0.0
    index: int = 0

    @property
    def is_box(self) -> bool:
        return bool(self.name)


class _Grid:
    def __init__(self, shapes: Mapping[str, Shape], columns: Mapping[str, int], lines: Sequence[tuple[str, str]]) -> None:
        self._shapes = shapes
        self._cells = {name: _Cell(name, shapes[name].height, column, [], []) for name, column in columns.items()}
        self._columns: list[list[_Cell]] = [[] for _ in range(max(columns.values(), default=0) + 1)]
        for cell in self._cells.values():
            self._columns[cell.column].append(cell)
        self._ways: dict[tuple[str, str], list[_Cell]] = {}
        for source, target in lines:
            self._run(source, target)

    def _run(self, source: str, target: str) -> None:
        cell, offset = self._cells[source], self._shapes[source].ports[target]
        end = self._cells[target]
        way = []
        for column in range(cell.column + 1, end.column):
            lane = _Cell("", LANE, column, [], [])
            self._columns[column].append(lane)
            _join(cell, offset, lane, LANE / 2)
            way.append(lane)
            cell, offset = lane, LANE / 2
        _join(cell, offset, end, _inlet(end))
        self._ways[(source, target)] = way

    def order_columns(self) -> None:
        self._number()
        best, fewest = [list(column) for column in self._columns], self._crossings()
        for sweep in range(SWEEPS):
            forth = sweep % 2 == 0
            for column in self._columns[1:] if forth else self._columns[-2::-1]:
                column.sort(key=lambda cell: _mean(cell, forth))
                _number(column)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(column) for column in self._columns], crossings
        self._columns = best
        self._number()

    def place(self) -> None:
        for column in self._columns:
            top = 0.0
            for cell in column:
                cell.top = top
                top += cell.height + ROW_GAP
        for sweep in range(SWEEPS):
            forth = sweep % 2 == 0
            for column in self._columns if forth else reversed(self._columns):
                _settle(column, [_wish(cell, forth, last=sweep >= SWEEPS - 2) for cell in column])

    def layout(self) -> Layout:
        lowest = min((cell.top for column in self._columns for cell in column), default=0.0)
        lefts, left = [], 0.0
        widths = [max((self._shapes[cell.name].width for cell in column if cell.is_box), default=0.0) for column in self._columns]
        for width in widths:
            lefts.append(left)
            left += width + COLUMN_GAP
        places = {name: (lefts[cell.column], cell.top - lowest) for name, cell in self._cells.items()}
        lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for (source, target), way in self._ways.items():
            x, y = places[source]
            points = [(x + self._shapes[source].width, y + self._shapes[source].ports[target])]
            for lane in way:
                middle = lane.top - lowest + LANE / 2
                points += [(lefts[lane.column], middle), (lefts[lane.column] + widths[lane.column], middle)]
            end = self._cells[target]
            points.append((places[target][0], places[target][1] + _inlet(end)))
            lines[(source, target)] = points
        height = max((cell.top - lowest + cell.height for column in self._columns for cell in column), default=0.0)
        return Layout(places, lines, max(0.0, left - COLUMN_GAP), height)

    def _number(self) -> None:
        for column in self._columns:
            _number(column)

    def _crossings(self) -> int:
        total = 0
        for column in self._columns:
            ends = sorted(
                (cell.index + offset / (cell.height + 1), other.index + inlet / (other.height + 1))
                for cell in column
                for other, offset, inlet in cell.after
            )
            order = [end for _, end in ends]
            total += sum(1 for i, end in enumerate(order) for other in order[i + 1 :] if other < end)
        return total


def _inlet(cell: _Cell) -> float:
    """Where lines come in: at the height of the box's heading."""
    return min(14.0, cell.height / 2)


def _join(cell: _Cell, offset: float, other: _Cell, inlet: float) -> None:
    cell.after.append((other, offset, inlet))
    other.before.append((cell, inlet, offset))


def _number(column: list[_Cell]) -> None:
    for index, cell in enumerate(column):
        cell.index = index


def _mean(cell: _Cell, forth: bool) -> float:
    neighbours = cell.before if forth else cell.after
    if not neighbours:
        return float(cell.index)
    return sum(other.index + away / (other.height + 1) for other, _, away in neighbours) / len(neighbours)


def _wish(cell: _Cell, forth: bool, *, last: bool) -> float:
    """Where its lines would run level: with those before it or after it, in the end with all."""
    neighbours = [*cell.before, *cell.after] if last else (cell.before if forth else cell.after) or [*cell.before, *cell.after]
    if not neighbours:
        return cell.top
    return sum(other.top + away - own for other, own, away in neighbours) / len(neighbours)


def _settle(column: list[_Cell], wishes: list[float]) -> None:
    """As near to the wishes as order and gaps allow (least squares): cells that would overlap move as one block, at its mean."""
    blocks: list[tuple[float, int, float]] = []  # mean of the first cell's wished top, cells, height with gaps
    for cell, wish in zip(column, wishes, strict=True):
        mean, count, height = wish, 1, cell.height + (ROW_GAP if cell.is_box else 4.0)
        while blocks and blocks[-1][0] + blocks[-1][2] > mean:
            before, number, taken = blocks.pop()
            mean = (before * number + (mean - taken) * count) / (number + count)
            count, height = count + number, taken + height
        blocks.append((mean, count, height))
    index = 0
    for mean, count, _ in blocks:
        top = mean
        for cell in column[index : index + count]:
            cell.top = top
            top += cell.height + (ROW_GAP if cell.is_box else 4.0)
        index += count
