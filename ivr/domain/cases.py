"""The states of a complaint and the steps between them (R12-R19): who may do what next, and why not. Pure; used by ``ivr.cases``.

open ── verify ──> verified ── solve ──> solved ── inform ──> informed ── close ──> closed
                    ^ └── inform, when unfounded (R13) ─────────┘ │                    │
                    └─────────── reopen: the customer rejects it (R19) ────────────────┘
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


# The customer hasn't been told a result yet, or not since he rejected the last (R18).
WAITING = (CaseState.OPEN, CaseState.VERIFIED, CaseState.SOLVED)


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
    REOPEN = "reopen"


class StepRefusedError(Exception):
    """The step doesn't fit the case. The message is an English sentence that says what would; ``code`` and ``values`` say the same to
    whoever has words of his own for it."""

    def __init__(self, code: str, sentence: str, **values: object) -> None:
        super().__init__(sentence)
        self.code = code
        self.values = values


@dataclass(frozen=True, slots=True)
class Case:
    """One complaint as far as its handling goes. ``finding`` is None until it is verified.

    ``rejections``: how often the customer has rejected what he was told; ``informed_by`` told him last; ``steps`` were taken so far, the
    last by ``last_by``.
    """

    number: str
    state: CaseState
    finding: Finding | None = None
    rejections: int = 0
    informed_by: str = ""
    steps: int = 0
    last_by: str = ""

    @property
    def waits_for_answer(self) -> bool:
        return self.state in WAITING


@dataclass(frozen=True, slots=True)
class StepTaken:
    """What somebody did: ``actor`` is who, ``note`` what was found, done or said; ``finding`` belongs to a verification alone.

    ``seen``: how many steps the case had when the actor looked at it; None where nobody looked.
    """

    step: Step
    actor: str
    note: str = ""
    finding: Finding | None = None
    seen: int | None = None


_NEEDS_NOTE = {
    Step.VERIFY: "what the department found",
    Step.SOLVE: "what was done",
    Step.INFORM: "what the customer was told, and said to it",
    Step.REOPEN: "what the customer rejects, and why",
}
_AFTER = {
    Step.VERIFY: CaseState.VERIFIED,
    Step.SOLVE: CaseState.SOLVED,
    Step.INFORM: CaseState.INFORMED,
    Step.CLOSE: CaseState.CLOSED,
    Step.REOPEN: CaseState.VERIFIED,
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


def possible_steps(case: Case) -> tuple[Step, ...]:
    """All that may be done now, what the case waits for first.

    A finding can be corrected (ordinary turns out to be serious, R15) until something was done about it.
    """
    expected = next_step(case)
    first = () if expected is None else (expected,)
    if case.state is CaseState.VERIFIED:
        return (*first, Step.VERIFY)
    return (*first, Step.REOPEN) if case.state in (CaseState.INFORMED, CaseState.CLOSED) else first


def take(case: Case, taken: StepTaken) -> Case:
    """The case after this step. Raises StepRefusedError."""
    if taken.seen is not None and taken.seen != case.steps:
        raise StepRefusedError(
            "meanwhile", f"{case.last_by} has taken a step of {case.number} since you looked at it: look at it again", actor=case.last_by
        )
    _check_words(taken)
    if taken.step not in possible_steps(case):
        raise _out_of_order(case, taken.step)
    if (taken.finding is not None) != (taken.step is Step.VERIFY):
        raise StepRefusedError(
            "finding",
            "a verification says what was found: unfounded, ordinary or serious"
            if taken.step is Step.VERIFY
            else f"a finding belongs to verify, not to {taken.step}",
        )
    if taken.step is Step.VERIFY and taken.finding is case.finding:
        raise _out_of_order(case, taken.step)
    if taken.step is Step.INFORM and case.rejections and taken.actor.strip().casefold() == case.informed_by.casefold():
        raise StepRefusedError(
            "another_agent",
            f"the customer rejected what {case.informed_by} told him: somebody else is to talk to him now (R19)",
            actor=case.informed_by,
        )
    return replace(
        case,
        state=_AFTER[taken.step],
        finding=taken.finding or case.finding,
        rejections=case.rejections + (taken.step is Step.REOPEN),
        informed_by=taken.actor.strip() if taken.step is Step.INFORM else case.informed_by,
        steps=case.steps + 1,
        last_by=taken.actor.strip(),
    )


def _check_words(taken: StepTaken) -> None:
    if not taken.actor.strip():
        raise StepRefusedError("actor", "say who takes this step")
    if len(taken.actor) > LONGEST_ACTOR or not taken.actor.isprintable():
        raise StepRefusedError("actor", f"the name of who takes the step has at most {LONGEST_ACTOR} printable characters")
    if taken.step in _NEEDS_NOTE and not taken.note.strip():
        raise StepRefusedError("note", f"{taken.step} needs a note: {_NEEDS_NOTE[taken.step]}", step=taken.step)
    if len(taken.note) > LONGEST_NOTE:
        raise StepRefusedError(
            "note_long",
            f"the note has {len(taken.note)} characters, at most {LONGEST_NOTE} are kept",
            length=len(taken.note),
            most=LONGEST_NOTE,
        )
    if any(not c.isprintable() and c not in "\n\t" for c in taken.note):
        raise StepRefusedError("note_control", "the note holds control characters")


def _out_of_order(case: Case, step: Step) -> StepRefusedError:
    expected = next_step(case)
    finding = f" as {case.finding}" if case.state is CaseState.VERIFIED else ""
    if expected is None:
        sentence = f"{case.number} is closed: nothing more is done about it, unless the customer rejects it (reopen)"
        return StepRefusedError("closed", sentence)
    sentence = f"{case.number} is {case.state}{finding}, so {_CANT[step]} now: the next step is {expected}"
    return StepRefusedError("order", sentence, state=case.state, step=step, expected=expected)


_CANT = {
    Step.VERIFY: "it can't be verified",
    Step.SOLVE: "it can't be solved",
    Step.INFORM: "the customer can't be told a result",
    Step.CLOSE: "it can't be closed",
    Step.REOPEN: "it can't be reopened",
}
