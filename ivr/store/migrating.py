"""Brings a database's schema to this version: the only user of Alembic, beside the migrations themselves."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine


def migrate(engine: Engine, migrations: Path) -> None:
    """Run what isn't in the database yet of the migrations in this folder. Raises SQLAlchemyError."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["engine"] = engine
    command.upgrade(config, "head")
