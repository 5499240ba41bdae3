"""``ivrd flow schema``: the form of flow files, for editors and for people. ``ivr.cli_flow`` hangs it in."""

from __future__ import annotations

from typing import Annotated

import typer

from callflows.flow import NODE_FAULTS, NODE_KINDS
from callflows.flow_schema import flow_schema, key_table
from callflows.problems import near
from ivr.cli_common import fail, print_json

app = typer.Typer()


@app.command(epilog="Example: ivrd flow schema > flow.json; ivrd flow schema --node menu")
def schema(
    node: Annotated[str | None, typer.Option("--node", metavar="KIND", help="Only the keys of this kind of node, as a table.")] = None,
) -> None:
    """The JSON Schema of flow files, by which editors complete and check them; installed packages' own nodes included."""
    for fault in NODE_FAULTS:
        typer.echo(fault, err=True)
    if node is None:
        print_json(flow_schema(NODE_KINDS.values()))
    elif node in NODE_KINDS:
        typer.echo(key_table(NODE_KINDS[node]))
    else:
        fail(f"there is no node {node!r}{near(node, NODE_KINDS)}; there is {', '.join(NODE_KINDS)}")
