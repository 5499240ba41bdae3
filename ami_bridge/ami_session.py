"""One connection to Asterisk's manager, from TCP connect to its end: the only user of panoramisk.

Used by ``link`` alone, which decides when to connect, what to ask and when to give up.

Of panoramisk 1.4 we use ``Manager`` (connect, send_action, close), ``AMIProtocol`` (the life of a connection, the table
``responses`` of open actions) and ``Action`` (an open action and its future). Overridden, because measured on 1.4:

* ``data_received`` decodes each TCP chunk by itself and loses characters cut in two, takes quadratic time for a large
  message, and an exception in a callback ends the connection. Ours frames bytes, looks at an event's name before parsing
  it, and does nothing with an event but put it into one bounded inbox.
* ``Action.add_message`` never completes QueueAdd, swallows OriginateResponse and can't end a refused list. Ours ends a
  list with the event its request names.
* ``send`` lets line breaks through. Ours writes only what ``Request.encode`` has checked.
* Open actions, Originate included, are sent again after a reconnect. ``forgetable_actions`` here contains everything,
  a Manager lives for one connection, and lost actions fail at once.
* Reconnecting, logging in and pinging without looking at the answer are ``link``'s, so the Manager's never begin.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from ami_bridge.ami_wire import AmiFraming, AmiMessage, MessageTooLong, parse
from ami_bridge.requests import ActionIds, Request

_log = structlog.get_logger(__name__)
# Requests that Asterisk doesn't read: more than this waiting in our own send buffer means that it has stopped reading.
_MOST_UNSENT_BYTES = 256 * 1024


class AmiUnavailable(Exception):  # noqa: N818
    """There is no connection. ``sent``: the request was on its way when it broke, so Asterisk may have carried it out."""

    def __init__(self, why: str, *, sent: bool = False) -> None:
        super().__init__(why)
        self.sent = sent


class AmiRefused(Exception):  # noqa: N818
    """Asterisk answered ``Response: Error``; the text is its Message."""


class AmiTimeout(Exception):  # noqa: N818
    """No answer in time. Asterisk may have carried the request out all the same, or may still do so."""


@dataclass(frozen=True, slots=True)
class Response:
    """Asterisk's answer, and the items of the list that followed it (its closing event left out)."""

    message: AmiMessage
    items: tuple[AmiMessage, ...] = ()


class Inbox:
    """The one ordered way from the socket to the consumer. It holds raw messages, at most ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._closed = False

    def put(self, message: bytes) -> bool:
        """False when there is no room: the stream has lost an event and can't be trusted any longer."""
        if len(self._messages) >= self._limit:
            return False
        self._messages.append(message)
        self._news.set()
        return True

    def close(self) -> None:
        self._closed = True
        self._news.set()

    async def get(self) -> bytes | None:
        """The next message, waiting for it as long as the connection lives; None after the last one."""
        while not self._messages:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        return self._messages.popleft()


class _Everything:
    """What contains every name: the actions panoramisk may forget when a connection ends."""

    def __contains__(self, _name: object) -> bool:
        return True


class _OpenAction(Action):  # type: ignore[misc]  # panoramisk has no types
    """An action waiting for its answer; ``future`` gets the Response or the error."""

    future: asyncio.Future[Response]

    def __init__(self, request: Request, action_id: str) -> None:
        super().__init__({"Action": request.action, "ActionID": action_id})
        self.encoded = request.encode(action_id)
        self.ends_with = request.ends_with
        self._answer: AmiMessage | None = None

    def add_message(self, message: AmiMessage) -> bool:
        """Take one message of the answer. True when it was the last."""
        if message.response:
            self._answer = message
            if message.response == "Error":
                self._settle(AmiRefused(message.get("Message") or "Asterisk gave no reason"))
                return True
            if self.ends_with is None:
                self._settle(Response(message))
                return True
            return False
        if self._answer is not None and message.event == self.ends_with:
            self._settle(Response(self._answer, tuple(self.responses)))
            return True
        self.responses.append(message)
        return False

    def fail(self, error: Exception) -> None:
        self._settle(error)

    def _settle(self, result: Response | Exception) -> None:
        if self.future.done():  # its deadline passed in this very turn of the loop
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


class _Protocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """Bytes to messages, messages to the action or the inbox they belong to."""

    transport: asyncio.Transport

    def __init__(self, wanted: frozenset[bytes], inbox: Inbox, on_bytes: Callable[[], None]) -> None:
        self.framing = AmiFraming()
        self.lost_because = ""
        self.booted = asyncio.Event()
        self.uptime = ""  # as the first FullyBooted of this connection told it
        self.lost = asyncio.Event()
        self._wanted = wanted
        self._inbox = inbox
        self._on_bytes = on_bytes
        self._lists: dict[bytes, _OpenAction] = {}  # by the header line that marks their items

    def send(self, data: _OpenAction, as_list: object = None) -> asyncio.Future[Response]:
        self.responses[data.id] = data
        if data.ends_with is not None:
            self._lists[_marker(data)] = data
        self.transport.write(data.encoded)
        return data.future

    def forget(self, action: _OpenAction) -> None:
        self.responses.pop(action.id, None)
        self._lists.pop(_marker(action), None)

    def data_received(self, data: bytes) -> None:
        self._on_bytes()
        try:
            messages = self.framing.feed(data)
        except MessageTooLong as error:
            self.drop(str(error))
            return
        for raw in messages:
            if self.lost_because:
                return
            try:
                self._take(raw)
            except Exception as error:  # noqa: BLE001 - a fault in reading one message must not cost the connection
                _log.error("an AMI message couldn't be read and was skipped", error=type(error).__name__)

    def _take(self, raw: bytes) -> None:
        if raw.startswith(b"Event: "):
            for marker, action in self._lists.items():
                if marker in raw:
                    self._answered(action, raw)
                    return
            name = raw[7:64].partition(b"\n")[0].rstrip(b"\r")
            if name == b"FullyBooted" and not self.booted.is_set():
                self.uptime = parse(raw).get("Uptime")
                self.booted.set()
            if name in self._wanted and not self._inbox.put(raw):
                self.drop("events came in faster than they could be worked off, and the inbox is full")
        elif raw.startswith(b"Response: "):
            action = self.responses.get(parse(raw).get("ActionID"))
            if action is not None:
                self._answered(action, raw)

    def _answered(self, action: _OpenAction, raw: bytes) -> None:
        if action.add_message(parse(raw)):
            self.forget(action)

    def drop(self, why: str) -> None:
        """End the connection at once, without waiting for the other side."""
        if not self.lost_because:
            self.lost_because = why
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost_because:
            self.lost_because = f"the connection broke: {exc}" if exc else "Asterisk closed the connection"
        for action in tuple(self.responses.values()):
            action.fail(AmiUnavailable(self.lost_because, sent=True))
        self.responses.clear()
        self._lists.clear()
        self._inbox.close()
        self.lost.set()
        super().connection_lost(exc)


def _marker(action: _OpenAction) -> bytes:
    return f"ActionID: {action.id}".encode()


class _Manager(Manager):  # type: ignore[misc]  # panoramisk has no types
    """Lives for one connection: panoramisk's own reconnecting, login and pinging are left out."""

    def connection_made(self, connecting: asyncio.Task[tuple[asyncio.Transport, _Protocol]]) -> None:
        if connecting.cancelled() or connecting.exception() is not None:
            return
        _, self.protocol = connecting.result()
        self.protocol.factory = self

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing: ``link`` reconnects."""


class AmiSession:
    """An open connection. Made by ``open_session``; it never comes back once it is lost."""

    def __init__(self, manager: Any, protocol: _Protocol, inbox: Inbox) -> None:
        self._manager = manager
        self._protocol = protocol
        self._ids = ActionIds()
        self.inbox = inbox

    @property
    def banner(self) -> str | None:
        """Asterisk's greeting line; None as long as the other side hasn't sent one."""
        return self._protocol.framing.banner

    @property
    def lost_because(self) -> str:
        """Why the connection ended; empty while it lives."""
        return self._protocol.lost_because

    @property
    def uptime_s(self) -> int | None:
        """For how many seconds Asterisk had been up when it said so, after the login; None as long as it hasn't."""
        told = self._protocol.uptime
        return int(told) if told.isascii() and told.isdigit() and len(told) < 11 else None

    async def booted(self, timeout_s: float) -> bool:
        """Whether Asterisk says within ``timeout_s`` that it is fully booted (a user without read=system never hears it)."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._protocol.booted.wait()
        except TimeoutError:
            return False
        return True

    async def request(self, request: Request, timeout_s: float) -> Response:
        """Send and wait for the whole answer. Raises AmiUnavailable, AmiRefused, AmiTimeout."""
        if self.lost_because:
            raise AmiUnavailable(self.lost_because)
        if self._protocol.transport.get_write_buffer_size() > _MOST_UNSENT_BYTES:
            raise AmiUnavailable("Asterisk has stopped reading its manager connection")
        action = _OpenAction(request, self._ids())
        answer = self._manager.send_action(action)
        try:
            async with asyncio.timeout(timeout_s):
                response: Response = await answer
        except TimeoutError:
            raise AmiTimeout(f"Asterisk didn't answer {request.action} within {timeout_s:g} s") from None
        finally:
            self._protocol.forget(action)
        return response

    def drop(self, why: str) -> None:
        """End the connection at once; open requests fail, the inbox closes behind its last message."""
        self._protocol.drop(why)

    async def ended(self) -> None:
        """Wait until the transport has let go."""
        await self._protocol.lost.wait()


async def open_session(
    host: str,
    port: int,
    *,
    wanted: frozenset[str],
    inbox_limit: int,
    timeout_s: float,
    on_bytes: Callable[[], None],
) -> AmiSession:
    """Connect; nothing is sent yet. ``on_bytes`` is called for whatever arrives. Raises OSError, TimeoutError included."""
    inbox = Inbox(inbox_limit)
    names = frozenset(name.encode() for name in wanted)
    manager = _Manager(
        host=host,
        port=port,
        loop=asyncio.get_running_loop(),
        protocol_factory=lambda: _Protocol(names, inbox, on_bytes),
        forgetable_actions=_Everything(),
    )
    connecting = manager.connect()
    connecting.set_name("ami-connect")
    try:
        async with asyncio.timeout(timeout_s):
            _, protocol = await connecting
    except TimeoutError:
        raise TimeoutError(f"no connection within {timeout_s:g} s") from None
    return AmiSession(manager, protocol, inbox)
