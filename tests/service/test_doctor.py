"""ivrd doctor: each part's state with what to do, on a system that is ill and on one that is well."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.house import new_database
from typer.testing import CliRunner

from ivr.cli import app
from ivr.doctor import Diagnosis, State, examine
from ivr.settings import Settings, load

READY = {"status": "ready", "missing": [], "degraded": ["the disk is slow"], "versions": {"asterisk": "22.10.1", "flows": "abc"}}

REMEDIES = {"daemon": "start `ivrd run`", "agi": "is the daemon running", "ami": "is Asterisk running", "database": "ivrd run"}


def answering(body: Any, status: int = 200) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            """Nothing on the test's output."""

    return Handler


@contextmanager
def listening(greeting: bytes) -> Iterator[int]:
    """A port that says this to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    caller.sendall(greeting)

        threading.Thread(target=greet, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(body: Any, status: int = 200) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), answering(body, status))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def settings(folder: Path, *, console: int = 1, agi: int = 1, ami: int = 1) -> Settings:
    """Of the shipped hotline, with these ports; nobody listens on port 1."""
    ports = {"IVRD_CONSOLE__PORT": str(console), "IVRD_AGI__PORT": str(agi), "IVRD_AMI__PORT": str(ami)}
    return load(environment={"STATE": str(folder), **ports})


def states(diagnosis: Diagnosis, part: str) -> list[State]:
    return [finding.state for finding in diagnosis.findings if finding.part == part]


def sentences(diagnosis: Diagnosis, part: str) -> str:
    return " ".join(finding.sentence for finding in diagnosis.findings if finding.part == part)


def test_where_nothing_runs_each_part_says_what_to_do(tmp_path: Path) -> None:
    found = examine(settings(tmp_path))
    assert not found.ok
    for part, remedy in REMEDIES.items():
        assert (states(found, part), remedy in sentences(found, part)) == ([State.BAD], True), part
    assert states(found, "queue log") == [State.WARNING]
    assert states(found, "disk") == [State.OK]
    assert "ivrd prompts build" in sentences(found, "settings")


def test_a_system_that_is_well_but_for_one_thing(tmp_path: Path) -> None:
    new_database(tmp_path).close()
    with serving(READY) as console, listening(b"") as agi, listening(b"Asterisk Call Manager/11.0.0\r\n") as ami:
        found = examine(settings(tmp_path, console=console, agi=agi, ami=ami))
    assert [states(found, part) for part in ("agi", "ami", "database")] == [[State.OK]] * 3
    assert states(found, "daemon") == [State.WARNING, State.OK]
    assert "the disk is slow" in sentences(found, "daemon")
    assert {"ivrd", "python", "schema", "asterisk", "flows"} <= set(found.versions)


@pytest.mark.parametrize(
    ("body", "status", "state", "told"),
    [
        ({**READY, "status": "not ready", "missing": ["the FastAGI server is not listening"]}, 503, State.BAD, "not listening"),
        ({"hello": "world"}, 200, State.BAD, "is not ivrd"),
        ("nonsense", 500, State.BAD, "is not ivrd"),
    ],
)
def test_what_the_daemon_says_of_itself(tmp_path: Path, body: Any, status: int, state: State, told: str) -> None:
    with serving(body, status) as console:
        found = examine(settings(tmp_path, console=console))
    assert (states(found, "daemon")[0], told in sentences(found, "daemon")) == (state, True)


def test_a_folder_that_recordings_cant_go_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "recordings").touch()
    assert f"{tmp_path}/recordings: there is no such folder" in sentences(examine(settings(tmp_path)), "disk")


def test_a_state_that_is_mistyped_is_not_made(tmp_path: Path) -> None:
    found = examine(settings(tmp_path / "typo"))
    assert "set STATE to where ivrd runs" in sentences(found, "disk")
    assert not (tmp_path / "typo").exists()


def test_another_program_on_the_managers_port_is_no_asterisk(tmp_path: Path) -> None:
    with listening(b"SSH-2.0-OpenSSH_9.2\r\n") as ami:
        found = examine(settings(tmp_path, ami=ami))
    assert (states(found, "ami"), "is not Asterisk's manager" in sentences(found, "ami")) == ([State.BAD], True)


def test_an_old_schema_is_told(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    database.close()
    found = examine(settings(tmp_path))
    assert (states(found, "database"), "ivrd db upgrade" in sentences(found, "database")) == ([State.BAD], True)


def test_the_command_exits_with_1_and_prints_json_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setenv("PORT_OFFSET", "41000")
    result = CliRunner().invoke(app, ["doctor", "--json"])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"]) == (1, False)
    assert {"part", "state", "sentence"} == set(told["findings"][0])
    shown = CliRunner().invoke(app, ["doctor"])
    assert (shown.exit_code, "bad" in shown.stdout) == (1, True)
