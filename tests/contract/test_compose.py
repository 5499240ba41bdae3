"""docker/compose.yaml against the published schema, and against what the images and the settings really have."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from ivr.settings import Settings, load

ROOT = Path(__file__).resolve().parents[2]
# https://github.com/compose-spec/compose-spec, schema/compose-spec.json at commit 170098ba (2026-06-23), Apache-2.0
SCHEMA = Path(__file__).with_name("compose-spec.json")
LONG_RUNNING = {"pod", "asterisk", "ivrd"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found = YAML(typ="safe", pure=True).load(ROOT / "docker" / "compose.yaml")
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


@pytest.fixture(scope="module")
def settings(compose: dict[str, Any]) -> Settings:
    """What the daemon in the container is told."""
    environment = {key: value for key, value in compose["services"]["ivrd"]["environment"].items() if key != "IVRD_CONFIG"}
    return load(ROOT / "config" / "ivrd.toml", environment)


def dockerfile(name: str) -> str:
    return (ROOT / "docker" / f"{name}.Dockerfile").read_text()


def test_it_is_a_compose_file(compose: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(compose)] == []


def test_the_schema_refuses_what_is_wrong(compose: dict[str, Any]) -> None:
    wrong = {**compose, "services": {"ivrd": {"image": "ivrd", "port": ["8400"]}}}
    schema = json.loads(SCHEMA.read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(wrong)


def test_nothing_is_published_beyond_loopback(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_every_service_runs_without_root_and_privileges(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["user"] == "10001:10001", name
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert service["security_opt"] == ["no-new-privileges:true"], name


@pytest.mark.parametrize("image", ["asterisk", "ivrd"])
def test_the_images_have_that_user_and_his_state(image: str) -> None:
    text = dockerfile(image)
    assert "--uid 10001 --gid 10001" in text
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    # A named volume takes over the owner of the folder it is first mounted on.
    assert "install -d -o ivrd -g ivrd -m 0750 /var/lib/ivrd /var/lib/ivrd/secrets" in text


def test_secrets_are_files_apart_from_the_data(compose: dict[str, Any]) -> None:
    for name in ("prepare", "asterisk", "ivrd"):
        assert compose["services"][name]["volumes"][:2] == ["state:/var/lib/ivrd", "secrets:/var/lib/ivrd/secrets"], name
    environment = json.dumps(compose["services"]["ivrd"]["environment"])
    assert not re.search(r"SECRET|PASSWORD|TOKEN", environment)


def test_what_stays_up_comes_back_and_calls_are_watched(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {name for name, service in services.items() if service["restart"] == "unless-stopped"} == LONG_RUNNING
    assert {name for name, service in services.items() if "healthcheck" in service} == {"asterisk", "ivrd"}


def test_the_daemon_may_finish_its_calls(compose: dict[str, Any], settings: Settings) -> None:
    assert int(compose["services"]["ivrd"]["stop_grace_period"].removesuffix("s")) > settings.shutdown.grace_s


def test_published_ports_are_the_settings_own(compose: dict[str, Any], settings: Settings) -> None:
    asterisk = settings.asterisk
    rtp = f"{asterisk.rtp_first_port}-{asterisk.rtp_last_port}"
    assert set(compose["services"]["pod"]["ports"]) == {
        f"127.0.0.1:{asterisk.sip_port}:{asterisk.sip_port}/udp",
        f"127.0.0.1:{settings.console.port}:{settings.console.port}/tcp",
        f"127.0.0.1:{rtp}:{rtp}/udp",
    }
    assert compose["networks"]["calls"]["ipam"]["config"][0]["gateway"] in asterisk.trusted_peers


def test_what_the_images_copy_is_in_their_context() -> None:
    for image in ("asterisk", "ivrd"):
        kept = {line[1:] for line in (ROOT / "docker" / f"{image}.Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile(image), re.MULTILINE):
            for source in line.split():
                assert source.split("/")[0] in kept, source
                assert (ROOT / source).exists(), source


def test_every_room_of_the_house_is_in_the_daemons_image() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    copied = set(re.findall(r"^COPY (\w+) /opt/ivrd/src/", dockerfile("ivrd"), re.MULTILINE))
    assert rooms - {"tests"} <= copied


def test_set_up_and_testbed_name_the_image_alike() -> None:
    """Both compute the tag; with different sources `make run` would not find what `make setup` built."""
    from ivr.testbed.program import IMAGE_SOURCES

    script = (ROOT / "docker" / "setup.sh").read_text()
    hashed = re.search(r"tag=\$IMAGE:\$\(cat (.*?) \|", script.replace("\\\n", " "))
    assert hashed is not None
    assert tuple(hashed[1].split()) == IMAGE_SOURCES
    assert os.access(ROOT / "docker" / "setup.sh", os.X_OK)
