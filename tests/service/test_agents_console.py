"""The console's page on the agents and its API: states for everybody, figures for supervisors and one's own, pushed within a second."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.console import Clock, Running, Visitor, console
from support.house import new_database
from support.midday import MIDDAY

from ami_bridge import facts as asterisk
from ami_bridge.facts import AnyFact, EndedBy
from ivr.agent_desk import AgentDesk
from ivr.console import texts
from ivr.console.agents_words import WORDS
from ivr.console.ports import ConsolePorts
from ivr.store.sealing import Sealer

HOSTILE = "<script>alert(1)</script>"


@dataclass
class Scene:
    running: Running
    desk: AgentDesk

    def tell(self, *facts: AnyFact) -> None:
        for fact in facts:
            self.desk.on_fact(fact)


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    database, clock = new_database(folder), Clock()
    desk = AgentDesk(database, Sealer("a secret for tests"), MIDDAY, clock=clock)
    await desk.open()
    task = asyncio.create_task(desk.run(), name="agents")
    async with console(folder, ports=ConsolePorts(agents=desk)) as running:
        yield Scene(running, desk)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(database.close)


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def member(name: str, seconds_ago: float, state: int = 1, *, paused: bool = False, reason: str = "") -> AnyFact:
    return asterisk.AgentStateReported(ago(seconds_ago), "hr", name, state, paused, reason=reason)


def served(name: str, call: str, begin: float, end: float) -> list[AnyFact]:
    """A call that rang ``begin`` seconds ago, was answered 2 s later, and ended ``end`` seconds ago."""
    return [
        asterisk.AgentRang(ago(begin), call, call, "hr", name, f"leg-{call}"),
        asterisk.AgentAnswered(ago(begin - 2), call, call, "hr", name, f"leg-{call}"),
        asterisk.TalkEnded(ago(end), call, call, "hr", name, EndedBy.CALLER, f"leg-{call}"),
    ]


def morning() -> list[AnyFact]:
    return [
        *(member(name, 60) for name in ("ann", "Li Na", "Wu")),
        *served("ann", "c1", 50, 30),
        *served("Li Na", "c2", 50, 20),
        *served("Li Na", "c3", 10, -100)[:2],
        member("Wu", 40, paused=True, reason=HOSTILE),
    ]


@pytest.mark.parametrize("language", texts.LANGUAGES)
async def test_a_supervisor_sees_everybody_in_both_languages(tmp_path: Path, language: str) -> None:
    async with scene(tmp_path) as found, await found.running.client("sue", language) as sue:
        found.tell(*morning())
        status, body = await sue.get("/agents")
        assert status == 200
        for key in ("agent_state.talking", "agent_state.available", "agent_state.on_break", "agents.tile.occupancy"):
            assert texts.text(key, "zh" if language == "zh" else "en") in body
        assert HOSTILE not in body
        assert "&lt;script&gt;" in body
        assert ("人力资源" if language == "zh" else "Human resources") in body, "the queue by its line's name"
        assert 'href="/calls/c3"' in body
        assert 'aria-current="page"' in body


async def test_an_agent_sees_all_states_but_only_his_own_figures(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, await found.running.client("ann") as ann:
        found.tell(*morning())
        status, body = await ann.get("/agents/board")
        assert status == 200
        assert 'data-key="occupancy"' not in body
        assert "/calls/" not in body
        status, told = await ann.json("/api/v1/agents")
        assert [(agent["agent"], agent["state"]) for agent in told["agents"]] == [
            ("Li Na", "talking"),
            ("Wu", "on_break"),
            ("ann", "available"),
        ]
        assert [agent["today"] is None for agent in told["agents"]] == [True, True, False]
        assert told["agents"][2]["today"]["handled"] == 1
        assert (told["team"], told["agents"][0]["call"]) == (None, None)
        assert (await ann.json("/api/v1/agents/report?from=2026-11-22&to=2026-11-23"))[0] == 403


async def test_the_api_gives_a_supervisor_figures_now_and_of_any_period(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, await found.running.client("sue") as sue:
        found.tell(*morning())
        status, told = await sue.json("/api/v1/agents")
        assert (status, told["team"]["handled"], told["team"]["offers"]) == (200, 3, 3)
        li = told["agents"][0]
        assert (li["queue"], li["call"], told["link_lost_at"]) == ("hr", "c3", None)
        await found.desk.flush()
        begin, end = ago(3600).isoformat().replace("+00:00", "Z"), ago(-1).isoformat().replace("+00:00", "Z")
        status, report = await sue.json(f"/api/v1/agents/report?from={begin}&to={end}")
        assert status == 200
        assert [row["agent"] for row in report["rows"]] == ["Li Na", "Wu", "ann", None]
        assert report["rows"][-1]["handled"] == 3
        assert report["rows"][1]["occupancy"] == pytest.approx(0.0)
        for query in ("", "?from=x&to=y", f"?from={end}&to={begin}", "?from=2020-01-01&to=2026-01-01", "?from=0001-01-01&to=9999-12-31"):
            assert (await sue.json(f"/api/v1/agents/report{query}"))[0] == 400


async def events_of(visitor: Visitor, wanted: int) -> list[tuple[float, dict[str, str]]]:
    """The states in the first events of the stream, by agent, each with when it came."""
    found: list[tuple[float, dict[str, str]]] = []
    async with asyncio.timeout(20), visitor.http.get(f"{visitor.url}/api/v1/agents/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        async for line in answer.content:
            if line.startswith(b"data: "):
                told = json.loads(line[6:])
                found.append((time.monotonic(), {agent["agent"]: agent["state"] for agent in told["agents"]}))
                if len(found) == wanted:
                    break
    return found


async def test_a_change_is_pushed_within_a_second(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, await found.running.client("sue") as sue:
        found.tell(member("Wu", 60))
        watching = asyncio.create_task(events_of(sue, 2), name="watching")
        await asyncio.sleep(0.5)
        changed = time.monotonic()
        found.tell(member("Wu", 0, paused=True, reason="lunch"))
        (_, first), (came, second) = await watching
        assert (first, second) == ({"Wu": "available"}, {"Wu": "on_break"})
        assert came - changed < 1.0


async def test_what_changes_by_itself_is_pushed_too(tmp_path: Path) -> None:
    """The queue's wrap-up time is over, and Asterisk says nothing."""
    async with scene(tmp_path) as found, await found.running.client("sue") as sue:
        found.tell(asterisk.AgentStateReported(ago(60), "hr", "Wu", 1, False, wrapup_s=2), *served("Wu", "c1", 20, 0.5))
        (_, first), (_, second) = await events_of(sue, 2)
        assert (first, second) == ({"Wu": "wrapping_up"}, {"Wu": "available"})


async def test_strangers_see_nothing_and_too_many_watchers_are_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, await found.running.client() as stranger:
        assert (await stranger.get("/agents"))[0] == 303
        assert (await stranger.json("/api/v1/agents"))[0] == 401
    database = new_database(tmp_path)
    desk = AgentDesk(database, Sealer("a secret for tests"), MIDDAY)
    async with console(tmp_path, ports=ConsolePorts(agents=desk), people=(), most_streams=1) as running, await running.client("sue") as sue:
        events = f"{running.url}/api/v1/agents/events"
        async with sue.http.get(events) as first, sue.http.get(events) as second:
            assert first.status == 200
            assert (second.status, second.headers["Retry-After"]) == (503, "10")
    await asyncio.to_thread(database.close)


async def test_a_link_that_is_down_is_said(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, await found.running.client("sue") as sue:
        established = asterisk.LinkEstablished(ago(70), "22.10.1", None)
        found.tell(established, member("Wu", 70), asterisk.SnapshotComplete(ago(70)), asterisk.LinkLost(ago(5), "gone"))
        _, body = await sue.get("/agents")
        assert "The link to the telephone system is down since" in body
        assert texts.text("agents.unsure", "en") in body


async def test_where_nobody_follows_the_agents_there_is_no_page_and_no_link(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("sue") as sue:
        assert 'href="/agents"' not in (await sue.get("/"))[1]
        assert (await sue.get("/agents"))[0] == 404


def test_every_word_of_the_page_is_used() -> None:
    page = (Path(texts.__file__).parent / "templates" / "agents_board.html").read_text(encoding="utf-8")
    used = {"nav.agents", "agents.title"}
    assert [key for key in WORDS if f"'{key}'" not in page and key not in used and not key.startswith("agent_state.")] == []
