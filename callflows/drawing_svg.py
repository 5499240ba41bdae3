"""A drawing as SVG: one file that any browser shows, no script and nothing fetched. Whatever comes from flow files is escaped.

Pure. For ``ivrd flow draw`` and the console.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from callflows.drawing import Arrow, Box, Drawing, Role, label, reachable
from callflows.drawing_layout import Layout, Shape
from callflows.drawing_plan import groups, sheet
from callflows.drawing_words import kind_words, text

WIDTH = 216.0
HEADING = 28.0
LINE = 18.0
ROW = 21.0
INDENT = 11.0
MARGIN = 28.0
TOP = 92.0  # title and legend
LINES_OF_WORDS = 3
LONGEST_WORDS = 400  # characters; more never fits

# Heading, its text, body: dark enough on light to be read in print too.
_COLOURS = {
    Role.SAY: ("#dbe4ee", "#1e293b"),
    Role.ASK: ("#2563eb", "#ffffff"),
    Role.DECIDE: ("#fde68a", "#713f12"),
    Role.DO: ("#e5e7eb", "#374151"),
    Role.RUN: ("#c7d2fe", "#312e81"),
    Role.HUMAN: ("#15803d", "#ffffff"),
    Role.MESSAGE: ("#0f766e", "#ffffff"),
    Role.CALLBACK: ("#7c3aed", "#ffffff"),
    Role.GOODBYE: ("#475569", "#ffffff"),
    Role.END: ("#475569", "#ffffff"),
}
_FONTS = "'Noto Sans CJK SC','Noto Sans SC','PingFang SC','Microsoft YaHei','Source Han Sans SC',system-ui,sans-serif"
_STYLE = f"""text{{font-family:{_FONTS};font-size:12.5px;fill:#1e293b}}
.title{{font-size:20px;font-weight:700}}.note{{fill:#64748b}}.name{{font-weight:700;font-size:13px}}.kind{{font-size:11px}}
.exit{{fill:#334155}}.far{{fill:#2563eb}}.count{{fill:#0f172a;font-weight:600}}.lost{{fill:#b91c1c;font-weight:600}}
.line{{fill:none;stroke:#94a3b8;stroke-linecap:round}}.unused{{stroke-dasharray:4 4;stroke:#cbd5e1}}
.body{{fill:#ffffff;stroke:#cbd5e1}}.rule{{stroke:#e2e8f0}}.port{{fill:#94a3b8}}"""


@dataclass(frozen=True, slots=True)
class _Card:
    """A box with its text broken into lines, measured."""

    box: Box
    words: tuple[str, ...]
    height: float
    rows: float  # from the top to the first row of exits
    has_rows: bool  # the one way on that needs no name and is drawn needs no row either

    def port(self, index: int) -> float:
        return self.rows + ROW * index + ROW / 2 if self.has_rows else HEADING / 2


def svg(drawing: Drawing) -> str:
    """The whole document, UTF-8 text."""
    order = reachable(drawing)
    planned = groups({name: [arrow.target for arrow in drawing.boxes[name].arrows] for name in order}, order)
    lines = {line for group in planned for line in group.lines}
    cards = {name: _card(drawing.boxes[name], drawing, lines) for name in order}
    layout = sheet({name: _shape(card) for name, card in cards.items()}, planned)
    width = max(layout.width + 2 * MARGIN, 760.0)
    height = layout.height + TOP + MARGIN
    most = max((arrow.calls or 0 for box in drawing.boxes.values() for arrow in box.arrows), default=0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img" lang="{_safe(drawing.language)}">',
        f"<title>{_safe(drawing.flow)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#f8fafc"/>',
        *_head(drawing),
        f'<g transform="translate({MARGIN:.0f} {TOP:.0f})">',
        *_lines(layout, drawing, most),
        *(part for name in order for part in _draw(cards[name], layout, drawing)),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _head(drawing: Drawing) -> Iterator[str]:
    title = f"{drawing.flow}  {drawing.version}"
    yield f'<text class="title" x="{MARGIN}" y="38">{_safe(title)}</text>'
    note = "   ".join(
        part for part in (text("calls", drawing.language, count=drawing.calls) if drawing.calls is not None else "", drawing.note) if part
    )
    yield f'<text class="note" x="{MARGIN + _width(title) * 20 / 12.5 + 18:.0f}" y="38">{_safe(note)}</text>'
    x = MARGIN
    for role in dict.fromkeys(box.role for box in sorted(drawing.boxes.values(), key=lambda box: list(Role).index(box.role))):
        words = text(role.value, drawing.language)
        yield f'<rect x="{x:.0f}" y="54" width="14" height="14" rx="3" fill="{_COLOURS[role][0]}"/>'
        yield f'<text class="note" x="{x + 20:.0f}" y="66">{_safe(words)}</text>'
        x += 40 + _width(words)


def _card(box: Box, drawing: Drawing, lines: Collection[tuple[str, str]]) -> _Card:
    about = "" if box.about == box.name else box.about
    words = _broken(box.words or about, WIDTH - 2 * INDENT, LINES_OF_WORDS)
    has_rows = any(label(box, arrow, drawing.language) or (box.name, arrow.target) not in lines for arrow in box.arrows)
    rows = HEADING + (len(words) * LINE + 10 if words else 3)
    height = rows
    if has_rows:
        height += ROW * len(box.arrows) + 5
    if drawing.calls is not None and box.lost:
        height += LINE + 3
    return _Card(box, words, max(height, HEADING + 12), rows, has_rows)


def _shape(card: _Card) -> Shape:
    ports = {arrow.target: card.port(index) for index, arrow in enumerate(card.box.arrows) if arrow.target != card.box.name}
    return Shape(WIDTH, card.height, ports)


def _lines(layout: Layout, drawing: Drawing, most: int) -> Iterator[str]:
    for (source, target), points in sorted(layout.lines.items(), key=lambda line: _calls(drawing, *line[0]) or 0):
        calls = _calls(drawing, source, target)
        thick = 1.6 if calls is None else 1.4 + 7 * math.sqrt(calls / most) if most else 1.4
        unused = " unused" if calls == 0 else ""
        yield f'<path class="line{unused}" stroke-width="{thick:.1f}" d="{_curve(points)}"/>'
        x, y = points[-1]
        yield f'<path d="M{x - 7:.1f} {y - 5:.1f}L{x:.1f} {y:.1f}L{x - 7:.1f} {y + 5:.1f}Z" fill="#64748b"/>'


def _calls(drawing: Drawing, source: str, target: str) -> int | None:
    return next((arrow.calls for arrow in drawing.boxes[source].arrows if arrow.target == target), None)


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Level at each point, so that lines leave and enter boxes straight."""
    (x, y), *rest = points
    parts = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in rest:
        bend = (to_x - x) / 2
        parts.append(f"C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return "".join(parts)


def _draw(card: _Card, layout: Layout, drawing: Drawing) -> Iterator[str]:
    box, language = card.box, drawing.language
    x, y = layout.places[box.name]
    back, ink = _COLOURS[box.role]
    yield f'<g id="node-{_safe(box.name)}" transform="translate({x:.1f} {y:.1f})">'
    yield f"<title>{_safe(': '.join(part for part in (box.name, box.words or box.about) if part))}</title>"
    dash = ' stroke-dasharray="5 3"' if box.role is Role.RUN else ""
    yield f'<rect class="body" width="{WIDTH:.0f}" height="{card.height:.1f}" rx="8"{dash}/>'
    yield f'<path d="M0 {HEADING}V8a8 8 0 0 1 8-8H{WIDTH - 8:.0f}a8 8 0 0 1 8 8V{HEADING}Z" fill="{back}"/>'
    kind = kind_words(box.kind, language)
    mark = {drawing.start: "▶ ", drawing.on_hang_up: "☎ "}.get(box.name, "")
    room = WIDTH - 2 * INDENT
    if _width(mark + box.name) + _width(kind) + 6 > room:  # the name matters more, and the colour tells the rest
        kind = ""
    yield f'<text class="name" x="{INDENT}" y="19" style="fill:{ink}">{_safe(_cut(mark + box.name, room))}</text>'
    yield f'<text class="kind" x="{WIDTH - INDENT:.0f}" y="19" text-anchor="end" style="fill:{ink}">{_safe(kind)}</text>'
    for index, line in enumerate(card.words):
        yield f'<text x="{INDENT}" y="{HEADING + 18 + LINE * index:.1f}">{_safe(line)}</text>'
    for index, arrow in enumerate(box.arrows if card.has_rows else ()):
        yield from _row(card, index, arrow, layout, language)
    if drawing.calls is not None and box.lost:
        share = box.lost / box.calls if box.calls else 0.0
        words = text("lost", language, count=box.lost, rate=share)
        yield f'<text class="lost" x="{INDENT}" y="{card.height - 9:.1f}">{_safe(words)}</text>'
    yield "</g>"
    if drawing.calls is not None and box.calls:
        yield from _badge(x + WIDTH, y, str(box.calls))


def _row(card: _Card, index: int, arrow: Arrow, layout: Layout, language: str) -> Iterator[str]:
    middle = card.port(index)
    top = middle - ROW / 2
    if index == 0 and card.words:
        yield f'<path class="rule" d="M0 {top:.1f}H{WIDTH:.0f}"/>'
    drawn = (card.box.name, arrow.target) in layout.lines
    count = "" if arrow.calls is None else str(arrow.calls)
    room = WIDTH - 2 * INDENT - (_width(count) + 10 if count else 0)
    words = label(card.box, arrow, language)
    target = "" if drawn else ("↻" if arrow.target == card.box.name else f"→ {arrow.target}")
    if target:
        target = _cut(target, room - (min(_width(words), room * 0.4) + 10 if words else 0))
        words = _cut(words, room - _width(target) - 10)
    yield f"<g><title>{_safe(f'{words or arrow.exits[0]} → {arrow.target}')}</title>"
    yield f'<text class="exit" x="{INDENT}" y="{middle + 4.5:.1f}">{_safe(_cut(words, room))}</text>'
    if target:
        place = INDENT + (_width(words) + 10 if words else 0)
        yield f'<a href="#node-{_safe(arrow.target)}"><text class="far" x="{place:.1f}" y="{middle + 4.5:.1f}">{_safe(target)}</text></a>'
    if count:
        yield f'<text class="count" x="{WIDTH - INDENT:.0f}" y="{middle + 4.5:.1f}" text-anchor="end">{count}</text>'
    if drawn:
        yield f'<circle class="port" cx="{WIDTH:.0f}" cy="{middle:.1f}" r="3.5"/>'
    yield "</g>"


def _badge(right: float, top: float, count: str) -> Iterator[str]:
    width = _width(count) + 14
    yield f'<rect x="{right - width + 8:.1f}" y="{top - 15:.1f}" width="{width:.1f}" height="19" rx="9.5" fill="#0f172a"/>'
    yield f'<text x="{right - width / 2 + 8:.1f}" y="{top - 1:.1f}" text-anchor="middle" style="fill:#fff;font-size:11.5px">{count}</text>'


def _broken(words: str, room: float, lines: int) -> tuple[str, ...]:
    """In lines that fit; what is too much ends in an ellipsis."""
    found: list[str] = []
    line = ""
    for piece in re.findall(r"[A-Za-z0-9'{}:_./@-]+[,.;!?]?|\s+|.[，。！？；：、”』」）…]*", " ".join(words[:LONGEST_WORDS].split())):
        if _width(line + piece) > room and line:
            found.append(line.strip())
            line = ""
        line += piece if line or piece.strip() else ""
    if line.strip():
        found.append(line.strip())
    if len(found) > lines:
        found = [*found[: lines - 1], _cut(found[lines - 1] + " " * 4 + found[lines], room)]
    return tuple(_cut(part, room) for part in found)


def _cut(words: str, room: float) -> str:
    if len(words) <= room and _width(words) <= room:
        return words
    left = room - _width("…")
    for index, letter in enumerate(words):
        left -= _width(letter)
        if left < 0:
            return words[:index].rstrip() + "…"
    return words


def _width(words: str) -> float:
    """In px at 12.5 px: Chinese is square, Latin on average a little over half of it."""
    return sum(12.6 if unicodedata.east_asian_width(letter) in "WFA" else 8.6 if letter.isupper() else 6.9 for letter in words)


def _safe(words: str) -> str:
    """Escaped for text and attributes; characters that XML doesn't know are left out."""
    known = (letter for letter in words if letter == "\t" or (letter >= " " and letter not in "\ufffe\uffff"))
    return escape("".join(known), {'"': "&quot;"})
