"""``cfdna-interp probe``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("probe")
@stage_config_option
def command(config_path: Path) -> None:
    """Ask what can be read off the embeddings, and what the head loses when it is erased."""
    from cfdna_interp.config import load_config
    from cfdna_interp.representation.probe import run_probe

    run_probe(load_config(config_path))
