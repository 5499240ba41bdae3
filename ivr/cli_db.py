"""``ivrd db``: the database's schema. A Typer application that ``ivr.cli`` hangs in."""

from __future__ import annotations

import typer

from ivr.cli_common import ConfigOption, fail, settings_from
from ivr.store.database import Database, StoreError

app = typer.Typer(help="The database's schema.", no_args_is_help=True)


@app.command("upgrade", epilog="Example: ivrd db upgrade")
def database_upgrade(config: ConfigOption = None) -> None:
    """Bring the database to this version's schema."""
    settings = settings_from(config)
    store = Database(settings.store_url)
    try:
        changed = store.upgrade()
    except StoreError as error:
        fail(str(error))
    finally:
        store.close()
    typer.echo("the schema was brought up to date" if changed else "the schema is up to date")
