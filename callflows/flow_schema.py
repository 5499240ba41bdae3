"""The form of flow files, told to others: a JSON Schema by which editors complete and check them, and a table of each node's keys.

Made from the nodes' models, so that neither can tell anything else than what the loader accepts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from callflows.flow import NODE_TYPES
from callflows.nodes.base import Node
from callflows.nodes.variables import Declared

NAME_PATTERN = "^[a-z][a-z0-9_]{0,47}$"
VARIABLE_PATTERN = "^[a-z][a-z0-9_]{0,31}$"
KEY_PATTERN = "^[0-9*#]$"
_DEFINITION = "#/$defs/"
_SORTS = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "`true` or `false`",
    "array": "list",
    "object": "table",
}


class _Untitled(GenerateJsonSchema):
    """Pydantic's titles repeat the keys' names, and an editor would show them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def flow_schema(node_types: Iterable[type[Node]] = NODE_TYPES) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a flow file with these kinds of nodes."""
    kinds = {node_type.kind: node_type for node_type in node_types}
    models: list[type[BaseModel]] = [*kinds.values(), Declared]
    by_model, shared = models_json_schema(
        [(model, "validation") for model in models], schema_generator=_Untitled, ref_template=_DEFINITION + "{model}"
    )
    definitions = {name: _tidied(schema) for name, schema in shared["$defs"].items()}
    named = {kind: _definition_name(by_model[node_type, "validation"]) for kind, node_type in kinds.items()}
    for kind, node_type in kinds.items():
        definitions[named[kind]]["properties"] = _in_reading_order(node_type, definitions[named[kind]]["properties"])
    declared = {
        "type": "object",
        "patternProperties": {VARIABLE_PATTERN: {"$ref": _DEFINITION + _definition_name(by_model[Declared, "validation"])}},
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A call flow of ivrd",
        "description": "One flow: its nodes, where a call begins, and what it keeps. Made by `ivrd flow schema`.",
        "type": "object",
        "required": ["flow", "start", "nodes"],
        "additionalProperties": False,
        "properties": {
            "flow": {"type": "string", "pattern": NAME_PATTERN, "description": "The flow's name."},
            "start": {"type": "string", "pattern": NAME_PATTERN, "description": "The node that it begins with."},
            "on_hang_up": {
                "type": "string",
                "pattern": NAME_PATTERN,
                "description": "The node to go to when the caller hangs up within this flow: it can still file what he said.",
            },
            "parameters": {**declared, "description": "Variables that a `run` node gives this flow: name → type and default."},
            "variables": {**declared, "description": "Variables of the call with a type: name → type and default."},
            "nodes": {
                "type": "object",
                "description": "Node name → node. A node's first key says what it does.",
                "minProperties": 1,
                "patternProperties": {NAME_PATTERN: {"$ref": f"{_DEFINITION}node"}},
                "additionalProperties": False,
            },
        },
        "$defs": {
            "node": {"type": "object", "anyOf": [{"$ref": _DEFINITION + name} for name in named.values()]},
            **dict(sorted(definitions.items())),
        },
    }


def key_table(node_type: type[Node]) -> str:
    """The keys of a kind of node as a Markdown table: key, what it may be, its default, what it is for."""
    schema = flow_schema([node_type])
    node = schema["$defs"][schema["$defs"]["node"]["anyOf"][0]["$ref"].removeprefix(_DEFINITION)]
    rows = ["| key | is | default | means |", "|---|---|---|---|"]
    for key, told in node["properties"].items():
        default = "**required**" if key in node["required"] else _shown(told["default"]) if "default" in told else ""
        rows.append(f"| `{key}` | {_sort(told)} | {default} | {told['description']} |")
    return "\n".join(rows)


def _definition_name(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).removeprefix(_DEFINITION)


def _in_reading_order(node_type: type[Node], properties: Mapping[str, Any]) -> dict[str, Any]:
    """The key that names the node first, then its own, then those that it shares with others."""
    own = [field.alias or name for name, field in node_type.model_fields.items() if name in node_type.__annotations__]
    first = [node_type.kind, *(key for key in own if key != node_type.kind)]
    return {key: properties[key] for key in (*first, *(key for key in properties if key not in first))}


def _tidied(schema: Any) -> Any:
    """As an author needs it: "or nothing at all" is no choice he writes, and a name of another form is a mistake."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {key: _tidied(value) for key, value in schema.items() if not (key == "default" and value is None)}
    choices = [choice for choice in tidied.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del tidied["anyOf"]
        tidied |= choices[0]
    elif choices:
        tidied["anyOf"] = choices
    if "patternProperties" in tidied:
        tidied.setdefault("additionalProperties", False)
    if tidied.get("type") == "object":
        tidied.pop("title", None)
    return tidied


def _sort(told: Mapping[str, Any]) -> str:
    """In a word or two what a key may be."""
    if "$ref" in told:
        return {"Words": "words", "Retry": "retry", "ReadBack": "words and keys"}.get(_definition_name(told), "table")
    if "enum" in told or "const" in told:
        return " or ".join(f"`{choice}`" for choice in told.get("enum", [told.get("const")]))
    if "anyOf" in told:
        sorts = [_sort(choice) for choice in told["anyOf"]]
        return "value" if len(sorts) > 2 else sorts[0] if sorts[0] == "key" else " or ".join(sorts)
    low, high = told.get("minimum"), told.get("maximum")
    bounds = f" {low:g} to {high:g}" if low is not None and high is not None else ""
    if "pattern" in told:
        return {NAME_PATTERN: "name", VARIABLE_PATTERN: "variable", KEY_PATTERN: "key"}.get(told["pattern"], "text")
    return _SORTS[told["type"]] + bounds


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, dict):
        return "`{" + ", ".join(f"{key}: {value}" for key, value in default.items()) + "}`" if default else ""
    if isinstance(default, list):
        return f"`{default}`" if default else ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
