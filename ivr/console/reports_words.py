"""The words of the console's page on reports, by key: (zh-CN, en). Part of ``texts``."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "nav.reports": ("报表", "Reports"),
    "reports.title": ("报表", "Reports"),
    "reports.none": (
        "还没有生成报表。日报于次日生成，周报于周一，月报于每月 1 日；也可运行 ivrd reports make。",
        "No report was made yet. The daily log is made on the day after, the weekly report on Monday, the monthly one on the 1st; "
        "ivrd reports make makes any.",
    ),
    "reports.kind": ("类型", "Kind"),
    "reports.period": ("期间", "Period"),
    "reports.made": ("生成", "Made"),
    "reports.sent": ("发送", "Sent"),
    "reports.files": ("文件", "Files"),
    "reports.view": ("查看", "View"),
    "reports.view.of": ("查看 {kind} {period}", "View {kind} {period}"),
    "report.day": ("日报", "Daily log"),
    "report.week": ("周报", "Weekly report"),
    "report.month": ("月报", "Monthly report"),
    "language.zh": ("中文", "Chinese"),
    "language.en": ("英文", "English"),
    "delivery.pending": ("发送中", "on its way"),
    "delivery.unknown": ("未确认", "not confirmed"),
    "delivery.done": ("已送达", "delivered"),
    "delivery.rejected": ("被拒绝", "rejected"),
    "delivery.expired": ("已放弃", "given up"),
}
