"""Our FastAGI server: takes calls from Asterisk, checks who speaks, and hands each to a handler as an ``AgiCall``.

The daemon's session is its only user. panoramisk's server is not used: a client that connects and closes freezes its event loop.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from ami_bridge.agi_wire import AgiEnvironment, AgiProtocolError, EnvironmentReader, HungUp, Reply, ReplyReader, command
from ami_bridge.refusal_log import RefusalLog

log = structlog.get_logger(__name__)

READ_SIZE = 4096
# A peer may hold this many connections whose environment isn't complete; beyond it the oldest is dropped, so that a port scan or
# slow-drip client can't keep calls out.
LARGEST_PENDING = 64
CLOSE_TIMEOUT_S = 2.0
DEFAULT_COMMAND_TIMEOUT_S = 5.0


class AgiCallerGoneError(Exception):
    """The caller hung up. Commands that don't need him still work until the call is closed.

    ``reply`` is the answer to the command during which it happened, where there was one.
    """

    def __init__(self, reply: Reply | None = None) -> None:
        super().__init__("the caller hung up")
        self.reply = reply


class AgiFailureError(Exception):
    """Asterisk closed the connection, answered nonsense, or refused or outran a command: this call can't be driven on."""


@dataclass(frozen=True, slots=True)
class AgiSettings:
    """``command_timeout_s`` bounds commands that play nothing; the others state their own."""

    host: str
    port: int
    token: str
    allowed_peers: tuple[str, ...]
    max_connections: int
    header_timeout_s: float
    command_timeout_s: float = DEFAULT_COMMAND_TIMEOUT_S


class AgiCall:
    """One caller's channel over one AGI request: one command in flight, each with a deadline in seconds."""

    def __init__(
        self,
        environment: AgiEnvironment,
        arguments: tuple[str, ...],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        leftover: bytes,
        command_timeout_s: float,
    ) -> None:
        self.environment = environment
        self.arguments = arguments  # what the dialplan passed after the token
        self._reader = reader
        self._writer = writer
        self._replies = ReplyReader()
        self._ready: list[Reply] = []
        self._command_timeout_s = command_timeout_s
        self._in_flight = False
        self._after_exec_one = False
        self.caller_gone = False
        self._take(leftover)

    async def send(self, *words: str, timeout_s: float | None = None) -> Reply:
        """Send one command and wait for its reply.

        Raises AgiFailureError when the deadline passes or the connection ends (it is then closed, and the dialplan's fallback takes
        the call), ValueError for a value that can't be sent. A hang-up is not raised here: see ``caller_gone``.
        """
        if self._in_flight:
            # A second command would end a prompt and be answered in the first one's place (measured on 22.10.1).
            raise AssertionError("one command in flight")
        line = command(*words)
        self._in_flight = True
        try:
            async with asyncio.timeout(timeout_s or self._command_timeout_s):
                self._writer.write(line)
                await self._writer.drain()
                while not self._ready:
                    data = await self._reader.read(READ_SIZE)
                    if not data:
                        raise AgiFailureError(f"Asterisk closed the connection during {words[0]}")
                    self._take(data)
                    self._drop_stray_usage()
        except TimeoutError as error:
            self.abort()
            raise AgiFailureError(f"no reply to {words[0]} within {timeout_s or self._command_timeout_s:g} s") from error
        except OSError as error:
            raise AgiFailureError(f"the connection broke during {words[0]}: {error}") from error
        except AgiProtocolError as error:
            self.abort()
            raise AgiFailureError(str(error)) from error
        finally:
            self._in_flight = False
        reply = self._ready.pop(0)
        self._after_exec_one = words[0].startswith("EXEC") and reply.result == "1"
        return reply

    async def ask(self, *words: str, timeout_s: float | None = None) -> Reply:
        """``send`` for commands that need the caller: raises AgiCallerGoneError when he is gone, AgiFailureError on a refusal."""
        if self.caller_gone:
            raise AgiCallerGoneError
        reply = await self.send(*words, timeout_s=timeout_s)
        if reply.code == 511 or (self.caller_gone and reply.succeeded):
            self.caller_gone = True
            raise AgiCallerGoneError(reply)
        if not reply.succeeded:
            raise AgiFailureError(f"Asterisk refused {words[0]}: {reply.code} {reply.text[:80]}")
        if reply.result == "-1":
            # -1 is a hang-up or a failure, and the HANGUP line follows only then, as a write of its own.
            if await self.is_caller_gone():
                raise AgiCallerGoneError(reply)
            raise AgiFailureError(f"{words[0]} failed")
        if reply.result == "-2" and words[0].startswith("EXEC"):  # and nothing was played or asked (res_agi.c, handle_exec)
            application = words[0].removeprefix("EXEC ")
            raise AgiFailureError(f"Asterisk has no application {application}: load app_{application.lower()}.so (modules.conf)")
        return reply

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable; works after a hang-up too. Raises AgiFailureError, ValueError."""
        await self.send("SET VARIABLE", name, value)

    async def evaluate(self, expression: str) -> str:
        """The value of a dialplan expression, empty where it has none.

        ``expression`` is evaluated by Asterisk: it must be a constant of ours, never hold anything a caller gave.
        """
        reply = await self.send("GET FULL VARIABLE", expression)
        return reply.note if reply.result == "1" else ""

    async def evaluate_text(self, expression: str) -> str:
        """The value of a dialplan expression that may hold anything, line breaks too: it travels as base64."""
        encoded = await self.evaluate(f"${{BASE64_ENCODE({expression})}}")
        with contextlib.suppress(binascii.Error):
            return base64.b64decode(encoded, validate=True).decode("utf-8", errors="replace")
        return ""

    async def is_caller_gone(self) -> bool:
        """After a result of -1: did he hang up? Asked of Asterisk, for the HANGUP line may still be on its way."""
        if not self.caller_gone:
            # 6 is "up"; a dead channel answers 511, or -1 when it can't be found.
            status = await self.send("CHANNEL STATUS")
            self.caller_gone = self.caller_gone or status.code == 511 or status.result == "-1"
        return self.caller_gone

    def _take(self, data: bytes) -> None:
        for item in self._replies.feed(data):
            if isinstance(item, HungUp):
                self.caller_gone = True
            else:
                self._ready.append(item)

    def _drop_stray_usage(self) -> None:
        # An application that returns 1 gets `200 result=1` and then a 520 block nobody asked for (res_agi.c).
        if self._after_exec_one and self._ready and self._ready[0].code == 520:
            self._ready.pop(0)
            self._after_exec_one = False

    def abort(self) -> None:
        """Drop the connection at once: Asterisk goes on in the dialplan with IVR_DONE unset."""
        self._writer.transport.abort()


AgiHandler = Callable[[AgiCall], Awaitable[None]]


class AgiServer:
    """Listens, lets in who may speak, and runs one handler task per call."""

    def __init__(self, settings: AgiSettings, handler: AgiHandler) -> None:
        self._settings = settings
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._calls: set[asyncio.Task[None]] = set()
        self._pending: dict[asyncio.StreamWriter, None] = {}  # in order of arrival
        self._allowed = frozenset(ipaddress.ip_address(peer) for peer in settings.allowed_peers)
        self._refusals = RefusalLog()

    @property
    def refused(self) -> int:
        """Connections that were let in to nothing so far."""
        return self._refusals.count

    @property
    def calls(self) -> int:
        """Calls being driven now."""
        return len(self._calls)

    @property
    def listening(self) -> bool:
        return self._server is not None and self._server.is_serving()

    @property
    def port(self) -> int:
        """The port listened on; settles a configured 0. Raises RuntimeError before ``start``."""
        if self._server is None:
            raise RuntimeError("the AGI server has not been started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begin to listen. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._connected, self._settings.host, self._settings.port, limit=64 * 1024, backlog=256)

    async def drain(self, grace_s: float) -> int:
        """Take no new calls, let running ones end for ``grace_s``, then hand the rest to the fallback. Tells how many those were."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._pending):
            writer.transport.abort()
        running = list(self._calls)
        if running:
            _, late = await asyncio.wait(running, timeout=grace_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=CLOSE_TIMEOUT_S)
            return len(late)
        return 0

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: the one that asyncio makes of a coroutine can't be cancelled without an error in the log (3.11).
        task = asyncio.create_task(self._serve(reader, writer), name="agi-connection")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        try:
            if not self._may_speak(peer):
                self._refuse("the peer is not in agi.allowed_peers", peer)
            elif len(self._calls) >= self._settings.max_connections:
                self._refuse(f"{len(self._calls)} calls are running (agi.max_connections)", peer)
            else:
                writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                call = await self._greet(reader, writer, peer)
                if call and len(self._calls) >= self._settings.max_connections:  # others have come while it was greeted
                    self._refuse(f"{len(self._calls)} calls are running (agi.max_connections)", peer)
                elif call:
                    await self._handle(call)
        except OSError:
            pass  # the connection went before or while we spoke: the handler has seen it too
        except Exception:  # a fault of one call costs that call alone
            log.exception("a handler of calls failed; the fallback takes the call")
        finally:
            self._pending.pop(writer, None)
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), CLOSE_TIMEOUT_S)

    async def _handle(self, call: AgiCall) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call is handled outside a task")
        task.set_name(f"agi-{call.environment.get('uniqueid')}")
        self._calls.add(task)
        try:
            await self._handler(call)
        finally:
            self._calls.discard(task)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: object) -> AgiCall | None:
        """Read the environment within its deadline and check the token; None when this is no call for us."""
        while len(self._pending) >= LARGEST_PENDING:
            oldest = next(iter(self._pending))
            del self._pending[oldest]
            oldest.transport.abort()
        self._pending[writer] = None
        environment = EnvironmentReader()
        leftover, heard = b"", False
        try:
            async with asyncio.timeout(self._settings.header_timeout_s):
                while environment.environment is None:
                    data = await reader.read(READ_SIZE)
                    if not data:
                        self._refuse("it closed before saying who calls", peer, mere_knock=not heard)
                        return None
                    heard = True  # who closes without a word looks whether we listen: `ivrd doctor`, a monitor
                    leftover = environment.feed(data)
        except TimeoutError:
            self._refuse(f"no complete environment within {self._settings.header_timeout_s:g} s", peer)
            return None
        except AgiProtocolError as error:
            self._refuse(str(error), peer)
            return None
        finally:
            self._pending.pop(writer, None)
        token, *arguments = environment.environment.arguments or ("",)
        if not hmac.compare_digest(token.encode(), self._settings.token.encode()):
            self._refuse("the token in its first argument is wrong: is Asterisk's configuration current?", peer)
            return None
        return AgiCall(environment.environment, tuple(arguments), reader, writer, leftover, self._settings.command_timeout_s)

    def _may_speak(self, peer: object) -> bool:
        if not isinstance(peer, tuple) or not peer:
            return False
        address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return address in self._allowed

    def _refuse(self, reason: str, peer: object, *, mere_knock: bool = False) -> None:
        self._refusals.tell(reason, peer, asyncio.get_running_loop().time(), mere_knock=mere_knock)
