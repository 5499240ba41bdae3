"""The benchmark's pure parts: clocks, SIPp's files, figures, the two reports, and what counts as served."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from ivr.assembly import flow_book
from ivr.domain.contacts import Contact, PathStep
from ivr.settings import load as load_settings
from ivr.store import contacts as contact_store
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.testbed.bench import __main__ as bench
from ivr.testbed.bench import load, processes, stage
from ivr.testbed.bench.agi_servers import SERVED, TOKEN, bare_server, panoramisk_server
from ivr.testbed.bench.figures import Reading, Spread, Usage, percentile, ramp_rates, summaries
from ivr.testbed.bench.measuring import Pace, Ramp, Step
from ivr.testbed.bench.report import Machine, Report
from ivr.testbed.bench.ways import records_of
from ivr.testbed.errors import TestbedError
from ivr.testbed.ports import is_bound

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class TestClocks:
    def test_all_threads_and_ended_children_are_counted(self) -> None:
        line = "4711 (asterisk) S 1 4711 4711 0 -1 4194304 99 0 0 0 150 50 30 20 20 0 70 0 278416"
        assert processes.process_seconds(line, ticks=100) == 2.5

    def test_a_name_may_hold_blanks_and_parentheses(self) -> None:
        line = "4711 (a) b (c) S 1 4711 4711 0 -1 4194304 99 0 0 0 100 0 0 0 20 0 1 0 278416"
        assert processes.process_seconds(line, ticks=100) == 1.0

    @pytest.mark.parametrize("text", ["", "4711 (asterisk", "4711 (asterisk) S 1 2 3", "4711 (asterisk) " + "x " * 20])
    def test_what_is_no_stat_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            processes.process_seconds(text)

    def test_this_process_reads_the_same_from_both_sides(self) -> None:
        assert processes.cpu_seconds(os.getpid()) == pytest.approx(processes.own_seconds(), abs=0.1)

    def test_everybody_uses_more_than_we_do(self) -> None:
        assert processes.everybodys_seconds() >= processes.own_seconds() - 0.1

    def test_no_server_uses_nothing_and_an_ended_one_is_told(self) -> None:
        assert processes.cpu_seconds(None) == 0.0
        ended = subprocess.Popen(["true"])
        ended.wait()
        with pytest.raises(TestbedError, match=f"process {ended.pid} ended"):
            processes.cpu_seconds(ended.pid)

    def test_asterisk_is_found_by_its_configuration(self, tmp_path: Path) -> None:
        sleeper = [sys.executable, "-c", "import time; time.sleep(60)", "-f", "-C"]
        ours = subprocess.Popen([*sleeper, str(tmp_path / "asterisk.conf")])
        other = subprocess.Popen([*sleeper, str(tmp_path / "other" / "asterisk.conf")])
        try:
            assert processes.asterisk_pid(tmp_path) == ours.pid
        finally:
            for process in (ours, other):
                process.kill()
                process.wait()
        with pytest.raises(TestbedError, match="no Asterisk runs"):
            processes.asterisk_pid(tmp_path)


def _row(elapsed: str, placed: int, succeeded: int, failed: int = 0) -> dict[str, str]:
    return {
        "ElapsedTime(C)": elapsed,
        "TotalCallCreated": str(placed),
        "SuccessfulCall(C)": str(succeeded),
        "FailedCall(C)": str(failed),
        "Retransmissions(C)": "3",
    }


TIMES = {"1": (0.0, 4.0), "2": (972.0, 976.0)}


class TestLoad:
    def test_the_last_row_has_the_sums_and_placing_ends_with_the_last_new_call(self) -> None:
        rows = [_row("00:00:01", 10, 0), _row("00:00:02", 20, 8), _row("00:00:04", 20, 20)]
        result = load.result_of(rows, 20, TIMES, "")
        assert (result.placed, result.succeeded, result.retransmissions, result.placing_s) == (20, 20, 3, 2.0)
        assert (result.answer_ms, result.key_ms, result.faults) == ((0.0, 4.0), (972.0, 976.0), ())

    def test_a_call_that_failed_or_was_never_placed_is_a_fault(self) -> None:
        failed = load.result_of([_row("00:00:09", 20, 19, 1)], 20, TIMES, "no BYE")
        assert failed.faults == ("1 of 20 calls were not served to their end. no BYE",)
        assert load.result_of([_row("00:00:09", 18, 18)], 20, TIMES, "").faults == ("2 of 20 calls were not served to their end.",)

    def test_a_row_that_was_cut_off_is_left_out(self) -> None:
        cut = {"ElapsedTime(C)": "00:00:03", "TotalCallCreated": "20"}
        assert load.result_of([_row("00:00:02", 20, 8), cut], 20, TIMES, "").succeeded == 8

    def test_nothing_measured_is_an_error_and_never_a_zero(self) -> None:
        with pytest.raises(TestbedError, match="no statistics"):
            load.result_of([], 20, TIMES, "")
        with pytest.raises(TestbedError, match="no response times"):
            load.result_of([_row("00:00:02", 20, 20)], 20, {"1": (0.0,)}, "")

    def test_a_line_that_was_cut_off_is_left_out(self) -> None:
        rows = [
            {"response_time_ms": "4", "rtd_no": "1"},
            {"response_time_ms": "972", "rtd_no": "2"},
            {"response_time_ms": "97", "rtd_no": ""},
        ]
        assert load.response_times(rows) == {"1": (4.0,), "2": (972.0,)}

    def test_the_first_error_is_told_in_short(self, tmp_path: Path) -> None:
        errors = tmp_path / "errors.log"
        assert load.first_error(errors) == ""
        stamp = "2026-11-21\t23:32:51.469088\t1795303971.469088: "
        errors.write_text(
            f"The following events occurred:\n{stamp}Call-Id: t-23@127.0.0.1, receive timeout on message benchmark:8: aborting call"
            f"{stamp}Dead call t-23@127.0.0.1 (aborted at index 8), received 'SIP/2.0 200 OK\nVia: x\n'"
        )
        assert load.first_error(errors) == "SIPp's first: receive timeout on message benchmark:8: aborting call."
        errors.write_text("The following events occurred:\n")
        assert load.first_error(errors) == ""

    def test_the_scenario_presses_the_key_and_waits_for_their_bye(self) -> None:
        root = ElementTree.fromstring(load.scenario(Path("/pcaps/dtmf_2833_1.pcap")))  # noqa: S314 - our own text
        steps = [step.get("request") or step.get("response") or step.tag for step in root]
        assert steps == ["send", "100", "180", "183", "200", "send", "pause", "nop", "BYE", "send"]
        assert [exec_.get("play_pcap_audio") for exec_ in root.iter("exec")] == ["/pcaps/dtmf_2833_1.pcap"]


def reading(way: str, number: int = 1, asterisk_s: float = 0.3, server_s: float = 0.0, **more: object) -> Reading:
    """100 calls in 10 s; idle, Asterisk uses 1 ms a second."""
    made = Reading(
        way=way,
        round=number,
        calls=100,
        load=Usage(asterisk_s, server_s, 10.0),
        idle=Usage(0.001, 0.0, 1.0),
        answer_ms=(0.0, 4.0),
        key_ms=(900.0, 910.0),
        others=0.0,
    )
    return replace(made, **more)  # type: ignore[arg-type]


class TestFigures:
    def test_what_is_used_at_rest_is_taken_off(self) -> None:
        one = reading("ivrd", asterisk_s=0.31, server_s=0.2)
        assert one.asterisk_ms == pytest.approx(3.0)
        assert one.server_ms == pytest.approx(2.0)
        assert one.total_ms == pytest.approx(5.0)

    def test_a_call_never_costs_less_than_nothing(self) -> None:
        assert reading("dialplan", asterisk_s=0.001).asterisk_ms == 0.0

    def test_ratios_are_taken_within_a_round_so_that_a_slow_round_meets_both_alike(self) -> None:
        readings = [
            *(reading("dialplan", 1, 0.31), reading("ivrd", 1, 0.31, 0.3)),
            *(reading("dialplan", 2, 0.61), reading("ivrd", 2, 0.61, 0.6)),
        ]
        dialplan, ivrd = summaries(readings)
        assert (dialplan.ratio.low, dialplan.ratio.high) == (1.0, 1.0)
        assert (ivrd.ratio.low, ivrd.ratio.high) == (pytest.approx(2.0), pytest.approx(2.0))
        assert (ivrd.total_ms.low, ivrd.total_ms.high) == (pytest.approx(6.0), pytest.approx(12.0))
        assert ivrd.calls == 200

    def test_lateness_is_told_against_the_yardstick(self) -> None:
        _, ivrd = summaries([reading("dialplan"), reading("ivrd", key_ms=(903.0, 911.0))])
        assert ivrd.key_later_ms.middle == pytest.approx(2.0)

    def test_a_way_with_a_void_round_has_no_figures(self) -> None:
        readings = [reading("dialplan"), reading("ivrd"), reading("dialplan", 2), reading("ivrd", 2, faults=("a record is missing.",))]
        assert [summary.way for summary in summaries(readings)] == ["dialplan"]

    def test_without_a_yardstick_nothing_can_be_compared(self) -> None:
        assert summaries([reading("dialplan", faults=("3 of 100 calls were not served.",)), reading("ivrd")]) == []
        assert summaries([]) == []

    def test_a_percentile_is_a_value_that_occurred(self) -> None:
        values = [float(value) for value in range(1, 101)]
        assert [percentile(values, percent) for percent in (1, 50, 95, 100)] == [1.0, 50.0, 95.0, 100.0]
        assert percentile([7.0], 95) == 7.0
        with pytest.raises(ValueError, match="at least one"):
            percentile([], 50)

    def test_a_spread_has_both_ends(self) -> None:
        assert Spread.of([3.0, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0)
        with pytest.raises(ValueError, match="at least one"):
            Spread.of([])

    def test_a_ramp_goes_as_far_as_asked(self) -> None:
        parse = bench.option_parser().parse_args
        assert bench.chosen_pace(parse(["--up-to", "60"]), {}).ramp == (40, 52, 60)
        assert bench.chosen_pace(parse(["--up-to", "10"]), {}).ramp == (10,)
        assert bench.chosen_pace(parse(["--no-ramp", "--rate", "7.5"]), {}) == replace(bench.FULL, ramp=(), rate=7.5)
        assert bench.chosen_pace(parse([]), {"BENCH_QUICK": "1"}) == bench.QUICK

    def test_a_ramp_ends_at_its_top(self) -> None:
        assert ramp_rates(20, 1.3, 200) == [20, 26, 34, 44, 57, 74, 97, 125, 163, 200]
        assert ramp_rates(20, 2, 20) == [20]


class TestStage:
    def test_no_setting_of_another_system_comes_in(self, tmp_path: Path) -> None:
        outside = {"PATH": "/bin", "IVRD_CONFIG": "/etc/ivrd.toml", "IVRD_STORE__URL": "postgresql://elsewhere", "PORT_OFFSET": "100"}
        settings = load_settings(environment=stage.bench_environment(tmp_path, outside))
        assert settings.store_url == f"sqlite:///{tmp_path / 'ivrd.db'}"
        assert settings.port_offset == stage.OFFSET + 100
        assert settings.hotline.numbers == (stage.HOTLINE,)

    def test_the_flow_has_no_fault_and_its_two_sounds_are_found(self, tmp_path: Path) -> None:
        book, problems = flow_book(load_settings(environment=stage.bench_environment(tmp_path, {})))
        assert [str(problem) for problem in problems if problem.severity == "error"] == []
        names = {prompt.name.rpartition("-")[0] for prompt in book.prompts(("zh",))}
        assert {"bench-menu", "bench-goodbye"} <= names

    def test_whoever_is_not_served_is_left_waiting(self) -> None:
        text = stage.dialplan("ivrd/menu", "ivrd/goodbye", 4574)
        dialplan, agi = text.split("\n\n")
        assert dialplan.index('"${KEY}" = "1"') < dialplan.index("Wait(60)") < dialplan.index("n(served),Playback(ivrd/goodbye)")
        assert agi.index(f'"${{{SERVED}}}" = "1"') < agi.index("Wait(60)") < agi.index("n(served),Hangup()")


class TestRecords:
    def test_only_whole_records_of_these_calls_count(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'ivrd.db'}"
        database = Database(url)
        database.upgrade()
        served = [PathStep("menu", NOW, "1"), PathStep("goodbye", NOW)]
        end = NOW + timedelta(seconds=2)
        contacts = [
            Contact("1.1", NOW, sip_call_id="tag-1@127.0.0.1", ended_at=end, finished=True, path=served),
            Contact("1.2", NOW, sip_call_id="tag-2@127.0.0.1", finished=True, path=served),  # no end
            Contact("1.3", NOW, sip_call_id="tag-3@127.0.0.1", ended_at=end, hung_up_in_flow=True, path=served[:1]),
            Contact(
                "1.4", NOW, sip_call_id="tag-4@127.0.0.1", ended_at=end, finished=True, path=[PathStep("menu", NOW), PathStep("lost", NOW)]
            ),
            Contact("1.5", NOW, sip_call_id="other-1@127.0.0.1", ended_at=end, finished=True, path=served),
        ]
        database.write_now(lambda session: contact_store.save(session, Sealer("key"), contacts))
        database.close()
        assert records_of(url, "tag") == (4, 1)

    def test_a_store_that_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(TestbedError, match="can't be read"):
            records_of(f"sqlite:///{tmp_path / 'empty.db'}", "tag")


PACE = Pace(rounds=1, rate=10, seconds=10, warm_up_s=1, idle_s=1, ramp=(20, 26), step_s=5, ramp_deadline_s=90)
MACHINE = Machine(2, "AMD EPYC", "6.1", "3.11.7", "22.10.1", "PATH", 0.1)
TITLES = {"dialplan": "pure dialplan", "ivrd": "ivrd"}


def step(rate: int, *faults: str) -> Step:
    return Step(rate, rate * 5, 0.5, 4.0, 0, faults)


def shown(report: Report) -> str:
    console = Console(width=140, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    console.print(report.as_tables())
    return console.export_text()


class TestReport:
    def test_people_and_machines_are_told_the_same(self) -> None:
        ramp = Ramp("ivrd", (step(20), step(26, "1 of 130 calls were not served to their end.")))
        report = Report(MACHINE, PACE, TITLES, [reading("dialplan", asterisk_s=0.31), reading("ivrd", 1, 0.31, 0.3)], [ramp])
        text = shown(report)
        assert "2.00 (2.00-2.00)" in text
        assert "ivrd: 20 new calls a second without a failure, first failure at 26." in text
        assert "All 200 calls were served" in text
        document = json.loads(json.dumps(report.as_json()))
        assert document["ways"][1]["ratio"]["middle"] == pytest.approx(2.0)
        assert (document["ramps"][0]["held"], document["ramps"][0]["first_failure"]) == (20, 26)
        assert document["void"] == []

    def test_a_void_figure_is_not_shown_but_said(self) -> None:
        report = Report(MACHINE, PACE, TITLES, [reading("dialplan"), reading("ivrd", faults=("ivrd has 99 records of 100 calls.",))], [])
        text = shown(report)
        assert "ivrd, round 1: void, ivrd has 99 records of 100 calls." in text
        assert "served to their end" not in text
        assert report.as_json()["void"] == ["ivrd, round 1: void, ivrd has 99 records of 100 calls."]

    def test_a_ramp_that_nothing_stopped_and_one_that_never_began_to_hold(self) -> None:
        ramps = [Ramp("dialplan", (step(20), step(26))), Ramp("ivrd", (step(20, "100 of 100 calls were not served to their end."),))]
        text = shown(Report(MACHINE, PACE, TITLES, [reading("dialplan"), reading("ivrd")], ramps))
        assert "pure dialplan: 26 new calls a second without a failure, none failed up to there." in text
        assert "ivrd: no step without a failure, first failure at 20." in text

    def test_a_busy_machine_is_owned_up_to(self) -> None:
        text = shown(Report(MACHINE, PACE, TITLES, [reading("dialplan"), reading("ivrd", others=0.4)], []))
        assert "Others used up to 40% of the machine" in text


Server = Callable[[int, str, str], Awaitable[None]]


@pytest.mark.parametrize("server", [panoramisk_server, bare_server])
async def test_the_small_servers_serve_the_menu_after_a_port_scan(server: Server, unused_tcp_port: int) -> None:
    """Spoken to as Asterisk does; the scan is what freezes panoramisk's own handler."""
    serving = asyncio.ensure_future(server(unused_tcp_port, "ivrd/menu", "ivrd/goodbye"))
    try:
        async with asyncio.timeout(5):
            while not is_bound("TCP", unused_tcp_port):  # noqa: ASYNC110 - the kernel raises no event of ours
                await asyncio.sleep(0.01)
            _, scan = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
            scan.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
            writer.write(f"agi_network_script: menu\nagi_uniqueid: 1.1\nagi_arg_1: {TOKEN}\n\n".encode())
            commands = []
            for answer in (b"0", b"1", b"0", b"1"):
                commands.append((await reader.readline()).decode().replace('"', "").strip())
                writer.write(b"200 result=" + answer + b"\n")
            assert await reader.read() == b""
            writer.close()
    finally:
        serving.cancel()
        await asyncio.wait([serving])
    assert commands == ["ANSWER", "GET DATA ivrd/menu 5000 1", "EXEC Playback ivrd/goodbye", f"SET VARIABLE {SERVED} 1"]


@pytest.mark.parametrize("arguments", [["--rate", "0"], ["--rounds", "-1"], ["--seconds", "soon"], ["--fast"]])
def test_wrong_usage_starts_nothing(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err
