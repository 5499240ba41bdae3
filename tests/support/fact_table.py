"""Facts as lines of text, one fact each, for tables that a person can read and paste.

``21:20:36.972875 CallerQueued contact=abandon-0 call=abandon-0 queue=q2 position=1``
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from enum import Enum

from ami_bridge.facts import AnyFact
from ami_bridge.translate import Suspicion


def line(fact: AnyFact | Suspicion) -> str:
    values = {field.name: getattr(fact, field.name) for field in fields(fact)}
    at = values.pop("at", None)
    time = f"{at:%H:%M:%S.%f} " if isinstance(at, datetime) else ""
    shown = " ".join(f"{name}={_text(value)}" for name, value in values.items())
    return f"{time}{type(fact).__name__} {shown}".rstrip()


def table(facts: Iterable[AnyFact | Suspicion]) -> str:
    return "".join(line(fact) + "\n" for fact in facts)


def _text(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value)
