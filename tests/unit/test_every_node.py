"""No node lacks a page, an entry in the schema, a test or a description; and what the pages show is true."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema.protocols import Validator

from callflows import linter, loader, yaml_text
from callflows.flow import NODE_FAULTS, NODE_TYPES
from callflows.flow_schema import flow_schema, key_table
from callflows.nodes.base import Node

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/nodes"
SCHEMA = ROOT / "docs/schemas/flow.json"
KINDS = sorted(node_type.kind for node_type in NODE_TYPES)
BY_KIND = {node_type.kind: node_type for node_type in NODE_TYPES}
LINES = ("hr", "course", "product", "complaint")


@pytest.fixture(scope="module")
def schema() -> Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def page(kind: str) -> str:
    return (PAGES / f"{kind}.md").read_text(encoding="utf-8")


def examples(text: str) -> dict[str, str]:
    return {f"{index}.yaml": example for index, example in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))}


def test_no_node_lacks_its_page_its_schema_entry_or_its_tests() -> None:
    assert len(KINDS) == len(set(KINDS))
    special = {"README", "own-nodes"}
    assert sorted(path.stem for path in PAGES.glob("*.md") if path.stem not in special) == KINDS
    assert sorted(path.stem.removeprefix("test_node_") for path in Path(__file__).parent.glob("test_node_*.py")) == KINDS
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[`(\w+)`\]\((\w+)\.md\)", index, re.MULTILINE)) == [(kind, kind) for kind in KINDS]
    defined = flow_schema()["$defs"]
    assert sorted(next(iter(defined[choice["$ref"].rpartition("/")[2]]["properties"])) for choice in defined["node"]["anyOf"]) == KINDS


def test_each_node_has_a_module_of_its_own() -> None:
    """But for ``run`` and ``end``, which are the two halves of one idea."""
    modules = [node_type.__module__.rpartition(".")[2] for node_type in NODE_TYPES if node_type.kind not in ("run", "end")]
    assert sorted(modules) == sorted(set(KINDS) - {"run", "end"})


def test_the_committed_schema_is_the_generated_one() -> None:
    """Made by ``ivrd flow schema > docs/schemas/flow.json``, where no other package adds nodes."""
    assert NODE_FAULTS == ()
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json.loads(json.dumps(flow_schema()))
    jsonschema.Draft202012Validator.check_schema(flow_schema())


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_described(kind: str) -> None:
    for name, field in BY_KIND[kind].model_fields.items():
        assert field.description, f"{kind}.{name}"
    assert BY_KIND[kind].__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_shows_the_keys_that_there_are(kind: str) -> None:
    """The table is what ``ivrd flow schema --node KIND`` prints."""
    assert key_table(BY_KIND[kind]) in page(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pages_example_is_a_flow_without_fault(kind: str, schema: Validator) -> None:
    sources = examples(page(kind))
    book = loader.load(sources)
    assert any(node.kind == kind for flow in book.flows.values() for node in flow.nodes.values())
    house = linter.House(queues=LINES, lines=LINES, calendars=LINES, languages=("zh", "en"))
    assert [str(problem) for problem in linter.lint(book, house, next(iter(book.flows)))] == []
    for text in sources.values():
        schema.validate(yaml_text.read(text).value)


@pytest.mark.parametrize("path", sorted(loader.SHIPPED_FLOWS.glob("*[!t].yaml")), ids=lambda path: path.stem)
def test_the_shipped_flows_keep_to_the_schema(path: Path, schema: Validator) -> None:
    if not path.name.endswith(".test.yaml"):
        schema.validate(yaml_text.read(path.read_text(encoding="utf-8")).value)


@pytest.mark.parametrize(
    "node",
    [
        {"say": {"zh": "好"}},
        {"say": {"zh": "好"}, "next": "bye", "nxt": "bye"},
        {"menu": {"zh": "好"}, "keys": {"12": "bye"}, "no_input": {"then": "bye"}},
        {"queue": "hr", "served": "bye", "_": "bye", "priority": 11},
        {"set": {"Name": "x"}, "next": "bye"},
        {"dance": True},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(node: Any, schema: Validator) -> None:
    flow: dict[str, Any] = {"flow": "main", "start": "bye", "nodes": {"bye": {"hang_up": {"zh": "再见"}}}}
    schema.validate(flow)
    flow["nodes"]["x"] = node
    assert not schema.is_valid(flow)


@pytest.mark.parametrize("kind", KINDS)
def test_no_key_of_a_node_names_another_kind(kind: str) -> None:
    """Else the order of a node's keys would decide what it is."""
    keys = {field.alias or name for name, field in BY_KIND[kind].model_fields.items()}
    assert keys & set(KINDS) == {kind}


@pytest.mark.parametrize("kind", KINDS)
def test_a_node_tells_of_itself_only_what_fits(kind: str) -> None:
    """Of the page's example: every exit has a stay, and what it gives and leaves to chance are exits of it."""
    book = loader.load(examples(page(kind)))
    nodes: list[Node] = [node for flow in book.flows.values() for node in flow.nodes.values() if node.kind == kind]
    for node in nodes:
        assert set(node.stays(lambda words: 1.0)) == set(node.exits())
        assert node.gives_by <= set(node.exits())
        assert all(words.languages() == {"zh", "en"} for words in node.words().values())
