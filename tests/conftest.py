"""Its place is its purpose: pytest puts this folder on the import path, and every test can use ``support``.

A skipped test has proved nothing, so a run with one has failed.
"""

from __future__ import annotations

import pytest


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if skipped and exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\n{len(skipped)} skipped: that counts as a failure here", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
