"""A person at a terminal as the caller of a simulated call: reads what is said, presses keys in real time, Ctrl-C hangs up.

For ``ivrd flow simulate``. Nobody waits for real more than he wants to: the space bar skips the rest of what is said, or of the silence.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from callflows.outcomes import DialEnd, QueueEnd
from callflows.scripted_caller import Act, CameBack, Gone, Key, Kind, Scene, Talking

HELP = "keys 0-9 * #, space: skip, t: talk for 5 s into a recording, Ctrl-C: hang up"
SKIP, TALK, TALK_S = " ", "t", 5.0
GONE = "\x03\x04"  # Ctrl-C; Ctrl-D, and what a closed input reads as
QUEUE_ENDS = {
    "s": QueueEnd.SERVED,
    "t": QueueEnd.TIMEOUT,
    "f": QueueEnd.FULL,
    "e": QueueEnd.EMPTY,
    "c": QueueEnd.CLOSED,
    "x": QueueEnd.FAILED,
}
DIAL_ENDS = {"s": DialEnd.SERVED, "b": DialEnd.BUSY, "n": DialEnd.NO_ANSWER, "x": DialEnd.FAILED}


class Keyboard(Protocol):
    def key(self, seconds: float) -> tuple[str, float]:
        """The next key within so many seconds, empty when none, and how long that took."""


class TerminalCaller:
    """``write`` takes lines. The ways out of a queue or a dialled telephone are chosen by the person too."""

    def __init__(self, keyboard: Keyboard, write: Callable[[str], None]) -> None:
        self._keyboard = keyboard
        self._write = write
        self._told = 0  # the recording he was told about

    def entered(self, node: str, at: float) -> None:
        self._write(f"{at:6.1f} s  [{node}]")

    def hears(self, at: float, text: str, seconds: float) -> None:
        self._write(f"{at:6.1f} s  {text}  ({seconds:.1f} s)")

    def passed(self, number: int, at: float) -> None:
        pass

    def act(self, now: float, until: float, scene: Scene) -> Act | None:
        if scene.kind in (Kind.QUEUE, Kind.DIAL):
            return self._away(now, scene)
        if scene.kind is Kind.RECORDING and self._told != scene.number:
            self._told = scene.number
            self._write(f"{now:6.1f} s  <beep: t to talk, # when done>")
        left = until - now
        while left > 0:
            key, seconds = self._keyboard.key(left)
            now, left = now + seconds, left - seconds
            if key and key in GONE:
                return self._gone(now)
            if key == TALK and scene.kind is Kind.RECORDING:
                self._write(f"{now:6.1f} s  <you talk for {TALK_S:g} s>")
                return Talking(now, TALK_S)
            if key in ("", SKIP):
                return None
            if key in "0123456789*#":
                self._write(f"{now:6.1f} s  <{key}>")
                return Key(now, key)
        return None

    def _away(self, now: float, scene: Scene) -> Act:
        """However long he thinks about it, it takes no time of the call."""
        ends: dict[str, QueueEnd | DialEnd] = {**(QUEUE_ENDS if scene.kind is Kind.QUEUE else DIAL_ENDS)}
        ways = ", ".join(f"{key} {end.value}" for key, end in ends.items())
        self._write(f"{now:6.1f} s  <{scene.kind.value}: how does it end? {ways}{', 1 leave by key' if scene.kind is Kind.QUEUE else ''}>")
        while True:
            key, _ = self._keyboard.key(60.0)
            if key and key in GONE:
                return self._gone(now)
            if key in ends:
                return CameBack(now, ends[key])
            if key == "1" and scene.kind is Kind.QUEUE:
                return Key(now, key)

    def _gone(self, now: float) -> Gone:
        self._write(f"{now:6.1f} s  <you hang up>")
        return Gone(now)


class TerminalKeyboard:
    """Single keys from the terminal at ``descriptor``, unechoed. For use within ``terminal_keyboard``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def key(self, seconds: float) -> tuple[str, float]:
        began = time.monotonic()
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return "", seconds
        pressed = os.read(self._descriptor, 1).decode("ascii", "replace") or GONE[-1]
        return pressed, min(time.monotonic() - began, seconds)


@contextmanager
def terminal_keyboard() -> Iterator[Keyboard]:
    """The terminal this process is at; it is put back as it was. Raises OSError where there is none."""
    descriptor = sys.stdin.fileno()
    try:
        before = termios.tcgetattr(descriptor)
    except termios.error as error:
        raise OSError(f"this is no terminal: {error}") from error
    tty.setcbreak(descriptor)
    attributes = termios.tcgetattr(descriptor)
    attributes[3] &= ~termios.ISIG  # Ctrl-C is the caller hanging up: a key like the others, wherever we are when it comes
    termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)
    try:
        yield TerminalKeyboard(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
