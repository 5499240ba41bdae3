"""What ``make demo-traffic`` does: real calls to the running system keep coming, so that there is something to see.

Nobody imports it but its tests. Some callers are served, some give up waiting or in the menus, some complain, one in ten withholds
his number.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from ivr.settings import Settings, SettingsError
from ivr.settings import load as load_settings
from ivr.testbed.call import DEFAULT_NUMBER, LINES
from ivr.testbed.caller import CallResult, CallScript, place_call
from ivr.testbed.errors import TestbedError
from ivr.testbed.ports import is_bound
from ivr.testbed.system import chosen_environment

DEFAULT_RATE = 10.0  # calls a minute
HIGHEST_RATE = 120.0
# A caller who would be one more stays at home: a machine full of SIPp shows nothing but itself.
MOST_AT_ONCE = 20
_END_WITHIN_S = 3.0
WITHHELD = "anonymous"


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to call: what it is called in the output, how often of a hundred, the keys from the answer on."""

    name: str
    share: int
    keys: tuple[str, ...]


# Menus are heard for two seconds. A queue is reached about five seconds after the line's key, and a demo agent answers after one to three.
KINDS = (
    *(Kind(f"{name}, to be served", share, (f"w2 {line.key} {line.served}".rstrip(),)) for (name, line), share in zip(
        LINES.items(), (16, 16, 18, 8), strict=True
    )),
    Kind("gives up waiting", 16, ("w2 1 w5 h", "w2 2 1 w6 h", "w2 3 w5.5 h")),
    Kind("hangs up in the menu", 10, ("w3 h", "w2 2 w2 h", "h")),
    Kind("complains and hangs up once it is told", 8, ("w2 4 20261121# 1 1 w9 t5 # # w12 h",)),
    Kind("complains and hangs up half-way", 4, ("w2 4 20261121# 1 1 w9 t3 h",)),
    Kind("presses nothing", 4, ("",)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arrival:
    """One call to come: so many seconds after the one before."""

    after_s: float
    kind: Kind
    keys: str
    caller: str


def arrivals(rate: float, dice: random.Random) -> Iterator[Arrival]:
    """Callers without end, ``rate`` a minute on average, as independent people call; the first at once."""
    after = 0.0
    known: list[str] = []
    while True:
        kind = dice.choices(KINDS, [kind.share for kind in KINDS])[0]
        yield Arrival(after, kind, dice.choice(kind.keys), _caller(dice, known))
        after = dice.expovariate(rate / 60.0)


def _caller(dice: random.Random, known: list[str]) -> str:
    """A mobile number; one in ten withholds it, one in six has called before."""
    chance = dice.random()
    if chance < 0.1:
        return WITHHELD
    if known and chance < 0.26:
        return dice.choice(known[-20:])
    number = f"138{dice.randrange(10**8):08}"
    known.append(number)
    return number


@dataclass(slots=True)
class Tally:
    """What has been placed so far."""

    placed: int = 0
    answered: int = 0
    failed: int = 0
    left_out: int = 0

    def __str__(self) -> str:
        text = f"{self.placed} calls placed, {self.answered} of them answered and over"
        text += f", {self.failed} failed" if self.failed else ""
        return text + (f", {self.left_out} left out: {MOST_AT_ONCE} were running" if self.left_out else "")


Place = Callable[[CallScript], Awaitable[CallResult]]


async def keep_calling(coming: Iterator[Arrival], place: Place, number: str, stop: asyncio.Event, tell: Callable[[str], None]) -> Tally:
    """Until ``stop`` or the last of ``coming``, whose calls are then seen to their end; after ``stop`` they are cut off."""
    tally = Tally()
    running: set[asyncio.Task[None]] = set()
    asked = asyncio.create_task(stop.wait(), name="asked to stop")
    try:
        for arrival in coming:
            await asyncio.wait([asked], timeout=arrival.after_s)
            if asked.done():
                break
            if len(running) >= MOST_AT_ONCE:
                tally.left_out += 1
                continue
            task = asyncio.create_task(_one(arrival, place, number, tally, tell), name=f"call {tally.placed}")
            running.add(task)
            task.add_done_callback(running.discard)
            tally.placed += 1
        else:
            while running and not asked.done():
                await asyncio.wait([asked, *running], return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_END_WITHIN_S)
    return tally


async def _one(arrival: Arrival, place: Place, number: str, tally: Tally, tell: Callable[[str], None]) -> None:
    who = arrival.caller if arrival.caller == WITHHELD else f"…{arrival.caller[-4:]}"
    try:
        result = await place(CallScript(keys=arrival.keys, caller=arrival.caller, number=number, wait_s=120.0))
    except TestbedError as error:
        tally.failed += 1
        tell(f"{who} {arrival.kind.name}: {error}")
        return
    tally.answered += result.answered
    if not result.answered:
        tell(f"{who} {arrival.kind.name}: not taken ({result.failure or 'no answer'})")
        return
    ended_by = "the caller" if result.ended_by == "caller" else "the hotline"
    tell(f"{who} {arrival.kind.name}: ended by {ended_by} after {result.duration_s:.0f} s")


def main() -> int:
    """Exit status 0 after Ctrl-C or the last call, 1 when there is nothing to call, 2 on wrong usage."""
    options = _options()
    try:
        settings = load_settings(environment=chosen_environment())
        return asyncio.run(_run(settings, options.rate, options.calls))
    except (TestbedError, SettingsError) as error:
        for sentence in error.problems if isinstance(error, SettingsError) else [str(error)]:
            print(f"demo-traffic: {sentence}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make demo-traffic",
        description="Real calls to the system `make run` started with the same STATE and PORT_OFFSET keep coming until Ctrl-C: "
        "served, given up, complaints. Example: make demo-traffic RATE=20",
    )
    # argparse reads a default that is a text like one that was given.
    parser.add_argument("--rate", type=_rate, default=os.environ.get("RATE") or str(DEFAULT_RATE), help="RATE=, calls a minute")
    parser.add_argument("--calls", type=_count, default=os.environ.get("CALLS") or None, help="CALLS=, so many and no more")
    return parser.parse_args()


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= HIGHEST_RATE:
        raise argparse.ArgumentTypeError(f"RATE={text}: calls a minute, more than 0 and at most {HIGHEST_RATE:g}")
    return rate


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text[:9]):
        raise argparse.ArgumentTypeError(f"CALLS={text}: a whole number from 1 on")
    return int(text)


async def _run(settings: Settings, rate: float, calls: int | None) -> int:
    port = settings.shifted(settings.asterisk.sip_port)
    if not is_bound("UDP", port):
        raise TestbedError(f"nobody listens on SIP port {port}; start `make run` first, with the same STATE and PORT_OFFSET.")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(f"demo-traffic: about {rate:g} calls a minute to port {port}; Ctrl-C stops", flush=True)

    def tell(sentence: str) -> None:
        # Whoever read our output may have gone (`make demo-traffic | head`): then we stop.
        try:
            print(f"demo-traffic: {sentence}", flush=True)
        except BrokenPipeError:
            stop.set()

    async def place(script: CallScript) -> CallResult:
        return await place_call(script, port)

    coming = arrivals(rate, random.Random())
    limited = coming if calls is None else (arrival for arrival, _ in zip(coming, range(calls), strict=False))
    hotline = next(iter(settings.hotline.numbers), DEFAULT_NUMBER)
    tally = await keep_calling(limited, place, hotline, stop, tell)
    with contextlib.suppress(BrokenPipeError):
        tell(f"stopped; {tally}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
