"""All files Asterisk reads at its start, written from one plan: the same plan gives the same bytes.

For the launcher, ``ivrd check`` and the tests.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ami_bridge.conf_text import (
    HEADER,
    ConfigurationError,
    Pair,
    address,
    carried,
    directory,
    file_text,
    network,
    section,
    word,
)
from ami_bridge.dialplan import DEFAULT_WAIT_S, extensions_conf
from ami_bridge.modules_file import modules_conf
from ami_bridge.pjsip_file import pjsip_conf
from ami_bridge.plan import AsteriskPlan
from ami_bridge.queues_file import queues_conf

OLDEST_MAJOR_VERSION = 20
READABLE, SECRET, RUNNABLE = 0o644, 0o640, 0o755
# sockaddr_un.sun_path has 108 bytes (unix(7)); without its control socket Asterisk can't be asked or stopped.
LONGEST_SOCKET_PATH = 107
# How many rotated files of a log stay. queue_log holds calls, and must outlive any time that the daemon is away.
ROTATED_LOGS = {"messages.log": 4, "queue_log": 1000}
LONGEST_EXEC_BYTES = 255  # logger.c, exec_after_rotate[256]
# What the daemon's AMI user sees: calls and bridges, queues and members, the dialplan's QueueExit, FullyBooted/Shutdown.
# Not: dialplan (VarSet carries what callers type), dtmf, reporting (RTCP), security, command, config.
AMI_READ = "call,agent,user,system"
# What it may do: reporting = CoreSettings, CoreShowChannels, LoggerRotate; agent = pause and membership;
# call = Hangup, Redirect and Status of a call; originate = promised calls, whose dialplan checks the digits once more.
# Not: system, command, config - those run programs.
AMI_WRITE = "reporting,agent,call"
AMI_WRITE_CALLING_OUT = f"{AMI_WRITE},originate"
# Events nobody here reads are not even built: Newexten and VarSet would come for every dialplan step, RTCP every 5 s of a call.
DISABLED_EVENTS = "Newexten,VarSet,RTCPSent,RTCPReceived,ChannelTalkingStart,ChannelTalkingStop,ExtensionStatus"
# Kept from our session, though its classes would bring them (advanced filters: 20.11, 22.1).
FILTERED_EVENTS = ("DeviceStateChange", "MusicOnHoldStart", "MusicOnHoldStop", "NewConnectedLine")


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """One file as it is to stand on the disk. ``mode``: its permissions."""

    path: Path
    text: str
    mode: int


def configuration_files(plan: AsteriskPlan) -> list[ConfigurationFile]:
    """Every file of the plan, sorted by path; nothing is written.

    Raises ConfigurationError, whose sentence says which value can't be carried.
    """
    if plan.major_version < OLDEST_MAJOR_VERSION:
        raise ConfigurationError(f"Asterisk {plan.major_version} is too old; use 20 (from 20.20.1) or 22 (from 22.10.1).")
    texts = {
        "asterisk.conf": (_asterisk_conf(plan), READABLE),
        "modules.conf": (modules_conf(), READABLE),
        "logger.conf": (_logger_conf(plan), READABLE),
        "manager.conf": (_manager_conf(plan), SECRET),
        "pjsip.conf": (pjsip_conf(plan), SECRET),
        "queues.conf": (queues_conf(plan), READABLE),
        "rtp.conf": (_rtp_conf(plan), READABLE),
        "extensions.conf": (extensions_conf(plan), SECRET),
        "musiconhold.conf": (_musiconhold_conf(plan), READABLE),
        "indications.conf": (_indications_conf(), READABLE),
        # Files whose absence Asterisk reports as an error or warning at every start.
        "cdr.conf": (file_text(section("general", [("enable", False)])), READABLE),
        "cel.conf": (file_text(section("general", [("enable", False)])), READABLE),
        "http.conf": (file_text(section("general", [("enabled", False)])), READABLE),
        # pjproject's level 2 tells every packet it can't parse: a scanner would fill the disk with warnings.
        "pjproject.conf": (
            file_text(section("log_mappings", [("type", "log_mappings"), ("asterisk_error", "0,1"), ("asterisk_debug", "2,3,4,5,6")])),
            READABLE,
        ),
        **dict.fromkeys(EMPTY_FILES, (HEADER + "\n", READABLE)),
    }
    files = [ConfigurationFile(plan.configuration / name, text, mode) for name, (text, mode) in texts.items()]
    if plan.fallback_command is not None and plan.fallback_python is not None:
        files.append(ConfigurationFile(plan.fallback_command, _fallback_launcher(plan), RUNNABLE))
    return sorted(files, key=lambda file: file.path)


EMPTY_FILES = (
    "acl.conf",
    "ccss.conf",
    "cli.conf",
    "cli_permissions.conf",
    "codecs.conf",
    "dnsmgr.conf",
    "dsp.conf",
    "extconfig.conf",
    "features.conf",
    "queuerules.conf",
    "sorcery.conf",
    "stasis.conf",
    "udptl.conf",
)


def write_configuration(plan: AsteriskPlan) -> list[Path]:
    """Write what has changed (under another name, then renamed) and make the folders Asterisk needs.

    Returns the paths that were written: none when everything already stood there. Raises ConfigurationError before the
    first byte is written, OSError where the disk refuses.
    """
    files = configuration_files(plan)
    # Numbers, names and voices of callers lie in these: not for everybody on this machine.
    for folder in (*_asterisk_folders(plan), plan.recordings, plan.fallback_spool):
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        _hand_over(folder, plan)
    return [file.path for file in files if _write(file, plan)]


def _write(file: ConfigurationFile, plan: AsteriskPlan) -> bool:
    content = file.text.encode()
    try:
        same = file.path.read_bytes() == content and file.path.stat().st_mode & 0o777 == file.mode
    except OSError:  # not there, or not readable: it is written anew
        same = False
    if same:
        return False
    file.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{file.path.name}.", dir=file.path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), file.mode)
            stream.write(content)
        _hand_over(Path(temporary), plan, owner=False)
        Path(temporary).replace(file.path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def _hand_over(path: Path, plan: AsteriskPlan, owner: bool = True) -> None:
    """Root starts Asterisk and it becomes ``run_user``: folders must be that user's, secret files readable to his group."""
    if plan.run_user is None or os.geteuid() != 0:
        return
    try:
        shutil.chown(path, plan.run_user if owner else None, plan.run_user)
    except LookupError as error:
        raise ConfigurationError(f"run_user is {plan.run_user!r}, and there is no such user and group here.") from error


def _asterisk_folders(plan: AsteriskPlan) -> list[Path]:
    return [plan.state / name for name in ("lib", "run", "spool", "log")]


def _asterisk_conf(plan: AsteriskPlan) -> str:
    lib, run, spool, log = _asterisk_folders(plan)
    socket = run / "asterisk.ctl"
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
        raise ConfigurationError(
            f"the state folder's path is too long: Asterisk's control socket {socket} must not exceed "
            f"{LONGEST_SOCKET_PATH} bytes; choose a shorter STATE."
        )
    places: list[Pair] = [
        ("astetcdir", directory(plan.configuration, "configuration")),
        ("astmoddir", directory(plan.modules, "modules")),
        ("astvarlibdir", directory(lib, "state")),
        ("astdbdir", lib),
        ("astkeydir", lib),
        ("astcachedir", lib / "cache"),
        ("astdatadir", directory(plan.data, "data")),
        ("astagidir", plan.configuration),
        ("astspooldir", spool),
        ("astrundir", run),
        ("astlogdir", log),
    ]
    options: list[Pair] = [
        # Uniqueids become name-epoch.number: those of two PBXs, or of this one set up anew, are never the same.
        ("systemname", word(plan.name, "name", r"[A-Za-z0-9_]{1,32}")),
        ("defaultlanguage", plan.language),
        ("documentation_language", "en_US"),
        ("live_dangerously", False),
        # RTP goes on while a caller is only recorded or waited for; some carriers end silent calls.
        ("transmit_silence", True),
        ("hideconnect", True),
        ("nocolor", True),  # the launcher and journald want plain text
        ("disable_remote_console_shell", True),
    ]
    if plan.run_user is not None:
        user = word(plan.run_user, "run_user", r"[a-z_][a-z0-9_-]{0,31}")
        options += [("runuser", user), ("rungroup", user)]
    return file_text(section("directories", places), section("options", options), section("files", [("astctlpermissions", "0660")]))


def _logger_conf(plan: AsteriskPlan) -> str:
    """Notices and worse only: a verbose log would hold every caller's number and grow with every call.

    queue_log is the second source of the queue figures. Both files are rotated by the LoggerRotate action (``ivr.log_rotation``), and by
    Asterisk itself from 1 GB on; whenever one is, the oldest are removed.
    """
    general: list[Pair] = [
        ("dateformat", "%F %T.%3q"),
        ("rotatestrategy", "rotate"),
        ("queue_log", True),
        ("queue_log_to_file", True),
        ("queue_log_name", "queue_log"),
    ]
    oldest = " ".join(f"{name}.{kept}" for name, kept in ROTATED_LOGS.items())
    tidy = f"cd {shlex.quote(str(plan.state / 'log'))} && rm -f {oldest}"
    if len(tidy.encode()) <= LONGEST_EXEC_BYTES:  # a command that was cut off would remove something else
        general.append(("exec_after_rotate", tidy))
    files: list[Pair] = [("console", "warning,error"), ("messages.log", "notice,warning,error")]
    return file_text(section("general", general), section("logfiles", files))


def _manager_conf(plan: AsteriskPlan) -> str:
    general: list[Pair] = [
        ("enabled", True),
        ("webenabled", False),
        ("bindaddr", address(plan.ami_bind, "ami_bind")),
        ("port", plan.ami_port),
        ("timestampevents", True),  # the only clock for answer times below a second
        ("displayconnects", False),
        ("authtimeout", 10),
        ("authlimit", 20),
        # A half-open old session must not keep a new one out.
        ("allowmultiplelogin", True),
        ("disabledevents", DISABLED_EVENTS),
    ]
    user: list[Pair] = [
        ("secret", word(plan.ami_secret, "ami_secret", r"[A-Za-z0-9_.+/=-]{16,256}")),
        ("deny", "0.0.0.0/0.0.0.0"),
        ("deny", "::/0"),
        *(("permit", network(peer, "ami_permit")) for peer in plan.ami_permit),
        ("read", AMI_READ),
        ("write", AMI_WRITE if plan.outbound is None else AMI_WRITE_CALLING_OUT),
        # ms; at the default of 100 a short stall of ours ends the session in the middle of a message.
        ("writetimeout", 5000),
        *((f"eventfilter(action(exclude),name({name}))", "") for name in FILTERED_EVENTS),
    ]
    return file_text(section("general", general), section(word(plan.ami_user, "ami_user", r"[A-Za-z0-9_-]{1,32}"), user))


def _rtp_conf(plan: AsteriskPlan) -> str:
    pairs: list[Pair] = [
        ("rtpstart", plan.rtp_first_port),
        ("rtpend", plan.rtp_last_port),
        # A stream is believed only from where it began: nobody else can talk into a call or take its audio over.
        ("strictrtp", True),
        ("icesupport", False),
    ]
    return file_text(section("general", pairs))


def _musiconhold_conf(plan: AsteriskPlan) -> str:
    return file_text(section("default", [("mode", "files"), ("directory", plan.data / "moh"), ("sort", "alpha")]))


def _indications_conf() -> str:
    """Chinese ringing, busy and congestion tones (ITU-T E.180, national tones of China)."""
    china: list[Pair] = [
        ("description", "China"),
        ("ringcadence", "1000,4000"),
        ("dial", "450"),
        ("busy", "450/350,0/350"),
        ("ring", "450/1000,0/4000"),
        ("congestion", "450/700,0/700"),
        ("callwaiting", "450/400,0/4000"),
        ("dialrecall", "450"),
        ("record", "950/400,0/10000"),
        ("info", "450/100,0/100,450/100,0/100,450/100,0/100,450/400,0/400"),
    ]
    return file_text(section("general", [("country", "cn")]), section("cn", china))


def _fallback_launcher(plan: AsteriskPlan) -> str:
    """The program behind ``AGI(<fallback_command>,…)``: this package, run by the plan's interpreter.

    In a container this folder may be missing; the interpreter's own PYTHONPATH then has the package.
    """
    package = Path(__file__).resolve().parent.parent
    options = ["--spool", directory(plan.fallback_spool, "fallback_spool"), "--queue", plan.fallback_queue]
    options += ["--wait", str(DEFAULT_WAIT_S)]
    python = carried(plan.fallback_python, "fallback_python")
    path = f'PYTHONPATH={shlex.quote(str(package))}"${{PYTHONPATH:+:$PYTHONPATH}}"'
    command = shlex.join([python, "-sP", "-m", "ami_bridge.fallback_agi", *options])
    return f'#!/bin/sh\n# Written by ivrd from its settings.\n{path} exec {command} "$@"\n'
