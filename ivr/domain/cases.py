"""The states of a complaint and the steps between them (R12-R17): who may do what next, and why not. Pure; used by ``ivr.cases``.

open ── verify ──> verified ── solve ──> solved ── inform ──> informed ── close ──> closed
                      └── inform, when unfounded (R13) ──────────┘
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

LONGEST_ACTOR, LONGEST_NOTE = 64, 2000


class CaseState(StrEnum):
    OPEN = "open"
    VERIFIED = "verified"
    SOLVED = "solved"
    INFORMED = "informed"
    CLOSED = "closed"


class Finding(StrEnum):
    """What verification found: unfounded (R13), ordinary (R14), serious, or not solvable at once (R15)."""

    UNFOUNDED = "unfounded"
    ORDINARY = "ordinary"
    SERIOUS = "serious"


class Step(StrEnum):
    VERIFY = "verify"
    SOLVE = "solve"
    INFORM = "inform"
    CLOSE = "close"


class StepRefusedError(Exception):
    """The step doesn't fit the case. The message is a sentence that says what would."""


@dataclass(frozen=True, slots=True)
class Case:
    """One complaint as far as its handling goes. ``finding`` is None until it is verified."""

    number: str
    state: CaseState
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class StepTaken:
    """What somebody did: ``actor`` is who, ``note`` what was found, done or said; ``finding`` belongs to a verification alone."""

    step: Step
    actor: str
    note: str = ""
    finding: Finding | None = None


_NEEDS_NOTE = {
    Step.VERIFY: "what the department found",
    Step.SOLVE: "what was done",
    Step.INFORM: "what the customer was told, and said to it",
}


def next_step(case: Case) -> Step | None:
    """What the case waits for; None when it is closed."""
    if case.state is CaseState.VERIFIED and case.finding is Finding.UNFOUNDED:
        return Step.INFORM
    return {
        CaseState.OPEN: Step.VERIFY,
        CaseState.VERIFIED: Step.SOLVE,
        CaseState.SOLVED: Step.INFORM,
        CaseState.INFORMED: Step.CLOSE,
        CaseState.CLOSED: None,
    }[case.state]


def take(case: Case, taken: StepTaken) -> Case:
    """The case after this step. Raises StepRefusedError."""
    _check_words(taken)
    expected = next_step(case)
    # A finding can be corrected (ordinary turns out to be serious, R15) until something was done about it.
    corrects = taken.step is Step.VERIFY and case.state is CaseState.VERIFIED and taken.finding is not case.finding
    if taken.step is not expected and not corrects:
        raise StepRefusedError(_why_not(case, taken.step, expected))
    if (taken.finding is not None) != (taken.step is Step.VERIFY):
        raise StepRefusedError(
            "a verification says what was found: unfounded, ordinary or serious"
            if taken.step is Step.VERIFY
            else f"a finding belongs to verify, not to {taken.step}"
        )
    after = {
        Step.VERIFY: CaseState.VERIFIED,
        Step.SOLVE: CaseState.SOLVED,
        Step.INFORM: CaseState.INFORMED,
        Step.CLOSE: CaseState.CLOSED,
    }[taken.step]
    return replace(case, state=after, finding=taken.finding or case.finding)


def _check_words(taken: StepTaken) -> None:
    if not taken.actor.strip():
        raise StepRefusedError("say who takes this step")
    if len(taken.actor) > LONGEST_ACTOR or not taken.actor.isprintable():
        raise StepRefusedError(f"the name of who takes the step has at most {LONGEST_ACTOR} printable characters")
    if taken.step in _NEEDS_NOTE and not taken.note.strip():
        raise StepRefusedError(f"{taken.step} needs a note: {_NEEDS_NOTE[taken.step]}")
    if len(taken.note) > LONGEST_NOTE:
        raise StepRefusedError(f"the note has {len(taken.note)} characters, at most {LONGEST_NOTE} are kept")
    if any(not c.isprintable() and c not in "\n\t" for c in taken.note):
        raise StepRefusedError("the note holds control characters")


def _why_not(case: Case, step: Step, expected: Step | None) -> str:
    if expected is None:
        return f"{case.number} is closed: nothing more is done about it"
    finding = f" as {case.finding}" if case.state is CaseState.VERIFIED else ""
    return f"{case.number} is {case.state}{finding}, so {_CANT[step]} now: the next step is {expected}"


_CANT = {
    Step.VERIFY: "it can't be verified",
    Step.SOLVE: "it can't be solved",
    Step.INFORM: "the customer can't be told a result",
    Step.CLOSE: "it can't be closed",
}
