"""The configuration of a world's Asterisk: ivrd's own where it doesn't matter, and in each flavour what a scene is about.

For ``world`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ami_bridge.asterisk_files import AMI_READ, DISABLED_EVENTS, FILTERED_EVENTS, write_configuration
from ami_bridge.conf_text import Pair, file_text, section
from ami_bridge.dialplan import CALL_CONTEXT
from ami_bridge.dialplan_text import HUNG_UP, KEYS_CONTEXT, extension, queue, queue_exit
from ami_bridge.modules_file import modules_conf
from ami_bridge.pjsip_file import INBOUND_CONTEXT
from ami_bridge.plan import AsteriskPlan, QueuePlan
from ivr.asterisk_plan import AsteriskInstallation
from ivr.testbed.truth.script import AGENTS, BACK, FRONT, OUTSIDE, TRANSFER, Flavour, Placed, Queue, Stay, Step
from ivr.testbed.truth.telephone import ADDRESS

RECORDER, DIRECTOR = "recorder", "director"  # AMI users: whose bytes are kept, and who makes things happen
SECRET = "of-a-world-on-loopback"  # noqa: S105 - of an Asterisk that lives for a minute
EXIT_KEY = "1"
ANNOUNCEMENT = "truth-announcement"
ANNOUNCEMENT_S = 4
_TRANSFER_SOUNDS = {"pbx-transfer": 0.1, "beep": 0.1, "beeperr": 0.1}  # without them the feature code ends in nothing
FRONT_CONTEXT, PHONES, LOCAL_MEMBERS, LOCAL_CALLERS = "front", "phones", "from-queue", "callers"
# Variables that fill a recording, and say nothing of a queue: how many packets came.
_NOISE = ("RTPAUDIOQOS", "BRIDGEPVTCALLID", "__TRANSFERERNAME")
_NO_VARIABLE = "eventfilter(action(exclude),name(VarSet),header(Variable),method(starts_with))"
_MEDIA: tuple[Pair, ...] = (("disallow", "all"), ("allow", "alaw"), ("direct_media", False), ("rtp_symmetric", True))


def plan_of(folder: Path, installation: AsteriskInstallation, sip_port: int, ami_port: int, rtp_port: int) -> AsteriskPlan:
    """What ivrd's own writers need to know; the scenes' queues and telephones come in their files."""
    return AsteriskPlan(
        major_version=installation.major_version,
        configuration=folder / "etc",
        modules=installation.modules,
        data=folder / "data",
        state=folder / "var",
        recordings=folder / "var" / "recordings",
        fallback_spool=folder / "var" / "fallback",
        fallback_command=None,
        bind_address=ADDRESS,
        sip_port=sip_port,
        rtp_first_port=rtp_port,
        rtp_last_port=rtp_port + 1998,
        ami_port=ami_port,
        ami_user=RECORDER,
        ami_secret=SECRET,
        agi_host=ADDRESS,
        agi_port=9,
        agi_token=SECRET,
        hotline_numbers=(),
        trusted_peers=(),
        language="en",
        fallback_queue="none",
        longest_call_s=600,
        queues=(QueuePlan("none", (), 5, 0),),
        phones=(),
    )


def write_files(
    plan: AsteriskPlan, installation: AsteriskInstallation, scenes: Sequence[Placed], flavour: Flavour, ports: Mapping[str, int]
) -> None:
    """Write all of it; ``ports``: where each telephone listens, by its number. Raises OSError."""
    write_configuration(plan)
    sounds = plan.data / "sounds" / "en"
    sounds.mkdir(parents=True, exist_ok=True)
    for name, seconds in {ANNOUNCEMENT: ANNOUNCEMENT_S, **_TRANSFER_SOUNDS}.items():
        (sounds / f"{name}.alaw").write_bytes(b"\xd5" * round(8000 * seconds))
    documentation = plan.data / "documentation"  # res_pjsip can't load without
    if not documentation.is_symlink():
        documentation.symlink_to(installation.share / "documentation")
    dialplan = _our_dialplan(scenes) if flavour is Flavour.OURS else _plain_dialplan(scenes, flavour)
    texts = {
        "modules.conf": modules_conf() + "".join(f"load = {name}.so\n" for name in ("app_senddtmf", "bridge_builtin_features")),
        "features.conf": file_text(section("featuremap", [("atxfer", "*2")])),
        "manager.conf": _manager(plan, flavour),
        "pjsip.conf": _pjsip(plan, scenes, flavour, ports),
        "queues.conf": _queues(scenes, flavour),
        "extensions.conf": "\n".join(dialplan) + "\n",
        "musiconhold.conf": file_text(),
    }
    if flavour is not Flavour.OURS:  # hardly anybody's has a name
        general = plan.configuration / "asterisk.conf"
        texts["asterisk.conf"] = general.read_text(encoding="utf-8").replace(f"systemname = {plan.name}\n", "")
    for name, text in texts.items():
        (plan.configuration / name).write_text(text, encoding="utf-8")


def _manager(plan: AsteriskPlan, flavour: Flavour) -> str:
    general: list[Pair] = [
        *(("enabled", True), ("bindaddr", ADDRESS), ("port", plan.ami_port)),
        *(("timestampevents", True), ("displayconnects", False)),
    ]
    user: list[Pair] = [("secret", SECRET), ("write", "all"), ("writetimeout", 5000)]
    recorder: list[Pair] = [*user, ("read", "all"), *((_NO_VARIABLE, name) for name in _NOISE)]
    if flavour is Flavour.OURS:
        general.append(("disabledevents", DISABLED_EVENTS))
        recorder = [*user, ("read", AMI_READ), *((f"eventfilter(action(exclude),name({name}))", "") for name in FILTERED_EVENTS)]
    return file_text(section("general", general), section(RECORDER, recorder), section(DIRECTOR, [*user, ("read", AMI_READ)]))


def _pjsip(plan: AsteriskPlan, scenes: Sequence[Placed], flavour: Flavour, ports: Mapping[str, int]) -> str:
    front = INBOUND_CONTEXT if flavour is Flavour.OURS else FRONT_CONTEXT
    sections = [
        section("global", [("type", "global"), ("endpoint_identifier_order", "username,ip")]),
        section("udp", [("type", "transport"), ("protocol", "udp"), ("bind", f"{ADDRESS}:{plan.sip_port}")]),
        section("trunk", [("type", "endpoint"), ("context", front), ("identify_by", "ip"), *_MEDIA]),
        section("trunk-peers", [("type", "identify"), ("endpoint", "trunk"), ("match", ADDRESS)]),
    ]
    for placed in scenes:
        for number, name in placed.telephones.items():
            endpoint: list[Pair] = [
                *(("type", "endpoint"), ("context", PHONES), ("identify_by", "username"), ("aors", number)),
                *(("callerid", f'"{name}" <{number}>'), ("device_state_busy_at", 1)),
                *_MEDIA,
                *placed.scene.phone_settings.items(),
            ]
            contact = f"sip:{number}@{ADDRESS}:{ports[number]}"
            sections += [section(number, endpoint), section(number, [("type", "aor"), ("contact", contact), ("qualify_frequency", 0)])]
    return file_text(*sections)


def _queues(scenes: Sequence[Placed], flavour: Flavour) -> str:
    general: list[Pair] = [("persistentmembers", False), ("autofill", True), ("log_membername_as_agent", True)]
    sections = [section("general", general)]
    for placed in scenes:
        for each in placed.scene.queues:
            sections.append(section(placed.scene.queue(each.suffix), [*_queue_settings(placed, each, flavour)]))
    return file_text(*sections)


def _queue_settings(placed: Placed, each: Queue, flavour: Flavour) -> list[Pair]:
    settings: dict[str, object] = {
        "strategy": "linear",
        "timeout": 30,
        "retry": 1,
        "ringinuse": False,
        "announce-position": False,
        "announce-holdtime": False,
        "context": KEYS_CONTEXT if flavour is Flavour.OURS else f"keys-{placed.scene.name}",
        **each.settings,
    }
    return [*settings.items(), *(("member", member_line(placed, name, flavour)) for name in each.members)]


def interface(placed: Placed, name: str, flavour: Flavour) -> str:
    """What the queue calls."""
    number = placed.number(AGENTS[name])
    local = f"Local/{number}@{LOCAL_MEMBERS}"
    return {Flavour.LOCAL: f"{local}/n", Flavour.OPTIMISED: local}.get(flavour, f"PJSIP/{number}")


def member_line(placed: Placed, name: str, flavour: Flavour) -> str:
    return f"{interface(placed, name, flavour)},0,{placed.agent(name)},PJSIP/{placed.number(AGENTS[name])}"


def _plain_dialplan(scenes: Sequence[Placed], flavour: Flavour) -> list[str]:
    """As anybody writes it: answer, queue, go on, hang up."""
    lines = ["[general]", "static = yes", "", f"[{FRONT_CONTEXT}]"]
    for placed in scenes:
        for digit, steps in _numbers(placed):
            lines += extension(placed.number(digit), *_answer(placed), *(_plain(placed, step) for step in steps), "Wait(1)", "Hangup()")
    for placed in scenes:
        lines += ["", f"[keys-{placed.scene.name}]", *extension(EXIT_KEY, "NoOp(left by the key)", "Wait(1)", "Hangup()")]
    lines += ["", *_phones(scenes, FRONT_CONTEXT)]
    if flavour is not Flavour.THEIRS:
        lines += ["", f"[{LOCAL_MEMBERS}]", *extension("_X.", "Dial(PJSIP/${EXTEN},60)", "Hangup()")]
        lines += ["", f"[{LOCAL_CALLERS}]", *extension("s", "Answer()", "Wait(600)")]
    return lines


def _answer(placed: Placed) -> tuple[str, ...]:
    return ("Answer()",) if placed.scene.answered_first else ()


def _plain(placed: Placed, step: Step) -> str:
    return f"Queue({placed.scene.queue(step.suffix)},{step.options},,,{step.timeout_s})" if isinstance(step, Stay) else step


def _our_dialplan(scenes: Sequence[Placed]) -> list[str]:
    """ivrd's words about queues, without the legs in which the daemon speaks."""
    lines = ["[general]", "static = yes", "", f"[{INBOUND_CONTEXT}]", *extension("_X.", f"Goto({CALL_CONTEXT},${{EXTEN}},1)")]
    lines += ["", f"[{CALL_CONTEXT}]"]
    for placed in scenes:
        for digit, steps in _numbers(placed):
            said = [word for step in steps for word in _ours(placed, step)]
            lines += extension(placed.number(digit), "Set(IVR_DIALLED=${EXTEN})", *_answer(placed), *said, "left: Wait(1)", "Hangup()")
    lines += extension("h", 'GotoIf($["${IVR_IN_QUEUE}" = ""]?done)', queue_exit("${IVR_IN_QUEUE}", HUNG_UP), "done: NoOp()")
    key = (
        "Set(IVR_QUEUE=${IVR_IN_QUEUE})",
        "Set(IVR_IN_QUEUE=)",
        queue_exit("${IVR_QUEUE}", ""),
        f"Goto({CALL_CONTEXT},${{IVR_DIALLED}},left)",
    )
    lines += ["", f"[{KEYS_CONTEXT}]", *extension(EXIT_KEY, *key)]
    return [*lines, "", *_phones(scenes, CALL_CONTEXT)]


def _ours(placed: Placed, step: Step) -> tuple[str, ...]:
    return queue(placed.scene.queue(step.suffix), str(step.timeout_s)) if isinstance(step, Stay) else (step,)


def _numbers(placed: Placed) -> list[tuple[int, tuple[Step, ...]]]:
    scene = placed.scene
    return [(digit, steps) for digit, steps in ((FRONT, scene.way), (BACK, scene.back), (TRANSFER, scene.transfer)) if steps]


def _phones(scenes: Sequence[Placed], front: str) -> list[str]:
    """What agents may dial: the front numbers, and the telephone outside."""
    lines = [f"[{PHONES}]"]
    for placed in scenes:
        lines += extension(placed.number(OUTSIDE), f"Dial(PJSIP/{placed.number(OUTSIDE)},60)", "Hangup()")
        for digit, _ in _numbers(placed):
            lines += extension(placed.number(digit), f"Goto({front},${{EXTEN}},1)")
    return lines
