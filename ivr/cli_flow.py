"""``ivrd flow``: look at call flows without placing a call. A Typer application that ``ivr.cli`` hangs in."""

from __future__ import annotations

import typer

from ivr.cli_deferred import Entry, deferring

COMMANDS = (
    Entry(
        "lint",
        "ivr.cli_flow_lint",
        "Every fault of the flows with file, line and code, and for each flow how long it takes at most until a caller is helped.",
    ),
    Entry("simulate", "ivr.cli_flow_simulate", "Play a call without Asterisk: the same flows and the same engine as the live one."),
    Entry(
        "test",
        "ivr.cli_flow_test",
        "Run the flows' tests (NAME.test.yaml), one line for each case; then what no case came to. Exits 1 when a case fails.",
    ),
    Entry(
        "schema",
        "ivr.cli_flow_schema",
        "The JSON Schema of flow files, by which editors complete and check them; installed packages' own nodes included.",
    ),
    Entry("show", "ivr.cli_flow_show", "A flow's nodes in the order of the file: what each says, and where it leads."),
    Entry(
        "draw",
        "ivr.cli_flow_draw",
        "Draw a flow; with a database, how many calls went each way and how many were lost at each node.",
    ),
    Entry(
        "publish",
        "ivr.cli_flow_versions",
        "Check the flow folder, make its prompts, and put it in service; running calls keep the version they began with.",
    ),
    Entry("versions", "ivr.cli_flow_versions", "Every published version, which of them callers get, and the steps that led there."),
    Entry("diff", "ivr.cli_flow_versions", "What callers would notice: nodes, words, exits and settings that differ."),
    Entry("rollback", "ivr.cli_flow_versions", "Put an earlier version in service again; a trial ends with it."),
    Entry("trial", "ivr.cli_flow_versions", "A version that a share of the callers gets: how it does, and how it ends."),
)

app = typer.Typer(
    help="Call flows: find what is wrong with them, play, test, draw and publish them.", no_args_is_help=True, cls=deferring(*COMMANDS)
)
