"""How loud a sound is to a listener, and bringing it to the level every prompt has.

For ``library`` and the rooms' tests. Signals are mono float arrays between -1 and 1 at TELEPHONE_RATE unless said otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ivr.prompts.errors import SoundUnusable
from ivr.prompts.levels import CEILING_DBFS, TARGET_LUFS, TELEPHONE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Signal = NDArray[np.float64]

_HEADROOM_DB = 0.1  # below the ceiling, for the rounding to 16 bits
_SHORT_S = 2.0
_LOOK_S = 0.005  # the limiter's look-ahead to either side
_FRAME_S = 0.005
_INAUDIBLE_DBFS = -60.0


def decibels(ratio: float) -> float:
    return 20.0 * float(np.log10(max(ratio, 1e-10)))


def peak_dbfs(signal: Signal) -> float:
    return decibels(float(np.max(np.abs(signal), initial=0.0)))


def sounding(signal: Signal, rate: int, below_db: float) -> slice | None:
    """Where the sound begins and ends: frames of 5 ms less than ``below_db`` under the loudest. None if all is silent."""
    frame = max(1, int(rate * _FRAME_S))
    padded = np.pad(signal, (0, -len(signal) % frame))
    levels = np.sqrt(np.mean(padded.reshape(-1, frame) ** 2, axis=1))
    loudest = float(np.max(levels, initial=0.0))
    if decibels(loudest) < _INAUDIBLE_DBFS:
        return None
    loud = np.flatnonzero(levels > loudest * 10 ** (-below_db / 20))
    return slice(int(loud[0]) * frame, min(len(signal), (int(loud[-1]) + 1) * frame))


def loudness_lufs(signal: Signal) -> float:
    """Integrated loudness by ITU-R BS.1770-4, of the sound without the silence around it.

    The standard's blocks are 0.4 s long, and a digit may be shorter: a sound under 2 s is measured as if it were said
    over and over, so that a digit is as loud as the same voice in a sentence. Raises SoundUnusable for silence.
    """
    import pyloudnorm  # brings scipy: 0.5 s, which a build with nothing to do must not pay

    where = sounding(signal, TELEPHONE_RATE, below_db=40.0)
    if where is None:
        raise SoundUnusable("there is nothing but silence in it", is_empty=True)
    heard = signal[where]
    shortest = int(_SHORT_S * TELEPHONE_RATE)
    if len(heard) < shortest:
        heard = np.tile(heard, -(-shortest // len(heard)))
    return float(pyloudnorm.Meter(TELEPHONE_RATE).integrated_loudness(heard))


def levelled(signal: Signal, target_lufs: float = TARGET_LUFS) -> Signal:
    """The sound at the target loudness, its peaks held under the ceiling by a look-ahead limiter.

    Limiting costs loudness, so it is repeated with more gain until the level is right within 0.1 LU or five times.
    Raises SoundUnusable for silence.
    """
    gain_db = target_lufs - loudness_lufs(signal)
    result = signal
    for _ in range(5):
        result = _limited(signal * 10 ** (gain_db / 20))
        short = target_lufs - loudness_lufs(result)
        if abs(short) < 0.1:
            break
        gain_db += short
    return result


def _limited(signal: Signal) -> Signal:
    ceiling = 10 ** ((CEILING_DBFS - _HEADROOM_DB) / 20)
    if np.max(np.abs(signal)) <= ceiling:
        return signal
    reach = int(_LOOK_S * TELEPHONE_RATE)
    allowed = np.minimum(1.0, ceiling / np.maximum(np.abs(signal), 1e-10))
    # The least gain allowed within reach, then smoothed over the same reach: nowhere more than is allowed there.
    lowest = np.lib.stride_tricks.sliding_window_view(np.pad(allowed, reach, mode="edge"), 2 * reach + 1).min(axis=1)
    window = np.hanning(2 * reach + 3)[1:-1]
    gain = np.convolve(np.pad(lowest, reach, mode="edge"), window / window.sum(), mode="valid")
    limited: Signal = signal * gain
    return limited
