"""Looks for faults in the sound files: missing, stale, unreadable, silent, too loud or too quiet.

For ``library`` alone; changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ivr.prompts.builder import Builder, Item, PromptProblem, is_music, sound_path
from ivr.prompts.errors import SoundUnusable
from ivr.prompts.levels import CEILING_DBFS, MUSIC_LUFS, TARGET_LUFS, TOLERANCE_LU
from ivr.prompts.manifest import Entry
from ivr.prompts.voice import EspeakVoice


@dataclass
class Checker:
    """One look over the wanted items."""

    directory: Path
    entries: Mapping[str, Entry]
    originals: Mapping[str, Path]
    voice: EspeakVoice
    problems: list[PromptProblem] = field(default_factory=list)

    def run(self, items: list[Item]) -> list[PromptProblem]:
        for item in items:
            self._look_at(item)
        used = {item.recording for item in items}
        for name in sorted(self.originals.keys() - used):
            language, _, stem = name.partition("/")
            path = self.originals[name]
            self.problems.append(
                PromptProblem(
                    "unused-recording", stem, language, path,
                    f"{path}: no prompt has this name; `ivrd prompts list` shows the names "
                    "(a prompt whose words were changed has a new one)",
                    "warning",
                )
            )  # fmt: skip
        return self.problems

    def _look_at(self, item: Item) -> None:
        path = sound_path(self.directory, item.key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            self._say(item, "missing", "is missing; `ivrd prompts build` makes it")
            return
        except OSError as error:
            self._say(item, "unreadable", f"can't be read: {error.strerror}")
            return
        entry = self.entries.get(item.key)
        digest = hashlib.sha256(data).hexdigest()
        if entry is not None and entry.sha256 == digest:
            self._compare(item, entry.loudness, entry.peak)
        elif not self._measure(item, data):
            return
        stale = self._why_stale(item, entry, digest)
        if stale:
            self._say(item, "stale", stale)

    def _why_stale(self, item: Item, entry: Entry | None, digest: str) -> str | None:
        if entry is None:
            return "isn't in the manifest; `ivrd prompts build` makes it anew"
        if entry.sha256 != digest:
            return f"was changed by hand; put a recording at custom/{item.recording}.wav and run `ivrd prompts build`"
        original = self.originals.get(item.recording)
        if original is not None:
            try:
                with original.open("rb") as file:
                    fits = hashlib.file_digest(file, "sha256").hexdigest() == entry.original_sha256
            except OSError:
                fits = False
            if not fits:
                return f"doesn't hold the recording {original}; `ivrd prompts build` installs it or says why not"
            return None
        if entry.source == "recording":
            return "holds a recording that was taken away; `ivrd prompts build` brings the rendered voice back"
        current = Builder(self.directory, dict(self.entries), {}, self.voice).is_current(item)
        return None if current else "was made from other words or by another voice; `ivrd prompts build` makes it anew"

    def _measure(self, item: Item, data: bytes) -> bool:
        from ivr.prompts.loudness import loudness_lufs, peak_dbfs
        from ivr.prompts.sound import parse_wav

        try:
            signal = parse_wav(data)
            self._compare(item, loudness_lufs(signal), peak_dbfs(signal))
        except SoundUnusable as error:
            self._say(item, "empty" if error.is_empty else "unreadable", f"can't be played: {error}")
            return False
        return True

    def _compare(self, item: Item, loudness: float, peak: float) -> None:
        target = MUSIC_LUFS if is_music(item) else TARGET_LUFS
        measured = f"measures {loudness:.1f} LUFS with peaks of {peak:.1f} dBFS"
        wanted = f"{target:.0f} LUFS ± {TOLERANCE_LU:.0f} and at most {CEILING_DBFS:.0f} dBFS are right"
        if loudness > target + TOLERANCE_LU or peak > CEILING_DBFS:
            self._say(item, "too-loud", f"is too loud: it {measured}; {wanted}")
        elif loudness < target - TOLERANCE_LU:
            self._say(item, "too-quiet", f"is too quiet: it {measured}; {wanted}")

    def _say(self, item: Item, code: str, what: str, severity: Literal["error", "warning"] = "error") -> None:
        path = sound_path(self.directory, item.key)
        text = f" “{item.prompt.text}”" if item.prompt and code == "missing" else ""
        self.problems.append(PromptProblem(code, item.name, item.language, path, f"{path}: the prompt{text} {what}", severity))
