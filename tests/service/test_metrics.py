"""What Prometheus is told, and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from support.console import console
from support.house import new_database

from ami_bridge.facts import LinkEstablished, LinkLost
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.metrics import Counted, Metrics, counted
from ivr.store.database import Database
from ivr.store.schema import LinkGapRow
from ivr.totals import counting

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def answered(number: int, queue: str = "hr", line: str | None = "hr") -> Contact:
    end = NOW + timedelta(seconds=8)
    visit = Visit(queue, NOW, picked_up_at=end, answered_at=end, left_at=end, outcome=VisitOutcome.ANSWERED)
    return Contact(f"{number}.0", NOW, caller="+8613800138000", line=line, visits=[visit], ended_at=end)


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {(sample.name, tuple(sorted(sample.labels.values()))): sample.value for family in families for sample in family.samples}


def count(database: Database, contacts: Sequence[Contact]) -> None:
    consequence = counting(["hr"], ["hr"])
    for contact in contacts:
        database.write_now(lambda session, contact=contact: consequence(session, contact))  # type: ignore[misc]


def metrics_of(database: Database, now: datetime = NOW) -> Metrics:
    """Of a daemon that has just been started."""
    metrics = Metrics(["hr"], ["hr"])
    metrics.tell(database.read_now(lambda session: counted(session, now)))
    return metrics


def test_ended_calls_are_counted_and_nobody_is_named(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    count(database, [*(answered(number) for number in range(3)), answered(9, queue="made up by somebody", line="and this")])
    metrics = metrics_of(database)
    found = samples(metrics)
    assert found["ivrd_contacts_total", ("answered", "hr")] == 3
    assert found["ivrd_contacts_total", ("answered", "none")] == 1
    assert found["ivrd_visits_total", ("answered", "hr")] == 3
    assert found["ivrd_visits_total", ("full", "hr")] == 0  # there from the start
    assert found["ivrd_answer_wait_seconds_bucket", ("10.0", "hr")] == 3
    assert found["ivrd_answer_wait_seconds_bucket", ("5.0", "hr")] == 0
    assert found["ivrd_answer_wait_seconds_count", ("hr",)] == 3
    assert found["ivrd_answer_wait_seconds_sum", ("hr",)] == 24
    text = metrics.text().decode()
    assert "13800138" not in text
    assert "somebody" not in text


def test_counters_go_on_where_they_were_when_the_daemon_is_started_again(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    count(database, [answered(1)])
    first = samples(metrics_of(database))
    count(database, [answered(2)])
    second = samples(metrics_of(database))
    assert all(second[name] >= value for name, value in first.items() if name[0].endswith(("_total", "_bucket", "_count", "_sum")))
    assert second["ivrd_contacts_total", ("answered", "hr")] == 2


def test_counters_that_can_t_be_read_stay_as_they_were() -> None:
    metrics = Metrics(["hr"], [])
    metrics.tell(Counted({("contacts", ("hr", "answered")): 7.0}, 3.0, 1))
    assert samples(metrics)["ivrd_contacts_total", ("answered", "hr")] == samples(metrics)["ivrd_contacts_total", ("answered", "hr")] == 7


def test_the_link_s_gaps_add_up_and_the_open_one_grows(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    gaps = [
        LinkGapRow(pbx="main", began_at=NOW, ended_at=NOW + timedelta(seconds=7), filled=True),
        LinkGapRow(pbx="main", began_at=NOW + timedelta(seconds=60), ended_at=None, filled=False),
    ]
    database.write_now(lambda session: session.add_all(gaps))
    found = samples(metrics_of(database, NOW + timedelta(seconds=90)))
    assert (found["ivrd_ami_gap_seconds_total", ()], found["ivrd_ami_disconnects_total", ()]) == (37, 2)


def test_whether_the_link_is_up() -> None:
    metrics = Metrics([], [])
    metrics.apply(LinkEstablished(NOW, "22.10.1", None))
    assert samples(metrics)["ivrd_ami_up", ()] == 1
    metrics.apply(LinkLost(NOW, "reset"))
    assert samples(metrics)["ivrd_ami_up", ()] == 0


async def test_the_board_s_gauges_and_only_this_machine_may_ask(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client() as stranger:
        waiting = Contact("1.0", running.clock(), line="hr", visits=[Visit("hr", running.clock() - timedelta(seconds=12))])
        running.show(waiting)
        status, text = await stranger.get("/metrics")
        assert status == 200
        assert 'ivrd_queue_waiting{queue="hr"} 1.0' in text
        assert 'ivrd_queue_late{queue="hr"} 1.0' in text
        assert 'ivrd_oldest_wait_seconds{queue="course"} 0.0' in text
        assert "ivrd_loss_ratio{definition" not in text.replace('queue="hr"', "")  # no calls, no rate
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            assert (await stranger.get("/metrics", **{header: "192.0.2.1"}))[0] == 403
    async with console(tmp_path, people=(), metrics_from_anywhere=True) as running, await running.client() as stranger:
        assert (await stranger.get("/metrics", Forwarded="for=192.0.2.1"))[0] == 200
