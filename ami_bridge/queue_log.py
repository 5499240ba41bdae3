"""Rows of Asterisk's queue_log into the same facts AMI gives: no I/O, no clock; one reader follows one log.

Used by whoever follows a file (``queue_log_file``) or a table (``queue_log_table``), by ``ivrd replay`` and ``ivrd ledger import``.

What is odd is counted, said once for each kind with its place, and never raised. A row is ``epoch|call|queue|agent|VERB|data…``, nothing
in it is escaped, and some of it is a stranger's:

* A line break in a caller's number ends ENTERQUEUE before its position, and what follows may be a row he wrote. SIP leaves him 79 bytes
  of number, so what begins within 80 bytes behind such a row is refused. A number that holds a position too (``06|1`` and a line break)
  can't be told from the truth: the dialplan has to filter the number before anything else, and where AMI tells of a call, it wins.
* A row of a call that names none (AMI's QueueLog lets anybody write one), or of an agent without a name, is refused.
* An attended transfer into an application puts the caller into the channel of the agent's second call. Where app_queue hears of that before
  it hears of the transfer, the row of the talk's end bears the second call's name: queue, agent and length say whose talk it was.
* ``|`` in a queue's or a member's name moves the verb. Where what stands in its place can't be a verb, and one place alone fits, the
  names are put together again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ami_bridge.facts import AgentAnswered, AnyFact, CallTransferred, QueueExited, TalkEnded
from ami_bridge.queue_log_verbs import NOBODY, VERBS, Row, UnreadableRowError, entered_unseen, talked_s

# logger.c formats a row into 8192 bytes; the time and the names before it come on top.
MAX_LINE_BYTES = 16 * 1024
_OTHER_YEAR = timedelta(days=200)  # no hotline is silent as long, no clock is set by as much unless it was wrong
_BACKWARDS = timedelta(seconds=2)  # threads write rows a moment out of turn
_ROUNDED_S = 2  # what two times and a length in whole seconds may disagree by
_LONGEST_NUMBER_BYTES = 80  # AST_CHANNEL_NAME: what SIP leaves of a caller's number
_NO_CALLS = frozenset({"", NOBODY, "MANAGER", "CLI", "REALTIME"})
_MOST_QUEUES = 10_000
_MOST_VISITS = 20_000
_MOST_WARNINGS = 64


class QueueLogReader:
    """Takes the rows of one log in their order. ``name`` and ``line`` say where the first of them stands: ``name:line`` in a warning.

    ``warnings``: sentences, one for each kind of oddity and for each unknown verb, in the order they came up; whoever logs them may
    empty the list. ``counts``: how often each kind occurred, read rows and refused ones alike.
    """

    def __init__(self, name: str, line: int = 1) -> None:
        self.warnings: list[str] = []
        self._counts: Counter[str] = Counter()
        self._warned: set[str] = set()
        self._name = name
        self._next = line
        self._last: datetime | None = None
        self._elsewhere: tuple[datetime, tuple[AnyFact, ...]] | None = None  # a row of another year, until the next tells if time moved
        self._queues: set[str] = set()
        self._visits: dict[tuple[str, str], None] = {}  # open now: a call in a queue, in the order they began
        self._talks: dict[tuple[str, str, str], datetime | None] = {}  # queue, agent and call → since when; None: over
        self._of_this_second: dict[Row, int] = {}  # the rows of a second without their data, and how often each came
        self._before: Row | None = None
        self._strange_bytes = 0  # so many bytes from here may be the rest of a caller's number

    @property
    def counts(self) -> Mapping[str, int]:
        return self._counts

    def go_to(self, name: str, line: int) -> None:
        """The next row stands here: another file, or lines were left out."""
        self._name, self._next = name, line

    def line(self, raw: bytes) -> tuple[AnyFact, ...]:
        """The facts of one line, its newline included: a line without one isn't whole yet, and gives nothing. Never raises."""
        self._next += 1
        text = self._decoded(raw)
        if not text:
            return ()
        strange, self._strange_bytes = self._strange_bytes, max(0, self._strange_bytes - len(raw))
        if strange:
            return self._odd("after a broken number", "it stands behind a caller's number that holds a line break; he may have written it")
        words = text.split("|", 4)
        if len(words) < 5:
            return self._odd("no row", "it isn't `time|call|queue|agent|verb`")
        at, call, queue, agent, rest = words
        if not (at.isascii() and at.isdigit() and len(at) <= 11):
            return self._odd("no time", "it doesn't begin with seconds since 1970")
        return self._read(Row(datetime.fromtimestamp(int(at), UTC), call, queue, agent, *_cut(rest)))

    def row(self, row: Row) -> tuple[AnyFact, ...]:
        """The facts of a row that came in fields, as out of a table. Never raises."""
        self._next += 1
        return self._read(row)

    def _read(self, row: Row) -> tuple[AnyFact, ...]:
        try:
            row = self._put_together(row)
            if row.verb not in VERBS:
                verb = _shown(row.verb)
                return self._odd("unknown verb", f"nobody knows the verb {verb}", each=verb)
            if row == self._before:
                return self._odd("twice over", "the very same row stands before it; it counts once")
            facts = self._facts(self._told_apart(row))
            self._before = row
            return self._in_time(row.at, facts)
        except UnreadableRowError as error:
            return self._odd(error.kind, str(error))

    def _decoded(self, raw: bytes) -> str:
        """Empty when there is nothing to read."""
        if not raw.endswith(b"\n"):
            self._odd("half line", "the line has no end: it may still be being written")
            return ""
        if len(raw) > MAX_LINE_BYTES:
            self._odd("too long", f"it has {len(raw)} bytes; Asterisk writes none so long")
            return ""
        body = raw.rstrip(b"\r\n")
        if b"\0" in body:  # blocks that a power cut left unwritten; the next row stands behind them
            self._odd("NUL", "it holds NUL bytes, as a power cut leaves them")
            body = body.strip(b"\0")
            if b"\0" in body:
                return ""
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            self._odd("not UTF-8", "it isn't UTF-8; what can't be read is shown as \N{REPLACEMENT CHARACTER}, as in AMI's events")
            text = body.decode("utf-8", "replace")
        if not text:
            self._odd("empty line", "it is empty")
        return text

    def _put_together(self, row: Row) -> Row:
        """The row with its verb in its place, where a ``|`` in a name has moved it."""
        if row.verb in VERBS or (row.verb != NOBODY and _looks_like_a_verb(row.verb)):
            return row
        words = [row.queue, row.agent, row.verb, *row.data]
        fitting = [at for at in range(3, len(words)) if words[at] in VERBS and _fits(words[at], words[at + 1 :])]
        if len(fitting) != 1:
            return row
        self._odd("| in a name", "a queue's or a member's name holds `|`, which queue_log doesn't escape: rename it")
        at = fitting[0]
        if words[at - 1] == NOBODY:
            return Row(row.at, row.call, "|".join(words[: at - 1]), NOBODY, words[at], tuple(words[at + 1 :]))
        known = (cut for cut in range(at - 1, 0, -1) if "|".join(words[:cut]) in self._queues)
        cut = next(known, 1)
        return Row(row.at, row.call, "|".join(words[:cut]), "|".join(words[cut:at]), words[at], tuple(words[at + 1 :]))

    def _told_apart(self, row: Row) -> Row:
        """The same once more in one second: he came, left and came again."""
        if self._before is None or self._before.at != row.at:
            self._of_this_second.clear()
        what = replace(row, data=())
        self._of_this_second[what] = self._of_this_second.get(what, 0) + 1
        return replace(row, at=row.at + timedelta(microseconds=self._of_this_second[what] - 1))

    def _facts(self, row: Row) -> tuple[AnyFact, ...]:
        verb = VERBS[row.verb]
        if verb.of_call and row.call in _NO_CALLS:
            raise UnreadableRowError("no call", f"{row.verb} of no call: Asterisk never writes that, AMI's QueueLog lets anybody")
        if verb.of_queue and row.queue in ("", NOBODY):
            raise UnreadableRowError("no queue", f"{row.verb} of no queue")
        if verb.of_agent and row.agent in ("", NOBODY):
            raise UnreadableRowError("no agent", f"{row.verb} of no agent")
        if verb.of_nobody and row.agent != NOBODY:
            raise UnreadableRowError("no agent", f"{row.verb} doesn't have to do with an agent, and names one")
        count = _count(row.data)
        if count < verb.least:
            if row.verb == "ENTERQUEUE":
                self._strange_bytes = _LONGEST_NUMBER_BYTES
            raise UnreadableRowError("field count", f"{row.verb} has {count} fields where Asterisk writes {verb.least} or more")
        if count > verb.most:
            self._odd(
                "field count", f"{row.verb} has {count} fields where Asterisk writes {verb.most} at most; what is known of it was read"
            )
        named, row = row, self._of_the_talk(row)
        facts = verb.facts(row)
        if named is not row and row.text(0) == "APP":
            facts = tuple(replace(fact, place=named.call) if isinstance(fact, CallTransferred) else fact for fact in facts)
        if verb.of_call and verb.of_queue:
            facts = self._begun(row, facts)
        if verb.of_queue and len(self._queues) < _MOST_QUEUES:
            self._queues.add(row.queue)
        return facts

    def _of_the_talk(self, row: Row) -> Row:
        """The row, by the name of the caller whose talk it ends, if it bears that of a call which never talked with this agent."""
        length = talked_s(row)
        if length is None or (row.queue, row.agent, row.call) in self._talks:
            return row
        talks = [(call, since) for (queue, agent, call), since in self._talks.items() if since and (queue, agent) == (row.queue, row.agent)]
        wrong_by = {call: abs((row.at - since).total_seconds() - length) for call, since in talks}
        call = min(wrong_by, key=wrong_by.__getitem__, default="")
        return replace(row, call=call) if call and wrong_by[call] <= _ROUNDED_S else row

    def _begun(self, row: Row, facts: tuple[AnyFact, ...]) -> tuple[AnyFact, ...]:
        """The facts, and before them what is known of the beginning of a visit that this log doesn't hold."""
        visit = (row.call, row.queue)
        unseen = () if visit in self._visits else entered_unseen(row)
        if unseen or row.verb == "ENTERQUEUE":
            if len(self._visits) >= _MOST_VISITS:
                del self._visits[next(iter(self._visits))]
            self._visits[visit] = None
        if isinstance(facts[-1], QueueExited | TalkEnded):
            self._visits.pop(visit, None)
        if isinstance(facts[-1], AgentAnswered | TalkEnded):
            if len(self._talks) >= _MOST_VISITS:
                del self._talks[next(iter(self._talks))]
            self._talks[row.queue, row.agent, row.call] = row.at if isinstance(facts[-1], AgentAnswered) else None
        return unseen + facts

    def _in_time(self, at: datetime, facts: tuple[AnyFact, ...]) -> tuple[AnyFact, ...]:
        """The facts, unless the row stands alone in another year: it waits until the next one says that time has moved."""
        last, held = self._last, self._elsewhere
        self._elsewhere = None
        if last is not None and abs(at - last) > _OTHER_YEAR:
            if held is None or abs(at - held[0]) > _OTHER_YEAR:
                self._odd(
                    "another year", f"it is of {at:%Y-%m-%d}, the row before of {last:%Y-%m-%d}; it counts if the next is of then too"
                )
                self._elsewhere = (at, facts)
                return ()
            facts = held[1] + facts
        elif last is not None and last - at > _BACKWARDS:
            self._odd("time backwards", f"it is {(last - at).total_seconds():.0f} s older than the row before; the clock was set")
        self._last = at
        return facts

    def _odd(self, kind: str, why: str, each: str = "") -> tuple[AnyFact, ...]:
        """Count it, and say it the first time. ``each``: what is said once for each of these within the kind."""
        self._counts[kind] += 1
        said = f"{kind} {each}"
        if said not in self._warned and len(self._warned) < _MOST_WARNINGS:
            self._warned.add(said)
            self.warnings.append(f"{self._name}:{self._next - 1}: {why}")
        return ()


def _cut(verb_and_data: str) -> tuple[str, tuple[str, ...]]:
    verb, *data = verb_and_data.split("|")
    return verb, tuple(data)


def _fits(verb: str, data: list[str]) -> bool:
    return VERBS[verb].least <= _count(tuple(data)) <= VERBS[verb].most


def _count(data: tuple[str, ...]) -> int:
    """Fields that are there. Empty last ones are columns of a table, or a ``|`` too many (QUEUESTART; QueueLog() until asterisk#859)."""
    count = len(data)
    while count and not data[count - 1]:
        count -= 1
    return count


def _looks_like_a_verb(text: str) -> bool:
    return text.isascii() and text.replace("_", "").isalpha() and text.isupper()


def _shown(verb: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in verb[:24]) or "(none)"
