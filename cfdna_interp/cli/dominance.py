"""``cfdna-interp dominance``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("dominance")
@stage_config_option
def command(config_path: Path) -> None:
    """Compute shares with their nulls, and say which group is dominant."""
    from cfdna_interp.attribution import dominance
    from cfdna_interp.attribution.tabular import dominance as of_tables
    from cfdna_interp.config import load_config

    config = load_config(config_path)
    stage = dominance if config.features.table is None else of_tables
    stage.run_dominance(config)
