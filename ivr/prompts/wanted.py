"""Every prompt this installation can play: the flows', the digits and letters, the fallback's and the queues'.

For the command line, the daemon's start and its checks.
"""

from __future__ import annotations

from callflows.loader import SHIPPED_FLOWS, load, read_folder
from callflows.speech import Prompt
from ivr.prompts.fixed import fixed_prompts
from ivr.settings import Settings


def wanted_prompts(settings: Settings) -> list[Prompt]:
    """The hotline's languages for the flows, both for the fixed ones. Raises callflows.loader.FlowError."""
    book = load(read_folder(settings.flows or SHIPPED_FLOWS))
    return [*book.prompts(settings.hotline.languages), *fixed_prompts()]
