"""Builds what leaves the house from the settings: CRM, alert channels, the flows' webhooks, with their secrets read from files.

Used by ``ivr.app`` and ``ivrd check``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from ivr import recording_links, standard_webhooks
from ivr.alerts.carrier import AlertCarrier, AlertSink
from ivr.alerts.texts import Wording
from ivr.alerts.webhook import AlertWebhook
from ivr.alerts.wecom import WecomRobot
from ivr.asking_webhooks import Asked, FlowWebhooks
from ivr.crm.carrier import CrmCarrier
from ivr.crm.port import Crm
from ivr.crm.register import BuiltInRegister
from ivr.crm.webhook import WebhookCrm
from ivr.delivery import Carrier
from ivr.outbox import Outbox
from ivr.posting import Poster
from ivr.settings import AlertChannel, Settings, SettingsError
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.webhook import Webhook

log = structlog.get_logger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ALERT_DEADLINE_S = 5.0  # an alert is worth little late, and one that waits holds up the next


def outbox_from(
    settings: Settings, database: Database, sealer: Sealer, poster: Poster, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Outbox:
    """The outbox with a carrier for the CRM and one for each alert channel. Raises SettingsError for files that can't be used.

    ``poster`` is the caller's to close.
    """
    crm, sinks = _receivers(settings, poster, clock)
    carriers: list[Carrier] = [CrmCarrier(database, sealer, crm)]
    carriers += [AlertCarrier(name, sink, settings.alerts.channels[name].a_minute) for name, sink in sinks.items()]
    return Outbox(database, carriers, clock)


def flow_webhooks_from(settings: Settings, poster: Poster, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> FlowWebhooks:
    """The webhooks that call flows ask. Raises SettingsError for secrets that can't be used; ``poster`` is the caller's to close."""
    problems: list[str] = []
    webhooks: dict[str, Asked] = {}
    for name, webhook in settings.webhooks.items():
        _warn_of_plain_http(f"webhooks.{name}.url", webhook.url)
        try:
            webhooks[name] = Asked(webhook, _keys(f"webhooks.{name}.secret_file", webhook.secret_file))
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return FlowWebhooks(poster, webhooks, settings.zone, clock)


def outgoing_faults(settings: Settings) -> list[str]:
    """What is wrong with the files of addresses and secrets, a sentence each, for ``ivrd check``."""
    faults: list[str] = []
    for build in (_receivers, flow_webhooks_from):
        try:
            build(settings, Poster(), lambda: datetime.now(UTC))
        except SettingsError as error:
            faults += error.problems
    return faults


def _receivers(settings: Settings, poster: Poster, clock: Callable[[], datetime]) -> tuple[Crm, dict[str, AlertSink]]:
    problems: list[str] = []
    crm: Crm = BuiltInRegister()
    try:
        crm = _crm(settings, poster, clock)
    except SettingsError as error:
        problems += error.problems
    sinks: dict[str, AlertSink] = {}
    for name, channel in settings.alerts.channels.items():
        try:
            sinks[name] = _sink(settings, f"alerts.channels.{name}", channel, poster, clock)
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return crm, sinks


def _crm(settings: Settings, poster: Poster, clock: Callable[[], datetime]) -> Crm:
    crm = settings.crm
    if crm.kind == "register" or crm.url is None or crm.secret_file is None:  # the last two: settings refuse such a webhook
        return BuiltInRegister()
    _warn_of_plain_http("crm.url", crm.url)
    webhook = Webhook(poster, crm.url, _keys("crm.secret_file", crm.secret_file), clock)
    link_secret = settings.paths.secret(recording_links.SECRET_NAME)
    return WebhookCrm(webhook, settings.recordings_url, link_secret, settings.zone, clock)


def _sink(settings: Settings, where: str, channel: AlertChannel, poster: Poster, clock: Callable[[], datetime]) -> AlertSink:
    url = _read(f"{where}.url_file", channel.url_file)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url.split()) != 1:
        raise SettingsError([f"{where}.url_file: {channel.url_file} holds no http(s) address"])
    _warn_of_plain_http(where, url)
    names = {name: getattr(line.name, channel.language) for name, line in settings.lines.items()}
    wording = Wording(channel.language, settings.zone, names)
    if channel.kind == "wecom" or channel.secret_file is None:
        return WecomRobot(poster, url, wording, clock)
    webhook = Webhook(poster, url, _keys(f"{where}.secret_file", channel.secret_file), clock, deadline_s=ALERT_DEADLINE_S)
    return AlertWebhook(webhook, wording, settings.zone, clock)


def _keys(where: str, file: Path) -> tuple[bytes, ...]:
    try:
        return standard_webhooks.parse_secrets(_read(where, file))
    except standard_webhooks.SecretError as error:
        raise SettingsError([f"{where}: {file}: {error}"]) from error


def _read(where: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError([f"{where}: {file} can't be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{where}: {file} is no UTF-8 text"]) from error


def _warn_of_plain_http(where: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        log.warning("sent without TLS: whoever is on the way can read it; use https", setting=where, host=parts.hostname)
