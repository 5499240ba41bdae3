"""Speech to send in a call, as A-law: a sound file's, or a made-up voice nobody mistakes for silence or for keys.

For ``rtp`` and ``agents``. Samples are 8 kHz mono, 16 bits; 160 bytes of A-law are 20 ms.
"""

from __future__ import annotations

import wave
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ivr.testbed.errors import TestbedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.int16]

RATE = 8000  # Hz
SILENCE = b"\xd5"  # A-law for the smallest positive sample


@cache
def _decoded() -> Samples:
    """What each of the 256 A-law bytes stands for (ITU-T G.711, table 1a), in 16 bits."""
    code = np.arange(256) ^ 0x55
    segment, step = (code >> 4) & 7, code & 15
    size = np.where(segment == 0, step * 16 + 8, (step * 16 + 264) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, size, -size).astype(np.int16)


def decode(payload: bytes) -> Samples:
    return _decoded()[np.frombuffer(payload, dtype=np.uint8)]


def encode(samples: Samples) -> bytes:
    """The nearest A-law byte of each sample."""
    values = _decoded()
    order = np.argsort(values)
    ladder = values[order].astype(np.int32)
    between = (ladder[1:] + ladder[:-1]) / 2
    return order[np.searchsorted(between, samples.astype(np.int32))].astype(np.uint8).tobytes()


@cache  # every caller has the same voice, and making it would hold up those who are calling
def made_up_voice(seconds: float, pitch_hz: float) -> bytes:
    """A-law of a vowel-like hum in syllables of a quarter of a second, about −17 dBFS; no two of its tones are a DTMF pair."""
    time = np.arange(round(seconds * RATE)) / RATE
    glide = pitch_hz * (1 + 0.08 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(glide) / RATE
    hum = sum(np.sin(phase * harmonic) / harmonic for harmonic in range(1, 9))
    syllables = np.clip(np.sin(2 * np.pi * 4.0 * time) + 0.6, 0.0, 1.0)
    return encode((5000 * hum * syllables).astype(np.int16))


def from_wav(path: Path) -> bytes:
    """A-law of a 16-bit 8 kHz mono WAV, which is what the prompt library writes. Raises TestbedError for any other."""
    try:
        with wave.open(str(path), "rb") as sound:
            if (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) != (RATE, 1, 2):
                raise TestbedError(f"{path} is not 16-bit 8 kHz mono; convert it first.")
            return encode(np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2"))
    except (OSError, wave.Error, EOFError) as error:
        raise TestbedError(f"{path} can't be read as WAV: {error}.") from error


def to_wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(samples.astype("<i2").tobytes())
