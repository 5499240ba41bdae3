"""What the history of the flows in service says: what was there before, and whether the flow folder was edited since.

Pure. For the shelf and the command line.
"""

from __future__ import annotations

from collections.abc import Sequence

from ivr.store.flow_versions import Service, Step


def version_before(history: Sequence[Service]) -> str | None:
    """What a roll-back goes back to; a second roll-back goes one further, never forth again. None: there was nothing before."""
    served: list[str] = []
    for step in history:
        if step.step is Step.ROLL_BACK and step.version in served:
            del served[served.index(step.version) + 1 :]
        elif not served or served[-1] != step.version:
            served.append(step.version)
    return served[-2] if len(served) > 1 else None


def last_published(history: Sequence[Service]) -> str | None:
    """The version that the flow folder held when it was last published, for all callers or on trial.

    A folder that still holds it was not edited since: what is in service instead was chosen by somebody.
    """
    for step in reversed(history):
        if step.step is Step.PUBLISH:
            return step.version
        if step.step is Step.TRIAL:
            return step.trial
    return None


def versions_served(history: Sequence[Service]) -> list[str]:
    """Every version that was in service for all, the latest first."""
    return list(dict.fromkeys(step.version for step in reversed(history)))
