"""``cfdna-interp proxy``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command("proxy")
@stage_config_option
def command(config_path: Path) -> None:
    """Fit the logistic regression on the dominant group and freeze it with the protocol."""
    from cfdna_interp.config import load_config
    from cfdna_interp.proxy.proxy import run_proxy

    run_proxy(load_config(config_path))
