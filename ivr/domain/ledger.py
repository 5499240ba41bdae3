"""The ledger: every fact we were told of, by whom, appended and never changed; all records and figures are folds over it.

Pure. ``ivr.store.ledger`` keeps the entries, ``ivr.domain.contact_book`` and the folds of agents read them.
"""

from __future__ import annotations

import hashlib
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any

from ami_bridge.facts import AnyFact, Fact
from ivr.domain import call_facts

# Fields that hold somebody's number or name, him a call was transferred to included: the store seals them.
PRIVATE = frozenset({"caller", "caller_name", "to"})


class Source(StrEnum):
    """Who told it. Where two tell of one thing, AMI is the finer: microseconds, and what rang."""

    AMI = "ami"
    QUEUE_LOG = "queue_log"
    SESSION = "session"
    SPOOL = "spool"


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact of one PBX (``asterisk.name`` of the settings), as one source told it."""

    pbx: str
    source: Source
    fact: Fact

    @property
    def kind(self) -> str:
        return type(self.fact).__name__

    @property
    def key(self) -> str:
        """The same for the same fact told twice by one source, in 32 hex digits. It doesn't tell a number: that is hashed with the rest."""
        told = json.dumps([self.pbx, self.source, self.kind, encoded(self.fact)], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(told.encode()).hexdigest()[:32]


class UnknownFactError(Exception):
    """An entry of a newer or older version: its kind or its fields are not known. The message names the kind."""


KINDS: Mapping[str, type[Fact]] = {
    kind.__name__: kind
    for kind in (
        *typing.get_args(AnyFact),
        *(kind for kind in vars(call_facts).values() if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact),
    )
}
_TYPES: dict[type[Fact], dict[str, Any]] = {kind: typing.get_type_hints(kind) for kind in KINDS.values()}


def encoded(fact: Fact) -> dict[str, Any]:
    """All its fields as JSON knows them; times in ISO 8601, UTC."""
    return {field.name: _plain(getattr(fact, field.name)) for field in fields(fact)}


def decoded(kind: str, values: Mapping[str, Any]) -> Fact:
    """The fact again. Raises UnknownFactError."""
    if kind not in KINDS:
        raise UnknownFactError(f"the ledger holds a fact of unknown kind {kind!r}")
    known = _TYPES[KINDS[kind]]
    try:
        return KINDS[kind](**{name: _typed(value, known[name]) for name, value in values.items()})
    except (TypeError, ValueError, KeyError) as error:
        raise UnknownFactError(f"an entry of kind {kind} can't be read: {error}") from error


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case Enum():
            return value.value
        case tuple() | list():
            return [_plain(item) for item in value]
        case _:
            return value


def _typed(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(option for option in typing.get_args(kind) if option is not type(None))
    if kind is datetime:
        return datetime.fromisoformat(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_typed(item, inner[0]) for item in value)
        return tuple(_typed(item, each) for item, each in zip(value, inner, strict=True))
    return value
