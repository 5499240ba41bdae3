"""Why the daemon can't start, in sentences: what is wrong, where, and what to do. For ``ivr.app`` and ``ivrd run``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from callflows.calendar import CalendarError
from ivr.flow_fitness import UnfitFlowsError
from ivr.settings import SettingsError
from ivr.sole_daemon import AnotherDaemonError
from ivr.store.database import StoreError
from ivr.store.sealing import SealBrokenError


class StartError(Exception):
    """The daemon can't start; ``sentences`` say what is wrong and what to do."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


@contextmanager
def in_sentences(store_url: str) -> Iterator[None]:
    """What keeps a part from being made or opened, as a StartError. ``store_url``: the database that is used meanwhile."""
    try:
        yield
    except SettingsError as error:
        raise StartError(error.problems) from error
    except CalendarError as error:
        raise StartError(str(error).splitlines()) from error
    except UnfitFlowsError as error:
        raise StartError(error.sentences) from error
    except (AnotherDaemonError, StoreError, SealBrokenError) as error:
        raise StartError([f"{without_password(store_url)}: {error}"]) from error


@contextmanager
def listening(host: str, port: int, setting: str) -> Iterator[None]:
    """A port that can't be had, as a StartError."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        sentence = f"can't listen on {host}:{port} ({setting}): {why}; stop what uses it, or set another port or PORT_OFFSET"
        raise StartError([sentence]) from error


def without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url
