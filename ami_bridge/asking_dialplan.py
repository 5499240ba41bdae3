"""A question whose keys are read key by key in the dialplan: prompts heard to their end, and a time for the whole answer.

For ``dialplan`` only; ``ivr.playing`` calls it with AGI's GOSUB. Between two AGI commands Asterisk throws pressed keys away, between
two steps of the dialplan it keeps them (measured, 22.10.1): so the reading in pieces that a time for the whole needs is done here.

Arguments: ARG1 files heard to their end, ARG2 files that a key cuts short, ARG3 how many keys at most, ARG4 the wait for the first
one (s), ARG5 for each further one and ARG6 for all together from the first one (ms). ``IVR_KEYS`` are then the keys, and
``IVR_ASKED`` is 1: without it the caller is gone, for GOSUB itself answers 0 whatever happens.
"""

from __future__ import annotations

from ami_bridge.dialplan_text import extension

ASK_CONTEXT = "ivrd-ask"
ASK, ASK_ON = "ask", "ask-on"  # extensions: from the beginning, or when he has pressed keys of the answer already
ASKED_AND_KEYS = "${IVR_ASKED}${IVR_KEYS}"
ASKED = "1"
_NOW_MS = "${STRFTIME(,,%s%3q)}"


def asking() -> str:
    """The context."""
    return "\n".join(
        [
            f"[{ASK_CONTEXT}]",
            *extension(
                ASK,
                "Set(IVR_ASKED=)",
                "Set(IVR_KEYS=)",
                'GotoIf($["${ARG1}" = ""]?first)',
                "Playback(${ARG1})",
                "first: Read(IVR_KEY,${ARG2},1,e,1,${ARG4})",
                'GotoIf($["${IVR_KEY}" = ""]?done)',
                "Set(IVR_KEYS=${IVR_KEY})",
                'GotoIf($["${IVR_KEY}" = "#"]?done)',
                f"clock: Set(IVR_UNTIL=$[{_NOW_MS} + ${{ARG6}}])",
                "next: GotoIf($[${LEN(${IVR_KEYS})} >= ${ARG3}]?done)",
                f"Set(IVR_LEFT=$[${{IVR_UNTIL}} - {_NOW_MS}])",
                "GotoIf($[${IVR_LEFT} <= 0]?done)",
                "Set(IVR_LEFT=${IF($[${IVR_LEFT} < ${ARG5}]?${IVR_LEFT}:${ARG5})})",
                "Read(IVR_KEY,,1,e,1,$[${IVR_LEFT} / 1000])",
                'GotoIf($["${IVR_KEY}" = "" | "${IVR_KEY}" = "#"]?done)',
                "Set(IVR_KEYS=${IVR_KEYS}${IVR_KEY})",
                "Goto(next)",
                "done: Set(IVR_KEY=)",
                f"Set(IVR_ASKED={ASKED})",
                "Return()",
            ),
            *extension(ASK_ON, "Set(IVR_ASKED=)", "Set(IVR_KEYS=)", f"Goto({ASK},clock)"),
        ]
    )
