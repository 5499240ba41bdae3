"""Wrong settings: one sentence each, with file and line, all at once."""

from __future__ import annotations

import fnmatch
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from ivr.settings import SHIPPED_CONFIG, Settings, SettingsError, load
from ivr.settings.parts import Section, Texts

BASE = """\
[lines.hr]
name = { zh = "人力", en = "HR" }
queue = "hr"

[queues.hr]
members = ["101"]

[agents.101]
name = "Li Na"
contact = "sip:101@127.0.0.1:5091"

[agi]
port = 4573
"""


def problems(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    file = tmp_path / "ivrd.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load(file, environment or {})
    return [problem.removeprefix(str(tmp_path) + "/") for problem in raised.value.problems]


def test_the_shipped_file_is_the_defaults() -> None:
    """The sample is the manual: what it says is what holds without it."""
    shipped = load(SHIPPED_CONFIG, {})
    bare = Settings()
    assert shipped.model_copy(update={"lines": {}, "queues": {}}) == bare


def leaves(model: type[BaseModel], place: str = "") -> Iterator[str]:
    """Each setting as a pattern of its name in the manual: ``agents.*.contact``."""
    for name, field in model.model_fields.items():
        kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type) and issubclass(kind, Section)]
        below = f"{place}{name}.*." if get_args(field.annotation) else f"{place}{name}."
        if kinds and not issubclass(kinds[0], Texts):
            yield from leaves(kinds[0], below)
        else:
            yield place + name


def test_the_manual_names_each_setting_and_no_other() -> None:
    table, named = "", set()
    for line in SHIPPED_CONFIG.read_text(encoding="utf-8").splitlines():
        text = line.removeprefix("# ")
        if header := re.match(r"\[([a-z0-9_.-]+)\]", text):
            table = f"{header[1]}."
        elif key := re.match(r"([a-z_]+) = ", text):
            named.add(table + key[1])
    patterns = list(leaves(Settings))
    assert [pattern for pattern in patterns if not fnmatch.filter(named, pattern)] == []
    assert [name for name in named if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)] == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("port = 4573", "prot = 4573", "ivrd.toml:13: agi.prot is no setting; did you mean 'port'?"),
        ("port = 4573", "port = 99999", "ivrd.toml:13: agi.port: Input should be less than or equal to 65535 (given: 99999)"),
        ("port = 4573", "port = ", "ivrd.toml: Invalid value (at line 13, column 8)"),
        ('queue = "hr"', 'queue = "HR; x"', "ivrd.toml:3: lines.hr.queue: String should match pattern"),
        ('queue = "hr"', 'queue = "nobody"', "lines.hr.queue names 'nobody', which is no queue; there is hr"),
        ('["101"]', '["102"]', "queues.hr.members names '102', which is no agent; there is 101"),
        ('contact = "sip:101@127.0.0.1:5091"', "", "give either secret_file"),
        ('contact = "sip:101@127.0.0.1:5091"', 'contact = "sip:1;x@h"', "ivrd.toml:10: agents.101.contact"),
        ('name = "Li Na"', 'name = "Li\\nNa"', "ivrd.toml:9: agents.101.name"),
    ],
)
def test_each_fault_is_one_sentence_with_its_place(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in BASE
    (problem,) = problems(tmp_path, BASE.replace(old, new))
    assert sentence in problem


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, BASE.replace("4573", "0").replace('queue = "hr"', "queue = 1"))) == 2


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", ""])
def test_an_unknown_zone_is_told(tmp_path: Path, zone: str) -> None:
    (problem,) = problems(tmp_path, f'[hotline]\ntime_zone = "{zone}"')
    assert "time zone database" in problem


def test_a_database_of_another_kind_is_told(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, '[store]\nurl = "mysql://ivrd@db/ivrd"')
    assert problem.startswith("ivrd.toml:1: store: store.url begins with postgresql+psycopg://")


def test_a_missing_and_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't read the settings: No such file"):
        load(tmp_path / "absent.toml", {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        load(tmp_path / "binary.toml", {})


def test_the_environment_lies_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "ivrd.toml"
    file.write_text(BASE)
    environment = {
        "STATE": "/x",
        "PORT_OFFSET": "1000",
        "IVRD_AGI__PORT": "4600",
        "IVRD_HOTLINE__NUMBERS": '["4001234567"]',
        "PATH": "/bin",
    }
    settings = load(file, environment)
    assert (settings.state, settings.shifted(settings.agi.port), settings.hotline.numbers) == (Path("/x"), 5600, ("4001234567",))


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("IVRD_AGI__PORT", "many", "IVRD_AGI__PORT: agi.port: it must be a whole number (given: 'many')"),
        ("PORT_OFFSET", "many", "PORT_OFFSET: port_offset: it must be a whole number"),
        ("IVRD_AGI__PROT", "4600", "IVRD_AGI__PROT: agi.prot is no setting; did you mean 'port'?"),
        (
            "IVRD_AGI_PORT",
            "4600",
            "IVRD_AGI_PORT: agi_port is no setting; of a section it has two underscores: IVRD_AGI__PORT",
        ),
        ("IVRD_QUEUES__HR__MEMBERS", "101", "IVRD_QUEUES__HR__MEMBERS: queues.hr.members: it must be a list"),
    ],
)
def test_a_wrong_environment_variable_is_where_the_fault_is(tmp_path: Path, variable: str, value: str, sentence: str) -> None:
    (problem,) = problems(tmp_path, BASE, {variable: value})
    assert problem.startswith(sentence)


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    paths = Settings(state=tmp_path / "state").paths
    assert paths.secret("agi") == paths.secret("agi")
    assert len(paths.secret("agi")) >= 32
    assert stat.S_IMODE((paths.secrets / "agi").stat().st_mode) == 0o600
