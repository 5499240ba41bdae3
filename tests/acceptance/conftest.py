"""Fixtures of the acceptance suite. Without an Asterisk or SIPp it fails with what to do; it never skips."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from acceptance.houses import HOUSES
from acceptance.scenes import Scene, Scenes
from acceptance.stage import Case, Stage
from ivr.prompts.library import PromptLibrary
from ivr.prompts.wanted import wanted_prompts
from ivr.settings import load as load_settings
from ivr.testbed.errors import TestbedError
from ivr.testbed.program import find_asterisk

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here is one of acceptance, and all share one event loop: calls go on while another test waits.

    Tests with houses of their own come first: meanwhile scenes are played, and the calls of the shared houses placed.
    """
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.acceptance)
        if _scenes(item):
            item.add_marker(pytest.mark.scene)
        if inspect.iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    places = sorted(items.index(item) for item in ours)
    for place, item in zip(places, sorted(ours, key=_turn), strict=True):
        items[place] = item


def _turn(item: pytest.Item) -> int:
    if "stage" in inspect.signature(getattr(item, "obj", lambda: None)).parameters:
        return 2
    return 1 if _scenes(item) else 0


def _scenes(item: pytest.Item) -> tuple[Scene, ...]:
    found: tuple[Scene, ...] = getattr(getattr(item, "module", None), "SCENES", ())
    return found


@pytest.fixture(scope="session", autouse=True)
def equipment() -> None:
    """What a real call needs."""
    try:
        find_asterisk()
    except TestbedError as error:
        pytest.exit(f"acceptance tests need a real Asterisk: {error}", returncode=1)
    if not shutil.which("sipp"):
        pytest.exit("acceptance tests need SIPp, and there is none on PATH: run `make setup`", returncode=1)


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All prompts, rendered once for all houses."""
    folder = tmp_path_factory.mktemp("rendered")
    settings = load_settings(environment={"STATE": str(folder)})
    report = PromptLibrary(settings.paths.prompts).build(wanted_prompts(settings))
    assert not report.problems, report.problems
    return settings.paths.prompts


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prompts: Path) -> AsyncIterator[Stage]:
    """The houses that tests share; their calls begin with the session and go on while other tests run."""
    cases = [
        value
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        for value in item.callspec.params.values()
        if isinstance(value, Case)
    ]
    running = Stage(tmp_path_factory.mktemp("houses"), prompts, HOUSES, cases)
    running.begin()
    yield running
    await running.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def scenes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prompts: Path) -> AsyncIterator[Scenes]:
    """The scenes of the collected modules, played in the background."""
    running = Scenes(tmp_path_factory.mktemp("scenes"), prompts)
    for item in request.session.items:
        for scene in _scenes(item):
            running.begin(scene)
    yield running
    await running.close()
