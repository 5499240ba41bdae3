"""The sounds that aren't words: the beep before a recording, and music for those who wait.

Ours, made from sines by numpy; nobody's licence applies. For ``builder`` alone: raise its TONES_VERSION with any change here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ivr.prompts.levels import MUSIC_LUFS, TELEPHONE_RATE
from ivr.prompts.loudness import levelled

if TYPE_CHECKING:
    from ivr.prompts.loudness import Signal

_BEEP_HZ = 880.0  # no tone of the telephone network nor of DTMF's eight
_BEEP_S = 0.25
_BEAT_S = 0.75
# C major pentatonic between 262 and 660 Hz: inside the telephone's band, under DTMF's row of 697 Hz and above, so that
# no exchange on the way takes the music for keys. Semitones above C4; None is a rest.
_MELODY = (
    (4, None, 7, 9, 7, None, 4, None),
    (2, None, 4, 7, 4, None, 0, None),
    (4, None, 7, 9, 12, None, 9, 7),
    (9, None, 7, 4, 2, None, None, None),
    (7, None, 9, 12, 14, None, 12, 9),
    (7, None, 4, 7, 9, None, 7, None),
    (4, 2, 0, None, 2, None, 4, None),
    (2, None, 0, None, None, None, None, None),
)
_BASS = (0, 9, 0, 7, 0, 9, 7, 0)  # one a bar, an octave lower would be under the telephone's 300 Hz: held softly instead


def beep() -> Signal:
    """A quarter of a second, with edges soft enough not to click."""
    time = np.arange(round(_BEEP_S * TELEPHONE_RATE)) / TELEPHONE_RATE
    edge = np.minimum(1.0, np.minimum(time, _BEEP_S - time) / 0.02)
    return levelled(np.sin(2 * np.pi * _BEEP_HZ * time) * edge)


def hold_music() -> Signal:
    """48 s of slow bell-like notes that end where they begin: played round and round there is no seam."""
    beats = [note for bar in _MELODY for note in bar]
    total = round(len(beats) * _BEAT_S * TELEPHONE_RATE)
    loop = np.zeros(total)
    for position, note in enumerate(beats):
        if note is not None:
            _add(loop, _bell(_hertz(note), 2.6), round(position * _BEAT_S * TELEPHONE_RATE))
    bar_s = _BEAT_S * len(_MELODY[0])
    for bar, note in enumerate(_BASS):
        _add(loop, 0.35 * _held(_hertz(note), bar_s + 1.0), round(bar * bar_s * TELEPHONE_RATE))
    return levelled(loop, MUSIC_LUFS)


def _hertz(semitones: int) -> float:
    return 261.6256 * float(2.0 ** (semitones / 12))


def _bell(hertz: float, seconds: float) -> Signal:
    time = np.arange(round(seconds * TELEPHONE_RATE)) / TELEPHONE_RATE
    attack = np.minimum(1.0, time / 0.015)
    tone = np.sin(2 * np.pi * hertz * time) + 0.12 * np.sin(4 * np.pi * hertz * time) * np.exp(-time * 5.0)
    end = np.minimum(1.0, (seconds - time) / 0.2)
    bell: Signal = tone * attack * np.exp(-time * 1.6) * end
    return bell


def _held(hertz: float, seconds: float) -> Signal:
    time = np.arange(round(seconds * TELEPHONE_RATE)) / TELEPHONE_RATE
    swell = np.minimum(1.0, np.minimum(time, seconds - time) / 1.0)
    # Two strings a trifle apart: a slow beat instead of an organ's stiffness.
    held: Signal = swell * (np.sin(2 * np.pi * hertz * time) + np.sin(2 * np.pi * (hertz + 0.5) * time)) / 2
    return held


def _add(loop: Signal, sound: Signal, start: int) -> None:
    """Lay a sound into the loop; what rings on past the end rings on at the beginning."""
    np.add.at(loop, (start + np.arange(len(sound))) % len(loop), sound)
