"""The testbed's callers know where their calls are: from the database the daemon writes."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from ivr.domain.contacts import Contact, PathStep
from ivr.store import contacts
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.testbed import whereabouts
from ivr.testbed.whereabouts import Whereabouts

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def test_a_running_call_has_come_along_the_nodes_of_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whereabouts, "_FRESH_S", 0.0)
    found = Whereabouts(tmp_path / "ivrd.db")
    assert found.path("a@b") == (), "there is no database yet"
    database = Database(f"sqlite:///{tmp_path / 'ivrd.db'}")
    database.upgrade()
    sealer = Sealer("a secret of this test")
    contact = Contact(id="1.0", started_at=NOW, sip_call_id="a@b")
    save = partial(contacts.save, sealer=sealer, contacts=[contact])
    database.write_now(save)
    assert found.path("a@b") == (), "it has no node yet"
    contact.path += [PathStep("greeting", NOW), PathStep("message.speak", NOW)]
    database.write_now(save)
    assert (found.path("a@b"), found.path("c@d")) == (("greeting", "message.speak"), ())
    contact.ended_at = NOW
    database.write_now(save)
    assert found.path("a@b") == (), "it is over"
    database.close()
