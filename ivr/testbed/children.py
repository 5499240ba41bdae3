"""Programs the testbed starts and ends: its own ones, and no other.

For ``asterisk``, ``agents``, ``caller`` and ``run``. A child lives in a session of its own, so that Ctrl-C reaches its
starter alone, and dies with its starter even when that is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_LIBC = ctypes.CDLL(None, use_errno=True)
_AFTER_KILL_S = 5.0


def end_with_parent() -> None:
    """Have the kernel send us SIGTERM when the thread that started us ends. Linux only."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _ending_with_us(command: list[str]) -> tuple[list[str], Callable[[], None] | None]:
    """The command, and what to run in the child. setpriv (util-linux 2.33) spares us code of our own between fork and exec: with it
    Python has to copy itself for each start, and everything else of a busy test run waits meanwhile."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return command, end_with_parent
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    return [setpriv, "--pdeathsig", "TERM", "--", *command], None


@dataclass(slots=True)
class Child:
    """A running program; ``name`` is for people."""

    name: str
    process: asyncio.subprocess.Process

    @classmethod
    async def start(
        cls,
        name: str,
        command: list[str],
        *,
        log: Path | None = None,
        environment: dict[str, str] | None = None,
        folder: Path | None = None,
    ) -> Child:
        """Start it with its output in ``log``, or on our own output. Raises OSError when it can't be run."""
        command, in_child = _ending_with_us(command)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640) if log else None
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output is not None else None,
                env=environment,
                cwd=folder,
                start_new_session=True,
                preexec_fn=in_child,
            )
        finally:
            if output is not None:
                os.close(output)
        return cls(name, process)

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    async def stop(self, grace_s: float, *, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, wait ``grace_s``, then kill it. Returns its exit status, negative for a signal."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
            try:
                await asyncio.wait_for(self.process.wait(), grace_s)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self.process.kill()
                await asyncio.wait_for(self.process.wait(), _AFTER_KILL_S)
        return self.process.returncode if self.process.returncode is not None else -signal.SIGKILL


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a log for an error message."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""
