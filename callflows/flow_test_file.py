"""Test files of flows to cases: all faults at once, each with file and line. For ``ivrd flow test`` and whoever plays cases for real."""

from __future__ import annotations

import difflib
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from callflows import yaml_text
from callflows.flow_case import Customer, Expected, FlowCase, Given, Outlook, ScriptStep
from callflows.flow_tests import Case
from callflows.loader import FlowError, Problem, read_file

SUFFIX = ".test.yaml"
_TOP: dict[type[BaseModel], str] = {FlowCase: "a case", Given: "what is given"}
_KEYS: dict[str, type[BaseModel]] = {"given": Given, "expect": Expected, "customer": Customer, "outlooks": Outlook, "script": ScriptStep}


def case_files(place: Path) -> list[Path]:
    """The test files of a folder, or the one file; beside a flow file, its own."""
    if place.is_dir():
        return sorted(place.glob(f"*{SUFFIX}"))
    if place.name.endswith(SUFFIX):
        return [place]
    return [place.with_name(place.stem + SUFFIX)]


def read_cases(place: Path) -> list[Case]:
    """Every case of the files at ``place``. Raises FlowError with every fault."""
    cases: list[Case] = []
    problems: list[Problem] = []
    for file in case_files(place):
        try:
            text = read_file(file)
        except FlowError as error:
            problems += error.problems
        else:
            cases += parse(str(file), text, file.name.removesuffix(SUFFIX), problems)
    if not cases and not problems:
        problems.append(Problem(str(place), 1, "syntax", "error", f"there are no tests (*{SUFFIX}) here"))
    if problems:
        raise FlowError(problems)
    return cases


def parse(file: str, text: str, flow: str, problems: list[Problem]) -> list[Case]:
    """The cases of one file; what is wrong is added to ``problems``. ``flow`` is played where a case names none."""
    document = yaml_text.read(text)
    problems += [Problem(file, fault.line, fault.code, "error", fault.message) for fault in document.faults]
    if document.faults:
        return []
    if not isinstance(document.value, list):
        problems.append(Problem(file, 1, "syntax", "error", "a test file is a list of cases, each with name, at, script and expect"))
        return []
    cases: list[Case] = []
    names: dict[str, int] = {}
    for index, body in enumerate(document.value):
        here = (str(index),)
        line = min((at for path, at in document.lines.items() if path[:1] == here), default=1)
        try:
            case = FlowCase.model_validate(body)
        except ValidationError as error:
            problems += [_problem(file, document, here, fault) for fault in error.errors()]
            continue
        if case.name in names:
            problems.append(Problem(file, line, "key-clash", "error", f"a case {case.name!r} is already in line {names[case.name]}"))
        names[case.name] = line
        cases.append(Case(case, case.flow or flow, file, line))
    return cases


def parse_given(text: str, name: str) -> Given:
    """What surrounds a call, written as under ``given``. Raises FlowError; ``name`` says where the text stands."""
    document = yaml_text.read(text)
    problems = [Problem(name, fault.line, fault.code, "error", fault.message) for fault in document.faults]
    if not problems:
        try:
            return Given.model_validate(document.value or {})
        except ValidationError as error:
            problems = [_problem(name, document, (), fault, Given) for fault in error.errors()]
    raise FlowError(problems)


def _problem(
    file: str, document: yaml_text.Document, case: tuple[str, ...], fault: ErrorDetails, root: type[BaseModel] = FlowCase
) -> Problem:
    location = tuple(str(part) for part in fault["loc"])
    line = document.line((*case, *location))
    if fault["type"] == "extra_forbidden":
        known = _known(location[:-1], root)
        close = difflib.get_close_matches(location[-1], known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; there is {', '.join(known)}"
        where = ".".join(location[:-1])
        return Problem(file, line, "unknown-key", "error", f"{location[-1]!r} is no key of {where or _TOP[root]}{hint}")
    return Problem(file, line, "syntax", "error", f"{'.'.join(location) or _TOP[root]}: {fault['msg'].removeprefix('Value error, ')}")


def _known(location: tuple[str, ...], root: type[BaseModel]) -> list[str]:
    model = next((_KEYS[part] for part in reversed(location) if part in _KEYS), root)
    return [name for name in model.model_fields if name != "word"]
