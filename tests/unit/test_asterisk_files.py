"""What is written for Asterisk besides the dialplan: the parts that matter, least privilege, and values that would break out."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.asterisk_plan import PLAN

from ami_bridge.asterisk_files import configuration_files, write_configuration
from ami_bridge.conf_text import ConfigurationError
from ami_bridge.plan import AsteriskPlan, Phone, QueuePlan


def texts(plan: AsteriskPlan) -> dict[str, str]:
    return {file.path.name: file.text for file in configuration_files(plan)}


def settings(text: str, section: str) -> list[tuple[str, str]]:
    """Key and value of every section of this name, as Asterisk reads them: keys may repeat."""
    found, current = [], ""
    for line in text.splitlines():
        if line.startswith("["):
            current = line.strip("[]")
        elif current == section and "=" in line:
            key, value = line.split("=", 1) if "eventfilter" not in line else (line.rpartition("=")[0], "")
            found.append((key.strip(), value.strip()))
    return found


def placed(folder: Path, **changes: Any) -> AsteriskPlan:
    return replace(
        PLAN,
        configuration=folder / "etc",
        data=folder / "data",
        state=folder / "var",
        recordings=folder / "recordings",
        fallback_spool=folder / "spool",
        fallback_command=folder / "agi" / "fallback",
        fallback_python=Path(sys.executable),
        **changes,
    )


def test_everything_is_written_once_and_then_left_alone(tmp_path: Path) -> None:
    plan = placed(tmp_path)
    written = write_configuration(plan)
    assert written == sorted(written)
    assert {path.name for path in written} >= {"asterisk.conf", "modules.conf", "extensions.conf", "pjsip.conf", "fallback"}
    assert write_configuration(plan) == []
    assert write_configuration(replace(plan, sip_port=5070)) == [plan.configuration / "pjsip.conf"]
    assert all((tmp_path / name).is_dir() for name in ("var/lib", "var/run", "var/spool", "var/log", "recordings", "spool"))
    assert not list(tmp_path.rglob(".*")), "no half-written file is left"


def test_a_file_somebody_changed_is_put_right(tmp_path: Path) -> None:
    plan = placed(tmp_path)
    write_configuration(plan)
    changed = plan.configuration / "manager.conf"
    before = changed.read_bytes()
    changed.write_bytes(b"[general]\nenabled = no\n")
    (plan.configuration / "queues.conf").chmod(0o666)
    assert write_configuration(plan) == [changed, plan.configuration / "queues.conf"]
    assert changed.read_bytes() == before


def test_secrets_are_not_for_everybody(tmp_path: Path) -> None:
    plan = placed(tmp_path)
    old = os.umask(0)
    try:
        write_configuration(plan)
    finally:
        os.umask(old)
    for file in plan.configuration.iterdir():
        secret = any(word in file.read_text() for word in (PLAN.ami_secret, PLAN.agi_token, "a-phone-secret"))
        assert file.stat().st_mode & 0o777 == (0o640 if secret else 0o644), file.name
    for folder in (plan.fallback_spool, plan.recordings):
        assert folder.stat().st_mode & 0o007 == 0, "callers' voices are nobody else's business"


def test_nothing_is_written_when_one_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        write_configuration(placed(tmp_path, ami_secret="x\ny" * 10))
    assert list(tmp_path.iterdir()) == []


def test_the_ami_user_has_the_least_it_needs() -> None:
    text = texts(PLAN)["manager.conf"]
    general, user = dict(settings(text, "general")), settings(text, "ivrd")
    assert general["webenabled"] == "no"
    assert (general["bindaddr"], general["port"], general["timestampevents"]) == ("127.0.0.1", "5038", "yes")
    assert dict(user)["read"] == "call,agent,user,system"
    assert set(dict(user)["write"].split(",")).isdisjoint({"system", "command", "config", "all", "originate", "dialplan"})
    assert dict(user)["writetimeout"] == "5000"
    assert [value for key, value in user if key == "deny"] == ["0.0.0.0/0.0.0.0", "::/0"]
    assert [value for key, value in user if key == "permit"] == ["127.0.0.1/32"]
    assert "eventfilter(action(exclude),name(DeviceStateChange))" in dict(user)
    assert {"Newexten", "VarSet", "RTCPSent", "RTCPReceived"} <= set(general["disabledevents"].split(","))


def test_a_daemon_elsewhere_gets_its_own_door() -> None:
    user = settings(texts(replace(PLAN, ami_bind="172.18.0.2", ami_permit=("172.18.0.0/16", "::1")))["manager.conf"], "ivrd")
    assert [value for key, value in user if key == "permit"] == ["172.18.0.0/16", "::1/128"]


def test_who_is_an_endpoint() -> None:
    text = texts(PLAN)["pjsip.conf"]
    trunk = dict(settings(text, "ivrd-trunk"))
    assert (trunk["context"], trunk["identify_by"], trunk["allow_transfer"]) == ("ivrd-inbound", "ip", "no")
    assert [value for key, value in settings(text, "ivrd-trunk-peers") if key == "match"] == ["127.0.0.1/32", "192.0.2.0/24"]
    assert dict(settings(text, "global"))["endpoint_identifier_order"] == "ip,username"
    assert "anonymous" not in text


def test_a_phone_is_believed_by_its_password_only() -> None:
    text = texts(PLAN)["pjsip.conf"]
    fixed, registering = settings(text, "101"), settings(text, "102")
    # With a fixed contact nothing that arrives as 101 is 101: there is neither a password nor an address to match.
    assert ("identify_by", "ip") in fixed
    assert "auth" not in dict(fixed)
    assert ("contact", "sip:101@127.0.0.1:5091") in fixed
    assert {("identify_by", "username"), ("auth", "102"), ("password", "a-phone-secret"), ("remove_existing", "yes")} <= set(registering)
    for phone in (fixed, registering):
        assert {("context", "ivrd-phones"), ("direct_media", "no"), ("dtmf_mode", "rfc4733"), ("qualify_frequency", "15")} <= set(phone)
        assert ("device_state_busy_at", "1") in phone


def test_without_trusted_peers_nobody_calls_in() -> None:
    assert "identify" not in texts(replace(PLAN, trusted_peers=()))["pjsip.conf"].replace("identify_by", "").replace("identifier", "")


def test_queues() -> None:
    text = texts(PLAN)["queues.conf"]
    hr = settings(text, "hr")
    assert [value for key, value in hr if key == "member"] == ["PJSIP/101,0,Li Na,PJSIP/101", "PJSIP/102,0,王五,PJSIP/102"]
    expected = {
        ("strategy", "rrmemory"),
        ("timeout", "15"),
        ("maxlen", "30"),
        ("joinempty", "unavailable,invalid,unknown"),
        ("leavewhenempty", "unavailable,invalid,unknown"),
        ("ringinuse", "no"),
        ("announce-position", "no"),
        ("periodic-announce", "ivrd/queue-please-hold"),
        ("setinterfacevar", "no"),
    }
    assert expected <= set(hr)


def test_only_listed_modules_are_loaded() -> None:
    modules = settings(texts(PLAN)["modules.conf"], "modules")
    assert modules[0] == ("autoload", "no")
    names = {value for key, value in modules if key in ("require", "load")}
    assert {"app_queue.so", "res_agi.so", "chan_pjsip.so", "pbx_config.so"} <= {value for key, value in modules if key == "require"}
    for forbidden in ("app_system", "app_exec", "func_shell", "func_env", "func_curl", "pbx_spool", "res_http", "res_ari", "anonymous"):
        assert not [name for name in names if forbidden in name]


def test_asterisk_itself() -> None:
    text = texts(replace(PLAN, run_user="asterisk"))["asterisk.conf"]
    options = dict(settings(text, "options"))
    assert (options["live_dangerously"], options["transmit_silence"], options["runuser"]) == ("no", "yes", "asterisk")
    assert (options["systemname"], dict(settings(texts(PLAN)["asterisk.conf"], "options"))["systemname"]) == ("main", "main")
    with pytest.raises(ConfigurationError, match="name"):
        texts(replace(PLAN, name="a b"))
    assert dict(settings(text, "directories"))["astdatadir"] == "/srv/ivrd/data"
    assert ("icesupport", "no") in settings(texts(PLAN)["rtp.conf"], "general")


def test_behind_nat_the_outside_address_is_told() -> None:
    text = texts(replace(PLAN, nat_address="203.0.113.7", bind_address="0.0.0.0"))["pjsip.conf"]
    transport = settings(text, "ivrd-udp")
    assert ("external_media_address", "203.0.113.7") in transport
    assert ("bind", "0.0.0.0:5060") in transport


def test_the_files_are_plain_configuration() -> None:
    for name, text in texts(PLAN).items():
        if name.endswith(".conf") and name not in ("extensions.conf", "pjsip.conf"):
            configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True, comment_prefixes=(";",)).read_string(text)
        assert text.endswith("\n"), name
        assert "None" not in text, name


def test_the_launcher_runs_the_fallback_from_anywhere(tmp_path: Path) -> None:
    plan = placed(tmp_path)
    write_configuration(plan)
    assert plan.fallback_command is not None
    elsewhere = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [plan.fallback_command, "start"], cwd="/", env=elsewhere, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    wrong = subprocess.run(
        [plan.fallback_command, "stop"], cwd="/", env=elsewhere, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert wrong.returncode == 2
    assert b"invalid choice: 'stop'" in wrong.stderr


def test_a_state_folder_too_deep_for_the_control_socket_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="choose a shorter STATE"):
        configuration_files(replace(PLAN, state=Path("/" + "x" * 100)))


def phone(**changes: Any) -> dict[str, Any]:
    return {"phones": (replace(Phone("101", "Li Na", secret="long-enough"), **changes), PLAN.phones[1])}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"major_version": 18}, "Asterisk 18"),
        ({"ami_secret": "x" * 20 + "\nwrite = all"}, "ami_secret"),
        ({"ami_secret": "x" * 20 + ";"}, "ami_secret"),
        ({"ami_secret": "short"}, "ami_secret"),
        ({"ami_user": "general]"}, "ami_user"),
        ({"ami_permit": ("0.0.0.0/0\nwrite=all",)}, "ami_permit"),
        ({"ami_bind": "localhost"}, "ami_bind"),
        ({"bind_address": "0.0.0.0\ntos=1"}, "bind_address"),
        ({"bind_address": "eth0"}, "bind_address"),
        ({"nat_address": "example.com"}, "nat_address"),
        ({"trusted_peers": ("sip.example.com",)}, "trusted_peers"),
        ({"trusted_peers": ("127.0.0.1/33",)}, "trusted_peers"),
        ({"run_user": "a b"}, "run_user"),
        ({"modules": Path("modules")}, "modules"),
        ({"data": Path("/a\nb")}, "data"),
        ({"state": Path("/a;b")}, "state"),
        ({"fallback_spool": Path("/a b")}, "fallback_spool"),
        ({"queues": (QueuePlan("hr]\n[x", (), 15, 0), *PLAN.queues)}, "queue name"),
        ({"queues": (QueuePlan("general", (), 15, 0), *PLAN.queues)}, "general"),
        ({"queues": (QueuePlan("course", ("103",), 15, 0), *PLAN.queues)}, "member 103"),
        (phone(agent="A,0,B"), "agent 101"),
        (phone(agent='A" <1>'), "agent 101"),
        (phone(agent="A\nb"), "agent 101"),
        (phone(agent="A\u2028b"), "agent 101"),
        (phone(extension="102"), "102"),
        (phone(extension="1x"), "1x"),
        (phone(secret="short"), "secret of phone 101"),
        (phone(secret="long-enough;x"), "secret of phone 101"),
        (phone(secret=" long-enough"), "secret of phone 101"),
        (phone(secret=None), "phone 101"),
        (phone(contact="sip:101@192.0.2.1"), "phone 101"),
        (phone(secret=None, contact="sip:101@192.0.2.1\nmatch=x"), "contact of phone 101"),
        (phone(secret=None, contact="sip:101@192.0.2.1&PJSIP/9"), "contact of phone 101"),
    ],
)
def test_a_value_that_breaks_out_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    plan = replace(PLAN, fallback_python=Path("/usr/bin/python3"), **change)
    if "phones" in change:
        plan = replace(plan, queues=(QueuePlan("complaint", tuple(phone.extension for phone in plan.phones), 15, 0),))
    with pytest.raises(ConfigurationError, match=named) as refusal:
        configuration_files(plan)
    assert str(refusal.value).endswith(".")
    for secret in (plan.ami_secret, *(phone.secret for phone in plan.phones if phone.secret)):
        assert secret not in str(refusal.value)


def test_a_disk_that_refuses_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = placed(tmp_path)
    write_configuration(plan)
    before = (plan.configuration / "pjsip.conf").read_bytes()

    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    change: Callable[[], object] = lambda: write_configuration(replace(plan, sip_port=5071))  # noqa: E731
    with pytest.raises(OSError, match="No space left"):
        change()
    assert (plan.configuration / "pjsip.conf").read_bytes() == before
    assert not list(plan.configuration.glob(".*"))
