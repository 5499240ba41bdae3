"""What Asterisk is to be configured as: plain values, made from the daemon's settings, read by the writers of this room."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Phone:
    """An agent's telephone. With ``contact`` it is reached there without registration; else it registers with ``secret``.

    ``qualify_s``: seconds between the OPTIONS requests that find out whether the phone is there; 0 = it is never asked
    and always taken to be there, so that a dead one costs every caller a whole ``ring_s``.
    """

    extension: str  # "101"; the PJSIP endpoint has the same name
    agent: str  # the member's name in queue events and reports
    secret: str | None = None
    contact: str | None = None  # "sip:101@127.0.0.1:5091"
    qualify_s: int = 15


@dataclass(frozen=True, slots=True)
class QueuePlan:
    name: str
    members: tuple[str, ...]  # extensions
    ring_s: int  # one agent rings this long before the next is tried
    max_waiting: int  # a caller beyond it is refused FULL; 0 = no limit


@dataclass(frozen=True, slots=True)
class OutboundPlan:
    """The trunk that calls out, for promised calls alone. ``patterns``: the dialplan patterns that may be dialled."""

    address: str  # host or host:port
    caller_id: str
    ring_s: int
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Destination:
    """A telephone that a flow may connect a caller to: an agent's extension, a fixed contact, or digits for the outbound trunk."""

    name: str  # "reception"
    extension: str | None = None
    contact: str | None = None  # "sip:reception@192.0.2.7:5060"
    digits: str | None = None  # one of the outbound plan's patterns takes them


@dataclass(frozen=True, slots=True)
class AsteriskPlan:
    """All that the generated files depend on. Ports are TCP or UDP as their protocol says; addresses are where Asterisk binds."""

    major_version: int  # 20 or 22: Queue()'s arguments and the AGI line limit differ
    configuration: Path  # where the .conf files go
    modules: Path  # astmoddir
    data: Path  # astdatadir: sounds/, moh/, documentation/
    state: Path  # Asterisk's own db, keys, run, spool, log
    recordings: Path  # absolute; RECORD FILE writes below it
    fallback_spool: Path  # where the fallback script leaves messages
    fallback_command: Path | None  # the AGI script Asterisk runs by itself; None = static fallback only
    bind_address: str
    sip_port: int
    rtp_first_port: int
    rtp_last_port: int
    ami_port: int
    ami_user: str
    ami_secret: str
    agi_host: str
    agi_port: int
    agi_token: str
    hotline_numbers: tuple[str, ...]  # empty = every number dialled in reaches the hotline
    trusted_peers: tuple[str, ...]  # addresses whose INVITEs are taken without registration
    language: str  # the language a call begins in
    fallback_queue: str  # where a caller goes when nothing else works
    longest_call_s: int
    queues: tuple[QueuePlan, ...]
    phones: tuple[Phone, ...]
    run_user: str | None = None
    nat_address: str | None = None
    fallback_python: Path | None = None  # with it, ``fallback_command`` is written too, to be run by this interpreter
    outbound: OutboundPlan | None = None  # None: nothing leads out
    destinations: tuple[Destination, ...] = ()
    ami_bind: str = "127.0.0.1"  # another address only for a daemon in another container or on a private network
    name: str = "main"  # its systemname: every Uniqueid begins with it
    ami_permit: tuple[str, ...] = ("127.0.0.1",)  # who may open an AMI session: addresses or networks
