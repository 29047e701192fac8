"""``cfdna-interp cohort``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("cohort")
@stage_config_option
def command(config_path: Path) -> None:
    """Check the sample sheet, or the table, and divide it by role."""
    from cfdna_interp.cohort.split import split
    from cfdna_interp.config import load_config

    split(load_config(config_path))
