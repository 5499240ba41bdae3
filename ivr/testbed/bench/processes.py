"""What a process, and all of them together, have used of the CPU, read from /proc; see proc(5).

For ``bench`` alone.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ivr.testbed.errors import TestbedError

_TICKS = os.sysconf("SC_CLK_TCK")  # what /proc counts in, a second


def process_seconds(stat: str, ticks: int = _TICKS) -> float:
    """CPU seconds from the text of ``/proc/PID/stat``: all threads, user and system, and children that were waited for.

    Raises ValueError for anything else.
    """
    # The name stands in parentheses and may itself hold blanks and parentheses.
    _, found, rest = stat.rpartition(")")
    fields = rest.split()
    if not found or len(fields) < 15:
        raise ValueError(f"this is no /proc/PID/stat: {stat[:60]!r}")
    return sum(int(value) for value in fields[11:15]) / ticks  # utime, stime, cutime, cstime


def cpu_seconds(pid: int | None) -> float:
    """What the process has used until now; 0 for None. Raises TestbedError when it has ended."""
    if pid is None:
        return 0.0
    try:
        return process_seconds(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise TestbedError(f"process {pid} ended while it was measured: {error.strerror}.") from error


def everybodys_seconds() -> float:
    """What all processes that can be seen have used until now; a child that ends in between is in its parent's sum.

    /proc/stat isn't asked: most kernels fill it by looking at every tick, and miss work that ticks set off.
    """
    total = 0.0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            total += process_seconds(file.read_text(encoding="utf-8", errors="replace"))
    return total


def own_seconds() -> float:
    """What this process and its children that have ended (SIPp) have used, in s."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def asterisk_pid(configuration: Path) -> int:
    """The process that runs on this configuration, in a container or not. Raises TestbedError when there is none.

    In Docker our child is the client; the program itself is seen through /proc, as the kernel is the same.
    """
    wanted = os.fsencode(configuration / "asterisk.conf")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        # -f is the foreground's; the console has -rx. The container's init has "--" before the program's own name.
        runs = wanted in arguments and b"-f" in arguments and b"--" not in arguments
        if runs and os.path.basename(arguments[0]) != b"docker":  # noqa: PTH119 - bytes
            return int(folder.name)
    raise TestbedError(f"no Asterisk runs on {configuration}.")
