"""Nodes of other packages: found by their entry point, used like ours, and never a crash when they are faulty."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from callflows.nodes.own import GROUP, own_nodes

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/nodes/own-nodes.md").read_text(encoding="utf-8")
BASE = "from callflows.nodes.base import Node\nfrom typing import ClassVar\n"
STEPS = "    def steps(self, call, place):\n        return 'next'\n        yield\n"
EXITS = "    def exits(self):\n        return {}\n"


def block(language: str) -> str:
    """The page's one block of code in this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str = "probe", member: str = "ProbeNode") -> EntryPoint:
    module = f"own_{abs(hash((source, name, str(tmp_path))))}"
    (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return EntryPoint(name, f"{module}:{member}", GROUP)


def fault(entry: EntryPoint, *taken: str) -> str:
    kinds, faults = own_nodes(taken, [entry])
    assert kinds == {}
    (sentence,) = faults
    assert "\n" not in sentence
    assert sentence.startswith(f"the node {entry.name!r} ({entry.value}) can't be used: ")
    return sentence


def test_the_documented_package_is_found_and_its_flow_is_played(tmp_path: Path) -> None:
    """As installed: a module and the metadata that pip would write, on the path of a fresh interpreter."""
    (tmp_path / "human_check.py").write_text(block("python"), encoding="utf-8")
    info = tmp_path / "human_check-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: human-check\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(block("toml").replace('[project.entry-points."ivrd.nodes"]', "[ivrd.nodes]").replace('"', ""))
    (tmp_path / "main.yaml").write_text(block("yaml"), encoding="utf-8")
    script = """
import sys
from pathlib import Path
from callflows.flow import NODE_FAULTS, NODE_KINDS
from callflows.flow_schema import flow_schema
from callflows.linter import House, lint
from callflows.loader import load
from callflows.outcomes import Digits, Done
from callflows.walk import Walk
assert NODE_FAULTS == (), NODE_FAULTS
book = load({"main.yaml": Path(sys.argv[1]).read_text(encoding="utf-8")})
assert lint(book, House(queues=["hr"], lines=[], calendars=[], languages=["zh", "en"]), "main") == []
assert "HumanCheckNode" in flow_schema(NODE_KINDS.values())["$defs"]
assert [prompt.text for prompt in book.prompts(("zh",))].count("请按五继续。") == 1
for key, end in (("5", "connect"), ("1", "bye")):
    walk = Walk.begin(book, "main", "zh")
    steps = walk.run()
    next(steps), steps.send(Done()), steps.send(Digits(key))
    assert walk.node == end, walk.node
print("played")
"""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "main.yaml")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == ("played", 0), done.stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_of_that_name\n", "No module named 'nothing_of_that_name'"),
        ("raise SystemExit('stop\\nall')\n", "SystemExit: stop all"),
        ("def (\n", "SyntaxError"),
        ("ProbeNode = 7\n", "is no subclass of callflows.nodes.base.Node"),
        ("class ProbeNode: pass\n", "is no subclass of callflows.nodes.base.Node"),
        ("", "has no attribute 'ProbeNode'"),
        (BASE + "class ProbeNode(Node):\n    probe: str\n" + STEPS + EXITS, "its 'kind' is None; it must be 'probe'"),
        (BASE + "class ProbeNode(Node):\n    kind: ClassVar[str] = 'other'\n    other: str\n" + STEPS + EXITS, "its 'kind' is 'other'"),
        (BASE + "class ProbeNode(Node):\n    kind: ClassVar[str] = 'probe'\n    what: str\n" + STEPS + EXITS, "has no setting 'probe'"),
        (BASE + "class ProbeNode(Node):\n    kind: ClassVar[str] = 'probe'\n    probe: str\n" + EXITS, "doesn't say its steps()"),
        (BASE + "class ProbeNode(Node):\n    kind: ClassVar[str] = 'probe'\n    probe: str\n" + STEPS, "doesn't say its exits()"),
    ],
)
def test_a_faulty_one_costs_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str) -> None:
    assert said in fault(offered(tmp_path, monkeypatch, source))


def test_a_name_that_is_ours_or_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a node, or a key of one, has that name already" in fault(offered(tmp_path, monkeypatch, ""), "probe")
    assert "small letters" in fault(offered(tmp_path, monkeypatch, "", name="No Name"))


def test_two_packages_with_one_name_keep_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = BASE + "class ProbeNode(Node):\n    kind: ClassVar[str] = 'probe'\n    probe: str\n" + STEPS + EXITS
    entry = offered(tmp_path, monkeypatch, source)
    kinds, faults = own_nodes([], [entry, entry])
    assert list(kinds) == ["probe"]
    assert len(faults) == 1


def test_a_faulty_one_does_not_hide_a_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = BASE + "class ProbeNode(Node):\n    kind: ClassVar[str] = 'probe'\n    probe: str\n" + STEPS + EXITS
    kinds, faults = own_nodes(
        [], [offered(tmp_path, monkeypatch, "import nothing_of_that_name\n", "a"), offered(tmp_path, monkeypatch, good)]
    )
    assert (list(kinds), len(faults)) == (["probe"], 1)


def test_one_that_cannot_be_used_is_named_by_the_check_and_keeps_nothing_from_running(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text("ProbeNode = 7\n", encoding="utf-8")
    info = tmp_path / "probe-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[ivrd.nodes]\nprobe = probe:ProbeNode\n", encoding="utf-8")
    script = (
        "from datetime import UTC, datetime\nfrom ivr.checking import warnings_of\nfrom ivr.settings import load\n"
        "print(*warnings_of(load(), datetime.now(UTC)), sep='\\n')"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "STATE": str(tmp_path / "state")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True)
    said = "the node 'probe' of probe (probe:ProbeNode) can't be used: probe:ProbeNode is no subclass of callflows.nodes.base.Node"
    assert said in done.stdout.splitlines()
