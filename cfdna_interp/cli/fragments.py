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
    from cfdna_interp.cohort.sheet import read_sheet
    from cfdna_interp.config import load_config
    from cfdna_interp.errors import InputError
    from cfdna_interp.fragments.export import export_fragments

    config = load_config(config_path)
    samples = {sample.sample: sample for sample in read_sheet(config.sheet, config)}
    if name not in samples:
        raise InputError(f"sample {name}: not in sheet {config.sheet}; check --sample")
    click.echo(f"{export_fragments(samples[name], config, out)} fragments in {out}")
