"""Alerts on their way: from a contact's end to a strict robot, within a second, in both languages, and whatever the robot answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_webhook import SECRET, fake_receiver, free_port_that_refuses
from support.fake_wecom import FakeWecom, fake_wecom
from support.house import ZONE, new_database
from support.outgoing import NOW, SEALER, Clock, rows, run_for, until

from ami_bridge import facts as asterisk
from ivr.alerts.carrier import AlertCarrier
from ivr.alerts.consequence import abandoned_call_alert
from ivr.alerts.loss_watch import LossWatch
from ivr.alerts.texts import Wording, cut_bytes
from ivr.alerts.wecom import WecomRobot
from ivr.domain.alert_rules import AbandonedCall, LossTurn, Turn, Where, Why
from ivr.domain.call_facts import CallTaken, LineEntered
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.domain.figures import Thresholds
from ivr.outbox import Outbox
from ivr.outgoing import outbox_from, outgoing_faults
from ivr.posting import Poster
from ivr.settings import AlertChannel, Alerts, Settings, SettingsError
from ivr.store import contacts
from ivr.store.database import Database
from ivr.tracking import Tracker

CHANNEL = "alert-robot"
ZH = Wording("zh", ZONE, {"hr": "人力资源"})
EN = Wording("en", ZONE, {"hr": "Human resources"})


def lost(contact: str = "7.1", *, line: str = "hr", wait_s: float = 23.4, at: datetime = NOW) -> Contact:
    visit = Visit(line, at - timedelta(seconds=wait_s), outcome=VisitOutcome.ABANDONED_WAIT, left_at=at)
    return Contact(contact, at - timedelta(seconds=60), caller="+8613800138000", caller_name="王明", line=line, ended_at=at, visits=[visit])


def channel(**more: object) -> AlertChannel:
    return AlertChannel.model_validate({"kind": "wecom", "url_file": "/nowhere", **more})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    store = new_database(tmp_path)
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def robot(clock: Clock) -> AsyncIterator[FakeWecom]:
    async with fake_wecom(clock.monotonic) as found:
        yield found


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    found = Poster()
    yield found
    await found.close()


def outbox_to(robot_url: str, database: Database, poster: Poster, clock: Clock, deadline_s: float = 2.0) -> Outbox:
    sink = WecomRobot(poster, robot_url, ZH, clock, deadline_s)
    return Outbox(database, [AlertCarrier("robot", sink, 18, clock.monotonic)], clock)


def abandon(database: Database, clock: Clock, *calls: Contact) -> None:
    alert = abandoned_call_alert(Alerts(channels={"robot": channel()}), clock)
    database.write_now(lambda session: [alert(session, call) for call in calls] and None)


class TestTexts:
    def test_one_lost_call_in_both_languages(self) -> None:
        call = AbandonedCall("7.1", "hr", "+86138****8000", Where.WAITING, "wait", 23.4, NOW)
        assert ZH.abandoned(call) == (
            "**放弃来电** 人力资源\n>主叫：+86138****8000\n>放弃于：排队中\n>等待：23 秒\n>时间：2026-11-21 10:00:00"
        )
        assert EN.abandoned(call) == (
            "**Call abandoned** Human resources\n>Caller: +86138****8000\n>Lost: waiting\n>Waited: 23 s\n>Time: 2026-11-21 10:00:00"
        )

    def test_withheld_in_the_menus_without_a_line(self) -> None:
        call = AbandonedCall("7.1", None, "", Where.MENU, "greeting", 3.0, NOW)
        assert "未选择" in ZH.abandoned(call)
        assert "号码隐藏" in ZH.abandoned(call)
        assert "菜单中（节点 greeting）" in ZH.abandoned(call)
        assert "in the menus (node greeting)" in EN.abandoned(call)

    def test_several_in_one(self) -> None:
        calls = [AbandonedCall(str(i), "hr", "", Where.RINGING, None, wait, NOW) for i, wait in enumerate((10.0, 95.2, 20.0))]
        assert ZH.collected(calls, NOW + timedelta(seconds=60)).startswith(
            "**过去 60 秒放弃 3 通，最长等待 95 秒**\n>业务线：人力资源 3 通"
        )
        assert EN.collected(calls, NOW + timedelta(seconds=60)).startswith("**3 calls abandoned in the last 60 s, longest wait 95 s**")

    @pytest.mark.parametrize(
        ("turn", "zh", "en"),
        [
            (LossTurn(Turn.HIGH, Why.CROSSED, 4, 10, 0.4), "呼损率 40%\n>原因：达到或超过阈值 30%",
             "4 of 10 calls of the last 30 minutes lost: 40%"),
            (LossTurn(Turn.RECOVERED, Why.FELL, 1, 10, 0.1), "原因：已明显低于阈值 30%", "clearly below the threshold of 30%"),
            (LossTurn(Turn.RECOVERED, Why.TOO_FEW_CALLS, 0, 0, None), "呼入过少", "too few calls to judge by"),
        ],
    )  # fmt: skip
    def test_the_loss_rate_says_why(self, turn: LossTurn, zh: str, en: str) -> None:
        assert zh in ZH.loss("hr", turn, 30, 0.3)
        assert en in EN.loss("hr", turn, 30, 0.3)

    @given(st.text(), st.integers(3, 60))
    def test_a_cut_is_at_a_characters_edge_and_within_the_bytes(self, text: str, limit: int) -> None:
        cut = cut_bytes(text, limit)
        assert len(cut.encode()) <= limit
        whole = text.encode(errors="replace").decode()
        assert cut == whole or (cut.endswith("…") and whole.startswith(cut[:-1]))


class TestConsequence:
    def keys(self, database: Database) -> list[str]:
        return [key for key, _, _ in rows(database)]

    def test_each_channel_that_covers_the_line_gets_one_row_and_no_second(self, database: Database, clock: Clock) -> None:
        channels = {"all": channel(), "hr": channel(lines=("hr",)), "other": channel(lines=("complaint",))}
        alert = abandoned_call_alert(Alerts(channels=channels), clock)
        for _ in range(2):
            database.write_now(lambda session: alert(session, lost()))
        assert self.keys(database) == ["call.abandoned:all:7.1", "call.abandoned:hr:7.1"]

    def test_a_call_without_a_line_is_for_those_who_cover_all(self, database: Database, clock: Clock) -> None:
        alert = abandoned_call_alert(Alerts(channels={"all": channel(), "hr": channel(lines=("hr",))}), clock)
        contact = lost()
        contact.line, contact.visits, contact.hung_up_in_flow = None, [], True
        database.write_now(lambda session: alert(session, contact))
        assert self.keys(database) == ["call.abandoned:all:7.1"]

    def test_what_ended_long_ago_is_no_news(self, database: Database, clock: Clock) -> None:
        abandon(database, clock, lost(at=NOW - timedelta(hours=2)))
        assert self.keys(database) == []

    def test_r60_no_number_and_no_name_stands_in_the_row(self, database: Database, clock: Clock, tmp_path: Path) -> None:
        abandon(database, clock, lost())
        database.close()
        raw = b"".join(path.read_bytes() for path in tmp_path.glob("ivrd.db*"))
        assert b"+86138****8000" in raw
        assert b"13800138000" not in raw
        assert "王明".encode() not in raw


class TestWecom:
    async def test_an_abandoned_call_reaches_the_robot_within_a_second(self, database: Database, poster: Poster) -> None:
        """The tracker's own task, the outbox's own task, real time: from the fact to the group. The best of three, as others use the
        machine too."""
        took_s: list[float] = []
        async with fake_wecom() as robot:
            sink = WecomRobot(poster, robot.url(), ZH, lambda: datetime.now(UTC))
            outbox = Outbox(database, [AlertCarrier("robot", sink, 18)])
            alert = abandoned_call_alert(Alerts(channels={"robot": channel()}))
            tracker = Tracker(database, SEALER, consequences=[alert], after_commit=outbox.wake)
            tasks = [asyncio.create_task(tracker.run()), asyncio.create_task(outbox.run())]
            for call in ("7.1", "7.2", "7.3"):
                now = datetime.now(UTC)
                tracker.apply(CallTaken(now, call, call, "+8613800138000", "", "400", "", "v", "zh"))
                tracker.apply(LineEntered(now, call, "hr"))
                tracker.apply(asterisk.CallerQueued(now, call, call, "hr", 1))
                tracker.apply(asterisk.CallerLeftQueue(datetime.now(UTC), call, call, "hr"))
                tracker.apply(asterisk.CallEnded(datetime.now(UTC), call, call, 16))
                began, told = time.monotonic(), len(robot.texts)
                await until(lambda told=told: len(robot.texts) > told, within_s=15)
                took_s.append(time.monotonic() - began)
            for task in tasks:
                task.cancel()
        assert min(took_s) < 1.0
        assert robot.texts[0].startswith("**放弃来电** 人力资源\n>主叫：+86138****8000\n>放弃于：排队中")

    async def test_a_flood_keeps_the_robots_limit_and_tells_of_every_call(
        self, database: Database, robot: FakeWecom, poster: Poster, clock: Clock
    ) -> None:
        outbox = outbox_to(robot.url(), database, poster, clock)
        for second in range(70):
            abandon(database, clock, *(lost(f"{second}.{i}", at=clock.now) for i in range(3)))
            await run_for(outbox, clock, 1, [CHANNEL])
        await run_for(outbox, clock, 60, [CHANNEL])
        assert robot.refused == []
        told = sum(int(text.split("放弃 ")[1].split(" 通")[0]) if "过去" in text else 1 for text in robot.texts)
        assert told == 210
        for at in robot.arrived:
            assert sum(1 for other in robot.arrived if at <= other < at + 60) <= 18
        assert max(b - a for a, b in zip(robot.arrived, robot.arrived[1:], strict=False)) <= 20
        assert {state for _, state, _ in rows(database)} == {"done"}

    async def test_a_message_of_many_lines_stays_within_the_bytes(
        self, database: Database, robot: FakeWecom, poster: Poster, clock: Clock
    ) -> None:
        sink = WecomRobot(poster, robot.url(), Wording("zh", ZONE, {"hr": "业" * 3000}), clock)
        abandon(database, clock, lost())
        await run_for(Outbox(database, [AlertCarrier("robot", sink, 18, clock.monotonic)], clock), clock, 1, [CHANNEL])
        assert robot.refused == []
        assert 4090 < len(robot.texts[0].encode()) <= 4096

    async def test_45009_rests_a_minute_and_then_tells_what_gathered(
        self, database: Database, robot: FakeWecom, poster: Poster, clock: Clock
    ) -> None:
        robot.next_answers = [(200, b'{"errcode":45009,"errmsg":"api freq out of limit"}')]
        outbox = outbox_to(robot.url(), database, poster, clock)
        abandon(database, clock, lost("7.1"))
        await run_for(outbox, clock, 10, [CHANNEL])
        abandon(database, clock, lost("7.2", at=clock.now))
        await run_for(outbox, clock, 49, [CHANNEL])
        assert (len(robot.arrived), robot.texts) == (1, [])
        assert "45009" in outbox.troubles[0]
        await run_for(outbox, clock, 20, [CHANNEL])
        assert len(robot.texts) == 2
        assert outbox.troubles == []

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ((500, b"<html><h1>Bad</h1></html>"), "HTTP 500: Bad"),
            ((200, b"<html><title>Login</title></html>"), "no WeCom robot: Login"),
            ((200, b"[]"), "no WeCom robot"),
            ((200, b"[" * 60_000), "no WeCom robot"),
            ((200, b'{"errcode":-1,"errmsg":"system busy"}'), "errcode -1: system busy"),
            (None, "no answer within 0.2 s"),
        ],
    )
    async def test_a_robot_in_trouble_gets_the_alert_when_it_is_back(
        self, database: Database, robot: FakeWecom, poster: Poster, clock: Clock, answer: tuple[int, bytes] | None, said: str
    ) -> None:
        robot.next_answers = [answer, answer]
        outbox = outbox_to(robot.url(), database, poster, clock, deadline_s=0.2)
        abandon(database, clock, lost())
        await outbox.deliver_due(CHANNEL)
        assert said in outbox.troubles[0]
        await run_for(outbox, clock, 60, [CHANNEL])
        assert (len(robot.arrived), len(robot.texts), outbox.troubles) == (3, 1, [])

    async def test_a_robot_that_is_not_there_for_an_hour_is_given_up(self, database: Database, poster: Poster, clock: Clock) -> None:
        outbox = outbox_to(f"http://127.0.0.1:{free_port_that_refuses()}/", database, poster, clock)
        abandon(database, clock, lost())
        await run_for(outbox, clock, 3620, [CHANNEL])
        ((_, state, attempts),) = rows(database)
        assert state == "expired"
        assert 50 < attempts < 70

    async def test_a_wrong_key_is_rejected_and_never_logged(
        self, database: Database, robot: FakeWecom, poster: Poster, clock: Clock, capsys: pytest.CaptureFixture[str]
    ) -> None:
        outbox = outbox_to(robot.url("wrong-secret"), database, poster, clock)
        abandon(database, clock, lost())
        await run_for(outbox, clock, 60, [CHANNEL])
        said = capsys.readouterr()
        assert ([state for _, state, _ in rows(database)], robot.refused) == (["rejected"], [93000])
        assert "errcode 93000" in said.out + said.err
        assert "is the key in its url_file" in said.out + said.err
        assert "wrong-secret" not in said.out + said.err


class TestWebhook:
    async def test_a_collected_message_keeps_its_calls_and_its_id(self, database: Database, clock: Clock, tmp_path: Path) -> None:
        """Its answer is lost: while new calls are lost too, it goes again with the same calls under the same id."""
        async with fake_receiver("drop", clock=clock) as receiver:
            settings = configured(tmp_path, receiver.url, a_minute=3)
            poster = Poster()
            outbox = outbox_from(settings, database, SEALER, poster, clock)
            alert = abandoned_call_alert(settings.alerts, clock)

            def abandon(*ids: str) -> None:
                database.write_now(lambda session: [alert(session, lost(i, at=clock.now)) for i in ids] and None)

            carrier = outbox._carriers["alert-duty"]
            assert isinstance(carrier, AlertCarrier)
            carrier._monotonic = clock.monotonic
            abandon("1.1", "1.2", "1.3", "1.4")
            await run_for(outbox, clock, 2, ["alert-duty"])
            abandon("1.5")
            await run_for(outbox, clock, 120, ["alert-duty"])
            await poster.close()
        ids = [received.id for received in receiver.received]
        assert ids == ["call-abandoned:duty:1-1-and-3", "call-abandoned:duty:1-1-and-3", "call-abandoned:duty:1-5"]
        collected = receiver.taken["call-abandoned:duty:1-1-and-3"]
        assert collected["type"] == "calls.abandoned"
        assert [call["contact"] for call in collected["data"]["calls"]] == ["1.1", "1.2", "1.3", "1.4"]
        assert (collected["data"]["count"], collected["data"]["longest_wait"]) == (4, 23.4)
        assert "13800138000" not in json.dumps(list(receiver.taken.values()))


def configured(folder: Path, url: str, **more: object) -> Settings:
    (folder / "url").write_text(url + "\n")
    (folder / "secret").write_text(SECRET + "\n")
    duty = {"kind": "webhook", "url_file": folder / "url", "secret_file": folder / "secret", **more}
    lines = {name: {"name": {"zh": "人力资源", "en": "HR"}, "queue": name} for name in ("hr", "course")}
    return Settings.model_validate(
        {"state": folder, "lines": lines, "queues": {"hr": {}, "course": {}}, "alerts": {"channels": {"duty": duty}}}
    )


class TestSettings:
    @pytest.mark.parametrize(
        ("file", "content", "sentence"),
        [
            ("secret", "hunter2", "alerts.channels.duty.secret_file: .*: a signing secret reads whsec_"),
            ("url", "ftp://x", "alerts.channels.duty.url_file: .* holds no http"),
            ("url", None, "url can't be read: No such file"),
        ],
    )
    def test_files_that_cant_be_used_are_sentences(
        self, database: Database, tmp_path: Path, file: str, content: str | None, sentence: str
    ) -> None:
        settings = configured(tmp_path, "https://duty.example.com/x")
        (tmp_path / file).unlink()
        if content is not None:
            (tmp_path / file).write_text(content)
        with pytest.raises(SettingsError, match=sentence) as refused:
            outbox_from(settings, database, SEALER, Poster())
        assert "hunter2" not in str(refused.value)
        assert outgoing_faults(settings) == refused.value.problems, "`ivrd check` says the same"

    def test_plain_http_to_another_machine_is_warned_of(
        self, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        outbox_from(configured(tmp_path, "http://127.0.0.1/"), database, SEALER, Poster())
        assert "TLS" not in capsys.readouterr().out
        outbox_from(configured(tmp_path, "http://duty.example.com/"), database, SEALER, Poster())
        assert "sent without TLS" in capsys.readouterr().out


class TestLossWatch:
    def watch(self, database: Database, clock: Clock, *names: str) -> LossWatch:
        alerts = Alerts(channels={name: channel() for name in names or ("robot",)})
        return LossWatch(database, alerts, ["hr", "course"], Thresholds(), clock=clock)

    def calls(self, database: Database, clock: Clock, first: int, *, answered: int = 0, abandoned: int = 0) -> None:
        found = []
        for i in range(answered + abandoned):
            contact = lost(f"{first}.{i}", at=clock.now)
            if i < answered:
                contact.visits[0].outcome, contact.visits[0].answered_at = VisitOutcome.ANSWERED, clock.now
            found.append(contact)
        database.write_now(partial(contacts.save, sealer=SEALER, contacts=found))

    async def test_r2_one_alert_when_it_crosses_and_one_when_it_recovers_across_restarts(self, database: Database, clock: Clock) -> None:
        self.calls(database, clock, 1, answered=6, abandoned=4)
        told = []
        for _ in range(3):
            told.append(await self.watch(database, clock).evaluate())  # each is a daemon started anew
            clock.pass_by(30)
        self.calls(database, clock, 2, answered=20)
        for _ in range(3):
            told.append(await self.watch(database, clock).evaluate())
            clock.pass_by(30)
        assert told == [1, 0, 0, 1, 0, 0]
        assert [key for key, _, _ in rows(database)] == ["loss_rate.high:robot:hr:after-0", "loss_rate.recovered:robot:hr:after-1"]

    async def test_a_window_that_has_passed_is_forgotten(self, database: Database, clock: Clock) -> None:
        self.calls(database, clock, 1, abandoned=10)
        assert await self.watch(database, clock).evaluate() == 1
        clock.pass_by(31 * 60)
        assert await self.watch(database, clock).evaluate() == 1
        assert rows(database)[-1][0] == "loss_rate.recovered:robot:hr:after-1"
        self.calls(database, clock, 2, abandoned=10)
        assert await self.watch(database, clock).evaluate() == 1, "the next morning it is news again"

    async def test_a_new_channel_hears_of_what_it_missed(self, database: Database, clock: Clock) -> None:
        self.calls(database, clock, 1, abandoned=10)
        assert await self.watch(database, clock, "robot").evaluate() == 1
        assert await self.watch(database, clock, "robot", "second").evaluate() == 1

    async def test_two_daemons_that_see_the_same_turn_tell_it_once(self, database: Database, clock: Clock) -> None:
        self.calls(database, clock, 1, abandoned=10)
        await asyncio.gather(*(self.watch(database, clock).evaluate() for _ in range(3)))
        assert len(rows(database)) == 1

    async def test_the_robot_reads_why(self, database: Database, robot: FakeWecom, poster: Poster, clock: Clock) -> None:
        self.calls(database, clock, 1, answered=6, abandoned=4)
        await self.watch(database, clock).evaluate()
        await run_for(outbox_to(robot.url(), database, poster, clock), clock, 1, [CHANNEL])
        assert robot.texts == ["**呼损率过高** 人力资源\n>过去 30 分钟呼入 10 通，未接通 4 通，呼损率 40%\n>原因：达到或超过阈值 30%"]
