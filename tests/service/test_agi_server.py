"""The FastAGI server against peers that scan, drip, lie and vanish, while a call goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from support.fake_agi_caller import FakeCaller

from ami_bridge.agi import LARGEST_PENDING, AgiCall, AgiCallerGoneError, AgiFailureError, AgiServer, AgiSettings
from ami_bridge.refusal_log import PERIOD_S, TOLD_EACH_PERIOD, RefusalLog

Handler = Callable[[AgiCall], Awaitable[None]]
Start = Callable[..., Awaitable[AgiServer]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    servers: list[AgiServer] = []

    async def starter(handler: Handler, **changes: object) -> AgiServer:
        settings = {
            "host": "127.0.0.1",
            "port": 0,
            "token": "token",
            "allowed_peers": ("127.0.0.1",),
            "max_connections": 10,
            "header_timeout_s": 0.3,
            "command_timeout_s": 0.3,
            **changes,
        }
        server = AgiServer(AgiSettings(**settings), handler)  # type: ignore[arg-type]
        await server.start()
        servers.append(server)
        return server

    yield starter
    for server in servers:
        await server.drain(0)


async def answer(call: AgiCall) -> None:
    await call.ask("ANSWER")
    await call.set_variable("IVR_DONE", "1")


async def closed_without_a_word(port: int, data: bytes) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        async with asyncio.timeout(3):
            return await reader.read() == b""
    except ConnectionError:
        return True
    finally:
        writer.close()


async def test_a_call_is_driven_and_its_arguments_come_without_the_token(start: Start) -> None:
    seen: list[tuple[str, ...]] = []

    async def handler(call: AgiCall) -> None:
        seen.append(call.arguments)
        await answer(call)

    server = await start(handler)
    caller = FakeCaller(arguments=("token", "queue", "hr", "TIMEOUT"))
    await caller.call(server.port)
    assert seen == [("queue", "hr", "TIMEOUT")]
    assert caller.done


@pytest.mark.parametrize("arguments", [(), ("",), ("wrong", "start"), ("token2", "start"), ("start", "token")])
async def test_without_the_token_nobody_is_served(start: Start, arguments: tuple[str, ...]) -> None:
    server = await start(answer)
    caller = FakeCaller(arguments=arguments)
    await caller.call(server.port)
    assert caller.commands == []
    assert server.refused == 1


async def test_a_peer_that_isnt_allowed_is_refused(start: Start) -> None:
    server = await start(answer, allowed_peers=("192.0.2.1",))
    assert await closed_without_a_word(server.port, b"agi_network: yes\nagi_arg_1: token\n\n")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x00" * 100_000,
        b"agi_network: yes\nagi_network: yes\n\n",
        b"agi_network: yes\n" + b"agi_x: " + b"a" * 70_000,
        b"",  # connects and says nothing
        b"agi_network: ye",  # stops half-way
    ],
)
async def test_noise_is_closed_within_the_deadline(start: Start, data: bytes) -> None:
    server = await start(answer)
    assert await closed_without_a_word(server.port, data)
    assert server.calls == 0


async def test_a_slow_drip_is_closed_by_the_deadline_as_a_whole(start: Start) -> None:
    server = await start(answer)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    began = asyncio.get_running_loop().time()

    async def drip() -> None:
        for byte in b"agi_network: yes\n" * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)

    with pytest.raises(ConnectionError):
        await drip()
    assert asyncio.get_running_loop().time() - began < 2
    assert server.refused == 1


async def test_a_scan_and_half_open_connections_dont_keep_a_call_out(start: Start) -> None:
    server = await start(answer, header_timeout_s=5.0)
    idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(LARGEST_PENDING + 20)]
    caller = FakeCaller()
    await caller.call(server.port)
    assert caller.done
    for _, writer in idle:
        writer.close()


def test_of_many_refusals_some_are_told_and_the_others_counted(capsys: pytest.CaptureFixture[str]) -> None:
    refusals = RefusalLog()
    for second in range(100):
        refusals.tell("the token is wrong", ("10.0.0.9", 4711), second / 2)
    assert capsys.readouterr().out.count("agi connection refused") == TOLD_EACH_PERIOD
    refusals.tell("the token is wrong", ("10.0.0.9", 4711), PERIOD_S + 1)
    assert f"refused={100 - TOLD_EACH_PERIOD}" in capsys.readouterr().out
    assert refusals.count == 101


async def test_a_running_call_goes_on_while_others_scan(start: Start) -> None:
    scanned = asyncio.Event()

    async def handler(call: AgiCall) -> None:
        await call.ask("ANSWER")
        await scanned.wait()
        await answer(call)

    server = await start(handler)
    caller = FakeCaller()
    running = asyncio.create_task(caller.call(server.port))
    for _ in range(50):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.close()
    await asyncio.gather(*(closed_without_a_word(server.port, b"\xff\n") for _ in range(50)))
    scanned.set()
    await running
    assert caller.done


async def test_beyond_the_cap_a_call_is_left_to_the_fallback(start: Start) -> None:
    taken, release = asyncio.Event(), asyncio.Event()

    async def handler(call: AgiCall) -> None:
        taken.set()
        await release.wait()
        await answer(call)

    server = await start(handler, max_connections=1)
    first = FakeCaller()
    running = asyncio.create_task(first.call(server.port))
    await taken.wait()
    second = FakeCaller()
    await second.call(server.port)
    release.set()
    await running
    assert (first.done, second.done, second.commands) == (True, False, [])


async def failure_of(start: Start, caller: FakeCaller, work: Handler) -> BaseException | None:
    found: list[BaseException] = []

    async def handler(call: AgiCall) -> None:
        try:
            await work(call)
        except (AgiFailureError, AgiCallerGoneError, ValueError) as error:
            found.append(error)

    server = await start(handler)
    await caller.call(server.port)
    return found[0] if found else None


async def play(call: AgiCall) -> None:
    await call.ask("EXEC Playback", "x", timeout_s=0.2)


async def test_a_reply_that_never_comes_ends_at_the_deadline(start: Start) -> None:
    error = await failure_of(start, FakeCaller(mute="EXEC"), play)
    assert isinstance(error, AgiFailureError)
    assert "no reply to EXEC Playback within 0.2 s" in str(error)


async def test_a_hang_up_during_a_command_is_told_as_such(start: Start) -> None:
    error = await failure_of(start, FakeCaller(answers=["h"]), lambda call: _read(call))
    assert isinstance(error, AgiCallerGoneError)


async def _read(call: AgiCall) -> None:
    await call.ask("EXEC Read", "IVR_KEYS,x,1,e")


async def test_after_a_hang_up_variables_can_still_be_set(start: Start) -> None:
    caller = FakeCaller(answers=["h"])

    async def work(call: AgiCall) -> None:
        with pytest.raises(AgiCallerGoneError):
            await _read(call)
        await call.set_variable("LATE", "yes")
        await play(call)

    assert isinstance(await failure_of(start, caller, work), AgiCallerGoneError)
    assert caller.variables["LATE"] == "yes"


@pytest.mark.parametrize(
    "reply",
    [
        "510 Invalid or unknown command",
        "520 Invalid command syntax.  Proper usage not available.",
        "520-Invalid command syntax.  Proper usage follows:\nUsage: EXEC\n520 End of proper usage.",
        "what?",
    ],
)
async def test_a_refused_command_is_a_failure(start: Start, reply: str) -> None:
    assert isinstance(await failure_of(start, FakeCaller(refuse={"EXEC": reply}), play), AgiFailureError)


async def test_511_means_that_the_caller_is_gone(start: Start) -> None:
    caller = FakeCaller(refuse={"EXEC": "511 Command Not Permitted on a dead channel or intercept routine"})
    assert isinstance(await failure_of(start, caller, play), AgiCallerGoneError)


async def test_minus_one_on_a_living_channel_is_a_failure_not_a_hang_up(start: Start) -> None:
    assert isinstance(await failure_of(start, FakeCaller(refuse={"EXEC": "200 result=-1"}), play), AgiFailureError)


async def test_an_application_that_asterisk_doesnt_have_is_told_with_its_module(start: Start) -> None:
    """Else every prompt and question would be passed over in silence."""
    failure = await failure_of(start, FakeCaller(refuse={"EXEC": "200 result=-2"}), play)
    assert "load app_playback.so" in str(failure)


async def test_the_usage_text_after_an_application_that_returns_one_is_dropped(start: Start) -> None:
    stray = "200 result=1\n520-Invalid command syntax.  Proper usage follows:\nUsage: EXEC\n520 End of proper usage."
    caller = FakeCaller(refuse={"EXEC": stray})

    async def work(call: AgiCall) -> None:
        assert (await call.send("EXEC Odd", "x")).result == "1"
        assert await call.evaluate("${CHANNEL(linkedid)}") == caller.linkedid

    assert await failure_of(start, caller, work) is None


async def test_a_value_that_cant_be_sent_is_refused_before_it_leaves(start: Start) -> None:
    caller = FakeCaller()
    assert isinstance(await failure_of(start, caller, lambda call: call.set_variable("X", "a\nb")), ValueError)
    assert caller.commands == []


async def test_draining_hands_late_calls_to_the_fallback(start: Start) -> None:
    taken = asyncio.Event()

    async def handler(call: AgiCall) -> None:
        taken.set()
        await asyncio.Event().wait()

    server = await start(handler)
    port = server.port
    caller = FakeCaller()
    running = asyncio.create_task(caller.call(port))
    await taken.wait()
    assert await server.drain(0.05) == 1
    await running
    assert not caller.done
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", port)
