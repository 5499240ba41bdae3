"""Tables on terminals of any width: whole words or nothing."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ivr.cli_tables import print_fitting

HEADS = ("queue", "offered", "reason", "call")
ROWS = [["complaint", "12", "-", "main-1795324188.0"], ["hr", "3", "-", "-"]]


def shown(width: int) -> str:
    out = io.StringIO()
    print_fitting(Console(file=out, width=width, markup=False), HEADS, ROWS, least=("call", "offered"))
    return out.getvalue()


def test_a_column_that_says_nothing_is_left_out() -> None:
    assert "reason" not in shown(200)
    assert "main-1795324188.0" in shown(200)


@pytest.mark.parametrize(("width", "gone"), [(50, []), (30, ["call"]), (16, ["call", "offered"])])
def test_what_matters_least_gives_way_and_is_named(width: int, gone: list[str]) -> None:
    told = shown(width)
    assert ("not shown" in told) is bool(gone)
    assert "complaint" in told
    assert "…" not in told
    for head in gone:
        assert head in told.partition("not shown")[2]


def test_without_rows_the_heads_stand() -> None:
    out = io.StringIO()
    print_fitting(Console(file=out, width=80), HEADS, [], least=())
    assert all(head in out.getvalue() for head in HEADS)
