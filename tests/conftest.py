"""Its place is its purpose: pytest puts this folder on the import path, and every test can use ``support``.

A skipped test has proved nothing, so a run with one has failed.
"""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings

# The same examples in every run, or a run would fail by chance for what an earlier one had passed; EXPLORE=1 looks for others.
settings.register_profile("same", derandomize=True)
settings.load_profile("default" if os.environ.get("EXPLORE") else "same")

# Hundreds of thousands of objects are imported and collected before the first test, and all of them stay: looking through them for what
# can be freed, again and again, takes a seventh of the unit tests' time.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if skipped and exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\n{len(skipped)} skipped: that counts as a failure here", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
