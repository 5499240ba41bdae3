"""What the linter proves holds: a flow that it passes never goes in circles, and helps every caller within the seconds that it says."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from property.test_flows import CALENDARS, FAST, LINES, PHONES, books, ends_well, scripts, surroundings
from property.test_proofs import drawn, explored, holds, holds_in_silence, silent

from callflows import linter, loader
from callflows.caller_steps import Step
from callflows.simulator import simulate
from callflows.surroundings import Surroundings

HOUSE = linter.House(LINES, LINES, CALENDARS, ("zh", "en"), PHONES, {"crm": ("v1",)})
FILES = books(forward=False) | books(forward=True)  # of the tangled ones few are proven


@settings(FAST, max_examples=100)
@given(files=FILES, script=scripts, around=surroundings, data=st.data(), language=st.sampled_from(["zh", "en"]))
def test_what_the_linter_proves_of_a_flow_is_true_whatever_happens(
    files: dict[str, str], script: list[Step], around: Surroundings, data: st.DataObject, language: str
) -> None:
    book = loader.load(files)
    proof = next(proof for proof in linter.proofs(book, HOUSE, "main") if proof.flow == "main")
    assume(proof.proven)
    ends_well(simulate(book, "main", script, around, language=language), script)
    holds(explored(book, "main", language, drawn(data.draw)), proof)
    holds_in_silence(explored(book, "main", language, silent(data.draw)), proof)
