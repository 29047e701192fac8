"""``cfdna-interp dominance``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("dominance")
@stage_config_option
def command(config_path: Path) -> None:
    """Compute shares with their nulls, and say which group is dominant."""
    from cfdna_interp.attribution.dominance import run_dominance
    from cfdna_interp.config import load_config

    run_dominance(load_config(config_path))
