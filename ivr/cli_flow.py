"""``ivrd flow``: look at call flows without placing a call. A Typer application that ``ivr.cli`` hangs in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callflows.flow import FlowBook
from callflows.loader import FlowError
from ivr import cli_flow_draw, cli_flow_schema, cli_flow_versions
from ivr.cli_common import ConfigOption, JsonOption, fail, print_json, settings_from
from ivr.cli_flow_common import book_and_flow
from ivr.cli_flow_lint import lint_flows
from ivr.cli_flow_simulate import simulate_flow
from ivr.cli_flow_test import run_cases

app = typer.Typer(help="Call flows: find what is wrong with them, play, test, draw and publish them.", no_args_is_help=True)
app.command("lint", epilog="Example: ivrd flow lint callflows/flows")(lint_flows)
app.command("simulate", epilog='Example: ivrd flow simulate hotline --keys "4 12345678# 1 1 t6 # #" --at 2026-02-14T10:00:00+08:00')(
    simulate_flow
)
app.command("test", epilog="Example: ivrd flow test callflows/flows")(run_cases)
app.command("schema", epilog=cli_flow_schema.EPILOG)(cli_flow_schema.schema)
app.add_typer(cli_flow_draw.app)
app.add_typer(cli_flow_versions.app)


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
