"""``ivrd``: the command line. Exits 0 when all is well, 1 when what it looked at is bad, 2 on wrong usage; errors to stderr."""

from __future__ import annotations

import gc

import typer

from ivr.cli_deferred import Entry, deferring

# A command makes some hundred thousand objects by importing what it needs, and ends soon: looking through them again and again for what
# can be freed takes a fifth of its time. The daemon, which stays, sets it back.
OBJECTS_BETWEEN_LOOKS = 100_000

COMMANDS = (
    Entry("run", "ivr.cli_run", "Run the daemon in the foreground until SIGTERM or Ctrl-C."),
    Entry("check", "ivr.cli_check", "Settings, flows, calendar, prompts and the Asterisk configuration: every fault with where it is."),
    Entry(
        "doctor",
        "ivr.cli_doctor",
        "The running system, part by part: daemon, AGI, AMI, database, queue_log, settings, clock, disk. Exits 1 when something is bad.",
    ),
    Entry("calls", "ivr.cli_calls", "Service records: one for every call.", is_group=True),
    Entry("complaints", "ivr.cli_complaints", "The complaint register 投诉登记表.", is_group=True),
    Entry("callbacks", "ivr.cli_callbacks", "Calls we promised.", is_group=True),
    Entry("agents", "ivr.cli_agents", "Agents: what they do now, their figures, how their time went.", is_group=True),
    Entry("hours", "ivr.cli_hours", "When the lines are staffed: by the calendar, and as set by hand.", is_group=True),
    Entry("report", "ivr.cli_report", "Offered, answered, lost, loss rate 呼损率, service level and answer times of a period."),
    Entry("reports", "ivr.cli_reports", "The daily log, the weekly and the monthly report.", is_group=True),
    Entry(
        "explain",
        "ivr.cli_explain",
        "A figure's formula and version, its numbers, and the calls in its numerator and in its denominator.",
    ),
    Entry(
        "forecast",
        "ivr.cli_forecast",
        "Calls to expect in each half hour and the agents they need: Erlang A with the callers' measured patience, else Erlang C.",
    ),
    Entry("flow", "ivr.cli_flow", "Call flows: find what is wrong with them, play, test, draw and publish them.", is_group=True),
    Entry("prompts", "ivr.cli_prompts", "The sound files callers hear: make, check and list them.", is_group=True),
    Entry("users", "ivr.cli_users", "The console's accounts: one for each person.", is_group=True),
    Entry("ledger", "ivr.cli_ledger", "The ledger: every fact of a call, and who told it.", is_group=True),
    Entry(
        "replay", "ivr.cli_replay", "Contacts and visits of recorded AMI streams and queue_logs, without Asterisk and without a database."
    ),
    Entry(
        "record",
        "ivr.cli_record",
        "Record Asterisk's events and queue_log with false numbers and names; `ivrd replay` tells the same of it as of the real.",
    ),
    Entry("asterisk", "ivr.cli_asterisk", "What Asterisk is told.", is_group=True),
    Entry("db", "ivr.cli_db", "The database's schema.", is_group=True),
)

app = typer.Typer(cls=deferring(*COMMANDS), no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def ivrd() -> None:
    """The daemon behind a 400 hotline on Asterisk."""


def main() -> None:
    """The console script."""
    gc.set_threshold(OBJECTS_BETWEEN_LOOKS)
    app()
