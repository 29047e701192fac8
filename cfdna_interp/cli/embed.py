"""``cfdna-interp embed``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import config_option


@click.command("embed")
@config_option
@click.option("--role", required=True, type=click.Choice(["discovery", "heldout"]))
def command(config_path: Path, role: str) -> None:
    """Encode the bags of a role, with all groups swapped in and out."""
    from cfdna_interp.attribution.embed import run_embed
    from cfdna_interp.config import load_config

    run_embed(load_config(config_path), role)
