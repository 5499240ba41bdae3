"""The words of an alert about a case, zh-CN and en, as WeCom's markdown (R18, R19). Pure."""

from __future__ import annotations

from datetime import timedelta

from ivr.alerts.messages import CaseAlert
from ivr.alerts.texts import Language, Wording
from ivr.domain.case_deadlines import Level

_STATES: dict[Language, dict[str, str]] = {
    "zh": {"open": "待核实", "verified": "已核实，待处理", "solved": "已解决，待告知客户"},
    "en": {"open": "to be verified", "verified": "to be solved", "solved": "solved, the customer is to be told"},
}
_HEADINGS: dict[Language, dict[Level, str]] = {
    "zh": {
        Level.REMINDER: "投诉待答复",
        Level.SUPERVISOR: "投诉即将超期，请主管跟进",
        Level.MANAGER: "投诉已超期，请经理处理",
    },
    "en": {
        Level.REMINDER: "Complaint not answered yet",
        Level.SUPERVISOR: "Complaint nearly overdue, for the supervisor",
        Level.MANAGER: "Complaint overdue, for the manager",
    },
}
_REJECTED: dict[Language, dict[Level, str]] = {
    "zh": {
        Level.REMINDER: "请另择时间，由另一位坐席再次致电客户",
        Level.SUPERVISOR: "请主管接手",
        Level.MANAGER: "请经理接手",
    },
    "en": {
        Level.REMINDER: "another agent is to call the customer at another time",
        Level.SUPERVISOR: "the supervisor takes it over",
        Level.MANAGER: "the manager takes it over",
    },
}


def case_text(wording: Wording, alert: CaseAlert) -> str:
    """One case that waits too long, or whose answer was rejected."""
    language = wording.language
    by = alert.answer_by.astimezone(wording.zone).strftime("%Y-%m-%d %H:%M")
    left = _left(language, alert.answer_by - alert.at)
    state = _STATES[language].get(alert.state, alert.state)
    line = wording.line(alert.line)
    if language == "zh":
        facts = f">编号：{alert.number}\n>状态：{state}\n>答复期限：{by}（{left}）"
        if alert.rejections:
            return f"**客户不接受处理结果** {line}\n{facts}\n>第 {alert.rejections} 次：{_REJECTED[language][alert.level]}"
        return f"**{_HEADINGS[language][alert.level]}** {line}\n{facts}"
    facts = f">Number: {alert.number}\n>State: {state}\n>Answer due: {by} ({left})"
    if alert.rejections:
        return f"**The customer rejects the solution** {line}\n{facts}\n>Time {alert.rejections}: {_REJECTED[language][alert.level]}"
    return f"**{_HEADINGS[language][alert.level]}** {line}\n{facts}"


def _left(language: Language, left: timedelta) -> str:
    hours = abs(left) / timedelta(hours=1)
    shown = f"{hours:.0f}" if hours >= 1 else f"{hours:.1f}"
    if language == "zh":
        return f"还剩 {shown} 小时" if left > timedelta() else f"已超 {shown} 小时"
    return f"{shown} h left" if left > timedelta() else f"{shown} h over"
