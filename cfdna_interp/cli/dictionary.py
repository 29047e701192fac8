"""``cfdna-interp dictionary``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("dictionary")
@stage_config_option
@click.option("--number", required=True, type=click.IntRange(min=0), help="Number of the dictionary, from 0.")
def command(config_path: Path, number: int) -> None:
    """Train one sparse autoencoder on embedded fragments, plain and in blocks, from a seed of its own."""
    from cfdna_interp.config import load_config
    from cfdna_interp.errors import InputError
    from cfdna_interp.representation.dictionary import run_dictionary

    config = load_config(config_path)
    if number >= config.representation.seeds:
        raise InputError(
            f"dictionary {number} does not exist; representation.seeds is {config.representation.seeds}"
        )
    run_dictionary(config, number)
