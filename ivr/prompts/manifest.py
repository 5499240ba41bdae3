"""The manifest: what each sound file says, who says it, and what it measured when it was made.

For ``library``. One JSON file, rewritten whole and renamed; a damaged one counts as empty, and what it told is made again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

FORMAT = 1
Source = Literal["rendered", "recording", "synthesised"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One sound file. Loudness in LUFS, peak in dBFS, both of the file as it lies there; ``text`` is empty for tones."""

    text: str
    language: str
    voice: str
    engine: str
    version: str
    sha256: str
    seconds: float
    source: Source
    loudness: float
    peak: float
    original: str | None = None  # the recording's path below the prompts folder
    original_sha256: str | None = None


def read(path: Path) -> dict[str, Entry]:
    """Entries by the file's path without extension (``zh/ivrd/number-1``). What can't be read is left out."""
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            return {}
        rows = document["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    entries = {}
    for key, row in rows:
        entry = _entry(row)
        if entry is not None:
            entries[key] = entry
    return entries


def write(path: Path, entries: Mapping[str, Entry]) -> None:
    """Written beside it, then renamed. Raises OSError."""
    document = {"format": FORMAT, "files": {key: dataclasses.asdict(entries[key]) for key in sorted(entries)}}
    replace_file(path, (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())


def replace_file(path: Path, data: bytes) -> None:
    """The whole content or the old content, whatever happens. Raises OSError, and leaves no half file then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _entry(row: Any) -> Entry | None:
    if not isinstance(row, dict):
        return None
    known = {field.name for field in dataclasses.fields(Entry)}
    try:
        entry = Entry(**{key: value for key, value in row.items() if key in known})
    except TypeError:
        return None
    words = (entry.text, entry.language, entry.voice, entry.engine, entry.version, entry.sha256)
    numbers = (entry.seconds, entry.loudness, entry.peak)
    fits = all(isinstance(word, str) for word in words) and all(isinstance(number, int | float) for number in numbers)
    return entry if fits and entry.source in get_args(Source) else None
