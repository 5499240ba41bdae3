"""Variables of a call: their types, the values a flow file may write, and those that nobody may see. Used by the nodes and the walk.

Every value is plain text, so that a call can be written down before a queue and go on after it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

VARIABLE = r"[a-z][a-z0-9_]{0,31}"
# Who may open and close lines from the telephone: a flow can't give that to itself, nor can a webhook.
SUPERVISOR = "supervisor"
# A webhook or a CRM that answers with a novel shall not fill our records with it.
LONGEST_VALUE = 500
YES = "yes"  # a flag that is set; one that isn't has no value

VariableType = Literal["digits", "number", "text", "flag"]
_FITS = {
    "digits": re.compile(r"[0-9]{1,32}"),
    "number": re.compile(r"-?[0-9]{1,9}"),
    "text": re.compile(rf"[^\x00-\x1f\x7f]{{1,{LONGEST_VALUE}}}"),
}
_FLAG = {"yes": YES, "true": YES, "1": YES, "no": "", "false": "", "0": ""}
_REFERENCE = re.compile(rf"\{{({VARIABLE})\}}")


class Secret(str):
    """A value that the caller typed unseen. It stays one wherever it is copied to, and no repr shows it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def fitted(kind: VariableType | None, value: str) -> str | None:
    """The value as a variable of this type keeps it; None where it doesn't fit. Without a type any text fits."""
    if kind is None:
        return value
    if kind == "flag":
        return _FLAG.get(value.strip().lower())
    return value if _FITS[kind].fullmatch(value) else None


def _not_reserved(name: str) -> str:
    if name == SUPERVISOR:
        raise ValueError(f"{SUPERVISOR!r} is set by check_pin alone; choose another name")
    return name


def _as_written(value: Any) -> Any:
    # YAML reads 5 as a number, yes as a text, true as a truth, and an unquoted {serial} as a table of one key without value.
    if isinstance(value, bool):
        return YES if value else ""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict) and len(value) == 1 and next(iter(value.values())) is None:
        return "{" + str(next(iter(value))) + "}"
    return value


def _literal_or_reference(value: str) -> str:
    if value.startswith("{") and not _REFERENCE.fullmatch(value):
        raise ValueError(f"{value!r} is neither a text nor one variable in braces, as in '{{serial}}'")
    return value


# A variable that is read, and one that a node of the flow's author's choosing sets.
VariableName = Annotated[str, Field(pattern=f"^{VARIABLE}$")]
AssignedName = Annotated[VariableName, AfterValidator(_not_reserved)]
# What a flow file writes where a value is wanted: a text, a number, a truth, or {variable}.
Value = Annotated[
    str,
    BeforeValidator(_as_written, json_schema_input_type=str | int | bool | dict[VariableName, None]),
    Field(max_length=LONGEST_VALUE),
    AfterValidator(_literal_or_reference),
]


def referred(value: str) -> str | None:
    """The variable that a ``Value`` names; None for a literal."""
    match = _REFERENCE.fullmatch(value)
    return match[1] if match else None


class Declared(BaseModel):
    """A variable or parameter as the head of a flow file declares it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    type: VariableType = "text"
    """`digits` (0-9 as typed), `number` (a whole one), `text` (up to 500 characters) or `flag` (`yes`, or nothing)."""
    default: Value | None = None
    """What it is until something is set. Without it the variable has no value."""

    @model_validator(mode="after")
    def _default_fits(self) -> Declared:
        if self.default is not None and (referred(self.default) or fitted(self.type, self.default) is None):
            raise ValueError(f"the default {self.default!r} is not of type {self.type!r}")
        return self
