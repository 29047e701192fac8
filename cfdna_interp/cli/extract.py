"""``cfdna-interp extract``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("extract")
@stage_config_option
@click.option("--sample", "names", required=True, multiple=True, help="Sample to read; may be repeated.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Parts of a file read at once; the result is the same for any number.",
)
def command(config_path: Path, names: tuple[str, ...], threads: int) -> None:
    """Read a sample's alignments into fragments, counts, features and a quality record."""
    from cfdna_interp.cohort.split import find_samples
    from cfdna_interp.config import load_config
    from cfdna_interp.features.extract import extract_sample
    from cfdna_interp.features.sample_words import excluded_sample

    config = load_config(config_path)
    for sample in find_samples(config, names):
        qc = extract_sample(sample, config, threads)
        content = f"{qc.counts.fragments} fragments, build {qc.build}, methylation calls: {qc.dialect}"
        click.echo(excluded_sample(qc) or f"sample {sample.sample}: {content}", err=True)
