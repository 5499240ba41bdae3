"""What can go wrong with prompts, each with a sentence fit to show to an administrator.

For the prompts room and those who call it.
"""

from __future__ import annotations


class PromptsError(Exception):
    """The prompts can't be made or kept; the message says what is wrong and what to do."""


class VoiceUnavailable(PromptsError):  # noqa: N818 - the name is the interface's
    """No speech engine can say this text here."""


class SoundUnusable(PromptsError):  # noqa: N818 - it is the sound that is at fault, not the program
    """A sound file can't be played to a caller; ``is_empty`` when it is readable and holds no sound."""

    def __init__(self, message: str, *, is_empty: bool = False) -> None:
        super().__init__(message)
        self.is_empty = is_empty
