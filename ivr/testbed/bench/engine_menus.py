"""What the engine's benchmark walks: one menu as a flow file and as a hand-written coroutine, and a generated flow of many nodes.

Pure. For ``bench`` alone.
"""

from __future__ import annotations

from collections.abc import Generator

from callflows.effects import Ask, CheckHours, Effect, EnterLine, EnterNode, HangUp, Queue, Say
from callflows.outcomes import Digits, Hours, HoursState, Outcome, QueueEnd, QueueLeft
from callflows.speech import Text

MENU = "main"
TRIES = 2
LONGEST_WAIT_S = 90
MENU_FLOW = """\
flow: main
start: greeting
nodes:
  greeting: {say: {zh: 您好。, en: Hello.}, next: menu}
  menu:
    menu: {zh: 人力资源请按一。, en: "For human resources, press 1."}
    keys: {1: hr}
    no_input: {tries: 2, say: {zh: 没有收到您的按键。, en: We did not hear a key.}, then: hr}
    wrong_key: {tries: 2, say: {zh: 没有这个选项。, en: That is not one of the choices.}, then: hr}
  hr: {line: hr, next: hours}
  hours: {hours: hr, open: connect, closed: closed}
  connect: {say: {zh: 正在为您转接。, en: Connecting you.}, next: queue}
  queue: {queue: hr, longest_wait_s: 90, served: bye, _: busy}
  busy: {say: {zh: 坐席全忙。, en: Nobody is free.}, next: bye}
  closed: {say: {zh: 现在是非服务时间。, en: We are closed.}, next: bye}
  bye: {hang_up: {zh: 再见。, en: Goodbye.}}
"""


def _words(place: str, zh: str) -> tuple[Text]:
    return (Text(f"main-{place}", {"zh": zh}),)


_GREETING = _words("greeting", "您好。")
_CHOOSE = _words("menu", "人力资源请按一。")
_NO_INPUT = _words("menu-no-input", "没有收到您的按键。")
_WRONG_KEY = _words("menu-wrong-key", "没有这个选项。")
_CONNECT = _words("connect", "正在为您转接。")
_BUSY = _words("busy", "坐席全忙。")
_CLOSED = _words("closed", "现在是非服务时间。")
_BYE = _words("bye", "再见。")


def by_hand() -> Generator[Effect, Outcome, None]:
    """What a programmer would write in place of ``MENU_FLOW``, in Chinese: the same effects in the same order, for every outcome."""
    yield EnterNode("greeting")
    yield Say(_GREETING)
    yield EnterNode("menu")
    silent = wrong = 0
    while True:
        pressed = yield Ask(_CHOOSE)
        if pressed == Digits("1"):
            break
        if isinstance(pressed, Digits):
            wrong += 1
            again = _WRONG_KEY
        else:
            silent += 1
            again = _NO_INPUT
        if TRIES in (silent, wrong):
            break
        yield Say(again)
    yield EnterNode("hr")
    yield EnterLine("hr")
    yield EnterNode("hours")
    hours = yield CheckHours("hr")
    if isinstance(hours, Hours) and hours.state is HoursState.OPEN:
        yield EnterNode("connect")
        yield Say(_CONNECT)
        yield EnterNode("queue")
        back = yield Queue("hr", LONGEST_WAIT_S)
        if not (isinstance(back, QueueLeft) and back.end is QueueEnd.SERVED):
            yield EnterNode("busy")
            yield Say(_BUSY)
    else:
        yield EnterNode("closed")
        yield Say(_CLOSED)
    yield EnterNode("bye")
    yield Say(_BYE, barge_in=False)
    yield HangUp()


def generated(nodes: int) -> str:
    """A flow file of so many nodes without a fault: menus and hours, leading on as a tree does, a queue at each leaf."""
    lines = ["flow: main", "start: n1", "nodes:"]
    last = nodes - 2
    for number in range(1, last + 1):
        left, right = 2 * number, min(2 * number + 1, last)
        words = f"{{zh: 第{number}, en: Node {number}}}"
        if left > last:
            lines.append(f"  n{number}: {{queue: hr, served: bye, _: bye}}")
        elif number % 3:
            budget = "{tries: 1, then: help}"
            lines.append(
                f"  n{number}: {{menu: {words}, wait_s: 1, keys: {{1: n{left}, 2: n{right}}}, no_input: {budget}, wrong_key: {budget}}}"
            )
        else:
            lines.append(f"  n{number}: {{hours: hr, open: n{left}, closed: n{right}}}")
    lines += ["  help: {queue: hr, served: bye, _: bye}", "  bye: {hang_up: {zh: 再见。, en: Goodbye.}}"]
    return "\n".join(lines) + "\n"
