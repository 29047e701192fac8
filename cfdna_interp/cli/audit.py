"""``cfdna-interp audit``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("audit")
@stage_config_option
def command(config_path: Path) -> None:
    """Judge whether the held-out signal is biology or handling."""
    from cfdna_interp.audit.audit import run_audit
    from cfdna_interp.config import load_config

    run_audit(load_config(config_path))
