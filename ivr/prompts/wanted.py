"""Every prompt this installation can play: the flows', the digits and letters, the fallback's and the queues'.

For the command line, the daemon's start and its checks.
"""

from __future__ import annotations

import contextlib

from callflows.loader import SHIPPED_FLOWS, FlowError, load, read_folder
from callflows.speech import Prompt
from ivr.prompts.fixed import fixed_prompts
from ivr.settings import Settings
from ivr.store import flow_versions
from ivr.store.database import Database


def wanted_prompts(settings: Settings) -> list[Prompt]:
    """The hotline's languages for the flows, both for the fixed ones. Raises callflows.loader.FlowError."""
    book = load(read_folder(settings.flows or SHIPPED_FLOWS))
    return [*book.prompts(settings.hotline.languages), *fixed_prompts()]


def prompts_in_use(settings: Settings) -> list[Prompt]:
    """Those of published flows that callers hear now, whatever the flow folder says: never to be removed. Raises StoreError.

    A version that can't be read any more has none: no call can go on with it either.
    """
    if settings.store.url is None and not settings.paths.database.exists():
        return []
    database = Database(settings.store_url)
    try:
        versions = database.read_now(flow_versions.in_use)
    finally:
        database.close()
    found: list[Prompt] = []
    for version in versions:
        with contextlib.suppress(FlowError):
            found += load(version.sources).prompts(settings.hotline.languages)
    return found
