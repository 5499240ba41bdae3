"""One real SIP call from outside: SIPp signals, ``rtp`` presses the keys, talks and listens.

For ``call`` and the acceptance tests; many calls can run at the same time, each with ports of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import re
import socket
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from ivr.testbed import scenario, voice
from ivr.testbed.children import Child, last_lines
from ivr.testbed.errors import TestbedError
from ivr.testbed.keys import Keys, Listen, parse_keys
from ivr.testbed.ports import free_udp_port, sipp_ports
from ivr.testbed.rtp import Heard, RtpStream
from ivr.testbed.whereabouts import Whereabouts

_ADDRESS = "127.0.0.1"
_LOG, _ERRORS = "sipp.log", "sipp.errors"
_POLL_S = 0.02
# What SIPp may take beyond the call itself: retransmissions of a BYE nobody answers, its own start.
_SIPP_MARGIN_S = 20.0
_LATE_S = 15.0  # by which a script may take longer on a busy machine
_VOICE_PITCH_HZ = 190.0
_numbers = itertools.count(random.randrange(1000))  # two processes that call shall not begin at the same port
_REFUSED = re.compile(r"received 'SIP/2\.0 (?P<code>[3-6][0-9]{2}) ")
# Somebody else took the port between our look and SIPp's: nothing has been sent yet, so it is started again with others.
_PORT_TAKEN = "Address already in use"
_NO_ANSWER = "retransmission timeout"  # not even 100 Trying: what we sent was dropped
_MEDIA = re.compile(rf"^{scenario.ANSWERED} (?P<port>[0-9]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CallScript:
    """A call to make. Durations are seconds; ``keys`` is the line ``keys.parse_keys`` reads, or what came of reading.

    ``caller`` and ``caller_name`` are quoted as RFC 3261 wants; ``from_header`` is sent as it stands, however hostile
    (without the tag). After the last key the caller waits ``wait_s`` for the other side to hang up, then hangs up.
    """

    keys: str | Keys = ""
    caller: str = "13800138000"
    caller_name: str | None = None
    number: str = "4001234567"
    from_header: str | None = None
    headers: tuple[str, ...] = ()  # more header lines of the INVITE, as they stand
    before_keys_s: float = 1.0  # from the answer to the first key: nobody presses sooner
    wait_s: float = 60.0
    give_up_s: float = 30.0  # without an answer the caller gives up
    speech: Path | None = None  # 8 kHz mono WAV to say while talking; a made-up voice otherwise
    call_id: str | None = None  # the SIP Call-ID; a new one otherwise


@dataclass(frozen=True, slots=True)
class CallResult:
    """What became of the call. ``failure`` is the SIP status that refused it; ``ended_by`` is None without an answer."""

    call_id: str
    answered: bool
    failure: int | None
    ended_by: Literal["caller", "system"] | None
    gave_up: bool
    answered_after_s: float | None
    duration_s: float  # from the answer to the end
    heard: Heard


async def place_call(
    script: CallScript, sip_port: int, *, whereabouts: Whereabouts | None = None, folder: Path | None = None
) -> CallResult:
    """Call ``number`` at Asterisk's SIP port on this machine, and return when the call is over.

    ``whereabouts`` tell a caller who waits for a node where his call is; without them he waits for it in vain.
    SIPp's own logs stay in ``folder`` when one is given. Raises KeysError for keys nobody can read, and TestbedError
    when SIPp can't be run or the call doesn't end by the script's own time.
    """
    keys = parse_keys(script.keys) if isinstance(script.keys, str) else script.keys
    speech = voice.from_wav(script.speech) if script.speech else voice.made_up_voice(4.0, _VOICE_PITCH_HZ)
    wait_s = 0.0 if keys.hangs_up else script.wait_s
    hold_s = script.before_keys_s + keys.seconds + wait_s + _LATE_S
    steps = (Listen(script.before_keys_s), *keys.steps)
    call_id = script.call_id or f"{uuid.uuid4()}@{_ADDRESS}"
    now = asyncio.get_running_loop().time
    with contextlib.ExitStack() as closing:
        place = folder or Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="ivrd-call-")))
        place.mkdir(parents=True, exist_ok=True)
        stream = await RtpStream.open(_ADDRESS, speech, lambda: whereabouts.path(call_id) if whereabouts else ())
        closing.callback(stream.close)
        began, answered, ended = now(), None, 0.0
        speaking: list[asyncio.Task[None]] = []
        own_port = free_udp_port(_ADDRESS)
        sipp = await _start_sipp(script, call_id, sip_port, own_port, stream.port, hold_s, place)
        try:
            async with asyncio.timeout(script.give_up_s + _SIPP_MARGIN_S):
                while (port := await _answer(sipp, place)) is None and not sipp.running and _PORT_TAKEN in _read(place / _ERRORS):
                    (place / _ERRORS).unlink()
                    own_port = free_udp_port(_ADDRESS)
                    sipp = await _start_sipp(script, call_id, sip_port, own_port, stream.port, hold_s, place)
            if port is not None:
                answered = now()
                hanging_up = _hang_up(stream, wait_s, call_id, own_port)
                speaking = [
                    asyncio.create_task(stream.perform(steps, _ADDRESS, port), name=f"rtp of {call_id}"),
                    asyncio.create_task(hanging_up, name=f"end of {call_id}"),
                ]
            await asyncio.wait_for(sipp.process.wait(), hold_s + _SIPP_MARGIN_S)
            ended = now()
        except TimeoutError:
            raise TestbedError(f"the call {call_id} didn't end by itself. {last_lines(place / _ERRORS)}") from None
        finally:
            for task in speaking:
                task.cancel()
            await asyncio.gather(*speaking, return_exceptions=True)
            await sipp.stop(1.0)
        log, errors = _read(place / _LOG), _read(place / _ERRORS)
        refused = _REFUSED.search(errors)
        gave_up = scenario.GAVE_UP in log or _NO_ANSWER in errors
        if answered is None and refused is None and not gave_up:
            raise TestbedError(f"the call {call_id} could not be made. {last_lines(place / _ERRORS)}")
        return CallResult(
            call_id=call_id,
            answered=answered is not None,
            failure=int(refused["code"]) if refused and answered is None else None,
            gave_up=gave_up and answered is None,
            ended_by=None if answered is None else "system" if scenario.ENDED_BY_THEM in log else "caller",
            answered_after_s=None if answered is None else answered - began,
            duration_s=0.0 if answered is None else ended - answered,
            heard=stream.heard(),
        )


async def _hang_up(stream: RtpStream, wait_s: float, call_id: str, sipp_port: int) -> None:
    await stream.finished.wait()
    await asyncio.sleep(wait_s)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(scenario.hang_up_request(call_id), (_ADDRESS, sipp_port))


async def _start_sipp(script: CallScript, call_id: str, sip_port: int, own_port: int, rtp_port: int, hold_s: float, place: Path) -> Child:
    text = scenario.scenario(rtp_port, round(script.give_up_s * 1000), round(hold_s * 1000), bool(script.headers))
    (place / "call.xml").write_text(text, encoding="ascii")
    command = ["sipp", f"{_ADDRESS}:{sip_port}", "-sf", str(place / "call.xml"), "-s", script.number]
    command += ["-i", _ADDRESS, "-p", str(own_port), "-m", "1", "-nostdin", "-cid_str", call_id]
    command += sipp_ports(_ADDRESS, next(_numbers))
    command += ["-trace_logs", "-log_file", str(place / _LOG), "-trace_err", "-error_file", str(place / _ERRORS)]
    command += ["-key", "from_header", from_header(script)]
    if script.headers:
        command += ["-key", "more_headers", "\r\n".join(script.headers)]
    try:
        return await Child.start("caller", command, log=place / "sipp.out")
    except OSError as error:
        raise TestbedError(f"sipp can't be run: {error.strerror}; run `make setup`.") from error


async def _answer(sipp: Child, place: Path) -> int | None:
    """The far end's RTP port when the call is answered, None when it never is."""
    while True:
        ended = not sipp.running
        if found := _MEDIA.search(_read(place / _LOG)):
            return int(found["port"])
        if ended:
            return None
        await asyncio.sleep(_POLL_S)


def from_header(script: CallScript) -> str:
    """Who the caller says he is, without the tag.

    RFC 3261 section 25.1: in a quoted string a quote and a backslash are escaped, in a URI what is reserved.
    """
    if script.from_header is not None:
        return script.from_header
    uri = f"<sip:{quote(script.caller, safe='+*#')}@{_ADDRESS}>"
    if script.caller_name is None:
        return uri
    escaped = script.caller_name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" {uri}'


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
