"""``cfdna-interp validate``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("validate")
@stage_config_option
def command(config_path: Path) -> None:
    """Open the held-out labels, once, and measure every frozen score."""
    from cfdna_interp.config import load_config
    from cfdna_interp.proxy.validate import run_validate

    opening = run_validate(load_config(config_path))
    if opening.exploratory:
        click.echo(opening.note(), err=True)
