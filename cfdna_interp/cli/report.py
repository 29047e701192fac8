"""``cfdna-interp report``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import stage_config_option


@click.command()
@stage_config_option
def command(config_path: Path) -> None:
    """Write report.html and manifest.json from the results of the stages before."""
    from cfdna_interp.artifacts.layout import Layout
    from cfdna_interp.config import load_config
    from cfdna_interp.report.report import build_report

    config = load_config(config_path)
    layout = Layout.of(config.outdir)
    build_report(config, layout)
    click.echo(layout.file("report.html"))
