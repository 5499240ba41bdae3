"""Every figure we know by name, with its formula: ours, and those of other systems, so that they can be compared on the same calls.

Pure. ``DEFINITIONS`` is the registry; a changed meaning is a new entry beside the old one (docs/figures.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ivr.domain.contacts import ContactOutcome as C
from ivr.domain.contacts import VisitOutcome as V
from ivr.domain.definitions import (
    Definition,
    Parts,
    Unit,
    Value,
    count,
    handling_time,
    longest_wait,
    mean_hold,
    mean_ring,
    mean_talk,
    mean_wait,
    mean_wrap_up,
    percentile_wait,
    share,
)
from ivr.domain.measures import (
    ABANDONED,
    ABANDONED_TO_ASTERISK,
    ANSWERED,
    FLOW_OUT,
    LEFT,
    STILL_WAITING,
    WITHDRAWN,
    AnyMeasure,
    ContactMeasure,
    Limit,
    RatingMeasure,
    RingMeasure,
    Subject,
    TalkMeasure,
    WrapUpMeasure,
    visits,
)
from ivr.domain.visit_record import REFUSED

T, S = Limit.SERVICE, Limit.SHORT
ANSWER_MARKS_S = (3.0, 10.0, 20.0)  # R4's two and the usual one

ON_TIME = visits(ANSWERED, within=T)
ALL_ANSWERED = visits(ANSWERED)
OFFERED = visits(LEFT, REFUSED, STILL_WAITING)
DECIDED = visits(LEFT, REFUSED)
QUEUED = visits(LEFT, STILL_WAITING)
LOST = visits(LEFT - ANSWERED, REFUSED)
PATIENT = visits(ABANDONED, beyond=S)  # who gave up, the short ones left out
OFFERED_BUT_SHORT = visits((LEFT | REFUSED | STILL_WAITING) - ABANDONED) | PATIENT
SHORT = visits(ABANDONED, within=S)

_IN_MENU = frozenset({C.ABANDONED_IVR})
_IN_QUEUE = frozenset({C.ABANDONED_QUEUE, C.ABANDONED_RING})
PAST_GREETING = ContactMeasure(frozenset(C))
ABANDONED_CONTACTS = ContactMeasure(_IN_MENU | _IN_QUEUE)
UNRECOVERED = ContactMeasure(_IN_MENU | _IN_QUEUE | {C.CALLBACK_ACCEPTED}, unrecovered=True)
TALKS, TRANSFERS = TalkMeasure(), TalkMeasure(transferred=True)

_OURS = "ivrd"


def _book() -> Mapping[str, Definition]:
    found: dict[str, Definition] = {}

    def add(
        name: str,
        numerator: AnyMeasure,
        denominator: AnyMeasure | None,
        zh: str,
        en: str,
        source: str = _OURS,
        *,
        unit: Unit = Unit.SHARE,
        reading: Callable[[Definition, Parts], Value] = share,
    ) -> None:
        found[name] = Definition(name, 1, unit, numerator, denominator, zh, en, source, reading)

    add("sl.strict", ON_TIME, OFFERED_BUT_SHORT, "T 内接通 ÷（呼入 − 速挂）", "answered within T ÷ (offered − short abandons)")
    add("sl.inclusive", ON_TIME, OFFERED, "T 内接通 ÷ 呼入", "answered within T ÷ offered")
    asterisk = "Asterisk app_queue (ServicelevelPerf, ServicelevelPerf2)"
    add("asterisk.sl", ON_TIME, ALL_ANSWERED, "T 内接通 ÷ 接通", "answered within T ÷ answered", asterisk)
    add(
        "asterisk.sl2",
        visits(ANSWERED | ABANDONED_TO_ASTERISK, within=T),
        visits(ANSWERED | ABANDONED_TO_ASTERISK),
        "（T 内接通 + T 内放弃）÷（接通 + 放弃），放弃按 Asterisk 计：含超时、空队列、撤回",
        "(answered within T + abandoned within T) ÷ (answered + abandoned),"
        " abandoned as Asterisk counts: time-outs, empties, withdrawals too",
        asterisk,
    )
    add(
        "wazo.answered_rate",
        ALL_ANSWERED,
        visits(ANSWERED, ABANDONED, REFUSED, {V.FLOW_TIMEOUT, V.FLOW_EMPTY}),
        "接通 ÷（接通 + 放弃 + 队列满 + 空队列离开 + 空队列拒入 + 超时）",
        "answered ÷ (answered + abandoned + full + leaveempty + joinempty + timeout)",
        "Wazo wazo-call-logd",
    )
    add(
        "connect.sl",
        visits(LEFT, within=T),
        QUEUED,
        "T 内以任何方式离开队列 ÷ 入队",
        "left within T, whichever way ÷ queued",
        "Amazon Connect",
    )
    _add_genesys(add)
    add("huawei.20s", visits(ANSWERED, within=20.0), ALL_ANSWERED, "20 秒内接通 ÷ 接通", "answered within 20 s ÷ answered", "Huawei AICC")
    add("vicidial.tmr_a", ON_TIME, ALL_ANSWERED, "T 内接通 ÷ 接通", "answered within T ÷ answered", "VICIdial TMR report")
    add("vicidial.tmr_b", ON_TIME, OFFERED, "T 内接通 ÷ 全部", "answered within T ÷ all", "VICIdial TMR report")
    add("sinch.sl", ON_TIME, OFFERED_BUT_SHORT, "按时接通 ÷（到达 − 误拨）", "on time ÷ (arrived − false attempts)", "Sinch Contact Pro")
    add(
        "firstline.sl",
        ON_TIME | visits(FLOW_OUT, REFUSED, STILL_WAITING),
        OFFERED,
        "（呼入 − 迟接 − 放弃 − 改派）÷ 呼入",
        "(offered − late − abandoned − reassigned) ÷ offered",
        "Firstline",
    )
    for mark in ANSWER_MARKS_S:
        number = f"{mark:g}"
        add(
            f"within.{number}s",
            visits(ANSWERED, within=mark),
            OFFERED,
            f"{number} 秒内接通 ÷ 呼入",
            f"answered within {number} s ÷ offered",
        )

    add(
        "abandon.queue",
        PATIENT,
        OFFERED_BUT_SHORT,
        "（排队放弃 + 振铃放弃 − 速挂）÷（呼入 − 速挂）",
        "(abandoned waiting + abandoned ringing − short) ÷ (offered − short)",
    )
    add("abandon.raw", visits(ABANDONED), OFFERED, "（排队放弃 + 振铃放弃）÷ 呼入", "abandoned ÷ offered")
    add(
        "abandon.asterisk",
        visits(ABANDONED_TO_ASTERISK),
        visits(ANSWERED | ABANDONED_TO_ASTERISK),
        "放弃 ÷（接通 + 放弃），放弃按 Asterisk 计",
        "abandoned ÷ (answered + abandoned), abandoned as Asterisk counts",
        asterisk,
    )
    add("abandon.wait", visits({V.ABANDONED_WAIT}), OFFERED, "排队放弃 ÷ 呼入", "abandoned while nothing rang ÷ offered")
    add("abandon.ring", visits({V.ABANDONED_RING}), OFFERED, "振铃放弃 ÷ 呼入", "abandoned while a phone rang ÷ offered")
    add("abandon.short", SHORT, OFFERED, "速挂 ÷ 呼入", "abandoned within S ÷ offered")
    add("loss", LOST, DECIDED, "呼损率：1 − 接通 ÷（呼入 − 仍在等待）", "1 − answered ÷ (offered − still waiting)")
    add(
        "abandon.ivr",
        ContactMeasure(_IN_MENU),
        PAST_GREETING,
        "IVR 放弃 ÷ 听完欢迎语的来电",
        "hung up in the menus ÷ calls past the greeting",
    )
    add(
        "abandon.hotline",
        ABANDONED_CONTACTS,
        PAST_GREETING,
        "（IVR 放弃 + 排队放弃 + 振铃放弃）÷ 听完欢迎语的来电",
        "(abandoned in the menus + waiting + ringing) ÷ calls past the greeting",
    )
    add(
        "abandon.net",
        UNRECOVERED,
        PAST_GREETING,
        "放弃后 N 小时内既未再次接通、也未成功回拨，以及约定回拨而始终未接通的来电 ÷ 听完欢迎语的来电",
        "abandoned calls neither answered later nor recalled with success within N h, and promised calls that never reached anybody"
        " ÷ calls past the greeting",
    )

    seconds = Unit.SECONDS
    zh_wait, en_wait = "接通来电的等待时间（入队至摘机，含振铃）", "of the waits of the answered (entry to pick-up, ring time included)"
    add("asa.mean", ALL_ANSWERED, ALL_ANSWERED, f"{zh_wait}的平均值", f"the mean {en_wait}", unit=seconds, reading=mean_wait)
    for name, of_them in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95)):
        zh, en = f"{zh_wait}的 {name[1:]} 百分位", f"the {name[1:]}th percentile {en_wait}"
        add(f"asa.{name}", ALL_ANSWERED, ALL_ANSWERED, zh, en, unit=seconds, reading=percentile_wait(of_them))
    waited = visits(LEFT)
    add(
        "wait.all",
        waited,
        waited,
        "所有离队者等待时间的平均值",
        "the mean of all waits that ended, whichever way",
        unit=seconds,
        reading=mean_wait,
    )
    but_key = visits(LEFT - {V.FLOW_KEY})
    zh, en = "同上，不计按键离开者", "the same without those who left by a key"
    add("wait.wazo", but_key, but_key, zh, en, "Wazo wazo-call-logd", unit=seconds, reading=mean_wait)
    zh, en = "最长等待（仍在等待者计至此刻）", "the longest wait, of those who still wait until now"
    add("wait.longest", QUEUED, None, zh, en, unit=seconds, reading=longest_wait)
    zh, en = "（通话 + 保持 + 实测话后处理）÷ 已结束的通话", "(talk + hold + measured wrap-up) ÷ talks that ended"
    add("aht", TALKS, TALKS, zh, en, unit=seconds, reading=handling_time)
    zh, en = "通话时间（含保持）的平均值", "the mean talk, hold included"
    add("talk.mean", TALKS, TALKS, zh, en, unit=seconds, reading=mean_talk)
    add("hold.mean", TALKS, TALKS, "每次通话的平均保持时间", "the mean hold of a talk", unit=seconds, reading=mean_hold)
    zh, en = "每次来电最后一部话机的平均振铃时间", "the mean time that the last phone rang"
    add("ring.mean", RingMeasure(), RingMeasure(), zh, en, unit=seconds, reading=mean_ring)
    zh, en = "实测话后处理时间的平均值", "the mean measured wrap-up"
    add("wrap_up.mean", WrapUpMeasure(), WrapUpMeasure(), zh, en, unit=seconds, reading=mean_wrap_up)
    add("transfer.rate", TRANSFERS, TALKS, "转接 ÷ 已结束的通话", "transferred ÷ talks that ended")
    add("offered", OFFERED, None, "呼入", "entered a queue, or were refused at its door", unit=Unit.COUNT, reading=count)
    add("answered", ALL_ANSWERED, None, "接通（含仍在通话）", "answered, those who still talk included", unit=Unit.COUNT, reading=count)
    add("lost", LOST, None, "未接通而离开", "gone unanswered, for whatever reason", unit=Unit.COUNT, reading=count)

    for name, part, whole, zh, en in (
        ("satisfaction.rate", "satisfied", "answered", "满意（4、5 分）÷ 已评价", "rated 4 or 5 ÷ rated"),
        ("satisfaction.bad", "dissatisfied", "answered", "不满意（1、2 分）÷ 已评价", "rated 1 or 2 ÷ rated"),
        ("satisfaction.response", "answered", "offered", "已评价 ÷ 邀请评价", "rated ÷ asked"),
    ):
        add(name, RatingMeasure(part), RatingMeasure(whole), zh, en)
    return found


def _add_genesys(add: Callable[..., None]) -> None:
    """Its three switches: do abandons, short abandons, flow-outs count against the level. Its own default: in, in, out."""
    for abandons, short, flow_outs in (
        (True, True, False),
        (True, False, False),
        (True, False, True),
        (True, True, True),
        (False, False, False),
        (False, False, True),
    ):
        name = "genesys.sl" + "".join(
            word
            for on, word in (
                (not abandons, ".abandons_out"),
                (abandons and not short, ".short_out"),
                (flow_outs, ".flow_outs_in"),
            )
            if on
        )
        whole, zh, en = visits(ANSWERED, FLOW_OUT | WITHDRAWN if flow_outs else ()), "接通", "answered"
        if abandons:
            whole |= visits(ABANDONED) if short else PATIENT
            zh, en = zh + (" + 放弃" if short else " + 放弃 − 速挂"), en + (" + abandoned" if short else " + abandoned − short")
        if flow_outs:
            zh, en = zh + " + 流出", en + " + flow-outs"
        add(name, ON_TIME, whole, f"T 内接通 ÷（{zh}）", f"answered within T ÷ ({en})", "Genesys Cloud")


def find(name: str) -> Definition:
    """By name, or by name and version: ``sl.strict@1``. Raises KeyError."""
    plain, _, version = name.partition("@")
    found = DEFINITIONS[plain]
    if version and version != str(found.version):
        raise KeyError(name)
    return found


DEFINITIONS: Mapping[str, Definition] = _book()
SERVICE_LEVELS = tuple(name for name in DEFINITIONS if ".sl" in name or name.startswith(("sl.", "huawei.", "vicidial.", "wazo.answered")))
ABANDONMENTS = (*(name for name, known in DEFINITIONS.items() if name.startswith("abandon.") and known.subject is Subject.VISITS), "loss")
