"""Calls at a steady rate by one SIPp: each is answered, presses 1 in RFC 4733 while the prompt plays, and must be hung up on.

For ``bench`` alone. A call that isn't ended by the other side in time is a failed one.
"""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.testbed.children import Child, last_lines
from ivr.testbed.errors import TestbedError
from ivr.testbed.ports import free_udp_port
from ivr.testbed.sipp import OK, offer

ADDRESS = "127.0.0.1"
KEY = "1"
KEY_AFTER_S = 0.5  # from the answer; the prompt is still playing then
KEY_LASTS_S = 0.14  # in the pcap file, first packet to last
# Nobody who is served waits this long for anything.
PATIENCE_S = 8.0
_PCAPS = Path("/usr/share/sip-tester")
_MARGIN_S = 10.0
_OUT_OF_TIME = 97  # SIPp's exit status when -timeout ended it
# 2026-11-21	23:32:51.469088	1795303971.469088: Call-Id: …, receive timeout …
_ERROR = re.compile(r"\t[0-9.]+: (?:Call-Id: [^,\s]+, )?(?P<text>[^\n]{1,160}?)(?=[0-9]{4}-[0-9]{2}-[0-9]{2}\t|\n|$)")
_CALLERS = 997  # as many different caller's numbers come in turn
_LAST_COLUMN = "Retransmissions(C)"  # the last of those that are read
# The names SIPp gives its timers, and what they are here.
_ANSWER_TIMER, _KEY_TIMER = "1", "2"


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of the calls. Times are ms: from INVITE to 200, and from the key's first packet to their BYE."""

    asked: int
    placed: int
    succeeded: int
    failed: int
    retransmissions: int
    placing_s: float  # how long SIPp took to place them all; at the wanted rate asked / rate
    answer_ms: tuple[float, ...]
    key_ms: tuple[float, ...]
    trouble: str  # SIPp's own words about the first that failed

    @property
    def faults(self) -> tuple[str, ...]:
        """Whole sentences; none when every call was served."""
        if self.succeeded == self.asked and not self.failed:
            return ()
        return (f"{self.asked - self.succeeded} of {self.asked} calls were not served to their end. {self.trouble}".strip(),)


async def place_calls(number: str, sip_port: int, *, rate: float, count: int, tag: str, folder: Path) -> LoadResult:
    """Place ``count`` calls, ``rate`` new ones a second, and return when all are over. Their Call-IDs begin with ``tag``.

    Calls that aren't over in time have failed. Raises TestbedError when SIPp can't be run or ends without doing its work.
    """
    _write_inputs(folder)
    statistics, errors = folder / "statistics.csv", folder / "errors.log"
    command = ["sipp", f"{ADDRESS}:{sip_port}", "-sf", "calls.xml", "-inf", "callers.csv", "-s", number]
    command += ["-i", ADDRESS, "-mi", ADDRESS, "-p", str(free_udp_port(ADDRESS)), "-mp", str(free_udp_port(ADDRESS) & ~1)]
    command += ["-r", f"{rate:g}", "-m", str(count), "-l", str(count), "-cid_str", f"{tag}-%u@%s", "-nostdin"]
    command += ["-trace_stat", "-stf", str(statistics), "-fd", "1", "-trace_rtt", "-rtt_freq", "1"]
    command += ["-trace_err", "-error_file", str(errors)]
    longest_s = count / rate + PATIENCE_S * 3
    command += ["-timeout", f"{longest_s:.0f}s"]  # whatever isn't over by then has failed
    try:
        sipp = await Child.start("callers", command, log=folder / "sipp.out", folder=folder)
    except OSError as error:
        raise TestbedError(f"sipp can't be run: {error.strerror}; run `make setup`.") from error
    try:
        status = await asyncio.wait_for(sipp.process.wait(), longest_s + _MARGIN_S)
    except TimeoutError:
        status = _OUT_OF_TIME  # an overloaded side leaves calls that SIPp goes on waiting for
    finally:
        await sipp.stop(1.0)
    if status not in (0, 1, _OUT_OF_TIME):  # 1: some calls failed
        said = last_lines(errors) or last_lines(folder / "sipp.out")
        hint = " Keys are sent through a raw socket, which needs root or CAP_NET_RAW." if "raw" in said.lower() else ""
        raise TestbedError(f"SIPp ended with status {status}. {said}{hint}")
    return result_of(_rows(statistics), count, response_times(_times_written(folder)), first_error(errors))


def result_of(rows: list[Mapping[str, str]], asked: int, times: Mapping[str, tuple[float, ...]], trouble: str) -> LoadResult:
    """What SIPp's statistics say, one row a second and the sums in the last. Raises TestbedError when there are none."""
    rows = [row for row in rows if row.get(_LAST_COLUMN)]  # the last one may be cut off
    if not rows:
        raise TestbedError("SIPp left no statistics.")
    last = rows[-1]
    if int(last["SuccessfulCall(C)"]) and not (times.get(_ANSWER_TIMER) and times.get(_KEY_TIMER)):
        raise TestbedError("SIPp left no response times.")
    return LoadResult(
        asked=asked,
        placed=int(last["TotalCallCreated"]),
        succeeded=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last[_LAST_COLUMN]),
        placing_s=_placing_s(rows),
        answer_ms=times.get(_ANSWER_TIMER, ()),
        key_ms=times.get(_KEY_TIMER, ()),
        trouble=trouble,
    )


def response_times(rows: Iterable[Mapping[str, str]]) -> dict[str, tuple[float, ...]]:
    """SIPp's response times in ms, by timer. A row that was cut off is left out."""
    found: dict[str, list[float]] = {}
    for row in rows:
        value, timer = row.get("response_time_ms"), row.get("rtd_no")
        if value and timer:
            found.setdefault(timer, []).append(float(value))
    return {timer: tuple(values) for timer, values in found.items()}


def first_error(errors: Path) -> str:
    """What SIPp says of the first call that failed; the later ones fail of the same, or of its consequences."""
    try:
        text = errors.read_text(errors="replace")
    except OSError:
        return ""
    found = _ERROR.search(text)
    return f"SIPp's first: {found['text'].strip()}." if found else ""


def _placing_s(rows: list[Mapping[str, str]]) -> float:
    """To the second in which the last call was placed."""
    placed = rows[-1]["TotalCallCreated"]
    row = next(row for row in rows if row["TotalCallCreated"] == placed)
    hours, minutes, seconds = (float(part) for part in row["ElapsedTime(C)"].split(":")[:3])
    return hours * 3600 + minutes * 60 + seconds


def _write_inputs(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "calls.xml").write_text(scenario(_PCAPS / f"dtmf_2833_{KEY}.pcap"), encoding="ascii")
    (folder / "callers.csv").write_text(_callers(), encoding="ascii")


def _times_written(folder: Path) -> list[Mapping[str, str]]:
    # SIPp puts its process id into the name.
    return [row for path in folder.glob("calls_*_rtt.csv") for row in _rows(path)]


def _rows(path: Path) -> list[Mapping[str, str]]:
    with path.open(encoding="ascii", errors="replace", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def _callers() -> str:
    return "SEQUENTIAL\n" + "".join(f"138{number:08d};\n" for number in range(_CALLERS))


def scenario(pcap: Path) -> str:
    """SIPp's file of one call."""
    patience = f'timeout="{PATIENCE_S * 1000:.0f}"'
    headers = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      Max-Forwards: 70
      From: <sip:[field0]@[local_ip]>;tag=[pid]caller[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      Contact: <sip:caller@[local_ip]:[local_port]>"""
    return f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="benchmark">
  <send retrans="500" start_rtd="{_ANSWER_TIMER}"><![CDATA[
      INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      {headers}
      CSeq: 1 INVITE
      Content-Type: application/sdp
      Content-Length: [len]

{offer("caller", "[media_ip_type] [media_ip]", "[media_port]")}
  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" rtd="{_ANSWER_TIMER}" rrs="true" {patience}/>
  <send><![CDATA[
      ACK [next_url] SIP/2.0
      {headers}
      CSeq: 1 ACK
      Content-Length: 0

  ]]></send>
  <pause milliseconds="{KEY_AFTER_S * 1000:.0f}"/>
  <nop start_rtd="{_KEY_TIMER}"><action><exec play_pcap_audio="{pcap}"/></action></nop>
  <recv request="BYE" rtd="{_KEY_TIMER}" {patience}/>
{OK}
</scenario>
"""
