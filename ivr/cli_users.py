"""``ivrd users``: the console's accounts. A Typer application that ``ivr.cli`` hangs in."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.cli_common import ConfigOption, JsonOption, fail, settings_from
from ivr.cli_tables import plain_console
from ivr.console.passwords import NAME, hashed, one_time_password
from ivr.settings import Settings
from ivr.store import users
from ivr.store.database import Database, StoreError
from ivr.store.users import NoSuchUserError, Role, User, UserExistsError

T = TypeVar("T")
FIRST_ADMINISTRATOR = "admin"

app = typer.Typer(help="The console's accounts: one for each person.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, points and dashes.")]


@app.command("add", epilog="Example: ivrd users add li.na --role supervisor")
def add(
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="What the person may see and do.")] = Role.SUPERVISOR,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account and print its one-time password, which must be changed at the first log-in."""
    if not NAME.match(name):
        fail(f"{name!r} can't be an account's name: 2 to 32 small letters, digits, points, dashes, a letter first")
    password = one_time_password()
    password_hash = hashed(password)
    now = datetime.now(UTC)

    def work(session: Session) -> User:
        made = users.add(session, name, role, password_hash, now=now)
        users.audit(session, _operator(), "user-added", name, now)
        return made

    _write(settings_from(config), work)
    _tell(name, password, as_json)


@app.command("passwd", epilog="Example: ivrd users passwd li.na")
def passwd(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Give an account a new one-time password: its locks are lifted, and whoever is logged in with the old one no longer is."""
    password = one_time_password()
    password_hash = hashed(password)

    def work(session: Session) -> None:
        users.set_password(session, name, password_hash, one_time=True)
        users.audit(session, _operator(), "password-reset", name, datetime.now(UTC))

    _write(settings_from(config), work)
    _tell(name, password, as_json)


@app.command("disable", epilog="Example: ivrd users disable li.na")
def disable(name: NameArgument, config: ConfigOption = None) -> None:
    """Close an account: nobody logs in with it, and whoever has is logged out."""
    _set_disabled(settings_from(config), name, True)
    typer.echo(f"{name} is disabled and logged out")


@app.command("enable", epilog="Example: ivrd users enable li.na")
def enable(name: NameArgument, config: ConfigOption = None) -> None:
    """Open a disabled account again."""
    _set_disabled(settings_from(config), name, False)
    typer.echo(f"{name} is enabled")


@app.command("list", epilog="Example: ivrd users list --json")
def list_all(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Everybody who has an account, with role and state."""
    settings = settings_from(config)
    found = _write(settings, users.everybody)
    rows = [
        {
            "name": user.name,
            "role": user.role.value,
            "state": _state(user, datetime.now(UTC)),
            "created_at": user.created_at.astimezone(settings.zone).isoformat(timespec="seconds"),
        }
        for user in found
    ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = Table("name", "role", "state", "since")
    for row in rows:
        table.add_row(row["name"], row["role"], row["state"], row["created_at"][:16].replace("T", " "))
    plain_console().print(table)


def first_administrator(settings: Settings) -> tuple[str, str] | None:
    """At set-up: name and one-time password of the first administrator, made when nobody has an account.

    While he has never changed it he gets a new one each time, or whoever lost the first line of the first start would stand outside.
    None when there is somebody who can log in. Raises StoreError.
    """
    password = one_time_password()
    password_hash = hashed(password)
    now = datetime.now(UTC)

    def work(session: Session) -> bool:
        everybody = users.everybody(session)
        if not everybody:
            users.add(session, FIRST_ADMINISTRATOR, Role.ADMINISTRATOR, password_hash, now=now)
        elif [user.name for user in everybody if user.must_change] == [FIRST_ADMINISTRATOR] and len(everybody) == 1:
            users.set_password(session, FIRST_ADMINISTRATOR, password_hash, one_time=True)
        else:
            return False
        users.audit(session, _operator(), "first-administrator", FIRST_ADMINISTRATOR, now)
        return True

    store = Database(settings.store_url)
    try:
        return (FIRST_ADMINISTRATOR, password) if store.write_now(work) else None
    finally:
        store.close()


def _set_disabled(settings: Settings, name: str, disabled: bool) -> None:
    def work(session: Session) -> None:
        users.set_disabled(session, name, disabled)
        users.audit(session, _operator(), "user-disabled" if disabled else "user-enabled", name, datetime.now(UTC))

    _write(settings, work)


def _state(user: User, now: datetime) -> str:
    if user.disabled:
        return "disabled"
    if user.locked_until and user.locked_until > now:
        return "locked"
    return "one-time password" if user.must_change else "active"


def _write(settings: Settings, work: Callable[[Session], T]) -> T:
    store = Database(settings.store_url)
    try:
        store.upgrade()
        return store.write_now(work)
    except (UserExistsError, NoSuchUserError, StoreError) as error:
        fail(str(error))
    finally:
        store.close()


def _operator() -> str:
    """Who runs the command, for the audit trail."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # a container's user without a name
        return f"cli:{os.getuid()}"


def _tell(name: str, password: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"name": name, "one_time_password": password}))
        return
    typer.echo(f"{name}: one-time password {password}   (to be changed at the first log-in)")
