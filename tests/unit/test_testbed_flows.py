"""What ``make run`` does with a flow folder that can't be read: the daemon decides, where it has something else to serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from callflows.loader import FlowError
from ivr.prompts.fixed import fixed_prompts
from ivr.settings import load
from ivr.testbed.system import prompts_to_have


def test_a_folder_that_can_not_be_read_stops_only_the_first_run(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "hotline.yaml").write_text("flow: [")
    settings = load(environment={"STATE": str(tmp_path), "IVRD_FLOWS": str(flows)})
    with pytest.raises(FlowError):
        prompts_to_have(settings)
    (tmp_path / "ivrd.db").touch()
    said: list[str] = []
    assert prompts_to_have(settings, said.append) == fixed_prompts()
    assert [sentence.startswith(f"the edited flows stay out of service: {flows}/hotline.yaml:") for sentence in said] == [True]
