"""The public telephone network behind the outbound trunk: one SIPp that plays everybody who can be called.

For ``run`` and the acceptance tests. What somebody does hangs on the last digit of his number (``HABITS``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ivr.testbed.children import Child
from ivr.testbed.sipp import answering, endings, offer
from ivr.testbed.voice import made_up_voice

SIP_PORT = 5090  # as outbound.address in the settings
_FIRST_RTP_PORT = 14000  # SIPp looks for free ones from here on
_PITCH_HZ = 190.0
_SEEN = re.compile(r"^(?P<what>called|answered|pressed) (?P<number>\+?[0-9]+)$", re.MULTILINE)


class Habit(StrEnum):
    """What somebody does who is called."""

    PRESSES_1 = "presses_1"  # and talks until the other side hangs up
    PRESSES_NOTHING = "presses_nothing"
    BUSY = "busy"
    DOES_NOT_ANSWER = "does_not_answer"
    HANGS_UP = "hangs_up"  # a second after he answered
    REJECTS = "rejects"


HABITS: Mapping[str, Habit] = {
    "2": Habit.PRESSES_NOTHING,
    "3": Habit.BUSY,
    "4": Habit.DOES_NOT_ANSWER,
    "5": Habit.HANGS_UP,
    "6": Habit.REJECTS,
}
OTHERS = Habit.PRESSES_1


@dataclass(frozen=True, slots=True)
class Timing:
    """In s: how long it rings until it is answered, and how long an answerer listens before he presses 1."""

    ring_s: float = 1.0
    listen_s: float = 3.0


@dataclass(slots=True)
class PublicNetwork:
    """Everybody's telephones, running."""

    child: Child
    log: Path

    @classmethod
    async def start(cls, folder: Path, port: int = SIP_PORT, timing: Timing | None = None) -> PublicNetwork:
        """Listen on UDP ``port`` of this machine; scenario, voice and logs go to ``folder``.

        Raises TestbedError when the port is taken or SIPp can't be run.
        """
        script, seen, log = _written(folder, timing or Timing())
        options = ("-mp", str(_FIRST_RTP_PORT + port - SIP_PORT), "-trace_logs", "-log_file", str(seen))
        return cls(await answering("the public network behind outbound.address", script, log, port, *options), seen)

    async def stop(self) -> int:
        """End it; calls it is in are cut off."""
        return await self.child.stop(2.0)

    def times(self, what: str, number: str) -> int:
        """How often somebody was ``called``, ``answered`` or ``pressed`` the key; ``number`` as it was dialled."""
        seen = self.log.read_text(errors="replace")
        return sum(1 for found in _SEEN.finditer(seen) if found["what"] == what and found["number"] == number)


def _written(folder: Path, timing: Timing) -> tuple[Path, Path, Path]:
    """The scenario, with the voice it plays beside it, and two empty logs."""
    folder.mkdir(parents=True, exist_ok=True)
    voice, script, seen, log = (folder / name for name in ("customer.alaw", "customers.xml", "seen.log", "customers.log"))
    voice.write_bytes(made_up_voice(4.0, _PITCH_HZ))
    script.write_text(customers_scenario(timing, voice), encoding="utf-8")
    for file in (seen, log):
        file.write_bytes(b"")
    return script, seen, log


_HEADERS = """\
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]customer[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:[local_ip]:[local_port]>
"""
# Requests of our own in the dialogue: From and To change places.
_OURS = """\
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      Max-Forwards: 70
      From:[$customer];tag=[pid]customer[call_number]
      To:[$caller]
      [last_Call-ID:]
"""


def _refusal(label: str, status: str) -> str:
    return f"""
  <label id="{label}"/>
  <send retrans="500"><![CDATA[
      SIP/2.0 {status}
{_HEADERS}      Content-Length: 0

  ]]></send>
  <recv request="ACK" next="end"/>"""


def customers_scenario(timing: Timing, voice: Path) -> str:
    """SIPp's scenario of one call from us to somebody. The key goes as SIP INFO (RFC 6086, application/dtmf-relay): SIPp's own
    RFC 4733 events would need a raw socket, and so root."""
    ring_ms, listen_ms = round(timing.ring_s * 1000), round(timing.listen_s * 1000)
    habits = [f'      <ereg regexp="sip:[0-9+]*{digit}@" search_in="msg" assign_to="{habit}"/>' for digit, habit in HABITS.items()]
    by_last_digit = "\n".join(habits)
    jumps = "\n".join(f'  <nop next="{habit}" test="{habit}"/>' for habit in (Habit.BUSY, Habit.REJECTS))
    return f"""<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="the public network">
  <recv request="CANCEL" optional="global" next="cancelled"/>
  <recv request="BYE" optional="global" next="ok"/>
  <recv request="INVITE" rrs="true">
    <action>
      <ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="invite"/>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="customer"/>
      <ereg regexp="INVITE sip:([0-9+]*)@" search_in="msg" assign_to="line,number"/>
{by_last_digit}
      <log message="called [$number]"/>
    </action>
  </recv>
  <Reference variables="line,{Habit.PRESSES_NOTHING},{Habit.DOES_NOT_ANSWER},{Habit.HANGS_UP}"/>
{jumps}
  <send><![CDATA[
      SIP/2.0 180 Ringing
{_HEADERS}      Content-Length: 0

  ]]></send>
  <nop next="{Habit.DOES_NOT_ANSWER}" test="{Habit.DOES_NOT_ANSWER}"/>
  <pause milliseconds="{ring_ms}"/>
  <send retrans="500"><![CDATA[
      SIP/2.0 200 OK
{_HEADERS}      Content-Type: application/sdp
      Content-Length: [len]

{offer("customer", "[media_ip_type] [media_ip]", "[rtpstream_audio_port]")}
  ]]></send>
  <recv request="ACK">
    <action><log message="answered [$number]"/></action>
  </recv>
  <nop><action><exec rtp_stream="{voice},-1,8"/></action></nop>
  <nop next="{Habit.PRESSES_NOTHING}" test="{Habit.PRESSES_NOTHING}"/>
  <nop next="{Habit.HANGS_UP}" test="{Habit.HANGS_UP}"/>
  <pause milliseconds="{listen_ms}"/>
  <nop><action><log message="pressed [$number]"/></action></nop>
  <send retrans="500"><![CDATA[
      INFO [next_url] SIP/2.0
{_OURS}      CSeq: 1 INFO
      Content-Type: application/dtmf-relay
      Content-Length: [len]

      Signal=1
      Duration=160
  ]]></send>
  <recv response="200"/>
  <label id="{Habit.PRESSES_NOTHING}"/>
  <label id="{Habit.DOES_NOT_ANSWER}"/>
  <recv request="BYE" next="ok"/>
  <label id="{Habit.HANGS_UP}"/>
  <pause milliseconds="1000"/>
  <send retrans="500"><![CDATA[
      BYE [next_url] SIP/2.0
{_OURS}      CSeq: 1 BYE
      Content-Length: 0

  ]]></send>
  <recv response="200" next="end"/>{_refusal(Habit.BUSY, "486 Busy Here")}{_refusal(Habit.REJECTS, "603 Decline")}
{endings("customer")}
</scenario>
"""
