"""What the testbed's SIPp scenarios share, and how one that answers calls is started.

For ``agents``, ``public_network``, ``scenario`` and the benchmark. Scenario texts are SIPp's XML, its ``[keywords]`` included.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from ivr.testbed.children import Child, last_lines
from ivr.testbed.errors import TestbedError
from ivr.testbed.ports import NeededPort, check_free, is_bound

ADDRESS = "127.0.0.1"
_READY_DEADLINE_S = 5.0
_POLL_S = 0.05
# The screen is drawn once an hour: its log would otherwise grow for ever.
_QUIETLY = ("-nostdin", "-f", "3600")
# An answer to whatever request came last.
OK = """\
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

  ]]></send>"""


def offer(user: str, media_address: str, port: str) -> str:
    """SDP of A-law and RFC 4733 keys, 20 ms a packet."""
    return f"""\
      v=0
      o={user} 1 1 IN IP[local_ip_type] [local_ip]
      s=-
      c=IN IP{media_address}
      t=0 0
      m=audio {port} RTP/AVP 8 101
      a=rtpmap:8 PCMA/8000
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-15
      a=ptime:20
      a=sendrecv"""


def endings(tag: str) -> str:
    """The labels ``cancelled`` (a CANCEL came), ``ok`` (a BYE or OPTIONS came) and ``end``; the scenario keeps the INVITE's CSeq in
    ``$invite``."""
    return f"""\
  <label id="cancelled"/>
{OK}
  <send retrans="500"><![CDATA[
      SIP/2.0 487 Request Terminated
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]{tag}[call_number]
      [last_Call-ID:]
      CSeq: [$invite] INVITE
      Content-Length: 0

  ]]></send>
  <recv request="ACK" next="end" timeout="4000" ontimeout="end"/>
  <label id="ok"/>
{OK}
  <label id="end"/>
  <nop/>"""


async def answering(name: str, script: Path, log: Path, port: int, *options: str) -> Child:
    """Start a SIPp that answers calls on UDP ``port`` of this machine, and wait until it listens.

    Raises TestbedError when the port is taken or SIPp can't be run.
    """
    check_free([NeededPort("UDP", ADDRESS, port, name)])
    command = ["sipp", "-sf", str(script), "-i", ADDRESS, "-p", str(port), "-mi", ADDRESS, *_QUIETLY, *options]
    try:
        child = await Child.start(name, command, log=log)
    except OSError as error:
        raise TestbedError(f"sipp can't be run: {error.strerror}; run `make setup`.") from error
    try:
        deadline = asyncio.get_running_loop().time() + _READY_DEADLINE_S
        while not is_bound("UDP", port):
            if not child.running or asyncio.get_running_loop().time() > deadline:
                raise TestbedError(f"{name}: nobody listens on port {port}. {last_lines(log)}")
            await asyncio.sleep(_POLL_S)
    except BaseException:
        await child.stop(2.0)
        raise
    return child
