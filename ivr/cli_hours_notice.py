"""``ivrd hours notice``: a State Council notice, as published, to what belongs into the calendar file. Hung in by ``cli_hours``."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from callflows.calendar_file import LARGEST_FILE
from callflows.notice_text import Holiday, NoticeError, as_notice, as_yaml, read_notice
from callflows.public_holidays import DayKind, day_of, known
from ivr.cli_common import JsonOption, fail, print_json

app = typer.Typer()


@app.command("notice", epilog="Example: ivrd hours notice notice-2027.txt >> config/calendar.yaml")
def show_notice(
    file: Annotated[Path, typer.Argument(help="The notice's text, or - for standard input.")],
    as_json: JsonOption = False,
) -> None:
    """Read a notice of the State Council, check it against itself, and print the lines for the calendar file."""
    try:
        text = sys.stdin.read(LARGEST_FILE) if str(file) == "-" else _read(file)
        year, holidays = read_notice(text)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file}: the notice can't be read: {error}")
    except NoticeError as error:
        fail(f"{file}: {error}")
    if as_json:
        print_json({"year": year, "holidays": [_as_json(holiday) for holiday in holidays]})
    else:
        typer.echo(as_yaml(year, holidays), nl=False)
    for sentence in _against_the_library(year, holidays):
        typer.echo(f"ivrd: warning: {sentence}", err=True)


def _read(file: Path) -> str:
    if file.stat().st_size > LARGEST_FILE:
        raise OSError(f"it is larger than {LARGEST_FILE // 1024} KiB")
    return file.read_text(encoding="utf-8")


def _as_json(holiday: Holiday) -> dict[str, object]:
    return {"name": holiday.name, "off": [str(day) for day in holiday.off], "worked": [str(day) for day in holiday.worked]}


def _against_the_library(year: int, holidays: list[Holiday]) -> list[str]:
    """Where chinesecalendar knows the year too, the days on which it has people work otherwise."""
    if not known(year, {}):
        return []
    notice, days = {year: as_notice(holidays)}, (date(year, 1, 1) + timedelta(days=ahead) for ahead in range(366))
    works = (DayKind.WORKDAY, DayKind.MAKE_UP_DAY)
    wrong = [str(day) for day in days if day.year == year and (day_of(day, notice).kind in works) is not (day_of(day, {}).kind in works)]
    return [f"chinesecalendar has it otherwise on {', '.join(wrong)}: the calendar file would win"] if wrong else []
