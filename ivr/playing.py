"""Plays speech and collects keys over one AGI call: the part of a session that knows Asterisk's applications.

Keys are read by ``EXEC Read`` with the prompts inside it: between two AGI commands Asterisk throws pressed keys away, within one it
doesn't, and TIMEOUT(response) and TIMEOUT(digit) give it two waiting times (app_read.c, ast_app_getdata).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from ami_bridge.agi import AgiCall, AgiCallerGoneError, AgiFailureError
from ami_bridge.agi_wire import Reply
from ami_bridge.asking_dialplan import ASK, ASK_CONTEXT, ASK_ON, ASKED, ASKED_AND_KEYS
from callflows.effects import Ask, Record
from callflows.late_terminator import LateTerminator
from callflows.outcomes import CallerHungUp, Digits, NoInput, NothingRecorded, Recorded
from callflows.speech import (
    Characters,
    Moment,
    Number,
    Recording,
    Segment,
    Speech,
    Text,
    spoken_characters,
    spoken_moment,
    spoken_number,
)

log = structlog.get_logger(__name__)

SOUND_FOLDER = "ivrd"  # within the sounds of each language
# Room for the rest of the command in the 2047 bytes that Asterisk before 20.16 reads.
FILES_BYTES = 1500
UNKNOWN_PROMPT_S = 60.0  # the bound on a prompt whose length nobody wrote down
MARGIN_S = 15.0
GAP_S = 0.05  # Read() waits this long for a key between two files
SAMPLE_RATE = 8000
# Less than this is a cough or the beep's echo, not a message.
SHORTEST_RECORDING_S = 1.0
# Asterisk cuts off the silence that ended a recording, but for its last second (res_agi.c, 1.02 s measured).
KEPT_SILENCE_S = 1.1
READ_ENDED = "${IVR_KEYS}"
FOR_EVER_S = 86_400.0
MASK = "•"  # what a key that nobody may see looks like in a path


class Prompts(Protocol):
    """What playing needs of the prompt library."""

    def has(self, prompt_name: str, language: str) -> bool: ...
    def seconds(self, prompt_name: str, language: str) -> float | None: ...


class Player:
    """One per leg of a call. Keys pressed while something is said are kept for the next question (type-ahead)."""

    def __init__(self, call: AgiCall, prompts: Prompts, recordings: Path, language: str, on_keys: Callable[[str], None]) -> None:
        self._call = call
        self._prompts = prompts
        self._recordings = recordings
        self.language = language
        self._on_keys = on_keys
        self._ahead = ""
        self._terminator = LateTerminator()
        self._timeouts: dict[str, float] = {}  # as this leg has set them, s
        self._told_missing: set[str] = set()

    async def say(self, speech: Speech, *, barge_in: bool) -> None:
        """Raises AgiCallerGoneError, AgiFailureError."""
        if barge_in and self._ahead:
            return
        for files, seconds in self._groups(speech):
            if not barge_in:
                await self._call.ask("EXEC Playback", files, timeout_s=seconds + MARGIN_S)
                continue
            key = await self._hear(f"IVR_KEYS,{files},1,e,1,{GAP_S}", seconds + MARGIN_S)
            if key:
                self._ahead += key
                return

    async def ask(self, question: Ask) -> Digits | NoInput:
        """Raises AgiCallerGoneError, AgiFailureError."""
        if not question.barge_in:
            self._ahead = ""  # pressed before the question was heard
        keys = self._take_ahead(question.longest)
        complete = len(keys) >= question.longest or keys.endswith("#")
        if not complete:
            timed = question.overall_s is not None and question.longest > 1
            keys += await (self._ask_in_dialplan if timed or not question.barge_in else self._ask_live)(question, keys)
        self._terminator.answered(question, keys, _now())
        if question.masked:
            await self._call.set_variable("IVR_KEYS", "")
        if len(keys) > 1:
            keys = keys.removesuffix("#")
        if not keys:
            return NoInput()
        self._on_keys(MASK * len(keys) if question.masked else keys)
        return Digits(keys)

    async def _ask_live(self, question: Ask, keys: str) -> str:
        """What is still missing of the answer. Whoever has begun to answer isn't asked again."""
        begun, (files, seconds) = await self._lead(question, keys)
        if _complete(begun, question):
            return begun
        first_digit_s = question.inter_digit_s if keys or begun else question.first_digit_s
        longest = question.longest - len(keys) - len(begun)
        await self._set_timeouts(first_digit_s, question.inter_digit_s if longest > 1 else None)
        bound = seconds + first_digit_s + longest * question.inter_digit_s + MARGIN_S
        arguments = f"IVR_KEYS,{files},{longest},e"
        return begun + await (self._read if keys or begun else self._hear)(arguments, bound)

    async def _ask_in_dialplan(self, question: Ask, keys: str) -> str:
        """As ``_ask_live``, where the prompt is heard to its end or the answer has a time as a whole."""
        begun, (files, seconds) = await self._lead(question, keys)
        if _complete(begun, question):
            return begun
        extension = ASK_ON if keys or begun else ASK
        longest = question.longest - len(keys) - len(begun)
        overall_s = FOR_EVER_S if question.overall_s is None else question.overall_s
        waits = f"{question.first_digit_s:g},{question.inter_digit_s * 1000:.0f},{overall_s * 1000:.0f}"
        prompts = f",{files}" if question.barge_in else f"{files},"
        bound = seconds + question.first_digit_s + min(overall_s, longest * question.inter_digit_s) + MARGIN_S
        while True:
            await self._call.ask("GOSUB", ASK_CONTEXT, extension, "1", f"{prompts},{longest},{waits}", timeout_s=bound)
            found = await self._call.evaluate(ASKED_AND_KEYS)
            if not found.startswith(ASKED):
                if await self._call.is_caller_gone():
                    raise AgiCallerGoneError
                raise AgiFailureError("the dialplan's part of a question did not come to its end")
            answer = found.removeprefix(ASKED)
            if keys or begun or not self._terminator.swallows(answer, _now()):
                return begun + answer

    async def _lead(self, question: Ask, keys: str) -> tuple[str, tuple[str, float]]:
        """Play what comes before the last files of a long speech; gives the keys that cut it short and the files still to play."""
        if keys:
            return "", ("", 0.0)
        *lead, last = list(self._groups(question.speech))
        for files, seconds in lead:
            if not question.barge_in:
                await self._call.ask("EXEC Playback", files, timeout_s=seconds + MARGIN_S)
            elif pressed := await self._hear(f"IVR_KEYS,{files},1,e,1,{GAP_S}", seconds + MARGIN_S):
                return pressed, ("", 0.0)
        return "", last

    def _take_ahead(self, longest: int) -> str:
        taken, self._ahead = self._ahead[:longest], self._ahead[longest:]
        return taken

    async def _hear(self, arguments: str, timeout_s: float) -> str:
        """As ``_read``, where nothing is answered yet: once more, if what cut it short was the end of the answer before."""
        while self._terminator.swallows(keys := await self._read(arguments, timeout_s), _now()):
            pass
        return keys

    async def _read(self, arguments: str, timeout_s: float) -> str:
        await self._call.ask("EXEC Read", arguments, timeout_s=timeout_s)
        keys = await self._call.evaluate(READ_ENDED)
        if self._call.caller_gone:
            raise AgiCallerGoneError
        return keys

    async def _set_timeouts(self, first_digit_s: float, inter_digit_s: float | None) -> None:
        """Only what has changed: a round trip in which a key would be lost. ``inter_digit_s`` None: no second digit is waited for."""
        for name, seconds in (("response", first_digit_s), ("digit", inter_digit_s)):
            if seconds is not None and self._timeouts.get(name) != seconds:
                await self._call.set_variable(f"TIMEOUT({name})", f"{seconds:g}")
                self._timeouts[name] = seconds

    async def record(self, effect: Record, reference: str) -> Recorded | NothingRecorded:
        """Record into ``reference`` below the recordings folder. Raises CallerHungUp with what was said, AgiFailureError."""
        if self._call.caller_gone:
            raise AgiCallerGoneError
        self._ahead = ""
        target = self._recordings / reference
        try:
            await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        except OSError as error:  # the fallback records into the spool, so it can still take what is said
            raise AgiFailureError(f"{target.parent}: the folder for recordings can't be made: {error.strerror}; mend it") from error
        reply = await self._call.send(
            "RECORD FILE", str(target), "wav", "#", str(effect.longest_s * 1000), "BEEP", f"s={effect.silence_s}",
            timeout_s=effect.longest_s + effect.silence_s + MARGIN_S,
        )  # fmt: skip
        recorded = _recorded(reply, reference)
        failed = not reply.succeeded or reply.result == "-1"
        if self._call.caller_gone or (failed and await self._call.is_caller_gone()):
            raise CallerHungUp(recorded)
        if failed:  # a full disk, a folder that Asterisk may not write
            raise AgiFailureError(f"Asterisk could not record: {reply.code} {reply.text[:80]}")
        return recorded or NothingRecorded()

    def _groups(self, speech: Speech) -> Iterator[tuple[str, float]]:
        """``a&b&c`` for Playback and Read with the seconds it lasts, cut where a command would grow too long. At least one, maybe empty."""
        files: list[str] = []
        seconds = 0.0
        for file, length in self._files(speech):
            if files and sum(len(name) + 1 for name in files) + len(file) > FILES_BYTES:
                yield "&".join(files), seconds
                files, seconds = [], 0.0
            files.append(file)
            seconds += length + GAP_S
        yield "&".join(files), seconds

    def _files(self, speech: Sequence[Segment]) -> Iterator[tuple[str, float]]:
        for segment in speech:
            if isinstance(segment, Recording):
                path = self._recordings / segment.reference
                if path.with_name(f"{path.name}.wav").exists():  # an id has points: with_suffix() would cut it
                    yield str(path), UNKNOWN_PROMPT_S * 30
                continue
            for name in self._names(segment):
                if self._prompts.has(name, self.language):
                    yield f"{SOUND_FOLDER}/{name}", self._prompts.seconds(name, self.language) or UNKNOWN_PROMPT_S
                elif name not in self._told_missing:
                    # Never stops a call: the caller hears the rest, and the administrator is told.
                    self._told_missing.add(name)
                    log.error("prompt missing", prompt=name, language=self.language, remedy="run: ivrd prompts build")

    def _names(self, segment: Text | Characters | Number | Moment) -> list[str]:
        match segment:
            case Text():
                prompt = segment.prompt(self.language)
                return [prompt.name] if prompt else []
            case Characters(value=value):
                return spoken_characters(value)
            case Number(value=number):
                return spoken_number(number, self.language)
            case Moment(at=at):
                return spoken_moment(at, self.language)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _complete(keys: str, question: Ask) -> bool:
    return bool(keys) and (question.longest == 1 or keys == "#")


def _recorded(reply: Reply, reference: str) -> Recorded | None:
    """None where the caller has said too little; a recording that silence ended is one second longer than what he said."""
    seconds = (reply.end_position or 0) / SAMPLE_RATE
    said = seconds - KEPT_SILENCE_S if reply.note == "timeout" else seconds
    return Recorded(reference, round(seconds, 1)) if said >= SHORTEST_RECORDING_S else None
