"""``cfdna-interp train``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("train")
@stage_config_option
def command(config_path: Path) -> None:
    """Cross-fit the heads and freeze the held-out scores."""
    from cfdna_interp.config import load_config

    config = load_config(config_path)
    # One of the two: the route of fragments needs torch, that of tables doesn't.
    if config.features.table is None:
        from cfdna_interp.attribution.retraining import run_train
    else:
        from cfdna_interp.attribution.tabular.retraining import run_train
    run_train(config)
