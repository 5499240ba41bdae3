"""What ``make call`` does: one real SIP call to the running system, then the service record it left.

Nobody imports it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

from ivr.settings import Settings, SettingsError
from ivr.settings import load as load_settings
from ivr.testbed.caller import CallResult, CallScript, place_call
from ivr.testbed.errors import TestbedError
from ivr.testbed.keys import GRAMMAR, KeysError
from ivr.testbed.ports import is_bound
from ivr.testbed.system import chosen_environment
from ivr.testbed.whereabouts import Whereabouts

RECORD_DEADLINE_S = 10.0
_POLL_S = 0.3
DEFAULT_NUMBER = "4001234567"


@dataclass(frozen=True, slots=True)
class LineKeys:
    """How the shipped hotline's line is reached (R1): its key in the main menu, and what then leads to an agent."""

    key: str
    served: str


LINES = {
    "hr": LineKeys("1", ""),
    "course": LineKeys("2", "1"),  # on-campus
    "product": LineKeys("3", ""),
    # serial number, right; the caller's own number, right; what happened, submitted; the number is read out; an agent
    "complaint": LineKeys("4", "20261121# 1 1 w9 t5 # # w19 1"),
}


def main() -> int:
    """Exit status 0 when the call was answered and its record is there, 1 otherwise, 2 on wrong usage."""
    options = _options()
    environment = chosen_environment()
    try:
        settings = load_settings(environment=environment)
        return asyncio.run(_call(settings, _script(options, settings), environment))
    except (TestbedError, KeysError, SettingsError) as error:
        for sentence in error.problems if isinstance(error, SettingsError) else [str(error)]:
            print(f"call: {sentence}", file=sys.stderr)
        return 2 if isinstance(error, KeysError) else 1
    except KeyboardInterrupt:
        return 130


def _options() -> argparse.Namespace:
    env = os.environ
    parser = argparse.ArgumentParser(
        prog="make call",
        description="Place one real call with RTP and RFC 4733 keys to the system `make run` started with the same STATE "
        "and PORT_OFFSET; then print its service record.",
        epilog=f"KEYS: {GRAMMAR}. With LINE they follow the line's own key (hr 1, course 2, product 3, complaint 4) in "
        "place of what leads to an agent (and may begin with it, as in `ivrd flow simulate`); without LINE they are all that is pressed. "
        'Examples: make call LINE=hr;  make call LINE=course KEYS="2";  make call LINE=complaint KEYS="12345678# 1 h"',
    )
    parser.add_argument("--line", default=env.get("LINE") or None, choices=sorted(LINES), help="LINE=")
    parser.add_argument("--keys", default=env.get("KEYS") or None, help="KEYS=")
    parser.add_argument("--from", dest="caller", default=env.get("FROM") or "13800138000", help="FROM=, the caller's number")
    parser.add_argument("--number", default=env.get("NUMBER") or None, help="NUMBER=, what is dialled (the hotline)")
    options = parser.parse_args()
    if options.line is not None and options.line not in LINES:  # argparse doesn't check a default
        parser.error(f"LINE={options.line} is no line; there is {', '.join(LINES)}")
    if options.line is None and options.keys is None:
        parser.error(f"give LINE ({', '.join(LINES)}), KEYS, or both")
    return options


def _script(options: argparse.Namespace, settings: Settings) -> CallScript:
    keys = options.keys or ""
    if options.line is not None:
        line = LINES[options.line]
        # Both menus are heard for a moment, as somebody would who doesn't know them.
        after = line.served if options.keys is None else _after_own_key(options.keys, options.line)
        keys = f"w2 {line.key} {after}".rstrip()
    number = options.number or next(iter(settings.hotline.numbers), DEFAULT_NUMBER)
    return CallScript(keys=keys, caller=options.caller, number=number, call_id=f"{uuid.uuid4()}@ivrd")


def _after_own_key(keys: str, line: str) -> str:
    """``ivrd flow simulate`` writes the line's key too ("4 12345678# 1"): given here, it isn't pressed twice."""
    first, *rest = keys.split()
    also_an_answer = line == "course" and not rest  # KEYS=2 of the course line is off-campus
    return " ".join(rest) if first == LINES[line].key and not also_an_answer else keys


async def _call(settings: Settings, script: CallScript, environment: dict[str, str]) -> int:
    port = settings.shifted(settings.asterisk.sip_port)
    if not is_bound("UDP", port):
        raise TestbedError(f"nobody listens on SIP port {port}; start `make run` first, with the same STATE and PORT_OFFSET.")
    print(f"call: {script.caller} dials {script.number}, keys: {script.keys}", flush=True)
    result = await place_call(script, port, whereabouts=Whereabouts(settings.paths.database))
    print(f"call: {_told(result)}", flush=True)
    if not result.answered:
        return 1
    return await _show_record(result.call_id, environment)


def _told(result: CallResult) -> str:
    if result.failure is not None:
        return f"refused with SIP status {result.failure}"
    if not result.answered:
        return "nobody answered"
    who = "the caller" if result.ended_by == "caller" else "the hotline's side"
    return (
        f"answered after {result.answered_after_s or 0.0:.1f} s, ended by {who} after {result.duration_s:.1f} s; "
        f"{result.heard.seconds:.1f} s of sound were heard"
    )


async def _show_record(call_id: str, environment: dict[str, str]) -> int:
    """The record is written a moment after the call has ended."""
    command = [str(Path(sys.executable).with_name("ivrd")), "calls", "show", call_id]
    deadline = asyncio.get_running_loop().time() + RECORD_DEADLINE_S
    while True:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), RECORD_DEADLINE_S)
        if process.returncode == 0:
            print(output.decode(errors="replace").rstrip())
            return 0
        if asyncio.get_running_loop().time() > deadline:
            raise TestbedError(f"the call left no record: {errors.decode(errors='replace').strip()}")
        await asyncio.sleep(_POLL_S)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `make call | head` ends quietly
    sys.exit(main())
