"""``cfdna-interp pretrain``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("pretrain")
@stage_config_option
def command(config_path: Path) -> None:
    """Fit the label-free encoder on discovery fragments."""
    from cfdna_interp.config import load_config
    from cfdna_interp.models.pretrain import run_pretrain

    run_pretrain(load_config(config_path))
