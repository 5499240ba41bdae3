"""Builds what leaves the house from the settings: CRM, alert channels, the flows' webhooks, with their secrets read from files.

Used by ``ivr.app`` and ``ivrd check``.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from ivr import recording_links, standard_webhooks
from ivr.alerts.carrier import AlertCarrier, AlertSink
from ivr.alerts.email import EmailAlerts
from ivr.alerts.texts import Wording
from ivr.alerts.webhook import AlertWebhook
from ivr.alerts.wecom import WecomRobot
from ivr.asking_webhooks import Asked, FlowWebhooks
from ivr.crm.carrier import CrmCarrier
from ivr.crm.port import Crm
from ivr.crm.register import BuiltInRegister
from ivr.crm.webhook import WebhookCrm
from ivr.delivery import Carrier
from ivr.mailing import Mailer, MailServer
from ivr.outbox import Outbox
from ivr.posting import Poster
from ivr.reports.carrier import HookReports, MailReports, ReportCarrier, ReportSink, RobotReports
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
    """The outbox with a carrier for the CRM and one for each alert channel and each recipient of reports.

    Raises SettingsError for files that can't be used. ``poster`` is the caller's to close.
    """
    found = _receivers(settings, poster, clock)
    carriers: list[Carrier] = [CrmCarrier(database, sealer, found.crm)]
    carriers += [AlertCarrier(name, sink, settings.alerts.channels[name].a_minute) for name, sink in found.alerts.items()]
    carriers += [ReportCarrier(name, sink) for name, sink in found.reports.items()]
    return Outbox(database, carriers, clock, kept=timedelta(days=settings.delivery.keep_days))


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


@dataclass(frozen=True, slots=True)
class _Receivers:
    crm: Crm
    alerts: dict[str, AlertSink]
    reports: dict[str, ReportSink]


def _receivers(settings: Settings, poster: Poster, clock: Callable[[], datetime]) -> _Receivers:
    problems: list[str] = []
    crm: Crm = BuiltInRegister()
    mailer = None
    try:
        crm = _crm(settings, poster, clock)
    except SettingsError as error:
        problems += error.problems
    try:
        mailer = _mailer(settings)
    except SettingsError as error:
        problems += error.problems
    alerts: dict[str, AlertSink] = {}
    for name, channel in settings.alerts.channels.items():
        try:
            alerts[name] = _sink(settings, f"alerts.channels.{name}", channel, poster, mailer, clock)
        except SettingsError as error:
            problems += error.problems
    reports: dict[str, ReportSink] = {}
    for name in settings.reports.to:
        try:
            reports[name] = _report_sink(settings, name, poster, mailer, clock)
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(list(dict.fromkeys(problems)))  # a robot's file that is wrong is wrong for alerts and reports
    return _Receivers(crm, alerts, reports)


def _crm(settings: Settings, poster: Poster, clock: Callable[[], datetime]) -> Crm:
    crm = settings.crm
    if crm.kind == "register" or crm.url is None or crm.secret_file is None:  # the last two: settings refuse such a webhook
        return BuiltInRegister()
    _warn_of_plain_http("crm.url", crm.url)
    webhook = Webhook(poster, crm.url, _keys("crm.secret_file", crm.secret_file), clock)
    link_secret = settings.paths.secret(recording_links.SECRET_NAME)
    return WebhookCrm(webhook, settings.recordings_url, link_secret, settings.zone, clock)


def _mailer(settings: Settings) -> Mailer | None:
    """None without a mail server."""
    mail = settings.mail
    if mail.host is None:
        return None
    password = _read("mail.password_file", mail.password_file) if mail.password_file else ""
    context = None
    if mail.security != "none":
        try:
            context = ssl.create_default_context(cafile=str(mail.ca_file) if mail.ca_file else None)
        except OSError as error:  # ssl.SSLError is one
            raise SettingsError([f"mail.ca_file: {mail.ca_file} can't be used: {error.strerror or error}"]) from error
    elif mail.host not in LOOPBACK:
        log.warning("sent without TLS: whoever is on the way can read it", setting="mail.security", host=mail.host)
    return Mailer(MailServer(mail.host, mail.port, mail.security, mail.sender, mail.user, password, context))


def _sink(
    settings: Settings, where: str, channel: AlertChannel, poster: Poster, mailer: Mailer | None, clock: Callable[[], datetime]
) -> AlertSink:
    names = {name: getattr(line.name, channel.language) for name, line in settings.lines.items()}
    wording = Wording(channel.language, settings.zone, names)
    if channel.kind == "email":
        if mailer is None:
            raise SettingsError([f"{where}: the mail server can't be used"])
        return EmailAlerts(mailer, channel.to, wording, clock)
    if channel.kind == "wecom":
        return WecomRobot(poster, _url(where, channel), wording, clock)
    return AlertWebhook(_hook(where, channel, poster, clock), wording, settings.zone, clock)


def _report_sink(settings: Settings, name: str, poster: Poster, mailer: Mailer | None, clock: Callable[[], datetime]) -> ReportSink:
    recipient = settings.reports.to[name]
    channel = settings.alerts.channels[recipient.channel] if recipient.channel else None
    if channel is None or channel.kind == "email":
        if mailer is None:
            raise SettingsError([f"reports.to.{name}: the mail server can't be used"])
        return MailReports(mailer, channel.to if channel else recipient.mail, settings.paths.reports, clock)
    where = f"alerts.channels.{recipient.channel}"
    if channel.kind == "wecom":
        return RobotReports(WecomRobot(poster, _url(where, channel), Wording(recipient.language, settings.zone, {}), clock))
    return HookReports(_hook(where, channel, poster, clock), settings.zone)


def _url(where: str, channel: AlertChannel) -> str:
    if channel.url_file is None:  # settings refuse such a channel
        raise SettingsError([f"{where} needs url_file"])
    url = _read(f"{where}.url_file", channel.url_file)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url.split()) != 1:
        raise SettingsError([f"{where}.url_file: {channel.url_file} holds no http(s) address"])
    _warn_of_plain_http(where, url)
    return url


def _hook(where: str, channel: AlertChannel, poster: Poster, clock: Callable[[], datetime]) -> Webhook:
    if channel.secret_file is None:  # settings refuse such a webhook
        raise SettingsError([f"{where} needs secret_file"])
    keys = _keys(f"{where}.secret_file", channel.secret_file)
    return Webhook(poster, _url(where, channel), keys, clock, deadline_s=ALERT_DEADLINE_S)


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
