"""From what a caller wants ("complaint", "投诉") to the keys that mean it at a node. Pure; for the simulator's caller."""

from __future__ import annotations

import re
from collections.abc import Iterator

from callflows.nodes.base import Node
from callflows.speech import ZH_DIGITS

_KEY = re.compile(r"[0-9*#]\Z")
_SENTENCE = re.compile(r"[。.;；!！?？\n]")
# How our prompts name a key: 请按一, 请按井号键, press 1, press star, press hash, then hash.
_MENTION = re.compile(rf"(?:按|press |then )\s*(?:([0-9*#])|([{ZH_DIGITS}])|(井号|hash|pound)|(星号|star))", re.IGNORECASE)


class ChoiceError(ValueError):
    """Nothing at this node is called so; the message says what there is."""


def keys_for(node: Node, label: str, language: str) -> str:
    """The keys that lead to the node named ``label``, or that the node's words name beside ``label``. Raises ChoiceError."""
    ways = dict(_ways(node))
    if label in ways.values():
        return next(keys for keys, target in ways.items() if target == label)
    words = node.words().get("")
    text = (getattr(words, language, None) or "") if words else ""
    if (key := _mentioned(text, label)) and (key in ways or not ways):
        return key
    offered = ", ".join(f"{keys} → {target}" for keys, target in ways.items())
    raise ChoiceError(f"nothing here is called {label!r}; there is {offered or 'no key to choose'}")


def _ways(node: Node) -> Iterator[tuple[str, str]]:
    """Keys → node. An exit named by a key is that key; any other is looked up in what the node says of its keys."""
    exits = node.exits()
    for name, target in exits.items():
        if _KEY.match(name):
            yield name, target
    for name in ("yes", "no", "skip"):
        key = getattr(node, f"{name}_key", "#" if name == "skip" else None)
        if key and name in exits:
            yield str(key), exits[name]


def _mentioned(text: str, label: str) -> str | None:
    """The key named after the label in its sentence, else the one before it."""
    for sentence in _SENTENCE.split(text):
        place = sentence.casefold().find(label.casefold())
        if place < 0:
            continue
        mentions = list(_MENTION.finditer(sentence))
        after = next((mention for mention in mentions if mention.end() > place + len(label)), None)
        if found := after or (mentions[-1] if mentions else None):
            plain, zh, hash_key, _ = found.groups()
            return plain or (str(ZH_DIGITS.index(zh)) if zh else "#" if hash_key else "*")
    return None
