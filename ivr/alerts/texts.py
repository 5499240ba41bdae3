"""The words of alerts, zh-CN and en, as WeCom's markdown; and the cut by bytes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Literal
from zoneinfo import ZoneInfo

from ivr.domain.alert_rules import AbandonedCall, LossTurn, Turn, Where, Why

Language = Literal["zh", "en"]
ELLIPSIS = "…"

_WHERE: dict[Language, dict[Where, str]] = {
    "zh": {Where.MENU: "菜单中", Where.WAITING: "排队中", Where.RINGING: "振铃中", Where.REFUSED: "队列已满或无人值守"},
    "en": {Where.MENU: "in the menus", Where.WAITING: "waiting", Where.RINGING: "ringing", Where.REFUSED: "queue full or unstaffed"},
}

_DRIFTS = {
    "unknown": "{queue}有 {count} 位客户在 Asterisk 队列中等待，系统没有记录",
    "ghost": "{queue}有 {count} 位客户在系统中显示等待，但不在 Asterisk 队列中",
    "log_only": "{queue}有 {count} 次排队只见于 queue_log",
    "visit_only": "{queue}有 {count} 次排队不见于 queue_log",
    "cells": "{queue}有 {count} 个一刻钟的数据不平衡",
}


@dataclass(frozen=True, slots=True)
class Wording:
    """``lines``: the name of each line in this language."""

    language: Language
    zone: ZoneInfo
    lines: Mapping[str, str]

    def line(self, name: str | None) -> str:
        """As people call it; a call that chose no line is said to have none."""
        if name is None:
            return "未选择" if self.language == "zh" else "none chosen"
        return self.lines.get(name, name)

    def abandoned(self, call: AbandonedCall) -> str:
        """One lost call."""
        where = _WHERE[self.language][call.where]
        at = call.at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")
        waited = round(call.waited_s)
        if self.language == "zh":
            node = f"（节点 {call.node}）" if call.where is Where.MENU and call.node else ""
            caller = call.caller or "号码隐藏"
            return f"**放弃来电** {self.line(call.line)}\n>主叫：{caller}\n>放弃于：{where}{node}\n>等待：{waited} 秒\n>时间：{at}"
        node = f" (node {call.node})" if call.where is Where.MENU and call.node else ""
        caller = call.caller or "number withheld"
        return f"**Call abandoned** {self.line(call.line)}\n>Caller: {caller}\n>Lost: {where}{node}\n>Waited: {waited} s\n>Time: {at}"

    def collected(self, calls: Sequence[AbandonedCall], now: datetime) -> str:
        """Several lost calls in one message: how many in how long, the longest wait, and how they fall on the lines."""
        span = max(1, ceil((now - min(call.at for call in calls)).total_seconds()))
        longest = round(max(call.waited_s for call in calls))
        by_line = Counter(self.line(call.line) for call in calls).most_common()
        by_where = Counter(_WHERE[self.language][call.where] for call in calls).most_common()
        if self.language == "zh":
            lines = "，".join(f"{name} {count} 通" for name, count in by_line)
            places = "，".join(f"{name} {count} 通" for name, count in by_where)
            return f"**过去 {span} 秒放弃 {len(calls)} 通，最长等待 {longest} 秒**\n>业务线：{lines}\n>放弃于：{places}"
        lines = ", ".join(f"{name} {count}" for name, count in by_line)
        places = ", ".join(f"{name} {count}" for name, count in by_where)
        return f"**{len(calls)} calls abandoned in the last {span} s, longest wait {longest} s**\n>Lines: {lines}\n>Lost: {places}"

    def loss(self, line: str, turn: LossTurn, window_minutes: int, threshold: float) -> str:
        """The loss rate crossed its threshold, or came back, and why."""
        percent = "-" if turn.loss_rate is None else f"{turn.loss_rate:.0%}"
        name = self.line(line)
        if self.language == "zh":
            counted = f"过去 {window_minutes} 分钟呼入 {turn.decided} 通，未接通 {turn.lost} 通，呼损率 {percent}"
            if turn.turn is Turn.HIGH:
                return f"**呼损率过高** {name}\n>{counted}\n>原因：达到或超过阈值 {threshold:.0%}"
            why = "呼入过少，无法判断" if turn.why is Why.TOO_FEW_CALLS else f"已明显低于阈值 {threshold:.0%}"
            return f"**呼损率恢复** {name}\n>{counted}\n>原因：{why}"
        counted = f"{turn.lost} of {turn.decided} calls of the last {window_minutes} minutes lost: {percent}"
        if turn.turn is Turn.HIGH:
            return f"**Loss rate high** {name}\n>{counted}\n>Why: it reached the threshold of {threshold:.0%}"
        why = "too few calls to judge by" if turn.why is Why.TOO_FEW_CALLS else f"clearly below the threshold of {threshold:.0%} again"
        return f"**Loss rate recovered** {name}\n>{counted}\n>Why: {why}"

    def books(self, at: datetime, *, agree: bool, sentence: str, counts: Sequence[tuple[str, str, int]] = ()) -> str:
        """Our books and Asterisk's own don't agree, or do again. ``sentence`` is English, ``counts`` the same without words."""
        when = at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")
        if self.language == "zh":
            if agree:
                return f"**话务数据恢复一致**\n>时间：{when}"
            known = [_DRIFTS[kind].format(queue=self.line(queue), count=count) for queue, kind, count in counts if kind in _DRIFTS]
            what = "；".join(known) or sentence
            return f"**话务数据不一致** 与 Asterisk 或 queue_log 不符，报表可能有误\n>详情：{what}\n>时间：{when}"
        if agree:
            return f"**The books agree again**\n>Time: {when}"
        return f"**The books don't agree** with Asterisk or queue_log; figures may be wrong\n>What: {sentence}\n>Time: {when}"


def cut_bytes(text: str, limit: int) -> str:
    """At most ``limit`` bytes of UTF-8, cut at a character's edge, the cut shown: WeCom counts bytes and refuses what is longer."""
    raw = text.encode(errors="replace")
    if len(raw) <= limit:
        return raw.decode()
    return raw[: limit - len(ELLIPSIS.encode())].decode(errors="ignore") + ELLIPSIS
