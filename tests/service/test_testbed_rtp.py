"""The caller's ear and mouth on the wire: RFC 3550 headers, RFC 4733 keys, G.711 both ways."""

from __future__ import annotations

import asyncio
import itertools
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.testbed import voice
from ivr.testbed.errors import TestbedError
from ivr.testbed.keys import Listen, Press, Step, Talk
from ivr.testbed.rtp import RtpStream

HOST = "127.0.0.1"


class FarEnd(asyncio.DatagramProtocol):
    """A UDP port that keeps what comes."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets.append(data)


async def sent(steps: tuple[Step, ...], seconds: float, speech: bytes = b"\x2a" * 160) -> list[tuple[int, int, int, int, bytes]]:
    """(marker and type, sequence, timestamp, source, payload) of all that goes out."""
    loop = asyncio.get_running_loop()
    transport, far = await loop.create_datagram_endpoint(FarEnd, local_addr=(HOST, 0))
    stream = await RtpStream.open(HOST, speech)
    task = asyncio.create_task(stream.perform(steps, HOST, transport.get_extra_info("sockname")[1]))
    await asyncio.sleep(seconds)
    task.cancel()
    stream.close()
    await asyncio.sleep(0.01)
    transport.close()
    return [(packet[1], *struct.unpack_from("!HII", packet, 2), packet[12:]) for packet in far.packets]


async def test_a_key_is_one_event_said_to_its_end_three_times() -> None:
    packets = await sent((Press("#"),), 0.3)
    events = [packet for packet in packets if packet[0] & 0x7F == 101]
    assert [packet[0] >> 7 for packet in events] == [1, 0, 0, 0, 0, 0, 0, 0]  # the marker on the first alone
    assert len({packet[2] for packet in events}) == 1  # one timestamp, where the key began
    assert [struct.unpack("!BBH", packet[4]) for packet in events] == [
        *[(11, 10, 160 * number) for number in range(1, 6)],
        *[(11, 0x80 | 10, 960)] * 3,
    ]


async def test_sequence_numbers_and_clock_go_on_without_a_gap() -> None:
    packets = await sent((Press("1"), Press("2")), 0.7)
    assert [(b[1] - a[1]) & 0xFFFF for a, b in itertools.pairwise(packets)] == [1] * (len(packets) - 1)
    assert len({packet[3] for packet in packets}) == 1
    audio = [packet[2] for packet in packets if packet[0] == 8]
    ends = [packet[2] for packet in packets if packet[0] & 0x7F == 101 and packet[4][1] & 0x80]
    assert (audio[0] - ends[0]) & 0xFFFFFFFF == 960  # silence begins when the key has ended
    assert {(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(audio)} <= {160, 160 + 960}


async def test_talk_is_the_speech_over_and_over_and_then_silence() -> None:
    packets = await sent((Talk(0.1),), 0.25, speech=bytes(range(200)))
    payloads = [packet[4] for packet in packets]
    assert b"".join(payloads[:5]) == (bytes(range(200)) * 4)[:800]
    assert set(payloads[5:]) == {voice.SILENCE * 160}


async def test_listening_sends_silence_fifty_times_a_second() -> None:
    packets = await sent((Listen(0.2),), 0.4)
    assert 15 <= len(packets) <= 21


def audio_packet(sequence: int, payload: bytes, source: int = 7) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence, 0, source) + payload


async def heard(packets: list[bytes]) -> np.ndarray:
    stream = await RtpStream.open(HOST, b"\xd5")
    for packet in packets:
        stream.datagram_received(packet, (HOST, 9))
    stream.close()
    return stream.heard().samples


async def test_what_follows_on_is_heard_without_a_seam() -> None:
    tone = voice.made_up_voice(0.1, 200.0)
    frames = [tone[start : start + 160] for start in range(0, len(tone), 160)]
    samples = await heard([audio_packet(65533 + number & 0xFFFF, frame) for number, frame in enumerate(frames)])
    assert np.array_equal(samples, voice.decode(tone))


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x80", audio_packet(1, b""), b"\x00" + audio_packet(1, b"x" * 160)[1:], b"\x80\x65" + bytes(14), b"REGISTER sip:x SIP/2.0"],
)
async def test_what_is_no_audio_is_not_heard(packet: bytes) -> None:
    assert len(await heard([packet])) == 0


async def test_silence_is_not_counted_as_heard() -> None:
    stream = await RtpStream.open(HOST, b"\xd5")
    for number in range(100):
        payload = voice.made_up_voice(0.02, 200.0) if number < 50 else voice.SILENCE * 160
        stream.datagram_received(audio_packet(number, payload), (HOST, 9))
    stream.close()
    assert stream.heard().seconds == pytest.approx(1.0)


def test_a_law_is_g711s() -> None:
    """ITU-T G.711 table 1a: the extreme values and the smallest, in 16 bits."""
    assert [int(value) for value in voice.decode(b"\xaa\x2a\xd5\x55")] == [32256, -32256, 8, -8]


def test_every_a_law_byte_survives_the_way_to_samples_and_back() -> None:
    every = bytes(range(256))
    assert voice.encode(voice.decode(every)) == every


def test_a_voice_is_loud_enough_to_be_speech_and_not_clipped() -> None:
    samples = voice.decode(voice.made_up_voice(2.0, 190.0)).astype(float)
    assert -25 < 20 * np.log10(np.sqrt(np.mean(samples**2)) / 32768) < -12
    assert np.max(np.abs(samples)) < 32000


def test_a_sound_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    samples = voice.decode(voice.made_up_voice(0.5, 150.0))
    voice.to_wav(tmp_path / "said.wav", samples)
    assert np.array_equal(voice.decode(voice.from_wav(tmp_path / "said.wav")), samples)


def test_a_sound_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "cd.wav"), "wb") as sound:
        sound.setparams((2, 2, 44100, 0, "NONE", ""))
        sound.writeframes(bytes(400))
    with pytest.raises(TestbedError, match="not 16-bit 8 kHz mono"):
        voice.from_wav(tmp_path / "cd.wav")
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(TestbedError, match="can't be read as WAV"):
        voice.from_wav(tmp_path / "text.wav")
