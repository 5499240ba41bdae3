"""Finding an Asterisk, taking ports, and starting and ending programs: ours, and no other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from ivr.testbed.children import Child, last_lines
from ivr.testbed.errors import TestbedError
from ivr.testbed.ports import NeededPort, check_free, free_udp_port, is_bound, sipp_ports
from ivr.testbed.program import find_asterisk

HOST = "127.0.0.1"


def program(path: Path, says: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def rootfs(root: Path, says: str = "Asterisk 22.10.1~dfsg+~cs6.17") -> Path:
    """A folder that looks like Debian with Asterisk; its 'loader' says the version by itself."""
    program(root / "usr/sbin/asterisk", "never run directly")
    program(root / "lib64/ld-linux-x86-64.so.2", says)
    (root / "usr/lib/x86_64-linux-gnu/asterisk/modules").mkdir(parents=True)
    (root / "usr/share/asterisk/documentation").mkdir(parents=True)
    return root


def test_a_root_file_system_named_by_the_environment_goes_before_all_else(tmp_path: Path) -> None:
    found = find_asterisk({"ASTERISK_ROOTFS": str(rootfs(tmp_path / "root")), "PATH": str(tmp_path)})
    assert found.version == "22.10.1"
    assert found.installation.modules == tmp_path / "root/usr/lib/x86_64-linux-gnu/asterisk/modules"
    assert found.installation.share == tmp_path / "root/usr/share/asterisk"
    assert found.command[0] == str(tmp_path / "root/lib64/ld-linux-x86-64.so.2")
    assert found.command[2].split(":")[0] == str(tmp_path / "root/usr/lib/x86_64-linux-gnu")


def test_arm_has_its_loader_elsewhere(tmp_path: Path) -> None:
    root = rootfs(tmp_path / "root")
    (root / "lib").mkdir()
    (root / "lib64/ld-linux-x86-64.so.2").rename(root / "lib/ld-linux-aarch64.so.1")
    assert find_asterisk({"ASTERISK_ROOTFS": str(root)}).command[0] == str(root / "lib/ld-linux-aarch64.so.1")


@pytest.mark.parametrize(
    ("says", "sentence"),
    [("Asterisk 16.28.0", "is 16.28.0, and ivrd needs 20 or newer"), ("Segmentation fault", "doesn't say its version: Segmentation fault")],
)
def test_an_asterisk_that_is_too_old_or_broken_is_told(tmp_path: Path, says: str, sentence: str) -> None:
    with pytest.raises(TestbedError, match=sentence):
        find_asterisk({"ASTERISK_ROOTFS": str(rootfs(tmp_path / "root", says))})


def test_an_empty_root_file_system_is_told(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="holds no Asterisk; run `make setup`"):
        find_asterisk({"ASTERISK_ROOTFS": str(tmp_path)})


def test_an_old_asterisk_on_path_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "asterisk", "Asterisk 18.10.0")
    try:
        origin = find_asterisk({"PATH": str(tmp_path)}).origin
    except TestbedError as error:  # a checkout without .asterisk/
        origin = str(error)
    assert "on PATH" not in origin.replace("none on PATH", "")


def test_a_taken_port_is_told_with_its_setting_and_its_holder() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((HOST, 0))
        port = holder.getsockname()[1]
        assert is_bound("UDP", port)
        with pytest.raises(TestbedError) as told:
            check_free([NeededPort("UDP", HOST, port, "asterisk.sip_port"), NeededPort("TCP", HOST, 0, "ami.port")])
    assert f"UDP port {port} on 127.0.0.1 (asterisk.sip_port) is taken by" in str(told.value)
    assert f"(process {os.getpid()})" in str(told.value)
    assert "ami.port" not in str(told.value)
    assert "PORT_OFFSET" in str(told.value)


def test_a_port_past_the_last_is_told() -> None:
    with pytest.raises(TestbedError, match="PORT_OFFSET is too large"):
        check_free([NeededPort("TCP", HOST, 70000, "ami.port")])


def test_a_tcp_port_in_time_wait_is_free() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((HOST, port)), server.accept()[0] as accepted:
            accepted.shutdown(socket.SHUT_RDWR)
    check_free([NeededPort("TCP", HOST, port, "ami.port")])


def test_a_free_port_is_bound_by_nobody() -> None:
    assert not is_bound("UDP", free_udp_port(HOST))


def test_every_sipp_gets_ports_nobody_has() -> None:
    """Callers and agents by the hundred begin looking at the same place."""
    with contextlib.ExitStack() as held:
        taken = set()
        for _ in range(80):
            media, control = (int(port) for port in sipp_ports(HOST, 0)[1::2])
            for port in (media, media + 2, control):
                held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind((HOST, port))
                taken.add(port)
        assert len(taken) == 240
        assert not taken & set(range(8800, 10000))


async def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = await Child.start("deaf", ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"], log=log)
    async with asyncio.timeout(5):
        while "up" not in last_lines(log):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    assert child.running
    assert await child.stop(0.2) == -signal.SIGKILL
    assert not child.running
    assert await child.stop(0.2) == -signal.SIGKILL  # a second time changes nothing


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_child_ends_with_its_starter(tmp_path: Path) -> None:
    """Even when that is killed outright: nothing may go on holding the ports."""
    starter = tmp_path / "starter.py"
    starter.write_text(
        "import asyncio\nfrom ivr.testbed.children import Child\n"
        "async def main():\n    child = await Child.start('x', ['sleep', '60'])\n    print(child.process.pid, flush=True)\n"
        "    await asyncio.sleep(60)\nasyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, str(starter), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    grandchild = int(await asyncio.wait_for(process.stdout.readline(), 10))
    process.kill()
    await process.wait()
    async with asyncio.timeout(5):
        while alive(grandchild):  # noqa: ASYNC110 - the kernel's word, not an event of ours
            await asyncio.sleep(0.02)


async def test_what_cant_be_run_raises() -> None:
    with pytest.raises(FileNotFoundError):
        await Child.start("nothing", ["/nonexistent/program"])
