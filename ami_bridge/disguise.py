"""AMI messages and queue_log rows with every caller's number and name replaced, so that they still replay to the same calls.

For ``recording``. What a replay needs stays as it is: events, ids, queues, times, states. Everything else is taken to be hostile to the
caller: numbers of five digits and more are replaced wherever they stand, whatever a dialplan says or keeps in variables is veiled whole.
Lines are taken one by one and stay where they are, so that what a forged caller ID broke is as broken as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ami_bridge.ami_wire import AmiMessage, parse
from ami_bridge.dialplan_steps import QUEUE_APPLICATION
from ami_bridge.pseudonyms import Pseudonyms
from ami_bridge.queue_log_verbs import NOBODY
from ami_bridge.translate import OUR_USER_EVENTS

_Change = Callable[[str], str]
# Words of Asterisk's own, and numbers: kept where they look so, whoever wrote the header.
_WORDS = frozenset(
    {"Event", "Response", "Privilege", "SystemName", "ActionID", "EventList", "Message", "Ping", "Queue", "ChannelStateDesc", "Language"}
    | {
        "Membership",
        "Cause-txt",
        "DialStatus",
        "DestType",
        "IsExternal",
        "Result",
        "Reason",
        "Application",
        "Variable",
        "Shutdown",
        "Restart",
    }
    | {"UserEvent", "QueueStatus", "AsteriskVersion", "AMIversion", "BridgeType", "BridgeTechnology", "BridgeCreator", "Strategy", "Class"}
)
_COUNTS = frozenset(
    {
        "Timestamp",
        "ListItems",
        "ChannelState",
        "Priority",
        "Position",
        "OriginalPosition",
        "Count",
        "HoldTime",
        "RingTime",
        "TalkTime",
        "Wait",
    }
    | {"Status", "Paused", "LastCall", "LastPause", "LoginTime", "CallsTaken", "InCall", "Penalty", "Ringinuse", "RingInUse", "Wrapuptime"}
    | {"Cause", "TechCause", "Duration", "Uptime", "LastReload", "CoreStartupDate", "CoreStartupTime", "CoreReloadDate", "CoreReloadTime"}
    | {"CoreCurrentCalls", "BridgeNumChannels", "BridgeVideoSourceMode", "Max", "Calls", "Completed", "Abandoned", "Weight", "Available"}
    | {"ServiceLevel", "ServicelevelPerf", "ServicelevelPerf2", "LoggedIn", "Callers", "Items"}
)
_NUMBER_OF_ASTERISKS = re.compile(r"1[0-9]{9}(?:\.[0-9]{1,6})?|-?[0-9]{0,7}(?:[.:/,-][0-9]{1,7}){0,5}")  # a time, a count, a date
_ADDRESS = re.compile(r"(?:Channel|Context|Exten|Extension|Interface|Location|DialString|DestApp)$")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,40}")
_ID = re.compile(r"(?:Uniqueid|Linkedid|UniqueID|LinkedID)$")
_MADE_AT = re.compile(r"(?<![0-9])1[0-9]{9}\.[0-9]{1,9}(?![0-9])")  # epoch.number, until 2033
_CHANNEL_NUMBER = re.compile(r"-[0-9a-f]{8}(?=;[12]$|$)")
_PARTY_NUMBER = re.compile(r"(?:CallerIDNum|ConnectedLineNum|CallerIDani|CallerID-?(?:RDNIS|DNID)|Source|Destination|CalledSubaddr)$")
_PARTY_NAME = re.compile(r"(?:CallerIDName|ConnectedLineName)$")
_UNKNOWN = frozenset({"", "<unknown>", "unknown"})
# Free text: what a dialplan says, keeps and is told.
_FREE = re.compile(r"(?:Value|AppData|ApplicationData|LastData|UserField|Output|Body|Command|Result[A-Z]\w*|Env|Digit|ChanVariable)$")
# What Queue() and Dial() themselves set: their words, and seconds.
_QUEUES_VARIABLES = frozenset(
    {"QUEUESTATUS", "DIALSTATUS", "ABANDONED", "QUEUEPOSITION", "QUEUEWAIT", "QUEUEWAIT_MS", "DIALEDTIME", "DIALEDTIME_MS", "ANSWEREDTIME"}
    | {"ANSWEREDTIME_MS", "HANGUPCAUSE", "QUEUE_PRIO", "QUEUE_MAX_PENALTY", "QUEUE_MIN_PENALTY"}
)
_WORD = re.compile(r"[A-Z_]{0,40}|[0-9]{1,8}")
_BANNER = re.compile(r"Asterisk Call Manager/[0-9.]{1,12}\r?")
_LONG = re.compile(r"[0-9]{5,}")
_TOKEN = re.compile(r"[^\W\d_]\w{2,}")


class Disguise:
    """One for each recording: it remembers whom it has seen. ``agents``: their names are replaced too."""

    def __init__(self, *, agents: bool = False) -> None:
        self._false = Pseudonyms(agents=agents)
        self._queues: set[str] = set()
        self._members: set[str] = set()
        self._telephones: dict[str, str] = {}  # what agents' addresses are called by, where their names are replaced

    def ami(self, raw: bytes) -> bytes:
        """One message, without its final empty line as ``AmiFraming`` gives it."""
        message = parse(raw)
        self._learn(message)
        lines = raw.decode("utf-8", "surrogateescape").split("\n")
        return "\n".join(self._line(message, line) for line in lines).encode("utf-8", "surrogateescape")

    def queue_log(self, line: bytes) -> bytes:
        """One line, its newline included."""
        text = line.decode("utf-8", "surrogateescape")
        body = text.rstrip("\r\n")
        words = body.split("|", 4)
        if len(words) < 5 or not words[0].isascii() or not words[0].isdigit():
            return (self._false.veiled(body) + text[len(body) :]).encode("utf-8", "surrogateescape")
        at, call, queue, agent, rest = words
        verb, *data = rest.split("|")
        self._queues.add(queue)
        verb_shown = verb if _WORD.fullmatch(verb) else self._false.veiled(verb)
        row = [at, self._id(call), queue, self._agent(agent), verb_shown, *self._data(verb, data)]
        return ("|".join(row) + text[len(body) :]).encode("utf-8", "surrogateescape")

    def _learn(self, message: AmiMessage) -> None:
        """Queues and members keep their names, wherever they are named."""
        if queue := message.get("Queue"):
            self._queues.add(queue)
        if message.event == "Newexten" and message.get("Application") == QUEUE_APPLICATION:
            self._queues.add(message.get("AppData").partition(",")[0])
        for header in ("MemberName", "Name") if message.event == "QueueMember" else ("MemberName",):
            if member := message.get(header):
                self._members.add(member)
                self._false.agent(member)
        if self._false.agents:
            for header in ("Interface", "StateInterface", "Location"):
                for token in _TOKEN.findall(message.get(header).partition("/")[2]):
                    self._telephones.setdefault(token, f"agent{len(self._telephones) + 1}")

    def _line(self, message: AmiMessage, line: str) -> str:
        if _BANNER.fullmatch(line):  # another connection's, in a stream of several
            return line
        ending = "\r" if line.endswith("\r") else ""
        key, separator, value = line.removesuffix("\r").partition(": ")
        if not separator:
            return self._false.veiled(line.removesuffix("\r")) + ending
        return f"{key if _HEADER.fullmatch(key) else self._false.veiled(key)}: {self._change(message, key)(value)}{ending}"

    def _change(self, message: AmiMessage, key: str) -> _Change:
        """What becomes of a value of this header in this message."""
        if _PARTY_NUMBER.search(key):
            return self._party_number
        if _PARTY_NAME.search(key):
            return self._party_name
        if key == "MemberName" or (key == "Name" and message.event == "QueueMember"):
            return self._agent
        if _ID.search(key):
            return self._id
        if key == "Value" and message.event == "VarSet":
            return self._variable(message.get("Variable"))
        if key == "AppData" and message.get("Application") == QUEUE_APPLICATION:
            return self._queue_arguments
        if _FREE.search(key) or (message.event == "UserEvent" and self._is_free(message, key)):
            return self._false.veiled
        if key in _COUNTS:
            return self._count
        if key in _WORDS:
            return self._word
        return self._address if _ADDRESS.search(key) else self._named

    @staticmethod
    def _is_free(message: AmiMessage, key: str) -> bool:
        """Whether a header of a UserEvent is somebody's own: those behind the channel, where the event isn't one of ours."""
        if message.get("UserEvent") in OUR_USER_EVENTS or "UserEvent" not in message.keys:
            return False
        return key in message.keys[message.keys.index("UserEvent") + 1 :]

    def _party_number(self, text: str) -> str:
        if text in _UNKNOWN or (text in self._queues | self._members and not _LONG.search(text)):
            return text
        if text.isascii() and text.isdigit() and len(text) < 5:  # an extension of the house
            return text
        return self._false.number(text)

    def _party_name(self, text: str) -> str:
        if text in _UNKNOWN or text in self._queues:
            return text
        return self._false.name(text)

    def _agent(self, text: str) -> str:
        if text in ("", NOBODY):
            return text
        self._members.add(text)
        return self._false.agent(text)

    def _id(self, text: str) -> str:
        """Ids are equal where they were: made of the second a channel was made in, or by whoever gave it one."""
        return self._around(_MADE_AT, text)

    def _count(self, text: str) -> str:
        return text if _NUMBER_OF_ASTERISKS.fullmatch(text) else self._word(text)

    def _word(self, text: str) -> str:
        return text if text in self._queues or not _LONG.search(text) else self._named(text)

    def _variable(self, name: str) -> _Change:
        def change(text: str) -> str:
            return text if name in _QUEUES_VARIABLES and _WORD.fullmatch(text) else self._false.veiled(text)

        return change

    def _queue_arguments(self, text: str) -> str:
        queue, comma, rest = text.partition(",")
        return queue + comma + self._false.numbers_in(rest)

    def _address(self, text: str) -> str:
        """Of a channel, in a dialplan, of a telephone."""
        for token, false in self._telephones.items():
            text = re.sub(rf"(?<!\w){re.escape(token)}(?!\w)", false, text)
        return text if text in self._queues else self._around(_CHANNEL_NUMBER, text)

    def _named(self, text: str) -> str:
        """Any other value."""
        return self._false.numbers_in(self._false.without_names(text))

    def _around(self, kept: re.Pattern[str], text: str) -> str:
        """Numbers replaced but in what is kept."""
        parts: list[str] = []
        at = 0
        for found in kept.finditer(text):
            parts += [self._false.numbers_in(text[at : found.start()]), found.group()]
            at = found.end()
        return "".join([*parts, self._false.numbers_in(text[at:])])

    def _data(self, verb: str, data: list[str]) -> list[str]:
        match verb:
            case "ENTERQUEUE":
                return self._entered(data)
            case "PAUSE" | "UNPAUSE" | "PAUSEALL" | "UNPAUSEALL":
                return [self._named(text) for text in data]
            case "BLINDTRANSFER" | "ATTENDEDTRANSFER" | "TRANSFER":
                return [self._address(text) for text in data]
            case _:
                return [self._logged(text) for text in data]

    def _entered(self, data: list[str]) -> list[str]:
        """url, number (which may hold ``|``), position, name."""
        place = 2 if len(data) > 2 and data[2].isdigit() else len(data) - 1
        before, after = data[1:place], data[place + 1 :]
        position = [text if text.isdigit() else self._false.veiled(text) for text in data[place : place + 1]]
        return [self._false.veiled(data[0]), *map(self._party_number, before), *(position if place else []), *map(self._party_name, after)]

    def _logged(self, text: str) -> str:
        if _MADE_AT.search(text):
            return self._id(text)
        return text if _WORD.fullmatch(text) else self._false.veiled(text)
