"""``cfdna-interp fragments``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import config_option


@click.command("fragments")
@config_option
@click.option("--sample", "name", required=True, help="Sample of the sheet.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="FILE.parquet, FILE.frag.gz (FinaleDB's columns) or FILE.bed.gz; text comes with a tabix index.",
)
def command(config_path: Path, name: str, out: Path) -> None:
    """Write all fragments of a sample to one file."""
    from cfdna_interp.cohort.split import find_samples
    from cfdna_interp.config import load_config
    from cfdna_interp.fragments.export import export_fragments

    config = load_config(config_path)
    (sample,) = find_samples(config, (name,))
    click.echo(f"{export_fragments(sample, config, out)} fragments in {out}")
