"""The shelf of published flows on a real SQLite file: what new calls get, what running ones keep, and what a bad version can't do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from support.house import new_database

from callflows.flow import FlowBook, version_of
from callflows.loader import Problem
from callflows.walk import Walk
from ivr import flow_service, flow_versions
from ivr.domain.contacts import Contact
from ivr.flow_fitness import Fitness, UnfitFlowsError
from ivr.flow_service import StepRefusedError
from ivr.flow_trial import FlowTrial
from ivr.flow_versions import FlowShelf
from ivr.store import contacts
from ivr.store import flow_versions as store
from ivr.store.flow_versions import OvertakenError, Service, Step
from ivr.store.schema import AuditRow
from ivr.store.sealing import Sealer

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SEALER = Sealer("a secret for tests")
FLOW = """flow: hotline
start: greeting
nodes:
  greeting:
    say: {{zh: "{words}"}}
    next: goodbye
  goodbye:
    hang_up: {{zh: 再见。}}
"""


def flow(words: str) -> dict[str, str]:
    return {"hotline.yaml": FLOW.format(words=words)}


def version(words: str) -> str:
    return version_of(flow(words))


def lint(book: FlowBook) -> list[Problem]:
    """Somebody greets with the word "bad": an error of the linter."""
    words = json.dumps([node.model_dump() for node in book.flows["hotline"].nodes.values()], ensure_ascii=False)
    return [Problem("hotline.yaml", 4, "no-exit", "error", "a bad word")] if "bad" in words else []


class Installation:
    """A flow folder, a prompts folder and a database, as a daemon and a command line share them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "flows"
        self.folder.mkdir()
        self.prompts = folder / "prompts"
        self.database = new_database(folder)
        self.fitness = Fitness(self.folder, lint, self.prompts, ("zh",))
        self.seconds = 0.0
        self.write("first")

    def write(self, words: str, *, prompts: bool = True) -> None:
        (self.folder / "hotline.yaml").write_text(flow(words)["hotline.yaml"], encoding="utf-8")
        if prompts:
            self.make_prompts(words)

    def make_prompts(self, words: str) -> None:
        sounds = self.prompts / "zh" / "ivrd"
        sounds.mkdir(parents=True, exist_ok=True)
        for prompt in self.fitness.parsed(flow(words)).prompts(("zh",)):
            (sounds / f"{prompt.name}.wav").write_bytes(b"\0" * 100)

    def shelf(self) -> FlowShelf:
        return FlowShelf(self.database, self.fitness, clock=lambda: NOW, monotonic=lambda: self.seconds)

    async def opened(self) -> FlowShelf:
        shelf = self.shelf()
        await shelf.open()
        return shelf

    async def publish(self, words: str, *, prompts: bool = True) -> Service:
        self.write(words, prompts=prompts)
        return await self.database.write(
            partial(flow_service.publish, version=version(words), sources=flow(words), by="lin", note="", now=NOW)
        )

    async def begin_trial(self, words: str, share: float) -> Service:
        self.make_prompts(words)
        return await self.database.write(
            partial(flow_service.begin_trial, version=version(words), sources=flow(words), share=share, by="lin", note="", now=NOW)
        )

    async def steps(self) -> list[tuple[Step, str]]:
        return [(step.step, step.version) for step in await self.database.read(store.history)]

    async def ended(self, number: int, words: str, *, lost: bool, minutes: int = 1) -> None:
        """A call that began after NOW, and has ended."""
        start = NOW + timedelta(minutes=minutes)
        call = Contact(
            f"{number}.1", start, caller=f"+86138{number:08}", flow_version=version(words), ended_at=start + timedelta(seconds=number)
        )
        call.hung_up_in_flow = lost
        call.finished = not lost
        await self.database.write(lambda session: contacts.save(session, SEALER, [call]))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Installation]:
    installation = Installation(tmp_path)
    yield installation
    await asyncio.to_thread(installation.database.close)


async def test_the_first_start_publishes_the_folder(here: Installation) -> None:
    shelf = await here.opened()
    assert shelf.in_service.version == version("first") == shelf.book_for("anybody").version
    assert await here.steps() == [(Step.PUBLISH, version("first"))]
    assert not shelf.troubles


async def test_a_start_with_an_unedited_folder_publishes_nothing(here: Installation) -> None:
    await here.opened()
    await here.opened()
    assert len(await here.steps()) == 1


async def test_a_start_with_an_edited_folder_publishes_it(here: Installation) -> None:
    await here.opened()
    here.write("second")
    assert (await here.opened()).in_service.version == version("second")


async def test_a_first_start_with_a_bad_folder_is_refused_with_its_place(here: Installation) -> None:
    here.write("bad")
    with pytest.raises(UnfitFlowsError, match=f"{here.folder}/hotline.yaml:4: error: a bad word"):
        await here.opened()


@pytest.mark.parametrize("text", ["flow: [", "nodes: 3", "", "flow: hotline\nstart: a\nnodes: {a: {sya: {zh: x}}}"])
async def test_a_start_with_a_bad_folder_keeps_the_last_good_version_loudly(here: Installation, text: str) -> None:
    await here.opened()
    (here.folder / "hotline.yaml").write_text(text)
    shelf = await here.opened()
    assert shelf.in_service.version == version("first")
    (trouble,) = shelf.troubles
    assert trouble.kind == "folder"
    assert "hotline.yaml:" in trouble.sentence


async def test_a_start_without_the_folder_keeps_the_last_good_version(here: Installation) -> None:
    await here.opened()
    (here.folder / "hotline.yaml").unlink()
    here.folder.rmdir()
    shelf = await here.opened()
    assert (shelf.in_service.version, [trouble.kind for trouble in shelf.troubles]) == (version("first"), ["folder"])


async def test_an_edited_folder_without_its_prompts_is_not_published(here: Installation) -> None:
    await here.opened()
    here.write("second", prompts=False)
    shelf = await here.opened()
    assert shelf.in_service.version == version("first")
    assert "1 prompts are missing, first: hotline-greeting-" in shelf.troubles[0].sentence


async def test_a_published_version_is_taken_up_and_running_calls_keep_theirs(here: Installation) -> None:
    shelf = await here.opened()
    before = shelf.book_for("a")
    walk = Walk.begin(before, "hotline", "zh")
    await here.publish("second")
    assert shelf.book_for("a").version == version("first"), "until it is looked at"
    await shelf.look()
    assert shelf.book_for("a").version == version("second")
    assert await shelf.book(version("first")) is before
    assert walk.position.frames[0].node in before.flows["hotline"].nodes


async def test_a_running_daemon_notices_within_two_seconds(here: Installation) -> None:
    shelf = await here.opened()
    running = asyncio.create_task(shelf.run(), name="flow-shelf")
    await here.publish("second")
    await asyncio.sleep(flow_versions.POLL_INTERVAL_S + 0.9)
    running.cancel()
    assert shelf.in_service.version == version("second")


async def test_a_database_that_does_not_answer_leaves_what_is_in_service(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_versions, "POLL_INTERVAL_S", 0.05)
    shelf = await here.opened()
    running = asyncio.create_task(shelf.run(), name="flow-shelf")

    def rename(old: str, new: str) -> None:
        with here.database.engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    await asyncio.to_thread(rename, "flow_service", "gone")
    await asyncio.sleep(0.3)
    assert not running.done()
    assert shelf.book_for("a").version == version("first")
    await asyncio.to_thread(rename, "gone", "flow_service")
    await here.publish("second")
    await asyncio.sleep(0.5)
    running.cancel()
    assert shelf.book_for("a").version == version("second")


async def test_the_version_of_a_waiting_call_is_at_hand_after_a_restart(here: Installation) -> None:
    await here.opened()
    waiting = Contact("1.1", NOW, flow_version=version("first"))
    await here.database.write(lambda session: contacts.save(session, SEALER, [waiting]))
    await here.publish("second")
    shelf = await here.opened()
    with here.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE flow_versions RENAME TO gone")
    assert (await shelf.book(version("first"))).version == version("first")


async def test_a_call_that_comes_back_after_a_restart_gets_its_version_from_the_store(here: Installation) -> None:
    await here.opened()
    await here.publish("second")
    shelf = await here.opened()
    assert shelf.in_service.version == version("second")
    assert (await shelf.book(version("first"))).version == version("first")
    assert (await shelf.book(version("first"))) is (await shelf.book(version("first"))), "read once"


@pytest.mark.parametrize("lost", ["", "from-another-database"])
async def test_a_call_whose_version_is_lost_goes_on_with_the_one_in_service(here: Installation, lost: str) -> None:
    shelf = await here.opened()
    assert (await shelf.book(lost)).version == version("first")


async def test_a_bad_published_version_leaves_the_old_one_in_service(here: Installation) -> None:
    shelf = await here.opened()
    await here.publish("bad")
    await shelf.look()
    assert shelf.book_for("a").version == version("first")
    (trouble,) = shelf.troubles
    assert (trouble.kind, trouble.version) == ("refused", version("bad"))
    assert f"put in service by lin, is not fit and {version('first')} stays: hotline.yaml:4" in trouble.sentence
    await here.publish("second")
    await shelf.look()
    assert (shelf.book_for("a").version, shelf.troubles) == (version("second"), ())


async def test_a_start_after_a_bad_version_takes_the_last_good_one(here: Installation) -> None:
    await here.opened()
    await here.publish("second")
    await here.publish("bad")
    shelf = await here.opened()
    assert (shelf.in_service.version, [trouble.kind for trouble in shelf.troubles]) == (version("second"), ["refused", "folder"])


async def test_a_fault_of_ours_in_a_check_refuses_the_version_and_ends_nothing(here: Installation) -> None:
    shelf = await here.opened()

    def broken(book: FlowBook) -> list[Problem]:
        raise RecursionError

    here.fitness = Fitness(here.folder, broken, here.prompts, ("zh",))
    shelf._fitness = here.fitness
    await here.publish("second")
    await shelf.look()
    assert (shelf.in_service.version, shelf.troubles[0].kind) == (version("first"), "refused")


async def test_a_version_without_its_prompts_waits_for_them(here: Installation) -> None:
    shelf = await here.opened()
    await here.publish("second", prompts=False)
    await shelf.look()
    assert "1 of its prompts are missing" in shelf.troubles[0].sentence
    here.make_prompts("second")
    await shelf.look()
    assert shelf.in_service.version == version("first"), "not at every look"
    here.seconds += flow_versions.RETRY_INTERVAL_S
    await shelf.look()
    assert (shelf.in_service.version, shelf.troubles) == (version("second"), ())


async def test_what_was_rolled_back_stays_out_at_the_next_start(here: Installation) -> None:
    await here.opened()
    here.write("second")
    await here.opened()
    back = partial(flow_service.roll_back, to=version("first"), by="lin", reason="callers got lost", now=NOW)
    await here.database.write(back)
    shelf = await here.opened()
    assert (shelf.in_service.version, shelf.troubles) == (version("first"), ())
    here.write("third")
    assert (await here.opened()).in_service.version == version("third"), "an edit is a new wish"


async def test_a_trial_splits_callers_and_each_keeps_his_version(here: Installation) -> None:
    shelf = await here.opened()
    await here.begin_trial("second", 0.3)
    await shelf.look()
    got = {caller: shelf.book_for(caller).version for caller in map(str, range(500))}
    assert 0.2 < sum(found == version("second") for found in got.values()) / 500 < 0.4
    assert got == {caller: shelf.book_for(caller).version for caller in got}
    assert shelf.on_trial is not None
    here.write("third")
    again = await here.opened()
    assert got == {caller: again.book_for(caller).version for caller in got}, "after a restart too"
    assert "is on trial" in again.troubles[0].sentence


async def test_a_trial_that_loses_callers_is_rolled_back_by_itself(here: Installation) -> None:
    shelf = await here.opened()
    await here.begin_trial("second", 0.5)
    await shelf.look()
    watch = FlowTrial(here.database, clock=lambda: NOW)
    for number in range(30):
        await here.ended(number, "first", lost=number % 10 == 0)
        await here.ended(100 + number, "second", lost=number % 2 == 0)
    await here.ended(500, "second", lost=True, minutes=-5)  # before the trial
    verdict = await watch.evaluate()
    assert verdict is not None
    assert (verdict.in_service.lost, verdict.trial.lost, verdict.trial.calls) == (3, 15, 30)
    assert verdict.worse
    await shelf.look()
    assert (shelf.on_trial, {shelf.book_for(str(caller)).version for caller in range(50)}) == (None, {version("first")})
    (trouble,) = shelf.troubles
    assert trouble.kind == "rolled_back"
    assert "it lost 15 of 30 callers" in trouble.sentence
    assert await watch.evaluate() is None
    audited = await here.database.read(lambda session: [(row.actor, row.action) for row in session.query(AuditRow)])
    assert audited[-1] == ("flow-trial", "flow.automatic")


async def test_a_trial_that_does_as_well_goes_on(here: Installation) -> None:
    await here.opened()
    await here.begin_trial("second", 0.5)
    for number in range(30):
        await here.ended(number, "first", lost=number % 10 == 0)
        await here.ended(100 + number, "second", lost=number % 9 == 0)
    verdict = await FlowTrial(here.database).evaluate()
    assert verdict is not None
    assert not verdict.worse
    assert (await here.steps())[-1][0] is Step.TRIAL


async def test_of_two_who_decide_at_once_one_is_told(here: Installation) -> None:
    await here.opened()
    (step,) = await here.database.read(store.history)
    await here.publish("second")
    change = store.Change(Step.ROLL_BACK, version("first"), "")
    with pytest.raises(OvertakenError, match="changed by somebody else"):
        await here.database.write(partial(store.take, change=change, after=step.id, actor="mei", now=NOW))


async def test_steps_that_make_no_sense_are_refused(here: Installation) -> None:
    await here.opened()
    with pytest.raises(StepRefusedError, match="is in service, and these flows are just that"):
        await here.publish("first")
    with pytest.raises(StepRefusedError, match="no version is on trial"):
        await here.database.write(partial(flow_service.promote, by="lin", now=NOW))
    with pytest.raises(StepRefusedError, match="there is no version nothing"):
        await here.database.write(partial(flow_service.roll_back, to="nothing", by="lin", reason="", now=NOW))
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(StepRefusedError, match="between 0 and 1"):
            await here.begin_trial("second", share)
    await here.begin_trial("second", 0.1)
    with pytest.raises(StepRefusedError, match="end that first"):
        await here.publish("third")
