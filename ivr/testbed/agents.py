"""The demo's agents: real SIP phones that ring a moment, are picked up, talk, and hang up or are hung up on.

For ``run`` and the acceptance tests. One SIPp process plays all the phones behind one port; they keep no state
between calls, so that any number of calls can be with them at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ivr.testbed.children import Child
from ivr.testbed.ports import sipp_ports
from ivr.testbed.sipp import ADDRESS, answering, endings, offer
from ivr.testbed.voice import made_up_voice

SIP_PORT = 5091  # as in config/demo.toml
_PITCH_HZ = 110.0


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
        script, log = _written(folder, manners or Manners())
        return cls(await answering("the demo agents' phones", script, log, port, *sipp_ports(ADDRESS, port, streams=True)))

    async def stop(self) -> int:
        """End them; calls they are in are cut off."""
        return await self.child.stop(2.0)


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

{offer("agent", "[media_ip_type] [media_ip]", "[rtpstream_audio_port]")}
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
{endings("agent")}
</scenario>
"""
