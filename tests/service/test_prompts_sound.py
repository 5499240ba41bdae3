"""Levels, silence and files: what every prompt goes through before Asterisk gets it."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.prompts.errors import SoundUnusable
from ivr.prompts.loudness import levelled, loudness_lufs, peak_dbfs
from ivr.prompts.sound import Trim, parse_wav, read_recording, to_telephone, trimmed, wav_bytes
from ivr.prompts.tones import beep, hold_music

RATE = 8000


def tone(seconds: float, hertz: float = 500.0, amplitude: float = 0.2, rate: int = RATE) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("seconds", [0.15, 0.39, 0.41, 3.0])
def test_short_and_long_sounds_of_one_level_measure_the_same(seconds: float) -> None:
    assert loudness_lufs(tone(seconds)) == pytest.approx(loudness_lufs(tone(6.0)), abs=0.2)


def test_silence_around_a_sound_does_not_make_it_softer() -> None:
    assert loudness_lufs(np.pad(tone(0.3), 4000)) == pytest.approx(loudness_lufs(tone(0.3)), abs=0.3)


@pytest.mark.parametrize("amplitude", [0.003, 0.2, 0.999])
def test_levelling_reaches_the_target(amplitude: float) -> None:
    assert loudness_lufs(levelled(tone(1.0, amplitude=amplitude))) == pytest.approx(-19.0, abs=0.2)


def test_a_spiky_sound_is_limited_and_still_loud_enough() -> None:
    spiky = tone(1.0, amplitude=0.05)
    spiky[::400] = 0.9
    result = levelled(spiky)
    assert peak_dbfs(result) <= -3.0
    assert loudness_lufs(result) == pytest.approx(-19.0, abs=1.0)


def test_silence_can_not_be_levelled() -> None:
    with pytest.raises(SoundUnusable, match="silence"):
        levelled(np.zeros(8000))


def test_trimming_leaves_exactly_the_silence_asked_for() -> None:
    padded = np.pad(tone(0.3), (3000, 5000))
    result = trimmed(padded, Trim(0.04, 0.1, 46.0))
    assert len(result) == pytest.approx((0.04 + 0.3 + 0.1) * RATE, abs=0.01 * RATE)
    assert np.max(np.abs(result[: int(0.03 * RATE)])) == 0.0


def test_a_sound_without_silence_gets_it() -> None:
    assert len(trimmed(tone(0.3), Trim(0.06, 0.15, 46.0))) == pytest.approx(0.51 * RATE, abs=80)


def test_resampling_keeps_length_and_removes_the_offset() -> None:
    result = to_telephone(tone(1.0, rate=44100) + 0.3, 44100)
    assert len(result) == pytest.approx(RATE, abs=2)
    assert abs(np.mean(result)) < 1e-9


def test_the_file_is_what_asterisk_plays() -> None:
    data = wav_bytes(tone(0.5))
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (1, 2, 8000, 4000)
    assert len(data) == 44 + 8000
    np.testing.assert_allclose(parse_wav(data), tone(0.5), atol=1e-4)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"no sound at all" * 10, wav_bytes(tone(0.1))[:30]])
def test_what_is_no_wav_is_told(data: bytes) -> None:
    with pytest.raises(SoundUnusable, match="isn't a WAV"):
        parse_wav(data)


def test_stereo_and_clipping_of_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.column_stack([tone(0.5, rate=44100), tone(0.5, rate=44100)]), 44100)
    samples, rate, clipped = read_recording(path)
    assert (samples.ndim, rate, clipped) == (1, 44100, False)

    soundfile.write(path, np.clip(tone(0.5, amplitude=3.0), -1, 1), RATE)
    assert read_recording(path)[2] is True


def test_recordings_that_can_not_be_used(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with pytest.raises(SoundUnusable, match="can't be read as sound"):
        read_recording(path)
    path.write_text("these are words")
    with pytest.raises(SoundUnusable, match="can't be read as sound"):
        read_recording(path)
    soundfile.write(path, np.zeros(0), RATE)
    with pytest.raises(SoundUnusable, match="empty"):
        read_recording(path)
    soundfile.write(path, np.array([0.1, np.nan]), RATE, subtype="FLOAT")
    with pytest.raises(SoundUnusable, match="NaN"):
        read_recording(path)
    soundfile.write(path, np.zeros(901 * 100), 100)
    with pytest.raises(SoundUnusable, match="15 minutes long; 15 is the most"):
        read_recording(path)


def test_beep_and_music_have_their_levels() -> None:
    assert loudness_lufs(beep()) == pytest.approx(-19.0, abs=0.2)
    assert len(beep()) == 2000
    music = hold_music()
    assert loudness_lufs(music) == pytest.approx(-24.0, abs=0.2)
    assert len(music) == 48 * RATE


def test_nobody_waits_in_silence_and_the_loop_has_no_seam() -> None:
    music = hold_music()
    each_second = np.sqrt(np.mean(music.reshape(-1, RATE) ** 2, axis=1))
    assert np.min(each_second) > 0.01
    assert abs(music[0] - music[-1]) < 2 * np.max(np.abs(np.diff(music)))


def test_no_exchange_takes_the_music_for_keys() -> None:
    spectrum = np.abs(np.fft.rfft(hold_music()))
    hertz = np.fft.rfftfreq(48 * RATE, 1 / RATE)
    in_columns = np.sum(spectrum[(hertz > 1180) & (hertz < 1660)] ** 2)
    assert in_columns / np.sum(spectrum**2) < 0.001  # DTMF needs both tones, about equally strong
