"""``cfdna-interp matrix``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("matrix")
@stage_config_option
def command(config_path: Path) -> None:
    """Gather features of samples, or of a table, into one matrix per role; list who was excluded."""
    from cfdna_interp.config import load_config
    from cfdna_interp.features.matrix import write_matrices

    write_matrices(load_config(config_path))
