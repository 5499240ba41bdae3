"""The demo's agents: real SIP phones that ring a moment, are picked up, talk, and hang up or are hung up on.

For ``run`` and the acceptance tests. One SIPp process plays all the phones behind one port; they keep no state
between calls, so that any number of calls can be with them at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ivr.testbed.children import Child, last_lines
from ivr.testbed.errors import TestbedError
from ivr.testbed.ports import NeededPort, check_free, is_bound, sipp_ports
from ivr.testbed.voice import made_up_voice

SIP_PORT = 5091  # as in config/demo.toml
_ADDRESS = "127.0.0.1"
_PITCH_HZ = 110.0
_READY_DEADLINE_S = 5.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Manners:
    """How the agents behave, in s; each call draws evenly between the two figures of a pair."""

    ring_s: tuple[float, float] = (1.0, 3.0)
    talk_s: tuple[float, float] = (6.0, 10.0)  # then they hang up, unless the caller did


@dataclass(slots=True)
class DemoAgents:
    """The running phones."""

    child: Child

    @classmethod
    async def start(cls, folder: Path, port: int = SIP_PORT, manners: Manners | None = None) -> DemoAgents:
        """Start them on UDP ``port`` of this machine and wait until they listen; scenario and voice go to ``folder``.

        Raises TestbedError when the port is taken or SIPp can't be run.
        """
        check_free([NeededPort("UDP", _ADDRESS, port, "the demo agents' phones")])
        script, log = _written(folder, manners or Manners())
        command = ["sipp", "-sf", str(script), "-i", _ADDRESS, "-p", str(port), "-mi", _ADDRESS, "-nostdin"]
        command += sipp_ports(_ADDRESS, port, streams=True)
        # The screen is drawn once an hour: its log would otherwise grow for ever.
        command += ["-f", "3600"]
        try:
            child = await Child.start("demo agents", command, log=log)
        except OSError as error:
            raise TestbedError(f"sipp can't be run: {error.strerror}; run `make setup`.") from error
        agents = cls(child)
        try:
            await agents._wait_until_listening(port, log)
        except BaseException:
            await agents.stop()
            raise
        return agents

    async def stop(self) -> int:
        """End them; calls they are in are cut off."""
        return await self.child.stop(2.0)

    async def _wait_until_listening(self, port: int, log: Path) -> None:
        deadline = asyncio.get_running_loop().time() + _READY_DEADLINE_S
        while not is_bound("UDP", port):
            if not self.child.running or asyncio.get_running_loop().time() > deadline:
                raise TestbedError(f"the demo agents' phones don't listen on port {port}. {last_lines(log)}")
            await asyncio.sleep(_POLL_S)


def _written(folder: Path, manners: Manners) -> tuple[Path, Path]:
    """The scenario, with the voice it plays beside it, and an empty log."""
    folder.mkdir(parents=True, exist_ok=True)
    voice, script, log = folder / "agent.alaw", folder / "agents.xml", folder / "agents.log"
    voice.write_bytes(made_up_voice(4.0, _PITCH_HZ))
    script.write_text(agents_scenario(manners, voice), encoding="utf-8")
    log.write_bytes(b"")
    return script, log


def agents_scenario(manners: Manners, voice: Path) -> str:
    """SIPp's scenario of one call to an agent.

    OPTIONS (Asterisk asks every few seconds whether the phone is there), CANCEL and BYE are taken whenever they come.
    """

    def pause(between: tuple[float, float]) -> str:
        low, high = (round(seconds * 1000) for seconds in between)
        return f'<pause distribution="uniform" min="{low}" max="{high}"/>' if low < high else f'<pause milliseconds="{low}"/>'

    return f"""<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="demo agents">
  <recv request="OPTIONS" optional="true" next="ok"/>
  <recv request="CANCEL" optional="global" next="cancelled"/>
  <recv request="BYE" optional="global" next="ok"/>
  <recv request="INVITE" rrs="true">
    <action>
      <ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="invite"/>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="agent"/>
    </action>
  </recv>
  <send><![CDATA[
      SIP/2.0 180 Ringing
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]agent[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:[local_ip]:[local_port]>
      Content-Length: 0

  ]]></send>
  {pause(manners.ring_s)}
  <send retrans="500"><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]agent[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:[local_ip]:[local_port]>
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=agent 1 1 IN IP[local_ip_type] [local_ip]
      s=-
      c=IN IP[media_ip_type] [media_ip]
      t=0 0
      m=audio [rtpstream_audio_port] RTP/AVP 8 101
      a=rtpmap:8 PCMA/8000
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-15
      a=ptime:20
      a=sendrecv
  ]]></send>
  <recv request="ACK"/>
  <nop><action><exec rtp_stream="{voice},-1,8"/></action></nop>
  {pause(manners.talk_s)}
  <send retrans="500"><![CDATA[
      BYE [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      Max-Forwards: 70
      From:[$agent];tag=[pid]agent[call_number]
      To:[$caller]
      [last_Call-ID:]
      CSeq: 1 BYE
      Content-Length: 0

  ]]></send>
  <recv response="200" next="end"/>
  <label id="cancelled"/>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
      SIP/2.0 487 Request Terminated
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]agent[call_number]
      [last_Call-ID:]
      CSeq: [$invite] INVITE
      Content-Length: 0

  ]]></send>
  <recv request="ACK" next="end" timeout="4000" ontimeout="end"/>
  <label id="ok"/>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

  ]]></send>
  <label id="end"/>
  <nop/>
</scenario>
"""
