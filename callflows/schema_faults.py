"""What pydantic found wrong with a node, as sentences an author of flows understands. For the loader alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from callflows.problems import near

# By pydantic's type of error; {…} from its context. What isn't here is told in pydantic's own words.
_SENTENCES: Mapping[str, str] = {
    "missing": "must be given",
    "string_type": "must be a text or a name; quote it if YAML takes it for something else",
    "string_too_long": "may have at most {max_length} characters",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number that ends",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a table: key and value, one a line",
    "model_type": "must be a table: key and value, one a line",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_short": "must have at least {min_length} of them",
    "too_long": "may have at most {max_length} of them",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "may be at most {le}",
    "literal_error": "must be {expected}",
}
_FORMS: Mapping[str, str] = {
    "^[a-z][a-z0-9_]{0,47}$": "no name: small letters, digits and '_', a letter first, at most 48 characters",
    "^[a-z][a-z0-9_]{0,31}$": "no name for a variable: small letters, digits and '_', a letter first, at most 32 characters",
    "^[0-9*#]$": "no telephone key: one of 0-9, * and #",
    "^[0-9*#_]$": "no telephone key: one of 0-9, * and #, or _ for all others",
}


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """``path`` is the keys that lead to it within the node."""

    path: tuple[str, ...]
    code: Literal["syntax", "unknown-key"]
    message: str


def schema_faults(error: ValidationError, model: type[BaseModel], *, below: int = 0) -> Iterator[SchemaFault]:
    """Each fault of a node, or of ``model`` in a table so many keys ``below`` the one that didn't validate."""
    for detail in error.errors(include_url=False):
        path = tuple(str(part) for part in detail["loc"] if part != "[key]")
        shown = ".".join(path)
        if detail["type"] == "extra_forbidden":
            known = _keys_at(model, path[below:-1])
            place = ".".join(path[:-1]) or getattr(model, "kind", "node")
            hint = near(path[-1], known) or (f"; there is {', '.join(known)}" if known else "; take it away")
            yield SchemaFault(path, "unknown-key", f"{path[-1]!r} is no key of {place}{hint}")
        else:
            sentence = _sentence(detail["type"], detail["msg"], detail.get("input"), detail.get("ctx") or {})
            yield SchemaFault(path, "syntax", f"{shown}: {sentence}" if shown else sentence)


def _sentence(sort: str, message: str, given: Any, context: Mapping[str, Any]) -> str:
    if sort == "string_pattern_mismatch":
        pattern = str(context.get("pattern"))
        return f"{str(given)[:60]!r} is {_FORMS.get(pattern, f'not of the form {pattern}')}"
    if sort in _SENTENCES:
        return _SENTENCES[sort].format_map(dict(context))
    return message.removeprefix("Value error, ")


def _keys_at(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    """The keys allowed in the table that ``path`` leads to, as far as the models tell; empty where they don't."""
    schema = _schema(model)
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    place: Mapping[str, Any] = schema
    for key in path:
        place = _table(place.get("properties", {}).get(key, {}), definitions)
    return list(place.get("properties", {}))


@lru_cache(maxsize=128)
def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    return model.model_json_schema(by_alias=True)


def _table(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    for choice in (schema, *schema.get("anyOf", ())):
        if "$ref" in choice:
            found: Mapping[str, Any] = definitions[str(choice["$ref"]).rpartition("/")[2]]
            return found
    return schema
