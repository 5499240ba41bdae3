"""What a caller heard, recognised by the sound itself: prompts found in the received RTP by normalised cross-correlation.

For tests that must know what was said. Samples are 8 kHz; a prompt that was really played matches almost perfectly, for A-law's
noise is all that lies between the file and the ear.
"""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 8000
_MATCH = 0.85
_QUIET = 1e-9

Samples = NDArray[np.int16]


def load_wav(path: Path) -> Samples:
    """A 16-bit mono 8 kHz WAV."""
    with wave.open(str(path), "rb") as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2), path
        return np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").astype(np.int16)


def rms(samples: Samples) -> float:
    """Root mean square in 16-bit units; speech of ours is some thousand, silence under 50."""
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0


def likeness(heard: Samples, prompt: Samples) -> NDArray[np.float64]:
    """For every place in ``heard`` how much what begins there is like ``prompt``: 1 is the same sound, at any loudness."""
    if len(heard) < len(prompt):
        return np.zeros(0)
    signal, pattern = heard.astype(np.float64), prompt.astype(np.float64)
    size = 1 << (len(signal) + len(pattern) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(signal, size) * np.conj(np.fft.rfft(pattern, size)), size)
    places = len(signal) - len(pattern) + 1
    energy = np.concatenate(([0.0], np.cumsum(signal**2)))
    there = energy[len(pattern) :] - energy[:places]
    scale = np.sqrt(np.maximum(there, 1.0) * np.sum(pattern**2))
    matched: NDArray[np.float64] = product[:places] / np.maximum(scale, _QUIET)
    return matched


async def was_heard(heard: Samples, prompt: Path, first_s: float | None = None) -> bool:
    """Whether the prompt was played, whole or its first seconds. Calculated in a thread: others are calling meanwhile."""
    return await asyncio.to_thread(_was_heard, heard, prompt, first_s)


async def read_out(heard: Samples, folder: Path) -> str:
    """The digits and letters read out, in their order, as the sound files ``number-N`` and ``letter-x`` of ``folder``."""
    return await asyncio.to_thread(_read_out, heard, folder)


def _was_heard(heard: Samples, prompt: Path, first_s: float | None) -> bool:
    spoken = _spoken_part(load_wav(prompt))
    found = likeness(heard, spoken if first_s is None else spoken[: round(first_s * RATE)])
    return bool(len(found)) and float(found.max()) > _MATCH


def _read_out(heard: Samples, folder: Path) -> str:
    names: dict[str, Path] = {str(digit): folder / f"number-{digit}.wav" for digit in range(10)}
    names |= {chr(code).upper(): folder / f"letter-{chr(code)}.wav" for code in range(ord("a"), ord("z") + 1)}
    hits: list[tuple[float, int, int, str]] = []
    for name, path in names.items():
        pattern = _spoken_part(load_wav(path))
        found = likeness(heard, pattern)
        while len(found) and (place := int(found.argmax())) >= 0 and found[place] > _MATCH:
            hits.append((float(found[place]), place, len(pattern), name))
            found[max(0, place - len(pattern) // 2) : place + len(pattern) // 2] = 0.0
    kept: list[tuple[int, int, str]] = []
    for _, place, length, name in sorted(hits, reverse=True):  # where two claim the same sound, the better one has it
        middle = place + length / 2
        if not any(start <= middle < start + long or place <= start + long / 2 < place + length for start, long, _ in kept):
            kept.append((place, length, name))
    return "".join(name for _, _, name in sorted(kept))


def _spoken_part(samples: Samples) -> Samples:
    """Without the silence at both ends, which would match any silence."""
    loud: NDArray[Any] = np.flatnonzero(np.abs(samples.astype(np.int32)) > 200)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples
