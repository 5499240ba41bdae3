"""``ivrd flow simulate``: plays a call without Asterisk, by a script or with the person at the terminal as the caller."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from callflows.calendar import CalendarError
from callflows.caller_steps import GRAMMAR, parse_script
from callflows.flow import FlowBook
from callflows.flow_test_file import parse_given
from callflows.flow_tests import surroundings
from callflows.loader import FlowError
from callflows.simulated_call import SimulatedCall
from callflows.simulator import play, simulate
from callflows.surroundings import Surroundings
from ivr.cli_common import ConfigOption, JsonOption, fail, settings_from
from ivr.cli_flow_common import book_and_flow, simulated_house
from ivr.domain.numbers import normalise, spoken
from ivr.terminal_caller import HELP, TerminalCaller, terminal_keyboard

app = typer.Typer()


@app.command("simulate", epilog='Example: ivrd flow simulate hotline --keys "4 12345678# 1 1 t6 # #" --at 2026-02-14T10:00:00+08:00')
def simulate_flow(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A flow's name, or a flow file.")] = "hotline",
    config: ConfigOption = None,
    keys: Annotated[str | None, typer.Option(help=f"What the caller does: {GRAMMAR}. Without it you are the caller.")] = None,
    at: Annotated[str, typer.Option(help="When the call comes in, ISO 8601; now by default.")] = "",
    caller: Annotated[str, typer.Option(help="The caller's number; empty = withheld.")] = "13800138000",
    language: Annotated[str | None, typer.Option(help="zh or en; the hotline's first by default.")] = None,
    given: Annotated[str, typer.Option(help="What surrounds the call, as in a flow's tests: '{queues: [timeout], hours: closed}'.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Play a call without Asterisk: the same flows and the same engine as the live one."""
    settings = settings_from(config)
    try:
        steps = parse_script(keys or "")
        begin = datetime.fromisoformat(at) if at else datetime.now(UTC)
        book, flow = book_and_flow(name, settings)
        number = spoken(normalise(caller, settings.hotline.country, settings.hotline.area_code), settings.hotline.country)
        around = surroundings(parse_given(given, "--given"), simulated_house(settings, book), at=begin, caller=number)
        speaking = language or settings.hotline.language
        interactive = keys is None and not as_json and sys.stdin.isatty() and sys.stdout.isatty()
        call = _interactive(book, flow, around, speaking) if interactive else simulate(book, flow, steps, around, language=speaking)
    except FlowError as error:
        fail(*(str(problem) for problem in error.problems))
    except KeyError as error:
        fail(f"the flow names {error}, which is neither a calendar nor a flow that is here")
    except (CalendarError, ValueError, OSError) as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(call.as_json(), ensure_ascii=False))
    else:
        for said in () if interactive else call.heard:
            typer.echo(f"{said.at:6.1f} s  {said.node}: {said.text}  ({said.seconds:.1f} s)")
        _tell(call)
    raise typer.Exit(1 if call.ending == "error" else 0)


def _interactive(book: FlowBook, flow: str, around: Surroundings, language: str) -> SimulatedCall:
    typer.echo(HELP)
    with terminal_keyboard() as keyboard:
        return play(book, flow, TerminalCaller(keyboard, typer.echo), around, language=language)


def _tell(call: SimulatedCall) -> None:
    typer.echo(f"path: {' '.join(call.path)}")
    ending = {"queue": f"queue {call.queue}", "dial": f"dial {call.phone}"}.get(call.ending, call.ending)
    typer.echo(f"{ending} after {call.seconds:.1f} s" + (f": {call.error}" if call.error else ""))
    for filed in call.filed:
        typer.echo(f"filed: {json.dumps(filed, ensure_ascii=False)}")
    if call.unused:
        typer.echo(f"not used: {', '.join(call.unused)}")
