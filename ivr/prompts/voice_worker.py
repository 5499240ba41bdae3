"""The process in which espeak-ng speaks: one request a line on stdin, one framed answer on stdout.

Started by ``ivr.prompts.voice`` alone. espeak-ng 1.52 carries state from one utterance into the next (the same words
come out different the second time, ``espeak_ng_SetRandSeed`` and a new ``espeak_Initialize`` notwithstanding), so every
utterance is spoken by a fork of the freshly initialised process: the same request always gives the same samples.

Request: ``{"voice", "text", "rate", "pitch", "range"}`` as JSON on one line, UTF-8.
Answer: one status byte (0 = spoken, 1 = refused), a big-endian 32-bit length, then that many bytes: 16-bit mono
samples, or a sentence in UTF-8. The first answer, before any request, is ``{"engine", "version", "rate"}`` as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

# From espeak-ng's speak_lib.h (1.52): espeak_AUDIO_OUTPUT, flags and espeak_PARAMETER.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_CHARS_UTF8 = 1
_PARAMETER = {"rate": 1, "pitch": 3, "range": 4}
SPOKEN, REFUSED = 0, 1

_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def main() -> int:
    try:
        library, rate = _load()
    except (ImportError, OSError, RuntimeError) as error:
        _answer(REFUSED, f"espeak-ng can't be loaded: {error}".encode())
        return 1
    library.espeak_Info.restype = ctypes.c_char_p
    version = library.espeak_Info(None).decode().split()[0]
    _answer(SPOKEN, json.dumps({"engine": "espeak-ng", "version": version, "rate": rate}).encode())
    for line in sys.stdin.buffer:
        child = os.fork()
        if child == 0:
            # Whatever happens the child ends here: it shares the parent's pipes and must not go on reading them.
            try:
                _speak(library, json.loads(line))
            except BaseException:  # noqa: BLE001 - the parent reports the status
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            _answer(REFUSED, f"espeak-ng broke off (status {os.waitstatus_to_exitcode(status)})".encode())
    return 0


def _load() -> tuple[ctypes.CDLL, int]:
    import espeakng_loader  # optional at run time: a set of recordings needs no voice

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, _DO_NOT_EXIT)
    if rate <= 0:
        raise RuntimeError("its data can't be read")
    return library, rate


def _speak(library: ctypes.CDLL, request: dict[str, str | int]) -> None:
    samples = bytearray()

    def take(wave: ctypes._Pointer[ctypes.c_short] | None, count: int, _events: int) -> int:
        if wave and count > 0:
            samples.extend(ctypes.string_at(wave, count * 2))
        return 0

    callback = _SynthCallback(take)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(str(request["voice"]).encode()) != 0:
        _answer(REFUSED, f"espeak-ng has no voice {request['voice']}".encode())
        return
    for name, number in _PARAMETER.items():
        library.espeak_SetParameter(number, int(request[name]), 0)
    text = str(request["text"]).encode(errors="replace") + b"\0"
    if library.espeak_Synth(text, len(text), 0, 0, 0, _CHARS_UTF8, None, None) != 0:
        _answer(REFUSED, b"espeak-ng refused the text")
        return
    library.espeak_Synchronize()
    _answer(SPOKEN, bytes(samples))


def _answer(status: int, body: bytes) -> None:
    data = bytes([status]) + len(body).to_bytes(4, "big") + body
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    sys.exit(main())
