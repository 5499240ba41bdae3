"""``ivrd check``: everything that can be known to be wrong before a call comes in, as sentences."""

from __future__ import annotations

import dataclasses
import tempfile
from datetime import datetime
from pathlib import Path

from ami_bridge.asterisk_files import write_configuration
from ami_bridge.conf_text import ConfigurationError
from callflows.calendar import CalendarError, doubts
from callflows.flow import NODE_FAULTS
from callflows.loader import FlowError
from ivr.assembly import SHIPPED_CALENDAR, calendars, flow_book
from ivr.asterisk_plan import asterisk_plan
from ivr.domain.shifts import ShiftsError
from ivr.outgoing import outgoing_faults
from ivr.prompts.builder import PromptProblem
from ivr.prompts.library import PromptLibrary
from ivr.prompts.wanted import wanted_prompts
from ivr.queue_log_source import source_of
from ivr.settings import Settings, SettingsError
from ivr.shift_plan import load_shifts

MOST_PROMPTS_TOLD = 3  # before the first `ivrd prompts build` all are missing, and would bury the other faults


def faults_of(settings: Settings) -> list[str]:
    """A sentence each, with where it is; empty when all is well."""
    return [
        *_flow_faults(settings),
        *_asterisk_faults(settings),
        *_queue_log_faults(settings),
        *_shift_faults(settings),
        *outgoing_faults(settings),
    ]


def warnings_of(settings: Settings, now: datetime) -> list[str]:
    """What keeps nothing from running: queues without agents, oddities of flows, recordings that nothing plays, other packages' nodes that
    can't be used, years whose holidays aren't published. A sentence each."""
    try:
        _, flow_problems = flow_book(settings)
        known = calendars(settings)
    except (FlowError, CalendarError):
        return list(NODE_FAULTS)  # the faults say so
    odd = []
    if empty := [name for name, queue in settings.queues.items() if not queue.members]:
        odd.append(f"[queues.*] members: nobody is in {', '.join(empty)}: whoever is sent there is told that all are busy")
    odd += [str(problem) for problem in flow_problems if problem.severity == "warning"]
    odd += [problem.message for problem in _prompt_problems(settings) if problem.severity == "warning"]
    today = now.astimezone(settings.zone).date()
    doubtful = [f"{settings.calendar or SHIPPED_CALENDAR}: {doubt}" for doubt in doubts(list(known.values()), today)]
    return [*NODE_FAULTS, *odd, *doubtful]


def _flow_faults(settings: Settings) -> list[str]:
    try:
        _, problems = flow_book(settings)
        faults = [str(problem) for problem in problems if problem.severity == "error"]
        wrong = [problem.message for problem in _prompt_problems(settings) if problem.severity == "error"]
    except FlowError as error:
        return [str(problem) for problem in error.problems]
    except CalendarError as error:
        return str(error).splitlines()
    told = wrong[:MOST_PROMPTS_TOLD]
    if more := len(wrong) - len(told):
        told.append(f"{settings.paths.prompts}: {more} more prompts are missing or wrong; `ivrd prompts check` names them all")
    return faults + told


def _prompt_problems(settings: Settings) -> list[PromptProblem]:
    """Raises FlowError, CalendarError."""
    return PromptLibrary(settings.paths.prompts).check(wanted_prompts(settings))


def _queue_log_faults(settings: Settings) -> list[str]:
    if settings.asterisk.queue_log is None:
        return []
    try:
        source_of(settings)
    except SettingsError as error:
        return error.problems
    return []


def _shift_faults(settings: Settings) -> list[str]:
    if settings.shifts.file is None:
        return []
    try:
        load_shifts(settings.shifts.file, settings.zone, [agent.name for agent in settings.agents.values()])
    except ShiftsError as error:
        return list(error.problems)
    return []


def _asterisk_faults(settings: Settings) -> list[str]:
    try:
        with tempfile.TemporaryDirectory(prefix="ivrd-check-") as folder:
            write_configuration(dataclasses.replace(asterisk_plan(settings), configuration=Path(folder), state=Path(folder)))
    except SettingsError as error:
        return error.problems
    except ConfigurationError as error:
        return [str(error)]
    except OSError as error:
        return [f"{error.filename}: {error.strerror}"]
    return []
