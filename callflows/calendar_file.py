"""``config/calendar.yaml`` to calendars: every fault at once, with file and line. Used by the daemon, the CLI and the tests."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from callflows.calendar import Calendar, CalendarError
from callflows.public_holidays import Notice

Fault = tuple[int, str]  # line, sentence
M = TypeVar("M", bound=BaseModel)
# The file's one word that is no calendar's name: the State Council's notices, by year.
NOTICES = "notices"
LARGEST_FILE = 1024 * 1024
_HOURS = '[{from: "08:00", to: "20:00"}]'
_SAYINGS = {
    "tuple_type": f"should be hours like {_HOURS}, or [] for none",
    "missing": "is missing",
    "model_type": f"should be a table; hours are written like {_HOURS}",
    "date_from_datetime_parsing": "is no date: write it like 2027-02-05",
    "date_parsing": "is no date: write it like 2027-02-05",
    "frozen_set_type": "should be a list of dates, like [2027-01-01, 2027-02-05 to 2027-02-11]",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
}


class _DatesAsText(RoundTripConstructor):
    """YAML would make 2027-02-30 an error without a line."""


_DatesAsText.add_constructor("tag:yaml.org,2002:timestamp", _DatesAsText.construct_scalar)


def load_calendars(path: Path) -> dict[str, Calendar]:
    """Name → calendar. Raises CalendarError."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise CalendarError(f"{path}:1: it is larger than {LARGEST_FILE // 1024} KiB: this is no calendar")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CalendarError(f"{path}: the calendar can't be read: {error}") from error
    document = _parsed(path, text)
    problems: list[Fault] = []
    notices = _notices(document, problems)
    calendars: dict[str, Calendar] = {}
    for name, body in document.items():
        if name == NOTICES:
            continue
        found = _valid(Calendar, document, (name,), body, problems)
        if found is not None:
            calendars[str(name)] = found.model_copy(update={"notices": {**notices, **found.notices}})
    if problems:
        raise CalendarError("\n".join(f"{path}:{line}: {sentence}" for line, sentence in sorted(problems)))
    if not calendars:
        raise CalendarError(f"{path}:1: there is no calendar here but the {NOTICES}: a calendar is a name and its hours")
    return calendars


def _parsed(path: Path, text: str) -> CommentedMap:
    try:
        yaml = YAML(typ="rt", pure=True)
        yaml.Constructor = _DatesAsText
        document = yaml.load(text)
    except DuplicateKeyError as error:
        mark = error.problem_mark
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else "a key"
        raise CalendarError(f"{path}:{mark.line + 1 if mark else 1}: {key!r} is given twice here: keep one of them") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise CalendarError(f"{path}:{mark.line + 1 if mark else 1}: this is not YAML: {error.problem or error.context}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise CalendarError(f"{path}:1: this is not YAML: {error}") from error
    if not isinstance(document, CommentedMap) or not document:
        raise CalendarError(f"{path}:1: a calendar file is a table of names and hours")
    return document


def _notices(document: CommentedMap, problems: list[Fault]) -> dict[int, Notice]:
    table = document.get(NOTICES)
    if table is None:
        return {}
    if not isinstance(table, CommentedMap):
        problems.append((_line(document, (NOTICES,)), f"{NOTICES} is a table of years, each with its holidays and make_up_days"))
        return {}
    notices: dict[int, Notice] = {}
    for year, body in table.items():
        place = (NOTICES, year)
        if not isinstance(year, int) or not 2000 <= year <= 2200:
            problems.append((_line(document, place), f"{NOTICES}.{year}: this is no year: write it like 2027"))
        elif (notice := _valid(Notice, document, place, body, problems)) is not None:
            wrong = sorted(day for day in notice.holidays | notice.make_up_days if not _belongs(day.year, day.month, year))
            if wrong:
                problems.append((_line(document, place), f"{NOTICES}.{year}: {wrong[0]} isn't in {year}"))
            else:
                notices[year] = notice
    return notices


def _belongs(year: int, month: int, notice: int) -> bool:
    """A notice may rule the last days of the year before."""
    return year == notice or (year == notice - 1 and month == 12)


def _valid(model: type[M], document: CommentedMap, place: tuple[Any, ...], body: Any, problems: list[Fault]) -> M | None:
    try:
        return model.model_validate(_plain(body))
    except ValidationError as error:
        for problem in error.errors():
            location = (*place, *(part for part in problem["loc"] if part not in ("hours", "word", "[key]")))
            shown = ".".join(str(part) for part in location)
            problems.append((_line(document, location), f"{shown}: {_said(problem, model)}"))
        return None


def _said(problem: ErrorDetails, model: type[BaseModel]) -> str:
    if problem["type"] == "extra_forbidden":
        keys = [field.alias or name for name, field in model.model_fields.items()] if len(problem["loc"]) == 1 else ["from", "to"]
        return f"there is no such key{_near(str(problem['loc'][-1]), keys)}"
    return _SAYINGS.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")


def _near(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]!r}?" if found else ""


def _plain(value: Any) -> Any:
    """ruamel's round-trip types as plain ones; years stay numbers, and dates are texts."""
    if isinstance(value, dict):
        return {(str(key) if isinstance(key, str) else key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _line(document: CommentedMap, location: Sequence[Any]) -> int:
    """Of the deepest part of ``location`` that the file has."""
    at, table = 0, document
    for part in location:
        if isinstance(table, CommentedMap):
            key = next((key for key in table if str(key) == str(part)), None)
            if key is None:
                break
            at, table = table.lc.key(key)[0], table[key]
        elif isinstance(table, CommentedSeq) and isinstance(part, int) and part < len(table):
            at, table = table.lc.item(part)[0], table[part]
        else:
            break
    return int(at) + 1
