"""The drawing's own words in both languages: kinds of nodes, exits, headings. What isn't here is shown as the flow file has it.

Pure data, for the drawing alone.
"""

from __future__ import annotations

# fmt: off
_KINDS = {
    "say": "播报", "menu": "菜单", "collect": "收号", "confirm": "确认", "record": "录音", "voicemail": "留言信箱", "language": "语言",
    "line": "进入线路", "hours": "服务时间", "given": "是否已知", "switch": "分支", "set": "赋值", "look_up": "查询客户",
    "remember": "记住选择", "webhook": "外部接口", "file_complaint": "登记投诉", "take_message": "保存留言",
    "request_callback": "申请回电", "expect_wait": "预计等待", "queue": "排队", "dial": "外呼", "survey": "满意度",
    "check_pin": "验证口令", "override_hours": "临时改时间", "run": "子流程", "end": "返回", "hang_up": "挂机",
}
_EXITS = {
    "no_input": "无按键", "wrong_key": "按错", "next": "继续", "skip": "跳过", "nothing": "未出声", "open": "营业", "closed": "非营业",
    "holiday": "假日", "emergency": "紧急", "yes": "是", "no": "否", "served": "已接听", "key": "排队中按键", "timeout": "等待超时",
    "full": "队列已满", "empty": "无人在岗", "failed": "失败", "_": "其他", "filed": "已登记", "not_stored": "未能保存", "taken": "已留言",
    "kept": "稍后登记", "promised": "已约定", "refused": "不能回拨", "known": "老客户", "unknown": "未知", "short": "等待短",
    "long": "等待长", "answered": "已应答", "busy": "忙", "no_answer": "无人接听", "accepted": "通过", "right": "正确", "again": "重输",
    "set": "已设置", "done": "完成",
}
_EXITS_EN = {
    "no_input": "no key", "wrong_key": "wrong key", "next": "goes on", "_": "else", "key": "key in the queue", "not_stored": "not stored",
    "kept": "registered later", "no_answer": "no answer", "nothing": "nothing said",
}
_TEXTS = {
    "calls": ("{count} 通", "{count} calls"),
    "lost": ("流失 {count}（{rate:.0%}）", "{count} lost ({rate:.0%})"),
    "hang_up": ("挂机后", "after a hang-up"),
    "start": ("开始", "start"),
    "say": ("播报", "says"), "ask": ("提问", "asks"), "decide": ("判断", "decides"), "do": ("处理", "does"), "run": ("子流程", "sub-flow"),
    "human": ("人工", "a person"), "message": ("留言", "a message"), "callback": ("回电", "a callback"), "goodbye": ("结束", "goodbye"),
    "end": ("返回", "back to the caller's flow"),
}
# fmt: on


def kind_words(kind: str, language: str) -> str:
    return _KINDS.get(kind, kind) if language == "zh" else kind.replace("_", " ")


def exit_words(name: str, language: str) -> str:
    return _EXITS.get(name, name) if language == "zh" else _EXITS_EN.get(name, name.replace("_", " "))


def text(key: str, language: str, **values: float) -> str:
    """A heading with its values put in. Raises KeyError for one that isn't here."""
    return _TEXTS[key][0 if language == "zh" else 1].format(**values)
