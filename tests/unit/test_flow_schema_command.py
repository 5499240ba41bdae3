"""``ivrd flow schema``: what it prints, and what it says when there is no such node."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from callflows.flow import NODE_KINDS
from callflows.flow_schema import key_table
from ivr.cli_flow_schema import app

SCHEMA = Path(__file__).parents[2] / "docs/schemas/flow.json"


def test_it_prints_what_is_committed() -> None:
    printed = CliRunner().invoke(app, [])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == json.loads(SCHEMA.read_text(encoding="utf-8"))


def test_it_prints_one_nodes_keys() -> None:
    printed = CliRunner().invoke(app, ["--node", "menu"])
    assert printed.stdout == key_table(NODE_KINDS["menu"]) + "\n"


def test_it_helps_who_misspells_a_node() -> None:
    printed = CliRunner().invoke(app, ["--node", "menue"])
    assert printed.exit_code == 1
    assert "there is no node 'menue'; did you mean 'menu'" in printed.stderr


def test_its_help_has_an_example() -> None:
    assert "Example: ivrd flow schema" in CliRunner().invoke(app, ["--help"]).stdout
