"""Prompts with fixed names: the fallback script's, which runs without flows, the queues' and the promised calls'.

Pure. For the prompt library, the fallback and the dialplan; the names are theirs to rely on.
"""

from __future__ import annotations

from callflows.speech import Prompt

_TEXTS = {
    "fallback-apology": (
        "非常抱歉，系统暂时出现故障。请不要挂机，我们仍然会为您服务。",
        "We are sorry, our system has a fault at the moment. Please stay on the line. You will still be served.",
    ),
    "fallback-menu": (
        "接通人工服务请按1，留言请按2，投诉请按3。",
        "To talk to an agent, press 1. To leave a message, press 2. To make a complaint, press 3.",
    ),
    "fallback-record-message": (
        "请在提示音后留下您的姓名、电话和留言内容，结束请按井号键。",
        "After the beep, please leave your name, your telephone number and your message. Press hash to end.",
    ),
    "fallback-record-complaint": (
        "请在提示音后说明您要投诉的情况，并留下您的电话，结束请按井号键。",
        "After the beep, please tell us about your complaint and leave your telephone number. Press hash to end.",
    ),
    "fallback-thanks": (
        "您的录音已经保存，我们会尽快给您回电。谢谢。",
        "Your recording has been saved. We will call you back as soon as possible. Thank you.",
    ),
    "fallback-all-busy": (
        "非常抱歉，现在没有空闲的客服人员，请您留言。",
        "We are sorry, nobody is free at the moment. Please leave us a message.",
    ),
    "fallback-goodbye": ("感谢您的来电，再见。", "Thank you for calling. Goodbye."),
    "queue-please-hold": (
        "客服人员正在忙，请您稍候，我们会尽快接听您的电话。如需我们给您回电，请按1。",
        "Our agents are busy. Please hold. We will answer your call as soon as we can. To be called back instead, press 1.",
    ),
    "fallback-queueing": (
        "正在为您转接人工服务，请稍候。",
        "We are connecting you to an agent. Please hold.",
    ),
    "callback-greeting": (
        "您好，这里是客户服务热线回电，接听请按1。",
        "Hello, this is the customer service hotline calling you back. To talk to us, press 1.",
    ),
    "callback-connecting": (
        "谢谢，正在为您接通客服人员，请稍候。",
        "Thank you. We are connecting you to an agent. Please hold.",
    ),
    "callback-goodbye": ("感谢您的接听，再见。", "Thank you. Goodbye."),
}


def fixed_prompts() -> list[Prompt]:
    """All of them, in both languages."""
    return [Prompt(name, language, text) for name, texts in _TEXTS.items() for language, text in zip(("zh", "en"), texts, strict=True)]
