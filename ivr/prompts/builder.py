"""Makes the sound files that are missing or stale, and nothing when none is.

For ``library`` alone, which holds the lock: one builder works in a prompts folder at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from callflows.speech import Prompt
from ivr.prompts import manifest
from ivr.prompts.errors import PromptsError, SoundUnusable, VoiceUnavailable
from ivr.prompts.levels import MUSIC_LUFS, TARGET_LUFS, TELEPHONE_RATE
from ivr.prompts.manifest import Entry
from ivr.prompts.voice import EspeakVoice, is_numeral, voice_name

if TYPE_CHECKING:
    from ivr.prompts.loudness import Signal
    from ivr.prompts.sound import Trim

Progress = Callable[[int, int, Prompt], None]
# Raise with any change in trimming, levelling or conversion: everything made before is then stale.
RECIPE = "1"
TONES_VERSION = "1"
RECORDING_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


@dataclass(frozen=True, slots=True)
class PromptProblem:
    """One fault. ``code`` is missing, stale, too-loud, too-quiet, unreadable, empty, clipped or unused-recording."""

    code: str
    name: str
    language: str
    path: Path
    message: str
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did. ``problems`` are recordings that could not be used, or only with a warning."""

    rendered: int
    recordings: int
    tones: int
    kept: int
    problems: tuple[PromptProblem, ...] = ()
    pruned: tuple[Path, ...] = ()

    @property
    def made(self) -> int:
        return self.rendered + self.recordings + self.tones


@dataclass(frozen=True, slots=True)
class Item:
    """One sound file to be: ``key`` is its path without extension; ``recording`` where a person's would lie, likewise."""

    key: str
    recording: str
    name: str
    language: str
    prompt: Prompt | None = None  # None: a tone


@dataclass
class Builder:
    """One run over the wanted items. ``entries`` is the manifest, changed as files are made."""

    directory: Path
    entries: dict[str, Entry]
    originals: Mapping[str, Path]
    voice: EspeakVoice
    problems: list[PromptProblem] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"rendered": 0, "recording": 0, "synthesised": 0, "kept": 0})

    def run(self, items: list[Item], progress: Progress | None) -> None:
        """Raises VoiceUnavailable, PromptsError (the folder can't be written)."""
        to_render = []
        for item in items:
            if self._install_recording(item):
                continue
            if self.is_current(item):
                self.counts["kept"] += 1
            else:
                to_render.append(item)
        prompts = sum(item.prompt is not None for item in to_render)
        done = 0
        for item in to_render:
            if item.prompt is None:
                self._synthesise(item)
                continue
            self._render(item, item.prompt)
            done += 1
            if progress is not None:
                progress(done, prompts, item.prompt)

    def is_current(self, item: Item) -> bool:
        """Whether what lies there is what rendering would make now; where there is no engine, whether the words are right."""
        entry = self.entries.get(item.key)
        if entry is None or entry.source == "recording" or not self._is_intact(item, entry):
            return False
        try:
            wanted = self._identity(item)
        except VoiceUnavailable:
            return item.prompt is not None and item.prompt.text == entry.text
        return wanted == (entry.text, entry.language, entry.voice, entry.engine, entry.version)

    def _identity(self, item: Item) -> tuple[str, str, str, str, str]:
        if item.prompt is None:
            return ("", item.language, "", "ivrd tones", f"{TONES_VERSION} recipe {RECIPE}")
        return (
            item.prompt.text,
            item.language,
            voice_name(item.prompt),
            self.voice.engine,
            f"{self.voice.version} recipe {RECIPE}",
        )

    def _is_intact(self, item: Item, entry: Entry) -> bool:
        try:
            return hashlib.sha256(sound_path(self.directory, item.key).read_bytes()).hexdigest() == entry.sha256
        except OSError:
            return False

    def _install_recording(self, item: Item) -> bool:
        original = self.originals.get(item.recording)
        if original is None:
            return False
        try:
            with original.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            self._refuse(item, original, f"it can't be read: {error.strerror}")
            return False
        entry = self.entries.get(item.key)
        relative = original.relative_to(self.directory).as_posix()
        text = item.prompt.text if item.prompt else ""
        if (
            entry is not None
            and (entry.original_sha256, entry.version, entry.text) == (digest, f"recipe {RECIPE}", text)
            and self._is_intact(item, entry)
        ):
            self.counts["kept"] += 1
            return True
        from ivr.prompts import sound
        from ivr.prompts.loudness import levelled

        try:
            samples, rate, clipped = sound.read_recording(original)
            signal = sound.to_telephone(samples, rate)
            if not is_music(item):
                signal = sound.trimmed(signal, _trim(item, below_db=36.0))  # a room's noise is no speech
            signal = levelled(signal, MUSIC_LUFS if is_music(item) else TARGET_LUFS)
        except SoundUnusable as error:
            self._refuse(item, original, str(error), is_empty=error.is_empty)
            return False
        if clipped:
            self.problems.append(
                PromptProblem(
                    "clipped", item.name, item.language, original,
                    f"{original}: the recording is overdriven (clipped); it is used, but record it again more softly",
                    "warning",
                )
            )  # fmt: skip
        made = _Made(text, "", "recording", f"recipe {RECIPE}", "recording", relative, digest)
        self._keep(item, signal, made)
        return True

    def _refuse(self, item: Item, original: Path, why: str, *, is_empty: bool = False) -> None:
        self.problems.append(
            PromptProblem(
                "empty" if is_empty else "unreadable", item.name, item.language, original,
                f"{original}: {why}; the rendered voice is used instead",
            )
        )  # fmt: skip

    def _render(self, item: Item, prompt: Prompt) -> None:
        text, _, voice, engine, version = self._identity(item)
        spoken = self.voice.render(prompt)
        from ivr.prompts import sound
        from ivr.prompts.loudness import levelled

        try:
            signal = sound.trimmed(sound.to_telephone(spoken.samples, spoken.rate), _trim(item, below_db=46.0))
            signal = levelled(signal)
        except (SoundUnusable, ValueError) as error:
            raise PromptsError(
                f"prompt {item.name} ({item.language}): the voice says nothing for {prompt.text!r}; write it in words"
            ) from error
        self._keep(item, signal, _Made(text, voice, engine, version, "rendered"))

    def _synthesise(self, item: Item) -> None:
        from ivr.prompts import tones

        _, _, _, engine, version = self._identity(item)
        signal = tones.hold_music() if is_music(item) else tones.beep()
        self._keep(item, signal, _Made("", "", engine, version, "synthesised"))

    def _keep(self, item: Item, signal: Signal, made: _Made) -> None:
        from ivr.prompts.loudness import loudness_lufs, peak_dbfs
        from ivr.prompts.sound import wav_bytes

        data = wav_bytes(signal)
        path = sound_path(self.directory, item.key)
        try:
            manifest.replace_file(path, data)
        except OSError as error:
            raise PromptsError(f"{path}: can't be written: {error.strerror}") from error
        self.entries[item.key] = Entry(
            text=made.text,
            language=item.language,
            voice=made.voice,
            engine=made.engine,
            version=made.version,
            sha256=hashlib.sha256(data).hexdigest(),
            seconds=round(len(signal) / TELEPHONE_RATE, 3),
            source=made.source,
            loudness=round(loudness_lufs(signal), 2),
            peak=round(peak_dbfs(signal), 2),
            original=made.original,
            original_sha256=made.original_sha256,
        )
        self.counts[made.source] += 1


@dataclass(frozen=True, slots=True)
class _Made:
    """The manifest's columns that tell where a sound comes from."""

    text: str
    voice: str
    engine: str
    version: str
    source: manifest.Source
    original: str | None = None
    original_sha256: str | None = None


def is_music(item: Item) -> bool:
    """Hold music is softer than speech, and its silences are its own."""
    return item.key.startswith("moh/")


def _trim(item: Item, below_db: float) -> Trim:
    """Numerals are read one after another: little silence around them. Other prompts get the pause a sentence has."""
    from ivr.prompts.sound import Trim

    if item.prompt is None or is_numeral(item.prompt):
        return Trim(0.04, 0.04, below_db)
    return Trim(0.06, 0.15, below_db)


def sound_path(directory: Path, key: str) -> Path:
    return directory / f"{key}.wav"
