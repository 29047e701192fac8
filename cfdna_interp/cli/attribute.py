"""``cfdna-interp attribute``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("attribute")
@stage_config_option
@click.option("--chunk", required=True, type=click.IntRange(min=0), help="Number of the chunk, from 0.")
def command(config_path: Path, chunk: int) -> None:
    """Take groups from one chunk of samples, with every intervention and reference."""
    from cfdna_interp.attribution.attribute import run_attribute
    from cfdna_interp.config import load_config
    from cfdna_interp.errors import InputError

    config = load_config(config_path)
    if chunk >= config.attribution.chunks:
        raise InputError(f"chunk {chunk} does not exist; attribution.chunks is {config.attribution.chunks}")
    run_attribute(config, chunk)
