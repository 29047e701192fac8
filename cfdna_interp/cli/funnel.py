"""``cfdna-interp funnel``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("funnel")
@stage_config_option
def command(config_path: Path) -> None:
    """Find the features whose contrast survives permuted labels and resampled subjects, and name them."""
    from cfdna_interp.config import load_config
    from cfdna_interp.representation.funnel import run_funnel

    run_funnel(load_config(config_path))
