"""An agent's situations, one after the other, into states that tile his time: what is wrap-up, a break, a call of his own. Pure.

For ``ivr.domain.agent_book``. Some states are known only afterwards (a pause is wrap-up or a break by its length), so that the last
minutes are read anew as time goes on; ``Tiling.due`` says when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

from ivr.domain.agent_states import AgentState, Rules


class Phone(Enum):
    FREE = auto()
    RINGING = auto()
    BUSY = auto()
    GONE = auto()


@dataclass(frozen=True, slots=True)
class OnCall:
    """A queue's call; ``wrapup_s`` is how long the queue leaves him alone after it."""

    queue: str
    call: str
    wrapup_s: int = 0


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides on the state. ``paused_since``: from when he was paused in every queue of his."""

    member: bool = False
    phone: Phone = Phone.FREE
    paused_since: datetime | None = None
    reason: str = ""
    offer: OnCall | None = None
    talk: OnCall | None = None

    @property
    def absent(self) -> bool:
        """Neither in a call nor to be reached by one."""
        return not self.offer and not self.talk and (not self.member or self.phone is Phone.GONE)

    @property
    def rests(self) -> bool:
        """Paused, and no call."""
        return not self.offer and not self.talk and not self.absent and self.paused_since is not None

    @property
    def free(self) -> bool:
        return not self.offer and not self.talk and not self.absent and self.paused_since is None


class Moment(NamedTuple):
    at: datetime
    situation: Situation


class Piece(NamedTuple):
    """A state from ``at`` until the next piece."""

    at: datetime
    state: AgentState
    reason: str = ""
    queue: str = ""
    call: str = ""


@dataclass(frozen=True, slots=True)
class Tiling:
    """``cuts``: beginnings of pieces that need nothing before them to be read; ``due``: when the last piece changes by itself."""

    pieces: tuple[Piece, ...]
    cuts: tuple[datetime, ...]
    due: datetime | None


class _Span(NamedTuple):
    begin: datetime
    end: datetime
    situation: Situation


class _Ended(NamedTuple):
    """The talk whose wrap-up may be going on."""

    at: datetime
    call: OnCall


def tiled(moments: Sequence[Moment], now: datetime, rules: Rules) -> Tiling:
    """``moments`` in order of time, the first being where the tiling begins."""
    spans, due = _settled(_spans(moments, now), rules.settle)
    return _Tiler(spans, now, rules, due).tiling()


def _spans(moments: Sequence[Moment], now: datetime) -> list[_Span]:
    spans: list[_Span] = []
    for index, (at, situation) in enumerate(moments):
        last = index == len(moments) - 1
        end = max(now, at) if last else moments[index + 1].at
        if end > at or last:
            _append(spans, _Span(at, end, situation))
    return spans


def _settled(spans: Sequence[_Span], settle: timedelta) -> tuple[list[_Span], datetime | None]:
    """A phone in use for a moment only, without a call, isn't; the moment from which the last one will be."""
    settled: list[_Span] = []
    index, due = 0, None
    while index < len(spans):
        run = index
        while run < len(spans) and spans[run].situation.free and spans[run].situation.phone is not Phone.FREE:
            run += 1
        brief = run > index and spans[run - 1].end - spans[index].begin <= settle
        if brief and run == len(spans):
            due = spans[index].begin + settle + timedelta(milliseconds=1)
        for span in spans[index : max(run, index + 1)]:
            _append(settled, span._replace(situation=replace(span.situation, phone=Phone.FREE)) if brief else span)
        index = max(run, index + 1)
    return settled, due


def _append(spans: list[_Span], span: _Span) -> None:
    if spans and spans[-1].situation == span.situation:
        spans[-1] = spans[-1]._replace(end=span.end)
    else:
        spans.append(span)


class _Tiler:
    def __init__(self, spans: Sequence[_Span], now: datetime, rules: Rules, due: datetime | None) -> None:
        self._spans = spans
        self._now = now
        self._rules = rules
        self._pieces: list[Piece] = []
        self._cuts: list[datetime] = []
        self._due = due
        self._ended: _Ended | None = None

    def tiling(self) -> Tiling:
        index = 0
        while index < len(self._spans):
            span = self._spans[index]
            situation = span.situation
            if situation.talk:
                index = self._talk(index, situation.talk)
            elif situation.offer:
                self._expire(span.begin)
                self._put(span.begin, AgentState.RINGING, call=situation.offer, cut=self._ended is None)
                index += 1
            elif situation.absent:
                self._ended = None
                self._put(span.begin, AgentState.OFFLINE, cut=True)
                index += 1
            elif situation.rests:
                index = self._rest(index)
            elif situation.phone is Phone.FREE:
                index = self._free(index)
            else:
                index = self._call_of_his_own(index)
        begins = {piece.at for piece in self._pieces}
        return Tiling(tuple(self._pieces), tuple(cut for cut in self._cuts if cut in begins), self._due)

    def _talk(self, index: int, talk: OnCall) -> int:
        span = self._spans[index]
        situation = span.situation
        leaving = not situation.member
        if not leaving and situation.paused_since and not self._rules.is_wrap_up(situation.reason):
            following = index + 1
            while following < len(self._spans) and self._spans[following].situation.talk:
                following += 1
            ended = following < len(self._spans)
            leaving = not (ended and self._spans[following].situation.rests and self._wraps(following, self._spans[following].begin))
        self._put(span.begin, AgentState.GOING_OFFLINE if leaving else AgentState.TALKING, call=talk, cut=True)
        self._ended = _Ended(span.end, talk)
        return index + 1

    def _rest(self, index: int) -> int:
        """The spans of one pause."""
        begin = self._spans[index].begin
        self._expire(begin)
        cut = self._ended is None
        wraps = self._wraps(index, self._ended.at if self._ended else None)
        call = self._ended.call if self._ended else None
        if wraps:
            self._put(begin, AgentState.WRAPPING_UP, call=call, cut=cut)
        while index < len(self._spans) and self._spans[index].situation.rests:
            if not wraps:
                self._put(self._spans[index].begin, AgentState.ON_BREAK, reason=self._spans[index].situation.reason, cut=cut)
            cut = False
            index += 1
        if not wraps:
            self._ended = None
        return index

    def _wraps(self, index: int, talk_ended: datetime | None) -> bool:
        """Is the pause whose spans begin at ``index`` wrap-up? By its reason, or by its beginning and its length."""
        situation = self._spans[index].situation
        if self._rules.is_wrap_up(situation.reason):
            return True
        paused_since = situation.paused_since
        if talk_ended is None or paused_since is None or abs(paused_since - talk_ended) > self._rules.begins_within:
            return False
        while index < len(self._spans) and self._spans[index].situation.rests:
            index += 1
        at_most = talk_ended + self._rules.longest
        if index < len(self._spans):
            return self._spans[index].begin < at_most
        if self._now < at_most:
            self._change_by(at_most)
        return self._now < at_most

    def _free(self, index: int) -> int:
        span = self._spans[index]
        self._expire(span.begin)
        cut, begin = self._ended is None, span.begin
        if self._ended:
            until = self._ended.at + timedelta(seconds=self._ended.call.wrapup_s)
            if self._leads_to_wrap_up(index):
                until = span.end
            if begin < until:
                self._put(begin, AgentState.WRAPPING_UP, call=self._ended.call)
                begin, last = min(until, span.end), index == len(self._spans) - 1
                if last and span.end < until:
                    self._change_by(until)
                    return index + 1
        if begin < span.end or index == len(self._spans) - 1:
            self._put(begin, AgentState.AVAILABLE, cut=cut)
        return index + 1

    def _leads_to_wrap_up(self, index: int) -> bool:
        """He was free for a moment after the talk, and then wrote it up."""
        following = index + 1
        if self._ended is None or following >= len(self._spans) or not self._spans[following].situation.rests:
            return False
        soon = self._spans[index].end - self._ended.at <= self._rules.begins_within
        return soon and self._wraps(following, self._ended.at)

    def _call_of_his_own(self, index: int) -> int:
        """His phone rings or is in use, and no queue has to do with it."""
        span = self._spans[index]
        self._expire(span.begin)
        state = AgentState.RINGING if span.situation.phone is Phone.RINGING else AgentState.TALKING
        self._put(span.begin, state, cut=self._ended is None and not self._in_use(index - 1))
        self._ended = None
        return index + 1

    def _in_use(self, index: int) -> bool:
        return index >= 0 and self._spans[index].situation.free and self._spans[index].situation.phone is not Phone.FREE

    def _change_by(self, at: datetime) -> None:
        self._due = min(self._due or at, at)

    def _expire(self, at: datetime) -> None:
        """After this long the talk before has no say in what follows."""
        if self._ended and at - self._ended.at > max(self._rules.begins_within, timedelta(seconds=self._ended.call.wrapup_s)):
            self._ended = None

    def _put(self, at: datetime, state: AgentState, *, call: OnCall | None = None, reason: str = "", cut: bool = False) -> None:
        if cut:
            self._cuts.append(at)
        piece = Piece(at, state, reason, call.queue if call else "", call.call if call else "")
        last = self._pieces[-1] if self._pieces else None
        if last and last[1:] == piece[1:]:
            return
        if last and last.at == at:
            self._pieces.pop()
            if self._pieces and self._pieces[-1][1:] == piece[1:]:
                return
        self._pieces.append(piece)
