"""``cfdna-interp score``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("score")
@click.option(
    "--proxy",
    "proxy_path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="proxy.json of a finished run.",
)
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where atlas, annotation, blacklist and reference lie, if they moved since the run.",
)
@click.option(
    "--methylation",
    type=click.Choice(["auto", "xm", "mm", "reference", "none"]),
    help="As the column of a sheet: where the CpG calls of these files are.",
)
@click.option(
    "--reads",
    type=click.Choice(["paired", "single"]),
    help="As the column of a sheet: single for whole molecules.",
)
@click.option(
    "--chemistry",
    type=click.Choice(["bisulfite", "em-seq", "taps"]),
    help="As the column of a sheet: taps where what was converted is methylated.",
)
@click.argument("bams", nargs=-1, required=True)
def command(proxy_path: Path, config_path: Path | None, bams: tuple[str, ...], **reading: str | None) -> None:
    """Score new BAM files with a frozen proxy; a table goes to standard output."""
    from cfdna_interp.config import load_config
    from cfdna_interp.proxy.score import score_alignment

    config = load_config(config_path) if config_path is not None else None
    said = {name: value for name, value in reading.items() if value is not None}
    click.echo("bam\tprobability\tlow\thigh\twarnings")
    for bam in bams:
        scored = score_alignment(bam, proxy_path, config, said)
        numbers = "\t".join(f"{value:.6f}" for value in (scored.probability, scored.low, scored.high))
        click.echo(f"{bam}\t{numbers}\t{'; '.join(scored.warnings)}")
