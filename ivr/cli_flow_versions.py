"""``ivrd flow publish|versions|diff|rollback|trial``: versions of the call flows. A Typer application that ``ivr.cli_flow`` hangs in.

It writes to the database; a running daemon takes up what it finds there within 2 s, between two calls. Steps stand in the audit under
the name of the operating system's user.
"""

from __future__ import annotations

import difflib
import getpass
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from sqlalchemy.orm import Session

from callflows.calendar import CalendarError
from callflows.flow import FlowBook, version_of
from callflows.flow_diff import changes
from callflows.speech import Prompt
from callflows.trial import Figures, Verdict
from ivr import flow_service
from ivr.cli_common import ConfigOption, JsonOption, LimitOption, fail, print_json, settings_from
from ivr.cli_store import opened_store, read_store
from ivr.cli_tables import plain_console
from ivr.flow_fitness import Fitness, UnfitFlowsError
from ivr.flow_history import version_before
from ivr.flow_service import StepRefusedError
from ivr.flow_trial import sentence_of, verdict_of
from ivr.prompts.errors import PromptsError
from ivr.prompts.fixed import fixed_prompts
from ivr.prompts.library import PromptLibrary
from ivr.settings import Settings
from ivr.store import flow_versions as store
from ivr.store.database import Database
from ivr.store.flow_versions import OvertakenError, Service

app = typer.Typer(help="Versions of the call flows.", no_args_is_help=True)
trial_app = typer.Typer(help="A version that a share of the callers gets: how it does, and how it ends.")
app.add_typer(trial_app, name="trial")

NoteOption = Annotated[str, typer.Option("--note", help="Why, for those who read the history.")]
FOLDER, SERVICE, TRIAL, BEFORE = "folder", "service", "trial", "before"
NAMES = f"{FOLDER}, {SERVICE}, {TRIAL} or {BEFORE}"


@app.command(epilog="Example: ivrd flow publish --note 'partners on key 5' --share 0.1")
def publish(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    note: NoteOption = "",
    share: Annotated[float | None, typer.Option(min=0.001, max=0.999, help="On trial, for this share of the callers.")] = None,
) -> None:
    """Check the flow folder, make its prompts, and put it in service; running calls keep the version they began with."""
    settings = settings_from(config)
    fitness = _fitness(settings)
    try:
        sources = fitness.sources_in_folder()
        book = fitness.book(sources, at=fitness.folder)
    except UnfitFlowsError as error:
        fail(*error.sentences, "nothing was published")
    with opened_store(settings) as (database, _):
        _make_prompts(settings, fitness, book)
        step = partial(flow_service.publish, version=book.version, sources=sources, by=_user(), note=note, now=datetime.now(UTC))
        trying = partial(
            flow_service.begin_trial,
            version=book.version,
            sources=sources,
            share=share or 0.0,
            by=_user(),
            note=note,
            now=datetime.now(UTC),
        )
        service = _take(database, step if share is None else trying)
    _tell(service, as_json)


@app.command(epilog="Example: ivrd flow versions --limit 10")
def versions(config: ConfigOption = None, as_json: JsonOption = False, limit: LimitOption = 20) -> None:
    """Every published version, which of them callers get, and the steps that led there."""
    settings = settings_from(config)
    listed, history = read_store(settings, lambda session, _: (store.listed(session), store.history(session)))
    newest = history[-1] if history else None
    rows = [
        {
            "version": version.id,
            "state": _state(version.id, newest),
            "published_at": version.published_at.astimezone(settings.zone).isoformat(),
            "published_by": version.published_by,
            "note": version.note,
        }
        for version in listed[:limit]
    ]
    steps = [_service_as_json(step, settings) for step in reversed(history[-limit:])]
    if as_json:
        print_json({"service": steps[0] if steps else None, "versions": rows, "steps": steps})
        return
    table = Table(Column("version", no_wrap=True), "state", "published", "by", "note")
    for row in rows:
        table.add_row(
            row["version"], row["state"] or "-", row["published_at"][:19].replace("T", " "), row["published_by"], row["note"] or "-"
        )
    told = Table("at", "step", "by", Column("version", no_wrap=True), "trial", "why")
    for step in steps:
        trial = f"{step['trial']} for {step['share']:.1%}" if step["trial"] else "-"
        told.add_row(str(step["at"])[:19].replace("T", " "), step["step"], step["by"], step["version"], trial, step["reason"])
    console = plain_console()
    console.print(table)
    console.print(told)


@app.command(epilog="Example: ivrd flow diff service folder")
def diff(
    old: Annotated[str, typer.Argument(metavar="A", help=f"A version, or the beginning of its name; or {NAMES}.")] = SERVICE,
    new: Annotated[str, typer.Argument(metavar="B", help="Likewise; the flow folder by default.")] = FOLDER,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    text: Annotated[bool, typer.Option("--text", help="The files line by line instead.")] = False,
) -> None:
    """What callers would notice: nodes, words, exits and settings that differ."""
    settings = settings_from(config)
    fitness = _fitness(settings)

    def both(session: Session) -> list[tuple[str, Mapping[str, str]]]:
        return [_sources(session, fitness, name) for name in (old, new)]

    (old_name, old_sources), (new_name, new_sources) = read_store(settings, lambda session, _: both(session))
    if text:
        typer.echo("\n".join(_lines(old_name, old_sources, new_name, new_sources)) or "no difference")
        return
    books = []
    for name, sources in ((old_name, old_sources), (new_name, new_sources)):
        try:
            books.append(fitness.parsed(sources))
        except UnfitFlowsError as error:
            fail(f"{name} can't be read as flows; `ivrd flow diff --text` compares the files", *error.sentences)
    found = changes(books[0], books[1])
    if as_json:
        print_json({"old": old_name, "new": new_name, "changes": [change.as_json() for change in found]})
        return
    for change in found:
        typer.echo(str(change))
    if not found:
        typer.echo("no caller would notice a difference")


@app.command(epilog="Example: ivrd flow rollback --note 'callers got lost in the course menu'")
def rollback(
    version: Annotated[str, typer.Argument(help="Where to; by default what was in service before.")] = BEFORE,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    note: NoteOption = "",
) -> None:
    """Put an earlier version in service again; a trial ends with it."""
    settings = settings_from(config)
    fitness = _fitness(settings)
    with opened_store(settings) as (database, _):
        name, sources = database.read_now(lambda session: _sources(session, fitness, version))
        try:
            book = fitness.book(sources)
        except UnfitFlowsError as error:
            fail(f"version {name} is not fit for today's settings", *error.sentences)
        _make_prompts(settings, fitness, book)
        service = _take(database, partial(flow_service.roll_back, to=name, by=_user(), reason=note, now=datetime.now(UTC)))
    _tell(service, as_json)


@trial_app.callback(invoke_without_command=True, epilog="Example: ivrd flow trial --json")
def trial(context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """How the version on trial does beside the one in service."""
    if context.invoked_subcommand is not None:
        return
    settings = settings_from(config)
    newest = read_store(settings, lambda session, _: store.newest(session))
    if newest is None or newest.trial is None:
        fail("no version is on trial; `ivrd flow publish --share 0.1` begins one")
    verdict = read_store(settings, lambda session, _: verdict_of(session, newest))
    if as_json:
        print_json({"since": newest.at.astimezone(settings.zone).isoformat(), **verdict.as_json()})
        return
    _show(verdict, newest.at.astimezone(settings.zone))


@trial_app.command(epilog="Example: ivrd flow trial stop")
def stop(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """End the trial: everybody new gets the version in service."""
    with opened_store(settings_from(config)) as (database, _):
        service = _take(database, partial(flow_service.stop_trial, by=_user(), now=datetime.now(UTC)))
    _tell(service, as_json)


@trial_app.command(epilog="Example: ivrd flow trial promote")
def promote(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """End the trial: everybody new gets the version that was on it."""
    with opened_store(settings_from(config)) as (database, _):
        service = _take(database, partial(flow_service.promote, by=_user(), now=datetime.now(UTC)))
    _tell(service, as_json)


def _fitness(settings: Settings) -> Fitness:
    try:
        return Fitness.of(settings)
    except CalendarError as error:
        fail(*str(error).splitlines())


def _user() -> str:
    return getpass.getuser()[:64]


def _take(database: Database, step: partial[Service]) -> Service:
    try:
        return database.write_now(step)
    except (StepRefusedError, OvertakenError) as refused:
        fail(str(refused))


def _make_prompts(settings: Settings, fitness: Fitness, book: FlowBook) -> None:
    """Before anybody hears them: a version without its prompts would be silent."""
    if not fitness.missing_prompts(book):
        return

    def progress(done: int, total: int, prompt: Prompt) -> None:
        if done == total or done % 50 == 0:
            print(f"rendered {done} of {total}: {prompt.language} {prompt.name}", file=sys.stderr)

    try:
        report = PromptLibrary(settings.paths.prompts).build([*book.prompts(fitness.languages), *fixed_prompts()], progress=progress)
    except PromptsError as error:
        fail(str(error), "nothing was published")
    for problem in report.problems:
        typer.echo(f"ivrd: {problem.message}", err=True)
    if missing := fitness.missing_prompts(book):
        fail(f"{len(missing)} prompts could not be made, first: {missing[0].name} ({missing[0].language}); nothing was published")


def _sources(session: Session, fitness: Fitness, name: str) -> tuple[str, Mapping[str, str]]:
    """The full name and the files of what somebody names."""
    if name == FOLDER:
        try:
            sources = fitness.sources_in_folder()
        except UnfitFlowsError as error:
            fail(*error.sentences)
        return f"{version_of(sources)} (the folder)", sources
    history = store.history(session)
    newest = history[-1] if history else None
    if newest is None:
        fail("nothing was published yet; `ivrd flow publish` publishes the flow folder")
    named = {SERVICE: newest.version, TRIAL: newest.trial, BEFORE: version_before(history)}
    if name in named:
        version = named[name]
        if version is None:
            fail("no version is on trial" if name == TRIAL else f"nothing was in service before version {newest.version}")
    else:
        version = _full_name(store.listed(session), name)
    found = store.load(session, version)
    if found is None:
        fail(f"version {version} is not in the database")
    return found.id, found.sources


def _full_name(listed: Sequence[store.FlowVersion], name: str) -> str:
    fitting = [version.id for version in listed if version.id.startswith(name)]
    if not fitting:
        fail(f"there is no version {name!r}; look at `ivrd flow versions`, or say {NAMES}")
    if len(fitting) > 1:
        fail(f"{name!r} is the beginning of {len(fitting)} versions: {', '.join(fitting[:5])}")
    return fitting[0]


def _lines(old_name: str, old: Mapping[str, str], new_name: str, new: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    for file in sorted({*old, *new}):
        before, after = old.get(file, "").splitlines(), new.get(file, "").splitlines()
        found += difflib.unified_diff(before, after, f"{file} {old_name}", f"{file} {new_name}", lineterm="")
    return found


def _state(version: str, newest: Service | None) -> str:
    if newest and version == newest.version:
        return "in service"
    if newest and version == newest.trial:
        return f"on trial for {newest.share:.1%}"
    return ""


def _service_as_json(service: Service, settings: Settings) -> dict[str, Any]:
    return {
        "at": service.at.astimezone(settings.zone).isoformat(),
        "step": service.step.value,
        "by": service.actor,
        "version": service.version,
        "trial": service.trial,
        "share": service.share,
        "reason": service.reason,
    }


def _tell(service: Service, as_json: bool) -> None:
    if as_json:
        print_json({"step": service.step.value, "version": service.version, "trial": service.trial, "share": service.share})
        return
    trial = f", {service.trial} on trial for {service.share:.1%} of the callers" if service.trial else ""
    typer.echo(f"in service: {service.version}{trial}; a running daemon takes it up within 2 s")


def _show(verdict: Verdict, since: datetime) -> None:
    table = Table(Column("version", no_wrap=True), "", "callers", "lost", "loss rate", "95 % bounds", "further calls")
    for figures, role in ((verdict.in_service, "in service"), (verdict.trial, f"on trial for {verdict.share:.1%}")):
        table.add_row(figures.version, role, str(figures.calls), str(figures.lost), *_rates(figures), str(figures.repeats))
    plain_console().print(table)
    typer.echo(
        f"since {since:%Y-%m-%d %H:%M}; p {verdict.p_value:.2g} (always valid): rolled back by itself at {1 - verdict.confidence:.2g}"
    )
    if verdict.worse:
        typer.echo(sentence_of(verdict))


def _rates(figures: Figures) -> tuple[str, str]:
    if figures.loss_rate is None or figures.bounds is None:
        return "-", "-"
    low, high = figures.bounds
    return f"{figures.loss_rate:.1%}", f"{low:.1%} to {high:.1%}"
