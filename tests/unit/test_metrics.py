"""What Prometheus is told, and to whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from support.console import console

from ami_bridge.facts import LinkEstablished, LinkLost
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.metrics import Metrics

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def answered(number: int, queue: str = "hr", line: str | None = "hr") -> Contact:
    end = NOW + timedelta(seconds=8)
    visit = Visit(queue, NOW, picked_up_at=end, answered_at=end, left_at=end, outcome=VisitOutcome.ANSWERED)
    return Contact(f"{number}.0", NOW, caller="+8613800138000", line=line, visits=[visit], ended_at=end)


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {(sample.name, tuple(sorted(sample.labels.values()))): sample.value for family in families for sample in family.samples}


def test_ended_calls_are_counted_and_nobody_is_named() -> None:
    metrics = Metrics(["hr"], ["hr"])
    for number in range(3):
        metrics.count(answered(number))
    metrics.count(answered(9, queue="made up by somebody", line="and this"))
    found = samples(metrics)
    assert found["ivrd_contacts_total", ("answered", "hr")] == 3
    assert found["ivrd_contacts_total", ("answered", "none")] == 1
    assert found["ivrd_visits_total", ("answered", "hr")] == 3
    assert found["ivrd_visits_total", ("full", "hr")] == 0  # there from the start
    assert found["ivrd_answer_wait_seconds_bucket", ("10.0", "hr")] == 3
    assert found["ivrd_answer_wait_seconds_bucket", ("5.0", "hr")] == 0
    text = metrics.text().decode()
    assert "13800138" not in text
    assert "somebody" not in text


def test_the_link_s_gaps_add_up() -> None:
    metrics = Metrics([], [])
    metrics.apply(LinkEstablished(NOW, "22.10.1", None))
    metrics.apply(LinkLost(NOW, "reset"))
    assert samples(metrics)["ivrd_ami_up", ()] == 0
    metrics.apply(LinkEstablished(NOW + timedelta(seconds=7), "22.10.1", NOW))
    found = samples(metrics)
    assert (found["ivrd_ami_up", ()], found["ivrd_ami_gap_seconds_total", ()], found["ivrd_ami_disconnects_total", ()]) == (1, 7, 1)


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
