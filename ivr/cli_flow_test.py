"""``ivrd flow test``: runs the tests that lie beside flows, and says what of the flows they leave untried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from callflows import loader
from callflows.calendar import CalendarError
from callflows.coverage import Coverage, coverage
from callflows.flow import FlowBook
from callflows.flow_test_file import read_cases
from callflows.flow_tests import CaseResult, run
from callflows.loader import FlowError
from ivr.cli_common import ConfigOption, JsonOption, fail, settings_from
from ivr.cli_flow_common import flow_folder, tested_house

app = typer.Typer()


@app.command("test", epilog="Example: ivrd flow test callflows/flows")
def run_cases(
    place: Annotated[Path | None, typer.Argument(metavar="[FOLDER|FILE]", help="Flows with their tests; the hotline's by default.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the flows' tests (NAME.test.yaml), one line for each case; then what no case came to. Exits 1 when a case fails."""
    settings = settings_from(config)
    place = place or flow_folder(settings)
    try:
        book = loader.load(loader.read_folder(place if place.is_dir() else place.parent))
        cases = read_cases(place)
        house = tested_house(settings, book)
    except FlowError as error:
        fail(*(str(problem) for problem in error.problems))
    except CalendarError as error:
        fail(str(error))
    results = [run(case, house) for case in cases]
    covered = _covered(book, results, whole=place.is_dir())
    bad = sum(not result.ok for result in results)
    if as_json:
        typer.echo(json.dumps(_json(results, covered), ensure_ascii=False))
    else:
        for result in results:
            _tell(result)
        for missing in (*covered.nodes.missing, *covered.edges.missing):
            typer.echo(f"not covered: {missing}")
        typer.echo(f"{len(results) - bad} of {len(results)} cases passed; covered: nodes {covered.nodes}, edges {covered.edges}")
    raise typer.Exit(1 if bad else 0)


def _covered(book: FlowBook, results: list[CaseResult], *, whole: bool) -> Coverage:
    flows = set(book.flows) if whole else {result.case.flow for result in results} & set(book.flows)
    return coverage(book, flows, [result.call for result in results if result.call])


def _tell(result: CaseResult) -> None:
    case, call = result.case, result.call
    took = f"  ({call.seconds:.0f} s)" if call else ""
    typer.echo(f"{'ok  ' if result.ok else 'FAIL'}  {case.flow}: {case.name}{took}")
    for fault in result.faults:
        typer.echo(f"      {case.file}:{case.line}: {fault}")


def _json(results: list[CaseResult], covered: Coverage) -> dict[str, Any]:
    return {
        "ok": all(result.ok for result in results),
        "cases": [
            {
                "flow": result.case.flow,
                "name": result.case.name,
                "file": result.case.file,
                "line": result.case.line,
                "ok": result.ok,
                "faults": list(result.faults),
                "seconds": round(result.call.seconds, 1) if result.call else None,
            }
            for result in results
        ],
        "coverage": {"nodes": covered.nodes.as_json(), "edges": covered.edges.as_json()},
    }
