"""What ``make bench`` does: measures the engine and the records alone, then the same menu served in four ways by one Asterisk.

Nobody imports it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import uvloop
from rich.console import Console

from ivr import log
from ivr.settings import SettingsError
from ivr.testbed.bench.engine import EngineReport
from ivr.testbed.bench.engine import measure as measure_engine
from ivr.testbed.bench.figures import ramp_rates
from ivr.testbed.bench.measuring import Measurement, Pace
from ivr.testbed.bench.records import RecordsReport
from ivr.testbed.bench.records import measure as measure_records
from ivr.testbed.bench.report import Machine, Report
from ivr.testbed.bench.stage import Stage
from ivr.testbed.bench.ways import all_ways
from ivr.testbed.errors import TestbedError

INTERRUPTED = 130
FIRST_RATE, FACTOR = 40, 1.3  # of the ramp
LARGEST_OPTION = 1000
TABLE_WIDTH = 120
FULL = Pace(
    rounds=4, rate=15, seconds=15, warm_up_s=2, idle_s=3, ramp=tuple(ramp_rates(FIRST_RATE, FACTOR, 200)), step_s=5, ramp_deadline_s=90
)  # about ten minutes
QUICK = Pace(rounds=1, rate=10, seconds=3, warm_up_s=0.5, idle_s=0.5, ramp=(10, 20), step_s=2, ramp_deadline_s=15)  # under one
# Ramped up are the yardstick and the product.
RAMPED = ("dialplan", "ivrd")
ENGINE_ROUNDS, ENGINE_S = 5, 1.0
RECORDS_ROUNDS, RECORDS_CALLS, RECORDS_VISITS = 3, 3000, 300_000  # about a minute and a half
QUICK_CALLS, QUICK_VISITS = 100, 3000
LARGEST_MONTH = 100_000_000
NO_ASTERISK = "none"


def main() -> int:
    """Exit status 0 when every figure counts, 1 when one is void or something can't be started, 2 on wrong usage."""
    options = option_parser().parse_args()
    environment = dict(os.environ)
    pace = chosen_pace(options, environment)
    # First, while nothing of ours runs beside it.
    engine = None if options.records else _measure_engine(environment)
    try:
        records = None if options.engine else _measure_records(environment, options.visits)
    except TestbedError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.engine or options.records:
        _print(engine, records, as_json=options.json)
        return 0
    folder = Path(tempfile.mkdtemp(prefix="ivrd-bench-"))
    kept = True  # until all went well
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(_measure(folder, environment, pace))
        kept = options.keep or bool(report.void)
    except (TestbedError, SettingsError) as error:
        for sentence in error.problems if isinstance(error, SettingsError) else [str(error)]:
            print(f"bench: {sentence}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = False
        print("bench: interrupted", file=sys.stderr)
        return INTERRUPTED
    finally:
        if kept:
            print(f"bench: logs and SIPp's files are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    _print(engine, records, report, as_json=options.json)
    return 1 if report.void else 0


def _measure_engine(environment: Mapping[str, str]) -> EngineReport:
    _tell("the flow engine, without Asterisk")
    rounds, seconds = (1, 0.1) if _quick(environment) else (ENGINE_ROUNDS, ENGINE_S)
    return measure_engine(Machine.here(NO_ASTERISK, NO_ASTERISK), rounds=rounds, seconds=seconds)


def _measure_records(environment: Mapping[str, str], visits: int | None) -> RecordsReport:
    _tell("the records, without Asterisk")
    log.configure("console", "error")
    rounds, calls, month = (1, QUICK_CALLS, QUICK_VISITS) if _quick(environment) else (RECORDS_ROUNDS, RECORDS_CALLS, RECORDS_VISITS)
    return measure_records(Machine.here(NO_ASTERISK, NO_ASTERISK), rounds=rounds, calls=calls, visits=visits or month)


def _print(engine: EngineReport | None, records: RecordsReport | None, report: Report | None = None, *, as_json: bool) -> None:
    parts = {"engine": engine, "records": records}
    if as_json:
        told = {name: part.as_json() for name, part in parts.items() if part}
        print(json.dumps({**(report.as_json() if report else {}), **told}, indent=2))
        return
    # Into a file or a pipe: as wide as the tables are.
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
    for part in (report, *parts.values()):
        if part:
            console.print(part.as_tables(), "")


def _quick(environment: Mapping[str, str]) -> bool:
    return environment.get("BENCH_QUICK", "0") not in {"", "0"}


def option_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="The same menu in pure dialplan, by a panoramisk FastAGI server, by ivrd's AGI server alone and by ivrd: CPU per "
        "call side by side, and new calls a second until the first failure; and what the flow engine costs beside a hand-written "
        "coroutine. Everything it starts is its own, on loopback. "
        "BENCH_QUICK=1 in the environment takes one minute instead of ten. Example: BENCH_QUICK=1 make bench",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout instead of tables")
    parser.add_argument("--engine", action="store_true", help="the flow engine's figures alone, without Asterisk: half a minute")
    parser.add_argument("--records", action="store_true", help="facts, queue_log and reports alone, without Asterisk: a minute and a half")
    parser.add_argument(
        "--visits",
        type=_positive(int, LARGEST_MONTH),
        help=f"how many the reported month has (default {RECORDS_VISITS}); ten million take gigabytes in the temporary folder, and hours",
    )
    parser.add_argument("--rounds", type=_positive(int), help=f"how often each way is measured (default {FULL.rounds})")
    parser.add_argument("--rate", type=_positive(float), help=f"new calls a second (default {FULL.rate:g})")
    parser.add_argument("--seconds", type=_positive(float), help=f"for how long, each time (default {FULL.seconds:g})")
    parser.add_argument(
        "--up-to", type=_positive(int), metavar="RATE", help=f"where the search for the first failure ends (default {FULL.ramp[-1]})"
    )
    parser.add_argument("--no-ramp", action="store_true", help="leave out the search for the first failure")
    parser.add_argument("--keep", action="store_true", help="keep logs, records and SIPp's files; void figures keep them always")
    return parser


def _positive(kind: type[int] | type[float], largest: int = LARGEST_OPTION) -> Callable[[str], float]:
    def parsed(text: str) -> float:
        value = kind(text)
        if not 0 < value <= largest:
            raise argparse.ArgumentTypeError(f"must be above 0 and at most {largest}, not {text}")
        return value

    parsed.__name__ = kind.__name__  # argparse names it where the text is no number
    return parsed


def chosen_pace(options: argparse.Namespace, environment: Mapping[str, str]) -> Pace:
    pace = QUICK if _quick(environment) else FULL
    chosen = {name: value for name in ("rounds", "rate", "seconds") if (value := getattr(options, name)) is not None}
    if options.up_to:
        chosen["ramp"] = tuple(ramp_rates(min(FIRST_RATE, options.up_to), FACTOR, options.up_to))
    if options.no_ramp:
        chosen["ramp"] = ()
    return replace(pace, **chosen)


async def _measure(folder: Path, environment: Mapping[str, str], pace: Pace) -> Report:
    _tell("rendering the two prompts, starting Asterisk")
    stage = Stage.set_up(folder, environment)
    system = stage.system
    machine = Machine.here(system.program.version, system.program.origin)
    if machine.load_average > machine.cores / 2:
        _tell(f"the machine is busy (load {machine.load_average:.1f} on {machine.cores} cores): trust the ratios at most")
    system.check_ports(with_agents=False)
    ways = all_ways(stage)
    measurement = Measurement(stage, pace, _tell)
    try:
        await system.start_asterisk()
        readings = await measurement.rounds(ways)
        ramps = [await measurement.ramp(way) for way in ways if way.key in RAMPED] if pace.ramp else []
    finally:
        await system.stop(hurry=True)
    return Report(machine, pace, {way.key: way.title for way in ways}, readings, ramps)


def _tell(sentence: str) -> None:
    print(f"bench: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
