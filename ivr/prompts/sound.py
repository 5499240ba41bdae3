"""Sound files: people's recordings in, Asterisk's 16-bit 8 kHz mono WAV out.

For ``library``; reading a WAV of our own needs no heavy library, reading a recording does.
"""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ivr.prompts.errors import SoundUnusable
from ivr.prompts.levels import TELEPHONE_RATE
from ivr.prompts.loudness import sounding

if TYPE_CHECKING:
    from ivr.prompts.loudness import Signal

LONGEST_RECORDING_S = 900.0  # hold music of a quarter of an hour; a prompt is seconds
_CLIPPED_RUN = 4  # samples in a row at full scale: no voice does that by chance
_FADE_S = 0.003


@dataclass(frozen=True, slots=True)
class Trim:
    """What to leave around a sound: silence before and after in s; ``below_db`` under the loudest counts as silence."""

    head_s: float
    tail_s: float
    below_db: float


def to_telephone(samples: Signal, rate: int) -> Signal:
    """The signal at 8 kHz without its DC offset."""
    import soxr

    if rate != TELEPHONE_RATE:
        samples = soxr.resample(samples, rate, TELEPHONE_RATE, quality="VHQ")
    without_offset: Signal = samples - np.mean(samples)
    return without_offset


def trimmed(signal: Signal, trim: Trim) -> Signal:
    """Exactly ``head_s`` and ``tail_s`` around what sounds, with a fade against clicks. Raises SoundUnusable for silence."""
    where = sounding(signal, TELEPHONE_RATE, trim.below_db)
    if where is None:
        raise SoundUnusable("there is nothing but silence in it", is_empty=True)
    head, tail = round(trim.head_s * TELEPHONE_RATE), round(trim.tail_s * TELEPHONE_RATE)
    around = np.pad(signal, (head, tail))[where.start : where.stop + head + tail].copy()
    fade = round(_FADE_S * TELEPHONE_RATE)
    ramp = np.linspace(0.0, 1.0, fade, endpoint=False)
    around[:fade] *= ramp
    around[-fade:] *= ramp[::-1]
    return around


def read_recording(path: Path) -> tuple[Signal, int, bool]:
    """Somebody's recording as a mono signal, its rate in Hz, and whether it is clipped.

    Raises SoundUnusable with a sentence (without the path) when it can't be read, is empty, or is too long.
    """
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            seconds = file.frames / file.samplerate
            if seconds > LONGEST_RECORDING_S:
                raise SoundUnusable(f"it is {seconds / 60:.0f} minutes long; {LONGEST_RECORDING_S / 60:.0f} is the most")
            rate = int(file.samplerate)
            samples = file.read(dtype="float64", always_2d=True)
    except (OSError, RuntimeError, ValueError, TypeError) as error:  # libsndfile's errors are RuntimeErrors
        reason = str(error).split(": ", 1)[-1].rstrip(".")
        raise SoundUnusable(f"it can't be read as sound ({reason}); save it as WAV, 16 bits") from error
    mono: Signal = samples.mean(axis=1)
    if not len(mono):
        raise SoundUnusable("it is empty", is_empty=True)
    if not np.all(np.isfinite(mono)):
        raise SoundUnusable("it holds numbers that are no samples (NaN or infinity)")
    return mono, rate, _is_clipped(samples)


def wav_bytes(signal: Signal) -> bytes:
    """The file as Asterisk wants it: 44 bytes of header, then 16-bit samples."""
    samples = np.clip(np.rint(signal * 32767.0), -32768, 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(TELEPHONE_RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def parse_wav(data: bytes) -> Signal:
    """The samples of a file of ours. Raises SoundUnusable when it isn't 16-bit 8 kHz mono WAV."""
    try:
        with wave.open(io.BytesIO(data), "rb") as file:
            shape = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError, ValueError) as error:
        raise SoundUnusable(f"it isn't a WAV file ({error or 'it ends too early'})") from error
    if shape != (1, 2, TELEPHONE_RATE):
        raise SoundUnusable(f"it has {shape[0]} channels of {shape[1] * 8} bits at {shape[2]} Hz, not 1 of 16 at 8000")
    return np.frombuffer(frames[: len(frames) // 2 * 2], dtype="<i2").astype(np.float64) / 32767.0


def _is_clipped(samples: Signal) -> bool:
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak < 0.99:
        return False
    at_limit = (np.abs(samples) >= peak * 0.9995).any(axis=1).astype(np.int64)
    runs = np.convolve(at_limit, np.ones(_CLIPPED_RUN, dtype=np.int64), mode="valid")
    return bool(np.any(runs == _CLIPPED_RUN))
