"""``cfdna-interp check``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import config_option


@click.command("check")
@config_option
def command(config_path: Path) -> None:
    """Check config, sheet, alignment headers and disk, or a table, before hours are spent."""
    from cfdna_interp.config import load_config
    from cfdna_interp.fragments.preflight import Preflight, preflight

    config = load_config(config_path)
    found = preflight(config)
    scored: list[str] = []
    if isinstance(found, Preflight) and config.model.encoder == "table":
        from cfdna_interp.cohort.table import saturation_lines
        from cfdna_interp.models.adapters.scored_model import read_scores

        used = [sample.sample for sample in found.samples if sample.sample not in found.problems]
        scored = saturation_lines(read_scores(str(config.model.checkpoint), used))
    for line in [*found.lines(), *scored]:
        click.echo(line)
