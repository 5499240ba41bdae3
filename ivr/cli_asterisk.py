"""``ivrd asterisk``: the configuration Asterisk needs, from our settings. A Typer application that ``ivr.cli`` hangs in."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from ami_bridge.asterisk_files import write_configuration
from ami_bridge.conf_text import ConfigurationError
from ivr.asterisk_plan import asterisk_plan, debian_installation, link_data
from ivr.cli_common import ConfigOption, fail, settings_from
from ivr.settings import SettingsError

app = typer.Typer(help="What Asterisk is told.", no_args_is_help=True)


@app.command("config", epilog="Example: ivrd asterisk config --to /etc/asterisk")
def write(
    config: ConfigOption = None,
    to: Annotated[Path | None, typer.Option("--to", help="Where to write; STATE/asterisk/etc by default.")] = None,
) -> None:
    """Write the configuration of an Asterisk installed as Debian does, and print the names of the files that changed."""
    settings = settings_from(config)
    installation = debian_installation()
    try:
        plan = asterisk_plan(settings, installation)
        written = write_configuration(dataclasses.replace(plan, configuration=to.resolve()) if to else plan)
        link_data(plan, installation, settings.paths.prompts)
    except SettingsError as error:
        fail(*error.problems)
    except (ConfigurationError, OSError) as error:
        fail(str(error))
    for path in written:
        typer.echo(path)
