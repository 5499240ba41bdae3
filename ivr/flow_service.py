"""The steps that change which flows callers get: publish, try on some, promote, stop, roll back.

Functions of a session, each one transaction, each refused with a sentence where it makes no sense. Whether flows are fit to be in service
is looked at before, by ``flow_fitness``; a running daemon finds the new row within 2 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from ivr.store import flow_versions as store
from ivr.store.flow_versions import Change, Service, Step


class StepRefusedError(Exception):
    """This step makes no sense now; the message says why, and what to do."""


def publish(session: Session, version: str, sources: Mapping[str, str], *, by: str, note: str, now: datetime) -> Service:
    """Put these flows in service for everybody. Raises StepRefusedError."""
    newest = _settled(store.newest(session))
    if newest and newest.version == version:
        raise StepRefusedError(f"nothing to publish: version {version} is in service, and these flows are just that")
    store.keep(session, version, sources, by=by, note=note, now=now)
    change = Change(Step.PUBLISH, version, note or "published")
    return store.take(session, change, after=newest.id if newest else 0, actor=by, now=now)


def begin_trial(session: Session, version: str, sources: Mapping[str, str], *, share: float, by: str, note: str, now: datetime) -> Service:
    """Give these flows to a ``share`` of callers, between 0 and 1. Raises StepRefusedError."""
    if not 0 < share < 1:
        raise StepRefusedError(f"a trial's share lies between 0 and 1, like 0.1 for every tenth caller; it can't be {share:g}")
    newest = _settled(store.newest(session))
    if newest is None:
        raise StepRefusedError("there is nothing in service that a trial could be compared with; publish without --share first")
    if newest.version == version:
        raise StepRefusedError(f"nothing to try: version {version} is in service, and these flows are just that")
    store.keep(session, version, sources, by=by, note=note, now=now)
    change = Change(Step.TRIAL, newest.version, note or "trial begun", version, share)
    return store.take(session, change, after=newest.id, actor=by, now=now)


def promote(session: Session, *, by: str, now: datetime) -> Service:
    """The version on trial for everybody. Raises StepRefusedError."""
    newest = _on_trial(session)
    change = Change(Step.PROMOTE, newest.trial or "", f"trial of {newest.trial} instead of {newest.version} ended well")
    return store.take(session, change, after=newest.id, actor=by, now=now)


def stop_trial(session: Session, *, by: str, now: datetime) -> Service:
    """Nobody new gets the version on trial. Raises StepRefusedError."""
    newest = _on_trial(session)
    return store.take(session, Change(Step.STOP, newest.version, f"trial of {newest.trial} ended"), after=newest.id, actor=by, now=now)


def roll_back(session: Session, to: str, *, by: str, reason: str, now: datetime) -> Service:
    """Back to a version that was published before; a trial ends with it. Raises StepRefusedError."""
    newest = store.newest(session)
    if newest is None or store.load(session, to) is None:
        raise StepRefusedError(f"there is no version {to}; look at `ivrd flow versions`")
    if newest.version == to:
        raise StepRefusedError(f"version {to} is in service already")
    change = Change(Step.ROLL_BACK, to, reason or f"instead of {newest.version}")
    return store.take(session, change, after=newest.id, actor=by, now=now)


def _settled(newest: Service | None) -> Service | None:
    if newest and newest.trial:
        raise StepRefusedError(
            f"version {newest.trial} is on trial: end that first, with `ivrd flow trial promote` or `ivrd flow trial stop`"
        )
    return newest


def _on_trial(session: Session) -> Service:
    newest = store.newest(session)
    if newest is None or newest.trial is None:
        raise StepRefusedError("no version is on trial; `ivrd flow publish --share 0.1` begins one")
    return newest
