"""What surrounds a simulated call: the clock, the hours, the customer, how queues and telephones end, what is stored and what fails.

Pure values. For the simulator; a flow's tests and ``ivrd flow simulate`` write them down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from callflows.outcomes import (
    CustomerKnown,
    CustomerUnknown,
    DialEnd,
    Hours,
    QueueEnd,
    QueueOutlook,
    WebhookAnswered,
    WebhookFailed,
)
from callflows.speech import Characters, Moment, Number, Recording, Speech, Text, spoken_moment, spoken_number

# Speech is slower than this nowhere in our prompts: 4 syllables a second in zh, 13 characters a second in en.
SECONDS_PER_CHARACTER = {"zh": 0.25, "en": 0.077}
SECONDS_PER_WORD = 0.45  # a digit, a letter, 千, 月
RECORDING_S = 5.0
NOTHING_KNOWN = QueueOutlook(position=1, shortest_s=None, longest_s=None, staffed=True)


class StaffedHours(Protocol):
    """A calendar, as the simulator asks it."""

    def hours_at(self, at: datetime, zone: ZoneInfo) -> Hours: ...


def speaking_time(speech: Speech, language: str) -> float:
    """About how long this takes to say, s: for a flow without rendered prompts."""
    return sum(_seconds(segment, language) for segment in speech)


def _seconds(segment: object, language: str) -> float:
    match segment:
        case Text():
            prompt = segment.prompt(language)
            return len(prompt.text) * SECONDS_PER_CHARACTER.get(language, 0.1) if prompt else 0.0
        case Characters(value=value):
            return len(value) * SECONDS_PER_WORD
        case Number(value=number):
            return len(spoken_number(number, language)) * SECONDS_PER_WORD
        case Moment(at=at):
            return len(spoken_moment(at, language)) * SECONDS_PER_WORD
        case _:
            return RECORDING_S


def written(speech: Speech, language: str) -> str:
    """The words as a person reads them."""
    return " ".join(part for segment in speech if (part := _written(segment, language)))


def _written(segment: object, language: str) -> str:
    match segment:
        case Text():
            prompt = segment.prompt(language)
            return prompt.text if prompt else ""
        case Characters(value=value):
            return value
        case Number(value=number):
            return str(number)
        case Moment(at=at):
            return f"{at:%Y-%m-%d %H:%M}"
        case Recording(reference=reference):
            return f"<{reference}>"
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``caller`` is his number as it is spoken, empty when withheld. Durations in s.

    ``queue_ends`` and ``dial_ends`` say how the caller comes back, one after another; when they are used up the call ends there.
    ``states`` replace the calendars' answers, by calendar; ``pins`` say who owns which; a webhook without an answer fails.
    """

    at: datetime
    zone: ZoneInfo
    calendars: Mapping[str, StaffedHours]
    caller: str = ""
    states: Mapping[str, Hours] = field(default_factory=dict)
    customer: CustomerKnown | CustomerUnknown = CustomerUnknown()  # noqa: RUF009 - frozen
    queue_ends: tuple[QueueEnd, ...] = ()
    dial_ends: tuple[DialEnd, ...] = ()
    queue_wait_s: float = 10.0
    ring_s: float = 10.0
    webhooks: Mapping[str, WebhookAnswered | WebhookFailed] = field(default_factory=dict)
    webhook_s: float = 0.5
    outlooks: Mapping[str, QueueOutlook] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
    stored: bool | Literal["late"] = True  # can the house store complaints, messages, promises, overrides? Late: it is kept until it can
    promises: bool = True  # does it call this caller back?
    saying: Callable[[Speech, str], float] = speaking_time

    def hours(self, calendar: str, now: datetime) -> Hours:
        """Raises KeyError for a calendar that isn't there."""
        if calendar in self.states:
            return self.states[calendar]
        return self.calendars[calendar].hours_at(now, self.zone)

    def outlook(self, queue: str) -> QueueOutlook:
        return self.outlooks.get(queue, NOTHING_KNOWN)
