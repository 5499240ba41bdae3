"""From the administrator's settings to the plan Asterisk's configuration is written from.

For whoever writes it: ``ivrd asterisk config``, ``ivrd check`` and the testbed.
"""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ami_bridge.outbound_numbers import dial_patterns
from ami_bridge.plan import AsteriskPlan, Destination, OutboundPlan, Phone, QueuePlan
from callbacks.numbers import AllowList
from ivr.domain.numbers import normalise, spoken
from ivr.settings import Agent, Settings, SettingsError, Telephone

# Names of the secrets in STATE/secrets/ that Asterisk and the daemon share.
AMI_SECRET = "ami"  # noqa: S105 - a file name
AGI_SECRET = "agi"  # noqa: S105 - a file name
_ON_THIS_MACHINE = re.compile(r"(?:^|@)(?P<host>127\.0\.0\.1|localhost):(?P<port>[0-9]{1,5})$")


@dataclass(frozen=True, slots=True)
class AsteriskInstallation:
    """Where an Asterisk's own files lie; ``share`` holds its documentation, which res_pjsip can't load without."""

    major_version: int
    modules: Path
    share: Path
    python: Path | None = None  # what runs the fallback script, as Asterisk sees it; None = static fallback only
    run_user: str | None = None


def debian_installation() -> AsteriskInstallation:
    """Asterisk 22 as Debian installs it, on this machine or in a container beside us that has the same interpreter."""
    return AsteriskInstallation(
        major_version=22,
        modules=Path(f"/usr/lib/{platform.machine()}-linux-gnu/asterisk/modules"),
        share=Path("/usr/share/asterisk"),
        python=Path(sys.executable),
    )


def asterisk_plan(settings: Settings, installation: AsteriskInstallation | None = None) -> AsteriskPlan:
    """The plan of these settings, with every port shifted by ``port_offset`` and secrets made where there are none.

    Without an installation it is Debian's.

    Raises SettingsError when a phone's password can't be read, a telephone's number may not be called, or there is no queue at all.
    """
    installation = installation or debian_installation()
    paths = settings.paths
    root = paths.asterisk
    return AsteriskPlan(
        major_version=installation.major_version,
        name=settings.asterisk.name,
        configuration=root / "etc",
        modules=installation.modules,
        data=root / "data",
        state=root / "var",
        recordings=paths.recordings,
        fallback_spool=paths.spool,
        fallback_command=root / "agi" / "fallback" if installation.python else None,
        fallback_python=installation.python,
        bind_address=settings.asterisk.bind_address,
        sip_port=settings.shifted(settings.asterisk.sip_port),
        rtp_first_port=settings.shifted(settings.asterisk.rtp_first_port),
        rtp_last_port=settings.shifted(settings.asterisk.rtp_last_port),
        ami_port=settings.shifted(settings.ami.port),
        ami_user=settings.ami.user,
        ami_secret=paths.secret(AMI_SECRET),
        agi_host=settings.agi.host,
        agi_port=settings.shifted(settings.agi.port),
        agi_token=paths.secret(AGI_SECRET),
        hotline_numbers=settings.hotline.numbers,
        trusted_peers=settings.asterisk.trusted_peers,
        language=settings.hotline.language,
        fallback_queue=last_resort_queue(settings),
        longest_call_s=settings.hotline.longest_call_s,
        queues=tuple(
            QueuePlan(name, members=queue.members, ring_s=queue.ring_s, max_waiting=queue.max_waiting)
            for name, queue in settings.queues.items()
        ),
        phones=tuple(_phone(extension, agent, settings) for extension, agent in settings.agents.items()),
        run_user=installation.run_user,
        nat_address=settings.asterisk.nat_address,
        outbound=_outbound(settings),
        destinations=tuple(_destination(name, phone, settings) for name, phone in settings.phones.items()),
    )


def _destination(name: str, phone: Telephone, settings: Settings) -> Destination:
    if phone.contact is not None:
        return Destination(name, contact=_beside_us(phone.contact, settings))
    if phone.number is None:
        return Destination(name, extension=phone.extension)
    country, callbacks = settings.hotline.country, settings.callbacks
    number = normalise(phone.number, country, settings.hotline.area_code)
    allowed = AllowList(frozenset(callbacks.countries), frozenset(callbacks.number_types))
    if refusal := allowed.refusal(number):
        raise SettingsError([f"phones.{name}.number: {refusal}"])
    return Destination(name, digits=spoken(number, country))


def _outbound(settings: Settings) -> OutboundPlan:
    callbacks = settings.callbacks
    return OutboundPlan(
        address=_beside_us(settings.outbound.address, settings),
        caller_id=settings.outbound.caller_id,
        ring_s=callbacks.ring_s,
        patterns=dial_patterns(callbacks.countries, callbacks.number_types, settings.hotline.country),
    )


def link_data(plan: AsteriskPlan, installation: AsteriskInstallation, prompts: Path) -> None:
    """Put into the plan's data folder what isn't written but made elsewhere: prompts, hold music, documentation.

    Prompts may be rendered before or after. Raises OSError where the disk refuses.
    """
    links = {
        plan.data / "documentation": installation.share / "documentation",
        plan.data / "moh": prompts / "moh",
        plan.data / "sounds" / "zh": prompts / "zh",
        plan.data / "sounds" / "en": prompts / "en",
    }
    for link, target in links.items():
        if link.is_symlink() and link.readlink() == target:
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def last_resort_queue(settings: Settings) -> str:
    """Where a call goes that belongs to no line, or when nothing else works (R5, R63): to the queue of ``hotline.last_resort_line``, and
    if that is no line to the first. Raises SettingsError when there is no queue at all."""
    if not settings.queues:
        raise SettingsError(["there is no [queues.…] in the settings: a hotline needs at least one"])
    line = settings.lines.get(settings.hotline.last_resort_line)
    return line.queue if line else next(iter(settings.queues))


def _phone(extension: str, agent: Agent, settings: Settings) -> Phone:
    if agent.contact is not None:
        return Phone(extension, agent.name, contact=_beside_us(agent.contact, settings))
    path = agent.secret_file
    try:
        secret = path.read_text(encoding="utf-8").strip() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError([f"agents.{extension}.secret_file: can't read {path}: {reason}"]) from error
    if not secret:
        raise SettingsError([f"agents.{extension}.secret_file: {path} is empty; write the phone's password into it"])
    return Phone(extension, agent.name, secret=secret)


def _beside_us(contact: str, settings: Settings) -> str:
    """An address on this machine moves with ``port_offset`` like every port of ours; one elsewhere stays as it is."""
    found = _ON_THIS_MACHINE.search(contact)
    if not found:
        return contact
    return f"{contact[: found.start('host')]}{found['host']}:{settings.shifted(int(found['port']))}"
