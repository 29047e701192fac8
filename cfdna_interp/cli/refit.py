"""``cfdna-interp refit``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("refit")
@stage_config_option
@click.option("--chunk", required=True, type=click.IntRange(min=0), help="Number of the chunk, from 0.")
def command(config_path: Path, chunk: int) -> None:
    """Refit one chunk of bootstrap and permuted-label heads."""
    from cfdna_interp.attribution.refit import run_refit
    from cfdna_interp.config import load_config
    from cfdna_interp.errors import InputError

    config = load_config(config_path)
    if chunk >= config.attribution.chunks:
        raise InputError(f"chunk {chunk} does not exist; attribution.chunks is {config.attribution.chunks}")
    run_refit(config, chunk)
