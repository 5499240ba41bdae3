"""Telephones that do what a scene tells them, at the moment it tells them: ring, answer, hold, transfer, hang up.

For the scenes. SIPp follows a script of pauses; here every step waits for the one before it, so that a busy machine makes a scene slower
but not another one. Everything runs on the event loop and UDP of 127.0.0.1; a lost datagram doesn't happen there, so nothing is repeated
but what Asterisk repeats.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from ivr.testbed.truth import sip_text
from ivr.testbed.truth.sip_text import SipMessage, new_token, tag_of

ADDRESS = "127.0.0.1"
DEADLINE_S = 20.0  # for whatever the other side has to say; a busy machine is slow, not silent
KEY_S = 0.08  # Asterisk makes no shorter ones; it may go by its beginning or by its end
_RTP_EVERY_S = 0.2  # enough for Asterisk's rtp_timeout and for its Answer(), which waits for the first packet
_SILENCE = b"\xd5" * 160
_T = TypeVar("_T")


class SceneError(Exception):
    """A scene could not be played: the sentence says who waited for what."""


@dataclass(eq=False)
class Dialogue:
    """One call as one telephone has it. Times are UTC seconds since 1970, by this machine's clock."""

    phone: Telephone
    call_id: str
    ours: str  # From or To with our tag
    theirs: str
    target: str  # where requests go
    invite: SipMessage | None = None  # the one that rings us
    sequence: int = 1
    rang_at: float = 0.0
    answered_at: float = 0.0
    ended_at: float = 0.0
    refused: int = 0  # the status that ended it before it was answered
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    media: int | None = None
    speaking: asyncio.Task[None] | None = None
    replies: dict[int, asyncio.Future[SipMessage]] = field(default_factory=dict)

    # ---------------------------------------------------------------------------------------------- what he does

    async def answer(self) -> None:
        """Pick up, and wait until Asterisk has understood. Raises SceneError."""
        if self.invite is None:
            raise SceneError(f"{self.phone.number} can't answer a call of its own")
        self.answered_at = time.time()
        self.phone.send(sip_text.answer(self.invite, "200 OK", self._tag, self.phone.contact, self.phone.offer()))
        await self.phone.within(self.answered.wait(), "Asterisk's ACK")
        self.speak()

    def refuse(self, status: str) -> None:
        """``486 Busy Here``, ``603 Decline`` …"""
        if self.invite is None:
            raise SceneError(f"{self.phone.number} can't refuse a call of its own")
        self.phone.send(sip_text.answer(self.invite, status, self._tag, self.phone.contact))
        self.over()

    async def hang_up(self) -> float:
        """BYE, or CANCEL where nobody has answered yet. Returns when it was."""
        at = time.time()
        if self.ended.is_set():
            raise SceneError(f"{self.phone.number} wants to hang up, and the call is over already")
        if not self.answered.is_set() and self.invite is None:
            self.phone.cancel(self)
            await self.phone.within(self.ended.wait(), "the end of the cancelled call")
            return at
        await self.request("BYE")
        self.over()
        return at

    async def hold(self) -> float:
        """The other side hears music from now on. Returns when it was."""
        return await self._offered("sendonly")

    async def resume(self) -> float:
        return await self._offered("sendrecv")

    async def press(self, key: str) -> float:
        """A key, as SIP INFO. Returns when it was down."""
        at = time.time() + KEY_S / 2
        await self.request("INFO", body=f"Signal={key}\r\nDuration={round(KEY_S * 1000)}\r\n", kind="application/dtmf-relay")
        return at

    async def transfer(self, extension: str) -> float:
        """Blind: the other side goes to the extension, and we are rid of it. Returns when it was."""
        return await self._refer(f"<sip:{extension}@{ADDRESS}:{self.phone.asterisk_port}>")

    async def transfer_to(self, other: Dialogue) -> float:
        """Attended: the two calls of this telephone are put together, and we are rid of both. Returns when it was."""
        replaces = quote(f"{other.call_id};to-tag={tag_of(other.theirs)};from-tag={tag_of(other.ours)}", safe="")
        return await self._refer(f"<{other.target}?Replaces={replaces}>")

    async def over_there(self) -> float:
        """Wait until the other side hangs up. Returns when it was."""
        await self.phone.within(self.ended.wait(), "the other side to hang up")
        return self.ended_at

    # ---------------------------------------------------------------------------------------------- how

    async def request(
        self, method: str, headers: tuple[tuple[str, str], ...] = (), body: str = "", kind: str = "application/sdp"
    ) -> SipMessage:
        """Send it within the dialogue and wait for the final response."""
        self.sequence += 1
        number = self.sequence
        reply: asyncio.Future[SipMessage] = asyncio.get_running_loop().create_future()
        self.replies[number] = reply
        self.phone.send(sip_text.written(f"{method} {self.target} SIP/2.0", [*self.head(method, number), *headers], body, kind))
        return await self.phone.within(reply, f"an answer to {method}")

    def head(self, method: str, number: int, branch: str = "") -> list[tuple[str, str]]:
        return [
            ("Via", f"SIP/2.0/UDP {ADDRESS}:{self.phone.port};rport;branch=z9hG4bK{branch or new_token()}"),
            ("Max-Forwards", "70"),
            ("From", self.ours),
            ("To", self.theirs),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            ("Contact", f"<{self.phone.contact}>"),
        ]

    @property
    def _tag(self) -> str:
        return tag_of(self.ours)

    async def _offered(self, direction: str) -> float:
        at = time.time()
        reply = await self.request("INVITE", body=self.phone.offer(direction))
        self.phone.send(sip_text.written(f"ACK {self.target} SIP/2.0", self.head("ACK", self.sequence)))
        if reply.status != 200:
            raise SceneError(f"{self.phone.number}: {direction} was answered {reply.start}")
        return at

    async def _refer(self, to: str) -> float:
        at = time.time()
        reply = await self.request("REFER", (("Refer-To", to), ("Referred-By", self.ours.partition(";tag=")[0])))
        if reply.status // 100 != 2:
            raise SceneError(f"{self.phone.number}: its REFER was answered {reply.start}")
        return at

    def speak(self) -> None:
        """Silence as RTP until the call ends: a telephone that sends none is taken for dead."""
        if self.speaking is None and self.media is not None:
            self.speaking = asyncio.create_task(self._speak(self.media), name=f"voice of {self.phone.number}")

    async def _speak(self, port: int) -> None:
        source = int(new_token()[:8], 16)
        number = 0
        while True:
            self.phone.send_media(struct.pack("!BBHII", 0x80, 8, number & 0xFFFF, number * 1600, source) + _SILENCE, port)
            number += 1
            await asyncio.sleep(_RTP_EVERY_S)

    def over(self) -> None:
        if not self.ended.is_set():
            self.ended_at = time.time()
            self.ended.set()
        if self.speaking is not None:
            self.speaking.cancel()
            self.speaking = None


@dataclass(frozen=True, slots=True)
class Media:
    """Where all telephones of a world send their audio from; what comes is heard by nobody."""

    _transport: asyncio.DatagramTransport
    port: int

    @classmethod
    async def opened(cls) -> Media:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(ADDRESS, 0))
        return cls(transport, transport.get_extra_info("sockname")[1])

    def send(self, packet: bytes, port: int) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(packet, (ADDRESS, port))

    def close(self) -> None:
        self._transport.close()


class Telephone(asyncio.DatagramProtocol):
    """One telephone on a UDP port of its own. Whoever calls it rings until ``Dialogue.answer`` or ``refuse``."""

    def __init__(self, number: str, media: Media) -> None:
        self.number = number
        self._media = media
        self.port = 0
        self.asterisk_port = 0
        self._dialogues: dict[str, Dialogue] = {}
        self._calling: asyncio.Queue[Dialogue] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None
        self._branches: dict[str, str] = {}  # of the INVITEs we sent, for CANCEL and ACK

    @classmethod
    async def plugged_in(cls, number: str, media: Media, asterisk_port: int = 0) -> Telephone:
        """On a port the kernel gives; ``asterisk_port`` is to be set before it calls anybody."""
        phone = cls(number, media)
        phone.asterisk_port = asterisk_port
        phone._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: phone, local_addr=(ADDRESS, 0))
        phone.port = phone._transport.get_extra_info("sockname")[1]
        return phone

    def unplug(self) -> None:
        """No more is heard of it: no BYE, no RTP."""
        for dialogue in self._dialogues.values():
            dialogue.over()
        if self._transport is not None:
            self._transport.close()

    @property
    def contact(self) -> str:
        return f"sip:{self.number}@{ADDRESS}:{self.port}"

    def offer(self, direction: str = "sendrecv") -> str:
        return sip_text.session(ADDRESS, self._media.port, direction)

    async def rung(self) -> Dialogue:
        """The next call to this telephone; it rings already."""
        return await self.within(self._calling.get(), "a call")

    async def call(self, extension: str) -> Dialogue:
        """Dial, and wait until it is answered. Raises SceneError where it isn't."""
        dialogue = self.dial(extension)
        await self.within(dialogue.answered.wait(), f"an answer from {extension}")
        if dialogue.refused:
            raise SceneError(f"{self.number} called {extension} and was answered {dialogue.refused}")
        return dialogue

    def dial(self, extension: str) -> Dialogue:
        """Dial, and go on while it rings."""
        target = f"sip:{extension}@{ADDRESS}:{self.asterisk_port}"
        dialogue = Dialogue(self, new_token(), f"<sip:{self.number}@{ADDRESS}>;tag={new_token()}", f"<{target}>", target)
        branch = self._branches[dialogue.call_id] = new_token()
        self._dialogues[dialogue.call_id] = dialogue
        self.send(sip_text.written(f"INVITE {target} SIP/2.0", dialogue.head("INVITE", 1, branch), self.offer()))
        return dialogue

    def cancel(self, dialogue: Dialogue) -> None:
        head = dialogue.head("CANCEL", 1, self._branches[dialogue.call_id])
        self.send(sip_text.written(f"CANCEL {dialogue.target} SIP/2.0", head))

    async def within(self, what: Awaitable[_T], wanted: str) -> _T:
        """Raises SceneError after ``DEADLINE_S``."""
        try:
            return await asyncio.wait_for(what, DEADLINE_S)
        except TimeoutError:
            raise SceneError(f"telephone {self.number} waited {DEADLINE_S:g} s for {wanted}") from None

    def send(self, message: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(message, (ADDRESS, self.asterisk_port))

    def send_media(self, packet: bytes, port: int) -> None:
        self._media.send(packet, port)

    # ---------------------------------------------------------------------------------------------- what comes

    def datagram_received(self, data: bytes, _address: object) -> None:
        with contextlib.suppress(ValueError):
            message = sip_text.parse(data)
            if message.status:
                self._response(message)
            else:
                self._request(message)

    def _request(self, message: SipMessage) -> None:
        dialogue, method = self._dialogues.get(message.call_id), message.method
        if method == "INVITE" and dialogue is None:
            self._rung(message)
        elif method == "INVITE" and dialogue is not None:
            if dialogue.invite is not None and message.cseq == dialogue.invite.cseq:
                return  # repeated: our answer is on its way
            self.send(sip_text.answer(message, "200 OK", tag_of(dialogue.ours), self.contact, self.offer()))
        elif method == "ACK":
            if dialogue is not None and dialogue.answered_at:
                dialogue.answered.set()
        elif method == "CANCEL" and dialogue is not None and dialogue.invite is not None:
            self.send(sip_text.answer(message, "200 OK", tag_of(dialogue.ours), self.contact))
            self.send(sip_text.answer(dialogue.invite, "487 Request Terminated", tag_of(dialogue.ours), self.contact))
            dialogue.over()
        else:
            self.send(sip_text.answer(message, "200 OK", new_token(), self.contact))
            if method == "BYE" and dialogue is not None:
                dialogue.over()

    def _rung(self, invite: SipMessage) -> None:
        ours = f"{invite.get('to')};tag={new_token()}"
        dialogue = Dialogue(self, invite.call_id, ours, invite.get("from"), invite.contact, invite, rang_at=time.time())
        dialogue.media = sip_text.media_port(invite.body)
        self._dialogues[invite.call_id] = dialogue
        self.send(sip_text.answer(invite, "180 Ringing", tag_of(ours), self.contact))
        self._calling.put_nowait(dialogue)

    def _response(self, message: SipMessage) -> None:
        dialogue = self._dialogues.get(message.call_id)
        if dialogue is None or message.status < 200:
            return
        number, method = message.cseq
        if method == "INVITE" and number == 1:
            self._invited(dialogue, message)
        elif (reply := dialogue.replies.pop(number, None)) is not None and not reply.done():
            reply.set_result(message)

    def _invited(self, dialogue: Dialogue, message: SipMessage) -> None:
        """The final answer to our own call; each copy of it wants its ACK."""
        dialogue.theirs = message.get("to")
        if message.status == 200:
            dialogue.target = message.contact or dialogue.target
            dialogue.media = sip_text.media_port(message.body)
            self.send(sip_text.written(f"ACK {dialogue.target} SIP/2.0", dialogue.head("ACK", 1)))
            dialogue.answered_at = dialogue.answered_at or time.time()
            dialogue.speak()
        else:
            self.send(sip_text.written(f"ACK {dialogue.target} SIP/2.0", dialogue.head("ACK", 1, self._branches[dialogue.call_id])))
            dialogue.refused = message.status
            dialogue.over()
        dialogue.answered.set()
