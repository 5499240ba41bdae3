"""The prompt library: which sound files there are, which are missing or stale, and making them.

For the session (``has``, ``seconds``), the command line and the daemon's start (``build``, ``check``). One per folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from callflows.speech import Prompt
from ivr.prompts import manifest
from ivr.prompts.builder import (
    RECORDING_SUFFIXES,
    Builder,
    BuildReport,
    Item,
    Progress,
    PromptProblem,
    sound_path,
)
from ivr.prompts.checker import Checker
from ivr.prompts.errors import PromptsError
from ivr.prompts.manifest import Entry
from ivr.prompts.voice import EspeakVoice

__all__ = ["BuildReport", "PromptLibrary", "PromptProblem", "PromptStatus"]

_GLANCE_S = 2.0  # how old the session's picture of the folder may be; it must notice changes within 5 s
_LOCK_DEADLINE_S = 120.0  # a whole build takes a tenth of that
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,119}")
_WAV_HEADER = 44  # bytes; a file no longer than its header says nothing


@dataclass(frozen=True, slots=True)
class PromptStatus:
    """One file as ``ivrd prompts list`` shows it. ``state`` is ready, missing or unused; None where not known."""

    key: str
    state: str
    text: str
    source: str | None
    seconds: float | None
    loudness: float | None


class PromptLibrary:
    """The prompts below one folder (``STATE/prompts``). ``has`` and ``seconds`` are for the event loop's thread."""

    def __init__(self, directory: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._monotonic = monotonic
        self._glanced_at: dict[str, float] = {}
        self._present: dict[str, frozenset[str]] = {}
        self._manifest_stamp: tuple[int, int] | None = None
        self._manifest_at = float("-inf")
        self._entries: dict[str, Entry] = {}

    def has(self, prompt_name: str, language: str) -> bool:
        """Whether there is something to play. A deleted or added file is noticed within 2 s."""
        now = self._monotonic()
        if now - self._glanced_at.get(language, float("-inf")) > _GLANCE_S:
            self._present[language] = frozenset(_sounds_in(self._directory / language / "ivrd"))
            self._glanced_at[language] = now
        return prompt_name in self._present[language]

    def seconds(self, prompt_name: str, language: str) -> float | None:
        """How long it plays, in s, from the manifest; None for a prompt the manifest doesn't know."""
        now = self._monotonic()
        if now - self._manifest_at > _GLANCE_S:
            self._manifest_at = now
            stamp = _stamp(self._manifest_path)
            if stamp != self._manifest_stamp:
                self._entries, self._manifest_stamp = manifest.read(self._manifest_path), stamp
        entry = self._entries.get(f"{language}/ivrd/{prompt_name}")
        return None if entry is None else entry.seconds

    def build(self, wanted: Iterable[Prompt], *, progress: Progress | None = None, prune: bool = False) -> BuildReport:
        """Render what is missing or stale, install people's recordings, make beep and hold music; blocks for seconds.

        ``progress`` gets (done, to do, prompt) after each rendering. ``prune`` removes rendered files nobody wants.
        A recording that can't be used is a problem in the report, and the rendered voice stays. What was made before
        an error stays made. Raises VoiceUnavailable (a sentence) when something must be rendered and can't be, and
        PromptsError when the folder can't be written or another build holds it.
        """
        items = _items(wanted)
        with self._locked(), EspeakVoice() as voice:
            self._sweep()
            entries = manifest.read(self._manifest_path)
            before = dict(entries)
            builder = Builder(self._directory, entries, self._recordings(), voice)
            pruned: tuple[Path, ...] = ()
            try:
                builder.run(items, progress)
                if prune:
                    pruned = self._prune(entries, {item.key for item in items})
            finally:
                if entries != before:
                    self._write(entries)
        self._glanced_at.clear()
        self._manifest_at = float("-inf")
        counts = builder.counts
        return BuildReport(
            rendered=counts["rendered"],
            recordings=counts["recording"],
            tones=counts["synthesised"],
            kept=counts["kept"],
            problems=tuple(builder.problems),
            pruned=pruned,
        )

    def check(self, wanted: Iterable[Prompt]) -> list[PromptProblem]:
        """Every fault, without changing anything; prompts in the order wanted, then recordings nobody uses."""
        with EspeakVoice() as voice:
            checker = Checker(self._directory, manifest.read(self._manifest_path), self._recordings(), voice)
            return checker.run(_items(wanted))

    def status(self, wanted: Iterable[Prompt]) -> list[PromptStatus]:
        """Every wanted file, and every file below ``zh/ivrd`` and ``en/ivrd`` that nobody wants (``unused``)."""
        entries = manifest.read(self._manifest_path)
        items = {item.key: item for item in _items(wanted)}
        present = {f"{language}/ivrd/{name}" for language in ("zh", "en") for name in self._names(language)}
        rows = []
        for key in [*items, *sorted(present - items.keys())]:
            entry = entries.get(key)
            state = "unused" if key not in items else "missing"
            if state == "missing" and sound_path(self._directory, key).is_file():
                state = "ready"
            item = items.get(key)
            text = item.prompt.text if item and item.prompt else entry.text if entry else ""
            if entry is None or state == "missing":
                rows.append(PromptStatus(key, state, text, None, None, None))
            else:
                rows.append(PromptStatus(key, state, text, entry.source, entry.seconds, entry.loudness))
        return rows

    @property
    def _manifest_path(self) -> Path:
        return self._directory / "manifest.json"

    def _names(self, language: str) -> list[str]:
        return _sounds_in(self._directory / language / "ivrd")

    def _recordings(self) -> dict[str, Path]:
        """People's files by path below ``custom/`` without extension; the first suffix of RECORDING_SUFFIXES wins."""
        found: dict[str, Path] = {}
        for suffix in reversed(RECORDING_SUFFIXES):
            for path in sorted((self._directory / "custom").glob(f"*/*{suffix}")):
                if not path.name.startswith("."):
                    found[f"{path.parent.name}/{path.stem}"] = path
        return found

    def _prune(self, entries: dict[str, Entry], wanted: set[str]) -> tuple[Path, ...]:
        pruned = []
        for key in [key for key, entry in entries.items() if key not in wanted and entry.source == "rendered"]:
            path = sound_path(self._directory, key)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise PromptsError(f"{path}: can't be removed: {error.strerror}") from error
            del entries[key]
            pruned.append(path)
        return tuple(pruned)

    def _write(self, entries: dict[str, Entry]) -> None:
        try:
            manifest.write(self._manifest_path, entries)
        except OSError as error:
            raise PromptsError(f"{self._manifest_path}: can't be written: {error.strerror}") from error

    def _sweep(self) -> None:
        """Remove what a killed build left half written; we hold the lock, so it is nobody's."""
        for folder in ("", "zh", "en", "zh/ivrd", "en/ivrd", "moh"):
            for path in (self._directory / folder).glob(".*.tmp"):
                with contextlib.suppress(OSError):
                    path.unlink()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise PromptsError(f"{self._directory}: can't be written: {error.strerror}") from error
        try:
            deadline = time.monotonic() + _LOCK_DEADLINE_S
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise PromptsError(
                            f"{self._directory}: another build has held it for {_LOCK_DEADLINE_S:.0f} s; try again"
                        ) from None
                    time.sleep(0.1)
            yield
        finally:
            os.close(descriptor)


def _items(wanted: Iterable[Prompt]) -> list[Item]:
    """Each file once, tones last. Raises PromptsError for a name that is no file name, or one name with two texts."""
    items: dict[str, Item] = {}
    languages: dict[str, None] = {}
    for prompt in wanted:
        if not _NAME.fullmatch(prompt.name) or not re.fullmatch(r"[a-z]{2}", prompt.language):
            raise PromptsError(f"prompt {prompt.name!r} ({prompt.language!r}): use a-z, 0-9 and - in a prompt's name")
        key = f"{prompt.language}/ivrd/{prompt.name}"
        other = items.get(key)
        if other is not None and other.prompt != prompt:
            raise PromptsError(f"prompt {prompt.name} ({prompt.language}) is wanted with two different texts")
        items[key] = Item(key, f"{prompt.language}/{prompt.name}", prompt.name, prompt.language, prompt)
        languages[prompt.language] = None
    for language in languages:
        items[f"{language}/beep"] = Item(f"{language}/beep", f"{language}/beep", "beep", language)
    items["moh/hold"] = Item("moh/hold", "moh/hold", "hold", "")
    return list(items.values())


def _sounds_in(folder: Path) -> list[str]:
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".wav") and not entry.name.startswith("."):
                    with contextlib.suppress(OSError):  # deleted since
                        if entry.stat().st_size > _WAV_HEADER:
                            names.append(entry.name[: -len(".wav")])
    except OSError:
        return []
    return names


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
