"""``cfdna-interp train``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import config_option


@click.command("train")
@config_option
def command(config_path: Path) -> None:
    """Cross-fit the heads and freeze the held-out scores."""
    from cfdna_interp.attribution import retraining
    from cfdna_interp.attribution.tabular import retraining as of_tables
    from cfdna_interp.config import load_config

    config = load_config(config_path)
    stage = retraining if config.features.table is None else of_tables
    stage.run_train(config)
