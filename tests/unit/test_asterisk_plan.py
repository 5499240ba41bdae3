"""From settings to Asterisk's plan: ports, secrets, phones, the last resort, and the links into the data folder."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ivr.asterisk_plan import AsteriskInstallation, asterisk_plan, debian_installation, link_data
from ivr.settings import SHIPPED_CONFIG, SettingsError, load

DEMO = SHIPPED_CONFIG.with_name("demo.toml")
HERE = AsteriskInstallation(20, Path("/opt/asterisk/modules"), Path("/opt/asterisk/share"), Path("/opt/python"))


def settings_of(tmp_path: Path, text: str = "", **environment: str):  # type: ignore[no-untyped-def]
    file = tmp_path / "ivrd.toml"
    file.write_text(text or '[queues.desk]\nmembers = []\n[lines.hr]\nname = {zh = "a", en = "b"}\nqueue = "desk"\n')
    return load(file, {"STATE": str(tmp_path / "state"), **environment})


def test_every_port_moves_with_the_offset(tmp_path: Path) -> None:
    plan = asterisk_plan(load(DEMO, {"STATE": str(tmp_path), "PORT_OFFSET": "600"}), HERE)
    assert (plan.sip_port, plan.ami_port, plan.agi_port) == (5660, 5638, 5173)
    assert (plan.rtp_first_port, plan.rtp_last_port) == (10600, 11599)
    assert {phone.contact for phone in plan.phones} == {f"sip:{extension}@127.0.0.1:5691" for extension in (101, 102, 103, 104)}


def test_a_phone_elsewhere_keeps_its_port(tmp_path: Path) -> None:
    text = '[queues.desk]\nmembers = ["201"]\n[agents.201]\nname = "Li Na"\ncontact = "sip:201@192.0.2.10:5060"\n'
    plan = asterisk_plan(settings_of(tmp_path, text, PORT_OFFSET="600"), HERE)
    assert [phone.contact for phone in plan.phones] == ["sip:201@192.0.2.10:5060"]


def test_everything_lies_below_state(tmp_path: Path) -> None:
    plan = asterisk_plan(settings_of(tmp_path), HERE)
    inside = [plan.configuration, plan.data, plan.state, plan.recordings, plan.fallback_spool, plan.fallback_command]
    assert all(path is not None and path.is_relative_to(tmp_path / "state") for path in inside)
    assert (plan.major_version, plan.modules) == (20, Path("/opt/asterisk/modules"))


def test_secrets_are_made_once_and_kept_to_their_owner(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    first, second = asterisk_plan(settings, HERE), asterisk_plan(settings, HERE)
    assert (first.ami_secret, first.agi_token) == (second.ami_secret, second.agi_token)
    assert first.ami_secret != first.agi_token
    assert [file.stat().st_mode & 0o777 for file in sorted(settings.paths.secrets.iterdir())] == [0o600, 0o600]


def test_without_an_interpreter_there_is_no_fallback_script(tmp_path: Path) -> None:
    plan = asterisk_plan(settings_of(tmp_path), AsteriskInstallation(22, Path("/m"), Path("/s")))
    assert (plan.fallback_command, plan.fallback_python) == (None, None)


def test_the_last_resort_is_the_complaint_lines_queue(tmp_path: Path) -> None:
    assert asterisk_plan(load(SHIPPED_CONFIG, {"STATE": str(tmp_path)}), HERE).fallback_queue == "complaint"


def test_without_that_line_it_is_the_first_queue(tmp_path: Path) -> None:
    assert asterisk_plan(settings_of(tmp_path), HERE).fallback_queue == "desk"


def test_no_queue_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs at least one"):
        asterisk_plan(settings_of(tmp_path, "[log]\n"), HERE)


AGENT = '[queues.desk]\nmembers = ["201"]\n[agents.201]\nname = "Li Na"\nsecret_file = "{file}"\n'


def test_a_phones_password_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "201").write_text("correct horse battery\n")
    plan = asterisk_plan(settings_of(tmp_path, AGENT.format(file=tmp_path / "201")), HERE)
    assert [(phone.extension, phone.agent, phone.secret) for phone in plan.phones] == [("201", "Li Na", "correct horse battery")]


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "No such file"), (b"\n", "is empty"), (b"\xff\xfe", "not UTF-8")], ids=["missing", "empty", "bytes"]
)
def test_a_password_that_cant_be_read_is_told_with_its_setting(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / "201").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"agents\.201\.secret_file: .*{sentence}"):
        asterisk_plan(settings_of(tmp_path, AGENT.format(file=tmp_path / "201")), HERE)


def test_links_follow_when_the_installation_moves(tmp_path: Path) -> None:
    plan = asterisk_plan(settings_of(tmp_path), HERE)
    for share in (tmp_path / "old", tmp_path / "new"):
        link_data(plan, AsteriskInstallation(22, Path("/m"), share), tmp_path / "prompts")
        link_data(plan, AsteriskInstallation(22, Path("/m"), share), tmp_path / "prompts")
    links = {str(path.relative_to(plan.data)): path.readlink() for path in plan.data.rglob("*") if path.is_symlink()}
    assert links == {
        "documentation": tmp_path / "new" / "documentation",
        "moh": tmp_path / "prompts" / "moh",
        "sounds/zh": tmp_path / "prompts" / "zh",
        "sounds/en": tmp_path / "prompts" / "en",
    }


def test_debians_own_places() -> None:
    found = debian_installation()
    assert found.modules.parts[-2:] == ("asterisk", "modules")
    assert found.share == Path("/usr/share/asterisk")


def test_the_demo_is_the_shipped_hotline_with_agents() -> None:
    """Two files, one hotline: they differ in nothing but who is behind the lines and when."""
    shipped, demo = (load(path, {}).model_dump() for path in (SHIPPED_CONFIG, DEMO))
    assert {key for key in shipped if shipped[key] != demo[key]} == {"agents", "queues", "always_open"}
    for name, queue in demo["queues"].items():
        assert len(queue["members"]) == 2, name
        assert {**queue, "members": ()} == shipped["queues"][name]
    assert "always_open" in tomllib.loads(DEMO.read_text())


def test_another_line_can_be_the_last_resort(tmp_path: Path) -> None:
    environment = {"STATE": str(tmp_path), "IVRD_HOTLINE__LAST_RESORT_LINE": "hr"}
    assert asterisk_plan(load(SHIPPED_CONFIG, environment), HERE).fallback_queue == "hr"
