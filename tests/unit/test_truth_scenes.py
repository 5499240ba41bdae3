"""The scenes of the truth table on paper: their numbers, their Asterisk's files, and SIP as their telephones write it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ami_bridge.dialplan_text import KEYS_CONTEXT
from ivr.asterisk_plan import AsteriskInstallation
from ivr.testbed.truth import __main__ as command
from ivr.testbed.truth import sip_text
from ivr.testbed.truth.files import plan_of, write_files
from ivr.testbed.truth.scenes import PLACED
from ivr.testbed.truth.script import Contact, Flavour, Told, Visit

INVITE = (
    b"INVITE sip:1011@127.0.0.1:5070 SIP/2.0\r\nv: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP 127.0.0.2:5060\r\n"
    b'f: "Ada" <sip:1010@127.0.0.1>;tag=x1\r\nt: <sip:1011@127.0.0.1>\r\ni: call-1\r\nCSeq: 17 INVITE\r\n'
    b"Contact: <sip:asterisk@127.0.0.1:5060>\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nm=audio 4002 RTP/AVP 8\r\n"
)


def _files(folder: Path, flavour: Flavour) -> dict[str, str]:
    installation = AsteriskInstallation(22, folder / "modules", folder / "share")
    scenes = [placed for placed in PLACED.values() if flavour in placed.scene.flavours]
    ports = {number: 40_000 for placed in scenes for number in placed.telephones}
    write_files(plan_of(folder, installation, 20_000, 20_001, 21_000), installation, scenes, flavour, ports)
    return {file.name: file.read_text() for file in (folder / "etc").iterdir()}


def test_scenes_share_an_asterisk_without_sharing_a_number_or_a_queue() -> None:
    numbers = [number for placed in PLACED.values() for number in placed.telephones]
    queues = [placed.scene.queue(queue.suffix) for placed in PLACED.values() for queue in placed.scene.queues]
    assert len(set(numbers)) == len(numbers)
    assert len(set(queues)) == len(queues)


@pytest.mark.parametrize("flavour", list(Flavour))
def test_every_number_and_queue_of_a_scene_stands_in_its_files(flavour: Flavour, tmp_path: Path) -> None:
    files = _files(tmp_path, flavour)
    for placed in PLACED.values():
        if flavour not in placed.scene.flavours:
            continue
        for queue in placed.scene.queues:
            name = placed.scene.queue(queue.suffix)
            assert f"[{name}]" in files["queues.conf"]
            assert f"Queue({name}," in files["extensions.conf"]
        for number in placed.telephones:
            assert f"contact = sip:{number}@127.0.0.1:40000" in files["pjsip.conf"]


def test_a_flavour_looks_like_its_asterisk(tmp_path: Path) -> None:
    ours, theirs, local, optimised = (
        _files(tmp_path / flavour, flavour) for flavour in (Flavour.OURS, Flavour.THEIRS, Flavour.LOCAL, Flavour.OPTIMISED)
    )
    assert "QueueExit" in ours["extensions.conf"]
    assert f"[{KEYS_CONTEXT}]" in ours["extensions.conf"]
    assert "systemname" in ours["asterisk.conf"]
    assert not re.search("QueueExit|QUEUESTATUS", theirs["extensions.conf"])
    assert "systemname" not in theirs["asterisk.conf"]
    assert "member = PJSIP/" in theirs["queues.conf"]
    assert re.search(r"member = Local/\d+@from-queue/n,", local["queues.conf"])
    assert re.search(r"member = Local/\d+@from-queue,", optimised["queues.conf"])


def test_what_a_source_cannot_know_is_told_apart() -> None:
    truth, less = (Contact("answered", (Visit("q", "answered", 1.0),)),), (Contact("abandoned_queue", ()),)
    told = Told(truth, log=less, because="it can't")
    assert (told.of("ami"), told.of("log"), told.of("both")) == (truth, less, truth)
    assert told.as_json()["log"] == [{"outcome": "abandoned_queue", "visits": ()}]


def test_a_request_is_read_in_either_form_and_answered() -> None:
    invite = sip_text.parse(INVITE)
    assert (invite.method, invite.call_id, invite.cseq) == ("INVITE", "call-1", (17, "INVITE"))
    assert invite.contact == "sip:asterisk@127.0.0.1:5060"
    assert sip_text.media_port(invite.body) == 4002
    answer = sip_text.parse(sip_text.answer(invite, "200 OK", "ours", "sip:1011@127.0.0.1:5070", sip_text.session("127.0.0.1", 4000)))
    assert (answer.status, answer.all("via")) == (200, invite.all("via"))
    assert (sip_text.tag_of(answer.get("from")), sip_text.tag_of(answer.get("to"))) == ("x1", "ours")
    assert int(answer.get("content-length")) == len(answer.body)


def test_an_empty_datagram_is_no_message() -> None:
    with pytest.raises(ValueError, match="empty datagram"):
        sip_text.parse(b"\r\n\r\n")


def test_a_scene_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setattr("sys.argv", ["truth", "--to", str(tmp_path), "no_such_scene"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert "no scene no_such_scene" in capsys.readouterr().err


def test_without_an_asterisk_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setenv("ASTERISK_ROOTFS", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["truth", "--to", str(tmp_path / "captures")])
    assert command.main() == 1
    assert "holds no Asterisk" in capsys.readouterr().err
