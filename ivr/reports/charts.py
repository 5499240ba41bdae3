"""Charts as inline SVG: no script, nothing fetched, the same in a browser, in a mail and on paper. Used by ``html``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from ivr.reports.document import shown
from ivr.reports.tables import Chart, Kind, Series

Scale = Callable[[float], float]  # a value's place from the top
WIDTH, HEIGHT = 720, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 12, 24
_MOST_LABELS = 16
_BAR, _BAR_GAP, _BAR_LABEL = 18, 10, 150
_TONES = {"good": "#2e8b57", "bad": "#c0392b", "few": "#d99a2b", "plain": "#1a56ad", "quiet": "#aab4c0"}


def svg(chart: Chart) -> Markup:
    """The chart with a legend where it has several series; empty for one that shows nothing."""
    if chart.empty:
        return Markup("")
    drawn = _bars(chart) if chart.form == "bars" else _upright(chart)
    legend = _legend(chart.series) if len(chart.series) > 1 else Markup("")
    return Markup("<figure><figcaption>{}</figcaption>{}{}</figure>").format(chart.title, legend, drawn)


def ticks(highest: float) -> list[float]:
    """Three to six round marks from 0 to at least ``highest``."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * (1 - 1e-9))
    return [round(step * number, 10) for number in range(math.ceil(highest / step - 1e-9) + 1)]


def _upright(chart: Chart) -> Markup:
    marks = ticks(_highest(chart))
    if chart.kind is Kind.COUNT and marks[1] < 1:
        marks = [0.0, 1.0]
    top = marks[-1]
    inner_w, inner_h = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    place_w = inner_w / max(1, len(chart.categories))

    def y(value: float) -> float:
        return _TOP + inner_h * (1 - value / top)

    parts = [_grid(marks, y, chart.kind)]
    every = math.ceil(len(chart.categories) / _MOST_LABELS)
    for index, label in enumerate(chart.categories):
        if index % every == 0:
            x = _LEFT + place_w * (index + 0.5)
            parts.append(Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(x, HEIGHT - 6, label))
    if chart.form == "line":
        parts += [_curve(series, place_w, y) for series in chart.series]
    elif chart.form == "stacked":
        parts += _stacks(chart, place_w, y)
    else:
        parts += _groups(chart, place_w, y)
    return _frame(chart, HEIGHT, parts)


def _grid(marks: Sequence[float], y: Scale, kind: Kind) -> Markup:
    line = Markup('<path d="M{} {:.1f}H{}" stroke="#d8dee7"/><text x="{}" y="{:.1f}" text-anchor="end">{}</text>')
    right = WIDTH - _RIGHT
    return Markup("").join(line.format(_LEFT, y(mark), right, _LEFT - 6, y(mark) + 4, _mark(mark, kind)) for mark in marks)


def _stacks(chart: Chart, place_w: float, y: Scale) -> list[Markup]:
    parts = []
    for index, label in enumerate(chart.categories):
        below = 0.0
        for series in chart.series:
            if value := series.values[index]:
                x = _LEFT + place_w * (index + 0.14)
                told = f"{label} · {series.name}: {shown(value, chart.kind)}"
                parts.append(_column(x, y(below + value), place_w * 0.72, y(below) - y(below + value), series, told))
                below += value
    return parts


def _groups(chart: Chart, place_w: float, y: Scale) -> list[Markup]:
    width = place_w * 0.76 / len(chart.series)
    parts = []
    for index, label in enumerate(chart.categories):
        for number, series in enumerate(chart.series):
            if value := series.values[index]:
                x = _LEFT + place_w * (index + 0.12) + width * number
                parts.append(
                    _column(x, y(value), width * 0.92, y(0) - y(value), series, f"{label} · {series.name}: {shown(value, chart.kind)}")
                )
    return parts


def _column(x: float, y: float, width: float, height: float, series: Series, told: str) -> Markup:
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}"><title>{}</title></rect>').format(
        x, y, width, height, _TONES[series.tone], told
    )


def _curve(series: Series, place_w: float, y: Scale) -> Markup:
    """Where there is no value the line is broken."""
    pieces, pen = [], "M"
    for index, value in enumerate(series.values):
        if value is None:
            pen = "M"
            continue
        pieces.append(f"{pen}{_LEFT + place_w * (index + 0.5):.1f} {y(value):.1f}")
        pen = "L"
    # Round ends make a dot of a value that stands alone.
    path = Markup('<path d="{}" fill="none" stroke="{}" stroke-width="2.5" stroke-linejoin="round" stroke-linecap="round"/>')
    lonely = [
        piece + "h0" if piece[0] == "M" and (n + 1 == len(pieces) or pieces[n + 1][0] == "M") else piece for n, piece in enumerate(pieces)
    ]
    return path.format("".join(lonely), _TONES[series.tone])


def _bars(chart: Chart) -> Markup:
    """Lying columns, each with its value beside it."""
    highest = _highest(chart) or 1.0
    height = len(chart.categories) * (_BAR * len(chart.series) + _BAR_GAP) + _BAR_GAP
    room = WIDTH - _BAR_LABEL - 90
    parts, top = [], float(_BAR_GAP)
    for index, label in enumerate(chart.categories):
        middle = top + _BAR * len(chart.series) / 2 + 4
        parts.append(Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(_BAR_LABEL - 8, middle, label))
        for series in chart.series:
            value = series.values[index]
            width = room * (value or 0) / highest
            parts.append(_column(_BAR_LABEL, top, max(width, 1.0), _BAR - 2, series, f"{label}: {shown(value, chart.kind)}"))
            parts.append(
                Markup('<text x="{:.1f}" y="{:.1f}">{}</text>').format(_BAR_LABEL + width + 6, top + _BAR - 5, shown(value, chart.kind))
            )
            top += _BAR
        top += _BAR_GAP
    return _frame(chart, height, parts)


def _frame(chart: Chart, height: int, parts: Sequence[Markup]) -> Markup:
    head = Markup('<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">').format(
        WIDTH, height, WIDTH, height, chart.title
    )
    return head + Markup("").join(parts) + Markup("</svg>")


def _legend(series: Sequence[Series]) -> Markup:
    key = Markup(
        '<span class="key"><svg width="11" height="11" aria-hidden="true"><rect width="11" height="11" fill="{}"/></svg> {}</span> '
    )
    return Markup('<p class="legend">{}</p>').format(Markup("").join(key.format(_TONES[one.tone], one.name) for one in series))


def _highest(chart: Chart) -> float:
    if chart.form == "stacked":
        sums = (sum(series.values[index] or 0 for series in chart.series) for index in range(len(chart.categories)))
        return max(sums, default=0.0)
    return max((value for series in chart.series for value in series.values if value is not None), default=0.0)


def _mark(value: float, kind: Kind) -> str:
    return f"{value * 100:g} %" if kind is Kind.SHARE else f"{value:g}"
