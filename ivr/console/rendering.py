"""Pages from templates: everything escaped, words by key, times in the hotline's zone. For the console's handlers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from ivr.console.texts import Language, known, text
from ivr.domain.contacts import ContactOutcome
from ivr.domain.numbers import masked, masked_name

HERE = Path(__file__).parent
STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# What a caller keyed in may be his number; two or three keys are his way through the menus.
_LONG_KEYS = re.compile(r"\d{7,}")


class Renderer:
    """``lines`` gives each line's name in zh and en; queues without a line of their name are shown as they are called."""

    def __init__(self, zone: ZoneInfo, lines: Mapping[str, Mapping[str, str]]) -> None:
        self._zone = zone
        self._lines = lines
        self.static = {path.name: path.read_bytes() for path in sorted((HERE / "static").iterdir()) if path.suffix in STATIC_TYPES}
        self.static_version = hashlib.sha256(b"".join(self.static.values())).hexdigest()[:12]
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._environment.globals["static_version"] = self.static_version
        self._environment.filters.update(
            clock=self._clock,
            moment=self._moment,
            day=self._day,
            duration=_duration,
            hours=_hours,
            percent=percent,
            keys=masked_keys,
            masked=masked,
            masked_name=masked_name,
            tone=tone,
        )

    def page(self, template: str, language: Language, **values: Any) -> str:
        """One template's text. ``t`` and ``word`` are its way to the words, ``line`` to a line's name."""
        return self._environment.get_template(template).render(
            t=partial(_text, language), word=partial(_word, language), line_name=partial(self._line_name, language), lang=language, **values
        )

    def _line_name(self, language: Language, name: str | None) -> str:
        return "–" if name is None else self._lines.get(name, {}).get(language, name)

    def _clock(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%H:%M:%S")

    def _moment(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%m-%d %H:%M")

    def _day(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")


def _text(language: Language, key: str, /, **values: object) -> str:
    return text(key, language, **values)


def _word(language: Language, kind: str, value: object) -> str:
    """The word for a state or an outcome; one that isn't known, from a newer version, is shown as it is."""
    key = f"{kind}.{value}"
    return text(key, language) if known(key) else str(value)


@pass_context
def _duration(page: Context, seconds: float | timedelta | None) -> str:
    return duration(seconds, page["lang"])


def duration(seconds: float | timedelta | None, language: Language = "en") -> str:
    """8 s (8 秒), 1:05, 1:02:03; – for none."""
    if seconds is None:
        return "–"
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} 秒" if language == "zh" else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@pass_context
def _hours(page: Context, time: timedelta) -> str:
    """71 h, 1.5 h (71 小时)."""
    hours = time / timedelta(hours=1)
    return f"{hours:.{0 if hours >= 10 else 1}f} {'小时' if page['lang'] == 'zh' else 'h'}"


def percent(share: float | None) -> str:
    """12.5 %; – for none."""
    return "–" if share is None else f"{share * 100:.1f} %".replace(".0 %", " %")


_SERVED = frozenset({ContactOutcome.ANSWERED, ContactOutcome.SELF_SERVED})
_FAILED = frozenset(
    {ContactOutcome.ABANDONED_QUEUE, ContactOutcome.ABANDONED_RING, ContactOutcome.REJECTED_CAPACITY, ContactOutcome.SYSTEM_ERROR}
)


def tone(outcome: ContactOutcome) -> str:
    """The class an outcome is coloured by; its words stand beside it."""
    if outcome in _SERVED:
        return "good"
    return "bad" if outcome in _FAILED else "few"


def masked_keys(keys: str) -> str:
    """Keys as pressed, a run long enough to be somebody's number masked (R60)."""
    return _LONG_KEYS.sub(lambda found: masked(found[0]), keys)
