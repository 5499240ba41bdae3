"""A real PostgreSQL server of the tests' own: a fresh cluster in a folder, on loopback, ended with the test run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEADLINE_S = 60


def _programs() -> Path:
    """Debian keeps the server's programs off PATH, by version."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not folders:
        raise AssertionError("PostgreSQL's server is not on this machine: `make setup` installs it (Debian package postgresql)")
    return folders[-1].parent


@contextmanager
def postgresql() -> Iterator[str]:
    """Gives the server's SQLAlchemy URL without a database. As root it runs as the user postgres, for it refuses root."""
    programs = _programs()
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="ivrd-pg-") as folder:
        if as_user:
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        _run([*as_user, f"{programs}/initdb", "-D", data, "-A", "trust", "-U", "ivrd", "-E", "UTF8"], folder)
        _run([*as_user, f"{programs}/pg_ctl", "-D", data, "-w", "-o", options, "-l", f"{folder}/log", "start"], folder)
        try:
            yield f"postgresql+psycopg://ivrd@127.0.0.1:{port}"
        finally:
            _run([*as_user, f"{programs}/pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], folder)


def _run(command: list[str], folder: str) -> None:
    # A file, not a pipe: the server inherits it and would hold a pipe open.
    with Path(folder, "setup.log").open("ab") as output:
        subprocess.run(command, cwd=folder, check=True, timeout=DEADLINE_S, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
