"""Which ports are free, asked before anything is started on them.

For ``asterisk``, ``agents`` and ``run``: Asterisk itself only logs a port it can't have, and goes on without it.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ivr.testbed.errors import TestbedError

SIPP_PLACES = 700


@dataclass(frozen=True, slots=True)
class NeededPort:
    """A port somebody is going to bind. ``setting`` names what an administrator would change."""

    kind: Literal["UDP", "TCP"]
    address: str
    port: int
    setting: str


def check_free(ports: Iterable[NeededPort]) -> None:
    """Raises TestbedError naming every port that can't be bound, who has it, and what to change."""
    if problems := [sentence for port in ports if (sentence := _problem(port))]:
        problems.append("Shift all ports with PORT_OFFSET=N to run beside it.")
        raise TestbedError(" ".join(problems))


def free_udp_port(address: str) -> int:
    """A UDP port that was free a moment ago."""
    with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def sipp_ports(address: str, begin_at: int, *, streams: bool = False) -> list[str]:
    """Arguments that give a SIPp ports nobody has: two for media, used or not, and one it takes commands on.

    Without them it takes its defaults, 6000 and 8888 and the next ones, and finds room for about fifty of its kind.
    The media ports are the first free ones of 6000-8799, looked for from ``begin_at`` (any number) on: below the range
    the kernel gives away, below Asterisk's, and beside SIP's. One that plays ``streams`` takes more from there upwards,
    two for each call it is in: it gets room of its own, in 2000-4999.
    """
    first, apart, places = (2000, 100, 30) if streams else (6000, 4, SIPP_PLACES)
    for turn in range(places):
        port = first + apart * ((begin_at + turn) % places)
        with contextlib.ExitStack() as probes:
            try:
                for bound in (port, port + 2):
                    probe = probes.enter_context(socket.socket(_family(address), socket.SOCK_DGRAM))
                    probe.bind((address, bound))
            except OSError:
                continue
        return ["-mp", str(port), "-cp", str(free_udp_port(address))]
    raise TestbedError(f"no media ports are free for SIPp on {address}: {first} to {first + apart * places - 1} are all taken.")


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _problem(needed: NeededPort) -> str | None:
    kind = socket.SOCK_DGRAM if needed.kind == "UDP" else socket.SOCK_STREAM
    where = f"{needed.kind} port {needed.port} on {needed.address} ({needed.setting})"
    with socket.socket(_family(needed.address), kind) as probe:
        if needed.kind == "TCP":  # a connection that ended a minute ago is no obstacle
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((needed.address, needed.port))
        except OverflowError:
            return f"{where} is beyond 65535: PORT_OFFSET is too large."
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"{where} is taken{_by_whom(needed)}."
            return f"{where} can't be bound: {error.strerror}."
    return None


def is_bound(kind: Literal["UDP", "TCP"], port: int) -> bool:
    """Whether some program of this machine has the port, on any address. Looks, and doesn't touch it."""
    return bool(_inodes(kind, port))


def _inodes(kind: str, port: int) -> set[str]:
    found: set[str] = set()
    for table in ("", "6"):
        with contextlib.suppress(OSError):
            rows = [row.split() for row in Path(f"/proc/net/{kind.lower()}{table}").read_text().splitlines()[1:]]
            found |= {row[9] for row in rows if int(row[1].rpartition(":")[2], 16) == port}
    return found


def _by_whom(needed: NeededPort) -> str:
    """`` by sipp (process 123)``, as far as /proc lets us see it."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(needed.kind, needed.port)}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in wanted for link in (process / "fd").iterdir()):
                return f" by {(process / 'comm').read_text().strip()} (process {process.name})"
    return ""
