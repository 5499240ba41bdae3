"""``ivrd flow show``: a flow for reading. A Typer application of one command that ``ivr.cli_flow`` hangs in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callflows.flow import FlowBook
from callflows.loader import FlowError
from ivr.cli_common import ConfigOption, JsonOption, fail, print_json, settings_from
from ivr.cli_flow_common import book_and_flow

app = typer.Typer()


@app.command(epilog="Example: ivrd flow show complaint_intake")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A flow's name, or a flow file.")] = "hotline",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """A flow's nodes in the order of the file: what each says, and where it leads."""
    try:
        book, flow = book_and_flow(name, settings_from(config))
    except FlowError as error:
        fail(*(str(problem) for problem in error.problems))
    except (ValueError, OSError) as error:
        fail(str(error))
    shown = _as_json(book, flow)
    if as_json:
        print_json(shown)
        return
    typer.echo(f"{flow}, version {book.version}, {shown['file']}: begins at {shown['start']}")
    for node in shown["nodes"]:
        typer.echo(f"{node['line']:5d}  {node['name']} ({node['kind']})")
        for slot, words in node["words"].items():
            for language, text in words.items():
                typer.echo(f"         {slot + ' ' if slot else ''}{language}: {text}")
        for exit_name, target in node["exits"].items():
            typer.echo(f"         {exit_name} → {target}")


def _as_json(book: FlowBook, name: str) -> dict[str, Any]:
    flow = book.flow(name)
    return {
        "flow": name,
        "version": book.version,
        "file": flow.file,
        "start": flow.start,
        "on_hang_up": flow.on_hang_up,
        "nodes": [
            {
                "name": node_name,
                "kind": node.kind,
                "line": flow.lines.get(node_name, 1),
                "words": {slot: words.model_dump(exclude_none=True) for slot, words in node.words().items()},
                "exits": dict(node.exits()),
            }
            for node_name, node in flow.nodes.items()
        ],
    }
