"""The administrator's settings: one TOML file, ``IVRD_…`` environment variables over it, secrets from files.

Every wrong setting is told in one sentence with file and line; ``SettingsError`` carries all of them at once.
"""

from __future__ import annotations

from ivr.settings.customers import Callbacks, Customers, Priority
from ivr.settings.hotline import Agent, Line, Queue, Telephone
from ivr.settings.loading import SHIPPED_CONFIG, load
from ivr.settings.outside import AlertChannel, Alerts, FlowWebhook, Mail
from ivr.settings.parts import SettingsError
from ivr.settings.paths import StatePaths
from ivr.settings.reports import ReportRecipient, Reports
from ivr.settings.whole import Settings

DATA_KEY = "data_key"  # the secret that callers' numbers and names are sealed with

__all__ = [
    "DATA_KEY",
    "SHIPPED_CONFIG",
    "Agent",
    "AlertChannel",
    "Alerts",
    "Callbacks",
    "Customers",
    "FlowWebhook",
    "Line",
    "Mail",
    "Priority",
    "Queue",
    "ReportRecipient",
    "Reports",
    "Settings",
    "SettingsError",
    "StatePaths",
    "Telephone",
    "load",
]
