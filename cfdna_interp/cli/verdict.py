"""``cfdna-interp verdict``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("verdict")
@stage_config_option
def command(config_path: Path) -> None:
    """Say which claim is earned, and what to test at the bench."""
    from cfdna_interp.config import load_config
    from cfdna_interp.verdict.verdict import run_verdict

    run_verdict(load_config(config_path))
