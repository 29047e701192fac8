"""``cfdna-interp embed``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("embed")
@stage_config_option
@click.option("--role", required=True, type=click.Choice(["discovery", "heldout"]))
@click.option("--chunk", default=0, type=click.IntRange(min=0), help="Number of the chunk, from 0.")
def command(config_path: Path, role: str, chunk: int) -> None:
    """Encode the bags of a role, with all groups swapped in and out."""
    from cfdna_interp.attribution.embed import run_embed
    from cfdna_interp.config import load_config
    from cfdna_interp.errors import InputError

    config = load_config(config_path)
    if chunk >= config.model.embed_chunks:
        raise InputError(f"chunk {chunk} does not exist; model.embed_chunks is {config.model.embed_chunks}")
    run_embed(config, role, chunk)
