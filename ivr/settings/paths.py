"""Where things lie in the state folder, and its secrets."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StatePaths:
    """Where things lie in the state folder."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "ivrd.db"

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def kept(self) -> Path:
        """What the database didn't take in time (``ivr.keeping``)."""
        return self.spool / "kept"

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def asterisk(self) -> Path:
        return self.root / "asterisk"

    @property
    def log(self) -> Path:
        return self.root / "log"

    def secret(self, name: str) -> str:
        """The secret of this name, made at first use; the file is readable by its owner alone."""
        path = self.secrets / name
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            self.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        value = secrets.token_urlsafe(32)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process was first
            return path.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(value + "\n")
        return value
