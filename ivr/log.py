"""Logging for people and machines: readable on a terminal, JSON lines elsewhere; numbers masked in every line (R60)."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, Literal

import structlog

from ivr.domain.numbers import masked

# A run of 7 to 15 digits, with + or without, that stands alone: a telephone number. Times, ids and versions have points or letters
# in or beside them. What is no number but looks like one is masked too: that is the safe side.
_NUMBER = re.compile(r"(?<![\w.:/-])\+?\d{7,15}(?![\w.:/-])")
# Keys whose values are ids of ours or of Asterisk, never a caller's.
_IDS = frozenset({"call", "contact", "complaint", "pid", "port", "timestamp", "level", "logger", "version"})


def mask_numbers(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The last line of defence: whatever a line says, no whole telephone number leaves in it."""
    for key, value in event.items():
        if isinstance(value, str) and key not in _IDS:
            event[key] = _NUMBER.sub(lambda match: masked(match[0]), value)
    return event


def configure(style: Literal["auto", "console", "json"], level: str) -> None:
    """Set structlog and the standard library's logging up; to stderr, so that stdout stays for answers."""
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
        structlog.processors.StackInfoRenderer(),
    ]
    # Tracebacks are rendered before the mask, or their texts would escape it.
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, mask_numbers, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if console
        else [structlog.processors.format_exc_info, mask_numbers, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last], foreign_pre_chain=shared
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Their info lines tell of every job run and every migration looked at.
    for noisy in ("apscheduler", "alembic", "panoramisk", "aiohttp.access", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        cache_logger_on_first_use=False,
    )
