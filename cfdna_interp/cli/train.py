"""``cfdna-interp train``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("train")
@stage_config_option
def command(config_path: Path) -> None:
    """Cross-fit the heads and freeze the held-out scores."""
    from cfdna_interp.attribution.train import run_train
    from cfdna_interp.config import load_config

    run_train(load_config(config_path))
