"""A case of a flow's tests as a real caller plays it: the steps of ``flow_tests.as_steps`` become those of ``keys``.

Pure. For the acceptance tests, which hold real calls against simulated ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from callflows import caller_steps as simulated
from ivr.testbed.keys import DIGIT_APART_S, HearOut, Keys, Listen, Press, Reach, Step, Talk

IN_QUEUE_S = 1.5  # from the last node of the flow to Asterisk's queue, and a moment in it


def as_keys(steps: Sequence[simulated.Step], *, instead: Mapping[str, str] | None = None) -> Keys:
    """What the caller does, each at its place and not by the clock. He hangs up where the case says so, else waits for the other side to.

    ``instead`` are keys that are others here, like a PIN. Raises ValueError for a label: ``as_steps`` makes keys of it.
    """
    done: list[Step] = []
    for step, following in zip(steps, [*steps, None][1:], strict=True):
        match step:
            case simulated.HangUp():
                return Keys(tuple(done), hangs_up=True)
            case simulated.Silence() if isinstance(following, simulated.Reach | None):
                pass  # the place that comes after it is waited for
            case simulated.Choose(label=label):
                raise ValueError(f"{label!r} is a label: a caller presses keys")
            case _:
                done += _step(step, instead or {})
    return Keys(tuple(done), hangs_up=False)


def _step(step: simulated.Step, instead: Mapping[str, str]) -> list[Step]:
    match step:
        case simulated.Reach(node=node, visit=visit):
            return [Reach(node, visit=visit or 1)]
        case simulated.Hear() | simulated.Silence():
            # After a question passed in silence the next is heard, or its beginning again: a second wait for the end of what is said.
            return [HearOut()]
        case simulated.Wait(seconds=seconds):
            return [Listen(seconds)]
        case simulated.Talk(seconds=seconds):
            return [Talk(seconds)]
        case simulated.Press(keys=keys, apart_s=apart_s):
            return _pressed(instead.get(keys, keys), apart_s - DIGIT_APART_S)
    return []


def _pressed(keys: str, more_apart_s: float) -> list[Step]:
    done: list[Step] = []
    for key in keys:
        if done and more_apart_s > 0:
            done.append(Listen(more_apart_s))
        done.append(Press(key))
    return done


def leaving_queue(keys: Keys, path: Sequence[str], queue: int, key: str) -> Keys:
    """He presses the exit key a moment after he has come to the queue at ``path[queue]``, and only then goes on."""
    step = (Reach(path[queue], visit=path[: queue + 1].count(path[queue])), Listen(IN_QUEUE_S), Press(key))
    at = next((n for n, other in enumerate(keys.steps) if isinstance(other, Reach) and _place(other, path) > queue), len(keys.steps))
    return Keys((*keys.steps[:at], *step, *keys.steps[at:]), keys.hangs_up)


def until_queued(keys: Keys, path: Sequence[str]) -> Keys:
    """For a call that ends waiting: he hangs up a moment after he has come to the last node of ``path``, a queue."""
    return Keys((*keys.steps, Reach(path[-1], visit=path.count(path[-1])), Listen(IN_QUEUE_S)), hangs_up=True)


def _place(reach: Reach, path: Sequence[str]) -> int:
    """Where in the path this visit is; before it where it isn't."""
    places = [place for place, node in enumerate(path) if node == reach.node]
    visit = reach.visit or 1
    return places[visit - 1] if visit <= len(places) else -1
