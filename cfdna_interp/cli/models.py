"""``cfdna-interp models check``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import config_option


@click.group("models")
def command() -> None:
    """Look at a model before trusting it."""


@command.command("check")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config_path: Path, as_json: bool) -> None:
    """Probe the model of a config, and its heads once they are trained; exit code 2 where there is a fault.

    The fragments are those extracted so far, or made up. A foreign model needs no earlier stage, the
    reference model has to be pre-trained.
    """
    import json
    from dataclasses import asdict

    import torch

    from cfdna_interp.artifacts.layout import Layout
    from cfdna_interp.config import load_config
    from cfdna_interp.models.adapters.load_encoder import load_encoder, load_raw_encoder
    from cfdna_interp.models.check import FRAGMENTS, check_heads, check_model
    from cfdna_interp.models.check_fragments import probe_fragments

    torch.set_num_threads(1)
    config = load_config(config_path)
    layout = Layout.of(config.outdir)
    encoder = load_raw_encoder(config, layout)
    fragments, origin = probe_fragments(config, layout, FRAGMENTS)
    findings = check_model(encoder, fragments)
    heads = layout.file("heads.safetensors")
    if heads.is_file():
        findings += check_heads(heads, load_encoder(config, layout), fragments)
    faults = [finding for finding in findings if finding.status == "fault"]
    if as_json:
        record = {"model": encoder.digest, "fragments": origin, "findings": [asdict(f) for f in findings]}
        click.echo(json.dumps(record, indent=1, ensure_ascii=False))
    else:
        click.echo(f"model {config.model.encoder} on {origin}")
        for finding in findings:
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            click.echo(f"{finding.status:<12}{finding.name}: {finding.sentence}{remedy}")
        click.echo(f"{len(faults)} faults in {len(findings)} findings")
    if faults:
        raise SystemExit(2)
