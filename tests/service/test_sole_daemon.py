"""One daemon for one state folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.sole_daemon import AnotherDaemonError, hold

HOLDER = """
import sys, time
from pathlib import Path
from ivr.sole_daemon import hold
held = hold(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_one_is_refused_by_a_sentence_that_names_the_first(tmp_path: Path) -> None:
    with (
        hold(tmp_path),
        pytest.raises(AnotherDaemonError, match=rf"process {os.getpid()} on \S+, since .*, runs ivrd with this STATE"),
    ):
        hold(tmp_path)
    hold(tmp_path).close()


def test_whoever_is_killed_holds_nothing_any_more(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(AnotherDaemonError, match=f"process {other.pid} "):
            hold(tmp_path)
        other.send_signal(signal.SIGKILL)
    hold(tmp_path).close()


def test_what_somebody_else_wrote_into_the_file_is_not_repeated(tmp_path: Path) -> None:
    with hold(tmp_path):
        (tmp_path / "ivrd.lock").write_text("<script>", encoding="ascii")
        with pytest.raises(AnotherDaemonError, match="another process runs ivrd"):
            hold(tmp_path)
