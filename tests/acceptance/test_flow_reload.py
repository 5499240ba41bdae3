"""New flows under fifty running calls: nobody is dropped, each ends on the version it began with, and who calls then gets the new one.

Then flows that aren't fit, going back, and a version that only some callers get.
"""

from __future__ import annotations

import json

import pytest
import pytest_asyncio

from acceptance.reload_story import ALL, EACH_WAY, NEW, ON_TRIAL, PARTS, Reload, Unfit, reload
from acceptance.scenes import Scenes
from ivr.domain.contacts import Contact

pytestmark = [pytest.mark.timeout(600), pytest.mark.crowd]
SCENES = (reload,)


@pytest_asyncio.fixture(loop_scope="session")
async def story(scenes: Scenes) -> Reload:
    found: Reload = await scenes.outcome(reload)
    return found


def nodes(contact: Contact) -> tuple[str, ...]:
    return tuple(step.node for step in contact.path)


def test_fifty_calls_were_in_progress(story: Reload) -> None:
    assert (ALL, story.running) == (50, 50)


@pytest.mark.parametrize("name", PARTS)
def test_each_ends_on_the_version_it_began_with(name: str, story: Reload) -> None:
    part = PARTS[name]
    assert len(story.calls[name]) == part.callers
    for result, contact in story.calls[name]:
        assert (contact.flow_version, nodes(contact)[-len(part.ends_with) :]) == (story.first, part.ends_with)
        assert not [node for node in nodes(contact) if node.startswith(NEW)]
        assert (result.ended_by, contact.failure, contact.served_by) == ("caller" if part.keys.hangs_up else "system", None, "flow")
        # He was at his place before the new version was there, and went on after that.
        assert story.published_at is not None
        went_on = nodes(contact).index(part.at) + 1
        assert contact.path[went_on - 1].at < story.published_at < contact.path[went_on].at


def test_the_log_tells_of_the_new_version_and_of_no_fault(story: Reload) -> None:
    lines = [json.loads(line) for line in story.log_of_reload.splitlines() if line.startswith("{")]
    assert [line["version"] for line in lines if line["event"] == "flows in service"] == [story.second]
    assert [line for line in lines if line["level"] in ("error", "critical")] == []


def test_new_calls_get_the_new_version_within_two_seconds(story: Reload) -> None:
    assert [contact.flow_version for contact in story.afterwards] == [story.second] * 3
    assert all(NEW in nodes(contact) for contact in story.afterwards)


def test_the_command_refuses_flows_that_are_not_fit(story: Reload) -> None:
    status, said = story.refused
    assert status == 1
    assert f"hotline.yaml:{story.broken_line}: error: node 'greeting': next leads to 'nowhere'" in said
    assert "nothing was published" in said


@pytest.mark.parametrize(
    ("how", "degraded", "on_page"),
    [
        (
            "unfit",
            "flow version 0000bad, put in service by somebody, is not fit and {second} stays",
            "Call flow version 0000bad, published at",
        ),
        ("edited_badly", "the edited flow folder", "The edited call flows are not fit: the last good version stays in service."),
    ],
)
def test_flows_that_are_not_fit_leave_the_old_ones_in_service(how: str, degraded: str, on_page: str, story: Reload) -> None:
    told: Unfit = getattr(story, how)
    assert (told.call.flow_version, NEW in nodes(told.call)) == (story.second, True)
    assert told.ready["status"] == "ready"
    (sentence,) = [sentence for sentence in told.ready["degraded"] if degraded.format(second=story.second) in sentence]
    for place in (sentence, told.log):
        assert f"hotline.yaml:{story.broken_line}: error: node 'greeting': next leads to 'nowhere'" in place
    assert [trouble for trouble in told.page if on_page in trouble]


def test_all_is_well_again_after_going_back(story: Reload) -> None:
    assert [sentence for sentence in story.settled["degraded"] if "flow" in sentence] == []
    assert (story.rolled_back.flow_version, NEW in nodes(story.rolled_back)) == (story.first, False)


def test_on_trial_some_callers_get_the_other_version_and_the_same_always_the_same(story: Reload) -> None:
    assert sorted(story.in_trial.values()) == [False] * EACH_WAY + [True] * EACH_WAY
    for caller, in_trial in story.in_trial.items():
        version = story.third if in_trial else story.first
        assert [contact.flow_version for contact in story.tried[caller]] == [version] * 2
        assert {ON_TRIAL in nodes(contact) for contact in story.tried[caller]} == {in_trial}


def test_after_the_trial_all_get_the_version_in_service(story: Reload) -> None:
    assert [contact.flow_version for contact in story.after_trial] == [story.first] * 2 * EACH_WAY
