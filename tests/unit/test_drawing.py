"""Drawings of flows: what stands on them, that it can be read by machines too, and the calls on each way."""

from __future__ import annotations

import re
import time
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest

from callflows import loader
from callflows.drawing import Role, drawing
from callflows.drawing_layout import Shape
from callflows.drawing_plan import groups, sheet
from callflows.drawing_svg import svg
from callflows.drawing_text import mermaid, tree
from callflows.flow import FlowBook
from callflows.traffic import traffic

SVG = "{http://www.w3.org/2000/svg}"
FLOWS = {
    "hotline.yaml": """
flow: hotline
start: greeting
nodes:
  greeting: {say: {zh: 您好，欢迎致电。, en: Welcome.}, next: menu}
  menu:
    menu: {zh: 投诉请按四，人工请按零。, en: "To complain, press 4. For a person, press 0."}
    keys: {4: complaint, 0: hr_queue, 9: menu}
    no_input: {tries: 2, then: hr_queue}
    wrong_key: {tries: 2, then: hr_queue}
  complaint:
    run: intake
    ends: {filed: goodbye, _: hr_queue}
  hr_queue: {queue: hr, served: goodbye, _: goodbye}
  goodbye: {hang_up: {zh: 再见。, en: Goodbye.}}
""",
    "intake.yaml": """
flow: intake
start: sorry
on_hang_up: gone
nodes:
  sorry: {say: {zh: 抱歉。, en: Sorry.}, next: done}
  done: {end: filed}
  gone: {end: lost}
""",
}
HOSTILE = '<script>alert("x")</script> & ]]> `|{x} #1'


@pytest.fixture(scope="module")
def book() -> FlowBook:
    return loader.load(FLOWS)


def texts(document: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(document).iter(f"{SVG}text")]  # noqa: S314 - our own


def test_every_node_and_its_words_stand_on_the_drawing(book: FlowBook) -> None:
    found = texts(svg(drawing(book, "hotline", "zh")))
    assert {"▶ greeting", "menu", "complaint", "hr_queue", "goodbye", "您好，欢迎致电。", "菜单", "0 · 无按键 · 按错", "↻"} <= set(found)


def test_english_words_on_an_english_drawing(book: FlowBook) -> None:
    found = texts(svg(drawing(book, "hotline", "en")))
    assert {"Welcome.", "0 · no key · wrong key"} <= set(found)


def test_what_a_call_comes_to_has_its_own_colour(book: FlowBook) -> None:
    boxes = drawing(book, "hotline", "zh").boxes
    roles = [boxes[name].role for name in ("greeting", "menu", "complaint", "hr_queue", "goodbye")]
    assert roles == [Role.SAY, Role.ASK, Role.RUN, Role.HUMAN, Role.GOODBYE]


@pytest.mark.parametrize("hostile", [HOSTILE, "a" * 5000, "\ufffe"])
def test_whatever_a_flow_says_is_text_on_the_drawing(hostile: str) -> None:
    node = FLOWS["hotline.yaml"].replace("您好，欢迎致电。", '"WORDS"').replace("en: Welcome.", 'en: "WORDS"')
    words = hostile.replace("\\", "\\\\").replace('"', '\\"').replace("\ufffe", "\\ufffe")
    hotline = loader.load({**FLOWS, "hotline.yaml": node.replace("WORDS", words)})
    document = svg(drawing(hotline, "hotline", "zh"))
    assert ElementTree.fromstring(document) is not None  # noqa: S314 - our own
    assert "<script" not in document
    chart = mermaid(drawing(hotline, "hotline", "zh"))
    assert "<script" not in chart
    assert all(line.count('"') % 2 == 0 for line in chart.splitlines())


def test_mermaid_has_every_node_and_way_under_ids_of_its_own(book: FlowBook) -> None:
    chart = mermaid(drawing(book, "hotline", "zh"))
    ids = {name: number for number, name in re.findall(r"^  (n\d+)\W+<b>(\w+)</b>", chart, re.MULTILINE)}
    assert set(ids) == {"greeting", "menu", "complaint", "hr_queue", "goodbye"}
    assert f"  {ids['greeting']} --> {ids['menu']}\n" in chart
    assert f'  {ids["menu"]} -->|"0 · 无按键 · 按错"| {ids["hr_queue"]}\n' in chart
    assert ":::end" not in chart, "Mermaid's own word"


def test_the_tree_shows_each_node_once_and_names_it_again(book: FlowBook) -> None:
    assert tree(drawing(book, "hotline", "en")).splitlines()[2:] == [
        "greeting  [say]  Welcome.",
        "menu  [menu]  To complain, press 4. For a…",
        "├─ 4 → complaint  [run]  intake",
        "│  ├─ filed → goodbye  [hang up]  Goodbye.",
        "│  └─ else → hr_queue  [queue]  hr",
        "│     └─ served · else → goodbye ↑",
        "├─ 0 · no key · wrong key → hr_queue ↑",
        "└─ 9 → menu ↑",
    ]
    assert "after a hang-up:\ngone  [end]" in tree(drawing(book, "intake", "en"))


PATHS = [
    (["greeting", "menu", "complaint", "intake.sorry", "intake.done", "goodbye"], False),
    (["greeting", "menu", "menu", "hr_queue"], True),
    (["greeting", "menu", "hr_queue", "goodbye"], False),
    (["greeting"], True),
    (["greeting", "gone_since", "hr_queue", "goodbye"], False),
    ([], True),
]


def test_calls_are_counted_on_their_ways(book: FlowBook) -> None:
    counted = traffic(book, "hotline", PATHS)
    assert counted.calls == 6
    assert dict(counted.ways) == {
        ("hotline", "greeting", "menu"): 3,
        ("hotline", "menu", "complaint"): 1,
        ("intake", "sorry", "done"): 1,
        ("hotline", "complaint", "goodbye"): 1,
        ("hotline", "menu", "menu"): 1,
        ("hotline", "menu", "hr_queue"): 2,
        ("hotline", "hr_queue", "goodbye"): 2,
    }
    assert dict(counted.lost) == {("hotline", "hr_queue"): 1, ("hotline", "greeting"): 1}


def test_counts_stand_on_every_drawing(book: FlowBook) -> None:
    drawn = drawing(book, "hotline", "zh", traffic(book, "hotline", PATHS), "2026-11-22")
    assert (drawn.calls, drawn.boxes["hr_queue"].calls, drawn.boxes["hr_queue"].lost) == (5, 3, 1)
    assert {"5 通   2026-11-22", "流失 1（33%）"} <= set(texts(svg(drawn)))
    assert "└─ 已接听 · 其他 (2 通) → goodbye ↑" in tree(drawn)
    assert "menu  [菜单]  投诉请按四，人工请按零。  (4 通)" in tree(drawn)
    assert '-->|"(3 通)"|' in mermaid(drawn)


@pytest.mark.parametrize("flow", ["hotline", "intake"])
def test_nothing_overlaps_and_lines_lead_to_the_right(book: FlowBook, flow: str) -> None:
    boxes = drawing(book, flow, "zh").boxes
    assert_readable({name: [arrow.target for arrow in box.arrows] for name, box in boxes.items()})


def test_the_shipped_flows_can_be_read_on_paper() -> None:
    shipped = loader.load(loader.read_folder(loader.SHIPPED_FLOWS))
    for name in shipped.flows:
        boxes = drawing(shipped, name, "zh").boxes
        assert_readable({node: [arrow.target for arrow in box.arrows] for node, box in boxes.items()})


@pytest.mark.parametrize(
    "targets",
    [
        {},
        {"a": []},
        {"a": ["a"]},
        {"a": ["b"], "b": ["a"]},
        {"a": [], "b": ["c"], "c": ["b"]},  # a circle nobody comes to
        {"a": ["nowhere"]},
        {"a": ["b", "c", "d"], "b": ["e"], "c": ["e"], "d": ["e"], "e": ["a"]},
    ],
)
def test_odd_shapes_are_drawn_too(targets: dict[str, list[str]]) -> None:
    assert_readable(targets)


def assert_readable(targets: dict[str, list[str]]) -> None:
    order = list(targets)
    planned = groups(targets, order)
    assert sorted(name for group in planned for name in group.columns) == sorted(order), "each box once"
    shapes = {
        name: Shape(100.0, 40.0 + 20.0 * len(following), {target: 40.0 + 20.0 * row for row, target in enumerate(following)})
        for name, following in targets.items()
    }
    layout = sheet(shapes, planned)
    corners = {name: (x, y, x + shapes[name].width, y + shapes[name].height) for name, (x, y) in layout.places.items()}
    for (one, (left, top, right, bottom)), (other, (left2, top2, right2, bottom2)) in combinations(corners.items(), 2):
        assert right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top, f"{one} lies on {other}"
    for (source, target), points in layout.lines.items():
        assert points[0][0] == corners[source][2]
        assert points[-1][0] == corners[target][0]
        assert all(later[0] >= earlier[0] for earlier, later in pairwise(points))
    assert all(
        left >= 0 and right <= layout.width + 1 and top >= -1 and bottom <= layout.height + 1
        for left, top, right, bottom in corners.values()
    )


def test_a_flow_of_six_hundred_nodes_is_drawn_in_seconds() -> None:
    targets = {f"n{i}": [f"n{j}" for j in (i * 2 + 1, i * 2 + 2, (i * 7) % 600) if j < 600] for i in range(600)}
    shapes = {name: Shape(100.0, 80.0, dict.fromkeys(following, 40.0)) for name, following in targets.items()}
    began = time.monotonic()
    layout = sheet(shapes, groups(targets, list(targets)))
    assert len(layout.places) == 600
    assert time.monotonic() - began < 10
