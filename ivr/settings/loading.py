"""Reads the settings file and lays the environment over it; every fault becomes a sentence with file and line. As ``ivr.settings.load``."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ivr.settings.parts import SettingsError
from ivr.settings.whole import Settings

ENVIRONMENT_PREFIX = "IVRD_"
# What pydantic says in the words of Python.
_IN_OTHER_WORDS = {
    "tuple_type": 'it must be a list, as in ["101", "102"]',
    "dict_type": "it must be a table",
    "model_type": "it must be a table",
    "int_parsing": "it must be a whole number",
}
SHIPPED_CONFIG = Path(__file__).resolve().parents[2] / "config" / "ivrd.toml"


def load(path: Path | None = None, environment: dict[str, str] | None = None) -> Settings:
    """Read the TOML file (the shipped one by default) and lay the environment over it.

    ``IVRD_AGI__PORT=4600`` sets ``agi.port``; ``STATE`` and ``PORT_OFFSET`` are honoured as ``make`` sets them.
    Raises SettingsError with every problem found.
    """
    env = dict(os.environ) if environment is None else environment
    chosen = path or Path(env.get("IVRD_CONFIG") or SHIPPED_CONFIG)
    try:
        source = chosen.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError([f"{chosen}: can't read the settings: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{chosen}: the settings are not UTF-8 text"]) from error
    try:
        values: dict[str, Any] = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{chosen}: {error}"]) from error
    laid: dict[tuple[str, ...], str] = {}
    for key, variable in (("state", "STATE"), ("port_offset", "PORT_OFFSET")):
        if env.get(variable):
            laid[(key,)] = variable
            values[key] = env[variable]
    for variable, raw in env.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and variable != "IVRD_CONFIG":
            keys = variable[len(ENVIRONMENT_PREFIX) :].lower().split("__")
            laid[tuple(keys)] = variable
            _lay_over(values, keys, raw)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError([_sentence(chosen, source, laid, problem) for problem in error.errors()]) from error


def _lay_over(values: dict[str, Any], keys: list[str], raw: str) -> None:
    place = values
    for key in keys[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            return
    # Lists and tables are written as in TOML; everything else is taken as text and validated by its field's type.
    if raw[:1] in "[{":
        try:
            place[keys[-1]] = tomllib.loads(f"x = {raw}")["x"]
            return
        except tomllib.TOMLDecodeError:
            pass  # not TOML: the field's own validation will say so with the setting's name
    place[keys[-1]] = raw


def _sentence(file: Path, source: str, laid: dict[tuple[str, ...], str], problem: Any) -> str:
    """``laid``: which setting was given by which environment variable; that is then where the fault is, and not in the file."""
    location = [str(part) for part in problem["loc"]]
    where = f"{file}:{_line_of(source, location)}" if _line_of(source, location) else str(file)
    where = next((variable for keys, variable in laid.items() if list(keys) == location[: len(keys)]), where)
    name = ".".join(location) or "settings"
    if problem["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1)
        section, _, setting = location[-1].partition("_")
        if len(location) == 1 and section in known:
            intended = f"{ENVIRONMENT_PREFIX}{section}__{setting}".upper()
            return f"{where}: {name} is no setting; of a section it has two underscores: {intended}"
        hint = f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(sorted(known))}"
        return f"{where}: {name} is no setting{hint}"
    message = _IN_OTHER_WORDS.get(problem["type"]) or str(problem["msg"]).removeprefix("Value error, ")
    given = problem.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{where}: {name}: {message}{shown}"


def _keys_at(location: list[str]) -> list[str]:
    model: Any = Settings
    for part in location:
        fields = getattr(model, "model_fields", {})
        if part in fields:
            model = fields[part].annotation
            args = getattr(model, "__args__", ())
            if args and not hasattr(model, "model_fields"):
                model = next((a for a in reversed(args) if hasattr(a, "model_fields")), None)
    return list(getattr(model, "model_fields", {}))


def _line_of(source: str, location: list[str]) -> int | None:
    """The line of ``a.b.c`` in TOML text: the key under its table, else the table's own line."""
    lines = source.splitlines()
    for depth in range(len(location), -1, -1):
        table, keys = ".".join(location[:depth]), location[depth:]
        start = 0
        if table:
            header = re.compile(r"^\s*\[\s*" + re.escape(table) + r"\s*\]")
            start = next((i + 1 for i, text in enumerate(lines) if header.match(text)), -1)
            if start < 0:
                continue
        if not keys:
            return start or None
        key = re.compile(r'^\s*"?' + re.escape(keys[0]) + r'"?\s*[=.]')
        for i in range(start, len(lines)):
            if re.match(r"^\s*\[", lines[i]):
                break
            if key.match(lines[i]):
                return i + 1
        if table:
            return start
    return None
