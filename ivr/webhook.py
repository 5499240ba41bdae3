"""A signed webhook to one receiver: sends it and says what the answer means. Used by the CRM's and the alerts' webhook adapters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ivr import standard_webhooks
from ivr.delivery import Delivered, Delivery, Disabled, Rejected, RetryLater, Unknown
from ivr.posting import Answer, Poster, UnansweredError, UnreachableError

DEADLINE_S = 15.0  # the specification recommends 15 to 30 s
LONGEST_REFERENCE = 255
# Refusals that say "not now" and not "never".
TEMPORARY = frozenset({408, 425, 429})
ALREADY_THERE = 409
GONE = 410


class Webhook:
    """``keys`` sign, the newest first; ``clock`` gives the time of the attempt."""

    def __init__(
        self, poster: Poster, url: str, keys: Sequence[bytes], clock: Callable[[], datetime], deadline_s: float = DEADLINE_S
    ) -> None:
        self._poster = poster
        self._url = url
        self._keys = keys
        self._clock = clock
        self._deadline_s = deadline_s

    async def send(self, message_id: str, message: Mapping[str, Any]) -> Delivery:
        """Send under this id; the same id at every attempt is what makes it one message."""
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        signed = standard_webhooks.headers(self._keys, message_id, body, self._clock())
        try:
            answer = await self._poster.post(self._url, body, {"Content-Type": "application/json", **signed}, self._deadline_s)
        except UnreachableError as error:
            return RetryLater(str(error))
        except UnansweredError as error:
            return Unknown(str(error))
        return meaning(answer, self._clock())


def meaning(answer: Answer, now: datetime) -> Delivery:
    """What an answer says of the message. 2xx: taken; 409: it had this id already; 410: nothing more; other 4xx: never."""
    status = answer.status
    if 200 <= status < 300 or status == ALREADY_THERE:
        return Delivered(_reference(answer.body))
    if status == GONE:
        return Disabled("the receiver answers 410 Gone")
    if 400 <= status < 500 and status not in TEMPORARY:
        return Rejected(f"the receiver answers {status}: {excerpt(answer.body)}".rstrip(": "))
    if 300 <= status < 400:
        return RetryLater(f"the receiver answers {status}, and redirects are not followed: correct the address")
    return RetryLater(f"the receiver answers {status}: {excerpt(answer.body)}".rstrip(": "), _retry_after_s(answer, now))


def excerpt(body: bytes) -> str:
    """The beginning of an answer as one line, for a log: tags, control characters and white space folded."""
    text = re.sub(r"<[^>]*>", " ", body[:2000].decode(errors="replace"))
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def _reference(body: bytes) -> str:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):  # the latter: brackets nested by the thousand
        return ""
    reference = said.get("reference") if isinstance(said, dict) else None
    text = str(reference) if isinstance(reference, str | int) else ""
    return "".join(c for c in text if c.isprintable())[:LONGEST_REFERENCE]


def _retry_after_s(answer: Answer, now: datetime) -> float | None:
    """RFC 9110: seconds or a date."""
    value = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
        return max(0.0, (at - now).total_seconds())
    except (ValueError, TypeError):
        return None
