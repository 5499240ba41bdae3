"""The console's words in both languages, by key: (zh-CN, en). A test holds templates and keys together."""

from __future__ import annotations

from typing import Literal

from ivr.console import agents_words, callback_words, case_words, hours_words, reports_words

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

_TEXTS: dict[str, tuple[str, str]] = {
    "brand": ("400 服务热线", "400 hotline"),
    "skip": ("跳到正文", "Skip to content"),
    "nav": ("主导航", "Main navigation"),
    "nav.live": ("实时", "Live"),
    "nav.calls": ("通话", "Calls"),
    "nav.complaints": ("投诉", "Complaints"),
    "nav.callbacks": ("回拨", "Callbacks"),
    "language.other": ("English", "中文"),
    "log_out": ("退出", "Log out"),
    "log_in": ("登录", "Log in"),
    "login.title": ("登录控制台", "Log in to the console"),
    "login.name": ("账号", "Account"),
    "login.password": ("密码", "Password"),
    "login.refused": (
        "账号或密码不正确，或账号暂时被锁定。请稍后再试，或联系管理员。",
        "Account or password is wrong, or the account is locked for a while. Try again later, or ask your administrator.",
    ),
    "login.first": (
        "首次启动时，管理员的一次性密码显示在 make run 的输出中。",
        "At the first start, make run prints the administrator's one-time password.",
    ),
    "password.title": ("修改密码", "Change password"),
    "password.must": ("您使用的是一次性密码，请先设置自己的密码。", "You logged in with a one-time password. Choose your own to go on."),
    "password.old": ("当前密码", "Current password"),
    "password.new": ("新密码（至少 10 个字符）", "New password (at least 10 characters)"),
    "password.again": ("再次输入新密码", "New password again"),
    "password.save": ("保存密码", "Save password"),
    "password.wrong": ("当前密码不正确。", "The current password is wrong."),
    "password.differ": ("两次输入的新密码不一致。", "The two new passwords differ."),
    "password.short": ("新密码太短，至少需要 10 个字符。", "The new password is too short: it needs at least 10 characters."),
    "password.long": ("新密码太长，最多 200 个字符。", "The new password is too long: at most 200 characters."),
    "password.simple": (
        "新密码太简单：不能只有数字、不能包含账号名，至少使用 5 种不同字符。",
        "The new password is too simple: not digits alone, not your account's name, at least 5 different characters.",
    ),
    "password.same": ("新密码不能与当前密码相同。", "The new password must not be the current one."),
    # live
    "live.title": ("实时看板", "Live"),
    "live.updated": ("更新于", "Updated"),
    "live.stale": (
        "与服务器的连接已中断，数据可能已过时，正在重新连接……",
        "Connection to the server lost: what you see may be old. Reconnecting…",
    ),
    "live.well": ("一切正常", "All is well"),
    "live.well.more": ("无客户久等，呼损率达标。", "Nobody waits too long, and the loss rate is within its target."),
    "live.attention": ("需要注意", "Needs attention"),
    "trouble.link": (
        "与电话系统的连接自 {at} 起中断，看板数据不是最新的。",
        "The link to the telephone system is down since {at}: the board is out of date.",
    ),
    "trouble.nobody": ("{queue}：{count} 位客户在等待，但无坐席在岗。", "{queue}: {count} waiting, and no agent is there."),
    "trouble.late": ("{queue}：{count} 位客户等待已超过 10 秒。", "{queue}: {count} waiting longer than 10 s."),
    "trouble.loss": ("今日呼损率 {rate}，高于目标 {target}。", "Loss rate today is {rate}, over the target of {target}."),
    "trouble.cases": ("{count} 件投诉已超过答复期限。", "{count} complaints are over their time and not answered."),
    "trouble.empty": ("{queue}：无坐席在岗。", "{queue}: no agent is there."),
    "trouble.flow_refused": (
        "{at} 发布的流程版本 {version} 有误，未启用，仍在使用上一版本，详见日志。",
        "Call flow version {version}, published at {at}, is not fit: the one before stays in service. The log says why.",
    ),
    "trouble.flow_folder": (
        "修改后的流程文件有误，未启用，仍在使用上一版本，详见日志。",
        "The edited call flows are not fit: the last good version stays in service. The log says why.",
    ),
    "trouble.flow_rolled_back": (
        "试用的流程版本流失偏高，已于 {at} 自动停用，全部来电使用版本 {version}。",
        "The call flow version on trial lost more callers: ended by itself at {at}, everybody gets version {version}.",
    ),
    "tile.waiting": ("正在等待", "Waiting now"),
    "tile.nobody_waits": ("无人等待", "nobody waits"),
    "tile.late": ("超时 {count} 位", "{count} late"),
    "tile.loss": ("今日呼损率", "Loss rate today"),
    "tile.service": ("{seconds} 秒服务水平", "Answered within {seconds} s"),
    "tile.answered": ("今日接听 / 来电", "Answered / offered today"),
    "tile.lost": ("未接 {count} 通", "{count} lost"),
    "tile.asa": ("平均应答时长", "Mean time to answer"),
    "tile.within": ("3 秒内 {three} · 10 秒内 {ten}", "≤ 3 s: {three} · ≤ 10 s: {ten}"),
    "target.at_most": ("目标 ≤ {target}", "target ≤ {target}"),
    "target.at_least": ("目标 ≥ {target}", "target ≥ {target}"),
    "standing.good": ("达标", "on target"),
    "standing.bad": ("未达标", "off target"),
    "standing.few": ("未达标，来电尚少", "off target, few calls yet"),
    "standing.none": ("尚无来电", "no calls yet"),
    "queues.title": ("队列", "Queues"),
    "queue": ("队列", "Queue"),
    "queue.waiting": ("等待", "Waiting"),
    "queue.longest": ("最长等待", "Longest wait"),
    "queue.talking": ("通话中", "Talking"),
    "queue.agents": ("坐席", "Agents"),
    "queue.offered": ("来电", "Offered"),
    "queue.answered": ("接听", "Answered"),
    "queue.lost": ("未接", "Lost"),
    "queue.loss": ("呼损率", "Loss rate"),
    "queue.sl": ("服务水平", "Service level"),
    "queue.asa": ("平均应答", "Mean answer"),
    "late": ("超时", "late"),
    "agents.idle": ("空闲 {count}", "{count} idle"),
    "agents.ringing": ("振铃 {count}", "{count} ringing"),
    "agents.busy": ("通话 {count}", "{count} busy"),
    "agents.paused": ("小休 {count}", "{count} on break"),
    "agents.away": ("离线 {count}", "{count} away"),
    "agents.none": ("无人在岗", "nobody there"),
    "lost.title": ("今日未接来电", "Lost callers today"),
    "lost.none": ("今天没有未接来电。", "Nobody was lost today."),
    "lost.more": ("另有 {count} 位未列出", "{count} more are not listed"),
    "lost.times": ("来电 {count} 次", "called {count} times"),
    "lost.waited": ("等待 {wait}", "waited {wait}"),
    "no_number": ("号码未知", "number withheld"),
    "running.title": ("正在进行的通话", "Calls now"),
    "running.none": ("当前没有通话。", "No call is running."),
    "stage.menu": ("语音菜单", "in the menus"),
    "stage.waiting": ("排队等待", "waiting"),
    "stage.ringing": ("坐席振铃", "ringing"),
    "stage.talking": ("通话中", "talking"),
    # lists
    "calls.title": ("通话记录", "Calls"),
    "calls.none": ("没有符合条件的通话。", "No call matches."),
    "list.older": ("更早的记录", "Older"),
    "list.newest": ("回到最新", "Back to the newest"),
    "filter.line": ("业务线", "Line"),
    "filter.outcome": ("结果", "Outcome"),
    "filter.number": ("来电号码", "Caller's number"),
    "filter.state": ("状态", "State"),
    "filter.all": ("全部", "all"),
    "filter.apply": ("筛选", "Filter"),
    "started": ("开始", "Started"),
    "caller": ("来电号码", "Caller"),
    "line": ("业务线", "Line"),
    "outcome": ("结果", "Outcome"),
    "agent": ("坐席", "Agent"),
    "wait": ("等待", "Wait"),
    "duration": ("时长", "Duration"),
    "running": ("进行中", "running"),
    "withheld": ("号码隐藏", "withheld"),
    "details": ("详情", "Details"),
    # one call
    "call.title": ("通话 {id}", "Call {id}"),
    "call.timeline": ("经过", "Timeline"),
    "call.began": ("来电", "The call came in"),
    "call.keys": ("按键 {keys}", "keys {keys}"),
    "call.joined": ("进入队列 {queue}", "joined the queue {queue}"),
    "call.rang": ("{agent} 的话机振铃", "{agent}'s phone rang"),
    "call.rang_off": ("{agent} 的话机停止振铃", "{agent}'s phone stopped ringing"),
    "call.answered": ("{agent} 接听，等待 {wait}", "{agent} answered, after {wait}"),
    "call.talk_ended": ("通话结束，历时 {talk}", "the talk ended, after {talk}"),
    "call.left": ("离开队列：{outcome}", "left the queue: {outcome}"),
    "call.ended": ("结束：{outcome}", "The call ended: {outcome}"),
    "call.failure": ("系统故障：{failure}", "A fault of ours: {failure}"),
    "call.name": ("来电显示名", "Caller's name"),
    "call.dialled": ("拨打号码", "Dialled"),
    "call.language": ("语言", "Language"),
    "call.complaint": ("投诉", "Complaint"),
    "call.callback": ("回拨", "Callback"),
    "call.served_by": ("服务方式", "Served by"),
    "call.flow": ("流程版本", "Flow version"),
    "call.uncertain": (
        "其间与电话系统的连接中断，部分时间不确定。",
        "The link to the telephone system was down meanwhile: parts are uncertain.",
    ),
    "recording": ("录音", "Recording"),
    "recordings": ("录音", "Recordings"),
    "recording.complaint": ("投诉录音 {number}", "Complaint {number}"),
    "recording.message": ("留言", "Message"),
    "by.caller": ("来电者挂机", "caller hung up"),
    "by.agent": ("坐席挂机", "agent hung up"),
    "by.transfer": ("转接", "transferred"),
    "served_by.flow": ("语音流程", "the menus"),
    "served_by.fallback": ("应急脚本", "the fallback"),
    "served_by.dialplan": ("仅 Asterisk", "Asterisk alone"),
    # what became of a call
    "outcome.answered": ("已接听", "answered"),
    "outcome.abandoned_ivr": ("菜单中放弃", "left in the menus"),
    "outcome.abandoned_queue": ("排队放弃", "abandoned waiting"),
    "outcome.abandoned_ring": ("振铃放弃", "abandoned ringing"),
    "outcome.callback_accepted": ("预约回拨", "callback accepted"),
    "outcome.voicemail": ("留言", "left a message"),
    "outcome.self_served": ("自助完成", "self-served"),
    "outcome.after_hours": ("非服务时间", "out of hours"),
    "outcome.blocked": ("已拦截", "blocked"),
    "outcome.rejected_capacity": ("队列已满或无坐席", "refused: full or empty"),
    "outcome.system_error": ("系统故障", "system error"),
    "visit.answered": ("已接听", "answered"),
    "visit.abandoned_wait": ("等待中放弃", "abandoned waiting"),
    "visit.abandoned_ring": ("振铃中放弃", "abandoned ringing"),
    "visit.flow_timeout": ("等待超时", "timed out"),
    "visit.flow_empty": ("坐席全部离开", "all agents left"),
    "visit.flow_key": ("按键退出", "left by key"),
    "visit.withdrawn": ("被撤出", "withdrawn"),
    "visit.failed": ("失败", "failed"),
    "visit.full": ("队列已满", "queue full"),
    "visit.join_empty": ("无坐席", "no agents"),
    # what was done
    "done.password": ("密码已修改。", "The password is changed."),
    # what went wrong
    "error.title": ("出错了", "Something is wrong"),
    "error.400": ("请求不完整或不正确。", "The request is incomplete or wrong."),
    "error.403": ("您没有权限。", "Your account may not do this."),
    "error.404": ("没有找到。", "There is nothing here."),
    "error.405": ("不支持这种请求。", "This can't be done that way."),
    "error.409": ("现在不能这样做。", "This can't be done now."),
    "error.413": ("提交的内容太大。", "What was sent is too large."),
    "error.416": ("请求的录音范围不存在。", "The recording has no such part."),
    "error.500": ("系统内部错误，已记录。", "An error of ours; it is in the log."),
    "error.503": (
        "暂时无法读取数据库，请稍后再试。通话不受影响。",
        "The database can't be read just now; try again in a moment. Calls go on.",
    ),
    "error.csrf": ("页面已过期，请返回并刷新后重试。", "This page is too old: go back, reload it, and try again."),
    "error.home": ("回到实时看板", "To the live board"),
    **case_words.WORDS,
    **callback_words.WORDS,
    **hours_words.WORDS,
    **reports_words.WORDS,
    **agents_words.WORDS,
}


def text(key: str, language: Language, **values: object) -> str:
    """Raises KeyError for a key that isn't there."""
    words = _TEXTS[key][LANGUAGES.index(language)]
    return words.format(**values) if values else words


def all_keys() -> tuple[str, ...]:
    return tuple(_TEXTS)


def known(key: str) -> bool:
    return key in _TEXTS


def choose(accept_language: str) -> Language:
    """By the browser's wish (RFC 9110 section 12.5.4): Chinese or English, whichever it names with more weight; Chinese when neither."""
    best: tuple[float, Language] = (0.0, "zh")
    for part in accept_language[:500].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            q = float(weight) if weight else 1.0
        except ValueError:
            continue
        primary = tag.strip().lower().partition("-")[0]
        if primary in LANGUAGES and q > best[0]:
            best = (q, "zh" if primary == "zh" else "en")
    return best[1]
