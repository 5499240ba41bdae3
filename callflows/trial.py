"""A new version of the flows on trial: who gets it, how it does beside the one in service, and when it is worse beyond doubt.

Pure. The daemon asks ``takes_part`` for each call and has ``judge`` look again and again; the command line shows what it found.

**The test.** Callers are split by a hash, so each of them falls to the trial with the known probability ``share``, whatever hour or mood
he calls in. Look only at callers who were *lost*. If the trial loses callers no oftener than the version in service, a lost caller is
one of the trial's with a probability of at most ``share``, at every moment and however the loss rate moves with the time of day: that is
the null hypothesis, one-sided and exact, with nothing approximated for small numbers. (Vaccine trials are judged this way: by the split
of the cases.) If the trial loses r times as many, that probability is q(r) = share·r / (share·r + 1 − share).

The likelihood ratio of q(r) against ``share``, multiplied up over the lost callers and averaged over several r (a mixture SPRT: Robbins
1970; Johari, Pekelis and Walsh 2017 call its inverse an *always valid p-value*), is under the null hypothesis a non-negative
supermartingale that begins at 1. By Ville's inequality it **ever** exceeds 1/α with probability at most α. So one may look after every
call, for as long as one likes, and roll back at the first crossing: the chance that a version which is no worse is ever rolled back stays
below α = 1 − confidence. The price is patience: about twice the calls that one look at a fixed number would take.

A caller counts once, by his first call: who was lost tries again, and his next calls tell nothing new.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

CONFIDENCE = 0.95
# How many times as many callers a worse version may lose: small harm takes long to show, great harm is seen at once.
RISK_RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_Z95 = 1.959964  # two-sided 95 %


@dataclass(frozen=True, slots=True)
class TrialCall:
    """One ended call of the trial's time. ``caller`` is the same for all calls of one person, and never a number in clear.

    ``lost``: he left with neither a person, nor a promise to be called back, nor a message, nor what he came for; or the flow failed.
    """

    caller: str
    version: str
    lost: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one version: callers by their first call, those of them lost, and further calls of the same people."""

    version: str
    calls: int
    lost: int
    repeats: int

    @property
    def loss_rate(self) -> float | None:
        return self.lost / self.calls if self.calls else None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the loss rate."""
        return wilson(self.lost, self.calls)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``p_value``: always valid; the trial is ``worse`` when it is at most 1 − ``confidence``."""

    in_service: Figures
    trial: Figures
    share: float
    p_value: float
    confidence: float

    @property
    def worse(self) -> bool:
        return self.p_value <= 1 - self.confidence

    def as_json(self) -> dict[str, Any]:
        return {
            "in_service": _figures_as_json(self.in_service),
            "trial": _figures_as_json(self.trial),
            "share": self.share,
            "p_value": self.p_value,
            "confidence": self.confidence,
            "worse": self.worse,
        }


def takes_part(caller: str, trial: str, share: float) -> bool:
    """Whether this caller gets the version on trial: the same caller always does; another trial draws anew.

    A greater share of the same trial keeps those who were in it.
    """
    digest = hashlib.sha256(f"{trial}\0{caller}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def judge(calls: Iterable[TrialCall], in_service: str, trial: str, share: float, confidence: float = CONFIDENCE) -> Verdict:
    """Both versions beside each other. ``calls`` in the order they ended; those of other versions don't count.

    Raises ValueError for a ``share`` that isn't between 0 and 1, both exclusive.
    """
    counts = {in_service: [0, 0, 0], trial: [0, 0, 0]}
    seen: set[str] = set()
    lost_in_trial: list[bool] = []
    for call in calls:
        count = counts.get(call.version)
        if count is None:
            continue
        if call.caller in seen:
            count[2] += 1
            continue
        seen.add(call.caller)
        count[0] += 1
        if call.lost:
            count[1] += 1
            lost_in_trial.append(call.version == trial)
    return Verdict(
        Figures(in_service, *counts[in_service]),
        Figures(trial, *counts[trial]),
        share,
        always_valid_p(lost_in_trial, share),
        confidence,
    )


def always_valid_p(lost_in_trial: Sequence[bool], share: float) -> float:
    """The always-valid p-value of "the trial loses no more than its share"; lost callers in order, True for the trial's.

    It never rises again: evidence once seen counts. Raises ValueError for a ``share`` that isn't between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"a trial's share lies between 0 and 1, and is not {share:g}")
    shares = [share * ratio / (share * ratio + 1 - share) for ratio in RISK_RATIOS]
    gains = [(math.log(q / share), math.log((1 - q) / (1 - share))) for q in shares]
    logs = [0.0] * len(gains)
    highest = 0.0  # log of the mixture's highest value so far
    for in_trial in lost_in_trial:
        logs = [at + (gain[0] if in_trial else gain[1]) for at, gain in zip(logs, gains, strict=True)]
        peak = max(logs)
        mean = peak + math.log(sum(math.exp(at - peak) for at in logs) / len(logs))
        highest = max(highest, mean)
    return math.exp(-highest)


def wilson(lost: int, calls: int) -> tuple[float, float] | None:
    """The 95 % score interval of a rate; None without calls."""
    if calls <= 0:
        return None
    rate, z2 = lost / calls, _Z95 * _Z95
    middle = (rate + z2 / (2 * calls)) / (1 + z2 / calls)
    half = _Z95 / (1 + z2 / calls) * math.sqrt(rate * (1 - rate) / calls + z2 / (4 * calls * calls))
    return max(0.0, middle - half), min(1.0, middle + half)


def _figures_as_json(figures: Figures) -> dict[str, Any]:
    low, high = figures.bounds or (None, None)
    return {
        "version": figures.version,
        "calls": figures.calls,
        "lost": figures.lost,
        "repeats": figures.repeats,
        "loss_rate": figures.loss_rate,
        "loss_rate_low": low,
        "loss_rate_high": high,
    }
