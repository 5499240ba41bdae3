"""What a service of ours refuses, told to whoever asked: a page in his language, by the refusal's code; the API's JSON in English."""

from __future__ import annotations

from aiohttp import web

from ivr.console.desk import language_of, page, wants_json
from ivr.console.guard import error_json
from ivr.console.texts import Language, known, text
from ivr.domain.cases import StepRefusedError
from ivr.promises import RefusedError

CONFLICT = 409
# Values that are words of ours themselves, and the kind of word each is.
_WORDS = {"step": "step", "expected": "step", "state": "state", "kind": "number_kind"}


def words_of(error: StepRefusedError | RefusedError, language: Language) -> str:
    """A sentence for people. A code without words, of a service that is newer, is told in the service's own."""
    key = f"{'step_refused' if isinstance(error, StepRefusedError) else 'call_refused'}.{error.code}"
    if not known(key):
        return str(error)
    return text(key, language, **{name: _value(name, value, language) for name, value in error.values.items()})


def refused(request: web.Request, error: StepRefusedError | RefusedError) -> web.Response:
    """The whole answer."""
    if wants_json(request):
        return error_json(CONFLICT, str(error), reason=error.code)
    language = language_of(request)
    return page(request, "error.html", status=CONFLICT, message=text("error.409", language), sentence=words_of(error, language))


def _value(name: str, value: object, language: Language) -> str:
    if isinstance(value, tuple):  # of kinds of numbers
        return text("hours.comma", language).join(text(f"number_kind.{each}", language) for each in value)
    kind = _WORDS.get(name)
    return text(f"{kind}.{value}", language) if kind else str(value)
