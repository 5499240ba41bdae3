"""The short message of a report on a robot and a hook: what is said, the published schema, and a stored row of another version."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from support import reported
from support.fake_webhook import KEY, SECRET, fake_receiver
from support.fake_wecom import fake_wecom
from support.house import ZONE, new_database
from support.outgoing import SEALER, Clock, put, rows, run_for

from ivr.alerts.texts import Wording
from ivr.alerts.wecom import WecomRobot
from ivr.delivery import Delivered
from ivr.outgoing import outbox_from
from ivr.posting import Poster
from ivr.report_clock import ReportClock
from ivr.reports.carrier import HookReports, RobotReports, inside
from ivr.reports.making import ReportMaker
from ivr.reports.notice import Notice
from ivr.reports.periods import Kind, Period
from ivr.settings import Settings, load
from ivr.webhook import Webhook

DAY = Period(Kind.DAY, reported.DAY)
SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "report-webhook.json"


def notice_in(folder: Path, language: str = "zh") -> Notice:
    database = new_database(folder)
    reported.keep(database, reported.fixture())
    maker = ReportMaker.of(load(None, {"STATE": str(folder)}), database, Clock(reported.local(reported.DAY + timedelta(days=1), 9)))
    made = maker.make(DAY)
    database.close()
    return made.notices[language]


async def test_a_robot_says_the_headline_and_where_the_rest_is(tmp_path: Path) -> None:
    poster, clock = Poster(), Clock()
    async with fake_wecom(clock.monotonic) as robot:
        sink = RobotReports(WecomRobot(poster, robot.url(), Wording("zh", ZONE, {}), clock))
        assert await sink.send("id", notice_in(tmp_path)) == Delivered()
    await poster.close()
    assert robot.texts == [
        "**400 热线日报** 2026-11-18 星期三\n>来电：15（上期 0）\n>呼损率：46.7 %（上期 –）\n>20 秒服务水平：35.7 %，10 秒内接通：13.3 %"
        "\n>平均应答：28.5 秒\n>新增投诉：0，逾期：0\n>[查看报表](http://127.0.0.1:8400/reports/day/2026-11-18/zh.html)"
    ]


async def test_a_hook_gets_what_the_schema_says(tmp_path: Path) -> None:
    poster, clock = Poster(), Clock()
    async with fake_receiver(clock=clock) as receiver:
        sink = HookReports(Webhook(poster, receiver.url, [KEY], clock), ZONE)
        assert await sink.send("report-made:x:1", notice_in(tmp_path, "en")) == Delivered()
        [message] = receiver.taken.values()
    await poster.close()
    document = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    validator = jsonschema.Draft202012Validator(document, format_checker=jsonschema.FormatChecker())
    validator.validate(message)
    for broken in ({}, {**message, "type": "call.abandoned"}, {**message, "data": {}}):
        assert not validator.is_valid(broken)
    assert (message["data"]["from"], message["data"]["to"]) == ("2026-11-18T00:00:00+08:00", "2026-11-19T00:00:00+08:00")
    assert message["data"]["figures"]["loss"] == pytest.approx(7 / 15)
    assert reported.CALLER not in json.dumps(message)


async def test_a_report_goes_out_on_a_channel_of_the_alerts(tmp_path: Path) -> None:
    database, clock, poster = new_database(tmp_path), Clock(reported.local(reported.DAY + timedelta(days=1), 9)), Poster()
    reported.keep(database, reported.fixture())
    async with fake_wecom(clock.monotonic) as robot, fake_receiver(clock=clock) as receiver:
        for name, text in (("wecom", robot.url()), ("hook", receiver.url), ("secret", SECRET)):
            (tmp_path / name).write_text(text)
        channels = {
            "robot": {"kind": "wecom", "url_file": str(tmp_path / "wecom")},
            "duty": {"kind": "webhook", "url_file": str(tmp_path / "hook"), "secret_file": str(tmp_path / "secret")},
        }
        told = load(None, {"STATE": str(tmp_path)}).model_dump()
        to = {"room": {"channel": "robot", "language": "en"}, "wall": {"channel": "duty"}}
        settings = Settings.model_validate({**told, "alerts": {"channels": channels}, "reports": {"kinds": ["day"], "to": to}})
        maker = ReportMaker.of(settings, database, clock)
        assert await ReportClock(maker, database, settings.reports, settings.zone, clock=clock).strike() == 1
        put(database, "of another version", channel="report-room", now=clock.now, kind="century")
        await run_for(outbox_from(settings, database, SEALER, poster, clock), clock, 5, ["report-room", "report-wall"])
        assert [state for _, state, _ in rows(database)] == ["done", "done", "rejected"]
        assert robot.texts[0].startswith("**400 hotline: daily log** Wednesday 2026-11-18\n>Calls: 15")
        assert [message["data"]["language"] for message in receiver.taken.values()] == ["zh"]
    await poster.close()
    database.close()


@pytest.mark.parametrize("name", ["../secrets/data_key", "/etc/passwd", "day/../../ivrd.db"])
def test_no_file_from_elsewhere_is_attached(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not in the folder of reports"):
        inside(tmp_path, name)
    assert inside(tmp_path, "day/x.html") == tmp_path.resolve() / "day" / "x.html"
