"""``cfdna-interp check``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import config_option


@click.command("check")
@config_option
def command(config_path: Path) -> None:
    """Check config, sheet, alignment headers and disk, or a table, before hours are spent."""
    from cfdna_interp.config import load_config
    from cfdna_interp.fragments.preflight import preflight

    for line in preflight(load_config(config_path)).lines():
        click.echo(line)
