"""The SIPp scenario of one call from outside, as text.

Pure. For ``caller``. What a caller claims to be goes in by SIPp's ``-key`` and never through the scenario's own syntax.
"""

from __future__ import annotations

from ivr.testbed.sipp import offer

# What the scenario writes to its log, one line each; ``caller`` waits for them.
ANSWERED = "answered"
ENDED_BY_THEM = "ended by them"
ENDED_BY_US = "ended by us"
GAVE_UP = "gave up"

_HEADERS = """\
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}
      Max-Forwards: 70
      From: [from_header];tag=[pid]caller[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>{to_tag}
      Call-ID: [call_id]
      CSeq: {cseq}
      Contact: <sip:caller@[local_ip]:[local_port]>"""
_EMPTY = "Content-Length: 0\n"
# A CANCEL, and the ACK of a refusal, belong to the INVITE by its branch (RFC 3261 sections 9.1 and 17.1.1.3).
_INVITE_BRANCH = "z9hG4bK-ivrd-[pid]-[call_number]"


def scenario(rtp_port: int, give_up_ms: int, hold_ms: int, headers: bool) -> str:
    """The whole file: INVITE, answer, then whatever comes first of their BYE, and ours: at ``hang_up_request`` or after ``hold_ms``.

    Nothing new for ``give_up_ms`` before the answer: CANCEL. With ``headers`` the key ``more_headers`` is sent too.
    """
    # Whichever answer comes last, the next one is waited for this long.
    patience = f'timeout="{give_up_ms}" ontimeout="give_up"'
    more = "\n      [more_headers]" if headers else ""
    return f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="a caller">
  <send retrans="500"><![CDATA[
      INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
{_headers("1 INVITE", branch=_INVITE_BRANCH)}{more}
      Allow: INVITE, ACK, BYE, CANCEL, OPTIONS
      Content-Type: application/sdp
      Content-Length: [len]

{offer("caller", "[local_ip_type] [local_ip]", str(rtp_port))}
  ]]></send>
  <recv response="100" optional="true" {patience}/>
  <recv response="180" optional="true" {patience}/>
  <recv response="183" optional="true" {patience}/>
  <recv response="200" rrs="true" {patience}>
    <action>
      <ereg regexp="m=audio ([0-9]+)" search_in="body" check_it="true" assign_to="media,port"/>
      <log message="{ANSWERED} [$port]"/>
    </action>
  </recv>
  <Reference variables="media"/>
  <send><![CDATA[
      ACK [next_url] SIP/2.0
{_headers("1 ACK", "[peer_tag_param]")}
      {_EMPTY}
  ]]></send>
  <recv request="INFO" optional="true" next="hang_up"/>
  <recv request="BYE" timeout="{hold_ms}" ontimeout="hang_up">
    <action><log message="{ENDED_BY_THEM}"/></action>
  </recv>
  <label id="answer_bye"/>
  <send next="end"><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      {_EMPTY}
  ]]></send>
  <label id="hang_up"/>
  <nop><action><log message="{ENDED_BY_US}"/></action></nop>
  <send retrans="500"><![CDATA[
      BYE [next_url] SIP/2.0
{_headers("2 BYE", "[peer_tag_param]")}
      {_EMPTY}
  ]]></send>
  <recv request="BYE" optional="true" next="answer_bye"/>
  <recv response="200" next="end"/>
  <label id="give_up"/>
  <nop><action><log message="{GAVE_UP}"/></action></nop>
  <send retrans="500"><![CDATA[
      CANCEL sip:[service]@[remote_ip]:[remote_port] SIP/2.0
{_headers("1 CANCEL", branch=_INVITE_BRANCH)}
      {_EMPTY}
  ]]></send>
  <recv response="200"/>
  <recv response="487"/>
  <send next="end"><![CDATA[
      ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
{_headers("1 ACK", "[peer_tag_param]", _INVITE_BRANCH)}
      {_EMPTY}
  ]]></send>
  <label id="end"/>
  <nop/>
</scenario>
"""


def hang_up_request(call_id: str) -> bytes:
    """What makes SIPp hang up now, sent to its own port; it is never answered."""
    lines = (
        "INFO sip:caller@127.0.0.1 SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-hang-up",
        "From: <sip:testbed@127.0.0.1>;tag=testbed",
        "To: <sip:caller@127.0.0.1>",
        f"Call-ID: {call_id}",
        "CSeq: 1 INFO",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _headers(cseq: str, to_tag: str = "", branch: str = "[branch]") -> str:
    return _HEADERS.format(cseq=cseq, to_tag=to_tag, branch=branch)
