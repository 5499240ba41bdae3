"""Recordings as files: told apart by what stands in them, packed, edited, cut, without times, and of several connections."""

from __future__ import annotations

import gzip
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr.cli import app
from ivr.domain.contacts import Contact
from ivr.recordings import Kind, RecordingError, kind_of
from ivr.replaying import replay

CAPTURES = Path(__file__).parents[1] / "golden" / "captures"
TIMEOUT, LOG = CAPTURES / "timeout.ami", CAPTURES / "queue_log.sample"


def words(contacts: list[Contact]) -> list[tuple[str, list[tuple[str, str | None]]]]:
    return [(contact.id, [(visit.queue, visit.outcome and visit.outcome.value) for visit in contact.visits]) for contact in contacts]


def written(folder: Path, data: bytes, name: str = "x") -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def without_times(stream: bytes) -> bytes:
    return b"\r\n".join(line for line in stream.split(b"\r\n") if not line.startswith(b"Timestamp: "))


def test_a_file_is_what_stands_in_it(tmp_path: Path) -> None:
    assert kind_of(written(tmp_path, TIMEOUT.read_bytes(), "queue_log")) is Kind.AMI
    assert kind_of(written(tmp_path, LOG.read_bytes(), "stream.ami")) is Kind.QUEUE_LOG
    assert kind_of(written(tmp_path, gzip.compress(LOG.read_bytes()), "packed")) is Kind.QUEUE_LOG
    assert kind_of(written(tmp_path, b"", "queue_log")) is Kind.QUEUE_LOG
    assert kind_of(written(tmp_path, b"Asterisk Call Manager/11.0.0\r\n", "nothing_yet")) is Kind.AMI


@pytest.mark.parametrize(("data", "why"), [(b"", "it is empty"), (b"hello\nworld\n", "neither an AMI stream nor a queue_log")])
def test_what_is_neither_is_refused_in_a_sentence(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(RecordingError, match=why):
        replay([written(tmp_path, data)])


def test_a_spoilt_archive_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="can't be read"):
        replay([written(tmp_path, gzip.compress(TIMEOUT.read_bytes())[:-2000])])


def test_packed_and_edited_streams_tell_as_much(tmp_path: Path) -> None:
    stream = TIMEOUT.read_bytes()
    clean = replay([TIMEOUT]).contacts
    assert replay([written(tmp_path, gzip.compress(stream), "packed")]).contacts == clean
    assert replay([written(tmp_path, stream.replace(b"\r\n", b"\n"), "edited")]).contacts == clean
    assert replay([written(tmp_path, stream.replace(b"\r\n", b"\r\r\n"), "as_text")]).contacts == clean
    assert replay([TIMEOUT, written(tmp_path, stream, "again")]).contacts == clean
    assert replay([written(tmp_path, b"\xef\xbb\xbf" + stream, "by_a_windows_editor")]).contacts == clean


def test_rows_behind_a_byte_order_mark_are_all_read(tmp_path: Path) -> None:
    """A log that holds one caller: the first row is his."""
    rows = b"\xef\xbb\xbf1795296025|7.1|hr|NONE|ENTERQUEUE||138|1\r\n1795296033|7.1|hr|NONE|ABANDON|1|1|8\r\n"
    assert words(replay([written(tmp_path, rows)]).contacts) == [("7.1", [("hr", "abandoned_wait")])]


def test_events_out_of_turn_are_put_back_in_turn(tmp_path: Path) -> None:
    """By their Timestamps, up to a second; what has none stays where it is."""
    dice = random.Random(1)
    messages = [(message, dice.random()) for message in TIMEOUT.read_bytes().split(b"\r\n\r\n")[:-1]]
    untimed, timed = ([each for each in messages if (b"\r\nTimestamp: " in each[0]) is wanted] for wanted in (False, True))
    shuffled = sorted(timed, key=lambda each: float(each[0].partition(b"\r\nTimestamp: ")[2].partition(b"\r\n")[0]) + each[1])
    assert shuffled != timed
    stream = b"".join(message + b"\r\n\r\n" for message, _ in [*untimed, *shuffled])
    assert replay([written(tmp_path, stream)]).contacts == replay([TIMEOUT]).contacts


def test_without_timestamps_the_durations_tell(tmp_path: Path) -> None:
    found = replay([written(tmp_path, without_times((CAPTURES / "answered_caller_hangs.ami").read_bytes()))])
    (visit,) = found.contacts[0].visits
    assert (visit.outcome, visit.talk_s, visit.joined_at.year) == ("answered", 6.0, 2026)
    assert "have no Timestamp" in found.warnings[0]


def test_the_log_completes_a_stream_that_was_cut(tmp_path: Path) -> None:
    stream = TIMEOUT.read_bytes()
    for n, piece in enumerate((stream[:20_000], stream[20_000:], stream[:-9_000])):
        found = {contact[0]: contact[1] for contact in words(replay([written(tmp_path, piece, str(n)), LOG]).contacts)}
        assert found["timeout-0"] == [("q2", "flow_timeout")]
        assert len(found) == 7


def test_two_files_with_a_silence_between_are_a_gap(tmp_path: Path) -> None:
    stream = (CAPTURES / "answered_caller_hangs.ami").read_bytes()
    joined, hung_up = stream.index(b"Event: AgentCalled"), stream.index(b"Event: AgentComplete")
    first, second = written(tmp_path, stream[:joined], "1"), written(tmp_path, stream[hung_up:], "2")
    found = replay([second, first])
    assert ["recorded" in gap["why"] for gap in found.gaps] == [True]
    (visit,) = found.contacts[0].visits
    assert (visit.outcome, visit.quality) == ("answered", "uncertain")
    (healed,) = (v for contact in replay([first, second, LOG]).contacts for v in contact.visits if len(v.sources) > 1)
    assert (healed.wait_s is not None and round(healed.wait_s), healed.talk_s, healed.quality) == (2, 6.0, "reconstructed")


def test_times_lie_where_they_lay(tmp_path: Path) -> None:
    contact = replay([TIMEOUT]).contacts[0]
    assert contact.started_at == datetime(2026, 11, 21, 21, 20, 45, tzinfo=UTC).replace(microsecond=contact.started_at.microsecond)


def test_the_command_explains(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(TIMEOUT), "--explain"])
    assert result.exit_code == 0
    assert "timeout-0 in q2: the queue's time was up; the caller went on" in result.stdout
    refused = CliRunner().invoke(app, ["replay", str(written(tmp_path, b"nothing\n"))])
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "neither an AMI stream nor a queue_log" in refused.stderr


AGENT_CLASS = (b"Queue", b"Agent")


def of_the_class_agent(stream: bytes) -> bytes:
    """What an AMI user is told who may read nothing else."""
    messages = stream.split(b"\r\n\r\n")
    return b"\r\n\r\n".join(each for each in messages if each.partition(b"Event: ")[2].startswith(AGENT_CLASS) or b"Event: " not in each)


@pytest.mark.parametrize(
    ("scene", "outcome", "agent", "ended_by", "quality"),
    [
        ("answered_caller_hangs.optimised", "answered", "Ada 1211", "caller", "exact"),
        ("blind_transfer.theirs", "answered", "Ada 1391", "transfer", "exact"),
        ("exit_key.theirs", "flow_key", None, None, "uncertain"),
        ("abandoned_ring.theirs", "abandoned_ring", None, None, "uncertain"),
    ],
)
def test_a_stream_without_hang_ups_is_told_to_its_end(
    tmp_path: Path, scene: str, outcome: str, agent: str | None, ended_by: str | None, quality: str
) -> None:
    whole = (CAPTURES.parent / "truth" / scene / "stream.ami").read_bytes()
    found = replay([written(tmp_path, of_the_class_agent(whole))])
    (contact,) = found.contacts
    (visit,) = contact.visits
    assert contact.outcome is not None
    assert (visit.outcome, visit.agent, visit.ended_by, visit.quality) == (outcome, agent, ended_by, quality)
    assert visit.transferred is (ended_by == "transfer")
    assert "without `read = call`" in found.warnings[0]


def test_a_last_row_without_its_end_is_read(tmp_path: Path) -> None:
    rows = b"1795296025|7.1|hr|NONE|ENTERQUEUE||138|1\n1795296033|7.1|hr|NONE|ABANDON|1|1|8"
    assert words(replay([written(tmp_path, rows)]).contacts) == [("7.1", [("hr", "abandoned_wait")])]
