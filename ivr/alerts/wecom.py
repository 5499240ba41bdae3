"""WeCom's group robot 企业微信群机器人 as a sink for alerts.

POST …/cgi-bin/webhook/send?key=… with a markdown message of at most 4096 bytes, at most 20 a minute; it answers 200 in any case, and
``errcode`` 0 alone means that it was taken (developer.work.weixin.qq.com, path/91770).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from ivr.alerts.case_texts import case_text
from ivr.alerts.messages import Alert, BooksAlert, CaseAlert, LossAlert
from ivr.alerts.texts import Wording, cut_bytes
from ivr.delivery import Delivered, Delivery, Rejected, RetryLater, Unknown
from ivr.domain.alert_rules import AbandonedCall
from ivr.posting import Answer, Poster, UnansweredError, UnreachableError
from ivr.webhook import excerpt

MARKDOWN_BYTES = 4096
DEADLINE_S = 5.0
TOO_OFTEN = 45009
NO_SUCH_ROBOT = 93000  # "invalid webhook url"
BUSY = -1
REST_S = 60.0


class WecomRobot:
    """``url`` holds the robot's key: it is never logged."""

    def __init__(self, poster: Poster, url: str, wording: Wording, clock: Callable[[], datetime], deadline_s: float = DEADLINE_S) -> None:
        self._poster = poster
        self._url = url
        self._wording = wording
        self._clock = clock
        self._deadline_s = deadline_s

    async def send(self, message_id: str, alert: Alert) -> Delivery:
        """The robot knows no ids: what may have arrived comes twice rather than never."""
        if isinstance(alert, LossAlert):
            return await self.say(self._wording.loss(alert.line, alert.turn, alert.window_minutes, alert.threshold))
        if isinstance(alert, BooksAlert):
            return await self.say(self._wording.books(alert.at, agree=alert.agree, sentence=alert.sentence, counts=alert.counts))
        if isinstance(alert, CaseAlert):
            return await self.say(case_text(self._wording, alert))
        return await self.say(self._wording.abandoned(alert))

    async def send_collected(self, message_id: str, calls: Sequence[AbandonedCall]) -> Delivery:
        return await self.say(self._wording.collected(calls, self._clock()))

    def too_much(self, delivery: Delivery) -> bool:
        return isinstance(delivery, RetryLater) and delivery.after_s == REST_S

    async def say(self, text: str) -> Delivery:
        """Any markdown, cut to what the robot takes."""
        message = {"msgtype": "markdown", "markdown": {"content": cut_bytes(text, MARKDOWN_BYTES)}}
        body = json.dumps(message, ensure_ascii=False).encode()
        try:
            answer = await self._poster.post(self._url, body, {"Content-Type": "application/json"}, self._deadline_s)
        except UnreachableError as error:
            return RetryLater(str(error))
        except UnansweredError as error:
            return Unknown(str(error))
        return meaning(answer)


def meaning(answer: Answer) -> Delivery:
    """HTTP 200 proves nothing: ``errcode`` says what became of the message."""
    if answer.status != 200:
        return RetryLater(f"the robot answers HTTP {answer.status}: {excerpt(answer.body)}".rstrip(": "))
    try:
        said = json.loads(answer.body)
        code = said["errcode"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return RetryLater(f"what answers is no WeCom robot: {excerpt(answer.body)}".rstrip(": "))
    reason = f"the robot answers errcode {code}: {excerpt(str(said.get('errmsg', '')).encode())}".rstrip(": ")
    if code == 0:
        return Delivered()
    if code == TOO_OFTEN:
        return RetryLater(reason, after_s=REST_S)
    if code == NO_SUCH_ROBOT:
        return Rejected(f"{reason}; is the key in its url_file that of a robot which still is in the group?")
    return RetryLater(reason) if code == BUSY else Rejected(reason)
