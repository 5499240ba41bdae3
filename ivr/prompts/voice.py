"""The rendered voice: text in, samples out, by espeak-ng in a process of its own.

For ``library`` alone. espeak-ng is not re-entrant and may crash on odd input: the worker process takes both.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from callflows.speech import Prompt, vocabulary
from ivr.prompts.errors import VoiceUnavailable
from ivr.prompts.pronunciation import VOICES, speakable, voice_for
from ivr.prompts.voice_worker import SPOKEN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WORKER = Path(__file__).with_name("voice_worker.py")
_ANSWER_DEADLINE_S = 30.0  # a minute of speech takes 0.3 s
_LONGEST_TEXT = 2000  # characters: about eight minutes of Chinese, longer than anybody listens
_NUMERALS = frozenset(prompt.name for language in VOICES for prompt in vocabulary(language))


@dataclass(frozen=True, slots=True)
class Spoken:
    """Samples between -1 and 1 at ``rate`` Hz."""

    samples: NDArray[np.float64]
    rate: int


def is_numeral(prompt: Prompt) -> bool:
    """Whether it is one of the vocabulary: short, and read one after another."""
    return prompt.name in _NUMERALS


def voice_name(prompt: Prompt) -> str:
    """The voice and its settings as the manifest records them; raises VoiceUnavailable for an unknown language."""
    voice = voice_for(prompt.text, prompt.language)
    if voice is None:
        raise VoiceUnavailable(f"prompt {prompt.name}: there is no voice for language {prompt.language!r}; there is {', '.join(VOICES)}")
    return voice.describe(voice.numeral_rate if is_numeral(prompt) else voice.rate)


class EspeakVoice:
    """One worker process, started at the first use and ended by ``close`` or the ``with`` block. Not for two threads."""

    def __init__(self, worker: Path = _WORKER) -> None:
        self._worker = worker
        self._process: subprocess.Popen[bytes] | None = None
        self._refused: str | None = None  # why there is no engine here: asked once, not once a prompt
        self._rate = 0
        self._version = ""

    def __enter__(self) -> EspeakVoice:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def engine(self) -> str:
        return "espeak-ng"

    @property
    def version(self) -> str:
        """The engine's version. Raises VoiceUnavailable where there is none."""
        self._started()
        return self._version

    def render(self, prompt: Prompt) -> Spoken:
        """Say it. The same prompt gives the same samples every time. Raises VoiceUnavailable with a sentence."""
        voice = voice_for(prompt.text, prompt.language)
        if voice is None:
            raise VoiceUnavailable(f"there is no voice for language {prompt.language!r}; there is {', '.join(VOICES)}")
        if not prompt.text.strip():
            raise VoiceUnavailable(f"prompt {prompt.name} ({prompt.language}) has no text to say")
        if len(prompt.text) > _LONGEST_TEXT:
            raise VoiceUnavailable(
                f"prompt {prompt.name} ({prompt.language}) has {len(prompt.text)} characters; {_LONGEST_TEXT} is the most"
            )
        request = {
            "voice": voice.name,
            "text": speakable(prompt.text, prompt.language).replace("\0", " "),
            "rate": voice.numeral_rate if is_numeral(prompt) else voice.rate,
            "pitch": voice.pitch,
            "range": voice.range,
        }
        process, what = self._started(), f"prompt {prompt.name} ({prompt.language})"
        try:
            _write(process.stdin, json.dumps(request).encode() + b"\n")
        except OSError as error:
            self.close()
            raise VoiceUnavailable(f"{what}: the voice's process has ended") from error
        body = self._answer(process, what)
        import numpy as np  # here, so that whoever renders nothing doesn't wait for it

        return Spoken(np.frombuffer(body, dtype="<i2").astype(np.float64) / 32768.0, self._rate)

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # it may have died with our last request unread
                    pipe.close()
        try:
            process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None:
            return self._process
        if self._refused is not None:
            raise VoiceUnavailable(self._refused)
        try:
            # Our own interpreter and our own file; -I keeps the environment's PYTHON… out of it.
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", str(self._worker)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,  # one group with its forks: they end together
            )
        except OSError as error:
            raise VoiceUnavailable(f"the voice's process can't be started: {error.strerror}") from error
        try:
            greeting = json.loads(self._answer(self._process, "the voice"))
        except VoiceUnavailable as error:
            self._refused = str(error)
            self.close()
            raise
        self._rate, self._version = int(greeting["rate"]), str(greeting["version"])
        return self._process

    def _answer(self, process: subprocess.Popen[bytes], what: str) -> bytes:
        deadline = time.monotonic() + _ANSWER_DEADLINE_S
        try:
            header = _read(process.stdout, 5, deadline)
            body = _read(process.stdout, int.from_bytes(header[1:], "big"), deadline)
        except (TimeoutError, EOFError) as error:
            _kill(process)
            self.close()
            raise VoiceUnavailable(f"{what}: the speech engine {error}") from error
        if header[0] != SPOKEN:
            raise VoiceUnavailable(f"{what}: {body.decode(errors='replace')}")
        return body


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The worker and the fork that may be hanging in the engine. ``process`` is not reaped yet: its number is still its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _write(pipe: IO[bytes] | None, data: bytes) -> None:
    if pipe is None:  # Popen's type allows it; we asked for a pipe
        raise BrokenPipeError
    while data:
        data = data[pipe.write(data) :]


def _read(pipe: IO[bytes] | None, size: int, deadline: float) -> bytes:
    if pipe is None:  # as above
        raise EOFError
    parts = bytearray()
    poll = select.poll()  # not select(): a busy daemon has descriptors beyond its 1024
    poll.register(pipe, select.POLLIN)
    while len(parts) < size:
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError(f"did not answer within {_ANSWER_DEADLINE_S:.0f} s")
        part = pipe.read(size - len(parts))
        if not part:
            raise EOFError("ended without an answer")
        parts += part
    return bytes(parts)
