"""``cfdna-interp geometry``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("geometry")
@stage_config_option
def command(config_path: Path) -> None:
    """Trace the mean embedding by length: its bend, its period, and steering along it."""
    from cfdna_interp.config import load_config
    from cfdna_interp.representation.geometry import run_geometry

    run_geometry(load_config(config_path))
