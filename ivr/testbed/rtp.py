"""The caller's ear and mouth: one RTP stream of A-law and RFC 4733 keys over a UDP port of its own.

For ``caller``: SIPp does the signalling and names this port in its offer. SIPp's own pcap player would need root for its
raw socket, can't be told what to send while the call runs, and doesn't listen.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from ivr.testbed import voice
from ivr.testbed.keys import DIGIT_APART_S, HearOut, Press, Reach, Step, Talk
from ivr.testbed.metronome import BEAT_S, metronome

if TYPE_CHECKING:
    from ivr.testbed.voice import Samples

AUDIO_TYPE = 8  # PCMA, RFC 3551
EVENT_TYPE = 101  # dynamic; what the offer says telephone-event is
EVENTS = {**{str(digit): digit for digit in range(10)}, "*": 10, "#": 11, "A": 12, "B": 13, "C": 14, "D": 15}
FRAME_S = BEAT_S
FRAME_SAMPLES = 160
KEY_FRAMES = 6  # 120 ms a key; RFC 4733 asks for 40 ms at least
END_PACKETS = 3  # the end of an event is said three times, RFC 4733 section 2.5.1.4
EVENT_VOLUME = 10  # −10 dBm0
# A-law bytes of 256 and more, without their sign and the inversion of even bits (G.711): speech, in 160 bytes some of them.
_LOUD = bytes(int((code ^ 0x55) & 0x7F > 0x20) for code in range(256))
_LOUD_BYTES = 8
SILENT_AFTER_S = 1.2  # longer than any pause within what is said
AUDIBLE_RMS = 180.0  # −45 dBFS: louder than line noise, softer than any prompt
_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class Heard:
    """What came in, laid out on the call's own time from the first packet sent or received."""

    samples: Samples = field(repr=False)

    @property
    def seconds(self) -> float:
        """Seconds of it that were not silence."""
        whole = len(self.samples) // FRAME_SAMPLES * FRAME_SAMPLES
        frames = self.samples[:whole].astype(np.float64).reshape(-1, FRAME_SAMPLES)
        return float(np.count_nonzero(np.sqrt(np.mean(frames**2, axis=1)) > AUDIBLE_RMS)) * FRAME_S


@dataclass
class RtpStream(asyncio.DatagramProtocol):
    """Sends what the steps say to the far end's port, 50 packets a second, and keeps what comes back."""

    speech: bytes
    where: Callable[[], Sequence[str]] = tuple  # the nodes the call has come to, for ``Reach``
    _transport: asyncio.DatagramTransport | None = None
    _began: float | None = None
    _frames: list[tuple[int, bytes]] = field(default_factory=list)
    _expected: tuple[int, int, int] | None = None  # (SSRC, sequence number, sample) of the packet that continues
    _source: int = field(default_factory=lambda: random.getrandbits(32))
    _sequence: int = field(default_factory=lambda: random.getrandbits(16))
    _timestamp: int = field(default_factory=lambda: random.getrandbits(32))
    _spoken: int = 0
    _loud_at: float = 0.0
    finished: asyncio.Event = field(default_factory=asyncio.Event)  # all steps have been carried out

    @classmethod
    async def open(cls, address: str, speech: bytes, where: Callable[[], Sequence[str]] = tuple) -> RtpStream:
        """A stream on a free port of ``address``; ``speech`` is A-law, said over and over while talking."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(lambda: cls(speech, where), local_addr=(address, 0))
        return protocol

    @property
    def port(self) -> int:
        assert self._transport is not None  # noqa: S101 - set by asyncio before anybody has the stream
        return int(self._transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def heard(self) -> Heard:
        length = max((start + len(payload) for start, payload in self._frames), default=0)
        samples = np.zeros(length, dtype=np.int16)
        for start, payload in self._frames:
            samples[start : start + len(payload)] = voice.decode(payload)
        return Heard(samples)

    # ---------------------------------------------------------------------------------------------- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) <= _HEADER.size or data[0] >> 6 != 2 or data[1] & 0x7F != AUDIO_TYPE:
            return
        _, _, sequence, _, source = _HEADER.unpack_from(data)
        payload = data[_HEADER.size + 4 * (data[0] & 0x0F) :]
        if payload.translate(_LOUD).count(1) > _LOUD_BYTES:
            self._loud_at = self._now()
        if self._expected is not None and self._expected[:2] == (source, sequence):
            start = self._expected[2]
        else:  # a new sound, or a lost packet: where its arrival says
            start = round(self._now() * voice.RATE)
        self._frames.append((start, payload))
        self._expected = (source, (sequence + 1) & 0xFFFF, start + len(payload))

    def _now(self) -> float:
        now = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = now
        return now - self._began

    # ---------------------------------------------------------------------------------------------- speaking

    async def perform(self, steps: tuple[Step, ...], host: str, port: int) -> None:
        """Carry out the steps, then send silence for ever: until cancelled."""
        frames = self._packets(steps)

        def beat() -> None:
            if self._transport is not None and not self._transport.is_closing():
                for packet in next(frames):
                    self._transport.sendto(packet, (host, port))

        with metronome().calling(beat):
            await asyncio.Event().wait()

    def _packets(self, steps: tuple[Step, ...]) -> Iterator[list[bytes]]:
        """The packets of each 20 ms."""
        for step in steps:
            if isinstance(step, Press):
                yield from self._key(step.key)
                rest = round(DIGIT_APART_S / FRAME_S) - KEY_FRAMES
                yield from ([self._silence()] for _ in range(rest))
                continue
            began = self._now()
            while self._now() < began + step.seconds:  # by the clock: a busy machine misses beats
                if isinstance(step, Reach) and step.reached(self.where()):
                    break
                yield [self._speech()] if isinstance(step, Talk) else [self._silence()]
                if isinstance(step, HearOut) and began < self._loud_at < self._now() - SILENT_AFTER_S:
                    break
        self.finished.set()
        while True:
            yield [self._silence()]

    def _key(self, key: str) -> Iterator[list[bytes]]:
        began = self._timestamp
        for number in range(1, KEY_FRAMES + 1):
            duration = number * FRAME_SAMPLES
            last = number == KEY_FRAMES
            payload = struct.pack("!BBH", EVENTS[key], (0x80 if last else 0) | EVENT_VOLUME, duration)
            copies = END_PACKETS if last else 1
            yield [self._packet(EVENT_TYPE, payload, began, marker=number == 1) for _ in range(copies)]
        self._timestamp = (began + KEY_FRAMES * FRAME_SAMPLES) & 0xFFFFFFFF

    def _silence(self) -> bytes:
        return self._audio(voice.SILENCE * FRAME_SAMPLES)

    def _speech(self) -> bytes:
        start = self._spoken % len(self.speech)
        self._spoken += FRAME_SAMPLES
        return self._audio((self.speech[start:] + self.speech)[:FRAME_SAMPLES])

    def _audio(self, payload: bytes) -> bytes:
        packet = self._packet(AUDIO_TYPE, payload, self._timestamp, marker=False)
        self._timestamp = (self._timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
        return packet

    def _packet(self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool) -> bytes:
        kind = payload_type | (0x80 if marker else 0)
        header = _HEADER.pack(0x80, kind, self._sequence, timestamp, self._source)
        self._sequence = (self._sequence + 1) & 0xFFFF
        return header + payload
